//! Files that a scenario names.

use std::path::{Path, PathBuf};

use super::section::Section;
use crate::error::{Error, Place, Result};
use crate::population::csv::Table;
use crate::population::files::read_wages;
use crate::scenario::node::Node;

pub(super) fn wage_file(
    parameters: &Section,
    folder: &Path,
    size: usize,
) -> Result<(PathBuf, String)> {
    let node = parameters.node("path");
    let path = existing(node, folder, Path::is_file, "CSV file")?;
    let column = parameters.text("column")?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| node.error(format!("cannot be read: {error}")))?;
    Table::new(&path, &text)
        .map_err(|error| referred(error, node))?
        .column(&column)
        .map_err(|error| error.at(parameters.node("column").place.clone()))?;
    read_wages(&path, &column, size).map_err(|error| referred(error, node))?;
    Ok((path, column))
}

/// An error in another file, with the place in the scenario that refers to it.
pub(super) fn referred(error: Error, node: &Node) -> Error {
    let Place {
        file, line, key, ..
    } = &node.place;
    error.context(format!(
        "in the file that `{key}` names ({}{})",
        file.display(),
        if *line > 0 {
            format!(":{line}")
        } else {
            String::new()
        }
    ))
}

/// The absolute path that a value names relative to the scenario's folder.
pub(super) fn existing(
    node: &Node,
    folder: &Path,
    is_there: fn(&Path) -> bool,
    what: &str,
) -> Result<PathBuf> {
    let path = absolute(node, folder)?;
    if is_there(&path) {
        Ok(path)
    } else {
        Err(node
            .error(format!("no such {what}"))
            .value(format!("{} ({})", node.text, path.display()))
            .allowed(format!("an existing {what}, relative to the scenario file")))
    }
}

/// A path as UTF-8, so that the resolved scenario can state it.
pub(super) fn absolute(node: &Node, folder: &Path) -> Result<PathBuf> {
    let text = node.text()?;
    let path = std::path::absolute(folder.join(text))
        .map_err(|error| node.error(format!("not a path: {error}")))?;
    if text.is_empty() || text.contains('\0') || path.to_str().is_none() {
        return Err(node.error("not a path").allowed("a path in UTF-8"));
    }
    Ok(path)
}
