//! A population that answers a schedule in closed form: the full-information
//! model behind the baselines and the optimum.

mod alone;

use crate::error::{Error, Result};
use crate::fiscal::choice::{at_quantile, hour_options, logit_probabilities};
use crate::fiscal::frictions::Friction;
use crate::fiscal::mirrlees::Types;
use crate::fiscal::motives::{Motive, SETTLED_WITHIN, Stage};
use crate::fiscal::objective::{Allocation, Objective};
use crate::fiscal::optimum::EQUILIBRIUM_TOLERANCE;
use crate::fiscal::response::{Response, best_response, decreasing_root};
use crate::fiscal::{Economy, Schedule, Utility, lanes};

/// How a worker chooses hours when the outcome of a schedule is computed without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// Exact best response.
    Rational,
    /// Always these hours per week.
    Fixed(f64),
    /// The hours at a quantile of [`logit_probabilities`] over [`hour_options`].
    Logit {
        /// Unit of utility.
        scale: f64,
        /// In [0, 1). Several such workers at even quantiles stand for the distribution of one.
        quantile: f64,
    },
    /// For or against welfare, as [`Stage::settle`].
    Serving(Motive),
}

/// Workers with wages and behaviours, in one economy.
#[derive(Clone, Debug)]
pub struct Society {
    economy: Economy,
    /// Preferences that occur.
    tastes: Vec<Economy>,
    /// Index into `tastes` by worker.
    taste: Vec<u32>,
    wage: Vec<f64>,
    untaxed_labor: Vec<f64>,
    behaviour: Vec<Behaviour>,
    /// Whose hours do not follow from a best response.
    others: Vec<usize>,
    serving: Vec<(usize, Motive)>,
    /// What serving workers serve.
    objective: Objective,
    /// Workers whose satisfaction scales utility.
    bounded: Vec<Bounded>,
    /// By worker; empty where nobody has any.
    frictions: Vec<Friction>,
    /// Places of each person.
    copies: usize,
}

/// A worker whose satisfaction with the tax policy scales its utility.
#[derive(Clone, Copy, Debug)]
struct Bounded {
    place: usize,
    /// r when dissatisfied.
    dissatisfied: f64,
    /// Utility without any tax policy.
    without_policy: f64,
}

/// Utility that dissatisfaction lowers: u − (1−r)·|u| with 0 ≤ r ≤ 1, so that it never raises a
/// negative utility. r = d + (1−d)·P with d = `dissatisfied`, the factor of a worker who is surely
/// dissatisfied, and P = `satisfied`, the probability of being satisfied.
pub fn bounded_utility(utility: f64, dissatisfied: f64, satisfied: f64) -> f64 {
    let factor = dissatisfied + (1.0 - dissatisfied) * satisfied;
    utility - (1.0 - factor) * utility.abs()
}

/// Utility of a worker's best response where there is neither tax nor rebate: a closed-form worker
/// is satisfied with a tax policy that leaves it no worse off than this.
pub fn utility_without_policy(economy: &Economy, wage: f64) -> f64 {
    let none = Schedule::of_checked(vec![0.0], vec![0.0]);
    let hours = best_response(economy, &none, wage, 0.0);
    economy.utility_of_labor(wage, hours, &none, 0.0)
}

/// All workers' outcomes under one schedule, equally long vectors by worker.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Hours per week.
    pub labor: Vec<f64>,
    /// z, $/year.
    pub income: Vec<f64>,
    /// T(z), $/year.
    pub tax: Vec<f64>,
    /// c = z − T + R, $/year.
    pub disposable: Vec<f64>,
    /// u.
    pub utility: Vec<f64>,
    /// R = mean tax − public spending, $/year per worker.
    pub rebate: f64,
    /// |R paid − R that the workers expected|, $/year: 0 but for rounding, except where a
    /// discontinuous response leaves no exact fixed point.
    pub rebate_gap: f64,
    /// Whether serving workers came to rest (see [`Society::hours_into`]).
    pub settled: bool,
}

impl Society {
    /// Rational workers with the given wages, $/hour.
    pub fn rational(economy: Economy, wage: Vec<f64>) -> Self {
        let behaviour = vec![Behaviour::Rational; wage.len()];
        Self::new(economy, wage, behaviour)
    }

    /// Workers with wages ($/hour) and behaviours, equally many, who share their preferences.
    pub fn new(economy: Economy, wage: Vec<f64>, behaviour: Vec<Behaviour>) -> Self {
        assert_eq!(wage.len(), behaviour.len(), "a behaviour for each worker");
        let mut society = Society {
            economy,
            tastes: vec![economy],
            taste: vec![0; wage.len()],
            untaxed_labor: wage.iter().map(|&w| economy.untaxed_labor(w)).collect(),
            wage,
            behaviour,
            others: Vec::new(),
            serving: Vec::new(),
            objective: Objective::Utilitarian,
            bounded: Vec::new(),
            frictions: Vec::new(),
            copies: 1,
        };
        society.sort_behaviours();
        society
    }

    /// The same workers with preferences of their own: `taste` holds for each worker the place in
    /// `tastes` of its χ and δ; all else in `tastes` must be the economy's.
    #[must_use]
    pub fn with_tastes(mut self, tastes: Vec<Economy>, taste: Vec<u32>) -> Self {
        assert_eq!(self.len(), taste.len(), "a taste for each worker");
        self.untaxed_labor = (self.wage.iter().zip(&taste))
            .map(|(&w, &t)| tastes[t as usize].untaxed_labor(w))
            .collect();
        (self.tastes, self.taste) = (tastes, taste);
        self
    }

    /// The same workers, of whom every `copies` in a row stand for one person.
    #[must_use]
    pub fn holding_copies(mut self, copies: usize) -> Self {
        assert!(
            copies > 0 && self.len().is_multiple_of(copies),
            "whole persons"
        );
        self.copies = copies;
        self
    }

    /// The same workers, of whom the serving ones serve or resist `objective`.
    #[must_use]
    pub fn serving(mut self, objective: Objective) -> Self {
        self.objective = objective;
        self
    }

    /// The same workers, of whom those with a factor in `dissatisfied` are bounded (see
    /// [`bounded_utility`]); comes after [`Society::with_tastes`].
    #[must_use]
    pub fn bounded(mut self, dissatisfied: &[Option<f64>]) -> Self {
        assert_eq!(self.len(), dissatisfied.len(), "an entry for each worker");
        let bounded = dissatisfied.iter().enumerate().filter_map(|(place, d)| {
            let taste = &self.tastes[self.taste[place] as usize];
            Some(Bounded {
                place,
                dissatisfied: (*d)?,
                without_policy: utility_without_policy(taste, self.wage[place]),
            })
        });
        self.bounded = bounded.collect();
        self
    }

    /// The same workers, of whom the rational ones have frictions: one entry for each worker.
    #[must_use]
    pub fn with_frictions(mut self, frictions: &[Friction]) -> Self {
        assert_eq!(self.len(), frictions.len(), "an entry for each worker");
        // The utility that bounded workers compare with knows no frictions.
        let plain = frictions.iter().all(Friction::is_none);
        assert!(plain || self.bounded.is_empty(), "bounded or frictions");
        self.frictions = match frictions.iter().all(Friction::is_none) {
            true => Vec::new(),
            false => frictions.to_vec(),
        };
        self
    }

    /// Takes what workers do under `schedule` as the hours that they change from, where changing
    /// them costs.
    #[must_use]
    pub fn settled_under(mut self, schedule: &Schedule) -> Self {
        if self.frictions.iter().any(|f| f.adjustment_cost > 0.0) {
            self.frictions.iter_mut().for_each(|f| f.before = None);
            let mut hours = Vec::new();
            self.hours_into(schedule, &mut hours);
            self.remember(&hours);
        }
        self
    }

    /// Takes these hours per week, one for each worker, as the ones that workers change from.
    pub fn remember(&mut self, hours: &[f64]) {
        for (friction, &hours) in self.frictions.iter_mut().zip(hours) {
            friction.before = Some(hours);
        }
    }

    /// What frictions cost each worker at these hours, in the unit of utility; `None` where nobody
    /// has any.
    pub fn friction_costs(&self, labor: &[f64]) -> Option<Vec<f64>> {
        let costs = |(i, f): (usize, &Friction)| match self.behaviour[i] {
            Behaviour::Rational => f.cost(labor[i]),
            _ => 0.0,
        };
        (!self.frictions.is_empty()).then(|| self.frictions.iter().enumerate().map(costs).collect())
    }

    fn sort_behaviours(&mut self) {
        let each = || self.behaviour.iter().enumerate();
        self.others = each()
            .filter(|(_, b)| matches!(b, Behaviour::Fixed(_) | Behaviour::Logit { .. }))
            .map(|(i, _)| i)
            .collect();
        self.serving = each()
            .filter_map(|(i, b)| match b {
                Behaviour::Serving(motive) => Some((i, *motive)),
                _ => None,
            })
            .collect();
    }

    /// Gives workers (place, hours per week) fixed hours from now on.
    pub fn fix(&mut self, hours: impl IntoIterator<Item = (usize, f64)>) {
        for (place, hours) in hours {
            self.behaviour[place] = Behaviour::Fixed(hours);
        }
        self.sort_behaviours();
    }

    /// The economy's constants.
    pub fn economy(&self) -> &Economy {
        &self.economy
    }

    /// Wages by worker, $/hour.
    pub fn wage(&self) -> &[f64] {
        &self.wage
    }

    /// Number of workers, copies among them.
    pub fn len(&self) -> usize {
        self.wage.len()
    }

    /// Number of persons: of workers, where it holds no copies.
    pub fn persons(&self) -> usize {
        self.len() / self.copies
    }

    /// Where a person stands: several places in a row where it holds copies.
    pub fn places(&self, person: usize) -> std::ops::Range<usize> {
        person * self.copies..(person + 1) * self.copies
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.wage.is_empty()
    }

    /// Workers who serve or resist welfare.
    pub fn serving_workers(&self) -> usize {
        self.serving.len()
    }

    /// Largest gap, relative to mean income, between the rebate that workers expect and the one
    /// that is paid, at which a schedule counts as having an equilibrium: [`EQUILIBRIUM_TOLERANCE`],
    /// but a tenth of a percent where somebody picks from whole options of hours or has frictions,
    /// so that taxes jump.
    pub fn equilibrium_tolerance(&self) -> f64 {
        let is_logit = |b: &Behaviour| matches!(b, Behaviour::Logit { .. });
        if self.behaviour.iter().any(is_logit) || !self.frictions.is_empty() {
            1e-3
        } else {
            EQUILIBRIUM_TOLERANCE
        }
    }

    /// About `count` workers at even steps of wage rank, for a coarse search.
    pub fn thinned(&self, count: usize) -> Society {
        if self.len() <= count {
            return self.clone();
        }
        let order = super::inequality::ascending_order(&self.wage);
        let picks: Vec<usize> = (0..count)
            .map(|i| order[((i as f64 + 0.5) * self.len() as f64 / count as f64) as usize] as usize)
            .collect();
        let mut dissatisfied = vec![None; self.len()];
        for bounded in &self.bounded {
            dissatisfied[bounded.place] = Some(bounded.dissatisfied);
        }
        let dissatisfied: Vec<_> = picks.iter().map(|&i| dissatisfied[i]).collect();
        Society::new(
            self.economy,
            picks.iter().map(|&i| self.wage[i]).collect(),
            picks.iter().map(|&i| self.behaviour[i]).collect(),
        )
        .with_tastes(
            self.tastes.clone(),
            picks.iter().map(|&i| self.taste[i]).collect(),
        )
        .serving(self.objective.clone())
        .bounded(&dissatisfied)
        .with_frictions(&match self.frictions.is_empty() {
            true => vec![Friction::default(); count],
            false => picks.iter().map(|&i| self.frictions[i]).collect(),
        })
    }

    /// The workers as types in ascending order of productivity, and the place of each.
    ///
    /// # Errors
    /// Workers whom one number does not order: not rational, bounded, with frictions, or of
    /// different δ.
    pub fn types(&self) -> Result<(Types, Vec<usize>)> {
        let delta = self.economy.labor_exponent;
        let rational = |b: &Behaviour| *b == Behaviour::Rational;
        let refused = if !self.behaviour.iter().all(rational) {
            "workers who are not rational"
        } else if self.tastes.iter().any(|t| t.labor_exponent != delta) {
            "groups with a labor_exponent of their own"
        } else if !self.bounded.is_empty() {
            "bounded workers"
        } else if !self.frictions.is_empty() {
            "fixed costs of work, coarse hours or costs of changing them"
        } else {
            ""
        };
        if !refused.is_empty() {
            return Err(Error::input("no continuous optimum for these workers")
                .value(refused)
                .allowed("rational workers with the economy's labor_exponent"));
        }
        let taste = |i: usize| &self.tastes[self.taste[i] as usize];
        let cost: Vec<f64> = (0..self.len())
            .map(|i| {
                let yearly = self.economy.weeks_per_year * self.wage[i];
                taste(i).disutility(1.0) * yearly.powf(-delta)
            })
            .collect();
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| cost[b].total_cmp(&cost[a]));
        let most = |&i: &usize| self.economy.income(self.wage[i], self.economy.labor_max);
        let types = Types {
            cost: order.iter().map(|&i| cost[i]).collect(),
            mass: vec![1.0; self.len()],
            // With tastes of their own the more productive may have the lower wage and limit.
            most: order.iter().map(most).collect(),
        };
        if types.most.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(Error::input("no continuous optimum for these workers")
                .value("groups whose labor_cost turns the order of wages round")
                .allowed("one labor_cost for all"));
        }
        Ok((types, order))
    }

    /// Outcome of a schedule.
    pub fn outcome(&self, schedule: &Schedule) -> Outcome {
        let mut outcome = Outcome::default();
        self.outcome_into(schedule, &mut outcome);
        outcome
    }

    /// Everybody's hours per week under a schedule, and the rebate ($/year) that those expected
    /// who care for it (under isoelastic utility).
    ///
    /// The joint fixed point of the rational workers in the rebate, of the serving ones in each
    /// other's hours, and of both. The flag says whether it was reached.
    pub fn hours_into(&self, schedule: &Schedule, labor: &mut Vec<f64>) -> (Option<f64>, bool) {
        let economy = &self.economy;
        labor.resize(self.len(), 0.0);
        let responses: Vec<Response> = self
            .tastes
            .iter()
            .map(|taste| Response::new(taste, schedule))
            .collect();
        let options = hour_options(economy.labor_max);
        // Hours of serving workers; none in the first round, in which they are rational.
        let mut served: Option<Vec<f64>> = None;
        let respond = |labor: &mut [f64], rebate: f64, served: Option<&[f64]>| {
            if let [response] = &responses[..] {
                response.labor_of_many(&self.wage, &self.untaxed_labor, rebate, labor);
            } else {
                for (i, l) in labor.iter_mut().enumerate() {
                    let response = &responses[self.taste[i] as usize];
                    *l = response.labor(self.wage[i], self.untaxed_labor[i], rebate);
                }
            }
            for (i, friction) in self.frictions.iter().enumerate() {
                if self.behaviour[i] == Behaviour::Rational && !friction.is_none() {
                    let taste = &self.tastes[self.taste[i] as usize];
                    labor[i] = friction.labor(taste, schedule, self.wage[i], rebate, labor[i]);
                }
            }
            for &i in &self.others {
                labor[i] = match self.behaviour[i] {
                    Behaviour::Fixed(hours) => hours,
                    Behaviour::Logit { scale, quantile } => {
                        let taste = &self.tastes[self.taste[i] as usize];
                        let wage = self.wage[i];
                        let p = logit_probabilities(taste, schedule, wage, rebate, scale, &options);
                        options[at_quantile(&p, quantile)]
                    }
                    Behaviour::Rational | Behaviour::Serving(_) => labor[i],
                };
            }
            for (&(i, _), &hours) in self.serving.iter().zip(served.unwrap_or_default()) {
                labor[i] = hours;
            }
        };
        let mean_tax = |labor: &[f64]| {
            let tax = |(l, w): (&f64, &f64)| schedule.tax(economy.income(*w, *l));
            labor.iter().zip(&self.wage).map(tax).sum::<f64>() / self.len() as f64
        };
        let answer = |labor: &mut [f64], served: Option<&[f64]>| match economy.utility {
            Utility::Quasilinear => {
                respond(labor, 0.0, served);
                None
            }
            Utility::Isoelastic { .. } => {
                let rebate = equilibrium_rebate(economy.public_spending, |rebate| {
                    respond(labor, rebate, served);
                    mean_tax(labor)
                });
                respond(labor, rebate, served);
                Some(rebate)
            }
        };
        let mut expected = answer(labor, None);
        if self.serving.is_empty() {
            return (expected, true);
        }
        let stage = Stage {
            economy,
            tastes: &self.tastes,
            taste: &self.taste,
            wage: &self.wage,
            schedule,
            objective: &self.objective,
        };
        let mut reached = false;
        for _ in 0..RESPONSE_ROUNDS {
            let settled = stage.settle(&self.serving, labor);
            let hours: Vec<f64> = self.serving.iter().map(|&(i, _)| labor[i]).collect();
            if economy.utility == Utility::Quasilinear {
                return (None, settled);
            }
            let gap = |before: &Vec<f64>| {
                let moves = before.iter().zip(&hours).map(|(a, b)| (a - b).abs());
                moves.fold(0.0, f64::max)
            };
            reached = settled && served.as_ref().is_some_and(|s| gap(s) <= SETTLED_WITHIN);
            expected = answer(labor, Some(&hours));
            served = Some(hours);
            if reached {
                break;
            }
        }
        (expected, reached)
    }

    /// Outcome of a schedule, into vectors that are used again.
    pub fn outcome_into(&self, schedule: &Schedule, outcome: &mut Outcome) {
        let n = self.len();
        let (expected, settled) = self.hours_into(schedule, &mut outcome.labor);
        outcome.settled = settled;
        for column in [
            &mut outcome.income,
            &mut outcome.tax,
            &mut outcome.disposable,
            &mut outcome.utility,
        ] {
            column.resize(n, 0.0);
        }
        let economy = &self.economy;
        economy.income_of_many(&self.wage, &outcome.labor, &mut outcome.income);
        schedule.tax_of_many(&outcome.income, &mut outcome.tax);
        outcome.rebate = lanes::sum_of(&outcome.tax) / n as f64 - economy.public_spending;
        outcome.rebate_gap = expected.map_or(0.0, |r| (r - outcome.rebate).abs());
        for (i, disposable) in outcome.disposable.iter_mut().enumerate() {
            *disposable = outcome.income[i] - outcome.tax[i] + outcome.rebate;
        }
        if let [taste] = &self.tastes[..] {
            taste.utility_of_many(&outcome.disposable, &outcome.labor, &mut outcome.utility);
        } else {
            for (i, utility) in outcome.utility.iter_mut().enumerate() {
                let taste = &self.tastes[self.taste[i] as usize];
                *utility = taste.utility(outcome.disposable[i], outcome.labor[i]);
            }
        }
        if let Some(costs) = self.friction_costs(&outcome.labor) {
            for (utility, cost) in outcome.utility.iter_mut().zip(costs) {
                *utility -= cost;
            }
        }
        for bounded in &self.bounded {
            let utility = &mut outcome.utility[bounded.place];
            let satisfied = f64::from(u8::from(*utility >= bounded.without_policy));
            *utility = bounded_utility(*utility, bounded.dissatisfied, satisfied);
        }
    }

    /// Welfare of a schedule under an objective.
    pub fn welfare(&self, schedule: &Schedule, objective: &Objective) -> f64 {
        objective.welfare(
            &self.economy,
            &self.outcome(schedule).allocation(&self.wage),
        )
    }
}

impl Outcome {
    /// As the argument of a welfare function.
    pub fn allocation<'a>(&'a self, wage: &'a [f64]) -> Allocation<'a> {
        Allocation {
            wage,
            income: &self.income,
            disposable: &self.disposable,
            utility: &self.utility,
        }
    }
}

/// Rounds of rational workers answering the rebate and serving workers answering all, at most.
const RESPONSE_ROUNDS: usize = 50;

/// The rebate R that solves R = mean tax(R) − public spending, $/year, when workers answer R.
///
/// Under isoelastic utility leisure is normal, so mean tax falls in R and the root is unique; it
/// lies between −spending and mean tax(−spending) − spending where rates are not negative.
/// Found by a bracketing secant method on an interval that is widened until it holds the root.
pub fn equilibrium_rebate(public_spending: f64, mut mean_tax: impl FnMut(f64) -> f64) -> f64 {
    let mut low = -public_spending;
    let mut high = mean_tax(low) - public_spending;
    if high < low {
        std::mem::swap(&mut low, &mut high);
    }
    let excess = std::cell::RefCell::new(|rebate: f64| mean_tax(rebate) - public_spending - rebate);
    let excess = |rebate: f64| (excess.borrow_mut())(rebate);
    let mut width = (high - low).max(1.0);
    for _ in 0..60 {
        if excess(low) >= 0.0 {
            break;
        }
        low -= width;
        width *= 2.0;
    }
    decreasing_root(excess, low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equilibrium_rebate_solves_its_equation() {
        // Mean tax 1000 − R/2: R = 1000 − R/2 − 100 gives 600.
        let rebate = equilibrium_rebate(100.0, |r| 1000.0 - 0.5 * r);
        assert!((rebate - 600.0).abs() < 1e-9);
    }

    /// One isoelastic worker under a flat tax against a fine grid over hours, with R = T.
    #[test]
    fn joint_fixed_point_against_brute_force() {
        let economy = Economy {
            utility: Utility::Isoelastic {
                eta: 1.5,
                consumption_unit: 1000.0,
            },
            labor_cost: 1e-7,
            public_spending: 500.0,
            ..Economy::default()
        };
        let society = Society::rational(economy, vec![25.0]);
        let schedule = Schedule::flat(0.3).unwrap();
        let outcome = society.outcome(&schedule);
        assert!(outcome.rebate_gap < 1e-6);
        assert!((outcome.rebate - (outcome.tax[0] - 500.0)).abs() < 1e-9);
        let best = (0..=1_000_000)
            .map(|i| f64::from(i) * 1e-4)
            .map(|l| {
                (
                    economy.utility_of_labor(25.0, l, &schedule, outcome.rebate),
                    l,
                )
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap();
        assert!(
            (best.1 - outcome.labor[0]).abs() < 1e-3,
            "{best:?} {:?}",
            outcome.labor
        );
    }

    #[test]
    fn budget_balances() {
        let economy = Economy {
            public_spending: 2_000.0,
            ..Economy::default()
        };
        let wages: Vec<f64> = (1..200).map(f64::from).collect();
        let society = Society::rational(economy, wages);
        let outcome = society.outcome(crate::fiscal::laws::find("us-2024").unwrap());
        let disposable: f64 = outcome.disposable.iter().sum();
        let income: f64 = outcome.income.iter().sum();
        assert!(((disposable + 199.0 * 2_000.0) / income - 1.0).abs() < 1e-12);
    }
}
