//! A language model as planner: in-context reinforcement learning over tax years.
//!
//! At the start of each tax year the model sees the brackets, the objective in words, one row per
//! past tax year (rates, year-mean welfare, revenue, mean income, hours, Gini), the best year so
//! far (a maximum) and, early in the run, a cue to explore. It answers with one whole percentage
//! per bracket, or one change per bracket, under a grammar; or with a move from the best year so far:
//! then the model's exact probabilities over all such moves that no year has tried are read, and one
//! is drawn. Of several written schedules a surrogate of welfare can pick the one that is played.
//! The first year runs under the scenario's initial schedule, so that there is something to learn
//! from.

mod answers;
mod prompt;

pub(in crate::world) use answers::rates_grammar;
pub use answers::{Form, parse_rates};
pub use prompt::{PlannerPrompt, YearText, check_prompt};

use super::TaxRules;
use super::moves::{Move, best, in_final_years, untried};
use super::search::history;
use crate::error::{Error, Result};
use crate::fiscal::Schedule as TaxSchedule;
use crate::llm::{Answer, Content, Key, Message, Readout, Request};
use crate::random::Streams;
use crate::search::surrogate::Surrogate;
use crate::world::asking::{Asking, Models, PromptBook};
use crate::world::language::drawn;
use crate::world::record::{Decision, DecisionCount, Decisions, Years};
use crate::world::thinking::{self, Thought};
use crate::world::{
    Clock, CurrentSchedule, EconomyConstants, Failure, Notes, Phase, PlannerObjective, Seed, Step,
};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use prompt::{prompt, without_welfare};
use rand::RngExt;

/// Random stream of the planner, apart from all workers'.
const PLANNER_STREAM: u64 = u64::MAX;

/// A planner that asks a model.
#[derive(Resource, Clone, Debug)]
pub struct LanguagePlanner {
    /// How the model is asked.
    pub asking: Asking,
    /// Schedules that it proposes, of which a surrogate picks one; `None` plays the one proposed.
    pub proposals: Option<u32>,
    /// Last tax years shown.
    pub memory: usize,
    /// Best tax years shown besides.
    pub best: usize,
    /// Whether the prompt names the best year and says how to go on from it.
    pub hints: bool,
    /// Share of the run over which the cue to explore fades.
    pub exploration: f64,
    /// What it answers.
    pub answers: Answers,
    /// First tax years in which the initial schedule stays.
    pub warm_up: u32,
    /// Last tax years in which the best schedule so far is played.
    pub final_years: u32,
}

/// What a planner answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answers {
    /// A whole percentage for each bracket.
    Rates,
    /// A change of last year's rate for each bracket.
    Steps {
        /// Sizes in percentage points, up and down, besides 0.
        points: Vec<u32>,
    },
    /// A move from the best schedule so far that was not tried.
    Moves {
        /// Sizes in percentage points, up and down.
        points: Vec<u32>,
        /// Draw from p(move | past years) / p(move | the same years without their welfare),
        /// normalised (contextual calibration; Zhao, Wallace, Feng, Klein and Singh 2021), instead of
        /// from p(move | past years): the model's liking for certain numbers cancels.
        calibrated: bool,
    },
}

#[derive(bevy_ecs::system::SystemParam)]
struct Office<'w> {
    clock: Res<'w, Clock>,
    seed: Res<'w, Seed>,
    rules: Res<'w, TaxRules>,
    objective: Res<'w, PlannerObjective>,
    economy: Res<'w, EconomyConstants>,
    years: Res<'w, Years>,
    models: Res<'w, Models>,
    prompts: Res<'w, PromptBook>,
    planner: Res<'w, LanguagePlanner>,
}

fn plan(
    office: Office,
    mut schedule: ResMut<CurrentSchedule>,
    mut count: ResMut<DecisionCount>,
    mut decisions: ResMut<Decisions>,
    mut notes: ResMut<Notes>,
    mut failure: ResMut<Failure>,
) {
    if office.clock.year() <= office.planner.warm_up.max(1) {
        schedule.0 = office.rules.initial.clone();
        return;
    }
    if let Some(best) = best(&office.years.0)
        && in_final_years(&office.clock, office.planner.final_years)
    {
        schedule.0 = best.schedule.clone();
        return;
    }
    let moves = match &office.planner.answers {
        Answers::Moves { points, .. } => match untried(&office.years.0, points) {
            moves if moves.is_empty() => {
                notes.add("in some tax years every move from the best schedule had been tried; the planner played it again");
                if let Some(best) = best(&office.years.0) {
                    schedule.0 = best.schedule.clone();
                }
                return;
            }
            moves => Some(moves),
        },
        _ => None,
    };
    let next = match moves {
        Some(moves) => choose_move(&office, &schedule.0, &moves, &mut count, &mut decisions),
        None => propose(&office, &schedule.0, &mut count, &mut decisions),
    };
    match next {
        Ok(Some(next)) => schedule.0 = next,
        Ok(None) if office.planner.asking.stop => failure.raise(Error::run(format!(
            "year {}: the planner gave no valid answer, and the scenario says to stop",
            office.clock.year()
        ))),
        Ok(None) => {
            notes.add("in some tax years the planner gave no valid answer and kept its rates")
        }
        Err(error) => {
            failure
                .raise(error.context(format!("year {}, asking the planner", office.clock.year())));
        }
    }
}

/// A form for the answers to `messages`.
fn request(office: &Office, attempt: u32, messages: Vec<Message>, readout: Readout) -> Request {
    Request {
        seed: office.seed.0,
        agent: "planner".into(),
        stream: PLANNER_STREAM,
        step: u64::from(office.clock.step),
        attempt,
        messages,
        readout,
    }
}

/// The planner's random number of the step.
fn uniform(office: &Office) -> f64 {
    Streams::new(office.seed.0, "planner")
        .at(0, u64::from(office.clock.step))
        .random()
}

/// A decision as it is recorded.
fn decision(
    office: &Office,
    thought: &Thought,
    attempt: u32,
    next: &Result<TaxSchedule, String>,
) -> Decision {
    let answer = &thought.answer;
    Decision {
        step: office.clock.step,
        agent: "planner",
        question: "rates",
        model: office.planner.asking.model.clone(),
        key: answer.key.to_string(),
        attempt,
        schedule: next.as_ref().ok().map(ToString::to_string),
        error: next.as_ref().err().cloned(),
        prompt_tokens: thought.tokens[0] + answer.prompt_tokens,
        answer_tokens: thought.tokens[1] + answer.answer_tokens,
        ..Decision::default()
    }
}

/// The schedule after a move, drawn from the model's probabilities of all of them; `None` if no
/// attempt gave valid ones.
fn choose_move(
    office: &Office,
    current: &TaxSchedule,
    moves: &[Move],
    count: &mut DecisionCount,
    decisions: &mut Decisions,
) -> Result<Option<TaxSchedule>> {
    let planner = &office.planner;
    let base = best(&office.years.0).map_or(current, |row| &row.schedule);
    let nexts: Vec<TaxSchedule> = moves.iter().map(|step| step.applied_to(base)).collect();
    let options: Vec<String> = nexts.iter().map(answers::option).collect();
    let context = prompt(office, current, options.clone());
    let readout = Readout::Choice { options };
    let template = "planner-moves.j2";
    let mut questions = vec![office.prompts.0.render(template, &context)?];
    if matches!(
        &planner.answers,
        Answers::Moves {
            calibrated: true,
            ..
        }
    ) {
        let blank = without_welfare(context);
        questions.push(office.prompts.0.render(template, &blank)?);
    }
    let mut unanswered = Vec::new();
    for attempt in 0..planner.asking.attempts.max(1) {
        let requests = questions.iter().cloned();
        let requests: Vec<Request> = requests
            .map(|messages| request(office, attempt, messages, readout.clone()))
            .collect();
        let thoughts = thinking::ask(&office.models, &office.prompts.0, &planner.asking, requests)?;
        for thought in &thoughts {
            if matches!(thought.answer.content, Content::Failed(_)) {
                unanswered.push((thought.answer.key, PLANNER_STREAM, attempt));
            }
        }
        let [thought, blank @ ..] = thoughts.as_slice() else {
            return Err(Error::run("no answer came"));
        };
        let blank = blank.first();
        let mut mass = None;
        let next = match &thought.answer.content {
            Content::Choice {
                log_probs,
                admissible_mass,
            } => {
                mass = Some(*admissible_mass);
                relative(log_probs, blank.map(|blank| &blank.answer))
                    .and_then(|log_probs| {
                        drawn(&log_probs, planner.asking.temperature, uniform(office))
                    })
                    .map(|i| nexts[i].clone())
            }
            Content::Failed(why) => Err(why.clone()),
            Content::Text(_) => Err("an answer of another kind than was asked for".into()),
        };
        count.decisions += 1;
        count.failures += u32::from(next.is_err());
        let tokens = |which: fn(&Thought) -> u32| blank.map_or(0, which);
        let own = decision(office, thought, attempt, &next);
        decisions.0.push(Decision {
            readout: "choice",
            admissible_mass: mass,
            prompt_tokens: own.prompt_tokens + tokens(|b| b.tokens[0] + b.answer.prompt_tokens),
            answer_tokens: own.answer_tokens + tokens(|b| b.tokens[1] + b.answer.answer_tokens),
            ..own
        });
        if let Ok(next) = next {
            return Ok(Some(next));
        }
    }
    give_up(office, &unanswered)
}

/// The schedule that the model writes, or of several the one that the surrogate picks; `None` if no
/// attempt gave a valid one.
fn propose(
    office: &Office,
    current: &TaxSchedule,
    count: &mut DecisionCount,
    decisions: &mut Decisions,
) -> Result<Option<TaxSchedule>> {
    let planner = &office.planner;
    let form = match &planner.answers {
        Answers::Steps { points } => Form::steps(current, points),
        Answers::Rates | Answers::Moves { .. } => Form::rates(current),
    };
    let context = prompt(office, current, Vec::new());
    let messages = office.prompts.0.render("planner.j2", &context)?;
    let readout = Readout::Sample {
        grammar: form.grammar(),
        max_tokens: planner.asking.max_tokens,
        temperature: planner.asking.temperature,
        top_p: planner.asking.top_p,
    };
    let proposals = planner.proposals.unwrap_or(1).max(1);
    let mut unanswered = Vec::new();
    for attempt in 0..planner.asking.attempts.max(1) {
        let numbers = attempt * proposals..(attempt + 1) * proposals;
        let requests = numbers
            .clone()
            .map(|number| request(office, number, messages.clone(), readout.clone()))
            .collect();
        let thoughts = thinking::ask(&office.models, &office.prompts.0, &planner.asking, requests)?;
        let mut valid = Vec::new();
        for (number, thought) in numbers.zip(&thoughts) {
            let next = match &thought.answer.content {
                Content::Text(text) => {
                    let next = form.read(text);
                    let noted = next.as_ref().map(ToString::to_string).map_err(Clone::clone);
                    office
                        .models
                        .note(&planner.asking.model, &thought.answer, &noted)?;
                    next
                }
                Content::Failed(why) => {
                    unanswered.push((thought.answer.key, PLANNER_STREAM, number));
                    Err(why.clone())
                }
                Content::Choice { .. } => {
                    Err("an answer of another kind than was asked for".into())
                }
            };
            count.decisions += 1;
            count.failures += u32::from(next.is_err());
            decisions.0.push(Decision {
                readout: "sample",
                ..decision(office, thought, number, &next)
            });
            valid.extend(next.ok());
        }
        if let Some(next) = picked(office, valid) {
            return Ok(Some(next));
        }
    }
    give_up(office, &unanswered)
}

/// Of several proposals the one with the highest expected improvement under the surrogate; where it
/// can tell nothing yet, one by lot.
fn picked(office: &Office, mut proposals: Vec<TaxSchedule>) -> Option<TaxSchedule> {
    if proposals.len() < 2 {
        return proposals.pop();
    }
    let place = match Surrogate::fit(&history(&office.years.0)) {
        Some(surrogate) => {
            let gains = proposals
                .iter()
                .map(|proposal| surrogate.expected_improvement(proposal.rates()));
            let gains: Vec<f64> = gains.collect();
            (0..gains.len()).fold(0, |top, i| if gains[i] > gains[top] { i } else { top })
        }
        None => ((uniform(office) * proposals.len() as f64) as usize).min(proposals.len() - 1),
    };
    Some(proposals.swap_remove(place))
}

/// No valid answer; one that a server or the context left open is asked again by a resumed run.
fn give_up(office: &Office, unanswered: &[(Key, u64, u32)]) -> Result<Option<TaxSchedule>> {
    let asking = &office.planner.asking;
    if asking.stop {
        office
            .models
            .ask_again_later(&asking.model, unanswered, office.clock.step)?;
    }
    Ok(None)
}

/// `log_probs` less those of `blank`, the answer to the same question without evidence.
fn relative(log_probs: &[f64], blank: Option<&Answer>) -> Result<Vec<f64>, String> {
    match blank.map(|blank| &blank.content) {
        None => Ok(log_probs.to_vec()),
        Some(Content::Choice {
            log_probs: prior, ..
        }) => Ok(log_probs.iter().zip(prior).map(|(x, p)| x - p).collect()),
        Some(Content::Failed(why)) => Err(why.clone()),
        Some(Content::Text(_)) => Err("an answer of another kind than was asked for".into()),
    }
}

impl Plugin for LanguagePlanner {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.clone())
            .add_systems(Step, plan.in_set(Phase::Plan));
    }
}
