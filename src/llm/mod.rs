//! Asking language models, without knowing what they are asked about.
//!
//! A caller renders [`Prompts`] into [`Message`]s, says in a [`Readout`] which
//! answers are admissible, and hands a batch of [`Request`]s to an [`Engine`].
//! The engine looks each one up in the run's [`SharedTranscript`], evaluates
//! what is left on a [`Backend`], and writes every answer down before it
//! returns it, so that a run can be replayed, or resumed, without the model.
//!
//! | module | what lives there |
//! |---|---|
//! | [`engine`] | one named model of a scenario: look up, ask, write down |
//! | [`spec`] | which model file, and how it is opened |
//! | [`backend`] | what a source of answers must do |
//! | [`gguf`] | the local backend: llama.cpp, nothing evaluated twice |
//! | [`remote`] | the remote backend: servers that speak OpenAI's protocol |
//! | [`measure`] | how fast a model is here, and how it is best asked |
//! | [`key`] | when two requests are the same question |
//! | [`transcript`] | the append-only record of all answers |
//! | [`prompts`] | templates of messages |
//! | [`registry`] | models that can be fetched by name |
//! | [`hub`] | model files of a hub |
//!
//! An answer is untrusted input: a [`Content::Text`] comes back raw, and what it
//! means, or that it means nothing, is the caller's to decide and to count.

pub mod backend;
pub mod engine;
pub mod gguf;
pub mod hub;
pub mod key;
pub mod measure;
pub mod prompts;
pub mod registry;
pub mod remote;
pub mod spec;
pub mod transcript;

pub use backend::{Backend, BackendAnswer, Outcome, Reading, Timing};
pub use engine::{Engine, Mode, Profile};
pub use key::Key;
pub use prompts::Prompts;
pub use remote::{RemoteBackend, RemoteSpec};
pub use spec::{GgufSource, ModelSpec};
pub use transcript::{Exchange, SharedTranscript};

use serde::{Deserialize, Serialize};

/// Grammar of any text without control characters but tab and line break: a thought's.
pub const FREE_TEXT: &str = "root ::= [\\t\\n\\x20-\\U0010FFFF]*";

/// Who speaks in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The rules, before the conversation.
    System,
    /// The one who asks.
    User,
    /// The model, in an earlier turn.
    Assistant,
}

impl Role {
    /// The name that chat templates use: `system`, `user` or `assistant`.
    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, without the model's control tokens (they are added by its chat template).
    pub content: String,
}

/// How an answer is read off the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readout {
    /// The log-probability of every admissible answer; nothing is generated.
    ///
    /// An answer's probability is that of its tokens *and* of the end of the
    /// turn after them, so that `1` and `10` are different answers.
    Choice {
        /// The admissible answers: at least one, none empty, none twice.
        options: Vec<String>,
    },
    /// A text drawn from the model among those that a grammar admits.
    Sample {
        /// Grammar in llama.cpp's GBNF notation with the start symbol `root`.
        grammar: String,
        /// Longest answer in tokens.
        max_tokens: usize,
        /// Divides the logits; 0 takes the most probable admissible token each time.
        temperature: f64,
        /// Share of the admissible probability that is kept, in (0, 1]; 1 keeps all.
        top_p: f64,
    },
}

/// One question to one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The run's seed.
    pub seed: u64,
    /// Who asks, for messages to people: `worker 17`, `planner`.
    pub agent: String,
    /// Random stream of the asker, such as the worker's id.
    pub stream: u64,
    /// Period of the game.
    pub step: u64,
    /// 0 for the first try, 1 for the first retry, …
    pub attempt: u32,
    /// The conversation so far; the model's turn is next.
    pub messages: Vec<Message>,
    /// How the answer is read.
    pub readout: Readout,
}

/// What the model answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The model's choice distribution over the options of the request.
    Choice {
        /// ln P(option | the answer is one of the options), in the options' order.
        log_probs: Vec<f64>,
        /// P(the answer is one of the options): what the model itself gives to all of them.
        admissible_mass: f64,
    },
    /// The generated text, raw. Bytes that are not UTF-8 appear as U+FFFD.
    Text(String),
    /// There is none, for this reason: an endpoint that stayed down, a refusal.
    Failed(String),
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Evaluated just now.
    Live,
    /// Read from the transcript of an earlier process.
    Transcript,
    /// Evaluated earlier in this process, or for another request of the same call.
    Memory,
}

/// An answer with what it cost.
///
/// Costs are those of the evaluation that produced the answer, also when it is
/// taken from the transcript or from memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Which question this answers.
    pub key: Key,
    /// What was answered.
    pub content: Content,
    /// The text stopped at `max_tokens`, not at an end that the model chose.
    pub truncated: bool,
    /// Tokens of the whole prompt.
    pub prompt_tokens: u32,
    /// Tokens of the prompt that were evaluated for this request: the rest was
    /// shared or kept. What is shared is charged to the first request that needed it.
    pub evaluated_tokens: u32,
    /// Tokens generated, or tokens of the options that were scored.
    pub answer_tokens: u32,
    /// Wall time of the wave of requests in which this one was evaluated, in milliseconds.
    pub latency_ms: f64,
    /// Where it came from.
    pub source: Source,
}
