//! `policy`: a stochastic policy over a list of schedules, improved from year to year.

use super::{Counterpart, TaxRules};
use crate::error::{Error, Result};
use crate::fiscal::{Outcome, Schedule as TaxSchedule};
use crate::preferences::optimise::{Feedback, Played, Policy, PolicyOptimiser, Progress, Told};
use crate::preferences::{Comparison, View, fit::logistic};
use crate::random::Streams;
use crate::rewards::{Learned, Situation};
use crate::search::latin_hypercube;
use crate::world::learning::{PlannerReward, RewardRow, RewardRows, outcomes};
use crate::world::{
    Clock, CurrentSchedule, EconomyConstants, Failure, Notes, Phase, PlannerObjective, Seed, Step,
};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rand::RngExt;
use std::any::Any;

/// Holds a policy over candidates: the initial schedule, and others with its brackets whose rates are
/// drawn from a grid. In the first step of each tax year, once there is something to pursue, the
/// optimiser improves the policy and a schedule of it is set; until then the initial schedule stays.
/// A move of a candidate is the rate of one bracket, lowest first. The reference is uniform.
///
/// What is pursued is the arm's reward, or the objective where it has none. When the reward changes, the
/// policy goes on from where it is, and the optimiser forgets what it was told before.
#[derive(Resource, Clone, Debug)]
pub struct PolicyPlanner {
    /// How the policy is improved.
    pub optimiser: Box<dyn PolicyOptimiser>,
    /// Candidates.
    pub candidates: usize,
    /// Distance of the grid's rates, a fraction.
    pub grid: f64,
    /// What the optimiser is told.
    pub told: Told,
    /// What is set.
    pub played: Played,
}

/// The policy and what it is about.
#[derive(Resource, Default)]
struct Held(Option<State>);

struct State {
    optimiser: Box<dyn PolicyOptimiser>,
    policy: Policy,
    candidates: Vec<(TaxSchedule, Outcome)>,
    pairs: Vec<Comparison>,
    /// Of the reward that the optimiser was last told of.
    version: Option<u32>,
}

impl PolicyPlanner {
    /// Different candidates that have an equilibrium, the initial schedule first.
    fn draw_candidates(
        &self,
        rules: &TaxRules,
        society: &Counterpart,
        seed: u64,
    ) -> Vec<(TaxSchedule, Outcome)> {
        let edges = rules.initial.edges();
        let (low, high) = (rules.constraints.low, rules.constraints.high);
        let mut rng = Streams::new(seed, "policy candidates").at(0, 0);
        let mut all = vec![rules.initial.clone()];
        // Grids repeat themselves: more points than candidates, until there are enough.
        for _ in 0..8 {
            for point in latin_hypercube(edges.len(), self.candidates, &mut rng) {
                let on_grid = |x: f64| {
                    let steps = ((high - low) / self.grid).floor() + 1.0;
                    let rate = low + self.grid * (x * steps).floor().min(steps - 1.0);
                    // Not 0.6000000000000001.
                    (rate * 1e9).round() / 1e9
                };
                let rates: Vec<f64> = point.into_iter().map(on_grid).collect();
                let rates = rules.constraints.nearest(&rates);
                let schedule = TaxSchedule::of_checked(edges.to_vec(), rates);
                if !all.contains(&schedule) && all.len() < self.candidates {
                    all.push(schedule);
                }
            }
        }
        outcomes(society, all)
    }

    fn start(&self, rules: &TaxRules, society: &Counterpart, seed: u64) -> Result<State> {
        let candidates = self.draw_candidates(rules, society, seed);
        let moves = moves(candidates.iter().map(|(schedule, _)| schedule.rates()));
        let reference = vec![1.0; candidates.len()];
        Ok(State {
            optimiser: self.optimiser.clone(),
            policy: Policy::with_moves(&reference, &moves)
                .map_err(|e| e.context("the candidates of the planner `policy`"))?,
            candidates,
            pairs: vec![],
            version: None,
        })
    }
}

/// Rates as numbers of moves: each bracket's different rates in ascending order.
fn moves<'a>(rates: impl Iterator<Item = &'a [f64]> + Clone) -> Vec<Vec<u32>> {
    let brackets = rates.clone().next().map_or(0, <[f64]>::len);
    let levels: Vec<Vec<f64>> = (0..brackets)
        .map(|k| {
            let mut levels: Vec<f64> = rates.clone().map(|row| row[k]).collect();
            levels.sort_unstable_by(f64::total_cmp);
            levels.dedup();
            levels
        })
        .collect();
    let place = |k: usize, rate: f64| levels[k].partition_point(|level| *level < rate) as u32;
    rates
        .map(|row| row.iter().enumerate().map(|(k, r)| place(k, *r)).collect())
        .collect()
}

/// What is pursued, as the optimiser may be told it.
struct Pursued {
    /// In standard deviations over the candidates.
    rewards: Vec<f64>,
    /// P(a ≻ b), row by row.
    preferences: Vec<f64>,
}

impl Pursued {
    fn of(situations: &[Situation], totals: &[f64], learned: Option<&Learned>) -> Result<Self> {
        let n = totals.len();
        if let Some(place) = totals.iter().position(|x| !x.is_finite()) {
            return Err(Error::run(format!(
                "the reward of candidate {place} of the planner `policy` is not a number"
            )));
        }
        let mean = totals.iter().sum::<f64>() / n as f64;
        let variance = totals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        let spread = match variance.sqrt() {
            s if s > 1e-12 * mean.abs().max(1e-300) => s,
            _ => 1.0,
        };
        let rewards: Vec<f64> = totals.iter().map(|x| (x - mean) / spread).collect();
        let mut preferences = vec![0.5; n * n];
        let votes = learned.map(|learned| Votes::new(learned, situations));
        for a in 0..n {
            for b in 0..a {
                let p = match &votes {
                    Some(votes) => votes.share(a, b),
                    None => logistic(rewards[a] - rewards[b]),
                };
                preferences[a * n + b] = p;
                preferences[b * n + a] = 1.0 - p;
            }
        }
        Ok(Pursued {
            rewards,
            preferences,
        })
    }
}

/// The candidates as every rater sees them.
struct Votes<'a> {
    learned: &'a Learned,
    weights: Vec<f64>,
    /// By candidate and rater.
    rows: Vec<Vec<Vec<f64>>>,
}

impl<'a> Votes<'a> {
    fn new(learned: &'a Learned, situations: &[Situation]) -> Self {
        let weights = learned.weights(&situations[0]);
        let row = |situation: &Situation| {
            (0..weights.len())
                .map(|rater| learned.row(situation, rater))
                .collect()
        };
        let rows = situations.iter().map(row).collect();
        Votes {
            learned,
            weights,
            rows,
        }
    }

    /// Σ g·P(a ≻ b)/Σ g.
    fn share(&self, a: usize, b: usize) -> f64 {
        let total: f64 = self.weights.iter().sum();
        let votes = self.weights.iter().enumerate().map(|(rater, weight)| {
            let (a, b) = (&self.rows[a][rater], &self.rows[b][rater]);
            let view = View::of_rater(rater as u32);
            weight * self.learned.model.prob(a, b, view)
        });
        votes.sum::<f64>() / total
    }
}

impl State {
    fn improve(
        &mut self,
        settings: &PolicyPlanner,
        reward: Option<&PlannerReward>,
        objective: &PlannerObjective,
        economy: &EconomyConstants,
        wage: &[f64],
        (seed, year): (u64, u32),
    ) -> Result<(Progress, f64)> {
        let situations: Vec<Situation> = (self.candidates.iter())
            .map(|(schedule, outcome)| Situation::of(schedule, &economy.0, wage, outcome))
            .collect();
        let version = reward.map(|reward| reward.version);
        if self.version != version {
            self.optimiser.forget();
            self.version = version;
        }
        let own = reward.map(|reward| &*reward.reward as &dyn Any);
        let learned = own.and_then(|own| own.downcast_ref::<Learned>());
        let totals: Vec<f64> = match reward {
            None => (situations.iter())
                .map(|s| objective.0.welfare(&economy.0, &s.allocation()))
                .collect(),
            Some(reward) => {
                // A copy, for its programs have the operations of one search.
                let judged = reward.reward.clone().judge_all(&situations)?;
                judged.iter().map(|judged| judged.total).collect()
            }
        };
        let pursued = Pursued::of(&situations, &totals, learned)?;
        let n = totals.len();
        let mut rng = Streams::new(seed, "policy").at(0, u64::from(year));
        let rewards = |x: usize| Ok(pursued.rewards[x]);
        let preferences = |a: usize, b: usize| Ok(pursued.preferences[a * n + b]);
        if let (Told::Pairs(count), true) = (settings.told, self.pairs.is_empty()) {
            let mut rng = Streams::new(seed, "policy pairs").at(0, 0);
            for _ in 0..count {
                let a = rng.random_range(0..n);
                let b = (a + rng.random_range(1..n)) % n;
                let won = rng.random::<f64>() < pursued.preferences[a * n + b];
                let label = f64::from(u8::from(won));
                self.pairs.push(Comparison::new(a as u32, b as u32, label));
            }
        }
        let feedback = match settings.told {
            Told::Rewards => Feedback::Reward(&rewards),
            Told::Preferences => Feedback::Preference(&preferences),
            Told::Pairs(_) => Feedback::Pairs(&self.pairs),
        };
        let progress = self
            .optimiser
            .improve(&mut self.policy, &feedback, &mut rng)?;
        let probabilities = self.policy.probabilities();
        let expected = (probabilities.iter().zip(&totals))
            .map(|(p, r)| p * r)
            .sum();
        Ok((progress, expected))
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "a system says all that it touches"
)]
fn plan(
    clock: Res<Clock>,
    seed: Res<Seed>,
    settings: Res<PolicyPlanner>,
    reward: Option<Res<PlannerReward>>,
    objective: Res<PlannerObjective>,
    rules: Res<TaxRules>,
    economy: Res<EconomyConstants>,
    society: Res<Counterpart>,
    mut held: ResMut<Held>,
    mut rows: ResMut<RewardRows>,
    mut schedule: ResMut<CurrentSchedule>,
    mut notes: ResMut<Notes>,
    mut failure: ResMut<Failure>,
) {
    let year = clock.year();
    let mut improve = || -> Result<TaxSchedule> {
        let state = match &mut held.0 {
            Some(state) => state,
            empty => empty.insert(settings.start(&rules, &society, seed.0)?),
        };
        let reward = reward.as_deref();
        if reward.is_some_and(|reward| !reward.reward.ready()) {
            return Ok(rules.initial.clone());
        }
        let (wage, at) = (society.0.wage(), (seed.0, year));
        let (progress, expected) =
            state.improve(&settings, reward, &objective, &economy, wage, at)?;
        let mode = state.policy.mode();
        let likeliest = state.policy.probabilities()[mode];
        if year == clock.years() {
            notes.add(format!(
                "policy over {} schedules: in the end {:.1} % on {}, {:.3} nats from where it began",
                state.candidates.len(),
                100.0 * likeliest,
                state.candidates[mode].0,
                progress.kl
            ));
        }
        let named = [
            ("policy_expected_reward", expected),
            ("policy_mode_share", likeliest),
            ("policy_kl", progress.kl),
            ("policy_entropy", progress.entropy),
        ];
        let own = progress.parts.iter();
        let own = own.map(|(name, value)| (format!("policy_{name}"), *value));
        let named = named.map(|(name, value)| (name.to_owned(), value));
        rows.0
            .extend(named.into_iter().chain(own).map(|(part, value)| RewardRow {
                year,
                part,
                value,
            }));
        let place = match settings.played {
            Played::Mode => mode,
            Played::Draw => {
                let mut rng = Streams::new(seed.0, "policy draw").at(0, u64::from(year));
                state.policy.draw(&mut rng)
            }
        };
        Ok(state.candidates[place].0.clone())
    };
    match improve() {
        Ok(next) => schedule.0 = next,
        Err(error) => failure.raise(error.context(format!("the policy of tax year {year}"))),
    }
}

impl Plugin for PolicyPlanner {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.clone())
            .init_resource::<Held>()
            .init_resource::<RewardRows>()
            .add_systems(Step, plan.in_set(Phase::Plan));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates become moves by rank within their bracket.
    #[test]
    fn rates_become_moves() {
        let rates = [[0.2, 0.6], [0.0, 0.6], [0.2, 0.1]];
        let found = moves(rates.iter().map(|row| &row[..]));
        assert_eq!(found, [vec![1, 1], vec![0, 1], vec![1, 0]]);
    }
}
