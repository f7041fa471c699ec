//! How agents ask language models: the models and prompts of a run, and questions that are asked
//! again until the answer is valid.

use super::record::{Decision, DecisionCount, Decisions};
use super::thinking::{self, Thought};
use super::{Clock, Failure, Seed};
use crate::error::{Error, Result};
use crate::llm::{Answer, Content, Engine, FREE_TEXT, Key, Message, Prompts, Readout, Request};
use bevy_ecs::prelude::*;
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
pub const PROMPTS: [(&str, &str); 25] = [
    ("worker.j2", include_str!("../../prompts/worker.j2")),
    ("persona.j2", include_str!("../../prompts/persona.j2")),
    (
        "persona-writer.j2",
        include_str!("../../prompts/persona-writer.j2"),
    ),
    (
        "satisfaction.j2",
        include_str!("../../prompts/satisfaction.j2"),
    ),
    ("ballot.j2", include_str!("../../prompts/ballot.j2")),
    ("platform.j2", include_str!("../../prompts/platform.j2")),
    ("leader.j2", include_str!("../../prompts/leader.j2")),
    ("planner.j2", include_str!("../../prompts/planner.j2")),
    (
        "planner-moves.j2",
        include_str!("../../prompts/planner-moves.j2"),
    ),
    ("motive.j2", include_str!("../../prompts/motive.j2")),
    ("audit-1.j2", include_str!("../../prompts/audit-1.j2")),
    ("audit-2.j2", include_str!("../../prompts/audit-2.j2")),
    ("audit-3.j2", include_str!("../../prompts/audit-3.j2")),
    ("audit-4.j2", include_str!("../../prompts/audit-4.j2")),
    ("audit-5.j2", include_str!("../../prompts/audit-5.j2")),
    ("audit-bare.j2", include_str!("../../prompts/audit-bare.j2")),
    (thinking::TEMPLATE, include_str!("../../prompts/think.j2")),
    ("compare.j2", include_str!("../../prompts/compare.j2")),
    ("statement.j2", include_str!("../../prompts/statement.j2")),
    ("signal.j2", include_str!("../../prompts/signal.j2")),
    ("judge.j2", include_str!("../../prompts/judge.j2")),
    ("follow-up.j2", include_str!("../../prompts/follow-up.j2")),
    ("useful.j2", include_str!("../../prompts/useful.j2")),
    ("civil.j2", include_str!("../../prompts/civil.j2")),
    ("tone.j2", include_str!("../../prompts/tone.j2")),
];

/// Prompt templates of the run.
#[derive(Resource, Clone)]
pub struct PromptBook(pub Arc<Prompts>);

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

impl Asking {
    /// The readout of an answer that is one of `options`: their probabilities (`choice`), or one of
    /// them under a grammar that admits nothing else (`sample`). Options hold no quotes and no `\\`.
    pub fn one_of(&self, options: &[String]) -> Readout {
        if self.by_choice {
            return Readout::Choice {
                options: options.to_vec(),
            };
        }
        let quoted: Vec<String> = options.iter().map(|o| format!("\"{o}\"")).collect();
        Readout::Sample {
            grammar: format!("root ::= {}", quoted.join(" | ")),
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
        }
    }

    /// The readout of free text of at most `max_tokens` tokens.
    pub fn text(&self, max_tokens: usize) -> Readout {
        Readout::Sample {
            grammar: FREE_TEXT.to_owned(),
            max_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
        }
    }

    /// The probabilities of `options` that an answer to [`Asking::one_of`] gives, at this temperature;
    /// a sampled answer has probability 1.
    ///
    /// # Errors
    /// Says what is wrong with an answer that is none of them.
    pub fn probabilities(&self, answer: &Answer, options: &[String]) -> Result<Vec<f64>, String> {
        match &answer.content {
            Content::Choice { log_probs, .. } if log_probs.len() == options.len() => {
                super::language::choice_probabilities(log_probs, self.temperature)
            }
            Content::Choice { .. } => Err("not a distribution over the options".into()),
            Content::Text(text) => {
                let named = options.iter().position(|option| option == text.trim());
                let named = named.ok_or_else(|| {
                    let start: String = text.chars().take(80).collect();
                    format!("none of {}: {start:?}", options.join(", "))
                })?;
                let each = (0..options.len()).map(|i| f64::from(u8::from(i == named)));
                Ok(each.collect())
            }
            Content::Failed(why) => Err(why.clone()),
        }
    }
}

/// What a system needs that asks models.
#[derive(bevy_ecs::system::SystemParam)]
pub struct Desk<'w> {
    /// When.
    pub clock: Res<'w, Clock>,
    /// The run's seed.
    pub seed: Res<'w, Seed>,
    /// The models.
    pub models: Res<'w, Models>,
    /// The prompts.
    pub prompts: Res<'w, PromptBook>,
    /// Answers of the step, to be counted.
    pub count: ResMut<'w, DecisionCount>,
    /// All answers, to be recorded.
    pub decisions: ResMut<'w, Decisions>,
    /// Where errors go.
    pub failure: ResMut<'w, Failure>,
}

/// A question to a model on behalf of one worker.
#[derive(Clone, Debug)]
pub struct Question {
    /// The worker's id.
    pub worker: u32,
    /// Which of several draws of a sampled answer to the same question this is, from 0.
    pub draw: u32,
    /// The rendered prompt.
    pub messages: Vec<Message>,
    /// The admissible answers.
    pub readout: Readout,
}

impl Question {
    /// The random stream of the model's answer.
    fn stream(&self) -> u64 {
        u64::from(self.worker) | u64::from(self.draw) << 32
    }
}

impl Desk<'_> {
    /// Asks `questions` on one subject together, those with an invalid answer again, until each has
    /// a valid one or `asking.attempts` are used up; the results are in the order of the questions,
    /// `None` where no answer was valid. Every answer is counted and recorded.
    ///
    /// `read` makes a value and its description of an answer that a model gave to question i, and
    /// adds to the record what it knows; its error says why the answer is not valid.
    ///
    /// # Errors
    /// As [`Models::ask`], and where an answer stays invalid and the scenario says to stop.
    pub fn ask<T>(
        &mut self,
        asking: &Asking,
        subject: &'static str,
        questions: &[Question],
        mut read: impl FnMut(usize, &Answer, &mut Decision) -> Result<(T, String), String>,
    ) -> Result<Vec<Option<T>>> {
        let (seed, step) = (self.seed.0, self.clock.step);
        let mut found: Vec<Option<T>> = questions.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..questions.len()).collect();
        let mut unanswered = Vec::new();
        for attempt in 0..asking.attempts.max(1) {
            if open.is_empty() {
                break;
            }
            let request = |&i: &usize| {
                let question: &Question = &questions[i];
                Request {
                    seed,
                    agent: format!("worker {}", question.worker),
                    stream: question.stream(),
                    step: u64::from(step),
                    attempt,
                    messages: question.messages.clone(),
                    readout: question.readout.clone(),
                }
            };
            let requests = open.iter().map(request).collect();
            let thoughts = thinking::ask(&self.models, &self.prompts.0, asking, requests)?;
            let mut failed = Vec::new();
            for (&i, Thought { answer, tokens }) in open.iter().zip(&thoughts) {
                let Question {
                    worker, readout, ..
                } = &questions[i];
                let mut decision = Decision {
                    step,
                    agent: "worker",
                    question: subject,
                    worker: Some(*worker),
                    model: asking.model.clone(),
                    readout: match readout {
                        Readout::Choice { .. } => "choice",
                        Readout::Sample { .. } => "sample",
                    },
                    key: answer.key.to_string(),
                    attempt,
                    prompt_tokens: answer.prompt_tokens + tokens[0],
                    answer_tokens: answer.answer_tokens + tokens[1],
                    ..Decision::default()
                };
                self.count.decisions += 1;
                let value = match &answer.content {
                    Content::Failed(why) => {
                        unanswered.push((answer.key, questions[i].stream(), attempt));
                        Err(why.clone())
                    }
                    Content::Choice {
                        admissible_mass, ..
                    } => {
                        decision.admissible_mass = Some(*admissible_mass);
                        read(i, answer, &mut decision)
                    }
                    Content::Text(_) => {
                        let read = read(i, answer, &mut decision);
                        let noted = read.as_ref().map(|(_, text)| text.clone());
                        let noted = noted.map_err(Clone::clone);
                        self.models.note(&asking.model, answer, &noted)?;
                        read
                    }
                };
                match value {
                    Ok((value, _)) => found[i] = Some(value),
                    Err(error) => {
                        self.count.failures += 1;
                        decision.error = Some(error);
                        failed.push(i);
                    }
                }
                self.decisions.0.push(decision);
            }
            open = failed;
        }
        if let (true, Some(&first)) = (asking.stop, open.first()) {
            self.models
                .ask_again_later(&asking.model, &unanswered, step)?;
            let worker = questions[first].worker;
            let mut last = self.decisions.0.iter().rev();
            let why = last
                .find(|decision| decision.worker == Some(worker) && decision.error.is_some())
                .and_then(|decision| decision.error.clone());
            let error = Error::run(format!(
                "worker {worker} gave no valid answer in {} attempts, and the scenario says to stop",
                asking.attempts
            ));
            return Err(match why {
                Some(why) => error.value(why),
                None => error,
            });
        }
        Ok(found)
    }
}
