//! The command line: arguments in, text and exit codes out; no economics.

mod ask;
mod audit;
mod compare;
mod frontier;
mod interview;
mod model;
mod optimum;
mod package;
mod reform;
mod report;
mod run;
mod submit;
mod sweep;
mod tax;

use crate::error::{Error, Result};
use crate::scenario;
use clap::{Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::PathBuf;

/// Tax policy on a society of language-model and rational workers, measured against the exact optimum.
#[derive(Debug, Parser)]
#[command(name = "fisc", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a scenario and write its output folder.
    Run(run::RunArguments),
    /// Play many runs: a base scenario over a grid, a list or a sample of values, with several seeds.
    Sweep(sweep::SweepArguments),
    /// Plays runs of a sweep as they come in.
    #[command(hide = true)]
    SweepWorker {
        /// The sweep's output folder.
        root: PathBuf,
        /// Threads.
        threads: usize,
    },
    /// Check scenario and sweep files without running them.
    Check {
        /// Scenario or sweep files.
        #[arg(required = true)]
        scenarios: Vec<PathBuf>,
    },
    /// Put a scenario's workers through controlled experiments: elasticities, placebos, paraphrases, power.
    Audit(audit::AuditArguments),
    /// Tax, average and marginal rate on incomes, as CSV.
    Tax {
        /// A law: parts joined by + such as us-2024, income-2024+payroll-2024+eitc-2024-2,
        /// ubi-12000, nit-15000-0.5, "deduct-5000(us-2024)", or 0:0.10,11600:0.12 (see docs/laws.md).
        #[arg(value_name = "LAW")]
        law: String,
        /// Incomes in $/year.
        #[arg(required = true, allow_negative_numbers = true)]
        incomes: Vec<String>,
        /// Change a number of the law: rates.K, edges.K (K counts brackets from 1) or grant.
        #[arg(long = "reform", value_name = "KEY=NUMBER")]
        reform: Vec<String>,
    },
    /// The optimum of a scenario's economy: its brackets, any tax at all, simpler taxes, baselines.
    Optimum {
        /// Scenario file.
        scenario: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        /// Change a key of the scenario.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Schedules under several objectives at once: optima, regret, the undominated ones, who beats whom.
    Frontier(frontier::FrontierArguments),
    /// What a reform does: revenue, welfare, who wins, elasticities, excess burden, MVPF, weights, bunching.
    Reform(reform::ReformArguments),
    /// The optimal income tax of Mirrlees (1971): ln c + ln(1 − l), lognormal skills; as CSV.
    Mirrlees {
        /// Mean of log skills.
        #[arg(long, default_value_t = -1.0, allow_negative_numbers = true)]
        mean: f64,
        /// Standard deviation of log skills.
        #[arg(long, default_value_t = 0.39)]
        sigma: f64,
        /// Consumption as a share of output.
        #[arg(long, default_value_t = 0.93)]
        consumption_share: f64,
    },
    /// Compare planners, or any swept key, seed by seed: differences, intervals, tests, warnings.
    Compare(compare::CompareArguments),
    /// Draw the figures of a finished run or of a sweep (SVG, PNG, CSV).
    Plot(report::PlotArguments),
    /// Write the HTML page of a finished run, audit or sweep, and print its table.
    Report(report::ReportArguments),
    /// Answer a question about a finished run with a chart: a language model proposes, the tables judge.
    Ask(ask::AskArguments),
    /// Write a scenario file from an economist's answers to questions: a person's, or a model's.
    Interview(interview::InterviewArguments),
    /// Put a finished run or sweep, and all that is needed to get its numbers again, into one folder.
    Package(package::PackageArguments),
    /// Make all numbers of a package, run or sweep again without a model, and compare.
    Verify(package::VerifyArguments),
    /// Language models that can be fetched by name.
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Generated reference pages.
    #[command(subcommand)]
    Docs(DocsCommand),
}

#[derive(Debug, Subcommand)]
enum DocsCommand {
    /// Every key of a scenario file, as Markdown (docs/scenario.md).
    Scenario,
    /// Every key of a sweep file, as Markdown (docs/sweep-file.md).
    Sweep,
    /// Rewards, preference models and policy optimisers, as Markdown (docs/methods.md).
    Methods,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For reading.
    Table,
    /// For programs.
    Json,
}

/// Runs the program on the process's arguments.
///
/// # Errors
/// As the command; [`Error::exit_code`] is the process's.
pub fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .without_time()
        .with_target(false)
        .log_internal_errors(false)
        .init();
    match arguments.command {
        Command::Run(run) => run.execute(),
        Command::Sweep(sweep) => sweep.execute(),
        Command::SweepWorker { root, threads } => crate::sweep::worker::work(&root, threads),
        Command::Check { scenarios } => check(&scenarios),
        Command::Audit(audit) => audit.execute(),
        Command::Tax {
            law,
            incomes,
            reform,
        } => tax::tax(&law, &reform, &incomes),
        Command::Optimum {
            scenario,
            format,
            set,
        } => optimum::optimum(&scenario, format, &set),
        Command::Frontier(frontier) => frontier.execute(),
        Command::Reform(reform) => reform.execute(),
        Command::Mirrlees {
            mean,
            sigma,
            consumption_share,
        } => optimum::mirrlees(&crate::fiscal::mirrlees::model_1971::Model {
            mean,
            sigma,
            consumption_share,
        }),
        Command::Compare(compare) => compare.execute(),
        Command::Plot(plot) => plot.execute(),
        Command::Report(report) => report.execute(),
        Command::Ask(ask) => ask.execute(),
        Command::Interview(interview) => interview.execute(),
        Command::Package(package) => package.execute(),
        Command::Verify(verify) => verify.execute(),
        Command::Model(command) => command.execute(),
        Command::Docs(DocsCommand::Scenario) => print(&scenario::reference()),
        Command::Docs(DocsCommand::Sweep) => print(&crate::sweep::reference()),
        Command::Docs(DocsCommand::Methods) => print(&crate::methods::reference()),
    }
}

/// Checks every file; the errors of all but the last wrong one are printed here.
fn check(files: &[PathBuf]) -> Result<()> {
    let mut wrong: Option<Error> = None;
    for path in files {
        let checked = match sweep::is_sweep(path) {
            true => sweep::checked(path),
            false => run::load(path, &[]).map(|checked| {
                format!(
                    "{}: ok (workers: {}, arms: {})\n",
                    path.display(),
                    checked.people().len(),
                    checked.arms().len()
                )
            }),
        };
        match checked {
            Ok(text) => print(&text)?,
            Err(error) => {
                if let Some(before) = wrong.replace(error) {
                    note(&format!("error: {before}"));
                }
            }
        }
    }
    wrong.map_or(Ok(()), Err)
}

/// Writes a line to stderr, where anybody still reads it.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// From now on Ctrl-C ends the program with a word on how to go on; exit code 130, as shells have it.
///
/// # Errors
/// Signals cannot be listened for.
fn say_when_interrupted() -> Result<()> {
    let end = || {
        note("\ninterrupted; the same command goes on from what is on file");
        std::process::exit(130)
    };
    ctrlc::set_handler(end).map_err(|error| Error::run(format!("listening for Ctrl-C: {error}")))
}

/// Writes to stdout; a reader who has gone away (`| head`) is no failure.
fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::run(format!("writing to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
