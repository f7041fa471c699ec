//! Workers in components, and hours in closed form.

use super::treasury::Treasury;
use super::{CurrentSchedule, Decide, EconomyConstants, Step};
use crate::fiscal::response::Response;
use crate::fiscal::society::equilibrium_rebate;
use crate::fiscal::{Behaviour, Economy, Society, Utility as UtilityForm, lanes};
use crate::population::{Person, Persona};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use bytemuck::{Pod, Zeroable};

macro_rules! amounts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Component, Clone, Copy, Debug, Default, PartialEq, PartialOrd, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name(pub f64);
    )*};
}

amounts! {
    /// w, $/hour; never changes.
    Wage,
    /// Hours per week without tax or limit (see [`Economy::untaxed_labor`]); never changes.
    UntaxedLabor,
    /// l, hours per week.
    Labor,
    /// z, pre-tax, $/year.
    Income,
    /// T(z), $/year.
    Tax,
    /// c = z − T + R, $/year.
    Disposable,
    /// u(c, l).
    Utility,
}

/// A column of amounts as numbers.
pub(super) fn flat<A: Pod>(amounts: &[A]) -> &[f64] {
    bytemuck::cast_slice(amounts)
}

/// A column of amounts as numbers to be written.
pub(super) fn flat_mut<A: Pod>(amounts: &mut [A]) -> &mut [f64] {
    bytemuck::cast_slice_mut(amounts)
}

/// Position of the worker in every output, from 0.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(transparent)]
pub struct WorkerId(pub u32);

/// Index of the worker's `[[workers]]` group.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(pub u32);

/// Chooses hours by exact best response.
#[derive(Component, Clone, Copy, Debug)]
pub struct Rational;

/// Always works these hours per week.
#[derive(Component, Clone, Copy, Debug)]
pub struct FixedHours(pub f64);

/// Chooses hours by the group's language model.
#[derive(Component, Clone, Copy, Debug)]
pub struct LanguageModel;

/// Who the worker is.
#[derive(Component, Clone, Debug)]
pub struct Biography(pub Persona);

/// How the workers of a group choose, without the group's details.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Chooses {
    /// [`Rational`].
    Rational,
    /// [`FixedHours`].
    Fixed(f64),
    /// [`LanguageModel`].
    Language,
}

/// The group of each worker: shares of `size` by largest remainder, in blocks of worker ids that
/// are interleaved, so that groups do not differ by wage where workers are ordered by wage.
pub fn assign_groups(shares: &[f64], size: usize) -> Vec<u32> {
    let mut placed = vec![0usize; shares.len()];
    (0..size)
        .map(|i| {
            // The group that is furthest behind its share of the first i+1 workers.
            let behind = |g: usize| shares[g] * (i + 1) as f64 - placed[g] as f64;
            let group = (0..shares.len())
                .fold(0, |best, g| if behind(g) > behind(best) { g } else { best });
            placed[group] += 1;
            group as u32
        })
        .collect()
}

/// The population as the full-information planners see it: language-model workers are taken to
/// be rational.
pub fn closed_form_counterpart(
    economy: &Economy,
    people: &[Person],
    choices: &[Chooses],
) -> Society {
    let behaviour = choices
        .iter()
        .map(|choice| match choice {
            Chooses::Rational | Chooses::Language => Behaviour::Rational,
            Chooses::Fixed(hours) => Behaviour::Fixed(*hours),
        })
        .collect();
    Society::new(
        *economy,
        people.iter().map(|person| person.wage).collect(),
        behaviour,
    )
}

/// Puts workers into the world, in order of id.
pub fn spawn(
    world: &mut World,
    economy: &Economy,
    people: &[Person],
    groups: &[u32],
    choices: &[Chooses],
) {
    for ((person, &group), choice) in people.iter().zip(groups).zip(choices) {
        let mut worker = world.spawn((
            WorkerId(person.id),
            Group(group),
            Wage(person.wage),
            UntaxedLabor(economy.untaxed_labor(person.wage)),
            Labor::default(),
            Income::default(),
            Tax::default(),
            Disposable::default(),
            Utility::default(),
        ));
        match choice {
            Chooses::Rational => worker.insert(Rational),
            Chooses::Fixed(hours) => worker.insert(FixedHours(*hours)),
            Chooses::Language => worker.insert(LanguageModel),
        };
        if let Some(persona) = &person.persona {
            worker.insert(Biography(Persona::clone(persona)));
        }
    }
}

pub(super) fn keep_fixed_hours(mut workers: Query<(&FixedHours, &mut Labor)>) {
    for (hours, mut labor) in &mut workers {
        labor.0 = hours.0;
    }
}

type Responding<'w, 's> =
    Query<'w, 's, (&'static Wage, &'static UntaxedLabor, &'static mut Labor), With<Rational>>;

fn respond(
    economy: Res<EconomyConstants>,
    schedule: Res<CurrentSchedule>,
    mut treasury: ResMut<Treasury>,
    mut workers: Responding,
    others: Query<(&WorkerId, &Wage, &Labor), Without<Rational>>,
) {
    if workers.is_empty() {
        return;
    }
    let (economy, schedule) = (&economy.0, &schedule.0);
    let response = Response::new(economy, schedule);
    treasury.expected = None;
    let rebate = match economy.utility {
        UtilityForm::Quasilinear => 0.0,
        UtilityForm::Isoelastic { .. } => {
            let mut given: Vec<_> = others.iter().collect();
            given.sort_unstable_by_key(|(id, ..)| **id);
            let tax = |wage: f64, labor: f64| schedule.tax(economy.income(wage, labor));
            let others_tax: f64 = given.iter().map(|(_, w, l)| tax(w.0, l.0)).sum();
            let count = workers.iter().len() + given.len();
            equilibrium_rebate(economy.public_spending, |rebate| {
                let mut total = others_tax;
                for (wage, untaxed, _) in
                    workers.contiguous_iter().expect("components lie in tables")
                {
                    let (wage, untaxed) = (flat(wage), flat(untaxed));
                    let taxes = lanes::by_chunk(wage.len(), |range| {
                        let both = wage[range.clone()].iter().zip(&untaxed[range]);
                        both.map(|(&w, &s)| tax(w, response.labor(w, s, rebate)))
                            .sum::<f64>()
                    });
                    total += taxes.iter().sum::<f64>();
                }
                total / count as f64
            })
        }
    };
    if matches!(economy.utility, UtilityForm::Isoelastic { .. }) {
        treasury.expected = Some(rebate);
    }
    let tables = workers
        .contiguous_iter_mut()
        .expect("components lie in tables");
    for (wage, untaxed, mut labor) in tables {
        lanes::zip_chunks(
            flat_mut(&mut labor),
            flat(wage),
            flat(untaxed),
            |l, w, s| {
                response.labor_of_many(w, s, rebate, l);
            },
        );
    }
}

/// Workers whose hours have a closed form: [`FixedHours`] and [`Rational`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ClosedFormPlugin;

impl Plugin for ClosedFormPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(
            Step,
            (
                keep_fixed_hours.in_set(Decide::Given),
                respond.in_set(Decide::Respond),
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_get_their_shares_interleaved() {
        let groups = assign_groups(&[0.5, 0.25, 0.25], 12);
        let count = |g| groups.iter().filter(|&&x| x == g).count();
        assert_eq!([count(0), count(1), count(2)], [6, 3, 3]);
        // Every four consecutive workers hold the groups in proportion.
        for four in groups.chunks(4) {
            assert_eq!(four.iter().filter(|&&x| x == 0).count(), 2);
        }
        assert_eq!(assign_groups(&[1.0], 3), [0, 0, 0]);
        assert_eq!(assign_groups(&[0.9, 0.1], 5).iter().sum::<u32>(), 0);
    }
}
