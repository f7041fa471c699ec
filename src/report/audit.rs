//! An audit for reading: text, figures, page; from `audit.json` alone.

use std::path::{Path, PathBuf};

use super::arms::{Look, Marker};
use super::html::{in_percent, render};
use super::number::grouped;
use super::scale::{Scale, Spacing};
use super::sheet::{
    Anchor, Axis, Frame, GRID, INK, LABEL, MARGIN, Panel, SOFT, Sheet, Stroke, WIDTH,
};
use super::typeface::{fit, width};
use super::{files, key, typeface};
use crate::Result;
use crate::audit::estimate::Estimate;
use crate::audit::human::{HumanEstimate, estimates};
use crate::audit::output::Audit;
use crate::audit::told_apart::Area;
use crate::audit::verdict::{Grade, in_hours, with_interval};
use crate::audit::{GroupAudit, RATES, WAGE_FACTORS};
use serde_json::json;

const TEMPLATE: &str = include_str!("audit.html");

const AGENTS: Look = look((0, 90, 140), Marker::Circle);
const PEOPLE: Look = look((150, 150, 150), Marker::Square);
const REFORM: Look = look((178, 60, 0), Marker::Diamond);

const fn look(color: (u8, u8, u8), marker: Marker) -> Look {
    Look {
        color,
        dash: &[],
        width: 1.6,
        marker,
        rank: 0,
    }
}

/// Reads `audit.json` in the folder of an audit.
///
/// # Errors
/// The file is missing or broken.
pub fn read_audit(folder: &Path) -> Result<Audit> {
    files::json(&folder.join("audit.json"))
}

/// How a grade stands at the head of a line.
fn mark(grade: Grade) -> &'static str {
    match grade {
        Grade::Good => "ok",
        Grade::Caution => "caution",
        Grade::Bad => "FAILS",
        Grade::Note => "",
    }
}

/// The findings as plain text.
pub fn audit_text(audit: &Audit) -> String {
    let mut out = format!(
        "Audit of the workers of {}, seed {}, under {}\n",
        audit.name,
        audit.seed,
        in_percent(&audit.schedule)
    );
    for group in &audit.groups {
        out += &format!(
            "\n{}: {}, workers {}, with wages of {:.2} to {:.2} $/hour, {} questions\n\n",
            group.group,
            group.decides,
            group.workers,
            group.wages.0,
            group.wages.1,
            group.quality.asked
        );
        for verdict in &group.verdicts {
            let text = format!("{}: {}", verdict.about, verdict.words);
            out += &hanging(mark(verdict.grade), &text);
        }
    }
    if !audit.notes.is_empty() {
        out.push('\n');
    }
    for note in &audit.notes {
        out += &hanging("note", note);
    }
    out
}

/// `mark   text`, lines after the first indented.
fn hanging(mark: &str, text: &str) -> String {
    let mut out = format!("{mark:<9}");
    let mut used = 9;
    for word in text.split_whitespace() {
        let length = word.chars().count() + 1;
        if used + length > 110 && used > 9 {
            out = out.trim_end().to_owned() + "\n         ";
            used = 9;
        }
        out += word;
        out.push(' ');
        used += length;
    }
    out.trim_end().to_owned() + "\n"
}

/// Writes the figures and `audit.html` into the folder of an audit; returns the page's path.
///
/// # Errors
/// `audit.json` is missing or broken, or the folder cannot be written.
pub fn audit_html(folder: &Path) -> Result<PathBuf> {
    let audit = read_audit(folder)?;
    let people = estimates()?;
    let mut groups = Vec::new();
    for (i, group) in audit.groups.iter().enumerate() {
        let mut figures = Vec::new();
        for (id, title, caption, svg) in [
            elasticities(group, &people, i)?,
            hours(group, i)?,
            effects(group, i)?,
        ] {
            let path = |extension: &str| folder.join("figures").join(format!("{id}.{extension}"));
            files::write_whole(&path("svg"), svg.as_bytes())?;
            files::write_whole(&path("png"), &typeface::png(&svg)?)?;
            figures.push(json!({ "id": id, "title": title, "caption": caption, "svg": svg }));
        }
        let verdicts: Vec<_> = group
            .verdicts
            .iter()
            .map(|v| json!({ "grade": mark(v.grade), "class": format!("{:?}", v.grade).to_lowercase(), "about": v.about, "words": v.words }))
            .collect();
        let elasticity = |e: &crate::audit::Elasticity| {
            json!({
                "of": e.of, "margin": e.margin,
                "value": e.estimate.map_or("–".to_owned(), |x| with_interval(&x, 3)),
                "wrong": e.wrong_sign.map_or("–".to_owned(), |x| format!("{:.0} %", 100.0 * x)),
                "rational": e.rational.map_or("–".to_owned(), |x| grouped(x, 3)),
            })
        };
        let effect = |e: &crate::audit::Effect| {
            json!({
                "treatment": e.treatment, "control": e.control, "kind": format!("{:?}", e.kind).to_lowercase(),
                "hours": e.hours.map_or("–".to_owned(), |x| in_hours(&x)),
                "size": e.size.map_or("–".to_owned(), |x| grouped(x, 2)),
                "reform": e.reform.map_or(String::new(), |x| in_hours(&x)),
            })
        };
        let area = |area: &Area| format!("{:.3} ({:.3} to {:.3})", area.auc, area.low, area.high);
        let told = group.distinguishable.map(|found| {
            json!({
                "agents": found.agents, "people": grouped(found.people as f64, 0),
                "all": area(&found.all), "without": area(&found.without_hours), "rounded": found.rounded,
            })
        });
        groups.push(json!({
            "told": told,
            "name": group.group, "decides": group.decides, "workers": group.workers,
            "low": format!("{:.2}", group.wages.0), "high": format!("{:.2}", group.wages.1),
            "asked": group.quality.asked, "at_limit": format!("{:.0}", 100.0 * group.at_limit),
            "verdicts": verdicts, "figures": figures,
            "elasticities": group.elasticities.iter().map(elasticity).collect::<Vec<_>>(),
            "effects": group.effects.iter().map(effect).collect::<Vec<_>>(),
        }));
    }
    let human: Vec<_> = people
        .iter()
        .map(|e| json!({ "source": e.source, "estimator": e.estimator, "elasticity": format!("{:.3}", e.elasticity), "error": format!("{:.3}", e.standard_error), "n": grouped(e.observations as f64, 0) }))
        .collect();
    let scenario = std::fs::read_to_string(folder.join("scenario.toml")).unwrap_or_default();
    let page = json!({
        "name": audit.name, "seed": audit.seed, "schedule": in_percent(&audit.schedule), "transcript": folder.join("transcript.jsonl.zst").exists(), "groups": groups,
        "notes": audit.notes, "people": human, "scenario": scenario,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let html = render("audit.html", TEMPLATE, &page)?;
    let path = folder.join("audit.html");
    files::write_whole(&path, html.as_bytes())?;
    Ok(path)
}

type Drawn = (String, &'static str, String, String);

/// A row of a forest plot.
struct Row {
    label: String,
    value: f64,
    low: f64,
    high: f64,
    look: Look,
}

impl Row {
    fn of(label: String, estimate: &Estimate, look: Look) -> Self {
        Row {
            label,
            value: estimate.value,
            low: estimate.low.unwrap_or(estimate.value),
            high: estimate.high.unwrap_or(estimate.value),
            look,
        }
    }
}

/// Values with intervals, one below the other; `marks` are vertical lines with their names.
fn forest(
    id: &str,
    title: &str,
    subtitle: &str,
    x_title: &str,
    description: &str,
    rows: &[Row],
    marks: &[(f64, &str)],
) -> Result<String> {
    let mut sheet = Sheet::new(id);
    let top = sheet.heading(title, subtitle);
    let names = rows
        .iter()
        .map(|row| width(&row.label, LABEL, false))
        .fold(0.0, f64::max)
        .min(380.0);
    let height = 21.0;
    let frame = Frame {
        left: MARGIN + names + 14.0,
        top: top + 20.0,
        right: WIDTH - MARGIN - 70.0,
        bottom: top + 20.0 + height * rows.len() as f64,
    };
    let ends = rows.iter().flat_map(|row| [row.low, row.high]);
    let x = Scale::around(ends.chain(marks.iter().map(|(at, _)| *at)), 0.06);
    let panel = Panel {
        frame,
        x,
        y: Scale {
            low: rows.len() as f64,
            high: 0.0,
            spacing: Spacing::Linear,
        },
    };
    let ticks = x.ticks(0.17);
    let decimals = ticks.windows(2).map(|t| t[1] - t[0]).fold(1.0, f64::min);
    let decimals = if decimals < 1.0 {
        (-decimals.log10()).ceil() as usize
    } else {
        0
    };
    let labels = ticks.iter().map(|tick| grouped(*tick, decimals)).collect();
    sheet.axes(
        &panel,
        &Axis::new(ticks, labels, x_title),
        &Axis {
            ticks: Vec::new(),
            title: "",
        },
    )?;
    for &(at, name) in marks {
        let (px, _) = panel.place((at, 0.0));
        let stroke = Stroke {
            color: SOFT,
            width: 1.2,
            dash: &[4.0, 3.0],
        };
        sheet.rule((px, frame.top), (px, frame.bottom), stroke)?;
        sheet.text(px, frame.top - 5.0, name, SOFT, Anchor::Middle);
    }
    for (i, row) in rows.iter().enumerate() {
        let place = |x: f64| panel.place((x, i as f64 + 0.5));
        let (px, y) = place(row.value);
        let line = Stroke {
            color: GRID,
            width: 0.8,
            dash: &[],
        };
        sheet.rule((frame.left, y), (frame.right, y), line)?;
        sheet.rule(place(row.low), place(row.high), Stroke::from(&row.look))?;
        sheet.markers(&[(px, y)], &row.look, 3.6)?;
        let label = fit(&row.label, LABEL, names + 1.0);
        sheet.text(frame.left - 10.0, y + 4.0, &label, INK, Anchor::End);
        let value = grouped(row.value, 2);
        sheet.text(WIDTH - MARGIN, y + 4.0, &value, SOFT, Anchor::End);
    }
    Ok(sheet.finish(frame.bottom + 40.0, title, description))
}

fn elasticities(group: &GroupAudit, people: &[HumanEstimate], number: usize) -> Result<Drawn> {
    let mut rows: Vec<Row> = group
        .elasticities
        .iter()
        .filter_map(|e| {
            let label = format!("{}: {}, {}", group.group, e.of, e.margin);
            Some(Row::of(label, e.estimate.as_ref()?, AGENTS))
        })
        .collect();
    rows.extend(people.iter().filter(|e| !e.has_division_bias()).map(|e| {
        let short = e.source.split(" (").next().unwrap_or(&e.source);
        let half = 1.96 * e.standard_error;
        Row {
            label: format!(
                "{short}: {}",
                e.estimator
                    .replace("IV = ", "")
                    .replace(" (1st-stage ", " (")
            ),
            value: e.elasticity,
            low: e.elasticity - half,
            high: e.elasticity + half,
            look: PEOPLE,
        }
    }));
    let caption = format!(
        "Elasticities of hours of {} ({}), mean over workers with 95 % intervals, beside estimates of people's elasticity with respect to the wage (grey; those without division bias). The dashed line is the rational worker with these wages and preferences. “Extensive” is the elasticity of the probability of working at all.",
        group.group, group.decides
    );
    let id = format!("elasticities-{}", number + 1);
    let total = group
        .elasticities
        .iter()
        .find(|e| e.of == "net-of-tax rate" && e.margin == "total");
    let rational = total.and_then(|e| e.rational);
    let name = rational
        .map(|x| format!("rational {}", grouped(x, 2)))
        .unwrap_or_default();
    let marks: Vec<(f64, &str)> = rational.map(|x| (x, name.as_str())).into_iter().collect();
    let svg = forest(
        &id,
        "Elasticities of hours",
        &format!(
            "{} ({}) beside people; 95 % intervals",
            group.group, group.decides
        ),
        "elasticity",
        &caption,
        &rows,
        &marks,
    )?;
    Ok((id, "Elasticities of hours", caption, svg))
}

fn effects(group: &GroupAudit, number: usize) -> Result<Drawn> {
    let rows: Vec<Row> = group
        .effects
        .iter()
        .filter_map(|e| {
            let look = if e.kind == crate::audit::Kind::Reform {
                REFORM
            } else {
                AGENTS
            };
            Some(Row::of(e.treatment.clone(), e.hours.as_ref()?, look))
        })
        .collect();
    let caption = format!(
        "Change of expected hours per week of {} ({}) when the situation is changed or said otherwise, mean over workers with 95 % intervals. Only the first is a real change. “Brackets in reverse order” is compared with the first paraphrase, in which they stand in order; everything else with the plain prompt.",
        group.group, group.decides
    );
    let id = format!("effects-{}", number + 1);
    let svg = forest(
        &id,
        "What moves the answers",
        &format!(
            "{} ({}); only the first change is a real one",
            group.group, group.decides
        ),
        "change of hours per week",
        &caption,
        &rows,
        &[(0.0, "")],
    )?;
    Ok((id, "What moves the answers", caption, svg))
}

fn hours(group: &GroupAudit, number: usize) -> Result<Drawn> {
    const COLORS: [(u8, u8, u8); 5] = [
        (150, 190, 220),
        (90, 150, 200),
        (20, 20, 20),
        (214, 130, 40),
        (178, 60, 0),
    ];
    const DASHES: [&[f64]; 5] = [&[2.0, 2.5], &[6.0, 3.0], &[], &[9.0, 3.0], &[1.5, 2.0]];
    let id = format!("hours-{}", number + 1);
    let title = "Hours by tax rate and wage";
    let mut sheet = Sheet::new(&id);
    let top = sheet.heading(
        title,
        &format!(
            "{} ({}): expected hours under a flat tax, mean over workers",
            group.group, group.decides
        ),
    );
    let shown = group.grid.iter().filter_map(|cell| cell.hours.as_ref());
    let y = Scale::around(shown.map(|e| e.value).chain([0.0]), 0.06);
    let y = Scale { low: 0.0, ..y };
    let frame = Frame {
        left: MARGIN + 46.0,
        top: top + 26.0,
        right: WIDTH - MARGIN - 20.0,
        bottom: top + 300.0,
    };
    let panel = Panel {
        frame,
        x: Scale::new(Spacing::Linear, 0.0, 100.0 * RATES[RATES.len() - 1]),
        y,
    };
    let x_ticks: Vec<f64> = RATES.iter().map(|rate| 100.0 * rate).collect();
    let x_labels = x_ticks.iter().map(|tick| format!("{tick:.0}")).collect();
    let ticks = y.ticks(0.17);
    let labels = ticks.iter().map(|tick| grouped(*tick, 0)).collect();
    sheet.axes(
        &panel,
        &Axis::new(x_ticks, x_labels, "Flat tax rate, %"),
        &Axis::new(ticks, labels, "Hours per week"),
    )?;
    let mut entries = Vec::new();
    for (k, factor) in WAGE_FACTORS.iter().enumerate() {
        let look = Look {
            color: COLORS[k],
            dash: DASHES[k],
            width: 2.2,
            marker: Marker::Circle,
            rank: 0,
        };
        let points: Vec<(f64, f64)> = group
            .grid
            .iter()
            .filter(|cell| cell.wage_factor == *factor)
            .filter_map(|cell| Some((100.0 * cell.rate, cell.hours.as_ref()?.value)))
            .collect();
        sheet.line(&panel, &points, Stroke::from(&look))?;
        sheet.points(&panel, &points, &look, 2.6)?;
        entries.push(key::Entry {
            label: format!("{factor} × own wage"),
            look,
            marker: true,
        });
    }
    let end = key::legend(&mut sheet, frame.bottom + 48.0, &entries)?;
    let caption = format!(
        "Expected hours per week of {} ({}) at multiples of each worker's own wage and under flat taxes, mean over {} workers.",
        group.group, group.decides, group.workers
    );
    let svg = sheet.finish(end + MARGIN, title, &caption);
    Ok((id, title, caption, svg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hang_below_their_mark() {
        let text = hanging("FAILS", &"word ".repeat(40));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("FAILS    word") && lines.len() > 1);
        assert!(lines[1].starts_with("         word"));
        assert!(lines.iter().all(|line| line.chars().count() <= 110));
    }
}
