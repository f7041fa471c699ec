//! The three forms of judgements: comparisons, rankings, ratings.

use crate::error::{Error, Result};
use rand::seq::SliceRandom;
use std::collections::HashMap;

/// What is judged: rows of named features.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    names: Vec<String>,
    /// Row by row.
    features: Vec<f64>,
}

impl Items {
    /// Rows of `names.len()` features one after the other.
    ///
    /// # Errors
    /// No feature, an incomplete row, a feature that is not finite.
    pub fn new(names: Vec<String>, features: Vec<f64>) -> Result<Self> {
        if names.is_empty() || !features.len().is_multiple_of(names.len()) {
            return Err(Error::input("items are not whole rows of features")
                .value(format!(
                    "{} numbers for {} features",
                    features.len(),
                    names.len()
                ))
                .allowed("at least one feature, and as many numbers in every row"));
        }
        if let Some(place) = features.iter().position(|x| !x.is_finite()) {
            let (row, name) = (place / names.len(), &names[place % names.len()]);
            return Err(
                Error::input(format!("item {row}: `{name}` is not a number"))
                    .value(features[place])
                    .allowed("finite numbers"),
            );
        }
        Ok(Items { names, features })
    }

    /// `count` items without features: item k has a 1 in column k and 0 elsewhere, so that a linear
    /// score is a score of its own for each.
    pub fn identities(count: usize) -> Self {
        let mut features = vec![0.0; count * count];
        (0..count).for_each(|k| features[k * count + k] = 1.0);
        Items {
            names: (0..count).map(|k| format!("item-{k}")).collect(),
            features,
        }
    }

    /// Names of the features.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.names.len()
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.features.len().checked_div(self.width()).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// The features of an item.
    pub fn row(&self, item: u32) -> &[f64] {
        let width = self.width();
        &self.features[item as usize * width..][..width]
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.features.chunks_exact(self.width().max(1))
    }

    /// Adds an item and gives its number.
    pub fn push(&mut self, row: &[f64]) -> u32 {
        assert_eq!(
            row.len(),
            self.width(),
            "as many features as there are names"
        );
        self.features.extend(row);
        (self.len() - 1) as u32
    }

    /// Features moved to mean 0 and divided by their standard deviation (by 1 where it is 0).
    pub fn scaling(&self) -> Scaling {
        let (n, width) = (self.len().max(1) as f64, self.width());
        let mut mean = vec![0.0; width];
        for row in self.rows() {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n);
        }
        let mut variance = vec![0.0; width];
        for row in self.rows() {
            for (k, x) in row.iter().enumerate() {
                variance[k] += (x - mean[k]).powi(2) / n;
            }
        }
        // Rounding alone gives a constant feature a tiny spread.
        let spread = (variance.iter().zip(&mean))
            .map(|(v, m)| match v.sqrt() {
                s if s > 1e-12 * m.abs().max(1e-300) => s,
                _ => 1.0,
            })
            .collect();
        Scaling { mean, spread }
    }
}

/// x ↦ (x − mean)/spread, feature by feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    /// Subtracted.
    pub mean: Vec<f64>,
    /// Divided by.
    pub spread: Vec<f64>,
}

impl Scaling {
    /// The scaled row.
    pub fn apply(&self, row: &[f64]) -> Vec<f64> {
        let scale = |((x, m), s): ((&f64, &f64), &f64)| (x - m) / s;
        row.iter()
            .zip(&self.mean)
            .zip(&self.spread)
            .map(scale)
            .collect()
    }

    /// All items, scaled.
    pub fn apply_to(&self, items: &Items) -> Items {
        Items {
            names: items.names.clone(),
            features: items.rows().flat_map(|row| self.apply(row)).collect(),
        }
    }
}

/// "How do you like `a` beside `b`?"
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// An item.
    pub a: u32,
    /// Another.
    pub b: u32,
    /// 1 when a is preferred, 0 when b is, between them for soft answers.
    pub outcome: f64,
    /// How much it counts, at least 0.
    pub weight: f64,
    /// Who judged.
    pub rater: u32,
    /// In which context, where there are several.
    pub context: u32,
    /// Which aspect was judged, where there are several.
    pub aspect: u32,
    /// What the rater said of it.
    pub rationale: Option<String>,
    /// What it was made from together with others, such as a ballot or a ranking: they are no
    /// separate evidence, and are held out together. `None` where it stands alone.
    pub group: Option<u32>,
}

impl Comparison {
    /// A comparison of weight 1 by rater 0.
    pub fn new(a: u32, b: u32, outcome: f64) -> Self {
        Comparison {
            a,
            b,
            outcome,
            weight: 1.0,
            rater: 0,
            context: 0,
            aspect: 0,
            rationale: None,
            group: None,
        }
    }

    /// The same by `rater`.
    #[must_use]
    pub fn by(self, rater: u32) -> Self {
        Comparison { rater, ..self }
    }

    /// Whose preference it shows, of what, and where.
    pub fn view(&self) -> super::View {
        super::View {
            rater: Some(self.rater),
            context: Some(self.context),
            aspect: Some(self.aspect),
        }
    }
}

/// Items from best to worst.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// At least two, best first, none twice.
    pub items: Vec<u32>,
    /// Who ranked.
    pub rater: u32,
    /// How much it counts, at least 0.
    pub weight: f64,
}

/// A number for an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Rating {
    /// The item.
    pub item: u32,
    /// The higher the better.
    pub value: f64,
    /// Who rated.
    pub rater: u32,
}

/// Everything that raters said of a set of items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgements {
    /// What was judged.
    pub items: Items,
    /// Raters are 0 to `raters` − 1.
    pub raters: u32,
    /// Contexts are 0 to `contexts` − 1.
    pub contexts: u32,
    /// Names of aspects.
    pub aspects: Vec<String>,
    /// Pairs.
    pub comparisons: Vec<Comparison>,
    /// Lists.
    pub rankings: Vec<Ranking>,
    /// Numbers.
    pub ratings: Vec<Rating>,
}

impl Judgements {
    /// Comparisons alone, checked.
    ///
    /// # Errors
    /// As [`Judgements::check`].
    pub fn of_comparisons(items: Items, comparisons: Vec<Comparison>) -> Result<Self> {
        let most =
            |get: fn(&Comparison) -> u32| comparisons.iter().map(get).max().map_or(1, |m| m + 1);
        let judgements = Judgements {
            items,
            raters: most(|c| c.rater),
            contexts: most(|c| c.context),
            aspects: (0..most(|c| c.aspect))
                .map(|k| format!("aspect-{k}"))
                .collect(),
            comparisons,
            ..Judgements::default()
        };
        judgements.check()?;
        Ok(judgements)
    }

    /// Checks that all numbers are in range.
    ///
    /// # Errors
    /// The first judgement that names an unknown item, rater, context or aspect, or has an outcome,
    /// weight or value out of range.
    pub fn check(&self) -> Result<()> {
        let n = self.items.len() as u32;
        let known =
            |what: &str, place: usize, found: u32, count: u32, kind: &str| match found < count {
                true => Ok(()),
                false => Err(Error::input(format!("{what} {place}: no such {kind}"))
                    .value(found)
                    .allowed(format!("0 to {}", i64::from(count) - 1))),
            };
        for (place, c) in self.comparisons.iter().enumerate() {
            let what = "comparison";
            known(what, place, c.a, n, "item")?;
            known(what, place, c.b, n, "item")?;
            known(what, place, c.rater, self.raters, "rater")?;
            known(what, place, c.context, self.contexts, "context")?;
            known(what, place, c.aspect, self.aspects.len() as u32, "aspect")?;
            if !(0.0..=1.0).contains(&c.outcome) {
                return Err(
                    Error::input(format!("comparison {place}: outcome out of range"))
                        .value(c.outcome)
                        .allowed("0 (b preferred) to 1 (a preferred)"),
                );
            }
            if !(c.weight >= 0.0 && c.weight.is_finite()) {
                return Err(
                    Error::input(format!("comparison {place}: weight out of range"))
                        .value(c.weight)
                        .allowed("at least 0"),
                );
            }
        }
        for (place, ranking) in self.rankings.iter().enumerate() {
            known("ranking", place, ranking.rater, self.raters, "rater")?;
            let mut seen = ranking.items.clone();
            seen.sort_unstable();
            seen.dedup();
            if ranking.items.len() < 2 || seen.len() < ranking.items.len() {
                return Err(Error::input(format!(
                    "ranking {place}: not a list of different items"
                ))
                .value(format!("{:?}", ranking.items))
                .allowed("two items or more, none twice"));
            }
            for &item in &ranking.items {
                known("ranking", place, item, n, "item")?;
            }
        }
        for (place, rating) in self.ratings.iter().enumerate() {
            known("rating", place, rating.item, n, "item")?;
            known("rating", place, rating.rater, self.raters, "rater")?;
            if !rating.value.is_finite() {
                return Err(Error::input(format!("rating {place}: not a number"))
                    .value(rating.value)
                    .allowed("a finite number"));
            }
        }
        Ok(())
    }

    /// The comparisons, and those that follow from rankings (each item against all behind it, the
    /// ranking's weight shared equally over its pairs but one) and ratings (each pair of one rater's
    /// ratings, ties as ½, likewise): a ranking or a set of ratings of m items counts as m − 1
    /// comparisons, and is a [group](Comparison::group) of its own.
    pub fn all_comparisons(&self) -> Vec<Comparison> {
        let mut all = self.comparisons.clone();
        let mut group = all.iter().filter_map(|c| c.group).max();
        let mut next = || group.insert(group.map_or(0, |last| last + 1)).to_owned();
        for ranking in &self.rankings {
            let m = ranking.items.len() as f64;
            let group = Some(next());
            for (place, &a) in ranking.items.iter().enumerate() {
                for &b in &ranking.items[place + 1..] {
                    all.push(Comparison {
                        weight: 2.0 * ranking.weight / m,
                        group,
                        ..Comparison::new(a, b, 1.0).by(ranking.rater)
                    });
                }
            }
        }
        for rater in 0..self.raters {
            let own: Vec<&Rating> = self.ratings.iter().filter(|r| r.rater == rater).collect();
            let group = (own.len() > 1).then(&mut next);
            for (place, a) in own.iter().enumerate() {
                for b in &own[place + 1..] {
                    let outcome = match a.value.total_cmp(&b.value) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                    all.push(Comparison {
                        weight: 2.0 / own.len() as f64,
                        group,
                        ..Comparison::new(a.item, b.item, outcome).by(rater)
                    });
                }
            }
        }
        all
    }

    /// The same items with part of the comparisons: `held_out` of their groups, drawn by `seed`, in the
    /// second set and the others in the first. Rankings and ratings stay in the first.
    pub fn split(&self, held_out: f64, seed: u64) -> (Judgements, Judgements) {
        let (group, groups) = group_numbers(&self.comparisons);
        let mut order: Vec<usize> = (0..groups).collect();
        order.shuffle(&mut crate::random::Streams::new(seed, "held-out").at(0, 0));
        let count = (held_out * groups as f64).round() as usize;
        let mut chosen = vec![false; groups];
        order[..count]
            .iter()
            .for_each(|&group| chosen[group] = true);
        let part = |which: bool| {
            let both = self.comparisons.iter().zip(&group);
            both.filter(|&(_, &group)| chosen[group] == which)
                .map(|(c, _)| c.clone())
                .collect()
        };
        let without = Judgements {
            comparisons: part(false),
            ..self.clone()
        };
        let held = Judgements {
            comparisons: part(true),
            rankings: Vec::new(),
            ratings: Vec::new(),
            ..self.clone()
        };
        (without, held)
    }
}

/// The number of each comparison's group, in the order in which groups come up, and how many there
/// are; a comparison that stands alone is a group.
pub(crate) fn group_numbers(comparisons: &[Comparison]) -> (Vec<usize>, usize) {
    let mut known: HashMap<u32, usize> = HashMap::new();
    let mut count = 0;
    let number = |c: &Comparison| {
        let next = count;
        let number = match c.group {
            None => next,
            Some(group) => *known.entry(group).or_insert(next),
        };
        count += usize::from(number == next);
        number
    };
    let numbers = comparisons.iter().map(number).collect();
    (numbers, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::models::rater_embedding::RaterEmbedding;
    use crate::preferences::{PreferenceModel, evaluate};

    #[test]
    fn bad_judgements_are_refused_with_their_place() {
        let items = || Items::identities(3);
        let refuse = |c: Comparison| {
            let error = Judgements::of_comparisons(items(), vec![Comparison::new(0, 1, 1.0), c]);
            error.unwrap_err().to_string()
        };
        assert!(refuse(Comparison::new(0, 3, 1.0)).contains("comparison 1: no such item"));
        assert!(refuse(Comparison::new(0, 1, f64::NAN)).contains("outcome"));
        let heavy = Comparison {
            weight: f64::INFINITY,
            ..Comparison::new(0, 1, 1.0)
        };
        assert!(refuse(heavy).contains("weight"));
        assert!(Items::new(vec!["x".into(), "y".into()], vec![1.0]).is_err());
        assert!(Items::new(vec!["x".into()], vec![f64::NAN]).is_err());
    }

    /// A ranking of four is six pairs that count as three comparisons.
    #[test]
    fn a_ranking_of_m_counts_as_m_minus_one_comparisons() {
        let judgements = Judgements {
            items: Items::identities(4),
            raters: 1,
            contexts: 1,
            aspects: vec!["all".into()],
            rankings: vec![Ranking {
                items: vec![2, 0, 3, 1],
                rater: 0,
                weight: 1.0,
            }],
            ..Judgements::default()
        };
        judgements.check().unwrap();
        let pairs = judgements.all_comparisons();
        assert_eq!(pairs.len(), 6);
        let weight: f64 = pairs.iter().map(|c| c.weight).sum();
        assert!((weight - 3.0).abs() < 1e-12);
        assert!(pairs.iter().all(|c| c.outcome == 1.0));
        assert_eq!((pairs[0].a, pairs[0].b), (2, 0));
    }

    #[test]
    fn a_split_loses_nothing() {
        let comparisons = (0..100)
            .map(|k| Comparison::new(k % 3, (k + 1) % 3, 1.0))
            .collect();
        let all = Judgements::of_comparisons(Items::identities(3), comparisons).unwrap();
        let (kept, held) = all.split(0.2, 3);
        assert_eq!((kept.comparisons.len(), held.comparisons.len()), (80, 20));
        assert_eq!(all.split(0.2, 3), (kept.clone(), held.clone()));
        assert_ne!(all.split(0.2, 4).1, held);
    }

    /// 100 raters with a random order of five items each, as ten pairs: nothing can foretell an order
    /// that was not seen, but most pairs of one follow from the others.
    #[test]
    fn rankings_are_held_out_whole() {
        let mut rng = crate::random::Streams::new(1, "noise").at(0, 0);
        let mut comparisons = Vec::new();
        for rater in 0..100 {
            let mut order = [0, 1, 2, 3, 4];
            order.shuffle(&mut rng);
            for (place, &a) in order.iter().enumerate() {
                comparisons.extend(order[place + 1..].iter().map(|&b| Comparison {
                    group: Some(rater),
                    ..Comparison::new(a, b, 1.0).by(rater)
                }));
            }
        }
        let accuracy = |comparisons: Vec<Comparison>| {
            let all = Judgements::of_comparisons(Items::identities(5), comparisons).unwrap();
            let (kept, held) = all.split(0.5, 1);
            assert_eq!((kept.comparisons.len(), held.comparisons.len()), (500, 500));
            let mut model = RaterEmbedding::default();
            model.fit(&kept, 1).unwrap();
            evaluate(&model, &held).accuracy
        };
        let alone = |c: &Comparison| Comparison {
            group: None,
            ..c.clone()
        };
        let apart = accuracy(comparisons.iter().map(alone).collect());
        let whole = accuracy(comparisons);
        // 50 orders: standard deviation 0.2/√50 = 0.03 around ½.
        assert!((whole - 0.5).abs() < 0.09 && apart > 0.6, "{whole} {apart}");
    }
}
