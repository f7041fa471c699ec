//! A wave: requests that are evaluated together, in one context.

use super::draw::Draw;
use super::kept::Piece;
use super::memory::Lane;
use super::model::Model;
use super::trie::{Scores, log_sum_exp};
use super::window::{FIRST_BRANCH, Row};
use super::{Asked, Form};
use crate::error::{Error, Result};
use crate::llm::{BackendAnswer, Reading, Timing};
use llama_cpp_2::context::session::SeqState;
use llama_cpp_2::token::LlamaToken;
use rayon::prelude::*;
use std::collections::HashMap;
use std::time::Instant;

/// A request of a wave.
pub(super) struct Member<'a> {
    /// Its place in the call.
    pub(super) place: usize,
    pub(super) asked: &'a Asked<'a>,
    /// Where its resident trunks end.
    pub(super) trunks_end: usize,
    /// What was kept of its prompt behind them.
    pub(super) pieces: Vec<Piece>,
    /// Whether its prompt is to be kept.
    pub(super) keep: bool,
    /// How a text is drawn.
    pub(super) draw: Option<Draw>,
}

/// A wave, ready to be played.
pub(super) struct Wave<'a> {
    /// Its lane; none is the whole.
    pub(super) lane: Option<usize>,
    pub(super) members: Vec<Member<'a>>,
    /// Its trunks, and how many tokens of each were evaluated for it.
    pub(super) trunks: Vec<(usize, usize)>,
}

/// What came of a wave.
pub(super) struct Found {
    /// By member.
    pub(super) answers: Vec<BackendAnswer>,
    /// By member: keys and values of its prompt behind the trunks, if they are to be kept.
    pub(super) states: Vec<Option<SeqState>>,
    /// Where the time of this wave went.
    pub(super) timing: Timing,
}

impl Wave<'_> {
    /// Evaluates the wave on `lane`, which holds its trunks.
    ///
    /// # Errors
    /// llama.cpp fails, or logits are not numbers.
    pub(super) fn play(&mut self, lane: &mut Lane, model: &Model) -> Result<Found> {
        let mut timing = Timing::default();
        let begun = Instant::now();
        let mut rows = Vec::new();
        // Of each row that is read: which request, and which node of its tree.
        let mut meaning = HashMap::new();
        let mut sequence = FIRST_BRANCH;
        let mut sequences = Vec::with_capacity(self.members.len());
        let mut known = Vec::with_capacity(self.members.len());
        for (i, member) in self.members.iter().enumerate() {
            let asked = member.asked;
            let own = sequence..sequence + asked.branches();
            let tokens = &asked.prompt.tokens;
            let from = lane.begin(tokens, member.trunks_end, &member.pieces, own.clone())?;
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
        timing.keeping_seconds += begun.elapsed().as_secs_f64();
        let passes = lane.window.decode_seconds();
        let mut scores: Vec<Option<Scores>> = self
            .members
            .iter()
            .map(|member| match &member.asked.answer {
                Form::Options(trie) => Some(trie.scores()),
                Form::Generate { .. } => None,
            })
            .collect();
        let mut first_logits: Vec<Vec<f32>> = vec![Vec::new(); self.members.len()];
        let mut reading = 0.0;
        lane.window.evaluate(&rows, |wanted| {
            let begun = Instant::now();
            let total = |&(_, logits): &(usize, &[f32])| log_sum_exp(logits);
            let totals: Vec<f64> = match self.lane {
                // A lane has its share of the threads, and the others are busy.
                Some(_) => wanted.iter().map(total).collect(),
                None => wanted.par_iter().map(total).collect(),
            };
            for (&(row, logits), total) in wanted.iter().zip(totals) {
                let &(i, node) = meaning
                    .get(&row)
                    .ok_or_else(|| Error::run("a row nobody read"))?;
                match (&self.members[i].asked.answer, &mut scores[i]) {
                    (Form::Options(trie), Some(scores)) => {
                        trie.enter(scores, node, (logits, total), &model.ends)?;
                    }
                    _ => first_logits[i] = logits.to_vec(),
                }
            }
            reading += begun.elapsed().as_secs_f64();
            Ok(())
        })?;
        timing.prefill_seconds += lane.window.decode_seconds() - passes;
        timing.sampling_seconds += reading;
        timing.prefill_tokens += rows.len() as u64;
        let keeping = Instant::now();
        let mut states = Vec::with_capacity(self.members.len());
        for (member, &sequence) in self.members.iter().zip(&sequences) {
            let places = member.trunks_end..member.asked.prompt.tokens.len();
            let save = member.keep.then(|| lane.window.save(sequence, places));
            states.push(save.transpose()?);
        }
        timing.keeping_seconds += keeping.elapsed().as_secs_f64();

        let texts = self.generate(lane, model, &sequences, first_logits, &mut timing)?;
        let keeping = Instant::now();
        for branch in FIRST_BRANCH..sequence {
            lane.window.free(branch)?;
        }
        timing.keeping_seconds += keeping.elapsed().as_secs_f64();
        let latency_ms = 1e3 * begun.elapsed().as_secs_f64();
        let answers = self
            .members
            .iter()
            .zip(scores)
            .zip(texts)
            .zip(known)
            .map(|(((member, scores), text), known)| {
                let asked = member.asked;
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
            .collect();
        Ok(Found {
            answers,
            states,
            timing,
        })
    }

    /// Decodes the texts of the wave side by side, from the logits after each
    /// prompt on. A choice gets an empty text.
    fn generate(
        &mut self,
        lane: &mut Lane,
        model: &Model,
        sequences: &[usize],
        first_logits: Vec<Vec<f32>>,
        timing: &mut Timing,
    ) -> Result<Vec<Text>> {
        let mut texts: Vec<Text> = self.members.iter().map(|_| Text::default()).collect();
        let mut writers: Vec<Writer> = Vec::new();
        for (place, member) in self.members.iter_mut().enumerate() {
            if let (Some(draw), Form::Generate { max_tokens }) =
                (member.draw.take(), &member.asked.answer)
            {
                writers.push(Writer {
                    place,
                    text: Text::default(),
                    draw,
                    position: member.asked.prompt.tokens.len(),
                    sequence: sequences[place],
                    max_tokens: *max_tokens,
                });
            }
        }
        let mut logits: Vec<Vec<f32>> =
            first_logits.into_iter().filter(|l| !l.is_empty()).collect();
        while !writers.is_empty() {
            let begun = Instant::now();
            let write = |(writer, logits): (&mut Writer, &Vec<f32>)| writer.write(model, logits);
            let tokens: Vec<Option<LlamaToken>> = match self.lane {
                Some(_) => (writers.iter_mut().zip(&logits).map(write)).collect::<Result<_>>()?,
                None => (writers.par_iter_mut().zip(&logits).map(write)).collect::<Result<_>>()?,
            };
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
            timing.sampling_seconds += begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            logits.clear();
            lane.window.evaluate(&rows, |wanted| {
                logits.extend(wanted.iter().map(|(_, after)| after.to_vec()));
                Ok(())
            })?;
            timing.decode_seconds += begun.elapsed().as_secs_f64();
            timing.decode_tokens += rows.len() as u64;
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
