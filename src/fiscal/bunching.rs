//! Bunching at a convex kink and the elasticity that it implies.
//!
//! Where the rate rises from τ₁ to τ₂ at income z*, those who under τ₁ would earn between z* and
//! z*·ρ^e earn z*, with ρ = (1−τ₁)/(1−τ₂). With h₋ and h₊ the densities of incomes left and right of
//! the kink, the density under τ₁ at z*·ρ^e is h₊/ρ^e, and by the trapezoid between both ends the
//! excess mass is
//!
//! B = z*·(ρ^e − 1)·(h₋ + h₊/ρ^e)/2,
//!
//! which is solved for e. Source: Saez (2010), equation 5. What would stand at the kink anyhow is
//! extrapolated from both sides: as Saez's neighbouring bands, or as polynomials, of Chetty, Friedman,
//! Olsen and Pistaferri (2011), here one for each side as the density itself jumps at the kink.

use crate::error::{Error, Result};
use crate::fiscal::Schedule;
use nalgebra::{DMatrix, DVector};

/// A kink at which the marginal rate rises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kink {
    /// z*, $/year.
    pub income: f64,
    /// τ₁, a fraction.
    pub rate_below: f64,
    /// τ₂ > τ₁, a fraction below 1.
    pub rate_above: f64,
}

impl Kink {
    /// A kink, checked.
    ///
    /// # Errors
    /// An income that is not positive; rates that do not rise (where a rate falls nobody bunches),
    /// or to 100 %.
    pub fn new(income: f64, rate_below: f64, rate_above: f64) -> Result<Self> {
        if !(income.is_finite() && income > 0.0) {
            return Err(Error::input("a kink's income")
                .value(income)
                .allowed("> 0 $/year"));
        }
        if !(rate_below < rate_above && rate_above < 1.0) {
            return Err(Error::input(
                "nobody bunches where the marginal rate does not rise, or rises to 100 %",
            )
            .value(format!(
                "{rate_below} below, {rate_above} above {income} $/year"
            ))
            .allowed("a rate above that is higher, and less than 1"));
        }
        Ok(Kink {
            income,
            rate_below,
            rate_above,
        })
    }

    /// All convex kinks of a schedule, in order.
    pub fn of(schedule: &Schedule) -> Vec<Kink> {
        (schedule.edges()[1..]
            .iter()
            .zip(schedule.rates().windows(2)))
        .filter_map(|(&edge, rates)| Kink::new(edge, rates[0], rates[1]).ok())
        .collect()
    }

    /// ln ρ.
    fn change(&self) -> f64 {
        ((1.0 - self.rate_below) / (1.0 - self.rate_above)).ln()
    }

    /// Share of z* by which the income of the last who bunches would exceed it under τ₁: ρ^e − 1.
    pub fn span(&self, elasticity: f64) -> f64 {
        (elasticity * self.change()).exp_m1()
    }
}

/// How the density without bunching is had from the incomes beside the kink, widths in $/year.
///
/// No other kink and no end of the distribution may lie in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counterfactual {
    /// Half-width of the zone around z* in which bunchers stand. Small where they hit the kink
    /// exactly, as rational workers do; as wide as their scatter otherwise.
    pub excluded: f64,
    /// Width of the bins in which incomes are counted.
    pub bin: f64,
    /// Bins on each side of the excluded zone.
    pub bins: usize,
    /// Degree of the polynomial through the counts of each side, less than `bins`.
    pub degree: usize,
}

impl Counterfactual {
    /// Saez's: a band of width δ on each side of the bunching zone z* ± δ.
    pub fn saez(delta: f64) -> Self {
        Counterfactual {
            excluded: delta,
            bin: delta,
            bins: 1,
            degree: 0,
        }
    }

    /// Distance from z* to the outer ends of the bins, $/year.
    pub fn window(&self) -> f64 {
        self.excluded + self.bin * self.bins as f64
    }

    fn check(&self) -> Result<()> {
        let widths = [self.excluded, self.bin]
            .iter()
            .all(|w| w.is_finite() && *w > 0.0);
        if widths && self.degree < self.bins && self.degree <= DEGREE_MAX {
            return Ok(());
        }
        Err(Error::input("counterfactual density")
            .value(format!("{self:?}"))
            .allowed(format!(
                "widths above 0, a degree up to {DEGREE_MAX} and below the number of bins"
            )))
    }
}

/// Highest degree of a counterfactual polynomial: beyond it, extrapolation to the kink is noise.
pub const DEGREE_MAX: usize = 7;

/// Excess mass at a kink and the elasticity that it implies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bunching {
    /// Workers in the bunching zone beyond the counterfactual, B.
    pub excess: f64,
    /// Standard error of `excess`, with counts as Poisson.
    pub excess_error: f64,
    /// h₋, workers per $/year.
    pub density_below: f64,
    /// h₊, workers per $/year.
    pub density_above: f64,
    /// ê: negative where there is a hole.
    pub elasticity: f64,
    /// Standard error of ê (delta method, counts as Poisson). It knows nothing of a counterfactual
    /// that is wrong.
    pub standard_error: f64,
    /// Workers counted in the bunching zone and in the bins.
    pub workers: usize,
}

/// One side's counts, and the weights that give its density at the kink and its mass in the excluded zone.
struct Flank {
    counts: Vec<f64>,
    density: DVector<f64>,
    mass: DVector<f64>,
}

impl Flank {
    fn new(counts: Vec<f64>, counterfactual: &Counterfactual) -> Result<Self> {
        let Counterfactual {
            excluded,
            bin,
            bins,
            degree,
        } = *counterfactual;
        let window = counterfactual.window();
        // Mean of (x/window)^p over a stretch, x the distance from the kink.
        let power = |from: f64, to: f64, p: usize| {
            let p1 = p as i32 + 1;
            ((to / window).powi(p1) - (from / window).powi(p1))
                / (f64::from(p1) * (to - from) / window)
        };
        let design = DMatrix::from_fn(bins, degree + 1, |j, p| {
            let inner = excluded + bin * j as f64;
            bin * power(inner, inner + bin, p)
        });
        let inverse = (design.transpose() * &design)
            .try_inverse()
            .ok_or_else(|| {
                Error::input("counterfactual density")
                    .value(format!("{counterfactual:?}"))
                    .allowed("fewer degrees or more bins")
            })?;
        let fit = inverse * design.transpose();
        let at_kink = DVector::from_fn(degree + 1, |p, _| f64::from(u8::from(p == 0)));
        let in_zone = DVector::from_fn(degree + 1, |p, _| excluded * power(0.0, excluded, p));
        Ok(Flank {
            counts,
            density: fit.transpose() * at_kink,
            mass: fit.transpose() * in_zone,
        })
    }

    fn total(&self, weights: &DVector<f64>) -> f64 {
        self.counts
            .iter()
            .zip(weights.iter())
            .map(|(c, w)| c * w)
            .sum()
    }

    /// Variance of a sum of counts with these weights.
    fn variance(&self, weights: &DVector<f64>) -> f64 {
        self.counts
            .iter()
            .zip(weights.iter())
            .map(|(c, w)| c * w * w)
            .sum()
    }
}

/// Excess mass at `kink` among `income` ($/year), and the implied elasticity.
///
/// # Errors
/// A counterfactual out of range or whose window reaches below 0; no workers beside the kink, so
/// that there is no density.
pub fn bunching(income: &[f64], kink: Kink, counterfactual: Counterfactual) -> Result<Bunching> {
    counterfactual.check()?;
    let z = kink.income;
    let Counterfactual {
        excluded,
        bin,
        bins,
        ..
    } = counterfactual;
    if counterfactual.window() > z {
        return Err(
            Error::input("the window of a counterfactual density reaches below 0")
                .value(counterfactual.window())
                .allowed(format!("at most {z} $/year")),
        );
    }
    let (mut at_kink, mut below, mut above) = (0.0, vec![0.0; bins], vec![0.0; bins]);
    for distance in income.iter().map(|x| x - z) {
        let beyond = distance.abs() - excluded;
        if beyond <= 0.0 {
            at_kink += 1.0;
            continue;
        }
        let side = if distance < 0.0 {
            &mut below
        } else {
            &mut above
        };
        if let Some(count) = side.get_mut((beyond / bin) as usize) {
            *count += 1.0;
        }
    }
    let workers = at_kink + below.iter().chain(&above).sum::<f64>();
    let (below, above) = (
        Flank::new(below, &counterfactual)?,
        Flank::new(above, &counterfactual)?,
    );
    let (density_below, density_above) = (below.total(&below.density), above.total(&above.density));
    if !(density_below > 0.0 && density_above > 0.0) {
        return Err(Error::input("no density of incomes beside the kink")
            .value(format!(
                "{density_below:.3} and {density_above:.3} workers per $/year around {z}"
            ))
            .allowed("workers on both sides, or a wider window"));
    }
    let expected = below.total(&below.mass) + above.total(&above.mass);
    let excess = at_kink - expected;
    // Counts vary as Poisson's; that nobody stands at the kink is no certainty either.
    let zone = at_kink.max(expected).max(1.0);
    // h₋X² + (h₊ − h₋ − 2B/z*)X − h₊ = 0 with X = ρ^e, which has one positive root.
    let (a, c) = (density_below, density_above);
    let b = c - a - 2.0 * excess / z;
    let root = (b * b + 4.0 * a * c).sqrt();
    let x = if b > 0.0 {
        2.0 * c / (b + root)
    } else {
        (root - b) / (2.0 * a)
    };
    // ∂e over counts: through B, h₋ and h₊.
    let slope = (2.0 * a * x + b) * x * kink.change();
    let (by_excess, by_below, by_above) =
        (2.0 * x / z / slope, (x - x * x) / slope, (1.0 - x) / slope);
    let variance = by_excess * by_excess * zone
        + below.variance(&(&below.density * by_below - &below.mass * by_excess))
        + above.variance(&(&above.density * by_above - &above.mass * by_excess));
    Ok(Bunching {
        excess,
        excess_error: (zone + below.variance(&below.mass) + above.variance(&above.mass)).sqrt(),
        density_below,
        density_above,
        elasticity: x.ln() / kink.change(),
        standard_error: variance.sqrt(),
        workers: workers as usize,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::frictions::Friction;
    use crate::fiscal::{Economy, Society};
    use crate::random::Streams;
    use rand_distr::{Distribution, LogNormal};

    const EDGE: f64 = 47_150.0;
    const MILLION: usize = 1_000_000;

    fn kink() -> Kink {
        Kink::new(EDGE, 0.12, 0.22).unwrap()
    }

    fn schedule() -> Schedule {
        Schedule::new(&[0.0, EDGE], &[0.12, 0.22]).unwrap()
    }

    /// Workers with lognormal wages, of whom the median one earns the kink in about `hours` hours.
    fn workers(elasticity: f64, hours: f64, n: usize, seed: u64) -> Society {
        let wage = EDGE / (52.0 * hours);
        let labor_exponent = 1.0 + 1.0 / elasticity;
        let economy = Economy {
            labor_exponent,
            labor_cost: 0.83 * wage / (labor_exponent * hours.powf(labor_exponent - 1.0)),
            ..Economy::default()
        };
        let mut rng = Streams::new(seed, "bunching").at(0, 0);
        let wages = LogNormal::new(wage.ln(), 0.5).unwrap();
        Society::rational(economy, wages.sample_iter(&mut rng).take(n).collect())
    }

    fn smooth() -> Counterfactual {
        Counterfactual {
            excluded: 100.0,
            bin: 100.0,
            bins: 100,
            degree: 2,
        }
    }

    /// A million workers drawn at random: e = 0.1, 0.25, 0.4 within 5 %, and within three of its own
    /// standard errors, by polynomials and by Saez's bands.
    #[test]
    fn a_million_rational_workers_show_their_elasticity() {
        for e in [0.1, 0.25, 0.4] {
            let income = workers(e, 40.0, MILLION, 2010).outcome(&schedule()).income;
            for counterfactual in [smooth(), Counterfactual::saez(300.0)] {
                let found = bunching(&income, kink(), counterfactual).unwrap();
                assert!((found.elasticity / e - 1.0).abs() < 0.05, "{e}: {found:?}");
                assert!((found.elasticity - e).abs() < 3.0 * found.standard_error);
            }
        }
    }

    /// Hours in multiples of 10: whoever earns about the kink works the same 40 hours over a range of
    /// wages of 25 % and more, which is much wider than the span of the bunchers, 4.9 % at e = 0.4. So
    /// income z = 52·w·40 runs through the kink in step with the wage, nobody stops there, and the
    /// estimate is 0 within a hundredth of e whatever e is. Where the workers at the kink want 45
    /// hours, and so work 40 or 50, nobody is near the kink at all and there is no density to compare
    /// with. The grid alone is to blame: in multiples of 0.1 hours, finer than the bunchers' span, the
    /// same workers show their elasticity.
    #[test]
    fn a_grid_of_ten_hours_hides_the_elasticity() {
        let estimate = |e: f64, hours: f64, hours_step: f64| {
            let friction = Friction {
                hours_step,
                ..Friction::default()
            };
            let society = workers(e, hours, MILLION, 2010).with_frictions(&vec![friction; MILLION]);
            bunching(&society.outcome(&schedule()).income, kink(), smooth())
        };
        for e in [0.1, 0.25, 0.4] {
            let coarse = estimate(e, 40.0, 10.0).unwrap();
            assert!(coarse.elasticity.abs() < 0.01 * e, "{e}: {coarse:?}");
            assert!(e - coarse.elasticity > 100.0 * coarse.standard_error);
            let fine = estimate(e, 40.0, 0.1).unwrap();
            assert!((fine.elasticity / e - 1.0).abs() < 0.1, "{e}: {fine:?}");
        }
        let error = estimate(0.4, 45.0, 10.0).unwrap_err();
        assert!(error.to_string().contains("no density"), "{error}");
    }

    /// Potential incomes of uniform density h, for which the trapezoid is exact: h·z*(ρ^e − 1) workers
    /// at the kink, density h·ρ^e above it. Any degree finds e.
    #[test]
    fn uniform_density_in_closed_form() {
        for e in [-0.1, 0.2, 1.5] {
            let span = kink().span(e);
            let spread = |from: f64, to: f64, density: f64| {
                let n = ((to - from) * density).round() as usize;
                (0..n).map(move |i| from + (to - from) * (i as f64 + 0.5) / n as f64)
            };
            let mut income: Vec<f64> = spread(27_150.0, EDGE, 10.0).collect();
            income.extend(spread(EDGE, 67_150.0, 10.0 * (1.0 + span)));
            let excess = (10.0 * EDGE * span).round();
            match excess > 0.0 {
                true => income.extend(vec![EDGE; excess as usize]),
                // A hole.
                false => {
                    let holes: Vec<usize> = (0..-excess as usize).collect();
                    let first = income.iter().position(|&z| z > EDGE).unwrap() - holes.len() / 2;
                    income.drain(first..first + holes.len());
                }
            }
            for (bins, degree) in [(1, 0), (4, 1), (4, 3)] {
                let counterfactual = Counterfactual {
                    excluded: 1_000.0,
                    bin: 2_000.0,
                    bins,
                    degree,
                };
                let found = bunching(&income, kink(), counterfactual).unwrap();
                assert!((found.elasticity / e - 1.0).abs() < 0.01, "{e}: {found:?}");
                assert!((found.excess / excess - 1.0).abs() < 0.01);
            }
        }
    }

    /// Claimed standard errors against the spread over 60 populations of 20,000.
    #[test]
    fn standard_errors_are_those_of_repetition() {
        let counterfactual = Counterfactual {
            bin: 1_000.0,
            bins: 10,
            ..smooth()
        };
        let found: Vec<Bunching> = (0..60)
            .map(|seed| {
                let income = workers(0.25, 40.0, 20_000, seed)
                    .outcome(&schedule())
                    .income;
                bunching(&income, kink(), counterfactual).unwrap()
            })
            .collect();
        let spread = |value: &dyn Fn(&Bunching) -> f64| {
            let mean = found.iter().map(value).sum::<f64>() / 60.0;
            (found.iter().map(|f| (value(f) - mean).powi(2)).sum::<f64>() / 59.0).sqrt()
        };
        let claimed =
            |value: &dyn Fn(&Bunching) -> f64| found.iter().map(value).sum::<f64>() / 60.0;
        // The spread of 60 is itself known to 9 %.
        let ratio = claimed(&|f| f.standard_error) / spread(&|f| f.elasticity);
        assert!((ratio - 1.0).abs() < 0.3, "{ratio}");
        let ratio = claimed(&|f| f.excess_error) / spread(&|f| f.excess);
        assert!((ratio - 1.0).abs() < 0.3, "{ratio}");
    }

    #[test]
    fn kinks_and_windows_that_cannot_be_used_are_refused() {
        assert!(Kink::new(EDGE, 0.22, 0.12).is_err());
        assert!(Kink::new(EDGE, 0.22, 1.0).is_err());
        assert!(Kink::new(0.0, 0.1, 0.2).is_err());
        let schedule = Schedule::new(&[0.0, 10.0, 20.0, 30.0], &[0.1, 0.3, 0.2, 0.4]).unwrap();
        let kinks: Vec<f64> = Kink::of(&schedule).iter().map(|kink| kink.income).collect();
        assert_eq!(kinks, [10.0, 30.0]);
        let income = vec![EDGE; 10];
        for counterfactual in [
            Counterfactual::saez(0.0),
            Counterfactual::saez(30_000.0),
            Counterfactual {
                degree: 100,
                ..smooth()
            },
            Counterfactual {
                degree: 8,
                ..smooth()
            },
            // Nobody beside the kink.
            smooth(),
        ] {
            let error = bunching(&income, kink(), counterfactual).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{counterfactual:?}");
        }
    }
}
