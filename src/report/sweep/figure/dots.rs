//! Rows of dots: a row per arm, a dot per seed, the mean with its interval, its value on the right.

use super::super::super::figure::Draft;
use super::super::super::scale::{Scale, Spacing};
use super::super::super::sheet::{
    Anchor, Axis, Frame, GRID, INK, LABEL, MARGIN, Panel, SOFT, Sheet, Stroke, WIDTH,
};
use super::super::super::typeface::{fit, width};
use super::super::estimate::Estimate;
use super::super::groups::{Group, Groups, WELFARE};
use super::super::study::Study;
use super::data::Rows;
use super::measure::Unit;
use super::panels::{self, FEW};
use crate::Result;

/// A row of a panel.
struct Row {
    arm: usize,
    seeds: Vec<(u32, f64)>,
    mean: Estimate,
}

/// A panel of rows.
struct Block {
    group: usize,
    rows: Vec<Row>,
    unit: Unit,
}

/// What the rows show.
struct What<'a> {
    id: &'a str,
    title: String,
    subtitle: String,
    axis: String,
    spacing: Spacing,
    caption: String,
    columns: &'a [&'static str],
}

const ROW: f64 = 21.0;

/// Gain in welfare over the reference, by arm.
pub fn gain(study: &Study, groups: &Groups) -> Result<Result<Draft, String>> {
    let Some(reference) = groups.reference else {
        return Ok(Err(
            "gain: no arm is one of Saez's formulas or a U.S. law to measure gains against".into(),
        ));
    };
    let name = &groups.arms[reference].name;
    let blocks = blocks(study, groups, |group, arm, welfare| {
        (arm != reference).then(|| group.paired(arm, reference, welfare))
    });
    if blocks.is_empty() {
        return Ok(Err(format!("gain: no group has an arm beside {name}")));
    }
    let what = What {
        id: "gain",
        title: format!("Welfare gain over {name}"),
        subtitle: match groups.most_seeds() {
            0 | 1 => "One seed, no intervals.".into(),
            _ => "Right: mean. Rings: single seeds, paired. Bar: 95 % t interval.".into(),
        },
        axis: format!("Gain over {name}"),
        spacing: Spacing::Linear,
        caption: format!(
            "Welfare of each arm less that of {name}, seed by seed, both as the mean over the last third of the tax \
             years. {}{}",
            panels::intervals(groups.most_seeds()),
            panels::left_out(groups.groups.len(), blocks.len().min(FEW))
        ),
        columns: &["replicate", "gain"],
    };
    draw(study, groups, &blocks, &what).map(Ok)
}

/// Regret: welfare of the optimum less that of the arm.
pub fn regret(study: &Study, groups: &Groups) -> Result<Result<Draft, String>> {
    let Some(optimal) = groups.optimal else {
        return Ok(Err(
            "regret: no run has the arm optimal; add it to planner.kind or [compare]".into(),
        ));
    };
    let blocks = blocks(study, groups, |group, arm, welfare| {
        (arm != optimal).then(|| group.paired(optimal, arm, welfare))
    });
    if blocks.is_empty() {
        return Ok(Err("regret: no group has an arm beside optimal".into()));
    }
    let what = What {
        id: "regret",
        title: "Regret of planners".into(),
        subtitle: match groups.most_seeds() {
            0 | 1 => "Welfare of the exact optimum less the arm's, on a square-root axis. One seed, no intervals.",
            _ => {
                "Welfare of the exact optimum less the arm's, on a square-root axis. Right: mean. Rings: single seeds. \
                 Bar: 95 % t interval."
            }
        }
        .into(),
        axis: "Regret".into(),
        spacing: Spacing::SquareRoot,
        caption: format!(
            "What each arm leaves on the table: welfare of the exact optimum of the same workers and brackets less \
             welfare of the arm, seed by seed, both as the mean over the last third of the tax years. Near zero is \
             better. The optimum is that of rational workers; with others, regret can be negative. {}{}",
            panels::intervals(groups.most_seeds()),
            panels::left_out(groups.groups.len(), blocks.len().min(FEW))
        ),
        columns: &["replicate", "regret"],
    };
    draw(study, groups, &blocks, &what).map(Ok)
}

fn blocks(
    study: &Study,
    groups: &Groups,
    values: impl Fn(
        &Group,
        usize,
        &dyn Fn(&super::super::study::Played) -> f64,
    ) -> Option<Vec<(u32, f64)>>,
) -> Vec<Block> {
    let column = study.outcome(WELFARE);
    let welfare = |played: &super::super::study::Played| {
        column.map_or(f64::NAN, |column| played.outcomes[column])
    };
    let each = groups.groups.iter().enumerate().map(|(g, group)| {
        let rows = (0..groups.arms.len()).filter_map(|arm| {
            let seeds = values(group, arm, &welfare)?;
            let mean = Estimate::of(seeds.iter().map(|(_, value)| *value));
            (mean.n > 0).then_some(Row { arm, seeds, mean })
        });
        Block {
            group: g,
            rows: rows.collect(),
            unit: Unit::named(group.objective().1),
        }
    });
    each.filter(|block| !block.rows.is_empty()).collect()
}

fn draw(study: &Study, groups: &Groups, blocks: &[Block], what: &What) -> Result<Draft> {
    let mut sheet = Sheet::new(what.id);
    let mut top = sheet.heading(&what.title, &what.subtitle);
    let shown = &blocks[..blocks.len().min(FEW)];
    let columns = if shown.len() > 2 { 2 } else { 1 };
    let cell = (WIDTH - 2.0 * MARGIN) / columns as f64;
    for line in shown.chunks(columns) {
        let deepest = line.iter().map(|block| block.rows.len()).max().unwrap_or(0);
        let above = if groups.groups.len() > 1 { 26.0 } else { 8.0 };
        for (i, block) in line.iter().enumerate() {
            let left = MARGIN + i as f64 * cell;
            let right = left + cell - if i + 1 < columns { 16.0 } else { 0.0 };
            panel(
                &mut sheet,
                groups,
                block,
                what,
                (left, right),
                (top, top + above),
            )?;
        }
        top += above + deepest as f64 * ROW + 52.0;
    }
    let mut rows = Rows::new(study, groups, what.columns);
    for block in blocks {
        for row in &block.rows {
            for (replicate, value) in &row.seeds {
                rows.push(block.group, row.arm, &[f64::from(*replicate), *value]);
            }
        }
    }
    Ok(Draft {
        id: what.id.into(),
        title: what.title.clone(),
        svg: sheet.finish(top, &what.title, &what.caption),
        caption: what.caption.clone(),
        data: rows.columns(),
    })
}

/// A square-root scale over 0 and all finite `values`, with a margin beyond each end that is not 0: what is
/// below 0 stands where it is.
fn square_root(values: impl Iterator<Item = f64>) -> Scale {
    let plain = Scale::around(values.chain([0.0]), 0.0);
    let beyond = |end: f64, least: f64| if end == least { end } else { 1.08 * end };
    Scale::new(
        Spacing::SquareRoot,
        beyond(plain.low, 0.0),
        beyond(plain.high, 0.0),
    )
}

fn panel(
    sheet: &mut Sheet,
    groups: &Groups,
    block: &Block,
    what: &What,
    (left, right): (f64, f64),
    (title_at, top): (f64, f64),
) -> Result<()> {
    let name = |row: &Row| groups.arms[row.arm].name.clone();
    let means: Vec<f64> = block.rows.iter().map(|row| row.mean.mean).collect();
    let shown = block.unit.values(&means);
    let widest = |texts: &mut dyn Iterator<Item = String>| {
        texts
            .map(|text| width(&text, LABEL, false))
            .fold(0.0, f64::max)
    };
    let names = widest(&mut block.rows.iter().map(name)).min((right - left) * 0.34);
    let beside = widest(&mut shown.iter().cloned());
    let frame = Frame {
        left: left + names + 12.0,
        top,
        right: right - beside - 14.0,
        bottom: top + ROW * block.rows.len() as f64,
    };
    let values = block.rows.iter().flat_map(|row| {
        let ends = [row.mean.low, row.mean.high].into_iter();
        ends.chain(row.seeds.iter().map(|(_, value)| *value))
    });
    let x = match what.spacing {
        Spacing::SquareRoot => square_root(values),
        _ => Scale::around(values.chain([0.0]), 0.04),
    };
    let panel = Panel {
        frame,
        x,
        y: Scale {
            low: block.rows.len() as f64,
            high: 0.0,
            spacing: Spacing::Linear,
        },
    };
    let group = &groups.groups[block.group];
    if !group.label.is_empty() {
        let text = fit(&group.label, 12.6, right - left);
        sheet.strong(left, title_at + 12.0, &text, Anchor::Start);
    }
    let apart = 46.0 / (frame.right - frame.left);
    let ticks = x.ticks(apart.clamp(0.1, 0.6));
    let labels = block.unit.ticks(&ticks);
    let title = match block.unit.shown() {
        "" => what.axis.clone(),
        unit => format!("{}, {unit}", what.axis),
    };
    let none = Axis {
        ticks: Vec::new(),
        title: "",
    };
    sheet.axes(&panel, &Axis::new(ticks, labels, &title), &none)?;
    if x.low < 0.0 {
        let (zero, _) = panel.place((0.0, 0.0));
        let stroke = Stroke {
            color: SOFT,
            width: 0.9,
            dash: &[3.0, 2.0],
        };
        sheet.rule((zero, frame.top), (zero, frame.bottom), stroke)?;
    }
    for (i, row) in block.rows.iter().enumerate() {
        let look = groups.arms[row.arm].look;
        let at = |value: f64| panel.place((value, i as f64 + 0.5));
        let (_, y) = at(row.mean.mean);
        let line = Stroke {
            color: GRID,
            width: 0.8,
            dash: &[],
        };
        sheet.rule((frame.left, y), (frame.right, y), line)?;
        let label = fit(&name(row), LABEL, names + 1.0);
        sheet.text(frame.left - 8.0, y + 4.0, &label, INK, Anchor::End);
        let dots: Vec<(f64, f64)> = row
            .seeds
            .iter()
            .map(|(_, v)| (*v, i as f64 + 0.5))
            .collect();
        sheet.rings(&panel, &dots, look.color, 2.2)?;
        if row.mean.has_interval() {
            let bar = Stroke {
                color: look.color,
                width: 2.0,
                dash: &[],
            };
            let (from, to) = (at(row.mean.low), at(row.mean.high));
            sheet.rule(from, to, bar)?;
            for end in [from, to] {
                sheet.rule((end.0, end.1 - 4.0), (end.0, end.1 + 4.0), bar)?;
            }
        }
        sheet.markers(&[at(row.mean.mean)], &look, 4.4)?;
        sheet.text(right, y + 4.0, &shown[i], SOFT, Anchor::End);
        let told = format!("{}: {}", name(row), block.unit.estimate(&row.mean));
        sheet.tip(at(row.mean.mean), 8.0, &told);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::square_root;

    #[test]
    fn a_regret_below_zero_stands_below_zero() {
        // 1 % of the largest, so a tenth of its distance from 0 on a square-root axis.
        let scale = square_root([-100.0, 400.0, 10_000.0, f64::NAN].into_iter());
        assert!(scale.low <= -100.0 && scale.high >= 10_000.0);
        let (zero, below, above) = (
            scale.position(0.0),
            scale.position(-100.0),
            scale.position(10_000.0),
        );
        assert!(below > 0.0 && above < 1.0);
        assert!(((zero - below) / (above - zero) - 0.1).abs() < 1e-12);
        // Without any, the axis begins at 0.
        assert_eq!(square_root([0.0, 9.0].into_iter()).low, 0.0);
    }
}
