//! Legends under the panels, and labels at the ends of lines.

use super::arms::Look;
use super::sheet::{Anchor, INK, LABEL, MARGIN, Rgb, SOFT, Sheet, Stroke, WIDTH};
use super::typeface::{fit, width};
use crate::Result;

/// One entry of a legend.
pub struct Entry {
    /// What it says.
    pub label: String,
    /// How its line looks.
    pub look: Look,
    /// Whether the figure draws markers on the line.
    pub marker: bool,
}

const SAMPLE: f64 = 30.0;
const ROW: f64 = 19.0;

/// Sets a legend in even columns from `top` downwards; returns the y below it.
pub fn legend(sheet: &mut Sheet, top: f64, entries: &[Entry]) -> Result<f64> {
    let limit = WIDTH - 2.0 * MARGIN;
    let widest = entries
        .iter()
        .map(|entry| width(&entry.label, LABEL, false))
        .fold(0.0, f64::max);
    let cell = (SAMPLE + 7.0 + widest + 22.0).min(limit);
    let columns = ((limit + 22.0) / cell).floor().max(1.0) as usize;
    let rows = entries.len().div_ceil(columns.max(1));
    for (i, entry) in entries.iter().enumerate() {
        let (row, column) = (i / columns, i % columns);
        let x = MARGIN + column as f64 * cell;
        let y = top + ROW * row as f64 + 12.0;
        sheet.rule(
            (x, y - 4.0),
            (x + SAMPLE, y - 4.0),
            Stroke::from(&entry.look),
        )?;
        if entry.marker {
            sheet.markers(&[(x + SAMPLE / 2.0, y - 4.0)], &entry.look, 3.0)?;
        }
        let text = fit(&entry.label, LABEL, limit - SAMPLE - 7.0);
        sheet.text(x + SAMPLE + 7.0, y, &text, INK, Anchor::Start);
    }
    Ok(top + ROW * rows as f64)
}

/// A label beside the end of a line.
pub struct EndLabel {
    /// What it says.
    pub text: String,
    /// Its colour.
    pub color: Rgb,
    /// Where the line ends, in px.
    pub end: (f64, f64),
}

/// Sets labels at `x`, as near to the ends of their lines as they can be without overlapping, each tied to
/// its line by a thin rule where it had to move.
pub fn end_labels(
    sheet: &mut Sheet,
    x: f64,
    (top, bottom): (f64, f64),
    labels: &[EndLabel],
) -> Result<()> {
    let wanted: Vec<f64> = labels.iter().map(|label| label.end.1).collect();
    let given = apart(&wanted, LABEL * 1.22, top, bottom);
    for (label, y) in labels.iter().zip(given) {
        let tie = Stroke {
            color: if (y - label.end.1).abs() < 1.0 {
                SOFT
            } else {
                label.color
            },
            width: 0.6,
            dash: &[],
        };
        sheet.rule((label.end.0 + 5.0, label.end.1), (x - 3.0, y), tie)?;
        sheet.text(
            x,
            y + 4.0,
            &fit(&label.text, LABEL, WIDTH - 4.0 - x),
            label.color,
            Anchor::Start,
        );
    }
    Ok(())
}

/// Positions at least `gap` apart within `[top, bottom]` with the least squared distance to `wanted`.
///
/// With p sorted and q_i = p_i − i·gap the constraint is q non-decreasing: isotonic regression by pooling
/// adjacent violators, then clamped. Where the labels do not fit at all, they run over the lower end.
pub fn apart(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (rank, &i) in order.iter().enumerate() {
        pools.push((wanted[i] - rank as f64 * gap, 1));
        while let [.., (left, m), (right, n)] = pools[..] {
            if left <= right {
                break;
            }
            let mean = (left * m as f64 + right * n as f64) / (m + n) as f64;
            pools.truncate(pools.len() - 2);
            pools.push((mean, m + n));
        }
    }
    let room = (bottom - gap * wanted.len().saturating_sub(1) as f64).max(top);
    let levels = pools
        .into_iter()
        .flat_map(|(level, count)| std::iter::repeat_n(level.clamp(top, room), count));
    let mut given = vec![0.0; wanted.len()];
    for (rank, (level, &i)) in levels.zip(&order).enumerate() {
        given[i] = level + rank as f64 * gap;
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_apart_and_in_order() {
        assert_eq!(apart(&[50.0, 10.0], 10.0, 0.0, 100.0), [50.0, 10.0]);
        assert_eq!(
            apart(&[50.0, 50.0, 50.0], 10.0, 0.0, 100.0),
            [40.0, 50.0, 60.0]
        );
        assert_eq!(apart(&[99.0, 100.0], 10.0, 0.0, 100.0), [90.0, 100.0]);
        assert_eq!(apart(&[0.0, 1.0], 10.0, 0.0, 100.0), [0.0, 10.0]);
        assert!(apart(&[], 10.0, 0.0, 100.0).is_empty());
    }
}
