//! The output folder of a run and what state it is in.

use super::output::hex;
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Files that hold a run's results, and what it needs to be replayed.
pub const RESULTS: [&str; 10] = [
    "scenario.toml",
    "steps.parquet",
    "years.parquet",
    "workers.parquet",
    "decisions.parquet",
    "ballots.parquet",
    "rewards.parquet",
    "comparisons.parquet",
    "summary.json",
    "transcript.jsonl.zst",
];

/// Files and folders that a run writes, which `--force` may remove.
const OWN: [&str; 23] = [
    "scenario.toml",
    "transcript.jsonl.zst",
    "manifest.json",
    "summary.json",
    "steps.parquet",
    "years.parquet",
    "workers.parquet",
    "decisions.parquet",
    "ballots.parquet",
    "rewards.parquet",
    "comparisons.parquet",
    "report.html",
    "audit.json",
    "audit.html",
    "elasticities.csv",
    "effects.csv",
    "grid.csv",
    "log.txt",
    "figures",
    "replay",
    "ask",
    "failure.json",
    "sweep.json",
];

/// What may be there of a run that was killed before it began, or of which a sweep wrote that it failed
/// before it began.
const BEFORE: [&str; 2] = ["failure.json", "transcript.jsonl.zst"];

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
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io(folder, error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    if names
        .iter()
        .all(|name| BEFORE.contains(&name.as_str()) || name.starts_with(".tmp"))
    {
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

/// SHA-256 of a file, in lowercase hexadecimal digits.
///
/// # Errors
/// The file cannot be read.
pub fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

/// SHA-256 of what a file holds, or a folder: its files with their names in order of name.
///
/// # Errors
/// Something that cannot be read.
pub fn content_sha256(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    add(&mut hash, path)?;
    Ok(hex(&hash.finalize()))
}

fn add(hash: &mut Sha256, path: &Path) -> Result<()> {
    let broken = |error| Error::io(path, error);
    if !path.is_dir() {
        let mut file = std::fs::File::open(path).map_err(broken)?;
        let mut chunk = vec![0; 1 << 20];
        loop {
            match file.read(&mut chunk).map_err(broken)? {
                0 => return Ok(()),
                read => hash.update(&chunk[..read]),
            }
        }
    }
    let mut inside = std::fs::read_dir(path)
        .map_err(broken)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<PathBuf>>>()
        .map_err(broken)?;
    inside.sort();
    for entry in inside {
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let length = entry.metadata().map_or(0, |data| data.len());
        hash.update(format!("\0{name}\0{length}\0").as_bytes());
        add(hash, &entry)?;
    }
    Ok(())
}

/// SHA-256 of those of [`RESULTS`] that are in a folder, by name.
///
/// # Errors
/// A file cannot be read.
pub fn checksums(folder: &Path) -> Result<BTreeMap<&'static str, String>> {
    let mut sums = BTreeMap::new();
    for name in RESULTS {
        let path = folder.join(name);
        match sha256(&path) {
            Ok(sum) => sums.insert(name, sum),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io(&path, error)),
        };
    }
    Ok(sums)
}

/// Files of a finished run that are not as `manifest.json` says, with what is wrong; of its list
/// those are looked at whose name `checked` picks, in alphabetical order.
///
/// A manifest that is missing, no JSON or without checksums is itself what is damaged.
///
/// # Errors
/// A file is there and cannot be read.
pub fn damaged(folder: &Path, checked: impl Fn(&str) -> bool) -> Result<Vec<(String, String)>> {
    let of_manifest = |what: String| Ok(vec![("manifest.json".to_owned(), what)]);
    let path = folder.join("manifest.json");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return of_manifest("missing".into()),
        Err(error) => return Err(Error::io(&path, error)),
    };
    let manifest: serde_json::Value = match serde_json::from_slice(&bytes) {
        Ok(manifest) => manifest,
        Err(error) => return of_manifest(format!("is not JSON: {error}")),
    };
    let Some(files) = manifest["files"].as_object() else {
        return of_manifest("has no checksums: the run was made by an older fisc".into());
    };
    let mut damaged = Vec::new();
    for (name, stated) in files.iter().filter(|(name, _)| checked(name)) {
        let path = folder.join(name);
        match sha256(&path) {
            Ok(found) if stated.as_str() == Some(&found) => {}
            Ok(found) => damaged.push((
                name.clone(),
                format!(
                    "differs: its SHA-256 is {found}, the manifest says {}",
                    stated.as_str().unwrap_or("something else")
                ),
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                damaged.push((name.clone(), "missing".into()));
            }
            Err(error) => return Err(Error::io(&path, error)),
        }
    }
    Ok(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn damage_is_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let all = |_: &str| true;
        let none = Vec::new();
        let of_manifest = |what: &str| {
            let damage = damaged(folder, all).unwrap();
            assert_eq!(damage.len(), 1);
            assert_eq!(damage[0].0, "manifest.json");
            assert!(damage[0].1.contains(what), "{}", damage[0].1);
        };
        of_manifest("missing");
        fs::write(folder.join("manifest.json"), "{").unwrap();
        of_manifest("is not JSON");
        fs::write(folder.join("manifest.json"), "{}").unwrap();
        of_manifest("no checksums");

        fs::write(folder.join("years.parquet"), "abc").unwrap();
        fs::write(folder.join("summary.json"), "").unwrap();
        fs::write(folder.join("thesis.tex"), "mine").unwrap();
        let sums = checksums(folder).unwrap();
        // FIPS 180-4, example for the message "abc"; the empty message.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            sums,
            BTreeMap::from([
                ("summary.json", empty.to_owned()),
                ("years.parquet", abc.to_owned())
            ])
        );
        let manifest = serde_json::json!({ "files": sums }).to_string();
        fs::write(folder.join("manifest.json"), manifest).unwrap();
        assert_eq!(damaged(folder, all).unwrap(), none);

        fs::write(folder.join("years.parquet"), "abd").unwrap();
        fs::remove_file(folder.join("summary.json")).unwrap();
        let damage = damaged(folder, all).unwrap();
        assert_eq!(damage[0], ("summary.json".into(), "missing".into()));
        assert_eq!(damage[1].0, "years.parquet");
        assert!(damage[1].1.starts_with("differs"), "{}", damage[1].1);
        let tables = damaged(folder, |name| name.ends_with(".parquet")).unwrap();
        assert_eq!(tables, damage[1..]);
        assert_eq!(
            damaged(folder, |name| name == "steps.parquet").unwrap(),
            none
        );
    }

    #[test]
    fn states_of_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run");
        assert_eq!(state(&folder).unwrap(), State::Absent);
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(state(&folder).unwrap(), State::Absent);
        std::fs::write(transcript(&folder), "").unwrap();
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
