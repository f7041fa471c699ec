//! Saez's optimal rates from sufficient statistics, in three honest variants.
//!
//! For a bracket [b_k, b_{k+1}), with m_i = clip(z_i − b_k, 0, b_{k+1} − b_k) the income of
//! worker i inside it, M = Σ m_i, Ḡ = Σ g_i m_i / M (marginal welfare weights g with mean 1) and
//! Z = Σ z_i over the workers whose income lies in the bracket,
//!
//! τ_k = (1 − Ḡ) / (1 − Ḡ + e·Z/M).
//!
//! It equates the mechanical gain M(1 − Ḡ) of a higher rate with the revenue lost by behaviour,
//! e·Z·τ/(1−τ), without income effects. In the open top bracket Z/M is the Pareto parameter a,
//! and the formula is that of Saez (2001) without income effects: τ = (1−ḡ)/(1−ḡ+a·e).
//!
//! * **static** ([`bracket_rates`]): e given, incomes and weights as observed under the current schedule.
//! * **fixed-point** ([`fixed_point`]): rates, best responses and weights iterated until they agree.
//! * **estimated** ([`estimate_elasticity`]): e measured on the workers themselves by a small reform.

use crate::error::{Error, Result};
use crate::fiscal::{Objective, Outcome, Schedule, Society};

/// Rates by the formula and what had to be said about them.
#[derive(Clone, Debug, PartialEq)]
pub struct BracketRates {
    /// One for each bracket, fractions.
    pub rates: Vec<f64>,
    /// Empty brackets and negative rates that were set to zero.
    pub notes: Vec<String>,
}

/// Top-bracket optimum with income effects: (1−g)/(1−g+ζu+ζc(a−1)), a fraction.
///
/// `weight` g on top incomes, uncompensated elasticity ζu, compensated ζc, Pareto parameter a.
/// Source: Saez (2001), section 3.
pub fn top_rate(weight: f64, uncompensated: f64, compensated: f64, pareto: f64) -> f64 {
    let gain = 1.0 - weight;
    gain / (gain + uncompensated + compensated * (pareto - 1.0))
}

/// Revenue-maximising linear rate 1/(1+e), a fraction; with mean-weighted ḡ, (1−ḡ)/(1−ḡ+e).
///
/// Source: Saez (2001), section 3; Piketty & Saez (2013), equation 3.
pub fn linear_rate(weight: f64, elasticity: f64) -> f64 {
    (1.0 - weight) / (1.0 - weight + elasticity)
}

/// Whether marginal welfare weights say anything: none is NaN.
pub fn are_defined(weight: &[f64]) -> bool {
    weight.iter().all(|g| g.is_finite())
}

/// What to say where they do not.
pub const NO_WEIGHTS: &str =
    "no worker has a positive welfare weight here, so Saez's formula has no solution";

/// The bracket formula on observed incomes ($/year) and weights (mean 1).
///
/// A bracket without income takes the rate of its lower neighbour (the lowest takes zero), a
/// negative rate is set to zero unless `allow_subsidy`, and a bracket in which nobody's income ends
/// costs no work and gets 100 % or 0 %; each is noted. Workers at a kink (within 1e-9 relative)
/// belong to the bracket above it.
pub fn bracket_rates(
    edges: &[f64],
    income: &[f64],
    weight: &[f64],
    elasticity: f64,
    allow_subsidy: bool,
) -> BracketRates {
    let mut rates: Vec<f64> = Vec::with_capacity(edges.len());
    let mut notes = Vec::new();
    for (k, &lower) in edges.iter().enumerate() {
        let upper = edges.get(k + 1).copied().unwrap_or(f64::INFINITY);
        let (mut inside, mut weighted, mut total) = (0.0, 0.0, 0.0);
        for (&z, &g) in income.iter().zip(weight) {
            let m = (z - lower).clamp(0.0, upper - lower);
            inside += m;
            weighted += g * m;
            if (lower * (1.0 - 1e-9)..upper * (1.0 - 1e-9)).contains(&z) {
                total += z;
            }
        }
        let number = k + 1;
        if inside <= 0.0 {
            let rate = rates.last().copied().unwrap_or(0.0);
            notes.push(format!(
                "bracket {number} is empty and takes its lower neighbour's rate"
            ));
            rates.push(rate);
            continue;
        }
        let gain = 1.0 - weighted / inside;
        let loss = elasticity * total / inside;
        // Nobody at the margin: no behavioural cost, so all or nothing.
        if loss == 0.0 {
            notes.push(format!(
                "nobody's income ends in bracket {number}, so its rate costs no work"
            ));
        }
        let rate = if loss == 0.0 {
            if gain > 0.0 { 1.0 } else { 0.0 }
        } else {
            gain / (gain + loss)
        };
        let low = if allow_subsidy { -1.0 } else { 0.0 };
        // gain + loss ≤ 0 with gain < 0 means that an ever larger subsidy would pay.
        let rate = if gain < 0.0 && gain + loss <= 0.0 {
            f64::NEG_INFINITY
        } else {
            rate
        };
        if rate < low {
            notes.push(format!(
                "bracket {number}: the formula asks for a subsidy below {:.0} %; set to that bound",
                100.0 * low
            ));
        }
        rates.push(rate.clamp(low, 1.0));
    }
    BracketRates { rates, notes }
}

/// Result of [`fixed_point`].
#[derive(Clone, Debug)]
pub struct FixedPoint {
    /// The schedule whose own best responses and weights ask for it.
    pub schedule: Schedule,
    /// Iterations used.
    pub iterations: usize,
    /// Largest |formula's rate − rate| over brackets at the end, a fraction.
    pub residual: f64,
    /// Notes of the last application of the formula.
    pub notes: Vec<String>,
}

/// Residual below which the fixed point counts as reached.
pub const FIXED_POINT_TOLERANCE: f64 = 1e-4;

/// Iterates the bracket formula with best responses and marginal weights until they agree.
///
/// Damped: rates move a share of the way to the formula's, a share that shrinks, because a finite
/// population answers in jumps. The iterate with the smallest residual is returned; a residual
/// above [`FIXED_POINT_TOLERANCE`] is noted.
pub fn fixed_point(
    society: &Society,
    start: &Schedule,
    objective: &Objective,
    elasticity: f64,
    allow_subsidy: bool,
) -> FixedPoint {
    const ITERATIONS_MAX: usize = 1500;
    let mut schedule = start.clone();
    let mut outcome = Outcome::default();
    let mut best: Option<FixedPoint> = None;
    for iteration in 1..=ITERATIONS_MAX {
        society.outcome_into(&schedule, &mut outcome);
        let weight =
            objective.marginal_weights(society.economy(), &outcome.allocation(society.wage()));
        if !are_defined(&weight) {
            let mut found = best.unwrap_or(FixedPoint {
                schedule: start.clone(),
                iterations: iteration,
                residual: f64::NAN,
                notes: Vec::new(),
            });
            found.notes.push(format!(
                "{NO_WEIGHTS}: the last schedule that had one is kept"
            ));
            return found;
        }
        let formula = bracket_rates(
            schedule.edges(),
            &outcome.income,
            &weight,
            elasticity,
            allow_subsidy,
        );
        let residual = formula
            .rates
            .iter()
            .zip(schedule.rates())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        if best.as_ref().is_none_or(|b| residual < b.residual) {
            best = Some(FixedPoint {
                schedule: schedule.clone(),
                iterations: iteration,
                residual,
                notes: formula.notes,
            });
        }
        if residual < 1e-9 {
            break;
        }
        let share = 0.5 / (1.0 + iteration as f64 / 60.0);
        let rates: Vec<f64> = schedule
            .rates()
            .iter()
            .zip(&formula.rates)
            .map(|(old, new)| old + share * (new - old))
            .collect();
        schedule = schedule.reform(&rates);
    }
    let mut best = best.expect("at least one iteration");
    if best.residual > FIXED_POINT_TOLERANCE {
        best.notes.push(format!(
            "the Saez fixed point was reached only to within {:.2} points (workers jump between brackets)",
            100.0 * best.residual
        ));
    }
    best
}

/// An elasticity measured on the workers themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElasticityEstimate {
    /// ê = Σ z_i Δln z_i / (Σ z_i · Δln(1−τ)).
    pub elasticity: f64,
    /// Standard error over workers.
    pub standard_error: f64,
    /// Workers used.
    pub workers: usize,
    /// Workers left out because they earned nothing before or after.
    pub without_income: usize,
}

/// Elasticity of income with respect to the net-of-tax rate from a reform that multiplies every
/// net-of-tax rate 1−τ by `net_ratio`.
///
/// ê is the income-weighted mean of Δln z_i over Δln(1−τ) = ln `net_ratio`; its standard error is
/// that of a ratio of means (linearised). `None` when fewer than two workers have income both
/// before and after. The sign is whatever it is.
pub fn estimate_elasticity(
    before: &[f64],
    after: &[f64],
    net_ratio: f64,
) -> Option<ElasticityEstimate> {
    let change = net_ratio.ln();
    let pairs: Vec<(f64, f64)> = before
        .iter()
        .zip(after)
        .filter(|(b, a)| **b > 0.0 && **a > 0.0)
        .map(|(&b, &a)| (b, (a / b).ln() / change))
        .collect();
    if pairs.len() < 2 {
        return None;
    }
    let total: f64 = pairs.iter().map(|(z, _)| z).sum();
    let elasticity = pairs.iter().map(|(z, e)| z * e).sum::<f64>() / total;
    let n = pairs.len() as f64;
    let variance: f64 = pairs
        .iter()
        .map(|(z, e)| (z * (e - elasticity)).powi(2))
        .sum::<f64>()
        / (total * total)
        * n
        / (n - 1.0);
    Some(ElasticityEstimate {
        elasticity,
        standard_error: variance.sqrt(),
        workers: pairs.len(),
        without_income: before.len() - pairs.len(),
    })
}

/// Factor of net-of-tax rates in the reform by which the `estimated` variant measures: −5 %.
pub const NET_RATIO: f64 = 0.95;

/// One application of the formula to what a society does under `observed`: the `static` variant
/// with a given elasticity, the `estimated` one with none, which measures it by [`small_reform`].
///
/// # Errors
/// No weights, no estimate or one that is not positive: then the formula has no solution.
pub fn from_observation(
    society: &Society,
    observed: &Schedule,
    objective: &Objective,
    elasticity: Option<f64>,
    allow_subsidy: bool,
) -> Result<(Schedule, Vec<String>)> {
    let unsolved = |why: &str| Err(Error::run(format!("Saez's formula has no solution: {why}")));
    let outcome = society.outcome(observed);
    let allocation = outcome.allocation(society.wage());
    let weights = objective.marginal_weights(society.economy(), &allocation);
    if !are_defined(&weights) {
        return unsolved(NO_WEIGHTS);
    }
    let mut notes = Vec::new();
    let elasticity = match elasticity {
        Some(elasticity) => elasticity,
        None => {
            let after = society.outcome(&small_reform(observed, NET_RATIO));
            match estimate_elasticity(&outcome.income, &after.income, NET_RATIO) {
                Some(found) if found.elasticity > 0.0 => {
                    notes.push(format!(
                        "measured elasticity {:.3} (s.e. {:.3})",
                        found.elasticity, found.standard_error
                    ));
                    found.elasticity
                }
                Some(_) => return unsolved("the measured elasticity is not positive"),
                None => return unsolved("too few workers with income to measure an elasticity"),
            }
        }
    };
    let edges = observed.edges();
    let found = bracket_rates(edges, &outcome.income, &weights, elasticity, allow_subsidy);
    notes.extend(found.notes);
    Ok((Schedule::of_checked(edges.to_vec(), found.rates), notes))
}

/// The small reform of the `estimated` variant: net-of-tax rates of `schedule` times `net_ratio`.
pub fn small_reform(schedule: &Schedule, net_ratio: f64) -> Schedule {
    let rates: Vec<f64> = schedule
        .rates()
        .iter()
        .map(|rate| 1.0 - (1.0 - rate) * net_ratio)
        .collect();
    schedule.reform(&rates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::Economy;

    /// 1/(1+e): Saez (2001) Table 1 / Piketty & Saez (2013): e = .25, .4, .5 → 80, 71.4, 66.7 %.
    #[test]
    fn revenue_maximising_linear_rate() {
        for (e, percent) in [(0.25, 80.0), (0.4, 71.4), (0.5, 66.7)] {
            assert!((100.0 * linear_rate(0.0, e) - percent).abs() < 0.05);
        }
    }

    /// The brute-force Laffer peak of a simulated economy sits at 1/(1+e).
    #[test]
    fn laffer_peak_of_the_simulated_economy() {
        for delta in [5.0, 3.5, 3.0] {
            let economy = Economy {
                labor_exponent: delta,
                ..Economy::default()
            };
            // Wages at which nobody reaches the limit of hours.
            let society = Society::rational(economy, vec![0.001, 0.002, 0.004]);
            let peak = (1..1000)
                .map(|i| f64::from(i) / 1000.0)
                .max_by(|a, b| {
                    let revenue =
                        |rate: f64| society.outcome(&Schedule::flat(rate).unwrap()).rebate;
                    revenue(*a).total_cmp(&revenue(*b))
                })
                .unwrap();
            assert!(
                (peak - linear_rate(0.0, economy.elasticity())).abs() <= 0.001,
                "{peak}"
            );
        }
    }

    /// Saez (2001), Table 2's arithmetic: g = 0, ζu = .2, ζc = .5, a = 2 → 58.8 %.
    #[test]
    fn top_rate_with_income_effects() {
        assert!((top_rate(0.0, 0.2, 0.5, 2.0) - 0.588).abs() < 5e-4);
    }

    /// A single open bracket over everybody is the linear tax: Z/M = 1.
    #[test]
    fn one_bracket_is_the_linear_formula() {
        let income = [10.0, 20.0, 70.0];
        let weight = [2.0, 0.8, 0.2];
        let weighted = (20.0 + 16.0 + 14.0) / 100.0;
        let result = bracket_rates(&[0.0], &income, &weight, 0.4, false);
        assert!((result.rates[0] - linear_rate(weighted, 0.4)).abs() < 1e-15);
        assert!(result.notes.is_empty());
    }

    #[test]
    fn empty_brackets_take_their_lower_neighbour_and_say_so() {
        let result = bracket_rates(&[0.0, 100.0, 200.0], &[50.0, 60.0], &[1.5, 0.5], 0.4, false);
        assert_eq!(result.rates[1], result.rates[0]);
        assert_eq!(result.rates[2], result.rates[0]);
        assert_eq!(result.notes.len(), 2);
        assert!(result.notes[0].contains("bracket 2 is empty"));
    }

    #[test]
    fn negative_rates_are_bounded_and_noted() {
        let result = bracket_rates(&[0.0], &[10.0, 20.0], &[0.2, 1.8], 0.4, false);
        assert_eq!(result.rates, [0.0]);
        assert_eq!(result.notes.len(), 1);
        let result = bracket_rates(&[0.0], &[10.0, 20.0], &[0.8, 1.2], 0.4, true);
        assert!(result.rates[0] < 0.0);
    }

    /// Under quasilinear utility every interior worker answers with e = 1/(δ−1) exactly.
    #[test]
    fn estimated_elasticity_of_rational_workers() {
        let economy = Economy::default();
        let society = Society::rational(economy, vec![10.0, 15.0, 20.0]);
        let schedule = Schedule::flat(0.2).unwrap();
        let before = society.outcome(&schedule);
        let after = society.outcome(&small_reform(&schedule, 0.98));
        let estimate = estimate_elasticity(&before.income, &after.income, 0.98).unwrap();
        assert!((estimate.elasticity - 0.4).abs() < 1e-9, "{estimate:?}");
        assert!(estimate.standard_error < 1e-9);
    }

    /// Against the weighted mean and the delta-method error worked by hand.
    #[test]
    fn estimate_keeps_a_wrong_sign_and_reports_its_error() {
        let ratio = (-0.1f64).exp();
        // Individual elasticities −1 and 1 with weights 100 and 300.
        let before = [100.0, 300.0, 0.0];
        let after = [100.0 * (0.1f64).exp(), 300.0 * (-0.1f64).exp(), 5.0];
        let estimate = estimate_elasticity(&before, &after, ratio).unwrap();
        assert!((estimate.elasticity - 0.5).abs() < 1e-12);
        // residuals −1.5·100 and 0.5·300; ((150² + 150²)/400²)·2
        assert!((estimate.standard_error - (45_000.0f64 / 160_000.0 * 2.0).sqrt()).abs() < 1e-12);
        assert_eq!((estimate.workers, estimate.without_income), (2, 1));
        let wrong = estimate_elasticity(&[1.0, 1.0], &[1.1, 1.1], ratio).unwrap();
        assert!(wrong.elasticity < 0.0);
    }
}
