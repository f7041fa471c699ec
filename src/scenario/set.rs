//! `--set key=value`: changes one value of a tree before it is checked.

use super::complete::unknown_key;
use super::key::{Choice, Kind};
use super::keys::SCENARIO;
use super::node::{Entry, Node, Origin, Value, below};
use crate::error::{Error, Place, Result};

/// Applies one `key=value`. The key is dotted; items of lists go by number
/// from 0. The value is TOML, or else text without quotes. Tables on the way
/// are made; naming another choice replaces the one there.
///
/// # Errors
/// No `=`, an unknown key, a list that is not so long, broken TOML in quotes or brackets.
pub(super) fn set(root: &mut Node, setting: &str) -> Result<()> {
    let Some((key, text)) = setting.split_once('=') else {
        return Err(Error::input("not a setting")
            .at(place(""))
            .value(setting)
            .allowed("key=value, such as population.size=500"));
    };
    let (key, text) = (key.trim(), text.trim());
    let origin = Origin::command_line(text);
    let value = match origin.value(key) {
        Ok(value) => value,
        Err(error) if text.starts_with(['[', '{', '"', '\'']) => return Err(error),
        Err(_) => Node {
            place: place(key),
            text: text.to_owned(),
            given: true,
            value: Value::Text(text.to_owned()),
        },
    };
    let segments: Vec<&str> = key.split('.').map(str::trim).collect();
    descend(root, Kind::Table(SCENARIO), &segments, value)
}

fn place(key: &str) -> Place {
    Place {
        file: "--set".into(),
        key: key.to_owned(),
        ..Place::default()
    }
}

fn descend(node: &mut Node, kind: Kind, segments: &[&str], value: Node) -> Result<()> {
    let Some((&segment, rest)) = segments.split_first() else {
        *node = value;
        return Ok(());
    };
    let dotted = below(&node.place.key, segment);
    let listed = matches!(node.value, Value::List(_));
    let inner = step(kind, segment, &place(&dotted), listed)?;
    if let Some(choices) = kind.choices()
        && let Some(choice) = choices.iter().find(|choice| choice.is_called(segment))
    {
        make_room(node, choice);
    }
    let wrong = node.wrong_type(kind);
    let child = match &mut node.value {
        Value::Table(entries) if !matches!(kind, Kind::List(_)) => {
            entry(entries, segment, &dotted, inner)
        }
        Value::List(items) => item(items, segment, &dotted, inner)?,
        _ => return Err(wrong),
    };
    descend(child, inner, rest, value)
}

/// The kind of what stands under `segment` in a value of `kind`; `place` has the whole key.
/// `listed` is whether brackets or rates are a list, of which one can be named.
fn step(kind: Kind, segment: &str, place: &Place, listed: bool) -> Result<Kind> {
    match kind {
        Kind::Table(keys) => match keys.iter().find(|key| key.name == segment) {
            Some(key) => Ok(key.kind),
            None => Err(unknown_key(place, segment, keys)),
        },
        Kind::Choice(choices) | Kind::WholeOr(_, _, _, choices) => {
            match choices.iter().find(|choice| choice.is_called(segment)) {
                Some(choice) => Ok(choice.inner()),
                None => Err(Error::input("no such choice")
                    .at(place.clone())
                    .value(segment)
                    .allowed(kind.allowed())
                    .suggest(segment, choices.iter().map(|choice| choice.name))),
            }
        }
        Kind::Named(inner) | Kind::List(inner) => Ok(*inner),
        Kind::Brackets | Kind::Rates if listed => Ok(Kind::Rate),
        _ => {
            let above = place.key.rsplit_once('.').map_or("", |(above, _)| above);
            Err(Error::input(format!("`{above}` has no keys below it"))
                .at(place.clone())
                .value(segment)
                .allowed(kind.allowed()))
        }
    }
}

/// What a key of a scenario holds, as far as it decides whether a table there is a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Further keys: a section, tables by name, or a list by number.
    Keys,
    /// A value that may be a table, or of which a part can be named: a choice, brackets, rates.
    Either,
    /// A value.
    Value,
}

/// What a dotted key holds; `place` says where it stands.
///
/// # Errors
/// As [`set`] for a key that no scenario has; whether an item of a list exists is not known here.
pub(crate) fn holds(place: &Place, key: &str) -> Result<Holds> {
    let mut kind = Kind::Table(SCENARIO);
    let mut end = 0;
    for segment in key.split('.') {
        end += segment.len();
        let here = Place {
            key: key[..end].to_owned(),
            ..place.clone()
        };
        kind = step(kind, segment, &here, true)?;
        end += 1;
    }
    Ok(match kind {
        Kind::Table(_) | Kind::Named(_) | Kind::List(_) => Holds::Keys,
        Kind::Choice(_) | Kind::WholeOr(..) | Kind::Brackets | Kind::Rates => Holds::Either,
        _ => Holds::Value,
    })
}

/// The value of a key of a table; an empty one where there is none.
fn entry<'a>(entries: &'a mut Vec<Entry>, name: &str, key: &str, kind: Kind) -> &'a mut Node {
    let index = match entries.iter().position(|entry| entry.name == name) {
        Some(index) => index,
        None => {
            entries.push(Entry {
                name: name.to_owned(),
                place: place(key),
                node: empty(key, kind),
            });
            entries.len() - 1
        }
    };
    &mut entries[index].node
}

/// An item of a list, which may be the one after the last.
fn item<'a>(items: &'a mut Vec<Node>, index: &str, key: &str, kind: Kind) -> Result<&'a mut Node> {
    let length = items.len();
    let position = index.parse::<usize>().ok().filter(|&at| at <= length);
    let Some(position) = position else {
        return Err(Error::input("no such item of the list")
            .at(place(key))
            .value(index)
            .allowed(format!("0 to {length}")));
    };
    if position == length {
        items.push(empty(key, kind));
    }
    Ok(&mut items[position])
}

/// Makes a choice a table that holds nothing but `choice`, if anything.
fn make_room(node: &mut Node, choice: &Choice) {
    match &mut node.value {
        Value::Table(entries) => entries.retain(|entry| choice.is_called(&entry.name)),
        _ => *node = empty(&node.place.key, Kind::Table(&[])),
    }
}

fn empty(key: &str, kind: Kind) -> Node {
    Node {
        place: place(key),
        text: "nothing".into(),
        given: true,
        value: match kind {
            Kind::List(_) => Value::List(Vec::new()),
            _ => Value::Table(Vec::new()),
        },
    }
}
