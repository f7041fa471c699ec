//! Steps and tax years.

use super::{Phase, Step};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;

/// Where the run stands. Steps and years count from 1; before the first step both are 0.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The current period.
    pub step: u32,
    /// Periods of the whole run.
    pub steps: u32,
    /// Periods in a tax year.
    pub tax_year: u32,
}

impl Clock {
    /// Before the first step.
    pub fn new(steps: u32, tax_year: u32) -> Self {
        Clock {
            step: 0,
            steps,
            tax_year,
        }
    }

    /// The current tax year.
    pub fn year(&self) -> u32 {
        self.step.div_ceil(self.tax_year)
    }

    /// Number of tax years of the whole run.
    pub fn years(&self) -> u32 {
        self.steps / self.tax_year
    }

    /// Whether this is the first step of a tax year.
    pub fn is_first_of_year(&self) -> bool {
        self.step % self.tax_year == 1 % self.tax_year
    }

    /// Whether this is the last step of a tax year.
    pub fn is_last_of_year(&self) -> bool {
        self.step.is_multiple_of(self.tax_year)
    }
}

/// Run condition: the first step of a tax year.
pub fn new_tax_year(clock: Res<Clock>) -> bool {
    clock.is_first_of_year()
}

/// Run condition: the last step of a tax year.
pub fn end_of_tax_year(clock: Res<Clock>) -> bool {
    clock.is_last_of_year()
}

fn advance(mut clock: ResMut<Clock>) {
    clock.step += 1;
}

/// Advances the [`Clock`] in [`Phase::Observe`].
#[derive(Clone, Copy, Debug)]
pub struct ClockPlugin {
    /// Periods of the whole run.
    pub steps: u32,
    /// Periods in a tax year.
    pub tax_year: u32,
}

impl Plugin for ClockPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Clock::new(self.steps, self.tax_year))
            .add_systems(Step, advance.in_set(Phase::Observe));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_of_four_and_of_one() {
        let at = |step, tax_year| Clock {
            step,
            steps: 8,
            tax_year,
        };
        assert_eq!([1, 4, 5, 8].map(|s| at(s, 4).year()), [1, 1, 2, 2]);
        assert_eq!(
            [1, 2, 4, 5].map(|s| at(s, 4).is_first_of_year()),
            [true, false, false, true]
        );
        assert_eq!(
            [1, 4, 8].map(|s| at(s, 4).is_last_of_year()),
            [false, true, true]
        );
        assert!(at(3, 1).is_first_of_year() && at(3, 1).is_last_of_year());
        assert_eq!(at(3, 1).year(), 3);
    }
}
