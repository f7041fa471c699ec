//! Bounded workers: satisfaction with the tax policy scales utility.
//!
//! A language model is asked in the first step of each tax year, when it knows what it earned,
//! paid and got back under the schedule of that year; its answer stands for the year.

use super::asking::{Asking, Desk, Question};
use super::clock::new_tax_year;
use super::language::{BracketText, bracket_texts};
use super::treasury::{Treasury, pay_rebate};
use super::workers::Biography;
use super::{
    Account, CurrentSchedule, Disposable, Group, Income, Labor, LanguageModel, Phase, Step, Tax,
    Utility, Wage, WorkerId,
};
use crate::error::Result;
use crate::fiscal::Schedule as TaxSchedule;
use crate::fiscal::society::bounded_utility;
use crate::llm::{Content, Prompts};
use crate::population::Persona;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use serde::Serialize;

/// A worker whose dissatisfaction with the tax policy lowers its utility (see [`bounded_utility`]).
#[derive(Component, Clone, Copy, Debug, PartialEq)]
pub struct Bounded {
    /// Factor of a worker who is surely dissatisfied, 0 to 1.
    pub dissatisfied: f64,
    /// Utility where there is neither tax nor rebate.
    pub without_policy: f64,
    /// Probability of being satisfied.
    pub satisfied: f64,
}

/// A closed-form worker is satisfied if it is no worse off than without any tax policy.
fn judge(mut workers: Query<(&Utility, &mut Bounded), Without<LanguageModel>>) {
    for (utility, mut bounded) in &mut workers {
        bounded.satisfied = f64::from(u8::from(utility.0 >= bounded.without_policy));
    }
}

fn weigh(mut workers: Query<(&Bounded, &mut Utility)>) {
    for (bounded, mut utility) in &mut workers {
        utility.0 = bounded_utility(utility.0, bounded.dissatisfied, bounded.satisfied);
    }
}

/// Order inside [`Account::Utility`]: consumption and work, then satisfaction.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weigh;

/// The answers to `satisfaction.j2`, yes first.
pub const ANSWERS: [&str; 2] = ["YES", "NO"];

/// What the question for satisfaction may show.
#[derive(Clone, Debug, Serialize)]
pub struct SatisfactionPrompt<'a> {
    /// Brackets in force.
    pub brackets: Vec<BracketText>,
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
    /// Income less tax plus rebate, $/year.
    pub disposable: f64,
    /// The admissible answers.
    pub options: [&'static str; 2],
}

/// Renders the question once, so that a broken template is found before a run begins.
///
/// # Errors
/// As [`Prompts::render`].
pub fn check_prompt(
    prompts: &Prompts,
    schedule: &TaxSchedule,
    persona: Option<&Persona>,
) -> Result<()> {
    let context = SatisfactionPrompt {
        brackets: bracket_texts(schedule),
        persona,
        wage: 20.0,
        hours: 40.0,
        income: 41_600.0,
        tax: 5_000.0,
        rebate: 8_000.0,
        disposable: 44_600.0,
        options: ANSWERS,
    };
    prompts.render("satisfaction.j2", &context).map(|_| ())
}

/// P(satisfied) from the log-probabilities of [`ANSWERS`]: P(yes)/(P(yes) + P(no)).
///
/// # Errors
/// No probability on either.
pub fn satisfied_from_choice(log_probs: &[f64]) -> Result<f64, String> {
    match log_probs {
        [yes, no] if yes.max(*no).is_finite() && !yes.is_nan() && !no.is_nan() => {
            Ok(1.0 / (1.0 + (no - yes).exp()))
        }
        _ => Err("no distribution over yes and no".into()),
    }
}

#[derive(Resource, Clone, Debug)]
struct AskingByGroup(Vec<Option<Asking>>);

type Judging<'w, 's> = Query<
    'w,
    's,
    (
        &'static WorkerId,
        &'static Group,
        &'static Wage,
        &'static Labor,
        &'static Income,
        &'static Tax,
        &'static Disposable,
        Option<&'static Biography>,
        &'static mut Bounded,
    ),
    With<LanguageModel>,
>;

fn ask(
    schedule: Res<CurrentSchedule>,
    treasury: Res<Treasury>,
    groups: Res<AskingByGroup>,
    mut desk: Desk,
    mut workers: Judging,
) {
    for (group, asking) in groups.0.iter().enumerate() {
        let Some(asking) = asking else {
            continue;
        };
        if let Err(error) = ask_group(group, asking, &schedule, &treasury, &mut desk, &mut workers)
        {
            let context = format!("step {}, asking for satisfaction", desk.clock.step);
            desk.failure.raise(error.context(context));
            return;
        }
    }
}

fn ask_group(
    group: usize,
    asking: &Asking,
    schedule: &CurrentSchedule,
    treasury: &Treasury,
    desk: &mut Desk,
    workers: &mut Judging,
) -> Result<()> {
    let readout = asking.one_of(&ANSWERS.map(str::to_owned));
    let mut members: Vec<_> = workers
        .iter_mut()
        .filter(|(_, g, ..)| g.0 as usize == group)
        .collect();
    members.sort_unstable_by_key(|(id, ..)| **id);
    let questions = members
        .iter()
        .map(
            |(id, _, wage, labor, income, tax, disposable, biography, _)| {
                let context = SatisfactionPrompt {
                    brackets: bracket_texts(&schedule.0),
                    persona: biography.map(|biography| &biography.0),
                    wage: wage.0,
                    hours: labor.0,
                    income: income.0,
                    tax: tax.0,
                    rebate: treasury.rebate,
                    disposable: disposable.0,
                    options: ANSWERS,
                };
                Ok(Question {
                    draw: 0,
                    worker: id.0,
                    messages: desk.prompts.0.render("satisfaction.j2", &context)?,
                    readout: readout.clone(),
                })
            },
        )
        .collect::<Result<Vec<_>>>()?;
    let satisfied = desk.ask(asking, "satisfaction", &questions, |_, answer, decision| {
        let satisfied = match &answer.content {
            Content::Choice { log_probs, .. } => satisfied_from_choice(log_probs)?,
            Content::Text(text) => match text.trim() {
                yes if yes == ANSWERS[0] => 1.0,
                no if no == ANSWERS[1] => 0.0,
                other => {
                    let start: String = other.chars().take(80).collect();
                    return Err(format!(
                        "neither {} nor {}: {start:?}",
                        ANSWERS[0], ANSWERS[1]
                    ));
                }
            },
            Content::Failed(why) => return Err(why.clone()),
        };
        decision.satisfied = Some(satisfied);
        Ok((satisfied, format!("satisfied with probability {satisfied}")))
    })?;
    // Without a valid answer the last one stays; before the first, the worker counts as satisfied.
    for ((.., mut bounded), satisfied) in members.into_iter().zip(satisfied) {
        bounded.satisfied = satisfied.unwrap_or(bounded.satisfied);
    }
    Ok(())
}

/// Satisfaction of [`Bounded`] workers, and the utility that it leaves.
#[derive(Clone, Debug, Default)]
pub struct SatisfactionPlugin {
    /// How each group's model is asked, by index of group; `None` for groups that are not bounded
    /// or ask no model.
    pub asking: Vec<Option<Asking>>,
}

impl Plugin for SatisfactionPlugin {
    fn build(&self, app: &mut App) {
        app.configure_sets(
            Step,
            Weigh
                .in_set(Phase::Account)
                .after(Account::Utility)
                .before(Account::Check),
        )
        .add_systems(Step, (judge, weigh).chain().in_set(Weigh));
        if self.asking.iter().any(Option::is_some) {
            app.insert_resource(AskingByGroup(self.asking.clone()))
                .add_systems(
                    Step,
                    ask.after(pay_rebate)
                        .run_if(new_tax_year)
                        .run_if(super::unfailed)
                        .in_set(Phase::Redistribute),
                );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn satisfaction_is_relative_to_both_answers() {
        // 0.3 and 0.1 of all probability: three quarters yes.
        let p = satisfied_from_choice(&[0.3f64.ln(), 0.1f64.ln()]).unwrap();
        assert!((p - 0.75).abs() < 1e-12);
        assert_eq!(satisfied_from_choice(&[f64::NEG_INFINITY, -1.0]), Ok(0.0));
        assert!(satisfied_from_choice(&[f64::NEG_INFINITY; 2]).is_err());
        assert!(satisfied_from_choice(&[f64::NAN, -1.0]).is_err());
    }
}
