//! What the model has read and need not read again.

use super::kept::Kept;
use super::trunks::Trunks;
use super::window::{Row, TRUNKS, Window};
use crate::error::{Error, Result};
use llama_cpp_2::token::LlamaToken;
use std::ops::Range;

/// Fewest tokens of a prompt, behind its trunks, that are kept for its next step.
/// Saving and restoring costs far less than evaluating as many tokens.
const KEPT_TOKENS: usize = 4;

/// A trunk in the context.
struct Resident {
    /// The tokens from the beginning of the prompt to the end of the trunk.
    tokens: Vec<LlamaToken>,
    start: usize,
    sequence: usize,
}

/// The context with what is resident in it, and what is kept in main memory.
///
/// Between two waves the context holds trunks only, of the last wave: every pass
/// looks at all cells in use, so that what a wave does not need slows it down.
pub(super) struct Memory {
    pub(super) window: Window,
    pub(super) kept: Kept,
    resident: Vec<Resident>,
}

impl Memory {
    /// An empty memory of at most `budget` bytes beside the context.
    pub(super) fn new(window: Window, budget: usize) -> Memory {
        Memory {
            window,
            kept: Kept::new(budget),
            resident: Vec::new(),
        }
    }

    /// Whether anything is kept from one call to the next.
    pub(super) fn keeps(&self) -> bool {
        self.kept.budget() > 0
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        self.window.clear();
        self.resident.clear();
        self.kept.clear();
    }

    /// Makes the context hold the trunks `wanted` of `trunks` and no others;
    /// returns for each how many tokens of it were evaluated. A trunk stands
    /// behind those that it grows out of.
    ///
    /// # Errors
    /// llama.cpp fails, or there are more than [`TRUNKS`].
    pub(super) fn hold(
        &mut self,
        trunks: &Trunks,
        wanted: &[usize],
        prompts: &[&[LlamaToken]],
        step: u64,
    ) -> Result<Vec<usize>> {
        let wanted: Vec<(&[LlamaToken], usize)> = wanted
            .iter()
            .map(|&trunk| {
                let trunk = &trunks.all[trunk];
                let places = &trunk.places;
                (&prompts[trunk.example][..places.end], places.start)
            })
            .collect();
        for old in std::mem::take(&mut self.resident) {
            if wanted.contains(&(&old.tokens, old.start)) {
                self.resident.push(old);
            } else {
                self.window.free(old.sequence)?;
            }
        }
        wanted
            .into_iter()
            .map(|(tokens, start)| {
                let here = |r: &Resident| r.tokens == tokens && r.start == start;
                match self.resident.iter().any(here) {
                    true => {
                        self.kept.touch(tokens, start, step);
                        Ok(0)
                    }
                    false => self.grow(tokens, start, step),
                }
            })
            .collect()
    }

    /// Brings the trunk `tokens` from place `start` on into the context; returns
    /// how many tokens were evaluated.
    fn grow(&mut self, tokens: &[LlamaToken], start: usize, step: u64) -> Result<usize> {
        let sequence = (0..TRUNKS)
            .find(|&s| self.resident.iter().all(|r| r.sequence != s))
            .ok_or_else(|| Error::run("more trunks than sequences"))?;
        let from = self.recall(tokens, start, sequence, step)?;
        let rows: Vec<Row> = (from..tokens.len())
            .map(|position| Row {
                token: tokens[position],
                position,
                sequences: sequence..sequence + 1,
                read: false,
            })
            .collect();
        self.window.evaluate(&rows, |_| Ok(()))?;
        if !self.kept.touch(tokens, start, step) {
            let state = self.window.save(sequence, start..tokens.len())?;
            self.kept.keep(tokens, start, state, true, step);
        }
        self.window.retain(sequence, start..tokens.len())?;
        self.resident.push(Resident {
            tokens: tokens.to_vec(),
            start,
            sequence,
        });
        Ok(rows.len())
    }

    /// Fills the empty `sequence` with the beginning of `tokens`: the resident
    /// trunks up to place `trunks_end`, then what is kept; returns how many places it holds.
    fn recall(
        &mut self,
        tokens: &[LlamaToken],
        trunks_end: usize,
        sequence: usize,
        step: u64,
    ) -> Result<usize> {
        for trunk in &self.resident {
            if trunk.tokens.len() <= trunks_end && tokens.starts_with(&trunk.tokens) {
                self.window.share(trunk.sequence, sequence)?;
            }
        }
        let mut end = trunks_end;
        for piece in self.kept.cover(tokens, trunks_end, step) {
            let places = piece.places;
            if !self
                .window
                .restore(&piece.state, places.clone(), sequence)?
            {
                break;
            }
            end = places.end;
        }
        Ok(end)
    }

    /// Lets each of the empty `sequences` begin with what is known of `prompt`,
    /// whose trunks are resident up to place `trunks_end`; returns how many
    /// tokens that is, always fewer than all.
    ///
    /// # Errors
    /// llama.cpp fails.
    pub(super) fn begin(
        &mut self,
        prompt: &[LlamaToken],
        trunks_end: usize,
        sequences: Range<usize>,
        step: u64,
    ) -> Result<usize> {
        // The last token is evaluated anew: its logits are read.
        let known = &prompt[..prompt.len().saturating_sub(1)];
        let first = sequences.start;
        let end = self.recall(known, trunks_end, first, step)?;
        for sequence in sequences.skip(1) {
            self.window.share(first, sequence)?;
        }
        Ok(end)
    }

    /// Keeps `prompt`, which `sequence` holds, behind its trunks.
    ///
    /// # Errors
    /// llama.cpp fails.
    pub(super) fn keep(
        &mut self,
        prompt: &[LlamaToken],
        trunks_end: usize,
        sequence: usize,
        step: u64,
    ) -> Result<()> {
        if prompt.len() < trunks_end + KEPT_TOKENS || self.kept.touch(prompt, trunks_end, step) {
            return Ok(());
        }
        let state = self.window.save(sequence, trunks_end..prompt.len())?;
        self.kept.keep(prompt, trunks_end, state, false, step);
        Ok(())
    }
}
