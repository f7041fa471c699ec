//! Tables, figures and the HTML report of finished runs.
//!
//! This room knows only the files of a run's folder: `summary.json`, `manifest.json`, `scenario.toml`,
//! `years.parquet`, `workers.parquet` and, where language models decided, `decisions.parquet`.
//!
//! ```no_run
//! # fn main() -> fisc::Result<()> {
//! use std::path::Path;
//! let run = Path::new("outputs/llm-planner-42");
//! print!("{}", fisc::report::table(&fisc::report::Summary::read(run)?));
//! for figure in fisc::report::figures(run)? {
//!     println!("{}: {}", figure.title, figure.svg.display());
//! }
//! fisc::report::html(run)?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | subject |
//! |---|---|
//! | `files`, `summary`, `finished`, `last_step`, `schedule` | reading a run |
//! | `table` | the summary table on stdout |
//! | `chart` | a chart of any columns |
//! | `figure` | one file per figure: what it shows, its caption, its data |
//! | `sheet`, `scale`, `key`, `arms`, `typeface` | how figures are drawn |
//! | `number`, `distribution` | numbers for people; Lorenz curve, Gini, quantiles |
//! | [`comparison`] | arms compared over seeds: runs of one scenario, or sweeps |
//! | `html`, `audit` | the report page; the page of an audit |

mod arms;
mod audit;
mod chart;
pub mod comparison;
mod distribution;
mod figure;
mod files;
mod finished;
mod html;
mod key;
mod last_step;
mod number;
mod profile;
mod scale;
mod schedule;
mod sheet;
mod summary;
mod sweep;
mod table;
mod typeface;

use std::path::{Path, PathBuf};

pub use audit::{audit_html, audit_text, read_audit};
pub use chart::{Marks, Picture, chart, label_width};
pub(crate) use distribution::quantile;
pub(crate) use files::{Columns, write_whole};
pub(crate) use html::for_page;
pub use last_step::{LastStep, last_step};
pub(crate) use number::decimals_for;
pub use number::grouped;
pub use profile::profile;
pub use summary::{ArmSummary, Objective, Summary};
pub use sweep::{Plot, is_sweep, sweep_figures, sweep_html, sweep_text};
pub use table::table;

use crate::Result;

/// A figure that has been written to a run's folder.
#[derive(Clone, Debug)]
pub struct Figure {
    /// File name without extension, such as `welfare`.
    pub id: String,
    /// Title.
    pub title: String,
    /// What one sees, and what it is not.
    pub caption: String,
    /// The SVG.
    pub svg: PathBuf,
    /// The same as a picture, 1,800 pixels wide.
    pub png: PathBuf,
    /// The numbers drawn.
    pub csv: PathBuf,
}

/// Draws the figures of the finished run in folder `run`.
///
/// Writes `figures/<id>.svg`, `.png` and `.csv` for `welfare`, `rates`, `schedules`, and where workers were
/// recorded `hours`, `lorenz` and (with language-model workers) `choices`. Every file appears whole.
///
/// # Errors
/// A file is missing, or lacks a column; the message names both.
pub fn figures(run: &Path) -> Result<Vec<Figure>> {
    figure::write_all(&finished::FinishedRun::read(run)?)
}

/// Writes `report.html` into the folder `run` of a finished run, and the figures with it; returns its path.
///
/// The page holds everything it shows and asks nothing of the network. All text from the run's files is
/// escaped.
///
/// # Errors
/// As [`figures`].
pub fn html(run: &Path) -> Result<PathBuf> {
    html::write(run)
}
