//! `gpo`: self-play on general preferences.

use super::{Feedback, Policy, PolicyOptimiser, Progress, draw, log_softmax, log_sum_exp};
use crate::error::Result;
use rand_chacha::ChaCha8Rng;

/// General preference optimisation: with preference scores s(x ≻ y) = ln P/(1−P), which a general
/// preference model (`gpm`) gives and no ranking need explain, each step plays against the policy
/// itself by multiplicative weights:
///
/// π_{t+1} = argmin over π of Σ over drawn x of (ln π(x)/π_t(x) − s(x ≻ π_t)/β + ln Z)²,
///
/// Z the mean of exp(s/β); without draws this is π_{t+1} ∝ π_t·exp(s(x ≻ π_t)/β). The mean of the
/// iterates goes to the equilibrium of the game s; on cycles the last one circles around it.
/// Source: Zhang et al. (2024), "Beyond Bradley-Terry models: a general preference model for language model
/// alignment", arXiv 2410.02197 (not the "generalized" nor the "group" preference optimisation, which
/// have the same initials).
#[derive(Clone, Debug, PartialEq)]
pub struct Gpo {
    /// β, above 0: the larger, the shorter the steps, in units of scores.
    pub beta: f64,
    /// Steps in each call.
    pub steps: usize,
    /// Candidates drawn from π_t in each step, for x and to estimate s(x ≻ π_t); 0 takes
    /// expectations.
    pub draws: usize,
    /// Whether the call ends at the mean of its iterates in place of the last.
    pub averaged: bool,
    /// Beyond it a score counts as it, positive and negative: of certain preferences.
    pub score_max: f64,
}

impl Default for Gpo {
    fn default() -> Self {
        Gpo {
            beta: 10.0,
            steps: 1000,
            draws: 0,
            averaged: true,
            score_max: 10.0,
        }
    }
}

impl PolicyOptimiser for Gpo {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let n = policy.len();
        let score = |p: f64| (p / (1.0 - p)).ln().clamp(-self.score_max, self.score_max);
        let scores: Vec<f64> = feedback.preferences(n)?.into_iter().map(score).collect();
        let mut log = policy.log_probabilities();
        let mut mean = vec![0.0; n];
        let mut moved = 0.0;
        for _ in 0..self.steps {
            let probabilities: Vec<f64> = log.iter().map(|l| l.exp()).collect();
            (mean.iter_mut().zip(&probabilities)).for_each(|(m, p)| *m += p / self.steps as f64);
            let mut next = log.clone();
            if self.draws == 0 {
                for (x, row) in scores.chunks_exact(n).enumerate() {
                    let s: f64 = row.iter().zip(&probabilities).map(|(s, p)| s * p).sum();
                    next[x] += s / self.beta;
                }
            } else {
                let drawn: Vec<usize> =
                    (0..self.draws).map(|_| draw(&probabilities, rng)).collect();
                let count = self.draws as f64;
                let estimate = |x: usize| {
                    drawn.iter().map(|&y| scores[x * n + y]).sum::<f64>() / count / self.beta
                };
                let own: Vec<f64> = drawn.iter().map(|&x| estimate(x)).collect();
                let level = log_sum_exp(own.iter().copied()) - count.ln();
                // A table meets the square's root at every drawn candidate.
                for (&x, s) in drawn.iter().zip(&own) {
                    next[x] = log[x] + s - level;
                }
            }
            let next = log_softmax(&next);
            moved = super::kl(&next, &log);
            log = next;
        }
        policy.logits = match self.averaged && self.steps > 0 {
            true => log_softmax(&mean.iter().map(|p| p.max(1e-300).ln()).collect::<Vec<_>>()),
            false => log,
        };
        let p = policy.probabilities();
        let best = (scores.chunks_exact(n))
            .map(|row| row.iter().zip(&p).map(|(s, p)| s * p).sum())
            .fold(f64::NEG_INFINITY, f64::max);
        Ok(Progress::of(
            policy,
            vec![("best_score_against", best), ("last_step_kl", moved)],
        ))
    }

    fn boxed(&self) -> Box<dyn PolicyOptimiser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::logistic;
    use crate::preferences::optimise::tests::{close, rng};

    /// Scores 1, 2, 3 around a cycle, of the form that a general preference model with one pair of
    /// coordinates gives: s = v_a × v_b. The equilibrium of such a game is in the proportions of the
    /// opposite edges.
    #[test]
    fn the_mean_iterate_finds_the_equilibrium_of_a_cycle() {
        let s = [[0.0, 1.0, -2.0], [-1.0, 0.0, 3.0], [2.0, -3.0, 0.0]];
        let oracle = |a: usize, b: usize| Ok(logistic(s[a][b]));
        let truth = [3.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0];
        for (draws, steps, tolerance) in [(0, 200_000, 1e-3), (32, 20_000, 0.02)] {
            let mut policy = Policy::uniform(3).unwrap();
            let mut gpo = Gpo {
                beta: 100.0,
                steps,
                draws,
                ..Gpo::default()
            };
            let progress = gpo
                .improve(&mut policy, &Feedback::Preference(&oracle), &mut rng(2))
                .unwrap();
            close(&policy, &truth, tolerance);
            assert!(progress.part("best_score_against").unwrap() < 10.0 * tolerance);
        }
    }

    /// Multiplicative weights in closed form: after T steps, logits are T·(Σ s)/β where s(x ≻ y)
    /// does not depend on y but for a difference, s = r(x) − r(y).
    #[test]
    fn transitive_scores_in_closed_form() {
        let r = [0.0, 0.5, 1.5];
        let oracle = |a: usize, b: usize| Ok(logistic(r[a] - r[b]));
        let mut policy = Policy::uniform(3).unwrap();
        let mut gpo = Gpo {
            beta: 7.0,
            steps: 14,
            averaged: false,
            ..Gpo::default()
        };
        gpo.improve(&mut policy, &Feedback::Preference(&oracle), &mut rng(2))
            .unwrap();
        assert!((policy.logits[2] - policy.logits[1] - 2.0).abs() < 1e-9);
        assert!((policy.logits[1] - policy.logits[0] - 1.0).abs() < 1e-9);
    }
}
