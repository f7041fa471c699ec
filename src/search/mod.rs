//! Black-box search over rates: what to try next, given what was tried and what it brought.
//!
//! All methods are functions of the history alone (and of a random stream), in the same whole
//! percentages that a language-model planner may answer: a yardstick for its score that knows
//! nothing of the economy.
//!
//! | module | subject |
//! |---|---|
//! | [`cma_es`] | covariance matrix adaptation |
//! | [`surrogate`] | Gaussian-process regression of welfare on the rates |
//! | [`bayesian`] | the schedule with the highest expected improvement under it |
//! | [`bandit`] | Thompson sampling with a quadratic payoff in each rate |

pub mod bandit;
pub mod bayesian;
pub mod cma_es;
pub mod surrogate;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

/// A schedule that was tried: rates in 0–1, and the welfare that it brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// One for each bracket, fractions.
    pub rates: Vec<f64>,
    /// Year-mean welfare; never NaN or infinite.
    pub welfare: f64,
}

/// How the next rates are found.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// Whole percentages from 0 to 100, uniformly, every bracket by itself.
    Random,
    /// From the best schedule so far, a range of brackets up or down by one of these percentage
    /// points, uniformly among the moves that were not tried; the best stays once all were.
    HillClimb {
        /// Percentage points.
        points: Vec<u32>,
    },
    /// Covariance matrix adaptation evolution strategy.
    CmaEs {
        /// Standard deviation of the first generation, percentage points.
        spread: f64,
    },
    /// Expected improvement under a Gaussian process.
    Bayesian,
    /// Thompson sampling.
    Bandit,
}

impl Method {
    /// Name in scenarios.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Random => "random",
            Method::HillClimb { .. } => "hill-climb",
            Method::CmaEs { .. } => "cma-es",
            Method::Bayesian => "bayesian",
            Method::Bandit => "bandit",
        }
    }
}

/// The nearest whole percentages in 0–100 %, as fractions.
pub fn whole_percentages(rates: impl IntoIterator<Item = f64>) -> Vec<f64> {
    rates
        .into_iter()
        .map(|rate| (100.0 * rate).round().clamp(0.0, 100.0) / 100.0)
        .collect()
}

/// `points` points in the unit cube of so many `dimensions`, such that in every dimension each of
/// `points` slices of equal width holds one of them (McKay, Beckman and Conover 1979).
pub fn latin_hypercube(dimensions: usize, points: usize, rng: &mut impl Rng) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::with_capacity(dimensions); points];
    for _ in 0..dimensions {
        let mut slices: Vec<usize> = (0..points).collect();
        slices.shuffle(rng);
        for (point, slice) in all.iter_mut().zip(slices) {
            point.push((slice as f64 + rng.random::<f64>()) / points as f64);
        }
    }
    all
}

/// Uniform whole percentages.
pub fn uniform(brackets: usize, rng: &mut impl Rng) -> Vec<f64> {
    (0..brackets)
        .map(|_| f64::from(rng.random_range(0..=100u32)) / 100.0)
        .collect()
}

/// Where the highest welfare is; of equal ones the first.
pub fn best(tried: &[Tried]) -> Option<&Tried> {
    tried
        .iter()
        .reduce(|a, b| if b.welfare > a.welfare { b } else { a })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::random::Streams;
    use rand_chacha::ChaCha8Rng;

    pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
        Streams::new(seed, "search test").at(0, 0)
    }

    /// Plays `next` against `welfare` from `start`; everything that was tried.
    pub(crate) fn play(
        start: &[f64],
        years: usize,
        welfare: impl Fn(&[f64]) -> f64,
        mut next: impl FnMut(&[Tried]) -> Vec<f64>,
    ) -> Vec<Tried> {
        let mut tried: Vec<Tried> = Vec::new();
        let mut rates = start.to_vec();
        for _ in 0..years {
            tried.push(Tried {
                welfare: welfare(&rates),
                rates: rates.clone(),
            });
            rates = next(&tried);
            assert!(rates.iter().all(|r| (0.0..=1.0).contains(r)), "{rates:?}");
            assert_eq!(rates, whole_percentages(rates.clone()));
        }
        tried
    }

    #[test]
    fn percentages_are_whole_and_admissible() {
        assert_eq!(
            whole_percentages([0.123, -0.2, 1.7, 0.5]),
            [0.12, 0.0, 1.0, 0.5]
        );
    }

    /// Mean and range of uniform whole percentages.
    #[test]
    fn uniform_rates_are_uniform() {
        let mut rng = rng(7);
        let draws: Vec<f64> = (0..4_000)
            .map(|_| 100.0 * uniform(1, &mut rng)[0])
            .collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((mean - 50.0).abs() < 2.0, "{mean}");
        assert!(draws.contains(&0.0) && draws.contains(&100.0));
    }
}
