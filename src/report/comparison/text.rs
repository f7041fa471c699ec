//! The comparison as a table for reading.

use super::{Arm, Comparison, Group};
use crate::report::number::{grouped, percent};
use crate::statistics::Interval;

/// Where there is no value.
pub(super) const MISSING: &str = "-";

/// Behind the number of seeds of an arm that has fewer than the reference.
const FEWER: &str = "*";

/// Width at which warnings are wrapped.
const WIDTH: usize = 100;

impl Comparison {
    /// The table that `fisc compare` prints: for each group a row per arm, warnings beneath.
    pub fn text(&self) -> String {
        let mut out = format!(
            "{}: {}, mean over {}; differences seed by seed, {} intervals\n",
            self.name,
            self.outcome,
            self.over.in_words(),
            percent(self.settings.level).replace('%', " %"),
        );
        for group in &self.groups {
            out.push('\n');
            out += &self.heading(group);
            out += &aligned(&self.rows(group));
        }
        out += &self.legend();
        if !self.warnings.is_empty() {
            out.push('\n');
        }
        for warning in &self.warnings {
            out += &wrapped(&format!("* {warning}"), WIDTH);
        }
        out
    }

    fn heading(&self, group: &Group) -> String {
        let mut parts = Vec::new();
        if !group.values.is_empty() {
            parts.push(group.label());
        }
        let seeds = if group.seeds == 1 { "seed" } else { "seeds" };
        parts.push(format!("{} {seeds}", group.seeds));
        if !group.unit.is_empty() {
            parts.push(group.unit.clone());
        }
        if let Some(gain) = &group.attainable {
            let places = Places::of(group);
            let interval = gain
                .t
                .map(|t| format!(" {}", places.interval(t)))
                .unwrap_or_default();
            parts.push(format!(
                "attainable gain (optimal less {}) {}{interval}",
                self.law(),
                grouped(gain.mean, places.0)
            ));
        }
        parts.join(" | ") + "\n"
    }

    /// Heading and cells of a group.
    pub(super) fn rows(&self, group: &Group) -> Vec<Vec<String>> {
        let reference = group.reference.as_deref().unwrap_or(MISSING);
        let mut rows = vec![
            [
                "arm",
                "n",
                "mean",
                &format!("less {reference}"),
                "t interval",
                "bootstrap interval",
                "% of gain",
                "interval",
                "p",
                "Holm's p",
                "higher in",
                "settled",
                "verdict",
            ]
            .map(str::to_owned)
            .to_vec(),
        ];
        let places = Places::of(group);
        let verdict = |arm: &Arm| arm.against.as_ref().map(|against| self.verdict(against));
        rows.extend((group.arms.iter()).map(|arm| cells(group, arm, places, verdict(arm))));
        rows
    }

    /// The law at which gains begin, in words.
    pub(super) fn law(&self) -> &str {
        self.law.as_deref().unwrap_or("the U.S. law")
    }

    fn legend(&self) -> String {
        let margin = percent(self.margin).replace('%', " %");
        let tests = match (self.family, self.copies) {
            (0 | 1, _) => String::new(),
            (n, 0) => format!(" Holm's p counts all {n} differences together."),
            (n, 1) => format!(
                " Holm's p counts {n} differences together; 1 more is the same seed by seed as one of these."
            ),
            (n, copies) => format!(
                " Holm's p counts {n} differences together; {copies} more are the same seed by seed as one of \
                 these."
            ),
        };
        let fewer = match self.groups.iter().any(|group| {
            let mut arms = group.arms.iter();
            arms.any(|arm| group.lacks_seeds(arm))
        }) {
            true => format!(" {FEWER} fewer seeds than the reference's row, see below."),
            false => String::new(),
        };
        "\n".to_owned()
            + wrapped(
                &format!(
                    "% of gain: of what `optimal` reaches beyond {}. No difference: within ±{margin} of \
                     it.{tests}{fewer} Meaning of every number: docs/statistics.md",
                    self.law()
                ),
                WIDTH,
            ).as_str()
    }
}

fn cells(group: &Group, arm: &Arm, places: Places, verdict: Option<String>) -> Vec<String> {
    let missing = || MISSING.to_owned();
    let interval =
        |interval: Option<Interval>| interval.map_or_else(missing, |i| places.interval(i));
    let settled = arm
        .settling
        .map_or(MISSING, |settling| settling.settled.in_words());
    let (n, mean) = group.row_mean(arm);
    let mark = if group.lacks_seeds(arm) { FEWER } else { "" };
    let mut cells = vec![
        arm.arm.clone(),
        format!("{n}{mark}"),
        mean.map_or_else(missing, |mean| grouped(mean, places.0)),
    ];
    match &arm.against {
        None => {
            cells.extend(std::iter::repeat_n(missing(), 8));
            cells.push(settled.to_owned());
            let is_reference = group.reference.as_ref() == Some(&arm.arm);
            cells.push(if is_reference { "reference" } else { MISSING }.to_owned());
        }
        Some(against) => {
            let difference = &against.paired.difference;
            let share = against.share;
            let of_gain = share.and_then(|share| share.interval);
            cells.extend([
                signed(difference.mean, places.0),
                interval(difference.t),
                interval(difference.bootstrap),
                share.map_or_else(missing, |share| signed(100.0 * share.share, 1)),
                of_gain.map_or_else(missing, |i| Places(1).interval(i.scaled(100.0))),
                p_value(against.paired.p),
                p_value(against.p_holm),
                percent(against.paired.higher).replace('%', " %"),
                settled.to_owned(),
                verdict.unwrap_or_default(),
            ]);
        }
    }
    cells
}

/// Decimal places of a group's amounts.
#[derive(Clone, Copy)]
pub(super) struct Places(pub usize);

impl Places {
    /// Five significant digits of the largest mean, and two of the smallest difference that is not 0.
    pub(super) fn of(group: &Group) -> Places {
        let means = group
            .arms
            .iter()
            .filter_map(|arm| Some(arm.mean.as_ref()?.mean.abs()));
        let differences = group.arms.iter().filter_map(|arm| {
            let mean = arm.against.as_ref()?.paired.difference.mean.abs();
            (mean > 0.0).then_some(mean)
        });
        let digits = |value: f64, digits: f64| {
            (digits - 1.0 - value.log10().floor()).clamp(0.0, 8.0) as usize
        };
        let largest = means.fold(0.0, f64::max);
        let smallest = differences.fold(f64::INFINITY, f64::min);
        let for_means = if largest > 0.0 {
            digits(largest, 5.0)
        } else {
            0
        };
        let for_differences = match smallest.is_finite() {
            true => digits(smallest, 2.0),
            false => 0,
        };
        Places(for_means.max(for_differences.min(for_means + 2)))
    }

    /// `[low, high]`; a semicolon between numbers with commas.
    pub(super) fn interval(self, interval: Interval) -> String {
        let (low, high) = (
            grouped(interval.low, self.0),
            grouped(interval.high, self.0),
        );
        let comma = low.contains(',') || high.contains(',');
        let between = if comma { "; " } else { ", " };
        format!("[{low}{between}{high}]")
    }
}

/// With a plus where it is positive.
pub(super) fn signed(value: f64, places: usize) -> String {
    let text = grouped(value, places);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// Three places; below a thousandth, that.
pub(super) fn p_value(p: Option<f64>) -> String {
    match p {
        None => MISSING.to_owned(),
        Some(p) if p < 0.001 => "<0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
    }
}

/// Columns aligned: the first and the last to the left, the others to the right; a line below the heading.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| {
        rows.iter()
            .map(|row| row[at].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> = (row.iter().zip(&widths).enumerate())
            .map(|(at, (cell, &width))| match at == 0 || at + 1 == columns {
                true => format!("{cell:<width$}"),
                false => format!("{cell:>width$}"),
            })
            .collect();
        out += cells.join("  ").trim_end();
        out.push('\n');
        if number == 0 {
            out += &"-".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1));
            out.push('\n');
        }
    }
    out
}

/// Broken between words at `width`, later lines indented by two.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            out += "\n  ";
            used = 2;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out += word;
        used += length;
    }
    out + "\n"
}
