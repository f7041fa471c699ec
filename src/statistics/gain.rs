//! A difference as a share of the attainable gain.

use super::mean::{Interval, Mean, Settings, average, covariance, largest};
use serde::Serialize;

/// θ = mean(d)/mean(g): the difference d of two arms in parts of the attainable gain g.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ShareOfGain {
    /// Seeds that have both.
    pub n: usize,
    /// mean(g), in the unit of the outcome.
    pub gain: f64,
    /// θ, a fraction.
    pub share: f64,
    /// Fieller's interval; absent with one seed.
    pub interval: Option<Interval>,
}

/// Share of the attainable gain with Fieller's (1954) interval: all θ that the t test of
/// mean(d − θ·g) = 0 does not reject, so the uncertainty of both means counts, and their correlation.
///
/// `difference` and `gain` hold one value per seed, in the same order; seeds where one is not finite are
/// left out. `None` where no seed is left or where the gain is not clearly above 0: its t interval
/// reaches down to 0 (which is where Fieller's interval has no ends), or, with one seed, it is not
/// positive.
///
/// # Panics
/// Where the lengths differ.
pub fn share_of_gain(difference: &[f64], gain: &[f64], settings: &Settings) -> Option<ShareOfGain> {
    assert_eq!(difference.len(), gain.len(), "one value per seed in each");
    let (d, g): (Vec<f64>, Vec<f64>) = (difference.iter().zip(gain))
        .filter(|(d, g)| d.is_finite() && g.is_finite())
        .unzip();
    let of_gain = Mean::scaled(
        &g,
        largest(&g),
        0,
        &Settings {
            replicates: 0,
            ..*settings
        },
    )?;
    let n = g.len();
    if of_gain.t.map_or(of_gain.mean, |t| t.low) <= 0.0 {
        return None;
    }
    let share = average(&d) / of_gain.mean;
    let interval = (n > 1).then(|| {
        // In δ = θ − share, with residuals r = d − share·g of mean 0 and k = t²/n:
        // δ²(ḡ² − k·s_gg) + 2δ·k·s_rg − k·s_rr ≤ 0.
        let r: Vec<f64> = d.iter().zip(&g).map(|(d, g)| d - share * g).collect();
        let k = settings.t_quantile(n as f64 - 1.0).powi(2) / n as f64;
        let s_rr = super::mean::deviation(&r, largest(&d).max(largest(&g))).powi(2);
        let s_rg = if s_rr == 0.0 { 0.0 } else { covariance(&r, &g) };
        let square = of_gain.mean.powi(2) - k * covariance(&g, &g);
        let root = (k * k * s_rg * s_rg + square * k * s_rr).sqrt();
        Interval {
            low: share + (-k * s_rg - root) / square,
            high: share + (-k * s_rg + root) / square,
        }
    });
    Some(ShareOfGain {
        n,
        gain: of_gain.mean,
        share,
        interval,
    })
}
