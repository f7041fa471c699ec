//! The figures of a run, one file each.

mod choices;
mod hours;
mod lorenz;
pub(super) mod rates;
mod schedules;
pub(super) mod small_multiples;
mod welfare;

use std::path::Path;

use polars::prelude::{Column, CsvWriter, DataFrame, IntoColumn, NamedFrom, SerWriter, Series};

use super::finished::FinishedRun;
use super::key::Entry;
use super::{Figure, files, typeface};
use crate::{Error, Result};

/// A figure that has been drawn but not written.
pub(super) struct Draft {
    /// File name without extension.
    pub(super) id: String,
    /// Title.
    pub(super) title: String,
    /// What one sees, and what it is not.
    pub(super) caption: String,
    /// The picture.
    pub(super) svg: String,
    /// The numbers drawn.
    pub(super) data: Vec<Column>,
}

/// Draws all figures that the run has data for and writes them.
pub(super) fn write_all(run: &FinishedRun) -> Result<Vec<Figure>> {
    let drafts = [
        Some(welfare::draw(run)?),
        Some(rates::draw(run)?),
        Some(schedules::draw(run)?),
        hours::draw(run)?,
        lorenz::draw(run)?,
        choices::draw(run)?,
    ];
    drafts
        .into_iter()
        .flatten()
        .map(|draft| write(&run.folder, draft))
        .collect()
}

/// Writes SVG, PNG and CSV of a figure into `folder/figures`.
pub(super) fn write(folder: &Path, draft: Draft) -> Result<Figure> {
    write_into(&folder.join("figures"), draft)
}

/// Writes SVG, PNG and CSV of a figure into `folder`.
pub(super) fn write_into(folder: &Path, draft: Draft) -> Result<Figure> {
    let Draft {
        id,
        title,
        caption,
        svg,
        data,
    } = draft;
    let path = |extension: &str| folder.join(format!("{id}.{extension}"));
    let figure = Figure {
        id: id.clone(),
        title,
        caption,
        svg: path("svg"),
        png: path("png"),
        csv: path("csv"),
    };
    let broken = |error| Error::run(format!("{}: {error}", figure.csv.display()));
    let mut frame = DataFrame::new_infer_height(data).map_err(broken)?;
    let mut rows = Vec::new();
    CsvWriter::new(&mut rows)
        .finish(&mut frame)
        .map_err(broken)?;
    files::write_whole(&figure.csv, &rows)?;
    files::write_whole(&figure.svg, svg.as_bytes())?;
    files::write_whole(&figure.png, &typeface::png(&svg)?)?;
    Ok(figure)
}

/// A column of a figure's data.
pub(super) fn column<T, Phantom: ?Sized>(name: &str, values: T) -> Column
where
    Series: NamedFrom<T, Phantom>,
{
    Series::new(name.into(), values).into_column()
}

/// The legend of the arms, in their order.
fn legend_entries(run: &FinishedRun, marker: bool) -> Vec<Entry> {
    run.arms
        .iter()
        .map(|arm| Entry {
            label: arm.name.clone(),
            look: arm.look,
            marker,
        })
        .collect()
}

/// `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
