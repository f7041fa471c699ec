//! What is recorded of every step: one fixed list of statistics of the whole population.

use crate::fiscal::inequality::{poverty_share, quantile, sort_order, top_share};
use crate::fiscal::objective::{Allocation, Objective, Part, rank_welfare};
use crate::fiscal::{Economy, Schedule, Utility, lanes};

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

/// Computes the statistics of step after step; remembers the order of incomes, which rarely
/// change places, and keeps its buffers.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    by_income: Order,
    by_disposable: Order,
    by_utility: Order,
    by_labor: Order,
}

/// Ascending order of a column: as it stands, or by index.
#[derive(Clone, Debug, Default)]
struct Order {
    index: Vec<u32>,
    ranked: Vec<f64>,
}

impl Order {
    /// Brings the order up to date, unless the column is in order as it stands.
    fn update(&mut self, column: &[f64], ascending: bool) {
        if ascending {
            return;
        }
        if self.index.len() != column.len() {
            self.index = (0..column.len() as u32).collect();
        }
        sort_order(&mut self.index, column);
        self.ranked.clear();
        self.ranked
            .extend(self.index.iter().map(|&i| column[i as usize]));
    }

    /// The column in ascending order, after [`Order::update`] with the same arguments.
    fn ranked<'a>(&'a self, column: &'a [f64], ascending: bool) -> &'a [f64] {
        if ascending { column } else { &self.ranked }
    }
}

/// What one chunk of workers contributes; columns in the order of [`VARIABLES`].
struct Chunk {
    sums: [f64; 5],
    extremes: [(f64, f64); 5],
    ascending: [bool; 5],
    rank_sums: [f64; 5],
    kinks: Vec<u32>,
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
            Chunk {
                sums: columns.map(|column| lanes::sum(&column[range.clone()], |x| x)),
                extremes: columns.map(|column| lanes::extremes(&column[range.clone()])),
                ascending: columns.map(|column| lanes::is_ascending(&column[seam.clone()])),
                rank_sums: columns
                    .map(|column| lanes::rank_sum(&column[range.clone()], range.start, n)),
                kinks: kinks
                    .iter()
                    .map(|&kink| at_kink(part.income, kink))
                    .collect(),
                welfare: objectives.iter().map(|o| o.part(economy, &part)).collect(),
            }
        });
        let sum = |v: usize| chunks.iter().map(|chunk| chunk.sums[v]).sum::<f64>();
        let is_ascending = |v: usize| chunks.iter().all(|chunk| chunk.ascending[v]);
        let rank_sum = |v: usize| chunks.iter().map(|chunk| chunk.rank_sums[v]).sum::<f64>();
        let [income, labor, tax, disposable, utility] = [0, 1, 2, 3, 4];

        for (order, v) in [
            (&mut self.by_income, income),
            (&mut self.by_disposable, disposable),
            (&mut self.by_utility, utility),
        ] {
            order.update(columns[v], is_ascending(v));
        }
        let by_income = self.by_income.ranked(panel.income, is_ascending(income));
        let by_disposable = self
            .by_disposable
            .ranked(panel.disposable, is_ascending(disposable));
        let by_utility = self.by_utility.ranked(panel.utility, is_ascending(utility));
        // Σ(2i−n−1)x with x ranked by itself, or by income.
        let own = |v: usize, ranked: &[f64]| {
            if is_ascending(v) {
                rank_sum(v)
            } else {
                lanes::rank_sum(ranked, 0, n)
            }
        };
        let order = &self.by_income.index;
        let ranked_by_income = |v: usize| {
            if is_ascending(income) {
                rank_sum(v)
            } else {
                let place = |i: usize| 2.0 * i as f64 + 1.0 - n as f64;
                order
                    .iter()
                    .enumerate()
                    .map(|(i, &w)| place(i) * columns[v][w as usize])
                    .sum()
            }
        };
        let index = |rank_sum: f64, v: usize| {
            let total = sum(v);
            if total > 0.0 {
                rank_sum / (n as f64 * total)
            } else {
                f64::NAN
            }
        };
        let gini_income = index(own(income, by_income), income);
        let utility_ranks = own(utility, by_utility);

        let mut values = Vec::with_capacity(VARIABLES.len() * MOMENTS.len() + 9);
        for (v, column) in columns.into_iter().enumerate() {
            values.push(sum(v) / n as f64);
            let ranked = match v {
                _ if is_ascending(v) => Some(column),
                0 => Some(by_income),
                3 => Some(by_disposable),
                4 => Some(by_utility),
                // Few workers: an order that is kept costs less than a histogram.
                1 if n <= BUCKETS => {
                    self.by_labor.update(column, false);
                    Some(self.by_labor.ranked(column, false))
                }
                _ => None,
            };
            let ps = [0.5, 0.1, 0.9, 0.99];
            match ranked {
                Some(ranked) => values.extend(ps.map(|p| quantile(ranked, p))),
                None => {
                    let low = chunks
                        .iter()
                        .map(|c| c.extremes[v].0)
                        .fold(f64::INFINITY, f64::min);
                    let high = chunks
                        .iter()
                        .map(|c| c.extremes[v].1)
                        .fold(f64::NEG_INFINITY, f64::max);
                    values.extend(quantiles_unordered(column, low, high, ps));
                }
            }
        }
        debug_assert_eq!([labor, tax], [1, 2]);
        values.extend([
            by_utility[0],
            gini_income,
            index(own(disposable, by_disposable), disposable),
            index(utility_ranks, utility),
            top_share(by_income, 0.10),
            top_share(by_income, 0.01),
            poverty_share(by_disposable),
            gini_income - index(ranked_by_income(disposable), disposable),
            index(ranked_by_income(tax), tax) - gini_income,
        ]);

        let quasilinear = economy.utility == Utility::Quasilinear;
        let welfare = objectives
            .iter()
            .enumerate()
            .map(|(i, objective)| match objective {
                // Utilities are ranked already.
                Objective::Rank if quasilinear => rank_welfare(sum(utility), utility_ranks, n),
                Objective::Rank | Objective::Pareto { .. } => {
                    objective.welfare(economy, &allocation)
                }
                _ => {
                    let parts: Vec<Option<Part>> = chunks.iter().map(|c| c.welfare[i]).collect();
                    objective.finish(&parts, n)
                }
            })
            .collect();
        let share = |k: usize| {
            chunks
                .iter()
                .map(|chunk| u64::from(chunk.kinks[k]))
                .sum::<u64>() as f64
                / n as f64
        };
        Recorded {
            values,
            welfare,
            kink_shares: (0..kinks.len()).map(share).collect(),
        }
    }
}

/// Number of incomes within 1e-9 relative of `kink`.
#[inline(always)]
fn at_kink(income: &[f64], kink: f64) -> u32 {
    let tolerance = 1e-9 * kink;
    income
        .iter()
        .map(|&z| u32::from((z - kink).abs() <= tolerance))
        .sum()
}

/// Buckets of the histogram that finds quantiles.
const BUCKETS: usize = 2_048;

/// Quantiles as [`quantile`] of a column in no order, with its smallest and largest element.
///
/// A histogram finds the buckets that hold the order statistics asked for; only these are sorted.
fn quantiles_unordered<const Q: usize>(
    column: &[f64],
    low: f64,
    high: f64,
    ps: [f64; Q],
) -> [f64; Q] {
    let n = column.len();
    // NaN or infinities, or few elements: sort.
    if n <= BUCKETS || !(high - low).is_finite() || high <= low {
        let mut sorted = column.to_vec();
        sorted.sort_by(f64::total_cmp);
        return ps.map(|p| quantile(&sorted, p));
    }
    let scale = (BUCKETS - 1) as f64 / (high - low);
    let bucket = |x: f64| ((x - low) * scale) as usize;
    let counts = lanes::by_chunk(n, |range| {
        let mut counts = vec![0u32; BUCKETS];
        for &x in &column[range] {
            counts[bucket(x).min(BUCKETS - 1)] += 1;
        }
        counts
    });
    let mut before = vec![0usize; BUCKETS + 1];
    for b in 0..BUCKETS {
        before[b + 1] = before[b] + counts.iter().map(|c| c[b] as usize).sum::<usize>();
    }
    let mut wanted = vec![false; BUCKETS];
    let home = |rank: usize| before.partition_point(|&count| count <= rank) - 1;
    for p in ps {
        let position = p * (n - 1) as f64;
        wanted[home(position.floor() as usize)] = true;
        wanted[home(position.ceil() as usize)] = true;
    }
    let kept = lanes::by_chunk(n, |range| {
        let part = column[range].iter().copied();
        part.filter(|&x| wanted[bucket(x).min(BUCKETS - 1)])
            .collect::<Vec<f64>>()
    });
    let mut kept: Vec<f64> = kept.concat();
    kept.sort_unstable_by(f64::total_cmp);
    // Place in `kept` of an order statistic of the whole: buckets that were left out shift it.
    let place = |rank: usize| {
        let home = home(rank);
        let kept_before: usize = (0..home)
            .filter(|&b| wanted[b])
            .map(|b| before[b + 1] - before[b])
            .sum();
        kept_before + rank - before[home]
    };
    ps.map(|p| {
        let position = p * (n - 1) as f64;
        let (below, above) = (position.floor(), position.ceil());
        let (a, b) = (kept[place(below as usize)], kept[place(above as usize)]);
        a + (position - below) * (b - a)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::inequality::{concentration, gini};
    use proptest::prelude::*;

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
        assert_eq!([at_kink(&income, 100.0), at_kink(&income, 200.0)], [2, 1]);
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

    proptest! {
        #[test]
        fn unordered_quantiles_are_the_ordered_ones(mut x in prop::collection::vec(-50..50i32, 2_100..4_000)) {
            let column: Vec<f64> = x.iter().map(|&v| f64::from(v) * 0.37).collect();
            let (low, high) = lanes::extremes(&column);
            let ps = [0.0, 0.1, 0.37, 0.5, 0.99, 1.0];
            let found = quantiles_unordered(&column, low, high, ps);
            x.sort_unstable();
            let sorted: Vec<f64> = x.iter().map(|&v| f64::from(v) * 0.37).collect();
            prop_assert_eq!(found, ps.map(|p| quantile(&sorted, p)));
        }
    }
}
