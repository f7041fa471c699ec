//! `fisc audit`.

use super::print;
use crate::audit::output::{Effort, audit_into};
use crate::error::{Error, Result};
use crate::report;
use crate::run::{Options, Simulation, Start};
use crate::scenario;
use std::path::PathBuf;

/// Arguments of `fisc audit`.
#[derive(Debug, clap::Args)]
pub struct AuditArguments {
    /// Scenario file.
    scenario: PathBuf,
    /// Output folder [default: outputs/NAME-SEED-audit].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Workers of each group, at even quantiles of their wages.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    workers: u16,
    /// Answers without a grammar that each worker writes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=1000))]
    written: u16,
    /// Draws that stand for a distribution where a server gives no probabilities.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    draws: u16,
    /// Workers of each group whose hours are compared with those of people; 0 compares none.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    compared: u32,
    /// Seed of all random streams, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Change a key of the scenario (again for more keys).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Take every answer from the audit's transcript instead of a model, and compare the findings.
    #[arg(long)]
    replay: bool,
    /// Threads [default: all cores].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Replace what stands in the output folder.
    #[arg(long)]
    force: bool,
    /// Print nothing.
    #[arg(long)]
    quiet: bool,
}

impl AuditArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        let mut set = self.set;
        set.extend(self.seed.map(|seed| format!("seed={seed}")));
        let load = if self.replay {
            scenario::load_for_replay
        } else {
            scenario::load
        };
        let simulation = Simulation::new(load(&self.scenario, &set)?)
            .map_err(|error| error.context(self.scenario.display().to_string()))?;
        let options = Options {
            out: self.out,
            force: self.force,
            replay: self.replay,
            from: None,
            threads: self.threads.map(usize::from),
        };
        let effort = Effort {
            workers: usize::from(self.workers),
            written: u32::from(self.written),
            draws: u32::from(self.draws),
            compared: self.compared as usize,
        };
        let bar = if self.quiet {
            indicatif::ProgressBar::hidden()
        } else {
            indicatif::ProgressBar::new_spinner()
        };
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        let finished = audit_into(&simulation, &options, effort, &|group: &str| {
            bar.set_message(format!("asking {group}"));
        });
        bar.finish_and_clear();
        let finished = finished?;
        if let Start::Resumed(answers) = finished.start {
            tracing::warn!("resumed an interrupted audit with {answers} answers on file");
        }
        if let Start::Replay(original) = &finished.start {
            let bytes = |folder: &PathBuf| std::fs::read(folder.join("audit.json"));
            let same = bytes(&finished.folder).is_ok_and(|a| bytes(original).is_ok_and(|b| a == b));
            return if same {
                if self.quiet {
                    return Ok(());
                }
                print(&format!(
                    "Replay of {} without a model:\n  audit.json  identical\n",
                    original.display()
                ))
            } else {
                Err(
                    Error::run("the replay's findings differ from the audit's").allowed(
                        "the same scenario, seed, effort and fisc version (see its manifest.json)",
                    ),
                )
            };
        }
        let page = report::audit_html(&finished.folder)?;
        if !self.quiet {
            print(&report::audit_text(&finished.audit))?;
            print(&format!("\nPage: {}\n", page.display()))?;
        }
        Ok(())
    }
}
