//! What is recorded of every step: one fixed list of statistics of the whole population.

use crate::fiscal::inequality::{Ranked, sort_order};
use crate::fiscal::lanes::{self, Moments};
use crate::fiscal::objective::{Allocation, Objective, Part, parts, rank_welfare};
use crate::fiscal::{Economy, Schedule, Utility};
use multiversion::multiversion;

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

impl<'a> Panel<'a> {
    /// As the argument of a welfare function.
    pub fn allocation(&self) -> Allocation<'a> {
        Allocation {
            wage: self.wage,
            income: self.income,
            disposable: self.disposable,
            utility: self.utility,
        }
    }
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

/// The statistics of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// In the order of [`names`]; NaN where one is not defined (a Gini of a total ≤ 0, Kakwani's
    /// index without tax).
    pub values: Vec<f64>,
    /// Welfare under each objective asked for.
    pub welfare: Vec<f64>,
    /// Share of workers at each kink b_2 … b_B, within 1e-9 relative: bunching, without a
    /// bandwidth to choose.
    pub kink_shares: Vec<f64>,
}

/// Computes the statistics of step after step; remembers the order of workers, who rarely change
/// places.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// In the order of [`VARIABLES`].
    orders: [Order; 5],
}

/// Ascending order of a column by index, kept from step to step.
#[derive(Clone, Debug, Default)]
struct Order {
    index: Vec<u32>,
    /// Of the column in this order.
    moments: Moments,
}

impl Order {
    /// Brings the order up to date with a column that is not in order as it stands. The order of
    /// the last step is tried first, as it barely changes, then `guess`.
    fn update(&mut self, column: &[f64], guess: Option<&[u32]>) {
        if self.index.len() != column.len() {
            self.index = (0..column.len() as u32).collect();
        }
        if self.holds(column) {
            return;
        }
        if let Some(guess) = guess {
            self.index.copy_from_slice(guess);
            if self.holds(column) {
                return;
            }
        }
        sort_order(&mut self.index, column);
        self.moments = ordered_moments(column, &self.index).0;
    }

    /// Whether the column is in this order; takes its moments.
    fn holds(&mut self, column: &[f64]) -> bool {
        let (moments, ascending) = ordered_moments(column, &self.index);
        self.moments = moments;
        ascending
    }
}

/// Moments of a column in a given order, and whether it ascends in it.
fn ordered_moments(column: &[f64], order: &[u32]) -> (Moments, bool) {
    let n = column.len();
    let parts = lanes::by_chunk(n, |range| {
        // One element further, so that a fall between chunks is seen.
        let order = &order[range.start..(range.end + 1).min(n)];
        let values: Vec<f64> = order.iter().map(|&i| column[i as usize]).collect();
        let moments = lanes::moments(&values[..range.len()], range.start, n);
        (moments, lanes::is_ascending(&values))
    });
    let (mut all, mut ascending) = (Moments::default(), true);
    for (moments, rises) in parts {
        all += moments;
        ascending &= rises;
    }
    (all, ascending)
}

/// What one chunk of workers contributes; columns in the order of [`VARIABLES`].
struct Chunk {
    moments: [Moments; 5],
    ascending: [bool; 5],
    kinks: Vec<usize>,
    welfare: Vec<Option<Part>>,
}

impl Recorder {
    /// Statistics, welfare under each of `objectives`, and shares at the kinks of `schedule`.
    ///
    /// Reynolds–Smolensky = G(income) − C(disposable), Kakwani = C(tax) − G(income), with
    /// concentration C by rank of pre-tax income. Sources: Reynolds & Smolensky (1977), Kakwani (1977).
    pub fn record(
        &mut self,
        economy: &Economy,
        objectives: &[Objective],
        schedule: &Schedule,
        panel: &Panel,
    ) -> Recorded {
        let n = panel.wage.len();
        let columns = [
            panel.income,
            panel.labor,
            panel.tax,
            panel.disposable,
            panel.utility,
        ];
        let allocation = panel.allocation();
        let kinks = &schedule.edges()[1..];
        let chunks = lanes::by_chunk(n, |range| {
            let part = allocation.part(range.clone());
            // One element further, so that a fall between chunks is seen.
            let seam = range.start..(range.end + 1).min(n);
            let ascending = columns.map(|column| lanes::is_ascending(&column[seam.clone()]));
            Chunk {
                moments: columns
                    .map(|column| lanes::moments(&column[range.clone()], range.start, n)),
                ascending,
                kinks: kinks
                    .iter()
                    .map(|&kink| at_kink(part.income, ascending[0], kink))
                    .collect(),
                welfare: parts(objectives, economy, &part),
            }
        });
        let mut moments = [Moments::default(); 5];
        let mut ascending = [true; 5];
        for chunk in &chunks {
            for v in 0..5 {
                moments[v] += chunk.moments[v];
                ascending[v] &= chunk.ascending[v];
            }
        }
        let [income, tax, disposable, utility] = [0, 2, 3, 4];
        let (by_income, others) = self.orders.split_at_mut(1);
        let by_income = &mut by_income[0];
        if !ascending[income] {
            by_income.update(columns[income], None);
        }
        for (order, v) in others.iter_mut().zip(1..) {
            if !ascending[v] {
                // Who earns more pays more and has more left.
                let guess = (!ascending[income] && (v == tax || v == disposable))
                    .then_some(by_income.index.as_slice());
                order.update(columns[v], guess);
            }
        }
        let orders = &self.orders;
        let ranked: [Ranked; 5] = std::array::from_fn(|v| match ascending[v] {
            true => Ranked::plain(columns[v]),
            false => Ranked::by_index(columns[v], &orders[v].index),
        });
        // Σ(2i−n−1)x with x ranked by itself, and ranked by income.
        let own: [f64; 5] = std::array::from_fn(|v| match ascending[v] {
            true => moments[v].rank_sum,
            false => orders[v].moments.rank_sum,
        });
        let by_income = |v: usize| {
            if ascending[income] {
                moments[v].rank_sum
            } else if !ascending[v] && orders[v].index == orders[income].index {
                own[v]
            } else {
                ordered_moments(columns[v], &orders[income].index)
                    .0
                    .rank_sum
            }
        };
        let index = |rank_sum: f64, v: usize| {
            let total = moments[v].sum;
            if total > 0.0 {
                rank_sum / (n as f64 * total)
            } else {
                f64::NAN
            }
        };
        let gini_income = index(own[income], income);
        let mut values = Vec::with_capacity(VARIABLES.len() * MOMENTS.len() + 9);
        for v in 0..5 {
            values.push(moments[v].sum / n as f64);
            values.extend([0.5, 0.1, 0.9, 0.99].map(|p| ranked[v].quantile(p)));
        }
        values.extend([
            ranked[utility].get(0),
            gini_income,
            index(own[disposable], disposable),
            index(own[utility], utility),
            ranked[income].top_share(moments[income].sum, 0.10),
            ranked[income].top_share(moments[income].sum, 0.01),
            ranked[disposable].poverty_share(),
            gini_income - index(by_income(disposable), disposable),
            index(by_income(tax), tax) - gini_income,
        ]);

        let quasilinear = economy.utility == Utility::Quasilinear;
        let welfare = objectives
            .iter()
            .enumerate()
            .map(|(i, objective)| match objective {
                // Utilities are ranked already.
                Objective::Rank if quasilinear => {
                    rank_welfare(moments[utility].sum, own[utility], n)
                }
                Objective::Rank | Objective::Pareto { .. } => {
                    objective.welfare(economy, &allocation)
                }
                _ => {
                    let parts: Vec<Option<Part>> = chunks.iter().map(|c| c.welfare[i]).collect();
                    objective.finish(&parts, n)
                }
            })
            .collect();
        let share =
            |k: usize| chunks.iter().map(|chunk| chunk.kinks[k]).sum::<usize>() as f64 / n as f64;
        Recorded {
            values,
            welfare,
            kink_shares: (0..kinks.len()).map(share).collect(),
        }
    }
}

/// Number of incomes within 1e-9 relative of `kink`.
fn at_kink(income: &[f64], ascending: bool, kink: f64) -> usize {
    let (low, high) = (kink * (1.0 - 1e-9), kink * (1.0 + 1e-9));
    if ascending {
        income.partition_point(|&z| z <= high) - income.partition_point(|&z| z < low)
    } else {
        among(income, low, high) as usize
    }
}

/// Number of values in [low, high].
#[multiversion(targets = "simd")]
fn among(values: &[f64], low: f64, high: f64) -> f64 {
    lanes::sum(values, |x| if (low <= x) & (x <= high) { 1.0 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::inequality::{concentration, gini, quantile};

    const NO_KINK: [f64; 1] = [0.0];

    fn flat() -> Schedule {
        Schedule::zero(&NO_KINK).unwrap()
    }

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
        let recorded =
            recorder.record(&Economy::default(), &[Objective::Rawlsian], &flat(), &panel);
        let names = names();
        assert_eq!(recorded.values.len(), names.len());
        let get = |name: &str| recorded.values[names.iter().position(|n| n == name).unwrap()];
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
        assert_eq!(recorded.welfare, [16.0]);
        let again = recorder.record(&Economy::default(), &[Objective::Rawlsian], &flat(), &panel);
        assert_eq!(again, recorded);
    }

    #[test]
    fn kinks_count_only_those_who_sit_there() {
        let income = [100.0, 100.0 * (1.0 + 1e-12), 100.1, 200.0, 50.0];
        assert_eq!(
            [100.0, 200.0].map(|kink| at_kink(&income, false, kink)),
            [2, 1]
        );
        let mut sorted = income;
        sorted.sort_by(f64::total_cmp);
        assert_eq!(
            [100.0, 200.0].map(|kink| at_kink(&sorted, true, kink)),
            [2, 1]
        );
    }

    /// One recorder over panels in different orders and of different sizes against a new one each.
    #[test]
    fn kept_orders_do_not_show() {
        let panel = |n: usize, step: usize| -> Vec<f64> {
            (0..n).map(|i| 1.0 + ((i * step + 3) % n) as f64).collect()
        };
        let mut kept = Recorder::default();
        // In order, shuffled in two ways, longer, as before, in order again; chunks have seams.
        for (n, step) in [
            (5_000, 1),
            (5_000, 7),
            (5_000, 1_999),
            (9_001, 13),
            (5_000, 7),
            (5_000, 1),
        ] {
            let income = panel(n, step);
            let tax: Vec<f64> = income.iter().map(|z| 0.3 * z).collect();
            let disposable: Vec<f64> = income.iter().map(|z| 0.7 * z + 50.0).collect();
            let utility: Vec<f64> = panel(n, 11);
            let panel = Panel {
                wage: &income,
                labor: &utility,
                income: &income,
                tax: &tax,
                disposable: &disposable,
                utility: &utility,
            };
            let record = |recorder: &mut Recorder| {
                recorder.record(&Economy::default(), &Objective::defaults(), &flat(), &panel)
            };
            assert_eq!(
                record(&mut kept),
                record(&mut Recorder::default()),
                "{n} {step}"
            );
        }
    }

    /// Thousands of workers in no order, many alike, against plain sorting and the definitions.
    #[test]
    fn many_workers_in_any_order() {
        let n = 20_001;
        let mut x = 1u64;
        let mut draw = || {
            x = x
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (x >> 33) as f64 / f64::from(1u32 << 31)
        };
        let wage: Vec<f64> = (0..n).map(|_| 5.0 + 80.0 * draw()).collect();
        let labor: Vec<f64> = (0..n).map(|_| (10.0 * draw()).floor() * 10.0).collect();
        let income: Vec<f64> = wage.iter().zip(&labor).map(|(w, l)| 52.0 * w * l).collect();
        let tax: Vec<f64> = income.iter().map(|z| 0.3 * z).collect();
        let disposable: Vec<f64> = income.iter().map(|z| 0.7 * z + 9_000.0).collect();
        let utility: Vec<f64> = disposable.iter().map(|c| c - 8_000.0 * draw()).collect();
        let panel = Panel {
            wage: &wage,
            labor: &labor,
            income: &income,
            tax: &tax,
            disposable: &disposable,
            utility: &utility,
        };
        let mut objectives = Objective::defaults();
        objectives.push(Objective::Pareto {
            weights: vec![2.0, 1.0],
        });
        let economy = Economy::default();
        let recorded = Recorder::default().record(&economy, &objectives, &flat(), &panel);
        let names = names();
        let get = |name: &str| recorded.values[names.iter().position(|x| x == name).unwrap()];
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-10 * b.abs().max(1e-3), "{a} {b}");
        for (name, column) in [
            ("income", &income),
            ("labor", &labor),
            ("tax", &tax),
            ("utility", &utility),
        ] {
            let mut sorted = column.clone();
            sorted.sort_by(f64::total_cmp);
            close(
                get(&format!("{name}_mean")),
                column.iter().sum::<f64>() / n as f64,
            );
            for (p, moment) in [(0.5, "median"), (0.1, "p10"), (0.9, "p90"), (0.99, "p99")] {
                close(get(&format!("{name}_{moment}")), quantile(&sorted, p));
            }
            if name != "labor" && name != "tax" {
                close(get(&format!("gini_{name}")), gini(&sorted));
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| income[a].total_cmp(&income[b]));
        let by_income = |column: &[f64]| concentration(order.iter().map(|&i| column[i]));
        close(get("kakwani"), by_income(&tax) - by_income(&income));
        close(
            get("reynolds_smolensky"),
            by_income(&income) - by_income(&disposable),
        );
        for (objective, welfare) in objectives.iter().zip(&recorded.welfare) {
            close(*welfare, objective.welfare(&economy, &panel.allocation()));
        }
    }
}
