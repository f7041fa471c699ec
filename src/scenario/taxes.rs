//! Brackets and rates of a scenario, in all the ways of writing them.

use super::key::{Kind, LAWS_IN_WORDS};
use super::node::{Node, Value};
use crate::error::{Error, Result};
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
