//! Black-box search over the rates: planners that see what the language model sees, welfare by
//! tax year, and know nothing of the economy. Yardsticks for its score.

use super::TaxRules;
use super::moves::{best, in_final_years, untried};
use crate::fiscal::Schedule as TaxSchedule;
use crate::random::Streams;
use crate::world::record::{Row, Years};
use crate::world::{Clock, CurrentSchedule, Phase, Seed, Step};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

/// A planner that searches.
#[derive(Resource, Clone, Debug)]
pub struct SearchPlanner {
    /// How.
    pub method: Method,
    /// Last tax years in which the best schedule so far is played.
    pub final_years: u32,
}

/// How the next rates are found.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// Whole percentages from 0 to 100, uniformly, every bracket by itself.
    Random,
    /// From the best schedule so far, a range of brackets up or down by one of these percentage
    /// points, uniformly among the moves that were not tried; the best stays once all were.
    HillClimb {
        /// Percentage points.
        points: Vec<u32>,
    },
}

impl Method {
    /// The next schedule after `years`, the first of which ran under the scenario's initial one.
    fn next(&self, years: &[Row], initial: &TaxSchedule, rng: &mut impl Rng) -> TaxSchedule {
        let incumbent = best(years).map_or(initial, |row| &row.schedule);
        match self {
            Method::Random => {
                let rates = incumbent.edges().iter();
                let rates = rates.map(|_| f64::from(rng.random_range(0..=100u32)) / 100.0);
                TaxSchedule::of_checked(incumbent.edges().to_vec(), rates.collect())
            }
            Method::HillClimb { points } => match untried(years, points).choose(rng) {
                Some(step) => step.applied_to(incumbent),
                None => incumbent.clone(),
            },
        }
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
            planner.method.next(&years.0, &rules.initial, &mut rng)
        }
    };
}

impl Plugin for SearchPlanner {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.clone())
            .add_systems(Step, plan.in_set(Phase::Plan));
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
            schedule = method.next(&years, &initial, &mut rng);
        }
        let top = best(&years).unwrap();
        assert!(
            (top.schedule.rates()[0] - 0.5).abs() < 1e-9
                && (top.schedule.rates()[1] - 0.3).abs() < 1e-9
        );
        assert_eq!(schedule.rates(), top.schedule.rates());
    }

    /// Mean and range of uniform whole percentages.
    #[test]
    fn random_rates_are_uniform_percentages() {
        let initial = year(1, &[10.0], 0.0).schedule;
        let mut rng = Streams::new(7, "test").at(0, 0);
        let draws: Vec<f64> = (0..4_000)
            .map(|_| 100.0 * Method::Random.next(&[], &initial, &mut rng).rates()[0])
            .collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((mean - 50.0).abs() < 2.0, "{mean}");
        assert!(
            draws
                .iter()
                .all(|p| (p - p.round()).abs() < 1e-9 && (0.0..=100.0).contains(p))
        );
        assert!(draws.contains(&0.0) && draws.contains(&100.0));
    }
}
