//! Inequality, concentration and quantiles of weighted-equally populations.
//!
//! Every measure takes values in ascending order where it says so, so that one
//! sort (or none, when the order is known) serves all of them.

use super::lanes;
use rayon::prelude::*;

/// The ascending order of `values` by index; equal values keep their index order.
pub fn ascending_order(values: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    sort_order(&mut order, values);
    order
}

/// Brings an almost ascending `order` of `values` up to date; equal values keep their places.
pub fn sort_order(order: &mut [u32], values: &[f64]) {
    let mut pairs: Vec<(f64, u32)> = order.iter().map(|&i| (values[i as usize], i)).collect();
    pairs.par_sort_by(|a, b| a.0.total_cmp(&b.0));
    for (place, (_, i)) in order.iter_mut().zip(pairs) {
        *place = i;
    }
}

/// Mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Values in ascending order: as they stand, or by an index.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    values: &'a [f64],
    order: Option<&'a [u32]>,
}

impl<'a> Ranked<'a> {
    /// Ascending values.
    pub fn plain(ascending: &'a [f64]) -> Self {
        Ranked {
            values: ascending,
            order: None,
        }
    }

    /// Values that ascend when read in `order`.
    pub fn by_index(values: &'a [f64], order: &'a [u32]) -> Self {
        Ranked {
            values,
            order: Some(order),
        }
    }

    /// The value of rank `i` from 0.
    pub fn get(&self, i: usize) -> f64 {
        match self.order {
            None => self.values[i],
            Some(order) => self.values[order[i] as usize],
        }
    }

    /// Quantile at `p` by linear interpolation between order statistics at position p·(n−1)
    /// (type 7 of Hyndman & Fan 1996, NumPy's default).
    pub fn quantile(&self, p: f64) -> f64 {
        let position = p * (self.values.len() - 1) as f64;
        let (below, above) = (position.floor(), position.ceil());
        let (low, high) = (self.get(below as usize), self.get(above as usize));
        low + (position - below) * (high - low)
    }

    /// Share of the `total` that the top `share` (a fraction) of the values holds:
    /// 1 − L(1 − share), the Lorenz curve interpolated linearly. NaN when the total ≤ 0.
    pub fn top_share(&self, total: f64, share: f64) -> f64 {
        if total <= 0.0 {
            return f64::NAN;
        }
        let n = self.values.len();
        let count = share * n as f64;
        let whole = (count.floor() as usize).min(n);
        let split = n - whole;
        let mut top = match self.order {
            None => lanes::sum_of(&self.values[split..]),
            Some(order) => {
                let top: Vec<f64> = order[split..]
                    .iter()
                    .map(|&i| self.values[i as usize])
                    .collect();
                lanes::sum_of(&top)
            }
        };
        if split > 0 {
            top += (count - whole as f64) * self.get(split - 1);
        }
        top / total
    }

    /// Share of values below half the median: relative poverty, as the OECD defines the line.
    pub fn poverty_share(&self) -> f64 {
        let line = 0.5 * self.quantile(0.5);
        let below = match self.order {
            None => self.values.partition_point(|&x| x < line),
            Some(order) => order.partition_point(|&i| self.values[i as usize] < line),
        };
        below as f64 / self.values.len() as f64
    }
}

/// [`Ranked::quantile`] of ascending values.
pub fn quantile(ascending: &[f64], p: f64) -> f64 {
    Ranked::plain(ascending).quantile(p)
}

/// Concentration index of values listed in the ascending order of some ranking variable:
/// C = Σ_i (2i − n − 1)·x_i / (n·Σx), i = 1…n. NaN when Σx is 0 or negative.
///
/// Source: Kakwani (1980); with x ranked by itself it is the [`gini`].
pub fn concentration(ranked: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = ranked.len() as f64;
    let (mut weighted, mut total) = (0.0, 0.0);
    for (i, x) in ranked.enumerate() {
        weighted += (2.0 * (i as f64 + 1.0) - n - 1.0) * x;
        total += x;
    }
    if total > 0.0 {
        weighted / (n * total)
    } else {
        f64::NAN
    }
}

/// Gini coefficient G = Σ_i (2i − n − 1)·x_(i) / (n·Σx) of ascending values; NaN when Σx ≤ 0.
/// With negative values G may exceed 1.
pub fn gini(ascending: &[f64]) -> f64 {
    concentration(ascending.iter().copied())
}

/// Suits index of progressivity of `tax` on `income` (columns by worker, $/year): a Gini
/// coefficient with income shares in place of population shares, so 1 where the richest pays all,
/// 0 for a proportional tax, −1 where the poorest does.
///
/// S = 1 − Σ_i (Θ_i + Θ_{i−1})(Y_i − Y_{i−1}), with Θ, Y the cumulated shares of tax and income in
/// ascending order of income. NaN where total income or tax is not positive. Source: Suits (1977).
pub fn suits(income: &[f64], tax: &[f64]) -> f64 {
    let (total_income, total_tax): (f64, f64) = (income.iter().sum(), tax.iter().sum());
    if !(total_income > 0.0 && total_tax > 0.0) {
        return f64::NAN;
    }
    let (mut paid, mut area) = (0.0, 0.0);
    for i in ascending_order(income) {
        let before = paid;
        paid += tax[i as usize] / total_tax;
        area += (paid + before) * income[i as usize] / total_income;
    }
    1.0 - area
}

/// Atkinson index A = 1 − EDE/mean with the equally distributed equivalent
/// EDE = (mean x^{1−ε})^{1/(1−ε)}, exp(mean ln x) at ε = 1; in [0, 1].
///
/// Of amounts x ≥ 0 and aversion ε ≥ 0; 1 where ε ≥ 1 and somebody has nothing. NaN where an amount
/// is negative or all are 0. Source: Atkinson (1970).
pub fn atkinson(values: &[f64], epsilon: f64) -> f64 {
    let Some(average) = mean_amount(values) else {
        return f64::NAN;
    };
    // Relative to the mean, so that powers stay near 1.
    let of = |f: &dyn Fn(f64) -> f64| {
        values.iter().map(|x| f(x / average)).sum::<f64>() / values.len() as f64
    };
    let equivalent = if epsilon == 1.0 {
        of(&f64::ln).exp()
    } else {
        of(&|x| x.powf(1.0 - epsilon)).powf(1.0 / (1.0 - epsilon))
    };
    1.0 - equivalent
}

/// Theil's T = mean (x/x̄)·ln(x/x̄) of amounts x ≥ 0 (0·ln 0 = 0): 0 of equals, ln n where one of n
/// has all. NaN where an amount is negative or all are 0. Source: Theil (1967).
pub fn theil_t(values: &[f64]) -> f64 {
    let entropy = |x: f64| if x > 0.0 { x * x.ln() } else { 0.0 };
    relative_mean(values, entropy)
}

/// Theil's L, the mean logarithmic deviation: mean −ln(x/x̄) of amounts x ≥ 0; ∞ where somebody has
/// nothing. NaN where an amount is negative or all are 0. Source: Theil (1967).
pub fn theil_l(values: &[f64]) -> f64 {
    relative_mean(values, |x| -x.ln())
}

/// The mean of amounts; `None` where one is negative or all are 0.
fn mean_amount(values: &[f64]) -> Option<f64> {
    let average = mean(values);
    (average > 0.0 && values.iter().all(|&x| x >= 0.0)).then_some(average)
}

/// Mean of `f`(x/x̄); NaN where an amount is negative or all are 0.
fn relative_mean(values: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let Some(average) = mean_amount(values) else {
        return f64::NAN;
    };
    values.iter().map(|x| f(x / average)).sum::<f64>() / values.len() as f64
}

/// Foster–Greer–Thorbecke measure of poverty mean ((line − x)/line)^α·1(x < line).
///
/// α = 0 is the headcount, 1 the poverty gap, 2 its square, which weighs the poorest most. `line` > 0
/// in $/year; NaN of nobody. Source: Foster, Greer and Thorbecke (1984).
pub fn poverty(values: &[f64], line: f64, alpha: f64) -> f64 {
    let gap = |&x: &f64| {
        if x < line {
            ((line - x) / line).powf(alpha)
        } else {
            0.0
        }
    };
    values.iter().map(gap).sum::<f64>() / values.len() as f64
}

/// Inequality, progressivity and poverty of one distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indices {
    /// Gini coefficient of pre-tax income.
    pub gini_income: f64,
    /// Gini coefficient of disposable income.
    pub gini_disposable: f64,
    /// C(tax) − G(income): how far the tax is from a proportional one (Kakwani 1977).
    pub kakwani: f64,
    /// G(income) − C(disposable): how much taxes and rebate equalise (Reynolds and Smolensky 1977).
    pub reynolds_smolensky: f64,
    /// [`suits`] of tax on income.
    pub suits: f64,
    /// [`atkinson`] of disposable income with ε = 1.
    pub atkinson: f64,
    /// [`theil_t`] of disposable income.
    pub theil_t: f64,
    /// [`theil_l`] of disposable income.
    pub theil_l: f64,
    /// Share with a disposable income below the line.
    pub headcount: f64,
    /// [`poverty`] gap below the line, α = 1.
    pub poverty_gap: f64,
}

/// Indices of columns by worker ($/year) with a poverty line in $/year of disposable income; C is
/// [`concentration`] by rank of pre-tax income. NaN where one is not defined.
pub fn indices(income: &[f64], tax: &[f64], disposable: &[f64], line: f64) -> Indices {
    let by_income = ascending_order(income);
    let concentration_of =
        |column: &[f64]| concentration(by_income.iter().map(|&i| column[i as usize]));
    let gini_income = concentration_of(income);
    let mut ascending = disposable.to_vec();
    ascending.sort_by(f64::total_cmp);
    Indices {
        gini_income,
        gini_disposable: gini(&ascending),
        kakwani: concentration_of(tax) - gini_income,
        reynolds_smolensky: gini_income - concentration_of(disposable),
        suits: suits(income, tax),
        atkinson: atkinson(disposable, 1.0),
        theil_t: theil_t(disposable),
        theil_l: theil_l(disposable),
        headcount: poverty(disposable, line, 0.0),
        poverty_gap: poverty(disposable, line, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn top_share(values: &[f64], share: f64) -> f64 {
        Ranked::plain(values).top_share(values.iter().sum(), share)
    }

    #[test]
    fn hand_worked_cases() {
        // One of four holds all: G = (n−1)/n.
        assert_eq!(gini(&[0.0, 0.0, 0.0, 8.0]), 0.75);
        assert_eq!(gini(&[3.0, 3.0]), 0.0);
        // 1, 2, 3, 4: mean absolute difference 1.25·2/(2·2.5) = 0.25.
        assert!((gini(&[1.0, 2.0, 3.0, 4.0]) - 0.25).abs() < 1e-15);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.1), 1.4);
        assert_eq!(top_share(&[1.0; 10], 0.1), 0.1);
        assert_eq!(top_share(&[1.0, 1.0, 1.0, 7.0], 0.25), 0.7);
        // 5 % of four persons is a fifth of the richest.
        assert!((top_share(&[1.0, 1.0, 1.0, 7.0], 0.05) - 0.14).abs() < 1e-15);
        assert_eq!(Ranked::plain(&[1.0, 4.0, 5.0, 6.0]).poverty_share(), 0.25);
        // The same three by an index.
        let ranked = Ranked::by_index(&[5.0, 1.0, 6.0, 4.0], &[1, 3, 0, 2]);
        assert_eq!(ranked.poverty_share(), 0.25);
        assert_eq!((ranked.get(0), ranked.quantile(0.5)), (1.0, 4.5));
        assert_eq!(ranked.top_share(16.0, 0.25), 6.0 / 16.0);
        assert!(gini(&[-1.0, 0.5]).is_nan());
    }

    /// Against what a run records of every step, where both say the same, under a tax that falls.
    #[test]
    fn indices_agree_with_the_recorded_statistics() {
        use crate::fiscal::statistics::{Panel, Recorder, names};
        use crate::fiscal::{Economy, Schedule, Society};
        let wages: Vec<f64> = (0..301)
            .map(|i| 8.0 + f64::from(i * 97 % 301) / 4.0)
            .collect();
        let society = Society::rational(Economy::default(), wages);
        let schedule = Schedule::new(&[0.0, 40_000.0], &[0.5, 0.2]).unwrap();
        let outcome = society.outcome(&schedule);
        let panel = Panel {
            wage: society.wage(),
            labor: &outcome.labor,
            income: &outcome.income,
            tax: &outcome.tax,
            disposable: &outcome.disposable,
            utility: &outcome.utility,
        };
        let recorded = Recorder::default().record(society.economy(), &[], &schedule, &panel);
        let value = |name: &str| recorded.values[names().iter().position(|n| n == name).unwrap()];
        let line = 0.5 * value("disposable_median");
        let found = indices(&outcome.income, &outcome.tax, &outcome.disposable, line);
        for (name, index) in [
            ("gini_income", found.gini_income),
            ("gini_disposable", found.gini_disposable),
            ("kakwani", found.kakwani),
            ("reynolds_smolensky", found.reynolds_smolensky),
            ("poverty_share", found.headcount),
        ] {
            assert!(
                (index - value(name)).abs() < 1e-12,
                "{name}: {index} {}",
                value(name)
            );
        }
    }

    /// Shares by hand: incomes 1, 3; the rich pay all: Θ = 0, 1 and Y = 1/4, 1.
    #[test]
    fn suits_by_hand() {
        assert_eq!(suits(&[3.0, 1.0], &[1.0, 0.0]), 0.25);
        assert_eq!(suits(&[1.0, 3.0], &[1.0, 0.0]), -0.75);
        assert!(suits(&[1.0, 3.0], &[2.0, 6.0]).abs() < 1e-15);
        assert!(suits(&[1.0, 3.0], &[0.0, 0.0]).is_nan());
        // The richest of very many, who earns almost nothing of the total, pays all: 1.
        let income: Vec<f64> = (0..10_000).map(|i| 1.0 + 1e-9 * f64::from(i)).collect();
        let mut tax = vec![0.0; 10_000];
        tax[9_999] = 1.0;
        assert!((suits(&income, &tax) - 1.0).abs() < 2e-4);
    }

    /// A lognormal with σ: Atkinson 1 − exp(−εσ²/2), both Theil measures σ²/2. (Aitchison & Brown 1957)
    #[test]
    fn indices_of_a_lognormal() {
        use statrs::distribution::{ContinuousCDF, Normal};
        let normal = Normal::new(0.0, 1.0).unwrap();
        let (n, sigma) = (400_000, 0.5);
        let x: Vec<f64> = (0..n)
            .map(|i| (10.0 + sigma * normal.inverse_cdf((f64::from(i) + 0.5) / f64::from(n))).exp())
            .collect();
        let half = sigma * sigma / 2.0;
        for epsilon in [0.0, 0.5, 1.0, 2.0] {
            let expected = 1.0 - (-epsilon * half).exp();
            assert!((atkinson(&x, epsilon) - expected).abs() < 2e-5, "{epsilon}");
        }
        assert!((theil_t(&x) - half).abs() < 1e-4);
        assert!((theil_l(&x) - half).abs() < 1e-5);
        // Below the median e^10 is half of them; E[x | poor]/line = Φ(−σ)·e^{σ²/2}/Φ(0).
        let gap = 0.5 - normal.cdf(-sigma) * half.exp();
        assert!((poverty(&x, 10f64.exp(), 0.0) - 0.5).abs() < 1e-9);
        assert!((poverty(&x, 10f64.exp(), 1.0) - gap).abs() < 1e-5);
    }

    #[test]
    fn indices_at_their_ends() {
        // One of four has all.
        let all = [0.0, 0.0, 0.0, 8.0];
        assert!((theil_t(&all) - 4f64.ln()).abs() < 1e-15);
        assert_eq!(theil_l(&all), f64::INFINITY);
        assert_eq!(atkinson(&all, 1.0), 1.0);
        assert_eq!(atkinson(&all, 2.0), 1.0);
        assert_eq!((atkinson(&[3.0; 4], 2.0), theil_t(&[3.0; 4])), (0.0, 0.0));
        for measure in [
            atkinson(&[-1.0, 3.0], 0.5),
            theil_t(&[-1.0, 3.0]),
            theil_l(&[0.0]),
        ] {
            assert!(measure.is_nan());
        }
        // 5 and 0 below a line of 10: gaps 1/2 and 1 of four.
        let x = [0.0, 5.0, 10.0, 20.0];
        assert_eq!(
            [0.0, 1.0, 2.0].map(|alpha| poverty(&x, 10.0, alpha)),
            [0.5, 0.375, 0.3125]
        );
    }

    proptest! {
        /// G = Σ_i Σ_j |x_i − x_j| / (2 n² mean), the definition.
        #[test]
        fn gini_is_half_the_relative_mean_difference(mut x in prop::collection::vec(0.01..1e6f64, 1..40)) {
            x.sort_by(f64::total_cmp);
            let n = x.len() as f64;
            let differences: f64 = x.iter().flat_map(|a| x.iter().map(move |b| (a - b).abs())).sum();
            let expected = differences / (2.0 * n * n * mean(&x));
            prop_assert!((gini(&x) - expected).abs() < 1e-12);
        }

        #[test]
        fn order_is_ascending_with_ties_by_index(x in prop::collection::vec(0..6u8, 1..40)) {
            let values: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
            let order = ascending_order(&values);
            for pair in order.windows(2) {
                let (a, b) = (pair[0] as usize, pair[1] as usize);
                prop_assert!((values[a], a) < (values[b], b));
            }
        }
    }
}
