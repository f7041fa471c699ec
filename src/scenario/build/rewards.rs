//! The rewards of `[reward]`.

use std::path::Path;

use super::files::{existing, referred};
use super::section::{Section, not_built, picked};
use crate::error::{Error, Result};
use crate::fiscal::{Objective, Schedule};
use crate::rewards::basic::{Good, Number, Welfare};
use crate::rewards::composite::{Composite, Part};
use crate::rewards::constrained::{Constrained, Constraint};
use crate::rewards::critique::{Critique, Written};
use crate::rewards::harmonic::{EarlyStopping, Harmonic};
use crate::rewards::intrinsic::{Intrinsic, Mode};
use crate::rewards::learned::Learned;
use crate::rewards::program::Program;
use crate::rewards::regularised::Regularised;
use crate::rewards::standards::{Quota, Side, Standard, Standards, agreed_bound};
use crate::rewards::{Reward, critique};
use crate::scenario::Preferences;
use crate::scenario::key::Kind;
use crate::scenario::node::{Entry, Node, Value};

/// What rewards are made from.
pub(super) struct Ground<'a> {
    pub objective: &'a Objective,
    pub preferences: &'a Preferences,
    pub initial: &'a Schedule,
    pub years: u32,
}

/// Puts the code of programs in place of the names of their files, so that a scenario written out is
/// whole.
pub(super) fn embed(node: &mut Node, folder: &Path) -> Result<()> {
    match &mut node.value {
        Value::List(items) => items.iter_mut().try_for_each(|item| embed(item, folder)),
        Value::Table(entries) => {
            for Entry { name, node, .. } in entries {
                if name == "program"
                    && let Value::Table(keys) = &mut node.value
                    && let Some(at) = keys.iter().position(|key| key.name == "path")
                {
                    if let Some(text) = keys.iter().find(|k| k.name == "text" && k.node.given) {
                        return Err((text.node)
                            .error("the code stands here, and `path` names a file with code")
                            .allowed("either `text` or `path`"));
                    }
                    let path = existing(&keys[at].node, folder, Path::is_file, "file")?;
                    let code = std::fs::read_to_string(&path)
                        .map_err(|error| keys[at].node.error(format!("cannot be read: {error}")))?;
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    Program::new(&name, &code).map_err(|error| referred(error, &keys[at].node))?;
                    keys.remove(at);
                    for key in keys.iter_mut().filter(|key| key.name == "text") {
                        key.node.value = Value::Text(code.clone());
                    }
                }
                embed(node, folder)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Ground<'_> {
    /// The reward called `name`; `None` where nothing here builds it.
    pub fn reward(&self, name: &str, keys: &Section) -> Result<Option<Box<dyn Reward>>> {
        Ok(Some(match name {
            "learned" | "program" => self.measure(name, keys)?,
            "composite" => {
                let composite = Composite {
                    parts: self.parts(keys)?,
                    groups: keys.whole("groups")? as usize,
                    by_bracket: keys.node("by_bracket").flag()?,
                };
                composite.check().map_err(|e| at(e, keys.node("parts")))?;
                composite.boxed()
            }
            "constrained" => self.constrained(keys)?,
            "harmonic" => {
                let stopping = match keys.whole("patience")? as usize {
                    0 => None,
                    patience => Some(EarlyStopping::new(patience, keys.number("tolerance")?)?),
                };
                let (first, second) = (
                    self.good(&keys.table("first"))?,
                    self.good(&keys.table("second"))?,
                );
                Harmonic::new(keys.number("lambda")?, first, second, stopping)?.boxed()
            }
            "regularised" => {
                let base = Composite {
                    parts: self.parts(keys)?,
                    groups: 0,
                    by_bracket: false,
                };
                base.check().map_err(|e| at(e, keys.node("parts")))?;
                let regularised = Regularised {
                    base: base.boxed(),
                    zero: keys.number("zero")?,
                    relevance: self.good(&keys.table("relevance"))?,
                    threshold: keys.number("threshold")?,
                    softness: keys.number("softness")?,
                };
                regularised.check()?;
                regularised.boxed()
            }
            "standards" => self.standards(keys)?,
            "critique" => {
                let node = keys.node("texts");
                let texts = self.critiques(node)?;
                if self.years < 2 {
                    return Err(node
                        .error("no tax year is left to follow a critique of the first")
                        .value(format!("{} tax year", self.years))
                        .allowed("at least two (steps / tax_year)"));
                }
                Critique::new(Box::new(Written::new(texts)), keys.number("step")?).boxed()
            }
            "intrinsic" => {
                let mode = match keys.choice("mode") {
                    ("hash", parameters) => Mode::Hash {
                        cell: parameters.number("cell")?,
                    },
                    ("classify", _) => Mode::Classify,
                    ("rank", _) => Mode::Rank,
                    (name, _) => not_built("reward.kind.intrinsic.mode", name),
                };
                let judge = self.chosen(keys, "judge")?;
                Intrinsic::new(
                    judge,
                    keys.whole("lag")? as usize,
                    mode,
                    keys.number("ridge")?,
                )
                .boxed()
            }
            _ => return Ok(None),
        }))
    }

    /// Critiques that can be read and say something of the scenario's brackets, or nothing at all.
    fn critiques(&self, node: &Node) -> Result<Vec<String>> {
        let items = node.items(Kind::List(&Kind::Text))?;
        if items.is_empty() {
            return Err(node.error("no critique").allowed("at least one text"));
        }
        let of = |item: &Node| {
            let text = item.text()?;
            if text.len() > critique::CRITIQUE_MAX {
                return Err(item
                    .error("a critique that is too long")
                    .allowed(format!("at most {} bytes", critique::CRITIQUE_MAX)));
            }
            if !text.trim().is_empty() && critique::spans(text, self.initial).is_empty() {
                let edges = self.initial.edges();
                let edges: Vec<String> = edges.iter().map(|edge| format!("${edge}")).collect();
                return Err(item
                    .error("this critique says of no bracket of the schedule that its rate should rise or fall")
                    .allowed(format!(
                        "texts such as \"Cut the lowest bracket's rate.\"; brackets 1 to {} begin at {}; \"\" says nothing",
                        edges.len(),
                        edges.join(", ")
                    )));
            }
            Ok(text.to_owned())
        };
        items.iter().map(of).collect()
    }

    fn chosen(&self, keys: &Section, key: &str) -> Result<Box<dyn Reward>> {
        let (name, parameters) = keys.choice(key);
        self.measure(name, &parameters)
    }

    fn measure(&self, name: &str, keys: &Section) -> Result<Box<dyn Reward>> {
        Ok(match name {
            "welfare" => Welfare {
                objective: self.objective.clone(),
            }
            .boxed(),
            "objective" => Welfare {
                objective: super::objective(keys.choice("welfare"))?,
            }
            .boxed(),
            "number" => {
                let node = keys.node("name");
                Number::new(node.text()?).map_err(|e| at(e, node))?.boxed()
            }
            "learned" => Learned {
                model: self.preferences.model.model.clone(),
                features: self.preferences.features,
                weights: self.preferences.weights,
                pool: Vec::new(),
                raters: 0,
                fitted: false,
            }
            .boxed(),
            "program" => {
                let node = keys.node("text");
                let mut program = Program::new("reward", node.text()?).map_err(|error| {
                    error.context(format!("the program of `{}`", keys.node.place.key))
                })?;
                program.failed = Some(keys.number("failed")?);
                program.boxed()
            }
            name => not_built("a measure of reward.kind", name),
        })
    }

    fn good(&self, keys: &Section) -> Result<Good> {
        let good = Good {
            reward: self.chosen(keys, "of")?,
            zero: keys.number("zero")?,
            unit: keys.number("unit")?,
        };
        good.check().map_err(|error| at(error, keys.node))?;
        Ok(good)
    }

    fn parts(&self, keys: &Section) -> Result<Vec<Part>> {
        let parts = named(keys, "parts")?;
        let part = |(name, keys): (&str, Section)| {
            Ok(Part {
                name: name.to_owned(),
                weight: keys.number("weight")?,
                reward: self.chosen(&keys, "of")?,
            })
        };
        parts.into_iter().map(part).collect()
    }

    fn constrained(&self, keys: &Section) -> Result<Box<dyn Reward>> {
        let (mut constraints, mut step, mut most) = (Vec::new(), Vec::new(), Vec::new());
        for (name, keys) in named(keys, "constraints")? {
            // r ≥ θ is −r ≤ −θ.
            let sign = match keys.choice("side").0 {
                "at-most" => 1.0,
                "at-least" => -1.0,
                name => not_built("side", name),
            };
            constraints.push(Constraint {
                name: name.to_owned(),
                reward: Good {
                    reward: self.chosen(&keys, "of")?,
                    zero: 0.0,
                    unit: sign,
                }
                .boxed(),
                threshold: sign * keys.number("threshold")?,
            });
            step.push(keys.number("step")?);
            most.push(keys.number("most")?);
        }
        let base = self.chosen(keys, "base")?;
        Ok(Constrained::new(base, constraints, step, most)?.boxed())
    }

    fn standards(&self, keys: &Section) -> Result<Box<dyn Reward>> {
        let quota = match keys.choice("quota") {
            ("unanimity", _) => Quota::Unanimity,
            ("supermajority", parameters) => Quota::Supermajority(parameters.number("share")?),
            (name, _) => not_built("quota", name),
        };
        let mut standards = Vec::new();
        for (name, keys) in named(keys, "standards")? {
            let side = match keys.choice("side").0 {
                "at-most" => Side::AtMost,
                "at-least" => Side::AtLeast,
                name => not_built("side", name),
            };
            let node = keys.node("demands");
            let mut demands: Vec<Option<f64>> = (node.items(keys.key("demands").kind)?.iter())
                .map(Node::as_number)
                .collect();
            demands.extend(vec![None; keys.whole("abstaining")? as usize]);
            let agreed = agreed_bound(side, &demands, quota).map_err(|e| at(e, node))?;
            if let Some(bound) = agreed {
                standards.push(Standard {
                    name: name.to_owned(),
                    measure: self.chosen(&keys, "of")?,
                    side,
                    bound,
                    unit: keys.number("unit")?,
                });
            }
        }
        let base = match keys.optional("base") {
            Some(node) => {
                let (name, parameters) = picked(node, keys.key("base").kind);
                Some(self.measure(name, &parameters)?)
            }
            None => None,
        };
        let standards = Standards { standards, base };
        standards.check()?;
        Ok(standards.boxed())
    }
}

fn at(error: Error, node: &Node) -> Error {
    error.at(node.place.clone())
}

/// Whether `rewards.parquet` has a part of this name beside the user's.
fn is_taken(name: &str) -> bool {
    let numbered = |kind: &str| {
        let number = name.strip_prefix(kind);
        number.is_some_and(|k| !k.is_empty() && k.bytes().all(|b| b.is_ascii_digit()))
    };
    ["total", "base", "failed"].contains(&name)
        || ["bracket_", "group_"].into_iter().any(numbered)
        || ["lambda_", "policy_"].iter().any(|p| name.starts_with(p))
}

/// The tables of a key by the names that the user gave.
fn named<'a>(keys: &Section<'a>, key: &str) -> Result<Vec<(&'a str, Section<'a>)>> {
    let (Kind::Named(&Kind::Table(inner)), Value::Table(entries)) =
        (keys.key(key).kind, &keys.node(key).value)
    else {
        panic!("`{key}` is not tables by name");
    };
    let section = |entry: &'a Entry| {
        let (keys, node, name) = (inner, &entry.node, entry.name.as_str());
        match is_taken(name) {
            true => Err(Error::input("rewards.parquet has another part of this name")
                .at(entry.place.clone())
                .value(name)
                .allowed(
                    "names other than total, base, failed, bracket_1, …, group_1, …, lambda_… and policy_…",
                )),
            false => Ok((name, Section { node, keys })),
        }
    };
    entries.iter().map(section).collect()
}
