//! `values`: tastes that follow from what people hold dear.

pub mod labels;

use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{log_logistic, logistic, minimise, ridge};
use crate::preferences::head::{add_scaled, dot};
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};

/// The 19 values of the refined theory (Schwartz et al. 2012), around the circle.
pub const VALUES: [&str; 19] = [
    "self-direction-thought",
    "self-direction-action",
    "stimulation",
    "hedonism",
    "achievement",
    "power-dominance",
    "power-resources",
    "face",
    "security-personal",
    "security-societal",
    "tradition",
    "conformity-rules",
    "conformity-interpersonal",
    "humility",
    "benevolence-dependability",
    "benevolence-caring",
    "universalism-concern",
    "universalism-nature",
    "universalism-tolerance",
];

/// How much each of [`VALUES`] matters to somebody. Only differences between a person's values have
/// a meaning: profiles are read as deviations from their own mean, as Schwartz's questionnaire is.
pub type Profile = [f64; 19];

/// A profile less its mean.
pub fn centred(profile: &Profile) -> Profile {
    let mean = profile.iter().sum::<f64>() / 19.0;
    profile.map(|v| v - mean)
}

/// A score whose weights depend on the rater's values v, centred:
///
/// s(x, r) = θ₀·x + Σ_k v_rk θ_k·x,  P(a ≻ b) = σ(s(a, r) − s(b, r)),
///
/// x scaled features; maximum a posteriori under θ ~ N(0, 1/ridge). A rater who never compared
/// anything is foretold from its profile. `None` for the rater takes the mean profile. Source of the
/// values: Schwartz et al. (2012), "Refining the theory of basic individual values"; the bilinear form is
/// the plainest in which they can matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// By rater, and from the start again where there are more raters than profiles.
    pub profiles: Vec<Profile>,
    /// Precision of the prior on parameters, above 0.
    pub ridge: f64,
    pub(crate) fitted: Option<Fitted>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    scaling: Scaling,
    /// θ₀, θ₁, …, θ₁₉, one after the other.
    theta: Vec<f64>,
}

impl Default for Values {
    fn default() -> Self {
        Values {
            profiles: vec![],
            ridge: 0.3,
            fitted: None,
        }
    }
}

impl Values {
    /// 1 and the centred profile.
    fn regressors(&self, rater: Option<u32>) -> [f64; 20] {
        let n = self.profiles.len();
        let mut all = [0.0; 20];
        all[0] = 1.0;
        match rater {
            _ if n == 0 => {}
            Some(rater) => {
                all[1..].copy_from_slice(&centred(&self.profiles[rater as usize % n]));
            }
            None => {
                for profile in &self.profiles {
                    let own = centred(profile);
                    (all[1..].iter_mut().zip(own)).for_each(|(sum, v)| *sum += v / n as f64);
                }
            }
        }
        all
    }

    /// θ₀ + Σ v_k θ_k.
    fn weights(theta: &[f64], width: usize, regressors: &[f64; 20]) -> Vec<f64> {
        let mut weights = vec![0.0; width];
        for (block, v) in theta.chunks_exact(width).zip(regressors) {
            add_scaled(&mut weights, *v, block);
        }
        weights
    }

    fn loss(
        &self,
        items: &Items,
        pairs: &[Comparison],
        theta: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let width = items.width();
        let mut sum = 0.0;
        let mut difference = vec![0.0; width];
        for c in pairs {
            let regressors = self.regressors(Some(c.rater));
            let (a, b) = (items.row(c.a), items.row(c.b));
            for (d, (a, b)) in difference.iter_mut().zip(a.iter().zip(b)) {
                *d = a - b;
            }
            let weights = Values::weights(theta, width, &regressors);
            let h = dot(&weights, &difference);
            sum -= c.weight * (log_logistic(h) - (1.0 - c.outcome) * h);
            let slope = c.weight * (logistic(h) - c.outcome);
            for (block, v) in gradient.chunks_exact_mut(width).zip(regressors) {
                add_scaled(block, slope * v, &difference);
            }
        }
        sum
    }

    /// What a unit of each value adds to the weight of each raw feature: 19 rows; `None` before a
    /// fit.
    pub fn slopes(&self) -> Option<Vec<Vec<f64>>> {
        let fitted = self.fitted.as_ref()?;
        let spread = &fitted.scaling.spread;
        let blocks = fitted.theta.chunks_exact(spread.len()).skip(1);
        Some(
            blocks
                .map(|block| block.iter().zip(spread).map(|(t, s)| t / s).collect())
                .collect(),
        )
    }
}

impl PreferenceModel for Values {
    fn fit(&mut self, data: &Judgements, _: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("values: no comparison to learn from"));
        }
        if self.profiles.is_empty() || self.profiles.iter().flatten().any(|v| !v.is_finite()) {
            return Err(Error::input("values: raters have no profile")
                .value(format!("{} profiles", self.profiles.len()))
                .allowed("at least one, of 19 finite numbers each"));
        }
        let scaling = data.items.scaling();
        let items = scaling.apply_to(&data.items);
        let goal = |theta: &[f64], gradient: &mut [f64]| {
            self.loss(&items, &pairs, theta, gradient) + ridge(self.ridge, theta, gradient)
        };
        let theta = minimise(&goal, vec![0.0; 20 * items.width()])?.parameters;
        self.fitted = Some(Fitted { scaling, theta });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        match (self.score(a, view), self.score(b, view)) {
            (Some(a), Some(b)) => logistic(a - b),
            _ => 0.5,
        }
    }

    fn score(&self, item: &[f64], view: View) -> Option<f64> {
        let Some(fitted) = &self.fitted else {
            return Some(0.0);
        };
        let x = fitted.scaling.apply(item);
        let regressors = self.regressors(view.rater);
        Some(dot(
            &Values::weights(&fitted.theta, x.len(), &regressors),
            &x,
        ))
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
    use crate::random::Streams;
    use rand::RngExt;

    fn profiles(count: usize) -> Vec<Profile> {
        let mut rng = Streams::new(1, "values profiles").at(0, 0);
        (0..count)
            .map(|_| std::array::from_fn(|_| 2.0 * rng.random::<f64>() - 1.0))
            .collect()
    }

    fn planted(raters: std::ops::Range<u32>, count: usize, seed: u64) -> Judgements {
        let profiles = profiles(80);
        let mut rng = Streams::new(seed, "values planted").at(0, 0);
        let features = (0..100 * 3)
            .map(|_| 2.0 * rng.random::<f64>() - 1.0)
            .collect();
        let names = ["equality", "growth", "hours"].map(str::to_owned).to_vec();
        let items = Items::new(names, features).unwrap();
        let comparisons = (0..count)
            .map(|_| {
                let rater = rng.random_range(raters.clone());
                let (a, b) = (rng.random_range(0..100u32), rng.random_range(0..100u32));
                // Concern for all wants equality, resources want growth, and hours nobody minds.
                let v = centred(&profiles[rater as usize]);
                let worth = |x: u32| 3.0 * (v[16] * items.row(x)[0] + v[6] * items.row(x)[1]);
                let won = rng.random::<f64>() < logistic(worth(a) - worth(b));
                Comparison::new(a, b, f64::from(u8::from(won))).by(rater)
            })
            .collect();
        Judgements::of_comparisons(items, comparisons).unwrap()
    }

    /// Slopes that were planted come back, and raters who never compared anything are foretold from
    /// their profiles, which one score for all cannot.
    #[test]
    fn new_raters_are_foretold_from_their_values() {
        let known = planted(0..60, 4000, 1);
        let new = planted(60..80, 2000, 1);
        let mut values = Values {
            profiles: profiles(80),
            ..Values::default()
        };
        values.fit(&known, 0).unwrap();
        let slopes = values.slopes().unwrap();
        assert!((slopes[16][0] - 3.0).abs() < 0.5, "{:?}", slopes[16]);
        assert!((slopes[6][1] - 3.0).abs() < 0.5, "{:?}", slopes[6]);
        assert!(slopes[6][2].abs() < 0.6 && slopes[2][0].abs() < 0.6);
        let mut shared = BradleyTerry::default();
        shared.fit(&known, 0).unwrap();
        let (own, one) = (evaluate(&values, &new), evaluate(&shared, &new));
        println!("{own:?} {one:?}");
        assert!(own.accuracy > one.accuracy + 0.1);
        assert!(own.log_loss < one.log_loss - 0.08);
    }

    #[test]
    fn gradient_of_the_loss() {
        let data = planted(0..5, 10, 3);
        let values = Values {
            profiles: profiles(5),
            ..Values::default()
        };
        let theta: Vec<f64> = (0..60).map(|k| 0.3 * f64::from(k).sin()).collect();
        let loss = |t: &[f64], g: &mut [f64]| values.loss(&data.items, &data.comparisons, t, g);
        assert!(gradient_error(&loss, &theta) < 1e-7);
    }
}
