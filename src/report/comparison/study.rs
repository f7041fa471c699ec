//! Runs with the outcome of each arm by tax year.

use super::super::files::Columns;
use crate::{Error, Result};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Column of `years.parquet` with brackets and rates as text.
const SCHEDULE: &str = "schedule";

/// Runs that are compared with each other.
pub struct Study {
    /// Of the scenario or sweep.
    pub name: String,
    /// Varied keys.
    pub keys: Vec<String>,
    /// Their columns in the tables.
    pub columns: Vec<String>,
    /// All runs, in order.
    pub runs: Vec<Run>,
    /// Version and commit of the finished ones, each once.
    pub versions: Vec<String>,
}

/// A run.
pub struct Run {
    /// Its id in a sweep, else its folder.
    pub id: String,
    /// Values of the varied keys.
    pub values: Vec<String>,
    /// Its seed.
    pub seed: u64,
    /// What the run maximises, as in scenarios.
    pub objective: String,
    /// Unit of welfare.
    pub unit: String,
    /// What became of it.
    pub state: State,
    /// The arms, the run's own planner first; empty unless it is finished.
    pub arms: Vec<Trajectory>,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Read.
    Finished,
    /// Tried in vain: stage and message.
    Failed(String),
    /// Not yet played.
    Pending,
    /// Its table cannot be read: why.
    Damaged(String),
}

/// An arm of a run.
#[derive(Clone)]
pub struct Trajectory {
    /// The planner's name.
    pub arm: String,
    /// Whether it is the scenario's own planner.
    pub main: bool,
    /// The outcome by tax year; NaN where it does not exist.
    pub years: Vec<f64>,
    /// Hash of the schedules of all tax years; none where the table does not hold them.
    pub schedules: Option<u64>,
}

/// Reads the arms of a `years.parquet` or of a part of one. The first arm of a run's own file is its
/// planner's; in a part, column `main` says so.
pub fn trajectories(file: &Path, outcome: &str, part: bool) -> Result<Vec<Trajectory>> {
    let mut names = vec!["arm", "year", outcome];
    if part {
        names.push("main");
    }
    let with_schedules = Columns::read(file, &[], Some(0..0))?.has(SCHEDULE);
    if with_schedules && outcome != SCHEDULE {
        names.push(SCHEDULE);
    }
    let columns = Columns::read(file, &names, None)?;
    let schedules = match with_schedules {
        true => columns.texts(SCHEDULE)?,
        false => Vec::new(),
    };
    let (arms, arm_of) = columns.labels("arm")?;
    let years = columns.counts("year")?;
    let values = columns.numbers(outcome)?;
    let main = match part {
        true => columns
            .texts("main")?
            .iter()
            .map(|main| main == "true")
            .collect(),
        false => arm_of.iter().map(|arm| *arm == 0).collect::<Vec<_>>(),
    };
    type Row<'a> = (u32, f64, Option<&'a String>);
    let mut found: Vec<(Vec<Row>, bool)> = vec![(Vec::new(), false); arms.len()];
    for (row, &arm) in arm_of.iter().enumerate() {
        let schedule = schedules.get(row);
        found[arm].0.push((years[row], values[row], schedule));
        found[arm].1 |= main[row];
    }
    Ok(arms
        .into_iter()
        .zip(found)
        .map(|(arm, (mut rows, main))| {
            rows.sort_by_key(|(year, ..)| *year);
            Trajectory {
                arm,
                main,
                schedules: with_schedules.then(|| {
                    let mut hash = DefaultHasher::new();
                    rows.iter()
                        .for_each(|(_, _, schedule)| schedule.hash(&mut hash));
                    hash.finish()
                }),
                years: rows.into_iter().map(|(_, value, _)| value).collect(),
            }
        })
        .collect())
}

/// Refuses an outcome that is no numeric column of `file`.
pub fn check_outcome(file: &Path, outcome: &str) -> Result<()> {
    let numeric = Columns::numeric(file)?;
    let mut offered: Vec<&str> = numeric.iter().map(String::as_str).collect();
    offered.retain(|name| !["year", "point", "replicate", "seed"].contains(name));
    if offered.contains(&outcome) {
        return Ok(());
    }
    Err(
        Error::input("no numeric column of that name in years.parquet")
            .value(outcome)
            .allowed(offered.join(", "))
            .suggest(outcome, offered.iter().copied()),
    )
}
