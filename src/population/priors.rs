//! Parametric wage priors with closed forms: lognormal, Pareto–lognormal, uniform.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal};
use statrs::function::erf::erfc;

use crate::error::{Error, Result};

/// Lognormal wages: ln w = ln(median) + σ·Z with Z ~ N(0, 1). Mean: median·e^{σ²/2}.
#[derive(Clone, Copy, Debug)]
pub struct Lognormal {
    median: f64,
    sigma: f64,
}

impl Lognormal {
    /// `median` in $/hour, `sigma` the standard deviation of log wages (0 makes all wages equal).
    ///
    /// # Errors
    ///
    /// An input error unless median > 0 and sigma ≥ 0, both finite.
    pub fn new(median: f64, sigma: f64) -> Result<Self> {
        positive("lognormal", "median", median)?;
        if !(sigma.is_finite() && sigma >= 0.0) {
            return Err(Error::input("lognormal wages: `sigma`")
                .value(sigma)
                .allowed("a finite number that is at least 0"));
        }
        Ok(Lognormal { median, sigma })
    }

    /// One wage in $/hour.
    pub fn draw(&self, rng: &mut impl Rng) -> f64 {
        let z: f64 = StandardNormal.sample(rng);
        self.median * (self.sigma * z).exp()
    }
}

/// Pareto–lognormal wages: a lognormal body with a Pareto upper tail.
///
/// w = m·e^{σZ}·e^{E/α}, with Z ~ N(0, 1) and E ~ Exp(1) independent: the
/// product of a lognormal and a Pareto variable with minimum 1 and exponent
/// α = `tail` (Colombi 1990; the limit of Reed and Jorgensen's (2004) double
/// Pareto–lognormal without its lower Pareto tail). With s = ln(w/m),
///
/// F(w) = Φ(s/σ) − e^{−αs + α²σ²/2}·Φ(s/σ − ασ), E\[w\] = m·e^{σ²/2}·α/(α − 1).
///
/// The scale m is set so that the *median wage* is `median`; `sigma` is the
/// log standard deviation of the lognormal factor alone.
#[derive(Clone, Copy, Debug)]
pub struct ParetoLognormal {
    scale: f64,
    sigma: f64,
    tail: f64,
}

impl ParetoLognormal {
    /// `median` in $/hour; `tail` is the Pareto exponent α, above 1 so that the mean exists.
    ///
    /// # Errors
    ///
    /// An input error unless median > 0, sigma > 0 and tail > 1, all finite.
    pub fn new(median: f64, sigma: f64, tail: f64) -> Result<Self> {
        positive("pareto-lognormal", "median", median)?;
        positive("pareto-lognormal", "sigma", sigma)?;
        if !(tail.is_finite() && tail > 1.0) {
            return Err(
                Error::input("pareto-lognormal wages: `tail` (the Pareto exponent)")
                    .value(tail)
                    .allowed("a finite number above 1: the mean is infinite otherwise"),
            );
        }
        let unit = ParetoLognormal {
            scale: 1.0,
            sigma,
            tail,
        };
        // The median lies between that of the lognormal factor, 1, and this bound:
        // Φ(0.6)·(1 − e^{−1.3}) = 0.73 × 0.73 > 1/2.
        let (mut low, mut high) = (0.0, 0.6 * sigma + 1.3 / tail);
        while high - low > 1e-15 * high {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if unit.cdf(f64::exp(middle)) < 0.5 {
                low = middle
            } else {
                high = middle
            }
        }
        Ok(ParetoLognormal {
            scale: median * (-0.5 * (low + high)).exp(),
            sigma,
            tail,
        })
    }

    /// E\[w\] = m·e^{σ²/2}·α/(α − 1) in $/hour.
    pub fn mean(&self) -> f64 {
        self.scale * (0.5 * self.sigma * self.sigma).exp() * self.tail / (self.tail - 1.0)
    }

    /// P(wage ≤ w).
    pub fn cdf(&self, w: f64) -> f64 {
        if w <= 0.0 {
            return 0.0;
        }
        let s = (w / self.scale).ln();
        let z = s / self.sigma;
        let h = self.tail * self.sigma - z;
        // e^{−αs + α²σ²/2}·Φ(−h) = φ(z)·M(h), M the Mills ratio; the left form
        // overflows for a large h, the right one for a very negative h.
        let pareto_part = if h > 5.0 {
            density(z) * mills_ratio(h)
        } else {
            (0.5 * (h * h - z * z)).exp() * normal_cdf(-h)
        };
        normal_cdf(z) - pareto_part
    }

    /// One wage in $/hour.
    pub fn draw(&self, rng: &mut impl Rng) -> f64 {
        let z: f64 = StandardNormal.sample(rng);
        let e: f64 = Exp1.sample(rng);
        self.scale * (self.sigma * z + e / self.tail).exp()
    }
}

/// Wages uniform on \[low, high) in $/hour.
#[derive(Clone, Copy, Debug)]
pub struct Uniform {
    low: f64,
    high: f64,
}

impl Uniform {
    /// Bounds in $/hour.
    ///
    /// # Errors
    ///
    /// An input error unless 0 < low ≤ high, both finite.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        positive("uniform", "low", low)?;
        if !(high.is_finite() && high >= low) {
            return Err(Error::input("uniform wages: `high`")
                .value(high)
                .allowed(format!("a finite number that is at least `low` ({low})")));
        }
        Ok(Uniform { low, high })
    }

    /// One wage in $/hour.
    pub fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.low + (self.high - self.low) * rng.random::<f64>()
    }
}

fn positive(prior: &str, name: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(Error::input(format!("{prior} wages: `{name}`"))
            .value(value)
            .allowed("a positive number"))
    }
}

fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()
}

/// Φ(−h)/φ(h) for h ≥ 5 by its continued fraction 1/(h + 1/(h + 2/(h + 3/(h + …)))).
fn mills_ratio(h: f64) -> f64 {
    1.0 / (1..=60).rev().fold(h, |rest, k| h + f64::from(k) / rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    fn assert_close(found: f64, expected: f64, relative: f64) {
        assert!(
            (found / expected - 1.0).abs() <= relative,
            "found {found}, expected {expected}, relative tolerance {relative:e}"
        );
    }

    fn draws(draw: impl Fn(&mut rand_chacha::ChaCha8Rng) -> f64) -> Vec<f64> {
        let streams = Streams::new(11, "priors");
        (0..200_000)
            .map(|worker| draw(&mut streams.at(worker, 0)))
            .collect()
    }

    fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
        let n = values.len() as f64;
        values.sum::<f64>() / n
    }

    fn share_below(wages: &[f64], limit: f64) -> f64 {
        mean(wages.iter().map(|&w| f64::from(u8::from(w < limit))))
    }

    #[test]
    fn lognormal_moments() {
        let prior = Lognormal::new(20.0, 0.6).unwrap();
        let wages = draws(|rng| prior.draw(rng));
        let n = wages.len() as f64;
        // Five standard errors each: ln w ~ N(ln 20, 0.36); sd(w) = mean·√(e^{σ²} − 1).
        let logs = mean(wages.iter().map(|w| w.ln()));
        assert!((logs - 20.0_f64.ln()).abs() < 5.0 * 0.6 / n.sqrt());
        let spread = mean(wages.iter().map(|w| (w.ln() - logs).powi(2)));
        assert!((spread - 0.36).abs() < 5.0 * 0.36 * (2.0 / n).sqrt());
        let expected = 20.0 * 0.18_f64.exp();
        let error = expected * (0.36_f64.exp() - 1.0).sqrt() / n.sqrt();
        assert!((mean(wages.iter().copied()) - expected).abs() < 5.0 * error);
    }

    #[test]
    fn pareto_lognormal_agrees_with_scipy() {
        // scipy 1.17.1: ln w ~ exponnorm(K = 1/(σα), loc = ln m, scale = σ), with m such that the
        // median is as given: (median, σ, α), then w at .1, .9, .99, .999, and the closed-form mean.
        let cases = [
            (
                (20.0, 0.6, 2.0),
                [
                    8.226746489346052,
                    56.80308539644132,
                    183.03364612286924,
                    578.8460191193333,
                ],
                30.5787722766136,
            ),
            (
                (20.0, 0.6, 1.5),
                [
                    7.77772929078727,
                    68.2128856756041,
                    317.55368429020876,
                    1473.9538633748182,
                ],
                40.41277204167696,
            ),
            (
                (15.0, 0.3, 8.0),
                [
                    9.994445652163137,
                    22.873991873049018,
                    33.17530829971892,
                    45.08779861049257,
                ],
                15.907300745185593,
            ),
        ];
        for ((median, sigma, tail), quantiles, expected_mean) in cases {
            let prior = ParetoLognormal::new(median, sigma, tail).unwrap();
            assert_close(prior.cdf(median), 0.5, 1e-12);
            // statrs' erfc, through which the scale is found, is good to some 1e-11.
            assert_close(prior.mean(), expected_mean, 1e-10);
            for (u, w) in [0.1, 0.9, 0.99, 0.999].into_iter().zip(quantiles) {
                assert_close(prior.cdf(w), u, 1e-9);
            }
            let wages = draws(|rng| prior.draw(rng));
            let n = wages.len() as f64;
            for (u, w) in [0.1, 0.9, 0.99].into_iter().zip(quantiles) {
                let share = share_below(&wages, w);
                assert!(
                    (share - u).abs() < 5.0 * f64::sqrt(u * (1.0 - u) / n),
                    "{share} for {u}"
                );
            }
        }
    }

    #[test]
    fn pareto_lognormal_nears_the_lognormal_as_the_tail_thins() {
        // α·σ = 600: the direct form of the CDF would overflow.
        let prior = ParetoLognormal::new(20.0, 0.6, 1000.0).unwrap();
        for z in [-3.0_f64, -1.0, 0.0, 1.0, 3.0] {
            let w = 20.0 * (0.6 * z).exp();
            assert!((prior.cdf(w) - normal_cdf(z)).abs() < 1e-5);
        }
    }

    #[test]
    fn uniform_moments() {
        let prior = Uniform::new(8.0, 80.0).unwrap();
        let wages = draws(|rng| prior.draw(rng));
        let n = wages.len() as f64;
        assert!(wages.iter().all(|w| (8.0..80.0).contains(w)));
        assert!((mean(wages.iter().copied()) - 44.0).abs() < 5.0 * 72.0 / (12.0 * n).sqrt());
        assert!((share_below(&wages, 26.0) - 0.25).abs() < 5.0 * (0.1875 / n).sqrt());
    }

    #[test]
    fn bad_parameters_say_what_is_allowed() {
        let errors = [
            Lognormal::new(0.0, 0.5).unwrap_err(),
            Lognormal::new(20.0, f64::NAN).unwrap_err(),
            ParetoLognormal::new(20.0, 0.5, 1.0).unwrap_err(),
            ParetoLognormal::new(20.0, 0.0, 2.0).unwrap_err(),
            Uniform::new(10.0, 5.0).unwrap_err(),
            Uniform::new(-1.0, 5.0).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.exit_code(), 2);
            let message = error.to_string();
            assert!(
                message.contains("found:") && message.contains("allowed:"),
                "{message}"
            );
        }
    }
}
