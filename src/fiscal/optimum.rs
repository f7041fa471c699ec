//! The exact optimum over bracket rates: the best that any planner could do with these brackets.
//!
//! Welfare as a function of the rates is continuous but not concave (workers bunch, jump and hit
//! the limit of hours), so the search is global: several starts, each improved by pattern search
//! (Hooke & Jeeves 1961) with steps from 16 points down to 1e-7, on a thinned population first,
//! and the best of them polished on the whole population. The result carries what a reader needs
//! to judge it: evaluations, spread between starts, and whether any ±1-point move still improves.

use crate::fiscal::saez;
use crate::fiscal::{Objective, Outcome, Schedule, Society};
use crate::random::Streams;
use rand::RngExt;
use rayon::prelude::*;

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
}

impl Default for Effort {
    fn default() -> Self {
        Effort {
            random_starts: 12,
            coarse_workers: 2_000,
            polished: 6,
        }
    }
}

/// The optimum and its certificate.
#[derive(Clone, Debug)]
pub struct Optimum {
    /// Best schedule found.
    pub schedule: Schedule,
    /// Its welfare.
    pub welfare: f64,
    /// Welfare evaluations spent, all starts and both stages.
    pub evaluations: usize,
    /// Number of starts.
    pub starts: usize,
    /// Welfare that each start reached in the coarse stage, best first (of the coarse population).
    pub reached: Vec<f64>,
    /// Best minus median of `reached`: 0 when at least half of the starts agree.
    pub spread: f64,
    /// Largest welfare gain among all moves of one rate by ±1 point; ≤ 0 certifies a local optimum
    /// at that scale.
    pub best_move: f64,
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
    let low = if allow_subsidy { -1.0 } else { 0.0 };
    let coarse = society.thinned(effort.coarse_workers);
    let starts = starting_points(&coarse, edges, objective, start, low, effort.random_starts);
    let mut found: Vec<Search> = starts
        .par_iter()
        .map(|rates| Search::new(&coarse, edges, objective, low, rates).descend(0.16, 1e-5))
        .collect();
    let mut evaluations: usize = found.iter().map(|search| search.evaluations).sum();
    // A stable sort: of equal starts the first wins, whatever the number of threads.
    found.sort_by(|a, b| b.welfare.total_cmp(&a.welfare));
    let reached: Vec<f64> = found.iter().map(|search| search.welfare).collect();

    let polished: Vec<Search> = found
        .par_iter()
        .take(effort.polished.max(1))
        .map(|search| {
            Search::new(society, edges, objective, low, &search.rates).descend(0.02, 1e-7)
        })
        .collect();
    evaluations += polished
        .iter()
        .map(|search| search.evaluations)
        .sum::<usize>();
    let mut best = polished
        .into_iter()
        .reduce(|a, b| if b.welfare > a.welfare { b } else { a })
        .expect("at least one start");
    let best_move = best.best_move(0.01);
    Optimum {
        schedule: Schedule::of_checked(edges.to_vec(), best.rates.clone()),
        welfare: best.welfare,
        evaluations: evaluations + 2 * edges.len(),
        starts: starts.len(),
        spread: reached[0] - reached[reached.len() / 2],
        reached,
        best_move,
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
    let search = Search::new(society, &[0.0], objective, 0.0, &[rate]).descend(0.01, 1e-8);
    (
        Schedule::of_checked(vec![0.0], search.rates),
        search.welfare,
    )
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
    let low = if allow_subsidy { -1.0 } else { 0.0 };
    let peak = 1.0 / (1.0 + society.economy().elasticity());
    let given = start.iter().filter(|schedule| schedule.edges() == edges);
    let starts = [0.0, 0.3, 0.6, peak]
        .map(|rate| vec![rate; edges.len()])
        .into_iter()
        .chain(given.map(|schedule| schedule.rates().to_vec()));
    let goal = Goal::Utility(places);
    let found = starts
        .map(|rates| Search::towards(society, edges, goal.clone(), low, &rates).descend(0.08, 1e-4))
        .reduce(|a, b| if b.welfare > a.welfare { b } else { a })
        .expect("at least one start");
    Schedule::of_checked(edges.to_vec(), found.rates)
}

/// What a search maximises.
#[derive(Clone, Debug)]
enum Goal<'a> {
    Welfare(&'a Objective),
    /// Mean utility of the workers at these places.
    Utility(std::ops::Range<usize>),
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

/// One pattern search over the rates.
struct Search<'a> {
    society: &'a Society,
    edges: &'a [f64],
    goal: Goal<'a>,
    low: f64,
    rates: Vec<f64>,
    welfare: f64,
    evaluations: usize,
    outcome: Outcome,
}

impl<'a> Search<'a> {
    fn new(
        society: &'a Society,
        edges: &'a [f64],
        objective: &'a Objective,
        low: f64,
        rates: &[f64],
    ) -> Self {
        Search::towards(society, edges, Goal::Welfare(objective), low, rates)
    }

    fn towards(
        society: &'a Society,
        edges: &'a [f64],
        goal: Goal<'a>,
        low: f64,
        rates: &[f64],
    ) -> Self {
        let mut search = Search {
            society,
            edges,
            goal,
            low,
            rates: rates.to_vec(),
            welfare: 0.0,
            evaluations: 0,
            outcome: Outcome::default(),
        };
        search.welfare = search.evaluate(rates);
        search
    }

    fn evaluate(&mut self, rates: &[f64]) -> f64 {
        self.evaluations += 1;
        let schedule = Schedule::of_checked(self.edges.to_vec(), rates.to_vec());
        self.society.outcome_into(&schedule, &mut self.outcome);
        let welfare = match &self.goal {
            Goal::Welfare(objective) => {
                let allocation = self.outcome.allocation(self.society.wage());
                objective.welfare(self.society.economy(), &allocation)
            }
            Goal::Utility(places) => super::inequality::mean(&self.outcome.utility[places.clone()]),
        };
        // Where rates fall, responses can jump over the only rebate that would balance the budget.
        // Such a schedule has no equilibrium, and its welfare would be that of mistaken workers.
        let scale = super::inequality::mean(&self.outcome.income).max(1.0);
        let tolerance = self.society.equilibrium_tolerance();
        let equilibrium = self.outcome.rebate_gap <= tolerance * scale && self.outcome.settled;
        if equilibrium && !welfare.is_nan() {
            welfare
        } else {
            f64::NEG_INFINITY
        }
    }

    /// Hooke–Jeeves: exploratory moves along each rate, then a leap in the direction of progress;
    /// each rate keeps a step of its own, halved when neither side improves.
    fn descend(mut self, step: f64, tolerance: f64) -> Self {
        let brackets = self.rates.len();
        let mut steps = vec![step; brackets];
        while steps.iter().any(|&s| s > tolerance) {
            let base = self.rates.clone();
            for (k, step) in steps.iter_mut().enumerate() {
                if *step <= tolerance {
                    continue;
                }
                let improved = self.try_move(k, *step) || self.try_move(k, -*step);
                *step *= if improved { 1.5 } else { 0.5 };
            }
            let leap: Vec<f64> = self
                .rates
                .iter()
                .zip(&base)
                .map(|(now, before)| (2.0 * now - before).clamp(self.low, 1.0))
                .collect();
            if leap != self.rates {
                let welfare = self.evaluate(&leap);
                if welfare > self.welfare {
                    self.rates = leap;
                    self.welfare = welfare;
                    // Progress along a valley: a rate that had settled may move again.
                    steps.iter_mut().for_each(|s| *s = s.max(4.0 * tolerance));
                }
            }
            if self.evaluations > 20_000 {
                break;
            }
        }
        self
    }

    fn try_move(&mut self, k: usize, step: f64) -> bool {
        let mut rates = self.rates.clone();
        rates[k] = (rates[k] + step).clamp(self.low, 1.0);
        if rates[k] == self.rates[k] {
            return false;
        }
        let welfare = self.evaluate(&rates);
        let better = welfare > self.welfare;
        if better {
            self.rates = rates;
            self.welfare = welfare;
        }
        better
    }

    /// Largest gain among the moves of one rate by ±`step`.
    fn best_move(&mut self, step: f64) -> f64 {
        let mut best = f64::NEG_INFINITY;
        for k in 0..self.rates.len() {
            for signed in [step, -step] {
                let mut rates = self.rates.clone();
                rates[k] = (rates[k] + signed).clamp(self.low, 1.0);
                if rates[k] != self.rates[k] {
                    best = best.max(self.evaluate(&rates) - self.welfare);
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::Economy;

    fn society() -> Society {
        let wages = (0..200)
            .map(|i| 6.0 + 0.5 * f64::from(i) + f64::from(i * i) / 400.0)
            .collect();
        Society::rational(Economy::default(), wages)
    }

    /// Under quasilinear utility money is worth the same to all, so taxing only destroys work.
    #[test]
    fn utilitarian_optimum_of_a_quasilinear_economy_is_zero_tax() {
        let edges = [0.0, 30_000.0, 80_000.0];
        let optimum = optimum(
            &society(),
            &edges,
            &Objective::Utilitarian,
            &[],
            false,
            Effort::default(),
        );
        assert!(
            optimum.schedule.rates().iter().all(|&rate| rate < 1e-6),
            "{}",
            optimum.schedule
        );
        assert!(optimum.best_move <= 0.0);
    }

    /// Two brackets by brute force on a 1-point grid: the search is never below it.
    #[test]
    fn at_least_as_good_as_brute_force() {
        let society = society();
        let edges = [0.0, 60_000.0];
        for objective in [Objective::InverseWage, Objective::Rawlsian, Objective::Nash] {
            let optimum = optimum(&society, &edges, &objective, &[], false, Effort::default());
            let grid = (0..=100)
                .flat_map(|a| (0..=100).map(move |b| [f64::from(a) / 100.0, f64::from(b) / 100.0]))
                .map(|rates| society.welfare(&Schedule::new(&edges, &rates).unwrap(), &objective))
                .fold(f64::NEG_INFINITY, f64::max);
            assert!(
                optimum.welfare >= grid,
                "{objective:?}: {} < {grid}",
                optimum.welfare
            );
            assert!(optimum.best_move <= 0.0);
            let again = society.welfare(&optimum.schedule, &objective);
            assert_eq!(again, optimum.welfare);
        }
    }

    /// The Rawlsian flat tax of workers who can idle maximises revenue: 1/(1+e).
    #[test]
    fn rawlsian_flat_tax_is_the_laffer_peak() {
        let mut wages = vec![1e-6];
        wages.extend([0.001, 0.002, 0.003]);
        let society = Society::rational(Economy::default(), wages);
        let (schedule, _) = best_flat(&society, &Objective::Rawlsian);
        assert!((schedule.rates()[0] - 1.0 / 1.4).abs() < 1e-3, "{schedule}");
    }

    /// A few isoelastic workers: where rates fall there may be no rebate that workers expect and
    /// get, and such schedules must not be chosen, however good their books look.
    #[test]
    fn optimum_is_an_equilibrium() {
        let economy = Economy {
            utility: crate::fiscal::Utility::Isoelastic {
                eta: 1.5,
                consumption_unit: 1000.0,
            },
            labor_cost: 1e-7,
            ..Economy::default()
        };
        let wages = (0..12).map(|i| 6.0 * 1.28f64.powi(i)).collect();
        let society = Society::rational(economy, wages);
        let edges = [0.0, 90_000.0, 159_100.0];
        let effort = Effort {
            random_starts: 4,
            coarse_workers: 100,
            polished: 2,
        };
        let found = optimum(
            &society,
            &edges,
            &Objective::Utilitarian,
            &[],
            false,
            effort,
        );
        let outcome = society.outcome(&found.schedule);
        assert!(
            outcome.rebate_gap < 0.1,
            "{} {}",
            outcome.rebate_gap,
            found.schedule
        );
        // Everybody's hours are a best response to the rebate that is paid.
        for (&w, &l) in society.wage().iter().zip(&outcome.labor) {
            let utility = |l| economy.utility_of_labor(w, l, &found.schedule, outcome.rebate);
            let best = crate::fiscal::best_response(&economy, &found.schedule, w, outcome.rebate);
            assert!(utility(l) >= utility(best) - 1e-6, "{w}");
        }
        let (_, flat) = best_flat(&society, &Objective::Utilitarian);
        assert!(found.welfare >= flat - 1e-4, "{} < {flat}", found.welfare);
    }
}
