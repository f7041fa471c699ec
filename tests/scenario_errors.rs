//! Broken scenario files: each is refused with file, line, key, value and what is allowed.
//!
//! A file of `tests/scenarios/broken` begins with comments that say what its message must hold:
//! `# expect: line | key | value | allowed`, and where they matter `# nearest: key` and `# message: text`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fisc::error::Kind;
use fisc::scenario::load;
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/broken")
}

/// What follows a label in one of the comments at the head of a file.
fn stated<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines()
        .take_while(|line| line.starts_with('#'))
        .find_map(|line| line.strip_prefix(label))
        .map(str::trim)
}

/// What is missing or wrong in the message about one file; empty when all is well.
fn complaints(path: &Path) -> Vec<String> {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let expected = stated(&text, "# expect:").expect("the file says what to expect");
    let [line, key, value, allowed] = expected.split(" | ").collect::<Vec<_>>()[..] else {
        panic!("{}: not `line | key | value | allowed`", path.display());
    };
    let error = match load(path, &[]) {
        Err(error) => error,
        Ok(_) => return vec!["it loads".to_owned()],
    };
    let message = error.to_string();
    let place = error.place().cloned().unwrap_or_default();
    let part = |label: &str| {
        let lines = message.lines().map(str::trim);
        lines
            .filter_map(|line| line.strip_prefix(label))
            .collect::<String>()
    };
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{what}\n{message}"));
        }
    };
    check(error.kind() == Kind::Input, "kind");
    check(error.exit_code() == 2, "exit code");
    check(place.file == path, "file");
    check(place.line.to_string() == line, "line");
    check(place.column > 0, "column");
    check(place.key == key.trim(), "key");
    let head = format!("{}:{}:{}: ", path.display(), line, place.column);
    check(message.starts_with(&head), "head of the message");
    check(message.contains("\n  found:   "), "a value");
    check(part("found:").contains(value), "the value");
    check(part("allowed:").contains(allowed), "what is allowed");
    if let Some(nearest) = stated(&text, "# nearest:") {
        check(part("did you mean").contains(nearest), "nearest");
    }
    if let Some(stated) = stated(&text, "# message:") {
        check(message.contains(stated), "message");
    }
    wrong
}

#[test]
fn broken_files_are_refused_with_a_remedy() {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 35, "{} files", files.len());
    let mut report = String::new();
    for file in files {
        for complaint in complaints(&file) {
            report += &format!("{}: {complaint}\n", file.display());
        }
    }
    assert!(report.is_empty(), "{report}");
}

fn input_error(path: &Path, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    let error = load(path, &overrides).expect_err("is refused");
    assert_eq!(error.kind(), Kind::Input, "{error}");
    error.to_string()
}

#[test]
fn what_is_no_scenario_file() {
    let missing = input_error(Path::new("no/such.toml"), &[]);
    assert!(
        missing.starts_with("no/such.toml: cannot read"),
        "{missing}"
    );
    let directory = input_error(&folder(), &[]);
    assert!(
        directory.contains("cannot read the scenario"),
        "{directory}"
    );
    #[cfg(unix)]
    {
        let endless = input_error(Path::new("/dev/zero"), &[]);
        assert!(endless.contains("too large"), "{endless}");
    }
}

#[test]
fn broken_files_elsewhere_are_named_with_the_place_that_refers_to_them() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.csv"), "wage\n10\n-3\n").unwrap();
    let scenario = folder.path().join("s.toml");
    fs::write(
        &scenario,
        "[population]\nsize = 2\nwages = { file = { path = \"w.csv\" } }\n",
    )
    .unwrap();
    let message = input_error(&scenario, &[]);
    for part in ["population.wages.file.path", "s.toml:3", "w.csv:3:1", "-3"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let short = input_error(&scenario, &["population.size=5"]);
    assert!(short.contains("s.toml:3"), "{short}");
}

#[test]
fn settings_are_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    fs::write(&path, "workers = []\n").unwrap();
    for (setting, parts) in [
        ("steps", vec!["--set: not a setting", "steps", "key=value"]),
        (
            "stepz=3",
            vec!["--set: `stepz`: unknown key", "did you mean `steps`?"],
        ),
        (
            "labor_cost=3",
            vec![
                "--set: `labor_cost`: unknown key",
                "did you mean `economy.labor_cost`?",
            ],
        ),
        (
            "steps=ten",
            vec!["--set: `steps`: wrong type", "ten", "a whole number"],
        ),
        ("steps=-1", vec!["--set: `steps`: out of range", "-1"]),
        ("steps=", vec!["--set: `steps`: wrong type"]),
        ("=1", vec!["--set", "unknown key"]),
        (
            "taxes.initial=[0.1",
            vec!["--set: `taxes.initial`: not TOML"],
        ),
        (
            "taxes.initial=1.2",
            vec!["--set: `taxes.initial`: tax rate", "0.012"],
        ),
        (
            "workers.3.share=1",
            vec!["--set: `workers.3`: no such item", "0 to 0"],
        ),
        (
            "workers.x.share=1",
            vec!["--set: `workers.x`: no such item"],
        ),
        ("seed.x=1", vec!["--set: `seed.x`", "no keys below"]),
        (
            "planner.kind.flatt.rate=1",
            vec!["--set: `planner.kind.flatt`", "did you mean `flat`?"],
        ),
        (
            "planner.kind.flat.rate=25",
            vec!["--set: `planner.kind.flat.rate`", "0.25"],
        ),
        (
            "planner.kind=optimum",
            vec!["--set: `planner.kind`", "did you mean `optimal`?"],
        ),
        ("models.a b.readout=choice", vec!["--set: `models.a b`"]),
        (
            "models.small.readout=choice",
            vec!["--set: `models.small.backend`", "must be given"],
        ),
        (
            "voting.rule=bordo",
            vec!["--set: `voting.rule`", "did you mean `borda`?"],
        ),
    ] {
        let message = input_error(&path, &[setting]);
        for part in parts {
            assert!(message.contains(part), "{setting}: {part}: {message}");
        }
    }
}

const VALID: &str = include_str!("scenarios/design.toml");

/// A file in a folder that stays until the process ends.
fn scratch(name: &str) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap());
    folder.path().join(name)
}

/// Text that means something to the reader of a scenario.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,4}",
        prop::sample::select(vec![
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            "\"",
            "'",
            "=",
            ".",
            ",",
            "\n",
            "#",
            "-",
            "nan",
            "inf",
            "1e999",
            "0x",
            "\u{feff}",
            "é",
            "\0",
            "\r",
            "[]",
            "{}",
            "\"\"\"",
            "1979-05-27",
            "99999999999999999999999999999999999999999",
            "us-",
            "flat",
            "none = {}",
            "-1",
            "true",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutations_never_panic(
        cuts in prop::collection::vec((0.0..1.0f64, 0usize..12, fragment()), 1..4),
        setting in prop::option::of("[a-z.0-9_-]{0,20}=?\\PC{0,10}"),
    ) {
        let mut text: Vec<char> = VALID.chars().collect();
        for (at, length, put) in cuts {
            let start = (at * text.len() as f64) as usize;
            let end = (start + length).min(text.len());
            text.splice(start..end, put.chars());
        }
        let path = scratch("mutations.toml");
        fs::write(&path, text.into_iter().collect::<String>()).unwrap();
        let overrides: Vec<String> = setting.into_iter().collect();
        if let Err(error) = load(&path, &overrides) {
            prop_assert_eq!(error.kind(), Kind::Input);
            prop_assert!(error.place().is_some(), "{}", error);
        }
    }

    #[test]
    fn settings_never_panic(keys in prop::sample::subsequence(vec![
        "population.wages", "planner", "kind", "llm", "workers", "0", "decide", "models", "small",
        "taxes", "initial", "2", "compare.planners", "1", "backend", "gguf", "model", "personas", "file",
    ], 0..6), value in fragment()) {
        let path = scratch("settings.toml");
        fs::write(&path, VALID).unwrap();
        let _ = load(&path, &[format!("{}={value}", keys.join("."))]);
    }
}
