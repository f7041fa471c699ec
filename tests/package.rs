//! Replication packages: made of real runs, moved, damaged, and played again without the model.
//! SmolLM2 is fetched if it is not in the cache; when it cannot be had these tests fail.

use assert_cmd::Command;
use fisc::llm::registry;
use polars::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

const CLOSED: &str = r#"
name = "closed"
seed = 5
steps = 4
tax_year = 2
prompts = "words"
[population]
size = 30
wages = { file = { path = "wages of mine.csv", column = "pay" } }
[planner]
kind = "optimal"
[compare]
planners = ["us-2024", "saez-fixed-point"]
"#;

const TALK: &str = r#"
name = "talk"
seed = 9
steps = 2
tax_year = 1
prompts = "words"
[population]
size = 4
wages = "census"
personas = "census"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[[workers]]
share = 0.5
decide = { llm = { model = "small" } }
[[workers]]
share = 0.5
decide = { llm = { model = "writer" } }
[planner]
kind = { llm = { model = "writer" } }
[compare]
planners = ["us-2024"]
[models.small]
backend = { gguf = { model = "model.gguf" } }
[models.writer]
backend = { gguf = { model = "smollm2-135m" } }
readout = "sample"
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `fisc` with no cache of models and no home.
    fn fisc(&self, arguments: &[&str]) -> std::process::Output {
        let empty = self.path("empty");
        fs::create_dir_all(&empty).unwrap();
        self.command(arguments)
            .env("FISC_CACHE", &empty)
            .env("HOME", &empty)
            .output()
            .unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("fisc").unwrap();
        command
            .current_dir(self.0.path())
            .env("OMP_WAIT_POLICY", "passive")
            .args(arguments);
        command
    }

    fn expect(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let output = self.fisc(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}\n{out}\n{error}"
        );
        (out, error)
    }

    /// A run of `CLOSED` with the user's own files.
    fn closed() -> Place {
        let place = Place::new();
        let wages: String = (0..30).map(|i| format!("{}\n", 10 + 2 * i)).collect();
        fs::write(place.path("wages of mine.csv"), format!("pay\n{wages}")).unwrap();
        fs::create_dir(place.path("words")).unwrap();
        fs::write(place.path("words/think.j2"), "### user\nThink.").unwrap();
        fs::write(place.path("closed.toml"), CLOSED).unwrap();
        place.expect(0, &["run", "closed.toml", "--quiet"]);
        place
    }
}

fn sum_check(folder: &Path) -> bool {
    let mut command = std::process::Command::new("sha256sum");
    command
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(folder);
    command.status().unwrap().success()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The list of checksums made true again, as somebody would who wants to hide a change.
fn sum_again(package: &Path) {
    let list = fs::read_to_string(package.join("SHA256SUMS")).unwrap();
    let again: String = list
        .lines()
        .map(|line| {
            let name = &line[66..];
            let sum = fisc::run::folder::sha256(&package.join(name)).unwrap();
            format!("{sum}  {name}\n")
        })
        .collect();
    fs::write(package.join("SHA256SUMS"), again).unwrap();
}

#[test]
fn a_run_of_a_language_model_verifies_elsewhere_without_the_model() {
    let place = Place::new();
    let model = registry::fetch("smollm2-135m", &mut |_| {}).expect("SmolLM2 is needed");
    fs::copy(&model, place.path("model.gguf")).unwrap();
    fs::create_dir(place.path("words")).unwrap();
    let template = fs::read_to_string("prompts/worker.j2").unwrap();
    let own = format!("{template}\nThink of your family.");
    fs::write(place.path("words/worker.j2"), own).unwrap();
    fs::write(place.path("talk.toml"), TALK).unwrap();
    let live = place
        .command(&["run", "talk.toml", "--quiet", "--out", "talk"])
        .output()
        .unwrap();
    assert!(
        live.status.success(),
        "{}",
        String::from_utf8_lossy(&live.stderr)
    );
    let (out, _) = place.expect(0, &["package", "talk", "--out", "package"]);
    assert!(out.contains("results agree"), "{out}");

    // Elsewhere, with nothing of what it came from.
    let other = Place::new();
    copy(&place.path("package"), &other.path("p"));
    drop(place);
    let (out, error) = other.expect(0, &["verify", "p"]);
    assert!(error.is_empty(), "{error}");
    for file in [
        "run/steps.parquet",
        "run/years.parquet",
        "run/workers.parquet",
        "run/decisions.parquet",
        "run/summary.json",
        "run/manifest.json",
        "run/figures/welfare.csv",
        "run/figures/choices.csv",
    ] {
        let line = out
            .lines()
            .find(|line| line.contains(file))
            .unwrap_or_default();
        assert!(line.ends_with("identical"), "{file}: {out}");
    }
    assert!(sum_check(&other.path("p")));
    let package: serde_json::Value =
        serde_json::from_slice(&fs::read(other.path("p/package.json")).unwrap()).unwrap();
    let known = serde_json::json!([{
        "id": format!("sha256:{}", registry::find("smollm2-135m").unwrap().sha256),
        "weights": "smollm2-135m",
        "licence": "Apache-2.0",
    }]);
    assert_eq!(package["models"]["small"], known);
    let readme = fs::read_to_string(other.path("p/README.md")).unwrap();
    for words in [
        "fisc model fetch smollm2-135m",
        "Apache-2.0",
        "oews_2025_national.csv",
        "NORC",
        "seed is 9",
        "arXiv:2502.02737",
    ] {
        assert!(readme.contains(words), "{words} is not in\n{readme}");
    }
    assert!(other.path("p/prompts/words/worker.j2").is_file());
    assert!(other.path("p/data/census/SOURCES.md").is_file());
    // The model is not in it, nor a path of the machine that it was made on.
    for entry in fs::read_dir(other.path("p")).unwrap() {
        assert!(
            !entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .ends_with("gguf")
        );
    }
    let scenario = fs::read_to_string(other.path("p/run/scenario.toml")).unwrap();
    assert!(!scenario.contains("/tmp"), "{scenario}");

    // A flipped byte anywhere in the transcript is reported, also where the list was made to fit.
    let length = fs::metadata(other.path("p/run/transcript.jsonl.zst"))
        .unwrap()
        .len() as usize;
    for (at, hidden) in [
        (length / 2, false),
        (length / 2, true),
        (length - 5, true),
        (60, true),
    ] {
        let damaged = other.path("damaged");
        copy(&other.path("p"), &damaged);
        flip(&damaged.join("run/transcript.jsonl.zst"), at);
        if hidden {
            sum_again(&damaged);
        }
        let (_, error) = other.expect(1, &["verify", "damaged"]);
        match hidden {
            false => assert!(
                error.contains("run/transcript.jsonl.zst: changed"),
                "{error}"
            ),
            true => assert!(error.contains("transcript.jsonl.zst"), "{error}"),
        }
        fs::remove_dir_all(&damaged).unwrap();
    }
    // A changed scenario asks other questions.
    let path = other.path("p/run/scenario.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("seed = 9", "seed = 10")).unwrap();
    let (_, error) = other.expect(1, &["verify", "p"]);
    assert!(error.contains("run/scenario.toml: changed"), "{error}");
    assert!(error.contains("run: cannot be played again"), "{error}");
}

#[test]
fn a_closed_form_run_is_packed_moved_and_checked() {
    let place = Place::closed();
    place.expect(0, &["package", "outputs/closed-5", "--quiet"]);
    let other = Place::new();
    copy(&place.path("outputs/closed-5-package"), &other.path("p"));
    let entries: Vec<_> = fs::read_dir(place.path("outputs")).unwrap().collect();
    assert_eq!(entries.len(), 2, "no draft is left");
    drop(place);
    let (out, _) = other.expect(0, &["verify", "p"]);
    assert!(!out.contains("DIFFERS"), "{out}");
    // The run in it is a run like any other.
    other.expect(0, &["verify", "p/run", "--quiet"]);
    assert!(sum_check(&other.path("p")));
    let scenario = fs::read_to_string(other.path("p/run/scenario.toml")).unwrap();
    assert!(
        scenario.contains("\"../data/wages_of_mine.csv\""),
        "{scenario}"
    );
    assert!(scenario.contains("\"../prompts/words\""), "{scenario}");
    let readme = fs::read_to_string(other.path("p/README.md")).unwrap();
    assert!(
        readme.contains("we have the right to use `data/wages_of_mine.csv`"),
        "{readme}"
    );
    assert!(
        readme.contains("federal_brackets.csv") && !readme.contains("oews"),
        "{readme}"
    );

    // The README is for the authors to complete, and models may be put beside it.
    fs::write(other.path("p/README.md"), "ours").unwrap();
    fs::create_dir(other.path("p/models")).unwrap();
    fs::write(other.path("p/models/x.gguf"), "").unwrap();
    other.expect(0, &["verify", "p", "--quiet"]);

    // Each damage is named, and the rest is played all the same.
    let damage = |change: &dyn Fn(&Path), words: &[&str]| {
        let damaged = other.path("damaged");
        copy(&other.path("p"), &damaged);
        change(&damaged);
        let (out, error) = other.expect(1, &["verify", "damaged"]);
        for word in words {
            assert!(error.contains(word), "{word} is not in\n{error}");
        }
        fs::remove_dir_all(&damaged).unwrap();
        out
    };
    let out = damage(
        &|p| {
            let path = p.join("run/years.parquet");
            let middle = fs::metadata(&path).unwrap().len() as usize / 2;
            flip(&path, middle);
        },
        &["run/years.parquet: changed"],
    );
    assert!(
        out.contains("run/steps.parquet") && out.contains("identical"),
        "{out}"
    );
    damage(
        &|p| fs::remove_file(p.join("run/steps.parquet")).unwrap(),
        &["run/steps.parquet: missing"],
    );
    damage(
        &|p| fs::write(p.join("run/more.csv"), "x").unwrap(),
        &["run/more.csv: extra"],
    );
    damage(
        // The first wage becomes 11.
        &|p| flip(&p.join("data/wages_of_mine.csv"), 5),
        &["data/wages_of_mine.csv: changed", "years.parquet: differs"],
    );
    damage(
        &|p| {
            let path = p.join("run/scenario.toml");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(
                &path,
                text.replace("labor_exponent = 3.5", "labor_exponent = 3.6"),
            )
            .unwrap();
        },
        &[
            "run/scenario.toml: changed",
            "run/summary.json: differs: first in arms.optimal.",
        ],
    );
    damage(
        &|p| {
            let path = p.join("run/figures/welfare.csv");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replacen("us-2024", "us-2023", 1)).unwrap();
            sum_again(p);
        },
        &["run/figures/welfare.csv: differs: first in column `arm`"],
    );
    // One number of one table, with checksums that were made to fit: column, row and size are told.
    damage(
        &|p| {
            let path = p.join("run/years.parquet");
            let mut frame = ParquetReader::new(fs::File::open(&path).unwrap())
                .finish()
                .unwrap();
            let revenue: Vec<Option<f64>> = {
                let column = frame.column("revenue").unwrap().f64().unwrap();
                let changed = |(row, x): (usize, Option<f64>)| match row {
                    1 => x.map(|x| x + 0.25),
                    _ => x,
                };
                column.iter().enumerate().map(changed).collect()
            };
            frame
                .with_column(Column::new("revenue".into(), revenue))
                .unwrap();
            fisc::run::tables::write(&mut frame, &path).unwrap();
            sum_again(p);
        },
        &[
            "run/years.parquet: differs: first in column `revenue`, row 2",
            "2.500e-1",
        ],
    );
    // Numbers that are the same in other bytes are no difference.
    let path = other.path("p/run/years.parquet");
    let mut frame = ParquetReader::new(fs::File::open(&path).unwrap())
        .finish()
        .unwrap();
    ParquetWriter::new(fs::File::create(&path).unwrap())
        .with_compression(ParquetCompression::Uncompressed)
        .finish(&mut frame)
        .unwrap();
    sum_again(&other.path("p"));
    let (out, _) = other.expect(0, &["verify", "p"]);
    assert!(out.contains("the same values, in other bytes"), "{out}");
    // A package that cannot be read.
    fs::write(other.path("p/package.json"), "{").unwrap();
    let (_, error) = other.expect(1, &["verify", "p"]);
    assert!(error.contains("package.json: changed"), "{error}");
}

#[test]
fn a_plain_run_verifies_too() {
    let place = Place::closed();
    let (out, _) = place.expect(0, &["verify", "outputs/closed-5", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["agrees"], true);
    flip(&place.path("outputs/closed-5/years.parquet"), 50);
    let (_, error) = place.expect(1, &["verify", "outputs/closed-5"]);
    assert!(
        error.contains("years.parquet: differs: its SHA-256"),
        "{error}"
    );
    // A damaged run is not packed, and nothing is left.
    let (_, error) = place.expect(1, &["package", "outputs/closed-5"]);
    assert!(
        error.contains("damaged") && error.contains("years.parquet"),
        "{error}"
    );
    assert_eq!(fs::read_dir(place.path("outputs")).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_packed_is_refused() {
    let place = Place::closed();
    let refused = |arguments: &[&str], words: &[&str]| {
        let (_, error) = place.expect(2, arguments);
        for word in words {
            assert!(error.contains(word), "{word} is not in\n{error}");
        }
    };
    let run = "outputs/closed-5";
    refused(
        &["package", "nowhere"],
        &["no finished run or sweep", "nowhere"],
    );
    refused(&["verify", "words"], &["no finished run or sweep"]);
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/thesis.tex"), "x").unwrap();
    refused(
        &["package", run, "--out", "mine", "--force"],
        &["other files", "mine"],
    );
    assert!(place.path("mine/thesis.tex").is_file());

    place.expect(0, &["package", run, "--out", "p", "--quiet"]);
    let before = fs::read(place.path("p/SHA256SUMS")).unwrap();
    refused(&["package", run, "--out", "p"], &["already", "--force"]);
    fs::write(place.path("p/extra"), "x").unwrap();
    place.expect(
        0,
        &["package", run, "--out", "p", "--force", "--unverified"],
    );
    assert!(!place.path("p/extra").exists());
    assert!(!before.is_empty() && sum_check(&place.path("p")));

    fs::remove_file(place.path("p/package.json")).unwrap();
    refused(
        &["verify", "p"],
        &["list of contents", "package.json", "fisc package"],
    );
    fs::write(place.path("file"), "x").unwrap();
    refused(
        &["package", run, "--out", "file/p"],
        &["`--out`: cannot make this folder", "file/p"],
    );

    // What the scenario names has changed since: the numbers do not come out again.
    let wages = place.path("wages of mine.csv");
    let text = fs::read_to_string(&wages).unwrap();
    fs::write(&wages, text.replace("10\n", "11\n")).unwrap();
    let (_, error) = place.expect(1, &["package", run, "--out", "q"]);
    assert!(
        error.contains("nothing was packed") && error.contains("years.parquet"),
        "{error}"
    );
    assert!(!place.path("q").exists());
    fs::remove_file(&wages).unwrap();
    refused(&["package", run, "--out", "q"], &["wages of mine.csv"]);

    fs::remove_file(place.path("outputs/closed-5/manifest.json")).unwrap();
    refused(
        &["package", run, "--out", "q"],
        &["not finished", "fisc run"],
    );
}

const SWEEP: &str = r#"
name = "study"
base = "closed.toml"
seeds = 2
csv = true
[grid]
economy.labor_exponent = [3.0, 3.5]
planner.kind = ["optimal", "saez-static"]
"#;

#[test]
fn a_sweep_is_packed_moved_checked_and_played_anew() {
    let place = Place::closed();
    let base = CLOSED.replace("\"us-2024\", \"saez-fixed-point\"", "\"us-2024\"");
    fs::write(place.path("closed.toml"), base).unwrap();
    fs::write(place.path("study.toml"), SWEEP).unwrap();
    place.expect(0, &["sweep", "study.toml", "--quiet"]);
    let (out, _) = place.expect(0, &["package", "outputs/study"]);
    assert!(out.contains("results agree"), "{out}");
    let other = Place::new();
    copy(&place.path("outputs/study-package"), &other.path("p"));
    let run = fs::read_dir(place.path("outputs/study/runs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    fs::remove_file(run.path().join("manifest.json")).unwrap();
    let (_, error) = place.expect(2, &["package", "outputs/study", "--out", "q"]);
    assert!(error.contains("not finished: 1 of 8"), "{error}");
    let failure = r#"{"stage":"play","message":"m","wall_seconds":1,"host":"h","attempts":1}"#;
    fs::write(run.path().join("failure.json"), failure).unwrap();
    let (out, _) = place.expect(
        0,
        &["package", "outputs/study", "--out", "q", "--unverified"],
    );
    assert!(out.contains("not in it: 1 of 8 runs"), "{out}");
    drop(place);

    let (out, _) = other.expect(0, &["verify", "p", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    let results = found["results"].as_array().unwrap();
    let named = |part: &str| -> Vec<&serde_json::Value> {
        let named = |file: &&serde_json::Value| file["file"].as_str().unwrap().contains(part);
        results.iter().filter(named).collect()
    };
    for (part, count) in [
        ("/summary.json", 8),
        ("sweep/runs/", 8 * 5),
        ("sweep/years.parquet/", 8),
        ("sweep/summary.parquet/", 8),
        ("sweep/runs.parquet", 1),
        ("sweep/years.csv", 1),
    ] {
        assert_eq!(named(part).len(), count, "{part} in {out}");
        assert!(
            named(part)
                .iter()
                .all(|file| file["verdict"] == "identical"),
            "{out}"
        );
    }
    for part in ["sweep/figures/", "sweep/tables/means"] {
        let files = named(part);
        assert!(!files.is_empty(), "{part} in {out}");
        assert!(
            files.iter().all(|file| file["verdict"] == "identical"),
            "{out}"
        );
    }
    assert!(sum_check(&other.path("p")));
    let readme = fs::read_to_string(other.path("p/README.md")).unwrap();
    for words in [
        "sweep of 8 runs",
        "`economy.labor_exponent`, `planner.kind`",
        "2 seeds",
    ] {
        assert!(readme.contains(words), "{words} is not in\n{readme}");
    }
    let plan = fs::read_to_string(other.path("p/sweep/plan.json")).unwrap();
    assert!(
        plan.contains("data/wages_of_mine.csv") && !plan.contains("/tmp"),
        "{plan}"
    );

    // Played anew from the plan in the package: the same tables.
    let live = other
        .command(&["sweep", "sweep/plan.json", "--out", "../live", "--quiet"])
        .current_dir(other.path("p"))
        .output()
        .unwrap();
    assert!(
        live.status.success(),
        "{}",
        String::from_utf8_lossy(&live.stderr)
    );
    for part in fs::read_dir(other.path("p/sweep/years.parquet")).unwrap() {
        let part = part.unwrap();
        let again = other.path("live/years.parquet").join(part.file_name());
        assert_eq!(fs::read(part.path()).unwrap(), fs::read(again).unwrap());
    }

    // A table of the package that is missing, and one number of it, with checksums made to fit.
    let csv = other.path("p/sweep/runs.csv");
    let text = fs::read_to_string(&csv).unwrap();
    fs::write(&csv, text.replacen("finished", "failed", 1)).unwrap();
    sum_again(&other.path("p"));
    let (_, error) = other.expect(1, &["verify", "p"]);
    assert!(
        error.contains("sweep/runs.csv: differs: first in column `status`, row 1"),
        "{error}"
    );
    fs::write(&csv, text).unwrap();
    sum_again(&other.path("p"));

    // Damage to a table of all runs, and to one run of many.
    let part = fs::read_dir(other.path("p/sweep/years.parquet"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let name = part.file_name().to_string_lossy().into_owned();
    flip(&part.path(), 100);
    sum_again(&other.path("p"));
    let (_, error) = other.expect(1, &["verify", "p"]);
    assert!(
        error.contains(&format!("sweep/years.parquet/{name}: ")),
        "{error}"
    );
    assert_eq!(error.lines().count(), 2, "{error}");
    let scenario = format!(
        "sweep/runs/{}/scenario.toml",
        name.trim_end_matches(".parquet")
    );
    fs::remove_file(other.path("p").join(&scenario)).unwrap();
    let (_, error) = other.expect(1, &["verify", "p"]);
    assert!(error.contains(&format!("{scenario}: missing")), "{error}");
    assert!(error.contains("cannot be played again"), "{error}");
}

/// A sweep's own folder has no list of checksums: what must be there follows from its plan.
#[test]
fn a_sweeps_folder_tells_what_it_lacks() {
    let place = Place::closed();
    // One planner asks a server that is not there.
    let far = r#"
[models.far]
backend = { openai = { model = "m", urls = ["http://127.0.0.1:9"], retries = 0, timeout = 2.0 } }
"#;
    fs::write(place.path("closed.toml"), format!("{CLOSED}{far}")).unwrap();
    let planners = r#"["optimal", { llm = { model = "far" } }]"#;
    let sweep = SWEEP.replace(r#"["optimal", "saez-static"]"#, planners);
    fs::write(place.path("study.toml"), sweep).unwrap();
    place.fisc(&["sweep", "study.toml", "--quiet"]);
    let at = |file: &str| place.path("outputs/study").join(file);
    let runs = fs::read_to_string(at("runs.csv")).unwrap();
    let failed = runs.matches(",failed,").count();
    let (out, _) = place.expect(0, &["verify", "outputs/study"]);
    let told = format!("{failed} failed runs of 8 were not replayed");
    assert!(failed == 4 && out.contains(&told), "{failed} {out}");
    place.expect(0, &["report", "outputs/study"]);
    place.expect(0, &["verify", "outputs/study", "--quiet"]);

    let finished = runs.lines().find(|line| line.contains(",finished,"));
    let part = format!(
        "years.parquet/{}.parquet",
        finished.unwrap().split(',').next().unwrap()
    );
    for file in [
        "summary.csv",
        "runs.parquet",
        "codebook.csv",
        "tables/means.csv",
        &part,
    ] {
        let bytes = fs::read(at(file)).unwrap();
        fs::remove_file(at(file)).unwrap();
        let (_, error) = place.expect(1, &["verify", "outputs/study"]);
        assert!(
            error.contains(&format!("{file}: missing")),
            "{file}: {error}"
        );
        if file != "tables/means.csv" {
            let (_, error) = place.expect(1, &["package", "outputs/study", "--unverified"]);
            assert!(error.contains("missing") && error.contains(file), "{error}");
        }
        fs::write(at(file), bytes).unwrap();
    }
    for (file, from, to) in [
        ("runs.csv", ",finished,", ",pending,"),
        ("codebook.csv", "fraction", "percent"),
    ] {
        let text = fs::read_to_string(at(file)).unwrap();
        fs::write(at(file), text.replacen(from, to, 1)).unwrap();
        let (_, error) = place.expect(1, &["verify", "outputs/study"]);
        assert!(error.contains(&format!("{file}: differs")), "{error}");
        fs::write(at(file), text).unwrap();
    }
    place.expect(0, &["verify", "outputs/study", "--quiet"]);
}
