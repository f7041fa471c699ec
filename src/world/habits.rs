//! Workers who choose in closed form, but not rationally: `logit` and `adaptive`.

use super::treasury::Treasury;
use super::workers::{Tastes, UsualHours, keep_fixed_hours, usual_hours};
use super::{
    Clock, CurrentSchedule, Decide, Group, Income, Labor, Seed, Step, Tax, Wage, WorkerId,
};
use crate::fiscal::Economy;
use crate::fiscal::choice::{at_quantile, hour_options, logit_probabilities};
use crate::random::Streams;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rand::RngExt;
use rayon::prelude::*;

/// Picks from 0, 10, …, `labor_max` hours with [`logit_probabilities`]. Under isoelastic utility,
/// where the rebate matters, it expects that of the last period.
#[derive(Component, Clone, Copy, Debug)]
pub struct Logit {
    /// Unit of utility.
    pub scale: f64,
}

/// Climbs on its own history: hours change by `step` from period to period, on in the same
/// direction as long as the last change did not lower utility, else back.
///
/// Both periods are compared at the last one's rebate, which is not of the worker's making. Under
/// an unchanged schedule it ends up walking to and fro around its best response, never further than
/// two steps from it where utility has one top.
#[derive(Component, Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// Hours per week.
    pub step: f64,
    /// +1 or −1; 0 before the first period.
    direction: f64,
    /// The period before the last one.
    before: Option<Lived>,
}

/// What a period brought a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lived {
    /// Hours per week.
    labor: f64,
    /// Income after tax, without rebate, $/year.
    net: f64,
}

impl Adaptive {
    /// Before the first period.
    pub fn new(step: f64) -> Self {
        Adaptive {
            step,
            direction: 0.0,
            before: None,
        }
    }

    /// Hours of the next period after the `last` one with its `rebate`.
    fn next(&mut self, last: Lived, rebate: f64, tastes: &Economy) -> f64 {
        let utility = |lived: Lived| tastes.utility(lived.net + rebate, lived.labor);
        if self
            .before
            .is_some_and(|before| utility(last) < utility(before))
        {
            self.direction = -self.direction;
        }
        self.before = Some(last);
        let wanted = last.labor + self.direction * self.step;
        // At a limit there is only one way to go on.
        if !(0.0..=tastes.labor_max).contains(&wanted) {
            self.direction = -self.direction;
        }
        wanted.clamp(0.0, tastes.labor_max)
    }
}

fn pick_by_logit(
    tastes: Res<Tastes>,
    schedule: Res<CurrentSchedule>,
    treasury: Res<Treasury>,
    clock: Res<Clock>,
    seed: Res<Seed>,
    mut workers: Query<(&WorkerId, &Group, &Wage, &Logit, &mut Labor)>,
) {
    let streams = Streams::new(seed.0, "choice");
    let mut workers: Vec<_> = workers.iter_mut().collect();
    workers
        .par_iter_mut()
        .for_each(|(id, group, wage, logit, labor)| {
            let taste = &tastes.0[group.0 as usize];
            let hours = hour_options(taste.labor_max);
            let (rebate, scale) = (treasury.rebate, logit.scale);
            let p = logit_probabilities(taste, &schedule.0, wage.0, rebate, scale, &hours);
            let uniform = streams
                .at(u64::from(id.0), u64::from(clock.step))
                .random::<f64>();
            labor.0 = hours[at_quantile(&p, uniform)];
        });
}

type Climbing<'w, 's> = Query<
    'w,
    's,
    (
        &'static WorkerId,
        &'static Group,
        Option<&'static UsualHours>,
        &'static Income,
        &'static Tax,
        &'static mut Adaptive,
        &'static mut Labor,
    ),
>;

fn climb(
    tastes: Res<Tastes>,
    treasury: Res<Treasury>,
    clock: Res<Clock>,
    seed: Res<Seed>,
    mut workers: Climbing,
) {
    let streams = Streams::new(seed.0, "adaptive");
    for (id, group, usual, income, tax, mut adaptive, mut labor) in &mut workers {
        let tastes = &tastes.0[group.0 as usize];
        if clock.step == 1 {
            labor.0 = usual_hours(usual, tastes.labor_max);
            let up = streams.at(u64::from(id.0), 0).random::<bool>();
            adaptive.direction = if up { 1.0 } else { -1.0 };
        } else {
            let last = Lived {
                labor: labor.0,
                net: income.0 - tax.0,
            };
            labor.0 = adaptive.next(last, treasury.rebate, tastes);
        }
    }
}

/// The systems of [`HabitsPlugin`].
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Habits;

/// Hours of [`Logit`] and [`Adaptive`] workers.
#[derive(Clone, Copy, Debug, Default)]
pub struct HabitsPlugin;

impl Plugin for HabitsPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            Step,
            // Workers are of one kind each, but the scheduler cannot know it.
            (pick_by_logit, climb)
                .chain()
                .after(keep_fixed_hours)
                .in_set(Habits)
                .in_set(Decide::Given),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At 12 $/hour untaxed the best response is (12/(χδ))^0.4 = 34.2 hours: from 40 upwards by 2,
    /// back at once, down past it, and around it.
    #[test]
    fn climbing_ends_around_the_best_response() {
        let tastes = Economy::default();
        let mut worker = Adaptive {
            direction: 1.0,
            ..Adaptive::new(2.0)
        };
        let mut labor = 40.0;
        let mut path = vec![];
        for period in 0..12 {
            let net = tastes.income(12.0, labor);
            // A rebate that moves as it likes does not lead astray.
            let rebate = 1e4 * f64::from(period % 3);
            labor = worker.next(Lived { labor, net }, rebate, &tastes);
            path.push(labor);
        }
        assert_eq!(path[..7], [42.0, 40.0, 38.0, 36.0, 34.0, 32.0, 34.0]);
        assert!(path[3..].iter().all(|l| (l - 34.2).abs() <= 4.0));
    }

    #[test]
    fn limits_turn_a_climber_around() {
        let tastes = Economy::default();
        let mut worker = Adaptive {
            direction: -1.0,
            ..Adaptive::new(3.0)
        };
        let at = |labor, net| Lived { labor, net };
        assert_eq!(worker.next(at(2.0, 0.0), 0.0, &tastes), 0.0);
        assert_eq!(worker.next(at(0.0, 9.0), 0.0, &tastes), 3.0);
    }
}
