//! `vpo`: likelihood of comparisons, regularised by the value.

use super::{Feedback, Policy, PolicyOptimiser, Progress, log_softmax, through_softmax};
use crate::error::{Error, Result};
use crate::preferences::Comparison;
use crate::preferences::fit::{best_of_starts, log_logistic, logistic, minimise, ridge};
use rand_chacha::ChaCha8Rng;

/// Value-incentivised preference optimisation. Among rewards r that are 0 on average under π_ref, it
/// minimises the loss of t comparisons less (*optimism*) or plus (*pessimism*) α√t times the value
/// J*(r) = max_π E_π r − β·KL(π ‖ π_ref) = β·ln Σ π_ref·exp(r/β). Written in the policy that r makes
/// best, π ∝ π_ref·exp(r/β), J* = −β·E_{π_ref} ln π/π_ref, and the objective is
///
/// min −Σ [y ln σ(h) + (1−y) ln σ(−h)] ± α·√t·β·E_{π_ref} ln π/π_ref + ½·ridge·‖θ‖²,
///
/// h = β·(Δ(a) − Δ(b)), Δ = ln π/π_ref, θ = β·Δ up to a constant; + is optimism. Optimism goes where
/// little is known, for questions that are still to be asked; pessimism stays away from there, for
/// pairs that are all there is. α = 0 is [`super::dpo`]. The ridge stands for the published bound on
/// rewards, without which optimism has no limit; the optimist's minimum is the lowest found from the
/// present policy, from the reference, and from a bonus for each candidate by turns. Source: Cen et
/// al. (2024), "Value-incentivized preference optimization", arXiv 2405.19320.
#[derive(Clone, Debug, PartialEq)]
pub struct Vpo {
    /// β, above 0: price of leaving the reference, reward per nat.
    pub beta: f64,
    /// α, at least 0: weight of the value, which grows as the root of the number of comparisons, the
    /// rate for which the regret's bound holds.
    pub alpha: f64,
    /// Whether the value is sought rather than shunned; `None`: where there is an oracle to ask.
    pub optimistic: Option<bool>,
    /// Above 0: precision of the prior on rewards.
    pub ridge: f64,
    /// Pairs asked for in each call, where there is an oracle.
    pub pairs: usize,
    /// The pairs asked for until now.
    pub collected: Vec<Comparison>,
}

impl Default for Vpo {
    fn default() -> Self {
        Vpo {
            beta: 0.1,
            alpha: 0.5,
            optimistic: None,
            ridge: 0.1,
            pairs: 32,
            collected: vec![],
        }
    }
}

impl Vpo {
    /// The objective at π ∝ π_ref·e^(θ/β), with `sign`·α√t for the weight of β·E_{π_ref} ln π/π_ref.
    fn value(
        &self,
        reference: &[f64],
        pairs: &[Comparison],
        sign: f64,
        theta: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let moved: Vec<f64> = (reference.iter().zip(theta))
            .map(|(l, t)| l + t / self.beta)
            .collect();
        let log = log_softmax(&moved);
        let mut slopes = vec![0.0; theta.len()];
        let mut sum = 0.0;
        for c in pairs {
            let (a, b) = (c.a as usize, c.b as usize);
            let h = theta[a] - theta[b];
            sum -= c.weight * (log_logistic(h) - (1.0 - c.outcome) * h);
            let slope = c.weight * (logistic(h) - c.outcome);
            gradient[a] += slope;
            gradient[b] -= slope;
        }
        let count: f64 = pairs.iter().map(|c| c.weight).sum();
        let weight = sign * self.alpha * count.sqrt() * self.beta;
        for (k, (l, r)) in log.iter().zip(reference).enumerate() {
            sum += weight * r.exp() * (l - r);
            slopes[k] = weight * r.exp() / self.beta;
        }
        through_softmax(&log, &slopes, gradient);
        sum + ridge(self.ridge, theta, gradient)
    }

    /// The policy that `pairs` make of the reference.
    ///
    /// # Errors
    /// No prior; a fit that does not settle.
    pub fn fit(&self, policy: &mut Policy, pairs: &[Comparison], optimistic: bool) -> Result<()> {
        if self.ridge <= 0.0 {
            return Err(Error::input("vpo: no bound on rewards")
                .value(self.ridge)
                .allowed("a ridge above 0"));
        }
        let reference = policy.log_reference().to_vec();
        let sign = if optimistic { 1.0 } else { -1.0 };
        let loss = |theta: &[f64], gradient: &mut [f64]| {
            self.value(&reference, pairs, sign, theta, gradient)
        };
        let n = policy.len();
        let found = if optimistic && self.alpha > 0.0 {
            let own: Vec<f64> = policy.shift().iter().map(|d| self.beta * d).collect();
            let mut starts = vec![own, vec![0.0; n]];
            for k in 0..n {
                let mut bonus = vec![0.0; n];
                bonus[k] = 1.0;
                starts.push(bonus);
            }
            best_of_starts(&loss, starts)?
        } else {
            minimise(&loss, vec![0.0; n])?
        };
        let shift: Vec<f64> = found.parameters.iter().map(|t| t / self.beta).collect();
        policy.set_shift(&shift);
        Ok(())
    }
}

impl PolicyOptimiser for Vpo {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let offline = matches!(feedback, Feedback::Pairs(_));
        let new = feedback.pairs(policy, self.pairs, false, rng)?;
        let optimistic = self.optimistic.unwrap_or(!offline);
        let pairs = match offline {
            true => new,
            false => {
                self.collected.extend(new);
                self.collected.clone()
            }
        };
        self.fit(policy, &pairs, optimistic)?;
        let log = policy.log_probabilities();
        let value: f64 = (policy.log_reference().iter().zip(&log))
            .map(|(r, l)| self.beta * r.exp() * (r - l))
            .sum();
        Ok(Progress::of(policy, vec![("value", value)]))
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
    use crate::preferences::fit::gradient_error;
    use crate::preferences::optimise::tests::{REFERENCE, REWARD, all_pairs, close, gibbs};
    use crate::preferences::optimise::{draw, log_sum_exp};
    use crate::random::Streams;
    use rand::RngExt;

    #[test]
    fn gradient_of_the_objective() {
        let reference: Vec<f64> = REFERENCE.iter().map(|p| p.ln()).collect();
        let pairs = all_pairs(|a, b| if a > b { 0.8 } else { 0.2 }, &[1.0; 5]);
        for sign in [1.0, -1.0] {
            let vpo = Vpo::default();
            let value =
                |theta: &[f64], g: &mut [f64]| vpo.value(&reference, &pairs, sign, theta, g);
            assert!(gradient_error(&value, &[0.03, -0.1, 0.05, 0.0, 0.12]) < 1e-6);
        }
    }

    /// −β·E_{π_ref} ln π/π_ref is the best value β·ln Σ π_ref·exp(r/β) of the reward that makes π best
    /// and is 0 on average under π_ref; without α, the minimum is dpo's.
    #[test]
    fn the_regulariser_is_the_value() {
        let beta = 0.4;
        let mean: f64 = REFERENCE.iter().zip(&REWARD).map(|(p, r)| p * r).sum();
        let best = beta
            * log_sum_exp((REFERENCE.iter().zip(&REWARD)).map(|(p, r)| p.ln() + (r - mean) / beta));
        let mut policy = Policy::new(&REFERENCE).unwrap();
        let pairs = all_pairs(|a, b| logistic(REWARD[a] - REWARD[b]), &[1.0; 5]);
        let mut vpo = Vpo {
            beta,
            alpha: 0.0,
            ridge: 1e-9,
            ..Vpo::default()
        };
        let mut rng = Streams::new(0, "vpo").at(0, 0);
        let progress = vpo
            .improve(&mut policy, &Feedback::Pairs(&pairs), &mut rng)
            .unwrap();
        close(&policy, &gibbs(&REFERENCE, &REWARD, beta), 1e-6);
        assert!((progress.part("value").unwrap() - best).abs() < 1e-6);
    }

    /// J(π) = E_π r − β·KL(π ‖ π_ref).
    fn value_of(policy: &Policy, reward: &[f64], beta: f64) -> f64 {
        let p = policy.probabilities();
        p.iter().zip(reward).map(|(p, r)| p * r).sum::<f64>() - beta * policy.kl()
    }

    /// Ten candidates of which the reference hardly knows the best one: the sum over 40 rounds of
    /// what is lost to J*, by round and over seeds, with and without optimism.
    #[test]
    fn the_regret_of_optimism_stays_below_that_of_greed() {
        let mut reference = vec![1.0; 10];
        reference[7] = 0.05;
        let mut reward: Vec<f64> = (0..10).map(|k| 0.05 * k as f64).collect();
        reward[7] = 2.0;
        let beta = 0.05;
        let seeds = 8;
        let regret = |alpha: f64| -> Vec<f64> {
            let mut curve = vec![0.0; 40];
            for seed in 0..seeds {
                let mut policy = Policy::new(&reference).unwrap();
                let best = beta
                    * log_sum_exp(
                        (policy.log_reference().iter().zip(&reward)).map(|(l, r)| l + r / beta),
                    );
                let mut vpo = Vpo {
                    beta,
                    alpha,
                    ridge: 0.2,
                    pairs: 2,
                    optimistic: Some(true),
                    ..Vpo::default()
                };
                let oracle = |x: usize| Ok(reward[x]);
                let streams = Streams::new(seed, "regret");
                let mut sum = 0.0;
                for (round, at) in curve.iter_mut().enumerate() {
                    sum += best - value_of(&policy, &reward, beta);
                    *at += sum / seeds as f64;
                    let mut rng = streams.at(0, round as u64);
                    vpo.improve(&mut policy, &Feedback::Reward(&oracle), &mut rng)
                        .unwrap();
                }
            }
            curve
        };
        let (greedy, optimist) = (regret(0.0), regret(0.5));
        println!("greedy {:.2?}\noptimist {:.2?}", greedy, optimist);
        assert!(optimist[39] < 0.7 * greedy[39]);
        assert!((20..40).all(|round| optimist[round] < greedy[round]));
    }

    /// Pairs made before, that hardly touch most candidates: the policy that shuns the value is
    /// better than the one that seeks it, and than neither, on average over data.
    #[test]
    fn pessimism_beats_optimism_offline() {
        let (n, beta) = (10, 0.1);
        // The reference is where the data come from.
        let reference: Vec<f64> = (0..n).map(|k| 0.5f64.powi(k)).collect();
        let reward: Vec<f64> = (0..n).map(|k| 1.0 - 0.3 * f64::from(k)).collect();
        let mean = |alpha: f64, optimistic: bool| {
            let mut sum = 0.0;
            for seed in 0..40 {
                let mut rng = Streams::new(seed, "offline").at(0, 0);
                let pairs: Vec<Comparison> = (0..30)
                    .map(|_| {
                        let (a, b) = (draw(&reference, &mut rng), draw(&reference, &mut rng));
                        let won = rng.random::<f64>() < logistic(reward[a] - reward[b]);
                        Comparison::new(a as u32, b as u32, f64::from(u8::from(won)))
                    })
                    .collect();
                let mut policy = Policy::new(&reference).unwrap();
                let vpo = Vpo {
                    beta,
                    alpha,
                    ridge: 0.1,
                    ..Vpo::default()
                };
                vpo.fit(&mut policy, &pairs, optimistic).unwrap();
                sum += value_of(&policy, &reward, beta) / 40.0;
            }
            sum
        };
        let (pessimist, neither, optimist) = (mean(0.4, false), mean(0.0, false), mean(0.4, true));
        println!("{pessimist:.3} {neither:.3} {optimist:.3}");
        assert!(pessimist > neither + 0.02 && neither > optimist + 0.02);
    }
}
