//! The output folder of a run and what state it is in.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Files and folders that a run writes, which `--force` may remove.
const OWN: [&str; 20] = [
    "scenario.toml",
    "transcript.jsonl.zst",
    "manifest.json",
    "summary.json",
    "steps.parquet",
    "years.parquet",
    "workers.parquet",
    "decisions.parquet",
    "ballots.parquet",
    "report.html",
    "audit.json",
    "audit.html",
    "elasticities.csv",
    "effects.csv",
    "grid.csv",
    "log.txt",
    "figures",
    "replay",
    "failure.json",
    "sweep.json",
];

/// What an output folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does not exist, or is empty.
    Absent,
    /// A run that was interrupted.
    Unfinished,
    /// A finished run.
    Finished,
    /// Something else.
    Foreign,
}

/// The folder's transcript.
pub fn transcript(folder: &Path) -> PathBuf {
    folder.join("transcript.jsonl.zst")
}

/// The folder's scenario with every default written out.
pub fn scenario(folder: &Path) -> PathBuf {
    folder.join("scenario.toml")
}

/// Looks at a folder.
///
/// # Errors
/// It cannot be read.
pub fn state(folder: &Path) -> Result<State> {
    if !folder.exists() {
        return Ok(State::Absent);
    }
    if !folder.is_dir() {
        return Ok(State::Foreign);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
    // A note of a sweep that the run failed before it began is no run.
    let begun = entries.filter(|entry| {
        !entry
            .as_ref()
            .is_ok_and(|entry| entry.file_name() == "failure.json")
    });
    if begun.count() == 0 {
        return Ok(State::Absent);
    }
    Ok(if folder.join("manifest.json").is_file() {
        State::Finished
    } else if scenario(folder).is_file() {
        State::Unfinished
    } else {
        State::Foreign
    })
}

/// Removes a run's own files from a folder, and the folder if nothing else is in it.
///
/// # Errors
/// Something cannot be removed.
pub fn clear(folder: &Path) -> Result<()> {
    for name in OWN {
        let path = folder.join(name);
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else if path.exists() {
            std::fs::remove_file(&path)
        } else {
            Ok(())
        };
        removed.map_err(|error| Error::io(&path, error))?;
    }
    // Fails, as it should, where something else is in the folder.
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run");
        assert_eq!(state(&folder).unwrap(), State::Absent);
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(state(&folder).unwrap(), State::Absent);
        std::fs::write(folder.join("thesis.tex"), "mine").unwrap();
        assert_eq!(state(&folder).unwrap(), State::Foreign);
        std::fs::write(scenario(&folder), "").unwrap();
        assert_eq!(state(&folder).unwrap(), State::Unfinished);
        std::fs::write(folder.join("manifest.json"), "{}").unwrap();
        assert_eq!(state(&folder).unwrap(), State::Finished);
        clear(&folder).unwrap();
        assert!(folder.join("thesis.tex").exists() && !folder.join("manifest.json").exists());
    }
}
