//! Piecewise-linear income tax schedules.

use crate::error::{Error, Result};
use crate::fiscal::lanes::in_blocks;
use crate::units::Rate;
use multiversion::multiversion;
use std::fmt;

/// Most brackets a schedule may have.
pub const BRACKETS_MAX: usize = 64;

/// A tax schedule T(z) = Σ_k τ_k·clip(z − b_k, 0, b_{k+1} − b_k).
///
/// `edges` are the lower bracket edges b_k in $/year, strictly increasing from
/// 0; the last bracket is open. `rates` are the marginal rates τ_k as
/// fractions. Rates may rise or fall. Invariants: T(0) = 0, T is continuous,
/// and T is non-decreasing where all τ ≥ 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    edges: Vec<f64>,
    rates: Vec<f64>,
    /// T(b_k) in $/year.
    tax_at_edge: Vec<f64>,
}

impl Schedule {
    /// A schedule with rates in [0, 1].
    ///
    /// # Errors
    /// No bracket or more than [`BRACKETS_MAX`]; a first edge that is not 0;
    /// edges not finite or not strictly increasing; a rate outside [0, 1]; as
    /// many rates as edges not given.
    pub fn new(edges: &[f64], rates: &[f64]) -> Result<Self> {
        Self::with_subsidy(edges, rates, false)
    }

    /// A schedule whose rates may go down to −1 where `allow_subsidy`.
    ///
    /// # Errors
    /// As [`Schedule::new`].
    pub fn with_subsidy(edges: &[f64], rates: &[f64], allow_subsidy: bool) -> Result<Self> {
        check_edges(edges)?;
        if rates.len() != edges.len() {
            return Err(
                Error::input("number of rates differs from number of brackets")
                    .value(format!("{} rates", rates.len()))
                    .allowed(format!("{} rates, one for each bracket", edges.len())),
            );
        }
        for &rate in rates {
            Rate::new(rate, allow_subsidy)?;
        }
        Ok(Self::of_checked(edges.to_vec(), rates.to_vec()))
    }

    /// One rate on all income.
    ///
    /// # Errors
    /// A rate outside [0, 1].
    pub fn flat(rate: f64) -> Result<Self> {
        Self::new(&[0.0], &[rate])
    }

    /// Zero rates on the given edges.
    ///
    /// # Errors
    /// As [`Schedule::new`].
    pub fn zero(edges: &[f64]) -> Result<Self> {
        Self::new(edges, &vec![0.0; edges.len()])
    }

    /// Builds a schedule from parts that are known to be valid.
    pub(crate) fn of_checked(edges: Vec<f64>, rates: Vec<f64>) -> Self {
        let mut tax_at_edge = vec![0.0; edges.len()];
        for k in 1..edges.len() {
            tax_at_edge[k] = tax_at_edge[k - 1] + rates[k - 1] * (edges[k] - edges[k - 1]);
        }
        Schedule {
            edges,
            rates,
            tax_at_edge,
        }
    }

    /// The same brackets with other rates, which must be finite and as many.
    pub(crate) fn reform(&self, rates: &[f64]) -> Self {
        debug_assert_eq!(rates.len(), self.edges.len());
        Self::of_checked(self.edges.clone(), rates.to_vec())
    }

    /// Parses a literal such as `"0:0.10,11600:0.12"`: lower edge in $/year, colon, rate as a fraction.
    ///
    /// # Errors
    /// A part that is not `edge:rate`, or as [`Schedule::new`].
    pub fn parse(literal: &str) -> Result<Self> {
        let mut edges = Vec::new();
        let mut rates = Vec::new();
        for part in literal.split(',') {
            let malformed = || {
                Error::input("malformed tax schedule")
                    .value(part.trim())
                    .allowed("edge:rate pairs such as 0:0.10,11600:0.12")
            };
            let (edge, rate) = part.split_once(':').ok_or_else(malformed)?;
            edges.push(edge.trim().parse::<f64>().map_err(|_| malformed())?);
            rates.push(rate.trim().parse::<f64>().map_err(|_| malformed())?);
        }
        Self::with_subsidy(&edges, &rates, true)
    }

    /// Lower bracket edges b_k, $/year.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Marginal rates τ_k, fractions.
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// Tax at each lower edge T(b_k), $/year.
    pub fn tax_at_edges(&self) -> &[f64] {
        &self.tax_at_edge
    }

    /// Number of brackets.
    pub fn brackets(&self) -> usize {
        self.edges.len()
    }

    /// Upper edge of bracket `k`, $/year; infinite for the last.
    pub fn upper(&self, k: usize) -> f64 {
        self.edges.get(k + 1).copied().unwrap_or(f64::INFINITY)
    }

    /// Index of the bracket [b_k, b_{k+1}) that holds `income`.
    pub fn bracket_of(&self, income: f64) -> usize {
        self.edges.partition_point(|&edge| edge <= income).max(1) - 1
    }

    /// Tax T(z) in $/year on `income` z ≥ 0 in $/year.
    #[inline]
    pub fn tax(&self, income: f64) -> f64 {
        let k = self.bracket_of(income);
        self.tax_at_edge[k] + self.rates[k] * (income - self.edges[k])
    }

    /// Tax of each income as Σ_k τ_k·clip(z − b_k, 0, b_{k+1} − b_k): as [`Schedule::tax`] up to
    /// rounding, without a search for the bracket, eight incomes at a time.
    pub fn tax_of_many(&self, income: &[f64], tax: &mut [f64]) {
        taxes(self, income, tax);
    }

    #[inline(always)]
    fn tax_block(&self, income: &[f64; 8]) -> [f64; 8] {
        let mut sum = [0.0; 8];
        let uppers = self.edges[1..].iter().chain(&[f64::INFINITY]);
        for ((&edge, &rate), &upper) in self.edges.iter().zip(&self.rates).zip(uppers) {
            let width = upper - edge;
            for j in 0..8 {
                let inside = income[j] - edge;
                let inside = if inside > 0.0 { inside } else { 0.0 };
                sum[j] += rate * if inside < width { inside } else { width };
            }
        }
        sum
    }

    /// Marginal rate on the next dollar, a fraction.
    pub fn marginal_rate(&self, income: f64) -> f64 {
        self.rates[self.bracket_of(income)]
    }

    /// Average rate T(z)/z, a fraction; at z = 0 its limit, the first marginal rate.
    pub fn average_rate(&self, income: f64) -> f64 {
        if income > 0.0 {
            self.tax(income) / income
        } else {
            self.rates[0]
        }
    }

    /// Whether no rate falls from one bracket to the next, so that T is convex.
    pub fn is_convex(&self) -> bool {
        self.rates.windows(2).all(|pair| pair[0] <= pair[1])
    }
}

#[multiversion(targets = "simd")]
fn taxes(schedule: &Schedule, income: &[f64], tax: &mut [f64]) {
    in_blocks([income], tax, |[z]| schedule.tax_block(z));
}

/// Checks lower bracket edges, $/year.
///
/// # Errors
/// As the edges part of [`Schedule::new`].
pub fn check_edges(edges: &[f64]) -> Result<()> {
    if edges.is_empty() || edges.len() > BRACKETS_MAX {
        return Err(Error::input("number of tax brackets")
            .value(edges.len())
            .allowed(format!("1 to {BRACKETS_MAX}")));
    }
    if edges[0] != 0.0 {
        return Err(Error::input("the first bracket must start at 0")
            .value(edges[0])
            .allowed("0"));
    }
    for pair in edges.windows(2) {
        if !(pair[1].is_finite() && pair[0] < pair[1]) {
            return Err(Error::input("brackets must increase")
                .value(format!("{} after {}", pair[1], pair[0]))
                .allowed("lower edges in $/year, strictly increasing from 0"));
        }
    }
    Ok(())
}

impl fmt::Display for Schedule {
    /// The literal that [`Schedule::parse`] reads back exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, (edge, rate)) in self.edges.iter().zip(&self.rates).enumerate() {
            let comma = if k == 0 { "" } else { "," };
            write!(f, "{comma}{edge}:{rate}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hand_worked_tax() {
        let schedule = Schedule::new(&[0.0, 10_000.0, 40_000.0], &[0.10, 0.20, 0.40]).unwrap();
        assert_eq!(schedule.tax(0.0), 0.0);
        assert_eq!(schedule.tax(10_000.0), 1_000.0);
        assert_eq!(schedule.tax(25_000.0), 4_000.0);
        assert_eq!(schedule.tax(50_000.0), 11_000.0);
        assert_eq!(schedule.average_rate(50_000.0), 0.22);
        assert_eq!(schedule.marginal_rate(39_999.99), 0.20);
        assert_eq!(schedule.marginal_rate(40_000.0), 0.40);
    }

    #[test]
    fn broken_schedules_are_refused() {
        for (edges, rates) in [
            (&[][..], &[][..]),
            (&[1.0], &[0.1]),
            (&[0.0, 5.0, 5.0], &[0.1, 0.1, 0.1]),
            (&[0.0, f64::NAN], &[0.1, 0.1]),
            (&[0.0, 5.0], &[0.1]),
            (&[0.0], &[1.2]),
            (&[0.0], &[-0.1]),
            (&[0.0], &[f64::NAN]),
        ] {
            assert!(Schedule::new(edges, rates).is_err(), "{edges:?} {rates:?}");
        }
        assert!(Schedule::with_subsidy(&[0.0], &[-0.1], true).is_ok());
        for literal in ["", "0", "0:x", "0:0.1;5:0.2", "5:0.1"] {
            assert!(Schedule::parse(literal).is_err(), "{literal}");
        }
    }

    /// T(z) = ∫₀ᶻ τ(x) dx by the definition in terms of clipped bracket incomes.
    fn tax_by_definition(schedule: &Schedule, income: f64) -> f64 {
        (0..schedule.brackets())
            .map(|k| {
                let width = schedule.upper(k) - schedule.edges()[k];
                schedule.rates()[k] * (income - schedule.edges()[k]).clamp(0.0, width)
            })
            .sum()
    }

    proptest! {
        #[test]
        fn tax_is_the_sum_over_brackets_and_continuous(
            widths in prop::collection::vec(1.0..50_000.0f64, 0..11),
            rates in prop::collection::vec(0.0..=1.0f64, 12),
            income in 0.0..600_000.0f64,
        ) {
            let mut edges = vec![0.0];
            for width in widths { edges.push(edges.last().unwrap() + width); }
            let schedule = Schedule::new(&edges, &rates[..edges.len()]).unwrap();
            let tax = schedule.tax(income);
            prop_assert!((tax - tax_by_definition(&schedule, income)).abs() <= 1e-9 * income.max(1.0));
            let incomes: Vec<f64> = (0..11).map(|i| income + 1_000.0 * f64::from(i)).collect();
            let mut taxes = vec![0.0; incomes.len()];
            schedule.tax_of_many(&incomes, &mut taxes);
            for (z, t) in incomes.iter().zip(&taxes) {
                prop_assert!((schedule.tax(*z) - t).abs() <= 1e-9 * z.max(1.0));
            }
            prop_assert!(schedule.tax(income + 1.0) >= tax - 1e-9);
            for &edge in &edges[1..] {
                prop_assert!((schedule.tax(edge) - schedule.tax(edge * (1.0 - 1e-12))).abs() < 1e-6);
            }
            prop_assert_eq!(&Schedule::parse(&schedule.to_string()).unwrap(), &schedule);
        }
    }
}
