//! Checks the scenario of every point, and leads what is wrong back to the sweep file.

use std::collections::HashMap;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Point, Sweep, Value};
use crate::error::{Error, Place, Result};
use crate::scenario::node::{Node, Origin, Value as Content};
use crate::scenario::{self, Scenario};

impl Sweep {
    /// The scenario of `point` at `seed`.
    ///
    /// # Errors
    /// As [`scenario::load`]. What the sweep file sets is wrong at its place there; what disagrees
    /// with it elsewhere is named with the point.
    pub fn scenario(&self, point: &Point, seed: u64) -> Result<Scenario> {
        let overrides = self.overrides(point, seed);
        scenario::parse(&self.base_text, &self.base, &overrides, true)
            .map_err(|error| self.lead_back(error, point))
    }

    /// Checks that each point is a scenario, and another than those before it.
    pub(super) fn check_points(&self) -> Result<()> {
        let seed = self.seeds[0];
        let digest = |point: &Point| -> Result<[u8; 32]> {
            let scenario = self.scenario(point, seed)?;
            Ok(Sha256::digest(scenario::to_toml(&scenario)).into())
        };
        let digests: Vec<_> = self.points.par_iter().map(digest).collect();
        let mut seen = HashMap::new();
        for (point, digest) in self.points.iter().zip(digests) {
            let digest = digest.map_err(|error| self.blame(error))?;
            if let Some(before) = seen.insert(digest, point) {
                return Err(Error::input("two points come to the same scenario")
                    .at((*point.place).clone())
                    .value(format!(
                        "{}; and before it {}",
                        self.in_words(point),
                        self.in_words(before)
                    ))
                    .allowed("points that differ; [[exclude]] leaves out one of the two"));
            }
        }
        Ok(())
    }

    /// A column of a table is of text as soon as one cell is no number, and of fractions as soon as one is:
    /// then that cell is at fault, not the first of the column.
    fn blame(&self, error: Error) -> Error {
        let key = error.place().map_or("", |place| &place.key);
        let Some(at) = self.keys.iter().position(|known| known == key) else {
            return error;
        };
        let is_plain = |point: &&Point| match &point.values[at] {
            Value::Text(text) => text.parse::<f64>().is_ok(),
            Value::Number(x) => x.fract() == 0.0,
            _ => true,
        };
        let other = self.points.iter().find(|point| !is_plain(point));
        if !self.points.iter().any(|point| is_plain(&point)) {
            return error;
        }
        let theirs = other.and_then(|point| self.scenario(point, self.seeds[0]).err());
        match theirs {
            Some(theirs) if theirs.place().is_some_and(|place| place.key == key) => theirs,
            _ => error,
        }
    }

    /// The values of a point: `planner.kind = "none", …`.
    pub fn in_words(&self, point: &Point) -> String {
        let values = self.keys.iter().zip(&point.values);
        values
            .map(|(key, value)| format!("{key} = {value}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Gives an error about a point's scenario its place in the sweep file.
    fn lead_back(&self, error: Error, point: &Point) -> Error {
        let place = error.place().cloned().unwrap_or_default();
        if place.file.as_os_str() == "--set"
            && let Some(origin) = self.origin(point, &place.key)
        {
            let error = error.at(origin.clone());
            return match self.wants_whole(point, &origin.key) {
                true => error.hint("`whole = true` in the range draws whole numbers"),
                false => error,
            };
        }
        let Some((what, place)) = self.culprit(point) else {
            return error;
        };
        let at = match place.line {
            0 => place.file.display().to_string(),
            line => format!("{}:{line}:{}", place.file.display(), place.column),
        };
        error.context(format!("{at}: with {what}"))
    }

    /// Whether a key has a number between whole ones from a range, and would be right with a whole one.
    fn wants_whole(&self, point: &Point, key: &str) -> bool {
        let at = self.keys.iter().position(|known| known == key);
        let Some((at, Value::Number(x))) = at.map(|at| (at, &point.values[at])) else {
            return false;
        };
        let root = Origin::file(&self.file, &self.text).document();
        let is_range = root.is_ok_and(|root| {
            find(&root, &point.origins[at]).is_some_and(|node| node.get("low").is_some())
        });
        let whole = [Value::Whole(x.round() as i64).to_set(key)];
        x.fract() != 0.0
            && is_range
            && scenario::parse(&self.base_text, &self.base, &whole, true).is_ok()
    }

    /// What of the sweep the base scenario disagrees with: a value by itself if there is one, else
    /// the point; in words, and where it stands. None if the base alone is wrong.
    fn culprit(&self, point: &Point) -> Option<(String, Place)> {
        let disagrees = |settings: &[String]| {
            scenario::parse(&self.base_text, &self.base, settings, true).is_err()
        };
        let alone = |key: &str, value: &Value| disagrees(&[value.to_set(key)]);
        let set = self
            .set
            .iter()
            .map(|set| (&set.key, &set.value, &set.place));
        let varied = self.keys.iter().zip(&point.values).zip(&point.origins);
        let varied = varied.map(|((key, value), place)| (key, value, &**place));
        if let Some((key, value, place)) =
            set.chain(varied).find(|(key, value, _)| alone(key, value))
        {
            return Some((format!("{key} = {value}"), place.clone()));
        }
        let words = self.in_words(point);
        let place = (*point.place).clone();
        match (self.keys.is_empty(), self.set.first()) {
            (false, _) => Some((words, place)),
            (true, Some(set)) => Some(("what [set] says".into(), set.place.clone())),
            (true, None) => None,
        }
    }

    /// Where the value stands that a key of the scenario has from the sweep: the one that shares
    /// most of the key, the last of several.
    fn origin(&self, point: &Point, key: &str) -> Option<Place> {
        let set = self.set.iter().map(|set| &set.place);
        let places = set.chain(point.origins.iter().map(|place| &**place));
        let shared = |place: &&Place| {
            let segments = place.key.split('.').zip(key.split('.'));
            segments.take_while(|(a, b)| a == b).count()
        };
        let place = places
            .max_by_key(shared)
            .filter(|place| shared(place) > 0)?;
        let rest = key.strip_prefix(&place.key).unwrap_or("");
        let inner = self.inside(place, rest).unwrap_or_else(|| place.clone());
        Some(Place {
            key: key.to_owned(),
            ..inner
        })
    }

    /// The place of a part of the value at `place`; `rest` is the part's key with a dot before it.
    fn inside(&self, place: &Place, rest: &str) -> Option<Place> {
        if place.file != self.file || rest.is_empty() {
            return None;
        }
        let root = Origin::file(&self.file, &self.text).document().ok()?;
        let mut node = find(&root, place)?;
        for segment in rest.split('.').skip(1) {
            let part = match &node.value {
                Content::List(items) => segment.parse().ok().and_then(|at: usize| items.get(at)),
                _ => node.get(segment),
            };
            match part {
                Some(part) => node = part,
                None => break,
            }
        }
        Some(node.place.clone())
    }
}

/// The outermost node that stands at a place and is no part of a key.
fn find<'a>(node: &'a Node, place: &Place) -> Option<&'a Node> {
    if (node.place.line, node.place.column) == (place.line, place.column) {
        return Some(node);
    }
    match &node.value {
        Content::List(items) => items.iter().find_map(|item| find(item, place)),
        Content::Table(entries) => entries.iter().find_map(|entry| find(&entry.node, place)),
        _ => None,
    }
}
