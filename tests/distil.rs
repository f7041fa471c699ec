//! Workers for whom a student of the small language model answers.

use assert_cmd::Command;
use bevy_ecs::schedule::{LogLevel, ScheduleBuildSettings};
use fisc::llm::registry;
use fisc::run::{Simulation, arm};
use fisc::scenario;
use fisc::world::Step;
use fisc::world::asking::Models;

const SCENARIO: &str = r#"
name = "taught"
seed = 5
steps = 4
tax_year = 2
[population]
size = 40
wages = "census"
personas = "census"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[[workers]]
decide = { distil = { model = "small", sample = 5, schedules = 1 } }
[models.small]
backend = { gguf = { model = "smollm2-135m" } }
[planner]
kind = "fixed"
"#;

/// Two questions about each of five workers in the first year and none in the second; the divergence is
/// reported; the same again without the model.
#[test]
fn a_sample_is_asked_once_and_the_student_answers_for_all() {
    registry::fetch("smollm2-135m", &mut |_| {}).expect("SmolLM2 is needed for this test");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taught.toml"), SCENARIO).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::cargo_bin("fisc")
            .unwrap()
            .current_dir(folder.path())
            .env("OMP_WAIT_POLICY", "passive")
            .args(["run", "taught.toml"])
            .args(arguments)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&[]);
    let out = folder.path().join("outputs/taught-5");
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap();
    let arm = &summary["arms"][0];
    assert_eq!(
        (&arm["decisions"], &arm["failures"]),
        (&10.into(), &0.into())
    );
    let notes = arm["notes"].to_string();
    assert!(
        notes.contains("10 distributions over hours of 5 workers")
            && notes.contains("KL(model‖student)"),
        "{notes}"
    );
    let again = run(&["--replay"]);
    assert!(again.contains("steps.parquet      identical"), "{again}");
}

/// The mechanism leaves no two systems unordered that touch the same data. Without a model the step
/// fails, but only once the order is settled.
#[test]
fn its_systems_are_unambiguous() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taught.toml");
    std::fs::write(&path, SCENARIO).unwrap();
    let simulation = Simulation::new(scenario::load(&path, &[]).unwrap()).unwrap();
    let kind = simulation.arms()[0];
    let mechanisms = arm::mechanisms(&simulation, kind).unwrap();
    let mut app = arm::assemble(&simulation, mechanisms, &Models::none());
    app.edit_schedule(Step, |schedule| {
        schedule.set_build_settings(ScheduleBuildSettings {
            ambiguity_detection: LogLevel::Error,
            ..ScheduleBuildSettings::default()
        });
    });
    let error = arm::step(&mut app).unwrap_err().to_string();
    assert!(error.contains("model `small` is not open"), "{error}");
}
