//! Hours against wage at the last step, a panel per arm: a point per worker, or medians with a band.

use polars::prelude::Column;

use super::super::arms::Look;
use super::super::distribution::quantile;
use super::super::finished::{FinishedRun, Workers};
use super::super::number::tick_labels;
use super::super::scale::{Scale, Spacing};
use super::super::sheet::{Anchor, Axis, MARGIN, Panel, Rgb, SOFT, Sheet, Stroke};
use super::super::typeface::fit;
use super::small_multiples::Grid;
use super::{Draft, column};
use crate::Result;

const ID: &str = "hours";
const TITLE: &str = "Hours by wage";

/// Above this many workers a panel shows medians and a band instead of a point per worker.
const MOST_POINTS: usize = 120;
/// Groups of equal size, by wage, behind the medians.
const GROUPS: usize = 20;
const BEHIND: Rgb = (150, 150, 150);

/// Hours of workers with about the same wage.
struct Group {
    wage: f64,
    workers: usize,
    p10: f64,
    p50: f64,
    p90: f64,
}

pub(super) fn draw(run: &FinishedRun) -> Result<Option<Draft>> {
    let shown: Vec<usize> = (0..run.arms.len())
        .filter(|&i| !run.arms[i].last.wage.is_empty())
        .collect();
    let (Some(step), false) = (run.last_step, shown.is_empty()) else {
        return Ok(None);
    };
    let many = shown
        .iter()
        .any(|&i| run.arms[i].last.wage.len() > MOST_POINTS);
    let groups: Vec<Vec<Group>> = if many {
        shown.iter().map(|&i| by_wage(&run.arms[i].last)).collect()
    } else {
        Vec::new()
    };
    let baseline = run
        .baseline()
        .and_then(|i| shown.iter().position(|s| *s == i))
        .filter(|_| shown.len() > 1);
    let behind = baseline.map(|b| run.arms[shown[b]].name.as_str());
    let what = if many {
        format!(
            "Line: median of {GROUPS} groups of workers by wage; band: 10th to 90th percentile."
        )
    } else {
        "A point per worker.".to_owned()
    };
    let grey = match (behind, many) {
        (Some(name), true) => format!(" Grey: median under {name}."),
        (Some(name), false) => format!(" Grey rings: the same workers under {name}."),
        (None, _) => String::new(),
    };
    let caption = format!(
        "Hours per week against the hourly wage (log axis) at step {step}, the last one recorded. {what}{grey} Wages \
         are fixed, so a worker stands at the same wage in every panel. The slope across workers is not an elasticity: \
         workers with different wages also face different marginal rates."
    );
    let mut sheet = Sheet::new(ID);
    let top = sheet.heading(TITLE, &format!("Step {step}. {what}{grey}"));
    let grid = Grid {
        columns: match shown.len() {
            1 => 1,
            2 | 4 => 2,
            _ => 3,
        },
        height: if shown.len() == 1 { 300.0 } else { 150.0 },
        left: 32.0,
        right: 14.0,
        above: if shown.len() == 1 { 48.0 } else { 44.0 },
        below: 48.0,
    };
    let (frames, bottom) = grid.frames(top + 2.0, shown.len());
    let (x, y) = scales(run, &shown, &groups);
    for ((place, &i), frame) in shown.iter().enumerate().zip(frames) {
        let arm = &run.arms[i];
        let panel = Panel { frame, x, y };
        axes(
            &mut sheet,
            &panel,
            &fit(&arm.name, 12.0, (frame.right - frame.left) * 0.95),
        )?;
        let under = baseline.filter(|b| *b != place);
        if many {
            medians(
                &mut sheet,
                &panel,
                &groups[place],
                under.map(|b| &groups[b][..]),
                &arm.look,
            )?;
        } else {
            points(
                &mut sheet,
                &panel,
                &arm.last,
                under.map(|b| &run.arms[shown[b]].last),
                &arm.look,
            )?;
        }
    }
    let data = if many {
        grouped_data(run, &shown, &groups)
    } else {
        worker_data(run, &shown)
    };
    let svg = sheet.finish(bottom + MARGIN - 4.0, TITLE, &caption);
    Ok(Some(Draft {
        id: ID.into(),
        title: TITLE.into(),
        svg,
        caption,
        data,
    }))
}

/// Axes that hold everything drawn: all medians and bands, or all workers where there are no groups.
fn scales(run: &FinishedRun, shown: &[usize], groups: &[Vec<Group>]) -> (Scale, Scale) {
    let (mut low, mut high, mut most) = (f64::INFINITY, 0.0f64, 0.0f64);
    let mut hold = |wage: f64, hours: f64| {
        (low, high, most) = (low.min(wage), high.max(wage), most.max(hours))
    };
    if groups.is_empty() {
        for workers in shown.iter().map(|&i| &run.arms[i].last) {
            workers
                .wage
                .iter()
                .zip(&workers.labor)
                .for_each(|(wage, hours)| hold(*wage, *hours));
        }
    }
    groups
        .iter()
        .flatten()
        .for_each(|group| hold(group.wage, group.p90));
    let hours = Scale::new(Spacing::Linear, 0.0, (most * 1.06).clamp(10.0, 168.0));
    (
        Scale::new(Spacing::Logarithmic, low * 0.9, high * 1.1),
        hours,
    )
}

fn axes(sheet: &mut Sheet, panel: &Panel, name: &str) -> Result<()> {
    let frame = panel.frame;
    let length = frame.right - frame.left;
    let wages = panel.x.ticks(29.0 / length);
    let wage_labels = tick_labels(&wages, true);
    let hours = panel.y.ticks(0.2);
    let hour_labels = tick_labels(&hours, false);
    let (x, y) = (
        Axis::new(wages, wage_labels, "Wage per hour"),
        Axis::new(hours, hour_labels, "Hours per week"),
    );
    let flush = sheet.axes(panel, &x, &y)?;
    sheet.strong(flush, frame.top - 28.0, name, Anchor::Start);
    Ok(())
}

fn points(
    sheet: &mut Sheet,
    panel: &Panel,
    workers: &Workers,
    under: Option<&Workers>,
    look: &Look,
) -> Result<()> {
    let pairs = |workers: &Workers| -> Vec<(f64, f64)> {
        workers
            .wage
            .iter()
            .copied()
            .zip(workers.labor.iter().copied())
            .collect()
    };
    let radius = if workers.wage.len() <= 40 { 3.2 } else { 2.2 };
    if let Some(under) = under {
        sheet.rings(panel, &pairs(under), BEHIND, radius + 0.8)?;
    }
    sheet.points(panel, &pairs(workers), look, radius)
}

fn medians(
    sheet: &mut Sheet,
    panel: &Panel,
    groups: &[Group],
    under: Option<&[Group]>,
    look: &Look,
) -> Result<()> {
    let line = |of: &dyn Fn(&Group) -> f64| -> Vec<(f64, f64)> {
        groups.iter().map(|g| (g.wage, of(g))).collect()
    };
    sheet.band(panel, &line(&|g| g.p10), &line(&|g| g.p90), look.color)?;
    if let Some(under) = under {
        let points: Vec<_> = under.iter().map(|group| (group.wage, group.p50)).collect();
        sheet.line(
            panel,
            &points,
            Stroke {
                color: SOFT,
                width: 1.1,
                dash: &[4.0, 2.5],
            },
        )?;
    }
    let middle = line(&|g| g.p50);
    sheet.line(
        panel,
        &middle,
        Stroke {
            color: look.color,
            width: 1.8,
            dash: &[],
        },
    )?;
    sheet.points(panel, &middle, look, 2.1)
}

/// Cuts the workers into groups of equal size by wage.
fn by_wage(workers: &Workers) -> Vec<Group> {
    let mut pairs: Vec<(f64, f64)> = workers
        .wage
        .iter()
        .copied()
        .zip(workers.labor.iter().copied())
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = pairs.len();
    let groups = GROUPS.min(n);
    let group = |g: usize| {
        let members = &pairs[g * n / groups..(g + 1) * n / groups];
        let wages: Vec<f64> = members.iter().map(|pair| pair.0).collect();
        let mut hours: Vec<f64> = members.iter().map(|pair| pair.1).collect();
        hours.sort_by(f64::total_cmp);
        Group {
            wage: quantile(&wages, 0.5),
            workers: members.len(),
            p10: quantile(&hours, 0.1),
            p50: quantile(&hours, 0.5),
            p90: quantile(&hours, 0.9),
        }
    };
    (0..groups).map(group).collect()
}

fn worker_data(run: &FinishedRun, shown: &[usize]) -> Vec<Column> {
    let (mut arms, mut ids) = (Vec::new(), Vec::<u32>::new());
    let (mut wages, mut hours) = (Vec::<f64>::new(), Vec::<f64>::new());
    for &i in shown {
        let workers = &run.arms[i].last;
        arms.extend(std::iter::repeat_n(
            run.arms[i].name.clone(),
            workers.worker.len(),
        ));
        ids.extend(&workers.worker);
        wages.extend(&workers.wage);
        hours.extend(&workers.labor);
    }
    vec![
        column("arm", arms),
        column("worker", ids),
        column("wage", wages),
        column("labor", hours),
    ]
}

fn grouped_data(run: &FinishedRun, shown: &[usize], groups: &[Vec<Group>]) -> Vec<Column> {
    let named = shown.iter().zip(groups);
    let groups: Vec<(&str, u32, &Group)> = named
        .flat_map(|(&i, groups)| {
            groups
                .iter()
                .zip(1..)
                .map(move |(group, number)| (run.arms[i].name.as_str(), number, group))
        })
        .collect();
    let numbers = |of: &dyn Fn(&Group) -> f64| {
        groups
            .iter()
            .map(|(.., group)| of(group))
            .collect::<Vec<f64>>()
    };
    vec![
        column(
            "arm",
            groups.iter().map(|(arm, ..)| *arm).collect::<Vec<_>>(),
        ),
        column(
            "wage_group",
            groups
                .iter()
                .map(|(_, number, _)| *number)
                .collect::<Vec<u32>>(),
        ),
        column(
            "workers",
            groups
                .iter()
                .map(|(.., group)| group.workers as u32)
                .collect::<Vec<u32>>(),
        ),
        column("wage_median", numbers(&|g| g.wage)),
        column("labor_p10", numbers(&|g| g.p10)),
        column("labor_median", numbers(&|g| g.p50)),
        column("labor_p90", numbers(&|g| g.p90)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_equal_and_in_order() {
        let workers = Workers {
            wage: (0..200).rev().map(|i| f64::from(i) + 1.0).collect(),
            labor: (0..200).rev().map(f64::from).collect(),
            ..Workers::default()
        };
        let groups = by_wage(&workers);
        assert!(groups.iter().all(|group| group.workers == 10));
        assert_eq!((groups[0].wage, groups[0].p50), (5.5, 4.5));
        assert!((groups[19].p90 - 198.1).abs() < 1e-9);
    }
}
