//! The optimum that must raise a given revenue.

use super::{Constraints, Effort, Goal, Optimum, Search, certified, climb};
use crate::error::{Error, Result};
use crate::fiscal::{Objective, Schedule, Society, inequality};

/// Most evaluations of the search along the requirement.
const EVALUATIONS_MAX: usize = 150_000;

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
        return Err(beyond_reach(least, most.revenue));
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
    // The flat tax that raises just enough is a schedule of these brackets, too.
    let flat = |rate: f64| short.reform(&vec![rate; edges.len()]);
    let (mut below, mut above) = (constraints.low, constraints.high);
    let best = if revenue(&flat(above)) < least || revenue(&flat(below)) >= least {
        best
    } else {
        for _ in 0..60 {
            let middle = 0.5 * (below + above);
            if revenue(&flat(middle)) >= least {
                above = middle;
            } else {
                below = middle;
            }
        }
        let flat = flat(above);
        if welfare(&flat) > welfare(&best) {
            flat
        } else {
            best
        }
    };
    let mut walk = Walk {
        society,
        objective,
        constraints,
        least,
        pivot: 0,
        rates: best.rates().to_vec(),
        base: best,
        welfare: f64::NEG_INFINITY,
        evaluations: 0,
    };
    walk.improve();
    evaluations += walk.evaluations;
    let shadow_price = walk.shadow_price();
    let ratio = shadow_price * money / unit;
    let price = goal(ratio / (1.0 + ratio), unit);
    let search = Search::new(society, edges, price, *constraints, &walk.rates);
    let mut optimum = certified(search, objective, unit * (1.0 + ratio));
    optimum.evaluations += evaluations;
    optimum.starts = free.starts + most.starts;
    (optimum.spread, optimum.reached) = (free.spread, free.reached);
    optimum.shadow_price = shadow_price;
    Ok(optimum)
}

/// A pattern search along the schedules that raise just what is required: each move of a rate is
/// paid for by the rate of the pivot, the bracket whose rate raises most.
struct Walk<'a> {
    society: &'a Society,
    objective: &'a Objective,
    constraints: &'a Constraints,
    least: f64,
    pivot: usize,
    base: Schedule,
    rates: Vec<f64>,
    welfare: f64,
    evaluations: usize,
}

impl Walk<'_> {
    /// Welfare and mean tax of rates.
    fn at(&mut self, rates: &[f64]) -> (f64, f64) {
        self.evaluations += 1;
        let outcome = self.society.outcome(&self.base.reform(rates));
        let allocation = outcome.allocation(self.society.wage());
        let welfare = self.objective.welfare(self.society.economy(), &allocation);
        let scale = inequality::mean(&outcome.income).max(1.0);
        let tolerance = self.society.equilibrium_tolerance();
        let settled = outcome.settled && outcome.rebate_gap <= tolerance * scale;
        let welfare = if settled && !welfare.is_nan() {
            welfare
        } else {
            f64::NEG_INFINITY
        };
        (welfare, inequality::mean(&outcome.tax))
    }

    /// The rates with the lowest rate of the pivot, near its present one, that raises enough.
    fn paid_for(&mut self, mut rates: Vec<f64>) -> Option<(Vec<f64>, f64)> {
        let present = rates[self.pivot];
        let reach = 0.05;
        let (low, high) = (self.constraints.low, self.constraints.high);
        let (mut short, mut enough) = ((present - reach).max(low), (present + reach).min(high));
        let mut revenue = |walk: &mut Self, rate: f64| {
            rates[walk.pivot] = rate;
            walk.at(&rates)
        };
        let mut found = revenue(self, enough);
        if found.1 < self.least || revenue(self, short).1 >= self.least {
            return None;
        }
        for _ in 0..40 {
            let middle = 0.5 * (short + enough);
            let at = revenue(self, middle);
            if at.1 >= self.least {
                (enough, found) = (middle, at);
            } else {
                short = middle;
            }
        }
        rates[self.pivot] = enough;
        let rises = !self.constraints.monotone || rates.windows(2).all(|pair| pair[0] <= pair[1]);
        rises.then_some((rates, found.0))
    }

    fn improve(&mut self) {
        let start = self.rates.clone();
        let (welfare, revenue) = self.at(&start);
        self.welfare = welfare;
        let raised: Vec<f64> = (0..start.len())
            .map(|k| {
                let mut rates = start.clone();
                rates[k] += 1e-3;
                if rates[k] > self.constraints.high {
                    return f64::NEG_INFINITY;
                }
                self.at(&rates).1 - revenue
            })
            .collect();
        // The bracket that raises most pays first; then each of the others, as the exchange that
        // still gains may be between any two.
        let mut pivots: Vec<usize> = (0..raised.len()).collect();
        pivots.sort_by(|&a, &b| raised[b].total_cmp(&raised[a]));
        let mut longest = 0.02;
        loop {
            let before = self.welfare;
            for &pivot in &pivots {
                self.pivot = pivot;
                self.exchange(longest);
                longest = 0.005;
            }
            // Until no bracket pays for a better exchange.
            if self.welfare <= before + 1e-12 * before.abs() || self.evaluations >= EVALUATIONS_MAX
            {
                break;
            }
        }
    }

    /// The pattern search with one pivot.
    fn exchange(&mut self, longest: f64) {
        let mut step = longest;
        while step > 1e-6 && self.evaluations < EVALUATIONS_MAX {
            let mut improved = false;
            for k in 0..self.rates.len() {
                if k == self.pivot {
                    continue;
                }
                for signed in [step, -step] {
                    let mut rates = self.rates.clone();
                    self.constraints.push(&mut rates, k, signed);
                    if rates[k] == self.rates[k] {
                        continue;
                    }
                    if let Some((rates, welfare)) = self.paid_for(rates)
                        && welfare > self.welfare
                    {
                        (self.rates, self.welfare, improved) = (rates, welfare, true);
                        break;
                    }
                }
            }
            step *= if improved { 1.2 } else { 0.5 };
        }
    }

    /// Welfare that another dollar of revenue costs, at least 0: the cheapest of all moves of a rate
    /// that raise revenue; where none does, what the dearest of those that lower it would give back.
    fn shadow_price(&mut self) -> f64 {
        let start = self.rates.clone();
        let (welfare, revenue) = self.at(&start);
        let (mut up, mut down) = (f64::INFINITY, 0.0f64);
        for k in 0..start.len() {
            for step in [1e-4, -1e-4] {
                let mut rates = start.clone();
                self.constraints.push(&mut rates, k, step);
                let (after, raised) = self.at(&rates);
                let price = (welfare - after) / (raised - revenue);
                if !price.is_finite() {
                    continue;
                }
                if raised > revenue {
                    up = up.min(price);
                } else {
                    down = down.max(price);
                }
            }
        }
        if up.is_finite() { up.max(0.0) } else { down }
    }
}

fn beyond_reach(least: f64, most: f64) -> Error {
    Error::input("`constraints.revenue`: these brackets cannot raise as much")
        .value(format!("{least:.0} $/year per worker"))
        .allowed(format!("at most {most:.0} $/year per worker"))
}

/// Refuses a required revenue that is clearly beyond what these brackets can raise, by a short
/// search: before a run begins, where the planner would find out in the middle of it.
///
/// # Errors
/// Less than 98 % of the requirement can be found.
pub fn check_reach(
    society: &Society,
    edges: &[f64],
    objective: &Objective,
    constraints: &Constraints,
) -> Result<()> {
    let Some(least) = constraints.revenue else {
        return Ok(());
    };
    let goal = Goal::Priced {
        objective,
        price: 1.0,
        unit: 1.0,
        money: 1.0,
    };
    let short = Effort {
        random_starts: 2,
        coarse_workers: 300,
        polished: 1,
        wandering: 0,
        tries: 0,
    };
    let most = climb(society, edges, goal, objective, &[], constraints, short);
    if most.revenue < least - 0.02 * least.abs() {
        return Err(beyond_reach(least, most.revenue));
    }
    Ok(())
}
