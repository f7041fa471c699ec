//! Free text into the value of a key: numbers with units, names, lists; nothing is guessed.

use crate::error::nearest;
use crate::fiscal::laws;
use crate::scenario::key::{Kind, is_label};
use std::collections::BTreeSet;

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// To leave the key at its default.
    Default,
    /// This value, as TOML.
    Value(String),
    /// One of these values, none clearly: a language model may tell which.
    OneOf(Vec<String>),
    /// Nothing that the key allows; says why.
    Nothing(String),
}

/// Answers that leave a key alone.
const DEFAULTS: [&str; 6] = [
    "",
    "default",
    "the default",
    "skip",
    "no idea",
    "i don't know",
];

/// A number of a text: its value, whether it is a percentage, and what it is per.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Number {
    value: f64,
    percent: bool,
    per: Option<&'static str>,
}

const SPELLED: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

/// The numbers of `text`: `1,200`, `12k`, `1.5 million`, `22 %`, `-5`, `twelve`; `per` where a period follows.
fn numbers(text: &str) -> Vec<Number> {
    let text = text
        .to_lowercase()
        .replace("per cent", "%")
        .replace("percent", "%");
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let starts_word =
            at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        // Numbers of several words are not read at all, so that none is read in part.
        let spelled = SPELLED.iter().position(|word| {
            let before = text[..at].trim_end_matches([' ', '-']);
            let compound = ["ty", "hundred", "thousand", "million", "and"].iter();
            let mut compound = compound.chain(&SPELLED);
            starts_word
                && !compound.any(|end| before.ends_with(end))
                && rest.strip_prefix(word).is_some_and(|after| {
                    let next = after.trim_start_matches([' ', '-']);
                    let larger = ["hundred", "thousand", "million", "dozen"].iter();
                    let mut larger = larger.chain(&SPELLED);
                    !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                        && !larger.any(|word| next.starts_with(word))
                })
        });
        let minus = rest.starts_with(['-', '\u{2212}']) && starts_word;
        let digits = rest.trim_start_matches(['-', '\u{2212}']);
        let sign = if minus { rest.len() - digits.len() } else { 0 };
        let numeral = match rest.get(sign..).filter(|_| starts_word) {
            Some(body) if body.starts_with(|c: char| c.is_ascii_digit()) => {
                let end = body.find(|c: char| !(c.is_ascii_digit() || ",._".contains(c)));
                body[..end.unwrap_or(body.len())].trim_end_matches([',', '.', '_'])
            }
            _ => "",
        };
        // The dash of a name, such as us-2024, does not begin a number, and 2024 is not one there.
        let of_a_name =
            at > 0 && bytes[at - 1] == b'-' && at > 1 && bytes[at - 2].is_ascii_alphanumeric();
        let (value, length) = match (spelled, numeral) {
            (Some(value), _) => (value as f64, SPELLED[value].len()),
            (None, "") => {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            }
            (None, numeral) => {
                let length = sign + numeral.len();
                // Commas group thousands; anywhere else they separate.
                let grouped = numeral
                    .split(',')
                    .skip(1)
                    .all(|g| g.split('.').next().is_some_and(|d| d.len() == 3));
                let numeral = if grouped {
                    numeral
                } else {
                    numeral.split(',').next().unwrap_or("")
                };
                let length = if grouped {
                    length
                } else {
                    sign + numeral.len()
                };
                match numeral.replace([',', '_'], "").parse::<f64>() {
                    Ok(value) if !of_a_name => (if minus { -value } else { value }, length),
                    _ => {
                        at += length.max(1);
                        continue;
                    }
                }
            }
        };
        at += length;
        let after = text[at..].trim_start();
        let word = after
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or("");
        let factor = match word {
            "k" | "thousand" => 1e3,
            "m" | "million" => 1e6,
            _ => 1.0,
        };
        let clause = after.split([',', ';', '.']).next().unwrap_or("");
        let per = ["month", "week", "day", "hour"].into_iter().find(|period| {
            [
                format!("a {period}"),
                format!("per {period}"),
                format!("/{period}"),
                format!("{period}ly"),
            ]
            .iter()
            .any(|way| clause.contains(way.as_str()))
        });
        let percent = after.starts_with('%');
        found.push(Number {
            value: value * factor,
            percent,
            per,
        });
    }
    found
}

impl Number {
    /// The value in `unit`: percentages of fractions are hundredths, money by month or week is made yearly.
    fn in_unit(self, unit: &str, fraction: bool) -> Result<f64, String> {
        if self.percent {
            return match fraction {
                // Through decimal digits, so that 22 % is 0.22 to the last bit.
                true => format!("{}e-2", self.value)
                    .parse()
                    .map_err(|_| "not a number".to_owned()),
                false => Err(format!("a percentage, where the unit is {unit}")),
            };
        }
        match (self.per, unit) {
            (Some("month"), unit) if unit.starts_with("$/year") => Ok(self.value * 12.0),
            (Some("week"), unit) if unit.starts_with("$/year") => Ok(self.value * 52.0),
            (Some(per @ ("month" | "day")), unit) => {
                Err(format!("per {per}, where the unit is {unit}"))
            }
            (Some("hour"), unit) if unit.starts_with("$/year") => {
                Err(format!("per hour, where the unit is {unit}"))
            }
            _ => Ok(self.value),
        }
    }
}

/// Reads `text` as an answer about a key of `kind`.
pub(crate) fn read(kind: Kind, text: &str) -> Heard {
    let plain = text.trim().trim_end_matches('.').to_lowercase();
    if DEFAULTS.contains(&plain.as_str()) {
        return Heard::Default;
    }
    let one = |values: Vec<String>, what: &str| match values.len() {
        0 => Heard::Nothing(format!("no {what} in it")),
        1 => Heard::Value(values[0].clone()),
        _ => Heard::OneOf(values),
    };
    match kind {
        Kind::Whole(low, high, unit) => number(&plain, unit, false, |x| {
            let inside = x.fract() == 0.0 && x >= low as f64 && x <= high as f64;
            inside.then(|| format!("{x:.0}"))
        }),
        Kind::Number(interval, unit) => {
            let fraction = unit.is_empty() || unit.contains("fraction");
            number(&plain, unit, fraction, |x| {
                interval.contains(x).then(|| format!("{x:?}"))
            })
        }
        Kind::Rate => number(&plain, "a fraction", true, |x| {
            (0.0..=1.0).contains(&x).then(|| format!("{x:?}"))
        }),
        Kind::Flag => {
            let words: BTreeSet<&str> = plain.split(|c: char| !c.is_alphanumeric()).collect();
            let said = |all: [&str; 2]| all.iter().any(|word| words.contains(word));
            match (said(["yes", "true"]), said(["no", "false"])) {
                (true, false) => Heard::Value("true".into()),
                (false, true) => Heard::Value("false".into()),
                _ => Heard::Nothing("neither yes nor no".into()),
            }
        }
        Kind::Choice(choices) => {
            let known: Vec<&str> = choices.iter().map(|c| c.name).collect();
            one(names(&plain, &known), "name that is allowed")
        }
        Kind::List(&Kind::Choice(choices)) => {
            let known: Vec<&str> = choices.iter().map(|c| c.name).collect();
            match names(&plain, &known) {
                found if found.is_empty() => Heard::Nothing("no name that is allowed in it".into()),
                found => Heard::Value(format!("[{}]", found.join(", "))),
            }
        }
        Kind::Brackets | Kind::Rates => {
            let named = names(
                &plain,
                if matches!(kind, Kind::Rates) {
                    &["us-"]
                } else {
                    &["us-", "flat", "three"]
                },
            );
            let fraction = matches!(kind, Kind::Rates);
            let values: Result<Vec<f64>, String> = numbers(&plain)
                .into_iter()
                .map(|n| n.in_unit("$/year", fraction))
                .collect();
            match (named.len(), values) {
                (1, _) => Heard::Value(named[0].clone()),
                (0, Ok(values)) if values.len() == 1 && fraction => {
                    Heard::Value(format!("{:?}", values[0]))
                }
                (0, Ok(values)) if !values.is_empty() => Heard::Value(format!("{values:?}")),
                (0, Err(why)) => Heard::Nothing(why),
                (0, _) => Heard::Nothing("no law and no number in it".into()),
                _ => Heard::OneOf(named),
            }
        }
        Kind::Label | Kind::Text => {
            let quoted = text
                .split(['"', '`'])
                .nth(1)
                .map(str::trim)
                .filter(|_| text.matches(['"', '`']).count() > 1);
            let bare = text.trim().trim_end_matches('.');
            match quoted
                .or(Some(bare))
                .filter(|t| !t.is_empty() && (matches!(kind, Kind::Text) || is_label(t)))
            {
                Some(label) => Heard::Value(toml::Value::from(label).to_string()),
                None => Heard::Nothing("not one name".into()),
            }
        }
        _ => Heard::Nothing("not a key to ask about".into()),
    }
}

/// The one number of `text` that is allowed; several different ones are options.
fn number(
    text: &str,
    unit: &str,
    fraction: bool,
    allowed: impl Fn(f64) -> Option<String>,
) -> Heard {
    let (mut good, mut why) = (Vec::new(), "no number in it".to_owned());
    for found in numbers(text) {
        match found.in_unit(unit, fraction).map(|x| (x, allowed(x))) {
            Ok((_, Some(value))) if !good.contains(&value) => good.push(value),
            Ok((_, Some(_))) => {}
            Ok((x, None)) => why = format!("{x} is not allowed"),
            Err(reason) => why = reason,
        }
    }
    match good.len() {
        0 => Heard::Nothing(why),
        1 => Heard::Value(good.remove(0)),
        _ => Heard::OneOf(good),
    }
}

/// The names of `known` in `text`, as TOML strings in the order of the text: whole words, dashes may be
/// spaces, longer names first, none that is denied (`not optimal`). `us-YYYY` and `us-` stand for laws.
/// A text of one word that is none is taken for the nearest name, if one is near.
fn names(text: &str, known: &[&str]) -> Vec<String> {
    let text = text.replace('\u{2019}', "'");
    let spaced = |t: &str| t.replace(['-', '_'], " ");
    let mut rest = format!(" {} ", spaced(&text));
    let mut found: Vec<(usize, String)> = Vec::new();
    if known.iter().any(|name| name.starts_with("us-")) {
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '-'));
        for law in words.filter(|word| word.starts_with("us-") && laws::find(word).is_some()) {
            let at = rest
                .find(&format!(" {}", spaced(law)))
                .map_or(0, |at| at + 1);
            rest = rest.replacen(&spaced(law), &"#".repeat(law.len()), 1);
            found.push((at, law.to_owned()));
        }
    }
    let mut longest: Vec<&&str> = known.iter().filter(|n| !n.starts_with("us-")).collect();
    longest.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in longest {
        let word = spaced(name);
        let mut from = 0;
        while let Some(at) = rest[from..].find(&word).map(|at| at + from) {
            let end = at + word.len();
            from = end;
            let inside = |c: char| c.is_alphanumeric();
            if rest[..at].ends_with(inside) || rest[end..].starts_with(inside) {
                continue;
            }
            let denied = [" not ", " no ", "n't "]
                .iter()
                .any(|no| rest[..at].ends_with(no));
            rest.replace_range(at..end, &"#".repeat(word.len()));
            if !denied && found.iter().all(|(_, known)| known != name) {
                found.push((at, (*name).to_string()));
            }
        }
    }
    if found.is_empty() && !text.trim().contains(char::is_whitespace) {
        let near = nearest(
            text.trim(),
            known.iter().copied().filter(|n| !n.starts_with("us-")),
        );
        found.extend(near.map(|name| (0, name.to_owned())));
    }
    found.sort();
    found
        .into_iter()
        .map(|(_, name)| format!("\"{name}\""))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::find_key;

    fn heard(key: &str, text: &str) -> Heard {
        read(find_key(key).unwrap().kind, text)
    }

    fn value(key: &str, text: &str) -> String {
        match heard(key, text) {
            Heard::Value(value) => value,
            other => panic!("{key}: {text}: {other:?}"),
        }
    }

    #[test]
    fn numbers_are_read_with_their_units() {
        for (key, text, expected) in [
            ("population.size", "Let's take 1,200 workers.", "1200"),
            ("population.size", "twelve", "12"),
            ("population.size", "about 5k people", "5000"),
            (
                "economy.public_spending",
                "$1,000 a month per head",
                "12000.0",
            ),
            ("economy.public_spending", "100 dollars per week", "5200.0"),
            ("economy.public_spending", "1.5 thousand", "1500.0"),
            ("economy.labor_exponent", "an exponent of 3", "3.0"),
            ("planner.kind.flat.rate", "22 %", "0.22"),
            ("planner.kind.flat.rate", "0.25", "0.25"),
            (
                "planner.kind.flat.rate",
                "thirty is too much: 29 percent",
                "0.29",
            ),
            (
                "taxes.brackets",
                "0, 20,000 and 80,000",
                "[0.0, 20000.0, 80000.0]",
            ),
            ("taxes.initial", "10 %, 20 % and 30 %", "[0.1, 0.2, 0.3]"),
            (
                "taxes.brackets",
                "those of us-2024-married",
                "\"us-2024-married\"",
            ),
            (
                "objective.welfare",
                "We want the Rawlsian one",
                "\"rawlsian\"",
            ),
            (
                "objective.welfare",
                "inverse wage, not utilitarian",
                "\"inverse_wage\"",
            ),
            ("planner.kind", "saez fixed point", "\"saez-fixed-point\""),
            ("planner.kind", "optmal", "\"optimal\""),
            (
                "compare.planners",
                "us-2024, Saez static and optimal",
                "[\"us-2024\", \"saez-static\", \"optimal\"]",
            ),
            ("name", "Let's call it \"my-run\"", "\"my-run\""),
            ("population.size", "two hundred and fifty, so 250", "250"),
        ] {
            assert_eq!(value(key, text), expected, "{text}");
        }
        assert_eq!(heard("population.size", "the default."), Heard::Default);
        let several = ["\"rawlsian\"".to_owned(), "\"utilitarian\"".to_owned()];
        assert_eq!(
            heard("objective.welfare", "rawlsian or utilitarian"),
            Heard::OneOf(several.into())
        );
    }

    #[test]
    fn rubbish_is_not_heard() {
        for (key, text) in [
            ("population.size", "quite a few"),
            ("population.size", "2.5"),
            ("population.size", "-3"),
            ("population.size", "40 %"),
            ("planner.kind.flat.rate", "22"),
            ("economy.labor_exponent", "0.5"),
            ("economy.public_spending", "$20 per hour"),
            ("objective.welfare", "whatever is good for everybody"),
            ("planner.kind", "not optimal"),
            ("population.size", "two hundred and fifty"),
            ("population.size", "twenty-five"),
            ("taxes.initial", "low ones"),
            ("name", "../../etc"),
            ("population.size", "99999999999999999999999999"),
        ] {
            assert!(
                matches!(heard(key, text), Heard::Nothing(_)),
                "{text}: {:?}",
                heard(key, text)
            );
        }
    }
}
