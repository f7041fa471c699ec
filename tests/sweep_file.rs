//! Sweep files: the points and seeds they mean, and broken ones, each refused with file, line, key,
//! value and what is allowed.
//!
//! A file of `tests/sweeps/broken` begins with comments that say what its message must hold:
//! `# expect: line | key | value | allowed`, and where they matter `# nearest: key` and `# message: text`.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::cargo::cargo_bin;
use fisc::error::{Error, Kind};
use fisc::scenario;
use fisc::sweep::{OnError, Sweep, Value};
use proptest::prelude::*;

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

const BASE: &str = include_str!("sweeps/base.toml");

/// Sweep files in a folder with the base of the tests.
struct Study(tempfile::TempDir);

impl Study {
    fn new() -> Study {
        let study = Study(tempfile::tempdir().unwrap());
        study.write("base.toml", BASE);
        study
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Loads a text behind a line that names the base, which is the first.
    fn load(&self, text: &str) -> Result<Sweep, Error> {
        Sweep::load(&self.write("s.toml", &format!("base = \"base.toml\"\n{text}")))
    }

    fn loads(&self, text: &str) -> Sweep {
        self.load(text)
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The message about a text, without the folder.
    fn refuses(&self, text: &str) -> String {
        let error = self.load(text).expect_err(text);
        assert_eq!(error.kind(), Kind::Input, "{error}");
        let folder = format!("{}/", self.0.path().display());
        error.to_string().replace(&folder, "")
    }
}

/// A text as a sweep.
fn loads(text: &str) -> Sweep {
    Study::new().loads(text)
}

/// Each point as labels.
fn labels(sweep: &Sweep) -> Vec<String> {
    let of = |values: &Vec<Value>| values.iter().map(Value::label).collect::<Vec<_>>();
    sweep
        .points
        .iter()
        .map(|point| of(&point.values).join(" "))
        .collect()
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
    let text = fs::read_to_string(path).unwrap();
    let expected = stated(&text, "# expect:").expect("the file says what to expect");
    let [line, key, value, allowed] = expected.split(" | ").collect::<Vec<_>>()[..] else {
        panic!("{}: not `line | key | value | allowed`", path.display());
    };
    let error = match Sweep::load(path) {
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
    check(error.exit_code() == 2, "exit code");
    check(place.file == path, "file");
    check(place.line.to_string() == line, "line");
    check(place.column > 0, "column");
    check(place.key == key.trim(), "key");
    let head = format!("{}:{line}:{}: ", path.display(), place.column);
    check(message.starts_with(&head), "head of the message");
    check(message.contains("\n  found:   "), "a value");
    check(part("found:").contains(value.trim()), "the value");
    check(part("allowed:").contains(allowed), "what is allowed");
    if let Some(nearest) = stated(&text, "# nearest:") {
        let wanted = format!("did you mean `{nearest}`?");
        check(message.contains(&wanted), "nearest");
    }
    if let Some(stated) = stated(&text, "# message:") {
        check(message.contains(stated), "message");
    }
    wrong
}

#[test]
fn broken_files_are_refused_with_a_remedy() {
    let files = fs::read_dir(here("tests/sweeps/broken")).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 85, "{} files", files.len());
    let mut report = String::new();
    for file in files {
        for complaint in complaints(&file) {
            report += &format!("{}: {complaint}\n", file.display());
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// The column is that of the value, so that an editor's cursor stands on it.
#[test]
fn the_place_is_that_of_the_value() {
    let text = "[grid]\nplanner.kind = [\"none\", { flat = { rate = 25 } }, \"fixed\"]\n";
    let error = Study::new().load(text).unwrap_err();
    let place = error.place().unwrap();
    let line = text.lines().nth(1).unwrap();
    assert_eq!(
        (place.line, place.column),
        (3, line.find("25").unwrap() + 1)
    );
}

#[test]
fn what_is_no_sweep_file() {
    let message = |path: &Path| Sweep::load(path).unwrap_err().to_string();
    let missing = message(Path::new("no/such.toml"));
    assert!(
        missing.starts_with("no/such.toml: cannot read the sweep"),
        "{missing}"
    );
    let scenario = message(&here("tests/sweeps/base.toml"));
    assert!(
        scenario.contains("this is a scenario, not a sweep file"),
        "{scenario}"
    );
    assert!(scenario.contains("`fisc run FILE`"), "{scenario}");
    let sweep = here("tests/sweeps/from-file.toml");
    let played = scenario::load(&sweep, &[]).unwrap_err();
    assert_eq!(played.exit_code(), 2);
    let played = played.to_string();
    assert!(played.contains("this is a sweep file"), "{played}");
    assert!(played.contains("`fisc sweep FILE`"), "{played}");
}

#[test]
fn a_wrong_base_is_named_with_its_own_line() {
    let study = Study::new();
    study.write("base.toml", "steps = 4\ntax_year = 2\nsede = 1\n");
    let message = study.refuses("seeds = 2\n");
    for part in [
        "s.toml:1:8: `base`",
        "base.toml:3:1: `sede`",
        "did you mean `seed`?",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

/// Each value is right; together they are not. The message says with which values.
#[test]
fn a_combination_that_is_no_scenario_is_named() {
    let study = Study::new();
    let message = study.refuses("[grid]\ntax_year = [2, 3]\n");
    for part in ["s.toml:3:16: `tax_year`", "steps = 4, tax_year = 3"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let brackets = "[grid]\ntaxes.brackets = [\"three\", \"flat\"]\n";
    let message = study.refuses(&format!("{brackets}planner.kind = [\"none\"]\n"));
    for part in ["s.toml:3", "taxes.brackets = \"flat\"", "taxes.initial"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // Values of which each is right with the base, but not these two with one another.
    let search = "planner = { kind = { search = { method = \"bayesian\", final_years = 1 } } }\n";
    let longer = BASE.replace("steps = 4", "steps = 12");
    let other = Study::new();
    other.write("base.toml", &format!("{longer}{search}"));
    let message = other.refuses("[grid]\nsteps = [12, 8]\ntax_year = [2, 4]\n");
    for part in [
        "s.toml:4:16: with steps = 8, tax_year = 4",
        "base.toml:",
        "final_years",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // A combination that is left out may be anything.
    let excluded = format!("{brackets}[[exclude]]\ntaxes.brackets = \"flat\"\n");
    assert_eq!(labels(&study.loads(&excluded)), ["three"]);
}

#[test]
fn points_are_the_product_and_the_last_varies_fastest() {
    let sweep = loads(
        "seeds = 2\n[grid]\nplanner.kind = [\"none\", \"optimal\"]\n\
         objective.welfare = [\"rawlsian\", \"utilitarian\", \"nash\"]\n\
         [[list]]\nsteps = 4\ntax_year = 2\n[[list]]\ntax_year = 4\nsteps = 8\n\
         [sample]\npoints = 5\nranges.economy.labor_exponent = { low = 2, high = 3 }\n",
    );
    let keys = [
        "planner.kind",
        "objective.welfare",
        "steps",
        "tax_year",
        "economy.labor_exponent",
    ];
    assert_eq!(sweep.keys, keys);
    assert_eq!(sweep.points.len(), 2 * 3 * 2 * 5);
    let mut expected = Vec::new();
    for planner in ["none", "optimal"] {
        for welfare in ["rawlsian", "utilitarian", "nash"] {
            for list in ["4 2", "8 4"] {
                for _ in 0..5 {
                    expected.push(format!("{planner} {welfare} {list}"));
                }
            }
        }
    }
    let rows = labels(&sweep);
    for (row, expected) in rows.iter().zip(&expected) {
        assert!(
            row.starts_with(&format!("{expected} ")),
            "{row}: {expected}"
        );
    }
    // Each of the grid and the list meets the same sample.
    let drawn = |at: usize| sweep.points[at].values[4].clone();
    assert!((5..60).all(|at| drawn(at) == drawn(at % 5)));
    assert!((1..5).all(|at| drawn(at) != drawn(0)));
}

/// What the order of the sections in the file is, that of the keys is.
#[test]
fn keys_are_in_the_order_of_the_file() {
    let sweep = loads("[[list]]\nsteps = 8\n[grid]\ntax_year = [2, 4]\npopulation.size = [9]\n");
    assert_eq!(sweep.keys, ["steps", "tax_year", "population.size"]);
}

#[test]
fn keys_may_be_dotted_quoted_or_nested() {
    let all = [
        "[grid]\nplanner.kind = [\"none\", \"optimal\"]\neconomy.labor_exponent = [2.0, 3]\n",
        "[grid]\n\"planner.kind\" = [\"none\", \"optimal\"]\n\"economy.labor_exponent\" = [2, 3.0]\n",
        "[grid]\nplanner = { kind = [\"none\", \"optimal\"] }\neconomy = { labor_exponent = [2, 3] }\n",
        "[grid.planner]\nkind = [\"none\", { optimal = {} }]\n[grid.economy]\nlabor_exponent = [2, 3]\n",
        "grid.planner.kind = [\"none\", \"optimal\"]\ngrid.economy.labor_exponent = [2, 3]\n",
    ];
    let first = loads(all[0]);
    for text in all {
        let sweep = loads(text);
        assert_eq!(sweep.keys, first.keys, "{text}");
        for (one, other) in sweep.points.iter().zip(&first.points) {
            assert_eq!(one.values, other.values, "{text}");
        }
    }
}

/// A table in braces is a value where a scenario may hold one; other tables are parts of keys.
#[test]
fn choices_with_parameters_are_values_or_keys() {
    let value = loads("[set]\nplanner.kind = { flat = { rate = 0.3 } }\n");
    assert_eq!(value.set[0].key, "planner.kind");
    assert_eq!(value.set[0].value.to_string(), "{ flat = { rate = 0.3 } }");
    let part = loads("[set]\nplanner.kind.flat.rate = 0.3\n");
    assert_eq!(part.set[0].key, "planner.kind.flat.rate");
    let scenario = |sweep: &Sweep| sweep.scenario(&sweep.points[0], 1).unwrap();
    assert_eq!(scenario(&value), scenario(&part));
    // A set value of which a part varies; a rate, a group of workers, by number.
    let sweep = loads(
        "[set]\nsteps = 8\nplanner.kind = { search = { method = \"bayesian\", final_years = 1 } }\n\
         workers.0.decide = \"rational\"\n\
         [grid]\nplanner.kind.search.final_years = [0, 1]\ntaxes.initial.2 = [0.3, 0.4]\n",
    );
    let keys = ["planner.kind.search.final_years", "taxes.initial.2"];
    assert_eq!(sweep.keys, keys);
    let last = sweep.scenario(&sweep.points[3], 1).unwrap();
    assert_eq!(last.taxes.initial.rates()[2], 0.4);
    assert!(scenario::to_toml(&last).contains("final_years = 1"));
}

/// A run of a sweep is the base scenario with `--set`.
#[test]
fn overrides_are_those_of_the_command_line() {
    let study = Study::new();
    let sweep = study.loads(
        "seeds = [5]\n[set]\npopulation.size = 9\n[grid]\n\
         planner.kind = [\"none\", { flat = { rate = 0.3 } }]\neconomy.labor_exponent = [2, 3.5]\n",
    );
    let overrides = sweep.overrides(&sweep.points[3], 5);
    let written = [
        "population.size=9",
        "planner.kind={ flat = { rate = 0.3 } }",
        "economy.labor_exponent=3.5",
        "seed=5",
    ];
    assert_eq!(overrides, written);
    let same = scenario::load(&study.0.path().join("base.toml"), &overrides).unwrap();
    assert_eq!(sweep.scenario(&sweep.points[3], 5).unwrap(), same);
    assert_eq!((same.population.size, same.seed), (9, 5));
    assert!(sweep.base.is_absolute() && sweep.base.is_file());
}

#[test]
fn seeds_are_given_or_spawned_or_the_bases() {
    assert_eq!(loads("").seeds, [7]);
    assert_eq!(loads("seeds = [3, 1, 2]\n").seeds, [3, 1, 2]);
    let ten = loads("seeds = 10\n").seeds;
    assert_eq!(ten, loads("seeds = 10\nroot = 42\n").seeds);
    assert_eq!(ten, loads("seeds = 12\n").seeds[..10]);
    let other = loads("seeds = 10\nroot = 43\n").seeds;
    assert!(ten.iter().all(|seed| !other.contains(seed)));
}

#[test]
fn what_else_a_sweep_says() {
    let study = Study::new();
    let plain = study.loads("");
    assert_eq!((plain.name.as_str(), plain.csv), ("s", false));
    assert_eq!(plain.on_error, OnError::Continue);
    assert_eq!(plain.points.len(), 1, "the base alone");
    let full = study.loads("name = \"n\"\ncsv = true\non_error = \"stop\"\n");
    assert_eq!((full.name.as_str(), full.csv), ("n", true));
    assert_eq!(full.on_error, OnError::Stop);
    assert!(full.text.ends_with("on_error = \"stop\"\n"));
    let path = study.write("not fit.toml", "base = \"base.toml\"\n");
    let message = Sweep::load(&path).unwrap_err().to_string();
    assert!(message.contains("not fit for a name"), "{message}");
}

const GRID: &str = "[grid]\nplanner.kind = [\"none\", \"optimal\", { flat = { rate = 0.3 } }]\n\
                    population.size = [4, 5, 6]\n";

/// AND over the keys of a table, OR over tables and over the values of a list.
#[test]
fn points_are_left_out_and_kept() {
    let rows = |text: &str| labels(&loads(&format!("{GRID}{text}")));
    let every: Vec<String> = ["none", "optimal", "flat (rate 0.3)"]
        .iter()
        .flat_map(|planner| [4, 5, 6].map(|size| format!("{planner} {size}")))
        .collect();
    assert_eq!(rows(""), every);
    let without = |out: &[&str]| -> Vec<String> {
        let stays = |row: &&String| !out.contains(&row.as_str());
        every.iter().filter(stays).cloned().collect()
    };
    assert_eq!(
        rows("[[exclude]]\nplanner.kind = \"none\"\npopulation.size = [4, 6]\n"),
        without(&["none 4", "none 6"])
    );
    assert_eq!(
        rows(
            "[[exclude]]\nplanner.kind = { flat = { rate = 0.3 } }\npopulation.size = 5.0\n\
             [[exclude]]\npopulation.size = 4\n"
        ),
        without(&[
            "flat (rate 0.3) 5",
            "none 4",
            "optimal 4",
            "flat (rate 0.3) 4"
        ])
    );
    assert_eq!(
        rows(
            "[[subset]]\nplanner.kind = [\"none\", \"optimal\"]\npopulation.size = 4\n\
             [[subset]]\nplanner.kind.flat.rate = 0.3\n"
                .replace(
                    "planner.kind.flat.rate = 0.3",
                    "planner.kind = { flat = { rate = 0.3 } }"
                )
                .as_str()
        ),
        [
            "none 4",
            "optimal 4",
            "flat (rate 0.3) 4",
            "flat (rate 0.3) 5",
            "flat (rate 0.3) 6"
        ]
    );
    assert_eq!(
        rows("[[subset]]\npopulation.size = 4\n[[exclude]]\nplanner.kind = \"none\"\n"),
        ["optimal 4", "flat (rate 0.3) 4"]
    );
}

/// A list that is itself a value of the key is that value, not any of its items.
#[test]
fn a_list_that_is_a_value_matches_itself() {
    let grid = "[grid]\ntaxes.initial = [[0, 0, 0], [0, 0.1, 0.2], [0.1, 0.1, 0.1]]\n";
    let rows = |text: &str| labels(&loads(&format!("{grid}{text}"))).len();
    assert_eq!(rows("[[exclude]]\ntaxes.initial = [0.0, 0.1, 0.2]\n"), 2);
    assert_eq!(
        rows("[[exclude]]\ntaxes.initial = [[0, 0, 0], [0.1, 0.1, 0.1]]\n"),
        1
    );
}

#[test]
fn what_matches_nothing_is_warned_of() {
    let sweep = loads(&format!(
        "{GRID}[[subset]]\npopulation.size = [4, 5]\n[[exclude]]\npopulation.size = 6\n"
    ));
    assert!(sweep.warnings.is_empty(), "{:?}", sweep.warnings);
    // Values that exist, but not together: planner and steps come from one list.
    let list = "[[list]]\nplanner.kind = \"none\"\nsteps = 4\n\
                [[list]]\nplanner.kind = \"optimal\"\nsteps = 8\n";
    let sweep = loads(&format!(
        "{list}[[exclude]]\nplanner.kind = \"none\"\nsteps = 8\n"
    ));
    assert_eq!(sweep.points.len(), 2);
    assert_eq!(sweep.warnings.len(), 1);
    assert!(sweep.warnings[0].contains("s.toml:8:1: this [[exclude]] matches no point"));
    let sobol =
        "[sample]\nmethod = \"sobol\"\nranges.economy.labor_exponent = { low = 2, high = 3 }\n";
    let warnings = |points: u32| loads(&format!("{sobol}points = {points}\n")).warnings;
    assert!(warnings(8).is_empty());
    assert!(warnings(6)[0].contains("a power of two, such as 8"));
}

fn column(sweep: &Sweep, key: &str) -> Vec<f64> {
    let at = sweep.keys.iter().position(|name| name == key).unwrap();
    let number = |point: &fisc::sweep::Point| point.values[at].as_number().unwrap();
    sweep.points.iter().map(number).collect()
}

/// In each of as many strata as there are points, by ratio where the range is logarithmic, lies one.
#[test]
fn samples_fill_the_strata_of_their_ranges() {
    for method in ["latin-hypercube", "sobol"] {
        let sweep = loads(&format!(
            "[sample]\nmethod = \"{method}\"\npoints = 64\nseed = 3\n[sample.ranges]\n\
             economy.labor_exponent = {{ low = 2.0, high = 6.0 }}\n\
             economy.labor_cost = {{ low = 1e-4, high = 1e-1, scale = \"log\" }}\n\
             population.size = {{ low = 10, high = 73, whole = true }}\n"
        ));
        let stratum_of = |u: f64| (u * 64.0).floor() as i64;
        let once = |strata: Vec<i64>| {
            let mut strata = strata;
            strata.sort_unstable();
            assert_eq!(strata, (0..64).collect::<Vec<_>>(), "{method}");
        };
        let linear = column(&sweep, "economy.labor_exponent").into_iter();
        once(linear.map(|x| stratum_of((x - 2.0) / 4.0)).collect());
        let log = column(&sweep, "economy.labor_cost").into_iter();
        once(log.map(|x| stratum_of((x.log10() + 4.0) / 3.0)).collect());
        // 64 whole numbers, 64 strata: each comes up once.
        let whole = column(&sweep, "population.size").into_iter();
        once(whole.map(|x| x as i64 - 10).collect());
        assert!(matches!(sweep.points[0].values[2], Value::Whole(_)));
    }
}

#[test]
fn samples_follow_their_seed_and_the_plain_sequence_is_the_published_one() {
    let values = |text: &str| {
        let text = format!(
            "[sample]\npoints = 4\n{text}\n[sample.ranges]\n\
             economy.labor_exponent = {{ low = 2, high = 6 }}\n\
             economy.labor_max = {{ low = 40, high = 80 }}\n"
        );
        let sweep = loads(&text);
        let second = column(&sweep, "economy.labor_max");
        (column(&sweep, "economy.labor_exponent"), second)
    };
    assert_eq!(values(""), values("seed = 1\nmethod = \"latin-hypercube\""));
    assert_ne!(values(""), values("seed = 2"));
    assert_ne!(
        values("method = \"sobol\""),
        values("method = \"sobol\"\nseed = 2")
    );
    // 0, ½, ¾, ¼ and 0, ½, ¼, ¾ of the way.
    let plain = values("method = \"sobol\"\nshift = false");
    assert_eq!(
        plain,
        (vec![2.0, 4.0, 5.0, 3.0], vec![40.0, 60.0, 50.0, 70.0])
    );
}

#[test]
fn points_may_stand_in_a_file() {
    let sweep = Sweep::load(&here("tests/sweeps/from-file.toml")).unwrap();
    assert_eq!(
        sweep.keys,
        ["economy.labor_exponent", "planner.kind", "population.size"]
    );
    let expected = [
        "2 none 10",
        "2 none 12",
        "3.5 flat (rate 0.25) 10",
        "3.5 flat (rate 0.25) 12",
    ];
    let shown: Vec<_> = labels(&sweep)
        .iter()
        .map(|row| row.replace("2.0 ", "2 "))
        .collect();
    assert_eq!(shown, expected);
    assert!(
        matches!(sweep.points[0].values[0], Value::Number(_)),
        "a column is of one type"
    );
    let place = &*sweep.points[2].place;
    assert!(place.file.ends_with("from-file.toml") && place.key == "population.size");
}

#[test]
fn broken_tables_of_points_are_named_with_line_and_column() {
    let study = Study::new();
    for (table, parts) in [
        (
            "",
            vec![
                "s.toml:3:28: `sample.method.file.path`",
                "p.csv:1:1",
                "empty table",
            ],
        ),
        (
            "steps\n",
            vec!["p.csv:1:1", "no points", "one or more rows"],
        ),
        (
            "stepz\n4\n",
            vec!["p.csv:1:1: `stepz`: unknown key", "did you mean `steps`?"],
        ),
        (
            "seed\n4\n",
            vec!["p.csv:1:1: `seed`: a sweep cannot set this key"],
        ),
        ("steps,steps\n4,8\n", vec!["p.csv:1", "twice"]),
        (
            "planner.kind,planner.kind.flat.rate\nnone,0.1\n",
            vec!["p.csv:1:1: `planner.kind.flat.rate`", "overlap"],
        ),
        (
            "steps,tax_year\n4,2\n8\n",
            vec!["p.csv:3:1", "wrong number of fields"],
        ),
        (
            "steps,tax_year\n4,2\n8,\n",
            vec!["p.csv:3:3: `tax_year`: empty cell"],
        ),
        (
            "steps,tax_year\n4,2\n8,2.5\n",
            vec!["p.csv:3:3: `tax_year`", "a whole number"],
        ),
        (
            "tax_year,planner.kind\n2,none\n2,optimum\n",
            vec![
                "p.csv:3:3: `planner.kind`: no such choice",
                "did you mean `optimal`?",
            ],
        ),
        (
            "economy.labor_exponent,steps\n3,4\nabc,4\n2.5,4\n",
            vec![
                "p.csv:3:1: `economy.labor_exponent`",
                "\"abc\"",
                "a number > 1",
            ],
        ),
        (
            "economy.labor_exponent;steps\n3;4\n",
            vec!["p.csv:1:1", "not separated by commas"],
        ),
        ("steps\n4\n4\n", vec!["p.csv:3:1", "the same scenario"]),
        ("steps\n\"4\n", vec!["p.csv:2:1", "never closed"]),
    ] {
        study.write("p.csv", table);
        let message = study.refuses("[sample]\nmethod = { file = { path = \"p.csv\" } }\n");
        for part in parts {
            assert!(message.contains(part), "{table:?}: {part}: {message}");
        }
    }
}

#[test]
fn too_many_points_are_refused_before_they_are_made() {
    let axis = |key: &str, from: u32| {
        let values: Vec<_> = (from..from + 1000).map(|x| x.to_string()).collect();
        format!("{key} = [{}]\n", values.join(", "))
    };
    let keys = [
        "population.size",
        "economy.labor_max",
        "economy.labor_exponent",
        "steps",
    ];
    let grid: String = keys.map(|key| axis(key, 2)).concat();
    let message = Study::new().refuses(&format!("[grid]\n{grid}"));
    assert!(message.contains("too many points"), "{message}");
    assert!(
        message.contains("1000000000000") && message.contains("at most 100000"),
        "{message}"
    );
}

#[test]
fn labels_and_settings_of_values() {
    for (value, label, setting) in [
        (Value::Whole(3), "3", "k=3"),
        (Value::Number(3.0), "3.0", "k=3.0"),
        (Value::Number(1e-7), "1e-7", "k=1e-7"),
        (Value::Text("us-2024".into()), "us-2024", "k=\"us-2024\""),
        (
            Value::Text("a \"b\"\n".into()),
            "a \"b\"\n",
            "k=\"a \\\"b\\\"\\n\"",
        ),
        (
            Value::Toml("{ flat = { rate = 0.3 } }".into()),
            "flat (rate 0.3)",
            "k={ flat = { rate = 0.3 } }",
        ),
        (
            Value::Toml("[0.1, 0.2]".into()),
            "[0.1, 0.2]",
            "k=[0.1, 0.2]",
        ),
        (Value::Toml("true".into()), "true", "k=true"),
        (
            Value::Toml(
                "{ llm = { model = \"small\", answer = { steps = { points = [1, 5] } } } }".into(),
            ),
            "llm (model small, answer (steps (points [1, 5])))",
            "k={ llm = { model = \"small\", answer = { steps = { points = [1, 5] } } } }",
        ),
    ] {
        assert_eq!(value.label(), label);
        assert_eq!(value.to_set("k"), setting);
    }
}

#[test]
fn the_example_is_what_it_says() {
    let sweep = Sweep::load(&here("scenarios/sweeps/planners.toml")).unwrap();
    assert_eq!(sweep.name, "planners");
    assert_eq!((sweep.points.len(), sweep.seeds.len()), (5 * 4, 10));
    assert!(sweep.warnings.is_empty());
    for point in &sweep.points {
        let scenario = sweep.scenario(point, sweep.seeds[0]).unwrap();
        assert_eq!(scenario.record.workers_every, 0);
        // The baselines are arms of every run, the main planner among them at most once.
        let arms: Vec<_> = scenario.arms().map(|arm| arm.arm()).collect();
        for baseline in ["us-2024", "saez-fixed-point", "optimal"] {
            let count = arms.iter().filter(|arm| *arm == baseline).count();
            assert_eq!(count, 1, "{arms:?}");
        }
    }
}

#[test]
fn the_reference_page_is_not_stale() {
    let path = here("docs/sweep-file.md");
    if std::env::var_os("FISC_WRITE_DOCS").is_some() {
        fs::write(&path, fisc::sweep::reference()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == fisc::sweep::reference(),
        "docs/sweep-file.md is stale: write it anew with `fisc docs sweep > docs/sweep-file.md` \
         or FISC_WRITE_DOCS=1 cargo test --test sweep_file"
    );
}

/// Every example of the reference page, in a file with what it needs, is right.
#[test]
fn examples_of_the_reference_page_load() {
    let study = Study::new();
    study.write("rational.toml", BASE);
    study.write("points.csv", include_str!("sweeps/points.csv"));
    let page = fisc::sweep::reference();
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 18, "{}", examples.len());
    for example in examples {
        let mut text = example
            .replace("../scenarios/rational.toml", "rational.toml")
            .replace("../rational.toml", "rational.toml");
        if !text.contains("base =") {
            text = format!("base = \"base.toml\"\n{text}");
        }
        if text.contains("root =") {
            text.push_str("seeds = 3\n");
        }
        if (text.contains("[[exclude]]") || text.contains("[[subset]]")) && !text.contains("[grid]")
        {
            text.push_str(
                "[grid]\nplanner.kind = [\"none\", \"optimal\"]\n\
                     objective.welfare = [\"rawlsian\", \"utilitarian\"]\n",
            );
        }
        if let Some((head, rest)) = text
            .split_once("[sample]\n")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
        {
            let mut company = String::new();
            if !rest.contains("points =") {
                company.push_str("points = 4\n");
            }
            if rest.contains("shift") {
                company.push_str("method = \"sobol\"\n");
            }
            text = format!("{head}[sample]\n{company}{rest}");
        } else if text.contains("[sample.ranges]") {
            text = text.replace("[sample.ranges]", "[sample]\npoints = 4\n[sample.ranges]");
        }
        if text.contains("[sample]") && !text.contains("ranges]") {
            text.push_str("[sample.ranges]\neconomy.labor_exponent = { low = 2.0, high = 6.0 }\n");
        }
        let path = study.write("e.toml", &text);
        Sweep::load(&path).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn the_program_checks_and_documents_sweeps() {
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(cargo_bin("fisc"));
        command.current_dir(here(""));
        command.args(arguments).output().unwrap()
    };
    let checked = run(&[
        "check",
        "scenarios/sweeps/planners.toml",
        "scenarios/rational.toml",
    ]);
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success(), "{text}");
    assert!(
        text.contains("planners.toml: ok (points: 20, seeds: 10, runs: 200)"),
        "{text}"
    );
    assert!(text.contains("rational.toml: ok (workers: 1000"), "{text}");
    let refused = run(&["check", "tests/sweeps/broken/unknown-key.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    // Every file is checked, whatever is wrong with those before it.
    let all = run(&[
        "check",
        "tests/sweeps/broken/unknown-key.toml",
        "scenarios/rational.toml",
        "tests/sweeps/broken/seeds-zero.toml",
    ]);
    assert_eq!(all.status.code(), Some(2));
    let said = String::from_utf8_lossy(&all.stderr).into_owned();
    assert!(String::from_utf8_lossy(&all.stdout).contains("rational.toml: ok"));
    assert!(
        said.contains("unknown-key.toml:") && said.contains("seeds-zero.toml:"),
        "{said}"
    );
    let page = run(&["docs", "sweep"]);
    assert_eq!(
        String::from_utf8(page.stdout).unwrap(),
        fisc::sweep::reference()
    );
}

const VALID: &str = "name = \"v\"\nbase = \"base.toml\"\nseeds = 2\nroot = 3\n[set]\npopulation.size = 9\n\
[grid]\nplanner.kind = [\"none\", { flat = { rate = 0.3 } }]\n\"objective.welfare\" = [\"nash\"]\n\
[[list]]\nsteps = 4\n[[list]]\nsteps = 8\n[sample]\nmethod = \"sobol\"\npoints = 2\n\
[sample.ranges]\neconomy.labor_cost = { low = 1e-4, high = 1e-2, scale = \"log\" }\n\
[[exclude]]\nplanner.kind = \"none\"\nsteps = [4, 8]\n[[subset]]\nsteps = 8\n";

/// Text that means something to the reader of a sweep.
fn fragment() -> impl Strategy<Value = String> {
    let known = vec![
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "\"",
        "=",
        ".",
        ",",
        "\n",
        "#",
        "-",
        "nan",
        "inf",
        "1e999",
        "\u{feff}",
        "é",
        "\0",
        "[]",
        "{}",
        "1979-05-27",
        "99999999999999999999999",
        "none = {}",
        "true",
        "0",
        "seed",
        "[grid.planner]\n",
        "kind",
        "..",
        "planner.kind.flat",
    ];
    prop_oneof![
        "\\PC{0,4}",
        prop::sample::select(known).prop_map(str::to_owned)
    ]
}

/// A value of any type with TOML text of its own.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Whole),
        any::<f64>()
            .prop_filter("finite", |x| x.is_finite())
            .prop_map(Value::Number),
        any::<String>().prop_map(Value::Text),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutations_never_panic(
        cuts in prop::collection::vec((0.0..1.0f64, 0usize..12, fragment()), 1..4),
    ) {
        let study = Study::new();
        let mut text: Vec<char> = VALID.chars().collect();
        for (at, length, put) in cuts {
            let start = (at * text.len() as f64) as usize;
            let end = (start + length).min(text.len());
            text.splice(start..end, put.chars());
        }
        let path = study.write("m.toml", &text.into_iter().collect::<String>());
        match Sweep::load(&path) {
            Ok(sweep) => prop_assert!(!sweep.points.is_empty() && !sweep.seeds.is_empty()),
            Err(error) => {
                prop_assert_eq!(error.kind(), Kind::Input);
                prop_assert!(error.place().is_some(), "{}", error);
            }
        }
    }

    /// The TOML of a value is read back, by another reader, as the value.
    #[test]
    fn values_survive_their_toml(value in value()) {
        let setting = value.to_set("k");
        let table: toml::Table = setting.parse().unwrap();
        prop_assert!(!setting.contains('\n'));
        match (&value, &table["k"]) {
            (Value::Whole(a), toml::Value::Integer(b)) => prop_assert_eq!(a, b),
            (Value::Number(a), toml::Value::Float(b)) => prop_assert_eq!(a.to_bits(), b.to_bits()),
            (Value::Text(a), toml::Value::String(b)) => prop_assert_eq!(a, b),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

/// Two numbers of answers, two kinds of them, three learners, two rewards and three lists of planners, which are
/// ten optimisers in all, in six populations.
#[test]
fn the_comparison_study_has_every_combination_once() {
    let file = here("examples/08-data-learner-reward-optimiser/sweep.toml");
    let sweep = Sweep::load(&file).unwrap();
    assert_eq!(sweep.points.len(), 2 * 2 * 3 * 2 * 3);
    let mut cells = std::collections::BTreeMap::new();
    for point in &sweep.points {
        let scenario = sweep.scenario(point, sweep.seeds[0]).unwrap();
        let data = format!("{:?}", scenario.preferences.source);
        let learner = format!("{:?}", scenario.preferences.model);
        let reward = format!("{:?}", scenario.reward);
        let planners = std::iter::once(&scenario.planner).chain(&scenario.compare);
        for planner in planners {
            let cell = (
                scenario.preferences.comparisons,
                data.clone(),
                learner.clone(),
                reward.clone(),
                format!("{planner:?}"),
            );
            *cells.entry(cell).or_insert(0) += 1;
        }
    }
    // U.S. law and the optimum are the yardsticks of all three lists.
    let counted = |times: i32| cells.values().filter(|count| **count == times).count();
    assert_eq!(
        (counted(1), counted(3), cells.len()),
        (24 * 10, 24 * 2, 24 * 12)
    );
}
