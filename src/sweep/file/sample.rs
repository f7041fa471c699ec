//! `[sample]`: points from ranges, or from a table in CSV.

use std::path::Path;
use std::sync::Arc;

use super::RUNS_MAX;
use super::block::{Block, Row, VariedKey};
use super::keys::{POINTS_FILE, RANGE, SAMPLE, allowed, entries, required};
use super::settings::{Leaf, leaves, overlap, refuse, twice};
use super::value::Value;
use crate::error::{Error, Place, Result};
use crate::population::csv::Table;
use crate::scenario::node::{Node, Value as Content};
use crate::scenario::set::holds;
use crate::sweep::design::{DIMENSIONS_MAX, Range, Scale, latin_hypercube, shifted, sobol};

/// How points are found.
enum Method<'a> {
    LatinHypercube,
    Sobol,
    File(&'a Node),
}

/// The block of `[sample]`, and warnings; files are relative to `folder`.
///
/// # Errors
/// A key of another name, type or range; a file that is no table of points.
pub(super) fn sample(node: &Node, folder: &Path) -> Result<(Block, Vec<String>)> {
    entries(node, SAMPLE)?;
    let method = method(node)?;
    if let Method::File(path) = method {
        for name in ["points", "seed", "shift", "ranges"] {
            if let Some(node) = node.get(name) {
                return Err(node
                    .error("no such key beside a file")
                    .allowed("with a file, only `method`: the file has the points"));
            }
        }
        return Ok((read_points(path, folder)?, Vec::new()));
    }
    let points_node = required(node, SAMPLE, "points")?;
    let points = points_node.whole(1, RUNS_MAX as u64, "points")? as usize;
    let seed = match node.get("seed") {
        Some(node) => node.whole(0, i64::MAX as u64, "")?,
        None => 1,
    };
    let shift = match (node.get("shift"), &method) {
        (Some(node), Method::Sobol) => node.flag()?,
        (Some(node), _) => {
            return Err(node
                .error("only the Sobol sequence is shifted")
                .allowed("this key with method = \"sobol\""));
        }
        (None, _) => true,
    };
    let ranges_node = required(node, SAMPLE, "ranges")?;
    let leaves = leaves(ranges_node, allowed(SAMPLE, "ranges"))?;
    let ranges = leaves.iter().map(range).collect::<Result<Vec<_>>>()?;
    if ranges.is_empty() {
        return Err(ranges_node
            .error("no ranges")
            .allowed(allowed(SAMPLE, "ranges")));
    }
    let names: Vec<_> = leaves.iter().map(|leaf| leaf.key.as_str()).collect();
    let mut warnings = Vec::new();
    let cube = match method {
        Method::Sobol if names.len() > DIMENSIONS_MAX => {
            return Err(ranges_node
                .error("too many ranges for the Sobol sequence")
                .value(names.len())
                .allowed(format!("up to {DIMENSIONS_MAX}, or a Latin hypercube")));
        }
        Method::Sobol => {
            if !points.is_power_of_two() {
                warnings.push(format!(
                    "{}:{}:{}: {points} points of the Sobol sequence: a power of two, such as {}, \
                     would fill the ranges evenly",
                    points_node.place.file.display(),
                    points_node.place.line,
                    points_node.place.column,
                    points.next_power_of_two()
                ));
            }
            match shift {
                true => shifted(points, &names, seed),
                false => sobol(points, names.len()),
            }
        }
        _ => latin_hypercube(points, &names, seed),
    };
    let place = Arc::new(node.place.clone());
    let origins: Vec<_> = leaves
        .iter()
        .map(|leaf| {
            Arc::new(Place {
                key: leaf.key.clone(),
                ..leaf.node.place.clone()
            })
        })
        .collect();
    let row = |coordinates: Vec<f64>| Row {
        values: ranges
            .iter()
            .zip(coordinates)
            .map(|(range, u)| range.at(u))
            .collect(),
        origins: origins.clone(),
        place: place.clone(),
    };
    let block = Block {
        keys: leaves.iter().map(VariedKey::of).collect(),
        rows: cube.into_iter().map(row).collect(),
    };
    Ok((block, warnings))
}

fn method(sample: &Node) -> Result<Method<'_>> {
    let Some(node) = sample.get("method") else {
        return Ok(Method::LatinHypercube);
    };
    let names = ["latin-hypercube", "sobol", "file"];
    let unknown = |place: &Place, name: &str| {
        Err(Error::input("no such method")
            .at(place.clone())
            .value(name)
            .allowed(allowed(SAMPLE, "method"))
            .suggest(name, names))
    };
    match &node.value {
        Content::Text(name) => match name.as_str() {
            "latin-hypercube" => Ok(Method::LatinHypercube),
            "sobol" => Ok(Method::Sobol),
            "file" => Err(node
                .error("`file` needs a path")
                .allowed("{ file = { path = \"points.csv\" } }")),
            name => unknown(&node.place, name),
        },
        Content::Table(tables) => match &tables[..] {
            [entry] if entry.name == "file" => {
                entries(&entry.node, POINTS_FILE)?;
                Ok(Method::File(required(&entry.node, POINTS_FILE, "path")?))
            }
            [entry] => unknown(&entry.place, &entry.name),
            _ => Err(node
                .error("exactly one method is needed")
                .allowed(allowed(SAMPLE, "method"))),
        },
        _ => Err(node.error("wrong type").allowed(allowed(SAMPLE, "method"))),
    }
}

fn range(leaf: &Leaf<'_>) -> Result<Range> {
    let node = leaf.node;
    if let Content::List(items) = &node.value {
        let end = |at: usize, otherwise| items.get(at).map_or(otherwise, |item| &*item.text);
        return Err(Error::input("a range is a table, not a list")
            .at(node.place.clone())
            .value(&node.text)
            .allowed(format!(
                "{{ low = {}, high = {} }}; a list of values stands under [grid]",
                end(0, "2.0"),
                end(items.len().saturating_sub(1).max(1), "6.0")
            )));
    }
    entries(node, RANGE)?;
    let end = |name| -> Result<(&Node, f64)> {
        let node = required(node, RANGE, name)?;
        let number = node.as_number().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| {
            node.error("not a number to draw from")
                .allowed("a finite number")
        })?;
        Ok((node, number))
    };
    let (low_node, low) = end("low")?;
    let (high_node, high) = end("high")?;
    if low >= high {
        return Err(low_node
            .error("the range is empty")
            .value(format!("low = {low}, high = {high}"))
            .allowed("low < high"));
    }
    let scale = match node.get("scale") {
        None => Scale::Linear,
        Some(node) => match node.text()? {
            "linear" => Scale::Linear,
            "log" => Scale::Log,
            name => {
                return Err(node
                    .error("no such scale")
                    .allowed(allowed(RANGE, "scale"))
                    .suggest(name, ["linear", "log"]));
            }
        },
    };
    if scale == Scale::Log && low <= 0.0 {
        return Err(low_node
            .error("a logarithmic range must be above 0")
            .allowed("low > 0, or scale = \"linear\""));
    }
    let whole = match node.get("whole") {
        None => false,
        Some(node) => node.flag()?,
    };
    for (node, end) in [(low_node, low), (high_node, high)] {
        // Beyond 53 bits not every whole number is a double.
        if whole && (end.fract() != 0.0 || end.abs() > (1u64 << 53) as f64) {
            return Err(node
                .error("an end of a range of whole numbers")
                .allowed("a whole number of at most 53 bits, or whole = false"));
        }
    }
    Ok(Range {
        low,
        high,
        scale,
        whole,
    })
}

/// The points in a CSV file: its header names keys, each row is a point. A column is of numbers if
/// all its cells are.
fn read_points(node: &Node, folder: &Path) -> Result<Block> {
    let path = folder.join(node.text()?);
    let context = |error: Error| {
        let Place {
            file, line, column, ..
        } = &node.place;
        error.context(format!(
            "{}:{line}:{column}: `{}`",
            file.display(),
            node.place.key
        ))
    };
    if !path.is_file() {
        return Err(node
            .error("no such file")
            .allowed(allowed(POINTS_FILE, "path")));
    }
    let text = crate::scenario::read(&path, "table").map_err(context)?;
    points_of(&path, &text).map_err(context)
}

fn points_of(path: &Path, text: &str) -> Result<Block> {
    let mut table = Table::new(path, text)?;
    let mut keys: Vec<VariedKey> = Vec::new();
    for name in table.header() {
        let place = table.place(1, 1, name);
        if name.contains([';', '\t']) {
            return Err(Error::input("the columns are not separated by commas")
                .at(place)
                .value(name)
                .allowed("columns separated by commas, and decimals with a point"));
        }
        refuse(&place, name)?;
        holds(&place, name)?;
        if let Some(before) = keys.iter().find(|key| overlap(&key.key, name)) {
            return Err(twice(name, &place, &before.place));
        }
        keys.push(VariedKey {
            key: name.clone(),
            place,
        });
    }
    let mut cells = vec![Vec::new(); keys.len()];
    let mut places = Vec::new();
    while let Some(record) = table.next_record()? {
        if places.len() == RUNS_MAX {
            return Err(super::too_many(
                &table.place(record.line, 1, ""),
                RUNS_MAX as u128 + 1,
                "rows",
            ));
        }
        let mut row = Vec::with_capacity(keys.len());
        for ((cells, key), field) in cells.iter_mut().zip(&keys).zip(record.fields) {
            let place = table.place(record.line, field.column, &key.key);
            if field.text.is_empty() {
                return Err(Error::input("empty cell")
                    .at(place)
                    .value("nothing")
                    .allowed("a number, a text or TOML in each cell"));
            }
            cells.push(field.text.into_owned());
            row.push(Arc::new(place));
        }
        places.push((Arc::new(table.place(record.line, 1, "")), row));
    }
    if places.is_empty() {
        return Err(Error::input("no points")
            .at(table.place(1, 1, ""))
            .value("a header without rows")
            .allowed("one or more rows below the header"));
    }
    let columns: Vec<Vec<Value>> = cells.iter().map(|cells| column(cells)).collect();
    let rows = places
        .into_iter()
        .enumerate()
        .map(|(index, (place, origins))| Row {
            values: columns.iter().map(|column| column[index].clone()).collect(),
            origins,
            place,
        });
    Ok(Block {
        rows: rows.collect(),
        keys,
    })
}

/// The cells of a column as whole numbers, else as numbers, else as what each looks like.
fn column(cells: &[String]) -> Vec<Value> {
    let whole = |cell: &String| cell.parse().ok().map(Value::Whole);
    let number = |cell: &String| {
        let number = cell.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Value::Number)
    };
    let wholes: Option<Vec<_>> = cells.iter().map(whole).collect();
    let numbers = || cells.iter().map(number).collect::<Option<Vec<_>>>();
    wholes
        .or_else(numbers)
        .unwrap_or_else(|| cells.iter().map(|cell| Value::cell(cell)).collect())
}
