//! `grpo`: group-relative advantages.

use super::ppo::{Ascent, Step, surrogate};
use super::{Feedback, Policy, PolicyOptimiser, Progress, Rewards, draw, log_softmax};
use crate::error::Result;
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;

/// Draws a group of candidates from π_old, takes A = (r − mean)/standard deviation within the group
/// in place of a critic, and climbs the clipped surrogate less β·mean(u − ln u − 1), u = π_ref/π, the
/// unbiased estimate of KL(π ‖ π_ref).
///
/// The reward's unit has no meaning to it. In large groups its rest is not π_ref·exp(r/β) but
/// π(x) = π_ref(x)/(1 − A(x)/β), with A by π itself (Vojnović and Yun 2025, "What is the
/// alignment objective of GRPO?", arXiv 2502.18548). Source: Shao et al. (2024), "DeepSeekMath", arXiv
/// 2402.03300; without the division by the standard deviation as in Liu et al. (2025), "Understanding
/// R1-Zero-like training", arXiv 2503.20783.
#[derive(Clone, Debug, PartialEq)]
pub struct Grpo {
    /// β: price of leaving the reference.
    pub beta: f64,
    /// Whether advantages are divided by their standard deviation.
    pub divided: bool,
    /// Draws (a batch is one group) and steps.
    pub ascent: Ascent,
}

impl Default for Grpo {
    fn default() -> Self {
        Grpo {
            beta: 0.04,
            divided: true,
            ascent: Ascent {
                rate: 0.2,
                ..Ascent::default()
            },
        }
    }
}

impl PolicyOptimiser for Grpo {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let mut rewards = Rewards::new(feedback, policy);
        let all: Vec<usize> = (0..policy.len()).collect();
        let n = self.ascent.batch as f64;
        let (mut mean, mut spread) = (0.0, 0.0);
        for _ in 0..self.ascent.rounds {
            let log = policy.log_probabilities();
            let probabilities = policy.probabilities();
            let mut drawn = Vec::with_capacity(self.ascent.batch);
            for _ in 0..self.ascent.batch {
                let x = draw(&probabilities, rng);
                drawn.push((x, rewards.of(x)?));
            }
            mean = drawn.iter().map(|(_, r)| r).sum::<f64>() / n;
            let squares: f64 = drawn.iter().map(|(_, r)| (r - mean).powi(2)).sum();
            spread = (squares / n).sqrt();
            // A group of one mind teaches nothing: rounding is not to be blown up to a reward.
            let unit = match self.divided {
                true if spread > 1e-12 * mean.abs().max(1e-300) => spread,
                true => f64::INFINITY,
                false => 1.0,
            };
            let steps: Vec<Step> = (drawn.iter())
                .map(|&(x, r)| Step {
                    inside: &all[x..=x],
                    among: Cow::Borrowed(&all),
                    old: log[x],
                    advantage: (r - mean) / unit,
                })
                .collect();
            for _ in 0..self.ascent.epochs {
                let mut gradient = vec![0.0; policy.len()];
                surrogate(&policy.logits, &steps, self.ascent.clip, n, &mut gradient);
                let now = log_softmax(&policy.logits);
                // d(u − ln u − 1)/d ln π = 1 − u.
                let mut slopes = vec![0.0; policy.len()];
                for &(x, _) in &drawn {
                    let u = (policy.log_reference()[x] - now[x]).exp();
                    slopes[x] -= self.beta * (1.0 - u) / n;
                }
                super::through_softmax(&now, &slopes, &mut gradient);
                for (logit, slope) in policy.logits.iter_mut().zip(&gradient) {
                    *logit += self.ascent.rate * slope;
                }
            }
            policy.logits = policy.log_probabilities();
        }
        Ok(Progress::of(
            policy,
            vec![
                ("reward", mean),
                ("reward_spread", spread),
                ("asked", rewards.asked() as f64),
            ],
        ))
    }

    fn boxed(&self) -> Box<dyn PolicyOptimiser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::optimise::tests::{REFERENCE, REWARD, close, rng};

    /// The rest in closed form, by damped iteration of π = π_ref/(1 − A/β) with λ for Σπ = 1: for
    /// given mean and spread of r, π(x) = π_ref(x)·β/(β − A(x)) and Σπ(x)A(x) = 0 hold together.
    #[test]
    fn rests_where_vojnovic_and_yun_say() {
        let beta = 4.0;
        let mut grpo = Grpo {
            beta,
            ascent: Ascent {
                rounds: 1500,
                batch: 256,
                epochs: 1,
                rate: 0.1,
                ..Ascent::default()
            },
            ..Grpo::default()
        };
        let mut policy = Policy::new(&REFERENCE).unwrap();
        let oracle = |x: usize| Ok(REWARD[x]);
        grpo.improve(&mut policy, &Feedback::Reward(&oracle), &mut rng(5))
            .unwrap();
        let mut rest = REFERENCE.to_vec();
        for _ in 0..10_000 {
            let mean: f64 = rest.iter().zip(&REWARD).map(|(p, r)| p * r).sum();
            let variance: f64 = (rest.iter().zip(&REWARD))
                .map(|(p, r)| p * (r - mean).powi(2))
                .sum();
            let next: Vec<f64> = (REFERENCE.iter().zip(&REWARD))
                .map(|(p, r)| p / (1.0 - (r - mean) / variance.sqrt() / beta))
                .collect();
            let sum: f64 = next.iter().sum();
            for (p, q) in rest.iter_mut().zip(&next) {
                *p += 0.1 * (q / sum - *p);
            }
        }
        close(&policy, &rest, 0.02);
    }
}
