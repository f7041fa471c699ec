//! How good a chart is for a question: it runs, it shows what was asked, it can be read.
//!
//! R = e·(¾·a + ¼·l) with e = 1 where the chart is one of a table's columns and draws a row, else 0;
//! a = |D ∩ S|/|D ∪ S| of what the question demands and what the chart shows (Jaccard); l the share of the
//! rules of legibility that hold. After Rahman et al. (2026), whose reward has the same three parts and
//! the same gate; they judge answer and picture by models, here both are checked on the table.

use super::chart::{Chart, Drawn, Mark};
use super::question::Question;
use super::tables::Table;
use crate::report::label_width;
use std::collections::BTreeSet;

/// Weight of the answer; the rest is legibility's.
const ANSWERS: f64 = 0.75;
/// Most bars, and most other marks.
const MARKS: (usize, usize) = (24, 500);
/// Most series: as many as there are looks to tell apart in grey.
const SERIES: usize = 7;
/// Width of a panel and of a legend's entry, px.
const PANEL: f64 = 600.0;

/// The parts of a chart's score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Whether it runs.
    pub executes: bool,
    /// Share of what is asked and shown that is both.
    pub answers: f64,
    /// Share of the rules of legibility that hold.
    pub legible: f64,
    /// What does not hold, in words.
    pub faults: Vec<String>,
}

impl Score {
    /// R.
    pub fn total(&self) -> f64 {
        let e = f64::from(u8::from(self.executes));
        e * (ANSWERS * self.answers + (1.0 - ANSWERS) * self.legible)
    }
}

/// A candidate with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// As the model wrote it.
    pub text: String,
    /// The chart and its rows, if it runs.
    pub chart: Option<(Chart, Drawn)>,
    /// Its score.
    pub score: Score,
}

/// Scores the specification `text`, which may be anything.
pub fn score(text: &str, question: &Question, tables: &[Table]) -> Candidate {
    let drawn = Chart::parse(text).and_then(|chart| {
        let drawn = chart.draw(tables)?;
        Ok((chart, drawn))
    });
    let (chart, drawn) = match drawn {
        Ok(found) => found,
        Err(why) => {
            let faults = vec![why];
            let score = Score {
                faults,
                ..Score::default()
            };
            return Candidate {
                text: text.to_owned(),
                chart: None,
                score,
            };
        }
    };
    let shown = question.shown(&chart, &drawn, tables);
    let both = shown.intersection(&question.demands).count();
    let either = shown.union(&question.demands).count();
    let words = |all: &BTreeSet<String>, but: &BTreeSet<String>, what: &str| -> Vec<String> {
        all.difference(but)
            .map(|one| format!("{what} {one}"))
            .collect()
    };
    let mut faults = words(&question.demands, &shown, "lacks");
    faults.extend(words(&shown, &question.demands, "unasked"));
    let rules = legibility(&chart, &drawn);
    faults.extend(
        rules
            .iter()
            .filter(|(_, holds)| !holds)
            .map(|(rule, _)| (*rule).to_owned()),
    );
    let held = rules.iter().filter(|(_, holds)| *holds).count();
    let score = Score {
        executes: true,
        answers: both as f64 / either.max(1) as f64,
        legible: held as f64 / rules.len() as f64,
        faults,
    };
    Candidate {
        text: text.to_owned(),
        chart: Some((chart, drawn)),
        score,
    }
}

/// The rules of legibility, and whether each holds.
fn legibility(chart: &Chart, drawn: &Drawn) -> [(&'static str, bool); 5] {
    let marks = drawn.marks().count();
    let most = if chart.mark == Mark::Bar {
        MARKS.0
    } else {
        MARKS.1
    };
    let slot = |names: &Vec<String>| PANEL / names.len().max(1) as f64;
    let labels_fit = drawn.categories.as_ref().is_none_or(|names| {
        names
            .iter()
            .all(|name| label_width(name) + 4.0 <= slot(names))
    });
    let legend_fits = drawn
        .series
        .iter()
        .all(|(name, _)| label_width(name) <= PANEL / 2.0);
    let mark_fits = match chart.mark {
        Mark::Bar => true,
        Mark::Line => drawn.categories.is_none() && drawn.series.iter().all(|(_, m)| m.len() > 1),
        Mark::Points => drawn.categories.is_none(),
    };
    [
        ("too many marks", marks <= most),
        ("too many series", drawn.series.len() <= SERIES),
        ("labels overlap", labels_fit),
        ("legend too wide", legend_fits),
        ("mark does not fit the axis", mark_fits),
    ]
}

/// The best of `candidates`, the first of equals, if any runs.
pub fn best(candidates: &[Candidate]) -> Option<&Candidate> {
    let runs = candidates.iter().filter(|c| c.score.executes);
    runs.fold(None, |best: Option<&Candidate>, c| match best {
        Some(b) if b.score.total() >= c.score.total() => Some(b),
        _ => Some(c),
    })
}
