//! The relaxed screening problem of one step: incomes by type for given multipliers, ironed.
//!
//! Types j = 1…n are ordered by productivity. Effort of type j for income z costs v = κ_j·z^δ, with
//! κ_1 ≥ κ_2 ≥ …; the informational rent of the next type is u_{j+1} − u_j = (1 − κ_{j+1}/κ_j)·v_j.

use crate::fiscal::Economy;
use crate::fiscal::response::decreasing_root;

/// Types in ascending order of productivity, columns of equal length.
#[derive(Clone, Debug, PartialEq)]
pub struct Types {
    /// κ_j, falling: effort for income z costs κ_j·z^δ (unit of utility per ($/year)^δ).
    pub cost: Vec<f64>,
    /// π_j > 0, workers (or share of them) of the type.
    pub mass: Vec<f64>,
    /// Most income that the type can earn, $/year, rising.
    pub most: Vec<f64>,
}

impl Types {
    /// Types of equal preferences with wages ($/hour, ascending) and masses.
    pub fn of_wages(economy: &Economy, wage: &[f64], mass: Vec<f64>) -> Self {
        let weeks = economy.weeks_per_year;
        let hour = economy.disutility(1.0);
        Types {
            cost: (wage.iter())
                .map(|w| hour * (weeks * w).powf(-economy.labor_exponent))
                .collect(),
            mass,
            most: (wage.iter())
                .map(|&w| economy.income(w, economy.labor_max))
                .collect(),
        }
    }

    /// Number of types.
    pub fn len(&self) -> usize {
        self.cost.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cost.is_empty()
    }

    /// 1 − κ_{j+1}/κ_j: the share of v_j that the next type gains as rent; 0 for the last.
    pub(super) fn rent_share(&self, j: usize) -> f64 {
        match self.cost.get(j + 1) {
            Some(next) => 1.0 - next / self.cost[j],
            None => 0.0,
        }
    }

    /// Utilities above the first type's, Σ_{i<j} (1 − κ_{i+1}/κ_i)·v_i, for effort costs v.
    pub(super) fn rents(&self, effort: &[f64]) -> Vec<f64> {
        let mut sum = 0.0;
        (0..self.len())
            .map(|j| {
                let rent = sum;
                sum += self.rent_share(j) * effort[j];
                rent
            })
            .collect()
    }
}

/// Types that earn the same, with the income that they earn.
struct Pool {
    first: usize,
    end: usize,
    income: f64,
}

/// The incomes z_1 ≤ z_2 ≤ … that maximise Σ_j π_j·(z_j − C(u_j + v_j)) − (1 − κ_{j+1}/κ_j)·M_j·v_j
/// with v_j = κ_j·z_j^δ, C(u) the consumption whose utility is u, for given utilities u and
/// multipliers M of the rents.
///
/// Each type by itself first; types whose incomes would fall are pooled (ironed) by the pool of
/// adjacent violators, which is exact because every summand is concave in z^δ. Source: Mirrlees
/// (1971); ironing as in Mussa and Rosen (1978).
pub(super) fn incomes(
    economy: &Economy,
    types: &Types,
    utility: &[f64],
    multiplier: &[f64],
) -> Vec<f64> {
    let mut pools: Vec<Pool> = Vec::new();
    for j in 0..types.len() {
        let mut pool = Pool {
            first: j,
            end: j + 1,
            income: pooled(economy, types, utility, multiplier, j..j + 1),
        };
        while pools.last().is_some_and(|last| last.income > pool.income) {
            if let Some(last) = pools.pop() {
                pool.first = last.first;
                let range = pool.first..pool.end;
                pool.income = pooled(economy, types, utility, multiplier, range);
            }
        }
        pools.push(pool);
    }
    let mut incomes = vec![0.0; types.len()];
    for pool in pools {
        incomes[pool.first..pool.end].fill(pool.income);
    }
    incomes
}

/// The best common income of the types in `range`.
fn pooled(
    economy: &Economy,
    types: &Types,
    utility: &[f64],
    multiplier: &[f64],
    range: std::ops::Range<usize>,
) -> f64 {
    let delta = economy.labor_exponent;
    // The least productive type of the pool is the first to reach its limit.
    let most = types.most[range.start];
    let mass: f64 = types.mass[range.clone()].iter().sum();
    if economy.utility == crate::fiscal::Utility::Quasilinear {
        let slope: f64 = range
            .map(|j| types.cost[j] * (types.mass[j] + types.rent_share(j) * multiplier[j]))
            .sum();
        if slope <= 0.0 {
            return most;
        }
        return (mass / (delta * slope))
            .powf(economy.elasticity())
            .min(most);
    }
    // d/dz: π − Σ κ δ z^{δ−1}·(π·C' + rent·M).
    let gain = |z: f64| {
        let power = z.powf(delta);
        let slope: f64 = range
            .clone()
            .map(|j| {
                let v = types.cost[j] * power;
                let price = consumption_slope(economy, utility[j] + v);
                types.cost[j] * (types.mass[j] * price + types.rent_share(j) * multiplier[j])
            })
            .sum();
        if slope == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        mass - delta * z.powf(delta - 1.0) * slope
    };
    // From infinity no secant comes back: halve until the gain is a number.
    let mut high = most;
    while high > 0.0 && !gain(high).is_finite() {
        high *= 0.5;
    }
    if high == most {
        return decreasing_root(gain, 0.0, most);
    }
    decreasing_root(gain, 0.0, (2.0 * high).min(most))
}

/// C'(u): $/year of consumption for one more unit of utility.
pub(super) fn consumption_slope(economy: &Economy, utility: f64) -> f64 {
    1.0 / economy.marginal_utility(economy.money_metric(utility))
}
