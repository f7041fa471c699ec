//! Bayesian optimisation: the schedule with the highest expected improvement under a Gaussian process.

use super::surrogate::Surrogate;
use super::{Tried, uniform, whole_percentages};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Schedules drawn over all of 0–100 % to look for the highest expected improvement.
const DRAWS: usize = 1_000;
/// Schedules drawn around each of the best three.
const NEAR: usize = 150;
/// Of all these so many are improved rate by rate.
const CLIMBS: usize = 4;

/// The next schedule after `tried`: never one that was tried. Uniform while there is nothing to fit.
pub fn next(tried: &[Tried], brackets: usize, rng: &mut impl Rng) -> Vec<f64> {
    let fallback = uniform(brackets, rng);
    let Some(surrogate) = Surrogate::fit(tried) else {
        return fallback;
    };
    let new = |rates: &[f64]| !tried.iter().any(|t| t.rates == rates);
    let gain = |rates: &[f64]| match new(rates) {
        true => surrogate.expected_improvement(rates),
        false => f64::NEG_INFINITY,
    };
    let mut candidates: Vec<(f64, Vec<f64>)> = candidates(tried, brackets, rng)
        .into_iter()
        .map(|rates| (gain(&rates), rates))
        .collect();
    // Stable: of equals the earlier one comes first.
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    candidates.truncate(CLIMBS);
    let climbed = candidates
        .into_iter()
        .map(|(value, rates)| climb(rates, value, &gain));
    let top = climbed.reduce(|a, b| if b.0 > a.0 { b } else { a });
    match top {
        Some((value, rates)) if value > f64::NEG_INFINITY => rates,
        _ => fallback,
    }
}

fn candidates(tried: &[Tried], brackets: usize, rng: &mut impl Rng) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = (0..DRAWS).map(|_| uniform(brackets, rng)).collect();
    let mut ranked: Vec<&Tried> = tried.iter().collect();
    ranked.sort_by(|a, b| b.welfare.total_cmp(&a.welfare));
    for center in ranked.into_iter().take(3) {
        for i in 0..NEAR {
            let spread = [0.02, 0.08, 0.25][i % 3];
            let moved: Vec<f64> = center
                .rates
                .iter()
                .map(|rate| rate + spread * rng.sample::<f64, _>(StandardNormal))
                .collect();
            all.push(whole_percentages(moved));
        }
    }
    all
}

/// Moves single rates up and down while that raises `gain`.
fn climb(mut rates: Vec<f64>, mut value: f64, gain: &impl Fn(&[f64]) -> f64) -> (f64, Vec<f64>) {
    for step in [0.2, 0.1, 0.05, 0.02, 0.01] {
        let mut moved = true;
        while moved {
            moved = false;
            for k in 0..rates.len() {
                for signed in [step, -step] {
                    let mut other = rates.clone();
                    other[k] += signed;
                    let other = whole_percentages(other);
                    if other == rates {
                        continue;
                    }
                    let better = gain(&other);
                    if better > value {
                        (rates, value, moved) = (other, better, true);
                    }
                }
            }
        }
    }
    (value, rates)
}

#[cfg(test)]
mod tests {
    use super::super::best;
    use super::super::tests::{play, rng};
    use super::*;

    /// A hill that is not separable, and flat in one rate, in 40 trials.
    #[test]
    fn finds_the_top_of_a_curved_hill() {
        let welfare = |r: &[f64]| {
            -((r[0] - 0.3).powi(2) + (r[1] - 0.2 - 0.5 * r[0]).powi(2) + 0.001 * r[2]).sqrt()
        };
        let mut draws = rng(1);
        let tried = play(&[0.9, 0.9, 0.9], 40, welfare, |tried| {
            next(tried, 3, &mut draws)
        });
        let top = best(&tried).unwrap();
        assert!(top.welfare > -0.05, "{top:?}");
        for (i, t) in tried.iter().enumerate() {
            assert!(
                !tried[..i].iter().any(|o| o.rates == t.rates),
                "tried twice"
            );
        }
    }
}
