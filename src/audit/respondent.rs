//! Who is audited: anything that answers a situation with a distribution over hours.

use super::stimulus::{Stimulus, Wording};
use crate::error::{Error, Result};
use crate::fiscal::choice::{hour_options, logit_probabilities};
use crate::fiscal::{Economy, Motive, Objective, best_response};
use crate::llm::{Content, FREE_TEXT, Message, Prompts, Readout, Request};
use crate::world::asking::{Asking, Models};
use crate::world::language::{Setting, choice_probabilities, parse_hours, worker_prompt};
use crate::world::thinking;

/// A distribution over hours.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Hours per week.
    pub hours: Vec<f64>,
    /// Probability of each; sums to 1.
    pub probability: Vec<f64>,
    /// Probability that a language model gives to admissible answers together.
    pub admissible: Option<f64>,
}

impl Response {
    /// One number of hours for certain.
    pub fn certain(hours: f64) -> Self {
        Response {
            hours: vec![hours],
            probability: vec![1.0],
            admissible: None,
        }
    }

    /// `E[l]`.
    pub fn mean(&self) -> f64 {
        self.hours
            .iter()
            .zip(&self.probability)
            .map(|(l, p)| l * p)
            .sum()
    }

    /// `Var[l]`.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        let squares = self.hours.iter().zip(&self.probability);
        squares.map(|(l, p)| p * (l - mean).powi(2)).sum()
    }

    /// P(l > 0).
    pub fn participation(&self) -> f64 {
        let working = self.hours.iter().zip(&self.probability);
        working.filter(|(l, _)| **l > 0.0).map(|(_, p)| p).sum()
    }

    /// `E[l | l > 0]`; NaN where nobody works.
    pub fn mean_at_work(&self) -> f64 {
        self.mean() / self.participation()
    }
}

/// Somebody who can be audited.
pub trait Respondent {
    /// What it does in each situation; `None` where its answer was not valid.
    ///
    /// # Errors
    /// A model that cannot be asked.
    fn respond(&mut self, stimuli: &[Stimulus]) -> Result<Vec<Option<Response>>>;

    /// Whether the wording of a situation can reach it at all.
    fn reads(&self) -> bool {
        true
    }

    /// Whether responses are exact, without noise of their own.
    fn exact(&self) -> bool {
        true
    }

    /// What it writes, unconstrained, `draws` times in each situation: hours, or why it could not be
    /// read. `None` for those who do not write.
    ///
    /// # Errors
    /// A model that cannot be asked.
    fn write(
        &mut self,
        stimuli: &[Stimulus],
        draws: u32,
    ) -> Result<Option<Vec<Result<f64, String>>>> {
        let _ = (stimuli, draws);
        Ok(None)
    }
}

/// Workers in closed form.
#[derive(Clone, Debug)]
pub struct ClosedForm {
    /// With the group's own preferences.
    pub economy: Economy,
    /// How they choose.
    pub rule: Rule,
}

/// How a closed-form worker chooses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The best response, with no rebate.
    Rational,
    /// The same hours always.
    Fixed(f64),
    /// Noisy best response with this scale.
    Logit(f64),
}

impl ClosedForm {
    /// Rational workers with these preferences.
    pub fn rational(economy: &Economy) -> Self {
        ClosedForm {
            economy: *economy,
            rule: Rule::Rational,
        }
    }
}

impl Respondent for ClosedForm {
    fn reads(&self) -> bool {
        false
    }

    fn respond(&mut self, stimuli: &[Stimulus]) -> Result<Vec<Option<Response>>> {
        let economy = &self.economy;
        let answer = |stimulus: &Stimulus| match self.rule {
            Rule::Rational => Response::certain(best_response(
                economy,
                &stimulus.schedule,
                stimulus.wage,
                0.0,
            )),
            Rule::Fixed(hours) => Response::certain(hours),
            Rule::Logit(scale) => {
                let hours = hour_options(economy.labor_max);
                let (schedule, wage) = (&stimulus.schedule, stimulus.wage);
                Response {
                    probability: logit_probabilities(economy, schedule, wage, 0.0, scale, &hours),
                    hours,
                    admissible: None,
                }
            }
        };
        Ok(stimuli.iter().map(|s| Some(answer(s))).collect())
    }
}

/// Workers of a language model.
pub struct Language<'a> {
    /// The models.
    pub models: &'a Models,
    /// How this one is asked.
    pub asking: Asking,
    /// Templates.
    pub prompts: &'a Prompts,
    /// With the group's own preferences.
    pub economy: Economy,
    /// What they are after.
    pub motive: Motive,
    /// What the planner maximises.
    pub objective: &'a Objective,
    /// The run's seed.
    pub seed: u64,
    /// Whether the model gives the probability of each answer; else it is drawn from.
    pub exact: bool,
    /// Draws that stand for a distribution where it is not exact.
    pub draws: u32,
}

/// Longest unconstrained answer, tokens.
const WRITTEN_MAX: usize = 16;

impl Language<'_> {
    fn messages(&self, stimulus: &Stimulus, hours: &[f64]) -> Result<Vec<Message>> {
        let wording = stimulus.wording;
        let listed: Vec<String> = (wording.order(hours.len()).into_iter())
            .map(|i| hours[i].to_string())
            .collect();
        let setting = Setting {
            economy: &self.economy,
            schedule: &stimulus.schedule,
            motive: self.motive,
            objective: self.objective,
            hours,
            options: &listed,
        };
        let mut context = worker_prompt(&setting, stimulus.wage, stimulus.persona, None);
        if wording == Wording::BracketsReversed {
            context.brackets.reverse();
        }
        let messages = self.prompts.render(&wording.template(), &context)?;
        Ok(wording.applied(messages))
    }

    fn request(
        &self,
        stimulus: &Stimulus,
        attempt: u32,
        messages: Vec<Message>,
        readout: Readout,
    ) -> Request {
        Request {
            seed: self.seed,
            agent: format!("worker {}", stimulus.worker),
            stream: u64::from(stimulus.worker),
            step: match stimulus.wording {
                Wording::Again => 1,
                _ => 0,
            },
            attempt,
            messages,
            readout,
        }
    }

    fn ask(&self, requests: Vec<Request>) -> Result<Vec<Content>> {
        let thoughts = thinking::ask(self.models, self.prompts, &self.asking, requests)?;
        Ok(thoughts
            .into_iter()
            .map(|thought| thought.answer.content)
            .collect())
    }
}

impl Respondent for Language<'_> {
    fn exact(&self) -> bool {
        self.exact && self.asking.think == 0
    }

    fn respond(&mut self, stimuli: &[Stimulus]) -> Result<Vec<Option<Response>>> {
        let hours = hour_options(self.economy.labor_max);
        let options: Vec<String> = hours.iter().map(f64::to_string).collect();
        let draws = if self.exact { 1 } else { self.draws.max(1) };
        let mut requests = Vec::new();
        for stimulus in stimuli {
            let messages = self.messages(stimulus, &hours)?;
            for attempt in 0..draws {
                let readout = if self.exact {
                    Readout::Choice {
                        options: options.clone(),
                    }
                } else {
                    let quoted: Vec<String> = options.iter().map(|o| format!("\"{o}\"")).collect();
                    Readout::Sample {
                        grammar: format!("root ::= {}", quoted.join(" | ")),
                        max_tokens: self.asking.max_tokens,
                        temperature: self.asking.temperature,
                        top_p: self.asking.top_p,
                    }
                };
                requests.push(self.request(stimulus, attempt, messages.clone(), readout));
            }
        }
        let answers = self.ask(requests)?;
        answers
            .chunks(draws as usize)
            .map(|answers| {
                if let [
                    Content::Choice {
                        log_probs,
                        admissible_mass,
                    },
                ] = answers
                {
                    let response = choice_probabilities(log_probs, self.asking.temperature);
                    return Ok(response.ok().map(|probability| Response {
                        hours: hours.clone(),
                        probability,
                        admissible: Some(*admissible_mass),
                    }));
                }
                let drawn: Vec<f64> = answers
                    .iter()
                    .filter_map(|answer| match answer {
                        Content::Text(text) => parse_hours(text, self.economy.labor_max).ok(),
                        _ => None,
                    })
                    .collect();
                if answers.is_empty() {
                    return Err(Error::run("no answer came"));
                }
                let share = 1.0 / drawn.len().max(1) as f64;
                Ok((!drawn.is_empty()).then(|| Response {
                    probability: vec![share; drawn.len()],
                    hours: drawn,
                    admissible: None,
                }))
            })
            .collect()
    }

    fn write(
        &mut self,
        stimuli: &[Stimulus],
        draws: u32,
    ) -> Result<Option<Vec<Result<f64, String>>>> {
        let hours = hour_options(self.economy.labor_max);
        let mut requests = Vec::new();
        for stimulus in stimuli {
            let messages = self.messages(stimulus, &hours)?;
            for attempt in 0..draws {
                let readout = Readout::Sample {
                    grammar: FREE_TEXT.to_owned(),
                    max_tokens: WRITTEN_MAX,
                    temperature: self.asking.temperature,
                    top_p: self.asking.top_p,
                };
                requests.push(self.request(stimulus, attempt, messages.clone(), readout));
            }
        }
        let written = self.ask(requests)?.into_iter().map(|answer| match answer {
            Content::Text(text) => parse_hours(&text, self.economy.labor_max),
            Content::Failed(why) => Err(why),
            Content::Choice { .. } => Err("an answer of another kind than was asked for".into()),
        });
        Ok(Some(written.collect()))
    }
}
