//! Calls with repetition, deadline and budget.

use super::endpoints::Endpoints;
use super::fault::{Fault, FaultKind, retry_after};
use super::wire::{self, Call, Heard, Tokens};
use super::{Calls, RemoteSpec};
use crate::error::{Error, Result};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Longest answer that is read: beyond any that `max_tokens` allows.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// First pause before a repetition; it doubles with each, times 0.5 to 1.5.
const BACKOFF_FIRST: f64 = 0.2;

/// Longest pause before a repetition, in seconds.
const BACKOFF_MAX: f64 = 30.0;

/// Letters of a server's own message that are kept.
const MESSAGE_LETTERS: usize = 200;

/// What became of a call.
#[derive(Clone, Debug)]
pub(super) enum Settled {
    Heard(Heard),
    /// No answer after all repetitions, and what the useless ones cost.
    Failed {
        why: String,
        tokens: Tokens,
    },
    /// The budget was spent first.
    Unasked(String),
}

/// The servers, and what they were asked so far.
pub(super) struct Session {
    pub(super) spec: RemoteSpec,
    key: Option<String>,
    client: reqwest::Client,
    model: OnceLock<String>,
    places: Semaphore,
    state: Mutex<State>,
}

struct State {
    endpoints: Endpoints,
    calls: Calls,
    /// What earlier processes of the run called.
    before: Calls,
}

impl Session {
    pub(super) fn new(
        spec: RemoteSpec,
        key: Option<String>,
        before: Calls,
    ) -> Result<Arc<Session>> {
        let client = client(&spec, key.as_deref())?;
        let state = State {
            endpoints: Endpoints::new(&spec.urls),
            calls: Calls::default(),
            before,
        };
        Ok(Arc::new(Session {
            places: Semaphore::new(spec.parallel.max(1)),
            spec,
            key,
            client,
            model: OnceLock::new(),
            state: Mutex::new(state),
        }))
    }

    /// The calls of this process.
    pub(super) fn calls(&self) -> Calls {
        self.lock().calls
    }

    /// The calls of all processes of the run.
    pub(super) fn calls_of_run(&self) -> Calls {
        let state = self.lock();
        state.before.plus(&state.calls)
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Calls)) {
        change(&mut self.lock().calls);
    }

    /// The name under which the first server that answers knows the model.
    pub(super) async fn introduce(self: Arc<Self>) -> Introduced {
        let deadline = Instant::now() + Duration::from_secs_f64(self.spec.deadline);
        let call = wire::introduction(&self.spec);
        match self.settle(call, 0, deadline).await {
            Settled::Heard(heard) => {
                let name = match heard.model.is_empty() {
                    true => self.spec.model.clone(),
                    false => heard.model,
                };
                Introduced::As(self.model.get_or_init(|| name).clone())
            }
            Settled::Failed { why, .. } => Introduced::Not(why),
            Settled::Unasked(why) => Introduced::Unasked(why),
        }
    }

    /// Puts `call` until it is answered, or cannot be, or the time is over.
    pub(super) async fn settle(&self, call: Call, seed: u32, deadline: Instant) -> Settled {
        let mut wasted = Tokens::default();
        let mut last: Option<Fault> = None;
        for attempt in 0..=self.spec.retries {
            if let (Some(fault), Some(before)) = (&last, attempt.checked_sub(1)) {
                let pause = match fault.kind.is_of_endpoint() && self.spec.urls.len() > 1 {
                    // Another endpoint may be free at once; this one rests.
                    true => Duration::ZERO,
                    false => backoff(seed, before),
                };
                let left = deadline.saturating_duration_since(Instant::now());
                tokio::time::sleep(pause.min(left)).await;
            }
            let place = match self.place(deadline, last.as_ref()).await {
                Ok(place) => place,
                Err(settled) => return settled.with_tokens(wasted),
            };
            if attempt > 0 {
                self.count(|calls| calls.retries += 1);
            }
            match self.call(&call, place, deadline).await {
                Ok(heard) => return Settled::Heard(heard),
                Err(fault) => {
                    wasted.prompt += fault.tokens.prompt;
                    wasted.answer += fault.tokens.answer;
                    let passes = fault.kind.passes();
                    last = Some(fault);
                    if !passes {
                        break;
                    }
                }
            }
        }
        Settled::Failed {
            why: last.map_or_else(|| "not asked".into(), |fault| fault.why),
            tokens: wasted,
        }
    }

    /// Waits for one of `parallel` places and for an endpoint that does not rest.
    async fn place(&self, deadline: Instant, last: Option<&Fault>) -> Result<Place<'_>, Settled> {
        loop {
            let permit = self
                .places
                .acquire()
                .await
                .map_err(|error| Settled::failed(error.to_string()))?;
            let now = Instant::now();
            let taken = {
                let mut state = self.lock();
                if let Some(why) = self.over_budget(&state) {
                    return Err(Settled::Unasked(why));
                }
                match now < deadline {
                    true => state.endpoints.take(now),
                    false => Err(deadline),
                }
            };
            match taken {
                Ok((at, url)) => {
                    return Ok(Place {
                        at,
                        url,
                        begun: now,
                        _permit: permit,
                    });
                }
                Err(wakes) if wakes >= deadline => {
                    let last = last.map_or(String::new(), |fault| format!("; {}", fault.why));
                    return Err(Settled::failed(format!(
                        "no server is free within the {} s of this step{last}",
                        self.spec.deadline
                    )));
                }
                Err(wakes) => {
                    drop(permit);
                    tokio::time::sleep(wakes.saturating_duration_since(Instant::now())).await;
                }
            }
        }
    }

    async fn call(&self, call: &Call, place: Place<'_>, deadline: Instant) -> Result<Heard, Fault> {
        self.count(|calls| calls.calls += 1);
        let time = Duration::from_secs_f64(self.spec.timeout)
            .min(deadline.saturating_duration_since(Instant::now()));
        let whole = self.exchange(call, &place.url);
        let result = match tokio::time::timeout(time, whole).await {
            Ok(result) => result,
            Err(_) => Err(Fault::new(
                FaultKind::Timeout,
                format!("no answer within {:.1} s", time.as_secs_f64()),
            )),
        };
        let result = result.and_then(|heard| self.of_same_model(heard));
        let mut state = self.lock();
        let tokens = match &result {
            Ok(heard) => heard.tokens,
            Err(fault) => fault.tokens,
        };
        state.calls.prompt_tokens += u64::from(tokens.prompt);
        state.calls.answer_tokens += u64::from(tokens.answer);
        state.calls.dollars += self.dollars(f64::from(tokens.prompt), f64::from(tokens.answer));
        match &result {
            Err(fault) => {
                *fault.kind.counter(&mut state.calls) += 1;
                match fault.kind.is_of_endpoint() {
                    true => state.endpoints.failed(place.at, place.begun, fault.pause),
                    false => state.endpoints.answered(place.at, place.begun),
                }
            }
            Ok(_) => state.endpoints.answered(place.at, place.begun),
        }
        result
    }

    async fn exchange(&self, call: &Call, url: &str) -> Result<Heard, Fault> {
        let broken = |error: reqwest::Error| {
            let error = error.without_url();
            Fault::new(FaultKind::Transport, chain(&error))
        };
        let mut response = self
            .client
            .post(format!("{url}/chat/completions"))
            .body(call.body.clone())
            .send()
            .await
            .map_err(broken)?;
        let status = response.status().as_u16();
        let pause = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(retry_after);
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(broken)? {
            if body.len() + bytes.len() > ANSWER_BYTES_MAX {
                return Err(Fault::new(
                    FaultKind::Malformed,
                    format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"),
                ));
            }
            body.extend_from_slice(&bytes);
        }
        let holds_key = self.holds_key(&body);
        if status != 200 {
            let message = match holds_key {
                true => "its message repeats the API key".to_owned(),
                false => quoted(&body),
            };
            return Err(Fault::of_status(status, &message, pause));
        }
        if holds_key {
            return Err(Fault::new(
                FaultKind::Malformed,
                "the answer repeats the API key",
            ));
        }
        let heard = wire::heard(&body, &call.part)?;
        if self.spec.budget.is_some() && heard.tokens == Tokens::default() {
            return Err(Fault::new(
                FaultKind::Malformed,
                "the answer does not say how many tokens it took, so the budget cannot be kept",
            ));
        }
        Ok(heard)
    }

    fn of_same_model(&self, heard: Heard) -> Result<Heard, Fault> {
        match self.model.get() {
            Some(model) if !heard.model.is_empty() && heard.model != *model => {
                let why = format!(
                    "the server answers with another model, `{}` instead of `{model}`",
                    heard.model
                );
                Err(Fault::new(FaultKind::ModelChanged, why).with_tokens(heard.tokens))
            }
            _ => Ok(heard),
        }
    }

    fn over_budget(&self, state: &State) -> Option<String> {
        let budget = self.spec.budget?;
        let spent = state.before.dollars + state.calls.dollars;
        (spent >= budget).then(|| {
            format!(
                "the budget is spent: ${spent:.4} of ${budget}. All answers so far are in the \
                 transcript: raise `budget` of the model in the scenario (or with --set) and run \
                 it again with the same output folder to go on from here"
            )
        })
    }

    fn dollars(&self, prompt_tokens: f64, answer_tokens: f64) -> f64 {
        (prompt_tokens * self.spec.price_prompt + answer_tokens * self.spec.price_answer) / 1e6
    }

    /// Whether the key stands in `body`, as it is or in JSON's escapes.
    fn holds_key(&self, body: &[u8]) -> bool {
        self.key
            .as_ref()
            .is_some_and(|key| says(&String::from_utf8_lossy(body), key))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the first question told.
pub(super) enum Introduced {
    /// The name under which the model is served.
    As(String),
    /// No server answers, and why.
    Not(String),
    /// It was not asked, for this reason.
    Unasked(String),
}

/// Whether `key` stands in `text`, or in a text within the JSON that `text` is.
fn says(text: &str, key: &str) -> bool {
    fn within(value: &Value, key: &str) -> bool {
        match value {
            Value::String(text) => says(text, key),
            Value::Array(values) => values.iter().any(|value| within(value, key)),
            Value::Object(members) => members
                .iter()
                .any(|(name, value)| name.contains(key) || within(value, key)),
            _ => false,
        }
    }
    // A text within JSON is shorter than what it was written as, so this comes to an end.
    text.contains(key)
        || text.starts_with(['{', '[', '"', ' ', '\n', '\r', '\t'])
            && serde_json::from_str(text).is_ok_and(|value| within(&value, key))
}

/// The beginning of a server's message, on one line.
fn quoted(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(MESSAGE_LETTERS).collect()
}

struct Place<'a> {
    at: usize,
    url: String,
    begun: Instant,
    _permit: tokio::sync::SemaphorePermit<'a>,
}

impl Settled {
    fn failed(why: String) -> Settled {
        Settled::Failed {
            why,
            tokens: Tokens::default(),
        }
    }

    fn with_tokens(self, tokens: Tokens) -> Settled {
        match self {
            Settled::Failed { why, .. } => Settled::Failed { why, tokens },
            other => other,
        }
    }
}

fn client(spec: &RemoteSpec, key: Option<&str>) -> Result<reqwest::Client> {
    let failed = |error: &dyn std::fmt::Display| Error::run(format!("remote model: {error}"));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = key {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {key}")).map_err(|error| failed(&error))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let mut client = reqwest::Client::builder()
        .default_headers(headers)
        // A redirection would carry the key elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("fisc/", env!("CARGO_PKG_VERSION")));
    let local = ["//127.", "//localhost", "//[::1]"];
    if spec
        .urls
        .iter()
        .any(|url| local.iter().any(|host| url.contains(host)))
    {
        client = client.no_proxy();
    }
    client.build().map_err(|error| failed(&chain(&error)))
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The pause before repetition `attempt` (from 0): a deterministic jitter keeps askers apart.
fn backoff(seed: u32, attempt: u32) -> Duration {
    let mixed = (u64::from(seed) << 8 | u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let jitter = 0.5 + (mixed >> 40) as f64 / (1u64 << 24) as f64;
    let seconds = BACKOFF_FIRST * f64::from(attempt.min(16)).exp2() * jitter;
    Duration::from_secs_f64(seconds.min(BACKOFF_MAX))
}
