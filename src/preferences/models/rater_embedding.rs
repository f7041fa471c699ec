//! `rater-embedding`: a taste common to all and a few directions in which raters differ.

use super::axes::Axes;
use super::pal::product;
use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{best_of_starts, log_logistic, logistic, minimise, ridge};
use crate::preferences::head::{add_scaled, dot};
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use crate::random::Streams;
use rand::RngExt;

/// P_r(a ≻ b) = σ(s_r(a) − s_r(b)), s_r(x) = θ·x + u_r·(Ux),
///
/// θ common to all raters, U of d rows: directions of taste, and u_r in R^d where rater r stands in them,
/// on features of mean 0 and variance 1; the maximum a posteriori under θ, U ~ N(0, 1/ridge) and
/// u_r ~ N(0, 1/rater_ridge), the best of several random starts. Scores are in logits.
///
/// Raters borrow from each other through θ and U, so that few comparisons of each are enough. Without a
/// rater ([`View::rater`]) a probability is the mean over raters, and there is no score. A rater who judged
/// nothing has u = 0, the common taste; [`RaterEmbedding::new_rater`] finds u of one who was not there at
/// the fit. Low-rank personal rewards: Shenfeld et al. (2025), "Language model personalization via
/// reward factorization", arXiv 2503.06358, and Bose et al. (2025), "LoRe", arXiv 2504.14439, who keep u on
/// the simplex; here θ stands apart, with the priors of probabilistic matrix factorisation
/// (Salakhutdinov and Mnih 2008).
#[derive(Clone, Debug, PartialEq)]
pub struct RaterEmbedding {
    /// d, at least 1.
    pub dimension: usize,
    /// Precision of the prior on θ and U, above 0.
    pub ridge: f64,
    /// Precision of the prior on each u_r, above 0.
    pub rater_ridge: f64,
    /// Random starts, at least 1.
    pub starts: usize,
    pub(crate) fitted: Option<Fitted>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    scaling: Scaling,
    /// θ.
    common: Vec<f64>,
    /// U, row by row.
    directions: Vec<f64>,
    /// u by rater.
    raters: Vec<Vec<f64>>,
}

impl Default for RaterEmbedding {
    fn default() -> Self {
        RaterEmbedding {
            dimension: 2,
            ridge: 1.0,
            rater_ridge: 1.0,
            starts: 4,
            fitted: None,
        }
    }
}

impl RaterEmbedding {
    /// u of a rater at the fit; 0 of a rater unknown to it.
    pub fn embedding(&self, rater: u32) -> Vec<f64> {
        let known = self
            .fitted
            .as_ref()
            .and_then(|f| f.raters.get(rater as usize));
        known.cloned().unwrap_or_else(|| vec![0.0; self.dimension])
    }

    /// θ + Uᵀu, in logits per unit of each raw feature: what the taste of a rater at `u` is. None before
    /// a fit.
    pub fn taste(&self, u: &[f64]) -> Option<Vec<f64>> {
        let fitted = self.fitted.as_ref()?;
        let mut taste = fitted.common.clone();
        for (u, direction) in u.iter().zip(fitted.directions.chunks_exact(taste.len())) {
            add_scaled(&mut taste, *u, direction);
        }
        taste
            .iter_mut()
            .zip(&fitted.scaling.spread)
            .for_each(|(t, s)| *t /= s);
        Some(taste)
    }

    /// u of a rater who was not there at the fit, from a few comparisons, whoever they name as their
    /// rater: a convex fit of u alone, under its prior.
    ///
    /// # Errors
    /// No fit; items of other features; no comparison.
    pub fn new_rater(&self, data: &Judgements) -> Result<Vec<f64>> {
        let Some(fitted) = &self.fitted else {
            return Err(Error::run("rater-embedding: a new rater before any fit"));
        };
        let width = fitted.common.len();
        if data.items.width() != width {
            return Err(
                Error::input("rater-embedding: a new rater's items have other features")
                    .value(data.items.width())
                    .allowed(width),
            );
        }
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run(
                "rater-embedding: no comparison of the new rater",
            ));
        }
        let parts: Vec<(f64, Vec<f64>)> = (pairs.iter())
            .map(|pair| {
                let row = |item| fitted.scaling.apply(data.items.row(item));
                let apart: Vec<f64> = row(pair.a)
                    .iter()
                    .zip(row(pair.b))
                    .map(|(a, b)| a - b)
                    .collect();
                (
                    dot(&fitted.common, &apart),
                    product(&fitted.directions, &apart),
                )
            })
            .collect();
        let loss = |u: &[f64], gradient: &mut [f64]| {
            let mut loss = ridge(self.rater_ridge, u, gradient);
            for (pair, (common, part)) in pairs.iter().zip(&parts) {
                let delta = common + dot(u, part);
                loss -= pair.weight * (log_logistic(delta) - (1.0 - pair.outcome) * delta);
                add_scaled(
                    gradient,
                    pair.weight * (logistic(delta) - pair.outcome),
                    part,
                );
            }
            loss
        };
        Ok(minimise(&loss, vec![0.0; self.dimension])?.parameters)
    }

    /// s of an item in the eyes of a rater at `u`; 0 before a fit.
    pub fn score_with(&self, item: &[f64], u: &[f64]) -> f64 {
        let Some(fitted) = &self.fitted else {
            return 0.0;
        };
        let x = fitted.scaling.apply(item);
        dot(&fitted.common, &x) + dot(u, &product(&fitted.directions, &x))
    }

    /// Parameters: θ, then U, then u by rater. Without the prior.
    fn loss(
        &self,
        items: &Items,
        pairs: &[Comparison],
        parameters: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let (d, width) = (self.dimension, items.width());
        let (common, rest) = parameters.split_at(width);
        let (directions, raters) = rest.split_at(d * width);
        let shared: Vec<f64> = items.rows().map(|row| dot(common, row)).collect();
        let places: Vec<Vec<f64>> = items.rows().map(|row| product(directions, row)).collect();
        let mut shared_slopes = vec![0.0; shared.len()];
        let mut place_slopes = vec![vec![0.0; d]; places.len()];
        let (common_gradient, rest) = gradient.split_at_mut(width);
        let (direction_gradient, rater_gradient) = rest.split_at_mut(d * width);
        let mut loss = 0.0;
        for pair in pairs {
            let (a, b, r) = (pair.a as usize, pair.b as usize, pair.rater as usize);
            let u = &raters[r * d..][..d];
            let delta = shared[a] - shared[b] + dot(u, &places[a]) - dot(u, &places[b]);
            loss -= pair.weight * (log_logistic(delta) - (1.0 - pair.outcome) * delta);
            let slope = pair.weight * (logistic(delta) - pair.outcome);
            for (item, slope) in [(a, slope), (b, -slope)] {
                shared_slopes[item] += slope;
                add_scaled(&mut place_slopes[item], slope, u);
                add_scaled(&mut rater_gradient[r * d..][..d], slope, &places[item]);
            }
        }
        for (k, row) in items.rows().enumerate() {
            add_scaled(common_gradient, shared_slopes[k], row);
            for (gradient, &slope) in direction_gradient
                .chunks_exact_mut(width)
                .zip(&place_slopes[k])
            {
                add_scaled(gradient, slope, row);
            }
        }
        loss
    }
}

impl PreferenceModel for RaterEmbedding {
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("rater-embedding: no comparison to learn from"));
        }
        let scaling = data.items.scaling();
        let items = scaling.apply_to(&data.items);
        let axes = Axes::of(&items, &pairs, self.ridge).with_long_axes();
        let items = axes.turn(&items)?;
        let (d, width) = (self.dimension, items.width());
        let shared = width * (1 + d);
        let loss = |parameters: &[f64], gradient: &mut [f64]| {
            let (common, own) = parameters.split_at(shared);
            self.loss(&items, &pairs, parameters, gradient)
                + axes.ridge(common, &mut gradient[..shared])
                + ridge(self.rater_ridge, own, &mut gradient[shared..])
        };
        let streams = Streams::new(seed, "rater-embedding start");
        let starts = (0..self.starts as u64)
            .map(|start| {
                let mut rng = streams.at(start, 0);
                let mut draw = |reach: f64| reach * (2.0 * rng.random::<f64>() - 1.0);
                // The common taste from 0; U and u not, which would be a saddle.
                let mut all = vec![0.0; width];
                all.extend((0..d * width).map(|_| draw(axes.unit / (width as f64).sqrt())));
                all.extend((0..d * data.raters as usize).map(|_| draw(0.5)));
                all
            })
            .collect();
        let found = best_of_starts(&loss, starts)?.parameters;
        self.fitted = Some(Fitted {
            scaling,
            common: axes.back(&found[..width]),
            directions: axes.back(&found[width..shared]),
            raters: found[shared..]
                .chunks_exact(d)
                .map(<[f64]>::to_vec)
                .collect(),
        });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        let of = |u: &[f64]| logistic(self.score_with(a, u) - self.score_with(b, u));
        match (view.rater, &self.fitted) {
            (_, None) => 0.5,
            (Some(rater), _) => of(&self.embedding(rater)),
            (None, Some(fitted)) => {
                let n = fitted.raters.len().max(1) as f64;
                fitted.raters.iter().map(|u| of(u)).sum::<f64>() / n
            }
        }
    }

    /// None without a rater.
    fn score(&self, item: &[f64], view: View) -> Option<f64> {
        view.rater
            .map(|rater| self.score_with(item, &self.embedding(rater)))
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
    use crate::preferences::evaluate;
    use crate::preferences::fit::gradient_error;
    use crate::preferences::models::bradley_terry::BradleyTerry;
    use rand_chacha::ChaCha8Rng;

    const WIDTH: usize = 8;

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }

    fn answers(
        rng: &mut ChaCha8Rng,
        items: &Items,
        rater: u32,
        count: usize,
        taste: &[f64],
    ) -> Vec<Comparison> {
        (0..count)
            .map(|_| {
                let n = items.len() as u32;
                let (a, b) = (rng.random_range(0..n), rng.random_range(0..n));
                let p = logistic(dot(taste, items.row(a)) - dot(taste, items.row(b)));
                Comparison::new(a, b, f64::from(u8::from(rng.random::<f64>() < p))).by(rater)
            })
            .collect()
    }

    /// Cosine of the angle between two tastes.
    fn alike(a: &[f64], b: &[f64]) -> f64 {
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    /// Tastes planted in a plane of eight dimensions: they come back from 25 comparisons of each of 120
    /// raters, better than from a fit for each alone or for all together, and those of new raters from 5.
    #[test]
    fn planted_tastes_come_back() {
        let mut rng = Streams::new(1, "planted").at(0, 0);
        let features = (0..100 * WIDTH).map(|_| normal(&mut rng)).collect();
        let names = (0..WIDTH).map(|k| format!("x{k}")).collect();
        let items = Items::new(names, features).unwrap();
        let common = [1.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0];
        let directions = [
            [0.0, 1.5, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.5, 0.0, 1.0, 0.0, 0.0],
        ];
        let taste = |rng: &mut ChaCha8Rng| {
            let mut taste = common.to_vec();
            directions
                .iter()
                .for_each(|d| add_scaled(&mut taste, normal(rng), d));
            taste
        };
        let truth: Vec<Vec<f64>> = (0..120).map(|_| taste(&mut rng)).collect();
        let mut comparisons = Vec::new();
        for (rater, taste) in truth.iter().enumerate() {
            comparisons.extend(answers(&mut rng, &items, rater as u32, 25, taste));
        }
        let data = Judgements::of_comparisons(items.clone(), comparisons).unwrap();
        let (train, held) = data.split(0.2, 1);
        let mut model = RaterEmbedding::default();
        model.fit(&train, 0).unwrap();
        let mean = |tastes: &dyn Fn(u32) -> Vec<f64>| -> f64 {
            (0..120)
                .map(|r| alike(&tastes(r), &truth[r as usize]))
                .sum::<f64>()
                / 120.0
        };
        let own = mean(&|r| model.taste(&model.embedding(r)).unwrap());
        let one_by_one = mean(&|r| {
            let of_rater = Judgements {
                comparisons: (train.comparisons.iter().filter(|c| c.rater == r))
                    .cloned()
                    .collect(),
                ..train.clone()
            };
            let mut alone = BradleyTerry::default();
            alone.fit(&of_rater, 0).unwrap();
            alone.coefficients().unwrap()
        });
        let mut together = BradleyTerry::default();
        together.fit(&train, 0).unwrap();
        let all = mean(&|_| together.coefficients().unwrap());
        assert!(own > 0.9 && own > one_by_one + 0.1 && own > all + 0.1);
        let knows = evaluate(&model, &held);
        let pooled = evaluate(&together, &held);
        assert!(knows.log_loss < pooled.log_loss - 0.1);
        let (mut new, mut none) = (0.0, 0.0);
        for _ in 0..100 {
            let taste = taste(&mut rng);
            let few = answers(&mut rng, &items, 0, 5, &taste);
            let few = Judgements::of_comparisons(items.clone(), few).unwrap();
            let u = model.new_rater(&few).unwrap();
            new += alike(&model.taste(&u).unwrap(), &taste) / 100.0;
            none += alike(&model.taste(&[0.0; 2]).unwrap(), &taste) / 100.0;
        }
        assert!(new > none + 0.15);
        let average = model.prob(items.row(0), items.row(1), View::default());
        let by_rater = |r| model.prob(items.row(0), items.row(1), View::of_rater(r));
        assert!((average - (0..120).map(by_rater).sum::<f64>() / 120.0).abs() < 1e-12);
    }

    #[test]
    fn gradient_of_the_loss() {
        let mut rng = Streams::new(3, "planted").at(0, 0);
        let features = (0..20).map(|_| normal(&mut rng)).collect();
        let items = Items::new(vec!["x".into(), "y".into()], features).unwrap();
        let mut comparisons = answers(&mut rng, &items, 0, 5, &[1.0, 0.0]);
        comparisons.extend(answers(&mut rng, &items, 1, 5, &[0.0, 1.0]));
        let model = RaterEmbedding {
            dimension: 3,
            ..RaterEmbedding::default()
        };
        let at: Vec<f64> = (0..2 + 6 + 6).map(|k| (k as f64).sin()).collect();
        let loss = |p: &[f64], g: &mut [f64]| model.loss(&items, &comparisons, p, g);
        assert!(gradient_error(&loss, &at) < 1e-7);
    }
}
