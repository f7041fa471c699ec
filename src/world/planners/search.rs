//! Black-box search over the rates: planners that see what the language model sees, welfare by
//! tax year, and know nothing of the economy. Yardsticks for its score.

use super::TaxRules;
use super::moves::{best, in_final_years, untried};
use crate::error::Error;
use crate::fiscal::Schedule as TaxSchedule;
use crate::random::Streams;
use crate::search::{self, Method, Tried};
use crate::world::learning::PlannerReward;
use crate::world::record::{Row, Years};
use crate::world::{Clock, CurrentSchedule, Failure, Phase, Seed, Step};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rand::Rng;
use rand::seq::IndexedRandom;

/// A planner that searches: every method but `random` compares the rewards of past years, which must be
/// those of one reward.
#[derive(Resource, Clone, Debug)]
pub struct SearchPlanner {
    /// How.
    pub method: Method,
    /// Last tax years in which the best schedule so far is played.
    pub final_years: u32,
}

/// The years as black-box search sees them: rates and reward (welfare unless the arm has another),
/// where there is one.
pub fn history(years: &[Row]) -> Vec<Tried> {
    let rewarded = years.iter().filter(|row| row.reward.is_finite());
    rewarded
        .map(|row| Tried {
            rates: row.schedule.rates().to_vec(),
            welfare: row.reward,
        })
        .collect()
}

/// The next schedule after `years`, the first of which ran under the scenario's initial one.
fn next(method: &Method, years: &[Row], initial: &TaxSchedule, rng: &mut impl Rng) -> TaxSchedule {
    let brackets = initial.brackets();
    let rates = match method {
        Method::HillClimb { points } => {
            let incumbent = best(years).map_or(initial, |row| &row.schedule);
            return match untried(years, points).choose(rng) {
                Some(step) => step.applied_to(incumbent),
                None => incumbent.clone(),
            };
        }
        Method::Random => search::uniform(brackets, rng),
        Method::CmaEs { spread } => {
            search::cma_es::next(&history(years), initial.rates(), spread / 100.0, rng)
        }
        Method::Bayesian => search::bayesian::next(&history(years), brackets, rng),
        Method::Bandit => search::bandit::next(&history(years), brackets, rng),
    };
    TaxSchedule::of_checked(initial.edges().to_vec(), rates)
}

/// Whether the reward is another one than the one that judged the years before.
fn has_changed(reward: Option<Res<PlannerReward>>, mut seen: Local<Option<u32>>) -> bool {
    let Some(reward) = reward.filter(|reward| reward.reward.ready()) else {
        return false;
    };
    *seen.get_or_insert(reward.version) != reward.version
}

/// For rewards of one's own: those of scenarios are refused beforehand.
fn refuse_change(In(changed): In<bool>, planner: Res<SearchPlanner>, mut failure: ResMut<Failure>) {
    let compares = planner.method != Method::Random || planner.final_years > 0;
    if changed && compares {
        failure.raise(
            Error::run("the planner `search` compares the rewards of past years, and the reward has changed")
                .allowed("a reward that stays, the planners `reward` and `policy`, or `random` search without final years"),
        );
    }
}

fn plan(
    clock: Res<Clock>,
    seed: Res<Seed>,
    rules: Res<TaxRules>,
    years: Res<Years>,
    planner: Res<SearchPlanner>,
    mut schedule: ResMut<CurrentSchedule>,
) {
    if clock.step == 1 {
        schedule.0 = rules.initial.clone();
        return;
    }
    schedule.0 = match best(&years.0) {
        Some(best) if in_final_years(&clock, planner.final_years) => best.schedule.clone(),
        _ => {
            let mut rng = Streams::new(seed.0, "search").at(0, u64::from(clock.step));
            next(&planner.method, &years.0, &rules.initial, &mut rng)
        }
    };
}

impl Plugin for SearchPlanner {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.clone()).add_systems(
            Step,
            (has_changed.pipe(refuse_change), plan)
                .chain()
                .in_set(Phase::Plan),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::moves::tests::year;
    use super::*;

    /// On a hill with one top, hill climbing by 10 points reaches it and stays.
    #[test]
    fn hill_climbing_reaches_the_top_of_a_hill() {
        let welfare = |rates: &[f64]| -(rates[0] - 0.5).powi(2) - (rates[1] - 0.3).powi(2);
        let initial = year(1, &[10.0, 90.0], 0.0).schedule;
        let method = Method::HillClimb { points: vec![10] };
        let mut rng = Streams::new(7, "test").at(0, 0);
        let mut years = vec![];
        let mut schedule = initial.clone();
        for time in 1..60 {
            let percents: Vec<f64> = schedule.rates().iter().map(|r| 100.0 * r).collect();
            years.push(year(time, &percents, welfare(schedule.rates())));
            schedule = next(&method, &years, &initial, &mut rng);
        }
        let top = best(&years).unwrap();
        assert!(
            (top.schedule.rates()[0] - 0.5).abs() < 1e-9
                && (top.schedule.rates()[1] - 0.3).abs() < 1e-9
        );
        assert_eq!(schedule.rates(), top.schedule.rates());
    }
}
