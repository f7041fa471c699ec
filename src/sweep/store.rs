//! The output folder of a sweep: what state each run is in, and the tables.
//!
//! The truth is in the folders of the runs; the tables are made from them, so that a table that was lost
//! or damaged is made again, and shards that write into one folder need no coordinator.

use super::parts::{self, Receipt};
use super::plan::{Plan, PlannedRun};
use crate::error::{Error, Result, one_line};
use crate::run::folder::{self, State};
use crate::run::output::{hex, pretty};
use crate::run::tables;
use polars::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Bytes that are set aside, so that a full disk leaves room to say so.
const RESERVE_BYTES: usize = 256 << 10;

/// Datasets with a part for each finished run.
pub const DATASETS: [&str; 2] = ["years.parquet", "summary.parquet"];

/// What may stand in the folder before it has a plan: a cluster's scripts and logs, and what a sweep leaves
/// that has lost its plan before it finished a run.
const OWN: [&str; 8] = [
    "cluster",
    "runs",
    "years.parquet",
    "summary.parquet",
    "README.md",
    "codebook.csv",
    "sweep.toml",
    ".reserve",
];

/// The output folder of a sweep.
#[derive(Clone, Debug)]
pub struct Store {
    /// The folder.
    pub root: PathBuf,
}

/// Why a run failed: `failure.json` in its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// `scenario`, `population`, `model`, `play`, `write` or `worker`.
    pub stage: String,
    /// In words.
    pub message: String,
    /// How long it took to fail.
    pub wall_seconds: f64,
    /// Which machine.
    pub host: String,
    /// How often it has been tried.
    pub attempts: u32,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing yet, or interrupted.
    Pending,
    /// Tried in vain.
    Failed(Failure),
    /// In the tables.
    Finished(Receipt),
}

/// What a finished run needs before it is in the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Parts of the tables are missing or damaged.
    Parts,
    /// Its rows are of another plan: with other columns, or another number.
    Renumbered,
    /// Its own files are damaged: which, and how.
    Again(String),
    /// It has not finished.
    Run,
}

impl Store {
    /// The folder `root`.
    pub fn new(root: PathBuf) -> Store {
        Store { root }
    }

    /// Where a run's folder is.
    pub fn run(&self, run: &str) -> PathBuf {
        self.root.join("runs").join(run)
    }

    /// Where the plan is.
    pub fn plan(&self) -> PathBuf {
        self.root.join("plan.json")
    }

    /// The part of a dataset that holds a run.
    pub fn part(&self, dataset: &str, run: &str) -> PathBuf {
        self.root.join(dataset).join(format!("{run}.parquet"))
    }

    /// Makes the folder ready for `plan`.
    ///
    /// # Errors
    /// Wrong input: the folder holds something else. Otherwise it cannot be written.
    pub fn prepare(&self, plan: &Plan) -> Result<()> {
        self.check_ours(plan)?;
        let made =
            |path: &Path| std::fs::create_dir_all(path).map_err(|error| Error::io(path, error));
        std::fs::create_dir_all(&self.root)
            .map_err(|error| Error::unwritable("--out", "folder", &self.root, &error))?;
        made(&self.root.join("runs"))?;
        for dataset in DATASETS {
            made(&self.root.join(dataset))?;
        }
        plan.write(&self.plan())?;
        let reserve = self.reserve();
        let enough = |data: std::fs::Metadata| data.len() as usize >= RESERVE_BYTES;
        if !std::fs::metadata(&reserve).is_ok_and(enough) {
            // Incompressible, for file systems that compress.
            let noise: Vec<u8> = (0..RESERVE_BYTES as u64 / 32)
                .flat_map(|block| Sha256::digest(block.to_le_bytes()))
                .collect();
            tables::write_whole(&reserve, &noise)?;
        }
        Ok(())
    }

    fn check_ours(&self, plan: &Plan) -> Result<()> {
        let foreign = |what: &str, found: String, remedy: &str| {
            Err(Error::input(what).value(found).allowed(remedy))
        };
        let root = self.root.display();
        if self.plan().is_file() {
            return match Plan::name_in(&self.plan()) {
                Some(name) if name != plan.name => foreign(
                    "the output folder holds another sweep",
                    format!("{root}: sweep `{name}`"),
                    "another --out, or another `name` of the sweep",
                ),
                _ => Ok(()),
            };
        }
        if !self.root.is_dir() {
            return match self.root.exists() {
                true => foreign(
                    "`--out`: this is a file",
                    root.to_string(),
                    "a folder, or a name that is free",
                ),
                false => Ok(()),
            };
        }
        // Without its plan the folder is of this sweep if it holds one of its runs, or none at all.
        if plan.runs.iter().any(|run| self.run(&run.run).is_dir()) {
            return Ok(());
        }
        let names = |folder: &Path| -> Result<Vec<String>> {
            let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
            let name = |entry: std::io::Result<std::fs::DirEntry>| {
                entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
            };
            let names = entries.map(name).collect::<std::io::Result<_>>();
            names.map_err(|error| Error::io(folder, error))
        };
        let runs = self.root.join("runs");
        if runs.is_dir() && !names(&runs)?.is_empty() {
            return foreign(
                "the output folder holds runs of another sweep, or of another version of it, and no plan.json",
                root.to_string(),
                "another --out; the sweep file of these runs (its text is sweep.toml in that folder) \
                 writes their plan.json again",
            );
        }
        // A cluster's scripts and logs may have come first.
        match names(&self.root)?
            .iter()
            .find(|name| !OWN.contains(&name.as_str()))
        {
            Some(name) => foreign(
                "the output folder holds other files",
                format!("{root}: {name}"),
                "another --out, or another `name` of the sweep",
            ),
            None => Ok(()),
        }
    }

    fn reserve(&self) -> PathBuf {
        self.root.join(".reserve")
    }

    /// Gives back the room that was set aside for saying that the disk is full.
    pub fn release_reserve(&self) {
        // Where it is gone already there is nothing to give back.
        let _ = std::fs::remove_file(self.reserve());
    }

    /// What became of a run, from its files.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn outcome(&self, run: &str) -> Result<Outcome> {
        let folder = self.run(run);
        if folder::state(&folder)? == State::Finished
            && let Some(receipt) = Receipt::read(&folder)
        {
            return Ok(Outcome::Finished(receipt));
        }
        let failed = std::fs::read(folder.join("failure.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Failure>(&bytes).ok());
        Ok(failed.map_or(Outcome::Pending, |failure| {
            Outcome::Failed(Failure {
                // Those of earlier versions had several lines.
                message: one_line(&failure.message),
                ..failure
            })
        }))
    }

    /// What has to be done before `run` is in the tables of `plan`; `deep` reads every table again.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn need(&self, plan: &Plan, run: &PlannedRun, deep: bool) -> Result<Need> {
        let folder = self.run(&run.run);
        if folder::state(&folder)? != State::Finished {
            return Ok(Need::Run);
        }
        if deep {
            let damaged = folder::damaged(&folder, |name| {
                ["years.parquet", "summary.json"].contains(&name)
            })?;
            if let Some((file, what)) = damaged.first() {
                return Ok(Need::Again(format!("{file} {what}")));
            }
        }
        let Some(receipt) = Receipt::read(&folder) else {
            return Ok(Need::Parts);
        };
        if receipt.schema != parts::schema(plan, run)? {
            return Ok(Need::Renumbered);
        }
        let intact = |dataset: &str, wanted: &str| match std::fs::read(self.part(dataset, &run.run))
        {
            Ok(bytes) => !deep || hex(&Sha256::digest(&bytes)) == wanted,
            Err(_) => false,
        };
        let here = DATASETS
            .iter()
            .zip(&receipt.sha256)
            .all(|(dataset, wanted)| intact(dataset, wanted));
        Ok(if here { Need::Nothing } else { Need::Parts })
    }

    /// Writes down that a run failed.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn fail(&self, run: &str, failure: &Failure) -> Result<()> {
        let folder = self.run(run);
        std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let path = folder.join("failure.json");
        let before: Option<Failure> = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let failure = Failure {
            attempts: before.map_or(0, |before| before.attempts) + 1,
            ..failure.clone()
        };
        tables::write_whole(&path, &pretty(&failure)?)
    }

    /// Removes parts of runs that are not in the plan; says how many.
    ///
    /// # Errors
    /// A folder that cannot be read or written.
    pub fn drop_strangers(&self, plan: &Plan) -> Result<usize> {
        let known: std::collections::HashSet<String> = plan
            .runs
            .iter()
            .map(|run| format!("{}.parquet", run.run))
            .collect();
        let mut dropped = 0;
        for dataset in DATASETS {
            let folder = self.root.join(dataset);
            let entries = std::fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
            for entry in entries {
                let entry = entry.map_err(|error| Error::io(&folder, error))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".parquet") && !known.contains(&name) {
                    std::fs::remove_file(entry.path())
                        .map_err(|error| Error::io(&entry.path(), error))?;
                    dropped += 1;
                }
            }
        }
        Ok(dropped / DATASETS.len().max(1))
    }

    /// Reads a dataset with its parts in order of run.
    ///
    /// # Errors
    /// A part that cannot be read; `None` where there is none.
    pub fn merged(&self, plan: &Plan, dataset: &str) -> Result<Option<DataFrame>> {
        let mut runs: Vec<&str> = plan.runs.iter().map(|run| run.run.as_str()).collect();
        runs.sort_unstable();
        let mut merged: Option<DataFrame> = None;
        for run in runs {
            let path = self.part(dataset, run);
            if !path.is_file() {
                continue;
            }
            let file = std::fs::File::open(&path).map_err(|error| Error::io(&path, error))?;
            let frame = ParquetReader::new(file)
                .finish()
                .map_err(|error| Error::io(&path, error))?;
            match &mut merged {
                None => merged = Some(frame),
                Some(all) => {
                    all.vstack_mut_owned(frame)
                        .map_err(|error| Error::io(&path, error))?;
                }
            }
        }
        Ok(merged)
    }
}
