//! `fisc package` and `fisc verify`.

use super::print;
use crate::error::{Error, Result};
use crate::replication::{
    self, Compared, Options, PackOptions, Told, Verdict, Verification, package, verify,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `fisc package`.
#[derive(Debug, clap::Args)]
pub struct PackageArguments {
    /// Output folder of a finished run or sweep.
    folder: PathBuf,
    /// The package [default: FOLDER-package].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Replace a package that is there.
    #[arg(long)]
    force: bool,
    /// Do not play everything again before the package appears.
    #[arg(long)]
    unverified: bool,
    /// Runs that are played again at a time [default: the cores].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// No progress bar, nothing on stdout.
    #[arg(long)]
    quiet: bool,
}

impl PackageArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        let bar = bar(self.quiet);
        let options = PackOptions {
            out: self.out,
            force: self.force,
            unverified: self.unverified,
            jobs: self.jobs.map(usize::from),
        };
        let packed = package(&self.folder, &options, &|told| tell(&bar, told));
        bar.finish_and_clear();
        let packed = packed?;
        if self.quiet {
            return Ok(());
        }
        let mut text = format!(
            "{}: {} files, {:.1} MB\n",
            packed.folder.display(),
            packed.files,
            packed.bytes as f64 / 1e6
        );
        if packed.failed > 0 {
            text.push_str(&format!(
                "not in it: {} of {} runs, which failed (its README says so)\n",
                packed.failed,
                packed.failed + packed.runs
            ));
        }
        text.push_str(&match &packed.verification {
            Some(found) => format!(
                "played again: all {} results agree\n",
                found.results().count()
            ),
            None => "not played again (--unverified)\n".to_owned(),
        });
        text.push_str("next: complete README.md where it says AUTHORS; anybody checks the package with `fisc verify`\n");
        print(&text)
    }
}

/// Arguments of `fisc verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArguments {
    /// A package, or the output folder of a finished run or sweep.
    folder: PathBuf,
    /// Relative difference of numbers up to which they agree, such as 1e-9.
    #[arg(long, default_value_t = 0.0, value_parser = tolerance)]
    tolerance: f64,
    /// Runs that are played again at a time [default: the cores].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// No progress bar, nothing on stdout.
    #[arg(long)]
    quiet: bool,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if (0.0..1.0).contains(&x) => Ok(x),
        _ => Err("a number of at least 0 and less than 1, such as 1e-9".into()),
    }
}

impl VerifyArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        let bar = bar(self.quiet);
        let options = Options {
            tolerance: self.tolerance,
            jobs: self.jobs.map(usize::from),
        };
        let found = verify(&self.folder, &options, &|told| tell(&bar, told));
        bar.finish_and_clear();
        let found = found?;
        if self.json {
            let text = serde_json::to_string_pretty(&replication::verify::as_json(&found))
                .map_err(|error| Error::run(format!("writing JSON: {error}")))?;
            print(&format!("{text}\n"))?;
        } else if !self.quiet {
            print(&in_words(&found))?;
        }
        let wrong = found.wrong();
        if found.agrees() {
            return Ok(());
        }
        Err(Error::run(format!(
            "{} does not verify:\n  {}",
            self.folder.display(),
            wrong.join("\n  ")
        )))
    }
}

fn bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    // Hidden by itself when stderr is not a terminal.
    let bar = ProgressBar::new(1);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {elapsed} gone  {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn tell(bar: &ProgressBar, told: Told) {
    match told {
        Told::Checksums => bar.set_message("checksums"),
        Told::Runs(runs) => bar.set_length(runs as u64),
        Told::Step(arm) => bar.set_message(arm.to_owned()),
        Told::Replayed(_) => bar.inc(1),
        Told::Merging => bar.set_message("tables of all runs"),
    }
}

/// Most runs that are shown file by file.
const SHOWN: usize = 12;

fn in_words(found: &Verification) -> String {
    let mut text = String::new();
    let total = found.intact + found.faults.len();
    match found.faults.is_empty() {
        true => text.push_str(&format!("checksums: {total} files intact\n")),
        false => {
            text.push_str(&format!(
                "checksums: {} of {total} files intact\n",
                found.intact
            ));
            for fault in &found.faults {
                text.push_str(&format!("  {}: {}\n", fault.file, fault.what));
            }
        }
    }
    for note in &found.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    let runs = found.runs.len();
    text.push_str(&format!(
        "{} played again without a model:\n",
        if runs == 1 {
            "run".to_owned()
        } else {
            format!("{runs} runs")
        }
    ));
    let mut quiet = 0;
    for run in &found.runs {
        let good = run.failure.is_none() && run.files.iter().all(|file| file.verdict.agrees());
        if good && runs > SHOWN {
            quiet += 1;
            continue;
        }
        if let Some(failure) = &run.failure {
            let name = if run.folder.is_empty() {
                "the run"
            } else {
                &run.folder
            };
            text.push_str(&format!("  {name}: NOT PLAYED: {failure}\n"));
        }
        lines(&mut text, &run.files);
    }
    if quiet > 0 {
        let files: usize = found.runs.iter().map(|run| run.files.len()).sum();
        text.push_str(&format!("  {quiet} of {runs} runs agree in all their files ({files} files of all runs compared)\n"));
    }
    if !found.merged.is_empty() {
        text.push_str("tables and figures of all runs together:\n");
        let part = |file: &&Compared| file.file.contains(".parquet/") && file.verdict.agrees();
        let parts = found.merged.iter().filter(part).count();
        if parts > 0 {
            text.push_str(&format!(
                "  {parts} parts of years.parquet and summary.parquet agree\n"
            ));
        }
        let rest: Vec<Compared> = found
            .merged
            .iter()
            .filter(|file| !part(file))
            .cloned()
            .collect();
        lines(&mut text, &rest);
    }
    let (all, good) = (
        found.results().count(),
        found.results().filter(|file| file.verdict.agrees()).count(),
    );
    text.push_str(&match found.agrees() {
        true => format!("all {all} results agree\n"),
        false => format!("{good} of {all} results agree\n"),
    });
    text
}

fn lines(text: &mut String, files: &[Compared]) {
    let width = files.iter().map(|file| file.file.len()).max().unwrap_or(0);
    for file in files {
        let verdict = match &file.verdict {
            Verdict::Identical => "identical".to_owned(),
            Verdict::SameValues => "the same values, in other bytes".to_owned(),
            Verdict::Within(most) => format!("agrees within {most:.1e}"),
            Verdict::Differs(what) => format!("DIFFERS: {what}"),
            Verdict::Absent(what) => format!("NOT COMPARED: {what}"),
        };
        text.push_str(&format!("  {:width$}  {verdict}\n", file.file));
    }
}
