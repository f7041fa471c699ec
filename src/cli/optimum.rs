//! `fisc optimum`: the optimum of a scenario's economy, what more brackets would bring, and how near
//! simpler taxes come; `fisc mirrlees`: Mirrlees's own example.

use super::{Format, print, run};
use crate::error::{Error, Result};
use crate::fiscal::mirrlees::model_1971;
use crate::fiscal::optimum::{Constraints, FIRST_ORDER_STEP, FirstOrder, Optimum};
use crate::run::Simulation;
use crate::run::laboratory::{BASELINE, Candidate, Continuous, Laboratory, STAGES, explore};
use serde_json::json;
use std::path::Path;

/// Quantiles of workers at which the continuous optimum is shown, %.
const SHOWN: [usize; 7] = [10, 25, 50, 75, 90, 99, 100];

/// Prints the optimum of the scenario's closed-form economy beside the baselines.
pub fn optimum(path: &Path, format: Format, set: &[String]) -> Result<()> {
    let simulation = run::load(path, set)?;
    let bar = indicatif::ProgressBar::new(STAGES).with_style(
        indicatif::ProgressStyle::with_template("{bar:24} {pos}/{len} {msg} {elapsed}")
            .map_err(|error| Error::run(error.to_string()))?,
    );
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    let found = explore(&simulation, &|stage| {
        bar.set_message(stage.to_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    let found = found?;
    match format {
        Format::Json => print_json(&simulation, &found),
        Format::Table => print(&table(&simulation, &found)),
    }
}

fn percent(rates: &[f64]) -> String {
    let rates: Vec<String> = rates.iter().map(|&rate| points(rate)).collect();
    rates.join(" ")
}

/// A rate in percent; never −0.0.
fn points(rate: f64) -> String {
    format!("{:.1}", (1000.0 * rate).round() / 10.0 + 0.0)
}

/// Welfare with the digits that its size asks for.
fn amount(welfare: f64) -> String {
    match welfare.abs() {
        ..5e-7 => format!("{:.6}", 0.0),
        100.0.. => format!("{welfare:.2}"),
        _ => format!("{welfare:.6}"),
    }
}

fn share(attained: f64) -> String {
    match attained.is_finite() {
        true => format!("{:.1} %", 100.0 * attained),
        false => "–".into(),
    }
}

fn table(simulation: &Simulation, found: &Laboratory) -> String {
    let scenario = simulation.scenario();
    let objective = &scenario.objective;
    let unit = objective.unit(&scenario.economy);
    let mut text = format!(
        "{}: {} workers, welfare {} = {} ({unit})\n\n{:18} {:>16} {:>9} {:>12}  rates by bracket, %\n",
        scenario.name,
        simulation.counterpart().len(),
        objective.name(),
        objective.formula(),
        "schedule",
        "welfare",
        "attained",
        "revenue",
    );
    if let Ok(continuous) = &found.continuous {
        let rates: Vec<String> = (continuous.by_bracket.iter())
            .map(|rate| rate.map_or("–".into(), points))
            .collect();
        text.push_str(&format!(
            "{:18} {:>16} {:>9} {:>12}  {} (means by bracket){}\n",
            "continuous",
            amount(continuous.best.welfare),
            share(continuous.attained),
            "",
            rates.join(" "),
            if obeys_nothing(found) { "  *" } else { "" },
        ));
    }
    for candidate in &found.candidates {
        let mark = if candidate.admissible { "" } else { "  *" };
        let schedule = match candidate.name {
            // Edges of their own.
            "three-free" | "two-free" => on_edges(candidate),
            _ => percent(candidate.schedule.rates()),
        };
        text.push_str(&format!(
            "{:18} {:>16} {:>9} {:>12.0}  {schedule}{mark}\n",
            candidate.name,
            amount(candidate.welfare),
            share(candidate.attained),
            candidate.revenue,
        ));
    }
    for (name, why) in &found.missing {
        text.push_str(&format!("{name:18} {:>16}  {why}\n", "–"));
    }
    let dollars = |edge: &f64| ((100.0 * edge).round() / 100.0).to_string();
    let edges: Vec<String> = scenario.taxes.edges.iter().map(dollars).collect();
    text.push_str(&format!(
        "\nBrackets from $/year: {}. Revenue is mean tax, $/year per worker; attained is measured from {BASELINE}.\n",
        edges.join(", ")
    ));
    if found
        .candidates
        .iter()
        .any(|candidate| !candidate.admissible)
    {
        text.push_str("* does not obey the scenario's [constraints], which bind `optimal`, the free thresholds and `flat`.\n");
    }
    match &found.continuous {
        Ok(continuous) => text.push_str(&menu_lines(continuous, found, unit)),
        Err(why) => text.push_str(&format!("\nContinuous optimum: {why}\n")),
    }
    text.push_str(&certificate_lines(&found.optimum, unit));
    for candidate in &found.candidates {
        for note in &candidate.notes {
            text.push_str(&format!("{}: {note}\n", candidate.name));
        }
    }
    text.push_str("Language-model and adaptive workers are taken to be rational.\n");
    text
}

fn on_edges(candidate: &Candidate) -> String {
    let schedule = &candidate.schedule;
    let parts: Vec<String> = (schedule.edges().iter().zip(schedule.rates()))
        .map(|(edge, rate)| format!("{} from {edge}", points(*rate)))
        .collect();
    parts.join(", ")
}

/// Whether there are constraints, none of which the continuous optimum obeys.
fn obeys_nothing(found: &Laboratory) -> bool {
    found.constraints != Constraints::rates(found.constraints.low < 0.0)
}

/// What more brackets would bring, and the marginal rates of the best tax of any shape.
fn menu_lines(continuous: &Continuous, found: &Laboratory, unit: &str) -> String {
    let best = &continuous.best;
    let optimum = &found.optimum;
    let unlimited = !obeys_nothing(found);
    let mut text = String::from("\n");
    if unlimited {
        let bound = if best.gap.is_some() {
            "at most"
        } else {
            "about"
        };
        let missing = amount(best.welfare - optimum.welfare);
        text.push_str(&format!(
            "More brackets would bring {bound} {missing} {unit}"
        ));
        if continuous.attained.is_finite() {
            let share = 100.0 * (continuous.attained - 1.0);
            text.push_str(&format!(", {share:.2} % of the gain that these bring"));
        }
        text.push_str(".\n");
    }
    text.push_str("Continuous optimum of these very workers");
    if let Some(gap) = best.gap {
        text.push_str(&format!(", within {gap:.1e} of the best"));
    }
    text.push_str(&format!(", {} steps", best.steps));
    text.push_str(match unlimited {
        true => ".\n",
        false => "; it obeys no [constraints], so its distance is not what brackets could bring.\n",
    });
    text.push_str("Its marginal rates by percentile of productivity:");
    let n = best.menu.income.len();
    for p in SHOWN {
        let place = (p * n / 100).clamp(1, n) - 1;
        let rate = match best.menu.marginal_rate[place] {
            rate if rate.is_finite() => format!("{} %", points(rate)),
            _ => "hours at their limit".to_owned(),
        };
        text.push_str(&format!(
            " {}{p}: {rate} at {:.0}",
            if p == SHOWN[0] { "p" } else { "· p" },
            best.menu.income[place]
        ));
    }
    text.push_str(" $/year\n");
    text
}

fn certificate_lines(optimum: &Optimum, unit: &str) -> String {
    let conditions: Vec<String> = (optimum.first_order.iter())
        .map(|condition| {
            let change = |gain: Option<f64>| match gain {
                None => "bound".to_owned(),
                Some(f64::NEG_INFINITY) => "no equilibrium".to_owned(),
                Some(gain) => format!("{gain:+.1e}"),
            };
            format!("{} / {}", change(condition.rise), change(condition.cut))
        })
        .collect();
    let residuals: Option<Vec<f64>> = (optimum.first_order.iter())
        .map(FirstOrder::residual)
        .collect();
    let verdict = match residuals {
        Some(residuals) => {
            let worst = residuals.into_iter().fold(0.0, f64::max);
            let met = match worst > 1e-9 * optimum.welfare.abs() {
                true => "above 0: a slightly better schedule is near",
                false => "0: neither direction gains",
            };
            let points = 100.0 * FIRST_ORDER_STEP;
            format!("residual {worst:.1e} ({met}, from {points} points)")
        }
        None => "some could not be tried, as the budget balances at no rebate".to_owned(),
    };
    let mut text = format!(
        "\nCertificate: {} evaluations from {} starts, the best {:.2e} above the median start; moving one rate by 1 point changes welfare by at most {:+.2e}\nFirst-order conditions, {unit} per point of a rise / of a cut, by bracket: {}; {verdict}\n",
        optimum.evaluations,
        optimum.starts,
        optimum.spread,
        optimum.best_move,
        conditions.join(", "),
    );
    if optimum.shadow_price > 0.0 {
        text.push_str(&format!(
            "The revenue requirement binds: another dollar per worker costs {:.4} of welfare; the conditions are judged at that price.\n",
            optimum.shadow_price
        ));
    }
    text
}

fn print_json(simulation: &Simulation, found: &Laboratory) -> Result<()> {
    let scenario = simulation.scenario();
    let objective = &scenario.objective;
    let schedules: Vec<_> = (found.candidates.iter())
        .map(|candidate| {
            json!({
                "name": candidate.name,
                "schedule": candidate.schedule.to_string(),
                "brackets": candidate.schedule.edges(),
                "rates": candidate.schedule.rates(),
                "welfare": candidate.welfare,
                "attained": Some(candidate.attained).filter(|a| a.is_finite()),
                "revenue": candidate.revenue,
                "admissible": candidate.admissible,
                "notes": candidate.notes,
            })
        })
        .collect();
    let missing: Vec<_> = (found.missing.iter())
        .map(|(name, why)| json!({ "name": name, "why": why }))
        .collect();
    let continuous = match &found.continuous {
        Ok(continuous) => json!({
            "welfare": continuous.best.welfare,
            "attained": Some(continuous.attained).filter(|a| a.is_finite()),
            "gap_to_bound": continuous.best.gap,
            "last_gain": continuous.best.last_gain,
            "steps": continuous.best.steps,
            "marginal_rate_by_bracket": continuous.by_bracket,
            "income": continuous.best.menu.income,
            "consumption": continuous.best.menu.consumption,
            "marginal_rate": continuous.best.menu.marginal_rate,
        }),
        Err(why) => json!({ "why": why }),
    };
    let optimum = &found.optimum;
    let first_order: Vec<_> = (optimum.first_order.iter())
        .map(|c| json!({ "rise": c.rise, "cut": c.cut, "residual": c.residual() }))
        .collect();
    let value = json!({
        "name": scenario.name,
        "seed": scenario.seed,
        "objective": objective.name(),
        "unit": objective.unit(&scenario.economy),
        "brackets": scenario.taxes.edges,
        "rates": optimum.schedule.rates(),
        "welfare": optimum.welfare,
        "revenue": optimum.revenue,
        "constraints": {
            "rate_min": found.constraints.low,
            "rate_max": found.constraints.high,
            "rates_rise": found.constraints.monotone,
            "revenue": found.constraints.revenue,
            "shadow_price": optimum.shadow_price,
        },
        "certificate": {
            "evaluations": optimum.evaluations,
            "starts": optimum.starts,
            "spread_between_starts": optimum.spread,
            "welfare_by_start": optimum.reached,
            "best_one_point_move": optimum.best_move,
            "first_order": first_order,
        },
        "continuous": continuous,
        "schedules": schedules,
        "missing": missing,
    });
    let text = serde_json::to_string_pretty(&value)
        .map_err(|error| Error::run(format!("writing JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// Incomes at which [`mirrlees`] prints rates, in units of output.
const INCOMES: [f64; 7] = [0.0, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50];

/// Prints the optimum of Mirrlees (1971) as CSV: `income,average_rate,marginal_rate`.
pub fn mirrlees(model: &model_1971::Model) -> Result<()> {
    let solution = model_1971::solve(model)?;
    let mut text = String::from("income,average_rate,marginal_rate\n");
    for income in INCOMES {
        // At no income the marginal rate is that of the first who work.
        let Some((average, marginal)) = solution.at(income.max(1e-9)) else {
            // Nobody earns as much.
            text.push_str(&format!("{income},,\n"));
            continue;
        };
        let average = match income > 0.0 {
            true => format!("{average:.4}"),
            false => String::new(),
        };
        text.push_str(&format!("{income},{average},{marginal:.4}\n"));
    }
    print(&text)
}
