//! Whether two samples can be told apart: the area under the ROC curve of a classifier that is judged
//! on those it has not seen.
//!
//! Sources: Friedman (2003), Lopez-Paz and Oquab (2017), "Revisiting classifier two-sample tests", arXiv
//! 1610.06545, for the test; DeLong, DeLong and Clarke-Pearson (1988) for the variance of an area.

use super::estimate::variance;
use crate::error::{Error, Result};
use crate::preferences::fit;
use crate::preferences::head::{add_scaled, dot};
use crate::random::Streams;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// Parts of cross-fitting.
const FOLDS: usize = 2;

/// Area under the ROC curve with its 95 % interval; ½ cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// P(score of an agent > score of a person) + ½·P(equal).
    pub auc: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Area {
    fn of(auc: f64, variance: f64) -> Self {
        let half = 1.959_963_984_540_054 * variance.sqrt();
        Area {
            auc,
            low: (auc - half).max(0.0),
            high: (auc + half).min(1.0),
        }
    }
}

/// Ranks from 1, equal values sharing the mean of theirs.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let shared = (start + end + 1) as f64 / 2.0;
        order[start..end].iter().for_each(|&i| ranks[i] = shared);
        start = end;
    }
    ranks
}

/// Area under the ROC curve of scores of `positive` against `negative`, and its variance.
///
/// With ψ = 1, ½, 0 where a positive score is above, equal to, below a negative one, V₁₀(i) and V₀₁(j)
/// the means of ψ over the other sample: AUC = mean V₁₀, Var = S₁₀/m + S₀₁/n, S their sample variances.
///
/// Source: DeLong, DeLong and Clarke-Pearson (1988), by midranks as in Sun and Xu (2014).
pub fn area_of_scores(positive: &[f64], negative: &[f64]) -> (f64, f64) {
    let (m, n) = (positive.len() as f64, negative.len() as f64);
    let together: Vec<f64> = positive.iter().chain(negative).copied().collect();
    let all = midranks(&together);
    let (own, other) = (midranks(positive), midranks(negative));
    let above: Vec<f64> = (own.iter().zip(&all))
        .map(|(own, all)| (all - own) / n)
        .collect();
    let below: Vec<f64> = (other.iter().zip(&all[positive.len()..]))
        .map(|(own, all)| 1.0 - (all - own) / m)
        .collect();
    let auc = above.iter().sum::<f64>() / m;
    let spread = |values: &[f64]| variance(values) / values.len() as f64;
    (auc, spread(&above) + spread(&below))
}

/// θ of a logistic regression of `labels` on scaled rows, intercept first and without penalty:
/// min −Σ ln σ(±θ·x) + ½‖θ‖².
fn logistic_regression(rows: &[&[f64]], labels: &[bool]) -> Result<Vec<f64>> {
    let width = rows[0].len();
    let loss = |theta: &[f64], gradient: &mut [f64]| {
        let mut loss = fit::ridge(1.0, &theta[1..], &mut gradient[1..]);
        for (row, &label) in rows.iter().zip(labels) {
            let sign = if label { 1.0 } else { -1.0 };
            let s = theta[0] + dot(&theta[1..], row);
            loss -= fit::log_logistic(sign * s);
            let slope = -sign * fit::logistic(-sign * s);
            gradient[0] += slope;
            add_scaled(&mut gradient[1..], slope, row);
        }
        loss
    };
    Ok(fit::minimise(&loss, vec![0.0; width + 1])?.parameters)
}

/// How well a cross-fitted logistic regression tells `agents` from `people` (rows of features): both are
/// halved, and each half is scored by a classifier that was fitted to the other. AUC = (AUC₁ + AUC₂)/2.
///
/// The halves' areas are not independent, as each tests what the other has taught: of two samples of one
/// distribution, a direction that by chance separates one half does so in the other exactly as much as
/// the other way round. Their correlation is then nearly 1 (intervals that take folds for independent
/// cover ½ in 82 to 86 of 100 simulated experiments), and never above. So the variance is that at a
/// correlation of 1, (√Var₁ + √Var₂)²/4: right where nothing tells, else an upper bound.
///
/// # Errors
/// Fewer than two of a kind in a fold; a fit that does not settle.
pub fn told_apart(agents: &[Vec<f64>], people: &[Vec<f64>], seed: u64) -> Result<Area> {
    if agents.len().min(people.len()) < 5 * FOLDS {
        return Err(Error::run("too few to be told apart")
            .value(format!("{} agents, {} people", agents.len(), people.len()))
            .allowed(format!("at least {} of each", 5 * FOLDS)));
    }
    let width = agents[0].len();
    let both: Vec<&Vec<f64>> = agents.iter().chain(people).collect();
    let mut scaled: Vec<Vec<f64>> = vec![Vec::with_capacity(width); both.len()];
    for k in 0..width {
        let column: Vec<f64> = both.iter().map(|row| row[k]).collect();
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        let deviation = variance(&column).sqrt();
        // A column without variance tells nobody apart.
        if deviation > 1e-12 {
            let pairs = scaled.iter_mut().zip(&column);
            pairs.for_each(|(row, x)| row.push((x - mean) / deviation));
        }
    }
    let mut rng = Streams::new(seed, "told apart").at(0, 0);
    let mut fold_of = |count: usize| {
        let mut folds: Vec<usize> = (0..count).map(|i| i % FOLDS).collect();
        folds.shuffle(&mut rng);
        folds
    };
    let mut folds = fold_of(agents.len());
    folds.extend(fold_of(people.len()));
    let is_agent = |i: usize| i < agents.len();
    let (mut sum, mut deviations) = (0.0, 0.0);
    for fold in 0..FOLDS {
        let rest: Vec<usize> = (0..both.len()).filter(|&i| folds[i] != fold).collect();
        let rows: Vec<&[f64]> = rest.iter().map(|&i| scaled[i].as_slice()).collect();
        let labels: Vec<bool> = rest.iter().map(|&i| is_agent(i)).collect();
        let theta = logistic_regression(&rows, &labels)?;
        let scores = |agent: bool| -> Vec<f64> {
            (0..both.len())
                .filter(|&i| folds[i] == fold && is_agent(i) == agent)
                .map(|i| dot(&theta[1..], &scaled[i]))
                .collect()
        };
        let (auc, own) = area_of_scores(&scores(true), &scores(false));
        sum += auc;
        deviations += own.sqrt();
    }
    let k = FOLDS as f64;
    Ok(Area::of(sum / k, (deviations / k).powi(2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rand_distr::StandardNormal;
    use statrs::distribution::{ContinuousCDF, Normal};

    fn normals(count: usize, width: usize, shift: f64, seed: u64, domain: &str) -> Vec<Vec<f64>> {
        let mut rng = Streams::new(seed, domain).at(0, 0);
        (0..count)
            .map(|_| {
                let mut row: Vec<f64> = (0..width).map(|_| rng.sample(StandardNormal)).collect();
                row[0] += shift;
                row
            })
            .collect()
    }

    /// Positive 2, 3 against negative 1, 2.5: three of four pairs; V₁₀ = (½, 1), V₀₁ = (1, ½), both with
    /// variance ⅛. With a tie, ½.
    #[test]
    fn an_area_by_hand() {
        let (auc, variance) = area_of_scores(&[2.0, 3.0], &[1.0, 2.5]);
        assert!((auc - 0.75).abs() < 1e-15 && (variance - 0.125).abs() < 1e-15);
        assert_eq!(area_of_scores(&[1.0, 1.0], &[1.0, 1.0]), (0.5, 0.0));
        assert_eq!(area_of_scores(&[5.0, 6.0, 6.0], &[1.0, 2.0]).0, 1.0);
    }

    /// The variance of Hanley and McNeil (1982) for exponential scores, whose area is λ/(1+λ), and for
    /// which it is exact.
    #[test]
    fn the_variance_is_that_of_exponential_scores() {
        let (m, n, ratio) = (60usize, 90usize, 3.0);
        let mut rng = Streams::new(4, "exponential").at(0, 0);
        let mut draw = |count: usize, mean: f64| -> Vec<f64> {
            (0..count)
                .map(|_| -mean * (1.0 - rng.random::<f64>()).ln())
                .collect()
        };
        let (mut areas, mut variances) = (0.0, 0.0);
        let runs = 400;
        for _ in 0..runs {
            let (auc, variance) = area_of_scores(&draw(m, ratio), &draw(n, 1.0));
            areas += auc / f64::from(runs);
            variances += variance / f64::from(runs);
        }
        let a: f64 = ratio / (1.0 + ratio);
        let (q1, q2) = (a / (2.0 - a), 2.0 * a * a / (1.0 + a));
        let (mf, nf) = (m as f64, n as f64);
        let exact =
            (a * (1.0 - a) + (mf - 1.0) * (q1 - a * a) + (nf - 1.0) * (q2 - a * a)) / (mf * nf);
        assert!(
            (areas - a).abs() < 4.0 * (exact / f64::from(runs)).sqrt(),
            "{areas}"
        );
        assert!(
            (variances / exact - 1.0).abs() < 0.05,
            "{} {exact}",
            variances
        );
    }

    /// Two samples of one distribution: the interval covers ½ in about 95 of 100 experiments, and not
    /// because it is wide: it says up to a fifth more than areas vary over experiments.
    #[test]
    fn samples_of_one_distribution_cannot_be_told_apart() {
        let runs = 400;
        let (mut covered, mut sum, mut squares, mut halves) = (0, 0.0, 0.0, 0.0);
        for seed in 0..runs {
            let agents = normals(60, 4, 0.0, seed, "agents");
            let people = normals(150, 4, 0.0, seed, "people");
            let area = told_apart(&agents, &people, seed).unwrap();
            covered += u32::from(area.low <= 0.5 && 0.5 <= area.high);
            sum += area.auc / runs as f64;
            squares += (area.auc - 0.5).powi(2) / runs as f64;
            halves += (area.high - area.low) / 2.0 / 1.96 / runs as f64;
        }
        let ratio = halves / squares.sqrt();
        let share = f64::from(covered) / runs as f64;
        println!("covers 0.5 in {share}, mean area {sum}, error by deviation {ratio}");
        assert!((0.93..=0.99).contains(&share), "{share}");
        assert!((0.95..1.2).contains(&ratio), "{ratio}");
        assert!((sum - 0.5).abs() < 0.01, "{sum}");
    }

    /// Normals shifted by d in one of four features: no classifier has more than Φ(d/√2), and this one
    /// has it but for what it must learn.
    #[test]
    fn a_planted_shift_is_found_in_closed_form() {
        let normal = Normal::new(0.0, 1.0).unwrap();
        for shift in [0.3, 1.0, 2.0] {
            let truth = normal.cdf(shift / 2f64.sqrt());
            let agents = normals(3_000, 4, shift, 5, "agents");
            let people = normals(3_000, 4, 0.0, 5, "people");
            let area = told_apart(&agents, &people, 1).unwrap();
            assert!(
                area.low <= truth && truth <= area.high,
                "{shift}: {area:?} {truth}"
            );
            assert!(area.high - area.low < 0.05);
        }
    }
}
