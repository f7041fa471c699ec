//! A TOML text as a tree in which every value knows its place, its key and how it was written.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::key::{Interval, Kind};
use crate::error::{Error, Place, Result};

/// A value of a scenario file, of `--set`, or of a default.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub place: Place,
    /// As it was written, for messages.
    pub text: String,
    /// Whether the user wrote it, as against a default.
    pub given: bool,
    pub value: Value,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// A whole number; `None` beyond 127 bits.
    Whole(Option<i128>),
    Number(f64),
    Flag(bool),
    /// A date or a time, of which scenarios have none.
    Date,
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<Entry>),
}

impl Node {
    /// The value as TOML on one line, which reads back to the same value.
    pub fn written(&self) -> String {
        match &self.value {
            Value::Text(text) => toml::Value::from(text.as_str()).to_string(),
            Value::Whole(Some(whole)) => whole.to_string(),
            Value::Number(number) => format!("{number:?}"),
            Value::Flag(flag) => flag.to_string(),
            Value::Whole(None) | Value::Date => self.text.clone(),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Node::written).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Table(entries) => {
                let entry = |e: &Entry| format!("{} = {}", e.name, e.node.written());
                let entries: Vec<String> = entries.iter().map(entry).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// A key of a table and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub name: String,
    /// Where the key stands; the value's place is `node.place`.
    pub place: Place,
    pub node: Node,
}

/// Where a TOML text comes from.
pub(crate) struct Origin<'a> {
    file: &'a Path,
    text: &'a str,
    /// Starts of lines in bytes; none where lines mean nothing to the user.
    lines: Vec<usize>,
    given: bool,
}

impl<'a> Origin<'a> {
    /// A scenario file.
    pub fn file(file: &'a Path, text: &'a str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Origin {
            file,
            text,
            lines: std::iter::once(0).chain(starts).collect(),
            given: true,
        }
    }

    /// A value on the command line.
    pub fn command_line(text: &'a str) -> Self {
        Origin {
            file: Path::new("--set"),
            text,
            lines: Vec::new(),
            given: true,
        }
    }

    /// A default of a key that `file` leaves out.
    pub fn default(file: &'a Path, text: &'a str) -> Self {
        Origin {
            file,
            text,
            lines: Vec::new(),
            given: false,
        }
    }

    /// The place of a byte, with its key.
    pub fn place(&self, byte: usize, key: &str) -> Place {
        let line = self.lines.partition_point(|&start| start <= byte);
        let column = match line.checked_sub(1) {
            None => 0,
            Some(index) => {
                let before = self.text.get(self.lines[index]..byte).unwrap_or("");
                before.trim_start_matches('\u{feff}').chars().count() + 1
            }
        };
        Place {
            file: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
        }
    }

    /// Reads the text as a document.
    pub fn document(&self) -> Result<Node> {
        let document = DeTable::parse(self.text).map_err(|error| self.syntax_error(&error, ""))?;
        Ok(Node {
            place: Place {
                file: self.file.to_owned(),
                ..Place::default()
            },
            text: "the file".into(),
            given: true,
            value: self.table(document.get_ref(), ""),
        })
    }

    /// Reads the text as one value.
    pub fn value(&self, key: &str) -> Result<Node> {
        let value = DeValue::parse(self.text).map_err(|error| self.syntax_error(&error, key))?;
        Ok(self.node(&value, key))
    }

    fn syntax_error(&self, error: &toml::de::Error, key: &str) -> Error {
        let mut text = error.message().trim().replace('\n', ", ");
        if text.is_empty() {
            text = "cannot be read".into();
        }
        let at = error.span().unwrap_or(0..0);
        let mut place = self.place(at.start, key);
        let line = place.line.checked_sub(1).map_or(self.text, |index| {
            self.text.lines().nth(index).unwrap_or("")
        });
        if place.line > 0 {
            place.key = key_on(line).to_owned();
        }
        let mut found = self.written(at.clone());
        if found.is_empty() {
            // The parser points between two characters: show the word behind, or the line.
            let rest = self.text.get(at.start..).unwrap_or("");
            let rest = rest.lines().next().unwrap_or("").trim_start();
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            found = shown(if end > 0 { &rest[..end] } else { line });
        }
        let (message, allowed) = if text == "duplicate key" {
            ("key stands here twice".to_owned(), "each key once")
        } else {
            (format!("not TOML: {text}"), "TOML, as on https://toml.io")
        };
        let found = if found.is_empty() {
            "the end of the text".into()
        } else {
            found
        };
        Error::input(message)
            .at(place)
            .value(found)
            .allowed(allowed)
    }

    fn node(&self, value: &Spanned<DeValue>, key: &str) -> Node {
        Node {
            place: self.place(value.span().start, key),
            text: self.written(value.span()),
            given: self.given,
            value: self.content(value.get_ref(), key),
        }
    }

    fn content(&self, value: &DeValue, key: &str) -> Value {
        match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(digits) => {
                Value::Whole(i128::from_str_radix(digits.as_str(), digits.radix()).ok())
            }
            // Rust reads every TOML float; one too large becomes infinite, which no key allows.
            DeValue::Float(digits) => Value::Number(digits.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Array(items) => Value::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.node(item, &format!("{key}.{index}")))
                    .collect(),
            ),
            DeValue::Table(table) => self.table(table, key),
        }
    }

    fn table(&self, table: &DeTable, key: &str) -> Value {
        let mut keys: Vec<_> = table.iter().collect();
        keys.sort_by_key(|(name, _)| name.span().start);
        let entry = |(name, value): (&Spanned<DeString>, &Spanned<DeValue>)| {
            let dotted = below(key, name.get_ref());
            Entry {
                name: name.get_ref().to_string(),
                place: self.place(name.span().start, &dotted),
                node: self.node(value, &dotted),
            }
        };
        Value::Table(keys.into_iter().map(entry).collect())
    }

    /// The text of a span as messages show it.
    fn written(&self, span: std::ops::Range<usize>) -> String {
        let mut text = shown(self.text.get(span).unwrap_or(""));
        if !self.given {
            text.push_str(" (the default)");
        }
        text
    }
}

/// The key that a line of a file sets, as far as a line that is not TOML tells; else nothing.
fn key_on(line: &str) -> &str {
    let head = line.split('=').next().unwrap_or("").trim();
    let key = head.trim_matches(['[', ']', '"']);
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(is_key) {
        key
    } else {
        ""
    }
}

/// A text on one line, shortened, without control characters.
fn shown(text: &str) -> String {
    const LENGTH: usize = 60;
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(LENGTH) {
        words.truncate(end);
        words.push('…');
    }
    words.retain(|c| !c.is_control());
    words
}

/// The dotted key of `name` in the table `key`.
pub(crate) fn below(key: &str, name: &str) -> String {
    if key.is_empty() {
        name.to_owned()
    } else {
        format!("{key}.{name}")
    }
}

impl Node {
    /// An error about this value.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::input(message)
            .at(self.place.clone())
            .value(&self.text)
    }

    fn wrong(&self, message: &str, kind: Kind) -> Error {
        self.error(message).allowed(kind.allowed())
    }

    /// An error that says that this is not of a kind.
    pub fn wrong_type(&self, kind: Kind) -> Error {
        self.wrong("wrong type", kind)
    }

    /// A number as it is, even if it is not finite; `None` for other types.
    pub fn as_number(&self) -> Option<f64> {
        match self.value {
            Value::Number(number) => Some(number),
            Value::Whole(Some(number)) => Some(number as f64),
            Value::Whole(None) => Some(f64::INFINITY),
            _ => None,
        }
    }

    /// Text; `None` for other types.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a table.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries
                .iter()
                .find(|entry| entry.name == name)
                .map(|entry| &entry.node),
            _ => None,
        }
    }

    /// A number in an interval.
    pub fn number(&self, interval: Interval, unit: &'static str) -> Result<f64> {
        let kind = Kind::Number(interval, unit);
        let number = self.as_number().ok_or_else(|| self.wrong_type(kind))?;
        if interval.contains(number) {
            Ok(number)
        } else {
            Err(self.wrong("out of range", kind))
        }
    }

    /// A whole number from `low` to `high`.
    pub fn whole(&self, low: u64, high: u64, unit: &'static str) -> Result<u64> {
        let kind = Kind::Whole(low, high, unit);
        let Value::Whole(number) = self.value else {
            return Err(self.wrong_type(kind));
        };
        number
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| self.wrong("out of range", kind))
    }

    /// Text.
    pub fn text(&self) -> Result<&str> {
        self.as_text().ok_or_else(|| self.wrong_type(Kind::Text))
    }

    /// `true` or `false`.
    pub fn flag(&self) -> Result<bool> {
        match self.value {
            Value::Flag(flag) => Ok(flag),
            _ => Err(self.wrong_type(Kind::Flag)),
        }
    }

    /// The items of a list of `kind`.
    pub fn items(&self, kind: Kind) -> Result<&[Node]> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong_type(kind)),
        }
    }
}
