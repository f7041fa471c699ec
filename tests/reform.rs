//! `fisc reform` on the command line: identities between what it prints, closed forms, refusals.

use assert_cmd::Command;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn rational() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/rational.toml")
}

fn fisc() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fisc"))
}

fn json(arguments: &[&str]) -> Value {
    let output = fisc()
        .args(["reform", "--format", "json"])
        .args(arguments)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value, pointer: &str) -> f64 {
    (value.pointer(pointer).and_then(Value::as_f64)).unwrap_or_else(|| panic!("{pointer}: {value}"))
}

/// 20 → 30 % flat with e = 0.4: MVPF 1/(1 − e·t/(1−t)), weight its inverse, revenue ∝ t(1−t)^e; the
/// parts of revenue and welfare add up; everybody's gain by EV is by CV.
#[test]
fn flat_taxes_in_closed_form() {
    let scenario = rational();
    // Nobody at the limit of hours.
    let hours = "economy.labor_max=160";
    let set = ["--set", hours, "--set", "population.size=400"];
    let mut arguments = vec![scenario.to_str().unwrap(), "0:0.2", "0:0.3"];
    arguments.extend(set);
    let found = json(&arguments);
    let at = |pointer: &str| number(&found, pointer);
    let sum = at("/revenue/before") + at("/revenue/mechanical") + at("/revenue/behavioural");
    assert!((sum - at("/revenue/after")).abs() < 1e-6);
    let ratio = 1.5 * (0.7f64 / 0.8).powf(0.4);
    assert!((at("/revenue/after") / at("/revenue/before") / ratio - 1.0).abs() < 1e-9);
    assert!((at("/rebate_change") - (at("/revenue/after") - at("/revenue/before"))).abs() < 1e-6);
    let welfare = at("/welfare/burden") + at("/welfare/rebate") + at("/welfare/adjustment");
    assert!((welfare - (at("/welfare/after") - at("/welfare/before"))).abs() < 1e-6);
    assert_eq!(at("/equivalent_variation"), at("/compensating_variation"));
    for (side, t) in [("from", 0.2), ("to", 0.3)] {
        let weight = 1.0 - 0.4 * t / (1.0 - t);
        let bracket = |name: &str| at(&format!("/{side}/brackets/0/{name}"));
        assert!((bracket("mvpf") * weight - 1.0).abs() < 1e-3);
        assert!((bracket("implied_weight") / weight - 1.0).abs() < 1e-3);
        assert!((bracket("laffer_peak_rate") - 1.0 / 1.4).abs() < 1e-4);
        let burden = (1.0 - (1.0 - t).powf(1.4)) / 1.4 / (t * (1.0 - t).powf(0.4)) - 1.0;
        assert!((at(&format!("/{side}/excess_burden/per_dollar")) / burden - 1.0).abs() < 1e-9);
    }
    assert!((at("/elasticity/pooled/all/elasticity") - 0.4).abs() < 1e-9);
    let deciles = found["deciles"].as_array().unwrap();
    assert_eq!(deciles.len(), 11);
    let people: u64 = deciles[..10]
        .iter()
        .map(|row| row["workers"].as_u64().unwrap())
        .sum();
    assert_eq!(people, 400);
}

/// The workers of a run are those of its closed form.
#[test]
fn a_finished_run_gives_what_the_scenario_gives() {
    let scenario = rational();
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let size = ["--set", "population.size=100"];
    fisc()
        .args([
            "run",
            "--quiet",
            scenario.to_str().unwrap(),
            "--out",
            run.to_str().unwrap(),
        ])
        .args(size)
        .assert()
        .success();
    let run = run.to_str().unwrap();
    let simulated = json(&["--run", run, "--from", "us-2024", "--to", "flat"]);
    let flat = simulated["to"]["schedule"].as_str().unwrap();
    let mut arguments = vec![scenario.to_str().unwrap(), "us-2024", flat];
    arguments.extend(size);
    let closed = json(&arguments);
    for pointer in [
        "/revenue/after",
        "/revenue/mechanical",
        "/rebate_change",
        "/deciles/3/change",
        "/elasticity/pooled/all/elasticity",
        "/from/indices/suits",
    ] {
        let (a, b) = (number(&simulated, pointer), number(&closed, pointer));
        assert!((a / b - 1.0).abs() < 1e-9, "{pointer}: {a} {b}");
    }
    assert!(simulated["welfare"].is_null() && !closed["welfare"].is_null());
    let error = fisc()
        .args(["reform", "--run", run, "--from", "us-2024", "--to", "flatt"])
        .assert()
        .code(2);
    let text = String::from_utf8_lossy(&error.get_output().stderr).into_owned();
    assert!(text.contains("did you mean `flat`"), "{text}");
}

#[test]
fn wrong_input_is_refused() {
    let scenario = rational();
    let scenario = scenario.to_str().unwrap();
    for arguments in [
        &[scenario, "us-2024"][..],
        &[scenario, "us-2024", "us-1913"],
        &[scenario, "us-2024", "optimal", "--threshold", "-1"],
        &[scenario, "us-2024", "flat", "--run", "somewhere"],
        &["--run", "somewhere", "--from", "us-2024"],
        &[
            scenario,
            "us-2024",
            "us-2013",
            "--set",
            "workers.0.bounded=true",
        ],
    ] {
        fisc().arg("reform").args(arguments).assert().code(2);
    }
}
