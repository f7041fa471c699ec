//! `regret`: years are judged by what they forgo, not by what they bring.

use crate::error::{Error, Result};
use crate::preferences::data::Scaling;
use crate::preferences::fit::{log_logistic, logistic, minimise, ridge};
use crate::preferences::head::{add_scaled, dot};
use crate::preferences::{Comparison, Items, Judgements, PreferenceModel, View};

/// Something that can be done in a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The state that follows.
    pub next: usize,
    /// φ of what happens, of which the reward is θ·φ.
    pub features: Vec<f64>,
}

/// States and what can be done in each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// By state, at least one.
    pub actions: Vec<Vec<Action>>,
    /// γ in [0, 1): what a reward next year is worth today.
    pub discount: f64,
    /// τ, at least 0: the best is a soft one, V*(s) = τ·ln Σₐ exp(Q(s, a)/τ), which has a slope
    /// everywhere; 0 is the maximum.
    pub temperature: f64,
}

/// A state, and the numbers of the actions from there on.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// s₀.
    pub start: usize,
    /// Year by year.
    pub actions: Vec<usize>,
}

/// Change of V* at which iteration stops.
const SETTLED: f64 = 1e-12;

impl World {
    /// Checks that all numbers are in range.
    ///
    /// # Errors
    /// A state without an action, a successor that does not exist, features of different widths, a
    /// discount outside [0, 1).
    pub fn check(&self) -> Result<()> {
        let width = self.width();
        let n = self.actions.len();
        let proper = |a: &Action| a.next < n && a.features.len() == width;
        let wrong = |all: &&Vec<Action>| all.is_empty() || !all.iter().all(proper);
        if n == 0 || self.actions.iter().any(|all| wrong(&all)) {
            return Err(Error::input("not a world of states and actions")
                .value(format!("{n} states"))
                .allowed("in every state an action, with as many features and a known successor"));
        }
        if !(0.0..1.0).contains(&self.discount) || self.temperature < 0.0 {
            return Err(Error::input("a discount or temperature out of range")
                .value(format!("{} and {}", self.discount, self.temperature))
                .allowed("0 to below 1, and at least 0"));
        }
        Ok(())
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        let first = self.actions.first().and_then(|all| all.first());
        first.map_or(0, |action| action.features.len())
    }

    /// Q(s, a) = θ·φ + γ·V(s').
    fn q(&self, theta: &[f64], value: &[f64], state: usize) -> Vec<f64> {
        self.actions[state]
            .iter()
            .map(|a| dot(theta, &a.features) + self.discount * value[a.next])
            .collect()
    }

    /// Best actions' shares, and the value of a state with these Q.
    fn best(&self, q: &[f64]) -> (Vec<f64>, f64) {
        let top = q.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = match self.temperature > 0.0 {
            true => (q.iter())
                .map(|q| ((q - top) / self.temperature).exp())
                .collect(),
            false => {
                let first = q.iter().position(|q| *q == top);
                (0..q.len())
                    .map(|k| f64::from(u8::from(Some(k) == first)))
                    .collect()
            }
        };
        let sum: f64 = shares.iter().sum();
        let value = top + self.temperature * sum.ln();
        (shares.iter().map(|s| s / sum).collect(), value)
    }

    /// V* by iteration.
    pub fn value(&self, theta: &[f64]) -> Vec<f64> {
        let mut value = vec![0.0; self.actions.len()];
        loop {
            let mut change: f64 = 0.0;
            let next: Vec<f64> = (0..value.len())
                .map(|state| self.best(&self.q(theta, &value, state)).1)
                .collect();
            for (a, b) in value.iter().zip(&next) {
                change = change.max((a - b).abs() / (1.0 + a.abs()));
            }
            value = next;
            if change <= SETTLED || !change.is_finite() {
                return value;
            }
        }
    }

    /// Adds Σ_s weights(s)·∂V*(s)/∂θ to `gradient`: the features met on the best way, discounted.
    fn value_gradient(&self, theta: &[f64], value: &[f64], weights: &[f64], gradient: &mut [f64]) {
        let shares: Vec<Vec<f64>> = (0..value.len())
            .map(|state| self.best(&self.q(theta, value, state)).0)
            .collect();
        let scale = weights.iter().map(|w| w.abs()).sum::<f64>();
        let mut left = weights.to_vec();
        // Each pass is a year further on.
        while left.iter().map(|w| w.abs()).sum::<f64>() > SETTLED * scale {
            let mut next = vec![0.0; left.len()];
            for (state, actions) in self.actions.iter().enumerate() {
                if left[state] == 0.0 {
                    continue;
                }
                for (action, share) in actions.iter().zip(&shares[state]) {
                    let mass = left[state] * share;
                    add_scaled(gradient, mass, &action.features);
                    next[action.next] += self.discount * mass;
                }
            }
            left = next;
        }
    }

    /// The states of a trajectory, s₀ to s_T.
    fn states(&self, trajectory: &Trajectory) -> Vec<usize> {
        let mut states = vec![trajectory.start];
        for &action in &trajectory.actions {
            states.push(self.actions[states[states.len() - 1]][action].next);
        }
        states
    }

    /// Σ γᵗ·r: the partial return.
    pub fn partial_return(&self, theta: &[f64], trajectory: &Trajectory) -> f64 {
        let states = self.states(trajectory);
        let mut worth = 1.0;
        let mut sum = 0.0;
        for (state, &action) in states.iter().zip(&trajectory.actions) {
            sum += worth * dot(theta, &self.actions[*state][action].features);
            worth *= self.discount;
        }
        sum
    }

    /// V*(s₀) − (Σ γᵗ·r + γᵀ·V*(s_T)), of values V*: 0 for the best way of going on, positive for
    /// every other (Knox et al. 2022; there without discount).
    pub fn regret(&self, theta: &[f64], value: &[f64], trajectory: &Trajectory) -> f64 {
        let states = self.states(trajectory);
        let end = states[states.len() - 1];
        let worth = self.discount.powi(trajectory.actions.len() as i32);
        value[trajectory.start] - (self.partial_return(theta, trajectory) + worth * value[end])
    }

    /// −Σ w [y ln P + (1−y) ln(1−P)], P = σ(regret(b) − regret(a)); adds its gradient by θ.
    fn loss(
        &self,
        trajectories: &[Trajectory],
        pairs: &[Comparison],
        theta: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let value = self.value(theta);
        let regrets: Vec<f64> = (trajectories.iter())
            .map(|t| self.regret(theta, &value, t))
            .collect();
        let mut slopes = vec![0.0; trajectories.len()];
        let mut sum = 0.0;
        for c in pairs {
            let (a, b) = (c.a as usize, c.b as usize);
            let h = regrets[b] - regrets[a];
            sum -= c.weight * (log_logistic(h) - (1.0 - c.outcome) * h);
            let slope = c.weight * (logistic(h) - c.outcome);
            slopes[b] += slope;
            slopes[a] -= slope;
        }
        let mut weights = vec![0.0; value.len()];
        for (trajectory, slope) in trajectories.iter().zip(slopes) {
            let states = self.states(trajectory);
            weights[trajectory.start] += slope;
            let mut worth = 1.0;
            for (state, &action) in states.iter().zip(&trajectory.actions) {
                let features = &self.actions[*state][action].features;
                add_scaled(gradient, -slope * worth, features);
                worth *= self.discount;
            }
            weights[states[states.len() - 1]] -= slope * worth;
        }
        self.value_gradient(theta, &value, &weights, gradient);
        sum
    }

    /// The reward's θ that makes comparisons of trajectories likeliest, under θ ~ N(0, 1/ridge).
    ///
    /// # Errors
    /// As [`World::check`]; a trajectory that leaves the world; a fit that does not settle.
    pub fn fit(
        &self,
        trajectories: &[Trajectory],
        pairs: &[Comparison],
        precision: f64,
    ) -> Result<Vec<f64>> {
        self.check()?;
        for (place, trajectory) in trajectories.iter().enumerate() {
            let mut state = Some(trajectory.start);
            for &action in &trajectory.actions {
                let actions = state.and_then(|s| self.actions.get(s));
                state = actions.and_then(|all| all.get(action)).map(|a| a.next);
            }
            if state.is_none_or(|s| s >= self.actions.len()) {
                return Err(Error::input(format!("trajectory {place} leaves the world"))
                    .value(format!("{trajectory:?}"))
                    .allowed("states and actions that there are"));
            }
        }
        let goal = |theta: &[f64], gradient: &mut [f64]| {
            self.loss(trajectories, pairs, theta, gradient) + ridge(precision, theta, gradient)
        };
        Ok(minimise(&goal, vec![0.0; self.width()])?.parameters)
    }
}

/// Most items of which a world is made.
pub const STATES_MAX: usize = 1_000;

/// Judges an item by the regret of going there. The fitted items are states; in a year one may go
/// from a state to any within `reach`, so that a reform is liked for what it brings and for what it
/// leads to:
///
/// P(a ≻ b) = σ(regret(b) − regret(a)), regret(x) = V*(s₀) − (θ·x + γ·V*(x)),
///
/// θ on scaled features, V*(s) = τ·ln Σ over x within reach of s of exp((θ·x + γ·V*(x))/τ). A year is
/// what a step in a game is there. With γ = 0, or where everything is within reach, it is
/// `bradley-terry`. Source: Knox et al. (2022), "Models of human preference for learning reward
/// functions", arXiv 2206.02231.
#[derive(Clone, Debug, PartialEq)]
pub struct Regret {
    /// Precision of the prior on θ, above 0.
    pub ridge: f64,
    /// γ in [0, 1).
    pub discount: f64,
    /// Longest way of a year: Euclidean, in standard deviations of features, divided by the root of
    /// their number.
    pub reach: f64,
    /// τ, above 0.
    pub temperature: f64,
    pub(crate) fitted: Option<Fitted>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    scaling: Scaling,
    theta: Vec<f64>,
    /// Scaled rows of the states, with V*.
    states: Vec<(Vec<f64>, f64)>,
}

impl Default for Regret {
    fn default() -> Self {
        Regret {
            ridge: 0.1,
            discount: 0.8,
            reach: 1.0,
            temperature: 0.1,
            fitted: None,
        }
    }
}

impl Regret {
    fn near(&self, a: &[f64], b: &[f64]) -> bool {
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
        (square / a.len() as f64).sqrt() <= self.reach
    }

    fn world(&self, items: &Items) -> World {
        let rows: Vec<&[f64]> = items.rows().collect();
        let from = |row: &&[f64]| {
            (rows.iter().enumerate())
                .filter(|(_, other)| self.near(row, other))
                .map(|(next, other)| Action {
                    next,
                    features: other.to_vec(),
                })
                .collect()
        };
        World {
            actions: rows.iter().map(from).collect(),
            discount: self.discount,
            temperature: self.temperature,
        }
    }

    /// V* of a scaled row: a fitted state's own, else the soft best of what is within reach (itself,
    /// to stay there for ever, among it).
    fn value(&self, fitted: &Fitted, row: &[f64]) -> f64 {
        if let Some((_, value)) = fitted.states.iter().find(|(state, _)| state == row) {
            return *value;
        }
        let mut q = vec![dot(&fitted.theta, row) / (1.0 - self.discount)];
        for (state, value) in &fitted.states {
            if self.near(row, state) {
                q.push(dot(&fitted.theta, state) + self.discount * value);
            }
        }
        let soft = World {
            temperature: self.temperature,
            ..World::default()
        };
        soft.best(&q).1
    }

    /// The reward's parameters, per unit of each raw feature; `None` before a fit.
    pub fn reward(&self) -> Option<Vec<f64>> {
        let fitted = self.fitted.as_ref()?;
        let scaled = fitted.theta.iter().zip(&fitted.scaling.spread);
        Some(scaled.map(|(t, s)| t / s).collect())
    }
}

impl PreferenceModel for Regret {
    fn fit(&mut self, data: &Judgements, _: u64) -> Result<()> {
        let pairs = data.all_comparisons();
        if pairs.is_empty() {
            return Err(Error::run("regret: no comparison to learn from"));
        }
        if data.items.len() > STATES_MAX {
            return Err(Error::input("regret: too many items for a world of states")
                .value(data.items.len())
                .allowed(format!(
                    "at most {STATES_MAX}, as with `features = \"society\"` or `\"rates\"`"
                )));
        }
        let scaling = data.items.scaling();
        let items = scaling.apply_to(&data.items);
        let world = self.world(&items);
        // From wherever one starts, V*(s₀) is the same for both sides: each item is its own start,
        // and the way there is its own first action.
        let to = |x: usize| Trajectory {
            start: x,
            actions: vec![
                world.actions[x]
                    .iter()
                    .position(|a| a.next == x)
                    .unwrap_or(0),
            ],
        };
        let trajectories: Vec<Trajectory> = (0..items.len()).map(to).collect();
        let goal = |theta: &[f64], gradient: &mut [f64]| {
            arrival_loss(&world, &trajectories, &pairs, theta, gradient)
                + ridge(self.ridge, theta, gradient)
        };
        world.check()?;
        let theta = minimise(&goal, vec![0.0; items.width()])?.parameters;
        let values = world.value(&theta);
        self.fitted = Some(Fitted {
            scaling,
            theta,
            states: items.rows().map(<[f64]>::to_vec).zip(values).collect(),
        });
        Ok(())
    }

    fn prob(&self, a: &[f64], b: &[f64], view: View) -> f64 {
        match (self.score(a, view), self.score(b, view)) {
            (Some(a), Some(b)) => logistic(a - b),
            _ => 0.5,
        }
    }

    /// θ·x + γ·V*(x): minus the regret, up to V*(s₀).
    fn score(&self, item: &[f64], _: View) -> Option<f64> {
        let Some(fitted) = &self.fitted else {
            return Some(0.0);
        };
        let row = fitted.scaling.apply(item);
        Some(dot(&fitted.theta, &row) + self.discount * self.value(fitted, &row))
    }

    fn pools_raters(&self) -> bool {
        true
    }

    fn boxed(&self) -> Box<dyn PreferenceModel> {
        Box::new(self.clone())
    }
}

/// [`World::loss`] of trajectories of one action whose starts do not count.
fn arrival_loss(
    world: &World,
    trajectories: &[Trajectory],
    pairs: &[Comparison],
    theta: &[f64],
    gradient: &mut [f64],
) -> f64 {
    let value = world.value(theta);
    let action = |t: &Trajectory| &world.actions[t.start][t.actions[0]];
    let scores: Vec<f64> = (trajectories.iter().map(action))
        .map(|a| dot(theta, &a.features) + world.discount * value[a.next])
        .collect();
    let mut weights = vec![0.0; value.len()];
    let mut sum = 0.0;
    for c in pairs {
        let (a, b) = (c.a as usize, c.b as usize);
        let h = scores[a] - scores[b];
        sum -= c.weight * (log_logistic(h) - (1.0 - c.outcome) * h);
        let slope = c.weight * (logistic(h) - c.outcome);
        for (x, slope) in [(a, slope), (b, -slope)] {
            let action = action(&trajectories[x]);
            add_scaled(gradient, slope, &action.features);
            weights[action.next] += slope * world.discount;
        }
    }
    world.value_gradient(theta, &value, &weights, gradient);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::fit::gradient_error;
    use crate::preferences::models::bradley_terry::BradleyTerry;
    use crate::random::Streams;
    use rand::RngExt;

    /// In `low` one may stay for 0, or go to `high` for −1; in `high` one stays for 1. Features: the
    /// price of going, and being high.
    fn game(temperature: f64) -> World {
        let action = |next: usize, features: [f64; 2]| Action {
            next,
            features: features.to_vec(),
        };
        World {
            actions: vec![
                vec![action(0, [0.0, 0.0]), action(1, [1.0, 0.0])],
                vec![action(1, [0.0, 1.0])],
            ],
            discount: 0.9,
            temperature,
        }
    }

    const THETA: [f64; 2] = [-1.0, 1.0];

    fn way(start: usize, actions: &[usize]) -> Trajectory {
        Trajectory {
            start,
            actions: actions.to_vec(),
        }
    }

    /// V*(high) = 1/(1 − 0.9) = 10 and V*(low) = −1 + 0.9·10 = 8 by hand. Staying low brings 0 and
    /// going −1, so that partial return prefers to stay; its regret is 8 − 0.9·8 = 0.8, that of going 0.
    #[test]
    fn partial_return_ranks_wrongly_and_regret_rightly() {
        let world = game(0.0);
        let value = world.value(&THETA);
        assert!((value[0] - 8.0).abs() < 1e-9 && (value[1] - 10.0).abs() < 1e-9);
        let (stay, go) = (way(0, &[0]), way(0, &[1]));
        assert!(world.partial_return(&THETA, &stay) > world.partial_return(&THETA, &go));
        assert!((world.regret(&THETA, &value, &stay) - 0.8).abs() < 1e-9);
        assert!(world.regret(&THETA, &value, &go).abs() < 1e-9);
        // Two years: up and on. 8 − (−1 + 0.9 + 0.81·10) = 0.
        assert!(world.regret(&THETA, &value, &way(0, &[1, 0])).abs() < 1e-9);
    }

    /// Raters who judge by regret: the reward that the regret model learns from them is the planted
    /// one, and the best policy goes up. The reward that explains the same answers by partial return
    /// makes going up itself the good thing.
    #[test]
    fn the_reward_comes_back_from_regret_and_not_from_partial_return() {
        let world = game(0.05);
        let value = world.value(&THETA);
        let trajectories = [
            way(0, &[0]),
            way(0, &[1]),
            way(1, &[0]),
            way(0, &[0, 0]),
            way(0, &[0, 1]),
            way(0, &[1, 0]),
            way(1, &[0, 0]),
        ];
        let regrets: Vec<f64> = (trajectories.iter())
            .map(|t| world.regret(&THETA, &value, t))
            .collect();
        let mut pairs = vec![];
        for a in 0..trajectories.len() {
            for b in 0..a {
                let p = logistic(regrets[b] - regrets[a]);
                pairs.push(Comparison {
                    weight: 100.0,
                    ..Comparison::new(a as u32, b as u32, p)
                });
            }
        }
        let found = world.fit(&trajectories, &pairs, 1e-4).unwrap();
        let gap = |theta: &[f64]| {
            let value = world.value(theta);
            world.regret(theta, &value, &way(0, &[0])) - world.regret(theta, &value, &way(0, &[1]))
        };
        assert!((gap(&found) - gap(&THETA)).abs() < 0.02, "{found:?}");
        let features = |t: &Trajectory| -> Vec<f64> {
            (0..2)
                .map(|k| {
                    let mut theta = [0.0; 2];
                    theta[k] = 1.0;
                    world.partial_return(&theta, t)
                })
                .collect()
        };
        let rows: Vec<f64> = trajectories.iter().flat_map(features).collect();
        let items = Items::new(vec!["going".into(), "high".into()], rows).unwrap();
        let data = Judgements::of_comparisons(items, pairs).unwrap();
        let mut partial = BradleyTerry {
            ridge: 1e-4,
            ..BradleyTerry::default()
        };
        partial.fit(&data, 0).unwrap();
        let theta = partial.coefficients().unwrap();
        assert!(theta[0] > 0.0, "{theta:?}");
    }

    #[test]
    fn gradients() {
        let world = game(0.3);
        let trajectories = [way(0, &[0]), way(0, &[1, 0]), way(1, &[0])];
        let pairs = [
            Comparison::new(0, 1, 0.3),
            Comparison::new(1, 2, 1.0),
            Comparison::new(2, 0, 0.6),
        ];
        let loss = |t: &[f64], g: &mut [f64]| world.loss(&trajectories, &pairs, t, g);
        assert!(gradient_error(&loss, &[-0.7, 0.4]) < 1e-6);
        let trajectories = [way(0, &[0]), way(0, &[1]), way(1, &[0])];
        let loss = |t: &[f64], g: &mut [f64]| arrival_loss(&world, &trajectories, &pairs, t, g);
        assert!(gradient_error(&loss, &[-0.7, 0.4]) < 1e-6);
    }

    /// Items on a line with a good far end, and a year's way of one place: raters who judge by what a
    /// place leads to. The model finds that more is better where bradley-terry is misled by a
    /// tempting start.
    #[test]
    fn stepping_stones() {
        // Places 0 to 5: their own goods, and how far along they are.
        let good = [0.6, 0.0, 0.0, 0.0, 0.2, 1.0];
        let rows: Vec<f64> = (0..6).flat_map(|k| [good[k], k as f64]).collect();
        let items = Items::new(vec!["good".into(), "along".into()], rows).unwrap();
        let planted = Regret {
            reach: 0.95,
            discount: 0.9,
            ..Regret::default()
        };
        let scaling = items.scaling();
        let world = planted.world(&scaling.apply_to(&items));
        let ways: Vec<usize> = world.actions.iter().map(Vec::len).collect();
        let theta = [2.0, 0.0];
        let value = world.value(&theta);
        let score = |k: usize| theta[0] * scaling.apply(items.row(k as u32))[0] + 0.9 * value[k];
        let mut rng = Streams::new(1, "stones").at(0, 0);
        let comparisons = (0..4000)
            .map(|_| {
                let (a, b) = (rng.random_range(0..6usize), rng.random_range(0..6usize));
                let won = rng.random::<f64>() < logistic(score(a) - score(b));
                Comparison::new(a as u32, b as u32, f64::from(u8::from(won)))
            })
            .collect();
        let data = Judgements::of_comparisons(items.clone(), comparisons).unwrap();
        let mut model = planted;
        model.fit(&data, 0).unwrap();
        let found = model.reward().unwrap();
        let scaled: Vec<f64> = found
            .iter()
            .zip(&scaling.spread)
            .map(|(t, s)| t * s)
            .collect();
        assert!((scaled[0] - 2.0).abs() < 0.4, "{scaled:?} {ways:?}");
        for a in 0..6 {
            for b in 0..6 {
                let p = model.prob(items.row(a), items.row(b), View::default());
                let truth = logistic(score(a as usize) - score(b as usize));
                assert!((p - truth).abs() < 0.06, "{a} {b} {p} {truth}");
            }
        }
    }
}
