//! Means over workers with intervals, slopes of single workers, and how many workers an effect needs.

use nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean over workers with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Lower end; absent with fewer than two workers.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Workers.
    pub workers: usize,
}

impl Estimate {
    /// Mean of `values` ± t₀.₉₇₅(n−1)·s/√n (workers are the sample; each is one observation). `None`
    /// without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 || values.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let half = StudentsT::new(0.0, 1.0, n as f64 - 1.0)
            .ok()
            .map(|t| t.inverse_cdf(0.975) * (variance(values) / n as f64).sqrt());
        Some(Estimate {
            value: mean,
            low: half.map(|half| mean - half),
            high: half.map(|half| mean + half),
            workers: n,
        })
    }

    /// Whether the interval leaves out 0.
    pub fn excludes_zero(&self) -> bool {
        match (self.low, self.high) {
            (Some(low), Some(high)) => low > 0.0 || high < 0.0,
            _ => false,
        }
    }
}

/// Sample variance; 0 of fewer than two values.
pub fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)
}

/// Least-squares slopes of y on x₁ and x₂ with a constant; `None` where they are not determined.
pub fn slopes(points: &[(f64, f64, f64)]) -> Option<(f64, f64)> {
    let (mut squares, mut products) = (Matrix3::zeros(), Vector3::zeros());
    for &(a, b, y) in points {
        let row = Vector3::new(1.0, a, b);
        squares += row * row.transpose();
        products += y * row;
    }
    let solved = squares.try_inverse()? * products;
    let determined = points.len() >= 3 && solved.iter().all(|x| x.is_finite());
    determined.then_some((solved[1], solved[2]))
}

/// Workers (with one decision under each of two schedules) that show an effect of `size` with power
/// 80 % at the 5 % level, two-sided: the least n ≥ (t₀.₉₇₅(n−1) + t₀.₈(n−1))²·s²/size², s the standard
/// deviation of a worker's difference. `None` for no effect.
pub fn workers_needed(size: f64, deviation: f64) -> Option<f64> {
    if size == 0.0 {
        return None;
    }
    let ratio = deviation / size.abs();
    // With Student's quantiles replaced by the normal ones: a lower bound.
    let mut n = ((1.959_963_985 + 0.841_621_234) * ratio)
        .powi(2)
        .ceil()
        .max(2.0);
    if !n.is_finite() {
        return None;
    }
    // They differ by a few workers at most.
    for _ in 0..100 {
        let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
        if n >= ((t.inverse_cdf(0.975) + t.inverse_cdf(0.8)) * ratio).powi(2) {
            break;
        }
        n += 1.0;
    }
    Some(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;
    use rand::RngExt;
    use rand_distr::StandardNormal;

    /// Student's own interval: 1, 2, 3, 4 has mean 2.5, s = 1.29099, t(3) = 3.18245.
    #[test]
    fn an_interval_by_hand() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        let half = 3.182_446 * 1.290_994 / 2.0;
        assert!((estimate.low.unwrap() - (2.5 - half)).abs() < 1e-5);
        assert!((estimate.high.unwrap() - (2.5 + half)).abs() < 1e-5);
        assert!(estimate.excludes_zero());
        assert_eq!(Estimate::of(&[2.0]).unwrap().low, None);
        assert_eq!(Estimate::of(&[]), None);
        let same = Estimate::of(&[0.4; 5]).unwrap();
        assert_eq!((same.low, same.high), (Some(0.4), Some(0.4)));
    }

    #[test]
    fn slopes_of_a_plane() {
        let plane = |a: f64, b: f64| (a, b, 3.0 + 2.0 * a - 0.5 * b);
        let points = [
            plane(0.0, 0.0),
            plane(1.0, 0.0),
            plane(0.0, 1.0),
            plane(2.0, 3.0),
        ];
        let (a, b) = slopes(&points).unwrap();
        assert!((a - 2.0).abs() < 1e-9 && (b + 0.5).abs() < 1e-9);
        assert_eq!(slopes(&points[..2]), None);
        assert_eq!(
            slopes(&[plane(1.0, 1.0), plane(2.0, 2.0), plane(3.0, 3.0)]),
            None
        );
    }

    /// By simulation: with as many workers as it says, four of five experiments are significant.
    #[test]
    fn power_is_what_it_says() {
        let mut rng = Streams::new(3, "power").at(0, 0);
        for (size, deviation, tolerance) in [(2.0, 9.0, 0.03), (2.0, 2.8, 0.06), (2.0, 1.8, 0.09)] {
            let needed = workers_needed(size, deviation).unwrap() as usize;
            let mut shown = 0;
            for _ in 0..4_000 {
                let differences: Vec<f64> = (0..needed)
                    .map(|_| size + deviation * rng.sample::<f64, _>(StandardNormal))
                    .collect();
                shown += usize::from(Estimate::of(&differences).unwrap().excludes_zero());
            }
            let power = shown as f64 / 4_000.0;
            assert!((power - 0.8).abs() < tolerance, "{power} with {needed}");
        }
        assert_eq!(workers_needed(0.0, 1.0), None);
        assert_eq!(workers_needed(1.0, 0.0), Some(2.0));
    }
}
