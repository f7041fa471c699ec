//! Effects of a reform A → B: on revenue, on welfare, in money for each worker, and by decile.
//!
//! A and B are schedules with everybody's [`Outcome`] under each, the balanced budget included:
//! what B raises more is paid out as a higher rebate. Functions that take columns of incomes and
//! taxes alone work for simulated workers too.

use crate::error::{Error, Result};
use crate::fiscal::inequality::{ascending_order, mean};
use crate::fiscal::response::decreasing_root;
use crate::fiscal::{Allocation, Objective, Outcome, Schedule, Society, Utility};
use rayon::prelude::*;

/// What a reform does to revenue, $/year per worker: `after` − `before` = `mechanical` + `behavioural`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RevenueEffects {
    /// mean T_A(z_A).
    pub before: f64,
    /// mean T_B(z_B).
    pub after: f64,
    /// mean T_B(z_A) − T_A(z_A): at unchanged incomes.
    pub mechanical: f64,
    /// mean T_B(z_B) − T_B(z_A): because incomes change.
    pub behavioural: f64,
}

/// Decomposes the change of revenue from pre-tax incomes ($/year) of the same workers under both schedules.
///
/// Source: Saez (2001), section 3, for small reforms; here it is exact for reforms of any size.
pub fn revenue_effects(
    (from, income_from): (&Schedule, &[f64]),
    (to, income_to): (&Schedule, &[f64]),
) -> RevenueEffects {
    let revenue = |schedule: &Schedule, income: &[f64]| {
        let mut tax = vec![0.0; income.len()];
        schedule.tax_of_many(income, &mut tax);
        mean(&tax)
    };
    let (before, after) = (revenue(from, income_from), revenue(to, income_to));
    let unanswered = revenue(to, income_from);
    RevenueEffects {
        before,
        after,
        mechanical: unanswered - before,
        behavioural: after - unanswered,
    }
}

/// What a reform does to social welfare, in the objective's unit, in three steps that add up:
/// `after` − `before` = `burden` + `rebate` + `adjustment`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WelfareEffects {
    /// W under A.
    pub before: f64,
    /// W under B.
    pub after: f64,
    /// Taxes change, hours and rebate stay.
    pub burden: f64,
    /// Then the rebate changes.
    pub rebate: f64,
    /// Then hours change. By the envelope theorem of second order in a small reform of workers who
    /// choose their best hours, so that behaviour counts through the rebate alone.
    pub adjustment: f64,
    /// λ: change of W per dollar a year given to everybody under A. Effects divided by λ are in
    /// $/year per worker. NaN where W does not change.
    pub per_dollar: f64,
}

/// Decomposes the change of W. The order of the steps matters where a reform is large.
///
/// # Errors
/// Bounded workers, whose utility does not follow from consumption and hours.
pub fn welfare_effects(
    society: &Society,
    objective: &Objective,
    a: &Outcome,
    (to, b): (&Schedule, &Outcome),
) -> Result<WelfareEffects> {
    unbounded(society)?;
    let economy = society.economy();
    let wage = society.wage();
    // W at A's hours and other consumption.
    let at = |disposable: &dyn Fn(usize) -> f64| {
        let disposable: Vec<f64> = (0..wage.len()).map(disposable).collect();
        let utility: Vec<f64> = (0..wage.len())
            .map(|i| {
                let change = economy.consumption_utility(disposable[i])
                    - economy.consumption_utility(a.disposable[i]);
                a.utility[i] + change
            })
            .collect();
        let allocation = Allocation {
            wage,
            income: &a.income,
            disposable: &disposable,
            utility: &utility,
        };
        objective.welfare(economy, &allocation)
    };
    let before = objective.welfare(economy, &a.allocation(wage));
    let after = objective.welfare(economy, &b.allocation(wage));
    let burdened = at(&|i| a.income[i] - to.tax(a.income[i]) + a.rebate);
    let paid = at(&|i| a.income[i] - to.tax(a.income[i]) + b.rebate);
    let slope = 0.5 * (at(&|i| a.disposable[i] + 1.0) - at(&|i| a.disposable[i] - 1.0));
    Ok(WelfareEffects {
        before,
        after,
        burden: burdened - before,
        rebate: paid - burdened,
        adjustment: after - paid,
        per_dollar: if slope == 0.0 { f64::NAN } else { slope },
    })
}

/// Money measures of what a reform does to each worker, $/year; a gain is positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Variations {
    /// EV_i: the sum that, given under A, would be as good as B: V_A(R_A + EV) = u_B.
    pub equivalent: Vec<f64>,
    /// CV_i: the sum that, taken under B, would leave the worker as under A: V_B(R_B − CV) = u_A.
    pub compensating: Vec<f64>,
}

/// Equivalent and compensating variation, with V(R) the utility that a worker reaches by its best
/// hours under a schedule and a rebate R. Both are u_B − u_A under quasilinear utility.
///
/// Workers whose hours are not a best response of their own (fixed, noisy, serving) keep the hours
/// of the schedule in question. −∞ or ∞ where no sum makes good. Source: Hicks (1942).
///
/// # Errors
/// Bounded workers, whose utility jumps with their satisfaction.
pub fn variations(
    society: &Society,
    (from, a): (&Schedule, &Outcome),
    (to, b): (&Schedule, &Outcome),
) -> Result<Variations> {
    unbounded(society)?;
    if society.economy().utility == Utility::Quasilinear {
        let gain: Vec<f64> = (b.utility.iter().zip(&a.utility))
            .map(|(b, a)| b - a)
            .collect();
        return Ok(Variations {
            equivalent: gain.clone(),
            compensating: gain,
        });
    }
    let sums = |schedule: &Schedule, here: &Outcome, there: &Outcome| -> Vec<f64> {
        (0..society.len())
            .into_par_iter()
            .map(|i| sum_for(society, i, schedule, here, there.utility[i]))
            .collect()
    };
    let compensating = sums(to, b, a).into_iter().map(|sum| -sum).collect();
    Ok(Variations {
        equivalent: sums(from, a, b),
        compensating,
    })
}

/// The sum in $/year that brings worker `i` to `utility` under `schedule`, from the rebate of
/// `outcome`, an outcome of that schedule.
pub(crate) fn sum_for(
    society: &Society,
    i: usize,
    schedule: &Schedule,
    outcome: &Outcome,
    utility: f64,
) -> f64 {
    let missing = |sum: f64| {
        let rebate = outcome.rebate + sum;
        let labor = society.labor_of(i, schedule, rebate, outcome.labor[i]);
        utility - society.utility_of(i, schedule, rebate, labor)
    };
    let economy = society.economy();
    let guess = economy.money_metric(utility) - economy.money_metric(outcome.utility[i]);
    let mut width = if guess.is_finite() {
        guess.abs().max(1.0)
    } else {
        1.0
    };
    let most = 1e6 * outcome.disposable[i].abs().max(1.0);
    let (mut low, mut high) = (0.0, 0.0);
    while missing(high) > 0.0 {
        high += width;
        width *= 2.0;
        if high > most {
            return f64::INFINITY;
        }
    }
    while missing(low) < 0.0 {
        low -= width;
        width *= 2.0;
        if low < -most {
            return f64::NEG_INFINITY;
        }
    }
    decreasing_root(missing, low, high)
}

/// Refuses societies whose utility is scaled by satisfaction.
pub(crate) fn unbounded(society: &Society) -> Result<()> {
    match society.bounded_workers() {
        0 => Ok(()),
        workers => Err(Error::input("no money measures for bounded workers")
            .value(format!("{workers} bounded workers"))
            .allowed("groups with bounded = false")),
    }
}

/// One side of a [`distribution`]: columns by worker, $/year.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Pre-tax income z.
    pub income: &'a [f64],
    /// Tax T.
    pub tax: &'a [f64],
    /// Disposable income c = z − T + R.
    pub disposable: &'a [f64],
}

impl<'a> From<&'a Outcome> for Side<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        Side {
            income: &outcome.income,
            tax: &outcome.tax,
            disposable: &outcome.disposable,
        }
    }
}

/// One row of a distribution table: means over the workers of a group, $/year.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Group from 1, poorest first; 0 for everybody.
    pub group: usize,
    /// Number of workers.
    pub workers: usize,
    /// Mean z under A.
    pub income: f64,
    /// Mean c under A.
    pub disposable: f64,
    /// Mean T under A.
    pub tax_before: f64,
    /// Mean T under B.
    pub tax_after: f64,
    /// Mean change of z − T.
    pub change_before_rebate: f64,
    /// Mean change of c.
    pub change: f64,
    /// Change of mean c relative to mean c under A, a fraction; NaN where that is not positive.
    pub relative_change: f64,
    /// Mean of the measure of gain.
    pub gain: f64,
    /// Share whose gain exceeds the threshold.
    pub winners: f64,
    /// Share whose loss exceeds it.
    pub losers: f64,
}

/// A distribution table as tax agencies print it: `groups` groups of equal size by `ranking` under
/// A (10 for deciles), then everybody.
///
/// Winners and losers are those whose `gain` ($/year: a change of disposable income, or a money
/// measure of utility) is above `threshold` or below −`threshold`. Changes are with behaviour, the
/// rebate's is `change` − `change_before_rebate`. Worker at rank r of n (ties by place) is in group
/// ⌊r·groups/n⌋, and groups without workers are left out.
pub fn distribution(
    ranking: &[f64],
    a: Side,
    b: Side,
    gain: &[f64],
    threshold: f64,
    groups: usize,
) -> Vec<Row> {
    let n = ranking.len();
    let order = ascending_order(ranking);
    let row = |group: usize, members: &[u32]| {
        let count = members.len() as f64;
        let mean = |value: &dyn Fn(usize) -> f64| {
            members.iter().map(|&i| value(i as usize)).sum::<f64>() / count
        };
        let disposable = mean(&|i| a.disposable[i]);
        let change = mean(&|i| b.disposable[i] - a.disposable[i]);
        Row {
            group,
            workers: members.len(),
            income: mean(&|i| a.income[i]),
            disposable,
            tax_before: mean(&|i| a.tax[i]),
            tax_after: mean(&|i| b.tax[i]),
            change_before_rebate: mean(&|i| (b.income[i] - b.tax[i]) - (a.income[i] - a.tax[i])),
            change,
            relative_change: if disposable > 0.0 {
                change / disposable
            } else {
                f64::NAN
            },
            gain: mean(&|i| gain[i]),
            winners: mean(&|i| f64::from(u8::from(gain[i] > threshold))),
            losers: mean(&|i| f64::from(u8::from(gain[i] < -threshold))),
        }
    };
    let mut rows: Vec<Row> = (0..groups)
        .filter_map(|group| {
            let members = &order[(group * n).div_ceil(groups)..((group + 1) * n).div_ceil(groups)];
            (!members.is_empty()).then(|| row(group + 1, members))
        })
        .collect();
    if n > 0 {
        rows.push(row(0, &order));
    }
    rows
}

#[cfg(test)]
mod tests;
