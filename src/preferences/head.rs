//! Scores from features: a linear form, or one hidden layer.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// s(x; θ).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Head {
    /// s = θ·x. Without an intercept, which no comparison could show.
    #[default]
    Linear,
    /// s = v·tanh(Wx + b), θ = (W row by row, b, v).
    Hidden {
        /// Rows of W.
        units: usize,
    },
}

impl Head {
    /// Number of parameters for rows of `width` features.
    pub fn parameters(&self, width: usize) -> usize {
        match *self {
            Head::Linear => width,
            Head::Hidden { units } => units * (width + 2),
        }
    }

    /// Where a fit starts: zeros for the linear form; small random weights for a hidden layer, which
    /// would stay at a saddle from zeros.
    pub fn start(&self, width: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        match *self {
            Head::Linear => vec![0.0; width],
            Head::Hidden { units } => {
                let scale = 1.0 / (width.max(1) as f64).sqrt();
                let mut draw = |scale: f64| scale * (2.0 * rng.random::<f64>() - 1.0);
                let mut theta: Vec<f64> = (0..units * width).map(|_| draw(scale)).collect();
                theta.extend(std::iter::repeat_n(0.0, units));
                theta.extend((0..units).map(|_| draw(0.5)));
                theta
            }
        }
    }

    /// The score of a row.
    pub fn score(&self, theta: &[f64], x: &[f64]) -> f64 {
        match *self {
            Head::Linear => dot(theta, x),
            Head::Hidden { units } => {
                let (w, rest) = theta.split_at(units * x.len());
                let (b, v) = rest.split_at(units);
                (w.chunks_exact(x.len()).zip(b).zip(v))
                    .map(|((row, b), v)| v * (dot(row, x) + b).tanh())
                    .sum()
            }
        }
    }

    /// Adds ∂s/∂θ times `slope` to `gradient`.
    pub fn backpropagate(&self, theta: &[f64], x: &[f64], slope: f64, gradient: &mut [f64]) {
        match *self {
            Head::Linear => add_scaled(gradient, slope, x),
            Head::Hidden { units } => {
                let width = x.len();
                let (b, v) = (units * width, units * (width + 1));
                for unit in 0..units {
                    let row = unit * width..(unit + 1) * width;
                    let h = (dot(&theta[row.clone()], x) + theta[b + unit]).tanh();
                    let inner = slope * theta[v + unit] * (1.0 - h * h);
                    add_scaled(&mut gradient[row], inner, x);
                    gradient[b + unit] += inner;
                    gradient[v + unit] += slope * h;
                }
            }
        }
    }
}

/// Σ aₖ·bₖ.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums at a time, so that the processor adds them side by side.
    let (mut fours, a4, b4) = ([0.0; 4], a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a4
        .remainder()
        .iter()
        .zip(b4.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a4.zip(b4) {
        for k in 0..4 {
            fours[k] += a[k] * b[k];
        }
    }
    fours.iter().sum::<f64>() + rest
}

/// target += factor·x.
pub fn add_scaled(target: &mut [f64], factor: f64, x: &[f64]) {
    for (t, x) in target.iter_mut().zip(x) {
        *t += factor * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::gradient_error;
    use crate::random::Streams;

    #[test]
    fn gradients_of_both_heads() {
        let mut rng = Streams::new(1, "head").at(0, 0);
        let x = [0.3, -1.2, 0.8, 2.0, -0.1];
        for head in [Head::Linear, Head::Hidden { units: 4 }] {
            let theta = head.start(x.len(), &mut rng);
            assert_eq!(theta.len(), head.parameters(x.len()));
            let loss = |theta: &[f64], gradient: &mut [f64]| {
                head.backpropagate(theta, &x, 1.0, gradient);
                head.score(theta, &x)
            };
            assert!(gradient_error(&loss, &theta) < 1e-8);
        }
    }
}
