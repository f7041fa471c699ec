//! `reward`: the planner that finds the highest reward with full information on how workers respond.

use super::{Counterpart, TaxRules};
use crate::error::Result;
use crate::fiscal::optimum::{Effort, highest};
use crate::fiscal::{Outcome, Schedule as TaxSchedule};
use crate::rewards::Situation;
use crate::world::learning::PlannerReward;
use crate::world::{CurrentSchedule, EconomyConstants, Failure, Notes, Phase, Step};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;

/// Sets the schedule with the highest [`PlannerReward`] and keeps it until the reward changes; the
/// initial schedule stays until the reward is ready.
#[derive(Clone, Copy, Debug, Default)]
pub struct PursuingPlanner;

/// Version of the reward whose maximum is in force.
#[derive(Resource, Default)]
struct Pursued(Option<u32>);

#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
fn plan(
    reward: Option<Res<PlannerReward>>,
    rules: Res<TaxRules>,
    economy: Res<EconomyConstants>,
    society: Res<Counterpart>,
    mut pursued: ResMut<Pursued>,
    mut schedule: ResMut<CurrentSchedule>,
    mut notes: ResMut<Notes>,
    mut failure: ResMut<Failure>,
) {
    let Some(reward) = reward.filter(|reward| reward.reward.ready()) else {
        schedule.0 = rules.initial.clone();
        return;
    };
    if pursued.0 == Some(reward.version) {
        return;
    }
    match best(&reward, &rules, &economy, &society) {
        Ok((best, value)) => {
            notes.add(format!("reward at the schedule pursued: {value:.6}"));
            schedule.0 = best;
            pursued.0 = Some(reward.version);
        }
        Err(error) => failure.raise(error),
    }
}

fn best(
    reward: &PlannerReward,
    rules: &TaxRules,
    economy: &EconomyConstants,
    society: &Counterpart,
) -> Result<(TaxSchedule, f64)> {
    let society = &society.0;
    let judge = |schedule: &TaxSchedule, outcome: &Outcome| {
        let situation = Situation::of(schedule, &economy.0, society.wage(), outcome);
        reward.reward.judge(&situation)
    };
    // An error in the search would be lost; the first schedule shows whether there is one.
    judge(&rules.initial, &society.outcome(&rules.initial))?;
    let score = |schedule: &TaxSchedule, outcome: &Outcome| {
        judge(schedule, outcome).map_or(f64::NAN, |judged| judged.total)
    };
    let edges = rules.initial.edges();
    let starts = [rules.initial.clone()];
    Ok(highest(
        society,
        edges,
        &score,
        &starts,
        &rules.constraints,
        Effort::default(),
    ))
}

impl Plugin for PursuingPlanner {
    fn build(&self, app: &mut App) {
        app.init_resource::<Pursued>()
            .add_systems(Step, plan.in_set(Phase::Plan));
    }
}
