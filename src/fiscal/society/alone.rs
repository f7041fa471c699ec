//! What workers do and reach under a rebate that does not follow from the budget: the experiments
//! behind money measures of a reform, in which a sum is given to or taken from one worker alone.

use super::{Behaviour, Society};
use crate::fiscal::response::Response;
use crate::fiscal::{Schedule, Utility};
use rayon::prelude::*;

impl Society {
    /// Workers whose satisfaction scales utility.
    pub fn bounded_workers(&self) -> usize {
        self.bounded.len()
    }

    /// Hours per week with which the worker at `place` answers `schedule` and `rebate` ($/year).
    /// Workers whose hours are not a best response of their own work `held` hours.
    pub fn labor_of(&self, place: usize, schedule: &Schedule, rebate: f64, held: f64) -> f64 {
        let taste = &self.tastes[self.taste[place] as usize];
        self.answer(
            place,
            &Response::new(taste, schedule),
            schedule,
            rebate,
            held,
        )
    }

    /// Utility of the worker at `place` from `labor` hours per week under `schedule` and `rebate`
    /// ($/year), its frictions counted.
    pub fn utility_of(&self, place: usize, schedule: &Schedule, rebate: f64, labor: f64) -> f64 {
        let taste = &self.tastes[self.taste[place] as usize];
        let utility = taste.utility_of_labor(self.wage[place], labor, schedule, rebate);
        match (self.behaviour[place], self.frictions.get(place)) {
            (Behaviour::Rational, Some(friction)) => utility - friction.cost(labor),
            _ => utility,
        }
    }

    /// Hours per week of everybody under `schedule` when all are paid `rebate` ($/year), whatever
    /// the budget; `held` as in [`Society::labor_of`]. Under quasilinear utility the rebate moves
    /// nobody, and these are the hours of [`Society::hours_into`].
    pub fn labor_at_rebate(&self, schedule: &Schedule, rebate: f64, held: &[f64]) -> Vec<f64> {
        if self.economy.utility == Utility::Quasilinear {
            let mut labor = Vec::new();
            self.hours_into(schedule, &mut labor);
            return labor;
        }
        let responses: Vec<Response> = (self.tastes.iter())
            .map(|taste| Response::new(taste, schedule))
            .collect();
        (0..self.len())
            .into_par_iter()
            .map(|place| {
                let response = &responses[self.taste[place] as usize];
                self.answer(place, response, schedule, rebate, held[place])
            })
            .collect()
    }

    fn answer(
        &self,
        place: usize,
        response: &Response,
        schedule: &Schedule,
        rebate: f64,
        held: f64,
    ) -> f64 {
        match self.behaviour[place] {
            Behaviour::Rational => {
                let wage = self.wage[place];
                let smooth = response.labor(wage, self.untaxed_labor[place], rebate);
                match self.frictions.get(place) {
                    Some(friction) if !friction.is_none() => {
                        let taste = &self.tastes[self.taste[place] as usize];
                        friction.labor(taste, schedule, wage, rebate, smooth)
                    }
                    _ => smooth,
                }
            }
            Behaviour::Fixed(hours) => hours,
            Behaviour::Logit { .. } | Behaviour::Serving(_) => held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::Economy;
    use crate::fiscal::frictions::Friction;

    /// At the rebate of the equilibrium everybody does alone what they do together.
    #[test]
    fn at_the_equilibrium_rebate_alone_is_together() {
        let isoelastic = Economy {
            utility: Utility::Isoelastic {
                eta: 1.2,
                consumption_unit: 1000.0,
            },
            labor_cost: 1e-7,
            public_spending: 1_000.0,
            ..Economy::default()
        };
        let friction = Friction {
            fixed_cost: 1e-3,
            hours_step: 5.0,
            ..Friction::default()
        };
        let schedule = Schedule::new(&[0.0, 30_000.0], &[0.1, 0.4]).unwrap();
        for economy in [Economy::default(), isoelastic] {
            for friction in [Friction::default(), friction] {
                let wage: Vec<f64> = (1..60).map(f64::from).collect();
                let behaviour = (0..59)
                    .map(|i| match i % 3 {
                        0 => Behaviour::Fixed(35.0),
                        _ => Behaviour::Rational,
                    })
                    .collect();
                let society =
                    Society::new(economy, wage, behaviour).with_frictions(&vec![friction; 59]);
                let outcome = society.outcome(&schedule);
                let alone = society.labor_at_rebate(&schedule, outcome.rebate, &outcome.labor);
                for (i, &labor) in alone.iter().enumerate() {
                    assert!((labor - outcome.labor[i]).abs() < 1e-6, "{i}: {labor}");
                    let one = society.labor_of(i, &schedule, outcome.rebate, 0.0);
                    assert!((one - labor).abs() < 1e-9);
                    let utility = society.utility_of(i, &schedule, outcome.rebate, labor);
                    assert!((utility - outcome.utility[i]).abs() < 1e-6 * utility.abs());
                }
            }
        }
    }
}
