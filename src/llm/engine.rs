//! One named model of a scenario: looks up, asks, writes down.

use super::gguf::GgufBackend;
use super::{Answer, Backend, Key, Request, SharedTranscript, Source, Timing, registry};
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Requests that are evaluated and written down together: what a killed process loses at most.
const PORTION: usize = 64;

/// Default of [`ModelSpec::context_tokens`].
pub const CONTEXT_TOKENS: u32 = 8192;

/// Default of [`ModelSpec::wave`].
pub const WAVE: usize = 16;

/// Where a GGUF file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GgufSource {
    /// A model of the [`registry`], in the user's cache.
    Fetched(String),
    /// A file.
    Path(PathBuf),
}

impl GgufSource {
    /// What a scenario means by `text`: a name of the registry, or a path
    /// (relative ones from `base`, the scenario's folder).
    ///
    /// # Errors
    /// Neither a name of the registry nor a file that exists.
    pub fn named(text: &str, base: &Path) -> Result<GgufSource> {
        let names: Vec<&str> = registry::list().iter().map(|model| model.name).collect();
        if names.contains(&text) {
            return Ok(GgufSource::Fetched(text.to_owned()));
        }
        let path = base.join(text);
        if path.is_file() {
            return Ok(GgufSource::Path(path));
        }
        Err(Error::input("no such model")
            .value(text)
            .allowed(format!("{}, or the path of a GGUF file", names.join(", ")))
            .suggest(text, names))
    }

    /// The file.
    ///
    /// # Errors
    /// A model that was not fetched yet, with the command that fetches it.
    pub fn file(&self) -> Result<PathBuf> {
        match self {
            GgufSource::Path(path) => Ok(path.clone()),
            GgufSource::Fetched(name) => {
                let path = registry::path(name)?;
                if path.is_file() {
                    return Ok(path);
                }
                Err(Error::input(format!(
                    "model `{name}` is not here yet: `fisc model fetch {name}` gets it"
                ))
                .value(path.display()))
            }
        }
    }
}

/// How a model is opened.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// The scenario's name of the model.
    pub name: String,
    /// The model file.
    pub gguf: GgufSource,
    /// Tokens that the model holds at a time, all sequences of a wave together. Default 8192.
    pub context_tokens: u32,
    /// Threads that evaluate. Default: the machine's cores.
    pub threads: usize,
    /// Most requests that are evaluated side by side. Default 16.
    pub wave: usize,
}

impl ModelSpec {
    /// The model `gguf` under `name`, everything else at its default.
    pub fn new(name: impl Into<String>, gguf: GgufSource) -> ModelSpec {
        ModelSpec {
            name: name.into(),
            gguf,
            context_tokens: CONTEXT_TOKENS,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            wave: WAVE,
        }
    }
}

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
    /// Where the backend's time and tokens went.
    pub backend: Timing,
}

/// A model of a scenario, with the transcript that it shares with the others.
pub struct Engine {
    name: String,
    id: String,
    number: u32,
    backend: Option<Box<dyn Backend>>,
    transcript: SharedTranscript,
    profile: Profile,
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
                transcript.register(&model.name, &id)?;
                let backend = GgufBackend::open(&path, id, model)?;
                Engine::with_backend(&model.name, Box::new(backend), transcript)
            }
            Mode::Replay => {
                let Some((number, id)) = transcript.registered(&model.name) else {
                    let names: Vec<String> = transcript
                        .models()
                        .into_iter()
                        .map(|(name, _)| name)
                        .collect();
                    return Err(Error::run(format!(
                        "{} has no answers of a model `{}`",
                        transcript.path().display(),
                        model.name
                    ))
                    .allowed(names.join(", ")));
                };
                let profile = Profile::default();
                let name = model.name.clone();
                Ok(Engine {
                    name,
                    id,
                    number,
                    backend: None,
                    transcript,
                    profile,
                })
            }
        }
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
        let profile = Profile::default();
        Ok(Engine {
            name: name.to_owned(),
            id,
            number,
            backend: Some(backend),
            transcript,
            profile,
        })
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
    /// answers are on disk before they are returned.
    ///
    /// # Errors
    /// Replay: a question that the transcript does not answer, naming agent,
    /// step and key. Live: what [`Backend::check`] refuses, a failure of the
    /// model, or of writing the transcript.
    pub fn ask(&mut self, requests: &[Request]) -> Result<Vec<Answer>> {
        let begun = Instant::now();
        let keys: Vec<Key> = requests.iter().map(|r| Key::new(&self.id, r)).collect();
        let mut answers: HashMap<Key, Answer> = HashMap::new();
        let mut open: Vec<(Key, &Request)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (&key, request) in keys.iter().zip(requests) {
            if !seen.insert(key) {
                continue;
            }
            match self.transcript.find(&key) {
                Some(answer) => {
                    answers.insert(key, answer);
                }
                None => open.push((key, request)),
            }
        }
        for answer in self.evaluate(&open)? {
            answers.insert(answer.key, answer);
        }
        let ordered = keys
            .iter()
            .map(|key| {
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

    fn evaluate(&mut self, open: &[(Key, &Request)]) -> Result<Vec<Answer>> {
        let Some((key, request)) = open.first() else {
            return Ok(Vec::new());
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
        for (_, request) in open {
            backend
                .check(request)
                .map_err(|error| of_agent(error, &self.name, request))?;
        }
        let mut answers = Vec::with_capacity(open.len());
        for portion in open.chunks(PORTION) {
            let requests: Vec<&Request> = portion.iter().map(|(_, request)| *request).collect();
            let found = backend
                .answer(&requests)
                .map_err(|error| error.context(format!("asking model `{}`", self.name)))?;
            self.profile.backend = backend.timing();
            let begun = Instant::now();
            answers.extend(self.transcript.record(self.number, portion, &found)?);
            self.profile.transcript_seconds += begun.elapsed().as_secs_f64();
        }
        Ok(answers)
    }
}

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

/// `sha256:…` of the file `path`.
///
/// # Errors
/// The file cannot be read.
pub fn identity(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path)
        .map_err(|error| Error::input(format!("no model file: {error}")).value(path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file
            .read(&mut buffer)
            .map_err(|error| Error::io(path, error))?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
    }
    let digits: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("sha256:{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::llm::{BackendAnswer, Content, Message, Reading, Readout, Role};
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

        fn check(&mut self, request: &Request) -> Result<()> {
            match request.messages.is_empty() {
                true => Err(Error::input("no messages")),
                false => Ok(()),
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
    fn nothing_is_evaluated_if_one_request_is_wrong() {
        let (mut engine, asked) = live(&SharedTranscript::in_memory());
        let mut requests: Vec<Request> = (0..100).map(|i| choice(i, &format!("{i}"))).collect();
        requests[99].messages.clear();
        let error = engine.ask(&requests).unwrap_err();
        assert!(error.to_string().contains("worker 99 at step 2"), "{error}");
        assert!(asked.lock().unwrap().is_empty());
    }

    #[test]
    fn models_are_named_or_given_by_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("my.gguf"), "x").unwrap();
        let named = |text| GgufSource::named(text, folder.path());
        let fetched = GgufSource::Fetched("smollm2-135m".into());
        assert_eq!(named("smollm2-135m").unwrap(), fetched);
        assert_eq!(
            named("my.gguf").unwrap(),
            GgufSource::Path(folder.path().join("my.gguf"))
        );
        let message = named("smollm-135m").unwrap_err().to_string();
        assert!(message.contains("did you mean `smollm2-135m`"), "{message}");
    }

    #[test]
    fn identity_is_the_sha256_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-4, example for the message "abc".
        let sha = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(identity(&path).unwrap(), sha);
    }
}
