//! The tables of a finished run that can be asked about, and what their columns mean.

use crate::error::Result;
use crate::report::Columns;
use crate::sweep::codebook;
use std::path::{Path, PathBuf};

/// A column of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// Its name.
    pub name: String,
    /// Its unit; empty where there is none.
    pub unit: String,
    /// What it is, in words.
    pub meaning: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// `years`, `steps` or `workers`.
    pub name: &'static str,
    file: PathBuf,
    /// Columns of numbers that can be drawn.
    pub quantities: Vec<Quantity>,
    /// Columns of labels with their values in order of appearance.
    pub labels: Vec<(&'static str, Vec<String>)>,
    /// The column of time, with the times that occur, rising.
    pub time: (&'static str, Vec<f64>),
}

/// What the columns of workers' rows mean.
const OF_WORKERS: [(&str, &str, &str); 7] = [
    ("wage", "$/hour", "wage of a worker"),
    ("labor", "hours/week", "hours worked by a worker"),
    ("income", "$/year", "income before tax of a worker"),
    ("tax", "$/year", "tax paid by a worker"),
    ("rebate", "$/year", "rebate to a worker"),
    (
        "disposable",
        "$/year",
        "disposable income of a worker, after tax and rebate",
    ),
    ("utility", "$/year, or utils", "utility of a worker"),
];

impl Table {
    fn read(run: &Path, name: &'static str, time: &'static str) -> Result<Option<Table>> {
        let file = run.join(format!("{name}.parquet"));
        if !file.is_file() {
            return Ok(None);
        }
        let numeric = Columns::numeric(&file)?;
        let keys = Columns::read(&file, &["arm", time], None)?;
        let mut labels = vec![("arm", keys.labels("arm")?.0)];
        let mut times = keys.numbers(time)?;
        times.sort_by(f64::total_cmp);
        times.dedup();
        let quantities = if name == "workers" {
            labels.push((
                "group",
                Columns::read(&file, &["group"], None)?.labels("group")?.0,
            ));
            let known = OF_WORKERS
                .iter()
                .filter(|(c, ..)| numeric.iter().any(|n| n == c));
            known
                .map(|&(name, unit, meaning)| Quantity {
                    name: name.into(),
                    unit: unit.into(),
                    meaning: meaning.into(),
                })
                .collect()
        } else {
            let starting = |start| numeric.iter().filter_map(move |n| n.strip_prefix(start));
            let objectives: Vec<String> = starting("welfare_").map(str::to_owned).collect();
            let brackets = starting("rate_").count();
            let mut known = codebook::columns(&[], brackets, &objectives);
            known.retain(|entry| entry.column != time && numeric.contains(&entry.column));
            let of_a_year = |text: String| match time {
                "step" => text.replace(", mean over the steps of the tax year", ""),
                _ => text,
            };
            known
                .into_iter()
                .map(|entry| Quantity {
                    name: entry.column,
                    unit: entry.unit,
                    meaning: of_a_year(entry.meaning.split("; ").next().unwrap_or("").to_owned()),
                })
                .collect()
        };
        Ok(Some(Table {
            name,
            file,
            quantities,
            labels,
            time: (time, times),
        }))
    }

    /// Reads `columns` of all rows.
    pub(super) fn columns(&self, columns: &[&str]) -> Result<Columns> {
        Columns::read(&self.file, columns, None)
    }

    /// The column of numbers of that name.
    pub fn quantity(&self, name: &str) -> Option<&Quantity> {
        self.quantities.iter().find(|q| q.name == name)
    }

    /// The values of a column of labels.
    pub fn label(&self, name: &str) -> Option<&[String]> {
        let found = self.labels.iter().find(|(label, _)| *label == name);
        found.map(|(_, values)| values.as_slice())
    }
}

/// The tables of the finished run in folder `run`: `years`, `steps` and, where recorded, `workers`.
///
/// # Errors
/// A file that cannot be read, or lacks its keys.
pub fn tables(run: &Path) -> Result<Vec<Table>> {
    let all = [("years", "year"), ("steps", "step"), ("workers", "step")];
    let read = all.map(|(name, time)| Table::read(run, name, time));
    read.into_iter().filter_map(Result::transpose).collect()
}
