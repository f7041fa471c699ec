//! The tables and figures of a sweep, made again of the runs that were played again.

use super::contents::{Contents, Kind, PackedRun};
use super::difference::{Verdict, compare, compare_without};
use super::gather::{TWINS, numbers_of, read_plan};
use super::verify::Compared;
use crate::error::{Error, Result};
use crate::report::{self, Plot};
use crate::sweep::codebook;
use crate::sweep::ledger::{Ledger, csv_twins};
use crate::sweep::parts;
use crate::sweep::plan::Plan;
use crate::sweep::store::{DATASETS, Store};
use std::path::Path;

/// Columns of `runs.parquet` and `runs.csv` that depend on when, where and with which build a run was played.
const OF_THE_MOMENT: [&str; 6] = [
    "wall_seconds",
    "tokens",
    "cost",
    "fisc",
    "git_commit",
    "host",
];

/// Makes `contents.merged` again below `temporary`, where the runs have been played, and compares.
///
/// # Errors
/// The temporary folder cannot be written.
pub fn compare_all(
    root: &Path,
    contents: &Contents,
    temporary: &Path,
    tolerance: f64,
) -> Result<Vec<Compared>> {
    // A package has the sweep in a folder of its own; a sweep's folder is one.
    let folder = match contents.merged.iter().any(|file| file.starts_with(SWEEP)) {
        true => SWEEP,
        false => "",
    };
    let (ours, theirs) = (root.join(folder), temporary.join(folder));
    let failure = rebuild(&ours, &theirs, contents)
        .err()
        .map(|error| error.to_string());
    let mut compared = Vec::new();
    for file in &contents.merged {
        let (packed, rebuilt) = (root.join(file), temporary.join(file));
        let name = file.rsplit('/').next().unwrap_or(file);
        let mut verdict = match name {
            "runs.parquet" | "runs.csv" => {
                compare_without(&packed, &rebuilt, &OF_THE_MOMENT, tolerance)?
            }
            "codebook.csv" => explained(&packed, &rebuilt, contents)?,
            _ => compare(&packed, &rebuilt, tolerance)?,
        };
        if let (Verdict::Absent(what), Some(failure)) = (&mut verdict, &failure) {
            what.push_str(&format!(" ({failure})"));
        }
        compared.push(Compared {
            file: file.clone(),
            verdict,
        });
    }
    // A report comes with all its figures and tables; those that the folder of a sweep lacks are in no list.
    if folder.is_empty() && root.join("report.html").is_file() {
        for file in numbers_of(temporary)? {
            if !contents.merged.contains(&file) {
                let verdict = compare(&root.join(&file), &temporary.join(&file), tolerance)?;
                compared.push(Compared { file, verdict });
            }
        }
    }
    Ok(compared)
}

/// Compares codebooks; those of runs of another version may put the same columns in other words.
fn explained(packed: &Path, rebuilt: &Path, contents: &Contents) -> Result<Verdict> {
    let verdict = compare(packed, rebuilt, 0.0)?;
    let here = (env!("CARGO_PKG_VERSION"), env!("FISC_GIT_COMMIT"));
    let ours = |run: &PackedRun| (run.fisc.as_str(), run.git_commit.as_str()) == here;
    match verdict {
        Verdict::Differs(_) if !contents.runs.iter().all(ours) => {
            compare_without(packed, rebuilt, &["meaning"], 0.0)
        }
        verdict => Ok(verdict),
    }
}

const SWEEP: &str = "sweep/";

/// Draws the figures and tables of a report, and those figures that were asked for one by one.
fn figures(folder: &Path, contents: &Contents, reported: bool) -> Result<()> {
    let drawn = |file: &&String| file.contains("figures/") || file.contains("tables/");
    let wanted: Vec<&String> = contents.merged.iter().filter(drawn).collect();
    if wanted.is_empty() && !reported {
        return Ok(());
    }
    report::sweep_html(folder)?;
    for file in wanted {
        let name = file.rsplit('/').next().unwrap_or(file);
        let Some(id) = name.strip_suffix(".csv") else {
            continue;
        };
        if !folder.join("figures").join(name).is_file()
            && let Some((outcome, keys)) = id.split_once("-by-")
        {
            let plot = Plot {
                by: keys.split("-and-").map(str::to_owned).collect(),
                outcome: (outcome != "gain").then(|| outcome.to_owned()),
            };
            // What cannot be drawn is missing then, and told so.
            if let Err(error) = report::sweep_figures(folder, &plot) {
                tracing::warn!("{file}: {error}");
            }
        }
    }
    Ok(())
}

fn rebuild(ours: &Path, theirs: &Path, contents: &Contents) -> Result<()> {
    debug_assert_eq!(contents.kind, Kind::Sweep);
    let plan: Plan = read_plan(&ours.join("plan.json"))?;
    let store = Store::new(theirs.to_owned());
    for dataset in DATASETS {
        let folder = theirs.join(dataset);
        std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
    }
    for run in &plan.runs {
        if store.run(&run.run).join("manifest.json").is_file() {
            parts::write(&store, &plan, run)?;
            continue;
        }
        let failure = ours.join("runs").join(&run.run).join("failure.json");
        if failure.is_file() {
            super::copy_file(&failure, &store.run(&run.run).join("failure.json"))?;
        }
    }
    Ledger::default().write(&store, &plan)?;
    super::copy_file(&ours.join("plan.json"), &store.plan())?;
    codebook::write(&store, &plan)?;
    figures(theirs, contents, ours.join("report.html").is_file())?;
    if contents
        .merged
        .iter()
        .any(|file| TWINS.iter().any(|table| file.ends_with(table)))
    {
        csv_twins(&store, &plan)?;
    }
    Ok(())
}
