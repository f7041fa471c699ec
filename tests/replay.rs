//! Runs with the real small model: replay without it, resuming after an interruption.
//! The model is fetched if it is not in the cache; when it cannot be had these tests fail.

use assert_cmd::Command;
use fisc::llm::{SharedTranscript, registry};
use polars::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const SCENARIO: &str = r#"
name = "talk"
seed = 9
steps = 4
tax_year = 2
[population]
size = 4
wages = "census"
personas = "census"
persona_blind = ["sex"]
persona_text = { llm = { model = "writer", max_tokens = 24 } }
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[[workers]]
share = 0.5
decide = { llm = { model = "small", memory = 2 } }
bounded = true
[[workers]]
share = 0.25
decide = { llm = { model = "writer", memory = 1 } }
bounded = true
motive = "altruistic"
[[workers]]
share = 0.25
decide = "rational"
[voting]
candidates = { nominated = { model = "writer", among = 2 } }
ballots = { llm = { model = "small" } }
rule = "borda"
winner = { llm = { model = "writer" } }
[planner]
kind = { llm = { model = "writer" } }
[compare]
planners = ["elected"]
[models.small]
backend = { gguf = { model = "MODEL" } }
[models.writer]
backend = { gguf = { model = "MODEL" } }
readout = "sample"
"#;

fn model() -> PathBuf {
    registry::fetch("smollm2-135m", &mut |_| {}).expect("SmolLM2 is needed for this test")
}

fn run(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("fisc").unwrap();
    command
        .current_dir(folder)
        .env("OMP_WAIT_POLICY", "passive")
        .arg("run")
        .arg("talk.toml")
        .args(arguments);
    command.output().unwrap()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const TABLES: [&str; 5] = [
    "steps.parquet",
    "years.parquet",
    "workers.parquet",
    "decisions.parquet",
    "ballots.parquet",
];

fn tables(folder: &Path) -> Vec<Vec<u8>> {
    TABLES
        .iter()
        // The short scenario has no elections, so no ballots either.
        .filter(|name| **name != "ballots.parquet" || folder.join(name).exists())
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect()
}

/// A scenario folder with a model file of its own, so that it can be taken away.
/// A folder with the scenario and its model, for one test at a time: two processes that evaluate
/// side by side on few cores are many times slower.
fn setting() -> (tempfile::TempDir, PathBuf, MutexGuard<'static, ()>) {
    setting_of(SCENARIO)
}

/// The same without written personas, memory, satisfaction and elections: quicker, to be run often.
fn short_setting() -> (tempfile::TempDir, PathBuf, MutexGuard<'static, ()>) {
    let more = [
        (
            "persona_text = { llm = { model = \"writer\", max_tokens = 24 } }\n",
            "",
        ),
        ("bounded = true\n", ""),
        (", memory = 2", ""),
        (", memory = 1", ""),
        ("\"elected\"", "\"us-2024\""),
    ];
    let text = more
        .iter()
        .fold(SCENARIO.to_owned(), |text, (part, instead)| {
            text.replace(part, instead)
        });
    setting_of(&text)
}

fn setting_of(scenario: &str) -> (tempfile::TempDir, PathBuf, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    std::fs::copy(model(), &file).unwrap();
    std::fs::write(
        folder.path().join("talk.toml"),
        scenario.replace("MODEL", "model.gguf"),
    )
    .unwrap();
    (folder, file, turn)
}

#[test]
fn replay_reproduces_every_number_with_the_model_moved_away() {
    let (folder, file, _turn) = setting();
    let live = run(folder.path(), &[]);
    assert_eq!(live.status.code(), Some(0), "{}", stderr(&live));
    let out = folder.path().join("outputs/talk-9");
    let original = tables(&out);

    // The model is known by its bytes, whatever its file is called.
    let manifest = std::fs::read(out.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let known = serde_json::json!({ "name": "smollm2-135m", "licence": "Apache-2.0" });
    assert_eq!(manifest["weights"]["small"], known);
    assert!(manifest["files"]["transcript.jsonl.zst"].is_string());
    assert_eq!(fisc::run::folder::damaged(&out, |_| true).unwrap(), []);

    std::fs::remove_file(&file).unwrap();
    let without = run(folder.path(), &["--out", "again"]);
    assert_eq!(without.status.code(), Some(2), "{}", stderr(&without));
    assert!(!folder.path().join("again").exists());

    let replay = run(folder.path(), &["--replay"]);
    assert_eq!(replay.status.code(), Some(0), "{}", stderr(&replay));
    assert_eq!(tables(&out.join("replay")), original);

    // Another seed asks other questions, which the transcript cannot answer.
    let other = run(
        folder.path(),
        &[
            "--replay",
            "--from",
            "outputs/talk-9",
            "--out",
            "other",
            "--seed",
            "10",
        ],
    );
    assert_eq!(other.status.code(), Some(1), "{}", stderr(&other));
    assert!(stderr(&other).contains("transcript"), "{}", stderr(&other));
}

/// Who was asked what: three workers for hours in each of four steps and for their satisfaction in
/// each of two tax years, in both arms; the planner in the second year; four personas once. In the
/// elections two are asked whether they stand, all four vote if somebody does, and the winner is asked
/// for rates.
#[test]
fn every_question_is_on_record() {
    let (folder, _file, _turn) = setting();
    let live = run(folder.path(), &[]);
    assert_eq!(live.status.code(), Some(0), "{}", stderr(&live));
    let out = folder.path().join("outputs/talk-9");
    let read = |name: &str| {
        let file = std::fs::File::open(out.join(name)).unwrap();
        ParquetReader::new(file).finish().unwrap()
    };
    let decisions = read("decisions.parquet");
    let text = |name: &str| -> Vec<String> {
        let column = decisions.column(name).unwrap().str().unwrap();
        column.iter().map(|x| x.unwrap_or("").to_owned()).collect()
    };
    let (question, error) = (text("question"), text("error"));
    let valid = |name: &str| {
        let rows = question.iter().zip(&error);
        rows.filter(|(q, e)| *q == name && e.is_empty()).count()
    };
    assert_eq!(valid("persona"), 4);
    assert_eq!(valid("satisfaction"), 3 * 2 * 2);
    assert_eq!(valid("hours"), 3 * 4 * 2);
    let arm = text("arm");
    let of_planner =
        |i: &usize| question[*i] == "rates" && arm[*i] == "llm" && error[*i].is_empty();
    assert_eq!((0..arm.len()).filter(of_planner).count(), 1);
    let asked = |name: &str| question.iter().filter(|q| *q == name).count();
    assert!(asked("platform") >= 2 * 2 && valid("platform") <= 2 * 2);
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let elections = summary["arms"][1]["elections"].as_array().unwrap();
    assert_eq!(elections.len(), 2);
    let voted: u64 = elections
        .iter()
        .filter(|election| election["candidates"] != 0)
        .map(|election| (4.0 * election["turnout"].as_f64().unwrap()) as u64)
        .sum();
    assert!(voted > 0, "nobody stood in either election");
    assert_eq!(valid("vote") as u64, voted);
    let ballots = read("ballots.parquet");
    let candidates: u64 = elections
        .iter()
        .map(|e| e["candidates"].as_u64().unwrap())
        .sum();
    assert_eq!(ballots.height() as u64, 4 * candidates);
    let satisfied = decisions.column("satisfied").unwrap().f64().unwrap();
    for (satisfied, question) in satisfied.iter().zip(&question) {
        assert_eq!(satisfied.is_some(), question == "satisfaction");
        assert!(satisfied.is_none_or(|p| (0.0..=1.0).contains(&p)));
    }
    // Utility is what u − (1−r)·|u| leaves of c − 52·χ·l^δ, r = ½ + ½·P.
    let workers = read("workers.parquet");
    let column = |name: &str| -> Vec<Option<f64>> {
        workers
            .column(name)
            .unwrap()
            .f64()
            .unwrap()
            .iter()
            .collect()
    };
    let (labor, disposable) = (column("labor"), column("disposable"));
    let (utility, satisfied) = (column("utility"), column("satisfied"));
    let mut lowered = 0;
    for i in 0..labor.len() {
        let whole = disposable[i].unwrap() - 52.0 * 0.0005 * labor[i].unwrap().powf(3.5);
        let factor = satisfied[i].map_or(1.0, |p| 0.5 + 0.5 * p);
        let expected = whole - (1.0 - factor) * whole.abs();
        assert!((utility[i].unwrap() - expected).abs() < 1e-6 * expected.abs().max(1.0));
        lowered += usize::from(factor < 1.0);
    }
    assert!(lowered > 0);
}

/// An interrupted run (its transcript torn in the middle of a frame) is resumed to the same files.
#[test]
fn an_interrupted_run_is_resumed() {
    let (folder, _file, _turn) = setting();
    let whole = run(folder.path(), &["--out", "whole"]);
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let expected = tables(&folder.path().join("whole"));

    let torn = folder.path().join("torn");
    std::fs::create_dir(&torn).unwrap();
    std::fs::copy(
        folder.path().join("whole/scenario.toml"),
        torn.join("scenario.toml"),
    )
    .unwrap();
    let transcript = std::fs::read(folder.path().join("whole/transcript.jsonl.zst")).unwrap();
    let kept = &transcript[..transcript.len() * 2 / 3];
    std::fs::write(torn.join("transcript.jsonl.zst"), kept).unwrap();
    let resumed = run(folder.path(), &["--out", "torn"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains("resumed"), "{}", stderr(&resumed));
    assert_eq!(tables(&torn), expected);

    // An unfinished folder of another scenario is not touched.
    std::fs::remove_file(torn.join("manifest.json")).unwrap();
    let other = run(folder.path(), &["--out", "torn", "--seed", "77"]);
    assert_eq!(other.status.code(), Some(2), "{}", stderr(&other));
    assert!(stderr(&other).contains("unfinished"), "{}", stderr(&other));
}

/// Starts the run and kills it after `wait`; whether it was killed before its end.
fn killed(folder: &Path, out: &str, wait: Duration) -> bool {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("fisc"))
        .current_dir(folder)
        .env("OMP_WAIT_POLICY", "passive")
        .args(["run", "talk.toml", "--out", out])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while begun.elapsed() < wait {
        if child.try_wait().unwrap().is_some() {
            let ended = child.wait_with_output().unwrap();
            assert_eq!(ended.status.code(), Some(0), "{}", stderr(&ended));
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL on Unix: nothing is tidied up.
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// The questions on file, each once.
fn questions(folder: &Path) -> HashSet<String> {
    let transcript = SharedTranscript::replay(&folder.join("transcript.jsonl.zst")).unwrap();
    let exchanges = transcript.exchanges();
    let keys: HashSet<String> = exchanges.iter().map(|e| e.answer.key.to_string()).collect();
    assert_eq!(keys.len(), exchanges.len(), "a decision on file twice");
    keys
}

#[test]
fn killed_at_twenty_random_moments_a_run_goes_on_to_the_same_files() {
    let (folder, _file, _turn) = short_setting();
    let begun = Instant::now();
    let whole = run(folder.path(), &["--out", "whole"]);
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let expected = tables(&folder.path().join("whole"));
    let asked = questions(&folder.path().join("whole"));
    assert!(asked.len() > 12, "{}", asked.len());

    let mut random = SmallRng::seed_from_u64(20);
    let finished = |out: &str| folder.path().join(out).join("manifest.json").exists();
    let (mut kills, mut runs) = (0, 0);
    while kills < 20 {
        let out = format!("killed-{runs}");
        runs += 1;
        // Resumed and killed again, until it lives to its end.
        loop {
            let wait = Duration::from_secs_f64(seconds * random.random_range(0.02..0.7));
            if kills == 20 || !killed(folder.path(), &out, wait) {
                break;
            }
            kills += 1;
            // Killed while it drew the report: its tables are complete.
            if finished(&out) {
                break;
            }
        }
        let folder_of_run = folder.path().join(&out);
        if !finished(&out) {
            let last = run(folder.path(), &["--out", &out]);
            assert_eq!(last.status.code(), Some(0), "{}", stderr(&last));
        }
        assert_eq!(tables(&folder_of_run), expected, "{out}");
        assert_eq!(questions(&folder_of_run), asked, "{out}");
        println!("{out}: {kills} kills so far");
    }
}
