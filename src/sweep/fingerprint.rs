//! What a run's name is made of: its resolved scenario with the contents of the files that it names.

use crate::error::Result;
use crate::llm::registry;
use crate::run::folder::content_sha256;
use crate::run::output::hex;
use crate::scenario::{self, Backend, Scenario};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
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
        portable.move_files(|_, path| self.stand_in(path))?;
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
        let name = format!("sha256-{}", content_sha256(path)?);
        self.known.insert(path.to_owned(), name.clone());
        Ok(name.into())
    }
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

    #[test]
    fn tables_of_comparisons_and_values_count_by_what_they_hold() {
        let root = tempfile::tempdir().unwrap();
        let values = crate::preferences::models::values::VALUES.join(",");
        let made = |folder: &str, outcome: u8, value: u8| {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            let comparisons = format!("rater,a,b,outcome\n0,0:0.1,0:0.2,{outcome}\n");
            std::fs::write(folder.join("c.csv"), comparisons).unwrap();
            let row = vec![value.to_string(); 19].join(",");
            std::fs::write(folder.join("v.csv"), format!("{values}\n{row}\n")).unwrap();
            let text = "[population]\nsize = 2\n[reward]\nkind = \"learned\"\n\
                        [preferences]\nsource = { file = { path = \"c.csv\" } }\n\
                        model = { values = { profiles = \"v.csv\" } }\n\
                        [planner]\nkind = \"reward\"\n";
            std::fs::write(folder.join("s.toml"), text).unwrap();
            let settings = ["steps=2".to_owned(), "tax_year=1".to_owned()];
            let scenario = scenario::load(&folder.join("s.toml"), &settings).unwrap();
            let mut fingerprints = Fingerprints::default();
            let portable = fingerprints.portable(&scenario).unwrap();
            fingerprints.of(&portable)
        };
        let name = made("here", 1, 3);
        assert_eq!(made("there", 1, 3), name);
        assert_ne!(made("compared", 0, 3), name);
        assert_ne!(made("valued", 1, 4), name);
        // In the same place, too.
        assert_ne!(made("here", 0, 3), name);
        assert_ne!(made("here", 1, 4), name);
        assert_eq!(made("here", 1, 3), name);
    }
}
