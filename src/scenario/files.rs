//! The files that a scenario names: the one list that names of a sweep's runs, packages, manifests and
//! the resolved scenario follow.

use super::{Scenario, Source};
use crate::population::{PersonaSource, WagePrior};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// What a file or folder that a scenario names is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Wages of the workers.
    Wages,
    /// Personas of the workers.
    Personas,
    /// A folder with templates of prompts.
    Prompts,
    /// Comparisons of tax schedules.
    Comparisons,
    /// Values of the workers.
    Values,
}

impl Role {
    /// The key that names it.
    pub fn key(self) -> &'static str {
        match self {
            Role::Wages => "population.wages.file.path",
            Role::Personas => "population.personas.file.path",
            Role::Prompts => "prompts",
            Role::Comparisons => "preferences.source.file.path",
            Role::Values => "preferences.model.values.profiles",
        }
    }

    /// What it is, in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Role::Wages => "wages of the workers",
            Role::Personas => "personas of the workers",
            Role::Prompts => "templates of prompts",
            Role::Comparisons => "comparisons of tax schedules",
            Role::Values => "values of the workers",
        }
    }
}

impl Scenario {
    /// Files and folders that the scenario names, each role at most once. Not among them are the weights
    /// of models, which are known by their SHA-256 and named by more than a path, and code of rewards,
    /// which a scenario holds as text once it is read.
    pub fn files(&self) -> Vec<(Role, PathBuf)> {
        let mut files = Vec::new();
        let Ok(()) = self.clone().move_files(|role, path| {
            files.push((role, path.to_owned()));
            Ok::<_, Infallible>(path.to_owned())
        });
        files
    }

    /// Names each of [`Scenario::files`] by the path that `place` gives for it.
    ///
    /// # Errors
    /// The first one of `place`; the scenario is then of no use.
    pub fn move_files<E>(
        &mut self,
        mut place: impl FnMut(Role, &Path) -> Result<PathBuf, E>,
    ) -> Result<(), E> {
        if let WagePrior::File { path, .. } = &mut self.population.wages {
            *path = place(Role::Wages, path)?;
        }
        if let PersonaSource::File { path } = &mut self.population.personas {
            *path = place(Role::Personas, path)?;
        }
        if let Some(path) = &mut self.prompts {
            *path = place(Role::Prompts, path)?;
        }
        let preferences = &mut self.preferences;
        if let Source::File { path } = &preferences.source {
            let (from, to) = (path.clone(), place(Role::Comparisons, path)?);
            preferences.rename("source", &from.to_string_lossy(), &to);
            preferences.source = Source::File { path: to };
        }
        if let Some(from) = preferences.model.profiles.clone() {
            let to = place(Role::Values, &from)?;
            preferences.rename("model", &from.to_string_lossy(), &to);
            preferences.model.profiles = Some(to);
        }
        Ok(())
    }
}
