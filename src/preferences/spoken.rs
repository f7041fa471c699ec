//! Judgements from words: what two answers, two statements or a ballot say about two items.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

/// Who is asked about which two items: (rater, a, b), drawn uniformly without asking a rater twice
/// about the same two, in an order by lot; all that there are if `count` is more.
pub fn pairs(
    raters: usize,
    items: usize,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<(usize, usize, usize)> {
    if items < 2 || raters == 0 {
        return Vec::new();
    }
    let all = raters.saturating_mul(items * (items - 1) / 2);
    let mut found = Vec::with_capacity(count.min(all));
    if count.saturating_mul(2) > all {
        for rater in 0..raters {
            for a in 0..items {
                found.extend((a + 1..items).map(|b| (rater, a, b)));
            }
        }
        found.shuffle(rng);
        found.truncate(count);
    } else {
        let mut seen = HashSet::with_capacity(count);
        while found.len() < count {
            let rater = rng.random_range(0..raters);
            let a = rng.random_range(0..items);
            let b = (a + rng.random_range(1..items)) % items;
            if seen.insert((rater, a.min(b), a.max(b))) {
                found.push((rater, a.min(b), a.max(b)));
            }
        }
    }
    for (_, a, b) in &mut found {
        if rng.random() {
            std::mem::swap(a, b);
        }
    }
    found
}

/// An answer to "a or b?" that was asked in both orders.
///
/// A language model likes one place on a list better than the other whatever stands there. With P₁ the
/// probability that the item named first is preferred when that is a, and P₂ when it is b, the
/// judgement is y = ½(P₁ + 1 − P₂). A liking for a place that adds to log-odds does not move y from ½
/// between equals, and cannot turn y round (balanced positions: Wang et al. 2024, "Large language
/// models are not fair evaluators", arXiv 2305.17926).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BothOrders {
    /// P₁: the item named first is preferred, and it is a.
    pub a_first: f64,
    /// P₂: the item named first is preferred, and it is b.
    pub b_first: f64,
}

impl BothOrders {
    /// y = ½(P₁ + 1 − P₂), the probability that a is preferred.
    pub fn outcome(&self) -> f64 {
        0.5 * (self.a_first + 1.0 - self.b_first)
    }

    /// ½(P₁ + P₂) − ½: how much more probable than ½ the item named first is, −½ to ½.
    pub fn liking_for_first(&self) -> f64 {
        0.5 * (self.a_first + self.b_first) - 0.5
    }

    /// |P₁ − (1 − P₂)|: how far the two orders disagree about a, 0 to 1.
    pub fn disagreement(&self) -> f64 {
        (self.a_first + self.b_first - 1.0).abs()
    }
}

/// What two statements of one rater say about their subjects, as (outcome, weight), given the
/// probabilities that the rater is satisfied with each: feedback found in conversation (Shi et al. 2024,
/// "WildFeedback", arXiv 2408.15549, who write a preferred answer anew where a user is dissatisfied; here
/// nothing is written, and the satisfied statement's subject is preferred).
///
/// With s = P(satisfied with a, not with b) = pₐ(1 − p_b) and t the other way round, the statements
/// compare with probability s + t, which is the weight, and then a is preferred with probability
/// s/(s + t). For sure signals: 1 or 0 with weight 1 where they differ; nothing where they agree.
pub fn mined(satisfied_a: f64, satisfied_b: f64) -> Option<(f64, f64)> {
    let s = satisfied_a * (1.0 - satisfied_b);
    let t = satisfied_b * (1.0 - satisfied_a);
    // NaN as well.
    (s + t > 1e-9).then(|| (s / (s + t), s + t))
}

/// What the numbers on a ballot mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BallotScale {
    /// Utilities: the higher is preferred, however little.
    Utility,
    /// Probabilities of being chosen: i beats j with pᵢ/(pᵢ + pⱼ) (Luce 1959).
    Probability,
    /// One is named (1) and nothing said of the others (0).
    Named,
}

/// The comparisons on a ballot over m candidates, as (i, j, outcome, weight) with i < j. Each weighs
/// 2/m, so that a ballot on which all pairs compare counts as m − 1 comparisons, as a
/// [`Ranking`](super::Ranking) does.
pub fn of_ballot(ballot: &[f64], scale: BallotScale) -> Vec<(usize, usize, f64, f64)> {
    let weight = 2.0 / ballot.len() as f64;
    let mut found = Vec::new();
    for (i, &x) in ballot.iter().enumerate() {
        for (j, &y) in ballot.iter().enumerate().skip(i + 1) {
            let outcome = match scale {
                BallotScale::Probability if x + y > 0.0 => x / (x + y),
                BallotScale::Probability => continue,
                BallotScale::Named if x == y => continue,
                _ if x == y => 0.5,
                _ => f64::from(u8::from(x > y)),
            };
            found.push((i, j, outcome, weight));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::logistic;

    /// P(first) = σ(±Δ + b): equals come out at ½ for every b, y is on the right side for every Δ,
    /// y(Δ) + y(−Δ) = 1, and the liking between equals is σ(b) − ½.
    #[test]
    fn a_liking_for_a_place_cancels() {
        let asked = |delta: f64, bias: f64| BothOrders {
            a_first: logistic(delta + bias),
            b_first: logistic(-delta + bias),
        };
        for bias in [-5.0, -0.7, 0.0, 1.3, 6.0] {
            assert!((asked(0.0, bias).outcome() - 0.5).abs() < 1e-15);
            let liking = asked(0.0, bias).liking_for_first();
            assert!((liking - (logistic(bias) - 0.5)).abs() < 1e-15);
            let mut last = 0.0;
            for delta in [-3.0, -0.5, 0.0, 0.2, 4.0] {
                let both = asked(delta, bias);
                assert!(both.outcome() > last);
                last = both.outcome();
                assert!((last + asked(-delta, bias).outcome() - 1.0).abs() < 1e-15);
                assert_eq!(last > 0.5, delta > 0.0);
            }
        }
        // Without bias the two orders agree and y is P itself.
        let plain = asked(0.8, 0.0);
        assert!((plain.outcome() - 1.0 / (1.0 + (-0.8f64).exp())).abs() < 1e-15);
        assert!(plain.disagreement() < 1e-15);
    }

    /// 3 raters, 5 items: 30 questions; with fewer asked, all different and about evenly spread.
    #[test]
    fn nobody_is_asked_twice() {
        let mut rng = crate::random::Streams::new(1, "pairs").at(0, 0);
        for count in [0, 7, 15, 16, 30, 1_000] {
            let found = pairs(3, 5, count, &mut rng);
            let different: HashSet<_> = (found.iter())
                .map(|&(r, a, b)| (r, a.min(b), a.max(b)))
                .collect();
            assert_eq!(found.len(), count.min(30));
            assert_eq!(different.len(), found.len());
            assert!(
                found
                    .iter()
                    .all(|&(r, a, b)| r < 3 && a < 5 && b < 5 && a != b)
            );
        }
        let mut of_first = 0;
        for _ in 0..3_000 {
            of_first += pairs(3, 5, 1, &mut rng)
                .iter()
                .filter(|q| q.1 < q.2)
                .count();
        }
        assert!((f64::from(of_first as u32) / 3_000.0 - 0.5).abs() < 0.04);
        assert!(pairs(3, 1, 5, &mut rng).is_empty() && pairs(0, 5, 5, &mut rng).is_empty());
    }

    #[test]
    fn signals_that_differ_compare() {
        assert_eq!(mined(1.0, 0.0), Some((1.0, 1.0)));
        assert_eq!(mined(0.0, 1.0), Some((0.0, 1.0)));
        assert_eq!(mined(1.0, 1.0), None);
        assert_eq!(mined(0.0, 0.0), None);
        assert_eq!(mined(f64::NAN, 0.5), None);
        // 0.8·0.7 = 0.56 against 0.3·0.2 = 0.06.
        let (outcome, weight) = mined(0.8, 0.3).unwrap();
        assert!((weight - 0.62).abs() < 1e-12 && (outcome - 56.0 / 62.0).abs() < 1e-12);
        let (back, _) = mined(0.3, 0.8).unwrap();
        assert!((outcome + back - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_ballot_of_m_counts_as_m_minus_one_comparisons() {
        let ranked = of_ballot(&[3.0, 9.0, 3.0, -1.0], BallotScale::Utility);
        let weight: f64 = ranked.iter().map(|pair| pair.3).sum();
        assert!((weight - 3.0).abs() < 1e-12);
        assert_eq!(ranked[0], (0, 1, 0.0, 0.5));
        assert_eq!(ranked[1], (0, 2, 0.5, 0.5));
        assert_eq!(ranked[5], (2, 3, 1.0, 0.5));
        let soft = of_ballot(&[0.6, 0.3, 0.1], BallotScale::Probability);
        assert!((soft[0].2 - 2.0 / 3.0).abs() < 1e-12 && (soft[2].2 - 0.75).abs() < 1e-12);
        let named = of_ballot(&[0.0, 1.0, 0.0], BallotScale::Named);
        let pairs: Vec<_> = named.iter().map(|p| (p.0, p.1, p.2)).collect();
        assert_eq!(pairs, [(0, 1, 0.0), (1, 2, 1.0)]);
        assert!(of_ballot(&[0.0, 0.0], BallotScale::Probability).is_empty());
    }
}
