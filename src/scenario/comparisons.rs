//! Comparisons of tax schedules that people or other programs made, as a CSV file.

use super::Taxes;
use crate::error::{Error, Result};
use crate::fiscal::Schedule;
use crate::population::csv::Table;
use crate::rewards::learned::Features;
use std::path::Path;

/// Columns that a file must have.
const REQUIRED: [&str; 4] = ["rater", "a", "b", "outcome"];

/// Columns that it may have besides.
const OPTIONAL: [&str; 5] = ["weight", "context", "aspect", "rationale", "group"];

/// What comparisons must fit.
#[derive(Clone, Copy, Debug)]
pub struct Fitting<'a> {
    /// Raters are workers, numbered below this.
    pub workers: usize,
    /// The scenario's taxes: schedules have negative rates only where these may, and their brackets where
    /// the rates are what is judged.
    pub taxes: &'a Taxes,
    /// What models see of a schedule.
    pub features: Features,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparisonRow {
    /// Worker.
    pub rater: u32,
    /// A schedule.
    pub a: Schedule,
    /// Another.
    pub b: Schedule,
    /// 1 when a was preferred, 0 when b was.
    pub outcome: f64,
    /// How much it counts.
    pub weight: f64,
    /// Context.
    pub context: u32,
    /// Aspect.
    pub aspect: u32,
    /// What was said.
    pub rationale: Option<String>,
    /// What it shares with the comparisons that follow from the same ranking or the like.
    pub group: Option<u32>,
}

/// Reads comparisons: `rater`, `a` and `b` (schedules as literals), `outcome` (0 to 1), and if wanted
/// `weight` (1), `context` (0), `aspect` (0), `rationale`, `group` (none). Other columns are not read.
///
/// # Errors
/// An input error that names file, line, column and value.
pub fn read(path: &Path, fitting: Fitting) -> Result<Vec<ComparisonRow>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::input(format!("{}: {error}", path.display())))?;
    let mut table = Table::new(path, &text)?;
    table.refuse_misspelt(&[&REQUIRED[..], &OPTIONAL].concat())?;
    let [rater, a, b, outcome] = table.required(REQUIRED)?;
    let [weight, context, aspect, rationale, group] = OPTIONAL.map(|name| table.column(name).ok());
    let mut rows = Vec::new();
    while let Some(record) = table.next_record()? {
        let cells = Cells {
            table: &table,
            line: record.line,
            fields: &record.fields,
        };
        let share = "a number, 0 (b preferred) to 1 (a preferred)";
        rows.push(ComparisonRow {
            rater: cells.whole(rater, fitting.workers as u32, "a worker's number")?,
            a: cells.schedule(a, fitting)?,
            b: cells.schedule(b, fitting)?,
            outcome: cells.number(outcome, share, |x| (0.0..=1.0).contains(&x))?,
            weight: weight.map_or(Ok(1.0), |column| {
                cells.number(column, "a number, at least 0", |x| {
                    x >= 0.0 && x.is_finite()
                })
            })?,
            context: context.map_or(Ok(0), |k| cells.whole(k, 1_000, "a whole number"))?,
            aspect: aspect.map_or(Ok(0), |k| cells.whole(k, 1_000, "a whole number"))?,
            rationale: rationale
                .map(|column| record.fields[column].text.to_string())
                .filter(|text| !text.is_empty()),
            group: group
                .filter(|&column| !record.fields[column].text.is_empty())
                .map(|column| cells.whole(column, u32::MAX, "a whole number"))
                .transpose()?,
        });
    }
    match rows.is_empty() {
        true => Err(Error::input(format!("{}: no comparison", path.display()))
            .value("a header alone")
            .allowed("a line for each comparison below the header")),
        false => Ok(rows),
    }
}

/// The cells of a line.
struct Cells<'a> {
    table: &'a Table<'a>,
    line: usize,
    fields: &'a [crate::population::csv::Field<'a>],
}

impl Cells<'_> {
    fn wrong(&self, column: usize, what: &str, allowed: impl std::fmt::Display) -> Error {
        let field = &self.fields[column];
        let name = &self.table.header()[column];
        Error::input(what)
            .at(self.table.place(self.line, field.column, name))
            .value(if field.text.is_empty() {
                "nothing"
            } else {
                &field.text
            })
            .allowed(allowed)
    }

    fn number(&self, column: usize, allowed: &str, fits: impl Fn(f64) -> bool) -> Result<f64> {
        let value = self.fields[column].text.parse::<f64>().ok();
        value
            .filter(|x| fits(*x))
            .ok_or_else(|| self.wrong(column, "not what is allowed", allowed))
    }

    fn whole(&self, column: usize, below: u32, what: &str) -> Result<u32> {
        let value = self.fields[column].text.parse::<u32>().ok();
        value.filter(|x| *x < below).ok_or_else(|| {
            let allowed = format!("{what}, 0 to {}", i64::from(below) - 1);
            self.wrong(column, "not what is allowed", allowed)
        })
    }

    fn schedule(&self, column: usize, fitting: Fitting) -> Result<Schedule> {
        const LITERAL: &str = "lower edges from 0 in $/year with rates as fractions up to 1 \
                               (22 % is 0.22), such as 0:0.10,11600:0.12";
        let schedule = Schedule::parse(&self.fields[column].text)
            .map_err(|_| self.wrong(column, "not a tax schedule", LITERAL))?;
        let taxes = fitting.taxes;
        if !taxes.allow_subsidy && schedule.rates().iter().any(|rate| *rate < 0.0) {
            let allowed = "rates of at least 0, or taxes.allow_subsidy = true";
            return Err(self.wrong(column, "a negative rate", allowed));
        }
        if fitting.features.shows_rates() && schedule.edges() != taxes.edges {
            let edges: Vec<String> = taxes.edges.iter().map(f64::to_string).collect();
            return Err(self.wrong(
                column,
                "a model of rates can compare schedules of the same brackets only",
                format!(
                    "the brackets of the scenario: {}; or preferences.features = \"own\" or \"society\"",
                    edges.join(", ")
                ),
            ));
        }
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, features: Features, allow_subsidy: bool) -> Result<Vec<ComparisonRow>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.csv");
        std::fs::write(&path, text).unwrap();
        let edges = vec![0.0, 20_000.0, 60_000.0];
        let taxes = Taxes {
            initial: Schedule::new(&edges, &[0.1, 0.2, 0.3]).unwrap(),
            edges,
            allow_subsidy,
            grant: 0.0,
        };
        let fitting = Fitting {
            workers: 3,
            taxes: &taxes,
            features,
        };
        read(&path, fitting)
    }

    fn of(text: &str) -> Result<Vec<ComparisonRow>> {
        with(text, Features::Own, false)
    }

    #[track_caller]
    fn refused(found: Result<Vec<ComparisonRow>>, words: &[&str]) {
        let error = found.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let error = error.to_string();
        for word in words {
            assert!(error.contains(word), "`{word}` is not in\n{error}");
        }
    }

    #[test]
    fn a_file_is_read_and_a_wrong_cell_named() {
        let found = of(
            "year,rater,a,b,outcome,rationale\n1,2,\"0:0.1,5000:0.2\",0:0.3,1,\"less, for me\"\n",
        )
        .unwrap();
        assert_eq!(found[0].rater, 2);
        assert_eq!(found[0].a.rates(), &[0.1, 0.2]);
        assert_eq!(found[0].rationale.as_deref(), Some("less, for me"));
        let grouped = of("rater,a,b,outcome,group\n0,0:0.1,0:0.2,1,7\n0,0:0.1,0:0.3,1,\n").unwrap();
        assert_eq!((grouped[0].group, grouped[1].group), (Some(7), None));
        for (text, words) in [
            (
                "rater,a,b,outcome,group\n0,0:0.1,0:0.2,1,x\n",
                ["`group`: not what", "a whole number"],
            ),
            (
                "rater,a,b,outcome\n3,0:0.1,0:0.2,1\n",
                ["c.csv:2:1: `rater`: not what", "0 to 2"],
            ),
            (
                "rater,a,b,outcome\n0,0:0.1,0:0.2,1.5\n",
                ["c.csv:2:15: `outcome`: not", "0 (b"],
            ),
            (
                "rater,a,b,outcome\n0,cheap,0:0.2,1\n",
                ["`a`: not a tax", "0:0.10,11600:0.12"],
            ),
            (
                "rater,a,b,outcome\n0,0:0.1,\"0:10,20000:20\",1\n",
                ["`b`: not a tax", "fractions up to 1"],
            ),
            (
                "rater,a,b,outcome\n0,0:0.1,0:-0.2,1\n",
                ["`b`: a negative rate", "allow_subsidy"],
            ),
            ("rater,a,b,outcome\n", ["no comparison", "below the header"]),
            (
                "worker,a,b,outcome\n",
                ["no column `rater`", "found:   worker,a,b,outcome"],
            ),
            (
                "rater;a;b;outcome\n0;0:0.1;0:0.2;1\n",
                ["found:   rater;a;b;outcome", "commas"],
            ),
        ] {
            refused(of(text), &words);
        }
        let negative = "rater,a,b,outcome\n0,0:0.1,0:-0.2,1\n";
        assert!(with(negative, Features::Own, true).is_ok());
    }

    /// What is left unread by a slip of the pen would change results; what is somebody's own would not.
    #[test]
    fn misspelt_columns_are_refused_and_others_left() {
        let line = "\n0,0:0.1,0:0.2,1,7\n";
        for slip in ["wieght", "Weight", "weigth", "contxt"] {
            let found = of(&format!("rater,a,b,outcome,{slip}{line}"));
            refused(found, &["would not be read", slip, "did you mean"]);
        }
        for own in ["arm", "year", "interviewer", "rater_id", "outcome_text"] {
            let found = of(&format!("rater,a,b,outcome,{own}{line}")).unwrap();
            assert_eq!((found[0].weight, found[0].context), (1.0, 0), "{own}");
        }
        let heavy = of(&format!("rater,a,b,outcome,weight{line}")).unwrap();
        assert_eq!(heavy[0].weight, 7.0);
    }

    /// Models of rates know one number for each bracket of the scenario.
    #[test]
    fn rates_are_of_the_brackets_of_the_scenario() {
        let text =
            |a: &str| format!("rater,a,b,outcome\n0,\"{a}\",\"0:0.3,20000:0.3,60000:0.3\",1\n");
        let (fewer, moved) = ("0:0.1,20000:0.2", "0:0.1,25000:0.2,60000:0.3");
        for features in [Features::Rates, Features::All] {
            for other in [fewer, moved] {
                refused(
                    with(&text(other), features, false),
                    &["c.csv:2:3: `a`:", other, "scenario: 0, 20000, 60000"],
                );
            }
            let same = text("0:0.1,20000:0.2,60000:0.3");
            assert!(with(&same, features, false).is_ok());
        }
        for features in [Features::Own, Features::Society] {
            for other in [fewer, moved] {
                assert!(with(&text(other), features, false).is_ok());
            }
        }
    }
}
