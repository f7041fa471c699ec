//! A pattern search over bracket rates that minimises a function of all regrets.

use super::{ObjectiveSet, Stakes};
use crate::fiscal::optimum::Constraints;
use crate::fiscal::{Outcome, Schedule, Society, inequality};
use rand::{Rng, RngExt};

/// Who answers which schedules, and how they are judged.
pub(super) struct Ground<'a> {
    pub set: &'a ObjectiveSet,
    pub society: &'a Society,
    pub edges: &'a [f64],
    /// Bounds of the rates.
    pub constraints: &'a Constraints,
    pub stakes: Stakes,
}

impl Ground<'_> {
    pub fn schedule(&self, rates: &[f64]) -> Schedule {
        Schedule::of_checked(self.edges.to_vec(), rates.to_vec())
    }

    /// Regret under each objective; infinite where workers and budget have no equilibrium.
    fn regret(&self, rates: &[f64], outcome: &mut Outcome) -> Vec<f64> {
        self.society.outcome_into(&self.schedule(rates), outcome);
        let scale = inequality::mean(&outcome.income).max(1.0);
        let tolerance = self.society.equilibrium_tolerance();
        let equilibrium = outcome.rebate_gap <= tolerance * scale && outcome.settled;
        let allocation = outcome.allocation(self.society.wage());
        let economy = self.society.economy();
        let objectives = self.set.objectives();
        let welfare: Vec<f64> = objectives
            .iter()
            .map(|o| o.welfare(economy, &allocation))
            .collect();
        let mut regret = self.stakes.regret(&welfare);
        if !equilibrium || regret.iter().any(|r| r.is_nan()) {
            regret.fill(f64::INFINITY);
        }
        regret
    }
}

/// What a descent minimises, of the regrets r_k.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss<'a> {
    /// Σ_k λ_k r_k.
    Sum(&'a [f64]),
    /// max_k λ_k r_k.
    Worst(&'a [f64]),
    /// (1/β) ln Σ_k exp(β λ_k r_k), which lies at most (ln K)/β above the maximum and has no
    /// ridges: weights λ and sharpness β.
    NearWorst(&'a [f64], f64),
    /// Σ_k r_k among the schedules on which no objective regrets more than given.
    Within(&'a [f64]),
}

impl Loss<'_> {
    pub fn of(&self, regret: &[f64]) -> f64 {
        let weighted = |weight: &[f64]| -> Vec<f64> {
            weight.iter().zip(regret).map(|(l, r)| l * r).collect()
        };
        let highest = |terms: &[f64]| terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self {
            Loss::Sum(weight) => weight
                .iter()
                .zip(regret)
                .filter(|(l, _)| **l > 0.0)
                .map(|(l, r)| l * r)
                .sum(),
            Loss::Worst(weight) => highest(&weighted(weight)),
            Loss::NearWorst(weight, sharpness) => {
                let terms = weighted(weight);
                let top = highest(&terms);
                if !top.is_finite() {
                    return top;
                }
                let sum: f64 = terms.iter().map(|t| (sharpness * (t - top)).exp()).sum();
                top + sum.ln() / sharpness
            }
            Loss::Within(most) => {
                if regret.iter().zip(*most).all(|(r, most)| r <= most) {
                    regret.iter().sum()
                } else {
                    f64::INFINITY
                }
            }
        }
    }
}

/// Where a descent stands.
#[derive(Clone, Debug)]
pub(super) struct Descent {
    pub rates: Vec<f64>,
    pub regret: Vec<f64>,
    pub evaluations: usize,
}

/// Least fall of the loss, a pure number as regrets are, for which a sweep keeps its step.
const LEAST_PROGRESS: f64 = 1e-10;

/// Most evaluations of one descent.
const EVALUATIONS_MAX: usize = 20_000;

impl Descent {
    pub fn at(ground: &Ground, rates: Vec<f64>) -> Self {
        let regret = ground.regret(&rates, &mut Outcome::default());
        Descent {
            rates,
            regret,
            evaluations: 1,
        }
    }

    /// Moves on while the loss falls: along each rate, along random directions (a ridge of the
    /// maximum of several regrets can stop every move along the rates alone), and on in the
    /// direction of progress. The step falls from `step` to `tolerance`.
    pub fn down(
        mut self,
        ground: &Ground,
        loss: Loss,
        step: f64,
        tolerance: f64,
        rng: &mut impl Rng,
    ) -> Self {
        let brackets = self.rates.len();
        let mut outcome = Outcome::default();
        let limit = self.evaluations + EVALUATIONS_MAX;
        let mut lowest = loss.of(&self.regret);
        let mut step = step;
        while step > tolerance && self.evaluations < limit {
            let base = self.rates.clone();
            let before = lowest;
            for k in 0..2 * brackets {
                let direction: Vec<f64> = if k < brackets {
                    (0..brackets).map(|j| f64::from(u8::from(j == k))).collect()
                } else {
                    random_direction(brackets, rng)
                };
                for signed in [step, -step] {
                    if self.try_move(ground, loss, &mut lowest, &mut outcome, |j| {
                        signed * direction[j]
                    }) {
                        break;
                    }
                }
            }
            let progress: Vec<f64> = self.rates.iter().zip(&base).map(|(a, b)| a - b).collect();
            let mut stride = 1.0;
            while progress.iter().any(|d| *d != 0.0)
                && self.try_move(ground, loss, &mut lowest, &mut outcome, |j| {
                    stride * progress[j]
                })
            {
                stride *= 2.0;
            }
            step *= if lowest < before - LEAST_PROGRESS {
                1.2
            } else {
                0.5
            };
        }
        self
    }

    fn try_move(
        &mut self,
        ground: &Ground,
        loss: Loss,
        lowest: &mut f64,
        outcome: &mut Outcome,
        change: impl Fn(usize) -> f64,
    ) -> bool {
        let moved: Vec<f64> = (self.rates.iter().enumerate())
            .map(|(j, rate)| rate + change(j))
            .collect();
        let moved = ground.constraints.nearest(&moved);
        if moved == self.rates {
            return false;
        }
        self.evaluations += 1;
        let regret = ground.regret(&moved, outcome);
        let found = loss.of(&regret);
        let better = found < *lowest;
        if better {
            (self.rates, self.regret, *lowest) = (moved, regret, found);
        }
        better
    }
}

/// A direction with a largest entry of 1, each entry drawn evenly before.
fn random_direction(brackets: usize, rng: &mut impl Rng) -> Vec<f64> {
    let drawn: Vec<f64> = (0..brackets)
        .map(|_| rng.random_range(-1.0..=1.0))
        .collect();
    let largest = drawn.iter().fold(0.0, |a: f64, d| a.max(d.abs()));
    drawn
        .iter()
        .map(|d| d / largest.max(f64::MIN_POSITIVE))
        .collect()
}
