//! Income, tax, rebate and utility, and the identities that hold at every step.

use super::workers::{chunk_sums, zip_chunks};
use super::{
    Account, CurrentSchedule, Disposable, EconomyConstants, Failure, Income, Labor, Notes, Phase,
    Step, Tax, Utility, Wage, WorkerId,
};
use crate::error::Error;
use crate::fiscal::lanes;
use crate::fiscal::optimum::EQUILIBRIUM_TOLERANCE;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;

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
        map_into(&mut income, wage, labor, |z, w, l| {
            z.0 = economy.income(w.0, l.0)
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
        zip_chunks(&mut tax, income, income, |tax, income, _| {
            schedule.tax_of_many(bytemuck::cast_slice(income), bytemuck::cast_slice_mut(tax));
        });
    }
}

/// Mean tax and the rebate that it pays for, in [`Phase::Tax`] after [`assess_taxes`].
pub fn collect_taxes(
    economy: Res<EconomyConstants>,
    workers: Query<(&WorkerId, &Tax)>,
    mut treasury: ResMut<Treasury>,
) {
    let mut total = 0.0;
    let mut count = 0;
    for (id, tax) in workers.contiguous_iter().expect("components lie in tables") {
        total += chunk_sums(id, tax, |_, t| t.0);
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
        map_into(&mut disposable, income, tax, |c, z, t| {
            c.0 = z.0 - t.0 + rebate
        });
    }
}

/// u(c, l), in [`Account::Utility`].
pub fn experience_utility(
    economy: Res<EconomyConstants>,
    mut workers: Query<(&Disposable, &Labor, &mut Utility)>,
) {
    let economy = &economy.0;
    for (disposable, labor, mut utility) in workers
        .contiguous_iter_mut()
        .expect("components lie in tables")
    {
        map_into(&mut utility, disposable, labor, |u, c, l| {
            u.0 = economy.utility(c.0, l.0)
        });
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

/// The largest [`gap`] of a chunk; NaN is caught by the utilities that it makes.
#[inline(always)]
fn largest_gap([income, tax, disposable]: [&[f64]; 3], rebate: f64) -> f64 {
    let mut largest = 0.0;
    for ((&z, &t), &c) in income.iter().zip(tax).zip(disposable) {
        let off = gap(z, t, c, rebate);
        largest = if off > largest { off } else { largest };
    }
    largest
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
        let amounts: [&[f64]; 4] = [
            bytemuck::cast_slice(z),
            bytemuck::cast_slice(t),
            bytemuck::cast_slice(c),
            bytemuck::cast_slice(u),
        ];
        let parts = lanes::by_chunk(id.len(), |range| {
            let [z, t, c, u] = amounts.map(|column| &column[range.clone()]);
            Books {
                first: range.start,
                disposable: lanes::sum(c, |c| c),
                income: lanes::sum(z, |z| z),
                scale: lanes::sum(z, f64::abs) + lanes::sum(c, f64::abs),
                off: largest_gap([z, t, c], rebate),
                // 0·x is 0 for finite x and NaN for others.
                finite: lanes::sum(u, |u| 0.0 * u) == 0.0,
            }
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
                let off = if u.is_finite() {
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
            "step {}: worker {worker} has no finite utility (disposable income too low for its utility function, or a broken number)",
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

/// out_i = f(a_i, b_i), in parallel where there are many.
fn map_into<O: Send, A: Sync, B: Sync>(
    out: &mut [O],
    a: &[A],
    b: &[B],
    f: impl Fn(&mut O, &A, &B) + Sync,
) {
    zip_chunks(out, a, b, |out, a, b| {
        for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
            f(o, a, b);
        }
    });
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
