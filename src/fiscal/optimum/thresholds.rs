//! The best tax with few brackets whose thresholds are free.

use super::{Constraints, Goal, Search, best_flat, certified};
use crate::fiscal::inequality::{ascending_order, quantile};
use crate::fiscal::{Objective, Schedule, Society, Utility};
use rayon::prelude::*;

/// Quantiles of income at which thresholds start.
const STARTS: [f64; 9] = [0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.97, 0.995];

/// How wide to search: income effects make each evaluation many times dearer.
struct Width {
    /// Workers in the coarse stage.
    coarse: usize,
    /// Starts that go on after a first look.
    kept: usize,
    /// Starts that are improved on the whole population.
    polished: usize,
}

impl Width {
    fn of(utility: Utility) -> Self {
        match utility {
            Utility::Quasilinear => Width {
                coarse: 500,
                kept: 24,
                polished: 6,
            },
            Utility::Isoelastic { .. } => Width {
                coarse: 300,
                kept: 16,
                polished: 4,
            },
        }
    }
}

/// The best schedule with free thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct FreeThresholds {
    /// Edges in whole dollars.
    pub schedule: Schedule,
    /// Its welfare.
    pub welfare: f64,
    /// Starts that were tried.
    pub starts: usize,
    /// Welfare evaluations.
    pub evaluations: usize,
}

/// The best tax of two or three brackets with thresholds wherever they are best.
///
/// Pattern search over rates and logarithms of thresholds together, from thresholds at all pairs of
/// nine quantiles of income and from the best tax with a bracket less; the thresholds of the best
/// are rounded to dollars and its rates improved again. Source: Slemrod, Yitzhaki, Mayshar and
/// Lundholm (1994) on two brackets. Constraints on revenue are not taken into account.
pub fn best_thresholds(
    society: &Society,
    objective: &Objective,
    brackets: usize,
    constraints: &Constraints,
) -> FreeThresholds {
    debug_assert!((1..=3).contains(&brackets));
    if brackets == 1 {
        let (flat, _) = best_flat(society, objective);
        let goal = Goal::Welfare(objective);
        let search = Search::new(society, &[0.0], goal, *constraints, flat.rates());
        let search = search.descend(0.04, 1e-8);
        return FreeThresholds {
            schedule: search.schedule(),
            welfare: search.value,
            starts: 101,
            evaluations: search.evaluations + 101,
        };
    }
    let fewer = best_thresholds(society, objective, brackets - 1, constraints);
    let width = Width::of(society.economy().utility);
    let coarse = society.thinned(width.coarse);
    let outcome = coarse.outcome(&fewer.schedule);
    let order = ascending_order(&outcome.income);
    let ascending: Vec<f64> = order.iter().map(|&i| outcome.income[i as usize]).collect();
    let thresholds: Vec<f64> = (STARTS.iter())
        .map(|&p| quantile(&ascending, p).max(1.0))
        .collect();
    let mut starts: Vec<Schedule> = Vec::new();
    for (i, &first) in thresholds.iter().enumerate() {
        let mut add = |edges: Vec<f64>| {
            if edges.windows(2).all(|pair| pair[0] < pair[1]) {
                let rates = edges
                    .iter()
                    .map(|&edge| fewer.schedule.marginal_rate(edge))
                    .collect();
                starts.push(Schedule::of_checked(edges, rates));
            }
        };
        // A threshold more in the best schedule with one less.
        let mut edges = fewer.schedule.edges().to_vec();
        edges.push(first);
        edges.sort_by(f64::total_cmp);
        add(edges);
        if brackets == 3 {
            for &second in &thresholds[i + 1..] {
                add(vec![0.0, first, second]);
            }
        }
    }
    let goal = Goal::Welfare(objective);
    let search = |society, start: &Schedule| {
        Search::new(
            society,
            start.edges(),
            goal.clone(),
            *constraints,
            start.rates(),
        )
        .with_free_edges()
    };
    let mut found: Vec<Search> = starts
        .par_iter()
        .map(|start| search(&coarse, start).descend(0.08, 1e-2))
        .collect();
    found.sort_by(|a, b| b.value.total_cmp(&a.value));
    found.truncate(width.kept);
    found = found
        .into_par_iter()
        .map(|search| search.descend(0.02, 1e-4))
        .collect();
    found.sort_by(|a, b| b.value.total_cmp(&a.value));
    let mut evaluations: usize = found.iter().map(|search| search.evaluations).sum();
    let polished: Vec<Search> = found[..width.polished.min(found.len())]
        .par_iter()
        .map(|start| {
            let free = search(society, &start.schedule()).descend(0.02, 1e-6);
            // Nobody writes a law with cents in its thresholds.
            let edges: Vec<f64> = free.edges.iter().map(|edge| edge.round()).collect();
            let mut fixed = Search::new(society, &edges, goal.clone(), *constraints, &free.rates);
            fixed.evaluations += free.evaluations;
            fixed.descend(0.01, 1e-7)
        })
        .collect();
    evaluations += polished
        .iter()
        .map(|search| search.evaluations)
        .sum::<usize>();
    let best = polished
        .into_iter()
        .reduce(|a, b| if b.value > a.value { b } else { a });
    let kept = |welfare: f64| FreeThresholds {
        welfare,
        starts: starts.len() + fewer.starts,
        evaluations: evaluations + fewer.evaluations,
        ..fewer.clone()
    };
    match best {
        Some(best) if best.value > fewer.welfare => FreeThresholds {
            schedule: best.schedule(),
            ..kept(certified(best, objective, 1.0).welfare)
        },
        // A bracket more does not help: the best with one less is a schedule with it, too.
        _ => kept(fewer.welfare),
    }
}
