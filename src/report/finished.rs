//! What the figures need of a finished run, read once.

use std::path::{Path, PathBuf};

use super::arms::{Look, drawing_order, looks};
use super::distribution::quantile;
use super::files::{Columns, stretches};
use super::schedule::Brackets;
use super::summary::Summary;
use crate::{Error, Result};

/// A tax year of one arm.
pub struct Year {
    /// Tax year, from 1.
    pub year: u32,
    /// Welfare under the scenario's objective.
    pub welfare: f64,
    /// The schedule in force.
    pub schedule: Brackets,
}

/// Workers of one arm at one or more steps, column by column.
#[derive(Default)]
pub struct Workers {
    /// Worker ids.
    pub worker: Vec<u32>,
    /// Wages, $/hour.
    pub wage: Vec<f64>,
    /// Hours per week.
    pub labor: Vec<f64>,
    /// Pre-tax income, $/year.
    pub income: Vec<f64>,
    /// Tax, $/year.
    pub tax: Vec<f64>,
    /// Disposable income, $/year.
    pub disposable: Vec<f64>,
}

/// An arm of the run.
pub struct Arm {
    /// Its name in column `arm`.
    pub name: String,
    /// Its colour, dashes and marker.
    pub look: Look,
    /// Its tax years in order.
    pub years: Vec<Year>,
    /// Its workers at the last recorded step; empty where none were recorded.
    pub last: Workers,
}

/// A finished run.
pub struct FinishedRun {
    /// The run's folder.
    pub folder: PathBuf,
    /// `summary.json`.
    pub summary: Summary,
    /// Arms in the order of `years.parquet`, the scenario's planner first.
    pub arms: Vec<Arm>,
    /// The step at which `last` was recorded, if workers were recorded.
    pub last_step: Option<u32>,
}

impl FinishedRun {
    /// Reads the folder `run`.
    pub fn read(run: &Path) -> Result<Self> {
        let summary = Summary::read(run)?;
        let mut arms = read_years(&run.join("years.parquet"))?;
        let file = run.join("workers.parquet");
        let mut last_step = None;
        if file.exists() {
            let steps = Columns::read(&file, &["step"], None)?.counts("step")?;
            if let Some(last) = steps.iter().copied().max() {
                last_step = Some(last);
                for (arm, workers) in read_workers(&file, steps.iter().map(|step| *step == last))? {
                    if let Some(arm) = arms.iter_mut().find(|known| known.name == arm) {
                        arm.last = workers;
                    }
                }
            }
        }
        Ok(FinishedRun {
            folder: run.to_owned(),
            summary,
            arms,
            last_step,
        })
    }

    /// The arm that others are compared with: the summary's baseline, else the first U.S. law.
    pub fn baseline(&self) -> Option<usize> {
        let named = self.summary.baseline.as_deref();
        let position = |wanted: &dyn Fn(&Arm) -> bool| self.arms.iter().position(wanted);
        named
            .and_then(|name| position(&|arm| arm.name == name))
            .or_else(|| position(&|arm| arm.name.starts_with("us-")))
    }

    /// Indices of the arms in drawing order.
    pub fn drawing_order(&self) -> Vec<usize> {
        drawing_order(&self.arms.iter().map(|arm| arm.look).collect::<Vec<_>>())
    }

    /// The last tax year of any arm.
    pub fn last_year(&self) -> u32 {
        self.arms
            .iter()
            .filter_map(|arm| arm.years.last())
            .map(|year| year.year)
            .max()
            .unwrap_or(1)
    }

    /// The q-quantile of all arms' incomes at the last step together; NaN where none were recorded.
    pub fn income_quantile(&self, q: f64) -> f64 {
        let mut incomes: Vec<f64> = self
            .arms
            .iter()
            .flat_map(|arm| arm.last.income.iter().copied())
            .collect();
        incomes.sort_by(f64::total_cmp);
        quantile(&incomes, q)
    }

    /// Hours chosen in the last tax year by every arm, in the order of `arms`.
    ///
    /// The tax year's length is the number of steps over the number of years.
    pub fn hours_of_last_year(&self) -> Result<Vec<Vec<f64>>> {
        let file = self.folder.join("workers.parquet");
        let steps = Columns::read(&file, &["step"], None)?.counts("step")?;
        let last = steps.iter().copied().max().unwrap_or(0);
        let length = (last / self.last_year().max(1)).max(1);
        let mut found = read_workers(&file, steps.iter().map(|step| *step + length > last))?;
        let mut of = |name: &str| {
            let at = found.iter().position(|(arm, _)| arm == name)?;
            Some(found.swap_remove(at).1.labor)
        };
        Ok(self
            .arms
            .iter()
            .map(|arm| of(&arm.name).unwrap_or_default())
            .collect())
    }
}

fn read_years(file: &Path) -> Result<Vec<Arm>> {
    let columns = Columns::read(file, &[], None)?;
    let (names, rows) = columns.labels("arm")?;
    let years = columns.counts("year")?;
    let welfare = columns.numbers("welfare")?;
    let schedules = columns.texts("schedule")?;
    if names.is_empty() {
        return Err(Error::run(format!(
            "{}: the file has no rows",
            file.display()
        )));
    }
    let looks = looks(&names);
    let mut arms: Vec<Arm> = names
        .into_iter()
        .zip(looks)
        .map(|(name, look)| Arm {
            name,
            look,
            years: Vec::new(),
            last: Workers::default(),
        })
        .collect();
    for (row, arm) in rows.into_iter().enumerate() {
        let schedule = Brackets::read(&schedules[row])?;
        arms[arm].years.push(Year {
            year: years[row],
            welfare: welfare[row],
            schedule,
        });
    }
    for arm in &mut arms {
        arm.years.sort_by_key(|year| year.year);
    }
    Ok(arms)
}

/// Every arm's workers at the last step that `file` (a `workers.parquet`) holds.
pub fn last_workers(file: &Path) -> Result<Vec<(String, Workers)>> {
    let steps = Columns::read(file, &["step"], None)?.counts("step")?;
    let last = steps.iter().copied().max().unwrap_or(0);
    read_workers(file, steps.iter().map(|step| *step == last))
}

/// Reads the wanted rows, arm by arm, without holding the rest of the file.
fn read_workers(file: &Path, wanted: impl Iterator<Item = bool>) -> Result<Vec<(String, Workers)>> {
    let mut found: Vec<(String, Workers)> = Vec::new();
    let names = [
        "arm",
        "worker",
        "wage",
        "labor",
        "income",
        "tax",
        "disposable",
    ];
    for rows in stretches(wanted) {
        let columns = Columns::read(file, &names, Some(rows))?;
        let (arms, arm_of) = columns.labels("arm")?;
        let worker = columns.counts("worker")?;
        let [wage, labor, income, tax, disposable] = [
            columns.numbers("wage")?,
            columns.numbers("labor")?,
            columns.numbers("income")?,
            columns.numbers("tax")?,
            columns.numbers("disposable")?,
        ];
        let places: Vec<usize> = arms
            .into_iter()
            .map(
                |name| match found.iter().position(|(known, _)| *known == name) {
                    Some(place) => place,
                    None => {
                        found.push((name, Workers::default()));
                        found.len() - 1
                    }
                },
            )
            .collect();
        for (row, arm) in arm_of.into_iter().enumerate() {
            let workers = &mut found[places[arm]].1;
            workers.worker.push(worker[row]);
            workers.wage.push(wage[row]);
            workers.labor.push(labor[row]);
            workers.income.push(income[row]);
            workers.tax.push(tax[row]);
            workers.disposable.push(disposable[row]);
        }
    }
    Ok(found)
}
