//! Axis scales: linear, square root and logarithmic, with ticks that people read.

/// How a value maps to a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Equal differences, equal lengths.
    Linear,
    /// Length grows with √value: opens up low incomes and still shows zero.
    SquareRoot,
    /// Equal ratios, equal lengths; needs values above zero.
    Logarithmic,
}

/// An axis: a domain in data units and a spacing.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Lowest value shown.
    pub low: f64,
    /// Highest value shown.
    pub high: f64,
    /// Spacing of values along the axis.
    pub spacing: Spacing,
}

impl Scale {
    /// A scale over `[low, high]`; an empty or not-finite domain is widened until it has a length.
    pub fn new(spacing: Spacing, low: f64, high: f64) -> Self {
        let (mut low, mut high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        if !low.is_finite() || !high.is_finite() {
            (low, high) = (0.0, 1.0);
        }
        if spacing == Spacing::Logarithmic && low <= 0.0 {
            low = if high > 0.0 { high / 1000.0 } else { 0.1 };
            high = high.max(low);
        }
        if high - low <= 1e-12 * high.abs().max(low.abs()) {
            match spacing {
                Spacing::Logarithmic => (low, high) = (low / 2.0, high * 2.0),
                _ => {
                    let pad = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
                    (low, high) = (low - pad, high + pad);
                }
            }
        }
        Scale { low, high, spacing }
    }

    /// A linear scale around all finite `values`, with a margin of `pad` of their range on both sides.
    pub fn around(values: impl IntoIterator<Item = f64>, pad: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|v| v.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        let margin = (high - low) * pad;
        Scale::new(Spacing::Linear, low - margin, high + margin)
    }

    /// The value in the units in which the axis is linear.
    pub fn stretch(&self, value: f64) -> f64 {
        match self.spacing {
            Spacing::Linear => value,
            Spacing::SquareRoot => value.signum() * value.abs().sqrt(),
            Spacing::Logarithmic => value.max(f64::MIN_POSITIVE).ln(),
        }
    }

    /// Position of `value` between 0 (low) and 1 (high).
    pub fn position(&self, value: f64) -> f64 {
        let (low, high) = (self.stretch(self.low), self.stretch(self.high));
        (self.stretch(value) - low) / (high - low)
    }

    /// Ticks at round values, at least `apart` (a share of the axis length) from each other.
    pub fn ticks(&self, apart: f64) -> Vec<f64> {
        match self.spacing {
            Spacing::Linear => linear_ticks(self.low, self.high, apart),
            Spacing::SquareRoot | Spacing::Logarithmic => {
                let ticks = self.decade_ticks(apart);
                // Less than a decade: even steps give more ticks, and the spacing differs little.
                if ticks.len() >= 3 {
                    ticks
                } else {
                    linear_ticks(self.low, self.high, apart.max(0.15))
                }
            }
        }
    }

    /// Of 0 and 1, 2, 5 times the powers of ten, those that stand far enough apart; whole powers first.
    fn decade_ticks(&self, apart: f64) -> Vec<f64> {
        let largest = self.high.abs().max(self.low.abs());
        let smallest = match self.spacing {
            Spacing::Logarithmic => self.low,
            _ => largest / 1000.0,
        };
        let decades = smallest.log10().floor() as i32..=largest.log10().floor() as i32;
        let inside = |value: &f64| {
            self.low - *value <= 1e-9 * self.low.abs()
                && *value - self.high <= 1e-9 * self.high.abs()
        };
        let mut chosen: Vec<f64> = Vec::new();
        if self.spacing == Spacing::SquareRoot && self.low <= 0.0 {
            chosen.push(0.0);
        }
        // Below 0, a square root mirrors what is above.
        let signs: &[f64] = match self.spacing == Spacing::SquareRoot && self.low < 0.0 {
            true => &[1.0, -1.0],
            false => &[1.0],
        };
        for factor in [1.0, 5.0, 2.0] {
            for exponent in decades.clone().rev() {
                for sign in signs {
                    let value = sign * factor * 10f64.powi(exponent);
                    let free =
                        |other: &f64| (self.position(*other) - self.position(value)).abs() >= apart;
                    if inside(&value) && chosen.iter().all(free) {
                        chosen.push(value);
                    }
                }
            }
        }
        chosen.sort_by(f64::total_cmp);
        chosen
    }
}

fn linear_ticks(low: f64, high: f64, apart: f64) -> Vec<f64> {
    let rough = (high - low) * apart;
    let unit = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|f| f * unit)
        .into_iter()
        .find(|s| *s >= rough * (1.0 - 1e-9));
    let step = step.unwrap_or(10.0 * unit);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Ticks at whole numbers of `first..=last`, at most `most` of them: 1, 2, 3 … or 1, 5, 10 ….
pub fn year_ticks(first: u32, last: u32, most: usize) -> Vec<f64> {
    let count = (last - first + 1) as usize;
    if count <= most {
        return (first..=last).map(f64::from).collect();
    }
    let step = [2, 5, 10, 20, 25, 50, 100, 200, 500, 1000]
        .into_iter()
        .find(|step| count.div_ceil(*step) < most)
        .unwrap_or(count) as u32;
    let mut ticks: Vec<f64> = (first..=last)
        .filter(|year| year % step == 0)
        .map(f64::from)
        .collect();
    if ticks
        .first()
        .is_none_or(|t| *t - f64::from(first) >= f64::from(step) * 0.75)
    {
        ticks.insert(0, f64::from(first));
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(
            Scale::new(Spacing::Linear, 0.0, 1.0).ticks(0.2),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
        );
        assert_eq!(
            Scale::new(Spacing::Linear, 17_929.0, 42_912.0).ticks(0.2),
            [20_000.0, 25_000.0, 30_000.0, 35_000.0, 40_000.0]
        );
    }

    #[test]
    fn square_root_ticks_keep_their_distance() {
        let scale = Scale::new(Spacing::SquareRoot, 0.0, 400_000.0);
        let ticks = scale.ticks(0.1);
        assert!(ticks.contains(&0.0) && ticks.contains(&100_000.0));
        for pair in ticks.windows(2) {
            assert!(scale.position(pair[1]) - scale.position(pair[0]) >= 0.1);
        }
        assert!((scale.position(100_000.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn degenerate_domains_get_a_length() {
        for (low, high) in [
            (3.0, 3.0),
            (0.0, 0.0),
            (f64::NAN, 1.0),
            (f64::INFINITY, f64::NEG_INFINITY),
        ] {
            let scale = Scale::new(Spacing::Linear, low, high);
            assert!(scale.low < scale.high);
            assert!(!scale.ticks(0.2).is_empty());
        }
        let wages = Scale::new(Spacing::Logarithmic, 0.0, 0.0);
        assert!(wages.low > 0.0 && wages.high > wages.low);
    }

    #[test]
    fn years_are_whole() {
        assert_eq!(year_ticks(1, 5, 10), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(
            year_ticks(1, 40, 10),
            [1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0]
        );
        assert_eq!(year_ticks(1, 1, 10), [1.0]);
    }
}
