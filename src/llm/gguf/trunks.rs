//! Which beginnings the prompts of a call share.

use llama_cpp_2::token::LlamaToken;
use std::ops::Range;

/// Fewest tokens of a trunk of its own: shorter ones come about by chance.
const LENGTH: usize = 16;

/// Fewest tokens that a trunk must save within a call: it costs a pass of its own.
const SAVED: usize = 64;

/// A run of tokens that several prompts have in common, after what even more of them share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trunk {
    /// Its places in those prompts, counted from 0.
    pub(super) places: Range<usize>,
    /// A prompt that begins with it.
    pub(super) example: usize,
}

/// The trunks of a call and each prompt's way through them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Trunks {
    /// A trunk comes after those that it grows out of.
    pub(super) all: Vec<Trunk>,
    /// Of each prompt: its trunks from the first token on, without a gap.
    pub(super) chains: Vec<Vec<usize>>,
}

impl Trunks {
    /// The trunks of `prompts`. The last token of a prompt is in no trunk: its
    /// logits are read.
    pub(super) fn of(prompts: &[&[LlamaToken]]) -> Trunks {
        let mut trunks = Trunks {
            all: Vec::new(),
            chains: vec![Vec::new(); prompts.len()],
        };
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&i| prompts[i]);
        trunks.grow(prompts, &order, 0);
        trunks
    }

    /// Where the trunks of prompt `prompt` end.
    pub(super) fn end(&self, prompt: usize) -> usize {
        self.chains[prompt]
            .last()
            .map_or(0, |&trunk| self.all[trunk].places.end)
    }

    /// The trunks of `members`, in order of their tokens, beyond their first `covered` tokens.
    fn grow(&mut self, prompts: &[&[LlamaToken]], members: &[usize], mut covered: usize) {
        let (Some(&first), Some(&last)) = (members.first(), members.last()) else {
            return;
        };
        let Some(shortest) = members.iter().map(|&m| prompts[m].len()).min() else {
            return;
        };
        if members.len() < 2 || shortest == 0 {
            return;
        }
        let common = common_length(prompts[first], prompts[last]).min(shortest - 1);
        let length = common.saturating_sub(covered);
        if length >= LENGTH && length * (members.len() - 1) >= SAVED {
            for &member in members {
                self.chains[member].push(self.all.len());
            }
            self.all.push(Trunk {
                places: covered..common,
                example: first,
            });
            covered = common;
        }
        // Prompts that go on alike; a prompt that is at its last token goes no further.
        let longer: Vec<usize> = members
            .iter()
            .copied()
            .filter(|&m| prompts[m].len() > common + 1)
            .collect();
        for alike in longer.chunk_by(|&a, &b| prompts[a][common] == prompts[b][common]) {
            self.grow(prompts, alike, covered);
        }
    }
}

/// Length of the longest common beginning.
pub(super) fn common_length(a: &[LlamaToken], b: &[LlamaToken]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(parts: &[(i32, usize)]) -> Vec<LlamaToken> {
        parts
            .iter()
            .flat_map(|&(token, count)| vec![LlamaToken(token); count])
            .collect()
    }

    fn of(prompts: &[Vec<LlamaToken>]) -> Trunks {
        Trunks::of(&prompts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn groups_branch_off_the_rules() {
        let prompts: Vec<_> = (0..6)
            .map(|worker| prompt(&[(1, 100), (10 + worker % 2, 40), (20 + worker, 30)]))
            .collect();
        let trunks = of(&prompts);
        let places: Vec<_> = trunks.all.iter().map(|t| t.places.clone()).collect();
        assert_eq!(places, [0..100, 100..140, 100..140]);
        for worker in 0..6 {
            assert_eq!(trunks.chains[worker], [0, 1 + worker % 2]);
            assert_eq!(trunks.end(worker), 140);
        }
    }

    #[test]
    fn what_is_shared_by_chance_or_by_nobody_is_no_trunk() {
        let one = prompt(&[(1, 300)]);
        assert_eq!(of(std::slice::from_ref(&one)).chains, [[0usize; 0]]);
        assert!(of(&[]).all.is_empty());
        let short: Vec<_> = (0..9).map(|w| prompt(&[(1, 8), (10 + w, 90)])).collect();
        assert!(of(&short).all.is_empty());
        // 40 tokens shared by two save 40.
        let few: Vec<_> = (0..2).map(|w| prompt(&[(1, 40), (10 + w, 9)])).collect();
        assert!(of(&few).all.is_empty());
    }

    #[test]
    fn the_last_token_of_a_prompt_is_left_to_itself() {
        let same = [prompt(&[(1, 100)]), prompt(&[(1, 100)])];
        assert_eq!(of(&same).all[0].places, 0..99);
        // One prompt is the beginning of the others, which share more.
        let more = [
            prompt(&[(1, 100)]),
            prompt(&[(1, 200), (2, 5)]),
            prompt(&[(1, 200), (3, 5)]),
        ];
        let trunks = of(&more);
        let places: Vec<_> = trunks.all.iter().map(|t| t.places.clone()).collect();
        assert_eq!(places, [0..99, 99..200]);
        assert_eq!(trunks.chains, [vec![0], vec![0, 1], vec![0, 1]]);
    }
}
