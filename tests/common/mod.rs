//! What several tests need.

#![allow(dead_code, reason = "each test uses some of it")]

use fisc::llm::{
    Backend, BackendAnswer, Engine, Message, Reading, Readout, Request, SharedTranscript, Timing,
};
use fisc::run::{ArmResult, Simulation};
use fisc::scenario;
use std::collections::BTreeMap;

/// The society of `text` with these wages.
pub fn simulation(text: &str, wages: &[f64]) -> Simulation {
    let folder = tempfile::tempdir().unwrap();
    let mut file = "wage\n".to_owned();
    wages.iter().for_each(|w| file.push_str(&format!("{w}\n")));
    std::fs::write(folder.path().join("wages.csv"), file).unwrap();
    let path = folder.path().join("scenario.toml");
    let population = format!(
        "[population]\nsize = {}\nwages = {{ file = {{ path = \"wages.csv\" }} }}\n",
        wages.len()
    );
    std::fs::write(&path, format!("{text}\n{population}")).unwrap();
    Simulation::new(scenario::load(&path, &[]).unwrap()).unwrap()
}

/// Plays it; the arms in order.
pub fn play(text: &str, wages: &[f64]) -> Vec<ArmResult> {
    let played = simulation(text, wages).play(BTreeMap::new(), &|_| {});
    played.unwrap().0
}

/// A model that is a function of the conversation and the number of options.
struct Planted<F>(F);

impl<F: FnMut(&[Message], &Readout) -> Reading + Send> Backend for Planted<F> {
    fn id(&self) -> &str {
        "planted"
    }

    fn check(&mut self, _: &Request) -> fisc::Result<Option<String>> {
        Ok(None)
    }

    fn answer(&mut self, requests: &[&Request]) -> fisc::Result<Vec<BackendAnswer>> {
        let answer = |request: &&Request| BackendAnswer {
            reading: (self.0)(&request.messages, &request.readout),
            prompt_tokens: 1,
            evaluated_tokens: 1,
            answer_tokens: 1,
            latency_ms: 0.0,
        };
        Ok(requests.iter().map(answer).collect())
    }

    fn timing(&self) -> Timing {
        Timing::default()
    }
}

/// Plays `simulation` with the planted model as `small`; the arms in order.
pub fn play_with(
    simulation: &Simulation,
    model: impl FnMut(&[Message], &Readout) -> Reading + Send + 'static,
) -> Vec<ArmResult> {
    let folder = tempfile::tempdir().unwrap();
    let transcript = SharedTranscript::create(&folder.path().join("t.jsonl.zst")).unwrap();
    let engine = Engine::with_backend("small", Box::new(Planted(model)), transcript).unwrap();
    let engines = BTreeMap::from([("small".to_owned(), engine)]);
    simulation.play(engines, &|_| {}).unwrap().0
}

/// All numbers after `before` in the last message, as they are written ($1,234).
pub fn numbers(messages: &[Message], before: &str) -> Vec<f64> {
    let text = &messages.last().unwrap().content;
    let each = text.split(before).skip(1).map(|rest| {
        let digits = rest
            .chars()
            .take_while(|c| c.is_ascii_digit() || ",.-".contains(*c));
        let digits: String = digits.filter(|c| *c != ',').collect();
        digits.trim_end_matches(['.', '-']).parse().unwrap()
    });
    each.collect()
}

/// The answer of a model with these probabilities.
pub fn log_probs(p: &[f64]) -> Reading {
    Reading::LogProbs(p.iter().map(|p| p.ln()).collect())
}
