//! Building blocks: a welfare function as reward, and one named number of the outcome.

use super::outcome::{Situation, outcome_features, outcome_names};
use super::{Judged, Reward};
use crate::error::{Error, Result};
use crate::fiscal::Objective;

/// A welfare function W as reward, in the unit of W.
///
/// Where W is a mean of g_i·u_i with weights that depend on wages alone (`utilitarian`,
/// `inverse_wage`, `pareto`), each worker's own reward is g_i·u_i.
#[derive(Clone, Debug, PartialEq)]
pub struct Welfare {
    /// The welfare function.
    pub objective: Objective,
}

impl Reward for Welfare {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let total = self
            .objective
            .welfare(situation.economy, &situation.allocation());
        let by_worker = matches!(
            self.objective,
            Objective::Utilitarian | Objective::InverseWage | Objective::Pareto { .. }
        )
        .then(|| {
            let weights = self.objective.fixed_weights(situation.wage);
            let own = weights.iter().zip(situation.utility);
            own.map(|(g, u)| g * u).collect()
        });
        Ok(Judged {
            total,
            by_worker,
            ..Judged::default()
        })
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

/// One number of the outcome ([`outcome_names`]) as reward, in its own unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    place: usize,
}

impl Number {
    /// The number called `name`.
    ///
    /// # Errors
    /// A name that is none of [`outcome_names`].
    pub fn new(name: &str) -> Result<Self> {
        let names = outcome_names();
        match names.iter().position(|n| n == name) {
            Some(place) => Ok(Number { place }),
            None => Err(Error::input("no such number of the outcome")
                .value(name)
                .allowed(names.join(", "))
                .suggest(name, names.iter().map(String::as_str))),
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        outcome_names().swap_remove(self.place)
    }
}

impl Reward for Number {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        Ok(Judged::plain(outcome_features(situation)[self.place]))
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

/// A reward measured from `zero` in steps of `unit`: (r − zero)/unit. A negative unit turns what
/// should be low into a good.
#[derive(Clone, Debug)]
pub struct Good {
    /// What it is measured by.
    pub reward: Box<dyn Reward>,
    /// Where it is worth nothing, in the reward's unit.
    pub zero: f64,
    /// In the reward's unit, not 0.
    pub unit: f64,
}

impl Good {
    /// A reward as it is.
    pub fn plain(reward: impl Reward + 'static) -> Self {
        Good {
            reward: Box::new(reward),
            zero: 0.0,
            unit: 1.0,
        }
    }

    /// (r − zero)/unit.
    pub fn of(&self, r: f64) -> f64 {
        (r - self.zero) / self.unit
    }

    /// Checks the constants.
    ///
    /// # Errors
    /// A zero that is not finite; a unit that is 0 or not finite.
    pub fn check(&self) -> Result<()> {
        if !self.zero.is_finite() || !self.unit.is_finite() || self.unit == 0.0 {
            return Err(Error::input("scale of a reward")
                .value(format!("zero {}, unit {}", self.zero, self.unit))
                .allowed("finite numbers, the unit not 0"));
        }
        Ok(())
    }
}

impl Reward for Good {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        Ok(self.scale(self.reward.judge(situation)?))
    }

    fn judge_all(&self, situations: &[Situation]) -> Result<Vec<Judged>> {
        let all = self.reward.judge_all(situations)?;
        Ok(all.into_iter().map(|judged| self.scale(judged)).collect())
    }

    fn pointwise(&self) -> bool {
        self.reward.pointwise()
    }

    fn learn(&mut self, year: &Situation, _: &Judged) -> Result<()> {
        teach(&mut self.reward, year)
    }

    fn ready(&self) -> bool {
        self.reward.ready()
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut super::Learned)) {
        self.reward.visit_learned(visit);
    }

    fn learns(&self) -> bool {
        self.reward.learns()
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

impl Good {
    fn scale(&self, judged: Judged) -> Judged {
        let by_worker = judged.by_worker.map(|mut all| {
            all.iter_mut().for_each(|r| *r = self.of(*r));
            all
        });
        Judged {
            total: self.of(judged.total),
            parts: judged.parts,
            by_worker,
            // Credit is a difference: it has no zero.
            by_bracket: judged
                .by_bracket
                .map(|all| all.into_iter().map(|r| r / self.unit).collect()),
        }
    }
}

/// Lets a reward inside another one see a finished year, with its own judgement of it.
///
/// # Errors
/// As [`Reward::learn`].
pub(super) fn teach(reward: &mut Box<dyn Reward>, year: &Situation) -> Result<()> {
    if !reward.ready() {
        return Ok(());
    }
    let judged = reward.judge(year)?;
    reward.learn(year, &judged)
}

/// A small society and what it does, for tests of rewards.
#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use crate::fiscal::{Economy, Outcome, Schedule, Society};

    /// A schedule with what it leads to.
    pub struct Made {
        pub schedule: Schedule,
        pub economy: Economy,
        pub wage: Vec<f64>,
        pub outcome: Outcome,
    }

    impl Made {
        pub fn situation(&self) -> Situation<'_> {
            Situation::of(&self.schedule, &self.economy, &self.wage, &self.outcome)
        }
    }

    /// Wages at the quantiles of a log-normal with median $20 and σ = 0.6, roughly.
    pub fn society(n: usize) -> Society {
        let wage = (0..n)
            .map(|i| {
                let p = (i as f64 + 0.5) / n as f64;
                // Logit quantiles scaled to the normal's variance.
                20.0 * (0.6 * (p / (1.0 - p)).ln() * 3f64.sqrt() / std::f64::consts::PI).exp()
            })
            .collect();
        Society::rational(Economy::default(), wage)
    }

    pub fn made(society: &Society, schedule: &Schedule) -> Made {
        Made {
            schedule: schedule.clone(),
            economy: *society.economy(),
            wage: society.wage().to_vec(),
            outcome: society.outcome(schedule),
        }
    }

    /// Three workers whose numbers are written down, in two brackets, edge at 40,000 $/year.
    pub fn three() -> Made {
        Made {
            schedule: Schedule::new(&[0.0, 40_000.0], &[0.1, 0.3]).unwrap(),
            economy: Economy::default(),
            wage: vec![10.0, 20.0, 40.0],
            outcome: Outcome {
                labor: vec![40.0, 40.0, 40.0],
                income: vec![20_800.0, 41_600.0, 83_200.0],
                tax: vec![2_080.0, 4_480.0, 16_960.0],
                disposable: vec![26_560.0, 44_960.0, 74_080.0],
                utility: vec![20_000.0, 36_000.0, 60_000.0],
                rebate: 7_840.0,
                ..Outcome::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::three;
    use super::*;

    /// Means written down by hand: (20 + 36 + 60)/3 thousand; weights 1/w ∝ 4, 2, 1 of mean 7/3.
    #[test]
    fn welfare_of_three_workers() {
        let made = three();
        let judge = |objective| Welfare { objective }.judge(&made.situation()).unwrap();
        let utilitarian = judge(Objective::Utilitarian);
        assert!((utilitarian.total - 116_000.0 / 3.0).abs() < 1e-9);
        let weighted = judge(Objective::InverseWage);
        assert!((weighted.total - (4.0 * 20.0 + 2.0 * 36.0 + 60.0) * 1000.0 / 7.0).abs() < 1e-9);
        let own = weighted.by_worker.unwrap();
        assert!((own.iter().sum::<f64>() / 3.0 - weighted.total).abs() < 1e-9);
        assert!(judge(Objective::Rawlsian).by_worker.is_none());
    }

    #[test]
    fn a_number_by_name_and_as_a_good() {
        let made = three();
        let revenue = Number::new("revenue").unwrap();
        let judged = revenue.judge(&made.situation()).unwrap();
        assert!((judged.total - 7_840.0).abs() < 1e-9);
        let good = Good {
            reward: revenue.boxed(),
            zero: 8_000.0,
            unit: -1_000.0,
        };
        let judged = good.judge(&made.situation()).unwrap();
        assert!((judged.total - 0.16).abs() < 1e-12);
        let error = Number::new("revenues").unwrap_err().to_string();
        assert!(error.contains("did you mean `revenue`"), "{error}");
    }
}
