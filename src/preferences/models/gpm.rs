//! `gpm`: general preferences, cyclic ones too, by embeddings.

use super::axes::Axes;
use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{best_of_starts, log_logistic, logistic};
use crate::preferences::head::{add_scaled, dot};
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use crate::random::Streams;
use rand::RngExt;

/// P(a ≻ b) = σ((R v(a))·v(b)/β), v(x) in R^{2k}, R block-diagonal with k blocks [[0, −1], [1, 0]]:
///
/// (R v(a))·v(b) = Σₗ v₂ₗ₋₁(a)·v₂ₗ(b) − v₂ₗ(a)·v₂ₗ₋₁(b), which changes its sign with the order of a and b.
///
/// v(x) = Vx + c on features of mean 0 and variance 1, the maximum a posteriori under V, c ~
/// N(0, 1/ridge), the best of several random starts. With k = 1 and the second coordinate held at 1
/// (`scored`) it is Bradley and Terry's model with score v₁/β; of n items without features, k = ⌊n/2⌋
/// gives every matrix of probabilities. All raters share the embeddings. Zhang et al. (2024),
/// "Beyond Bradley-Terry models: a general preference model for language model alignment", arXiv
/// 2410.02197, with a linear map in the place of a language model's last layer and without their scale
/// for each block, which a linear map has in it.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneralPreference {
    /// Precision of the prior on V and c, above 0.
    pub ridge: f64,
    /// k, at least 1.
    pub blocks: usize,
    /// β, above 0.
    pub temperature: f64,
    /// Whether the second coordinate of each block is held at 1.
    pub scored: bool,
    /// Random starts, at least 1.
    pub starts: usize,
    pub(crate) fitted: Option<(Scaling, Vec<f64>)>,
}

impl Default for GeneralPreference {
    fn default() -> Self {
        GeneralPreference {
            ridge: 1.0,
            blocks: 2,
            temperature: 1.0,
            scored: false,
            starts: 6,
            fitted: None,
        }
    }
}

impl GeneralPreference {
    /// Numbers of coordinates that are fitted.
    fn free(&self) -> usize {
        self.blocks * if self.scored { 1 } else { 2 }
    }

    /// v(x): first coordinates of all blocks, then second ones.
    fn embed(&self, parameters: &[f64], x: &[f64]) -> Vec<f64> {
        let mut v: Vec<f64> = (parameters.chunks_exact(x.len() + 1))
            .map(|row| dot(&row[..x.len()], x) + row[x.len()])
            .collect();
        v.resize(2 * self.blocks, 1.0);
        v
    }

    /// (R v(a))·v(b)/β.
    fn form(&self, a: &[f64], b: &[f64]) -> f64 {
        let k = self.blocks;
        (dot(&a[..k], &b[k..]) - dot(&a[k..], &b[..k])) / self.temperature
    }

    /// Without the prior.
    fn loss(
        &self,
        items: &Items,
        pairs: &[Comparison],
        parameters: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let k = self.blocks;
        let v: Vec<Vec<f64>> = (items.rows())
            .map(|row| self.embed(parameters, row))
            .collect();
        let mut slopes = vec![vec![0.0; 2 * k]; v.len()];
        let mut loss = 0.0;
        for pair in pairs {
            let (a, b) = (pair.a as usize, pair.b as usize);
            let delta = self.form(&v[a], &v[b]);
            loss -= pair.weight * (log_logistic(delta) - (1.0 - pair.outcome) * delta);
            let slope = pair.weight * (logistic(delta) - pair.outcome) / self.temperature;
            add_scaled(&mut slopes[a][..k], slope, &v[b][k..]);
            add_scaled(&mut slopes[a][k..], -slope, &v[b][..k]);
            add_scaled(&mut slopes[b][..k], -slope, &v[a][k..]);
            add_scaled(&mut slopes[b][k..], slope, &v[a][..k]);
        }
        let width = items.width();
        for (row, slopes) in items.rows().zip(&slopes) {
            for (gradient, &slope) in gradient.chunks_exact_mut(width + 1).zip(slopes) {
                add_scaled(&mut gradient[..width], slope, row);
                gradient[width] += slope;
            }
        }
        loss
    }

    fn embedding(&self, item: &[f64]) -> Option<Vec<f64>> {
        let (scaling, parameters) = self.fitted.as_ref()?;
        Some(self.embed(parameters, &scaling.apply(item)))
    }
}

impl PreferenceModel for GeneralPreference {
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("gpm: no comparison to learn from"));
        }
        let scaling = data.items.scaling();
        let items = scaling.apply_to(&data.items);
        let mut axes = Axes::of(&items, &pairs, self.ridge).with_long_axes();
        let items = axes.turn(&items)?;
        // c, at the end of each row.
        axes.precision.push(self.ridge);
        let loss = |parameters: &[f64], gradient: &mut [f64]| {
            self.loss(&items, &pairs, parameters, gradient) + axes.ridge(parameters, gradient)
        };
        let streams = Streams::new(seed, "gpm start");
        let count = self.free() * (items.width() + 1);
        // All zero is a saddle.
        let reach = 1.0 / ((items.width() + 1) as f64).sqrt();
        let starts = (0..self.starts as u64)
            .map(|start| {
                let mut rng = streams.at(start, 0);
                (0..count)
                    .map(|place| {
                        let constant = place % (items.width() + 1) == items.width();
                        let reach = reach * if constant { 1.0 } else { axes.unit };
                        reach * (2.0 * rng.random::<f64>() - 1.0)
                    })
                    .collect()
            })
            .collect();
        let found = best_of_starts(&loss, starts)?;
        let width = items.width();
        let back = |row: &[f64]| {
            let mut row_back = axes.back(&row[..width]);
            row_back.push(row[width]);
            row_back
        };
        let rows = found.parameters.chunks_exact(width + 1);
        self.fitted = Some((scaling, rows.flat_map(back).collect()));
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], _: View) -> f64 {
        match (self.embedding(a), self.embedding(b)) {
            (Some(a), Some(b)) => logistic(self.form(&a, &b)),
            _ => 0.5,
        }
    }

    fn prepared(&self, item: &[f64]) -> Vec<f64> {
        // Before a fit all are the same.
        self.embedding(item)
            .unwrap_or_else(|| vec![0.0; 2 * self.blocks])
    }

    fn prob_of_prepared(&self, a: &[f64], b: &[f64], _: View) -> f64 {
        logistic(self.form(a, b))
    }

    /// None unless `scored`.
    fn score(&self, item: &[f64], _: View) -> Option<f64> {
        match (self.scored, self.embedding(item)) {
            (false, _) => None,
            (true, None) => Some(0.0),
            (true, Some(v)) => Some(v[..self.blocks].iter().sum::<f64>() / self.temperature),
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
    use crate::preferences::models::bradley_terry::BradleyTerry;

    /// Rock, paper, scissors, each pair 100 times with the same winner.
    fn cycle() -> Judgements {
        let wins = [(0, 2), (2, 1), (1, 0)].map(|(a, b)| Comparison {
            weight: 100.0,
            ..Comparison::new(a, b, 1.0)
        });
        Judgements::of_comparisons(Items::identities(3), wins.to_vec()).unwrap()
    }

    #[test]
    fn rock_paper_scissors() {
        let data = cycle();
        let mut general = GeneralPreference {
            ridge: 0.01,
            blocks: 1,
            ..GeneralPreference::default()
        };
        let mut transitive = BradleyTerry {
            ridge: 0.01,
            ..BradleyTerry::default()
        };
        general.fit(&data, 0).unwrap();
        transitive.fit(&data, 0).unwrap();
        for c in &data.comparisons {
            let (a, b) = (data.items.row(c.a), data.items.row(c.b));
            let view = View::default();
            let p = general.prob(a, b, view);
            assert!(p > 0.99, "{p}");
            assert!((p + general.prob(b, a, view) - 1.0).abs() < 1e-12);
            assert!((transitive.prob(a, b, view) - 0.5).abs() < 1e-6);
        }
        assert_eq!(general.score(data.items.row(0), View::default()), None);
    }

    /// Any five items' probabilities are within reach of two blocks, and not of one.
    #[test]
    fn any_matrix_of_probabilities() {
        let mut rng = Streams::new(7, "matrix").at(0, 0);
        let mut comparisons = Vec::new();
        for a in 0..5 {
            for b in 0..a {
                let p = 0.05 + 0.9 * rng.random::<f64>();
                comparisons.push(Comparison {
                    weight: 100.0,
                    ..Comparison::new(a, b, p)
                });
            }
        }
        let data = Judgements::of_comparisons(Items::identities(5), comparisons).unwrap();
        let worst = |blocks: usize| {
            let mut model = GeneralPreference {
                ridge: 1e-3,
                blocks,
                ..GeneralPreference::default()
            };
            model.fit(&data, 0).unwrap();
            let error = |c: &Comparison| {
                let (a, b) = (data.items.row(c.a), data.items.row(c.b));
                (model.prob(a, b, View::default()) - c.outcome).abs()
            };
            data.comparisons.iter().map(error).fold(0.0, f64::max)
        };
        assert!(worst(2) < 2e-3, "{}", worst(2));
        assert!(worst(1) > 0.05, "{}", worst(1));
    }

    /// One block with its second coordinate at 1 is Bradley and Terry's model.
    #[test]
    fn a_held_coordinate_makes_scores() {
        let mut rng = Streams::new(2, "planted").at(0, 0);
        let features = (0..60).map(|_| rng.random::<f64>()).collect();
        let items = Items::new(vec!["x".into(), "y".into()], features).unwrap();
        let comparisons = (0..200)
            .map(|_| {
                let (a, b) = (rng.random_range(0..30), rng.random_range(0..30));
                let first = items.row(a)[0] + rng.random::<f64>() > items.row(b)[0] + 0.5;
                Comparison::new(a, b, f64::from(u8::from(first)))
            })
            .collect();
        let data = Judgements::of_comparisons(items, comparisons).unwrap();
        let mut general = GeneralPreference {
            blocks: 1,
            scored: true,
            ..GeneralPreference::default()
        };
        let mut truth = BradleyTerry::default();
        general.fit(&data, 0).unwrap();
        truth.fit(&data, 0).unwrap();
        let view = View::default();
        let (a, b) = (data.items.row(0), data.items.row(1));
        for (a, b) in [(a, b), (b, a), (&[3.0, -1.0][..], a)] {
            assert!((general.prob(a, b, view) - truth.prob(a, b, view)).abs() < 1e-7);
            let gap = |model: &dyn PreferenceModel| model.score(a, view).zip(model.score(b, view));
            let ((ga, gb), (ta, tb)) = (gap(&general).unwrap(), gap(&truth).unwrap());
            assert!((ga - gb - ta + tb).abs() < 1e-6);
        }
    }

    #[test]
    fn gradient_of_the_loss() {
        let items = Items::new(
            vec!["x".into(), "y".into()],
            vec![0.1, 0.5, -1.0, 0.7, 0.4, -0.3],
        )
        .unwrap();
        let pairs = [
            Comparison::new(0, 1, 0.8),
            Comparison::new(2, 0, 0.0),
            Comparison::new(1, 2, 1.0),
        ];
        for scored in [false, true] {
            let model = GeneralPreference {
                temperature: 0.7,
                scored,
                ..GeneralPreference::default()
            };
            let at: Vec<f64> = (0..3 * model.free()).map(|k| (k as f64).sin()).collect();
            let loss = |p: &[f64], g: &mut [f64]| model.loss(&items, &pairs, p, g);
            assert!(gradient_error(&loss, &at) < 1e-7);
        }
    }
}
