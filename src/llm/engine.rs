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
                    let names: Vec<String> =
                        transcript.models().into_iter().map(|(name, _)| name).collect();
                    return Err(Error::run(format!(
                        "{} has no answers of a model `{}`",
                        transcript.path().display(),
                        model.name
                    ))
                    .allowed(names.join(", ")));
                };
                let profile = Profile::default();
                let name = model.name.clone();
                Ok(Engine { name, id, number, backend: None, transcript, profile })
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
        Ok(Engine { name: name.to_owned(), id, number, backend: Some(backend), transcript, profile })
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
        let Some((key, request)) = open.first() else { return Ok(Vec::new()) };
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
            backend.check(request).map_err(|error| of_agent(error, &self.name, request))?;
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
        let length = file.read(&mut buffer).map_err(|error| Error::io(path, error))?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256:{digits}"))
}
