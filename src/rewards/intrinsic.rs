//! `intrinsic`: a cheap model, distilled online from an expensive judge, as the reward.

use super::outcome::{outcome_features, outcome_names};
use super::{Judged, Learned, Reward, Situation};
use crate::error::Result;
use crate::preferences::fit::{log_logistic, logistic, minimise, ridge};
use crate::preferences::head::{add_scaled, dot};
use crate::preferences::models::bradley_terry::BradleyTerry;
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use std::collections::{BTreeMap, VecDeque};

/// How the cheap model makes a reward of the judgements that it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// A table: the mean of all judgements of outcomes in the same cell, 0 where there is none yet.
    Hash {
        /// Side of a cell, as a share of a number's size (the logarithm of positive numbers is
        /// rounded), above 0.
        cell: f64,
    },
    /// P(a judgement above the median of all so far) by logistic regression on the outcome.
    Classify,
    /// The score of a logistic (Bradley–Terry) model of which of two outcomes was judged higher.
    Rank,
}

/// The expensive judge is asked about every finished year, and answers `lag` years later; the reward in
/// between is that of a cheap model of all answers that have come in. Nothing waits for the judge.
///
/// Recorded with each year: `labels` (answers that have come in), `lag` (years from a judged year to
/// the first one that its answer could shape, as measured), and `agreement`: of all pairs of an answer
/// and an earlier one, the share that the cheap model ordered likewise before it saw the answer; ties
/// of the cheap model count half. ½ is blind.
///
/// The three modes are those of Zheng et al. (2024), "Online intrinsic rewards for decision making agents
/// from large language model feedback", arXiv 2410.23022, who distil a language model's judgement of a
/// game's messages while the game goes on; here tax years are the messages.
#[derive(Clone, Debug)]
pub struct Intrinsic {
    /// The expensive judge.
    pub judge: Box<dyn Reward>,
    /// Years until it answers.
    pub lag: usize,
    /// The cheap model.
    pub mode: Mode,
    /// Precision of the prior on the parameters of scaled features, above 0.
    pub ridge: f64,
    year: usize,
    /// Year, outcome, and answer under way.
    pending: VecDeque<(usize, Vec<f64>, f64)>,
    /// Outcomes and answers that have come in.
    known: Vec<(Vec<f64>, f64)>,
    /// Sum of lags as they came out.
    lags: usize,
    /// Pairs ordered likewise, and pairs.
    agreed: (f64, f64),
    model: Option<Cheap>,
}

#[derive(Clone, Debug)]
enum Cheap {
    Table(BTreeMap<Vec<i64>, (f64, f64)>),
    Logistic(crate::preferences::data::Scaling, Vec<f64>),
    Ranking(BradleyTerry),
}

impl Intrinsic {
    /// Before the first year.
    pub fn new(judge: Box<dyn Reward>, lag: usize, mode: Mode, ridge: f64) -> Self {
        Intrinsic {
            judge,
            lag,
            mode,
            ridge,
            year: 0,
            pending: VecDeque::new(),
            known: Vec::new(),
            lags: 0,
            agreed: (0.0, 0.0),
            model: None,
        }
    }

    /// Share of pairs that the cheap model ordered as the judge did, before it saw the later of both
    /// answers; ½ before the first pair.
    pub fn agreement(&self) -> f64 {
        match self.agreed {
            (_, 0.0) => 0.5,
            (agreed, pairs) => agreed / pairs,
        }
    }

    /// Mean years from a judged year to the first one that its answer could shape; NaN before the
    /// first.
    pub fn measured_lag(&self) -> f64 {
        self.lags as f64 / self.known.len() as f64
    }

    /// The cheap model's reward of an outcome.
    fn cheap(&self, features: &[f64]) -> f64 {
        match &self.model {
            None => 0.0,
            Some(Cheap::Table(cells)) => cells
                .get(&self.cell(features))
                .map_or(0.0, |(sum, count)| sum / count),
            Some(Cheap::Logistic(scaling, theta)) => {
                logistic(dot(theta, &with_one(scaling.apply(features))))
            }
            Some(Cheap::Ranking(model)) => model.score(features, View::default()).unwrap_or(0.0),
        }
    }

    fn cell(&self, features: &[f64]) -> Vec<i64> {
        let Mode::Hash { cell } = self.mode else {
            return Vec::new();
        };
        let place = |x: f64| match x > 0.0 {
            true => (x.ln() / cell).round() as i64,
            false => i64::MIN,
        };
        features.iter().map(|&x| place(x)).collect()
    }

    fn refit(&mut self) -> Result<()> {
        let rows = || self.known.iter().map(|(row, _)| row);
        let items = || Items::new(outcome_names(), rows().flatten().copied().collect());
        self.model = match self.mode {
            Mode::Hash { .. } => {
                let mut cells = BTreeMap::new();
                for (row, value) in &self.known {
                    let cell: &mut (f64, f64) = cells.entry(self.cell(row)).or_default();
                    *cell = (cell.0 + value, cell.1 + 1.0);
                }
                Some(Cheap::Table(cells))
            }
            Mode::Classify => {
                let mut sorted: Vec<f64> = self.known.iter().map(|(_, v)| *v).collect();
                sorted.sort_by(f64::total_cmp);
                let median = sorted[sorted.len() / 2];
                let scaling = items()?.scaling();
                let x: Vec<Vec<f64>> = rows().map(|row| with_one(scaling.apply(row))).collect();
                let high: Vec<bool> = self.known.iter().map(|(_, v)| *v >= median).collect();
                let loss = |theta: &[f64], gradient: &mut [f64]| {
                    classify_loss(&x, &high, self.ridge, theta, gradient)
                };
                let theta = minimise(&loss, vec![0.0; x[0].len()])?.parameters;
                Some(Cheap::Logistic(scaling, theta))
            }
            Mode::Rank => {
                let mut pairs = Vec::new();
                for (a, (_, better)) in self.known.iter().enumerate() {
                    for (b, (_, worse)) in self.known.iter().enumerate() {
                        if better > worse {
                            pairs.push(Comparison::new(a as u32, b as u32, 1.0));
                        }
                    }
                }
                if pairs.is_empty() {
                    return Ok(());
                }
                let mut model = BradleyTerry {
                    ridge: self.ridge,
                    ..BradleyTerry::default()
                };
                model.fit(&Judgements::of_comparisons(items()?, pairs)?, 0)?;
                Some(Cheap::Ranking(model))
            }
        };
        Ok(())
    }

    /// Takes in an answer: first the cheap model is put to the test by it.
    fn receive(&mut self, row: Vec<f64>, value: f64) {
        let guess = self.cheap(&row);
        for (earlier, other) in &self.known {
            if *other == value || self.model.is_none() {
                continue;
            }
            let order = guess.total_cmp(&self.cheap(earlier));
            self.agreed.1 += 1.0;
            self.agreed.0 += match order {
                std::cmp::Ordering::Equal => 0.5,
                _ => f64::from(u8::from(
                    (order == std::cmp::Ordering::Greater) == (value > *other),
                )),
            };
        }
        self.known.push((row, value));
    }
}

fn with_one(mut row: Vec<f64>) -> Vec<f64> {
    row.push(1.0);
    row
}

/// −Σ ln P(class) + ½·ridge·‖θ‖², with the intercept last.
fn classify_loss(
    x: &[Vec<f64>],
    high: &[bool],
    precision: f64,
    theta: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let mut loss = ridge(precision, theta, gradient);
    for (row, &high) in x.iter().zip(high) {
        let score = dot(theta, row);
        let sign = if high { 1.0 } else { -1.0 };
        loss -= log_logistic(sign * score);
        add_scaled(gradient, -sign * logistic(-sign * score), row);
    }
    loss
}

impl Reward for Intrinsic {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let mut parts = vec![
            ("labels".to_owned(), self.known.len() as f64),
            ("agreement".to_owned(), self.agreement()),
        ];
        if !self.known.is_empty() {
            parts.push(("lag".to_owned(), self.measured_lag()));
        }
        Ok(Judged {
            total: self.cheap(&outcome_features(situation)),
            parts,
            ..Judged::default()
        })
    }

    fn learn(&mut self, year: &Situation, _: &Judged) -> Result<()> {
        if self.judge.ready() {
            let judged = self.judge.judge(year)?;
            self.judge.learn(year, &judged)?;
            let row = outcome_features(year);
            self.pending.push_back((self.year, row, judged.total));
        }
        // What is learned now shapes the year that follows.
        self.year += 1;
        let mut news = false;
        while (self.pending.front()).is_some_and(|(asked, ..)| asked + self.lag < self.year) {
            if let Some((asked, row, value)) = self.pending.pop_front() {
                self.receive(row, value);
                self.lags += self.year - asked - 1;
                news = true;
            }
        }
        if news { self.refit() } else { Ok(()) }
    }

    fn visit_learned(&mut self, visit: &mut dyn FnMut(&mut Learned)) {
        self.judge.visit_learned(visit);
    }

    fn learns(&self) -> bool {
        true
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::basic::Welfare;
    use super::super::basic::fixture::{Made, made, society};
    use super::*;
    use crate::fiscal::{Objective, Schedule};
    use crate::preferences::fit::gradient_error;
    use crate::random::Streams;
    use rand::RngExt;

    fn judge() -> Box<dyn Reward> {
        Welfare {
            objective: Objective::InverseWage,
        }
        .boxed()
    }

    fn years(count: u64, seed: u64) -> Vec<Made> {
        let society = society(40);
        (0..count)
            .map(|k| {
                let mut rng = Streams::new(seed, "years").at(k, 0);
                let rates: Vec<f64> = (0..2).map(|_| 0.8 * rng.random::<f64>()).collect();
                made(&society, &Schedule::new(&[0.0, 40_000.0], &rates).unwrap())
            })
            .collect()
    }

    fn after(years: &[Made], lag: usize, mode: Mode) -> Intrinsic {
        let mut reward = Intrinsic::new(judge(), lag, mode, 0.1);
        for year in years {
            let judged = reward.judge(&year.situation()).unwrap();
            reward.learn(&year.situation(), &judged).unwrap();
        }
        reward
    }

    /// Share of pairs of unseen outcomes that a reward orders as the judge does.
    fn unseen(reward: &dyn Reward) -> f64 {
        let new = years(30, 99);
        let total = |r: &dyn Reward| -> Vec<f64> {
            new.iter()
                .map(|m| r.judge(&m.situation()).unwrap().total)
                .collect()
        };
        let (cheap, truth) = (total(reward), total(&*judge()));
        let mut agreed = (0.0, 0.0);
        for a in 0..30 {
            for b in 0..a {
                agreed.1 += 1.0;
                let same = (cheap[a] - cheap[b]) * (truth[a] - truth[b]);
                agreed.0 += if same > 0.0 {
                    1.0
                } else if same == 0.0 {
                    0.5
                } else {
                    0.0
                };
            }
        }
        agreed.0 / agreed.1
    }

    /// An answer shapes the reward `lag` years late, to the year; then the two models order unseen
    /// outcomes as the judge does, the table only those that it has seen.
    #[test]
    fn lag_and_agreement_are_measured() {
        let seen = years(50, 1);
        for lag in [0, 3, 10] {
            let before = after(&seen[..lag], lag, Mode::Rank);
            assert!(before.known.is_empty() && before.measured_lag().is_nan());
            assert_eq!(before.agreement(), 0.5);
            let reward = after(&seen, lag, Mode::Rank);
            assert_eq!(reward.known.len(), 50 - lag);
            assert_eq!(reward.measured_lag(), lag as f64);
            let last = &reward.known[49 - lag].0;
            assert_eq!(*last, outcome_features(&seen[49 - lag].situation()));
        }
        let rank = after(&seen, 3, Mode::Rank);
        let classify = after(&seen, 3, Mode::Classify);
        let table = after(&seen, 3, Mode::Hash { cell: 0.02 });
        println!(
            "prequential {:.3} {:.3} {:.3}, unseen {:.3} {:.3} {:.3}",
            rank.agreement(),
            classify.agreement(),
            table.agreement(),
            unseen(&rank),
            unseen(&classify),
            unseen(&table)
        );
        assert!(rank.agreement() > 0.85 && unseen(&rank) > 0.9);
        assert!(classify.agreement() > 0.8 && unseen(&classify) > 0.85);
        assert!(unseen(&rank) > unseen(&table));
        // The table gives back what it was told.
        for year in &seen[..40] {
            let told = judge().judge(&year.situation()).unwrap().total;
            let found = table.judge(&year.situation()).unwrap().total;
            assert!((found / told - 1.0).abs() < 0.02, "{found} for {told}");
        }
    }

    #[test]
    fn gradient_of_the_classifier() {
        let x = vec![
            vec![0.3, -1.0, 1.0],
            vec![-0.7, 0.4, 1.0],
            vec![1.5, 0.2, 1.0],
        ];
        let loss =
            |theta: &[f64], g: &mut [f64]| classify_loss(&x, &[true, false, true], 0.1, theta, g);
        assert!(gradient_error(&loss, &[0.4, -0.2, 0.9]) < 1e-6);
    }
}
