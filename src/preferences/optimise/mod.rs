//! Improving a stochastic policy over a finite set of candidate schedules.
//!
//! A [`Policy`] gives every candidate a probability by softmax over logits, and remembers a
//! reference policy that it is not to leave without need. Feedback comes as labelled pairs, as an
//! oracle of preferences, or as an oracle of rewards ([`Feedback`]). A [`PolicyOptimiser`] moves the
//! logits.
//!
//! What was published for language models reads here as follows: the answer to a prompt is a
//! candidate; its tokens are the *moves* that set one bracket after the other ([`Tree`]); the
//! language model is the table of logits, whose probability of a move given the moves before it is
//! the share of candidates that go on with it.
//!
//! | module | method |
//! |---|---|
//! | [`dpo`] | direct preference optimisation, with its losses and divergences |
//! | [`sparse`] | the same with a learned weight for each bracket |
//! | [`ppo`] | policy gradient with a clipped surrogate and a KL penalty |
//! | [`grpo`] | group-relative advantages |
//! | [`nlpo`] | policy gradient among the likely moves only |
//! | [`rto`] | dense rewards from direct preference optimisation, then policy gradient |
//! | [`vpo`] | likelihood of comparisons, regularised by the value |
//! | [`nash_md`] | mirror descent to the equilibrium of a preference game |
//! | [`gpo`] | self-play on general preferences |
//! | [`guided`] | roll-in by the learner, roll-out by a guide |
//! | [`mcts`] | preferences between moves from a tree search |
//! | [`sft`] | supervised fitting, as learning of an implicit reward |

pub mod dpo;
pub mod gpo;
pub mod grpo;
pub mod guided;
pub mod mcts;
pub mod nash_md;
pub mod nlpo;
pub mod ppo;
pub mod rto;
pub mod sft;
pub mod sparse;
#[cfg(test)]
mod tests;
pub mod vpo;

use crate::error::{Error, Result};
use crate::preferences::Comparison;
use crate::preferences::fit::logistic;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// A place in a [`Tree`]: the moves made so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Where one move more leads, in ascending order of that move.
    pub children: Vec<usize>,
    /// The candidates that begin with these moves.
    pub leaves: Vec<usize>,
}

/// Candidates as sequences of moves: the prefix tree of the candidates' brackets.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    paths: Vec<Vec<usize>>,
}

impl Tree {
    /// The tree of candidates whose k-th move is the k-th number of their row.
    ///
    /// # Errors
    /// Fewer than two candidates, rows of different lengths, two rows that are the same.
    pub fn new(moves: &[Vec<u32>]) -> Result<Self> {
        let depth = moves.first().map_or(0, Vec::len);
        if moves.len() < 2 || depth == 0 || moves.iter().any(|row| row.len() != depth) {
            return Err(
                Error::input("candidates of a policy are not rows of moves alike")
                    .value(format!("{} candidates", moves.len()))
                    .allowed("two candidates or more, with equally many moves, at least one"),
            );
        }
        let all: Vec<usize> = (0..moves.len()).collect();
        let mut nodes = vec![Node {
            children: vec![],
            leaves: all,
        }];
        let mut paths = vec![vec![0]; moves.len()];
        let mut at = 0;
        while at < nodes.len() {
            let leaves = nodes[at].leaves.clone();
            let place = paths[leaves[0]].len() - 1;
            if place == depth {
                if let [first, second, ..] = leaves[..] {
                    return Err(Error::input("two candidates of a policy are the same")
                        .value(format!("candidates {first} and {second}"))
                        .allowed("different candidates"));
                }
                at += 1;
                continue;
            }
            let mut by_move: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            for leaf in leaves {
                by_move.entry(moves[leaf][place]).or_default().push(leaf);
            }
            for leaves in by_move.into_values() {
                let node = nodes.len();
                nodes[at].children.push(node);
                for &leaf in &leaves {
                    paths[leaf].push(node);
                }
                nodes.push(Node {
                    children: vec![],
                    leaves,
                });
            }
            at += 1;
        }
        Ok(Tree { nodes, paths })
    }

    /// Number of moves of a candidate.
    pub fn depth(&self) -> usize {
        self.paths[0].len() - 1
    }

    /// All nodes, the root first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes on the way to a candidate, from the root to its own.
    pub fn path(&self, candidate: usize) -> &[usize] {
        &self.paths[candidate]
    }
}

/// A stochastic policy over candidates: π(x) ∝ exp(logit(x)).
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// By candidate; their common level has no meaning.
    pub logits: Vec<f64>,
    /// ln π_ref.
    reference: Vec<f64>,
    tree: Arc<Tree>,
}

impl Policy {
    /// A policy that starts at its reference, candidates being one move each.
    ///
    /// # Errors
    /// Fewer than two candidates; a probability that is not above 0.
    pub fn new(reference: &[f64]) -> Result<Self> {
        let moves: Vec<Vec<u32>> = (0..reference.len() as u32).map(|k| vec![k]).collect();
        Policy::with_moves(reference, &moves)
    }

    /// The same over candidates made of moves.
    ///
    /// # Errors
    /// As [`Policy::new`] and [`Tree::new`].
    pub fn with_moves(reference: &[f64], moves: &[Vec<u32>]) -> Result<Self> {
        let tree = Tree::new(moves)?;
        let sum: f64 = reference.iter().sum();
        let wrong = |p: &&f64| !(**p > 0.0 && p.is_finite());
        if let Some(wrong) = reference.iter().find(wrong) {
            return Err(
                Error::input("a probability of a reference policy is out of range")
                    .value(wrong)
                    .allowed("above 0"),
            );
        }
        if reference.len() != moves.len() {
            return Err(Error::input("a reference policy of the wrong length")
                .value(reference.len())
                .allowed(format!("{} candidates", moves.len())));
        }
        let reference: Vec<f64> = reference.iter().map(|p| (p / sum).ln()).collect();
        Ok(Policy {
            logits: reference.clone(),
            reference,
            tree: Arc::new(tree),
        })
    }

    /// Indifferent among `count` candidates.
    ///
    /// # Errors
    /// Fewer than two.
    pub fn uniform(count: usize) -> Result<Self> {
        Policy::new(&vec![1.0; count])
    }

    /// Number of candidates.
    pub fn len(&self) -> usize {
        self.logits.len()
    }

    /// Never: a policy has two candidates at least.
    pub fn is_empty(&self) -> bool {
        self.logits.is_empty()
    }

    /// The moves of the candidates.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// π.
    pub fn probabilities(&self) -> Vec<f64> {
        log_softmax(&self.logits).iter().map(|l| l.exp()).collect()
    }

    /// ln π.
    pub fn log_probabilities(&self) -> Vec<f64> {
        log_softmax(&self.logits)
    }

    /// ln π_ref.
    pub fn log_reference(&self) -> &[f64] {
        &self.reference
    }

    /// The likeliest candidate, of equal ones the first.
    pub fn mode(&self) -> usize {
        let mut best = 0;
        for (k, logit) in self.logits.iter().enumerate() {
            if *logit > self.logits[best] {
                best = k;
            }
        }
        best
    }

    /// A candidate drawn from π.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> usize {
        draw(&self.probabilities(), rng)
    }

    /// KL(π ‖ π_ref) = Σ π ln(π/π_ref), nats.
    pub fn kl(&self) -> f64 {
        kl(&self.log_probabilities(), &self.reference)
    }

    /// −Σ π ln π, nats.
    pub fn entropy(&self) -> f64 {
        -(self.log_probabilities().iter())
            .map(|l| l.exp() * l)
            .sum::<f64>()
    }

    /// ln π_ref moved by `shift`, as the policy's logits: π ∝ π_ref·exp(shift).
    fn set_shift(&mut self, shift: &[f64]) {
        let moved: Vec<f64> = self
            .reference
            .iter()
            .zip(shift)
            .map(|(l, s)| l + s)
            .collect();
        self.logits = log_softmax(&moved);
    }

    /// ln π/π_ref.
    fn shift(&self) -> Vec<f64> {
        let log = self.log_probabilities();
        log.iter()
            .zip(&self.reference)
            .map(|(l, r)| l - r)
            .collect()
    }
}

/// What is known of the candidates, or can be asked.
pub enum Feedback<'a> {
    /// Comparisons of candidates that were made before, from whichever policy.
    Pairs(&'a [Comparison]),
    /// P(a ≻ b), asked when needed; P(b ≻ a) is one less it.
    Preference(&'a dyn Fn(usize, usize) -> Result<f64>),
    /// r(x), asked when needed.
    Reward(&'a dyn Fn(usize) -> Result<f64>),
}

impl Feedback<'_> {
    /// P(a ≻ b); of rewards σ(r(a) − r(b)).
    fn preference(&self, a: usize, b: usize) -> Result<f64> {
        match self {
            Feedback::Preference(oracle) => oracle(a, b),
            Feedback::Reward(oracle) => Ok(logistic(oracle(a)? - oracle(b)?)),
            Feedback::Pairs(_) => Err(wants("somebody to ask about a pair", "preference, reward")),
        }
    }

    /// P(a ≻ b) for all a and b, row by row: n(n−1)/2 questions.
    fn preferences(&self, n: usize) -> Result<Vec<f64>> {
        let mut all = vec![0.5; n * n];
        for a in 0..n {
            for b in 0..a {
                let p = self.preference(a, b)?;
                all[a * n + b] = p;
                all[b * n + a] = 1.0 - p;
            }
        }
        Ok(all)
    }

    /// The pairs at hand, or `count` new ones of two different candidates drawn from π, labelled by
    /// P(a ≻ b) itself if `soft`, else by a draw from it.
    fn pairs(
        &self,
        policy: &Policy,
        count: usize,
        soft: bool,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Comparison>> {
        if let Feedback::Pairs(pairs) = self {
            let n = policy.len() as u32;
            return match pairs.iter().find(|c| c.a >= n || c.b >= n) {
                Some(c) => Err(Error::input("a comparison of an unknown candidate")
                    .value(c.a.max(c.b))
                    .allowed(format!("0 to {}", n - 1))),
                None => Ok(pairs.to_vec()),
            };
        }
        let probabilities = policy.probabilities();
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let a = draw(&probabilities, rng);
            let mut others = probabilities.clone();
            others[a] = 0.0;
            // A policy that is sure of one candidate leaves nothing to draw another from.
            if others.iter().sum::<f64>() <= f64::MIN_POSITIVE {
                others.iter_mut().for_each(|p| *p = 1.0);
                others[a] = 0.0;
            }
            let b = draw(&others, rng);
            let p = self.preference(a, b)?;
            let label = match soft {
                true => p,
                false => f64::from(u8::from(rng.random::<f64>() < p)),
            };
            pairs.push(Comparison::new(a as u32, b as u32, label));
        }
        Ok(pairs)
    }
}

/// What the optimiser is told of the candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Their rewards, in standard deviations over all candidates.
    #[default]
    Rewards,
    /// Which of two is preferred with what probability: where the reward is a learned model and nothing
    /// else, the weighted share of its votes; else σ of the difference of rewards in standard deviations.
    Preferences,
    /// So many comparisons of candidates drawn uniformly, made once and for all by those
    /// probabilities as they are when there first is a reward: what is learned later does not change them.
    Pairs(usize),
}

/// Which schedule of the policy is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Played {
    /// The likeliest.
    #[default]
    Mode,
    /// One that is drawn anew in every tax year.
    Draw,
}

fn wants(what: &str, allowed: &str) -> Error {
    Error::input(format!("this policy optimiser needs {what}"))
        .value("feedback of another kind")
        .allowed(allowed.to_owned())
}

/// Rewards by candidate, each asked for at most once. Where preferences are asked for, the reward
/// of x is its chance against the reference: Σ_y π_ref(y) P(x ≻ y).
struct Rewards<'a, 'b> {
    feedback: &'a Feedback<'b>,
    reference: Vec<f64>,
    known: Vec<Option<f64>>,
}

impl<'a, 'b> Rewards<'a, 'b> {
    fn new(feedback: &'a Feedback<'b>, policy: &Policy) -> Self {
        Rewards {
            feedback,
            reference: policy.reference.iter().map(|l| l.exp()).collect(),
            known: vec![None; policy.len()],
        }
    }

    fn of(&mut self, candidate: usize) -> Result<f64> {
        if let Some(known) = self.known[candidate] {
            return Ok(known);
        }
        let value = match self.feedback {
            Feedback::Reward(oracle) => oracle(candidate)?,
            Feedback::Preference(oracle) => {
                let mut sum = 0.0;
                for (other, p) in self.reference.iter().enumerate() {
                    let wins = if other == candidate {
                        0.5
                    } else {
                        oracle(candidate, other)?
                    };
                    sum += p * wins;
                }
                sum
            }
            Feedback::Pairs(_) => return Err(wants("rewards to ask for", "preference, reward")),
        };
        if !value.is_finite() {
            return Err(Error::run(format!(
                "the reward of candidate {candidate} is not a number"
            )));
        }
        self.known[candidate] = Some(value);
        Ok(value)
    }

    /// How many candidates were asked about.
    fn asked(&self) -> usize {
        self.known.iter().flatten().count()
    }
}

/// What an improvement did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// KL(π ‖ π_ref) after it, nats.
    pub kl: f64,
    /// Entropy of π after it, nats.
    pub entropy: f64,
    /// The optimiser's own numbers, named.
    pub parts: Vec<(&'static str, f64)>,
}

impl Progress {
    fn of(policy: &Policy, parts: Vec<(&'static str, f64)>) -> Self {
        Progress {
            kl: policy.kl(),
            entropy: policy.entropy(),
            parts,
        }
    }

    /// One of the optimiser's own numbers.
    pub fn part(&self, name: &str) -> Option<f64> {
        self.parts.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
    }
}

/// A way to improve a policy.
///
/// Its fields are its settings; what it remembers from call to call it keeps to itself.
pub trait PolicyOptimiser: Debug + Send + Sync {
    /// Improves the policy. Deterministic given the state of `rng`.
    ///
    /// # Errors
    /// Feedback of a kind that the optimiser cannot use; an oracle that fails; a fit that does not
    /// settle.
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress>;

    /// Forgets what was learned in earlier calls: feedback that is no longer true, as the reward has
    /// changed. The next call is the first one's equal from the same policy.
    fn forget(&mut self) {}

    /// A copy behind the same interface.
    fn boxed(&self) -> Box<dyn PolicyOptimiser>;
}

impl Clone for Box<dyn PolicyOptimiser> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// ln Σ exp.
fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    top + values.map(|v| (v - top).exp()).sum::<f64>().ln()
}

/// logits less their ln Σ exp.
fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let level = log_sum_exp(logits.iter().copied());
    logits.iter().map(|l| l - level).collect()
}

/// Σ exp(a)·(a − b).
fn kl(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.exp() * (a - b)).sum()
}

/// An index drawn in proportion to weights.
fn draw(weights: &[f64], rng: &mut ChaCha8Rng) -> usize {
    let sum: f64 = weights.iter().sum();
    let mut left = rng.random::<f64>() * sum;
    let mut last = 0;
    for (k, &weight) in weights.iter().enumerate() {
        if weight > 0.0 {
            last = k;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
    }
    last
}

/// ∂/∂logits of a function with derivative `slopes` by ln π: slope − π·Σ slopes.
fn through_softmax(log: &[f64], slopes: &[f64], gradient: &mut [f64]) {
    let sum: f64 = slopes.iter().sum();
    for ((g, s), l) in gradient.iter_mut().zip(slopes).zip(log) {
        *g += s - l.exp() * sum;
    }
}

/// ln of the share of `among` that is `inside`, π(move | moves before); adds its derivative by the
/// logits times `slope`.
fn log_share(
    logits: &[f64],
    inside: &[usize],
    among: &[usize],
    slope: f64,
    gradient: &mut [f64],
) -> f64 {
    let level = |leaves: &[usize]| log_sum_exp(leaves.iter().map(|&k| logits[k]));
    let (inner, outer) = (level(inside), level(among));
    if slope != 0.0 {
        for &k in inside {
            gradient[k] += slope * (logits[k] - inner).exp();
        }
        for &k in among {
            gradient[k] -= slope * (logits[k] - outer).exp();
        }
    }
    inner - outer
}
