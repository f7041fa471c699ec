//! Whether a trajectory has settled in its last third.

use super::mean::{Interval, Mean, Settings, average, covariance, largest};
use super::paired::Unpaired;
use serde::Serialize;

/// Whether it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settled {
    /// Both drifts lie within the margin.
    Yes,
    /// A drift leaves out 0 and reaches beyond the margin.
    No,
    /// Neither can be said: too few years or seeds for the noise.
    Unclear,
}

impl Settled {
    /// `yes`, `no` or `unclear`.
    pub fn in_words(self) -> &'static str {
        match self {
            Settled::Yes => "yes",
            Settled::No => "no",
            Settled::Unclear => "unclear",
        }
    }
}

/// How a trajectory moves at its end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settling {
    /// The verdict.
    pub settled: Settled,
    /// Trajectories (seeds) that count; those with a gap in the last two thirds do not.
    pub n: usize,
    /// Tax years in a third.
    pub third: usize,
    /// Least-squares slope in the last third, per tax year; absent where a third is one year.
    pub slope: Option<f64>,
    /// Its interval: over seeds, or of one seed over the years of its last third.
    pub slope_interval: Option<Interval>,
    /// Mean of the last third less mean of the middle third.
    pub change: f64,
    /// Its interval, likewise.
    pub change_interval: Option<Interval>,
    /// Standard deviation of single years around the trend of the last third, pooled over seeds; absent
    /// below three years in a third.
    pub spread: Option<f64>,
    /// Movement that counts as none, in the unit of the outcome.
    pub margin: f64,
}

/// How many of `years` tax years are the last third: ⌊years/3⌋, at least 1.
pub fn last_third(years: usize) -> usize {
    (years / 3).max(1)
}

/// Looks at the last two thirds of several seeds' trajectories, each with one value per tax year.
///
/// Two drifts: the slope of the last third times its length less one, and the change from the middle
/// third to the last. With several seeds each has a t interval over seeds; a single seed's are those of
/// least squares and of Welch over its years, which take the years to be independent and so are too
/// narrow where noise lasts. Settled is *yes* where both intervals lie within ±`margin`, *no* where one
/// leaves out 0 and reaches beyond it, else *unclear*. Without a `margin` the spread of single years is taken: drifts smaller than
/// the noise from year to year count as none.
///
/// `None` where no trajectory has three years, or all have gaps. Trajectories of unequal length are cut
/// to the years that all have, from their ends.
pub fn settling(
    trajectories: &[&[f64]],
    margin: Option<f64>,
    settings: &Settings,
) -> Option<Settling> {
    let years = trajectories.iter().map(|years| years.len()).min()?;
    let third = years / 3;
    if third == 0 {
        return None;
    }
    let ends: Vec<(&[f64], &[f64])> = trajectories
        .iter()
        .map(|years| years[years.len() - 2 * third..].split_at(third))
        .filter(|(middle, last)| middle.iter().chain(*last).all(|x| x.is_finite()))
        .collect();
    let scale = (ends.iter())
        .map(|(middle, last)| largest(middle).max(largest(last)))
        .fold(0.0, f64::max);
    let plain = Settings {
        replicates: 0,
        ..*settings
    };
    let over_seeds = |of: &dyn Fn(&[f64], &[f64]) -> f64| {
        let values: Vec<f64> = ends.iter().map(|(middle, last)| of(middle, last)).collect();
        Mean::scaled(&values, scale, 0, &plain)
    };
    let change = over_seeds(&|middle, last| average(last) - average(middle))?;
    let slope = (third > 1)
        .then(|| over_seeds(&|_, last| trend(last).0))
        .flatten();
    let spread = (third > 2).then(|| {
        let squares: f64 = ends.iter().map(|(_, last)| trend(last).1).sum();
        let spread = (squares / (ends.len() * (third - 2)) as f64).sqrt();
        if spread <= 1e-12 * scale { 0.0 } else { spread }
    });
    let (change_interval, slope_interval) = match ends[..] {
        [(middle, last)] => (
            Unpaired::of(last, middle, &plain).map(|welch| welch.t),
            slope.zip(spread).map(|(slope, spread)| {
                let error = spread / ticks(third).sqrt();
                let half = match spread {
                    0.0 => 0.0,
                    _ => settings.t_quantile(third as f64 - 2.0) * error,
                };
                Interval::around(slope.mean, half)
            }),
        ),
        _ => (change.t, slope.and_then(|slope| slope.t)),
    };
    let margin = margin.or(spread).unwrap_or(0.0).max(1e-9 * scale);
    let along = slope_interval.map(|interval| interval.scaled(third as f64 - 1.0));
    let drifts: Vec<Interval> = change_interval.into_iter().chain(along).collect();
    let within = |drift: &Interval| drift.low >= -margin && drift.high <= margin;
    let settled = if drifts.iter().any(|d| !d.contains(0.0) && !within(d)) {
        Settled::No
    } else if !drifts.is_empty() && drifts.iter().all(within) {
        Settled::Yes
    } else {
        Settled::Unclear
    };
    Some(Settling {
        settled,
        n: ends.len(),
        third,
        slope: slope.map(|slope| slope.mean),
        slope_interval,
        change: change.mean,
        change_interval,
        spread,
        margin,
    })
}

/// Σ (t − t̄)² of the years 1…n.
fn ticks(n: usize) -> f64 {
    let n = n as f64;
    n * (n * n - 1.0) / 12.0
}

/// Least-squares slope per year, and the sum of squared residuals.
fn trend(values: &[f64]) -> (f64, f64) {
    let years: Vec<f64> = (0..values.len()).map(|year| year as f64).collect();
    let slope = covariance(&years, values) * (values.len() - 1) as f64 / ticks(values.len());
    let (mean_year, mean) = (average(&years), average(values));
    let residual = |(year, value): (&f64, &f64)| value - mean - slope * (year - mean_year);
    let squares = years.iter().zip(values).map(residual).map(|r| r * r).sum();
    (slope, squares)
}
