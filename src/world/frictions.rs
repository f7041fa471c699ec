//! Frictions of rational workers: what they cost in each step.

use super::workers::Utility;
use super::{Account, Step};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;

/// What the worker's frictions cost in this step, in the unit of utility: the fixed cost of working
/// and the cost of having changed hours (see [`crate::fiscal::frictions::Friction::cost`]).
#[derive(Component, Clone, Copy, Debug, Default, PartialEq)]
pub struct FrictionCost(pub f64);

fn charge(mut workers: Query<(&FrictionCost, &mut Utility)>) {
    for (cost, mut utility) in &mut workers {
        utility.0 -= cost.0;
    }
}

/// Charges [`FrictionCost`] to utility. The costs are set where hours are chosen, by
/// [`super::workers::ClosedFormPlugin`].
#[derive(Clone, Copy, Debug, Default)]
pub struct FrictionsPlugin;

impl Plugin for FrictionsPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            Step,
            charge
                .in_set(Account::Utility)
                .after(super::treasury::experience_utility),
        );
    }
}
