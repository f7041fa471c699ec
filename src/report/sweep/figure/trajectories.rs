//! Welfare and the average tax rate by tax year: a panel per group, a line with a band per arm.

use super::super::super::figure::Draft;
use super::super::super::key::{EndLabel, end_labels};
use super::super::super::scale::{Scale, Spacing, year_ticks};
use super::super::super::sheet::{Axis, Frame, MARGIN, Panel, Sheet, WIDTH};
use super::super::super::typeface::width;
use super::super::estimate::Estimate;
use super::super::groups::{Group, Groups};
use super::super::study::{Study, YearRow};
use super::curves::{self, Curve, Point, Style};
use super::data::Rows;
use super::measure::{Unit, around};
use super::panels::{self, FEW, PAGE};
use crate::Result;

/// What is followed over the tax years.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// Welfare under the scenario's objective.
    Welfare,
    /// Revenue over income.
    AverageRate,
}

impl Followed {
    fn value(self, row: &YearRow) -> f64 {
        match self {
            Followed::Welfare => row.welfare,
            Followed::AverageRate => row.average_rate,
        }
    }

    fn unit(self, group: &Group) -> Unit {
        match self {
            Followed::Welfare => Unit::named(group.objective().1),
            Followed::AverageRate => Unit::Share,
        }
    }

    fn axis(self, group: &Group) -> String {
        match self {
            Followed::Welfare => {
                let (objective, _) = group.objective();
                format!("Welfare ({objective}), {}", self.unit(group).shown())
            }
            Followed::AverageRate => "Average tax rate".into(),
        }
    }
}

/// Welfare by tax year; large panels for the first groups.
pub fn welfare(study: &Study, groups: &Groups) -> Result<Draft> {
    let shown = groups.groups.len().min(FEW);
    let caption = format!(
        "Welfare under the scenario's objective, mean over the steps of each tax year. {} All arms of a group have \
         the same workers and random numbers, so that the difference between two arms is known better than either \
         level: see the table of differences. Axes do not begin at zero, and each panel has its own.{}",
        panels::intervals(groups.most_seeds()),
        panels::left_out(groups.groups.len(), shown)
    );
    let which: Vec<usize> = (0..shown).collect();
    draw(
        study,
        groups,
        Followed::Welfare,
        ("welfare", "Welfare by tax year"),
        &which,
        caption,
    )
}

/// The average tax rate by tax year.
pub fn tax(study: &Study, groups: &Groups) -> Result<Draft> {
    let shown = groups.groups.len().min(FEW);
    let caption = format!(
        "Revenue over the income of all workers before tax: the mean rate of all dollars earned, without the rebate. \
         {} The rates of the brackets stand in the figures rates and schedules.{}",
        panels::intervals(groups.most_seeds()),
        panels::left_out(groups.groups.len(), shown)
    );
    let which: Vec<usize> = (0..shown).collect();
    draw(
        study,
        groups,
        Followed::AverageRate,
        ("tax", "Average tax rate by tax year"),
        &which,
        caption,
    )
}

/// Pages of small panels with welfare in every group.
pub fn overview(study: &Study, groups: &Groups) -> Result<Vec<Draft>> {
    let all: Vec<usize> = (0..groups.groups.len()).collect();
    let pages = all.chunks(PAGE).enumerate().map(|(page, which)| {
        let of = all.len().div_ceil(PAGE);
        let title = if of > 1 {
            format!("Welfare in every group, page {} of {of}", page + 1)
        } else {
            "Welfare in every group".to_owned()
        };
        let caption = format!(
            "Welfare by tax year, a small panel per group, each with its own axis. {}",
            panels::intervals(groups.most_seeds())
        );
        let id = format!("overview-{}", page + 1);
        draw(
            study,
            groups,
            Followed::Welfare,
            (&id, &title),
            which,
            caption,
        )
    });
    pages.collect()
}

fn draw(
    study: &Study,
    groups: &Groups,
    followed: Followed,
    (id, title): (&str, &str),
    which: &[usize],
    mut caption: String,
) -> Result<Draft> {
    let small = id.starts_with("overview");
    let mut sheet = Sheet::new(id);
    let subtitle = match (groups.most_seeds(), followed) {
        (0 | 1, _) => "One seed, no intervals.",
        (_, Followed::Welfare) if which.len() > 1 => {
            "Means over seeds, bands: 95 % t intervals. Each panel has its own axis."
        }
        _ => "Means over seeds, bands: 95 % t intervals.",
    };
    // Small panels have no room for the title of the y axis.
    let subtitle = match small {
        true => format!("{}. {subtitle}", upwards(groups, which)),
        false => subtitle.to_owned(),
    };
    let top = sheet.heading(title, &subtitle);
    let single = which.len() == 1;
    let (mut frames, bottom) = if small {
        let mut grid = panels::grid(PAGE);
        grid.columns = 4.min(which.len()).max(3);
        grid.below += 16.0;
        grid.frames(top + 2.0, which.len())
    } else {
        let titled = !groups.groups[which[0]].label.is_empty();
        panels::frames(top, which.len(), titled)
    };
    let mut cut = false;
    let mut present: Vec<usize> = Vec::new();
    for (frame, &g) in frames.iter_mut().zip(which) {
        let group = &groups.groups[g];
        let mut curves = curves_of(groups, group, followed);
        if curves.iter().all(|curve| curve.points.len() < 2) {
            curves::spread(&mut curves);
        }
        for series in &group.series {
            if !present.contains(&series.arm) {
                present.push(series.arm);
            }
        }
        if single && !small {
            make_room(frame, &curves);
        }
        cut |= panel(&mut sheet, frame, group, &curves, followed, small, single)?;
    }
    if cut {
        caption += " Intervals that are much wider than the differences between arms are cut off.";
    }
    present.sort_unstable();
    let end = panels::arms_legend(&mut sheet, bottom + 4.0, groups, &present)?;
    let rows = data(
        study,
        groups,
        followed,
        if small {
            which.to_vec()
        } else {
            (0..groups.groups.len()).collect()
        },
    );
    Ok(Draft {
        id: id.into(),
        title: title.into(),
        svg: sheet.finish(end, title, &caption),
        caption,
        data: rows.columns(),
    })
}

/// Welfare with its unit, where all groups share that.
fn upwards(groups: &Groups, which: &[usize]) -> String {
    let axis = |g: &usize| Followed::Welfare.axis(&groups.groups[*g]);
    let unit = |g: &usize| Followed::Welfare.unit(&groups.groups[*g]);
    let first = &which[0];
    if which.iter().all(|g| axis(g) == axis(first)) {
        axis(first)
    } else if which.iter().all(|g| unit(g) == unit(first)) {
        format!("Welfare, {}", unit(first).shown())
    } else {
        "Welfare in the unit of the group's objective".to_owned()
    }
}

/// Room on the right for the arms' names.
fn make_room(frame: &mut Frame, curves: &[Curve]) {
    let widest = curves
        .iter()
        .map(|curve| width(&curve.name, 11.5, false))
        .fold(0.0, f64::max);
    frame.right = WIDTH - MARGIN - widest.min(190.0) - 26.0;
}

fn curves_of(groups: &Groups, group: &Group, followed: Followed) -> Vec<Curve> {
    let in_order = groups.drawing_order();
    let drawn = in_order.into_iter().filter_map(|arm| {
        let series = group.of(arm)?;
        let points = (1..=series.last_year()).map(|year| Point {
            x: f64::from(year),
            told: format!("tax year {year}"),
            y: estimate_of(series, year, followed),
        });
        Some(Curve {
            name: groups.arms[arm].name.clone(),
            look: groups.arms[arm].look,
            points: points.filter(|point| point.y.n > 0).collect(),
        })
    });
    drawn.collect()
}

fn estimate_of(series: &super::super::groups::Series, year: u32, followed: Followed) -> Estimate {
    let of_year = |played: &super::super::study::Played| {
        let row = played.years.iter().find(|row| row.year == year);
        row.map_or(f64::NAN, |row| followed.value(row))
    };
    series.mean(of_year)
}

fn panel(
    sheet: &mut Sheet,
    frame: &Frame,
    group: &Group,
    curves: &[Curve],
    followed: Followed,
    small: bool,
    single: bool,
) -> Result<bool> {
    let last = curves
        .iter()
        .filter_map(|curve| curve.points.last())
        .map(|point| point.x.round())
        .fold(1.0, f64::max);
    let unit = followed.unit(group);
    let (y, cut) = around(&curves::estimates(curves));
    let margin = if last > 1.0 { 0.0 } else { 0.5 };
    let panel = Panel {
        frame: *frame,
        x: Scale::new(Spacing::Linear, 1.0 - margin, last + margin),
        y,
    };
    let room = (frame.right - frame.left) / if small { 26.0 } else { 30.0 };
    let years = year_ticks(1, last as u32, (room as usize).max(2));
    let labels = years.iter().map(|year| format!("{year:.0}")).collect();
    let (x_title, y_title) = if small {
        ("Tax year", String::new())
    } else {
        ("Tax year", followed.axis(group))
    };
    let flush = sheet.axes(
        &panel,
        &Axis::new(years, labels, x_title),
        &unit.axis(&panel.y, if small { 0.3 } else { 0.19 }, &y_title),
    )?;
    if small {
        panels::small_title(sheet, frame, flush, &group.label);
    } else {
        panels::title(sheet, frame, flush, 30.0, &group.label);
    }
    let markers = if small || last > 24.0 { 0.0 } else { 2.6 };
    let style = Style {
        markers,
        joined: true,
    };
    curves::draw(sheet, &panel, curves, &unit, style)?;
    if single && !small {
        let ends: Vec<EndLabel> = curves
            .iter()
            .filter_map(|curve| {
                let end = curve.points.last()?;
                Some(EndLabel {
                    text: curve.name.clone(),
                    color: curve.look.color,
                    end: panel.place((end.x, end.y.mean)),
                })
            })
            .collect();
        let reach = (frame.top - 6.0, frame.bottom + 6.0);
        end_labels(sheet, frame.right + 22.0, reach, &ends)?;
    }
    Ok(cut)
}

fn data<'a>(
    study: &'a Study,
    groups: &'a Groups<'a>,
    followed: Followed,
    which: Vec<usize>,
) -> Rows<'a> {
    let mut rows = Rows::new(study, groups, &["year", "n", "mean", "low", "high"]);
    for g in which {
        for series in &groups.groups[g].series {
            for year in 1..=series.last_year() {
                let y = estimate_of(series, year, followed);
                if y.n > 0 {
                    let numbers = [f64::from(year), y.n as f64, y.mean, y.low, y.high];
                    rows.push(g, series.arm, &numbers);
                }
            }
        }
    }
    rows
}
