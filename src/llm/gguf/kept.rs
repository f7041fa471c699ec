//! What was evaluated before, kept in main memory: a tree of prompts.
//!
//! A [`Run`] is a stretch of a prompt with the keys and values of its tokens. It
//! is found by the tokens from the beginning of the prompt on, so runs form a
//! tree: the rules that all share, what a group shares, each asker's own.

use super::trunks::common_length;
use llama_cpp_2::context::session::SeqState;
use llama_cpp_2::token::LlamaToken;
use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::Arc;

/// Runs that are looked at on either side of a prompt in the order of tokens.
/// Only where one that fits better cannot be used are there more than one.
const NEIGHBOURS: usize = 16;

/// A stretch of a prompt that was evaluated.
struct Run {
    /// Its first place; it ends where its tokens end.
    start: usize,
    state: Arc<SeqState>,
    /// It belongs to several prompts.
    shared: bool,
    /// Period of the game in which it was evaluated.
    made: u64,
    /// Period of the game in which it was last used.
    step: u64,
    /// When it was last used, by the number of uses before.
    used: u64,
}

/// Part of a run that a prompt begins with.
#[derive(Clone)]
pub(super) struct Piece {
    /// Which places of the prompt it holds.
    pub(super) places: Range<usize>,
    /// Keys and values of these places, maybe with more before and behind.
    pub(super) state: Arc<SeqState>,
}

/// All runs that are kept.
pub(super) struct Kept {
    /// By the tokens from the beginning of the prompt to the end of the run.
    runs: BTreeMap<Vec<LlamaToken>, Run>,
    bytes: usize,
    budget: usize,
    uses: u64,
}

impl Kept {
    /// Nothing yet, and never more than `budget` bytes.
    pub(super) fn new(budget: usize) -> Kept {
        Kept {
            runs: BTreeMap::new(),
            bytes: 0,
            budget,
            uses: 0,
        }
    }

    /// The most bytes.
    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.bytes = 0;
    }

    /// Number of runs.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Bytes in use.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The longest stretch of `prompt` from place `from` on that can be put
    /// together from what is kept, piece after piece; none if nothing fits.
    pub(super) fn cover(&mut self, prompt: &[LlamaToken], from: usize, step: u64) -> Vec<Piece> {
        let Some(found) = self.find(prompt, from, false) else {
            return Vec::new();
        };
        self.uses += 1;
        found
            .into_iter()
            .filter_map(|(key, places)| {
                let run = self.runs.get_mut(&key)?;
                // A few tokens in common by chance do not make a run fresh.
                if 2 * places.len() >= key.len() - run.start {
                    run.step = step;
                    run.used = self.uses;
                }
                let state = run.state.clone();
                Some(Piece { places, state })
            })
            .collect()
    }

    /// Whether exactly `tokens` are kept, from place `start` on or an earlier
    /// one; they count as used then.
    pub(super) fn touch(&mut self, tokens: &[LlamaToken], start: usize, step: u64) -> bool {
        let Some(run) = self.runs.get_mut(tokens).filter(|run| run.start <= start) else {
            return false;
        };
        self.uses += 1;
        run.used = self.uses;
        run.step = step;
        true
    }

    fn find(
        &self,
        prompt: &[LlamaToken],
        from: usize,
        to_the_end: bool,
    ) -> Option<Vec<(Vec<LlamaToken>, Range<usize>)>> {
        // In the order of tokens, what has the most in common with the prompt stands next to it.
        let mut near: Vec<(usize, &Vec<LlamaToken>, &Run)> = (self
            .runs
            .range::<[LlamaToken], _>((Bound::Unbounded, Bound::Included(prompt)))
            .rev()
            .take(NEIGHBOURS))
        .chain(
            self.runs
                .range::<[LlamaToken], _>((Bound::Excluded(prompt), Bound::Unbounded))
                .take(NEIGHBOURS),
        )
        .map(|(tokens, run)| (common_length(tokens, prompt), tokens, run))
        .filter(|&(common, _, run)| {
            common > from.max(run.start) && (common == prompt.len() || !to_the_end)
        })
        .collect();
        near.sort_by_key(|&(common, _, run)| (std::cmp::Reverse(common), run.start));
        near.into_iter().find_map(|(common, tokens, run)| {
            let mut found = match run.start <= from {
                true => Vec::new(),
                false => self.find(&prompt[..run.start], from, true)?,
            };
            found.push((tokens.clone(), run.start.max(from)..common));
            Some(found)
        })
    }

    /// Keeps the places from `start` on of a prompt that begins with `tokens`.
    ///
    /// An asker's run takes the place of the one that it had before: of the
    /// nearest, if that shares at least half of itself and is not of the same step. Runs that were not used for longest make room. What was
    /// used at this step or the last is not displaced by a run of a single
    /// prompt: with more askers than fit, each would displace the next.
    pub(super) fn keep(
        &mut self,
        tokens: &[LlamaToken],
        start: usize,
        state: SeqState,
        shared: bool,
        step: u64,
    ) {
        self.remove(tokens);
        if !shared {
            self.supersede(tokens, step);
        }
        let bytes = state.byte_len();
        while self.bytes + bytes > self.budget {
            let oldest = self.runs.iter().min_by_key(|(_, run)| run.used);
            let Some((key, run)) = oldest else { return };
            let fresh = run.step <= step && step - run.step <= 1;
            if fresh && !shared {
                return;
            }
            let key = key.clone();
            self.remove(&key);
        }
        self.uses += 1;
        self.bytes += bytes;
        let (state, used) = (Arc::new(state), self.uses);
        let run = Run {
            start,
            state,
            shared,
            made: step,
            step,
            used,
        };
        self.runs.insert(tokens.to_vec(), run);
    }

    /// Drops the run whose place a new run of `tokens` takes, if there is one.
    fn supersede(&mut self, tokens: &[LlamaToken], step: u64) {
        let before = self
            .runs
            .range::<[LlamaToken], _>((Bound::Unbounded, Bound::Excluded(tokens)))
            .next_back();
        let after = self
            .runs
            .range::<[LlamaToken], _>((Bound::Excluded(tokens), Bound::Unbounded))
            .next();
        let nearest = before
            .into_iter()
            .chain(after)
            .filter(|(_, run)| !run.shared && run.made != step)
            .map(|(key, run)| (common_length(key, tokens), key, run.start))
            .max_by_key(|&(common, _, _)| common);
        if let Some((common, key, start)) = nearest
            && 2 * common.saturating_sub(start) >= key.len() - start
        {
            let key = key.clone();
            self.remove(&key);
        }
    }

    fn remove(&mut self, tokens: &[LlamaToken]) {
        if let Some(run) = self.runs.remove(tokens) {
            self.bytes -= run.state.byte_len();
        }
    }
}
