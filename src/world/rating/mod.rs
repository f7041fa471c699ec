//! Language models as raters: what workers say about tax schedules becomes comparisons.
//!
//! At the end of an asking tax year, before the preference model is fitted. Workers judge the schedules
//! of the year's list by what each would bring them in the closed-form counterpart of the society
//! (language-model workers taken to be rational there). Every answer is in the transcript and in
//! `decisions.parquet`; what stays without a valid answer makes no comparison and is counted.
//!
//! | module | what is asked |
//! |---|---|
//! | [`choice`] | "A or B?", in both orders |
//! | [`ballots`] | a vote among several schedules |
//! | [`statements`] | what do you say about this law?, and whether that is satisfied |
//! | [`matched`] | the same vote, of a worker and of somebody else in its place |

pub mod ballots;
pub mod choice;
pub mod matched;
pub mod statements;

use super::asking::{Asking, Desk};
use super::elections::ballots::{BallotsBy, Citizens, PersonText};
use super::language::{BracketText, bracket_texts};
use super::learning::{
    PreferencesPlugin, Raters, RecordedComparison, RecordedComparisons, candidates,
};
use super::planners::{Counterpart, TaxRules};
use super::{CurrentSchedule, EconomyConstants, Notes};
use crate::error::Result;
use crate::fiscal::{Outcome, Schedule as TaxSchedule, inequality};
use crate::llm::Prompts;
use crate::rewards::Situation;
use crate::rewards::learned::Features;
use crate::rewards::outcome::outcome_features;
use bevy_ecs::prelude::*;
use serde::Serialize;

/// What is asked so that comparisons follow.
#[derive(Clone, Debug, PartialEq)]
pub enum Questions {
    /// "A or B?", in both orders.
    Choice(Asking),
    /// Votes among schedules.
    Ballots {
        /// How votes are cast.
        by: BallotsBy,
        /// Schedules on a ballot, at least 2.
        candidates: usize,
        /// Votes held after each asking year, each on other schedules.
        polls: usize,
    },
    /// Statements, and what is heard in them.
    Statements {
        /// The model that speaks and listens.
        asking: Asking,
        /// Longest statement, tokens.
        max_tokens: usize,
    },
    /// Votes of workers and of others in their place.
    Matched {
        /// The model that votes.
        asking: Asking,
        /// Schedules on a ballot, at least 2.
        candidates: usize,
    },
}

impl Questions {
    /// The model that is asked, if one is.
    pub fn asking(&self) -> Option<&Asking> {
        match self {
            Questions::Choice(asking)
            | Questions::Statements { asking, .. }
            | Questions::Matched { asking, .. } => Some(asking),
            Questions::Ballots { by, .. } => match by {
                BallotsBy::Language(asking) => Some(asking),
                BallotsBy::Utility => None,
            },
        }
    }
}

/// A schedule as prompts show it to one worker.
#[derive(Clone, Debug, Serialize)]
pub struct LawText {
    /// `A` or `B`.
    pub letter: &'static str,
    /// Its brackets.
    pub brackets: Vec<BracketText>,
    /// The worker's own, per week.
    pub hours: f64,
    /// The worker's own before tax, $/year.
    pub income: f64,
    /// The worker's own, $/year.
    pub tax: f64,
    /// The equal share of all taxes, $/year.
    pub rebate: f64,
    /// The worker's own, $/year.
    pub disposable: f64,
    /// What it does to all.
    pub society: SocietyText,
}

/// What a schedule does to all, as prompts show it.
#[derive(Clone, Debug, Serialize)]
pub struct SocietyText {
    /// Mean disposable income of each tenth of workers by wage, poorest first, $/year.
    pub disposable_deciles: Vec<f64>,
    /// Mean hours per week.
    pub labor_mean: f64,
    /// Mean income before tax, $/year.
    pub income_mean: f64,
    /// Gini coefficient of disposable income.
    pub gini_disposable: f64,
    /// Mean tax, $/year per worker.
    pub revenue: f64,
}

/// What an asking year has to ask about.
pub struct Survey<'a> {
    /// The schedules of the year and what the society does under each.
    pub pool: &'a [(TaxSchedule, Outcome)],
    /// The schedule in force.
    pub current: &'a TaxSchedule,
    /// The workers as they are now.
    pub people: Vec<PersonText<'a>>,
    /// The same, and their places in the society.
    pub citizens: &'a Citizens<'a, 'a>,
    /// Constants.
    pub economy: &'a EconomyConstants,
    /// Tax year, from 1.
    pub year: u32,
    /// What raters are shown.
    pub features: Features,
    /// Comparisons wanted.
    pub comparisons: usize,
}

impl Survey<'_> {
    /// Schedule `k` as `worker` meets it.
    pub fn law(&self, worker: usize, k: usize, letter: &'static str) -> LawText {
        let (schedule, outcome) = &self.pool[k];
        let places = self.citizens.places(worker);
        let own = |values: &[f64]| inequality::mean(&values[places.clone()]);
        let wage = self.citizens.society().wage();
        let all = outcome_features(&Situation::of(schedule, &self.economy.0, wage, outcome));
        LawText {
            letter,
            brackets: bracket_texts(schedule),
            hours: own(&outcome.labor),
            income: own(&outcome.income),
            tax: own(&outcome.tax),
            rebate: outcome.rebate,
            disposable: own(&outcome.disposable),
            society: SocietyText {
                disposable_deciles: all[..10].to_vec(),
                labor_mean: all[10],
                income_mean: all[11],
                gini_disposable: all[12],
                revenue: all[13],
            },
        }
    }

    /// That `rater` prefers a schedule of the list to another with probability `outcome`.
    fn comparison(&self, rater: usize, [a, b]: [usize; 2], outcome: f64) -> RecordedComparison {
        RecordedComparison {
            year: self.year,
            rater: rater as u32,
            a: self.pool[a].0.clone(),
            b: self.pool[b].0.clone(),
            outcome,
            weight: 1.0,
            context: 0,
            aspect: 0,
            rationale: None,
            group: None,
        }
    }
}

/// Name of what prompts show, for templates.
fn shown(features: Features) -> &'static str {
    match features {
        Features::Own => "own",
        Features::Society => "society",
        Features::Rates => "rates",
        Features::All => unreachable!("refused with the scenario"),
    }
}

/// What was learned from an asking year.
#[derive(Debug, Default)]
struct Told {
    /// Their groups are numbered from 0.
    comparisons: Vec<RecordedComparison>,
    /// What belongs beside the numbers.
    note: String,
}

#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
pub(super) fn ask_raters(
    settings: Res<PreferencesPlugin>,
    rules: Res<TaxRules>,
    society: Res<Counterpart>,
    economy: Res<EconomyConstants>,
    current: Res<CurrentSchedule>,
    citizens: Citizens,
    mut desk: Desk,
    mut recorded: ResMut<RecordedComparisons>,
    mut notes: ResMut<Notes>,
) {
    let year = desk.clock.year();
    let Raters::Asked { questions, shown } = &settings.raters else {
        return;
    };
    if year > settings.years {
        return;
    }
    let pool = candidates(&rules, &society, settings.schedules, desk.seed.0, year);
    let survey = Survey {
        pool: &pool,
        current: &current.0,
        people: citizens.people_of_this_period(),
        citizens: &citizens,
        economy: &economy,
        year,
        features: *shown,
        comparisons: settings.comparisons,
    };
    match ask(questions, &survey, &mut desk) {
        Ok(told) => {
            notes.add(format!("year {year}: {}", told.note));
            let last = recorded.0.iter().filter_map(|c| c.group).max();
            let before = last.map_or(0, |last| last + 1);
            let renumbered = |c: RecordedComparison| RecordedComparison {
                group: c.group.map(|group| before + group),
                ..c
            };
            recorded
                .0
                .extend(told.comparisons.into_iter().map(renumbered));
        }
        Err(error) => {
            let error = error.context(format!("asking raters after tax year {year}"));
            desk.failure.raise(error);
        }
    }
}

fn ask(questions: &Questions, survey: &Survey, desk: &mut Desk) -> Result<Told> {
    match questions {
        Questions::Choice(asking) => choice::ask(asking, survey, desk),
        Questions::Ballots {
            by,
            candidates,
            polls,
        } => ballots::ask(by, *candidates, *polls, survey, desk),
        Questions::Statements { asking, max_tokens } => {
            statements::ask(asking, *max_tokens, survey, desk)
        }
        Questions::Matched { asking, candidates } => {
            matched::ask(asking, *candidates, survey, desk)
        }
    }
}

/// Renders the prompts of raters once, so that a broken template is found before a run begins.
///
/// # Errors
/// As [`Prompts::render`].
pub fn check_prompts(prompts: &Prompts, schedule: &TaxSchedule) -> Result<()> {
    let law = LawText {
        letter: "A",
        brackets: bracket_texts(schedule),
        hours: 40.0,
        income: 41_600.0,
        tax: 5_000.0,
        rebate: 8_000.0,
        disposable: 44_600.0,
        society: SocietyText {
            disposable_deciles: vec![44_600.0; 10],
            labor_mean: 40.0,
            income_mean: 41_600.0,
            gini_disposable: 0.0,
            revenue: 5_000.0,
        },
    };
    for features in [Features::Own, Features::Society, Features::Rates] {
        let context = choice::ComparePrompt {
            persona: None,
            wage: 20.0,
            laws: [law.clone(), law.clone()],
            shown: shown(features),
            options: &choice::options(),
        };
        prompts.render("compare.j2", &context)?;
    }
    let statement = statements::StatementPrompt {
        persona: None,
        wage: 20.0,
        law,
    };
    prompts.render("statement.j2", &statement)?;
    let signal = statements::SignalPrompt {
        statement: "It is fair.",
        options: super::satisfaction::ANSWERS,
    };
    prompts.render("signal.j2", &signal)?;
    super::elections::ballots::check_prompt(prompts, schedule)
}
