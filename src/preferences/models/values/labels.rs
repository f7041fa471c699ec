//! Values in statements: whether there is one, then which, then in which direction, for each actor.
//!
//! Two labellers give the same [`Label`]s. [`by_lexicon`] is a transparent list of word stems
//! ([`LEXICON`]): it needs no model, explains itself, and misses what is said in other words or with
//! irony. [`by_choice`] asks a language model three questions, each with a closed list of answers,
//! through a closure that returns the answers' probabilities. The order of questions, presence before
//! kind before direction, keeps neutral sentences from being forced into a value.
//!
//! The committed fixture ([`fixture`]: 60 sentences) and the lexicon were written by one hand, the
//! sentences first. Agreement between them says how well the lexicon reads such sentences, not how
//! people at large would label what people at large say; it is next to perfect for which value, and
//! should be read as a test of the machinery.

use super::{Profile, VALUES};
use crate::error::{Error, Result};

/// What a statement says of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Who attains or thwarts it, in the statement's own words, lower case; empty where nobody is
    /// named.
    pub actor: String,
    /// Place in [`VALUES`].
    pub value: usize,
    /// 1 for attained or wanted, −1 for thwarted or refused.
    pub direction: i8,
}

/// Stems of words that invoke each of [`VALUES`]; a stem with a space is a phrase.
pub const LEXICON: [&[&str]; 19] = [
    &[
        "think for",
        "idea",
        "creativ",
        "curio",
        "own opinion",
        "imagin",
    ],
    &[
        "freedom",
        "free to",
        "independen",
        "decide for",
        "liberty",
        "choose",
        "own choice",
    ],
    &[
        "adventur",
        "excit",
        "boring",
        "thrill",
        "new challenge",
        "daring",
    ],
    &["enjoy", "pleasure", "fun", "leisure", "comfort"],
    &[
        "success",
        "ambiti",
        "achiev",
        "talent",
        "worked hard",
        "excel",
        "merit",
        "effort",
    ],
    &[
        "control",
        "in charge",
        "authority",
        "command",
        "dominat",
        "rule over",
    ],
    &[
        "wealth", "money", "own more", "possess", "profit", "property",
    ],
    &[
        "reputation",
        "humiliat",
        "dignity",
        "respected",
        "shame",
        "public image",
    ],
    &[
        "safe income",
        "insur",
        "afraid",
        "protects us",
        "secur",
        "my health",
        "afford",
    ],
    &[
        "order", "stab", "nation", "country", "crime", "defen", "debt",
    ],
    &[
        "tradition",
        "custom",
        "church",
        "religio",
        "ancest",
        "heritage",
        "grandparents",
    ],
    &["obey", "rules", "law", "cheat", "comply", "evade", "duty"],
    &["polite", "annoy", "neighbours", "upset", "offend", "courte"],
    &["modest", "humble", "humility", "boast", "more than others"],
    &[
        "rely on",
        "loyal",
        "trust",
        "depend on",
        "promise",
        "faithful",
    ],
    &[
        "help",
        "care for",
        "look after",
        "my family",
        "my children",
        "friends",
    ],
    &[
        "poor",
        "hungry",
        "fair",
        "equal",
        "deserve",
        "justice",
        "shares",
        "same chance",
        "poverty",
    ],
    &[
        "nature",
        "climate",
        "environment",
        "carbon",
        "pollut",
        "planet",
    ],
    &[
        "different from",
        "immigra",
        "toleran",
        "listen to",
        "minorit",
        "respect too",
    ],
];

/// Stems that turn a value round.
const AGAINST: &[&str] = &[
    "abandon", "punish", "takes", "break", "destroy", "risk", "nobody", "threat", "harm", "ignore",
    "lose", "without", "waste", "against",
];

/// Verbs before which the actor stands.
const VERBS: &[&str] = &[
    "must", "should", "deserves", "deserve", "has", "have", "is", "are", "am", "needs", "need",
    "wants", "want", "takes", "take", "abandons", "punish", "punishes", "shares", "worked",
    "gives", "give", "decide", "protects", "puts", "lived", "breaks", "break", "do", "does", "can",
    "care", "leave", "leaves", "saves", "destroys", "look", "will", "matters",
];

fn words(statement: &str) -> Vec<String> {
    (statement.to_lowercase())
        .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// How often a stem begins a word of the statement, or a phrase its words one after the other. Stems
/// of three letters are whole words.
fn hits(words: &[String], stem: &str) -> usize {
    let parts: Vec<&str> = stem.split_whitespace().collect();
    let Some((last, first)) = parts.split_last() else {
        return 0;
    };
    (words.windows(parts.len()))
        .filter(|window| {
            let end = &window[first.len()];
            first.iter().zip(*window).all(|(part, word)| part == word)
                && (end == last || (last.len() > 3 && end.starts_with(last)))
        })
        .count()
}

/// The words before the first verb, at most four.
fn actor(words: &[String]) -> String {
    let mut head = words.iter().take(5);
    let end = head.position(|w| VERBS.contains(&w.as_str()));
    end.map_or(String::new(), |end| words[..end].join(" "))
}

/// The value whose stems occur most often in a statement, of equal ones the first; thwarted where a
/// stem against it occurs. `None` where no stem occurs. By keywords alone.
pub fn by_lexicon(statement: &str) -> Option<Label> {
    let words = words(statement);
    let mut best = (0, 0);
    for (value, stems) in LEXICON.iter().enumerate() {
        let found: usize = stems.iter().map(|stem| hits(&words, stem)).sum();
        if found > best.0 {
            best = (found, value);
        }
    }
    if best.0 == 0 {
        return None;
    }
    let against = AGAINST.iter().any(|stem| hits(&words, stem) > 0);
    Some(Label {
        actor: actor(&words),
        value: best.1,
        direction: if against { -1 } else { 1 },
    })
}

/// A question with a closed list of answers, whose probabilities come back in their order.
pub type Ask<'a> = dyn FnMut(&str, &[&str]) -> Result<Vec<f64>> + 'a;

/// Asks a language model whether a statement says anything of what matters to `actor`, then of which
/// value, then whether it is attained or thwarted. The likeliest answer counts. By a language model.
///
/// # Errors
/// Those of the model; not one probability for each answer.
pub fn by_choice(statement: &str, actor: &str, ask: &mut Ask) -> Result<Option<Label>> {
    let mut pick = |question: String, answers: &[&str]| -> Result<usize> {
        let probabilities = ask(&question, answers)?;
        if probabilities.len() != answers.len() {
            return Err(Error::run("not one probability for each answer"));
        }
        let best = (probabilities.iter().enumerate()).max_by(|a, b| a.1.total_cmp(b.1));
        Ok(best.map_or(0, |(place, _)| place))
    };
    let about = format!("Statement: \"{statement}\"\n");
    let present = "Does it invoke a basic human value, attained or thwarted by";
    if pick(format!("{about}{present} {actor}?"), &["yes", "no"])? == 1 {
        return Ok(None);
    }
    let value = pick(format!("{about}Which value is it?"), &VALUES)?;
    let direction = format!(
        "{about}Does {actor} attain or want the value {}, or thwart or refuse it?",
        VALUES[value]
    );
    let direction = match pick(direction, &["attain", "thwart"])? {
        0 => 1,
        _ => -1,
    };
    Ok(Some(Label {
        actor: actor.to_owned(),
        value,
        direction,
    }))
}

/// A speaker's profile from what they said: each value's attained less thwarted labels, divided by
/// the number of statements; zeros without any.
pub fn profile(labels: &[Option<Label>]) -> Profile {
    let mut profile = [0.0; 19];
    for label in labels.iter().flatten() {
        profile[label.value] += f64::from(label.direction) / labels.len() as f64;
    }
    profile
}

/// The committed sentences with their labels.
///
/// # Errors
/// A line that is not a sentence, an actor, a value and a direction.
pub fn fixture() -> Result<Vec<(String, Option<Label>)>> {
    let lines = include_str!("fixture.csv").lines().skip(1);
    lines
        .enumerate()
        .map(|(place, line)| {
            let wrong = || Error::run(format!("line {} of the fixture of values", place + 2));
            let (sentence, rest) = line
                .strip_prefix('"')
                .and_then(|rest| rest.split_once("\","))
                .ok_or_else(wrong)?;
            let [actor, value, direction] = rest.split(',').collect::<Vec<_>>()[..] else {
                return Err(wrong());
            };
            let label = match value {
                "none" => None,
                value => Some(Label {
                    actor: actor.to_owned(),
                    value: VALUES.iter().position(|v| *v == value).ok_or_else(wrong)?,
                    direction: direction.parse().map_err(|_| wrong())?,
                }),
            };
            Ok((sentence.to_owned(), label))
        })
        .collect()
}

/// How far two labellings of the same statements agree, by Cohen's κ.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LabelAgreement {
    /// Whether there is a value.
    pub presence: f64,
    /// Which, over all statements, "none" among the answers.
    pub value: f64,
    /// In which direction, where both found a value.
    pub direction: f64,
    /// Of the statements in which both found a value, the share with the same actor: no κ, actors
    /// being free text.
    pub actor: f64,
}

/// Agreement of two labellings.
pub fn label_agreement(one: &[Option<Label>], other: &[Option<Label>]) -> LabelAgreement {
    use crate::preferences::coherence::cohens_kappa;
    let code = |f: fn(&Label) -> u32, all: &[Option<Label>]| -> Vec<u32> {
        all.iter().map(|l| l.as_ref().map_or(0, f)).collect()
    };
    let kappa = |f: fn(&Label) -> u32| cohens_kappa(&code(f, one), &code(f, other));
    let both: Vec<(&Label, &Label)> = (one.iter().zip(other))
        .filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)))
        .collect();
    let side = |l: &Label| u32::from(l.direction > 0);
    let (mine, theirs): (Vec<u32>, Vec<u32>) = both.iter().map(|(a, b)| (side(a), side(b))).unzip();
    let same = both.iter().filter(|(a, b)| a.actor == b.actor).count();
    LabelAgreement {
        presence: kappa(|_| 1),
        value: kappa(|label| label.value as u32 + 1),
        direction: cohens_kappa(&mine, &theirs),
        actor: same as f64 / both.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lexicon against the committed sentences.
    #[test]
    fn the_lexicon_agrees_with_the_labelled_sentences() {
        let (sentences, labels): (Vec<String>, Vec<Option<Label>>) =
            fixture().unwrap().into_iter().unzip();
        let found: Vec<Option<Label>> = sentences.iter().map(|s| by_lexicon(s)).collect();
        let agreement = label_agreement(&labels, &found);
        println!("{agreement:?}");
        for ((sentence, label), found) in sentences.iter().zip(&labels).zip(&found) {
            if label != found {
                println!("{sentence}\n    {label:?}\n    {found:?}");
            }
        }
        assert!(agreement.presence > 0.7, "{agreement:?}");
        assert!(agreement.value > 0.7, "{agreement:?}");
        assert!(agreement.direction > 0.6, "{agreement:?}");
        assert!(agreement.actor > 0.6, "{agreement:?}");
    }

    /// A model that answers by the fixture's own labels is asked in the right order, and not about
    /// the kind of a value that is not there.
    #[test]
    fn a_language_model_is_asked_for_presence_first() {
        let mut total = 0;
        for (sentence, label) in fixture().unwrap() {
            let mut asked = 0;
            let mut oracle = |question: &str, answers: &[&str]| {
                asked += 1;
                assert!(question.contains(&sentence));
                let right = match (&label, answers.len()) {
                    (None, _) => 1,
                    (Some(_), 2) if asked == 1 => 0,
                    (Some(label), 19) => label.value,
                    (Some(label), _) => usize::from(label.direction < 0),
                };
                let likely = |k: usize| if k == right { 0.6 } else { 0.4 / 18.0 };
                Ok((0..answers.len()).map(likely).collect())
            };
            let actor = label.as_ref().map_or("anybody", |l| &l.actor).to_owned();
            let found = by_choice(&sentence, &actor, &mut oracle).unwrap();
            assert_eq!(found, label, "{sentence}");
            assert_eq!(asked, if label.is_some() { 3 } else { 1 });
            total += asked;
        }
        assert_eq!(total, 49 * 3 + 11);
    }

    #[test]
    fn profiles_from_what_was_said() {
        let said = [
            "The tax destroys the environment.",
            "The poor deserve more.",
            "The vote is on Tuesday.",
            "Everyone deserves an equal chance.",
        ];
        let labels: Vec<Option<Label>> = said.iter().map(|s| by_lexicon(s)).collect();
        let profile = profile(&labels);
        assert_eq!((profile[17], profile[16], profile[0]), (-0.25, 0.5, 0.0));
    }
}
