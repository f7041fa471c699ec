//! Workers whose hours a language model chooses.
//!
//! All such workers of a group are asked together. With the `choice` readout the model's
//! distribution over 0, 10, …, `labor_max` hours is read off exactly and hours are drawn from it
//! with the worker's own random stream (or its mode or mean is taken); with `sample` the model
//! writes a whole number of hours under a grammar. A language model is untrusted: an answer that
//! is not a valid number of hours is counted, asked again, and then the previous hours are kept.

use super::record::{Decision, DecisionCount, Decisions};
use super::thinking::{self, Thought};
use super::workers::Biography;
use super::{
    Clock, CurrentSchedule, Decide, EconomyConstants, Failure, Group, Labor, LanguageModel, Seed,
    Step, Wage, WorkerId,
};
use crate::error::{Error, Result};
use crate::fiscal::{Economy, Schedule as TaxSchedule, Utility as UtilityForm};
use crate::llm::{Answer, Content, Engine, Key, Prompts, Readout, Request};
use crate::population::Persona;
use crate::random::Streams;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rand::RngExt;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// The scenario's models by name, shared by all arms of a run.
#[derive(Resource, Clone)]
pub struct Models(pub Arc<Mutex<BTreeMap<String, Engine>>>);

impl Models {
    /// No model: for worlds in which nobody asks one.
    pub fn none() -> Self {
        Models(Arc::new(Mutex::new(BTreeMap::new())))
    }

    /// Exclusive use of the engines; an arm that panicked before leaves them usable.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Engine>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Writes down beside `answer` in the transcript what it was parsed into, or why it could not be.
    ///
    /// # Errors
    /// The transcript cannot be written.
    pub fn note(&self, name: &str, answer: &Answer, parsed: &Result<String, String>) -> Result<()> {
        match self.lock().get(name) {
            Some(engine) => engine.note(&answer.key, parsed.as_deref().map_err(String::as_str)),
            None => Ok(()),
        }
    }

    /// Says to all models that a period begins.
    pub fn begin_step(&self) {
        self.lock().values_mut().for_each(Engine::begin_step);
    }

    /// As [`Engine::ask_again_later`] of the model called `name`.
    ///
    /// # Errors
    /// The transcript cannot be written.
    pub fn ask_again_later(&self, name: &str, failed: &[(Key, u64, u32)], step: u32) -> Result<()> {
        match self.lock().get_mut(name) {
            Some(engine) => engine.ask_again_later(failed, u64::from(step)),
            None => Ok(()),
        }
    }

    /// Asks the model called `name`.
    ///
    /// # Errors
    /// No such model, or as [`Engine::ask`].
    pub fn ask(&self, name: &str, requests: &[Request]) -> Result<Vec<Answer>> {
        let mut engines = self.lock();
        let engine = engines
            .get_mut(name)
            .ok_or_else(|| Error::run(format!("model `{name}` is not open")))?;
        engine.ask(requests)
    }
}

/// The prompts that come with fisc; a scenario's `prompts` folder can replace each by file name.
pub const PROMPTS: [(&str, &str); 4] = [
    ("worker.j2", include_str!("../../prompts/worker.j2")),
    ("planner.j2", include_str!("../../prompts/planner.j2")),
    (
        "planner-moves.j2",
        include_str!("../../prompts/planner-moves.j2"),
    ),
    (thinking::TEMPLATE, include_str!("../../prompts/think.j2")),
];

/// Prompt templates of the run.
#[derive(Resource, Clone)]
pub struct PromptBook(pub Arc<Prompts>);

/// How hours are taken from a choice distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceRule {
    /// Drawn from the distribution.
    Draw,
    /// The most probable option.
    Mode,
    /// The mean of the distribution.
    Mean,
}

/// How an answer is read off a model, and what happens when it is not valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    /// Name of the model in the scenario.
    pub model: String,
    /// `choice` (else `sample`).
    pub by_choice: bool,
    /// Divides log-probabilities; 0 takes the mode.
    pub temperature: f64,
    /// Nucleus of `sample`.
    pub top_p: f64,
    /// Longest answer of `sample`, in tokens.
    pub max_tokens: usize,
    /// Longest thought before the answer, in tokens; 0 answers directly.
    pub think: usize,
    /// Tries in all, at least 1.
    pub attempts: u32,
    /// Whether an answer that stays invalid stops the run (else the previous action is kept).
    pub stop: bool,
}

/// Hours between the options of the `choice` readout.
pub const HOURS_STEP: f64 = 10.0;

/// Hours that count as a worker's previous ones in the first step if its persona names none.
pub const USUAL_HOURS: f64 = 40.0;

/// One group's settings, by index of group; `None` for groups that do not ask a model.
#[derive(Resource, Clone, Debug)]
struct AskingByGroup(Vec<Option<(Asking, ChoiceRule)>>);

/// A bracket as prompts see it.
#[derive(Clone, Debug, Serialize)]
pub struct BracketText {
    /// $/year.
    pub lower: f64,
    /// $/year; none for the open top.
    pub upper: Option<f64>,
    /// Percent.
    pub percent: f64,
}

/// The brackets of a schedule for prompts.
pub fn bracket_texts(schedule: &TaxSchedule) -> Vec<BracketText> {
    (0..schedule.brackets())
        .map(|k| BracketText {
            lower: schedule.edges()[k],
            upper: Some(schedule.upper(k)).filter(|upper| upper.is_finite()),
            percent: 100.0 * schedule.rates()[k],
        })
        .collect()
}

/// What a worker's prompt may show.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerPrompt<'a> {
    /// Brackets in force.
    pub brackets: Vec<BracketText>,
    /// Hours per week, at most.
    pub labor_max: f64,
    /// Admissible hours.
    pub options: &'a [String],
    /// What each option would mean.
    pub outcomes: Vec<OptionOutcome>,
    /// $/hour.
    pub wage: f64,
    /// The persona, if the worker has one.
    pub persona: Option<&'a Persona>,
    /// Whether utility is in dollars.
    pub quasilinear: bool,
}

/// One option of a worker.
#[derive(Clone, Debug, Serialize)]
pub struct OptionOutcome {
    /// Hours per week.
    pub hours: f64,
    /// Pre-tax, $/year.
    pub income: f64,
    /// $/year.
    pub tax: f64,
    /// After tax without rebate, $/year.
    pub take_home: f64,
    /// Disutility of these hours, $/year under quasilinear utility.
    pub effort: f64,
}

/// The options 0, 10, …, `labor_max` (the limit itself is always one).
pub fn hour_options(labor_max: f64) -> Vec<f64> {
    let whole = (labor_max / HOURS_STEP).floor() as u32;
    let mut options: Vec<f64> = (0..=whole).map(|i| f64::from(i) * HOURS_STEP).collect();
    if options.last().is_some_and(|last| *last < labor_max) {
        options.push(labor_max);
    }
    options
}

/// What the prompt of one worker shows.
pub fn worker_prompt<'a>(
    economy: &Economy,
    schedule: &TaxSchedule,
    wage: f64,
    persona: Option<&'a Persona>,
    hours: &[f64],
    options: &'a [String],
) -> WorkerPrompt<'a> {
    let outcomes = hours
        .iter()
        .map(|&hours| {
            let income = economy.income(wage, hours);
            let tax = schedule.tax(income);
            OptionOutcome {
                hours,
                income,
                tax,
                take_home: income - tax,
                effort: economy.disutility(hours),
            }
        })
        .collect();
    WorkerPrompt {
        brackets: bracket_texts(schedule),
        labor_max: economy.labor_max,
        options,
        outcomes,
        wage,
        persona,
        quasilinear: economy.utility == UtilityForm::Quasilinear,
    }
}

/// Renders the worker's prompt once, so that a broken template is found before a run begins.
///
/// # Errors
/// As [`Prompts::render`].
pub fn check_prompt(
    prompts: &Prompts,
    economy: &Economy,
    schedule: &TaxSchedule,
    persona: Option<&Persona>,
) -> Result<()> {
    let hours = hour_options(economy.labor_max);
    let options: Vec<String> = hours.iter().map(f64::to_string).collect();
    let context = worker_prompt(economy, schedule, 20.0, persona, &hours, &options);
    prompts.render("worker.j2", &context).map(|_| ())
}

/// Grammar of a whole number of hours from 0 to `labor_max`.
fn hours_grammar(labor_max: f64) -> String {
    let numbers: Vec<String> = (0..=labor_max.floor() as u32)
        .map(|h| format!("\"{h}\""))
        .collect();
    format!("root ::= {}", numbers.join(" | "))
}

/// Reads hours from a text.
///
/// # Errors
/// Not a number, or outside [0, `labor_max`]; says what was found.
pub fn parse_hours(text: &str, labor_max: f64) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(hours) if (0.0..=labor_max).contains(&hours) => Ok(hours),
        Ok(hours) => Err(format!("{hours} hours are not in [0, {labor_max}]")),
        Err(_) => Err(format!(
            "not a number of hours: {:?}",
            text.chars().take(80).collect::<String>()
        )),
    }
}

/// Hours from a choice distribution: (chosen, mean). `uniform` in [0, 1) draws by inverse CDF, so
/// that a worker's draws under two schedules move together (common random numbers).
pub fn hours_from_choice(
    log_probs: &[f64],
    hours: &[f64],
    temperature: f64,
    rule: ChoiceRule,
    uniform: f64,
) -> Result<(f64, f64), String> {
    let (mode, weights) = weights(log_probs, temperature)?;
    let total: f64 = weights.iter().sum();
    let mean = weights.iter().zip(hours).map(|(p, h)| p * h).sum::<f64>() / total;
    let chosen = match rule {
        ChoiceRule::Mode => hours[mode],
        ChoiceRule::Mean => mean,
        ChoiceRule::Draw => hours[at(&weights, uniform)],
    };
    Ok((chosen, mean))
}

/// Index of an option drawn from a choice distribution at `temperature` (0: the most probable) by
/// inverse CDF with `uniform` in [0, 1).
///
/// # Errors
/// A log-probability that is not a number, or none above −∞.
pub fn drawn(log_probs: &[f64], temperature: f64, uniform: f64) -> Result<usize, String> {
    Ok(at(&weights(log_probs, temperature)?.1, uniform))
}

/// The most probable option and p^{1/temperature} of each relative to it; at temperature 0 only
/// the most probable counts.
fn weights(log_probs: &[f64], temperature: f64) -> Result<(usize, Vec<f64>), String> {
    let best = log_probs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !best.is_finite() || log_probs.iter().any(|p| p.is_nan()) {
        return Err("no distribution: a log-probability is not a number".into());
    }
    let mode = log_probs.iter().position(|&p| p == best).unwrap_or(0);
    let weight = |(i, p): (usize, &f64)| match temperature {
        0.0 => f64::from(u8::from(i == mode)),
        _ => ((p - best) / temperature).exp(),
    };
    Ok((mode, log_probs.iter().enumerate().map(weight).collect()))
}

fn at(weights: &[f64], uniform: f64) -> usize {
    let mut left = uniform * weights.iter().sum::<f64>();
    let drawn = weights.iter().position(|p| {
        left -= p;
        left < 0.0
    });
    drawn.unwrap_or(weights.len() - 1)
}

type AskedWorkers<'w, 's> = Query<
    'w,
    's,
    (
        &'static WorkerId,
        &'static Group,
        &'static Wage,
        Option<&'static Biography>,
        &'static mut Labor,
    ),
    With<LanguageModel>,
>;

#[derive(bevy_ecs::system::SystemParam)]
struct Book<'w> {
    clock: Res<'w, Clock>,
    seed: Res<'w, Seed>,
    count: ResMut<'w, DecisionCount>,
    decisions: ResMut<'w, Decisions>,
    failure: ResMut<'w, Failure>,
}

fn ask_workers(
    economy: Res<EconomyConstants>,
    schedule: Res<CurrentSchedule>,
    models: Res<Models>,
    prompts: Res<PromptBook>,
    asking: Res<AskingByGroup>,
    mut book: Book,
    mut workers: AskedWorkers,
) {
    for (group, settings) in asking.0.iter().enumerate() {
        let Some((asking, rule)) = settings else {
            continue;
        };
        let members: Vec<_> = workers
            .iter_mut()
            .filter(|(_, g, ..)| g.0 as usize == group)
            .collect();
        let asked = ask_group(
            &economy.0,
            &schedule.0,
            &models,
            &prompts,
            asking,
            *rule,
            &mut book,
            members,
        );
        if let Err(error) = asked {
            book.failure
                .raise(error.context(format!("step {}, asking workers", book.clock.step)));
            return;
        }
    }
}

type Member<'a> = (
    &'a WorkerId,
    &'a Group,
    &'a Wage,
    Option<&'a Biography>,
    Mut<'a, Labor>,
);

#[expect(
    clippy::too_many_arguments,
    reason = "a system's parameters, passed on"
)]
fn ask_group(
    economy: &Economy,
    schedule: &TaxSchedule,
    models: &Models,
    prompts: &PromptBook,
    asking: &Asking,
    rule: ChoiceRule,
    book: &mut Book,
    mut members: Vec<Member>,
) -> Result<()> {
    let (seed, step) = (book.seed.0, book.clock.step);
    let hours = hour_options(economy.labor_max);
    let options: Vec<String> = hours.iter().map(f64::to_string).collect();
    let readout = if asking.by_choice {
        Readout::Choice {
            options: options.clone(),
        }
    } else {
        Readout::Sample {
            grammar: hours_grammar(economy.labor_max),
            max_tokens: asking.max_tokens,
            temperature: asking.temperature,
            top_p: asking.top_p,
        }
    };
    let streams = Streams::new(seed, "choice");
    members.sort_unstable_by_key(|(id, ..)| **id);
    let mut open: Vec<usize> = (0..members.len()).collect();
    let mut unanswered = Vec::new();
    for attempt in 0..asking.attempts.max(1) {
        let requests = open
            .iter()
            .map(|&i| {
                let (id, _, wage, biography, _) = &members[i];
                let persona = biography.map(|b| &b.0);
                let context = worker_prompt(economy, schedule, wage.0, persona, &hours, &options);
                Ok(Request {
                    seed,
                    agent: format!("worker {}", id.0),
                    stream: u64::from(id.0),
                    step: u64::from(step),
                    attempt,
                    messages: prompts.0.render("worker.j2", &context)?,
                    readout: readout.clone(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let thoughts = thinking::ask(models, &prompts.0, asking, requests)?;
        let mut failed = Vec::new();
        for (&i, Thought { answer, tokens }) in open.iter().zip(&thoughts) {
            let (id, .., labor) = &mut members[i];
            let mut decision = Decision {
                step,
                agent: "worker",
                worker: Some(id.0),
                model: asking.model.clone(),
                readout: if asking.by_choice { "choice" } else { "sample" },
                key: answer.key.to_string(),
                attempt,
                labor: None,
                labor_expected: None,
                admissible_mass: None,
                schedule: None,
                error: None,
                prompt_tokens: answer.prompt_tokens + tokens[0],
                answer_tokens: answer.answer_tokens + tokens[1],
            };
            book.count.decisions += 1;
            let chosen = match &answer.content {
                Content::Choice {
                    log_probs,
                    admissible_mass,
                } => {
                    let uniform = streams.at(u64::from(id.0), u64::from(step)).random();
                    decision.admissible_mass = Some(*admissible_mass);
                    hours_from_choice(log_probs, &hours, asking.temperature, rule, uniform).map(
                        |(chosen, mean)| {
                            decision.labor_expected = Some(mean);
                            chosen
                        },
                    )
                }
                Content::Text(text) => {
                    let parsed = parse_hours(text, economy.labor_max);
                    let noted = parsed.clone().map(|hours| format!("{hours} hours/week"));
                    models.note(&asking.model, answer, &noted)?;
                    parsed
                }
                Content::Failed(why) => {
                    unanswered.push((answer.key, u64::from(id.0), attempt));
                    Err(why.clone())
                }
            };
            match chosen {
                Ok(chosen) => {
                    labor.0 = chosen;
                    decision.labor = Some(chosen);
                }
                Err(error) => {
                    book.count.failures += 1;
                    decision.error = Some(error);
                    failed.push(i);
                }
            }
            book.decisions.0.push(decision);
        }
        open = failed;
        if open.is_empty() {
            return Ok(());
        }
    }
    if asking.stop {
        models.ask_again_later(&asking.model, &unanswered, step)?;
        let worker = members[open[0]].0.0;
        return Err(Error::run(format!(
            "worker {worker} gave no valid answer in {} attempts, and the scenario says to stop",
            asking.attempts
        )));
    }
    // The others keep their previous hours; in the first step those of their persona.
    if step == 1 {
        for i in open {
            let (.., biography, labor) = &mut members[i];
            // A persona brought in a file need not state its hours.
            let stated = biography
                .map(|b| f64::from(b.0.usual_hours))
                .filter(|hours| *hours > 0.0);
            labor.0 = stated.unwrap_or(USUAL_HOURS).min(economy.labor_max);
        }
    }
    Ok(())
}

/// Hours by language model, for the groups whose settings are given.
#[derive(Clone, Debug)]
pub struct LanguageWorkersPlugin {
    /// One entry per `[[workers]]` group; `None` where it does not ask a model.
    pub asking: Vec<Option<(Asking, ChoiceRule)>>,
}

impl Plugin for LanguageWorkersPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(AskingByGroup(self.asking.clone()))
            .add_systems(
                Step,
                // Groups are disjoint, but the scheduler cannot know it.
                ask_workers
                    .in_set(Decide::Given)
                    .after(super::workers::keep_fixed_hours),
            );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_the_limit() {
        assert_eq!(hour_options(100.0).len(), 11);
        assert_eq!(hour_options(45.0), [0.0, 10.0, 20.0, 30.0, 40.0, 45.0]);
    }

    #[test]
    fn hours_are_parsed_or_refused() {
        assert_eq!(parse_hours(" 35 ", 100.0), Ok(35.0));
        for text in ["", "forty", "101", "-1", "NaN", "inf", "30%", "3 0"] {
            assert!(parse_hours(text, 100.0).is_err(), "{text}");
        }
    }

    /// P = ½, ¼, ¼ on 0, 10, 20: drawn by inverse CDF; mean 7.5; squared at temperature ½.
    #[test]
    fn hours_from_a_distribution() {
        let log_probs = [0.5f64.ln(), 0.25f64.ln(), 0.25f64.ln()];
        let hours = [0.0, 10.0, 20.0];
        let draw = |u| {
            hours_from_choice(&log_probs, &hours, 1.0, ChoiceRule::Draw, u)
                .unwrap()
                .0
        };
        assert_eq!(
            [0.0, 0.49, 0.51, 0.74, 0.76, 0.999_999].map(draw),
            [0.0, 0.0, 10.0, 10.0, 20.0, 20.0]
        );
        let (mean, again) =
            hours_from_choice(&log_probs, &hours, 1.0, ChoiceRule::Mean, 0.3).unwrap();
        assert!((mean - 7.5).abs() < 1e-12 && mean == again);
        let (mean, _) = hours_from_choice(&log_probs, &hours, 0.5, ChoiceRule::Mean, 0.3).unwrap();
        assert!((mean - 30.0 / 6.0).abs() < 1e-12);
        assert_eq!(
            hours_from_choice(&log_probs, &hours, 0.0, ChoiceRule::Draw, 0.9)
                .unwrap()
                .0,
            0.0
        );
        let broken = [f64::NEG_INFINITY; 3];
        assert!(hours_from_choice(&broken, &hours, 1.0, ChoiceRule::Draw, 0.5).is_err());
        let broken = [0.0, f64::NAN, 0.0];
        assert!(hours_from_choice(&broken, &hours, 1.0, ChoiceRule::Draw, 0.5).is_err());
    }
}
