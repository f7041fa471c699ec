//! The plan of a sweep: every run with its scenario, in a file that any machine can work from.

use super::file::{OnError, Sweep, Value};
use super::fingerprint::Fingerprints;
use crate::error::{Error, Result};
use crate::run::tables;
use crate::scenario::{self, Backend, Scenario};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Longest name of a column: Stata's limit.
const COLUMN_MAX: usize = 32;

/// Columns of the tables that no key's column may be called after.
const TAKEN: [&str; 24] = [
    "run",
    "point",
    "replicate",
    "seed",
    "status",
    "stage",
    "message",
    "wall_seconds",
    "decisions",
    "failures",
    "tokens",
    "cost",
    "fisc",
    "git_commit",
    "host",
    "main",
    "arm",
    "year",
    "years",
    "schedule",
    "welfare",
    "objective",
    "unit",
    "leader",
];

/// Every run of a sweep, in order: points in the order of the sweep file, and the seeds of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of fisc that made it.
    pub fisc: String,
    /// The sweep's name.
    pub name: String,
    /// The base scenario as the sweep names it.
    pub base: String,
    /// Whether the first failed run stops the sweep.
    pub stop_on_error: bool,
    /// Whether the tables have CSV twins.
    pub csv: bool,
    /// The varied keys.
    pub keys: Vec<PlanKey>,
    /// One for each replicate; the same at every point.
    pub seeds: Vec<u64>,
    /// What the tables of years have beside the columns that all runs share.
    pub wide: Wide,
    /// Combinations of values.
    pub points: Vec<PlannedPoint>,
    /// One for each point and seed.
    pub runs: Vec<PlannedRun>,
}

/// A varied key and its column in the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanKey {
    /// As in scenarios, such as `planner.kind`.
    pub key: String,
    /// Its column, such as `planner_kind`.
    pub column: String,
    /// What its values are.
    pub kind: ValueKind,
}

/// What the values of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// Whole numbers only.
    Whole,
    /// Numbers only.
    Number,
    /// Anything else.
    Text,
}

/// Columns that some runs have and others do not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wide {
    /// Most brackets of any scenario.
    pub brackets: usize,
    /// Objectives recorded in any run.
    pub objectives: Vec<String>,
}

/// One combination of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedPoint {
    /// From 1.
    pub point: u32,
    /// By key: a number, or the value in words.
    pub values: BTreeMap<String, serde_json::Value>,
    /// Whether its runs ask a model in fisc's own process.
    pub local_model: bool,
    /// The resolved scenario with the first seed.
    pub scenario: String,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// 16 hexadecimal digits: SHA-256 of the resolved scenario, the files it names, and fisc's version.
    pub run: String,
    /// Number of its point.
    pub point: u32,
    /// Number of its seed, from 1.
    pub replicate: u32,
    /// Its seed.
    pub seed: u64,
}

/// A part of a plan: run number p (from 0) belongs to shard (p mod `of`) + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: usize,
    /// Number of shards.
    pub of: usize,
}

impl Shard {
    /// The whole plan.
    pub const ALL: Shard = Shard { index: 1, of: 1 };

    /// Reads `2/4`.
    ///
    /// # Errors
    /// Not two numbers, or not 1 ≤ I ≤ N.
    pub fn read(text: &str) -> Result<Shard> {
        let numbers = text
            .split_once('/')
            .and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match numbers {
            Some((index, of)) if index >= 1 && index <= of => Ok(Shard { index, of }),
            _ => Err(Error::input("not a shard")
                .value(text)
                .allowed("I/N with 1 ≤ I ≤ N, such as 2/4")),
        }
    }

    /// Whether the run at `position` of the plan belongs to it.
    pub fn holds(&self, position: usize) -> bool {
        position % self.of == self.index - 1
    }
}

/// The error for the plan in an output folder that cannot be read.
pub fn broken(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::input(format!("the sweep's plan cannot be read: {error}"))
        .value(path.display())
        .allowed("repeat its `fisc sweep` command, which writes the plan again")
}

impl Plan {
    /// Resolves every scenario of `sweep`.
    ///
    /// # Errors
    /// A combination that is no scenario, naming the point; a file that cannot be read; two points
    /// with the same scenario.
    pub fn of(sweep: &Sweep) -> Result<Plan> {
        let first = *sweep
            .seeds
            .first()
            .ok_or_else(|| Error::input("a sweep without seeds").allowed("at least one"))?;
        let scenarios: Vec<Scenario> = sweep
            .points
            .par_iter()
            .map(|point| sweep.scenario(point, first))
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Result<_>>()?;
        let kinds: Vec<ValueKind> = (0..sweep.keys.len())
            .map(|k| kind(sweep.points.iter().map(|point| &point.values[k])))
            .collect();
        let columns = columns(&sweep.keys);
        let keys = (sweep.keys.iter().zip(columns).zip(&kinds))
            .map(|((key, column), &kind)| PlanKey {
                key: key.clone(),
                column,
                kind,
            })
            .collect();
        let points = (sweep.points.iter().zip(&scenarios).enumerate())
            .map(|(at, (point, scenario))| PlannedPoint {
                point: at as u32 + 1,
                values: (sweep.keys.iter().zip(&point.values).zip(&kinds))
                    .map(|((key, value), kind)| (key.clone(), cell(value, *kind)))
                    .collect(),
                local_model: asks_local_model(scenario),
                scenario: scenario::to_toml(scenario),
            })
            .collect();
        Ok(Plan {
            fisc: env!("CARGO_PKG_VERSION").to_owned(),
            name: sweep.name.clone(),
            base: sweep.base.display().to_string(),
            stop_on_error: sweep.on_error == OnError::Stop,
            csv: sweep.csv,
            keys,
            seeds: sweep.seeds.clone(),
            wide: Wide::of(&scenarios),
            points,
            runs: runs(sweep, &scenarios)?,
        })
    }

    /// Reads a plan file.
    ///
    /// # Errors
    /// It cannot be read, is not a plan, or was made by another version of fisc.
    pub fn read(path: &Path) -> Result<Plan> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::input(format!("cannot read the plan: {error}")).value(path.display())
        })?;
        let plan: Plan = serde_json::from_str(&text).map_err(|error| {
            Error::input(format!("{}: not a plan: {error}", path.display()))
                .allowed("a file that `fisc sweep SWEEP --plan FILE` wrote")
        })?;
        if plan.fisc != env!("CARGO_PKG_VERSION") {
            return Err(Error::input(format!(
                "{}: the plan is of another version of fisc, whose runs have other names",
                path.display()
            ))
            .value(&plan.fisc)
            .allowed(env!("CARGO_PKG_VERSION")));
        }
        Ok(plan)
    }

    /// The name of the sweep whose plan a file holds, also one of another version; none where it cannot be read.
    pub fn name_in(path: &Path) -> Option<String> {
        let text = std::fs::read_to_string(path).ok()?;
        let plan: serde_json::Value = serde_json::from_str(&text).ok()?;
        plan["name"].as_str().map(str::to_owned)
    }

    /// Writes the plan; nothing happens where the file holds it already.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::run(format!("writing the plan: {error}")))?;
        text.push('\n');
        if std::fs::read_to_string(path).is_ok_and(|stands| stands == text) {
            return Ok(());
        }
        tables::write_whole(path, text.as_bytes())
    }

    /// The run called `name`.
    pub fn run(&self, name: &str) -> Option<&PlannedRun> {
        self.runs.iter().find(|run| run.run == name)
    }

    /// The point of a run.
    ///
    /// # Errors
    /// A plan that was tampered with.
    pub fn point(&self, run: &PlannedRun) -> Result<&PlannedPoint> {
        let at = (run.point as usize).checked_sub(1);
        at.and_then(|at| self.points.get(at))
            .ok_or_else(|| Error::input(format!("the plan has no point {}", run.point)))
    }

    /// The scenario of a run.
    ///
    /// # Errors
    /// A file that the scenario names is not on this machine.
    pub fn scenario(&self, run: &PlannedRun) -> Result<Scenario> {
        let point = self.point(run)?;
        let path = format!("scenario of point {} in the plan", point.point);
        let seed = format!("seed={}", run.seed);
        scenario::parse(&point.scenario, Path::new(&path), &[seed], true)
    }

    /// Runs of a shard, in order.
    pub fn shard(&self, shard: Shard) -> Vec<&PlannedRun> {
        let runs = self.runs.iter().enumerate();
        runs.filter(|(at, _)| shard.holds(*at))
            .map(|(_, run)| run)
            .collect()
    }
}

impl Wide {
    fn of(scenarios: &[Scenario]) -> Wide {
        let mut wide = Wide::default();
        for scenario in scenarios {
            wide.brackets = wide.brackets.max(scenario.taxes.edges.len());
            for objective in crate::run::arm::recorded_objectives(&scenario.objective) {
                if !wide
                    .objectives
                    .iter()
                    .any(|known| known == objective.name())
                {
                    wide.objectives.push(objective.name().to_owned());
                }
            }
        }
        wide
    }
}

fn asks_local_model(scenario: &Scenario) -> bool {
    let asked = scenario.models_asked();
    let local = |backend: &Backend| matches!(backend, Backend::Gguf { .. });
    (scenario.models.iter())
        .any(|(name, model)| asked.contains(name.as_str()) && local(&model.backend))
}

fn runs(sweep: &Sweep, scenarios: &[Scenario]) -> Result<Vec<PlannedRun>> {
    let mut fingerprints = Fingerprints::default();
    let mut runs = Vec::with_capacity(scenarios.len() * sweep.seeds.len());
    let mut known: HashMap<String, u32> = HashMap::new();
    for (at, scenario) in scenarios.iter().enumerate() {
        let mut portable = fingerprints.portable(scenario)?;
        for (replicate, &seed) in sweep.seeds.iter().enumerate() {
            portable.seed = seed;
            let run = fingerprints.of(&portable);
            let point = at as u32 + 1;
            if let Some(same) = known.insert(run.clone(), point) {
                return Err(Error::input("two points with the same scenario")
                    .value(format!("points {same} and {point}"))
                    .allowed(format!(
                        "values that mean different scenarios: {}",
                        sweep.in_words(&sweep.points[at])
                    )));
            }
            runs.push(PlannedRun {
                run,
                point,
                replicate: replicate as u32 + 1,
                seed,
            });
        }
    }
    Ok(runs)
}

fn kind<'a>(values: impl Iterator<Item = &'a Value>) -> ValueKind {
    let mut kind = ValueKind::Whole;
    for value in values {
        match value {
            Value::Whole(_) => {}
            Value::Number(_) if kind != ValueKind::Text => kind = ValueKind::Number,
            _ => kind = ValueKind::Text,
        }
    }
    kind
}

fn cell(value: &Value, kind: ValueKind) -> serde_json::Value {
    match (value, kind) {
        (Value::Whole(n), ValueKind::Whole) => (*n).into(),
        (Value::Whole(n), ValueKind::Number) => (*n as f64).into(),
        (Value::Number(x), ValueKind::Number) => (*x).into(),
        _ => value.label().into(),
    }
}

/// A column for each key: snake_case, unique, at most 32 characters.
fn columns(keys: &[String]) -> Vec<String> {
    let mut taken: HashSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
    let mut columns = Vec::with_capacity(keys.len());
    for key in keys {
        let plain: String = key
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        // The end of a long key says more than its beginning.
        let mut name = plain;
        while name.len() > COLUMN_MAX {
            name = match name.split_once('_') {
                Some((_, rest)) if !rest.is_empty() => rest.to_owned(),
                _ => name[name.len() - COLUMN_MAX..].to_owned(),
            };
        }
        if name.starts_with(|c: char| !c.is_ascii_alphabetic()) {
            name.insert(0, 'k');
            name.truncate(COLUMN_MAX);
        }
        let mut column = name.clone();
        let mut number = 2;
        // A key called as a column of the results is set apart by a prefix.
        if TAKEN.contains(&column.as_str()) || is_result(&column) {
            column = format!("set_{name}");
            column.truncate(COLUMN_MAX);
            name = column.clone();
        }
        while !taken.insert(column.clone()) {
            let suffix = format!("_{number}");
            let mut stem = name.clone();
            stem.truncate(COLUMN_MAX - suffix.len());
            column = stem + suffix.as_str();
            number += 1;
        }
        columns.push(column);
    }
    columns
}

/// Whether a table of years or of summaries has a column of that name.
fn is_result(name: &str) -> bool {
    crate::fiscal::statistics::names()
        .iter()
        .any(|known| known == name)
        || ["rate_", "welfare_", "kink_share_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || [
            "revenue",
            "rebate",
            "gain_over_us",
            "attained",
            "best_welfare",
            "best_year",
        ]
        .contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_short_unique_and_no_others() {
        let keys = [
            "planner.kind",
            "seed_",
            "steps",
            "models.small.backend.gguf.model",
            "population.wages.pareto-lognormal.sigma",
            "workers.0.decide",
            "workers-0.decide",
            "welfare",
            "tax_year",
        ]
        .map(str::to_owned);
        let columns = columns(&keys);
        assert_eq!(columns[0], "planner_kind");
        assert_eq!(columns[4], "wages_pareto_lognormal_sigma");
        assert_eq!(columns[5], "workers_0_decide");
        assert_eq!(columns[6], "workers_0_decide_2");
        assert_eq!(columns[7], "set_welfare");
        let distinct: HashSet<&String> = columns.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert!(columns.iter().all(|column| column.len() <= COLUMN_MAX));
    }

    #[test]
    fn shards_cover_each_run_once() {
        for of in 1..=7 {
            for position in 0..30 {
                let holding = (1..=of).filter(|&index| Shard { index, of }.holds(position));
                assert_eq!(holding.count(), 1);
            }
        }
        assert_eq!(Shard::read("2/4").unwrap(), Shard { index: 2, of: 4 });
        for wrong in ["0/4", "5/4", "2", "a/b", "1/0", "-1/3"] {
            assert_eq!(Shard::read(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn kinds_of_values() {
        let whole = [Value::Whole(1), Value::Whole(2)];
        let mixed = [Value::Whole(1), Value::Number(2.5)];
        let text = [Value::Whole(1), Value::Text("a".into()), Value::Number(1.5)];
        assert_eq!(kind(whole.iter()), ValueKind::Whole);
        assert_eq!(kind(mixed.iter()), ValueKind::Number);
        assert_eq!(kind(text.iter()), ValueKind::Text);
    }
}
