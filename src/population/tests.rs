//! Whole populations: reproducibility, scale, and what is refused.

use super::*;

fn wages(prior: WagePrior, size: usize, weeks: f64, seed: u64) -> Vec<f64> {
    let people = draw(&PopulationSpec::new(size, prior), weeks, seed).unwrap();
    people.iter().map(|person| person.wage).collect()
}

fn random_priors() -> [WagePrior; 5] {
    [
        WagePrior::Gb2,
        WagePrior::Census,
        WagePrior::Lognormal {
            median: 20.0,
            sigma: 0.6,
        },
        WagePrior::ParetoLognormal {
            median: 20.0,
            sigma: 0.6,
            tail: 2.0,
        },
        WagePrior::Uniform {
            low: 8.0,
            high: 80.0,
        },
    ]
}

fn census_spec(size: usize) -> PopulationSpec {
    PopulationSpec {
        personas: PersonaSource::Census,
        ..PopulationSpec::new(size, WagePrior::Census)
    }
}

fn input_error(spec: &PopulationSpec, weeks: f64) -> String {
    let error = draw(spec, weeks, 1).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

#[test]
fn a_small_population_is_the_head_of_a_large_one() {
    for prior in random_priors() {
        let large = wages(prior.clone(), 500, 52.0, 9);
        assert_eq!(
            wages(prior.clone(), 40, 52.0, 9),
            large[..40],
            "{}",
            prior.name()
        );
        assert_ne!(wages(prior, 40, 52.0, 10), large[..40]);
    }
    let large = draw(&census_spec(300), 52.0, 9).unwrap();
    assert_eq!(draw(&census_spec(30), 52.0, 9).unwrap(), large[..30]);
}

#[test]
fn draws_do_not_depend_on_the_number_of_threads() {
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        for prior in random_priors() {
            let spec = PopulationSpec::new(3000, prior);
            let here = draw(&spec, 52.0, 4).unwrap();
            assert_eq!(pool.install(|| draw(&spec, 52.0, 4)).unwrap(), here);
        }
    }
}

#[test]
fn ids_ascend_from_zero_and_wages_are_positive() {
    for prior in random_priors()
        .into_iter()
        .chain([WagePrior::Gb2Stratified])
    {
        let people = draw(&PopulationSpec::new(1000, prior), 52.0, 2).unwrap();
        assert!(people.iter().zip(0..).all(|(person, id)| person.id == id));
        assert!(people.iter().all(|p| p.wage.is_finite() && p.wage > 0.0));
        assert!(people.iter().all(|person| person.persona.is_none()));
    }
}

#[test]
fn gb2_wages_are_income_over_weeks_times_forty() {
    // scipy 1.17.1: incomes at 10, 50 and 90 %, as in `gb2::tests`.
    let n = 100_000;
    let mut drawn = wages(WagePrior::Gb2, n, 52.0, 6);
    drawn.sort_by(f64::total_cmp);
    for (u, income) in [
        (0.1, 6850.620244385052),
        (0.5, 38101.53184),
        (0.9, 124508.8735887421),
    ] {
        let below = drawn.partition_point(|&wage| wage < income / 2080.0) as f64 / n as f64;
        assert!(
            (below - u).abs() < 5.0 * f64::sqrt(u * (1.0 - u) / n as f64),
            "{below}, {u}"
        );
    }
    let published_units = wages(WagePrior::Gb2, 50, 1.0, 6);
    for (hourly, published) in wages(WagePrior::Gb2, 50, 52.0, 6)
        .iter()
        .zip(published_units)
    {
        assert!((hourly * 52.0 / published - 1.0).abs() < 1e-14);
    }
}

#[test]
fn stratified_wages_ascend_and_carry_the_whole_distribution() {
    let strata = wages(WagePrior::Gb2Stratified, 1000, 52.0, 1);
    assert_eq!(strata, wages(WagePrior::Gb2Stratified, 1000, 52.0, 2));
    assert!(strata.windows(2).all(|pair| pair[0] < pair[1]));
    // Midpoint of the two middle quantiles, near the median 38,101.53 $/year.
    let median = (strata[499] + strata[500]) / 2.0 * 2080.0;
    assert!((median / 38101.53184 - 1.0).abs() < 1e-4, "{median}");
    // The mean misses part of the open top: 1,000 strata must reach 98 % of 59,249.20.
    let mean = strata.iter().sum::<f64>() / 1000.0 * 2080.0;
    assert!((0.98..1.0).contains(&(mean / 59249.20382)), "{mean}");
    // One worker alone stands at the median.
    assert!((wages(WagePrior::Gb2Stratified, 1, 52.0, 1)[0] * 2080.0 - 38101.53184).abs() < 1e-4);
}

#[test]
fn census_personas_say_everything_and_wages_do_not_depend_on_them() {
    let people = draw(&census_spec(2000), 52.0, 5).unwrap();
    for person in &people {
        let persona = person.persona.as_deref().unwrap();
        assert!(!persona.occupation.is_empty() && persona.soc.len() == 7);
        assert!((18..=74).contains(&persona.age) && (1..=99).contains(&persona.usual_hours));
        assert!(persona.sex != Sex::Unstated && persona.education != Education::Unstated);
        assert!(persona.family.contains("under 18") && persona.text.is_none());
        assert!((MINIMUM_WAGE..=DEFAULT_WAGE_CAP).contains(&person.wage));
    }
    let alone = wages(WagePrior::Census, 2000, 52.0, 5);
    assert!(
        people
            .iter()
            .zip(alone)
            .all(|(person, wage)| person.wage == wage)
    );
}

#[test]
fn census_personas_need_census_wages() {
    let spec = PopulationSpec {
        wages: WagePrior::Gb2,
        ..census_spec(10)
    };
    let message = input_error(&spec, 52.0);
    assert!(
        message.contains("wages = \"census\"") && message.contains("gb2"),
        "{message}"
    );
}

#[test]
fn files_give_wages_and_personas_in_order_of_id() {
    let folder = tempfile::tempdir().unwrap();
    let (wage_file, persona_file) = (folder.path().join("w.csv"), folder.path().join("p.jsonl"));
    std::fs::write(&wage_file, "name,wage\nann,12.5\nbob,40\n").unwrap();
    std::fs::write(&persona_file, "{\"text\":\"Ann\"}\n{\"text\":\"Bob\"}\n").unwrap();
    let spec = PopulationSpec {
        personas: PersonaSource::File { path: persona_file },
        ..PopulationSpec::new(
            2,
            WagePrior::File {
                path: wage_file,
                column: "wage".into(),
            },
        )
    };
    let people = draw(&spec, 52.0, 1).unwrap();
    let texts = people
        .iter()
        .map(|p| p.persona.as_ref().unwrap().text.as_deref().unwrap());
    assert_eq!(texts.collect::<Vec<_>>(), ["Ann", "Bob"]);
    assert_eq!((people[0].wage, people[1].wage), (12.5, 40.0));
    let message = input_error(&PopulationSpec { size: 3, ..spec }, 52.0);
    assert!(
        message.contains("2 rows") && message.contains("at least 3"),
        "{message}"
    );
}

#[test]
fn impossible_populations_are_refused() {
    let spec = PopulationSpec::new(10, WagePrior::Gb2);
    assert!(
        input_error(
            &PopulationSpec {
                size: 0,
                ..spec.clone()
            },
            52.0
        )
        .contains("1 worker")
    );
    assert!(
        input_error(
            &PopulationSpec {
                size: 1 << 40,
                ..spec.clone()
            },
            52.0
        )
        .contains("at most")
    );
    assert!(input_error(&spec, 0.0).contains("weeks"));
    assert!(input_error(&spec, f64::NAN).contains("weeks"));
    for wage_cap in [1.0, f64::NAN, f64::INFINITY] {
        let message = input_error(
            &PopulationSpec {
                wage_cap,
                ..census_spec(10)
            },
            52.0,
        );
        assert!(message.contains("7.25"), "{message}");
    }
    let equal = WagePrior::Lognormal {
        median: 20.0,
        sigma: -1.0,
    };
    assert!(input_error(&PopulationSpec::new(10, equal), 52.0).contains("`sigma`"));
}
