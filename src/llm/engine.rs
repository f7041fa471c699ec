//! One named model of a scenario: looks up, asks, writes down.

use super::gguf::GgufBackend;
use super::remote::{Calls, RemoteBackend, RemoteSpec};
use super::spec::identity;
use super::transcript::{Failure, Settings};
use super::{
    Answer, Backend, GgufSource, Key, ModelSpec, Outcome, Request, SharedTranscript, Source, Timing,
};
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// Requests that are evaluated and written down together: what a killed process loses at most.
const PORTION: usize = 64;

/// Whether a model may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What the transcript does not hold is evaluated.
    Live,
    /// What the transcript does not hold is an error; no model file is opened.
    Replay,
}

/// Where an engine's time went and what it saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Profile {
    /// Requests.
    pub requests: u64,
    /// Requests that were evaluated.
    pub live: u64,
    /// Requests answered from the transcript of an earlier process.
    pub from_transcript: u64,
    /// Requests answered from an earlier answer of this process, or the same call.
    pub from_memory: u64,
    /// Tokens of prompts and answers that were not evaluated because the answer was in memory.
    pub tokens_saved_by_memory: u64,
    /// Everything that `ask` took, in seconds.
    pub ask_seconds: f64,
    /// Writing the transcript, in seconds.
    pub transcript_seconds: f64,
    /// Requests that stayed without an answer.
    pub failed: u64,
    /// Where the backend's time and tokens went.
    pub backend: Timing,
    /// What calls to servers came to in all processes of the run, if the model is behind one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<Calls>,
}

/// A model of a scenario, with the transcript that it shares with the others.
pub struct Engine {
    name: String,
    id: String,
    number: u32,
    backend: Option<Box<dyn Backend>>,
    transcript: SharedTranscript,
    profile: Profile,
    /// What the transcript holds of the calls to servers.
    on_file: Calls,
}

impl Engine {
    /// Opens `model` on `transcript`.
    ///
    /// # Errors
    /// Live: no such file, not a model that can be used, or not the model with
    /// which the transcript was begun. Replay: the transcript knows no model of
    /// that name.
    pub fn open(model: &ModelSpec, transcript: SharedTranscript, mode: Mode) -> Result<Engine> {
        match mode {
            Mode::Live => {
                let path = model.gguf.file()?;
                let id = identity(&path)?;
                // First, so that the wrong model is refused before it is loaded.
                let settings = Settings {
                    wave: model.wave,
                    lanes: model.lanes()?,
                    threads: model.threads,
                };
                transcript.register_with(&model.name, &id, settings)?;
                let backend = GgufBackend::open(&path, id, model)?;
                Engine::with_backend(&model.name, Box::new(backend), transcript)
            }
            Mode::Replay => Engine::replay(&model.name, transcript),
        }
    }

    /// Opens the model that `text` names, as [`GgufSource::named`] from the working folder, with the
    /// threads, lanes and wave that were measured.
    ///
    /// # Errors
    /// As [`GgufSource::named`] and [`Engine::open`].
    pub fn named(text: &str, transcript: SharedTranscript, mode: Mode) -> Result<Engine> {
        if mode == Mode::Replay {
            return Engine::replay(text, transcript);
        }
        let source = GgufSource::named(text, std::path::Path::new(""))?;
        Engine::open(&ModelSpec::new(text, source).measured()?, transcript, mode)
    }

    /// Opens the model behind the servers of `spec` as `name` on `transcript`.
    ///
    /// # Errors
    /// Live: no key, no server that answers, or not the model with which the
    /// transcript was begun. Replay: the transcript knows no model of that name.
    pub fn open_remote(
        name: &str,
        spec: &RemoteSpec,
        transcript: SharedTranscript,
        mode: Mode,
    ) -> Result<Engine> {
        match mode {
            Mode::Live => {
                let before = match transcript.registered(name) {
                    Some((number, _)) => transcript.calls(number),
                    None => Calls::default(),
                };
                let backend = RemoteBackend::go_on(name, spec.clone(), before)?;
                Engine::with_backend(name, Box::new(backend), transcript)
            }
            Mode::Replay => Engine::replay(name, transcript),
        }
    }

    /// The model `name` as `transcript` knows it: nothing can be asked of it that is not there.
    fn replay(name: &str, transcript: SharedTranscript) -> Result<Engine> {
        let Some((number, id)) = transcript.registered(name) else {
            let names: Vec<String> = transcript
                .models()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            return Err(Error::run(format!(
                "{} has no answers of a model `{name}`",
                transcript.path().display(),
            ))
            .allowed(names.join(", ")));
        };
        Ok(Engine {
            name: name.to_owned(),
            id,
            number,
            backend: None,
            transcript,
            profile: Profile::default(),
            on_file: Calls::default(),
        })
    }

    /// An engine named `name` on any backend.
    ///
    /// # Errors
    /// The transcript was begun with another model of that name.
    pub fn with_backend(
        name: &str,
        backend: Box<dyn Backend>,
        transcript: SharedTranscript,
    ) -> Result<Engine> {
        let id = backend.id().to_owned();
        let number = transcript.register(name, &id)?;
        let profile = Profile {
            remote: backend.calls(),
            ..Profile::default()
        };
        let on_file = transcript.calls(number);
        let mut engine = Engine {
            name: name.to_owned(),
            id,
            number,
            backend: Some(backend),
            transcript,
            profile,
            on_file,
        };
        if let Some(calls) = engine.profile.remote {
            write_calls(&engine.transcript, number, calls, &mut engine.on_file)?;
            engine.transcript.flush()?;
        }
        Ok(engine)
    }

    /// Says that a period of the game begins: a deadline of the model runs from its next question.
    pub fn begin_step(&mut self) {
        if let Some(backend) = &mut self.backend {
            backend.begin();
        }
    }

    /// Tokens that the model evaluated and generated in all processes of the run; 0 in a replay.
    pub fn tokens(&self) -> u64 {
        match (&self.backend, self.profile.remote) {
            (None, _) => 0,
            (_, Some(calls)) => calls.prompt_tokens + calls.answer_tokens,
            (_, None) => {
                let timing = &self.profile.backend;
                let here = timing.prefill_tokens + timing.decode_tokens;
                here + self.transcript.evaluated_before(self.number)
            }
        }
    }

    /// Takes back that the questions of `failed` stayed without an answer, because that stops the
    /// run: when it is resumed, they are asked again. `failed` are the keys of the answers with
    /// stream and attempt of the requests.
    ///
    /// # Errors
    /// The transcript cannot be written.
    pub fn ask_again_later(&mut self, failed: &[(Key, u64, u32)], step: u64) -> Result<()> {
        for &(key, stream, attempt) in failed {
            self.transcript.void_failure(key, [stream, step], attempt)?;
        }
        Ok(())
    }

    /// The scenario's name of the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model's identity, `sha256:…` of its file.
    pub fn model_id(&self) -> &str {
        &self.id
    }

    /// Where the time went so far.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Writes down what the caller made of the answer to `key`: as [`SharedTranscript::note`].
    ///
    /// # Errors
    /// As [`SharedTranscript::note`].
    pub fn note(&self, key: &Key, parsed: Result<&str, &str>) -> Result<()> {
        self.transcript.note(key, parsed)
    }

    /// The answers to `requests`, in their order.
    ///
    /// What the transcript holds is taken from there. The rest is checked as a
    /// whole before anything is evaluated; equal questions are asked once; and
    /// answers are on disk before they are returned. A question that a server
    /// left without an answer, or that does not fit the context, gets [`Content::Failed`](super::Content::Failed);
    /// that is written down, too, so that a replay takes the same path.
    ///
    /// # Errors
    /// Replay: a question that the transcript does not answer, naming agent,
    /// step and key. Live: what [`Backend::check`] refuses, a failure of the
    /// model, a budget that is spent, or a failure of writing the transcript.
    pub fn ask(&mut self, requests: &[Request]) -> Result<Vec<Answer>> {
        let begun = Instant::now();
        let keys: Vec<Key> = requests.iter().map(|r| Key::new(&self.id, r)).collect();
        let mut answers: HashMap<Key, Answer> = HashMap::new();
        let mut open: Vec<(Key, &Request)> = Vec::new();
        let mut seen = HashSet::new();
        let mut failed: Vec<Option<Answer>> = Vec::with_capacity(requests.len());
        for (key, request) in keys.iter().zip(requests) {
            failed.push(self.transcript.failed(key, request));
        }
        for ((&key, request), failed) in keys.iter().zip(requests).zip(&failed) {
            if failed.is_some() || !seen.insert(key) {
                continue;
            }
            match self.transcript.find(&key) {
                Some(answer) => {
                    answers.insert(key, answer);
                }
                None => open.push((key, request)),
            }
        }
        let (found, failures) = self.evaluate(&open)?;
        for answer in found {
            answers.insert(answer.key, answer);
        }
        self.record_failures(&keys, requests, &failures, &mut failed)?;
        let ordered = keys
            .iter()
            .zip(failed)
            .map(|(key, failed)| {
                if let Some(answer) = failed {
                    self.profile.failed += 1;
                    self.profile.count(&answer);
                    return Ok(answer);
                }
                let answer = answers
                    .get_mut(key)
                    .ok_or_else(|| Error::run(format!("no answer came for {key}")))?;
                self.profile.count(answer);
                let found = answer.clone();
                if answer.source == Source::Live {
                    answer.source = Source::Memory;
                }
                Ok(found)
            })
            .collect::<Result<Vec<Answer>>>()?;
        self.profile.requests += requests.len() as u64;
        self.profile.ask_seconds += begun.elapsed().as_secs_f64();
        Ok(ordered)
    }

    /// Writes down the new `failures` for every request that shared the question, and adds them
    /// to `failed`.
    fn record_failures(
        &mut self,
        keys: &[Key],
        requests: &[Request],
        failures: &HashMap<Key, Failure>,
        failed: &mut [Option<Answer>],
    ) -> Result<()> {
        if failures.is_empty() {
            return Ok(());
        }
        let mut asked = Vec::new();
        let mut charged = HashSet::new();
        for (at, key) in keys.iter().enumerate() {
            if let (None, Some(failure)) = (&failed[at], failures.get(key)) {
                // The tokens are charged to the first that asked.
                let failure = match charged.insert(*key) {
                    true => failure.clone(),
                    false => failure.without_tokens(),
                };
                asked.push((at, failure));
            }
        }
        for (at, failure) in asked {
            let answer =
                self.transcript
                    .record_failure(self.number, keys[at], &requests[at], failure)?;
            failed[at] = Some(answer);
        }
        self.transcript.flush()
    }

    fn evaluate(&mut self, open: &[(Key, &Request)]) -> Result<Evaluated> {
        let Some((key, request)) = open.first() else {
            return Ok(Evaluated::default());
        };
        let Some(backend) = &mut self.backend else {
            return Err(Error::run(format!(
                "{} has no answer of model `{}` to {} at step {}, attempt {} (key {key}, {} \
                 missing in this call)",
                self.transcript.path().display(),
                self.name,
                request.agent,
                request.step,
                request.attempt,
                open.len()
            )));
        };
        let mut failures = HashMap::new();
        let mut fit = Vec::with_capacity(open.len());
        for &(key, request) in open {
            let checked = backend
                .check(request)
                .map_err(|error| of_agent(error, &self.name, request))?;
            match checked {
                None => fit.push((key, request)),
                Some(why) => {
                    let tokens = [0, 0];
                    failures.insert(key, Failure { why, tokens });
                }
            }
        }
        let mut answers = Vec::with_capacity(fit.len());
        for portion in fit.chunks(PORTION) {
            let requests: Vec<&Request> = portion.iter().map(|(_, request)| *request).collect();
            let outcomes = backend
                .outcomes(&requests)
                .map_err(|error| error.context(format!("asking model `{}`", self.name)))?;
            self.profile.backend = backend.timing();
            self.profile.remote = backend.calls();
            let mut stop = None;
            let (mut asked, mut found) = (Vec::new(), Vec::new());
            for (&question, outcome) in portion.iter().zip(outcomes) {
                match outcome {
                    Outcome::Answered(answer) => {
                        asked.push(question);
                        found.push(answer);
                    }
                    Outcome::Failed {
                        why,
                        prompt_tokens,
                        answer_tokens,
                    } => {
                        let tokens = [prompt_tokens, answer_tokens];
                        failures.insert(question.0, Failure { why, tokens });
                    }
                    Outcome::Unasked(why) => stop = Some(why),
                }
            }
            let begun = Instant::now();
            if let Some(calls) = self.profile.remote {
                write_calls(&self.transcript, self.number, calls, &mut self.on_file)?;
            }
            answers.extend(self.transcript.record(self.number, &asked, &found)?);
            self.profile.transcript_seconds += begun.elapsed().as_secs_f64();
            if let Some(why) = stop {
                return Err(Error::run(why).context(format!("asking model `{}`", self.name)));
            }
        }
        Ok((answers, failures))
    }
}

/// Writes down what `calls` adds to what is `on_file`, with the next answers.
fn write_calls(
    transcript: &SharedTranscript,
    number: u32,
    calls: Calls,
    on_file: &mut Calls,
) -> Result<()> {
    let new = calls.since(on_file);
    if new != Calls::default() {
        transcript.record_calls(number, new)?;
        *on_file = calls;
    }
    Ok(())
}

/// Answers, and why there are none.
type Evaluated = (Vec<Answer>, HashMap<Key, Failure>);

impl Profile {
    fn count(&mut self, answer: &Answer) {
        match answer.source {
            Source::Live => self.live += 1,
            Source::Transcript => self.from_transcript += 1,
            Source::Memory => {
                self.from_memory += 1;
                self.tokens_saved_by_memory +=
                    u64::from(answer.prompt_tokens) + u64::from(answer.answer_tokens);
            }
        }
    }
}

fn of_agent(error: Error, model: &str, request: &Request) -> Error {
    let Request { agent, step, .. } = request;
    error.context(format!("asking model `{model}` for {agent} at step {step}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::llm::{BackendAnswer, Content, GgufSource, Message, Reading, Readout, Role};
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    /// Says how many words the last message has; writes down what it was asked.
    struct Counter {
        asked: Arc<Mutex<Vec<usize>>>,
        fail_after: usize,
    }

    impl Backend for Counter {
        fn id(&self) -> &str {
            "sha256:counter"
        }

        fn check(&mut self, request: &Request) -> Result<Option<String>> {
            match request.messages.first() {
                None => Err(Error::input("no messages")),
                Some(first) if first.content.len() > 1000 => Ok(Some("too long".into())),
                Some(_) => Ok(None),
            }
        }

        fn answer(&mut self, requests: &[&Request]) -> Result<Vec<BackendAnswer>> {
            let mut asked = self.asked.lock().unwrap();
            if asked.iter().sum::<usize>() >= self.fail_after {
                return Err(Error::run("the model fell over"));
            }
            asked.push(requests.len());
            Ok(requests
                .iter()
                .map(|request| BackendAnswer {
                    reading: match &request.readout {
                        Readout::Choice { options } => Reading::LogProbs(
                            (1..=options.len())
                                .map(|i| -(i as f64) - 1.0 / 3.0)
                                .collect(),
                        ),
                        Readout::Sample { .. } => Reading::Text {
                            text: format!("{} {}", request.stream, request.attempt),
                            truncated: false,
                        },
                    },
                    prompt_tokens: 10,
                    evaluated_tokens: 4,
                    answer_tokens: 3,
                    latency_ms: 1.25,
                })
                .collect())
        }

        fn timing(&self) -> Timing {
            Timing::default()
        }
    }

    type Asked = Arc<Mutex<Vec<usize>>>;

    fn live(transcript: &SharedTranscript) -> (Engine, Asked) {
        failing(transcript, usize::MAX)
    }

    fn failing(transcript: &SharedTranscript, fail_after: usize) -> (Engine, Asked) {
        let asked = Asked::default();
        let backend = Counter {
            asked: asked.clone(),
            fail_after,
        };
        let engine = Engine::with_backend("small", Box::new(backend), transcript.clone()).unwrap();
        (engine, asked)
    }

    fn replayed(path: &Path) -> Result<Engine> {
        let model = ModelSpec::new("small", GgufSource::Path("moved/away.gguf".into()));
        Engine::open(&model, SharedTranscript::replay(path)?, Mode::Replay)
    }

    fn choice(stream: u64, text: &str) -> Request {
        Request {
            seed: 1,
            agent: format!("worker {stream}"),
            stream,
            step: 2,
            attempt: 0,
            messages: vec![Message {
                role: Role::User,
                content: text.into(),
            }],
            readout: Readout::Choice {
                options: vec!["0".into(), "10".into()],
            },
        }
    }

    fn sample(stream: u64, text: &str) -> Request {
        let (grammar, max_tokens) = ("root ::= [0-9]".to_owned(), 3);
        let readout = Readout::Sample {
            grammar,
            max_tokens,
            temperature: 1.0,
            top_p: 1.0,
        };
        Request {
            readout,
            ..choice(stream, text)
        }
    }

    fn contents(answers: &[Answer]) -> Vec<Content> {
        answers
            .iter()
            .map(|answer| answer.content.clone())
            .collect()
    }

    #[test]
    fn engines_can_be_moved_to_another_thread() {
        fn moves<T: Send>() {}
        moves::<Engine>();
        moves::<SharedTranscript>();
    }

    #[test]
    fn equal_choices_are_asked_once_and_draws_for_each() {
        let transcript = SharedTranscript::in_memory();
        let (mut engine, asked) = live(&transcript);
        let requests = [
            choice(1, "a"),
            choice(2, "a"),
            choice(3, "b"),
            sample(1, "a"),
            sample(2, "a"),
        ];
        let answers = engine.ask(&requests).unwrap();
        assert_eq!(*asked.lock().unwrap(), [4]);
        assert_eq!(answers[0].content, answers[1].content);
        assert_eq!(
            contents(&answers)[3..],
            ["1 0", "2 0"].map(|t| Content::Text(t.into()))
        );
        let sources: Vec<Source> = answers.iter().map(|answer| answer.source).collect();
        use Source::{Live, Memory};
        assert_eq!(sources, [Live, Memory, Live, Live, Live]);
        // Another arm with the same transcript asks nothing again.
        let (mut other, asked) = live(&transcript);
        assert_eq!(contents(&other.ask(&requests).unwrap()), contents(&answers));
        assert!(asked.lock().unwrap().is_empty());
        assert_eq!((other.profile().from_memory, other.profile().live), (5, 0));
        assert_eq!(other.profile().tokens_saved_by_memory, 5 * 13);
    }

    #[test]
    fn replay_needs_no_model_and_names_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.zst");
        let requests = [choice(1, "a"), sample(7, "b")];
        let (mut engine, _) = live(&SharedTranscript::create(&path).unwrap());
        let answers = engine.ask(&requests).unwrap();
        drop(engine);

        let mut engine = replayed(&path).unwrap();
        assert_eq!(engine.model_id(), "sha256:counter");
        let again = engine.ask(&requests).unwrap();
        assert_eq!(contents(&again), contents(&answers));
        assert!(
            again
                .iter()
                .all(|answer| answer.source == Source::Transcript)
        );

        let missing = sample(8, "b");
        let error = engine
            .ask(&[requests[0].clone(), missing.clone()])
            .unwrap_err();
        let key = Key::new("sha256:counter", &missing).to_string();
        for word in ["worker 8", "step 2", &key, "t.zst"] {
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
        assert_eq!(error.kind(), Kind::Run);

        let other = ModelSpec::new("large", GgufSource::Path("x".into()));
        let transcript = SharedTranscript::replay(&path).unwrap();
        let error = Engine::open(&other, transcript, Mode::Replay)
            .err()
            .unwrap();
        assert!(error.to_string().contains("`large`"), "{error}");
    }

    #[test]
    fn a_broken_off_run_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.zst");
        let requests: Vec<Request> = (0..150).map(|i| choice(i, &format!("text {i}"))).collect();
        let (mut engine, asked) = failing(&SharedTranscript::create(&path).unwrap(), 128);
        assert!(engine.ask(&requests).is_err());
        assert_eq!(*asked.lock().unwrap(), [64, 64]);
        drop(engine);

        let (mut engine, asked) = live(&SharedTranscript::resume(&path).unwrap());
        let answers = engine.ask(&requests).unwrap();
        assert_eq!(*asked.lock().unwrap(), [22]);
        assert_eq!(
            (engine.profile().from_transcript, engine.profile().live),
            (128, 22)
        );
        drop(engine);
        let replay = replayed(&path).unwrap().ask(&requests).unwrap();
        assert_eq!(contents(&replay), contents(&answers));
    }

    #[test]
    fn a_question_that_does_not_fit_fails_alone_and_again_in_the_replay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.zst");
        let transcript = SharedTranscript::create(&path).unwrap();
        let (mut engine, asked) = live(&transcript);
        let requests = [
            choice(1, "short"),
            choice(2, &"long ".repeat(300)),
            choice(3, "other"),
        ];
        let answers = engine.ask(&requests).unwrap();
        assert_eq!(*asked.lock().unwrap(), [2]);
        assert_eq!(engine.profile().failed, 1);
        drop((engine, transcript));
        let again = replayed(&path).unwrap().ask(&requests).unwrap();
        for answers in [&answers, &again] {
            let failed: Vec<bool> = answers
                .iter()
                .map(|answer| answer.content == Content::Failed("too long".into()))
                .collect();
            assert_eq!(failed, [false, true, false]);
        }
    }

    #[test]
    fn nothing_is_evaluated_if_one_request_is_wrong() {
        let (mut engine, asked) = live(&SharedTranscript::in_memory());
        let mut requests: Vec<Request> = (0..100).map(|i| choice(i, &format!("{i}"))).collect();
        requests[99].messages.clear();
        let error = engine.ask(&requests).unwrap_err();
        assert!(error.to_string().contains("worker 99 at step 2"), "{error}");
        assert!(asked.lock().unwrap().is_empty());
    }
}
