//! Planners that pursue rewards, end to end: policies over schedules, and programs that fail.

use fisc::fiscal::Schedule;
use fisc::run::{ArmResult, Simulation};
use fisc::scenario;
use std::collections::{BTreeMap, BTreeSet};

/// A policy with this optimiser on few workers and three brackets, with the objective itself to pursue.
fn simulation(optimiser: &str, told: &str, more: &[&str]) -> Simulation {
    let mut settings = vec![
        "population.size=40".to_owned(),
        r#"reward.kind="welfare""#.to_owned(),
        r#"compare.planners=["fixed"]"#.to_owned(),
        format!(
            r#"planner.kind={{ policy = {{ optimiser = {optimiser}, candidates = 12, told = {told} }} }}"#
        ),
    ];
    settings.extend(more.iter().map(|s| (*s).to_owned()));
    let scenario = scenario::load("examples/preferences/ppo.toml".as_ref(), &settings).unwrap();
    Simulation::new(scenario).unwrap()
}

fn play(simulation: &Simulation) -> Vec<ArmResult> {
    simulation.play(BTreeMap::new(), &|_| {}).unwrap().0
}

/// Σ u/w over Σ 1/w, of the workers as they answer a schedule.
fn welfare(simulation: &Simulation, schedule: &Schedule) -> f64 {
    let society = simulation.counterpart();
    let outcome = society.outcome(schedule);
    let weighted = outcome.utility.iter().zip(society.wage());
    let total: f64 = society.wage().iter().map(|w| 1.0 / w).sum();
    weighted.map(|(u, w)| u / w).sum::<f64>() / total
}

/// Twelve schedules that are the same for every optimiser, seen by a policy that never moves and draws one
/// a year. Each is tried by hand; those that ask for rewards and those that ask for preferences end at
/// the best.
#[test]
fn optimisers_find_the_best_of_their_candidates() {
    let idle = r#"{ ppo = { rate = 1e-12 } }"#;
    let drawing = simulation(
        idle,
        r#""rewards""#,
        &["steps=250", r#"planner.kind.policy.played="draw""#],
    );
    let arm = play(&drawing).remove(0);
    let seen: BTreeSet<String> = arm.years.iter().map(|y| y.schedule.to_string()).collect();
    assert_eq!(seen.len(), 12);
    let mut tried: Vec<(f64, String)> = (seen.into_iter())
        .map(|literal| {
            (
                welfare(&drawing, &Schedule::parse(&literal).unwrap()),
                literal,
            )
        })
        .collect();
    tried.sort_by(|a, b| b.0.total_cmp(&a.0));
    assert!(tried[0].0 > tried[1].0 + 1.0, "{tried:?}");
    for (optimiser, told) in [
        (r#""ppo""#, r#""rewards""#),
        (r#""mcts""#, r#""rewards""#),
        (r#""sft""#, r#""rewards""#),
        (r#"{ dpo = { soft = true } }"#, r#""preferences""#),
        (r#""nash-md""#, r#""preferences""#),
        (r#""gpo""#, r#""preferences""#),
    ] {
        let arms = play(&simulation(optimiser, told, &[]));
        let last = arms[0].years.last().unwrap();
        assert_eq!(last.schedule.to_string(), tried[0].1, "{optimiser}");
        assert!((last.welfare - tried[0].0).abs() < 1e-6, "{optimiser}");
        assert!(last.welfare > arms[1].years.last().unwrap().welfare);
    }
}

/// The first arm of an example with other settings, which must end.
fn first_arm(example: &str, settings: &[&str]) -> fisc::Result<ArmResult> {
    let path = format!("examples/preferences/{example}.toml");
    let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    let simulation = Simulation::new(scenario::load(path.as_ref(), &settings)?)?;
    let (mut arms, _) = simulation.play(BTreeMap::new(), &|_| {})?;
    Ok(arms.remove(0))
}

/// A reward with a learned part and so much revenue that nothing else counts is told as preferences for
/// revenue, and not as votes of the learned part: the policy ends where it ends without the part, at the
/// most for a large weight and at the least for its negative.
#[test]
fn a_learned_part_is_not_the_reward() {
    let last = |parts: &str| {
        let kind = format!("reward.kind={{ composite = {{ parts = {{ {parts} }} }} }}");
        let settings = [
            "population.size=40",
            "steps=3",
            "compare.planners=[]",
            "preferences.comparisons=200",
            r#"planner.kind={ policy = { optimiser = { nash-md = { tau = 0.02 } }, candidates = 12, told = "preferences" } }"#,
            &kind,
        ];
        let arm = first_arm("dpo", &settings).unwrap();
        let year = arm.years.last().unwrap().clone();
        (year.schedule, year.revenue)
    };
    let learned = r#"learned = { of = "learned" }"#;
    let revenue = |weight: f64| {
        format!(r#"revenue = {{ of = {{ number = "revenue" }}, weight = {weight:?} }}"#)
    };
    let mut found = vec![];
    for weight in [1e6, -1e6] {
        let both = last(&format!("{learned}, {}", revenue(weight)));
        assert_eq!(both, last(&revenue(weight)));
        found.push(both.1);
    }
    assert!(found[0] > 2.0 * found[1].max(1.0), "{found:?}");
}

/// Workers are asked after each of four years, so that the game changes every time: mirror descent takes
/// its steps anew and the best answer gains next to nothing over its policy in any year.
#[test]
fn mirror_descent_begins_anew_with_every_fit() {
    let settings = [
        "population.size=40",
        "steps=5",
        "compare.planners=[]",
        "preferences.comparisons=500",
        "preferences.years=4",
    ];
    let arm = first_arm("nash-md", &settings).unwrap();
    let gaps: Vec<f64> = (arm.rewards.iter())
        .filter(|row| row.part == "policy_exploitability")
        .map(|row| row.value)
        .collect();
    println!("{gaps:?}");
    assert_eq!(gaps.len(), 4);
    assert!(
        gaps.iter().all(|gap| (-1e-12..2e-5).contains(gap)),
        "{gaps:?}"
    );
}

/// A program that fails everywhere ends the run with its own message and line, whether it throws at once
/// or uses up all operations; a policy, which has to play something, says so.
#[test]
fn a_program_that_fails_everywhere_is_no_reward() {
    let run = |text: &str, more: &[&str]| {
        let text = format!("reward.kind.program={{ text = {text:?} }}");
        let mut settings = vec!["population.size=40", "compare.planners=[]", &*text];
        settings.extend(more);
        first_arm("program", &settings)
    };
    for (text, line, says) in [
        ("let x = 1;\nthrow \"unfit\"", "reward:2:1", "unfit"),
        ("\n\nloop {}", "reward:3:", "at most 100000 operations"),
    ] {
        let start = std::time::Instant::now();
        let error = run(text, &[]).unwrap_err();
        println!("{:?}: {error}", start.elapsed());
        assert_eq!(error.exit_code(), 1);
        let error = error.to_string();
        assert!(error.contains(line) && error.contains(says), "{error}");
        let policy = r#"planner.kind={ policy = { optimiser = "ppo", candidates = 4 } }"#;
        let arm = run(text, &[policy]).unwrap();
        let note = arm
            .notes
            .iter()
            .find(|note| note.contains("fails at the last schedule"));
        let note = note.unwrap_or_else(|| panic!("{:?}", arm.notes));
        assert!(note.contains(line) && note.contains(says), "{note}");
    }
    // Where only some schedules fail, the others are chosen among.
    let arm = run(
        "if outcome.rates[0] < 0.1 { throw 1 } outcome.utility_mean",
        &[],
    )
    .unwrap();
    assert!(arm.years[0].schedule.rates()[0] >= 0.1);
    assert!(!arm.notes.iter().any(|note| note.contains("fails")));
}
