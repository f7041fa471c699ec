//! Workers whose hours a language model chooses.
//!
//! All such workers of a group are asked together. With the `choice` readout the model's
//! distribution over 0, 10, …, `labor_max` hours is read off exactly and hours are drawn from it
//! with the worker's own random stream (or its mode or mean is taken); with `sample` the model
//! writes a whole number of hours under a grammar. A language model is untrusted: an answer that
//! is not a valid number of hours is counted, asked again, and then the previous hours are kept.

use super::asking::{Asking, Desk, Question};
use super::recall::{self, Recall, Recalling, Recollection, Recollections};
use super::treasury::Treasury;
use super::workers::{Biography, Tastes, UsualHours, usual_hours};
use super::{
    Clock, CurrentSchedule, Decide, Disposable, Group, Income, Labor, LanguageModel, Notes, Phase,
    PlannerObjective, Step, Tax, Utility, Wage, WorkerId,
};
use crate::error::Result;
use crate::fiscal::choice::{at_quantile, hour_options};
use crate::fiscal::{Economy, Motive, Objective, Schedule as TaxSchedule, Utility as UtilityForm};
use crate::llm::{Content, Prompts, Readout};
use crate::population::Persona;
use crate::random::Streams;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rand::RngExt;
use serde::Serialize;
use std::borrow::Cow;

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

/// How the workers of a group are asked for their hours.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupAsking {
    /// The model and what is made of its answers.
    pub asking: Asking,
    /// What is taken from a distribution over hours.
    pub rule: ChoiceRule,
    /// Past periods shown.
    pub memory: Recall,
    /// Whose good the workers are after.
    pub motive: Motive,
}

/// One group's settings, by index of group; `None` for groups that do not ask a model.
#[derive(Resource, Clone, Debug)]
pub(super) struct AskingByGroup(Vec<Option<GroupAsking>>);

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
    /// The worker's last periods, oldest first.
    pub past: Vec<Period>,
    /// The period in which its utility was highest so far, if it remembers.
    pub best: Option<Period>,
    /// `self`, `altruistic` or `adversarial`.
    pub motive: &'static str,
    /// What is to be maximised by planner and altruists, in words.
    pub objective: String,
}

/// A past period as its worker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Period {
    /// From 1.
    pub period: u32,
    /// Per week.
    pub hours: f64,
    /// Pre-tax, $/year.
    pub income: f64,
    /// $/year.
    pub tax: f64,
    /// The equal share of all taxes, $/year.
    pub rebate: f64,
    /// Income less tax plus rebate, $/year.
    pub disposable: f64,
    /// $/year under quasilinear utility.
    pub utility: f64,
}

/// What a worker remembers.
#[derive(Component, Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Last periods, oldest first.
    pub past: Vec<Period>,
    /// The one with the highest utility; of equal ones the first.
    pub best: Option<Period>,
}

impl Memory {
    /// Adds a period and forgets those before the last `span`.
    fn remember(&mut self, period: Period, span: usize) {
        if self.best.is_none_or(|best| period.utility > best.utility) {
            self.best = Some(period);
        }
        self.past.push(period);
        let forgotten = self.past.len().saturating_sub(span);
        self.past.drain(..forgotten);
    }
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

/// What all workers of a group are told alike.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The economy with the group's preferences.
    pub economy: &'a Economy,
    /// In force.
    pub schedule: &'a TaxSchedule,
    /// Whose good the group is after.
    pub motive: Motive,
    /// What the planner maximises.
    pub objective: &'a Objective,
    /// Admissible hours.
    pub hours: &'a [f64],
    /// The same as texts.
    pub options: &'a [String],
}

/// What the prompt of one worker shows.
pub fn worker_prompt<'a>(
    setting: &Setting<'a>,
    wage: f64,
    persona: Option<&'a Persona>,
    memory: Option<&Memory>,
) -> WorkerPrompt<'a> {
    let Setting {
        economy, schedule, ..
    } = setting;
    let outcomes = setting
        .hours
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
        options: setting.options,
        outcomes,
        wage,
        persona,
        quasilinear: economy.utility == UtilityForm::Quasilinear,
        past: memory.map(|memory| memory.past.clone()).unwrap_or_default(),
        best: memory.and_then(|memory| memory.best),
        motive: setting.motive.name(),
        objective: setting.objective.in_words(),
    }
}

/// Renders the worker's prompt with and without a past, so that a broken template is found before
/// a run begins.
///
/// # Errors
/// As [`Prompts::render`].
pub fn check_prompt(
    prompts: &Prompts,
    economy: &Economy,
    schedule: &TaxSchedule,
    objective: &Objective,
    persona: Option<&Persona>,
) -> Result<()> {
    let hours = hour_options(economy.labor_max);
    let options: Vec<String> = hours.iter().map(f64::to_string).collect();
    let mut memory = Memory::default();
    let period = Period {
        period: 1,
        hours: 40.0,
        income: 40_000.0,
        tax: 4_000.0,
        rebate: 5_000.0,
        disposable: 41_000.0,
        utility: 30_000.0,
    };
    memory.remember(period, 1);
    for (motive, memory) in [
        (Motive::Own, None),
        (Motive::Altruistic, Some(&memory)),
        (Motive::Adversarial, Some(&memory)),
    ] {
        let setting = Setting {
            economy,
            schedule,
            motive,
            objective,
            hours: &hours,
            options: &options,
        };
        let context = worker_prompt(&setting, 20.0, persona, memory);
        prompts.render("worker.j2", &context)?;
    }
    recall::check_prompt(prompts, schedule, persona, period)
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
        ChoiceRule::Draw => hours[at_quantile(&weights, uniform)],
    };
    Ok((chosen, mean))
}

/// Index of an option drawn from a choice distribution at `temperature` (0: the most probable) by
/// inverse CDF with `uniform` in [0, 1).
///
/// # Errors
/// A log-probability that is not a number, or none above −∞.
pub fn drawn(log_probs: &[f64], temperature: f64, uniform: f64) -> Result<usize, String> {
    Ok(at_quantile(&weights(log_probs, temperature)?.1, uniform))
}

/// Probabilities of the options of a choice distribution at `temperature` (0: the most probable one for
/// certain).
///
/// # Errors
/// As [`drawn`].
pub fn choice_probabilities(log_probs: &[f64], temperature: f64) -> Result<Vec<f64>, String> {
    let (_, weights) = weights(log_probs, temperature)?;
    let total: f64 = weights.iter().sum();
    Ok(weights.iter().map(|weight| weight / total).collect())
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

pub(super) type AskedWorkers<'w, 's> = Query<
    'w,
    's,
    (
        &'static WorkerId,
        &'static Group,
        &'static Wage,
        Option<&'static Biography>,
        Option<&'static UsualHours>,
        Option<&'static Memory>,
        &'static mut Labor,
    ),
    With<LanguageModel>,
>;

#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
pub(super) fn ask_workers(
    tastes: Res<Tastes>,
    schedule: Res<CurrentSchedule>,
    objective: Res<PlannerObjective>,
    groups: Res<AskingByGroup>,
    treasury: Res<Treasury>,
    mut known: ResMut<Recollections>,
    mut notes: ResMut<Notes>,
    mut desk: Desk,
    mut workers: AskedWorkers,
) {
    known.0.resize_with(groups.0.len(), Recollection::default);
    for (group, settings) in groups.0.iter().enumerate() {
        let Some(settings) = settings else {
            continue;
        };
        let economy = &tastes.0[group];
        let hours = hour_options(economy.labor_max);
        let options: Vec<String> = hours.iter().map(f64::to_string).collect();
        let setting = Setting {
            economy,
            schedule: &schedule.0,
            motive: settings.motive,
            objective: &objective.0,
            hours: &hours,
            options: &options,
        };
        let mut members: Vec<Member> = workers
            .iter_mut()
            .filter(|(_, g, ..)| g.0 as usize == group)
            .map(|(id, _, wage, biography, usual, memory, labor)| Member {
                id: id.0,
                wage: wage.0,
                persona: biography.map(|biography| &biography.0),
                usual_hours: usual_hours(usual, economy.labor_max),
                memory: memory.map(Cow::Borrowed),
                labor,
            })
            .collect();
        members.sort_unstable_by_key(|member| member.id);
        let recalled = match &settings.memory {
            Recall::Last(_) => Ok(()),
            Recall::Useful(useful) => Recalling {
                setting: &setting,
                asking: &settings.asking,
                useful,
                rebate: treasury.rebate,
            }
            .recall(&mut known.0[group], &members, &mut desk)
            .map(|memories| {
                for (member, memory) in members.iter_mut().zip(memories) {
                    member.memory = Some(Cow::Owned(memory));
                }
            }),
        };
        let asked = recalled.and_then(|()| ask_group(&setting, settings, &mut desk, members));
        if let Err(error) = asked {
            let context = format!("step {}, asking workers", desk.clock.step);
            desk.failure.raise(error.context(context));
            return;
        }
        if let (Recall::Useful(useful), true) =
            (&settings.memory, desk.clock.step == desk.clock.steps)
        {
            let unit = match economy.utility {
                UtilityForm::Quasilinear => " $/year",
                UtilityForm::Isoelastic { .. } => " utils",
            };
            notes.add(known.0[group].in_words(group, useful, unit));
        }
    }
}

/// A worker who is asked.
pub(super) struct Member<'a> {
    pub(super) id: u32,
    pub(super) wage: f64,
    pub(super) persona: Option<&'a Persona>,
    usual_hours: f64,
    pub(super) memory: Option<Cow<'a, Memory>>,
    labor: Mut<'a, Labor>,
}

fn ask_group(
    setting: &Setting,
    settings: &GroupAsking,
    desk: &mut Desk,
    members: Vec<Member>,
) -> Result<()> {
    let (asking, labor_max) = (&settings.asking, setting.economy.labor_max);
    let readout = if asking.by_choice {
        Readout::Choice {
            options: setting.options.to_vec(),
        }
    } else {
        Readout::Sample {
            grammar: hours_grammar(labor_max),
            max_tokens: asking.max_tokens,
            temperature: asking.temperature,
            top_p: asking.top_p,
        }
    };
    let prompts = &desk.prompts.0;
    let questions = members
        .iter()
        .map(|member| {
            let context = worker_prompt(
                setting,
                member.wage,
                member.persona,
                member.memory.as_deref(),
            );
            Ok(Question {
                draw: 0,
                worker: member.id,
                messages: prompts.render("worker.j2", &context)?,
                readout: readout.clone(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let streams = Streams::new(desk.seed.0, "choice");
    let step = desk.clock.step;
    let chosen = desk.ask(asking, "hours", &questions, |i, answer, decision| {
        let hours = match &answer.content {
            Content::Choice { log_probs, .. } => {
                let uniform = streams
                    .at(u64::from(members[i].id), u64::from(step))
                    .random();
                let (temperature, rule) = (asking.temperature, settings.rule);
                let (hours, mean) =
                    hours_from_choice(log_probs, setting.hours, temperature, rule, uniform)?;
                decision.labor_expected = Some(mean);
                hours
            }
            Content::Text(text) => parse_hours(text, labor_max)?,
            Content::Failed(why) => return Err(why.clone()),
        };
        decision.labor = Some(hours);
        Ok((hours, format!("{hours} hours/week")))
    })?;
    for (mut member, chosen) in members.into_iter().zip(chosen) {
        // Without a valid answer the previous hours stay; in the first step those of the persona.
        let kept = if step == 1 {
            member.usual_hours
        } else {
            member.labor.0
        };
        member.labor.0 = chosen.unwrap_or(kept);
    }
    Ok(())
}

/// What the period brought each worker with a memory.
fn remember(
    clock: Res<Clock>,
    treasury: Res<Treasury>,
    groups: Res<AskingByGroup>,
    mut workers: Query<(
        &Group,
        &Labor,
        &Income,
        &Tax,
        &Disposable,
        &Utility,
        &mut Memory,
    )>,
) {
    for (group, labor, income, tax, disposable, utility, mut memory) in &mut workers {
        let Some(settings) = &groups.0[group.0 as usize] else {
            continue;
        };
        let period = Period {
            period: clock.step,
            hours: labor.0,
            income: income.0,
            tax: tax.0,
            rebate: treasury.rebate,
            disposable: disposable.0,
            utility: utility.0,
        };
        memory.remember(period, settings.memory.span());
    }
}

/// Hours by language model, for the groups whose settings are given.
#[derive(Clone, Debug)]
pub struct LanguageWorkersPlugin {
    /// One entry per `[[workers]]` group; `None` where it does not ask a model.
    pub asking: Vec<Option<GroupAsking>>,
}

impl Plugin for LanguageWorkersPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(AskingByGroup(self.asking.clone()))
            .init_resource::<Recollections>()
            .add_systems(
                Step,
                // Groups are disjoint, but the scheduler cannot know it.
                ask_workers
                    .in_set(Decide::Given)
                    .after(super::workers::keep_fixed_hours)
                    .before(super::habits::Habits),
            )
            .add_systems(Step, remember.in_set(Phase::Learn));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
