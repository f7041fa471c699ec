//! Learned preferences end to end: workers compare, a model is fitted, a planner pursues it, and its
//! true welfare is measured against `optimal`.

use fisc::run::Simulation;
use fisc::scenario;
use std::collections::BTreeMap;

/// What share of the gain of `optimal` over `us-2024` the planner `reward` attains in the last year.
fn attained(file: &str, settings: &[String]) -> f64 {
    let scenario =
        scenario::load(format!("examples/preferences/{file}").as_ref(), settings).unwrap();
    let simulation = Simulation::new(scenario).unwrap();
    let (arms, _) = simulation.play(BTreeMap::new(), &|_| {}).unwrap();
    let last = |name: &str| {
        let arm = arms.iter().find(|arm| arm.arm == name).unwrap();
        arm.years.last().unwrap().welfare
    };
    (last("reward") - last("us-2024")) / (last("optimal") - last("us-2024"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (values[(n - 1) / 2] + values[n / 2]) / 2.0
}

/// The issue's bound: at least 95 % at the median of ten seeds from 2,000 comparisons by 200 rational
/// workers with seven brackets. Nobody is above the optimum by more than the search for it misses: it
/// is a local one, and in one of these economies the learner's lands 0.03 % of the gain higher.
#[test]
fn learned_rewards_come_near_the_optimum() {
    for file in ["bradley-terry.toml", "thurstone.toml"] {
        let found: Vec<f64> = (1..=10)
            .map(|seed| attained(file, &[format!("seed={seed}")]))
            .collect();
        assert!(
            found.iter().all(|share| *share < 1.0 + 1e-3),
            "{file}: {found:?}"
        );
        assert!(median(found.clone()) >= 0.95, "{file}: {found:?}");
    }
}

/// Few and noisy answers are worse than many: the learner is not told the truth by another way.
#[test]
fn answers_are_what_is_learned_from() {
    let at = |count: usize| {
        let found = (1..=5).map(|seed| {
            let settings = [
                format!("seed={seed}"),
                format!("preferences.comparisons={count}"),
                "preferences.source.utility.noise=20000".into(),
                r#"preferences.features="society""#.into(),
            ];
            attained("bradley-terry.toml", &settings)
        });
        median(found.collect())
    };
    let (few, many) = (at(20), at(20_000));
    assert!(few < many - 0.02, "{few} {many}");
}
