//! Lorenz curve, Gini coefficient and quantiles of a list of amounts.

/// A Lorenz curve: shares of the population (poorest first) and of the total they hold, from (0,0) to (1,1).
///
/// L(k/n) = Σ_{i≤k} x_(i) / Σ x. `None` where the total is not positive, since shares have no meaning then.
pub fn lorenz(amounts: &[f64]) -> Option<Vec<(f64, f64)>> {
    let mut sorted = amounts.to_vec();
    sorted.sort_by(f64::total_cmp);
    let total: f64 = sorted.iter().sum();
    if !(total.is_finite() && total > 0.0) {
        return None;
    }
    let n = sorted.len() as f64;
    let mut held = 0.0;
    let points = sorted.iter().enumerate().map(|(i, amount)| {
        held += amount;
        ((i + 1) as f64 / n, held / total)
    });
    Some(std::iter::once((0.0, 0.0)).chain(points).collect())
}

/// Gini coefficient: one minus twice the area under the Lorenz curve (trapezoids).
///
/// Equals Σ_i Σ_j |x_i − x_j| / (2 n² x̄), without small-sample correction.
pub fn gini(curve: &[(f64, f64)]) -> f64 {
    let area: f64 = curve
        .windows(2)
        .map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0)
        .sum();
    1.0 - 2.0 * area
}

/// A curve of at most `most` + 1 points: every n-th point of a longer one, ends included.
pub fn thin(curve: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if curve.len() <= most + 1 {
        return curve.to_vec();
    }
    let last = curve.len() - 1;
    (0..=most).map(|i| curve[i * last / most]).collect()
}

/// The q-quantile of `sorted` with linear interpolation (type 7); NaN for no data.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = q * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_people_by_hand() {
        // Incomes 1, 2, 3, 4: total 10; mean absolute difference 20/16; Gini = 20 / (2·16·2.5) = 0.25.
        let curve = lorenz(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        let expected = [(0.0, 0.0), (0.25, 0.1), (0.5, 0.3), (0.75, 0.6), (1.0, 1.0)];
        for (point, by_hand) in curve.iter().zip(expected) {
            assert!((point.0 - by_hand.0).abs() < 1e-15 && (point.1 - by_hand.1).abs() < 1e-15);
        }
        assert!((gini(&curve) - 0.25).abs() < 1e-15);
    }

    #[test]
    fn equal_and_extreme_distributions() {
        assert!(gini(&lorenz(&[5.0; 10]).unwrap()).abs() < 1e-15);
        // One of n holds all: 1 − 1/n.
        let mut amounts = vec![0.0; 10];
        amounts[3] = 7.0;
        assert!((gini(&lorenz(&amounts).unwrap()) - 0.9).abs() < 1e-15);
        assert!(lorenz(&[0.0, 0.0]).is_none());
        assert!(lorenz(&[]).is_none());
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[10.0, 20.0, 30.0], 0.5), 20.0);
        assert_eq!(quantile(&[10.0, 20.0], 0.25), 12.5);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends() {
        let curve: Vec<_> = (0..=1000).map(|i| (f64::from(i), f64::from(i))).collect();
        let thinned = thin(&curve, 200);
        assert_eq!(
            (thinned.len(), thinned[0], thinned[200]),
            (201, curve[0], curve[1000])
        );
    }
}
