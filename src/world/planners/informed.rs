//! Planners with full information about a closed-form population: `optimal`, `flat`,
//! `saez-fixed-point`. They compute their schedule once, before the first step.

use super::{Counterpart, TaxRules};
use crate::error::Result;
use crate::fiscal::optimum::{Effort, best_flat_within, optimum_within};
use crate::fiscal::{Objective, Schedule as TaxSchedule, laws, saez};
use crate::world::{Clock, CurrentSchedule, Failure, Notes, Phase, PlannerObjective, Step};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;

/// Which schedule the planner computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InformedPlanner {
    /// Maximises the objective over the rates of the scenario's brackets.
    Optimal,
    /// Maximises the objective over one rate for all income.
    Flat,
    /// Saez's formula iterated with best responses and weights until they agree.
    SaezFixedPoint {
        /// Elasticity of income with respect to the net-of-tax rate.
        elasticity: f64,
    },
}

impl Plugin for InformedPlanner {
    fn build(&self, app: &mut App) {
        let planner = *self;
        let plan = move |clock: Res<Clock>,
                         rules: Res<TaxRules>,
                         objective: Res<PlannerObjective>,
                         society: Res<Counterpart>,
                         mut schedule: ResMut<CurrentSchedule>,
                         mut notes: ResMut<Notes>,
                         mut failure: ResMut<Failure>| {
            if clock.step != 1 {
                return;
            }
            match planner.plan(&rules, &objective.0, &society) {
                Ok((plan, remarks)) => {
                    schedule.0 = plan;
                    remarks.into_iter().for_each(|note| notes.add(note));
                }
                Err(error) => failure.raise(error),
            }
        };
        app.add_systems(Step, plan.in_set(Phase::Plan));
    }
}

impl InformedPlanner {
    /// The schedule and what a reader must know to judge it.
    ///
    /// # Errors
    /// Constraints that no schedule with these brackets meets.
    pub fn plan(
        self,
        rules: &TaxRules,
        objective: &Objective,
        society: &Counterpart,
    ) -> Result<(TaxSchedule, Vec<String>)> {
        let society = &society.0;
        Ok(match self {
            InformedPlanner::Optimal => {
                let starts: Vec<TaxSchedule> = laws::find("us-2024")
                    .into_iter()
                    .cloned()
                    .chain([rules.initial.clone()])
                    .collect();
                let edges = rules.initial.edges();
                let found = optimum_within(
                    society,
                    edges,
                    objective,
                    &starts,
                    &rules.constraints,
                    Effort::default(),
                )?;
                let note = format!(
                    "best of {} starts ({} evaluations), {:.2e} above the median start in the coarse search; moving one rate by 1 point changes welfare by at most {:+.2e}: a certificate of a local optimum, not a proof",
                    found.starts, found.evaluations, found.spread, found.best_move
                );
                let mut notes = vec![note];
                if let Some(least) = rules.constraints.revenue {
                    notes.push(format!(
                        "must raise {least:.0} $/year per worker; raises {:.0}, and another dollar costs {:.3} of welfare",
                        found.revenue, found.shadow_price
                    ));
                }
                let outcome = society.outcome(&found.schedule);
                for k in 0..found.schedule.brackets() {
                    let inside = |z: &f64| found.schedule.bracket_of(*z * (1.0 + 1e-9)) == k;
                    if !outcome.income.iter().any(inside) {
                        notes.push(format!("nobody's income ends in bracket {} at the optimum, so its rate costs no work", k + 1));
                    }
                }
                (found.schedule, notes)
            }
            InformedPlanner::Flat => {
                let (schedule, _) = best_flat_within(society, objective, &rules.constraints)?;
                (schedule, Vec::new())
            }
            InformedPlanner::SaezFixedPoint { elasticity } => {
                let found = saez::fixed_point(
                    society,
                    &rules.initial,
                    objective,
                    elasticity,
                    rules.allow_subsidy,
                );
                (found.schedule, found.notes)
            }
        })
    }
}
