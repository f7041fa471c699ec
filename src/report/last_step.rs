//! What the workers of one arm of a finished run earned and kept at the last recorded step.

use std::path::Path;

use super::files::{Columns, stretches};
use crate::{Error, Result};

/// Columns by worker in ascending order of ids, $/year.
#[derive(Clone, Debug, Default)]
pub struct LastStep {
    /// The step, from 1.
    pub step: u32,
    /// Schedules in force, year by year.
    pub schedules: Vec<String>,
    /// Worker ids.
    pub worker: Vec<u32>,
    /// Pre-tax income z.
    pub income: Vec<f64>,
    /// Tax T.
    pub tax: Vec<f64>,
    /// Disposable income c.
    pub disposable: Vec<f64>,
}

/// Reads `years.parquet` and `workers.parquet` of the folder `run`.
///
/// # Errors
/// An arm that the run does not have; a run that recorded no workers; files that cannot be read.
pub fn last_step(run: &Path, arm: &str) -> Result<LastStep> {
    let years = Columns::read(
        &run.join("years.parquet"),
        &["arm", "year", "schedule"],
        None,
    )?;
    let (arms, arm_of) = years.labels("arm")?;
    let Some(wanted) = arms.iter().position(|name| name == arm) else {
        let names: Vec<&str> = arms.iter().map(String::as_str).collect();
        return Err(Error::input("the run has no such arm")
            .value(arm)
            .allowed(names.join(", "))
            .suggest(arm, names));
    };
    let mut schedules: Vec<(u32, String)> = (years.counts("year")?.into_iter())
        .zip(years.texts("schedule")?)
        .zip(&arm_of)
        .filter(|(_, of)| **of == wanted)
        .map(|(year, _)| year)
        .collect();
    schedules.sort_by_key(|(year, _)| *year);

    let file = run.join("workers.parquet");
    if !file.exists() {
        return Err(Error::input("the run recorded no workers")
            .value(run.display())
            .allowed("a run with record.workers_every above 0"));
    }
    let index = Columns::read(&file, &["arm", "step"], None)?;
    let (arms, arm_of) = index.labels("arm")?;
    let wanted = arms.iter().position(|name| name == arm);
    let steps = index.counts("step")?;
    let ours = || {
        steps
            .iter()
            .zip(&arm_of)
            .filter(|(_, of)| Some(**of) == wanted)
    };
    let last = ours().map(|(step, _)| *step).max().unwrap_or(0);
    let flags = (steps.iter().zip(&arm_of)).map(|(step, of)| Some(*of) == wanted && *step == last);
    let mut rows: Vec<(u32, [f64; 3])> = Vec::new();
    for stretch in stretches(flags) {
        let names = ["worker", "income", "tax", "disposable"];
        let columns = Columns::read(&file, &names, Some(stretch))?;
        let amounts = [
            columns.numbers("income")?,
            columns.numbers("tax")?,
            columns.numbers("disposable")?,
        ];
        let workers = columns.counts("worker")?.into_iter().enumerate();
        rows.extend(workers.map(|(row, id)| (id, amounts.each_ref().map(|column| column[row]))));
    }
    rows.sort_by_key(|(id, _)| *id);
    let column = |place: usize| rows.iter().map(|(_, amounts)| amounts[place]).collect();
    Ok(LastStep {
        step: last,
        schedules: schedules.into_iter().map(|(_, literal)| literal).collect(),
        worker: rows.iter().map(|(id, _)| *id).collect(),
        income: column(0),
        tax: column(1),
        disposable: column(2),
    })
}
