//! `fisc reform`: the measures of a reform, of a scenario's closed-form workers or of those of a
//! finished run.

mod json;
mod measures;
mod table;

use super::{Format, print, run};
use crate::error::{Error, Result};
use crate::fiscal::law::TaxLaw;
use crate::fiscal::optimum::{Effort, optimum_within};
use crate::fiscal::{Schedule, laws};
use crate::report::{LastStep, last_step};
use crate::run::Simulation;
use crate::run::laboratory::BASELINE;
use measures::{Modelled, Observed, Situation};
use std::path::PathBuf;

/// Arguments of `fisc reform`.
#[derive(Debug, clap::Args)]
pub struct ReformArguments {
    /// Scenario file, for its rational workers in closed form.
    #[arg(required_unless_present = "run")]
    scenario: Option<PathBuf>,
    /// Schedule before: a law as in `fisc tax`, `initial` (the scenario's) or `optimal` (computed).
    #[arg(value_name = "FROM", required_unless_present = "run")]
    before: Option<String>,
    /// Schedule after, likewise.
    #[arg(value_name = "TO", required_unless_present = "run")]
    after: Option<String>,
    /// Output folder of a finished run, for its workers as they were simulated.
    #[arg(long, value_name = "DIR", requires_all = ["from", "to"], conflicts_with_all = ["scenario", "before", "after", "set"])]
    run: Option<PathBuf>,
    /// Arm of the run before.
    #[arg(long, value_name = "ARM", requires = "run")]
    from: Option<String>,
    /// Arm of the run after.
    #[arg(long, value_name = "ARM", requires = "run")]
    to: Option<String>,
    /// Winners gain, and losers lose, more than this, $/year.
    #[arg(long, value_name = "DOLLARS", default_value_t = 100.0)]
    threshold: f64,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Change a key of the scenario.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ReformArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        if !(self.threshold.is_finite() && self.threshold >= 0.0) {
            return Err(Error::input("threshold of winners and losers")
                .value(self.threshold)
                .allowed("$/year, 0 or more"));
        }
        let text = match (&self.run, &self.scenario, &self.before, &self.after) {
            (Some(folder), ..) => {
                super::report::finished(folder)?;
                let arm = |name: &Option<String>| {
                    let name = name.as_deref().unwrap_or_default();
                    simulated(name, last_step(folder, name)?)
                };
                let (a, b) = (arm(&self.from)?, arm(&self.to)?);
                let observed = Observed::new(&a, &b, None, self.threshold)?;
                let title = format!("{}: workers as simulated", folder.display());
                match self.format {
                    Format::Table => table::text(&title, &a, &b, &observed, None),
                    Format::Json => pretty(&json::value(&title, &a, &b, &observed, None))?,
                }
            }
            (None, Some(path), Some(before), Some(after)) => {
                let simulation = run::load(path, &self.set)?;
                self.closed_form(&simulation, before, after)?
            }
            // Clap asks for them.
            _ => return Err(Error::input("a scenario with two schedules, or --run")),
        };
        print(&text)
    }

    fn closed_form(&self, simulation: &Simulation, before: &str, after: &str) -> Result<String> {
        let (society, scenario) = (simulation.counterpart(), simulation.scenario());
        let situation = |name: &str| -> Result<Situation> {
            let (schedule, grant) = schedule(simulation, name)?;
            let outcome = society.outcome(&schedule);
            let gap = outcome.rebate_gap;
            let mean = outcome.income.iter().sum::<f64>() / society.len() as f64;
            if !outcome.settled || gap > society.equilibrium_tolerance() * mean {
                return Err(Error::run(format!("{name}: workers do not come to rest"))
                    .value(format!("{gap:.2} $/year between rebate expected and paid")));
            }
            let name = match grant > 0.0 {
                true => format!("{name} (its grant of {grant} $ is part of the rebate)"),
                false => name.to_owned(),
            };
            Ok(Situation {
                name,
                schedule,
                outcome,
            })
        };
        let (a, b) = (situation(before)?, situation(after)?);
        let modelled = Modelled::new(society, &scenario.objective, &a, &b)?;
        let observed = Observed::new(&a, &b, Some(&modelled.variations), self.threshold)?;
        let mut title = format!(
            "{}: {} workers in closed form (language-model and adaptive workers taken to be rational)",
            scenario.name,
            society.len()
        );
        if scenario
            .workers
            .iter()
            .any(|group| group.adjustment_cost > 0.0)
        {
            title += "\nChanging hours costs, and hours before are those under taxes.initial: near it, responses and all\nthat follows from them (MVPF, weights, excess burden) are mostly inertia";
        }
        match self.format {
            Format::Table => Ok(table::text(&title, &a, &b, &observed, Some(&modelled))),
            Format::Json => pretty(&json::value(&title, &a, &b, &observed, Some(&modelled))),
        }
    }
}

/// A schedule by the name that the command line gives it, and the grant beside it, $/year.
fn schedule(simulation: &Simulation, name: &str) -> Result<(Schedule, f64)> {
    let scenario = simulation.scenario();
    match name {
        "initial" => Ok((scenario.taxes.initial.clone(), scenario.taxes.grant)),
        "optimal" => {
            let law = laws::find(BASELINE).ok_or_else(|| laws::unknown(BASELINE))?;
            let starts = [law.clone(), scenario.taxes.initial.clone()];
            let found = optimum_within(
                simulation.counterpart(),
                &scenario.taxes.edges,
                &scenario.objective,
                &starts,
                simulation.constraints(),
                Effort::default(),
            )?;
            Ok((found.schedule, 0.0))
        }
        law => {
            let law = TaxLaw::parse(law)?;
            Ok((law.schedule().clone(), law.grant()))
        }
    }
}

/// One arm's workers with the schedule that they were taxed by: the latest year's that gives the
/// recorded taxes.
fn simulated(arm: &str, last: LastStep) -> Result<Situation> {
    let explains = |schedule: &Schedule| {
        (last.income.iter().zip(&last.tax))
            .all(|(&z, t)| (schedule.tax(z) - t).abs() <= 1e-6 * z.abs().max(1.0))
    };
    let schedule = (last.schedules.iter().rev())
        .filter_map(|literal| Schedule::parse(literal).ok())
        .find(explains)
        .ok_or_else(|| {
            Error::run(format!(
                "{arm}: no schedule in years.parquet gives the taxes of step {}",
                last.step
            ))
        })?;
    Ok(Situation {
        name: arm.to_owned(),
        schedule,
        outcome: crate::fiscal::Outcome {
            income: last.income,
            tax: last.tax,
            disposable: last.disposable,
            ..Default::default()
        },
    })
}

fn pretty(value: &serde_json::Value) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Error::run(format!("writing JSON: {error}")))
}
