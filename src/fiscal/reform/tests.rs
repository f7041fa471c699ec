use super::*;
use crate::fiscal::{Economy, laws};

fn isoelastic(eta: f64) -> Economy {
    Economy {
        utility: Utility::Isoelastic {
            eta,
            consumption_unit: 1000.0,
        },
        labor_cost: 1e-7,
        ..Economy::default()
    }
}

fn society(economy: Economy) -> Society {
    Society::rational(
        economy,
        (1..=400).map(|i| 5.0 + 0.2 * f64::from(i)).collect(),
    )
}

/// Flat 20 → 30 %, e = 0.4, nobody at the limit of hours: Z(t) = Z₀(1−t)^e, so the mechanical
/// effect is 0.1·Z₀·0.8^0.4 and the behavioural one 0.3·Z₀·(0.7^0.4 − 0.8^0.4).
#[test]
fn revenue_effects_of_a_flat_tax() {
    let economy = Economy::default();
    let wages = vec![4.0, 9.0, 14.0];
    let untaxed: f64 = wages
        .iter()
        .map(|&w| 52.0 * w * (w / (0.0005 * 3.5_f64)).powf(0.4) / 3.0)
        .sum();
    let society = Society::rational(economy, wages);
    let (from, to) = (Schedule::flat(0.2).unwrap(), Schedule::flat(0.3).unwrap());
    let (a, b) = (society.outcome(&from), society.outcome(&to));
    let effects = revenue_effects((&from, &a.income), (&to, &b.income));
    let at = |t: f64| untaxed * (1.0 - t).powf(0.4);
    let close = |x: f64, y: f64| assert!((x / y - 1.0).abs() < 1e-12, "{x} {y}");
    close(effects.mechanical, 0.1 * at(0.2));
    close(effects.behavioural, 0.3 * (at(0.3) - at(0.2)));
    close(effects.after, b.rebate);
}

/// The three steps add up; of a reform ten times smaller the adjustment is a hundred times smaller
/// (envelope theorem), and the burden is Saez's welfare effect −mean g·ΔT.
#[test]
fn welfare_effects_obey_the_envelope_theorem() {
    let objective = Objective::Isoelastic { gamma: 1.0 };
    for economy in [Economy::default(), isoelastic(1.5)] {
        let society = society(economy);
        let from = Schedule::new(&[0.0, 1e6], &[0.2, 0.3]).unwrap();
        let a = society.outcome(&from);
        let effects = |points: f64| {
            let to = from.reform(&[0.2 + 0.01 * points, 0.3]);
            let b = society.outcome(&to);
            welfare_effects(&society, &objective, &a, (&to, &b)).unwrap()
        };
        let (large, small) = (effects(1.0), effects(0.1));
        for e in [large, small] {
            let sum = e.burden + e.rebate + e.adjustment;
            assert!((sum - (e.after - e.before)).abs() < 1e-12);
        }
        let ratio = large.adjustment / small.adjustment;
        assert!((ratio - 100.0).abs() < 3.0, "{ratio}");
        let weights = objective.marginal_weights(&economy, &a.allocation(society.wage()));
        let effect: f64 = weights
            .iter()
            .zip(&a.income)
            .map(|(g, z)| -0.001 * g * z)
            .sum();
        let money = small.burden / small.per_dollar;
        assert!((money / (effect / 400.0) - 1.0).abs() < 2e-3, "{money}");
    }
}

/// No income effects: both are the change of utility.
#[test]
fn variations_agree_under_quasilinear_utility() {
    let society = society(Economy::default());
    let from = laws::find("us-2024").unwrap();
    let to = Schedule::new(&[0.0, 40_000.0], &[0.3, 0.1]).unwrap();
    let (a, b) = (society.outcome(from), society.outcome(&to));
    let v = variations(&society, (from, &a), (&to, &b)).unwrap();
    assert_eq!(v.equivalent, v.compensating);
    // The general search for the root agrees with the difference of utilities.
    for i in (0..400).step_by(20) {
        let equivalent = sum_for(&society, i, from, &a, b.utility[i]);
        let compensating = -sum_for(&society, i, &to, &b, a.utility[i]);
        let gain = b.utility[i] - a.utility[i];
        assert!((equivalent - gain).abs() < 1e-6 && (compensating - gain).abs() < 1e-6);
    }
}

/// By brute force over hours: the sums do what they promise, and have the sign of the change of
/// utility. At η = 0, quasilinear utility in another unit, both are the same.
#[test]
fn variations_make_good() {
    let from = Schedule::new(&[0.0, 30_000.0, 60_000.0], &[0.1, 0.3, 0.2]).unwrap();
    let to = Schedule::flat(0.25).unwrap();
    for eta in [0.0, 0.5, 1.0, 2.0] {
        let economy = isoelastic(eta);
        let society = society(economy);
        let (a, b) = (society.outcome(&from), society.outcome(&to));
        let v = variations(&society, (&from, &a), (&to, &b)).unwrap();
        for i in (0..400).step_by(25) {
            let best = |schedule: &Schedule, rebate: f64| {
                let at = |l: f64| economy.utility_of_labor(society.wage()[i], l, schedule, rebate);
                (0..=100_000)
                    .map(|k| at(0.001 * f64::from(k)))
                    .fold(f64::NEG_INFINITY, f64::max)
            };
            let (ev, cv) = (v.equivalent[i], v.compensating[i]);
            // Half a dollar.
            let scale = 0.5 * economy.marginal_utility(a.disposable[i]);
            assert!(
                (best(&from, a.rebate + ev) - b.utility[i]).abs() < scale,
                "{eta} {i} {ev}"
            );
            assert!(
                (best(&to, b.rebate - cv) - a.utility[i]).abs() < scale,
                "{eta} {i} {cv}"
            );
            assert_eq!(ev > 0.0, b.utility[i] > a.utility[i]);
            if eta == 0.0 {
                assert!((ev - cv).abs() < 1e-4, "{ev} {cv}");
            }
        }
    }
}

/// A worker whose hours are fixed is made good by the change of consumption alone.
#[test]
fn variations_of_fixed_hours_are_changes_of_consumption() {
    let economy = isoelastic(1.5);
    let society = Society::new(
        economy,
        vec![20.0, 40.0],
        vec![crate::fiscal::Behaviour::Fixed(40.0); 2],
    );
    let (from, to) = (Schedule::flat(0.2).unwrap(), Schedule::flat(0.4).unwrap());
    let (a, b) = (society.outcome(&from), society.outcome(&to));
    let v = variations(&society, (&from, &a), (&to, &b)).unwrap();
    for i in 0..2 {
        let change = b.disposable[i] - a.disposable[i];
        assert!(
            (v.equivalent[i] - change).abs() < 1e-6 && (v.compensating[i] - change).abs() < 1e-6
        );
    }
}

#[test]
fn bounded_workers_have_no_money_measure() {
    let society = society(Economy::default()).bounded(&[Some(0.5); 400]);
    let schedule = Schedule::flat(0.2).unwrap();
    let a = society.outcome(&schedule);
    let error = variations(&society, (&schedule, &a), (&schedule, &a)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

/// Five workers in two groups, by hand.
#[test]
fn distribution_by_hand() {
    let income = [50.0, 10.0, 20.0, 30.0, 40.0];
    let a = Side {
        income: &income,
        tax: &[5.0, 1.0, 2.0, 3.0, 4.0],
        disposable: &[48.0, 12.0, 21.0, 30.0, 39.0],
    };
    let b = Side {
        income: &[40.0, 10.0, 20.0, 30.0, 40.0],
        tax: &[8.0, 0.0, 2.0, 6.0, 4.0],
        disposable: &[35.2, 13.2, 21.2, 27.2, 39.2],
    };
    let gain = [-12.8, 1.2, 0.2, -2.8, 0.2];
    let rows = distribution(&income, a, b, &gain, 0.5, 2);
    assert_eq!(
        rows.iter()
            .map(|r| (r.group, r.workers))
            .collect::<Vec<_>>(),
        [(1, 3), (2, 2), (0, 5)]
    );
    let close = |x: f64, y: f64| assert!((x - y).abs() < 1e-12, "{x} {y}");
    // Workers 10, 20, 30: tax 6/3 → 8/3, winners one, losers one.
    let poor = &rows[0];
    close(poor.income, 20.0);
    close(poor.tax_before, 2.0);
    close(poor.tax_after, 8.0 / 3.0);
    close(poor.change_before_rebate, -2.0 / 3.0);
    close(poor.change, (61.6 - 63.0) / 3.0);
    close(poor.relative_change, -1.4 / 63.0);
    close(poor.winners, 1.0 / 3.0);
    close(poor.losers, 1.0 / 3.0);
    // Workers 40 and 50 lose (−10 − 3) before the rebate.
    close(rows[1].change_before_rebate, -6.5);
    close(rows[1].losers, 0.5);
    // Everybody: the identity Δc − Δ(z − T) = ΔR.
    let all = &rows[2];
    close(all.gain, gain.iter().sum::<f64>() / 5.0);
    close(all.change - all.change_before_rebate, -0.2 + 0.4);
}
