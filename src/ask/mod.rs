//! A question about a finished run, answered by a chart: a language model writes small typed
//! specifications of charts under a grammar, each is scored on the run's own tables, the best is drawn.
//!
//! | module | subject |
//! |---|---|
//! | [`tables`] | the tables that can be asked about |
//! | [`chart`] | the specification: grammar, rows |
//! | [`question`] | what a question asks for, what a chart shows |
//! | [`mod@score`] | runs, answers, legible |

pub mod chart;
pub mod question;
pub mod score;
pub mod tables;

use crate::error::{Error, Result};
use crate::llm::{Content, Engine, Message, Prompts, Readout, Request};
use crate::report::{self, Marks, Picture, grouped};
use chart::{Aggregate, Answer, Chart, Drawn, Mark, Value};
use question::Question;
use score::{Candidate, Score, best, score};
use serde_json::json;
use std::path::Path;
use tables::Table;

/// The prompt.
const PROMPTS: [(&str, &str); 1] = [("ask.j2", include_str!("../../prompts/ask.j2"))];
/// Longest specification, tokens.
const MAX_TOKENS: usize = 160;
/// Temperature of the samples after the first, which is the most probable.
const TEMPERATURE: f64 = 0.8;

/// What came of a question.
#[derive(Clone, Debug)]
pub struct Asked {
    /// All candidates in the order in which they were drawn.
    pub candidates: Vec<Candidate>,
    /// The best, if one runs.
    pub best: Option<Candidate>,
}

/// Asks `engine` for `samples` charts that answer `text` from `tables`, and scores them. The first is the
/// model's most probable one, the others are drawn with `seed`.
///
/// # Errors
/// As [`Engine::ask`].
pub fn ask(
    engine: &mut Engine,
    tables: &[Table],
    text: &str,
    samples: u32,
    seed: u64,
) -> Result<Asked> {
    let grammar = chart::grammar(tables);
    let messages = prompt(tables, text)?;
    let request = |i: u32| Request {
        seed,
        agent: format!("sample {}", i + 1),
        stream: u64::from(i),
        step: 0,
        attempt: 0,
        messages: messages.clone(),
        readout: Readout::Sample {
            grammar: grammar.clone(),
            max_tokens: MAX_TOKENS,
            temperature: if i == 0 { 0.0 } else { TEMPERATURE },
            top_p: 1.0,
        },
    };
    let requests: Vec<Request> = (0..samples).map(request).collect();
    let question = Question::read(text, tables);
    let mut candidates = Vec::new();
    for answer in engine.ask(&requests)? {
        let written = match &answer.content {
            Content::Text(text) => text.clone(),
            Content::Failed(why) => format!("no answer: {why}"),
            Content::Choice { .. } => "an answer of another kind".into(),
        };
        let candidate = score(&written, &question, tables);
        let faults = candidate.score.faults.join("; ");
        engine.note(
            &answer.key,
            match candidate.score.executes {
                true => Ok(&written),
                false => Err(&faults),
            },
        )?;
        candidates.push(candidate);
    }
    let best = best(&candidates).cloned();
    Ok(Asked { candidates, best })
}

fn prompt(tables: &[Table], question: &str) -> Result<Vec<Message>> {
    let table = |t: &Table| {
        let labels = t
            .labels
            .iter()
            .map(|(name, values)| json!({"name": name, "values": values}));
        let columns = t.quantities.iter();
        json!({
            "name": t.name,
            "time": t.time.0,
            "first": t.time.1.first(),
            "last": t.time.1.last(),
            "labels": labels.collect::<Vec<_>>(),
            // Of steps, which has the columns of years, a word suffices.
            "columns": match t.name {
                "steps" => vec![json!({"name": "as years", "meaning": "by step instead of year"})],
                _ => columns.map(|q| json!({"name": q.name, "meaning": q.meaning})).collect(),
            },
        })
    };
    // About a column that every run has, and a question that hardly anybody asks.
    let example = |question: &str,
                   x: &str,
                   mark: &str,
                   group: Option<&str>,
                   last: bool,
                   answer: &str| {
        let chart = Chart {
            table: "years".into(),
            y: "top1_share".into(),
            aggregate: Aggregate::Mean,
            x: x.into(),
            mark: if mark == "bar" { Mark::Bar } else { Mark::Line },
            group: group.map(str::to_owned),
            conditions: (last.then(|| chart::Condition {
                column: "year".into(),
                is: Value::Label("last".into()),
            }))
            .into_iter()
            .collect(),
            answer: if answer == "lowest" {
                Answer::Lowest
            } else {
                Answer::All
            },
        };
        json!({"question": question, "chart": serde_json::to_string(&chart).unwrap_or_default()})
    };
    let few = "Which planner has the lowest share of the top 1 % in income in the last year?";
    let path = "How does the share of the top 1 % in income develop by planner?";
    let values = json!({
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
        "example": example(few, "arm", "bar", None, true, "lowest"),
        "example_over_time": example(path, "year", "line", Some("arm"), false, "all"),
        "question": question,
    });
    Prompts::new(&PROMPTS, None)?.render("ask.j2", values)
}

/// A chart in words: `mean of welfare by arm, year = last`.
pub fn in_words(chart: &Chart) -> String {
    let aggregate = serde_json::to_value(chart.aggregate).unwrap_or_default();
    let mut words = format!(
        "{} of {} by {}",
        aggregate.as_str().unwrap_or(""),
        chart.y,
        chart.x
    );
    if let Some(group) = &chart.group {
        words.push_str(&format!(" and {group}"));
    }
    for condition in &chart.conditions {
        let value = match &condition.is {
            Value::Time(time) => time.to_string(),
            Value::Label(label) => label.clone(),
        };
        words.push_str(&format!(", {} = {value}", condition.column));
    }
    words
}

/// Marks that an answer in words lists; more are summed up.
const LISTED: usize = 12;

/// The answer in words: the marks that answer, each with its value.
pub fn answer(chart: &Chart, drawn: &Drawn, tables: &[Table]) -> String {
    let marks = chart.answering(drawn);
    let quantity = tables
        .iter()
        .find(|t| t.name == chart.table)
        .and_then(|t| t.quantity(&chart.y));
    let unit = quantity.map_or("", |q| &q.unit);
    let decimals = report::decimals_for(marks.iter().map(|m| m.2));
    let one = |&(series, x, y): &(&str, f64, f64)| {
        let place = drawn.x_shown(x);
        let place = match chart.x.as_str() {
            "year" | "step" => format!("{} {place}", chart.x),
            _ => place,
        };
        let of = if series.is_empty() {
            place
        } else {
            format!("{series}, {place}")
        };
        format!("{of}: {}", grouped(y, decimals))
    };
    let listed = if marks.len() <= LISTED {
        marks.iter().map(one).collect::<Vec<_>>().join("; ")
    } else {
        let ends = [marks.first(), marks.last()].into_iter().flatten();
        let ends: Vec<String> = ends.map(one).collect();
        format!("{} marks, from {}", marks.len(), ends.join(" to "))
    };
    let pick = match chart.answer {
        Answer::All => String::new(),
        Answer::Highest => format!("highest of {}, ", drawn.marks().count()),
        Answer::Lowest => format!("lowest of {}, ", drawn.marks().count()),
        Answer::First => "first, ".into(),
        Answer::Last => "last, ".into(),
    };
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!("; {unit}")
    };
    format!("{listed} ({pick}{}{unit})", in_words(chart))
}

/// Draws the candidate `of` a question into `folder` as `chart.svg`, `.png` and `.csv`.
///
/// # Errors
/// A file that cannot be written.
pub fn draw(
    folder: &Path,
    text: &str,
    chart: &Chart,
    drawn: &Drawn,
    tables: &[Table],
) -> Result<report::Figure> {
    let table = tables.iter().find(|t| t.name == chart.table);
    let quantity = table.and_then(|t| t.quantity(&chart.y));
    let with_unit = |name: &str| match table.and_then(|t| t.quantity(name)) {
        Some(q) if !q.unit.is_empty() => format!("{name}, {}", q.unit),
        _ => name.to_owned(),
    };
    let meaning = quantity.map_or("", |q| &q.meaning);
    let picture = Picture {
        id: "chart".into(),
        title: text.to_owned(),
        subtitle: format!("{} ({meaning}); table {}.", in_words(chart), chart.table),
        axes: (with_unit(&chart.x), with_unit(&chart.y)),
        money: quantity.is_some_and(|q| q.unit.starts_with('$') && !q.unit.contains("utils")),
        marks: match chart.mark {
            Mark::Bar => Marks::Bars,
            Mark::Line => Marks::Lines,
            Mark::Points => Marks::Points,
        },
        categories: drawn.categories.clone(),
        series: drawn.series.clone(),
    };
    report::chart(folder, picture)
}

/// The table of candidates as CSV: equal specifications once, with how often each was drawn.
pub fn candidates_csv(candidates: &[Candidate]) -> String {
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut csv = String::from("times,executes,answers,legible,total,faults,chart\n");
    for (times, candidate) in distinct(candidates) {
        let Score {
            executes,
            answers,
            legible,
            faults,
        } = &candidate.score;
        csv.push_str(&format!(
            "{times},{executes},{answers},{legible},{},{},{}\n",
            candidate.score.total(),
            cell(&faults.join("; ")),
            cell(&candidate.text)
        ));
    }
    csv
}

/// Candidates that differ, the best first, each with how often it was drawn.
pub fn distinct(candidates: &[Candidate]) -> Vec<(usize, &Candidate)> {
    let mut all: Vec<(usize, &Candidate)> = Vec::new();
    for candidate in candidates {
        match all
            .iter_mut()
            .find(|(_, known)| known.text == candidate.text)
        {
            Some((times, _)) => *times += 1,
            None => all.push((1, candidate)),
        }
    }
    all.sort_by(|a, b| b.1.score.total().total_cmp(&a.1.score.total()));
    all
}

/// Refuses a question without words.
///
/// # Errors
/// It has none.
pub fn check(text: &str) -> Result<()> {
    if text.chars().any(char::is_alphabetic) && text.len() <= 500 {
        return Ok(());
    }
    Err(Error::input("not a question")
        .value(format!("{text:?}"))
        .allowed("words, at most 500 bytes"))
}
