//! The README of a package, in the sections of the data editors' template.

use super::contents::{Contents, Kind, Role};
use super::gather::{document, read_plan};
use super::sources;
use crate::error::{Error, Result};
use crate::population::WagePrior;
use crate::report::for_page;
use crate::run::output::peak_memory_bytes;
use crate::scenario::{Decide, Scenario};
use minijinja::Environment;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const TEMPLATE: &str = include_str!("readme.md.j2");

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

/// What the figures of a run show, by name of their file.
const FIGURES: [(&str, &str); 6] = [
    ("welfare", "welfare by tax year and planner"),
    ("rates", "marginal rates by tax year, bracket and planner"),
    (
        "schedules",
        "marginal and average rates by income in the last tax year",
    ),
    ("hours", "hours by wage in the last tax year"),
    ("lorenz", "Lorenz curves of income before and after tax"),
    (
        "choices",
        "distribution of the hours that language-model workers chose",
    ),
];

/// What the runs took, and what playing them again took.
#[derive(Debug)]
pub struct Measured {
    rows: Vec<(String, String)>,
    verification: Option<Duration>,
}

impl Measured {
    /// From the manifests of the runs in the package `root`.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub fn of(root: &Path, contents: &Contents) -> Result<Measured> {
        let mut seconds: Vec<f64> = Vec::new();
        let (mut threads, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        let (mut tokens, mut cost, mut decisions, mut memory) = (0, 0.0, 0, 0);
        for run in &contents.runs {
            let manifest = document(&root.join(&run.folder).join("manifest.json"))?;
            seconds.extend(manifest["wall_seconds"].as_f64());
            threads.extend(manifest["threads"].as_u64());
            hosts.extend(manifest["host"].as_str().map(str::to_owned));
            tokens += manifest["tokens"].as_u64().unwrap_or(0);
            cost += manifest["cost"].as_f64().unwrap_or(0.0);
            decisions += manifest["decisions"].as_u64().unwrap_or(0);
            memory = memory.max(manifest["peak_memory_bytes"].as_u64().unwrap_or(0));
        }
        let total: f64 = seconds.iter().sum();
        let mut rows = vec![match seconds.len() {
            1 => ("the run, live".to_owned(), duration(total)),
            runs => (
                format!("{runs} runs, live"),
                format!(
                    "{} of machine time together, {} at most for one",
                    duration(total),
                    duration(seconds.iter().copied().fold(0.0, f64::max))
                ),
            ),
        }];
        let threads: Vec<String> = threads.iter().map(u64::to_string).collect();
        let hosts: Vec<String> = hosts.into_iter().collect();
        rows.push(("machine of the runs".into(), hosts.join("; ")));
        rows.push(("threads".into(), threads.join(", ")));
        if memory > 0 {
            rows.push(("peak memory, live".into(), bytes(memory)));
        }
        if decisions > 0 {
            rows.push(("answers of language models".into(), decisions.to_string()));
            rows.push(("tokens evaluated and generated".into(), tokens.to_string()));
        }
        if cost > 0.0 {
            rows.push((
                "cost at the scenario's prices".into(),
                format!("{cost:.2} dollars"),
            ));
        }
        Ok(Measured {
            rows,
            verification: None,
        })
    }

    /// Adds what playing everything again took.
    pub fn verification(&mut self, took: Duration) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let words = format!(
            "{} on {cores} {} ({}{} {})",
            duration(took.as_secs_f64()),
            if cores == 1 { "core" } else { "cores" },
            processor().map_or(String::new(), |name| format!("{name}, ")),
            std::env::consts::OS,
            std::env::consts::ARCH
        );
        self.rows.push(("`fisc verify`".into(), words));
        if let Some(memory) = peak_memory_bytes() {
            self.rows
                .push(("peak memory of `fisc verify`".into(), bytes(memory)));
        }
        self.verification = Some(took);
    }
}

/// The processor's name, where the system says it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Number of files below `root` and their bytes.
///
/// # Errors
/// A folder that cannot be read.
pub fn size(root: &Path) -> Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(root).map_err(|error| Error::io(root, error))? {
        let entry = entry.map_err(|error| Error::io(root, error))?;
        let data = entry
            .metadata()
            .map_err(|error| Error::io(&entry.path(), error))?;
        if data.is_dir() {
            let inside = size(&entry.path())?;
            files += inside.0;
            bytes += inside.1;
        } else {
            files += 1;
            bytes += data.len();
        }
    }
    Ok((files, bytes))
}

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
            "role": if file.role == Role::Wages { "wages of the workers" } else { "personas of the workers" },
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

type Rows = Vec<(String, String)>;

fn row(first: impl Into<String>, second: impl Into<String>) -> (String, String) {
    (first.into(), second.into())
}

fn places(contents: &Contents, prompts: bool, census: bool, data: bool) -> Rows {
    let transcript = match contents.runs.iter().any(|run| run.transcript) {
        true => "transcript, ",
        false => "",
    };
    let mut rows = match contents.kind {
        Kind::Run => vec![row(
            "run/",
            format!("scenario, tables, {transcript}figures and report of the run"),
        )],
        Kind::Sweep => vec![
            row(
                "sweep/",
                "plan, merged tables, figures and report of the sweep",
            ),
            row(
                "sweep/runs/",
                format!("scenario, {transcript}and tables of every run"),
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
        super::FILES,
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

fn models(contents: &Contents) -> Vec<Value> {
    let mut rows = Vec::new();
    for (name, models) in &contents.models {
        for model in models {
            let licence = match &model.licence {
                Some(licence) => format!("Licence of its weights: {licence}."),
                None => "**AUTHORS: state the licence of its weights.**".into(),
            };
            let remote = model.id.starts_with("openai:");
            let words = match &model.weights {
                Some(weights) if crate::llm::registry::find(weights).is_ok() => format!(
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

fn datasets(contents: &Contents, asks: bool) -> Rows {
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
fn crates() -> Result<Vec<[String; 3]>> {
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

fn programs(contents: &Contents) -> Rows {
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
fn live(contents: &Contents, scenarios: &[Scenario]) -> Vec<String> {
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
            Some(name) if crate::llm::registry::find(name).is_ok() || name.starts_with("hf:") => {
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
            super::MODELS
        ));
    }
    let remote = scenarios.iter().flat_map(|s| s.models.values());
    if remote
        .into_iter()
        .any(|m| matches!(m.backend, crate::scenario::Backend::OpenAi(_)))
    {
        lines.push(
            "It needs the servers, and the keys in the environment, that the scenarios name."
                .into(),
        );
    }
    lines
}

fn exhibits(root: &Path, contents: &Contents) -> Result<Vec<[String; 3]>> {
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
            let known = FIGURES.iter().find(|(figure, _)| *figure == id);
            let what = match (known, contents.kind) {
                (Some((_, what)), Kind::Run) => (*what).to_owned(),
                _ => id.replace(['-', '_'], " "),
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

/// Seconds in words: `0.4 seconds`, `3 minutes`, `2.5 hours`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} seconds"),
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3600.0),
    }
}

fn bytes(count: u64) -> String {
    match count as f64 {
        b if b < 1e6 => format!("{:.0} kB", (b / 1e3).ceil()),
        b if b < 1e9 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            include_str!("../../Cargo.toml")
                .contains(&format!("polars = {{ version = \"={}\"", polars[1]))
        );
    }

    #[test]
    fn amounts_in_words() {
        assert_eq!(duration(0.44), "0.4 seconds");
        assert_eq!(duration(200.0), "3 minutes");
        assert_eq!(duration(9000.0), "2.5 hours");
        assert_eq!(bytes(1), "1 kB");
        assert_eq!(bytes(2_400_000), "2 MB");
        assert_eq!(bytes(1_500_000_000), "1.5 GB");
    }
}
