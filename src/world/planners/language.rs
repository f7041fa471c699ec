//! A language model as planner: in-context reinforcement learning over tax years.
//!
//! At the start of each tax year the model sees the brackets, the objective in words, one row per
//! past tax year (rates, year-mean welfare, revenue, mean income, hours, Gini), the best year so
//! far (a maximum) and, early in the run, a cue to explore. It answers with one whole percentage
//! per bracket under a grammar, or with a move from the best year so far: then the model's exact
//! probabilities over all such moves that no year has tried are read, and one is drawn.
//! The first year runs under the scenario's initial schedule, so that there is something to learn
//! from.

use super::TaxRules;
use super::moves::{Move, best, in_final_years, untried};
use crate::error::{Error, Result};
use crate::fiscal::Schedule as TaxSchedule;
use crate::llm::{Answer, Content, Readout, Request};
use crate::random::Streams;
use crate::units::Rate;
use crate::world::asking::{Asking, Models, PromptBook};
use crate::world::language::{BracketText, bracket_texts, drawn};
use crate::world::record::{Decision, DecisionCount, Decisions, Row, Years};
use crate::world::thinking;
use crate::world::{
    Clock, CurrentSchedule, EconomyConstants, Failure, Notes, Phase, PlannerObjective, Seed, Step,
};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use rand::RngExt;
use serde::Serialize;

/// Random stream of the planner, apart from all workers'.
const PLANNER_STREAM: u64 = u64::MAX;

/// A planner that asks a model.
#[derive(Resource, Clone, Debug)]
pub struct LanguagePlanner {
    /// How the model is asked.
    pub asking: Asking,
    /// Past tax years shown, besides the best one.
    pub memory: usize,
    /// Share of the run over which the cue to explore fades.
    pub exploration: f64,
    /// Which moves it may make, if it answers with a move; else with all rates.
    pub moves: Option<Moves>,
    /// Last tax years in which the best schedule so far is played.
    pub final_years: u32,
}

/// How a planner that answers with a move is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moves {
    /// Sizes in percentage points, up and down.
    pub points: Vec<u32>,
    /// Draw from p(move | past years) / p(move | the same years without their welfare), normalised
    /// (contextual calibration; Zhao, Wallace, Feng, Klein and Singh 2021), instead of from
    /// p(move | past years): the model's liking for certain numbers cancels.
    pub calibrated: bool,
}

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
    /// The last tax years, oldest first.
    pub years: Vec<YearText>,
    /// The year with the highest welfare so far.
    pub best: Option<YearText>,
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

/// The rates after a move, as an answer: `32, 22, 35`.
fn option(next: &TaxSchedule) -> String {
    let percents = next.rates().iter().map(|rate| (1e8 * rate).round() / 1e6);
    percents
        .map(|p| p.to_string())
        .collect::<Vec<_>>()
        .join(", ")
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

/// Grammar of `brackets` whole percentages, separated by a comma and a blank.
pub(in crate::world) fn rates_grammar(brackets: usize) -> String {
    let rates = vec!["rate"; brackets].join(" \", \" ");
    format!("root ::= {rates}\nrate ::= \"100\" | [1-9] [0-9] | [0-9]")
}

/// Reads percentages, one for each bracket, separated by commas.
///
/// # Errors
/// Another number of entries, an entry that is not a number or not in 0–100; says what was found.
pub fn parse_rates(text: &str, brackets: usize) -> Result<Vec<f64>, String> {
    let parts: Vec<&str> = text.trim().split(',').collect();
    if parts.len() != brackets {
        return Err(format!(
            "{} rates for {brackets} brackets: {text:?}",
            parts.len()
        ));
    }
    parts
        .iter()
        .map(|part| {
            let percent = part
                .trim()
                .parse::<f64>()
                .map_err(|_| format!("not a percentage: {part:?}"))?;
            let rate = Rate::from_percent(percent)
                .map_err(|_| format!("{percent} % is not in 0–100 %"))?;
            Ok(rate.fraction())
        })
        .collect()
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
        year: 2,
        years_total: 3,
        exploration: 1.0,
        tried: vec![percents],
        options: vec!["20, 30".into()],
    };
    prompts.render("planner.j2", &context)?;
    prompts.render("planner-moves.j2", &context).map(|_| ())
}

#[derive(bevy_ecs::system::SystemParam)]
struct Office<'w> {
    clock: Res<'w, Clock>,
    seed: Res<'w, Seed>,
    rules: Res<'w, TaxRules>,
    objective: Res<'w, PlannerObjective>,
    economy: Res<'w, EconomyConstants>,
    years: Res<'w, Years>,
    models: Res<'w, Models>,
    prompts: Res<'w, PromptBook>,
    planner: Res<'w, LanguagePlanner>,
}

fn plan(
    office: Office,
    mut schedule: ResMut<CurrentSchedule>,
    mut count: ResMut<DecisionCount>,
    mut decisions: ResMut<Decisions>,
    mut notes: ResMut<Notes>,
    mut failure: ResMut<Failure>,
) {
    if office.clock.step == 1 {
        schedule.0 = office.rules.initial.clone();
        return;
    }
    if let Some(best) = best(&office.years.0)
        && in_final_years(&office.clock, office.planner.final_years)
    {
        schedule.0 = best.schedule.clone();
        return;
    }
    let steps = match &office.planner.moves {
        None => None,
        Some(moves) => match untried(&office.years.0, &moves.points) {
            steps if steps.is_empty() => {
                notes.add("in some tax years every move from the best schedule had been tried; the planner played it again");
                if let Some(best) = best(&office.years.0) {
                    schedule.0 = best.schedule.clone();
                }
                return;
            }
            steps => Some(steps),
        },
    };
    match propose(&office, &schedule.0, steps, &mut count, &mut decisions) {
        Ok(Some(next)) => schedule.0 = next,
        Ok(None) if office.planner.asking.stop => failure.raise(Error::run(format!(
            "year {}: the planner gave no valid answer, and the scenario says to stop",
            office.clock.year()
        ))),
        Ok(None) => {
            notes.add("in some tax years the planner gave no valid answer and kept its rates")
        }
        Err(error) => {
            failure
                .raise(error.context(format!("year {}, asking the planner", office.clock.year())));
        }
    }
}

/// The planner's next schedule; `None` if no attempt gave a valid one.
fn propose(
    office: &Office,
    current: &TaxSchedule,
    steps: Option<Vec<Move>>,
    count: &mut DecisionCount,
    decisions: &mut Decisions,
) -> Result<Option<TaxSchedule>> {
    let (planner, clock) = (&office.planner, &office.clock);
    let brackets = current.brackets();
    let base = best(&office.years.0).map_or(current, |row| &row.schedule);
    let nexts = steps.map(|steps| {
        let nexts = steps.iter().map(|step| step.applied_to(base));
        nexts.collect::<Vec<TaxSchedule>>()
    });
    let options: Vec<String> = nexts.iter().flatten().map(option).collect();
    let context = prompt(office, current, options.clone());
    let (template, readout, name) = match &nexts {
        Some(_) => ("planner-moves.j2", Readout::Choice { options }, "choice"),
        None => {
            let readout = Readout::Sample {
                grammar: rates_grammar(brackets),
                max_tokens: planner.asking.max_tokens,
                temperature: planner.asking.temperature,
                top_p: planner.asking.top_p,
            };
            ("planner.j2", readout, "sample")
        }
    };
    let mut questions = vec![office.prompts.0.render(template, &context)?];
    if planner.moves.as_ref().is_some_and(|moves| moves.calibrated) {
        let blank = office
            .prompts
            .0
            .render(template, without_welfare(context))?;
        questions.push(blank);
    }
    let mut unanswered = Vec::new();
    for attempt in 0..planner.asking.attempts.max(1) {
        let requests: Vec<Request> = questions
            .iter()
            .map(|messages| Request {
                seed: office.seed.0,
                agent: "planner".into(),
                stream: PLANNER_STREAM,
                step: u64::from(clock.step),
                attempt,
                messages: messages.clone(),
                readout: readout.clone(),
            })
            .collect();
        let thoughts = thinking::ask(&office.models, &office.prompts.0, &planner.asking, requests)?;
        let tokens = |which: usize| -> u32 { thoughts.iter().map(|t| t.tokens[which]).sum() };
        let (thought_prompts, thought_answers) = (tokens(0), tokens(1));
        let mut answers = thoughts.into_iter().map(|thought| thought.answer);
        let answer = (answers.next()).ok_or_else(|| Error::run("no answer came"))?;
        let blank = answers.next();
        let failed = [Some(&answer), blank.as_ref()].into_iter().flatten();
        let failed = failed.filter(|answer| matches!(answer.content, Content::Failed(_)));
        unanswered.extend(failed.map(|answer| (answer.key, PLANNER_STREAM, attempt)));
        let mut mass = None;
        let next = match (&answer.content, &nexts) {
            (Content::Text(text), None) => {
                let next = parse_rates(text, brackets)
                    .map(|rates| TaxSchedule::of_checked(current.edges().to_vec(), rates));
                let noted = next.as_ref().map(ToString::to_string).map_err(Clone::clone);
                office.models.note(&planner.asking.model, &answer, &noted)?;
                next
            }
            (
                Content::Choice {
                    log_probs,
                    admissible_mass,
                },
                Some(nexts),
            ) => {
                mass = Some(*admissible_mass);
                let uniform = Streams::new(office.seed.0, "planner")
                    .at(0, u64::from(clock.step))
                    .random();
                relative(log_probs, blank.as_ref())
                    .and_then(|log_probs| drawn(&log_probs, planner.asking.temperature, uniform))
                    .map(|i| nexts[i].clone())
            }
            (Content::Failed(why), _) => Err(why.clone()),
            _ => Err("an answer of another kind than was asked for".into()),
        };
        count.decisions += 1;
        count.failures += u32::from(next.is_err());
        decisions.0.push(Decision {
            step: clock.step,
            agent: "planner",
            question: "rates",
            model: planner.asking.model.clone(),
            readout: name,
            key: answer.key.to_string(),
            attempt,
            admissible_mass: mass,
            schedule: next.as_ref().ok().map(ToString::to_string),
            error: next.as_ref().err().cloned(),
            prompt_tokens: thought_prompts
                + answer.prompt_tokens
                + blank.as_ref().map_or(0, |b| b.prompt_tokens),
            answer_tokens: thought_answers
                + answer.answer_tokens
                + blank.as_ref().map_or(0, |b| b.answer_tokens),
            ..Decision::default()
        });
        if let Ok(next) = next {
            return Ok(Some(next));
        }
    }
    if planner.asking.stop {
        let model = &planner.asking.model;
        office
            .models
            .ask_again_later(model, &unanswered, clock.step)?;
    }
    Ok(None)
}

/// `log_probs` less those of `blank`, the answer to the same question without evidence.
fn relative(log_probs: &[f64], blank: Option<&Answer>) -> Result<Vec<f64>, String> {
    match blank.map(|blank| &blank.content) {
        None => Ok(log_probs.to_vec()),
        Some(Content::Choice {
            log_probs: prior, ..
        }) => Ok(log_probs.iter().zip(prior).map(|(x, p)| x - p).collect()),
        Some(Content::Failed(why)) => Err(why.clone()),
        Some(Content::Text(_)) => Err("an answer of another kind than was asked for".into()),
    }
}

/// The same years in order of time, and nothing that tells which was better.
fn without_welfare(mut context: PlannerPrompt) -> PlannerPrompt {
    context.years.sort_by_key(|year| year.year);
    for year in context.years.iter_mut().chain(&mut context.best) {
        year.welfare = 0.0;
        year.welfare_text = "unknown".into();
    }
    context
}

fn prompt(office: &Office, current: &TaxSchedule, options: Vec<String>) -> PlannerPrompt {
    let (planner, clock) = (&office.planner, &office.clock);
    let years = &office.years.0;
    let best = best(years);
    let shown = years.len().saturating_sub(planner.memory);
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
        years: years[shown..]
            .iter()
            .map(|row| YearText::of(row, decimals))
            .collect(),
        best: best.map(|row| YearText::of(row, decimals)),
        year: clock.year(),
        years_total: clock.years(),
        exploration,
        tried,
        options,
    }
}

impl Plugin for LanguagePlanner {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.clone())
            .add_systems(Step, plan.in_set(Phase::Plan));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn welfare_is_shown_with_digits_that_tell_years_apart() {
        let decimals = |values: &[f64]| decimals_to_tell_apart(values.iter().copied());
        assert_eq!(decimals(&[22_000.0, 43_000.0]), 0);
        assert_eq!(decimals(&[1.6741, 1.6750]), 7);
        assert_eq!(decimals(&[1.5]), 3);
        assert_eq!(decimals(&[0.0, f64::NAN]), 0);
    }

    #[test]
    fn rates_are_parsed_or_refused() {
        assert_eq!(parse_rates("10, 20, 35", 3), Ok(vec![0.1, 0.2, 0.35]));
        assert_eq!(parse_rates("0,100", 2), Ok(vec![0.0, 1.0]));
        for (text, brackets) in [
            ("10, 20", 3),
            ("10, 20, 101", 3),
            ("ten", 1),
            ("", 1),
            ("-5", 1),
            ("30%", 1),
            ("NaN", 1),
        ] {
            assert!(parse_rates(text, brackets).is_err(), "{text}");
        }
    }
}
