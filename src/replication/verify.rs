//! Plays what a package holds again, without any model, and compares all results.

use super::contents::{self, Contents, Kind, PackedRun};
use super::difference::{Verdict, compare, same};
use super::gather::{self, Source};
use super::merged;
use super::sums::{self, Fault};
use crate::error::{Error, Result};
use crate::llm::SharedTranscript;
use crate::report;
use crate::run::{Options as RunOptions, Simulation, folder, run_into};
use crate::scenario;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How to verify.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Largest relative difference of numbers that counts as agreement; 0 asks for the same values.
    pub tolerance: f64,
    /// Runs that are played at a time; as many as there are cores unless given.
    pub jobs: Option<usize>,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// The files are compared with their checksums.
    Checksums,
    /// So many runs are to be played.
    Runs(usize),
    /// A step of an arm is done.
    Step(&'a str),
    /// A run was played and compared.
    Replayed(&'a str),
    /// Tables and figures of all runs together are made again.
    Merging,
}

/// Hears how far it is.
pub type Progress<'a> = &'a (dyn Fn(Told) + Sync);

/// A file with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The file, relative to the folder that is verified.
    pub file: String,
    /// Whether it came out again.
    pub verdict: Verdict,
}

/// A run that was played again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Its folder, relative to the one that is verified; empty if it is that.
    pub folder: String,
    /// Why it could not be played.
    pub failure: Option<String>,
    /// Its files.
    pub files: Vec<Compared>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verification {
    /// Files that are as their checksums say.
    pub intact: usize,
    /// Files that are not.
    pub faults: Vec<Fault>,
    /// Every run.
    pub runs: Vec<Replayed>,
    /// What was made of all runs together.
    pub merged: Vec<Compared>,
    /// Remarks, such as on another version of fisc.
    pub notes: Vec<String>,
}

impl Verification {
    /// Whether every file is intact and every result came out again.
    pub fn agrees(&self) -> bool {
        self.faults.is_empty()
            && self.runs.iter().all(|run| run.failure.is_none())
            && self.results().all(|file| file.verdict.agrees())
    }

    /// All results that were compared.
    pub fn results(&self) -> impl Iterator<Item = &Compared> {
        let of_runs = self.runs.iter().flat_map(|run| &run.files);
        of_runs.chain(&self.merged)
    }

    /// What is wrong, file by file, each with its reason.
    pub fn wrong(&self) -> Vec<String> {
        let faults = self
            .faults
            .iter()
            .map(|f| format!("{}: {}", f.file, f.what));
        let failures = self.runs.iter().filter_map(|run| {
            let name = match run.folder.as_str() {
                "" => "the run",
                folder => folder,
            };
            Some(format!(
                "{name}: cannot be played again: {}",
                run.failure.as_ref()?
            ))
        });
        let differing = self.results().filter_map(|file| match &file.verdict {
            Verdict::Differs(what) => Some(format!("{}: differs: {what}", file.file)),
            Verdict::Absent(what) => Some(format!("{}: {what}", file.file)),
            _ => None,
        });
        faults.chain(failures).chain(differing).collect()
    }
}

/// Verifies a package, or the output folder of a finished run or sweep.
///
/// First all files are compared with their checksums, then every run is played again in a temporary
/// folder with the answers of its transcript, and every table, summary and number behind a figure is
/// compared with the packed one. No model is opened and no server is asked.
///
/// # Errors
/// Not a package, run or sweep (exit code 2); a `package.json` that cannot be read; a temporary folder
/// that cannot be written. What is wrong *in* the package is no error but part of the result.
pub fn verify(root: &Path, options: &Options, progress: Progress) -> Result<Verification> {
    progress(Told::Checksums);
    if root.join(contents::FILE).exists() || root.join(sums::FILE).exists() {
        let (intact, faults) = sums::check(root)?;
        let contents = Contents::read(root).map_err(|error| {
            let wrong: Vec<String> = faults
                .iter()
                .map(|f| format!("{}: {}", f.file, f.what))
                .collect();
            error.context(format!(
                "the package cannot be read; against its checksums: {}",
                if wrong.is_empty() {
                    "intact".into()
                } else {
                    wrong.join(", ")
                }
            ))
        })?;
        let mut found = replay(root, &contents, options, progress)?;
        found.intact = intact;
        found.faults = faults;
        return Ok(found);
    }
    let source = Source::find(root)?;
    let contents = gather::of_folder(root, &source)?;
    let mut faults = Vec::new();
    let mut intact = 0;
    for run in &contents.runs {
        let folder = root.join(&run.folder);
        let damaged = folder::damaged(&folder, |_| true)?;
        let before = match run.folder.as_str() {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        intact += folder::checksums(&folder)?
            .len()
            .saturating_sub(damaged.len());
        faults.extend(
            damaged
                .into_iter()
                .map(|(file, what)| Fault::new(format!("{before}{file}"), what)),
        );
    }
    let mut found = replay(root, &contents, options, progress)?;
    found.intact = intact;
    found.faults = faults;
    Ok(found)
}

/// Plays the runs of `contents` again and compares them; says nothing of checksums.
pub(super) fn replay(
    root: &Path,
    contents: &Contents,
    options: &Options,
    progress: Progress,
) -> Result<Verification> {
    let temporary = tempfile::Builder::new()
        .prefix("fisc-verify-")
        .tempdir()
        .map_err(|error| Error::run(format!("no temporary folder: {error}")))?;
    let runs = &contents.runs;
    progress(Told::Runs(runs.len()));
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Replayed)>> = Mutex::default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.unwrap_or(cores).clamp(1, runs.len().max(1));
    let work = || {
        while let Some((at, run)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            runs.get(at).map(|run| (at, run))
        } {
            let replayed = one(root, run, temporary.path(), options, progress);
            progress(Told::Replayed(&run.folder));
            done.lock()
                .unwrap_or_else(|held| held.into_inner())
                .push((at, replayed));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(|held| held.into_inner());
    done.sort_by_key(|(at, _)| *at);
    let mut found = Verification {
        runs: done.into_iter().map(|(_, replayed)| replayed).collect(),
        notes: (failed(root, contents)?.into_iter())
            .chain(versions(contents))
            .collect(),
        ..Verification::default()
    };
    if !contents.merged.is_empty() {
        progress(Told::Merging);
        found.merged = merged::compare_all(root, contents, temporary.path(), options.tolerance)?;
    }
    Ok(found)
}

/// Where a replay of the run in `folder` goes: never the temporary folder itself.
pub(super) fn place(folder: &str) -> &str {
    if folder.is_empty() { "run" } else { folder }
}

fn one(
    root: &Path,
    run: &PackedRun,
    temporary: &Path,
    options: &Options,
    progress: Progress,
) -> Replayed {
    let to = temporary.join(place(&run.folder));
    let from = match run.folder.as_str() {
        "" => root.to_owned(),
        folder => root.join(folder),
    };
    let failure = play(&from, &to, run, progress)
        .err()
        .map(|error| error.to_string());
    let mut files = Vec::new();
    let mut failure = failure;
    if failure.is_none() {
        match compared(&from, &to, run, options.tolerance) {
            Ok(compared) => files = compared,
            Err(error) => failure = Some(error.to_string()),
        }
    }
    // Room for the next: tables and figures of a sweep are made of the others.
    for name in [
        "steps.parquet",
        "decisions.parquet",
        "ballots.parquet",
        "rewards.parquet",
        "comparisons.parquet",
    ] {
        let _ = std::fs::remove_file(to.join(name));
    }
    Replayed {
        folder: run.folder.clone(),
        failure,
        files,
    }
}

fn play(from: &Path, to: &Path, run: &PackedRun, progress: Progress) -> Result<()> {
    let scenario = scenario::load_for_replay(&folder::scenario(from), &[])?;
    let options = RunOptions {
        out: Some(to.to_owned()),
        replay: true,
        from: Some(from.to_owned()),
        ..RunOptions::default()
    };
    if run.transcript {
        let path = folder::transcript(from);
        let torn = SharedTranscript::torn_bytes(&path)?;
        if torn > 0 {
            return Err(Error::io(
                &path,
                format!("damaged: its last {torn} bytes cannot be read"),
            ));
        }
    }
    let simulation = Simulation::new(scenario)?;
    run_into(&simulation, &options, &|arm| progress(Told::Step(arm)))?;
    if run.compare.iter().any(|file| file.starts_with("figures/")) {
        report::figures(to)?;
    }
    Ok(())
}

fn compared(from: &Path, to: &Path, run: &PackedRun, tolerance: f64) -> Result<Vec<Compared>> {
    let named = |file: &str| match run.folder.as_str() {
        "" => file.to_owned(),
        folder => format!("{folder}/{file}"),
    };
    let mut files = Vec::new();
    for file in &run.compare {
        files.push(Compared {
            file: named(file),
            verdict: compare(&from.join(file), &to.join(file), tolerance)?,
        });
    }
    let (ours, theirs) = (numbers_of_manifest(from), numbers_of_manifest(to));
    files.push(Compared {
        file: named("manifest.json"),
        verdict: match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => same(&ours, &theirs, tolerance),
            (Err(error), _) | (_, Err(error)) => Verdict::Absent(error.to_string()),
        },
    });
    Ok(files)
}

/// What a replay must find again of a manifest; the rest is about machine and time.
fn numbers_of_manifest(folder: &Path) -> Result<Value> {
    let path = folder.join("manifest.json");
    let bytes = std::fs::read(&path).map_err(|error| Error::io(&path, error))?;
    let manifest: Value =
        serde_json::from_slice(&bytes).map_err(|error| Error::io(&path, error))?;
    let kept = [
        "seed",
        "models",
        "decisions",
        "parse_failure_rate",
        "identity_residual",
    ];
    Ok(kept
        .map(|key| (key.to_owned(), manifest[key].clone()))
        .into_iter()
        .collect::<serde_json::Map<_, _>>()
        .into())
}

/// A remark on runs of a sweep that failed: there is nothing to play again.
fn failed(root: &Path, contents: &Contents) -> Result<Option<String>> {
    if contents.kind != Kind::Sweep {
        return Ok(None);
    }
    // A package has the sweep in a folder of its own; a sweep's folder is one.
    let packed = root.join(Kind::Sweep.folder()).join("plan.json");
    let plan = if packed.is_file() {
        packed
    } else {
        root.join("plan.json")
    };
    if !plan.is_file() {
        return Ok(None);
    }
    let planned = gather::read_plan(&plan)?.runs.len();
    Ok(match planned.saturating_sub(contents.runs.len()) {
        0 => None,
        1 => Some(format!("1 failed run of {planned} was not replayed")),
        failed => Some(format!(
            "{failed} failed runs of {planned} were not replayed"
        )),
    })
}

/// Remarks on runs that were made by another fisc than this one.
fn versions(contents: &Contents) -> Vec<String> {
    let (here, commit) = (env!("CARGO_PKG_VERSION"), env!("FISC_GIT_COMMIT"));
    let mut notes = Vec::new();
    for run in &contents.runs {
        let note = if run.fisc != here {
            format!("made by fisc {}, played again by fisc {here}", run.fisc)
        } else if run.git_commit != commit {
            format!(
                "made by fisc {here} of commit {}, played again by the build of commit {commit}",
                run.git_commit
            )
        } else {
            continue;
        };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// As JSON, for programs.
pub fn as_json(found: &Verification) -> Value {
    let file = |file: &Compared| {
        let (verdict, detail) = match &file.verdict {
            Verdict::Identical => ("identical", Value::Null),
            Verdict::SameValues => ("same values", Value::Null),
            Verdict::Within(most) => ("within tolerance", json!(most)),
            Verdict::Differs(what) => ("differs", json!(what)),
            Verdict::Absent(what) => ("absent", json!(what)),
        };
        json!({ "file": file.file, "verdict": verdict, "detail": detail })
    };
    let faults = found
        .faults
        .iter()
        .map(|f| json!({ "file": f.file, "what": f.what }));
    let failures = found
        .runs
        .iter()
        .filter_map(|run| Some(json!({ "run": run.folder, "why": run.failure.as_ref()? })));
    json!({
        "agrees": found.agrees(),
        "intact": found.intact,
        "faults": faults.collect::<Vec<_>>(),
        "not_played": failures.collect::<Vec<_>>(),
        "results": found.results().map(file).collect::<Vec<_>>(),
        "notes": found.notes,
    })
}
