//! Scenarios made of settings, key by key, and what they set: for `fisc interview`.

use std::collections::BTreeMap;
use std::path::Path;

use super::complete::complete;
use super::key::{Key, Kind};
use super::keys::SCENARIO;
use super::node::{Entry, Node, Origin, Value, below};
use super::set::set;
use crate::error::Result;

/// The key `dotted`, a section's or below a choice that was made; items of lists go by number.
pub(crate) fn find(dotted: &str) -> Option<&'static Key> {
    let mut keys: &'static [Key] = SCENARIO;
    let mut found = None;
    let mut segments = dotted.split('.').peekable();
    while let Some(segment) = segments.next() {
        let key = keys.iter().find(|key| key.name == segment)?;
        found = Some(key);
        keys = match key.kind {
            Kind::Table(keys) => keys,
            Kind::List(&Kind::Table(keys)) | Kind::Named(&Kind::Table(keys)) => {
                segments.next();
                keys
            }
            Kind::Choice(choices) => match segments.next() {
                Some(name) => choices.iter().find(|c| c.is_called(name))?.parameters,
                None => &[],
            },
            _ => &[],
        };
    }
    found
}

/// The TOML text of the settings `key = value` (values as TOML), each with the comments that `comment`
/// has for its key and those below it.
///
/// # Errors
/// As `--set`.
pub(crate) fn document(
    settings: &[(String, String)],
    comment: impl Fn(&str) -> Vec<String>,
) -> Result<String> {
    let mut root = Origin::file(Path::new(""), "").document()?;
    for (key, value) in settings {
        set(&mut root, &format!("{key}={value}"))?;
    }
    let mut text = String::new();
    let line = |text: &mut String, dotted: &str, entry: &Entry| {
        for note in comment(dotted) {
            text.push_str(&format!("# {note}\n"));
        }
        text.push_str(&format!("{} = {}\n", entry.name, entry.node.written()));
    };
    let Value::Table(entries) = &root.value else {
        return Ok(text);
    };
    let is_section = |entry: &&Entry| matches!(entry.node.value, Value::Table(_) | Value::List(_));
    for entry in entries.iter().filter(|e| !is_section(e)) {
        line(&mut text, &entry.name, entry);
    }
    for section in entries.iter().filter(is_section) {
        let tables: Vec<(String, String, &Node)> = match &section.node.value {
            Value::List(items) => (items.iter().enumerate())
                .map(|(i, item)| {
                    (
                        format!("[[{}]]", section.name),
                        format!("{}.{i}", section.name),
                        item,
                    )
                })
                .collect(),
            Value::Table(named) if section.name == "models" => named
                .iter()
                .map(|e| {
                    (
                        format!("[models.{}]", e.name),
                        format!("models.{}", e.name),
                        &e.node,
                    )
                })
                .collect(),
            _ => vec![(
                format!("[{}]", section.name),
                section.name.clone(),
                &section.node,
            )],
        };
        for (header, dotted, node) in tables {
            text.push_str(&format!("\n{header}\n"));
            if let Value::Table(entries) = &node.value {
                entries
                    .iter()
                    .for_each(|e| line(&mut text, &below(&dotted, &e.name), e));
            }
        }
    }
    Ok(text)
}

/// What the scenario `text` sets to something else than its default: dotted key and value as TOML.
/// A choice is its name, with a key for each parameter that is given.
///
/// # Errors
/// Not TOML, or not keys and values of a scenario.
pub fn differing(text: &str, path: &Path) -> Result<BTreeMap<String, String>> {
    let all = |text: &str, given: bool| {
        let mut root = Origin::file(path, text).document()?;
        complete(path, &mut root, Kind::Table(SCENARIO))?;
        let mut leaves = BTreeMap::new();
        gather(&root, Kind::Table(SCENARIO), "", given, &mut leaves);
        Ok::<_, crate::Error>(leaves)
    };
    let defaults = all("", false)?;
    let mut set = all(text, true)?;
    set.retain(|key, value| defaults.get(key) != Some(value));
    Ok(set)
}

/// Adds the values of `node`; with `given` only those that the user wrote.
fn gather(node: &Node, kind: Kind, dotted: &str, given: bool, into: &mut BTreeMap<String, String>) {
    let children = |keys: &'static [Key], into: &mut BTreeMap<String, String>| {
        for key in keys {
            if let Some(child) = node.get(key.name) {
                gather(child, key.kind, &below(dotted, key.name), given, into);
            }
        }
    };
    match (kind, &node.value) {
        (Kind::Table(keys), _) => children(keys, into),
        (Kind::List(Kind::Table(keys)), Value::List(items)) => {
            for (i, item) in items.iter().enumerate() {
                gather(
                    item,
                    Kind::Table(keys),
                    &format!("{dotted}.{i}"),
                    given,
                    into,
                );
            }
        }
        (Kind::Named(inner), Value::Table(entries)) => {
            for entry in entries {
                gather(
                    &entry.node,
                    *inner,
                    &below(dotted, &entry.name),
                    given,
                    into,
                );
            }
        }
        (Kind::Choice(choices), Value::Table(entries)) => {
            for entry in entries.iter().filter(|_| node.given || !given) {
                into.insert(dotted.to_owned(), format!("\"{}\"", entry.name));
                if let Some(choice) = choices.iter().find(|c| c.is_called(&entry.name)) {
                    let below = below(dotted, &entry.name);
                    gather(
                        &entry.node,
                        Kind::Table(choice.parameters),
                        &below,
                        given,
                        into,
                    );
                }
            }
        }
        _ if node.given || !given => {
            // 40 and 40.0 are one number.
            let value = match node.as_number() {
                Some(number) => number.to_string(),
                None => node.written(),
            };
            into.insert(dotted.to_owned(), value);
        }
        _ => {}
    }
}
