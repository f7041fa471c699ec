//! One arm: a world with its planner, stepped to the end.

use super::simulation::{Progress, Simulation};
use crate::error::{Error, Result, one_line};
use crate::fiscal::{Objective, Schedule, laws};
use crate::rewards::Situation;
use crate::rewards::program::strictly;
use crate::scenario::comparisons::{self, ComparisonRow, Fitting};
use crate::scenario::{
    Decide, Memory, MemoryJudge, ModelSettings, OnFailure, Pick, PlannerAnswer, PlannerKind,
    Readout, Scenario, Source, Standing, VoiceSpec, WorkerGroup,
};
use crate::world::asking::{Asking, Models};
use crate::world::clock::ClockPlugin;
use crate::world::distilled::{DistilledWorkersPlugin, Teaching};
use crate::world::elections::ballots::BallotsBy;
use crate::world::elections::candidates::Candidates;
use crate::world::elections::{Elections, Held, HeldElections};
use crate::world::frictions::FrictionsPlugin;
use crate::world::habits::HabitsPlugin;
use crate::world::judging::VoicePlugin;
use crate::world::language::{ChoiceRule, GroupAsking, LanguageWorkersPlugin};
use crate::world::learning::{
    PlannerReward, PreferencesPlugin, Raters, RecordedComparison, RecordedComparisons,
    RewardPlugin, RewardRow, RewardRows,
};
use crate::world::planners::given::GivenPlanner;
use crate::world::planners::informed::InformedPlanner;
use crate::world::planners::language::{Answers, LanguagePlanner};
use crate::world::planners::observing::ObservingPlanner;
use crate::world::planners::policy::PolicyPlanner;
use crate::world::planners::pursuing::PursuingPlanner;
use crate::world::planners::search::SearchPlanner;
use crate::world::planners::{Counterpart, TaxRules};
use crate::world::rating::Questions;
use crate::world::recall::{Judge, Recall, Useful};
use crate::world::record::{
    AllWorkers, Decision, Decisions, FlatPanel, FlooredWorkers, RecordPlugin, Row, Steps,
    WorkerRows, Years,
};
use crate::world::satisfaction::SatisfactionPlugin;
use crate::world::treasury::{Treasury, TreasuryPlugin};
use crate::world::workers::{ClosedFormPlugin, spawn};
use crate::world::{
    CurrentSchedule, EconomyConstants, Failure, Notes, PhasePlugin, PlannerObjective, Seed, Step,
};
use bevy_app::{App, Plugin};
use bevy_ecs::schedule::SingleThreadedExecutor;
use bevy_ecs::system::{Res, SystemState};
use bevy_ecs::world::World;
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that one arm leaves behind.
#[derive(Clone, Debug)]
pub struct ArmResult {
    /// Name of the arm: the planner's.
    pub arm: String,
    /// Every step.
    pub steps: Vec<Row>,
    /// Every tax year.
    pub years: Vec<Row>,
    /// Workers at the recorded steps.
    pub workers: WorkerRows,
    /// Decisions of language models.
    pub decisions: Vec<Decision>,
    /// Elections.
    pub elections: Vec<Held>,
    /// Remarks.
    pub notes: Vec<String>,
    /// Rewards of its tax years, where the planner pursues a reward of its own.
    pub rewards: Vec<RewardRow>,
    /// Comparisons that were made or read.
    pub comparisons: Vec<RecordedComparison>,
    /// Largest relative violation of an identity.
    pub residual: f64,
}

/// Objectives recorded in every run: all with their defaults, the scenario's own parameters
/// taking the place of the default ones.
pub fn recorded_objectives(own: &Objective) -> Vec<Objective> {
    let mut all = Objective::defaults();
    match all
        .iter_mut()
        .find(|objective| objective.name() == own.name())
    {
        Some(same) => *same = own.clone(),
        None => all.push(own.clone()),
    }
    all
}

/// Something that is added to an arm's world: a plugin with its settings.
pub type Mechanism = Box<dyn FnOnce(&mut App)>;

fn mechanism(plugin: impl Plugin) -> Mechanism {
    Box::new(move |app| {
        app.add_plugins(plugin);
    })
}

/// The mechanisms of one arm. Their order does not matter: what must come first says so by its
/// [`Phase`](crate::world::Phase).
///
/// # Errors
/// A planner or a group of workers that cannot be set up.
pub fn mechanisms(simulation: &Simulation, kind: &PlannerKind) -> Result<Vec<Mechanism>> {
    let scenario = &simulation.scenario;
    let mut all = vec![
        mechanism(ClockPlugin {
            steps: scenario.steps,
            tax_year: scenario.tax_year,
        }),
        mechanism(ClosedFormPlugin {
            joint: simulation.joint(),
        }),
        mechanism(FrictionsPlugin),
        mechanism(HabitsPlugin),
        mechanism(SatisfactionPlugin {
            asking: satisfaction_by_group(scenario)?,
        }),
        mechanism(TreasuryPlugin),
        mechanism(RecordPlugin {
            objectives: recorded_objectives(&scenario.objective),
            workers_every: scenario.record.workers_every,
        }),
        planner(scenario, kind)?,
    ];
    if scenario
        .workers
        .iter()
        .any(|group| matches!(group.decide, Decide::Llm { .. }))
    {
        all.push(mechanism(LanguageWorkersPlugin {
            asking: asking_by_group(scenario)?,
        }));
    }
    if scenario
        .workers
        .iter()
        .any(|group| matches!(group.decide, Decide::Distil { .. }))
    {
        all.push(mechanism(DistilledWorkersPlugin {
            teaching: teaching_by_group(scenario)?,
        }));
    }
    // Planners that pursue the objective have no use for what is learned, which costs time.
    if let Some(spec) = scenario.reward.as_ref().filter(|_| kind.pursues_reward()) {
        if let Some(VoiceSpec { model, line }) = &spec.voice {
            let asked = asking(model, settings(scenario, model)?);
            all.push(mechanism(VoicePlugin {
                line: line.clone(),
                asking: BTreeMap::from([(model.clone(), asked)]),
                personas: simulation.shown.clone(),
            }));
        }
        all.push(mechanism(RewardPlugin::boxed(spec.reward.clone())));
        if scenario.learns() {
            all.push(mechanism(learning(scenario, simulation.people.len())?));
        }
    }
    for extend in &simulation.extensions {
        let extend = extend.clone();
        all.push(Box::new(move |app| extend(app)));
    }
    Ok(all)
}

/// How the scenario's preferences are learned.
///
/// # Errors
/// A file of comparisons that cannot be read.
pub fn learning(scenario: &Scenario, workers: usize) -> Result<PreferencesPlugin> {
    let preferences = &scenario.preferences;
    let asked_by = |model: &str| Ok(asking(model, settings(scenario, model)?));
    let asked = |questions: Questions| Raters::Asked {
        questions,
        shown: preferences.features,
    };
    Ok(PreferencesPlugin {
        raters: match &preferences.source {
            Source::Utility {
                answers,
                equality,
                cycle,
            } => Raters::Utility {
                answers: answers.clone(),
                equality: equality.clone(),
                cycle: *cycle,
            },
            Source::Choice { model } => asked(Questions::Choice(asked_by(model)?)),
            Source::Ballots { candidates, polls } => asked(Questions::Ballots {
                by: ballots_by(scenario)?,
                candidates: *candidates,
                polls: *polls,
            }),
            Source::Statements { model, max_tokens } => asked(Questions::Statements {
                asking: asked_by(model)?,
                max_tokens: *max_tokens,
            }),
            Source::Matched { model, candidates } => asked(Questions::Matched {
                asking: asked_by(model)?,
                candidates: *candidates,
            }),
            Source::File { path } => Raters::Given(given(path, scenario, workers)?),
        },
        comparisons: preferences.comparisons,
        schedules: preferences.schedules,
        years: preferences.years,
        held_out: preferences.held_out,
    })
}

fn given(path: &Path, scenario: &Scenario, workers: usize) -> Result<Vec<RecordedComparison>> {
    let fitting = Fitting {
        workers,
        taxes: &scenario.taxes,
        features: scenario.preferences.features,
    };
    let recorded = |row: ComparisonRow| RecordedComparison {
        year: 1,
        rater: row.rater,
        a: row.a,
        b: row.b,
        outcome: row.outcome,
        weight: row.weight,
        context: row.context,
        aspect: row.aspect,
        rationale: row.rationale,
        group: row.group,
    };
    let rows = comparisons::read(path, fitting)?;
    Ok(rows.into_iter().map(recorded).collect())
}

/// The world of one arm before its first step.
pub fn assemble(simulation: &Simulation, mechanisms: Vec<Mechanism>, models: &Models) -> App {
    let scenario = &simulation.scenario;
    let mut app = App::empty();
    app.add_plugins(PhasePlugin)
        .insert_resource(EconomyConstants(scenario.economy))
        .insert_resource(PlannerObjective(scenario.objective.clone()))
        .insert_resource(CurrentSchedule(scenario.taxes.initial.clone()))
        .insert_resource(Seed(scenario.seed))
        .insert_resource(TaxRules {
            initial: scenario.taxes.initial.clone(),
            allow_subsidy: scenario.taxes.allow_subsidy,
            constraints: simulation.constraints,
        })
        .insert_resource(Counterpart(simulation.counterpart.clone()))
        .insert_resource(models.clone())
        .insert_resource(simulation.prompts.clone());
    for add in mechanisms {
        add(&mut app);
    }
    // A step is short and its systems share nearly all data; parallelism is inside them.
    app.edit_schedule(Step, |schedule| {
        schedule.set_executor(SingleThreadedExecutor::new());
    });
    spawn(
        app.world_mut(),
        &simulation.people,
        &simulation.shown,
        &simulation.groups,
        &simulation.traits,
        &simulation.frictions,
    );
    app
}

/// Plays one arm to the end.
///
/// # Errors
/// An identity that does not hold, a model that fails, a learned reward without anything to learn from.
pub fn play(
    simulation: &Simulation,
    kind: &PlannerKind,
    models: &Models,
    progress: Progress,
) -> Result<ArmResult> {
    let mut app = assemble(simulation, mechanisms(simulation, kind)?, models);
    if kind.pursues_reward() {
        check_learned(app.world_mut())?;
    }
    run_to_end(simulation, app, kind.arm(), progress)
}

/// A learned reward of one's own needs somebody who is asked.
fn check_learned(world: &mut World) -> Result<()> {
    let asks = world.contains_resource::<PreferencesPlugin>();
    let mut unfitted = false;
    if let Some(mut reward) = world.get_resource_mut::<PlannerReward>() {
        (reward.reward).visit_learned(&mut |learned| unfitted |= !learned.fitted);
    }
    match unfitted && !asks {
        true => Err(
            Error::input("a reward that is still to be learned, and nobody is asked")
                .value("a plugin with a `Learned` that is not fitted")
                .allowed("a scenario with [reward] kind = \"learned\", or `PreferencesPlugin` too"),
        ),
        false => Ok(()),
    }
}

/// Steps an assembled world to the end of the run.
///
/// # Errors
/// As [`play`].
pub fn run_to_end(
    simulation: &Simulation,
    mut app: App,
    arm: String,
    progress: Progress,
) -> Result<ArmResult> {
    for _ in 0..simulation.scenario.steps {
        step(&mut app)?;
        progress(&arm);
    }
    Ok(harvest(app, arm, &simulation.scenario))
}

/// Runs one period.
///
/// # Errors
/// The first error that a system raised.
pub fn step(app: &mut App) -> Result<()> {
    if let Some(models) = app.world().get_resource::<Models>() {
        models.begin_step();
    }
    app.world_mut().run_schedule(Step);
    app.world_mut()
        .resource_mut::<Failure>()
        .take()
        .map_or(Ok(()), Err)
}

fn harvest(mut app: App, arm: String, scenario: &Scenario) -> ArmResult {
    let world = app.world_mut();
    let mut notes = std::mem::take(&mut world.resource_mut::<Notes>().0);
    let floored = world.resource::<FlooredWorkers>().0;
    if floored > 0 {
        notes.push(format!(
            "{floored} of {} worker-steps had less than 1 $/year and were counted as 1 $/year under {}: these few can decide its welfare and what is attained",
            u64::from(scenario.steps) * scenario.population.size as u64,
            scenario.objective.name()
        ));
    }
    if let Some(error) = failure_of_reward(world) {
        notes.push(format!(
            "the reward fails at the last schedule, which stands for what failures are worth: {}",
            one_line(&error.to_string())
        ));
    }
    ArmResult {
        arm,
        steps: std::mem::take(&mut world.resource_mut::<Steps>().0),
        years: std::mem::take(&mut world.resource_mut::<Years>().0),
        workers: std::mem::take(&mut *world.resource_mut::<WorkerRows>()),
        decisions: std::mem::take(&mut world.resource_mut::<Decisions>().0),
        elections: std::mem::take(&mut world.resource_mut::<HeldElections>().0),
        notes,
        rewards: take_rewards(world),
        comparisons: take_comparisons(world),
        residual: world.resource::<Treasury>().residual,
    }
}

/// Why the arm's reward fails at what the last step brought, where it does.
fn failure_of_reward(world: &mut World) -> Option<Error> {
    type Read<'w, 's> = (
        AllWorkers<'w, 's>,
        Res<'w, CurrentSchedule>,
        Res<'w, EconomyConstants>,
        Res<'w, Treasury>,
    );
    let reward = world.get_resource::<PlannerReward>()?.reward.clone();
    if !(reward.ready() && reward.pointwise()) {
        return None;
    }
    let mut state = SystemState::<Read>::new(world);
    let (workers, schedule, economy, treasury) = state.get(world).ok()?;
    let mut flat = FlatPanel::default();
    let panel = workers.panel(&mut flat);
    let situation = Situation {
        schedule: &schedule.0,
        economy: &economy.0,
        wage: panel.wage,
        labor: panel.labor,
        income: panel.income,
        tax: panel.tax,
        disposable: panel.disposable,
        utility: panel.utility,
        rebate: treasury.rebate,
    };
    strictly(|| reward.judge(&situation)).err()
}

fn take_rewards(world: &mut World) -> Vec<RewardRow> {
    let rows = world.get_resource_mut::<RewardRows>();
    rows.map_or(Vec::new(), |mut rows| std::mem::take(&mut rows.0))
}

fn take_comparisons(world: &mut World) -> Vec<RecordedComparison> {
    let rows = world.get_resource_mut::<RecordedComparisons>();
    rows.map_or(Vec::new(), |mut rows| std::mem::take(&mut rows.0))
}

fn planner(scenario: &Scenario, kind: &PlannerKind) -> Result<Mechanism> {
    let initial = &scenario.taxes.initial;
    let own_elasticity = scenario.economy.elasticity();
    Ok(match kind {
        PlannerKind::None => mechanism(GivenPlanner(Schedule::zero(initial.edges())?)),
        PlannerKind::Fixed => mechanism(GivenPlanner(initial.clone())),
        PlannerKind::Law(name) => {
            let law = laws::find(name).ok_or_else(|| laws::unknown(name))?;
            mechanism(GivenPlanner(law.clone()))
        }
        PlannerKind::Composed { law, .. } => mechanism(GivenPlanner(law.schedule().clone())),
        PlannerKind::Flat { rate: Some(rate) } => mechanism(GivenPlanner(Schedule::flat(*rate)?)),
        PlannerKind::Flat { rate: None } => mechanism(InformedPlanner::Flat),
        PlannerKind::SaezStatic { elasticity } => mechanism(ObservingPlanner::Static {
            elasticity: elasticity.unwrap_or(own_elasticity),
        }),
        PlannerKind::SaezFixedPoint { elasticity } => mechanism(InformedPlanner::SaezFixedPoint {
            elasticity: elasticity.unwrap_or(own_elasticity),
        }),
        PlannerKind::SaezEstimated => mechanism(ObservingPlanner::Estimated),
        PlannerKind::Optimal => mechanism(InformedPlanner::Optimal),
        PlannerKind::Reward => mechanism(PursuingPlanner {
            schedules: scenario.preferences.schedules,
        }),
        PlannerKind::Policy(spec) => mechanism(PolicyPlanner {
            optimiser: spec.optimiser.clone(),
            candidates: spec.candidates,
            grid: spec.grid,
            told: spec.told,
            played: spec.played,
        }),
        PlannerKind::Llm(planner) => {
            let mut asking = asking(&planner.model, settings(scenario, &planner.model)?);
            asking.attempts = planner.attempts;
            if let Some(temperature) = planner.temperature {
                asking.temperature = temperature;
            }
            mechanism(LanguagePlanner {
                asking,
                proposals: planner.proposals,
                memory: planner.memory,
                best: planner.best,
                hints: planner.hints,
                exploration: planner.exploration,
                answers: match &planner.answer {
                    PlannerAnswer::Rates => Answers::Rates,
                    PlannerAnswer::Steps { points } => Answers::Steps {
                        points: points.clone(),
                    },
                    PlannerAnswer::Moves { points, calibrated } => Answers::Moves {
                        points: points.clone(),
                        calibrated: *calibrated,
                    },
                },
                warm_up: planner.warm_up,
                final_years: planner.final_years,
            })
        }
        PlannerKind::Elected { rule } => {
            let voting = &scenario.voting;
            let asked = |model: &String| Ok(asking(model, settings(scenario, model)?));
            mechanism(Elections {
                every: voting.every,
                candidates: candidates(scenario)?,
                ballots: ballots_by(scenario)?,
                rule: rule.unwrap_or(voting.rule),
                leader: voting.leader.as_ref().map(asked).transpose()?,
            })
        }
        PlannerKind::Search {
            method,
            final_years,
        } => mechanism(SearchPlanner {
            method: method.clone(),
            final_years: *final_years,
        }),
    })
}

/// Who stands in the scenario's elections.
pub(super) fn candidates(scenario: &Scenario) -> Result<Candidates> {
    Ok(match &scenario.voting.candidates {
        Standing::All => Candidates::All,
        Standing::Random { count } => Candidates::Random { count: *count },
        Standing::Flat { step } => Candidates::Flat { step: *step },
        Standing::Nominated {
            model,
            among,
            civil,
        } => Candidates::Nominated {
            asking: asking(model, settings(scenario, model)?),
            among: *among,
            civil: *civil,
        },
    })
}

pub(crate) fn settings<'a>(scenario: &'a Scenario, model: &str) -> Result<&'a ModelSettings> {
    scenario.models.get(model).ok_or_else(|| {
        Error::input("no such model in [models]")
            .value(model)
            .suggest(model, scenario.models.keys().map(String::as_str))
    })
}

pub(crate) fn asking(model: &str, settings: &ModelSettings) -> Asking {
    let (attempts, stop) = match settings.on_failure {
        OnFailure::Retry { attempts } => (attempts, false),
        OnFailure::KeepLast => (1, false),
        OnFailure::Stop => (1, true),
    };
    Asking {
        model: model.to_owned(),
        by_choice: settings.readout == Readout::Choice,
        temperature: settings.temperature,
        top_p: settings.top_p,
        max_tokens: settings.max_tokens as usize,
        think: settings.think as usize,
        attempts,
        stop,
    }
}

fn rule(pick: Pick) -> ChoiceRule {
    match pick {
        Pick::Draw => ChoiceRule::Draw,
        Pick::Mode => ChoiceRule::Mode,
        Pick::Mean => ChoiceRule::Mean,
    }
}

fn teaching_by_group(scenario: &Scenario) -> Result<Vec<Option<Teaching>>> {
    let of = |group: &WorkerGroup| match &group.decide {
        Decide::Distil {
            model,
            choice,
            sample,
            years,
            schedules,
            ridge,
        } => Ok(Some(Teaching {
            group: group.name.clone(),
            asking: asking(model, settings(scenario, model)?),
            rule: rule(*choice),
            motive: group.motive,
            sample: *sample,
            years: *years,
            schedules: *schedules,
            ridge: *ridge,
        })),
        _ => Ok(None),
    };
    scenario.workers.iter().map(of).collect()
}

/// How the scenario's voters vote.
fn ballots_by(scenario: &Scenario) -> Result<BallotsBy> {
    Ok(match &scenario.voting.ballots {
        None => BallotsBy::Utility,
        Some(model) => BallotsBy::Language(asking(model, settings(scenario, model)?)),
    })
}

fn asking_by_group(scenario: &Scenario) -> Result<Vec<Option<GroupAsking>>> {
    let of = |group: &WorkerGroup| match &group.decide {
        Decide::Llm {
            model,
            choice,
            memory,
        } => Ok(Some(GroupAsking {
            asking: asking(model, settings(scenario, model)?),
            rule: rule(*choice),
            memory: match memory {
                Memory::Last(periods) => Recall::Last(*periods),
                Memory::Useful {
                    records,
                    considered,
                    judge,
                } => Recall::Useful(Useful {
                    records: *records,
                    considered: *considered,
                    judge: match *judge {
                        MemoryJudge::Measured => Judge::Measured,
                        MemoryJudge::Listwise { draws } => Judge::Listwise { draws },
                        MemoryJudge::Distilled { sample, years } => {
                            Judge::Distilled { sample, years }
                        }
                    },
                }),
            },
            motive: group.motive,
        })),
        _ => Ok(None),
    };
    scenario.workers.iter().map(of).collect()
}

fn satisfaction_by_group(scenario: &Scenario) -> Result<Vec<Option<Asking>>> {
    let of = |group: &WorkerGroup| match &group.decide {
        Decide::Llm { model, .. } if group.bounded => {
            Ok(Some(asking(model, settings(scenario, model)?)))
        }
        _ => Ok(None),
    };
    scenario.workers.iter().map(of).collect()
}
