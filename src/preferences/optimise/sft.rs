//! `sft`: supervised fitting, as learning of an implicit reward.

use super::{Feedback, Policy, PolicyOptimiser, Progress, Rewards, draw};
use crate::error::{Error, Result};
use crate::preferences::fit::{minimise, ridge};
use rand_chacha::ChaCha8Rng;

/// f of the divergence D_f(E ‖ π) = Σ π·f(E/π) of the demonstrations' shares E from the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Total variation, its critic's bound let go: plain maximum likelihood of the demonstrations.
    /// What is paid for leaving the reference cancels out of it.
    #[default]
    TotalVariation,
    /// χ² of Pearson, f = (u−1)²: f*(r) = r²/4 + r from r = −2 on, −1 below.
    Pearson,
    /// Squared Hellinger, f = (√u−1)²: f*(r) = r/(1−r), r < 1.
    Hellinger,
}

/// Fits the policy to demonstrations: the preferred candidates of pairs, each by its label, or the
/// best of `best_of` draws from π where rewards can be asked for. Imitation is
/// min over π of D_f(E ‖ π) + β·KL(π ‖ π_ref), which is max over rewards r of
///
/// E_E r − β·ln Σ π_ref·exp(f*(r)/β), with π ∝ π_ref·exp(f*(r)/β):
///
/// the policy is the soft best answer to a reward that demonstrations imply. With total variation
/// f*(r) = r, and this is the log-likelihood of the demonstrations, in which β has no part; the
/// other divergences keep it. The ridge, on r/β, keeps the fit near the reference as the short
/// learning rate does that the source proposes. Source: Wang et al. (2025), "Implicit reward as the
/// bridge: a unified view of SFT and DPO connections", arXiv 2507.00018.
#[derive(Clone, Debug, PartialEq)]
pub struct Sft {
    /// β, above 0: price of leaving the reference.
    pub beta: f64,
    /// The divergence.
    pub fit: Fit,
    /// At least 0.
    pub ridge: f64,
    /// Demonstrations made in each call, where there is an oracle.
    pub demonstrations: usize,
    /// Draws of which each is the best.
    pub best_of: usize,
}

impl Default for Sft {
    fn default() -> Self {
        Sft {
            beta: 0.1,
            fit: Fit::TotalVariation,
            ridge: 1e-3,
            demonstrations: 64,
            best_of: 4,
        }
    }
}

impl Fit {
    /// r and f*(r) with their derivatives by a parameter that runs over all numbers.
    fn conjugate(self, parameter: f64) -> [f64; 4] {
        match self {
            Fit::TotalVariation => [parameter, parameter, 1.0, 1.0],
            Fit::Pearson if parameter < -2.0 => [parameter, -1.0, 1.0, 0.0],
            Fit::Pearson => [
                parameter,
                0.25 * parameter * parameter + parameter,
                1.0,
                0.5 * parameter + 1.0,
            ],
            Fit::Hellinger => {
                // r = 1 − e^−s, so that f* = e^s − 1.
                let e = parameter.clamp(-50.0, 50.0).exp();
                [1.0 - 1.0 / e, e - 1.0, 1.0 / e, e]
            }
        }
    }
}

impl Sft {
    fn value(
        &self,
        reference: &[f64],
        shares: &[f64],
        parameters: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        // Parameters come in units of β, as logits do.
        let scaled: Vec<[f64; 4]> = (parameters.iter())
            .map(|t| self.fit.conjugate(self.beta * t))
            .collect();
        let moved: Vec<f64> = (reference.iter().zip(&scaled))
            .map(|(l, at)| l + at[1] / self.beta)
            .collect();
        let level = super::log_sum_exp(moved.iter().copied());
        let mut sum = level;
        for (k, [r, _, by_r, by_f]) in scaled.iter().enumerate() {
            sum -= shares[k] * r / self.beta;
            gradient[k] += (moved[k] - level).exp() * by_f - shares[k] * by_r;
        }
        sum + ridge(self.ridge, parameters, gradient)
    }

    /// The policy that demonstrations in these `shares` make of the reference.
    ///
    /// # Errors
    /// No demonstration; a fit that does not settle.
    pub fn fit(&self, policy: &mut Policy, shares: &[f64]) -> Result<()> {
        let total: f64 = shares.iter().sum();
        if total <= 0.0 {
            return Err(Error::run("sft: no demonstration to learn from"));
        }
        let shares: Vec<f64> = shares.iter().map(|s| s / total).collect();
        let reference = policy.log_reference().to_vec();
        let loss = |at: &[f64], gradient: &mut [f64]| self.value(&reference, &shares, at, gradient);
        let found = minimise(&loss, vec![0.0; policy.len()])?.parameters;
        let shift: Vec<f64> = (found.iter())
            .map(|t| self.fit.conjugate(self.beta * t)[1] / self.beta)
            .collect();
        policy.set_shift(&shift);
        Ok(())
    }
}

impl PolicyOptimiser for Sft {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let mut shares = vec![0.0; policy.len()];
        let mut asked = 0;
        if let Feedback::Pairs(_) = feedback {
            for c in feedback.pairs(policy, 0, false, rng)? {
                shares[c.a as usize] += c.weight * c.outcome;
                shares[c.b as usize] += c.weight * (1.0 - c.outcome);
            }
        } else {
            let mut rewards = Rewards::new(feedback, policy);
            let probabilities = policy.probabilities();
            for _ in 0..self.demonstrations {
                let mut best = (f64::NEG_INFINITY, 0);
                for _ in 0..self.best_of.max(1) {
                    let x = draw(&probabilities, rng);
                    let reward = rewards.of(x)?;
                    if reward > best.0 {
                        best = (reward, x);
                    }
                }
                shares[best.1] += 1.0;
            }
            asked = rewards.asked();
        }
        self.fit(policy, &shares)?;
        let total: f64 = shares.iter().sum();
        let log = policy.log_probabilities();
        let likelihood: f64 = shares.iter().zip(&log).map(|(s, l)| s * l / total).sum();
        Ok(Progress::of(
            policy,
            vec![("log_likelihood", likelihood), ("asked", asked as f64)],
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
    use crate::preferences::optimise::tests::{REFERENCE, close, rng};
    use crate::preferences::{Comparison, optimise::Policy};

    const SHARES: [f64; 5] = [0.5, 0.2, 0.0, 0.1, 0.2];

    #[test]
    fn gradients() {
        let reference: Vec<f64> = REFERENCE.iter().map(|p| p.ln()).collect();
        for fit in [Fit::TotalVariation, Fit::Pearson, Fit::Hellinger] {
            let sft = Sft {
                beta: 0.6,
                fit,
                ..Sft::default()
            };
            let value = |t: &[f64], g: &mut [f64]| sft.value(&reference, &SHARES, t, g);
            assert!(gradient_error(&value, &[0.3, -0.8, -4.0, 0.5, 0.1]) < 1e-7);
        }
    }

    /// Maximum likelihood of a table is the shares themselves, whatever β.
    #[test]
    fn plain_fitting_copies_the_demonstrations() {
        let shares = [0.5, 0.2, 0.05, 0.05, 0.2];
        for beta in [0.1, 3.0] {
            let sft = Sft {
                beta,
                ridge: 0.0,
                ..Sft::default()
            };
            let mut policy = Policy::new(&REFERENCE).unwrap();
            sft.fit(&mut policy, &shares).unwrap();
            close(&policy, &shares, 1e-6);
        }
    }

    /// Of the other divergences, the policy minimises D_f(E ‖ π) + β·KL(π ‖ π_ref), which is
    /// computed here as it stands: no step towards any candidate lowers it, and its slopes agree.
    #[test]
    fn the_other_divergences_meet_their_own_objective() {
        let beta = 0.6;
        type Goal = fn(f64, f64) -> f64;
        let goals: [(Fit, Goal); 2] = [
            (Fit::Pearson, |e, p| (e - p).powi(2) / p),
            (Fit::Hellinger, |e, p| (e.sqrt() - p.sqrt()).powi(2)),
        ];
        for (fit, term) in goals {
            let goal = |p: &[f64]| -> f64 {
                (p.iter().zip(&SHARES).zip(&REFERENCE))
                    .map(|((p, e), q)| term(*e, *p) + beta * p * (p / q).ln())
                    .sum()
            };
            let sft = Sft {
                beta,
                fit,
                ridge: 0.0,
                ..Sft::default()
            };
            let mut policy = Policy::new(&REFERENCE).unwrap();
            sft.fit(&mut policy, &SHARES).unwrap();
            let p = policy.probabilities();
            for towards in 0..5 {
                let at = |step: f64| {
                    let mut moved: Vec<f64> = p.iter().map(|p| p * (1.0 - step)).collect();
                    moved[towards] += step;
                    goal(&moved)
                };
                let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!(slope.abs() < 1e-4, "{fit:?} {towards} {slope}");
                assert!(at(0.01) > at(0.0) && at(-0.01) > at(0.0));
            }
        }
    }

    /// From pairs, the preferred ones are what is copied: chances of 3/4 and 1/4 of one pair.
    #[test]
    fn pairs_give_their_preferred() {
        let mut policy = Policy::uniform(2).unwrap();
        let mut sft = Sft {
            ridge: 0.0,
            ..Sft::default()
        };
        let pairs = [Comparison::new(0, 1, 0.75)];
        sft.improve(&mut policy, &Feedback::Pairs(&pairs), &mut rng(0))
            .unwrap();
        close(&policy, &[0.75, 0.25], 1e-6);
    }
}
