use super::*;
use crate::fiscal::Economy;

fn society() -> Society {
    let wages = (0..200)
        .map(|i| 6.0 + 0.5 * f64::from(i) + f64::from(i * i) / 400.0)
        .collect();
    Society::rational(Economy::default(), wages)
}

/// Under quasilinear utility money is worth the same to all, so taxing only destroys work.
#[test]
fn utilitarian_optimum_of_a_quasilinear_economy_is_zero_tax() {
    let edges = [0.0, 30_000.0, 80_000.0];
    let optimum = optimum(
        &society(),
        &edges,
        &Objective::Utilitarian,
        &[],
        false,
        Effort::default(),
    );
    assert!(
        optimum.schedule.rates().iter().all(|&rate| rate < 1e-6),
        "{}",
        optimum.schedule
    );
    assert!(optimum.best_move <= 0.0);
}

/// Two brackets by brute force on a 1-point grid: the search is never below it.
#[test]
fn at_least_as_good_as_brute_force() {
    let society = society();
    let edges = [0.0, 60_000.0];
    for objective in [Objective::InverseWage, Objective::Rawlsian, Objective::Nash] {
        let optimum = optimum(&society, &edges, &objective, &[], false, Effort::default());
        let grid = (0..=100)
            .flat_map(|a| (0..=100).map(move |b| [f64::from(a) / 100.0, f64::from(b) / 100.0]))
            .map(|rates| society.welfare(&Schedule::new(&edges, &rates).unwrap(), &objective))
            .fold(f64::NEG_INFINITY, f64::max);
        assert!(
            optimum.welfare >= grid,
            "{objective:?}: {} < {grid}",
            optimum.welfare
        );
        assert!(optimum.best_move <= 0.0);
        let again = society.welfare(&optimum.schedule, &objective);
        assert_eq!(again, optimum.welfare);
    }
}

/// The Rawlsian flat tax of workers who can idle maximises revenue: 1/(1+e).
#[test]
fn rawlsian_flat_tax_is_the_laffer_peak() {
    let mut wages = vec![1e-6];
    wages.extend([0.001, 0.002, 0.003]);
    let society = Society::rational(Economy::default(), wages);
    let (schedule, _) = best_flat(&society, &Objective::Rawlsian);
    assert!((schedule.rates()[0] - 1.0 / 1.4).abs() < 1e-3, "{schedule}");
}

/// A few isoelastic workers: where rates fall there may be no rebate that workers expect and
/// get, and such schedules must not be chosen, however good their books look.
#[test]
fn optimum_is_an_equilibrium() {
    let economy = Economy {
        utility: crate::fiscal::Utility::Isoelastic {
            eta: 1.5,
            consumption_unit: 1000.0,
        },
        labor_cost: 1e-7,
        ..Economy::default()
    };
    let wages = (0..12).map(|i| 6.0 * 1.28f64.powi(i)).collect();
    let society = Society::rational(economy, wages);
    let edges = [0.0, 90_000.0, 159_100.0];
    let effort = Effort {
        random_starts: 4,
        coarse_workers: 100,
        polished: 2,
        ..Effort::default()
    };
    let found = optimum(
        &society,
        &edges,
        &Objective::Utilitarian,
        &[],
        false,
        effort,
    );
    let outcome = society.outcome(&found.schedule);
    assert!(
        outcome.rebate_gap < 0.1,
        "{} {}",
        outcome.rebate_gap,
        found.schedule
    );
    // Everybody's hours are a best response to the rebate that is paid.
    for (&w, &l) in society.wage().iter().zip(&outcome.labor) {
        let utility = |l| economy.utility_of_labor(w, l, &found.schedule, outcome.rebate);
        let best = crate::fiscal::best_response(&economy, &found.schedule, w, outcome.rebate);
        assert!(utility(l) >= utility(best) - 1e-6, "{w}");
    }
    let (_, flat) = best_flat(&society, &Objective::Utilitarian);
    assert!(found.welfare >= flat - 1e-4, "{} < {flat}", found.welfare);
}

/// Under quasilinear utility and the utilitarian objective a tax only destroys work, so the best
/// flat tax that raises X is the lower root of t·(1 − t)^e·Z₀ = X, on the good side of the Laffer peak.
#[test]
fn required_revenue_of_a_flat_tax_in_closed_form() {
    let economy = Economy::default();
    // Wages at which nobody reaches the limit of hours.
    let society = Society::rational(economy, vec![10.0, 20.0, 40.0]);
    let untaxed = society.outcome(&Schedule::flat(0.0).unwrap());
    let income = crate::fiscal::inequality::mean(&untaxed.income);
    for rate in [0.1, 0.3, 0.6] {
        let revenue = rate * (1.0f64 - rate).powf(0.4) * income;
        let constraints = Constraints {
            revenue: Some(revenue),
            ..Constraints::default()
        };
        let found = optimum_within(
            &society,
            &[0.0],
            &Objective::Utilitarian,
            &[],
            &constraints,
            Effort::default(),
        )
        .unwrap();
        let got = found.schedule.rates()[0];
        assert!((got - rate).abs() < 1e-4, "{got} for {rate}");
        assert!(found.revenue >= revenue - 1e-6 * revenue);
        // The price of revenue is 1/(1 − e·t/(1−t)) − 1: what a dollar costs beyond itself.
        let price = 1.0 / (1.0 - 0.4 * rate / (1.0 - rate)) - 1.0;
        assert!(
            (found.shadow_price - price).abs() < 0.02 * price + 1e-3,
            "{} for {price}",
            found.shadow_price
        );
    }
    let impossible = Constraints {
        revenue: Some(income),
        ..Constraints::default()
    };
    let refused = optimum_within(
        &society,
        &[0.0],
        &Objective::Utilitarian,
        &[],
        &impossible,
        Effort::default(),
    );
    assert!(refused.unwrap_err().to_string().contains("at most"));
}

/// All pairs of whole percentages that obey the constraints: none is better.
#[test]
fn constrained_optima_against_brute_force() {
    let society = society();
    let edges = [0.0, 60_000.0];
    let us = crate::fiscal::laws::find("us-2024").unwrap();
    let law_revenue = crate::fiscal::inequality::mean(&society.outcome(us).tax);
    let all = Constraints::default();
    for (objective, constraints) in [
        (
            Objective::InverseWage,
            Constraints {
                monotone: true,
                ..all
            },
        ),
        (Objective::InverseWage, Constraints { high: 0.45, ..all }),
        (
            Objective::Utilitarian,
            Constraints {
                revenue: Some(law_revenue),
                ..all
            },
        ),
        (
            Objective::Nash,
            Constraints {
                revenue: Some(30_000.0),
                monotone: true,
                ..all
            },
        ),
        (
            Objective::Utilitarian,
            Constraints {
                low: -1.0,
                revenue: Some(2_000.0),
                ..all
            },
        ),
    ] {
        let found = optimum_within(
            &society,
            &edges,
            &objective,
            &[],
            &constraints,
            Effort::default(),
        )
        .unwrap();
        let rates = found.schedule.rates();
        assert!(
            rates
                .iter()
                .all(|r| (constraints.low..=constraints.high).contains(r))
        );
        assert!(!constraints.monotone || rates[0] <= rates[1]);
        if constraints.revenue.is_some() {
            for condition in &found.first_order {
                // At the price of revenue no rate moves welfare.
                assert!(
                    condition.residual().unwrap() <= 1e-5 * found.welfare.abs(),
                    "{condition:?}"
                );
            }
        }
        let least = constraints.revenue.unwrap_or(f64::NEG_INFINITY);
        assert!(found.revenue >= least - 1e-9 * least.abs());
        let lowest = (100.0 * constraints.low) as i32;
        let highest = (100.0 * constraints.high) as i32;
        for a in lowest..=highest {
            for b in lowest..=highest {
                if constraints.monotone && a > b {
                    continue;
                }
                let rates = [f64::from(a) / 100.0, f64::from(b) / 100.0];
                let schedule = Schedule::with_subsidy(&edges, &rates, true).unwrap();
                let outcome = society.outcome(&schedule);
                if crate::fiscal::inequality::mean(&outcome.tax) < least {
                    continue;
                }
                let welfare =
                    objective.welfare(society.economy(), &outcome.allocation(society.wage()));
                assert!(
                    found.welfare >= welfare - 1e-6 * welfare.abs(),
                    "{objective:?} {constraints:?}: {} {} below {welfare} {schedule}",
                    found.welfare,
                    found.schedule
                );
            }
        }
    }
}

/// Two brackets on a grid of thresholds (every 4,000 $) and rates (every 2 points).
#[test]
fn free_thresholds_are_at_least_as_good_as_brute_force() {
    let society = society();
    for objective in [Objective::InverseWage, Objective::Rawlsian] {
        let found = [1, 2, 3].map(|brackets| {
            best_thresholds(&society, &objective, brackets, &Constraints::default())
        });
        assert!(found[0].welfare <= found[1].welfare && found[1].welfare <= found[2].welfare);
        let mut grid = f64::NEG_INFINITY;
        for edge in (1..50).map(|k| 4_000.0 * f64::from(k)) {
            for a in 0..=50 {
                for b in 0..=50 {
                    let rates = [f64::from(a) / 50.0, f64::from(b) / 50.0];
                    let schedule = Schedule::new(&[0.0, edge], &rates).unwrap();
                    grid = grid.max(society.welfare(&schedule, &objective));
                }
            }
        }
        assert!(
            found[1].welfare >= grid,
            "{objective:?}: {} below {grid}",
            found[1].welfare
        );
        for found in &found {
            let welfare = society.welfare(&found.schedule, &objective);
            assert_eq!(welfare, found.welfare);
            let whole = |edge: &f64| edge.fract() == 0.0;
            assert!(
                found.schedule.edges().iter().all(whole),
                "{}",
                found.schedule
            );
        }
    }
}

/// At the optimum no rate gains from a hundredth of a point either way; away from it some does, by
/// as much as the difference quotient of welfare says.
#[test]
fn first_order_conditions_hold_at_the_optimum_alone() {
    let society = society();
    let edges = [0.0, 30_000.0, 80_000.0];
    let objective = Objective::InverseWage;
    let found = optimum(&society, &edges, &objective, &[], false, Effort::default());
    let scale = found.welfare.abs();
    for condition in &found.first_order {
        assert!(
            condition.residual().unwrap() <= 1e-7 * scale,
            "{condition:?}"
        );
    }
    let goal = Goal::Welfare(&objective);
    let away = Search::new(
        &society,
        &edges,
        goal,
        Constraints::default(),
        &[0.3, 0.3, 0.3],
    );
    let conditions = certified(away, &objective, 1.0).first_order;
    for (k, condition) in conditions.iter().enumerate() {
        let mut rates = [0.3; 3];
        rates[k] = 0.3 + 1e-6;
        let at =
            |rates: &[f64]| society.welfare(&Schedule::new(&edges, rates).unwrap(), &objective);
        let slope = (at(&rates) - at(&[0.3; 3])) / 1e-6 * 0.01;
        assert!(
            (condition.rise.unwrap() - slope).abs() < 0.05 * slope.abs(),
            "{condition:?} {slope}"
        );
        assert!(condition.residual().unwrap() > 1e-6 * scale);
    }
}

/// The shadow price is the slope of best welfare in the requirement, re-solved on both sides, with
/// rates that must rise and with a cap that leaves little room.
#[test]
fn shadow_prices_are_slopes_of_best_welfare() {
    let society = society();
    let edges = [0.0, 40_000.0, 100_000.0];
    let objective = Objective::Utilitarian;
    for (monotone, high, revenue) in [
        (false, 1.0, 12_000.0),
        (true, 1.0, 12_000.0),
        (true, 1.0, 18_000.0),
        (false, 0.3, 14_000.0),
    ] {
        let solve = |revenue: f64| {
            let constraints = Constraints {
                monotone,
                high,
                revenue: Some(revenue),
                ..Constraints::default()
            };
            let effort = Effort::default();
            optimum_within(&society, &edges, &objective, &[], &constraints, effort).unwrap()
        };
        let found = solve(revenue);
        let slope =
            -(solve(1.01 * revenue).welfare - solve(0.99 * revenue).welfare) / (0.02 * revenue);
        assert!(
            (found.shadow_price - slope).abs() < 0.1 * slope,
            "{monotone} {high} {revenue}: {} {slope}",
            found.shadow_price
        );
    }
}
