//! `harmonic`: a weighted harmonic mean of two goods, which stops early.

use super::basic::{Good, teach};
use super::{Judged, Learned, Reward, Situation};
use crate::error::{Error, Result};
use crate::fiscal::Schedule;

/// H = 1/(λ/r₁ + (1−λ)/r₂) of two positive goods: never above the lesser divided by its own weight,
/// so that more of one good alone is worth little and none of the other nothing. Where a good is not
/// positive, H = min(r₁, r₂, 0), which joins at 0 and leads back. 0 ≤ λ ≤ 1; λ = 1 is r₁ alone.
/// Source of the reward: Miao et al. (2024), "Subject-driven text-to-image generation via
/// preference-based reinforcement learning", arXiv 2407.12164, where the goods are likeness to a picture
/// and to a text; of the mean: van Rijsbergen (1979), as effectiveness of retrieval.
pub fn harmonic_mean(lambda: f64, first: f64, second: f64) -> f64 {
    if lambda == 0.0 {
        return second;
    }
    if lambda == 1.0 {
        return first;
    }
    if first > 0.0 && second > 0.0 {
        1.0 / (lambda / first + (1.0 - lambda) / second)
    } else {
        first.min(second).min(0.0)
    }
}

/// Stops what no longer improves: after `patience` values in a row none of which exceeds the best by
/// more than `tolerance`. Source: Prechelt (1998).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// Values without improvement, at least 1.
    pub patience: usize,
    /// In the unit of the value, at least 0.
    pub tolerance: f64,
    best: f64,
    since: usize,
}

impl EarlyStopping {
    /// Before the first value.
    ///
    /// # Errors
    /// No patience; a negative tolerance.
    pub fn new(patience: usize, tolerance: f64) -> Result<Self> {
        if patience == 0 || !(tolerance >= 0.0 && tolerance.is_finite()) {
            return Err(Error::input("early stopping")
                .value(format!("patience {patience}, tolerance {tolerance}"))
                .allowed("patience of at least 1, a tolerance of at least 0"));
        }
        Ok(EarlyStopping {
            patience,
            tolerance,
            best: f64::NEG_INFINITY,
            since: 0,
        })
    }

    /// Sees a value and says whether it is the best so far.
    pub fn see(&mut self, value: f64) -> bool {
        let better = value > self.best + self.tolerance;
        if better {
            (self.best, self.since) = (value, 0);
        } else {
            self.since += 1;
        }
        better
    }

    /// Whether it is time to stop.
    pub fn stopped(&self) -> bool {
        self.since >= self.patience
    }
}

/// The [`harmonic_mean`] of two goods as reward. With early stopping it holds what was best once
/// years stop to improve: from then on the reward of a schedule τ is H* − Σ_k |τ_k − τ*_k|, whose only
/// maximum is the best year's schedule τ* (of schedules with other brackets: H* − their number).
#[derive(Clone, Debug)]
pub struct Harmonic {
    /// Weight of the first good.
    pub lambda: f64,
    /// One good.
    pub first: Good,
    /// The other.
    pub second: Good,
    /// Whether and when to stop.
    pub stopping: Option<EarlyStopping>,
    best: Option<(Schedule, f64)>,
}

impl Harmonic {
    /// Of two goods with weight λ of the first.
    ///
    /// # Errors
    /// λ outside [0, 1]; a good's scale.
    pub fn new(
        lambda: f64,
        first: Good,
        second: Good,
        stopping: Option<EarlyStopping>,
    ) -> Result<Self> {
        if !(0.0..=1.0).contains(&lambda) {
            return Err(Error::input("weight of the first good")
                .value(lambda)
                .allowed("0 to 1"));
        }
        first.check()?;
        second.check()?;
        Ok(Harmonic {
            lambda,
            first,
            second,
            stopping,
            best: None,
        })
    }

    /// Whether it holds the best year's schedule.
    pub fn stopped(&self) -> bool {
        self.stopping.is_some_and(|stopping| stopping.stopped())
    }

    fn mean(&self, schedule: &Schedule, first: Judged, second: Judged) -> Judged {
        let mean = harmonic_mean(self.lambda, first.total, second.total);
        let mut parts = vec![
            ("first".to_owned(), first.total),
            ("second".to_owned(), second.total),
            ("harmonic_mean".to_owned(), mean),
        ];
        let mut total = mean;
        if self.stopping.is_some() {
            parts.push(("stopped".to_owned(), f64::from(u8::from(self.stopped()))));
        }
        if let (true, Some((held, best))) = (self.stopped(), &self.best) {
            total = best - distance(held, schedule);
        }
        Judged {
            total,
            parts,
            ..Judged::default()
        }
    }
}

fn distance(a: &Schedule, b: &Schedule) -> f64 {
    if a.edges() != b.edges() {
        return b.brackets() as f64;
    }
    let rates = a.rates().iter().zip(b.rates());
    rates.map(|(a, b)| (a - b).abs()).sum()
}

impl Reward for Harmonic {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let (first, second) = (self.first.judge(situation)?, self.second.judge(situation)?);
        Ok(self.mean(situation.schedule, first, second))
    }

    fn judge_all(&self, situations: &[Situation]) -> Result<Vec<Judged>> {
        let first = self.first.judge_all(situations)?;
        let second = self.second.judge_all(situations)?;
        let goods = first.into_iter().zip(second).zip(situations);
        Ok(goods
            .map(|((first, second), situation)| self.mean(situation.schedule, first, second))
            .collect())
    }

    fn pointwise(&self) -> bool {
        self.first.pointwise() && self.second.pointwise()
    }

    fn learn(&mut self, year: &Situation, _: &Judged) -> Result<()> {
        teach(&mut self.first.reward, year)?;
        teach(&mut self.second.reward, year)?;
        if self.stopped() {
            return Ok(());
        }
        let (first, second) = (
            self.first.judge(year)?.total,
            self.second.judge(year)?.total,
        );
        let mean = harmonic_mean(self.lambda, first, second);
        if let Some(stopping) = &mut self.stopping
            && stopping.see(mean)
        {
            self.best = Some((year.schedule.clone(), mean));
        }
        Ok(())
    }

    fn ready(&self) -> bool {
        self.first.ready() && self.second.ready()
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut Learned)) {
        self.first.visit_learned(visit);
        self.second.visit_learned(visit);
    }

    fn learns(&self) -> bool {
        self.stopping.is_some() || self.first.learns() || self.second.learns()
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::basic::fixture::{made, society};
    use super::super::basic::{Number, Welfare};
    use super::*;
    use crate::fiscal::Objective;

    /// By hand, symmetric, homogeneous, between the lesser and the arithmetic mean.
    #[test]
    fn algebra() {
        assert!((harmonic_mean(0.5, 2.0, 6.0) - 3.0).abs() < 1e-15);
        assert!((harmonic_mean(0.25, 1.0, 3.0) - 2.0).abs() < 1e-15);
        assert_eq!(harmonic_mean(1.0, 2.0, -5.0), 2.0);
        assert_eq!(harmonic_mean(0.0, 2.0, -5.0), -5.0);
        for lambda in [0.1, 0.5, 0.8] {
            for (a, b) in [(0.2, 3.0), (5.0, 5.0), (1e-9, 1e9), (7.0, 0.3)] {
                let mean = harmonic_mean(lambda, a, b);
                assert!((mean / harmonic_mean(1.0 - lambda, b, a) - 1.0).abs() < 1e-12);
                assert!((harmonic_mean(lambda, 4.0 * a, 4.0 * b) / mean / 4.0 - 1.0).abs() < 1e-12);
                let low = a.min(b);
                assert!(mean >= low * (1.0 - 1e-12), "{mean} of {a} and {b}");
                assert!(mean <= (lambda * a + (1.0 - lambda) * b) * (1.0 + 1e-12));
            }
        }
    }

    /// However much there is of one good, the mean stays below the other over its weight, and there
    /// is none without the other; it rises in each good also where they are negative.
    #[test]
    fn never_rewards_one_good_alone() {
        for much in [1.0, 1e3, 1e9, 1e300] {
            assert!(harmonic_mean(0.3, much, 0.01) <= 0.01 / 0.7 * (1.0 + 1e-12));
            assert!(harmonic_mean(0.3, 0.01, much) <= 0.01 / 0.3 * (1.0 + 1e-12));
            assert_eq!(harmonic_mean(0.3, much, 0.0), 0.0);
        }
        let grid = [-2.0, -0.5, 0.0, 1e-6, 0.5, 2.0];
        for pair in grid.windows(2) {
            for other in grid {
                assert!(harmonic_mean(0.3, pair[1], other) >= harmonic_mean(0.3, pair[0], other));
                assert!(harmonic_mean(0.3, other, pair[1]) >= harmonic_mean(0.3, other, pair[0]));
            }
        }
    }

    /// Prechelt's rule on written-down values: the last improvement is the third.
    #[test]
    fn stops_after_patience() {
        let mut stopping = EarlyStopping::new(3, 0.1).unwrap();
        let values = [1.0, 2.0, 3.0, 3.05, 2.0, 2.9, 9.0];
        let stops: Vec<bool> = values
            .iter()
            .map(|&value| {
                let stopped = stopping.stopped();
                stopping.see(value);
                stopped
            })
            .collect();
        assert_eq!(stops, [false, false, false, false, false, false, true]);
        assert!(EarlyStopping::new(0, 0.1).is_err());
    }

    /// Efficiency and equality: neither no tax nor the most equal one is best, and once years stop to
    /// improve only the best year's schedule is.
    #[test]
    fn efficiency_and_equality_then_hold() {
        let society = society(50);
        let efficiency = Good {
            reward: Welfare {
                objective: Objective::Utilitarian,
            }
            .boxed(),
            zero: 0.0,
            unit: 40_000.0,
        };
        let equality = Good {
            reward: Number::new("gini_disposable").unwrap().boxed(),
            zero: 0.5,
            unit: -0.5,
        };
        let stopping = EarlyStopping::new(2, 0.0).unwrap();
        let mut reward = Harmonic::new(0.5, efficiency, equality, Some(stopping)).unwrap();
        let rates: Vec<f64> = (0..=10).map(|k| 0.1 * f64::from(k)).collect();
        let mut judged = Vec::new();
        for &rate in &rates {
            let year = made(&society, &Schedule::flat(rate).unwrap());
            judged.push(reward.judge(&year.situation()).unwrap().total);
        }
        let best = (0..judged.len())
            .max_by(|&a, &b| judged[a].total_cmp(&judged[b]))
            .unwrap();
        assert!((2..=8).contains(&best), "{judged:?}");
        for &rate in &rates {
            let year = made(&society, &Schedule::flat(rate).unwrap());
            let seen = reward.judge(&year.situation()).unwrap();
            reward.learn(&year.situation(), &seen).unwrap();
        }
        assert!(reward.stopped());
        for (k, &rate) in rates.iter().enumerate() {
            let year = made(&society, &Schedule::flat(rate).unwrap());
            let total = reward.judge(&year.situation()).unwrap().total;
            let expected = judged[best] - (rate - rates[best]).abs();
            assert!((total - expected).abs() < 1e-12, "{k}: {total}");
        }
    }
}
