//! The process that plays runs of a sweep, one after another, as the sweep's process hands them out.
//!
//! A process of its own, so that a run that takes its process down takes nothing else with it; one for
//! many runs, so that a model is loaded once. It ends when its input does, and so never outlives the
//! sweep that started it.

use super::parts;
use super::plan::{Plan, PlannedRun};
use super::store::{Failure, Need, Store};
use crate::error::{Error, Result};
use crate::run::output::host;
use crate::run::{Options, Simulation, run_into};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a worker says how far it is.
const REPORTS_EVERY: Duration = Duration::from_millis(500);

/// What a worker says, a line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Steps of all arms that are done, as a fraction.
    Progress(f64),
    /// It is in the tables.
    Finished {
        /// Dollars spent in all.
        cost: f64,
        /// Whether it had finished before and only its rows were made again.
        mended: bool,
    },
    /// Another process plays it.
    Busy,
    /// It failed.
    Failed(Failure),
}

/// Plays the runs whose names come in as lines, and answers each by a [`Reply`] in JSON.
///
/// # Errors
/// The plan cannot be read, or nobody reads the answers.
pub fn work(root: &Path, threads: usize) -> Result<()> {
    let store = Store::new(root.to_owned());
    let plan = Plan::read(&store.plan())?;
    let (send, jobs) = std::sync::mpsc::channel::<String>();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if send.send(line).is_err() {
                break;
            }
        }
        // The sweep is gone: so is whoever would wait for the run in progress.
        std::process::exit(0);
    });
    for name in jobs {
        let run = plan
            .run(name.trim())
            .ok_or_else(|| Error::input("no such run in the plan").value(name.trim()))?;
        say(&reply(&store, &plan, run, threads))?;
    }
    Ok(())
}

fn say(reply: &Reply) -> Result<()> {
    let mut text = serde_json::to_string(reply)
        .map_err(|error| Error::run(format!("a worker's answer: {error}")))?;
    text.push('\n');
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Error::run(format!("a worker's answer: {error}")))
}

fn reply(store: &Store, plan: &Plan, run: &PlannedRun, threads: usize) -> Reply {
    let begun = Instant::now();
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        play(store, plan, run, threads)
    }));
    let error = match played {
        Ok(Ok(reply)) => return reply,
        Ok(Err(error)) => error,
        Err(panic) => {
            let text = (panic.downcast_ref::<String>().map(String::as_str))
                .or_else(|| panic.downcast_ref::<&str>().copied());
            let text = text.unwrap_or("no message");
            Error::run(format!("a broken invariant of fisc: {text}")).during("play")
        }
    };
    Reply::Failed(Failure {
        stage: error.stage().unwrap_or("write").to_owned(),
        message: error.to_string(),
        wall_seconds: begun.elapsed().as_secs_f64(),
        host: host(),
        attempts: 1,
    })
}

fn play(store: &Store, plan: &Plan, run: &PlannedRun, threads: usize) -> Result<Reply> {
    let folder = store.run(&run.run);
    std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
    // Held until the end: two sweeps, or two shards, on one folder never play the same run.
    let Some(_lock) = lock(&folder)? else {
        return Ok(Reply::Busy);
    };
    sweep_up(&folder)?;
    let mended = match store.need(plan, run, true)? {
        Need::Nothing | Need::Parts | Need::Renumbered => true,
        Need::Again(_) => {
            // The transcript stays, so that nothing is asked twice.
            unfinish(&folder)?;
            false
        }
        Need::Run => false,
    };
    if !mended {
        let scenario = plan
            .scenario(run)
            .map_err(|error| error.during("scenario"))?;
        let simulation = Simulation::new(scenario).map_err(|error| error.during("population"))?;
        let options = Options {
            out: Some(folder.clone()),
            threads: Some(threads),
            ..Options::default()
        };
        let steps = simulation.arms().len() as u64 * u64::from(simulation.scenario().steps);
        let done = AtomicU64::new(0);
        let said = Mutex::new(Instant::now());
        run_into(&simulation, &options, &|_| {
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let Ok(mut said) = said.try_lock() else {
                return;
            };
            if said.elapsed() > REPORTS_EVERY {
                *said = Instant::now();
                // A sweep that no longer listens ends this process by itself.
                let _ = say(&Reply::Progress(done as f64 / steps.max(1) as f64));
            }
        })?;
    }
    let receipt = parts::write(store, plan, run)?;
    let failed = folder.join("failure.json");
    if failed.exists() {
        std::fs::remove_file(&failed).map_err(|error| Error::io(&failed, error))?;
    }
    Ok(Reply::Finished {
        cost: receipt.cost,
        mended,
    })
}

/// Holds a run's folder; `None` where another process does.
fn lock(folder: &Path) -> Result<Option<std::fs::File>> {
    let file = std::fs::File::open(folder).map_err(|error| Error::io(folder, error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        // A file system without locks: shards take different runs, so nobody else comes here.
        Err(std::fs::TryLockError::Error(error))
            if error.kind() == std::io::ErrorKind::Unsupported =>
        {
            Ok(Some(file))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(Error::io(folder, error)),
    }
}

/// Removes what a killed process left half-written.
fn sweep_up(folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::io(folder, error))?;
        if entry.file_name().to_string_lossy().starts_with(".tmp") {
            std::fs::remove_file(entry.path()).map_err(|error| Error::io(&entry.path(), error))?;
        }
    }
    Ok(())
}

/// Makes a finished run an unfinished one.
fn unfinish(folder: &Path) -> Result<()> {
    for file in ["sweep.json", "manifest.json"] {
        let path = folder.join(file);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
        }
    }
    Ok(())
}
