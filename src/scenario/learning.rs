//! What planners are after besides welfare, and how preferences are learned.

use crate::preferences::PreferenceModel;
use crate::preferences::optimise::{Played, PolicyOptimiser, Told};
use crate::preferences::source::UtilityAnswers;
use crate::rewards::Reward;
use crate::rewards::learned::{Features, Weights};
use crate::rewards::voice::Line;
use std::path::{Path, PathBuf};

/// A preference model that is still to be fitted, with its settings as TOML; equal settings make
/// equal specifications.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// As the scenario writes it, every default written out.
    pub written: String,
    /// The model.
    pub model: Box<dyn PreferenceModel>,
    /// The table of workers' values that it was made from, if it was.
    pub profiles: Option<PathBuf>,
}

impl PartialEq for ModelSpec {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

/// The model that gives a reward.
#[derive(Clone, Debug)]
pub struct VoiceSpec {
    /// Key of [`Scenario::models`](super::Scenario::models).
    pub model: String,
    /// Over which the reward asks it.
    pub line: Line,
}

/// A planner's reward, with its settings as TOML.
#[derive(Clone, Debug)]
pub struct RewardSpec {
    /// The choice's name.
    pub name: String,
    /// As the scenario writes it, every default written out.
    pub written: String,
    /// The reward as it is before the first year.
    pub reward: Box<dyn Reward>,
    /// The model that gives it, if one does.
    pub voice: Option<VoiceSpec>,
}

impl RewardSpec {
    /// Whether there is a learned reward in it.
    pub fn learns(&self) -> bool {
        let mut learns = false;
        self.reward.clone().visit_learned(&mut |_| learns = true);
        learns
    }
}

impl PartialEq for RewardSpec {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

/// A planner that holds a policy over schedules, with its settings as TOML.
#[derive(Clone, Debug)]
pub struct PolicySpec {
    /// Name of the optimiser.
    pub name: String,
    /// The settings as the scenario writes them, every default written out.
    pub written: String,
    /// How the policy is improved.
    pub optimiser: Box<dyn PolicyOptimiser>,
    /// Schedules to choose among.
    pub candidates: usize,
    /// Distance of the rates on the grid from which they are drawn, a fraction.
    pub grid: f64,
    /// What the optimiser is told of them.
    pub told: Told,
    /// Which one is set.
    pub played: Played,
}

impl PartialEq for PolicySpec {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

/// Where judgements come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Workers compare schedules by the utility that they would have.
    Utility {
        /// How they answer.
        answers: UtilityAnswers,
        /// What a Gini coefficient of 1 instead of 0 is worth to them, in the unit of utility, by
        /// turns: the first entry to the first worker, and so on, from the start again.
        equality: Vec<f64>,
        /// Strength of a planted cycle, in logits: see `docs/methods.md`.
        cycle: f64,
    },
    /// Workers are asked "A or B?" through a language model, in both orders.
    Choice {
        /// Key of [`Scenario::models`](super::Scenario::models).
        model: String,
    },
    /// Workers vote among schedules, as [`Voting::ballots`](super::Voting::ballots) says.
    Ballots {
        /// Schedules on a ballot, at least 2.
        candidates: usize,
        /// Votes after each asking year.
        polls: usize,
    },
    /// Workers make statements through a language model, and what is heard in them is compared.
    Statements {
        /// Key of [`Scenario::models`](super::Scenario::models).
        model: String,
        /// Longest statement, tokens.
        max_tokens: usize,
    },
    /// A language model votes as a worker and as somebody else in its place.
    Matched {
        /// Key of [`Scenario::models`](super::Scenario::models).
        model: String,
        /// Schedules on a ballot, at least 2.
        candidates: usize,
    },
    /// A table of comparisons.
    File {
        /// CSV.
        path: PathBuf,
    },
}

/// How preferences over tax schedules are learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Preferences {
    /// Where judgements come from.
    pub source: Source,
    /// What is fitted to them.
    pub model: ModelSpec,
    /// What raters are shown of a schedule.
    pub features: Features,
    /// Whose judgement counts how much.
    pub weights: Weights,
    /// Comparisons made after each of the first `years` tax years.
    pub comparisons: usize,
    /// Schedules that are drawn to be compared, at least 2.
    pub schedules: usize,
    /// First tax years after which workers are asked.
    pub years: u32,
    /// Share of comparisons that are kept from the model to judge it, below 1.
    pub held_out: f64,
    /// The section as TOML, key by key.
    pub written: Vec<(String, String)>,
    /// Whether the scenario has the section.
    pub given: bool,
}

impl Preferences {
    /// Writes the path `to` in place of `from` where `key` is written out.
    pub(super) fn rename(&mut self, key: &str, from: &str, to: &Path) {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let (from, to) = (quoted(from), quoted(&to.to_string_lossy()));
        for (name, value) in &mut self.written {
            if name == key {
                *value = value.replace(&from, &to);
            }
        }
        if key == "model" {
            self.model.written = self.model.written.replace(&from, &to);
        }
    }
}
