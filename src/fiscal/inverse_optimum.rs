//! The inverse optimum: which welfare weights would make a schedule the best one?
//!
//! A small rise dτ_k takes m_ik·dτ_k from worker i, with m_ik = clip(z_i − b_k, 0, b_{k+1} − b_k) its
//! income inside bracket k, and gives everybody dR. With g the marginal welfare weights (mean 1) of
//! workers who choose their best hours, dW/dτ_k = λ·(dR/dτ_k − mean g_i·m_ik). Where that is 0, the
//! average weight of the income in the bracket is
//!
//! ḡ_k = (dR/dτ_k) / M_k, M_k = mean m_ik,
//!
//! that is 1/MVPF_k with the rebate's own effect on hours counted. Weights above 1 call for lower
//! rates than a planner without a taste for equality would set; a weight below 0 says that the rate
//! is beyond its revenue maximum. Source: Bourguignon and Spadaro (2012); the same idea as Christiansen
//! and Jansen (1978). Hendren (2020) weighs surplus by such weights.

use crate::fiscal::burden::{Rebating, marginal_rates};
use crate::fiscal::{Objective, Outcome, Schedule, Society};

/// The weight of the income in one bracket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BracketWeight {
    /// Bracket from 0.
    pub bracket: usize,
    /// Mean income inside the bracket M_k, $/year per worker.
    pub base: f64,
    /// ḡ_k = (dR/dτ_k)/M_k that the schedule implies, 1 being the average person's; NaN where nobody
    /// has income in the bracket.
    pub implied: f64,
    /// mean(g·m)/M_k of an objective's own marginal weights; NaN where these are not defined.
    pub own: f64,
}

impl BracketWeight {
    /// `implied` − `own` = (dW/dτ_k)/(λ·M_k): what a rise of the rate would gain in the objective's
    /// eyes, in $ for each dollar taken. 0 at the optimum, but at a bound of the rate, and in a
    /// finite population between the one-sided derivatives at a point where workers enter a kink.
    pub fn gap(&self) -> f64 {
        self.implied - self.own
    }
}

/// Weights by bracket that make `schedule` satisfy the first-order conditions, beside those of
/// `objective`; `outcome` is the schedule's, `step` that of the central difference (see
/// [`step`](crate::fiscal::burden::step)).
///
/// Exact up to the step's error for rational workers and objectives that judge outcomes. For
/// [`Objective::InverseIncome`], whose weights move with incomes, and for workers who do not choose
/// their best hours, `gap` is not dW/dτ_k.
pub fn implied_weights(
    society: &Society,
    schedule: &Schedule,
    outcome: &Outcome,
    objective: &Objective,
    step: f64,
) -> Vec<BracketWeight> {
    let weights =
        objective.marginal_weights(society.economy(), &outcome.allocation(society.wage()));
    marginal_rates(society, schedule, outcome, Rebating::Balanced, step)
        .into_iter()
        .map(|slope| {
            let k = slope.bracket;
            let (lower, upper) = (schedule.edges()[k], schedule.upper(k));
            let inside = |z: f64| (z - lower).clamp(0.0, upper - lower);
            let weighted: f64 = (outcome.income.iter().zip(&weights))
                .map(|(&z, g)| g * inside(z))
                .sum::<f64>()
                / society.len() as f64;
            let per_base = |amount: f64| match slope.mechanical > 0.0 {
                true => amount / slope.mechanical,
                false => f64::NAN,
            };
            BracketWeight {
                bracket: k,
                base: slope.mechanical,
                implied: per_base(slope.revenue),
                own: per_base(weighted),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::burden::{STEP, step};
    use crate::fiscal::optimum::{Effort, optimum};
    use crate::fiscal::{Economy, Utility, laws};
    use statrs::distribution::{ContinuousCDF, LogNormal};

    fn lognormal(economy: Economy, n: u32) -> Society {
        let distribution = LogNormal::new(3.0, 0.6).unwrap();
        let wage = (0..n)
            .map(|i| distribution.inverse_cdf((f64::from(i) + 0.5) / f64::from(n)))
            .collect();
        Society::rational(economy, wage)
    }

    fn isoelastic() -> Economy {
        Economy {
            utility: Utility::Isoelastic {
                eta: 1.0,
                consumption_unit: 1000.0,
            },
            labor_cost: 1e-6,
            ..Economy::default()
        }
    }

    /// A flat tax with constant elasticity: ḡ = 1 − e·t/(1−t); Saez's linear rate (1−ḡ)/(1−ḡ+e)
    /// solved for ḡ.
    #[test]
    fn weights_of_a_flat_tax() {
        let society = Society::rational(Economy::default(), vec![5.0, 10.0, 15.0]);
        for t in [0.1, 0.4, 0.75] {
            let schedule = Schedule::flat(t).unwrap();
            let outcome = society.outcome(&schedule);
            let found =
                implied_weights(&society, &schedule, &outcome, &Objective::Utilitarian, STEP);
            let expected = 1.0 - 0.4 * t / (1.0 - t);
            assert!((found[0].implied - expected).abs() < 1e-5, "{found:?}");
            assert!((found[0].own - 1.0).abs() < 1e-12);
        }
    }

    /// At any schedule and with income effects: implied − own weight = (dW/dτ_k)/(λ·M_k), W itself
    /// differentiated.
    #[test]
    fn gaps_are_derivatives_of_welfare() {
        let objectives = [
            Objective::InverseWage,
            Objective::Isoelastic { gamma: 1.0 },
            Objective::Rank,
        ];
        for economy in [Economy::default(), isoelastic()] {
            let society = lognormal(economy, 1_000);
            let law = laws::find("us-2024").unwrap();
            let outcome = society.outcome(law);
            for objective in &objectives {
                let found = implied_weights(&society, law, &outcome, objective, STEP);
                // λ: W of a dollar more for everybody at unchanged hours.
                let richer = |dollars: f64| {
                    let disposable: Vec<f64> =
                        outcome.disposable.iter().map(|c| c + dollars).collect();
                    let mut utility = vec![0.0; society.len()];
                    economy.utility_of_many(&disposable, &outcome.labor, &mut utility);
                    let allocation = crate::fiscal::Allocation {
                        disposable: &disposable,
                        utility: &utility,
                        ..outcome.allocation(society.wage())
                    };
                    objective.welfare(&economy, &allocation)
                };
                let lambda = 0.5 * (richer(1.0) - richer(-1.0));
                for weight in found.iter().filter(|w| w.base > 50.0) {
                    let welfare = |h: f64| {
                        let mut rates = law.rates().to_vec();
                        rates[weight.bracket] += h;
                        society.welfare(&law.reform(&rates), objective)
                    };
                    let slope = (welfare(STEP) - welfare(-STEP)) / (2.0 * STEP);
                    let expected = slope / (lambda * weight.base);
                    assert!(
                        (weight.gap() - expected).abs() < 2e-3,
                        "{objective:?} {weight:?} {expected}"
                    );
                }
            }
        }
    }

    /// At the computed optimum the schedule implies the objective's own weights.
    #[test]
    fn the_optimum_implies_its_objectives_weights() {
        let edges = [0.0, 20_000.0, 60_000.0];
        let effort = Effort {
            random_starts: 4,
            polished: 2,
            ..Effort::default()
        };
        for (economy, objective) in [
            (Economy::default(), Objective::InverseWage),
            (Economy::default(), Objective::Atkinson { epsilon: 1.0 }),
            (isoelastic(), Objective::Utilitarian),
        ] {
            let n = if economy == isoelastic() {
                1_000
            } else {
                4_000
            };
            let society = lognormal(economy, n as u32);
            let found = optimum(&society, &edges, &objective, &[], false, effort);
            let outcome = society.outcome(&found.schedule);
            let weights = implied_weights(&society, &found.schedule, &outcome, &objective, step(n));
            for weight in &weights {
                let rate = found.schedule.rates()[weight.bracket];
                assert!(rate > 0.01 && rate < 0.99, "at a bound: {}", found.schedule);
                assert!(
                    weight.gap().abs() < 0.01,
                    "{objective:?} {} {weight:?}",
                    found.schedule
                );
            }
        }
    }
}
