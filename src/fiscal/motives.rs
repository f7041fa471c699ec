//! Workers who choose hours for or against everybody's welfare.
//!
//! An altruistic worker chooses the hours that maximise the scenario's welfare W, an adversarial
//! one those that minimise it, given the hours of all others and knowing that the tax on its own
//! income changes everybody's rebate by ΔT/N. Several of them answer each other in order of place
//! until nobody moves.

use super::choice::HOURS_STEP;
use super::{Allocation, Economy, Objective, Schedule, Utility};

/// Whose good a worker is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motive {
    /// Its own utility (`self` in scenarios).
    Own,
    /// The scenario's welfare.
    Altruistic,
    /// Against the scenario's welfare.
    Adversarial,
}

impl Motive {
    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        match self {
            Motive::Own => "self",
            Motive::Altruistic => "altruistic",
            Motive::Adversarial => "adversarial",
        }
    }
}

/// Rounds in which the workers answer each other, at most.
pub const ROUNDS_MAX: usize = 100;

/// Hours by which nobody may still want to move once all have answered.
pub const SETTLED_WITHIN: f64 = 1e-6;

/// A society in which some workers serve or resist welfare.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// Constants that money-metric utility and spending need.
    pub economy: &'a Economy,
    /// Preferences by worker.
    pub tastes: &'a [Economy],
    /// Index into `tastes` by worker.
    pub taste: &'a [u32],
    /// $/hour by worker.
    pub wage: &'a [f64],
    /// The schedule in force.
    pub schedule: &'a Schedule,
    /// W.
    pub objective: &'a Objective,
}

impl Stage<'_> {
    /// Whether the effect of one worker's hours on W does not depend on anybody else's: utility is
    /// quasilinear and W a mean of u with fixed weights.
    pub fn is_separable(objective: &Objective, economy: &Economy) -> bool {
        economy.utility == Utility::Quasilinear
            && matches!(
                objective,
                Objective::Utilitarian | Objective::InverseWage | Objective::Pareto { .. }
            )
    }

    /// Lets the workers at `members` (place, motive), in this order, answer the hours of all others
    /// in `labor` (per week) until nobody moves by more than [`SETTLED_WITHIN`]. Returns whether
    /// that was reached within [`ROUNDS_MAX`] rounds: altruists and adversaries may chase each
    /// other for ever.
    ///
    /// With weights g of mean 1 and quasilinear utility the choice is separable: l maximises
    /// g_i·(z − T(z) − v(l)) + T(z), own utility as W weighs it and the tax that all share.
    pub fn settle(&self, members: &[(usize, Motive)], labor: &mut [f64]) -> bool {
        if Stage::is_separable(self.objective, self.economy) {
            let weights = self.objective.fixed_weights(self.wage);
            for &(i, motive) in members {
                labor[i] = self.separable(i, motive, weights[i]);
            }
            return true;
        }
        let mut books = Books::new(self, labor);
        for _ in 0..ROUNDS_MAX {
            let mut moved: f64 = 0.0;
            for &(i, motive) in members {
                let hours = self.search(i, motive, |l| books.welfare_if(self, i, l));
                moved = moved.max((hours - labor[i]).abs());
                labor[i] = hours;
                books.enter(self, i, hours);
            }
            if moved <= SETTLED_WITHIN {
                return true;
            }
        }
        false
    }

    /// The end or the interior optimum of a segment that is best (worst) for
    /// g·(z − T(z) − v(l)) + T(z). On segment k the interior one is s·(1 − τ_k + τ_k/g)^{1/(δ−1)}.
    fn separable(&self, i: usize, motive: Motive, weight: f64) -> f64 {
        let own = &self.tastes[self.taste[i] as usize];
        let year = own.income(self.wage[i], 1.0);
        let untaxed = own.untaxed_labor(self.wage[i]);
        let sign = if motive == Motive::Adversarial {
            -1.0
        } else {
            1.0
        };
        let mut best = (f64::NEG_INFINITY, 0.0);
        for k in 0..self.schedule.brackets() {
            let low = self.schedule.edges()[k] / year;
            if low > own.labor_max {
                break;
            }
            let high = (self.schedule.upper(k) / year).min(own.labor_max);
            let rate = self.schedule.rates()[k];
            // Where W does not weigh the worker at all, only its tax counts.
            let net = match weight > 0.0 {
                true => 1.0 - rate + rate / weight,
                false => f64::INFINITY * rate.signum(),
            };
            let interior = untaxed * net.max(0.0).powf(own.elasticity());
            for labor in [low, interior.clamp(low, high), high] {
                let income = own.income(self.wage[i], labor);
                let tax = self.schedule.tax(income);
                let value = sign * (weight * (income - tax - own.disutility(labor)) + tax);
                // Of equally good hours the fewest.
                if value > best.0 {
                    best = (value, labor);
                }
            }
        }
        best.1
    }

    /// The hours of worker `i` with the highest (altruistic) or lowest (adversarial) `welfare`:
    /// all kinks and multiples of half an option, then golden section around the best.
    fn search(&self, i: usize, motive: Motive, mut welfare: impl FnMut(f64) -> f64) -> f64 {
        let own = &self.tastes[self.taste[i] as usize];
        let sign = match motive {
            Motive::Adversarial => -1.0,
            Motive::Altruistic | Motive::Own => 1.0,
        };
        let mut value = |l: f64| {
            let w = sign * welfare(l);
            if w.is_nan() { f64::NEG_INFINITY } else { w }
        };
        let year = own.income(self.wage[i], 1.0);
        let step = 0.5 * HOURS_STEP;
        let mut nodes: Vec<f64> = (0..=(own.labor_max / step) as u32)
            .map(|k| f64::from(k) * step)
            .chain(self.schedule.edges().iter().map(|edge| edge / year))
            .filter(|l| *l < own.labor_max)
            .chain([own.labor_max])
            .collect();
        nodes.sort_by(f64::total_cmp);
        nodes.dedup();
        let values: Vec<f64> = nodes.iter().map(|&l| value(l)).collect();
        // Of equally good hours the fewest.
        let best = (1..nodes.len()).fold(0, |b, k| if values[k] > values[b] { k } else { b });
        let (mut found, mut found_value) = (nodes[best], values[best]);
        let sides = [
            (best > 0).then(|| (nodes[best - 1], nodes[best])),
            (best + 1 < nodes.len()).then(|| (nodes[best], nodes[best + 1])),
        ];
        for (low, high) in sides.into_iter().flatten() {
            let (l, at) = golden_section(low, high, &mut value);
            if at > found_value {
                (found, found_value) = (l, at);
            }
        }
        found
    }
}

/// The highest point of a function with one top on [low, high], to 1e-9 of hours.
fn golden_section(mut low: f64, mut high: f64, f: &mut impl FnMut(f64) -> f64) -> (f64, f64) {
    let ratio = 0.5 * (5f64.sqrt() - 1.0);
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut f_a, mut f_b) = (f(a), f(b));
    while high - low > 1e-9 {
        if f_a >= f_b {
            (high, b, f_b) = (b, a, f_a);
            a = high - ratio * (high - low);
            f_a = f(a);
        } else {
            (low, a, f_a) = (a, b, f_b);
            b = low + ratio * (high - low);
            f_b = f(b);
        }
    }
    if f_a >= f_b { (a, f_a) } else { (b, f_b) }
}

/// Everybody's amounts, kept while one worker after the other tries other hours.
struct Books {
    income: Vec<f64>,
    tax: Vec<f64>,
    effort: Vec<f64>,
    disposable: Vec<f64>,
    utility: Vec<f64>,
    total_tax: f64,
}

impl Books {
    fn new(stage: &Stage, labor: &[f64]) -> Books {
        let n = labor.len();
        let mut books = Books {
            income: vec![0.0; n],
            tax: vec![0.0; n],
            effort: vec![0.0; n],
            disposable: vec![0.0; n],
            utility: vec![0.0; n],
            total_tax: 0.0,
        };
        for (i, &hours) in labor.iter().enumerate() {
            books.enter(stage, i, hours);
        }
        books
    }

    fn enter(&mut self, stage: &Stage, i: usize, hours: f64) {
        let own = &stage.tastes[stage.taste[i] as usize];
        self.income[i] = own.income(stage.wage[i], hours);
        self.tax[i] = stage.schedule.tax(self.income[i]);
        self.effort[i] = own.disutility(hours);
        self.total_tax = self.tax.iter().sum();
    }

    /// W if worker `i` worked `hours` and all others what they work.
    fn welfare_if(&mut self, stage: &Stage, i: usize, hours: f64) -> f64 {
        let own = &stage.tastes[stage.taste[i] as usize];
        let before = (self.income[i], self.effort[i]);
        let income = own.income(stage.wage[i], hours);
        let tax = stage.schedule.tax(income);
        let n = self.income.len();
        let rebate =
            (self.total_tax - self.tax[i] + tax) / n as f64 - stage.economy.public_spending;
        self.income[i] = income;
        self.effort[i] = own.disutility(hours);
        for j in 0..n {
            let paid = if j == i { tax } else { self.tax[j] };
            self.disposable[j] = self.income[j] - paid + rebate;
            self.utility[j] =
                stage.economy.consumption_utility(self.disposable[j]) - self.effort[j];
        }
        let welfare = stage.objective.welfare(
            stage.economy,
            &Allocation {
                wage: stage.wage,
                income: &self.income,
                disposable: &self.disposable,
                utility: &self.utility,
            },
        );
        (self.income[i], self.effort[i]) = before;
        welfare
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage<'a>(
        economy: &'a Economy,
        wage: &'a [f64],
        schedule: &'a Schedule,
        objective: &'a Objective,
    ) -> Stage<'a> {
        Stage {
            economy,
            tastes: std::slice::from_ref(economy),
            taste: &[0, 0],
            wage,
            schedule,
            objective,
        }
    }

    /// The general search, without the short cut of separable welfare, finds the same hours.
    #[test]
    fn general_and_separable_search_agree() {
        let economy = Economy::default();
        let wage = [12.0, 40.0];
        let law = crate::fiscal::laws::find("us-2024").unwrap();
        let objective = Objective::InverseWage;
        let stage = stage(&economy, &wage, law, &objective);
        for motive in [Motive::Altruistic, Motive::Adversarial] {
            for i in 0..2 {
                let mut labor = [30.0, 45.0];
                assert!(stage.settle(&[(i, motive)], &mut labor));
                let mut books = Books::new(&stage, &[30.0, 45.0]);
                let searched = stage.search(i, motive, |l| books.welfare_if(&stage, i, l));
                assert!((labor[i] - searched).abs() < 1e-4, "{motive:?} {i}");
                assert_eq!(labor[1 - i], [30.0, 45.0][1 - i]);
            }
        }
    }

    /// Rawlsian welfare, the poor worker fixed: the rich altruist works for the rebate alone, up to
    /// the revenue maximum, here its limit of hours as the flat tax on it never stops rising.
    #[test]
    fn a_rich_altruist_under_rawlsian_welfare() {
        let economy = Economy::default();
        let wage = [0.01, 40.0];
        let schedule = Schedule::flat(0.5).unwrap();
        let stage = stage(&economy, &wage, &schedule, &Objective::Rawlsian);
        let mut labor = [0.0, 10.0];
        assert!(stage.settle(&[(1, Motive::Altruistic)], &mut labor));
        // Until it is itself the one who is worst off: then min(u) falls. The poor one has R, the
        // rich one R + ½z − v(l): they are equal where ½·52·40·l = 0.026·l^3.5.
        let equal = (0.5 * 52.0 * 40.0 / 0.026f64).powf(1.0 / 2.5);
        assert!(
            (labor[1] - equal.min(100.0)).abs() < 1e-5,
            "{labor:?} {equal}"
        );
    }
}
