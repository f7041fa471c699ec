//! All arms of a scenario on the same population and the same random streams.

use super::arm::{self, ArmResult};
use crate::error::{Error, Result};
use crate::fiscal::Society;
use crate::llm::{Engine, Prompts};
use crate::population::{self, Person};
use crate::scenario::{Decide, PlannerKind, Scenario};
use crate::world;
use crate::world::language::{Models, PROMPTS, PromptBook};
use crate::world::workers::{Chooses, assign_groups, closed_form_counterpart};
use bevy_app::{App, Plugin};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// A step of some arm is done.
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// Most rows that `workers.parquet` may have; more needs `record.workers_every`.
pub const WORKER_ROWS_MAX: u64 = 20_000_000;

type Extension = Arc<dyn Fn(&mut App) + Send + Sync>;

/// A scenario with its population, ready to be played.
#[derive(Clone)]
pub struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) people: Arc<Vec<Person>>,
    pub(super) groups: Arc<Vec<u32>>,
    pub(super) choices: Arc<Vec<Chooses>>,
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
        let choices: Vec<Chooses> = groups
            .iter()
            .map(|&group| match &scenario.workers[group as usize].decide {
                Decide::Rational => Chooses::Rational,
                Decide::Fixed { hours } => Chooses::Fixed(*hours),
                Decide::Llm { .. } => Chooses::Language,
            })
            .collect();
        let counterpart = closed_form_counterpart(&scenario.economy, &people, &choices);
        let prompts = Prompts::new(&PROMPTS, scenario.prompts.as_deref())?;
        let simulation = Simulation {
            people: Arc::new(people),
            groups: Arc::new(groups),
            choices: Arc::new(choices),
            counterpart: Arc::new(counterpart),
            prompts: PromptBook(Arc::new(prompts)),
            extensions: Vec::new(),
            scenario,
        };
        simulation.check_rows()?;
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
        let by_workers = self
            .scenario
            .workers
            .iter()
            .filter_map(|group| match &group.decide {
                Decide::Llm { model, .. } => Some(model.as_str()),
                _ => None,
            });
        let by_planners = self.arms().into_iter().filter_map(|kind| match kind {
            PlannerKind::Llm { model, .. } => Some(model.as_str()),
            _ => None,
        });
        by_workers.chain(by_planners).collect()
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
        let play = |kind: &&PlannerKind| {
            arm::play(self, kind, &models, progress)
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
        Ok((results?, engines))
    }

    /// A template that cannot be filled in is wrong input, not a failure in the middle of a run.
    fn check_prompts(&self) -> Result<()> {
        let scenario = &self.scenario;
        let initial = &scenario.taxes.initial;
        let prompts = &self.prompts.0;
        if self.choices.contains(&Chooses::Language) {
            let persona = self
                .people
                .iter()
                .find_map(|person| person.persona.as_deref());
            world::language::check_prompt(prompts, &scenario.economy, initial, persona)?;
        }
        if self
            .arms()
            .iter()
            .any(|kind| matches!(kind, PlannerKind::Llm { .. }))
        {
            world::planners::language::check_prompt(prompts, initial)?;
        }
        if scenario.models.values().any(|model| model.think > 0) {
            world::thinking::turns(prompts)?;
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
