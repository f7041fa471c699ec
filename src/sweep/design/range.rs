//! Ranges of numbers.

use crate::sweep::file::Value;

/// How a range is cut into equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By difference.
    Linear,
    /// By ratio; both bounds are above 0.
    Log,
}

/// The numbers from `low` to `high`, `low` < `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
    /// How it is cut.
    pub scale: Scale,
    /// Whether only whole numbers are meant; then both bounds are whole, and each can come up.
    pub whole: bool,
}

impl Range {
    /// The value at `u` in [0, 1) of the way from low to high.
    ///
    /// Linear: low + (high − low)·u; log: low·(high/low)^u. A whole number is the floor of that
    /// with high + 1 for high, so that each has its share: linear 1/(high − low + 1), log
    /// ln((k+1)/k) / ln((high+1)/low) for k.
    pub fn at(&self, u: f64) -> Value {
        let end = if self.whole {
            self.high + 1.0
        } else {
            self.high
        };
        let x = match self.scale {
            Scale::Linear => self.low + (end - self.low) * u,
            Scale::Log => self.low * (end / self.low).powf(u),
        };
        let x = if self.whole { x.floor() } else { x };
        let x = x.clamp(self.low, self.high);
        if self.whole {
            Value::Whole(x as i64)
        } else {
            Value::Number(x)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: f64, high: f64, scale: Scale, whole: bool) -> Range {
        Range {
            low,
            high,
            scale,
            whole,
        }
    }

    fn number(range: Range, u: f64) -> f64 {
        range.at(u).as_number().unwrap()
    }

    #[test]
    fn halves_and_ends() {
        let linear = range(2.0, 6.0, Scale::Linear, false);
        assert_eq!(number(linear, 0.0), 2.0);
        assert_eq!(number(linear, 0.5), 4.0);
        let log = range(0.01, 100.0, Scale::Log, false);
        assert!((number(log, 0.5) - 1.0).abs() < 1e-12, "the geometric mean");
        assert!((number(log, 0.25) - 0.1).abs() < 1e-13);
        for range in [linear, log] {
            assert!(number(range, 1f64.next_down()) <= range.high);
        }
    }

    #[test]
    fn whole_numbers_have_their_shares() {
        let n = 60_000;
        let mut counts = [[0.0; 5]; 2];
        for (scale, counts) in [Scale::Linear, Scale::Log].into_iter().zip(&mut counts) {
            for i in 0..n {
                let Value::Whole(k) = range(1.0, 4.0, scale, true).at((i as f64 + 0.5) / n as f64)
                else {
                    panic!("not whole");
                };
                counts[k as usize] += 1.0 / n as f64;
            }
        }
        for k in 1..=4 {
            assert!((counts[0][k] - 0.25f64).abs() < 1e-4);
            let share = ((k as f64 + 1.0) / k as f64).ln() / 5f64.ln();
            assert!((counts[1][k] - share).abs() < 1e-4, "{k}: {:?}", counts[1]);
        }
    }
}
