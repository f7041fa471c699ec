//! How far preferences are those of somebody with a utility: complete, transitive, of one mind about
//! lotteries; and how near to those of a citizens' assembly.
//!
//! Source of the report as a whole: Mazeika et al. (2025), "Utility engineering: analyzing and
//! controlling emergent value systems in AIs", arXiv 2502.08640.

use super::{Items, PreferenceModel, View};
use crate::error::{Error, Result};
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

/// P(a ≻ b) for all pairs of some items, row by row.
pub fn probabilities(model: &dyn PreferenceModel, items: &Items, view: View) -> Vec<f64> {
    let n = items.len();
    let mut all = vec![0.5; n * n];
    for a in 0..n {
        for b in 0..a {
            let p = model.prob(items.row(a as u32), items.row(b as u32), view);
            all[a * n + b] = p;
            all[b * n + a] = 1.0 - p;
        }
    }
    all
}

/// Completeness and transitivity of preferences over n items.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coherence {
    /// Share of pairs that are decided: |P − ½| above the threshold.
    pub complete: f64,
    /// Mean of |2P − 1|: 0 for a coin, 1 for somebody who always knows.
    pub confidence: f64,
    /// Share of triads, all three pairs of which are decided, that are cyclic: 0 for somebody with a
    /// utility, ¼ for a coin (Kendall and Babington Smith 1940). NaN without such triads.
    pub cyclic: f64,
    /// How many triads that is a share of.
    pub triads: u64,
}

/// The report on preferences given row by row, of which |P − ½| ≤ `threshold` leaves a pair undecided.
///
/// Rows of frequencies of what raters said are as good as a model's probabilities; a model with a
/// score has no cycles.
pub fn coherence(preferences: &[f64], n: usize, threshold: f64) -> Coherence {
    let mut report = Coherence::default();
    let side = |a: usize, b: usize| {
        let lead = preferences[a * n + b] - 0.5;
        if lead.abs() > threshold {
            lead.signum()
        } else {
            0.0
        }
    };
    let pairs = (n * n.saturating_sub(1)) as f64 / 2.0;
    let mut cyclic = 0u64;
    for a in 0..n {
        for b in 0..a {
            report.complete += side(a, b).abs() / pairs;
            report.confidence += (2.0 * preferences[a * n + b] - 1.0).abs() / pairs;
            if side(a, b) == 0.0 {
                continue;
            }
            for c in 0..b {
                let (bc, ca) = (side(b, c), side(c, a));
                if bc != 0.0 && ca != 0.0 {
                    report.triads += 1;
                    cyclic += u64::from(side(a, b) == bc && bc == ca);
                }
            }
        }
    }
    report.cyclic = cyclic as f64 / report.triads as f64;
    report
}

/// One of several items by chance.
#[derive(Clone, Debug, PartialEq)]
pub struct Lottery {
    /// The items.
    pub items: Vec<u32>,
    /// Their chances, which add up to 1.
    pub chances: Vec<f64>,
}

impl Lottery {
    /// Lotteries over two different items each, with chances of 1/4, 1/2 or 3/4.
    pub fn draw(items: usize, count: usize, rng: &mut ChaCha8Rng) -> Vec<Lottery> {
        (0..count)
            .map(|k| {
                let two = sample(rng, items, 2);
                let chance = [0.25, 0.5, 0.75][k % 3];
                Lottery {
                    items: two.iter().map(|x| x as u32).collect(),
                    chances: vec![chance, 1.0 - chance],
                }
            })
            .collect()
    }
}

/// Whether lotteries are worth the expected utility of what is in them (von Neumann and Morgenstern).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExpectedUtility {
    /// Mean of |u(lottery) − Σ p·u(item)|, in standard deviations of the items' utility.
    pub gap: f64,
    /// 1 − Σ gap²/Σ (u(lottery) − mean)²: 1 where they agree, 0 where the mean foretells as much.
    pub r_squared: f64,
}

/// Compares utilities of lotteries, learned as those of any item, with the expectation of the items'
/// own.
///
/// # Errors
/// Not one utility for each lottery; a lottery over an unknown item or with chances that do not add
/// up to 1.
pub fn expected_utility(
    item_utility: &[f64],
    lotteries: &[Lottery],
    lottery_utility: &[f64],
) -> Result<ExpectedUtility> {
    let n = lotteries.len() as f64;
    if lotteries.is_empty() || lotteries.len() != lottery_utility.len() {
        return Err(Error::input("not one utility for each lottery")
            .value(format!(
                "{} lotteries, {} utilities",
                lotteries.len(),
                lottery_utility.len()
            ))
            .allowed("as many, at least one"));
    }
    let mut expected = vec![];
    for (place, lottery) in lotteries.iter().enumerate() {
        let sum: f64 = lottery.chances.iter().sum();
        let known = |x: &u32| (*x as usize) < item_utility.len();
        if (sum - 1.0).abs() > 1e-9
            || lottery.items.len() != lottery.chances.len()
            || !lottery.items.iter().all(known)
        {
            return Err(Error::input(format!("lottery {place} is none"))
                .value(format!("{:?} {:?}", lottery.items, lottery.chances))
                .allowed("known items, each with a chance, chances that add up to 1"));
        }
        let terms = lottery.items.iter().zip(&lottery.chances);
        expected.push(
            terms
                .map(|(x, p)| p * item_utility[*x as usize])
                .sum::<f64>(),
        );
    }
    let spread = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
    };
    let gaps: Vec<f64> = expected
        .iter()
        .zip(lottery_utility)
        .map(|(e, u)| u - e)
        .collect();
    let unit = (spread(item_utility) / item_utility.len() as f64).sqrt();
    Ok(ExpectedUtility {
        gap: gaps.iter().map(|g| g.abs()).sum::<f64>() / n / unit,
        r_squared: 1.0 - gaps.iter().map(|g| g * g).sum::<f64>() / spread(lottery_utility),
    })
}

/// Cohen's κ (1960) of two labellings, (p_o − p_e)/(1 − p_e): 1 where they agree in all, 0 where they
/// agree as two that know nothing of each other. NaN where chance alone would make them agree in all.
pub fn cohens_kappa(one: &[u32], other: &[u32]) -> f64 {
    let n = one.len().min(other.len()) as f64;
    let same = one.iter().zip(other).filter(|(a, b)| a == b).count() as f64 / n;
    let labels = one.iter().chain(other).max().map_or(0, |m| m + 1);
    let share = |all: &[u32], label: u32| all.iter().filter(|x| **x == label).count() as f64 / n;
    let chance: f64 = (0..labels).map(|k| share(one, k) * share(other, k)).sum();
    (same - chance) / (1.0 - chance)
}

/// How near votes are to those of a citizens' assembly on the same pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Share of pairs on which both are on the same side; a vote of ½ is half on either.
    pub same_side: f64,
    /// Cohen's κ of the sides.
    pub kappa: f64,
    /// Mean of |P − share of the assembly|.
    pub distance: f64,
}

/// Compares probabilities of a over b with an assembly's shares of votes for a. Before and after
/// control (rewriting a model's preferences to those of an assembly), this is the measure of it.
///
/// # Errors
/// Vectors that are empty, of different lengths, or not probabilities.
pub fn agreement(votes: &[f64], assembly: &[f64]) -> Result<Agreement> {
    let proper = |all: &[f64]| all.iter().all(|p| (0.0..=1.0).contains(p));
    if votes.is_empty() || votes.len() != assembly.len() || !proper(votes) || !proper(assembly) {
        return Err(Error::input("votes and an assembly's votes do not match")
            .value(format!("{} and {}", votes.len(), assembly.len()))
            .allowed("as many of each, at least one, from 0 to 1"));
    }
    let n = votes.len() as f64;
    let side = |p: &f64| match p.total_cmp(&0.5) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Greater => 2,
    };
    let one: Vec<u32> = votes.iter().map(side).collect();
    let other: Vec<u32> = assembly.iter().map(side).collect();
    let same = one.iter().zip(&other).map(|(a, b)| match (a, b) {
        (a, b) if a == b => 1.0,
        (1, _) | (_, 1) => 0.5,
        _ => 0.0,
    });
    Ok(Agreement {
        same_side: same.sum::<f64>() / n,
        kappa: cohens_kappa(&one, &other),
        distance: (votes.iter().zip(assembly))
            .map(|(p, q)| (p - q).abs())
            .sum::<f64>()
            / n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::logistic;
    use crate::preferences::models::thurstone::Thurstone;
    use crate::preferences::{Comparison, Judgements};
    use crate::random::Streams;
    use rand::RngExt;

    /// A quarter of the triads of random tournaments are cyclic, and their number is
    /// C(n,3) − Σ C(wins, 2) (Kendall and Babington Smith 1940).
    #[test]
    fn cyclic_triads_of_random_tournaments() {
        let n = 30;
        let mut mean = 0.0;
        for seed in 0..20 {
            let mut rng = Streams::new(seed, "tournament").at(0, 0);
            let mut p = vec![0.5; n * n];
            for a in 0..n {
                for b in 0..a {
                    let won = f64::from(u8::from(rng.random::<bool>()));
                    p[a * n + b] = won;
                    p[b * n + a] = 1.0 - won;
                }
            }
            let report = coherence(&p, n, 0.0);
            let wins: Vec<f64> = (0..n)
                .map(|a| (0..n).filter(|b| *b != a).map(|b| p[a * n + b]).sum())
                .collect();
            let all = (n * (n - 1) * (n - 2) / 6) as f64;
            let transitive: f64 = wins.iter().map(|w| w * (w - 1.0) / 2.0).sum();
            assert!((report.cyclic - (all - transitive) / all).abs() < 1e-12);
            assert_eq!(report.triads as f64, all);
            assert!((report.complete - 1.0).abs() < 1e-12);
            mean += report.cyclic / 20.0;
        }
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
    }

    /// A utility has no cycles; ties are undecided.
    #[test]
    fn a_utility_is_coherent() {
        let n = 8;
        let u = |k: usize| (k / 2) as f64;
        let p: Vec<f64> = (0..n * n)
            .map(|at| logistic(u(at / n) - u(at % n)))
            .collect();
        let report = coherence(&p, n, 0.01);
        assert_eq!(report.cyclic, 0.0);
        assert!((report.complete - 24.0 / 28.0).abs() < 1e-12);
    }

    /// Comparisons of items and lotteries over them by somebody who maximises expected utility, and
    /// by somebody who sees the better half of a lottery only; thurstone's utilities tell the two
    /// apart.
    #[test]
    fn expected_utility_by_thurstone() {
        let utility: [f64; 5] = [0.0, 0.6, 1.1, 1.9, 2.6];
        let mut rng = Streams::new(2, "lotteries").at(0, 0);
        let lotteries = Lottery::draw(5, 9, &mut rng);
        let gap = |hopeful: bool| {
            let mut rng = Streams::new(3, "lotteries").at(0, 0);
            let worth = |lottery: &Lottery| {
                let of = |k: usize| utility[lottery.items[k] as usize];
                match hopeful {
                    true => of(0).max(of(1)),
                    false => lottery.chances[0] * of(0) + lottery.chances[1] * of(1),
                }
            };
            let mut all: Vec<f64> = utility.to_vec();
            all.extend(lotteries.iter().map(worth));
            let n = all.len() as u32;
            let comparisons = (0..30_000)
                .map(|_| {
                    let (a, b) = (rng.random_range(0..n), rng.random_range(0..n));
                    let p = logistic(2.0 * (all[a as usize] - all[b as usize]));
                    Comparison::new(a, b, f64::from(u8::from(rng.random::<f64>() < p)))
                })
                .collect();
            let items = Items::identities(n as usize);
            let data = Judgements::of_comparisons(items, comparisons).unwrap();
            let mut model = Thurstone {
                equal_variance: true,
                ridge: 1e-3,
                ..Thurstone::default()
            };
            model.fit(&data, 0).unwrap();
            let found: Vec<f64> = data.items.rows().map(|row| model.utility(row).0).collect();
            expected_utility(&found[..5], &lotteries, &found[5..]).unwrap()
        };
        let (sober, hopeful) = (gap(false), gap(true));
        assert!(sober.gap < 0.07 && sober.r_squared > 0.97, "{sober:?}");
        assert!(hopeful.gap > 0.3, "{hopeful:?}");
    }

    /// The two labellers of Cohen's own kind of table: 20 and 15 agreed of 50, by 25/25 and 30/20
    /// against chance: κ = (0.7 − 0.5)/(1 − 0.5) = 0.4.
    #[test]
    fn kappa_by_hand() {
        let table = [(1, 1, 20), (1, 0, 5), (0, 1, 10), (0, 0, 15)];
        let expand = |pick: fn(&(u32, u32, usize)) -> u32| -> Vec<u32> {
            (table.iter())
                .flat_map(|row| std::iter::repeat_n(pick(row), row.2))
                .collect()
        };
        let (one, other) = (expand(|row| row.0), expand(|row| row.1));
        assert!((cohens_kappa(&one, &other) - 0.4).abs() < 1e-12);
        assert_eq!(cohens_kappa(&one, &one), 1.0);
    }

    /// Four pairs: control moves the model from half agreement to three quarters.
    #[test]
    fn agreement_before_and_after_control() {
        let assembly = [0.9, 0.2, 0.6, 0.3];
        let before = agreement(&[0.8, 0.7, 0.4, 0.1], &assembly).unwrap();
        let after = agreement(&[0.9, 0.3, 0.5, 0.5], &assembly).unwrap();
        assert_eq!((before.same_side, after.same_side), (0.5, 0.75));
        assert!((before.distance - 0.25).abs() < 1e-12);
        assert!((after.distance - 0.1).abs() < 1e-12);
        assert_eq!(before.kappa, 0.0);
        assert!(agreement(&[0.5], &assembly).is_err());
    }
}
