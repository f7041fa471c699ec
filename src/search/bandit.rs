//! Thompson sampling (Agrawal and Goyal 2013) with linear payoff: welfare = b₀ + Σ_k (b_k·τ_k + c_k·τ_k²) +
//! noise, the coefficients and the noise drawn from their joint posterior (normal–inverse-gamma), and
//! every rate set where its own parabola is highest.

use super::{Tried, uniform};
use nalgebra::{DMatrix, DVector};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Gamma, StandardNormal};

/// Prior standard deviation of coefficients, in standard deviations of welfare.
const PRIOR: f64 = 10.0;

/// The next schedule after `tried`; uniform until three have been tried.
pub fn next(tried: &[Tried], brackets: usize, rng: &mut impl Rng) -> Vec<f64> {
    let fallback = uniform(brackets, rng);
    if tried.len() < 3 {
        return fallback;
    }
    let Some(coefficients) = drawn(tried, brackets, rng) else {
        return fallback;
    };
    (0..brackets)
        .map(|k| {
            let (slope, bend) = (coefficients[1 + 2 * k], coefficients[2 + 2 * k]);
            let value = |percent: u32| {
                let rate = f64::from(percent) / 100.0;
                slope * rate + bend * rate * rate
            };
            let top = (0..=100u32).reduce(|a, b| if value(b) > value(a) { b } else { a });
            f64::from(top.unwrap_or(0)) / 100.0
        })
        .collect()
}

fn features(rates: &[f64]) -> impl Iterator<Item = f64> {
    std::iter::once(1.0).chain(rates.iter().flat_map(|rate| [*rate, rate * rate]))
}

/// Coefficients from the posterior; `None` where it is not a proper distribution.
fn drawn(tried: &[Tried], brackets: usize, rng: &mut impl Rng) -> Option<DVector<f64>> {
    let count = tried.len();
    let mean = tried.iter().map(|t| t.welfare).sum::<f64>() / count as f64;
    let spread = (tried
        .iter()
        .map(|t| (t.welfare - mean).powi(2))
        .sum::<f64>()
        / count as f64)
        .sqrt();
    let spread = if spread > 0.0 { spread } else { 1.0 };
    let y = DVector::from_iterator(count, tried.iter().map(|t| (t.welfare - mean) / spread));
    let size = 1 + 2 * brackets;
    let x = DMatrix::from_row_iterator(count, size, tried.iter().flat_map(|t| features(&t.rates)));
    let precision = DMatrix::identity(size, size) / (PRIOR * PRIOR) + x.transpose() * &x;
    let cholesky = precision.cholesky()?;
    let center = cholesky.solve(&(x.transpose() * &y));
    let residual = &y - &x * &center;
    // Inverse gamma with shape 1 and scale 0.05 before, in units of the variance of welfare.
    let shape = 1.0 + count as f64 / 2.0;
    let scale = 0.05 + 0.5 * (residual.dot(&residual) + center.dot(&center) / (PRIOR * PRIOR));
    let variance = scale / Gamma::new(shape, 1.0).ok()?.sample(rng);
    let z = DVector::from_fn(size, |_, _| rng.sample::<f64, _>(StandardNormal));
    // Precision = L·Lᵀ, so L⁻ᵀ·z has its inverse as covariance.
    let draw = cholesky.l().transpose().solve_upper_triangular(&z)?;
    Some(center + variance.sqrt() * draw)
}

#[cfg(test)]
mod tests {
    use super::super::best;
    use super::super::tests::{play, rng};
    use super::*;

    /// Where its model holds it ends up at the top.
    #[test]
    fn finds_the_top_of_separate_parabolas() {
        let welfare = |r: &[f64]| 5.0 - (r[0] - 0.25).powi(2) - 2.0 * (r[1] - 0.6).powi(2);
        let mut draws = rng(5);
        let tried = play(&[0.9, 0.1], 60, welfare, |tried| next(tried, 2, &mut draws));
        assert!(best(&tried).unwrap().welfare > 5.0 - 1e-3);
        let late = tried[40..].iter().map(|t| t.welfare).sum::<f64>() / 20.0;
        assert!(late > 5.0 - 0.01, "{late}");
    }

    /// The posterior mean of a regression without noise is the regression.
    #[test]
    fn coefficients_are_those_of_the_payoff() {
        let mut draws = rng(6);
        let tried: Vec<Tried> = (0..400)
            .map(|_| {
                let rates = uniform(2, &mut draws);
                let welfare = 3.0 + 2.0 * rates[0] - 4.0 * rates[0].powi(2) + rates[1];
                Tried { rates, welfare }
            })
            .collect();
        let mean = tried.iter().map(|t| t.welfare).sum::<f64>() / 400.0;
        let spread = (tried
            .iter()
            .map(|t| (t.welfare - mean).powi(2))
            .sum::<f64>()
            / 400.0)
            .sqrt();
        let found = drawn(&tried, 2, &mut draws).unwrap() * spread;
        for (found, expected) in found.iter().zip([3.0 - mean, 2.0, -4.0, 1.0, 0.0]) {
            assert!((found - expected).abs() < 0.1, "{found} {expected}");
        }
    }
}
