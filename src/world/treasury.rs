//! Income, tax, rebate and utility, and the identities that hold at every step.

use super::workers::{Tastes, flat, flat_mut};
use super::{
    Account, CurrentSchedule, Disposable, EconomyConstants, Failure, Group, Income, Labor, Notes,
    Phase, Step, Tax, Utility, Wage, WorkerId,
};
use crate::error::Error;
use crate::fiscal::lanes;
use crate::fiscal::optimum::EQUILIBRIUM_TOLERANCE;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use multiversion::multiversion;

/// The state's books in one step.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct Treasury {
    /// Mean tax ΣT/N, $/year per worker.
    pub revenue: f64,
    /// R = revenue − public spending, $/year per worker.
    pub rebate: f64,
    /// The rebate that rational workers expected when they chose hours, where they care (isoelastic
    /// utility).
    pub expected: Option<f64>,
    /// Largest relative violation of an identity so far.
    pub residual: f64,
}

/// Relative tolerance of the identities.
pub const IDENTITY_TOLERANCE: f64 = 1e-9;

/// z = weeks·w·l, in [`Phase::Earn`].
pub fn earn(economy: Res<EconomyConstants>, mut workers: Query<(&Wage, &Labor, &mut Income)>) {
    let economy = &economy.0;
    for (wage, labor, mut income) in workers
        .contiguous_iter_mut()
        .expect("components lie in tables")
    {
        lanes::zip_chunks(flat_mut(&mut income), flat(wage), flat(labor), |z, w, l| {
            economy.income_of_many(w, l, z);
        });
    }
}

/// T(z) of every worker, in [`Phase::Tax`].
pub fn assess_taxes(schedule: Res<CurrentSchedule>, mut workers: Query<(&Income, &mut Tax)>) {
    let schedule = &schedule.0;
    for (income, mut tax) in workers
        .contiguous_iter_mut()
        .expect("components lie in tables")
    {
        let income = flat(income);
        lanes::zip_chunks(flat_mut(&mut tax), income, income, |t, z, _| {
            schedule.tax_of_many(z, t);
        });
    }
}

/// Mean tax and the rebate that it pays for, in [`Phase::Tax`] after [`assess_taxes`].
pub fn collect_taxes(
    economy: Res<EconomyConstants>,
    workers: Query<&Tax>,
    mut treasury: ResMut<Treasury>,
) {
    let mut total = 0.0;
    let mut count = 0;
    for tax in workers.contiguous_iter().expect("components lie in tables") {
        total += lanes::sum_of(flat(tax));
        count += tax.len();
    }
    treasury.revenue = total / count as f64;
    treasury.rebate = treasury.revenue - economy.0.public_spending;
}

/// c = z − T + R, in [`Phase::Redistribute`].
pub fn pay_rebate(treasury: Res<Treasury>, mut workers: Query<(&Income, &Tax, &mut Disposable)>) {
    let rebate = treasury.rebate;
    for (income, tax, mut disposable) in workers
        .contiguous_iter_mut()
        .expect("components lie in tables")
    {
        lanes::zip_chunks(
            flat_mut(&mut disposable),
            flat(income),
            flat(tax),
            |c, z, t| {
                disposables(z, t, rebate, c);
            },
        );
    }
}

/// u(c, l), in [`Account::Utility`].
pub fn experience_utility(
    tastes: Res<Tastes>,
    mut workers: Query<(&Disposable, &Labor, &Group, &mut Utility)>,
) {
    let Some(shared) = tastes.shared() else {
        for (disposable, labor, group, mut utility) in &mut workers {
            utility.0 = tastes.0[group.0 as usize].utility(disposable.0, labor.0);
        }
        return;
    };
    for (disposable, labor, _, mut utility) in workers
        .contiguous_iter_mut()
        .expect("components lie in tables")
    {
        lanes::zip_chunks(
            flat_mut(&mut utility),
            flat(disposable),
            flat(labor),
            |u, c, l| {
                shared.utility_of_many(c, l, u);
            },
        );
    }
}

/// c = z − T + R of many workers.
#[multiversion(targets = "simd")]
fn disposables(income: &[f64], tax: &[f64], rebate: f64, disposable: &mut [f64]) {
    for ((c, z), t) in disposable.iter_mut().zip(income).zip(tax) {
        *c = z - t + rebate;
    }
}

/// What a chunk of workers adds to the check of the identities.
struct Books {
    first: usize,
    disposable: f64,
    income: f64,
    scale: f64,
    off: f64,
    finite: bool,
}

/// |c − (z − T) − R| relative to the amounts, at least 1 $/year.
#[inline(always)]
fn gap(income: f64, tax: f64, disposable: f64, rebate: f64) -> f64 {
    let size = income.abs() + tax.abs() + disposable.abs();
    (disposable - (income - tax) - rebate).abs() / if size > 1.0 { size } else { 1.0 }
}

/// The books of workers from place `first` on; NaN among income and disposable income is caught by
/// the utilities that it makes.
#[multiversion(targets = "simd")]
fn audit(amounts: [&[f64]; 4], rebate: f64, first: usize) -> Books {
    let [income, tax, disposable, utility] = amounts;
    let mut off = [0.0; 8];
    let largest = |off: f64, gap: f64| if gap > off { gap } else { off };
    let (z, rest_z) = income.as_chunks::<8>();
    let (t, rest_t) = tax.as_chunks::<8>();
    let (c, rest_c) = disposable.as_chunks::<8>();
    for ((z, t), c) in z.iter().zip(t).zip(c) {
        for j in 0..8 {
            off[j] = largest(off[j], gap(z[j], t[j], c[j], rebate));
        }
    }
    for ((z, t), c) in rest_z.iter().zip(rest_t).zip(rest_c) {
        off[0] = largest(off[0], gap(*z, *t, *c, rebate));
    }
    Books {
        first,
        disposable: lanes::sum(disposable, |c| c),
        income: lanes::sum(income, |z| z),
        scale: lanes::sum2(income, disposable, |z, c| z.abs() + c.abs()),
        off: off.into_iter().fold(0.0, largest),
        // 0·x is 0 for finite x and NaN for others.
        finite: lanes::sum2(utility, tax, |u, t| 0.0 * u + 0.0 * t) == 0.0,
    }
}

/// Remarks where the workers' joint fixed point in the rebate was not reached: a schedule with
/// falling rates may have none.
fn compare_rebate(
    treasury: Res<Treasury>,
    schedule: Res<CurrentSchedule>,
    mut notes: ResMut<Notes>,
) {
    let Some(expected) = treasury.expected else {
        return;
    };
    let gap = (expected - treasury.rebate).abs();
    if gap > EQUILIBRIUM_TOLERANCE * (treasury.revenue.abs() + treasury.rebate.abs()).max(1.0) {
        notes.add(format!(
            "no exact equilibrium under {}: workers expected a rebate of {expected:.2} and were paid {:.2} $/year",
            schedule.0, treasury.rebate
        ));
    }
}

/// Σ disposable + N·spending = Σ income, and disposable − (income − tax) is R for everybody.
pub fn check_identities(
    economy: Res<EconomyConstants>,
    clock: Res<super::Clock>,
    mut treasury: ResMut<Treasury>,
    workers: Query<(&WorkerId, &Income, &Tax, &Disposable, &Utility)>,
    mut failure: ResMut<Failure>,
) {
    let (mut disposable, mut income, mut scale, mut count) = (0.0, 0.0, 0.0, 0usize);
    let mut worst = (0.0f64, WorkerId(0), 0.0);
    let rebate = treasury.rebate;
    for (id, z, t, c, u) in workers.contiguous_iter().expect("components lie in tables") {
        let amounts = [flat(z), flat(t), flat(c), flat(u)];
        let parts = lanes::by_chunk(id.len(), |range| {
            audit(
                amounts.map(|column| &column[range.clone()]),
                rebate,
                range.start,
            )
        });
        for part in parts {
            disposable += part.disposable;
            income += part.income;
            scale += part.scale;
            if part.finite && part.off <= IDENTITY_TOLERANCE {
                // Not f64::max, which would forget a NaN found earlier.
                if part.off > worst.0 {
                    worst.0 = part.off;
                }
                continue;
            }
            // Broken somewhere in this chunk: find the worker.
            for i in part.first..(part.first + lanes::CHUNK).min(id.len()) {
                let [z, t, c, u] = amounts.map(|column| column[i]);
                let off = if u.is_finite() && t.is_finite() {
                    gap(z, t, c, rebate)
                } else {
                    f64::NAN
                };
                if !worst.0.is_nan() && (off.is_nan() || off > worst.0) {
                    worst = (off, id[i], c - (z - t));
                }
            }
        }
        count += id.len();
    }
    let balance = disposable + count as f64 * economy.0.public_spending - income;
    let relative = balance.abs() / scale.max(1.0);
    treasury.residual = treasury.residual.max(relative).max(worst.0);
    let (off, WorkerId(worker), paid) = worst;
    if off.is_nan() {
        failure.raise(Error::run(format!(
            "step {}: worker {worker} has no finite utility or tax (disposable income too low for its utility function, or a broken number)",
            clock.step
        )));
    } else if off > IDENTITY_TOLERANCE {
        failure.raise(Error::run(format!(
            "step {}: rebates differ: worker {worker} got {paid} $/year instead of {rebate} $/year",
            clock.step
        )));
    } else if relative.is_nan() || relative > IDENTITY_TOLERANCE {
        failure.raise(Error::run(format!(
            "step {}: the budget does not balance: disposable income plus public spending differ from income by {balance} $/year over {count} workers (worst: worker {worker})",
            clock.step
        )));
    }
}

/// Earn, tax, redistribute, account.
#[derive(Clone, Copy, Debug, Default)]
pub struct TreasuryPlugin;

impl Plugin for TreasuryPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Treasury>()
            .add_systems(Step, earn.in_set(Phase::Earn))
            .add_systems(
                Step,
                (assess_taxes, collect_taxes).chain().in_set(Phase::Tax),
            )
            .add_systems(Step, pay_rebate.in_set(Phase::Redistribute))
            .add_systems(Step, experience_utility.in_set(Account::Utility))
            .add_systems(
                Step,
                (check_identities, compare_rebate)
                    .chain()
                    .in_set(Account::Check),
            );
    }
}
