//! Learned preferences end to end: workers compare, a model is fitted, a planner pursues it, and its
//! true welfare is measured against `optimal`.

use fisc::preferences::models::bradley_terry::BradleyTerry;
use fisc::rewards::learned::{Features, Learned, Weights};
use fisc::run::{ArmResult, Simulation};
use fisc::scenario;
use fisc::world::learning::RewardPlugin;
use std::collections::BTreeMap;

/// The example with these settings.
fn simulation(file: &str, settings: &[String]) -> Simulation {
    let path = format!("examples/preferences/{file}");
    Simulation::new(scenario::load(path.as_ref(), settings).unwrap()).unwrap()
}

/// Its arms in order.
fn play(file: &str, settings: &[String]) -> Vec<ArmResult> {
    let played = simulation(file, settings).play(BTreeMap::new(), &|_| {});
    played.unwrap().0
}

fn welfare(arm: &ArmResult) -> f64 {
    arm.years.last().unwrap().welfare
}

/// Welfare in the last year under `us-2024` and `optimal`, which do not depend on what is learned.
fn bounds(file: &str, settings: &[String]) -> (f64, f64) {
    let planner = [
        "planner.kind=\"us-2024\"".to_owned(),
        COMPARE_OPTIMAL.into(),
    ];
    let arms = play(file, &[settings, &planner].concat());
    (welfare(&arms[0]), welfare(&arms[1]))
}

const COMPARE_OPTIMAL: &str = "compare.planners=[\"optimal\"]";

/// What share of the gain of `optimal` over `us-2024` the planner `reward` attains in the last year.
fn attained((us, optimal): (f64, f64), file: &str, settings: &[String]) -> f64 {
    let alone = ["compare.planners=[]".to_owned()];
    (welfare(&play(file, &[settings, &alone].concat())[0]) - us) / (optimal - us)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (values[(n - 1) / 2] + values[n / 2]) / 2.0
}

/// The issue's bound: at least 95 % at the median of ten seeds from 2,000 comparisons by 200 rational
/// workers with seven brackets. Nobody is above the optimum by more than the search for it misses: it
/// is a local one, and in one of these economies the learner's lands 0.03 % of the gain higher.
///
/// With `own` features the truth, income less the cost of effort, is one of the functions that are
/// fitted, and 20 answers are enough for the bound: there it tests that nothing is lost on the way, and
/// hardly that anything is learned. One answer must not do, nor five. With `society` features a
/// compromise of all is learned from what everybody reads in the newspaper.
#[test]
fn learned_rewards_come_near_the_optimum() {
    let kinds = [
        ("bradley-terry.toml", "own", 2_000),
        ("thurstone.toml", "own", 2_000),
        ("bradley-terry.toml", "society", 2_000),
        ("bradley-terry.toml", "own", 1),
        ("bradley-terry.toml", "own", 5),
        ("bradley-terry.toml", "society", 20),
    ];
    let mut found = vec![Vec::new(); kinds.len()];
    for seed in 1..=10 {
        let seed = format!("seed={seed}");
        let bounds = bounds(kinds[0].0, std::slice::from_ref(&seed));
        for ((file, features, count), found) in kinds.iter().zip(&mut found) {
            let settings = [
                seed.clone(),
                format!("preferences.features=\"{features}\""),
                format!("preferences.comparisons={count}"),
            ];
            found.push(attained(bounds, file, &settings));
        }
    }
    for (kind, found) in kinds.iter().zip(&found) {
        println!(
            "{kind:?}: median {:.4} of {found:.3?}",
            median(found.clone())
        );
        let too_high = found.iter().any(|share| *share >= 1.0 + 1e-3);
        assert!(!too_high, "{kind:?}: {found:?}");
    }
    let medians: Vec<f64> = found.into_iter().map(median).collect();
    assert!(
        medians[..3].iter().all(|share| *share >= 0.95),
        "{medians:?}"
    );
    assert!(medians[3] < 0.85 && medians[4] < 0.95, "{medians:?}");
    assert!(medians[5] < medians[2] - 0.05, "{medians:?}");
}

/// Few and noisy answers are worse than many: the learner is not told the truth by another way.
#[test]
fn answers_are_what_is_learned_from() {
    let found = |count: usize| {
        let found = (1..=5).map(|seed| {
            let settings = [
                format!("seed={seed}"),
                format!("preferences.comparisons={count}"),
                "preferences.source.utility.noise=20000".into(),
                r#"preferences.features="society""#.into(),
            ];
            let bounds = bounds("bradley-terry.toml", &settings[..1]);
            attained(bounds, "bradley-terry.toml", &settings)
        });
        median(found.collect())
    };
    let (few, many) = (found(20), found(20_000));
    assert!(few < many - 0.02, "{few} {many}");
}

fn note<'a>(arm: &'a ArmResult, holds: &str) -> Option<&'a str> {
    let holding = arm.notes.iter().find_map(|note| note.split_once(holds));
    holding.map(|(_, rest)| rest)
}

/// The number that a note has after these words.
fn noted(arm: &ArmResult, words: &str) -> f64 {
    let rest = note(arm, words).unwrap_or_else(|| panic!("{words}: {:?}", arm.notes));
    let number = |c: char| c.is_ascii_digit() || ".-".contains(c);
    let end = rest.find(|c| !number(c)).unwrap_or(rest.len());
    rest[..end].trim_end_matches('.').parse().unwrap()
}

/// A worker who picks hours at random stands many times in the closed-form society, and judges once.
/// With so little noise that all picks are best responses (on a grid of hours), as much is learned as
/// from rational workers, for models with one score and with many, from answers and from ballots; and
/// the year that is lived is judged as it was foreseen.
#[test]
fn who_picks_at_random_judges_once() {
    for (file, settings) in [
        ("ballots.toml", vec!["preferences.weights=\"inverse-wage\""]),
        (
            "bradley-terry.toml",
            vec!["preferences.features=\"society\""],
        ),
        ("robust.toml", vec!["preferences.comparisons=800"]),
        ("rater-embedding.toml", vec!["preferences.comparisons=800"]),
    ] {
        let play = |decide: &str| {
            let workers = format!("workers=[{{ share = 1.0, decide = {decide} }}]");
            let more = [
                "population.size=40",
                "compare.planners=[\"us-2024\"]",
                &workers,
            ];
            let settings = settings.iter().chain(&more).map(|s| (*s).to_owned());
            play(file, &settings.collect::<Vec<_>>())
        };
        let (rational, random) = (play("\"rational\""), play("{ logit = { scale = 1.0 } }"));
        for comparison in &random[0].comparisons {
            assert!(comparison.rater < 40, "{file}: rater {}", comparison.rater);
        }
        let accuracy = |arms: &[ArmResult]| noted(&arms[0], "accuracy ");
        let (same, found) = (accuracy(&rational), accuracy(&random));
        assert!(found > same - 5.0, "{file}: accuracy {found} for {same}");
        let gain = |arms: &[ArmResult]| welfare(&arms[0]) - welfare(&arms[1]);
        let (same, found) = (gain(&rational), gain(&random));
        assert!(found > 0.95 * same, "{file}: gain {found} for {same}");
        let foreseen = noted(&random[0], "reward at the schedule pursued: ");
        let lived = random[0]
            .rewards
            .iter()
            .rfind(|row| row.part == "total")
            .unwrap();
        assert!(
            (lived.value - foreseen).abs() < 0.02 * foreseen.abs().max(1.0),
            "{file}: {} for {foreseen}",
            lived.value
        );
    }
}

/// Inverse wages leave so few of 200 workers that a score for all rests on them: as many as (Σw)²/Σw².
#[test]
fn a_score_that_rests_on_few_says_so() {
    let settings = |weights: &str| {
        [
            "preferences.features=\"society\"".to_owned(),
            format!("preferences.weights=\"{weights}\""),
            "compare.planners=[]".to_owned(),
        ]
    };
    let simulation = simulation("bradley-terry.toml", &settings("inverse-wage"));
    let weighted = &simulation.play(BTreeMap::new(), &|_| {}).unwrap().0[0];
    let mut weight = vec![0.0; 200];
    for comparison in &weighted.comparisons {
        let rater = comparison.rater as usize;
        weight[rater] += 1.0 / simulation.people()[rater].wage;
    }
    let sum: f64 = weight.iter().sum();
    let squares: f64 = weight.iter().map(|w| w * w).sum();
    let few = noted(weighted, "rests on as few as ");
    assert!(
        few < 10.0 && (few - sum * sum / squares).abs() < 0.051,
        "{few}"
    );
    assert!(note(weighted, "with equal weights log-loss is").is_some());
    let equal = play("bradley-terry.toml", &settings("equal")).remove(0);
    assert!(note(&equal, "rests on as few as ").is_none());
    assert!(note(&equal, "with equal weights log-loss is").is_none());
}

/// A linear score of rates is highest in a corner, and the log says so; one with hidden units is not.
#[test]
fn corners_are_announced() {
    let of = |hidden: usize| {
        let settings = [
            "preferences.features=\"rates\"".to_owned(),
            format!("preferences.model={{ bradley-terry = {{ hidden = {hidden} }} }}"),
            "population.size=40".to_owned(),
            "compare.planners=[]".to_owned(),
        ];
        play("bradley-terry.toml", &settings).remove(0)
    };
    let linear = of(0);
    assert!(note(&linear, "linear in the rates").is_some());
    let schedule = &linear.years.last().unwrap().schedule;
    let corner = |rate: &f64| rate.abs() < 1e-6 || (rate - 1.0).abs() < 1e-6;
    assert!(schedule.rates().iter().all(corner), "{schedule}");
    assert!(note(&of(4), "linear in the rates").is_none());
}

/// A learned reward of one's own in a scenario that asks nobody is refused, not left unlearned.
#[test]
fn nobody_is_asked_for_a_reward_of_ones_own() {
    let settings = [r#"reward.kind="welfare""#.to_owned()];
    let own = Learned::new(BradleyTerry::default(), Features::Own, Weights::Equal);
    let played = simulation("ppo.toml", &settings[..0])
        .add_plugins(RewardPlugin::new(own.clone()))
        .play(BTreeMap::new(), &|_| {});
    assert!(played.is_ok());
    let settings = [&settings[..], &["compare.planners=[]".to_owned()]].concat();
    let error = simulation("ppo.toml", &settings)
        .add_plugins(RewardPlugin::new(own))
        .play(BTreeMap::new(), &|_| {})
        .err()
        .expect("nobody is asked");
    assert!(error.to_string().contains("nobody is asked"), "{error}");
}
