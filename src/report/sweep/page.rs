//! The report of a sweep: one page that loads nothing and also reads without its script.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::html::{dashed, flattened, render};
use super::super::number::grouped;
use super::super::{Figure, files};
use super::groups::Groups;
use super::study::{Run, Status, Study};
use super::tables::MeansTable;
use crate::{Error, Result};

/// The page. Its name ends in `.html`, so minijinja escapes every value but the SVG figures, whose text has
/// been escaped when they were drawn, and the script.
const TEMPLATE: &str = include_str!("../sweep.html");

const SCRIPT: &str = include_str!("../sweep.js");

/// What the page is made of.
pub struct Contents<'a> {
    /// The sweep.
    pub study: &'a Study,
    /// Its groups.
    pub groups: &'a Groups<'a>,
    /// Table of means.
    pub means: &'a MeansTable,
    /// Table of differences, ready for the page, or why there is none.
    pub differences: Result<Value, String>,
    /// Remarks of the comparison.
    pub comparison_warnings: Vec<String>,
    /// Figures as written.
    pub figures: Vec<Figure>,
    /// Why others are missing.
    pub missing: Vec<String>,
}

/// Writes `report.html` into the sweep's folder.
pub fn write(contents: &Contents) -> Result<PathBuf> {
    let study = contents.study;
    let figures = contents
        .figures
        .iter()
        .map(|figure| {
            let svg = std::fs::read_to_string(&figure.svg)
                .map_err(|error| Error::io(&figure.svg, error))?;
            Ok(json!({ "id": figure.id, "title": figure.title, "caption": figure.caption, "svg": svg }))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut missing = contents.missing.clone();
    let differences = match &contents.differences {
        Ok(table) => table.clone(),
        Err(why) => {
            missing.push(format!("table of differences: {why}"));
            Value::Null
        }
    };
    let failed = study.runs.iter().filter(|run| run.status == Status::Failed);
    let tokens = study.runs.iter().any(|run| run.tokens > 0.0);
    let page = json!({
        "name": study.name,
        "lead": lead(study, contents.groups),
        "facts": facts(study, contents.groups),
        "warnings": study.warnings,
        "failed": failed.map(|run| row(study, run)).collect::<Vec<_>>(),
        "means": means(contents.means, study.seeds.len()),
        "differences": differences,
        "comparison_warnings": contents.comparison_warnings,
        "figures": figures,
        "missing": missing,
        "runs": study.runs.iter().map(|run| row(study, run)).collect::<Vec<_>>(),
        "runs_lead": standing(study),
        "keys": study.keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>(),
        "tokens": tokens,
        "one_run": one_run(study),
        "provenance": provenance(study),
        "scenario": scenario(&study.folder),
        "version": env!("CARGO_PKG_VERSION"),
        "script": SCRIPT,
        "script_sha256": BASE64.encode(Sha256::digest(SCRIPT.as_bytes())),
    });
    let html = render("sweep.html", TEMPLATE, &page)?;
    let path = study.folder.join("report.html");
    files::write_whole(&path, html.as_bytes())?;
    Ok(path)
}

/// One sentence on what was compared.
fn lead(study: &Study, groups: &Groups) -> String {
    let points: std::collections::BTreeSet<u32> = study.runs.iter().map(|run| run.point).collect();
    format!(
        "{} × {} = {}; {}.",
        counted(points.len(), "point"),
        counted(study.seeds.len(), "seed"),
        counted(study.runs.len(), "run"),
        match groups.arms.len() {
            0 => "none has finished".to_owned(),
            arms => format!(
                "{} in {}, on the same seeds",
                counted(arms, "arm"),
                counted(groups.groups.len(), "group")
            ),
        }
    )
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count as f64, 0))
}

/// How far the sweep has come.
pub fn standing(study: &Study) -> String {
    let [finished, failed, pending] =
        [Status::Finished, Status::Failed, Status::Pending].map(|status| study.count(status));
    format!(
        "{} of {} finished, {} failed, {} pending.",
        grouped(finished as f64, 0),
        counted(study.runs.len(), "run"),
        grouped(failed as f64, 0),
        grouped(pending as f64, 0)
    )
}

fn fact(key: &str, value: impl Into<String>) -> Value {
    json!({ "key": key, "value": value.into() })
}

fn facts(study: &Study, groups: &Groups) -> Vec<Value> {
    let mut facts = vec![fact("Sweep", &*study.name)];
    if !study.base.is_empty() {
        facts.push(fact("Base scenario", &*study.base));
    }
    facts.push(fact("Standing", standing(study)));
    for (k, key) in study.keys.iter().enumerate() {
        let mut levels = Vec::new();
        for run in &study.runs {
            if !levels.contains(&run.values[k]) {
                levels.push(run.values[k].clone());
            }
        }
        if key.is_number() {
            levels.sort_by(|a, b| a.order(b));
        }
        let shown: Vec<String> = levels.iter().map(|level| level.shown()).collect();
        let text = if shown.len() > 12 {
            let (first, last) = (&shown[0], &shown[shown.len() - 1]);
            format!("{} values from {first} to {last}", shown.len())
        } else {
            shown.join("; ")
        };
        facts.push(fact(&key.key, text));
    }
    let seeds: Vec<String> = study.seeds.iter().map(u64::to_string).collect();
    facts.push(fact("Seeds", seeds.join(", ")));
    if !groups.arms.is_empty() {
        let arms: Vec<&str> = groups.arms.iter().map(|arm| arm.name.as_str()).collect();
        facts.push(fact("Arms", arms.join(", ")));
    }
    if let Some(arm) = groups.reference {
        facts.push(fact("Gains are over", &*groups.arms[arm].name));
    }
    facts
}

fn row(study: &Study, run: &Run) -> Value {
    let named = study.keys.iter().zip(&run.values);
    let values: Vec<String> = named
        .map(|(key, value)| format!("{} = {}", key.key, value.shown()))
        .collect();
    let number = |value: f64, decimals| {
        if value.is_finite() {
            grouped(value, decimals)
        } else {
            "\u{2013}".into()
        }
    };
    json!({
        "run": run.run,
        "point": run.point,
        "replicate": run.replicate,
        "seed": run.seed.to_string(),
        "values": values.join(", "),
        "levels": run.values.iter().map(|value| value.shown()).collect::<Vec<_>>(),
        "status": run.status.shown(),
        "stage": run.stage,
        "message": run.message,
        "wall": number(run.wall_seconds, 1),
        "tokens": number(run.tokens, 0),
        "cost": number(run.cost, 4),
    })
}

fn means(table: &MeansTable, planned: usize) -> Value {
    if table.arms.is_empty() {
        return Value::Null;
    }
    let columns = table.columns.iter();
    let headings: Vec<Value> = columns
        .map(|column| json!({ "heading": column.heading, "unit": column.unit }))
        .collect();
    let rows = (0..table.arms.len()).map(|row| {
        let cells = table.columns.iter().map(|column| {
            cell(
                column.estimates[row].mean,
                column.means[row].as_deref(),
                &column.intervals[row],
            )
        });
        json!({
            "values": table.values[row],
            "arm": table.arms[row],
            "seeds": table.seeds[row],
            "unit": table.has_mixed_units().then(|| &table.units[row]),
            "cells": cells.collect::<Vec<_>>(),
        })
    });
    json!({
        "keys": table.keys,
        "columns": headings,
        "rows": rows.collect::<Vec<_>>(),
        "lacking": table.lacking(planned),
    })
}

/// A cell of a table: what it sorts by, its text, and an interval below.
pub fn cell(value: f64, text: Option<&str>, interval: &str) -> Value {
    json!({
        "v": if value.is_finite() { value.to_string() } else { String::new() },
        "mean": text.map_or("\u{2013}".into(), dashed),
        "ci": interval.replace('-', "\u{2212}"),
    })
}

/// The command that plays the first run.
fn one_run(study: &Study) -> String {
    let finished = study.runs.iter().find(|run| run.status == Status::Finished);
    finished.map_or(String::new(), |run| {
        format!(
            "fisc run runs/{0}/scenario.toml --out ../again-{0}",
            run.run
        )
    })
}

/// Distinct values of a text of the finished and failed runs.
fn distinct(study: &Study, of: fn(&Run) -> &str) -> String {
    let mut found: Vec<&str> = Vec::new();
    for run in study
        .runs
        .iter()
        .filter(|run| run.status != Status::Pending)
    {
        if !of(run).is_empty() && !found.contains(&of(run)) {
            found.push(of(run));
        }
    }
    found.join(", ")
}

fn provenance(study: &Study) -> Vec<Value> {
    let total = |of: fn(&Run) -> f64| -> f64 {
        let values = study.runs.iter().map(of);
        values.filter(|value| value.is_finite()).sum()
    };
    let mut items = vec![
        fact("fisc", distinct(study, |run| &run.fisc)),
        fact("git_commit", distinct(study, |run| &run.git_commit)),
        fact("host", distinct(study, |run| &run.host)),
        fact(
            "wall_seconds, all runs",
            grouped(total(|run| run.wall_seconds), 1),
        ),
        fact("decisions", grouped(total(|run| run.decisions), 0)),
        fact("failures", grouped(total(|run| run.failures), 0)),
        fact("tokens", grouped(total(|run| run.tokens), 0)),
        fact("cost, $", grouped(total(|run| run.cost), 4)),
    ];
    items.retain(|item| item["value"] != "");
    // The models as the first finished run found them.
    let manifest = study
        .runs
        .iter()
        .filter(|run| run.status == Status::Finished)
        .map(|run| {
            study
                .folder
                .join("runs")
                .join(&run.run)
                .join("manifest.json")
        })
        .find_map(|path| files::json::<Value>(&path).ok());
    if let Some(models) = manifest
        .as_ref()
        .and_then(|manifest| manifest.get("models"))
    {
        for item in flattened(models) {
            items.push(fact(&format!("models.{}", item.key), item.value));
        }
    }
    items
}

/// The resolved scenario of the first point.
fn scenario(folder: &Path) -> String {
    let plan = files::json::<Value>(&folder.join("plan.json")).unwrap_or_default();
    let first = plan["points"]
        .get(0)
        .and_then(|point| point["scenario"].as_str());
    first.unwrap_or_default().to_owned()
}
