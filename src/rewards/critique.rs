//! `critique`: criticism in plain words as signed credit of brackets.

use super::{Judged, Reward, Situation};
use crate::error::Result;
use crate::fiscal::Schedule;
use std::fmt::Debug;

/// Bytes of a critique that are read; the rest is not.
pub const CRITIQUE_MAX: usize = 16_384;

/// A part of a critique that says of some brackets that their rates should rise or fall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where in the text the part lies, in bytes.
    pub bytes: std::ops::Range<usize>,
    /// Brackets that it names, lowest first.
    pub brackets: Vec<usize>,
    /// Whether rates should rise (else fall).
    pub rise: bool,
}

/// Finds what a critique says of brackets.
///
/// The text is cut into clauses at stops, semicolons, commas and words such as "but" and "and". A clause
/// counts where it names both
/// - brackets: by number ("bracket 3", "the third bracket"; from 1), by place ("top", "lowest",
///   "middle", "all"), by people ("the rich", "low earners"), or by a range of incomes that overlaps
///   them ("between $20,000 and $50,000", "above 100k", "below $12,000", "at $30,000"); and
/// - a direction: a verb ("raise", "cut", …; turned round after "not", "never" and the like), or a
///   judgement of the rate ("too low", "too high"; none after "not").
///
/// A clause without brackets takes those of the clause before in its sentence ("bracket 2 is too
/// high, cut it"); one of two directions counts for neither. Everything else is passed over: the text
/// comes from a model or a stranger, and no wording of it is an error.
///
/// Source of the idea that criticism is credit of spans, along which to step: Wang et al. (2025),
/// "Text2Grad: reinforcement learning from natural language feedback", arXiv 2505.22338, with brackets in
/// place of tokens and this reader in place of a trained model; of learning from language feedback at
/// all: Scheurer et al. (2023), "Training language models with language feedback at scale", arXiv
/// 2303.16755.
pub fn spans(text: &str, schedule: &Schedule) -> Vec<Span> {
    let mut found = Vec::new();
    let mut last: Vec<usize> = Vec::new();
    for (clause, new_sentence) in clauses(text) {
        if new_sentence {
            last.clear();
        }
        let mut words = clause;
        let named = targets(&mut words, schedule);
        if !named.is_empty() {
            last = named;
        }
        let (Some(rise), false) = (direction(&words), last.is_empty()) else {
            continue;
        };
        let (Some(first), Some(end)) = (words.first(), words.last()) else {
            continue;
        };
        found.push(Span {
            bytes: first.from..end.to,
            brackets: last.clone(),
            rise,
        });
    }
    found
}

/// Signed credit by bracket: the mean over the spans that name it of +1 (rise) and −1 (fall), 0 where
/// none does: in [−1, 1], the sign of a direction in which the critic expects improvement.
pub fn credit(spans: &[Span], brackets: usize) -> Vec<f64> {
    let (mut sum, mut count) = (vec![0.0; brackets], vec![0.0; brackets]);
    for span in spans {
        for &k in span.brackets.iter().filter(|k| **k < brackets) {
            sum[k] += if span.rise { 1.0 } else { -1.0 };
            count[k] += 1.0;
        }
    }
    let mean = sum.iter().zip(&count);
    mean.map(|(s, c)| if *c > 0.0 { s / c } else { 0.0 })
        .collect()
}

#[derive(Clone, Debug)]
struct Word {
    from: usize,
    to: usize,
    /// Lower case, without a possessive.
    text: String,
    /// $/year, where it is an amount.
    amount: Option<f64>,
    /// Whether it has named a bracket and is read no more.
    spent: bool,
}

/// Clauses with whether each is the first of its sentence.
fn clauses(text: &str) -> Vec<(Vec<Word>, bool)> {
    let end = (0..=CRITIQUE_MAX.min(text.len()))
        .rev()
        .find(|&k| text.is_char_boundary(k));
    let text = &text[..end.unwrap_or(0)];
    let mut all = Vec::new();
    let (mut clause, mut first) = (Vec::new(), true);
    let mut between = false;
    let mut close = |clause: &mut Vec<Word>, first: bool| {
        if !clause.is_empty() {
            all.push((std::mem::take(clause), first));
        }
    };
    let is_word = |c: char| c.is_alphanumeric() || "$%'’".contains(c);
    let bytes: Vec<(usize, char)> = text.char_indices().collect();
    let mut k = 0;
    while k < bytes.len() {
        let (from, c) = bytes[k];
        if is_word(c) {
            let mut j = k + 1;
            // A stop or comma between digits belongs to the number.
            while j < bytes.len()
                && (is_word(bytes[j].1)
                    || (matches!(bytes[j].1, '.' | ',')
                        && bytes[j - 1].1.is_ascii_digit()
                        && bytes.get(j + 1).is_some_and(|b| b.1.is_ascii_digit())))
            {
                j += 1;
            }
            let to = bytes.get(j).map_or(text.len(), |b| b.0);
            let word = word(from, to, &text[from..to]);
            match word.text.as_str() {
                "between" | "from" => between = true,
                _ => {}
            }
            let joins = word.text == "and" && between;
            if matches!(
                word.text.as_str(),
                "but" | "while" | "whereas" | "then" | "yet" | "and" | "because"
            ) && !joins
            {
                if !clause.is_empty() {
                    close(&mut clause, first);
                    first = false;
                }
                between = false;
            } else {
                between &= !(joins || word.text == "to");
                clause.push(word);
            }
            k = j;
            continue;
        }
        if ".!?;:\n,–—()".contains(c) {
            let sentence = ".!?\n".contains(c);
            if !clause.is_empty() {
                close(&mut clause, first);
                first = false;
            }
            between = false;
            first |= sentence;
        }
        k += 1;
    }
    close(&mut clause, first);
    all
}

fn word(from: usize, to: usize, text: &str) -> Word {
    let lower = text.to_lowercase().replace('’', "'");
    let lower = lower.strip_suffix("'s").unwrap_or(&lower).to_owned();
    let digits: String = lower.chars().filter(|c| !matches!(c, '$' | ',')).collect();
    let (number, unit) = match digits.strip_suffix('k') {
        Some(rest) => (rest, 1e3),
        None => (
            digits.strip_suffix('m').unwrap_or(&digits),
            if digits.ends_with('m') { 1e6 } else { 1.0 },
        ),
    };
    // Numbers are plain digits: "inf", "1e9" and "nan" are words.
    let plain = number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let amount = plain
        .then(|| number.parse::<f64>().ok())
        .flatten()
        .map(|x| x * unit);
    Word {
        from,
        to,
        text: lower,
        amount: amount.filter(|x| x.is_finite()),
        spent: false,
    }
}

const ORDINALS: [(&str, &str, &str); 10] = [
    ("first", "1st", "one"),
    ("second", "2nd", "two"),
    ("third", "3rd", "three"),
    ("fourth", "4th", "four"),
    ("fifth", "5th", "five"),
    ("sixth", "6th", "six"),
    ("seventh", "7th", "seven"),
    ("eighth", "8th", "eight"),
    ("ninth", "9th", "nine"),
    ("tenth", "10th", "ten"),
];

/// Least amount that is money without a sign, $/year; less is a rate or a bracket.
const MONEY_MIN: f64 = 500.0;

/// Brackets that a clause names; the words that name them are spent.
fn targets(words: &mut [Word], schedule: &Schedule) -> Vec<usize> {
    let brackets = schedule.brackets();
    let mut named = vec![false; brackets];
    let is_bracket = |w: &str| {
        matches!(
            w,
            "bracket" | "brackets" | "band" | "bands" | "tier" | "rate" | "rates"
        )
    };
    let is_people = |w: &str| {
        matches!(
            w,
            "earner"
                | "earners"
                | "income"
                | "incomes"
                | "worker"
                | "workers"
                | "household"
                | "households"
                | "people"
                | "class"
        )
    };
    let at = |words: &[Word], k: usize| words.get(k).map_or(String::new(), |w| w.text.clone());
    for k in 0..words.len() {
        if words[k].spent {
            continue;
        }
        let (this, next, after) = (at(words, k), at(words, k + 1), at(words, k + 2));
        let amount = |j: usize| {
            words.get(j).and_then(|w| w.amount).filter(|a| {
                *a >= MONEY_MIN || words[j].text.starts_with('$') || words[j].text.ends_with('k')
            })
        };
        // A range of incomes.
        let above = matches!(
            this.as_str(),
            "above" | "over" | "beyond" | "exceeding" | "past"
        );
        let below = matches!(this.as_str(), "below" | "under" | "beneath");
        let than = next == "than"
            && matches!(
                this.as_str(),
                "more" | "less" | "higher" | "lower" | "fewer"
            );
        let range = if matches!(this.as_str(), "between" | "from")
            && matches!(after.as_str(), "and" | "to")
        {
            amount(k + 1)
                .zip(amount(k + 3))
                .map(|(low, high)| (low.min(high), low.max(high), 4))
        } else if matches!(after.as_str(), "or")
            && matches!(at(words, k + 3).as_str(), "more" | "less")
            && amount(k + 1).is_some()
        {
            None
        } else if above || this == "from" {
            amount(k + 1).map(|low| (low, f64::INFINITY, 2))
        } else if below || (this == "up" && next == "to") {
            let j = if below { k + 1 } else { k + 2 };
            amount(j).map(|high| (0.0, high, j - k + 1))
        } else if than {
            amount(k + 2).map(|edge| match this.as_str() {
                "more" | "higher" => (edge, f64::INFINITY, 3),
                _ => (0.0, edge, 3),
            })
        } else {
            amount(k).map(|x| match (next.as_str(), after.as_str()) {
                ("to" | "and" | "through", _) if amount(k + 2).is_some() => {
                    (x, amount(k + 2).unwrap_or(x).max(x), 3)
                }
                ("or", "more" | "above" | "over") => (x, f64::INFINITY, 3),
                ("or", "less" | "below" | "under") => (0.0, x, 3),
                _ => (x, x, 1),
            })
        };
        if let Some((low, high, length)) = range {
            for (bracket, named) in named.iter_mut().enumerate() {
                let (from, to) = (schedule.edges()[bracket], schedule.upper(bracket));
                *named |= if low == high {
                    from <= low && low < to
                } else {
                    low < to && from < high
                };
            }
            spend(words, k, length);
            continue;
        }
        // A number or a place.
        let number = |w: &str| {
            let by_word = ORDINALS
                .iter()
                .position(|(a, b, c)| w == *a || w == *b || w == *c);
            by_word.or_else(|| w.parse::<usize>().ok().and_then(|n| n.checked_sub(1)))
        };
        if matches!(this.as_str(), "bracket" | "brackets" | "band" | "tier")
            && let Some(n) = number(&next)
        {
            if let Some(named) = named.get_mut(n) {
                *named = true;
            }
            spend(words, k, 2);
            // "brackets 2 and 3" came as one clause only where "and" joins nothing else.
            continue;
        }
        // A judgement ("the rate of the low bracket") of a place needs its noun right behind it.
        let noun = is_bracket(&next)
            || is_people(&next)
            || (matches!(next.as_str(), "income" | "tax" | "marginal")
                && (is_bracket(&after) || is_people(&after)));
        if !noun
            && !matches!(
                this.as_str(),
                "rich" | "poor" | "wealthy" | "everyone" | "everybody" | "poorest" | "richest"
            )
        {
            continue;
        }
        let middle = |k: usize| k > 0 && k + 1 < brackets || brackets < 3;
        let place: Option<Vec<usize>> = match this.as_str() {
            "top" | "highest" | "upper" | "high" | "rich" | "richest" | "wealthy" | "last" => {
                Some(vec![brackets - 1])
            }
            "bottom" | "lowest" | "lower" | "low" | "poor" | "poorest" => Some(vec![0]),
            "middle" => Some((0..brackets).filter(|&k| middle(k)).collect()),
            "all" | "every" | "everyone" | "everybody" => Some((0..brackets).collect()),
            ordinal => ORDINALS
                .iter()
                .position(|(a, b, _)| ordinal == *a || ordinal == *b)
                .filter(|n| *n < brackets && is_bracket(&next))
                .map(|n| vec![n]),
        };
        // "lower rates" asks for them; "the lower bracket" names one.
        let asks = matches!(this.as_str(), "lower" | "high" | "low" | "upper")
            && matches!(next.as_str(), "rate" | "rates" | "tax");
        if let (Some(place), false) = (place, asks) {
            place.into_iter().for_each(|n| named[n] = true);
            spend(words, k, 1);
        }
    }
    (0..brackets).filter(|&k| named[k]).collect()
}

fn spend(words: &mut [Word], from: usize, length: usize) {
    for word in words.iter_mut().skip(from).take(length) {
        word.spent = true;
    }
}

/// Whether a clause wants rates to rise or to fall, if it says either.
fn direction(words: &[Word]) -> Option<bool> {
    let left: Vec<&str> = words
        .iter()
        .filter(|w| !w.spent)
        .map(|w| w.text.as_str())
        .collect();
    let (mut rise, mut fall) = (false, false);
    for (k, word) in left.iter().enumerate() {
        let negated = (left[k.saturating_sub(3)..k].iter()).any(|w| {
            matches!(*w, "not" | "never" | "no" | "without" | "cannot") || w.ends_with("n't")
        });
        let too = k > 0 && matches!(left[k - 1], "too" | "excessively" | "unduly");
        let (says, is_judgement) = match *word {
            "low" | "little" | "lenient" | "light" | "small" | "generous" if too => {
                (Some(true), true)
            }
            "high" | "much" | "heavy" | "steep" | "harsh" | "large" | "burdensome" if too => {
                (Some(false), true)
            }
            "excessive" => (Some(false), true),
            "raise" | "raised" | "raising" | "increase" | "increased" | "increasing" | "lift"
            | "lifted" | "higher" | "hike" | "up" | "more" | "add" => (Some(true), false),
            "cut" | "cutting" | "lower" | "lowered" | "lowering" | "reduce" | "reduced"
            | "reducing" | "decrease" | "decreased" | "less" | "ease" | "relieve" | "relief"
            | "drop" | "down" => (Some(false), false),
            _ => (None, false),
        };
        match (says, negated, is_judgement) {
            (Some(_), true, true) | (None, ..) => {}
            (Some(up), ..) => match up != negated {
                true => rise = true,
                false => fall = true,
            },
        }
    }
    (rise != fall).then_some(rise)
}

/// Says in plain words how a schedule should change.
pub trait Critic: Debug + Send + Sync {
    /// A critique of a finished tax year; `None` of a critic who has nothing to say.
    ///
    /// # Errors
    /// A critic that cannot be asked.
    fn critique(&mut self, year: &Situation) -> Result<Option<String>>;

    /// A copy behind the same interface.
    fn boxed(&self) -> Box<dyn Critic>;
}

impl Clone for Box<dyn Critic> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// A critic who has written down one critique for each year, and then falls silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Still to come, the next one last.
    left: Vec<String>,
}

impl Written {
    /// In the order of the years.
    pub fn new(mut texts: Vec<String>) -> Self {
        texts.reverse();
        Written { left: texts }
    }
}

impl Critic for Written {
    fn critique(&mut self, _: &Situation) -> Result<Option<String>> {
        Ok(self.left.pop())
    }

    fn boxed(&self) -> Box<dyn Critic> {
        Box::new(self.clone())
    }
}

/// R(τ) = Σ_k [c_k (τ_k − τ⁰_k) − (τ_k − τ⁰_k)²/(2·step)] after a critique of the schedule τ⁰ with credit c
/// ([`credit`]): linear in the direction that the critic asks for, with a proximal term, so that its
/// maximum τ⁰ + step·c is one step of ascent. Until the next critique the planner stays there. Of a
/// schedule with other brackets R is −1/step. Credit by bracket is recorded.
#[derive(Clone, Debug)]
pub struct Critique {
    /// Who criticises.
    pub critic: Box<dyn Critic>,
    /// Change of a rate that full credit asks for, a fraction above 0.
    pub step: f64,
    state: Option<(Schedule, Vec<f64>, usize)>,
}

impl Critique {
    /// Before the first year.
    pub fn new(critic: Box<dyn Critic>, step: f64) -> Self {
        Critique {
            critic,
            step,
            state: None,
        }
    }
}

impl Reward for Critique {
    fn judge(&self, situation: &Situation) -> Result<Judged> {
        let Some((criticised, credit, spans)) = &self.state else {
            return Ok(Judged::default());
        };
        let schedule = situation.schedule;
        let total = match schedule.edges() == criticised.edges() {
            false => -1.0 / self.step,
            true => (schedule.rates().iter().zip(criticised.rates()).zip(credit))
                .map(|((new, old), c)| c * (new - old) - (new - old).powi(2) / (2.0 * self.step))
                .sum(),
        };
        Ok(Judged {
            total,
            parts: vec![("spans".to_owned(), *spans as f64)],
            by_worker: None,
            by_bracket: Some(credit.clone()),
        })
    }

    fn learn(&mut self, year: &Situation, _: &Judged) -> Result<()> {
        if let Some(text) = self.critic.critique(year)? {
            let spans = spans(&text, year.schedule);
            let credit = credit(&spans, year.schedule.brackets());
            self.state = Some((year.schedule.clone(), credit, spans.len()));
        }
        Ok(())
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
    use super::super::basic::fixture::{made, society};
    use super::*;
    use crate::fiscal::{Objective, Society};
    use crate::random::Streams;
    use proptest::prelude::*;
    use rand::RngExt;

    fn schedule(rates: &[f64]) -> Schedule {
        Schedule::new(&[0.0, 20_000.0, 60_000.0, 150_000.0], rates).unwrap()
    }

    fn read(text: &str) -> Vec<f64> {
        let schedule = schedule(&[0.1, 0.2, 0.3, 0.4]);
        credit(&spans(text, &schedule), 4)
    }

    /// Sentences with what a person reads in them, brackets 0-20-60-150 thousand.
    #[test]
    fn sentences() {
        let cases: [(&str, [f64; 4]); 26] = [
            ("Raise the rate in bracket 3.", [0.0, 0.0, 1.0, 0.0]),
            (
                "The third bracket's rate is too high.",
                [0.0, 0.0, -1.0, 0.0],
            ),
            ("The top bracket is taxed too little.", [0.0, 0.0, 0.0, 1.0]),
            ("Cut taxes on incomes below $20,000.", [-1.0, 0.0, 0.0, 0.0]),
            (
                "Incomes above $150,000 should pay more.",
                [0.0, 0.0, 0.0, 1.0],
            ),
            (
                "Those who earn more than 60k should pay less tax!",
                [0.0, 0.0, -1.0, -1.0],
            ),
            (
                "Between $20,000 and $60,000 the burden is too heavy.",
                [0.0, -1.0, 0.0, 0.0],
            ),
            ("Raise rates from 20k to 150k", [0.0, 1.0, 1.0, 0.0]),
            ("Do not raise the lowest bracket.", [-1.0, 0.0, 0.0, 0.0]),
            ("The middle class needs relief", [0.0, -1.0, -1.0, 0.0]),
            (
                "Tax the rich more and the poor less.",
                [-1.0, 0.0, 0.0, 1.0],
            ),
            ("Bracket 2 is too high, cut it.", [0.0, -1.0, 0.0, 0.0]),
            ("Lower all rates.", [-1.0; 4]),
            ("Increase every rate", [1.0; 4]),
            ("The rates are fine.", [0.0; 4]),
            ("The second bracket is not too high.", [0.0; 4]),
            ("Raise it.", [0.0; 4]),
            ("Bracket 9 should be raised.", [0.0; 4]),
            ("Bracket 1 is too high. Bracket 1 is too low.", [0.0; 4]),
            (
                "At $30,000 the rate of 20 % is too steep.",
                [0.0, -1.0, 0.0, 0.0],
            ),
            (
                "Lower the rate of the lower bracket; raise the upper bracket.",
                [-1.0, 0.0, 0.0, 1.0],
            ),
            (
                "Low earners pay too much, while high earners pay too little.",
                [-1.0, 0.0, 0.0, 1.0],
            ),
            ("For $150,000 or more, a higher rate.", [0.0, 0.0, 0.0, 1.0]),
            (
                "Under $20,000, no increase; over $150,000, an increase.",
                [-1.0, 0.0, 0.0, 1.0],
            ),
            (
                "I wouldn't lower the first bracket, but bracket four isn't too low.",
                [1.0, 0.0, 0.0, 0.0],
            ),
            (
                "Up to $20,000 rates should come down.",
                [-1.0, 0.0, 0.0, 0.0],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(
                read(text),
                expected,
                "{text}: {:?}",
                spans(text, &schedule(&[0.1; 4]))
            );
        }
        let text = "Fine, mostly. But cut bracket 2, please.";
        let found = spans(text, &schedule(&[0.1; 4]));
        assert_eq!(&text[found[0].bytes.clone()], "cut bracket 2");
    }

    /// Welfare's slope in each rate, by central differences.
    fn gradient(society: &Society, rates: &[f64]) -> Vec<f64> {
        let welfare = |rates: &[f64]| society.welfare(&schedule(rates), &Objective::InverseWage);
        (0..4)
            .map(|k| {
                let moved = |by: f64| {
                    let mut rates = rates.to_vec();
                    rates[k] += by;
                    welfare(&rates)
                };
                (moved(0.01) - moved(-0.01)) / 0.02
            })
            .collect()
    }

    /// A critic who knows the true gradient and words it in many ways.
    fn word(gradient: &[f64], rng: &mut impl RngExt) -> String {
        let ranges = [
            "below $20,000",
            "between $20,000 and $60,000",
            "from $60k to $150k",
            "above $150,000",
        ];
        let places = ["bottom", "second", "third", "top"];
        let mut sentences = Vec::new();
        for (k, slope) in gradient.iter().enumerate() {
            let up = *slope > 0.0;
            let pick = |up: bool, a: &str, b: &str| if up { a.to_owned() } else { b.to_owned() };
            sentences.push(match rng.random_range(0..5) {
                0 => format!(
                    "{} the rate of bracket {}.",
                    pick(up, "Raise", "Cut"),
                    k + 1
                ),
                1 => format!(
                    "The {} bracket's rate is too {}.",
                    places[k],
                    pick(up, "low", "high")
                ),
                2 => format!(
                    "Incomes {} should pay {}.",
                    ranges[k],
                    pick(up, "more", "less")
                ),
                3 => format!(
                    "For incomes {} I would {} the rate a little;",
                    ranges[k],
                    pick(up, "increase", "reduce")
                ),
                _ => format!(
                    "Bracket {} should not be {}!",
                    k + 1,
                    pick(up, "lowered", "raised")
                ),
            });
        }
        let filler = [
            "Work matters to people.",
            "I have read the tables with care, all 15 of them.",
            "",
        ];
        sentences.push(filler[rng.random_range(0..3)].to_owned());
        sentences.join(" ")
    }

    /// The credit read from the critic's words has the sign of the true gradient in every bracket, for
    /// 200 random schedules and wordings.
    #[test]
    fn planted_critic_agrees_in_sign_with_the_true_gradient() {
        let society = society(60);
        for k in 0..200 {
            let mut rng = Streams::new(4, "critic").at(k, 0);
            let rates: Vec<f64> = (0..4).map(|_| 0.02 + 0.8 * rng.random::<f64>()).collect();
            let gradient = gradient(&society, &rates);
            let text = word(&gradient, &mut rng);
            let credit = credit(&spans(&text, &schedule(&rates)), 4);
            for (c, g) in credit.iter().zip(&gradient) {
                assert_eq!(*c, if *g > 0.0 { 1.0 } else { -1.0 }, "{text}");
            }
        }
    }

    /// A planner who knows nothing but the reward, and each year moves to its maximum on a grid of
    /// points, gains most of what there is to gain.
    #[test]
    fn critiques_lead_to_higher_welfare() {
        #[derive(Clone, Debug)]
        struct Planted(Society, u64);
        impl Critic for Planted {
            fn critique(&mut self, year: &Situation) -> Result<Option<String>> {
                self.1 += 1;
                let mut rng = Streams::new(6, "critic").at(self.1, 0);
                let slopes = gradient(&self.0, year.schedule.rates());
                Ok(Some(word(&slopes, &mut rng)))
            }
            fn boxed(&self) -> Box<dyn Critic> {
                Box::new(self.clone())
            }
        }
        let society = society(60);
        let welfare = |rates: &[f64]| society.welfare(&schedule(rates), &Objective::InverseWage);
        let mut reward = Critique::new(Planted(society.clone(), 0).boxed(), 0.02);
        let mut rates = vec![0.05; 4];
        let start = welfare(&rates);
        for _ in 0..40 {
            let year = made(&society, &schedule(&rates));
            let judged = reward.judge(&year.situation()).unwrap();
            reward.learn(&year.situation(), &judged).unwrap();
            for k in 0..4 {
                let total = |rate: f64| {
                    let mut rates = rates.clone();
                    rates[k] = rate;
                    let year = made(&society, &schedule(&rates));
                    reward.judge(&year.situation()).unwrap().total
                };
                let around = (-3..=3).map(|s| (rates[k] + 0.01 * f64::from(s)).clamp(0.01, 0.98));
                let best = around.max_by(|a, b| total(*a).total_cmp(&total(*b)));
                rates[k] = best.unwrap();
            }
        }
        let edges = [0.0, 20_000.0, 60_000.0, 150_000.0];
        let effort = crate::fiscal::optimum::Effort::default();
        let best = crate::fiscal::optimum::optimum(
            &society,
            &edges,
            &Objective::InverseWage,
            &[],
            false,
            effort,
        );
        let attained = (welfare(&rates) - start) / (best.welfare - start);
        assert!(
            attained > 0.95,
            "{attained}: {rates:?} for {:?}",
            best.schedule
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        /// No text is an error, and credit stays within [−1, 1].
        #[test]
        fn any_text_is_read(text in prop_oneof![any::<String>(), "(bracket|rate|too|high|more|than|\\$[0-9,.km]{0,9}|between|and|to|or|[.,;’]| ){0,40}"]) {
            for x in read(&text) {
                prop_assert!((-1.0..=1.0).contains(&x));
            }
        }
    }
}
