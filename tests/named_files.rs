//! Files that a scenario names, from `fisc check` to a package elsewhere.

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};

const SCENARIO: &str = r#"
name = "named"
seed = 2
steps = 2
tax_year = 1
[population]
size = 4
wages = { uniform = { low = 10.0, high = 50.0 } }
[taxes]
brackets = [0, 20000, 60000]
initial = 0.2
[preferences]
source = { file = { path = "mine/comparisons.csv" } }
features = "rates"
held_out = 0.0
[reward]
kind = "learned"
[planner]
kind = "reward"
[record]
workers_every = 0
"#;

const LOW: &str = "0:0.1,20000:0.2,60000:0.3";
const HIGH: &str = "0:0.5,20000:0.5,60000:0.5";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("mine")).unwrap();
        place.scenario(SCENARIO);
        place.comparisons(LOW, HIGH);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn scenario(&self, text: &str) {
        fs::write(self.path("s.toml"), text).unwrap();
    }

    fn csv(&self, text: &str) {
        fs::write(self.path("mine/comparisons.csv"), text).unwrap();
    }

    /// All four workers like `better`.
    fn comparisons(&self, better: &str, worse: &str) {
        let rows: String = (0..4)
            .map(|worker| format!("{worker},\"{better}\",\"{worse}\",1\n"))
            .collect();
        self.csv(&format!("rater,a,b,outcome\n{rows}"));
    }

    fn values(&self, first: f64) {
        let names = fisc::preferences::models::values::VALUES.join(",");
        let row = |x: f64| format!("{x},{}", vec!["1"; 18].join(","));
        let text = format!("{names}\n{}\n{}\n", row(first), row(-first));
        fs::write(self.path("mine/values.csv"), text).unwrap();
    }

    #[track_caller]
    fn fisc(&self, code: i32, arguments: &[&str]) -> String {
        let mut command = Command::cargo_bin("fisc").unwrap();
        let output = command
            .current_dir(self.0.path())
            .args(arguments)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}");
        said
    }

    #[track_caller]
    fn refused(&self, words: &[&str]) {
        let said = self.fisc(2, &["check", "s.toml"]);
        let key = "in the file that `preferences.source.file.path` names (s.toml:13)";
        for word in words.iter().chain([&key]) {
            assert!(said.contains(word), "`{word}` is not in\n{said}");
        }
    }
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

#[test]
fn check_reads_the_comparisons() {
    let place = Place::new();
    place.fisc(0, &["check", "s.toml"]);
    let good = format!("0,\"{LOW}\",\"{HIGH}\",1\n");
    place.csv("");
    place.refused(&["comparisons.csv:1:1", "empty table"]);
    place.csv("who,what\n1,2\n");
    place.refused(&["no column `rater`, `a`, `b`, `outcome`", "who,what"]);
    fs::write(place.path("mine/comparisons.csv"), b"rater,\xff\n").unwrap();
    place.refused(&["UTF-8"]);
    place.csv(&format!(
        "rater,a,b,outcome,wieght\n{}",
        good.replace(",1\n", ",1,2\n")
    ));
    place.refused(&["wieght", "did you mean `weight`?"]);
    // Other edges, and another number of them, than the scenario's: line 3.
    for other in ["0:0.1,25000:0.2,60000:0.3", "0:0.1,20000:0.2"] {
        place.csv(&format!(
            "rater,a,b,outcome\n{good}{}",
            good.replace(HIGH, other)
        ));
        place.refused(&["comparisons.csv:3:", "`b`", "scenario: 0, 20000, 60000"]);
    }
    place.fisc(2, &["run", "s.toml"]);
    assert!(!place.path("outputs").exists());
}

#[test]
fn a_replay_and_a_package_know_both_tables() {
    let place = Place::new();
    let model = "[preferences]\nmodel = { values = { profiles = \"mine/values.csv\" } }";
    place.scenario(&SCENARIO.replace("[preferences]", model));
    place.values(1.0);
    place.fisc(0, &["run", "s.toml", "--out", "run", "--quiet"]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("run/manifest.json")).unwrap()).unwrap();
    for (role, file) in [("comparisons", "comparisons.csv"), ("values", "values.csv")] {
        let output = std::process::Command::new("sha256sum")
            .arg(place.path("mine").join(file))
            .output()
            .unwrap();
        let sum = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            manifest["inputs"][role].as_str(),
            Some(&sum[..64]),
            "{role}"
        );
    }
    // The resolved scenario is one, wherever it stands.
    place.fisc(0, &["check", "run/scenario.toml"]);
    let again = ["run", "run/scenario.toml", "--replay", "--out", "run"];
    place.fisc(0, &again);

    place.fisc(0, &["package", "run", "--out", "package", "--quiet"]);
    let other = tempfile::tempdir().unwrap();
    copy(&place.path("package"), &other.path().join("p"));
    let elsewhere = Place(other);
    assert!(elsewhere.path("p/data/comparisons.csv").is_file());
    assert!(elsewhere.path("p/data/values.csv").is_file());
    let packed = fs::read_to_string(elsewhere.path("p/run/scenario.toml")).unwrap();
    let here = place.0.path().display().to_string();
    assert!(!packed.contains(&here), "{packed}");
    let readme = fs::read_to_string(elsewhere.path("p/README.md")).unwrap();
    assert!(readme.contains("comparisons of tax schedules"), "{readme}");
    fs::rename(place.path("mine"), place.path("gone")).unwrap();
    elsewhere.fisc(0, &["verify", "p"]);
    fs::rename(place.path("gone"), place.path("mine")).unwrap();

    // Workers who like high rates are others.
    place.comparisons(HIGH, LOW);
    let said = place.fisc(1, &again);
    for word in [
        "DIFFERS",
        "`preferences.source.file.path` names a file that has changed",
    ] {
        assert!(said.contains(word), "{said}");
    }
    assert!(
        !said.contains("`preferences.model.values.profiles`"),
        "{said}"
    );
}

#[test]
fn a_sweep_plays_again_what_other_tables_change() {
    let place = Place::new();
    let sweep = "name = \"swept\"\nbase = \"s.toml\"\nseeds = [1]\n[grid]\n\"economy.labor_exponent\" = [3.0]\n";
    fs::write(place.path("sweep.toml"), sweep).unwrap();
    let play = [
        "sweep",
        "sweep.toml",
        "--out",
        "out",
        "--quiet",
        "--jobs",
        "1",
    ];
    let runs = |place: &Place| {
        let mut names: Vec<_> = fs::read_dir(place.path("out/runs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    place.fisc(0, &play);
    let before = runs(&place);
    place.fisc(0, &play);
    assert_eq!(runs(&place), before);
    place.comparisons(HIGH, LOW);
    place.fisc(0, &play);
    assert_eq!(runs(&place).len(), 2);
}
