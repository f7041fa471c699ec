//! Runs with the real small model: replay without it, resuming after an interruption.
//! The model is fetched if it is not in the cache; when it cannot be had these tests fail.

use assert_cmd::Command;
use fisc::llm::registry;
use std::path::{Path, PathBuf};

const SCENARIO: &str = r#"
name = "talk"
seed = 9
steps = 6
tax_year = 2
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
share = 0.25
decide = { llm = { model = "writer" } }
[[workers]]
share = 0.25
decide = "rational"
[planner]
kind = { llm = { model = "writer" } }
[compare]
planners = ["us-2024", "optimal"]
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

const TABLES: [&str; 4] = [
    "steps.parquet",
    "years.parquet",
    "workers.parquet",
    "decisions.parquet",
];

fn tables(folder: &Path) -> Vec<Vec<u8>> {
    TABLES
        .iter()
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect()
}

/// A scenario folder with a model file of its own, so that it can be taken away.
fn setting() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    std::fs::copy(model(), &file).unwrap();
    std::fs::write(
        folder.path().join("talk.toml"),
        SCENARIO.replace("MODEL", "model.gguf"),
    )
    .unwrap();
    (folder, file)
}

#[test]
fn replay_reproduces_every_number_with_the_model_moved_away() {
    let (folder, file) = setting();
    let live = run(folder.path(), &[]);
    assert_eq!(live.status.code(), Some(0), "{}", stderr(&live));
    let out = folder.path().join("outputs/talk-9");
    let original = tables(&out);

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

/// An interrupted run (its transcript torn in the middle of a frame) is resumed to the same files.
#[test]
fn an_interrupted_run_is_resumed() {
    let (folder, _file) = setting();
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
