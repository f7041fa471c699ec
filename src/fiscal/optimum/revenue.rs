//! The optimum that must raise a given revenue.

use super::{Constraints, Effort, Goal, Optimum, Search, certified, climb};
use crate::error::{Error, Result};
use crate::fiscal::{Objective, Schedule, Society, inequality};

/// Halvings of the price of revenue.
const BISECTIONS: usize = 40;

/// The best schedule that raises `least` $/year per worker, which `free`, the best without that
/// requirement, does not.
pub(super) fn meet(
    society: &Society,
    edges: &[f64],
    objective: &Objective,
    constraints: &Constraints,
    least: f64,
    free: Optimum,
    effort: Effort,
) -> Result<Optimum> {
    let money = inequality::mean(&society.outcome(&free.schedule).income).max(1.0);
    let goal = |price: f64, unit: f64| Goal::Priced {
        objective,
        price,
        unit,
        money,
    };
    // All that these brackets can raise.
    let most = climb(
        society,
        edges,
        goal(1.0, 1.0),
        objective,
        &[],
        constraints,
        effort,
    );
    if most.revenue < least {
        return Err(
            Error::input("these brackets cannot raise the required revenue")
                .value(format!("{least:.0} $/year per worker"))
                .allowed(format!("at most {:.0} $/year per worker", most.revenue)),
        );
    }
    // Welfare that is given up on the way there, as the unit in which welfare counts.
    let unit = (free.welfare - most.welfare).abs();
    let unit = if unit.is_finite() && unit > 0.0 {
        unit
    } else {
        1.0
    };
    let mut evaluations = free.evaluations + most.evaluations;
    let revenue = |schedule: &Schedule| inequality::mean(&society.outcome(schedule).tax);
    let (mut low, mut high) = (0.0, 1.0);
    let (mut short, mut enough) = (free.schedule.clone(), most.schedule.clone());
    for _ in 0..BISECTIONS {
        let price = 0.5 * (low + high);
        let found = [&short, &enough]
            .map(|start| {
                Search::new(
                    society,
                    edges,
                    goal(price, unit),
                    *constraints,
                    start.rates(),
                )
                .descend(0.04, 1e-7)
            })
            .into_iter()
            .reduce(|a, b| if b.value > a.value { b } else { a })
            .expect("two starts");
        evaluations += found.evaluations;
        let schedule = found.schedule();
        if revenue(&schedule) >= least {
            (high, enough) = (price, schedule);
        } else {
            (low, short) = (price, schedule);
        }
    }
    // The requirement lies between both: on the line from one to the other.
    let mix = |share: f64| {
        let rates = short.rates().iter().zip(enough.rates());
        short.reform(&rates.map(|(a, b)| a + share * (b - a)).collect::<Vec<_>>())
    };
    let (mut below, mut above) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (below + above);
        if revenue(&mix(middle)) >= least {
            above = middle;
        } else {
            below = middle;
        }
    }
    let welfare = |schedule: &Schedule| society.welfare(schedule, objective);
    let (on_line, priced) = (mix(above), enough);
    let best = if welfare(&on_line) >= welfare(&priced) {
        on_line
    } else {
        priced
    };
    let search = Search::new(society, edges, goal(high, unit), *constraints, best.rates());
    let mut optimum = certified(search, objective, unit / (1.0 - high).max(1e-12));
    optimum.evaluations += evaluations;
    optimum.starts = free.starts + most.starts;
    optimum.spread = free.spread;
    optimum.shadow_price = high * unit / ((1.0 - high).max(1e-12) * money);
    Ok(optimum)
}
