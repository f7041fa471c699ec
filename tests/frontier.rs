//! Several objectives at once on the wages of `scenarios/rational.toml`, against brute force.

use assert_cmd::Command;
use fisc::fiscal::optimum::Constraints;
use fisc::fiscal::uncertain::{Effort, Frontier, ObjectiveSet, Verdict, frontier};
use fisc::fiscal::{Objective, Schedule, Society, laws};
use fisc::run::Simulation;
use fisc::scenario;
use std::path::{Path, PathBuf};

const EDGES: [f64; 3] = [0.0, 90_000.0, 159_100.0];
const CREDENCE: [f64; 3] = [0.5, 0.3, 0.2];

/// Steps of a rate on the grid: 21³ schedules.
const STEPS: u32 = 20;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(name)
}

fn rational() -> Simulation {
    let settings = ["taxes.brackets=three", "taxes.initial=0.25"].map(str::to_owned);
    Simulation::new(scenario::load(&file("rational.toml"), &settings).unwrap()).unwrap()
}

fn grid() -> impl Iterator<Item = Schedule> {
    let rates = || (0..=STEPS).map(|i| f64::from(i) / f64::from(STEPS));
    rates().flat_map(move |a| {
        rates().flat_map(move |b| rates().map(move |c| Schedule::new(&EDGES, &[a, b, c]).unwrap()))
    })
}

fn explored(society: &Society, set: &ObjectiveSet) -> Frontier {
    let us = laws::find("us-2024").unwrap();
    let constraints = Constraints::default();
    frontier(
        set,
        society,
        &EDGES,
        us,
        &[],
        &constraints,
        Effort::default(),
    )
    .unwrap()
}

/// Three objectives in conflict, three times: no schedule of the grid dominates a point of the
/// frontier by more than a thousandth of an attainable gain; every optimum is on it; no schedule of
/// the grid has less maximal or expected regret; and every schedule of the grid has a point of the
/// frontier that under each objective is at most 7 % of its range worse.
#[test]
fn the_frontier_withstands_brute_force() {
    let simulation = rational();
    let society = simulation.counterpart();
    for third in [
        Objective::Rawlsian,
        Objective::Atkinson { epsilon: 2.0 },
        Objective::Pareto {
            weights: vec![1.0, 3.0, 1.0],
        },
    ] {
        let objectives = vec![
            Objective::Utilitarian,
            Objective::InverseWage,
            third.clone(),
        ];
        let set = ObjectiveSet::new(objectives).unwrap();
        let set = set.with_credence(&CREDENCE).unwrap();
        let found = explored(society, &set);
        let range: Vec<f64> = (0..3)
            .map(|k| found.optima.iter().map(|o| o.regret[k]).fold(0.0, f64::max))
            .collect();

        for (k, optimum) in found.optima.iter().enumerate() {
            assert!(found.points.contains(optimum), "{third:?}: {optimum:?}");
            let best = fisc::fiscal::optimum::optimum(
                society,
                &EDGES,
                &set.objectives()[k],
                &[],
                false,
                fisc::fiscal::optimum::Effort::default(),
            );
            assert!(optimum.welfare[k] >= best.welfare);
        }
        for a in &found.points {
            for b in &found.points {
                let dominated = (a.welfare.iter().zip(&b.welfare)).all(|(a, b)| a <= b);
                assert!(!dominated || a == b, "{a:?}\n{b:?}");
            }
        }

        let (mut least_worst, mut least_expected) = (f64::INFINITY, f64::INFINITY);
        let mut farthest = 0.0f64;
        for schedule in grid() {
            let point = found.judge(&set, society, &schedule);
            least_worst = least_worst.min(point.worst_regret());
            least_expected = least_expected.min(point.expected_regret(&CREDENCE));
            let mut nearest = f64::INFINITY;
            for on in &found.points {
                let gains: Vec<f64> = (on.regret.iter().zip(&point.regret))
                    .map(|(on, off)| on - off)
                    .collect();
                let dominated = gains.iter().all(|g| *g >= 0.0) && gains.iter().any(|g| *g > 1e-3);
                assert!(!dominated, "{third:?}: {on:?}\n{point:?}");
                let excess = gains.iter().zip(&range).map(|(gain, range)| gain / range);
                nearest = nearest.min(excess.fold(f64::NEG_INFINITY, f64::max));
            }
            farthest = farthest.max(nearest);
        }
        assert!(found.minimax.worst_regret() <= least_worst, "{third:?}");
        let expected = found.expected.as_ref().unwrap();
        assert!(
            expected.expected_regret(&CREDENCE) <= least_expected,
            "{third:?}"
        );
        assert!(farthest < 0.07, "{third:?}: {farthest}");
    }
}

/// The order of schedules against welfare functions worked out by hand from every worker's utility.
#[test]
fn verdicts_follow_from_utilities() {
    let simulation = rational();
    let society = simulation.counterpart();
    let set = ObjectiveSet::new(vec![Objective::Utilitarian, Objective::Rawlsian]).unwrap();
    let set = set.with_credence(&[3.0, 1.0]).unwrap();
    let schedules = [0.0, 0.2, 0.5, 0.9].map(|rate| Schedule::flat(rate).unwrap());
    for a in &schedules {
        for b in &schedules {
            let [of_a, of_b] = [a, b].map(|schedule| {
                let utility = society.outcome(schedule).utility;
                let mean = utility.iter().sum::<f64>() / utility.len() as f64;
                (mean, utility.iter().copied().fold(f64::INFINITY, f64::min))
            });
            let found = set.compare(&set.welfare(society, a), &set.welfare(society, b));
            let verdict = match (of_a.0 > of_b.0, of_a.1 > of_b.1) {
                _ if a == b => Verdict::Equal,
                (true, true) => Verdict::Better,
                (false, false) => Verdict::Worse,
                _ => Verdict::Undecided,
            };
            let share = |above: bool| f64::from(u8::from(above));
            let probability = match verdict {
                Verdict::Equal => 0.5,
                _ => 0.75 * share(of_a.0 > of_b.0) + 0.25 * share(of_a.1 > of_b.1),
            };
            assert_eq!(found.verdict, verdict, "{a} {b}");
            assert_eq!(found.probability, Some(probability), "{a} {b}");
        }
    }
}

fn fisc(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("fisc")
        .unwrap()
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn the_command_prints_tables_and_json() {
    let path = file("uncertain.toml");
    let path = path.to_str().unwrap();
    let small = [
        "--set",
        "population.size=60",
        "--set",
        "taxes.brackets=three",
        "--set",
        "taxes.initial=0.25",
    ];
    let with = |more: &[&str]| fisc(&[&["frontier", path], &small[..], more].concat());

    let (code, table, error) = with(&["--compare", "us-2013", "0:0.3"]);
    assert_eq!((code, error.as_str()), (0, ""));
    for part in [
        "minimax-regret",
        "expected-regret",
        "undominated schedules",
        "us-2013 against 0:0.3: ",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }

    let (code, text, _) = with(&["--format", "json", "--compare", "us-2013", "us-2013"]);
    assert_eq!(code, 0);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let last = value["comparisons"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["verdict"], &last["probability"]),
        (&"equal".into(), &0.5.into())
    );
    let schedules = value["schedules"].as_array().unwrap();
    let points = value["frontier"].as_array().unwrap();
    for named in &schedules[..5] {
        assert!(
            points.iter().any(|point| point["rates"] == named["rates"]),
            "{named}"
        );
    }
    let us = schedules.iter().find(|s| s["name"] == "us-2024").unwrap();
    assert_eq!(us["regret"], serde_json::json!([1.0, 1.0, 1.0]));

    // A partial order of other objectives has no probabilities.
    let (code, text, _) = with(&["--among", "utilitarian,rank", "--format", "json"]);
    assert_eq!(code, 0);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value["comparisons"][0]["probability"].is_null());
    assert_eq!(value["objectives"][1]["name"], "rank");
}

#[test]
fn wrong_requests_are_refused() {
    let path = file("rational.toml");
    let path = path.to_str().unwrap();
    for (more, part) in [
        (&[][..], "no objectives to weigh"),
        (&["--among", "nash,rawls"], "did you mean `rawlsian`?"),
        (&["--among", "nash"], "two or more"),
        (&["--among", "nash,rank", "--credence", "1"], "1 credences"),
        (
            &["--among", "nash,rank", "--baseline", "us-2042"],
            "us-2042",
        ),
        (
            &["--among", "utilitarian,nash", "--baseline", "0:0"],
            "gains nothing on the baseline",
        ),
    ] {
        let (code, _, error) = fisc(&[&["frontier", path], more].concat());
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(part), "{part}: {error}");
    }
}
