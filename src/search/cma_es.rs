//! Covariance matrix adaptation evolution strategy (Hansen 2016, arXiv 1604.00772, with its default
//! parameters and positive recombination weights), one candidate a tax year.
//!
//! A candidate outside 0–100 % is moved to the bound and rounded to whole percentages, and the
//! moved one enters the update.

use super::{Tried, whole_percentages};
use nalgebra::{DMatrix, DVector};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// Mean, step size and covariance after the generations that are complete.
#[derive(Clone, Debug)]
struct State {
    mean: DVector<f64>,
    sigma: f64,
    covariance: DMatrix<f64>,
    path_sigma: DVector<f64>,
    path_covariance: DVector<f64>,
    generation: i32,
}

/// Candidates per generation: 4 + ⌊3 ln n⌋.
pub fn generation_size(brackets: usize) -> usize {
    4 + (3.0 * (brackets as f64).ln()).floor() as usize
}

/// Weights of the better half of a generation, which sum to 1, and their effective number.
fn weights(size: usize) -> (Vec<f64>, f64) {
    let parents = size / 2;
    let raw: Vec<f64> = (1..=parents)
        .map(|i| ((size as f64 + 1.0) / 2.0).ln() - (i as f64).ln())
        .collect();
    let sum: f64 = raw.iter().sum();
    let weights: Vec<f64> = raw.iter().map(|w| w / sum).collect();
    let effective = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
    (weights, effective)
}

impl State {
    fn new(start: &[f64], spread: f64) -> Self {
        let n = start.len();
        State {
            mean: DVector::from_column_slice(start),
            sigma: spread,
            covariance: DMatrix::identity(n, n),
            path_sigma: DVector::zeros(n),
            path_covariance: DVector::zeros(n),
            generation: 0,
        }
    }

    /// Roots of the covariance's eigenvalues, and the eigenvectors.
    fn axes(&self) -> (DVector<f64>, DMatrix<f64>) {
        let eigen = self.covariance.clone().symmetric_eigen();
        let lengths = eigen.eigenvalues.map(|value| value.max(1e-20).sqrt());
        (lengths, eigen.eigenvectors)
    }

    /// m + σ·B·D·z, z standard normal.
    fn sample(&self, rng: &mut impl Rng) -> DVector<f64> {
        let (lengths, vectors) = self.axes();
        let z = DVector::from_fn(self.mean.len(), |_, _| rng.sample::<f64, _>(StandardNormal));
        &self.mean + self.sigma * (vectors * lengths.component_mul(&z))
    }

    /// Learns from a generation, best first.
    fn update(&mut self, ranked: &[&Tried]) {
        let n = self.mean.len() as f64;
        let (weights, effective) = weights(ranked.len());
        let c_sigma = (effective + 2.0) / (n + effective + 5.0);
        let damping = 1.0 + 2.0 * (((effective - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma;
        let c_path = (4.0 + effective / n) / (n + 4.0 + 2.0 * effective / n);
        let c_one = 2.0 / ((n + 1.3).powi(2) + effective);
        let c_rank = (2.0 * (effective - 2.0 + 1.0 / effective) / ((n + 2.0).powi(2) + effective))
            .clamp(0.0, 1.0 - c_one);
        let expected = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));

        let steps: Vec<DVector<f64>> = ranked
            .iter()
            .map(|tried| (DVector::from_column_slice(&tried.rates) - &self.mean) / self.sigma)
            .collect();
        let mut step = DVector::zeros(self.mean.len());
        for (weight, y) in weights.iter().zip(&steps) {
            step += *weight * y;
        }
        self.mean += self.sigma * &step;

        let (lengths, vectors) = self.axes();
        let whitened = &vectors * (vectors.transpose() * &step).component_div(&lengths);
        self.path_sigma = (1.0 - c_sigma) * &self.path_sigma
            + (c_sigma * (2.0 - c_sigma) * effective).sqrt() * whitened;
        let length = self.path_sigma.norm();
        self.generation += 1;
        let usual = (1.0 - (1.0 - c_sigma).powi(2 * self.generation)).sqrt();
        let stalled = length / usual >= (1.4 + 2.0 / (n + 1.0)) * expected;
        let moved = f64::from(u8::from(!stalled));
        self.path_covariance = (1.0 - c_path) * &self.path_covariance
            + moved * (c_path * (2.0 - c_path) * effective).sqrt() * &step;
        let lost = (1.0 - moved) * c_path * (2.0 - c_path);
        let mut covariance = (1.0 - c_one - c_rank + c_one * lost) * &self.covariance
            + c_one * &self.path_covariance * self.path_covariance.transpose();
        for (weight, y) in weights.iter().zip(&steps) {
            covariance += c_rank * *weight * y * y.transpose();
        }
        self.covariance = covariance;
        self.sigma *= (c_sigma / damping * (length / expected - 1.0)).exp();
        // A generation that is rounded onto one point could not move any more.
        self.sigma = self.sigma.clamp(0.005, 1.0);
    }
}

/// The next candidate after `tried`, the first of which is the mean of the first generation.
pub fn next(tried: &[Tried], start: &[f64], spread: f64, rng: &mut impl Rng) -> Vec<f64> {
    let mut state = State::new(start, spread);
    let size = generation_size(start.len());
    for generation in tried.get(1..).unwrap_or_default().chunks_exact(size) {
        let mut ranked: Vec<&Tried> = generation.iter().collect();
        // Stable: of equals the earlier one comes first.
        ranked.sort_by(|a, b| b.welfare.total_cmp(&a.welfare));
        state.update(&ranked);
    }
    whole_percentages(state.sample(rng).iter().copied())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{play, rng};
    use super::super::{best, uniform};
    use super::*;

    #[test]
    fn weights_of_the_tutorial() {
        // What pycma, Hansen's own program, prints in 8 dimensions: (5_w,10), mu_w=3.2, w_1=45%.
        assert_eq!(generation_size(8), 10);
        let (weights, effective) = weights(10);
        assert_eq!(weights.len(), 5);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((effective - 3.2).abs() < 0.05, "{effective}");
        assert!((weights[0] - 0.45).abs() < 0.01, "{weights:?}");
    }

    /// On a stretched and turned paraboloid it comes far nearer to the top than random rates do with
    /// as many trials.
    #[test]
    fn climbs_a_turned_paraboloid() {
        let welfare = |r: &[f64]| {
            let (a, b) = (r[0] + r[1] - 1.1, r[0] - r[1] + 0.3);
            -a * a - 30.0 * b * b - (r[2] - 0.7).powi(2)
        };
        let start = [0.1, 0.1, 0.1];
        let mut draws = rng(3);
        let tried = play(&start, 200, welfare, |tried| {
            next(tried, &start, 0.2, &mut draws)
        });
        let top = best(&tried).unwrap();
        assert!(top.welfare > -0.01, "{top:?}");
        let mut draws = rng(3);
        let blind = play(&start, 200, welfare, |_| uniform(3, &mut draws));
        assert!(10.0 * top.welfare > best(&blind).unwrap().welfare);
    }
}
