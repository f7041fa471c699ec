//! `learned`: a preference model as the planner's reward.

use super::outcome::{Situation, outcome_features, outcome_names, own_features, own_names};
use super::{Judged, Reward};
use crate::error::Result;
use crate::fiscal::inequality;
use crate::preferences::{Items, PreferenceModel, View};

/// What raters are shown of a schedule, and models see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Features {
    /// What happens to the rater: [`own_features`]. The model then is a utility function, and a
    /// schedule's reward the weighted mean of everybody's.
    #[default]
    Own,
    /// What happens to society: [`outcome_features`], the same for all raters.
    Society,
    /// The rates themselves.
    Rates,
    /// All three: for raters who care for themselves, for others, and for the law.
    All,
}

impl Features {
    /// Names of the features under a schedule of `brackets` brackets.
    pub fn names(self, brackets: usize) -> Vec<String> {
        match self {
            Features::Own => own_names(),
            Features::Society => outcome_names(),
            Features::Rates => (1..=brackets).map(|k| format!("rate_{k}")).collect(),
            Features::All => [Features::Own, Features::Society, Features::Rates]
                .into_iter()
                .flat_map(|part| part.names(brackets))
                .collect(),
        }
    }

    /// Whether all raters are shown the same.
    pub fn shared(self) -> bool {
        matches!(self, Features::Society | Features::Rates)
    }

    /// Whether the rates themselves are among them, so that all schedules must have the same brackets.
    pub fn shows_rates(self) -> bool {
        matches!(self, Features::Rates | Features::All)
    }

    /// The row that `rater` judges.
    pub fn row(self, situation: &Situation, rater: usize) -> Vec<f64> {
        match self {
            Features::Own => own_features(situation, rater),
            Features::Society => outcome_features(situation),
            Features::Rates => situation.schedule.rates().to_vec(),
            Features::All => [Features::Own, Features::Society, Features::Rates]
                .into_iter()
                .flat_map(|part| part.row(situation, rater))
                .collect(),
        }
    }
}

/// Whose judgement counts how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// Everybody's alike.
    #[default]
    Equal,
    /// In inverse proportion to wages, mean 1: those of the objective `inverse_wage`.
    InverseWage,
}

impl Weights {
    /// By worker, mean 1.
    pub fn of(self, wage: &[f64]) -> Vec<f64> {
        match self {
            Weights::Equal => vec![1.0; wage.len()],
            Weights::InverseWage => {
                let inverse: Vec<f64> = wage.iter().map(|w| 1.0 / w).collect();
                let mean = inequality::mean(&inverse);
                inverse.iter().map(|x| x / mean).collect()
            }
        }
    }
}

/// The reward of a schedule x is Σᵣ gᵣ s(φ(x, r), r)/N over all raters r, s the model's score and g
/// the weights; where the model has no score (cyclic preferences), the weighted mean over raters and
/// over a pool of schedules y of P(x ≻ y): the share of votes that x would win against a schedule
/// drawn from the pool.
///
/// A situation of a multiple of as many workers as there are raters holds copies of each in a row, as
/// the closed-form counterpart of a society in which somebody picks at random does: a rater then
/// judges what its copies meet on average.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The model.
    pub model: Box<dyn PreferenceModel>,
    /// What it sees.
    pub features: Features,
    /// Whose judgement counts how much.
    pub weights: Weights,
    /// Rows of the pool by rater as [`PreferenceModel::prepared`] by the model, for models without
    /// scores; the same for all raters where the features are.
    pub pool: Vec<Vec<Vec<f64>>>,
    /// Raters of the last fit; 0 before, when every worker of a situation is one.
    pub raters: usize,
    /// Whether it has been fitted.
    pub fitted: bool,
}

impl Learned {
    /// A model that is still to be fitted.
    pub fn new(
        model: impl PreferenceModel + 'static,
        features: Features,
        weights: Weights,
    ) -> Self {
        Learned {
            model: Box::new(model),
            features,
            weights,
            pool: Vec::new(),
            raters: 0,
            fitted: false,
        }
    }

    /// Places of each rater in a situation.
    fn copies(&self, situation: &Situation) -> usize {
        let n = situation.workers();
        match self.raters {
            raters if raters > 0 && n > raters && n.is_multiple_of(raters) => n / raters,
            _ => 1,
        }
    }

    /// What `rater` judges of a situation.
    pub fn row(&self, situation: &Situation, rater: usize) -> Vec<f64> {
        let copies = self.copies(situation);
        let mut row = self.features.row(situation, rater * copies);
        if !self.features.shared() {
            // What happens to oneself comes first.
            let own = own(situation, copies, rater);
            row[..own.len()].copy_from_slice(&own);
        }
        row
    }

    /// Whose judgement of a situation counts how much, by rater, mean 1.
    pub fn weights(&self, situation: &Situation) -> Vec<f64> {
        let wage = situation.wage.iter().step_by(self.copies(situation));
        self.weights.of(&wage.copied().collect::<Vec<f64>>())
    }

    /// Whether the reward as the first rater sees it is linear in what all are shown: that half-way
    /// between two items it is half-way too.
    pub(crate) fn is_linear(&self, items: &Items) -> bool {
        let reward = |row: &[f64]| self.worth(row, (!self.model.pools_raters()).then_some(0));
        let rows: Vec<&[f64]> = items.rows().take(9).collect();
        let is_straight = |two: &[&[f64]]| {
            let between: Vec<f64> = (two[0].iter().zip(two[1]))
                .map(|(a, b)| 0.5 * (a + b))
                .collect();
            let (a, b) = (reward(two[0]), reward(two[1]));
            (reward(&between) - 0.5 * (a + b)).abs() <= 1e-9 * (a.abs() + b.abs())
        };
        rows.len() > 1 && rows.windows(2).all(is_straight)
    }

    /// The score as `rater` sees it, or as all do.
    fn worth(&self, row: &[f64], rater: Option<usize>) -> f64 {
        let view = rater.map_or(View::default(), |rater| View::of_rater(rater as u32));
        if let Some(score) = self.model.score(row, view) {
            return score;
        }
        let pool = &self.pool[rater.unwrap_or(0).min(self.pool.len() - 1)];
        let own = self.model.prepared(row);
        let sum: f64 = pool
            .iter()
            .map(|other| self.model.prob_of_prepared(&own, other, view))
            .sum();
        sum / pool.len() as f64
    }
}

/// What a rater meets on average at its places in a situation.
fn own(situation: &Situation, copies: usize, rater: usize) -> Vec<f64> {
    let mut mean = own_features(situation, rater * copies);
    if copies > 1 {
        for place in rater * copies + 1..(rater + 1) * copies {
            let features = own_features(situation, place);
            mean.iter_mut().zip(features).for_each(|(m, x)| *m += x);
        }
        mean.iter_mut().for_each(|m| *m /= copies as f64);
    }
    mean
}

impl Reward for Learned {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let copies = self.copies(situation);
        let raters = situation.workers() / copies;
        let by_rater: Vec<f64> = if self.features.shared() {
            let row = self.features.row(situation, 0);
            match self.model.pools_raters() {
                // One score for all raters is computed once, and is nobody's in particular.
                true => vec![self.worth(&row, None); raters],
                false => (0..raters).map(|r| self.worth(&row, Some(r))).collect(),
            }
        } else {
            // What all are shown is computed once.
            let common = match self.features {
                Features::All => {
                    [&outcome_features(situation)[..], situation.schedule.rates()].concat()
                }
                _ => Vec::new(),
            };
            let of = |rater: usize| {
                let mut row = own(situation, copies, rater);
                row.extend(&common);
                self.worth(&row, Some(rater))
            };
            (0..raters).map(of).collect()
        };
        let weights = self.weights(situation);
        let weighted: f64 = by_rater.iter().zip(&weights).map(|(s, g)| s * g).sum();
        let of_copies = |&s: &f64| std::iter::repeat_n(s, copies);
        Ok(Judged {
            total: weighted / raters as f64,
            by_worker: Some(by_rater.iter().flat_map(of_copies).collect()),
            ..Judged::default()
        })
    }

    fn ready(&self) -> bool {
        self.fitted
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut Learned)) {
        visit(self);
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::{Economy, Schedule};
    use crate::preferences::fit::logistic;
    use crate::preferences::models::bradley_terry::BradleyTerry;
    use crate::preferences::models::robust::Robust;
    use crate::preferences::models::values::{Profile, Values};
    use crate::preferences::{Comparison, Judgements};

    const RATERS: u32 = 6;

    fn situation<'a>(
        schedule: &'a Schedule,
        economy: &'a Economy,
        [wage, disposable, labor]: [&'a [f64]; 3],
    ) -> Situation<'a> {
        Situation {
            schedule,
            economy,
            wage,
            labor,
            income: disposable,
            tax: labor,
            disposable,
            utility: disposable,
            rebate: 0.0,
        }
    }

    /// Two raters like the first rate, four the second; `number` gives each rater its number.
    fn camps(number: impl Fn(u32) -> u32) -> (Judgements, Vec<Profile>) {
        let place = |k: u32, step: f64| (f64::from(k) * step).fract();
        let features = (1..=40).flat_map(|k| [place(k, 0.618_034), place(k, 0.754_878)]);
        let names = vec!["rate_1".to_owned(), "rate_2".to_owned()];
        let items = Items::new(names, features.collect()).unwrap();
        let comparisons = (0..600)
            .map(|k| {
                let (a, b, rater) = (k % 40, (k * 7 + 3) % 40, k % RATERS);
                let liked = usize::from(rater >= 2);
                let p = logistic(4.0 * (items.row(a)[liked] - items.row(b)[liked]));
                Comparison::new(a, b, p).by(number(rater))
            })
            .collect();
        let mut profiles = vec![[0.0; 19]; RATERS as usize];
        for rater in 0..RATERS {
            profiles[number(rater) as usize][usize::from(rater >= 2)] = 1.0;
        }
        let judgements = Judgements::of_comparisons(items, comparisons).unwrap();
        (judgements, profiles)
    }

    /// Who has which number does not matter, and the reward is the mean of everybody's score: of a model
    /// in which raters differ, of one that looks labels over for it, and of one score for all.
    #[test]
    fn raters_can_be_exchanged() {
        let economy = Economy::default();
        let schedule = Schedule::new(&[0.0, 50_000.0], &[0.9, 0.1]).unwrap();
        let all = [1.0; RATERS as usize];
        let situation = situation(&schedule, &economy, [&all, &all, &all]);
        let reward = |make: &dyn Fn(Vec<Profile>) -> Box<dyn PreferenceModel>,
                      number: &dyn Fn(u32) -> u32| {
            let (judgements, profiles) = camps(number);
            let mut learned =
                Learned::new(BradleyTerry::default(), Features::Rates, Weights::Equal);
            learned.model = make(profiles);
            learned.model.fit(&judgements, 1).unwrap();
            learned.raters = RATERS as usize;
            let judged = learned.judge(&situation).unwrap();
            let score = |r| {
                let view = View::of_rater(r);
                learned.model.score(schedule.rates(), view).unwrap()
            };
            let mean = (0..RATERS).map(score).sum::<f64>() / f64::from(RATERS);
            assert!(
                (judged.total - mean).abs() < 1e-12,
                "{} {mean}",
                judged.total
            );
            judged
        };
        let values = |profiles| Values {
            profiles,
            ridge: 0.1,
            ..Values::default()
        };
        let apart = |judged: &Judged| {
            let own = judged.by_worker.as_ref().unwrap();
            own.iter().any(|score| (score - own[0]).abs() > 0.5)
        };
        type Make<'a> = &'a dyn Fn(Vec<Profile>) -> Box<dyn PreferenceModel>;
        let makes: [(Make, bool); 3] = [
            (&|profiles| Box::new(values(profiles)), true),
            (
                &|profiles| {
                    Box::new(Robust {
                        base: Box::new(values(profiles)),
                        members: 3,
                        rounds: 1,
                        ..Robust::default()
                    })
                },
                true,
            ),
            (&|_| Box::new(BradleyTerry::default()), false),
        ];
        for (make, differ) in makes {
            let (straight, turned) = (reward(make, &|r| r), reward(make, &|r| RATERS - 1 - r));
            assert!(
                (straight.total - turned.total).abs() < 1e-6,
                "{} {}",
                straight.total,
                turned.total
            );
            assert_eq!(apart(&straight), differ);
        }
    }

    /// Score: own disposable income.
    #[derive(Clone, Debug)]
    struct Income;

    impl PreferenceModel for Income {
        fn fit(&mut self, _: &Judgements, _: u64) -> Result<()> {
            Ok(())
        }
        fn prob(&self, a: &[f64], b: &[f64], _: View) -> f64 {
            logistic(a[0] - b[0])
        }
        fn score(&self, item: &[f64], _: View) -> Option<f64> {
            Some(item[0])
        }
        fn pools_raters(&self) -> bool {
            true
        }
        fn boxed(&self) -> Box<dyn PreferenceModel> {
            Box::new(self.clone())
        }
    }

    /// Two raters at two places each: means 2 and 6, inverse wages 3 : 1, so (1.5·2 + 0.5·6)/2 = 3. As
    /// they are, four raters: (1.5·(1 + 3) + 0.5·(5 + 7))/4 = 3 too, but everyone with a score of its own.
    #[test]
    fn copies_are_one_rater() {
        let economy = Economy::default();
        let schedule = Schedule::flat(0.2).unwrap();
        let (wage, income) = ([10.0, 10.0, 30.0, 30.0], [1.0, 3.0, 5.0, 7.0]);
        let situation = situation(&schedule, &economy, [&wage, &income, &[40.0; 4]]);
        for features in [Features::Own, Features::All] {
            let mut learned = Learned::new(Income, features, Weights::InverseWage);
            for (raters, own) in [(2, [2.0, 2.0, 6.0, 6.0]), (0, income), (4, income)] {
                learned.raters = raters;
                let judged = learned.judge(&situation).unwrap();
                assert!((judged.total - 3.0).abs() < 1e-12);
                assert_eq!(judged.by_worker.unwrap(), own);
                let last = raters.max(2) - 1;
                if raters > 0 {
                    assert_eq!(learned.row(&situation, last)[0], own[3]);
                    assert_eq!(learned.weights(&situation).len(), raters);
                }
            }
        }
    }

    /// A linear score of rates is, one with hidden units is not.
    #[test]
    fn linear_scores_are_told_from_others() {
        let (judgements, _) = camps(|r| r);
        for (head, linear) in [
            (crate::preferences::head::Head::Linear, true),
            (crate::preferences::head::Head::Hidden { units: 3 }, false),
        ] {
            let model = BradleyTerry {
                head,
                ..BradleyTerry::default()
            };
            let mut learned = Learned::new(model, Features::Rates, Weights::Equal);
            learned.model.fit(&judgements, 1).unwrap();
            assert_eq!(learned.is_linear(&judgements.items), linear);
        }
    }
}
