//! `pal`: ideal points, each rater's a mixture of a few prototypes.

use super::axes::Axes;
use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{best_of_starts, log_logistic, logistic, ridge};
use crate::preferences::head::{add_scaled, dot};
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use crate::random::Streams;
use rand::RngExt;

/// Rater r likes an item the better the nearer it is to an ideal point of their own:
///
/// P_r(a ≻ b) = σ(s_r(a) − s_r(b)), s_r(x) = −‖f(x) − Σₖ w_rk Pₖ‖²,
///
/// f(x) = Ax in R^d linear in features of mean 0 and variance 1, K prototypes Pₖ in R^d that all raters
/// share, and weights w_r = softmax(z_r) on the simplex; the maximum a posteriori under A, P ~
/// N(0, 1/ridge) and z ~ N(0, 1/rater_ridge), the best of several random starts. Scores are in logits.
/// Where tastes have no ideal within reach (the more the better), f becomes small and the prototypes far;
/// [`Form::Vector`] says so from the start: s_r(x) = f(x)·Σₖ w_rk Pₖ, the limit of ideals far away.
///
/// Without a rater ([`View::rater`]) a probability is the mean over raters, and there is no score. A
/// rater who judged nothing has equal weights; [`PrototypeMixture::new_rater`] finds those of one who was
/// not there at the fit. Chen et al. (2024), "PAL: pluralistic alignment framework for learning from
/// heterogeneous preferences", arXiv 2406.08469, from the ideal points of Coombs (1950); vectors after
/// Tucker (1960).
#[derive(Clone, Debug, PartialEq)]
pub struct PrototypeMixture {
    /// K, at least 1.
    pub prototypes: usize,
    /// d, at least 1.
    pub dimension: usize,
    /// Precision of the prior on A and P, above 0.
    pub ridge: f64,
    /// Precision of the prior on z, above 0.
    pub rater_ridge: f64,
    /// Random starts, at least 1.
    pub starts: usize,
    /// What tastes are.
    pub form: Form,
    pub(crate) fitted: Option<Fitted>,
}

/// How a rater's taste and the place of an item make a score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The nearer to an ideal point the better: −‖f − p‖².
    #[default]
    IdealPoint,
    /// The farther along a vector the better: f·p.
    Vector,
}

impl Form {
    /// c and q of the score c·f·p − q(‖f‖² + ‖p‖²).
    fn parts(self) -> (f64, f64) {
        match self {
            Form::IdealPoint => (2.0, 1.0),
            Form::Vector => (1.0, 0.0),
        }
    }

    fn score(self, f: &[f64], p: &[f64]) -> f64 {
        match self {
            Form::IdealPoint => -(f.iter().zip(p)).map(|(f, p)| (f - p).powi(2)).sum::<f64>(),
            Form::Vector => dot(f, p),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    scaling: Scaling,
    /// A, row by row.
    map: Vec<f64>,
    /// One after the other.
    prototypes: Vec<f64>,
    /// By rater.
    weights: Vec<Vec<f64>>,
}

impl Default for PrototypeMixture {
    fn default() -> Self {
        PrototypeMixture {
            prototypes: 2,
            dimension: 2,
            ridge: 1.0,
            rater_ridge: 0.1,
            starts: 6,
            form: Form::default(),
            fitted: None,
        }
    }
}

/// exp zₖ/Σⱼ exp zⱼ.
pub(super) fn softmax(z: &[f64]) -> Vec<f64> {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights: Vec<f64> = z.iter().map(|z| (z - top).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

/// Adds the derivatives by z of what has derivatives `slopes` by w = softmax(z).
pub(super) fn softmax_slopes(w: &[f64], slopes: &[f64], gradient: &mut [f64]) {
    let mean = dot(w, slopes);
    for ((g, w), slope) in gradient.iter_mut().zip(w).zip(slopes) {
        *g += w * (slope - mean);
    }
}

/// Rows of a matrix times x.
pub(super) fn product(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix
        .chunks_exact(x.len())
        .map(|row| dot(row, x))
        .collect()
}

/// Σₖ wₖ Pₖ.
fn mixture(w: &[f64], prototypes: &[f64], dimension: usize) -> Vec<f64> {
    let mut ideal = vec![0.0; dimension];
    for (w, p) in w.iter().zip(prototypes.chunks_exact(dimension)) {
        add_scaled(&mut ideal, *w, p);
    }
    ideal
}

impl PrototypeMixture {
    /// The weights of a rater at the fit; equal ones of a rater unknown to it.
    pub fn weights(&self, rater: u32) -> Vec<f64> {
        let known = self
            .fitted
            .as_ref()
            .and_then(|f| f.weights.get(rater as usize));
        known
            .cloned()
            .unwrap_or_else(|| vec![1.0 / self.prototypes as f64; self.prototypes])
    }

    /// The prototype with the largest weight: the group to which a rater belongs.
    pub fn group(&self, rater: u32) -> usize {
        let weights = self.weights(rater);
        (0..weights.len()).fold(
            0,
            |best, k| if weights[k] > weights[best] { k } else { best },
        )
    }

    /// Weights of a rater who was not there at the fit, from a few comparisons, whoever they name as
    /// their rater: w alone is fitted, under its prior.
    ///
    /// # Errors
    /// No fit; items of other features; no comparison.
    pub fn new_rater(&self, data: &Judgements) -> Result<Vec<f64>> {
        let Some(fitted) = &self.fitted else {
            return Err(Error::run("pal: a new rater before any fit"));
        };
        if data.items.width() != fitted.scaling.mean.len() {
            return Err(Error::input("pal: a new rater's items have other features")
                .value(data.items.width())
                .allowed(fitted.scaling.mean.len()));
        }
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("pal: no comparison of the new rater"));
        }
        let places: Vec<Vec<f64>> = (data.items.rows())
            .map(|row| product(&fitted.map, &fitted.scaling.apply(row)))
            .collect();
        let (k, d) = (self.prototypes, self.dimension);
        // s(a) − s(b) = Σₖ wₖ·(q(‖f(b)‖² − ‖f(a)‖²) + c·Pₖ·(f(a) − f(b))), linear in w.
        let (c, q) = self.form.parts();
        let parts: Vec<Vec<f64>> = (pairs.iter())
            .map(|pair| {
                let (a, b) = (&places[pair.a as usize], &places[pair.b as usize]);
                let apart: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
                (fitted.prototypes.chunks_exact(d))
                    .map(|p| q * (dot(b, b) - dot(a, a)) + c * dot(p, &apart))
                    .collect()
            })
            .collect();
        let loss = |z: &[f64], gradient: &mut [f64]| {
            let w = softmax(z);
            let mut slopes = vec![0.0; k];
            let mut loss = ridge(self.rater_ridge, z, gradient);
            for (pair, part) in pairs.iter().zip(&parts) {
                let delta = dot(&w, part);
                loss -= pair.weight * (log_logistic(delta) - (1.0 - pair.outcome) * delta);
                add_scaled(
                    &mut slopes,
                    pair.weight * (logistic(delta) - pair.outcome),
                    part,
                );
            }
            softmax_slopes(&w, &slopes, gradient);
            loss
        };
        // The middle of the simplex, and near each of its corners.
        let mut starts = vec![vec![0.0; k]; k + 1];
        (0..k).for_each(|corner| starts[corner][corner] = 2.0);
        Ok(softmax(&best_of_starts(&loss, starts)?.parameters))
    }

    /// s of an item in the eyes of a rater with these weights; 0 before a fit.
    pub fn score_with(&self, item: &[f64], weights: &[f64]) -> f64 {
        let Some(fitted) = &self.fitted else {
            return 0.0;
        };
        let place = product(&fitted.map, &fitted.scaling.apply(item));
        let ideal = mixture(weights, &fitted.prototypes, self.dimension);
        self.form.score(&place, &ideal)
    }

    /// Parameters: A, then P, then z by rater. Without the prior.
    fn loss(
        &self,
        items: &Items,
        pairs: &[Comparison],
        parameters: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let (k, d, width) = (self.prototypes, self.dimension, items.width());
        let (map, rest) = parameters.split_at(d * width);
        let (prototypes, z) = rest.split_at(k * d);
        let places: Vec<Vec<f64>> = items.rows().map(|row| product(map, row)).collect();
        let weights: Vec<Vec<f64>> = z.chunks_exact(k).map(softmax).collect();
        let ideals: Vec<Vec<f64>> = weights.iter().map(|w| mixture(w, prototypes, d)).collect();
        let mut place_slopes = vec![vec![0.0; d]; places.len()];
        let mut ideal_slopes = vec![vec![0.0; d]; ideals.len()];
        let mut loss = 0.0;
        let (c, q) = self.form.parts();
        for pair in pairs {
            let (a, b, r) = (pair.a as usize, pair.b as usize, pair.rater as usize);
            let (fa, fb, ideal) = (&places[a], &places[b], &ideals[r]);
            let delta = self.form.score(fa, ideal) - self.form.score(fb, ideal);
            loss -= pair.weight * (log_logistic(delta) - (1.0 - pair.outcome) * delta);
            let slope = c * pair.weight * (logistic(delta) - pair.outcome);
            for j in 0..d {
                place_slopes[a][j] += slope * (ideal[j] - q * fa[j]);
                place_slopes[b][j] -= slope * (ideal[j] - q * fb[j]);
                ideal_slopes[r][j] += slope * (fa[j] - fb[j]);
            }
        }
        let (map_gradient, rest) = gradient.split_at_mut(d * width);
        let (prototype_gradient, z_gradient) = rest.split_at_mut(k * d);
        for (row, slopes) in items.rows().zip(&place_slopes) {
            for (gradient, &slope) in map_gradient.chunks_exact_mut(width).zip(slopes) {
                add_scaled(gradient, slope, row);
            }
        }
        for ((w, slopes), z_gradient) in
            (weights.iter().zip(&ideal_slopes)).zip(z_gradient.chunks_exact_mut(k))
        {
            for (gradient, &w) in prototype_gradient.chunks_exact_mut(d).zip(w) {
                add_scaled(gradient, w, slopes);
            }
            softmax_slopes(w, &product(prototypes, slopes), z_gradient);
        }
        loss
    }
}

impl PreferenceModel for PrototypeMixture {
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("pal: no comparison to learn from"));
        }
        let scaling = data.items.scaling();
        let items = scaling.apply_to(&data.items);
        let axes = Axes::of(&items, &pairs, self.ridge);
        let items = axes.turn(&items)?;
        let (k, d, width) = (self.prototypes, self.dimension, items.width());
        let shared = d * (width + k);
        let loss = |parameters: &[f64], gradient: &mut [f64]| {
            let mut loss = self.loss(&items, &pairs, parameters, gradient);
            let (map, rest) = parameters.split_at(d * width);
            let (map_gradient, rest_gradient) = gradient.split_at_mut(d * width);
            loss += axes.ridge(map, map_gradient);
            let (prototypes, own) = rest.split_at(k * d);
            let (prototype_gradient, own_gradient) = rest_gradient.split_at_mut(k * d);
            loss += ridge(self.ridge, prototypes, prototype_gradient);
            loss + ridge(self.rater_ridge, own, own_gradient)
        };
        let streams = Streams::new(seed, "pal start");
        let reach = axes.unit / (width as f64).sqrt();
        let starts = (0..self.starts as u64)
            .map(|start| {
                let mut rng = streams.at(start, 0);
                let mut draw = |count: usize, reach: f64| -> Vec<f64> {
                    (0..count)
                        .map(|_| reach * (2.0 * rng.random::<f64>() - 1.0))
                        .collect()
                };
                let mut all = draw(d * width, reach);
                all.extend(draw(k * d, 1.0));
                all.extend(draw(k * data.raters as usize, 0.5));
                all
            })
            .collect();
        let found = best_of_starts(&loss, starts)?.parameters;
        self.fitted = Some(Fitted {
            scaling,
            map: axes.back(&found[..d * width]),
            prototypes: found[d * width..shared].to_vec(),
            weights: found[shared..].chunks_exact(k).map(softmax).collect(),
        });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        let of =
            |weights: &[f64]| logistic(self.score_with(a, weights) - self.score_with(b, weights));
        match (view.rater, &self.fitted) {
            (_, None) => 0.5,
            (Some(rater), _) => of(&self.weights(rater)),
            (None, Some(fitted)) => {
                let n = fitted.weights.len().max(1) as f64;
                fitted.weights.iter().map(|w| of(w)).sum::<f64>() / n
            }
        }
    }

    /// None without a rater.
    fn score(&self, item: &[f64], view: View) -> Option<f64> {
        view.rater
            .map(|rater| self.score_with(item, &self.weights(rater)))
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

    /// Adjusted Rand index of two partitions (Hubert and Arabie 1985).
    fn adjusted_rand(a: &[usize], b: &[usize]) -> f64 {
        let pairs = |n: usize| (n * n.saturating_sub(1)) as f64 / 2.0;
        let most = |x: &[usize]| x.iter().max().unwrap() + 1;
        let (rows, columns) = (most(a), most(b));
        let mut table = vec![vec![0; columns]; rows];
        a.iter().zip(b).for_each(|(&a, &b)| table[a][b] += 1);
        let both: f64 = table.iter().flatten().map(|&n| pairs(n)).sum();
        let by_row: f64 = table.iter().map(|row| pairs(row.iter().sum())).sum();
        let by_column: f64 = (0..columns)
            .map(|j| pairs(table.iter().map(|row| row[j]).sum()))
            .sum();
        let expected = by_row * by_column / pairs(a.len());
        (both - expected) / ((by_row + by_column) / 2.0 - expected)
    }

    #[test]
    fn adjusted_rand_by_hand() {
        assert!((adjusted_rand(&[0, 0, 1, 1], &[1, 1, 0, 0]) - 1.0).abs() < 1e-12);
        // Pairs within: both 1, rows 2, columns 3; 6 pairs: (1 − 1)/(2.5 − 1).
        assert!(adjusted_rand(&[0, 0, 1, 1], &[0, 0, 0, 1]).abs() < 1e-12);
    }

    fn items(rng: &mut ChaCha8Rng, width: usize) -> Items {
        let features = (0..80 * width)
            .map(|_| 2.0 * rng.random::<f64>() - 1.0)
            .collect();
        Items::new((0..width).map(|k| format!("x{k}")).collect(), features).unwrap()
    }

    fn answers(
        rng: &mut ChaCha8Rng,
        items: &Items,
        rater: u32,
        count: usize,
        score: impl Fn(&[f64]) -> f64,
    ) -> Vec<Comparison> {
        (0..count)
            .map(|_| {
                let n = items.len() as u32;
                let (a, b) = (rng.random_range(0..n), rng.random_range(0..n));
                let p = logistic(score(items.row(a)) - score(items.row(b)));
                Comparison::new(a, b, f64::from(u8::from(rng.random::<f64>() < p))).by(rater)
            })
            .collect()
    }

    /// Three groups of raters with ideal points in the plane of two of four features, 30 comparisons
    /// each: the groups come back, and 5 pairs tell the group of more than 8 in 10 new raters, of whom
    /// almost all would be told by who knows the three true scores.
    #[test]
    fn planted_groups_come_back() {
        let ideal = [[0.8, 0.0], [-0.6, 0.7], [-0.4, -0.8]];
        let score = |group: usize, x: &[f64]| {
            -4.0 * ((x[0] - ideal[group][0]).powi(2) + (x[1] - ideal[group][1]).powi(2))
        };
        let mut rng = Streams::new(1, "planted").at(0, 0);
        let items = items(&mut rng, 4);
        let truth: Vec<usize> = (0..60).map(|r| r % 3).collect();
        let mut comparisons = Vec::new();
        for (rater, &group) in truth.iter().enumerate() {
            let own = answers(&mut rng, &items, rater as u32, 30, |x| score(group, x));
            comparisons.extend(own);
        }
        let data = Judgements::of_comparisons(items.clone(), comparisons).unwrap();
        let mut model = PrototypeMixture {
            prototypes: 3,
            ..PrototypeMixture::default()
        };
        model.fit(&data, 0).unwrap();
        let found: Vec<usize> = (0..60).map(|r| model.group(r)).collect();
        let rand = adjusted_rand(&truth, &found);
        assert!(rand > 0.95, "{rand}");
        let (mut right, mut knower_right) = (0, 0);
        let (mut own_accuracy, mut common_accuracy) = (0.0, 0.0);
        for (group, &label) in found.iter().enumerate().take(3) {
            for _ in 0..20 {
                let few = answers(&mut rng, &items, 0, 5, |x| score(group, x));
                let likelihood = |group: usize| -> f64 {
                    (few.iter())
                        .map(|c| {
                            let sign = 2.0 * c.outcome - 1.0;
                            let of = |item| score(group, items.row(item));
                            log_logistic(sign * (of(c.a) - of(c.b)))
                        })
                        .sum()
                };
                knower_right += usize::from((0..3).all(|k| likelihood(k) <= likelihood(group)));
                let few = Judgements::of_comparisons(items.clone(), few).unwrap();
                let w = model.new_rater(&few).unwrap();
                right += usize::from((0..3).all(|k| w[k] <= w[label]));
                for _ in 0..50 {
                    let (a, b) = (rng.random_range(0..80), rng.random_range(0..80));
                    let (a, b) = (items.row(a), items.row(b));
                    let better = score(group, a) > score(group, b);
                    let own = model.score_with(a, &w) > model.score_with(b, &w);
                    let common = model.prob(a, b, View::default()) > 0.5;
                    own_accuracy += f64::from(u8::from(own == better)) / 3000.0;
                    common_accuracy += f64::from(u8::from(common == better)) / 3000.0;
                }
            }
        }
        assert!(right >= 48 && knower_right >= right);
        assert!(own_accuracy > common_accuracy + 0.1);
    }

    /// Half like what the other half dislike: one score for all knows nothing, two prototypes know
    /// whose taste is whose.
    #[test]
    fn two_groups_with_opposed_tastes() {
        let mut rng = Streams::new(2, "planted").at(0, 0);
        let items = items(&mut rng, 3);
        let taste = |rater: u32| if rater.is_multiple_of(2) { 6.0 } else { -6.0 };
        let mut comparisons = Vec::new();
        for rater in 0..40 {
            comparisons.extend(answers(&mut rng, &items, rater, 25, |x| {
                taste(rater) * x[0]
            }));
        }
        let data = Judgements::of_comparisons(items.clone(), comparisons).unwrap();
        let (train, held) = data.split(0.2, 1);
        let mut model = PrototypeMixture::default();
        let mut common = BradleyTerry::default();
        model.fit(&train, 0).unwrap();
        common.fit(&train, 0).unwrap();
        let (own, one) = (evaluate(&model, &held), evaluate(&common, &held));
        assert!(own.accuracy > 0.85 && one.accuracy < 0.6);
        let truth: Vec<usize> = (0..40).map(|r| r % 2).collect();
        let found: Vec<usize> = (0..40).map(|r| model.group(r)).collect();
        assert!(adjusted_rand(&truth, &found) > 0.95);
        // Both groups as one: nobody's favourite.
        let p = model.prob(&[0.8, 0.0, 0.0], &[-0.8, 0.0, 0.0], View::default());
        assert!((p - 0.5).abs() < 0.1, "{p}");
        assert_eq!(model.score(items.row(0), View::default()), None);
    }

    /// Features that are nearly the same, and tastes that differ by degrees.
    #[test]
    fn collinear_features_settle() {
        let mut rng = Streams::new(4, "planted").at(0, 0);
        let rows: Vec<f64> = (0..64)
            .flat_map(|_| {
                let x: [f64; 3] = std::array::from_fn(|_| 2.0 * rng.random::<f64>() - 1.0);
                let mix: Vec<f64> = (0..12)
                    .map(|k| {
                        let t = f64::from(k) / 12.0;
                        x[0] + t * x[1] + 0.3 * t * t * x[2] + 0.001 * rng.random::<f64>()
                    })
                    .collect();
                mix
            })
            .collect();
        let items = Items::new((0..12).map(|k| format!("x{k}")).collect(), rows).unwrap();
        let mut comparisons = Vec::new();
        for rater in 0..60 {
            let (t, sign) = (
                f64::from(rater) / 60.0,
                if rater % 2 == 0 { 20.0 } else { -20.0 },
            );
            let score = |x: &[f64]| 8.0 * ((1.0 - t) * x[0] + t * x[6]) + sign * (x[11] - x[0]);
            comparisons.extend(answers(&mut rng, &items, rater, 40, score));
        }
        let data = Judgements::of_comparisons(items, comparisons).unwrap();
        for (ridge, rater_ridge) in [(1.0, 0.1), (0.1, 0.1), (1.0, 0.02)] {
            let mut model = PrototypeMixture {
                ridge,
                rater_ridge,
                starts: 1,
                ..PrototypeMixture::default()
            };
            model.fit(&data, 0).unwrap();
        }
    }

    #[test]
    fn gradient_of_the_loss() {
        let mut rng = Streams::new(3, "planted").at(0, 0);
        let items = items(&mut rng, 3);
        let mut comparisons = answers(&mut rng, &items, 0, 5, |x| x[0]);
        comparisons.extend(answers(&mut rng, &items, 1, 5, |x| x[1]));
        for form in [Form::IdealPoint, Form::Vector] {
            let model = PrototypeMixture {
                prototypes: 3,
                form,
                ..PrototypeMixture::default()
            };
            let at: Vec<f64> = (0..2 * 3 + 3 * 2 + 2 * 3)
                .map(|k| (k as f64).sin())
                .collect();
            let loss = |p: &[f64], g: &mut [f64]| model.loss(&items, &comparisons, p, g);
            assert!(gradient_error(&loss, &at) < 1e-7, "{form:?}");
        }
    }

    /// The more the better for all, and a second good of which half want more and half less: vectors
    /// find the planted tastes up to a scale, and the mean over raters is the common one. The scale
    /// comes out large, as every rater's own few answers are fitted too well.
    #[test]
    fn vectors_of_two_groups_come_back() {
        let mut rng = Streams::new(5, "planted").at(0, 0);
        let items = items(&mut rng, 6);
        let taste = |rater: u32| if rater.is_multiple_of(2) { 5.0 } else { -5.0 };
        let score = |rater: u32, x: &[f64]| 8.0 * x[0] + taste(rater) * x[1];
        let comparisons = (0..100)
            .flat_map(|rater| answers(&mut rng, &items, rater, 20, |x| score(rater, x)))
            .collect();
        let data = Judgements::of_comparisons(items.clone(), comparisons).unwrap();
        let mut model = PrototypeMixture {
            form: Form::Vector,
            ridge: 0.1,
            ..PrototypeMixture::default()
        };
        model.fit(&data, 0).unwrap();
        let slope = |rater: u32, k: usize| {
            let mut x = [0.0; 6];
            let view = View::of_rater(rater);
            let low = model.score(&x, view).unwrap();
            x[k] = 1.0;
            model.score(&x, view).unwrap() - low
        };
        let mean = |k: usize, of: &dyn Fn(u32) -> f64| {
            (0..100).map(|r| of(r) * slope(r, k)).sum::<f64>() / 100.0
        };
        let (common, contested) = (mean(0, &|_| 1.0), mean(1, &|r| taste(r) / 5.0));
        assert!(common > 6.0 && common < 13.0, "{common}");
        let ratio = contested / common;
        assert!((ratio - 5.0 / 8.0).abs() < 0.15, "{ratio}");
        for k in 1..6 {
            let of_common = mean(k, &|_| 1.0) / common;
            assert!(of_common.abs() < 0.15, "{k}: {of_common}");
        }
    }
}
