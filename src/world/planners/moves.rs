//! What planners that learn by trying have in common: the best year so far, and moves from it.

use crate::fiscal::Schedule as TaxSchedule;
use crate::world::Clock;
use crate::world::record::Row;
use std::ops::Range;

/// A reform of a range of incomes: the rates of neighbouring brackets change by as much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// From 0.
    pub brackets: Range<usize>,
    /// Percentage points, up or down.
    pub points: i32,
}

impl Move {
    /// The schedule after the move; rates stay whole percentages if they were.
    pub fn applied_to(&self, schedule: &TaxSchedule) -> TaxSchedule {
        let mut rates = schedule.rates().to_vec();
        for rate in &mut rates[self.brackets.clone()] {
            let percent = 100.0 * *rate + f64::from(self.points);
            // Rounds away what 100·0.12 leaves behind, not parts of a percent.
            *rate = (percent * 1e6).round() / 1e8;
        }
        TaxSchedule::of_checked(schedule.edges().to_vec(), rates)
    }
}

/// The year with the highest reward, which is welfare unless the arm has another; of equal ones the
/// first. NaN never wins.
pub fn best(years: &[Row]) -> Option<&Row> {
    years
        .iter()
        .filter(|row| !row.reward.is_nan())
        .reduce(|a, b| if b.reward > a.reward { b } else { a })
}

/// Whether the planner of `final_years` now plays the best schedule so far instead of a new one.
pub fn in_final_years(clock: &Clock, final_years: u32) -> bool {
    clock.year() + final_years > clock.years()
}

/// Moves by ± `points` of any range of neighbouring brackets of the best year's schedule that keep
/// rates in 0–100 % and that no year has tried: by range, then by size as given, up before down.
pub fn untried(years: &[Row], points: &[u32]) -> Vec<Move> {
    let Some(best) = best(years) else {
        return Vec::new();
    };
    let same = |a: &TaxSchedule, b: &TaxSchedule| {
        let mut pairs = a.rates().iter().zip(b.rates());
        pairs.all(|(x, y)| (x - y).abs() < 1e-9)
    };
    let signed: Vec<i32> = points
        .iter()
        .map(|&p| i32::try_from(p).unwrap_or(i32::MAX))
        .flat_map(|p| [p, -p])
        .collect();
    let brackets = best.schedule.brackets();
    let ranges = (0..brackets).flat_map(|low| (low + 1..=brackets).map(move |high| low..high));
    ranges
        .flat_map(|brackets| {
            signed.iter().map(move |&points| Move {
                brackets: brackets.clone(),
                points,
            })
        })
        .filter(|step| {
            let next = step.applied_to(&best.schedule);
            let moved = &next.rates()[step.brackets.clone()];
            let inside = moved.iter().all(|r| (-1e-9..=1.0 + 1e-9).contains(r));
            inside && !years.iter().any(|row| same(&row.schedule, &next))
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A year with whole percentages and a welfare.
    pub(in crate::world::planners) fn year(time: u32, percents: &[f64], welfare: f64) -> Row {
        let edges: Vec<f64> = (0..percents.len()).map(|k| 1e4 * k as f64).collect();
        let rates = percents.iter().map(|p| p / 100.0).collect();
        Row {
            time,
            schedule: TaxSchedule::of_checked(edges, rates),
            revenue: 0.0,
            rebate: 0.0,
            welfare,
            reward: welfare,
            welfare_each: vec![],
            statistics: vec![],
            kink_shares: vec![],
            leader: None,
            decisions: 0,
            failures: 0,
        }
    }

    #[test]
    fn moves_start_from_the_best_year_and_repeat_nothing() {
        let years = [
            year(1, &[12.0, 90.0], 10.0),
            year(2, &[32.0, 90.0], 15.0),
            year(3, &[52.0, 90.0], 14.0),
        ];
        assert_eq!(best(&years).unwrap().time, 2);
        let found = untried(&years, &[20]);
        // The first rate alone, up and down, were years 3 and 1; the second cannot exceed 100 %.
        let expected =
            [(0..2, -20), (1..2, -20)].map(|(brackets, points)| Move { brackets, points });
        assert_eq!(found, expected);
        let after = |step: &Move| step.applied_to(&years[1].schedule).rates().to_vec();
        assert_eq!(after(&found[0]), [0.12, 0.7]);
        assert_eq!(after(&found[1]), [0.32, 0.7]);
        assert!(untried(&[], &[20]).is_empty());
    }

    #[test]
    fn ranges_of_three_brackets() {
        let found = untried(&[year(1, &[50.0; 3], 0.0)], &[20, 10]);
        assert_eq!(found.len(), 6 * 4);
        let all = Move {
            brackets: 0..3,
            points: 20,
        };
        assert_eq!(found.iter().filter(|m| **m == all).count(), 1);
    }

    #[test]
    fn a_year_without_welfare_is_never_the_best() {
        let years = [
            year(1, &[10.0], f64::NAN),
            year(2, &[20.0], -5.0),
            year(3, &[30.0], f64::NAN),
        ];
        assert_eq!(best(&years).unwrap().time, 2);
        assert!(best(&years[..1]).is_none());
    }
}
