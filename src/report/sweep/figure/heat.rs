//! Welfare gain, or any column of the summary, over two swept keys: a heat map per arm.

use polars::prelude::Column;

use super::super::super::figure::{Draft, column, small_multiples::Grid};
use super::super::super::scale::Scale;
use super::super::super::sheet::{Anchor, Frame, INK, LABEL, MARGIN, Rgb, SOFT, Sheet};
use super::super::super::typeface::{fit, width};
use super::bins::{Bin, bins};
use super::by::{Measured, NO_MEAN, Subject, along, varying, widest};
use super::measure::Unit;
use super::panels::{self, FEW};
use crate::Result;

/// Draws `subject` over the keys `across` and `up` (indices into the groups' keys).
pub fn draw(
    subject: &Subject,
    (across, up): (usize, usize),
    id: &str,
) -> Result<Result<Draft, String>> {
    let (study, groups) = (subject.study(), subject.groups());
    let all: Vec<usize> = (0..groups.groups.len()).collect();
    let Some(unit) = subject.unit(&all) else {
        return Ok(Err(format!(
            "{id}: groups have different objectives, so that welfare has no one unit, and not every group has the \
             arms optimal and a U.S. law to give percent"
        )));
    };
    let (columns, lines) = (bins(groups, across, &all, 6), bins(groups, up, &all, 6));
    let mut cells: Vec<Cell> = Vec::new();
    for arm in subject.arms() {
        for (i, column) in columns.bins.iter().enumerate() {
            for (j, line) in lines.bins.iter().enumerate() {
                let both = column.groups.iter().copied();
                let which: Vec<usize> = both.filter(|g| line.groups.contains(g)).collect();
                if !subject.has_mean(&which) {
                    return Ok(Err(format!("{id}: {NO_MEAN}")));
                }
                let measured = subject.measure(arm, &which);
                if measured.drawn.n > 0 {
                    cells.push(Cell {
                        arm,
                        at: (i, j),
                        measured,
                    });
                }
            }
        }
    }
    let mut arms: Vec<usize> = Vec::new();
    for cell in &cells {
        if !arms.contains(&cell.arm) {
            arms.push(cell.arm);
        }
    }
    arms.sort_unstable();
    if arms.is_empty() {
        return Ok(Err(format!("{id}: no arm has a value to show")));
    }
    let names = [across, up].map(|k| study.keys[groups.keys[k]].key.as_str());
    let title = format!("{} by {} and {}", subject.title(), names[0], names[1]);
    let left_out = if arms.len() > FEW {
        format!(
            " Of {} arms the first {FEW} are shown; all stand in the CSV.",
            arms.len()
        )
    } else {
        String::new()
    };
    let pooled = if groups.keys.len() > 2 {
        " Mean over the other keys, seed by seed, of the groups that have the arms (column groups of the CSV)."
    } else {
        ""
    };
    let along = along(groups, &[across, up], &[&all]);
    let varying = varying(study, groups, &along);
    let caption = format!(
        "{}{pooled}{varying} A panel per arm, each with its own colours: darker is more within the panel, and the numbers \
         compare panels. Intervals stand in the CSV.{left_out}",
        subject.explained()
    );
    let mut sheet = Sheet::new(id);
    let top = sheet.heading(
        &title,
        &format!("{}; darker is more within a panel.", subject.axis(&unit)),
    );
    let shown = &arms[..arms.len().min(FEW)];
    let height = (lines.bins.len() as f64 * 30.0).clamp(60.0, 300.0);
    let labels = widest(lines.bins.iter().map(|bin| bin.label.as_str())).min(120.0);
    let grid = Grid {
        columns: if shown.len() == 1 { 1 } else { 2 },
        height,
        left: labels + 12.0,
        right: 14.0,
        above: 42.0,
        below: 48.0,
    };
    let (frames, bottom) = grid.frames(top, shown.len());
    let all = Colors::over(cells.iter().map(|cell| cell.measured.drawn.mean));
    for (frame, &arm) in frames.iter().zip(shown) {
        let name = &groups.arms[arm].name;
        panels::title(
            &mut sheet,
            frame,
            MARGIN.max(frame.left - labels - 8.0),
            26.0,
            name,
        );
        sheet.text(
            frame.left - labels - 8.0,
            frame.top - 9.0,
            names[1],
            INK,
            Anchor::Start,
        );
        let of_arm = || cells.iter().filter(|cell| cell.arm == arm);
        let color = Colors::over(of_arm().map(|cell| cell.measured.drawn.mean)).at_least(&all);
        let places = (&columns.bins[..], &lines.bins[..]);
        panel(&mut sheet, frame, places, of_arm(), &color, &unit, name)?;
        let middle = (frame.left + frame.right) / 2.0;
        sheet.text(middle, frame.bottom + 34.0, names[0], INK, Anchor::Middle);
    }
    Ok(Ok(Draft {
        id: id.into(),
        svg: sheet.finish(bottom + MARGIN, &title, &caption),
        title,
        caption,
        data: data(subject, (across, up), (&columns.bins, &lines.bins), &cells),
    }))
}

struct Cell {
    arm: usize,
    at: (usize, usize),
    measured: Measured,
}

/// Light to dark over the values.
struct Colors {
    low: f64,
    high: f64,
}

impl Colors {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let scale = Scale::around(values, 0.0);
        Colors {
            low: scale.low,
            high: scale.high,
        }
    }

    /// Widened to a tenth of the range of `all`, so that small differences look small.
    fn at_least(mut self, all: &Colors) -> Self {
        let least = 0.1 * (all.high - all.low);
        let short = least - (self.high - self.low);
        if short > 0.0 {
            self.low -= short / 2.0;
            self.high += short / 2.0;
        }
        self
    }

    /// White to dark blue, evenly in lightness, so that it also reads in grey.
    fn of(&self, value: f64) -> Rgb {
        let at = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        const STOPS: [Rgb; 4] = [
            (247, 250, 253),
            (171, 208, 230),
            (66, 138, 186),
            (8, 48, 107),
        ];
        let place = at * (STOPS.len() - 1) as f64;
        let below = (place.floor() as usize).min(STOPS.len() - 2);
        let part = place - below as f64;
        let mix =
            |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
        let (a, b) = (STOPS[below], STOPS[below + 1]);
        (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    }

    fn ink(&self, value: f64) -> Rgb {
        if (value - self.low) / (self.high - self.low) > 0.55 {
            (255, 255, 255)
        } else {
            INK
        }
    }
}

fn panel<'a>(
    sheet: &mut Sheet,
    frame: &Frame,
    (columns, lines): (&[Bin], &[Bin]),
    cells: impl Iterator<Item = &'a Cell>,
    colors: &Colors,
    unit: &Unit,
    arm: &str,
) -> Result<()> {
    let (wide, high) = (
        (frame.right - frame.left) / columns.len() as f64,
        (frame.bottom - frame.top) / lines.len() as f64,
    );
    for (i, bin) in columns.iter().enumerate() {
        let x = frame.left + (i as f64 + 0.5) * wide;
        let label = fit(&bin.label, LABEL, wide - 3.0);
        sheet.text(x, frame.bottom + 16.5, &label, SOFT, Anchor::Middle);
    }
    for (j, bin) in lines.iter().enumerate() {
        let y = frame.bottom - (j as f64 + 0.5) * high;
        let label = fit(&bin.label, LABEL, 120.0);
        sheet.text(frame.left - 8.0, y + 4.0, &label, SOFT, Anchor::End);
    }
    for cell in cells {
        let (i, j) = cell.at;
        let value = cell.measured.drawn.mean;
        let place = Frame {
            left: frame.left + i as f64 * wide + 0.6,
            top: frame.bottom - (j as f64 + 1.0) * high + 0.6,
            right: frame.left + (i as f64 + 1.0) * wide - 0.6,
            bottom: frame.bottom - j as f64 * high - 0.6,
        };
        sheet.fill(place, colors.of(value));
        let text = short(unit, value);
        let (x, y) = (
            (place.left + place.right) / 2.0,
            (place.top + place.bottom) / 2.0,
        );
        if width(&text, LABEL, false) <= wide - 3.0 {
            sheet.text(x, y + 4.0, &text, colors.ink(value), Anchor::Middle);
        }
        let told = format!(
            "{arm}, {} and {}: {}",
            columns[i].label,
            lines[j].label,
            unit.estimate(&cell.measured.drawn)
        );
        sheet.tip((x, y), 12.0, &told);
    }
    Ok(())
}

fn short(unit: &Unit, value: f64) -> String {
    match unit {
        Unit::Money => super::super::super::number::short_money(value),
        Unit::Percent => super::super::super::number::percent(value / 100.0).replace('%', ""),
        Unit::Share => super::super::super::number::percent(value),
        Unit::Other(_) => unit.value(value),
    }
}

fn data(
    subject: &Subject,
    (across, up): (usize, usize),
    (columns, lines): (&[Bin], &[Bin]),
    cells: &[Cell],
) -> Vec<Column> {
    let (study, groups) = (subject.study(), subject.groups());
    let side = |k: usize, bins: &[Bin], of: fn(&Cell) -> usize| {
        let key = &study.keys[groups.keys[k]];
        if key.is_number() {
            let values: Vec<f64> = cells.iter().map(|cell| bins[of(cell)].x).collect();
            column(key.column.as_str(), values)
        } else {
            let texts = cells.iter().map(|cell| bins[of(cell)].label.clone());
            column(key.column.as_str(), texts.collect::<Vec<_>>())
        }
    };
    let arms = cells.iter().map(|cell| groups.arms[cell.arm].name.clone());
    let mut all = vec![
        side(across, columns, |cell| cell.at.0),
        side(up, lines, |cell| cell.at.1),
        column("arm", arms.collect::<Vec<_>>()),
    ];
    let measured: Vec<Measured> = cells.iter().map(|cell| cell.measured).collect();
    all.extend(subject.columns(&measured));
    all
}
