//! The program as a user meets it: exit codes, messages, what is left on disk.

use assert_cmd::Command;
use std::path::Path;

fn fisc() -> Command {
    Command::cargo_bin("fisc").unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const SMALL: &str = r#"
name = "small"
seed = 3
steps = 4
tax_year = 2
[population]
size = 30
wages = "gb2-stratified"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[planner]
kind = "optimal"
[compare]
planners = ["us-2024", "saez-fixed-point"]
"#;

/// Every broken scenario gives exit code 2, names file and line, and leaves no output folder.
#[test]
fn broken_scenarios_exit_with_two_and_leave_nothing() {
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/broken");
    let mut count = 0;
    for entry in std::fs::read_dir(&broken).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let output = fisc()
            .current_dir(&folder)
            .arg("run")
            .arg(&path)
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        let message = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{}: {message}",
            path.display()
        );
        assert!(output.stdout.is_empty(), "{}", path.display());
        assert!(
            message.contains(path.file_name().unwrap().to_str().unwrap()),
            "{message}"
        );
        assert!(!message.contains("panicked"), "{message}");
        assert_eq!(
            std::fs::read_dir(&folder).unwrap().count(),
            0,
            "{} left files",
            path.display()
        );
        count += 1;
    }
    assert!(count >= 30, "{count} broken scenarios");
}

#[test]
fn tax_prints_csv() {
    let output = fisc()
        .args(["tax", "us-2024", "0", "11600", "47150.5"])
        .output()
        .unwrap();
    assert_eq!(
        text(&output.stdout),
        "income,tax,average_rate,marginal_rate\n0,0,0.1,0.1\n11600,1160,0.1,0.12\n47150.5,5426.11,0.11508064601647915,0.22\n"
    );
    for arguments in [
        &["tax", "us-2042", "1"][..],
        &["tax", "us-2024", "-5"],
        &["tax", "us-2024", "lots"],
        &["tax", "0:1.2", "5"],
        &["tax", "us-2024"],
        &["check", "nowhere.toml"],
        &["model", "path", "gpt-9"],
        &["report", "nowhere"],
    ] {
        let output = fisc().args(arguments).output().unwrap();
        let code = if arguments[0] == "report" { 1 } else { 2 };
        let message = text(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(c) if c == code || c == 2),
            "{arguments:?}: {message}"
        );
        assert!(!message.contains("panicked"));
    }
}

#[test]
fn a_run_writes_its_folder_and_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("small.toml");
    std::fs::write(&scenario, SMALL).unwrap();
    let run = |arguments: &[&str]| {
        fisc()
            .current_dir(&folder)
            .arg("run")
            .arg(&scenario)
            .args(arguments)
            .output()
            .unwrap()
    };
    let first = run(&[]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let table = text(&first.stdout);
    for arm in ["optimal", "us-2024", "saez-fixed-point", "attained"] {
        assert!(table.contains(arm), "{table}");
    }
    assert!(
        first.stderr.is_empty(),
        "no progress bar when stderr is not a terminal"
    );
    let out = folder.path().join("outputs/small-3");
    for name in [
        "manifest.json",
        "scenario.toml",
        "summary.json",
        "log.txt",
        "report.html",
        "steps.parquet",
        "years.parquet",
        "workers.parquet",
        "figures/welfare.svg",
        "figures/welfare.png",
        "figures/welfare.csv",
        "figures/rates.svg",
        "figures/schedules.svg",
        "figures/hours.svg",
        "figures/lorenz.svg",
    ] {
        assert!(out.join(name).is_file(), "{name}");
    }
    let before = std::fs::read(out.join("years.parquet")).unwrap();
    let manifest = std::fs::metadata(out.join("manifest.json"))
        .unwrap()
        .modified()
        .unwrap();

    // The manifest tells a damaged result.
    use fisc::run::folder::damaged;
    let stated: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let stated: Vec<&String> = stated["files"].as_object().unwrap().keys().collect();
    let results = [
        "scenario.toml",
        "steps.parquet",
        "summary.json",
        "workers.parquet",
        "years.parquet",
    ];
    assert_eq!(stated, results);
    assert_eq!(damaged(&out, |_| true).unwrap(), []);
    let mut flipped = before.clone();
    flipped[100] ^= 1;
    std::fs::write(out.join("years.parquet"), flipped).unwrap();
    let found = damaged(&out, |_| true).unwrap();
    assert_eq!((found.len(), found[0].0.as_str()), (1, "years.parquet"));
    std::fs::write(out.join("years.parquet"), &before).unwrap();

    let again = run(&[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        text(&again.stderr).contains("--force"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(
        std::fs::metadata(out.join("manifest.json"))
            .unwrap()
            .modified()
            .unwrap(),
        manifest
    );

    let forced = run(&["--force", "--quiet", "--threads", "1"]);
    assert_eq!(forced.status.code(), Some(0), "{}", text(&forced.stderr));
    assert!(forced.stdout.is_empty());
    assert_eq!(std::fs::read(out.join("years.parquet")).unwrap(), before);

    let replay = run(&["--replay"]);
    assert_eq!(replay.status.code(), Some(0), "{}", text(&replay.stderr));
    assert_eq!(text(&replay.stdout).matches("identical").count(), 3);

    let other = run(&["--seed", "4", "--out", "elsewhere"]);
    assert_eq!(other.status.code(), Some(0), "{}", text(&other.stderr));
    assert!(folder.path().join("elsewhere/report.html").is_file());

    // The resolved scenario of a run is a scenario.
    let resolved = fisc()
        .arg("check")
        .arg(out.join("scenario.toml"))
        .output()
        .unwrap();
    assert_eq!(
        resolved.status.code(),
        Some(0),
        "{}",
        text(&resolved.stderr)
    );

    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/thesis.tex"), "").unwrap();
    let foreign = run(&["--out", "mine", "--force"]);
    assert_eq!(foreign.status.code(), Some(2));
    assert!(folder.path().join("mine/thesis.tex").is_file());
}

#[test]
fn optimum_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("small.toml");
    std::fs::write(&scenario, SMALL).unwrap();
    let output = fisc()
        .arg("optimum")
        .arg(&scenario)
        .args(["--format", "json"])
        .output()
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["rates"].as_array().unwrap().len(), 3);
    assert!(
        value["certificate"]["best_one_point_move"]
            .as_f64()
            .unwrap()
            <= 0.0
    );
    let schedules = value["schedules"].as_array().unwrap();
    let best = value["welfare"].as_f64().unwrap();
    // Others than those with the scenario's brackets may be better, but no tax beats the continuous.
    let any = value["continuous"]["welfare"].as_f64().unwrap();
    for schedule in schedules {
        let welfare = schedule["welfare"].as_f64().unwrap();
        let own = ["three-free", "two-free", "us-2024"].map(|name| schedule["name"] == name);
        assert!(welfare <= best + 1e-9 || own.contains(&true), "{schedule}");
        assert!(welfare <= any + 1e-9 * any.abs(), "{schedule}");
    }
    let conditions = value["certificate"]["first_order"].as_array().unwrap();
    assert_eq!(conditions.len(), 3);
    for name in [
        "saez-static",
        "saez-fixed-point",
        "saez-estimated",
        "flat",
        "none",
    ] {
        assert!(
            schedules.iter().any(|schedule| schedule["name"] == name),
            "{name}"
        );
    }
}

#[test]
fn constraints_bind_the_optimum_or_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("small.toml");
    std::fs::write(&scenario, SMALL).unwrap();
    let run = |settings: &[&str]| {
        let mut command = fisc();
        command
            .arg("optimum")
            .arg(&scenario)
            .args(["--format", "json"]);
        for setting in settings {
            command.args(["--set", setting]);
        }
        command.output().unwrap()
    };
    let output = run(&[
        "constraints.rate_max=0.4",
        "constraints.rates_rise=true",
        "constraints.revenue.neutral=us-2024",
    ]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rates: Vec<f64> = serde_json::from_value(value["rates"].clone()).unwrap();
    assert!(
        rates.iter().all(|rate| (0.0..=0.4).contains(rate)),
        "{rates:?}"
    );
    assert!(rates.windows(2).all(|pair| pair[0] <= pair[1]), "{rates:?}");
    let law = value["schedules"].as_array().unwrap();
    let law = law
        .iter()
        .find(|schedule| schedule["name"] == "us-2024")
        .unwrap();
    assert!(value["revenue"].as_f64() >= law["revenue"].as_f64());
    let impossible = run(&["constraints.revenue.at_least=1e6"]);
    assert_eq!(impossible.status.code(), Some(2));
    let message = String::from_utf8(impossible.stderr).unwrap();
    assert!(message.contains("at most"), "{message}");
    // Found before a run begins: nothing is written.
    let out = folder.path().join("out");
    let output = fisc()
        .arg("run")
        .arg(&scenario)
        .args([
            "--set",
            "constraints.revenue.at_least=1e6",
            "--set",
            "planner.kind=optimal",
        ])
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!out.exists());
}

/// The rates that Mirrlees (1971) published for his first case.
#[test]
fn mirrlees_prints_the_published_rates() {
    let output = fisc().arg("mirrlees").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let published = [
        (0.0, 23.0),
        (0.05, 26.0),
        (0.10, 24.0),
        (0.20, 21.0),
        (0.30, 19.0),
        (0.40, 18.0),
        (0.50, 16.0),
    ];
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len(), published.len(), "{text}");
    for (row, (income, percent)) in rows.iter().zip(published) {
        let fields: Vec<&str> = row.split(',').collect();
        assert_eq!(fields[0].parse::<f64>().unwrap(), income);
        let rate = 100.0 * fields[2].parse::<f64>().unwrap();
        assert!((rate - percent).abs() <= 1.0, "{row}");
    }
}

#[test]
fn shipped_scenarios_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for name in [
        "quickstart",
        "planner",
        "rational",
        "isoelastic",
        "paper/rational-v1",
    ] {
        let output = fisc()
            .arg("check")
            .arg(root.join(format!("{name}.toml")))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

/// As with `2>&1 | head`: whoever reads the messages may have gone.
#[test]
fn messages_that_nobody_reads_change_no_exit_code() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("fisc"));
    command.args(["check", "no-such-file.toml", "nor-this.toml"]);
    let status = command.stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
fn a_place_that_cannot_be_made_is_wrong_input() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let mut command = fisc();
    command
        .current_dir(&folder)
        .args(["run", "small.toml", "--out", "file/below"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(
        message.contains("`--out`: cannot make this folder"),
        "{message}"
    );
}
