//! `rto`: dense rewards from direct preference optimisation, then policy gradient.

use super::dpo::Dpo;
use super::ppo::{Ascent, Step};
use super::{Feedback, Policy, PolicyOptimiser, Progress, Rewards, draw, log_share};
use crate::error::Result;
use crate::preferences::Comparison;
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;

/// Fits π_dpo to comparisons ([`super::dpo`]), and pays each move m after the moves s
///
/// β₁·ln π_dpo(m|s)/π_ref(m|s) − β₂·ln π(m|s)/π_ref(m|s),
///
/// and the last one β₃·r besides where rewards can be asked for; clipped policy gradient then climbs
/// what is paid from each move on, less its mean over the batch's visits of the same place. A move's
/// role is that of a token: it sets one bracket.
///
/// It rests at π ∝ π_ref·(π_dpo/π_ref)^(β₁/β₂)·exp(β₃·r/β₂). Source: Zhong et al. (2024), "DPO meets
/// PPO: reinforced token optimization for RLHF", arXiv 2404.18922; the means by place stand for their
/// critic.
#[derive(Clone, Debug, PartialEq)]
pub struct Rto {
    /// How π_dpo is fitted.
    pub dpo: Dpo,
    /// β₁: weight of the dense reward.
    pub dense: f64,
    /// β₂, above 0: price of leaving the reference, per nat.
    pub beta: f64,
    /// β₃: weight of the reward at the end.
    pub terminal: f64,
    /// Draws and steps.
    pub ascent: Ascent,
    /// The pairs asked for until now.
    pub collected: Vec<Comparison>,
}

impl Default for Rto {
    fn default() -> Self {
        Rto {
            dpo: Dpo::default(),
            dense: 0.1,
            beta: 0.1,
            terminal: 0.0,
            ascent: Ascent {
                rate: 5.0,
                ..Ascent::default()
            },
            collected: vec![],
        }
    }
}

impl Rto {
    /// ln of the shares of a node's child under three sets of logits.
    fn shares(policy: &Policy, dpo: &Policy, node: usize, child: usize) -> [f64; 3] {
        let nodes = policy.tree().nodes();
        let (inside, among) = (&nodes[child].leaves, &nodes[node].leaves);
        [&policy.logits, &dpo.logits, &policy.reference]
            .map(|logits| log_share(logits, inside, among, 0.0, &mut []))
    }
}

impl PolicyOptimiser for Rto {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let new = feedback.pairs(policy, self.dpo.pairs, self.dpo.soft, rng)?;
        let mut dense = policy.clone();
        if matches!(feedback, Feedback::Pairs(_)) {
            self.dpo.fit(&mut dense, &new)?;
        } else {
            self.collected.extend(new);
            self.dpo.fit(&mut dense, &self.collected)?;
        }
        let mut rewards = Rewards::new(feedback, policy);
        let tree = policy.tree.clone();
        let n = self.ascent.batch as f64;
        let mut mean = 0.0;
        for _ in 0..self.ascent.rounds {
            let probabilities = policy.probabilities();
            // What is paid from each place on, and how often it was visited.
            let mut from_here = vec![(0.0, 0.0); tree.nodes().len()];
            let mut drawn = Vec::with_capacity(self.ascent.batch);
            for _ in 0..self.ascent.batch {
                let x = draw(&probabilities, rng);
                let path = tree.path(x);
                let mut left = match feedback {
                    Feedback::Reward(_) if self.terminal != 0.0 => self.terminal * rewards.of(x)?,
                    _ => 0.0,
                };
                let mut made = vec![];
                for pair in path.windows(2).rev() {
                    let [now, dpo, reference] = Rto::shares(policy, &dense, pair[0], pair[1]);
                    left += self.dense * (dpo - reference) - self.beta * (now - reference);
                    let at = &mut from_here[pair[0]];
                    (at.0, at.1) = (at.0 + left, at.1 + 1.0);
                    made.push((pair[0], pair[1], now, left));
                }
                drawn.extend(made);
            }
            mean = from_here[0].0 / n;
            let steps: Vec<Step> = (drawn.iter())
                .map(|&(node, child, old, left)| Step {
                    inside: &tree.nodes()[child].leaves,
                    among: Cow::Borrowed(&tree.nodes()[node].leaves),
                    old,
                    advantage: left - from_here[node].0 / from_here[node].1,
                })
                .collect();
            self.ascent.climb(policy, &steps, n);
        }
        let (now, goal) = (policy.log_probabilities(), dense.log_probabilities());
        Ok(Progress::of(
            policy,
            vec![
                ("dense_reward_less_kl", mean),
                ("kl_to_dpo", super::kl(&now, &goal)),
            ],
        ))
    }

    fn forget(&mut self) {
        self.collected.clear();
    }

    fn boxed(&self) -> Box<dyn PolicyOptimiser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::logistic;
    use crate::preferences::optimise::tests::{REWARD6, all_pairs, close, gibbs, moves6, rng};

    /// Candidates of two moves; the rest in closed form, with and without a reward at the end.
    #[test]
    fn rests_at_the_closed_form() {
        let reference = [0.2, 0.1, 0.3, 0.1, 0.1, 0.2];
        let pairs = all_pairs(|a, b| logistic(REWARD6[a] - REWARD6[b]), &[1.0; 6]);
        let dpo = Dpo {
            beta: 0.5,
            ridge: 0.0,
            pairs: 400,
            soft: true,
            ..Dpo::default()
        };
        let base = Rto {
            dpo,
            dense: 0.5,
            beta: 1.0,
            ascent: Ascent {
                rounds: 600,
                rate: 0.3,
                ..Ascent::default()
            },
            ..Rto::default()
        };
        // π_dpo ∝ π_ref·exp(r/½), to the power ½/1: π_ref·exp(r).
        let mut policy = Policy::with_moves(&reference, &moves6()).unwrap();
        let (mut rto, feedback) = (base.clone(), Feedback::Pairs(&pairs));
        rto.improve(&mut policy, &feedback, &mut rng(3)).unwrap();
        close(&policy, &gibbs(&reference, &REWARD6, 1.0), 1e-5);
        // And exp(β₃·r/β₂) besides: π_ref·exp(2r).
        let oracle = |x: usize| Ok(REWARD6[x]);
        let mut policy = Policy::with_moves(&reference, &moves6()).unwrap();
        let mut rto = Rto {
            terminal: 1.0,
            ..base
        };
        let feedback = Feedback::Reward(&oracle);
        rto.improve(&mut policy, &feedback, &mut rng(3)).unwrap();
        close(&policy, &gibbs(&reference, &REWARD6, 0.5), 1e-4);
    }
}
