//! Accounting identities in the running world, and faults that the run-time check must catch.

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use fisc::run::Simulation;
use fisc::scenario;
use fisc::world::treasury::Treasury;
use fisc::world::{Disposable, Income, Phase, Step, Tax, WorkerId};
use std::collections::BTreeMap;

const SCENARIO: &str = r#"
name = "identities"
seed = 5
steps = 6
tax_year = 2
[population]
size = 60
wages = "gb2"
[economy]
public_spending = 1500.0
[taxes]
brackets = "us-2024"
initial = "us-2024"
[[workers]]
share = 0.75
decide = "rational"
[[workers]]
share = 0.25
decide = { fixed = { hours = 35.0 } }
[planner]
kind = "saez-static"
[compare]
planners = ["none", "us-2024", "flat", "saez-fixed-point", "saez-estimated", "optimal"]
"#;

fn simulation(set: &[&str]) -> Simulation {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identities.toml");
    std::fs::write(&path, SCENARIO).unwrap();
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    Simulation::new(scenario::load(&path, &set).unwrap()).unwrap()
}

fn play(simulation: &Simulation) -> fisc::Result<Vec<fisc::run::ArmResult>> {
    simulation
        .play(BTreeMap::new(), &|_| {})
        .map(|(arms, _)| arms)
}

/// Σ disposable + N·spending = Σ income, recomputed here from what was recorded.
#[test]
fn books_balance_in_every_step_of_every_arm() {
    let isoelastic = vec![
        "economy.utility={ isoelastic = { eta = 1.5, consumption_unit = 1000.0 } }",
        "economy.labor_cost=1e-7",
        "economy.public_spending=0.0",
    ];
    for (set, spending) in [(vec![], 1500.0), (isoelastic, 0.0)] {
        let simulation = simulation(&set);
        let arms = play(&simulation).unwrap();
        assert_eq!(arms.len(), 7);
        for arm in &arms {
            assert!(arm.residual < 1e-9);
            let rows = &arm.workers;
            for step in 1..=6u32 {
                let here: Vec<usize> = (0..rows.step.len())
                    .filter(|&i| rows.step[i] == step)
                    .collect();
                assert_eq!(here.len(), 60);
                let sum = |column: &[f64]| here.iter().map(|&i| column[i]).sum::<f64>();
                let (income, disposable) = (sum(&rows.panel.income), sum(&rows.panel.disposable));
                assert!(((disposable + 60.0 * spending) / income - 1.0).abs() < 1e-9);
                for &i in &here {
                    let schedule = &arm.steps[step as usize - 1].schedule;
                    let (z, t) = (rows.panel.income[i], rows.panel.tax[i]);
                    assert!((schedule.tax(z) - t).abs() < 1e-6);
                    assert!((rows.panel.disposable[i] - (z - t) - rows.rebate[i]).abs() < 1e-6);
                }
            }
        }
    }
}

#[test]
fn a_year_is_the_mean_of_its_steps() {
    for arm in play(&simulation(&[])).unwrap() {
        for (year, steps) in arm.years.iter().zip(arm.steps.chunks(2)) {
            let mean = 0.5 * (steps[0].welfare + steps[1].welfare);
            assert!((year.welfare - mean).abs() <= 1e-12 * mean.abs());
        }
    }
}

/// Under isoelastic utility the hours of rational workers are best responses, by brute force, to
/// the rebate that is then paid, with others who do not respond mixed in.
#[test]
fn isoelastic_workers_answer_the_rebate_that_they_are_paid() {
    let simulation = simulation(&[
        "economy.utility={ isoelastic = { eta = 1.5, consumption_unit = 1000.0 } }",
        "economy.labor_cost=1e-7",
        "economy.public_spending=0.0",
        "compare.planners=[]",
        "planner.kind=us-2024",
    ]);
    let economy = simulation.scenario().economy;
    let arm = &play(&simulation).unwrap()[0];
    assert!(arm.notes.is_empty(), "{:?}", arm.notes);
    let rows = &arm.workers;
    let schedule = &arm.steps[0].schedule;
    let mut rational = 0;
    for i in 0..60 {
        if rows.group[i] != 0 {
            assert_eq!(rows.panel.labor[i], 35.0);
            continue;
        }
        rational += 1;
        let utility = |labor: f64| {
            economy.utility_of_labor(rows.panel.wage[i], labor, schedule, rows.rebate[i])
        };
        let best = (0..=10_000)
            .map(|j| utility(f64::from(j) * 0.01))
            .fold(f64::NEG_INFINITY, f64::max);
        assert!(utility(rows.panel.labor[i]) >= best - 1e-9, "worker {i}");
    }
    assert_eq!(rational, 45);
}

/// Under zero tax everybody owes 1,500 $/year, which a worker with a tiny wage cannot earn: its
/// utility is not defined, and the run says who and why instead of recording nonsense.
#[test]
fn a_worker_who_cannot_pay_is_named() {
    let simulation = simulation(&[
        "economy.utility={ isoelastic = { eta = 1.5, consumption_unit = 1000.0 } }",
        "economy.labor_cost=1e-7",
        "planner.kind=none",
    ]);
    let error = play(&simulation).unwrap_err();
    assert!(
        error.to_string().contains("has no finite utility"),
        "{error}"
    );
}

#[derive(Clone)]
struct Embezzle;

impl Plugin for Embezzle {
    fn build(&self, app: &mut App) {
        fn take(mut treasury: ResMut<Treasury>) {
            treasury.rebate -= 1.0;
        }
        app.add_systems(
            Step,
            take.in_set(Phase::Tax)
                .after(fisc::world::treasury::collect_taxes),
        );
    }
}

#[derive(Clone)]
struct Favour(u32);

#[derive(Resource)]
struct Favoured(u32);

impl Plugin for Favour {
    fn build(&self, app: &mut App) {
        fn add(favoured: Res<Favoured>, mut workers: Query<(&WorkerId, &mut Disposable)>) {
            for (id, mut disposable) in &mut workers {
                if id.0 == favoured.0 {
                    disposable.0 += 0.01;
                }
            }
        }
        app.insert_resource(Favoured(self.0)).add_systems(
            Step,
            add.in_set(Phase::Redistribute)
                .after(fisc::world::treasury::pay_rebate),
        );
    }
}

#[derive(Clone)]
struct Forge;

impl Plugin for Forge {
    fn build(&self, app: &mut App) {
        fn forge(mut workers: Query<(&Income, &mut Tax)>) {
            for (income, mut tax) in &mut workers {
                if income.0 > 0.0 {
                    tax.0 = f64::NAN;
                }
            }
        }
        app.add_systems(
            Step,
            forge
                .in_set(Phase::Tax)
                .after(fisc::world::treasury::assess_taxes),
        );
    }
}

/// Breaks one worker's tax after everything was paid with it.
#[derive(Clone)]
struct ForgeLate;

impl Plugin for ForgeLate {
    fn build(&self, app: &mut App) {
        fn forge(mut workers: Query<(&WorkerId, &mut Tax)>) {
            for (id, mut tax) in &mut workers {
                if id.0 == 3 {
                    tax.0 = f64::NAN;
                }
            }
        }
        app.add_systems(
            Step,
            forge
                .in_set(Phase::Redistribute)
                .after(fisc::world::treasury::pay_rebate),
        );
    }
}

#[test]
fn a_fault_in_the_treasury_stops_the_run() {
    let error = play(&simulation(&[]).add_plugins(Embezzle)).unwrap_err();
    assert!(
        error.to_string().contains("budget does not balance"),
        "{error}"
    );
    assert_eq!(error.exit_code(), 1);
    let error = play(&simulation(&[]).add_plugins(Favour(17))).unwrap_err();
    assert!(error.to_string().contains("worker 17 got"), "{error}");
    assert!(error.to_string().contains("step 1"), "{error}");
    let error = play(&simulation(&[]).add_plugins(Forge)).unwrap_err();
    assert!(error.to_string().contains("no finite utility"), "{error}");
    let error = play(&simulation(&[]).add_plugins(ForgeLate)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("worker 3 has no finite utility or tax"),
        "{error}"
    );
}
