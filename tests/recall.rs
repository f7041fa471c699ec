//! What workers remember where that is what is useful, with a planted model of which it is known what
//! helps it: it works 20 hours, but 40 where it is shown a period under the tax of today, and sees
//! nothing else.

mod common;

use bevy_ecs::schedule::{LogLevel, ScheduleBuildSettings};
use common::{log_probs, numbers, play_with, simulation};
use fisc::llm::{Message, Reading, Readout};
use fisc::run::{ArmResult, arm};
use fisc::world::Step;
use fisc::world::asking::Models;
use fisc::world::record::Decision;

const SCENARIO: &str = r#"
name = "recall"
seed = 1
tax_year = 1
[taxes]
brackets = "flat"
initial = 0.1
[planner]
kind = { llm = { model = "small" } }
[models.small]
backend = { gguf = { model = "smollm2-135m" } }
"#;

/// Workers with `memory` under a flat tax of these percentages, year by year.
fn played(
    memory: &str,
    percent: &'static [u32],
    wages: &[f64],
    judge: impl Fn(&[bool]) -> Vec<f64> + Send + 'static,
) -> ArmResult {
    let steps = percent.len();
    let text = format!(
        "steps = {steps}\n{SCENARIO}\n[[workers]]\ndecide = {{ llm = {{ model = \"small\", choice = \"mode\", memory = {memory} }} }}"
    );
    let mut year = 0;
    let model = move |messages: &[Message], readout: &Readout| match readout {
        Readout::Sample { .. } => {
            year += 1;
            Reading::Text {
                text: percent[year].to_string(),
                truncated: false,
            }
        }
        Readout::Choice { options } => {
            let system = &messages[0].content;
            let today = system.split("all ").nth(1).unwrap();
            let today: f64 = today.split(" %").next().unwrap().parse().unwrap();
            let income = numbers(messages, "income $");
            let tax = numbers(messages, ", tax $");
            let each = income.iter().zip(tax);
            let same: Vec<bool> = each
                .map(|(z, t)| (100.0 * t / z - today).abs() < 1.0)
                .collect();
            if system.contains("record that helps") {
                return log_probs(&judge(&same));
            }
            let hours = if same.contains(&true) { "40" } else { "20" };
            let p = options.iter().map(|option| match option.as_str() {
                "0" => 0.1,
                option if option == hours => 0.9,
                _ => 1e-30,
            });
            log_probs(&p.collect::<Vec<_>>())
        }
    };
    play_with(&simulation(&text, wages), model).remove(0)
}

fn unasked(_: &[bool]) -> Vec<f64> {
    panic!("nobody asks the judge")
}

fn hours(arm: &ArmResult, step: u32) -> Vec<f64> {
    let rows = arm.workers.step.iter().zip(&arm.workers.panel.labor);
    rows.filter(|(s, _)| **s == step).map(|(_, l)| *l).collect()
}

fn asked<'a>(arm: &'a ArmResult, question: &'a str) -> impl Iterator<Item = &'a Decision> {
    arm.decisions.iter().filter(move |d| d.question == question)
}

/// 0.9·(u(40) − u(20)) at 20 $/hour, in closed form: 52·20·(1 − τ)·20 − 52·0.0005·(40^3.5 − 20^3.5).
fn worth(rate: f64) -> f64 {
    let pay = 52.0 * 20.0 * (1.0 - rate) * 20.0;
    0.9 * (pay - 0.026 * (40f64.powf(3.5) - 20f64.powf(3.5)))
}

/// 10 % again after three years of 70 %. The record of year 1 is worth 0.9·(u(40) − u(20)) > 0 in year
/// 5, and the two last periods do not hold it; records under 70 % make the model work to its own harm in
/// years 3 and 4, and the two last periods hold these.
#[test]
fn useful_records_are_found_where_the_last_miss_them() {
    let percent = &[10, 70, 70, 70, 10];
    let useful = played("{ useful = { records = 2 } }", percent, &[20.0], unasked);
    let last = played("2", percent, &[20.0], unasked);
    let path = |arm: &ArmResult| [1, 2, 3, 4, 5].map(|step| hours(arm, step)[0]);
    assert_eq!(path(&useful), [20.0, 20.0, 20.0, 20.0, 40.0]);
    assert_eq!(path(&last), [20.0, 20.0, 40.0, 40.0, 20.0]);
    // In each year one question without a record and one with each.
    let measured: Vec<&Decision> = asked(&useful, "memory").collect();
    assert_eq!(measured.len(), 2 + 3 + 4 + 5);
    let mut without = f64::NAN;
    let mut sum = 0.0;
    for decision in &measured {
        let utility = decision.utility_expected.unwrap();
        let Some(record) = decision.record else {
            without = utility;
            continue;
        };
        let expected = match (decision.step, record) {
            (5, 1) => worth(0.1),
            (3 | 4, 2 | 3) => worth(0.7),
            _ => 0.0,
        };
        // Answers are kept to a ten-thousandth of a nat.
        assert!(
            (utility - without - expected).abs() < 3.0,
            "{decision:?} {without}"
        );
        sum += expected;
    }
    assert!(worth(0.1) > 8_000.0 && worth(0.7) < -3_000.0);
    let noted = useful.notes.iter().find(|n| n.contains("useful memory"));
    let noted = noted.unwrap();
    assert!(
        noted.contains("14 questions besides those for hours; 1 of 10 records looked at entered prompts (10.0 %)"),
        "{noted}"
    );
    let told = |before: &str| -> f64 {
        let rest = noted.split(before).nth(1).unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    assert!((told("on average: ") - sum / 10.0).abs() < 1.0, "{noted}");
    assert!((told("of all, ") - worth(0.1)).abs() < 3.0, "{noted}");
    assert_eq!(asked(&last, "memory").count(), 0);
    assert!(last.notes.iter().all(|n| !n.contains("memory")));
}

/// `considered = 3` loses sight of the record of year 1 and saves the questions about it.
#[test]
fn what_is_not_considered_is_not_asked_about() {
    let percent = &[10, 70, 70, 70, 10];
    let memory = "{ useful = { considered = 3 } }";
    let arm = played(memory, percent, &[20.0], unasked);
    assert_eq!(hours(&arm, 5), [20.0]);
    assert_eq!(asked(&arm, "memory").count(), 2 + 3 + 4 + 4);
}

/// A judge that names the first record under the law of today wherever it stands, else none: in year 5
/// all votes are for year 1; in years 3 and 4 it believes in what does harm. And one that always names
/// the first place: in random order no record has more than chance.
#[test]
fn votes_choose_records() {
    let percent = &[10, 70, 70, 70, 10];
    let memory = "{ useful = { records = 1, judge = { listwise = { draws = 40 } } } }";
    let named = |same: &[bool]| {
        let at = same.iter().position(|s| *s).map_or(0, |i| i + 1);
        let p = |i: usize| if i == at { 1.0 } else { 1e-30 };
        (0..=same.len()).map(p).collect::<Vec<f64>>()
    };
    let arm = played(memory, percent, &[20.0], named);
    let votes = |arm: &ArmResult, step: u32, record| {
        let votes = asked(arm, "useful record").filter(|d| d.step == step);
        votes.filter(|d| d.record == record).count()
    };
    assert_eq!(asked(&arm, "useful record").count(), 4 * 40);
    assert_eq!(votes(&arm, 5, Some(1)), 40);
    assert_eq!(votes(&arm, 2, None), 40);
    assert_eq!(
        [2, 3, 4, 5].map(|step| hours(&arm, step)[0]),
        [20.0, 40.0, 40.0, 40.0]
    );
    let first = |same: &[bool]| {
        let p = |i: usize| if i == 1 { 1.0 } else { 1e-30 };
        (0..=same.len()).map(p).collect::<Vec<f64>>()
    };
    let arm = played(memory, percent, &[20.0], first);
    for record in 1..=4 {
        // 40 draws at ¼: 10, standard deviation 2.7.
        let count = votes(&arm, 5, Some(record));
        assert!((1..=20).contains(&count), "{record}: {count}");
    }
}

/// Twelve workers, four measured in six of eight years that alternate between 10 and 70 %: the selector
/// finds for the others, and for all in the last two years, what measuring finds: 40 hours under 10 %
/// once a record of it is there, 20 under 70 %.
#[test]
fn the_selector_finds_what_measuring_finds() {
    let percent = &[10, 70, 10, 70, 10, 70, 10, 70];
    let wages: Vec<f64> = (0..12).map(|i| 18.0 + 0.4 * f64::from(i)).collect();
    let memory = "{ useful = { judge = { distilled = { sample = 4, years = 6 } } } }";
    let arm = played(memory, percent, &wages, unasked);
    assert_eq!(asked(&arm, "memory").count(), 4 * (2 + 3 + 4 + 5 + 6));
    let all = played("{ useful = {} }", percent, &wages, unasked);
    assert_eq!(
        asked(&all, "memory").count(),
        12 * (2 + 3 + 4 + 5 + 6 + 7 + 8)
    );
    for step in 1..=8 {
        let expected = if step > 1 && step % 2 == 1 {
            40.0
        } else {
            20.0
        };
        assert_eq!(hours(&all, step), [expected; 12], "step {step}");
        assert_eq!(hours(&arm, step), [expected; 12], "step {step}");
    }
    let noted = arm.notes.iter().find(|n| n.contains("right side of 0"));
    assert!(noted.unwrap().contains("(distilled): 80 questions"));
}

/// The mechanism leaves no two systems unordered that touch the same data. Without a model the step
/// fails, but only once the order is settled.
#[test]
fn its_systems_are_unambiguous() {
    let text = format!(
        "steps = 1\n{SCENARIO}\n[[workers]]\ndecide = {{ llm = {{ model = \"small\", memory = \"useful\" }} }}"
    );
    let simulation = simulation(&text, &[20.0]);
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
