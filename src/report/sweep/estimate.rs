//! A mean over seeds with its 95 % interval, as figures and tables take it.

use crate::statistics::{Mean, Settings, share_of_gain};

/// No resampling: figures show t intervals.
const SETTINGS: Settings = Settings {
    level: 0.95,
    replicates: 0,
    seed: 1,
};

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Number of seeds.
    pub n: usize,
    /// Mean; NaN without values.
    pub mean: f64,
    /// Lower end of the 95 % interval; NaN with fewer than two seeds.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Estimate {
    /// No value.
    pub const NONE: Estimate = Estimate {
        n: 0,
        mean: f64::NAN,
        low: f64::NAN,
        high: f64::NAN,
    };

    /// Mean and t interval of the finite ones of `values`, see [`Mean`].
    pub fn of(values: impl IntoIterator<Item = f64>) -> Estimate {
        let values: Vec<f64> = values.into_iter().collect();
        Mean::of(&values, &SETTINGS).map_or(Estimate::NONE, |mean| Estimate {
            n: mean.n,
            mean: mean.mean,
            low: mean.t.map_or(f64::NAN, |t| t.low),
            high: mean.t.map_or(f64::NAN, |t| t.high),
        })
    }

    /// `difference` in percent of the attainable `gain`, one value per seed in each, with Fieller's
    /// interval, see [`share_of_gain`].
    pub fn percent_of_gain(difference: &[f64], gain: &[f64]) -> Estimate {
        share_of_gain(difference, gain, &SETTINGS).map_or(Estimate::NONE, |share| Estimate {
            n: share.n,
            mean: 100.0 * share.share,
            low: share.interval.map_or(f64::NAN, |i| 100.0 * i.low),
            high: share.interval.map_or(f64::NAN, |i| 100.0 * i.high),
        })
    }

    /// Whether it has an interval.
    pub fn has_interval(&self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }
}
