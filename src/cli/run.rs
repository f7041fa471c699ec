//! `fisc run`.

use super::{print, say_when_interrupted};
use crate::error::{Error, Result};
use crate::report;
use crate::run::{Options, Simulation, Start, output, run_into};
use crate::scenario::{self, Scenario};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// Arguments of `fisc run`.
#[derive(Debug, clap::Args)]
pub struct RunArguments {
    /// Scenario file.
    scenario: PathBuf,
    /// Output folder [default: outputs/NAME-SEED].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Seed of all random streams, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Change a key of the scenario, such as planner.kind=optimal (again for more keys).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Take every answer from a run's transcript instead of a model, and compare the results.
    #[arg(long)]
    replay: bool,
    /// The run to replay [default: the output folder].
    #[arg(long, requires = "replay")]
    from: Option<PathBuf>,
    /// Threads [default: all cores].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Replace what stands in the output folder.
    #[arg(long)]
    force: bool,
    /// No progress bar, no table.
    #[arg(long)]
    quiet: bool,
}

/// Loads a scenario and draws its population.
pub fn load(path: &Path, set: &[String]) -> Result<Simulation> {
    simulation(path, scenario::load(path, set)?)
}

fn simulation(path: &Path, scenario: Scenario) -> Result<Simulation> {
    Simulation::new(scenario).map_err(|error| error.context(path.display().to_string()))
}

impl RunArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        if let Some(threads) = self.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(usize::from(threads))
                .build_global()
                .map_err(|error| Error::run(format!("starting threads: {error}")))?;
        }
        let mut set = self.set;
        set.extend(self.seed.map(|seed| format!("seed={seed}")));
        // A replay needs no model, so its file may be gone.
        let load = if self.replay {
            scenario::load_for_replay
        } else {
            scenario::load
        };
        let simulation = simulation(&self.scenario, load(&self.scenario, &set)?)?;
        let options = Options {
            out: self.out,
            force: self.force,
            replay: self.replay,
            from: self.from,
            threads: self.threads.map(usize::from),
        };
        if !options.replay {
            say_when_interrupted()?;
        }
        let bar = if self.quiet {
            ProgressBar::hidden()
        } else {
            progress_bar(&simulation)
        };
        let finished = run_into(&simulation, &options, &|arm: &str| {
            bar.set_message(arm.to_owned());
            bar.inc(1);
        });
        bar.finish_and_clear();
        let finished = finished?;
        if let Start::Resumed(answers) = finished.start {
            tracing::warn!("resumed an interrupted run with {answers} answers on file");
        }
        if matches!(finished.start, Start::Replay(_)) {
            return compare(simulation.scenario(), &finished, self.quiet);
        }
        let page = report::html(&finished.folder)?;
        if !self.quiet {
            let summary = report::Summary::read(&finished.folder)?;
            print(&report::table(&summary))?;
            let profile = report::profile(&summary.profile);
            if !profile.is_empty() {
                print(&format!("\n{profile}"))?;
            }
            print(&format!("\nReport: {}\n", page.display()))?;
        }
        Ok(())
    }
}

fn progress_bar(simulation: &Simulation) -> ProgressBar {
    let steps = simulation.arms().len() as u64 * u64::from(simulation.scenario().steps);
    // Hidden by itself when stderr is not a terminal.
    let bar = ProgressBar::new(steps);
    let style = ProgressStyle::with_template(
        "{bar:30} {pos}/{len} steps, {elapsed} gone, {eta} left  {msg}",
    );
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// Says file by file whether a replay gave the same bytes; exit code 1 if not.
fn compare(scenario: &Scenario, finished: &output::Finished, quiet: bool) -> Result<()> {
    let Start::Replay(original) = &finished.start else {
        return Ok(());
    };
    let mut differing = Vec::new();
    let mut text = format!("Replay of {} without a model:\n", original.display());
    for name in [
        "steps.parquet",
        "years.parquet",
        "workers.parquet",
        "decisions.parquet",
        "ballots.parquet",
        "rewards.parquet",
        "comparisons.parquet",
    ] {
        let (ours, theirs) = (finished.folder.join(name), original.join(name));
        if !ours.exists() && !theirs.exists() {
            continue;
        }
        let verdict = match (std::fs::read(&ours), std::fs::read(&theirs)) {
            (Ok(a), Ok(b)) if a == b => "identical",
            (Ok(_), Err(_)) => "not in the original (unfinished)",
            _ => {
                differing.push(name);
                "DIFFERS"
            }
        };
        text.push_str(&format!("  {name:18} {verdict}\n"));
    }
    if !quiet {
        print(&text)?;
    }
    if differing.is_empty() {
        return Ok(());
    }
    let error = Error::run(format!(
        "the replay differs from the run in {}",
        differing.join(", ")
    ))
    .allowed("the same scenario, seed and fisc version as the run's (see its manifest.json)");
    let changed = output::changed_inputs(original, &output::inputs(scenario)?);
    Err(changed.into_iter().fold(error, |error, role| {
        error.hint(format!(
            "the same {} (`{}` names a file that has changed since)",
            role.in_words(),
            role.key()
        ))
    }))
}
