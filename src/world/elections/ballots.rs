//! How workers compare platforms.

use super::candidates::Candidate;
use crate::error::Result;
use crate::fiscal::{Outcome, Schedule as TaxSchedule, Society};
use crate::llm::{Content, Prompts};
use crate::population::Persona;
use crate::world::asking::{Asking, Desk, Question};
use crate::world::language::{BracketText, bracket_texts};
use crate::world::planners::Counterpart;
use crate::world::treasury::Treasury;
use crate::world::workers::{Biography, UsualHours, usual_hours};
use crate::world::{Clock, EconomyConstants, Income, Labor, Tax, Wage, WorkerId};
use bevy_ecs::prelude::*;
use rayon::prelude::*;
use serde::Serialize;

/// How votes are cast.
#[derive(Clone, Debug, PartialEq)]
pub enum BallotsBy {
    /// By the utility that each platform would bring the worker, everybody's responses and the
    /// rebate included, in the closed-form counterpart of the society. Who is indifferent among all
    /// candidates stays at home.
    Utility,
    /// By the probabilities that the model gives to the candidates (`choice`), or for the one that
    /// it names (`sample`). Who gives no valid answer stays at home.
    Language(Asking),
}

impl BallotsBy {
    /// Whether a ballot names one candidate and says nothing of the others.
    pub fn name_one(&self) -> bool {
        matches!(self, BallotsBy::Language(asking) if !asking.by_choice)
    }
}

/// A worker as the prompts of an election show it.
#[derive(Clone, Debug, Serialize)]
pub struct PersonText<'a> {
    /// The persona, if the worker has one.
    pub persona: Option<&'a Persona>,
    /// $/hour.
    pub wage: f64,
    /// Per week.
    pub hours: f64,
    /// Pre-tax, $/year.
    pub income: f64,
    /// $/year.
    pub tax: f64,
    /// The equal share of all taxes, $/year.
    pub rebate: f64,
}

/// What a ballot may show.
#[derive(Clone, Debug, Serialize)]
pub struct BallotPrompt<'a> {
    /// Brackets with the rates in force.
    pub brackets: Vec<BracketText>,
    /// Who votes.
    pub person: PersonText<'a>,
    /// Who stands.
    pub candidates: Vec<CandidateText<'a>>,
    /// The admissible answers: the candidates' numbers.
    pub options: &'a [String],
}

impl<'a> BallotPrompt<'a> {
    /// Of a voter under `current`, with candidates' platforms and statements.
    pub(in crate::world) fn new<'b: 'a>(
        person: PersonText<'a>,
        current: &TaxSchedule,
        standing: impl Iterator<Item = (&'b TaxSchedule, Option<&'b str>)>,
        options: &'a [String],
    ) -> Self {
        let income = person.income;
        BallotPrompt {
            brackets: bracket_texts(current),
            person,
            candidates: (standing.enumerate())
                .map(|(i, (platform, statement))| CandidateText {
                    number: i + 1,
                    brackets: bracket_texts(platform),
                    statement,
                    tax: platform.tax(income),
                })
                .collect(),
            options,
        }
    }
}

/// A candidate on a ballot.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateText<'a> {
    /// From 1.
    pub number: usize,
    /// What it would enact.
    pub brackets: Vec<BracketText>,
    /// What it says, if it says something.
    pub statement: Option<&'a str>,
    /// What the voter would pay on the income that it has now, $/year.
    pub tax: f64,
}

type CitizenRow<'a> = (
    &'a WorkerId,
    &'a Wage,
    &'a Labor,
    &'a Income,
    &'a Tax,
    Option<&'a Biography>,
    Option<&'a UsualHours>,
);

/// All workers as citizens.
#[derive(bevy_ecs::system::SystemParam)]
pub struct Citizens<'w, 's> {
    workers: Query<'w, 's, CitizenRow<'static>>,
    counterpart: Res<'w, Counterpart>,
    treasury: Res<'w, Treasury>,
    economy: Res<'w, EconomyConstants>,
    clock: Res<'w, Clock>,
}

impl Citizens<'_, '_> {
    /// Number of workers.
    pub fn count(&self) -> usize {
        self.workers.iter().len()
    }

    /// The closed-form counterpart of the society.
    pub fn society(&self) -> &Society {
        &self.counterpart.0
    }

    /// Where the worker stands in the counterpart: several places where it holds copies.
    pub fn places(&self, worker: usize) -> std::ops::Range<usize> {
        self.society().places(worker)
    }

    /// All workers as prompts show them, in order of id: with their last period, or in the first one
    /// with what their usual hours (40 unless the persona says) would bring under `initial`.
    pub(super) fn people(&self, initial: &TaxSchedule) -> Vec<PersonText<'_>> {
        self.people_with((self.clock.step == 1).then_some(initial))
    }

    /// All workers with the period that ends, in order of id.
    pub(in crate::world) fn people_of_this_period(&self) -> Vec<PersonText<'_>> {
        self.people_with(None)
    }

    /// As [`Citizens::people`]; with usual hours under `initial` where it is given.
    fn people_with(&self, initial: Option<&TaxSchedule>) -> Vec<PersonText<'_>> {
        let mut people: Vec<(u32, PersonText)> = self
            .workers
            .iter()
            .map(|(id, wage, labor, income, tax, biography, usual)| {
                let mut person = PersonText {
                    persona: biography.map(|biography| &biography.0),
                    wage: wage.0,
                    hours: labor.0,
                    income: income.0,
                    tax: tax.0,
                    rebate: self.treasury.rebate,
                };
                if let Some(initial) = initial {
                    person.hours = usual_hours(usual, self.economy.0.labor_max);
                    person.income = self.economy.0.income(wage.0, person.hours);
                    person.tax = initial.tax(person.income);
                }
                (id.0, person)
            })
            .collect();
        people.sort_by_key(|(id, _)| *id);
        let mut people: Vec<PersonText> = people.into_iter().map(|(_, person)| person).collect();
        if initial.is_some() {
            let taxes: f64 = people.iter().map(|person| person.tax).sum();
            let rebate = taxes / people.len().max(1) as f64 - self.economy.0.public_spending;
            people.iter_mut().for_each(|person| person.rebate = rebate);
        }
        people
    }
}

/// Everybody's utilities for the candidates, in order of worker id; `None` for who abstains. `people`
/// are the workers as a ballot shows them.
///
/// # Errors
/// As [`Desk::ask`].
pub(in crate::world) fn cast<'a>(
    by: &BallotsBy,
    candidates: &[Candidate],
    citizens: &'a Citizens,
    people: impl FnOnce() -> Vec<PersonText<'a>>,
    current: &TaxSchedule,
    desk: &mut Desk,
) -> Result<Vec<Option<Vec<f64>>>> {
    match by {
        BallotsBy::Utility => Ok(by_utility(candidates, citizens)),
        BallotsBy::Language(asking) => by_language(asking, candidates, people(), current, desk),
    }
}

fn by_utility(candidates: &[Candidate], citizens: &Citizens) -> Vec<Option<Vec<f64>>> {
    let society = citizens.society();
    let workers = citizens.count();
    let utilities: Vec<Vec<f64>> = candidates
        .par_iter()
        .map_init(Outcome::default, |outcome, candidate| {
            society.outcome_into(&candidate.platform, outcome);
            (0..workers)
                .map(|worker| {
                    let places = citizens.places(worker);
                    let count = places.len() as f64;
                    outcome.utility[places].iter().sum::<f64>() / count
                })
                .collect()
        })
        .collect();
    (0..workers)
        .map(|worker| {
            let ballot: Vec<f64> = utilities.iter().map(|u| u[worker]).collect();
            let size = ballot.iter().fold(0.0, |size: f64, u| size.max(u.abs()));
            // Apart from rounding.
            let same = |u: &f64| (u - ballot[0]).abs() <= 1e-12 * size;
            let indifferent = ballot.len() > 1 && ballot.iter().all(same);
            // Without a finite utility under some platform nothing can be compared.
            let finite = ballot.iter().all(|u| u.is_finite());
            (finite && !indifferent).then_some(ballot)
        })
        .collect()
}

fn by_language(
    asking: &Asking,
    candidates: &[Candidate],
    people: Vec<PersonText>,
    current: &TaxSchedule,
    desk: &mut Desk,
) -> Result<Vec<Option<Vec<f64>>>> {
    let options: Vec<String> = (1..=candidates.len()).map(|n| n.to_string()).collect();
    let readout = asking.one_of(&options);
    let questions = (0..)
        .zip(people)
        .map(|(worker, person)| {
            let standing = (candidates.iter())
                .map(|candidate| (&candidate.platform, candidate.statement.as_deref()));
            let context = BallotPrompt::new(person, current, standing, &options);
            Ok(Question {
                draw: 0,
                worker,
                messages: desk.prompts.0.render("ballot.j2", &context)?,
                readout: readout.clone(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    desk.ask(asking, "vote", &questions, |_, answer, decision| {
        let (ballot, vote) = match &answer.content {
            Content::Choice { log_probs, .. } => {
                let ballot: Vec<f64> = log_probs.iter().map(|p| p.exp()).collect();
                if ballot.iter().any(|u| u.is_nan()) {
                    return Err("no distribution over candidates".into());
                }
                let best =
                    (0..ballot.len()).fold(0, |b, i| if ballot[i] > ballot[b] { i } else { b });
                (ballot, best)
            }
            Content::Text(text) => {
                let vote =
                    (options.iter().position(|option| option == text.trim())).ok_or_else(|| {
                        format!(
                            "not a candidate: {:?}",
                            text.chars().take(80).collect::<String>()
                        )
                    })?;
                let ballot = (0..options.len()).map(|i| f64::from(u8::from(i == vote)));
                (ballot.collect(), vote)
            }
            Content::Failed(why) => return Err(why.clone()),
        };
        decision.vote = Some(vote as u32 + 1);
        Ok((ballot, format!("candidate {}", vote + 1)))
    })
}

pub(in crate::world) fn check_prompt(prompts: &Prompts, schedule: &TaxSchedule) -> Result<()> {
    let options = ["1".to_owned()];
    let context = BallotPrompt {
        brackets: bracket_texts(schedule),
        person: PersonText {
            persona: None,
            wage: 20.0,
            hours: 40.0,
            income: 41_600.0,
            tax: 5_000.0,
            rebate: 8_000.0,
        },
        candidates: vec![CandidateText {
            number: 1,
            brackets: bracket_texts(schedule),
            statement: Some("Fair shares for all."),
            tax: 6_000.0,
        }],
        options: &options,
    };
    prompts.render("ballot.j2", &context).map(|_| ())
}
