//! Where language models work: the distribution of hours chosen in the last tax year, a panel per arm.

use super::super::finished::FinishedRun;
use super::super::number::{grouped, percent};
use super::super::scale::{Scale, Spacing};
use super::super::sheet::{Anchor, Axis, MARGIN, Panel, SOFT, Sheet, Stroke};
use super::super::typeface::fit;
use super::small_multiples::Grid;
use super::{Draft, column};
use crate::Result;

const ID: &str = "choices";
const TITLE: &str = "Hours chosen in the last tax year";

/// Width of a bar in hours: the grid on which language models choose.
const STEP: f64 = 10.0;

pub(super) fn draw(run: &FinishedRun) -> Result<Option<Draft>> {
    if run.last_step.is_none() || !language_models_work(run) {
        return Ok(None);
    }
    let hours = run.hours_of_last_year()?;
    let shown: Vec<usize> = (0..run.arms.len())
        .filter(|&i| !hours[i].is_empty())
        .collect();
    if shown.is_empty() {
        return Ok(None);
    }
    let most = hours.iter().flatten().copied().fold(0.0, f64::max);
    let bars = (most / STEP).round() as usize + 1;
    let shares: Vec<Vec<f64>> = hours.iter().map(|hours| histogram(hours, bars)).collect();
    let caption = "Share of choices by hours per week, over all recorded steps of the last tax year and all workers of \
                   the arm, in bars ten hours wide centred on 0, 10, 20 and so on. The vertical line is the mean. \
                   Repeated choices of one worker count each time, so the bars are not independent draws; workers that \
                   do not ask a language model are included."
        .to_owned();
    let mut sheet = Sheet::new(ID);
    let top = sheet.heading(
        TITLE,
        "Share of choices in bars ten hours wide. Vertical line: mean.",
    );
    let grid = Grid {
        columns: match shown.len() {
            1 => 1,
            2 | 4 => 2,
            _ => 3,
        },
        height: if shown.len() == 1 { 240.0 } else { 120.0 },
        left: 36.0,
        right: 12.0,
        above: 44.0,
        below: 48.0,
    };
    let (frames, bottom) = grid.frames(top + 2.0, shown.len());
    let highest = shares.iter().flatten().copied().fold(0.0, f64::max);
    let x = Scale::new(Spacing::Linear, -STEP / 2.0, (bars as f64 - 0.5) * STEP);
    let y = Scale::new(Spacing::Linear, 0.0, highest * 1.08);
    for (&i, frame) in shown.iter().zip(frames) {
        let arm = &run.arms[i];
        let panel = Panel { frame, x, y };
        let ticks = Scale::new(Spacing::Linear, 0.0, (bars - 1).max(1) as f64 * STEP)
            .ticks(30.0 / (frame.right - frame.left));
        let labels = ticks.iter().map(|hours| format!("{hours:.0}")).collect();
        let parts = y.ticks(0.25);
        let part_labels = parts.iter().map(|part| percent(*part)).collect();
        let (x, y) = (
            Axis::new(ticks, labels, "Hours per week"),
            Axis::new(parts, part_labels, "Share of choices"),
        );
        let flush = sheet.axes(&panel, &x, &y)?;
        sheet.strong(
            flush,
            frame.top - 28.0,
            &fit(&arm.name, 12.0, (frame.right - flush) * 0.95),
            Anchor::Start,
        );
        for (k, share) in shares[i]
            .iter()
            .enumerate()
            .filter(|(_, share)| **share > 0.0)
        {
            let middle = k as f64 * STEP;
            sheet.bar(
                &panel,
                middle - 0.42 * STEP,
                middle + 0.42 * STEP,
                *share,
                arm.look.color,
            )?;
        }
        let mean = hours[i].iter().sum::<f64>() / hours[i].len() as f64;
        let (at, _) = panel.place((mean, 0.0));
        sheet.rule(
            (at, frame.top),
            (at, frame.bottom),
            Stroke {
                color: SOFT,
                width: 1.1,
                dash: &[4.0, 2.0],
            },
        )?;
        sheet.text(
            frame.right,
            frame.top - 11.0,
            &format!("mean {}", grouped(mean, 1)),
            SOFT,
            Anchor::End,
        );
    }
    let rows = || {
        shown.iter().flat_map(|&i| {
            shares[i]
                .iter()
                .enumerate()
                .map(move |(k, share)| (i, k, *share))
        })
    };
    let data = vec![
        column(
            "arm",
            rows()
                .map(|(i, ..)| run.arms[i].name.clone())
                .collect::<Vec<_>>(),
        ),
        column(
            "hours",
            rows().map(|(_, k, _)| k as f64 * STEP).collect::<Vec<_>>(),
        ),
        column("share", rows().map(|(.., share)| share).collect::<Vec<_>>()),
    ];
    let svg = sheet.finish(bottom + MARGIN - 4.0, TITLE, &caption);
    Ok(Some(Draft {
        id: ID.into(),
        title: TITLE.into(),
        svg,
        caption,
        data,
    }))
}

/// Whether `scenario.toml` has a group of workers that asks a language model.
fn language_models_work(run: &FinishedRun) -> bool {
    let Ok(text) = std::fs::read_to_string(run.folder.join("scenario.toml")) else {
        return false;
    };
    let Ok(scenario) = text.parse::<toml::Table>() else {
        return false;
    };
    let groups = scenario.get("workers").and_then(toml::Value::as_array);
    let asks = |group: &toml::Value| {
        group
            .get("decide")
            .and_then(|decide| decide.get("llm"))
            .is_some()
    };
    groups.is_some_and(|groups| groups.iter().any(asks))
}

/// Shares of `hours` nearest to 0, 10, 20 ….
fn histogram(hours: &[f64], bars: usize) -> Vec<f64> {
    let mut counts = vec![0.0; bars];
    for hours in hours.iter().filter(|hours| hours.is_finite()) {
        counts[((hours / STEP).round().max(0.0) as usize).min(bars - 1)] += 1.0;
    }
    let total: f64 = counts.iter().sum();
    counts
        .into_iter()
        .map(|count| if total > 0.0 { count / total } else { 0.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_counted_by_hand() {
        assert_eq!(
            histogram(&[0.0, 40.0, 38.0, 44.0], 5),
            [0.25, 0.0, 0.0, 0.0, 0.75]
        );
        assert_eq!(histogram(&[], 2), [0.0, 0.0]);
    }
}
