//! Checks a tree against the table of keys and writes out every default, so
//! that what follows finds each key in its place.

use std::path::Path;

use super::key::{Choice, Default, Key, Kind, is_label, names};
use super::keys::SCENARIO;
use super::node::{Entry, Node, Origin, Value, below};
use super::taxes;
use crate::error::{Error, Place, Result};

/// Checks a tree and completes it with the defaults of the keys that it leaves out.
///
/// A choice written as a string becomes a one-key table. Errors come in the
/// order of the file; missing keys come after the wrong ones of their table.
///
/// # Errors
/// An unknown, missing or misplaced key, a wrong type, a value out of range.
pub(super) fn complete(file: &Path, node: &mut Node, kind: Kind) -> Result<()> {
    match kind {
        Kind::Table(keys) => complete_table(file, node, keys),
        Kind::Named(inner) => {
            let key = node.place.key.clone();
            for entry in entries(node, kind)? {
                if !is_label(&entry.name) || entry.name.contains('.') {
                    return Err(Error::input(format!("not a name for one of the {key}"))
                        .at(entry.place.clone())
                        .value(format!("{:?}", entry.name))
                        .allowed("up to 64 letters (a–z, A–Z), digits, `-` or `_`"));
                }
                complete(file, &mut entry.node, *inner)?;
            }
            Ok(())
        }
        Kind::List(inner) => {
            node.items(kind)?;
            let Value::List(items) = &mut node.value else {
                return Ok(());
            };
            items
                .iter_mut()
                .try_for_each(|item| complete(file, item, *inner))
        }
        Kind::Choice(choices) => complete_choice(file, node, kind, choices),
        Kind::WholeOr(low, high, unit, choices) => match node.value {
            Value::Whole(_) => node.whole(low, high, unit).map(drop),
            _ => complete_choice(file, node, kind, choices),
        },
        Kind::Text => node.text().map(drop),
        Kind::Label => check_label(node),
        Kind::Flag => node.flag().map(drop),
        Kind::Whole(low, high, unit) => node.whole(low, high, unit).map(drop),
        Kind::Number(interval, unit) => node.number(interval, unit).map(drop),
        Kind::Brackets => taxes::edges(node).map(drop),
        Kind::Law => taxes::composed(node).map(drop),
        // The range depends on `taxes`; building the scenario checks it.
        Kind::Rate => match node.as_number() {
            Some(_) => Ok(()),
            None => Err(node.wrong_type(kind)),
        },
        Kind::Rates => Ok(()),
    }
}

fn complete_table(file: &Path, node: &mut Node, keys: &'static [Key]) -> Result<()> {
    for entry in entries(node, Kind::Table(keys))? {
        match keys.iter().find(|key| key.name == entry.name) {
            Some(key) => complete(file, &mut entry.node, key.kind)?,
            None => return Err(unknown_key(&entry.place, &entry.name, keys)),
        }
    }
    for key in keys {
        if node.get(key.name).is_some() {
            continue;
        }
        let dotted = below(&node.place.key, key.name);
        let missing = match key.default {
            Default::Unset(_) => continue,
            Default::Required => {
                return Err(Error::input("this key must be given")
                    .at(Place {
                        key: dotted,
                        ..node.place.clone()
                    })
                    .value("nothing")
                    .allowed(format!(
                        "{}; such as {} = {}",
                        key.kind.allowed(),
                        key.name,
                        key.example
                    )));
            }
            Default::Value(text) => {
                let mut missing = Origin::default(file, text).value(&dotted)?;
                complete(file, &mut missing, key.kind)?;
                missing
            }
        };
        if let Value::Table(entries) = &mut node.value {
            entries.push(Entry {
                name: key.name.to_owned(),
                place: missing.place.clone(),
                node: missing,
            });
        }
    }
    Ok(())
}

fn complete_choice(
    file: &Path,
    node: &mut Node,
    kind: Kind,
    choices: &'static [Choice],
) -> Result<()> {
    if let Value::Text(name) = &node.value {
        let name = name.clone();
        let choice = find_choice(node, &name, kind, choices)?;
        let mut inner = node.clone();
        inner.place.key = below(&node.place.key, &name);
        inner.value = Value::Table(Vec::new());
        if choice.bare {
            return Err(node
                .error(format!("`{name}` needs a value"))
                .allowed(choice.written()));
        }
        node.value = Value::Table(vec![Entry {
            name,
            place: inner.place.clone(),
            node: inner,
        }]);
    }
    let (name, place) = match &node.value {
        Value::Table(entries) => match &entries[..] {
            [entry] => (entry.name.clone(), entry.place.clone()),
            entries => {
                let found: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
                let found = match found[..] {
                    [] => "none".to_owned(),
                    _ => found.join(", "),
                };
                return Err(Error::input("exactly one choice is needed")
                    .at(node.place.clone())
                    .value(found)
                    .allowed(kind.allowed()));
            }
        },
        _ => return Err(node.wrong_type(kind)),
    };
    let named = Node {
        place,
        text: format!("\"{name}\""),
        given: node.given,
        value: Value::Flag(true),
    };
    let choice = find_choice(&named, &name, kind, choices)?;
    if let Value::Table(entries) = &mut node.value {
        let inner = &mut entries[0].node;
        if choice.bare && !matches!(inner.value, Value::Table(_)) {
            let place = inner.place.clone();
            let parameter = std::mem::replace(&mut inner.value, Value::Table(Vec::new()));
            inner.value = Value::Table(vec![Entry {
                name: choice.parameters[0].name.to_owned(),
                place: place.clone(),
                node: Node {
                    place,
                    value: parameter,
                    ..inner.clone()
                },
            }]);
        }
        complete_table(file, inner, choice.parameters)?;
    }
    Ok(())
}

/// The choice that a name means; `node` is where the name stands.
fn find_choice<'a>(
    node: &Node,
    name: &str,
    kind: Kind,
    choices: &'a [Choice],
) -> Result<&'a Choice> {
    match choices.iter().find(|choice| choice.is_called(name)) {
        Some(choice) if choice.name != name => taxes::law(node, name).map(|_| choice),
        Some(choice) => Ok(choice),
        None => {
            let known = choices.iter().map(|choice| choice.name);
            Err(node
                .error("no such choice")
                .allowed(kind.allowed())
                .suggest(name, known))
        }
    }
}

fn check_label(node: &Node) -> Result<()> {
    if is_label(node.text()?) {
        Ok(())
    } else {
        Err(node
            .error("not fit for a name")
            .allowed(Kind::Label.allowed()))
    }
}

fn entries(node: &mut Node, kind: Kind) -> Result<&mut Vec<Entry>> {
    let wrong = node.wrong_type(kind);
    match &mut node.value {
        Value::Table(entries) => Ok(entries),
        _ => Err(wrong),
    }
}

/// The error for a key that is not in its table. Suggests the nearest key
/// beside it, or the place where the very name belongs.
pub(super) fn unknown_key(place: &Place, name: &str, keys: &'static [Key]) -> Error {
    let error = Error::input("unknown key")
        .at(place.clone())
        .value(name)
        .allowed(match keys {
            [] => "no key: this choice has no parameters".to_owned(),
            keys => names(keys),
        });
    let elsewhere = SCENARIO.iter().find_map(|top| match top.kind {
        _ if top.name == name => Some(name.to_owned()),
        Kind::Table(keys) if keys.iter().any(|key| key.name == name) => Some(below(top.name, name)),
        _ => None,
    });
    match elsewhere {
        Some(dotted) => error.suggest(&dotted, [dotted.as_str()]),
        None => error.suggest(name, keys.iter().map(|key| key.name)),
    }
}
