//! `aspects`: one score for each aspect, and what each aspect weighs in a rater's judgement.

use super::axes::Axes;
use super::pal::{softmax, softmax_slopes};
use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{best_of_starts, log_logistic, logistic, minimise, ridge};
use crate::preferences::head::{Head, add_scaled, dot};
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use crate::random::Streams;

/// What the weights of aspects may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mixture {
    /// At least 0 with sum 1: w = softmax(z). An overall judgement is as sharp as those of aspects.
    #[default]
    Simplex,
    /// At least 0: w = exp(z).
    NonNegative,
}

/// Judgements of single aspects and overall ones:
///
/// P(a ≻ b in aspect k) = σ(s_k(a) − s_k(b)), P_r(a ≻ b) = σ(Σₖ w_rk (s_k(a) − s_k(b))),
///
/// a [`Head`] s_k for each aspect, shared by all raters, on features of mean 0 and variance 1, and
/// weights w_r of rater r by a [`Mixture`] of z_r = z̄ + δ_r: z̄ of all, δ_r of one. The maximum a
/// posteriori under θ ~ N(0, 1/ridge) and z̄, δ ~ N(0, 1/rater_ridge), from both kinds of judgements
/// together. Scores are in logits.
///
/// Aspect 0 of [`Judgements::aspects`] is the overall judgement; a comparison of several aspects is one
/// for each. Rankings and ratings are overall. Without an aspect ([`View::aspect`]) the overall judgement
/// is meant; of it, without a rater, a probability is the mean over raters, and there is no score. A
/// rater who judged nothing has the weights of z̄. Additive multi-attribute utility (Keeney and Raiffa
/// 1976). Wang et al. (2024), "Interpretable preferences via multi-objective reward modeling and
/// mixture-of-experts", arXiv 2406.12845, learn heads from absolute ratings and weights by prompt; here
/// both come from comparisons, and weights go by rater.
#[derive(Clone, Debug, PartialEq)]
pub struct Aspects {
    /// Precision of the prior on θ, above 0.
    pub ridge: f64,
    /// Precision of the prior on z̄ and δ, above 0.
    pub rater_ridge: f64,
    /// From features to an aspect's score.
    pub head: Head,
    /// What weights may be.
    pub mixture: Mixture,
    pub(crate) fitted: Option<Fitted>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    scaling: Scaling,
    /// θ by aspect, the first that of aspect 1.
    thetas: Vec<Vec<f64>>,
    /// Weights of z̄.
    common: Vec<f64>,
    /// By rater.
    weights: Vec<Vec<f64>>,
}

impl Default for Aspects {
    fn default() -> Self {
        Aspects {
            ridge: 1.0,
            rater_ridge: 1.0,
            head: Head::Linear,
            mixture: Mixture::Simplex,
            fitted: None,
        }
    }
}

impl Mixture {
    fn weights(self, z: &[f64]) -> Vec<f64> {
        match self {
            Mixture::Simplex => softmax(z),
            Mixture::NonNegative => z.iter().map(|z| z.exp()).collect(),
        }
    }

    /// Adds the derivatives by z of what has derivatives `slopes` by w.
    fn backpropagate(self, w: &[f64], slopes: &[f64], gradient: &mut [f64]) {
        match self {
            Mixture::Simplex => softmax_slopes(w, slopes, gradient),
            Mixture::NonNegative => {
                for ((g, w), slope) in gradient.iter_mut().zip(w).zip(slopes) {
                    *g += w * slope;
                }
            }
        }
    }
}

/// Starts of a fit with hidden layers.
const STARTS: u64 = 4;

impl Aspects {
    /// Weights of aspects 1, 2, … in the overall judgement of a rater, those of z̄ for one unknown to the
    /// fit; empty before a fit.
    pub fn weights(&self, rater: u32) -> &[f64] {
        let of = |fitted: &'_ Fitted| rater < fitted.weights.len() as u32;
        match &self.fitted {
            None => &[],
            Some(fitted) if of(fitted) => &fitted.weights[rater as usize],
            Some(fitted) => &fitted.common,
        }
    }

    /// Scores of an item in aspects 1, 2, …; empty before a fit.
    pub fn scores(&self, item: &[f64]) -> Vec<f64> {
        let Some(fitted) = &self.fitted else {
            return Vec::new();
        };
        let x = fitted.scaling.apply(item);
        fitted
            .thetas
            .iter()
            .map(|theta| self.head.score(theta, &x))
            .collect()
    }

    /// Parameters: θ by aspect, z̄, then δ by rater. Without the prior.
    fn loss(
        &self,
        items: &Items,
        pairs: &[Comparison],
        aspects: usize,
        parameters: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let size = self.head.parameters(items.width());
        let (thetas, rest) = parameters.split_at(aspects * size);
        let (common, own) = rest.split_at(aspects);
        let (theta_gradient, rest) = gradient.split_at_mut(aspects * size);
        let (common_gradient, own_gradient) = rest.split_at_mut(aspects);
        let weights: Vec<Vec<f64>> = (own.chunks_exact(aspects))
            .map(|own| {
                let z: Vec<f64> = own.iter().zip(common).map(|(d, z)| z + d).collect();
                self.mixture.weights(&z)
            })
            .collect();
        let scores: Vec<Vec<f64>> = (items.rows())
            .map(|row| {
                thetas
                    .chunks_exact(size)
                    .map(|t| self.head.score(t, row))
                    .collect()
            })
            .collect();
        let mut slopes = vec![vec![0.0; aspects]; scores.len()];
        let mut weight_slopes = vec![vec![0.0; aspects]; weights.len()];
        let mut unit = vec![0.0; aspects];
        let mut apart = vec![0.0; aspects];
        let mut loss = 0.0;
        for pair in pairs {
            let (a, b, r) = (pair.a as usize, pair.b as usize, pair.rater as usize);
            for (k, apart) in apart.iter_mut().enumerate() {
                *apart = scores[a][k] - scores[b][k];
            }
            let mix = match pair.aspect {
                0 => &weights[r],
                aspect => {
                    unit.fill(0.0);
                    unit[aspect as usize - 1] = 1.0;
                    &unit
                }
            };
            let delta = dot(mix, &apart);
            loss -= pair.weight * (log_logistic(delta) - (1.0 - pair.outcome) * delta);
            let slope = pair.weight * (logistic(delta) - pair.outcome);
            add_scaled(&mut slopes[a], slope, mix);
            add_scaled(&mut slopes[b], -slope, mix);
            if pair.aspect == 0 {
                add_scaled(&mut weight_slopes[r], slope, &apart);
            }
        }
        for (row, slopes) in items.rows().zip(&slopes) {
            for (k, &slope) in slopes
                .iter()
                .enumerate()
                .filter(|(_, slope)| **slope != 0.0)
            {
                let place = k * size..(k + 1) * size;
                let theta = &thetas[place.clone()];
                self.head
                    .backpropagate(theta, row, slope, &mut theta_gradient[place]);
            }
        }
        for (own_gradient, (w, slopes)) in
            (own_gradient.chunks_exact_mut(aspects)).zip(weights.iter().zip(&weight_slopes))
        {
            self.mixture.backpropagate(w, slopes, own_gradient);
            add_scaled(common_gradient, 1.0, own_gradient);
        }
        loss
    }
}

impl PreferenceModel for Aspects {
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("aspects: no comparison to learn from"));
        }
        let aspects = data.aspects.len().saturating_sub(1);
        if aspects == 0 {
            return Err(Error::input("aspects: judgements name no aspect")
                .value(format!("{:?}", data.aspects))
                .allowed("the overall judgement first, then at least one aspect"));
        }
        let scaling = data.items.scaling();
        let items = scaling.apply_to(&data.items);
        let size = self.head.parameters(items.width());
        let axes = match self.head {
            Head::Linear => Axes::of(&items, &pairs, self.ridge).with_long_axes(),
            Head::Hidden { .. } => Axes::given(size, self.ridge),
        };
        let items = axes.turn(&items)?;
        let heads = aspects * size;
        let loss = |parameters: &[f64], gradient: &mut [f64]| {
            let (thetas, z) = parameters.split_at(heads);
            self.loss(&items, &pairs, aspects, parameters, gradient)
                + axes.ridge(thetas, &mut gradient[..heads])
                + ridge(self.rater_ridge, z, &mut gradient[heads..])
        };
        let streams = Streams::new(seed, "aspects start");
        let start = |k: u64| {
            let mut rng = streams.at(k, 0);
            let mut all: Vec<f64> = (0..aspects)
                .flat_map(|_| self.head.start(items.width(), &mut rng))
                .collect();
            all.resize(heads + aspects * (1 + data.raters as usize), 0.0);
            all
        };
        let found = match self.head {
            Head::Linear => minimise(&loss, start(0))?,
            Head::Hidden { .. } => best_of_starts(&loss, (0..STARTS).map(start).collect())?,
        }
        .parameters;
        let (thetas, z) = found.split_at(heads);
        let (common, own) = z.split_at(aspects);
        let weights = |own: &[f64]| {
            let z: Vec<f64> = own.iter().zip(common).map(|(d, z)| z + d).collect();
            self.mixture.weights(&z)
        };
        self.fitted = Some(Fitted {
            scaling,
            thetas: thetas
                .chunks_exact(size)
                .map(|theta| axes.back(theta))
                .collect(),
            common: self.mixture.weights(common),
            weights: own.chunks_exact(aspects).map(weights).collect(),
        });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        let Some(fitted) = &self.fitted else {
            return 0.5;
        };
        let apart: Vec<f64> = self
            .scores(a)
            .iter()
            .zip(self.scores(b))
            .map(|(a, b)| a - b)
            .collect();
        match (view.aspect.unwrap_or(0), view.rater) {
            (0, Some(rater)) => logistic(dot(self.weights(rater), &apart)),
            (0, None) => {
                let n = fitted.weights.len().max(1) as f64;
                fitted
                    .weights
                    .iter()
                    .map(|w| logistic(dot(w, &apart)))
                    .sum::<f64>()
                    / n
            }
            (aspect, _) => logistic(apart.get(aspect as usize - 1).copied().unwrap_or(0.0)),
        }
    }

    /// None of the overall judgement without a rater.
    fn score(&self, item: &[f64], view: View) -> Option<f64> {
        let scores = self.scores(item);
        match (view.aspect.unwrap_or(0), view.rater) {
            (0, Some(rater)) => Some(dot(self.weights(rater), &scores)),
            (0, None) => None,
            (aspect, _) => Some(scores.get(aspect as usize - 1).copied().unwrap_or(0.0)),
        }
    }

    fn pools_raters(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn PreferenceModel> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::gradient_error;
    use rand::RngExt;

    const HEADS: [[f64; 4]; 3] = [
        [5.0, 0.0, 0.0, 1.0],
        [0.0, 6.0, -2.0, 0.0],
        [0.0, 0.0, 4.0, 4.0],
    ];

    /// 400 comparisons of each aspect and `each` overall ones of every rater with these weights.
    fn planted(weights: &[Vec<f64>], each: usize, seed: u64) -> Judgements {
        let mut rng = Streams::new(seed, "planted").at(0, 0);
        let features = (0..4 * 100)
            .map(|_| 2.0 * rng.random::<f64>() - 1.0)
            .collect();
        let names = (0..4).map(|k| format!("x{k}")).collect();
        let items = Items::new(names, features).unwrap();
        let mut draw = |aspect: u32, rater: u32, mix: &[f64]| {
            let (a, b) = (rng.random_range(0..100), rng.random_range(0..100));
            let score = |item| -> f64 {
                mix.iter()
                    .zip(HEADS)
                    .map(|(w, head)| w * dot(&head, items.row(item)))
                    .sum()
            };
            let first = rng.random::<f64>() < logistic(score(a) - score(b));
            Comparison {
                aspect,
                ..Comparison::new(a, b, f64::from(u8::from(first))).by(rater)
            }
        };
        let mut comparisons = Vec::new();
        for aspect in 0..3 {
            let mut unit = [0.0; 3];
            unit[aspect] = 1.0;
            let labelled = (0..400).map(|k| draw(aspect as u32 + 1, k % 30, &unit));
            comparisons.extend(labelled);
        }
        for (rater, mix) in weights.iter().enumerate() {
            comparisons.extend((0..each).map(|_| draw(0, rater as u32, mix)));
        }
        Judgements {
            aspects: ["overall", "growth", "equality", "simplicity"]
                .map(str::to_owned)
                .to_vec(),
            ..Judgements::of_comparisons(items, comparisons).unwrap()
        }
    }

    /// Exponential weights of 30 raters, with sum 1 (uniform on the simplex) or of mean 0.3.
    fn drawn(mixture: Mixture) -> Vec<Vec<f64>> {
        let mut rng = Streams::new(9, "weights").at(0, 0);
        (0..30)
            .map(|_| {
                let draw: Vec<f64> = (0..3).map(|_| -rng.random::<f64>().ln()).collect();
                let sum: f64 = draw.iter().sum();
                let scale = match mixture {
                    Mixture::Simplex => 1.0 / sum,
                    Mixture::NonNegative => 0.3,
                };
                draw.iter().map(|x| scale * x).collect()
            })
            .collect()
    }

    /// Planted weights of 30 raters come back, with sum 1 and without, and so do the aspects' scores.
    #[test]
    fn planted_weights_come_back() {
        for mixture in [Mixture::Simplex, Mixture::NonNegative] {
            let truth = drawn(mixture);
            let data = planted(&truth, 300, 1);
            let mut model = Aspects {
                ridge: 0.1,
                rater_ridge: 0.5,
                mixture,
                ..Aspects::default()
            };
            model.fit(&data, 0).unwrap();
            let (mut error, mut spread) = (0.0, 0.0);
            for (rater, truth) in truth.iter().enumerate() {
                let found = model.weights(rater as u32);
                if mixture == Mixture::Simplex {
                    assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                }
                let mean = truth.iter().sum::<f64>() / 3.0;
                for (found, truth) in found.iter().zip(truth) {
                    error += (found - truth).powi(2);
                    spread += (truth - mean).powi(2);
                }
            }
            assert!(error / spread < 0.2);
            for (k, head) in HEADS.iter().enumerate() {
                let slope: [f64; 4] = std::array::from_fn(|j| {
                    let mut unit = [0.0; 4];
                    unit[j] = 1.0;
                    model.scores(&unit)[k] - model.scores(&[0.0; 4])[k]
                });
                let length = |x: &[f64]| dot(x, x).sqrt();
                let alike = dot(&slope, head) / (length(&slope) * length(head));
                let scale = length(&slope) / length(head);
                assert!(alike > 0.98 && (0.75..1.35).contains(&scale));
            }
            let (a, b) = (data.items.row(0), data.items.row(1));
            let view = View {
                aspect: Some(2),
                ..View::default()
            };
            let truth = logistic(dot(&HEADS[1], a) - dot(&HEADS[1], b));
            assert!((model.prob(a, b, view) - truth).abs() < 0.06);
            assert_eq!(model.score(a, View::default()), None);
        }
    }

    /// A rater without overall judgements has the weights of the others, in the middle of whom z̄ is.
    #[test]
    fn who_is_silent_is_like_the_others() {
        let mut data = planted(&vec![vec![0.7, 0.2, 0.1]; 30], 60, 2);
        data.comparisons.retain(|c| c.aspect != 0 || c.rater != 29);
        let mut model = Aspects {
            ridge: 0.1,
            ..Aspects::default()
        };
        model.fit(&data, 0).unwrap();
        for rater in [29, 30] {
            for (found, truth) in model.weights(rater).iter().zip([0.7, 0.2, 0.1]) {
                assert!((found - truth).abs() < 0.1, "{found} for {truth}");
            }
        }
    }

    #[test]
    fn overall_judgements_alone_are_refused() {
        let only =
            Judgements::of_comparisons(Items::identities(2), vec![Comparison::new(0, 1, 1.0)]);
        let error = Aspects::default().fit(&only.unwrap(), 0).unwrap_err();
        assert!(error.to_string().contains("no aspect"));
    }

    #[test]
    fn gradient_of_the_loss() {
        let mut data = planted(&drawn(Mixture::Simplex), 1, 3);
        data.comparisons.retain(|c| c.rater < 2);
        for mixture in [Mixture::Simplex, Mixture::NonNegative] {
            for head in [Head::Linear, Head::Hidden { units: 2 }] {
                let model = Aspects {
                    mixture,
                    head,
                    ..Aspects::default()
                };
                let loss =
                    |p: &[f64], g: &mut [f64]| model.loss(&data.items, &data.comparisons, 3, p, g);
                let count = 3 * head.parameters(4) + 3 + 6;
                let at: Vec<f64> = (0..count).map(|k| (k as f64).sin()).collect();
                assert!(gradient_error(&loss, &at) < 1e-6);
            }
        }
    }
}
