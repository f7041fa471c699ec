//! What a key of a scenario file is: name, kind, range, default, meaning, example.
//!
//! The table of all keys stands in [`super::keys`]. It alone decides what is
//! read, what is refused and suggested, what a missing key means, and what the
//! reference page says.

use std::fmt;

use crate::fiscal::law::PARTS_IN_WORDS;

/// A key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Default,
    /// What it is and what follows from it, in a sentence or two.
    pub doc: &'static str,
    /// A value as it stands in a file; empty for sections.
    pub example: &'static str,
}

/// What a missing key means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    /// The key must be given.
    Required,
    /// This TOML value.
    Value(&'static str),
    /// No value: what happens then, in words.
    Unset(&'static str),
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// A name fit for a folder and a column: see [`is_label`].
    Label,
    /// true or false.
    Flag,
    /// A whole number between two bounds, with its unit.
    Whole(u64, u64, &'static str),
    /// A finite number in an interval, with its unit.
    Number(Interval, &'static str),
    /// One marginal rate, a fraction.
    Rate,
    /// A choice: its name as a string, or a one-key table that holds its parameters.
    Choice(&'static [Choice]),
    /// A whole number between two bounds, with its unit; or a choice.
    WholeOr(u64, u64, &'static str, &'static [Choice]),
    /// Lower bracket edges: a law, `flat`, `three`, or a list.
    Brackets,
    /// Marginal rates: a law, a list, or one number.
    Rates,
    /// A tax law of parts: one part, or a list of them.
    Law,
    /// A list of one kind.
    List(&'static Kind),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A table of tables by a name that the user gives.
    Named(&'static Kind),
}

/// One of several choices.
#[derive(Debug)]
pub(crate) struct Choice {
    pub name: &'static str,
    pub doc: &'static str,
    pub parameters: &'static [Key],
    /// Whether `{ name = value }` gives the only parameter without a table around it.
    pub bare: bool,
}

/// Stands for every law's name in a list of choices.
pub(crate) const LAW: &str = "us-YYYY";

/// How laws are named, in words.
pub(crate) const LAWS_IN_WORDS: &str =
    "\"us-2013\" to \"us-2026\" (-married, -separate or -head for other filing statuses)";

impl Choice {
    /// Whether `name` means this choice. A law stands for all names that begin as a law's does.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || (self.name == LAW && name.starts_with("us-"))
    }

    /// The kind of the value behind the choice's name in a one-key table.
    pub fn inner(&self) -> Kind {
        match (self.bare, self.parameters) {
            (true, [parameter]) => parameter.kind,
            _ => Kind::Table(self.parameters),
        }
    }

    /// The shortest way to write it.
    pub fn written(&self) -> String {
        if self.name == LAW {
            return LAWS_IN_WORDS.to_owned();
        }
        let required: Vec<_> = self
            .parameters
            .iter()
            .filter(|key| matches!(key.default, Default::Required))
            .collect();
        match required[..] {
            [] => format!("\"{}\"", self.name),
            [key] if self.bare => format!("{{ {} = {} }}", self.name, key.example),
            _ => {
                let given: Vec<_> = required
                    .iter()
                    .map(|key| format!("{} = {}", key.name, key.example))
                    .collect();
                format!("{{ {} = {{ {} }} }}", self.name, given.join(", "))
            }
        }
    }
}

/// An interval of finite numbers; an infinite bound does not bind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub low: f64,
    /// Whether `low` itself is outside.
    pub open: bool,
    pub high: f64,
}

impl Interval {
    /// Whether a number is finite and inside.
    pub fn contains(&self, x: f64) -> bool {
        x.is_finite()
            && x <= self.high
            && if self.open {
                x > self.low
            } else {
                x >= self.low
            }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Interval { low, open, high } = self;
        match (low.is_finite(), high.is_finite()) {
            (false, _) => write!(f, "a finite number"),
            (true, false) => write!(f, "{} {low}", if open { ">" } else { "≥" }),
            (true, true) if open => write!(f, "above {low}, up to {high}"),
            (true, true) => write!(f, "{low} to {high}"),
        }
    }
}

impl Kind {
    /// What is allowed, in words.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Text => "text in quotes".into(),
            Kind::Label => LABEL_IN_WORDS.into(),
            Kind::Flag => "true or false".into(),
            Kind::Whole(low, high, unit) => {
                format!("a whole number, {low} to {high}{}", in_brackets(unit))
            }
            Kind::Number(interval, unit) => {
                let range = interval.to_string();
                let noun = if range.contains("number") {
                    ""
                } else {
                    "a number "
                };
                format!("{noun}{range}{}", in_brackets(unit))
            }
            Kind::Rate => "a fraction, 0 to 1 (22 % is 0.22)".into(),
            Kind::Choice(choices) => choices
                .iter()
                .map(Choice::written)
                .collect::<Vec<_>>()
                .join(", "),
            Kind::WholeOr(low, high, unit, choices) => format!(
                "{}; or {}",
                Kind::Whole(*low, *high, unit).allowed(),
                Kind::Choice(choices).allowed()
            ),
            Kind::Brackets => format!(
                "the brackets of a law, {LAWS_IN_WORDS}; \"flat\"; \"three\" (0, 90000, 159100); \
                 or a list of lower edges in $/year, strictly increasing from 0"
            ),
            Kind::Rates => format!(
                "one number for all brackets, or a list with one for each, as fractions 0 to 1 \
                 (22 % is 0.22); or the rates of a law, {LAWS_IN_WORDS}"
            ),
            Kind::Law => format!("a law or a list of its parts: {PARTS_IN_WORDS}"),
            Kind::List(kind) => match kind {
                Kind::Table(_) => "one or more tables".into(),
                kind => format!("a list; each: {}", kind.allowed()),
            },
            Kind::Table(keys) => format!("a table with the keys {}", names(keys)),
            Kind::Named(Kind::Table(_)) => "tables by name".into(),
            Kind::Named(kind) => format!("numbers by name; each: {}", kind.allowed()),
        }
    }
}

impl Kind {
    /// The choices that a value can be.
    pub fn choices(self) -> Option<&'static [Choice]> {
        match self {
            Kind::Choice(choices) | Kind::WholeOr(_, _, _, choices) => Some(choices),
            _ => None,
        }
    }
}

/// Names of the keys of a table.
pub(crate) fn names(keys: &[Key]) -> String {
    keys.iter()
        .map(|key| key.name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn in_brackets(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!(" ({unit})")
    }
}

const LABEL_IN_WORDS: &str = "1 to 64 letters (a–z, A–Z), digits, `-`, `_` or `.`, of which the \
                              first is a letter or digit (it names folders)";

/// Whether a name is fit for a folder on every system.
pub(crate) fn is_label(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// A shorthand for tables of keys.
pub(crate) const fn key(
    name: &'static str,
    kind: Kind,
    default: Default,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default,
        doc,
        example,
    }
}

/// A choice with parameters, or without any.
pub(crate) const fn choice(
    name: &'static str,
    parameters: &'static [Key],
    doc: &'static str,
) -> Choice {
    Choice {
        name,
        doc,
        parameters,
        bare: false,
    }
}

/// A choice whose only parameter is written without a table around it.
pub(crate) const fn bare(
    name: &'static str,
    parameters: &'static [Key],
    doc: &'static str,
) -> Choice {
    Choice {
        bare: true,
        ..choice(name, parameters, doc)
    }
}
