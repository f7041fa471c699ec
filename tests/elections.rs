//! Elections in the running world, against what theory says of their winners.

mod common;

use common::play;
use fisc::fiscal::Economy;
use fisc::llm::{Message, Reading, Readout};
use fisc::run::ArmResult;
use fisc::run::tables::ballots;

/// Flat taxes by points of a percent, each rule in an arm of its own.
fn elections(wages: &[f64], planners: &str) -> Vec<ArmResult> {
    let text = format!(
        r#"
steps = 2
tax_year = 2
[taxes]
brackets = "flat"
initial = 0.3
[voting]
candidates = {{ flat = {{ step = 1.0 }} }}
[planner]
kind = "fixed"
[compare]
planners = [{planners}]
"#
    );
    play(&text, wages).split_off(1)
}

fn elected(arm: &ArmResult) -> f64 {
    arm.years[0].schedule.rates()[0]
}

/// Under a flat tax τ everybody earns z(0)·(1−τ)^e, so the worker with income ρ times the mean likes
/// τ = (1−ρ)/(1−ρ+e) best; preferences have one peak, and the median voter's beats every other rate
/// (Meltzer and Richard 1981, here with constant elasticity).
fn medians_rate(wages: &[f64]) -> f64 {
    let economy = Economy::default();
    let e = 1.0 / (economy.labor_exponent - 1.0);
    let mut incomes: Vec<f64> = wages.iter().map(|w| w.powf(1.0 + e)).collect();
    incomes.sort_by(f64::total_cmp);
    let mean = incomes.iter().sum::<f64>() / incomes.len() as f64;
    let rho = incomes[incomes.len() / 2] / mean;
    (1.0 - rho) / (1.0 - rho + e)
}

/// Skewed, even and split societies of 101, nobody at the limit of 100 hours.
fn societies() -> [Vec<f64>; 4] {
    let quantile = |i: u32| (f64::from(i) + 0.5) / 101.0;
    let pareto = (0..101).map(|i| (12.0 * (1.0 - quantile(i)).powf(-0.45)).min(170.0));
    let uniform = (0..101).map(|i| 10.0 + 100.0 * quantile(i));
    let exponential = (0..101).map(|i| 9.0 - 22.0 * (1.0 - quantile(i)).ln());
    let split = (0..101).map(|i| {
        if i < 60 {
            11.0 + 0.1 * f64::from(i)
        } else {
            60.0 + f64::from(i)
        }
    });
    [
        pareto.collect(),
        uniform.collect(),
        exponential.collect(),
        split.collect(),
    ]
}

#[test]
fn condorcet_rules_elect_the_median_voters_rate() {
    for wages in societies() {
        let wished = medians_rate(&wages);
        assert!((0.05..0.7).contains(&wished), "{wished}");
        let nearest = (100.0 * wished).round() / 100.0;
        for arm in elections(
            &wages,
            r#"{ elected = { rule = "copeland" } }, { elected = { rule = "schulze" } }"#,
        ) {
            let hours = &arm.workers.panel.labor;
            assert!(hours.iter().all(|l| *l < 100.0));
            assert_eq!(elected(&arm), nearest, "{}: {wished}", arm.arm);
            let held = &arm.elections[0];
            let condorcet = held.condorcet_winner.unwrap();
            assert_eq!(held.candidates[condorcet].platform.rates(), [nearest]);
            let election = held.election.as_ref().unwrap();
            assert_eq!((election.winner, election.turnout), (condorcet, 1.0));
        }
    }
}

/// All who earn more than the mean like no tax best. First preferences of the others are scattered
/// over many rates, so plurality elects no tax, which the median voter's rate beats by far.
#[test]
fn plurality_misses_the_median_voter() {
    let [pareto, ..] = societies();
    let arm = elections(&pareto, r#"{ elected = { rule = "plurality" } }"#).remove(0);
    assert_eq!(elected(&arm), 0.0);
    let held = &arm.elections[0];
    let better = &held.candidates[held.condorcet_winner.unwrap()];
    assert_eq!(
        better.platform.rates(),
        [(100.0 * medians_rate(&pareto)).round() / 100.0]
    );
    let frame = ballots(&[arm]).unwrap();
    assert_eq!(frame.height(), 101 * 101);
    let found = frame.column("condorcet_found").unwrap().bool().unwrap();
    assert!(found.iter().all(|found| found == Some(false)));
}

/// Three workers who stand with the rates that are best for each: the middle one's beat both others.
/// Nobody finds a schedule that is better for itself than its own.
#[test]
fn workers_stand_with_the_rates_that_are_best_for_themselves() {
    let text = r#"
steps = 3
tax_year = 1
[taxes]
brackets = [0, 40000]
initial = 0.3
[voting]
candidates = "all"
rule = "copeland"
every = 2
[planner]
kind = "elected"
"#;
    let arm = play(text, &[10.0, 20.0, 60.0]).remove(0);
    let years: Vec<u32> = arm.elections.iter().map(|held| held.year).collect();
    assert_eq!(years, [1, 3]);
    for held in &arm.elections {
        for (i, ballot) in held.ballots.iter().enumerate() {
            let ballot = ballot.as_ref().unwrap();
            assert!(
                ballot.iter().all(|u| *u <= ballot[i] + 1e-3),
                "{i}: {ballot:?}"
            );
        }
        let winner = held.election.as_ref().unwrap().winner;
        assert_eq!(Some(winner), held.condorcet_winner);
    }
    // The poorest takes all that it can from above its own income, the richest nothing.
    let held = &arm.elections[0];
    assert_eq!(held.candidates[2].worker, Some(2));
    assert!(held.candidates[0].platform.rates()[1] > 0.5);
    let leader = held.candidates[held.election.as_ref().unwrap().winner].worker;
    assert!(arm.years.iter().all(|year| year.leader == leader));
    assert_eq!(arm.steps[0].leader, leader);
}

/// Utility on a ballot is what the worker has when the platform is law.
#[test]
fn ballots_tell_the_utility_that_comes() {
    let wages = [10.0, 15.0, 20.0, 33.0, 60.0];
    let arm = elections(&wages, r#""elected""#).remove(0);
    let held = &arm.elections[0];
    let winner = held.election.as_ref().unwrap().winner;
    for (i, ballot) in held.ballots.iter().enumerate() {
        let promised = ballot.as_ref().unwrap()[winner];
        let got = arm.workers.panel.utility[i];
        assert!((promised - got).abs() < 1e-6 * got.abs(), "{i}");
    }
}

/// Whose hours are fixed and who lives alone with equals is indifferent to every flat tax: it is
/// paid back in full.
#[test]
fn the_indifferent_stay_at_home() {
    let text = r#"
steps = 2
tax_year = 1
[taxes]
brackets = "flat"
initial = 0.3
[[workers]]
decide = { fixed = { hours = 40.0 } }
[voting]
candidates = { flat = { step = 50.0 } }
[planner]
kind = "elected"
"#;
    let arm = play(text, &[16.0, 16.0]).remove(0);
    assert!(arm.elections.iter().all(|held| held.election.is_none()));
    assert_eq!(elected(&arm), 0.3);
    assert!(
        arm.notes.iter().any(|note| note.contains("nobody voted")),
        "{:?}",
        arm.notes
    );
    let frame = ballots(&[arm]).unwrap();
    let turnout = frame.column("turnout").unwrap().f64().unwrap();
    assert!(turnout.iter().all(|share| share == Some(0.0)));
}

/// A candidate who insults, a model that rewrites it into a sentence without its promise, a ruder one
/// and a civil one, in turn, and a judge that finds "idiots" rude and likes the tone named first: the
/// civil one is voted on, its score is content × ½[σ(2 + b) + σ(2 − b)], and both are recorded. With two
/// draws the civil one is missing, and what was said stays.
#[test]
fn civil_rewrites_keep_promises() {
    let said = "Only idiots want more than 30 % on the rich.";
    let rewrites = [
        "Let us be kind to each other.",
        "Only idiots, liars and fools want more than 30 % on the rich.",
        "Only a few want more than thirty percent on the rich.",
    ];
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let bias = 0.7;
    let play = |draws: usize| {
        let text = format!(
            r#"
steps = 1
tax_year = 1
[taxes]
brackets = "flat"
initial = 0.3
[voting]
candidates = {{ nominated = {{ model = "small", among = 2, civil = {draws} }} }}
[planner]
kind = "elected"
[models.small]
backend = {{ gguf = {{ model = "smollm2-135m" }} }}
"#
        );
        let mut drawn = 0;
        let model = move |messages: &[Message], readout: &Readout| {
            let question = &messages.last().unwrap().content;
            let written = |text: &str| Reading::Text {
                text: text.into(),
                truncated: false,
            };
            match readout {
                Readout::Sample { .. } if question.contains("in a civil tone") => {
                    assert!(question.contains(said));
                    drawn += 1;
                    written(rewrites[(drawn - 1) % draws])
                }
                Readout::Sample { .. } => written(&format!("30: {said}")),
                Readout::Choice { options } => {
                    let sentence = question.split('"').nth(1).unwrap();
                    assert_ne!(sentence, rewrites[0], "its tone does not matter");
                    let civil = if sentence.contains("idiots") {
                        -1.0
                    } else {
                        2.0
                    };
                    let first = if options[0] == "civil" { civil } else { -civil };
                    let p = logistic(first + bias);
                    common::log_probs(&[p, 1.0 - p])
                }
            }
        };
        common::play_with(&common::simulation(&text, &[10.0, 30.0]), model).remove(0)
    };
    let arm = play(3);
    let tone = |x: f64| 0.5 * (logistic(x + bias) + logistic(x - bias));
    for candidate in &arm.elections[0].candidates {
        assert_eq!(candidate.platform.rates(), [0.3]);
        assert_eq!(candidate.statement.as_deref(), Some(rewrites[2]));
        let rewritten = candidate.rewritten.as_ref().unwrap();
        assert_eq!(rewritten.original, said);
        // One insult halves the tone.
        assert!((rewritten.original_score - 0.5 * tone(-1.0)).abs() < 1e-4);
        // only, want, than, rich are kept of 4; few is added: 2·4/9.
        let expected = 8.0 / 9.0 * tone(2.0);
        assert!((rewritten.score - expected).abs() < 1e-4, "{rewritten:?}");
    }
    let asked = |arm: &ArmResult, question: &str| {
        arm.decisions
            .iter()
            .filter(|d| d.question == question)
            .count()
    };
    // Two candidates; of each the original and two rewrites that keep the promise, in both orders.
    assert_eq!((asked(&arm, "rewrite"), asked(&arm, "tone")), (6, 12));
    let frame = ballots(std::slice::from_ref(&arm)).unwrap();
    let original = frame.column("original").unwrap().str().unwrap();
    assert!(original.iter().all(|text| text == Some(said)));
    let arm = play(2);
    for candidate in &arm.elections[0].candidates {
        assert_eq!(candidate.statement.as_deref(), Some(said));
        let rewritten = candidate.rewritten.as_ref().unwrap();
        assert_eq!(rewritten.score, rewritten.original_score);
    }
    assert_eq!((asked(&arm, "rewrite"), asked(&arm, "tone")), (4, 8));
}
