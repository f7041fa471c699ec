//! The last tax year of every arm side by side: `summary.json`.

use super::ArmResult;
use super::path::{self, ElectionSummary, PathScores};
use crate::scenario::{PlannerKind, Scenario};
use crate::world::record::Row;
use serde::Serialize;
use std::collections::BTreeMap;

/// `summary.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The scenario's name.
    pub name: String,
    /// The seed of all random streams.
    pub seed: u64,
    /// Number of workers.
    pub workers: usize,
    /// Number of tax years.
    pub years: u32,
    /// What the planner maximises.
    pub objective: ObjectiveText,
    /// The arm that gains are measured against: the first that is a law.
    pub baseline: Option<String>,
    /// One entry per arm, the scenario's planner first.
    pub arms: Vec<ArmSummary>,
    /// Remarks on the run as a whole.
    pub notes: Vec<String>,
    /// Where the time went, by model.
    pub profile: BTreeMap<String, serde_json::Value>,
}

/// The objective in words.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectiveText {
    /// As in scenarios.
    pub name: String,
    /// Unit of welfare.
    pub unit: String,
    /// Formula.
    pub formula: String,
}

/// Means over the last tax year of an arm.
#[derive(Clone, Debug, Serialize)]
pub struct ArmSummary {
    /// The planner's name.
    pub arm: String,
    /// Schedule of the last tax year.
    pub schedule: String,
    /// Welfare in the objective's unit.
    pub welfare: Option<f64>,
    /// Welfare minus that of the baseline arm.
    pub gain_over_us: Option<f64>,
    /// (W − W_baseline)/(W_optimal − W_baseline), a fraction.
    pub attained: Option<f64>,
    /// Why `attained` has no value.
    pub attained_reason: Option<String>,
    /// Highest welfare of any tax year, and that year: a maximum, not what was settled on.
    pub best_year: Option<(u32, f64)>,
    /// Every tax year against the baseline law and `optimal`; none as for `attained`.
    pub path: Option<PathScores>,
    /// Elections that were held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elections: Vec<ElectionSummary>,
    /// Welfare minus that of each other arm.
    pub difference_to: BTreeMap<String, Option<f64>>,
    /// $/year.
    pub income_mean: Option<f64>,
    /// Hours per week.
    pub labor_mean: Option<f64>,
    /// Gini of pre-tax income.
    pub gini_income: Option<f64>,
    /// Gini of disposable income.
    pub gini_disposable: Option<f64>,
    /// $/year per worker.
    pub revenue: Option<f64>,
    /// $/year per worker.
    pub rebate: Option<f64>,
    /// Share of workers at each kink of the schedule, lowest first.
    pub kink_shares: Vec<f64>,
    /// Answers of language models over the whole run.
    pub decisions: u64,
    /// Invalid ones.
    pub failures: u64,
    /// Remarks.
    pub notes: Vec<String>,
}

/// The U.S. law at which attainable gains begin, of all arms that were `played` (name, and whether it is the
/// run's own planner), in order: the first law of `[compare]`, else the first that is a planner of its own.
pub fn first_law<'a>(played: impl IntoIterator<Item = (&'a str, bool)>) -> Option<&'a str> {
    let mut own = None;
    for (arm, main) in played {
        match (arm.starts_with("us-"), main) {
            (true, false) => return Some(arm),
            (true, true) => own = own.or(Some(arm)),
            _ => {}
        }
    }
    own
}

/// Puts the arms side by side.
pub fn summarize(
    scenario: &Scenario,
    arms: &[ArmResult],
    profile: BTreeMap<String, serde_json::Value>,
) -> Summary {
    let last = |arm: &ArmResult| arm.years.last().map_or(f64::NAN, |row| row.welfare);
    let yearly =
        |arm: &ArmResult| -> Vec<f64> { arm.years.iter().map(|row| row.welfare).collect() };
    // The scenario's own planner is the first arm.
    let played = arms.iter().enumerate();
    let law = first_law(played.map(|(at, arm)| (arm.arm.as_str(), at == 0)));
    let baseline = arms.iter().rfind(|arm| Some(arm.arm.as_str()) == law);
    let optimal = arms.iter().find(|arm| arm.arm == "optimal");
    let rows = arms
        .iter()
        .map(|arm| {
            let welfare = last(arm);
            let (attained, attained_reason) = match (baseline, optimal) {
                (Some(us), Some(best)) => attained(welfare, last(us), last(best)),
                _ => (
                    None,
                    Some(
                        "attained is not shown: it needs `optimal` and a U.S. law among the arms"
                            .to_owned(),
                    ),
                ),
            };
            let statistic =
                |name: &str| arm.years.last().and_then(|row| finite(row.statistic(name)));
            let amount = |get: fn(&Row) -> f64| arm.years.last().and_then(|row| finite(get(row)));
            let path = match (baseline, optimal) {
                (Some(us), Some(best)) => path::path(&yearly(arm), &yearly(us), &yearly(best)),
                _ => None,
            };
            let elections = path::elections(arm);
            let mut notes = arm.notes.clone();
            notes.extend(path::elections_in_words(&elections));
            if arm.arm.starts_with("elected") {
                notes.extend(path.as_ref().and_then(path::spread_in_words));
            }
            if learns(&arm.arm) {
                let explores = scenario.arms().any(|kind| kind.arm() == arm.arm && explores_last(kind));
                if explores {
                    notes.push("its last tax year is a try like any other; `final_years = 1` plays the best one last".to_owned());
                }
                notes.extend(path.as_ref().map(PathScores::in_words));
            }
            ArmSummary {
                arm: arm.arm.clone(),
                path,
                elections,
                schedule: arm
                    .years
                    .last()
                    .map(|row| row.schedule.to_string())
                    .unwrap_or_default(),
                welfare: finite(welfare),
                gain_over_us: baseline.and_then(|us| finite(welfare - last(us))),
                attained,
                attained_reason,
                best_year: arm
                    .years
                    .iter()
                    .filter(|row| row.welfare.is_finite())
                    .reduce(|a, b| if b.welfare > a.welfare { b } else { a })
                    .map(|row| (row.time, row.welfare)),
                difference_to: arms
                    .iter()
                    .filter(|other| other.arm != arm.arm)
                    .map(|other| (other.arm.clone(), finite(welfare - last(other))))
                    .collect(),
                income_mean: statistic("income_mean"),
                labor_mean: statistic("labor_mean"),
                gini_income: statistic("gini_income"),
                gini_disposable: statistic("gini_disposable"),
                revenue: amount(|row| row.revenue),
                rebate: amount(|row| row.rebate),
                kink_shares: arm
                    .years
                    .last()
                    .map(|row| row.kink_shares.clone())
                    .unwrap_or_default(),
                decisions: arm.steps.iter().map(|row| u64::from(row.decisions)).sum(),
                failures: arm.steps.iter().map(|row| u64::from(row.failures)).sum(),
                notes,
            }
        })
        .collect();
    let mut notes = Vec::new();
    let asks = scenario.workers.iter().any(|g| g.decide.asks().is_some());
    if asks && (optimal.is_some() || arms.iter().any(|arm| arm.arm == "saez-fixed-point")) {
        notes.push("`optimal`, `flat` and `saez-fixed-point` take language-model workers to be rational (fixed hours are kept); those who live under them respond otherwise. Their prompt says in words how to respond, and controls on the 1.5 B model show that this is not labour supply (docs/prompts.md)".to_owned());
    }
    let adapts = scenario
        .workers
        .iter()
        .any(|g| matches!(g.decide, crate::scenario::Decide::Adaptive { .. }));
    let informed = |arm: &ArmResult| {
        ["optimal", "flat", "saez-fixed-point"].contains(&arm.arm.as_str())
            || arm.arm.starts_with("elected")
    };
    if adapts && arms.iter().any(informed) {
        notes.push("`optimal`, `flat`, `saez-fixed-point` and rational ballots take adaptive workers to have found their best response; those who adapt slowly can for a while be taxed as if they did not respond, so a year's welfare can exceed that of `optimal`, and the best year need not come again".to_owned());
    }
    let fixed: f64 = scenario
        .workers
        .iter()
        .filter(|group| matches!(group.decide, crate::scenario::Decide::Fixed { .. }))
        .map(|group| group.share)
        .sum();
    if fixed > 0.0 && arms.iter().any(|arm| arm.arm.starts_with("saez")) {
        notes.push(format!("Saez arms use the elasticity of rational workers unless it is given; here {:.0} % of the workers have fixed hours", 100.0 * fixed));
    }
    if scenario.economy.utility != crate::fiscal::Utility::Quasilinear
        && arms.iter().any(|arm| arm.arm.starts_with("saez"))
    {
        notes.push(format!("Saez's formula knows no income effects, and unless `elasticity` is given it uses e = 1/(labor_exponent − 1) = {:.3}; under isoelastic utility the compensated elasticity is smaller", scenario.economy.elasticity()));
    }
    if scenario.taxes.allow_subsidy && arms.iter().any(|arm| arm.arm == "llm" || arm.arm == "flat")
    {
        notes.push("`llm` and `flat` choose rates from 0 to 100 %; only Saez and `optimal` may use the subsidies that the scenario allows".to_owned());
    }
    if scenario.objective.name() == "inverse_income" {
        notes.push("`inverse_income` divides by incomes that the tax itself changes: its weights are endogenous, have infinite variance under the GB2 prior, and its optimum is near confiscation".to_owned());
    }
    Summary {
        name: scenario.name.clone(),
        seed: scenario.seed,
        workers: scenario.population.size,
        years: scenario.steps / scenario.tax_year,
        objective: ObjectiveText {
            name: scenario.objective.name().into(),
            unit: scenario.objective.unit(&scenario.economy).into(),
            formula: scenario.objective.formula(),
        },
        baseline: baseline.map(|arm| arm.arm.clone()),
        arms: rows,
        notes,
        profile,
    }
}

/// Whether the planner tries something in the last tax year.
fn explores_last(kind: &PlannerKind) -> bool {
    match kind {
        PlannerKind::Llm(planner) => planner.final_years == 0,
        PlannerKind::Search { final_years, .. } => *final_years == 0,
        _ => false,
    }
}

/// Planners that try schedules one after the other.
fn learns(arm: &str) -> bool {
    arm == "llm" || arm == "hybrid" || arm.starts_with("search-")
}

/// Share of the attainable gain; none where `optimal` is not better than the baseline.
fn attained(welfare: f64, us: f64, best: f64) -> (Option<f64>, Option<String>) {
    let gain = best - us;
    if !gain.is_finite() {
        return (
            None,
            Some("welfare of the U.S. schedule or of `optimal` is not a number".into()),
        );
    }
    if gain > 1e-9 * us.abs().max(1e-300) {
        (finite((welfare - us) / gain), None)
    } else {
        (None, Some("`optimal` is not better than the U.S. schedule here, so there is no gain to attain".into()))
    }
}

fn finite(x: f64) -> Option<f64> {
    Some(x).filter(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_of_compare_is_the_zero_of_gains() {
        let law = |played: &[(&'static str, bool)]| first_law(played.iter().copied());
        let both = [("us-1979", true), ("optimal", false), ("us-2024", false)];
        assert_eq!(law(&both), Some("us-2024"));
        assert_eq!(law(&both[..2]), Some("us-1979"));
        assert_eq!(law(&both[1..2]), None);
    }

    #[test]
    fn attained_is_a_share_of_the_gain() {
        assert_eq!(attained(15.0, 10.0, 20.0).0, Some(0.5));
        assert_eq!(attained(5.0, 10.0, 20.0).0, Some(-0.5));
        assert!(attained(15.0, 10.0, 10.0).1.is_some());
        assert!(attained(15.0, 10.0, 9.0).0.is_none());
        assert!(attained(15.0, f64::NAN, 9.0).0.is_none());
    }
}
