//! The one fitting loop: a smooth loss, its gradient, and L-BFGS.

use crate::error::{Error, Result};
use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use std::cell::RefCell;

/// A smooth function of parameters.
pub trait Loss {
    /// The value at `parameters`; writes its gradient into `gradient`, which comes filled with
    /// zeros and as long as `parameters`.
    fn value(&self, parameters: &[f64], gradient: &mut [f64]) -> f64;
}

impl<F: Fn(&[f64], &mut [f64]) -> f64> Loss for F {
    fn value(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        self(parameters, gradient)
    }
}

/// A place where a loss is least, or stopped falling.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    /// Where.
    pub parameters: Vec<f64>,
    /// The loss there.
    pub value: f64,
    /// Length of the gradient there.
    pub gradient_norm: f64,
    /// Iterations of L-BFGS.
    pub iterations: u64,
}

/// Steps that L-BFGS remembers: more than its usual 5 to 20, as features of one outcome (incomes by decile, a
/// Gini coefficient) nearly say the same, and a model has a few dozen parameters.
const MEMORY: usize = 30;

/// Iterations after which a fit counts as failed to settle.
pub const ITERATIONS_MAX: u64 = 10_000;

/// Length of the gradient, relative to 1 + |loss at the start|, below which a fit has settled.
pub const SETTLED: f64 = 1e-9;

/// A gradient as short as this, relative to the same, is taken where no lower point is found any
/// more, for rounding; not where a fit merely takes too long.
const SETTLED_BUT_FOR_ROUNDING: f64 = 1e-5;

/// A gradient as short as this, relative to the same, is taken of a fit that takes too long: with N
/// comparisons it is about N·10⁻⁶, where other answers of the same raters move it by √N/2.
const SETTLED_WHEN_CUT_OFF: f64 = 1e-6;

/// Times in a row that a value or gradient is asked for without a lower value after which none is
/// looked for any more: the line search itself would look for ever where rounding hides all descent.
const STALLED: u32 = 80;

/// Times that a value or gradient is asked for after which a fit is given up.
const ASKED_MAX: u32 = 100_000;

#[derive(Default)]
struct Seen {
    at: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    best: Vec<f64>,
    best_value: f64,
    best_gradient: Vec<f64>,
    asked: u32,
    since_best: u32,
}

struct Problem<'a, L: Loss> {
    loss: &'a L,
    /// What values and gradients are divided by, so that the first step, along the gradient, has at
    /// most length 1.
    unit: f64,
    seen: RefCell<Seen>,
}

impl<L: Loss> Problem<'_, L> {
    /// Value and gradient are computed together and asked for one after the other.
    fn look(&self, parameters: &[f64]) -> std::result::Result<(), argmin::core::Error> {
        let seen = &mut *self.seen.borrow_mut();
        seen.asked += 1;
        seen.since_best += 1;
        if seen.since_best > STALLED || seen.asked > ASKED_MAX {
            return Err(argmin::core::Error::msg("no lower value"));
        }
        if seen.at == parameters && !seen.gradient.is_empty() {
            return Ok(());
        }
        seen.at = parameters.to_vec();
        seen.gradient = vec![0.0; parameters.len()];
        seen.value = self.loss.value(parameters, &mut seen.gradient);
        if !seen.value.is_finite() && !seen.best.is_empty() {
            return Err(argmin::core::Error::msg("the loss is not finite"));
        }
        if seen.best.is_empty() || seen.value < seen.best_value {
            seen.best = seen.at.clone();
            seen.best_value = seen.value;
            seen.best_gradient = seen.gradient.clone();
            seen.since_best = 0;
        }
        Ok(())
    }
}

impl<L: Loss> CostFunction for &Problem<'_, L> {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, parameters: &Vec<f64>) -> std::result::Result<f64, argmin::core::Error> {
        self.look(parameters)?;
        Ok(self.seen.borrow().value / self.unit)
    }
}

impl<L: Loss> Gradient for &Problem<'_, L> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;
    fn gradient(
        &self,
        parameters: &Vec<f64>,
    ) -> std::result::Result<Vec<f64>, argmin::core::Error> {
        self.look(parameters)?;
        Ok((self.seen.borrow().gradient.iter())
            .map(|g| g / self.unit)
            .collect())
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Minimises a loss from `start` by L-BFGS (memory 10, Moré–Thuente line search; Nocedal and Wright
/// 2006, algorithm 7.5) until ‖∇‖ ≤ [`SETTLED`]·(1 + |loss at the start|), or as far as rounding lets it.
///
/// # Errors
/// A loss that is not finite at the start; no settling within [`ITERATIONS_MAX`] iterations and
/// 100,000 evaluations.
pub fn minimise(loss: &impl Loss, start: Vec<f64>) -> Result<Minimum> {
    let mut problem = Problem {
        loss,
        unit: 1.0,
        seen: RefCell::default(),
    };
    let failed = |error: argmin::core::Error| Error::run(format!("fitting: {error}"));
    problem.look(&start).map_err(failed)?;
    let (value, length) = {
        let seen = problem.seen.borrow();
        (seen.value, norm(&seen.gradient))
    };
    if !value.is_finite() || !length.is_finite() {
        return Err(Error::run(
            "the loss of a preference model is not finite at its start",
        ));
    }
    let (mut iterations, mut cut_off) = (0, false);
    let scale = 1.0 + value.abs();
    if length > SETTLED * scale {
        problem.unit = length.max(1.0);
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(SETTLED * scale / problem.unit)
            .and_then(|solver| solver.with_tolerance_cost(0.0))
            .map_err(failed)?;
        let result = Executor::new(&problem, solver)
            .configure(|state| state.param(start).max_iters(ITERATIONS_MAX))
            .run();
        // The line search gives up with an error where rounding hides any descent: what was found
        // until then is judged by its gradient below.
        if let Ok(found) = result {
            iterations = found.state().get_iter();
            cut_off = iterations >= ITERATIONS_MAX;
        }
    }
    let seen = problem.seen.into_inner();
    cut_off |= seen.asked > ASKED_MAX;
    let minimum = Minimum {
        gradient_norm: norm(&seen.best_gradient),
        parameters: seen.best,
        value: seen.best_value,
        iterations,
    };
    let enough = if cut_off {
        SETTLED_WHEN_CUT_OFF
    } else {
        SETTLED_BUT_FOR_ROUNDING
    };
    if minimum.gradient_norm <= enough * scale {
        return Ok(minimum);
    }
    Err(Error::run(format!(
        "a preference model did not settle: gradient {:.1e} at loss {:.4} after {iterations} iterations",
        minimum.gradient_norm, minimum.value
    )))
}

/// The lowest of the minima found from several starts, of equal ones the first; starts that do not
/// settle are left out.
///
/// # Errors
/// The first start's error where none settles.
pub fn best_of_starts(loss: &impl Loss, starts: Vec<Vec<f64>>) -> Result<Minimum> {
    let mut best: Option<Minimum> = None;
    let mut failure = None;
    for start in starts {
        match minimise(loss, start) {
            Ok(found) if best.as_ref().is_none_or(|b| found.value < b.value) => best = Some(found),
            Ok(_) => {}
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    match (best, failure) {
        (Some(best), _) => Ok(best),
        (None, Some(error)) => Err(error),
        (None, None) => Err(Error::run("a fit without a start")),
    }
}

/// σ(x) = 1/(1 + e⁻ˣ).
pub fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// ln σ(x), without overflow.
pub fn log_logistic(x: f64) -> f64 {
    if x >= 0.0 {
        -(-x).exp().ln_1p()
    } else {
        x - x.exp().ln_1p()
    }
}

/// ½·ridge·‖θ‖² added to `gradient` and returned.
pub fn ridge(ridge: f64, parameters: &[f64], gradient: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (p, g) in parameters.iter().zip(gradient) {
        sum += p * p;
        *g += ridge * p;
    }
    0.5 * ridge * sum
}

/// Largest relative difference between a loss's gradient at `at` and central differences of its
/// value: what every model's test asserts to be small.
#[cfg(test)]
pub fn gradient_error(loss: &impl Loss, at: &[f64]) -> f64 {
    let mut gradient = vec![0.0; at.len()];
    loss.value(at, &mut gradient);
    let mut worst: f64 = 0.0;
    for k in 0..at.len() {
        let step = 1e-5 * (1.0 + at[k].abs());
        let value = |x: f64| {
            let mut moved = at.to_vec();
            moved[k] = x;
            loss.value(&moved, &mut vec![0.0; at.len()])
        };
        let slope = (value(at[k] + step) - value(at[k] - step)) / (2.0 * step);
        worst = worst.max((slope - gradient[k]).abs() / (1.0 + slope.abs()));
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley, whose minimum is at (1, 1).
    #[test]
    fn rosenbrock() {
        let valley = |x: &[f64], g: &mut [f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            g[0] = -2.0 * a - 400.0 * x[0] * b;
            g[1] = 200.0 * b;
            a * a + 100.0 * b * b
        };
        assert!(gradient_error(&valley, &[0.3, -0.7]) < 1e-7);
        let found = minimise(&valley, vec![-1.2, 1.0]).unwrap();
        assert!(
            (found.parameters[0] - 1.0).abs() < 1e-7 && (found.parameters[1] - 1.0).abs() < 1e-7
        );
    }

    #[test]
    fn a_loss_that_never_settles_is_an_error() {
        let falls = |x: &[f64], g: &mut [f64]| {
            g[0] = -1.0;
            -x[0]
        };
        assert!(minimise(&falls, vec![0.0]).is_err());
        let broken = |_: &[f64], _: &mut [f64]| f64::NAN;
        assert!(minimise(&broken, vec![0.0]).is_err());
    }

    #[test]
    fn logistic_in_both_tails() {
        assert_eq!(logistic(0.0), 0.5);
        assert!((logistic(3.0) + logistic(-3.0) - 1.0).abs() < 1e-15);
        assert!((log_logistic(-800.0) + 800.0).abs() < 1e-9);
        assert!(log_logistic(800.0).abs() < 1e-300);
        assert!((log_logistic(1.3) - logistic(1.3).ln()).abs() < 1e-14);
    }
}
