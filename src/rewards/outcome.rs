//! All that happened under one schedule, and named numbers of it.

use crate::fiscal::{Allocation, Economy, Outcome, Schedule, inequality};

/// What happened under a schedule in a period (or on average over a tax year), by worker.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The schedule.
    pub schedule: &'a Schedule,
    /// The economy's constants.
    pub economy: &'a Economy,
    /// $/hour.
    pub wage: &'a [f64],
    /// Hours per week.
    pub labor: &'a [f64],
    /// $/year.
    pub income: &'a [f64],
    /// $/year.
    pub tax: &'a [f64],
    /// $/year.
    pub disposable: &'a [f64],
    /// u.
    pub utility: &'a [f64],
    /// $/year per worker.
    pub rebate: f64,
}

impl<'a> Situation<'a> {
    /// What a society does under `schedule`.
    pub fn of(
        schedule: &'a Schedule,
        economy: &'a Economy,
        wage: &'a [f64],
        outcome: &'a Outcome,
    ) -> Self {
        Situation {
            schedule,
            economy,
            wage,
            labor: &outcome.labor,
            income: &outcome.income,
            tax: &outcome.tax,
            disposable: &outcome.disposable,
            utility: &outcome.utility,
            rebate: outcome.rebate,
        }
    }

    /// As the argument of welfare functions.
    pub fn allocation(&self) -> Allocation<'a> {
        Allocation {
            wage: self.wage,
            income: self.income,
            disposable: self.disposable,
            utility: self.utility,
        }
    }

    /// Number of workers.
    pub fn workers(&self) -> usize {
        self.wage.len()
    }
}

/// Names of [`outcome_features`], each with its unit in [`outcome_units`].
pub fn outcome_names() -> Vec<String> {
    let deciles = (1..=10).map(|k| format!("disposable_decile_{k}"));
    let rest = [
        "labor_mean",
        "income_mean",
        "gini_disposable",
        "revenue",
        "effort_mean",
    ];
    deciles.chain(rest.map(str::to_owned)).collect()
}

/// Units of [`outcome_features`].
pub fn outcome_units() -> Vec<&'static str> {
    let mut units = vec!["$/year"; 10];
    units.extend(["hours/week", "$/year", "", "$/year per worker", "$/year"]);
    units
}

/// Numbers of an outcome that any citizen could read in a newspaper: mean disposable income of each
/// tenth of workers by wage (poorest first, $/year), mean hours per week, mean income ($/year), Gini
/// coefficient of disposable income (0 where nobody has any), mean tax ($/year per worker), and the mean cost of effort
/// (weeks·χ·l^δ, in $/year under quasilinear utility).
///
/// Tenths have ⌊k·n/10⌋ as bounds; with fewer than ten workers some hold nobody and repeat the one
/// before.
pub fn outcome_features(situation: &Situation) -> Vec<f64> {
    let n = situation.workers();
    let order = inequality::ascending_order(situation.wage);
    let mut features = Vec::with_capacity(15);
    for k in 0..10 {
        let (from, to) = (k * n / 10, (k + 1) * n / 10);
        let places = match from < to {
            true => &order[from..to],
            false => &order[from.min(n - 1)..from.min(n - 1) + 1],
        };
        let sum: f64 = places
            .iter()
            .map(|&i| situation.disposable[i as usize])
            .sum();
        features.push(sum / places.len() as f64);
    }
    let effort: f64 = situation
        .labor
        .iter()
        .map(|&l| situation.economy.disutility(l))
        .sum();
    let mut disposable = situation.disposable.to_vec();
    disposable.sort_unstable_by(f64::total_cmp);
    // All taxed away: nobody works, and nobody has more than another.
    let gini = match disposable.last() {
        Some(most) if *most > 0.0 => inequality::gini(&disposable),
        _ => 0.0,
    };
    features.extend([
        inequality::mean(situation.labor),
        inequality::mean(situation.income),
        gini,
        inequality::mean(situation.tax),
        effort / n as f64,
    ]);
    features
}

/// Names of [`own_features`].
pub fn own_names() -> Vec<String> {
    ["disposable", "effort", "labor"]
        .map(str::to_owned)
        .to_vec()
}

/// What one worker meets under a schedule: own disposable income ($/year), own cost of effort
/// (weeks·χ·l^δ) and own hours per week.
pub fn own_features(situation: &Situation, worker: usize) -> Vec<f64> {
    let labor = situation.labor[worker];
    vec![
        situation.disposable[worker],
        situation.economy.disutility(labor),
        labor,
    ]
}

#[cfg(test)]
mod tests {
    use super::super::basic::fixture::{made, society};
    use super::*;
    use crate::fiscal::Schedule;

    /// Under a tax of everything nobody works or has anything: every number is 0.
    #[test]
    fn nobody_has_anything() {
        let society = society(30);
        let all_taxed = made(&society, &Schedule::flat(1.0).unwrap());
        assert_eq!(outcome_features(&all_taxed.situation()), vec![0.0; 15]);
    }
}
