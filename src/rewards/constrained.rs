//! `constrained`: a reward whose proxies are held below their points of usefulness.

use super::basic::teach;
use super::{Judged, Learned, Reward, Situation};
use crate::error::{Error, Result};
use argmin::core::{CostFunction, Executor, State};
use argmin::solver::neldermead::NelderMead;
use std::cell::RefCell;

/// Multipliers λ ≥ 0 of constraints r_i ≤ θ_i.
#[derive(Clone, Debug, PartialEq)]
pub struct Multipliers {
    /// λ_i, in units of the reward per unit of r_i.
    pub lambda: Vec<f64>,
    /// η_i, in units of λ_i per unit of r_i, above 0.
    pub step: Vec<f64>,
    /// Largest λ_i: above the worth of the constraint, or it cannot hold.
    pub most: Vec<f64>,
}

impl Multipliers {
    /// λ_i ← min(most_i, max(0, λ_i + η_i (r_i − θ_i))): a step of projected gradient ascent on the
    /// dual, whose gradient at the best response to λ is r − θ. Source: Arrow, Hurwicz and Uzawa
    /// (1958).
    pub fn ascend(&mut self, values: &[f64], thresholds: &[f64]) {
        for (k, lambda) in self.lambda.iter_mut().enumerate() {
            let moved = *lambda + self.step[k] * (values[k] - thresholds[k]);
            *lambda = moved.clamp(0.0, self.most[k]);
        }
    }
}

/// One proxy and how far more of it is useful.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// As the record calls it.
    pub name: String,
    /// r_i.
    pub reward: Box<dyn Reward>,
    /// θ_i, in the unit of r_i.
    pub threshold: f64,
}

/// L = r₀ + Σ_i λ_i (θ_i − r_i): the Lagrangian of "the most of r₀ with each proxy r_i at most at the
/// point θ_i up to which more of it means more of what is really wanted". The planner climbs L; after
/// each year λ climbs the other way ([`Multipliers::ascend`]). With r₀ one of the proxies itself, λ = 1
/// is where more of it is worth nothing. A proxy that must be high enough enters with its sign turned.
/// Where r₀ and r_i are not concave in rates, years alternate between schedules on both sides of θ_i and
/// the constraint holds on average.
///
/// Points of usefulness are not known from the proxies: [`best_thresholds`] finds them from true
/// evaluations alone. Source: Moskovitz et al. (2024), "Confronting reward model overoptimization with
/// constrained RLHF", arXiv 2310.04373, with the planner's schedule in place of the language model's
/// answer and `most` in place of their bounded multipliers.
#[derive(Clone, Debug)]
pub struct Constrained {
    /// r₀.
    pub base: Box<dyn Reward>,
    constraints: Vec<Constraint>,
    multipliers: Multipliers,
}

impl Constrained {
    /// With multipliers of 0 at the start; `step` and `most` by constraint.
    ///
    /// # Errors
    /// Constants that are not finite, a step that is not above 0, other numbers of constants than
    /// of constraints.
    pub fn new(
        base: Box<dyn Reward>,
        constraints: Vec<Constraint>,
        step: Vec<f64>,
        most: Vec<f64>,
    ) -> Result<Self> {
        let positive = |all: &[f64]| all.iter().all(|x| x.is_finite() && *x > 0.0);
        let count = constraints.len();
        if step.len() != count || most.len() != count || !positive(&step) || !positive(&most) {
            return Err(Error::input("steps and bounds of multipliers")
                .value(format!("{step:?}, {most:?}"))
                .allowed(format!("{count} numbers above 0 each")));
        }
        if let Some(bad) = constraints.iter().find(|c| !c.threshold.is_finite()) {
            return Err(Error::input(format!("threshold of `{}`", bad.name))
                .value(bad.threshold)
                .allowed("a finite number"));
        }
        Ok(Constrained {
            base,
            multipliers: Multipliers {
                lambda: vec![0.0; count],
                step,
                most,
            },
            constraints,
        })
    }

    /// Multipliers as learned so far.
    pub fn lambda(&self) -> &[f64] {
        &self.multipliers.lambda
    }

    /// Its constraints.
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    fn lagrangian(&self, base: f64, values: &[f64]) -> Judged {
        let mut judged = Judged::plain(base);
        judged.parts.push(("base".to_owned(), base));
        for ((c, value), lambda) in (self.constraints.iter().zip(values)).zip(self.lambda()) {
            let worth = lambda * (c.threshold - value);
            judged.total += worth;
            judged.parts.push((c.name.clone(), worth));
            judged.parts.push((format!("lambda_{}", c.name), *lambda));
        }
        judged
    }

    fn values(&self, situation: &Situation) -> Result<Vec<f64>> {
        (self.constraints.iter())
            .map(|c| Ok(c.reward.judge(situation)?.total))
            .collect()
    }
}

impl Reward for Constrained {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let base = self.base.judge(situation)?.total;
        Ok(self.lagrangian(base, &self.values(situation)?))
    }

    fn judge_all(&self, situations: &[Situation]) -> Result<Vec<Judged>> {
        let mut values = vec![Vec::with_capacity(self.constraints.len()); situations.len()];
        for c in &self.constraints {
            let all = c.reward.judge_all(situations)?;
            (values.iter_mut().zip(all)).for_each(|(v, judged)| v.push(judged.total));
        }
        let base = self.base.judge_all(situations)?;
        Ok((base.iter().zip(&values))
            .map(|(base, values)| self.lagrangian(base.total, values))
            .collect())
    }

    fn pointwise(&self) -> bool {
        self.base.pointwise() && self.constraints.iter().all(|c| c.reward.pointwise())
    }

    fn learn(&mut self, year: &Situation, _: &Judged) -> Result<()> {
        let values = self.values(year)?;
        let thresholds: Vec<f64> = self.constraints.iter().map(|c| c.threshold).collect();
        self.multipliers.ascend(&values, &thresholds);
        teach(&mut self.base, year)?;
        (self.constraints.iter_mut()).try_for_each(|c| teach(&mut c.reward, year))
    }

    fn ready(&self) -> bool {
        self.base.ready() && self.constraints.iter().all(|c| c.reward.ready())
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut Learned)) {
        self.base.visit_learned(visit);
        for c in &mut self.constraints {
            c.reward.visit_learned(visit);
        }
    }

    fn learns(&self) -> bool {
        true
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

#[derive(Default)]
struct Seen {
    best: Option<(Vec<f64>, f64)>,
    failure: Option<Error>,
}

struct Evaluations<'a, F> {
    evaluate: F,
    seen: &'a RefCell<Seen>,
}

impl<F: Fn(&[f64]) -> Result<f64>> CostFunction for Evaluations<'_, F> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, thresholds: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        let mut seen = self.seen.borrow_mut();
        // The simplex can neither order what is no number nor go on after an error.
        let value = match (self.evaluate)(thresholds) {
            Ok(value) if !value.is_nan() => value,
            Ok(_) => f64::NEG_INFINITY,
            Err(error) => {
                seen.failure.get_or_insert(error);
                f64::NEG_INFINITY
            }
        };
        if seen.best.as_ref().is_none_or(|(_, best)| value > *best) {
            seen.best = Some((thresholds.clone(), value));
        }
        Ok(-value)
    }
}

/// The thresholds whose constrained planner does best by `evaluate`, which returns the true value of
/// what a planner reaches under given thresholds, with that value. Nelder and Mead's (1965) simplex
/// from `start` and `start` moved by `spread` in one threshold at a time, for `iterations` steps: no
/// derivative is asked for, and there is none, for the planner lies between.
///
/// # Errors
/// No threshold; an evaluation that fails.
pub fn best_thresholds(
    start: &[f64],
    spread: &[f64],
    iterations: u64,
    evaluate: impl Fn(&[f64]) -> Result<f64>,
) -> Result<(Vec<f64>, f64)> {
    if start.is_empty() || start.len() != spread.len() {
        return Err(Error::input("a search for no thresholds")
            .value(format!("{} starts, {} spreads", start.len(), spread.len()))
            .allowed("at least one of each, equally many"));
    }
    let mut simplex = vec![start.to_vec()];
    for (k, step) in spread.iter().enumerate() {
        let mut vertex = start.to_vec();
        vertex[k] += step;
        simplex.push(vertex);
    }
    let seen = RefCell::new(Seen::default());
    let problem = Evaluations {
        evaluate,
        seen: &seen,
    };
    Executor::new(problem, NelderMead::new(simplex))
        .configure(|state| state.max_iters(iterations))
        .run()
        .map(|found| found.state().get_iter())
        .map_err(|error| Error::run(format!("search for thresholds: {error}")))?;
    let seen = seen.into_inner();
    match (seen.failure, seen.best) {
        (Some(error), _) => Err(error.context("search for thresholds")),
        (None, Some(best)) => Ok(best),
        (None, None) => Err(Error::run("a search for thresholds that evaluated nothing")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::basic::fixture::{made, society};
    use super::super::basic::{Good, Number, Welfare};
    use super::*;
    use crate::fiscal::{Objective, Schedule, Society};

    /// max 3x + 2y s.t. x + y ≤ 4 and x ≤ 2 on [0, 5]²: by hand x = y = 2, where the first constraint
    /// is worth 2 and the second 3 − 2 = 1. The best response to λ is a corner; its mean and that of
    /// λ over the ascent go to the solution at a rate of 1/√steps.
    #[test]
    fn small_linear_programme_by_hand() {
        let mut multipliers = Multipliers {
            lambda: vec![0.0; 2],
            step: vec![0.01; 2],
            most: vec![10.0; 2],
        };
        let steps = 20_000;
        let mut means = [0.0; 4];
        for _ in 0..steps {
            let [a, b] = [multipliers.lambda[0], multipliers.lambda[1]];
            let corner = |slope: f64| if slope > 0.0 { 5.0 } else { 0.0 };
            let (x, y) = (corner(3.0 - a - b), corner(2.0 - a));
            multipliers.ascend(&[x + y, x], &[4.0, 2.0]);
            for (mean, value) in means.iter_mut().zip([x, y, a, b]) {
                *mean += value / f64::from(steps);
            }
        }
        for (mean, expected) in means.iter().zip([2.0, 2.0, 2.0, 1.0]) {
            assert!((mean - expected).abs() < 0.02, "{means:?}");
        }
    }

    fn proxy() -> Box<dyn Reward> {
        // Points of equality: 100·(1 − Gini).
        Good {
            reward: Number::new("gini_disposable").unwrap().boxed(),
            zero: 1.0,
            unit: -0.01,
        }
        .boxed()
    }

    fn truth() -> Welfare {
        Welfare {
            objective: Objective::InverseWage,
        }
    }

    /// True welfare, year by year, of a planner that climbs `reward` by a point of a flat rate.
    fn curve(society: &Society, mut reward: Box<dyn Reward>, years: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut rate, mut welfare, mut equality) = (0.0f64, Vec::new(), Vec::new());
        for _ in 0..years {
            let total = |rate: f64| {
                let year = made(society, &Schedule::flat(rate).unwrap());
                reward.judge(&year.situation()).unwrap().total
            };
            let moves = [(rate - 0.01).max(0.0), rate, (rate + 0.01).min(1.0)];
            rate = (moves.into_iter()).fold(
                rate,
                |best, x| if total(x) > total(best) { x } else { best },
            );
            let year = made(society, &Schedule::flat(rate).unwrap());
            let situation = year.situation();
            let judged = reward.judge(&situation).unwrap();
            reward.learn(&situation, &judged).unwrap();
            welfare.push(truth().judge(&situation).unwrap().total);
            equality.push(proxy().judge(&situation).unwrap().total);
        }
        (welfare, equality)
    }

    fn constrained(threshold: f64) -> Box<dyn Reward> {
        let constraint = Constraint {
            name: "equality".into(),
            reward: proxy(),
            threshold,
        };
        let reward = Constrained::new(proxy(), vec![constraint], vec![0.2], vec![10.0]);
        reward.unwrap().boxed()
    }

    /// Equality as a proxy of welfare: more of it is better up to a point. A planner that climbs the
    /// proxy goes past it, and true welfare turns down to less than without any tax; with the
    /// constraint at the point that the derivative-free search finds, it holds within 1 % of the
    /// best, which a scan over rates says.
    #[test]
    fn over_optimisation_turns_without_the_constraint_and_holds_with_it() {
        let society = society(40);
        let best = (0..=100)
            .map(|k| {
                let year = made(&society, &Schedule::flat(f64::from(k) / 100.0).unwrap());
                truth().judge(&year.situation()).unwrap().total
            })
            .fold(f64::NEG_INFINITY, f64::max);
        let (free, equality) = curve(&society, proxy(), 120);
        let peak = free.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let last = free[free.len() - 1];
        assert!(peak > free[0] && (peak / best - 1.0).abs() < 1e-12);
        assert!(last < 0.5 * peak, "{last} after {peak}");
        assert!(equality.windows(2).all(|pair| pair[1] >= pair[0]));

        let mean_of_late = |threshold: f64| {
            let (welfare, _) = curve(&society, constrained(threshold), 120);
            welfare[60..].iter().sum::<f64>() / 60.0
        };
        let (threshold, found) =
            best_thresholds(&[equality[0] + 1.0], &[5.0], 12, |t| Ok(mean_of_late(t[0]))).unwrap();
        assert!(found > 0.99 * best, "{found} of {best} at {threshold:?}");
        let (held, _) = curve(&society, constrained(threshold[0]), 120);
        let lowest = held[60..].iter().copied().fold(f64::INFINITY, f64::min);
        assert!(lowest > 0.97 * best, "{lowest} of {best}");
    }

    /// (θ₁ − 3)² + 10·(θ₂ + 1)² is least at (3, −1).
    #[test]
    fn search_without_derivatives() {
        let bowl = |t: &[f64]| Ok(-(t[0] - 3.0).powi(2) - 10.0 * (t[1] + 1.0).powi(2));
        let (at, value) = best_thresholds(&[0.0, 0.0], &[1.0, 1.0], 80, bowl).unwrap();
        assert!(
            (at[0] - 3.0).abs() < 1e-3 && (at[1] + 1.0).abs() < 1e-3,
            "{at:?}"
        );
        assert!(value > -1e-5);
        let fails = |_: &[f64]| Err(Error::run("no"));
        assert!(best_thresholds(&[0.0], &[1.0], 5, fails).is_err());
        assert!(best_thresholds(&[], &[], 5, bowl).is_err());
    }
}
