//! `robust`: labels that are looked over by an ensemble before a model is fitted to them.

use crate::error::{Error, Result};
use crate::preferences::data::{Scaling, group_numbers};
use crate::preferences::fit::{log_logistic, logistic, minimise, ridge};
use crate::preferences::head::{add_scaled, dot};
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use crate::random::Streams;
use rand::RngExt;

use super::bradley_terry::BradleyTerry;

/// Fits copies of a model to random halves of the comparisons (of their groups), and lets those that have not seen a
/// comparison vote on it. Its strength is the mean of their ln P(preferred)/P(other), which is
/// negative where they disagree with its label. A label with too few votes for it is turned round,
/// one of little strength smoothed, and the model fitted to what results; this can be repeated with
/// the labels so found. Wang et al. (2024), "Secrets of RLHF in large language models part II:
/// reward modeling", arXiv 2401.06080, whose ensemble votes on what it was fitted to.
///
/// With `soft`, all labels are the mean of the votes' probabilities instead. With a margin, the last
/// fit is to −w[y ln σ(Δ−m) + (1−y) ln σ(−Δ−m)], Δ = θ·(x_a − x_b) on scaled features and m the
/// margin times the strength: a strong preference is to be a wide gap. That needs a score of its own,
/// which is linear, whatever the model that votes.
#[derive(Clone, Debug)]
pub struct Robust {
    /// The model.
    pub base: Box<dyn PreferenceModel>,
    /// Copies that vote, at least 2.
    pub members: usize,
    /// Times that labels are looked over, at least 1.
    pub rounds: usize,
    /// A label is turned round when at most this share of votes is for it, below ½; 0 with no vote
    /// for it alone.
    pub flip: f64,
    /// Labels weaker than this, logits, are smoothed.
    pub ambiguous: f64,
    /// To 1 − smoothing, from 1.
    pub smoothing: f64,
    /// Whether labels are the votes' mean probability.
    pub soft: bool,
    /// Margin for each logit of strength; 0 fits the model itself.
    pub margin: f64,
    /// Factor of the weight of comparisons whose rationale names a feature in which the two items
    /// differ; 1 ignores rationales.
    pub rationale: f64,
    pub(crate) fitted: Option<Fitted>,
}

#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    last: Last,
    labels: Vec<Label>,
}

#[derive(Clone, Debug)]
pub(crate) enum Last {
    Base(Box<dyn PreferenceModel>),
    Margin { scaling: Scaling, theta: Vec<f64> },
}

/// What became of a label.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Label {
    /// As it was given: 1 for a.
    pub given: f64,
    /// As it was learned from.
    pub learned: f64,
    /// Mean of ln P/(1−P) of the given side, logits.
    pub strength: f64,
    /// Share of votes for the given side.
    pub votes: f64,
}

impl Default for Robust {
    fn default() -> Self {
        Robust {
            base: Box::new(BradleyTerry::default()),
            members: 10,
            rounds: 4,
            flip: 0.2,
            ambiguous: 0.2,
            smoothing: 0.2,
            soft: false,
            margin: 0.0,
            rationale: 1.0,
            fitted: None,
        }
    }
}

/// The loss with margins on scaled features, without the prior.
fn margin_loss(
    items: &Items,
    pairs: &[Comparison],
    margins: &[f64],
    theta: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let mut loss = 0.0;
    for (pair, m) in pairs.iter().zip(margins) {
        let (a, b) = (items.row(pair.a), items.row(pair.b));
        let delta = dot(theta, a) - dot(theta, b);
        let (y, w) = (pair.outcome, pair.weight);
        loss -= w * (y * log_logistic(delta - m) + (1.0 - y) * log_logistic(-delta - m));
        let slope = w * ((1.0 - y) * logistic(delta + m) - y * logistic(m - delta));
        add_scaled(gradient, slope, a);
        add_scaled(gradient, -slope, b);
    }
    loss
}

/// Whether a rationale names a feature (its words parted by `_` or spaces) in which items differ.
fn explains(items: &Items, pair: &Comparison) -> bool {
    let Some(said) = pair.rationale.as_deref().map(str::to_lowercase) else {
        return false;
    };
    let (a, b) = (items.row(pair.a), items.row(pair.b));
    items.names().iter().enumerate().any(|(k, name)| {
        let spoken = name.to_lowercase().replace('_', " ");
        a[k] != b[k] && (said.contains(&spoken) || said.contains(&name.to_lowercase()))
    })
}

impl Robust {
    /// What became of each comparison's label in the last fit, in the order of
    /// [`Judgements::all_comparisons`].
    pub fn labels(&self) -> &[Label] {
        self.fitted.as_ref().map_or(&[], |fitted| &fitted.labels)
    }

    /// Votes of copies fitted to `pairs`, on each pair by those that have not seen it.
    fn vote(
        &self,
        data: &Judgements,
        pairs: &[Comparison],
        seed: u64,
        round: usize,
    ) -> Result<Vec<Vec<f64>>> {
        let streams = Streams::new(seed, "robust halves");
        let seeds = Streams::new(seed, "robust members");
        let (group, groups) = group_numbers(pairs);
        let mut votes = vec![vec![]; pairs.len()];
        for member in 0..self.members {
            let mut rng = streams.at(member as u64, round as u64);
            let drawn: Vec<bool> = (0..groups).map(|_| rng.random()).collect();
            let seen: Vec<bool> = group.iter().map(|&group| drawn[group]).collect();
            let half: Vec<Comparison> = (pairs.iter().zip(&seen))
                .filter(|(_, seen)| **seen)
                .map(|(pair, _)| pair.clone())
                .collect();
            if half.is_empty() {
                continue;
            }
            let half = Judgements {
                comparisons: half,
                rankings: vec![],
                ratings: vec![],
                ..data.clone()
            };
            let mut copy = self.base.clone();
            copy.fit(&half, seeds.at(member as u64, round as u64).random())?;
            for (k, pair) in pairs.iter().enumerate().filter(|(k, _)| !seen[*k]) {
                let (a, b) = (data.items.row(pair.a), data.items.row(pair.b));
                votes[k].push(copy.prob(a, b, pair.view()));
            }
        }
        Ok(votes)
    }

    fn look_over(&self, given: f64, votes: &[f64]) -> Label {
        let mut label = Label {
            given,
            learned: given,
            strength: 0.0,
            votes: 0.5,
        };
        if votes.is_empty() || given == 0.5 {
            return label;
        }
        let n = votes.len() as f64;
        let mean = votes.iter().sum::<f64>() / n;
        let logit = |p: &f64| (p / (1.0 - p)).ln().clamp(-30.0, 30.0);
        let towards_a = votes.iter().map(logit).sum::<f64>() / n;
        let side = if given > 0.5 { 1.0 } else { -1.0 };
        label.strength = side * towards_a;
        let agrees = |p: &&f64| side * (**p - 0.5) > 0.0;
        label.votes = votes.iter().filter(agrees).count() as f64 / n;
        label.learned = if self.soft {
            mean
        } else if label.votes <= self.flip && label.strength < -self.ambiguous {
            1.0 - given
        } else if label.strength < self.ambiguous {
            given + self.smoothing * (1.0 - 2.0 * given)
        } else {
            given
        };
        label
    }
}

impl PreferenceModel for Robust {
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()> {
        let mut pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("robust: no comparison to learn from"));
        }
        for pair in &mut pairs {
            if self.rationale != 1.0 && explains(&data.items, pair) {
                pair.weight *= self.rationale;
            }
        }
        let given: Vec<f64> = pairs.iter().map(|pair| pair.outcome).collect();
        let mut labels = vec![Label::default(); pairs.len()];
        for round in 0..self.rounds.max(1) {
            let votes = self.vote(data, &pairs, seed, round)?;
            for (k, pair) in pairs.iter_mut().enumerate() {
                labels[k] = self.look_over(given[k], &votes[k]);
                pair.outcome = labels[k].learned;
            }
        }
        let last = if self.margin > 0.0 {
            let scaling = data.items.scaling();
            let items = scaling.apply_to(&data.items);
            let margins: Vec<f64> = (labels.iter().zip(&pairs))
                .map(|(label, pair)| {
                    let turned = (label.given - 0.5) * (pair.outcome - 0.5) < 0.0;
                    let strength = if turned {
                        -label.strength
                    } else {
                        label.strength
                    };
                    self.margin * strength.max(0.0)
                })
                .collect();
            let loss = |theta: &[f64], gradient: &mut [f64]| {
                margin_loss(&items, &pairs, &margins, theta, gradient) + ridge(1.0, theta, gradient)
            };
            let theta = minimise(&loss, vec![0.0; items.width()])?.parameters;
            Last::Margin { scaling, theta }
        } else {
            let looked_over = Judgements {
                comparisons: pairs,
                rankings: vec![],
                ratings: vec![],
                ..data.clone()
            };
            let mut base = self.base.clone();
            base.fit(&looked_over, seed)?;
            Last::Base(base)
        };
        self.fitted = Some(Fitted { last, labels });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        match self.fitted.as_ref().map(|fitted| &fitted.last) {
            None => 0.5,
            Some(Last::Base(base)) => base.prob(a, b, view),
            Some(Last::Margin { scaling, theta }) => {
                logistic(dot(theta, &scaling.apply(a)) - dot(theta, &scaling.apply(b)))
            }
        }
    }

    fn score(&self, item: &[f64], view: View) -> Option<f64> {
        match self.fitted.as_ref().map(|fitted| &fitted.last) {
            None => self.base.score(item, view),
            Some(Last::Base(base)) => base.score(item, view),
            Some(Last::Margin { scaling, theta }) => Some(dot(theta, &scaling.apply(item))),
        }
    }

    fn standard_error(&self, a: &[f64], b: &[f64], view: View) -> Option<f64> {
        match self.fitted.as_ref().map(|fitted| &fitted.last) {
            Some(Last::Base(base)) => base.standard_error(a, b, view),
            _ => None,
        }
    }

    fn pools_raters(&self) -> bool {
        // The score that margins need is one for all.
        self.margin > 0.0 || self.base.pools_raters()
    }

    fn boxed(&self) -> Box<dyn PreferenceModel> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::evaluate;
    use crate::preferences::fit::gradient_error;
    use crate::preferences::head::Head;

    /// Items of five features, comparisons by a planted score, sharp enough that nearly all labels
    /// are right, and which of them were turned round.
    fn planted(count: usize, flipped: f64, seed: u64) -> (Judgements, Vec<bool>) {
        let mut rng = Streams::new(seed, "robust planted").at(0, 0);
        let n = 200u32;
        let features: Vec<f64> = (0..n * 5)
            .map(|_| 2.0 * rng.random::<f64>() - 1.0)
            .collect();
        let names = (0..5).map(|k| format!("x_{k}")).collect();
        let items = Items::new(names, features).unwrap();
        let truth = [3.0, -2.0, 1.0, 0.5, 0.0];
        let mut turned = vec![];
        let comparisons = (0..count)
            .map(|_| {
                let (a, b) = (rng.random_range(0..n), rng.random_range(0..n));
                let gap = 4.0 * (dot(&truth, items.row(a)) - dot(&truth, items.row(b)));
                let flip = rng.random::<f64>() < flipped;
                turned.push(flip);
                let right = rng.random::<f64>() < logistic(gap);
                Comparison::new(a, b, f64::from(u8::from(right != flip)))
            })
            .collect();
        (
            Judgements::of_comparisons(items, comparisons).unwrap(),
            turned,
        )
    }

    /// A quarter of 1,000 labels turned round, judged on 2,000 right ones: mean over five seeds of
    /// accuracy and log-loss of a linear model fitted to right labels, to the wrong ones, and to the
    /// wrong ones looked over. A linear score finds its direction in spite of wrong labels; what it
    /// loses by them is how sure it may be.
    #[test]
    fn a_quarter_of_wrong_labels() {
        let base = BradleyTerry {
            ridge: 0.3,
            head: Head::Linear,
            ..BradleyTerry::default()
        };
        let mut sums = [[0.0; 2]; 3];
        let (mut found, mut wrongly, mut wrong, mut right) = (0.0, 0.0, 0.0, 0.0);
        for seed in 0..5 {
            let (clean, _) = planted(1000, 0.0, seed);
            let (dirty, turned) = planted(1000, 0.25, seed);
            let (mut held, _) = planted(3000, 0.0, seed);
            held.comparisons.drain(..1000);
            let mut robust = Robust {
                base: base.boxed(),
                ..Robust::default()
            };
            let mut plain: [Box<dyn PreferenceModel>; 2] = [base.boxed(), base.boxed()];
            plain[0].fit(&clean, seed).unwrap();
            plain[1].fit(&dirty, seed).unwrap();
            robust.fit(&dirty, seed).unwrap();
            for (sum, model) in sums.iter_mut().zip([&*plain[0], &*plain[1], &robust]) {
                let report = evaluate(model, &held);
                sum[0] += report.accuracy / 5.0;
                sum[1] += report.log_loss / 5.0;
            }
            for (label, turned) in robust.labels().iter().zip(turned) {
                let changed = f64::from(u8::from(label.learned.round() != label.given));
                match turned {
                    true => (found, wrong) = (found + changed, wrong + 1.0),
                    false => (wrongly, right) = (wrongly + changed, right + 1.0),
                }
            }
        }
        let [clean, dirty, robust] = sums;
        println!("clean {clean:?} dirty {dirty:?} robust {robust:?}");
        println!("found {} wrongly {}", found / wrong, wrongly / right);
        assert!(robust[0] > clean[0] - 0.025, "{sums:?}");
        assert!(
            robust[0] > dirty[0] - 0.005 && robust[1] < 0.5 * dirty[1],
            "{sums:?}"
        );
        assert!(found / wrong > 0.85 && wrongly / right < 0.06);
    }

    #[test]
    fn gradient_of_the_margin_loss() {
        let (data, _) = planted(20, 0.3, 9);
        let margins: Vec<f64> = (0..20).map(|k| 0.1 * f64::from(k)).collect();
        let loss = |theta: &[f64], g: &mut [f64]| {
            margin_loss(&data.items, &data.comparisons, &margins, theta, g)
        };
        assert!(gradient_error(&loss, &[0.4, -0.2, 0.0, 1.0, 0.3]) < 1e-7);
    }

    /// The votes of three copies, by hand.
    #[test]
    fn labels_by_hand() {
        let robust = Robust {
            flip: 0.34,
            ..Robust::default()
        };
        let strong = robust.look_over(1.0, &[0.9, 0.8, 0.95]);
        assert_eq!((strong.learned, strong.votes), (1.0, 1.0));
        let wrong = robust.look_over(1.0, &[0.2, 0.1, 0.55]);
        assert_eq!((wrong.learned, wrong.votes), (0.0, 1.0 / 3.0));
        let weak = robust.look_over(0.0, &[0.5, 0.51, 0.48]);
        assert!((weak.learned - 0.2).abs() < 1e-12);
        let expected = (0.9f64 / 0.1).ln() + (0.8f64 / 0.2).ln() + (0.95f64 / 0.05).ln();
        assert!((strong.strength - expected / 3.0).abs() < 1e-12);
        let soft = Robust {
            soft: true,
            ..robust
        };
        assert!((soft.look_over(1.0, &[0.2, 0.4]).learned - 0.3).abs() < 1e-12);
    }

    /// Margins widen gaps, and soft labels narrow them; a rationale that names what differs counts.
    #[test]
    fn margins_soft_labels_and_rationales() {
        let (data, _) = planted(300, 0.1, 4);
        let gap = |robust: Robust, data: &Judgements| {
            let mut robust = robust;
            robust.fit(data, 1).unwrap();
            let score = |x: f64| {
                robust
                    .score(&[x, 0.0, 0.0, 0.0, 0.0], View::default())
                    .unwrap()
            };
            score(1.0) - score(0.0)
        };
        let plain = gap(Robust::default(), &data);
        let wide = Robust {
            margin: 0.5,
            ..Robust::default()
        };
        let soft = Robust {
            soft: true,
            ..Robust::default()
        };
        assert!(gap(wide, &data) > 1.1 * plain);
        assert!(gap(soft, &data) < 0.9 * plain);
        let mut told = data.clone();
        for c in told.comparisons.iter_mut().take(150) {
            c.rationale = Some("Because of x 0.".into());
        }
        let heard = Robust {
            rationale: 3.0,
            ..Robust::default()
        };
        let mut tripled = data.clone();
        for c in tripled.comparisons.iter_mut().take(150) {
            c.weight *= if c.a == c.b { 1.0 } else { 3.0 };
        }
        assert!((gap(heard, &told) - gap(Robust::default(), &tripled)).abs() < 1e-9);
    }
}
