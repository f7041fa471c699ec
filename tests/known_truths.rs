//! Numbers that theory, publications or other programs fix, each with its source.

use fisc::fiscal::inequality::{gini, quantile};
use fisc::fiscal::optimum::{Effort, optimum};
use fisc::fiscal::{Economy, Objective, Schedule, Society, laws, saez};
use fisc::population::{Gb2, PopulationSpec, WagePrior, draw};

fn stratified(size: usize) -> Society {
    let spec = PopulationSpec::new(size, WagePrior::Gb2Stratified);
    let people = draw(&spec, 52.0, 1).unwrap();
    Society::rational(
        Economy::default(),
        people.iter().map(|person| person.wage).collect(),
    )
}

fn us() -> &'static Schedule {
    laws::find("us-2024").unwrap()
}

/// Tax-Calculator 6.8.0, single filer, 2024: `tests/data/SOURCES.md`.
#[test]
fn federal_tax_equals_tax_calculator() {
    let mut rows = 0;
    for line in include_str!("data/oracle_tax_2024_single.csv")
        .lines()
        .skip(1)
    {
        let fields: Vec<f64> = line
            .split(',')
            .map(|field| field.parse().unwrap())
            .collect();
        assert!(
            (us().tax(fields[1]) - fields[2]).abs() <= 1e-9,
            "{line}: {}",
            us().tax(fields[1])
        );
        rows += 1;
    }
    assert_eq!(rows, 46);
}

/// GB2 fitted to ACS 2023: mean B(p+1/a, q−1/a)/B(p, q)·b = 59,249, median 38,102, Gini .530
/// (closed form and quadrature with SciPy 1.17.1).
#[test]
fn gb2_moments() {
    let gb2 = Gb2::acs_2023();
    assert!((gb2.mean() - 59_249.0).abs() < 1.0);
    assert!((gb2.quantile(0.5) - 38_102.0).abs() < 1.0);
    // The Gini of fine quantiles converges to the distribution's from below.
    let n = 2_000_000;
    let incomes: Vec<f64> = (0..n)
        .map(|i| gb2.quantile((f64::from(i) + 0.5) / f64::from(n)))
        .collect();
    assert!((gini(&incomes) - 0.530).abs() < 1e-3, "{}", gini(&incomes));
}

/// Hours under the U.S. schedule, from a NumPy/SciPy computation of the same economy.
#[test]
fn hours_under_the_us_schedule() {
    let mut hours = stratified(1000).outcome(us()).labor;
    hours.sort_by(f64::total_cmp);
    for (p, expected) in [(0.1, 19.6), (0.5, 38.5), (0.9, 57.8)] {
        assert!(
            (quantile(&hours, p) / expected - 1.0).abs() < 0.01,
            "p{p}: {}",
            quantile(&hours, p)
        );
    }
}

/// The Rawlsian optimum over seven brackets by SciPy's differential evolution: W ≈ 42,912; 17,929
/// under the U.S. schedule.
#[test]
fn rawlsian_optimum_of_the_stratified_economy() {
    let society = stratified(1000);
    let us_welfare = society.welfare(us(), &Objective::Rawlsian);
    assert!((us_welfare / 17_929.0 - 1.0).abs() < 1e-3, "{us_welfare}");
    let found = optimum(
        &society,
        us().edges(),
        &Objective::Rawlsian,
        &[],
        false,
        Effort::default(),
    );
    assert!(
        (found.welfare / 42_912.0 - 1.0).abs() < 1e-3,
        "{}",
        found.welfare
    );
    assert!(found.best_move <= 0.0);
}

/// Honest fixed-point Saez attains about 99.4 % of the gain of the optimum (the formula takes each
/// bracket by itself; docs/equations.md says what the rest is).
#[test]
fn fixed_point_saez_comes_within_one_percent_of_the_optimum() {
    let society = stratified(1000);
    let objective = Objective::InverseWage;
    let best = optimum(
        &society,
        us().edges(),
        &objective,
        &[],
        false,
        Effort::default(),
    );
    let fixed = saez::fixed_point(&society, us(), &objective, 0.4, false);
    let base = society.welfare(us(), &objective);
    let attained = (society.welfare(&fixed.schedule, &objective) - base) / (best.welfare - base);
    assert!((0.99..=1.0).contains(&attained), "{attained}");
    assert!(fixed.residual < saez::FIXED_POINT_TOLERANCE);
}

/// Where everybody is alike at the top, Saez's open bracket is his asymptotic rate: with a Pareto
/// tail of parameter a, g = 0 there and e, τ = 1/(1 + a·e) (Saez 2001).
#[test]
fn top_bracket_formula_with_a_pareto_tail() {
    let a = 2.0;
    let n = 400_000;
    let incomes: Vec<f64> = (0..n)
        .map(|i| 100.0 * (1.0 - (f64::from(i) + 0.5) / f64::from(n)).powf(-1.0 / a))
        .collect();
    let mut weights = vec![0.0; incomes.len()];
    weights[0] = f64::from(n);
    let rates = saez::bracket_rates(&[0.0, 150.0], &incomes, &weights, 0.4, false).rates;
    assert!(
        (rates[1] - 1.0 / (1.0 + a * 0.4)).abs() < 2e-3,
        "{}",
        rates[1]
    );
    assert!((rates[1] - saez::top_rate(0.0, 0.4, 0.4, a)).abs() < 2e-3);
}

/// The tail of the GB2 of the ACS 2023 as incomes: (1 − g)/(1 − g + a·e) = 51.4 % at a = 2.364,
/// e = 0.4, g = 0 (Diamond 1998, Saez 2001), which the optimum over all taxes approaches from
/// percentile to percentile.
#[test]
fn top_rate_in_the_tail_of_the_gb2() {
    use fisc::fiscal::mirrlees::{Types, linear_menu};
    let gb2 = Gb2::acs_2023();
    let economy = Economy::default();
    // Wages whose untaxed incomes follow the GB2: z = κ·w^{1+e}.
    let wage_of = |income: f64| income.powf(1.0 / 1.4) / 1e3;
    let ratio: f64 = 1.001;
    let incomes: Vec<f64> = (0..22_000).map(|i| 500.0 * ratio.powi(i)).collect();
    let mass: Vec<f64> = (incomes.iter())
        .map(|&z| gb2.survival(z) - gb2.survival(z * ratio))
        .collect();
    let wages: Vec<f64> = incomes.iter().map(|&z| wage_of(z)).collect();
    let mut types = Types::of_wages(&economy, &wages, mass);
    types.most.fill(f64::INFINITY);
    // All weight on the first.
    let mut weight = vec![0.0; wages.len()];
    weight[0] = 1.0;
    let menu = linear_menu(&economy, &types, &weight, 0.0).unwrap();
    let rate = |income: f64| {
        let place = incomes.iter().position(|&z| z > income).unwrap();
        100.0 * menu.marginal_rate[place]
    };
    let limit = 51.4;
    let far = [1e5, 1e6, 1e7, 1e8].map(|income| (rate(income) - limit).abs());
    // A tenth of a point from 10^6 $/year on; still seven points away at 10^5.
    assert!(
        far[0] > 5.0 && far[1..].iter().all(|gap| *gap < 0.1),
        "{far:?}"
    );
}
