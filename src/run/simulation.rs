//! All arms of a scenario on the same population and the same random streams.

use super::arm::{self, ArmResult};
use super::personas;
use crate::error::{Error, Result};
use crate::fiscal::Society;
use crate::fiscal::frictions::Friction;
use crate::fiscal::motives::Stage;
use crate::fiscal::optimum::{Constraints, check_reach};
use crate::llm::{Engine, Prompts};
use crate::population::{self, Person, Persona};
use crate::random::Streams;
use crate::scenario::{Decide, Memory, Motive, PlannerKind, Scenario, Source, WorkerGroup};
use crate::world;
use crate::world::asking::{Models, PROMPTS, PromptBook};
use crate::world::elections;
use crate::world::workers::{Chooses, GroupTraits, Tastes, assign_groups, closed_form_counterpart};
use bevy_app::{App, Plugin};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// A step of some arm is done.
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// Most rows that `workers.parquet` may have; more needs `record.workers_every`.
pub const WORKER_ROWS_MAX: u64 = 20_000_000;

/// Most serving workers times workers where welfare is not separable.
pub const SERVICE_MAX: usize = 1_000_000;

/// The same beside a planner that evaluates thousands of schedules.
pub const SERVICE_MAX_SEARCHED: usize = 1_000;

fn chooses(group: &WorkerGroup) -> Chooses {
    match &group.decide {
        Decide::Rational if group.motive != Motive::Own => Chooses::Serving(group.motive),
        Decide::Rational => Chooses::Rational,
        Decide::Fixed { hours } => Chooses::Fixed(*hours),
        Decide::Logit { scale } => Chooses::Logit(*scale),
        Decide::Adaptive { step } => Chooses::Adaptive(*step),
        Decide::Llm { .. } => Chooses::Language,
        Decide::Distil { .. } => Chooses::Distilled,
    }
}

/// What keeps each worker from its smooth best response. Fixed costs are drawn by worker, so that a
/// worker's cost does not depend on the population around it.
fn frictions(scenario: &Scenario, people: &[Person], groups: &[u32]) -> Vec<Friction> {
    let streams = Streams::new(scenario.seed, "fixed cost");
    (people.iter().zip(groups))
        .map(|(person, &group)| {
            let group = &scenario.workers[group as usize];
            let mut rng = streams.at(u64::from(person.id), 0);
            Friction {
                fixed_cost: group.fixed_cost.draw(&mut rng),
                hours_step: group.hours_step,
                adjustment_cost: group.adjustment_cost,
                before: None,
            }
        })
        .collect()
}

type Extension = Arc<dyn Fn(&mut App) + Send + Sync>;

/// A scenario with its population, ready to be played.
#[derive(Clone)]
pub struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) people: Arc<Vec<Person>>,
    /// What prompts may say of each worker.
    pub(super) shown: Arc<Vec<Option<Persona>>>,
    pub(super) groups: Arc<Vec<u32>>,
    pub(super) traits: Arc<Vec<GroupTraits>>,
    /// By worker.
    pub(super) frictions: Arc<Vec<Friction>>,
    /// What full-information planners must obey.
    pub(super) constraints: Constraints,
    pub(super) counterpart: Arc<Society>,
    pub(super) prompts: PromptBook,
    pub(super) extensions: Vec<Extension>,
}

impl Simulation {
    /// Draws the population of `scenario`.
    ///
    /// # Errors
    /// Wrong input in a file of wages, personas or prompts; too many rows to record.
    pub fn new(scenario: Scenario) -> Result<Self> {
        let spec = &scenario.population;
        let people = population::draw(spec, scenario.economy.weeks_per_year, scenario.seed)?;
        let shares: Vec<f64> = scenario.workers.iter().map(|group| group.share).collect();
        let groups = assign_groups(&shares, people.len());
        for (index, group) in scenario.workers.iter().enumerate() {
            if !groups.contains(&(index as u32)) {
                return Err(Error::input(format!(
                    "`workers.{index}.share`: the group has no worker"
                ))
                .value(format!("{} of {} workers", group.share, people.len()))
                .allowed("a larger share, or a larger population.size"));
            }
        }
        let traits: Vec<GroupTraits> = scenario
            .workers
            .iter()
            .map(|group| GroupTraits {
                chooses: chooses(group),
                tastes: group.tastes(&scenario.economy),
                dissatisfied: group.bounded.then_some(group.dissatisfied),
                remembers: matches!(&group.decide, Decide::Llm { memory, .. } if *memory != Memory::Last(0)),
            })
            .collect();
        let frictions = frictions(&scenario, &people, &groups);
        let counterpart = closed_form_counterpart(
            &scenario.economy,
            &scenario.objective,
            &people,
            &groups,
            &traits,
            &frictions,
        )
        .settled_under(&scenario.taxes.initial);
        let constraints = scenario
            .limits
            .constraints(scenario.taxes.allow_subsidy, &counterpart)?;
        let shown = people
            .iter()
            .map(|person| Some(person.persona.as_deref()?.without(&scenario.blind)))
            .collect();
        let prompts = Prompts::new(&PROMPTS, scenario.prompts.as_deref())?;
        let simulation = Simulation {
            shown: Arc::new(shown),
            people: Arc::new(people),
            groups: Arc::new(groups),
            traits: Arc::new(traits),
            frictions: Arc::new(frictions),
            constraints,
            counterpart: Arc::new(counterpart),
            prompts: PromptBook(Arc::new(prompts)),
            extensions: Vec::new(),
            scenario,
        };
        simulation.check_revenue()?;
        simulation.check_rows()?;
        simulation.check_motives()?;
        simulation.check_elections()?;
        simulation.check_prompts()?;
        Ok(simulation)
    }

    /// Adds a user's plugin to the world of every arm.
    #[must_use]
    pub fn add_plugins(mut self, plugin: impl Plugin + Clone) -> Self {
        let plugin = Mutex::new(plugin);
        self.extensions.push(Arc::new(move |app: &mut App| {
            let plugin = plugin
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .clone();
            app.add_plugins(plugin);
        }));
        self
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The workers, in order of id.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// The workers with what prompts may say of each, and the index of its group.
    pub fn members(&self) -> impl Iterator<Item = (&Person, Option<&Persona>, u32)> {
        let people = self.people.iter().zip(self.shown.iter());
        people
            .zip(self.groups.iter())
            .map(|((person, shown), group)| (person, shown.as_ref(), *group))
    }

    /// The templates of this scenario.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts.0
    }

    /// What full-information planners must obey.
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// The same population in closed form.
    pub fn counterpart(&self) -> &Society {
        &self.counterpart
    }

    /// Planners of the arms: the scenario's own first, each once.
    pub fn arms(&self) -> Vec<&PlannerKind> {
        let mut arms: Vec<&PlannerKind> = Vec::new();
        for kind in std::iter::once(&self.scenario.planner).chain(&self.scenario.compare) {
            if !arms.iter().any(|known| known.arm() == kind.arm()) {
                arms.push(kind);
            }
        }
        arms
    }

    /// Names of the models that some worker or planner asks.
    pub fn models_asked(&self) -> BTreeSet<&str> {
        self.scenario.models_asked()
    }

    /// Plays all arms with the given `engines` (one for each model asked).
    ///
    /// Arms without language models run in parallel; each is the same for any number of threads.
    ///
    /// # Errors
    /// An identity that does not hold, a model that fails.
    pub fn play(
        &self,
        engines: BTreeMap<String, Engine>,
        progress: Progress,
    ) -> Result<(Vec<ArmResult>, BTreeMap<String, Engine>)> {
        let asks = !self.models_asked().is_empty();
        let models = Models(Arc::new(Mutex::new(engines)));
        let arms = self.arms();
        let (written, mut portraits) = personas::written(self, &models)?;
        let simulation = written.as_ref().unwrap_or(self);
        let play = |kind: &&PlannerKind| {
            arm::play(simulation, kind, &models, progress)
                .map_err(|error| error.context(format!("arm {}", kind.arm())))
        };
        let results: Result<Vec<ArmResult>> = if asks {
            arms.iter().map(play).collect()
        } else {
            // Collected first, so that of several errors the first arm's is reported.
            arms.par_iter()
                .map(play)
                .collect::<Vec<_>>()
                .into_iter()
                .collect()
        };
        let engines = std::mem::take(&mut *models.lock());
        let mut results = results?;
        // Personas are written once, before the first arm.
        if let Some(first) = results.first_mut() {
            portraits.append(&mut first.decisions);
            first.decisions = portraits;
        }
        Ok((results, engines))
    }

    /// A template that cannot be filled in is wrong input, not a failure in the middle of a run.
    fn check_prompts(&self) -> Result<()> {
        let scenario = &self.scenario;
        let initial = &scenario.taxes.initial;
        let prompts = &self.prompts.0;
        if self
            .traits
            .iter()
            .any(|group| matches!(group.chooses, Chooses::Language | Chooses::Distilled))
        {
            let persona = self.shown.iter().find_map(Option::as_ref);
            let objective = &scenario.objective;
            let economy = &scenario.economy;
            world::language::check_prompt(prompts, economy, initial, objective, persona)?;
            world::satisfaction::check_prompt(prompts, initial, persona)?;
            if let (Some(_), Some(_)) = (&scenario.persona_writer, persona) {
                prompts.render(personas::TEMPLATE, personas::Portrait { persona })?;
            }
        }
        if self
            .arms()
            .iter()
            .any(|kind| matches!(kind, PlannerKind::Llm(_)))
        {
            world::planners::language::check_prompt(prompts, initial)?;
        }
        let source = &scenario.preferences.source;
        if scenario.learns() && !matches!(source, Source::Utility { .. } | Source::File { .. }) {
            world::rating::check_prompts(prompts, initial)?;
        }
        if scenario.voice().is_some() {
            world::judging::check_prompts(prompts)?;
        }
        if scenario.models.values().any(|model| model.think > 0) {
            world::thinking::turns(prompts)?;
        }
        Ok(())
    }

    /// The society in which best responses are found jointly, where they must be.
    pub(super) fn joint(&self) -> Option<Society> {
        let tastes = Tastes(self.traits.iter().map(|group| group.tastes).collect());
        let serving = |group: &GroupTraits| matches!(group.chooses, Chooses::Serving(_));
        let frictionless = self.frictions.iter().all(Friction::is_none);
        if tastes.shared().is_some() && !self.traits.iter().any(serving) && frictionless {
            return None;
        }
        // Whose hours are neither rational nor serving is told afresh in every step.
        let told: Vec<GroupTraits> = self
            .traits
            .iter()
            .map(|group| GroupTraits {
                chooses: match group.chooses {
                    Chooses::Rational | Chooses::Serving(_) => group.chooses,
                    _ => Chooses::Fixed(0.0),
                },
                dissatisfied: None,
                remembers: false,
                ..*group
            })
            .collect();
        let scenario = &self.scenario;
        let joint = closed_form_counterpart(
            &scenario.economy,
            &scenario.objective,
            &self.people,
            &self.groups,
            &told,
            &self.frictions,
        );
        Some(joint.settled_under(&scenario.taxes.initial))
    }

    fn check_elections(&self) -> Result<()> {
        if !self.scenario.elects() {
            return Ok(());
        }
        let scenario = &self.scenario;
        let years = scenario.steps / scenario.tax_year;
        let held = u64::from(years.div_ceil(scenario.voting.every));
        let arms = self.arms();
        let electing = arms
            .iter()
            .filter(|k| matches!(k, PlannerKind::Elected { .. }));
        elections::check_size(
            &arm::candidates(scenario)?,
            self.people.len(),
            held * electing.count() as u64,
        )?;
        elections::check_prompts(&self.prompts.0, &scenario.taxes.initial)
    }

    /// Welfare that is not separable is computed anew for every hour that a serving worker tries.
    fn check_motives(&self) -> Result<()> {
        let scenario = &self.scenario;
        let serving = self.counterpart.serving_workers();
        if serving == 0 || Stage::is_separable(&scenario.objective, &scenario.economy) {
            return Ok(());
        }
        let searching = self.arms().into_iter().any(|kind| {
            matches!(
                kind,
                PlannerKind::Optimal
                    | PlannerKind::Flat { rate: None }
                    | PlannerKind::SaezFixedPoint { .. }
            )
        });
        let most = if searching {
            SERVICE_MAX_SEARCHED
        } else {
            SERVICE_MAX
        };
        if serving * self.counterpart.len() > most {
            return Err(Error::input(
                "`workers.motive`: too many workers to search hours for or against this welfare",
            )
            .value(format!(
                "{serving} altruistic or adversarial workers among {}, objective {}",
                self.counterpart.len(),
                scenario.objective.name()
            ))
            .allowed(format!(
                "at most {most} in product{}; or `utilitarian`, `inverse_wage` or `pareto` under quasilinear utility, which need no such search",
                if searching {
                    " beside a planner that searches with full information"
                } else {
                    ""
                }
            )));
        }
        Ok(())
    }

    /// A revenue that nobody can raise is wrong input, not a failure in the middle of a run.
    fn check_revenue(&self) -> Result<()> {
        for kind in self.arms() {
            let edges = match kind {
                PlannerKind::Optimal => &self.scenario.taxes.edges[..],
                PlannerKind::Flat { rate: None } => &[0.0],
                _ => continue,
            };
            let objective = &self.scenario.objective;
            check_reach(&self.counterpart, edges, objective, &self.constraints)?;
        }
        Ok(())
    }

    fn check_rows(&self) -> Result<()> {
        let every = self.scenario.record.workers_every;
        if every == 0 {
            return Ok(());
        }
        let steps = u64::from(self.scenario.steps.div_ceil(every));
        let rows = steps * self.people.len() as u64 * self.arms().len() as u64;
        if rows > WORKER_ROWS_MAX {
            return Err(
                Error::input("`record.workers_every`: workers.parquet would be too large")
                    .value(format!("{rows} rows (workers × recorded steps × arms)"))
                    .allowed(format!(
                        "at most {WORKER_ROWS_MAX} rows: record every so many steps, or never (0)"
                    )),
            );
        }
        Ok(())
    }
}
