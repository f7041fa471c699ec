//! A tax schedule read back from its literal in a result file.

use crate::{Error, Result};

/// Brackets of a schedule: lower edges in $/year and rates as fractions.
#[derive(Clone, Debug, PartialEq)]
pub struct Brackets {
    /// Lower edges, $/year, increasing; the first is 0.
    pub edges: Vec<f64>,
    /// Marginal rate above each edge, a fraction.
    pub rates: Vec<f64>,
}

impl Brackets {
    /// Reads `"0:0.1,11600:0.12"`: lower edge, colon, rate as a fraction.
    pub fn read(literal: &str) -> Result<Self> {
        let wrong = || {
            Error::run("years.parquet: column `schedule` holds a schedule that cannot be read")
                .value(literal)
                .allowed(
                    "lower edge:rate pairs with increasing edges from 0, such as 0:0.1,11600:0.12",
                )
        };
        let (mut edges, mut rates) = (Vec::new(), Vec::new());
        for pair in literal.split(',') {
            let (edge, rate) = pair.split_once(':').ok_or_else(wrong)?;
            edges.push(edge.trim().parse::<f64>().map_err(|_| wrong())?);
            rates.push(rate.trim().parse::<f64>().map_err(|_| wrong())?);
        }
        let increasing = edges.windows(2).all(|pair| pair[0] < pair[1]);
        if edges[0] != 0.0 || !increasing || edges.iter().chain(&rates).any(|v| !v.is_finite()) {
            return Err(wrong());
        }
        Ok(Brackets { edges, rates })
    }

    /// The rate on the next dollar earned at `income`.
    pub fn marginal_rate(&self, income: f64) -> f64 {
        let above = self.edges.partition_point(|edge| *edge <= income);
        self.rates[above.saturating_sub(1)]
    }

    /// T(z) = Σ_k τ_k · clip(z − b_k, 0, b_{k+1} − b_k), $/year.
    pub fn tax(&self, income: f64) -> f64 {
        let uppers = self.edges.iter().skip(1).copied().chain([f64::INFINITY]);
        let slices = self.edges.iter().zip(uppers).zip(&self.rates);
        slices
            .map(|((lower, upper), rate)| rate * (income.min(upper) - lower).max(0.0))
            .sum()
    }

    /// T(z)/z; at zero income the rate on the first dollar.
    pub fn average_rate(&self, income: f64) -> f64 {
        if income > 0.0 {
            self.tax(income) / income
        } else {
            self.rates[0]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_brackets_by_hand() {
        let brackets = Brackets::read("0:0.1,10000:0.3").unwrap();
        assert_eq!(brackets.marginal_rate(9_999.0), 0.1);
        assert_eq!(brackets.marginal_rate(10_000.0), 0.3);
        assert_eq!(brackets.tax(20_000.0), 4_000.0);
        assert_eq!(brackets.average_rate(20_000.0), 0.2);
        assert_eq!(brackets.average_rate(0.0), 0.1);
    }

    #[test]
    fn nonsense_is_refused() {
        for literal in ["", "0:0.1,", "5:0.1", "0:0.1,0:0.2", "0:x", "0:NaN"] {
            assert!(Brackets::read(literal).is_err(), "{literal}");
        }
    }
}
