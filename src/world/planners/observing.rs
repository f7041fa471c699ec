//! Planners that apply Saez's formula to what they observe: `saez-static` and `saez-estimated`.
//!
//! Both watch the workers for a tax year under the scenario's initial schedule.
//! `saez-static` then sets its rates once. `saez-estimated` multiplies every
//! net-of-tax rate by [`NET_RATIO`] in the second year, measures the elasticity
//! from the same workers' mean incomes of the two years, and sets its rates in
//! the third; if the estimate is not positive the formula has no solution, and
//! it goes back to the initial schedule and says so.

use super::TaxRules;
use crate::fiscal::saez::{
    NET_RATIO, NO_WEIGHTS, are_defined, bracket_rates, estimate_elasticity, small_reform,
};
use crate::fiscal::{Allocation, Objective, Schedule as TaxSchedule};
use crate::world::clock::end_of_tax_year;
use crate::world::record::{AllWorkers, FlatPanel};
use crate::world::{
    Clock, CurrentSchedule, EconomyConstants, Notes, Phase, PlannerObjective, Step,
};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;

/// Saez's formula on observed incomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ObservingPlanner {
    /// With a given elasticity of income with respect to the net-of-tax rate.
    Static {
        /// The elasticity.
        elasticity: f64,
    },
    /// With an elasticity measured by a small reform in the second tax year.
    Estimated,
}

/// Mean outcomes per worker over the current tax year, and those of past years that are needed.
#[derive(Resource, Clone, Debug, Default)]
struct Observations {
    steps: u32,
    sum: Outcomes,
    years: Vec<Outcomes>,
}

#[derive(Clone, Debug, Default)]
struct Outcomes {
    wage: Vec<f64>,
    income: Vec<f64>,
    disposable: Vec<f64>,
    utility: Vec<f64>,
}

fn observe(workers: AllWorkers, mut flat: Local<FlatPanel>, mut seen: ResMut<Observations>) {
    let panel = workers.panel(&mut flat);
    let seen = &mut *seen;
    let columns = [
        (&mut seen.sum.income, panel.income),
        (&mut seen.sum.disposable, panel.disposable),
        (&mut seen.sum.utility, panel.utility),
    ];
    for (sum, values) in columns {
        sum.resize(values.len(), 0.0);
        sum.iter_mut()
            .zip(values)
            .for_each(|(sum, value)| *sum += value);
    }
    seen.sum.wage.clear();
    seen.sum.wage.extend(panel.wage);
    seen.steps += 1;
}

fn close_year(mut seen: ResMut<Observations>) {
    let steps = f64::from(std::mem::take(&mut seen.steps));
    let mut year = std::mem::take(&mut seen.sum);
    for column in [&mut year.income, &mut year.disposable, &mut year.utility] {
        column.iter_mut().for_each(|sum| *sum /= steps);
    }
    // Two years are enough for either variant.
    if seen.years.len() < 2 {
        seen.years.push(year);
    }
}

impl Plugin for ObservingPlanner {
    fn build(&self, app: &mut App) {
        let planner = *self;
        let plan = move |clock: Res<Clock>,
                         rules: Res<TaxRules>,
                         economy: Res<EconomyConstants>,
                         objective: Res<PlannerObjective>,
                         seen: Res<Observations>,
                         mut schedule: ResMut<CurrentSchedule>,
                         mut notes: ResMut<Notes>| {
            let formula = |elasticity: f64, notes: &mut Notes| {
                let year = &seen.years[0];
                let weights = marginal_weights(&objective.0, &economy, year);
                if !are_defined(&weights) {
                    notes.add(format!("{NO_WEIGHTS}: initial schedule kept"));
                    return rules.initial.clone();
                }
                let edges = rules.initial.edges();
                let found = bracket_rates(
                    edges,
                    &year.income,
                    &weights,
                    elasticity,
                    rules.allow_subsidy,
                );
                found.notes.into_iter().for_each(|note| notes.add(note));
                TaxSchedule::of_checked(edges.to_vec(), found.rates)
            };
            match (planner, clock.year()) {
                (_, 1) => schedule.0 = rules.initial.clone(),
                (ObservingPlanner::Static { elasticity }, 2) => {
                    schedule.0 = formula(elasticity, &mut notes);
                }
                (ObservingPlanner::Estimated, 2) => {
                    schedule.0 = small_reform(&rules.initial, NET_RATIO);
                }
                (ObservingPlanner::Estimated, 3) => {
                    let (before, after) = (&seen.years[0].income, &seen.years[1].income);
                    schedule.0 = match estimate_elasticity(before, after, NET_RATIO) {
                        Some(found) => {
                            notes.add(format!(
                                "elasticity measured by a reform of −{:.0} % of net-of-tax rates: {:.3} (s.e. {:.3}, {} workers, {} left out without income)",
                                100.0 * (1.0 - NET_RATIO),
                                found.elasticity,
                                found.standard_error,
                                found.workers,
                                found.without_income
                            ));
                            if found.elasticity > 0.0 {
                                formula(found.elasticity, &mut notes)
                            } else {
                                notes.add("the measured elasticity is not positive, so Saez's formula has no solution: initial schedule kept");
                                rules.initial.clone()
                            }
                        }
                        None => {
                            notes.add("too few workers with income to measure an elasticity: initial schedule kept");
                            rules.initial.clone()
                        }
                    };
                }
                _ => {}
            }
            let needed = if planner == ObservingPlanner::Estimated {
                3
            } else {
                2
            };
            if clock.years() < needed {
                notes.add(format!(
                    "needs {needed} tax years to act; the run has {}",
                    clock.years()
                ));
            }
        };
        app.init_resource::<Observations>()
            .add_systems(Step, plan.in_set(Phase::Plan))
            .add_systems(
                Step,
                (observe, close_year.run_if(end_of_tax_year))
                    .chain()
                    .in_set(Phase::Learn),
            );
    }
}

fn marginal_weights(
    objective: &Objective,
    economy: &EconomyConstants,
    year: &Outcomes,
) -> Vec<f64> {
    let allocation = Allocation {
        wage: &year.wage,
        income: &year.income,
        disposable: &year.disposable,
        utility: &year.utility,
    };
    objective.marginal_weights(&economy.0, &allocation)
}
