//! What varies, as blocks of rows: each key of the grid, the list, the sample.

use std::sync::Arc;

use super::conditions::not_tables;
use super::keys::{TOP, allowed};
use super::settings::{Leaf, leaves, overlap, twice};
use super::value::Value;
use super::{RUNS_MAX, too_many};
use crate::error::{Error, Place, Result};
use crate::scenario::node::{Node, Value as Content};

/// Keys that vary together.
#[derive(Debug)]
pub(super) struct Block {
    pub keys: Vec<VariedKey>,
    pub rows: Vec<Row>,
}

/// A key and where it stands first.
#[derive(Debug)]
pub(super) struct VariedKey {
    pub key: String,
    pub place: Place,
}

/// Values of the keys of a block.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub values: Vec<Value>,
    /// Where each value stands.
    pub origins: Vec<Arc<Place>>,
    /// Where the row stands.
    pub place: Arc<Place>,
}

/// A block for each key of `[grid]`.
///
/// # Errors
/// A key without a list of values, a value twice.
pub(super) fn grid(node: &Node) -> Result<Vec<Block>> {
    let axis = |leaf: &Leaf| {
        let key = VariedKey {
            key: leaf.key.clone(),
            place: leaf.place.clone(),
        };
        let wrong = |message: &str| {
            leaf.node.error(message).at(Place {
                key: leaf.key.clone(),
                ..leaf.node.place.clone()
            })
        };
        let items = match &leaf.node.value {
            Content::List(items) if items.is_empty() => {
                return Err(wrong("no values").allowed("a list of one or more values"));
            }
            Content::List(items) => items,
            _ => {
                return Err(wrong("not a list").allowed(format!(
                    "a list of values, such as [{}]; one value for all runs stands under [set]",
                    leaf.node.text
                )));
            }
        };
        let mut rows: Vec<Row> = Vec::with_capacity(items.len());
        for item in items {
            let place = Place {
                key: leaf.key.clone(),
                ..item.place.clone()
            };
            let value = Value::read(item).map_err(|error| error.at(place.clone()))?;
            if let Some(before) = rows.iter().find(|row| row.values[0] == value) {
                return Err(Error::input("this value stands in the list twice")
                    .at(place)
                    .value(format!("{} and {value}", before.values[0]))
                    .allowed("each value once"));
            }
            let place = Arc::new(place);
            rows.push(Row {
                values: vec![value],
                origins: vec![place.clone()],
                place,
            });
        }
        Ok(Block {
            keys: vec![key],
            rows,
        })
    };
    leaves(node, allowed(TOP, "grid"))?
        .iter()
        .map(axis)
        .collect()
}

/// The block of `[[list]]`.
///
/// # Errors
/// Tables with different keys, or none.
pub(super) fn list(node: &Node) -> Result<Option<Block>> {
    let wanted = allowed(TOP, "list");
    let Content::List(tables) = &node.value else {
        return Err(not_tables(node, wanted));
    };
    let mut block: Option<Block> = None;
    for table in tables {
        let leaves = leaves(table, wanted)?;
        if leaves.is_empty() {
            return Err(table.error("no keys").allowed(wanted));
        }
        let block = block.get_or_insert_with(|| Block {
            keys: leaves.iter().map(VariedKey::of).collect(),
            rows: Vec::new(),
        });
        block.rows.push(list_row(table, &leaves, &block.keys)?);
    }
    Ok(block)
}

fn list_row(table: &Node, leaves: &[Leaf<'_>], keys: &[VariedKey]) -> Result<Row> {
    let names = || keys.iter().map(|key| key.key.as_str());
    let in_words = || {
        let names = names().collect::<Vec<_>>().join(", ");
        format!("the keys of the first [[list]], all of them: {names}")
    };
    if let Some(other) = leaves
        .iter()
        .find(|leaf| !names().any(|key| key == leaf.key))
    {
        return Err(Error::input("the first [[list]] does not set this key")
            .at(other.place.clone())
            .value(&other.key)
            .allowed(in_words())
            .suggest(&other.key, names()));
    }
    let mut row = Row {
        values: Vec::new(),
        origins: Vec::new(),
        place: Arc::new(table.place.clone()),
    };
    for key in names() {
        let Some(leaf) = leaves.iter().find(|leaf| leaf.key == key) else {
            let found: Vec<_> = leaves.iter().map(|leaf| leaf.key.as_str()).collect();
            return Err(
                Error::input("this [[list]] does not set a key that the first sets")
                    .at(Place {
                        key: key.to_owned(),
                        ..table.place.clone()
                    })
                    .value(found.join(", "))
                    .allowed(in_words()),
            );
        };
        let place = Place {
            key: leaf.key.clone(),
            ..leaf.node.place.clone()
        };
        row.values
            .push(Value::read(leaf.node).map_err(|error| error.at(place.clone()))?);
        row.origins.push(Arc::new(place));
    }
    Ok(row)
}

impl VariedKey {
    pub fn of(leaf: &Leaf<'_>) -> Self {
        VariedKey {
            key: leaf.key.clone(),
            place: leaf.place.clone(),
        }
    }
}

/// Refuses a key that stands in two blocks or twice in one, or that overlaps with another.
/// A value of `[set]` may hold a key that varies, for the set comes first.
pub(super) fn refuse_overlaps(set: &[Leaf<'_>], blocks: &[Block]) -> Result<()> {
    let varied: Vec<_> = blocks.iter().flat_map(|block| &block.keys).collect();
    let error = |key: &VariedKey, before: &Place| Err(twice(&key.key, &key.place, before));
    for (index, key) in varied.iter().enumerate() {
        if let Some(other) = varied[..index]
            .iter()
            .find(|other| overlap(&other.key, &key.key))
        {
            return error(key, &other.place);
        }
        let covers = |leaf: &&Leaf| overlap(&leaf.key, &key.key) && leaf.key.len() >= key.key.len();
        if let Some(leaf) = set.iter().find(covers) {
            return error(key, &leaf.place);
        }
    }
    for (index, leaf) in set.iter().enumerate() {
        let mut before = set[..index].iter();
        if let Some(other) = before.find(|other| overlap(&other.key, &leaf.key)) {
            return Err(twice(&leaf.key, &leaf.place, &other.place));
        }
    }
    Ok(())
}

/// All combinations of the blocks' rows; the last block varies fastest.
///
/// # Errors
/// More than [`RUNS_MAX`].
pub(super) fn product(blocks: Vec<Block>, whole: &Place) -> Result<Vec<Row>> {
    let rows = |block: &Block| block.rows.len();
    let mut count: u128 = 1;
    for block in &blocks {
        count = count.saturating_mul(rows(block) as u128);
    }
    // Points may still be left out, but so many are not built to be thrown away.
    if count > 10 * RUNS_MAX as u128 {
        return Err(too_many(whole, count, "points"));
    }
    let mut product = vec![Row {
        values: Vec::new(),
        origins: Vec::new(),
        place: Arc::new(whole.clone()),
    }];
    for block in blocks {
        let combine = |row: &Row| {
            let row = row.clone();
            let with = move |more: &Row| {
                let mut row = row.clone();
                row.values.extend(more.values.iter().cloned());
                row.origins.extend(more.origins.iter().cloned());
                row.place = more.place.clone();
                row
            };
            block.rows.iter().map(with).collect::<Vec<_>>()
        };
        product = product.iter().flat_map(combine).collect();
    }
    Ok(product)
}
