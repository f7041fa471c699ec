//! What is recorded of every step: one fixed list of statistics of the whole population.

use crate::fiscal::inequality::{
    concentration, gini, mean, poverty_share, quantile, sort_order, top_share,
};
use crate::fiscal::objective::{Allocation, Objective};
use crate::fiscal::{Economy, Schedule};

/// The state of all workers in one step, equally long slices by worker.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// $/hour.
    pub wage: &'a [f64],
    /// Hours per week.
    pub labor: &'a [f64],
    /// Pre-tax income, $/year.
    pub income: &'a [f64],
    /// Tax, $/year.
    pub tax: &'a [f64],
    /// Disposable income, $/year.
    pub disposable: &'a [f64],
    /// Utility.
    pub utility: &'a [f64],
}

/// Variables whose distribution is recorded.
pub const VARIABLES: [&str; 5] = ["income", "labor", "tax", "disposable", "utility"];

/// Statistics of each variable.
pub const MOMENTS: [&str; 5] = ["mean", "median", "p10", "p90", "p99"];

/// Names of the statistics in the order of [`Recorder::record`], without the shares at kinks.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = VARIABLES
        .iter()
        .flat_map(|variable| {
            MOMENTS
                .iter()
                .map(move |moment| format!("{variable}_{moment}"))
        })
        .collect();
    names.extend(
        [
            "utility_min",
            "gini_income",
            "gini_disposable",
            "gini_utility",
            "top10_share",
            "top1_share",
            "poverty_share",
            "reynolds_smolensky",
            "kakwani",
        ]
        .map(String::from),
    );
    names
}

/// Computes the statistics of step after step; keeps the orders of the last step, because
/// incomes rarely change places, and its buffers.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    orders: [Vec<u32>; 5],
    sorted: Vec<f64>,
}

impl Recorder {
    /// Statistics in the order of [`names`]; NaN where one is not defined (a Gini of a total ≤ 0,
    /// Kakwani's index without tax).
    ///
    /// Reynolds–Smolensky = G(income) − C(disposable), Kakwani = C(tax) − G(income), with
    /// concentration C by rank of pre-tax income. Sources: Reynolds & Smolensky (1977), Kakwani (1977).
    pub fn record(&mut self, panel: &Panel) -> Vec<f64> {
        let n = panel.wage.len();
        let columns = [
            panel.income,
            panel.labor,
            panel.tax,
            panel.disposable,
            panel.utility,
        ];
        let mut values = Vec::with_capacity(VARIABLES.len() * MOMENTS.len() + 9);
        let mut rest = [f64::NAN; 9];
        for (variable, column) in columns.into_iter().enumerate() {
            let order = &mut self.orders[variable];
            if order.len() != n {
                *order = (0..n as u32).collect();
            }
            sort_order(order, column);
            self.sorted.clear();
            self.sorted
                .extend(order.iter().map(|&i| column[i as usize]));
            let sorted = &self.sorted;
            values.push(mean(column));
            values.extend([0.5, 0.1, 0.9, 0.99].map(|p| quantile(sorted, p)));
            match VARIABLES[variable] {
                "income" => {
                    rest[1] = gini(sorted);
                    rest[4] = top_share(sorted, 0.10);
                    rest[5] = top_share(sorted, 0.01);
                }
                "disposable" => {
                    rest[2] = gini(sorted);
                    rest[6] = poverty_share(sorted);
                }
                "utility" => {
                    rest[0] = sorted[0];
                    rest[3] = gini(sorted);
                }
                _ => {}
            }
        }
        let by_income = |column: &'static str| {
            let values = if column == "tax" {
                panel.tax
            } else {
                panel.disposable
            };
            concentration(self.orders[0].iter().map(move |&i| values[i as usize]))
        };
        rest[7] = rest[1] - by_income("disposable");
        rest[8] = by_income("tax") - rest[1];
        values.extend(rest);
        values
    }
}

/// Share of workers whose income sits at each upper kink b_2 … b_B of the schedule, within 1e-9
/// relative: bunching, without a bandwidth to choose.
pub fn kink_shares(schedule: &Schedule, income: &[f64]) -> Vec<f64> {
    let kinks = &schedule.edges()[1..];
    let mut counts = vec![0usize; kinks.len()];
    for &z in income {
        let above = kinks.partition_point(|&kink| kink < z * (1.0 - 1e-9));
        if above < kinks.len() && (z - kinks[above]).abs() <= 1e-9 * kinks[above] {
            counts[above] += 1;
        }
    }
    counts
        .iter()
        .map(|&c| c as f64 / income.len() as f64)
        .collect()
}

/// Welfare under each of `objectives`, in their order.
pub fn welfare_of_all(objectives: &[Objective], economy: &Economy, panel: &Panel) -> Vec<f64> {
    let allocation = Allocation {
        wage: panel.wage,
        income: panel.income,
        disposable: panel.disposable,
        utility: panel.utility,
    };
    objectives
        .iter()
        .map(|objective| objective.welfare(economy, &allocation))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_panel() {
        let income = [40.0, 10.0, 20.0, 30.0];
        let tax = [16.0, 0.0, 2.0, 6.0];
        let disposable = [30.0, 16.0, 24.0, 30.0];
        let panel = Panel {
            wage: &[4.0, 1.0, 2.0, 3.0],
            labor: &[10.0, 10.0, 10.0, 10.0],
            income: &income,
            tax: &tax,
            disposable: &disposable,
            utility: &disposable,
        };
        let mut recorder = Recorder::default();
        let values = recorder.record(&panel);
        let names = names();
        assert_eq!(values.len(), names.len());
        let get = |name: &str| values[names.iter().position(|n| n == name).unwrap()];
        assert_eq!(get("income_mean"), 25.0);
        assert_eq!(get("income_median"), 25.0);
        assert!((get("income_p90") - 37.0).abs() < 1e-12);
        assert_eq!(get("utility_min"), 16.0);
        assert_eq!(get("gini_income"), 0.25);
        // C(tax): Σ(2i−5)·t/(4·24) with t = 0, 2, 6, 16 → (−2 + 6 + 48)/96.
        assert!((get("kakwani") - (52.0 / 96.0 - 0.25)).abs() < 1e-12);
        // C(disposable): 16, 24, 30, 30 → (−48 − 24 + 30 + 90)/400 = 0.12.
        assert!((get("reynolds_smolensky") - (0.25 - 0.12)).abs() < 1e-12);
        assert!((get("top10_share") - 0.4 * 40.0 / 100.0).abs() < 1e-12);
        assert_eq!(get("poverty_share"), 0.0);
        assert_eq!(recorder.record(&panel), values);
    }

    #[test]
    fn kinks_count_only_those_who_sit_there() {
        let schedule = Schedule::new(&[0.0, 100.0, 200.0], &[0.1, 0.2, 0.3]).unwrap();
        let income = [100.0, 100.0 * (1.0 + 1e-12), 100.1, 200.0, 50.0];
        assert_eq!(kink_shares(&schedule, &income), [0.4, 0.2]);
    }
}
