//! A mechanism of your own: a legal limit on weekly hours. `cargo run --example plugin`
//!
//! A mechanism is a bevy plugin. It puts its settings into a resource and its systems into a
//! phase of the step; fisc's own mechanisms are made the same way (see `fisc::world`).

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use fisc::run::Simulation;
use fisc::scenario;
use fisc::world::{Clock, Decide, Labor, Notes, Phase, Step};
use std::collections::BTreeMap;

/// Nobody may work more than this many hours a week.
#[derive(Resource, Clone, Copy)]
struct HoursLimit(f64);

/// Workers whom the limit binds in the current step.
#[derive(Resource, Default)]
struct Bound(usize);

impl Plugin for HoursLimit {
    fn build(&self, app: &mut App) {
        // After workers have chosen, before hours become income; at the end of a step, a remark.
        app.insert_resource(*self)
            .init_resource::<Bound>()
            .add_systems(Step, enforce.in_set(Phase::Decide).after(Decide::Respond))
            .add_systems(Step, remark.in_set(Phase::Learn));
    }
}

fn enforce(limit: Res<HoursLimit>, mut bound: ResMut<Bound>, mut workers: Query<&mut Labor>) {
    bound.0 = 0;
    for mut labor in &mut workers {
        if labor.0 > limit.0 {
            labor.0 = limit.0;
            bound.0 += 1;
        }
    }
}

/// Notes appear in the arm's result, in `summary.json` and under the table.
fn remark(clock: Res<Clock>, limit: Res<HoursLimit>, bound: Res<Bound>, mut notes: ResMut<Notes>) {
    if clock.step == clock.steps {
        notes.add(format!("{} workers at {} hours", bound.0, limit.0));
    }
}

fn main() -> fisc::Result<()> {
    let settings = [
        r#"compare.planners=["us-2024", "saez-static"]"#.to_owned(),
        "record.workers_every=0".to_owned(),
    ];
    let scenario = scenario::load("scenarios/rational.toml".as_ref(), &settings)?;
    let free = Simulation::new(scenario)?;
    let limited = free.clone().add_plugins(HoursLimit(48.0));

    // `optimal` plans for workers without the limit; `saez-static` sees the incomes under it.
    let (without, _) = free.play(BTreeMap::new(), &|_| {})?;
    let (with, _) = limited.play(BTreeMap::new(), &|_| {})?;
    for (a, b) in without.iter().zip(&with) {
        let welfare = |arm: &fisc::run::ArmResult| arm.years.last().map_or(f64::NAN, |y| y.welfare);
        let note = b.notes.last().map_or("", String::as_str);
        println!(
            "{:12} welfare {:8.1} -> {:8.1} $/year, {note}",
            a.arm,
            welfare(a),
            welfare(b)
        );
    }
    Ok(())
}
