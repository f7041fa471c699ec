//! Same scenario and seed, same bytes: for any number of threads, any executor and any order in
//! which plugins and systems were added.

use bevy_ecs::schedule::{LogLevel, MultiThreadedExecutor, ScheduleBuildSettings};
use fisc::random::Streams;
use fisc::run::{ArmResult, Simulation, arm, tables};
use fisc::scenario;
use fisc::world::Step;
use fisc::world::asking::Models;
use rand::RngExt;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const SCENARIO: &str = r#"
name = "determinism"
seed = 11
steps = 6
tax_year = 2
[population]
size = 40000
wages = "gb2"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[[workers]]
share = 0.9
decide = "rational"
[[workers]]
share = 0.1
decide = { fixed = { hours = 38.0 } }
[planner]
kind = "saez-estimated"
[compare]
planners = ["none", "us-2024", "saez-static", "saez-fixed-point"]
[record]
workers_every = 3
"#;

/// Every kind of closed-form worker.
const KINDS: &str = r#"
name = "kinds"
seed = 11
steps = 6
tax_year = 2
[population]
size = 500
wages = "gb2"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[[workers]]
share = 0.2
decide = { logit = { scale = 3000.0 } }
bounded = true
[[workers]]
share = 0.2
decide = { adaptive = { step = 3.0 } }
[[workers]]
share = 0.2
labor_cost = 0.5
labor_exponent = 2.1
[[workers]]
share = 0.1
motive = "altruistic"
[[workers]]
share = 0.1
motive = "adversarial"
[[workers]]
share = 0.2
decide = { fixed = { hours = 38.0 } }
[planner]
kind = "saez-estimated"
[compare]
planners = ["none", "us-2024", "saez-static", "saez-fixed-point", "elected", { elected = { rule = "schulze" } }]
"#;

fn simulations() -> [Simulation; 2] {
    [SCENARIO, KINDS].map(simulation)
}

fn simulation(scenario: &str) -> Simulation {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("determinism.toml");
    std::fs::write(&path, scenario).unwrap();
    Simulation::new(scenario::load(&path, &[]).unwrap()).unwrap()
}

/// sha256 of each Parquet file that a run would write.
fn digests(simulation: &Simulation, arms: &[ArmResult]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let scenario = simulation.scenario();
    let frames = [
        (
            "steps",
            tables::rows(arms, scenario, "step", |arm| &arm.steps),
        ),
        (
            "years",
            tables::rows(arms, scenario, "year", |arm| &arm.years),
        ),
        (
            "workers",
            tables::workers(arms, scenario, simulation.people().len()),
        ),
        ("ballots", tables::ballots(arms)),
    ];
    frames
        .into_iter()
        .map(|(name, frame)| {
            let path = folder.path().join(name);
            tables::write(&mut frame.unwrap(), &path).unwrap();
            fisc::run::output::hex(&Sha256::digest(std::fs::read(path).unwrap()))
        })
        .collect()
}

fn play_with_threads(simulation: &Simulation, threads: usize) -> Vec<String> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let arms = pool
        .install(|| simulation.play(BTreeMap::new(), &|_| {}))
        .unwrap()
        .0;
    digests(simulation, &arms)
}

#[test]
fn one_and_two_threads_and_a_fresh_population_agree() {
    let [first, second, third] = [(); 3].map(|()| simulations());
    for ((first, second), third) in first.iter().zip(&second).zip(&third) {
        let reference = play_with_threads(first, 1);
        assert_eq!(reference, play_with_threads(second, 2));
        assert_eq!(reference, play_with_threads(third, 3));
    }
}

/// Ambiguity detection set to error: no two systems that touch the same data are left unordered,
/// so no order of running them can change a result. On top, mechanisms are added in shuffled order
/// and run on the executor that starts whatever is ready.
#[test]
fn systems_are_unambiguous_and_any_order_gives_the_same_bytes() {
    bevy_tasks::ComputeTaskPool::get_or_init(bevy_tasks::TaskPool::default);
    let [two_kinds, all_kinds] = simulations();
    any_order_gives_the_same_bytes(&two_kinds, 12);
    any_order_gives_the_same_bytes(&all_kinds, 4);
}

fn any_order_gives_the_same_bytes(simulation: &Simulation, shuffles: u64) {
    let reference = play_with_threads(simulation, 2);
    for shuffle in 0..shuffles {
        let arms: Vec<ArmResult> = simulation
            .arms()
            .into_iter()
            .map(|kind| {
                let mut mechanisms = arm::mechanisms(simulation, kind).unwrap();
                let mut rng = Streams::new(shuffle, "shuffle").at(0, 0);
                for i in (1..mechanisms.len()).rev() {
                    mechanisms.swap(i, rng.random_range(0..=i));
                }
                let mut app = arm::assemble(simulation, mechanisms, &Models::none());
                app.edit_schedule(Step, |schedule| {
                    schedule.set_build_settings(ScheduleBuildSettings {
                        ambiguity_detection: LogLevel::Error,
                        ..ScheduleBuildSettings::default()
                    });
                    schedule.set_executor(MultiThreadedExecutor::new());
                });
                arm::run_to_end(simulation, app, kind.arm(), &|_| {}).unwrap()
            })
            .collect();
        assert_eq!(digests(simulation, &arms), reference, "shuffle {shuffle}");
    }
}
