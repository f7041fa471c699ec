//! Figures, tables and the report of a sweep, from the files in its folder alone.
//!
//! | module | subject |
//! |---|---|
//! | `study` | reading `plan.json`, `runs.parquet`, and the parts of `years.parquet/` and `summary.parquet/` |
//! | `groups`, `estimate` | groups of points, arms within them; means over seeds with intervals |
//! | `figure` | one file per figure |
//! | `tables` | means as CSV and LaTeX |
//! | `differences` | paired differences, from [`comparison`](super::comparison) |
//! | `page` | the report page |

mod differences;
mod estimate;
mod figure;
mod groups;
mod page;
mod study;
mod tables;

use std::path::{Path, PathBuf};

use super::Figure;
use super::figure::write as write_figure;
use super::files::write_whole;
use crate::Result;
use groups::Groups;
use study::Study;
use tables::MeansTable;

pub use study::is_sweep;

/// Which figure of a sweep to draw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plot {
    /// One or two varied keys (or their columns); none for all figures of the report.
    pub by: Vec<String>,
    /// A numeric column of `summary.parquet/`; none for the welfare gain over Saez's formulas.
    pub outcome: Option<String>,
}

/// Draws figures of the sweep in `folder` into `folder/figures`: all, or the one that `plot` asks for.
///
/// # Errors
/// The folder is no sweep, a key was not varied, a column does not exist, or a file cannot be written.
pub fn sweep_figures(folder: &Path, plot: &Plot) -> Result<Vec<Figure>> {
    let study = Study::read(folder)?;
    let groups = Groups::of(&study);
    let drafts = if plot.by.is_empty() {
        figure::all(&study, &groups)?.drafts
    } else {
        vec![figure::asked(&study, &groups, plot)?]
    };
    drafts
        .into_iter()
        .map(|draft| write_figure(folder, draft))
        .collect()
}

/// Writes figures, tables and `report.html` of the sweep in `folder`; returns the page's path.
///
/// A sweep that is still running, or in which runs failed, is reported as far as it has come; the page
/// lists what failed. The page holds everything it shows and asks nothing of the network, and all text
/// from the sweep's files is escaped.
///
/// # Errors
/// `plan.json` or `runs.parquet` cannot be read, or a file cannot be written.
pub fn sweep_html(folder: &Path) -> Result<PathBuf> {
    let study = Study::read(folder)?;
    let groups = Groups::of(&study);
    let drawn = figure::all(&study, &groups)?;
    let figures = drawn
        .drafts
        .into_iter()
        .map(|draft| write_figure(folder, draft))
        .collect::<Result<Vec<_>>>()?;
    let means = MeansTable::of(&study, &groups);
    let tables = folder.join("tables");
    write_whole(&tables.join("means.csv"), means.csv().as_bytes())?;
    write_whole(
        &tables.join("means.tex"),
        means.latex(&study.name).as_bytes(),
    )?;
    let (differences, comparison_warnings) = match differences::of(folder) {
        Ok(comparison) => {
            write_whole(&tables.join("differences.csv"), comparison.csv().as_bytes())?;
            write_whole(
                &tables.join("differences.tex"),
                comparison.latex().as_bytes(),
            )?;
            (Ok(differences::for_page(&comparison)), comparison.warnings)
        }
        // Nothing to compare, such as one arm: the page says so and stands without.
        Err(error) => (Err(error.to_string()), Vec::new()),
    };
    page::write(&page::Contents {
        study: &study,
        groups: &groups,
        means: &means,
        differences,
        comparison_warnings,
        figures,
        missing: drawn.missing,
    })
}

/// The table of means for a terminal, and how many runs have finished, failed, or are pending.
///
/// # Errors
/// As [`sweep_html`].
pub fn sweep_text(folder: &Path) -> Result<String> {
    let study = Study::read(folder)?;
    let groups = Groups::of(&study);
    let mut out = format!(
        "{}: means over seeds, welfare over the last third of the tax years\n\n",
        study.name
    );
    let means = MeansTable::of(&study, &groups);
    if !means.arms.is_empty() {
        out += &means.text();
        out.push('\n');
    }
    if let Some(lacking) = means.lacking(study.seeds.len()) {
        out += &format!("* {lacking}\n");
    }
    out += &format!("{}\n", page::standing(&study));
    for run in study
        .runs
        .iter()
        .filter(|run| run.status == study::Status::Failed)
    {
        out += &format!(
            "* run {} failed at {}: {}\n",
            run.run, run.stage, run.message
        );
    }
    for warning in &study.warnings {
        out += &format!("* {warning}\n");
    }
    Ok(out)
}
