//! `follow-up`: what workers are likely to say next, as a reward.

use super::{Judged, Reward, Situation};
use crate::error::{Error, Result};
use std::fmt::Debug;

/// Gives the likelihood of what a worker might say.
pub trait Speaker: Debug + Send + Sync {
    /// ln p(utterance | context), nats, of the worker at `place`, given as its place and the number of
    /// places (a multiple of the workers where each has several in a row).
    ///
    /// # Errors
    /// A model that cannot be asked.
    fn log_probability(&self, place: (usize, usize), context: &str, utterance: &str)
    -> Result<f64>;

    /// A copy behind the same interface.
    fn boxed(&self) -> Box<dyn Speaker>;
}

impl Clone for Box<dyn Speaker> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// R = (1/n) Σ_i [Σ_{u ∈ positive} ln p_i(u | y_i) − Σ_{u ∈ negative} ln p_i(u | y_i)], y_i what worker i
/// met in the year in words ([`own_year`]): how much likelier contentment is to follow than
/// complaint, in nats. Nobody is asked anything; the model that speaks for the workers is only read.
///
/// The answer of an assistant and the user's next turn become a tax year and the worker's next word.
/// Source: Zhang et al. (2024), "Aligning language models using follow-up likelihood as reward signal",
/// arXiv 2409.13948, whose code averages over the tokens of an utterance; here its whole probability
/// counts.
#[derive(Clone, Debug)]
pub struct FollowUp {
    /// Utterances of the content.
    pub positive: Vec<String>,
    /// Utterances of those who complain.
    pub negative: Vec<String>,
    /// Who speaks for the workers.
    pub speaker: Box<dyn Speaker>,
    /// Workers who are listened to, evenly spaced by wage; all where there are fewer.
    pub workers: usize,
}

/// What a year was for a worker, in words.
pub fn own_year(situation: &Situation, worker: usize) -> String {
    format!(
        "This year I worked {:.0} hours a week, earned ${:.0}, paid ${:.0} in tax, got ${:.0} back as a lump sum and kept ${:.0}.",
        situation.labor[worker],
        situation.income[worker],
        situation.tax[worker],
        situation.rebate,
        situation.disposable[worker]
    )
}

impl FollowUp {
    fn of_worker(&self, situation: &Situation, worker: usize) -> Result<f64> {
        let context = own_year(situation, worker);
        let sum = |utterances: &[String]| -> Result<f64> {
            utterances.iter().try_fold(0.0, |sum, utterance| {
                let place = (worker, situation.workers());
                let p = self.speaker.log_probability(place, &context, utterance)?;
                match p.is_finite() && p <= 0.0 {
                    true => Ok(sum + p),
                    false => Err(Error::run("log-probability of an utterance")
                        .value(p)
                        .allowed("finite, at most 0")),
                }
            })
        };
        Ok(sum(&self.positive)? - sum(&self.negative)?)
    }
}

impl Reward for FollowUp {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let n = situation.workers();
        let order = crate::fiscal::inequality::ascending_order(situation.wage);
        let asked = self.workers.clamp(1, n);
        let mut by_worker = Vec::with_capacity(asked);
        for k in 0..asked {
            let worker = order[(2 * k + 1) * n / (2 * asked)] as usize;
            by_worker.push((worker, self.of_worker(situation, worker)?));
        }
        let total = by_worker.iter().map(|(_, r)| r).sum::<f64>() / asked as f64;
        by_worker.sort_unstable_by_key(|(worker, _)| *worker);
        Ok(Judged {
            total,
            by_worker: (asked == n).then(|| by_worker.iter().map(|(_, r)| *r).collect()),
            ..Judged::default()
        })
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
    use super::super::basic::fixture::three;
    use super::*;

    /// Words of an utterance given the word before, the first one given whether the worker kept more
    /// than $40,000: a bigram model with the counts of a corpus of six sentences, plus one each.
    #[derive(Clone, Debug)]
    struct Bigrams;

    const CORPUS: [(&str, &str); 6] = [
        ("<rich>", "life is good"),
        ("<rich>", "life is good"),
        ("<rich>", "taxes are high"),
        ("<poor>", "taxes are high"),
        ("<poor>", "life is hard"),
        ("<poor>", "taxes are high"),
    ];
    const VOCABULARY: f64 = 7.0;

    impl Speaker for Bigrams {
        fn log_probability(
            &self,
            _: (usize, usize),
            context: &str,
            utterance: &str,
        ) -> Result<f64> {
            let kept: f64 = context
                .rsplit('$')
                .next()
                .unwrap()
                .trim_end_matches('.')
                .parse()
                .unwrap();
            let start = if kept > 40_000.0 { "<rich>" } else { "<poor>" };
            let count = |pair: &[&str]| {
                let sentences = CORPUS.iter().map(|(s, text)| format!("{s} {text}"));
                let words: Vec<Vec<String>> = sentences
                    .map(|s| s.split(' ').map(str::to_owned).collect())
                    .collect();
                let all = words.iter().flat_map(|w| w.windows(2));
                all.filter(|w| w[0] == pair[0] && pair.get(1).is_none_or(|b| w[1] == *b))
                    .count() as f64
            };
            let mut last = start;
            let mut sum = 0.0;
            for word in utterance.split(' ') {
                sum += ((count(&[last, word]) + 1.0) / (count(&[last]) + VOCABULARY)).ln();
                last = word;
            }
            Ok(sum)
        }
        fn boxed(&self) -> Box<dyn Speaker> {
            Box::new(self.clone())
        }
    }

    /// By hand, vocabulary {life, is, good, taxes, are, high, hard}. "life is good": rich 3/10·4/10·3/10,
    /// poor 2/10·4/10·3/10. "taxes are high": rich 2/10·4/10·4/10, poor 3/10·4/10·4/10. One of three
    /// workers keeps less than $40,000: R = [2·ln(36/32) + ln(24/48)]/3.
    #[test]
    fn exact_with_a_bigram_model() {
        let reward = FollowUp {
            positive: vec!["life is good".into()],
            negative: vec!["taxes are high".into()],
            speaker: Bigrams.boxed(),
            workers: 10,
        };
        let made = three();
        let judged = reward.judge(&made.situation()).unwrap();
        let (rich, poor) = ((36.0f64 / 32.0).ln(), (24.0f64 / 48.0).ln());
        assert!(
            (judged.total - (2.0 * rich + poor) / 3.0).abs() < 1e-12,
            "{judged:?}"
        );
        let own = judged.by_worker.unwrap();
        for (found, expected) in own.iter().zip([poor, rich, rich]) {
            assert!((found - expected).abs() < 1e-12);
        }
        // Of one worker who is listened to, the one in the middle.
        let one = FollowUp {
            workers: 1,
            ..reward
        };
        assert!((one.judge(&made.situation()).unwrap().total - rich).abs() < 1e-12);
    }
}
