//! All measures of one reform, gathered.

use crate::error::Result;
use crate::fiscal::bunching::{Bunching, Counterfactual, Kink, bunching};
use crate::fiscal::burden::{
    ExcessBurden, LafferCurve, MarginalRate, Rebating, excess_burden, laffer_curve, marginal_rates,
    step,
};
use crate::fiscal::inequality::{Indices, Ranked, ascending_order, indices};
use crate::fiscal::inverse_optimum::{BracketWeight, implied_weights};
use crate::fiscal::reform::{
    RevenueEffects, Row, Side, Variations, WelfareEffects, distribution, revenue_effects,
    variations, welfare_effects,
};
use crate::fiscal::taxable_income::{Estimate, Specification, estimate, estimate_by_bracket};
use crate::fiscal::{Objective, Outcome, Schedule, Society};

/// A schedule and what workers do under it.
pub struct Situation {
    /// As on the command line.
    pub name: String,
    pub schedule: Schedule,
    /// Of simulated workers incomes, taxes and disposable incomes alone.
    pub outcome: Outcome,
}

/// What incomes and taxes alone tell.
pub struct Observed {
    pub revenue: RevenueEffects,
    /// ΔR, $/year per worker.
    pub rebate_change: f64,
    pub rows: Vec<Row>,
    pub threshold: f64,
    /// Specifications by name, and what each finds or why not.
    pub elasticity: Vec<(&'static str, Result<Estimate>)>,
    /// Of workers away from kinks, by bracket before.
    pub by_bracket: Vec<Result<Estimate>>,
    /// Poverty line: half the median disposable income before, $/year.
    pub line: f64,
    /// Before and after.
    pub indices: [Indices; 2],
    /// Kinks of each schedule.
    pub bunching: [Vec<(Kink, Result<Bunching>)>; 2],
}

impl Observed {
    /// Measures of a reform; winners by equivalent variation where it is known, else by the change
    /// of disposable income.
    pub fn new(
        a: &Situation,
        b: &Situation,
        gains: Option<&Variations>,
        threshold: f64,
    ) -> Result<Self> {
        let before = (&a.schedule, &a.outcome.income[..]);
        let after = (&b.schedule, &b.outcome.income[..]);
        let ratio = Specification::ratio();
        let interior = Specification {
            kinks: false,
            ..ratio
        };
        let specifications = [
            ("all workers", ratio),
            ("workers away from kinks", interior),
            ("as Gruber and Saez (2002)", Specification::gruber_saez()),
        ];
        let elasticity = specifications
            .map(|(name, specification)| (name, estimate(before, after, specification)));
        let by_bracket = estimate_by_bracket(before, after, interior)?;
        let disposable = &a.outcome.disposable;
        let change: Vec<f64> = (b.outcome.disposable.iter().zip(disposable))
            .map(|(b, a)| b - a)
            .collect();
        let gain = gains.map_or(&change, |gains| &gains.equivalent);
        let rows = distribution(
            disposable,
            Side::from(&a.outcome),
            Side::from(&b.outcome),
            gain,
            threshold,
            10,
        );
        let line = 0.5 * Ranked::by_index(disposable, &ascending_order(disposable)).quantile(0.5);
        let of =
            |outcome: &Outcome| indices(&outcome.income, &outcome.tax, &outcome.disposable, line);
        Ok(Observed {
            revenue: revenue_effects(before, after),
            rebate_change: rows
                .last()
                .map_or(f64::NAN, |all| all.change - all.change_before_rebate),
            rows,
            threshold,
            elasticity: elasticity.into(),
            by_bracket,
            line,
            indices: [of(&a.outcome), of(&b.outcome)],
            bunching: [at_kinks(a), at_kinks(b)],
        })
    }
}

/// Bunching at each convex kink, with straight lines through the hundredths of z* on both sides, up
/// to a quarter of z* and to halfway before the next edge.
fn at_kinks(situation: &Situation) -> Vec<(Kink, Result<Bunching>)> {
    let edges = situation.schedule.edges();
    Kink::of(&situation.schedule)
        .into_iter()
        .map(|kink| {
            let z = kink.income;
            let nearest = (edges.iter())
                .map(|edge| (edge - z).abs())
                .filter(|distance| *distance > 0.0)
                .fold(f64::INFINITY, f64::min);
            let bin = 0.01 * z;
            let window = (0.25 * z).min(0.5 * nearest);
            let counterfactual = Counterfactual {
                excluded: bin,
                bin,
                bins: ((window / bin) as usize).max(3) - 1,
                degree: 1,
            };
            (
                kink,
                bunching(&situation.outcome.income, kink, counterfactual),
            )
        })
        .collect()
}

/// What needs the model of behaviour.
pub struct Modelled {
    pub objective: &'static str,
    pub unit: &'static str,
    /// Of the derivatives by a rate, a fraction.
    pub step: f64,
    pub welfare: WelfareEffects,
    pub variations: Variations,
    /// Of each schedule, before and after.
    pub schedules: [OfSchedule; 2],
}

/// Measures of one schedule.
pub struct OfSchedule {
    pub burden: ExcessBurden,
    /// By bracket, all three.
    pub marginal: Vec<MarginalRate>,
    pub laffer: Vec<LafferCurve>,
    pub weights: Vec<BracketWeight>,
}

impl Modelled {
    pub fn new(
        society: &Society,
        objective: &Objective,
        a: &Situation,
        b: &Situation,
    ) -> Result<Self> {
        let pairs = [a, b].map(|s| (&s.schedule, &s.outcome));
        let [from, to] = pairs;
        let step = step(society.len());
        let of = |(schedule, outcome): (&Schedule, &Outcome)| -> Result<OfSchedule> {
            Ok(OfSchedule {
                burden: excess_burden(society, schedule, outcome)?,
                marginal: marginal_rates(society, schedule, outcome, Rebating::Held, step),
                laffer: (0..schedule.brackets())
                    .map(|k| laffer_curve(society, schedule, k))
                    .collect(),
                weights: implied_weights(society, schedule, outcome, objective, step),
            })
        };
        Ok(Modelled {
            objective: objective.name(),
            unit: objective.unit(society.economy()),
            step,
            welfare: welfare_effects(society, objective, from.1, to)?,
            variations: variations(society, from, to)?,
            schedules: [of(from)?, of(to)?],
        })
    }
}
