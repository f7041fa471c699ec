//! What a source of answers must do.

use super::Request;
use super::remote::Calls;
use crate::error::Result;

/// Somewhere that requests are evaluated: a model in this process, or a server.
pub trait Backend: Send {
    /// Identity of the model, part of every [`Key`](super::Key): `sha256:…` of
    /// a model file, or the id that a server reports.
    fn id(&self) -> &str;

    /// Looks at a request before anything is evaluated. `Some` says why it will stay
    /// without an answer, such as a prompt that does not fit the context: a failure of
    /// this one question, as in [`Outcome::Failed`]; it is not to be asked.
    ///
    /// # Errors
    /// Wrong input, such as a grammar that does not compile.
    fn check(&mut self, request: &Request) -> Result<Option<String>>;

    /// Evaluates all `requests` together; answers come in their order.
    ///
    /// # Errors
    /// What [`check`](Backend::check) refuses, and a failure of the model.
    fn answer(&mut self, requests: &[&Request]) -> Result<Vec<BackendAnswer>>;

    /// As [`answer`](Backend::answer), but a question that cannot be answered
    /// does not lose the others. In a backend that has no such questions this is `answer`.
    ///
    /// # Errors
    /// As [`answer`](Backend::answer).
    fn outcomes(&mut self, requests: &[&Request]) -> Result<Vec<Outcome>> {
        let answers = self.answer(requests)?;
        Ok(answers.into_iter().map(Outcome::Answered).collect())
    }

    /// Says that the questions until the next `begin` are one step's: a deadline runs from the
    /// first of them.
    fn begin(&mut self) {}

    /// Where the time went since the backend was opened.
    fn timing(&self) -> Timing;

    /// What calls to servers came to, if there are any, in all processes of the run.
    fn calls(&self) -> Option<Calls> {
        None
    }
}

/// What became of one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was answered.
    Answered(BackendAnswer),
    /// It stays without an answer, which the run's policy has to handle.
    Failed {
        /// Why, for people.
        why: String,
        /// Tokens of prompts that it cost all the same.
        prompt_tokens: u32,
        /// Tokens of answers that it cost all the same.
        answer_tokens: u32,
    },
    /// It was not asked, and the run has to stop, for this reason.
    Unasked(String),
}

/// What was read off the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// ln P(option and end of turn | prompt) for each option, not normalised.
    LogProbs(Vec<f64>),
    /// A generated text.
    Text {
        /// The text, raw.
        text: String,
        /// It stopped at the largest number of tokens.
        truncated: bool,
    },
}

/// A backend's answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendAnswer {
    /// What was read.
    pub reading: Reading,
    /// Tokens of the whole prompt.
    pub prompt_tokens: u32,
    /// Tokens of the prompt that were evaluated for this request.
    pub evaluated_tokens: u32,
    /// Tokens generated or scored.
    pub answer_tokens: u32,
    /// Wall time of the wave in which the request was evaluated, in milliseconds.
    pub latency_ms: f64,
}

/// Seconds and tokens of a backend, summed over its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Timing {
    /// Reading prompts and scoring options, in seconds.
    pub prefill_seconds: f64,
    /// Generating, one token per sequence and pass, in seconds.
    pub decode_seconds: f64,
    /// Reading logits: grammars, draws and log-probabilities, in seconds.
    pub sampling_seconds: f64,
    /// Finding what was evaluated before, moving it between context and main
    /// memory, and opening contexts, in seconds.
    pub keeping_seconds: f64,
    /// Tokens of prompts and options that were evaluated.
    pub prefill_tokens: u64,
    /// Tokens that were generated.
    pub decode_tokens: u64,
    /// Tokens of prompts that did not have to be evaluated, because they were
    /// shared with other prompts or kept from earlier steps.
    pub shared_tokens: u64,
}

impl Timing {
    /// All seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.prefill_seconds + self.decode_seconds + self.sampling_seconds + self.keeping_seconds
    }

    /// The sum, field by field.
    pub(crate) fn sum(all: impl IntoIterator<Item = Timing>) -> Timing {
        all.into_iter().fold(Timing::default(), |a, b| Timing {
            prefill_seconds: a.prefill_seconds + b.prefill_seconds,
            decode_seconds: a.decode_seconds + b.decode_seconds,
            sampling_seconds: a.sampling_seconds + b.sampling_seconds,
            keeping_seconds: a.keeping_seconds + b.keeping_seconds,
            prefill_tokens: a.prefill_tokens + b.prefill_tokens,
            decode_tokens: a.decode_tokens + b.decode_tokens,
            shared_tokens: a.shared_tokens + b.shared_tokens,
        })
    }
}
