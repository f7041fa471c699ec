//! The figures of a sweep, one file each.

mod bins;
mod by;
mod curves;
mod data;
mod deciles;
mod dots;
mod heat;
mod measure;
mod panels;
mod rates;
mod schedules;
mod trajectories;

use super::super::figure::Draft;
use super::Plot;
use super::groups::Groups;
use super::study::{PLANNER, Study};
use crate::{Error, Result};
use by::Subject;
pub use measure::Unit;

/// Most keys that get a figure of their own without being asked for.
const KEYS: usize = 4;

/// What was drawn, and why other figures were not.
#[derive(Default)]
pub struct Drawn {
    /// In the order of the page.
    pub drafts: Vec<Draft>,
    /// One sentence per figure that is missing.
    pub missing: Vec<String>,
}

impl Drawn {
    fn add(&mut self, one: Result<Draft, String>) {
        match one {
            Ok(draft) => self.drafts.push(draft),
            Err(why) => self.missing.push(why),
        }
    }
}

/// All figures that the sweep has data for.
pub fn all(study: &Study, groups: &Groups) -> Result<Drawn> {
    let mut drawn = Drawn::default();
    if groups.groups.is_empty() {
        drawn
            .missing
            .push("no run has finished: there is nothing to draw yet".into());
        return Ok(drawn);
    }
    drawn.drafts.push(trajectories::welfare(study, groups)?);
    drawn.drafts.push(trajectories::tax(study, groups)?);
    drawn.add(rates::draw(study, groups)?);
    drawn.add(dots::gain(study, groups)?);
    let several: Vec<usize> = (0..groups.keys.len())
        .filter(|&k| {
            let first = groups.groups.first().map(|group| &group.values[k]);
            groups
                .groups
                .iter()
                .any(|group| Some(&group.values[k]) != first)
        })
        .collect();
    match Subject::new(study, groups, None) {
        Ok(subject) => {
            for &k in several.iter().take(KEYS) {
                drawn.add(by::draw(&subject, k, &name(study, groups, &[k], None))?);
            }
            if let [one, two, ..] = several[..] {
                let id = name(study, groups, &[one, two], None);
                drawn.add(heat::draw(&subject, (one, two), &id)?);
            }
        }
        Err(why) if !several.is_empty() => drawn.missing.push(format!("gain by key: {why}")),
        Err(_) => {}
    }
    drawn.add(schedules::draw(study, groups)?);
    drawn.add(dots::regret(study, groups)?);
    let (drafts, missing) = deciles::draw(study, groups)?;
    drawn.drafts.extend(drafts);
    drawn.missing.extend(missing);
    if groups.groups.len() > 1 {
        drawn.drafts.extend(trajectories::overview(study, groups)?);
    }
    Ok(drawn)
}

/// The figure that `plot` asks for.
///
/// # Errors
/// A key that was not varied, a column that the summary does not have, or nothing to show.
pub fn asked(study: &Study, groups: &Groups, plot: &Plot) -> Result<Draft> {
    let keys = plot
        .by
        .iter()
        .map(|key| place(study, groups, key))
        .collect::<Result<Vec<_>>>()?;
    let outcome = plot
        .outcome
        .as_deref()
        .map(|name| outcome(study, name))
        .transpose()?;
    if groups.groups.is_empty() {
        return Err(Error::input("no run of this sweep has finished").value(study.folder.display()));
    }
    let nothing = |why: String| Error::input(why).value(study.folder.display());
    let subject = Subject::new(study, groups, outcome).map_err(nothing)?;
    let id = name(study, groups, &keys, plot.outcome.as_deref());
    match keys[..] {
        [one] => by::draw(&subject, one, &id)?.map_err(nothing),
        [one, two] if one != two => heat::draw(&subject, (one, two), &id)?.map_err(nothing),
        _ => Err(Error::input("--by takes one key or two different ones")
            .value(plot.by.join(", "))
            .allowed(names(study, groups))),
    }
}

fn place(study: &Study, groups: &Groups, key: &str) -> Result<usize> {
    let found = groups.keys.iter().position(|&k| {
        let known = &study.keys[k];
        known.key == key || known.column == key
    });
    if let Some(found) = found {
        return Ok(found);
    }
    if key == PLANNER || key == "planner_kind" {
        return Err(Error::input(
            "planner.kind names the arms, which every figure shows side by side",
        )
        .value(key)
        .allowed(names(study, groups)));
    }
    let keys = groups.keys.iter().map(|&k| study.keys[k].key.as_str());
    Err(Error::input("the sweep did not vary this key")
        .value(key)
        .allowed(names(study, groups))
        .suggest(key, keys))
}

fn names(study: &Study, groups: &Groups) -> String {
    let keys: Vec<&str> = groups
        .keys
        .iter()
        .map(|&k| study.keys[k].key.as_str())
        .collect();
    if keys.is_empty() {
        "none: this sweep varied no key beside planner.kind".into()
    } else {
        keys.join(", ")
    }
}

fn outcome(study: &Study, name: &str) -> Result<usize> {
    study.outcome(name).ok_or_else(|| {
        Error::input("the summary has no such column of numbers")
            .value(name)
            .allowed(study.outcomes.join(", "))
            .suggest(name, study.outcomes.iter().map(String::as_str))
    })
}

/// `gain-by-size`, `gini_income-by-size-and-labor_exponent`.
fn name(study: &Study, groups: &Groups, keys: &[usize], outcome: Option<&str>) -> String {
    let columns = keys
        .iter()
        .map(|&k| study.keys[groups.keys[k]].column.as_str());
    let columns: Vec<&str> = columns.collect();
    format!("{}-by-{}", outcome.unwrap_or("gain"), columns.join("-and-"))
}
