//! The figures of a run, one file each.

mod choices;
mod hours;
mod lorenz;
mod rates;
mod schedules;
mod small_multiples;
mod welfare;

use polars::prelude::{Column, CsvWriter, DataFrame, IntoColumn, NamedFrom, SerWriter, Series};

use super::finished::FinishedRun;
use super::key::Entry;
use super::{Figure, files, typeface};
use crate::{Error, Result};

/// A figure that has been drawn but not written.
struct Draft {
    id: &'static str,
    title: String,
    caption: String,
    svg: String,
    data: Vec<Column>,
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
        .map(|draft| write(run, draft))
        .collect()
}

fn write(run: &FinishedRun, draft: Draft) -> Result<Figure> {
    let Draft {
        id,
        title,
        caption,
        svg,
        data,
    } = draft;
    let path = |extension: &str| run.folder.join("figures").join(format!("{id}.{extension}"));
    let figure = Figure {
        id: id.into(),
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
fn column<T, Phantom: ?Sized>(name: &str, values: T) -> Column
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
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
