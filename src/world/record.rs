//! Statistics of every step and tax year, kept in memory until the run writes them down.

use super::clock::end_of_tax_year;
use super::elections::{HeldElections, Leader};
use super::learning::YearReward;
use super::satisfaction::Bounded;
use super::{
    Account, Clock, CurrentSchedule, Disposable, EconomyConstants, Group, Income, Labor, Phase,
    PlannerObjective, Step, Tax, Utility, Wage, WorkerId, treasury::Treasury,
};
use crate::fiscal::statistics::{self, Panel, Recorded};
use crate::fiscal::{Objective, Schedule as TaxSchedule};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;

/// Flat columns in order of worker id.
#[derive(Clone, Debug, Default)]
pub struct FlatPanel {
    /// $/hour.
    pub wage: Vec<f64>,
    /// Hours per week.
    pub labor: Vec<f64>,
    /// $/year.
    pub income: Vec<f64>,
    /// $/year.
    pub tax: Vec<f64>,
    /// $/year.
    pub disposable: Vec<f64>,
    /// Utility.
    pub utility: Vec<f64>,
}

impl FlatPanel {
    /// As the argument of the statistics.
    pub fn panel(&self) -> Panel<'_> {
        Panel {
            wage: &self.wage,
            labor: &self.labor,
            income: &self.income,
            tax: &self.tax,
            disposable: &self.disposable,
            utility: &self.utility,
        }
    }
}

/// What was decided by language models in one step.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionCount {
    /// Answers asked for.
    pub decisions: u32,
    /// Answers that were not valid.
    pub failures: u32,
}

/// One decision of a language model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Step, from 1.
    pub step: u32,
    /// `worker` or `planner`.
    pub agent: &'static str,
    /// What was asked: `hours`, `memory`, `useful record`, `satisfaction`, `vote`, `platform`, `rewrite`,
    /// `tone`, `persona`, `rates`, `comparison`, `statement` or `signal`.
    pub question: &'static str,
    /// The worker, if one.
    pub worker: Option<u32>,
    /// Model as the scenario names it.
    pub model: String,
    /// `choice` or `sample`.
    pub readout: &'static str,
    /// Key in the transcript, hexadecimal.
    pub key: String,
    /// Attempt, from 0.
    pub attempt: u32,
    /// Hours per week that were chosen.
    pub labor: Option<f64>,
    /// Mean of the model's distribution over hours.
    pub labor_expected: Option<f64>,
    /// Period of the one record that was shown, or was named as the most useful.
    pub record: Option<u32>,
    /// True expected utility of the model's distribution over hours.
    pub utility_expected: Option<f64>,
    /// Probability that the tone is civil.
    pub civil: Option<f64>,
    /// Probability of being satisfied with the tax policy.
    pub satisfied: Option<f64>,
    /// Probability that the schedule named first is preferred.
    pub first: Option<f64>,
    /// Number of the candidate that has the voter's first preference, from 1.
    pub vote: Option<u32>,
    /// Share of the model's probability that fell on admissible answers.
    pub admissible_mass: Option<f64>,
    /// Schedule that was set.
    pub schedule: Option<String>,
    /// What was wrong with the answer.
    pub error: Option<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub answer_tokens: u32,
}

/// All decisions of language models so far.
#[derive(Resource, Clone, Debug, Default)]
pub struct Decisions(pub Vec<Decision>);

/// One step, or the mean over the steps of a tax year.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Step or year, from 1.
    pub time: u32,
    /// Schedule in force.
    pub schedule: TaxSchedule,
    /// Mean tax, $/year per worker.
    pub revenue: f64,
    /// $/year per worker.
    pub rebate: f64,
    /// Welfare under the planner's objective.
    pub welfare: f64,
    /// What the planner pursued: welfare, unless the arm has another reward.
    pub reward: f64,
    /// Welfare under each of [`RecordedObjectives`].
    pub welfare_each: Vec<f64>,
    /// In the order of [`statistics::names`].
    pub statistics: Vec<f64>,
    /// Share of workers at each kink, lowest first.
    pub kink_shares: Vec<f64>,
    /// Elected worker.
    pub leader: Option<u32>,
    /// Answers of language models, summed.
    pub decisions: u32,
    /// Invalid ones, summed.
    pub failures: u32,
}

impl Row {
    /// A statistic by its name in [`statistics::names`]; NaN for an unknown name.
    pub fn statistic(&self, name: &str) -> f64 {
        let position = statistics::names().iter().position(|n| n == name);
        position.map_or(f64::NAN, |i| self.statistics[i])
    }

    /// The tax year made of `steps`: means of amounts, sums of counts, the schedule of its last step.
    fn year(time: u32, steps: &[Row]) -> Option<Row> {
        let last = steps.last()?;
        let n = steps.len() as f64;
        let mean = |get: &dyn Fn(&Row) -> f64| steps.iter().map(get).sum::<f64>() / n;
        let means = |get: &dyn Fn(&Row) -> &Vec<f64>| {
            (0..get(last).len())
                .map(|i| steps.iter().map(|row| get(row)[i]).sum::<f64>() / n)
                .collect()
        };
        Some(Row {
            time,
            schedule: last.schedule.clone(),
            revenue: mean(&|row| row.revenue),
            rebate: mean(&|row| row.rebate),
            welfare: mean(&|row| row.welfare),
            reward: mean(&|row| row.reward),
            welfare_each: means(&|row| &row.welfare_each),
            statistics: means(&|row| &row.statistics),
            kink_shares: means(&|row| &row.kink_shares),
            leader: last.leader,
            decisions: steps.iter().map(|row| row.decisions).sum(),
            failures: steps.iter().map(|row| row.failures).sum(),
        })
    }
}

/// Every step so far.
#[derive(Resource, Clone, Debug, Default)]
pub struct Steps(pub Vec<Row>);

/// Every completed tax year so far; what planners learn from.
#[derive(Resource, Clone, Debug, Default)]
pub struct Years(pub Vec<Row>);

/// Objectives under which welfare is recorded, besides the planner's.
#[derive(Resource, Clone, Debug)]
pub struct RecordedObjectives(pub Vec<Objective>);

/// Workers' rows of the recorded steps, columns of equal length.
#[derive(Resource, Clone, Debug, Default)]
pub struct WorkerRows {
    /// Record every so many steps; 0 never.
    pub every: u32,
    /// Step of each row.
    pub step: Vec<u32>,
    /// Rebate of each row, $/year.
    pub rebate: Vec<f64>,
    /// Index of the `[[workers]]` group of each row.
    pub group: Vec<u32>,
    /// Probability of being satisfied with the tax policy of each row; NaN where it does not matter.
    pub satisfied: Vec<f64>,
    /// The other columns; rows of one step follow in order of worker id.
    pub panel: FlatPanel,
}

type WorkerRow<'a> = (
    &'a WorkerId,
    &'a Group,
    &'a Wage,
    &'a Labor,
    &'a Income,
    &'a Tax,
    &'a Disposable,
    &'a Utility,
);

/// All workers, read as flat columns in order of worker id.
#[derive(bevy_ecs::system::SystemParam)]
pub struct AllWorkers<'w, 's> {
    workers: Query<'w, 's, WorkerRow<'static>>,
}

impl AllWorkers<'_, '_> {
    /// The columns: those of the world itself where all workers lie in one table in order of id
    /// (one group of workers), else copied into `flat`.
    pub fn panel<'a>(&'a self, flat: &'a mut FlatPanel) -> Panel<'a> {
        let tables = || {
            self.workers
                .contiguous_iter()
                .expect("components lie in tables")
        };
        let mut filled = tables().filter(|row| !row.0.is_empty());
        if let (Some(row), None) = (filled.next(), filled.next()) {
            let (id, _, wage, labor, income, tax, disposable, utility) = row;
            if consecutive(id) {
                return Panel {
                    wage: super::workers::flat(wage),
                    labor: super::workers::flat(labor),
                    income: super::workers::flat(income),
                    tax: super::workers::flat(tax),
                    disposable: super::workers::flat(disposable),
                    utility: super::workers::flat(utility),
                };
            }
        }
        let count = self.workers.iter().len();
        for column in [
            &mut flat.wage,
            &mut flat.labor,
            &mut flat.income,
            &mut flat.tax,
            &mut flat.disposable,
            &mut flat.utility,
        ] {
            column.resize(count, 0.0);
        }
        for (id, _, wage, labor, income, tax, disposable, utility) in tables() {
            let place = |column: &mut [f64], values: &[f64]| {
                for (id, value) in id.iter().zip(values) {
                    column[id.0 as usize] = *value;
                }
            };
            place(&mut flat.wage, super::workers::flat(wage));
            place(&mut flat.labor, super::workers::flat(labor));
            place(&mut flat.income, super::workers::flat(income));
            place(&mut flat.tax, super::workers::flat(tax));
            place(&mut flat.disposable, super::workers::flat(disposable));
            place(&mut flat.utility, super::workers::flat(utility));
        }
        flat.panel()
    }

    /// Index of the `[[workers]]` group of each worker.
    pub fn groups(&self) -> Vec<u32> {
        let mut groups = vec![0; self.workers.iter().len()];
        for (id, group, ..) in &self.workers {
            groups[id.0 as usize] = group.0;
        }
        groups
    }
}

/// Whether ids are 0, 1, 2, …; they ascend within a table.
fn consecutive(ids: &[WorkerId]) -> bool {
    match (ids.first(), ids.last()) {
        (Some(first), Some(last)) => first.0 == 0 && last.0 as usize + 1 == ids.len(),
        _ => true,
    }
}

/// The statistics of the current step.
#[derive(Resource, Clone, Debug, Default)]
pub struct StepStatistics {
    recorder: statistics::Recorder,
    recorded: Recorded,
    /// Welfare under the planner's objective.
    welfare: f64,
}

#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
fn take_statistics(
    economy: Res<EconomyConstants>,
    schedule: Res<CurrentSchedule>,
    objective: Res<PlannerObjective>,
    recorded: Res<RecordedObjectives>,
    workers: AllWorkers,
    mut flat: Local<FlatPanel>,
    mut step: ResMut<StepStatistics>,
    mut floored: ResMut<FlooredWorkers>,
) {
    let panel = workers.panel(&mut flat);
    step.recorded = step
        .recorder
        .record(&economy.0, &recorded.0, &schedule.0, &panel);
    step.welfare = match recorded.0.iter().position(|o| *o == objective.0) {
        Some(i) => step.recorded.welfare[i],
        None => objective.0.welfare(&economy.0, &panel.allocation()),
    };
    floored.0 += objective.0.floored(&economy.0, &panel.allocation()) as u64;
}

/// Worker-steps in which the planner's objective had to floor a value (see [`Objective::floored`]).
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct FlooredWorkers(pub u64);

fn record_step(
    clock: Res<Clock>,
    schedule: Res<CurrentSchedule>,
    treasury: Res<Treasury>,
    step: Res<StepStatistics>,
    leader: Res<Leader>,
    mut count: ResMut<DecisionCount>,
    mut steps: ResMut<Steps>,
) {
    let DecisionCount {
        decisions,
        failures,
    } = std::mem::take(&mut *count);
    steps.0.push(Row {
        time: clock.step,
        schedule: schedule.0.clone(),
        revenue: treasury.revenue,
        rebate: treasury.rebate,
        welfare: step.welfare,
        reward: step.welfare,
        welfare_each: step.recorded.welfare.clone(),
        statistics: step.recorded.values.clone(),
        kink_shares: step.recorded.kink_shares.clone(),
        leader: leader.0,
        decisions,
        failures,
    });
}

fn record_workers(
    clock: Res<Clock>,
    treasury: Res<Treasury>,
    workers: AllWorkers,
    bounded: Query<(&WorkerId, &Bounded)>,
    mut flat: Local<FlatPanel>,
    mut rows: ResMut<WorkerRows>,
) {
    if rows.every == 0 || !(clock.step.is_multiple_of(rows.every) || clock.step == clock.steps) {
        return;
    }
    let panel = workers.panel(&mut flat);
    let count = panel.wage.len();
    let rows = &mut *rows;
    rows.step.extend(std::iter::repeat_n(clock.step, count));
    rows.rebate
        .extend(std::iter::repeat_n(treasury.rebate, count));
    rows.group.extend(workers.groups());
    let first = rows.satisfied.len();
    rows.satisfied.extend(std::iter::repeat_n(f64::NAN, count));
    for (id, bounded) in &bounded {
        rows.satisfied[first + id.0 as usize] = bounded.satisfied;
    }
    rows.panel.wage.extend(panel.wage);
    rows.panel.labor.extend(panel.labor);
    rows.panel.income.extend(panel.income);
    rows.panel.tax.extend(panel.tax);
    rows.panel.disposable.extend(panel.disposable);
    rows.panel.utility.extend(panel.utility);
}

fn record_year(
    clock: Res<Clock>,
    steps: Res<Steps>,
    reward: Option<Res<YearReward>>,
    mut years: ResMut<Years>,
) {
    let first = steps.0.len().saturating_sub(clock.tax_year as usize);
    let mut year = Row::year(clock.year(), &steps.0[first..]);
    if let (Some(year), Some(reward)) = (&mut year, reward.and_then(|reward| reward.0)) {
        year.reward = reward;
    }
    years.0.extend(year);
}

/// Statistics in [`Account::Statistics`], rows in [`Phase::Record`].
#[derive(Clone, Debug)]
pub struct RecordPlugin {
    /// Objectives recorded besides the planner's.
    pub objectives: Vec<Objective>,
    /// Record workers every so many steps; 0 never.
    pub workers_every: u32,
}

impl Plugin for RecordPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(RecordedObjectives(self.objectives.clone()))
            .insert_resource(WorkerRows {
                every: self.workers_every,
                ..WorkerRows::default()
            })
            .init_resource::<StepStatistics>()
            .init_resource::<FlooredWorkers>()
            .init_resource::<DecisionCount>()
            .init_resource::<Decisions>()
            .init_resource::<Steps>()
            .init_resource::<Years>()
            .init_resource::<Leader>()
            .init_resource::<HeldElections>()
            .add_systems(Step, take_statistics.in_set(Account::Statistics))
            .add_systems(
                Step,
                (
                    record_step,
                    record_workers,
                    record_year.run_if(end_of_tax_year),
                )
                    .chain()
                    .in_set(Phase::Record),
            );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unequal steps: the year is their mean, not the last one.
    #[test]
    fn a_year_is_the_mean_of_its_steps() {
        let step = |time, x: f64| Row {
            time,
            schedule: TaxSchedule::flat(0.1).unwrap(),
            revenue: x,
            rebate: 2.0 * x,
            welfare: 10.0 * x,
            reward: 10.0 * x,
            welfare_each: vec![x, -x],
            statistics: vec![3.0 * x],
            kink_shares: vec![],
            leader: None,
            decisions: 5,
            failures: 1,
        };
        let year = Row::year(7, &[step(1, 1.0), step(2, 2.0), step(3, 6.0)]).unwrap();
        assert_eq!(
            (year.time, year.revenue, year.rebate, year.welfare),
            (7, 3.0, 6.0, 30.0)
        );
        assert_eq!(
            (year.welfare_each, year.statistics),
            (vec![3.0, -3.0], vec![9.0])
        );
        assert_eq!((year.decisions, year.failures), (15, 3));
        assert!(Row::year(1, &[]).is_none());
    }
}
