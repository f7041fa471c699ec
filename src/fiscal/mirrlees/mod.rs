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
use crate::fiscal::objective::FLOOR;
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
    /// quasilinear utility, and not for `sufficiency`, whose weights jump.
    pub gap: Option<f64>,
    /// Change of W in the last step: a sign of convergence under any utility.
    pub last_gain: f64,
    /// Steps used.
    pub steps: usize,
}

/// Menu and costs of one point of the search.
struct Point {
    effort: Vec<f64>,
    menu: Menu,
}

/// The menu of the effort costs v that spends what there is; `None` where nothing is left to
/// consume.
fn point(economy: &Economy, types: &Types, effort: Vec<f64>, spending: f64) -> Option<Point> {
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
    Some(Point {
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
fn lowest_utility(economy: &Economy, types: &Types, gross: &[f64], resources: f64) -> Option<f64> {
    let mass: f64 = types.mass.iter().sum();
    if resources <= 0.0 {
        return None;
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
    Some(decreasing_root(left, low, high))
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
/// `spending` is $/year per worker. Weights must not rise with productivity on average above any
/// type: then the rents of the more productive would be wanted for themselves.
///
/// # Errors
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
    let quasilinear = "quasilinear menus can be in debt";
    let idle = point(economy, types, vec![0.0; types.len()], spending).expect(quasilinear);
    let multiplier = multipliers(economy, types, &idle, weight);
    let income = incomes(economy, types, &idle.menu.utility, &multiplier);
    let effort = effort_of(economy, types, &income);
    Ok(point(economy, types, effort, spending)
        .expect(quasilinear)
        .menu)
}

/// The best menu for all workers of a society: the most that any income tax can reach.
///
/// max W(u) over incomes and consumptions such that nobody prefers another's pair and
/// Σ(z − c) = N·P. Under quasilinear utility W is concave in (u_1, v), the set convex, and the
/// search a conditional gradient method: the best menu for the present weights, then the best point
/// on the way to it. Under isoelastic utility the step takes the present prices of utility as given.
///
/// # Errors
/// Workers who are not rational, differ in δ, are bounded or have frictions: then one number does
/// not order them. Objectives for which the problem is another one: `inverse_income`, whose weights
/// depend on the incomes that they judge; weights that rise with productivity, under which workers
/// would have to be kept from the pairs above theirs; a menu in which somebody is below the
/// objective's floor ([`FLOOR`]), where welfare is not concave. Public spending that exceeds what
/// all can produce.
pub fn best_menu(society: &Society, objective: &Objective) -> Result<BestMenu> {
    let economy = *society.economy();
    let (types, worker) = society.types()?;
    let none = |why: &str, allowed: &str| {
        let error = Error::input("no continuous optimum of this objective");
        error.value(why).allowed(allowed)
    };
    if *objective == Objective::InverseIncome {
        return Err(none(
            objective.name(),
            "an objective whose weights do not depend on income",
        ));
    }
    let wage: Vec<f64> = worker.iter().map(|&i| society.wage()[i]).collect();
    let problem = Problem {
        economy,
        types,
        wage,
        objective,
    };
    let mut found = problem.start()?;
    for softness in problem.softnesses() {
        found = problem.climb(found, softness);
    }
    let menu = found.here.menu;
    let welfare = problem.welfare(&menu, None);
    if found.lowest_multiplier < -1e-7 {
        return Err(none(
            "weights that rise with productivity",
            "weights that do not rise, so that only pairs below one's own tempt",
        ));
    }
    let floored = objective.floored(&economy, &problem.allocation(&menu, &menu.utility));
    if floored > 0 {
        return Err(none(
            &format!("{floored} workers below {FLOOR} $/year, where it has a floor"),
            "a population and public_spending that leave everybody more",
        ));
    }
    let smooth = !matches!(objective, Objective::Sufficiency { .. });
    let quasilinear = economy.utility == Utility::Quasilinear;
    Ok(BestMenu {
        menu,
        worker,
        welfare,
        gap: Some(found.gap.max(0.0)).filter(|gap| quasilinear && smooth && gap.is_finite()),
        last_gain: found.last_gain,
        steps: found.steps,
    })
}

/// The search for the best menu of one objective.
struct Problem<'a> {
    economy: Economy,
    types: Types,
    /// In the order of the types.
    wage: Vec<f64>,
    objective: &'a Objective,
}

/// Where the search stands.
struct State {
    here: Point,
    gap: f64,
    last_gain: f64,
    steps: usize,
    /// Least M_j over the prices of everybody's utility.
    lowest_multiplier: f64,
}

impl Problem<'_> {
    fn allocation<'b>(&'b self, menu: &'b Menu, utility: &'b [f64]) -> Allocation<'b> {
        Allocation {
            wage: &self.wage,
            income: &menu.income,
            disposable: &menu.consumption,
            utility,
        }
    }

    /// Widths of the threshold of `sufficiency`, from wide to narrow, $/year: the last is far below
    /// what anybody would notice. `None` for objectives without a kink, which need one round.
    fn softnesses(&self) -> Vec<Option<f64>> {
        match self.objective {
            Objective::Sufficiency { threshold } => (1..=10)
                .map(|round| Some(threshold.max(1.0) * 0.3f64.powi(round)))
                .collect(),
            _ => vec![None],
        }
    }

    /// W; with a soft threshold s·ln(1 + e^{(t − m)/s}) in the place of max(t − m, 0). −∞ where it
    /// is not defined.
    fn welfare(&self, menu: &Menu, softness: Option<f64>) -> f64 {
        let value = match (self.objective, softness) {
            (Objective::Sufficiency { threshold }, Some(soft)) => {
                let shortfall = |u: &f64| {
                    let x = (threshold - self.economy.money_metric(*u)) / soft;
                    soft * (x.max(0.0) + (-x.abs()).exp().ln_1p())
                };
                -menu.utility.iter().map(shortfall).sum::<f64>() / menu.utility.len() as f64
            }
            _ => {
                let allocation = self.allocation(menu, &menu.utility);
                self.objective.welfare(&self.economy, &allocation)
            }
        };
        if value.is_nan() {
            f64::NEG_INFINITY
        } else {
            value
        }
    }

    /// ∂W/∂u up to scale.
    fn worth(&self, menu: &Menu, softness: Option<f64>) -> Vec<f64> {
        let n = menu.utility.len();
        let metric = |j: usize| self.economy.money_metric(menu.utility[j]);
        // ∂m/∂u.
        let slope = |j: usize| 1.0 / self.economy.marginal_utility(metric(j));
        match (self.objective, softness) {
            (Objective::Rawlsian, _) => (0..n).map(|j| f64::from(u8::from(j == 0))).collect(),
            // The order of utilities is that of the types, ties or not.
            (Objective::Rank, _) => (0..n)
                .map(|j| (2 * (n - j) - 1) as f64 * slope(j))
                .collect(),
            (Objective::Sufficiency { threshold }, Some(soft)) => (0..n)
                .map(|j| slope(j) / (1.0 + ((metric(j) - threshold) / soft).exp()))
                .collect(),
            _ => {
                let allocation = self.allocation(menu, &menu.utility);
                let weights = self.objective.marginal_weights(&self.economy, &allocation);
                (weights.iter().zip(&menu.consumption))
                    .map(|(g, &c)| g / self.economy.marginal_utility(c))
                    .collect()
            }
        }
    }

    fn point(&self, effort: Vec<f64>) -> Option<Point> {
        point(
            &self.economy,
            &self.types,
            effort,
            self.economy.public_spending,
        )
    }

    /// Efforts without taxes at a middling consumption, and more of it where that does not pay for
    /// public spending.
    fn start(&self) -> Result<State> {
        let (economy, types) = (&self.economy, &self.types);
        let zeros = vec![0.0; types.len()];
        let utility = match economy.utility {
            Utility::Quasilinear => zeros.clone(),
            Utility::Isoelastic {
                consumption_unit, ..
            } => vec![economy.consumption_utility(consumption_unit); types.len()],
        };
        let income = incomes(economy, types, &utility, &zeros);
        let (some, all) = (
            effort_of(economy, types, &income),
            effort_of(economy, types, &types.most),
        );
        let here = (0..=10).find_map(|tenth| {
            let share = f64::from(tenth) / 10.0;
            self.point(mixed(&some, &all, share))
        });
        let here = here.ok_or_else(|| {
            Error::input("no tax can finance this public spending")
                .value(format!("{} $/year per worker", economy.public_spending))
                .allowed("less than what everybody produces in all hours")
        })?;
        Ok(State {
            here,
            gap: f64::NAN,
            last_gain: f64::INFINITY,
            steps: 0,
            lowest_multiplier: 0.0,
        })
    }

    fn climb(&self, mut state: State, softness: Option<f64>) -> State {
        let (economy, types) = (&self.economy, &self.types);
        let mut value = self.welfare(&state.here.menu, softness);
        for _ in 0..STEPS_MAX {
            state.steps += 1;
            let here = &state.here;
            let worth = self.worth(&here.menu, softness);
            let all: f64 = worth.iter().sum();
            if worth.iter().any(|g| !g.is_finite()) || all <= 0.0 {
                // Nobody has a weight: welfare is at its bliss.
                (state.gap, state.last_gain) = (0.0, 0.0);
                break;
            }
            let multiplier = multipliers(economy, types, here, &worth);
            let price: f64 = (here.menu.utility.iter().zip(&here.effort))
                .zip(&types.mass)
                .map(|((u, v), m)| m * consumption_slope(economy, u + v))
                .sum();
            state.lowest_multiplier = multiplier.iter().fold(0.0, |a: f64, &m| a.min(m / price));
            let target = incomes(economy, types, &here.menu.utility, &multiplier);
            let target = effort_of(economy, types, &target);
            state.gap = self
                .point(target.clone())
                .map_or(f64::NAN, |there| self.upper_gap(&here.menu, &there.menu));
            let (next, reached) = best_on_the_way(|share| {
                let point = self.point(mixed(&here.effort, &target, share));
                point.map(|point| {
                    let value = self.welfare(&point.menu, softness);
                    (point, value)
                })
            });
            state.last_gain = (reached - value).max(0.0);
            let Some(next) = next.filter(|_| reached > value) else {
                break;
            };
            let done = reached - value <= 1e-11 * reached.abs().max(1e-9);
            (state.here, value) = (next, reached);
            if done {
                break;
            }
        }
        state
    }

    /// The derivative of W towards u': no gain in W exceeds it where W is concave and u' the best
    /// menu for the weights at u.
    fn upper_gap(&self, here: &Menu, there: &Menu) -> f64 {
        let step = 1e-6;
        let moved = mixed(&here.utility, &there.utility, step);
        let at = |utility: &[f64]| {
            let allocation = self.allocation(here, utility);
            self.objective.welfare(&self.economy, &allocation)
        };
        (at(&moved) - at(&here.utility)) / step
    }
}

fn mixed(a: &[f64], b: &[f64], share: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + share * (b - a)).collect()
}

/// The best share of the way, in [0, 1], by golden section after a look at its end; shares that
/// nobody can afford count as −∞.
fn best_on_the_way(at: impl Fn(f64) -> Option<(Point, f64)>) -> (Option<Point>, f64) {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let mut best: (Option<Point>, f64) = (None, f64::NEG_INFINITY);
    let mut try_at = |share: f64| {
        let Some((point, value)) = at(share) else {
            return f64::NEG_INFINITY;
        };
        if value > best.1 {
            best = (Some(point), value);
        }
        value
    };
    let (mut low, mut high) = (0.0, 1.0);
    try_at(1.0);
    let (mut a, mut b) = (1.0 - RATIO, RATIO);
    let (mut at_a, mut at_b) = (try_at(a), try_at(b));
    for _ in 0..24 {
        if at_a >= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - RATIO * (high - low);
            at_a = try_at(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + RATIO * (high - low);
            at_b = try_at(b);
        }
    }
    best
}

#[cfg(test)]
mod tests;
