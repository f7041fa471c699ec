//! A panel per group: where panels stand, what they are called, and the legend below them.

use super::super::super::figure::small_multiples::Grid;
use super::super::super::key::{Entry, legend};
use super::super::super::sheet::{Anchor, Frame, INK, LABEL, MARGIN, Sheet};
use super::super::super::typeface::{fit, wrap};
use super::super::groups::Groups;
use crate::Result;

/// Most groups that a figure shows large; the small-multiples pages show all.
pub const FEW: usize = 6;

/// Most panels on a page of small multiples.
pub const PAGE: usize = 24;

/// Places for `count` panels below `top`: one is wide, up to six stand in two columns, more in four.
pub fn grid(count: usize) -> Grid {
    let (columns, height, left) = match count {
        1 => (1, 290.0, 62.0),
        2..=FEW => (2, 170.0, 62.0),
        _ => (4, 92.0, 48.0),
    };
    Grid {
        columns,
        height,
        left,
        right: if columns == 4 { 8.0 } else { 12.0 },
        above: if columns == 4 { 46.0 } else { 48.0 },
        below: if columns == 4 { 26.0 } else { 46.0 },
    }
}

/// Frames for `count` panels and the y below them; without panel titles a single one moves up.
pub fn frames(top: f64, count: usize, titled: bool) -> (Vec<Frame>, f64) {
    let mut grid = grid(count);
    if !titled {
        grid.above = 26.0;
    }
    grid.frames(top + 2.0, count)
}

/// Sets the name of a panel above its axis title.
pub fn title(sheet: &mut Sheet, frame: &Frame, left: f64, above: f64, name: &str) {
    if !name.is_empty() {
        let text = fit(name, 12.6, frame.right - left);
        sheet.strong(left, frame.top - above, &text, Anchor::Start);
    }
}

/// The same above a small panel, in at most two lines.
pub fn small_title(sheet: &mut Sheet, frame: &Frame, left: f64, name: &str) {
    let wide = frame.right - left;
    let mut lines = wrap(name, LABEL, wide);
    if lines.len() > 2 {
        let rest = lines.split_off(1).join(" ");
        lines.push(rest);
    }
    for (i, line) in lines.iter().rev().enumerate() {
        let y = frame.top - 9.0 - 14.0 * i as f64;
        sheet.text(left, y, &fit(line, LABEL, wide), INK, Anchor::Start);
    }
}

/// The legend of `arms` below `top`; returns the y below it.
pub fn arms_legend(sheet: &mut Sheet, top: f64, groups: &Groups, arms: &[usize]) -> Result<f64> {
    let entries: Vec<Entry> = arms
        .iter()
        .map(|&arm| Entry {
            label: groups.arms[arm].name.clone(),
            look: groups.arms[arm].look,
            marker: true,
        })
        .collect();
    Ok(legend(sheet, top, &entries)? + MARGIN)
}

/// How a figure that leaves out groups says so.
pub fn left_out(count: usize, shown: usize) -> String {
    if count > shown {
        format!(
            " Of {count} groups the first {shown} are shown; all stand in the figures overview-1 and on, and in the CSV."
        )
    } else {
        String::new()
    }
}

/// How intervals are explained.
pub fn intervals(seeds: usize) -> &'static str {
    match seeds {
        0 | 1 => {
            "One seed: there is no interval, and no difference is an estimate across populations."
        }
        _ => "Means over seeds with 95 % t intervals.",
    }
}
