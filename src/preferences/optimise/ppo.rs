//! `ppo`: policy gradient with a clipped surrogate and a KL penalty.

use super::{Feedback, Policy, PolicyOptimiser, Progress, Rewards, draw, log_share};
use crate::error::Result;
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;

/// How a policy gradient goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ascent {
    /// Batches drawn in each call.
    pub rounds: usize,
    /// Candidates drawn in each round.
    pub batch: usize,
    /// Steps along the gradient with each batch.
    pub epochs: usize,
    /// Length of a step, logits per unit of reward. Where rewards are paid less β times the log ratio,
    /// rate·epochs·β above 2 overshoots.
    pub rate: f64,
    /// ε: how far the ratio of new and old probability may leave 1 and still count.
    pub clip: f64,
}

impl Default for Ascent {
    fn default() -> Self {
        Ascent {
            rounds: 50,
            batch: 64,
            epochs: 4,
            rate: 1.0,
            clip: 0.2,
        }
    }
}

/// A move that was made: to the candidates `inside` from the candidates `among`, both by number.
#[derive(Clone, Debug)]
pub(super) struct Step<'a> {
    pub inside: &'a [usize],
    pub among: Cow<'a, [usize]>,
    /// ln π_old(move).
    pub old: f64,
    pub advantage: f64,
}

/// Mean over steps of min(ρA, clip(ρ, 1−ε, 1+ε)·A), ρ = π/π_old; adds its gradient.
pub(super) fn surrogate(
    logits: &[f64],
    steps: &[Step],
    clip: f64,
    count: f64,
    gradient: &mut [f64],
) -> f64 {
    let mut sum = 0.0;
    for step in steps {
        let log = log_share(logits, step.inside, &step.among, 0.0, gradient);
        let ratio = (log - step.old).exp();
        let clipped = ratio.clamp(1.0 - clip, 1.0 + clip);
        let (free, held) = (ratio * step.advantage, clipped * step.advantage);
        sum += free.min(held) / count;
        if free <= held {
            log_share(logits, step.inside, &step.among, free / count, gradient);
        }
    }
    sum
}

impl Ascent {
    /// Several steps along the gradient of the surrogate; the mean over `count` draws. Gives the
    /// share of steps whose ratio left the range.
    pub(super) fn climb(&self, policy: &mut Policy, steps: &[Step], count: f64) -> f64 {
        for _ in 0..self.epochs {
            let mut gradient = vec![0.0; policy.len()];
            surrogate(&policy.logits, steps, self.clip, count, &mut gradient);
            for (logit, slope) in policy.logits.iter_mut().zip(&gradient) {
                *logit += self.rate * slope;
            }
        }
        let outside = |step: &&Step| {
            let log = log_share(&policy.logits, step.inside, &step.among, 0.0, &mut []);
            ((log - step.old).exp() - 1.0).abs() > self.clip
        };
        let outside = steps.iter().filter(outside).count() as f64 / steps.len().max(1) as f64;
        policy.logits = policy.log_probabilities();
        outside
    }
}

/// Draws candidates from π_old, pays each r(x) − β·ln π_old(x)/π_ref(x), takes from that the batch's
/// mean for the advantage A, and climbs mean min(ρA, clip(ρ, 1±ε)·A), ρ = π/π_old.
///
/// A candidate is one action. At π ∝ π_ref·exp(r/β) every draw pays the same, so that the policy
/// rests there in spite of the draws. Source: Schulman et al. (2017), "Proximal policy
/// optimization algorithms", arXiv 1707.06347; the penalty within the reward as in Ziegler et al. (2019),
/// "Fine-tuning language models from human preferences", arXiv 1909.08593.
#[derive(Clone, Debug, PartialEq)]
pub struct Ppo {
    /// β: price of leaving the reference, reward per nat.
    pub beta: f64,
    /// Draws and steps.
    pub ascent: Ascent,
}

impl Default for Ppo {
    fn default() -> Self {
        Ppo {
            beta: 0.1,
            ascent: Ascent::default(),
        }
    }
}

impl PolicyOptimiser for Ppo {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let mut rewards = Rewards::new(feedback, policy);
        let all: Vec<usize> = (0..policy.len()).collect();
        let (mut mean, mut clipped) = (0.0, 0.0);
        for _ in 0..self.ascent.rounds {
            let log = policy.log_probabilities();
            let probabilities = policy.probabilities();
            let mut drawn = Vec::with_capacity(self.ascent.batch);
            mean = 0.0;
            for _ in 0..self.ascent.batch {
                let x = draw(&probabilities, rng);
                let paid = rewards.of(x)? - self.beta * (log[x] - policy.log_reference()[x]);
                mean += paid / self.ascent.batch as f64;
                drawn.push((x, paid));
            }
            let steps: Vec<Step> = (drawn.iter())
                .map(|&(x, paid)| Step {
                    inside: &all[x..=x],
                    among: Cow::Borrowed(&all),
                    old: log[x],
                    advantage: paid - mean,
                })
                .collect();
            clipped = self.ascent.climb(policy, &steps, self.ascent.batch as f64);
        }
        Ok(Progress::of(
            policy,
            vec![
                ("reward_less_kl", mean),
                ("clipped", clipped),
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
    use crate::preferences::fit::gradient_error;

    /// One action of two, worked by hand: inside the clip the ratio counts, beyond it a gain does
    /// not and a loss does.
    #[test]
    fn the_surrogate_by_hand() {
        let logits = [0.6f64.ln(), 0.4f64.ln()];
        let all = [0, 1];
        let step = |old: f64, advantage: f64| Step {
            inside: &all[..1],
            among: Cow::Borrowed(&all),
            old: old.ln(),
            advantage,
        };
        let value = |step: Step| surrogate(&logits, &[step], 0.2, 1.0, &mut [0.0; 2]);
        assert!((value(step(0.55, 2.0)) - 2.0 * 0.6 / 0.55).abs() < 1e-12);
        assert!((value(step(0.3, 2.0)) - 2.0 * 1.2).abs() < 1e-12);
        assert!((value(step(0.3, -2.0)) + 2.0 * 2.0).abs() < 1e-12);
        assert!((value(step(0.9, -2.0)) + 2.0 * 0.8).abs() < 1e-12);
        let mut gradient = [0.0; 2];
        surrogate(&logits, &[step(0.3, 2.0)], 0.2, 1.0, &mut gradient);
        assert_eq!(gradient, [0.0; 2]);
    }

    #[test]
    fn gradient_of_the_surrogate() {
        let all = [0, 1, 2, 3];
        let steps =
            [(0usize, 0.25f64, 1.3), (2, 0.3, -0.4), (3, 0.2, 0.7)].map(|(x, old, a)| Step {
                inside: &all[x..=x],
                among: Cow::Borrowed(&all[x.min(1)..]),
                old: old.ln(),
                advantage: a,
            });
        let value = |logits: &[f64], g: &mut [f64]| surrogate(logits, &steps, 0.2, 3.0, g);
        assert!(gradient_error(&value, &[0.05, 0.0, 0.1, -0.08]) < 1e-7);
    }
}
