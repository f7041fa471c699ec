//! What do you say about this law?, and whether that is satisfied.

use super::{LawText, Survey, Told};
use crate::error::Result;
use crate::llm::Content;
use crate::population::Persona;
use crate::preferences::spoken::{mined, pairs};
use crate::random::Streams;
use crate::world::asking::{Asking, Desk, Question};
use crate::world::satisfaction::ANSWERS;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the question for a statement may show.
#[derive(Clone, Debug, Serialize)]
pub struct StatementPrompt<'a> {
    /// The persona, if the worker has one.
    pub persona: Option<&'a Persona>,
    /// $/hour.
    pub wage: f64,
    /// The law and what the year brought under it.
    pub law: LawText,
}

/// What the question about a statement may show.
#[derive(Clone, Debug, Serialize)]
pub struct SignalPrompt<'a> {
    /// What was said.
    pub statement: &'a str,
    /// The admissible answers, yes first.
    pub options: [&'static str; 2],
}

/// Workers speak in free text about a year under each schedule of their pairs: the year that they
/// lived where the schedule is the one in force, else the year that it would have been. A second
/// question reads whether a statement is satisfied, and two statements of a worker whose signals
/// differ are a comparison ([`mined`]), with both statements as its rationale. Comparisons that share a
/// statement, or are linked by others that do, are one group.
pub(super) fn ask(
    asking: &Asking,
    max_tokens: usize,
    survey: &Survey,
    desk: &mut Desk,
) -> Result<Told> {
    let mut rng = Streams::new(desk.seed.0, "comparisons").at(0, u64::from(survey.year));
    let asked = pairs(
        survey.people.len(),
        survey.pool.len(),
        survey.comparisons,
        &mut rng,
    );
    // Each worker speaks once about each schedule.
    let mut place: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for &(worker, a, b) in &asked {
        for k in [a, b] {
            let next = place.len();
            place.entry((worker, k)).or_insert(next);
        }
    }
    let mut subjects: Vec<(usize, usize)> = vec![(0, 0); place.len()];
    place
        .iter()
        .for_each(|(&subject, &at)| subjects[at] = subject);
    let questions = (subjects.iter())
        .map(|&(worker, k)| {
            let person = &survey.people[worker];
            let mut law = survey.law(worker, k, "");
            if &survey.pool[k].0 == survey.current {
                (law.hours, law.income, law.tax) = (person.hours, person.income, person.tax);
                law.rebate = person.rebate;
                law.disposable = person.income - person.tax + person.rebate;
            }
            let context = StatementPrompt {
                persona: person.persona,
                wage: person.wage,
                law,
            };
            Ok(Question {
                draw: 0,
                worker: worker as u32,
                messages: desk.prompts.0.render("statement.j2", &context)?,
                readout: asking.text(max_tokens),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let statements = desk.ask(asking, "statement", &questions, |_, answer, _| {
        let text = match &answer.content {
            Content::Text(text) => in_one_line(text),
            Content::Failed(why) => return Err(why.clone()),
            Content::Choice { .. } => return Err("not a text".into()),
        };
        match text.is_empty() {
            true => Err("an empty statement".into()),
            false => Ok((text, "a statement".to_owned())),
        }
    })?;
    let options = ANSWERS.map(str::to_owned);
    let mut heard = Vec::new();
    let mut questions = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        if let Some(statement) = statement {
            let context = SignalPrompt {
                statement,
                options: ANSWERS,
            };
            heard.push(at);
            questions.push(Question {
                draw: 0,
                worker: subjects[at].0 as u32,
                messages: desk.prompts.0.render("signal.j2", &context)?,
                readout: asking.one_of(&options),
            });
        }
    }
    let signals = desk.ask(asking, "signal", &questions, |_, answer, decision| {
        let satisfied = asking.probabilities(answer, &options)?[0];
        decision.satisfied = Some(satisfied);
        Ok((satisfied, format!("satisfied with probability {satisfied}")))
    })?;
    let mut satisfied: Vec<Option<f64>> = vec![None; subjects.len()];
    for (&at, signal) in heard.iter().zip(&signals) {
        satisfied[at] = *signal;
    }
    // By statement, the first that it is linked to.
    let mut linked: Vec<usize> = (0..subjects.len()).collect();
    for &(worker, a, b) in &asked {
        let [one, other] = [a, b].map(|k| linked[place[&(worker, k)]]);
        let (first, later) = (one.min(other), one.max(other));
        (linked.iter_mut().filter(|at| **at == later)).for_each(|at| *at = first);
    }
    let mut told = Told::default();
    for &(worker, a, b) in &asked {
        let [at_a, at_b] = [a, b].map(|k| place[&(worker, k)]);
        let (Some(p), Some(q)) = (satisfied[at_a], satisfied[at_b]) else {
            continue;
        };
        let Some((outcome, weight)) = mined(p, q) else {
            continue;
        };
        let said = |at: usize| statements[at].as_deref().unwrap_or_default();
        told.comparisons
            .push(crate::world::learning::RecordedComparison {
                weight,
                group: Some(linked[at_a] as u32),
                rationale: Some(format!("a: {} b: {}", said(at_a), said(at_b))),
                ..survey.comparison(worker, [a, b], outcome)
            });
    }
    let valid: Vec<f64> = satisfied.iter().flatten().copied().collect();
    if valid.is_empty() {
        told.note = format!("none of {} statements could be read", subjects.len());
        return Ok(told);
    }
    let weight: f64 = told.comparisons.iter().map(|c| c.weight).sum();
    told.note = format!(
        "{} of {} statements could be read, satisfied with mean probability {:.2}; their {} pairs \
         count as {weight:.1} comparisons",
        valid.len(),
        subjects.len(),
        valid.iter().sum::<f64>() / valid.len() as f64,
        told.comparisons.len()
    );
    Ok(told)
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
