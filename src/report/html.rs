//! The HTML report of a run: one page that loads nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::finished::FinishedRun;
use super::number::{grouped, short_money};
use super::summary::{Election, Summary};
use super::{figure, files, table};
use crate::{Error, Result};
use minijinja::{Environment, Value as PageValue};
use serde::Serialize;
use serde_json::{Value, json};

/// The page. Its name ends in `.html`, so minijinja escapes every value but the SVG figures, whose text has
/// been escaped when they were drawn.
const TEMPLATE: &str = include_str!("report.html");

/// A line of a list of facts.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Fact {
    pub(super) key: String,
    pub(super) value: String,
}

/// A row of a table.
#[derive(Serialize)]
struct Row {
    arm: String,
    cells: Vec<String>,
}

/// Final schedules with the same brackets.
#[derive(Serialize)]
struct SameBrackets {
    edges: Vec<String>,
    rows: Vec<Row>,
}

/// Draws the figures of `run` and writes `report.html` around them.
pub(super) fn write(run: &Path) -> Result<PathBuf> {
    let finished = FinishedRun::read(run)?;
    let summary = &finished.summary;
    let figures = figure::write_all(&finished)?
        .into_iter()
        .map(|figure| {
            let svg = std::fs::read_to_string(&figure.svg).map_err(|error| Error::io(&figure.svg, error))?;
            Ok(json!({ "id": figure.id, "title": figure.title, "caption": figure.caption, "svg": svg }))
        })
        .collect::<Result<Vec<_>>>()?;
    let columns = table::columns(summary);
    let row = |i: usize| Row {
        arm: summary.arms[i].arm.clone(),
        cells: columns
            .iter()
            .map(|column| dashed(&column.cells[i]))
            .collect(),
    };
    let headings: Vec<_> = columns
        .iter()
        .map(|c| json!({ "heading": c.heading.replace('-', "\u{2011}"), "unit": c.unit }))
        .collect();
    let scenario = std::fs::read_to_string(run.join("scenario.toml")).unwrap_or_default();
    let manifest = run.join("manifest.json");
    let manifest: Value = if manifest.exists() {
        files::json(&manifest)?
    } else {
        Value::Null
    };
    let page = json!({
        "name": summary.name,
        "lead": lead(&finished),
        "facts": facts(&finished, &scenario),
        "baseline": summary.baseline_shown(),
        "columns": headings,
        "rows": (0..summary.arms.len()).map(row).collect::<Vec<_>>(),
        "remarks": summary.remarks(),
        "elections": elections(summary),
        "figures": figures,
        "schedules": final_schedules(&finished),
        "seed_flag": summary.seed.map(|seed| format!(" --seed {seed}")).unwrap_or_default(),
        "manifest": flattened(&manifest),
        "profile": flattened(&summary.profile),
        "kinks": flattened(&summary.kink_shares),
        "scenario": scenario,
    "transcript": run.join("transcript.jsonl.zst").exists(),
    "version": env!("CARGO_PKG_VERSION"),
    });
    let html = render("report.html", TEMPLATE, &page)?;
    let path = run.join("report.html");
    files::write_whole(&path, html.as_bytes())?;
    Ok(path)
}

/// Fills in a page, whose name ends in `.html` so that values are escaped, around the style that all pages share.
pub(super) fn render(name: &str, template: &str, page: &Value) -> Result<String> {
    let broken =
        |error: minijinja::Error| Error::run(format!("{name} cannot be written: {error:#}"));
    let mut environment = Environment::new();
    environment
        .add_template("page.css", include_str!("page.css"))
        .map_err(broken)?;
    environment.add_template(name, template).map_err(broken)?;
    environment
        .get_template(name)
        .and_then(|filled| filled.render(for_page(page)))
        .map_err(broken)
}

/// A JSON document as the template engine's values.
pub(crate) fn for_page(value: &Value) -> PageValue {
    match value {
        Value::Null => PageValue::from(()),
        Value::Bool(flag) => PageValue::from(*flag),
        Value::Number(number) => PageValue::from(number.to_string()),
        Value::String(text) => PageValue::from(text.as_str()),
        Value::Array(values) => PageValue::from(values.iter().map(for_page).collect::<Vec<_>>()),
        Value::Object(fields) => PageValue::from(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), for_page(value)))
                .collect::<BTreeMap<_, _>>(),
        ),
    }
}

/// A table cell with a typographic dash or minus.
pub(super) fn dashed(cell: &str) -> String {
    match cell {
        "-" => "–".into(),
        _ => cell.replace('-', "\u{2212}"),
    }
}

/// One sentence on what the run compared.
fn lead(run: &FinishedRun) -> String {
    let years = run.last_year();
    let arms = run.arms.len();
    format!(
        "{arms} {} over {years} tax {}, on the same workers and the same random streams.",
        if arms == 1 { "planner" } else { "planners" },
        if years == 1 { "year" } else { "years" }
    )
}

/// What was run: from the summary, and from the scenario where it can be read.
fn facts(run: &FinishedRun, scenario: &str) -> Vec<Fact> {
    let summary = &run.summary;
    let mut facts = Vec::new();
    let mut say = |key: &str, value: String| {
        if !value.is_empty() {
            facts.push(Fact {
                key: key.into(),
                value,
            });
        }
    };
    let table = scenario.parse::<toml::Table>().unwrap_or_default();
    let at = |path: &[&str]| {
        let mut keys = path.iter();
        let first = keys.next().and_then(|key| table.get(*key));
        keys.fold(first, |value, key| value.and_then(|value| value.get(*key)))
    };
    let shown = |path: &[&str]| at(path).map(in_words).unwrap_or_default();
    say("Scenario", summary.name.clone());
    say(
        "Seed",
        summary
            .seed
            .map(|seed| seed.to_string())
            .unwrap_or_default(),
    );
    say("Objective", summary.objective.name.clone());
    say("Formula", summary.objective.formula.clone());
    say("Unit of welfare", summary.objective.unit_shown().to_owned());
    let size = at(&["population", "size"]).and_then(toml::Value::as_integer);
    say(
        "Workers",
        size.map(|size| grouped(size as f64, 0)).unwrap_or_default(),
    );
    say("Wages", shown(&["population", "wages"]));
    say("Personas", shown(&["population", "personas"]));
    say("Utility", shown(&["economy", "utility"]));
    let groups = at(&["workers"])
        .and_then(toml::Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let group = |group: &toml::Value| {
        let share = group
            .get("share")
            .and_then(|share| share.as_float().or(share.as_integer().map(|i| i as f64)));
        let decide = group.get("decide").map(in_words).unwrap_or_default();
        share.map_or(decide.clone(), |share| {
            format!("{}% {decide}", grouped(100.0 * share, 0))
        })
    };
    say(
        "Workers decide",
        groups.iter().map(group).collect::<Vec<_>>().join("; "),
    );
    say("Planner", shown(&["planner", "kind"]));
    say(
        "Arms",
        run.arms
            .iter()
            .map(|arm| arm.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    );
    say("Periods", shown(&["steps"]));
    say("Periods per tax year", shown(&["tax_year"]));
    facts
}

/// A TOML value without quotes and braces: `llm (model small)`.
pub(super) fn in_words(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Table(table) => {
            let part = |(key, value): (&String, &toml::Value)| match value {
                toml::Value::Table(_) => format!("{key} ({})", in_words(value)),
                _ => format!("{key} {}", in_words(value)),
            };
            table.iter().map(part).collect::<Vec<_>>().join(", ")
        }
        toml::Value::Array(values) => values.iter().map(in_words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The last tax year's schedules, those with the same brackets together.
fn final_schedules(run: &FinishedRun) -> Vec<SameBrackets> {
    let mut known: Vec<(&[f64], Vec<Row>)> = Vec::new();
    for arm in &run.arms {
        let Some(year) = arm.years.last() else {
            continue;
        };
        let cells = year
            .schedule
            .rates
            .iter()
            .map(|rate| dashed(&grouped(100.0 * rate, 1)))
            .collect();
        let row = Row {
            arm: arm.name.clone(),
            cells,
        };
        match known
            .iter_mut()
            .find(|(edges, _)| *edges == year.schedule.edges)
        {
            Some((_, rows)) => rows.push(row),
            None => known.push((&year.schedule.edges, vec![row])),
        }
    }
    let edge = |edge: &f64| {
        if *edge < 1e7 {
            format!("${}", grouped(*edge, 0))
        } else {
            short_money(*edge)
        }
    };
    known
        .into_iter()
        .map(|(edges, rows)| SameBrackets {
            edges: edges.iter().map(edge).collect(),
            rows,
        })
        .collect()
}

/// `0:0.105,90000:0.4` as `10.5 % from $0, 40.0 % from $90,000`; other texts as they are.
pub(super) fn in_percent(schedule: &str) -> String {
    let part = |bracket: &str| {
        let (edge, rate) = bracket.split_once(':')?;
        let (edge, rate) = (edge.parse::<f64>().ok()?, rate.parse::<f64>().ok()?);
        let rate = dashed(&grouped(100.0 * rate, 1));
        Some(format!("{rate} % from ${}", grouped(edge, 0)))
    };
    let parts: Option<Vec<String>> = schedule.split(',').map(part).collect();
    parts.map_or(schedule.to_owned(), |parts| parts.join(", "))
}

/// Elections, a row each.
fn elections(summary: &Summary) -> Vec<Row> {
    let each = summary.arms.iter().flat_map(|arm| {
        let row = |election: &Election| {
            let number = |n: Option<u32>| n.map_or("–".into(), |n| n.to_string());
            let lot = if election.by_lot { ", by lot" } else { "" };
            let winner = match (election.winner, election.winner_worker) {
                (Some(n), Some(worker)) => format!("{n} (worker {worker}){lot}"),
                (n, _) => number(n) + lot,
            };
            let condorcet = match (election.condorcet_winner, election.condorcet_found) {
                (Some(n), Some(true)) => format!("{n}, elected"),
                (Some(n), _) => format!("{n}, not elected"),
                _ => "none".into(),
            };
            let platform = election.schedule.as_deref().map_or("–".into(), in_percent);
            let said = election.statement.as_deref();
            let first = election.original.as_deref().filter(|o| Some(*o) != said);
            Row {
                arm: arm.arm.clone(),
                cells: vec![
                    election.year.to_string(),
                    election.rule.clone(),
                    election.candidates.to_string(),
                    winner,
                    platform
                        + said
                            .map_or(String::new(), |said| format!(": “{said}”"))
                            .as_str()
                        + first
                            .map_or(String::new(), |first| format!(" (first: “{first}”)"))
                            .as_str(),
                    grouped(100.0 * election.turnout, 0),
                    election.margin.map_or("–".into(), |m| grouped(m, 3)),
                    condorcet,
                ],
            }
        };
        arm.elections.iter().map(row)
    });
    each.collect()
}

/// The leaves of a JSON document, each named by its path: `models.small.sha256`.
pub(super) fn flattened(value: &Value) -> Vec<Fact> {
    fn walk(path: String, value: &Value, facts: &mut Vec<Fact>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    walk(path, value, facts);
                }
            }
            Value::Null => {}
            Value::String(text) => facts.push(Fact {
                key: path,
                value: text.clone(),
            }),
            Value::Array(values)
                if values
                    .iter()
                    .any(|value| value.is_object() || value.is_array()) =>
            {
                for (i, value) in values.iter().enumerate() {
                    walk(format!("{path}.{}", i + 1), value, facts);
                }
            }
            Value::Array(values) => {
                let texts = values
                    .iter()
                    .map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
                facts.push(Fact {
                    key: path,
                    value: texts.collect::<Vec<_>>().join(", "),
                });
            }
            other => facts.push(Fact {
                key: path,
                value: other.to_string(),
            }),
        }
    }
    let mut facts = Vec::new();
    walk(String::new(), value, &mut facts);
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_shown_in_percent() {
        assert_eq!(
            in_percent("0:0.105,90000:0.4"),
            "10.5 % from $0, 40.0 % from $90,000"
        );
        assert_eq!(in_percent("none yet"), "none yet");
    }

    #[test]
    fn json_is_flattened_to_paths() {
        let value =
            serde_json::json!({ "a": { "b": 1, "c": null }, "d": [1, 2], "e": [{ "f": "x" }] });
        let shown: Vec<_> = flattened(&value)
            .into_iter()
            .map(|fact| format!("{}={}", fact.key, fact.value))
            .collect();
        assert_eq!(shown, ["a.b=1", "d=1, 2", "e.1.f=x"]);
        assert!(flattened(&Value::Null).is_empty());
    }

    #[test]
    fn scenario_values_read_as_words() {
        let table: toml::Table =
            "a = { llm = { model = \"small\" } }\nb = \"rational\"\nc = [1, 2]"
                .parse()
                .unwrap();
        assert_eq!(in_words(&table["a"]), "llm (model small)");
        assert_eq!(in_words(&table["b"]), "rational");
        assert_eq!(in_words(&table["c"]), "1, 2");
    }
}
