//! Welfare by tax year, a line per arm; for a run of one year, a point per arm.

use super::super::finished::FinishedRun;
use super::super::key::{EndLabel, end_labels};
use super::super::number::{cells, decimals_for, tick_labels};
use super::super::scale::{Scale, Spacing, year_ticks};
use super::super::sheet::{
    Anchor, Axis, Frame, GRID, INK, LABEL, MARGIN, Panel, SOFT, Sheet, Stroke, WIDTH,
};
use super::super::typeface::{fit, width};
use super::{Draft, column, legend_entries};
use crate::Result;

const ID: &str = "welfare";
const TITLE: &str = "Welfare by tax year";

/// Most room that the names of arms may take beside the panel.
const WIDEST_NAME: f64 = 190.0;

pub(super) fn draw(run: &FinishedRun) -> Result<Draft> {
    let objective = &run.summary.objective;
    let named = if objective.name.is_empty() {
        "no name given"
    } else {
        &objective.name
    };
    let y_title = format!("Welfare ({named}), {}", objective.unit_shown());
    let one_year = run.arms.iter().all(|arm| arm.years.len() < 2);
    let subtitle = if objective.formula.is_empty() {
        "Mean over the steps of each tax year.".to_owned()
    } else {
        format!(
            "{}: {}. Mean over the steps of each tax year.",
            named,
            objective.formula.trim_end_matches('.')
        )
    };
    let caption = format!(
        "Welfare under the scenario's objective ({named}, {}), mean over the steps of each tax year, for every arm \
         on the same workers and the same random streams. The vertical axis does not begin at zero. One run with \
         one seed: the lines carry no sampling error, and a difference between arms is not an estimate across \
         populations.",
        objective.unit_shown()
    );
    let mut sheet = Sheet::new(ID);
    let top = sheet.heading(TITLE, &subtitle);
    let bottom = if one_year {
        points(&mut sheet, run, top, &y_title)?
    } else {
        lines(&mut sheet, run, top, &y_title)?
    };
    let (mut arm, mut year, mut welfare) = (Vec::new(), Vec::new(), Vec::new());
    for one in &run.arms {
        for point in &one.years {
            arm.push(one.name.clone());
            year.push(point.year);
            welfare.push(point.welfare);
        }
    }
    Ok(Draft {
        id: ID.into(),
        title: TITLE.into(),
        svg: sheet.finish(bottom + MARGIN, TITLE, &caption),
        caption,
        data: vec![
            column("arm", arm),
            column("year", year),
            column("welfare", welfare),
        ],
    })
}

fn lines(sheet: &mut Sheet, run: &FinishedRun, top: f64, y_title: &str) -> Result<f64> {
    let last = run.last_year();
    let values = run
        .arms
        .iter()
        .flat_map(|arm| arm.years.iter().map(|year| year.welfare));
    let y = Scale::around(values, 0.06);
    let ticks = y.ticks(0.17);
    let labels = tick_labels(&ticks, run.summary.objective.is_money());
    let left = labels
        .iter()
        .map(|label| width(label, LABEL, false))
        .fold(0.0, f64::max)
        + MARGIN
        + 8.0;
    let names = run
        .arms
        .iter()
        .map(|arm| width(&arm.name, LABEL, false))
        .fold(0.0, f64::max);
    let right = WIDTH - MARGIN - names.min(WIDEST_NAME) - 26.0;
    let frame = Frame {
        left,
        top: top + 26.0,
        right,
        bottom: top + 26.0 + 300.0,
    };
    let panel = Panel {
        frame,
        x: Scale::new(Spacing::Linear, 1.0, f64::from(last)),
        y,
    };
    let years = year_ticks(1, last, 14);
    let year_labels = years.iter().map(|year| format!("{year:.0}")).collect();
    sheet.axes(
        &panel,
        &Axis::new(years, year_labels, "Tax year"),
        &Axis::new(ticks, labels, y_title),
    )?;
    let mut ends = Vec::new();
    for i in run.drawing_order() {
        let arm = &run.arms[i];
        let points: Vec<_> = arm
            .years
            .iter()
            .map(|year| (f64::from(year.year), year.welfare))
            .collect();
        sheet.line(&panel, &points, Stroke::from(&arm.look))?;
        let from = if points.len() <= 24 {
            0
        } else {
            points.len() - 1
        };
        sheet.points(&panel, &points[from..], &arm.look, 2.9)?;
        if let Some(end) = points.iter().rev().find(|point| point.1.is_finite()) {
            ends.push(EndLabel {
                text: arm.name.clone(),
                color: arm.look.color,
                end: panel.place(*end),
            });
        }
    }
    end_labels(
        sheet,
        frame.right + 22.0,
        (frame.top - 6.0, frame.bottom + 6.0),
        &ends,
    )?;
    super::super::key::legend(sheet, frame.bottom + 48.0, &legend_entries(run, true))
}

fn points(sheet: &mut Sheet, run: &FinishedRun, top: f64, title: &str) -> Result<f64> {
    let welfare: Vec<f64> = run
        .arms
        .iter()
        .map(|arm| arm.years.last().map_or(f64::NAN, |year| year.welfare))
        .collect();
    let x = Scale::around(welfare.iter().copied(), 0.08);
    let names = run
        .arms
        .iter()
        .map(|arm| width(&arm.name, LABEL, false))
        .fold(0.0, f64::max)
        .min(WIDEST_NAME);
    let decimals = decimals_for(welfare.iter().copied());
    let values: Vec<Option<f64>> = welfare
        .iter()
        .map(|value| value.is_finite().then_some(*value))
        .collect();
    let shown: Vec<String> = cells(&values, decimals)
        .into_iter()
        .map(|cell| cell.unwrap_or("n/a".into()))
        .collect();
    let beside = shown
        .iter()
        .map(|text| width(text, LABEL, false))
        .fold(0.0, f64::max);
    let row = 26.0;
    let frame = Frame {
        left: MARGIN + names + 14.0,
        top: top + 6.0,
        right: WIDTH - MARGIN - beside - 16.0,
        bottom: top + 6.0 + row * run.arms.len() as f64,
    };
    let panel = Panel {
        frame,
        x,
        y: Scale::new(Spacing::Linear, run.arms.len() as f64, 0.0),
    };
    let panel = Panel {
        y: Scale {
            low: run.arms.len() as f64,
            high: 0.0,
            ..panel.y
        },
        ..panel
    };
    let ticks = x.ticks(0.17);
    let labels = tick_labels(&ticks, run.summary.objective.is_money());
    sheet.axes(
        &panel,
        &Axis::new(ticks, labels, title),
        &Axis {
            ticks: Vec::new(),
            title: "",
        },
    )?;
    for (i, arm) in run.arms.iter().enumerate() {
        let (at, y) = panel.place((welfare[i], i as f64 + 0.5));
        sheet.rule(
            (frame.left, y),
            (frame.right, y),
            Stroke {
                color: GRID,
                width: 0.8,
                dash: &[],
            },
        )?;
        sheet.text(
            frame.left - 10.0,
            y + 4.0,
            &fit(&arm.name, LABEL, names + 1.0),
            INK,
            Anchor::End,
        );
        if welfare[i].is_finite() {
            sheet.markers(&[(at, y)], &arm.look, 5.0)?;
        }
        sheet.text(WIDTH - MARGIN, y + 4.0, &shown[i], SOFT, Anchor::End);
    }
    Ok(frame.bottom + 40.0)
}
