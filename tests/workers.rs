//! Workers of every kind in the running world, against what theory says of them.

mod common;

use common::play;
use fisc::fiscal::choice::{hour_options, logit_probabilities};
use fisc::fiscal::{Economy, Schedule, best_response};
use fisc::run::ArmResult;

fn last_hours(arm: &ArmResult, workers: usize) -> &[f64] {
    let hours = &arm.workers.panel.labor;
    &hours[hours.len() - workers..]
}

const WAGES: [f64; 2] = [12.0, 36.0];
const TAX: f64 = 0.4;

fn game(objective: &str, motive: &str) -> ArmResult {
    let text = format!(
        r#"
steps = 2
tax_year = 1
[taxes]
brackets = "flat"
initial = {TAX}
[objective]
welfare = "{objective}"
[[workers]]
decide = "rational"
motive = "{motive}"
[planner]
kind = "fixed"
"#
    );
    play(&text, &WAGES).remove(0)
}

/// Two workers under a flat tax of 40 %, solved by hand. With v = 52·χ·l^δ, welfare weights g of
/// mean 1 and the rebate (T₁+T₂)/2, worker i moves W by ½·[g_i·(z_i − T_i − v_i) + T_i]: the altruist
/// works l = s·(1 − τ + τ/g_i)^e, the selfish one s·(1−τ)^e. The adversary takes an end of [0, 100],
/// as its part of W is concave in hours.
#[test]
fn a_game_of_two_solved_by_hand() {
    let economy = Economy::default();
    let e = 1.0 / 2.5;
    let untaxed = WAGES.map(|w| (w / (0.0005 * 3.5f64)).powf(e));
    let inverse = [1.0 / 12.0, 1.0 / 36.0];
    let weights = inverse.map(|x| 2.0 * x / (inverse[0] + inverse[1]));
    for (objective, g) in [("utilitarian", [1.0; 2]), ("inverse_wage", weights)] {
        let [own, altruistic, adversarial] =
            ["self", "altruistic", "adversarial"].map(|motive| game(objective, motive));
        for i in 0..2 {
            let selfish = untaxed[i] * (1.0 - TAX).powf(e);
            assert!((last_hours(&own, 2)[i] - selfish).abs() < 1e-9);
            let kind = untaxed[i] * (1.0 - TAX + TAX / g[i]).powf(e);
            assert!((last_hours(&altruistic, 2)[i] - kind.min(100.0)).abs() < 1e-5);
            let part = |l: f64| {
                let z = economy.income(WAGES[i], l);
                g[i] * ((1.0 - TAX) * z - 0.026 * l.powf(3.5)) + TAX * z
            };
            let worst = if part(0.0) <= part(100.0) { 0.0 } else { 100.0 };
            assert_eq!(last_hours(&adversarial, 2)[i], worst);
        }
        let welfare = |arm: &ArmResult| arm.years.last().unwrap().welfare;
        assert!(welfare(&altruistic) > welfare(&own) + 1.0, "{objective}");
        assert!(welfare(&adversarial) < welfare(&own) - 1.0, "{objective}");
    }
}

/// Under welfare that is not separable, and with income effects, nobody can raise W by other hours
/// once all have settled (a grid of whole hours).
#[test]
fn altruists_cannot_do_better() {
    let arm = play(
        r#"
steps = 1
tax_year = 1
[economy]
utility = { isoelastic = { eta = 1.5, consumption_unit = 1000.0 } }
labor_cost = 1e-7
[taxes]
brackets = "flat"
initial = 0.3
[objective]
welfare = "rank"
[[workers]]
share = 0.5
decide = "rational"
motive = "altruistic"
[[workers]]
share = 0.5
decide = "rational"
[planner]
kind = "fixed"
"#,
        &[10.0, 15.0, 25.0, 60.0],
    )
    .remove(0);
    let economy = Economy {
        utility: fisc::fiscal::Utility::Isoelastic {
            eta: 1.5,
            consumption_unit: 1000.0,
        },
        labor_cost: 1e-7,
        ..Economy::default()
    };
    let wage = [10.0, 15.0, 25.0, 60.0];
    let welfare = |labor: &[f64]| {
        let income: Vec<f64> = (0..4).map(|i| 52.0 * wage[i] * labor[i]).collect();
        let rebate = 0.3 * income.iter().sum::<f64>() / 4.0;
        let mut m: Vec<f64> = (0..4)
            .map(|i| economy.money_metric(economy.utility(0.7 * income[i] + rebate, labor[i])))
            .collect();
        m.sort_by(f64::total_cmp);
        // Sen: (1/n²)·Σ (2(n−i)−1)·m_(i), i from 0.
        let weighted = m.iter().enumerate();
        weighted
            .map(|(i, m)| (2 * (4 - i) - 1) as f64 * m)
            .sum::<f64>()
            / 16.0
    };
    let hours = last_hours(&arm, 4).to_vec();
    let reached = welfare(&hours);
    let rebate = arm.steps[0].rebate;
    for i in 0..4 {
        if arm.workers.group[i] == 0 {
            for l in 0..=100 {
                let mut other = hours.clone();
                other[i] = f64::from(l);
                assert!(welfare(&other) <= reached + 1e-6, "worker {i}, {l} hours");
            }
        } else {
            // The rational ones answer the rebate that is paid.
            let flat = Schedule::flat(0.3).unwrap();
            let best = best_response(&economy, &flat, wage[i], rebate);
            assert!((hours[i] - best).abs() < 1e-4);
        }
    }
}

/// Groups with elasticities of .1, .4 and .9: hours fall to (1−τ)^e of the untaxed ones.
#[test]
fn groups_with_elasticities_of_their_own() {
    let text = |rate: f64| {
        format!(
            r#"
steps = 1
tax_year = 1
[taxes]
brackets = "flat"
initial = {rate}
[[workers]]
share = 0.25
labor_cost = 1e-18
labor_exponent = 11.0
[[workers]]
share = 0.25
[[workers]]
share = 0.5
labor_cost = 0.5
labor_exponent = 2.111111111111111
[planner]
kind = "fixed"
[compare]
planners = ["optimal"]
"#
        )
    };
    let wages = [10.0, 20.0, 30.0, 30.0, 15.0, 12.0, 9.0, 40.0];
    let (free, taxed) = (play(&text(0.0), &wages), play(&text(0.35), &wages));
    let elasticity = [0.1, 0.4, 0.9];
    for i in 0..wages.len() {
        let ratio = last_hours(&taxed[0], 8)[i] / last_hours(&free[0], 8)[i];
        let expected = 0.65f64.powf(elasticity[taxed[0].workers.group[i] as usize]);
        assert!((ratio - expected).abs() < 1e-9, "{i}: {ratio} {expected}");
    }
    // The full-information planner knows them: it does not lose against any flat rate.
    let best = (0..=20)
        .map(|p| play(&text(0.05 * f64::from(p)), &wages)[0].years[0].welfare)
        .fold(f64::NEG_INFINITY, f64::max);
    assert!(taxed[1].years[0].welfare >= best);
}

/// Frequencies of the hours that 2,000 equal logit workers choose, against the closed form.
#[test]
fn logit_workers_choose_with_the_closed_form_frequencies() {
    let n = 2_000;
    let arm = play(
        r#"
seed = 11
steps = 1
tax_year = 1
[taxes]
brackets = "us-2024"
[[workers]]
decide = { logit = { scale = 4000.0 } }
[planner]
kind = "fixed"
"#,
        &vec![22.0; n],
    )
    .remove(0);
    let law = fisc::fiscal::laws::find("us-2024").unwrap();
    let options = hour_options(100.0);
    let p = logit_probabilities(&Economy::default(), law, 22.0, 0.0, 4_000.0, &options);
    for (option, p) in options.iter().zip(&p) {
        let chosen = last_hours(&arm, n).iter().filter(|l| *l == option).count() as f64;
        let error = (n as f64 * p * (1.0 - p)).sqrt();
        assert!(
            (chosen - n as f64 * p).abs() < 5.0 * error + 1.0,
            "{option}"
        );
    }
}

/// The welfare that full-information planners expect of logit workers is what the world shows on
/// average.
#[test]
fn planners_know_what_logit_workers_do_on_average() {
    let text = r#"
seed = 3
steps = 400
tax_year = 400
[taxes]
brackets = "flat"
initial = 0.5
[[workers]]
decide = { logit = { scale = 8000.0 } }
[planner]
kind = "fixed"
"#;
    let wages: Vec<f64> = (0..20).map(|i| 9.0 * 1.13f64.powi(i)).collect();
    let arm = play(text, &wages).remove(0);
    let simulation = common::simulation(text, &wages);
    let expected = simulation.counterpart().welfare(
        &Schedule::flat(0.5).unwrap(),
        &simulation.scenario().objective,
    );
    let seen: Vec<f64> = arm.steps.iter().map(|row| row.welfare).collect();
    let mean = seen.iter().sum::<f64>() / 400.0;
    let deviation = (seen.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
    let error = deviation / 20.0;
    assert!(
        (mean - expected).abs() < 5.0 * error,
        "{mean} {expected} {error}"
    );
}

/// Under a schedule that stays, adaptive workers end up within two steps of their best response.
#[test]
fn adaptive_workers_find_their_best_response() {
    let wages = [9.0, 20.0, 45.0];
    let arm = play(
        r#"
steps = 60
tax_year = 60
[taxes]
brackets = "flat"
initial = 0.25
[[workers]]
decide = { adaptive = { step = 2.0 } }
[planner]
kind = "fixed"
"#,
        &wages,
    )
    .remove(0);
    let flat = Schedule::flat(0.25).unwrap();
    for (i, &wage) in wages.iter().enumerate() {
        let best = best_response(&Economy::default(), &flat, wage, 0.0);
        for step in 40..60 {
            let hours = arm.workers.panel.labor[3 * step + i];
            assert!((hours - best).abs() <= 4.0, "{wage}: {hours} {best}");
        }
    }
}

/// u − (1−r)·|u|: who loses by the tax policy counts half (here all money-positive), who gains in
/// full; hours are as without.
#[test]
fn bounded_workers_who_lose_count_half() {
    let text = |bounded: bool| {
        format!(
            r#"
steps = 1
tax_year = 1
[taxes]
brackets = "flat"
initial = 0.4
[[workers]]
bounded = {bounded}
[planner]
kind = "fixed"
"#
        )
    };
    let wages = [8.0, 12.0, 80.0];
    let (plain, bounded) = (
        play(&text(false), &wages).remove(0),
        play(&text(true), &wages).remove(0),
    );
    assert_eq!(plain.workers.panel.labor, bounded.workers.panel.labor);
    for (i, wage) in wages.iter().enumerate() {
        // Untaxed: l = (w/(χδ))^0.4 and u = 52·(w·l − χ·l^3.5).
        let l = (wage / (0.0005 * 3.5)).powf(0.4).min(100.0);
        let without = 52.0 * (wage * l - 0.0005 * l.powf(3.5));
        let u = plain.workers.panel.utility[i];
        assert!(u > 0.0);
        let expected = if u >= without { u } else { 0.5 * u };
        assert!((bounded.workers.panel.utility[i] - expected).abs() < 1e-6);
    }
    // The poor gain by a flat tax that is shared, the rich one loses.
    assert_eq!(
        bounded.workers.panel.utility[0],
        plain.workers.panel.utility[0]
    );
    assert_ne!(
        bounded.workers.panel.utility[2],
        plain.workers.panel.utility[2]
    );
}
