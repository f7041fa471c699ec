//! A sweep's folder as its report needs it: the plan, the runs, and the parts of the tables.
//!
//! A sweep that is still running is read as far as it has come. A part that cannot be read is named in
//! `warnings` and left out; it does not take the rest with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::super::files::Columns;
use super::super::html::in_words;
use super::super::schedule::Brackets;
use crate::error::one_line;
use crate::sweep::plan::broken;
use crate::{Error, Result};

/// The key whose values are arms, not groups.
pub const PLANNER: &str = "planner.kind";

/// A varied key.
#[derive(Clone, Debug, Deserialize)]
pub struct Key {
    /// As in the scenario, such as `economy.labor_exponent`.
    pub key: String,
    /// Its column, such as `economy_labor_exponent`.
    pub column: String,
    /// `text`, `whole` or `number`.
    #[serde(default)]
    pub kind: String,
}

impl Key {
    /// Whether all its values are numbers.
    pub fn is_number(&self) -> bool {
        matches!(self.kind.as_str(), "whole" | "number")
    }
}

/// A value of a varied key.
#[derive(Clone, Debug, PartialEq)]
pub enum Level {
    /// A number.
    Number(f64),
    /// A name, or a table as compact TOML.
    Text(String),
}

impl Level {
    /// For people: `1000`, `2.5`, `rawlsian`, `flat (rate 0.3)`.
    pub fn shown(&self) -> String {
        match self {
            Level::Number(number) => number.to_string(),
            Level::Text(text) => plain(text),
        }
    }

    /// What is innermost in a choice: `points 10` of `{ search = { method = { hill-climb = { points = 10 } } } }`;
    /// none where the value is no choice with settings.
    pub fn settings(&self) -> Option<String> {
        let words = self.shown();
        let mut inner = words.as_str();
        // `name (…)`, as long as the bracket holds all the rest.
        while let Some((name, rest)) = inner.split_once(" (")
            && !name.contains([' ', ',', '('])
            && let Some(held) = rest.strip_suffix(')')
            && closes(held)
        {
            inner = held;
        }
        (inner.len() < words.len()).then(|| inner.to_owned())
    }

    /// The number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Level::Number(number) => Some(*number),
            Level::Text(_) => None,
        }
    }

    /// Numbers by size, then texts as they come.
    pub fn order(&self, other: &Level) -> std::cmp::Ordering {
        match (self, other) {
            (Level::Number(a), Level::Number(b)) => a.total_cmp(b),
            (Level::Number(_), Level::Text(_)) => std::cmp::Ordering::Less,
            (Level::Text(_), Level::Number(_)) => std::cmp::Ordering::Greater,
            (Level::Text(_), Level::Text(_)) => std::cmp::Ordering::Equal,
        }
    }
}

/// Whether no bracket of `text` closes that it does not open.
fn closes(text: &str) -> bool {
    let mut depth = 0i32;
    text.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth >= 0
    })
}

/// A choice in TOML without quotes and braces: `{ flat = { rate = 0.3 } }` as `flat (rate 0.3)`.
fn plain(text: &str) -> String {
    if !text.starts_with(['{', '[', '"']) {
        return text.to_owned();
    }
    let parsed = format!("value = {text}").parse::<toml::Table>();
    parsed
        .ok()
        .and_then(|table| table.get("value").map(in_words))
        .unwrap_or_else(|| text.to_owned())
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its parts of the tables are there.
    Finished,
    /// It failed, or its parts cannot be read.
    Failed,
    /// It has not been played.
    Pending,
}

impl Status {
    /// As in `runs.parquet`.
    pub fn shown(self) -> &'static str {
        match self {
            Status::Finished => "finished",
            Status::Failed => "failed",
            Status::Pending => "pending",
        }
    }
}

/// A planned run.
#[derive(Clone, Debug)]
pub struct Run {
    /// 16 hexadecimal digits.
    pub run: String,
    /// Number of the point, from 1.
    pub point: u32,
    /// Number of the seed, from 1.
    pub replicate: u32,
    /// The seed.
    pub seed: u64,
    /// Values of the keys, in the order of [`Study::keys`].
    pub values: Vec<Level>,
    /// How far it has come.
    pub status: Status,
    /// Where it failed.
    pub stage: String,
    /// Why it failed.
    pub message: String,
    /// Wall time in seconds; NaN where unknown.
    pub wall_seconds: f64,
    /// Answers asked of language models; NaN where unknown.
    pub decisions: f64,
    /// Of these, invalid ones.
    pub failures: f64,
    /// Tokens; NaN where unknown.
    pub tokens: f64,
    /// Cost in $; NaN where unknown.
    pub cost: f64,
    /// Version of fisc.
    pub fisc: String,
    /// Commit of the build.
    pub git_commit: String,
    /// Machine.
    pub host: String,
}

/// A tax year of an arm.
#[derive(Clone, Debug)]
pub struct YearRow {
    /// Tax year, from 1.
    pub year: u32,
    /// Welfare under the scenario's objective.
    pub welfare: f64,
    /// Revenue over mean income, a fraction: the mean tax rate of all income.
    pub average_rate: f64,
    /// The schedule in force; none where it cannot be read.
    pub schedule: Option<Brackets>,
}

/// An arm of a run.
#[derive(Clone, Debug)]
pub struct Played {
    /// Index of the run in [`Study::runs`].
    pub run: usize,
    /// Name in column `arm`.
    pub arm: String,
    /// Whether it is the scenario's own planner, not one of `[compare]`.
    pub main: bool,
    /// Its tax years in order.
    pub years: Vec<YearRow>,
    /// Name of the welfare objective.
    pub objective: String,
    /// Unit of welfare.
    pub unit: String,
    /// Values of [`Study::outcomes`]; NaN for null.
    pub outcomes: Vec<f64>,
}

/// A sweep as read from its folder.
#[derive(Clone, Debug)]
pub struct Study {
    /// The folder.
    pub folder: PathBuf,
    /// Name of the sweep.
    pub name: String,
    /// The base scenario, as the sweep names it.
    pub base: String,
    /// Varied keys.
    pub keys: Vec<Key>,
    /// Seeds, one per replicate.
    pub seeds: Vec<u64>,
    /// All planned runs.
    pub runs: Vec<Run>,
    /// Numeric columns of `summary.parquet/`.
    pub outcomes: Vec<String>,
    /// Every arm of every finished run, run by run.
    pub played: Vec<Played>,
    /// What could not be read.
    pub warnings: Vec<String>,
}

/// Whether `folder` is the output of a sweep.
pub fn is_sweep(folder: &Path) -> bool {
    folder.join("plan.json").is_file()
}

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    fisc: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    base: String,
    #[serde(default)]
    keys: Vec<Key>,
    #[serde(default)]
    seeds: Vec<u64>,
    points: Vec<PlannedPoint>,
    runs: Vec<PlannedRun>,
}

#[derive(Deserialize)]
struct PlannedPoint {
    point: u32,
    #[serde(default)]
    values: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct PlannedRun {
    run: String,
    point: u32,
    replicate: u32,
    seed: u64,
}

impl Study {
    /// Reads the folder of a sweep.
    ///
    /// # Errors
    /// `plan.json` is missing or broken, or `runs.parquet` lacks a column.
    pub fn read(folder: &Path) -> Result<Study> {
        let path = folder.join("plan.json");
        let text = std::fs::read_to_string(&path).map_err(|error| broken(&path, error))?;
        let plan: Plan = serde_json::from_str(&text).map_err(|error| broken(&path, error))?;
        let mut study = Study {
            folder: folder.to_owned(),
            runs: planned(&plan)?,
            name: plan.name,
            base: plan.base,
            keys: plan.keys,
            seeds: plan.seeds,
            outcomes: Vec::new(),
            played: Vec::new(),
            warnings: Vec::new(),
        };
        study.read_runs()?;
        for run in 0..study.runs.len() {
            match study.read_parts(run) {
                Ok(true) => study.runs[run].status = Status::Finished,
                // Another process may have finished it since, or its parts are lost.
                Ok(false) if study.runs[run].status == Status::Finished => {
                    study.runs[run].status = Status::Pending;
                    let name = &study.runs[run].run;
                    study.warnings.push(format!(
                        "run {name} is marked as finished, but its parts of the tables are missing"
                    ));
                }
                Ok(false) => {}
                Err(error) => {
                    let one = &mut study.runs[run];
                    one.status = Status::Failed;
                    one.stage = "reading the tables".into();
                    one.message = one_line(&error.to_string());
                    study
                        .warnings
                        .push(format!("run {} is left out: {error}", study.runs[run].run));
                }
            }
        }
        Ok(study)
    }

    /// Number of runs with this status.
    pub fn count(&self, status: Status) -> usize {
        self.runs.iter().filter(|run| run.status == status).count()
    }

    /// Index of a numeric column of `summary.parquet/`.
    pub fn outcome(&self, name: &str) -> Option<usize> {
        self.outcomes.iter().position(|known| known == name)
    }

    /// What became of the runs.
    fn read_runs(&mut self) -> Result<()> {
        let file = self.folder.join("runs.parquet");
        if !file.exists() {
            return Ok(());
        }
        let columns = Columns::read(&file, &[], None)?;
        let texts = |name: &str| columns.texts(name);
        let or_nan = |name: &str| {
            if columns.has(name) {
                columns.numbers(name)
            } else {
                Ok(vec![f64::NAN; columns.rows()])
            }
        };
        let or_empty = |name: &str| {
            if columns.has(name) {
                columns.texts(name)
            } else {
                Ok(vec![String::new(); columns.rows()])
            }
        };
        let (names, status) = (texts("run")?, texts("status")?);
        let (stage, message) = (or_empty("stage")?, or_empty("message")?);
        let (wall, tokens, cost) = (or_nan("wall_seconds")?, or_nan("tokens")?, or_nan("cost")?);
        let (decisions, failures) = (or_nan("decisions")?, or_nan("failures")?);
        let (fisc, commit, host) = (
            or_empty("fisc")?,
            or_empty("git_commit")?,
            or_empty("host")?,
        );
        let place: HashMap<String, usize> = self
            .runs
            .iter()
            .enumerate()
            .map(|(i, run)| (run.run.clone(), i))
            .collect();
        for (row, name) in names.iter().enumerate() {
            let Some(run) = place.get(name).map(|i| &mut self.runs[*i]) else {
                continue;
            };
            run.status = match status[row].as_str() {
                "finished" => Status::Finished,
                "failed" => Status::Failed,
                _ => Status::Pending,
            };
            run.stage = stage[row].clone();
            run.message = one_line(&message[row]);
            run.wall_seconds = wall[row];
            run.decisions = decisions[row];
            run.failures = failures[row];
            run.tokens = tokens[row];
            run.cost = cost[row];
            run.fisc = fisc[row].clone();
            run.git_commit = commit[row].clone();
            run.host = host[row].clone();
        }
        Ok(())
    }

    /// Adds the arms of a run; false where it has no parts.
    fn read_parts(&mut self, run: usize) -> Result<bool> {
        let name = format!("{}.parquet", self.runs[run].run);
        let summary = self.folder.join("summary.parquet").join(&name);
        let file = self.folder.join("years.parquet").join(&name);
        if !summary.is_file() || !file.is_file() {
            return Ok(false);
        }
        let columns = Columns::read(&summary, &[], None)?;
        if self.outcomes.is_empty() {
            let ours = |name: &String| {
                !["run", "point", "replicate", "seed"].contains(&name.as_str())
                    && self.keys.iter().all(|key| key.column != *name)
            };
            self.outcomes = columns.numeric_columns().into_iter().filter(ours).collect();
        }
        let arms = columns.texts("arm")?;
        let (main, objective) = (columns.texts("main")?, columns.texts("objective")?);
        let unit = columns.texts("unit")?;
        columns.numbers("welfare_last_third")?;
        let outcomes = self
            .outcomes
            .iter()
            .map(|name| {
                if columns.has(name) {
                    columns.numbers(name)
                } else {
                    Ok(vec![f64::NAN; arms.len()])
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let mut by_arm = read_years(&file)?;
        for (row, arm) in arms.into_iter().enumerate() {
            let years = by_arm
                .iter_mut()
                .find(|(known, _)| *known == arm)
                .map(|(_, years)| std::mem::take(years));
            let Some(years) = years else {
                return Err(Error::run(format!(
                    "{}: no tax years of arm {arm}",
                    file.display()
                )));
            };
            self.played.push(Played {
                run,
                arm,
                main: main[row] == "true",
                years,
                objective: objective[row].clone(),
                unit: unit[row].clone(),
                outcomes: outcomes.iter().map(|column| column[row]).collect(),
            });
        }
        Ok(true)
    }
}

fn read_years(file: &Path) -> Result<Vec<(String, Vec<YearRow>)>> {
    let names = [
        "arm",
        "year",
        "schedule",
        "welfare",
        "revenue",
        "income_mean",
    ];
    let columns = Columns::read(file, &names, None)?;
    let (arms, arm_of) = columns.labels("arm")?;
    let mut found: Vec<(String, Vec<YearRow>)> =
        arms.into_iter().map(|arm| (arm, Vec::new())).collect();
    let years = columns.counts("year")?;
    let (welfare, revenue) = (columns.numbers("welfare")?, columns.numbers("revenue")?);
    let (income, schedules) = (columns.numbers("income_mean")?, columns.texts("schedule")?);
    for (row, arm) in arm_of.into_iter().enumerate() {
        found[arm].1.push(YearRow {
            year: years[row],
            welfare: welfare[row],
            average_rate: revenue[row] / income[row],
            schedule: Brackets::read(&schedules[row]).ok(),
        });
    }
    for (_, years) in &mut found {
        years.sort_by_key(|row| row.year);
    }
    Ok(found)
}

fn planned(plan: &Plan) -> Result<Vec<Run>> {
    let values_of = |point: &PlannedPoint| -> Vec<Level> {
        plan.keys
            .iter()
            .map(|key| match point.values.get(&key.key) {
                Some(Value::Number(number)) => Level::Number(number.as_f64().unwrap_or(f64::NAN)),
                Some(Value::String(text)) => Level::Text(text.clone()),
                Some(other) => Level::Text(other.to_string()),
                None => Level::Text(String::new()),
            })
            .collect()
    };
    let points: HashMap<u32, Vec<Level>> = plan
        .points
        .iter()
        .map(|point| (point.point, values_of(point)))
        .collect();
    plan.runs
        .iter()
        .map(|run| {
            let values = points
                .get(&run.point)
                .ok_or_else(|| Error::run(format!("plan.json: no point {}", run.point)))?;
            Ok(Run {
                run: run.run.clone(),
                point: run.point,
                replicate: run.replicate,
                seed: run.seed,
                values: values.clone(),
                status: Status::Pending,
                stage: String::new(),
                message: String::new(),
                wall_seconds: f64::NAN,
                decisions: f64::NAN,
                failures: f64::NAN,
                tokens: f64::NAN,
                cost: f64::NAN,
                fisc: plan.fisc.clone(),
                git_commit: String::new(),
                host: String::new(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_as_words() {
        let shown = |text: &str| Level::Text(text.into()).shown();
        assert_eq!(shown("{ flat = { rate = 0.3 } }"), "flat (rate 0.3)");
        assert_eq!(shown("us-2024"), "us-2024");
        assert_eq!(shown("{ broken"), "{ broken");
        assert_eq!(Level::Number(1000.0).shown(), "1000");
        let settings = |text: &str| Level::Text(text.into()).settings();
        let search = "{ search = { method = { hill-climb = { points = 10 } } } }";
        assert_eq!(settings(search).as_deref(), Some("points 10"));
        let search = "search (method (hill-climb (points [30, 15])))";
        assert_eq!(settings(search).as_deref(), Some("points [30, 15]"));
        let several = "llm (model (small), tries 8)";
        assert_eq!(settings(several).as_deref(), Some("model (small), tries 8"));
        assert_eq!(settings("us-2024"), None);
    }
}
