//! `guided`: roll-in by the learner, roll-out by a guide.

use super::{Feedback, Policy, PolicyOptimiser, Progress, Rewards, draw, log_share};
use crate::error::{Error, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Who completes a candidate.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Guide {
    /// The reference policy.
    #[default]
    Reference,
    /// A policy with these probabilities of the candidates, all above 0.
    Given(Vec<f64>),
}

/// Brackets are set one after the other. The learner sets the first of them (roll-in) up to a place
/// drawn at random, tries each move m there, and the guide completes the rest (roll-out), so that a
/// bad start is judged by what a competent successor would make of it:
/// Q(s, m) = E[r | moves s, then m, then the guide]. With a chance of `own` the learner completes
/// the candidate itself (locally optimal learning to search), and Q is the mixture's. The move's
/// ln π(m|s) steps along π(m|s)·(A − mean A), A = Q(s, m) − β·ln π(m|s)/π_ref(m|s).
///
/// It rests where π(m|s) ∝ π_ref(m|s)·exp(Q(s, m)/β) at every place: a step of improvement beyond
/// the guide, no worse than either at β → 0. A bracket is the token, the brackets below it the
/// prompt. Source: Ross and Bagnell (2014), "Reinforcement and imitation learning via interactive
/// no-regret learning", arXiv 1406.5979; K.-W. Chang et al. (2015), "Learning to search better than your
/// teacher", arXiv 1502.02206; J. D. Chang et al. (2023), "Learning to generate better than your LLM",
/// arXiv 2306.11816.
#[derive(Clone, Debug, PartialEq)]
pub struct Guided {
    /// β, above 0: price of leaving the reference, reward per nat.
    pub beta: f64,
    /// Who completes.
    pub guide: Guide,
    /// Chance in [0, 1] that the learner completes in place of the guide.
    pub own: f64,
    /// Roll-ins in each call.
    pub rounds: usize,
    /// Roll-outs for each move.
    pub rollouts: usize,
    /// Length of a step in logits per unit of reward, falling as 1/√(1 + round/100) over all calls.
    pub rate: f64,
    /// Roll-ins made in all calls.
    pub made: usize,
}

impl Default for Guided {
    fn default() -> Self {
        Guided {
            beta: 0.1,
            guide: Guide::Reference,
            own: 0.5,
            rounds: 200,
            rollouts: 4,
            rate: 2.0,
            made: 0,
        }
    }
}

impl PolicyOptimiser for Guided {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let mut rewards = Rewards::new(feedback, policy);
        let guide: Vec<f64> = match &self.guide {
            Guide::Reference => policy.reference.clone(),
            Guide::Given(p) if p.len() == policy.len() && p.iter().all(|p| *p > 0.0) => {
                p.iter().map(|p| p.ln()).collect()
            }
            Guide::Given(p) => {
                return Err(Error::input("a guide of the wrong form")
                    .value(format!("{} probabilities", p.len()))
                    .allowed(format!("{} probabilities above 0", policy.len())));
            }
        };
        let tree = policy.tree.clone();
        let nodes = tree.nodes();
        let mut gain = 0.0;
        for _ in 0..self.rounds {
            // Places with one move only have nothing to learn.
            let path = tree.path(policy.draw(rng));
            let open: Vec<usize> = (path.iter().copied())
                .filter(|&node| nodes[node].children.len() > 1)
                .collect();
            let node = &nodes[open[rng.random_range(0..open.len())]];
            let mut advantages = Vec::with_capacity(node.children.len());
            for &child in &node.children {
                let leaves = &nodes[child].leaves;
                let mut q = 0.0;
                for _ in 0..self.rollouts {
                    let by = match rng.random::<f64>() < self.own {
                        true => &policy.logits,
                        false => &guide,
                    };
                    let top = leaves
                        .iter()
                        .map(|&x| by[x])
                        .fold(f64::NEG_INFINITY, f64::max);
                    let weights: Vec<f64> = leaves.iter().map(|&x| (by[x] - top).exp()).collect();
                    q += rewards.of(leaves[draw(&weights, rng)])? / self.rollouts as f64;
                }
                let share = |logits: &[f64]| log_share(logits, leaves, &node.leaves, 0.0, &mut []);
                let (now, before) = (share(&policy.logits), share(&policy.reference));
                advantages.push((child, now.exp(), q - self.beta * (now - before)));
            }
            let mean: f64 = advantages.iter().map(|(_, p, a)| p * a).sum();
            let rate = self.rate / (1.0 + self.made as f64 / 100.0).sqrt();
            for (child, p, a) in advantages {
                for &x in &nodes[child].leaves {
                    policy.logits[x] += rate * p * (a - mean);
                }
            }
            policy.logits = policy.log_probabilities();
            self.made += 1;
            gain = mean;
        }
        Ok(Progress::of(
            policy,
            vec![
                ("guided_reward_less_kl", gain),
                ("asked", rewards.asked() as f64),
            ],
        ))
    }

    fn forget(&mut self) {
        self.made = 0;
    }

    fn boxed(&self) -> Box<dyn PolicyOptimiser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::optimise::tests::{REWARD6, close, moves6, rng};

    /// The rest in closed form, move by move, from the guide's exact Q: with a guide that knows the
    /// second move and one that does not, on a bandit where the best candidate follows a first move
    /// that is worse on average.
    #[test]
    fn rests_one_step_beyond_the_guide() {
        let beta = 0.3;
        let oracle = |x: usize| Ok(REWARD6[x]);
        let knows = vec![0.1, 0.1, 0.8, 0.05, 0.9, 0.05];
        for guide in [vec![1.0; 6], knows] {
            let mut guided = Guided {
                beta,
                guide: Guide::Given(guide.clone()),
                own: 0.0,
                rounds: 15_000,
                rollouts: 8,
                rate: 0.5,
                ..Guided::default()
            };
            let mut policy = Policy::with_moves(&[1.0; 6], &moves6()).unwrap();
            guided
                .improve(&mut policy, &Feedback::Reward(&oracle), &mut rng(6))
                .unwrap();
            let mut truth = vec![];
            let mut first = vec![];
            for half in 0..2 {
                let (g, r) = (&guide[3 * half..][..3], &REWARD6[3 * half..][..3]);
                let q = g.iter().zip(r).map(|(g, r)| g * r).sum::<f64>() / g.iter().sum::<f64>();
                first.push((q / beta).exp());
                let second: Vec<f64> = r.iter().map(|r| (r / beta).exp()).collect();
                let sum: f64 = second.iter().sum();
                truth.extend(second.iter().map(|e| e / sum));
            }
            let sum: f64 = first.iter().sum();
            (0..6).for_each(|x| truth[x] *= first[x / 3] / sum);
            close(&policy, &truth, 0.03);
            // The guide that does not know leads to the wrong half.
            let best = if guide[0] == 1.0 { 2 } else { 4 };
            assert!(policy.mode() == best || guide[0] == 1.0, "{truth:?}");
        }
    }
}
