//! Rewards: what a planner is after where that is not a welfare function, as plain functions of the
//! outcome of a tax schedule.
//!
//! A [`Reward`] gives a number for a [`Situation`], all that happened under one schedule in one
//! period, and says of which parts the number is made. Some rewards learn from year to year
//! ([`Reward::learn`]); some can only be asked about a few situations, side by side
//! ([`Reward::judge_all`], [`Reward::pointwise`]).
//!
//! | module | subject |
//! |---|---|
//! | [`outcome`] | named numbers of an outcome: incomes by decile, hours, inequality, revenue |
//! | [`basic`] | a welfare function, or one named number of the outcome |
//! | [`learned`] | a preference model as reward |
//! | [`composite`] | a weighted sum of rewards, with credit by group and by bracket |
//! | [`constrained`] | a reward whose proxies are held below their points of usefulness |
//! | [`harmonic`] | a harmonic mean of two goods, which stops early |
//! | [`regularised`] | a reward that counts as far as it is relevant |
//! | [`program`] | reward code, sandboxed, and its refinement |
//! | [`critique`] | criticism in plain words as credit of brackets |
//! | [`principle`] | a judge who follows a principle and sees candidates side by side |
//! | [`follow_up`] | what workers are likely to say next |
//! | [`intrinsic`] | a cheap model distilled online from an expensive judge |
//! | [`voice`] | a language model as judge and speaker of rewards |
//! | [`standards`] | bounds that stakeholders agree on by ballot |

pub mod basic;
pub mod composite;
pub mod constrained;
pub mod critique;
pub mod follow_up;
pub mod harmonic;
pub mod intrinsic;
pub mod learned;
pub mod outcome;
pub mod principle;
pub mod program;
pub mod regularised;
pub mod standards;
pub mod voice;

pub use learned::Learned;
pub use outcome::Situation;

use crate::error::Result;
use std::any::Any;
use std::fmt::Debug;

/// A reward and what it is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// The reward.
    pub total: f64,
    /// Named parts, for the record; what they add up to is the reward's own affair.
    pub parts: Vec<(String, f64)>,
    /// A reward for each worker, where the reward has one.
    pub by_worker: Option<Vec<f64>>,
    /// Credit of each bracket, lowest first, where the reward gives any.
    pub by_bracket: Option<Vec<f64>>,
}

impl Judged {
    /// A number without parts.
    pub fn plain(total: f64) -> Self {
        Judged {
            total,
            ..Judged::default()
        }
    }
}

/// A reward of a planner, higher for better.
pub trait Reward: Any + Debug + Send + Sync {
    /// The reward of a situation.
    ///
    /// # Errors
    /// A reward that cannot be computed, which stops the run.
    fn judge(&self, situation: &Situation) -> Result<Judged>;

    /// Rewards of several situations side by side; those of [`Reward::judge`] one by one unless the
    /// reward compares.
    ///
    /// # Errors
    /// As [`Reward::judge`].
    fn judge_all(&self, situations: &[Situation]) -> Result<Vec<Judged>> {
        situations
            .iter()
            .map(|situation| self.judge(situation))
            .collect()
    }

    /// Whether [`Reward::judge`] is a function of the situation alone and quick, so that a planner
    /// may look for its maximum; else planners choose from a list.
    fn pointwise(&self) -> bool {
        true
    }

    /// Sees a finished tax year: its mean situation and how it was judged.
    ///
    /// # Errors
    /// Learning that fails, which stops the run.
    fn learn(&mut self, _year: &Situation, _judged: &Judged) -> Result<()> {
        Ok(())
    }

    /// Whether [`Reward::learn`] changes what [`Reward::judge`] says, so that a planner looks for the
    /// maximum anew every year.
    fn learns(&self) -> bool {
        false
    }

    /// Whether there is something to pursue already; a reward that is still to be learned has none.
    fn ready(&self) -> bool {
        true
    }

    /// Calls `visit` with each [`Learned`] in it, so that what is learned reaches rewards that are
    /// made of others.
    fn visit_learned(&mut self, _visit: &mut dyn FnMut(&mut Learned)) {}

    /// A copy behind the same interface.
    fn boxed(&self) -> Box<dyn Reward>;
}

impl Clone for Box<dyn Reward> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}
