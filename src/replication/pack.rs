//! Writing a package, whole or not at all.

use super::contents::{self, Contents, Kind};
use super::gather::{self, Source};
use super::readme::{self, Measured};
use super::relocate::Luggage;
use super::verify::{self, Progress, Verification};
use super::{README, copy_file, sources, sums};
use crate::error::{Error, Result};
use crate::report;
use crate::run::folder;
use crate::run::output::{hex, pretty};
use crate::run::tables::write_whole;
use crate::scenario::{self, Scenario};
use crate::sweep::store::DATASETS;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How to pack.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    /// The package; `<folder>-package` unless given.
    pub out: Option<PathBuf>,
    /// Replace a package that is there.
    pub force: bool,
    /// Do not play everything again before the package appears.
    pub unverified: bool,
    /// Runs that are played at a time.
    pub jobs: Option<usize>,
}

/// A package that was written.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Its folder.
    pub folder: PathBuf,
    /// Files in it.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
    /// Runs in it.
    pub runs: usize,
    /// Runs of the sweep that failed and so are not in it.
    pub failed: usize,
    /// What playing it again found, unless that was left out.
    pub verification: Option<Verification>,
}

/// Packs the finished run or sweep in `folder`.
///
/// Unless it is told otherwise the package is played again before it appears: a package that does not
/// verify is not written.
///
/// # Errors
/// Wrong input: not finished, not a run or sweep, a target that is there, a file of the scenario that is
/// gone. Otherwise a damaged result, results that do not come out again, or a folder that cannot be written.
pub fn package(folder: &Path, options: &PackOptions, progress: Progress) -> Result<Packed> {
    let source = Source::find(folder)?;
    let target = target(folder, options)?;
    let parent = target.parent().unwrap_or(Path::new("."));
    let unwritable = |error| Error::unwritable("--out", "folder", &target, &error);
    std::fs::create_dir_all(parent).map_err(unwritable)?;
    let draft = tempfile::Builder::new()
        .prefix(".package-")
        .tempdir_in(parent)
        .map_err(unwritable)?;
    let root = draft.path();
    let mut contents = gather::of_folder(folder, &source)?;
    check_damage(folder, &contents)?;
    let scenarios = fill(folder, &source, &mut contents, root)?;
    write_whole(&root.join(contents::FILE), &pretty(&contents)?)?;
    let mut measured = Measured::of(root, &contents)?;
    let verification = match options.unverified {
        true => None,
        false => {
            let begun = Instant::now();
            let how = verify::Options {
                tolerance: 0.0,
                jobs: options.jobs,
            };
            let found = verify::replay(root, &contents, &how, progress)?;
            if !found.agrees() {
                return Err(Error::run(format!(
                    "the results do not come out again, so nothing was packed:\n  {}",
                    found.wrong().join("\n  ")
                ))
                .allowed(
                    "the run as it was written by this fisc, with the files that its scenario names \
                     unchanged; --unverified packs it nevertheless",
                ));
            }
            measured.verification(begun.elapsed());
            Some(found)
        }
    };
    let text = readme::text(root, &contents, &scenarios, &measured)?;
    write_whole(&root.join(README), text.as_bytes())?;
    sums::write(root)?;
    let size = readme::size(root)?;
    appear(draft, &target)?;
    Ok(Packed {
        folder: target,
        files: size.0,
        bytes: size.1,
        runs: contents.runs.len(),
        failed: match &source {
            Source::Run => 0,
            Source::Sweep(plan) => plan.runs.len() - contents.runs.len(),
        },
        verification,
    })
}

/// Where the package goes.
fn target(folder: &Path, options: &PackOptions) -> Result<PathBuf> {
    let target = match &options.out {
        Some(out) => out.clone(),
        None => {
            let whole = std::path::absolute(folder).map_err(|error| Error::io(folder, error))?;
            let name = whole.file_name().ok_or_else(|| {
                Error::input("no name for the package")
                    .value(folder.display())
                    .allowed("--out DIR")
            })?;
            let mut name = name.to_os_string();
            name.push("-package");
            match folder.parent() {
                Some(parent) if folder.file_name() == whole.file_name() => parent.join(name),
                _ => whole.with_file_name(name),
            }
        }
    };
    let empty = || std::fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_none());
    if !target.exists() || (target.is_dir() && empty()) {
        return Ok(target);
    }
    let taken =
        |what: &str, remedy: &str| Err(Error::input(what).value(target.display()).allowed(remedy));
    match (target.join(contents::FILE).is_file(), options.force) {
        (true, true) => Ok(target),
        (true, false) => taken(
            "there is a package already",
            "--force to replace it, or another --out",
        ),
        (false, _) => taken(
            "the place of the package holds other files",
            "another --out",
        ),
    }
}

fn check_damage(folder: &Path, contents: &Contents) -> Result<()> {
    for run in &contents.runs {
        let path = folder.join(&run.folder);
        if let Some((file, what)) = folder::damaged(&path, |_| true)?.first() {
            return Err(Error::run(format!(
                "a result is damaged: {}: {what}",
                path.join(file).display()
            ))
            .allowed("the run as it was written: repeat it"));
        }
    }
    if let Some(file) = (contents.merged.iter()).find(|file| !folder.join(file).is_file()) {
        return Err(Error::run(format!(
            "a table of the sweep is missing: {}",
            folder.join(file).display()
        ))
        .allowed(
            "the sweep with all its tables: repeating its `fisc sweep` command makes it again",
        ));
    }
    Ok(())
}

/// Copies everything into `root`, and makes `contents` say where it is; returns a scenario of each kind.
fn fill(
    folder: &Path,
    source: &Source,
    contents: &mut Contents,
    root: &Path,
) -> Result<Vec<Scenario>> {
    let inner = contents.kind.folder();
    let mut luggage = Luggage::default();
    let mut scenarios = Vec::new();
    for run in &mut contents.runs {
        let from = folder.join(&run.folder);
        run.folder = match run.folder.as_str() {
            "" => inner.to_owned(),
            name => format!("{inner}/{name}"),
        };
        let to = root.join(&run.folder);
        let depth = Path::new(&run.folder).components().count();
        let scenario = scenario::load_for_replay(&folder::scenario(&from), &[])?;
        let manifest = gather::document(&from.join("manifest.json"))?;
        let models = models(&manifest);
        let moved = luggage.relocate(&scenario, &models, &"../".repeat(depth));
        let results = folder::RESULTS
            .iter()
            .filter(|name| **name != "scenario.toml");
        copy_known(&from, &to, results.chain(&gather::OF_A_RUN))?;
        move_scenario(&from, &to, &scenario::to_toml(&moved), manifest)?;
        if contents.kind == Kind::Run && !to.join("figures").is_dir() {
            report::html(&to)?;
        }
        scenarios.push(scenario);
    }
    if let Source::Sweep(plan) = source {
        let to = root.join(inner);
        copy_known(folder, &to, gather::OF_A_SWEEP.iter())?;
        for dataset in DATASETS {
            copy_folder(&folder.join(dataset), &to.join(dataset))?;
        }
        for run in &plan.runs {
            let failure = Path::new("runs").join(&run.run).join("failure.json");
            if folder.join(&failure).is_file() {
                copy_file(&folder.join(&failure), &to.join(&failure))?;
            }
        }
        let mut plan = plan.as_ref().clone();
        for point in &mut plan.points {
            // Relative to the package's folder, from which the plan is played live.
            let at = folder.join("plan.json");
            let scenario = scenario::parse(&point.scenario, &at, &[], false)?;
            let moved = luggage.relocate(&scenario, &BTreeMap::new(), "");
            point.scenario = scenario::to_toml(&moved);
        }
        plan.base = Path::new(&plan.base)
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        plan.write(&to.join("plan.json"))?;
        if !to.join("report.html").is_file() {
            report::sweep_html(&to)?;
        }
        for file in gather::numbers_of(&to)? {
            if !contents.merged.contains(&file) {
                contents.merged.push(file);
            }
        }
        for file in &mut contents.merged {
            *file = format!("{inner}/{file}");
        }
    }
    contents.data = luggage.copy(root)?;
    if contents.kind == Kind::Run {
        // Figures that were drawn only now.
        let run = &mut contents.runs[0];
        for file in gather::numbers_of(&root.join(inner))? {
            if !run.compare.contains(&file) {
                run.compare.push(file);
            }
        }
    }
    for table in sources::used(&scenarios) {
        let path = root.join("data/census").join(table.file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        write_whole(&path, table.text.as_bytes())?;
        write_whole(
            &root.join("data/census/SOURCES.md"),
            sources::NOTES.as_bytes(),
        )?;
    }
    write_whole(&root.join("Cargo.lock"), sources::LOCK.as_bytes())?;
    write_whole(&root.join(super::FILES), sources::files().as_bytes())?;
    write_whole(&root.join("LICENSE-fisc"), sources::LICENCE.as_bytes())?;
    Ok(scenarios)
}

/// Writes the scenario of a run as it is in the package. Where that is another text than the run's, its
/// checksum in the manifest follows; `scenario_sha256` stays that of the original.
fn move_scenario(from: &Path, to: &Path, text: &str, mut manifest: Value) -> Result<()> {
    let original = folder::scenario(from);
    let stands = std::fs::read_to_string(&original).map_err(|error| Error::io(&original, error))?;
    write_whole(&folder::scenario(to), text.as_bytes())?;
    if stands == text {
        return Ok(());
    }
    let sum = hex(&Sha256::digest(text.as_bytes()));
    manifest["files"]["scenario.toml"] = sum.into();
    write_whole(&to.join("manifest.json"), &pretty(&manifest)?)
}

fn models(manifest: &Value) -> BTreeMap<String, String> {
    let models = manifest["models"].as_object().into_iter().flatten();
    models
        .filter_map(|(name, id)| Some((name.clone(), id.as_str()?.to_owned())))
        .collect()
}

fn copy_known<'a>(from: &Path, to: &Path, names: impl Iterator<Item = &'a &'a str>) -> Result<()> {
    for name in names {
        if from.join(name).is_file() {
            copy_file(&from.join(name), &to.join(name))?;
        }
    }
    for name in gather::FOLDERS {
        copy_folder(&from.join(name), &to.join(name))?;
    }
    Ok(())
}

/// Copies the files of a folder, if it is there; folders in it are not of fisc.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(from).map_err(|error| Error::io(from, error))? {
        let entry = entry.map_err(|error| Error::io(from, error))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.path().is_file() && !hidden {
            copy_file(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Renames the finished draft to `target`; a package that is there goes only then.
fn appear(draft: tempfile::TempDir, target: &Path) -> Result<()> {
    let failed = |error| Error::io(target, error);
    #[cfg(unix)]
    {
        // A temporary folder is private; a package is not.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(draft.path(), std::fs::Permissions::from_mode(0o755))
            .map_err(failed)?;
    }
    let old = match target.exists() {
        true => {
            let parent = target.parent().unwrap_or(Path::new("."));
            let aside = tempfile::Builder::new()
                .prefix(".package-old-")
                .tempdir_in(parent)
                .map_err(failed)?;
            std::fs::rename(target, aside.path().join("old")).map_err(failed)?;
            Some(aside)
        }
        false => None,
    };
    let renamed = std::fs::rename(draft.path(), target);
    if let (Err(_), Some(aside)) = (&renamed, &old) {
        // Back, so that there is one of the two in any case.
        std::fs::rename(aside.path().join("old"), target).map_err(failed)?;
    }
    renamed.map_err(failed)?;
    // Its folder has another name now, and stays.
    let _ = draft.keep();
    Ok(())
}
