//! Workers with fixed costs, coarse hours and costs of change in the running world.

mod common;

use common::play;
use fisc::fiscal::{Economy, Schedule, best_response};

fn scenario(worker: &str, planner: &str) -> String {
    format!(
        r#"
seed = 7
steps = 4
tax_year = 2
[taxes]
brackets = "flat"
initial = 0.3
[[workers]]
{worker}
[planner]
kind = "{planner}"
"#
    )
}

/// Costs uniform on [0, q̄]: the share at work is (z − T(z) − v(l))/q̄, those at work work the hours of
/// somebody without costs, and utility falls by the cost.
#[test]
fn participation_follows_the_distribution_of_fixed_costs() {
    let economy = Economy::default();
    let wages = vec![25.0; 4_000];
    let text = scenario(
        "fixed_cost = { uniform = { low = 0.0, high = 60000.0 } }",
        "fixed",
    );
    let arm = play(&text, &wages).remove(0);
    let panel = &arm.workers.panel;
    let schedule = Schedule::flat(0.3).unwrap();
    let labor = best_response(&economy, &schedule, 25.0, 0.0);
    let surplus = economy.utility_of_labor(25.0, labor, &schedule, 0.0);
    let share = surplus / 60_000.0;
    let hours = &panel.labor[..4_000];
    let working = hours.iter().filter(|&&l| l > 0.0).count() as f64 / 4_000.0;
    let error = (share * (1.0 - share) / 4_000.0).sqrt();
    assert!((working - share).abs() < 4.0 * error, "{working} {share}");
    assert!(hours.iter().all(|&l| l == 0.0 || (l - labor).abs() < 1e-9));
    // Costs of those at work are uniform on [0, surplus]: half of it on average.
    let paid: f64 = (0..4_000)
        .filter(|&i| hours[i] > 0.0)
        .map(|i| economy.utility(panel.disposable[i], hours[i]) - panel.utility[i])
        .sum();
    let mean = paid / (working * 4_000.0);
    let error = surplus / 12f64.sqrt() / (working * 4_000.0).sqrt();
    assert!(
        (mean - 0.5 * surplus).abs() < 4.0 * error,
        "{mean} {surplus}"
    );
    // The costs stay with the worker.
    assert_eq!(&panel.labor[..4_000], &panel.labor[3 * 4_000..]);
}

#[test]
fn coarse_hours_come_in_multiples() {
    let wages: Vec<f64> = (1..200).map(|i| 0.5 * f64::from(i)).collect();
    let arm = play(&scenario("hours_step = 10.0", "saez-static"), &wages).remove(0);
    assert!(arm.workers.panel.labor.iter().all(|l| l % 10.0 == 0.0));
    let distinct: std::collections::BTreeSet<u64> =
        arm.workers.panel.labor.iter().map(|l| *l as u64).collect();
    assert!(distinct.len() > 3, "{distinct:?}");
}

/// `saez-static` changes the rate in the second year. Workers for whom change is too dear keep their
/// hours, those without the cost do not; whoever changes pays once, in the step of the change.
#[test]
fn hours_change_only_where_the_gain_exceeds_the_cost() {
    let wages: Vec<f64> = (10..110).map(f64::from).collect();
    let n = wages.len();
    let hours = |worker: &str| {
        let arm = play(&scenario(worker, "saez-static"), &wages).remove(0);
        assert_ne!(arm.years[0].schedule, arm.years[1].schedule);
        arm.workers.panel
    };
    let stuck = hours("adjustment_cost = 1e9");
    assert_eq!(stuck.labor[..n], stuck.labor[3 * n..]);
    let free = hours("adjustment_cost = 0.0");
    assert!((0..n).all(|i| free.labor[i] != free.labor[3 * n + i]));
    let some = hours("adjustment_cost = 2000.0");
    let economy = Economy::default();
    let paid = |step: usize, i: usize| {
        let at = step * n + i;
        economy.utility(some.disposable[at], some.labor[at]) - some.utility[at]
    };
    let moved = |i: usize| some.labor[i] != some.labor[2 * n + i];
    assert!((0..n).any(moved) && !(0..n).all(moved));
    for i in 0..n {
        let expected = if moved(i) { 2000.0 } else { 0.0 };
        assert!((paid(2, i) - expected).abs() < 1e-6);
        assert!(paid(1, i).abs() < 1e-6 && paid(3, i).abs() < 1e-6);
    }
}

/// Planners with full information know the costs: in the world the optimum reaches what they expect,
/// and the flat tax of the revenue maximum of uniform costs is one half (Saez 2002, η = 1).
#[test]
fn planners_know_the_extensive_margin() {
    let text = r#"
seed = 3
steps = 1
tax_year = 1
[taxes]
brackets = "flat"
initial = 0.3
[economy]
labor_exponent = 100.0
labor_cost = 1e-163
labor_max = 40.0
[objective]
welfare = "rawlsian"
[[workers]]
fixed_cost = { uniform = { low = 0.0, high = 200000.0 } }
[planner]
kind = "optimal"
"#;
    let wages = vec![25.0; 6_000];
    let arm = play(text, &wages).remove(0);
    let schedule = &arm.years[0].schedule;
    assert!((schedule.rates()[0] - 0.5).abs() < 0.02, "{schedule}");
}

/// What full-information planners expect comes true where change costs: hours before the first
/// period are those under the initial schedule, for them and in the world.
#[test]
fn planners_know_what_change_costs() {
    for cost in ["500.0", "5000.0", "1e9"] {
        let text = format!(
            r#"
seed = 3
steps = 1
tax_year = 1
[taxes]
brackets = "three"
initial = 0.3
[objective]
welfare = "inverse_wage"
[[workers]]
adjustment_cost = {cost}
[planner]
kind = "optimal"
"#
        );
        let wages: Vec<f64> = (0..100).map(|i| 6.0 * 1.03f64.powi(i)).collect();
        let simulation = common::simulation(&text, &wages);
        let arm = play(&text, &wages).remove(0);
        let society = simulation.counterpart();
        let objective = &simulation.scenario().objective;
        let expected = society.welfare(&arm.years[0].schedule, objective);
        let reached = arm.years[0].welfare;
        assert!(
            (reached - expected).abs() < 1e-9 * expected.abs(),
            "{cost}: {reached} {expected}"
        );
        // Nobody moves where it costs everything, so the revenue of 100 % is had for nothing.
        if cost == "1e9" {
            assert!(arm.years[0].schedule.rates()[0] > 0.99);
        }
    }
}
