//! `summary.json` of a run: the mean over the last tax year of every arm.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::files;
use crate::Result;

/// A run's summary. Missing fields read as their defaults, unknown ones are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// The scenario's name.
    pub name: String,
    /// The seed of all random streams.
    pub seed: Option<u64>,
    /// What the planner maximises.
    pub objective: Objective,
    /// The arm that `gain_over_us` is measured against.
    pub baseline: Option<String>,
    /// One entry per arm, the scenario's planner first.
    pub arms: Vec<ArmSummary>,
    /// Warnings about the run as a whole.
    #[serde(deserialize_with = "null_as_default")]
    pub notes: Vec<String>,
    /// Seconds by phase, or whatever the run measured.
    pub profile: Value,
    /// Share of workers at each kink of their schedule.
    pub kink_shares: Value,
}

/// The welfare objective: name, unit and formula, in words for readers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Objective {
    /// Name as in the scenario, such as `inverse_wage`.
    pub name: String,
    /// Unit of welfare, such as `$/year`; empty when it has none.
    #[serde(deserialize_with = "null_as_default")]
    pub unit: String,
    /// Formula in plain text.
    #[serde(deserialize_with = "null_as_default")]
    pub formula: String,
}

/// Reads a null as the type's default.
fn null_as_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Objective {
    /// Whether welfare is an amount of money.
    pub fn is_money(&self) -> bool {
        self.unit.starts_with('$')
    }

    /// The unit for people: a dash-free word even when there is none.
    pub fn unit_shown(&self) -> &str {
        if self.unit.is_empty() || self.unit == "1" {
            "utils"
        } else {
            &self.unit
        }
    }
}

/// The last tax year of one arm. A null (no value, or not a number) is `None`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ArmSummary {
    /// The planner's name, as in column `arm`.
    pub arm: String,
    /// Welfare, in the objective's unit.
    pub welfare: Option<f64>,
    /// Welfare minus that of the baseline arm.
    pub gain_over_us: Option<f64>,
    /// (W − W_us) / (W_optimal − W_us), a fraction.
    pub attained: Option<f64>,
    /// Why `attained` has no value.
    pub attained_reason: Option<String>,
    /// Mean pre-tax income, $/year.
    pub income_mean: Option<f64>,
    /// Mean hours per week.
    pub labor_mean: Option<f64>,
    /// Gini coefficient of pre-tax income.
    pub gini_income: Option<f64>,
    /// Gini coefficient of disposable income.
    pub gini_disposable: Option<f64>,
    /// Tax revenue per worker, $/year.
    pub revenue: Option<f64>,
    /// Answers asked of language models.
    pub decisions: Option<f64>,
    /// Of these, answers that could not be parsed into a valid action.
    pub failures: Option<f64>,
    /// Elections that were held.
    #[serde(deserialize_with = "null_as_default")]
    pub elections: Vec<Election>,
    /// Remarks on this arm.
    #[serde(deserialize_with = "null_as_default")]
    pub notes: Vec<String>,
}

/// An election in short.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Election {
    /// Tax year, from 1.
    pub year: u32,
    /// Voting rule.
    pub rule: String,
    /// How many stood.
    pub candidates: u32,
    /// Number of the winner, from 1.
    pub winner: Option<u32>,
    /// The worker who won.
    pub winner_worker: Option<u32>,
    /// Its platform.
    pub schedule: Option<String>,
    /// What it said.
    pub statement: Option<String>,
    /// What it had said before that was rewritten in a civil tone, where it was.
    pub original: Option<String>,
    /// Share of workers who voted.
    pub turnout: f64,
    /// Whether the winner was drawn among equals.
    pub by_lot: bool,
    /// Lead over the second, in the rule's own measure.
    pub margin: Option<f64>,
    /// Number of the candidate who beats every other one.
    pub condorcet_winner: Option<u32>,
    /// Whether it won.
    pub condorcet_found: Option<bool>,
}

impl Summary {
    /// Reads `summary.json` of the run folder `run`.
    pub fn read(run: &Path) -> Result<Self> {
        files::json(&run.join("summary.json"))
    }

    /// The arm that gains are measured against, as a reader should be told.
    pub fn baseline_shown(&self) -> &str {
        self.baseline.as_deref().unwrap_or("the U.S. schedule")
    }

    /// All remarks, arm by arm, each with the arm's name in front; repeated ones name all their arms.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<(Vec<&str>, &str)> = Vec::new();
        for arm in &self.arms {
            let missing = arm
                .attained_reason
                .as_deref()
                .filter(|_| arm.attained.is_none());
            for text in arm.notes.iter().map(String::as_str).chain(missing) {
                match remarks.iter_mut().find(|(_, known)| *known == text) {
                    Some((arms, _)) => arms.push(&arm.arm),
                    None => remarks.push((vec![&arm.arm], text)),
                }
            }
        }
        let by_arm = remarks
            .into_iter()
            .map(|(arms, text)| format!("{}: {text}", arms.join(", ")));
        self.notes.iter().cloned().chain(by_arm).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_null_fields_read_as_nothing() {
        let summary: Summary = serde_json::from_str(
            r#"{"name": "a", "notes": null, "objective": {"name": "nash", "unit": null},
                "arms": [{"arm": "llm", "welfare": null, "notes": null}, {"arm": "none"}], "later": 1}"#,
        )
        .unwrap();
        assert_eq!(summary.arms[0].welfare, None);
        assert_eq!(summary.objective.unit_shown(), "utils");
        assert!(summary.remarks().is_empty());
    }

    #[test]
    fn a_remark_shared_by_arms_is_said_once() {
        let summary: Summary = serde_json::from_str(
            r#"{"arms": [{"arm": "a", "notes": ["x"]}, {"arm": "b", "notes": ["x", "y"], "attained_reason": "z"}]}"#,
        )
        .unwrap();
        assert_eq!(summary.remarks(), ["a, b: x", "b: y", "b: z"]);
    }
}
