//! The table of paired differences: [`compare`] on the sweep's own folder, for the page and as files.

use std::path::Path;

use serde_json::{Value, json};

use super::super::comparison::{Arm, Comparison, Group, Question, compare};
use super::super::number::{cells, decimals_for};
use super::page::cell;
use crate::Result;
use crate::statistics::Interval;

/// Compares the arms of the sweep in `folder` over seeds.
///
/// # Errors
/// As [`compare`].
pub fn of(folder: &Path) -> Result<Comparison> {
    compare(&[folder.to_owned()], &Question::default())
}

/// The rows for the page: every arm that is compared with a reference.
pub fn for_page(comparison: &Comparison) -> Value {
    let keys = comparison.groups.first().map(|group| &group.values[..]);
    let keys: Vec<&str> = keys
        .unwrap_or_default()
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    let rows: Vec<Value> = comparison
        .groups
        .iter()
        .flat_map(|group| {
            group
                .arms
                .iter()
                .filter_map(move |arm| row(comparison, group, arm))
        })
        .collect();
    if rows.is_empty() {
        return Value::Null;
    }
    json!({ "keys": keys, "rows": rows })
}

fn row(comparison: &Comparison, group: &Group, arm: &Arm) -> Option<Value> {
    let against = arm.against.as_ref()?;
    let difference = &against.paired.difference;
    let ends = difference.t.map_or(0.0, |t| t.high.abs().max(t.low.abs()));
    // Cents at most in dollars, four digits in utils.
    let decimals = match decimals_for([difference.mean.abs().max(ends)]) {
        decimals @ 0..=2 => decimals,
        decimals => decimals - 1,
    };
    let text = |value: f64, decimals: usize| {
        let shown = cells(&[Some(value)], decimals)
            .remove(0)
            .unwrap_or_default();
        if value > 0.0 {
            format!("+{shown}")
        } else {
            shown
        }
    };
    let interval = |interval: Option<Interval>, decimals: usize| {
        interval.map_or(String::new(), |i| {
            format!("[{}, {}]", text(i.low, decimals), text(i.high, decimals))
        })
    };
    let bootstrap = interval(difference.bootstrap, decimals);
    let share = against.share;
    let percent = share.map_or(f64::NAN, |share| 100.0 * share.share);
    let p = against.p_holm;
    let p_shown = p.map(|p| {
        if p < 0.0001 {
            "< 0.0001".to_owned()
        } else {
            format!("{p:.4}")
        }
    });
    Some(json!({
        "values": group.values.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        "arm": arm.arm,
        "unit": group.unit,
        "reference": group.reference.as_deref().unwrap_or_default(),
        "n": difference.n,
        "verdict": comparison.verdict(against),
        "cells": [
            cell(difference.mean, Some(&text(difference.mean, decimals)), &interval(difference.t, decimals)),
            cell(
                difference.bootstrap.map_or(f64::NAN, |i| i.low),
                difference.bootstrap.map(|_| bootstrap.as_str()),
                "",
            ),
            cell(
                percent,
                share.map(|_| text(percent, 1)).as_deref(),
                &interval(share.and_then(|s| s.interval).map(|i| i.scaled(100.0)), 1),
            ),
            cell(p.unwrap_or(f64::NAN), p_shown.as_deref(), ""),
        ],
    }))
}
