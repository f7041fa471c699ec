//! Personas that a language model writes from a worker's facts, before the first period.

use super::arm;
use super::simulation::Simulation;
use crate::error::{Error, Result};
use crate::llm::{Content, FREE_TEXT, Readout, Request};
use crate::population::Persona;
use crate::world::asking::Models;
use crate::world::record::Decision;
use serde::Serialize;
use std::sync::Arc;

/// The template of the request for a portrait.
pub const TEMPLATE: &str = "persona-writer.j2";

/// What the request for a portrait may show.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Portrait<'a> {
    /// The facts.
    pub persona: Option<&'a Persona>,
}

impl<'a> Portrait<'a> {
    /// Of these facts.
    pub fn of(persona: &'a Option<Persona>) -> Self {
        Portrait {
            persona: persona.as_ref(),
        }
    }
}

/// `simulation` with written personas, and the record of writing them; `None` where none are.
///
/// Each worker with a persona gets a text in the light of the facts that prompts may say; prompts
/// put it behind these facts, so that persona, occupation and wage agree whatever was written. A
/// worker whose text stays empty after all attempts has its facts alone, and is counted.
///
/// # Errors
/// As [`Models::ask`]; no valid text where the scenario says to stop.
pub(super) fn written(
    simulation: &Simulation,
    models: &Models,
) -> Result<(Option<Simulation>, Vec<Decision>)> {
    let scenario = &simulation.scenario;
    let Some(writer) = &scenario.persona_writer else {
        return Ok((None, Vec::new()));
    };
    let asking = arm::asking(&writer.model, arm::settings(scenario, &writer.model)?);
    let mut shown = simulation.shown.to_vec();
    let mut decisions = Vec::new();
    let mut open: Vec<usize> = (0..shown.len()).filter(|&i| shown[i].is_some()).collect();
    models.begin_step();
    for attempt in 0..asking.attempts.max(1) {
        if open.is_empty() {
            break;
        }
        let requests = open
            .iter()
            .map(|&i| {
                let prompts = &simulation.prompts.0;
                Ok(Request {
                    seed: scenario.seed,
                    agent: format!("worker {i}"),
                    stream: i as u64,
                    step: 0,
                    attempt,
                    messages: prompts.render(TEMPLATE, Portrait::of(&shown[i]))?,
                    readout: Readout::Sample {
                        grammar: FREE_TEXT.to_owned(),
                        max_tokens: writer.max_tokens,
                        temperature: asking.temperature,
                        top_p: asking.top_p,
                    },
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let answers = models.ask(&asking.model, &requests)?;
        let mut failed = Vec::new();
        for (&i, answer) in open.iter().zip(&answers) {
            let text = match &answer.content {
                Content::Text(text) => portrait(text),
                Content::Failed(why) => Err(why.clone()),
                Content::Choice { .. } => Err("not a text".into()),
            };
            let noted = text.as_ref().map(|_| "a persona".to_owned());
            let noted = noted.map_err(Clone::clone);
            models.note(&asking.model, answer, &noted)?;
            decisions.push(Decision {
                agent: "worker",
                question: "persona",
                worker: Some(i as u32),
                model: asking.model.clone(),
                readout: "sample",
                key: answer.key.to_string(),
                attempt,
                error: text.as_ref().err().cloned(),
                prompt_tokens: answer.prompt_tokens,
                answer_tokens: answer.answer_tokens,
                ..Decision::default()
            });
            match (text, &mut shown[i]) {
                (Ok(text), Some(persona)) => persona.written = Some(text),
                _ => failed.push(i),
            }
        }
        open = failed;
    }
    if let (true, Some(worker)) = (asking.stop, open.first()) {
        return Err(Error::run(format!(
            "no persona was written for worker {worker} in {} attempts, and the scenario says to stop",
            asking.attempts
        )));
    }
    let mut simulation = simulation.clone();
    simulation.shown = Arc::new(shown);
    Ok((Some(simulation), decisions))
}

/// The text in one line.
///
/// # Errors
/// Nothing but white space.
fn portrait(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.is_empty() {
        true => Err("an empty persona".into()),
        false => Ok(words.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portrait_is_one_line_or_refused() {
        assert_eq!(
            portrait(" You drive.\n\nYou rest. ").unwrap(),
            "You drive. You rest."
        );
        assert!(portrait(" \n ").is_err());
    }
}
