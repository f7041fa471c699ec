//! `fisc compare`: arms over seeds, of runs or sweeps.

use super::print;
use crate::error::{Error, Result};
use crate::report::comparison::{Over, Question, compare};
use crate::statistics::Settings;
use std::path::PathBuf;

/// How to print a comparison.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For reading.
    Table,
    /// Everything, for programs.
    Json,
    /// One row per group and arm, numbers in full.
    Csv,
    /// A table for a paper (booktabs).
    Latex,
}

/// Tax years that count.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Years {
    /// The last one: the mean over its steps.
    LastYear,
    /// The mean over the last third of them, rounded down, at least one.
    LastThird,
    /// The mean over all.
    All,
}

/// Arguments of `fisc compare`.
#[derive(Debug, clap::Args)]
pub struct CompareArguments {
    /// Output folders of sweeps, or of finished runs of one scenario with different seeds.
    #[arg(required = true, value_name = "RUN|SWEEP")]
    folders: Vec<PathBuf>,
    /// Compare along a varied key (again for more); `arm` is the planners.
    #[arg(long, value_name = "KEY", default_value = "arm")]
    by: Vec<String>,
    /// Arm that the others are compared with [default: saez-fixed-point, else the U.S. law, else
    /// the first arm].
    #[arg(long, value_name = "ARM")]
    against: Option<String>,
    /// Column of years.parquet, such as welfare, gini_disposable or labor_mean.
    #[arg(long, value_name = "COLUMN", default_value = "welfare")]
    outcome: String,
    /// Tax years that count.
    #[arg(long, value_enum, default_value_t = Years::LastThird)]
    over: Years,
    /// Coverage of the intervals.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// Share of the attainable gain that counts as no difference.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    margin: f64,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl CompareArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        if !(0.5..=0.999).contains(&self.level) {
            return Err(Error::input("`--level`: coverage of the intervals")
                .value(self.level)
                .allowed("0.5 to 0.999, such as 0.95"));
        }
        if !(0.0..=1.0).contains(&self.margin) {
            return Err(Error::input("`--margin`: share of the attainable gain")
                .value(self.margin)
                .allowed("0 to 1, such as 0.05"));
        }
        let comparison = compare(
            &self.folders,
            &Question {
                by: self.by,
                against: self.against,
                outcome: self.outcome,
                over: match self.over {
                    Years::LastYear => Over::LastYear,
                    Years::LastThird => Over::LastThird,
                    Years::All => Over::All,
                },
                margin: self.margin,
                settings: Settings {
                    level: self.level,
                    ..Settings::default()
                },
            },
        )?;
        match self.format {
            Format::Table => print(&comparison.text()),
            Format::Csv => print(&comparison.csv()),
            Format::Latex => print(&comparison.latex()),
            Format::Json => {
                let text = serde_json::to_string_pretty(&comparison)
                    .map_err(|error| Error::run(format!("writing JSON: {error}")))?;
                print(&format!("{text}\n"))
            }
        }
    }
}
