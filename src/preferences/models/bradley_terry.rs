//! `bradley-terry`: logistic preferences by a score.

use crate::error::{Error, Result};
use crate::preferences::data::{Scaling, group_numbers};
use crate::preferences::fit::{best_of_starts, log_logistic, logistic, minimise, ridge};
use crate::preferences::head::{Head, dot};
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use crate::random::Streams;
use nalgebra::{Cholesky, DMatrix, DVector};
use rand::RngExt;

/// P(a ≻ b) = σ(s(a) − s(b)), s by a [`Head`] on features of mean 0 and variance 1; the maximum a
/// posteriori under θ ~ N(0, 1/ridge):
///
/// min −Σᵢ wᵢ [yᵢ ln σ(Δᵢ) + (1−yᵢ) ln σ(−Δᵢ)] + ½·ridge·‖θ‖².
///
/// Scores are in logits: one unit multiplies the odds by e. All raters share them. With identity
/// features ([`Items::identities`]) every item has a score of its own. Rankings and ratings enter as
/// pairs ([`Judgements::all_comparisons`]). A weight counts as so many observations, in standard errors
/// too. Of raters who differ, the score is nearer to a Borda count over the compared items, in which a
/// rater weighs by its answers and not by how much it cares, than to a mean of utilities (Siththaranjan
/// et al. 2024, "Distributional preference learning: understanding and accounting for hidden context in
/// RLHF", arXiv 2312.08358). Source: Bradley and Terry (1952); the hidden
/// layer and the ensemble as in reward modelling from comparisons (Zhang et al. 2025, "BaseReward",
/// arXiv 2509.16127).
#[derive(Clone, Debug, PartialEq)]
pub struct BradleyTerry {
    /// Precision of the prior on the parameters of scaled features, above 0.
    pub ridge: f64,
    /// From features to scores.
    pub head: Head,
    /// Copies fitted to comparisons (whole groups) drawn with replacement, whose mean is the score and
    /// whose spread the standard error; 0 fits once to all, and a linear head then has its standard error from
    /// the curvature of the loss (Laplace).
    pub ensemble: usize,
    /// Whether features are scaled first; else the prior is on the parameters of raw features.
    pub scaled: bool,
    pub(crate) fitted: Option<Fitted>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    scaling: Scaling,
    /// One for each member of the ensemble.
    thetas: Vec<Vec<f64>>,
    /// Of a linear head fitted once: inverse of the loss's second derivatives.
    covariance: Option<DMatrix<f64>>,
}

impl Default for BradleyTerry {
    fn default() -> Self {
        BradleyTerry {
            ridge: 1.0,
            head: Head::Linear,
            ensemble: 0,
            scaled: true,
            fitted: None,
        }
    }
}

/// The loss over `pairs` with these weights in place of their own, without the prior.
pub(super) fn pair_loss(
    head: Head,
    items: &Items,
    pairs: &[Comparison],
    weights: &[f64],
    theta: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let scores: Vec<f64> = items.rows().map(|row| head.score(theta, row)).collect();
    let mut slopes = vec![0.0; scores.len()];
    let mut loss = 0.0;
    for (pair, &weight) in pairs.iter().zip(weights) {
        if weight == 0.0 {
            continue;
        }
        let (a, b) = (pair.a as usize, pair.b as usize);
        let delta = scores[a] - scores[b];
        let y = pair.outcome;
        // y ln σ(Δ) + (1−y) ln σ(−Δ) = ln σ(Δ) − (1−y)Δ.
        loss -= weight * (log_logistic(delta) - (1.0 - y) * delta);
        let slope = weight * (logistic(delta) - y);
        slopes[a] += slope;
        slopes[b] -= slope;
    }
    for (row, &slope) in items.rows().zip(&slopes) {
        if slope != 0.0 {
            head.backpropagate(theta, row, slope, gradient);
        }
    }
    loss
}

/// Starts of a fit whose loss has more than one valley.
const STARTS: u64 = 4;

impl BradleyTerry {
    /// The parameters of the linear head (in logits per unit of each raw feature), averaged over the
    /// ensemble; `None` before a fit or with a hidden layer.
    pub fn coefficients(&self) -> Option<Vec<f64>> {
        let fitted = self.fitted.as_ref().filter(|_| self.head == Head::Linear)?;
        let n = fitted.thetas.len() as f64;
        let spread = &fitted.scaling.spread;
        let mean = |k: usize| fitted.thetas.iter().map(|t| t[k]).sum::<f64>() / n;
        Some((0..spread.len()).map(|k| mean(k) / spread[k]).collect())
    }

    fn fit_once(
        &self,
        items: &Items,
        pairs: &[Comparison],
        weights: &[f64],
        seed: u64,
    ) -> Result<Vec<f64>> {
        let loss = |theta: &[f64], gradient: &mut [f64]| {
            pair_loss(self.head, items, pairs, weights, theta, gradient)
                + ridge(self.ridge, theta, gradient)
        };
        let streams = Streams::new(seed, "bradley-terry start");
        let start = |k: u64| self.head.start(items.width(), &mut streams.at(k, 0));
        Ok(match self.head {
            Head::Linear => minimise(&loss, start(0))?,
            Head::Hidden { .. } => best_of_starts(&loss, (0..STARTS).map(start).collect())?,
        }
        .parameters)
    }

    /// (Σ w p(1−p) d dᵀ + ridge·I)⁻¹, d = x_a − x_b: of a linear head.
    fn covariance(
        &self,
        items: &Items,
        pairs: &[Comparison],
        theta: &[f64],
    ) -> Option<DMatrix<f64>> {
        let width = items.width();
        let mut second = DMatrix::<f64>::identity(width, width) * self.ridge;
        let mut d = vec![0.0; width];
        for pair in pairs {
            let (a, b) = (items.row(pair.a), items.row(pair.b));
            d.iter_mut()
                .zip(a.iter().zip(b))
                .for_each(|(d, (a, b))| *d = a - b);
            let p = logistic(dot(theta, &d));
            let weight = pair.weight * p * (1.0 - p);
            for (i, &di) in d.iter().enumerate().filter(|(_, di)| **di != 0.0) {
                for (j, &dj) in d[..=i].iter().enumerate() {
                    second[(i, j)] += weight * di * dj;
                }
            }
        }
        for i in 0..width {
            for j in 0..i {
                second[(j, i)] = second[(i, j)];
            }
        }
        Cholesky::new(second).map(|factor| factor.inverse())
    }

    fn differences<'a>(
        &'a self,
        a: &'a [f64],
        b: &'a [f64],
    ) -> Option<impl Iterator<Item = f64> + 'a> {
        let fitted = self.fitted.as_ref()?;
        let (a, b) = (fitted.scaling.apply(a), fitted.scaling.apply(b));
        let head = self.head;
        Some((fitted.thetas.iter()).map(move |theta| head.score(theta, &a) - head.score(theta, &b)))
    }
}

impl PreferenceModel for BradleyTerry {
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("bradley-terry: no comparison to learn from"));
        }
        let scaling = match self.scaled {
            true => data.items.scaling(),
            false => Scaling {
                mean: vec![0.0; data.items.width()],
                spread: vec![1.0; data.items.width()],
            },
        };
        let items = scaling.apply_to(&data.items);
        let own: Vec<f64> = pairs.iter().map(|pair| pair.weight).collect();
        let mut covariance = None;
        let thetas = if self.ensemble == 0 {
            let theta = self.fit_once(&items, &pairs, &own, seed)?;
            if self.head == Head::Linear {
                covariance = self.covariance(&items, &pairs, &theta);
            }
            vec![theta]
        } else {
            let streams = Streams::new(seed, "bradley-terry ensemble");
            let (group, groups) = group_numbers(&pairs);
            (0..self.ensemble as u64)
                .map(|member| {
                    let mut rng = streams.at(member, 0);
                    let mut times = vec![0.0; groups];
                    for _ in 0..groups {
                        times[rng.random_range(0..groups)] += 1.0;
                    }
                    let weights: Vec<f64> = (own.iter().zip(&group))
                        .map(|(weight, &group)| weight * times[group])
                        .collect();
                    self.fit_once(&items, &pairs, &weights, streams.at(member, 1).random())
                })
                .collect::<Result<_>>()?
        };
        self.fitted = Some(Fitted {
            scaling,
            thetas,
            covariance,
        });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], _: View) -> f64 {
        let Some(differences) = self.differences(a, b) else {
            return 0.5;
        };
        let (mut sum, mut count) = (0.0, 0.0);
        for difference in differences {
            sum += difference;
            count += 1.0;
        }
        logistic(sum / count)
    }

    fn score(&self, item: &[f64], _: View) -> Option<f64> {
        let Some(fitted) = &self.fitted else {
            return Some(0.0);
        };
        let x = fitted.scaling.apply(item);
        let sum: f64 = fitted
            .thetas
            .iter()
            .map(|theta| self.head.score(theta, &x))
            .sum();
        Some(sum / fitted.thetas.len() as f64)
    }

    fn standard_error(&self, a: &[f64], b: &[f64], _: View) -> Option<f64> {
        let fitted = self.fitted.as_ref()?;
        if let Some(covariance) = &fitted.covariance {
            let (a, b) = (fitted.scaling.apply(a), fitted.scaling.apply(b));
            let d = DVector::from_iterator(a.len(), a.iter().zip(&b).map(|(a, b)| a - b));
            return Some(d.dot(&(covariance * &d)).max(0.0).sqrt());
        }
        let all: Vec<f64> = self.differences(a, b)?.collect();
        if all.len() < 2 {
            return None;
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let squares: f64 = all.iter().map(|x| (x - mean).powi(2)).sum();
        Some((squares / (all.len() - 1) as f64).sqrt())
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
    use crate::preferences::evaluate;
    use crate::preferences::fit::gradient_error;

    /// Items of `width` features, and comparisons by logistic draws on `score`.
    fn planted(width: usize, count: usize, seed: u64, score: impl Fn(&[f64]) -> f64) -> Judgements {
        let mut rng = Streams::new(seed, "planted").at(0, 0);
        let n = 300;
        let features = (0..n * width)
            .map(|_| 2.0 * rng.random::<f64>() - 1.0)
            .collect();
        let names = (0..width).map(|k| format!("x{k}")).collect();
        let items = Items::new(names, features).unwrap();
        let comparisons = (0..count)
            .map(|_| {
                let (a, b) = (rng.random_range(0..n as u32), rng.random_range(0..n as u32));
                let p = logistic(score(items.row(a)) - score(items.row(b)));
                Comparison::new(a, b, f64::from(u8::from(rng.random::<f64>() < p)))
            })
            .collect();
        Judgements::of_comparisons(items, comparisons).unwrap()
    }

    /// Planted coefficients come back within four of their standard errors, and the standard errors
    /// are those of the errors actually made.
    #[test]
    fn planted_scores_come_back() {
        let truth = [2.0, -1.0, 0.5, 0.0];
        let mut squares = 0.0;
        let seeds = 40;
        for seed in 0..seeds {
            let data = planted(4, 2_000, seed, |x| dot(&truth, x));
            let mut model = BradleyTerry {
                ridge: 1e-6,
                ..BradleyTerry::default()
            };
            model.fit(&data, 0).unwrap();
            let found = model.coefficients().unwrap();
            for k in 0..4 {
                let mut unit = vec![0.0; 4];
                unit[k] = 1.0;
                let error = model
                    .standard_error(&unit, &[0.0; 4], View::default())
                    .unwrap();
                let z = (found[k] - truth[k]) / error;
                assert!(
                    z.abs() < 4.5,
                    "coefficient {k}: {} for {}",
                    found[k],
                    truth[k]
                );
                squares += z * z;
            }
        }
        // The mean of 160 squares of standard normals: 1, standard error 0.11.
        let mean = squares / (4.0 * seeds as f64);
        assert!((0.6..1.5).contains(&mean), "{mean}");
    }

    /// Two items, a wins 30 of 40: the maximum likelihood is s(a) − s(b) = ln 3.
    #[test]
    fn two_items_in_closed_form() {
        let data = Judgements::of_comparisons(
            Items::identities(2),
            vec![Comparison {
                weight: 40.0,
                ..Comparison::new(0, 1, 0.75)
            }],
        )
        .unwrap();
        let mut model = BradleyTerry {
            ridge: 1e-12,
            scaled: false,
            ..BradleyTerry::default()
        };
        assert_eq!(model.prob(&[1.0, 0.0], &[0.0, 1.0], View::default()), 0.5);
        model.fit(&data, 0).unwrap();
        let score = |x: [f64; 2]| model.score(&x, View::default()).unwrap();
        assert!((score([1.0, 0.0]) - score([0.0, 1.0]) - 3f64.ln()).abs() < 1e-7);
    }

    /// A parabola has no linear score; a hidden layer finds it.
    #[test]
    fn a_hidden_layer_finds_a_bent_score() {
        let data = planted(1, 3_000, 5, |x| -6.0 * x[0] * x[0]);
        let (train, held) = data.split(0.2, 1);
        let accuracy = |head: Head, ensemble: usize| {
            let mut model = BradleyTerry {
                ridge: 0.05,
                head,
                ensemble,
                ..BradleyTerry::default()
            };
            model.fit(&train, 0).unwrap();
            let (near, far) = ([0.0], [0.9]);
            let error = model.standard_error(&near, &far, View::default());
            assert!(error.is_none_or(|e| e > 0.0 && e < 2.0));
            evaluate(&model, &held)
        };
        let (bent, straight) = (
            accuracy(Head::Hidden { units: 6 }, 0),
            accuracy(Head::Linear, 0),
        );
        assert!(
            bent.log_loss < straight.log_loss - 0.1,
            "{bent:?} {straight:?}"
        );
        assert!(bent.calibration_error < 0.05);
        let mean = accuracy(Head::Hidden { units: 6 }, 5);
        assert!(mean.log_loss < bent.log_loss + 0.02);
    }

    #[test]
    fn gradient_of_the_loss() {
        let data = planted(3, 50, 1, |x| x[0]);
        let weights: Vec<f64> = (0..50).map(|k| f64::from(k % 3)).collect();
        for head in [Head::Linear, Head::Hidden { units: 3 }] {
            let loss = |theta: &[f64], gradient: &mut [f64]| {
                pair_loss(
                    head,
                    &data.items,
                    &data.comparisons,
                    &weights,
                    theta,
                    gradient,
                ) + ridge(0.3, theta, gradient)
            };
            let theta = head.start(3, &mut Streams::new(2, "t").at(0, 0));
            assert!(gradient_error(&loss, &theta) < 1e-7);
        }
    }
}
