//! Scenarios that do not depend on where they are: with the files that they name in the package.

use super::contents::DataFile;
use super::sums::is_inside;
use crate::error::{Error, Result};
use crate::llm::hub::HubFile;
use crate::llm::registry;
use crate::run::folder::sha256;
use crate::scenario::{Backend, Role, Scenario};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// Files that scenarios name, and where they go in a package.
#[derive(Debug, Default)]
pub struct Luggage {
    /// By path, with what they are.
    taken: BTreeMap<PathBuf, (String, Role)>,
}

impl Luggage {
    /// `scenario` with the files that it names in the package; `up` leads from the scenario's folder
    /// to the package's, such as `../`. `models` are the identities of the models that were asked.
    ///
    /// The file of a model that `fisc model fetch` knows is named as there, another one is looked for
    /// in the package's folder of models, where it is not: a replay needs none.
    pub fn relocate(
        &mut self,
        scenario: &Scenario,
        models: &BTreeMap<String, String>,
        up: &str,
    ) -> Scenario {
        let mut scenario = scenario.clone();
        let Ok(()) = scenario.move_files(|role, path| {
            let folder = match role {
                Role::Prompts => "prompts",
                Role::Wages | Role::Personas | Role::Comparisons | Role::Values => "data",
            };
            Ok::<_, Infallible>(self.take(path, folder, role, up))
        });
        for (name, settings) in &mut scenario.models {
            if let Backend::Gguf { model, .. } = &mut settings.backend {
                *model = weights(model, models.get(name), up);
            }
        }
        scenario
    }

    fn take(&mut self, path: &Path, folder: &str, role: Role, up: &str) -> PathBuf {
        if let Some((place, _)) = self.taken.get(path) {
            return format!("{up}{place}").into();
        }
        let name: String = path
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default()
            .chars()
            .map(|c| match c.is_ascii_alphanumeric() || "-_.".contains(c) {
                true => c,
                false => '_',
            })
            .collect();
        let free = |place: &String| !self.taken.values().any(|(taken, _)| taken == place);
        // Of two files of one name the second is called `2-…`.
        let mut place = format!("{folder}/{name}");
        let mut number = 2;
        while !free(&place) || !is_inside(&place) {
            place = format!("{folder}/{number}-{name}");
            number += 1;
        }
        self.taken.insert(path.to_owned(), (place.clone(), role));
        format!("{up}{place}").into()
    }

    /// Copies the files into the package `root` and lists them.
    ///
    /// # Errors
    /// A file that is gone or cannot be copied.
    pub fn copy(&self, root: &Path) -> Result<Vec<DataFile>> {
        let mut files = Vec::new();
        for (path, (place, role)) in &self.taken {
            if *role == Role::Prompts {
                for entry in std::fs::read_dir(path).map_err(|error| gone(path, &error))? {
                    let entry = entry.map_err(|error| gone(path, &error))?;
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if entry.path().is_file() && !name.starts_with('.') {
                        files.push(one(&entry.path(), root, format!("{place}/{name}"), *role)?);
                    }
                }
            } else {
                files.push(one(path, root, place.clone(), *role)?);
            }
        }
        files.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(files)
    }
}

fn gone(path: &Path, error: &std::io::Error) -> Error {
    Error::input(format!(
        "a file that the scenario names cannot be packed: {error}"
    ))
    .value(path.display())
    .allowed("the file as it was when the run was made")
}

fn one(from: &Path, root: &Path, file: String, role: Role) -> Result<DataFile> {
    let to = root.join(&file);
    std::fs::metadata(from).map_err(|error| gone(from, &error))?;
    super::copy_file(from, &to)?;
    let sum = sha256(&to).map_err(|error| Error::io(&to, error))?;
    Ok(DataFile {
        file,
        role,
        sha256: sum,
    })
}

fn weights(model: &str, identity: Option<&String>, up: &str) -> String {
    let known = identity.and_then(|id| id.strip_prefix("sha256:"));
    let pinned = registry::list().iter().find(|m| Some(m.sha256) == known);
    match pinned {
        Some(pinned) => pinned.name.to_owned(),
        None if registry::find(model).is_ok() => model.to_owned(),
        None if matches!(HubFile::named(model), Ok(Some(_))) => model.to_owned(),
        None => {
            let file = Path::new(model).file_name();
            let file = file.map_or_else(|| "model.gguf".into(), |file| file.to_string_lossy());
            format!("{up}{}/{file}", super::MODELS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;
    use std::fs;

    #[test]
    fn files_go_along_and_models_are_known_by_their_bytes() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        for folder in ["a", "b", "prompts of mine"] {
            fs::create_dir(here.join(folder)).unwrap();
        }
        let values = crate::preferences::models::values::VALUES.join(",");
        let row = vec!["1"; 19].join(",");
        fs::write(here.join("a/v.csv"), format!("{values}\n{row}\n")).unwrap();
        let comparisons = "rater,a,b,outcome\n0,0:0.1,0:0.2,1\n";
        fs::write(here.join("a/c \"1\".csv"), comparisons).unwrap();
        fs::write(here.join("a/w.csv"), "wage\n10\n20\n").unwrap();
        fs::write(here.join("b/w.csv"), "text\nA nurse.\nA cook.\n").unwrap();
        fs::write(here.join("prompts of mine/x.j2"), "a fragment").unwrap();
        fs::write(here.join("prompts of mine/.hidden"), "").unwrap();
        fs::write(here.join("my.gguf"), "").unwrap();
        let text = r#"
            prompts = "prompts of mine"
            [population]
            size = 2
            wages = { file = { path = "a/w.csv" } }
            personas = { file = "b/w.csv" }
            [preferences]
            source = { file = { path = 'a/c "1".csv' } }
            model = { values = { profiles = "a/v.csv" } }
            [models.known]
            backend = { gguf = { model = "my.gguf" } }
            [models.own]
            backend = { gguf = { model = "my.gguf" } }
            [models.fetched]
            backend = { gguf = { model = "qwen2.5-coder-1.5b" } }
        "#;
        fs::write(here.join("s.toml"), text).unwrap();
        let original = scenario::load(&here.join("s.toml"), &[]).unwrap();
        let smol = registry::find("smollm2-135m").unwrap();
        let ids = BTreeMap::from([
            ("known".to_owned(), format!("sha256:{}", smol.sha256)),
            ("own".to_owned(), "sha256:00".to_owned()),
        ]);
        let mut luggage = Luggage::default();
        let moved = luggage.relocate(&original, &ids, "../");
        let again = luggage.relocate(&original, &ids, "");
        let page = scenario::to_toml(&moved);
        for part in [
            "\"../data/w.csv\"",
            "\"../data/2-w.csv\"",
            "{ file = { path = \"../data/c__1_.csv\" } }",
            "\"../data/v.csv\"",
            "\"../prompts/prompts_of_mine\"",
            "\"smollm2-135m\"",
            "\"../models/my.gguf\"",
            "\"qwen2.5-coder-1.5b\"",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert!(!page.contains(&here.display().to_string()), "{page}");
        assert!(scenario::to_toml(&again).contains("\"data/2-w.csv\""));

        let root = tempfile::tempdir().unwrap();
        let files = luggage.copy(root.path()).unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
        assert_eq!(
            names,
            [
                "data/2-w.csv",
                "data/c__1_.csv",
                "data/v.csv",
                "data/w.csv",
                "prompts/prompts_of_mine/x.j2"
            ]
        );
        let copied = fs::read(root.path().join("data/w.csv")).unwrap();
        assert_eq!(copied, fs::read(here.join("a/w.csv")).unwrap());

        // The packed scenario, loaded where it stands, is the original one but for its places.
        fs::create_dir(root.path().join("run")).unwrap();
        let packed = root.path().join("run/scenario.toml");
        fs::write(&packed, &page).unwrap();
        let mut loaded = scenario::load_for_replay(&packed, &[]).unwrap();
        loaded.population.wages = original.population.wages.clone();
        loaded.population.personas = original.population.personas.clone();
        loaded.prompts = original.prompts.clone();
        loaded.models = original.models.clone();
        loaded
            .move_files(|role, _| {
                let mut files = original.files().into_iter();
                files
                    .find(|(of, _)| *of == role)
                    .map(|(_, path)| path)
                    .ok_or(role)
            })
            .unwrap();
        assert_eq!(loaded, original);

        fs::remove_file(here.join("a/w.csv")).unwrap();
        let error = luggage.copy(root.path()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("w.csv"), "{error}");
    }
}
