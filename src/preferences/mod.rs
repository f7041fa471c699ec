//! Learning what people want from what they say: comparisons, rankings and ratings in, a model of
//! their preferences out, as plain functions on slices.
//!
//! What is compared are *items*: rows of features, such as the outcome of a tax schedule or that
//! outcome as one worker meets it. Whoever judges is a *rater*. Three data forms ([`Comparison`],
//! [`Ranking`], [`Rating`] in [`Judgements`]), one trait ([`PreferenceModel`]), one fitting loop
//! ([`fit::minimise`]), one report ([`evaluation::evaluate`]).
//!
//! ```
//! use fisc::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
//! use fisc::preferences::models::bradley_terry::BradleyTerry;
//!
//! // Three items with one feature; the more of it, the more often preferred.
//! let items = Items::new(vec!["consumption".into()], vec![0.0, 1.0, 2.0])?;
//! let wins = [(1, 0, 0.75), (2, 1, 0.75)];
//! let comparisons = wins.map(|(a, b, share)| Comparison::new(a, b, share)).to_vec();
//! let mut model = BradleyTerry::default();
//! model.ridge = 1e-9;
//! model.fit(&Judgements::of_comparisons(items, comparisons)?, 0)?;
//! // σ(s) = 0.75 at s = ln 3 per unit of the feature.
//! let score = |x: f64| model.score(&[x], View::default()).expect("scores exist");
//! assert!((score(1.0) - score(0.0) - 3f64.ln()).abs() < 1e-4);
//! # Ok::<(), fisc::Error>(())
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`data`] | items, comparisons, rankings, ratings |
//! | [`distil`] | a small multinomial model that stands in for a large one |
//! | [`fit`] | one optimiser for all models |
//! | [`head`] | scores from features: linear, or with one hidden layer |
//! | [`models`] | the preference models |
//! | [`optimise`] | moving a stochastic policy over schedules |
//! | [`source`] | raters who compare by a known utility |
//! | [`coherence`] | completeness, cycles, lotteries, an assembly's votes |
//! | [`spoken`] | what answers, statements and ballots say about two items |
//! | [`useful`] | which records of the past help a language model |
//! | [`evaluation`] | held-out log-loss, accuracy, calibration |

pub mod coherence;
pub mod data;
pub mod distil;
pub mod evaluation;
pub mod fit;
pub mod head;
pub mod models;
pub mod optimise;
pub mod source;
pub mod spoken;
pub mod useful;

pub use data::{Comparison, Items, Judgements, Ranking, Rating};
pub use evaluation::{Evaluation, effective_number, evaluate};

use crate::error::Result;
use std::fmt::Debug;

/// Whose preferences are meant. `None` of a field is the average over all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The rater.
    pub rater: Option<u32>,
    /// The context in which is judged.
    pub context: Option<u32>,
    /// The aspect that is judged.
    pub aspect: Option<u32>,
}

impl View {
    /// As `rater` sees it.
    pub fn of_rater(rater: u32) -> Self {
        View {
            rater: Some(rater),
            ..View::default()
        }
    }
}

/// A model of preferences over items.
///
/// Its fields are its settings; what [`fit`](PreferenceModel::fit) finds it keeps to itself. Before
/// the first fit it is indifferent: every probability is ½.
pub trait PreferenceModel: Debug + Send + Sync {
    /// Fits the model to judgements, forgetting earlier ones. Deterministic given `seed`.
    ///
    /// # Errors
    /// Judgements of a form or number that the model cannot use; an optimiser that fails.
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()>;

    /// P(a ≻ b): the probability that `a` is preferred, in (0, 1), with
    /// `prob(a, b) + prob(b, a) = 1`. `a` and `b` are feature rows as wide as the fitted items.
    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64;

    /// What [`prob`](PreferenceModel::prob) computes of an item alone, for a model in which that is worth
    /// keeping where one item meets many; else the item itself.
    fn prepared(&self, item: &[f64]) -> Vec<f64> {
        item.to_vec()
    }

    /// [`prob`](PreferenceModel::prob) of two [`prepared`](PreferenceModel::prepared) items.
    fn prob_of_prepared(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        self.prob(a, b, view)
    }

    /// A score s with `prob` increasing in s(a) − s(b), where the model has one: cyclic preferences
    /// have none. Its zero and, in some models, its unit have no meaning.
    fn score(&self, item: &[f64], view: View) -> Option<f64>;

    /// Standard error of s(a) − s(b) for want of data, where the model knows it.
    fn standard_error(&self, _a: &[f64], _b: &[f64], _view: View) -> Option<f64> {
        None
    }

    /// Whether all raters share one score, so that whose judgement counts how much must be said by
    /// the weights of comparisons; else it is said where the raters' scores are averaged. Where it
    /// is so, [`prob`](PreferenceModel::prob) and [`score`](PreferenceModel::score) do not depend on
    /// [`View::rater`].
    fn pools_raters(&self) -> bool;

    /// A copy behind the same interface.
    fn boxed(&self) -> Box<dyn PreferenceModel>;
}

impl Clone for Box<dyn PreferenceModel> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}
