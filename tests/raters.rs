//! Language models as raters, in the world: planted models that answer by the numbers in their prompt,
//! so that the truth is known, and the real small model for replay.

mod common;

use assert_cmd::Command;
use common::{log_probs, numbers};
use fisc::fiscal::Society;
use fisc::llm::{Message, Reading, Readout, Role, registry};
use fisc::run::{ArmResult, Simulation};
use fisc::scenario;
use fisc::world::learning::RecordedComparison;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Plays an example with the planted model in place of its own.
fn play(
    example: &str,
    settings: &[&str],
    model: impl FnMut(&[Message], &Readout) -> Reading + Send + 'static,
) -> (Simulation, ArmResult) {
    let path = format!("examples/preferences/{example}.toml");
    let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    let simulation = Simulation::new(scenario::load(path.as_ref(), &settings).unwrap()).unwrap();
    let arm = common::play_with(&simulation, model).remove(0);
    (simulation, arm)
}

/// What a worker has under a schedule in the closed-form society, and its utility.
fn truth(society: &Society, comparison: &RecordedComparison) -> [[f64; 2]; 2] {
    [&comparison.a, &comparison.b].map(|schedule| {
        let outcome = society.outcome(schedule);
        let worker = comparison.rater as usize;
        [outcome.disposable[worker], outcome.utility[worker]]
    })
}

fn note<'a>(arm: &'a ArmResult, holds: &str) -> &'a str {
    let found = arm.notes.iter().find(|note| note.contains(holds));
    found.unwrap_or_else(|| panic!("{holds}: {:?}", arm.notes))
}

/// P(A) = σ((x_A − x_B)/10,000 + b) with x what each law leaves, read from the prompt, and b a liking for
/// the place: the recorded outcome is ½[σ(Δ + b) + σ(Δ − b)] of the society's own Δ, for every b, and
/// the note says what the model did.
#[test]
fn both_orders_are_averaged() {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    for bias in [0.0, 2.5] {
        let (simulation, arm) = play("choice", &["preferences.comparisons=25"], move |m, _| {
            let left = numbers(m, "so you have $");
            assert_eq!(left.len(), 2, "{m:?}");
            let p = logistic((left[0] - left[1]) / 10_000.0 + bias);
            log_probs(&[0.25 * p, 0.25 * (1.0 - p)])
        });
        assert_eq!(arm.comparisons.len(), 25);
        for comparison in &arm.comparisons {
            let [[a, _], [b, _]] = truth(simulation.counterpart(), comparison);
            let delta = (a - b) / 10_000.0;
            let expected = 0.5 * (logistic(delta + bias) + logistic(delta - bias));
            // Prompts round to dollars.
            assert!((comparison.outcome - expected).abs() < 1e-4);
        }
        let asked: Vec<_> = (arm.decisions.iter())
            .filter(|d| d.question == "comparison")
            .collect();
        assert_eq!(asked.len(), 50);
        assert!(asked.iter().all(|d| d.first.is_some() && d.error.is_none()));
        let liking: f64 = asked.iter().map(|d| d.first.unwrap() - 0.5).sum::<f64>() / 50.0;
        let noted = note(&arm, "in both orders");
        assert!(
            noted.contains(&format!("{:.1} % on average", 50.0 + 100.0 * liking)),
            "{noted}"
        );
        assert!(noted.contains("25.00 % of the model's"), "{noted}");
        assert_eq!(liking > 0.1, bias > 0.0);
        assert_eq!(arm.years[0].decisions, 50);
    }
}

/// A model that sees nothing but places makes every outcome ½: nothing is learned, and no wonder.
#[test]
fn a_liking_for_a_place_is_no_preference() {
    let (_, arm) = play("choice", &[], |_, _| log_probs(&[0.9, 0.1]));
    assert!(
        arm.comparisons
            .iter()
            .all(|c| (c.outcome - 0.5).abs() < 1e-12)
    );
    let noted = note(&arm, "in both orders");
    assert!(
        noted.contains("90.0 % on average") && noted.contains("differ by 80.0"),
        "{noted}"
    );
}

/// An answer that is none is asked again and counted, and makes no comparison.
#[test]
fn what_is_not_answered_makes_no_comparison() {
    let (_, arm) = play("choice", &["models.small.readout=\"sample\""], |m, _| {
        let left = numbers(m, "so you have $");
        let text = match left[0] > left[1] {
            true => "A",
            false => "neither",
        };
        Reading::Text {
            text: text.into(),
            truncated: false,
        }
    });
    assert!(arm.comparisons.is_empty());
    let failures = arm.decisions.iter().filter(|d| d.error.is_some()).count();
    // Of each pair one order fails, as often as it is asked.
    let attempts = arm.decisions.len() - 12;
    assert_eq!(failures, attempts);
    assert_eq!(arm.years[0].failures as usize, failures);
    note(&arm, "no comparison to learn from");
    assert_eq!(arm.years[0].schedule, arm.years[1].schedule);
}

/// Ballots by true utility: every comparison is right, and the planner that learns from them comes as
/// near to the optimum as one that learns from comparisons.
#[test]
fn ballots_by_utility_are_true_rankings() {
    let path = Path::new("examples/preferences/ballots.toml");
    let simulation = Simulation::new(scenario::load(path, &[]).unwrap()).unwrap();
    let (arms, _) = simulation.play(BTreeMap::new(), &|_| {}).unwrap();
    let arm = &arms[0];
    // 20 polls of 100 workers, 6 pairs of 4.
    assert_eq!(arm.comparisons.len(), 20 * 100 * 6);
    let weight: f64 = arm.comparisons.iter().map(|c| c.weight).sum();
    assert!((weight - 20.0 * 100.0 * 3.0).abs() < 1e-6);
    for comparison in arm.comparisons.iter().step_by(97) {
        let [[_, a], [_, b]] = truth(simulation.counterpart(), comparison);
        assert_eq!(comparison.outcome, f64::from(u8::from(a > b)));
    }
    let last = |k: usize| arms[k].years.last().unwrap().welfare;
    let attained = (last(0) - last(1)) / (last(2) - last(1));
    assert!(attained > 0.95 && attained < 1.0 + 1e-4, "{attained}");
}

/// Ballots by a model: pᵢ/(pᵢ + pⱼ) of what it said.
#[test]
fn ballots_by_a_model_are_its_probabilities() {
    let settings = [
        "population.size=6",
        "preferences.source={ ballots = { candidates = 3, polls = 2 } }",
    ];
    let (_, arm) = play(
        "choice",
        &[
            settings[0],
            settings[1],
            "voting.ballots={ llm = { model = \"small\" } }",
        ],
        |_, _| log_probs(&[0.2, 0.05, 0.15]),
    );
    assert_eq!(arm.comparisons.len(), 2 * 6 * 3);
    for ballot in arm.comparisons.chunks(3) {
        let outcomes: Vec<f64> = ballot.iter().map(|c| c.outcome).collect();
        for (found, expected) in outcomes.iter().zip([0.8, 4.0 / 7.0, 0.25]) {
            assert!((found - expected).abs() < 1e-5, "{outcomes:?}");
        }
    }
}

/// A speaker who praises what leaves it more than a threshold, and a listener who hears exactly that:
/// two statements compare where one is on either side of it, and then rightly. Workers whose year is
/// on one side say nothing about which is better.
#[test]
fn statements_are_mined() {
    let settings = ["preferences.comparisons=24", "population.size=6"];
    let (simulation, arm) = play("statements", &settings, |m, readout| {
        if let Readout::Sample { .. } = readout {
            let good = numbers(m, "so you had $")[0] > 50_000.0;
            let text = if good { "A fine\n law." } else { "A bad law." };
            return Reading::Text {
                text: text.into(),
                truncated: false,
            };
        }
        let fine = m.last().unwrap().content.contains("\"A fine law.\"");
        log_probs(if fine { &[0.5, 1e-9] } else { &[1e-9, 0.5] })
    });
    let (mut mined, mut silent) = (0, 0);
    let society = simulation.counterpart();
    let count = |c: &&RecordedComparison| c.weight > 0.5;
    for comparison in arm.comparisons.iter().filter(count) {
        let [[a, _], [b, _]] = truth(society, comparison);
        assert!((a > 50_000.0) != (b > 50_000.0));
        assert_eq!(comparison.outcome > 0.5, a > b);
        let rationale = comparison.rationale.as_deref().unwrap();
        assert!(rationale.contains("A fine law.") && rationale.contains("A bad law."));
        mined += 1;
    }
    for comparison in arm.comparisons.iter().filter(|c| c.weight <= 0.5) {
        let [[a, _], [b, _]] = truth(society, comparison);
        assert_eq!(a > 50_000.0, b > 50_000.0);
        silent += 1;
    }
    assert!(mined >= 3, "{mined} {silent}");
    assert!(note(&arm, "statements could be read").contains(&format!("count as {mined}.0")));
}

/// A model that votes for the law with the least tax on the income that it is told, for whomever it is told to be.
/// Every pair is right by that measure, which is the voter's own and not the other's.
#[test]
fn matched_pairs_need_no_rater() {
    let settings = ["preferences.comparisons=60"];
    let (simulation, arm) = play("matched", &settings, |m, _| {
        let tax = numbers(m, "on your income $");
        let least = tax.iter().copied().fold(f64::INFINITY, f64::min);
        let p: Vec<f64> = tax
            .iter()
            .map(|t| if *t == least { 0.9 } else { 1e-12 })
            .collect();
        log_probs(&p)
    });
    let incomes = simulation
        .counterpart()
        .outcome(&simulation.scenario().taxes.initial)
        .income;
    assert!(arm.comparisons.len() >= 5, "{}", arm.comparisons.len());
    for comparison in &arm.comparisons {
        let income = incomes[comparison.rater as usize];
        let [a, b] = [&comparison.a, &comparison.b].map(|s| s.tax(income));
        assert!(a <= b + 0.5, "{a} {b}");
        assert_eq!(comparison.outcome, 1.0);
    }
    let noted = note(&arm, "60 of 60 pairs");
    assert!(
        noted.contains(&format!("; {} times", arm.comparisons.len())),
        "{noted}"
    );
}

/// A judge that likes equality and, more than all equality on the list, the first place. In every
/// rotation the first is named; the mean follows the Gini coefficient that it was told.
#[test]
fn a_principle_is_followed_in_any_order() {
    // A list of six costs six questions; the first schedule beside two, two and one others eight.
    for (list, questions) in [(6, 6), (3, 8)] {
        principle_in_lists_of(list, questions);
    }
}

fn principle_in_lists_of(list: usize, questions: usize) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let written = seen.clone();
    let settings = [&*format!("reward.kind.principle.list={list}")];
    let (_, arm) = play("principle", &settings, move |m, readout| {
        let Readout::Choice { options } = readout else {
            panic!("not a choice")
        };
        let gini = numbers(m, "gini disposable ");
        let laws = m.last().unwrap().content.split("Marginal tax rates:");
        let rates: Vec<String> = laws
            .skip(1)
            .map(|law| law.split(" lump sum").next().unwrap().to_owned())
            .collect();
        assert_eq!((gini.len(), rates.len()), (options.len(), options.len()));
        assert!(m[0].content.contains("Those who have least come first."));
        let strength = |p: usize| -5.0 * gini[p] + if p == 0 { 3.0 } else { 0.0 };
        let total: f64 = (0..gini.len()).map(|p| strength(p).exp()).sum();
        let half = |p: usize| 0.5 * strength(p).exp() / total;
        let answer = log_probs(&(0..gini.len()).map(half).collect::<Vec<_>>());
        written.lock().unwrap().extend(gini.into_iter().zip(rates));
        answer
    });
    let mut seen = seen.lock().unwrap();
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    seen.dedup();
    assert_eq!(seen.len(), 6);
    let chosen = &arm.years[0].schedule;
    let mut told = String::new();
    for (edge, rate) in chosen.edges().iter().zip(chosen.rates()) {
        told += &format!(" {:.1} % from ${edge:.0};", 100.0 * rate);
    }
    assert_eq!(seen[0].1, told);
    // A year alone is not judged.
    let asked = arm.decisions.iter().filter(|d| d.question == "principle");
    assert_eq!(asked.count(), questions);
    // Answers are kept to a ten-thousandth of a nat.
    let mass = arm.decisions[0].admissible_mass.unwrap();
    assert!((mass - 0.5).abs() < 1e-4, "{mass}");
    assert_eq!(arm.years[0].decisions as usize, questions);
    assert!(arm.years.iter().all(|year| year.reward.is_nan()));
    // −5·Gini less that of the initial schedule; a liking for the first place of 3 moves each score there.
    let part = |name: &str| arm.rewards.iter().find(|r| r.part == name).unwrap().value;
    let initial = seen
        .iter()
        .find(|(_, told)| told.starts_with(" 12.0 % from $0; 22.0 %"))
        .unwrap();
    let expected = 5.0 * (initial.0 - seen[0].0);
    assert!(
        (part("pursued_total") - expected).abs() < 1e-3,
        "{expected}"
    );
    assert!(part("pursued_order_effect") > 2.0);
}

/// A speaker as content as what it kept, in units of $100,000: the planner sets the schedule of the
/// list that leaves the workers most.
#[test]
fn follow_ups_are_read() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let written = kept.clone();
    let settings = ["reward.kind.follow-up.workers=6"];
    let (simulation, arm) = play("follow-up", &settings, move |m, readout| {
        let Readout::Choice { options } = readout else {
            panic!("not a choice")
        };
        let year = m.iter().find(|turn| turn.role == Role::Assistant).unwrap();
        let left = numbers(std::slice::from_ref(year), "and kept $")[0];
        let p = match options[0].as_str() {
            "I am content." => {
                written.lock().unwrap().push(left);
                (left / 100_000.0 - 5.0).exp()
            }
            _ => (-1.0f64).exp(),
        };
        log_probs(&[p])
    });
    let kept = kept.lock().unwrap();
    let sums: Vec<f64> = kept[..36].chunks(6).map(|of| of.iter().sum()).collect();
    let most = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let outcome = simulation.counterpart().outcome(&arm.years[0].schedule);
    let chosen: f64 = outcome.disposable.iter().sum();
    assert!((chosen - most).abs() < 6.0, "{chosen} {sums:?}");
    // Mean of kept/100,000 − 5 + 1.
    let total = arm.rewards.iter().find(|r| r.part == "total").unwrap();
    let expected = chosen / 6.0 / 100_000.0 - 4.0;
    assert!((total.value - expected).abs() < 1e-4, "{}", total.value);
}

/// Workers who pick hours at random stand sixteen times in the closed-form society, but speak in their own
/// name, there and of the year that they live.
#[test]
fn a_worker_speaks_in_its_own_name() {
    let settings = [
        "reward.kind.follow-up.workers=6",
        "workers=[{ share = 1.0, decide = { logit = { scale = 500.0 } } }]",
    ];
    let (_, arm) = play("follow-up", &settings, |_, _| log_probs(&[0.5]));
    let asked = |lived: bool| {
        let of = arm.decisions.iter().filter(|d| d.question == "follow-up");
        let count = of.clone().count();
        let mut workers: Vec<u32> = of
            .enumerate()
            .filter(|(k, _)| (*k >= count - 12) == lived)
            .map(|(_, d)| d.worker.unwrap())
            .collect();
        workers.sort_unstable();
        workers.dedup();
        workers
    };
    assert_eq!(asked(false), [0, 1, 2, 3, 4, 5]);
    assert_eq!(asked(true), [0, 1, 2, 3, 4, 5]);
}

/// With the real small model: what is replayed without it is what was played, to the byte.
#[test]
fn raters_are_replayed() {
    registry::fetch("smollm2-135m", &mut |_| {}).expect("SmolLM2 is needed for this test");
    let folder = tempfile::tempdir().unwrap();
    for (example, settings) in [
        (
            "choice",
            &["preferences.comparisons=4", "population.size=3"][..],
        ),
        (
            "statements",
            &["preferences.comparisons=2", "population.size=2"],
        ),
        (
            "principle",
            &["preferences.schedules=3", "population.size=3"],
        ),
        (
            "useful-memory",
            &[
                "population.size=3",
                "steps=3",
                "workers.0.decide.llm.memory.useful.judge.distilled.sample=2",
            ],
        ),
        (
            "useful-memory-listwise",
            &[
                "population.size=2",
                "steps=3",
                "workers.0.decide.llm.memory.useful.judge={ listwise = { draws = 2 } }",
            ],
        ),
        (
            "civil",
            &["voting.candidates.nominated.civil=2", "population.size=3"],
        ),
    ] {
        let out = folder.path().join(example);
        let run = |more: &[&str]| {
            let mut command = Command::cargo_bin("fisc").unwrap();
            command.arg("run").arg(format!(
                "examples/preferences/{}.toml",
                example.trim_end_matches("-listwise")
            ));
            command.arg("--out").arg(&out).arg("--quiet").args(more);
            for setting in settings {
                command.args(["--set", setting]);
            }
            let output = command.env("OMP_WAIT_POLICY", "passive").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{example}: {said}");
        };
        run(&[]);
        run(&["--replay"]);
        for table in ["years", "comparisons", "decisions", "rewards", "ballots"] {
            let name = format!("{table}.parquet");
            let played = out.join(&name);
            if !played.exists() {
                assert_ne!(table, "decisions", "{example}");
                continue;
            }
            let replayed = std::fs::read(out.join("replay").join(&name)).unwrap();
            assert!(
                std::fs::read(played).unwrap() == replayed,
                "{example}: {name}"
            );
        }
    }
}
