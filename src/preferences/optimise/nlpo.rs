//! `nlpo`: policy gradient among the likely moves only.

use super::ppo::{Ascent, Step};
use super::{Feedback, Node, Policy, PolicyOptimiser, Progress, Rewards, Tree, draw, log_share};
use crate::error::Result;
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;

/// Clipped policy gradient in which each move is drawn only among the most likely moves of a *masking
/// policy*, the fewest whose probabilities there add up to `top_p`; the masking policy is a copy of
/// the policy, renewed every `renewed` rounds. Probabilities, ratios and gradients are those among
/// the permitted moves. A move's role is that of a token: it sets one bracket.
///
/// Each draw pays r(x) − β·Σ ln π/π_ref of its moves, as in [`super::ppo`]. At rest the policy among
/// the permitted candidates is ∝ π_ref·exp(r/β). Source: Ramamurthy et al. (2023), "Is
/// reinforcement learning (not) for natural language processing", arXiv 2210.01241.
#[derive(Clone, Debug, PartialEq)]
pub struct Nlpo {
    /// β: price of leaving the reference, reward per nat.
    pub beta: f64,
    /// p in (0, 1]: probability of the permitted moves at least.
    pub top_p: f64,
    /// Rounds after which the masking policy is renewed, at least 1; counted over calls.
    pub renewed: usize,
    /// Draws and steps.
    pub ascent: Ascent,
    /// What the masking policy permits; made in the first call.
    pub mask: Option<Mask>,
}

/// The permitted children of each node, and how old that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    permitted: Vec<Vec<usize>>,
    /// The candidates under them.
    among: Vec<Vec<usize>>,
    age: usize,
}

impl Default for Nlpo {
    fn default() -> Self {
        Nlpo {
            beta: 0.1,
            top_p: 0.9,
            renewed: 20,
            ascent: Ascent::default(),
            mask: None,
        }
    }
}

/// The likeliest children of a node, the fewest whose share reaches `top_p`; of equal ones the
/// first.
fn likely(tree: &Tree, node: &Node, logits: &[f64], top_p: f64) -> Vec<usize> {
    let share = |child: usize| {
        let inside = &tree.nodes()[child].leaves;
        log_share(logits, inside, &node.leaves, 0.0, &mut []).exp()
    };
    let mut children: Vec<(usize, f64)> = node.children.iter().map(|&c| (c, share(c))).collect();
    children.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut sum = 0.0;
    let mut kept = vec![];
    for (child, share) in children {
        if !kept.is_empty() && sum >= top_p - 1e-12 {
            break;
        }
        sum += share;
        kept.push(child);
    }
    kept.sort_unstable();
    kept
}

impl Mask {
    fn of(policy: &Policy, top_p: f64) -> Self {
        let tree = policy.tree();
        let permitted: Vec<Vec<usize>> = (tree.nodes().iter())
            .map(|node| likely(tree, node, &policy.logits, top_p))
            .collect();
        let among = (permitted.iter())
            .map(|children| {
                let leaves = |&c: &usize| tree.nodes()[c].leaves.clone();
                children.iter().flat_map(leaves).collect()
            })
            .collect();
        Mask {
            permitted,
            among,
            age: 0,
        }
    }
}

impl Nlpo {
    /// The candidates that may be drawn at present; all before the first call.
    pub fn permitted(&self, policy: &Policy) -> Vec<usize> {
        let Some(mask) = &self.mask else {
            return (0..policy.len()).collect();
        };
        let allowed = |x: &usize| {
            (policy.tree().path(*x).windows(2)).all(|w| mask.permitted[w[0]].contains(&w[1]))
        };
        (0..policy.len()).filter(allowed).collect()
    }
}

impl PolicyOptimiser for Nlpo {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let mut rewards = Rewards::new(feedback, policy);
        let n = self.ascent.batch as f64;
        let mut mean = 0.0;
        for _ in 0..self.ascent.rounds {
            if self.mask.as_ref().is_none_or(|m| m.age >= self.renewed) {
                self.mask = Some(Mask::of(policy, self.top_p));
            }
            let Some(mask) = &mut self.mask else {
                continue;
            };
            mask.age += 1;
            let tree = policy.tree.clone();
            let mut steps = vec![];
            let mut paid_by_draw = vec![];
            for _ in 0..self.ascent.batch {
                let (mut node, mut penalty, first) = (0, 0.0, steps.len());
                while !tree.nodes()[node].children.is_empty() {
                    let (permitted, among) = (&mask.permitted[node], &mask.among[node]);
                    let log = |logits: &[f64], child: usize| {
                        log_share(logits, &tree.nodes()[child].leaves, among, 0.0, &mut [])
                    };
                    let weights: Vec<f64> = (permitted.iter())
                        .map(|&child| log(&policy.logits, child).exp())
                        .collect();
                    let child = permitted[draw(&weights, rng)];
                    let old = log(&policy.logits, child);
                    penalty += old - log(&policy.reference, child);
                    steps.push(Step {
                        inside: &tree.nodes()[child].leaves,
                        among: Cow::Owned(among.clone()),
                        old,
                        advantage: 0.0,
                    });
                    node = child;
                }
                let candidate = tree.nodes()[node].leaves[0];
                let paid = rewards.of(candidate)? - self.beta * penalty;
                paid_by_draw.push((first..steps.len(), paid));
            }
            mean = paid_by_draw.iter().map(|(_, paid)| paid).sum::<f64>() / n;
            for (range, paid) in paid_by_draw {
                steps[range]
                    .iter_mut()
                    .for_each(|s| s.advantage = paid - mean);
            }
            self.ascent.climb(policy, &steps, n);
        }
        let permitted = self.permitted(policy).len() as f64;
        Ok(Progress::of(
            policy,
            vec![
                ("reward_less_kl", mean),
                ("permitted", permitted),
                ("asked", rewards.asked() as f64),
            ],
        ))
    }

    fn forget(&mut self) {
        self.mask = None;
    }

    fn boxed(&self) -> Box<dyn PolicyOptimiser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::optimise::tests::{REFERENCE, REWARD, rng};
    use std::cell::RefCell;

    /// Of the reference (0.3, 0.25, 0.2, 0.15, 0.1), three moves make up 0.7: nobody asks about
    /// another, and the policy among them goes to π_ref·exp(r/β).
    #[test]
    fn only_permitted_moves_are_made() {
        let asked = RefCell::new(vec![0; 5]);
        let oracle = |x: usize| {
            asked.borrow_mut()[x] += 1;
            Ok(REWARD[x])
        };
        let mut nlpo = Nlpo {
            beta: 0.7,
            top_p: 0.7,
            renewed: usize::MAX,
            ascent: Ascent {
                rounds: 400,
                rate: 0.5,
                ..Ascent::default()
            },
            ..Nlpo::default()
        };
        let mut policy = Policy::new(&REFERENCE).unwrap();
        nlpo.improve(&mut policy, &Feedback::Reward(&oracle), &mut rng(1))
            .unwrap();
        assert_eq!(nlpo.permitted(&policy), [0, 1, 2]);
        assert_eq!(*asked.borrow(), [1, 1, 1, 0, 0]);
        let gibbs: Vec<f64> = (0..3)
            .map(|x| REFERENCE[x] * (REWARD[x] / 0.7).exp())
            .collect();
        let (sum, p) = (gibbs.iter().sum::<f64>(), policy.probabilities());
        let mass: f64 = p[..3].iter().sum();
        for x in 0..3 {
            assert!((p[x] / mass - gibbs[x] / sum).abs() < 1e-6, "{p:?}");
        }
    }

    /// Masks are by move: of first moves with 0.55 and 0.45, p = 0.5 keeps one, and its better half.
    #[test]
    fn masks_by_move() {
        let moves = [vec![0, 0], vec![0, 1], vec![1, 0], vec![1, 1]];
        let policy = Policy::with_moves(&[0.3, 0.25, 0.44, 0.01], &moves).unwrap();
        let nlpo = Nlpo {
            mask: Some(Mask::of(&policy, 0.5)),
            ..Nlpo::default()
        };
        assert_eq!(nlpo.permitted(&policy), [0]);
    }
}
