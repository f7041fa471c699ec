//! How a planner's welfare came near that of the optimum, year by year.

use super::ArmResult;
use crate::world::elections::Held;
use serde::Serialize;

/// The path of an arm between the baseline law (0) and the optimum (1), year by year.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PathScores {
    /// (W_y − W_us,y)/(W_optimal,y − W_us,y) of every tax year y; none where welfare is not a number or the
    /// optimum is not better in that year.
    pub attained_by_year: Vec<Option<f64>>,
    /// First tax year in which at least 90 % of that year's gain was attained.
    pub years_to_90: Option<u32>,
    /// The same for 99 %.
    pub years_to_99: Option<u32>,
    /// Mean of W_optimal,y − W_y over all tax years, in the objective's unit.
    pub regret_mean: Option<f64>,
    /// The same as a share of the attainable gain.
    pub regret_share: Option<f64>,
}

/// Scores `welfare` by tax year against the law's and the optimum's welfare of the same years (all arms
/// share their random numbers); `None` where the optimum is not better than the law on average.
pub fn path(welfare: &[f64], us: &[f64], optimal: &[f64]) -> Option<PathScores> {
    let years = welfare.len();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / years as f64;
    let gain = mean(optimal) - mean(us);
    let alike = us.len() == years && optimal.len() == years && years > 0;
    if !alike || !gain.is_finite() || gain <= 1e-9 * mean(us).abs().max(1e-300) {
        return None;
    }
    let attained_by_year: Vec<Option<f64>> = (0..years)
        .map(|y| {
            let gain = optimal[y] - us[y];
            Some((welfare[y] - us[y]) / gain).filter(|x| x.is_finite() && gain > 0.0)
        })
        .collect();
    let first = |least: f64| {
        let reached = |x: &Option<f64>| x.is_some_and(|x| x >= least);
        let year = attained_by_year.iter().position(reached);
        year.map(|index| index as u32 + 1)
    };
    let regret = mean(optimal) - mean(welfare);
    Some(PathScores {
        years_to_90: first(0.9),
        years_to_99: first(0.99),
        regret_mean: Some(regret).filter(|x| x.is_finite()),
        regret_share: Some(regret / gain).filter(|x| x.is_finite()),
        attained_by_year,
    })
}

impl PathScores {
    /// A sentence for the notes of a run.
    pub fn in_words(&self) -> String {
        let reached = |year: Option<u32>| match year {
            Some(year) => format!("in year {year}"),
            None => "never".to_owned(),
        };
        let regret = match self.regret_share {
            Some(share) => format!("; regret, as a share of it, {:.1} % a year", 100.0 * share),
            None => String::new(),
        };
        format!(
            "90 % of the attainable gain reached {}, 99 % {}{regret}",
            reached(self.years_to_90),
            reached(self.years_to_99)
        )
    }
}

/// A sentence on how an elected planner's welfare moved between the law and the optimum.
pub fn spread_in_words(scores: &PathScores) -> Option<String> {
    let shares: Vec<f64> = scores.attained_by_year.iter().flatten().copied().collect();
    if shares.len() < 2 {
        return None;
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    let low = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(format!(
        "over all tax years {:.1} % of the attainable gain on average, from {:.1} to {:.1} %: the last year is one election among others, and depends on who stood",
        100.0 * mean,
        100.0 * low,
        100.0 * high
    ))
}

/// An election in `summary.json`; its ballots are in `ballots.parquet`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ElectionSummary {
    /// Tax year, from 1.
    pub year: u32,
    /// Voting rule.
    pub rule: &'static str,
    /// How many stood.
    pub candidates: usize,
    /// Number of the winner among them, from 1.
    pub winner: Option<usize>,
    /// The winner, if it is a worker.
    pub winner_worker: Option<u32>,
    /// The winner's platform.
    pub schedule: Option<String>,
    /// What the winner said.
    pub statement: Option<String>,
    /// What the winner had said before that was rewritten in a civil tone, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// Share of workers who voted.
    pub turnout: f64,
    /// Whether the winner was drawn among equals.
    pub by_lot: bool,
    /// As in [`crate::voting::Election`].
    pub margin: Option<f64>,
    /// Number of the candidate who beats every other one, if there is one.
    pub condorcet_winner: Option<usize>,
    /// Whether the rule elected it.
    pub condorcet_found: Option<bool>,
}

/// The elections of an arm.
pub fn elections(arm: &ArmResult) -> Vec<ElectionSummary> {
    let of = |held: &Held| {
        let election = held.election.as_ref();
        let winner = election.map(|election| election.winner);
        let candidate = winner.map(|winner| &held.candidates[winner]);
        ElectionSummary {
            year: held.year,
            rule: held.rule.name(),
            candidates: held.candidates.len(),
            winner: winner.map(|winner| winner + 1),
            winner_worker: candidate.and_then(|candidate| candidate.worker),
            schedule: candidate.map(|candidate| candidate.platform.to_string()),
            statement: candidate.and_then(|candidate| candidate.statement.clone()),
            original: candidate
                .and_then(|candidate| candidate.rewritten.as_ref())
                .map(|rewritten| rewritten.original.clone()),
            turnout: election.map_or(0.0, |election| election.turnout),
            by_lot: election.is_some_and(|election| election.tied.len() > 1),
            margin: election.map(|election| election.margin),
            condorcet_winner: held.condorcet_winner.map(|best| best + 1),
            condorcet_found: held.condorcet_winner.map(|best| winner == Some(best)),
        }
    };
    arm.elections.iter().map(of).collect()
}

/// A sentence on elections for the notes of a run.
pub fn elections_in_words(held: &[ElectionSummary]) -> Option<String> {
    let rule = held.first()?.rule;
    let count = held.len();
    let turnout = held.iter().map(|e| e.turnout).sum::<f64>() / count as f64;
    let best = held.iter().filter_map(|e| e.condorcet_found);
    let (exist, found) = (best.clone().count(), best.filter(|found| *found).count());
    Some(format!(
        "{count} election{} under {rule}, mean turnout {:.0} %; a candidate who beats every other one stood in {exist} and won {found}",
        if count == 1 { "" } else { "s" },
        100.0 * turnout
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_by_hand() {
        // Law 10, optimum 20.
        let scores = path(&[10.0, 19.5, 5.0, 20.0], &[10.0; 4], &[20.0; 4]).unwrap();
        let expected = [0.0, 0.95, -0.5, 1.0].map(Some);
        assert_eq!(scores.attained_by_year, expected);
        assert_eq!((scores.years_to_90, scores.years_to_99), (Some(2), Some(4)));
        // (10 + 0.5 + 15 + 0)/4
        assert_eq!(scores.regret_mean, Some(6.375));
        assert_eq!(scores.regret_share, Some(0.6375));
        assert_eq!(
            scores.in_words(),
            "90 % of the attainable gain reached in year 2, 99 % in year 4; regret, as a share of it, 63.7 % a year"
        );
        assert_eq!(path(&[1.0], &[10.0], &[10.0]), None);
        assert_eq!(path(&[1.0], &[0.0], &[2.0, 3.0]), None);
        // Years of their own: 15 between 10 and 20, 32 between 30 and 34.
        let moving = path(&[15.0, 32.0], &[10.0, 30.0], &[20.0, 34.0]).unwrap();
        assert_eq!(moving.attained_by_year, [Some(0.5), Some(0.5)]);
        assert_eq!(moving.regret_share, Some(0.5));
        let broken = path(&[f64::NAN, 15.0], &[10.0; 2], &[20.0; 2]).unwrap();
        assert_eq!(broken.attained_by_year, [None, Some(0.5)]);
        assert_eq!((broken.regret_mean, broken.years_to_90), (None, None));
    }
}
