//! Policies over schedules end to end: the planner `policy` against every one of its own candidates.

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
