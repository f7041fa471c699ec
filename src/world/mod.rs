//! The ECS world: one step of the economy as a chain of [`Phase`]s, one plugin per mechanism.
//!
//! Workers are entities, what they have is in components, what they share in resources. Read
//! [`Phase`] first. A mechanism is a [`bevy_app::Plugin`] that adds components and systems to the
//! schedule [`Step`] in a phase:
//!
//! ```
//! use bevy_app::prelude::*;
//! use bevy_ecs::prelude::*;
//! use fisc::world::{Income, Phase, Step};
//!
//! #[derive(Clone)]
//! struct CountIdle;
//!
//! impl Plugin for CountIdle {
//!     fn build(&self, app: &mut App) {
//!         app.add_systems(Step, count_idle.in_set(Phase::Learn));
//!     }
//! }
//!
//! fn count_idle(workers: Query<&Income>) {
//!     let idle = workers.iter().filter(|income| income.0 == 0.0).count();
//!     assert!(idle <= workers.iter().len());
//! }
//! ```
//!
//! | module | mechanism |
//! |---|---|
//! | [`clock`] | steps and tax years |
//! | [`workers`] | workers in components; closed-form hours |
//! | [`habits`] | hours by noisy choice and by climbing on one's own history |
//! | [`frictions`] | fixed costs of work, coarse hours, costs of changing hours |
//! | [`satisfaction`] | utility that dissatisfaction with the tax policy lowers |
//! | [`asking`], [`thinking`] | questions to language models; reasoning first |
//! | [`language`] | hours by language model |
//! | [`recall`] | which of a worker's past periods a prompt shows |
//! | [`distilled`] | hours by a small model that a language model has taught |
//! | [`learning`] | rewards besides the objective; preferences learned from comparisons |
//! | [`treasury`] | income, tax, rebate, utility, and the identities that hold at every step |
//! | [`elections`] | candidates, ballots, winners who plan |
//! | [`planners`] | who sets the schedule |
//! | [`record`] | statistics of every step and tax year |

pub mod asking;
pub mod clock;
pub mod distilled;
pub mod elections;
pub mod frictions;
pub mod habits;
pub mod judging;
pub mod language;
pub mod learning;
pub mod planners;
pub mod rating;
pub mod recall;
pub mod record;
pub mod satisfaction;
pub mod thinking;
pub mod treasury;
pub mod workers;

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::ScheduleLabel;

use crate::error::Error;
use crate::fiscal::{Economy, Objective, Schedule as TaxSchedule};

pub use clock::{Clock, new_tax_year};
pub use workers::{
    Disposable, FixedHours, Group, Income, Labor, LanguageModel, Rational, Tax, UntaxedLabor,
    Utility, Wage, WorkerId,
};

/// The schedule that is run once per period.
#[derive(ScheduleLabel, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step;

/// What happens in a period, in this order.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The clock advances; everybody sees the past.
    Observe,
    /// Elections; only at the first step of a tax year.
    Vote,
    /// The planner sets the tax schedule; only at the first step of a tax year.
    Plan,
    /// Workers choose hours.
    Decide,
    /// Hours become pre-tax income.
    Earn,
    /// Income is taxed.
    Tax,
    /// Revenue less public spending is paid back in equal shares.
    Redistribute,
    /// Utility is experienced; identities are checked; statistics are taken.
    Account,
    /// Reward functions and learners.
    Learn,
    /// The step goes on record.
    Record,
}

/// Order inside [`Phase::Decide`].
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decide {
    /// Hours that do not depend on what others choose in this step.
    Given,
    /// Best responses, which under income effects take the others' taxes into account.
    Respond,
}

/// Order inside [`Phase::Account`].
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// Utility is experienced.
    Utility,
    /// Identities are checked.
    Check,
    /// Statistics are taken.
    Statistics,
}

/// The economy's constants.
#[derive(Resource, Clone, Debug)]
pub struct EconomyConstants(pub Economy);

/// What the planner maximises.
#[derive(Resource, Clone, Debug)]
pub struct PlannerObjective(pub Objective);

/// The tax schedule in force.
#[derive(Resource, Clone, Debug)]
pub struct CurrentSchedule(pub TaxSchedule);

/// The seed of all random streams.
#[derive(Resource, Clone, Copy, Debug)]
pub struct Seed(pub u64);

/// Remarks on an arm that belong beside its numbers, each once.
#[derive(Resource, Clone, Debug, Default)]
pub struct Notes(pub Vec<String>);

impl Notes {
    /// Adds a remark unless it stands already.
    pub fn add(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }
}

/// The first error of any system; a run stops after the step that raised it.
#[derive(Resource, Debug, Default)]
pub struct Failure(Option<Error>);

impl Failure {
    /// Keeps the first error.
    pub fn raise(&mut self, error: Error) {
        self.0.get_or_insert(error);
    }

    /// Whether a system has failed.
    pub fn is_raised(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the error out.
    pub fn take(&mut self) -> Option<Error> {
        self.0.take()
    }
}

/// Run condition: no system has failed yet.
pub fn unfailed(failure: Res<Failure>) -> bool {
    !failure.is_raised()
}

/// The phases and their order.
#[derive(Clone, Copy, Debug, Default)]
pub struct PhasePlugin;

impl Plugin for PhasePlugin {
    fn build(&self, app: &mut App) {
        app.init_schedule(Step)
            .init_resource::<Notes>()
            .init_resource::<Failure>()
            .configure_sets(
                Step,
                (
                    Phase::Observe,
                    Phase::Vote.run_if(new_tax_year),
                    Phase::Plan.run_if(new_tax_year),
                    Phase::Decide.run_if(unfailed),
                    Phase::Earn,
                    Phase::Tax,
                    Phase::Redistribute,
                    Phase::Account.run_if(unfailed),
                    Phase::Learn.run_if(unfailed),
                    Phase::Record.run_if(unfailed),
                )
                    .chain(),
            )
            .configure_sets(
                Step,
                (Decide::Given, Decide::Respond)
                    .chain()
                    .in_set(Phase::Decide),
            )
            .configure_sets(
                Step,
                (Account::Utility, Account::Check, Account::Statistics)
                    .chain()
                    .in_set(Phase::Account),
            );
    }
}
