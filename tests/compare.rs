//! `fisc compare`: published numbers through sweep folders, real runs, what pairing gains, refusals.

use assert_cmd::Command;
use fisc::run::Simulation;
use fisc::statistics::{Paired, Settings, Unpaired};
use polars::prelude::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Extra hours of sleep under two drugs (Student 1908): R gives for the paired difference -1.58, the
/// interval (-2.4598858, -0.7001142), p = 0.002833.
const FIRST: [f64; 10] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
const SECOND: [f64; 10] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

fn fisc(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fisc"));
    command.args(arguments).output().unwrap()
}

fn shown(arguments: &[&str]) -> String {
    let output = fisc(&[&["compare"], arguments].concat());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

fn answer(arguments: &[&str]) -> Value {
    serde_json::from_str(&shown(&[arguments, &["--format", "json"]].concat())).unwrap()
}

/// The message of a refusal.
fn refused(arguments: &[&str]) -> String {
    let output = fisc(&[&["compare"], arguments].concat());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    error
}

fn number(value: &Value, pointer: &str) -> f64 {
    (value.pointer(pointer).and_then(Value::as_f64)).unwrap_or_else(|| panic!("{pointer}: {value}"))
}

fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

fn arm<'a>(group: &'a Value, name: &str) -> &'a Value {
    let arms = group["arms"].as_array().unwrap();
    let found = arms.iter().find(|arm| arm["arm"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {group}"))
}

fn warnings(comparison: &Value) -> String {
    let all = comparison["warnings"].as_array().unwrap();
    let texts = all.iter().map(|text| text.as_str().unwrap());
    texts.collect::<Vec<_>>().join("\n")
}

/// One run of a made sweep.
#[derive(Clone)]
struct Made {
    kind: &'static str,
    exponent: f64,
    seed: usize,
    status: &'static str,
    /// Name, whether it is the run's own planner, outcome of the last third.
    arms: Vec<(&'static str, bool, f64)>,
}

fn parquet(file: &Path, columns: Vec<Column>) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut frame = DataFrame::new_infer_height(columns).unwrap();
    ParquetWriter::new(std::fs::File::create(file).unwrap())
        .finish(&mut frame)
        .unwrap();
}

/// Two planners × two exponents × ten seeds: welfare of `first` and `second` as in Student's data, times
/// 1 and 3; us-2024 at −10, `optimal` at 10 + noise that makes no difference to the mean.
fn study() -> Vec<Made> {
    let mut runs = Vec::new();
    for (kind, own) in [("first", FIRST), ("second", SECOND)] {
        for (exponent, factor) in [(2.0, 1.0), (4.5, 3.0)] {
            for (seed, own) in own.iter().enumerate() {
                let noise = if seed % 2 == 0 { 0.5 } else { -0.5 };
                runs.push(Made {
                    kind,
                    exponent,
                    seed,
                    status: "finished",
                    arms: vec![
                        (kind, true, factor * own),
                        ("us-2024", false, -10.0),
                        ("optimal", false, 10.0 + noise),
                    ],
                });
            }
        }
    }
    runs
}

/// Writes a sweep folder of six tax years: a climb, then `outcome` ∓ 1 in the last two.
fn write(folder: &Path, made: &[Made]) {
    let mut points: Vec<(&str, f64)> = Vec::new();
    let mut runs = Vec::new();
    let mut status = Vec::new();
    for (at, run) in made.iter().enumerate() {
        let id = format!("{at:016x}");
        let key = (run.kind, run.exponent);
        let known = points.iter().position(|point| *point == key);
        let point = known.unwrap_or_else(|| {
            points.push(key);
            points.len() - 1
        }) as u32
            + 1;
        let seed = 100 + run.seed as u64;
        runs.push(json!({ "run": id, "point": point, "replicate": run.seed + 1, "seed": seed }));
        status.push(run.status);
        if run.status != "finished" {
            continue;
        }
        let rows: Vec<(&str, bool, u32, f64)> = (run.arms.iter())
            .flat_map(|&(arm, main, last)| {
                let years = [-9.0, -8.0, last, last, last - 1.0, last + 1.0];
                (1..)
                    .zip(years)
                    .map(move |(year, value)| (arm, main, year, value))
            })
            .collect();
        parquet(
            &folder.join(format!("years.parquet/{id}.parquet")),
            vec![
                Column::new("run".into(), vec![id.as_str(); rows.len()]),
                Column::new("main".into(), rows.iter().map(|r| r.1).collect::<Vec<_>>()),
                Column::new("arm".into(), rows.iter().map(|r| r.0).collect::<Vec<_>>()),
                Column::new("year".into(), rows.iter().map(|r| r.2).collect::<Vec<_>>()),
                Column::new(
                    "welfare".into(),
                    rows.iter().map(|r| r.3).collect::<Vec<_>>(),
                ),
                Column::new(
                    "revenue".into(),
                    rows.iter().map(|r| 2.0 * r.3).collect::<Vec<_>>(),
                ),
                Column::new(
                    "schedule".into(),
                    rows.iter()
                        .map(|r| format!("0:{}", r.3))
                        .collect::<Vec<_>>(),
                ),
            ],
        );
        parquet(
            &folder.join(format!("summary.parquet/{id}.parquet")),
            vec![
                Column::new("objective".into(), vec!["inverse_wage"]),
                Column::new("unit".into(), vec!["$/year"]),
            ],
        );
    }
    let names: Vec<String> = (0..made.len()).map(|at| format!("{at:016x}")).collect();
    let failed = |text: &'static str| {
        let cells: Vec<Option<&str>> = status
            .iter()
            .map(|s| (*s == "failed").then_some(text))
            .collect();
        cells
    };
    let finished: Vec<Option<&str>> = status
        .iter()
        .map(|s| (*s == "finished").then_some("0.1.0"))
        .collect();
    parquet(
        &folder.join("runs.parquet"),
        vec![
            Column::new("run".into(), names),
            Column::new("status".into(), status.clone()),
            Column::new("stage".into(), failed("play")),
            Column::new("message".into(), failed("the model went away")),
            Column::new("fisc".into(), finished.clone()),
            Column::new("git_commit".into(), finished),
        ],
    );
    let points: Vec<Value> = (1u32..)
        .zip(&points)
        .map(|(point, (kind, exponent))| {
            json!({ "point": point, "values": { "planner.kind": kind, "economy.labor_exponent": exponent } })
        })
        .collect();
    let plan = json!({ "fisc": "0.1.0", "name": "a_study", "points": points, "runs": runs, "keys": [
        { "key": "planner.kind", "column": "planner_kind", "kind": "text" },
        { "key": "economy.labor_exponent", "column": "economy_labor_exponent", "kind": "number" } ] });
    std::fs::write(folder.join("plan.json"), plan.to_string()).unwrap();
}

#[test]
fn published_numbers_through_a_sweep_folder() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &study());
    let at = folder.path().to_str().unwrap();
    let found = answer(&[at, "--against", "second"]);
    assert_eq!(found["groups"].as_array().unwrap().len(), 2);
    assert_eq!((&found["family"], &found["copies"]), (&json!(6), &json!(0)));
    assert_eq!(found["law"], "us-2024");
    assert_eq!(
        found["runs"],
        json!({ "planned": 40, "finished": 40, "failed": 0, "pending": 0, "damaged": 0 })
    );
    for (group, factor, exponent) in [(0, 1.0, "2"), (1, 3.0, "4.5")] {
        let group = &found["groups"][group];
        assert_eq!(
            group["values"],
            json!([["economy.labor_exponent", exponent]])
        );
        // Baselines appear once, after the planners.
        let names: Vec<&Value> = group["arms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arm| &arm["arm"])
            .collect();
        assert_eq!(names, ["first", "second", "us-2024", "optimal"]);
        near(number(group, "/attainable/mean"), 20.0);
        let first = arm(group, "first");
        near(number(first, "/mean/mean"), 0.75 * factor);
        near(
            number(first, "/against/paired/difference/mean"),
            -1.58 * factor,
        );
        near(
            number(first, "/against/paired/difference/t/low"),
            -2.4598858 * factor,
        );
        near(
            number(first, "/against/paired/difference/t/high"),
            -0.7001142 * factor,
        );
        near(number(first, "/against/paired/p"), 0.00283289);
        near(number(first, "/against/paired/p_sign_flip"), 4.0 / 1024.0);
        near(number(first, "/against/share/share"), -0.079 * factor);
        assert_eq!(first["against"]["verdict"], "lower");
        assert!(arm(group, "second")["against"].is_null());
    }
    // Of six p values that of `optimal` in the second group is the largest, those of `first` come next: 3·p.
    for group in 0..2 {
        let first = arm(&found["groups"][group], "first");
        near(number(first, "/against/p_holm"), 3.0 * 0.00283289);
    }
    // The reference by default: no saez-fixed-point here, so the law.
    let default = answer(&[at]);
    assert_eq!(default["groups"][0]["reference"], "us-2024");
    // What `optimal` has over it is the same in both groups, seed by seed: one comparison of five.
    assert_eq!(
        (&default["family"], &default["copies"]),
        (&json!(5), &json!(1))
    );
    let p = |group: usize, name: &str, which: &str| {
        number(
            arm(&default["groups"][group], name),
            &format!("/against{which}"),
        )
    };
    let mut five: Vec<f64> = ["first", "second"]
        .into_iter()
        .flat_map(|name| [p(0, name, "/paired/p"), p(1, name, "/paired/p")])
        .collect();
    five.push(p(0, "optimal", "/paired/p"));
    five.sort_by(f64::total_cmp);
    for group in 0..2 {
        near(p(group, "optimal", "/p_holm") / (5.0 * five[0]), 1.0);
    }
    let largest = ["first", "second"]
        .into_iter()
        .flat_map(|name| [p(0, name, "/p_holm"), p(1, name, "/p_holm")])
        .fold(0.0, f64::max);
    near(largest / five[4].max(2.0 * five[3]), 1.0);
    let optimal = arm(&default["groups"][0], "optimal");
    assert_eq!(optimal["against"]["share"]["share"], 1.0);
    // Other tax years, another column.
    let mean = |arguments: &[&str]| {
        let found = answer(&[&[at], arguments].concat());
        number(arm(&found["groups"][0], "first"), "/mean/mean")
    };
    near(mean(&["--over", "last-year"]), 1.75);
    near(mean(&["--over", "all"]), (4.0 * 0.75 - 17.0) / 6.0);
    near(mean(&["--outcome", "revenue"]), 1.5);
    let revenue = answer(&[at, "--outcome", "revenue"]);
    assert!(revenue["groups"][0]["attainable"].is_null());
}

#[test]
fn tables_csv_and_latex_hold_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &study());
    let at = folder.path().to_str().unwrap();
    let table = shown(&[at, "--against", "second"]);
    for part in [
        "-1.580",
        "[-2.460, -0.700]",
        "economy.labor_exponent = 4.5",
        "reference",
        "10 seeds",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let csv = shown(&[at, "--against", "second", "--format", "csv"]);
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let heading = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    assert!(rows.len() == 8 && rows.iter().all(|row| row.len() == heading.len()));
    let column = |name: &str| heading.iter().position(|known| *known == name).unwrap();
    let cell = |name: &str| rows[0][column(name)];
    assert_eq!(
        (cell("arm"), cell("n"), cell("verdict")),
        ("first", "10", "lower")
    );
    near(cell("t_low").parse().unwrap(), -2.4598858);
    near(cell("p").parse().unwrap(), 0.00283289);
    let latex = shown(&[at, "--against", "second", "--format", "latex"]);
    let expected = r"first$^{\dagger}$ & 10 & $0.750$ & $-1.580$ & $[-2.460,\;-0.700]$ &";
    assert!(latex.contains(expected), "{latex}");
    for part in [
        "\\toprule",
        "\\midrule",
        "\\bottomrule",
        "$^{\\dagger}$ Not settled",
        "economy.labor\\_exponent = 4.5",
        "95\\,\\% CI",
    ] {
        assert!(latex.contains(part), "{part}: {latex}");
    }
    // As many cells in every row as columns.
    let cells = |line: &str| line.matches(" & ").count() + 1;
    assert!(
        latex
            .lines()
            .filter(|line| line.contains(" & "))
            .all(|line| cells(line) == 9)
    );
}

#[test]
fn failed_pending_and_damaged_runs_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = study();
    made[3].status = "failed";
    made[4].status = "pending";
    write(folder.path(), &made);
    let part = folder
        .path()
        .join(format!("years.parquet/{:016x}.parquet", 6));
    let bytes = std::fs::read(&part).unwrap();
    std::fs::write(&part, &bytes[..bytes.len() / 2]).unwrap();
    let at = folder.path().to_str().unwrap();
    let found = answer(&[at, "--against", "second"]);
    assert_eq!(
        found["runs"],
        json!({ "planned": 40, "finished": 37, "failed": 1, "pending": 1, "damaged": 1 })
    );
    let first = arm(&found["groups"][0], "first");
    assert_eq!(first["against"]["paired"]["difference"]["n"], 7);
    assert_eq!(first["against"]["paired"]["difference"]["dropped"], 3);
    // Baselines of those seeds are in the other planner's runs.
    assert_eq!(arm(&found["groups"][0], "optimal")["mean"]["n"], 10);
    let text = warnings(&found);
    for part in [
        "1 of 40 runs failed: play: the model went away; their arms lack these seeds",
        "economy.labor_exponent = 2: first 7 of 10, over which the mean of second is 2.54",
        "1 of 40 runs have not been played yet",
        "0000000000000006: its table cannot be read",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The row holds n and means of the pairs, by hand: without the fourth, fifth and seventh seed.
    let csv = shown(&[at, "--against", "second", "--format", "csv"]);
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (heading, first) = (lines.next().unwrap(), lines.next().unwrap());
    let cell = |name: &str| first[heading.iter().position(|known| *known == name).unwrap()];
    let value = |name: &str| cell(name).parse::<f64>().unwrap();
    assert_eq!(
        (cell("arm"), cell("n"), cell("dropped")),
        ("first", "7", "3")
    );
    near(value("mean"), (7.5 - 2.4) / 7.0);
    near(value("reference_mean"), (23.3 - 5.5) / 7.0);
    near(value("difference"), value("mean") - value("reference_mean"));
    let table = shown(&[at, "--against", "second"]);
    let row = table
        .lines()
        .find(|line| line.starts_with("first "))
        .unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[1], "7*", "{table}");
    near(cells[2].parse::<f64>().unwrap(), 0.729);
    let latex = shown(&[at, "--against", "second", "--format", "latex"]);
    assert!(latex.contains(r"& 7$^{\ast}$ & $0.729$ &"), "{latex}");
    assert!(latex.contains(r"first (economy.labor\_exponent = 2): 7 of 10 seeds, over which the mean of second is $2.543$."), "{latex}");
}

#[test]
fn the_law_of_compare_is_where_gains_begin() {
    // One planner is a law itself, and comes first.
    let folder = tempfile::tempdir().unwrap();
    let mut made = study();
    for run in made.iter_mut().filter(|run| run.kind == "first") {
        run.kind = "us-1979";
        run.arms[0].0 = "us-1979";
    }
    write(folder.path(), &made);
    let at = folder.path().to_str().unwrap();
    let found = answer(&[at, "--against", "second"]);
    assert_eq!(found["law"], "us-2024");
    near(number(&found["groups"][0], "/attainable/mean"), 20.0);
    let table = shown(&[at, "--against", "second"]);
    assert!(
        table.contains("attainable gain (optimal less us-2024)"),
        "{table}"
    );
}

#[test]
fn planners_with_the_same_schedules_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = study();
    for run in made
        .iter_mut()
        .filter(|run| run.kind == "second" && run.exponent == 2.0)
    {
        run.arms[0].2 = FIRST[run.seed];
    }
    write(folder.path(), &made);
    let found = answer(&[folder.path().to_str().unwrap()]);
    let text = warnings(&found);
    assert!(
        text.contains("the same schedules in every tax year of every seed"),
        "{text}"
    );
    assert!(
        text.contains("(economy.labor_exponent = 2: first and second)"),
        "{text}"
    );
    // One seed that differs is enough.
    made[20].arms[0].2 += 1.0;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &made);
    let text = warnings(&answer(&[folder.path().to_str().unwrap()]));
    assert!(!text.contains("the same schedules"), "{text}");
}

#[test]
fn what_must_be_said_beside_the_numbers() {
    // The law differs between two planners' runs of one seed.
    let folder = tempfile::tempdir().unwrap();
    let mut made = study();
    made[25].arms[1].2 = -10.5;
    write(folder.path(), &made);
    let found = answer(&[folder.path().to_str().unwrap()]);
    let text = warnings(&found);
    assert!(
        text.contains("us-2024 differs between runs of one seed (1 times)"),
        "{text}"
    );

    // Too wide: Student's data shuffled, beside an attainable gain of 20.
    let folder = tempfile::tempdir().unwrap();
    let mut made = study();
    for (at, run) in made.iter_mut().enumerate().skip(20).take(10) {
        run.arms[0].2 = FIRST[(at + 5) % 10] + 0.1;
    }
    write(folder.path(), &made);
    let found = answer(&[folder.path().to_str().unwrap(), "--against", "second"]);
    let first = &arm(&found["groups"][0], "first")["against"];
    assert_eq!(first["verdict"], "too-wide");
    // By hand: n with t·s/√n ≤ 1.
    let s = number(first, "/paired/difference/deviation");
    let n = number(first, "/seeds_needed");
    assert!(
        1.96 * s / n.sqrt() <= 1.0 && 2.3 * s / (n - 1.0).sqrt() > 1.0,
        "{s} {n}"
    );
    let text = warnings(&found);
    assert!(
        text.contains("too wide to say") && text.contains("exponent = 2: first"),
        "{text}"
    );
    assert!(
        text.contains("seeds would narrow the widest to ±5 %"),
        "{text}"
    );
    // Revenue has no attainable gain, so no margin to plan for: the difference seen is none.
    let revenue = answer(&[
        folder.path().to_str().unwrap(),
        "--against",
        "second",
        "--outcome",
        "revenue",
    ]);
    let first = &arm(&revenue["groups"][0], "first")["against"];
    assert_eq!(first["verdict"], "too-wide");
    assert!(first["seeds_needed"].is_null());
    assert!(!warnings(&revenue).contains("would narrow"), "{revenue}");

    // One seed.
    let folder = tempfile::tempdir().unwrap();
    let one: Vec<Made> = study().into_iter().filter(|run| run.seed == 0).collect();
    write(folder.path(), &one);
    let found = answer(&[folder.path().to_str().unwrap(), "--against", "second"]);
    let first = &arm(&found["groups"][0], "first")["against"];
    assert!(first["paired"]["difference"]["t"].is_null() && first["paired"]["p"].is_null());
    assert_eq!(first["verdict"], "one-seed");
    assert!(warnings(&found).contains("one seed: no interval"));

    // Nothing random: every seed the same.
    let folder = tempfile::tempdir().unwrap();
    let mut same = study();
    for run in &mut same {
        run.arms.truncate(1);
        run.arms[0].2 = if run.kind == "first" { 1.0 } else { 2.0 };
    }
    write(folder.path(), &same);
    let found = answer(&[folder.path().to_str().unwrap(), "--against", "second"]);
    let difference = &arm(&found["groups"][0], "first")["against"]["paired"]["difference"];
    assert_eq!(
        (
            number(difference, "/mean"),
            number(difference, "/standard_error")
        ),
        (-1.0, 0.0)
    );
    assert!(warnings(&found).contains("all seeds give the same outcome"));
}

/// Along another key, the arms are its values and each planner has its group.
#[test]
fn along_a_key() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &study());
    let at = folder.path().to_str().unwrap();
    let found = answer(&[at, "--by", "economy.labor_exponent"]);
    assert_eq!(
        found["groups"][1]["values"],
        json!([["planner.kind", "second"]])
    );
    let group = &found["groups"][1];
    assert_eq!(group["reference"], "2");
    // 3·second − second.
    near(
        number(arm(group, "4.5"), "/against/paired/difference/mean"),
        2.0 * 2.33,
    );
    // Under another exponent welfare is another measure.
    assert!(group["attainable"].is_null());
    let both = answer(&[at, "--by", "arm", "--by", "economy.labor_exponent"]);
    assert_eq!(both["groups"].as_array().unwrap().len(), 1);
    assert_eq!(both["groups"][0]["arms"].as_array().unwrap().len(), 8);
    arm(&both["groups"][0], "first, economy.labor_exponent = 4.5");
    let error = refused(&[at, "--by", "economy.labour_exponent"]);
    assert!(
        error.contains("did you mean `economy.labor_exponent`"),
        "{error}"
    );
    let error = refused(&[at, "--against", "secnd"]);
    assert!(error.contains("did you mean `second`"), "{error}");
    let error = refused(&[at, "--outcome", "welfar"]);
    assert!(error.contains("did you mean `welfare`"), "{error}");
    refused(&[at, "--outcome", "arm"]);
    refused(&[at, "--level", "95"]);
    refused(&[at, "--margin", "-0.1"]);
    refused(&[at, "--over", "last-step"]);
}

/// A planner of the same name in two variants has two names; the baseline that equals a run's own planner
/// is that arm.
#[test]
fn names_of_arms() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = study();
    for run in &mut made {
        let own = run.arms[0].2;
        let kind = run.kind;
        // The planner is called `llm` in all runs.
        run.arms[0] = ("llm", true, own);
        if kind == "second" {
            run.kind = "{ llm = { memory = 3 } }";
        }
    }
    // And the law plays a point of its own, as in the others' [compare].
    let laws = made
        .iter()
        .filter(|run| run.kind == "first")
        .cloned()
        .collect::<Vec<_>>();
    made.extend(laws.into_iter().map(|run| Made {
        kind: "us-2024",
        arms: vec![("us-2024", true, -10.0), run.arms[2]],
        ..run
    }));
    write(folder.path(), &made);
    let found = answer(&[folder.path().to_str().unwrap()]);
    let names: Vec<&str> = (found["groups"][0]["arms"].as_array().unwrap().iter())
        .map(|arm| arm["arm"].as_str().unwrap())
        .collect();
    let expected = [
        "llm (kind = first)",
        "llm (kind = { llm = { memory = 3 } })",
        "us-2024",
        "optimal",
    ];
    assert_eq!(names, expected);
    assert_eq!(found["groups"][0]["reference"], "us-2024");
}

fn rational() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/rational.toml")
}

fn played(out: &Path, settings: &[&str]) -> String {
    let scenario = rational();
    let mut arguments = vec![
        "run",
        "--quiet",
        scenario.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let wages = [
        "population.size=40",
        "population.wages=\"gb2\"",
        "steps=12",
        "record.workers_every=0",
    ];
    for setting in wages.iter().chain(settings) {
        arguments.extend(["--set", setting]);
    }
    let output = fisc(&arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    out.to_str().unwrap().to_owned()
}

#[test]
fn finished_runs_of_one_scenario() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let seeds = ["seed=1", "seed=2", "seed=3"];
    let runs: Vec<String> = seeds
        .iter()
        .map(|seed| played(&at(seed), &[seed]))
        .collect();
    let folders: Vec<&str> = runs.iter().map(String::as_str).collect();
    let found = answer(&[&folders[..], &["--over", "last-year"]].concat());
    let group = &found["groups"][0];
    assert_eq!(
        (&found["name"], &group["reference"]),
        (&json!("rational"), &json!("saez-fixed-point"))
    );
    // The mean of what the runs' own summaries say.
    let summaries: Vec<Value> = (runs.iter())
        .map(|run| {
            let text = std::fs::read_to_string(Path::new(run).join("summary.json")).unwrap();
            serde_json::from_str(&text).unwrap()
        })
        .collect();
    for name in ["optimal", "us-2024", "flat", "saez-static"] {
        let each = summaries
            .iter()
            .map(|summary| number(arm(summary, name), "/difference_to/saez-fixed-point"));
        let expected = each.sum::<f64>() / 3.0;
        near(
            number(arm(group, name), "/against/paired/difference/mean"),
            expected,
        );
    }
    near(number(arm(group, "optimal"), "/against/paired/higher"), 1.0);
    assert_eq!(group["unit"], "$/year");

    let error = refused(&["nowhere/at/all"]);
    assert!(error.contains("no such folder"), "{error}");
    let error = refused(&[root.path().to_str().unwrap()]);
    assert!(error.contains("neither a run nor a sweep"), "{error}");
    let error = refused(&[folders[0], folders[1], folders[0]]);
    assert!(error.contains("same seed twice"), "{error}");
    let error = refused(&[&folders[..], &["--against", "saez-fixd-point"]].concat());
    assert!(error.contains("did you mean `saez-fixed-point`"), "{error}");
    let error = refused(&[&folders[..], &["--outcome", "gini_incom"]].concat());
    assert!(error.contains("did you mean `gini_income`"), "{error}");

    // Another scenario: refused, unless the key is what is compared.
    let other = played(&at("other"), &["seed=1", "economy.labor_exponent=3.0"]);
    let error = refused(&[folders[0], &other]);
    assert!(
        error.contains("different scenarios") && error.contains("economy.labor_exponent"),
        "{error}"
    );
    let along = answer(&[folders[0], &other, "--by", "economy.labor_exponent"]);
    assert_eq!(along["groups"][0]["arms"].as_array().unwrap().len(), 2);
    let error = refused(&[folders[0], &other, "--by", "economy.labor_exponnt"]);
    assert!(
        error.contains("did you mean `economy.labor_exponent`"),
        "{error}"
    );

    // A sweep among runs; a run that was interrupted.
    let sweep = at("sweep");
    std::fs::create_dir(&sweep).unwrap();
    write(&sweep, &study());
    let error = refused(&[folders[0], sweep.to_str().unwrap()]);
    assert!(error.contains("either sweeps or runs"), "{error}");
    std::fs::remove_file(Path::new(folders[2]).join("manifest.json")).unwrap();
    let error = refused(&folders);
    assert!(
        error.contains("an unfinished run") && error.contains("repeat its `fisc run`"),
        "{error}"
    );
}

/// A sweep as `fisc sweep` writes it; welfare under different objectives is not compared.
#[test]
fn a_real_sweep() {
    let root = tempfile::tempdir().unwrap();
    let base = "name = \"base\"\nsteps = 12\ntax_year = 2\npopulation = { size = 40, wages = \"gb2\" }\n\
                taxes = { brackets = \"three\", initial = [0.12, 0.22, 0.35] }\n\
                compare = { planners = [\"us-2024\", \"optimal\"] }\nrecord = { workers_every = 0 }\n";
    let sweep = "name = \"s\"\nbase = \"base.toml\"\nseeds = 5\n[grid]\n\
                 planner.kind = [\"none\", \"saez-fixed-point\"]\n\
                 objective.welfare = [\"inverse_wage\", \"rawlsian\"]\n";
    std::fs::write(root.path().join("base.toml"), base).unwrap();
    std::fs::write(root.path().join("s.toml"), sweep).unwrap();
    let out = root.path().join("out");
    let file = root.path().join("s.toml");
    let arguments = [
        "sweep",
        file.to_str().unwrap(),
        "--quiet",
        "--jobs",
        "2",
        "--out",
        out.to_str().unwrap(),
    ];
    let output = fisc(&arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let at = out.to_str().unwrap();
    let found = answer(&[at]);
    assert_eq!(found["groups"].as_array().unwrap().len(), 2);
    for group in found["groups"].as_array().unwrap() {
        assert_eq!(
            (&group["seeds"], &group["reference"]),
            (&json!(5), &json!("saez-fixed-point"))
        );
        // Baselines are the same in all runs of a seed: common random numbers.
        assert_eq!(group["arms"].as_array().unwrap().len(), 4);
        let optimal = arm(group, "optimal");
        assert_eq!(optimal["against"]["paired"]["difference"]["n"], 5);
        assert!(number(optimal, "/against/paired/difference/mean") >= 0.0);
        let share = number(arm(group, "none"), "/against/share/share");
        assert!(share < 0.0, "{share}");
    }
    assert!(!warnings(&found).contains("differs between runs"));
    let error = refused(&[at, "--by", "objective.welfare"]);
    assert!(
        error.contains("different objectives") && error.contains("welfare_utilitarian"),
        "{error}"
    );
    answer(&[
        at,
        "--by",
        "objective.welfare",
        "--outcome",
        "gini_disposable",
    ]);
}

/// Common random numbers: over ten seeds the difference of two planners varies much less than if each
/// had its own workers.
#[test]
fn pairing_gains_precision() {
    let wages = |seed: u64| {
        let settings = [
            "population.size=100".to_owned(),
            "population.wages=\"gb2\"".to_owned(),
            "steps=8".to_owned(),
            "record.workers_every=0".to_owned(),
            "planner.kind=\"saez-fixed-point\"".to_owned(),
            "compare.planners=[\"saez-static\"]".to_owned(),
            format!("seed={seed}"),
        ];
        let scenario = fisc::scenario::load(&rational(), &settings).unwrap();
        let arms = Simulation::new(scenario)
            .unwrap()
            .play(Default::default(), &|_| {})
            .unwrap()
            .0;
        [0, 1].map(|arm| arms[arm].years.last().unwrap().welfare)
    };
    let outcomes: Vec<[f64; 2]> = (1..=10).map(wages).collect();
    let each = |arm: usize| outcomes.iter().map(|run| run[arm]).collect::<Vec<f64>>();
    let settings = Settings::default();
    let paired = Paired::of(&each(0), &each(1), &settings).unwrap();
    let unpaired = Unpaired::of(&each(0), &each(1), &settings).unwrap();
    let errors = (
        paired.difference.standard_error.unwrap(),
        unpaired.standard_error,
    );
    println!("standard errors: {errors:?}, {paired:?}");
    assert!(errors.0 > 0.0 && errors.0 < 0.2 * errors.1, "{errors:?}");
    // The same seeds in another order are other workers: nothing is gained.
    let mut turned = each(1);
    turned.rotate_left(3);
    let apart = Paired::of(&each(0), &turned, &settings).unwrap();
    let error = apart.difference.standard_error.unwrap();
    assert!(error > 0.6 * unpaired.standard_error, "{error}");
    near(
        paired.variance_ratio.unwrap(),
        (errors.1 / errors.0).powi(2),
    );
}

/// Keys that a `[[list]]` varies together make one comparison, not a group for each value.
#[test]
fn keys_that_vary_together_are_compared_together() {
    let root = tempfile::tempdir().unwrap();
    let base = "name = \"base\"\nsteps = 4\ntax_year = 2\npopulation = { size = 20, wages = \"gb2\" }\n\
                taxes = { brackets = \"three\", initial = [0.12, 0.22, 0.35] }\n\
                planner = { kind = \"us-2024\" }\nrecord = { workers_every = 0 }\n";
    let sweep = "name = \"s\"\nbase = \"base.toml\"\nseeds = 3\n[grid]\neconomy.labor_exponent = [2.5, 3.5]\n\
                 [[list]]\nsteps = 4\ntax_year = 2\n[[list]]\nsteps = 6\ntax_year = 3\n";
    std::fs::write(root.path().join("base.toml"), base).unwrap();
    std::fs::write(root.path().join("s.toml"), sweep).unwrap();
    let (file, out) = (root.path().join("s.toml"), root.path().join("out"));
    let [file, out] = [&file, &out].map(|path| path.to_str().unwrap());
    let output = fisc(&["sweep", file, "--quiet", "--out", out]);
    assert!(output.status.success());
    let found = answer(&[out, "--by", "tax_year"]);
    // One group for each exponent, in each the two tax years.
    let groups = found["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "{found}");
    for group in groups {
        assert_eq!(group["arms"].as_array().unwrap().len(), 2, "{group}");
    }
}

/// As after `--shard 1/2`: each seed has the planner's own run or another's in which it stands in [compare].
#[test]
fn a_planner_is_one_arm_before_its_sweep_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = study();
    for run in &mut made {
        let own = run.seed < 5;
        if (run.kind == "first") == own {
            if run.kind == "second" {
                run.arms.push(("first", false, FIRST[run.seed]));
            }
        } else {
            run.status = "pending";
        }
    }
    made.retain(|run| run.exponent == 2.0);
    write(folder.path(), &made);
    let found = answer(&[folder.path().to_str().unwrap()]);
    let first = arm(&found["groups"][0], "first");
    near(number(first, "/mean/mean"), 0.75);
    assert_eq!(first["mean"]["n"], 10);
    let text = warnings(&found);
    assert!(text.contains("first: its own runs"), "{text}");
    assert!(
        text.contains("one arm (5 outcomes from [compare])"),
        "{text}"
    );
    assert!(!found.to_string().contains("first [compare]"), "{found}");
}

#[test]
fn a_verdict_says_what_is_small_and_what_holm_does_not_support() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &study());
    let at = folder.path().to_str().unwrap();
    // The interval [-2.46, -0.70] against 5 % and 20 % of a gain of 20.
    let table = |arguments: &[&str]| shown(&[&[at, "--against", "second"], arguments].concat());
    let plain = table(&[]);
    assert!(
        plain.contains("  lower\n") && !plain.contains("within ±5 %\n"),
        "{plain}"
    );
    let wide = table(&["--margin", "0.2"]);
    assert!(wide.contains("  lower, within ±20 %\n"), "{wide}");
    // p = 0.0028, by Holm 0.0085.
    let strict = table(&["--level", "0.995"]);
    assert!(strict.contains("  lower (not by Holm's p)\n"), "{strict}");
    let csv = table(&["--margin", "0.2", "--format", "csv"]);
    assert!(csv.contains("\"lower, within ±20 %\""), "{csv}");
    assert!(csv.starts_with("economy_labor_exponent,"), "{csv}");
}

#[test]
fn keys_and_arms_may_be_spelled_in_two_ways() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &study());
    let at = folder.path().to_str().unwrap();
    let one = answer(&[at, "--by", "economy.labor_exponent", "--against", "2"]);
    let other = answer(&[at, "--by", "economy_labor_exponent", "--against", "2.0"]);
    assert_eq!(one, other);
    let close = refused(&[at, "--by", "economy_labour_exponent"]);
    assert!(close.contains("did you mean `economy"), "{close}");
    // Welfare under another exponent is another measure.
    assert!(warnings(&one).contains("not comparable across values of economy.labor_exponent"));
    assert!(one["groups"][0]["attainable"].is_null());
    let revenue = answer(&[at, "--by", "economy.labor_exponent", "--outcome", "revenue"]);
    assert!(!warnings(&revenue).contains("not comparable"));
    // Of combinations, the first that holds the default; names with commas stand in quotes.
    let both = [at, "--by", "arm", "--by", "economy.labor_exponent"];
    let found = answer(&both);
    assert_eq!(
        found["groups"][0]["reference"],
        "us-2024, economy.labor_exponent = 2"
    );
    let quoted = refused(&[&both[..], &["--against", "x"]].concat());
    assert!(
        quoted.contains("\"us-2024, economy.labor_exponent = 2\", "),
        "{quoted}"
    );
}

#[test]
fn arms_without_a_value_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = study();
    for run in &mut made {
        run.arms[1].2 = f64::NAN;
    }
    write(folder.path(), &made);
    let found = answer(&[folder.path().to_str().unwrap()]);
    let text = warnings(&found);
    assert!(
        text.contains("`welfare` has no value in these arms"),
        "{text}"
    );
    assert!(text.contains("us-2024"), "{text}");
}

#[test]
fn a_sweep_without_a_plan_is_told_how_to_get_it_back() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &study());
    std::fs::create_dir(folder.path().join("runs")).unwrap();
    let at = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("plan.json"), "{\"name\": ").unwrap();
    assert!(refused(&[at]).contains("repeat its `fisc sweep` command"));
    std::fs::remove_file(folder.path().join("plan.json")).unwrap();
    assert!(refused(&[at]).contains("repeat its `fisc sweep` command"));
}
