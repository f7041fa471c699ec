//! The admissible answers as a tree of tokens, and their exact probabilities.

use super::window::{BRANCHES, Row};
use crate::error::{Error, Result};
use llama_cpp_2::token::LlamaToken;
use std::ops::Range;

/// A token of one or several answers, after the tokens on the way to it.
#[derive(Debug)]
struct Node {
    token: LlamaToken,
    parent: usize,
    depth: usize,
    children: Vec<usize>,
    /// The option that is complete with this token.
    option: Option<usize>,
    /// The branches that pass through this node, as indices from 0.
    branches: Range<usize>,
}

/// All options of one choice, sharing the tokens they begin with.
///
/// Each leaf is a branch: a sequence of the context. A token belongs to the
/// branches of all leaves below it, so it is evaluated once and every answer
/// sees exactly the prompt and its own tokens.
#[derive(Debug)]
pub(super) struct Trie {
    /// Breadth first, so parents and shorter answers come first. Node 0 is the end of the prompt.
    nodes: Vec<Node>,
    /// The node at which each option is complete.
    complete: Vec<usize>,
}

impl Trie {
    /// The tree of `options`, given in tokens.
    ///
    /// # Errors
    /// No options, an empty one, two with the same tokens, or too many branches.
    pub(super) fn new(options: &[Vec<LlamaToken>], names: &[String]) -> Result<Trie> {
        if options.is_empty() {
            return Err(Error::input("a choice without options").allowed("at least one option"));
        }
        let root = Node {
            token: LlamaToken(-1),
            parent: 0,
            depth: 0,
            children: Vec::new(),
            option: None,
            branches: 0..0,
        };
        let mut nodes = vec![root];
        for (option, tokens) in options.iter().enumerate() {
            if tokens.is_empty() {
                return Err(Error::input("an option without text").value(&names[option]));
            }
            let mut at = 0;
            for &token in tokens {
                let known = nodes[at]
                    .children
                    .iter()
                    .copied()
                    .find(|&c| nodes[c].token == token);
                at = known.unwrap_or_else(|| {
                    let depth = nodes[at].depth + 1;
                    nodes.push(Node {
                        token,
                        parent: at,
                        depth,
                        children: Vec::new(),
                        option: None,
                        branches: 0..0,
                    });
                    let child = nodes.len() - 1;
                    nodes[at].children.push(child);
                    child
                });
            }
            if let Some(other) = nodes[at].option.replace(option) {
                return Err(Error::input("two options are the same to the model")
                    .value(format!("`{}` and `{}`", names[other], names[option])));
            }
        }
        let branches = number_branches(&mut nodes, 0, 0);
        if branches > BRANCHES {
            return Err(Error::input("too many options for one choice")
                .value(branches)
                .allowed(format!("at most {BRANCHES} that do not begin one another")));
        }
        let nodes = breadth_first(nodes);
        let mut complete = vec![0; options.len()];
        for (i, node) in nodes.iter().enumerate() {
            if let Some(option) = node.option {
                complete[option] = i;
            }
        }
        Ok(Trie { nodes, complete })
    }

    /// Sequences needed.
    pub(super) fn branches(&self) -> usize {
        self.nodes[0].branches.len()
    }

    /// Tokens to evaluate after the prompt.
    pub(super) fn tokens(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The rows of all tokens of the tree after a prompt of `prompt` tokens, on
    /// the sequences from `first_sequence` on. Row i is node i + 1.
    pub(super) fn rows(&self, prompt: usize, first_sequence: usize) -> impl Iterator<Item = Row> {
        self.nodes[1..].iter().map(move |node| Row {
            token: node.token,
            position: prompt + node.depth - 1,
            sequences: first_sequence + node.branches.start..first_sequence + node.branches.end,
            read: true,
        })
    }

    /// A scoring sheet for one prompt.
    pub(super) fn scores(&self) -> Scores {
        let unknown = f64::NAN;
        Scores {
            token: vec![unknown; self.nodes.len()],
            end: vec![unknown; self.nodes.len()],
        }
    }

    /// Enters the logits after node `node` (0 is the prompt), whose [`log_sum_exp`]
    /// is `total`, into `scores`: what they say about the node's children and,
    /// where an option is complete, about the end of the turn.
    ///
    /// # Errors
    /// Logits that are not finite where they are needed.
    pub(super) fn enter(
        &self,
        scores: &mut Scores,
        node: usize,
        (logits, total): (&[f32], f64),
        ends: &[LlamaToken],
    ) -> Result<()> {
        let log_prob = |token: LlamaToken| {
            let logit = usize::try_from(token.0).ok().and_then(|at| logits.get(at));
            let value = logit.map_or(f64::NAN, |&logit| f64::from(logit) - total);
            if value.is_nan() {
                Err(Error::run("the model's logits are not numbers"))
            } else {
                Ok(value)
            }
        };
        for &child in &self.nodes[node].children {
            scores.token[child] = log_prob(self.nodes[child].token)?;
        }
        if self.nodes[node].option.is_some() {
            let mut end = 0.0;
            for &token in ends {
                end += log_prob(token)?.exp();
            }
            scores.end[node] = end.ln();
        }
        Ok(())
    }

    /// ln P(option, then the end of the turn) of each option, once all nodes are entered.
    pub(super) fn log_probs(&self, scores: &Scores) -> Vec<f64> {
        self.complete
            .iter()
            .map(|&complete| {
                let mut sum = scores.end[complete];
                let mut at = complete;
                while at != 0 {
                    sum += scores.token[at];
                    at = self.nodes[at].parent;
                }
                sum
            })
            .collect()
    }
}

/// What is known so far of the nodes of a [`Trie`] after one prompt.
pub(super) struct Scores {
    /// ln P(token | prompt and the tokens before it).
    token: Vec<f64>,
    /// ln P(end of turn | prompt and the tokens so far).
    end: Vec<f64>,
}

/// Numbers the leaves below `at` from `next` on, so that each node's branches are a range.
fn number_branches(nodes: &mut [Node], at: usize, next: usize) -> usize {
    let mut end = next;
    for child in nodes[at].children.clone() {
        end = number_branches(nodes, child, end);
    }
    if nodes[at].children.is_empty() {
        end += 1;
    }
    nodes[at].branches = next..end;
    end
}

fn breadth_first(nodes: Vec<Node>) -> Vec<Node> {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|&i| nodes[i].depth);
    let mut place = vec![0; nodes.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new;
    }
    let mut slots: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let mut sorted: Vec<Node> = order.iter().filter_map(|&old| slots[old].take()).collect();
    for node in &mut sorted {
        node.parent = place[node.parent];
        for child in &mut node.children {
            *child = place[*child];
        }
    }
    sorted
}

/// ln Σ exp(x), to about 1e-6.
///
/// A vocabulary has 50,000 to 250,000 entries and this is read at every node,
/// so the loops are written for the compiler to vectorise.
pub(super) fn log_sum_exp(logits: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut highest = [f32::NEG_INFINITY; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks.clone() {
        for (high, &x) in highest.iter_mut().zip(chunk) {
            *high = if x > *high { x } else { *high };
        }
    }
    let top = highest
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    if !top.is_finite() {
        return f64::NAN;
    }
    let mut total = 0.0;
    // Partial sums of 16 × 64 terms keep the rounding of f32 below 1e-6.
    for block in logits.chunks(LANES * 64) {
        let mut sums = [0.0f32; LANES];
        let lanes = block.chunks_exact(LANES);
        let tail: f32 = lanes
            .remainder()
            .iter()
            .map(|&x| exp_nonpositive(x - top))
            .sum();
        for chunk in lanes {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum += exp_nonpositive(x - top);
            }
        }
        total += f64::from(tail) + sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
    }
    f64::from(top) + total.ln()
}

/// exp(x) for x ≤ 0, to a relative 1e-6; 0 below −87. NaN stays NaN.
///
/// 2^n · 2^f with n = round(x/ln 2) and the Taylor polynomial of 2^f on |f| ≤ ½.
#[inline]
fn exp_nonpositive(x: f32) -> f32 {
    // 1.5 · 2^23: adding it rounds to an integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let y = x.max(-87.0) * std::f32::consts::LOG2_E;
    let shifted = y + ROUND;
    let n = shifted - ROUND;
    let f = (y - n) * std::f32::consts::LN_2;
    let p = 1.0
        + f * (1.0
            + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.0 { 0.0 } else { p * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(options: &[&[i32]]) -> Result<Trie> {
        let names: Vec<String> = options.iter().map(|o| format!("{o:?}")).collect();
        let tokens: Vec<Vec<LlamaToken>> = options
            .iter()
            .map(|o| o.iter().map(|&t| LlamaToken(t)).collect())
            .collect();
        Trie::new(&tokens, &names)
    }

    #[test]
    fn shared_tokens_are_evaluated_once_and_belong_to_all_branches_below() {
        // "1", "10", "100", "2", "20" as digits.
        let trie = trie(&[&[1], &[1, 0], &[1, 0, 0], &[2], &[2, 0]]).unwrap();
        assert_eq!((trie.tokens(), trie.branches()), (5, 2));
        let rows: Vec<_> = trie
            .rows(7, 3)
            .map(|r| (r.token.0, r.position, r.sequences))
            .collect();
        assert_eq!(
            rows,
            [
                (1, 7, 3..4),
                (2, 7, 4..5),
                (0, 8, 3..4),
                (0, 8, 4..5),
                (0, 9, 3..4)
            ]
        );
    }

    #[test]
    fn forks_put_a_token_into_several_sequences() {
        let trie = trie(&[&[1, 5], &[1, 6], &[2]]).unwrap();
        let rows: Vec<_> = trie.rows(0, 1).map(|r| (r.token.0, r.sequences)).collect();
        assert_eq!(rows, [(1, 1..3), (2, 3..4), (5, 1..2), (6, 2..3)]);
    }

    /// A model over four tokens whose logits depend on the last token alone, so
    /// that every probability can be written down.
    #[test]
    fn log_probs_are_products_along_the_path_with_the_end() {
        let trie = trie(&[&[1], &[1, 2], &[2]]).unwrap();
        let ends = [LlamaToken(0), LlamaToken(3)];
        let logits = |last: usize| -> [f32; 4] {
            std::array::from_fn(|t| ((last * 7 + t * 3) % 5) as f32 * 0.4 - 0.3)
        };
        let p = |last: usize, token: usize| -> f64 {
            let all = logits(last).map(|x| f64::from(x).exp());
            all[token] / all.iter().sum::<f64>()
        };
        let end = |last: usize| p(last, 0) + p(last, 3);
        let mut scores = trie.scores();
        let tokens: Vec<usize> = std::iter::once(3)
            .chain(trie.rows(0, 0).map(|row| row.token.0 as usize))
            .collect();
        for (node, &last) in tokens.iter().enumerate() {
            let logits = logits(last);
            let total = log_sum_exp(&logits);
            trie.enter(&mut scores, node, (&logits, total), &ends)
                .unwrap();
        }
        let expected = [
            p(3, 1) * end(1),
            p(3, 1) * p(1, 2) * end(2),
            p(3, 2) * end(2),
        ]
        .map(f64::ln);
        for (found, expected) in trie.log_probs(&scores).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn options_that_cannot_be_told_apart_are_refused() {
        assert!(trie(&[]).is_err());
        assert!(trie(&[&[1], &[]]).is_err());
        let message = trie(&[&[1, 2], &[3], &[1, 2]]).unwrap_err().to_string();
        assert!(message.contains("`[1, 2]` and `[1, 2]`"), "{message}");
        let many: Vec<[i32; 1]> = (0..256).map(|t| [t]).collect();
        assert!(trie(&many.iter().map(|o| o.as_slice()).collect::<Vec<_>>()).is_err());
    }

    #[test]
    fn logits_that_are_not_numbers_are_an_error() {
        let trie = trie(&[&[1]]).unwrap();
        for bad in [f32::NAN, f32::INFINITY] {
            let logits = [0.0, bad, 0.0];
            assert!(
                trie.enter(
                    &mut trie.scores(),
                    0,
                    (&logits, log_sum_exp(&logits)),
                    &[LlamaToken(0)]
                )
                .is_err()
            );
        }
    }

    #[test]
    fn log_sum_exp_agrees_with_double_precision() {
        let logits: Vec<f32> = (0..49_157u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) % 100_000) as f32 / 2500.0 - 22.0)
            .collect();
        for slice in [
            &logits[..],
            &logits[..1],
            &logits[3..20],
            &[-200.0, 0.5, -30.0],
        ] {
            let top = slice.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exact: f64 = slice
                .iter()
                .map(|&x| f64::from(x - top).exp())
                .sum::<f64>()
                .ln()
                + f64::from(top);
            assert!((log_sum_exp(slice) - exact).abs() < 2e-6, "{}", slice.len());
        }
    }
}
