use super::*;
use crate::fiscal::optimum::{Effort, optimum};
use crate::fiscal::{Schedule, laws};

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

fn wages(n: usize) -> Vec<f64> {
    (0..n).map(|i| 6.0 * 1.04f64.powi(i as i32)).collect()
}

/// Pareto wages on a fine geometric grid, far into the tail, without a limit of hours.
fn pareto(economy: &Economy, tail: f64) -> Types {
    let ratio: f64 = 1.001;
    let wage: Vec<f64> = (0..24_000).map(|i| 0.01 * ratio.powi(i)).collect();
    let survival = |w: f64| (w / 0.01).powf(-tail);
    let mass = wage
        .iter()
        .map(|&w| survival(w) - survival(w * ratio))
        .collect();
    let mut types = Types::of_wages(economy, &wage, mass);
    types.most.fill(f64::INFINITY);
    types
}

/// (1 − g)/(1 − g + a·e): Diamond (1998), Saez (2001); a is the Pareto parameter of income, that of
/// wages a·(1 + e), as income is proportional to w^{1+e} under one rate.
#[test]
fn top_rates_in_a_pareto_tail() {
    for (a, e, g, percent) in [
        (1.5, 0.25, 0.0, 72.7),
        (1.5, 0.5, 0.0, 57.1),
        (2.364, 0.4, 0.0, 51.4),
        (1.5, 0.25, 0.4, 61.5),
    ] {
        let economy = Economy {
            labor_exponent: 1.0 + 1.0 / e,
            ..Economy::default()
        };
        let types = pareto(&economy, a * (1.0 + e));
        let mut weight = vec![g; types.len()];
        // All other weight on the first type, so that the mean is 1.
        let total: f64 = types.mass.iter().sum();
        weight[0] += (1.0 - g) * total / types.mass[0];
        let menu = linear_menu(&economy, &types, &weight, 0.0).unwrap();
        // Far from the last type, whose rate is 0 because nobody is above it.
        for j in [2_000, 6_000, 10_000] {
            let rate = 100.0 * menu.marginal_rate[j];
            assert!((rate - percent).abs() < 0.3, "a {a} e {e} g {g}: {rate}");
        }
        assert!(menu.marginal_rate[types.len() - 1].abs() < 1e-9);
    }
}

/// Two types: all (z_1, z_2, c_1) on a grid that is refined, c_2 from the budget, both incentive
/// constraints checked, nothing assumed about which binds.
#[test]
fn two_types_by_brute_force() {
    for economy in [Economy::default(), isoelastic(1.0), isoelastic(1.5)] {
        for objective in [
            Objective::Atkinson { epsilon: 2.0 },
            Objective::Rawlsian,
            Objective::Isoelastic { gamma: 1.0 },
        ] {
            let wage = [12.0, 45.0];
            let society = Society::rational(economy, wage.to_vec());
            let found = best_menu(&society, &objective).unwrap();
            let utility = |i: usize, z: f64, c: f64| {
                economy.utility(c, z / (economy.weeks_per_year * wage[i]))
            };
            let value = |z: [f64; 2], c1: f64| {
                let c = [c1, z[0] + z[1] - c1];
                if z.iter().any(|z| *z < 0.0)
                    || z[0] > economy.income(wage[0], economy.labor_max)
                    || z[1] > economy.income(wage[1], economy.labor_max)
                {
                    return f64::NEG_INFINITY;
                }
                let u = [utility(0, z[0], c[0]), utility(1, z[1], c[1])];
                let within = z[1] <= economy.income(wage[0], economy.labor_max);
                if u[1] < utility(1, z[0], c[0]) || (within && u[0] < utility(0, z[1], c[1])) {
                    return f64::NEG_INFINITY;
                }
                objective.welfare(
                    &economy,
                    &Allocation {
                        wage: &wage,
                        income: &z,
                        disposable: &c,
                        utility: &u,
                    },
                )
            };
            // A grid over the whole box, then ever smaller ones around the best point.
            let mut centre = [40_000.0, 120_000.0, 40_000.0];
            let mut half = [40_000.0, 120_000.0, 60_000.0];
            let mut best = f64::NEG_INFINITY;
            for _ in 0..40 {
                let middle = centre;
                for i in -10..=10 {
                    for j in -10..=10 {
                        for k in -10..=10 {
                            let at = |axis: usize, step: i32| {
                                middle[axis] + half[axis] * f64::from(step) / 10.0
                            };
                            let (z1, z2, c1) = (at(0, i), at(1, j), at(2, k));
                            let w = value([z1, z2], c1);
                            if w > best {
                                (best, centre) = (w, [z1, z2, c1]);
                            }
                        }
                    }
                }
                half = half.map(|h| 0.7 * h);
            }
            let tolerance = 2e-4 * best.abs().max(0.1);
            assert!(
                found.welfare >= best - 1e-9 * best.abs(),
                "{objective:?} {:?}: {} below {best}",
                economy.utility,
                found.welfare
            );
            assert!(
                found.welfare <= best + tolerance,
                "{objective:?} {:?}: {} above {best} {centre:?} {:?}",
                economy.utility,
                found.welfare,
                found.menu
            );
        }
    }
}

/// Every pair is affordable together, and nobody prefers another's.
#[test]
fn nobody_prefers_anothers_pair() {
    let objectives = Objective::defaults();
    let objectives = objectives
        .iter()
        .filter(|objective| **objective != Objective::InverseIncome);
    for economy in [Economy::default(), isoelastic(1.5)] {
        let wage = wages(60);
        let society = Society::rational(economy, wage.clone());
        for objective in objectives.clone() {
            let found = best_menu(&society, objective).unwrap();
            let menu = &found.menu;
            let balance: f64 = (menu.income.iter().zip(&menu.consumption))
                .map(|(z, c)| z - c)
                .sum();
            let produced: f64 = menu.income.iter().sum();
            assert!(balance.abs() < 1e-7 * produced, "{objective:?} {balance}");
            for (i, &w) in wage.iter().enumerate() {
                for j in 0..60 {
                    let labor = menu.income[j] / (economy.weeks_per_year * w);
                    if labor > economy.labor_max {
                        continue;
                    }
                    let other = economy.utility(menu.consumption[j], labor);
                    let own = menu.utility[i];
                    assert!(other <= own + 1e-7 * own.abs().max(1e-3), "{objective:?}");
                }
            }
        }
    }
}

/// No brackets do better, more brackets come nearer, and the bound of concavity is met.
#[test]
fn brackets_approach_the_continuous_optimum_from_below() {
    for objective in [
        Objective::InverseWage,
        Objective::Rawlsian,
        Objective::Atkinson { epsilon: 2.0 },
        Objective::Nash,
    ] {
        let society = Society::rational(
            Economy::default(),
            (0..400).map(|i| 6.0 * 1.01f64.powi(i)).collect(),
        );
        let best = best_menu(&society, &objective).unwrap();
        let gap = best.gap.unwrap();
        assert!(
            gap.abs() < 1e-5 * best.welfare.abs(),
            "{objective:?}: gap {gap}"
        );
        let us = society.welfare(laws::find("us-2024").unwrap(), &objective);
        let mut missing = f64::INFINITY;
        for brackets in [1, 2, 4, 8, 16] {
            // Edges at even ranks of the incomes of the best menu.
            let mut edges = vec![0.0];
            for k in 1..brackets {
                edges.push(best.menu.income[400 * k / brackets].max(edges[k - 1] + 1.0));
            }
            let effort = Effort::default();
            let found = optimum(&society, &edges, &objective, &[], false, effort);
            let gap = best.welfare - found.welfare;
            assert!(
                gap >= -1e-9 * best.welfare.abs(),
                "{objective:?} {brackets}: {gap}"
            );
            assert!(
                gap <= missing * 1.0001,
                "{objective:?} {brackets}: {gap} after {missing}"
            );
            missing = gap;
        }
        assert!(
            missing < 0.06 * (best.welfare - us),
            "{objective:?} {missing}"
        );
    }
}

/// Under isoelastic utility, too, no schedule is better.
#[test]
fn no_schedule_beats_the_menu_with_income_effects() {
    for eta in [0.5, 1.0, 2.0] {
        let economy = isoelastic(eta);
        let society = Society::rational(economy, wages(60));
        for objective in [Objective::Utilitarian, Objective::Rawlsian] {
            let best = best_menu(&society, &objective).unwrap();
            let edges = [0.0, 20_000.0, 40_000.0, 60_000.0, 90_000.0, 140_000.0];
            let effort = Effort {
                random_starts: 3,
                coarse_workers: 100,
                polished: 2,
                ..Effort::default()
            };
            let found = optimum(&society, &edges, &objective, &[], false, effort);
            let untaxed = society.welfare(&Schedule::flat(0.0).unwrap(), &objective);
            let share = (found.welfare - untaxed) / (best.welfare - untaxed);
            assert!(
                share <= 1.0 + 1e-6 && share > 0.9,
                "{eta} {objective:?} {share}"
            );
        }
    }
}

/// The same population in the limit of many types is Mirrlees's problem: the log case solved by
/// the differential equations has other disutility, so only what both share is compared here: the
/// rate of the last type is 0, and of the first 0 where all work.
#[test]
fn no_distortion_at_either_end() {
    for economy in [Economy::default(), isoelastic(1.0)] {
        let society = Society::rational(economy, wages(80));
        let menu = best_menu(&society, &Objective::Isoelastic { gamma: 0.5 })
            .unwrap()
            .menu;
        assert!(
            menu.marginal_rate[79].abs() < 1e-4,
            "{}",
            menu.marginal_rate[79]
        );
        assert!(
            menu.marginal_rate[..79]
                .iter()
                .all(|rate| *rate > -1e-4 && *rate < 1.0)
        );
    }
}

#[test]
fn workers_without_an_order_are_refused() {
    use crate::fiscal::Behaviour;
    let economy = Economy::default();
    let fixed = Society::new(
        economy,
        vec![10.0, 20.0],
        vec![Behaviour::Rational, Behaviour::Fixed(40.0)],
    );
    assert!(best_menu(&fixed, &Objective::Rawlsian).is_err());
    let other = Economy {
        labor_exponent: 3.0,
        ..economy
    };
    let mixed =
        Society::rational(economy, vec![10.0, 20.0]).with_tastes(vec![economy, other], vec![0, 1]);
    assert!(best_menu(&mixed, &Objective::Rawlsian).is_err());
    let rational = Society::rational(economy, vec![10.0, 20.0]);
    assert!(best_menu(&rational, &Objective::InverseIncome).is_err());
}

/// Every objective, much and little public spending: no brackets are better, and what is no bound is
/// not given out as one.
#[test]
fn no_brackets_beat_the_menu_whatever_the_objective() {
    let wage: Vec<f64> = (0..60).map(|i| 6.0 * 1.05f64.powi(i)).collect();
    let edges = [0.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0, 200_000.0];
    let mut objectives = Objective::defaults();
    objectives.push(Objective::Sufficiency {
        threshold: 60_000.0,
    });
    objectives.push(Objective::Pareto {
        weights: vec![3.0, 2.0, 1.0],
    });
    let mut solved = 0;
    for public_spending in [0.0, 20_000.0, 36_000.0] {
        let economy = Economy {
            public_spending,
            ..Economy::default()
        };
        let society = Society::rational(economy, wage.clone());
        for objective in &objectives {
            let Ok(best) = best_menu(&society, objective) else {
                continue;
            };
            solved += 1;
            let scale = best.welfare.abs().max(1.0);
            if let Some(gap) = best.gap {
                assert!((0.0..1e-5 * scale).contains(&gap), "{objective:?} {gap}");
            }
            let effort = Effort {
                random_starts: 2,
                polished: 2,
                wandering: 1,
                tries: 50,
                ..Effort::default()
            };
            let found = optimum(&society, &edges, objective, &[], true, effort);
            assert!(
                found.welfare <= best.welfare + 1e-7 * scale,
                "{objective:?} {public_spending}: {} above {}",
                found.welfare,
                best.welfare
            );
            // Nor the menus for other weights, among them those that make welfare of the poor all.
            let (types, _) = society.types().unwrap();
            for power in [0.0, 0.5, 1.0, 2.0, 4.0, 8.0] {
                let weight: Vec<f64> = wage.iter().map(|w| w.powf(-power)).collect();
                let menu = linear_menu(&economy, &types, &weight, public_spending).unwrap();
                let welfare = objective.welfare(
                    &economy,
                    &Allocation {
                        wage: &wage,
                        income: &menu.income,
                        disposable: &menu.consumption,
                        utility: &menu.utility,
                    },
                );
                assert!(
                    welfare <= best.welfare + 1e-7 * scale,
                    "{objective:?} {public_spending} {power}: {welfare} above {}",
                    best.welfare
                );
            }
        }
    }
    assert!(solved >= 25, "{solved}");
}

/// Weights that rise with the wage, a menu below the floor, and spending beyond all output.
#[test]
fn what_has_no_continuous_optimum_says_so() {
    let society = |public_spending: f64, utility: Utility| {
        let economy = Economy {
            public_spending,
            utility,
            labor_cost: if utility == Utility::Quasilinear {
                0.0005
            } else {
                1e-7
            },
            ..Economy::default()
        };
        Society::rational(economy, wages(40))
    };
    let isoelastic = isoelastic(1.5).utility;
    let refused = |society: &Society, objective: Objective, why: &str| {
        let message = best_menu(society, &objective).unwrap_err().to_string();
        assert!(message.contains(why), "{message}");
    };
    let rising = Objective::Pareto {
        weights: vec![0.0, 1.0, 3.0],
    };
    refused(&society(0.0, Utility::Quasilinear), rising, "rise");
    refused(
        &society(40_000.0, Utility::Quasilinear),
        Objective::Nash,
        "floor",
    );
    refused(&society(1e6, isoelastic), Objective::Utilitarian, "finance");
    // Much spending that can be financed is financed.
    let found = best_menu(&society(25_000.0, isoelastic), &Objective::Utilitarian).unwrap();
    assert!(found.menu.consumption.iter().all(|c| *c > 0.0));
}
