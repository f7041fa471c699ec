//! A value that a sweep gives to a key of its base scenario.

use std::fmt;

use crate::error::Result;
use crate::scenario::node::{Entry, Node, Origin, Value as Content};

/// A value of a scenario key; equal to another when both mean the same (1 and 1.0).
#[derive(Clone, Debug)]
pub enum Value {
    /// A whole number.
    Whole(i64),
    /// Any other finite number.
    Number(f64),
    /// Text, such as the name of a choice without parameters.
    Text(String),
    /// A table, a list, `true` or `false`, as compact TOML.
    Toml(String),
}

impl Value {
    /// The value as a setting `key=value` of [`crate::scenario::load`].
    pub fn to_set(&self, key: &str) -> String {
        format!("{key}={self}")
    }

    /// The value for people and for text columns: a text without quotes, `flat (rate 0.3)` for the
    /// table `{ flat = { rate = 0.3 } }`, else TOML. Distinct values of a key have distinct labels.
    pub fn label(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Toml(text) => match Origin::command_line(text).value("") {
                Ok(node) => in_words(&node),
                Err(_) => text.clone(),
            },
            _ => self.to_string(),
        }
    }

    /// The value as a number, where it is one.
    pub fn as_number(&self) -> Option<f64> {
        match *self {
            Value::Whole(whole) => Some(whole as f64),
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Reads a value of a sweep file.
    ///
    /// # Errors
    /// A date, a whole number beyond 64 bits, a number that is not finite.
    pub(super) fn read(node: &Node) -> Result<Self> {
        Ok(match &node.value {
            Content::Text(text) => Value::Text(text.clone()),
            Content::Whole(whole) => match whole.and_then(|whole| i64::try_from(whole).ok()) {
                Some(whole) => Value::Whole(whole),
                None => {
                    return Err(node
                        .error("out of range")
                        .allowed("a whole number of at most 64 bits"));
                }
            },
            &Content::Number(number) if number.is_finite() => Value::Number(number),
            Content::Number(_) => {
                return Err(node.error("out of range").allowed("a finite number"));
            }
            Content::Date => {
                return Err(node
                    .error("wrong type")
                    .allowed("a number, text in quotes, true, false, a list or a table"));
            }
            Content::Flag(_) | Content::List(_) | Content::Table(_) => Value::Toml(compact(node)?),
        })
    }

    /// Reads a cell of a table of points that holds no number: TOML where it looks like it, else text.
    pub(super) fn cell(text: &str) -> Self {
        let is_toml = text.starts_with(['[', '{', '"', '\'']) || ["true", "false"].contains(&text);
        match format!("x = {text}").parse::<toml::Table>() {
            Ok(table) if is_toml => match &table["x"] {
                toml::Value::String(text) => Value::Text(text.clone()),
                other => Value::Toml(other.to_string()),
            },
            _ => Value::Text(text.to_owned()),
        }
    }
}

/// The value in TOML, on one line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Whole(whole) => write!(f, "{whole}"),
            // The shortest decimal that reads back to the same number, always a TOML float.
            Value::Number(number) => write!(f, "{number:?}"),
            Value::Text(text) => write!(f, "{}", quoted(text)),
            Value::Toml(text) => write!(f, "{text}"),
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Whole(a), Value::Whole(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Toml(a), Value::Toml(b)) if a == b => true,
            (Value::Text(_) | Value::Toml(_), Value::Text(_) | Value::Toml(_)) => {
                match (self.meaning(), other.meaning()) {
                    (Some(a), Some(b)) => a == b,
                    _ => false,
                }
            }
            _ => match (self.as_number(), other.as_number()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl Value {
    /// The value such that two that mean the same are equal; tables are without the order of their keys.
    fn meaning(&self) -> Option<toml::Value> {
        match self {
            Value::Text(text) => Some(toml::Value::String(text.clone())),
            Value::Toml(text) => text.parse().ok().map(normal),
            Value::Whole(_) | Value::Number(_) => None,
        }
    }
}

/// Whole numbers as floats, and `{ name = {} }` as the plain choice `name` that it means.
fn normal(value: toml::Value) -> toml::Value {
    use toml::Value::{Array, Float, Integer, String, Table};
    match value {
        // Beyond 53 bits a float would mean several integers.
        Integer(whole) if whole.unsigned_abs() < 1 << f64::MANTISSA_DIGITS => Float(whole as f64),
        Array(items) => Array(items.into_iter().map(normal).collect()),
        Table(table) => {
            let mut entries: Vec<_> = table.into_iter().map(|(k, v)| (k, normal(v))).collect();
            match &mut entries[..] {
                [(name, Table(inner))] if inner.is_empty() => String(std::mem::take(name)),
                _ => Table(entries.into_iter().collect()),
            }
        }
        other => other,
    }
}

/// A node as TOML on one line, in the order of the file.
fn compact(node: &Node) -> Result<String> {
    Ok(match &node.value {
        Content::Flag(flag) => flag.to_string(),
        Content::List(items) => {
            let items = items.iter().map(compact).collect::<Result<Vec<_>>>()?;
            format!("[{}]", items.join(", "))
        }
        Content::Table(entries) => {
            let entries = entries
                .iter()
                .map(|entry| Ok(format!("{} = {}", key(&entry.name), compact(&entry.node)?)))
                .collect::<Result<Vec<_>>>()?;
            match &entries[..] {
                [] => "{}".to_owned(),
                entries => format!("{{ {} }}", entries.join(", ")),
            }
        }
        _ => Value::read(node)?.to_string(),
    })
}

/// A key of a table, in quotes where it needs them.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A text as a TOML string on one line.
fn quoted(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for c in text.chars() {
        match c {
            '"' => string.push_str("\\\""),
            '\\' => string.push_str("\\\\"),
            '\n' => string.push_str("\\n"),
            c if c.is_control() => string.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => string.push(c),
        }
    }
    string.push('"');
    string
}

/// A table in words: `flat (rate 0.3)`; anything else in TOML.
fn in_words(node: &Node) -> String {
    let Content::Table(entries) = &node.value else {
        return compact(node).unwrap_or_else(|_| node.text.clone());
    };
    let entry = |entry: &Entry| {
        let name = key(&entry.name);
        match &entry.node.value {
            Content::Table(inner) if inner.is_empty() => name,
            Content::Table(_) => format!("{name} ({})", in_words(&entry.node)),
            Content::Text(text) => format!("{name} {}", key(text)),
            _ => format!("{name} {}", in_words(&entry.node)),
        }
    };
    entries.iter().map(entry).collect::<Vec<_>>().join(", ")
}
