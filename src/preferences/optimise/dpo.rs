//! `dpo`: direct preference optimisation.

use super::{Feedback, Policy, PolicyOptimiser, Progress, kl, log_softmax, through_softmax};
use crate::error::{Error, Result};
use crate::preferences::Comparison;
use crate::preferences::fit::{log_logistic, logistic, minimise, ridge};
use rand_chacha::ChaCha8Rng;

/// What is minimised over the pairs; Δ(x) = ln π(x)/π_ref(x), y the label of a ≻ b.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// −y ln σ(h) − (1−y) ln σ(−h), h = β·(f'(e^Δ(a)) − f'(e^Δ(b))) (Rafailov et al. 2023).
    #[default]
    Dpo,
    /// y·(h − 1/(2β))² + (1−y)·(h + 1/(2β))², h = Δ(a) − Δ(b): bounded where the labels are
    /// certain. With pairs from π_ref, its minimum is π ∝ π_ref·exp(E_{x'∼π_ref} P(x ≻ x')/β). Azar et al.
    /// (2023), "A general theoretical paradigm to understand learning from human preferences", arXiv
    /// 2310.12036.
    Ipo,
    /// Candidates on their own, wanted or not, as in prospect theory (Ethayarajh et al. 2024, "KTO",
    /// arXiv 2402.01306):
    /// −w·λ_w σ(βΔ − z) for the preferred, −w·λ_u σ(z − βΔ) for the other, z = β·KL(π ‖ π_ref) held
    /// fixed in each fit and then renewed until it stays. Its minimum over a table is at the candidates
    /// that are more often preferred than not, so that [`Dpo::ridge`] decides how far it goes.
    Kto {
        /// λ_w, weight of the preferred.
        wanted: f64,
        /// λ_u, weight of the other.
        unwanted: f64,
    },
}

/// f of the divergence E_{π_ref} f(π/π_ref) from the reference that the policy pays for (Wang et al.
/// 2024, "Beyond reverse KL: generalizing direct preference optimization with diverse divergence
/// constraints", arXiv 2309.16240).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Divergence {
    /// KL(π ‖ π_ref): f' = ln u + 1.
    #[default]
    ReverseKl,
    /// KL(π_ref ‖ π): f' = −1/u.
    ForwardKl,
    /// Jensen–Shannon: f' = ln(2u/(1+u)).
    JensenShannon,
    /// f' = (1 − u^−α)/α, with α in (0, 1): between the two KLs.
    Alpha(f64),
}

impl Divergence {
    /// f'(e^Δ), up to a constant, and its derivative by Δ.
    fn slope(self, delta: f64) -> (f64, f64) {
        // Beyond e^±50 no probability is told from 0.
        let power = |alpha: f64| (-alpha * delta).clamp(-50.0, 50.0).exp();
        match self {
            Divergence::ReverseKl => (delta, 1.0),
            Divergence::ForwardKl => (-power(1.0), power(1.0)),
            Divergence::JensenShannon => (log_logistic(delta), logistic(-delta)),
            Divergence::Alpha(alpha) => ((1.0 - power(alpha)) / alpha, power(alpha)),
        }
    }
}

/// min over π of the mean loss over pairs + ½·ridge·‖θ‖²/Σw, π ∝ π_ref·e^θ, w the weights of the pairs: a
/// prior, which fades as pairs come in. Pairs that are asked for are drawn from π and kept: from call to
/// call the optimiser learns from all of them.
///
/// With reverse KL and labels y = σ(r(a) − r(b)) of enough pairs to tell all candidates apart, the
/// minimum is π ∝ π_ref·exp(r/β). Source: Rafailov et al. (2023), "Direct preference optimization: your
/// language model is secretly a reward model", arXiv 2305.18290; smoothed labels as in Mitchell (2023), "A
/// note on DPO with noisy preferences and relationship to IPO".
#[derive(Clone, Debug, PartialEq)]
pub struct Dpo {
    /// β, above 0: price of leaving the reference.
    pub beta: f64,
    /// The loss.
    pub loss: Loss,
    /// The divergence, of [`Loss::Dpo`] alone.
    pub divergence: Divergence,
    /// ε in [0, ½): labels y are taken as (1−ε)·y + ε·(1−y).
    pub smoothing: f64,
    /// At least 0: precision of the prior on θ, which keeps the policy at a finite place where pairs never
    /// contradict each other; 0 is the published loss, which then has no minimum.
    pub ridge: f64,
    /// Pairs asked for in each call, where there is an oracle.
    pub pairs: usize,
    /// Whether those are labelled by their probability in place of a draw.
    pub soft: bool,
    /// The pairs asked for until now.
    pub collected: Vec<Comparison>,
}

impl Default for Dpo {
    fn default() -> Self {
        Dpo {
            beta: 0.1,
            loss: Loss::Dpo,
            divergence: Divergence::ReverseKl,
            smoothing: 0.0,
            ridge: 1e-4,
            pairs: 64,
            soft: false,
            collected: vec![],
        }
    }
}

/// What pairs did to likelihoods (Yan et al. 2024, "3D-properties", arXiv 2406.07327).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Diagnostics {
    /// Mean of ln π/π_ref of the rejected, nats: how far it dropped.
    pub rejected: f64,
    /// Mean of ln π/π_ref of the preferred, nats: below 0 the policy degrades.
    pub chosen: f64,
    /// Share of pairs, by weight, whose preferred candidate became less likely than it was.
    pub degraded: f64,
    /// Change of the mass of π on candidates that occur in no pair: where the likelihood disperses.
    pub dispersion: f64,
}

/// Likelihoods after a policy learned from `pairs`.
pub fn diagnostics(policy: &Policy, pairs: &[Comparison]) -> Diagnostics {
    let (log, shift) = (policy.log_probabilities(), policy.shift());
    let mut found = Diagnostics::default();
    let mut seen = vec![false; policy.len()];
    let mut total = 0.0;
    for c in pairs {
        seen[c.a as usize] = true;
        seen[c.b as usize] = true;
        for (won, lost, share) in [(c.a, c.b, c.outcome), (c.b, c.a, 1.0 - c.outcome)] {
            let weight = c.weight * share;
            total += weight;
            found.chosen += weight * shift[won as usize];
            found.rejected += weight * shift[lost as usize];
            if shift[won as usize] < 0.0 {
                found.degraded += weight;
            }
        }
    }
    if total > 0.0 {
        found.chosen /= total;
        found.rejected /= total;
        found.degraded /= total;
    }
    for (k, _) in seen.iter().enumerate().filter(|(_, seen)| !**seen) {
        found.dispersion += log[k].exp() - policy.log_reference()[k].exp();
    }
    found
}

impl Dpo {
    /// The mean loss at π ∝ π_ref·e^θ; `z` as in [`Loss::Kto`].
    fn value(
        &self,
        reference: &[f64],
        pairs: &[Comparison],
        z: f64,
        theta: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let moved: Vec<f64> = reference.iter().zip(theta).map(|(l, t)| l + t).collect();
        let log = log_softmax(&moved);
        let delta: Vec<f64> = log.iter().zip(reference).map(|(l, r)| l - r).collect();
        let total: f64 = pairs.iter().map(|c| c.weight).sum();
        let mut slopes = vec![0.0; theta.len()];
        let mut sum = 0.0;
        for c in pairs {
            let (a, b, w) = (c.a as usize, c.b as usize, c.weight / total);
            let y = c.outcome + self.smoothing * (1.0 - 2.0 * c.outcome);
            match self.loss {
                Loss::Dpo => {
                    let (at_a, by_a) = self.divergence.slope(delta[a]);
                    let (at_b, by_b) = self.divergence.slope(delta[b]);
                    let h = self.beta * (at_a - at_b);
                    sum -= w * (log_logistic(h) - (1.0 - y) * h);
                    let slope = w * (logistic(h) - y) * self.beta;
                    slopes[a] += slope * by_a;
                    slopes[b] -= slope * by_b;
                }
                Loss::Ipo => {
                    let (h, goal) = (delta[a] - delta[b], 0.5 / self.beta);
                    sum += w * (y * (h - goal).powi(2) + (1.0 - y) * (h + goal).powi(2));
                    let slope = 2.0 * w * (h + goal * (1.0 - 2.0 * y));
                    slopes[a] += slope;
                    slopes[b] -= slope;
                }
                Loss::Kto { wanted, unwanted } => {
                    for (x, share) in [(a, y), (b, 1.0 - y)] {
                        let s = logistic(self.beta * delta[x] - z);
                        sum -= w * (share * wanted * s + (1.0 - share) * unwanted * (1.0 - s));
                        let pull = share * wanted - (1.0 - share) * unwanted;
                        slopes[x] -= w * pull * s * (1.0 - s) * self.beta;
                    }
                }
            }
        }
        through_softmax(&log, &slopes, gradient);
        sum + ridge(self.ridge / total, theta, gradient)
    }

    /// The policy that `pairs` make of the reference, starting from where the policy is.
    ///
    /// # Errors
    /// No pair; a fit, or z of [`Loss::Kto`], that does not settle.
    pub fn fit(&self, policy: &mut Policy, pairs: &[Comparison]) -> Result<Diagnostics> {
        if !pairs.iter().any(|c| c.weight > 0.0) {
            return Err(Error::run("dpo: no comparison to learn from"));
        }
        let reference = policy.log_reference().to_vec();
        let fit = |start: Vec<f64>, z: f64| {
            let loss = |theta: &[f64], gradient: &mut [f64]| {
                self.value(&reference, pairs, z, theta, gradient)
            };
            minimise(&loss, start).map(|found| found.parameters)
        };
        let mut theta = fit(policy.shift(), 0.0)?;
        if matches!(self.loss, Loss::Kto { .. }) {
            let at = |theta: &[f64]| {
                let moved: Vec<f64> = reference.iter().zip(theta).map(|(l, t)| l + t).collect();
                self.beta * kl(&log_softmax(&moved), &reference)
            };
            let (mut z, mut next) = (0.0, at(&theta));
            for _ in 0..KTO_ROUNDS_MAX {
                if (next - z).abs() < KTO_SETTLED {
                    break;
                }
                z = next;
                theta = fit(theta, z)?;
                next = at(&theta);
            }
            if (next - z).abs() >= KTO_SETTLED {
                return Err(Error::run(format!(
                    "kto: its point of reference β·KL did not settle in {KTO_ROUNDS_MAX} rounds"
                ))
                .value(format!("{z:.6} and then {next:.6}"))
                .allowed("a smaller `beta` or a larger `ridge`"));
            }
        }
        policy.set_shift(&theta);
        Ok(diagnostics(policy, pairs))
    }
}

/// Times that z of [`Loss::Kto`] is renewed at most.
const KTO_ROUNDS_MAX: usize = 100;

/// Change of z, nats, below which it has settled.
const KTO_SETTLED: f64 = 1e-9;

impl PolicyOptimiser for Dpo {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let new = feedback.pairs(policy, self.pairs, self.soft, rng)?;
        let found = match feedback {
            Feedback::Pairs(_) => self.fit(policy, &new)?,
            _ => {
                self.collected.extend(new);
                self.fit(policy, &self.collected)?
            }
        };
        Ok(Progress::of(
            policy,
            vec![
                ("rejected_log_ratio", found.rejected),
                ("chosen_log_ratio", found.chosen),
                ("degraded", found.degraded),
                ("dispersion", found.dispersion),
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
    use crate::preferences::fit::gradient_error;
    use crate::preferences::optimise::tests::{REFERENCE, REWARD, all_pairs, close, gibbs};

    fn exact(loss: Loss) -> Dpo {
        Dpo {
            beta: 0.7,
            loss,
            ridge: 0.0,
            ..Dpo::default()
        }
    }

    /// π ∝ π_ref·exp(r/β) where labels are σ(r(a) − r(b)).
    #[test]
    fn fixed_point_in_closed_form() {
        let mut policy = Policy::new(&REFERENCE).unwrap();
        let pairs = all_pairs(|a, b| logistic(REWARD[a] - REWARD[b]), &[1.0; 5]);
        exact(Loss::Dpo).fit(&mut policy, &pairs).unwrap();
        close(&policy, &gibbs(&REFERENCE, &REWARD, 0.7), 1e-6);
    }

    /// The minimum under another divergence, found by bisection: f'(π/π_ref) = (r − λ)/β with λ such
    /// that Σπ = 1.
    #[test]
    fn fixed_points_under_other_divergences() {
        type Inverse = fn(f64) -> f64;
        let inverses: [(Divergence, Inverse); 3] = [
            (Divergence::ForwardKl, |s| -1.0 / s),
            (Divergence::JensenShannon, |s| s.exp() / (2.0 - s.exp())),
            (Divergence::Alpha(0.5), |s| (1.0 - 0.5 * s).powi(-2)),
        ];
        for (divergence, inverse) in inverses {
            let dpo = Dpo {
                divergence,
                ..exact(Loss::Dpo)
            };
            let mut policy = Policy::new(&REFERENCE).unwrap();
            let pairs = all_pairs(|a, b| logistic(REWARD[a] - REWARD[b]), &[1.0; 5]);
            dpo.fit(&mut policy, &pairs).unwrap();
            let at = |lambda: f64| -> Vec<f64> {
                (REFERENCE.iter().zip(&REWARD))
                    .map(|(p, r)| match inverse((r - lambda) / 0.7) {
                        u if u > 0.0 => p * u,
                        _ => f64::INFINITY,
                    })
                    .collect()
            };
            let (mut low, mut high) = (-50.0, 50.0);
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                match at(middle).iter().sum::<f64>() > 1.0 {
                    true => low = middle,
                    false => high = middle,
                }
            }
            close(&policy, &at(high), 1e-6);
        }
    }

    /// Azar et al. (2023): with pairs from the reference, π ∝ π_ref·exp(E_{x'∼π_ref}P(x ≻ x')/β),
    /// for cyclic preferences too.
    #[test]
    fn ipo_in_closed_form() {
        let p = |a: usize, b: usize| match (5 + a - b) % 5 {
            0 => 0.5,
            1 => 0.9,
            2 => 0.6,
            3 => 0.4,
            _ => 0.1,
        };
        let mut policy = Policy::new(&REFERENCE).unwrap();
        exact(Loss::Ipo)
            .fit(&mut policy, &all_pairs(p, &REFERENCE))
            .unwrap();
        let wins: Vec<f64> = (0..5)
            .map(|a| (0..5).map(|b| REFERENCE[b] * p(a, b)).sum())
            .collect();
        close(&policy, &gibbs(&REFERENCE, &wins, 0.7), 1e-6);
    }

    /// Certain labels: ipo stays at a gap of 1/(2β), dpo goes on.
    #[test]
    fn ipo_is_bounded_where_dpo_is_not() {
        let pairs = vec![Comparison::new(0, 1, 1.0)];
        let mut gaps = vec![];
        for loss in [Loss::Ipo, Loss::Dpo] {
            let mut policy = Policy::uniform(2).unwrap();
            let dpo = Dpo {
                ridge: 1e-8,
                ..exact(loss)
            };
            dpo.fit(&mut policy, &pairs).unwrap();
            gaps.push(policy.logits[0] - policy.logits[1]);
        }
        assert!((gaps[0] - 0.5 / 0.7).abs() < 1e-5, "{gaps:?}");
        assert!(gaps[1] > 15.0, "{gaps:?}");
    }

    /// Smoothing certain labels by ε gives the gap ln((1−ε)/ε)/β.
    #[test]
    fn smoothed_labels() {
        let mut policy = Policy::uniform(2).unwrap();
        let dpo = Dpo {
            smoothing: 0.1,
            ..exact(Loss::Dpo)
        };
        dpo.fit(&mut policy, &[Comparison::new(0, 1, 1.0)]).unwrap();
        assert!((policy.logits[0] - policy.logits[1] - 9f64.ln() / 0.7).abs() < 1e-6);
    }

    /// A candidate rises if it is wanted more often than not, else falls.
    #[test]
    fn kto_follows_the_majority() {
        let kto = Dpo {
            ridge: 6e-3,
            ..exact(Loss::Kto {
                wanted: 1.0,
                unwanted: 1.0,
            })
        };
        let mut policy = Policy::uniform(4).unwrap();
        // Wanted in 3 of 3, 2 of 3, 1 of 3, 0 of 3 comparisons.
        let pairs: Vec<Comparison> = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
            .map(|(a, b)| Comparison::new(a, b, 1.0))
            .to_vec();
        kto.fit(&mut policy, &pairs).unwrap();
        let p = policy.probabilities();
        assert!(
            p[0] > 0.5 && p[0] > p[1] && p[1] > p[2] && p[2] > p[3],
            "{p:?}"
        );
    }

    /// Of certain and consistent answers under a steep β, z goes up and down and never stays: no policy
    /// is better than one of whichever round comes last.
    #[test]
    fn kto_that_does_not_settle_is_an_error() {
        let kto = Dpo {
            beta: 30.0,
            ridge: 6e-4,
            ..exact(Loss::Kto {
                wanted: 1.0,
                unwanted: 1.0,
            })
        };
        let pairs: Vec<Comparison> = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
            .map(|(a, b)| Comparison::new(a, b, 1.0))
            .to_vec();
        let mut policy = Policy::uniform(4).unwrap();
        let error = kto.fit(&mut policy, &pairs).unwrap_err().to_string();
        assert!(error.contains("did not settle in 100 rounds"), "{error}");
        assert!(policy.kl() == 0.0);
    }

    /// At the defaults (β = 0.1, ridge = 1e-4), 32 candidates, each pair answered once with its
    /// probability: β·ln π/π_ref is the reward within a percent, as the published fixed point says.
    #[test]
    fn the_prior_fades_at_the_defaults() {
        let reward: Vec<f64> = (0..32)
            .map(|k| f64::from(k * 13 % 32) / 16.0 - 1.0)
            .collect();
        let pairs = all_pairs(|a, b| logistic(reward[a] - reward[b]), &[1.0; 32]);
        let mut policy = Policy::uniform(32).unwrap();
        Dpo::default().fit(&mut policy, &pairs).unwrap();
        let log = policy.log_probabilities();
        for (a, b) in [(0, 31), (5, 6), (1, 20)] {
            let implied = 0.1 * (log[a] - log[b]);
            let truth = reward[a] - reward[b];
            assert!(
                (implied / truth - 1.0).abs() < 0.01,
                "{implied} for {truth}"
            );
        }
    }

    /// One pair among three candidates whose preferred one the reference finds rare: the rejected
    /// falls without bound, and its mass goes where no pair is as well.
    #[test]
    fn diagnostics_by_hand() {
        let mut policy = Policy::new(&[0.2, 0.3, 0.5]).unwrap();
        policy.logits = vec![0.1f64.ln(), 0.1f64.ln(), 0.8f64.ln()];
        let found = diagnostics(&policy, &[Comparison::new(0, 1, 1.0)]);
        assert!((found.chosen - 0.5f64.ln()).abs() < 1e-12);
        assert!((found.rejected - (1.0f64 / 3.0).ln()).abs() < 1e-12);
        assert!((found.degraded - 1.0).abs() < 1e-12);
        assert!((found.dispersion - 0.3).abs() < 1e-12);
    }

    #[test]
    fn gradients_of_all_losses() {
        let reference: Vec<f64> = REFERENCE.iter().map(|p| p.ln()).collect();
        let pairs = all_pairs(|a, b| if a > b { 0.8 } else { 0.2 }, &[1.0; 5]);
        let kto = Loss::Kto {
            wanted: 1.0,
            unwanted: 1.3,
        };
        for loss in [Loss::Dpo, Loss::Ipo, kto] {
            for divergence in [
                Divergence::ReverseKl,
                Divergence::ForwardKl,
                Divergence::JensenShannon,
                Divergence::Alpha(0.3),
            ] {
                let dpo = Dpo {
                    divergence,
                    smoothing: 0.05,
                    ridge: 0.1,
                    ..exact(loss)
                };
                let value =
                    |theta: &[f64], g: &mut [f64]| dpo.value(&reference, &pairs, 0.2, theta, g);
                assert!(gradient_error(&value, &[0.3, -1.0, 0.5, 0.0, 1.2]) < 1e-7);
            }
        }
    }
}
