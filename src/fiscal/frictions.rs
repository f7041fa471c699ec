//! What keeps rational workers from their smooth best response: fixed costs of work, coarse hours,
//! costs of changing hours.

use crate::fiscal::{Economy, Schedule};

/// Costs and limits of one worker's choice of hours.
///
/// Utility is u = U(c) − v(l) − q·1(l > 0) − a·1(l ≠ l₀), with l₀ the hours before; a worker takes
/// part in the labour market only if that pays for q (the extensive margin: Saez 2002), and changes
/// hours only if the gain exceeds a (Chetty, Friedman, Olsen and Pistaferri 2011).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Friction {
    /// q ≥ 0, in the unit of utility, while working.
    pub fixed_cost: f64,
    /// Hours are multiples of this, per week; 0 is any hours.
    pub hours_step: f64,
    /// a ≥ 0, in the unit of utility, in the period of a change.
    pub adjustment_cost: f64,
    /// l₀, hours per week; `None` where there is nothing to change from.
    pub before: Option<f64>,
}

impl Friction {
    /// Whether nothing differs from a smooth choice.
    pub fn is_none(&self) -> bool {
        self.fixed_cost == 0.0 && self.hours_step == 0.0 && self.adjustment_cost == 0.0
    }

    /// q·1(l > 0) + a·1(l ≠ l₀), in the unit of utility.
    pub fn cost(&self, labor: f64) -> f64 {
        let working = if labor > 0.0 { self.fixed_cost } else { 0.0 };
        match self.before {
            Some(before) if before != labor => working + self.adjustment_cost,
            _ => working,
        }
    }

    /// Best hours per week of a worker whose smooth best response is `smooth`.
    ///
    /// The best of: the smooth response (or the multiples of `hours_step` beside it; all multiples
    /// where rates fall and utility has several tops), no work, and the hours before. Of equally
    /// good hours those before win, then the fewest.
    pub fn labor(
        &self,
        economy: &Economy,
        schedule: &Schedule,
        wage: f64,
        rebate: f64,
        smooth: f64,
    ) -> f64 {
        let utility = |l: f64| economy.utility_of_labor(wage, l, schedule, rebate) - self.cost(l);
        let start = self.before.unwrap_or(0.0);
        let mut best = (utility(start), start);
        let mut consider = |labor: f64| {
            let value = utility(labor);
            if value > best.0 {
                best = (value, labor);
            }
        };
        consider(0.0);
        if self.hours_step == 0.0 {
            consider(smooth);
        } else {
            let step = self.hours_step;
            let most = (economy.labor_max / step * (1.0 + 1e-12)).floor() as u32;
            if schedule.is_convex() {
                let below = ((smooth / step).floor() as u32).min(most);
                consider(step * f64::from(below));
                consider(step * f64::from((below + 1).min(most)));
            } else {
                (1..=most).for_each(|k| consider(step * f64::from(k)));
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::optimum::{Effort, optimum};
    use crate::fiscal::{Objective, Society, Utility, best_response};

    fn with(frictions: &[Friction], wage: f64, economy: Economy) -> Society {
        Society::rational(economy, vec![wage; frictions.len()]).with_frictions(frictions)
    }

    fn uniform_costs(n: usize, high: f64) -> Vec<Friction> {
        (0..n)
            .map(|i| Friction {
                fixed_cost: high * (i as f64 + 0.5) / n as f64,
                ..Friction::default()
            })
            .collect()
    }

    /// With costs uniform on [0, q̄] those work whose cost is below the surplus of working:
    /// participation is (z − T(z) − v(l))/q̄.
    #[test]
    fn participation_is_the_distribution_of_costs_at_the_surplus() {
        let economy = Economy::default();
        let society = with(&uniform_costs(10_000, 60_000.0), 25.0, economy);
        for rate in [0.0, 0.3, 0.6] {
            let schedule = Schedule::flat(rate).unwrap();
            let outcome = society.outcome(&schedule);
            let labor = best_response(&economy, &schedule, 25.0, 0.0);
            let surplus = economy.utility_of_labor(25.0, labor, &schedule, 0.0);
            let working = outcome.labor.iter().filter(|&&l| l > 0.0).count();
            assert!((working as f64 / 10_000.0 - surplus / 60_000.0).abs() <= 1e-4);
            // Those at work work the smooth hours: the margins are separate.
            assert!(outcome.labor.iter().all(|&l| l == 0.0 || l == labor));
            // Utility counts the cost.
            let paid: f64 = (0..working).map(|i| 6.0 * (i as f64 + 0.5)).sum();
            let total: f64 = outcome.utility.iter().sum();
            let gross = surplus * working as f64 + 10_000.0 * outcome.rebate;
            assert!((total - (gross - paid)).abs() < 1e-6 * gross);
        }
    }

    /// Saez (2002) with the extensive margin alone: the best participation tax for the idle has
    /// (T_1 − T_0)/(c_1 − c_0) = (1 − g)/η. With costs uniform from 0, η = 1, and g = 0 for workers
    /// under the maximin criterion: T = c, a rate of one half. Hours hardly respond at δ = 100.
    #[test]
    fn best_participation_tax_of_the_extensive_margin() {
        let economy = Economy {
            labor_exponent: 100.0,
            labor_cost: 1e-163,
            labor_max: 40.0,
            ..Economy::default()
        };
        let society = with(&uniform_costs(4_000, 200_000.0), 25.0, economy);
        let effort = Effort::default();
        let found = optimum(&society, &[0.0], &Objective::Rawlsian, &[], false, effort);
        let rate = found.schedule.rates()[0];
        assert!((rate - 0.5).abs() < 0.005, "{rate}");
    }

    /// Saez (2002), proposition 1, with weights g of 1.2 (who cannot work), 1.3 (low-paid) and 0.5
    /// (well-paid): (T_i − T_0)/(c_i − c_0) = (1 − g_i)/η_i, so with η = 1 the average rate is
    /// (1 − g)/(2 − g): a subsidy of 42.9 % for the low-paid, a tax of one third for the others.
    #[test]
    fn in_work_subsidies_of_the_extensive_margin() {
        let economy = Economy {
            labor_exponent: 100.0,
            labor_cost: 1e-170,
            labor_max: 40.0,
            ..Economy::default()
        };
        let n = 1_500;
        let mut frictions = uniform_costs(n, 1e9);
        frictions.extend(uniform_costs(n, 40_000.0));
        frictions.extend(uniform_costs(n, 100_000.0));
        let mut wages = vec![1e-3; n];
        wages.extend(vec![10.0; n]);
        wages.extend(vec![40.0; n]);
        let society = Society::rational(economy, wages).with_frictions(&frictions);
        let objective = Objective::Pareto {
            weights: vec![1.2, 1.3, 0.5],
        };
        let effort = Effort {
            coarse_workers: 4_500,
            ..Effort::default()
        };
        let edges = [0.0, 30_000.0];
        let found = optimum(&society, &edges, &objective, &[], true, effort);
        for (wage, g) in [(10.0, 1.3), (40.0, 0.5)] {
            let rate = found.schedule.average_rate(economy.income(wage, 40.0));
            let expected = (1.0 - g) / (2.0 - g);
            assert!((rate - expected).abs() < 0.005, "{wage}: {rate} {expected}");
        }
    }

    /// Every multiple of ten hours by brute force, rising and falling rates, both utilities.
    #[test]
    fn coarse_hours_are_the_best_multiples() {
        let isoelastic = Economy {
            utility: Utility::Isoelastic {
                eta: 1.5,
                consumption_unit: 1000.0,
            },
            labor_cost: 1e-7,
            ..Economy::default()
        };
        let friction = Friction {
            hours_step: 10.0,
            ..Friction::default()
        };
        for economy in [Economy::default(), isoelastic] {
            for rates in [[0.1, 0.4], [0.5, 0.1]] {
                let schedule = Schedule::new(&[0.0, 40_000.0], &rates).unwrap();
                for wage in (1..80).map(|i| 1.5 * f64::from(i)) {
                    let rebate = 3_000.0;
                    let smooth = best_response(&economy, &schedule, wage, rebate);
                    let labor = friction.labor(&economy, &schedule, wage, rebate, smooth);
                    let best = (0..=10)
                        .map(|k| 10.0 * f64::from(k))
                        .map(|l| economy.utility_of_labor(wage, l, &schedule, rebate))
                        .fold(f64::NEG_INFINITY, f64::max);
                    let got = economy.utility_of_labor(wage, labor, &schedule, rebate);
                    assert!(labor % 10.0 == 0.0 && got == best, "{wage}: {labor}");
                }
            }
        }
    }

    /// A worker moves exactly when the gain exceeds the cost.
    #[test]
    fn small_gains_are_left_where_change_costs() {
        let economy = Economy::default();
        let schedule = Schedule::flat(0.3).unwrap();
        let smooth = best_response(&economy, &schedule, 20.0, 0.0);
        let utility = |l: f64| economy.utility_of_labor(20.0, l, &schedule, 0.0);
        let before = 40.0;
        let gain = utility(smooth) - utility(before);
        for (cost, expected) in [(0.99 * gain, smooth), (1.01 * gain, before)] {
            let friction = Friction {
                adjustment_cost: cost,
                before: Some(before),
                ..Friction::default()
            };
            assert_eq!(
                friction.labor(&economy, &schedule, 20.0, 0.0, smooth),
                expected
            );
        }
    }
}
