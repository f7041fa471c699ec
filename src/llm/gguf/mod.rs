//! The local backend: a GGUF model in llama.cpp.
//!
//! What was evaluated of a prompt is not evaluated again. The prompts of a call
//! are laid into a tree by their tokens: the rules that all share, what a group
//! shares, each asker's own. Shared runs of tokens (`trunks`) are resident in the
//! context while a wave of requests needs them. Each asker's own run is kept in
//! main memory (`kept`) and put back for its next wave: a prompt that goes on,
//! or ends differently, is evaluated from there on. Own runs do not stay in the
//! context, because every pass looks at all cells in use. To save and put back
//! cost 1.4 ms a decision on a busy two-core machine, where evaluating one token
//! took 4 ms (SmolLM2 Q8_0), so own runs of 4 tokens and more are kept, up to [`ModelSpec::kept_bytes`].
//!
//! The rest goes in waves of sequences that are evaluated together. A
//! [`Choice`](crate::llm::Readout::Choice) evaluates the options as a tree of
//! tokens behind each prompt, in the same passes; a
//! [`Sample`](crate::llm::Readout::Sample) then decodes all sequences of its
//! wave side by side.
//!
//! Numbers repeat bit for bit if the same calls are made in the same order on a
//! newly opened backend. Where nothing is kept (`kept_bytes` is 0) every call
//! begins from an empty context, and a call repeats whatever was asked before
//! it: a resumed run equals one that was not broken off. Else they depend on
//! what was kept, as they do on the composition of a wave: llama.cpp
//! sums in another order, and the roundings of a 4-bit model amplify that. Measured between a wave of
//! ten and each request alone, over 0, 10, …, 100 hours: total variation of the
//! choice distribution 0.06 on average for SmolLM2-135M Q4_1 (0.15 nats of an
//! answer's log-probability) and 0.02 for Qwen2.5-Coder-1.5B Q4_K_M. Scoring
//! one answer in two plain batches differs as much. Without flash attention the
//! tree of options gives the numbers of scoring each alone, exactly. Whoever
//! needs the same numbers again takes them from the transcript.

mod draw;
mod kept;
mod memory;
mod model;
mod requantise;
mod trie;
mod trunks;
mod window;

#[cfg(test)]
mod tests;

pub use model::{BACKENDS_VARIABLE, LOG_VARIABLE};
pub use requantise::requantise;

use crate::error::{Error, Result};
use crate::llm::{Backend, BackendAnswer, Message, ModelSpec, Reading, Readout, Request, Timing};
use draw::{Draw, Grammar};
use llama_cpp_2::token::LlamaToken;
use memory::Memory;
use model::{Model, Prompt};
use rayon::prelude::*;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use trie::{Scores, Trie, log_sum_exp};
use trunks::Trunks;
use window::{Attention, BRANCHES, FIRST_BRANCH, Row, TRUNKS, Window};

/// Compiled grammars and option trees that are kept; more are dropped together.
const PREPARED: usize = 64;

/// Checked prompts that are kept until they are evaluated; more are read again.
const CHECKED: usize = 4096;

/// A GGUF model as a [`Backend`].
pub struct GgufBackend {
    id: String,
    model: &'static Model,
    memory: Memory,
    wave: usize,
    timing: Timing,
    grammars: HashMap<String, Grammar>,
    tries: HashMap<(String, Vec<String>), Arc<Trie>>,
    /// What was checked and waits to be evaluated.
    prompts: HashMap<Vec<Message>, Prompt>,
}

/// A request in tokens.
struct Asked<'a> {
    request: &'a Request,
    prompt: Prompt,
    answer: Form,
}

/// What is evaluated behind a prompt.
enum Form {
    Options(Arc<Trie>),
    Generate { max_tokens: usize },
}

impl Asked<'_> {
    /// Tokens of the longest sequence: the prompt and the longest answer.
    fn length(&self) -> usize {
        match &self.answer {
            Form::Options(trie) => self.prompt.tokens.len() + trie.tokens(),
            Form::Generate { max_tokens } => self.prompt.tokens.len().saturating_add(*max_tokens),
        }
    }

    fn branches(&self) -> usize {
        match &self.answer {
            Form::Options(trie) => trie.branches(),
            Form::Generate { .. } => 1,
        }
    }
}

/// Whether a model that is opened with `gpu_layers` gets layers on a GPU.
///
/// # Errors
/// llama.cpp does not start.
pub fn on_gpu(gpu_layers: Option<u32>) -> Result<bool> {
    model::on_gpu(gpu_layers)
}

impl GgufBackend {
    /// Loads the model file `path`, whose identity is `id`.
    ///
    /// # Errors
    /// Not a model that can be used (see the message), or no memory for its context.
    pub fn open(path: &Path, id: String, spec: &ModelSpec) -> Result<GgufBackend> {
        Self::with_attention(path, id, spec, Attention::Flash)
    }

    fn with_attention(
        path: &Path,
        id: String,
        spec: &ModelSpec,
        attention: Attention,
    ) -> Result<GgufBackend> {
        let model = Model::load(path, spec.gpu_layers)?;
        let threads = i32::try_from(spec.threads.max(1))
            .map_err(|_| Error::input("threads").value(spec.threads))?;
        let window = Window::open(model, spec.context_tokens, threads, attention)?;
        let wave = spec.wave.clamp(1, BRANCHES);
        // Sliding windows drop cells that a shorter beginning would need.
        let budget = if model.attends_to_all() {
            spec.kept_bytes
        } else {
            0
        };
        let memory = Memory::new(window, budget);
        Ok(GgufBackend {
            id,
            model,
            memory,
            wave,
            timing: Timing::default(),
            grammars: HashMap::new(),
            tries: HashMap::new(),
            prompts: HashMap::new(),
        })
    }

    /// Seconds that llama.cpp takes for `passes` full passes (512 tokens, on a GPU 2048, of one
    /// sequence behind `depth` others), with the logits after the last `read`
    /// tokens of each: the least that as many tokens can take. Forgets
    /// everything that was kept.
    ///
    /// # Errors
    /// llama.cpp fails.
    pub fn ceiling(&mut self, passes: usize, read: usize, depth: usize) -> Result<f64> {
        self.memory.forget();
        let window = &mut self.memory.window;
        let rows = |places: Range<usize>, pass: usize, read: usize| -> Vec<Row> {
            let end = places.end;
            places
                .map(|position| Row {
                    token: LlamaToken(((pass * 7919 + position * 104_729) % 30_000) as i32 + 100),
                    position,
                    sequences: FIRST_BRANCH..FIRST_BRANCH + 1,
                    read: position + read >= end,
                })
                .collect()
        };
        window.evaluate(&rows(0..depth, 0, 0), |_| Ok(()))?;
        let before = window.decode_seconds();
        for pass in 0..passes {
            let end = depth + window.pass_tokens();
            window.evaluate(&rows(depth..end, pass, read), |_| Ok(()))?;
            window.retain(FIRST_BRANCH, 0..depth)?;
        }
        let seconds = window.decode_seconds() - before;
        self.memory.forget();
        Ok(seconds)
    }

    /// Tokens of one pass of [`ceiling`](Self::ceiling).
    pub fn ceiling_tokens(&self) -> f64 {
        self.memory.window.pass_tokens() as f64
    }

    fn prepare<'a>(&mut self, request: &'a Request) -> Result<Asked<'a>> {
        if request.messages.is_empty() {
            return Err(Error::input("a request without messages"));
        }
        let prompt = match self.prompts.remove(&request.messages) {
            Some(prompt) => prompt,
            None => self.model.prompt(&request.messages)?,
        };
        let answer = match &request.readout {
            Readout::Choice { options } => Form::Options(self.trie(prompt.tail(), options)?),
            Readout::Sample {
                grammar,
                max_tokens,
                temperature,
                top_p,
            } => {
                let grammar = self.grammar(grammar)?;
                Draw::new(grammar, request, *temperature, *top_p)?;
                Form::Generate {
                    max_tokens: *max_tokens,
                }
            }
        };
        Ok(Asked {
            request,
            prompt,
            answer,
        })
    }

    /// Why `asked` does not fit the context, if it does not.
    fn too_long(&self, asked: &Asked) -> Option<String> {
        let available = self.memory.window.cells().min(self.model.trained_context());
        let (length, prompt) = (asked.length(), asked.prompt.tokens.len());
        (length > available).then(|| {
            format!(
                "the prompt does not fit the model's context: {length} tokens ({prompt} of the \
                 prompt, the rest for the answer), and there is room for {available}"
            )
        })
    }

    fn trie(&mut self, tail: &str, options: &[String]) -> Result<Arc<Trie>> {
        let key = (tail.to_owned(), options.to_vec());
        if let Some(trie) = self.tries.get(&key) {
            return Ok(trie.clone());
        }
        let tokens: Vec<_> = options
            .iter()
            .map(|option| self.model.answer(tail, option))
            .collect();
        let trie = Arc::new(Trie::new(&tokens, options)?);
        if self.tries.len() >= PREPARED {
            self.tries.clear();
        }
        self.tries.insert(key, trie.clone());
        Ok(trie)
    }

    fn grammar(&mut self, source: &str) -> Result<&Grammar> {
        if !self.grammars.contains_key(source) {
            let grammar = Grammar::compile(self.model, source)?;
            if self.grammars.len() >= PREPARED {
                self.grammars.clear();
            }
            self.grammars.insert(source.to_owned(), grammar);
        }
        self.grammars
            .get(source)
            .ok_or_else(|| Error::run("grammar lost"))
    }

    /// Evaluates one wave, whose prompts' trunks are resident up to the places `trunks_end`.
    fn wave(&mut self, wave: &[&Asked], trunks_end: &[usize]) -> Result<Vec<BackendAnswer>> {
        let begun = Instant::now();
        let mut rows = Vec::new();
        // Of each row that is read: which request, and which node of its tree.
        let mut meaning = HashMap::new();
        let mut sequence = FIRST_BRANCH;
        let mut sequences = Vec::with_capacity(wave.len());
        let mut known = Vec::with_capacity(wave.len());
        for (i, (asked, &trunks_end)) in wave.iter().zip(trunks_end).enumerate() {
            let own = sequence..sequence + asked.branches();
            let tokens = &asked.prompt.tokens;
            let step = asked.request.step;
            let from = self.memory.begin(tokens, trunks_end, own.clone(), step)?;
            for (position, &token) in tokens.iter().enumerate().skip(from) {
                let read = position + 1 == tokens.len();
                rows.push(Row {
                    token,
                    position,
                    sequences: own.clone(),
                    read,
                });
            }
            meaning.insert(rows.len() - 1, (i, 0));
            if let Form::Options(trie) = &asked.answer {
                for (node, row) in trie.rows(tokens.len(), own.start).enumerate() {
                    meaning.insert(rows.len(), (i, node + 1));
                    rows.push(row);
                }
            }
            sequence = own.end;
            sequences.push(own.start);
            known.push(from);
        }
        self.timing.keeping_seconds += begun.elapsed().as_secs_f64();
        let passes = self.memory.window.decode_seconds();
        let mut scores: Vec<Option<Scores>> = wave
            .iter()
            .map(|asked| match &asked.answer {
                Form::Options(trie) => Some(trie.scores()),
                Form::Generate { .. } => None,
            })
            .collect();
        let mut first_logits: Vec<Vec<f32>> = vec![Vec::new(); wave.len()];
        let mut reading = 0.0;
        self.memory.window.evaluate(&rows, |wanted| {
            let begun = Instant::now();
            let totals: Vec<f64> = wanted
                .par_iter()
                .map(|(_, logits)| log_sum_exp(logits))
                .collect();
            for (&(row, logits), total) in wanted.iter().zip(totals) {
                let &(i, node) = meaning
                    .get(&row)
                    .ok_or_else(|| Error::run("a row nobody read"))?;
                match (&wave[i].answer, &mut scores[i]) {
                    (Form::Options(trie), Some(scores)) => {
                        trie.enter(scores, node, (logits, total), &self.model.ends)?;
                    }
                    _ => first_logits[i] = logits.to_vec(),
                }
            }
            reading += begun.elapsed().as_secs_f64();
            Ok(())
        })?;
        self.timing.prefill_seconds += self.memory.window.decode_seconds() - passes;
        self.timing.sampling_seconds += reading;
        self.timing.prefill_tokens += rows.len() as u64;
        let keeping = Instant::now();
        for ((asked, &trunks_end), &sequence) in wave.iter().zip(trunks_end).zip(&sequences) {
            let step = asked.request.step;
            let tokens = &asked.prompt.tokens;
            self.memory.keep(tokens, trunks_end, sequence, step)?;
        }
        self.timing.keeping_seconds += keeping.elapsed().as_secs_f64();

        let texts = self.generate(wave, &sequences, first_logits)?;
        let keeping = Instant::now();
        for branch in FIRST_BRANCH..sequence {
            self.memory.window.free(branch)?;
        }
        self.timing.keeping_seconds += keeping.elapsed().as_secs_f64();
        let latency_ms = 1e3 * begun.elapsed().as_secs_f64();
        Ok(wave
            .iter()
            .zip(scores)
            .zip(texts)
            .zip(known)
            .map(|(((asked, scores), text), known)| {
                let (reading, answer_tokens) = match (&asked.answer, scores) {
                    (Form::Options(trie), Some(scores)) => {
                        (Reading::LogProbs(trie.log_probs(&scores)), trie.tokens())
                    }
                    _ => {
                        let tokens = text.tokens;
                        let truncated = text.truncated;
                        let text = String::from_utf8_lossy(&text.bytes).into_owned();
                        (Reading::Text { text, truncated }, tokens)
                    }
                };
                BackendAnswer {
                    reading,
                    prompt_tokens: asked.prompt.tokens.len() as u32,
                    evaluated_tokens: (asked.prompt.tokens.len() - known) as u32,
                    answer_tokens: answer_tokens as u32,
                    latency_ms,
                }
            })
            .collect())
    }

    /// Evaluates all requests in waves; answers come in the requests' order.
    fn evaluate(&mut self, asked: &[Asked]) -> Result<Vec<BackendAnswer>> {
        let begun = Instant::now();
        let prompts: Vec<&[LlamaToken]> = asked.iter().map(|a| &a.prompt.tokens[..]).collect();
        let trunks = Trunks::of(&prompts);
        // Neighbours share trunks.
        let mut order: Vec<usize> = (0..asked.len()).collect();
        order.sort_by_key(|&i| &trunks.chains[i]);
        self.timing.keeping_seconds += begun.elapsed().as_secs_f64();
        let mut answers: Vec<Option<BackendAnswer>> = vec![None; asked.len()];
        let mut rest: &[usize] = &order;
        while let Some(&first) = rest.first() {
            let (size, wanted) = self.next_wave(rest, asked, &trunks);
            let (members, after) = rest.split_at(size);
            rest = after;
            let begun = Instant::now();
            let passes = self.memory.window.decode_seconds();
            let step = asked[first].request.step;
            let evaluated = self.memory.hold(&trunks, &wanted, &prompts, step)?;
            let passes = self.memory.window.decode_seconds() - passes;
            self.timing.prefill_seconds += passes;
            self.timing.keeping_seconds += begun.elapsed().as_secs_f64() - passes;
            self.timing.prefill_tokens += evaluated.iter().sum::<usize>() as u64;
            let wave: Vec<&Asked> = members.iter().map(|&i| &asked[i]).collect();
            let ends: Vec<usize> = members.iter().map(|&i| trunks.end(i)).collect();
            let found = self.wave(&wave, &ends)?;
            for (&member, answer) in members.iter().zip(found) {
                answers[member] = Some(answer);
            }
            // A trunk is charged to the first who needed it.
            for (trunk, evaluated) in wanted.iter().zip(evaluated) {
                let user = members
                    .iter()
                    .find(|&&member| trunks.chains[member].contains(trunk));
                if let Some(answer) = user.and_then(|&member| answers[member].as_mut()) {
                    answer.evaluated_tokens += evaluated as u32;
                }
            }
        }
        let answers: Vec<BackendAnswer> = answers.into_iter().flatten().collect();
        if answers.len() < asked.len() {
            return Err(Error::run("a request that no wave answered"));
        }
        self.timing.shared_tokens += answers
            .iter()
            .map(|answer| u64::from(answer.prompt_tokens.saturating_sub(answer.evaluated_tokens)))
            .sum::<u64>();
        Ok(answers)
    }

    /// How many of `rest` go together, at least one, and the trunks that they
    /// need: by number, by sequences, and by cells.
    fn next_wave(&self, rest: &[usize], asked: &[Asked], trunks: &Trunks) -> (usize, Vec<usize>) {
        let (mut size, mut branches, mut cells) = (0, 0, 0);
        let mut wanted: Vec<usize> = Vec::new();
        for &next in rest.iter().take(self.wave) {
            let new: Vec<usize> = trunks.chains[next]
                .iter()
                .copied()
                .filter(|trunk| !wanted.contains(trunk))
                .collect();
            let new_cells: usize = new.iter().map(|&t| trunks.all[t].places.len()).sum();
            branches += asked[next].branches();
            cells += new_cells + asked[next].length() - trunks.end(next);
            // The first fits alone: that was checked.
            let fits = branches <= BRANCHES
                && cells <= self.memory.window.cells()
                && wanted.len() + new.len() <= TRUNKS;
            if size > 0 && !fits {
                break;
            }
            wanted.extend(new);
            size += 1;
        }
        (size, wanted)
    }

    /// Decodes the texts of a wave side by side, from the logits after each
    /// prompt on. A choice gets an empty text.
    fn generate(
        &mut self,
        wave: &[&Asked],
        sequences: &[usize],
        first_logits: Vec<Vec<f32>>,
    ) -> Result<Vec<Text>> {
        let mut texts: Vec<Text> = wave.iter().map(|_| Text::default()).collect();
        let mut writers: Vec<Writer> = Vec::new();
        for (i, asked) in wave.iter().enumerate() {
            if let Readout::Sample {
                grammar,
                max_tokens,
                temperature,
                top_p,
            } = &asked.request.readout
            {
                let (t, p) = (*temperature, *top_p);
                let draw = Draw::new(self.grammar(grammar)?, asked.request, t, p)?;
                let position = asked.prompt.tokens.len();
                let sequence = sequences[i];
                writers.push(Writer {
                    place: i,
                    text: Text::default(),
                    draw,
                    position,
                    sequence,
                    max_tokens: *max_tokens,
                });
            }
        }
        let mut logits: Vec<Vec<f32>> =
            first_logits.into_iter().filter(|l| !l.is_empty()).collect();
        while !writers.is_empty() {
            let begun = Instant::now();
            let model = self.model;
            let tokens: Vec<Option<LlamaToken>> = writers
                .par_iter_mut()
                .zip(&logits)
                .map(|(writer, logits)| writer.write(model, logits))
                .collect::<Result<_>>()?;
            let mut rows = Vec::with_capacity(writers.len());
            let mut writing = Vec::with_capacity(writers.len());
            for (mut writer, token) in writers.into_iter().zip(tokens) {
                let Some(token) = token else {
                    texts[writer.place] = writer.text;
                    continue;
                };
                rows.push(Row {
                    token,
                    position: writer.position,
                    sequences: writer.sequence..writer.sequence + 1,
                    read: true,
                });
                writer.position += 1;
                writing.push(writer);
            }
            writers = writing;
            self.timing.sampling_seconds += begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            logits.clear();
            self.memory.window.evaluate(&rows, |wanted| {
                logits.extend(wanted.iter().map(|(_, after)| after.to_vec()));
                Ok(())
            })?;
            self.timing.decode_seconds += begun.elapsed().as_secs_f64();
            self.timing.decode_tokens += rows.len() as u64;
        }
        Ok(texts)
    }
}

/// A text in the making.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    tokens: usize,
    truncated: bool,
}

/// One sequence that is being generated.
struct Writer {
    /// Which request of the wave.
    place: usize,
    text: Text,
    draw: Draw,
    /// Place of the next token.
    position: usize,
    sequence: usize,
    max_tokens: usize,
}

impl Writer {
    /// Draws the next token and writes it down. The token is to be evaluated,
    /// unless the text ends here.
    fn write(&mut self, model: &Model, logits: &[f32]) -> Result<Option<LlamaToken>> {
        let text = &mut self.text;
        let token = self.draw.next(model, logits)?;
        if model.ends.contains(&token) {
            return Ok(None);
        }
        if text.tokens == self.max_tokens {
            text.truncated = true;
            return Ok(None);
        }
        model.piece(token, &mut text.bytes);
        text.tokens += 1;
        Ok(if self.draw.complete(model) {
            None
        } else {
            Some(token)
        })
    }
}

impl Backend for GgufBackend {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&mut self, request: &Request) -> Result<Option<String>> {
        let asked = self.prepare(request)?;
        let too_long = self.too_long(&asked);
        if too_long.is_none() {
            let prompt = asked.prompt;
            if self.prompts.len() >= CHECKED {
                self.prompts.clear();
            }
            self.prompts.insert(request.messages.clone(), prompt);
        }
        Ok(too_long)
    }

    fn answer(&mut self, requests: &[&Request]) -> Result<Vec<BackendAnswer>> {
        let asked: Vec<Asked> = requests
            .iter()
            .map(|request| {
                let asked = self.prepare(request)?;
                match self.too_long(&asked) {
                    None => Ok(asked),
                    Some(why) => Err(Error::input(why)),
                }
            })
            .collect::<Result<_>>()?;
        let answers = self.evaluate(&asked);
        // After an error nobody knows what the context holds.
        if answers.is_err() || !self.memory.keeps() {
            self.memory.forget();
        }
        answers
    }

    fn timing(&self) -> Timing {
        self.timing
    }
}
