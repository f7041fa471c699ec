//! The lines of a transcript: one JSON object each.
//!
//! ```text
//! {"header":{"schema":1,"fisc":"0.1.0"}}
//! {"model":{"name":"small","id":"sha256:…","settings":{"wave":16,"lanes":2,"threads":2}}}
//! {"readout":{"choice":{"options":["0","10"]}}}
//! {"prompt":[["system",["You decide …","Answer with a number."]],["user",["Wage: $21"]]]}
//! {"prompt":[["system",[[0,1]]],["user",["Wage: $35"]]]}
//! {"answer":{"key":"…","agent":"worker 3","step":0,"model":0,"readout":0,"prompt":1,"choice":[-11513,-4051],"tokens":[120,80,3],"ms":210.4}}
//! {"note":{"answer":0,"value":"10"}}
//! {"failure":{"key":"…","agent":"worker 5","stream":5,"step":0,"attempt":0,"model":0,"why":"status 500: …","tokens":[0,0]}}
//! {"void":{"key":"…","stream":5,"step":0,"attempt":0}}
//! {"calls":{"model":0,"calls":{"calls":3,"retries":1,"server_errors":1,"prompt_tokens":240,"dollars":0.0001}}}
//! ```
//!
//! Models, readouts, prompts and answers are each numbered from 0 in the order
//! of their lines, and referred to by number. A prompt's text is written line
//! by line: a string is a new line of text and gets the next number, a pair
//! `[first,last]` repeats lines seen before, so rules and personas are
//! written once in a whole run.
//!
//! A failure is a question that a server left without an answer. One that stopped
//! the run is taken back by `void`: when the run is resumed, it is asked again.
//! `calls` says what calls to a model's servers came to since the line before for
//! that model; what is zero is left out.

use crate::llm::remote::Calls;
use crate::llm::{Key, Readout, Role};
use serde::{Deserialize, Serialize, Serializer};

/// Version of this format.
pub(super) const SCHEMA: u32 = 1;

/// Log-probabilities are kept in steps of 1e-4 nats, well below the noise that
/// the composition of a batch makes.
pub(super) const STEPS_PER_NAT: f64 = 1e4;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    Header(Header),
    Model(ModelLine),
    Readout(Readout),
    Prompt(Vec<(Role, Vec<Text>)>),
    Answer(AnswerLine),
    Note(NoteLine),
    Failure(FailureLine),
    Void(VoidLine),
    Calls(CallsLine),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) schema: u32,
    /// Version of fisc that began the transcript.
    pub(super) fisc: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ModelLine {
    /// The scenario's name of the model.
    pub(super) name: String,
    /// Its identity, `sha256:…` for a file.
    pub(super) id: String,
    /// How it is asked, if it is in this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settings: Option<Settings>,
}

/// What decides, beside the scenario, how a model's numbers are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Most requests of a wave.
    pub wave: usize,
    /// Waves that are evaluated side by side.
    #[serde(default = "one_lane")]
    pub lanes: usize,
    /// Threads that evaluate.
    pub threads: usize,
}

/// Before there were lanes there was one.
fn one_lane() -> usize {
    1
}

/// A piece of a prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    /// A line that was not seen before.
    New(String),
    /// Lines seen before, first to last.
    Seen(u32, u32),
}

/// An answer. Exactly one of `choice` and `text` is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AnswerLine {
    pub(super) key: Key,
    /// Who asked first.
    pub(super) agent: String,
    /// When it was asked first.
    pub(super) step: u64,
    pub(super) model: u32,
    pub(super) readout: u32,
    pub(super) prompt: u32,
    /// ln P(option and end of turn) in steps of 1e-4 nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) choice: Option<Vec<i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// The text stopped at the largest number of tokens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) truncated: bool,
    /// Tokens of the prompt, of it evaluated, and of the answer.
    pub(super) tokens: [u32; 3],
    /// Wall time of the wave, in milliseconds with one decimal.
    pub(super) ms: f64,
}

/// A question without an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FailureLine {
    pub(super) key: Key,
    pub(super) agent: String,
    pub(super) stream: u64,
    pub(super) step: u64,
    pub(super) attempt: u32,
    pub(super) model: u32,
    pub(super) why: String,
    /// Tokens of prompts and of answers that it cost all the same.
    pub(super) tokens: [u32; 2],
}

/// A failure that is taken back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VoidLine {
    pub(super) key: Key,
    pub(super) stream: u64,
    pub(super) step: u64,
    pub(super) attempt: u32,
}

/// What calls came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CallsLine {
    pub(super) model: u32,
    #[serde(serialize_with = "without_zeros")]
    pub(super) calls: Calls,
}

fn without_zeros<S: Serializer>(calls: &Calls, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(calls).map_err(serde::ser::Error::custom)?;
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, number| number.as_f64() != Some(0.0));
    }
    value.serialize(serializer)
}

/// What the caller made of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NoteLine {
    pub(super) answer: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}
