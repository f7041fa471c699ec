//! Figures, tables and the report of a sweep, from the files in its folder alone.
//!
//! | module | subject |
//! |---|---|
//! | `study` | reading `plan.json`, `runs.parquet`, and the parts of `years.parquet/` and `summary.parquet/` |
//! | `groups`, `estimate` | groups of points, arms within them; means over seeds with intervals |
//! | `figure` | one file per figure |

mod estimate;
mod figure;
mod groups;
mod study;

use std::path::{Path, PathBuf};

use super::Figure;
use super::figure::write as write_figure;
use crate::Result;
use groups::Groups;
use study::Study;

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
    drafts.into_iter().map(|draft| write_figure(folder, draft)).collect()
}
