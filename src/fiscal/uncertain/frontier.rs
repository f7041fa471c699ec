//! The undominated schedules of an objective set, and what stands out among them.

use super::descent::{Descent, Ground, Loss};
use super::scalarise::goals;
use super::{ObjectiveSet, Stakes};
use crate::error::{Error, Result};
use crate::fiscal::optimum::{self, Constraints, optimum_within};
use crate::fiscal::{Schedule, Society};
use crate::random::Streams;
use rand::RngExt;
use rayon::prelude::*;

/// How hard to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// For the optimum of each objective.
    pub optimum: optimum::Effort,
    /// Most weightings of the objectives for either kind of scalarisation.
    pub weightings: usize,
    /// Random starts besides the deterministic ones.
    pub random_starts: usize,
    /// Starts of the searches for the least maximal and the least expected regret.
    pub chief_starts: usize,
    /// Random points nearby from which these two are taken up again at once.
    pub hops: usize,
    /// Workers in the first, coarse stage.
    pub coarse_workers: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Effort {
            optimum: optimum::Effort::default(),
            weightings: 30,
            random_starts: 8,
            chief_starts: 12,
            hops: 12,
            coarse_workers: 2_000,
        }
    }
}

impl Effort {
    /// About a tenth of the default, for economies in which every evaluation is slow: under income
    /// effects each is a fixed point of all workers in the rebate.
    pub fn light() -> Self {
        Effort {
            optimum: optimum::Effort {
                random_starts: 3,
                coarse_workers: 100,
                polished: 2,
                wandering: 1,
                tries: 20,
            },
            weightings: 6,
            random_starts: 2,
            chief_starts: 3,
            hops: 2,
            coarse_workers: 100,
        }
    }
}

/// A schedule as every objective sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The schedule.
    pub schedule: Schedule,
    /// W_k by objective, each in its own unit.
    pub welfare: Vec<f64>,
    /// r_k by objective, as [`Stakes::regret`].
    pub regret: Vec<f64>,
}

impl Point {
    /// max_k r_k, a pure number.
    pub fn worst_regret(&self) -> f64 {
        highest(&self.regret)
    }

    /// Σ_k p_k r_k with credences p, a pure number.
    pub fn expected_regret(&self, credence: &[f64]) -> f64 {
        Loss::Sum(credence).of(&self.regret)
    }
}

fn highest(regret: &[f64]) -> f64 {
    regret.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Undominated schedules over given brackets, and those that stand out.
#[derive(Clone, Debug)]
pub struct Frontier {
    /// Welfare between which regret is measured.
    pub stakes: Stakes,
    /// Each objective's optimum, in their order: of equally good schedules one that is undominated.
    pub optima: Vec<Point>,
    /// Least maximal regret min_s max_k r_k(s) (Savage 1951). Needs no credences.
    pub minimax: Point,
    /// Least expected regret min_s Σ_k p_k r_k(s); `None` without credences. It maximises the
    /// expected welfare gain in units of what is attainable: expected choiceworthiness with that
    /// scale (MacAskill, Bykvist & Ord 2020).
    pub expected: Option<Point>,
    /// Mutually undominated schedules, all of the above among them, in the order of their first
    /// objective's regret.
    pub points: Vec<Point>,
    /// Weightings that were scalarised.
    pub weightings: usize,
    /// Evaluations of a schedule, those of the optima included.
    pub evaluations: usize,
}

impl Frontier {
    /// Any schedule, on these brackets or others, as the objectives see it.
    pub fn judge(&self, set: &ObjectiveSet, society: &Society, schedule: &Schedule) -> Point {
        let welfare = set.welfare(society, schedule);
        Point {
            schedule: schedule.clone(),
            regret: self.stakes.regret(&welfare),
            welfare,
        }
    }

    /// About `count` points that are far from each other in regret, in the frontier's order: the
    /// optima and the schedules of least maximal and least expected regret, then one after the other
    /// the point that is farthest from those already taken.
    pub fn thinned(&self, count: usize) -> Vec<&Point> {
        let stands_out = |point: &Point| {
            self.optima
                .iter()
                .chain([&self.minimax])
                .chain(&self.expected)
                .any(|special| special.schedule == point.schedule)
        };
        let mut taken: Vec<bool> = self.points.iter().map(stands_out).collect();
        let apart = |a: &Point, b: &Point| {
            let gaps = a.regret.iter().zip(&b.regret).map(|(a, b)| (a - b).abs());
            gaps.fold(0.0, f64::max)
        };
        while taken.iter().filter(|t| **t).count() < count.min(self.points.len()) {
            let nearest = |i: usize| {
                let others = (0..self.points.len()).filter(|&j| taken[j]);
                others
                    .map(|j| apart(&self.points[i], &self.points[j]))
                    .fold(f64::INFINITY, f64::min)
            };
            let farthest = (0..self.points.len())
                .filter(|&i| !taken[i])
                .map(|i| (nearest(i), i))
                .reduce(|a, b| if b.0 > a.0 { b } else { a })
                .expect("fewer are taken than there are");
            taken[farthest.1] = true;
        }
        let points = self.points.iter().zip(taken);
        points.filter(|(_, t)| *t).map(|(point, _)| point).collect()
    }
}

/// Points closer than this in every regret are one point of the frontier.
const APART: f64 = 1e-3;

/// The frontier of `set` over the rates of `edges` within `constraints`.
///
/// A schedule dominates another if no objective ranks it lower and one ranks it higher. Regret is
/// measured from `baseline`, which may have brackets of its own. `start` schedules with these
/// brackets are tried besides others. Deterministic given the arguments.
///
/// The optima are those of [`optimum_within`]. The frontier in between is found by scalarising: for
/// weights on a simplex lattice (Das & Dennis 1998) the schedule with the least Σ λ_k r_k, which
/// finds the convex part, and with the least max r_k/λ_k, which finds every part (Bowman 1976); λ
/// even is the least maximal regret. Each search is a pattern search from several starts; the maximum
/// is made smooth first and sharpened step by step, as on its ridges no single rate can be moved to
/// advantage. What is dominated by anything found is left out.
///
/// # Errors
/// As [`optimum_within`] and [`Stakes::new`]; a revenue requirement.
pub fn frontier(
    set: &ObjectiveSet,
    society: &Society,
    edges: &[f64],
    baseline: &Schedule,
    start: &[Schedule],
    constraints: &Constraints,
    effort: Effort,
) -> Result<Frontier> {
    if let Some(revenue) = constraints.revenue {
        return Err(
            Error::input("no frontier is searched under a revenue requirement")
                .value(format!("{revenue} $/year per worker"))
                .allowed("bounds of rates and rates that do not fall"),
        );
    }
    let best: Vec<_> = set
        .objectives()
        .iter()
        .map(|o| optimum_within(society, edges, o, start, constraints, effort.optimum))
        .collect::<Result<_>>()?;
    let mut evaluations: usize = best.iter().map(|o| o.evaluations).sum();
    let members = set.objectives().len();
    let over = |society| -> Result<Ground> {
        let welfare = |k: usize| set.welfare(society, &best[k].schedule)[k];
        let stakes = Stakes::new(
            set,
            (0..members).map(welfare).collect(),
            set.welfare(society, baseline),
        )?;
        Ok(Ground {
            set,
            society,
            edges,
            constraints,
            stakes,
        })
    };
    let ground = over(society)?;
    let thinned = society.thinned(effort.coarse_workers);
    let coarse = over(&thinned)?;
    let streams = Streams::new(0, "frontier directions");

    // Of an objective's equally good schedules the one that the others like best.
    let optima: Vec<Descent> = (0..members)
        .into_par_iter()
        .map(|k| {
            let mut most = vec![f64::INFINITY; members];
            let at = Descent::at(&ground, best[k].schedule.rates().to_vec());
            most[k] = at.regret[k];
            at.down(
                &ground,
                Loss::Within(&most),
                0.02,
                1e-6,
                &mut streams.at(0, k as u64),
            )
        })
        .collect();

    let mut pool: Vec<Vec<f64>> = optima.iter().map(|o| o.rates.clone()).collect();
    pool.extend(starting_points(
        &optima,
        edges,
        start,
        constraints,
        effort.random_starts,
    ));
    let goals = goals(set, &optima, effort.weightings);
    // The goals before the lattice: their schedules are reported by name.
    let chief = 1 + usize::from(set.credence().is_some());
    let mut found: Vec<Descent> = Vec::new();
    // The second round starts from what the first one found for neighbouring weights.
    for round in 0..2 {
        let known: Vec<Descent> = pool
            .par_iter()
            .map(|rates| Descent::at(&coarse, rates.clone()))
            .collect();
        found = goals
            .par_iter()
            .enumerate()
            .map(|(place, goal)| {
                let mut rng = streams.at(1 + round, place as u64);
                let starts = match round {
                    _ if place < chief => effort.chief_starts,
                    0 => 2,
                    _ => 1,
                };
                let mut ends: Vec<Descent> = goal
                    .starts(&known, starts)
                    .map(|at| goal.search(&coarse, at.clone(), &mut rng))
                    .collect();
                let spent: usize = ends.iter().map(|end| end.evaluations).sum();
                ends.sort_by(|a, b| goal.loss(a).total_cmp(&goal.loss(b)));
                let mut end = ends.swap_remove(0);
                end.evaluations = spent;
                end
            })
            .collect();
        evaluations += found.iter().map(|end| end.evaluations).sum::<usize>();
        pool = optima
            .iter()
            .chain(&found)
            .map(|end| end.rates.clone())
            .collect();
    }
    let mut ends: Vec<Descent> = goals
        .par_iter()
        .zip(found)
        .enumerate()
        .map(|(place, (goal, end))| {
            if place < chief {
                goal.polish_with_hops(&ground, end.rates, effort.hops, &streams)
            } else {
                goal.polish(&ground, end.rates, &mut streams.at(3, place as u64))
            }
        })
        .collect();
    ends.extend(optima);
    evaluations += ends.iter().map(|end| end.evaluations).sum::<usize>();
    let schedules = ends.iter().map(|end| ground.schedule(&end.rates));
    Ok(assemble(
        set,
        society,
        schedules.collect(),
        ground.stakes.baseline().to_vec(),
        goals.len(),
        evaluations,
    ))
}

/// Puts the frontier together from all that was found.
fn assemble(
    set: &ObjectiveSet,
    society: &Society,
    schedules: Vec<Schedule>,
    baseline: Vec<f64>,
    weightings: usize,
    evaluations: usize,
) -> Frontier {
    let welfare: Vec<Vec<f64>> = schedules
        .par_iter()
        .map(|schedule| set.welfare(society, schedule))
        .collect();
    // A search for another goal may have passed an optimum by a hair.
    let optimum = (0..set.objectives().len())
        .map(|k| {
            welfare
                .iter()
                .map(|w| w[k])
                .fold(f64::NEG_INFINITY, f64::max)
        })
        .collect();
    let stakes = Stakes { optimum, baseline };
    let all: Vec<Point> = schedules
        .into_iter()
        .zip(welfare)
        .map(|(schedule, welfare)| Point {
            schedule,
            regret: stakes.regret(&welfare),
            welfare,
        })
        .collect();
    let undominated: Vec<Point> = all
        .iter()
        .filter(|point| !all.iter().any(|other| dominates(other, point)))
        .cloned()
        .collect();
    // Ties go to the least sum of regrets. What has the least of a loss that falls in every regret
    // and then the least sum is undominated.
    let least = |loss: &dyn Fn(&Point) -> f64| -> Point {
        let sum = |point: &Point| point.regret.iter().sum::<f64>();
        undominated
            .iter()
            .min_by(|a, b| {
                let first = loss(a).total_cmp(&loss(b));
                first.then(sum(a).total_cmp(&sum(b)))
            })
            .expect("something is undominated")
            .clone()
    };
    let optima: Vec<Point> = (0..set.objectives().len())
        .map(|k| least(&|point| point.regret[k]))
        .collect();
    let minimax = least(&Point::worst_regret);
    let expected = set
        .credence()
        .map(|credence| least(&|point| point.expected_regret(credence)));
    let mut points: Vec<Point> = Vec::new();
    let special = optima.iter().chain([&minimax]).chain(&expected);
    for (place, point) in special.chain(&undominated).enumerate() {
        let stands_out = place < optima.len() + 1 + usize::from(expected.is_some());
        let near = |other: &Point| {
            let mut gaps = point.regret.iter().zip(&other.regret);
            gaps.all(|(a, b)| (a - b).abs() < APART)
        };
        let known = if stands_out {
            points.contains(point)
        } else {
            points.iter().any(near)
        };
        if !known {
            points.push(point.clone());
        }
    }
    points.sort_by(|a, b| a.regret[0].total_cmp(&b.regret[0]));
    Frontier {
        stakes,
        optima,
        minimax,
        expected,
        points,
        weightings,
        evaluations,
    }
}

/// Whether every objective finds `a` as good as `b` and one finds it better, to the last digit.
fn dominates(a: &Point, b: &Point) -> bool {
    let pairs = || a.welfare.iter().zip(&b.welfare);
    pairs().all(|(a, b)| a >= b) && pairs().any(|(a, b)| a > b)
}

/// Zero, 30 and 60 % everywhere, the mean of the optima, what is given, and random rates.
fn starting_points(
    optima: &[Descent],
    edges: &[f64],
    given: &[Schedule],
    constraints: &Constraints,
    random: usize,
) -> Vec<Vec<f64>> {
    let brackets = edges.len();
    let mut starts: Vec<Vec<f64>> = [0.0, 0.3, 0.6].map(|rate| vec![rate; brackets]).to_vec();
    let mean = |k: usize| optima.iter().map(|o| o.rates[k]).sum::<f64>() / optima.len() as f64;
    starts.push((0..brackets).map(mean).collect());
    let fitting = given.iter().filter(|schedule| schedule.edges() == edges);
    starts.extend(fitting.map(|schedule| schedule.rates().to_vec()));
    let mut rng = Streams::new(0, "frontier starts").at(0, 0);
    for _ in 0..random {
        let range = constraints.low..=constraints.high;
        starts.push(
            (0..brackets)
                .map(|_| rng.random_range(range.clone()))
                .collect(),
        );
    }
    (starts.iter())
        .map(|rates| constraints.nearest(rates))
        .collect()
}
