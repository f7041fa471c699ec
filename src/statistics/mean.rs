//! A mean over seeds with its intervals.

use super::bootstrap;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Deviations below this share of the largest value are rounding, and taken to be 0.
pub(super) const ROUNDING: f64 = 1e-12;

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// `centre` ± `half`.
    pub fn around(centre: f64, half: f64) -> Self {
        Interval {
            low: centre - half,
            high: centre + half,
        }
    }

    /// Whether `value` lies in it, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half of its width.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Both ends times `factor`, which is not negative.
    pub fn scaled(&self, factor: f64) -> Self {
        Interval {
            low: self.low * factor,
            high: self.high * factor,
        }
    }
}

/// How intervals are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Coverage of all intervals, in (0, 1).
    pub level: f64,
    /// Resamples of a bootstrap. With 39,999 its random error is a few hundredths of the half-width.
    pub replicates: usize,
    /// Seed of the bootstrap's own random stream.
    pub seed: u64,
}

impl Default for Settings {
    /// 95 %, 39,999 resamples, seed 1.
    fn default() -> Self {
        Settings {
            level: 0.95,
            replicates: 39_999,
            seed: 1,
        }
    }
}

impl Settings {
    /// t_{(1+level)/2}(`freedom`): half-width of the t interval in standard errors. Infinite where
    /// `freedom` is not positive.
    pub fn t_quantile(&self, freedom: f64) -> f64 {
        t_quantile((1.0 + self.level) / 2.0, freedom)
    }
}

/// The `probability` quantile of Student's t; infinite where `freedom` is not positive.
pub(super) fn t_quantile(probability: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(probability))
}

/// Two-sided p value of `statistic` under Student's t.
pub(super) fn two_sided(statistic: f64, freedom: f64) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    statistic
        .is_finite()
        .then(|| (2.0 * t.cdf(-statistic.abs())).min(1.0))
}

/// Sample mean; NaN of nothing.
pub(super) fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample covariance with n − 1; 0 of fewer than two pairs.
pub(super) fn covariance(a: &[f64], b: &[f64]) -> f64 {
    if a.len() < 2 {
        return 0.0;
    }
    let (mean_a, mean_b) = (average(a), average(b));
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b));
    products.sum::<f64>() / (a.len() - 1) as f64
}

/// Sample standard deviation; exactly 0 where `values` differ by no more than the rounding of numbers
/// of size `scale`.
pub(super) fn deviation(values: &[f64], scale: f64) -> f64 {
    let deviation = covariance(values, values).sqrt();
    if deviation <= ROUNDING * scale {
        0.0
    } else {
        deviation
    }
}

/// The largest absolute value.
pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// A mean over n seeds, s its standard deviation between seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// Seeds with a value, at least 1.
    pub n: usize,
    /// Seeds without one (failed runs, outcomes that do not exist).
    pub dropped: usize,
    /// The mean.
    pub mean: f64,
    /// s, with n − 1; absent with one seed, 0 where all seeds agree.
    pub deviation: Option<f64>,
    /// s/√n.
    pub standard_error: Option<f64>,
    /// mean ± t_{(1+level)/2}(n−1)·s/√n; absent with one seed.
    pub t: Option<Interval>,
    /// Bootstrap-t interval; absent below [`BOOTSTRAP_SEEDS_MIN`](super::BOOTSTRAP_SEEDS_MIN)
    /// seeds, and where nearly all seeds agree.
    pub bootstrap: Option<Interval>,
}

impl Mean {
    /// Mean of the finite ones of `values`; `None` without any.
    pub fn of(values: &[f64], settings: &Settings) -> Option<Self> {
        let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        let dropped = values.len() - finite.len();
        Self::scaled(&finite, largest(&finite), dropped, settings)
    }

    /// The same, of finite `values` that were computed from numbers of size `scale`.
    pub(super) fn scaled(
        values: &[f64],
        scale: f64,
        dropped: usize,
        settings: &Settings,
    ) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = average(values);
        let deviation = (n > 1).then(|| deviation(values, scale));
        let standard_error = deviation.map(|s| s / (n as f64).sqrt());
        let t = standard_error.map(|error| match error {
            0.0 => Interval::around(mean, 0.0),
            _ => Interval::around(mean, settings.t_quantile(n as f64 - 1.0) * error),
        });
        let bootstrap =
            standard_error.and_then(|error| bootstrap::interval(values, error, settings));
        Some(Mean {
            n,
            dropped,
            mean,
            deviation,
            standard_error,
            t,
            bootstrap,
        })
    }

    /// Two-sided p value of the t test that the mean is 0. 1 where all seeds say 0; absent with one
    /// seed, and where all seeds agree on another value: nothing is random then.
    pub fn p(&self) -> Option<f64> {
        match self.standard_error? {
            0.0 => (self.mean == 0.0).then_some(1.0),
            error => two_sided(self.mean / error, self.n as f64 - 1.0),
        }
    }

    /// Whether all of several seeds agree.
    pub fn constant(&self) -> bool {
        self.deviation == Some(0.0)
    }
}
