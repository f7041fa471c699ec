//! Mirrlees (1971): ln c + ln(1 − l), lognormal skills, a share of output for public use.
//!
//! State: utility 𝒰(n). d𝒰/d ln n = l·V'(l); costate m(n) = ∫_n^∞ (c − c̄)·f, which vanishes at both
//! ends because c̄ is the mean of c; and at each skill
//! f·(n − V'(l)·c) = m·(V'(l) + l·V''(l))/n where l > 0.

use crate::error::{Error, Result};
use crate::fiscal::response::decreasing_root;

/// Points of the grid over ln n.
const POINTS: usize = 1_200;
/// Standard deviations of ln n on either side of its mean.
const SPAN: f64 = 6.5;

/// Skills and the public share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// Mean of ln n.
    pub mean: f64,
    /// Standard deviation of ln n.
    pub sigma: f64,
    /// Consumption as a share of output, C/Y.
    pub consumption_share: f64,
}

impl Default for Model {
    /// Mirrlees's first case: ln n ~ N(−1, 0.39²), C/Y = 0.93.
    fn default() -> Self {
        Model {
            mean: -1.0,
            sigma: 0.39,
            consumption_share: 0.93,
        }
    }
}

/// The optimum at one skill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// n: output of a whole unit of labor.
    pub skill: f64,
    /// l, share of the time worked.
    pub labor: f64,
    /// z = n·l, in units of output.
    pub income: f64,
    /// c, in units of output.
    pub consumption: f64,
    /// T'(z) = 1 − c/(n(1 − l)), a fraction.
    pub marginal_rate: f64,
}

/// The optimal allocation by skill.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// In ascending order of skill.
    pub points: Vec<Point>,
    /// Largest relative change of the costate in the last round.
    pub residual: f64,
    /// Share of the population that does not work.
    pub idle: f64,
}

impl Solution {
    /// Average rate (z − c)/z and marginal rate at income z, fractions, linear between grid points;
    /// `None` beyond the grid. At z = 0 the average rate is −∞ if those who do not work receive
    /// anything, and the marginal rate that of the first who work.
    pub fn at(&self, income: f64) -> Option<(f64, f64)> {
        let next = self.points.iter().position(|p| p.income > income)?;
        let b = self.points[next];
        let a = self.points[next.checked_sub(1)?];
        let share = (income - a.income) / (b.income - a.income);
        let mix = |x: f64, y: f64| x + share * (y - x);
        // Those who do not work have no marginal rate of their own.
        let low = if a.income > 0.0 {
            a.marginal_rate
        } else {
            b.marginal_rate
        };
        let consumption = mix(a.consumption, b.consumption);
        Some(((income - consumption) / income, mix(low, b.marginal_rate)))
    }
}

/// Solves the model.
///
/// # Errors
/// σ ≤ 0, a share outside (0, 1], or no convergence.
pub fn solve(model: &Model) -> Result<Solution> {
    if !(model.sigma > 0.0 && model.sigma.is_finite() && model.mean.is_finite()) {
        return Err(Error::input("sigma").value(model.sigma).allowed("> 0"));
    }
    if !(model.consumption_share > 0.0 && model.consumption_share <= 1.0) {
        return Err(Error::input("consumption share")
            .value(model.consumption_share)
            .allowed("above 0, at most 1"));
    }
    let step = 2.0 * SPAN / (POINTS - 1) as f64;
    let skill: Vec<f64> = (0..POINTS)
        .map(|i| (model.mean + model.sigma * (-SPAN + step * i as f64)).exp())
        .collect();
    // Mass of each grid point under the normal density of ln n (trapezoid weights; the ends are
    // beyond counting).
    let density = |i: usize| {
        let x = -SPAN + step * i as f64;
        (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
    };
    let mass: Vec<f64> = (0..POINTS).map(|i| density(i) * step).collect();
    // f(n)·n = density of ln n.
    let log_density: Vec<f64> = (0..POINTS).map(|i| density(i) / model.sigma).collect();
    let grid = Grid {
        skill,
        mass,
        log_density,
        log_step: step * model.sigma,
    };
    let mut costate = vec![0.0; POINTS];
    let mut residual = f64::INFINITY;
    let mut path = grid.balanced(&costate, model.consumption_share);
    for round in 0..500 {
        let wanted = grid.costate(&path);
        let scale = wanted.iter().fold(0.0, |a: f64, m| a.max(m.abs()));
        residual = (wanted.iter().zip(&costate))
            .map(|(a, b)| (a - b).abs() / scale)
            .fold(0.0, f64::max);
        if residual < 1e-9 {
            break;
        }
        let share = if round < 3 { 1.0 } else { 0.5 };
        for (m, wanted) in costate.iter_mut().zip(&wanted) {
            *m += share * (wanted - *m);
        }
        path = grid.balanced(&costate, model.consumption_share);
    }
    if residual.is_nan() || residual >= 1e-6 {
        return Err(Error::run(format!(
            "the differential equations of Mirrlees (1971) did not converge (residual {residual:.1e})"
        )));
    }
    let points: Vec<Point> = (0..POINTS)
        .map(|i| {
            let (n, l, c) = (grid.skill[i], path.labor[i], path.consumption[i]);
            Point {
                skill: n,
                labor: l,
                income: n * l,
                consumption: c,
                marginal_rate: 1.0 - c / (n * (1.0 - l)),
            }
        })
        .collect();
    let idle = (points.iter().zip(&grid.mass))
        .filter(|(point, _)| point.labor == 0.0)
        .map(|(_, mass)| mass)
        .sum();
    Ok(Solution {
        points,
        residual,
        idle,
    })
}

struct Grid {
    skill: Vec<f64>,
    mass: Vec<f64>,
    /// n·f(n).
    log_density: Vec<f64>,
    /// Step of ln n.
    log_step: f64,
}

struct Path {
    labor: Vec<f64>,
    consumption: Vec<f64>,
}

impl Grid {
    /// The path whose lowest utility makes consumption the given share of output.
    fn balanced(&self, costate: &[f64], share: f64) -> Path {
        let left = |utility: f64| {
            let path = self.path(costate, utility);
            let sum = |x: &[f64]| -> f64 { x.iter().zip(&self.mass).map(|(x, m)| x * m).sum() };
            let output: Vec<f64> = (self.skill.iter().zip(&path.labor))
                .map(|(n, l)| n * l)
                .collect();
            share * sum(&output) - sum(&path.consumption)
        };
        // c between a millionth of the median skill and all of it.
        let median = self.skill[POINTS / 2];
        let utility = decreasing_root(left, (1e-6 * median).ln(), median.ln());
        self.path(costate, utility)
    }

    /// Integrates d𝒰/d ln n = l·V'(l) upwards (trapezoid, with a corrector), l from its condition.
    fn path(&self, costate: &[f64], lowest: f64) -> Path {
        let mut utility = lowest;
        let mut path = Path {
            labor: Vec::with_capacity(POINTS),
            consumption: Vec::with_capacity(POINTS),
        };
        let slope = |l: f64| l / (1.0 - l);
        let mut labor = self.labor(0, costate, utility);
        for i in 0..POINTS {
            path.labor.push(labor);
            path.consumption.push(utility.exp() / (1.0 - labor));
            if i + 1 < POINTS {
                let now = slope(labor);
                let guess = utility + self.log_step * now;
                let ahead = slope(self.labor(i + 1, costate, guess));
                utility += 0.5 * self.log_step * (now + ahead);
                labor = self.labor(i + 1, costate, utility);
            }
        }
        path
    }

    /// The labor that solves n·f·(1 − V'·c/n) = m·(V' + l·V'')/n, V = −ln(1 − l), c = e^𝒰/(1 − l).
    fn labor(&self, i: usize, costate: &[f64], utility: f64) -> f64 {
        let (n, m) = (self.skill[i], costate[i]);
        let c0 = utility.exp();
        let gain = |l: f64| {
            let free = 1.0 - l;
            self.log_density[i] * (1.0 - c0 / (n * free * free)) - m / (n * free * free)
        };
        // Both terms have the factor 1/(1 − l)², so the root is in closed form.
        if gain(0.0) <= 0.0 {
            return 0.0;
        }
        let square = (self.log_density[i] * c0 + m) / (n * self.log_density[i]);
        1.0 - square.sqrt()
    }

    /// m(n) = ∫_n^∞ (c − c̄) f, from the top where it is small.
    fn costate(&self, path: &Path) -> Vec<f64> {
        let total: f64 = self.mass.iter().sum();
        let mean: f64 = (path.consumption.iter().zip(&self.mass))
            .map(|(c, m)| c * m)
            .sum::<f64>()
            / total;
        let mut above = 0.0;
        let mut costate = vec![0.0; POINTS];
        for i in (0..POINTS).rev() {
            let half = 0.5 * self.mass[i] * (path.consumption[i] - mean);
            costate[i] = above + half;
            above += 2.0 * half;
        }
        costate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates that Mirrlees (1971) published for ln n ~ N(−1, 0.39²), C/Y = 0.93.
    #[test]
    fn rates_of_the_published_table() {
        let solution = solve(&Model::default()).unwrap();
        let table = [
            (1e-9, None, 23.0),
            (0.05, Some(-34.0), 26.0),
            (0.10, Some(-5.0), 24.0),
            (0.20, Some(9.0), 21.0),
            (0.30, Some(13.0), 19.0),
            (0.40, Some(14.0), 18.0),
            (0.50, Some(15.0), 16.0),
        ];
        for (income, average, marginal) in table {
            let (a, m) = solution.at(income).unwrap();
            assert!((100.0 * m - marginal).abs() <= 1.0, "{income}: {m}");
            if let Some(average) = average {
                assert!((100.0 * a - average).abs() <= 1.5, "{income}: {a}");
            }
        }
    }

    /// Nobody gains by another's pair, and consumption is its share of output.
    #[test]
    fn allocation_is_incentive_compatible_and_affordable() {
        for model in [
            Model::default(),
            Model {
                sigma: 0.7,
                consumption_share: 1.0,
                ..Model::default()
            },
        ] {
            let points = solve(&model).unwrap().points;
            let weight = |p: &Point| {
                let x = (p.skill.ln() - model.mean) / model.sigma;
                (-0.5 * x * x).exp()
            };
            let output: f64 = points.iter().map(|p| weight(p) * p.income).sum();
            let consumed: f64 = points.iter().map(|p| weight(p) * p.consumption).sum();
            assert!((consumed / output - model.consumption_share).abs() < 1e-6);
            let utility =
                |skill: f64, p: &Point| p.consumption.ln() + (1.0 - p.income / skill).ln();
            for own in points.iter().step_by(40) {
                for other in points.iter().filter(|p| p.income < own.skill) {
                    let gain = utility(own.skill, other) - utility(own.skill, own);
                    assert!(gain < 1e-5, "{own:?} {other:?} {gain}");
                }
            }
        }
    }

    #[test]
    fn impossible_models_are_refused() {
        for (sigma, consumption_share) in [(0.0, 0.9), (0.4, 0.0), (0.4, 1.1), (f64::NAN, 0.9)] {
            let model = Model {
                mean: -1.0,
                sigma,
                consumption_share,
            };
            assert!(solve(&model).is_err());
        }
    }
}
