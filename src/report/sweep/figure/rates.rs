//! Marginal rates by tax year, mean over seeds with bands, for arms whose schedule moves.

use super::super::super::arms::{Look, Marker};
use super::super::super::figure::{Draft, rates::ramp, small_multiples::Grid};
use super::super::super::key::{EndLabel, end_labels};
use super::super::super::number::{percent, short_money};
use super::super::super::scale::{Scale, Spacing, year_ticks};
use super::super::super::sheet::{Anchor, Axis, Frame, LABEL, MARGIN, Panel, SOFT, Sheet};
use super::super::super::typeface::fit;
use super::super::estimate::Estimate;
use super::super::groups::{Groups, Series};
use super::super::study::{Played, Study};
use super::curves::{self, Curve, Point, Style};
use super::data::Rows;
use super::measure::Unit;
use super::panels;
use crate::Result;

const ID: &str = "rates";
const TITLE: &str = "Marginal rates by tax year";

/// Most panels of the figure.
const MOST: usize = 12;

/// An arm of a group whose rates move, with the edges of its brackets.
struct Moving<'a> {
    group: usize,
    series: &'a Series<'a>,
    edges: Vec<f64>,
}

/// Draws the figure.
pub fn draw(study: &Study, groups: &Groups) -> Result<Result<Draft, String>> {
    let moving = moving(groups);
    if moving.is_empty() {
        return Ok(Err(
            "rates: no arm changed its rates from one tax year to the next".into(),
        ));
    }
    let shown = &moving[..moving.len().min(MOST)];
    let mut caption = "Mean marginal rate in each bracket over seeds, as set at the start of every tax year, with 95 % \
                       t intervals, for the arms whose rates move. A line is named by the income at which its bracket \
                       begins; darker lines are higher brackets. Rates move because the planner tries them out: a \
                       change is not by itself an improvement."
        .to_owned();
    if moving.iter().any(|one| leaves(one)) {
        caption += " Bands end at 0 and 100 %, also where t intervals are wider; the CSV has them in full.";
    }
    if moving.len() > shown.len() {
        caption += &format!(
            " The first {MOST} of {} panels; all stand in the CSV.",
            moving.len()
        );
    }
    let mut sheet = Sheet::new(ID);
    let subtitle = match groups.most_seeds() {
        0 | 1 => "A line per bracket; one seed, no intervals.",
        _ => "A line per bracket: mean over seeds, band: 95 % t interval.",
    };
    let top = sheet.heading(TITLE, subtitle);
    let columns = if shown.len() == 1 { 1 } else { 2 };
    let several = groups.groups.len() > 1;
    let grid = Grid {
        columns,
        height: if columns == 1 { 280.0 } else { 150.0 },
        left: 40.0,
        right: 84.0,
        above: if several { 52.0 } else { 42.0 },
        below: 46.0,
    };
    let (frames, bottom) = grid.frames(top, shown.len());
    let (low, high) = shown
        .iter()
        .flat_map(|one| &one.series.played)
        .flat_map(|(_, played)| &played.years)
        .filter_map(|row| row.schedule.as_ref())
        .flat_map(|schedule| &schedule.rates)
        .fold((0.0f64, 0.0f64), |(low, high), rate| {
            (low.min(*rate), high.max(*rate))
        });
    let high = (high * 1.04).max(0.1);
    let y = Scale::new(Spacing::Linear, low - 0.02 * high, high);
    for (frame, one) in frames.iter().zip(shown) {
        panel(&mut sheet, groups, frame, y, one, several)?;
    }
    let mut rows = Rows::new(
        study,
        groups,
        &["year", "bracket", "lower_edge", "n", "rate", "low", "high"],
    );
    for one in &moving {
        for (k, edge) in one.edges.iter().enumerate() {
            for year in 1..=one.series.last_year() {
                let rate = rate(one, k, year);
                if rate.n > 0 {
                    let (year, k) = (f64::from(year), k as f64 + 1.0);
                    let numbers = [
                        year,
                        k,
                        *edge,
                        rate.n as f64,
                        rate.mean,
                        rate.low,
                        rate.high,
                    ];
                    rows.push(one.group, one.series.arm, &numbers);
                }
            }
        }
    }
    Ok(Ok(Draft {
        id: ID.into(),
        title: TITLE.into(),
        svg: sheet.finish(bottom + MARGIN, TITLE, &caption),
        caption,
        data: rows.columns(),
    }))
}

fn moving<'a>(groups: &'a Groups<'a>) -> Vec<Moving<'a>> {
    let mut found = Vec::new();
    for (g, group) in groups.groups.iter().enumerate() {
        for series in &group.series {
            let moves = |played: &Played| {
                let schedules = played.years.iter().filter_map(|row| row.schedule.as_ref());
                let schedules: Vec<_> = schedules.collect();
                schedules.windows(2).any(|pair| pair[0] != pair[1])
            };
            let years = series.played.iter().flat_map(|(_, played)| &played.years);
            let first = years.filter_map(|row| row.schedule.as_ref()).next();
            if let Some(first) = first.filter(|_| series.played.iter().any(|(_, p)| moves(p))) {
                found.push(Moving {
                    group: g,
                    series,
                    edges: first.edges.clone(),
                });
            }
        }
    }
    found
}

/// Mean over seeds of the rate of bracket k, of the seeds with the same brackets.
fn rate(one: &Moving, k: usize, year: u32) -> Estimate {
    let of = |played: &Played| {
        let row = played.years.iter().find(|row| row.year == year);
        let schedule = row.and_then(|row| row.schedule.as_ref());
        schedule
            .filter(|schedule| schedule.edges == one.edges)
            .map_or(f64::NAN, |schedule| schedule.rates[k])
    };
    one.series.mean(of)
}

/// With an interval that ends at the rates that there can be: at 100 %, and at 0 where the mean is no subsidy.
fn possible(rate: Estimate) -> Estimate {
    Estimate {
        low: match rate.mean >= 0.0 {
            true => rate.low.max(0.0),
            false => rate.low,
        },
        high: rate.high.min(1.0),
        ..rate
    }
}

/// Whether an interval of the arm leaves the rates that there can be.
fn leaves(one: &Moving) -> bool {
    (0..one.edges.len()).any(|k| {
        (1..=one.series.last_year()).any(|year| {
            let rate = rate(one, k, year);
            rate.has_interval() && possible(rate) != rate
        })
    })
}

fn panel(
    sheet: &mut Sheet,
    groups: &Groups,
    frame: &Frame,
    y: Scale,
    one: &Moving,
    several: bool,
) -> Result<()> {
    let last = one.series.last_year();
    let panel = Panel {
        frame: *frame,
        x: Scale::new(Spacing::Linear, 1.0, f64::from(last)),
        y,
    };
    let years = year_ticks(1, last, ((frame.right - frame.left) / 30.0) as usize);
    let labels = years.iter().map(|year| format!("{year:.0}")).collect();
    let rates = y.ticks(0.19);
    let rate_labels = rates.iter().map(|rate| percent(*rate)).collect();
    let flush = sheet.axes(
        &panel,
        &Axis::new(years, labels, "Tax year"),
        &Axis::new(rates, rate_labels, "Marginal rate"),
    )?;
    let arm = &groups.arms[one.series.arm].name;
    panels::title(sheet, frame, flush, if several { 40.0 } else { 28.0 }, arm);
    if several {
        let text = fit(&groups.groups[one.group].label, LABEL, frame.right - flush);
        sheet.text(flush, frame.top - 26.0, &text, SOFT, Anchor::Start);
    }
    let count = one.edges.len();
    let curves: Vec<Curve> = (0..count)
        .map(|k| {
            let share = if count > 1 {
                k as f64 / (count - 1) as f64
            } else {
                1.0
            };
            let points = (1..=last).map(|year| Point {
                x: f64::from(year),
                told: format!("tax year {year}"),
                y: possible(rate(one, k, year)),
            });
            Curve {
                name: format!("{arm}, from {}", short_money(one.edges[k])),
                look: Look {
                    color: ramp(share),
                    dash: if k % 2 == 1 { &[7.0, 2.5] } else { &[] },
                    width: 2.6 - 1.2 * share,
                    marker: Marker::Circle,
                    rank: 0,
                },
                points: points.filter(|point| point.y.n > 0).collect(),
            }
        })
        .collect();
    let style = Style {
        markers: 0.0,
        joined: true,
    };
    curves::draw(sheet, &panel, &curves, &Unit::Share, style)?;
    let ends: Vec<EndLabel> = curves
        .iter()
        .enumerate()
        .filter_map(|(k, curve)| {
            let end = curve.points.last()?;
            Some(EndLabel {
                text: format!("from {}", short_money(one.edges[k])),
                color: curve.look.color,
                end: panel.place((end.x, end.y.mean)),
            })
        })
        .collect();
    let reach = (frame.top - 4.0, frame.bottom + 4.0);
    end_labels(sheet, frame.right + 18.0, reach, &ends)
}
