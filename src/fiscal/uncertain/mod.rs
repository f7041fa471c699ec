//! Uncertain objectives: several welfare functions at once, with credences or as a partial order.
//!
//! No single theory of what is good for a population satisfies all of our intuitions: impossibility
//! theorems of population ethics (Parfit 1984; Arrhenius 2000) leave none. Eckersley (2018) turns
//! them into uncertainty theorems: whoever accepts the intuitions must be unsure which objective is
//! right, and should say so, by a partial order or by probabilities over total orders.
//!
//! An [`ObjectiveSet`] is either. Its welfare functions have units of their own; what they are asked
//! together is an order ([`ObjectiveSet::compare`]), or a [`Stakes::regret`] without unit. The
//! schedules to which they together prefer no other are the [`frontier()`].

mod descent;
mod frontier;
mod scalarise;

#[cfg(test)]
mod tests;

pub use frontier::{Effort, Frontier, Point, frontier};

use crate::error::{Error, Result};
use crate::fiscal::{Objective, Schedule, Society};

/// Welfare differences below this, relative to the larger of the two, are rounding: a tie.
pub const TIE: f64 = 1e-9;

/// Several welfare functions of which none is known to be the right one.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectiveSet {
    objectives: Vec<Objective>,
    credence: Option<Vec<f64>>,
}

impl ObjectiveSet {
    /// A partial order: two or more different objectives without credences.
    ///
    /// # Errors
    /// Fewer than two, one twice, or as [`Objective::check`].
    pub fn new(objectives: Vec<Objective>) -> Result<Self> {
        if objectives.len() < 2 {
            return Err(Error::input("too few objectives for a set")
                .value(objectives.len())
                .allowed("two or more; a single one is `objective.welfare`"));
        }
        for (k, objective) in objectives.iter().enumerate() {
            objective.check()?;
            if objectives[..k].contains(objective) {
                return Err(Error::input("this objective twice")
                    .value(objective.name())
                    .allowed("each objective once, or with other parameters"));
            }
        }
        Ok(ObjectiveSet {
            objectives,
            credence: None,
        })
    }

    /// The same objectives with credences p_k ≥ 0, scaled to sum to 1: how probable it is that
    /// objective k is the right one.
    ///
    /// # Errors
    /// Not as many as objectives, one negative or not finite, or all 0.
    pub fn with_credence(mut self, credence: &[f64]) -> Result<Self> {
        let shown = || format!("{credence:?}");
        if credence.len() != self.objectives.len() {
            return Err(
                Error::input("number of credences differs from number of objectives")
                    .value(format!("{} credences", credence.len()))
                    .allowed(format!(
                        "{} credences, one for each objective, or none at all",
                        self.objectives.len()
                    )),
            );
        }
        if let Some(wrong) = credence.iter().find(|p| !(p.is_finite() && **p >= 0.0)) {
            return Err(Error::input("credence out of range")
                .value(wrong)
                .allowed("≥ 0; they are scaled to sum to 1"));
        }
        let sum: f64 = credence.iter().sum();
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(Error::input("credences")
                .value(shown())
                .allowed("one above 0"));
        }
        // What already sums to 1 stays as it is, so that a written set reads back equal.
        let scale = if (sum - 1.0).abs() <= 1e-12 { 1.0 } else { sum };
        self.credence = Some(credence.iter().map(|p| p / scale).collect());
        Ok(self)
    }

    /// The welfare functions W_k.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// Credences p_k by objective, which sum to 1; `None` of a partial order.
    pub fn credence(&self) -> Option<&[f64]> {
        self.credence.as_deref()
    }

    /// Names of the objectives, with the parameter where two share a name: `atkinson-0.5`.
    pub fn labels(&self) -> Vec<String> {
        let shares = |name: &str| self.objectives.iter().filter(|o| o.name() == name).count() > 1;
        let label = |objective: &Objective| {
            let name = objective.name();
            let parameter = match objective {
                Objective::Isoelastic { gamma: x }
                | Objective::Atkinson { epsilon: x }
                | Objective::Sufficiency { threshold: x }
                | Objective::Prioritarian { scale: x } => x.to_string(),
                Objective::Pareto { weights } => {
                    let weights: Vec<String> = weights.iter().map(f64::to_string).collect();
                    weights.join("/")
                }
                _ => return name.to_owned(),
            };
            if shares(name) {
                format!("{name}-{parameter}")
            } else {
                name.to_owned()
            }
        };
        self.objectives.iter().map(label).collect()
    }

    /// Welfare of a schedule under each objective, W_k, each in its own unit.
    pub fn welfare(&self, society: &Society, schedule: &Schedule) -> Vec<f64> {
        let outcome = society.outcome(schedule);
        let allocation = outcome.allocation(society.wage());
        self.objectives
            .iter()
            .map(|objective| objective.welfare(society.economy(), &allocation))
            .collect()
    }

    /// How A compares with B, given the welfare of each by objective.
    ///
    /// A is better if no objective ranks it below B and one ranks it above; worse the other way
    /// round; equal if all tie (to [`TIE`]); else undecided: the objectives disagree, or welfare is
    /// not a number. An objective with credence 0 has its say in this order. The probability that
    /// A is better than B is P = Σ_k p_k·(1 if W_k(A) > W_k(B), ½ at a tie, 0 otherwise), so that
    /// P(A, B) + P(B, A) = 1.
    ///
    /// Source: Eckersley (2018), for partial orders and probabilities over total orders.
    pub fn compare(&self, a: &[f64], b: &[f64]) -> Comparison {
        assert!(
            a.len() == self.objectives.len() && b.len() == a.len(),
            "a welfare for each objective"
        );
        let signs: Vec<Option<f64>> = a.iter().zip(b).map(|(a, b)| sign(*a, *b)).collect();
        let any = |wanted: f64| signs.contains(&Some(wanted));
        let verdict = match (any(1.0), any(-1.0)) {
            _ if signs.contains(&None) => Verdict::Undecided,
            (true, true) => Verdict::Undecided,
            (true, false) => Verdict::Better,
            (false, true) => Verdict::Worse,
            (false, false) => Verdict::Equal,
        };
        let probability = self.credence.as_ref().and_then(|credence| {
            let parts = credence.iter().zip(&signs);
            parts.map(|(p, s)| Some(p * (1.0 + (*s)?) / 2.0)).sum()
        });
        Comparison {
            verdict,
            probability,
        }
    }
}

/// 1, 0 or −1 as a is above b, ties with it, or is below; `None` if one is not a number.
fn sign(a: f64, b: f64) -> Option<f64> {
    let tie = a == b || (a - b).abs() <= TIE * a.abs().max(b.abs());
    a.partial_cmp(&b).map(|order| match order {
        _ if tie => 0.0,
        std::cmp::Ordering::Greater => 1.0,
        _ => -1.0,
    })
}

/// What an [`ObjectiveSet`] says of two schedules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// By the partial order.
    pub verdict: Verdict,
    /// That the first is better, 0 to 1; `None` without credences.
    pub probability: Option<f64>,
}

/// The order of two schedules under all objectives at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No objective ranks the first below the second, and one ranks it above.
    Better,
    /// No objective ranks the first above the second, and one ranks it below.
    Worse,
    /// All tie.
    Equal,
    /// The objectives disagree.
    Undecided,
}

impl Verdict {
    /// In lower case, as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Equal => "equal",
            Verdict::Undecided => "undecided",
        }
    }
}

/// What is at stake under each objective: its optimum and a baseline between which regret is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Stakes {
    optimum: Vec<f64>,
    baseline: Vec<f64>,
}

impl Stakes {
    /// Welfare of each objective's own optimum and of the baseline, by objective.
    ///
    /// # Errors
    /// An objective under which the optimum gains nothing on the baseline: its regret has no unit.
    pub fn new(set: &ObjectiveSet, optimum: Vec<f64>, baseline: Vec<f64>) -> Result<Self> {
        for (k, label) in set.labels().iter().enumerate() {
            if sign(optimum[k], baseline[k]) != Some(1.0) || !(optimum[k] - baseline[k]).is_finite()
            {
                return Err(Error::input(format!(
                    "regret under {label} has no unit: its optimum gains nothing on the baseline"
                ))
                .value(format!(
                    "welfare {} at the optimum, {} at the baseline",
                    optimum[k], baseline[k]
                ))
                .allowed(
                    "a baseline that every objective's optimum over these brackets improves on",
                ));
            }
        }
        Ok(Stakes { optimum, baseline })
    }

    /// Welfare of each objective's own optimum.
    pub fn optimum(&self) -> &[f64] {
        &self.optimum
    }

    /// Welfare of the baseline under each objective.
    pub fn baseline(&self) -> &[f64] {
        &self.baseline
    }

    /// Regret r_k(s) = (W_k(o_k) − W_k(s)) / (W_k(o_k) − W_k(b)) of a schedule s with the given
    /// welfare: the share of objective k's attainable gain that s forgoes.
    ///
    /// A pure number: 0 at objective k's own optimum o_k, 1 at the baseline b, above 1 where s is
    /// worse than b, and below 0 only where s has other brackets that are better. It does not change
    /// when W_k is multiplied by a positive number or shifted, but it does when W_k is bent (`nash`
    /// and `isoelastic` with γ = 1 order schedules alike and have different regrets).
    ///
    /// Source: Savage (1951), for regret; the scale is the attainable gain, as `attained` in a run.
    pub fn regret(&self, welfare: &[f64]) -> Vec<f64> {
        let parts = welfare.iter().zip(&self.optimum).zip(&self.baseline);
        parts
            .map(|((w, best), base)| (best - w) / (best - base))
            .collect()
    }
}
