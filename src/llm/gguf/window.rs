//! The context of a model: sequences over one shared, resident prefix.

use super::model::{Model, llama};
use crate::error::{Error, Result};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Most sequences that llama.cpp keeps in one context. Sequence 0 is the shared prefix.
const SEQUENCES: u32 = 256;

/// Sequences that branch off the shared prefix.
pub(super) const BRANCHES: usize = SEQUENCES as usize - 1;

/// Tokens of one pass. Larger passes need more memory for logits and are no faster on a CPU.
const PASS_TOKENS: u32 = 512;

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

/// A context with its resident prefix.
///
/// Sequence 0 holds the prefix and nothing else; sequences 1 to [`BRANCHES`]
/// are free between calls. Cells are unified, so a copy of the prefix to
/// another sequence is bookkeeping and costs no memory.
pub(super) struct Window {
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    resident: Vec<LlamaToken>,
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
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(cells))
            .with_n_batch(PASS_TOKENS)
            .with_n_ubatch(PASS_TOKENS)
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
        let batch = LlamaBatch::new(PASS_TOKENS as usize, SEQUENCES as i32);
        Ok(Window {
            context,
            batch,
            resident: Vec::new(),
        })
    }

    /// Tokens that fit, all sequences together.
    pub(super) fn cells(&self) -> usize {
        self.context.n_ctx() as usize
    }

    /// Makes `prefix` the resident prefix; returns how many of its tokens had to be evaluated.
    ///
    /// # Errors
    /// The evaluation fails; nothing is resident then.
    pub(super) fn keep_prefix(&mut self, prefix: &[LlamaToken]) -> Result<usize> {
        let kept = self.trim(common_length(&self.resident, prefix))?;
        let rows: Vec<Row> = prefix[kept..]
            .iter()
            .zip(kept..)
            .map(|(&token, position)| Row {
                token,
                position,
                sequences: 0..1,
                read: false,
            })
            .collect();
        self.evaluate(&rows, |_, _| Ok(()))?;
        self.resident.extend_from_slice(&prefix[kept..]);
        Ok(rows.len())
    }

    /// Drops all branches and all but the first `length` tokens of the resident
    /// prefix; returns how many of them could be kept.
    fn trim(&mut self, length: usize) -> Result<usize> {
        self.drop_branches();
        if length < self.resident.len() {
            let from = u32::try_from(length).map_err(|_| Error::run("prompt too long"))?;
            match self.context.clear_kv_cache_seq(Some(0), Some(from), None) {
                Ok(true) => self.resident.truncate(length),
                // Some kinds of memory cannot forget the last tokens alone.
                _ => self.forget(),
            }
        }
        Ok(self.resident.len())
    }

    /// Drops everything, the prefix too.
    fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.resident.clear();
    }

    /// Frees all sequences but the prefix.
    pub(super) fn drop_branches(&mut self) {
        self.context.llama_kv_cache_seq_keep(0);
    }

    /// Lets each of `sequences` begin with the resident prefix.
    pub(super) fn branch(&mut self, sequences: Range<usize>) -> Result<()> {
        for sequence in sequences {
            // Whole sequences only: a partial copy can abort the process.
            self.context
                .copy_kv_cache_seq(0, sequence as i32, None, None)
                .map_err(|error| Error::run(format!("llama.cpp: {error}")))?;
        }
        Ok(())
    }

    /// Evaluates `rows` in their order, in passes of at most [`PASS_TOKENS`];
    /// `read` gets the index of each row that is read, with its logits.
    ///
    /// # Errors
    /// llama.cpp fails (everything resident is dropped then), the logits are
    /// not numbers, or `read` fails.
    pub(super) fn evaluate(
        &mut self,
        rows: &[Row],
        mut read: impl FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        for (pass, chunk) in rows.chunks(PASS_TOKENS as usize).enumerate() {
            if let Err(error) = self.decode(chunk) {
                self.forget();
                return Err(error);
            }
            for (i, row) in chunk.iter().enumerate() {
                if row.read {
                    let logits = self.context.get_logits_ith(i as i32);
                    read(pass * PASS_TOKENS as usize + i, logits)?;
                }
            }
        }
        Ok(())
    }

    fn decode(&mut self, rows: &[Row]) -> Result<()> {
        self.batch.clear();
        let mut ids = Vec::new();
        for row in rows {
            ids.clear();
            ids.extend(row.sequences.clone().map(|sequence| sequence as i32));
            self.batch
                .add(row.token, row.position as i32, &ids, row.read)
                .map_err(|error| Error::run(format!("llama.cpp: {error}")))?;
        }
        self.context
            .decode(&mut self.batch)
            .map_err(|error| Error::run(format!("llama.cpp could not evaluate: {error}")))
    }
}

/// Length of the longest common beginning.
pub(super) fn common_length(a: &[LlamaToken], b: &[LlamaToken]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
