//! Groups of points that differ in nothing but the planner, and the arms within them.
//!
//! An arm is a planner: a value of the key `planner.kind`, or one of `[compare]`. A group is a combination
//! of values of all other keys. Within a group all arms have the same seeds, so they are compared seed by
//! seed.

use super::super::arms::{Look, drawing_order, looks};
use super::estimate::Estimate;
use super::study::{Level, PLANNER, Played, Study};
use crate::run::summary::first_law;
use crate::statistics::differences;

/// Column of the welfare that arms are compared by: the mean over the last third of the tax years.
pub const WELFARE: &str = "welfare_last_third";

/// An arm of the whole sweep.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Its name, made unique by the value of `planner.kind` where two planners of a group share theirs.
    pub name: String,
    /// How it looks.
    pub look: Look,
}

/// The runs that one arm played in one group.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// Index into [`Groups::arms`].
    pub arm: usize,
    /// Replicate and what was played, in the order of replicates, each once.
    pub played: Vec<(u32, &'a Played)>,
}

impl Series<'_> {
    /// `value` of every seed, with the number of the replicate.
    pub fn by_seed(&self, value: impl Fn(&Played) -> f64) -> Vec<(u32, f64)> {
        self.played
            .iter()
            .map(|(replicate, played)| (*replicate, value(played)))
            .collect()
    }

    /// Mean of `value` over seeds.
    pub fn mean(&self, value: impl Fn(&Played) -> f64) -> Estimate {
        Estimate::of(self.played.iter().map(|(_, played)| value(played)))
    }

    /// The last tax year of any seed.
    pub fn last_year(&self) -> u32 {
        let years = self.played.iter().filter_map(|(_, p)| p.years.last());
        years.map(|row| row.year).max().unwrap_or(1)
    }
}

/// A combination of values of the keys other than the planner.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Values in the order of [`Groups::keys`].
    pub values: Vec<Level>,
    /// The values in words; empty where there is but one group.
    pub label: String,
    /// Arms with at least one finished run.
    pub series: Vec<Series<'a>>,
}

impl Group<'_> {
    /// The runs of an arm.
    pub fn of(&self, arm: usize) -> Option<&Series<'_>> {
        self.series.iter().find(|series| series.arm == arm)
    }

    /// Name and unit of the objective.
    pub fn objective(&self) -> (&str, &str) {
        let first = self.series.first().and_then(|series| series.played.first());
        first.map_or(("", ""), |(_, played)| (&played.objective, &played.unit))
    }

    /// `value` of `arm` less that of `other`, seed by seed; only seeds that both have.
    pub fn paired(
        &self,
        arm: usize,
        other: usize,
        value: impl Fn(&Played) -> f64,
    ) -> Vec<(u32, f64)> {
        let (Some(one), Some(two)) = (self.of(arm), self.of(other)) else {
            return Vec::new();
        };
        let two = two.by_seed(&value);
        let pair = |(replicate, a): (u32, f64)| {
            let found = two.iter().find(|(known, _)| *known == replicate);
            found.map(|(_, b)| (replicate, (a, *b)))
        };
        let pairs = one.by_seed(&value).into_iter().filter_map(pair);
        let (replicates, (a, b)): (Vec<u32>, (Vec<f64>, Vec<f64>)) = pairs.unzip();
        (replicates.into_iter().zip(differences(&a, &b)))
            .filter(|(_, d)| d.is_finite())
            .collect()
    }
}

/// The gain of an arm over the reference in one or more groups.
#[derive(Clone, Copy, Debug)]
pub struct Gain {
    /// In the unit of welfare.
    pub amount: Estimate,
    /// Groups that `amount` is of: those that have the arm and the reference.
    pub groups: usize,
    /// In percent of the attainable gain, W_optimal − W_law.
    pub percent: Estimate,
    /// Groups that both means of `percent` are of: those that have all four arms.
    pub percent_groups: usize,
}

impl Gain {
    const NONE: Gain = Gain {
        amount: Estimate::NONE,
        groups: 0,
        percent: Estimate::NONE,
        percent_groups: 0,
    };
}

/// A sweep's finished runs, arranged.
#[derive(Clone, Debug)]
pub struct Groups<'a> {
    /// Indices of the keys that make groups, into [`Study::keys`].
    pub keys: Vec<usize>,
    /// All arms, in order of appearance.
    pub arms: Vec<Arm>,
    /// All groups with at least one finished run, in the order of the plan.
    pub groups: Vec<Group<'a>>,
    /// The arm that gains are measured against: Saez's formulas, else the U.S. law below.
    pub reference: Option<usize>,
    /// The exact optimum.
    pub optimal: Option<usize>,
    /// The U.S. law at which the attainable gain begins, see [`first_law`].
    pub law: Option<usize>,
}

impl<'a> Groups<'a> {
    /// Arranges the finished runs of `study`.
    pub fn of(study: &'a Study) -> Groups<'a> {
        let keys: Vec<usize> = (0..study.keys.len())
            .filter(|&k| study.keys[k].key != PLANNER)
            .collect();
        let planner = study.keys.iter().position(|key| key.key == PLANNER);
        let mut places: Vec<(Vec<Level>, Vec<&Played>)> = Vec::new();
        for played in &study.played {
            let values: Vec<Level> = keys
                .iter()
                .map(|&k| study.runs[played.run].values[k].clone())
                .collect();
            match places.iter_mut().find(|(known, _)| *known == values) {
                Some((_, members)) => members.push(played),
                None => places.push((values, vec![played])),
            }
        }
        // Every point's own planner by its arm's name: where two values of `planner.kind` share one, the
        // value tells them apart.
        let mut own: Vec<(&str, &Level)> = Vec::new();
        if let Some(k) = planner {
            for played in study.played.iter().filter(|played| played.main) {
                let pair = (played.arm.as_str(), &study.runs[played.run].values[k]);
                if !own.contains(&pair) {
                    own.push(pair);
                }
            }
        }
        let name_of = |played: &Played| {
            let shared = own.iter().filter(|(arm, _)| *arm == played.arm).count() > 1;
            match planner.filter(|_| shared && played.main) {
                Some(k) => {
                    let told = |value: &Level| value.settings().unwrap_or_else(|| value.shown());
                    let value = &study.runs[played.run].values[k];
                    let others = own
                        .iter()
                        .filter(|(arm, other)| *arm == played.arm && *other != value);
                    let others: Vec<String> = others.map(|(_, other)| told(other)).collect();
                    format!("{} ({})", played.arm, apart(&told(value), &others))
                }
                None => played.arm.clone(),
            }
        };
        let mut names: Vec<String> = Vec::new();
        let several = places.len() > 1;
        let mut groups: Vec<Group> = Vec::new();
        for (values, members) in places {
            let mut series: Vec<Series> = Vec::new();
            // A planner's own runs come before those in which it was one of [compare].
            let (main, compared): (Vec<&Played>, Vec<&Played>) =
                members.into_iter().partition(|played| played.main);
            for played in main.into_iter().chain(compared) {
                let name = name_of(played);
                let arm = names
                    .iter()
                    .position(|known| *known == name)
                    .unwrap_or_else(|| {
                        names.push(name);
                        names.len() - 1
                    });
                let replicate = study.runs[played.run].replicate;
                match series.iter_mut().find(|series| series.arm == arm) {
                    Some(series) => {
                        if series.played.iter().all(|(known, _)| *known != replicate) {
                            series.played.push((replicate, played));
                        }
                    }
                    None => series.push(Series {
                        arm,
                        played: vec![(replicate, played)],
                    }),
                }
            }
            for one in &mut series {
                one.played.sort_by_key(|(replicate, _)| *replicate);
            }
            let label = if several {
                label(study, &keys, &values)
            } else {
                String::new()
            };
            groups.push(Group {
                values,
                label,
                series,
            });
        }
        let law = first_law(
            study
                .played
                .iter()
                .map(|played| (played.arm.as_str(), played.main)),
        );
        // The law of [compare] first: its own name, and not that of a planner of the same one.
        let mut laws = study
            .played
            .iter()
            .filter(|played| Some(played.arm.as_str()) == law);
        let of_compare = laws.clone().find(|played| !played.main);
        let law = of_compare
            .or_else(|| laws.next())
            .map(name_of)
            .and_then(|law| names.iter().position(|name| *name == law));
        let looks = looks(&names);
        let starting = |starts: &[&str]| {
            starts
                .iter()
                .find_map(|start| names.iter().position(|name| name.starts_with(start)))
        };
        let reference = starting(&["saez-fixed-point", "saez-static", "saez"]).or(law);
        let optimal = starting(&["optimal"]);
        let arms = names
            .iter()
            .zip(looks)
            .map(|(name, look)| Arm {
                name: name.clone(),
                look,
            })
            .collect();
        Groups {
            keys,
            arms,
            groups,
            reference,
            optimal,
            law,
        }
    }

    /// Indices of the arms in drawing order.
    pub fn drawing_order(&self) -> Vec<usize> {
        drawing_order(&self.arms.iter().map(|arm| arm.look).collect::<Vec<_>>())
    }

    /// Gain in welfare of `arm` over the reference arm, paired by seed; with several `which` groups, the
    /// mean over groups of each seed first. Each number takes the groups that have all its arms, and of
    /// these the seeds that all of them have; none where these groups have different objectives, whose
    /// welfare has no mean.
    pub fn gain(&self, arm: usize, which: &[usize], welfare: impl Fn(&Played) -> f64) -> Gain {
        let Some(reference) = self.reference else {
            return Gain::NONE;
        };
        let difference = |g: usize| self.groups[g].paired(arm, reference, &welfare);
        let attainable = |g: usize| match (self.optimal, self.law) {
            (Some(optimal), Some(law)) => self.groups[g].paired(optimal, law, &welfare),
            _ => Vec::new(),
        };
        let with: Vec<usize> = which
            .iter()
            .copied()
            .filter(|&g| !difference(g).is_empty())
            .collect();
        let with_all: Vec<usize> = with
            .iter()
            .copied()
            .filter(|&g| !attainable(g).is_empty())
            .collect();
        let mut gain = Gain::NONE;
        if self.one_objective(&with) {
            let each = mean_by_seed(with.iter().map(|&g| difference(g)).collect());
            gain.groups = with.len();
            gain.amount = Estimate::of(each.into_iter().map(|(_, d)| d));
        }
        if self.one_objective(&with_all) {
            let d = mean_by_seed(with_all.iter().map(|&g| difference(g)).collect());
            let all = mean_by_seed(with_all.iter().map(|&g| attainable(g)).collect());
            let both = d.iter().filter_map(|(replicate, d)| {
                let (_, gain) = all.iter().find(|(known, _)| known == replicate)?;
                Some((*d, *gain))
            });
            let (d, all): (Vec<f64>, Vec<f64>) = both.unzip();
            gain.percent_groups = with_all.len();
            gain.percent = Estimate::percent_of_gain(&d, &all);
        }
        gain
    }

    /// Whether the groups `which` have one objective, in one unit.
    pub fn one_objective(&self, which: &[usize]) -> bool {
        let mut objectives = which.iter().map(|&g| self.groups[g].objective());
        let first = objectives.next();
        objectives.all(|other| Some(other) == first)
    }

    /// Most seeds of any arm of any group.
    pub fn most_seeds(&self) -> usize {
        let series = self.groups.iter().flat_map(|group| &group.series);
        series.map(|series| series.played.len()).max().unwrap_or(0)
    }
}

/// For every seed that all lists have, the mean of its values.
pub fn mean_by_seed(lists: Vec<Vec<(u32, f64)>>) -> Vec<(u32, f64)> {
    let Some(first) = lists.first() else {
        return Vec::new();
    };
    let of = |list: &Vec<(u32, f64)>, replicate: u32| {
        let found = list.iter().find(|(known, _)| *known == replicate);
        found.map(|(_, value)| *value)
    };
    first
        .iter()
        .filter_map(|(replicate, _)| {
            let values: Option<Vec<f64>> = lists.iter().map(|list| of(list, *replicate)).collect();
            let values = values?;
            Some((*replicate, values.iter().sum::<f64>() / values.len() as f64))
        })
        .collect()
}

/// `welfare rawlsian, size 1000`: the last part of each key, or the whole of it where two keys end alike.
fn label(study: &Study, keys: &[usize], values: &[Level]) -> String {
    let parts = keys.iter().zip(values).map(|(&k, value)| {
        let name = short_key(study, k);
        format!("{name} {}", value.shown())
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// The last part of a key that no other varied key ends with, else the whole key.
pub fn short_key(study: &Study, k: usize) -> &str {
    let last = |key: &'_ str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let ours = last(&study.keys[k].key);
    let alike = study
        .keys
        .iter()
        .filter(|key| last(&key.key) == ours)
        .count();
    let key = &study.keys[k].key;
    if alike > 1 {
        key
    } else {
        &key[key.len() - ours.len()..]
    }
}

/// Of the settings `mine` (`points 30, tries 8`) those that not all `others` have; all where none is left.
fn apart(mine: &str, others: &[String]) -> String {
    let others: Vec<Vec<&str>> = others.iter().map(|other| settings(other)).collect();
    let own: Vec<&str> = settings(mine)
        .into_iter()
        .filter(|part| !others.iter().all(|other| other.contains(part)))
        .collect();
    match own.is_empty() {
        true => mine.to_owned(),
        false => own.join(", "),
    }
}

/// The parts of a text between commas that stand in no bracket.
fn settings(text: &str) -> Vec<&str> {
    let mut depth = 0i32;
    let parts = text.split(|c| {
        depth += i32::from("([".contains(c)) - i32::from(")]".contains(c));
        c == ',' && depth == 0
    });
    parts.map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group with the welfare of its arms by seed; one run per seed.
    fn group<'a>(played: &'a [(usize, Vec<Played>)]) -> Group<'a> {
        let series = played.iter().map(|(arm, seeds)| Series {
            arm: *arm,
            played: (1..).zip(seeds).collect(),
        });
        Group {
            values: Vec::new(),
            label: String::new(),
            series: series.collect(),
        }
    }

    fn played(objective: &str, welfare: &[f64]) -> Vec<Played> {
        let one = |welfare: &f64| Played {
            run: 0,
            arm: String::new(),
            main: false,
            years: Vec::new(),
            objective: objective.into(),
            unit: "$/year".into(),
            outcomes: vec![*welfare],
        };
        welfare.iter().map(one).collect()
    }

    fn groups(groups: Vec<Group>) -> Groups {
        Groups {
            keys: Vec::new(),
            arms: Vec::new(),
            groups,
            reference: Some(1),
            optimal: Some(2),
            law: Some(3),
        }
    }

    #[test]
    fn a_share_of_pooled_gains_takes_both_means_from_the_same_groups() {
        // Arm 0 beside Saez (1), the optimum (2) and the law (3): 10 of 100 and 90 of 300, so together 100 of
        // 400; a third group has no optimum and is in dollars only.
        let one = [
            (0, played("rawlsian", &[60.0, 61.0])),
            (1, played("rawlsian", &[50.0, 51.0])),
            (2, played("rawlsian", &[100.0, 101.0])),
            (3, played("rawlsian", &[0.0, 1.0])),
        ];
        let two = [
            (0, played("rawlsian", &[190.0, 191.0])),
            (1, played("rawlsian", &[100.0, 101.0])),
            (2, played("rawlsian", &[300.0, 301.0])),
            (3, played("rawlsian", &[0.0, 1.0])),
        ];
        let three = [
            (0, played("rawlsian", &[1200.0, 1201.0])),
            (1, played("rawlsian", &[200.0, 201.0])),
        ];
        // And one with an attainable gain, but without the arm.
        let four = [
            (2, played("rawlsian", &[9000.0, 9001.0])),
            (3, played("rawlsian", &[0.0, 1.0])),
        ];
        let all = groups(vec![group(&one), group(&two), group(&three), group(&four)]);
        let gain = all.gain(0, &[0, 1, 2, 3], |played| played.outcomes[0]);
        assert_eq!((gain.groups, gain.percent_groups), (3, 2));
        assert!((gain.amount.mean - (10.0 + 90.0 + 1000.0) / 3.0).abs() < 1e-9);
        assert!((gain.percent.mean - 25.0).abs() < 1e-9, "{gain:?}");
        assert_eq!((gain.amount.n, gain.percent.n), (2, 2));
    }

    #[test]
    fn welfare_of_two_objectives_has_no_mean() {
        let arms = |objective: &str, factor: f64| {
            [(0, 60.0), (1, 50.0), (2, 100.0), (3, 0.0)].map(|(arm, welfare)| {
                (
                    arm,
                    played(objective, &[factor * welfare, factor * (welfare + 1.0)]),
                )
            })
        };
        let (dollars, utils) = (arms("rawlsian", 1.0), arms("nash", 0.001));
        let all = groups(vec![group(&dollars), group(&utils)]);
        let gain = |which: &[usize]| all.gain(0, which, |played| played.outcomes[0]);
        assert_eq!((gain(&[0, 1]).amount.n, gain(&[0, 1]).percent.n), (0, 0));
        for g in [0, 1] {
            assert!((gain(&[g]).percent.mean - 10.0).abs() < 1e-9);
        }
    }

    #[test]
    fn planners_of_one_name_are_told_apart_by_what_differs() {
        let moves = "model p, answer (moves (points [30, 15], calibrated true)), final_years 5, temperature 0.3";
        let rates = "model p, answer rates, final_years 5, temperature 0.7";
        assert_eq!(
            apart(rates, &[moves.into()]),
            "answer rates, temperature 0.7"
        );
        assert_eq!(
            apart(moves, &[rates.into()]),
            "answer (moves (points [30, 15], calibrated true)), temperature 0.3"
        );
        assert_eq!(apart("points 10", &["points 30".into()]), "points 10");
        assert_eq!(apart("points 10", &["points 10".into()]), "points 10");
    }
}
