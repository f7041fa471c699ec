//! A chart of any columns: bars, lines or points, one look per series.

use std::path::Path;

use super::Figure;
use super::arms::{Look, looks};
use super::figure::{Draft, column, write_into};
use super::key::{Entry, legend};
use super::number::tick_labels;
use super::scale::{Scale, Spacing};
use super::sheet::{Anchor, Axis, Frame, LABEL, MARGIN, Panel, SOFT, Sheet, Stroke, WIDTH};
use super::typeface::width;
use crate::Result;

/// How rows are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Bars from 0, side by side within a place of the axis.
    Bars,
    /// A line per series.
    Lines,
    /// A point per row.
    Points,
}

/// What a chart shows.
#[derive(Clone, Debug)]
pub struct Picture {
    /// File name without extension.
    pub id: String,
    /// Title.
    pub title: String,
    /// What is drawn, in words.
    pub subtitle: String,
    /// Titles of the axes, with units.
    pub axes: (String, String),
    /// Whether y is money.
    pub money: bool,
    /// Kind of marks.
    pub marks: Marks,
    /// Labels of the horizontal axis at 0, 1, …; `None` for one of numbers.
    pub categories: Option<Vec<String>>,
    /// Name and marks (x, y) of every series; the name of an only series may be empty.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
}

/// Width of `text` as a label of an axis or legend, px.
pub fn label_width(text: &str) -> f64 {
    width(text, LABEL, false)
}

/// Draws `picture` and writes SVG, PNG and CSV into `folder`.
///
/// # Errors
/// A file that cannot be written.
pub fn chart(folder: &Path, picture: Picture) -> Result<Figure> {
    let mut sheet = Sheet::new(&picture.id);
    let top = sheet.heading(&picture.title, &picture.subtitle);
    let names: Vec<String> = picture
        .series
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let looks = looks(&names);
    let marks = || picture.series.iter().flat_map(|(_, marks)| marks);
    let bars = picture.marks == Marks::Bars;
    let ground = bars.then_some(0.0);
    let mut y = Scale::around(marks().map(|m| m.1).chain(ground), 0.05);
    if bars && marks().all(|m| m.1 >= 0.0) {
        y = Scale::new(Spacing::Linear, 0.0, y.high);
    }
    // Places of the axis: labels, or for bars over numbers the numbers that occur.
    let mut numbers: Vec<f64> = marks().map(|m| m.0).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    let places: Option<Vec<String>> = match (&picture.categories, bars) {
        (Some(names), _) => Some(names.clone()),
        (None, true) => Some(numbers.iter().map(f64::to_string).collect()),
        (None, false) => None,
    };
    let at = |x: f64| match (&picture.categories, bars) {
        (None, true) => numbers.partition_point(|n| *n < x) as f64,
        _ => x,
    };
    let ticks = y.ticks(0.17);
    let labels = tick_labels(&ticks, picture.money);
    let widest = labels.iter().map(|l| label_width(l)).fold(0.0, f64::max);
    let frame = Frame {
        left: widest + MARGIN + 8.0,
        top: top + 26.0,
        right: WIDTH - MARGIN - 10.0,
        bottom: top + 326.0,
    };
    let x = match &places {
        Some(places) => Scale::new(Spacing::Linear, -0.5, places.len() as f64 - 0.5),
        None => Scale::around(
            marks().map(|m| m.0),
            if picture.marks == Marks::Lines {
                0.0
            } else {
                0.03
            },
        ),
    };
    let panel = Panel { frame, x, y };
    let horizontal = match &places {
        // Numbers are thinned so that they stand apart; labels all stand.
        Some(places) => {
            let every = match picture.categories {
                Some(_) => 1,
                None => places.len().div_ceil(14),
            };
            let shown = places.iter().enumerate().step_by(every.max(1));
            let (values, labels) = shown.map(|(i, label)| (i as f64, label.clone())).unzip();
            Axis::new(values, labels, &picture.axes.0)
        }
        None => {
            let mut values = x.ticks(0.1);
            if numbers.iter().all(|n| n.fract() == 0.0) {
                values.retain(|v| v.fract() == 0.0);
            }
            let labels = tick_labels(&values, false);
            Axis::new(values, labels, &picture.axes.0)
        }
    };
    sheet.axes(
        &panel,
        &horizontal,
        &Axis::new(ticks, labels, &picture.axes.1),
    )?;
    let count = picture.series.len() as f64;
    for (i, ((_, marks), look)) in picture.series.iter().zip(&looks).enumerate() {
        match picture.marks {
            // A line of one mark would not show.
            Marks::Lines if marks.len() == 1 => sheet.points(&panel, marks, look, 4.0)?,
            Marks::Lines => sheet.line(&panel, marks, Stroke::from(look))?,
            Marks::Points => sheet.points(&panel, marks, look, 3.0)?,
            Marks::Bars => {
                let slot = 0.76 / count;
                for &(x, y) in marks {
                    let left = at(x) - 0.38 + slot * i as f64;
                    sheet.bar(
                        &panel,
                        left + 0.04 * slot,
                        left + 0.96 * slot,
                        y,
                        look.color,
                    )?;
                    if marks.len() as f64 * count <= 12.0 {
                        value_above(&mut sheet, &panel, (left + slot / 2.0, y), picture.money);
                    }
                }
            }
        }
    }
    let mut bottom = frame.bottom + 44.0;
    if picture.series.len() > 1 {
        let entry = |(name, look): (&String, &Look)| Entry {
            label: name.clone(),
            look: match bars {
                true => Look {
                    width: 9.0,
                    dash: &[],
                    ..*look
                },
                false => *look,
            },
            marker: picture.marks == Marks::Points,
        };
        let entries: Vec<Entry> = names.iter().zip(&looks).map(entry).collect();
        bottom = legend(&mut sheet, bottom, &entries)?;
    }
    let shown = |x: f64| match &picture.categories {
        Some(names) => names.get(x as usize).cloned().unwrap_or_default(),
        None => x.to_string(),
    };
    let rows: Vec<(String, String, f64)> = (picture.series.iter())
        .flat_map(|(name, marks)| marks.iter().map(|&(x, y)| (name.clone(), shown(x), y)))
        .collect();
    let caption = format!("{} {}", picture.title, picture.subtitle);
    let draft = Draft {
        svg: sheet.finish(bottom + MARGIN, &picture.title, &caption),
        id: picture.id,
        title: picture.title,
        caption,
        data: vec![
            column(
                "series",
                rows.iter().map(|r| r.0.clone()).collect::<Vec<_>>(),
            ),
            column("x", rows.iter().map(|r| r.1.clone()).collect::<Vec<_>>()),
            column("y", rows.iter().map(|r| r.2).collect::<Vec<_>>()),
        ],
    };
    write_into(folder, draft)
}

/// A bar's value over its end.
fn value_above(sheet: &mut Sheet, panel: &Panel, mark: (f64, f64), money: bool) {
    let (x, y) = panel.place(mark);
    let text = match money {
        true => super::number::short_money(mark.1),
        false => super::number::grouped(mark.1, super::number::decimals_for([mark.1]).min(3)),
    };
    sheet.text(x, y - 4.0, &text, SOFT, Anchor::Middle);
}
