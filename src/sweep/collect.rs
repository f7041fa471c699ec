//! Takes the finished runs of other output folders of the same sweep: of shards on other machines.

use super::plan::Plan;
use super::store::{Need, Store};
use crate::error::{Error, Result};
use crate::run::folder::{self, State};
use std::path::Path;

/// Copies every finished and undamaged run of the plan from `from` that `store` does not have; says
/// how many. Their rows come into the tables with the next [`execute`](super::execute::execute).
///
/// # Errors
/// `from` is no output folder of a sweep (exit code 2), holds a damaged run, or cannot be read.
pub fn collect(store: &Store, plan: &Plan, from: &Path) -> Result<usize> {
    let theirs = Store::new(from.to_owned());
    if !from.join("runs").is_dir() {
        return Err(Error::input("no output folder of a sweep")
            .value(from.display())
            .allowed("a folder that `fisc sweep` wrote"));
    }
    if !plan.runs.iter().any(|run| theirs.run(&run.run).is_dir()) {
        let name = Plan::name_in(&theirs.plan());
        // A shard of this sweep that has not begun is no mistake.
        let same = Plan::read(&theirs.plan()).is_ok_and(|theirs| theirs.runs == plan.runs);
        if !same {
            return Err(Error::input("this folder holds no run of the sweep")
                .value(match name {
                    Some(name) => format!("{}: sweep `{name}`", from.display()),
                    None => from.display().to_string(),
                })
                .allowed(format!(
                    "an output folder of sweep `{}` with the same points, seeds and version of fisc",
                    plan.name
                )));
        }
    }
    let mut taken = 0;
    for run in &plan.runs {
        let source = theirs.run(&run.run);
        if !source.is_dir() || folder::state(&source)? != State::Finished {
            continue;
        }
        let target = store.run(&run.run);
        if folder::state(&target)? == State::Finished {
            continue;
        }
        if let Need::Again(what) = theirs.need(plan, run, true)? {
            return Err(Error::run(format!("{}: {what}", source.display()))
                .allowed("repeat the sweep in that folder: it plays the damaged run again"));
        }
        copy(&source, &target)?;
        taken += 1;
    }
    Ok(taken)
}

/// Copies a run's folder; its manifest last, which says that it is whole.
fn copy(source: &Path, target: &Path) -> Result<()> {
    std::fs::create_dir_all(target).map_err(|error| Error::io(target, error))?;
    let entries = std::fs::read_dir(source).map_err(|error| Error::io(source, error))?;
    let mut last = None;
    for entry in entries {
        let entry = entry.map_err(|error| Error::io(source, error))?;
        let (path, to) = (entry.path(), target.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to)?;
        } else if entry.file_name() == "manifest.json" {
            last = Some((path, to));
        } else {
            std::fs::copy(&path, &to).map_err(|error| Error::io(&to, error))?;
        }
    }
    if let Some((path, to)) = last {
        std::fs::copy(&path, &to).map_err(|error| Error::io(&to, error))?;
    }
    Ok(())
}
