//! `learned`: a preference model as the planner's reward.

use super::outcome::{Situation, outcome_features, outcome_names, own_features, own_names};
use super::{Judged, Reward};
use crate::error::Result;
use crate::fiscal::inequality;
use crate::preferences::{PreferenceModel, View};

/// What raters are shown of a schedule, and models see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Features {
    /// What happens to the rater: [`own_features`]. The model then is a utility function, and a
    /// schedule's reward the weighted mean of everybody's.
    #[default]
    Own,
    /// What happens to society: [`outcome_features`], the same for all raters.
    Society,
    /// The rates themselves.
    Rates,
    /// All three: for raters who care for themselves, for others, and for the law.
    All,
}

impl Features {
    /// Names of the features under a schedule of `brackets` brackets.
    pub fn names(self, brackets: usize) -> Vec<String> {
        match self {
            Features::Own => own_names(),
            Features::Society => outcome_names(),
            Features::Rates => (1..=brackets).map(|k| format!("rate_{k}")).collect(),
            Features::All => [Features::Own, Features::Society, Features::Rates]
                .into_iter()
                .flat_map(|part| part.names(brackets))
                .collect(),
        }
    }

    /// Whether all raters are shown the same.
    pub fn shared(self) -> bool {
        matches!(self, Features::Society | Features::Rates)
    }

    /// Whether the rates themselves are among them, so that all schedules must have the same brackets.
    pub fn shows_rates(self) -> bool {
        matches!(self, Features::Rates | Features::All)
    }

    /// The row that `rater` judges.
    pub fn row(self, situation: &Situation, rater: usize) -> Vec<f64> {
        match self {
            Features::Own => own_features(situation, rater),
            Features::Society => outcome_features(situation),
            Features::Rates => situation.schedule.rates().to_vec(),
            Features::All => [Features::Own, Features::Society, Features::Rates]
                .into_iter()
                .flat_map(|part| part.row(situation, rater))
                .collect(),
        }
    }
}

/// Whose judgement counts how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// Everybody's alike.
    #[default]
    Equal,
    /// In inverse proportion to wages, mean 1: those of the objective `inverse_wage`.
    InverseWage,
}

impl Weights {
    /// By worker, mean 1.
    pub fn of(self, wage: &[f64]) -> Vec<f64> {
        match self {
            Weights::Equal => vec![1.0; wage.len()],
            Weights::InverseWage => {
                let inverse: Vec<f64> = wage.iter().map(|w| 1.0 / w).collect();
                let mean = inequality::mean(&inverse);
                inverse.iter().map(|x| x / mean).collect()
            }
        }
    }
}

/// The reward of a schedule x is Σᵣ gᵣ s(φ(x, r), r)/N over all raters r, s the model's score and g
/// the weights; where the model has no score (cyclic preferences), the weighted mean over raters and
/// over a pool of schedules y of P(x ≻ y): the share of votes that x would win against a schedule
/// drawn from the pool.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The model.
    pub model: Box<dyn PreferenceModel>,
    /// What it sees.
    pub features: Features,
    /// Whose judgement counts how much.
    pub weights: Weights,
    /// Rows of the pool by rater as [`PreferenceModel::prepared`] by the model, for models without
    /// scores; the same for all raters where the features are.
    pub pool: Vec<Vec<Vec<f64>>>,
    /// Whether it has been fitted.
    pub fitted: bool,
}

impl Learned {
    /// A model that is still to be fitted.
    pub fn new(
        model: impl PreferenceModel + 'static,
        features: Features,
        weights: Weights,
    ) -> Self {
        Learned {
            model: Box::new(model),
            features,
            weights,
            pool: Vec::new(),
            fitted: false,
        }
    }

    fn of_rater(&self, row: &[f64], rater: usize) -> f64 {
        let view = View::of_rater(rater as u32);
        if let Some(score) = self.model.score(row, view) {
            return score;
        }
        let pool = &self.pool[rater.min(self.pool.len() - 1)];
        let own = self.model.prepared(row);
        let sum: f64 = pool
            .iter()
            .map(|other| self.model.prob_of_prepared(&own, other, view))
            .sum();
        sum / pool.len() as f64
    }
}

impl Reward for Learned {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let n = situation.workers();
        let by_worker: Vec<f64> = match self.features.shared() {
            // One score for all raters is computed once.
            true if self.model.pools_raters() => {
                vec![self.of_rater(&self.features.row(situation, 0), 0); n]
            }
            true => {
                let row = self.features.row(situation, 0);
                (0..n).map(|rater| self.of_rater(&row, rater)).collect()
            }
            false => {
                // What all are shown is computed once.
                let society = match self.features {
                    Features::All => outcome_features(situation),
                    _ => Vec::new(),
                };
                let row = |rater: usize| {
                    let mut row = own_features(situation, rater);
                    if self.features == Features::All {
                        row.extend(&society);
                        row.extend(situation.schedule.rates());
                    }
                    row
                };
                (0..n)
                    .map(|rater| self.of_rater(&row(rater), rater))
                    .collect()
            }
        };
        let weights = self.weights.of(situation.wage);
        let weighted = by_worker
            .iter()
            .zip(&weights)
            .map(|(s, g)| s * g)
            .sum::<f64>();
        Ok(Judged {
            total: weighted / n as f64,
            by_worker: Some(by_worker),
            ..Judged::default()
        })
    }

    fn ready(&self) -> bool {
        self.fitted
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut Learned)) {
        visit(self);
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}
