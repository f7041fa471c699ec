//! Planners that set one schedule and keep it: `none`, `fixed`, a law, a given flat rate.

use crate::fiscal::Schedule as TaxSchedule;
use crate::world::{Clock, CurrentSchedule, Phase, Step};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;

/// Sets this schedule in the first year.
#[derive(Clone, Debug)]
pub struct GivenPlanner(pub TaxSchedule);

#[derive(Resource, Clone, Debug)]
struct Given(TaxSchedule);

fn enact(clock: Res<Clock>, given: Res<Given>, mut schedule: ResMut<CurrentSchedule>) {
    if clock.step == 1 {
        schedule.0 = given.0.clone();
    }
}

impl Plugin for GivenPlanner {
    fn build(&self, app: &mut App) {
        app.insert_resource(Given(self.0.clone()))
            .add_systems(Step, enact.in_set(Phase::Plan));
    }
}
