//! Gaussian-process regression of welfare on the rates (Rasmussen and Williams 2006, chapters 2, 4
//! and 5).
//!
//! A parabola in each rate with coefficients of a normal prior (section 2.7 there), and what it leaves
//! under a Matérn 5/2 kernel with a length scale for each bracket; welfare standardised, noise of its
//! own; the hyperparameters at the maximum of their posterior density under log-normal priors.

use super::Tried;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// Schedules that the regression is fitted to at most: the best half and the latest half of them.
pub const FITTED_MAX: usize = 120;

/// Logarithms of length scales (fractions of a rate of 100 %), of the standard deviations of the
/// parabolas' coefficients, of the remaining signal and of the noise.
#[derive(Clone, Debug, PartialEq)]
struct Hyper {
    lengths: Vec<f64>,
    trend: f64,
    signal: f64,
    noise: f64,
}

/// A fitted regression.
#[derive(Clone, Debug)]
pub struct Surrogate {
    points: Vec<Vec<f64>>,
    hyper: Hyper,
    cholesky: Cholesky<f64, Dyn>,
    weights: DVector<f64>,
    mean: f64,
    spread: f64,
    incumbent: f64,
}

impl Hyper {
    fn start(brackets: usize) -> Self {
        Hyper {
            lengths: vec![prior_length(brackets); brackets],
            trend: TREND.0,
            signal: 0.0,
            noise: NOISE.0,
        }
    }

    /// t²·(1 + Σ_k (a_k·b_k + a_k²·b_k²)) + s²·(1 + √5·r + 5r²/3)·exp(−√5·r), r the distance in length
    /// scales.
    fn kernel(&self, a: &[f64], b: &[f64]) -> f64 {
        let square: f64 = a
            .iter()
            .zip(b)
            .zip(&self.lengths)
            .map(|((a, b), length)| ((a - b) * (-length).exp()).powi(2))
            .sum();
        let r = (5.0 * square).sqrt();
        let products = a.iter().zip(b).map(|(a, b)| a * b * (1.0 + a * b));
        (2.0 * self.trend).exp() * (1.0 + products.sum::<f64>())
            + (2.0 * self.signal).exp() * (1.0 + r + r * r / 3.0) * (-r).exp()
    }

    fn covariance(&self, points: &[Vec<f64>]) -> DMatrix<f64> {
        let noise = (2.0 * self.noise).exp() + 1e-8;
        DMatrix::from_fn(points.len(), points.len(), |i, j| {
            self.kernel(&points[i], &points[j]) + if i == j { noise } else { 0.0 }
        })
    }

    /// Log marginal likelihood plus log prior density.
    fn score(&self, points: &[Vec<f64>], y: &DVector<f64>) -> f64 {
        let Some(cholesky) = self.covariance(points).cholesky() else {
            return f64::NEG_INFINITY;
        };
        let fit = y.dot(&cholesky.solve(y));
        let size: f64 = cholesky.l_dirty().diagonal().iter().map(|x| x.ln()).sum();
        let center = prior_length(self.lengths.len());
        let penalty =
            |x: f64, (mean, deviation): (f64, f64)| ((x - mean) / deviation).powi(2) / 2.0;
        let prior: f64 = self
            .lengths
            .iter()
            .map(|x| penalty(*x, (center, LENGTH_DEVIATION)))
            .sum::<f64>()
            + penalty(self.trend, TREND)
            + penalty(self.signal, SIGNAL)
            + penalty(self.noise, NOISE);
        -0.5 * fit - size - prior
    }

    fn entry(&mut self, index: usize) -> &mut f64 {
        let brackets = self.lengths.len();
        match index {
            i if i < brackets => &mut self.lengths[i],
            i if i == brackets => &mut self.signal,
            i if i == brackets + 1 => &mut self.trend,
            _ => &mut self.noise,
        }
    }
}

/// Prior mean of the logarithm of a length scale: grows with the root of the dimension, as distances
/// do (Hvarfner, Hellsten and Nardi 2024).
fn prior_length(brackets: usize) -> f64 {
    (0.5 * (brackets as f64).sqrt()).ln()
}

const LENGTH_DEVIATION: f64 = 1.0;

/// Prior mean and deviation of the logarithm of each, in standard deviations of welfare.
const TREND: (f64, f64) = (1.0, 1.0);
const SIGNAL: (f64, f64) = (-0.5, 1.0);
const NOISE: (f64, f64) = (-4.0, 1.5);

impl Surrogate {
    /// Fits the regression; `None` with fewer than two schedules or where all brought the same.
    pub fn fit(tried: &[Tried]) -> Option<Self> {
        let incumbent = super::best(tried)?.welfare;
        let fitted = fitted(tried);
        let count = fitted.len() as f64;
        let mean = fitted.iter().map(|t| t.welfare).sum::<f64>() / count;
        let square = fitted.iter().map(|t| (t.welfare - mean).powi(2));
        let spread = (square.sum::<f64>() / count).sqrt();
        if fitted.len() < 2 || spread.is_nan() || spread <= 1e-12 * mean.abs() {
            return None;
        }
        let points: Vec<Vec<f64>> = fitted.iter().map(|t| t.rates.clone()).collect();
        let y = DVector::from_iterator(
            points.len(),
            fitted.iter().map(|t| (t.welfare - mean) / spread),
        );
        let hyper = maximum(&points, &y);
        let cholesky = hyper.covariance(&points).cholesky()?;
        let weights = cholesky.solve(&y);
        Some(Surrogate {
            points,
            hyper,
            cholesky,
            weights,
            mean,
            spread,
            incumbent,
        })
    }

    /// Mean and standard deviation of welfare (without noise) under `rates`.
    pub fn predict(&self, rates: &[f64]) -> (f64, f64) {
        let k = DVector::from_iterator(
            self.points.len(),
            self.points
                .iter()
                .map(|point| self.hyper.kernel(point, rates)),
        );
        let mean = k.dot(&self.weights);
        let variance = self.hyper.kernel(rates, rates) - k.dot(&self.cholesky.solve(&k));
        (
            self.mean + self.spread * mean,
            self.spread * variance.max(0.0).sqrt(),
        )
    }

    /// E[max(W − W_best, 0)] under `rates`, in the unit of welfare (Jones, Schonlau and Welch 1998).
    pub fn expected_improvement(&self, rates: &[f64]) -> f64 {
        let (mean, deviation) = self.predict(rates);
        expected_improvement(mean - self.incumbent, deviation)
    }
}

/// E[max(X, 0)] of X ~ N(mean, deviation²).
fn expected_improvement(mean: f64, deviation: f64) -> f64 {
    if deviation <= 0.0 {
        return mean.max(0.0);
    }
    let z = mean / deviation;
    let normal = Normal::standard();
    mean * normal.cdf(z) + deviation * normal.pdf(z)
}

/// What the regression is fitted to: all, or of many the best and the latest.
fn fitted(tried: &[Tried]) -> Vec<&Tried> {
    if tried.len() <= FITTED_MAX {
        return tried.iter().collect();
    }
    let half = FITTED_MAX / 2;
    let (early, late) = tried.split_at(tried.len() - half);
    let mut early: Vec<&Tried> = early.iter().collect();
    early.sort_by(|a, b| b.welfare.total_cmp(&a.welfare));
    early.truncate(half);
    early.extend(late);
    early
}

/// Pattern search over the logarithms of the hyperparameters.
fn maximum(points: &[Vec<f64>], y: &DVector<f64>) -> Hyper {
    let brackets = points.first().map_or(0, Vec::len);
    let mut hyper = Hyper::start(brackets);
    let mut score = hyper.score(points, y);
    let mut steps = vec![0.8; brackets + 3];
    while steps.iter().any(|step| *step > 0.05) {
        for (index, step) in steps.iter_mut().enumerate() {
            if *step <= 0.05 {
                continue;
            }
            let mut improved = false;
            for signed in [*step, -*step] {
                let mut other = hyper.clone();
                *other.entry(index) += signed;
                let better = other.score(points, y);
                if better > score {
                    (hyper, score, improved) = (other, better, true);
                    break;
                }
            }
            if !improved {
                *step /= 2.0;
            }
        }
    }
    hyper
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::super::uniform;
    use super::*;

    fn society(rates: &[f64]) -> f64 {
        40_000.0 - 9_000.0 * (rates[0] - 0.4).powi(2) - 20_000.0 * (rates[1] - 0.7).powi(2)
    }

    fn history(count: usize) -> Vec<Tried> {
        let mut draws = rng(8);
        (0..count)
            .map(|_| {
                let rates = uniform(2, &mut draws);
                let welfare = society(&rates);
                Tried { rates, welfare }
            })
            .collect()
    }

    #[test]
    fn interpolates_what_was_tried_and_predicts_what_was_not() {
        let tried = history(40);
        let surrogate = Surrogate::fit(&tried).unwrap();
        for t in &tried {
            let (mean, _) = surrogate.predict(&t.rates);
            assert!((mean - t.welfare).abs() < 50.0, "{mean} {}", t.welfare);
        }
        let (mut inside, mut draws) = (0, rng(9));
        for _ in 0..200 {
            let rates = uniform(2, &mut draws);
            let (mean, deviation) = surrogate.predict(&rates);
            let error = (mean - society(&rates)).abs();
            assert!(error < 500.0, "{error} at {rates:?}");
            inside += usize::from(error <= 2.0 * deviation);
        }
        assert!(inside >= 160, "{inside}");
    }

    /// Two points, everything by hand: k = 1, the correlation c of the Matérn kernel at distance d.
    #[test]
    fn a_prediction_by_hand() {
        let hyper = Hyper {
            lengths: vec![0.5f64.ln()],
            trend: f64::NEG_INFINITY,
            signal: 0.0,
            noise: -20.0,
        };
        let points = vec![vec![0.0], vec![1.0]];
        let y = DVector::from_vec(vec![1.0, -1.0]);
        let cholesky = hyper.covariance(&points).cholesky().unwrap();
        let surrogate = Surrogate {
            weights: cholesky.solve(&y),
            points,
            hyper,
            cholesky,
            mean: 10.0,
            spread: 2.0,
            incumbent: 12.0,
        };
        let matern = |d: f64| {
            let r = 5f64.sqrt() * d / 0.5;
            (1.0 + r + r * r / 3.0) * (-r).exp()
        };
        let c = matern(1.0);
        let (near, far) = (matern(0.2), matern(0.8));
        // [[1, c], [c, 1]]⁻¹·(1, −1) = (1, −1)/(1 − c).
        let mean = (near - far) / (1.0 - c);
        let quadratic = (near * near - 2.0 * c * near * far + far * far) / (1.0 - c * c);
        let (found, deviation) = surrogate.predict(&[0.2]);
        assert!((found - (10.0 + 2.0 * mean)).abs() < 1e-6);
        assert!((deviation - 2.0 * (1.0 - quadratic).sqrt()).abs() < 1e-6);
    }

    /// At mean 0 it is deviation/√(2π).
    #[test]
    fn expected_improvement_of_known_normals() {
        let root = (2.0 * std::f64::consts::PI).sqrt();
        assert!((expected_improvement(0.0, 3.0) - 3.0 / root).abs() < 1e-9);
        assert_eq!(expected_improvement(2.0, 0.0), 2.0);
        assert_eq!(expected_improvement(-2.0, 0.0), 0.0);
        // By numerical integration of max(x, 0) against N(1, 2²).
        let sum: f64 = (0..200_000)
            .map(|i| {
                let x = 1e-4 * (f64::from(i) + 0.5);
                x * (-((x - 1.0) / 2.0).powi(2) / 2.0).exp() / (2.0 * root) * 1e-4
            })
            .sum();
        assert!((expected_improvement(1.0, 2.0) - sum).abs() < 1e-6);
    }

    #[test]
    fn without_differences_there_is_nothing_to_fit() {
        let same = |rate| Tried {
            rates: vec![rate],
            welfare: 5.0,
        };
        assert!(Surrogate::fit(&[]).is_none());
        assert!(Surrogate::fit(&[same(0.1)]).is_none());
        assert!(Surrogate::fit(&[same(0.1), same(0.5)]).is_none());
        let mut many = history(FITTED_MAX + 30);
        many[0].welfare = 1e6;
        assert_eq!(fitted(&many).len(), FITTED_MAX);
        assert_eq!(fitted(&many)[0].welfare, 1e6);
    }
}
