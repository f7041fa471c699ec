//! A population that answers a schedule in closed form: the full-information
//! model behind the baselines and the optimum.

use crate::fiscal::objective::{Allocation, Objective};
use crate::fiscal::response::{Response, decreasing_root};
use crate::fiscal::{Economy, Schedule, Utility, lanes};

/// How a worker chooses hours when the outcome of a schedule is computed without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// Exact best response.
    Rational,
    /// Always these hours per week.
    Fixed(f64),
}

/// Workers with wages and behaviours, in one economy.
#[derive(Clone, Debug)]
pub struct Society {
    economy: Economy,
    wage: Vec<f64>,
    untaxed_labor: Vec<f64>,
    behaviour: Vec<Behaviour>,
    /// Workers whose hours are given, and the hours.
    fixed: Vec<(usize, f64)>,
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
}

impl Society {
    /// Rational workers with the given wages, $/hour.
    pub fn rational(economy: Economy, wage: Vec<f64>) -> Self {
        let behaviour = vec![Behaviour::Rational; wage.len()];
        Self::new(economy, wage, behaviour)
    }

    /// Workers with wages ($/hour) and behaviours, equally many.
    pub fn new(economy: Economy, wage: Vec<f64>, behaviour: Vec<Behaviour>) -> Self {
        assert_eq!(wage.len(), behaviour.len(), "a behaviour for each worker");
        let untaxed_labor = wage.iter().map(|&w| economy.untaxed_labor(w)).collect();
        let fixed = behaviour.iter().enumerate().filter_map(|(i, b)| match b {
            Behaviour::Rational => None,
            Behaviour::Fixed(hours) => Some((i, *hours)),
        });
        Society {
            economy,
            wage,
            untaxed_labor,
            fixed: fixed.collect(),
            behaviour,
        }
    }

    /// The economy's constants.
    pub fn economy(&self) -> &Economy {
        &self.economy
    }

    /// Wages by worker, $/hour.
    pub fn wage(&self) -> &[f64] {
        &self.wage
    }

    /// Number of workers.
    pub fn len(&self) -> usize {
        self.wage.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.wage.is_empty()
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
        Society::new(
            self.economy,
            picks.iter().map(|&i| self.wage[i]).collect(),
            picks.iter().map(|&i| self.behaviour[i]).collect(),
        )
    }

    /// Outcome of a schedule.
    pub fn outcome(&self, schedule: &Schedule) -> Outcome {
        let mut outcome = Outcome::default();
        self.outcome_into(schedule, &mut outcome);
        outcome
    }

    /// Outcome of a schedule, into vectors that are used again.
    pub fn outcome_into(&self, schedule: &Schedule, outcome: &mut Outcome) {
        let n = self.len();
        let response = Response::new(&self.economy, schedule);
        let mut labor = std::mem::take(&mut outcome.labor);
        labor.resize(n, 0.0);
        let respond = |labor: &mut [f64], rebate: f64| {
            response.labor_of_many(&self.wage, &self.untaxed_labor, rebate, labor);
            for &(i, hours) in &self.fixed {
                labor[i] = hours;
            }
        };
        let mean_tax = |labor: &[f64]| {
            let tax = |(l, w): (&f64, &f64)| schedule.tax(self.economy.income(*w, *l));
            labor.iter().zip(&self.wage).map(tax).sum::<f64>() / n as f64
        };
        let mut expected = None;
        match self.economy.utility {
            Utility::Quasilinear => respond(&mut labor, 0.0),
            Utility::Isoelastic { .. } => {
                let spending = self.economy.public_spending;
                let rebate = equilibrium_rebate(spending, |rebate| {
                    respond(&mut labor, rebate);
                    mean_tax(&labor)
                });
                respond(&mut labor, rebate);
                expected = Some(rebate);
            }
        }
        outcome.labor = labor;
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
        economy.utility_of_many(&outcome.disposable, &outcome.labor, &mut outcome.utility);
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
