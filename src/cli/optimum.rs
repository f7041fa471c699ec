//! `fisc optimum`: the optimum of a scenario's economy and how near the baselines come.

use super::{Format, print, run};
use crate::error::{Error, Result};
use crate::fiscal::optimum::{Effort, Optimum, best_flat, optimum as search};
use crate::fiscal::{Schedule, laws, saez};
use serde_json::json;
use std::path::Path;

/// Prints the exact optimum of the scenario's closed-form economy beside the baselines.
pub fn optimum(path: &Path, format: Format, set: &[String]) -> Result<()> {
    let simulation = run::load(path, set)?;
    let scenario = simulation.scenario();
    let society = simulation.counterpart();
    let objective = &scenario.objective;
    let taxes = &scenario.taxes;
    let us = laws::find("us-2024").ok_or_else(|| laws::unknown("us-2024"))?;
    let bar = indicatif::ProgressBar::new_spinner().with_message("searching the optimum");
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    let starts = [us.clone(), taxes.initial.clone()];
    let found = search(
        society,
        &taxes.edges,
        objective,
        &starts,
        taxes.allow_subsidy,
        Effort::default(),
    );
    let elasticity = society.economy().elasticity();
    let fixed = saez::fixed_point(
        society,
        &taxes.initial,
        objective,
        elasticity,
        taxes.allow_subsidy,
    );
    let (flat, _) = best_flat(society, objective);
    bar.finish_and_clear();
    let rows: Vec<(&str, Schedule)> = vec![
        ("optimal", found.schedule.clone()),
        ("saez-fixed-point", fixed.schedule),
        ("flat", flat),
        ("us-2024", us.clone()),
        ("none", Schedule::zero(&taxes.edges)?),
    ];
    let welfare_us = society.welfare(us, objective);
    let rows: Vec<(&str, Schedule, f64, f64)> = rows
        .into_iter()
        .map(|(name, schedule)| {
            let welfare = society.welfare(&schedule, objective);
            (
                name,
                schedule,
                welfare,
                (welfare - welfare_us) / (found.welfare - welfare_us),
            )
        })
        .collect();
    match format {
        Format::Json => {
            let schedules: Vec<_> = rows
                .iter()
                .map(|(name, schedule, welfare, attained)| {
                    json!({
                        "name": name,
                        "schedule": schedule.to_string(),
                        "brackets": schedule.edges(),
                        "rates": schedule.rates(),
                        "welfare": welfare,
                        "attained": Some(attained).filter(|a| a.is_finite()),
                    })
                })
                .collect();
            let value = json!({
                "name": scenario.name,
                "seed": scenario.seed,
                "objective": objective.name(),
                "unit": objective.unit(&scenario.economy),
                "brackets": taxes.edges,
                "rates": found.schedule.rates(),
                "welfare": found.welfare,
                "certificate": certificate(&found),
                "schedules": schedules,
            });
            let text = serde_json::to_string_pretty(&value)
                .map_err(|error| Error::run(format!("writing JSON: {error}")))?;
            print(&format!("{text}\n"))
        }
        Format::Table => {
            let mut text = format!(
                "{}: {} workers, welfare {} = {} ({})\n\n{:18} {:>16} {:>9}  rates by bracket, %\n",
                scenario.name,
                society.len(),
                objective.name(),
                objective.formula(),
                objective.unit(&scenario.economy),
                "schedule",
                "welfare",
                "attained"
            );
            for (name, schedule, welfare, attained) in &rows {
                let rates: Vec<String> = schedule
                    .rates()
                    .iter()
                    .map(|rate| format!("{:.1}", 100.0 * rate))
                    .collect();
                let attained = if attained.is_finite() {
                    format!("{:.1} %", 100.0 * attained)
                } else {
                    "–".into()
                };
                text.push_str(&format!(
                    "{name:18} {welfare:>16.3} {attained:>9}  {}\n",
                    rates.join(" ")
                ));
            }
            let edges: Vec<String> = taxes.edges.iter().map(f64::to_string).collect();
            text.push_str(&format!(
                "\nBrackets from $/year: {}\nCertificate: {} evaluations from {} starts, the best {:.2e} above the median start; moving one rate by 1 point changes welfare by at most {:+.2e}\nLanguage-model workers are taken to be rational; attained is measured from us-2024.\n",
                edges.join(", "),
                found.evaluations,
                found.starts,
                found.spread,
                found.best_move
            ));
            print(&text)
        }
    }
}

fn certificate(found: &Optimum) -> serde_json::Value {
    json!({
        "evaluations": found.evaluations,
        "starts": found.starts,
        "spread_between_starts": found.spread,
        "welfare_by_start": found.reached,
        "best_one_point_move": found.best_move,
    })
}
