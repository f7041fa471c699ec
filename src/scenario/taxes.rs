//! Brackets and rates of a scenario, in all the ways of writing them.

use super::key::{Kind, LAWS_IN_WORDS};
use super::node::{Node, Value};
use crate::error::{Error, Result};
use crate::fiscal::law::{Change, PARTS_IN_WORDS, Reform, TaxLaw};
use crate::fiscal::schedule::{BRACKETS_MAX, check_edges};
use crate::fiscal::{Schedule, laws};
use crate::units::Rate;

/// Lower bracket edges of `brackets = "three"`, $/year.
const THREE: [f64; 3] = [0.0, 90_000.0, 159_100.0];

/// A law by its name, which stands at `node`.
///
/// # Errors
/// No such law.
pub(super) fn law(node: &Node, name: &str) -> Result<&'static Schedule> {
    laws::find(name).ok_or_else(|| {
        node.error("unknown tax law")
            .allowed(LAWS_IN_WORDS)
            .suggest(name, laws::names())
    })
}

/// A law of parts: one text, or a list of them whose sum it is.
///
/// # Errors
/// An unknown part, an empty list, rates that sum up too high or too low.
pub(super) fn composed(node: &Node) -> Result<TaxLaw> {
    let part = |node: &Node| {
        let text = node.as_text().ok_or_else(|| node.wrong_type(Kind::Law))?;
        TaxLaw::parse(text).map_err(|error| error.at(node.place.clone()))
    };
    match &node.value {
        Value::List(items) if items.is_empty() => Err(node
            .error("a law of no parts")
            .value("[]")
            .allowed(PARTS_IN_WORDS)),
        Value::List(items) => {
            let parts: Vec<TaxLaw> = items.iter().map(part).collect::<Result<_>>()?;
            TaxLaw::sum(&parts).map_err(|error| error.at(node.place.clone()))
        }
        _ => part(node),
    }
}

/// A law after the reform at `node`, a table `rates`, `edges`, `grant`.
///
/// # Errors
/// A bracket that the law has not, a rate out of range, edges that no longer increase.
pub(super) fn reformed(baseline: &TaxLaw, node: &Node, allow_subsidy: bool) -> Result<TaxLaw> {
    let mut changes = Vec::new();
    let mut change = |key: &str, at: &Node| {
        let value = at.as_number().ok_or_else(|| at.wrong_type(Kind::Rate))?;
        let change = Change::new(key, value).map_err(|error| error.at(at.place.clone()))?;
        if let Change::Rate { .. } = change {
            rate(at, allow_subsidy)?;
        }
        change
            .check(baseline.schedule().brackets())
            .map_err(|error| error.at(at.place.clone()))?;
        changes.push(change);
        Ok::<(), Error>(())
    };
    for list in ["rates", "edges"] {
        if let Some(Value::Table(entries)) = node.get(list).map(|list| &list.value) {
            for entry in entries {
                change(&format!("{list}.{}", entry.name), &entry.node)?;
            }
        }
    }
    if let Some(grant) = node.get("grant") {
        change("grant", grant)?;
    }
    let blamed = node.get("edges").unwrap_or(node).place.clone();
    Reform::new(changes)
        .and_then(|reform| reform.apply(baseline))
        .map_err(|error| error.at(blamed))
}

/// Refuses negative rates of the law that `node` names, unless they are allowed.
///
/// # Errors
/// A negative rate where subsidies are not allowed.
pub(super) fn without_subsidy(law: &TaxLaw, node: &Node, allow_subsidy: bool) -> Result<()> {
    let schedule = law.schedule();
    let mut brackets = schedule.edges().iter().zip(schedule.rates());
    match brackets.find(|(_, rate)| **rate < 0.0) {
        Some((edge, rate)) if !allow_subsidy => Err(node
            .error("this law has negative rates")
            .value(format!(
                "{} ({rate} on income above {edge} $/year)",
                node.text
            ))
            .allowed("such a law with `taxes.allow_subsidy = true`")),
        _ => Ok(()),
    }
}

/// Lower bracket edges in $/year.
///
/// # Errors
/// A name that means no brackets, or a list that does not increase from 0.
pub(super) fn edges(node: &Node) -> Result<Vec<f64>> {
    match &node.value {
        Value::Text(name) => match name.as_str() {
            "flat" => Ok(vec![0.0]),
            "three" => Ok(THREE.to_vec()),
            name => match laws::find(name) {
                Some(law) => Ok(law.edges().to_vec()),
                None => Err(node
                    .error("no such brackets")
                    .allowed(Kind::Brackets.allowed())
                    .suggest(name, laws::names().chain(["flat", "three"]))),
            },
        },
        Value::List(items) => {
            if items.is_empty() || items.len() > BRACKETS_MAX {
                return Err(node
                    .error("number of tax brackets")
                    .value(items.len())
                    .allowed(format!("1 to {BRACKETS_MAX}")));
            }
            let mut edges = Vec::with_capacity(items.len());
            for item in items {
                let edge = item.as_number();
                edges.push(edge.ok_or_else(|| item.wrong_type(Kind::Brackets))?);
                check_edges(&edges).map_err(|error| error.at(item.place.clone()))?;
            }
            Ok(edges)
        }
        _ => Err(node.wrong_type(Kind::Brackets)),
    }
}

/// One rate, a fraction.
///
/// # Errors
/// Not a number, or outside [0, 1], or [−1, 1] where `allow_subsidy`.
pub(super) fn rate(node: &Node, allow_subsidy: bool) -> Result<f64> {
    let fraction = node
        .as_number()
        .ok_or_else(|| node.wrong_type(Kind::Rate))?;
    Rate::new(fraction, allow_subsidy)
        .map(Rate::fraction)
        .map_err(|error| error.at(node.place.clone()))
}

/// The schedule at the start: `initial` on `edges`. Without `initial`, the law that `brackets` names.
///
/// # Errors
/// A rate out of range; not one for each bracket; a law with other brackets;
/// no `initial` where `brackets` is no law.
pub(super) fn initial(
    initial: Option<&Node>,
    brackets: &Node,
    edges: &[f64],
    allow_subsidy: bool,
) -> Result<Schedule> {
    let Some(node) = initial else {
        return match brackets.as_text().and_then(laws::find) {
            Some(law) => Ok(law.clone()),
            None => {
                let mut place = brackets.place.clone();
                place.key = "taxes.initial".into();
                Err(
                    Error::input("this key must be given, as `taxes.brackets` names no law")
                        .at(place)
                        .value("nothing")
                        .allowed(Kind::Rates.allowed()),
                )
            }
        };
    };
    let rates = match &node.value {
        Value::Text(name) => {
            let law = law(node, name)?;
            if law.edges() != edges {
                return Err(node
                    .error("this law has other brackets than `taxes.brackets`")
                    .allowed(format!(
                        "{} rates for the {} brackets, or brackets = \"{name}\"; this law's rates are {:?}",
                        edges.len(),
                        edges.len(),
                        law.rates()
                    )));
            }
            law.rates().to_vec()
        }
        Value::List(items) => {
            if items.len() != edges.len() {
                return Err(node
                    .error("number of rates differs from number of brackets")
                    .value(format!("{} rates", items.len()))
                    .allowed(format!("{} rates, one for each bracket", edges.len())));
            }
            items
                .iter()
                .map(|item| rate(item, allow_subsidy))
                .collect::<Result<_>>()?
        }
        Value::Number(_) | Value::Whole(_) => vec![rate(node, allow_subsidy)?; edges.len()],
        _ => return Err(node.wrong_type(Kind::Rates)),
    };
    Schedule::with_subsidy(edges, &rates, allow_subsidy)
        .map_err(|error| error.at(node.place.clone()))
}
