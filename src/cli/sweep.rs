//! `fisc sweep`.

use super::{note, print};
use crate::error::{Error, Result, one_line};
use crate::sweep::execute::{ABANDON, Event, Execution, FINISH, Swept, execute};
use crate::sweep::file::Sweep;
use crate::sweep::plan::{Plan, Shard};
use crate::sweep::probe::{Estimate, estimate};
use crate::sweep::store::{Failure, Store};
use crate::sweep::{codebook, collect};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Steps of the bar for each run.
const FINE: u64 = 100;

/// Arguments of `fisc sweep`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SweepArguments {
    #[command(subcommand)]
    elsewhere: Option<Elsewhere>,
    #[command(flatten)]
    here: Option<HereArguments>,
}

#[derive(Debug, clap::Subcommand)]
enum Elsewhere {
    /// Play a sweep on a cluster: Slurm, HyperQueue or Kubernetes.
    Submit(Box<super::submit::SubmitArguments>),
}

impl SweepArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        match (self.elsewhere, self.here) {
            (Some(Elsewhere::Submit(submit)), _) => submit.execute(),
            (None, Some(here)) => here.execute(),
            (None, None) => Err(Error::input("`fisc sweep` needs a sweep file")),
        }
    }
}

/// A sweep on this machine.
#[derive(Debug, clap::Args)]
struct HereArguments {
    /// Sweep file, or a plan that --plan wrote.
    sweep: PathBuf,
    /// Output folder [default: outputs/NAME].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Runs at a time, each in a process [default: the cores; 1 where a model runs on this machine].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Threads of each of these processes [default: the cores divided among them].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Play a part of the plan, such as 2/4: every fourth run from the second on.
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Play a few runs in a temporary folder, and say what the sweep will take.
    #[arg(long)]
    dry_run: bool,
    /// Seconds that --dry-run may play.
    #[arg(long, default_value_t = 30, requires = "dry_run")]
    probe_seconds: u64,
    /// Write the plan to a file and play nothing.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    plan: Option<PathBuf>,
    /// Take the finished runs of other output folders of this sweep, such as those of shards.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    collect: Vec<PathBuf>,
    /// CSV twins of the tables.
    #[arg(long)]
    csv: bool,
    /// No progress bar, nothing on stdout.
    #[arg(long)]
    quiet: bool,
}

impl HereArguments {
    fn execute(self) -> Result<()> {
        let (mut plan, text) = read(&self.sweep)?;
        plan.csv |= self.csv;
        if let Some(path) = &self.plan {
            writable("--plan", path)?;
            plan.write(path)?;
            return self.say(&format!(
                "{}: {}\n",
                path.display(),
                counted(plan.runs.len(), "run")
            ));
        }
        let shard = match &self.shard {
            Some(text) => Shard::read(text).map_err(|error| error.context("--shard"))?,
            None => Shard::ALL,
        };
        let out = (self.out.clone()).unwrap_or_else(|| Path::new("outputs").join(&plan.name));
        let store = Store::new(out);
        if plan.shard(shard).is_empty() {
            tracing::warn!(
                "shard {}/{} is empty: the sweep has {}",
                shard.index,
                shard.of,
                counted(plan.runs.len(), "run")
            );
        }
        let how = self.how(&plan, shard)?;
        if self.dry_run {
            return self.estimate(&plan, &store, &how);
        }
        store.prepare(&plan)?;
        codebook::write(&store, &plan)?;
        if let Some(text) = text {
            crate::run::tables::write_whole(&store.root.join("sweep.toml"), text.as_bytes())?;
        }
        for from in &self.collect {
            let taken = collect::collect(&store, &plan, from)?;
            self.say(&format!(
                "{}: {} taken\n",
                from.display(),
                counted(taken, "run")
            ))?;
        }
        let bar = self.bar();
        let swept = execute(&store, &plan, &how, &progress(&bar, &plan));
        bar.finish_and_clear();
        let swept = swept?;
        for damage in &swept.damage {
            tracing::warn!("{damage}");
        }
        if swept.commits.len() > 1 {
            tracing::warn!(
                "the runs were made by {} builds of fisc: {}",
                swept.commits.len(),
                swept.commits.join(", ")
            );
        }
        if !self.quiet {
            print(&in_words(&plan, &store, &swept, shard))?;
        }
        verdict(&plan, &store, &swept)
    }

    fn how(&self, plan: &Plan, shard: Shard) -> Result<Execution> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let local = plan
            .shard(shard)
            .iter()
            .any(|run| plan.point(run).is_ok_and(|point| point.local_model));
        let jobs = match self.jobs {
            Some(jobs) => usize::from(jobs),
            None if local => 1,
            None => cores,
        };
        let stop = Arc::new(AtomicU8::new(0));
        let asked = stop.clone();
        let handler = move || {
            let before = asked.load(Ordering::Relaxed);
            let next = if before == 0 { FINISH } else { ABANDON };
            asked.store(next, Ordering::Relaxed);
            if before == 0 {
                note("\nfinishing the runs in progress; Ctrl-C again gives them up");
            }
        };
        ctrlc::set_handler(handler)
            .map_err(|error| Error::run(format!("listening for Ctrl-C: {error}")))?;
        Ok(Execution {
            jobs,
            shard,
            threads: match self.threads {
                Some(threads) => usize::from(threads),
                None => (cores / jobs).max(1),
            },
            program: std::env::current_exe()
                .map_err(|error| Error::run(format!("finding fisc itself: {error}")))?,
            stop,
        })
    }

    fn estimate(&self, plan: &Plan, store: &Store, how: &Execution) -> Result<()> {
        let bar = match self.quiet {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner().with_message("playing a few runs"),
        };
        bar.enable_steady_tick(Duration::from_millis(120));
        let budget = Duration::from_secs(self.probe_seconds);
        let found = estimate(plan, store, how, budget, &|_| {});
        bar.finish_and_clear();
        let found = found?;
        print(&estimated(plan, &found, how))?;
        match (&found.wall_seconds, found.failures.first()) {
            (None, Some(failure)) => Err(Error::run(format!(
                "every run of the probe failed: {failure}"
            ))),
            _ => Ok(()),
        }
    }

    fn bar(&self) -> ProgressBar {
        if self.quiet {
            return ProgressBar::hidden();
        }
        // Hidden by itself when stderr is not a terminal.
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{bar:30} {msg}, {elapsed} gone, {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    }

    fn say(&self, text: &str) -> Result<()> {
        match self.quiet {
            true => Ok(()),
            false => print(text),
        }
    }
}

/// The plan of a sweep file, with the file's text, or a plan file.
pub fn read(path: &Path) -> Result<(Plan, Option<String>)> {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return Ok((Plan::read(path)?, None));
    }
    let sweep = Sweep::load(path)?;
    for warning in &sweep.warnings {
        tracing::warn!("{warning}");
    }
    let plan = Plan::of(&sweep).map_err(|error| error.context(path.display().to_string()))?;
    Ok((plan, Some(sweep.text)))
}

/// Whether a file is a sweep file and not a scenario: it names a base, or says what varies.
pub fn is_sweep(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let table = text.parse::<toml::Table>();
    table.is_ok_and(|table| {
        ["base", "grid", "sample"]
            .iter()
            .any(|key| table.contains_key(*key))
    })
}

/// Refuses a file that cannot be written, where an option names it.
fn writable(option: &str, path: &Path) -> Result<()> {
    let wrong = |error: std::io::Error| Err(Error::unwritable(option, "file", path, &error));
    if path.is_dir() {
        return wrong(std::io::ErrorKind::IsADirectory.into());
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(()),
        Err(error) => wrong(error),
    }
}

/// What `fisc check` says of a sweep file.
pub fn checked(path: &Path) -> Result<String> {
    let (plan, _) = read(path)?;
    Ok(format!(
        "{}: ok (points: {}, seeds: {}, runs: {})\n",
        path.display(),
        plan.points.len(),
        plan.seeds.len(),
        plan.runs.len()
    ))
}

/// Moves the bar as runs go on.
fn progress<'a>(bar: &'a ProgressBar, plan: &'a Plan) -> impl Fn(Event) + Sync + 'a {
    #[derive(Default)]
    struct Seen {
        all: usize,
        finished: usize,
        failed: usize,
        cost: f64,
        waiting: bool,
        fractions: std::collections::BTreeMap<usize, f64>,
    }
    let seen = Mutex::new(Seen::default());
    move |event| {
        let Ok(mut seen) = seen.lock() else { return };
        match event {
            Event::Begin(runs) => {
                seen.all = runs;
                bar.set_length(runs as u64 * FINE);
            }
            Event::Waiting { .. } => {
                if !std::mem::replace(&mut seen.waiting, true) {
                    bar.suspend(|| note("another fisc plays runs of this folder; waiting for it"));
                }
            }
            Event::Progress { worker, fraction } => {
                seen.fractions.insert(worker, fraction);
            }
            Event::Finished { worker, cost, .. } => {
                seen.fractions.remove(&worker);
                seen.finished += 1;
                seen.cost += cost;
            }
            Event::Failed {
                worker,
                run,
                failure,
            } => {
                seen.fractions.remove(&worker);
                seen.failed += 1;
                bar.suspend(|| note(&why(plan, &run, &failure)));
            }
        }
        let over = (seen.finished + seen.failed) as f64 + seen.fractions.values().sum::<f64>();
        bar.set_position((over * FINE as f64) as u64);
        let mut message = format!("{}/{} runs", seen.finished + seen.failed, seen.all);
        if seen.failed > 0 {
            message.push_str(&format!(", {} failed", seen.failed));
        }
        if seen.cost > 0.0 {
            message.push_str(&format!(", ${:.2}", seen.cost));
        }
        bar.set_message(message);
    }
}

/// A run with its values: `run 1f00… (planner_kind optimal, seed 7)`.
fn name(plan: &Plan, run: &str) -> String {
    let Some((planned, point)) = plan
        .run(run)
        .and_then(|planned| Some((planned, plan.point(planned).ok()?)))
    else {
        return format!("run {run}");
    };
    let mut values: Vec<String> = plan
        .keys
        .iter()
        .filter_map(|key| {
            let value = point.values.get(&key.key)?;
            let text = value.as_str().map_or(value.to_string(), str::to_owned);
            Some(format!("{} {text}", key.column))
        })
        .collect();
    values.push(format!("seed {}", planned.seed));
    format!("run {run} ({})", values.join(", "))
}

fn in_words(plan: &Plan, store: &Store, swept: &Swept, shard: Shard) -> String {
    let tally = swept.tally;
    let mut text = format!(
        "{}: {} finished of {}",
        plan.name,
        tally.finished,
        counted(plan.runs.len(), "run")
    );
    if tally.failed > 0 {
        text.push_str(&format!(", {} failed", tally.failed));
    }
    if tally.pending > 0 {
        text.push_str(&format!(", {} to do", tally.pending));
    }
    text.push_str(&format!(
        ". Now: {} played, {} there before",
        swept.played, swept.skipped
    ));
    if swept.mended > 0 {
        text.push_str(&format!(", rows of {} made again", swept.mended));
    }
    if swept.elsewhere > 0 {
        text.push_str(&format!(
            ", {} played by another fisc meanwhile",
            swept.elsewhere
        ));
    }
    if shard != Shard::ALL {
        text.push_str(&format!(", shard {}/{}", shard.index, shard.of));
    }
    text.push_str(".\n");
    if swept.strangers > 0 {
        text.push_str(&format!(
            "{} of an earlier plan stay in runs/ and are in no table.\n",
            counted(swept.strangers, "run")
        ));
    }
    text.push_str(&format!(
        "Tables: {root}/runs.parquet, years.parquet/, summary.parquet/; what they hold: {root}/README.md\nResults: sha256 {}\n",
        swept.sha256,
        root = store.root.display()
    ));
    if shard != Shard::ALL && tally.pending > 0 {
        text.push_str(&format!(
            "Next: the other shards; what they wrote to other folders comes here with `fisc sweep SWEEP --out \
             {} --collect FOLDER …`\n",
            store.root.display()
        ));
    } else if tally.finished > 0 {
        text.push_str(&format!(
            "Next: fisc compare {root}, fisc report {root}\n",
            root = store.root.display()
        ));
    }
    text
}

/// A failure on one line.
fn why(plan: &Plan, run: &str, failure: &Failure) -> String {
    format!(
        "{} failed ({}): {}",
        name(plan, run),
        failure.stage,
        one_line(&failure.message)
    )
}

/// Exit code 1 unless every run of the shard has finished.
fn verdict(plan: &Plan, store: &Store, swept: &Swept) -> Result<()> {
    let first = (swept.failures.first()).map(|(run, failure)| why(plan, run, failure));
    let message = match (&swept.stopped, first) {
        (None, None) => return Ok(()),
        (Some(stopped), None) => format!("the sweep stopped: {stopped}"),
        (Some(stopped), Some(first)) => format!("the sweep stopped: {stopped}\n{first}"),
        (None, Some(first)) => format!(
            "{} of {} failed; the first:\n{first}",
            swept.failures.len(),
            counted(swept.failures.len() + swept.played, "run"),
        ),
    };
    Err(Error::run(message).allowed(format!(
        "once the cause is mended, the same command plays what is missing; all failures: column \
         `message` of {}",
        store.root.join("runs.parquet").display()
    )))
}

fn estimated(plan: &Plan, found: &Estimate, how: &Execution) -> String {
    let mut text = format!(
        "{}: {} ({} × {})",
        plan.name,
        counted(found.runs, "run"),
        counted(plan.points.len(), "point"),
        counted(plan.seeds.len(), "seed"),
    );
    if found.finished > 0 {
        text.push_str(&format!(", {} finished already", found.finished));
    }
    text.push('\n');
    let open = found.runs - found.finished;
    if open == 0 {
        return text + "Nothing is left to play.\n";
    }
    let Some(seconds) = found.wall_seconds else {
        return text + "No run of the probe finished: nothing can be said of time and cost.\n";
    };
    text.push_str(&format!(
        "time       about {} for {} with {} at a time\n",
        duration(seconds),
        counted(open, "run"),
        how.jobs
    ));
    text.push_str(&format!(
        "decisions  {} of language models\n",
        whole(found.decisions)
    ));
    text.push_str(&format!("tokens     {}\n", whole(found.tokens)));
    text.push_str(&format!("cost       ${:.2}\n", found.cost));
    text.push_str(&format!("storage    about {}\n", bytes(found.bytes)));
    text.push_str(&format!(
        "(measured: one run of {} of {} played in {}{})\n",
        found.probed,
        counted(found.points, "point"),
        duration(found.probe_seconds),
        if found.shortened {
            ", those with a model for their first two tax years"
        } else {
            ""
        }
    ));
    for failure in &found.failures {
        text.push_str(&format!("failed in the probe: {failure}\n"));
    }
    text
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn whole(number: f64) -> String {
    crate::report::grouped(number, 0)
}

fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..=1 => format!("{seconds:.1} s"),
        2..=119 => format!("{whole} s"),
        120..=7199 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

fn bytes(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{:.1} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.0} MB", n / 1e6),
        n => format!("{:.0} kB", n / 1e3),
    }
}
