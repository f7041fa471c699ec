//! The remote backend: any server that speaks OpenAI's chat completions.
//!
//! Types are those of `async-openai`; the calls themselves go through `reqwest`,
//! because a fault must be seen as it came (`Retry-After`, bytes that are not
//! UTF-8, an answer too large) to be counted as what it is.
//!
//! | module | what lives there |
//! |---|---|
//! | `wire` | questions and answers in the protocol's form |
//! | `endpoints` | several servers: which one is asked next |
//! | `session` | calls with repetition, deadline and budget |
//! | `fault` | what can go wrong with one call |
//! | `counters` | what all calls came to |
//!
//! What is exact, and what depends on the server, stands in `docs/remote.md`.

mod counters;
mod endpoints;
mod fault;
mod session;
mod wire;

pub use counters::Calls;

use super::{Backend, BackendAnswer, Key, Outcome, Reading, Readout, Request, Timing};
use crate::error::{Error, Result};
use session::{Introduced, Session, Settled};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::Said;

/// A model behind one or more servers, and how it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteSpec {
    /// The model's name for the servers.
    pub model: String,
    /// Base URLs, such as `http://127.0.0.1:8080/v1`; at least one. All serve the same model.
    pub urls: Vec<String>,
    /// The environment variable that holds the key; `None` sends no key.
    pub key_env: Option<String>,
    /// Most calls in flight together.
    pub parallel: usize,
    /// Longest time of one call, in seconds.
    pub timeout: f64,
    /// Longest time of all questions of a step, repeated attempts and thoughts included, in seconds.
    pub deadline: f64,
    /// Times that a call is repeated after a fault that may pass.
    pub retries: u32,
    /// How answers are constrained.
    pub structured: Structured,
    /// $ per million tokens of prompts.
    pub price_prompt: f64,
    /// $ per million tokens of answers.
    pub price_answer: f64,
    /// $; no call is begun when this much is spent. `None` is no limit.
    pub budget: Option<f64>,
}

/// How a server constrains answers to what a question admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structured {
    /// By a JSON schema in `response_format`.
    JsonSchema,
    /// By llama-server's field `grammar`, exactly.
    Grammar,
    /// Not at all.
    None,
}

impl Structured {
    /// Its name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Structured::JsonSchema => "json-schema",
            Structured::Grammar => "grammar",
            Structured::None => "none",
        }
    }
}

impl RemoteSpec {
    /// The model `model` behind `urls`, everything else at its default.
    pub fn new(model: impl Into<String>, urls: Vec<String>) -> RemoteSpec {
        RemoteSpec {
            model: model.into(),
            urls,
            key_env: None,
            parallel: 8,
            timeout: 60.0,
            deadline: 600.0,
            retries: 4,
            structured: Structured::JsonSchema,
            price_prompt: 0.0,
            price_answer: 0.0,
            budget: None,
        }
    }

    /// The key, if one is to be sent.
    ///
    /// # Errors
    /// The environment variable is not set, empty, or not fit for a header.
    pub fn key(&self) -> Result<Option<String>> {
        let Some(name) = &self.key_env else {
            return Ok(None);
        };
        let allowed = "the server's API key in that environment variable";
        match std::env::var(name) {
            Ok(key) if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(key))
            }
            Ok(_) => Err(Error::input("the environment variable holds no API key")
                .value(name)
                .allowed(allowed)),
            Err(_) => Err(Error::input("no such environment variable")
                .value(name)
                .allowed(allowed)),
        }
    }
}

/// A model behind servers.
pub struct RemoteBackend {
    id: String,
    session: Arc<Session>,
    runtime: tokio::runtime::Runtime,
    /// `None` until the first question of a step.
    deadline: Option<Instant>,
    seconds: f64,
}

impl RemoteBackend {
    /// Opens `spec` with a shortest question, whose answer says which model it is.
    ///
    /// # Errors
    /// No key where one is needed, no server that answers.
    pub fn open(spec: RemoteSpec) -> Result<RemoteBackend> {
        RemoteBackend::go_on("", spec, Calls::default())
    }

    /// Opens `spec` as the scenario's model `name`, on which earlier processes of the run made
    /// the calls `before`.
    ///
    /// Two models of a scenario never share answers, even if their servers give the same name:
    /// they may be different models behind it.
    ///
    /// # Errors
    /// As [`open`](RemoteBackend::open), and a budget that is spent already.
    pub(super) fn go_on(name: &str, spec: RemoteSpec, before: Calls) -> Result<RemoteBackend> {
        let key = spec.key()?;
        let failed = |error: &dyn std::fmt::Display| Error::run(format!("remote model: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let urls = spec.urls.join(", ");
        let structured = spec.structured.name();
        let session = Session::new(spec, key, before)?;
        let begun = Instant::now();
        let served = match runtime.block_on(session.clone().introduce()) {
            Introduced::As(served) => served,
            Introduced::Unasked(why) => return Err(Error::run(why)),
            Introduced::Not(why) => {
                return Err(Error::run(format!("no answer from {urls}"))
                    .value(why)
                    .allowed("a server that is up, its base URL, its key, a model that it has"));
            }
        };
        Ok(RemoteBackend {
            id: match name {
                "" => format!("openai:{served};{structured}"),
                _ => format!("openai:{served};{structured};{name}"),
            },
            deadline: None,
            session,
            runtime,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    fn seed(&self, request: &Request) -> u32 {
        let digits = Key::new(&self.id, request).to_string();
        // 31 bits: servers differ in how large a seed may be.
        u32::from_str_radix(&digits[..8], 16).map_or(0, |seed| seed & 0x7fff_ffff)
    }
}

impl Backend for RemoteBackend {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&mut self, request: &Request) -> Result<Option<String>> {
        match &request.readout {
            _ if request.messages.is_empty() => Err(Error::input("no messages")),
            Readout::Choice { options } if options.iter().any(String::is_empty) => {
                Err(Error::input("an option is empty"))
            }
            Readout::Choice { options }
                if options.len() > 20 && self.session.spec.structured != Structured::Grammar =>
            {
                Err(Error::input("too many options for `choice`")
                    .value(options.len())
                    .allowed("at most 20, or structured = \"grammar\" with llama-server"))
            }
            _ => Ok(None),
        }
    }

    fn begin(&mut self) {
        self.deadline = None;
    }

    fn answer(&mut self, requests: &[&Request]) -> Result<Vec<BackendAnswer>> {
        self.outcomes(requests)?
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Answered(answer) => Ok(answer),
                Outcome::Failed { why, .. } | Outcome::Unasked(why) => Err(Error::run(why)),
            })
            .collect()
    }

    fn outcomes(&mut self, requests: &[&Request]) -> Result<Vec<Outcome>> {
        let begun = Instant::now();
        let mut running = tokio::task::JoinSet::new();
        let mut parts: Vec<Vec<Option<Settled>>> = Vec::with_capacity(requests.len());
        let time = Duration::from_secs_f64(self.session.spec.deadline);
        let deadline = *self.deadline.get_or_insert(begun + time);
        let settled = self.runtime.block_on(async {
            for (at, request) in requests.iter().enumerate() {
                let seed = self.seed(request);
                let calls = wire::calls(&self.session.spec, request, seed);
                parts.push(vec![None; calls.len()]);
                for (part, call) in calls.into_iter().enumerate() {
                    let session = self.session.clone();
                    running.spawn(async move {
                        let settled = session.settle(call, seed, deadline).await;
                        (at, part, settled, begun.elapsed())
                    });
                }
            }
            let mut waited = vec![Duration::ZERO; requests.len()];
            while let Some(joined) = running.join_next().await {
                let (at, part, settled, after) =
                    joined.map_err(|error| Error::run(format!("a call broke off: {error}")))?;
                parts[at][part] = Some(settled);
                waited[at] = waited[at].max(after);
            }
            Ok(waited)
        });
        let waited = settled?;
        self.seconds += begun.elapsed().as_secs_f64();
        let outcomes = parts
            .into_iter()
            .zip(waited)
            .map(|(parts, waited)| {
                let parts = parts.into_iter().flatten().collect();
                outcome(parts, waited.as_secs_f64() * 1e3)
            })
            .collect::<Vec<_>>();
        let failed = |outcome: &&Outcome| matches!(outcome, Outcome::Failed { .. });
        let failures = outcomes.iter().filter(failed).count();
        self.session
            .count(|calls| calls.failures += failures as u64);
        Ok(outcomes)
    }

    fn timing(&self) -> Timing {
        let calls = self.session.calls();
        Timing {
            prefill_tokens: calls.prompt_tokens,
            decode_tokens: calls.answer_tokens,
            decode_seconds: self.seconds,
            ..Timing::default()
        }
    }

    fn calls(&self) -> Option<Calls> {
        Some(self.session.calls_of_run())
    }
}

/// What the settled calls of one request make together.
fn outcome(parts: Vec<Settled>, latency_ms: f64) -> Outcome {
    let mut answer = BackendAnswer {
        reading: Reading::LogProbs(Vec::new()),
        prompt_tokens: 0,
        evaluated_tokens: 0,
        answer_tokens: 0,
        latency_ms,
    };
    let mut fault = None;
    for part in parts {
        let (said, tokens) = match part {
            Settled::Unasked(why) => return Outcome::Unasked(why),
            Settled::Failed { why, tokens } => {
                fault.get_or_insert(why);
                (Said::Nothing, tokens)
            }
            Settled::Heard(heard) => (heard.said, heard.tokens),
        };
        answer.prompt_tokens += tokens.prompt;
        answer.evaluated_tokens += tokens.prompt.saturating_sub(tokens.cached);
        answer.answer_tokens += tokens.answer;
        match (said, &mut answer.reading) {
            (Said::Text { text, truncated }, reading) => {
                *reading = Reading::Text { text, truncated };
            }
            (Said::LogProbs(more), Reading::LogProbs(all)) => all.extend(more),
            _ => {}
        }
    }
    match fault {
        None => Outcome::Answered(answer),
        Some(why) => Outcome::Failed {
            why,
            prompt_tokens: answer.prompt_tokens,
            answer_tokens: answer.answer_tokens,
        },
    }
}
