//! What can be said with so many seeds, and how many more would say it.

use super::mean::{Mean, Settings, t_quantile};
use serde::Serialize;

/// Seeds beyond which a number needed is not computed: no one will run them.
pub const SEEDS_MAX: u64 = 1_000_000;

/// Seeds whose t interval has at most this half-width: the least n ≥ 2 with
/// t_{(1+level)/2}(n−1)·s/√n ≤ h. s is taken as known; as an estimate from few seeds it is uncertain,
/// and so is n. `None` where `half_width` is not positive or more than [`SEEDS_MAX`] are needed.
pub fn seeds_for_half_width(deviation: f64, half_width: f64, level: f64) -> Option<u64> {
    let quantile = |freedom: f64| t_quantile((1.0 + level) / 2.0, freedom);
    least(deviation, half_width, &quantile)
}

/// Pairs that show a difference of `size` with probability `power` in a two-sided test at 1 − `level`:
/// the least n ≥ 2 with (t_{(1+level)/2}(n−1) + t_{power}(n−1))·s/√n ≤ size. `None` as
/// [`seeds_for_half_width`].
pub fn seeds_for_power(deviation: f64, size: f64, level: f64, power: f64) -> Option<u64> {
    let quantile =
        |freedom: f64| t_quantile((1.0 + level) / 2.0, freedom) + t_quantile(power, freedom);
    least(deviation, size.abs(), &quantile)
}

/// The least n ≥ 2 with quantile(n−1)·s/√n ≤ h, by doubling and halving: the left side falls in n.
fn least(deviation: f64, half_width: f64, quantile: &dyn Fn(f64) -> f64) -> Option<u64> {
    if half_width.is_nan() || half_width <= 0.0 || !deviation.is_finite() {
        return None;
    }
    let enough = |n: u64| quantile(n as f64 - 1.0) * deviation <= half_width * (n as f64).sqrt();
    let mut high = 2;
    while !enough(high) {
        high *= 2;
        if high > 2 * SEEDS_MAX {
            return None;
        }
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    (high <= SEEDS_MAX).then_some(high)
}

/// What the t interval of a difference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The interval lies above 0.
    Higher,
    /// The interval lies below 0.
    Lower,
    /// The difference is exactly 0 in every seed, or the interval contains 0 and lies within the margin.
    NoDifference,
    /// The interval contains 0 and reaches beyond the margin: too wide to say.
    TooWide,
    /// One seed has no interval.
    OneSeed,
}

/// Reads the t interval of `difference`. `margin` is what counts as no difference, in the unit of the
/// outcome, such as a twentieth of the attainable gain; without one, any interval that contains 0 and
/// has a width is too wide, as it is wider than the effect on either side.
pub fn verdict(difference: &Mean, margin: Option<f64>) -> Verdict {
    let Some(t) = difference.t else {
        return Verdict::OneSeed;
    };
    let margin = margin.unwrap_or(0.0);
    if t.low > 0.0 {
        Verdict::Higher
    } else if t.high < 0.0 {
        Verdict::Lower
    } else if t.low >= -margin && t.high <= margin {
        Verdict::NoDifference
    } else {
        Verdict::TooWide
    }
}

impl Verdict {
    /// In words, of an arm beside its reference.
    pub fn in_words(self) -> &'static str {
        match self {
            Verdict::Higher => "higher",
            Verdict::Lower => "lower",
            Verdict::NoDifference => "no difference",
            Verdict::TooWide => "too wide to say",
            Verdict::OneSeed => "one seed",
        }
    }
}

impl Settings {
    /// As [`seeds_for_half_width`] for the seeds of `difference`; `None` with one seed too.
    pub fn seeds_for(&self, difference: &Mean, half_width: f64) -> Option<u64> {
        seeds_for_half_width(difference.deviation?, half_width, self.level)
    }
}
