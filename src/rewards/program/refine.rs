//! Finding the program that people mean: from rankings of outcomes, from tests that are no more to be
//! trusted than the programs, and by regression on known welfare.

use super::{OutcomeTable, Program};
use crate::error::{Error, Result};
use nalgebra::{DMatrix, DVector};

/// How well a program's order of outcomes agrees with rankings.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Share of ranked pairs that the program orders likewise, ties counting half; 0 where it fails.
    pub share: f64,
    /// The error of the first outcome under which it fails.
    pub failure: Option<String>,
}

/// Agreement of a program with rankings, each a list of outcomes (places in `outcomes`), best first:
/// the share of concordant pairs, (1 + τ)/2 with Kendall's (1938) τ where nothing ties.
///
/// # Errors
/// A place that does not exist; no ranked pair.
pub fn agreement(
    program: &Program,
    outcomes: &[OutcomeTable],
    rankings: &[Vec<usize>],
) -> Result<Agreement> {
    let most = rankings.iter().flatten().copied().max();
    let pairs: usize = rankings
        .iter()
        .map(|r| r.len() * r.len().saturating_sub(1) / 2)
        .sum();
    if pairs == 0 || most.is_some_and(|place| place >= outcomes.len()) {
        return Err(Error::input("rankings of outcomes")
            .value(format!("{pairs} pairs, places up to {most:?}"))
            .allowed(format!("at least one pair of {} outcomes", outcomes.len())));
    }
    let values: Result<Vec<f64>> = outcomes.iter().map(|o| program.value(o)).collect();
    let values = match values {
        Ok(values) => values,
        Err(error) => {
            return Ok(Agreement {
                share: 0.0,
                failure: Some(error.to_string()),
            });
        }
    };
    let mut agreed = 0.0;
    for ranking in rankings {
        for (k, &better) in ranking.iter().enumerate() {
            for &worse in &ranking[k + 1..] {
                agreed += match values[better].total_cmp(&values[worse]) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
    }
    Ok(Agreement {
        share: agreed / pairs as f64,
        failure: None,
    })
}

/// The programs of one round and how well they agree with the rankings.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Candidates with their agreement, in the order in which they were proposed.
    pub candidates: Vec<(Program, Agreement)>,
    /// Place of the best, of equal ones the first.
    pub best: usize,
    /// Place of the worst, of equal ones the first.
    pub worst: usize,
}

/// Preference learning in context: each round a writer, who sees all rounds before (which program was
/// best, which worst, what failed and how), proposes programs; those of `rounds` rounds compete in
/// agreement with the rankings, which are asked for once. The best program so far always competes
/// again, so that agreement never falls. Returns all rounds; the last one's best is the result.
///
/// Source: Yu et al. (2024), "ICPL: few-shot in-context preference learning via LLMs", arXiv 2410.17233,
/// where people choose the best and the worst of the behaviours that the programs lead to, and the
/// choice goes back into the writer's prompt.
///
/// # Errors
/// As [`agreement`]; a writer that fails, or proposes nothing in the first round.
pub fn refine(
    outcomes: &[OutcomeTable],
    rankings: &[Vec<usize>],
    rounds: usize,
    mut propose: impl FnMut(&[Round]) -> Result<Vec<Program>>,
) -> Result<Vec<Round>> {
    let mut history: Vec<Round> = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let mut programs = propose(&history)?;
        if let Some(last) = history.last() {
            programs.insert(0, last.candidates[last.best].0.clone());
        }
        if programs.is_empty() {
            return Err(Error::run("no program was proposed"));
        }
        let candidates: Vec<(Program, Agreement)> = programs
            .into_iter()
            .map(|program| {
                let agreement = agreement(&program, outcomes, rankings)?;
                Ok((program, agreement))
            })
            .collect::<Result<_>>()?;
        let share = |k: usize| candidates[k].1.share;
        let first = |better: &dyn Fn(f64, f64) -> bool| {
            (1..candidates.len()).fold(0, |b, k| if better(share(k), share(b)) { k } else { b })
        };
        let (best, worst) = (first(&|a, b| a > b), first(&|a, b| a < b));
        history.push(Round {
            candidates,
            best,
            worst,
        });
    }
    Ok(history)
}

/// A test that a writer of programs wrote as well: under the outcome `better` the reward must exceed
/// that under `worse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Test {
    /// Place of an outcome.
    pub better: usize,
    /// Place of another.
    pub worse: usize,
}

/// `passes[program][test]`; a program that fails under an outcome passes none of that outcome's tests.
pub fn passes(programs: &[Program], outcomes: &[OutcomeTable], tests: &[Test]) -> Vec<Vec<bool>> {
    programs
        .iter()
        .map(|program| {
            let values: Vec<Option<f64>> = outcomes.iter().map(|o| program.value(o).ok()).collect();
            let passed = |test: &Test| match (values[test.better], values[test.worse]) {
                (Some(better), Some(worse)) => better > worse,
                _ => false,
            };
            tests.iter().map(passed).collect()
        })
        .collect()
}

/// Which program was chosen by which tests.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Place of the program.
    pub program: usize,
    /// Each program's share of credit, sum 1.
    pub programs: Vec<f64>,
    /// Each test's weight, sum 1: 0 of those that too few programs of credit pass.
    pub tests: Vec<f64>,
}

/// Chooses code by the tests that it passes and tests by the code that passes them.
///
/// Credit s of programs and weight w of tests make each other: s ∝ M w, w ∝ Mᵀ s with M the matrix of
/// passes, iterated to the fixed point, the leading singular pair (Kleinberg 1999). A test keeps its
/// weight where programs with at least half of all credit pass it. Then the minimax choice: the
/// program whose worst failed test, by weight, is lightest,
///
/// p* = argmin_p max_t w_t (1 − M_pt),
///
/// of equal ones the one with the most weight passed, then the first. Wrong programs that fail in
/// different ways cannot outvote what they have in common with the right one, and a wrong test is
/// passed only by programs that share its mistake.
///
/// # Errors
/// No program, no test, rows of different lengths, or no test that any program passes.
pub fn choose(passes: &[Vec<bool>]) -> Result<Choice> {
    let tests = passes.first().map_or(0, Vec::len);
    if tests == 0 || passes.iter().any(|row| row.len() != tests) {
        return Err(Error::input("passes of programs by tests")
            .value(format!(
                "{} programs, {tests} tests in the first",
                passes.len()
            ))
            .allowed("at least one of each, the same tests for all programs"));
    }
    if !passes.iter().flatten().any(|&passed| passed) {
        return Err(Error::run("no program passes any test"));
    }
    let to_one = |mut of: Vec<f64>| {
        let sum: f64 = of.iter().sum();
        of.iter_mut().for_each(|x| *x /= sum);
        of
    };
    let worth = |row: &[bool], weight: &[f64]| -> f64 {
        row.iter()
            .zip(weight)
            .filter(|(passed, _)| **passed)
            .map(|(_, w)| w)
            .sum()
    };
    let support = |test: usize, credit: &[f64]| -> f64 {
        passes
            .iter()
            .zip(credit)
            .filter(|(row, _)| row[test])
            .map(|(_, s)| s)
            .sum()
    };
    let mut weight = vec![1.0 / tests as f64; tests];
    let mut credit = Vec::new();
    for _ in 0..200 {
        credit = to_one(passes.iter().map(|row| worth(row, &weight)).collect());
        let next = to_one((0..tests).map(|test| support(test, &credit)).collect());
        let moved: f64 = next.iter().zip(&weight).map(|(a, b)| (a - b).abs()).sum();
        weight = next;
        if moved < 1e-12 {
            break;
        }
    }
    let trusted = |test: usize| support(test, &credit) >= 0.5;
    if (0..tests).any(trusted) {
        weight = to_one(
            (0..tests)
                .map(|t| if trusted(t) { weight[t] } else { 0.0 })
                .collect(),
        );
    }
    let worst = |row: &[bool]| -> f64 {
        let failed = row.iter().zip(&weight).filter(|(passed, _)| !**passed);
        failed.map(|(_, w)| *w).fold(0.0, f64::max)
    };
    let mut best = 0;
    for k in 1..passes.len() {
        let order = worst(&passes[best])
            .total_cmp(&worst(&passes[k]))
            .then(worth(&passes[k], &weight).total_cmp(&worth(&passes[best], &weight)));
        if order == std::cmp::Ordering::Greater {
            best = k;
        }
    }
    Ok(Choice {
        program: best,
        programs: credit,
        tests: weight,
    })
}

/// The linear program closest to known values of outcomes: least squares of the values on numbers of
/// the table by name, with an intercept, by singular values (those below 10⁻¹⁰ of the largest count as
/// 0, so that numbers which say the same share their weight), written out as code.
///
/// # Errors
/// A name that a table lacks; other numbers of values than of outcomes, or fewer than two.
pub fn regression(
    name: &str,
    numbers: &[&str],
    outcomes: &[OutcomeTable],
    values: &[f64],
) -> Result<Program> {
    if outcomes.len() != values.len() || values.len() < 2 {
        return Err(Error::input("regression of values on outcomes")
            .value(format!(
                "{} outcomes, {} values",
                outcomes.len(),
                values.len()
            ))
            .allowed("equally many, at least 2"));
    }
    let (rows, width) = (outcomes.len(), numbers.len());
    let mut x = DMatrix::<f64>::zeros(rows, width);
    for (i, outcome) in outcomes.iter().enumerate() {
        for (k, number) in numbers.iter().enumerate() {
            x[(i, k)] = outcome.number(number).ok_or_else(|| {
                Error::input("no such number in a table of outcomes").value(number)
            })?;
        }
    }
    // Deviations from means in units of their spread: numbers come in dollars and in shares.
    let mean: Vec<f64> = (0..width).map(|k| x.column(k).mean()).collect();
    let spread: Vec<f64> = (0..width)
        .map(|k| match x.column(k).variance().sqrt() {
            s if s > 1e-12 * mean[k].abs() => s,
            _ => 1.0,
        })
        .collect();
    for k in 0..width {
        x.column_mut(k).apply(|v| *v = (*v - mean[k]) / spread[k]);
    }
    let centre = values.iter().sum::<f64>() / rows as f64;
    let y = DVector::from_iterator(rows, values.iter().map(|v| v - centre));
    let svd = x.svd(true, true);
    let smallest = 1e-10 * svd.singular_values.max();
    let scaled = svd
        .solve(&y, smallest)
        .map_err(|why| Error::run(format!("regression of values on outcomes: {why}")))?;
    let weight: Vec<f64> = (0..width).map(|k| scaled[k] / spread[k]).collect();
    let shift: f64 = weight.iter().zip(&mean).map(|(w, m)| w * m).sum();
    let mut text = format!("let reward = {:e};\n", centre - shift);
    for (number, weight) in numbers.iter().zip(&weight) {
        text.push_str(&format!("reward += {weight:e} * outcome.{number};\n"));
    }
    text.push_str("reward\n");
    Program::new(name, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::{Objective, Schedule};
    use crate::random::Streams;
    use crate::rewards::Reward;
    use crate::rewards::basic::Welfare;
    use crate::rewards::basic::fixture::{made, society};
    use rand::RngExt;

    /// Outcomes of random schedules with their true utilitarian and inverse-wage welfare.
    fn outcomes(count: u64) -> (Vec<OutcomeTable>, Vec<[f64; 2]>) {
        let society = society(40);
        (0..count)
            .map(|k| {
                let mut rng = Streams::new(5, "outcomes").at(k, 0);
                let rates: Vec<f64> = (0..3).map(|_| 0.7 * rng.random::<f64>()).collect();
                let schedule = Schedule::new(&[0.0, 25_000.0, 70_000.0], &rates).unwrap();
                let made = made(&society, &schedule);
                let welfare = [Objective::Utilitarian, Objective::InverseWage].map(|objective| {
                    let judged = Welfare { objective }.judge(&made.situation());
                    judged.unwrap().total
                });
                (OutcomeTable::of(&made.situation()), welfare)
            })
            .unzip()
    }

    /// Utilitarian welfare is mean income less mean cost of effort (nothing is spent): the regression
    /// must find 1, −1 and nothing else, and foretell welfare under schedules that it has not seen.
    #[test]
    fn regression_recovers_true_welfare() {
        let (tables, welfare) = outcomes(60);
        let values: Vec<f64> = welfare.iter().map(|w| w[0]).collect();
        let numbers = [
            "income_mean",
            "effort_mean",
            "gini_disposable",
            "labor_mean",
        ];
        let program = regression("w", &numbers, &tables[..30], &values[..30]).unwrap();
        let weight = |line: usize| -> f64 {
            let line = program.text().lines().nth(line).unwrap();
            line.split_whitespace().nth(2).unwrap().parse().unwrap()
        };
        assert!((weight(1) - 1.0).abs() < 1e-6, "{}", program.text());
        assert!((weight(2) + 1.0).abs() < 1e-6, "{}", program.text());
        for (table, value) in tables[30..].iter().zip(&values[30..]) {
            assert!((program.value(table).unwrap() / value - 1.0).abs() < 1e-8);
        }
    }

    fn ranking(values: impl Fn(usize) -> f64, places: std::ops::Range<usize>) -> Vec<usize> {
        let mut order: Vec<usize> = places.collect();
        order.sort_by(|&a, &b| values(b).total_cmp(&values(a)));
        order
    }

    /// A writer who only ever changes one weight of the best program so far, by lot, and is told
    /// nothing but which program was best, finds one that orders outcomes as true welfare does:
    /// also those outcomes that nobody ranked.
    #[test]
    fn refinement_from_rankings_finds_true_welfare() {
        let (tables, welfare) = outcomes(60);
        let truth = |k: usize| welfare[k][1];
        let rankings: Vec<_> = (0..5).map(|k| ranking(truth, 6 * k..6 * k + 6)).collect();
        let mut rng = Streams::new(9, "writer").at(0, 0);
        let write = |weights: &[f64]| {
            let mut text = String::from("let reward = 0.0;\n");
            for (k, weight) in weights.iter().enumerate() {
                text += &format!(
                    "reward += {weight:?} * (outcome.disposable[{k}] - outcome.effort[{k}]);\n"
                );
            }
            Program::new("candidate", &(text + "reward")).unwrap()
        };
        let mut known = vec![(write(&[1.0; 10]), vec![1.0; 10])];
        let rounds = refine(&tables, &rankings, 60, |history| {
            let best = history.last().map(|round| &round.candidates[round.best].0);
            let base = known
                .iter()
                .find(|(p, _)| Some(p) == best)
                .map_or(vec![1.0; 10], |(_, w)| w.clone());
            let next: Vec<_> = (0..4)
                .map(|_| {
                    let mut weights = base.clone();
                    weights[rng.random_range(0..10)] *= (2.0 * rng.random::<f64>() - 1.0).exp();
                    (write(&weights), weights)
                })
                .collect();
            known.extend(next.clone());
            Ok(next.into_iter().map(|(program, _)| program).collect())
        })
        .unwrap();
        let share = |round: &Round| round.candidates[round.best].1.share;
        assert!(
            rounds
                .windows(2)
                .all(|pair| share(&pair[1]) >= share(&pair[0]))
        );
        let unseen: Vec<_> = (5..10).map(|k| ranking(truth, 6 * k..6 * k + 6)).collect();
        let on_unseen = |program: &Program| agreement(program, &tables, &unseen).unwrap().share;
        let (first, last) = (&rounds[0], &rounds[rounds.len() - 1]);
        let (before, after) = (
            on_unseen(&write(&[1.0; 10])),
            on_unseen(&last.candidates[last.best].0),
        );
        assert!(
            share(first) < 0.8 && share(last) > 0.97,
            "{} to {}",
            share(first),
            share(last)
        );
        assert!(after > 0.93 && after > before + 0.1, "{before} to {after}");
    }

    /// By hand: of 6 pairs of 0 > 1 > 2 > 3, a program that swaps the first two orders 5 likewise, one
    /// that is constant ties all, one that fails has none.
    #[test]
    fn agreement_by_hand() {
        let table = |x: f64| OutcomeTable::new(&[("x", x)], &[]);
        let tables = [2.0, 3.0, 1.0, 0.0].map(table);
        let share = |text: &str| {
            let program = Program::new("p", text).unwrap();
            agreement(&program, &tables, &[vec![0, 1, 2, 3]]).unwrap()
        };
        assert!((share("outcome.x").share - 5.0 / 6.0).abs() < 1e-15);
        assert_eq!(share("1").share, 0.5);
        let failed = share("if outcome.x == 1.0 { loop {} } 1");
        assert_eq!(failed.share, 0.0);
        assert!(failed.failure.unwrap().contains("operations"));
        let program = Program::new("p", "1").unwrap();
        assert!(agreement(&program, &tables, &[vec![0, 4]]).is_err());
        assert!(agreement(&program, &tables, &[vec![0]]).is_err());
    }

    /// Planted: one right program among eight, 24 tests of which 8 are wrong. Wrong programs pass a
    /// right test with probability 0.6 and a wrong one, whose mistake they must share, with 0.3; the
    /// right one passes exactly the right ones. Counting passes prefers a wrong program at times.
    #[test]
    fn minimax_finds_the_planted_program_more_often_than_counting() {
        let (mut by_choice, mut by_count) = (0, 0);
        for world in 0..200 {
            let mut rng = Streams::new(3, "planted").at(world, 0);
            let right = rng.random_range(0..8);
            let passes: Vec<Vec<bool>> = (0..8)
                .map(|p| {
                    (0..24)
                        .map(|t| match (p == right, t < 16) {
                            (true, is_right) => is_right,
                            (false, true) => rng.random::<f64>() < 0.6,
                            (false, false) => rng.random::<f64>() < 0.3,
                        })
                        .collect()
                })
                .collect();
            by_choice += i32::from(choose(&passes).unwrap().program == right);
            let count = |p: usize| passes[p].iter().filter(|&&passed| passed).count();
            let most = (1..8).fold(0, |b, p| if count(p) > count(b) { p } else { b });
            by_count += i32::from(most == right);
        }
        println!("minimax {by_choice}, counting {by_count} of 200");
        assert!(
            by_choice >= 180 && by_count < 160,
            "{by_choice}, {by_count}"
        );
    }

    /// By hand: tests 0 and 1 are passed by the first two programs, test 2 by the third alone, which
    /// passes nothing else. The first passes all that has weight.
    #[test]
    fn choice_by_hand() {
        let passes = [
            [true, true, false],
            [true, false, false],
            [false, false, true],
        ];
        let choice = choose(&passes.map(Vec::from)).unwrap();
        assert_eq!(choice.program, 0);
        // M Mᵀ of the first two is [[2, 1], [1, 1]]: credit in the golden ratio.
        let golden = (1.0 + 5f64.sqrt()) / 2.0;
        assert!((choice.programs[0] / choice.programs[1] - golden).abs() < 1e-6);
        assert!(choice.programs[2] < 1e-6 && choice.tests[2] == 0.0);
        assert!(choose(&[vec![false]]).is_err());
        assert!(choose(&[]).is_err());
    }

    /// Self-written programs and tests end to end: the programs are code, the tests pairs of
    /// outcomes.
    #[test]
    fn programs_are_tested() {
        let (tables, welfare) = outcomes(20);
        let programs = [
            "mean(outcome.disposable) - mean(outcome.effort)",
            "outcome.revenue",
            "loop {}",
        ]
        .map(|text| Program::new("p", text).unwrap());
        let tests: Vec<Test> = (0..10)
            .map(|k| match welfare[k][0] > welfare[k + 10][0] {
                true => Test {
                    better: k,
                    worse: k + 10,
                },
                false => Test {
                    better: k + 10,
                    worse: k,
                },
            })
            .collect();
        let passes = passes(&programs, &tables, &tests);
        assert!(passes[0].iter().all(|&p| p) && passes[2].iter().all(|&p| !p));
        assert_eq!(choose(&passes).unwrap().program, 0);
    }
}
