//! The experiments of the paper, as shipped in `scenarios/paper`: small with the small model, in full size
//! with closed-form workers.

use assert_cmd::Command;
use fisc::llm::registry;
use fisc::run::Simulation;
use fisc::scenario::{self, Decide, PlannerKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All presets: each in the units of the published code, and in coherent ones.
fn presets() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/paper");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    // The lesson on units has closed-form workers only.
    paths.retain(|path| !path.ends_with("rational-v1.toml"));
    paths
}

#[test]
fn every_experiment_is_there_twice() {
    let names: Vec<String> = presets()
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    for name in [
        "rational",
        "bounded",
        "democratic",
        "year-length",
        "exploration",
        "exploitation",
        "motives",
        "one-llm",
    ] {
        assert!(names.contains(&name.to_owned()), "{name}");
        let published = format!("{name}-published");
        assert!(names.contains(&published), "{published}");
        let weeks = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("scenarios/paper")
                .join(format!("{name}.toml"));
            scenario::load(&path, &[]).unwrap().economy.weeks_per_year
        };
        assert_eq!((weeks(name), weeks(&published)), (52.0, 1.0));
    }
    assert_eq!(names.len(), 16);
}

#[test]
fn presets_run_in_full_size_with_closed_form_workers() {
    for path in presets() {
        let written = scenario::load(&path, &[]).unwrap();
        let mut settings = vec!["record.workers_every=0".to_owned()];
        for (i, group) in written.workers.iter().enumerate() {
            if matches!(group.decide, Decide::Llm { .. }) {
                settings.push(format!("workers.{i}.decide=rational"));
            }
        }
        settings.extend(match written.planner {
            PlannerKind::Elected { .. } => vec![
                "voting.candidates=all".to_owned(),
                "voting.ballots=rational".to_owned(),
                "voting.winner=platform".to_owned(),
            ],
            _ => vec!["planner.kind.search={ method = \"bayesian\", final_years = 1 }".to_owned()],
        });
        let full = scenario::load(&path, &settings).unwrap();
        assert_eq!(full.steps, written.steps);
        assert_eq!(full.population.size, written.population.size);
        let simulation = Simulation::new(full).unwrap();
        let (arms, _) = simulation.play(BTreeMap::new(), &|_| {}).unwrap();
        for arm in &arms {
            let last = arm.years.last().unwrap();
            assert!(
                last.welfare.is_finite(),
                "{} of {}",
                arm.arm,
                path.display()
            );
            assert!(arm.residual < 1e-9);
        }
        println!("{}", path.display());
    }
}

#[test]
fn presets_run_small_with_the_small_model() {
    registry::fetch("smollm2-135m", &mut |_| {}).expect("SmolLM2 is needed for this test");
    let folder = tempfile::tempdir().unwrap();
    for path in presets() {
        let groups = scenario::load(&path, &[]).unwrap().workers.len();
        let size = [3, 5, 5][groups - 1];
        let mut command = Command::cargo_bin("fisc").unwrap();
        let output = command
            .current_dir(folder.path())
            .env("OMP_WAIT_POLICY", "passive")
            .arg("run")
            .arg(&path)
            .args(["--out", "out", "--force", "--quiet"])
            .args(["--set", "steps=2", "--set", "tax_year=1"])
            .args(["--set", "compare.planners=[]"])
            .args(["--set", "record.workers_every=1"])
            .arg("--set")
            .arg(format!("population.size={size}"))
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{}: {error}", path.display());
        let summary = std::fs::read(folder.path().join("out/summary.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
        let arm = &summary["arms"][0];
        assert!(
            arm["decisions"].as_u64().unwrap() >= 2,
            "{}",
            path.display()
        );
        assert!(arm["welfare"].as_f64().is_some());
    }
}

/// In units of a year's income per 40 hours and one week of effort most rational workers work 100 hours
/// under any of the usual schedules; in coherent units almost nobody does.
#[test]
fn most_workers_of_the_published_units_are_at_the_limit() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/paper/rational-v1.toml");
    let share = |weeks: &str| {
        let settings = [
            "population.size=2000".to_owned(),
            "population.wages=gb2-stratified".to_owned(),
            format!("economy.weeks_per_year={weeks}"),
            "planner.kind=us-2024".to_owned(),
            "compare.planners=[]".to_owned(),
            "record.workers_every=12".to_owned(),
        ];
        let scenario = scenario::load(&path, &settings).unwrap();
        let simulation = Simulation::new(scenario).unwrap();
        let (arms, _) = simulation.play(BTreeMap::new(), &|_| {}).unwrap();
        let hours = &arms[0].workers.panel.labor;
        let last = &hours[hours.len() - 2000..];
        last.iter().filter(|l| **l >= 100.0 - 1e-9).count() as f64 / 2000.0
    };
    // Quantiles of the prior by another program: 88 %, and 0.3 % in coherent units.
    assert!((share("1.0") - 0.88).abs() < 0.015, "{}", share("1.0"));
    assert!(share("52.0") < 0.01, "{}", share("52.0"));
}
