//! A finished run's rows in the tables of its sweep.

use super::plan::{Plan, PlanKey, PlannedRun, ValueKind};
use super::store::{DATASETS, Store};
use crate::error::{Error, Result};
use crate::fiscal::statistics;
use crate::run::output::{hex, pretty};
use crate::run::tables;
use polars::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What is known of a finished run beside its rows: `sweep.json` in its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// SHA-256 of the columns and values that the plan puts beside the run's own.
    pub schema: String,
    /// SHA-256 of its parts, in the order of [`DATASETS`].
    pub sha256: Vec<String>,
    /// Seconds that the run took.
    pub wall_seconds: f64,
    /// Answers of language models.
    pub decisions: u64,
    /// Invalid ones.
    pub failures: u64,
    /// Tokens evaluated and generated.
    pub tokens: u64,
    /// Dollars.
    pub cost: f64,
    /// Version.
    pub fisc: String,
    /// Commit, with `-dirty` where it had uncommitted changes.
    pub git_commit: String,
    /// Machine.
    pub host: String,
}

impl Receipt {
    /// The receipt in a run's folder, if there is one that can be read.
    pub fn read(folder: &Path) -> Option<Receipt> {
        let bytes = std::fs::read(folder.join("sweep.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// What the plan puts beside a run's own columns, as a hash.
///
/// # Errors
/// A plan that was tampered with.
pub fn schema(plan: &Plan, run: &PlannedRun) -> Result<String> {
    let values = &plan.point(run)?.values;
    let text = serde_json::to_string(&(&plan.keys, &plan.wide, run, values))
        .map_err(|error| Error::run(format!("describing the tables: {error}")))?;
    Ok(hex(&Sha256::digest(text.as_bytes())))
}

/// Writes the parts of the finished run into the tables of `store`, and its receipt.
///
/// # Errors
/// Files of the run that cannot be read, or a folder that cannot be written.
pub fn write(store: &Store, plan: &Plan, run: &PlannedRun) -> Result<Receipt> {
    let folder = store.run(&run.run);
    let summary = json(&folder.join("summary.json"))?;
    let manifest = json(&folder.join("manifest.json"))?;
    let main = text(&summary["arms"][0]["arm"]);
    let years = read(&folder.join("years.parquet"))?;
    let third = last_third(&years)?;
    let frames = [
        beside(plan, run, &main, conform(plan, &years)?)?,
        beside(plan, run, &main, summary_rows(&summary, &third)?)?,
    ];
    let mut sha256 = Vec::new();
    for (dataset, mut frame) in DATASETS.iter().zip(frames) {
        let bytes = tables::parquet(&mut frame)?;
        sha256.push(hex(&Sha256::digest(&bytes)));
        // By way of the run's own folder: readers of the dataset never see a file that is not whole.
        tables::write_whole_by(&folder, &store.part(dataset, &run.run), &bytes)?;
    }
    let sum = |key: &str| {
        let arms = summary["arms"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        arms.iter().filter_map(|arm| arm[key].as_u64()).sum::<u64>()
    };
    let dirty = if manifest["git_dirty"] == Value::Bool(true) {
        "-dirty"
    } else {
        ""
    };
    let receipt = Receipt {
        schema: schema(plan, run)?,
        sha256,
        wall_seconds: manifest["wall_seconds"].as_f64().unwrap_or(f64::NAN),
        decisions: sum("decisions"),
        failures: sum("failures"),
        tokens: manifest["tokens"].as_u64().unwrap_or(0),
        cost: manifest["cost"].as_f64().unwrap_or(0.0),
        fisc: text(&manifest["fisc"]),
        git_commit: text(&manifest["git_commit"]) + dirty,
        host: text(&manifest["host"]),
    };
    tables::write_whole(&folder.join("sweep.json"), &pretty(&receipt)?)?;
    Ok(receipt)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn json(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::io(path, error))
}

fn read(path: &Path) -> Result<DataFrame> {
    let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
    ParquetReader::new(file)
        .finish()
        .map_err(|error| Error::io(path, error))
}

fn broken(error: PolarsError) -> Error {
    Error::run(format!("building a table: {error}"))
}

/// The columns of `years.parquet` that every part has, in order, with whether they are numbers.
fn year_columns(plan: &Plan) -> Vec<String> {
    let brackets = plan.wide.brackets;
    let named = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let mut columns = named(&["arm", "year", "schedule"]);
    columns.extend((1..=brackets).map(|k| format!("rate_{k}")));
    columns.extend(named(&["revenue", "rebate", "welfare"]));
    columns.extend(
        plan.wide
            .objectives
            .iter()
            .map(|name| format!("welfare_{name}")),
    );
    columns.extend(statistics::names());
    columns.extend((2..=brackets).map(|k| format!("kink_share_{k}")));
    columns.extend(named(&["leader", "decisions", "failures"]));
    columns
}

/// The same columns for every run: those that a run does not have are null.
fn conform(plan: &Plan, years: &DataFrame) -> Result<DataFrame> {
    let rows = years.height();
    let columns = year_columns(plan)
        .into_iter()
        .map(|name| match years.column(&name) {
            Ok(column) => column.clone(),
            Err(_) => Column::full_null(name.as_str().into(), rows, &DataType::Float64),
        })
        .collect();
    DataFrame::new_infer_height(columns).map_err(broken)
}

/// Puts what the plan knows of a run beside rows that have an `arm`.
fn beside(plan: &Plan, run: &PlannedRun, main: &str, frame: DataFrame) -> Result<DataFrame> {
    let rows = frame.height();
    let values = &plan.point(run)?.values;
    let mut columns = vec![
        Column::new("run".into(), vec![run.run.as_str(); rows]),
        Column::new("point".into(), vec![run.point; rows]),
        Column::new("replicate".into(), vec![run.replicate; rows]),
        Column::new("seed".into(), vec![run.seed; rows]),
    ];
    for key in &plan.keys {
        columns.push(key_column(
            key,
            std::iter::repeat_n(values.get(&key.key), rows),
        ));
    }
    let arm = frame
        .column("arm")
        .and_then(|arm| arm.str().cloned())
        .map_err(broken)?;
    let flags: Vec<bool> = arm.iter().map(|arm| arm == Some(main)).collect();
    columns.push(Column::new("main".into(), flags));
    columns.extend(frame.columns().iter().cloned());
    DataFrame::new_infer_height(columns).map_err(broken)
}

/// The column of a varied key.
pub(super) fn key_column<'a>(
    key: &PlanKey,
    values: impl Iterator<Item = Option<&'a Value>>,
) -> Column {
    let name = key.column.as_str().into();
    match key.kind {
        ValueKind::Whole => {
            let cells: Vec<Option<i64>> = values.map(|value| value?.as_i64()).collect();
            Column::new(name, cells)
        }
        ValueKind::Number => {
            let cells: Vec<Option<f64>> = values.map(|value| value?.as_f64()).collect();
            Column::new(name, cells)
        }
        ValueKind::Text => {
            let cells: Vec<Option<&str>> = values.map(|value| value?.as_str()).collect();
            Column::new(name, cells)
        }
    }
}

/// Mean welfare over the last third of the tax years (at least one), by arm.
fn last_third(years: &DataFrame) -> Result<Vec<(String, f64)>> {
    let arm = years
        .column("arm")
        .and_then(|c| c.str().cloned())
        .map_err(broken)?;
    let welfare = years
        .column("welfare")
        .and_then(|c| c.f64().cloned())
        .map_err(broken)?;
    let mut found: Vec<(String, Vec<f64>)> = Vec::new();
    for (arm, welfare) in arm.iter().zip(welfare.iter()) {
        let arm = arm.unwrap_or_default();
        let welfare = welfare.unwrap_or(f64::NAN);
        match found.iter_mut().find(|(name, _)| name == arm) {
            Some((_, all)) => all.push(welfare),
            None => found.push((arm.to_owned(), vec![welfare])),
        }
    }
    Ok(found
        .into_iter()
        .map(|(arm, all)| {
            let last = &all[all.len() - (all.len() / 3).max(1)..];
            (arm, last.iter().sum::<f64>() / last.len() as f64)
        })
        .collect())
}

/// `summary.json` as rows, one per arm.
fn summary_rows(summary: &Value, third: &[(String, f64)]) -> Result<DataFrame> {
    let empty = Vec::new();
    let arms = summary["arms"].as_array().unwrap_or(&empty);
    let texts = |name: &str, get: &dyn Fn(&Value) -> Option<String>| {
        Column::new(
            name.into(),
            arms.iter().map(get).collect::<Vec<Option<String>>>(),
        )
    };
    let numbers = |name: &str, get: &dyn Fn(&Value) -> Option<f64>| {
        Column::new(
            name.into(),
            arms.iter().map(get).collect::<Vec<Option<f64>>>(),
        )
    };
    let field = |name: &'static str| numbers(name, &move |arm: &Value| arm[name].as_f64());
    let count = |name: &'static str| {
        let cells: Vec<Option<u64>> = arms.iter().map(|arm| arm[name].as_u64()).collect();
        Column::new(name.into(), cells)
    };
    let welfare_of = |wanted: &dyn Fn(&str) -> bool| {
        let found = arms
            .iter()
            .find(|arm| arm["arm"].as_str().is_some_and(wanted));
        found.and_then(|arm| arm["welfare"].as_f64())
    };
    let baseline = summary["baseline"].as_str().unwrap_or_default();
    let us = welfare_of(&|name| name == baseline);
    let optimal = welfare_of(&|name| name == "optimal");
    let objective = &summary["objective"];
    let years = summary["years"].as_u64().unwrap_or(0) as u32;
    let columns = vec![
        texts("arm", &|arm| arm["arm"].as_str().map(str::to_owned)),
        texts("objective", &|_| {
            objective["name"].as_str().map(str::to_owned)
        }),
        texts("unit", &|_| objective["unit"].as_str().map(str::to_owned)),
        Column::new("years".into(), vec![years; arms.len()]),
        texts("schedule", &|arm| {
            arm["schedule"].as_str().map(str::to_owned)
        }),
        field("welfare"),
        numbers("welfare_last_third", &|arm| {
            let name = arm["arm"].as_str()?;
            let (_, mean) = third.iter().find(|(known, _)| known == name)?;
            Some(*mean).filter(|mean| mean.is_finite())
        }),
        numbers("welfare_us", &|_| us),
        numbers("welfare_optimal", &|_| optimal),
        field("gain_over_us"),
        field("attained"),
        field("income_mean"),
        field("labor_mean"),
        field("gini_income"),
        field("gini_disposable"),
        field("revenue"),
        field("rebate"),
        count("decisions"),
        count("failures"),
        numbers("best_welfare", &|arm| arm["best_year"][1].as_f64()),
        Column::new(
            "best_year".into(),
            arms.iter()
                .map(|arm| arm["best_year"][0].as_u64().map(|year| year as u32))
                .collect::<Vec<_>>(),
        ),
    ];
    DataFrame::new_infer_height(columns).map_err(broken)
}
