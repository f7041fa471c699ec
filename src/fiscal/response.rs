//! Exact best responses of a worker to a piecewise-linear schedule.
//!
//! A worker with wage w maximises u(z − T(z) + R, l) over 0 ≤ l ≤ `labor_max`,
//! z = weeks·w·l. On a segment with net-of-tax rate 1−τ_k the problem is
//! concave, so the optimum is the segment's interior solution clamped to the
//! segment; the best of the segments' optima is the best response. Where rates
//! rise this yields bunching at the kink, where a rate falls it compares the
//! candidates on both sides.

use crate::fiscal::economy::{power, power_block};
use crate::fiscal::lanes::in_blocks;
use crate::fiscal::{Economy, Schedule, Utility};
use multiversion::multiversion;

/// What does not change from worker to worker under one schedule.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    economy: &'a Economy,
    schedule: &'a Schedule,
    /// (1−τ_k)^{1/(δ−1)}: hours relative to untaxed hours on segment k.
    net_power: Vec<f64>,
}

impl<'a> Response<'a> {
    /// Prepares best responses to `schedule`.
    pub fn new(economy: &'a Economy, schedule: &'a Schedule) -> Self {
        let e = economy.elasticity();
        let net_power = schedule
            .rates()
            .iter()
            .map(|&rate| (1.0 - rate).powf(e))
            .collect();
        Response {
            economy,
            schedule,
            net_power,
        }
    }

    /// Best hours per week for a worker with `wage` ($/hour) and `untaxed_labor`
    /// (see [`Economy::untaxed_labor`]) who receives `rebate` ($/year).
    /// Of equally good hours the fewest are taken.
    pub fn labor(&self, wage: f64, untaxed_labor: f64, rebate: f64) -> f64 {
        match self.economy.utility {
            Utility::Quasilinear => self.quasilinear(wage, untaxed_labor),
            Utility::Isoelastic {
                eta,
                consumption_unit,
            } => self.isoelastic(wage, rebate, eta, consumption_unit),
        }
    }

    /// Best hours of many workers, equally long columns: as [`Response::labor`] for each, up to
    /// rounding.
    ///
    /// Under quasilinear utility and rising rates income is z = max_k min(z₀·(1−τ_k)^e, b_{k+1}),
    /// with z₀ = weeks·w·s: on segments below the optimum the minimum is the upper edge, on those
    /// above it is the interior income, which falls with k. That has no branches and vectorises
    /// over workers, as does the comparison of all segments where a rate falls.
    pub fn labor_of_many(
        &self,
        wage: &[f64],
        untaxed_labor: &[f64],
        rebate: f64,
        labor: &mut [f64],
    ) {
        match self.economy.utility {
            Utility::Quasilinear => quasilinear_labor(self, wage, untaxed_labor, labor),
            Utility::Isoelastic { .. } => {
                for ((&w, &s), l) in wage.iter().zip(untaxed_labor).zip(labor) {
                    *l = self.labor(w, s, rebate);
                }
            }
        }
    }

    #[inline(always)]
    fn convex_block(&self, yearly: &[f64; 8], untaxed: &[f64; 8]) -> [f64; 8] {
        let labor_max = self.economy.labor_max;
        let edges = self.schedule.edges();
        let mut income = [0.0; 8];
        let uppers = edges[1..].iter().chain(&[f64::INFINITY]);
        for (&net_power, &upper) in self.net_power.iter().zip(uppers) {
            for j in 0..8 {
                let interior = untaxed[j] * net_power;
                let candidate = if interior < upper { interior } else { upper };
                income[j] = if candidate > income[j] {
                    candidate
                } else {
                    income[j]
                };
            }
        }
        std::array::from_fn(|j| {
            let hours = income[j] / yearly[j];
            if hours < labor_max { hours } else { labor_max }
        })
    }

    /// The best of the segments' optima.
    #[inline(always)]
    fn any_block(&self, yearly: &[f64; 8], untaxed: &[f64; 8]) -> [f64; 8] {
        let (economy, schedule) = (self.economy, self.schedule);
        let mut best = ([f64::NEG_INFINITY; 8], [0.0; 8]);
        for (k, &net_power) in self.net_power.iter().enumerate() {
            let (lower, upper) = (schedule.edges()[k], schedule.upper(k));
            let (paid, rate) = (schedule.tax_at_edges()[k], schedule.rates()[k]);
            let mut income = [0.0; 8];
            let mut labor = [0.0; 8];
            for j in 0..8 {
                let income_max = yearly[j] * economy.labor_max;
                let highest = if upper < income_max {
                    upper
                } else {
                    income_max
                };
                let interior = untaxed[j] * net_power;
                let below = if interior < highest {
                    interior
                } else {
                    highest
                };
                income[j] = if below > lower { below } else { lower };
                let hours = income[j] / yearly[j];
                labor[j] = if hours < economy.labor_max {
                    hours
                } else {
                    economy.labor_max
                };
            }
            let effort = power_block(&labor, economy.labor_exponent);
            for j in 0..8 {
                let cost = economy.weeks_per_year * (economy.labor_cost * effort[j]);
                let utility = income[j] - (paid + rate * (income[j] - lower)) - cost;
                // A segment that begins above what 100 % of the hours earn is out of reach.
                let better = (utility > best.0[j]) & (lower <= yearly[j] * economy.labor_max);
                best.0[j] = if better { utility } else { best.0[j] };
                best.1[j] = if better { labor[j] } else { best.1[j] };
            }
        }
        best.1
    }

    /// Closed form: l_k = s·(1−τ_k)^{1/(δ−1)} on segment k.
    fn quasilinear(&self, wage: f64, untaxed_labor: f64) -> f64 {
        let (economy, schedule) = (self.economy, self.schedule);
        let yearly_wage = economy.weeks_per_year * wage;
        let income_max = yearly_wage * economy.labor_max;
        let convex = schedule.is_convex();
        let mut best = (f64::NEG_INFINITY, 0.0);
        for (k, &net_power) in self.net_power.iter().enumerate() {
            let lower = schedule.edges()[k];
            if lower > income_max {
                break;
            }
            let interior = yearly_wage * untaxed_labor * net_power;
            let upper = schedule.upper(k).min(income_max);
            // On a convex schedule the first segment whose optimum lies below its
            // upper edge holds the global one.
            if convex && interior > upper && upper < income_max {
                continue;
            }
            let income = interior.clamp(lower, upper);
            // Division can round above the limit.
            let labor = (income / yearly_wage).min(economy.labor_max);
            if convex {
                return labor;
            }
            let tax = schedule.tax_at_edges()[k] + schedule.rates()[k] * (income - lower);
            let utility = income - tax - economy.disutility(labor);
            if utility > best.0 {
                best = (utility, labor);
            }
        }
        best.1
    }

    /// Monotone root on each segment: c̃^{−η}·weeks·w(1−τ_k)/unit = χ̃·δ·l^{δ−1}.
    fn isoelastic(&self, wage: f64, rebate: f64, eta: f64, unit: f64) -> f64 {
        let (economy, schedule) = (self.economy, self.schedule);
        let yearly_wage = economy.weeks_per_year * wage;
        let income_max = yearly_wage * economy.labor_max;
        let convex = schedule.is_convex();
        let mut best = (f64::NEG_INFINITY, economy.labor_max);
        for k in 0..schedule.brackets() {
            let lower = schedule.edges()[k];
            if lower > income_max {
                break;
            }
            let low = lower / yearly_wage;
            let high = (schedule.upper(k).min(income_max) / yearly_wage).min(economy.labor_max);
            let net = 1.0 - schedule.rates()[k];
            // c(l) = base + slope·l on this segment, $/year.
            let slope = yearly_wage * net;
            let base = lower - schedule.tax_at_edges()[k] + rebate - net * lower;
            let gain = |labor: f64| {
                let c = (base + slope * labor) / unit;
                if c <= 0.0 {
                    return if slope > 0.0 {
                        f64::INFINITY
                    } else {
                        f64::NEG_INFINITY
                    };
                }
                slope / (unit * power(c, eta))
                    - economy.labor_cost
                        * economy.labor_exponent
                        * power(labor, economy.labor_exponent - 1.0)
            };
            // On a convex schedule utility is concave in hours over all segments.
            let last = high >= economy.labor_max || k + 1 == schedule.brackets();
            if convex && !last && gain(high) > 0.0 {
                continue;
            }
            let labor = decreasing_root(gain, low, high);
            if convex {
                return labor;
            }
            let utility = economy.utility(base + slope * labor, labor);
            if utility > best.0 {
                best = (utility, labor);
            }
        }
        best.1
    }
}

#[multiversion(targets = "simd")]
fn quasilinear_labor(
    response: &Response<'_>,
    wage: &[f64],
    untaxed_labor: &[f64],
    labor: &mut [f64],
) {
    let weeks = response.economy.weeks_per_year;
    let convex = response.schedule.is_convex();
    in_blocks([wage, untaxed_labor], labor, |[w, s]| {
        let yearly: [f64; 8] = std::array::from_fn(|j| weeks * w[j]);
        let untaxed: [f64; 8] = std::array::from_fn(|j| yearly[j] * s[j]);
        if convex {
            response.convex_block(&yearly, &untaxed)
        } else {
            response.any_block(&yearly, &untaxed)
        }
    });
}

/// The root of a decreasing function on [low, high], or the end nearest to it, to the last few bits.
///
/// Inverse quadratic interpolation where it is safe, else bisection. Source: Chandrupatla (1997).
pub(crate) fn decreasing_root(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let (f_low, f_high) = (f(low), f(high));
    if f_low <= 0.0 {
        return low;
    }
    if f_high >= 0.0 {
        return high;
    }
    // The root lies between the newest point a and b; c is the point before.
    let (mut a, mut b, mut f_a, mut f_b) = (high, low, f_high, f_low);
    let mut t = 0.5;
    for _ in 0..200 {
        let x = a + t * (b - a);
        let value = f(x);
        let (c, f_c);
        if (value > 0.0) == (f_a > 0.0) {
            (c, f_c) = (a, f_a);
        } else {
            (c, f_c) = (b, f_b);
            (b, f_b) = (a, f_a);
        }
        (a, f_a) = (x, value);
        let (best, f_best) = if f_a.abs() < f_b.abs() {
            (a, f_a)
        } else {
            (b, f_b)
        };
        let least = 4.0 * f64::EPSILON * best.abs() / (b - a).abs();
        if f_best == 0.0 || least.is_nan() || least > 0.5 {
            return best;
        }
        let xi = (a - b) / (c - b);
        let phi = (f_a - f_b) / (f_c - f_b);
        let safe = phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi;
        t = if safe {
            f_a / (f_b - f_a) * f_c / (f_b - f_c)
                + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
        } else {
            0.5
        };
        t = t.clamp(least, 1.0 - least);
    }
    0.5 * (a + b)
}

/// Best hours per week of one worker; for many workers under one schedule prepare a [`Response`].
pub fn best_response(economy: &Economy, schedule: &Schedule, wage: f64, rebate: f64) -> f64 {
    Response::new(economy, schedule).labor(wage, economy.untaxed_labor(wage), rebate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_of_a_decreasing_function() {
        let root = decreasing_root(|x| 2.0 - x * x, 0.0, 2.0);
        assert!((root - 2.0_f64.sqrt()).abs() < 1e-13);
        assert_eq!(decreasing_root(|x| -x - 1.0, 0.0, 2.0), 0.0);
        assert_eq!(decreasing_root(|x| 3.0 - x, 0.0, 2.0), 2.0);
    }

    /// The vectorised form against the one that goes segment by segment.
    #[test]
    fn many_workers_at_once() {
        let economy = Economy::default();
        let law = crate::fiscal::laws::find("us-2024").unwrap();
        let all = Schedule::new(&[0.0, 20_000.0, 50_000.0], &[0.0, 0.5, 1.0]).unwrap();
        let falling = Schedule::new(&[0.0, 20_000.0, 50_000.0], &[0.5, 0.2, 0.7]).unwrap();
        let wage: Vec<f64> = (1..4_000).map(|i| 0.1 * f64::from(i)).collect();
        let untaxed: Vec<f64> = wage.iter().map(|&w| economy.untaxed_labor(w)).collect();
        for schedule in [law, &all, &falling] {
            let response = Response::new(&economy, schedule);
            let mut labor = vec![0.0; wage.len()];
            response.labor_of_many(&wage, &untaxed, 0.0, &mut labor);
            for ((&w, &s), &l) in wage.iter().zip(&untaxed).zip(&labor) {
                let single = response.labor(w, s, 0.0);
                assert!(
                    (l - single).abs() <= 1e-12 * single.max(1.0),
                    "{w}: {l} {single}"
                );
                assert!(
                    l <= economy.labor_max && single <= economy.labor_max,
                    "{w}: {l} {single}"
                );
            }
        }
    }

    #[test]
    fn untaxed_hours_solve_the_first_order_condition() {
        let economy = Economy::default();
        let wage = 30.0;
        let labor = best_response(&economy, &Schedule::flat(0.0).unwrap(), wage, 0.0);
        // w = χ δ l^{δ−1}
        assert!((0.0005 * 3.5 * labor.powf(2.5) - wage).abs() < 1e-9);
    }

    /// At a convex kink 12 → 22 % with e = 0.4 the workers who bunch span
    /// Δz/z = (0.88/0.78)^0.4 − 1 = 4.94 % of untaxed-slope income (Saez 2010, eq. 1 in its exact form).
    #[test]
    fn bunching_segment_at_a_kink() {
        let economy = Economy::default();
        let kink = 47_150.0;
        let schedule = Schedule::new(&[0.0, kink], &[0.12, 0.22]).unwrap();
        let before = Schedule::flat(0.12).unwrap();
        let bunches = |wage: f64| {
            let z = economy.income(wage, best_response(&economy, &schedule, wage, 0.0));
            (z - kink).abs() < 1e-6
        };
        let edge = |mut inside: f64, mut outside: f64| {
            for _ in 0..200 {
                let middle = 0.5 * (inside + outside);
                if bunches(middle) {
                    inside = middle
                } else {
                    outside = middle
                }
            }
            inside
        };
        let inside = (1..100_000)
            .map(|i| f64::from(i) * 0.01)
            .find(|&w| bunches(w))
            .unwrap();
        let (low, high) = (edge(inside, inside - 1.0), edge(inside, inside + 5.0));
        let without_kink =
            |wage: f64| economy.income(wage, best_response(&economy, &before, wage, 0.0));
        let width = without_kink(high) / without_kink(low) - 1.0;
        let expected = (0.88_f64 / 0.78).powf(0.4) - 1.0;
        assert!(
            (width - expected).abs() < 1e-6,
            "{width} against {expected}"
        );
        assert!((expected - 0.0494).abs() < 5e-5);
    }
}
