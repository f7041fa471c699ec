//! What is known of a scenario's closed-form economy without a run: its optimum, how much better any
//! tax could be, and what simpler taxes and formulas reach.

use super::Simulation;
use crate::error::{Error, Result};
use crate::fiscal::mirrlees::{BestMenu, best_menu};
use crate::fiscal::optimum::{
    Constraints, Effort, Optimum, best_flat_within, best_thresholds, optimum_within,
};
use crate::fiscal::{Schedule, inequality, laws, saez};

/// The law that `attained` is measured from.
pub const BASELINE: &str = "us-2024";

/// A schedule with what it reaches.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// How it came about: `optimal`, `flat`, `us-2024`, …
    pub name: &'static str,
    /// The schedule.
    pub schedule: Schedule,
    /// W.
    pub welfare: f64,
    /// (W − W_us)/(W_optimal − W_us); NaN where the law is as good as the optimum.
    pub attained: f64,
    /// Mean tax, $/year per worker.
    pub revenue: f64,
    /// Whether it obeys the scenario's constraints.
    pub admissible: bool,
    /// What a reader must know to judge it.
    pub notes: Vec<String>,
}

/// The best of all taxes, whatever their shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Continuous {
    /// The menu and its certificate.
    pub best: BestMenu,
    /// As of a [`Candidate`].
    pub attained: f64,
    /// Income-weighted mean of marginal rates by bracket of the scenario; `None` where nobody is
    /// whose hours are below their limit.
    pub by_bracket: Vec<Option<f64>>,
}

/// The results of [`explore`].
#[derive(Clone, Debug)]
pub struct Laboratory {
    /// The optimum of the scenario's brackets, with its certificate.
    pub optimum: Optimum,
    /// What it obeys.
    pub constraints: Constraints,
    /// The best of all taxes, or why there is none. It obeys no constraints.
    pub continuous: std::result::Result<Continuous, String>,
    /// The optimum first, then simpler taxes and baselines.
    pub candidates: Vec<Candidate>,
    /// Candidates that do not exist, and why.
    pub missing: Vec<(&'static str, String)>,
}

/// Number of times that [`explore`] reports progress.
pub const STAGES: u64 = 6;

/// Computes everything; `progress` hears what is next, [`STAGES`] times.
///
/// # Errors
/// Constraints that no schedule with the scenario's brackets meets.
pub fn explore(simulation: &Simulation, progress: &dyn Fn(&str)) -> Result<Laboratory> {
    let scenario = simulation.scenario();
    let society = simulation.counterpart();
    let objective = &scenario.objective;
    let taxes = &scenario.taxes;
    let subsidy = taxes.allow_subsidy;
    let constraints = *simulation.constraints();
    let us = laws::find(BASELINE).ok_or_else(|| laws::unknown(BASELINE))?;

    progress("optimum of the brackets");
    let starts = [us.clone(), taxes.initial.clone()];
    let optimum = optimum_within(
        society,
        &taxes.edges,
        objective,
        &starts,
        &constraints,
        Effort::default(),
    )?;
    let mut schedules = vec![("optimal", optimum.schedule.clone(), Vec::new())];
    let mut missing = Vec::new();

    for (name, brackets) in [("three-free", 3), ("two-free", 2)] {
        progress("free thresholds");
        if constraints.revenue.is_some() {
            let why = "not searched under a revenue requirement";
            missing.push((name, why.to_owned()));
            continue;
        }
        let found = best_thresholds(society, objective, brackets, &constraints);
        schedules.push((name, found.schedule, Vec::new()));
    }
    progress("flat tax");
    match best_flat_within(society, objective, &constraints) {
        Ok((schedule, _)) => schedules.push(("flat", schedule, Vec::new())),
        Err(error) => missing.push(("flat", error.to_string())),
    }

    progress("Saez's formulas");
    let elasticity = society.economy().elasticity();
    let fixed = saez::fixed_point(society, &taxes.initial, objective, elasticity, subsidy);
    schedules.push(("saez-fixed-point", fixed.schedule, fixed.notes));
    for (name, elasticity) in [("saez-static", Some(elasticity)), ("saez-estimated", None)] {
        match saez::from_observation(society, &taxes.initial, objective, elasticity, subsidy) {
            Ok((schedule, notes)) => schedules.push((name, schedule, notes)),
            Err(error) => missing.push((name, error.to_string())),
        }
    }
    schedules.push((BASELINE, us.clone(), Vec::new()));
    schedules.push(("none", Schedule::zero(&taxes.edges)?, Vec::new()));

    let welfare_us = society.welfare(us, objective);
    // A share of a gain that is none would turn its sign.
    let gain = optimum.welfare - welfare_us;
    let share = |welfare: f64| match gain > 0.0 {
        true => (welfare - welfare_us) / gain,
        false => f64::NAN,
    };
    let candidates = schedules
        .into_iter()
        .map(|(name, schedule, notes)| {
            let outcome = society.outcome(&schedule);
            let welfare = objective.welfare(society.economy(), &outcome.allocation(society.wage()));
            let revenue = inequality::mean(&outcome.tax);
            Candidate {
                name,
                welfare,
                attained: share(welfare),
                revenue,
                admissible: admissible(&constraints, &schedule, revenue),
                schedule,
                notes,
            }
        })
        .collect();

    progress("continuous optimum");
    let continuous = best_menu(society, objective)
        .map(|best| {
            let by_bracket = by_bracket(&taxes.edges, &best);
            let attained = share(best.welfare);
            Continuous {
                best,
                attained,
                by_bracket,
            }
        })
        .map_err(|error: Error| error.to_string());
    Ok(Laboratory {
        optimum,
        constraints,
        continuous,
        candidates,
        missing,
    })
}

/// Whether a schedule obeys constraints, up to rounding.
fn admissible(constraints: &Constraints, schedule: &Schedule, revenue: f64) -> bool {
    let within = (schedule.rates().iter())
        .all(|rate| (constraints.low - 1e-12..=constraints.high + 1e-12).contains(rate));
    let rises = !constraints.monotone || schedule.is_convex();
    let enough = constraints
        .revenue
        .is_none_or(|least| revenue >= least - 1e-9 * least.abs());
    within && rises && enough
}

fn by_bracket(edges: &[f64], best: &BestMenu) -> Vec<Option<f64>> {
    (0..edges.len())
        .map(|k| {
            let upper = edges.get(k + 1).copied().unwrap_or(f64::INFINITY);
            let inside = |z: f64| z > edges[k] && z <= upper;
            let both = best.menu.income.iter().zip(&best.menu.marginal_rate);
            let (income, weighted) = both
                .filter(|(z, rate)| inside(**z) && rate.is_finite())
                .fold((0.0, 0.0), |(a, b), (z, rate)| (a + z, b + z * rate));
            (income > 0.0).then(|| weighted / income)
        })
        .collect()
}
