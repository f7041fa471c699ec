//! What an axis measures: its title, its ticks, and single values in words.

use super::super::super::number::{decimals_for, grouped, percent, tick_labels};
use super::super::super::scale::Scale;
use super::super::super::sheet::Axis;
use super::super::estimate::Estimate;

/// Unit of a measure.
#[derive(Clone, Debug, PartialEq)]
pub enum Unit {
    /// $/year.
    Money,
    /// A fraction, shown in percent.
    Share,
    /// A number of percent.
    Percent,
    /// Anything else, by its name; may be empty.
    Other(String),
}

impl Unit {
    /// From the unit of an objective as the tables name it.
    pub fn named(name: &str) -> Unit {
        match name {
            _ if name.starts_with('$') => Unit::Money,
            "" | "1" => Unit::Other("utils".into()),
            other => Unit::Other(other.into()),
        }
    }

    /// For people.
    pub fn shown(&self) -> &str {
        match self {
            Unit::Money => "$/year",
            Unit::Share | Unit::Percent => "%",
            Unit::Other(name) => name,
        }
    }

    /// Labels of the ticks of one axis.
    pub fn ticks(&self, ticks: &[f64]) -> Vec<String> {
        match self {
            Unit::Money => tick_labels(ticks, true),
            Unit::Share => ticks.iter().map(|tick| percent(*tick)).collect(),
            Unit::Percent => ticks.iter().map(|tick| percent(*tick / 100.0)).collect(),
            Unit::Other(_) => tick_labels(ticks, false),
        }
    }

    /// One value, about five digits of it.
    pub fn value(&self, value: f64) -> String {
        self.with_decimals(value, self.decimals(&[value]))
    }

    /// Values that stand together: all with the decimals of the largest.
    pub fn values(&self, values: &[f64]) -> Vec<String> {
        let decimals = self.decimals(values);
        values
            .iter()
            .map(|value| self.with_decimals(*value, decimals))
            .collect()
    }

    fn decimals(&self, values: &[f64]) -> usize {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        match self {
            Unit::Money if finite().any(|value| value.abs() >= 1000.0) => 0,
            Unit::Money => decimals_for(finite()).min(2),
            Unit::Share | Unit::Percent => 1,
            Unit::Other(_) => decimals_for(finite()),
        }
    }

    fn with_decimals(&self, value: f64, decimals: usize) -> String {
        if !value.is_finite() {
            return "n/a".into();
        }
        let text = match self {
            Unit::Money => {
                let text = grouped(value.abs(), decimals);
                let sign = if value < 0.0 { "-" } else { "" };
                format!("{sign}${text}")
            }
            Unit::Share => format!("{} %", grouped(100.0 * value, decimals)),
            Unit::Percent => format!("{} %", grouped(value, decimals)),
            Unit::Other(_) => grouped(value, decimals),
        };
        text.replace('-', "\u{2212}")
    }

    /// A mean with its interval in words.
    pub fn estimate(&self, estimate: &Estimate) -> String {
        let seeds = match estimate.n {
            1 => "one seed".to_owned(),
            n => format!("{n} seeds"),
        };
        let mean = self.value(estimate.mean);
        if estimate.has_interval() {
            let (low, high) = (self.value(estimate.low), self.value(estimate.high));
            format!("{mean} (95 %: {low} to {high}; {seeds})")
        } else {
            format!("{mean} ({seeds}, no interval)")
        }
    }

    /// An axis over `scale` with ticks at least `apart` from each other.
    pub fn axis<'a>(&self, scale: &Scale, apart: f64, title: &'a str) -> Axis<'a> {
        let ticks = scale.ticks(apart);
        let labels = self.ticks(&ticks);
        Axis::new(ticks, labels, title)
    }
}

/// A linear scale around means, with room for their intervals up to once the range of the means on both
/// sides, so that an interval from two seeds does not press the means flat; and whether an interval is cut.
pub fn around(estimates: &[Estimate]) -> (Scale, bool) {
    let ends = |of: fn(&Estimate) -> f64| {
        let values = estimates.iter().map(of).filter(|v| v.is_finite());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        })
    };
    let (low, high) = ends(|e| e.mean);
    let (bottom, top) = (ends(|e| e.low).0.min(low), ends(|e| e.high).1.max(high));
    let range = high - low;
    if range > 0.0 && range.is_finite() {
        let (from, to) = (bottom.max(low - range), top.min(high + range));
        let cut = bottom < from || top > to;
        (Scale::around([from, to], 0.06), cut)
    } else {
        (Scale::around([bottom, top], 0.06), false)
    }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn values_of_a_panel_have_the_same_decimals() {
        let money = Unit::Money.values(&[32_500.4, -279.13]);
        assert_eq!(money, ["$32,500", "\u{2212}$279"]);
        assert_eq!(
            Unit::Money.values(&[118.91, -2.5]),
            ["$118.91", "\u{2212}$2.50"]
        );
        assert_eq!(Unit::Share.values(&[0.5, f64::NAN]), ["50.0 %", "n/a"]);
    }
}
