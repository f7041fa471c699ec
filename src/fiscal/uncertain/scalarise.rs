//! Scalarisations: one number made of all regrets, so that a search can find a point of the frontier.

use super::ObjectiveSet;
use super::descent::{Descent, Ground, Loss};
use crate::random::Streams;
use rand::RngExt;
use rayon::prelude::*;

/// One scalarisation.
pub(super) enum Goal {
    /// Least Σ λ_k r_k.
    Sum(Vec<f64>),
    /// Least max λ_k r_k.
    Worst(Vec<f64>),
}

impl Goal {
    pub fn loss(&self, at: &Descent) -> f64 {
        self.exact().of(&at.regret)
    }

    fn exact(&self) -> Loss<'_> {
        match self {
            Goal::Sum(weight) => Loss::Sum(weight),
            Goal::Worst(weight) => Loss::Worst(weight),
        }
    }

    /// The known points with the least loss.
    pub fn starts<'a>(
        &self,
        known: &'a [Descent],
        count: usize,
    ) -> impl Iterator<Item = &'a Descent> {
        let mut order: Vec<&Descent> = known.iter().collect();
        order.sort_by(|a, b| self.loss(a).total_cmp(&self.loss(b)));
        order.into_iter().take(count)
    }

    pub fn search(&self, ground: &Ground, at: Descent, rng: &mut impl rand::Rng) -> Descent {
        match self {
            Goal::Sum(weight) => at.down(ground, Loss::Sum(weight), 0.08, 1e-4, rng),
            Goal::Worst(weight) => {
                let mut at = at;
                for (sharpness, step) in [(20.0, 0.08), (200.0, 0.02), (2_000.0, 0.005)] {
                    let loss = Loss::NearWorst(weight, sharpness);
                    at = at.down(ground, loss, step, step / 20.0, rng);
                }
                at
            }
        }
    }

    /// The end of the search on the whole population, moved on to where no objective can gain
    /// without another's loss.
    pub fn polish(&self, ground: &Ground, rates: Vec<f64>, rng: &mut impl rand::Rng) -> Descent {
        let mut at = Descent::at(ground, rates);
        if let Goal::Worst(weight) = self {
            for sharpness in [2_000.0, 20_000.0] {
                let loss = Loss::NearWorst(weight, sharpness);
                at = at.down(ground, loss, 0.002, 1e-5, rng);
            }
        }
        at = at.down(ground, self.exact(), 0.002, 1e-6, rng);
        let most = at.regret.clone();
        at.down(ground, Loss::Within(&most), 0.002, 1e-6, rng)
    }

    /// As [`Goal::polish`], and again from `hops` random points nearby while that finds better ones: where
    /// rates fall, workers jump across brackets, and each jump can end a search.
    pub fn polish_with_hops(
        &self,
        ground: &Ground,
        rates: Vec<f64>,
        hops: usize,
        streams: &Streams,
    ) -> Descent {
        let mut best = self.polish(ground, rates, &mut streams.at(4, 0));
        for round in 0..HOPPING_ROUNDS {
            let ends: Vec<Descent> = (0..hops as u64)
                .into_par_iter()
                .map(|hop| {
                    let mut rng = streams.at(5 + round, hop);
                    let rates = best.rates.iter();
                    let near: Vec<f64> = rates
                        .map(|rate| rate + HOP * rng.random_range(-1.0..=1.0))
                        .collect();
                    let near = ground.constraints.nearest(&near);
                    let mut at = Descent::at(ground, near);
                    if let Goal::Worst(weight) = self {
                        at = at.down(ground, Loss::NearWorst(weight, 200.0), 0.01, 2e-5, &mut rng);
                    }
                    let spent = at.evaluations;
                    let mut end = self.polish(ground, at.rates, &mut rng);
                    end.evaluations += spent;
                    end
                })
                .collect();
            let spent = best.evaluations + ends.iter().map(|end| end.evaluations).sum::<usize>();
            let before = self.loss(&best);
            for end in ends {
                if self.loss(&end) < self.loss(&best) {
                    best = end;
                }
            }
            best.evaluations = spent;
            if self.loss(&best) > before - 1e-6 {
                break;
            }
        }
        best
    }
}

/// Rounds of hops at most.
const HOPPING_ROUNDS: u64 = 6;

/// Largest change of a rate by a hop.
const HOP: f64 = 0.03;

/// Even weights for the least maximal regret, the credences, and a lattice for either scalarisation.
///
/// On the lattice each regret counts in units of the largest that it has at another objective's
/// optimum, so that the points found lie evenly over the whole of the frontier.
pub(super) fn goals(set: &ObjectiveSet, optima: &[Descent], weightings: usize) -> Vec<Goal> {
    let members = set.objectives().len();
    let mut goals = vec![Goal::Worst(vec![1.0; members])];
    goals.extend(set.credence().map(|p| Goal::Sum(p.to_vec())));
    let range: Vec<f64> = (0..members)
        .map(|k| optima.iter().map(|o| o.regret[k]).fold(1e-6, f64::max))
        .collect();
    for share in simplex_lattice(members, weightings) {
        // Regrets in the proportions of share·range are those that all enter the maximum alike.
        let each = || share.iter().zip(&range);
        let even: Vec<f64> = each().map(|(s, range)| 1.0 / (s * range)).collect();
        goals.push(Goal::Worst(scaled(even)));
        goals.push(Goal::Sum(scaled(
            each().map(|(s, range)| s / range).collect(),
        )));
    }
    goals
}

/// Weights with mean 1, so that sharpness means the same for all.
fn scaled(weight: Vec<f64>) -> Vec<f64> {
    let mean = weight.iter().sum::<f64>() / weight.len() as f64;
    weight.iter().map(|w| w / mean).collect()
}

/// Points (i_1, …, i_K)/H with whole i_k ≥ 1 that sum to H, for the largest H that gives at most
/// `most` of them (at least one: H = K).
pub(super) fn simplex_lattice(members: usize, most: usize) -> Vec<Vec<f64>> {
    // Number of points: C(H−1, K−1).
    let count = |h: usize| (1..members).fold(1.0, |c, j| c * (h - j) as f64 / j as f64);
    let mut h = members;
    while count(h + 1) <= most as f64 {
        h += 1;
    }
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for k in 0..members {
        let after = members - k - 1;
        rows = rows
            .into_iter()
            .flat_map(|row| {
                let left = h - row.iter().sum::<usize>();
                let range = if after == 0 {
                    left..=left
                } else {
                    1..=left - after
                };
                range.map(move |i| {
                    let mut row = row.clone();
                    row.push(i);
                    row
                })
            })
            .collect();
    }
    rows.iter()
        .map(|row| row.iter().map(|&i| i as f64 / h as f64).collect())
        .collect()
}
