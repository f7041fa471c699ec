//! `sparse`: direct preference optimisation with a weight for each bracket.

use super::dpo::diagnostics;
use super::{Feedback, Policy, PolicyOptimiser, Progress, log_share};
use crate::error::{Error, Result};
use crate::preferences::Comparison;
use crate::preferences::fit::{log_logistic, logistic, minimise, ridge};
use rand_chacha::ChaCha8Rng;

/// Preferences often hang on few of the brackets. With weights m_k ≥ 0 of the brackets, common to
/// rewards and divergences, it minimises over π and m
///
/// −mean [y ln σ(u − δ) + (1−y) ln σ(δ − u)] + λ·Σ m_k + ½·ridge·‖θ‖²/Σw,
///
/// w the weights of the pairs; u = β·Σ_k m_k·(Δ_k(a) − Δ_k(b)), Δ_k = ln π/π_ref of the k-th move given
/// those before it; δ = β·Σ_k m_k·(D_k(b) − D_k(a)), D_k = KL(π_ref ‖ π) of the k-th move given those before it. The
/// weights are squares of free parameters, which makes λ·Σm a smooth and exactly sparse penalty. A
/// bracket's move is the token. Source: Christopoulou et al. (2024), "SparsePO", arXiv 2410.05102
/// (one weight for a bracket in place of one that a network gives each token), on the token-level
/// objective of Zeng et al. (2024), "Token-level direct preference optimization", arXiv 2404.11999.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseDpo {
    /// β, above 0: price of leaving the reference.
    pub beta: f64,
    /// λ, at least 0: price of a weight.
    pub sparsity: f64,
    /// Weights by bracket that are given in place of learned.
    pub given: Option<Vec<f64>>,
    /// At least 0: precision of the prior on θ, which keeps the policy at a finite place.
    pub ridge: f64,
    /// Pairs asked for in each call, where there is an oracle.
    pub pairs: usize,
    /// Whether those are labelled by their probability in place of a draw.
    pub soft: bool,
    /// The weights of the brackets, lowest first, that the last fit found or was given.
    pub weights: Vec<f64>,
    /// The pairs asked for until now.
    pub collected: Vec<Comparison>,
}

impl Default for SparseDpo {
    fn default() -> Self {
        SparseDpo {
            beta: 0.1,
            sparsity: 0.01,
            given: None,
            ridge: 1e-4,
            pairs: 64,
            soft: false,
            weights: vec![],
            collected: vec![],
        }
    }
}

impl SparseDpo {
    /// Σ_k m_k·(Δ_k + D_k) along a candidate; adds its derivatives, times `slope`, by the logits and
    /// by each m_k.
    fn along(
        policy: &Policy,
        logits: &[f64],
        candidate: usize,
        weights: &[f64],
        slope: f64,
        gradient: &mut [f64],
        by_weight: &mut [f64],
    ) -> f64 {
        let nodes = policy.tree().nodes();
        let reference = policy.log_reference();
        let mut sum = 0.0;
        for (k, pair) in policy.tree().path(candidate).windows(2).enumerate() {
            let among = &nodes[pair[0]].leaves;
            let mut share = |child: usize, slope: f64| {
                let inside = &nodes[child].leaves;
                let before = log_share(reference, inside, among, 0.0, &mut []);
                let now = log_share(logits, inside, among, slope, gradient);
                (now - before, before.exp())
            };
            let mut value = share(pair[1], slope * weights[k]).0;
            for &child in &nodes[pair[0]].children {
                let before = share(child, 0.0).1;
                let (ratio, _) = share(child, -slope * weights[k] * before);
                value -= before * ratio;
            }
            sum += weights[k] * value;
            by_weight[k] += slope * value;
        }
        sum
    }

    fn value(
        &self,
        policy: &Policy,
        pairs: &[Comparison],
        parameters: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let n = policy.len();
        let (theta, roots) = parameters.split_at(n);
        let (theta_gradient, root_gradient) = gradient.split_at_mut(n);
        let weights: Vec<f64> = match &self.given {
            Some(given) => given.clone(),
            None => roots.iter().map(|r| r * r).collect(),
        };
        let logits: Vec<f64> = (policy.log_reference().iter().zip(theta))
            .map(|(l, t)| l + t)
            .collect();
        let total: f64 = pairs.iter().map(|c| c.weight).sum();
        let mut by_weight = vec![0.0; weights.len()];
        let (mut slopes, mut values) = (vec![0.0; n], vec![0.0; n]);
        for (x, value) in values.iter_mut().enumerate() {
            let unused = &mut vec![0.0; weights.len()];
            *value = SparseDpo::along(policy, &logits, x, &weights, 0.0, &mut [], unused);
        }
        let mut sum = 0.0;
        for c in pairs {
            let (a, b, w) = (c.a as usize, c.b as usize, c.weight / total);
            let h = self.beta * (values[a] - values[b]);
            sum -= w * (log_logistic(h) - (1.0 - c.outcome) * h);
            let slope = w * self.beta * (logistic(h) - c.outcome);
            slopes[a] += slope;
            slopes[b] -= slope;
        }
        for (x, &slope) in slopes.iter().enumerate().filter(|(_, s)| **s != 0.0) {
            SparseDpo::along(
                policy,
                &logits,
                x,
                &weights,
                slope,
                theta_gradient,
                &mut by_weight,
            );
        }
        if self.given.is_none() {
            for (k, root) in roots.iter().enumerate() {
                sum += self.sparsity * root * root;
                root_gradient[k] += 2.0 * root * (by_weight[k] + self.sparsity);
            }
        }
        sum + ridge(self.ridge / total, theta, theta_gradient)
    }

    /// The policy that `pairs` make of the reference, and the weights with it.
    ///
    /// # Errors
    /// No pair; weights of another number than brackets; a fit that does not settle.
    pub fn fit(&mut self, policy: &mut Policy, pairs: &[Comparison]) -> Result<()> {
        if !pairs.iter().any(|c| c.weight > 0.0) {
            return Err(Error::run("sparse: no comparison to learn from"));
        }
        let depth = policy.tree().depth();
        if let Some(given) = &self.given
            && given.len() != depth
        {
            return Err(Error::input("sparse: weights for other brackets")
                .value(format!("{} weights", given.len()))
                .allowed(format!("{depth}, one for each move")));
        }
        // At π = π_ref the weights have no bearing, and the penalty alone would draw them to 0:
        // first, π under weights of 1.
        let given = SparseDpo {
            given: Some(self.given.clone().unwrap_or(vec![1.0; depth])),
            ..self.clone()
        };
        let loss = |at: &[f64], gradient: &mut [f64]| given.value(policy, pairs, at, gradient);
        let mut found = minimise(&loss, vec![0.0; policy.len()])?.parameters;
        if self.given.is_none() {
            found.extend(vec![1.0; depth]);
            let loss = |at: &[f64], gradient: &mut [f64]| self.value(policy, pairs, at, gradient);
            found = minimise(&loss, found)?.parameters;
        }
        let (theta, roots) = found.split_at(policy.len());
        self.weights = match &self.given {
            Some(given) => given.clone(),
            None => roots.iter().map(|r| r * r).collect(),
        };
        policy.set_shift(theta);
        Ok(())
    }
}

impl PolicyOptimiser for SparseDpo {
    fn improve(
        &mut self,
        policy: &mut Policy,
        feedback: &Feedback,
        rng: &mut ChaCha8Rng,
    ) -> Result<Progress> {
        let mut pairs = feedback.pairs(policy, self.pairs, self.soft, rng)?;
        if !matches!(feedback, Feedback::Pairs(_)) {
            self.collected.extend(pairs);
            pairs = self.collected.clone();
        }
        self.fit(policy, &pairs)?;
        let found = diagnostics(policy, &pairs);
        let top = self.weights.iter().fold(0.0f64, |a, b| a.max(*b));
        let zero = self.weights.iter().filter(|w| **w <= 1e-3 * top).count() as f64;
        Ok(Progress::of(
            policy,
            vec![
                ("rejected_log_ratio", found.rejected),
                ("chosen_log_ratio", found.chosen),
                ("brackets_without_weight", zero),
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
    use crate::preferences::optimise::tests::{REWARD6, all_pairs, moves6, rng};
    use rand::RngExt;

    #[test]
    fn gradient_of_the_loss() {
        let policy = Policy::with_moves(&[0.2, 0.1, 0.3, 0.1, 0.1, 0.2], &moves6()).unwrap();
        let pairs = all_pairs(|a, b| logistic(REWARD6[a] - REWARD6[b]), &[1.0; 6]);
        let sparse = SparseDpo {
            beta: 0.8,
            ..SparseDpo::default()
        };
        let loss = |at: &[f64], g: &mut [f64]| sparse.value(&policy, &pairs, at, g);
        let at = [0.3, -0.2, 0.9, 0.1, -1.0, 0.4, 0.9, 0.4];
        assert!(gradient_error(&loss, &at) < 1e-7);
    }

    /// Three brackets of three rates; raters look at the second alone. Its weight stays, those of the
    /// others go to 0.
    #[test]
    fn only_the_bracket_that_matters_keeps_its_weight() {
        let moves: Vec<Vec<u32>> = (0..27).map(|k| vec![k / 9, k / 3 % 3, k % 3]).collect();
        let mut policy = Policy::with_moves(&[1.0; 27], &moves).unwrap();
        let mut rng = rng(8);
        let pairs: Vec<Comparison> = (0..300)
            .map(|_| {
                let (a, b) = (rng.random_range(0..27u32), rng.random_range(0..27u32));
                let middle = |x: u32| f64::from(x / 3 % 3);
                let p = logistic(1.5 * (middle(a) - middle(b)));
                Comparison::new(a, b, f64::from(u8::from(rng.random::<f64>() < p)))
            })
            .collect();
        let mut sparse = SparseDpo {
            beta: 1.0,
            sparsity: 0.05,
            ridge: 3.0,
            ..SparseDpo::default()
        };
        sparse.fit(&mut policy, &pairs).unwrap();
        let w = &sparse.weights;
        println!("{w:?}");
        assert!(
            w[1] > 0.3 && w[0] < 0.01 * w[1] && w[2] < 0.01 * w[1],
            "{w:?}"
        );
        let p = policy.probabilities();
        let best: f64 = (0..27).filter(|k| k / 3 % 3 == 2).map(|k| p[k]).sum();
        assert!(best > 0.5, "{best}");
    }

    /// With one move, weight 1, u − δ is dpo's margin: D is the same for both candidates.
    #[test]
    fn one_bracket_is_dpo() {
        use crate::preferences::optimise::tests::{REFERENCE, REWARD, close, gibbs};
        let mut policy = Policy::new(&REFERENCE).unwrap();
        let pairs = all_pairs(|a, b| logistic(REWARD[a] - REWARD[b]), &[1.0; 5]);
        let mut sparse = SparseDpo {
            beta: 0.7,
            ridge: 0.0,
            given: Some(vec![1.0]),
            ..SparseDpo::default()
        };
        sparse.fit(&mut policy, &pairs).unwrap();
        close(&policy, &gibbs(&REFERENCE, &REWARD, 0.7), 1e-6);
    }
}
