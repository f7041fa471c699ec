//! How final schedules are distributed over seeds: rates by bracket, a panel per arm and group.

use super::super::super::distribution::quantile;
use super::super::super::figure::{Draft, small_multiples::Grid};
use super::super::super::number::{percent, short_money};
use super::super::super::scale::{Scale, Spacing};
use super::super::super::schedule::Brackets;
use super::super::super::sheet::{
    Anchor, Axis, Frame, INK, LABEL, MARGIN, Panel, SOFT, Sheet, Stroke,
};
use super::super::super::typeface::width;
use super::super::groups::{Groups, Series};
use super::super::study::Study;
use super::data::Rows;
use super::panels;
use crate::Result;

const ID: &str = "schedules";
const TITLE: &str = "Final schedules over seeds";

/// Most panels of the figure.
const MOST: usize = 12;

/// The final schedules of one arm in one group.
struct Final {
    group: usize,
    arm: usize,
    edges: Vec<f64>,
    /// Replicate and rates, of seeds with these edges.
    rates: Vec<(u32, Vec<f64>)>,
    /// Seeds with other edges.
    others: usize,
}

/// Draws the figure.
pub fn draw(study: &Study, groups: &Groups) -> Result<Result<Draft, String>> {
    let finals = finals(groups);
    if finals.is_empty() {
        return Ok(Err("schedules: no schedule of brackets was recorded".into()));
    }
    let fixed = finals.iter().find(|one| Some(one.arm) == groups.law);
    let law = fixed.map(|one| (one.edges.clone(), one.rates[0].1.clone(), one.arm));
    // A law is the same everywhere and stands as a dashed line in every panel with its brackets.
    let taxes = |one: &Final| {
        one.rates
            .iter()
            .any(|(_, rates)| rates.iter().any(|r| *r != 0.0))
    };
    let chosen = |one: &&Final| Some(one.arm) != groups.law && one.edges.len() > 1 && taxes(one);
    let mut shown: Vec<&Final> = finals.iter().filter(chosen).collect();
    if shown.is_empty() {
        shown = finals.iter().collect();
    }
    let all = shown.len();
    shown.truncate(MOST);
    let others: usize = shown.iter().map(|one| one.others).sum();
    let mut caption = "Marginal rate of each bracket in the last tax year: a thin line per seed, the median over seeds \
                       thick, the shaded range from the lower to the upper quartile. Brackets are equally wide here \
                       and named by the income at which they begin."
        .to_owned();
    if let Some((_, _, arm)) = &law {
        caption += &format!(
            " Dashed: {}, where it has the same brackets.",
            groups.arms[*arm].name
        );
    }
    if all > shown.len() {
        caption += &format!(" The first {MOST} of {all} panels; all stand in the CSV.");
    }
    if finals.iter().any(|one| one.edges.len() == 1) {
        caption += " Arms with one bracket are not drawn; their rates stand in the CSV.";
    }
    if others > 0 {
        caption += &format!(" {others} seeds with other brackets than the first are left out.");
    }
    let mut sheet = Sheet::new(ID);
    let mut subtitle = match groups.most_seeds() {
        0 | 1 => "One seed: the line is that seed's schedule.".to_owned(),
        _ => "Thick: median over seeds. Shaded: quartiles. Thin: single seeds.".to_owned(),
    };
    if let Some((edges, _, arm)) = &law
        && shown.iter().any(|one| one.edges == *edges)
    {
        subtitle += &format!(" Dashed: {}.", groups.arms[*arm].name);
    }
    let top = sheet.heading(TITLE, &subtitle);
    let columns = if shown.len() == 1 { 1 } else { 2 };
    let several = groups.groups.len() > 1;
    let grid = Grid {
        columns,
        height: if columns == 1 { 260.0 } else { 130.0 },
        left: 40.0,
        right: 12.0,
        above: if several { 52.0 } else { 40.0 },
        below: 46.0,
    };
    let (frames, bottom) = grid.frames(top, shown.len());
    let (low, high) = shown
        .iter()
        .flat_map(|one| one.rates.iter().flat_map(|(_, rates)| rates.iter()))
        .fold((0.0f64, 0.0f64), |(low, high), rate| {
            (low.min(*rate), high.max(*rate))
        });
    let high = (high * 1.06).max(0.1);
    let y = Scale::new(Spacing::Linear, low - 0.02 * high, high);
    for (frame, one) in frames.iter().zip(&shown) {
        let law = law.as_ref().filter(|(edges, _, _)| *edges == one.edges);
        panel(
            &mut sheet,
            groups,
            frame,
            y,
            one,
            law.map(|(_, rates, _)| &rates[..]),
            several,
        )?;
    }
    Ok(Ok(Draft {
        id: ID.into(),
        title: TITLE.into(),
        svg: sheet.finish(bottom + MARGIN, TITLE, &caption),
        caption,
        data: data(study, groups, &finals).columns(),
    }))
}

fn finals(groups: &Groups) -> Vec<Final> {
    let mut found = Vec::new();
    for (g, group) in groups.groups.iter().enumerate() {
        for arm in 0..groups.arms.len() {
            let Some(series) = group.of(arm) else {
                continue;
            };
            let schedules = last_schedules(series);
            let Some((_, first)) = schedules.first() else {
                continue;
            };
            let edges = first.edges.clone();
            let (same, other): (Vec<_>, Vec<_>) = schedules
                .iter()
                .partition(|(_, schedule)| schedule.edges == edges);
            found.push(Final {
                group: g,
                arm,
                edges,
                rates: same
                    .into_iter()
                    .map(|(r, s)| (*r, s.rates.clone()))
                    .collect(),
                others: other.len(),
            });
        }
    }
    found
}

fn last_schedules(series: &Series) -> Vec<(u32, Brackets)> {
    let last = |(replicate, played): &(u32, &super::super::study::Played)| {
        let schedule = played.years.last()?.schedule.clone()?;
        Some((*replicate, schedule))
    };
    series.played.iter().filter_map(last).collect()
}

/// Lower quartile, median, upper quartile of each bracket.
fn quartiles(one: &Final) -> Vec<[f64; 3]> {
    (0..one.edges.len())
        .map(|k| {
            let mut rates: Vec<f64> = one.rates.iter().map(|(_, rates)| rates[k]).collect();
            rates.sort_by(f64::total_cmp);
            [0.25, 0.5, 0.75].map(|q| quantile(&rates, q))
        })
        .collect()
}

fn panel(
    sheet: &mut Sheet,
    groups: &Groups,
    frame: &Frame,
    y: Scale,
    one: &Final,
    law: Option<&[f64]>,
    several: bool,
) -> Result<()> {
    let count = one.edges.len();
    let panel = Panel {
        frame: *frame,
        x: Scale::new(Spacing::Linear, 0.0, count as f64),
        y,
    };
    let labels: Vec<String> = one.edges.iter().map(|edge| short_money(*edge)).collect();
    let widest = labels
        .iter()
        .map(|label| width(label, LABEL, false))
        .fold(0.0, f64::max);
    let cell = (frame.right - frame.left) / count as f64;
    let every = ((widest + 8.0) / cell).ceil().max(1.0) as usize;
    let kept = (0..count).filter(|k| k % every == 0);
    let (places, labels): (Vec<f64>, Vec<String>) =
        kept.map(|k| (k as f64, labels[k].clone())).unzip();
    let rates = y.ticks(0.24);
    let rate_labels = rates.iter().map(|rate| percent(*rate)).collect();
    let flush = sheet.axes(
        &panel,
        &Axis::new(places, labels, "Bracket begins at income"),
        &Axis::new(rates, rate_labels, "Marginal rate"),
    )?;
    let arm = &groups.arms[one.arm];
    panels::title(
        sheet,
        frame,
        flush,
        if several { 40.0 } else { 28.0 },
        &arm.name,
    );
    if several {
        let group = &groups.groups[one.group].label;
        let text = super::super::super::typeface::fit(group, LABEL, frame.right - flush);
        sheet.text(flush, frame.top - 26.0, &text, SOFT, Anchor::Start);
    }
    let quartiles = quartiles(one);
    let color = arm.look.color;
    if one.rates.len() > 1 {
        for (k, [low, _, high]) in quartiles.iter().enumerate() {
            let (from, to) = (k as f64, k as f64 + 1.0);
            sheet.band(
                &panel,
                &[(from, *low), (to, *low)],
                &[(from, *high), (to, *high)],
                color,
            )?;
        }
        for (_, rates) in &one.rates {
            let stroke = Stroke {
                color,
                width: 0.5,
                dash: &[],
            };
            sheet.line(&panel, &steps(rates), stroke)?;
        }
    }
    let medians: Vec<f64> = quartiles.iter().map(|[_, median, _]| *median).collect();
    let stroke = Stroke {
        color,
        width: 2.6,
        dash: &[],
    };
    sheet.line(&panel, &treads(&medians), stroke)?;
    if let Some(law) = law {
        let stroke = Stroke {
            color: INK,
            width: 1.0,
            dash: &[4.0, 3.0],
        };
        sheet.line(&panel, &steps(law), stroke)?;
    }
    for (k, [low, median, high]) in quartiles.iter().enumerate() {
        let seeds = match one.rates.len() {
            1 => "one seed".to_owned(),
            n => format!(
                "quartiles {} to {}, {n} seeds",
                percent(*low),
                percent(*high)
            ),
        };
        let told = format!(
            "{}, from {}: {} ({seeds})",
            arm.name,
            short_money(one.edges[k]),
            percent(*median)
        );
        sheet.tip(panel.place((k as f64 + 0.5, *median)), 9.0, &told);
    }
    Ok(())
}

/// A step line over the brackets.
fn steps(rates: &[f64]) -> Vec<(f64, f64)> {
    let corners = rates.iter().enumerate();
    corners
        .flat_map(|(k, rate)| [(k as f64, *rate), (k as f64 + 1.0, *rate)])
        .collect()
}

/// The steps without the risers between them.
fn treads(rates: &[f64]) -> Vec<(f64, f64)> {
    let corners = rates.iter().enumerate();
    corners
        .flat_map(|(k, rate)| {
            [
                (k as f64, *rate),
                (k as f64 + 1.0, *rate),
                (f64::NAN, f64::NAN),
            ]
        })
        .collect()
}

fn data<'a>(study: &'a Study, groups: &'a Groups<'a>, finals: &[Final]) -> Rows<'a> {
    let mut rows = Rows::new(
        study,
        groups,
        &["replicate", "bracket", "lower_edge", "rate"],
    );
    for one in finals {
        for (replicate, rates) in &one.rates {
            for (k, rate) in rates.iter().enumerate() {
                let numbers = [f64::from(*replicate), k as f64 + 1.0, one.edges[k], *rate];
                rows.push(one.group, one.arm, &numbers);
            }
        }
    }
    rows
}
