//! The final schedules: marginal and average rate against income, a line per arm.

use super::super::finished::{Arm, FinishedRun};
use super::super::key::legend;
use super::super::number::{percent, short_money};
use super::super::scale::{Scale, Spacing};
use super::super::sheet::{Anchor, Axis, Frame, MARGIN, Panel, SOFT, Sheet, Stroke, WIDTH};
use super::super::typeface::width;
use super::{Draft, column, legend_entries};
use crate::Result;

const ID: &str = "schedules";
const TITLE: &str = "Final tax schedules";

/// Points of the income axis at which rates are computed, besides the bracket edges.
const POINTS: usize = 240;

pub(super) fn draw(run: &FinishedRun) -> Result<Draft> {
    let reach = reach(run);
    let grid = income_grid(run, reach.high);
    let marked = percentiles_of(run).map_or(String::new(), |arm| {
        format!(
            " Dotted lines mark percentiles of income under {}.",
            arm.name
        )
    });
    let caption = format!(
        "Marginal rate (the tax on the next dollar) and average rate (tax over income) of the schedules in force in \
         the last tax year, against pre-tax income on a square-root axis. {} Average rates leave out the lump-sum \
         rebate, which every worker of an arm receives alike.{marked}{}",
        reach.told, reach.beyond
    );
    let subtitle = match percentiles_of(run) {
        Some(arm) => format!(
            "Rates of the last tax year, without the rebate. Dotted: percentiles of income under {}.",
            arm.name
        ),
        None => "Rates of the last tax year, without the rebate.".to_owned(),
    };
    let mut sheet = Sheet::new(ID);
    let top = sheet.heading(TITLE, &subtitle);
    let rates = run
        .arms
        .iter()
        .filter_map(|arm| arm.years.last())
        .flat_map(|year| year.schedule.rates.iter());
    let (low, high) = rates.fold((0.0f64, 0.0f64), |(low, high), rate| {
        (low.min(*rate), high.max(*rate))
    });
    // Room at the top for the labels of the percentiles.
    let high = (high * 1.17).max(0.1);
    let y = Scale::new(Spacing::Linear, low - 0.03 * high, high);
    let x = Scale::new(Spacing::SquareRoot, 0.0, reach.high);
    let (left, right, height) = (MARGIN + 40.0, WIDTH - MARGIN - 10.0, 196.0);
    let mut upper = top + 40.0;
    for (title, last) in [("Marginal rate", false), ("Average rate", true)] {
        let frame = Frame {
            left,
            top: upper,
            right,
            bottom: upper + height,
        };
        let panel = Panel { frame, x, y };
        draw_panel(&mut sheet, run, &panel, &grid, title, last)?;
        if !last {
            deciles(&mut sheet, run, &panel)?;
        }
        upper += height + 52.0;
    }
    let bottom = legend(&mut sheet, upper + 2.0, &legend_entries(run, false))?;
    Ok(Draft {
        id: ID.into(),
        title: TITLE.into(),
        svg: sheet.finish(bottom + MARGIN, TITLE, &caption),
        caption,
        data: data(run, &grid),
    })
}

fn draw_panel(
    sheet: &mut Sheet,
    run: &FinishedRun,
    panel: &Panel,
    grid: &[f64],
    title: &str,
    average: bool,
) -> Result<()> {
    let incomes = panel.x.ticks(0.058);
    let income_labels = incomes.iter().map(|income| short_money(*income)).collect();
    let rates = panel.y.ticks(0.16);
    let rate_labels = rates.iter().map(|rate| percent(*rate)).collect();
    let below = if average {
        "Pre-tax income per year"
    } else {
        ""
    };
    sheet.axes(
        panel,
        &Axis::new(incomes, income_labels, below),
        &Axis::new(rates, rate_labels, title),
    )?;
    for i in run.drawing_order() {
        let arm = &run.arms[i];
        let Some(year) = arm.years.last() else {
            continue;
        };
        let points: Vec<(f64, f64)> = if average {
            grid.iter()
                .map(|&income| (income, year.schedule.average_rate(income)))
                .collect()
        } else {
            let step = |pair: &[f64]| {
                let rate = year.schedule.marginal_rate(pair[0]);
                [(pair[0], rate), (pair[1], rate)]
            };
            grid.windows(2).flat_map(step).collect()
        };
        sheet.line(panel, &corners(&points), Stroke::from(&arm.look))?;
    }
    Ok(())
}

/// Drops points in the middle of level stretches, which only make the file longer.
fn corners(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let needed = |i: usize| {
        i == 0
            || i + 1 == points.len()
            || points[i - 1].1 != points[i].1
            || points[i + 1].1 != points[i].1
    };
    (0..points.len())
        .filter(|&i| needed(i))
        .map(|i| points[i])
        .collect()
}

/// The arm whose income percentiles are marked: the baseline, if enough workers were recorded.
fn percentiles_of(run: &FinishedRun) -> Option<&Arm> {
    let arm = &run.arms[run.baseline().unwrap_or(0)];
    (arm.last.income.len() >= 20).then_some(arm)
}

/// Marks percentiles of the baseline arm's income along the top of the panel.
fn deciles(sheet: &mut Sheet, run: &FinishedRun, panel: &Panel) -> Result<()> {
    let Some(arm) = percentiles_of(run) else {
        return Ok(());
    };
    let mut incomes = arm.last.income.clone();
    incomes.sort_by(f64::total_cmp);
    let mut free = panel.frame.left;
    for (q, label) in [
        (0.1, "p10"),
        (0.25, "p25"),
        (0.5, "p50"),
        (0.75, "p75"),
        (0.9, "p90"),
        (0.99, "p99"),
    ] {
        let income = super::super::distribution::quantile(&incomes, q);
        if income > panel.x.high {
            continue;
        }
        let (at, _) = panel.place((income, panel.y.low));
        let dots = Stroke {
            color: SOFT,
            width: 0.7,
            dash: &[1.0, 3.0],
        };
        let half = width(label, 11.5, false) / 2.0;
        if at - half < free {
            continue;
        }
        sheet.rule((at, panel.frame.top + 14.0), (at, panel.frame.bottom), dots)?;
        sheet.text(at, panel.frame.top + 9.0, label, SOFT, Anchor::Middle);
        free = at + half + 6.0;
    }
    Ok(())
}

struct Reach {
    high: f64,
    told: String,
    beyond: String,
}

/// How far the income axis reaches, and what a reader should know about it.
fn reach(run: &FinishedRun) -> Reach {
    let edges = || {
        run.arms
            .iter()
            .filter_map(|arm| arm.years.last())
            .flat_map(|year| year.schedule.edges.iter())
    };
    let top_edge = edges().copied().fold(0.0, f64::max);
    let p995 = run.income_quantile(0.995);
    let (high, told) = if p995.is_finite() && p995 > 0.0 {
        let told = format!(
            "The axis ends at {}, the 99.5th percentile of income over all arms.",
            short_money(p995)
        );
        (p995, told)
    } else {
        let high = if top_edge > 0.0 {
            top_edge * 1.25
        } else {
            200_000.0
        };
        (
            high,
            "No workers were recorded, so the axis is not tied to their incomes.".to_owned(),
        )
    };
    let beyond = if top_edge > high {
        format!(
            " Brackets above that, up to {}, are not shown.",
            short_money(top_edge)
        )
    } else {
        String::new()
    };
    Reach { high, told, beyond }
}

/// Incomes from 0 to `high`, evenly spaced on the square-root axis, with every bracket edge among them.
fn income_grid(run: &FinishedRun, high: f64) -> Vec<f64> {
    let even = (0..=POINTS).map(|i| (high * (i as f64 / POINTS as f64).powi(2)).round());
    let edges = run
        .arms
        .iter()
        .filter_map(|arm| arm.years.last())
        .flat_map(|year| year.schedule.edges.iter().copied());
    let mut grid: Vec<f64> = even
        .chain(edges)
        .filter(|income| *income <= high.round())
        .collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    grid
}

fn data(run: &FinishedRun, grid: &[f64]) -> Vec<polars::prelude::Column> {
    let (mut arms, mut incomes, mut marginal, mut average) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for arm in &run.arms {
        let Some(year) = arm.years.last() else {
            continue;
        };
        for &income in grid {
            arms.push(arm.name.clone());
            incomes.push(income);
            marginal.push(year.schedule.marginal_rate(income));
            average.push(year.schedule.average_rate(income));
        }
    }
    vec![
        column("arm", arms),
        column("income", incomes),
        column("marginal_rate", marginal),
        column("average_rate", average),
    ]
}
