//! `contextual`: first a context comes up, then the items are judged in it.

use super::bradley_terry::pair_loss;
use super::pal::softmax;
use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{best_of_starts, log_logistic, logistic, minimise, ridge};
use crate::preferences::head::Head;
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use crate::random::Streams;
use rand::RngExt;

/// P(a ≻ b) = Σ_c P(c)·P(a ≻ b | c), P(a ≻ b | c) = σ(s_c(a) − s_c(b)),
///
/// a [`Head`] on features of mean 0 and variance 1 for each context c, the maximum a posteriori under
/// θ_c ~ N(0, 1/ridge). Where comparisons say their context, P(c) is the share of their weights in c. With
/// `latent` > 0 they do not: what they say is not looked at, the context of each comparison is unknown,
/// one of `latent`, and the likelihood of the mixture is maximised over θ and P(c) = softmax(z)
/// together, z ~ N(0, 1/ridge), the best of several random starts.
///
/// In a context ([`View::context`]) scores are in logits. Without one, or with latent contexts, there is
/// no score: a mixture of logistic curves may prefer a to b, b to c and c to a. A context in which nobody
/// judged is indifferent. Rankings and ratings count in context 0. Pitis et al. (2024),
/// "Improving context-aware preference modeling for language models", arXiv 2407.14916: contexts here are
/// those in which a voter is asked, in the place of prompts made specific.
#[derive(Clone, Debug, PartialEq)]
pub struct Contextual {
    /// Precision of the prior on the parameters, above 0.
    pub ridge: f64,
    /// From features to scores in a context.
    pub head: Head,
    /// How many unknown contexts; 0 where comparisons say their context.
    pub latent: usize,
    /// Random starts with latent contexts or a hidden layer, at least 1.
    pub starts: usize,
    pub(crate) fitted: Option<Fitted>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    scaling: Scaling,
    /// P(c).
    shares: Vec<f64>,
    /// θ by context.
    thetas: Vec<Vec<f64>>,
}

impl Default for Contextual {
    fn default() -> Self {
        Contextual {
            ridge: 1.0,
            head: Head::Linear,
            latent: 0,
            starts: 6,
            fitted: None,
        }
    }
}

/// ln Σ exp.
fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    top + terms.map(|t| (t - top).exp()).sum::<f64>().ln()
}

impl Contextual {
    /// P(c) of each context; empty before a fit.
    pub fn shares(&self) -> &[f64] {
        self.fitted.as_ref().map_or(&[], |f| &f.shares)
    }

    /// s_c of an item in a context, a latent one too; 0 before a fit or in a context unknown to it.
    pub fn score_in(&self, item: &[f64], context: usize) -> f64 {
        let Some(fitted) = &self.fitted else {
            return 0.0;
        };
        let Some(theta) = fitted.thetas.get(context) else {
            return 0.0;
        };
        self.head.score(theta, &fitted.scaling.apply(item))
    }

    /// Parameters of `latent` contexts: θ one after the other, then z. Without the prior.
    fn mixture_loss(
        &self,
        items: &Items,
        pairs: &[Comparison],
        parameters: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let (k, size) = (self.latent, self.head.parameters(items.width()));
        let (thetas, z) = parameters.split_at(k * size);
        let (theta_gradient, z_gradient) = gradient.split_at_mut(k * size);
        let shares = softmax(z);
        let logs: Vec<f64> = shares.iter().map(|p| p.ln()).collect();
        let scores: Vec<Vec<f64>> = (thetas.chunks_exact(size))
            .map(|theta| {
                items
                    .rows()
                    .map(|row| self.head.score(theta, row))
                    .collect()
            })
            .collect();
        let mut slopes = vec![vec![0.0; items.len()]; k];
        let mut loss = 0.0;
        for pair in pairs {
            let (a, b) = (pair.a as usize, pair.b as usize);
            let delta = |c: usize| scores[c][a] - scores[c][b];
            let log_first = log_sum((0..k).map(|c| logs[c] + log_logistic(delta(c))));
            let log_second = log_sum((0..k).map(|c| logs[c] + log_logistic(-delta(c))));
            let (y, w) = (pair.outcome, pair.weight);
            loss -= w * (y * log_first + (1.0 - y) * log_second);
            for c in 0..k {
                let (first, second) = (log_logistic(delta(c)), log_logistic(-delta(c)));
                // ∂P/∂Δ_c = P(c)σσ', relative to P and to 1 − P.
                let both = logs[c] + first + second;
                let slope = y * (both - log_first).exp() - (1.0 - y) * (both - log_second).exp();
                slopes[c][a] -= w * slope;
                slopes[c][b] += w * slope;
                // ∂P/∂z_c = P(c)(σ_c − P).
                let share = |log: f64, all: f64| (logs[c] + log - all).exp() - shares[c];
                z_gradient[c] -=
                    w * (y * share(first, log_first) + (1.0 - y) * share(second, log_second));
            }
        }
        for (c, theta) in thetas.chunks_exact(size).enumerate() {
            let gradient = &mut theta_gradient[c * size..][..size];
            for (row, &slope) in items.rows().zip(&slopes[c]) {
                if slope != 0.0 {
                    self.head.backpropagate(theta, row, slope, gradient);
                }
            }
        }
        loss
    }

    fn fit_mixture(&self, items: &Items, pairs: &[Comparison], seed: u64) -> Result<Vec<f64>> {
        let loss = |parameters: &[f64], gradient: &mut [f64]| {
            self.mixture_loss(items, pairs, parameters, gradient)
                + ridge(self.ridge, parameters, gradient)
        };
        let streams = Streams::new(seed, "contextual mixture");
        let starts = (0..self.starts as u64)
            .map(|start| {
                let mut rng = streams.at(start, 0);
                let mut all = Vec::new();
                for _ in 0..self.latent {
                    let mut theta = self.head.start(items.width(), &mut rng);
                    if self.head == Head::Linear {
                        // Contexts that start alike stay alike.
                        theta
                            .iter_mut()
                            .for_each(|t| *t = 2.0 * rng.random::<f64>() - 1.0);
                    }
                    all.extend(theta);
                }
                all.extend(std::iter::repeat_n(0.0, self.latent));
                all
            })
            .collect();
        Ok(best_of_starts(&loss, starts)?.parameters)
    }

    fn fit_one(&self, items: &Items, pairs: &[Comparison], seed: u64, c: u64) -> Result<Vec<f64>> {
        let weights: Vec<f64> = pairs.iter().map(|pair| pair.weight).collect();
        let loss = |theta: &[f64], gradient: &mut [f64]| {
            pair_loss(self.head, items, pairs, &weights, theta, gradient)
                + ridge(self.ridge, theta, gradient)
        };
        let streams = Streams::new(seed, "contextual start");
        let start = |k: usize| self.head.start(items.width(), &mut streams.at(c, k as u64));
        Ok(match self.head {
            Head::Linear => minimise(&loss, start(0))?,
            Head::Hidden { .. } => best_of_starts(&loss, (0..self.starts).map(start).collect())?,
        }
        .parameters)
    }
}

impl PreferenceModel for Contextual {
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        let total: f64 = pairs.iter().map(|pair| pair.weight).sum();
        if total <= 0.0 {
            return Err(Error::run("contextual: no comparison to learn from"));
        }
        let scaling = data.items.scaling();
        let items = scaling.apply_to(&data.items);
        let (shares, thetas) = if self.latent > 0 {
            let found = self.fit_mixture(&items, &pairs, seed)?;
            let size = self.head.parameters(items.width());
            let (thetas, z) = found.split_at(self.latent * size);
            (
                softmax(z),
                thetas.chunks_exact(size).map(<[f64]>::to_vec).collect(),
            )
        } else {
            let (mut shares, mut thetas) = (Vec::new(), Vec::new());
            for context in 0..data.contexts.max(1) {
                let own: Vec<Comparison> = (pairs.iter().filter(|pair| pair.context == context))
                    .cloned()
                    .collect();
                shares.push(own.iter().map(|pair| pair.weight).sum::<f64>() / total);
                thetas.push(self.fit_one(&items, &own, seed, u64::from(context))?);
            }
            (shares, thetas)
        };
        self.fitted = Some(Fitted {
            scaling,
            shares,
            thetas,
        });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        let within = |c: usize| logistic(self.score_in(a, c) - self.score_in(b, c));
        match (&self.fitted, view.context) {
            (None, _) => 0.5,
            (Some(_), Some(context)) if self.latent == 0 => within(context as usize),
            (Some(fitted), _) => (fitted.shares.iter().enumerate())
                .map(|(c, share)| share * within(c))
                .sum(),
        }
    }

    /// None without a context where there is more than one.
    fn score(&self, item: &[f64], view: View) -> Option<f64> {
        let contexts = self.fitted.as_ref().map_or(1, |f| f.thetas.len());
        match view.context {
            _ if contexts == 1 => Some(self.score_in(item, 0)),
            Some(context) if self.latent == 0 => Some(self.score_in(item, context as usize)),
            _ => None,
        }
    }

    fn pools_raters(&self) -> bool {
        true
    }

    fn boxed(&self) -> Box<dyn PreferenceModel> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::gradient_error;
    use crate::preferences::head::dot;
    use crate::preferences::models::bradley_terry::BradleyTerry;

    const SHARES: [f64; 3] = [0.5, 0.3, 0.2];
    const TASTES: [[f64; 3]; 3] = [[4.0, 0.0, 0.0], [-4.0, 2.0, 0.0], [0.0, 0.0, 5.0]];

    /// Comparisons in one of the first `contexts` contexts, drawn by their shares.
    fn planted(contexts: usize, count: usize, seed: u64) -> Judgements {
        let mut rng = Streams::new(seed, "planted").at(0, 0);
        let features = (0..3 * 200)
            .map(|_| 2.0 * rng.random::<f64>() - 1.0)
            .collect();
        let names = (0..3).map(|k| format!("x{k}")).collect();
        let items = Items::new(names, features).unwrap();
        let total: f64 = SHARES[..contexts].iter().sum();
        let comparisons = (0..count)
            .map(|_| {
                let mut draw = rng.random::<f64>() * total;
                let mut context = 0;
                while context + 1 < contexts && draw > SHARES[context] {
                    draw -= SHARES[context];
                    context += 1;
                }
                let (a, b) = (rng.random_range(0..200), rng.random_range(0..200));
                let score = |item| dot(&TASTES[context], items.row(item));
                let first = rng.random::<f64>() < logistic(score(a) - score(b));
                Comparison {
                    context: context as u32,
                    ..Comparison::new(a, b, f64::from(u8::from(first)))
                }
            })
            .collect();
        Judgements::of_comparisons(items, comparisons).unwrap()
    }

    /// Slope of a context's score along each feature.
    fn taste(model: &Contextual, context: usize) -> [f64; 3] {
        std::array::from_fn(|k| {
            let mut unit = [0.0; 3];
            unit[k] = 1.0;
            model.score_in(&unit, context) - model.score_in(&[0.0; 3], context)
        })
    }

    fn worst(model: &Contextual, order: &[usize]) -> f64 {
        (order.iter().enumerate())
            .flat_map(|(truth, &found)| {
                let taste = taste(model, found);
                (0..3).map(move |k| (taste[k] - TASTES[truth][k]).abs())
            })
            .fold(0.0, f64::max)
    }

    /// Planted shares, tastes and their mixture come back: from 60,000 comparisons each taste within a
    /// tenth, at about four standard errors of the least sure, and those of 0 within 0.2.
    #[test]
    fn planted_contexts_come_back() {
        let data = planted(3, 60_000, 1);
        let mut model = Contextual {
            ridge: 1e-3,
            ..Contextual::default()
        };
        model.fit(&data, 0).unwrap();
        for (found, truth) in model.shares().iter().zip(SHARES) {
            // Four standard errors of a share.
            assert!((found - truth).abs() < 0.009, "{found} for {truth}");
        }
        for (context, truth) in TASTES.iter().enumerate() {
            for (found, truth) in taste(&model, context).iter().zip(truth) {
                let bound = if *truth == 0.0 {
                    0.2
                } else {
                    0.1 * truth.abs()
                };
                assert!((found - truth).abs() < bound, "{found} for {truth}");
            }
        }
        let (a, b) = ([0.5, 0.2, -0.4], [-0.1, 0.3, 0.1]);
        let truth: f64 = (SHARES.iter().zip(TASTES))
            .map(|(share, t)| share * logistic(dot(&t, &a) - dot(&t, &b)))
            .sum();
        let found = model.prob(&a, &b, View::default());
        assert!((found - truth).abs() < 0.02, "{found} for {truth}");
        assert_eq!(model.score(&a, View::default()), None);
        let view = View {
            context: Some(1),
            ..View::default()
        };
        assert!(model.prob(&a, &b, view) < 0.5);
        let total = model.prob(&a, &b, View::default()) + model.prob(&b, &a, View::default());
        assert!((total - 1.0).abs() < 1e-12);
    }

    /// Two contexts that nobody names come back from pairs alone: 5 in 8 with one taste, 3 in 8 with
    /// another.
    #[test]
    fn latent_contexts_come_back() {
        let data = planted(2, 12_000, 2);
        let mut model = Contextual {
            ridge: 1e-2,
            latent: 2,
            starts: 3,
            ..Contextual::default()
        };
        model.fit(&data, 0).unwrap();
        let order = if model.shares()[0] > 0.5 {
            [0, 1]
        } else {
            [1, 0]
        };
        assert!((model.shares()[order[0]] - 0.625).abs() < 0.05);
        assert!(worst(&model, &order) < 1.0);
        let (a, b) = ([0.5, 0.2, -0.4], [-0.1, 0.3, 0.1]);
        let truth: f64 = (SHARES.iter().zip(TASTES).take(2))
            .map(|(share, t)| share / 0.8 * logistic(dot(&t, &a) - dot(&t, &b)))
            .sum();
        let found = model.prob(&a, &b, View::default());
        assert!((found - truth).abs() < 0.03, "{found} for {truth}");
    }

    /// With a single context it is Bradley and Terry's model.
    #[test]
    fn one_context_is_bradley_terry() {
        let data = planted(1, 300, 3);
        let mut truth = BradleyTerry::default();
        truth.fit(&data, 0).unwrap();
        let (a, b) = (data.items.row(0), data.items.row(1));
        for latent in [0, 1] {
            let mut model = Contextual {
                latent,
                ..Contextual::default()
            };
            model.fit(&data, 0).unwrap();
            let view = View::default();
            assert!((model.prob(a, b, view) - truth.prob(a, b, view)).abs() < 1e-7);
            let (found, truth) = (model.score(a, view), truth.score(a, view));
            assert!((found.unwrap() - truth.unwrap()).abs() < 1e-6);
        }
    }

    #[test]
    fn gradient_of_the_mixture() {
        let mut data = planted(2, 20, 4);
        data.comparisons
            .iter_mut()
            .for_each(|c| c.outcome = 0.9 * c.outcome + 0.05);
        for head in [Head::Linear, Head::Hidden { units: 2 }] {
            let model = Contextual {
                latent: 3,
                head,
                ..Contextual::default()
            };
            let loss =
                |p: &[f64], g: &mut [f64]| model.mixture_loss(&data.items, &data.comparisons, p, g);
            let at: Vec<f64> = (0..3 * head.parameters(3) + 3)
                .map(|k| (k as f64).sin())
                .collect();
            assert!(gradient_error(&loss, &at) < 1e-7);
        }
    }
}
