//! The difference of two arms over seeds.

use super::mean::{
    Interval, Mean, ROUNDING, Settings, average, covariance, deviation, largest, t_quantile,
    two_sided,
};
use crate::random::Streams;
use rand::RngExt;
use serde::Serialize;

/// Most seeds whose sign flips are all tried (2¹⁹ of them, as a flip of all signs changes nothing).
const EXACT_SEEDS_MAX: usize = 20;

/// Sign flips that are drawn beyond that.
const FLIPS_DRAWN: usize = 99_999;

/// d_i = x_i − r_i, seed by seed; exactly 0 where |d_i| is within the rounding of numbers of the size of
/// the largest x or r (1e-12 of it), NaN where one of the two is not finite.
///
/// # Panics
/// Where the lengths differ.
pub fn differences(arm: &[f64], reference: &[f64]) -> Vec<f64> {
    assert_eq!(arm.len(), reference.len(), "one value per seed in each arm");
    let pairs = || {
        let pairs = arm.iter().zip(reference);
        pairs.map(|(x, r)| (x.is_finite() && r.is_finite()).then_some((*x, *r)))
    };
    let size = pairs()
        .flatten()
        .fold(0f64, |most, (x, r)| most.max(x.abs()).max(r.abs()));
    let difference = |pair: Option<(f64, f64)>| match pair {
        None => f64::NAN,
        Some((x, r)) if (x - r).abs() <= ROUNDING * size => 0.0,
        Some((x, r)) => x - r,
    };
    pairs().map(difference).collect()
}

/// An arm less a reference, seed by seed: the [`differences`] d_i = x_i − r_i.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// Mean of the arm over the pairs.
    pub arm_mean: f64,
    /// Mean of the reference over the pairs.
    pub reference_mean: f64,
    /// The differences.
    pub difference: Mean,
    /// Two-sided p value of the paired t test; see [`Mean::p`].
    pub p: Option<f64>,
    /// Two-sided p value of the sign-flip test: the share of sign patterns of the differences with a
    /// sum at least as large as observed (all patterns up to 20 seeds, else 99,999 drawn ones). Needs no
    /// normality, but symmetry under the null. Never below 2^{1−n}: 5 seeds cannot reach 5 %. Absent as `p`.
    pub p_sign_flip: Option<f64>,
    /// Share of seeds in which the arm is higher; a tie counts half.
    pub higher: f64,
    /// Correlation of the two arms over seeds; absent where one of them does not vary.
    pub correlation: Option<f64>,
    /// What pairing gains: (s²_x + s²_r)/s²_d, the variance of the difference of means for independent
    /// seeds over that for common ones. So many times the seeds would be needed without pairing.
    /// Absent with one seed or where the difference does not vary.
    pub variance_ratio: Option<f64>,
}

impl Paired {
    /// Compares `arm` with `reference`, of equal length and in the same order of seeds. A pair in which
    /// one is not finite is dropped and counted. `None` where no pair is left.
    ///
    /// # Panics
    /// Where the lengths differ.
    pub fn of(arm: &[f64], reference: &[f64], settings: &Settings) -> Option<Self> {
        let all = differences(arm, reference);
        let (x, r): (Vec<f64>, Vec<f64>) = (arm.iter().zip(reference))
            .filter(|(x, r)| x.is_finite() && r.is_finite())
            .unzip();
        let d: Vec<f64> = all.into_iter().filter(|d| d.is_finite()).collect();
        let scale = largest(&x).max(largest(&r));
        let difference = Mean::scaled(&d, scale, arm.len() - d.len(), settings)?;
        let higher = d.iter().map(|d| match d.total_cmp(&0.0) {
            _ if *d == 0.0 => 0.5,
            std::cmp::Ordering::Greater => 1.0,
            _ => 0.0,
        });
        let (s_x, s_r) = (deviation(&x, scale), deviation(&r, scale));
        let correlation = (d.len() > 1 && s_x > 0.0 && s_r > 0.0)
            .then(|| (covariance(&x, &r) / (s_x * s_r)).clamp(-1.0, 1.0));
        let variance_ratio = (difference.deviation)
            .filter(|s| *s > 0.0)
            .map(|s| (s_x * s_x + s_r * s_r) / (s * s));
        Some(Paired {
            arm_mean: average(&x),
            reference_mean: average(&r),
            p: difference.p(),
            p_sign_flip: match difference.constant() {
                true => difference.p(),
                false => sign_flip(&d, settings),
            },
            higher: higher.sum::<f64>() / d.len() as f64,
            correlation,
            variance_ratio,
            difference,
        })
    }
}

/// Share of sign patterns with |Σ ±d| ≥ |Σ d|.
fn sign_flip(d: &[f64], settings: &Settings) -> Option<f64> {
    let n = d.len();
    if n < 2 {
        return None;
    }
    let size: f64 = d.iter().map(|d| d.abs()).sum();
    // Sums that are equal but for rounding count as equal.
    let observed = d.iter().sum::<f64>().abs() - 1e-12 * size;
    if n <= EXACT_SEEDS_MAX {
        let mut signs = d.to_vec();
        let mut sum: f64 = signs.iter().sum();
        let patterns = 1u64 << (n - 1);
        let mut reached = 0u64;
        // Gray code: one sign changes from a pattern to the next. The last sign stays.
        for pattern in 1..=patterns {
            reached += u64::from(sum.abs() >= observed);
            let flipped = pattern.trailing_zeros() as usize;
            signs[flipped] = -signs[flipped];
            sum += 2.0 * signs[flipped];
        }
        return Some(reached as f64 / patterns as f64);
    }
    let mut rng = Streams::new(settings.seed, "sign flip").at(0, 0);
    let mut reached = 0;
    for _ in 0..FLIPS_DRAWN {
        let flip = |d: &f64| if rng.random::<bool>() { *d } else { -d };
        reached += usize::from(d.iter().map(flip).sum::<f64>().abs() >= observed);
    }
    Some((reached + 1) as f64 / (FLIPS_DRAWN + 1) as f64)
}

/// The difference of two means as if their seeds were independent (Welch 1947), to show what pairing
/// gains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Unpaired {
    /// Difference of the means.
    pub difference: f64,
    /// √(s²_x/n_x + s²_r/n_r).
    pub standard_error: f64,
    /// Degrees of freedom of Welch and Satterthwaite; absent where nothing varies.
    pub freedom: Option<f64>,
    /// The t interval.
    pub t: Interval,
    /// Two-sided p value; as [`Mean::p`] where nothing varies.
    pub p: Option<f64>,
}

impl Unpaired {
    /// Compares the finite values of `arm` with those of `reference`; `None` where either has fewer
    /// than two.
    pub fn of(arm: &[f64], reference: &[f64], settings: &Settings) -> Option<Self> {
        let finite = |values: &[f64]| -> Vec<f64> {
            values.iter().copied().filter(|x| x.is_finite()).collect()
        };
        let (x, r) = (finite(arm), finite(reference));
        if x.len() < 2 || r.len() < 2 {
            return None;
        }
        let scale = largest(&x).max(largest(&r));
        let part = |values: &[f64]| deviation(values, scale).powi(2) / values.len() as f64;
        let (a, b) = (part(&x), part(&r));
        let difference = match average(&x) - average(&r) {
            rounding if rounding.abs() <= ROUNDING * scale => 0.0,
            difference => difference,
        };
        let standard_error = (a + b).sqrt();
        let freedom = (standard_error > 0.0).then(|| {
            (a + b).powi(2) / (a * a / (x.len() - 1) as f64 + b * b / (r.len() - 1) as f64)
        });
        let half = freedom.map_or(0.0, |freedom| {
            t_quantile((1.0 + settings.level) / 2.0, freedom) * standard_error
        });
        let p = match freedom {
            Some(freedom) => two_sided(difference / standard_error, freedom),
            None => (difference == 0.0).then_some(1.0),
        };
        Some(Unpaired {
            difference,
            standard_error,
            freedom,
            t: Interval::around(difference, half),
            p,
        })
    }
}
