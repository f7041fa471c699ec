//! `standards`: bounds that stakeholders agree on by ballot.

use super::basic::teach;
use super::{Judged, Learned, Reward, Situation};
use crate::error::{Error, Result};

/// How many of those who vote must agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quota {
    /// Everybody.
    Unanimity,
    /// At least this share, above ½ and at most 1.
    Supermajority(f64),
}

impl Quota {
    /// Least number of votes among `voters`: ⌈q·voters⌉.
    ///
    /// # Errors
    /// No voter; a share outside (½, 1].
    pub fn votes(self, voters: usize) -> Result<usize> {
        let share = match self {
            Quota::Unanimity => 1.0,
            Quota::Supermajority(share) => share,
        };
        if !(share > 0.5 && share <= 1.0) {
            return Err(Error::input("share of a supermajority")
                .value(share)
                .allowed("above 0.5, at most 1"));
        }
        if voters == 0 {
            return Err(Error::input("a ballot on standards without voters")
                .value("nobody")
                .allowed("at least one demand, or who abstains"));
        }
        // 2/3 of 3 are 2, though the product is rounded.
        Ok((share * voters as f64 - 1e-9).ceil() as usize)
    }
}

/// Which side of a bound is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// r ≥ bound.
    AtLeast,
    /// r ≤ bound.
    AtMost,
}

/// The strictest bound that a quota agrees on, from the bound that each voter demands (`None` of one
/// who demands none).
///
/// Who demands r ≤ b agrees with every r ≤ b′ with b′ ≥ b, for it is less than was asked for; so the
/// strictest bound with enough votes is, of demands from strict to lax, the one at the place of the
/// quota: under unanimity the laxest of all. `None` where fewer than the quota demand any.
///
/// # Errors
/// As [`Quota::votes`]; a demand that is not a number.
pub fn agreed_bound(side: Side, demands: &[Option<f64>], quota: Quota) -> Result<Option<f64>> {
    let votes = quota.votes(demands.len())?;
    let mut strict: Vec<f64> = demands.iter().flatten().copied().collect();
    if let Some(bad) = strict.iter().find(|b| !b.is_finite()) {
        return Err(Error::input("demanded bound")
            .value(bad)
            .allowed("a finite number"));
    }
    strict.sort_by(f64::total_cmp);
    if side == Side::AtLeast {
        strict.reverse();
    }
    Ok(strict.get(votes - 1).copied())
}

/// Which proposals are adopted: those that at least the quota approves. `approvals[voter][proposal]`.
///
/// # Errors
/// As [`Quota::votes`]; ballots of different lengths.
pub fn adopted(approvals: &[Vec<bool>], quota: Quota) -> Result<Vec<bool>> {
    let votes = quota.votes(approvals.len())?;
    let proposals = approvals[0].len();
    if let Some(bad) = approvals.iter().find(|ballot| ballot.len() != proposals) {
        return Err(Error::input("ballots of different lengths")
            .value(bad.len())
            .allowed(proposals));
    }
    let count = |p: usize| approvals.iter().filter(|ballot| ballot[p]).count();
    Ok((0..proposals).map(|p| count(p) >= votes).collect())
}

/// A bound on something that is measured.
#[derive(Clone, Debug)]
pub struct Standard {
    /// As the record calls it.
    pub name: String,
    /// What is measured.
    pub measure: Box<dyn Reward>,
    /// Which side is allowed.
    pub side: Side,
    /// In the unit of the measure.
    pub bound: f64,
    /// What counts as a violation of 1, in the unit of the measure, above 0.
    pub unit: f64,
}

impl Standard {
    /// By how much a measured value fails, in units; 0 where it does not.
    pub fn violation(&self, value: f64) -> f64 {
        let over = match self.side {
            Side::AtLeast => self.bound - value,
            Side::AtMost => value - self.bound,
        };
        // What is no number meets no standard.
        if over.is_nan() {
            f64::MAX.sqrt()
        } else {
            (over / self.unit).max(0.0)
        }
    }
}

/// What a schedule outside all standards is worth at best, before its violations are counted.
pub const OUTSIDE: f64 = -1e12;

/// Within the standards the base reward, or 0 without one, so that whatever meets them is as good:
/// constraints that stakeholders agree on, in place of one utility that would have to weigh them. Each
/// violated standard is named in the record.
///
/// Outside it is [`OUTSIDE`]·(1 + Σ violations): as low as any reward of this economy gets, yet
/// finite, so that means over years exist, and lower the further outside, so that a planner that
/// starts there finds its way in.
///
/// Source: Zhi-Xuan et al. (2024), "Beyond preferences in AI alignment", arXiv 2408.16984: alignment with
/// standards negotiated by all relevant stakeholders instead of with preferences. They give no formula.
#[derive(Clone, Debug)]
pub struct Standards {
    /// Those that were adopted.
    pub standards: Vec<Standard>,
    /// What is maximised within them.
    pub base: Option<Box<dyn Reward>>,
}

impl Standards {
    /// Checks bounds and units.
    ///
    /// # Errors
    /// A bound that is not finite, a unit that is not above 0.
    pub fn check(&self) -> Result<()> {
        for s in &self.standards {
            if !(s.bound.is_finite() && s.unit.is_finite() && s.unit > 0.0) {
                return Err(Error::input(format!("standard `{}`", s.name))
                    .value(format!("bound {}, unit {}", s.bound, s.unit))
                    .allowed("a finite bound and a unit above 0"));
            }
        }
        Ok(())
    }

    /// By how much each standard is violated; all 0 within the feasible set.
    ///
    /// # Errors
    /// A measure that fails.
    pub fn violations(&self, situation: &Situation) -> Result<Vec<f64>> {
        (self.standards.iter())
            .map(|s| Ok(s.violation(s.measure.judge(situation)?.total)))
            .collect()
    }
}

impl Reward for Standards {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let violations = self.violations(situation)?;
        let named = self
            .standards
            .iter()
            .map(|s| format!("violation_{}", s.name));
        let parts: Vec<(String, f64)> = named.zip(violations.iter().copied()).collect();
        let sum: f64 = violations.iter().sum();
        if sum > 0.0 {
            return Ok(Judged {
                total: OUTSIDE * (1.0 + sum),
                parts,
                ..Judged::default()
            });
        }
        let mut judged = match &self.base {
            Some(base) => base.judge(situation)?,
            None => Judged::default(),
        };
        judged.parts.extend(parts);
        Ok(judged)
    }

    fn pointwise(&self) -> bool {
        let base = self.base.as_ref().is_none_or(|base| base.pointwise());
        base && self.standards.iter().all(|s| s.measure.pointwise())
    }

    fn learn(&mut self, year: &Situation, _: &Judged) -> Result<()> {
        (self.base.iter_mut()).try_for_each(|base| teach(base, year))?;
        (self.standards.iter_mut()).try_for_each(|s| teach(&mut s.measure, year))
    }

    fn ready(&self) -> bool {
        let base = self.base.as_ref().is_none_or(|base| base.ready());
        base && self.standards.iter().all(|s| s.measure.ready())
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut Learned)) {
        if let Some(base) = &mut self.base {
            base.visit_learned(visit);
        }
        for s in &mut self.standards {
            s.measure.visit_learned(visit);
        }
    }

    fn learns(&self) -> bool {
        self.base.as_ref().is_some_and(|base| base.learns())
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

    /// Six voters on the largest Gini coefficient: 0.20, 0.25, 0.25, 0.30, 0.40 and one who asks for
    /// none. By hand: five of six (⌈0.8·6⌉) agree on 0.40, four (⌈2/3·6⌉) on 0.30; all six on none.
    #[test]
    fn bounds_by_hand() {
        let demands = [0.3, 0.2, 0.25, 0.4, 0.25].map(Some);
        let demands: Vec<_> = demands.into_iter().chain([None]).collect();
        let agreed = |quota| agreed_bound(Side::AtMost, &demands, quota).unwrap();
        assert_eq!(agreed(Quota::Unanimity), None);
        assert_eq!(agreed(Quota::Supermajority(0.8)), Some(0.4));
        assert_eq!(agreed(Quota::Supermajority(2.0 / 3.0)), Some(0.3));
        let without = |quota| agreed_bound(Side::AtMost, &demands[..5], quota).unwrap();
        assert_eq!(without(Quota::Unanimity), Some(0.4));
        // At least: the laxest is the lowest.
        let least = [Some(9_000.0), Some(6_000.0), Some(12_000.0)];
        let agreed = |quota| agreed_bound(Side::AtLeast, &least, quota).unwrap();
        assert_eq!(agreed(Quota::Unanimity), Some(6_000.0));
        assert_eq!(agreed(Quota::Supermajority(0.6)), Some(9_000.0));
    }

    /// Three voters, four proposals, by hand: approvals 3, 2, 1, 0.
    #[test]
    fn vote_by_hand() {
        let ballots = [
            vec![true, true, true, false],
            vec![true, true, false, false],
            vec![true, false, false, false],
        ];
        let two_thirds = Quota::Supermajority(2.0 / 3.0);
        assert_eq!(
            adopted(&ballots, two_thirds).unwrap(),
            [true, true, false, false]
        );
        assert_eq!(
            adopted(&ballots, Quota::Unanimity).unwrap(),
            [true, false, false, false]
        );
        assert!(adopted(&ballots, Quota::Supermajority(0.5)).is_err());
        assert!(adopted(&[], two_thirds).is_err());
        assert!(adopted(&[vec![true], vec![]], two_thirds).is_err());
    }

    fn standards(base: Option<Box<dyn Reward>>) -> Standards {
        let standard = |name: &str, side, bound, unit| Standard {
            name: name.into(),
            measure: Number::new(name).unwrap().boxed(),
            side,
            bound,
            unit,
        };
        Standards {
            standards: vec![
                standard("revenue", Side::AtLeast, 4_000.0, 1_000.0),
                standard("labor_mean", Side::AtLeast, 30.0, 1.0),
            ],
            base,
        }
    }

    /// The feasible set of flat rates against what the two numbers say, and the best in it: the least
    /// rate that raises the revenue, for a planner that would rather not tax at all. Outside, the
    /// reward is below all inside and rises on the way in.
    #[test]
    fn feasible_set_bounds_the_planner() {
        let society = society(60);
        let utilitarian = Welfare {
            objective: Objective::Utilitarian,
        };
        let reward = standards(Some(utilitarian.boxed()));
        let (mut feasible, mut totals) = (Vec::new(), Vec::new());
        for k in 0..=90 {
            let year = made(&society, &Schedule::flat(f64::from(k) / 100.0).unwrap());
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            feasible.push(mean(&year.outcome.tax) >= 4_000.0 && mean(&year.outcome.labor) >= 30.0);
            let judged = reward.judge(&year.situation()).unwrap();
            assert_eq!(feasible[k as usize], judged.total > OUTSIDE);
            let free = standards(None).judge(&year.situation()).unwrap();
            assert_eq!(free.total == 0.0, feasible[k as usize]);
            totals.push(judged.total);
        }
        let first = feasible.iter().position(|&f| f).unwrap();
        let last = feasible.iter().rposition(|&f| f).unwrap();
        assert!(first > 0 && last < 90 && feasible[first..=last].iter().all(|&f| f));
        let best = (0..=90)
            .max_by(|&a, &b| totals[a].total_cmp(&totals[b]))
            .unwrap();
        assert_eq!(best, first);
        assert!(totals[..first].windows(2).all(|pair| pair[1] > pair[0]));
        assert!(totals.iter().all(|t| t.is_finite()));
    }
}
