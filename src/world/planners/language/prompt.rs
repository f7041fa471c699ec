//! What the planner is shown.

use super::{Answers, Office, best};
use crate::error::Result;
use crate::fiscal::Schedule as TaxSchedule;
use crate::world::language::{BracketText, bracket_texts};
use crate::world::record::Row;
use serde::Serialize;

/// A past tax year as the planner sees it.
#[derive(Clone, Debug, Serialize)]
pub struct YearText {
    /// From 1.
    pub year: u32,
    /// Percent by bracket.
    pub percents: Vec<f64>,
    /// Year-mean welfare.
    pub welfare: f64,
    /// The same with as many digits as tell the years apart.
    pub welfare_text: String,
    /// $/year per worker.
    pub revenue: f64,
    /// $/year.
    pub income_mean: f64,
    /// Hours per week.
    pub labor_mean: f64,
    /// Gini of pre-tax income.
    pub gini_income: f64,
    /// Gini of disposable income.
    pub gini_disposable: f64,
}

impl YearText {
    /// Of a tax year, with so many decimals of welfare.
    pub(in crate::world) fn of(row: &Row, decimals: usize) -> Self {
        YearText {
            year: row.time,
            percents: row
                .schedule
                .rates()
                .iter()
                .map(|rate| 100.0 * rate)
                .collect(),
            welfare: row.welfare,
            welfare_text: format!("{:.decimals$}", row.welfare),
            revenue: row.revenue,
            income_mean: row.statistic("income_mean"),
            labor_mean: row.statistic("labor_mean"),
            gini_income: row.statistic("gini_income"),
            gini_disposable: row.statistic("gini_disposable"),
        }
    }
}

/// What the planner's prompt may show.
#[derive(Clone, Debug, Serialize)]
pub struct PlannerPrompt {
    /// Brackets with the rates in force.
    pub brackets: Vec<BracketText>,
    /// What is to be maximised, in words.
    pub objective: String,
    /// Unit of welfare.
    pub unit: String,
    /// $/year per worker, paid out of revenue before it is shared.
    pub public_spending: f64,
    /// The last tax years and the best ones, each once, oldest first.
    pub years: Vec<YearText>,
    /// The year with the highest welfare so far.
    pub best: Option<YearText>,
    /// Whether to name the best year and say how to go on from it.
    pub hints: bool,
    /// `rates` or `steps`.
    pub answer: &'static str,
    /// Sizes of steps up and down besides 0, percentage points.
    pub points: Vec<u32>,
    /// The current tax year, from 1.
    pub year: u32,
    /// Tax years of the run.
    pub years_total: u32,
    /// Strength of the cue to explore, 1 at first, 0 when it has faded.
    pub exploration: f64,
    /// Rate vectors that were tried before, in percent: a repetition teaches nothing.
    pub tried: Vec<Vec<f64>>,
    /// The admissible answers, where one of several is asked for.
    pub options: Vec<String>,
}

/// Decimals that show four digits of the spread of `values`, or of their size where they are alike.
fn decimals_to_tell_apart(values: impl Iterator<Item = f64> + Clone) -> usize {
    let finite = values.filter(|x| x.is_finite());
    let high = finite.clone().fold(f64::NEG_INFINITY, f64::max);
    let low = finite.clone().fold(f64::INFINITY, f64::min);
    let size = if high > low {
        high - low
    } else {
        finite.map(f64::abs).fold(0.0, f64::max)
    };
    if size > 0.0 {
        (3.0 - size.log10().floor()).clamp(0.0, 12.0) as usize
    } else {
        0
    }
}

/// Renders the planner's prompt once, so that a broken template is found before a run begins.
///
/// # Errors
/// As [`crate::llm::Prompts::render`].
pub fn check_prompt(prompts: &crate::llm::Prompts, schedule: &TaxSchedule) -> Result<()> {
    let percents: Vec<f64> = schedule.rates().iter().map(|rate| 100.0 * rate).collect();
    let year = YearText {
        year: 1,
        percents: percents.clone(),
        welfare: 0.0,
        welfare_text: "0".into(),
        revenue: 0.0,
        income_mean: 0.0,
        labor_mean: 0.0,
        gini_income: 0.0,
        gini_disposable: 0.0,
    };
    let context = PlannerPrompt {
        brackets: bracket_texts(schedule),
        objective: "welfare".into(),
        unit: "$/year".into(),
        public_spending: 0.0,
        years: vec![year.clone()],
        best: Some(year),
        hints: true,
        answer: "rates",
        points: vec![10, 20],
        year: 2,
        years_total: 3,
        exploration: 1.0,
        tried: vec![percents],
        options: vec!["20, 30".into()],
    };
    prompts.render("planner.j2", &context)?;
    prompts.render("planner-moves.j2", &context).map(|_| ())
}

/// The same years in order of time, and nothing that tells which was better.
pub(super) fn without_welfare(mut context: PlannerPrompt) -> PlannerPrompt {
    context.years.sort_by_key(|year| year.year);
    for year in context.years.iter_mut().chain(&mut context.best) {
        year.welfare = 0.0;
        year.welfare_text = "unknown".into();
    }
    context
}

/// The last `memory` years and the `best` ones of all, each once, in order of time.
fn remembered(years: &[Row], memory: usize, best: usize) -> Vec<&Row> {
    let mut ranked: Vec<usize> = (0..years.len())
        .filter(|&i| !years[i].welfare.is_nan())
        .collect();
    // Stable: of equals the earlier one comes first.
    ranked.sort_by(|&a, &b| years[b].welfare.total_cmp(&years[a].welfare));
    ranked.truncate(best);
    let last = years.len().saturating_sub(memory);
    let places = 0..years.len();
    places
        .filter(|i| *i >= last || ranked.contains(i))
        .map(|i| &years[i])
        .collect()
}

pub(super) fn prompt(
    office: &Office,
    current: &TaxSchedule,
    options: Vec<String>,
) -> PlannerPrompt {
    let (planner, clock) = (&office.planner, &office.clock);
    let years = &office.years.0;
    let best = best(years);
    let points = match &planner.answers {
        Answers::Steps { points } => points.clone(),
        _ => Vec::new(),
    };
    let decimals = decimals_to_tell_apart(years.iter().map(|row| row.welfare));
    let past = f64::from(clock.year() - 1) / f64::from(clock.years().max(1));
    let exploration = if planner.exploration > 0.0 {
        (1.0 - past / planner.exploration).max(0.0)
    } else {
        0.0
    };
    let mut tried: Vec<Vec<f64>> = Vec::new();
    for row in years {
        let percents: Vec<f64> = row
            .schedule
            .rates()
            .iter()
            .map(|rate| 100.0 * rate)
            .collect();
        if !tried.contains(&percents) {
            tried.push(percents);
        }
    }
    PlannerPrompt {
        brackets: bracket_texts(current),
        objective: office.objective.0.in_words(),
        unit: office.objective.0.unit(&office.economy.0).to_owned(),
        public_spending: office.economy.0.public_spending,
        years: remembered(years, planner.memory, planner.best)
            .into_iter()
            .map(|row| YearText::of(row, decimals))
            .collect(),
        best: best.map(|row| YearText::of(row, decimals)),
        hints: planner.hints,
        answer: if points.is_empty() { "rates" } else { "steps" },
        points,
        year: clock.year(),
        years_total: clock.years(),
        exploration,
        tried,
        options,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::moves::tests::year;
    use super::*;

    #[test]
    fn memory_is_the_last_and_the_best_years_each_once() {
        let welfare = [5.0, 9.0, f64::NAN, 9.0, 1.0, 7.0];
        let years: Vec<Row> = (1..)
            .zip(welfare)
            .map(|(time, welfare)| year(time, &[10.0], welfare))
            .collect();
        let shown = |memory, best| -> Vec<u32> {
            let rows = remembered(&years, memory, best);
            rows.iter().map(|row| row.time).collect()
        };
        assert_eq!(shown(2, 0), [5, 6]);
        assert_eq!(shown(2, 1), [2, 5, 6]);
        assert_eq!(shown(2, 3), [2, 4, 5, 6]);
        assert_eq!(shown(0, 2), [2, 4]);
        assert_eq!(shown(9, 9), [1, 2, 3, 4, 5, 6]);
        assert_eq!(shown(0, 0), [] as [u32; 0]);
    }

    #[test]
    fn welfare_is_shown_with_digits_that_tell_years_apart() {
        let decimals = |values: &[f64]| decimals_to_tell_apart(values.iter().copied());
        assert_eq!(decimals(&[22_000.0, 43_000.0]), 0);
        assert_eq!(decimals(&[1.6741, 1.6750]), 7);
        assert_eq!(decimals(&[1.5]), 3);
        assert_eq!(decimals(&[0.0, f64::NAN]), 0);
    }
}
