//! Language models that judge schedules for a reward: the run's models on the reward's [`Line`].

use super::asking::{Asking, Models, PromptBook};
use super::record::{Decision, DecisionCount, Decisions};
use super::{Clock, Phase, Seed, Step};
use crate::error::{Error, Result};
use crate::llm::{Answer, Content, Message, Prompts, Readout, Request};
use crate::population::Persona;
use crate::rewards::voice::{Line, Voice};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the question of a principle may show.
#[derive(Clone, Debug, Serialize)]
pub struct JudgePrompt<'a> {
    /// In plain words.
    pub principle: &'a str,
    /// The candidates in the order of the list, in words.
    pub candidates: &'a [String],
    /// The admissible answers: the candidates' numbers.
    pub options: &'a [String],
}

/// What stands before a worker's next word.
#[derive(Clone, Debug, Serialize)]
pub struct FollowUpPrompt<'a> {
    /// The persona, if the worker has one.
    pub persona: Option<&'a Persona>,
    /// What the year was for the worker, in its own words.
    pub context: &'a str,
}

/// When it is, and what was asked since the last step.
#[derive(Resource, Clone, Default)]
struct Ledger(Arc<Mutex<(u32, Vec<Decision>)>>);

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, (u32, Vec<Decision>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of a judge, which is no worker.
const JUDGE: u64 = u64::MAX - 1;

struct Speaking {
    models: Models,
    prompts: PromptBook,
    seed: u64,
    asking: BTreeMap<String, Asking>,
    personas: Arc<Vec<Option<Persona>>>,
    ledger: Ledger,
}

impl Speaking {
    /// The answer to a `choice` of `options` and what `read` makes of it, asked again as often as the
    /// model's settings say.
    fn ask<T>(
        &self,
        model: &str,
        question: &'static str,
        worker: Option<u32>,
        messages: Vec<Message>,
        options: &[String],
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<T> {
        let attempts = self.asking.get(model).map_or(1, |a| a.attempts.max(1));
        let mut why = String::new();
        for attempt in 0..attempts {
            let step = self.ledger.lock().0;
            let request = Request {
                seed: self.seed,
                agent: worker.map_or("judge".to_owned(), |w| format!("worker {w}")),
                stream: worker.map_or(JUDGE, u64::from),
                step: u64::from(step),
                attempt,
                messages: messages.clone(),
                readout: Readout::Choice {
                    options: options.to_vec(),
                },
            };
            let answer = self.models.ask(model, &[request])?;
            let Some(answer) = answer.first() else {
                break;
            };
            let found = match &answer.content {
                Content::Failed(why) => Err(why.clone()),
                _ => read(answer),
            };
            let admissible_mass = match &answer.content {
                Content::Choice {
                    admissible_mass, ..
                } => Some(*admissible_mass),
                _ => None,
            };
            self.ledger.lock().1.push(Decision {
                step,
                agent: "judge",
                question,
                worker,
                model: model.to_owned(),
                readout: "choice",
                key: answer.key.to_string(),
                attempt,
                admissible_mass,
                error: found.as_ref().err().cloned(),
                prompt_tokens: answer.prompt_tokens,
                answer_tokens: answer.answer_tokens,
                ..Decision::default()
            });
            match found {
                Ok(found) => return Ok(found),
                Err(error) => why = error,
            }
        }
        Err(Error::run(format!(
            "the model `{model}` that judges for the reward gave no valid answer in {attempts} attempts"
        ))
        .value(why))
    }
}

impl Voice for Speaking {
    fn best_of(&mut self, model: &str, principle: &str, candidates: &[String]) -> Result<Vec<f64>> {
        let options: Vec<String> = (1..=candidates.len()).map(|n| n.to_string()).collect();
        let context = JudgePrompt {
            principle,
            candidates,
            options: &options,
        };
        let messages = self.prompts.0.render("judge.j2", &context)?;
        self.ask(
            model,
            "principle",
            None,
            messages,
            &options,
            |answer| match &answer.content {
                Content::Choice { log_probs, .. } if log_probs.iter().all(|p| p.is_finite()) => {
                    Ok(log_probs.clone())
                }
                _ => Err("no distribution over the candidates".into()),
            },
        )
    }

    fn log_probability(
        &mut self,
        model: &str,
        (place, places): (usize, usize),
        context: &str,
        utterance: &str,
    ) -> Result<f64> {
        // The counterpart of a society may hold each worker several times, a lived year does not.
        let worker = place / (places / self.personas.len().max(1)).max(1);
        let context = FollowUpPrompt {
            persona: self.personas.get(worker).and_then(Option::as_ref),
            context,
        };
        let messages = self.prompts.0.render("follow-up.j2", &context)?;
        let options = [utterance.to_owned()];
        let worker = Some(worker as u32);
        // Of one option the distribution is 1; the model's own probability of it is the mass.
        self.ask(
            model,
            "follow-up",
            worker,
            messages,
            &options,
            |answer| match &answer.content {
                Content::Choice {
                    admissible_mass, ..
                } if *admissible_mass > 0.0 => Ok(admissible_mass.ln().min(0.0)),
                _ => Err("no probability of the utterance".into()),
            },
        )
    }
}

fn tell_time(clock: Res<Clock>, ledger: Res<Ledger>) {
    ledger.lock().0 = clock.step;
}

fn collect(
    ledger: Res<Ledger>,
    mut count: ResMut<DecisionCount>,
    mut decisions: ResMut<Decisions>,
) {
    let asked = std::mem::take(&mut ledger.lock().1);
    count.decisions += asked.len() as u32;
    count.failures += asked.iter().filter(|d| d.error.is_some()).count() as u32;
    decisions.0.extend(asked);
}

/// Puts the run's models on a reward's line, and what they are asked on record.
#[derive(Clone, Debug)]
pub struct VoicePlugin {
    /// The reward's line.
    pub line: Line,
    /// How each model is asked, by name.
    pub asking: BTreeMap<String, Asking>,
    /// What prompts may say of each worker, an entry for everyone.
    pub personas: Arc<Vec<Option<Persona>>>,
}

impl Plugin for VoicePlugin {
    fn build(&self, app: &mut App) {
        let ledger = Ledger::default();
        let world = app.world();
        self.line.connect(Box::new(Speaking {
            models: world.resource::<Models>().clone(),
            prompts: world.resource::<PromptBook>().clone(),
            seed: world.resource::<Seed>().0,
            asking: self.asking.clone(),
            personas: self.personas.clone(),
            ledger: ledger.clone(),
        }));
        app.insert_resource(ledger)
            .add_systems(Step, tell_time.after(Phase::Observe).before(Phase::Vote))
            .add_systems(Step, collect.after(Phase::Learn).before(Phase::Record));
    }
}

/// Renders the prompts of judges once, so that a broken template is found before a run begins.
///
/// # Errors
/// As [`Prompts::render`].
pub fn check_prompts(prompts: &Prompts) -> Result<()> {
    let numbers = ["1".to_owned(), "2".to_owned()];
    let judge = JudgePrompt {
        principle: "Those who have least come first.",
        candidates: &numbers,
        options: &numbers,
    };
    prompts.render("judge.j2", &judge)?;
    let next = FollowUpPrompt {
        persona: None,
        context: "This year I worked 40 hours a week.",
    };
    prompts.render("follow-up.j2", &next).map(|_| ())
}
