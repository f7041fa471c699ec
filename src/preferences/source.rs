//! Where judgements come from when the truth is known: raters who compare by their true utility.

use super::fit::logistic;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// How raters with a known utility answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UtilityAnswers {
    /// Scale of the logistic noise in the unit of utility, at least 0: rater r says "a" with
    /// probability σ((u_r(a) − u_r(b))/noise); 0 never errs, ties by lot.
    pub noise: f64,
    /// Share of answers that are turned round afterwards, 0 to ½.
    pub flipped: f64,
}

/// One answer: items, rater, and whether `a` was preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// An item.
    pub a: usize,
    /// Another.
    pub b: usize,
    /// Who answered.
    pub rater: usize,
    /// Whether `a` was preferred.
    pub first: bool,
}

impl UtilityAnswers {
    /// `count` answers of raters drawn uniformly with replacement about two different items drawn
    /// uniformly. `utility[item][rater]`; `cycle(a, b)`, antisymmetric, is added to the log-odds.
    ///
    /// Fewer than two items or no rater give no answers.
    pub fn draw(
        &self,
        utility: &[Vec<f64>],
        cycle: impl Fn(usize, usize) -> f64,
        count: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Answer> {
        let items = utility.len();
        let raters = utility.first().map_or(0, Vec::len);
        if items < 2 || raters == 0 {
            return Vec::new();
        }
        (0..count)
            .map(|_| {
                let rater = rng.random_range(0..raters);
                let a = rng.random_range(0..items);
                let b = (a + rng.random_range(1..items)) % items;
                let difference = utility[a][rater] - utility[b][rater];
                let p = match self.noise > 0.0 {
                    true => logistic(difference / self.noise + cycle(a, b)),
                    false => logistic(
                        f64::INFINITY.copysign(difference) * f64::from(u8::from(difference != 0.0)),
                    ),
                };
                let p = if p.is_nan() { 0.5 } else { p };
                let (answer, flip): (f64, f64) = (rng.random(), rng.random());
                Answer {
                    a,
                    b,
                    rater,
                    first: (answer < p) != (flip < self.flipped),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    /// The share that prefers the better of two items is σ(Δ/noise), less what is flipped.
    #[test]
    fn shares_are_those_of_the_logistic() {
        let utility = vec![vec![1000.0], vec![0.0]];
        for (noise, flipped) in [(1000.0, 0.0), (500.0, 0.25), (0.0, 0.0), (0.0, 0.25)] {
            let source = UtilityAnswers { noise, flipped };
            let mut rng = Streams::new(1, "source").at(0, 0);
            let answers = source.draw(&utility, |_, _| 0.0, 20_000, &mut rng);
            let better = answers.iter().filter(|x| x.first == (x.a == 0)).count() as f64 / 20_000.0;
            let p = if noise > 0.0 {
                1.0 / (1.0 + (-1000.0f64 / noise).exp())
            } else {
                1.0
            };
            let expected = p * (1.0 - flipped) + (1.0 - p) * flipped;
            assert!(
                (better - expected).abs() < 0.015,
                "{noise} {flipped}: {better} for {expected}"
            );
        }
        let mut rng = Streams::new(1, "source").at(0, 0);
        let tie =
            UtilityAnswers::default().draw(&[vec![1.0], vec![1.0]], |_, _| 0.0, 4_000, &mut rng);
        let first = tie.iter().filter(|x| x.first).count() as f64 / 4_000.0;
        assert!((first - 0.5).abs() < 0.04);
    }
}
