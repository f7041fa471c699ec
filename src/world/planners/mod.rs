//! Who sets the tax schedule: one plugin per kind of planner, each with a system in [`Phase::Plan`].
//!
//! [`Phase::Plan`]: super::Phase::Plan

pub mod given;
pub mod informed;
pub mod language;
pub mod moves;
pub mod observing;
pub mod policy;
pub mod pursuing;
pub mod search;

use crate::fiscal::optimum::Constraints;
use crate::fiscal::{Schedule, Society};
use bevy_ecs::prelude::*;
use std::sync::Arc;

/// What planners may set: rates on these lower edges.
#[derive(Resource, Clone, Debug)]
pub struct TaxRules {
    /// The schedule before the first plan.
    pub initial: Schedule,
    /// Whether rates may be negative.
    pub allow_subsidy: bool,
    /// What full-information planners must obey.
    pub constraints: Constraints,
}

/// The same population in closed form, for planners with full information.
#[derive(Resource, Clone, Debug)]
pub struct Counterpart(pub Arc<Society>);
