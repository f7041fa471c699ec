//! Incidence by decile of wages, where workers were recorded.

use super::super::super::figure::Draft;
use super::super::super::finished::{Workers, last_workers};
use super::super::super::scale::{Scale, Spacing};
use super::super::super::sheet::{Axis, Panel, SOFT, Sheet, Stroke};
use super::super::estimate::Estimate;
use super::super::groups::{Groups, Series};
use super::super::study::Study;
use super::curves::{self, Curve, Point, Style};
use super::data::Rows;
use super::measure::{Unit, around};
use super::panels::{self, FEW};
use crate::Result;

/// Deciles of one arm in one run: mean disposable income, and tax over income.
#[derive(Clone, Debug)]
struct Deciles {
    disposable: [f64; 10],
    rate: [f64; 10],
}

/// The seeds of one arm in one group.
struct Incidence {
    group: usize,
    arm: usize,
    seeds: Vec<(u32, Deciles)>,
}

/// What is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Change,
    Rate,
}

/// Draws the change of disposable income against the law, and the average tax rate; why not, in words.
pub fn draw(study: &Study, groups: &Groups) -> Result<(Vec<Draft>, Vec<String>)> {
    let (incidences, without) = read(study, groups)?;
    if incidences.is_empty() {
        let why = "deciles: no workers were recorded; with record.workers_every above 0 every run keeps workers.parquet, \
                   and its incidence by decile of wages is shown here";
        return Ok((Vec::new(), vec![why.into()]));
    }
    let mut missing = Vec::new();
    if without > 0 {
        missing.push(format!(
            "deciles: {without} runs have no workers.parquet and are left out of the incidence by decile"
        ));
    }
    let mut drafts = Vec::new();
    match groups.law {
        Some(law) => match figure(study, groups, &incidences, Shown::Change, Some(law))? {
            Some(draft) => drafts.push(draft),
            None => missing
                .push("deciles: no seed has both an arm and the law with their workers".into()),
        },
        None => missing.push(
            "deciles: no arm is a U.S. law to measure changes of disposable income against".into(),
        ),
    }
    drafts.extend(figure(study, groups, &incidences, Shown::Rate, None)?);
    Ok((drafts, missing))
}

/// Every run's `workers.parquet`, and how many runs have none.
fn read(study: &Study, groups: &Groups) -> Result<(Vec<Incidence>, usize)> {
    let mut by_run: Vec<Option<Vec<(String, Deciles)>>> = vec![None; study.runs.len()];
    let mut without = 0;
    let mut played: Vec<usize> = study.played.iter().map(|played| played.run).collect();
    played.dedup();
    for run in played {
        let folder = study.folder.join("runs").join(&study.runs[run].run);
        let file = folder.join("workers.parquet");
        if !file.is_file() {
            without += 1;
            continue;
        }
        let arms = last_workers(&file)?.into_iter();
        let deciles = arms.filter_map(|(arm, workers)| Some((arm, deciles(&workers)?)));
        by_run[run] = Some(deciles.collect());
    }
    let seeds_of = |series: &Series| -> Vec<(u32, Deciles)> {
        let of = |(replicate, played): &(u32, &super::super::study::Played)| {
            let arms = by_run[played.run].as_ref()?;
            let (_, deciles) = arms.iter().find(|(arm, _)| *arm == played.arm)?;
            Some((*replicate, deciles.clone()))
        };
        series.played.iter().filter_map(of).collect()
    };
    let mut found = Vec::new();
    for (g, group) in groups.groups.iter().enumerate() {
        for series in &group.series {
            let seeds = seeds_of(series);
            if !seeds.is_empty() {
                found.push(Incidence {
                    group: g,
                    arm: series.arm,
                    seeds,
                });
            }
        }
    }
    Ok((found, without))
}

/// Deciles of workers by wage, equal wages by number; `None` with fewer than ten workers.
fn deciles(workers: &Workers) -> Option<Deciles> {
    let n = workers.wage.len();
    if n < 10 {
        return None;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| {
        workers.wage[a]
            .total_cmp(&workers.wage[b])
            .then(workers.worker[a].cmp(&workers.worker[b]))
    });
    let part = |d: usize| &order[d * n / 10..(d + 1) * n / 10];
    let total = |column: &[f64], d: usize| part(d).iter().map(|&i| column[i]).sum::<f64>();
    let mut found = Deciles {
        disposable: [0.0; 10],
        rate: [0.0; 10],
    };
    for d in 0..10 {
        found.disposable[d] = total(&workers.disposable, d) / part(d).len() as f64;
        found.rate[d] = total(&workers.tax, d) / total(&workers.income, d);
    }
    Some(found)
}

/// The value of a decile over seeds.
fn estimate(incidence: &Incidence, law: Option<&Incidence>, d: usize, shown: Shown) -> Estimate {
    let values = incidence
        .seeds
        .iter()
        .map(|(replicate, deciles)| match shown {
            Shown::Rate => deciles.rate[d],
            Shown::Change => {
                let same =
                    law.and_then(|law| law.seeds.iter().find(|(known, _)| known == replicate));
                same.map_or(f64::NAN, |(_, law)| {
                    deciles.disposable[d] - law.disposable[d]
                })
            }
        });
    Estimate::of(values)
}

/// An arm and its estimates by decile.
type ByArm = (usize, Vec<Estimate>);

fn figure(
    study: &Study,
    groups: &Groups,
    incidences: &[Incidence],
    shown: Shown,
    law: Option<usize>,
) -> Result<Option<Draft>> {
    let baseline = law.map_or("", |law| groups.arms[law].name.as_str());
    let (id, title, axis, unit) = match shown {
        Shown::Change => (
            "deciles",
            format!("Change of disposable income against {baseline}, by decile of wages"),
            format!("Change against {baseline}, $/year"),
            Unit::Money,
        ),
        Shown::Rate => (
            "deciles-tax",
            "Average tax rate by decile of wages".to_owned(),
            "Average tax rate".to_owned(),
            Unit::Share,
        ),
    };
    let mut lists: Vec<(usize, Vec<ByArm>)> = Vec::new();
    for incidence in incidences.iter().filter(|one| Some(one.arm) != law) {
        let base = incidences
            .iter()
            .find(|one| one.group == incidence.group && Some(one.arm) == law);
        let estimates: Vec<Estimate> = (0..10)
            .map(|d| estimate(incidence, base, d, shown))
            .collect();
        if estimates.iter().all(|e| e.n == 0) {
            continue;
        }
        match lists.iter_mut().find(|(g, _)| *g == incidence.group) {
            Some((_, arms)) => arms.push((incidence.arm, estimates)),
            None => lists.push((incidence.group, vec![(incidence.arm, estimates)])),
        }
    }
    if lists.is_empty() {
        return Ok(None);
    }
    let few = lists.len().min(FEW);
    let what = match shown {
        Shown::Change => format!(
            "Mean disposable income of the workers of each decile of wages, less that of the same workers under \
             {baseline}, at the last recorded step. It is not welfare: who works more has less leisure."
        ),
        Shown::Rate => "Tax over income of the workers of each decile of wages at the last recorded step, without the \
                        rebate."
            .to_owned(),
    };
    let caption = format!(
        "{what} Decile 1 has the lowest wages; wages do not depend on taxes, so the deciles of all arms are the same \
         people. {}{}",
        panels::intervals(groups.most_seeds()),
        panels::left_out(lists.len(), few)
    );
    let mut sheet = Sheet::new(id);
    let subtitle = match groups.most_seeds() {
        0 | 1 => "Last recorded step, one seed.",
        _ => "Last recorded step; means over seeds, 95 % t intervals.",
    };
    let top = sheet.heading(&title, subtitle);
    let titled = lists
        .iter()
        .any(|(g, _)| !groups.groups[*g].label.is_empty());
    let (frames, bottom) = panels::frames(top, few, titled);
    let mut present = Vec::new();
    for (frame, (g, arms)) in frames.iter().zip(&lists) {
        let mut curves = Vec::new();
        for arm in groups.drawing_order() {
            let Some((_, estimates)) = arms.iter().find(|(known, _)| *known == arm) else {
                continue;
            };
            present.push(arm);
            let points = estimates.iter().enumerate().map(|(d, y)| Point {
                x: d as f64 + 1.0,
                told: format!("decile {}", d + 1),
                y: *y,
            });
            curves.push(Curve {
                name: groups.arms[arm].name.clone(),
                look: groups.arms[arm].look,
                points: points.filter(|point| point.y.n > 0).collect(),
            });
        }
        let (y, _) = around(&curves::estimates(&curves));
        let y = Scale::around([y.low, y.high, 0.0], 0.0);
        let panel = Panel {
            frame: *frame,
            x: Scale::new(Spacing::Linear, 0.7, 10.3),
            y,
        };
        let ticks: Vec<f64> = (1..=10).map(f64::from).collect();
        let labels = (1..=10).map(|d| d.to_string()).collect();
        let flush = sheet.axes(
            &panel,
            &Axis::new(ticks, labels, "Decile of wages"),
            &unit.axis(&y, 0.17, &axis),
        )?;
        panels::title(&mut sheet, frame, flush, 30.0, &groups.groups[*g].label);
        if y.low < 0.0 {
            let (_, zero) = panel.place((1.0, 0.0));
            let stroke = Stroke {
                color: SOFT,
                width: 0.9,
                dash: &[3.0, 2.0],
            };
            sheet.rule((frame.left, zero), (frame.right, zero), stroke)?;
        }
        let style = Style {
            markers: 2.6,
            joined: true,
        };
        curves::draw(&mut sheet, &panel, &curves, &unit, style)?;
    }
    present.sort_unstable();
    present.dedup();
    let end = panels::arms_legend(&mut sheet, bottom + 4.0, groups, &present)?;
    let value = match shown {
        Shown::Change => ["decile", "n", "change", "low", "high"],
        Shown::Rate => ["decile", "n", "average_rate", "low", "high"],
    };
    let mut rows = Rows::new(study, groups, &value);
    for (g, arms) in &lists {
        for (arm, estimates) in arms {
            for (d, e) in estimates.iter().enumerate() {
                rows.push(
                    *g,
                    *arm,
                    &[d as f64 + 1.0, e.n as f64, e.mean, e.low, e.high],
                );
            }
        }
    }
    Ok(Some(Draft {
        id: id.into(),
        svg: sheet.finish(end, &title, &caption),
        title,
        caption,
        data: rows.columns(),
    }))
}
