//! Noisy choice among whole options of hours.

use super::{Economy, Schedule};

/// Hours between the options of a worker who picks from a list.
pub const HOURS_STEP: f64 = 10.0;

/// The options 0, 10, …, `labor_max` (the limit itself is always one), hours per week.
pub fn hour_options(labor_max: f64) -> Vec<f64> {
    let whole = (labor_max / HOURS_STEP).floor() as u32;
    let mut options: Vec<f64> = (0..=whole).map(|i| f64::from(i) * HOURS_STEP).collect();
    if options.last().is_some_and(|last| *last < labor_max) {
        options.push(labor_max);
    }
    options
}

/// A logit worker's choice probabilities over `hours` (per week), summing to 1.
///
/// P(l) = exp(u(l)/scale) / Σ_m exp(u(m)/scale), u the utility of working l hours under `schedule`
/// with `rebate` ($/year) and `scale` > 0 in the unit of u: 0 would be the best of the options, a
/// large scale picks blindly. NaN where no option has a utility above −∞.
///
/// Source: McFadden (1974); as a noisy best response, McKelvey and Palfrey (1995).
pub fn logit_probabilities(
    economy: &Economy,
    schedule: &Schedule,
    wage: f64,
    rebate: f64,
    scale: f64,
    hours: &[f64],
) -> Vec<f64> {
    let utility: Vec<f64> = hours
        .iter()
        .map(|&l| economy.utility_of_labor(wage, l, schedule, rebate))
        .collect();
    let best = utility.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = utility.iter().map(|u| ((u - best) / scale).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// Index of the option at quantile `uniform` in [0, 1) of weights ≥ 0, not all 0 (inverse CDF).
pub fn at_quantile(weights: &[f64], uniform: f64) -> usize {
    let mut left = uniform * weights.iter().sum::<f64>();
    let drawn = weights.iter().position(|p| {
        left -= p;
        left < 0.0
    });
    drawn.unwrap_or(weights.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_the_limit() {
        assert_eq!(hour_options(100.0).len(), 11);
        assert_eq!(hour_options(45.0), [0.0, 10.0, 20.0, 30.0, 40.0, 45.0]);
    }

    /// Two options that differ by Δu: the odds are exp(Δu/scale).
    #[test]
    fn odds_of_two_options() {
        let economy = Economy::default();
        let schedule = Schedule::flat(0.25).unwrap();
        let (wage, scale) = (20.0, 3_000.0);
        let p = logit_probabilities(&economy, &schedule, wage, 0.0, scale, &[0.0, 30.0]);
        // u(30) − u(0) = 0.75·52·20·30 − 52·0.0005·30^3.5.
        let gain = 0.75 * 31_200.0 - 0.026 * 30f64.powf(3.5);
        assert!((p[1] / p[0] / (gain / scale).exp() - 1.0).abs() < 1e-12);
        assert!((p[0] + p[1] - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_large_scale_is_blind_and_a_small_one_sharp() {
        let economy = Economy::default();
        let schedule = Schedule::flat(0.25).unwrap();
        let hours = hour_options(100.0);
        let p = |scale| logit_probabilities(&economy, &schedule, 20.0, 0.0, scale, &hours);
        assert!(p(1e12).iter().all(|p| (p - 1.0 / 11.0).abs() < 1e-6));
        // s = (20/(0.0005·3.5))^0.4 = 42.1; with (0.75)^0.4 37.6 hours: 40 is the best option.
        assert!(p(1.0)[4] > 1.0 - 1e-12);
    }

    #[test]
    fn quantiles_by_inverse_cdf() {
        let at = |u| at_quantile(&[1.0, 0.5, 0.5], u);
        assert_eq!([0.0, 0.49, 0.51, 0.74, 0.76].map(at), [0, 0, 1, 1, 2]);
    }
}
