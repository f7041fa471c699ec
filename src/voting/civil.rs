//! How civil a rewrite of a candidate's sentence is, and whether it still says the same.
//!
//! score = content kept × tone: rewriting by machine feedback (Ziegenbein et al. 2024, "LLM-based
//! rewriting of inappropriate argumentation using reinforcement learning from machine feedback"), whose
//! reward α·similarity + (1 − α)·appropriateness becomes a product, so that no tone makes up for a broken
//! promise, and whose policy gradient becomes the best of n draws.

/// A part of a sentence that is a promise, or turns one round.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A number as it is written in digits, with `%` or `$` where it is one of these.
    Number(String),
    /// A word such as "not".
    Not,
    /// A word such as "raise".
    Up,
    /// A word such as "lower".
    Down,
}

const NOT: [&str; 10] = [
    "not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "cannot",
];

const UP: [&str; 14] = [
    "raise",
    "raises",
    "raised",
    "raising",
    "increase",
    "increases",
    "increased",
    "increasing",
    "higher",
    "more",
    "up",
    "rise",
    "rises",
    "grow",
];

const DOWN: [&str; 19] = [
    "cut",
    "cuts",
    "cutting",
    "lower",
    "lowers",
    "lowered",
    "lowering",
    "reduce",
    "reduces",
    "reduced",
    "reducing",
    "less",
    "fewer",
    "decrease",
    "decreases",
    "decreased",
    "down",
    "drop",
    "drops",
];

/// Words for numbers; "one" is left out, which is rarely a number.
const NUMBERS: [(&str, &str); 33] = [
    ("zero", "0"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("thirteen", "13"),
    ("fourteen", "14"),
    ("fifteen", "15"),
    ("sixteen", "16"),
    ("seventeen", "17"),
    ("eighteen", "18"),
    ("nineteen", "19"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("seventy", "70"),
    ("eighty", "80"),
    ("ninety", "90"),
    ("hundred", "100"),
    ("thousand", "1000"),
    ("million", "1000000"),
    ("half", "1/2"),
    ("double", "×2"),
    ("twice", "×2"),
];

/// Words that are rude of a person, whoever says them.
const INSULTS: [&str; 39] = [
    "idiot",
    "idiots",
    "stupid",
    "fool",
    "fools",
    "foolish",
    "liar",
    "liars",
    "crook",
    "crooks",
    "thief",
    "thieves",
    "scum",
    "trash",
    "garbage",
    "moron",
    "morons",
    "dumb",
    "pathetic",
    "disgusting",
    "corrupt",
    "greedy",
    "lazy",
    "parasite",
    "parasites",
    "leech",
    "leeches",
    "damn",
    "hell",
    "hate",
    "loser",
    "losers",
    "clown",
    "clowns",
    "filthy",
    "idiotic",
    "moronic",
    "coward",
    "cowards",
];

/// Words that say next to nothing of the content.
const STOP: [&str; 44] = [
    "a", "an", "the", "and", "or", "but", "of", "to", "in", "on", "for", "from", "by", "with",
    "at", "as", "is", "are", "be", "been", "was", "were", "will", "shall", "would", "should", "it",
    "its", "this", "that", "these", "those", "i", "we", "you", "my", "our", "your", "so", "if",
    "then", "please", "who", "which",
];

/// Words and numbers of a text in lower case, in order; of signs only `%` and `$`.
fn tokens(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['’', '‘'], "'");
    let text = text.replace("per cent", "percent");
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let c = letters[at];
        let digit = |i: usize| letters.get(i).is_some_and(char::is_ascii_digit);
        let begin = at;
        at += 1;
        if c.is_ascii_digit() {
            while digit(at) || (matches!(letters.get(at), Some('.' | ',')) && digit(at + 1)) {
                at += 1;
            }
            found.push(letters[begin..at].iter().filter(|c| **c != ',').collect());
        } else if c.is_alphabetic() {
            while letters
                .get(at)
                .is_some_and(|c| c.is_alphabetic() || *c == '\'')
            {
                at += 1;
            }
            let word: String = letters[begin..at].iter().collect();
            found.push(word.trim_end_matches('\'').to_owned());
        } else if c == '%' || c == '$' {
            found.push(c.to_string());
        }
    }
    found
}

/// Marks of a text in order, and the other words that say something.
fn read(text: &str) -> (Vec<Mark>, Vec<String>) {
    let tokens = tokens(text);
    let (mut marks, mut words) = (Vec::new(), Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |i| tokens[i].as_str());
        let after = tokens.get(at + 1).map_or("", String::as_str);
        let word = token.as_str();
        let spelled = NUMBERS.iter().find(|(name, _)| *name == word);
        let number = match spelled {
            Some((_, digits)) => Some(*digits),
            None => word
                .starts_with(|c: char| c.is_ascii_digit())
                .then_some(word),
        };
        if let Some(number) = number {
            // 10, 10.0 and 010 are one number.
            let plain = number
                .parse::<f64>()
                .map_or(number.to_owned(), |x| x.to_string());
            let unit = match (before, after) {
                (_, "%" | "percent") => "%",
                ("$", _) | (_, "$" | "dollar" | "dollars") => "$",
                _ => "",
            };
            marks.push(Mark::Number(plain + unit));
        } else if NOT.contains(&word) || word.ends_with("n't") {
            marks.push(Mark::Not);
        } else if UP.contains(&word) {
            marks.push(Mark::Up);
        } else if DOWN.contains(&word) {
            marks.push(Mark::Down);
        } else if !(STOP.contains(&word)
            || INSULTS.contains(&word)
            || matches!(word, "%" | "$" | "percent" | "dollar" | "dollars"))
        {
            words.push(token.clone());
        }
    }
    (marks, words)
}

/// The numbers of a text, and the words that turn a promise round, in order.
pub fn marks(text: &str) -> Vec<Mark> {
    read(text).0
}

/// How much of `original` stands in `rewrite`, 0 to 1.
///
/// 0 unless [`marks`] are the same in the same order: no number, no "not" and no direction is lost, made
/// up, or moved to another's place. Then F₁ = 2·common/(n + m) of the words that are left, without insults
/// and words such as "the" (the token F₁ of Rajpurkar et al. 2016); 1 where `original` has none of these.
pub fn content_kept(original: &str, rewrite: &str) -> f64 {
    let (promised, words) = read(original);
    let (kept, mut others) = read(rewrite);
    if promised != kept {
        return 0.0;
    }
    if words.is_empty() {
        return 1.0;
    }
    let total = words.len() + others.len();
    let common = words.iter().filter(|word| {
        let found = others.iter().position(|other| other == *word);
        found.map(|at| others.swap_remove(at)).is_some()
    });
    2.0 * common.count() as f64 / total as f64
}

/// P(civil)/(1 + insults): what a judge says of the tone, and less for every word of a short list of
/// insults, which a small judge can overlook.
pub fn tone(civil: f64, text: &str) -> f64 {
    let tokens = tokens(text);
    let insults = tokens.iter().filter(|t| INSULTS.contains(&t.as_str()));
    civil / (1.0 + insults.count() as f64)
}

/// Place of the rewrite whose (content kept, tone) has the highest product, if that is above the
/// original's tone, whose content is 1; of equals the first.
pub fn best(original_tone: f64, rewrites: &[(f64, f64)]) -> Option<usize> {
    let mut found = (original_tone, None);
    for (at, (content, tone)) in rewrites.iter().enumerate() {
        if content * tone > found.0 {
            found = (content * tone, Some(at));
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str =
        "Only idiots want more than 10 % on the poor; I won't take $90,000 from you.";

    /// Planted rewrites in a known order: a civil one that keeps every promise, a rude one that does,
    /// and those that lose, change, exchange or turn round a promise, which are worth nothing however
    /// civil they are.
    #[test]
    fn planted_rewrites_are_ordered() {
        let civil = "Nobody should want more than ten percent on the poor; I won't take 90000 dollars from you.";
        assert_eq!(content_kept(SAID, civil), 0.0, "a \"nobody\" was added");
        let civil = "Please want more than ten percent on the poor; I will not take 90000 dollars from you.";
        let rude =
            "Only liars and idiots want more than 10 % on the poor; I won't take $90,000 from you.";
        // Words: only, want, than, poor, take; the civil one lacks "only".
        assert!((content_kept(SAID, civil) - 8.0 / 9.0).abs() < 1e-12);
        assert_eq!(content_kept(SAID, rude), 1.0);
        assert_eq!(content_kept(SAID, SAID), 1.0);
        for broken in [
            "Please want more than ten percent on the poor.",
            "Please want more than 12 % on the poor; I will not take $90,000 from you.",
            "Please want less than 10 % on the poor; I will not take $90,000 from you.",
            "Please want more than 10 % on the poor; I will take $90,000 from you.",
            "Please want more than $90,000 on the poor; I will not take 10 % from you.",
            "Please want more than 10 % on the poor; I will not take $90,000 from you, nor 5 %.",
            "",
        ] {
            assert_eq!(content_kept(SAID, broken), 0.0, "{broken}");
        }
        // A judge who calls everything civil with ½: the list of insults alone orders them.
        let score = |text: &str| content_kept(SAID, text) * tone(0.5, text);
        assert!((score(civil) - 4.0 / 9.0).abs() < 1e-12);
        assert!((score(SAID) - 0.25).abs() < 1e-12);
        assert!((score(rude) - 0.5 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_best_beats_the_original_or_nothing_does() {
        assert_eq!(best(0.5, &[(1.0, 0.4), (0.0, 1.0)]), None);
        assert_eq!(best(0.5, &[(1.0, 0.6), (0.9, 0.9), (1.0, 0.81)]), Some(1));
        assert_eq!(best(0.5, &[(1.0, 0.5)]), None);
        assert_eq!(best(0.1, &[(f64::NAN, 0.5), (1.0, 0.2)]), Some(1));
    }

    #[test]
    fn marks_are_numbers_and_turns() {
        let number = |text: &str| Mark::Number(text.into());
        assert_eq!(
            marks("We can’t raise taxes to 25.50% or cut half; never two."),
            [
                Mark::Not,
                Mark::Up,
                number("25.5%"),
                Mark::Down,
                number("1/2"),
                Mark::Not,
                number("2")
            ]
        );
        assert_eq!(marks("$1,234.5, 010"), [number("1234.5$"), number("10")]);
        assert!(marks("Fair shares for everyone.").is_empty());
        assert_eq!(content_kept("idiots!", "hello"), 1.0);
    }
}
