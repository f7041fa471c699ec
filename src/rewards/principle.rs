//! `principle`: a judge who follows a principle in plain words and sees candidates side by side.

use super::outcome::{outcome_features, outcome_names, outcome_units};
use super::{Judged, Reward, Situation};
use crate::error::{Error, Result};
use std::fmt::Debug;

/// Scores candidates by a principle.
pub trait Judge: Debug + Send + Sync {
    /// One score for each candidate, higher for better, from their texts as they stand in the list.
    ///
    /// # Errors
    /// A judge that cannot be asked, or whose answer cannot be read.
    fn score(&self, principle: &str, candidates: &[String]) -> Result<Vec<f64>>;

    /// A copy behind the same interface.
    fn boxed(&self) -> Box<dyn Judge>;
}

impl Clone for Box<dyn Judge> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// Scores of a list without the effect of its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Listwise {
    /// By candidate: mean over all places.
    pub scores: Vec<f64>,
    /// By place in the list, first to last: mean score there less the mean of all. 0 throughout for
    /// a judge whom order does not move.
    pub order_effect: Vec<f64>,
}

impl Listwise {
    /// Largest difference between two places.
    pub fn order_effect_range(&self) -> f64 {
        let of = |f: fn(f64, f64) -> f64| self.order_effect.iter().copied().reduce(f);
        of(f64::max).unwrap_or(0.0) - of(f64::min).unwrap_or(0.0)
    }
}

/// Asks a judge for the scores of a list in each of its rotations and averages: every candidate stands
/// once in every place, so that what a place adds to a score (a judge's love of the first answer, say)
/// is added to all alike, and is told apart.
///
/// # Errors
/// The judge's; as many scores as candidates are asked for, all finite.
pub fn listwise(judge: &dyn Judge, principle: &str, candidates: &[String]) -> Result<Listwise> {
    let n = candidates.len();
    let (mut scores, mut by_place) = (vec![0.0; n], vec![0.0; n]);
    for shift in 0..n {
        let rotated: Vec<String> = (0..n)
            .map(|p| candidates[(p + shift) % n].clone())
            .collect();
        let answer = judge.score(principle, &rotated)?;
        if answer.len() != n || answer.iter().any(|s| !s.is_finite()) {
            return Err(Error::run("scores of a principle's judge")
                .value(format!("{answer:?}"))
                .allowed(format!("{n} finite numbers")));
        }
        for (place, score) in answer.iter().enumerate() {
            scores[(place + shift) % n] += score / n as f64;
            by_place[place] += score / n as f64;
        }
    }
    let mean = by_place.iter().sum::<f64>() / n.max(1) as f64;
    Ok(Listwise {
        scores,
        order_effect: by_place.iter().map(|m| m - mean).collect(),
    })
}

/// What a judge reads of a situation: the rates, and, where it may use fisc's calculators, the numbers
/// that they give ([`outcome_features`]).
pub fn describe(situation: &Situation, tools: bool) -> String {
    let schedule = situation.schedule;
    let mut text = String::from("Marginal tax rates:");
    for (edge, rate) in schedule.edges().iter().zip(schedule.rates()) {
        text += &format!(" {:.1} % from ${edge:.0};", 100.0 * rate);
    }
    text += &format!(
        " lump sum paid to everybody: ${:.0} a year.",
        situation.rebate
    );
    if tools {
        text += " Calculated outcome:";
        let numbers = outcome_features(situation).into_iter().zip(outcome_units());
        for (name, (value, unit)) in outcome_names().iter().zip(numbers) {
            let digits = if unit.is_empty() { 3 } else { 0 };
            text += &format!(" {} {value:.digits$} {unit};", name.replace('_', " "));
        }
    }
    text
}

/// The score that a judge gives a situation by a principle in plain words, less that of the first situation
/// of the comparison. Situations of one comparison are scored in lists of at most `list`, rotated
/// ([`listwise`]), and the first stands in every list: what a list's company adds to the scores in it is
/// added to the first's too, so that differences from it compare across lists. For a judge who chooses the
/// best of a list in proportion to e^s (Luce 1959), scores being ln P, they are s − s(first) whatever the
/// lists are. Each comes with the order effect of its list. A situation alone is compared with nothing: its
/// score is NaN, and the judge is not asked.
///
/// Source: judges that follow a stated principle, Sun et al. (2024), "SALMON: self-alignment with
/// instructable reward models", arXiv 2310.05910; and score lists by it, Yu et al. (2025),
/// "RewardAnything: generalizable principle-following reward models", arXiv 2506.03637; with
/// calculators, Li et al. (2024), "Tool-augmented reward modeling", arXiv 2310.01045. Theirs are trained;
/// here a model is read as it is.
#[derive(Clone, Debug)]
pub struct Principle {
    /// In plain words.
    pub principle: String,
    /// Who judges.
    pub judge: Box<dyn Judge>,
    /// Most candidates in a list, the first situation among them, at least 2.
    pub list: usize,
    /// Whether the judge is given the results of fisc's calculators.
    pub tools: bool,
}

impl Reward for Principle {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let mut all = self.judge_all(std::slice::from_ref(situation))?;
        Ok(all.swap_remove(0))
    }

    fn judge_all(&self, situations: &[Situation]) -> Result<Vec<Judged>> {
        let texts: Vec<String> = situations.iter().map(|s| describe(s, self.tools)).collect();
        let [first, others @ ..] = &texts[..] else {
            return Ok(Vec::new());
        };
        if others.is_empty() {
            return Ok(vec![Judged::plain(f64::NAN)]);
        }
        // Lists as equal as possible.
        let lists = others.len().div_ceil(self.list.max(2) - 1);
        let mut judged = Vec::with_capacity(texts.len());
        for k in 0..lists {
            let mut list = vec![first.clone()];
            list.extend_from_slice(
                &others[k * others.len() / lists..(k + 1) * others.len() / lists],
            );
            let found = listwise(&*self.judge, &self.principle, &list)?;
            let effect = found.order_effect_range();
            let new = &found.scores[usize::from(k > 0)..];
            judged.extend(new.iter().map(|score| Judged {
                total: score - found.scores[0],
                parts: vec![("order_effect".to_owned(), effect)],
                ..Judged::default()
            }));
        }
        Ok(judged)
    }

    fn pointwise(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::basic::fixture::{made, society};
    use super::*;
    use crate::fiscal::Schedule;

    /// Reads a number out of the text and adds what it thinks of the place.
    #[derive(Clone, Debug)]
    struct Planted {
        word: &'static str,
        sign: f64,
        bias: [f64; 6],
    }

    impl Judge for Planted {
        fn score(&self, principle: &str, candidates: &[String]) -> Result<Vec<f64>> {
            assert_eq!(principle, "as planted");
            let read = |text: &String| -> f64 {
                let number = text.split(self.word).nth(1).unwrap_or("");
                let number = number.trim_start().split([' ', ';']).next();
                number.and_then(|n| n.parse().ok()).unwrap_or(f64::NAN)
            };
            Ok((candidates.iter().zip(self.bias))
                .map(|(text, bias)| self.sign * read(text) + bias)
                .collect())
        }
        fn boxed(&self) -> Box<dyn Judge> {
            Box::new(self.clone())
        }
    }

    /// Scores −Gini and likes the first place by 0.6, more than all candidates differ: in one order it
    /// prefers whatever comes first, rotated it ranks by the Gini coefficient. The order effect is the
    /// planted bias less its mean, to the last digit.
    #[test]
    fn planted_judge_is_corrected_for_order() {
        let society = society(50);
        let judge = Planted {
            word: "gini disposable",
            sign: -1.0,
            bias: [0.6, 0.0, 0.0, 0.0, 0.1, 0.2],
        };
        let made: Vec<_> = [0.1, 0.5, 0.3, 0.0, 0.2, 0.4]
            .iter()
            .map(|&rate| made(&society, &Schedule::flat(rate).unwrap()))
            .collect();
        let situations: Vec<Situation> = made.iter().map(|m| m.situation()).collect();
        let texts: Vec<String> = situations.iter().map(|s| describe(s, true)).collect();
        let once = judge.score("as planted", &texts).unwrap();
        let best = |scores: &[f64]| {
            (0..6)
                .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
                .unwrap()
        };
        assert_eq!(best(&once), 0);
        let found = listwise(&judge, "as planted", &texts).unwrap();
        for (effect, bias) in found.order_effect.iter().zip(judge.bias) {
            assert!((effect - (bias - 0.15)).abs() < 1e-12, "{found:?}");
        }
        assert!((found.order_effect_range() - 0.6).abs() < 1e-12);
        let reward = Principle {
            principle: "as planted".into(),
            judge: judge.boxed(),
            list: 6,
            tools: true,
        };
        let totals = reward.judge_all(&situations).unwrap();
        let mut order: Vec<usize> = (0..6).collect();
        order.sort_by(|&a, &b| totals[b].total.total_cmp(&totals[a].total));
        // Flat taxes: the higher the rate, the more equal.
        assert_eq!(order, [1, 5, 2, 4, 0, 3]);
        assert!((totals[0].parts[0].1 - 0.6).abs() < 1e-12 && !reward.pointwise());
    }

    /// Names the best of a list in proportion to e^s, s = −5·Gini and 1 more in the first place.
    #[derive(Clone, Debug)]
    struct Luce;

    fn gini(text: &str) -> f64 {
        let number = text.split("gini disposable ").nth(1).unwrap();
        number.split([' ', ';']).next().unwrap().parse().unwrap()
    }

    impl Judge for Luce {
        fn score(&self, _: &str, candidates: &[String]) -> Result<Vec<f64>> {
            assert!(candidates.len() > 1, "nothing to compare");
            let strength = |(place, text): (usize, &String)| {
                -5.0 * gini(text) + if place == 0 { 1.0 } else { 0.0 }
            };
            let s: Vec<f64> = candidates.iter().enumerate().map(strength).collect();
            let level = s.iter().map(|s| s.exp()).sum::<f64>().ln();
            Ok(s.iter().map(|s| s - level).collect())
        }
        fn boxed(&self) -> Box<dyn Judge> {
            Box::new(self.clone())
        }
    }

    /// Whatever the length of lists, a Luce judge's scores are s less that of the first, and the best of
    /// all has the highest, in any of the six orders that begin anew.
    #[test]
    fn scores_of_different_lists_compare() {
        let society = society(50);
        let made: Vec<_> = [0.1, 0.5, 0.3, 0.0, 0.2, 0.4]
            .iter()
            .map(|&rate| made(&society, &Schedule::flat(rate).unwrap()))
            .collect();
        for shift in 0..6 {
            let situations: Vec<Situation> =
                (0..6).map(|k| made[(k + shift) % 6].situation()).collect();
            let ginis: Vec<f64> = situations
                .iter()
                .map(|s| gini(&describe(s, true)))
                .collect();
            for list in 2..=7 {
                let reward = Principle {
                    principle: "equality".into(),
                    judge: Luce.boxed(),
                    list,
                    tools: true,
                };
                let judged = reward.judge_all(&situations).unwrap();
                assert_eq!(judged.len(), 6);
                for (judged, gini) in judged.iter().zip(&ginis) {
                    let expected = -5.0 * (gini - ginis[0]);
                    assert!((judged.total - expected).abs() < 1e-9, "{list}: {judged:?}");
                }
                assert!(reward.judge(&situations[0]).unwrap().total.is_nan());
            }
        }
    }

    /// Without the calculators the judge is not told the Gini coefficient, and its answer is refused.
    #[test]
    fn tools_are_what_the_judge_reads() {
        let society = society(20);
        let [low, high] = [0.2, 0.4].map(|rate| made(&society, &Schedule::flat(rate).unwrap()));
        let both = [low.situation(), high.situation()];
        let reward = |tools| Principle {
            principle: "as planted".into(),
            judge: Planted {
                word: "gini disposable",
                sign: -1.0,
                bias: [0.0; 6],
            }
            .boxed(),
            list: 4,
            tools,
        };
        assert!(reward(true).judge_all(&both).is_ok());
        assert!(reward(false).judge_all(&both).is_err());
        assert!(describe(&both[0], false).contains("20.0 % from $0;"));
    }
}
