//! `reward`: the planner that finds the highest reward with full information on how workers respond.

use super::{Counterpart, TaxRules};
use crate::error::{Error, Result};
use crate::fiscal::optimum::{Effort, highest};
use crate::fiscal::{Outcome, Schedule as TaxSchedule};
use crate::rewards::program::strictly;
use crate::rewards::{Judged, Situation};
use crate::world::learning::{PlannerReward, RewardRow, RewardRows, candidates};
use crate::world::{Clock, CurrentSchedule, EconomyConstants, Failure, Notes, Phase, Seed, Step};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Sets the schedule with the highest [`PlannerReward`] and keeps it until the reward changes; the
/// initial schedule stays until the reward is ready. A reward that is no quick function of one
/// situation ([`Reward::pointwise`](crate::rewards::Reward::pointwise)) chooses from a list, and how the
/// schedule was judged there is on record as the year's parts `pursued_total` and so on.
#[derive(Resource, Clone, Copy, Debug)]
pub struct PursuingPlanner {
    /// Length of that list: the initial schedule, and others with its brackets by Latin hypercube.
    pub schedules: usize,
}

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
    settings: Res<PursuingPlanner>,
    (clock, seed): (Res<Clock>, Res<Seed>),
    mut pursued: ResMut<Pursued>,
    mut rows: ResMut<RewardRows>,
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
    let (year, pointwise) = (clock.year(), reward.reward.pointwise());
    let found = match pointwise {
        true => best(&reward, &rules, &economy, &society),
        false => {
            let list = candidates(&rules, &society, settings.schedules, seed.0, year);
            best_of(&reward, &list, &economy, &society)
        }
    };
    match found {
        Ok((best, judged)) => {
            let total = ("total".to_owned(), judged.total);
            notes.add(format!("reward at the schedule pursued: {:.6}", total.1));
            // Other rewards judge the year itself, part by part.
            if !pointwise {
                let parts = std::iter::once(total).chain(judged.parts);
                rows.0.extend(parts.map(|(part, value)| RewardRow {
                    year,
                    part: format!("pursued_{part}"),
                    value,
                }));
            }
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
) -> Result<(TaxSchedule, Judged)> {
    let society = &society.0;
    // A copy, for its programs have the operations of one search.
    let copy = reward.reward.clone();
    let judge = |schedule: &TaxSchedule, outcome: &Outcome| {
        let situation = Situation::of(schedule, &economy.0, society.wage(), outcome);
        copy.judge(&situation)
    };
    // A schedule that cannot be judged ends the run after the search, which knows numbers only.
    let failed = Mutex::new(None);
    let score = |schedule: &TaxSchedule, outcome: &Outcome| match judge(schedule, outcome) {
        Ok(judged) => judged.total,
        Err(error) => {
            let mut first = failed.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(error);
            f64::NAN
        }
    };
    let edges = rules.initial.edges();
    let starts = [rules.initial.clone()];
    let found = highest(
        society,
        edges,
        &score,
        &starts,
        &rules.constraints,
        Effort::default(),
    );
    // Where programs fail they are worth next to nothing, so what fails at the best schedule fails
    // everywhere: the program's own error says why.
    let why = |schedule: &TaxSchedule| {
        let outcome = society.outcome(schedule);
        let situation = Situation::of(schedule, &economy.0, society.wage(), &outcome);
        strictly(|| reward.reward.judge(&situation)).err()
    };
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(match why(&rules.initial) {
            Some(own) => own.context(error.to_string().lines().next().unwrap_or_default()),
            None => error,
        }),
        None => match why(&found.0) {
            Some(own) => Err(own.context(format!(
                "the reward fails at the best schedule that was found, {}",
                found.0
            ))),
            None => Ok((found.0, Judged::plain(found.1))),
        },
    }
}

/// The schedule of the list with the highest reward; of equal ones the first.
fn best_of(
    reward: &PlannerReward,
    list: &[(TaxSchedule, Outcome)],
    economy: &EconomyConstants,
    society: &Counterpart,
) -> Result<(TaxSchedule, Judged)> {
    let situations: Vec<Situation> = list
        .iter()
        .map(|(schedule, outcome)| Situation::of(schedule, &economy.0, society.0.wage(), outcome))
        .collect();
    let judged = reward.reward.judge_all(&situations)?;
    let all = judged.into_iter().zip(list);
    all.filter(|(judged, _)| judged.total.is_finite())
        .reduce(|a, b| if b.0.total > a.0.total { b } else { a })
        .map(|(judged, (schedule, _))| (schedule.clone(), judged))
        .ok_or_else(|| {
            Error::run("no schedule of the list has a reward that is a number")
                .value(format!("{} schedules with an equilibrium", list.len()))
                .allowed("at least two")
        })
}

impl Plugin for PursuingPlanner {
    fn build(&self, app: &mut App) {
        app.insert_resource(*self)
            .init_resource::<Pursued>()
            .init_resource::<RewardRows>()
            .add_systems(Step, plan.in_set(Phase::Plan));
    }
}
