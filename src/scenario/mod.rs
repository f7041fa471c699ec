//! A scenario file: TOML in, a checked [`Scenario`] out, or an error that points at the line.
//!
//! ```no_run
//! let scenario = fisc::scenario::load("scenarios/quickstart.toml".as_ref(), &[])?;
//! println!("{} workers for {} steps", scenario.population.size, scenario.steps);
//! # Ok::<(), fisc::Error>(())
//! ```
//!
//! | module | subject |
//! |---|---|
//! | `key`, `keys` | what a key is; the table of all keys |
//! | `node`, `set` | a TOML text with the place of every value; `--set key=value` |
//! | `complete` | checks against the table, writes out defaults |
//! | `build`, `taxes` | the checks that concern several keys or other files; the typed scenario |
//! | `files`, `comparisons` | the files that a scenario names; a table of comparisons |
//! | `write`, `reference` | the resolved scenario as TOML; the reference page |
//!
//! The table of keys is the one place where a key's name, range, default and
//! meaning stand: reading, error messages and `docs/scenario.md` all follow it.

mod answers;
mod build;
pub mod comparisons;
mod complete;
mod files;
pub(crate) mod key;
mod keys;
mod learning;
mod limits;
pub(crate) mod node;
mod reference;
pub(crate) mod set;
mod taxes;
mod write;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Place, Result};
pub use crate::fiscal::Motive;
use crate::fiscal::law::TaxLaw;
use crate::fiscal::uncertain::ObjectiveSet;
use crate::fiscal::{Economy, Objective, Schedule};
use crate::llm::RemoteSpec;
use crate::population::{Fact, PopulationSpec};
use crate::search::Method;
use crate::voting::Rule;
pub use answers::differing;
pub(crate) use answers::{document, find as find_key};
pub use files::Role;
pub use keys::{names_of_models, names_of_optimisers, names_of_rewards};
pub use learning::{ModelSpec, PolicySpec, Preferences, RewardSpec, Source, VoiceSpec};
pub use limits::{Limits, RevenueRule};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
pub use reference::reference;
pub use write::{to_toml, to_toml_of_game};

/// Names that `fisc model fetch` knows; any other `model` of a gguf backend is a path.
pub const FETCHED_MODELS: [&str; 3] = ["smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"];

/// Everything that a run needs to know, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What the run is called; fit for a folder.
    pub name: String,
    /// Seed of every random draw.
    pub seed: u64,
    /// Periods; a multiple of `tax_year`.
    pub steps: u32,
    /// Periods per tax year, at least 1.
    pub tax_year: u32,
    /// Who the workers are.
    pub population: PopulationSpec,
    /// Facts of personas that no prompt says.
    pub blind: Vec<Fact>,
    /// The model that writes personas, if one does.
    pub persona_writer: Option<PersonaWriter>,
    /// Preferences and constants.
    pub economy: Economy,
    /// Brackets and the schedule at the start.
    pub taxes: Taxes,
    /// What full-information planners must obey.
    pub limits: Limits,
    /// What the planner maximises.
    pub objective: Objective,
    /// Objectives of which none is known to be the right one, for `fisc frontier`.
    pub uncertain: Option<ObjectiveSet>,
    /// Groups of workers; their shares sum to 1.
    pub workers: Vec<WorkerGroup>,
    /// The planner of the main arm.
    pub planner: PlannerKind,
    /// The planners of the other arms, none equal to `planner`, all with different names.
    pub compare: Vec<PlannerKind>,
    /// Elections, for planners of kind [`PlannerKind::Elected`].
    pub voting: Voting,
    /// Language models by name; each reference to one has been checked.
    pub models: BTreeMap<String, ModelSettings>,
    /// What is written down.
    pub record: Record,
    /// How preferences over schedules are learned.
    pub preferences: Preferences,
    /// What planners pursue in place of the objective; `None` is the objective.
    pub reward: Option<RewardSpec>,
    /// Folder with prompt templates that go before fisc's own.
    pub prompts: Option<PathBuf>,
}

impl Scenario {
    /// The planners of all arms, the main one first.
    pub fn arms(&self) -> impl Iterator<Item = &PlannerKind> {
        std::iter::once(&self.planner).chain(&self.compare)
    }

    /// Whether some arm holds elections.
    pub fn elects(&self) -> bool {
        self.arms()
            .any(|kind| matches!(kind, PlannerKind::Elected { .. }))
    }

    /// Whether some arm learns preferences: it pursues a reward with a learned part.
    pub fn learns(&self) -> bool {
        let pursues = |kind: &PlannerKind| kind.pursues_reward();
        self.arms().any(pursues) && self.reward.as_ref().is_some_and(RewardSpec::learns)
    }

    /// The model that gives the reward, where one does and some arm pursues it.
    pub fn voice(&self) -> Option<&VoiceSpec> {
        let spec = self.reward.as_ref()?;
        let pursued = self.arms().any(PlannerKind::pursues_reward);
        spec.voice.as_ref().filter(|_| pursued)
    }

    /// Names of the models that some worker, planner, judge, voter, rater or writer of personas asks.
    pub fn models_asked(&self) -> BTreeSet<&str> {
        let by_workers = self.workers.iter().filter_map(|group| group.decide.asks());
        let by_planners = self.arms().filter_map(|kind| match kind {
            PlannerKind::Llm(planner) => Some(planner.model.as_str()),
            _ => None,
        });
        let voting = &self.voting;
        let nominating = match &voting.candidates {
            Standing::Nominated { model, .. } => Some(model),
            _ => None,
        };
        let by_elections = [nominating, voting.ballots.as_ref(), voting.leader.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .filter(|_| self.elects());
        let by_writers = self
            .persona_writer
            .iter()
            .map(|writer| writer.model.as_str());
        let by_raters = match &self.preferences.source {
            Source::Choice { model }
            | Source::Statements { model, .. }
            | Source::Matched { model, .. } => Some(model),
            Source::Ballots { .. } => voting.ballots.as_ref(),
            Source::Utility { .. } | Source::File { .. } => None,
        };
        let by_raters = (by_raters.into_iter())
            .map(String::as_str)
            .filter(|_| self.learns());
        let by_judges = (self.voice().into_iter()).map(|voice| voice.model.as_str());
        by_workers
            .chain(by_planners)
            .chain(by_judges)
            .chain(by_raters)
            .chain(by_writers)
            .chain(by_elections)
            .collect()
    }
}

/// A language model that writes personas from facts.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonaWriter {
    /// Key of [`Scenario::models`].
    pub model: String,
    /// Longest text, tokens.
    pub max_tokens: usize,
}

/// Brackets and rates at the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Taxes {
    /// Lower bracket edges, $/year.
    pub edges: Vec<f64>,
    /// The schedule at the start, on these edges.
    pub initial: Schedule,
    /// Whether rates may go down to −1.
    pub allow_subsidy: bool,
    /// What the law grants everybody, $/year: a name for a part of the rebate, without effect.
    pub grant: f64,
}

/// Workers who decide in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerGroup {
    /// Different for each group; `workers-1`, … unless given.
    pub name: String,
    /// Part of the population, in (0, 1].
    pub share: f64,
    /// How hours are chosen.
    pub decide: Decide,
    /// Whether satisfaction with the tax policy scales utility.
    pub bounded: bool,
    /// Factor of a surely dissatisfied worker's utility, 0 to 1.
    pub dissatisfied: f64,
    /// Whose good the worker is after.
    pub motive: Motive,
    /// χ of the group; `None` is the economy's.
    pub labor_cost: Option<f64>,
    /// δ of the group; `None` is the economy's.
    pub labor_exponent: Option<f64>,
    /// Distribution of the cost of working at all, in the unit of utility.
    pub fixed_cost: FixedCost,
    /// Hours per week are multiples of this; 0 is any hours.
    pub hours_step: f64,
    /// Cost of changing hours from one period to the next, in the unit of utility.
    pub adjustment_cost: f64,
}

/// How the cost of working at all is distributed over a group, in the unit of utility.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FixedCost {
    /// Nobody has one.
    None,
    /// Uniform.
    Uniform {
        /// Lowest, at least 0.
        low: f64,
        /// Highest.
        high: f64,
    },
    /// Lognormal.
    Lognormal {
        /// Median, above 0.
        median: f64,
        /// Standard deviation of the logarithm, at least 0.
        sigma: f64,
    },
}

impl FixedCost {
    /// A worker's cost.
    pub fn draw(&self, rng: &mut impl Rng) -> f64 {
        match *self {
            FixedCost::None => 0.0,
            FixedCost::Uniform { low, high } => low + (high - low) * rng.random::<f64>(),
            FixedCost::Lognormal { median, sigma } => {
                let normal: f64 = StandardNormal.sample(rng);
                median * (sigma * normal).exp()
            }
        }
    }
}

impl WorkerGroup {
    /// The economy with the group's own preferences.
    pub fn tastes(&self, economy: &Economy) -> Economy {
        Economy {
            labor_cost: self.labor_cost.unwrap_or(economy.labor_cost),
            labor_exponent: self.labor_exponent.unwrap_or(economy.labor_exponent),
            ..*economy
        }
    }
}

/// How a worker chooses hours.
#[derive(Clone, Debug, PartialEq)]
pub enum Decide {
    /// The exact best response.
    Rational,
    /// Always the same.
    Fixed {
        /// Hours per week, at most the economy's `labor_max`.
        hours: f64,
    },
    /// Noisy best response over whole options.
    Logit {
        /// Unit of utility; > 0.
        scale: f64,
    },
    /// Hill climbing on own history.
    Adaptive {
        /// Hours per week; > 0, at most the economy's `labor_max`.
        step: f64,
    },
    /// A language model is asked.
    Llm {
        /// Key of [`Scenario::models`].
        model: String,
        /// What is taken from the distribution over hours; [`Pick::Draw`] under [`Readout::Sample`].
        choice: Pick,
        /// What of its past a worker's prompt shows.
        memory: Memory,
    },
    /// A small model that a language model has taught.
    Distil {
        /// Key of [`Scenario::models`], read out by [`Readout::Choice`].
        model: String,
        /// What is taken from a distribution over hours.
        choice: Pick,
        /// Workers whom the language model is asked about, at most.
        sample: usize,
        /// First tax years in which it is asked.
        years: u32,
        /// Other schedules under which it is asked in each of these.
        schedules: usize,
        /// Ridge of the small model, > 0; by cross-validation where absent.
        ridge: Option<f64>,
    },
}

/// What of its past the prompt of a language-model worker shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Memory {
    /// So many last periods, and the best so far; 0 shows none.
    Last(usize),
    /// Periods that help the model.
    Useful {
        /// Most of them in a prompt, at least 1.
        records: usize,
        /// Last periods that are looked at, at least 1; all where absent.
        considered: Option<usize>,
        /// How usefulness is found out.
        judge: MemoryJudge,
    },
}

/// How the usefulness of a past period is found out.
#[derive(Clone, Debug, PartialEq)]
pub enum MemoryJudge {
    /// By the model's expected utility with and without it.
    Measured,
    /// By the model's votes.
    Listwise {
        /// Votes for each worker and period, at least 1.
        draws: u32,
    },
    /// By a linear model of measured utilities.
    Distilled {
        /// Workers whose records are measured, at least 1.
        sample: usize,
        /// First tax years in which they are; all where absent.
        years: Option<u32>,
    },
}

impl Decide {
    /// The language model that is asked for hours, if one is.
    pub fn asks(&self) -> Option<&str> {
        match self {
            Decide::Llm { model, .. } | Decide::Distil { model, .. } => Some(model),
            _ => None,
        }
    }
}

/// What is taken from a distribution over answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// A draw.
    Draw,
    /// The most probable answer.
    Mode,
    /// The mean.
    Mean,
}

/// Who sets the rates.
#[derive(Clone, Debug, PartialEq)]
pub enum PlannerKind {
    /// Zero rates.
    None,
    /// Keeps the schedule at the start.
    Fixed,
    /// A federal law by a name that [`crate::fiscal::laws::find`] knows, with its own brackets.
    Law(String),
    /// A law of parts, with its own brackets.
    Composed {
        /// The arm's name.
        name: String,
        /// The law after its reform; the grant is without effect.
        law: TaxLaw,
    },
    /// One rate on all income.
    Flat {
        /// A fraction; `None` is the rate that maximises welfare.
        rate: Option<f64>,
    },
    /// Saez's formula on observed incomes.
    SaezStatic {
        /// `None` is 1/(δ−1) of the economy.
        elasticity: Option<f64>,
    },
    /// Saez's formula iterated with best responses and weights.
    SaezFixedPoint {
        /// `None` is 1/(δ−1) of the economy.
        elasticity: Option<f64>,
    },
    /// Saez's formula with an elasticity measured on the workers.
    SaezEstimated,
    /// The exact optimum over the bracket rates.
    Optimal,
    /// A language model proposes rates.
    Llm(LlmPlanner),
    /// The highest reward, with full information on how workers respond.
    Reward,
    /// A stochastic policy over a list of schedules, improved from year to year.
    Policy(PolicySpec),
    /// The winners of elections.
    Elected {
        /// `None` is [`Voting::rule`].
        rule: Option<Rule>,
    },
    /// Black-box search.
    Search {
        /// How.
        method: Method,
        /// Last tax years that play the best schedule so far.
        final_years: u32,
    },
}

impl PlannerKind {
    /// Whether it pursues the scenario's reward where there is one, rather than the objective.
    pub fn pursues_reward(&self) -> bool {
        matches!(
            self,
            PlannerKind::Reward | PlannerKind::Policy(_) | PlannerKind::Search { .. }
        )
    }

    /// The planner's name as the scenario writes it: `llm`, `us-2024`, `saez-static`.
    pub fn arm(&self) -> String {
        match self {
            PlannerKind::None => "none",
            PlannerKind::Fixed => "fixed",
            PlannerKind::Law(name) | PlannerKind::Composed { name, .. } => name,
            PlannerKind::Flat { .. } => "flat",
            PlannerKind::SaezStatic { .. } => "saez-static",
            PlannerKind::SaezFixedPoint { .. } => "saez-fixed-point",
            PlannerKind::SaezEstimated => "saez-estimated",
            PlannerKind::Optimal => "optimal",
            PlannerKind::Reward => "reward",
            PlannerKind::Llm(LlmPlanner {
                proposals: None, ..
            }) => "llm",
            PlannerKind::Llm(_) => "hybrid",
            PlannerKind::Elected { rule: Some(rule) } => return format!("elected-{}", rule.name()),
            PlannerKind::Elected { rule: None } => "elected",
            PlannerKind::Policy(spec) => return format!("policy-{}", spec.name),
            PlannerKind::Search { method, .. } => return format!("search-{}", method.name()),
        }
        .to_owned()
    }
}

/// A language model as planner.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmPlanner {
    /// Key of [`Scenario::models`].
    pub model: String,
    /// Schedules that it proposes each tax year, of which a surrogate fitted to the past picks one;
    /// `None` asks for one and plays it.
    pub proposals: Option<u32>,
    /// Last tax years that the prompt shows.
    pub memory: usize,
    /// Best tax years that the prompt shows besides.
    pub best: usize,
    /// Whether the prompt names the best year and says how to go on from it.
    pub hints: bool,
    /// Share of the run over which the cue to explore fades linearly to nothing, 0 to 1.
    pub exploration: f64,
    /// Sampling temperature of the rates; `None` is the model's.
    pub temperature: Option<f64>,
    /// Times that the model is asked for valid rates in one tax year, at least 1.
    pub attempts: u32,
    /// What it answers.
    pub answer: PlannerAnswer,
    /// First tax years in which the scenario's initial schedule stays.
    pub warm_up: u32,
    /// Last tax years that play the best schedule so far.
    pub final_years: u32,
}

/// How leaders are elected.
#[derive(Clone, Debug, PartialEq)]
pub struct Voting {
    /// Tax years from one election to the next, at least 1.
    pub every: u32,
    /// Who stands.
    pub candidates: Standing,
    /// The model that votes; `None` votes by utility.
    pub ballots: Option<String>,
    /// How votes become a winner.
    pub rule: Rule,
    /// The model that the winner asks for its rates; `None` enacts the platform.
    pub leader: Option<String>,
}

/// Who stands for election.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Every worker.
    All,
    /// Workers drawn for each election.
    Random {
        /// At least 1.
        count: usize,
    },
    /// Flat taxes from 0 to 100 %.
    Flat {
        /// Percentage points, above 0.
        step: f64,
    },
    /// Workers who want to, with platforms that a model writes.
    Nominated {
        /// Key of [`Scenario::models`].
        model: String,
        /// Workers drawn to be asked, at least 1.
        among: usize,
        /// Civil rewrites of each sentence, of which the best is taken; 0 rewrites none.
        civil: u32,
    },
}

/// What a language-model planner answers.
#[derive(Clone, Debug, PartialEq)]
pub enum PlannerAnswer {
    /// All rates, as whole percentages.
    Rates,
    /// A change of each rate.
    Steps {
        /// Sizes up and down besides 0, percentage points.
        points: Vec<u32>,
    },
    /// A move from the best schedule so far.
    Moves {
        /// Sizes of moves, percentage points.
        points: Vec<u32>,
        /// Relative to the model's probabilities where no welfare is shown.
        calibrated: bool,
    },
}

/// A language model and how it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// Where it runs.
    pub backend: Backend,
    /// How a worker's hours are read off.
    pub readout: Readout,
    /// Divides log-probabilities, 0 to 5; 0 takes the most probable answer.
    pub temperature: f64,
    /// Nucleus of sampling, in (0, 1].
    pub top_p: f64,
    /// Longest prompt and answer of one request, tokens.
    pub context_tokens: u32,
    /// Longest sampled answer, tokens; less than `context_tokens`.
    pub max_tokens: u32,
    /// Longest thought before an answer, tokens; 0 answers directly.
    pub think: u32,
    /// What a worker's invalid answer leads to.
    pub on_failure: OnFailure,
}

/// Where a language model runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Backend {
    /// In this process, through llama.cpp.
    Gguf {
        /// One of [`FETCHED_MODELS`], or the absolute path of a GGUF file.
        model: String,
        /// Main memory for what was evaluated of prompts that may go on, in MiB; 0 keeps nothing.
        keep: u32,
        /// Waves of questions side by side; unless given, those that were measured or the default.
        lanes: Option<usize>,
        /// Layers on the GPU; all unless given.
        gpu_layers: Option<u32>,
    },
    /// Behind servers (`openai` in scenarios).
    OpenAi(RemoteSpec),
}

/// How an answer is read off a language model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// The probability of every admissible answer, without generation.
    Choice,
    /// Generation under a grammar.
    Sample,
}

/// What an invalid answer leads to. It is counted in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Asks up to `attempts` times in all, then keeps the previous action.
    Retry {
        /// At least 1.
        attempts: u32,
    },
    /// Keeps the previous action at once.
    KeepLast,
    /// Stops the run.
    Stop,
}

/// What is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Every how many steps a row for each worker is written; 0 is never.
    pub workers_every: u32,
}

/// Reads and checks a scenario file; `overrides` are `key=value` as in `--set`, in order.
///
/// Paths in the file are relative to it; in the result they are absolute.
/// Files it names must exist and be readable as what they are for.
///
/// # Errors
/// An input error with file, line, column, key, the value found, and what is
/// allowed: the first thing wrong, in the order of the file, then what is
/// missing, then what disagrees with something else.
pub fn load(path: &Path, overrides: &[String]) -> Result<Scenario> {
    load_file(path, overrides, true)
}

/// As [`load`], but model files given by path need not exist: for a replay,
/// which asks no model.
///
/// # Errors
/// As [`load`].
pub fn load_for_replay(path: &Path, overrides: &[String]) -> Result<Scenario> {
    load_file(path, overrides, false)
}

fn load_file(path: &Path, overrides: &[String], models_must_exist: bool) -> Result<Scenario> {
    parse(&read(path, "scenario")?, path, overrides, models_must_exist)
}

/// As [`load`], of a text; `path` is where it would stand: for messages, and paths in the text are
/// relative to it.
///
/// # Errors
/// As [`load`].
pub fn parse(
    text: &str,
    path: &Path,
    overrides: &[String],
    models_must_exist: bool,
) -> Result<Scenario> {
    let mut root = node::Origin::file(path, text).document()?;
    let of_sweeps = ["base", "grid", "sample"].iter();
    if let Some(node) = of_sweeps.filter_map(|key| root.get(key)).next() {
        return Err(Error::input("this is a sweep file, not a scenario")
            .at(node.place.clone())
            .value(path.display())
            .allowed("a scenario; `fisc sweep FILE` plays a sweep file"));
    }
    for setting in overrides {
        set::set(&mut root, setting)?;
    }
    complete::complete(path, &mut root, key::Kind::Table(keys::SCENARIO))?;
    build::build(path, &root, models_must_exist)
}

/// Largest scenario, sweep or table of points in bytes; a larger one is none.
const SIZE_MAX: u64 = 1 << 22;

/// The text of a file; `what` it should be (`scenario`, `sweep`, `table`) is for errors.
pub(crate) fn read(path: &Path, what: &str) -> Result<String> {
    let at = |line, column| Place {
        file: path.to_owned(),
        line,
        column,
        key: String::new(),
    };
    let unreadable = |error: std::io::Error| {
        Error::input(format!("cannot read the {what}"))
            .at(at(0, 0))
            .value(error)
            .allowed(format!("a {what} file"))
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SIZE_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > SIZE_MAX {
        return Err(Error::input(format!("too large for a {what}"))
            .at(at(0, 0))
            .value(format!("more than {SIZE_MAX} bytes"))
            .allowed(format!("at most {SIZE_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (good, bad) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let start = good
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&good[start..]).chars().count() + 1;
        Error::input("not UTF-8 text")
            .at(at(line, column))
            .value(format!("byte 0x{:02x}", bad.first().unwrap_or(&0)))
            .allowed("UTF-8")
    })
}
