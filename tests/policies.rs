//! Policies over schedules end to end: the planner `policy` against every one of its own candidates.

use fisc::run::Simulation;
use fisc::scenario;
use std::collections::BTreeMap;

/// Welfare in the last year by the arm of this name beside a policy with this optimiser, on few workers and three brackets, with the
/// objective itself to pursue.
fn last_welfare(optimiser: &str, told: &str, name: &str) -> f64 {
    let settings = [
        "population.size=40".to_owned(),
        r#"reward.kind="welfare""#.to_owned(),
        r#"compare.planners=["fixed"]"#.to_owned(),
        format!(
            r#"planner.kind={{ policy = {{ optimiser = {optimiser}, candidates = 12, told = {told} }} }}"#
        ),
    ];
    let scenario = scenario::load("examples/preferences/ppo.toml".as_ref(), &settings).unwrap();
    let simulation = Simulation::new(scenario).unwrap();
    let (arms, _) = simulation.play(BTreeMap::new(), &|_| {}).unwrap();
    let arm = arms.iter().find(|arm| arm.arm.starts_with(name)).unwrap();
    arm.years.last().unwrap().welfare
}

/// Twelve schedules that are the same for every optimiser: those that ask for rewards and those that
/// ask for preferences end at the same one, though they have nothing in common but the oracle.
#[test]
fn optimisers_agree_on_the_best_schedule() {
    let found: Vec<f64> = [
        (r#""ppo""#, r#""rewards""#),
        (r#""mcts""#, r#""rewards""#),
        (r#""sft""#, r#""rewards""#),
        (r#"{ dpo = { soft = true } }"#, r#""preferences""#),
        (r#""nash-md""#, r#""preferences""#),
        (r#""gpo""#, r#""preferences""#),
    ]
    .into_iter()
    .map(|(optimiser, told)| last_welfare(optimiser, told, "policy-"))
    .collect();
    assert!(
        found.iter().all(|w| (w - found[0]).abs() < 1e-6),
        "{found:?}"
    );
    let initial = last_welfare(r#""ppo""#, r#""rewards""#, "fixed");
    assert!(found[0] > initial, "{found:?} {initial}");
}
