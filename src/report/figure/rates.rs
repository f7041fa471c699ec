//! Marginal rates by tax year, for the arms whose schedule moves; a panel per arm, a line per bracket.

use super::super::finished::{Arm, FinishedRun};
use super::super::key::{EndLabel, end_labels};
use super::super::number::{percent, short_money};
use super::super::scale::{Scale, Spacing, year_ticks};
use super::super::sheet::{Anchor, Axis, MARGIN, Panel, Rgb, Sheet, Stroke};
use super::super::typeface::fit;
use super::small_multiples::Grid;
use super::{Draft, column, listed};
use crate::Result;

const ID: &str = "rates";
const TITLE: &str = "Marginal tax rates by tax year";

pub(super) fn draw(run: &FinishedRun) -> Result<Draft> {
    let moves = |arm: &&Arm| {
        arm.years
            .windows(2)
            .any(|pair| pair[0].schedule != pair[1].schedule)
    };
    let mut shown: Vec<&Arm> = run.arms.iter().filter(moves).collect();
    let still = shown.is_empty();
    if still {
        shown.extend(run.arms.first());
    }
    let names: Vec<&str> = shown.iter().map(|arm| arm.name.as_str()).collect();
    let others = run.arms.len() - shown.len();
    let caption = if still {
        format!(
            "Marginal rate in each bracket under {}. No arm of this run changed its rates from one year to the next.",
            listed(&names)
        )
    } else {
        let rest = match others {
            0 => String::new(),
            1 => " The other arm kept its rates throughout and is not shown.".into(),
            n => format!(" The other {n} arms kept their rates throughout and are not shown."),
        };
        format!(
            "Marginal rate in each bracket, as set at the start of every tax year, under {}. A line is named by the \
             income at which its bracket begins; darker lines are higher brackets. Rates move because the planner \
             tries them out: a change is not by itself an improvement.{rest}",
            listed(&names)
        )
    };
    let mut sheet = Sheet::new(ID);
    let top = sheet.heading(
        TITLE,
        "A line per bracket, named by the income at which it begins.",
    );
    let rates = || {
        shown.iter().flat_map(|arm| {
            arm.years
                .iter()
                .flat_map(|year| year.schedule.rates.iter().copied())
        })
    };
    let (low, high) = rates().fold((0.0f64, 0.0f64), |(low, high), rate| {
        (low.min(rate), high.max(rate))
    });
    let high = (high * 1.04).max(0.1);
    let y = Scale::new(Spacing::Linear, low - 0.02 * high, high);
    let grid = Grid {
        columns: if shown.len() == 1 { 1 } else { 2 },
        height: if shown.len() == 1 { 280.0 } else { 200.0 },
        left: 40.0,
        right: 84.0,
        above: 44.0,
        below: 50.0,
    };
    let (frames, bottom) = grid.frames(top + 2.0, shown.len());
    for (arm, frame) in shown.iter().zip(frames) {
        let last = f64::from(run.last_year());
        let panel = Panel {
            frame,
            x: Scale::new(Spacing::Linear, 0.5, last + 0.5),
            y,
        };
        draw_arm(&mut sheet, &panel, arm, run.last_year())?;
    }
    Ok(Draft {
        id: ID.into(),
        title: TITLE.into(),
        svg: sheet.finish(bottom + MARGIN, TITLE, &caption),
        caption,
        data: data(&shown),
    })
}

fn draw_arm(sheet: &mut Sheet, panel: &Panel, arm: &Arm, last: u32) -> Result<()> {
    let width = panel.frame.right - panel.frame.left;
    let years = year_ticks(1, last, (width / 30.0) as usize);
    let year_labels = years.iter().map(|year| format!("{year:.0}")).collect();
    let ticks = panel.y.ticks(0.16);
    let labels = ticks.iter().map(|rate| percent(*rate)).collect();
    let (x, y) = (
        Axis::new(years, year_labels, "Tax year"),
        Axis::new(ticks, labels, "Marginal rate"),
    );
    let flush = sheet.axes(panel, &x, &y)?;
    let name = fit(&arm.name, 12.0, (panel.frame.right - flush) * 0.95);
    sheet.strong(flush, panel.frame.top - 28.0, &name, Anchor::Start);
    let brackets = arm
        .years
        .iter()
        .map(|year| year.schedule.rates.len())
        .max()
        .unwrap_or(0);
    let mut ends = Vec::new();
    for k in 0..brackets {
        let share = if brackets > 1 {
            k as f64 / (brackets - 1) as f64
        } else {
            1.0
        };
        let color = ramp(share);
        let (mut risers, mut treads) = (Vec::new(), Vec::new());
        for year in &arm.years {
            let rate = year.schedule.rates.get(k).copied().unwrap_or(f64::NAN);
            let at = f64::from(year.year);
            risers.extend([(at - 0.5, rate), (at + 0.5, rate)]);
            treads.extend([(at - 0.5, rate), (at + 0.5, rate), (f64::NAN, f64::NAN)]);
        }
        // The lower bracket is drawn first and wider, so that it shows beside a higher one at the same rate.
        sheet.line(
            panel,
            &risers,
            Stroke {
                color,
                width: 0.6,
                dash: &[],
            },
        )?;
        let dash: &[f64] = if k % 2 == 1 { &[7.0, 2.5] } else { &[] };
        sheet.line(
            panel,
            &treads,
            Stroke {
                color,
                width: 3.6 - 2.2 * share,
                dash,
            },
        )?;
        if let (Some(year), Some(end)) = (
            arm.years.last(),
            risers.last().filter(|end| end.1.is_finite()),
        ) {
            let edge = year.schedule.edges.get(k).copied().unwrap_or(f64::NAN);
            let text = format!("from {}", short_money(edge));
            ends.push(EndLabel {
                text,
                color,
                end: panel.place(*end),
            });
        }
    }
    end_labels(
        sheet,
        panel.frame.right + 18.0,
        (panel.frame.top - 4.0, panel.frame.bottom + 4.0),
        &ends,
    )
}

/// From light to dark, also in grey: the upper brackets are the dark ones.
pub(in crate::report) fn ramp(share: f64) -> Rgb {
    const STOPS: [Rgb; 4] = [(226, 158, 40), (205, 85, 80), (125, 35, 120), (30, 10, 70)];
    let at = share.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let below = (at.floor() as usize).min(STOPS.len() - 2);
    let part = at - below as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    let (a, b) = (STOPS[below], STOPS[below + 1]);
    (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

fn data(shown: &[&Arm]) -> Vec<polars::prelude::Column> {
    let (mut arms, mut years, mut brackets) = (Vec::new(), Vec::new(), Vec::new());
    let (mut edges, mut rates) = (Vec::new(), Vec::new());
    for arm in shown {
        for year in &arm.years {
            for (k, (edge, rate)) in year
                .schedule
                .edges
                .iter()
                .zip(&year.schedule.rates)
                .enumerate()
            {
                arms.push(arm.name.clone());
                years.push(year.year);
                brackets.push(k as u32 + 1);
                edges.push(*edge);
                rates.push(*rate);
            }
        }
    }
    vec![
        column("arm", arms),
        column("year", years),
        column("bracket", brackets),
        column("lower_edge", edges),
        column("rate", rates),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_darkens() {
        let light = |(r, g, b): Rgb| 0.3 * f64::from(r) + 0.59 * f64::from(g) + 0.11 * f64::from(b);
        for i in 0..20 {
            assert!(light(ramp(f64::from(i) / 20.0)) > light(ramp(f64::from(i + 1) / 20.0)));
        }
    }
}
