//! Social welfare functions: what a planner maximises.
//!
//! Each takes the allocation of all workers and returns one number. u_i is a
//! worker's utility, m_i its money-metric utility in $/year
//! ([`Economy::money_metric`]; m = u under quasilinear utility). Where a
//! formula needs m > 0, m is floored at [`FLOOR`]; [`Objective::floored`]
//! counts the workers concerned, and a run's summary shows the count.

use crate::error::{Error, Result};
use crate::fiscal::lanes::{self, Moments};
use crate::fiscal::{Economy, Utility};
use multiversion::multiversion;

/// Least money-metric utility or income that enters a logarithm, a negative power or a quotient, $/year.
pub const FLOOR: f64 = 1.0;

/// Unit of money-metric utility in [`Objective::Isoelastic`], $/year: keeps powers near 1.
pub const ISOELASTIC_UNIT: f64 = 10_000.0;

/// Largest aversion to inequality; beyond it sums lose their digits, and `rawlsian` is meant.
pub const AVERSION_MAX: f64 = 10.0;

/// The state of all workers in one period, equally long slices by worker.
#[derive(Clone, Copy, Debug)]
pub struct Allocation<'a> {
    /// $/hour.
    pub wage: &'a [f64],
    /// Pre-tax income z, $/year.
    pub income: &'a [f64],
    /// Disposable income c = z − T(z) + R, $/year.
    pub disposable: &'a [f64],
    /// Utility u: $/year under quasilinear utility, else a pure number.
    pub utility: &'a [f64],
}

impl<'a> Allocation<'a> {
    /// The workers in `range`.
    #[inline(always)]
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Allocation<'a> {
        Allocation {
            wage: &self.wage[range.clone()],
            income: &self.income[range.clone()],
            disposable: &self.disposable[range.clone()],
            utility: &self.utility[range],
        }
    }
}

/// What a part of the population adds to a welfare function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    sum: f64,
    /// A second sum, or the point that the first is relative to.
    extra: f64,
}

/// Sen's W from Σm and Σ(2i − n − 1)·m_(i): (n·Σm − Σ(2i−n−1)m_(i))/n².
pub(crate) fn rank_welfare(sum: f64, rank_sum: f64, n: usize) -> f64 {
    let n = n as f64;
    (n * sum - rank_sum) / (n * n)
}

/// What a part of the population adds to each of several welfare functions.
#[multiversion(targets = "simd")]
pub(crate) fn parts(
    objectives: &[Objective],
    economy: &Economy,
    part: &Allocation<'_>,
) -> Vec<Option<Part>> {
    // Σ ln m serves several objectives.
    let ln = |m: f64| lanes::ln(if m > FLOOR { m } else { FLOOR });
    let u = part.utility;
    let ln_sum = if !objectives.iter().any(Objective::takes_logarithms) {
        0.0
    } else if economy.utility == Utility::Quasilinear {
        lanes::sum(u, ln)
    } else {
        lanes::sum(u, |u| ln(economy.money_metric(u)))
    };
    objectives
        .iter()
        .map(|objective| objective.part(economy, part, ln_sum))
        .collect()
}

/// A social welfare function W.
#[derive(Clone, Debug, PartialEq)]
pub enum Objective {
    /// W = mean u. Unit of u. Indifferent to inequality of money under quasilinear utility.
    Utilitarian,
    /// W = mean(g_i u_i), g_i ∝ 1/w_i with mean 1, fixed. Unit of u. Not a function of
    /// outcomes alone: a given person's weight is tied to its wage.
    InverseWage,
    /// W = Σ u_i/max(z_i, 1). The LLM Economist paper's: weights depend on the tax that they
    /// judge, have infinite variance under its own prior, and ask for near-confiscation. A pure
    /// number under quasilinear utility.
    InverseIncome,
    /// W = min u (Rawls's maximin). Unit of u.
    Rawlsian,
    /// W = mean (m̂^{1−γ} − 1)/(1−γ), m̂ = max(m, 1 $/year)/(10,000 $/year); mean ln m̂ at γ = 1.
    Isoelastic {
        /// Aversion to inequality, 0 ≤ γ ≤ 10.
        gamma: f64,
    },
    /// W = (mean m̂^{1−ε})^{1/(1−ε)}, the equally distributed equivalent, $/year (Atkinson 1970).
    Atkinson {
        /// Aversion to inequality, 0 ≤ ε ≤ 10.
        epsilon: f64,
    },
    /// W = exp(mean ln m̂): geometric mean, $/year; ranks allocations as Nash's product does.
    Nash,
    /// W = mean m·(1 − Gini) = Σ_i (2(n−i)+1)·m_(i)/n², $/year (Sen 1976). Weight by rank alone.
    Rank,
    /// W = −mean max(threshold − m, 0), $/year: shortfall below what suffices (Frankfurt's
    /// sufficientarianism). Blind above the threshold.
    Sufficiency {
        /// $/year.
        threshold: f64,
    },
    /// W = mean(g_i u_i) with given non-negative weights by wage group (poorest first, groups of
    /// equal size), scaled to mean 1: any Pareto weights.
    Pareto {
        /// One weight for each wage group.
        weights: Vec<f64>,
    },
    /// W = −scale·ln mean exp(−m/scale), $/year: prioritarian with constant absolute aversion
    /// (Kolm–Pollak), defined for negative m as well.
    Prioritarian {
        /// $/year over which priority falls by a factor e.
        scale: f64,
    },
}

impl Objective {
    /// Every objective with its default parameters, in the order of the recorded columns.
    pub fn defaults() -> Vec<Objective> {
        vec![
            Objective::Utilitarian,
            Objective::InverseWage,
            Objective::InverseIncome,
            Objective::Rawlsian,
            Objective::Isoelastic { gamma: 1.0 },
            Objective::Atkinson { epsilon: 2.0 },
            Objective::Nash,
            Objective::Rank,
            Objective::Sufficiency {
                threshold: 20_000.0,
            },
            Objective::Prioritarian { scale: 40_000.0 },
        ]
    }

    /// Name as in scenarios and in the column `welfare_<name>`.
    pub fn name(&self) -> &'static str {
        match self {
            Objective::Utilitarian => "utilitarian",
            Objective::InverseWage => "inverse_wage",
            Objective::InverseIncome => "inverse_income",
            Objective::Rawlsian => "rawlsian",
            Objective::Isoelastic { .. } => "isoelastic",
            Objective::Atkinson { .. } => "atkinson",
            Objective::Nash => "nash",
            Objective::Rank => "rank",
            Objective::Sufficiency { .. } => "sufficiency",
            Objective::Pareto { .. } => "pareto",
            Objective::Prioritarian { .. } => "prioritarian",
        }
    }

    /// Formula, for reports.
    pub fn formula(&self) -> String {
        match self {
            Objective::Utilitarian => "mean u".into(),
            Objective::InverseWage => "mean(g·u), g = k/wage with mean g = 1".into(),
            Objective::InverseIncome => "Σ u/max(z, 1)".into(),
            Objective::Rawlsian => "min u".into(),
            Objective::Isoelastic { gamma } => {
                format!("mean (m^(1−γ) − 1)/(1−γ), m in 10,000 $/year, γ = {gamma}")
            }
            Objective::Atkinson { epsilon } => format!("(mean m^(1−ε))^(1/(1−ε)), ε = {epsilon}"),
            Objective::Nash => "exp(mean ln m)".into(),
            Objective::Rank => "mean m·(1 − Gini of m)".into(),
            Objective::Sufficiency { threshold } => format!("−mean max({threshold} − m, 0)"),
            Objective::Pareto { weights } => {
                format!("mean(g·u), g by wage group in proportion to {weights:?}")
            }
            Objective::Prioritarian { scale } => format!("−s·ln mean exp(−m/s), s = {scale} $"),
        }
    }

    /// Unit of W.
    pub fn unit(&self, economy: &Economy) -> &'static str {
        let money = matches!(economy.utility, crate::fiscal::Utility::Quasilinear);
        match self {
            Objective::Utilitarian
            | Objective::InverseWage
            | Objective::Rawlsian
            | Objective::Pareto { .. } => {
                if money {
                    "$/year"
                } else {
                    "utils"
                }
            }
            Objective::InverseIncome if money => "pure number",
            Objective::InverseIncome => "utils per $/year",
            Objective::Isoelastic { .. } => "utils",
            Objective::Atkinson { .. }
            | Objective::Nash
            | Objective::Rank
            | Objective::Sufficiency { .. }
            | Objective::Prioritarian { .. } => "$/year",
        }
    }

    /// What the planner is after, in plain words for prompts and reports.
    pub fn in_words(&self) -> String {
        match self {
            Objective::Utilitarian => "the average utility of all workers".into(),
            Objective::InverseWage => "the average utility of all workers, where a worker counts in inverse proportion to its hourly wage, so that low-wage workers count most".into(),
            Objective::InverseIncome => "the sum of utilities, each divided by the worker's own income".into(),
            Objective::Rawlsian => "the utility of the worst-off worker".into(),
            Objective::Isoelastic { gamma } => format!("the average of utility in dollars, with diminishing value of a further dollar (inequality aversion {gamma})"),
            Objective::Atkinson { epsilon } => format!("the income that, equally shared, would be as good as the actual distribution (inequality aversion {epsilon})"),
            Objective::Nash => "the geometric mean of the workers' utilities in dollars".into(),
            Objective::Rank => "average utility in dollars times one minus its Gini coefficient".into(),
            Objective::Sufficiency { threshold } => format!("that nobody's utility falls below ${threshold:.0} per year; the shortfall counts negatively"),
            Objective::Pareto { .. } => "a weighted average of utilities with given weights by wage group".into(),
            Objective::Prioritarian { .. } => "utility in dollars, with priority to those who have less".into(),
        }
    }

    /// Checks parameters.
    ///
    /// # Errors
    /// A parameter that is not finite or out of its range.
    pub fn check(&self) -> Result<()> {
        let at_least_zero = |name: &str, value: f64| {
            if value.is_finite() && value >= 0.0 {
                Ok(())
            } else {
                Err(Error::input(format!("{name} out of range"))
                    .value(value)
                    .allowed("≥ 0"))
            }
        };
        let aversion = |name: &str, value: f64| {
            if (0.0..=AVERSION_MAX).contains(&value) {
                return Ok(());
            }
            let allowed = format!("0 to {AVERSION_MAX}; `rawlsian` is the limit");
            Err(Error::input(format!("{name} out of range"))
                .value(value)
                .allowed(allowed))
        };
        match self {
            Objective::Isoelastic { gamma } => aversion("gamma", *gamma),
            Objective::Atkinson { epsilon } => aversion("epsilon", *epsilon),
            Objective::Sufficiency { threshold } => at_least_zero("threshold", *threshold),
            Objective::Prioritarian { scale } if *scale > 0.0 && scale.is_finite() => Ok(()),
            Objective::Prioritarian { scale } => Err(Error::input("scale out of range")
                .value(scale)
                .allowed("> 0")),
            Objective::Pareto { weights } => {
                weights
                    .iter()
                    .try_for_each(|&w| at_least_zero("weights", w))?;
                if weights.iter().sum::<f64>() > 0.0 {
                    Ok(())
                } else {
                    Err(Error::input("weights")
                        .value(format!("{weights:?}"))
                        .allowed("one above 0"))
                }
            }
            _ => Ok(()),
        }
    }

    /// Welfare W of an allocation; NaN of an empty one.
    pub fn welfare(&self, economy: &Economy, allocation: &Allocation) -> f64 {
        let n = allocation.utility.len();
        match self {
            Objective::Rank => {
                let mut m: Vec<f64> = allocation
                    .utility
                    .iter()
                    .map(|&u| economy.money_metric(u))
                    .collect();
                m.sort_by(f64::total_cmp);
                let Moments { sum, rank_sum } = lanes::moments_of(&m);
                rank_welfare(sum, rank_sum, n)
            }
            Objective::Pareto { .. } => {
                let g = self.fixed_weights(allocation.wage);
                lanes::sum2(allocation.utility, &g, |u, g| g * u) / n as f64
            }
            _ => {
                let parts = lanes::by_chunk(n, |range| {
                    parts(std::slice::from_ref(self), economy, &allocation.part(range))[0]
                });
                self.finish(&parts, n)
            }
        }
    }

    fn takes_logarithms(&self) -> bool {
        match self {
            Objective::Nash => true,
            Objective::Isoelastic { gamma: aversion }
            | Objective::Atkinson { epsilon: aversion } => *aversion == 1.0,
            _ => false,
        }
    }

    /// What a part of the population adds to W; `None` of objectives that must see everybody at
    /// once ([`Objective::Rank`], [`Objective::Pareto`]). `ln_sum` is Σ ln m of this part.
    #[inline(always)]
    fn part(&self, economy: &Economy, part: &Allocation, ln_sum: f64) -> Option<Part> {
        let (u, z, w) = (part.utility, part.income, part.wage);
        let quasilinear = economy.utility == Utility::Quasilinear;
        // Money-metric utility is utility itself in the common case, and then costs nothing.
        let sum_m =
            |f: &dyn Fn(f64) -> f64| u.iter().map(|&u| f(economy.money_metric(u))).sum::<f64>();
        macro_rules! sum {
            ($f:expr) => {{
                let f = $f;
                if quasilinear {
                    lanes::sum(u, f)
                } else {
                    sum_m(&f)
                }
            }};
        }
        let sum = match self {
            Objective::Utilitarian => lanes::sum(u, |u| u),
            Objective::InverseWage => {
                let (sum, extra) = lanes::pair_sum2(u, w, |u, w| {
                    let g = 1.0 / w;
                    (g * u, g)
                });
                return Some(Part { sum, extra });
            }
            Objective::InverseIncome => {
                lanes::sum2(u, z, |u, z| u / if z > FLOOR { z } else { FLOOR })
            }
            Objective::Rawlsian => lanes::extremes(u).0,
            Objective::Isoelastic { gamma } if *gamma == 1.0 => {
                ln_sum - u.len() as f64 * ISOELASTIC_UNIT.ln()
            }
            Objective::Isoelastic { gamma } => {
                let p = 1.0 - gamma;
                sum!(|m: f64| ((m.max(FLOOR) / ISOELASTIC_UNIT).powf(p) - 1.0) / p)
            }
            Objective::Nash => ln_sum,
            Objective::Atkinson { epsilon } if *epsilon == 1.0 => ln_sum,
            Objective::Atkinson { epsilon } if *epsilon == 2.0 => {
                sum!(|m: f64| 1.0 / if m > FLOOR { m } else { FLOOR })
            }
            Objective::Atkinson { epsilon } => {
                let p = 1.0 - epsilon;
                sum!(|m: f64| m.max(FLOOR).powf(p))
            }
            Objective::Sufficiency { threshold } => {
                let threshold = *threshold;
                sum!(|m: f64| if m < threshold { threshold - m } else { 0.0 })
            }
            Objective::Prioritarian { scale } => {
                let lowest = economy.money_metric(lanes::extremes(u).0);
                let per = 1.0 / scale;
                let sum = sum!(|m: f64| lanes::exp_of_negative((lowest - m) * per));
                return Some(Part { sum, extra: lowest });
            }
            Objective::Rank | Objective::Pareto { .. } => return None,
        };
        Some(Part { sum, extra: 0.0 })
    }

    /// W from the parts of a population of `n`; NaN if a part is missing or nobody is there.
    pub(crate) fn finish(&self, parts: &[Option<Part>], n: usize) -> f64 {
        if n == 0 || parts.iter().any(Option::is_none) {
            return f64::NAN;
        }
        let parts = parts.iter().flatten();
        let lowest = parts
            .clone()
            .map(|part| part.extra)
            .fold(f64::INFINITY, f64::min);
        let (mut sum, mut extra) = (0.0, 0.0);
        for part in parts.clone() {
            sum += match self {
                // Each part was scaled by its own lowest m.
                Objective::Prioritarian { scale } => {
                    part.sum * ((lowest - part.extra) / scale).exp()
                }
                _ => part.sum,
            };
            extra += part.extra;
        }
        let mean = sum / n as f64;
        match self {
            Objective::InverseWage => sum / extra,
            Objective::InverseIncome => sum,
            Objective::Rawlsian => parts.map(|part| part.sum).fold(f64::INFINITY, f64::min),
            Objective::Atkinson { epsilon } if *epsilon != 1.0 => mean.powf(1.0 / (1.0 - epsilon)),
            Objective::Atkinson { .. } | Objective::Nash => mean.exp(),
            Objective::Sufficiency { .. } => -mean,
            Objective::Prioritarian { scale } => lowest - scale * mean.ln(),
            _ => mean,
        }
    }

    /// Number of workers whose money-metric utility (or income, for `inverse_income`) was
    /// floored at [`FLOOR`] in [`Objective::welfare`].
    pub fn floored(&self, economy: &Economy, allocation: &Allocation) -> usize {
        let low = |&&x: &&f64| x < FLOOR;
        match self {
            Objective::InverseIncome => allocation.income.iter().filter(low).count(),
            Objective::Isoelastic { .. } | Objective::Atkinson { .. } | Objective::Nash => {
                allocation
                    .utility
                    .iter()
                    .filter(|&&u| economy.money_metric(u) < FLOOR)
                    .count()
            }
            _ => 0,
        }
    }

    /// Weights g_i that depend on wages alone, mean 1: for `InverseWage` and `Pareto`; 1 for others.
    pub fn fixed_weights(&self, wage: &[f64]) -> Vec<f64> {
        let n = wage.len();
        let raw: Vec<f64> = match self {
            Objective::InverseWage => wage.iter().map(|w| 1.0 / w).collect(),
            Objective::Pareto { weights } => {
                let mut raw = vec![0.0; n];
                for (rank, &i) in super::inequality::ascending_order(wage).iter().enumerate() {
                    raw[i as usize] = weights[rank * weights.len() / n];
                }
                raw
            }
            _ => return vec![1.0; n],
        };
        scaled_to_mean_one(raw)
    }

    /// Marginal social welfare weights g_i ∝ ∂W/∂c_i, scaled to mean 1: what one more dollar in
    /// the hands of worker i is worth. For `InverseIncome` the weight 1/z is held fixed; for
    /// `Rawlsian` the workers who are worst off share all weight. Workers at [`FLOOR`] are weighed as
    /// if they stood just above it. All NaN where nobody has a positive weight (`Sufficiency` when
    /// everybody has enough): callers must ask [`are_defined`](super::saez::are_defined).
    ///
    /// Used by the Saez formulas. Source: Saez (2001), Saez & Stantcheva (2016).
    pub fn marginal_weights(&self, economy: &Economy, allocation: &Allocation) -> Vec<f64> {
        let n = allocation.utility.len();
        // ∂u/∂c, and ∂m/∂c through m(u): du/dc ÷ u'(m).
        let du = |i: usize| economy.marginal_utility(allocation.disposable[i]);
        let metric = |i: usize| economy.money_metric(allocation.utility[i]);
        let dm = |i: usize| {
            let slope = economy.marginal_utility(metric(i).max(FLOOR));
            du(i) / slope
        };
        let raw: Vec<f64> = match self {
            Objective::Utilitarian => (0..n).map(du).collect(),
            Objective::InverseWage | Objective::Pareto { .. } => self
                .fixed_weights(allocation.wage)
                .iter()
                .enumerate()
                .map(|(i, g)| g * du(i))
                .collect(),
            Objective::InverseIncome => (0..n)
                .map(|i| du(i) / allocation.income[i].max(FLOOR))
                .collect(),
            Objective::Rawlsian => {
                let lowest = allocation
                    .utility
                    .iter()
                    .copied()
                    .fold(f64::INFINITY, f64::min);
                let near = lowest + 1e-9 * lowest.abs().max(1e-9);
                (0..n)
                    .map(|i| {
                        if allocation.utility[i] <= near {
                            1.0
                        } else {
                            0.0
                        }
                    })
                    .collect()
            }
            Objective::Isoelastic { gamma } => (0..n)
                .map(|i| metric(i).max(FLOOR).powf(-gamma) * dm(i))
                .collect(),
            Objective::Atkinson { epsilon } => (0..n)
                .map(|i| metric(i).max(FLOOR).powf(-epsilon) * dm(i))
                .collect(),
            Objective::Nash => (0..n).map(|i| dm(i) / metric(i).max(FLOOR)).collect(),
            Objective::Rank => {
                let m: Vec<f64> = (0..n).map(metric).collect();
                let mut raw = vec![0.0; n];
                for (rank, &i) in super::inequality::ascending_order(&m).iter().enumerate() {
                    raw[i as usize] = (2.0 * (n - rank) as f64 - 1.0) * dm(i as usize);
                }
                raw
            }
            Objective::Sufficiency { threshold } => (0..n)
                .map(|i| if metric(i) < *threshold { dm(i) } else { 0.0 })
                .collect(),
            Objective::Prioritarian { scale } => {
                let lowest = (0..n).map(metric).fold(f64::INFINITY, f64::min);
                (0..n)
                    .map(|i| (-(metric(i) - lowest) / scale).exp() * dm(i))
                    .collect()
            }
        };
        scaled_to_mean_one(raw)
    }
}

fn scaled_to_mean_one(mut raw: Vec<f64>) -> Vec<f64> {
    let mean = super::inequality::mean(&raw);
    // Nobody counts, or a weight is not a number: there are no weights, and NaN says so.
    let scale = if mean > 0.0 && mean.is_finite() {
        mean
    } else {
        f64::NAN
    };
    raw.iter_mut().for_each(|g| *g /= scale);
    raw
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::Utility;

    const WAGE: [f64; 3] = [10.0, 20.0, 40.0];
    const INCOME: [f64; 3] = [0.5, 200.0, 400.0];
    const UTILITY: [f64; 3] = [100.0, 400.0, 1600.0];

    fn allocation() -> Allocation<'static> {
        Allocation {
            wage: &WAGE,
            income: &INCOME,
            disposable: &UTILITY,
            utility: &UTILITY,
        }
    }

    /// Each worked by hand from its formula.
    #[test]
    fn hand_worked_welfare() {
        let economy = Economy::default();
        let w = |objective: Objective| objective.welfare(&economy, &allocation());
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} {b}");
        close(w(Objective::Utilitarian), 700.0);
        // weights 1/10 : 1/20 : 1/40 = 4 : 2 : 1
        close(
            w(Objective::InverseWage),
            (4.0 * 100.0 + 2.0 * 400.0 + 1600.0) / 7.0,
        );
        close(w(Objective::InverseIncome), 100.0 + 2.0 + 4.0);
        close(w(Objective::Rawlsian), 100.0);
        close(
            w(Objective::Isoelastic { gamma: 0.5 }),
            2.0 * (0.1 + 0.2 + 0.4 - 3.0) / 3.0,
        );
        close(w(Objective::Isoelastic { gamma: 1.0 }), 0.04f64.ln());
        // harmonic mean of 100, 400, 1600
        close(
            w(Objective::Atkinson { epsilon: 2.0 }),
            3.0 / (0.01 + 0.0025 + 0.000625),
        );
        close(w(Objective::Nash), 400.0);
        // (5·100 + 3·400 + 1·1600)/9
        close(w(Objective::Rank), 3300.0 / 9.0);
        close(
            w(Objective::Sufficiency { threshold: 500.0 }),
            -(400.0 + 100.0) / 3.0,
        );
        close(
            w(Objective::Pareto {
                weights: vec![2.0, 1.0, 0.0],
            }),
            (2.0 * 100.0 + 400.0) / 3.0,
        );
        let sum = (-1.0f64).exp() + (-4.0f64).exp() + (-16.0f64).exp();
        close(
            w(Objective::Prioritarian { scale: 100.0 }),
            -100.0 * (sum / 3.0).ln(),
        );
    }

    #[test]
    fn rank_is_sens_mean_times_one_minus_gini() {
        let economy = Economy::default();
        let gini = crate::fiscal::inequality::gini(&UTILITY);
        let expected = 700.0 * (1.0 - gini);
        assert!((Objective::Rank.welfare(&economy, &allocation()) - expected).abs() < 1e-9);
    }

    /// g_i against the numerical derivative ∂W/∂c_i for every objective and both utilities.
    #[test]
    fn marginal_weights_are_derivatives_of_welfare() {
        let isoelastic = Economy {
            utility: Utility::Isoelastic {
                eta: 1.5,
                consumption_unit: 1000.0,
            },
            ..Economy::default()
        };
        for economy in [Economy::default(), isoelastic] {
            let disposable = [18_000.0, 30_000.0, 90_000.0];
            let labor = [20.0, 30.0, 40.0];
            let income = [10_000.0, 30_000.0, 100_000.0];
            let cost = Economy {
                labor_cost: 1e-8,
                ..economy
            };
            let welfare = |objective: &Objective, c: &[f64; 3]| {
                let u: Vec<f64> = (0..3).map(|i| cost.utility(c[i], labor[i])).collect();
                let a = Allocation {
                    wage: &WAGE,
                    income: &income,
                    disposable: c,
                    utility: &u,
                };
                (
                    objective.welfare(&cost, &a),
                    objective.marginal_weights(&cost, &a),
                )
            };
            let mut objectives = Objective::defaults();
            objectives.push(Objective::Pareto {
                weights: vec![3.0, 2.0, 1.0],
            });
            for objective in &objectives {
                let (_, g) = welfare(objective, &disposable);
                let slopes: Vec<f64> = (0..3)
                    .map(|i| {
                        let (mut up, mut down) = (disposable, disposable);
                        up[i] += 1.0;
                        down[i] -= 1.0;
                        (welfare(objective, &up).0 - welfare(objective, &down).0) / 2.0
                    })
                    .collect();
                let mean = slopes.iter().sum::<f64>() / 3.0;
                for i in 0..3 {
                    let expected = slopes[i] / mean;
                    assert!(
                        (g[i] - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                        "{objective:?} {economy:?} {g:?} {slopes:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn floored_workers_are_counted() {
        let economy = Economy::default();
        let utility = [-5.0, 400.0, 1600.0];
        let a = Allocation {
            wage: &WAGE,
            income: &INCOME,
            disposable: &utility,
            utility: &utility,
        };
        assert_eq!(Objective::Nash.floored(&economy, &a), 1);
        assert_eq!(Objective::InverseIncome.floored(&economy, &a), 1);
        assert_eq!(Objective::Utilitarian.floored(&economy, &a), 0);
        assert!((Objective::Nash.welfare(&economy, &a) - (400.0 * 1600.0f64).cbrt()).abs() < 1e-6);
    }
}
