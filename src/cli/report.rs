//! `fisc plot` and `fisc report`: figures and pages of what was played, from its files.

use super::print;
use crate::error::{Error, Result};
use crate::report;
use clap::Args;
use std::path::{Path, PathBuf};

/// Arguments of `fisc plot`.
#[derive(Debug, Args)]
pub struct PlotArguments {
    /// Output folder of a run or of a sweep.
    #[arg(value_name = "RUN|SWEEP")]
    folder: PathBuf,
    /// Sweeps: one figure against this varied key, such as economy.labor_exponent; given twice, a heat map.
    #[arg(long, value_name = "KEY")]
    by: Vec<String>,
    /// With --by: a column of summary.parquet, such as revenue, instead of the welfare gain over Saez.
    #[arg(long, value_name = "COLUMN", requires = "by")]
    outcome: Option<String>,
}

/// Arguments of `fisc report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Output folder of a run, an audit or a sweep; a sweep may still be running.
    #[arg(value_name = "RUN|SWEEP")]
    folder: PathBuf,
}

impl PlotArguments {
    /// Draws the figures and prints where they are.
    ///
    /// # Errors
    /// The folder holds neither; a key or column that it does not have; a file that cannot be written.
    pub fn execute(self) -> Result<()> {
        let folder = &self.folder;
        let figures = if report::is_sweep(folder) {
            let plot = report::Plot {
                by: self.by,
                outcome: self.outcome,
            };
            report::sweep_figures(folder, &plot)?
        } else if !self.by.is_empty() {
            return Err(
                Error::input("--by is for sweeps: one run has one value of each key")
                    .value(folder.display())
                    .allowed("the output folder of a sweep"),
            );
        } else {
            finished(folder)?;
            if folder.join("audit.json").is_file() {
                return print(&format!("{}\n", report::audit_html(folder)?.display()));
            }
            report::figures(folder)?
        };
        for figure in figures {
            print(&format!("{}\n", figure.svg.display()))?;
        }
        Ok(())
    }
}

impl ReportArguments {
    /// Writes the page, prints the table and where the page is.
    ///
    /// # Errors
    /// The folder holds neither; a file that cannot be read or written.
    pub fn execute(self) -> Result<()> {
        let folder = &self.folder;
        if report::is_sweep(folder) {
            let page = report::sweep_html(folder)?;
            print(&report::sweep_text(folder)?)?;
            return print(&format!("\nPage: {}\n", page.display()));
        }
        finished(folder)?;
        if folder.join("audit.json").is_file() {
            let page = report::audit_html(folder)?;
            print(&report::audit_text(&report::read_audit(folder)?))?;
            return print(&format!("\nPage: {}\n", page.display()));
        }
        let page = report::html(folder)?;
        print(&report::table(&report::Summary::read(folder)?))?;
        print(&format!("{}\n", page.display()))
    }
}

/// Refuses a folder that does not hold a finished run.
pub(super) fn finished(run: &Path) -> Result<()> {
    use crate::run::folder::{State, state};
    if run.join("runs").is_dir() && run.join("years.parquet").is_dir() {
        let plan = run.join("plan.json");
        return Err(crate::sweep::plan::broken(&plan, "there is none"));
    }
    let remedy = match state(run)? {
        State::Finished => return Ok(()),
        State::Unfinished => "repeat its `fisc run` command to finish it",
        _ => "the output folder of a finished run, or of a sweep",
    };
    Err(Error::input("no finished run here")
        .value(run.display())
        .allowed(remedy))
}
