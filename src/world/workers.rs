//! Workers in components, and hours in closed form.

use super::distilled::Distilled;
use super::frictions::FrictionCost;
use super::habits::{Adaptive, Logit};
use super::language::Memory;
use super::satisfaction::Bounded;
use super::treasury::Treasury;
use super::{Clock, CurrentSchedule, Decide, EconomyConstants, Notes, Step};
use crate::fiscal::frictions::Friction;
use crate::fiscal::response::Response;
use crate::fiscal::society::{equilibrium_rebate, utility_without_policy};
use crate::fiscal::{
    Behaviour, Economy, Motive, Objective, Society, Utility as UtilityForm, lanes,
};
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

/// Who the worker is, as far as prompts may say it.
#[derive(Component, Clone, Debug)]
pub struct Biography(pub Persona);

/// Hours per week that the worker's persona states.
#[derive(Component, Clone, Copy, Debug, PartialEq)]
pub struct UsualHours(pub f64);

/// Chooses hours for or against welfare (see [`crate::fiscal::motives`]).
#[derive(Component, Clone, Copy, Debug)]
pub struct Serving;

/// Hours that count as a worker's previous ones in the first step if its persona names none.
pub const USUAL_HOURS: f64 = 40.0;

/// The hours that a worker has before the first step: those of its persona, else [`USUAL_HOURS`].
pub fn usual_hours(stated: Option<&UsualHours>, labor_max: f64) -> f64 {
    stated.map_or(USUAL_HOURS, |usual| usual.0).min(labor_max)
}

/// How the workers of a group choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Chooses {
    /// [`Rational`].
    Rational,
    /// [`FixedHours`].
    Fixed(f64),
    /// [`Logit`] with this scale.
    Logit(f64),
    /// [`Adaptive`] with this step.
    Adaptive(f64),
    /// [`Serving`] this motive.
    Serving(Motive),
    /// [`LanguageModel`].
    Language,
    /// [`Distilled`].
    Distilled,
}

/// What the workers of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupTraits {
    /// How they choose.
    pub chooses: Chooses,
    /// The economy with their own preferences.
    pub tastes: Economy,
    /// Factor of dissatisfied workers, if satisfaction scales their utility.
    pub dissatisfied: Option<f64>,
    /// Whether they remember past periods.
    pub remembers: bool,
}

/// The economy with each group's own preferences, by index of group.
#[derive(Resource, Clone, Debug)]
pub struct Tastes(pub Vec<Economy>);

impl Tastes {
    /// The preferences that all share, if they do.
    pub fn shared(&self) -> Option<&Economy> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().all(|taste| taste == first).then_some(first)
    }
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

/// Workers at even quantiles that stand for each worker where somebody picks at random.
const QUANTILES: usize = 16;

/// Most workers of the society that full-information planners see, where it holds each worker
/// [`QUANTILES`] times.
const COPIES_MAX: usize = 1 << 20;

/// The population as the full-information planners see it: language-model and adaptive workers are
/// taken to be rational. Where some worker picks at random, each worker is there `QUANTILES`
/// times (fewer in a large population) at even quantiles, so that the society's welfare is the
/// expected one. `frictions` holds one entry for each of `people`.
pub fn closed_form_counterpart(
    economy: &Economy,
    objective: &Objective,
    people: &[Person],
    groups: &[u32],
    traits: &[GroupTraits],
    frictions: &[Friction],
) -> Society {
    let of = |i: usize| &traits[groups[i] as usize];
    let random = (0..people.len()).any(|i| matches!(of(i).chooses, Chooses::Logit(_)));
    let copies = match random {
        true => QUANTILES.min(COPIES_MAX / people.len()).max(1),
        false => 1,
    };
    let each: Vec<(usize, usize)> = (0..people.len())
        .flat_map(|i| (0..copies).map(move |copy| (i, copy)))
        .collect();
    let behaviour = |&(i, copy): &(usize, usize)| match of(i).chooses {
        Chooses::Rational | Chooses::Language | Chooses::Distilled | Chooses::Adaptive(_) => {
            Behaviour::Rational
        }
        Chooses::Fixed(hours) => Behaviour::Fixed(hours),
        Chooses::Serving(motive) => Behaviour::Serving(motive),
        // Shifted from worker to worker by the golden ratio: no two jump together.
        Chooses::Logit(scale) => Behaviour::Logit {
            scale,
            quantile: (copy as f64 + (i as f64 * 0.618_033_988_749_894_9).fract()) / copies as f64,
        },
    };
    let dissatisfied: Vec<Option<f64>> = each.iter().map(|&(i, _)| of(i).dissatisfied).collect();
    let society = Society::new(
        *economy,
        each.iter().map(|&(i, _)| people[i].wage).collect(),
        each.iter().map(behaviour).collect(),
    )
    .serving(objective.clone());
    let tastes = Tastes(traits.iter().map(|group| group.tastes).collect());
    match tastes.shared() {
        Some(shared) => society.with_tastes(vec![*shared], vec![0; each.len()]),
        None => society.with_tastes(tastes.0, each.iter().map(|&(i, _)| groups[i]).collect()),
    }
    .bounded(&dissatisfied)
    .with_frictions(&each.iter().map(|&(i, _)| frictions[i]).collect::<Vec<_>>())
    .holding_copies(copies)
}

/// Puts workers into the world, in order of id. `shown` is what prompts may say of each,
/// `frictions` what keeps it from its smooth best response.
pub fn spawn(
    world: &mut World,
    people: &[Person],
    shown: &[Option<Persona>],
    groups: &[u32],
    traits: &[GroupTraits],
    frictions: &[Friction],
) {
    world.insert_resource(Tastes(traits.iter().map(|group| group.tastes).collect()));
    let all = people.iter().zip(shown).zip(groups).zip(frictions);
    for (((person, shown), &group), friction) in all {
        let GroupTraits {
            chooses,
            tastes,
            dissatisfied,
            remembers,
        } = &traits[group as usize];
        let mut worker = world.spawn((
            WorkerId(person.id),
            Group(group),
            Wage(person.wage),
            UntaxedLabor(tastes.untaxed_labor(person.wage)),
            Labor::default(),
            Income::default(),
            Tax::default(),
            Disposable::default(),
            Utility::default(),
        ));
        match *chooses {
            Chooses::Rational => worker.insert(Rational),
            Chooses::Fixed(hours) => worker.insert(FixedHours(hours)),
            Chooses::Logit(scale) => worker.insert(Logit { scale }),
            Chooses::Adaptive(step) => worker.insert(Adaptive::new(step)),
            Chooses::Serving(_) => worker.insert(Serving),
            Chooses::Language => worker.insert(LanguageModel),
            Chooses::Distilled => worker.insert(Distilled),
        };
        if !friction.is_none() {
            worker.insert(FrictionCost::default());
        }
        if let Some(dissatisfied) = *dissatisfied {
            worker.insert(Bounded {
                dissatisfied,
                without_policy: utility_without_policy(tastes, person.wage),
                satisfied: 1.0,
            });
        }
        if *remembers {
            worker.insert(Memory::default());
        }
        if let Some(persona) = shown {
            worker.insert(Biography(persona.clone()));
        }
        // A persona brought in a file need not state its hours.
        if let Some(persona) = &person.persona
            && persona.usual_hours > 0
        {
            worker.insert(UsualHours(f64::from(persona.usual_hours)));
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
    tastes: Res<Tastes>,
    schedule: Res<CurrentSchedule>,
    mut treasury: ResMut<Treasury>,
    mut workers: Responding,
    others: Query<(&WorkerId, &Wage, &Labor), Without<Rational>>,
) {
    if workers.is_empty() {
        return;
    }
    let schedule = &schedule.0;
    let economy = tastes.shared().unwrap_or(&economy.0);
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

/// What [`respond_jointly`] remembers from step to step.
#[derive(Default)]
struct Joint {
    society: Option<Society>,
    hours: Vec<f64>,
}

type Jointly<'w, 's> = Query<
    'w,
    's,
    (
        &'static WorkerId,
        &'static mut Labor,
        Option<&'static mut FrictionCost>,
        Has<Rational>,
        Has<Serving>,
    ),
>;

/// Hours of rational and serving workers where they do not all share their preferences, some
/// serve, or some have frictions: the joint answer of the society in which all others keep the
/// hours of this step.
fn respond_jointly(
    world: Res<JointResponse>,
    clock: Res<Clock>,
    schedule: Res<CurrentSchedule>,
    mut treasury: ResMut<Treasury>,
    mut notes: ResMut<Notes>,
    mut workers: Jointly,
    mut joint: Local<Joint>,
) {
    let Joint { society, hours } = &mut *joint;
    let society = society.get_or_insert_with(|| Society::clone(&world.0));
    let others = workers
        .iter()
        .filter(|(.., rational, serving)| !rational && !serving);
    society.fix(others.map(|(id, labor, ..)| (id.0 as usize, labor.0)));
    // Before the first step they worked as they would under the initial schedule.
    if clock.step > 1 {
        society.remember(hours);
    }
    let (expected, settled) = society.hours_into(&schedule.0, hours);
    treasury.expected = expected;
    if !settled {
        notes.add(format!(
            "workers for and against welfare did not come to rest under {}",
            schedule.0
        ));
    }
    let costs = society.friction_costs(hours);
    for (id, mut labor, cost, ..) in &mut workers {
        let place = id.0 as usize;
        labor.0 = hours[place];
        if let (Some(mut cost), Some(costs)) = (cost, &costs) {
            cost.0 = costs[place];
        }
    }
}

/// The workers as a society, for [`respond_jointly`]; behaviours other than rational and serving
/// are given fresh hours in each step.
#[derive(Resource, Clone, Debug)]
struct JointResponse(Society);

/// Workers whose hours have a closed form: [`FixedHours`], [`Rational`], [`Serving`].
#[derive(Clone, Debug, Default)]
pub struct ClosedFormPlugin {
    /// The workers, if they do not all share their preferences, some serve a motive, or some have
    /// frictions: their best responses are then found jointly.
    pub joint: Option<Society>,
}

impl Plugin for ClosedFormPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Step, keep_fixed_hours.in_set(Decide::Given));
        match &self.joint {
            None => app.add_systems(Step, respond.in_set(Decide::Respond)),
            Some(society) => app
                .insert_resource(JointResponse(society.clone()))
                .add_systems(Step, respond_jointly.in_set(Decide::Respond)),
        };
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
