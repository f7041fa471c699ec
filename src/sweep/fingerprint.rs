//! What a run's name is made of: its resolved scenario with the contents of the files that it names.

use crate::error::{Error, Result};
use crate::llm::registry;
use crate::population::{PersonaSource, WagePrior};
use crate::run::output::hex;
use crate::scenario::{self, Backend, Scenario};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Hexadecimal digits of a run's name.
const DIGITS: usize = 16;

/// Names runs by content; files that several scenarios name are read once.
#[derive(Default)]
pub struct Fingerprints {
    known: HashMap<PathBuf, String>,
}

impl Fingerprints {
    /// `scenario` with the SHA-256 of each file that it names in place of the path, so that it is the
    /// same on every machine.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn portable(&mut self, scenario: &Scenario) -> Result<Scenario> {
        let mut portable = scenario.clone();
        if let WagePrior::File { path, .. } = &mut portable.population.wages {
            *path = self.stand_in(path)?;
        }
        if let PersonaSource::File { path, .. } = &mut portable.population.personas {
            *path = self.stand_in(path)?;
        }
        if let Some(path) = &mut portable.prompts {
            *path = self.stand_in(path)?;
        }
        for settings in portable.models.values_mut() {
            if let Backend::Gguf { model, .. } = &mut settings.backend
                && registry::find(model).is_err()
                && Path::new(model).is_file()
            {
                *model = self.stand_in(Path::new(model))?.display().to_string();
            }
        }
        Ok(portable)
    }

    /// The name of the run of a portable scenario.
    pub fn of(&self, portable: &Scenario) -> String {
        let text = format!(
            "fisc {}\n{}",
            env!("CARGO_PKG_VERSION"),
            scenario::to_toml_of_game(portable)
        );
        let mut name = hex(&Sha256::digest(text.as_bytes()));
        name.truncate(DIGITS);
        name
    }

    fn stand_in(&mut self, path: &Path) -> Result<PathBuf> {
        if let Some(known) = self.known.get(path) {
            return Ok(known.into());
        }
        let mut hash = Sha256::new();
        add(&mut hash, path)?;
        let name = format!("sha256-{}", hex(&hash.finalize()));
        self.known.insert(path.to_owned(), name.clone());
        Ok(name.into())
    }
}

/// Adds a file, or the files of a folder with their names in order of name.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(folder: &Path, wages: &str) -> Scenario {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("w.csv"), wages).unwrap();
        let text = "[population]\nsize = 2\nwages = { file = { path = \"w.csv\" } }\n";
        std::fs::write(folder.join("s.toml"), text).unwrap();
        scenario::load(&folder.join("s.toml"), &[]).unwrap()
    }

    #[test]
    fn a_run_is_named_by_what_its_files_hold() {
        let root = tempfile::tempdir().unwrap();
        let here = scenario(&root.path().join("here"), "wage\n10\n20\n");
        let there = scenario(&root.path().join("there"), "wage\n10\n20\n");
        let other = scenario(&root.path().join("other"), "wage\n10\n21\n");
        let name = |scenario: &Scenario| {
            let mut fingerprints = Fingerprints::default();
            let portable = fingerprints.portable(scenario).unwrap();
            fingerprints.of(&portable)
        };
        assert_eq!(name(&here), name(&there));
        assert_ne!(name(&here), name(&other));
        let mut reseeded = here.clone();
        reseeded.seed += 1;
        assert_ne!(name(&here), name(&reseeded));
        assert_eq!(name(&here).len(), DIGITS);
    }
}
