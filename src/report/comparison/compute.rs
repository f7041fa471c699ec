//! The statistics of every group and arm.

use super::labels::{Cell, Layout, Line, layout};
use super::study::{State, Study, Trajectory};
use super::{Arm, Comparison, Difference, Group, Over, Question, Runs, warnings};
use crate::run::summary::first_law;
use crate::statistics::{
    Mean, Paired, Settings, Unpaired, Verdict, differences, holm, last_third, settling,
    share_of_gain, verdict,
};
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::HashMap;

/// Compares the arms of a study.
pub fn comparison(study: &Study, question: &Question) -> Result<Comparison> {
    let layout = layout(study, question)?;
    let played = study.runs.iter().flat_map(|run| &run.arms);
    let law = first_law(played.map(|arm| (arm.arm.as_str(), arm.main))).map(str::to_owned);
    let reference = reference(&layout, law.as_deref(), question.against.as_deref())?;
    let mut groups: Vec<Group> = (layout.cells.par_iter())
        .map(|cell| group(cell, &layout, &reference, law.as_deref(), question))
        .collect();
    let (family, copies) = adjust(&mut groups, &layout);
    let count =
        |wanted: fn(&State) -> bool| study.runs.iter().filter(|run| wanted(&run.state)).count();
    let mut comparison = Comparison {
        name: study.name.clone(),
        outcome: question.outcome.clone(),
        over: question.over,
        by: match question.by.is_empty() {
            true => vec![super::sources::ARM.to_owned()],
            false => question.by.clone(),
        },
        settings: question.settings,
        margin: question.margin,
        family,
        columns: (layout.group_keys.iter())
            .map(
                |group| match study.keys.iter().position(|key| key == group) {
                    Some(at) => study.columns[at].clone(),
                    None => group.clone(),
                },
            )
            .collect(),
        copies,
        law,
        groups,
        runs: Runs {
            planned: study.runs.len(),
            finished: count(|state| *state == State::Finished),
            failed: count(|state| matches!(state, State::Failed(_))),
            pending: count(|state| *state == State::Pending),
            damaged: count(|state| matches!(state, State::Damaged(_))),
        },
        warnings: Vec::new(),
    };
    comparison.warnings = warnings::all(study, &layout, &comparison, &reference);
    Ok(comparison)
}

/// Holm's correction of all differences that have a p value; those that are the same seed by seed, such as a
/// baseline's in groups that do not change it, are one. Returns how many are in the family, and how many
/// more are copies of these.
fn adjust(groups: &mut [Group], layout: &Layout) -> (usize, usize) {
    let mut known: HashMap<(String, &[u64], Vec<u64>), usize> = HashMap::new();
    // The p values of the family, and for each difference its place in it.
    let mut family: Vec<Option<f64>> = Vec::new();
    let mut places: Vec<Option<usize>> = Vec::new();
    for (group, cell) in groups.iter().zip(&layout.cells) {
        for difference in group.arms.iter().filter_map(|arm| arm.against.as_ref()) {
            let place = difference.paired.p.map(|p| {
                let bits = difference.each.iter().map(|d| d.to_bits()).collect();
                let key = (group.unit.clone(), &cell.seeds[..], bits);
                *known.entry(key).or_insert_with(|| {
                    family.push(Some(p));
                    family.len() - 1
                })
            });
            places.push(place);
        }
    }
    let adjusted = holm(&family);
    let copies = places.iter().flatten().count() - family.len();
    let arms = groups.iter_mut().flat_map(|group| &mut group.arms);
    for (difference, place) in arms.filter_map(|arm| arm.against.as_mut()).zip(places) {
        difference.p_holm = place.and_then(|place| adjusted[place]);
    }
    (family.len(), copies)
}

/// The label that others are compared with.
fn reference(layout: &Layout, law: Option<&str>, against: Option<&str>) -> Result<String> {
    let mut labels: Vec<&str> = Vec::new();
    for line in layout.cells.iter().flat_map(|cell| &cell.arms) {
        if !labels.contains(&line.label.as_str()) {
            labels.push(&line.label);
        }
    }
    if let Some(wanted) = against {
        if labels.contains(&wanted) {
            return Ok(wanted.to_owned());
        }
        let same = |label: &&&str| with_plain_numbers(label) == with_plain_numbers(wanted);
        if let Some(label) = labels.iter().find(same) {
            return Ok((*label).to_owned());
        }
        let quoted: Vec<String> = labels.iter().map(|label| format!("\"{label}\"")).collect();
        return Err(Error::input("no arm of that name to compare with")
            .value(wanted)
            .allowed(quoted.join(", "))
            .suggest(wanted, labels.iter().copied()));
    }
    // With several keys compared a label is a combination: the first that holds the name.
    let holding = |is: &dyn Fn(&str) -> bool| {
        labels.iter().find(|label| {
            let mut parts = label.split(", ");
            parts.any(|part| is(part.rsplit_once(" = ").map_or(part, |(_, value)| value)))
        })
    };
    let found = (labels.iter().find(|label| **label == "saez-fixed-point"))
        .or_else(|| holding(&|part| part == "saez-fixed-point"))
        .or_else(|| holding(&|part| Some(part) == law))
        .or_else(|| holding(&|part| part.starts_with("us-")))
        .or_else(|| labels.first());
    found
        .map(|label| (*label).to_owned())
        .ok_or_else(|| Error::input("there is no arm to compare"))
}

/// A label with its numbers in their shortest form: 5.0 is 5.
fn with_plain_numbers(label: &str) -> String {
    let plain = |value: &str| match value.trim().parse::<f64>() {
        Ok(x) => x.to_string(),
        Err(_) => value.trim().to_owned(),
    };
    let part = |part: &str| match part.rsplit_once(" = ") {
        Some((key, value)) => format!("{} = {}", key.trim(), plain(value)),
        None => plain(part),
    };
    label.split(',').map(part).collect::<Vec<_>>().join(", ")
}

/// Keys compared whose values give workers another utility or sum it otherwise, so that welfare at one value
/// is in another measure than at the next; none for outcomes other than welfare.
pub fn other_measures<'a>(by: &'a [String], outcome: &str) -> Vec<&'a str> {
    if !outcome.starts_with("welfare") {
        return Vec::new();
    }
    const UTILITY: [&str; 3] = ["utility", "labor_cost", "labor_exponent"];
    const OF_WORKERS: [&str; 6] = [
        "labor_cost",
        "labor_exponent",
        "fixed_cost",
        "bounded",
        "dissatisfied",
        "motive",
    ];
    let changes = |key: &str| match key.split_once('.') {
        None => ["economy", "objective", "workers"].contains(&key),
        Some(("objective", _)) => true,
        Some(("economy", rest)) => rest.split('.').any(|part| UTILITY.contains(&part)),
        Some(("workers", rest)) => rest.split('.').any(|part| OF_WORKERS.contains(&part)),
        Some(_) => false,
    };
    by.iter()
        .map(String::as_str)
        .filter(|key| changes(key))
        .collect()
}

/// The outcome of a run over the tax years that count; NaN where one of them has none.
fn outcome(trajectory: &Trajectory, over: Over) -> f64 {
    let years = &trajectory.years;
    let count = match over {
        Over::LastYear => 1,
        Over::LastThird => last_third(years.len()),
        Over::All => years.len(),
    };
    let last = &years[years.len().saturating_sub(count)..];
    last.iter().sum::<f64>() / last.len() as f64
}

/// An arm's outcome by seed; NaN where there is none.
fn by_seed(cell: &Cell, line: &Line, over: Over) -> Vec<f64> {
    let of = |seed: &u64| {
        line.played
            .get(seed)
            .map_or(f64::NAN, |run| outcome(run, over))
    };
    cell.seeds.iter().map(of).collect()
}

/// The outcome of `optimal` less that of the U.S. law `law`, by seed: each of one run, whose compared
/// keys are those of the reference. Column `welfare` and the objective's own `welfare_…` have one.
fn attainable(
    cell: &Cell,
    by: &[String],
    law: Option<&str>,
    question: &Question,
) -> Option<Vec<f64>> {
    let law = law?;
    let own = format!("welfare_{}", cell.objective);
    let one_measure = other_measures(&question.by, &question.outcome).is_empty();
    if !one_measure || (question.outcome != "welfare" && question.outcome != own) {
        return None;
    }
    let gain = |arms: &[Trajectory]| -> Option<f64> {
        let optimal = arms.iter().find(|arm| arm.arm == "optimal")?;
        let is_law = |arm: &&Trajectory| arm.arm == law;
        let baseline = arms.iter().filter(|arm| !arm.main).find(is_law);
        let baseline = baseline.or_else(|| arms.iter().find(is_law))?;
        Some(outcome(optimal, question.over) - outcome(baseline, question.over))
    };
    let of = |seed: &u64| {
        let runs = cell
            .played
            .iter()
            .filter(|(values, known, _)| known == seed && values == by);
        runs.filter_map(|(_, _, arms)| gain(arms))
            .find(|gain| gain.is_finite())
    };
    let gains: Vec<f64> = cell
        .seeds
        .iter()
        .map(|seed| of(seed).unwrap_or(f64::NAN))
        .collect();
    gains.iter().any(|gain| gain.is_finite()).then_some(gains)
}

fn group(
    cell: &Cell,
    layout: &Layout,
    reference: &str,
    law: Option<&str>,
    question: &Question,
) -> Group {
    let settings = &question.settings;
    let over = question.over;
    let base = cell.arms.iter().find(|line| line.label == reference);
    let first_by = cell.arms.first().map_or(&[][..], |line| &line.by[..]);
    let gains = attainable(cell, base.map_or(first_by, |line| &line.by), law, question);
    let attainable = gains.as_ref().and_then(|gains| Mean::of(gains, settings));
    let margin = (attainable.as_ref())
        .filter(|gain| clearly_positive(gain))
        .map(|gain| question.margin * gain.mean);
    let reference_values = base.map(|line| by_seed(cell, line, over));
    let arms = cell.arms.iter().map(|line| {
        let values = by_seed(cell, line, over);
        let paths: Vec<&[f64]> = line.played.values().map(|run| &run.years[..]).collect();
        let beside = reference_values
            .as_ref()
            .filter(|_| line.label != reference);
        Arm {
            arm: line.label.clone(),
            mean: Mean::of(&values, settings),
            settling: settling(&paths, margin, settings),
            against: beside
                .and_then(|base| difference(&values, base, gains.as_deref(), margin, settings)),
        }
    });
    Group {
        values: layout
            .group_keys
            .iter()
            .cloned()
            .zip(cell.values.iter().cloned())
            .collect(),
        objective: cell.objective.to_owned(),
        unit: unit(&question.outcome, cell),
        seeds: cell.seeds.len(),
        reference: base.map(|line| line.label.clone()),
        attainable,
        arms: arms.collect(),
    }
}

/// Whether the attainable gain is clearly above 0.
pub fn clearly_positive(gain: &Mean) -> bool {
    gain.t.map_or(gain.mean, |t| t.low) > 0.0
}

fn difference(
    values: &[f64],
    reference: &[f64],
    gains: Option<&[f64]>,
    margin: Option<f64>,
    settings: &Settings,
) -> Option<Difference> {
    let paired = Paired::of(values, reference, settings)?;
    let each = differences(values, reference);
    let verdict = verdict(&paired.difference, margin);
    // Without a margin there is nothing to plan for: the difference seen is no goal.
    let needed = margin.and_then(|margin| settings.seeds_for(&paired.difference, margin));
    Some(Difference {
        unpaired: Unpaired::of(values, reference, settings),
        share: gains.and_then(|gains| share_of_gain(&each, gains, settings)),
        p_holm: None,
        verdict,
        within_margin: margin.is_some_and(|margin| {
            let t = paired.difference.t;
            t.is_some_and(|t| t.low >= -margin && t.high <= margin)
        }),
        seeds_needed: needed
            .filter(|n| verdict == Verdict::TooWide && *n > paired.difference.n as u64),
        paired,
        each,
    })
}

/// Unit of a column of `years.parquet`; empty where it is a count or not known.
fn unit(outcome: &str, cell: &Cell) -> String {
    let stem = outcome.split('_').next().unwrap_or_default();
    match stem {
        _ if outcome == "welfare" || outcome == format!("welfare_{}", cell.objective) => {
            cell.unit.to_owned()
        }
        "revenue" | "rebate" | "income" | "tax" | "disposable" => "$/year".to_owned(),
        "labor" => "hours/week".to_owned(),
        _ => String::new(),
    }
}
