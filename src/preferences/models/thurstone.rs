//! `thurstone`: normal preferences by an uncertain utility.

use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{minimise, ridge};
use crate::preferences::head::{add_scaled, dot};
use crate::preferences::{Judgements, PreferenceModel, View};
use statrs::function::erf::erfc;
use std::f64::consts::{PI, SQRT_2};

/// Utilities that differ from one judgement to the next: s(x) ~ N(μ(x), τ(x)²), and
///
/// P(a ≻ b) = Φ((μ(a) − μ(b))/√(τ(a)² + τ(b)²)),
///
/// μ = θ·x and ln τ = −½ ln 2 + φ·x linear in features of mean 0 and variance 1, the maximum a
/// posteriori under θ, φ ~ N(0, 1/ridge). At φ = 0 the difference has variance 1, which fixes the
/// unit: μ is in standard deviations of a comparison of average items. Thurstone (1927), case V
/// where φ = 0 (`equal_variance`), case III otherwise; used on language models by Mazeika et al. (2025),
/// "Utility engineering", arXiv 2502.08640.
#[derive(Clone, Debug, PartialEq)]
pub struct Thurstone {
    /// Precision of the prior on the parameters, above 0.
    pub ridge: f64,
    /// Whether τ is the same for all items.
    pub equal_variance: bool,
    pub(crate) fitted: Option<Fitted>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    scaling: Scaling,
    /// θ.
    mean: Vec<f64>,
    /// φ.
    spread: Vec<f64>,
}

impl Default for Thurstone {
    fn default() -> Self {
        Thurstone {
            ridge: 1.0,
            equal_variance: false,
            fitted: None,
        }
    }
}

/// Φ(x).
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / SQRT_2)
}

/// ln Φ(x) and its derivative φ(x)/Φ(x), in the far tail too.
fn log_normal_cdf(x: f64) -> (f64, f64) {
    let log_density = -0.5 * x * x - 0.5 * (2.0 * PI).ln();
    let log_cdf = if x > -30.0 {
        normal_cdf(x).ln()
    } else {
        // Φ(x) = φ(x)/|x|·(1 − 1/x² + 3/x⁴ − …).
        let z = 1.0 / (x * x);
        log_density - (-x).ln() + (-z + 3.0 * z * z).ln_1p()
    };
    (log_cdf, (log_density - log_cdf).exp())
}

fn loss(
    items: &crate::preferences::Items,
    pairs: &[crate::preferences::Comparison],
    equal: bool,
    parameters: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let width = items.width();
    let (theta, phi) = parameters.split_at(width);
    let n = items.len();
    let mean: Vec<f64> = items.rows().map(|row| dot(theta, row)).collect();
    let variance: Vec<f64> = match equal {
        true => vec![0.5; n],
        false => items
            .rows()
            .map(|row| 0.5 * (2.0 * dot(phi, row)).exp())
            .collect(),
    };
    let (mut mean_slopes, mut variance_slopes) = (vec![0.0; n], vec![0.0; n]);
    let mut loss = 0.0;
    for pair in pairs {
        let (a, b) = (pair.a as usize, pair.b as usize);
        let sum = variance[a] + variance[b];
        let spread = sum.sqrt();
        let z = (mean[a] - mean[b]) / spread;
        let ((log_for, slope_for), (log_against, slope_against)) =
            (log_normal_cdf(z), log_normal_cdf(-z));
        let (y, w) = (pair.outcome, pair.weight);
        loss -= w * (y * log_for + (1.0 - y) * log_against);
        let slope = -w * (y * slope_for - (1.0 - y) * slope_against);
        mean_slopes[a] += slope / spread;
        mean_slopes[b] -= slope / spread;
        let by_variance = -0.5 * slope * z / sum;
        variance_slopes[a] += by_variance;
        variance_slopes[b] += by_variance;
    }
    let (theta_gradient, phi_gradient) = gradient.split_at_mut(width);
    for (k, row) in items.rows().enumerate() {
        add_scaled(theta_gradient, mean_slopes[k], row);
        if !equal {
            add_scaled(phi_gradient, 2.0 * variance[k] * variance_slopes[k], row);
        }
    }
    loss
}

impl Thurstone {
    /// Mean and standard deviation of an item's utility; (0, 1/√2) before a fit.
    pub fn utility(&self, item: &[f64]) -> (f64, f64) {
        match &self.fitted {
            None => (0.0, 0.5f64.sqrt()),
            Some(fitted) => {
                let x = fitted.scaling.apply(item);
                let log_spread = dot(&fitted.spread, &x);
                (dot(&fitted.mean, &x), 0.5f64.sqrt() * log_spread.exp())
            }
        }
    }
}

impl PreferenceModel for Thurstone {
    fn fit(&mut self, data: &Judgements, _: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("thurstone: no comparison to learn from"));
        }
        let scaling = data.items.scaling();
        let items = scaling.apply_to(&data.items);
        let width = items.width();
        let (items, pairs, precision) = (&items, &pairs, self.ridge);
        let goal = |equal: bool| {
            move |parameters: &[f64], gradient: &mut [f64]| {
                loss(items, pairs, equal, parameters, gradient)
                    + ridge(precision, parameters, gradient)
            }
        };
        // Equal variances first: a convex problem, and a good start for the other.
        let mut found = minimise(&goal(true), vec![0.0; 2 * width])?;
        if !self.equal_variance {
            found = minimise(&goal(false), found.parameters)?;
        }
        let (mean, spread) = found.parameters.split_at(width);
        self.fitted = Some(Fitted {
            scaling,
            mean: mean.to_vec(),
            spread: spread.to_vec(),
        });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], _: View) -> f64 {
        let ((ma, sa), (mb, sb)) = (self.utility(a), self.utility(b));
        normal_cdf((ma - mb) / (sa * sa + sb * sb).sqrt())
    }

    /// μ, on which the probability rises between two items given their spreads.
    fn score(&self, item: &[f64], _: View) -> Option<f64> {
        Some(self.utility(item).0)
    }

    fn pools_raters(&self) -> bool {
        true
    }

    fn boxed(&self) -> Box<dyn PreferenceModel> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::gradient_error;
    use crate::preferences::{Comparison, Items};
    use crate::random::Streams;
    use rand::RngExt;

    /// Φ at tabulated points (Abramowitz and Stegun, table 26.1), and the tail by Mills' ratio.
    #[test]
    fn normal_distribution() {
        for (x, p) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_07),
            (1.96, 0.975_002_104_85),
            (-3.0, 0.001_349_898_03),
        ] {
            assert!((normal_cdf(x) - p).abs() < 1e-10, "{x}");
        }
        let (inner, outer) = (log_normal_cdf(-29.999), log_normal_cdf(-30.001));
        assert!(
            (inner.0 - outer.0 + 0.002 * -30.033).abs() < 1e-3 && (inner.1 - outer.1).abs() < 0.01
        );
        let slope = (log_normal_cdf(-4.999).0 - log_normal_cdf(-5.001).0) / 0.002;
        assert!((slope - log_normal_cdf(-5.0).1).abs() < 1e-5);
    }

    /// Planted μ and τ of items without features: one is known to be noisy.
    #[test]
    fn planted_means_and_spreads_come_back() {
        let mean = [0.0, 0.8, 1.6, 0.8];
        let spread: [f64; 4] = [0.5, 0.5, 0.5, 2.0];
        let mut rng = Streams::new(3, "thurstone").at(0, 0);
        let mut comparisons = Vec::new();
        for _ in 0..40_000 {
            let (a, b) = (rng.random_range(0..4u32), rng.random_range(0..4u32));
            if a != b {
                let (i, j) = (a as usize, b as usize);
                let z = (mean[i] - mean[j]) / (spread[i].powi(2) + spread[j].powi(2)).sqrt();
                let won = rng.random::<f64>() < normal_cdf(z);
                comparisons.push(Comparison::new(a, b, f64::from(u8::from(won))));
            }
        }
        let data = Judgements::of_comparisons(Items::identities(4), comparisons).unwrap();
        let mut model = Thurstone {
            ridge: 1e-3,
            ..Thurstone::default()
        };
        model.fit(&data, 0).unwrap();
        let found: Vec<(f64, f64)> = data.items.rows().map(|row| model.utility(row)).collect();
        // The unit is free: ratios are not.
        let unit = (found[2].0 - found[0].0) / 1.6;
        for k in 0..4 {
            assert!(
                ((found[k].0 - found[0].0) / unit - mean[k]).abs() < 0.1,
                "{found:?}"
            );
            let ratio = found[k].1 / unit / spread[k];
            assert!((0.85..1.18).contains(&ratio), "spread {k}: {found:?}");
        }
        let mut equal = Thurstone {
            equal_variance: true,
            ..model.clone()
        };
        equal.fit(&data, 0).unwrap();
        assert!(found.iter().map(|f| f.1).fold(0.0, f64::max) > 1.0);
        assert!(
            data.items
                .rows()
                .all(|row| (equal.utility(row).1 - 0.5f64.sqrt()).abs() < 1e-12)
        );
    }

    #[test]
    fn gradient_of_the_loss() {
        let items = Items::new(
            vec!["x".into(), "y".into()],
            vec![0.1, 0.5, -1.0, 0.7, 0.4, -0.3],
        )
        .unwrap();
        let pairs = vec![
            Comparison::new(0, 1, 0.8),
            Comparison::new(2, 0, 0.0),
            Comparison::new(1, 2, 1.0),
        ];
        let goal = |p: &[f64], g: &mut [f64]| loss(&items, &pairs, false, p, g);
        assert!(gradient_error(&goal, &[0.4, -2.0, 0.3, 0.5]) < 1e-7);
    }
}
