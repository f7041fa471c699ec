//! The context of a model: sequences of cells, and the passes over them.

use super::model::{Model, llama};
use crate::error::{Error, Result};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::context::session::{LlamaStateSeqFlags, SeqState};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Most sequences that llama.cpp keeps in one context.
const SEQUENCES: u32 = 256;

/// Sequences that hold trunks, from 0 on.
pub(super) const TRUNKS: usize = 15;

/// Through this sequence cells come from main memory and go there.
const PASSAGE: usize = TRUNKS;

/// The first of the sequences of prompts and answers.
pub(super) const FIRST_BRANCH: usize = PASSAGE + 1;

/// Sequences of prompts and answers.
pub(super) const BRANCHES: usize = SEQUENCES as usize - FIRST_BRANCH;

/// Tokens of one pass on a CPU. Larger passes need more memory for logits and are no faster there.
const PASS_TOKENS: u32 = 512;

/// Tokens of one pass on a GPU, which small passes leave idle.
const GPU_PASS_TOKENS: u32 = 2048;

/// How attention is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    /// Fused, a third faster; sums in an order that depends on the rest of the pass.
    Flash,
    /// In separate steps: the reference for tests.
    #[cfg_attr(not(test), allow(dead_code))]
    Plain,
}

/// One token to evaluate.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) token: LlamaToken,
    /// Its place in its sequences, counted from 0.
    pub(super) position: usize,
    /// The sequences it belongs to, never empty. It sees what the first of them holds.
    pub(super) sequences: Range<usize>,
    /// Whether the logits after it are wanted.
    pub(super) read: bool,
}

/// A context. Its cells are unified: that two sequences share cells is bookkeeping
/// and costs no memory, but every pass looks at all cells in use.
pub(super) struct Window {
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    pass_tokens: u32,
    decode_seconds: f64,
    /// Whether anything was put into it since it was empty.
    dirty: bool,
}

impl Window {
    /// A context of `cells` tokens, all sequences together.
    ///
    /// # Errors
    /// llama.cpp refuses, as a rule for want of memory.
    pub(super) fn open(
        model: &'static Model,
        cells: u32,
        threads: i32,
        attention: Attention,
    ) -> Result<Window> {
        // Creating two contexts of one model at the same time is a race inside llama.cpp.
        static CREATE: Mutex<()> = Mutex::new(());
        let _one_at_a_time = CREATE.lock().unwrap_or_else(PoisonError::into_inner);
        let pass_tokens = if model.on_gpu {
            GPU_PASS_TOKENS
        } else {
            PASS_TOKENS
        };
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(cells))
            .with_n_batch(pass_tokens)
            .with_n_ubatch(pass_tokens)
            // Without layers on a GPU nothing else goes there either.
            .with_offload_kqv(model.on_gpu)
            .with_op_offload(model.on_gpu)
            .with_n_seq_max(SEQUENCES)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_kv_unified(true)
            // llama.cpp's constants: 0 is disabled, 1 enabled, −1 left to it.
            .with_flash_attention_policy(i32::from(attention == Attention::Flash));
        let context = model
            .llama
            .new_context(llama()?, parameters)
            .map_err(|error| {
                Error::run(format!(
                    "llama.cpp gives no context of {cells} tokens: {error}"
                ))
            })?;
        let batch = LlamaBatch::new(pass_tokens as usize, SEQUENCES as i32);
        Ok(Window {
            context,
            batch,
            pass_tokens,
            decode_seconds: 0.0,
            dirty: false,
        })
    }

    /// Tokens of one pass at most.
    pub(super) fn pass_tokens(&self) -> usize {
        self.pass_tokens as usize
    }

    /// Tokens that fit, all sequences together.
    pub(super) fn cells(&self) -> usize {
        self.context.n_ctx() as usize
    }

    /// Seconds in llama.cpp's passes so far.
    pub(super) fn decode_seconds(&self) -> f64 {
        self.decode_seconds
    }

    /// Empties all sequences.
    pub(super) fn clear(&mut self) {
        // llama.cpp overwrites all cells with zeros.
        if std::mem::take(&mut self.dirty) {
            self.context.clear_kv_cache();
        }
    }

    /// Empties `sequence`. Cells that other sequences share stay theirs.
    pub(super) fn free(&mut self, sequence: usize) -> Result<()> {
        self.retain(sequence, 0..0)
    }

    /// Lets `to` hold what `from` holds, besides what it holds already.
    pub(super) fn share(&mut self, from: usize, to: usize) -> Result<()> {
        self.context
            .copy_kv_cache_seq(from as i32, to as i32, None, None)
            .map_err(refused)
    }

    /// Takes all but `places` out of `sequence`.
    pub(super) fn retain(&mut self, sequence: usize, places: Range<usize>) -> Result<()> {
        let id = Some(sequence as u32);
        let (start, end) = (places.start as u32, places.end as u32);
        for (from, to) in [(0, Some(start)), (end, None)] {
            if to == Some(from) {
                continue;
            }
            let done = self.context.clear_kv_cache_seq(id, Some(from), to);
            // Some kinds of memory cannot forget a part of a sequence.
            if !done.map_err(refused)? {
                return Err(Error::run("llama.cpp cannot take tokens out of a sequence"));
            }
        }
        Ok(())
    }

    /// Keys and values of `places` of `sequence`.
    pub(super) fn save(&mut self, sequence: usize, places: Range<usize>) -> Result<SeqState> {
        self.free(PASSAGE)?;
        let (start, end) = (places.start as u32, places.end as u32);
        let (from, to) = (sequence as i32, PASSAGE as i32);
        self.context
            .copy_kv_cache_seq(from, to, Some(start), Some(end))
            .map_err(refused)?;
        let state = self
            .context
            .state_seq_get(to, LlamaStateSeqFlags::empty())
            .map_err(refused);
        self.free(PASSAGE)?;
        state
    }

    /// Lets `sequence` hold `places` of what was saved, besides what it holds
    /// already; false if there are not enough free cells for all that was saved.
    pub(super) fn restore(
        &mut self,
        state: &SeqState,
        places: Range<usize>,
        sequence: usize,
    ) -> Result<bool> {
        self.dirty = true;
        if self.context.state_seq_set(state, PASSAGE as i32).is_err() {
            self.free(PASSAGE)?;
            return Ok(false);
        }
        self.retain(PASSAGE, places)?;
        self.share(PASSAGE, sequence)?;
        self.free(PASSAGE)?;
        Ok(true)
    }

    /// Evaluates `rows` in their order, in passes of at most
    /// [`pass_tokens`](Self::pass_tokens); after each, `read` gets the index and
    /// the logits of every row of the pass that is read.
    ///
    /// # Errors
    /// llama.cpp fails or `read` fails; what the sequences hold is unknown then.
    pub(super) fn evaluate(
        &mut self,
        rows: &[Row],
        mut read: impl FnMut(&[(usize, &[f32])]) -> Result<()>,
    ) -> Result<()> {
        let mut done = 0;
        while done < rows.len() {
            let left = rows.len() - done;
            // llama.cpp splits the attention of a pass of one token among the threads, and
            // its numbers then depend on how many there are.
            let size = match left == self.pass_tokens() + 1 && left > 2 {
                true => left - 2,
                false => left.min(self.pass_tokens()),
            };
            let chunk = &rows[done..done + size];
            self.decode(chunk)?;
            let wanted: Vec<(usize, &[f32])> = chunk
                .iter()
                .enumerate()
                .filter(|(_, row)| row.read)
                .map(|(i, _)| {
                    let logits = self.context.get_logits_ith(i as i32);
                    (done + i, logits)
                })
                .collect();
            read(&wanted)?;
            done += size;
        }
        Ok(())
    }

    fn decode(&mut self, rows: &[Row]) -> Result<()> {
        self.dirty = true;
        self.batch.clear();
        let mut ids = Vec::new();
        for row in rows {
            ids.clear();
            ids.extend(row.sequences.clone().map(|sequence| sequence as i32));
            self.batch
                .add(row.token, row.position as i32, &ids, row.read)
                .map_err(|error| Error::run(format!("llama.cpp: {error}")))?;
        }
        let begun = Instant::now();
        let done = self.context.decode(&mut self.batch);
        self.context.synchronize();
        self.decode_seconds += begun.elapsed().as_secs_f64();
        done.map_err(|error| Error::run(format!("llama.cpp could not evaluate: {error}")))
    }
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::run(format!("llama.cpp: {error}"))
}
