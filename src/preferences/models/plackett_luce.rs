//! `plackett-luce`: rankings by a score.

use super::bradley_terry::pair_loss;
use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{best_of_starts, logistic, minimise, ridge};
use crate::preferences::head::Head;
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};
use crate::random::Streams;
use std::collections::BTreeMap;

/// What a list of items from best to worst tells about their scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lists {
    /// The probability of the whole list: [`PlackettLuce`].
    #[default]
    Likelihood,
    /// Pairs weighted by what their exchange would change in the list's discounted cumulative gain:
    /// [`dcg_weights`].
    DcgPairs,
}

/// P(σ₁ ≻ σ₂ ≻ … ≻ σₘ) = Πⱼ exp s(σⱼ)/Σ_{k≥j} exp s(σₖ): the best is chosen first, in proportion to
/// exp s, then the best of the rest, and so on; s by a [`Head`] on features, the maximum a posteriori
/// under θ ~ N(0, 1/ridge):
///
/// min −Σ w ln P + ½·ridge·‖θ‖².
///
/// Scores are in logits. A comparison is a ranking of two, σ(s(a) − s(b)), and a soft one counts y and
/// 1 − y for its two orders. A rater's ratings (the mean where an item is rated twice) are a ranking;
/// where some are equal, half a ranking with the equal ones in one order and half with them in the
/// opposite order. All raters share the scores. Luce (1959), Plackett (1975).
#[derive(Clone, Debug, PartialEq)]
pub struct PlackettLuce {
    /// Precision of the prior on the parameters, above 0.
    pub ridge: f64,
    /// From features to scores.
    pub head: Head,
    /// What lists tell.
    pub lists: Lists,
    /// Whether features are scaled to mean 0 and variance 1 first.
    pub scaled: bool,
    pub(crate) fitted: Option<(Scaling, Vec<f64>)>,
}

impl Default for PlackettLuce {
    fn default() -> Self {
        PlackettLuce {
            ridge: 1.0,
            head: Head::Linear,
            lists: Lists::Likelihood,
            scaled: true,
            fitted: None,
        }
    }
}

/// A list without ties, best first, with each place's grade, 1 of the best to 0 of the worst.
#[derive(Clone, Debug, PartialEq)]
struct Order {
    items: Vec<u32>,
    grades: Vec<f64>,
    weight: f64,
}

/// All rankings and ratings as lists without ties.
fn orders(data: &Judgements) -> Vec<Order> {
    let mut all = Vec::new();
    for ranking in &data.rankings {
        let last = (ranking.items.len() - 1) as f64;
        all.push(Order {
            items: ranking.items.clone(),
            grades: (0..ranking.items.len())
                .map(|place| 1.0 - place as f64 / last)
                .collect(),
            weight: ranking.weight,
        });
    }
    let mut by_rater: BTreeMap<u32, BTreeMap<u32, (f64, f64)>> = BTreeMap::new();
    for rating in &data.ratings {
        let (sum, count) =
            (by_rater.entry(rating.rater).or_default().entry(rating.item)).or_default();
        (*sum, *count) = (*sum + rating.value, *count + 1.0);
    }
    for items in by_rater.values().filter(|items| items.len() > 1) {
        let mut rated: Vec<(u32, f64)> = items.iter().map(|(&i, &(s, n))| (i, s / n)).collect();
        rated.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (best, worst) = (rated[0].1, rated[rated.len() - 1].1);
        let order = |rated: &[(u32, f64)], weight: f64| Order {
            items: rated.iter().map(|r| r.0).collect(),
            grades: (rated.iter())
                .map(|r| match best > worst {
                    true => (r.1 - worst) / (best - worst),
                    false => 0.0,
                })
                .collect(),
            weight,
        };
        if rated.windows(2).all(|two| two[0].1 > two[1].1) {
            all.push(order(&rated, 1.0));
        } else {
            all.push(order(&rated, 0.5));
            rated.reverse();
            rated.sort_by(|a, b| b.1.total_cmp(&a.1));
            all.push(order(&rated, 0.5));
        }
    }
    all
}

/// Weights of the pairs (i, j), i before j, of a list of `grades` ψ from 1 to 0, by i and then j:
///
/// |Gᵢ − Gⱼ|·|1/D(i) − 1/D(j)|, gain G = 2^ψ − 1, discount D(j) = log₂(1 + j) at place j = 1 … m,
///
/// the change of Σ G/D if the two changed places, scaled so that the list's weights add up to m − 1, as
/// many comparisons as make a list of m. A list of equal grades has weights 0. The pairs and the weights
/// of ranked preference optimisation (Karthik et al. 2024, "Scalable ranked preference optimization for
/// text-to-image generation", arXiv 2410.18013), with places in the given list; gain and discount of
/// Järvelin and Kekäläinen (2002) and Burges et al. (2006). Their images are schedules here.
pub fn dcg_weights(grades: &[f64]) -> Vec<f64> {
    let gain = |place: usize| grades[place].exp2() - 1.0;
    let discount = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let mut weights: Vec<f64> = (0..grades.len())
        .flat_map(|i| (i + 1..grades.len()).map(move |j| (i, j)))
        .map(|(i, j)| ((gain(i) - gain(j)) * (discount(i) - discount(j))).abs())
        .collect();
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 {
        let scale = (grades.len() - 1) as f64 / sum;
        weights.iter_mut().for_each(|w| *w *= scale);
    }
    weights
}

fn dcg_pairs(order: &Order) -> Vec<Comparison> {
    let mut weights = dcg_weights(&order.grades).into_iter();
    let mut pairs = Vec::new();
    for (place, &a) in order.items.iter().enumerate() {
        for (&b, weight) in order.items[place + 1..].iter().zip(&mut weights) {
            if weight > 0.0 {
                pairs.push(Comparison {
                    weight: weight * order.weight,
                    ..Comparison::new(a, b, 1.0)
                });
            }
        }
    }
    pairs
}

/// ln(eᵃ + eᵇ).
fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    high + (low - high).exp().ln_1p()
}

/// −ln P of a list whose scores these are, best first; adds its derivatives, times `weight`, to
/// `slopes` where `place` says.
fn list_loss(scores: &[f64], mut slope: impl FnMut(usize, f64)) -> f64 {
    let m = scores.len();
    // ln Σ_{k≥j} exp sₖ.
    let mut rest = scores.to_vec();
    for j in (0..m - 1).rev() {
        rest[j] = log_add(rest[j], rest[j + 1]);
    }
    // ln Σ_{j≤k} 1/Σ_{i≥j} exp sᵢ over the choices j in which item k took part.
    let mut offers = f64::NEG_INFINITY;
    let mut loss = 0.0;
    for k in 0..m {
        let chooses = k < m - 1;
        if chooses {
            offers = if k == 0 {
                -rest[0]
            } else {
                log_add(offers, -rest[k])
            };
            loss += rest[k] - scores[k];
        }
        slope(k, (scores[k] + offers).exp() - f64::from(u8::from(chooses)));
    }
    loss
}

/// The loss over lists, without the prior.
fn lists_loss(
    head: Head,
    items: &Items,
    orders: &[Order],
    theta: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let scores: Vec<f64> = items.rows().map(|row| head.score(theta, row)).collect();
    let mut slopes = vec![0.0; scores.len()];
    let mut loss = 0.0;
    for order in orders {
        let own: Vec<f64> = order.items.iter().map(|&k| scores[k as usize]).collect();
        loss += order.weight
            * list_loss(&own, |place, slope| {
                slopes[order.items[place] as usize] += order.weight * slope;
            });
    }
    for (row, &slope) in items.rows().zip(&slopes) {
        if slope != 0.0 {
            head.backpropagate(theta, row, slope, gradient);
        }
    }
    loss
}

/// Starts of a fit whose loss has more than one valley.
const STARTS: u64 = 4;

impl PlackettLuce {
    /// ln P of a ranking of these rows, best first; −ln m! before a fit.
    pub fn log_likelihood(&self, ranking: &[&[f64]]) -> f64 {
        let score = |row: &&[f64]| self.score(row, View::default()).unwrap_or(0.0);
        let scores: Vec<f64> = ranking.iter().map(score).collect();
        match scores.len() {
            0 => 0.0,
            _ => -list_loss(&scores, |_, _| {}),
        }
    }
}

impl PreferenceModel for PlackettLuce {
    fn fit(&mut self, data: &Judgements, seed: u64) -> Result<()> {
        let mut orders = orders(data);
        let mut pairs = data.comparisons.clone();
        if pairs.is_empty() && orders.is_empty() {
            return Err(Error::run("plackett-luce: nothing to learn from"));
        }
        if self.lists == Lists::DcgPairs {
            pairs.extend(orders.iter().flat_map(dcg_pairs));
            orders.clear();
        }
        let scaling = match self.scaled {
            true => data.items.scaling(),
            false => Scaling {
                mean: vec![0.0; data.items.width()],
                spread: vec![1.0; data.items.width()],
            },
        };
        let items = scaling.apply_to(&data.items);
        let weights: Vec<f64> = pairs.iter().map(|pair| pair.weight).collect();
        let loss = |theta: &[f64], gradient: &mut [f64]| {
            pair_loss(self.head, &items, &pairs, &weights, theta, gradient)
                + lists_loss(self.head, &items, &orders, theta, gradient)
                + ridge(self.ridge, theta, gradient)
        };
        let streams = Streams::new(seed, "plackett-luce start");
        let start = |k: u64| self.head.start(items.width(), &mut streams.at(k, 0));
        let found = match self.head {
            Head::Linear => minimise(&loss, start(0))?,
            Head::Hidden { .. } => best_of_starts(&loss, (0..STARTS).map(start).collect())?,
        };
        self.fitted = Some((scaling, found.parameters));
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        match (self.score(a, view), self.score(b, view)) {
            (Some(a), Some(b)) => logistic(a - b),
            _ => 0.5,
        }
    }

    fn score(&self, item: &[f64], _: View) -> Option<f64> {
        Some(match &self.fitted {
            None => 0.0,
            Some((scaling, theta)) => self.head.score(theta, &scaling.apply(item)),
        })
    }

    fn pools_raters(&self) -> bool {
        true
    }

    fn boxed(&self) -> Box<dyn PreferenceModel> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::gradient_error;
    use crate::preferences::models::bradley_terry::BradleyTerry;
    use crate::preferences::{Ranking, Rating};
    use rand::RngExt;
    use rand::seq::SliceRandom;

    fn of_rankings(items: Items, rankings: Vec<Vec<u32>>) -> Judgements {
        let data = Judgements {
            items,
            raters: 1,
            contexts: 1,
            aspects: vec!["all".into()],
            rankings: (rankings.into_iter())
                .map(|items| Ranking {
                    items,
                    rater: 0,
                    weight: 1.0,
                })
                .collect(),
            ..Judgements::default()
        };
        data.check().unwrap();
        data
    }

    /// Rankings of four of six items by score plus Gumbel noise, which is the Plackett-Luce law
    /// (Yellott 1977).
    fn planted(scores: &[f64; 6], count: usize) -> Judgements {
        let mut rng = Streams::new(1, "planted").at(0, 0);
        let mut rankings = Vec::new();
        for _ in 0..count {
            let mut items: Vec<u32> = (0..6).collect();
            items.shuffle(&mut rng);
            items.truncate(4);
            let mut noisy: Vec<(f64, u32)> = (items.iter())
                .map(|&k| {
                    let gumbel = -(-rng.random::<f64>().ln()).ln();
                    (scores[k as usize] + gumbel, k)
                })
                .collect();
            noisy.sort_by(|a, b| b.0.total_cmp(&a.0));
            rankings.push(noisy.into_iter().map(|(_, k)| k).collect());
        }
        of_rankings(Items::identities(6), rankings)
    }

    const PLANTED: [f64; 6] = [1.5, 0.9, 0.2, -0.2, -0.9, -1.5];

    /// Planted scores come back, and both ways of reading lists put the items in the planted order.
    #[test]
    fn planted_rankings_come_back() {
        let data = planted(&PLANTED, 4_000);
        for lists in [Lists::Likelihood, Lists::DcgPairs] {
            let mut model = PlackettLuce {
                ridge: 1e-4,
                scaled: false,
                lists,
                ..PlackettLuce::default()
            };
            model.fit(&data, 0).unwrap();
            let found: Vec<f64> = (data.items.rows())
                .map(|row| model.score(row, View::default()).unwrap())
                .collect();
            assert!(found.windows(2).all(|two| two[0] > two[1]), "{found:?}");
            if lists == Lists::Likelihood {
                for (found, truth) in found.iter().zip(PLANTED) {
                    // Standard errors are near 0.03.
                    assert!((found - truth).abs() < 0.1, "{found} for {truth}");
                }
            }
        }
    }

    /// The probabilities of all orders of four items add up to 1, and that of one is the product of
    /// its choices.
    #[test]
    fn probabilities_of_all_orders() {
        let scores: [f64; 4] = [0.7, -0.4, 2.0, 0.1];
        let strength: Vec<f64> = scores.iter().map(|s| s.exp()).collect();
        let mut sum = 0.0;
        for code in 0..256 {
            let order: Vec<usize> = (0..4).map(|k| code / 4usize.pow(k) % 4).collect();
            if (0..4).all(|k| order.contains(&k)) {
                let own: Vec<f64> = order.iter().map(|&k| scores[k]).collect();
                let found = (-list_loss(&own, |_, _| {})).exp();
                let (mut left, mut product) = (strength.iter().sum::<f64>(), 1.0);
                for &k in &order {
                    product *= strength[k] / left;
                    left -= strength[k];
                }
                assert!((found - product).abs() < 1e-12);
                sum += found;
            }
        }
        assert!((sum - 1.0).abs() < 1e-12);
        let unfitted = PlackettLuce::default();
        let row: &[f64] = &[1.0];
        assert!((unfitted.log_likelihood(&[row; 4]) + 24f64.ln()).abs() < 1e-12);
    }

    /// Worked by hand: grades 1, ½, 0; gains 1, √2 − 1, 0; discounts 1, 1/log₂3, ½.
    #[test]
    fn weights_of_three_by_hand() {
        let raw = [0.585_786 * 0.369_070, 0.5, 0.414_214 * 0.130_930];
        let scale = 2.0 / raw.iter().sum::<f64>();
        for (found, raw) in dcg_weights(&[1.0, 0.5, 0.0]).iter().zip(raw) {
            assert!((found - raw * scale).abs() < 1e-5, "{found}");
        }
        assert!((dcg_weights(&[1.0, 0.0])[0] - 1.0).abs() < 1e-12);
        assert_eq!(dcg_weights(&[0.0, 0.0]), [0.0]);
    }

    /// Rankings of two, comparisons and ratings of two are one thing; equal ratings are ties.
    #[test]
    fn rankings_of_two_are_comparisons() {
        let wins = [
            (0, 1, 7),
            (1, 0, 3),
            (1, 2, 6),
            (2, 1, 2),
            (2, 0, 1),
            (0, 2, 4),
        ];
        let mut rankings = Vec::new();
        let mut comparisons = Vec::new();
        for (a, b, times) in wins {
            rankings.extend(std::iter::repeat_n(vec![a, b], times));
            comparisons.push(Comparison {
                weight: times as f64,
                ..Comparison::new(b, a, 0.0)
            });
        }
        let pairs = Judgements::of_comparisons(Items::identities(3), comparisons).unwrap();
        let lists = of_rankings(Items::identities(3), rankings.clone());
        let rated = Judgements {
            raters: rankings.len() as u32,
            ratings: (rankings.iter().enumerate())
                .flat_map(|(rater, two)| {
                    let rating = |item, value| Rating {
                        item,
                        value,
                        rater: rater as u32,
                    };
                    [rating(two[0], 5.0), rating(two[1], 4.0)]
                })
                .collect(),
            rankings: Vec::new(),
            ..lists.clone()
        };
        let mut truth = BradleyTerry {
            ridge: 0.1,
            ..BradleyTerry::default()
        };
        truth.fit(&pairs, 0).unwrap();
        for data in [pairs, lists, rated] {
            for lists in [Lists::Likelihood, Lists::DcgPairs] {
                let mut model = PlackettLuce {
                    ridge: 0.1,
                    lists,
                    ..PlackettLuce::default()
                };
                model.fit(&data, 0).unwrap();
                for a in data.items.rows() {
                    for b in data.items.rows() {
                        let view = View::default();
                        assert!((model.prob(a, b, view) - truth.prob(a, b, view)).abs() < 1e-8);
                    }
                }
            }
        }
        let tie = Judgements {
            ratings: [0, 1, 2]
                .map(|item| Rating {
                    item,
                    value: if item == 0 { 2.0 } else { 1.0 },
                    rater: 0,
                })
                .to_vec(),
            rankings: Vec::new(),
            ..of_rankings(Items::identities(3), Vec::new())
        };
        let mut model = PlackettLuce::default();
        model.fit(&tie, 0).unwrap();
        let view = View::default();
        let row = |k| tie.items.row(k);
        assert!((model.prob(row(1), row(2), view) - 0.5).abs() < 1e-9);
        assert!(model.prob(row(0), row(1), view) > 0.6);
    }

    /// The Python package choix 0.4.1 on the same data: both models, with its priors and without.
    /// It minimises α‖θ‖² − ln P, so that ridge = 2α.
    #[test]
    fn agrees_with_choix() {
        #[derive(serde::Deserialize)]
        struct Fit {
            alpha: f64,
            params: Vec<f64>,
        }
        #[derive(serde::Deserialize)]
        struct Fixture {
            items: usize,
            pairs: Vec<[u32; 2]>,
            rankings: Vec<Vec<u32>>,
            bradley_terry: Vec<Fit>,
            plackett_luce: Vec<Fit>,
        }
        let text = include_str!("../../../tests/data/choix.json");
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        let items = Items::identities(fixture.items);
        let pairs: Vec<Comparison> = (fixture.pairs.iter())
            .map(|&[a, b]| Comparison::new(a, b, 1.0))
            .collect();
        let pairs = Judgements::of_comparisons(items.clone(), pairs).unwrap();
        let rankings = of_rankings(items, fixture.rankings);
        let check = |model: &mut dyn PreferenceModel, data: &Judgements, truth: &Fit| {
            model.fit(data, 0).unwrap();
            let score = |row: &[f64]| model.score(row, View::default()).unwrap();
            let found: Vec<f64> = data.items.rows().map(score).collect();
            let error = (found.iter().zip(&truth.params))
                .map(|(found, truth)| (found - truth).abs())
                .fold(0.0, f64::max);
            assert!(error < 1e-6, "alpha {}: {error}", truth.alpha);
        };
        assert_eq!(fixture.bradley_terry.len() + fixture.plackett_luce.len(), 6);
        // choix without a prior has scores of mean 0, and so has the smallest of priors.
        let ridge = |fit: &Fit| (2.0 * fit.alpha).max(1e-9);
        for fit in &fixture.bradley_terry {
            let mut model = BradleyTerry::default();
            (model.ridge, model.scaled) = (ridge(fit), false);
            check(&mut model, &pairs, fit);
            let mut model = PlackettLuce {
                ridge: ridge(fit),
                scaled: false,
                ..PlackettLuce::default()
            };
            check(&mut model, &pairs, fit);
        }
        for fit in &fixture.plackett_luce {
            let mut model = PlackettLuce {
                ridge: ridge(fit),
                scaled: false,
                ..PlackettLuce::default()
            };
            check(&mut model, &rankings, fit);
        }
    }

    #[test]
    fn gradient_of_the_loss() {
        let items = Items::new(
            vec!["x".into(), "y".into()],
            vec![0.1, 0.5, -1.0, 0.7, 0.4, -0.3, 1.2, 0.9],
        )
        .unwrap();
        let orders = [
            Order {
                items: vec![2, 0, 3, 1],
                grades: Vec::new(),
                weight: 1.0,
            },
            Order {
                items: vec![1, 2],
                grades: Vec::new(),
                weight: 0.4,
            },
        ];
        for head in [Head::Linear, Head::Hidden { units: 3 }] {
            let loss = |theta: &[f64], g: &mut [f64]| lists_loss(head, &items, &orders, theta, g);
            let theta: Vec<f64> = (0..head.parameters(2)).map(|k| (k as f64).sin()).collect();
            assert!(gradient_error(&loss, &theta) < 1e-7);
        }
    }
}
