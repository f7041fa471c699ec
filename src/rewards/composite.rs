//! `composite`: a weighted sum of rewards, with dense signals by group and by bracket.

use super::basic::teach;
use super::{Judged, Learned, Reward, Situation};
use crate::error::{Error, Result};
use crate::fiscal::inequality;

/// One of the rewards in a sum.
#[derive(Clone, Debug)]
pub struct Part {
    /// As the record calls it.
    pub name: String,
    /// Per unit of the reward.
    pub weight: f64,
    /// The reward.
    pub reward: Box<dyn Reward>,
}

/// R = Σ_k w_k r_k over rewards of any kind: welfare functions, numbers of the outcome, learned
/// models, programs. Each w_k r_k is recorded.
///
/// The same reward, finer: r_i = Σ_k w_k r_ki is worker i's own, r_ki the k-th reward's own for that
/// worker, or r_k for everybody where it has none, so that R = Σ r_i/n. Its sum over wage groups
/// ("group_1" with the lowest wages) and over the brackets in which incomes lie
/// ([`Judged::by_bracket`], bracket k: Σ_{i: z_i in k} r_i/n) is R too. Where parts come with
/// credit by bracket themselves, theirs is weighted and added instead of their share.
///
/// The fine-grained text reward rates spans of an answer by several models; here the bracket or the
/// wage group plays the role of the span. Source: Wu et al. (2023), "Fine-grained human feedback gives better
/// rewards for language model training", arXiv 2306.01693.
#[derive(Clone, Debug)]
pub struct Composite {
    /// At least one.
    pub parts: Vec<Part>,
    /// Wage groups of equal size for which the reward is recorded; 0 records none.
    pub groups: usize,
    /// Whether credit by bracket is given.
    pub by_bracket: bool,
}

impl Composite {
    /// Checks names and weights.
    ///
    /// # Errors
    /// No part, two parts of one name, a weight that is not finite.
    pub fn check(&self) -> Result<()> {
        if self.parts.is_empty() {
            return Err(Error::input("a sum of no rewards")
                .value("no part")
                .allowed("at least one part"));
        }
        for (k, part) in self.parts.iter().enumerate() {
            if !part.weight.is_finite() {
                return Err(Error::input(format!("weight of part `{}`", part.name))
                    .value(part.weight)
                    .allowed("a finite number"));
            }
            if self.parts[..k].iter().any(|other| other.name == part.name) {
                return Err(Error::input("two parts of one name").value(&part.name));
            }
        }
        Ok(())
    }

    fn add(&self, situation: &Situation, judged: &[Judged]) -> Judged {
        let n = situation.workers();
        let mut sum = Judged::default();
        let mut by_worker = vec![0.0; n];
        let mut by_bracket = vec![0.0; situation.schedule.brackets()];
        let place: Vec<usize> = (situation.income.iter())
            .map(|&z| situation.schedule.bracket_of(z))
            .collect();
        for (part, judged) in self.parts.iter().zip(judged) {
            let worth = part.weight * judged.total;
            sum.total += worth;
            sum.parts.push((part.name.clone(), worth));
            let own = |i: usize| {
                part.weight * judged.by_worker.as_ref().map_or(judged.total, |own| own[i])
            };
            let credit = (judged.by_bracket.as_ref()).filter(|c| c.len() == by_bracket.len());
            for (i, total) in by_worker.iter_mut().enumerate() {
                *total += own(i);
                if credit.is_none() {
                    by_bracket[place[i]] += own(i) / n as f64;
                }
            }
            if let Some(credit) = credit {
                (by_bracket.iter_mut().zip(credit)).for_each(|(b, c)| *b += part.weight * c);
            }
        }
        if self.groups > 0 {
            let order = inequality::ascending_order(situation.wage);
            for group in 0..self.groups {
                let members = &order[group * n / self.groups..(group + 1) * n / self.groups];
                let worth: f64 = members.iter().map(|&i| by_worker[i as usize]).sum();
                (sum.parts).push((format!("group_{}", group + 1), worth / n as f64));
            }
        }
        sum.by_worker = Some(by_worker);
        sum.by_bracket = self.by_bracket.then_some(by_bracket);
        sum
    }
}

impl Reward for Composite {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let judged: Vec<Judged> = (self.parts.iter())
            .map(|part| part.reward.judge(situation))
            .collect::<Result<_>>()?;
        Ok(self.add(situation, &judged))
    }

    fn judge_all(&self, situations: &[Situation]) -> Result<Vec<Judged>> {
        let mut by_situation = vec![Vec::with_capacity(self.parts.len()); situations.len()];
        for part in &self.parts {
            let all = part.reward.judge_all(situations)?;
            (by_situation.iter_mut().zip(all)).for_each(|(parts, judged)| parts.push(judged));
        }
        Ok((situations.iter().zip(&by_situation))
            .map(|(situation, judged)| self.add(situation, judged))
            .collect())
    }

    fn pointwise(&self) -> bool {
        self.parts.iter().all(|part| part.reward.pointwise())
    }

    fn learn(&mut self, year: &Situation, _: &Judged) -> Result<()> {
        (self.parts.iter_mut()).try_for_each(|part| teach(&mut part.reward, year))
    }

    fn ready(&self) -> bool {
        self.parts.iter().all(|part| part.reward.ready())
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut Learned)) {
        for part in &mut self.parts {
            part.reward.visit_learned(visit);
        }
    }

    fn learns(&self) -> bool {
        self.parts.iter().any(|part| part.reward.learns())
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::basic::fixture::{made, society, three};
    use super::super::basic::{Number, Welfare};
    use super::*;
    use crate::fiscal::{Objective, Schedule};

    fn composite() -> Composite {
        let part = |name: &str, weight, reward| Part {
            name: name.into(),
            weight,
            reward,
        };
        let utilitarian = Welfare {
            objective: Objective::Utilitarian,
        };
        Composite {
            parts: vec![
                part("welfare", 2.0, utilitarian.boxed()),
                part("revenue", 0.5, Number::new("revenue").unwrap().boxed()),
            ],
            groups: 3,
            by_bracket: true,
        }
    }

    /// Three workers by hand: 2·(20, 36, 60) thousand and 0.5·7,840 for each of them.
    #[test]
    fn parts_groups_and_brackets_by_hand() {
        let made = three();
        let judged = composite().judge(&made.situation()).unwrap();
        let parts: Vec<f64> = judged.parts.iter().map(|(_, x)| *x).collect();
        let expected = [
            232_000.0 / 3.0,
            3_920.0,
            43_920.0 / 3.0,
            75_920.0 / 3.0,
            123_920.0 / 3.0,
        ];
        for (found, expected) in parts.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{parts:?}");
        }
        // Incomes 20,800 | 41,600 and 83,200 lie below and above the edge at 40,000.
        let brackets = judged.by_bracket.unwrap();
        assert!((brackets[0] - 43_920.0 / 3.0).abs() < 1e-9);
        assert!((brackets[1] - 199_840.0 / 3.0).abs() < 1e-9);
    }

    /// Σ parts = Σ groups = Σ brackets = mean over workers = R.
    #[test]
    fn parts_add_up() {
        let society = society(101);
        let schedule = Schedule::new(&[0.0, 30_000.0, 70_000.0], &[0.1, 0.25, 0.4]).unwrap();
        let made = made(&society, &schedule);
        let judged = composite().judge(&made.situation()).unwrap();
        let sum = |from: usize, to: usize| judged.parts[from..to].iter().map(|p| p.1).sum::<f64>();
        let workers = judged.by_worker.as_ref().unwrap();
        let totals = [
            sum(0, 2),
            sum(2, 5),
            judged.by_bracket.as_ref().unwrap().iter().sum(),
            workers.iter().sum::<f64>() / workers.len() as f64,
        ];
        for total in totals {
            assert!((total / judged.total - 1.0).abs() < 1e-12, "{totals:?}");
        }
        let side_by_side = composite().judge_all(&[made.situation()]).unwrap();
        assert_eq!(side_by_side[0], judged);
    }

    #[test]
    fn names_and_weights_are_checked() {
        let mut twice = composite();
        twice.parts[1].name = "welfare".into();
        assert!(twice.check().is_err());
        twice.parts.clear();
        assert!(twice.check().is_err());
        assert!(composite().check().is_ok());
    }
}
