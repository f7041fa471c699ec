//! `nash-md`: mirror descent to the equilibrium of a preference game.

use super::{Feedback, Policy, PolicyOptimiser, Progress, kl, log_softmax, log_sum_exp};
use crate::error::Result;
use rand_chacha::ChaCha8Rng;

/// Nash mirror descent. In the game in which two policies seek P(π ≻ π') − τ·KL(π ‖ π_ref) +
/// τ·KL(π' ‖ π_ref), P(π ≻ π') = Σ π(x)π'(y)P(x ≻ y), each step plays against the geometric mixture
/// of itself and the reference:
///
/// π^m ∝ π_t^(1−ητ)·π_ref^(ητ),  π_{t+1}(x) ∝ π^m(x)·exp(η·P(x ≻ π^m)),  η_t = 2/(τ(t+2)).
///
/// The last iterate itself converges, KL(π* ‖ π_t) ≤ 8/(τ²(t+1)), to the one equilibrium
/// π* ∝ π_ref·exp(P(x ≻ π*)/τ), for cyclic preferences too. Expectations are exact: the oracle is
/// asked n(n−1)/2 times in each call. Source: Munos et al. (2023), "Nash learning from human
/// feedback", arXiv 2312.00886.
#[derive(Clone, Debug, PartialEq)]
pub struct NashMd {
    /// τ, above 0: price of leaving the reference, probability per nat.
    pub tau: f64,
    /// Steps in each call.
    pub steps: u64,
    /// t: steps made in all calls since preferences last changed, which shorten the next ones.
    pub made: u64,
}

impl Default for NashMd {
    fn default() -> Self {
        NashMd {
            tau: 0.1,
            steps: 10_000,
            made: 0,
        }
    }
}

/// P(x ≻ π) by candidate, of P row by row.
pub(super) fn against(preferences: &[f64], log: &[f64]) -> Vec<f64> {
    let probabilities: Vec<f64> = log.iter().map(|l| l.exp()).collect();
    preferences
        .chunks_exact(log.len())
        .map(|row| row.iter().zip(&probabilities).map(|(p, q)| p * q).sum())
        .collect()
}

/// What the best answer to π gains over π in the regularised game: 0 at the equilibrium alone.
/// With P(π ≻ π) = ½, max_q [P(q ≻ π) − τ·KL(q ‖ π_ref)] = τ·ln Σ π_ref·exp(P(x ≻ π)/τ).
pub fn exploitability(preferences: &[f64], log: &[f64], reference: &[f64], tau: f64) -> f64 {
    let wins = against(preferences, log);
    let best = tau * log_sum_exp(reference.iter().zip(&wins).map(|(l, p)| l + p / tau));
    best - 0.5 + tau * kl(log, reference)
}

impl PolicyOptimiser for NashMd {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        _: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let preferences = feedback.preferences(policy.len())?;
        let reference = policy.reference.clone();
        let mut log = policy.log_probabilities();
        for _ in 0..self.steps {
            let eta = 2.0 / (self.tau * (self.made + 2) as f64);
            let share = eta * self.tau;
            for (l, r) in log.iter_mut().zip(&reference) {
                *l += share * (r - *l);
            }
            log = log_softmax(&log);
            let wins = against(&preferences, &log);
            log.iter_mut().zip(wins).for_each(|(l, p)| *l += eta * p);
            log = log_softmax(&log);
            self.made += 1;
        }
        let gap = exploitability(&preferences, &log, &reference, self.tau);
        policy.logits = log;
        Ok(Progress::of(policy, vec![("exploitability", gap)]))
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
    use crate::preferences::optimise::dpo::Dpo;
    use crate::preferences::optimise::tests::{all_pairs, close, rng, rock_paper_scissors};

    /// The equilibrium by damped iteration of π = π_ref·exp(P(x ≻ π)/τ)/Z, without mirror descent.
    fn equilibrium(reference: &[f64], tau: f64) -> Vec<f64> {
        let mut p = reference.to_vec();
        for _ in 0..20_000 {
            let next: Vec<f64> = (0..3)
                .map(|a| {
                    let wins: f64 = (0..3).map(|b| p[b] * rock_paper_scissors(a, b)).sum();
                    reference[a] * (wins / tau).exp()
                })
                .collect();
            let sum: f64 = next.iter().sum();
            p.iter_mut()
                .zip(&next)
                .for_each(|(p, q)| *p += 0.2 * (q / sum - *p));
        }
        p
    }

    fn play(reference: &[f64], start: &[f64], tau: f64) -> (Policy, Progress) {
        let mut policy = Policy::new(reference).unwrap();
        policy.logits = start.to_vec();
        let mut nash = NashMd {
            tau,
            steps: 1_000_000,
            ..NashMd::default()
        };
        let oracle = |a: usize, b: usize| Ok(rock_paper_scissors(a, b));
        let progress = nash
            .improve(&mut policy, &Feedback::Preference(&oracle), &mut rng(0))
            .unwrap();
        (policy, progress)
    }

    /// Uniform reference: by symmetry the equilibrium is ⅓ each.
    #[test]
    fn rock_paper_scissors_with_a_uniform_reference() {
        let (policy, progress) = play(&[1.0; 3], &[1.0, -2.0, 0.3], 0.2);
        close(&policy, &[1.0 / 3.0; 3], 1e-6);
        assert!(progress.part("exploitability").unwrap().abs() < 1e-9);
    }

    /// Biased reference: to the regularised equilibrium, and dpo on the same preferences not.
    #[test]
    fn rock_paper_scissors_with_a_biased_reference() {
        let reference = [0.6, 0.3, 0.1];
        let truth = equilibrium(&reference, 0.2);
        let (policy, progress) = play(&reference, &[0.0, 1.0, 2.0], 0.2);
        close(&policy, &truth, 1e-6);
        assert!(progress.part("exploitability").unwrap().abs() < 1e-9);
        let mut other = Policy::new(&reference).unwrap();
        let dpo = Dpo {
            beta: 0.2,
            ridge: 0.0,
            ..Dpo::default()
        };
        dpo.fit(&mut other, &all_pairs(rock_paper_scissors, &reference))
            .unwrap();
        let away = (other.probabilities().iter().zip(&truth))
            .map(|(p, q)| (p - q).abs())
            .fold(0.0, f64::max);
        assert!(away > 0.1, "{away}: {truth:?} {:?}", other.probabilities());
    }

    /// The published bound on the last iterate, at every hundredth step.
    #[test]
    fn the_bound_on_the_last_iterate_holds() {
        let (reference, tau) = ([0.6, 0.3, 0.1], 0.5);
        let truth: Vec<f64> = equilibrium(&reference, tau)
            .iter()
            .map(|p| p.ln())
            .collect();
        let oracle = |a: usize, b: usize| Ok(rock_paper_scissors(a, b));
        let mut policy = Policy::new(&reference).unwrap();
        let mut nash = NashMd {
            tau,
            steps: 100,
            ..NashMd::default()
        };
        for _ in 0..20 {
            nash.improve(&mut policy, &Feedback::Preference(&oracle), &mut rng(0))
                .unwrap();
            let distance = kl(&truth, &policy.log_probabilities());
            assert!(distance <= 8.0 / (tau * tau * (nash.made as f64 + 1.0)));
        }
    }
}
