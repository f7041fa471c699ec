//! `package.json`: what is in a package, what is played again, and what is compared.

use super::sums::is_inside;
use crate::error::{Error, Result};
use crate::scenario::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The name of the file.
pub const FILE: &str = "package.json";

/// Version of the form of packages.
pub const FORMAT: u32 = 1;

/// What was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One run, in the folder `run`.
    Run,
    /// A sweep, in the folder `sweep`.
    Sweep,
}

impl Kind {
    /// The folder of the results.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Sweep => "sweep",
        }
    }
}

/// A file of the user in the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Where it is.
    pub file: String,
    /// What it is for.
    pub role: Role,
    /// Its checksum.
    pub sha256: String,
}

/// A model that was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Model {
    /// `sha256:…` of its file, or `openai:…` behind a server.
    pub id: String,
    /// The name under which its file can be had, where there is one.
    pub weights: Option<String>,
    /// Licence of the weights, where it is known.
    pub licence: Option<String>,
}

/// A run in the package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PackedRun {
    /// Its folder.
    pub folder: String,
    /// Seed.
    pub seed: u64,
    /// Version of fisc that made it.
    pub fisc: String,
    /// Commit of that version.
    pub git_commit: String,
    /// Whether answers of language models come from its transcript.
    pub transcript: bool,
    /// Files that a replay must give again, relative to its folder.
    pub compare: Vec<String>,
}

/// `package.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// Version of this form.
    pub format: u32,
    /// What was packed.
    pub kind: Kind,
    /// The scenario's or the sweep's name.
    pub name: String,
    /// Version of fisc that packed.
    pub fisc: String,
    /// Its commit.
    pub git_commit: String,
    /// Whether its sources had changes that are in no commit.
    pub git_dirty: bool,
    /// Runs that are played again.
    pub runs: Vec<PackedRun>,
    /// Of a sweep: files that are made of all runs and must come out the same, relative to the package.
    pub merged: Vec<String>,
    /// Files of the user.
    pub data: Vec<DataFile>,
    /// Models that were asked, by name in the scenario.
    pub models: BTreeMap<String, Vec<Model>>,
}

impl Contents {
    /// Reads the `package.json` of the folder `root`.
    ///
    /// # Errors
    /// It is not there, not readable, or names a place outside the folder.
    pub fn read(root: &Path) -> Result<Contents> {
        let path = root.join(FILE);
        let damaged = |error: Error| {
            error
                .value(path.display())
                .allowed("the whole package, as `fisc package` wrote it")
        };
        let bytes = std::fs::read(&path).map_err(|error| {
            damaged(Error::input(format!(
                "cannot read the package's list of contents: {error}"
            )))
        })?;
        let contents: Contents = serde_json::from_slice(&bytes).map_err(|error| {
            damaged(Error::run(format!(
                "not a package's list of contents: {error}"
            )))
        })?;
        if contents.format != FORMAT {
            return Err(
                Error::run(format!("{}: another form of packages", path.display()))
                    .value(contents.format)
                    .allowed(FORMAT),
            );
        }
        let runs = &contents.runs;
        let named = (runs.iter().map(|run| &run.folder))
            .chain(runs.iter().flat_map(|run| &run.compare))
            .chain(&contents.merged);
        for name in named {
            if !is_inside(name) {
                return Err(Error::run(format!(
                    "{}: names a place outside the package",
                    path.display()
                ))
                .value(name));
            }
        }
        Ok(contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_stay_inside() {
        let run = PackedRun {
            folder: "run".into(),
            seed: 1,
            fisc: "0".into(),
            git_commit: "c".into(),
            transcript: false,
            compare: vec!["years.parquet".into()],
        };
        let mut contents = Contents {
            format: FORMAT,
            kind: Kind::Run,
            name: "n".into(),
            fisc: "0".into(),
            git_commit: "c".into(),
            git_dirty: false,
            runs: vec![run],
            merged: Vec::new(),
            data: Vec::new(),
            models: BTreeMap::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let read = |contents: &Contents| {
            let text = serde_json::to_string(contents).unwrap();
            std::fs::write(folder.path().join(FILE), text).unwrap();
            Contents::read(folder.path())
        };
        assert_eq!(read(&contents).unwrap(), contents);
        contents.runs[0].folder = "../elsewhere".into();
        assert!(read(&contents).unwrap_err().to_string().contains("outside"));
        contents.runs[0].folder = "/run".into();
        assert!(read(&contents).is_err());
        contents.runs[0].folder = "run".into();
        contents.format = 2;
        assert!(read(&contents).is_err());
    }
}
