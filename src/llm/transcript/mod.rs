//! The append-only record of everything that models answered in a run.
//!
//! A transcript stands in for the models: a replay takes every answer from it
//! and needs no model file. It is also the run's checkpoint: a run that
//! resumes takes what is there and goes on live. So that both give the same
//! numbers, an answer is rounded to what the transcript holds *before* the live
//! run uses it.
//!
//! The file is JSON lines (see the source of `lines.rs` for their form) in zstd
//! frames, one frame for each batch of answers, on disk before the answers are used.

mod answers;
mod book;
mod failures;
mod frames;
mod lines;

#[cfg(test)]
mod tests;

use super::remote::Calls;
use super::{Answer, BackendAnswer, Key, Message, Readout, Request, Source};
use crate::error::{Error, Result};
use answers::{read, written};
use book::Book;
pub(super) use failures::Failure;
use failures::Failures;
pub use lines::Settings;
use lines::{AnswerLine, CallsLine, Header, Line, ModelLine, NoteLine, SCHEMA, VoidLine};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A transcript that all engines of a run share. Clones are the same transcript.
#[derive(Clone)]
pub struct SharedTranscript(Arc<Mutex<Transcript>>);

/// One question with its answer, for a reader of the transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// The answer; its source is [`Source::Transcript`].
    pub answer: Answer,
    /// Who asked first.
    pub agent: String,
    /// When it was asked first.
    pub step: u64,
    /// The scenario's name of the model.
    pub model: String,
    /// What was asked.
    pub messages: Vec<Message>,
    /// How the answer was read.
    pub readout: Readout,
    /// What the caller made of it: the parsed value, or why there is none.
    pub note: Option<Result<String, String>>,
}

struct Transcript {
    path: PathBuf,
    /// Where new lines go; `None` for a replay and for a transcript in memory.
    file: Option<File>,
    answers: Vec<AnswerLine>,
    index: HashMap<Key, usize>,
    /// Answers below this number were there when the transcript was opened.
    opened_with: usize,
    models: Vec<ModelLine>,
    book: Book,
    notes: HashMap<u32, NoteLine>,
    failures: Failures,
    /// What calls came to, by number of the model.
    calls: HashMap<u32, Calls>,
    /// Lines that are not on disk yet.
    pending: Vec<u8>,
    /// Bytes on disk: the length to go back to when a write fails half-way.
    on_disk: u64,
    replay: bool,
}

impl SharedTranscript {
    /// Begins a transcript in the new file `path`.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn create(path: &Path) -> Result<SharedTranscript> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(|error| Error::io(path, error))?;
        let mut transcript = Transcript::empty(path.to_owned(), Some(file));
        transcript.begin()?;
        transcript.write()?;
        Ok(transcript.shared())
    }

    /// Opens the transcript `path` to go on with it: answers that are there are
    /// used again, new ones are appended. The last frame of a killed process is
    /// cut off with a warning. A missing file is begun.
    ///
    /// # Errors
    /// Damage other than a torn tail, another schema, or a file that cannot be written.
    pub fn resume(path: &Path) -> Result<SharedTranscript> {
        if !path.exists() {
            return Self::create(path);
        }
        let mut transcript = Transcript::empty(path.to_owned(), None);
        let good = transcript.load()?;
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .and_then(|file| file.set_len(good).map(|()| file))
            .map_err(|error| Error::io(path, error))?;
        transcript.file = Some(file);
        transcript.on_disk = good;
        if good == 0 {
            transcript.begin()?;
            transcript.write()?;
        }
        Ok(transcript.shared())
    }

    /// Opens the transcript `path` to answer in place of the models. The file is not changed.
    ///
    /// # Errors
    /// No such file, damage other than a torn tail, or another schema.
    pub fn replay(path: &Path) -> Result<SharedTranscript> {
        let mut transcript = Transcript::empty(path.to_owned(), None);
        transcript.load()?;
        transcript.replay = true;
        Ok(transcript.shared())
    }

    /// Bytes at the end of the file `path` that cannot be read. After a finished run there are none.
    ///
    /// # Errors
    /// No such file, or damage before the end.
    pub fn torn_bytes(path: &Path) -> Result<u64> {
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
        Ok(frames::read(path, &bytes)?.torn)
    }

    /// A transcript that is kept in memory only.
    pub fn in_memory() -> SharedTranscript {
        Transcript::empty(PathBuf::from("(memory)"), None).shared()
    }

    /// Number of answers.
    pub fn len(&self) -> usize {
        self.lock().answers.len()
    }

    /// Whether there are no answers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names and identities of the models, in the order in which they were opened.
    pub fn models(&self) -> Vec<(String, String)> {
        self.lock()
            .models
            .iter()
            .map(|m| (m.name.clone(), m.id.clone()))
            .collect()
    }

    /// The answer to the question `key`, if it was given.
    pub fn find(&self, key: &Key) -> Option<Answer> {
        self.lock().find(key)
    }

    /// Everything about the question `key`, if it was asked.
    pub fn exchange(&self, key: &Key) -> Option<Exchange> {
        let transcript = self.lock();
        transcript.index.get(key).map(|&at| transcript.exchange(at))
    }

    /// All questions and answers, in the order in which they were given.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let transcript = self.lock();
        (0..transcript.answers.len())
            .map(|at| transcript.exchange(at))
            .collect()
    }

    /// Writes down what the caller made of the answer to `key`: the parsed
    /// value, or why it could not be parsed.
    ///
    /// Notes reach the disk with the next answers or with [`flush`](Self::flush).
    /// A note that is there already, and any note in a replay, changes nothing.
    ///
    /// # Errors
    /// No such answer.
    pub fn note(&self, key: &Key, parsed: Result<&str, &str>) -> Result<()> {
        self.lock().note(key, parsed)
    }

    /// Writes what is not on disk yet.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&self) -> Result<()> {
        self.lock().write()
    }

    /// The number of the model `name`, which must have identity `id` if it is known already.
    pub(super) fn register(&self, name: &str, id: &str) -> Result<u32> {
        self.lock().register(name, id, None)
    }

    /// As [`register`](Self::register) for a model in this process, with how it is asked.
    pub(super) fn register_with(&self, name: &str, id: &str, settings: Settings) -> Result<u32> {
        self.lock().register(name, id, Some(settings))
    }

    /// How the model `name` was asked when the transcript was begun.
    pub fn settings(&self, name: &str) -> Option<Settings> {
        let transcript = self.lock();
        let model = transcript.models.iter().find(|m| m.name == name)?;
        model.settings
    }

    /// The number and identity under which the model `name` answered.
    pub(super) fn registered(&self, name: &str) -> Option<(u32, String)> {
        let transcript = self.lock();
        let at = transcript.models.iter().position(|m| m.name == name)?;
        Some((at as u32, transcript.models[at].id.clone()))
    }

    /// Writes down the answers to `asked`, on disk when this returns, and gives
    /// them back as they will be read again.
    pub(super) fn record(
        &self,
        model: u32,
        asked: &[(Key, &Request)],
        answers: &[BackendAnswer],
    ) -> Result<Vec<Answer>> {
        self.lock().record(model, asked, answers)
    }

    /// What became of `request`, if it failed.
    pub(super) fn failed(&self, key: &Key, request: &Request) -> Option<Answer> {
        self.lock().failures.find(key, request)
    }

    /// Notes that `request` failed, on disk with the next [`flush`](Self::flush), and gives the
    /// failure back as it will be read again.
    pub(super) fn record_failure(
        &self,
        model: u32,
        key: Key,
        request: &Request,
        failure: Failure,
    ) -> Result<Answer> {
        let mut transcript = self.lock();
        let line = failure.line(model, key, request);
        transcript.line(&Line::Failure(line.clone()))?;
        let answer = failures::read(&line, Source::Live);
        transcript.failures.push(line);
        Ok(answer)
    }

    /// Takes back the failure of the question `key` of that asker, step and attempt, on disk with
    /// the next [`flush`](Self::flush): when the run is resumed, it is asked again.
    pub(super) fn void_failure(&self, key: Key, request: [u64; 2], attempt: u32) -> Result<()> {
        let [stream, step] = request;
        self.lock().void(VoidLine {
            key,
            stream,
            step,
            attempt,
        })
    }

    /// Adds what `calls` to the model of that number came to, on disk with the next
    /// [`flush`](Self::flush).
    pub(super) fn record_calls(&self, model: u32, calls: Calls) -> Result<()> {
        let mut transcript = self.lock();
        transcript.line(&Line::Calls(CallsLine { model, calls }))?;
        transcript.add_calls(model, &calls);
        Ok(())
    }

    /// What all calls to the model of that number came to.
    pub(super) fn calls(&self, model: u32) -> Calls {
        let transcript = self.lock();
        transcript.calls.get(&model).copied().unwrap_or_default()
    }

    /// Tokens that the model of that number evaluated for the answers that were there when the
    /// transcript was opened.
    pub(super) fn evaluated_before(&self, model: u32) -> u64 {
        let transcript = self.lock();
        let answers = &transcript.answers[..transcript.opened_with];
        let of_model = answers.iter().filter(|line| line.model == model);
        of_model
            .map(|line| u64::from(line.tokens[1]) + u64::from(line.tokens[2]))
            .sum()
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> PathBuf {
        self.lock().path.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Transcript> {
        // A panic elsewhere leaves the lists as they were between two pushes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transcript {
    fn empty(path: PathBuf, file: Option<File>) -> Transcript {
        Transcript {
            path,
            file,
            answers: Vec::new(),
            index: HashMap::new(),
            opened_with: 0,
            models: Vec::new(),
            book: Book::default(),
            notes: HashMap::new(),
            failures: Failures::default(),
            calls: HashMap::new(),
            pending: Vec::new(),
            on_disk: 0,
            replay: false,
        }
    }

    fn shared(self) -> SharedTranscript {
        SharedTranscript(Arc::new(Mutex::new(self)))
    }

    fn begin(&mut self) -> Result<()> {
        let fisc = env!("CARGO_PKG_VERSION").to_owned();
        self.line(&Line::Header(Header {
            schema: SCHEMA,
            fisc,
        }))
    }

    /// Reads the file; returns the length of its good part in bytes.
    fn load(&mut self) -> Result<u64> {
        let path = self.path.clone();
        let bytes = std::fs::read(&path).map_err(|error| Error::io(&path, error))?;
        let frames = frames::read(&path, &bytes)?;
        if frames.torn > 0 {
            tracing::warn!(
                "{}: the last {} bytes were not written to their end and are dropped",
                path.display(),
                frames.torn
            );
        }
        for (number, line) in frames.content.split(|&byte| byte == b'\n').enumerate() {
            if !line.is_empty() {
                self.take(line, number == 0)
                    .map_err(|why| Error::io(&path, format!("line {}: {why}", number + 1)))?;
            }
        }
        self.opened_with = self.answers.len();
        self.failures.opened();
        Ok(frames.good)
    }

    /// Takes in one line that was read.
    fn take(&mut self, line: &[u8], first: bool) -> Result<(), String> {
        match serde_json::from_slice(line).map_err(|error| error.to_string())? {
            Line::Header(header) if header.schema == SCHEMA => Ok(()),
            Line::Header(header) => Err(format!(
                "schema {}, this fisc reads {SCHEMA}",
                header.schema
            )),
            _ if first => Err("no header".into()),
            Line::Model(model) => {
                self.models.push(model);
                Ok(())
            }
            Line::Readout(readout) => {
                self.book.take_readout(readout);
                Ok(())
            }
            Line::Prompt(prompt) => self.book.take_prompt(prompt),
            Line::Answer(answer) => {
                let whole = match (&answer.choice, &answer.text) {
                    (Some(choice), None) => !choice.is_empty(),
                    (None, Some(_)) => true,
                    _ => false,
                };
                if !whole
                    || answer.model as usize >= self.models.len()
                    || !self.book.holds(answer.readout, answer.prompt)
                {
                    return Err("an answer that refers to nothing".into());
                }
                self.push(answer);
                Ok(())
            }
            Line::Note(note) if (note.answer as usize) < self.answers.len() => {
                self.notes.insert(note.answer, note);
                Ok(())
            }
            Line::Note(_) => Err("a note on no answer".into()),
            Line::Failure(failure) if (failure.model as usize) < self.models.len() => {
                self.failures.push(failure);
                Ok(())
            }
            Line::Failure(_) => Err("a failure of no model".into()),
            Line::Void(void) => match self.failures.void(&void) {
                true => Ok(()),
                false => Err("a failure is taken back that is not there".into()),
            },
            Line::Calls(line) if (line.model as usize) < self.models.len() => {
                self.add_calls(line.model, &line.calls);
                Ok(())
            }
            Line::Calls(_) => Err("calls of no model".into()),
        }
    }

    fn push(&mut self, answer: AnswerLine) {
        self.index.entry(answer.key).or_insert(self.answers.len());
        self.answers.push(answer);
    }

    fn add_calls(&mut self, model: u32, calls: &Calls) {
        let sum = self.calls.entry(model).or_default();
        *sum = sum.plus(calls);
    }

    fn void(&mut self, void: VoidLine) -> Result<()> {
        // A replay stops where the run stopped, and says no more than that.
        if !self.replay && self.failures.void(&void) {
            self.line(&Line::Void(void))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &Line) -> Result<()> {
        if self.file.is_some() {
            serde_json::to_writer(&mut self.pending, line)
                .map_err(|error| Error::io(&self.path, error))?;
            self.pending.push(b'\n');
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        if self.pending.is_empty() {
            return Ok(());
        }
        match frames::append(file, &self.pending) {
            Ok(length) => {
                self.on_disk += length;
                self.pending.clear();
                Ok(())
            }
            Err(error) => {
                // Nothing may follow a torn frame, so this transcript ends here.
                let cut = file.set_len(self.on_disk);
                self.file = None;
                let error = Error::io(&self.path, error);
                Err(match cut {
                    Ok(()) => error,
                    Err(cut) => error.context(format!("and it could not be cut back: {cut}")),
                })
            }
        }
    }

    fn register(&mut self, name: &str, id: &str, settings: Option<Settings>) -> Result<u32> {
        if let Some(at) = self.models.iter().position(|m| m.name == name) {
            if self.models[at].id != id {
                return Err(Error::input(format!(
                    "model `{name}` is not the one that {} was begun with",
                    self.path.display()
                ))
                .value(id)
                .allowed(&self.models[at].id));
            }
            return Ok(at as u32);
        }
        let model = ModelLine {
            name: name.to_owned(),
            id: id.to_owned(),
            settings,
        };
        self.line(&Line::Model(model.clone()))?;
        self.models.push(model);
        Ok(self.models.len() as u32 - 1)
    }

    fn record(
        &mut self,
        model: u32,
        asked: &[(Key, &Request)],
        answers: &[BackendAnswer],
    ) -> Result<Vec<Answer>> {
        if asked.len() != answers.len() {
            return Err(Error::run(format!(
                "the model gave {} answers to {} questions",
                answers.len(),
                asked.len()
            )));
        }
        let before = self.answers.len();
        for ((key, request), answer) in asked.iter().zip(answers) {
            let (readout, new) = self.book.readout(&request.readout);
            if new {
                self.line(&Line::Readout(request.readout.clone()))?;
            }
            let (prompt, new) = self.book.prompt(&request.messages);
            if let Some(text) = new {
                self.line(&Line::Prompt(text))?;
            }
            let line = written(*key, request, answer, [model, readout, prompt])?;
            self.line(&Line::Answer(line.clone()))?;
            self.push(line);
        }
        self.write()?;
        Ok(self.answers[before..]
            .iter()
            .map(|line| read(line, Source::Live))
            .collect())
    }

    fn find(&self, key: &Key) -> Option<Answer> {
        let &at = self.index.get(key)?;
        let source = if at < self.opened_with {
            Source::Transcript
        } else {
            Source::Memory
        };
        Some(read(&self.answers[at], source))
    }

    fn exchange(&self, at: usize) -> Exchange {
        let line = &self.answers[at];
        let note = self
            .notes
            .get(&(at as u32))
            .map(|note| match (&note.value, &note.error) {
                (Some(value), _) => Ok(value.clone()),
                (None, error) => Err(error.clone().unwrap_or_default()),
            });
        Exchange {
            answer: read(line, Source::Transcript),
            agent: line.agent.clone(),
            step: line.step,
            model: self.models[line.model as usize].name.clone(),
            messages: self.book.messages(line.prompt),
            readout: self.book.readout_at(line.readout),
            note,
        }
    }

    fn note(&mut self, key: &Key, parsed: Result<&str, &str>) -> Result<()> {
        let Some(&at) = self.index.get(key) else {
            return Err(Error::run(format!("no answer {key} to note anything on")));
        };
        let note = NoteLine {
            answer: at as u32,
            value: parsed.ok().map(str::to_owned),
            error: parsed.err().map(str::to_owned),
        };
        let same = self
            .notes
            .get(&note.answer)
            .is_some_and(|n| n.value == note.value && n.error == note.error);
        if same || self.replay {
            return Ok(());
        }
        self.line(&Line::Note(note.clone()))?;
        self.notes.insert(note.answer, note);
        Ok(())
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        if let Err(error) = self.write() {
            tracing::error!("{error}");
        }
    }
}
