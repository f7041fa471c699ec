//! Units that are easy to mix up: a tax rate is a fraction, never a percentage.

use crate::error::{Error, Result};
use std::fmt;

/// A marginal tax rate as a fraction: 0.22, not 22. Shown as a percentage.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// A rate in [0, 1], or in [−1, 1] where `allow_subsidy`.
    ///
    /// # Errors
    /// A value outside the range, or not finite. A value above 1 hints at a percentage.
    pub fn new(fraction: f64, allow_subsidy: bool) -> Result<Rate> {
        let low = if allow_subsidy { -1.0 } else { 0.0 };
        if fraction.is_finite() && (low..=1.0).contains(&fraction) {
            return Ok(Rate(fraction));
        }
        let hint = if (1.0..=100.0).contains(&fraction) {
            format!(" (a fraction: write {} for {fraction} %)", fraction / 100.0)
        } else if (-1.0..0.0).contains(&fraction) {
            " (subsidies need `taxes.allow_subsidy = true`)".to_owned()
        } else {
            String::new()
        };
        Err(Error::input("tax rate out of range")
            .value(fraction)
            .allowed(format!("{low} to 1{hint}")))
    }

    /// From a percentage, as prompts and screens show it.
    ///
    /// # Errors
    /// As [`Rate::new`].
    pub fn from_percent(percent: f64) -> Result<Rate> {
        Rate::new(percent / 100.0, false)
    }

    /// The fraction, for arithmetic.
    pub fn fraction(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", 100.0 * self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_refused_with_a_hint() {
        let message = Rate::new(22.0, false).unwrap_err().to_string();
        assert!(message.contains("write 0.22 for 22 %"), "{message}");
        assert!(Rate::new(f64::NAN, true).is_err());
        assert!(Rate::new(-0.1, false).is_err());
        assert_eq!(Rate::new(-0.1, true).unwrap().fraction(), -0.1);
    }
}
