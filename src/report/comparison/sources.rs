//! Reading run folders and sweep folders.

use super::super::files::{self, Columns};
use super::super::summary::Summary;
use super::Question;
use super::study::{Run, State, Study, check_outcome, trajectories};
use crate::error::one_line;
use crate::run::folder;
use crate::sweep::plan::broken;
use crate::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What `--by` calls the planners.
pub const ARM: &str = "arm";

/// `plan.json`, as far as it is needed.
#[derive(Deserialize)]
struct Plan {
    name: String,
    keys: Vec<PlanKey>,
    points: Vec<Point>,
    runs: Vec<PlannedRun>,
}

#[derive(Deserialize)]
struct PlanKey {
    key: String,
    #[serde(default)]
    column: String,
}

#[derive(Deserialize)]
struct Point {
    point: u32,
    values: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct PlannedRun {
    run: String,
    point: u32,
    seed: u64,
}

/// Reads what the folders hold.
pub fn read(folders: &[PathBuf], question: &Question) -> Result<Study> {
    if folders.is_empty() {
        return Err(
            Error::input("nothing to compare").allowed("output folders of runs, or of sweeps")
        );
    }
    let sweeps: Vec<bool> = folders
        .iter()
        .map(|folder| is_sweep(folder))
        .collect::<Result<_>>()?;
    if sweeps.iter().all(|sweep| *sweep) {
        return read_sweeps(folders, question);
    }
    if let Some(at) = sweeps.iter().position(|sweep| *sweep) {
        return Err(
            Error::input("sweeps and single runs cannot be compared with each other")
                .value(folders[at].display())
                .allowed("either sweeps or runs"),
        );
    }
    read_runs(folders, question)
}

/// The plan of the sweep in `folder`.
fn plan<P: serde::de::DeserializeOwned>(folder: &Path) -> Result<P> {
    let path = folder.join("plan.json");
    let text = std::fs::read_to_string(&path).map_err(|error| broken(&path, error))?;
    serde_json::from_str(&text).map_err(|error| broken(&path, error))
}

/// Whether a folder holds a sweep; an error where it holds neither a sweep nor a finished run.
fn is_sweep(path: &Path) -> Result<bool> {
    if path.join("plan.json").is_file() {
        return Ok(true);
    }
    if path.join("runs").is_dir() && path.join("years.parquet").is_dir() {
        return Err(broken(&path.join("plan.json"), "there is none"));
    }
    let (what, allowed) = match folder::state(path)? {
        folder::State::Finished => return Ok(false),
        folder::State::Unfinished => (
            "an unfinished run",
            "finished runs: repeat its `fisc run` command to finish it",
        ),
        folder::State::Absent => (
            "no such folder, or an empty one",
            "output folders of runs, or of sweeps",
        ),
        folder::State::Foreign => (
            "neither a run nor a sweep",
            "output folders of runs (with manifest.json), or of sweeps (with plan.json)",
        ),
    };
    Err(Error::input(what).value(path.display()).allowed(allowed))
}

fn read_runs(folders: &[PathBuf], question: &Question) -> Result<Study> {
    let mut settings: Vec<BTreeMap<String, String>> = Vec::new();
    let (mut seeds, mut names) = (Vec::new(), HashSet::new());
    for folder in folders {
        let file = folder::scenario(folder);
        let text = std::fs::read_to_string(&file).map_err(|error| Error::io(&file, error))?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| Error::io(&file, error))?;
        let mut flat = BTreeMap::new();
        flatten("", &toml::Value::Table(table), &mut flat);
        let seed = flat
            .remove("seed")
            .and_then(|seed| seed.parse::<u64>().ok());
        seeds.push(seed.ok_or_else(|| Error::io(&file, "`seed` is missing"))?);
        names.insert(flat.remove("name").unwrap_or_default());
        settings.push(flat);
    }
    let keys: Vec<String> = question
        .by
        .iter()
        .filter(|key| *key != ARM)
        .cloned()
        .collect();
    let below = |key: &str, of: &str| {
        key.strip_prefix(of)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let known: HashSet<&String> = settings.iter().flat_map(BTreeMap::keys).collect();
    for key in &keys {
        if !known.iter().any(|known| below(known, key)) {
            return Err(Error::input("no such key in the scenarios of these runs")
                .value(key)
                .allowed("`arm`, or a key of the scenario in which the runs differ")
                .suggest(key, known.iter().map(|key| key.as_str())));
        }
    }
    let differ = |key: &String| {
        settings
            .iter()
            .any(|flat| flat.get(key) != settings[0].get(key))
    };
    let mut different: Vec<&str> = (known.iter().copied())
        .filter(|key| differ(key) && !keys.iter().any(|by| below(key, by)))
        .map(String::as_str)
        .collect();
    if !different.is_empty() {
        different.sort_unstable();
        return Err(
            Error::input("runs of different scenarios: they differ in more than the seed")
                .value(different.join(", "))
                .allowed(format!(
                    "runs of one scenario; `--by {}` compares along a key in which they differ",
                    different[0]
                )),
        );
    }
    check_outcome(&folders[0].join("years.parquet"), &question.outcome)?;
    let mut runs: Vec<Run> = Vec::new();
    let mut versions = Vec::new();
    for ((folder, flat), seed) in folders.iter().zip(&settings).zip(seeds) {
        let summary = Summary::read(folder)?;
        let values: Vec<String> = (keys.iter())
            .map(|key| {
                let parts = flat.iter().filter(|(known, _)| below(known, key));
                let one = flat.get(key).cloned();
                one.unwrap_or_else(|| {
                    let parts =
                        parts.map(|(known, value)| format!("{}={value}", &known[key.len() + 1..]));
                    parts.collect::<Vec<_>>().join(", ")
                })
            })
            .collect();
        if let Some(same) = (runs.iter()).find(|run| run.seed == seed && run.values == values) {
            return Err(Error::input("the same scenario with the same seed twice")
                .value(format!("{} and {}", same.id, folder.display()))
                .allowed("each seed once"));
        }
        version(&files::json(&folder.join("manifest.json"))?, &mut versions);
        runs.push(Run {
            id: folder.display().to_string(),
            values,
            seed,
            objective: summary.objective.name.clone(),
            unit: summary.objective.unit.clone(),
            state: State::Finished,
            arms: trajectories(&folder.join("years.parquet"), &question.outcome, false)?,
        });
    }
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_unstable();
    Ok(Study {
        name: names.join(", "),
        columns: keys
            .iter()
            .map(|key| key.replace(['.', '-'], "_"))
            .collect(),
        keys,
        runs,
        versions,
    })
}

/// Dotted keys and their values in words.
fn flatten(path: &str, value: &toml::Value, into: &mut BTreeMap<String, String>) {
    let mut below = |key: &str, value: &toml::Value| {
        let dot = if path.is_empty() { "" } else { "." };
        flatten(&format!("{path}{dot}{key}"), value, into);
    };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| below(key, value)),
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            (items.iter().enumerate()).for_each(|(at, value)| below(&at.to_string(), value));
        }
        toml::Value::String(text) => {
            into.insert(path.to_owned(), text.clone());
        }
        other => {
            into.insert(path.to_owned(), other.to_string());
        }
    }
}

fn version(manifest: &serde_json::Value, versions: &mut Vec<String>) {
    let text = |key: &str| manifest[key].as_str().unwrap_or_default().to_owned();
    let dirty = if manifest["git_dirty"] == true {
        "-dirty"
    } else {
        ""
    };
    note_version(
        format!("{} {}{dirty}", text("fisc"), text("git_commit")),
        versions,
    );
}

fn note_version(version: String, versions: &mut Vec<String>) {
    let version = version.trim().to_owned();
    if !version.is_empty() && !versions.contains(&version) {
        versions.push(version);
    }
}

fn read_sweeps(folders: &[PathBuf], question: &Question) -> Result<Study> {
    let mut study: Option<Study> = None;
    let mut known = HashSet::new();
    let mut unchecked = true;
    for folder in folders {
        let plan: Plan = plan(folder)?;
        let keys: Vec<String> = plan.keys.iter().map(|key| key.key.clone()).collect();
        let all = study.get_or_insert_with(|| Study {
            name: plan.name.clone(),
            keys: keys.clone(),
            columns: plan.keys.iter().map(|key| key.column.clone()).collect(),
            runs: Vec::new(),
            versions: Vec::new(),
        });
        if all.keys != keys {
            return Err(Error::input("sweeps over different keys")
                .value(format!("{}: {}", folder.display(), keys.join(", ")))
                .allowed(format!("sweeps over {}", all.keys.join(", "))));
        }
        if all.name != plan.name && !all.name.split(", ").any(|name| name == plan.name) {
            all.name = format!("{}, {}", all.name, plan.name);
        }
        check_by(&question.by, &plan.keys)?;
        let ledger = Ledger::read(folder, &mut all.versions)?;
        let points: HashMap<u32, Vec<String>> = (plan.points.iter())
            .map(|point| {
                let value = |key: &String| point.values.get(key).map(in_words).unwrap_or_default();
                (point.point, keys.iter().map(value).collect())
            })
            .collect();
        for planned in plan.runs {
            if !known.insert(planned.run.clone()) {
                continue;
            }
            let values = points.get(&planned.point).cloned();
            let values = values.ok_or_else(|| {
                Error::io(
                    &folder.join("plan.json"),
                    format!("there is no point {}", planned.point),
                )
            })?;
            let part = |table: &str| folder.join(table).join(format!("{}.parquet", planned.run));
            let mut run = Run {
                id: planned.run.clone(),
                values,
                seed: planned.seed,
                objective: String::new(),
                unit: String::new(),
                state: State::Finished,
                arms: Vec::new(),
            };
            if part("years.parquet").is_file() {
                if unchecked && Columns::numeric(&part("years.parquet")).is_ok() {
                    check_outcome(&part("years.parquet"), &question.outcome)?;
                    unchecked = false;
                }
                match played(&part, &question.outcome) {
                    Ok((arms, objective, unit)) => {
                        (run.arms, run.objective, run.unit) = (arms, objective, unit);
                    }
                    Err(error) => run.state = State::Damaged(error.to_string()),
                }
            } else {
                run.state = match ledger.failed.get(&planned.run) {
                    Some(why) => State::Failed(why.clone()),
                    None => State::Pending,
                };
            }
            all.runs.push(run);
        }
    }
    let study = study.ok_or_else(|| Error::input("nothing to compare"))?;
    if !study.runs.iter().any(|run| run.state == State::Finished) {
        return Err(Error::input("no run of the sweep has finished")
            .value(format!("{} planned", study.runs.len()))
            .allowed("a sweep with finished runs: repeat its `fisc sweep` command"));
    }
    Ok(study)
}

type Played = (Vec<super::study::Trajectory>, String, String);

fn played(part: &dyn Fn(&str) -> PathBuf, outcome: &str) -> Result<Played> {
    let arms = trajectories(&part("years.parquet"), outcome, true)?;
    let summary = Columns::read(&part("summary.parquet"), &["objective", "unit"], None)?;
    let first = |name: &str| -> Result<String> {
        Ok(summary.texts(name)?.into_iter().next().unwrap_or_default())
    };
    Ok((arms, first("objective")?, first("unit")?))
}

/// Refuses a `--by` that is no varied key.
fn check_by(by: &[String], keys: &[PlanKey]) -> Result<()> {
    for wanted in by {
        if wanted == ARM
            || keys
                .iter()
                .any(|key| [&key.key, &key.column].contains(&wanted))
        {
            continue;
        }
        let names = || std::iter::once(ARM).chain(keys.iter().map(|key| key.key.as_str()));
        let spellings = names().chain(keys.iter().map(|key| key.column.as_str()));
        return Err(Error::input("no varied key of that name")
            .value(wanted)
            .allowed(names().collect::<Vec<_>>().join(", "))
            .suggest(wanted, spellings));
    }
    Ok(())
}

/// A value of the plan in words: 2.0 as 2.
fn in_words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.to_string(),
            (None, Some(x)) => x.to_string(),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// `runs.parquet`, as far as it is needed.
#[derive(Default)]
struct Ledger {
    /// Stage and message, by run.
    failed: HashMap<String, String>,
}

impl Ledger {
    fn read(folder: &Path, versions: &mut Vec<String>) -> Result<Ledger> {
        let file = folder.join("runs.parquet");
        let mut ledger = Ledger::default();
        if !file.is_file() {
            return Ok(ledger);
        }
        let names = ["run", "status", "stage", "message", "fisc", "git_commit"];
        let columns = Columns::read(&file, &names, None)?;
        let [run, status, stage, message, fisc, commit] = names.map(|name| columns.texts(name));
        let (run, status, stage, message) = (run?, status?, stage?, message?);
        let (fisc, commit) = (fisc?, commit?);
        for row in 0..columns.rows() {
            match status[row].as_str() {
                "failed" => {
                    let why = format!("{}: {}", stage[row], one_line(&message[row]));
                    ledger.failed.insert(run[row].clone(), why);
                }
                "finished" => note_version(format!("{} {}", fisc[row], commit[row]), versions),
                _ => {}
            }
        }
        Ok(ledger)
    }
}
