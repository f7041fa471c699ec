//! `[[exclude]]` and `[[subset]]`: which points there are.

use std::collections::HashSet;

use super::block::Row;
use super::settings::{Leaf, leaves};
use super::value::Value;
use crate::error::{Error, Place, Result};
use crate::scenario::node::{Node, Value as Content};

/// One table: a point matches if it has, for each key, one of the values.
#[derive(Debug)]
pub(super) struct Condition {
    pub place: Place,
    /// Position among the varied keys, and values.
    keys: Vec<(usize, Vec<Value>)>,
}

impl Condition {
    /// Whether a point with these values matches.
    pub fn matches(&self, values: &[Value]) -> bool {
        let has = |(key, any): &(usize, Vec<Value>)| any.contains(&values[*key]);
        self.keys.iter().all(has)
    }
}

/// Reads the tables under `exclude` or `subset`; `values` are those of each of the varied `keys`.
///
/// # Errors
/// Another type, a key that does not vary, a value that no point has.
pub(super) fn read(
    node: Option<&Node>,
    allowed: &str,
    keys: &[String],
    values: &[Vec<Value>],
) -> Result<Vec<Condition>> {
    let Some(node) = node else {
        return Ok(Vec::new());
    };
    let Content::List(tables) = &node.value else {
        return Err(not_tables(node, allowed));
    };
    let condition = |table: &Node| {
        let leaves = leaves(table, allowed)?;
        if leaves.is_empty() {
            return Err(table.error("no keys").allowed(allowed));
        }
        let one = |leaf: &Leaf| one(leaf, keys, values);
        Ok(Condition {
            place: table.place.clone(),
            keys: leaves.iter().map(one).collect::<Result<_>>()?,
        })
    };
    tables.iter().map(condition).collect()
}

/// The error for something else than a list of tables, such as `[exclude]` for `[[exclude]]`.
pub(super) fn not_tables(node: &Node, allowed: &str) -> Error {
    let error = node.error("wrong type").allowed(allowed);
    match node.value {
        Content::Table(_) => error.hint(format!("each below [[{}]]", node.place.key)),
        _ => error,
    }
}

fn one(leaf: &Leaf<'_>, keys: &[String], values: &[Vec<Value>]) -> Result<(usize, Vec<Value>)> {
    let Some(position) = keys.iter().position(|key| *key == leaf.key) else {
        return Err(Error::input("this key does not vary in the sweep")
            .at(leaf.place.clone())
            .value(&leaf.key)
            .allowed(keys.join(", "))
            .suggest(&leaf.key, keys.iter().map(String::as_str)));
    };
    let known = &values[position];
    let whole = Value::read(leaf.node)?;
    // A list is any of its values, unless it is itself a value of the key.
    if known.contains(&whole) {
        return Ok((position, vec![whole]));
    }
    let items = match &leaf.node.value {
        Content::List(items) if !items.is_empty() => items.as_slice(),
        _ => std::slice::from_ref(leaf.node),
    };
    let item = |item: &Node| {
        let value = Value::read(item)?;
        if known.contains(&value) {
            return Ok(value);
        }
        let mut seen = HashSet::new();
        let labels = known.iter().map(ToString::to_string);
        let labels: Vec<_> = labels.filter(|label| seen.insert(label.clone())).collect();
        let names = labels.iter().map(|label| label.trim_matches('"'));
        let found = value.label();
        let error = Error::input("no point has this value")
            .at(Place {
                key: leaf.key.clone(),
                ..item.place.clone()
            })
            .value(&item.text)
            .allowed(in_short(&labels));
        let number = found.parse().ok().map(Value::Number);
        Err(match number.is_some_and(|number| known.contains(&number)) {
            true => error.hint(format!("a number without quotes: {found}")),
            false => error.suggest(&found, names),
        })
    };
    Ok((position, items.iter().map(item).collect::<Result<_>>()?))
}

/// The first of many values.
fn in_short(labels: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = labels[..labels.len().min(SHOWN)].join(", ");
    if labels.len() > SHOWN {
        text.push_str(&format!(" and {} more", labels.len() - SHOWN));
    }
    text
}

/// Keeps the rows that match a subset, if there is one, and no exclusion; also the warnings about
/// tables that match nothing.
pub(super) fn select(
    rows: Vec<Row>,
    exclude: &[Condition],
    subset: &[Condition],
) -> (Vec<Row>, Vec<String>) {
    let mut matched = vec![false; exclude.len() + subset.len()];
    let mut any = |conditions: &[Condition], offset: usize, values: &[Value]| {
        let mut any = false;
        for (index, condition) in conditions.iter().enumerate() {
            if condition.matches(values) {
                matched[offset + index] = true;
                any = true;
            }
        }
        any
    };
    let mut kept = rows;
    kept.retain(|row| {
        let out = any(exclude, 0, &row.values);
        let kept = any(subset, exclude.len(), &row.values);
        !out && (kept || subset.is_empty())
    });
    let names = exclude.iter().map(|condition| ("[[exclude]]", condition));
    let names = names.chain(subset.iter().map(|condition| ("[[subset]]", condition)));
    let warnings = names
        .zip(matched)
        .filter(|(_, matched)| !matched)
        .map(|((name, Condition { place, .. }), _)| {
            format!(
                "{}:{}:{}: this {name} matches no point",
                place.file.display(),
                place.line,
                place.column
            )
        })
        .collect();
    (kept, warnings)
}
