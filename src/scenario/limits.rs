//! What full-information planners must obey.

use crate::error::Result;
use crate::fiscal::law::TaxLaw;
use crate::fiscal::optimum::Constraints;
use crate::fiscal::{Society, inequality};

/// Bounds of the schedules among which full-information planners search.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Highest rate, a fraction.
    pub rate_max: f64,
    /// Whether no rate may be below that of the bracket before.
    pub rates_rise: bool,
    /// What must be raised.
    pub revenue: RevenueRule,
}

/// What taxes must raise.
#[derive(Clone, Debug, PartialEq)]
pub enum RevenueRule {
    /// Nothing in particular.
    Free,
    /// At least this, $/year per worker.
    AtLeast(f64),
    /// At least what this law, perhaps of several parts, raises from the same workers.
    Neutral(String),
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            rate_max: 1.0,
            rates_rise: false,
            revenue: RevenueRule::Free,
        }
    }
}

impl Limits {
    /// The constraints for a society, which decides what a law raises.
    ///
    /// # Errors
    /// An unknown law.
    pub fn constraints(&self, allow_subsidy: bool, society: &Society) -> Result<Constraints> {
        let revenue = match &self.revenue {
            RevenueRule::Free => None,
            RevenueRule::AtLeast(revenue) => Some(*revenue),
            RevenueRule::Neutral(law) => {
                let law = TaxLaw::parse(law)?;
                let taxes = inequality::mean(&society.outcome(law.schedule()).tax);
                Some(taxes - law.grant())
            }
        };
        Ok(Constraints {
            high: self.rate_max,
            monotone: self.rates_rise,
            revenue,
            ..Constraints::rates(allow_subsidy)
        })
    }
}
