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
//! The rest goes in waves of sequences that are evaluated together. Waves run side
//! by side on lanes: contexts with a share of the threads each, which wait for one
//! another once a wave and not, as threads on one pass do, after every layer. A
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
mod wave;
mod window;

#[cfg(test)]
mod tests;

pub use model::{BACKENDS_VARIABLE, LOG_VARIABLE};
pub use requantise::requantise;

use crate::error::{Error, Result};
use crate::llm::{Backend, BackendAnswer, Message, ModelSpec, Readout, Request, Timing};
use draw::{Draw, Grammar};
use llama_cpp_2::token::LlamaToken;
use memory::{Lane, Memory};
use model::{Model, Prompt};
use std::collections::HashMap;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use trie::Trie;
use trunks::Trunks;
use wave::{Found, Member, Wave};
use window::{Attention, BRANCHES, FIRST_BRANCH, Row, TRUNKS, Window};

/// Compiled grammars and option trees that are kept; more are dropped together.
const PREPARED: usize = 64;

/// Checked prompts that are kept until they are evaluated; more are read again.
const CHECKED: usize = 4096;

/// Fewest questions for each lane: with fewer in a call all threads work on one pass.
const LEAST_OF_A_LANE: usize = 4;

/// A GGUF model as a [`Backend`].
pub struct GgufBackend {
    id: String,
    model: &'static Model,
    memory: Memory,
    attention: Attention,
    threads: usize,
    lanes: usize,
    wave: usize,
    timing: Timing,
    grammars: HashMap<String, Grammar>,
    tries: HashMap<(String, Vec<String>), Arc<Trie>>,
    /// What was checked and waits to be evaluated.
    prompts: HashMap<Vec<Message>, Prompt>,
}

/// How many of `requests` a round of waves takes: all of them if `lanes` waves of
/// `wave` hold as many, and else such a part that as few rounds as can be are about equal.
fn quota(requests: usize, lanes: usize, wave: usize) -> usize {
    requests.div_ceil(requests.div_ceil(lanes * wave).max(1))
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
            attention,
            threads: spec.threads.max(1),
            // Some kinds of memory cannot be copied in part.
            lanes: if model.attends_to_all() {
                spec.lanes()?
            } else {
                1
            },
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
        let window = &mut self.memory.whole.window;
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
        self.memory.whole.window.pass_tokens() as f64
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
        let available = self
            .memory
            .whole
            .window
            .cells()
            .min(self.model.trained_context());
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

    /// Evaluates all requests, in rounds of waves side by side; answers come in the requests' order.
    ///
    /// Which wave a request is in, and on which lane, depends on the requests and
    /// the settings alone; what is kept is looked up and added between rounds.
    fn evaluate(&mut self, asked: &[Asked]) -> Result<Vec<BackendAnswer>> {
        let begun = Instant::now();
        let prompts: Vec<&[LlamaToken]> = asked.iter().map(|a| &a.prompt.tokens[..]).collect();
        let trunks = Trunks::of(&prompts);
        // Neighbours share trunks.
        let mut order: Vec<usize> = (0..asked.len()).collect();
        order.sort_by_key(|&i| &trunks.chains[i]);
        self.timing.keeping_seconds += begun.elapsed().as_secs_f64();
        let lanes = self.lanes_for(asked.len())?;
        let mut answers: Vec<Option<BackendAnswer>> = vec![None; asked.len()];
        let mut rest: &[usize] = &order;
        while !rest.is_empty() {
            let mut left = quota(rest.len(), lanes, self.wave);
            let mut round = Vec::with_capacity(lanes);
            while round.len() < lanes && !rest.is_empty() {
                // One after another full waves do; side by side equal ones end together.
                let most = match lanes {
                    1 => self.wave,
                    lanes => left.div_ceil(lanes - round.len()).max(1),
                };
                let (size, wanted) = self.next_wave(rest, most, asked, &trunks);
                let alone = round.is_empty() && size == rest.len();
                let lane = (lanes > 1 && !alone).then_some(round.len());
                left = left.saturating_sub(size);
                let (members, after) = rest.split_at(size);
                rest = after;
                round.push(self.plan(lane, members, &wanted, asked, &trunks, &prompts)?);
            }
            let found = self.play(&mut round)?;
            for (wave, found) in round.into_iter().zip(found) {
                for ((member, answer), state) in
                    wave.members.iter().zip(found.answers).zip(found.states)
                {
                    if let Some(state) = state {
                        let (tokens, step) =
                            (&member.asked.prompt.tokens, member.asked.request.step);
                        let begun = Instant::now();
                        self.memory
                            .kept
                            .keep(tokens, member.trunks_end, state, false, step);
                        self.timing.keeping_seconds += begun.elapsed().as_secs_f64();
                    }
                    answers[member.place] = Some(answer);
                }
                // A trunk is charged to the first who needed it.
                for (trunk, evaluated) in wave.trunks {
                    let user = (wave.members.iter().map(|member| member.place))
                        .find(|&place| trunks.chains[place].contains(&trunk));
                    if let Some(answer) = user.and_then(|place| answers[place].as_mut()) {
                        answer.evaluated_tokens += evaluated as u32;
                    }
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

    /// Opens the contexts that a call of many questions needs, which it would do itself.
    ///
    /// # Errors
    /// llama.cpp refuses, as a rule for want of memory.
    pub(crate) fn open_lanes(&mut self) -> Result<()> {
        self.lanes_for(usize::MAX).map(drop)
    }

    /// How many lanes `requests` questions are spread over, all opened; 1 is the whole.
    fn lanes_for(&mut self, requests: usize) -> Result<usize> {
        if self.lanes == 1 || requests < LEAST_OF_A_LANE * self.lanes {
            return Ok(1);
        }
        let begun = Instant::now();
        let threads = (self.threads / self.lanes).max(1);
        let threads = i32::try_from(threads).unwrap_or(i32::MAX);
        self.memory
            .open_lanes(self.lanes, self.model, threads, self.attention)?;
        self.timing.keeping_seconds += begun.elapsed().as_secs_f64();
        Ok(self.lanes)
    }

    /// Makes the wave of `members` ready to be played on `lane`, or else on the whole: evaluates
    /// the trunks that are `wanted` and not there, and looks up what is kept.
    fn plan<'a>(
        &mut self,
        lane: Option<usize>,
        members: &[usize],
        wanted: &[usize],
        asked: &'a [Asked<'a>],
        trunks: &Trunks,
        prompts: &[&[LlamaToken]],
    ) -> Result<Wave<'a>> {
        let begun = Instant::now();
        let passes = self.memory.whole.window.decode_seconds();
        let step = asked[members[0]].request.step;
        let evaluated = self.memory.hold(lane, trunks, wanted, prompts, step)?;
        let passes = self.memory.whole.window.decode_seconds() - passes;
        self.timing.prefill_seconds += passes;
        self.timing.prefill_tokens += evaluated.iter().sum::<usize>() as u64;
        let members = members
            .iter()
            .map(|&place| {
                let asked = &asked[place];
                let (tokens, step) = (&asked.prompt.tokens, asked.request.step);
                let trunks_end = trunks.end(place);
                Ok(Member {
                    place,
                    asked,
                    trunks_end,
                    pieces: self.memory.pieces(tokens, trunks_end, step),
                    keep: self.memory.lacks(tokens, trunks_end, step),
                    draw: self.draw(asked.request)?,
                })
            })
            .collect::<Result<_>>()?;
        self.timing.keeping_seconds += begun.elapsed().as_secs_f64() - passes;
        Ok(Wave {
            lane,
            members,
            trunks: wanted.iter().copied().zip(evaluated).collect(),
        })
    }

    /// Plays the waves of a round, each on a lane of its own, or the only one on the whole.
    fn play(&mut self, round: &mut [Wave]) -> Result<Vec<Found>> {
        let model = self.model;
        let threads = self.threads.clamp(1, round.len().max(1));
        let lanes = match round {
            [Wave { lane: None, .. }] => std::slice::from_mut(&mut self.memory.whole),
            _ => &mut self.memory.lanes[..],
        };
        let mut waves: Vec<(&mut Wave, &mut Lane)> = round.iter_mut().zip(lanes).collect();
        let share = waves.len().div_ceil(threads);
        let one_thread = |waves: &mut [(&mut Wave, &mut Lane)]| -> Result<Vec<Found>> {
            waves
                .iter_mut()
                .map(|(wave, lane)| wave.play(lane, model))
                .collect()
        };
        let found: Vec<Vec<Found>> = if threads == 1 {
            vec![one_thread(&mut waves)?]
        } else {
            std::thread::scope(|scope| {
                let running: Vec<_> = waves
                    .chunks_mut(share)
                    .map(|waves| scope.spawn(move || one_thread(waves)))
                    .collect();
                running
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                    .collect::<Result<_>>()
            })?
        };
        // Of threads side by side the slowest says where the time went.
        let slowest = found
            .iter()
            .map(|waves| Timing::sum(waves.iter().map(|found| found.timing)))
            .max_by(|a, b| a.seconds().total_cmp(&b.seconds()))
            .unwrap_or_default();
        let all = Timing::sum(found.iter().flatten().map(|found| found.timing));
        self.timing = Timing::sum([
            self.timing,
            Timing {
                prefill_tokens: all.prefill_tokens,
                decode_tokens: all.decode_tokens,
                ..slowest
            },
        ]);
        Ok(found.into_iter().flatten().collect())
    }

    /// The draw of a request that samples.
    fn draw(&mut self, request: &Request) -> Result<Option<Draw>> {
        match &request.readout {
            Readout::Choice { .. } => Ok(None),
            Readout::Sample {
                grammar,
                temperature,
                top_p,
                ..
            } => {
                let (t, p) = (*temperature, *top_p);
                Draw::new(self.grammar(grammar)?, request, t, p).map(Some)
            }
        }
    }

    /// How many of `rest` go together, at least one and at most `most`, and the
    /// trunks that they need: by number, by sequences, and by cells.
    fn next_wave(
        &self,
        rest: &[usize],
        most: usize,
        asked: &[Asked],
        trunks: &Trunks,
    ) -> (usize, Vec<usize>) {
        let (mut size, mut branches, mut cells) = (0, 0, 0);
        let mut wanted: Vec<usize> = Vec::new();
        for &next in rest.iter().take(most) {
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
                && cells <= self.memory.whole.window.cells()
                && wanted.len() + new.len() <= TRUNKS;
            if size > 0 && !fits {
                break;
            }
            wanted.extend(new);
            size += 1;
        }
        (size, wanted)
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
