//! Tables and lists of the README.

use crate::error::{Error, Result};
use crate::llm::registry;
use crate::replication::contents::{Contents, Kind};
use crate::replication::{FILES, MODELS, sources};
use crate::scenario::{Backend, Scenario};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Libraries that numbers pass through.
const CRATES: [(&str, &str); 9] = [
    ("bevy_ecs", "the world of workers"),
    ("llama-cpp-2", "evaluates language models (llama.cpp)"),
    ("nalgebra", "linear algebra of searches"),
    ("polars", "tables"),
    ("rand", "random draws"),
    ("rand_chacha", "ChaCha8 streams"),
    ("rand_distr", "distributions"),
    ("rayon", "threads"),
    ("statrs", "special functions"),
];

/// What the tables of a sweep show, by name of their file.
const TABLES: [(&str, &str); 2] = [
    (
        "means",
        "means over seeds with intervals, by planner and varied key",
    ),
    (
        "differences",
        "paired differences between planners, seed by seed, with intervals",
    ),
];

/// Two cells each.
pub(super) type Rows = Vec<(String, String)>;

fn row(first: impl Into<String>, second: impl Into<String>) -> (String, String) {
    (first.into(), second.into())
}

pub(super) fn places(contents: &Contents, prompts: bool, census: bool, data: bool) -> Rows {
    let transcript = match contents.runs.iter().any(|run| run.transcript) {
        true => ", transcript",
        false => "",
    };
    let mut rows = match contents.kind {
        Kind::Run => vec![row(
            "run/",
            format!("scenario, tables{transcript}, figures and report of the run"),
        )],
        Kind::Sweep => vec![
            row(
                "sweep/",
                "plan, merged tables, figures and report of the sweep",
            ),
            row(
                "sweep/runs/",
                format!("scenario, tables{transcript} of every run"),
            ),
        ],
    };
    if data {
        rows.push(row("data/", "files of the authors that the scenarios name"));
    }
    if census {
        rows.push(row(
            "data/census/",
            "copies of the data tables that are compiled into fisc, and their sources",
        ));
    }
    if prompts {
        rows.push(row("prompts/", "the authors' templates of prompts"));
    }
    rows.push(row(
        FILES,
        "what every file and column of results means, with units",
    ));
    rows.push(row(
        "package.json",
        "what is played again and what is compared, for programs",
    ));
    rows.push(row(
        "Cargo.lock, LICENSE-fisc",
        "the exact version of every library of fisc; its licence",
    ));
    rows.push(row(
        "SHA256SUMS",
        "checksums of all files but this one; `sha256sum -c SHA256SUMS` checks them",
    ));
    rows
}

pub(super) fn models(contents: &Contents) -> Vec<Value> {
    let mut rows = Vec::new();
    for (name, models) in &contents.models {
        for model in models {
            let licence = match &model.licence {
                Some(licence) => format!("Licence of its weights: {licence}."),
                None => "**AUTHORS: state the licence of its weights.**".into(),
            };
            let remote = model.id.starts_with("openai:");
            let words = match &model.weights {
                Some(weights) if registry::find(weights).is_ok() => format!(
                    "Not in this package; `fisc model fetch {weights}` gets it and checks that it is this very file. {licence}"
                ),
                Some(weights) if weights.starts_with("hf:") => format!(
                    "Not in this package; `fisc model fetch {weights}` gets it, if its owner still provides it. {licence}"
                ),
                Some(weights) => format!(
                    "The file `{weights}` is not in this package. **AUTHORS: say where it can be had.** {licence}"
                ),
                None if remote => "Behind a server; it may change or go away. Its answers are in the transcript. **AUTHORS: name the provider, the dates of use and its terms on publishing answers.**".into(),
                None => format!("Not in this package. **AUTHORS: say where it can be had.** {licence}"),
            };
            rows.push(json!({ "name": name, "id": model.id, "words": words }));
        }
    }
    rows
}

pub(super) fn datasets(contents: &Contents, asks: bool) -> Rows {
    let has = |name: &str| {
        contents
            .runs
            .iter()
            .any(|run| run.compare.iter().any(|file| file == name))
    };
    let inner = match contents.kind {
        Kind::Run => "run",
        Kind::Sweep => "sweep/runs/<run>",
    };
    let mut rows = Vec::new();
    if contents.kind == Kind::Sweep {
        rows.push(row(
            "sweep/runs.parquet",
            "one row per run: varied keys, seed, status, time, version",
        ));
        rows.push(row(
            "sweep/years.parquet/",
            "one row per run, planner and tax year; one file per run, read as one table",
        ));
        rows.push(row(
            "sweep/summary.parquet/",
            "one row per run and planner: last tax year, last third, attained share",
        ));
    }
    for (name, what) in [
        ("years.parquet", "one row per planner and tax year"),
        ("steps.parquet", "one row per planner and step"),
        (
            "workers.parquet",
            "one row per planner, recorded step and worker",
        ),
        (
            "decisions.parquet",
            "one row per answer of a language model",
        ),
        (
            "ballots.parquet",
            "one row per voter and candidate of an election",
        ),
        (
            "rewards.parquet",
            "one row per part of the reward that a planner pursued, and tax year",
        ),
        (
            "comparisons.parquet",
            "one row per comparison of two schedules",
        ),
        ("summary.json", "the last tax year of every planner"),
    ] {
        if has(name) {
            rows.push(row(format!("{inner}/{name}"), what));
        }
    }
    if asks {
        rows.push(row(
            format!("{inner}/transcript.jsonl.zst"),
            "every prompt to a language model and every answer; `zstdcat` shows it",
        ));
    }
    rows
}

/// Versions of the libraries, as locked.
pub(super) fn crates() -> Result<Vec<[String; 3]>> {
    let lock: toml::Table = (sources::LOCK.parse())
        .map_err(|error| Error::run(format!("Cargo.lock of this build: {error}")))?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let version = |name: &str| {
        let mut known = packages.into_iter().flatten();
        let found =
            known.find(|package| package.get("name").and_then(|n| n.as_str()) == Some(name));
        found?.get("version")?.as_str()
    };
    Ok(CRATES
        .iter()
        .filter_map(|(name, what)| Some([*name, version(name)?, what].map(str::to_owned)))
        .collect())
}

pub(super) fn programs(contents: &Contents) -> Rows {
    let folder = contents.kind.folder();
    let mut rows = vec![
        row(
            "fisc verify .",
            "checks all files, makes all numbers again and compares them",
        ),
        row(
            format!("fisc plot {folder}"),
            "draws the figures again from the tables (SVG, PNG, CSV)",
        ),
        row(
            format!("fisc report {folder}"),
            "prints the main table and writes the report page",
        ),
    ];
    match contents.kind {
        Kind::Run => rows.extend([
            row(
                "fisc run run/scenario.toml --replay --from run --out ../again",
                "plays the run again with the answers on file",
            ),
            row(
                "fisc run run/scenario.toml --out ../live",
                "plays the run anew",
            ),
        ]),
        Kind::Sweep => rows.push(row(
            "fisc sweep sweep/plan.json --out ../live",
            "plays the whole sweep anew",
        )),
    }
    rows
}

/// What it takes to play the study anew.
pub(super) fn live(contents: &Contents, scenarios: &[Scenario]) -> Vec<String> {
    let command = match contents.kind {
        Kind::Run => "fisc run run/scenario.toml --out ../live",
        Kind::Sweep => "fisc sweep sweep/plan.json --out ../live",
    };
    if contents.models.is_empty() {
        return vec![format!(
            "`{command}` plays everything anew; it gives the same numbers, since no language model is asked."
        )];
    }
    let mut lines = vec![format!(
        "`{command}` plays everything anew and asks the models again; the answers, and so the numbers, may differ."
    )];
    let mut own = BTreeSet::new();
    for model in contents.models.values().flatten() {
        match &model.weights {
            Some(name) if registry::find(name).is_ok() || name.starts_with("hf:") => {
                lines.push(format!("It needs `fisc model fetch {name}` before."));
            }
            Some(name) => {
                own.insert(name.clone());
            }
            None => {}
        }
    }
    for name in own {
        lines.push(format!(
            "It needs the model file `{name}` in the folder `{}` of this package, which no checksum covers.",
            MODELS
        ));
    }
    let remote = scenarios.iter().flat_map(|s| s.models.values());
    if remote
        .into_iter()
        .any(|m| matches!(m.backend, Backend::OpenAi(_)))
    {
        lines.push(
            "It needs the servers, and the keys in the environment, that the scenarios name."
                .into(),
        );
    }
    lines
}

pub(super) fn exhibits(root: &Path, contents: &Contents) -> Result<Vec<[String; 3]>> {
    let folder = contents.kind.folder();
    let mut rows = Vec::new();
    if root.join(folder).join("report.html").is_file() {
        let what = match contents.kind {
            Kind::Run => "all tables and figures of the run on one page",
            Kind::Sweep => "all tables and figures of the sweep on one page",
        };
        let command = format!("fisc report {folder}");
        rows.push([format!("{folder}/report.html"), what.into(), command]);
    }
    for (inside, ending, command) in [("tables", "tex", "report"), ("figures", "svg", "plot")] {
        let path = root.join(folder).join(inside);
        if !path.is_dir() {
            continue;
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(|error| Error::io(&path, error))? {
            let entry = entry.map_err(|error| Error::io(&path, error))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        for name in names {
            let Some(id) = name.strip_suffix(&format!(".{ending}")) else {
                continue;
            };
            let known = TABLES.iter().find(|(table, _)| *table == id);
            let what = match known {
                Some((_, what)) if ending == "tex" => (*what).to_owned(),
                _ => title(&path.join(&name)).unwrap_or_else(|| id.replace(['-', '_'], " ")),
            };
            rows.push([
                format!("{folder}/{inside}/{name}"),
                what,
                format!("fisc {command} {folder}"),
            ]);
        }
    }
    Ok(rows)
}

/// The title that an SVG of fisc states.
fn title(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, rest) = text.split_once("<title id=")?;
    let (title, _) = rest.split_once('>')?.1.split_once("</title>")?;
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&amp;", "&"),
        ("|", "/"),
    ];
    Some(plain.iter().fold(title.to_owned(), |text, (code, sign)| {
        text.replace(code, sign)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_say_what_they_show() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        std::fs::write(
            &path,
            "<svg><title id=\"a\">Tax &amp; rebate &lt; 0</title><g><title>x",
        )
        .unwrap();
        assert_eq!(title(&path).unwrap(), "Tax & rebate < 0");
        std::fs::write(&path, "<svg>").unwrap();
        assert_eq!(title(&path), None);
    }

    #[test]
    fn libraries_are_in_the_lock_file() {
        let crates = crates().unwrap();
        assert_eq!(
            crates.len(),
            CRATES.len(),
            "one of them is no library of fisc any more"
        );
        let polars = crates.iter().find(|row| row[0] == "polars").unwrap();
        assert!(
            include_str!("../../../Cargo.toml")
                .contains(&format!("polars = {{ version = \"={}\"", polars[1]))
        );
    }
}
