//! The exact optimum over bracket rates: the best that any planner could do with these brackets.
//!
//! Welfare as a function of the rates is continuous but not concave (workers bunch, jump and hit
//! the limit of hours), so the search is global: several starts, each improved by pattern search
//! (Hooke & Jeeves 1961) with steps from 16 points down to 1e-7, on a thinned population first,
//! and the best of them polished on the whole population. The result carries what a reader needs
//! to judge it: evaluations, spread between starts, and whether any ±1-point move still improves.

mod revenue;
mod search;
mod thresholds;

pub use revenue::check_reach;
pub use thresholds::{FreeThresholds, best_thresholds};

use crate::error::{Error, Result};
use crate::fiscal::saez;
use crate::fiscal::{Objective, Schedule, Society};
use crate::random::Streams;
use rand::RngExt;
use rayon::prelude::*;
pub use search::Score;
use search::{Goal, Search};

/// Largest gap between the rebate that workers expect and the one that they are paid, relative to
/// mean income, at which a schedule counts as having an equilibrium.
pub const EQUILIBRIUM_TOLERANCE: f64 = 1e-6;

/// How hard to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Random starts besides the deterministic ones.
    pub random_starts: usize,
    /// Workers in the first, coarse stage.
    pub coarse_workers: usize,
    /// Starts that are polished on the whole population.
    pub polished: usize,
    /// Of these, how many go on by random steps.
    pub wandering: usize,
    /// Random steps of each, per bracket.
    pub tries: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Effort {
            random_starts: 12,
            coarse_workers: 2_000,
            polished: 6,
            wandering: 3,
            tries: 150,
        }
    }
}

/// What a schedule must obey besides the budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constraints {
    /// Lowest rate, a fraction: 0, or −1 with subsidies.
    pub low: f64,
    /// Highest rate, a fraction, at most 1.
    pub high: f64,
    /// Whether no rate may be below that of the bracket before.
    pub monotone: bool,
    /// Least mean tax ΣT/N, $/year per worker.
    pub revenue: Option<f64>,
}

impl Default for Constraints {
    fn default() -> Self {
        Constraints {
            low: 0.0,
            high: 1.0,
            monotone: false,
            revenue: None,
        }
    }
}

impl Constraints {
    /// Rates in [0, 1], from −1 where `allow_subsidy`.
    pub fn rates(allow_subsidy: bool) -> Self {
        Constraints {
            low: if allow_subsidy { -1.0 } else { 0.0 },
            ..Constraints::default()
        }
    }

    /// Rates moved into the bounds, and up to those before them where rates must not fall.
    pub fn nearest(&self, rates: &[f64]) -> Vec<f64> {
        let mut highest = f64::NEG_INFINITY;
        (rates.iter())
            .map(|rate| {
                let rate = rate.clamp(self.low, self.high);
                highest = if self.monotone {
                    rate.max(highest)
                } else {
                    rate
                };
                highest
            })
            .collect()
    }

    /// Moves rate `k` by `step` as far as the bounds let it; where rates must not fall it takes
    /// those that it meets with it.
    pub(crate) fn push(&self, rates: &mut [f64], k: usize, step: f64) {
        let rate = (rates[k] + step).clamp(self.low, self.high);
        rates[k] = rate;
        if self.monotone {
            rates[..k].iter_mut().for_each(|r| *r = r.min(rate));
            rates[k + 1..].iter_mut().for_each(|r| *r = r.max(rate));
        }
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// Bounds outside [−1, 1] or crossed; a requirement that is not finite.
    pub fn check(&self) -> Result<()> {
        if !(-1.0 <= self.low && self.low <= self.high && self.high <= 1.0) {
            return Err(Error::input("bounds of rates")
                .value(format!("{} to {}", self.low, self.high))
                .allowed("fractions, the lower one at least −1, the upper one at most 1"));
        }
        if self.revenue.is_some_and(|revenue| !revenue.is_finite()) {
            return Err(Error::input("required revenue").allowed("$/year per worker"));
        }
        Ok(())
    }
}

/// What one more or one less point of a bracket's rate would change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstOrder {
    /// Change of W per point of a rise, from a rise of [`FIRST_ORDER_STEP`] or as far as the bound
    /// lets it; `None` at the upper bound, −∞ where the rise leads to no equilibrium.
    pub rise: Option<f64>,
    /// Change of W per point of a cut, likewise; `None` at the lower bound.
    pub cut: Option<f64>,
}

impl FirstOrder {
    /// By how much the first-order condition fails: the larger of both changes, at least 0. At a
    /// maximum neither direction gains, whether W is smooth there or has a kink. `None` where no
    /// direction could be tried for want of an equilibrium.
    pub fn residual(&self) -> Option<f64> {
        let all = || self.rise.into_iter().chain(self.cut);
        if all().count() > 0 && all().all(|gain| gain == f64::NEG_INFINITY) {
            return None;
        }
        Some(all().fold(0.0, f64::max))
    }
}

/// Change of a rate behind [`FirstOrder`], a fraction: a hundredth of a point.
pub const FIRST_ORDER_STEP: f64 = 1e-4;

/// The optimum and its certificate.
#[derive(Clone, Debug)]
pub struct Optimum {
    /// Best schedule found.
    pub schedule: Schedule,
    /// Its welfare.
    pub welfare: f64,
    /// Its mean tax, $/year per worker.
    pub revenue: f64,
    /// Welfare evaluations spent, all starts and both stages.
    pub evaluations: usize,
    /// Number of starts.
    pub starts: usize,
    /// Welfare that each start reached in the coarse stage, best first (of the coarse population);
    /// under a revenue requirement of the search without it.
    pub reached: Vec<f64>,
    /// Best minus median of `reached`: 0 when at least half of the starts agree.
    pub spread: f64,
    /// Largest welfare gain among all moves of one rate by ±1 point; ≤ 0 certifies a local optimum
    /// at that scale. Under a revenue requirement the moves are judged at its shadow price.
    pub best_move: f64,
    /// First-order conditions by bracket, judged likewise.
    pub first_order: Vec<FirstOrder>,
    /// Welfare that another dollar of required revenue costs, 0 where the requirement does not bind.
    pub shadow_price: f64,
}

/// Maximises `objective` over the rates of `brackets` in [0, 1] (from −1 where `allow_subsidy`).
///
/// `start` schedules with these brackets (U.S. law, the scenario's initial one, …) are tried
/// besides zero, flat, Saez fixed-point and random ones. Deterministic given the arguments.
pub fn optimum(
    society: &Society,
    edges: &[f64],
    objective: &Objective,
    start: &[Schedule],
    allow_subsidy: bool,
    effort: Effort,
) -> Optimum {
    let constraints = Constraints::rates(allow_subsidy);
    climb(
        society,
        edges,
        Goal::Welfare(objective),
        objective,
        start,
        &constraints,
        effort,
    )
}

/// Maximises `objective` over the rates of `brackets` under constraints.
///
/// A required revenue gets a price: for each price p the search maximises W and p times revenue
/// together, which is the best of all schedules that raise as much, and p is bisected until revenue
/// meets the requirement. Where revenue jumps over it, the nearest point on the line between the
/// schedules on both sides is taken and improved while it still meets the requirement.
///
/// # Errors
/// Constraints that contradict each other; a revenue that these brackets cannot raise.
pub fn optimum_within(
    society: &Society,
    edges: &[f64],
    objective: &Objective,
    start: &[Schedule],
    constraints: &Constraints,
    effort: Effort,
) -> Result<Optimum> {
    constraints.check()?;
    let free = climb(
        society,
        edges,
        Goal::Welfare(objective),
        objective,
        start,
        constraints,
        effort,
    );
    match constraints.revenue {
        Some(least) if free.revenue < least => {
            revenue::meet(society, edges, objective, constraints, least, free, effort)
        }
        _ => Ok(free),
    }
}

/// Several starts on a thinned population, the best of them on all workers.
fn climb<'a>(
    society: &'a Society,
    edges: &[f64],
    goal: Goal<'a>,
    objective: &Objective,
    start: &[Schedule],
    constraints: &Constraints,
    effort: Effort,
) -> Optimum {
    let coarse = society.thinned(effort.coarse_workers);
    let low = constraints.low;
    let starts = starting_points(&coarse, edges, objective, start, low, effort.random_starts);
    let mut found: Vec<Search> = starts
        .par_iter()
        .map(|rates| {
            Search::new(&coarse, edges, goal.clone(), *constraints, rates).descend(0.16, 1e-3)
        })
        .collect();
    let mut evaluations: usize = found.iter().map(|search| search.evaluations).sum();
    // A stable sort: of equal starts the first wins, whatever the number of threads.
    found.sort_by(|a, b| b.value.total_cmp(&a.value));
    let reached: Vec<f64> = found.iter().map(|search| search.value).collect();

    let polished: Vec<Search> = found
        .par_iter()
        .take(effort.polished.max(1))
        .map(|search| {
            Search::new(society, edges, goal.clone(), *constraints, &search.rates)
                .with_pairs()
                .descend(0.02, 1e-5)
        })
        .collect();
    let mut polished = polished;
    polished.sort_by(|a, b| b.value.total_cmp(&a.value));
    let wandering = polished.len().min(effort.wandering);
    let rest: usize = polished[wandering..]
        .iter()
        .map(|search| search.evaluations)
        .sum();
    evaluations += rest;
    polished.truncate(wandering.max(1));
    let streams = Streams::new(0, "optimum wandering");
    let tries = effort.tries * edges.len();
    let polished: Vec<Search> = polished
        .into_par_iter()
        .enumerate()
        .map(|(place, search)| {
            let mut rng = streams.at(place as u64, 0);
            search.wander(tries, &mut rng).descend(0.001, 1e-6)
        })
        .collect();
    let spent = |searches: &[Search]| searches.iter().map(|s| s.evaluations).sum::<usize>();
    evaluations += spent(&polished);
    let mut best = polished
        .into_iter()
        .reduce(|a, b| if b.value > a.value { b } else { a })
        .expect("at least one start");
    // The winner once more, as far as it goes.
    evaluations -= best.evaluations;
    best = best
        .wander(tries, &mut streams.at(effort.wandering as u64, 0))
        .descend(0.001, 1e-7);
    evaluations += best.evaluations;
    let mut optimum = certified(best, objective, 1.0);
    optimum.evaluations += evaluations;
    optimum.starts = starts.len();
    optimum.spread = reached[0] - reached[reached.len() / 2];
    optimum.reached = reached;
    optimum
}

/// The result of a search with what moves of its rates would change, in units of W: `unit` of W for
/// one of the search's goal.
fn certified(mut best: Search, objective: &Objective, unit: f64) -> Optimum {
    let brackets = best.rates.len();
    let before = best.evaluations;
    let mut per_point = |k: usize, step: f64| {
        let (gain, moved) = best.gain(k, step)?;
        // A bound to within rounding leaves no step worth the name.
        (moved > 1e-9).then(|| unit * gain * 0.01 / moved)
    };
    let first_order: Vec<FirstOrder> = (0..brackets)
        .map(|k| FirstOrder {
            rise: per_point(k, FIRST_ORDER_STEP),
            cut: per_point(k, -FIRST_ORDER_STEP),
        })
        .collect();
    let mut best_move = f64::NEG_INFINITY;
    for k in 0..brackets {
        for step in [0.01, -0.01] {
            let gain = best
                .gain(k, step)
                .map_or(best_move, |(gain, _)| unit * gain);
            best_move = best_move.max(gain);
        }
    }
    let schedule = best.schedule();
    let outcome = best.society.outcome(&schedule);
    let allocation = outcome.allocation(best.society.wage());
    Optimum {
        welfare: objective.welfare(best.society.economy(), &allocation),
        revenue: super::inequality::mean(&outcome.tax),
        schedule,
        evaluations: best.evaluations - before,
        starts: 1,
        reached: vec![best.value],
        spread: 0.0,
        best_move,
        first_order,
        shadow_price: 0.0,
    }
}

/// The flat rate in [0, 1] that maximises `objective`, with its welfare: the best of a 1-point
/// grid, refined by the pattern search.
pub fn best_flat(society: &Society, objective: &Objective) -> (Schedule, f64) {
    let rate = (0..=100)
        .into_par_iter()
        .map(|percent| {
            let rate = f64::from(percent) / 100.0;
            (
                society.welfare(&Schedule::of_checked(vec![0.0], vec![rate]), objective),
                rate,
            )
        })
        .collect::<Vec<_>>()
        .into_iter()
        .reduce(|a, b| if b.0 > a.0 { b } else { a })
        .map_or(0.0, |(_, rate)| rate);
    let goal = Goal::Welfare(objective);
    let search = Search::new(society, &[0.0], goal, Constraints::default(), &[rate]);
    let search = search.descend(0.01, 1e-8);
    (search.schedule(), search.value)
}

/// The best flat rate under constraints, with its welfare.
///
/// # Errors
/// As [`optimum_within`].
pub fn best_flat_within(
    society: &Society,
    objective: &Objective,
    constraints: &Constraints,
) -> Result<(Schedule, f64)> {
    if *constraints == Constraints::default() {
        return Ok(best_flat(society, objective));
    }
    let (free, _) = best_flat(society, objective);
    let effort = Effort::default();
    let found = optimum_within(society, &[0.0], objective, &[free], constraints, effort)?;
    Ok((found.schedule, found.welfare))
}

/// The rates of `edges` in [0, 1] (from −1 where `allow_subsidy`) that are best for the workers at
/// `places` alone: those that maximise their mean utility, everybody's responses and the rebate
/// included.
///
/// The best of zero, 30 and 60 % everywhere, the revenue maximum 1/(1+e) and `start`, each improved
/// by pattern search to 10⁻⁴.
pub fn best_for(
    society: &Society,
    places: std::ops::Range<usize>,
    edges: &[f64],
    start: &[Schedule],
    allow_subsidy: bool,
) -> Schedule {
    let constraints = Constraints::rates(allow_subsidy);
    let peak = 1.0 / (1.0 + society.economy().elasticity());
    let given = start.iter().filter(|schedule| schedule.edges() == edges);
    let starts = [0.0, 0.3, 0.6, peak]
        .map(|rate| vec![rate; edges.len()])
        .into_iter()
        .chain(given.map(|schedule| schedule.rates().to_vec()));
    let goal = Goal::Utility(places);
    let found = starts
        .map(|rates| {
            Search::new(society, edges, goal.clone(), constraints, &rates).descend(0.08, 1e-4)
        })
        .reduce(|a, b| if b.value > a.value { b } else { a })
        .expect("at least one start");
    found.schedule()
}

/// The rates of `edges` that maximise any score of a schedule and its outcome, with the score: the
/// search of [`optimum`] from the same starts, on all workers throughout. Schedules without an
/// equilibrium or with a score of NaN are never taken.
pub fn highest(
    society: &Society,
    edges: &[f64],
    score: &Score,
    start: &[Schedule],
    constraints: &Constraints,
    effort: Effort,
) -> (Schedule, f64) {
    // Saez's formula, one of the starts, needs welfare weights; equal ones are as good as any here.
    let objective = Objective::Utilitarian;
    let low = constraints.low;
    let starts = starting_points(society, edges, &objective, start, low, effort.random_starts);
    let goal = Goal::Score(score);
    let search = |rates: &[f64]| Search::new(society, edges, goal.clone(), *constraints, rates);
    let mut found: Vec<Search> = starts
        .par_iter()
        .map(|rates| search(rates).descend(0.16, 1e-3))
        .collect();
    found.sort_by(|a, b| b.value.total_cmp(&a.value));
    let streams = Streams::new(0, "optimum wandering");
    let best = found
        .par_iter()
        .take(effort.polished.max(1))
        .enumerate()
        .map(|(place, start)| {
            let tries = if place < effort.wandering {
                effort.tries * edges.len()
            } else {
                0
            };
            search(&start.rates)
                .with_pairs()
                .descend(0.02, 1e-5)
                .wander(tries, &mut streams.at(place as u64, 0))
                .descend(0.001, 1e-6)
        })
        .collect::<Vec<_>>()
        .into_iter()
        .reduce(|a, b| if b.value > a.value { b } else { a })
        .expect("at least one start");
    (best.schedule(), best.value)
}

fn starting_points(
    society: &Society,
    edges: &[f64],
    objective: &Objective,
    given: &[Schedule],
    low: f64,
    random: usize,
) -> Vec<Vec<f64>> {
    let brackets = edges.len();
    let mut starts: Vec<Vec<f64>> = given
        .iter()
        .filter(|schedule| schedule.edges() == edges)
        .map(|schedule| schedule.rates().to_vec())
        .collect();
    for flat in [0.0, 0.3, 0.6] {
        starts.push(vec![flat; brackets]);
    }
    let middle = Schedule::of_checked(edges.to_vec(), vec![0.3; brackets]);
    let elasticity = society.economy().elasticity();
    starts.push(
        saez::fixed_point(society, &middle, objective, elasticity, low < 0.0)
            .schedule
            .rates()
            .to_vec(),
    );
    // Latin hypercube: in each bracket the starts fall into different slices.
    let mut rng = Streams::new(0, "optimum starts").at(0, 0);
    let mut columns: Vec<Vec<f64>> = Vec::with_capacity(brackets);
    for _ in 0..brackets {
        let mut slices: Vec<usize> = (0..random).collect();
        for i in (1..random).rev() {
            slices.swap(i, rng.random_range(0..=i));
        }
        columns.push(
            slices
                .iter()
                .map(|&s| (s as f64 + rng.random::<f64>()) / random.max(1) as f64)
                .collect(),
        );
    }
    for i in 0..random {
        starts.push(
            columns
                .iter()
                .map(|column| low + (1.0 - low) * column[i])
                .collect(),
        );
    }
    starts
}

#[cfg(test)]
mod tests;
