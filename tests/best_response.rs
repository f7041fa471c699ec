//! Best responses against brute force: 10,000 random cases of each utility.

use fisc::fiscal::{Economy, Schedule, Utility, best_response};
use proptest::prelude::*;

/// Best utility on a grid over hours that is refined around its best points, with all kinks included.
fn brute_force(economy: &Economy, schedule: &Schedule, wage: f64, rebate: f64) -> f64 {
    let utility = |labor: f64| economy.utility_of_labor(wage, labor, schedule, rebate);
    let mut best = f64::NEG_INFINITY;
    let max = economy.labor_max;
    let mut ends = vec![0.0];
    for &edge in schedule.edges() {
        let labor = edge / (economy.weeks_per_year * wage);
        if labor > 0.0 && labor < max {
            ends.push(labor);
        }
    }
    ends.push(max);
    // Utility is concave between kinks: golden-section search on each piece.
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    for piece in ends.windows(2) {
        let (mut low, mut high) = (piece[0], piece[1]);
        best = best.max(utility(low)).max(utility(high));
        for _ in 0..80 {
            let (a, b) = (high - golden * (high - low), low + golden * (high - low));
            if utility(a) < utility(b) {
                low = a
            } else {
                high = b
            }
        }
        best = best.max(utility(0.5 * (low + high)));
    }
    // And a plain grid, in case a piece is not concave after all.
    for i in 0..=200 {
        best = best.max(utility(max * f64::from(i) / 200.0));
    }
    best
}

fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 1 => Just(1.0), 6 => 0.0..=1.0f64]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    (1usize..=12).prop_flat_map(|brackets| {
        (
            prop::collection::vec(100.0..40_000.0f64, brackets - 1),
            prop::collection::vec(rate(), brackets),
        )
            .prop_map(|(widths, rates)| {
                let mut edges = vec![0.0];
                for width in widths {
                    edges.push(edges.last().unwrap() + width);
                }
                Schedule::new(&edges, &rates).unwrap()
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn quasilinear(schedule in schedule(), wage in 0.5..400.0f64, delta in 1.2..6.0f64, rebate in -5e3..5e4f64) {
        // χ such that untaxed hours lie around 5 to 200, corners included.
        let economy = Economy { labor_exponent: delta, ..Economy::default() };
        let chi = wage / (delta * 60f64.powf(delta - 1.0)) * (1.0 + rebate.abs() / 2e4);
        let economy = Economy { labor_cost: chi, ..economy };
        let labor = best_response(&economy, &schedule, wage, rebate);
        prop_assert!((0.0..=economy.labor_max * (1.0 + 1e-12)).contains(&labor));
        let found = economy.utility_of_labor(wage, labor, &schedule, rebate);
        let best = brute_force(&economy, &schedule, wage, rebate);
        prop_assert!(found >= best - 1e-6 * best.abs().max(1.0), "{found} < {best} at {labor} h on {schedule}");
    }

    #[test]
    fn isoelastic(schedule in schedule(), wage in 0.5..400.0f64, eta in 0.0..3.0f64, rebate in -3e3..3e4f64, log in any::<bool>()) {
        let eta = if log { 1.0 } else { eta };
        let utility = Utility::Isoelastic { eta, consumption_unit: 1000.0 };
        let economy = Economy { utility, ..Economy::default() };
        // χ̃ such that hours lie inside for a worker at this wage without tax or rebate.
        let c: f64 = 52.0 * wage * 50.0 / 1000.0;
        let chi = c.powf(-eta) * 52.0 * wage / 1000.0 / (3.5 * 50f64.powf(2.5));
        let economy = Economy { labor_cost: chi, ..economy };
        let labor = best_response(&economy, &schedule, wage, rebate);
        prop_assert!((0.0..=economy.labor_max * (1.0 + 1e-12)).contains(&labor));
        let found = economy.utility_of_labor(wage, labor, &schedule, rebate);
        let best = brute_force(&economy, &schedule, wage, rebate);
        prop_assert!(found >= best - 1e-6 * best.abs().max(1.0), "{found} < {best} at {labor} h on {schedule}");
    }
}
