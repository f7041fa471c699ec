//! Preferences over consumption and work, and the constants of the economy.

use crate::error::{Error, Result};
use crate::fiscal::Schedule;
use crate::fiscal::lanes::in_blocks;
use multiversion::multiversion;

/// Utility of consumption; the disutility of work is χ·l^δ in both forms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Utility {
    /// u = c − weeks·χ·l^δ, in $/year. No income effects: the rebate does not move hours.
    Quasilinear,
    /// u = (c̃^{1−η} − 1)/(1−η) − χ̃·l^δ with c̃ = c/`consumption_unit`, and
    /// ln c̃ at η = 1; a pure number.
    Isoelastic {
        /// Relative risk aversion η ≥ 0.
        eta: f64,
        /// Consumption unit in $/year.
        consumption_unit: f64,
    },
}

/// Constants that every worker shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Economy {
    /// Form of the utility of consumption.
    pub utility: Utility,
    /// χ ($ per hour^δ and week) under quasilinear, χ̃ (utility per hour^δ) under isoelastic utility; > 0.
    pub labor_cost: f64,
    /// δ > 1. The compensated elasticity of quasilinear labour supply is e = 1/(δ−1).
    pub labor_exponent: f64,
    /// Most hours per week, > 0.
    pub labor_max: f64,
    /// Weeks per year: income is weeks·wage·hours.
    pub weeks_per_year: f64,
    /// Public spending per worker, $/year, paid before the rebate.
    pub public_spending: f64,
}

impl Default for Economy {
    fn default() -> Self {
        Economy {
            utility: Utility::Quasilinear,
            labor_cost: 0.0005,
            labor_exponent: 3.5,
            labor_max: 100.0,
            weeks_per_year: 52.0,
            public_spending: 0.0,
        }
    }
}

impl Economy {
    /// Checks ranges.
    ///
    /// # Errors
    /// A constant that is not finite or out of its range.
    pub fn check(&self) -> Result<()> {
        let positive = [
            ("labor_cost", self.labor_cost),
            ("labor_max", self.labor_max),
            ("weeks_per_year", self.weeks_per_year),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::input(format!("{name} out of range"))
                    .value(value)
                    .allowed("> 0"));
            }
        }
        if !(self.labor_exponent.is_finite() && self.labor_exponent > 1.0) {
            return Err(Error::input("labor_exponent out of range")
                .value(self.labor_exponent)
                .allowed("> 1 (else no interior choice of hours)"));
        }
        if !self.public_spending.is_finite() {
            return Err(Error::input("public_spending")
                .value(self.public_spending)
                .allowed("finite"));
        }
        if let Utility::Isoelastic {
            eta,
            consumption_unit,
        } = self.utility
        {
            if !(eta.is_finite() && eta >= 0.0) {
                return Err(Error::input("eta out of range").value(eta).allowed("≥ 0"));
            }
            if !(consumption_unit.is_finite() && consumption_unit > 0.0) {
                return Err(Error::input("consumption_unit out of range")
                    .value(consumption_unit)
                    .allowed("> 0"));
            }
        }
        Ok(())
    }

    /// e = 1/(δ−1): the Frisch elasticity of hours, which under quasilinear
    /// utility is also the compensated and uncompensated one (0.4 at δ = 3.5).
    pub fn elasticity(&self) -> f64 {
        1.0 / (self.labor_exponent - 1.0)
    }

    /// Pre-tax income z = weeks·w·l in $/year.
    #[inline]
    pub fn income(&self, wage: f64, labor: f64) -> f64 {
        self.weeks_per_year * wage * labor
    }

    /// [`Economy::income`] of many workers, columns of equal length.
    pub fn income_of_many(&self, wage: &[f64], labor: &[f64], income: &mut [f64]) {
        incomes(self.weeks_per_year, wage, labor, income);
    }

    /// [`Economy::utility`] of many workers, columns of equal length.
    pub fn utility_of_many(&self, disposable: &[f64], labor: &[f64], utility: &mut [f64]) {
        utilities(self, disposable, labor, utility);
    }

    /// Disutility of `labor` hours per week: weeks·χ·l^δ ($/year) or χ̃·l^δ.
    #[inline]
    pub fn disutility(&self, labor: f64) -> f64 {
        let cost = self.labor_cost * power(labor, self.labor_exponent);
        match self.utility {
            Utility::Quasilinear => self.weeks_per_year * cost,
            Utility::Isoelastic { .. } => cost,
        }
    }

    /// Utility of consumption c in $/year; −∞ at c ≤ 0 under isoelastic utility with η ≥ 1,
    /// and at c < 0 with η < 1, where it is not defined.
    #[inline]
    pub fn consumption_utility(&self, consumption: f64) -> f64 {
        match self.utility {
            Utility::Quasilinear => consumption,
            Utility::Isoelastic {
                eta,
                consumption_unit,
            } => {
                let c = consumption / consumption_unit;
                if c < 0.0 {
                    f64::NEG_INFINITY
                } else if eta == 1.0 {
                    c.ln()
                } else {
                    (c.powf(1.0 - eta) - 1.0) / (1.0 - eta)
                }
            }
        }
    }

    /// Utility u(c, l).
    #[inline]
    pub fn utility(&self, consumption: f64, labor: f64) -> f64 {
        self.consumption_utility(consumption) - self.disutility(labor)
    }

    /// Utility of working `labor` hours at `wage` under a schedule and a rebate.
    pub fn utility_of_labor(&self, wage: f64, labor: f64, schedule: &Schedule, rebate: f64) -> f64 {
        let income = self.income(wage, labor);
        self.utility(income - schedule.tax(income) + rebate, labor)
    }

    /// ∂u/∂c at consumption c in $/year: 1 under quasilinear utility, else c̃^{−η}/unit.
    #[inline]
    pub fn marginal_utility(&self, consumption: f64) -> f64 {
        match self.utility {
            Utility::Quasilinear => 1.0,
            Utility::Isoelastic {
                eta,
                consumption_unit,
            } => 1.0 / (consumption_unit * power(consumption / consumption_unit, eta)),
        }
    }

    /// Money-metric utility m in $/year: the consumption that without work gives utility u.
    ///
    /// Quasilinear: m = u. Isoelastic: m = unit·((1−η)u + 1)^{1/(1−η)}, and
    /// unit·eᵘ at η = 1; 0 where no consumption is as bad as u.
    #[inline]
    pub fn money_metric(&self, utility: f64) -> f64 {
        match self.utility {
            Utility::Quasilinear => utility,
            Utility::Isoelastic {
                eta,
                consumption_unit,
            } => {
                if eta == 1.0 {
                    consumption_unit * utility.exp()
                } else {
                    let base = (1.0 - eta) * utility + 1.0;
                    consumption_unit * base.max(0.0).powf(1.0 / (1.0 - eta))
                }
            }
        }
    }

    /// s = (w/(χδ))^{1/(δ−1)}: hours per week without tax or limit under quasilinear utility.
    #[inline]
    pub fn untaxed_labor(&self, wage: f64) -> f64 {
        (wage / (self.labor_cost * self.labor_exponent)).powf(self.elasticity())
    }
}

/// x^p for x ≥ 0, by multiplication and square root where 2p is a small integer
/// (as at the default δ = 3.5), which is exact to rounding and several times faster.
#[inline]
pub(crate) fn power(x: f64, p: f64) -> f64 {
    power_block(&[x; 1], p)[0]
}

/// [`power`] of a block of values.
#[inline(always)]
pub(crate) fn power_block<const N: usize>(x: &[f64; N], p: f64) -> [f64; N] {
    let halves = 2.0 * p;
    if !(halves.fract() == 0.0 && (0.0..=16.0).contains(&halves)) {
        return x.map(|x| x.powf(p));
    }
    let halves = halves as u32;
    let (mut power, mut square) = ([1.0; N], *x);
    let mut whole = halves / 2;
    while whole > 0 {
        if whole % 2 == 1 {
            for j in 0..N {
                power[j] *= square[j];
            }
        }
        square = square.map(|x| x * x);
        whole /= 2;
    }
    if halves % 2 == 1 {
        for j in 0..N {
            power[j] *= x[j].sqrt();
        }
    }
    power
}

/// z of many workers.
#[multiversion(targets = "simd")]
fn incomes(weeks: f64, wage: &[f64], labor: &[f64], income: &mut [f64]) {
    for ((z, w), l) in income.iter_mut().zip(wage).zip(labor) {
        *z = weeks * w * l;
    }
}

/// u of many workers.
#[multiversion(targets = "simd")]
fn utilities(economy: &Economy, disposable: &[f64], labor: &[f64], utility: &mut [f64]) {
    let (cost, weeks) = (economy.labor_cost, economy.weeks_per_year);
    if economy.utility == Utility::Quasilinear {
        in_blocks([disposable, labor], utility, |[c, l]| {
            let effort = power_block(l, economy.labor_exponent);
            std::array::from_fn(|j| c[j] - weeks * (cost * effort[j]))
        });
    } else {
        for ((u, &c), &l) in utility.iter_mut().zip(disposable).zip(labor) {
            *u = economy.utility(c, l);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn isoelastic(eta: f64) -> Economy {
        Economy {
            utility: Utility::Isoelastic {
                eta,
                consumption_unit: 1000.0,
            },
            labor_cost: 1e-7,
            ..Economy::default()
        }
    }

    #[test]
    fn default_elasticity_is_four_tenths() {
        assert!((Economy::default().elasticity() - 0.4).abs() < 1e-15);
    }

    #[test]
    fn money_metric_inverts_utility_at_zero_hours() {
        for eta in [0.0, 0.5, 1.0, 1.5, 3.0] {
            let economy = isoelastic(eta);
            for c in [1.0, 900.0, 45_000.0] {
                let m = economy.money_metric(economy.utility(c, 0.0));
                assert!((m / c - 1.0).abs() < 1e-9, "eta {eta}: {m} for {c}");
            }
        }
    }

    #[test]
    fn marginal_utility_is_the_slope_of_utility() {
        for eta in [0.5, 1.0, 1.5] {
            let economy = isoelastic(eta);
            let (c, h) = (30_000.0, 1.0);
            let slope = (economy.utility(c + h, 0.0) - economy.utility(c - h, 0.0)) / (2.0 * h);
            assert!((economy.marginal_utility(c) / slope - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn power_agrees_with_powf() {
        for p in [0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 8.0, 3.3] {
            for x in [0.0_f64, 1e-3, 0.7, 1.0, 38.5, 100.0] {
                let expected = x.powf(p);
                assert!(
                    (power(x, p) - expected).abs() <= 1e-14 * expected.max(1e-300),
                    "{x}^{p}"
                );
            }
        }
    }

    #[test]
    fn constants_out_of_range_are_refused() {
        let broken = [
            Economy {
                labor_cost: 0.0,
                ..Economy::default()
            },
            Economy {
                labor_exponent: 1.0,
                ..Economy::default()
            },
            Economy {
                labor_max: f64::NAN,
                ..Economy::default()
            },
            Economy {
                public_spending: f64::INFINITY,
                ..Economy::default()
            },
            isoelastic(-1.0),
        ];
        for economy in broken {
            assert!(economy.check().is_err());
        }
    }
}
