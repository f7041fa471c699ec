//! Rewards that planners pursue in place of the objective, and preferences learned for them.
//!
//! At the end of every tax year, in [`Phase::Learn`]: the year's mean situation is formed, raters
//! are asked and the preference model is fitted ([`PreferencesPlugin`]), and the year is judged
//! ([`RewardPlugin`]). A reward or a preference model of one's own enters by
//!
//! ```no_run
//! # use fisc::rewards::{Judged, Reward, Situation};
//! # #[derive(Clone, Debug)] struct Mine;
//! # impl Reward for Mine {
//! #     fn judge(&self, s: &Situation) -> fisc::Result<Judged> { Ok(Judged::plain(s.rebate)) }
//! #     fn boxed(&self) -> Box<dyn Reward> { Box::new(self.clone()) }
//! # }
//! use fisc::world::learning::RewardPlugin;
//! # let simulation: fisc::run::Simulation = todo!();
//! let simulation = simulation.add_plugins(RewardPlugin::new(Mine));
//! ```

use super::clock::end_of_tax_year;
use super::planners::{Counterpart, TaxRules};
use super::rating::{Questions, ask_raters};
use super::record::{AllWorkers, FlatPanel};
use super::treasury::Treasury;
use super::{Clock, CurrentSchedule, EconomyConstants, Failure, Notes, Phase, Seed, Step};
use crate::error::Result;
use crate::fiscal::{Outcome, Schedule as TaxSchedule, Society, inequality};
use crate::preferences::source::{Answer, UtilityAnswers};
use crate::preferences::{
    Comparison, Evaluation, Items, Judgements, View, effective_number, evaluate,
};
use crate::random::Streams;
use crate::rewards::learned::{Features, Learned, Weights};
use crate::rewards::{Reward, Situation};
use crate::search::latin_hypercube;
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rayon::prelude::*;
use std::collections::HashMap;

/// Order inside [`Phase::Learn`] at the end of a tax year.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Learn {
    /// The year's means are formed.
    Observe,
    /// Judgements are collected and models fitted.
    Fit,
    /// The year is judged.
    Judge,
}

/// The reward that planners pursue.
#[derive(Resource, Clone, Debug)]
pub struct PlannerReward {
    /// The reward.
    pub reward: Box<dyn Reward>,
    /// How often it has changed: a planner that has found its maximum looks again after a change.
    pub version: u32,
}

/// The reward of the tax year that has just ended.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct YearReward(pub Option<f64>);

/// A named number of a judged year.
#[derive(Clone, Debug, PartialEq)]
pub struct RewardRow {
    /// Tax year, from 1.
    pub year: u32,
    /// `total`, a part's name, or `bracket_1`, ….
    pub part: String,
    /// Its value.
    pub value: f64,
}

/// All judged years.
#[derive(Resource, Clone, Debug, Default)]
pub struct RewardRows(pub Vec<RewardRow>);

/// A comparison as it is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedComparison {
    /// Tax year after which it was made.
    pub year: u32,
    /// Worker.
    pub rater: u32,
    /// A schedule.
    pub a: TaxSchedule,
    /// Another.
    pub b: TaxSchedule,
    /// 1 when a was preferred.
    pub outcome: f64,
    /// How much it counts.
    pub weight: f64,
    /// Context.
    pub context: u32,
    /// Aspect.
    pub aspect: u32,
    /// What was said.
    pub rationale: Option<String>,
    /// What it was made from together with others, such as a ballot; see
    /// [`Comparison::group`](crate::preferences::Comparison::group).
    pub group: Option<u32>,
}

/// All comparisons so far.
#[derive(Resource, Clone, Debug, Default)]
pub struct RecordedComparisons(pub Vec<RecordedComparison>);

/// Reports of the fitted models, by tax year.
#[derive(Resource, Clone, Debug, Default)]
pub struct Evaluations(pub Vec<(u32, Evaluation)>);

/// Means over the steps of the current tax year, by worker.
#[derive(Resource, Clone, Debug, Default)]
struct YearMeans {
    steps: u32,
    rebate: f64,
    sum: FlatPanel,
}

fn observe(
    workers: AllWorkers,
    treasury: Res<Treasury>,
    mut flat: Local<FlatPanel>,
    clock: Res<Clock>,
    mut means: ResMut<YearMeans>,
) {
    if (clock.step - 1).is_multiple_of(clock.tax_year) {
        *means = YearMeans::default();
    }
    let panel = workers.panel(&mut flat);
    let means = &mut *means;
    means.sum.wage = panel.wage.to_vec();
    for (sum, values) in [
        (&mut means.sum.labor, panel.labor),
        (&mut means.sum.income, panel.income),
        (&mut means.sum.tax, panel.tax),
        (&mut means.sum.disposable, panel.disposable),
        (&mut means.sum.utility, panel.utility),
    ] {
        sum.resize(values.len(), 0.0);
        sum.iter_mut().zip(values).for_each(|(s, x)| *s += x);
    }
    means.rebate += treasury.rebate;
    means.steps += 1;
}

fn close_year(mut means: ResMut<YearMeans>) {
    let means = &mut *means;
    let steps = f64::from(means.steps);
    for column in [
        &mut means.sum.labor,
        &mut means.sum.income,
        &mut means.sum.tax,
        &mut means.sum.disposable,
        &mut means.sum.utility,
    ] {
        column.iter_mut().for_each(|sum| *sum /= steps);
    }
    means.rebate /= steps;
}

#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
fn judge_year(
    clock: Res<Clock>,
    economy: Res<EconomyConstants>,
    schedule: Res<CurrentSchedule>,
    means: Res<YearMeans>,
    mut reward: ResMut<PlannerReward>,
    mut year: ResMut<YearReward>,
    mut rows: ResMut<RewardRows>,
    mut failure: ResMut<Failure>,
) {
    year.0 = Some(f64::NAN);
    if !reward.reward.ready() {
        return;
    }
    let situation = Situation {
        schedule: &schedule.0,
        economy: &economy.0,
        wage: &means.sum.wage,
        labor: &means.sum.labor,
        income: &means.sum.income,
        tax: &means.sum.tax,
        disposable: &means.sum.disposable,
        utility: &means.sum.utility,
        rebate: means.rebate,
    };
    let judged = reward.reward.judge(&situation).and_then(|judged| {
        reward.reward.learn(&situation, &judged)?;
        if reward.reward.learns() {
            reward.version += 1;
        }
        Ok(judged)
    });
    match judged {
        Ok(judged) => {
            year.0 = Some(judged.total);
            let brackets = judged.by_bracket.unwrap_or_default();
            let brackets = (brackets.into_iter().enumerate())
                .map(|(k, value)| (format!("bracket_{}", k + 1), value));
            let all = std::iter::once(("total".to_owned(), judged.total));
            rows.0.extend(
                all.chain(judged.parts)
                    .chain(brackets)
                    .map(|(part, value)| RewardRow {
                        year: clock.year(),
                        part,
                        value,
                    }),
            );
        }
        Err(error) => {
            failure.raise(error.context(format!("the reward of tax year {}", clock.year())))
        }
    }
}

/// A reward that planners pursue and that judges every tax year.
#[derive(Clone, Debug)]
pub struct RewardPlugin(Box<dyn Reward>);

impl RewardPlugin {
    /// With this reward.
    pub fn new(reward: impl Reward + 'static) -> Self {
        RewardPlugin(Box::new(reward))
    }

    /// With this reward.
    pub fn boxed(reward: Box<dyn Reward>) -> Self {
        RewardPlugin(reward)
    }
}

impl Plugin for RewardPlugin {
    fn build(&self, app: &mut App) {
        let replaced = app.world().contains_resource::<PlannerReward>();
        app.insert_resource(PlannerReward {
            reward: self.0.clone(),
            version: 0,
        });
        // The reward of one's own takes the place of the scenario's; its systems stand already.
        if replaced {
            return;
        }
        app.init_resource::<YearMeans>()
            .init_resource::<YearReward>()
            .init_resource::<RewardRows>()
            .init_resource::<RecordedComparisons>()
            .init_resource::<Evaluations>()
            .configure_sets(
                Step,
                (Learn::Observe, Learn::Fit, Learn::Judge)
                    .chain()
                    .in_set(Phase::Learn),
            )
            .add_systems(
                Step,
                (
                    (observe, close_year.run_if(end_of_tax_year))
                        .chain()
                        .in_set(Learn::Observe),
                    judge_year.run_if(end_of_tax_year).in_set(Learn::Judge),
                ),
            );
    }

    fn is_unique(&self) -> bool {
        false
    }
}

/// Where judgements come from.
#[derive(Clone, Debug)]
pub enum Raters {
    /// Workers with a known utility.
    Utility {
        /// How they answer.
        answers: UtilityAnswers,
        /// What a Gini coefficient of 0 instead of 1 is worth to them, by turns.
        equality: Vec<f64>,
        /// Strength of a planted cycle, logits.
        cycle: f64,
    },
    /// Workers who are asked through a language model, or vote.
    Asked {
        /// What they are asked.
        questions: Questions,
        /// What questions show of a schedule.
        shown: Features,
    },
    /// Comparisons that are there already.
    Given(Vec<RecordedComparison>),
}

/// Asks raters after the first tax years and fits the model of every [`Learned`] in the arm's reward
/// to all that they have said.
#[derive(Resource, Clone, Debug)]
pub struct PreferencesPlugin {
    /// Where judgements come from.
    pub raters: Raters,
    /// Comparisons after each asking year.
    pub comparisons: usize,
    /// Schedules that are compared in each.
    pub schedules: usize,
    /// First tax years after which raters are asked.
    pub years: u32,
    /// Share of comparisons on which the model is judged.
    pub held_out: f64,
}

/// The initial schedule and others with its brackets, rates by Latin hypercube over what is allowed;
/// those without an equilibrium are left out.
pub(super) fn candidates(
    rules: &TaxRules,
    society: &Counterpart,
    count: usize,
    seed: u64,
    year: u32,
) -> Vec<(TaxSchedule, Outcome)> {
    let edges = rules.initial.edges();
    let mut rng = Streams::new(seed, "compared schedules").at(0, u64::from(year));
    let (low, high) = (rules.constraints.low, rules.constraints.high);
    let drawn = latin_hypercube(edges.len(), count.saturating_sub(1), &mut rng);
    let drawn = drawn.into_iter().map(|point| {
        let rates: Vec<f64> = point.iter().map(|x| low + (high - low) * x).collect();
        TaxSchedule::of_checked(edges.to_vec(), rules.constraints.nearest(&rates))
    });
    let all: Vec<TaxSchedule> = std::iter::once(rules.initial.clone())
        .chain(drawn)
        .collect();
    outcomes(society, all)
}

pub(super) fn outcomes(
    society: &Counterpart,
    schedules: Vec<TaxSchedule>,
) -> Vec<(TaxSchedule, Outcome)> {
    let society = &society.0;
    (schedules.into_par_iter())
        .map(|schedule| {
            let outcome = society.outcome(&schedule);
            (schedule, outcome)
        })
        .filter(|(_, outcome)| {
            let scale = inequality::mean(&outcome.income).max(1.0);
            outcome.settled && outcome.rebate_gap <= society.equilibrium_tolerance() * scale
        })
        .collect()
}

impl PreferencesPlugin {
    fn answers(
        &self,
        pool: &[(TaxSchedule, Outcome)],
        society: &Society,
        seed: u64,
        year: u32,
    ) -> Vec<RecordedComparison> {
        let Raters::Utility {
            answers,
            equality,
            cycle,
        } = &self.raters
        else {
            return Vec::new();
        };
        let utility: Vec<Vec<f64>> = pool
            .iter()
            .map(|(_, outcome)| {
                let mut disposable = outcome.disposable.clone();
                disposable.sort_unstable_by(f64::total_cmp);
                let equal = 1.0 - inequality::gini(&disposable);
                (0..society.persons())
                    .map(|r| {
                        let own = inequality::mean(&outcome.utility[society.places(r)]);
                        match equality.is_empty() {
                            true => own,
                            false => own + equality[r % equality.len()] * equal,
                        }
                    })
                    .collect()
            })
            .collect();
        let ends = |k: usize| {
            let rates = pool[k].0.rates();
            (rates[0] - 0.5, rates[rates.len() - 1] - 0.5)
        };
        let around = |a: usize, b: usize| {
            let ((xa, ya), (xb, yb)) = (ends(a), ends(b));
            4.0 * cycle * (xa * yb - ya * xb)
        };
        let mut rng = Streams::new(seed, "comparisons").at(0, u64::from(year));
        let told = |answer: Answer| RecordedComparison {
            year,
            rater: answer.rater as u32,
            a: pool[answer.a].0.clone(),
            b: pool[answer.b].0.clone(),
            outcome: f64::from(u8::from(answer.first)),
            weight: 1.0,
            context: 0,
            aspect: 0,
            rationale: None,
            group: None,
        };
        let drawn = answers.draw(&utility, around, self.comparisons, &mut rng);
        drawn.into_iter().map(told).collect()
    }

    /// The comparisons as judgements of feature rows, and what those of each rater are weighted by, if
    /// they are.
    fn judgements(
        learned: &Learned,
        comparisons: &[RecordedComparison],
        economy: &EconomyConstants,
        rules: &TaxRules,
        society: &Counterpart,
    ) -> Result<(Judgements, Option<Vec<f64>>)> {
        let wage = society.0.wage();
        let mut schedules: Vec<TaxSchedule> = Vec::new();
        let mut number: HashMap<String, usize> = HashMap::new();
        let mut of = |schedule: &TaxSchedule| {
            *number.entry(schedule.to_string()).or_insert_with(|| {
                schedules.push(schedule.clone());
                schedules.len() - 1
            })
        };
        let pairs: Vec<(usize, usize)> = comparisons.iter().map(|c| (of(&c.a), of(&c.b))).collect();
        let outcomes: Vec<Outcome> = schedules.par_iter().map(|s| society.0.outcome(s)).collect();
        let situation = |k: usize| Situation::of(&schedules[k], &economy.0, wage, &outcomes[k]);
        let mut items = Items::new(learned.features.names(rules.initial.brackets()), Vec::new())?;
        let mut rows: HashMap<(usize, u32), u32> = HashMap::new();
        let mut row = |k: usize, rater: u32| {
            let shown_to = if learned.features.shared() { 0 } else { rater };
            *(rows.entry((k, shown_to)))
                .or_insert_with(|| items.push(&learned.row(&situation(k), shown_to as usize)))
        };
        // Whose judgement counts how much must be said here where one score is to stand for all. It is
        // no mean of utilities all the same: of raters who differ, a pooled logistic score is nearer to
        // a weighted Borda count over the compared schedules.
        let pooled = learned.features.shared() && learned.model.pools_raters();
        let weights = pooled.then(|| learned.weights(&situation(0)));
        let told: Vec<Comparison> = (comparisons.iter().zip(pairs))
            .map(|(c, (a, b))| Comparison {
                a: row(a, c.rater),
                b: row(b, c.rater),
                outcome: c.outcome,
                weight: c.weight * weights.as_ref().map_or(1.0, |w| w[c.rater as usize]),
                rater: c.rater,
                context: c.context,
                aspect: c.aspect,
                rationale: c.rationale.clone(),
                group: c.group,
            })
            .collect();
        let mut judgements = Judgements::of_comparisons(items, told)?;
        judgements.raters = society.0.persons() as u32;
        Ok((judgements, weights))
    }
}

/// Raters of equal weight below which a pooled score is said to rest on few.
const FEW_RATERS: f64 = 30.0;

/// How a fit went.
#[derive(Debug, Default)]
struct Report {
    /// On what was held out.
    held_out: Option<Evaluation>,
    /// The same with every comparison counted as its rater made it, where raters are weighted.
    unweighted: Option<Evaluation>,
    /// [`effective_number`] of raters, where they are weighted.
    raters: Option<f64>,
    /// Whether the reward is linear in the rates.
    linear_in_rates: bool,
}

impl Report {
    /// What belongs beside the numbers of a fit to `count` comparisons.
    fn notes(&self, count: usize) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(report) = &self.held_out {
            let mut note = format!(
                "{count} comparisons; on {} held out log-loss {:.3} (0.693 knows nothing), accuracy {:.1} %, calibration error {:.3}",
                report.comparisons,
                report.log_loss,
                100.0 * report.accuracy,
                report.calibration_error
            );
            if let Some(alike) = &self.unweighted {
                note += &format!(
                    "; weighted they tell as much as {:.0} of equal weight, and with equal weights log-loss is {:.3}, accuracy {:.1} %",
                    report.effective,
                    alike.log_loss,
                    100.0 * alike.accuracy
                );
            }
            notes.push(note);
        }
        if let Some(raters) = self.raters.filter(|raters| *raters < FEW_RATERS) {
            notes.push(format!(
                "the weights of raters leave a score that rests on as few as {raters:.1} of equal weight: features = \"own\" or a model with a taste for each rater weighs scores, not answers"
            ));
        }
        if self.linear_in_rates {
            notes.push(
                "the reward is linear in the rates, so that each is best as low or as high as it may be: a model with `hidden` units, or other features, can prefer what lies between".to_owned(),
            );
        }
        notes
    }
}

/// What comparisons and schedules mean to a model.
type Context<'a> = (&'a EconomyConstants, &'a TaxRules, &'a Counterpart);

impl PreferencesPlugin {
    /// Fits a reward's model to comparisons, after judging it on those held out; `pool` is what a
    /// model without scores is asked against.
    fn fit(
        &self,
        learned: &mut Learned,
        (comparisons, pool): (&[RecordedComparison], &[(TaxSchedule, Outcome)]),
        (economy, rules, society): Context,
        seed: u64,
    ) -> Result<Report> {
        learned.raters = society.0.persons();
        let (judgements, weights) =
            Self::judgements(learned, comparisons, economy, rules, society)?;
        let (kept, mut held) = judgements.split(self.held_out, seed);
        let mut report = Report::default();
        if !held.comparisons.is_empty() && !kept.comparisons.is_empty() {
            learned.model.fit(&kept, seed)?;
            let evaluated = evaluate(learned.model.as_ref(), &held);
            report.held_out = Some(evaluated).filter(|report| report.comparisons > 0);
        }
        if let Some(weights) = weights.filter(|_| learned.weights != Weights::Equal) {
            let mut by_rater = vec![0.0; weights.len()];
            for c in &judgements.comparisons {
                by_rater[c.rater as usize] += c.weight;
            }
            report.raters = Some(effective_number(by_rater.into_iter()));
            if report.held_out.is_some() {
                for c in &mut held.comparisons {
                    c.weight /= weights[c.rater as usize];
                }
                report.unweighted = Some(evaluate(learned.model.as_ref(), &held));
            }
        }
        learned.model.fit(&judgements, seed)?;
        learned.pool = Vec::new();
        if learned
            .model
            .score(judgements.items.row(0), View::of_rater(0))
            .is_none()
        {
            let raters = if learned.features.shared() {
                1
            } else {
                learned.raters
            };
            let row = |(schedule, outcome): &(TaxSchedule, Outcome), rater: usize| {
                let situation = Situation::of(schedule, &economy.0, society.0.wage(), outcome);
                learned.model.prepared(&learned.row(&situation, rater))
            };
            learned.pool = (0..raters)
                .map(|rater| pool.iter().map(|of| row(of, rater)).collect())
                .collect();
        }
        learned.fitted = true;
        report.linear_in_rates =
            learned.features == Features::Rates && learned.is_linear(&judgements.items);
        Ok(report)
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
fn ask_and_fit(
    clock: Res<Clock>,
    seed: Res<Seed>,
    settings: Res<PreferencesPlugin>,
    economy: Res<EconomyConstants>,
    rules: Res<TaxRules>,
    society: Res<Counterpart>,
    mut recorded: ResMut<RecordedComparisons>,
    mut evaluations: ResMut<Evaluations>,
    mut reward: ResMut<PlannerReward>,
    mut notes: ResMut<Notes>,
    mut failure: ResMut<Failure>,
) {
    let year = clock.year();
    let asked = match settings.raters {
        Raters::Given(_) => year == 1,
        Raters::Utility { .. } | Raters::Asked { .. } => year <= settings.years,
    };
    if !asked {
        return;
    }
    let mut fit = || -> Result<()> {
        let pool = candidates(&rules, &society, settings.schedules, seed.0, year);
        match &settings.raters {
            Raters::Given(given) => recorded.0.clone_from(given),
            Raters::Utility { .. } => {
                let said = settings.answers(&pool, &society.0, seed.0, year);
                recorded.0.extend(said);
            }
            // They have been asked before.
            Raters::Asked { .. } => {}
        }
        if recorded.0.is_empty() {
            notes.add(format!("year {year}: no comparison to learn from"));
            return Ok(());
        }
        reward.version += 1;
        let mut failed = None;
        let data = (&recorded.0[..], &pool[..]);
        reward.reward.visit_learned(&mut |learned| {
            let context = (&*economy, &*rules, &*society);
            match settings.fit(learned, data, context, seed.0) {
                Ok(report) => {
                    for note in report.notes(data.0.len()) {
                        notes.add(format!("year {year}: {note}"));
                    }
                    evaluations
                        .0
                        .extend(report.held_out.map(|report| (year, report)));
                }
                Err(error) => failed = Some(error),
            }
        });
        failed.map_or(Ok(()), Err)
    };
    if let Err(error) = fit() {
        failure.raise(error.context(format!("learning preferences after tax year {year}")));
    }
}

impl Plugin for PreferencesPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.clone()).add_systems(
            Step,
            ask_and_fit
                .run_if(end_of_tax_year)
                .run_if(super::unfailed)
                .in_set(Learn::Fit),
        );
        if matches!(self.raters, Raters::Asked { .. }) {
            app.add_systems(
                Step,
                ask_raters
                    .run_if(end_of_tax_year)
                    .in_set(Phase::Learn)
                    .after(Learn::Observe)
                    .before(Learn::Fit),
            );
        }
    }
}
