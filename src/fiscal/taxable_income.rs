//! The elasticity of taxable income, estimated from what the same workers earn before and after a
//! reform: from two columns of incomes, simulated or in closed form.
//!
//! Δln z_i = e·Δln(1 − τ_i) + α + β·ln z_iA + ε_i, weighted by income z_iA. The change of a worker's
//! own net-of-tax rate depends on its answer (who earns more pays a higher rate), so that it is
//! instrumented by the change at unchanged income, ln(1 − τ_B(z_iA)) − ln(1 − τ_A(z_iA)).
//! Source: Gruber and Saez (2002), equations 3 and 4.

use crate::error::{Error, Result};
use crate::fiscal::Schedule;

/// What the regression holds and who is in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Specification {
    /// α: growth of all incomes that has nothing to do with the reform.
    pub constant: bool,
    /// β: incomes that would rise or fall anyhow, such as a return to the mean.
    pub log_income: bool,
    /// Whether a worker counts by its income before, as it does for revenue.
    pub weighted: bool,
    /// Whether workers at a kink before or after are in (within 10⁻⁹ of an edge where the rate
    /// changes). They earn what the edge is, not what a marginal rate asks for, so that with them
    /// the estimate is below the elasticity of the others.
    pub kinks: bool,
    /// Least income before, $/year.
    pub least_income: f64,
}

impl Specification {
    /// A ratio without controls, of all workers: where nothing but the reform changes incomes.
    pub fn ratio() -> Self {
        Specification {
            constant: false,
            log_income: false,
            weighted: true,
            kinks: true,
            least_income: 0.0,
        }
    }

    /// As Gruber and Saez (2002): a constant, ln z_A, weights, incomes from 10,000 $/year.
    pub fn gruber_saez() -> Self {
        Specification {
            constant: true,
            log_income: true,
            least_income: 10_000.0,
            ..Specification::ratio()
        }
    }
}

/// An estimated elasticity of taxable income.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// ê, with the sign that it has.
    pub elasticity: f64,
    /// Robust to unequal variances (White 1980), with the factor n/(n − k).
    pub standard_error: f64,
    /// Squared robust t of the instrument in the first stage; below about 10 the instrument is weak.
    pub first_stage_f: f64,
    /// Workers in the regression.
    pub workers: usize,
    /// Workers left out: without income before or after, below the least income, at a marginal rate
    /// of 100 %, or at a kink where these are out.
    pub left_out: usize,
}

/// One worker's part of the regression.
struct Observation {
    income: f64,
    response: f64,
    /// Δln(1 − τ).
    change: f64,
    /// Δln(1 − τ) at unchanged income.
    instrument: f64,
}

/// ê of all workers, from incomes ($/year) of the same workers under both schedules.
///
/// # Errors
/// Columns of different length; fewer workers than there are coefficients, or a reform that changes
/// all their net-of-tax rates alike where a constant is asked for: no elasticity follows.
pub fn estimate(
    from: (&Schedule, &[f64]),
    to: (&Schedule, &[f64]),
    specification: Specification,
) -> Result<Estimate> {
    regression(observations(from, to, specification, None)?, specification)
}

/// ê of the workers whose income before lies in each bracket of `from`: an error says why a bracket
/// has none. Without controls, because within a bracket the instrument hardly varies.
///
/// # Errors
/// Columns of different length.
pub fn estimate_by_bracket(
    from: (&Schedule, &[f64]),
    to: (&Schedule, &[f64]),
    specification: Specification,
) -> Result<Vec<Result<Estimate>>> {
    let plain = Specification {
        constant: false,
        log_income: false,
        ..specification
    };
    (0..from.0.brackets())
        .map(|bracket| {
            let found = observations(from, to, plain, Some(bracket))?;
            Ok(regression(found, plain))
        })
        .collect()
}

/// The observations, and how many workers are left out.
fn observations(
    (from, before): (&Schedule, &[f64]),
    (to, after): (&Schedule, &[f64]),
    specification: Specification,
    bracket: Option<usize>,
) -> Result<(Vec<Observation>, usize)> {
    if before.len() != after.len() {
        return Err(
            Error::input("the reform has other workers before and after")
                .value(format!("{} and {}", before.len(), after.len()))
                .allowed("incomes of the same workers"),
        );
    }
    let mut found = Vec::new();
    let mut left_out = 0;
    for (&a, &b) in before.iter().zip(after) {
        if bracket.is_some_and(|k| place(from, a) != k) {
            continue;
        }
        let net = |schedule: &Schedule, z: f64| (1.0 - schedule.rates()[place(schedule, z)]).ln();
        let (own_before, own_after, unanswered) = (net(from, a), net(to, b), net(to, a));
        let fits = a > 0.0
            && b > 0.0
            && a >= specification.least_income
            && [own_before, own_after, unanswered]
                .iter()
                .all(|n| n.is_finite())
            && (specification.kinks || !(is_at_kink(from, a) || is_at_kink(to, b)));
        if fits {
            found.push(Observation {
                income: a,
                response: (b / a).ln(),
                change: own_after - own_before,
                instrument: unanswered - own_before,
            });
        } else {
            left_out += 1;
        }
    }
    Ok((found, left_out))
}

/// The bracket of an income; the one above for incomes at an edge but for rounding.
fn place(schedule: &Schedule, income: f64) -> usize {
    schedule.bracket_of(income * (1.0 + 1e-9))
}

fn is_at_kink(schedule: &Schedule, income: f64) -> bool {
    let rates = schedule.rates().windows(2);
    (schedule.edges()[1..].iter().zip(rates))
        .any(|(edge, pair)| pair[0] != pair[1] && (income / edge - 1.0).abs() <= 1e-9)
}

/// Two-stage least squares with one instrument, after the controls are partialled out of all three
/// columns (Frisch and Waugh 1933): ê = Σ w·ĩ·ỹ / Σ w·ĩ·x̃, variance Σ (w·ĩ·ε)² / (Σ w·ĩ·x̃)²·n/(n − k).
fn regression(
    (observations, left_out): (Vec<Observation>, usize),
    specification: Specification,
) -> Result<Estimate> {
    let n = observations.len();
    let weight: Vec<f64> = (observations.iter())
        .map(|o| {
            if specification.weighted {
                o.income
            } else {
                1.0
            }
        })
        .collect();
    let column = |f: &dyn Fn(&Observation) -> f64| observations.iter().map(f).collect::<Vec<f64>>();
    let product = |a: &[f64], b: &[f64]| -> f64 {
        (weight.iter().zip(a).zip(b))
            .map(|((w, a), b)| w * a * b)
            .sum()
    };
    // What of a column no control explains; the controls are orthogonal to each other.
    let mut controls: Vec<Vec<f64>> = Vec::new();
    let partialled = |mut column: Vec<f64>, controls: &[Vec<f64>]| {
        for control in controls {
            let slope = product(&column, control) / product(control, control);
            (column.iter_mut().zip(control)).for_each(|(x, c)| *x -= slope * c);
        }
        column
    };
    if specification.constant {
        controls.push(vec![1.0; n]);
    }
    if specification.log_income {
        controls.push(partialled(column(&|o| o.income.ln()), &controls));
    }
    let k = 1 + controls.len();
    let response = partialled(column(&|o| o.response), &controls);
    let change = partialled(column(&|o| o.change), &controls);
    let instrument = partialled(column(&|o| o.instrument), &controls);
    let variation = product(&instrument, &instrument) / weight.iter().sum::<f64>();
    if n <= k || variation.is_nan() || variation < 1e-18 {
        return Err(Error::input("no elasticity of taxable income follows from this reform")
            .value(format!("{n} workers, net-of-tax rates vary by {:.0e}", variation.sqrt()))
            .allowed("more workers than coefficients, whose net-of-tax rates change, and not alike for all where there is a constant"));
    }
    let fit = |regressor: &[f64], outcome: &[f64]| {
        let slope = product(&instrument, regressor);
        let coefficient = product(&instrument, outcome) / slope;
        let squares: f64 = (0..n)
            .map(|j| weight[j] * instrument[j] * (outcome[j] - coefficient * regressor[j]))
            .map(|score| score * score)
            .sum();
        let variance = squares / (slope * slope) * n as f64 / (n - k) as f64;
        (coefficient, variance.sqrt())
    };
    let (first_stage, error) = fit(&instrument, &change);
    let (elasticity, standard_error) = fit(&change, &response);
    Ok(Estimate {
        elasticity,
        standard_error,
        first_stage_f: (first_stage / error).powi(2),
        workers: n,
        left_out,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::{Economy, Society, laws, saez};
    use crate::random::Streams;
    use rand::RngExt;
    use rand_distr::{Distribution, StandardNormal};

    fn without_kinks() -> Specification {
        Specification {
            kinks: false,
            ..Specification::ratio()
        }
    }

    /// Twelve workers against linearmodels 7.1, IV2SLS with robust, debiased errors.
    #[test]
    fn two_stage_least_squares_as_in_linearmodels() {
        let from = Schedule::new(&[0.0, 20_000.0, 50_000.0], &[0.1, 0.2, 0.4]).unwrap();
        let to = from.reform(&[0.15, 0.3, 0.35]);
        let before = [
            8_000.0, 12_000.0, 15_000.0, 19_000.0, 22_000.0, 28_000.0, 35_000.0, 42_000.0,
            48_000.0, 55_000.0, 70_000.0, 90_000.0,
        ];
        let after = [
            8_100.0, 11_500.0, 15_500.0, 19_800.0, 20_500.0, 27_000.0, 33_000.0, 43_000.0,
            51_000.0, 57_000.0, 69_000.0, 95_000.0,
        ];
        let unweighted = Specification {
            weighted: false,
            log_income: false,
            least_income: 0.0,
            ..Specification::gruber_saez()
        };
        for (specification, expected, workers) in [
            (
                Specification::ratio(),
                [0.09993814739088665, 0.1491795103559045, 141.78919236511487],
                12,
            ),
            (
                Specification::gruber_saez(),
                [0.014176792886721514, 0.1625800453269391, 69.9958156573497],
                11,
            ),
            (
                unweighted,
                [0.18038873171802544, 0.14134536283498536, 247.365303088215],
                12,
            ),
        ] {
            let found = estimate((&from, &before), (&to, &after), specification).unwrap();
            let values = [found.elasticity, found.standard_error, found.first_stage_f];
            for (value, expected) in values.iter().zip(expected) {
                assert!(
                    (value / expected - 1.0).abs() < 1e-9,
                    "{found:?} {expected}"
                );
            }
            assert_eq!((found.workers, found.left_out), (workers, 12 - workers));
        }
    }

    /// Rational workers away from kinks answer with e exactly, whatever the reform and the controls:
    /// e = 0.4 pooled and in every bracket.
    #[test]
    fn rational_workers_show_their_elasticity() {
        let society = Society::rational(
            Economy::default(),
            (0..2_000).map(|i| 5.0 + 0.05 * f64::from(i)).collect(),
        );
        let from = laws::find("us-2024").unwrap();
        let to = laws::find("us-2013").unwrap();
        let (a, b) = (society.outcome(from), society.outcome(to));
        let (before, after) = ((from, &a.income[..]), (to, &b.income[..]));
        for controls in [false, true] {
            let specification = Specification {
                constant: controls,
                log_income: controls,
                ..without_kinks()
            };
            let found = estimate(before, after, specification).unwrap();
            // Those at the limit of hours do not answer.
            let interior = a.labor.iter().chain(&b.labor).all(|&l| l < 100.0);
            assert!(
                interior && (found.elasticity - 0.4).abs() < 1e-9,
                "{found:?}"
            );
            assert!(found.left_out > 0 && found.standard_error < 1e-9);
        }
        let brackets = estimate_by_bracket(before, after, without_kinks()).unwrap();
        let found: Vec<f64> = brackets.iter().flatten().map(|e| e.elasticity).collect();
        assert!(found.len() >= 4, "{brackets:?}");
        assert!(found.iter().all(|e| (e - 0.4).abs() < 1e-9), "{found:?}");
        // With those who bunch the pooled estimate is another one.
        let all = estimate(before, after, Specification::ratio()).unwrap();
        assert!((all.elasticity - 0.4).abs() > 1e-3, "{all:?}");
    }

    /// A reform that scales all net-of-tax rates alike: the ratio is the estimate of the Saez
    /// planner, [`saez::estimate_elasticity`].
    #[test]
    fn a_uniform_reform_gives_the_planners_estimate() {
        let mut rng = Streams::new(5, "incomes").at(0, 0);
        let from = laws::find("us-2024").unwrap();
        let to = saez::small_reform(from, 0.95);
        let before: Vec<f64> = (0..500).map(|_| 1e5 * rng.random::<f64>()).collect();
        let after: Vec<f64> = (before.iter())
            .map(|z| (z * (0.9 + 0.1 * rng.random::<f64>())).max(1.0))
            .collect();
        let planner = saez::estimate_elasticity(&before, &after, 0.95).unwrap();
        // The instrument is the same for all; own rates differ for those who change brackets.
        let unmoved: Vec<usize> = (0..500)
            .filter(|&i| from.bracket_of(before[i]) == from.bracket_of(after[i]))
            .collect();
        let pick = |x: &[f64]| unmoved.iter().map(|&i| x[i]).collect::<Vec<f64>>();
        let (b, a) = (pick(&before), pick(&after));
        let ours = estimate((from, &b), (&to, &a), Specification::ratio()).unwrap();
        let planner_of_these = saez::estimate_elasticity(&b, &a, 0.95).unwrap();
        assert!((ours.elasticity / planner_of_these.elasticity - 1.0).abs() < 1e-9);
        assert!((ours.standard_error / planner_of_these.standard_error - 1.0).abs() < 1e-9);
        assert_eq!(planner.workers, 500);
    }

    /// Workers with e = 0.25 whose potential incomes change by 20 % from year to year. Who gets richer
    /// faces a higher rate, so that least squares on own rates is far off, even of the wrong sign;
    /// the instrument is not (0.03 low, as those who bunch do not answer). Standard errors are those of the estimate over 40 panels.
    #[test]
    fn the_instrument_withstands_shocks() {
        let from = Schedule::new(&[0.0, 30_000.0, 60_000.0], &[0.1, 0.3, 0.5]).unwrap();
        let to = from.reform(&[0.1, 0.25, 0.35]);
        let specification = Specification {
            constant: true,
            weighted: false,
            ..Specification::ratio()
        };
        // Best responses where rates rise: max_k min(z₀(1−τ_k)^e, b_{k+1}).
        let answer = |schedule: &Schedule, potential: f64| {
            (0..3)
                .map(|k| {
                    (potential * (1.0 - schedule.rates()[k]).powf(0.25)).min(schedule.upper(k))
                })
                .fold(0.0, f64::max)
        };
        let mut found = Vec::new();
        for seed in 0..40 {
            let mut rng = Streams::new(seed, "panel").at(0, 0);
            let (mut before, mut after) = (Vec::new(), Vec::new());
            for _ in 0..4_000 {
                let [level, shock]: [f64; 2] = [(); 2].map(|()| StandardNormal.sample(&mut rng));
                let potential = (10.6 + 0.5 * level).exp();
                before.push(answer(&from, potential));
                after.push(answer(&to, potential * (0.2 * shock).exp()));
            }
            let (a, b) = ((&from, &before[..]), (&to, &after[..]));
            let pairs: Vec<(f64, f64)> = observations(a, b, specification, None)
                .unwrap()
                .0
                .iter()
                .map(|o| (o.change, o.response))
                .collect();
            let n = pairs.len() as f64;
            let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
            let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
            let slope = mean(&|p| (p.0 - x) * (p.1 - y)) / mean(&|p| (p.0 - x).powi(2));
            found.push((estimate(a, b, specification).unwrap(), slope));
        }
        let mean = |f: &dyn Fn(&(Estimate, f64)) -> f64| found.iter().map(f).sum::<f64>() / 40.0;
        let elasticity = mean(&|f| f.0.elasticity);
        let spread = mean(&|f| (f.0.elasticity - elasticity).powi(2) * 40.0 / 39.0).sqrt();
        let claimed = mean(&|f| f.0.standard_error);
        let least_squares = mean(&|f| f.1);
        assert!((claimed / spread - 1.0).abs() < 0.3, "{claimed} {spread}");
        assert!((elasticity - 0.25).abs() < 0.04, "{elasticity}");
        assert!(least_squares < 0.0, "{least_squares}");
        assert!(found.iter().all(|f| f.0.first_stage_f > 100.0));
    }

    #[test]
    fn reforms_without_information_are_refused() {
        let law = laws::find("us-2024").unwrap();
        let income = [20_000.0, 30_000.0, 90_000.0];
        for (to, specification) in [
            (law.clone(), Specification::ratio()),
            (saez::small_reform(law, 0.9), Specification::gruber_saez()),
        ] {
            let error = estimate((law, &income), (&to, &income), specification).unwrap_err();
            assert_eq!(error.exit_code(), 2);
        }
        assert!(estimate((law, &income), (law, &income[1..]), Specification::ratio()).is_err());
        let to = saez::small_reform(law, 0.9);
        let brackets = estimate_by_bracket((law, &income), (&to, &income), Specification::ratio());
        let found: Vec<bool> = brackets.unwrap().iter().map(Result::is_ok).collect();
        // Only the second bracket has two workers.
        assert_eq!(found, [false, true, false, false, false, false, false]);
    }
}
