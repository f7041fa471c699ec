//! The README of a package, in the sections of the data editors' template.

mod measured;
mod rows;

use super::contents::{Contents, Kind};
use super::gather::{document, read_plan};
use super::sources;
use crate::error::{Error, Result};
use crate::population::WagePrior;
use crate::report::for_page;
use crate::scenario::{Decide, Role, Scenario};
pub use measured::{Measured, size};
use measured::{bytes, duration};
use minijinja::Environment;
use rows::{crates, datasets, exhibits, live, models, places, programs};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

const TEMPLATE: &str = include_str!("readme.md.j2");

/// The README of the package in `root`.
///
/// # Errors
/// A file of the package that cannot be read.
pub fn text(
    root: &Path,
    contents: &Contents,
    scenarios: &[Scenario],
    measured: &Measured,
) -> Result<String> {
    let tables = sources::used(scenarios);
    let files: Vec<_> = contents
        .data
        .iter()
        .filter(|file| file.role != Role::Prompts)
        .collect();
    let prompts = contents.data.len() > files.len();
    let weights: Vec<String> = (contents.models.values().flatten())
        .filter_map(|model| model.weights.clone())
        .collect();
    let asks = contents.runs.iter().any(|run| run.transcript);
    let mut rows = measured.rows.clone();
    let (count, total) = size(root)?;
    rows.push((
        "this package".into(),
        // With the README and the list of checksums.
        format!("{}, {} files", bytes(total), count + 2),
    ));
    let distinct = |of: fn(&super::contents::PackedRun) -> String| -> Vec<String> {
        let set: BTreeSet<String> = contents.runs.iter().map(of).collect();
        set.into_iter().collect()
    };
    let values = json!({
        "name": contents.name,
        "here": {
            "fisc": contents.fisc,
            "commit": contents.git_commit,
            "rustc": env!("FISC_RUSTC"),
            "rust_version": env!("CARGO_PKG_RUST_VERSION"),
        },
        "results": results(contents),
        "design": design(root, contents, scenarios)?,
        "versions": distinct(|run| run.fisc.clone()),
        "commits": distinct(|run| run.git_commit.clone()),
        "dirty": dirty(root, contents)?,
        "asks": asks,
        "sweep": contents.kind == Kind::Sweep,
        "verify_seconds": measured.verification.map(|took| duration(took.as_secs_f64())),
        "places": places(contents, prompts, !tables.is_empty(), !files.is_empty()),
        "tables": tables.iter().map(|t| json!({
            "file": t.file, "what": t.what, "source": t.source, "through": t.through, "rights": t.rights,
        })).collect::<Vec<_>>(),
        "prior": prior(scenarios),
        "files": files.iter().map(|file| json!({
            "file": file.file,
            "role": file.role.in_words(),
        })).collect::<Vec<_>>(),
        "file_list": files.iter().map(|file| format!("`{}`", file.file)).collect::<Vec<_>>().join(", "),
        "rights": sources::rights(&tables),
        "weights": !contents.models.is_empty(),
        "models": models(contents),
        "datasets": datasets(contents, asks),
        "crates": crates()?,
        "seeds": seeds(contents),
        "measured": rows,
        "programs": programs(contents),
        "relocated": !contents.data.is_empty() || !contents.models.is_empty(),
        "live": live(contents, scenarios),
        "exhibits": exhibits(root, contents)?,
        "references": sources::references(scenarios, &weights),
    });
    let broken =
        |error: minijinja::Error| Error::run(format!("the README cannot be written: {error:#}"));
    let mut environment = Environment::new();
    let syntax = (environment.syntax().to_builder())
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(broken)?;
    environment.set_syntax(syntax);
    environment
        .add_template("readme", TEMPLATE)
        .map_err(broken)?;
    let text = (environment.get_template("readme"))
        .and_then(|template| template.render(for_page(&values)))
        .map_err(broken)?;
    // At most one empty line in a row.
    let mut page = String::new();
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && page.ends_with("\n\n")) {
            page.push_str(line);
            page.push('\n');
        }
    }
    Ok(page)
}

fn results(contents: &Contents) -> String {
    match contents.kind {
        Kind::Run => "the results of one run".to_owned(),
        Kind::Sweep => format!("the results of a sweep of {} runs", contents.runs.len()),
    }
}

/// What was simulated, in two or three sentences.
fn design(root: &Path, contents: &Contents, scenarios: &[Scenario]) -> Result<String> {
    let Some(first) = scenarios.first() else {
        return Ok(String::new());
    };
    let numbers = |of: fn(&Scenario) -> usize| -> String {
        let set: BTreeSet<usize> = scenarios.iter().map(of).collect();
        match (set.first(), set.last()) {
            (Some(low), Some(high)) if low != high => format!("{low} to {high}"),
            (Some(one), _) => one.to_string(),
            _ => "no".into(),
        }
    };
    let workers = numbers(|s| s.population.size);
    let years = numbers(|s| (s.steps / s.tax_year) as usize);
    let arms: BTreeSet<String> = scenarios
        .iter()
        .flat_map(Scenario::arms)
        .map(|kind| kind.arm())
        .collect();
    let arms: Vec<String> = arms.into_iter().map(|arm| format!("`{arm}`")).collect();
    let deciders: BTreeSet<&str> = scenarios
        .iter()
        .flat_map(|scenario| &scenario.workers)
        .map(|group| match group.decide {
            Decide::Rational => "rational",
            Decide::Fixed { .. } => "of fixed hours",
            Decide::Logit { .. } => "of noisy best responses",
            Decide::Adaptive { .. } => "adaptive",
            Decide::Llm { .. } => "language models",
            Decide::Distil { .. } => "students of language models",
        })
        .collect();
    let objectives: BTreeSet<String> = scenarios
        .iter()
        .map(|s| format!("`{}`", s.objective.name()))
        .collect();
    let objectives: Vec<String> = objectives.into_iter().collect();
    let list = |set: BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join(", ");
    let mut words = format!(
        "The economy has {workers} workers ({}) and runs for {years} tax {}. The planners are {}; what they are judged by is {}.",
        list(deciders),
        if years == "1" { "year" } else { "years" },
        arms.join(", "),
        objectives.join(", "),
    );
    if contents.kind == Kind::Sweep {
        let plan = read_plan(&root.join("sweep/plan.json"))?;
        let keys: Vec<String> = plan
            .keys
            .iter()
            .map(|key| format!("`{}`", key.key))
            .collect();
        words.push_str(&format!(
            " The sweep has {} points (varied: {}) with {} {} each; {} of {} runs have finished{}.",
            plan.points.len(),
            if keys.is_empty() {
                "nothing but the seed".into()
            } else {
                keys.join(", ")
            },
            plan.seeds.len(),
            if plan.seeds.len() == 1 {
                "seed"
            } else {
                "seeds"
            },
            contents.runs.len(),
            plan.runs.len(),
            match contents.runs.len() == plan.runs.len() {
                true => "",
                false => ", the others failed: `sweep/runs.parquet` says why",
            }
        ));
    } else {
        words.push_str(&format!(
            " The scenario is `run/scenario.toml`, seed {}.",
            first.seed
        ));
    }
    Ok(words)
}

fn dirty(root: &Path, contents: &Contents) -> Result<bool> {
    for run in &contents.runs {
        if document(&root.join(&run.folder).join("manifest.json"))?["git_dirty"] == true {
            return Ok(true);
        }
    }
    Ok(false)
}

fn prior(scenarios: &[Scenario]) -> Option<&'static str> {
    let any = |wanted: fn(&WagePrior) -> bool| {
        scenarios
            .iter()
            .any(|scenario| wanted(&scenario.population.wages))
    };
    if any(|prior| matches!(prior, WagePrior::Gb2 | WagePrior::Gb2Stratified)) {
        return Some(
            "Wages are drawn from a generalised beta distribution of the second kind (GB2) with parameters fitted to incomes of the American Community Survey 2023 in the literature; no microdata are used.",
        );
    }
    any(|prior| {
        matches!(
            prior,
            WagePrior::Lognormal { .. }
                | WagePrior::ParetoLognormal { .. }
                | WagePrior::Uniform { .. }
        )
    })
    .then_some("Wages are drawn from a distribution whose parameters stand in the scenario.")
}

fn seeds(contents: &Contents) -> String {
    let seeds: BTreeSet<u64> = contents.runs.iter().map(|run| run.seed).collect();
    match contents.kind {
        Kind::Run => format!(
            "The seed is {}: key `seed` of `run/scenario.toml`.",
            seeds.first().copied().unwrap_or_default()
        ),
        Kind::Sweep => format!(
            "There are {} seeds, listed in `sweep/plan.json` and in the column `seed` of every table; each is used at every point, so that points are compared on the same draws.",
            seeds.len()
        ),
    }
}
