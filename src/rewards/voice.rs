//! A language model as judge and as speaker, over a line that the world connects before the first year.
//!
//! A reward is made with the scenario, when no model is open yet. It holds a [`Line`]; all copies of the
//! reward share it, and the arm that plays connects it to the run's models.

use super::follow_up::Speaker;
use super::principle::Judge;
use crate::error::{Error, Result};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What answers on a line.
pub trait Voice: Send {
    /// ln P(candidate i is named the best by `principle`), for each candidate of the list in its order.
    ///
    /// # Errors
    /// A model that cannot be asked or gives no valid answer.
    fn best_of(&mut self, model: &str, principle: &str, candidates: &[String]) -> Result<Vec<f64>>;

    /// ln P(a worker says `utterance`, and nothing more, after `context`); `place` is the worker's place
    /// and the number of places, a multiple of the workers where each stands at several in a row.
    ///
    /// # Errors
    /// A model that cannot be asked or gives no valid answer.
    fn log_probability(
        &mut self,
        model: &str,
        place: (usize, usize),
        context: &str,
        utterance: &str,
    ) -> Result<f64>;
}

/// A line to the models of a run; copies share it. Arms that ask models play one after the other, and
/// each connects the line anew.
#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<Option<Box<dyn Voice>>>>);

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Voice>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a voice on the line, in place of the one before.
    pub fn connect(&self, voice: Box<dyn Voice>) {
        *self.lock() = Some(voice);
    }

    fn ask<T>(&self, ask: impl FnOnce(&mut dyn Voice) -> Result<T>) -> Result<T> {
        match self.lock().as_deref_mut() {
            Some(voice) => ask(voice),
            None => Err(Error::run(
                "a reward asks a language model before the world has connected it",
            )),
        }
    }
}

/// A model of the scenario as [`Judge`] and [`Speaker`].
#[derive(Clone, Debug)]
pub struct ModelVoice {
    /// Its name in the scenario.
    pub model: String,
    /// Over which it is asked.
    pub line: Line,
}

/// A candidate's score is the log-probability that the model names it the best of the list.
impl Judge for ModelVoice {
    fn score(&self, principle: &str, candidates: &[String]) -> Result<Vec<f64>> {
        (self.line).ask(|voice| voice.best_of(&self.model, principle, candidates))
    }

    fn boxed(&self) -> Box<dyn Judge> {
        Box::new(self.clone())
    }
}

impl Speaker for ModelVoice {
    fn log_probability(
        &self,
        place: (usize, usize),
        context: &str,
        utterance: &str,
    ) -> Result<f64> {
        (self.line).ask(|voice| voice.log_probability(&self.model, place, context, utterance))
    }

    fn boxed(&self) -> Box<dyn Speaker> {
        Box::new(self.clone())
    }
}
