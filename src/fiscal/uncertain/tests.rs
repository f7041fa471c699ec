use super::scalarise::simplex_lattice;
use super::*;
use crate::fiscal::Economy;
use crate::fiscal::optimum::{self, Constraints};

fn three() -> ObjectiveSet {
    ObjectiveSet::new(vec![
        Objective::Utilitarian,
        Objective::InverseWage,
        Objective::Rawlsian,
    ])
    .unwrap()
}

fn quick() -> Effort {
    Effort {
        optimum: optimum::Effort {
            random_starts: 4,
            polished: 3,
            ..optimum::Effort::default()
        },
        weightings: 20,
        ..Effort::default()
    }
}

/// Worked by hand: credences 1/2, 3/10, 1/5.
#[test]
fn order_and_probability() {
    let set = three().with_credence(&[5.0, 3.0, 2.0]).unwrap();
    assert_eq!(set.credence().unwrap(), [0.5, 0.3, 0.2]);
    for (a, b, verdict, probability) in [
        ([2.0, 2.0, 2.0], [1.0, 1.0, 1.0], Verdict::Better, 1.0),
        ([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], Verdict::Worse, 0.0),
        // One tie leaves the order as it is and halves its credence.
        ([2.0, 1.0, 2.0], [1.0, 1.0, 1.0], Verdict::Better, 0.85),
        ([1.0, 1.0, 0.0], [1.0, 1.0, 1.0], Verdict::Worse, 0.4),
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], Verdict::Equal, 0.5),
        ([2.0, 0.0, 0.0], [1.0, 1.0, 1.0], Verdict::Undecided, 0.5),
        ([0.0, 2.0, 0.0], [1.0, 1.0, 1.0], Verdict::Undecided, 0.3),
        (
            [-1.0, -3.0, 5.0],
            [-2.0, -1.0, 5.0],
            Verdict::Undecided,
            0.6,
        ),
        // Rounding is no reason.
        ([1e4 + 1e-7, 1.0, 1.0], [1e4, 1.0, 1.0], Verdict::Equal, 0.5),
        (
            [f64::NEG_INFINITY, 1.0, 1.0],
            [f64::NEG_INFINITY, 1.0, 0.0],
            Verdict::Better,
            0.6,
        ),
    ] {
        let found = set.compare(&a, &b);
        assert_eq!(found.verdict, verdict, "{a:?} {b:?}");
        assert!(
            (found.probability.unwrap() - probability).abs() < 1e-15,
            "{a:?} {b:?}"
        );
        let back = set.compare(&b, &a);
        assert!((back.probability.unwrap() - (1.0 - probability)).abs() < 1e-15);
        // Without credences the order is the same and nothing is said of probabilities.
        let order = three().compare(&a, &b);
        assert_eq!((order.verdict, order.probability), (verdict, None));
    }
    let nothing = set.compare(&[f64::NAN, 1.0, 1.0], &[1.0, 0.0, 0.0]);
    assert_eq!(
        (nothing.verdict, nothing.probability),
        (Verdict::Undecided, None)
    );
}

#[test]
fn broken_sets_are_refused() {
    let refused = |objectives: Vec<Objective>, part: &str| {
        let message = ObjectiveSet::new(objectives).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    refused(vec![Objective::Nash], "two or more");
    refused(
        vec![Objective::Nash, Objective::Rank, Objective::Nash],
        "this objective twice",
    );
    refused(
        vec![Objective::Nash, Objective::Atkinson { epsilon: -1.0 }],
        "epsilon",
    );
    for (credence, part) in [
        (&[0.5, 0.5][..], "2 credences"),
        (&[0.5, 0.6, -0.1], "credence out of range"),
        (&[0.5, 0.6, f64::NAN], "credence out of range"),
        (&[0.0, 0.0, 0.0], "one above 0"),
    ] {
        let message = three().with_credence(credence).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn labels_tell_parameters_apart_where_they_must() {
    let set = ObjectiveSet::new(vec![
        Objective::Atkinson { epsilon: 0.5 },
        Objective::Atkinson { epsilon: 2.0 },
        Objective::Isoelastic { gamma: 1.0 },
    ])
    .unwrap();
    assert_eq!(set.labels(), ["atkinson-0.5", "atkinson-2", "isoelastic"]);
}

#[test]
fn regret_by_hand() {
    let set = ObjectiveSet::new(vec![Objective::Utilitarian, Objective::Rank]).unwrap();
    let stakes = Stakes::new(&set, vec![110.0, -1.0], vec![100.0, -5.0]).unwrap();
    assert_eq!(stakes.regret(&[110.0, -1.0]), [0.0, 0.0]);
    assert_eq!(stakes.regret(&[100.0, -5.0]), [1.0, 1.0]);
    assert_eq!(stakes.regret(&[105.0, -9.0]), [0.5, 2.0]);
    // Other units of welfare, the same regret.
    let scaled = Stakes::new(&set, vec![1100.0, 6.0], vec![1000.0, 2.0]).unwrap();
    assert_eq!(scaled.regret(&[1050.0, -2.0]), [0.5, 2.0]);
    let nothing = Stakes::new(&set, vec![100.0, -1.0], vec![100.0, -5.0]);
    let message = nothing.unwrap_err().to_string();
    assert!(
        message.contains("regret under utilitarian has no unit"),
        "{message}"
    );
}

/// A linear tax on workers who are all interior and one who cannot earn, in closed form. With z̄ the
/// mean income at t = 0: revenue t(1−t)^e z̄ is what the idle one lives on, and the others keep
/// (1−t)^{1+e} z̄ (1 − 1/δ) on average after the disutility of work, as that is (1−t)z/δ.
#[test]
fn linear_tax_in_closed_form() {
    let economy = Economy::default();
    let (e, delta) = (economy.elasticity(), economy.labor_exponent);
    let wages = vec![1e-9, 0.001, 0.002, 0.004];
    let society = Society::rational(economy, wages.clone());
    let untaxed: f64 = wages
        .iter()
        .map(|&w| economy.income(w, economy.untaxed_labor(w)))
        .sum::<f64>()
        / wages.len() as f64;
    let revenue = |t: f64| t * (1.0 - t).powf(e) * untaxed;
    let mean = |t: f64| (1.0 - t).powf(1.0 + e) * untaxed * (1.0 - 1.0 / delta) + revenue(t);
    let (best, base) = (1.0 / (1.0 + e), 0.9);
    let regret = |t: f64| {
        [
            (mean(0.0) - mean(t)) / (mean(0.0) - mean(base)),
            (revenue(best) - revenue(t)) / (revenue(best) - revenue(base)),
        ]
    };
    // Between the two optima one regret rises and the other falls: they meet once.
    let (mut low, mut high) = (0.0, best);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        let [utilitarian, rawlsian] = regret(middle);
        if utilitarian < rawlsian {
            low = middle;
        } else {
            high = middle;
        }
    }
    let credence = [0.7, 0.3];
    let expected = |t: f64| credence[0] * regret(t)[0] + credence[1] * regret(t)[1];
    let least = (0..=1_000_000)
        .map(|i| f64::from(i) * 1e-6)
        .min_by(|a, b| expected(*a).total_cmp(&expected(*b)))
        .unwrap();

    let set = ObjectiveSet::new(vec![Objective::Utilitarian, Objective::Rawlsian])
        .unwrap()
        .with_credence(&credence)
        .unwrap();
    let baseline = Schedule::flat(base).unwrap();
    let found = frontier(
        &set,
        &society,
        &[0.0],
        &baseline,
        &[],
        &Constraints::default(),
        Effort::default(),
    )
    .unwrap();
    let rate = |point: &Point| point.schedule.rates()[0];
    assert!(rate(&found.optima[0]) < 1e-6);
    assert!((rate(&found.optima[1]) - best).abs() < 1e-3);
    assert!(
        (rate(&found.minimax) - low).abs() < 1e-5,
        "{low} {:?}",
        found.minimax
    );
    let expecting = found.expected.unwrap();
    assert!(
        (rate(&expecting) - least).abs() < 1e-3,
        "{least} {expecting:?}"
    );
    assert!((expecting.expected_regret(&credence) - expected(least)).abs() < 1e-6);
    // Every rate between the optima is undominated, and no other; the points cover them evenly.
    let rates: Vec<f64> = found.points.iter().map(rate).collect();
    assert!(
        rates.iter().all(|t| (0.0..=best + 1e-3).contains(t)),
        "{rates:?}"
    );
    for (point, t) in found.points.iter().zip(&rates) {
        for (a, b) in point.regret.iter().zip(regret(*t)) {
            assert!((a - b).abs() < 1e-5, "{point:?}");
        }
    }
    assert!(
        rates
            .windows(2)
            .all(|pair| pair[0] < pair[1] && pair[1] - pair[0] < 0.12),
        "{rates:?}"
    );
}

fn society() -> Society {
    let wages = (0..200)
        .map(|i| 6.0 + 0.5 * f64::from(i) + f64::from(i * i) / 400.0)
        .collect();
    Society::rational(Economy::default(), wages)
}

/// Two brackets on a 2-point grid: the frontier is not dominated, and no grid point regrets less.
#[test]
fn two_brackets_by_brute_force() {
    let society = society();
    let set = three();
    let edges = [0.0, 60_000.0];
    let baseline = Schedule::new(&edges, &[0.15, 0.25]).unwrap();
    let found = frontier(
        &set,
        &society,
        &edges,
        &baseline,
        &[],
        &Constraints::default(),
        quick(),
    )
    .unwrap();
    let mut least = f64::INFINITY;
    for a in 0..=50 {
        for b in 0..=50 {
            let rates = [f64::from(a) / 50.0, f64::from(b) / 50.0];
            let point = found.judge(&set, &society, &Schedule::new(&edges, &rates).unwrap());
            least = least.min(point.worst_regret());
            for on in &found.points {
                let gains = || on.regret.iter().zip(&point.regret).map(|(a, b)| a - b);
                let dominated = gains().all(|gain| gain >= 0.0) && gains().any(|gain| gain > 1e-3);
                assert!(!dominated, "{on:?}\n{point:?}");
            }
        }
    }
    assert!(found.minimax.worst_regret() <= least);
    for (k, optimum) in found.optima.iter().enumerate() {
        assert!(found.points.contains(optimum));
        assert!(optimum.regret[k].abs() < 1e-12);
    }
    assert!(found.points.contains(&found.minimax));
    let thinned = found.thinned(6);
    assert!(thinned.len() >= 6 && thinned.contains(&&found.minimax));
    assert!(
        found
            .optima
            .iter()
            .all(|optimum| thinned.contains(&optimum))
    );
}

/// Where everybody has enough without taxes, many schedules are best under `sufficiency`; the one
/// that is reported must not be dominated, so it is the utilitarian one.
#[test]
fn ties_of_an_optimum_are_broken_for_the_others() {
    let society = society();
    let threshold = Objective::Sufficiency { threshold: 1_000.0 };
    let set = ObjectiveSet::new(vec![threshold, Objective::Utilitarian]).unwrap();
    let edges = [0.0, 60_000.0];
    let baseline = Schedule::new(&edges, &[1.0, 1.0]).unwrap();
    let found = frontier(
        &set,
        &society,
        &edges,
        &baseline,
        &[],
        &Constraints::default(),
        quick(),
    )
    .unwrap();
    for point in found.optima.iter().chain(&found.points) {
        assert!(
            point.schedule.rates().iter().all(|rate| *rate < 1e-4),
            "{point:?}"
        );
        assert_eq!(point.welfare[0], 0.0);
    }
}

#[test]
fn the_frontier_obeys_bounds_and_rising_rates() {
    let society = society();
    let edges = [0.0, 60_000.0];
    let baseline = Schedule::new(&edges, &[0.15, 0.25]).unwrap();
    let constraints = Constraints {
        high: 0.4,
        monotone: true,
        ..Constraints::default()
    };
    let within = |constraints: &Constraints| {
        frontier(
            &three(),
            &society,
            &edges,
            &baseline,
            &[],
            constraints,
            quick(),
        )
    };
    let found = within(&constraints).unwrap();
    assert!(found.points.len() > 5);
    for point in &found.points {
        assert!(point.schedule.is_convex(), "{point:?}");
        assert!(
            point
                .schedule
                .rates()
                .iter()
                .all(|rate| (0.0..=0.4).contains(rate))
        );
    }
    let revenue = Constraints {
        revenue: Some(1_000.0),
        ..constraints
    };
    let message = within(&revenue).unwrap_err().to_string();
    assert!(message.contains("revenue requirement"), "{message}");
}

#[test]
fn the_same_for_any_number_of_threads() {
    let society = society();
    let set = three().with_credence(&[1.0, 1.0, 1.0]).unwrap();
    let edges = [0.0, 60_000.0];
    let baseline = Schedule::new(&edges, &[0.15, 0.25]).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            frontier(
                &set,
                &society,
                &edges,
                &baseline,
                &[],
                &Constraints::default(),
                quick(),
            )
            .unwrap()
            .points
        })
    };
    assert_eq!(run(1), run(3));
}

/// C(H−1, K−1) points with whole parts of 1/H.
#[test]
fn lattices_of_weights() {
    for (members, most, count, h) in [
        (2, 40, 40, 41.0),
        (3, 40, 36, 10.0),
        (4, 40, 35, 8.0),
        (10, 3, 1, 10.0),
    ] {
        let lattice = simplex_lattice(members, most);
        assert_eq!(lattice.len(), count, "{members}");
        for share in &lattice {
            assert_eq!(share.len(), members);
            assert!((share.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(
                share
                    .iter()
                    .all(|s| (s * h - (s * h).round()).abs() < 1e-9 && *s > 0.0)
            );
        }
        let mut different = lattice.clone();
        different.sort_by(|a, b| a.partial_cmp(b).unwrap());
        different.dedup();
        assert_eq!(different.len(), count);
    }
}
