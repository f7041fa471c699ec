//! What a tax costs beyond what it raises: excess burden, the marginal value of public funds, and
//! Laffer curves.

use crate::error::Result;
use crate::fiscal::inequality::mean;
use crate::fiscal::reform::{sum_for, unbounded};
use crate::fiscal::{Outcome, Schedule, Society, Utility};
use rayon::prelude::*;

/// Least step of a rate behind derivatives, a fraction: a tenth of a point up and down.
pub const STEP: f64 = 1e-3;

/// Step of a rate for central differences with so many workers, a fraction: 0.2·n^{−1/3}, between
/// [`STEP`] and 5 points; 2 points with 1,000 workers, 0.2 with a million.
///
/// In a finite population revenue is smooth in a rate but where a worker enters or leaves a kink
/// (its slope jumps by that worker's share) and where one jumps over a kink at which rates fall
/// (revenue itself jumps, by J/n). A difference over ±h errs by J/(2nh) for a jump inside it, and by
/// h²/6 times the third derivative for curvature: h ∝ n^{−1/3} lets both fall together. An optimum is
/// the worst place for small steps, as it sits on the brink of a jump. Where rates rise there are no
/// jumps, and [`STEP`] is better.
pub fn step(workers: usize) -> f64 {
    (0.2 * (workers.max(1) as f64).powf(-1.0 / 3.0)).clamp(STEP, 0.05)
}

/// Excess burden of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct ExcessBurden {
    /// By worker, $/year.
    pub by_worker: Vec<f64>,
    /// Its mean, $/year per worker.
    pub mean: f64,
    /// Mean tax, $/year per worker.
    pub revenue: f64,
}

impl ExcessBurden {
    /// Cents lost beside each dollar raised, as a fraction; NaN where nothing is raised.
    pub fn per_dollar(&self) -> f64 {
        if self.revenue > 0.0 {
            self.mean / self.revenue
        } else {
            f64::NAN
        }
    }
}

/// EB_i = L_i − T(z_i): what a worker would pay as a lump sum L_i rather than be taxed, less what
/// it pays, V_0(R − L_i) = u_i.
///
/// V_0 is utility without a tax on income, from the best hours; the rebate R stays that of the
/// schedule. Fixed, noisy and serving workers do in place of their best what they do without a tax.
/// It is the equivalent variation that is compared with revenue. Under quasilinear utility with
/// elasticity e and a flat rate t, EB = z₀·((1 − (1−t)^{1+e})/(1+e) − t(1−t)^e), with z₀ income
/// without tax, where nobody is at the limit of hours. Source: Auerbach (1985), section 2.
///
/// # Errors
/// Bounded workers.
pub fn excess_burden(
    society: &Society,
    schedule: &Schedule,
    outcome: &Outcome,
) -> Result<ExcessBurden> {
    unbounded(society)?;
    let none = schedule.reform(&vec![0.0; schedule.brackets()]);
    let untaxed = society.outcome(&none);
    let lump_sum = |i: usize| match society.economy().utility {
        Utility::Quasilinear => {
            (untaxed.utility[i] - untaxed.rebate) - (outcome.utility[i] - outcome.rebate)
        }
        Utility::Isoelastic { .. } => {
            outcome.rebate
                - untaxed.rebate
                - sum_for(society, i, &none, &untaxed, outcome.utility[i])
        }
    };
    let by_worker: Vec<f64> = (0..society.len())
        .into_par_iter()
        .map(|i| lump_sum(i) - outcome.tax[i])
        .collect();
    Ok(ExcessBurden {
        mean: mean(&by_worker),
        by_worker,
        revenue: mean(&outcome.tax),
    })
}

/// What a higher rate of one bracket does, per unit of the rate (a fraction), $/year per worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginalRate {
    /// Bracket from 0.
    pub bracket: usize,
    /// M_k = mean clip(z − b_k, 0, b_{k+1} − b_k): the mechanical gain of revenue, and by the
    /// envelope theorem what those who pay the rise would pay to be spared it.
    pub mechanical: f64,
    /// dR_k: the gain of revenue with behaviour.
    pub revenue: f64,
}

impl MarginalRate {
    /// Marginal value of public funds of the bracket's rate, M_k/dR_k: the willingness to pay of
    /// those who pay per dollar that reaches the treasury.
    ///
    /// 1 without behaviour, above 1 where higher rates lose base; ∞ where a cut would pay for itself
    /// (dR_k ≤ 0 with M_k > 0); NaN where nobody has income in the bracket. Of a flat tax t and a
    /// constant elasticity e it is 1/(1 − e·t/(1−t)). Source: Hendren and Sprung-Keyser (2020),
    /// section II, where a tax cut has willingness to pay and net cost of the same sign.
    pub fn mvpf(&self) -> f64 {
        if self.mechanical <= 0.0 {
            f64::NAN
        } else if self.revenue <= 0.0 {
            f64::INFINITY
        } else {
            self.mechanical / self.revenue
        }
    }

    /// Marginal excess burden per dollar raised, (M_k − dR_k)/dR_k = MVPF − 1.
    pub fn excess_burden(&self) -> f64 {
        self.mvpf() - 1.0
    }
}

/// How a rate's revenue comes back to the workers while it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebating {
    /// The rebate stays: the policy is the rate alone, as the MVPF wants it.
    Held,
    /// The budget is balanced: the rebate follows, and where there are income effects moves hours.
    Balanced,
}

/// Derivatives of revenue by the rate of each bracket at a schedule with its outcome.
///
/// Central differences over ± `step` (see [`step`]), but at most over a tenth of the net-of-tax rate,
/// in powers of which revenue bends; at 100 % and at −100 %, where only one side exists, the
/// one-sided difference.
pub fn marginal_rates(
    society: &Society,
    schedule: &Schedule,
    outcome: &Outcome,
    rebating: Rebating,
    step: f64,
) -> Vec<MarginalRate> {
    let revenue = |rates: &[f64]| {
        let reformed = schedule.reform(rates);
        match rebating {
            Rebating::Balanced => mean(&society.outcome(&reformed).tax),
            Rebating::Held => {
                let labor = society.labor_at_rebate(&reformed, outcome.rebate, &outcome.labor);
                let mut income = vec![0.0; labor.len()];
                let mut tax = vec![0.0; labor.len()];
                (society.economy()).income_of_many(society.wage(), &labor, &mut income);
                reformed.tax_of_many(&income, &mut tax);
                mean(&tax)
            }
        }
    };
    (0..schedule.brackets())
        .into_par_iter()
        .map(|bracket| {
            let rate = schedule.rates()[bracket];
            let step = match rate < 1.0 {
                true => step.min(0.1 * (1.0 - rate)),
                false => step,
            };
            let ends = [(rate - step).max(-1.0), (rate + step).min(1.0)];
            let [below, above] = ends.map(|end| {
                let mut rates = schedule.rates().to_vec();
                rates[bracket] = end;
                revenue(&rates)
            });
            MarginalRate {
                bracket,
                mechanical: base(schedule, bracket, &outcome.income),
                revenue: (above - below) / (ends[1] - ends[0]),
            }
        })
        .collect()
}

/// Mean income inside a bracket, $/year per worker.
fn base(schedule: &Schedule, bracket: usize, income: &[f64]) -> f64 {
    let (lower, upper) = (schedule.edges()[bracket], schedule.upper(bracket));
    let inside = |z: &f64| (z - lower).clamp(0.0, upper - lower);
    income.iter().map(inside).sum::<f64>() / income.len() as f64
}

/// Revenue as a function of one bracket's rate, the others as they are and the budget balanced.
#[derive(Clone, Debug, PartialEq)]
pub struct LafferCurve {
    /// Bracket from 0.
    pub bracket: usize,
    /// Rates 0, 1 %, … 100 %, fractions.
    pub rates: Vec<f64>,
    /// Mean tax at each, $/year per worker.
    pub revenue: Vec<f64>,
    /// Rate that raises most, a fraction.
    pub peak_rate: f64,
    /// Mean tax there, $/year per worker.
    pub peak_revenue: f64,
}

/// Laffer curve of one bracket. The peak is the best point of the grid, refined between its
/// neighbours by golden section to 10⁻⁶, or the schedule's own rate where that raises more (with
/// few workers revenue has many small teeth); of equal points (an empty bracket) the lowest rate.
///
/// Of a flat tax with constant elasticity the peak is at 1/(1+e). A single bracket's peak depends
/// on the rates of the others.
pub fn laffer_curve(society: &Society, schedule: &Schedule, bracket: usize) -> LafferCurve {
    let revenue = |rate: f64| {
        let mut rates = schedule.rates().to_vec();
        rates[bracket] = rate;
        mean(&society.outcome(&schedule.reform(&rates)).tax)
    };
    let rates: Vec<f64> = (0..=100)
        .map(|percent| f64::from(percent) / 100.0)
        .collect();
    let curve: Vec<f64> = rates.par_iter().map(|&rate| revenue(rate)).collect();
    let best = (1..curve.len()).fold(0, |best, i| if curve[i] > curve[best] { i } else { best });
    let own = schedule.rates()[bracket];
    let mut peak = (curve[best], rates[best]);
    if revenue(own) > peak.0 {
        peak = (revenue(own), own);
    }
    let mut low = rates[best.saturating_sub(1)];
    let mut high = rates[(best + 1).min(100)];
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    while high - low > 1e-6 {
        let (left, right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        let (at_left, at_right) = (revenue(left), revenue(right));
        for point in [(at_left, left), (at_right, right)] {
            if point.0 > peak.0 {
                peak = point;
            }
        }
        if at_left >= at_right {
            high = right;
        } else {
            low = left;
        }
    }
    LafferCurve {
        bracket,
        rates,
        revenue: curve,
        peak_rate: peak.1,
        peak_revenue: peak.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fiscal::reform::variations;
    use crate::fiscal::{Behaviour, Economy, laws};

    /// Wages at which nobody reaches the limit of hours, and mean income without tax.
    fn interior(economy: Economy) -> (Society, f64) {
        let wages: Vec<f64> = (1..=50).map(|i| 0.4 * f64::from(i)).collect();
        let e = economy.elasticity();
        let untaxed = wages
            .iter()
            .map(|w| 52.0 * w * (w / (economy.labor_cost * economy.labor_exponent)).powf(e))
            .sum::<f64>()
            / 50.0;
        (Society::rational(economy, wages), untaxed)
    }

    fn economies() -> [Economy; 3] {
        [11.0, 5.0, 3.5].map(|labor_exponent| Economy {
            labor_exponent,
            labor_cost: match labor_exponent {
                11.0 => 1e-18,
                5.0 => 1e-6,
                _ => 0.0005,
            },
            ..Economy::default()
        })
    }

    /// Closed forms of a flat tax with e = 0.1, 0.25, 0.4.
    #[test]
    fn flat_tax_in_closed_form() {
        for economy in economies() {
            let e = economy.elasticity();
            let (society, untaxed) = interior(economy);
            assert!(
                society
                    .outcome(&Schedule::flat(0.0).unwrap())
                    .labor
                    .iter()
                    .all(|&l| l < 100.0)
            );
            for t in [0.1, 0.35, 0.6] {
                let schedule = Schedule::flat(t).unwrap();
                let outcome = society.outcome(&schedule);
                let net: f64 = 1.0 - t;
                let revenue = t * untaxed * net.powf(e);
                let burden = excess_burden(&society, &schedule, &outcome).unwrap();
                let expected = untaxed / (1.0 + e) * (1.0 - net.powf(1.0 + e)) - revenue;
                assert!((burden.revenue / revenue - 1.0).abs() < 1e-12);
                assert!(
                    (burden.mean / expected - 1.0).abs() < 1e-9,
                    "{e} {t}: {}",
                    burden.mean
                );
                assert!((burden.per_dollar() / (expected / revenue) - 1.0).abs() < 1e-9);
                let mvpf = 1.0 / (1.0 - e * t / net);
                for rebating in [Rebating::Held, Rebating::Balanced] {
                    let slopes = marginal_rates(&society, &schedule, &outcome, rebating, STEP);
                    assert!(
                        (slopes[0].mvpf() / mvpf - 1.0).abs() < 1e-5,
                        "{e} {t}: {slopes:?}"
                    );
                    assert!((slopes[0].excess_burden() - (mvpf - 1.0)).abs() < 1e-5 * mvpf);
                }
            }
            let laffer = laffer_curve(&society, &Schedule::flat(0.2).unwrap(), 0);
            assert!(
                (laffer.peak_rate - 1.0 / (1.0 + e)).abs() < 1e-4,
                "{}",
                laffer.peak_rate
            );
            let peak = laffer.peak_rate * untaxed * (1.0 - laffer.peak_rate).powf(e);
            assert!((laffer.peak_revenue / peak - 1.0).abs() < 1e-12);
            // Beyond the peak a cut pays for itself.
            let schedule = Schedule::flat(laffer.peak_rate + 0.02).unwrap();
            let outcome = society.outcome(&schedule);
            let beyond = marginal_rates(&society, &schedule, &outcome, Rebating::Held, STEP);
            assert_eq!(beyond[0].mvpf(), f64::INFINITY);
        }
    }

    /// Two brackets, everybody above the edge b: only the upper rate distorts. With the lower rate
    /// 0 and the upper t, revenue is t(z − b), MVPF_2 = (z − b)/(z − b − z·e·t/(1−t)), MVPF_1 = 1.
    #[test]
    fn mvpf_of_two_brackets() {
        let economy = Economy::default();
        let society = Society::rational(economy, vec![20.0]);
        let (b, t) = (10_000.0, 0.4);
        let schedule = Schedule::new(&[0.0, b], &[0.0, t]).unwrap();
        let outcome = society.outcome(&schedule);
        let z = outcome.income[0];
        assert!(z > 2.0 * b);
        let slopes = marginal_rates(&society, &schedule, &outcome, Rebating::Held, STEP);
        let upper = (z - b) / (z - b - z * 0.4 * t / (1.0 - t));
        assert!((slopes[0].mvpf() - 1.0).abs() < 1e-9);
        assert!((slopes[1].mvpf() / upper - 1.0).abs() < 1e-5);
        // Nobody has income in a third bracket.
        let schedule = Schedule::new(&[0.0, b, 1e6], &[0.0, t, 0.5]).unwrap();
        let empty = marginal_rates(&society, &schedule, &outcome, Rebating::Held, STEP)[2];
        assert!(empty.mvpf().is_nan());
    }

    /// M_k is what workers would pay to be spared the rise: the equivalent variation of it, for both
    /// utilities, with bunching under the 2024 brackets. The rebate is taken back as revenue would be.
    #[test]
    fn willingness_to_pay_is_the_mechanical_effect() {
        let society = Society::rational(Economy::default(), (1..300).map(f64::from).collect());
        let law = laws::find("us-2024").unwrap();
        let a = society.outcome(law);
        let slopes = marginal_rates(&society, law, &a, Rebating::Held, STEP);
        for (k, slope) in slopes.iter().enumerate() {
            let mut rates = law.rates().to_vec();
            rates[k] += 1e-4;
            let to = law.reform(&rates);
            let b = society.outcome(&to);
            let gains = variations(&society, (law, &a), (&to, &b))
                .unwrap()
                .equivalent;
            let loss = -(mean(&gains) - (b.rebate - a.rebate)) / 1e-4;
            assert!(
                (loss / slope.mechanical - 1.0).abs() < 1e-3,
                "{k}: {loss} {slope:?}"
            );
        }
    }

    /// Hours that do not answer: no excess burden, an MVPF of 1, a Laffer curve that rises to 100 %.
    #[test]
    fn fixed_hours_bear_no_excess_burden() {
        for utility in [
            Utility::Quasilinear,
            Utility::Isoelastic {
                eta: 1.0,
                consumption_unit: 1000.0,
            },
        ] {
            let economy = Economy {
                utility,
                ..Economy::default()
            };
            let society = Society::new(economy, vec![20.0, 30.0], vec![Behaviour::Fixed(40.0); 2]);
            let schedule = Schedule::new(&[0.0, 30_000.0], &[0.1, 0.4]).unwrap();
            let outcome = society.outcome(&schedule);
            let burden = excess_burden(&society, &schedule, &outcome).unwrap();
            assert!(burden.mean.abs() < 1e-6, "{burden:?}");
            let slopes = marginal_rates(&society, &schedule, &outcome, Rebating::Held, STEP);
            assert!(slopes.iter().all(|slope| (slope.mvpf() - 1.0).abs() < 1e-9));
            assert_eq!(laffer_curve(&society, &schedule, 1).peak_rate, 1.0);
        }
    }

    /// ln c − χl^δ with R = 0 (public spending takes all revenue): hours do not depend on the rate,
    /// so l = (1/(χδ))^{1/δ} and the tax collects t·z; yet it burdens. A lump sum L instead lets
    /// hours rise: it solves ln(zₗ − L) − χl^δ = ln((1−t)z) − χl^δ, here by a fine grid over hours.
    #[test]
    fn excess_burden_with_income_effects() {
        let (t, wage) = (0.4, 25.0);
        let free = Economy {
            utility: Utility::Isoelastic {
                eta: 1.0,
                consumption_unit: 1000.0,
            },
            labor_cost: 1e-6,
            ..Economy::default()
        };
        let labor = (1.0 / (1e-6 * 3.5_f64)).powf(1.0 / 3.5);
        let z = 52.0 * wage * labor;
        let economy = Economy {
            public_spending: t * z,
            ..free
        };
        let society = Society::rational(economy, vec![wage]);
        let schedule = Schedule::flat(t).unwrap();
        let outcome = society.outcome(&schedule);
        assert!((outcome.labor[0] - labor).abs() < 1e-6 && outcome.rebate.abs() < 1e-3);
        let burden = excess_burden(&society, &schedule, &outcome).unwrap();
        let lump_sum = burden.mean + burden.revenue;
        let best = (1..1_000_000)
            .map(|k| 1e-4 * f64::from(k))
            .map(|l| economy.utility(52.0 * wage * l - lump_sum, l))
            .fold(f64::NEG_INFINITY, f64::max);
        assert!((best - economy.utility((1.0 - t) * z, labor)).abs() < 1e-8);
        assert!(burden.mean > 0.01 * burden.revenue);
    }
}
