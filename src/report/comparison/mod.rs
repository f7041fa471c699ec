//! Arms compared over seeds: finished runs of one scenario, or sweeps.
//!
//! ```no_run
//! # fn main() -> fisc::Result<()> {
//! use fisc::report::comparison::{Question, compare};
//! let comparison = compare(&["outputs/planners".into()], &Question::default())?;
//! print!("{}", comparison.text());
//! std::fs::write("comparison.tex", comparison.latex()).expect("a place to write");
//! # Ok(())
//! # }
//! ```
//!
//! | module | subject |
//! |---|---|
//! | `study` | reading run folders and sweep folders: one trajectory per run and arm |
//! | `labels` | which trajectories are one arm, and what it is called |
//! | `compute` | the statistics of [`crate::statistics`] for every group and arm |
//! | `warnings` | what a reader must know beside the numbers |
//! | `text`, `latex`, `csv` | how it is printed; JSON is the [`Comparison`] itself |

mod compute;
mod csv;
mod labels;
pub(super) mod latex;
mod sources;
mod study;
mod text;
mod warnings;

use crate::Result;
use crate::statistics::{Mean, Paired, Settings, Settling, ShareOfGain, Unpaired, Verdict};
use serde::Serialize;
use std::path::PathBuf;

/// Which tax years of a run count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// The last one: the mean over its steps.
    LastYear,
    /// The mean over the last third of them, rounded down, at least one.
    #[default]
    LastThird,
    /// The mean over all.
    All,
}

impl Over {
    /// In words, after "mean over".
    pub fn in_words(self) -> &'static str {
        match self {
            Over::LastYear => "the last tax year",
            Over::LastThird => "the last third of the tax years",
            Over::All => "all tax years",
        }
    }
}

/// What is to be compared, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Varied keys, or their columns, whose values are the arms; `arm` or none: planners.
    pub by: Vec<String>,
    /// The reference arm; none: `saez-fixed-point`, else the U.S. law, else the first arm; with several keys
    /// compared, the first combination that holds it.
    pub against: Option<String>,
    /// A numeric column of `years.parquet`.
    pub outcome: String,
    /// Tax years that count.
    pub over: Over,
    /// Share of the attainable gain that counts as no difference and no movement.
    pub margin: f64,
    /// Level of the intervals, and the bootstrap.
    pub settings: Settings,
}

impl Default for Question {
    /// Planners by welfare over the last third of the tax years, 95 %, a margin of 5 % of the gain.
    fn default() -> Self {
        Question {
            by: Vec::new(),
            against: None,
            outcome: "welfare".into(),
            over: Over::default(),
            margin: 0.05,
            settings: Settings::default(),
        }
    }
}

/// The answer. Serialised, it is the JSON that `fisc compare --format json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Name of the scenario or sweep.
    pub name: String,
    /// The column compared.
    pub outcome: String,
    /// Tax years that count.
    pub over: Over,
    /// Keys whose values are the arms; `arm` for planners.
    pub by: Vec<String>,
    /// Columns of the keys that make groups, as in the tables of the sweep.
    #[serde(skip)]
    pub columns: Vec<String>,
    /// Level, resamples and seed of the intervals.
    pub settings: Settings,
    /// Share of the attainable gain that counts as no difference.
    pub margin: f64,
    /// Size of the family that Holm's correction takes together: all differences shown that have a p value;
    /// those that are the same seed by seed count once.
    pub family: usize,
    /// Differences shown beside these that are the same seed by seed as one of them.
    pub copies: usize,
    /// The U.S. law at which the attainable gain begins: the first one of `[compare]`, else the first that is
    /// a planner of its own.
    pub law: Option<String>,
    /// One group for each combination of the other varied keys.
    pub groups: Vec<Group>,
    /// How the runs stand.
    pub runs: Runs,
    /// What a reader must know beside the numbers.
    pub warnings: Vec<String>,
}

/// How many runs stand in which state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Runs {
    /// In the plan, or given.
    pub planned: usize,
    /// Read.
    pub finished: usize,
    /// Tried in vain.
    pub failed: usize,
    /// Not yet played.
    pub pending: usize,
    /// Finished, with a table that cannot be read.
    pub damaged: usize,
}

/// Runs that differ in arm and seed alone.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// Values of the other varied keys: key, value.
    pub values: Vec<(String, String)>,
    /// The objective of its runs, as in scenarios.
    pub objective: String,
    /// Unit of the outcome; empty where it is not known.
    pub unit: String,
    /// Planned seeds.
    pub seeds: usize,
    /// Name of the arm that the others are compared with; none where the group lacks it.
    pub reference: Option<String>,
    /// Outcome of `optimal` less that of the law, over seeds that have both; none without
    /// these arms, and for outcomes that are not the runs' own welfare.
    pub attainable: Option<Mean>,
    /// The arms.
    pub arms: Vec<Arm>,
}

/// An arm of a group.
#[derive(Clone, Debug, Serialize)]
pub struct Arm {
    /// Its name, or the values of the keys compared.
    pub arm: String,
    /// The outcome over all seeds that have one; none where no seed has one. Tables show that of the pairs
    /// where there is a reference.
    pub mean: Option<Mean>,
    /// Whether the outcome has settled; none below three tax years.
    pub settling: Option<Settling>,
    /// Beside the reference; none for the reference itself and where no seed has both.
    pub against: Option<Difference>,
}

/// An arm less the reference.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Seed by seed.
    pub paired: Paired,
    /// The differences, in the order of the group's seeds; NaN where one of the two is missing.
    #[serde(skip)]
    pub each: Vec<f64>,
    /// As if the seeds were independent, for comparison.
    pub unpaired: Option<Unpaired>,
    /// As a share of the attainable gain; none where that is not clearly above 0.
    pub share: Option<ShareOfGain>,
    /// The t test's p value, corrected by Holm over all differences shown, see [`Comparison::family`].
    pub p_holm: Option<f64>,
    /// What the t interval says.
    pub verdict: Verdict,
    /// Whether the whole t interval lies within the margin: a difference there may be, and it is small.
    pub within_margin: bool,
    /// Where it is too wide and there is a margin: seeds that would narrow it to that, at this spread
    /// between seeds.
    pub seeds_needed: Option<u64>,
}

impl Comparison {
    /// What is to be read from a difference: `higher`, `lower, within ±5 %`, `lower (not by Holm's p)`, ….
    pub fn verdict(&self, difference: &Difference) -> String {
        let mut words = difference.verdict.in_words().to_owned();
        if !matches!(difference.verdict, Verdict::Higher | Verdict::Lower) {
            return words;
        }
        if difference.within_margin {
            words += &format!(
                ", within ±{}",
                crate::report::number::percent(self.margin).replace('%', " %")
            );
        }
        if difference
            .p_holm
            .is_some_and(|p| p > 1.0 - self.settings.level)
        {
            words += " (not by Holm's p)";
        }
        words
    }
}

impl Group {
    /// Its values in words; empty where nothing else was varied.
    pub fn label(&self) -> String {
        let values = self
            .values
            .iter()
            .map(|(key, value)| format!("{key} = {value}"));
        values.collect::<Vec<_>>().join(", ")
    }

    /// Seeds and mean that stand in an arm's row: those of the pairs with the reference, where there is one.
    fn row_mean(&self, arm: &Arm) -> (usize, Option<f64>) {
        match &arm.against {
            Some(against) => (against.paired.difference.n, Some(against.paired.arm_mean)),
            None => (
                arm.mean.map_or(0, |mean| mean.n),
                arm.mean.map(|mean| mean.mean),
            ),
        }
    }

    /// Whether an arm is compared on fewer seeds than stand in the reference's row: then the reference has
    /// another mean beside it than its own row says.
    fn lacks_seeds(&self, arm: &Arm) -> bool {
        let name = self.reference.as_ref();
        let base = self.arms.iter().find(|arm| Some(&arm.arm) == name);
        let seeds = base.and_then(|base| base.mean).map_or(0, |mean| mean.n);
        let paired = arm.against.as_ref().map(|against| &against.paired);
        paired.is_some_and(|paired| paired.difference.n < seeds)
    }
}

/// Compares the runs in `folders`: finished runs of one scenario that differ in seed (and in the keys of
/// `question.by`), or sweeps with the same varied keys.
///
/// # Errors
/// Wrong input: a folder that is neither, an unfinished run, different scenarios, the same seed twice,
/// an unknown key, arm or column. Otherwise a file that cannot be read.
pub fn compare(folders: &[PathBuf], question: &Question) -> Result<Comparison> {
    let study = sources::read(folders, question)?;
    let key = |by: &String| match study.columns.iter().position(|column| column == by) {
        Some(at) => study.keys[at].clone(),
        None => by.clone(),
    };
    let question = Question {
        by: question.by.iter().map(key).collect(),
        ..question.clone()
    };
    compute::comparison(&study, &question)
}
