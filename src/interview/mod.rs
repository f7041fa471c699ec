//! A scenario file from an economist's answers: questions, free text read into typed values, the file
//! checked as `fisc check` does, and a score where the economist is a model that knows a scenario.
//!
//! After Li, Tamkin, Goodman and Andreas (2025), whose interviewer is a model as well; here what a key
//! allows is the scenario's schema, and no value comes from a model that is not one of its options.

pub mod reading;

use crate::error::{Error, Result};
use crate::llm::{Content, Engine, FREE_TEXT, Message, Prompts, Readout, Request};
use crate::run::Simulation;
use crate::scenario::key::{Default, Key, Kind, LAW};
use crate::scenario::{self, differing, document, find_key};
use reading::{Heard, read};
use serde::Serialize;
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

const PROMPTS: [(&str, &str); 3] = [
    ("interview.j2", include_str!("../../prompts/interview.j2")),
    (
        "interview-next.j2",
        include_str!("../../prompts/interview-next.j2"),
    ),
    (
        "interview-economist.j2",
        include_str!("../../prompts/interview-economist.j2"),
    ),
];

/// What is asked, in the order in which it is unless a model chooses: key and question. Choices with
/// parameters are followed up.
pub const QUESTIONS: [(&str, &str); 17] = [
    ("name", "What is the run to be called?"),
    ("objective.welfare", "What does the planner maximise?"),
    ("planner.kind", "Who sets the tax rates?"),
    (
        "compare.planners",
        "Which other planners is it compared with?",
    ),
    ("workers.0.decide", "How do workers choose their hours?"),
    ("taxes.brackets", "Where do tax brackets begin?"),
    ("taxes.initial", "Which marginal rates hold at the start?"),
    ("population.size", "How many workers are there?"),
    ("population.wages", "Where do wages come from?"),
    ("population.personas", "Do workers have personas?"),
    ("economy.utility", "Which utility do workers have?"),
    (
        "economy.labor_exponent",
        "What is the exponent of hours in the cost of work?",
    ),
    (
        "economy.public_spending",
        "How much public spending is there per worker and year?",
    ),
    ("tax_year", "How many periods does a tax year have?"),
    ("steps", "How many periods does the run have?"),
    ("seed", "Which seed do random draws have?"),
    (
        "record.workers_every",
        "Every how many periods are workers written down (0 for never)?",
    ),
];

/// Times that a question is asked before its key is left at the default.
const ATTEMPTS: u32 = 2;
/// Parameters of a choice that are asked about though they have defaults: those of choices with no more.
const FEW: usize = 2;
/// The option of an answer that means none of the others.
const NONE: &str = "something else";
/// Longest answer of a model that plays the economist, tokens.
const MAX_TOKENS: usize = 48;

/// Who is asked.
pub trait Economist {
    /// The answer to `question`; `None` where nobody answers any more.
    ///
    /// # Errors
    /// An answer that cannot be read.
    fn answer(&mut self, question: &str, attempt: u32) -> Result<Option<String>>;
}

/// A model that knows a scenario and answers from its text.
pub struct Knowing<'a> {
    /// The model.
    pub engine: &'a RefCell<Engine>,
    /// The scenario file's text.
    pub scenario: String,
    /// Seed of its words.
    pub seed: u64,
    /// Questions that it was asked.
    pub asked: u64,
}

impl Economist for Knowing<'_> {
    fn answer(&mut self, question: &str, attempt: u32) -> Result<Option<String>> {
        self.asked += 1;
        let values = json!({"scenario": self.scenario, "question": question});
        let readout = Readout::Sample {
            grammar: FREE_TEXT.to_owned(),
            max_tokens: MAX_TOKENS,
            temperature: if attempt == 0 { 0.0 } else { 0.7 },
            top_p: 1.0,
        };
        let messages = Prompts::new(&PROMPTS, None)?.render("interview-economist.j2", values)?;
        let request = request(
            "economist",
            self.seed,
            self.asked,
            attempt,
            messages,
            readout,
        );
        match one(self.engine, request)? {
            Content::Text(text) => Ok(Some(text.trim().to_owned())),
            Content::Failed(why) => {
                Err(Error::run(format!("the economist does not answer: {why}")))
            }
            Content::Choice { .. } => Ok(Some(String::new())),
        }
    }
}

fn request(
    agent: &str,
    seed: u64,
    stream: u64,
    attempt: u32,
    messages: Vec<Message>,
    readout: Readout,
) -> Request {
    Request {
        seed,
        agent: agent.to_owned(),
        stream,
        step: 0,
        attempt,
        messages,
        readout,
    }
}

fn one(engine: &RefCell<Engine>, request: Request) -> Result<Content> {
    let answers = engine.borrow_mut().ask(&[request])?;
    let first = answers.into_iter().next();
    first
        .map(|answer| answer.content)
        .ok_or_else(|| Error::run("no answer came"))
}

/// A question, its answer and what was made of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// From 1.
    pub number: usize,
    /// Key of the scenario.
    pub key: String,
    /// Why this one: `order`, `model`, `follow-up`, or `check` (the file was refused because of it).
    pub chosen: &'static str,
    /// As it was put.
    pub question: String,
    /// As it was given.
    pub answer: String,
    /// The value as TOML; `None` where there is none.
    pub value: Option<String>,
    /// Who read the value off the answer: `words`, or `model`.
    pub read_by: Option<&'static str>,
    /// Why there is no value: `default`, or what was wrong.
    pub without: Option<String>,
}

/// How an interview is held.
pub struct Interviewer<'a> {
    /// The model that tells which option an answer means, where words do not; `None` asks again.
    pub engine: Option<&'a RefCell<Engine>>,
    /// Whether that model also chooses what is asked next.
    pub chooses: bool,
    /// Most questions of [`QUESTIONS`] that are asked.
    pub most: usize,
    /// Seed of requests.
    pub seed: u64,
    /// Told each turn when it is over.
    pub heard: &'a dyn Fn(&Turn),
}

/// What came of an interview.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interview {
    /// All turns.
    pub turns: Vec<Turn>,
    /// Keys and values as TOML, in the order in which they were settled.
    pub settings: Vec<(String, String)>,
    /// Keys that were left at their default because no answer was understood, or the file was refused.
    pub left: Vec<String>,
    /// The scenario file.
    pub text: String,
    gone: bool,
}

impl Interviewer<'_> {
    /// Asks `economist` until nothing is open, and makes the file that would stand at `path`.
    ///
    /// # Errors
    /// A model that cannot be asked; a file that is refused for something that was not asked about.
    pub fn hold(&self, economist: &mut dyn Economist, path: &Path) -> Result<Interview> {
        let mut interview = Interview::default();
        let mut open = QUESTIONS.to_vec();
        for _ in 0..self.most.min(QUESTIONS.len()) {
            if interview.gone {
                break;
            }
            let next = self.next(&open, &interview)?;
            let (key, question) = open.remove(next);
            let chosen = if self.chooses { "model" } else { "order" };
            self.cover(key, question, chosen, economist, &mut interview)?;
        }
        let mut refused: Vec<String> = Vec::new();
        loop {
            interview.text = interview.document()?;
            let Err(error) = check(&interview.text, path) else {
                return Ok(interview);
            };
            let at = error
                .place()
                .map(|place| place.key.clone())
                .unwrap_or_default();
            let asked = |key: &&(&str, &str)| {
                let set = interview.settings.iter().any(|(k, _)| within(k, key.0));
                set && (within(&at, key.0) || within(key.0, &at))
            };
            // One of the keys that disagree has a say; where none is named, nothing helps.
            let Some((key, question)) = QUESTIONS.iter().find(asked) else {
                return Err(error.context("the answers do not make a scenario"));
            };
            interview.forget(key);
            if refused.iter().any(|k| k == key) || interview.gone {
                interview.left.push((*key).to_owned());
                continue;
            }
            refused.push((*key).to_owned());
            let question = format!("{question} ({error})");
            self.cover(key, &question, "check", economist, &mut interview)?;
        }
    }

    /// The number of the question of `open` that is asked next.
    fn next(&self, open: &[(&str, &str)], interview: &Interview) -> Result<usize> {
        let Some(engine) = self.engine.filter(|_| self.chooses && open.len() > 1) else {
            return Ok(0);
        };
        let listed = |(key, question): &(&str, &str)| json!({"key": key, "question": question});
        let known = interview
            .settings
            .iter()
            .map(|(key, value)| format!("{key} = {value}"));
        let values = json!({
            "known": known.collect::<Vec<_>>(),
            "open": open.iter().map(listed).collect::<Vec<_>>(),
        });
        let options: Vec<String> = open.iter().map(|(key, _)| (*key).to_owned()).collect();
        Ok(self
            .choice(engine, "interview-next.j2", values, options, interview)?
            .unwrap_or(0))
    }

    /// The most probable of `options`; `None` where the model gives no distribution.
    fn choice(
        &self,
        engine: &RefCell<Engine>,
        prompt: &str,
        values: serde_json::Value,
        options: Vec<String>,
        interview: &Interview,
    ) -> Result<Option<usize>> {
        let messages = Prompts::new(&PROMPTS, None)?.render(prompt, values)?;
        let turn = interview.turns.len() as u64;
        let readout = Readout::Choice { options };
        let request = request("interviewer", self.seed, turn, 0, messages, readout);
        let Content::Choice { log_probs, .. } = one(engine, request)? else {
            return Ok(None);
        };
        let best = (0..log_probs.len())
            .max_by(|&a, &b| log_probs[a].total_cmp(&log_probs[b]).then(b.cmp(&a)));
        Ok(best)
    }

    /// Asks about `key` until its answer is understood, then about the parameters of the choice that it is.
    fn cover(
        &self,
        key: &str,
        question: &str,
        chosen: &'static str,
        economist: &mut dyn Economist,
        interview: &mut Interview,
    ) -> Result<()> {
        let unknown = || Error::run(format!("no key {key}"));
        let Key { kind, default, .. } = find_key(key).ok_or_else(unknown)?;
        let text = format!("{question} [{}{}]", allowed(*kind), in_default(default));
        let Some(value) = self.value(key, *kind, &text, chosen, economist, interview)? else {
            return Ok(());
        };
        interview.settings.push((key.to_owned(), value.clone()));
        let Kind::Choice(choices) = kind else {
            return Ok(());
        };
        let name = value.trim_matches('"');
        let Some(choice) = choices.iter().find(|c| c.is_called(name) && c.name != LAW) else {
            return Ok(());
        };
        for parameter in choice.parameters {
            let required = matches!(parameter.default, Default::Required);
            if !required && choice.parameters.len() > FEW {
                continue;
            }
            let below = match choice.bare {
                true => format!("{key}.{name}"),
                false => format!("{key}.{name}.{}", parameter.name),
            };
            let named_model = parameter.name == "model" && matches!(parameter.kind, Kind::Text);
            let before = interview.settings.len();
            let asked = format!("{name}: {}", parameter.doc);
            if named_model {
                self.model(&below, economist, interview)?;
            } else if choice.bare {
                let text = format!("{asked} [{}]", allowed(parameter.kind));
                let value = self.value(
                    &below,
                    parameter.kind,
                    &text,
                    "follow-up",
                    economist,
                    interview,
                )?;
                interview
                    .settings
                    .extend(value.map(|value| (below.clone(), value)));
            } else if askable(parameter.kind) {
                self.cover(&below, &asked, "follow-up", economist, interview)?;
            }
            if required && interview.settings.len() == before {
                interview.forget(key);
                interview.left.push(key.to_owned());
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sets the model's name at `key` and asks which model that is, unless it was asked before.
    fn model(
        &self,
        key: &str,
        economist: &mut dyn Economist,
        interview: &mut Interview,
    ) -> Result<()> {
        const FILE: &str = "models.small.backend.gguf.model";
        if !interview.settings.iter().any(|(k, _)| k == FILE) {
            let names = scenario::FETCHED_MODELS.join(", ");
            let text =
                format!("Which language model is asked? [{names}, or the path of a GGUF file]");
            let Some(value) =
                self.value(FILE, Kind::Text, &text, "follow-up", economist, interview)?
            else {
                return Ok(());
            };
            let named = scenario::FETCHED_MODELS
                .iter()
                .find(|name| value.contains(*name));
            let value = named.map_or(value, |name| format!("\"{name}\""));
            interview.settings.push((FILE.to_owned(), value));
        }
        interview
            .settings
            .push((key.to_owned(), "\"small\"".to_owned()));
        Ok(())
    }

    /// Asks until an answer is understood; `None` is the default, by will or because none was.
    fn value(
        &self,
        key: &str,
        kind: Kind,
        question: &str,
        chosen: &'static str,
        economist: &mut dyn Economist,
        interview: &mut Interview,
    ) -> Result<Option<String>> {
        let mut put = question.to_owned();
        for attempt in 0..ATTEMPTS {
            let Some(answer) = economist.answer(&put, attempt)? else {
                interview.gone = true;
                return Ok(None);
            };
            let mut read_by = Some("words");
            let heard = match read(kind, &answer) {
                Heard::OneOf(options) => {
                    read_by = Some("model");
                    self.which(question, &answer, options, interview)?
                }
                Heard::Nothing(why) => match (self.engine, kind) {
                    (Some(_), Kind::Choice(choices)) => {
                        read_by = Some("model");
                        let names = choices.iter().filter(|c| c.name != LAW);
                        let options = names.map(|c| format!("\"{}\"", c.name)).collect();
                        self.which(question, &answer, options, interview)?
                    }
                    _ => Heard::Nothing(why),
                },
                heard => heard,
            };
            let (value, without) = match heard {
                Heard::Value(value) => (Some(value), None),
                Heard::Default => (None, Some("default".to_owned())),
                Heard::Nothing(why) => (None, Some(why)),
                Heard::OneOf(options) => (None, Some(format!("{} of them", options.len()))),
            };
            let turn = Turn {
                number: interview.turns.len() + 1,
                key: key.to_owned(),
                chosen,
                question: put.clone(),
                answer,
                read_by: read_by.filter(|_| value.is_some()),
                value: value.clone(),
                without: without.clone(),
            };
            (self.heard)(&turn);
            interview.turns.push(turn);
            match without.as_deref() {
                None => return Ok(value),
                Some("default") => return Ok(None),
                Some(why) => put = format!("{question} Not understood: {why}."),
            }
        }
        interview.left.push(key.to_owned());
        Ok(None)
    }

    /// Which of `options` (TOML) the model says that an answer means.
    fn which(
        &self,
        question: &str,
        answer: &str,
        options: Vec<String>,
        interview: &Interview,
    ) -> Result<Heard> {
        let listed: Vec<&str> = options
            .iter()
            .map(|option| option.trim_matches('"'))
            .collect();
        let Some(engine) = self.engine else {
            return Ok(Heard::Nothing(format!(
                "{}: which of them?",
                listed.join(", ")
            )));
        };
        let mut all: Vec<String> = listed.iter().map(|&option| option.to_owned()).collect();
        all.push(NONE.to_owned());
        let values =
            json!({"question": question, "answer": answer, "options": listed, "none": NONE});
        Ok(
            match self.choice(engine, "interview.j2", values, all, interview)? {
                Some(best) if best < options.len() => Heard::Value(options[best].clone()),
                _ => Heard::Nothing("none of what is allowed".into()),
            },
        )
    }
}

impl Interview {
    /// Takes back what was set at `key` and below.
    fn forget(&mut self, key: &str) {
        self.settings.retain(|(k, _)| !within(k, key));
    }

    fn document(&self) -> Result<String> {
        let comment = |dotted: &str| {
            let turns = self
                .turns
                .iter()
                .filter(|turn| turn.value.is_some() && within(&turn.key, dotted));
            let set = |turn: &&Turn| {
                let last = self
                    .turns
                    .iter()
                    .rfind(|t| t.key == turn.key && t.value.is_some());
                last.is_some_and(|last| last.number == turn.number)
            };
            turns
                .filter(set)
                .map(|turn| {
                    let words = turn.answer.split_whitespace().collect::<Vec<_>>().join(" ");
                    let short: String = words
                        .chars()
                        .filter(|c| !c.is_control())
                        .take(100)
                        .collect();
                    format!("Answer {}: {short}", turn.number)
                })
                .collect()
        };
        let keys = document(&self.settings, comment)?;
        Ok(format!(
            "# Made by fisc interview from an economist's answers; each key names its own.\n\n{keys}"
        ))
    }
}

/// Whether `key` is `above` or below it.
fn within(key: &str, above: &str) -> bool {
    key.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn askable(kind: Kind) -> bool {
    !matches!(kind, Kind::Table(_) | Kind::Named(_) | Kind::Law)
        && !matches!(kind, Kind::List(inner) if !matches!(inner, Kind::Choice(_)))
}

/// What an answer may be, in words: of choices their names.
fn allowed(kind: Kind) -> String {
    match kind {
        Kind::Choice(choices) | Kind::List(&Kind::Choice(choices)) => choices
            .iter()
            .map(|c| c.name)
            .collect::<Vec<_>>()
            .join(", "),
        kind => kind.allowed(),
    }
}

fn in_default(default: &Default) -> String {
    match default {
        Default::Value(text) => format!("; default: {}", text.trim_matches('"')),
        Default::Unset(meaning) => format!("; default: {meaning}"),
        Default::Required => String::new(),
    }
}

/// Checks the scenario `text` that would stand at `path`, as `fisc check` does.
///
/// # Errors
/// As `fisc check`.
pub fn check(text: &str, path: &Path) -> Result<()> {
    Simulation::new(scenario::parse(text, path, &[], true)?).map(drop)
}

/// A key of the truth or of the interview's file that is not at its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Dotted key.
    pub key: String,
    /// Value in the economist's scenario.
    pub truth: Option<String>,
    /// Value in the interview's.
    pub found: Option<String>,
}

/// How much of a scenario an interview recovered.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// Every key that either of them sets.
    pub keys: Vec<Compared>,
}

impl Recovery {
    /// Compares the keys that `truth` and `found` set to something else than their defaults.
    ///
    /// # Errors
    /// A text that is no scenario.
    pub fn of(truth: &str, found: &str, path: &Path) -> Result<Recovery> {
        let (truth, found) = (differing(truth, path)?, differing(found, path)?);
        let mut keys: BTreeMap<&String, Compared> = BTreeMap::new();
        for key in truth.keys().chain(found.keys()) {
            let (truth, found) = (truth.get(key).cloned(), found.get(key).cloned());
            keys.insert(
                key,
                Compared {
                    key: key.clone(),
                    truth,
                    found,
                },
            );
        }
        Ok(Recovery {
            keys: keys.into_values().collect(),
        })
    }

    /// Keys with the same value in both, keys of the truth, keys of the interview's file.
    pub fn counts(&self) -> [usize; 3] {
        let count = |of: fn(&Compared) -> bool| self.keys.iter().filter(|k| of(k)).count();
        [
            count(|k| k.truth == k.found),
            count(|k| k.truth.is_some()),
            count(|k| k.found.is_some()),
        ]
    }

    /// Recovered keys over keys of the file; 1 of none.
    pub fn precision(&self) -> f64 {
        let [same, _, found] = self.counts();
        if found == 0 {
            1.0
        } else {
            same as f64 / found as f64
        }
    }

    /// Recovered keys over keys of the truth; 1 of none.
    pub fn recall(&self) -> f64 {
        let [same, truth, _] = self.counts();
        if truth == 0 {
            1.0
        } else {
            same as f64 / truth as f64
        }
    }
}
