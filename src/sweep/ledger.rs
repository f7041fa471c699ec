//! `runs.parquet`: one row for each planned run; and what is made of all tables together.

use super::parts::key_column;
use super::plan::Plan;
use super::store::{DATASETS, Outcome, Store};
use crate::error::{Error, Result};
use crate::run::output::hex;
use crate::run::tables;
use polars::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::PathBuf;

/// What became of every run, kept between writes so that finished runs are read once.
#[derive(Default)]
pub struct Ledger {
    known: HashMap<String, Outcome>,
    /// Failures that could not be written down, by run.
    unwritten: HashMap<String, Outcome>,
}

/// How many runs are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// In the tables.
    pub finished: usize,
    /// Tried in vain.
    pub failed: usize,
    /// Not yet.
    pub pending: usize,
}

impl Ledger {
    /// Remembers a failure that the disk does not hold.
    pub fn remember(&mut self, run: &str, outcome: Outcome) {
        self.unwritten.insert(run.to_owned(), outcome);
    }

    /// What became of every run of the plan, in its order.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn outcomes(&mut self, store: &Store, plan: &Plan) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(plan.runs.len());
        for run in &plan.runs {
            let outcome = match self.known.get(&run.run) {
                Some(known) => known.clone(),
                None => store.outcome(&run.run)?,
            };
            let outcome = match (outcome, self.unwritten.get(&run.run)) {
                (Outcome::Pending, Some(failed)) => failed.clone(),
                (outcome, _) => outcome,
            };
            if matches!(outcome, Outcome::Finished(_)) {
                self.known.insert(run.run.clone(), outcome.clone());
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// Forgets what is known of a run that is played again.
    pub fn forget(&mut self, run: &str) {
        self.known.remove(run);
        self.unwritten.remove(run);
    }

    /// Writes `runs.parquet`, and again should another process have added a run meanwhile, so that the
    /// last to write has it all.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn write(&mut self, store: &Store, plan: &Plan) -> Result<Tally> {
        let mut outcomes = self.outcomes(store, plan)?;
        loop {
            let mut frame = table(plan, &outcomes)?;
            tables::write(&mut frame, &store.root.join("runs.parquet"))?;
            let now = self.outcomes(store, plan)?;
            if now == outcomes {
                break;
            }
            outcomes = now;
        }
        let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|o| wanted(o)).count();
        Ok(Tally {
            finished: count(|o| matches!(o, Outcome::Finished(_))),
            failed: count(|o| matches!(o, Outcome::Failed(_))),
            pending: count(|o| matches!(o, Outcome::Pending)),
        })
    }
}

fn table(plan: &Plan, outcomes: &[Outcome]) -> Result<DataFrame> {
    let receipt = |outcome: &Outcome| match outcome {
        Outcome::Finished(receipt) => Some(receipt.clone()),
        _ => None,
    };
    let failure = |outcome: &Outcome| match outcome {
        Outcome::Failed(failure) => Some(failure.clone()),
        _ => None,
    };
    macro_rules! column {
        ($name:literal, $outcome:ident => $value:expr) => {
            Column::new(
                $name.into(),
                outcomes.iter().map(|$outcome| $value).collect::<Vec<_>>(),
            )
        };
    }
    macro_rules! planned {
        ($field:ident) => {
            Column::new(
                stringify!($field).into(),
                plan.runs
                    .iter()
                    .map(|run| run.$field.clone())
                    .collect::<Vec<_>>(),
            )
        };
    }
    let mut columns = vec![
        planned!(run),
        planned!(point),
        planned!(replicate),
        planned!(seed),
    ];
    let points: Vec<_> = plan
        .runs
        .iter()
        .map(|run| plan.point(run))
        .collect::<Result<_>>()?;
    for key in &plan.keys {
        let values = points.iter().map(|point| point.values.get(&key.key));
        columns.push(key_column(key, values));
    }
    columns.extend([
        column!("status", o => match o {
            Outcome::Finished(_) => "finished",
            Outcome::Failed(_) => "failed",
            Outcome::Pending => "pending",
        }),
        column!("stage", o => failure(o).map(|f| f.stage)),
        column!("message", o => failure(o).map(|f| f.message)),
        column!("wall_seconds", o => match o {
            Outcome::Finished(receipt) => Some(receipt.wall_seconds),
            Outcome::Failed(failure) => Some(failure.wall_seconds),
            Outcome::Pending => None,
        }),
        column!("decisions", o => receipt(o).map(|r| r.decisions)),
        column!("failures", o => receipt(o).map(|r| r.failures)),
        column!("tokens", o => receipt(o).map(|r| r.tokens)),
        column!("cost", o => receipt(o).map(|r| r.cost)),
        column!("fisc", o => receipt(o).map(|r| r.fisc)),
        column!("git_commit", o => receipt(o).map(|r| r.git_commit)),
        column!("host", o => match o {
            Outcome::Finished(receipt) => Some(receipt.host.clone()),
            Outcome::Failed(failure) => Some(failure.host.clone()),
            Outcome::Pending => None,
        }),
    ]);
    DataFrame::new_infer_height(columns)
        .map_err(|error| Error::run(format!("building runs.parquet: {error}")))
}

/// A dataset or `runs.parquet` as one table: runs in order of name, or in the plan's order.
///
/// # Errors
/// A file that cannot be read. `None` where nothing has finished.
pub fn whole(store: &Store, plan: &Plan, table: &str) -> Result<Option<DataFrame>> {
    if DATASETS.contains(&table) {
        return store.merged(plan, table);
    }
    let path = store.root.join(table);
    let file = std::fs::File::open(&path).map_err(|error| Error::io(&path, error))?;
    let frame = ParquetReader::new(file)
        .finish()
        .map_err(|error| Error::io(&path, error))?;
    Ok(Some(frame))
}

/// Writes `runs.csv`, `years.csv` and `summary.csv`: the same numbers.
///
/// # Errors
/// A table that cannot be read, or a folder that cannot be written.
pub fn csv_twins(store: &Store, plan: &Plan) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for table in ["runs.parquet", DATASETS[0], DATASETS[1]] {
        let Some(mut frame) = whole(store, plan, table)? else {
            continue;
        };
        let path = store.root.join(table.replace(".parquet", ".csv"));
        let mut bytes = Vec::new();
        CsvWriter::new(&mut bytes)
            .finish(&mut frame)
            .map_err(|error| Error::io(&path, error))?;
        tables::write_whole(&path, &bytes)?;
        written.push(path);
    }
    Ok(written)
}

/// SHA-256 of all results: the parts of every finished run, in order of run. Times, machines and
/// versions are not in it, so that two ways to the same results have the same hash.
///
/// # Errors
/// A folder that cannot be read.
pub fn digest(outcomes: &[Outcome], plan: &Plan) -> String {
    let mut lines: Vec<String> = (plan.runs.iter().zip(outcomes))
        .filter_map(|(run, outcome)| match outcome {
            Outcome::Finished(receipt) => {
                Some(format!("{} {}\n", run.run, receipt.sha256.join(" ")))
            }
            _ => None,
        })
        .collect();
    lines.sort_unstable();
    let mut hash = Sha256::new();
    lines.iter().for_each(|line| hash.update(line));
    hex(&hash.finalize())
}
