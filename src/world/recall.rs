//! What of its past a worker's prompt shows, where that is what is useful: [`crate::preferences::useful`].
//!
//! A worker keeps its whole past. Before its hours are asked for, the records that enter the prompt are
//! chosen: by the measured usefulness of each, by votes of the model, or by a selector fitted to what was
//! measured about a sample of the group. Every question is one to the group's model with the group's
//! prompt (`worker.j2`), or with `useful.j2` for votes.

use super::asking::{Asking, Desk, Question};
use super::distilled::at_even_quantiles;
use super::language::{
    BracketText, Member, Memory, Period, Setting, bracket_texts, choice_probabilities, drawn,
    worker_prompt,
};
use crate::error::Result;
use crate::fiscal::{Economy, Schedule as TaxSchedule, Utility};
use crate::llm::{Content, Prompts, Readout};
use crate::population::Persona;
use crate::preferences::useful::{Agreement, Selector, best, expected};
use crate::random::Streams;
use bevy_ecs::prelude::*;
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::Serialize;

/// What of its past a worker's prompt shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Recall {
    /// So many last periods, and the best so far; 0 shows none.
    Last(usize),
    /// The useful ones.
    Useful(Useful),
}

impl Recall {
    /// Last periods that are kept.
    pub(super) fn span(&self) -> usize {
        match self {
            Recall::Last(periods) => *periods,
            Recall::Useful(useful) => useful.considered.unwrap_or(usize::MAX),
        }
    }
}

/// How useful records are found.
#[derive(Clone, Debug, PartialEq)]
pub struct Useful {
    /// Most records in a prompt, at least 1.
    pub records: usize,
    /// Last periods that are looked at; all where absent.
    pub considered: Option<usize>,
    /// Who says which are useful.
    pub judge: Judge,
}

/// Who says which records are useful.
#[derive(Clone, Debug, PartialEq)]
pub enum Judge {
    /// The change in the model's expected utility, for every worker and record.
    Measured,
    /// The model, by votes on lists in random order.
    Listwise {
        /// Votes for each worker and period, at least 1.
        draws: u32,
    },
    /// A selector fitted to the change in expected utility of a sample of workers.
    Distilled {
        /// Workers who are measured, at most.
        sample: usize,
        /// First tax years in which they are; all where absent.
        years: Option<u32>,
    },
}

/// Number of [`facts`].
pub const FACTS: usize = 7;

/// What a selector knows of a record: the logarithm of its age in periods; how far its tax is from what
/// the law in force takes of the same income, as a share of it; how many standard deviations its utility
/// was above the mean of the records looked at; what its hours would bring today in utility over the mean
/// hours of these; what ten hours more than these would bring, alone and times the second (a record that
/// makes the model work more helps where more work helps, and less so if it is of another law); the
/// logarithm of the wage.
pub fn facts(
    economy: &Economy,
    schedule: &TaxSchedule,
    wage: f64,
    rebate: f64,
    now: u32,
    past: &[Period],
) -> Vec<Vec<f64>> {
    let n = past.len().max(1) as f64;
    let mean = |of: fn(&Period) -> f64| past.iter().map(of).sum::<f64>() / n;
    let (usual, hours) = (mean(|p| p.utility), mean(|p| p.hours));
    let squares = past.iter().map(|p| (p.utility - usual).powi(2));
    let deviation = (squares.sum::<f64>() / n).sqrt();
    let today = |hours: f64| utility_of(economy, schedule, wage, rebate, hours);
    let at_usual = today(hours);
    let more = today((hours + 10.0).min(economy.labor_max)) - at_usual;
    let of = |period: &Period| {
        let gap = (schedule.tax(period.income) - period.tax).abs() / period.income.max(1.0);
        let score = match deviation > 1e-9 * usual.abs() {
            true => (period.utility - usual) / deviation,
            false => 0.0,
        };
        vec![
            f64::from(now.saturating_sub(period.period).max(1)).ln(),
            gap,
            score,
            today(period.hours) - at_usual,
            more,
            gap * more,
            wage.ln(),
        ]
    };
    past.iter().map(of).collect()
}

/// Utility of `hours` under the law in force, the share of all taxes being that of the last period. Where
/// utility is not linear in consumption, less than 1 $/year counts as 1 $/year: it would be infinitely bad.
fn utility_of(
    economy: &Economy,
    schedule: &TaxSchedule,
    wage: f64,
    rebate: f64,
    hours: f64,
) -> f64 {
    let income = economy.income(wage, hours);
    let consumption = income - schedule.tax(income) + rebate;
    match economy.utility {
        Utility::Quasilinear => economy.utility(consumption, hours),
        Utility::Isoelastic { .. } => economy.utility(consumption.max(1.0), hours),
    }
}

/// What the question for the most useful record may show.
#[derive(Clone, Debug, Serialize)]
pub struct UsefulPrompt<'a> {
    /// Brackets in force.
    pub brackets: Vec<BracketText>,
    /// $/hour.
    pub wage: f64,
    /// The persona, if the worker has one.
    pub persona: Option<&'a Persona>,
    /// Whether utility is in dollars.
    pub quasilinear: bool,
    /// In the order of the list.
    pub records: &'a [Period],
    /// The admissible answers: 0 and the records' numbers.
    pub options: &'a [String],
}

/// Renders the prompt of votes once, so that a broken template is found before a run begins.
///
/// # Errors
/// As [`Prompts::render`].
pub fn check_prompt(
    prompts: &Prompts,
    schedule: &TaxSchedule,
    persona: Option<&Persona>,
    record: Period,
) -> Result<()> {
    let context = UsefulPrompt {
        brackets: bracket_texts(schedule),
        wage: 20.0,
        persona,
        quasilinear: true,
        records: &[record],
        options: &["0".to_owned(), "1".to_owned()],
    };
    prompts.render("useful.j2", &context).map(|_| ())
}

/// Means of what was measured.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    count: u64,
    sum: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
    }

    fn in_words(self, unit: &str) -> String {
        match self.count {
            0 => "none measured".into(),
            n => format!("{:.2}{unit} ({n})", self.sum / n as f64),
        }
    }
}

/// What is known of a group's records, and what that cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Recollection {
    /// Whose records are measured; empty before the first step.
    sample: Vec<u32>,
    facts: Vec<Vec<f64>>,
    measured: Vec<f64>,
    selector: Option<Selector>,
    agreement: Agreement,
    questions: u64,
    considered: u64,
    entered: u64,
    of_all: Mean,
    of_entered: Mean,
}

/// By index of group.
#[derive(Resource, Clone, Debug, Default)]
pub(super) struct Recollections(pub(super) Vec<Recollection>);

/// What is the same for all workers of a group in a period.
pub(super) struct Recalling<'a> {
    pub(super) setting: &'a Setting<'a>,
    pub(super) asking: &'a Asking,
    pub(super) useful: &'a Useful,
    /// Of the last period, $/year.
    pub(super) rebate: f64,
}

impl Recalling<'_> {
    /// What each of `members` is to remember in this period, in their order.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub(super) fn recall(
        &self,
        known: &mut Recollection,
        members: &[Member],
        desk: &mut Desk,
    ) -> Result<Vec<Memory>> {
        let asked_before = desk.count.decisions;
        let pasts: Vec<&[Period]> = (members.iter())
            .map(|member| member.memory.as_deref().map_or(&[][..], |m| &m.past))
            .collect();
        let worth = match &self.useful.judge {
            Judge::Measured => {
                let all: Vec<usize> = (0..members.len()).collect();
                self.measure(members, &pasts, &all, desk)?
            }
            Judge::Listwise { draws } => self.votes(*draws, members, &pasts, desk)?,
            Judge::Distilled { sample, years } => {
                let year = desk.clock.year();
                let measuring = years.is_none_or(|last| year <= last);
                self.distilled(known, *sample, measuring, members, &pasts, desk)?
            }
        };
        known.questions += u64::from(desk.count.decisions - asked_before);
        let mut memories = Vec::with_capacity(members.len());
        for (past, worth) in pasts.iter().zip(&worth) {
            let chosen = best(&worth.of_record, worth.floor, self.useful.records);
            known.considered += past.len() as u64;
            known.entered += chosen.len() as u64;
            if worth.measured {
                let valid = worth.of_record.iter().filter(|v| v.is_finite());
                valid.for_each(|v| known.of_all.add(*v));
                for &i in &chosen {
                    known.of_entered.add(worth.of_record[i]);
                }
            }
            memories.push(Memory {
                past: chosen.iter().map(|&i| past[i]).collect(),
                best: None,
            });
        }
        Ok(memories)
    }

    /// The measured usefulness of every record of the members at `which` places; nothing of the others.
    fn measure(
        &self,
        members: &[Member],
        pasts: &[&[Period]],
        which: &[usize],
        desk: &mut Desk,
    ) -> Result<Vec<Worth>> {
        let Setting {
            economy, schedule, ..
        } = self.setting;
        // Each worker's question without a record comes before those with one.
        let shown = which.iter().flat_map(|&at| {
            let records = (0..pasts[at].len()).map(move |i| (at, Some(i)));
            let without = (!pasts[at].is_empty()).then_some((at, None));
            without.into_iter().chain(records)
        });
        let shown: Vec<(usize, Option<usize>)> = shown.collect();
        let questions = shown
            .iter()
            .map(|&(at, record)| {
                let memory = Memory {
                    past: record.map(|i| pasts[at][i]).into_iter().collect(),
                    best: None,
                };
                let (wage, persona) = (members[at].wage, members[at].persona);
                let context = worker_prompt(self.setting, wage, persona, Some(&memory));
                Ok(Question {
                    draw: 0,
                    worker: members[at].id,
                    messages: desk.prompts.0.render("worker.j2", &context)?,
                    readout: Readout::Choice {
                        options: self.setting.options.to_vec(),
                    },
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let temperature = self.asking.temperature;
        let answers = desk.ask(self.asking, "memory", &questions, |i, answer, decision| {
            let p = match &answer.content {
                Content::Choice { log_probs, .. } => choice_probabilities(log_probs, temperature)?,
                Content::Text(_) => return Err("a text in place of probabilities".into()),
                Content::Failed(why) => return Err(why.clone()),
            };
            let (at, record) = shown[i];
            let wage = members[at].wage;
            let utilities: Vec<f64> = (self.setting.hours.iter())
                .map(|&hours| utility_of(economy, schedule, wage, self.rebate, hours))
                .collect();
            let utility = expected(&p, &utilities);
            decision.record = record.map(|i| pasts[at][i].period);
            decision.labor_expected = Some(expected(&p, self.setting.hours));
            decision.utility_expected = Some(utility);
            Ok((utility, String::new()))
        })?;
        let mut worth: Vec<Worth> = pasts
            .iter()
            .map(|past| Worth::unknown(past.len()))
            .collect();
        let mut without = None;
        for (&(at, record), answer) in shown.iter().zip(&answers) {
            match (record, answer) {
                (None, answer) => without = *answer,
                (Some(i), Some(with)) => {
                    worth[at].measured = true;
                    // Without an answer to compare with, nothing is known: NaN.
                    worth[at].of_record[i] = with - without.unwrap_or(f64::NAN);
                }
                (Some(_), None) => {}
            }
        }
        Ok(worth)
    }

    /// Votes for every record, and as the floor those for none.
    fn votes(
        &self,
        draws: u32,
        members: &[Member],
        pasts: &[&[Period]],
        desk: &mut Desk,
    ) -> Result<Vec<Worth>> {
        let (seed, step) = (desk.seed.0, u64::from(desk.clock.step));
        let orders = Streams::new(seed, "memory order");
        let votes = Streams::new(seed, "memory votes");
        let place = |draw: u32| step * u64::from(draws) + u64::from(draw);
        let Setting {
            economy, schedule, ..
        } = self.setting;
        let mut lists: Vec<(usize, u32, Vec<usize>)> = Vec::new();
        let mut questions = Vec::new();
        for (at, past) in pasts.iter().enumerate().filter(|(_, p)| !p.is_empty()) {
            let options: Vec<String> = (0..=past.len()).map(|n| n.to_string()).collect();
            for draw in 0..draws {
                let mut order: Vec<usize> = (0..past.len()).collect();
                order.shuffle(&mut orders.at(u64::from(members[at].id), place(draw)));
                let records: Vec<Period> = order.iter().map(|&i| past[i]).collect();
                let context = UsefulPrompt {
                    brackets: bracket_texts(schedule),
                    wage: members[at].wage,
                    persona: members[at].persona,
                    quasilinear: economy.utility == Utility::Quasilinear,
                    records: &records,
                    options: &options,
                };
                questions.push(Question {
                    draw,
                    worker: members[at].id,
                    messages: desk.prompts.0.render("useful.j2", &context)?,
                    readout: Readout::Choice {
                        options: options.clone(),
                    },
                });
                lists.push((at, draw, order));
            }
        }
        let temperature = self.asking.temperature;
        let answers = desk.ask(
            self.asking,
            "useful record",
            &questions,
            |i, answer, decision| {
                let Content::Choice { log_probs, .. } = &answer.content else {
                    return Err("no distribution over the records".into());
                };
                let (at, draw, order) = &lists[i];
                let mut lots = votes.at(u64::from(members[*at].id), place(*draw));
                let named = drawn(log_probs, temperature, lots.random())?;
                let record = named.checked_sub(1).map(|position| order[position]);
                decision.record = record.map(|i| pasts[*at][i].period);
                Ok((record, String::new()))
            },
        )?;
        let mut worth: Vec<Worth> = (pasts.iter())
            .map(|past| Worth {
                of_record: vec![0.0; past.len()],
                ..Worth::default()
            })
            .collect();
        for ((at, ..), answer) in lists.iter().zip(answers) {
            match answer {
                Some(Some(record)) => worth[*at].of_record[record] += 1.0,
                Some(None) => worth[*at].floor += 1.0,
                None => {}
            }
        }
        Ok(worth)
    }

    /// Measured usefulness of the sample's records while it is measured, else the selector's.
    fn distilled(
        &self,
        known: &mut Recollection,
        sample: usize,
        measuring: bool,
        members: &[Member],
        pasts: &[&[Period]],
        desk: &mut Desk,
    ) -> Result<Vec<Worth>> {
        if known.sample.is_empty() {
            let wages = members.iter().map(|member| (member.wage, member.id));
            known.sample = at_even_quantiles(wages.collect(), sample);
        }
        let now = desk.clock.step;
        let facts_of = |at: usize| {
            let Setting {
                economy, schedule, ..
            } = self.setting;
            let wage = members[at].wage;
            facts(economy, schedule, wage, self.rebate, now, pasts[at])
        };
        let mut asked: Vec<usize> = (0..members.len()).collect();
        asked.retain(|&at| measuring && known.sample.binary_search(&members[at].id).is_ok());
        let mut worth = self.measure(members, pasts, &asked, desk)?;
        for &at in &asked {
            for (facts, &v) in facts_of(at).into_iter().zip(&worth[at].of_record) {
                if !v.is_finite() {
                    continue;
                }
                if let Some(selector) = &known.selector {
                    known.agreement.add(selector.usefulness(&facts), v);
                }
                known.facts.push(facts);
                known.measured.push(v);
            }
        }
        if !asked.is_empty() {
            known.selector = Selector::fit(&known.facts, &known.measured);
        }
        if let Some(selector) = &known.selector {
            for (at, worth) in worth.iter_mut().enumerate() {
                if asked.binary_search(&at).is_err() {
                    let told = facts_of(at).into_iter().map(|f| selector.usefulness(&f));
                    worth.of_record = told.collect();
                }
            }
        }
        Ok(worth)
    }
}

/// What the records of a worker are worth.
#[derive(Clone, Debug, Default)]
struct Worth {
    /// NaN where nothing is known.
    of_record: Vec<f64>,
    /// What is not above this is not shown.
    floor: f64,
    /// Whether the worth is measured utility.
    measured: bool,
}

impl Worth {
    fn unknown(records: usize) -> Worth {
        Worth {
            of_record: vec![f64::NAN; records],
            ..Worth::default()
        }
    }
}

impl Recollection {
    /// What the judge of `group` asked and found, for the notes of a run; `unit` is that of utility.
    pub(super) fn in_words(&self, group: usize, useful: &Useful, unit: &str) -> String {
        let judge = match useful.judge {
            Judge::Measured => "measured",
            Judge::Listwise { .. } => "listwise",
            Judge::Distilled { .. } => "distilled",
        };
        let mut told = format!(
            "group {} of workers, useful memory ({judge}): {} questions besides those for hours; {} of {} records looked at entered prompts ({:.1} %)",
            group + 1,
            self.questions,
            self.entered,
            self.considered,
            100.0 * self.entered as f64 / self.considered.max(1) as f64
        );
        if !matches!(useful.judge, Judge::Listwise { .. }) {
            told += &format!(
                "; measured utility of a record on average: {} of all, {} of those that entered",
                self.of_all.in_words(unit),
                self.of_entered.in_words(unit)
            );
        }
        if self.agreement.count > 0 {
            told += &format!(
                "; the selector of the period before put {:.1} % of {} measured records on the right side of 0, correlation {:.2}",
                100.0 * self.agreement.same_side(),
                self.agreement.count,
                self.agreement.correlation()
            );
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two records at 20 $/hour in step 5 under a flat tax of 10 %: one of step 1 under the same tax, one
    /// of step 4 under 70 %.
    #[test]
    fn facts_by_hand() {
        let economy = Economy::default();
        let schedule = TaxSchedule::flat(0.1).unwrap();
        let record = |period, hours: f64, rate: f64, utility| Period {
            period,
            hours,
            income: 1_040.0 * hours,
            tax: rate * 1_040.0 * hours,
            rebate: 0.0,
            disposable: (1.0 - rate) * 1_040.0 * hours,
            utility,
        };
        let past = [record(1, 20.0, 0.1, 500.0), record(4, 40.0, 0.7, 300.0)];
        let found = facts(&economy, &schedule, 20.0, 77.0, 5, &past);
        // Mean hours 30: 936 $ a year for each, less 0.026·l^3.5.
        let u = |l: f64| 936.0 * l - 0.026 * l.powf(3.5);
        let more = u(40.0) - u(30.0);
        let expected = [
            [
                4f64.ln(),
                0.0,
                1.0,
                u(20.0) - u(30.0),
                more,
                0.0,
                20f64.ln(),
            ],
            [0.0, 0.6, -1.0, more, more, 0.6 * more, 20f64.ln()],
        ];
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.len(), FACTS);
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 1e-6 * e.abs().max(1.0), "{found:?}");
            }
        }
        assert!(facts(&economy, &schedule, 20.0, 0.0, 5, &[]).is_empty());
    }
}
