//! Who stands, and with which platform.

use super::ballots::{Citizens, PersonText};
use super::civil::{self, Rewritten};
use crate::error::Result;
use crate::fiscal::Schedule as TaxSchedule;
use crate::fiscal::optimum::best_for;
use crate::llm::{Answer, Content, Message, Prompts, Readout};
use crate::random::Streams;
use crate::world::asking::{Asking, Desk, Question};
use crate::world::language::{BracketText, bracket_texts};
use crate::world::planners::TaxRules;
use crate::world::planners::language::{YearText, parse_rates, rates_grammar};
use crate::world::record::Row;
use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;

/// Who stands for election.
#[derive(Clone, Debug, PartialEq)]
pub enum Candidates {
    /// Flat taxes from 0 to 100 % by so many points; nobody's in particular.
    Flat {
        /// Percentage points, above 0.
        step: f64,
    },
    /// Every worker, with the rates that are best for it.
    All,
    /// So many workers drawn for each election, with the rates that are best for each.
    Random {
        /// At least 1.
        count: usize,
    },
    /// Of so many workers drawn for each election those who want to, with a platform that the
    /// model writes: rates and a sentence.
    Nominated {
        /// How the model is asked.
        asking: Asking,
        /// Workers who are asked, at least 1.
        among: usize,
        /// Civil rewrites of each sentence, of which the best is taken; 0 rewrites none.
        civil: u32,
    },
}

impl Candidates {
    /// The most that can stand in a society of so many workers.
    pub fn most(&self, workers: usize) -> usize {
        match self {
            Candidates::Flat { step } => flat_rates(*step).len(),
            Candidates::All => workers,
            Candidates::Random { count } => (*count).min(workers),
            Candidates::Nominated { among, .. } => (*among).min(workers),
        }
    }
}

/// Somebody or something to be voted for.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The worker, if it is one.
    pub worker: Option<u32>,
    /// What it will enact.
    pub platform: TaxSchedule,
    /// What it says, if it says something.
    pub statement: Option<String>,
    /// Where that was to be rewritten in a civil tone, what became of it.
    pub rewritten: Option<Rewritten>,
}

/// 0, step, 2·step, … up to 1.
fn flat_rates(step: f64) -> Vec<f64> {
    let count = (100.0 / step + 1e-9).floor() as u32;
    (0..=count)
        .map(|i| (f64::from(i) * step * 1e9).round() / 1e11)
        .collect()
}

/// The candidates of the election that is due.
///
/// # Errors
/// As [`Desk::ask`].
pub(super) fn stand(
    candidates: &Candidates,
    rules: &TaxRules,
    citizens: &Citizens,
    current: &TaxSchedule,
    desk: &mut Desk,
) -> Result<Vec<Candidate>> {
    let workers = citizens.count();
    match candidates {
        Candidates::Flat { step } => Ok(flat_rates(*step)
            .into_iter()
            .map(|rate| Candidate {
                worker: None,
                platform: TaxSchedule::of_checked(vec![0.0], vec![rate]),
                statement: None,
                rewritten: None,
            })
            .collect()),
        Candidates::All => Ok(best_platforms(
            &(0..workers).collect::<Vec<_>>(),
            rules,
            citizens,
        )),
        Candidates::Random { count } => {
            let drawn = drawn(*count, workers, desk);
            Ok(best_platforms(&drawn, rules, citizens))
        }
        Candidates::Nominated {
            asking,
            among,
            civil,
        } => {
            let drawn = drawn(*among, workers, desk);
            let mut standing = nominate(asking, &drawn, rules, citizens, current, desk)?;
            if *civil > 0 {
                civil::rewrite(asking, *civil, &mut standing, desk)?;
            }
            Ok(standing)
        }
    }
}

/// `count` different workers, ascending.
fn drawn(count: usize, workers: usize, desk: &Desk) -> Vec<usize> {
    let mut lots = Streams::new(desk.seed.0, "candidates").at(0, u64::from(desk.clock.step));
    let mut all: Vec<usize> = (0..workers).collect();
    let count = count.min(workers);
    for i in 0..count {
        all.swap(i, lots.random_range(i..workers));
    }
    all.truncate(count);
    all.sort_unstable();
    all
}

fn best_platforms(workers: &[usize], rules: &TaxRules, citizens: &Citizens) -> Vec<Candidate> {
    let edges = rules.initial.edges();
    workers
        .par_iter()
        .map(|&worker| Candidate {
            worker: Some(worker as u32),
            platform: best_for(
                citizens.society(),
                citizens.places(worker),
                edges,
                std::slice::from_ref(&rules.initial),
                rules.allow_subsidy,
            ),
            statement: None,
            rewritten: None,
        })
        .collect()
}

/// What the question whether to stand may show.
#[derive(Clone, Debug, Serialize)]
pub struct PlatformPrompt<'a> {
    /// Brackets with the rates in force.
    pub brackets: Vec<BracketText>,
    /// Who is asked.
    pub person: PersonText<'a>,
}

/// What the question for the leader's rates may show.
#[derive(Clone, Debug, Serialize)]
pub struct LeaderPrompt<'a> {
    /// Brackets with the initial rates.
    pub brackets: Vec<BracketText>,
    /// The winner's platform, percent by bracket.
    pub platform: Vec<f64>,
    /// Who is asked.
    pub person: PersonText<'a>,
    /// The last tax years, oldest first.
    pub years: Vec<YearText>,
}

/// Percent by bracket.
pub(super) fn percents(schedule: &TaxSchedule) -> Vec<f64> {
    schedule.rates().iter().map(|rate| 100.0 * rate).collect()
}

/// Tax years that a leader is shown.
const YEARS_SHOWN: usize = 6;

pub(super) fn past(years: &[Row]) -> Vec<YearText> {
    let shown = years.len().saturating_sub(YEARS_SHOWN);
    years[shown..]
        .iter()
        .map(|row| YearText::of(row, 0))
        .collect()
}

pub(super) fn rates_question(
    worker: u32,
    messages: Vec<Message>,
    asking: &Asking,
    brackets: usize,
) -> Question {
    Question {
        draw: 0,
        worker,
        messages,
        readout: Readout::Sample {
            grammar: rates_grammar(brackets),
            max_tokens: asking.max_tokens,
            temperature: asking.temperature,
            top_p: asking.top_p,
        },
    }
}

/// The text of a sampled answer.
pub(super) fn text(answer: &Answer) -> Result<&str, String> {
    match &answer.content {
        Content::Text(text) => Ok(text),
        Content::Failed(why) => Err(why.clone()),
        Content::Choice { .. } => Err("an answer of another kind than was asked for".into()),
    }
}

/// Longest statement, in characters.
pub(super) const STATEMENT_MAX: usize = 160;

/// `NO`, or the rates of all brackets and a sentence.
fn platform_grammar(brackets: usize) -> String {
    let rates = vec!["rate"; brackets].join(" \", \" ");
    format!(
        "root ::= \"NO\" | {rates} \": \" letter{{1,{STATEMENT_MAX}}}\nrate ::= \"100\" | [1-9] [0-9] | [0-9]\nletter ::= [^\\n\\r]"
    )
}

/// Reads `NO` (`None`) or `12, 20, 30: a sentence`.
///
/// # Errors
/// Something else; rates as [`parse_rates`].
pub fn parse_platform(text: &str, brackets: usize) -> Result<Option<(Vec<f64>, String)>, String> {
    let text = text.trim();
    if text == "NO" {
        return Ok(None);
    }
    let Some((rates, statement)) = text.split_once(':') else {
        let start: String = text.chars().take(80).collect();
        return Err(format!("neither NO nor rates and a sentence: {start:?}"));
    };
    let rates = parse_rates(rates, brackets)?;
    let words: Vec<&str> = statement.split_whitespace().collect();
    if words.is_empty() {
        return Err("rates without a sentence".into());
    }
    Ok(Some((rates, words.join(" "))))
}

fn nominate(
    asking: &Asking,
    workers: &[usize],
    rules: &TaxRules,
    citizens: &Citizens,
    current: &TaxSchedule,
    desk: &mut Desk,
) -> Result<Vec<Candidate>> {
    let brackets = rules.initial.brackets();
    let people = citizens.people(current);
    let questions = workers
        .iter()
        .map(|&worker| {
            let context = PlatformPrompt {
                brackets: bracket_texts(current),
                person: people[worker].clone(),
            };
            Ok(Question {
                draw: 0,
                worker: worker as u32,
                messages: desk.prompts.0.render("platform.j2", &context)?,
                readout: Readout::Sample {
                    grammar: platform_grammar(brackets),
                    max_tokens: asking.max_tokens,
                    temperature: asking.temperature,
                    top_p: asking.top_p,
                },
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let platforms =
        desk.ask(
            asking,
            "platform",
            &questions,
            |_, answer, decision| match parse_platform(text(answer)?, brackets)? {
                None => Ok((None, "does not stand".to_owned())),
                Some((rates, statement)) => {
                    let platform = TaxSchedule::of_checked(rules.initial.edges().to_vec(), rates);
                    decision.schedule = Some(platform.to_string());
                    let noted = format!("stands with {platform}");
                    Ok((Some((platform, statement)), noted))
                }
            },
        )?;
    let standing = workers.iter().zip(platforms);
    Ok(standing
        .filter_map(|(&worker, platform)| {
            let (platform, statement) = platform.flatten()?;
            Some(Candidate {
                worker: Some(worker as u32),
                platform,
                statement: Some(statement),
                rewritten: None,
            })
        })
        .collect())
}

pub(super) fn check_prompts(prompts: &Prompts, schedule: &TaxSchedule) -> Result<()> {
    let person = PersonText {
        persona: None,
        wage: 20.0,
        hours: 40.0,
        income: 41_600.0,
        tax: 5_000.0,
        rebate: 8_000.0,
    };
    let context = PlatformPrompt {
        brackets: bracket_texts(schedule),
        person: person.clone(),
    };
    prompts.render("platform.j2", &context)?;
    let context = LeaderPrompt {
        brackets: bracket_texts(schedule),
        platform: percents(schedule),
        person,
        years: Vec::new(),
    };
    prompts.render("leader.j2", &context).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_of_flat_rates() {
        let rates = flat_rates(1.0);
        assert_eq!((rates.len(), rates[29], rates[100]), (101, 0.29, 1.0));
        assert_eq!(flat_rates(25.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(flat_rates(0.1).len(), 1_001);
        assert_eq!(flat_rates(30.0), [0.0, 0.3, 0.6, 0.9]);
    }

    #[test]
    fn platforms_are_parsed_or_refused() {
        assert_eq!(parse_platform(" NO ", 2), Ok(None));
        assert_eq!(
            parse_platform("10, 40: Fair  shares: for all", 2),
            Ok(Some((vec![0.1, 0.4], "Fair shares: for all".into())))
        );
        for text in [
            "",
            "YES",
            "10: one rate",
            "10, 140: much",
            "10, 40:  ",
            "no",
        ] {
            assert!(parse_platform(text, 2).is_err(), "{text}");
        }
    }
}
