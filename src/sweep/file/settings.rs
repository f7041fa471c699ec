//! Keys of the base scenario in a sweep file: nested or dotted, quoted or not.

use crate::error::{Error, Place, Result};
use crate::scenario::node::{Node, Value as Content, below};
use crate::scenario::set::{Holds, holds};

/// A key of the scenario and what the sweep file says about it.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    /// Dotted.
    pub key: String,
    /// Where the key stands, with [`Leaf::key`] as its key.
    pub place: Place,
    pub node: &'a Node,
}

/// The keys below a table, in the order of the file.
///
/// A table in braces is a value wherever the scenario may hold one (a choice with parameters, a
/// range); any other table is a part of the key.
///
/// # Errors
/// Another type than a table, a key that no scenario has or that cannot vary, a key twice.
pub(super) fn leaves<'a>(node: &'a Node, allowed: &str) -> Result<Vec<Leaf<'a>>> {
    if !matches!(node.value, Content::Table(_)) {
        return Err(node.error("wrong type").allowed(allowed));
    }
    let mut found = Vec::new();
    collect(node, "", &mut found)?;
    found.sort_by_key(|leaf| (leaf.place.line, leaf.place.column));
    for (index, leaf) in found.iter().enumerate() {
        if let Some(before) = found[..index].iter().find(|other| other.key == leaf.key) {
            return Err(twice(&leaf.key, &leaf.place, &before.place));
        }
    }
    Ok(found)
}

fn collect<'a>(node: &'a Node, prefix: &str, found: &mut Vec<Leaf<'a>>) -> Result<()> {
    let Content::Table(entries) = &node.value else {
        return Ok(());
    };
    for entry in entries {
        let segments: Vec<_> = entry.name.split('.').map(str::trim).collect();
        let key = below(prefix, &segments.join("."));
        let place = Place {
            key: key.clone(),
            ..entry.place.clone()
        };
        refuse(&place, &key)?;
        let holds = holds(&place, &key)?;
        let is_table = matches!(entry.node.value, Content::Table(_));
        let in_braces = entry.node.text.starts_with('{');
        match holds {
            Holds::Keys if is_table => collect(&entry.node, &key, found)?,
            Holds::Either if is_table && !in_braces => collect(&entry.node, &key, found)?,
            _ => found.push(Leaf {
                key,
                place,
                node: &entry.node,
            }),
        }
    }
    Ok(())
}

/// Refuses the keys that a sweep itself decides.
pub(super) fn refuse(place: &Place, key: &str) -> Result<()> {
    let remedy = match key {
        "seed" => "`seeds` at the top of the sweep file: how many, or a list",
        "name" => "`name` at the top of the sweep file; runs are told apart by their keys",
        _ => return Ok(()),
    };
    Err(Error::input("a sweep cannot set this key")
        .at(place.clone())
        .value(key)
        .allowed(remedy))
}

/// Whether one key is the other, or a part of its value.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The error for a key that stands in two places.
pub(super) fn twice(key: &str, place: &Place, before: &Place) -> Error {
    let message = if before.key == key {
        "this key is given twice".to_owned()
    } else {
        format!("this key and `{}` overlap", before.key)
    };
    Error::input(message)
        .at(place.clone())
        .value(format!(
            "{} in line {}, {key} in line {}",
            before.key, before.line, place.line
        ))
        .allowed("each key once in [set], [grid], [[list]] and [sample] together")
}
