//! The optimum over all income taxes, not only those with a scenario's brackets.
//!
//! A tax schedule of any shape does the same as a menu of pairs (income, consumption) from which
//! every worker picks (the taxation principle), so the best menu bounds what any brackets can reach.
//! With the finitely many workers of a scenario that is a finite problem: the marginal rates of
//! Diamond's (1998) formula, and of Mirrlees (1971) where there are income effects, between
//! neighbouring wages, ironed where incomes would fall.
//!
//! | module | subject |
//! |---|---|
//! | [`Menu`], [`best_menu`] | the optimum of a population |
//! | [`Types`], [`linear_menu`] | the same for given weights and any distribution of types |
//! | [`model_1971`] | Mirrlees's own example by its differential equations |

mod screening;

pub mod model_1971;

pub use screening::Types;

use crate::error::{Error, Result};
use crate::fiscal::response::decreasing_root;
use crate::fiscal::{Allocation, Economy, Objective, Society, Utility};
use screening::{consumption_slope, incomes};

/// Most steps towards the best menu of a concave objective.
const STEPS_MAX: usize = 400;

/// What every type earns, consumes and enjoys, columns in the order of the types.
#[derive(Clone, Debug, PartialEq)]
pub struct Menu {
    /// z_j, $/year, never falling.
    pub income: Vec<f64>,
    /// c_j, $/year.
    pub consumption: Vec<f64>,
    /// u_j.
    pub utility: Vec<f64>,
    /// T'(z_j) = 1 − (∂v/∂z)·C': the wedge between what a dollar earned brings and costs the
    /// worker, a fraction. The marginal rate of a smooth schedule. NaN where hours are at their
    /// limit, which implies no rate.
    pub marginal_rate: Vec<f64>,
}

/// The best menu of a population.
#[derive(Clone, Debug, PartialEq)]
pub struct BestMenu {
    /// By worker in ascending order of productivity.
    pub menu: Menu,
    /// Place in the society of each of them.
    pub worker: Vec<usize>,
    /// W of the menu.
    pub welfare: f64,
    /// How much higher W can be at most, by concavity: 0 up to rounding at the optimum. Only under
    /// quasilinear utility, where the bound is a theorem.
    pub gap: Option<f64>,
    /// Change of W in the last step: a sign of convergence under any utility.
    pub last_gain: f64,
    /// Steps used.
    pub steps: usize,
    /// Shadow values of rents that are negative somewhere: weights that rise with productivity, for
    /// which the menu is admissible but perhaps not the best.
    pub rising_weights: bool,
}

/// Menu and costs of one point of the search.
struct Point {
    effort: Vec<f64>,
    menu: Menu,
}

/// The menu of the effort costs v that spends what there is.
///
/// # Errors
/// Nothing is left to consume: public spending exceeds what all can produce.
fn point(economy: &Economy, types: &Types, effort: Vec<f64>, spending: f64) -> Result<Point> {
    let delta = economy.labor_exponent;
    let income: Vec<f64> = (effort.iter().zip(&types.cost))
        .map(|(v, k)| (v / k).powf(1.0 / delta))
        .collect();
    let rents = types.rents(&effort);
    let mass: f64 = types.mass.iter().sum();
    let produced: f64 = income.iter().zip(&types.mass).map(|(z, m)| m * z).sum();
    let resources = produced - spending * mass;
    let gross: Vec<f64> = rents.iter().zip(&effort).map(|(s, v)| s + v).collect();
    let lowest = match economy.utility {
        Utility::Quasilinear => {
            let spent: f64 = gross.iter().zip(&types.mass).map(|(x, m)| m * x).sum();
            (resources - spent) / mass
        }
        Utility::Isoelastic { .. } => lowest_utility(economy, types, &gross, resources)?,
    };
    let utility: Vec<f64> = rents.iter().map(|s| lowest + s).collect();
    let consumption = (utility.iter().zip(&effort))
        .map(|(u, v)| economy.money_metric(u + v))
        .collect();
    let marginal_rate = (0..types.len())
        .map(|j| {
            if income[j] >= types.most[j] * (1.0 - 1e-12) {
                return f64::NAN;
            }
            let slope = types.cost[j] * delta * income[j].powf(delta - 1.0);
            1.0 - slope * consumption_slope(economy, utility[j] + effort[j])
        })
        .collect();
    Ok(Point {
        effort,
        menu: Menu {
            income,
            consumption,
            utility,
            marginal_rate,
        },
    })
}

/// u_1 such that Σ π_j·C(u_1 + `gross`_j) = `resources`.
fn lowest_utility(economy: &Economy, types: &Types, gross: &[f64], resources: f64) -> Result<f64> {
    let mass: f64 = types.mass.iter().sum();
    if resources <= 0.0 {
        return Err(Error::input("no tax can finance this public spending")
            .value(format!("{resources:.0} $/year left to consume"))
            .allowed("less public_spending"));
    }
    let left = |u: f64| {
        let spent: f64 = (gross.iter().zip(&types.mass))
            .map(|(x, m)| m * economy.money_metric(u + x))
            .sum();
        if spent.is_finite() {
            resources - spent
        } else {
            f64::NEG_INFINITY
        }
    };
    // Between the utility of the mean consumption, less the largest rent, and less none.
    let mean = economy.consumption_utility(resources / mass);
    let (low, high) = (gross.iter()).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| {
        (a.min(x), b.max(x))
    });
    let (mut low, mut high) = (mean - high, mean - low);
    // Illinois steps need finite values at both ends.
    for _ in 0..200 {
        if left(high).is_finite() {
            break;
        }
        let middle = 0.5 * (low + high);
        if left(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(decreasing_root(left, low, high))
}

/// M_j = Σ_{i>j} π_i·(C'_i − Λ_i), Λ the welfare weight in the same unit: what the rents of all
/// types above j cost beyond what they are worth.
fn multipliers(economy: &Economy, types: &Types, point: &Point, worth: &[f64]) -> Vec<f64> {
    let slope: Vec<f64> = (point.menu.utility.iter().zip(&point.effort))
        .map(|(u, v)| consumption_slope(economy, u + v))
        .collect();
    let sum = |x: &[f64]| -> f64 { x.iter().zip(&types.mass).map(|(x, m)| m * x).sum() };
    // λ, so that raising everybody's utility is worth what it costs.
    let price = sum(worth) / sum(&slope);
    let mut above = 0.0;
    let mut multiplier = vec![0.0; types.len()];
    for j in (0..types.len()).rev() {
        multiplier[j] = above;
        above += types.mass[j] * (slope[j] - worth[j] / price);
    }
    multiplier
}

fn effort_of(economy: &Economy, types: &Types, income: &[f64]) -> Vec<f64> {
    (income.iter().zip(&types.cost))
        .map(|(z, k)| k * z.powf(economy.labor_exponent))
        .collect()
}

/// The best menu under quasilinear utility for given welfare weights g_j (any scale), which is
/// exact in one step: Diamond's (1998) formula for any distribution, ironed.
///
/// `spending` is $/year per worker. # Errors
/// Utility that is not quasilinear.
pub fn linear_menu(
    economy: &Economy,
    types: &Types,
    weight: &[f64],
    spending: f64,
) -> Result<Menu> {
    if economy.utility != Utility::Quasilinear {
        return Err(Error::input("utility")
            .value("isoelastic")
            .allowed("quasilinear"));
    }
    let idle = point(economy, types, vec![0.0; types.len()], spending)?;
    let multiplier = multipliers(economy, types, &idle, weight);
    let income = incomes(economy, types, &idle.menu.utility, &multiplier);
    Ok(point(economy, types, effort_of(economy, types, &income), spending)?.menu)
}

/// The best menu for all workers of a society: the most that any income tax can reach.
///
/// max W(u) over incomes and consumptions such that nobody prefers another's pair and
/// Σ(z − c) = N·P. Under quasilinear utility W is concave in (u_1, v), the set convex, and the
/// search a conditional gradient method: the best menu for the present weights, then the best point
/// on the way to it. Under isoelastic utility the step takes the present prices of utility as given.
///
/// # Errors
/// Workers who are not rational, differ in δ, are bounded or have fixed costs or coarse hours: then
/// one number does not order them, or no closed form exists. `inverse_income`, whose weights depend
/// on the incomes that they judge.
pub fn best_menu(society: &Society, objective: &Objective) -> Result<BestMenu> {
    let economy = *society.economy();
    let (types, worker) = society.types()?;
    if *objective == Objective::InverseIncome {
        return Err(Error::input("no continuous optimum of this objective")
            .value(objective.name())
            .allowed("an objective whose weights do not depend on income"));
    }
    let n = types.len();
    let wage: Vec<f64> = worker.iter().map(|&i| society.wage()[i]).collect();
    let welfare = |menu: &Menu| {
        let value = objective.welfare(
            &economy,
            &Allocation {
                wage: &wage,
                income: &menu.income,
                disposable: &menu.consumption,
                utility: &menu.utility,
            },
        );
        if value.is_nan() {
            f64::NEG_INFINITY
        } else {
            value
        }
    };
    // ∂W/∂u up to scale: ∂W/∂c ÷ ∂u/∂c.
    let worth = |menu: &Menu| -> Vec<f64> {
        if *objective == Objective::Rawlsian {
            return (0..n).map(|j| f64::from(u8::from(j == 0))).collect();
        }
        let weights = objective.marginal_weights(
            &economy,
            &Allocation {
                wage: &wage,
                income: &menu.income,
                disposable: &menu.consumption,
                utility: &menu.utility,
            },
        );
        (weights.iter().zip(&menu.consumption))
            .map(|(g, &c)| g / economy.marginal_utility(c))
            .collect()
    };
    let start = start_efforts(&economy, &types);
    let mut here = point(&economy, &types, start, economy.public_spending)?;
    let mut value = welfare(&here.menu);
    let (mut gap, mut last_gain, mut rising) = (f64::NAN, f64::INFINITY, false);
    let mut steps = 0;
    while steps < STEPS_MAX {
        steps += 1;
        let worth = worth(&here.menu);
        if worth.iter().any(|g| !g.is_finite()) {
            // Nobody has a weight: welfare is at its bliss.
            (gap, last_gain) = (0.0, 0.0);
            break;
        }
        let multiplier = multipliers(&economy, &types, &here, &worth);
        let scale = multiplier.iter().fold(0.0, |a: f64, m| a.max(m.abs()));
        rising = multiplier.iter().any(|&m| m < -1e-9 * scale.max(1e-300));
        let target = incomes(&economy, &types, &here.menu.utility, &multiplier);
        let target = effort_of(&economy, &types, &target);
        let there = point(&economy, &types, target, economy.public_spending)?;
        gap = upper_gap(&economy, objective, &wage, &here.menu, &there.menu);
        let at = |share: f64| -> Result<(Point, f64)> {
            let effort = (here.effort.iter().zip(&there.effort))
                .map(|(a, b)| a + share * (b - a))
                .collect();
            let point = point(&economy, &types, effort, economy.public_spending)?;
            let value = welfare(&point.menu);
            Ok((point, value))
        };
        let (next, reached) = best_on_the_way(at)?;
        last_gain = reached - value;
        if last_gain <= 0.0 {
            last_gain = 0.0;
            break;
        }
        (here, value) = (next, reached);
        if last_gain <= 1e-11 * value.abs().max(1e-9) {
            break;
        }
    }
    let quasilinear = economy.utility == Utility::Quasilinear;
    Ok(BestMenu {
        menu: here.menu,
        worker,
        welfare: value,
        gap: Some(gap).filter(|gap| quasilinear && gap.is_finite()),
        last_gain,
        steps,
        rising_weights: rising,
    })
}

/// Effort costs without taxes and rebates at consumption equal to income.
fn start_efforts(economy: &Economy, types: &Types) -> Vec<f64> {
    let zeros = vec![0.0; types.len()];
    let utility = match economy.utility {
        Utility::Quasilinear => zeros.clone(),
        // The utility of somebody who consumes a fair amount: only a place to start.
        Utility::Isoelastic {
            consumption_unit, ..
        } => {
            vec![economy.consumption_utility(consumption_unit); types.len()]
        }
    };
    let income = incomes(economy, types, &utility, &zeros);
    effort_of(economy, types, &income)
}

/// Σ ∂W/∂u_j·(u'_j − u_j), which no gain in W exceeds where W is concave and u' the best menu for
/// the weights at u.
fn upper_gap(
    economy: &Economy,
    objective: &Objective,
    wage: &[f64],
    here: &Menu,
    there: &Menu,
) -> f64 {
    let allocation = |menu: &Menu, utility: &[f64]| {
        objective.welfare(
            economy,
            &Allocation {
                wage,
                income: &menu.income,
                disposable: &menu.consumption,
                utility,
            },
        )
    };
    // The directional derivative of W towards u', numerically: W's gradient is known up to scale.
    let step = 1e-6;
    let moved: Vec<f64> = (here.utility.iter().zip(&there.utility))
        .map(|(a, b)| a + step * (b - a))
        .collect();
    (allocation(here, &moved) - allocation(here, &here.utility)) / step
}

/// The best share of the way, in [0, 1], by golden section after a look at both ends.
fn best_on_the_way(at: impl Fn(f64) -> Result<(Point, f64)>) -> Result<(Point, f64)> {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut low, mut high) = (0.0, 1.0);
    let mut best = at(1.0)?;
    let mut a = high - RATIO * (high - low);
    let mut b = low + RATIO * (high - low);
    let (mut at_a, mut at_b) = (at(a)?, at(b)?);
    for _ in 0..24 {
        if at_a.1 >= at_b.1 {
            (high, b) = (b, a);
            if at_b.1 > best.1 {
                best = at_b;
            }
            at_b = at_a;
            a = high - RATIO * (high - low);
            at_a = at(a)?;
        } else {
            (low, a) = (a, b);
            if at_a.1 > best.1 {
                best = at_a;
            }
            at_a = at_b;
            b = low + RATIO * (high - low);
            at_b = at(b)?;
        }
    }
    for candidate in [at_a, at_b] {
        if candidate.1 > best.1 {
            best = candidate;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests;
