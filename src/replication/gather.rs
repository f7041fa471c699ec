//! What a finished run or sweep consists of.

use super::contents::{Contents, FORMAT, Kind, Model, PackedRun};
use crate::error::{Error, Result};
use crate::run::folder::{self, State};
use crate::sweep::plan::Plan;
use crate::sweep::store::DATASETS;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Files of a run that a package holds, where they are there.
pub(super) const OF_A_RUN: [&str; 5] = [
    "manifest.json",
    "log.txt",
    "report.html",
    "sweep.json",
    "failure.json",
];

/// Files of a sweep that a package holds, where they are there.
pub(super) const OF_A_SWEEP: [&str; 9] = [
    "sweep.toml",
    "README.md",
    "codebook.csv",
    "log.txt",
    "runs.parquet",
    "runs.csv",
    "years.csv",
    "summary.csv",
    "report.html",
];

/// Tables of a sweep as CSV: all three, or none.
pub(super) const TWINS: [&str; 3] = ["runs.csv", "years.csv", "summary.csv"];

/// Folders of a run or sweep that a package holds whole.
pub(super) const FOLDERS: [&str; 2] = ["figures", "tables"];

/// A folder with results.
#[derive(Debug)]
pub enum Source {
    /// Of one run.
    Run,
    /// Of a sweep.
    Sweep(Box<Plan>),
}

impl Source {
    /// What the folder `root` holds.
    ///
    /// # Errors
    /// Neither a finished run nor a sweep in which every run has been played (exit code 2).
    pub fn find(root: &Path) -> Result<Source> {
        let wrong = |what: &str, remedy: &str| {
            Err(Error::input(what.to_owned())
                .value(root.display())
                .allowed(remedy))
        };
        if root.join("audit.json").is_file() {
            return wrong(
                "an audit cannot be packed",
                "the output folder of a run or a sweep",
            );
        }
        let plan = root.join("plan.json");
        if plan.is_file() {
            let plan = read_plan(&plan)?;
            let state = |run: &str| folder::state(&root.join("runs").join(run));
            let mut open = 0;
            let mut finished = 0;
            for run in &plan.runs {
                let failed = root.join("runs").join(&run.run).join("failure.json");
                match state(&run.run)? {
                    State::Finished => finished += 1,
                    _ if failed.is_file() => {}
                    _ => open += 1,
                }
            }
            if open > 0 {
                return wrong(
                    &format!(
                        "the sweep is not finished: {open} of {} runs are open",
                        plan.runs.len()
                    ),
                    "repeat its `fisc sweep` command to finish it",
                );
            }
            if finished == 0 {
                return wrong("no run of the sweep has finished", "a sweep with results");
            }
            return Ok(Source::Sweep(Box::new(plan)));
        }
        match folder::state(root)? {
            State::Finished => Ok(Source::Run),
            State::Unfinished => wrong(
                "the run is not finished",
                "repeat its `fisc run` command to finish it",
            ),
            _ => wrong(
                "no finished run or sweep here",
                "the output folder of `fisc run` or `fisc sweep`",
            ),
        }
    }
}

/// The plan of a sweep, also of another version of fisc.
pub(super) fn read_plan(path: &Path) -> Result<Plan> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
    serde_json::from_slice(&bytes).map_err(|error| crate::sweep::plan::broken(path, error))
}

/// A JSON file of a run.
pub(super) fn document(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::io(path, error))
}

/// Contents of the output folder `root`, with its runs where they are.
///
/// # Errors
/// A manifest that cannot be read.
pub fn of_folder(root: &Path, source: &Source) -> Result<Contents> {
    let mut contents = Contents {
        format: FORMAT,
        kind: Kind::Run,
        name: String::new(),
        fisc: env!("CARGO_PKG_VERSION").to_owned(),
        git_commit: env!("FISC_GIT_COMMIT").to_owned(),
        git_dirty: env!("FISC_GIT_DIRTY") == "true",
        runs: Vec::new(),
        merged: Vec::new(),
        data: Vec::new(),
        models: BTreeMap::new(),
    };
    match source {
        Source::Run => {
            let manifest = document(&root.join("manifest.json"))?;
            contents.name = text(&manifest["scenario"]);
            add_run(&mut contents, root, "", &manifest)?;
        }
        Source::Sweep(plan) => {
            contents.kind = Kind::Sweep;
            contents.name = plan.name.clone();
            for run in &plan.runs {
                let folder = format!("runs/{}", run.run);
                if folder::state(&root.join(&folder))? != State::Finished {
                    continue;
                }
                let manifest = document(&root.join(&folder).join("manifest.json"))?;
                add_run(&mut contents, &root.join(&folder), &folder, &manifest)?;
                for dataset in DATASETS {
                    let part = format!("{dataset}/{}.parquet", run.run);
                    contents.merged.push(part);
                }
            }
            // What the plan says is there, whether it is or not: what is missing is to be told.
            let tables = ["runs.parquet", "codebook.csv"];
            contents.merged.extend(tables.map(str::to_owned));
            if plan.csv || TWINS.iter().any(|table| root.join(table).is_file()) {
                contents.merged.extend(TWINS.map(str::to_owned));
            }
            contents.merged.extend(numbers_of(root)?);
        }
    }
    Ok(contents)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn add_run(contents: &mut Contents, path: &Path, folder: &str, manifest: &Value) -> Result<()> {
    let transcript = folder::transcript(path).is_file();
    let models = manifest["models"].as_object();
    if manifest["start"] == "replay" && !transcript && models.is_some_and(|m| !m.is_empty()) {
        return Err(Error::input("a replay has no transcript of its own")
            .value(path.display())
            .allowed("the run that it replays"));
    }
    for (name, id) in models.into_iter().flatten() {
        let weights = &manifest["weights"][name];
        let model = Model {
            id: text(id),
            weights: weights["name"].as_str().map(str::to_owned),
            licence: weights["licence"].as_str().map(str::to_owned),
        };
        let known = contents.models.entry(name.clone()).or_default();
        if !known.contains(&model) {
            known.push(model);
        }
    }
    let mut compare: Vec<String> = folder::RESULTS
        .into_iter()
        .filter(|name| !["scenario.toml", "transcript.jsonl.zst"].contains(name))
        .filter(|name| path.join(name).is_file())
        .map(str::to_owned)
        .collect();
    compare.extend(numbers_of(path)?);
    contents.runs.push(PackedRun {
        folder: folder.to_owned(),
        seed: manifest["seed"].as_u64().unwrap_or_default(),
        fisc: text(&manifest["fisc"]),
        git_commit: text(&manifest["git_commit"]),
        transcript,
        compare,
    });
    Ok(())
}

/// The files of numbers in the folders of figures and tables: CSV and LaTeX.
pub(super) fn numbers_of(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        let path = root.join(folder);
        if !path.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&path).map_err(|error| Error::io(&path, error))? {
            let entry = entry.map_err(|error| Error::io(&path, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".csv") || name.ends_with(".tex") {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found.sort();
    Ok(found)
}
