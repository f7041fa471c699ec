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
