//! Tax law as economists write it: named parts, their sum, and reforms as differences.
//!
//! ```
//! use fisc::fiscal::law::{Reform, TaxLaw};
//! let law = TaxLaw::parse("income-2024+payroll-2024+ubi-6000")?;
//! let reformed = Reform::parse(&["rates.3=0.30"])?.apply(&law)?;
//! assert!(reformed.liability(60_000.0) > law.liability(60_000.0));
//! # Ok::<(), fisc::Error>(())
//! ```
//!
//! | module | subject |
//! |---|---|
//! | this one | [`TaxLaw`]: a schedule and a grant; sums and deductions |
//! | `parts` | the grammar: names, literals, `ubi-`, `nit-`, `deduct-` |
//! | `federal` | U.S. income tax, payroll tax and earned-income credit, 2013–2026 |
//! | `reform` | [`Reform`]: changed rates, edges and grant |

mod federal;
mod parts;
mod reform;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::error::{Error, Result};
use crate::fiscal::Schedule;

pub use federal::names;
pub use parts::PARTS_IN_WORDS;
pub use reform::{Change, Reform};

/// A tax law: liability L(z) = T(z) − G.
///
/// T is a piecewise-linear schedule with T(0) = 0 and marginal rates in
/// [−1, 1]; G ≥ 0 is a grant in $/year that everybody gets whatever the
/// income: a basic income, or the guarantee of a negative income tax.
/// Where L is negative, the state pays.
#[derive(Clone, Debug, PartialEq)]
pub struct TaxLaw {
    schedule: Schedule,
    grant: f64,
}

impl TaxLaw {
    /// A law of a schedule and a grant in $/year.
    ///
    /// # Errors
    /// A grant below 0 or not finite.
    pub fn new(schedule: Schedule, grant: f64) -> Result<Self> {
        if grant.is_finite() && grant >= 0.0 {
            return Ok(TaxLaw { schedule, grant });
        }
        Err(Error::input("grant out of range")
            .value(grant)
            .allowed("$/year, 0 or more"))
    }

    /// Reads parts joined by `+`, each as [`PARTS_IN_WORDS`] says, and sums them.
    ///
    /// # Errors
    /// An unknown or malformed part, or as [`TaxLaw::sum`].
    pub fn parse(text: &str) -> Result<Self> {
        parts::law(text, 0)
    }

    /// The sum of parts that are each read by [`TaxLaw::parse`].
    ///
    /// # Errors
    /// As [`TaxLaw::parse`] and [`TaxLaw::sum`].
    pub fn of_parts<S: AsRef<str>>(parts: &[S]) -> Result<Self> {
        let laws: Vec<TaxLaw> = parts
            .iter()
            .map(|part| TaxLaw::parse(part.as_ref()))
            .collect::<Result<_>>()?;
        TaxLaw::sum(&laws)
    }

    /// The law under which one pays what all of `laws` ask: L(z) = Σ_j L_j(z).
    ///
    /// The edges are those of all laws, τ(z) = Σ_j τ_j(z) and G = Σ_j G_j. Sums of rates are
    /// rounded to 15 decimals, so that 0.1 + 0.0765 is 0.1765.
    ///
    /// # Errors
    /// No law; a sum of rates outside [−1, 1]; more brackets than
    /// [`BRACKETS_MAX`](crate::fiscal::schedule::BRACKETS_MAX); an infinite sum of grants.
    pub fn sum(laws: &[TaxLaw]) -> Result<Self> {
        if laws.is_empty() {
            return Err(Error::input("a law has at least one part")
                .value("none")
                .allowed(PARTS_IN_WORDS));
        }
        let grant = laws.iter().map(|law| law.grant).sum();
        let taxing: Vec<&Schedule> = laws
            .iter()
            .map(|law| &law.schedule)
            .filter(|schedule| schedule.rates() != [0.0])
            .collect();
        let schedule = match taxing[..] {
            [] => Schedule::zero(&[0.0])?,
            [schedule] => schedule.clone(),
            _ => sum_of_schedules(&taxing)?,
        };
        TaxLaw::new(schedule, grant)
    }

    /// The same law on income less a deduction D in $/year: T(max(z − D, 0)) − G.
    ///
    /// The first D dollars are untaxed, so a bracket of rate 0 comes first and all edges move up by D.
    ///
    /// # Errors
    /// A deduction below 0 or not finite; one bracket too many.
    pub fn with_deduction(&self, deduction: f64) -> Result<Self> {
        if !(deduction.is_finite() && deduction >= 0.0) {
            return Err(Error::input("deduction out of range")
                .value(deduction)
                .allowed("$/year, 0 or more"));
        }
        if deduction == 0.0 {
            return Ok(self.clone());
        }
        let shifted = self.schedule.edges().iter().map(|edge| edge + deduction);
        let edges: Vec<f64> = std::iter::once(0.0).chain(shifted).collect();
        let rates: Vec<f64> = [&[0.0], self.schedule.rates()].concat();
        TaxLaw::new(Schedule::with_subsidy(&edges, &rates, true)?, self.grant)
    }

    /// The schedule T, which is 0 at income 0.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The grant G, $/year.
    pub fn grant(&self) -> f64 {
        self.grant
    }

    /// Liability L(z) = T(z) − G in $/year on `income` z ≥ 0 in $/year; negative where the state pays.
    pub fn liability(&self, income: f64) -> f64 {
        self.schedule.tax(income) - self.grant
    }

    /// Average rate L(z)/z, a fraction.
    ///
    /// At z = 0 it is the limit, the first marginal rate, if there is no grant; with one there is none.
    pub fn average_rate(&self, income: f64) -> Option<f64> {
        if income > 0.0 {
            Some(self.liability(income) / income)
        } else if self.grant == 0.0 {
            Some(self.schedule.average_rate(0.0))
        } else {
            None
        }
    }

    /// Marginal rate on the next dollar, a fraction.
    pub fn marginal_rate(&self, income: f64) -> f64 {
        self.schedule.marginal_rate(income)
    }

    /// Whether a marginal rate is negative, so that some workers earn a subsidy on the next dollar.
    pub fn has_subsidy(&self) -> bool {
        self.schedule.rates().iter().any(|&rate| rate < 0.0)
    }
}

/// Σ_j T_j on the edges of all.
fn sum_of_schedules(schedules: &[&Schedule]) -> Result<Schedule> {
    let mut edges: Vec<f64> = schedules
        .iter()
        .flat_map(|schedule| schedule.edges().iter().copied())
        .collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    let rates: Vec<f64> = edges
        .iter()
        .map(|&edge| {
            let sum: f64 = schedules.iter().map(|part| part.marginal_rate(edge)).sum();
            (sum * 1e15).round() / 1e15
        })
        .collect();
    let outside = edges
        .iter()
        .zip(&rates)
        .find(|(_, rate)| !(-1.0..=1.0).contains(*rate));
    if let Some((edge, rate)) = outside {
        return Err(
            Error::input("the marginal rates of the parts sum up too high or too low")
                .value(format!("{rate} on income above {edge} $/year"))
                .allowed("-1 to 1"),
        );
    }
    Schedule::with_subsidy(&edges, &rates, true)
}

impl fmt::Display for TaxLaw {
    /// The text that [`TaxLaw::parse`] reads back exactly: the schedule's literal, and `+ubi-G` if there is a grant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.schedule)?;
        if self.grant > 0.0 {
            write!(f, "+ubi-{}", self.grant)?;
        }
        Ok(())
    }
}
