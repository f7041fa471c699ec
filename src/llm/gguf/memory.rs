//! What the model has read and need not read again.

use super::kept::{Kept, Piece};
use super::model::Model;
use super::trunks::Trunks;
use super::window::{Attention, Row, TRUNKS, Window};
use crate::error::{Error, Result};
use llama_cpp_2::token::LlamaToken;
use std::ops::Range;

/// Fewest tokens of a prompt, behind its trunks, that are kept for its next step.
/// Saving and restoring costs far less than evaluating as many tokens.
const KEPT_TOKENS: usize = 4;

/// A trunk by its tokens from the beginning of the prompt on, and its first place.
type Wanted<'a> = (&'a [LlamaToken], usize);

/// A trunk in a context.
struct Resident {
    /// The tokens from the beginning of the prompt to the end of the trunk.
    tokens: Vec<LlamaToken>,
    start: usize,
    sequence: usize,
}

impl Resident {
    fn is(&self, &(tokens, start): &Wanted) -> bool {
        self.tokens == tokens && self.start == start
    }
}

/// A context with what is resident in it.
///
/// Between two waves it holds trunks only, of the last wave: every pass looks at
/// all cells in use, so that what a wave does not need slows it down.
pub(super) struct Lane {
    pub(super) window: Window,
    resident: Vec<Resident>,
}

impl Lane {
    fn new(window: Window) -> Lane {
        Lane {
            window,
            resident: Vec::new(),
        }
    }

    fn forget(&mut self) {
        self.window.clear();
        self.resident.clear();
    }

    /// Drops the trunks that are not `wanted`; whether all that are wanted are here.
    fn drop_others(&mut self, wanted: &[Wanted]) -> Result<bool> {
        for old in std::mem::take(&mut self.resident) {
            if wanted.iter().any(|wanted| old.is(wanted)) {
                self.resident.push(old);
            } else {
                self.window.free(old.sequence)?;
            }
        }
        Ok(self.resident.len() == wanted.len())
    }

    /// Makes the context hold the trunks `wanted` and no others; returns for each
    /// how many tokens of it were evaluated. A trunk stands behind those that it
    /// grows out of.
    fn hold(&mut self, wanted: &[Wanted], kept: &mut Kept, step: u64) -> Result<Vec<usize>> {
        self.drop_others(wanted)?;
        wanted
            .iter()
            .map(|&(tokens, start)| {
                if self.resident.iter().any(|r| r.is(&(tokens, start))) {
                    kept.touch(tokens, start, step);
                    return Ok(0);
                }
                self.grow(tokens, start, kept, step)
            })
            .collect()
    }

    /// Brings the trunk `tokens` from place `start` on into the context; returns
    /// how many tokens were evaluated.
    fn grow(
        &mut self,
        tokens: &[LlamaToken],
        start: usize,
        kept: &mut Kept,
        step: u64,
    ) -> Result<usize> {
        let sequence = self.free_trunk()?;
        let pieces = kept.cover(tokens, start, step);
        let from = self.recall(tokens, start, &pieces, sequence)?;
        let rows: Vec<Row> = (from..tokens.len())
            .map(|position| Row {
                token: tokens[position],
                position,
                sequences: sequence..sequence + 1,
                read: false,
            })
            .collect();
        self.window.evaluate(&rows, |_| Ok(()))?;
        if kept.budget() > 0 && !kept.touch(tokens, start, step) {
            let state = self.window.save(sequence, start..tokens.len())?;
            kept.keep(tokens, start, state, true, step);
        }
        self.settle(tokens, start, sequence)?;
        Ok(rows.len())
    }

    /// Lets the context hold those of the trunks `wanted` that it lacks, as `from` holds them.
    fn copy(
        &mut self,
        wanted: &[Wanted],
        from: &mut Lane,
        kept: &mut Kept,
        step: u64,
    ) -> Result<()> {
        for &(tokens, start) in wanted {
            if self.resident.iter().any(|r| r.is(&(tokens, start))) {
                continue;
            }
            let there = from.resident.iter().find(|r| r.is(&(tokens, start)));
            let there = there.ok_or_else(|| Error::run("a trunk that is nowhere"))?;
            let places = start..tokens.len();
            let state = from.window.save(there.sequence, places.clone())?;
            let sequence = self.free_trunk()?;
            if self.window.restore(&state, places, sequence)? {
                self.settle(tokens, start, sequence)?;
            } else {
                self.grow(tokens, start, kept, step)?;
            }
        }
        Ok(())
    }

    fn free_trunk(&self) -> Result<usize> {
        (0..TRUNKS)
            .find(|&s| self.resident.iter().all(|r| r.sequence != s))
            .ok_or_else(|| Error::run("more trunks than sequences"))
    }

    /// The trunk is in `sequence`, maybe behind others.
    fn settle(&mut self, tokens: &[LlamaToken], start: usize, sequence: usize) -> Result<()> {
        self.window.retain(sequence, start..tokens.len())?;
        self.resident.push(Resident {
            tokens: tokens.to_vec(),
            start,
            sequence,
        });
        Ok(())
    }

    /// Fills the empty `sequence` with the beginning of `tokens`: the resident
    /// trunks up to place `trunks_end`, then `pieces`; returns how many places it holds.
    fn recall(
        &mut self,
        tokens: &[LlamaToken],
        trunks_end: usize,
        pieces: &[Piece],
        sequence: usize,
    ) -> Result<usize> {
        for trunk in &self.resident {
            if trunk.tokens.len() <= trunks_end && tokens.starts_with(&trunk.tokens) {
                self.window.share(trunk.sequence, sequence)?;
            }
        }
        let mut end = trunks_end;
        for piece in pieces {
            let places = piece.places.clone();
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

    /// Lets each of the empty `sequences` begin with what is known of `prompt`:
    /// the trunks, which are resident up to place `trunks_end`, and `pieces` of
    /// [`Memory::pieces`]; returns how many tokens that is, always fewer than all.
    ///
    /// # Errors
    /// llama.cpp fails.
    pub(super) fn begin(
        &mut self,
        prompt: &[LlamaToken],
        trunks_end: usize,
        pieces: &[Piece],
        sequences: Range<usize>,
    ) -> Result<usize> {
        let first = sequences.start;
        let end = self.recall(but_the_last(prompt), trunks_end, pieces, first)?;
        for sequence in sequences.skip(1) {
            self.window.share(first, sequence)?;
        }
        Ok(end)
    }
}

/// What may be taken from earlier: the last token is evaluated anew, as its logits are read.
fn but_the_last(prompt: &[LlamaToken]) -> &[LlamaToken] {
    &prompt[..prompt.len().saturating_sub(1)]
}

/// The contexts of a model, and what is kept of prompts in main memory.
///
/// One context has all threads: it evaluates trunks, and everything where there
/// is too little to do side by side. The lanes share the threads between them.
pub(super) struct Memory {
    pub(super) whole: Lane,
    pub(super) lanes: Vec<Lane>,
    pub(super) kept: Kept,
}

impl Memory {
    /// An empty memory of at most `budget` bytes beside the contexts, without lanes.
    pub(super) fn new(window: Window, budget: usize) -> Memory {
        Memory {
            whole: Lane::new(window),
            lanes: Vec::new(),
            kept: Kept::new(budget),
        }
    }

    /// Makes sure that there are `count` lanes of `threads` threads each, as large as the whole.
    ///
    /// # Errors
    /// As [`Window::open`].
    pub(super) fn open_lanes(
        &mut self,
        count: usize,
        model: &'static Model,
        threads: i32,
        attention: Attention,
    ) -> Result<()> {
        let cells = self.whole.window.cells() as u32;
        while self.lanes.len() < count {
            let window = Window::open(model, cells, threads, attention)?;
            self.lanes.push(Lane::new(window));
        }
        Ok(())
    }

    /// Whether anything is kept from one call to the next.
    pub(super) fn keeps(&self) -> bool {
        self.kept.budget() > 0
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        self.whole.forget();
        self.lanes.iter_mut().for_each(Lane::forget);
        self.kept.clear();
    }

    /// Makes the lane `lane`, or else the whole, hold the trunks `wanted` of
    /// `trunks` and no others; returns for each how many tokens of it were
    /// evaluated. What a lane lacks is evaluated once, in the whole, and copied.
    ///
    /// # Errors
    /// llama.cpp fails, or there are more than [`TRUNKS`].
    pub(super) fn hold(
        &mut self,
        lane: Option<usize>,
        trunks: &Trunks,
        wanted: &[usize],
        prompts: &[&[LlamaToken]],
        step: u64,
    ) -> Result<Vec<usize>> {
        let wanted: Vec<Wanted> = wanted
            .iter()
            .map(|&trunk| {
                let trunk = &trunks.all[trunk];
                let places = &trunk.places;
                (&prompts[trunk.example][..places.end], places.start)
            })
            .collect();
        let Some(lane) = lane else {
            return self.whole.hold(&wanted, &mut self.kept, step);
        };
        let lane = &mut self.lanes[lane];
        if lane.drop_others(&wanted)? {
            for (tokens, start) in &wanted {
                self.kept.touch(tokens, *start, step);
            }
            return Ok(vec![0; wanted.len()]);
        }
        let evaluated = self.whole.hold(&wanted, &mut self.kept, step)?;
        lane.copy(&wanted, &mut self.whole, &mut self.kept, step)?;
        Ok(evaluated)
    }

    /// What is kept of `prompt` behind its trunks.
    pub(super) fn pieces(
        &mut self,
        prompt: &[LlamaToken],
        trunks_end: usize,
        step: u64,
    ) -> Vec<Piece> {
        self.kept.cover(but_the_last(prompt), trunks_end, step)
    }

    /// Whether `prompt` is worth keeping behind its trunks and is not kept yet.
    pub(super) fn lacks(&mut self, prompt: &[LlamaToken], trunks_end: usize, step: u64) -> bool {
        self.keeps()
            && prompt.len() >= trunks_end + KEPT_TOKENS
            && !self.kept.touch(prompt, trunks_end, step)
    }
}
