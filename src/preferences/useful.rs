//! Which records of the past are worth showing to a language model.
//!
//! The usefulness of a record r to a model M is what it adds to the expected utility of M's own choice,
//! v(r) = Σⱼ [p_M(hⱼ | prompt with r) − p_M(hⱼ | prompt without)] u(hⱼ), with u the true utility of each
//! option: model-specific utility (Zhang et al. 2025, "LLM-specific utility"), with expected utility in
//! the place of the accuracy of an answer and a past period in the place of a passage. Another model can
//! find another record useful, and a record can do harm (v < 0). Records are measured one at a time; what
//! two of them say together is not.
//!
//! Two ways to it that cost less: votes of the model itself on lists in random order (k-sampling with
//! listwise judgements: Zhang et al. 2024, "Are large language models good at utility judgments?"), and a
//! small selector fitted to measured utilities (Zhang et al. 2025, "Distilling a small utility-based
//! passage selector", with a linear model in the place of the small language model).

use nalgebra::{DMatrix, DVector};

/// v = Σ (p − q) u: what probabilities `with` a record bring in expected utility over those `without`.
pub fn usefulness(with: &[f64], without: &[f64], utility: &[f64]) -> f64 {
    expected(with, utility) - expected(without, utility)
}

/// Σ p u.
pub fn expected(probabilities: &[f64], utility: &[f64]) -> f64 {
    probabilities.iter().zip(utility).map(|(p, u)| p * u).sum()
}

/// Places of the at most `most` values with the highest worth, all above `floor`, in ascending order; of
/// equals the later ones, which are the younger records. NaN is never among them.
pub fn best(worth: &[f64], floor: f64, most: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..worth.len()).filter(|&i| worth[i] > floor).collect();
    places.sort_by(|&a, &b| worth[b].total_cmp(&worth[a]).then(b.cmp(&a)));
    places.truncate(most);
    places.sort_unstable();
    places
}

/// Precision of the normal prior on slopes, of features scaled to variance 1.
pub const RIDGE: f64 = 1.0;

/// A linear model of the usefulness of a record: v ≈ a + Σ bₖ (xₖ − x̄ₖ)/sₖ.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    intercept: f64,
    slopes: Vec<f64>,
}

impl Selector {
    /// Least Σ (v − a − b·z)² + [`RIDGE`]·‖b‖² with z the features less their means by their standard
    /// deviations; a feature that never varies has no slope. `None` with fewer than two records.
    pub fn fit(features: &[Vec<f64>], usefulness: &[f64]) -> Option<Selector> {
        let (count, width) = (features.len(), features.first()?.len());
        if count < 2 {
            return None;
        }
        let n = count as f64;
        let mean_of = |k: usize| features.iter().map(|x| x[k]).sum::<f64>() / n;
        let mean: Vec<f64> = (0..width).map(mean_of).collect();
        let spread = |k: usize| {
            let squares = features.iter().map(|x| (x[k] - mean[k]).powi(2));
            (squares.sum::<f64>() / n).sqrt()
        };
        let deviation: Vec<f64> = (0..width).map(spread).collect();
        let scaled = |x: &Vec<f64>| standardised(x, &mean, &deviation);
        let z = DMatrix::from_row_iterator(count, width, features.iter().flat_map(scaled));
        let intercept = usefulness.iter().sum::<f64>() / n;
        let v = DVector::from_iterator(count, usefulness.iter().map(|v| v - intercept));
        let precision = DMatrix::identity(width, width) * RIDGE + z.transpose() * &z;
        let slopes = precision.cholesky()?.solve(&(z.transpose() * v));
        Some(Selector {
            mean,
            deviation,
            intercept,
            slopes: slopes.iter().copied().collect(),
        })
    }

    /// The usefulness that a record with these features is taken to have, in the unit of what was fitted.
    pub fn usefulness(&self, features: &[f64]) -> f64 {
        let z = standardised(features, &self.mean, &self.deviation);
        self.intercept + z.iter().zip(&self.slopes).map(|(z, b)| z * b).sum::<f64>()
    }

    /// ∂v/∂xₖ for every feature; 0 for one that never varied.
    pub fn slopes(&self) -> Vec<f64> {
        let each = self.slopes.iter().zip(&self.deviation);
        each.map(|(b, s)| if *s > 0.0 { b / s } else { 0.0 })
            .collect()
    }
}

fn standardised(x: &[f64], mean: &[f64], deviation: &[f64]) -> Vec<f64> {
    let each = x.iter().zip(mean).zip(deviation);
    each.map(|((x, m), s)| if *s > 0.0 { (x - m) / s } else { 0.0 })
        .collect()
}

/// How predicted and measured usefulness agree, taken in one pair at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Pairs.
    pub count: u64,
    same_side: u64,
    sums: [f64; 5],
}

impl Agreement {
    /// Takes in a pair.
    pub fn add(&mut self, predicted: f64, measured: f64) {
        self.count += 1;
        self.same_side += u64::from((predicted > 0.0) == (measured > 0.0));
        let terms = [
            predicted,
            measured,
            predicted * predicted,
            measured * measured,
            predicted * measured,
        ];
        self.sums.iter_mut().zip(terms).for_each(|(s, x)| *s += x);
    }

    /// Share of pairs in which both are above 0 or neither is; NaN without any.
    pub fn same_side(&self) -> f64 {
        self.same_side as f64 / self.count as f64
    }

    /// Pearson's correlation; NaN where one of the two does not vary.
    pub fn correlation(&self) -> f64 {
        let n = self.count as f64;
        let [p, m, pp, mm, pm] = self.sums.map(|sum| sum / n);
        let (vp, vm) = ((pp - p * p).max(0.0), (mm - m * m).max(0.0));
        match vp > 1e-12 * pp && vm > 1e-12 * mm {
            true => (pm - p * m) / (vp * vm).sqrt(),
            false => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;
    use rand::RngExt;

    /// ½·10 + ½·30 = 20 without, ¼·10 + ¾·30 = 25 with.
    #[test]
    fn usefulness_by_hand() {
        let utility = [10.0, 30.0];
        assert_eq!(usefulness(&[0.25, 0.75], &[0.5, 0.5], &utility), 5.0);
        assert_eq!(usefulness(&[1.0, 0.0], &[0.5, 0.5], &utility), -10.0);
    }

    #[test]
    fn the_best_are_above_the_floor_and_the_younger_of_equals() {
        let worth = [3.0, -1.0, 5.0, 5.0, f64::NAN, 0.0];
        assert_eq!(best(&worth, 0.0, 9), [0, 2, 3]);
        assert_eq!(best(&worth, 0.0, 1), [3]);
        assert!(best(&worth, 5.0, 9).is_empty());
        assert!(best(&[], 0.0, 9).is_empty());
    }

    /// v = 40 − 3x₁ + 0.5x₂ with noise of standard deviation 1, x₃ constant: the slopes come back
    /// within four standard errors 1/(s√n), and of 500 fresh workers the selector picks the record of
    /// highest planted usefulness among four nearly always.
    #[test]
    fn planted_weights_are_recovered() {
        let mut rng = Streams::new(3, "selector").at(0, 0);
        let mut record = || {
            let (x1, x2): (f64, f64) = (rng.random::<f64>() * 10.0, rng.random::<f64>() * 4.0);
            // A sum of twelve uniform numbers less 6 has variance 1.
            let noise: f64 = (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
            (vec![x1, x2, 7.0], 40.0 - 3.0 * x1 + 0.5 * x2, noise)
        };
        let seen: Vec<_> = (0..2_000).map(|_| record()).collect();
        let features: Vec<Vec<f64>> = seen.iter().map(|r| r.0.clone()).collect();
        let measured: Vec<f64> = seen.iter().map(|r| r.1 + r.2).collect();
        let selector = Selector::fit(&features, &measured).unwrap();
        let slopes = selector.slopes();
        // The deviation of a uniform number on [0, a] is a/√12.
        let error = |a: f64| 4.0 * 12f64.sqrt() / (a * 2_000f64.sqrt());
        // The ridge takes 1/2001 of a slope away.
        assert!((slopes[0] + 3.0).abs() < error(10.0) + 0.002, "{slopes:?}");
        assert!((slopes[1] - 0.5).abs() < error(4.0) + 0.002, "{slopes:?}");
        assert_eq!(slopes[2], 0.0);
        let (mut right, mut agreement) = (0, Agreement::default());
        for _ in 0..500 {
            let fresh: Vec<_> = (0..4).map(|_| record()).collect();
            let truth: Vec<f64> = fresh.iter().map(|r| r.1).collect();
            let told: Vec<f64> = fresh.iter().map(|r| selector.usefulness(&r.0)).collect();
            right += u32::from(best(&truth, 0.0, 1) == best(&told, 0.0, 1));
            told.iter()
                .zip(&truth)
                .for_each(|(p, m)| agreement.add(*p, *m));
        }
        assert!(right >= 480, "{right}");
        assert!(agreement.correlation() > 0.999 && agreement.same_side() > 0.99);
    }

    #[test]
    fn agreement_by_hand() {
        let mut agreement = Agreement::default();
        for (p, m) in [(1.0, 2.0), (2.0, 4.0), (-1.0, 1.0)] {
            agreement.add(p, m);
        }
        assert!((agreement.same_side() - 2.0 / 3.0).abs() < 1e-12);
        // Σpm = 9, Σp = 2, Σm = 7, Σp² = 6, Σm² = 21.
        let expected = (9.0 - 14.0 / 3.0) / ((6.0 - 4.0 / 3.0) * (21.0f64 - 49.0 / 3.0)).sqrt();
        assert!((agreement.correlation() - expected).abs() < 1e-12);
        assert!(Agreement::default().correlation().is_nan());
        assert_eq!(Selector::fit(&[vec![1.0]], &[2.0]), None);
    }
}
