//! `regularised`: a mixture of plain measures that counts as far as it is relevant.

use super::basic::{Good, teach};
use super::{Judged, Learned, Reward, Situation};
use crate::error::{Error, Result};
use crate::preferences::fit::logistic;

/// R = zero + (r − zero)·σ((q − threshold)/softness) for a base reward r above `zero`, and r below
/// it: what is good is rewarded as far as the relevance q says that it is to the point, what is bad
/// is not excused. R never falls in q. No preferences are needed where r is a mixture of measures
/// (a [`Composite`](super::composite::Composite) of numbers of the outcome).
///
/// In text, the relevance of an answer to its question gates rewards for length and variety; here
/// the relevance of an outcome to the mandate, such as revenue against what is to be spent, gates
/// rewards for growth and equality. Source: Kim and Seo (2024), "Rethinking the role of proxy rewards
/// in language model alignment", arXiv 2402.03469 (first as "Preference-free alignment learning with
/// regularized relevance reward"), with a smooth gate.
#[derive(Clone, Debug)]
pub struct Regularised {
    /// r.
    pub base: Box<dyn Reward>,
    /// Reward that is worth nothing, in the unit of r.
    pub zero: f64,
    /// q, in steps of its unit.
    pub relevance: Good,
    /// Relevance at which half counts.
    pub threshold: f64,
    /// Relevance over which the odds of counting rise by a factor e, above 0.
    pub softness: f64,
}

impl Regularised {
    /// Checks the constants.
    ///
    /// # Errors
    /// A constant that is not finite; a softness of 0 or less.
    pub fn check(&self) -> Result<()> {
        self.relevance.check()?;
        let finite = self.zero.is_finite() && self.threshold.is_finite();
        if !(finite && self.softness.is_finite() && self.softness > 0.0) {
            return Err(Error::input("gate of a reward")
                .value(format!(
                    "zero {}, threshold {}, softness {}",
                    self.zero, self.threshold, self.softness
                ))
                .allowed("finite numbers, the softness above 0"));
        }
        Ok(())
    }

    /// The gate at relevance q, in (0, 1).
    pub fn gate(&self, relevance: f64) -> f64 {
        logistic((relevance - self.threshold) / self.softness)
    }

    fn gated(&self, base: &Judged, relevance: f64) -> Judged {
        let gate = self.gate(relevance);
        let worth = |r: f64| match r > self.zero {
            true => self.zero + (r - self.zero) * gate,
            false => r,
        };
        Judged {
            total: worth(base.total),
            parts: vec![
                ("base".to_owned(), base.total),
                ("relevance".to_owned(), relevance),
                ("gate".to_owned(), gate),
            ],
            ..Judged::default()
        }
    }
}

impl Reward for Regularised {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let relevance = self.relevance.judge(situation)?.total;
        Ok(self.gated(&self.base.judge(situation)?, relevance))
    }

    fn judge_all(&self, situations: &[Situation]) -> Result<Vec<Judged>> {
        let relevance = self.relevance.judge_all(situations)?;
        let base = self.base.judge_all(situations)?;
        let both = base.iter().zip(&relevance);
        Ok(both.map(|(b, q)| self.gated(b, q.total)).collect())
    }

    fn pointwise(&self) -> bool {
        self.base.pointwise() && self.relevance.pointwise()
    }

    fn learn(&mut self, year: &Situation, _: &Judged) -> Result<()> {
        teach(&mut self.base, year)?;
        teach(&mut self.relevance.reward, year)
    }

    fn ready(&self) -> bool {
        self.base.ready() && self.relevance.ready()
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut Learned)) {
        self.base.visit_learned(visit);
        self.relevance.visit_learned(visit);
    }

    fn learns(&self) -> bool {
        self.base.learns() || self.relevance.learns()
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
    use crate::fiscal::{Objective, Schedule};

    fn regularised() -> Regularised {
        Regularised {
            base: Welfare {
                objective: Objective::Utilitarian,
            }
            .boxed(),
            zero: 0.0,
            relevance: Good {
                reward: Number::new("revenue").unwrap().boxed(),
                zero: 0.0,
                unit: 5_000.0,
            },
            threshold: 1.0,
            softness: 0.1,
        }
    }

    /// ½ at the threshold, odds e higher one softness above; rising; the reward rises in relevance
    /// for good and for bad base rewards.
    #[test]
    fn gate_is_monotone() {
        let reward = regularised();
        assert_eq!(reward.gate(1.0), 0.5);
        let odds = reward.gate(1.1) / (1.0 - reward.gate(1.1));
        assert!((odds - std::f64::consts::E).abs() < 1e-9);
        for base in [-3.0, 0.0, 2.0, 4e4] {
            let mut last = f64::NEG_INFINITY;
            for step in -300..=300 {
                let total = (reward.gated(&Judged::plain(base), f64::from(step) / 100.0)).total;
                assert!(
                    total >= last && total <= base,
                    "{base}: {total} after {last}"
                );
                last = total;
            }
            // Far above the threshold all of it counts.
            assert!((last - base).abs() <= 1e-8 * base.abs());
        }
    }

    /// Without the gate the utilitarian planner sets no tax; with it, one that pays for the mandate
    /// of $5,000 per worker.
    #[test]
    fn planner_meets_its_mandate() {
        let society = society(60);
        let reward = Regularised {
            softness: 0.02,
            ..regularised()
        };
        let judge = |reward: &dyn Reward, k: u32| {
            let year = made(&society, &Schedule::flat(f64::from(k) / 100.0).unwrap());
            (
                reward.judge(&year.situation()).unwrap().total,
                year.outcome.tax.iter().sum::<f64>() / 60.0,
            )
        };
        let best = |reward: &dyn Reward| {
            (0..=70)
                .max_by(|&a, &b| judge(reward, a).0.total_cmp(&judge(reward, b).0))
                .unwrap()
        };
        assert_eq!(best(&*reward.base), 0);
        let rate = best(&reward);
        let revenue = judge(&reward, rate).1;
        assert!((5_000.0..6_500.0).contains(&revenue), "{rate} %: {revenue}");
    }
}
