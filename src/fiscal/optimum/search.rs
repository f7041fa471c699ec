//! Pattern search over the rates of a schedule, and where asked over its edges.

use super::Constraints;
use crate::fiscal::{Objective, Outcome, Schedule, Society, inequality};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// A number to maximise, from a schedule and what it leads to.
pub type Score<'a> = dyn Fn(&Schedule, &Outcome) -> f64 + Sync + 'a;

/// What a search maximises.
#[derive(Clone)]
pub(super) enum Goal<'a> {
    /// Welfare.
    Welfare(&'a Objective),
    /// Mean utility of the workers at these places.
    Utility(std::ops::Range<usize>),
    /// Any number.
    Score(&'a Score<'a>),
    /// (1 − p)·W/`unit` + p·mean tax/`money`: a price on revenue, which for each p in [0, 1] finds a
    /// schedule that is the best of all that raise as much.
    Priced {
        objective: &'a Objective,
        price: f64,
        unit: f64,
        money: f64,
    },
}

/// Largest ln of the factor by which a free edge moves, per unit of step.
const EDGE_STEP: f64 = 4.0;

/// One pattern search.
pub(super) struct Search<'a> {
    pub society: &'a Society,
    goal: Goal<'a>,
    constraints: Constraints,
    /// Whether the edges above 0 move as well.
    free_edges: bool,
    /// Whether neighbouring rates move against each other as well.
    pairs: bool,
    pub edges: Vec<f64>,
    pub rates: Vec<f64>,
    /// What is maximised, at `edges` and `rates`.
    pub value: f64,
    pub evaluations: usize,
    outcome: Outcome,
}

impl<'a> Search<'a> {
    pub fn new(
        society: &'a Society,
        edges: &[f64],
        goal: Goal<'a>,
        constraints: Constraints,
        rates: &[f64],
    ) -> Self {
        let mut search = Search {
            society,
            goal,
            constraints,
            free_edges: false,
            pairs: false,
            edges: edges.to_vec(),
            rates: constraints.nearest(rates),
            value: 0.0,
            evaluations: 0,
            outcome: Outcome::default(),
        };
        search.value = search.evaluate(&search.edges.clone(), &search.rates.clone());
        search
    }

    /// The same search with edges that move.
    pub fn with_free_edges(mut self) -> Self {
        self.free_edges = true;
        self
    }

    /// The same search with pairs of rates that move against each other: where incomes leave gaps
    /// around an edge, that is the way from one top to the next.
    pub fn with_pairs(mut self) -> Self {
        self.pairs = !self.constraints.monotone;
        self
    }

    pub fn schedule(&self) -> Schedule {
        Schedule::of_checked(self.edges.clone(), self.rates.clone())
    }

    /// What is maximised, at these edges and rates; −∞ where there is no equilibrium.
    pub fn evaluate(&mut self, edges: &[f64], rates: &[f64]) -> f64 {
        self.evaluations += 1;
        let schedule = Schedule::of_checked(edges.to_vec(), rates.to_vec());
        self.society.outcome_into(&schedule, &mut self.outcome);
        let welfare = |objective: &Objective| {
            let allocation = self.outcome.allocation(self.society.wage());
            objective.welfare(self.society.economy(), &allocation)
        };
        let value = match &self.goal {
            Goal::Welfare(objective) => welfare(objective),
            Goal::Utility(places) => inequality::mean(&self.outcome.utility[places.clone()]),
            Goal::Score(score) => score(&schedule, &self.outcome),
            Goal::Priced {
                objective,
                price,
                unit,
                money,
            } => {
                let revenue = inequality::mean(&self.outcome.tax);
                (1.0 - price) * welfare(objective) / unit + price * revenue / money
            }
        };
        // Where rates fall, responses can jump over the only rebate that would balance the budget.
        // Such a schedule has no equilibrium, and its welfare would be that of mistaken workers.
        let scale = inequality::mean(&self.outcome.income).max(1.0);
        let tolerance = self.society.equilibrium_tolerance();
        let equilibrium = self.outcome.rebate_gap <= tolerance * scale && self.outcome.settled;
        if equilibrium && !value.is_nan() {
            value
        } else {
            f64::NEG_INFINITY
        }
    }

    /// Edges that move.
    fn free(&self) -> usize {
        if self.free_edges {
            self.edges.len() - 1
        } else {
            0
        }
    }

    /// Number of coordinates: rates, then free edges, then pairs of neighbouring rates (but the
    /// last pair, whose upper bracket is open) if they are searched.
    fn coordinates(&self) -> usize {
        let pairs = match self.pairs {
            true => self.rates.len().saturating_sub(2),
            false => 0,
        };
        self.rates.len() + self.free() + pairs
    }

    /// Hooke–Jeeves: exploratory moves along each coordinate, then a leap in the direction of
    /// progress; each coordinate keeps a step of its own, halved when neither side improves.
    pub fn descend(mut self, step: f64, tolerance: f64) -> Self {
        let mut steps = vec![step; self.coordinates()];
        while steps.iter().any(|&s| s > tolerance) {
            let (base, base_edges) = (self.rates.clone(), self.edges.clone());
            for (k, step) in steps.iter_mut().enumerate() {
                if *step <= tolerance {
                    continue;
                }
                let improved = self.try_move(k, *step) || self.try_move(k, -*step);
                *step *= if improved { 1.5 } else { 0.5 };
            }
            let leap: Vec<f64> = (self.rates.iter().zip(&base))
                .map(|(now, before)| 2.0 * now - before)
                .collect();
            let leap = self.constraints.nearest(&leap);
            let edges: Vec<f64> = (self.edges.iter().zip(&base_edges))
                .map(|(&now, &before)| {
                    if now == before {
                        now
                    } else {
                        now * (now / before)
                    }
                })
                .collect();
            let moved = leap != self.rates || edges != self.edges;
            if moved && increasing(&edges) {
                let value = self.evaluate(&edges, &leap);
                if value > self.value {
                    (self.edges, self.rates, self.value) = (edges, leap, value);
                    // Progress along a valley: a rate that had settled may move again.
                    steps.iter_mut().for_each(|s| *s = s.max(4.0 * tolerance));
                }
            }
            if self.evaluations > 20_000 {
                break;
            }
        }
        self
    }

    /// Random steps in all rates at once from wherever it stands, longer after a success and shorter
    /// after a failure, so that one in five succeeds: the (1+1) evolution strategy (Rechenberg 1973).
    /// Finds ways across the small jumps of welfare that end a pattern search.
    pub fn wander(mut self, tries: usize, rng: &mut impl Rng) -> Self {
        let mut scale: f64 = 0.01;
        for _ in 0..tries {
            let rates: Vec<f64> = (self.rates.iter())
                .map(|rate| {
                    let normal: f64 = StandardNormal.sample(rng);
                    rate + scale * normal
                })
                .collect();
            let rates = self.constraints.nearest(&rates);
            let value = self.evaluate(&self.edges.clone(), &rates);
            if value > self.value {
                (self.rates, self.value) = (rates, value);
                scale *= 1.2;
            } else {
                scale *= 0.9554;
            }
            // Lost in a corner: begin with long steps again.
            if scale < 1e-6 {
                scale = 0.01;
            }
        }
        self
    }

    /// The place that a move of coordinate `k` leads to, if it is one.
    fn moved(&self, k: usize, step: f64) -> Option<(Vec<f64>, Vec<f64>)> {
        let (mut edges, mut rates) = (self.edges.clone(), self.rates.clone());
        if k < rates.len() {
            self.constraints.push(&mut rates, k, step);
            return (rates != self.rates).then_some((edges, rates));
        }
        let beyond = k - rates.len();
        if beyond < self.free() {
            edges[beyond + 1] *= (EDGE_STEP * step).exp();
            return increasing(&edges).then_some((edges, rates));
        }
        // One rate up and the next down by as much tax, so that nothing changes above both.
        let low = beyond - self.free();
        let width = |j: usize| edges[j + 1] - edges[j];
        let ratio = width(low) / width(low + 1);
        let step = step / ratio.max(1.0);
        rates[low] += step;
        rates[low + 1] -= step * ratio;
        let within = |rate: &f64| (self.constraints.low..=self.constraints.high).contains(rate);
        rates[low..low + 2]
            .iter()
            .all(within)
            .then_some((edges, rates))
    }

    fn try_move(&mut self, k: usize, step: f64) -> bool {
        let Some((edges, rates)) = self.moved(k, step) else {
            return false;
        };
        let value = self.evaluate(&edges, &rates);
        let better = value > self.value;
        if better {
            (self.edges, self.rates, self.value) = (edges, rates, value);
        }
        better
    }

    /// What the move of rate `k` by `step` would change, and how far it moves before it meets a
    /// bound; `None` where the rate cannot move.
    pub fn gain(&mut self, k: usize, step: f64) -> Option<(f64, f64)> {
        let (edges, rates) = self.moved(k, step)?;
        let moved = (rates[k] - self.rates[k]).abs();
        Some((self.evaluate(&edges, &rates) - self.value, moved))
    }
}

fn increasing(edges: &[f64]) -> bool {
    edges
        .windows(2)
        .all(|pair| pair[0] < pair[1] && pair[1].is_finite())
}
