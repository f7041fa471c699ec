//! Inequality, concentration and quantiles of weighted-equally populations.
//!
//! Every measure takes values in ascending order where it says so, so that one
//! sort (or none, when the order is known) serves all of them.

/// The ascending order of `values` by index; equal values keep their index order.
pub fn ascending_order(values: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    sort_order(&mut order, values);
    order
}

/// Brings an almost ascending `order` of `values` up to date; equal values are ordered by index.
/// An order that still holds is only read.
pub fn sort_order(order: &mut [u32], values: &[f64]) {
    let less_or_equal = |a: u32, b: u32| {
        let (x, y) = (values[a as usize], values[b as usize]);
        x < y || (x == y && a <= b)
    };
    if order.windows(2).all(|pair| less_or_equal(pair[0], pair[1])) {
        return;
    }
    order.sort_by(|&a, &b| {
        values[a as usize]
            .total_cmp(&values[b as usize])
            .then(a.cmp(&b))
    });
}

/// Mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Quantile at `p` of ascending values by linear interpolation between order
/// statistics at position p·(n−1) (type 7 of Hyndman & Fan 1996, NumPy's default).
pub fn quantile(ascending: &[f64], p: f64) -> f64 {
    let position = p * (ascending.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = position.ceil() as usize;
    let share = position - below as f64;
    ascending[below] + share * (ascending[above] - ascending[below])
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

/// Share of the total that the top `share` (a fraction) of ascending values holds:
/// 1 − L(1 − share), the Lorenz curve interpolated linearly. NaN when the total ≤ 0.
pub fn top_share(ascending: &[f64], share: f64) -> f64 {
    let total: f64 = ascending.iter().sum();
    if total <= 0.0 {
        return f64::NAN;
    }
    let count = share * ascending.len() as f64;
    let whole = (count.floor() as usize).min(ascending.len());
    let split = ascending.len() - whole;
    let mut top: f64 = ascending[split..].iter().sum();
    if split > 0 {
        top += (count - whole as f64) * ascending[split - 1];
    }
    top / total
}

/// Share of values below half the median: relative poverty, as the OECD defines the line.
pub fn poverty_share(ascending: &[f64]) -> f64 {
    let line = 0.5 * quantile(ascending, 0.5);
    ascending.partition_point(|&x| x < line) as f64 / ascending.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        assert_eq!(poverty_share(&[1.0, 4.0, 5.0, 6.0]), 0.25);
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
