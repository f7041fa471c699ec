//! Which trajectories belong to one arm, and what it is called.

use super::Question;
use super::sources::ARM;
use super::study::{Run, State, Study, Trajectory};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// Runs that differ in arm and seed alone.
pub struct Cell<'a> {
    /// Values of the keys that are not compared.
    pub values: Vec<String>,
    /// Planned seeds, in order.
    pub seeds: Vec<u64>,
    /// What its runs maximise, and the unit.
    pub objective: &'a str,
    /// Unit of welfare.
    pub unit: &'a str,
    /// Its arms in order.
    pub arms: Vec<Line<'a>>,
    /// Of each finished run: values of the keys compared, seed, arms.
    pub played: Vec<(Vec<String>, u64, &'a [Trajectory])>,
}

/// An arm of a cell.
pub struct Line<'a> {
    /// Its name.
    pub label: String,
    /// Values of the keys compared.
    pub by: Vec<String>,
    /// Its trajectory, by seed.
    pub played: BTreeMap<u64, &'a Trajectory>,
}

/// All cells.
pub struct Layout<'a> {
    /// Keys that are not compared.
    pub group_keys: Vec<String>,
    /// In order of appearance.
    pub cells: Vec<Cell<'a>>,
    /// Baselines that are not the same in all runs of a seed: name, in how many pairs of runs.
    pub unequal: BTreeMap<String, usize>,
    /// Arms that are in part a run's own planner and in part one of [compare], with no seed that has both:
    /// name, how many seeds are of [compare].
    pub stand_ins: BTreeMap<String, usize>,
}

/// What makes an arm: the planner's name (empty where planners are not compared), the values of the
/// planner's keys (none for a baseline of [compare]), the values of the keys compared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    arm: String,
    own: Option<Vec<String>>,
    by: Vec<String>,
}

/// Positions of keys by their part in the comparison.
struct Parts {
    planners: bool,
    by: Vec<usize>,
    planner: Vec<usize>,
    group: Vec<usize>,
}

impl Parts {
    fn of(study: &Study, question: &Question) -> Parts {
        let planners = question.by.is_empty() || question.by.iter().any(|by| by == ARM);
        let by: Vec<usize> = (question.by.iter())
            .filter_map(|by| study.keys.iter().position(|key| key == by))
            .collect();
        let is_planner = |key: &str| key == "planner" || key.starts_with("planner.");
        // A key that varies together with those compared, as in a `[[list]]`, makes no groups.
        let rest = (0..study.keys.len()).filter(|at| !by.contains(at) && !follows(study, *at, &by));
        let (planner, group) = rest.partition(|&at| planners && is_planner(&study.keys[at]));
        Parts {
            planners,
            by,
            planner,
            group,
        }
    }
}

/// Whether a key varies and has one value for each combination of values of the keys `of`.
fn follows(study: &Study, key: usize, of: &[usize]) -> bool {
    let mut known: BTreeMap<Vec<String>, &String> = BTreeMap::new();
    let one = study.runs.iter().all(|run| {
        let value = &run.values[key];
        *known.entry(pick(&run.values, of)).or_insert(value) == value
    });
    let varies = study
        .runs
        .windows(2)
        .any(|two| two[0].values[key] != two[1].values[key]);
    one && varies
}

fn pick(values: &[String], at: &[usize]) -> Vec<String> {
    at.iter().map(|&at| values[at].clone()).collect()
}

type Lines<'a> = Vec<(Identity, BTreeMap<u64, &'a Trajectory>)>;

/// Sorts the study's runs into cells and arms.
///
/// # Errors
/// Wrong input: welfare of runs with different objectives would be compared.
pub fn layout<'a>(study: &'a Study, question: &Question) -> Result<Layout<'a>> {
    let parts = Parts::of(study, question);
    let mut cells: Vec<Cell> = Vec::new();
    let mut lines: Vec<Lines> = Vec::new();
    let mut unequal = BTreeMap::new();
    for run in &study.runs {
        let values = pick(&run.values, &parts.group);
        let at = cells
            .iter()
            .position(|cell| cell.values == values)
            .unwrap_or_else(|| {
                cells.push(Cell {
                    values,
                    seeds: Vec::new(),
                    objective: "",
                    unit: "",
                    arms: Vec::new(),
                    played: Vec::new(),
                });
                lines.push(Vec::new());
                cells.len() - 1
            });
        let cell = &mut cells[at];
        if !cell.seeds.contains(&run.seed) {
            cell.seeds.push(run.seed);
        }
        if run.state == State::Finished {
            same_objective(cell, run, question)?;
            let by = pick(&run.values, &parts.by);
            cell.played.push((by.clone(), run.seed, &run.arms));
            sort_in(run, &by, &parts, &mut lines[at], &mut unequal);
        }
    }
    let stand_ins = join_baselines(&mut lines, &mut unequal);
    let labels = labels(&lines, study, question, &parts);
    for (cell, lines) in cells.iter_mut().zip(lines) {
        // Planners of the runs before baselines.
        let (own, baselines): (Lines, Lines) =
            (lines.into_iter()).partition(|(identity, _)| identity.own.is_some());
        cell.arms = (own.into_iter().chain(baselines))
            .map(|(identity, played)| Line {
                label: labels[&identity].clone(),
                by: identity.by,
                played,
            })
            .collect();
    }
    Ok(Layout {
        group_keys: pick(&study.keys, &parts.group),
        cells,
        unequal,
        stand_ins,
    })
}

fn same_objective<'a>(cell: &mut Cell<'a>, run: &'a Run, question: &Question) -> Result<()> {
    if cell.played.is_empty() {
        (cell.objective, cell.unit) = (&run.objective, &run.unit);
    } else if cell.objective != run.objective && question.outcome == "welfare" {
        return Err(
            Error::input("welfare under different objectives cannot be compared")
                .value(format!("{} and {}", cell.objective, run.objective))
                .allowed("an outcome that all runs share, such as `--outcome welfare_utilitarian`"),
        );
    }
    Ok(())
}

/// Puts the arms of a run where they belong.
fn sort_in<'a>(
    run: &'a Run,
    by: &[String],
    parts: &Parts,
    lines: &mut Lines<'a>,
    unequal: &mut BTreeMap<String, usize>,
) {
    for arm in &run.arms {
        if !parts.planners && !arm.main {
            continue;
        }
        let identity = Identity {
            arm: if parts.planners {
                arm.arm.clone()
            } else {
                String::new()
            },
            own: arm.main.then(|| pick(&run.values, &parts.planner)),
            by: by.to_vec(),
        };
        let line = match lines.iter_mut().find(|(known, _)| *known == identity) {
            Some((_, line)) => line,
            None => {
                lines.push((identity, BTreeMap::new()));
                &mut lines.last_mut().expect("one was pushed").1
            }
        };
        if let Some(known) = line.get(&run.seed) {
            if !same(known, arm) {
                *unequal.entry(arm.arm.clone()).or_default() += 1;
            }
        } else {
            line.insert(run.seed, arm);
        }
    }
}

fn same(a: &Trajectory, b: &Trajectory) -> bool {
    let equal = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
    a.years.len() == b.years.len() && a.years.iter().zip(&b.years).all(equal)
}

/// A baseline that is, seed by seed, the same as a run's own planner of its name is that arm. So is one
/// that no seed has beside the only planner of its name, as in a sweep of which a shard has been played:
/// says of such arms how many seeds are the baseline's.
fn join_baselines(
    lines: &mut [Lines],
    unequal: &mut BTreeMap<String, usize>,
) -> BTreeMap<String, usize> {
    let mut pairs: BTreeMap<(Identity, Identity), (usize, usize)> = BTreeMap::new();
    let identities = |own: bool| {
        let all = lines.iter().flatten().map(|(identity, _)| identity);
        all.filter(move |identity| identity.own.is_some() == own)
    };
    for baseline in identities(false) {
        for own in identities(true) {
            if own.arm == baseline.arm && own.by == baseline.by {
                pairs.insert((baseline.clone(), own.clone()), (0, 0));
            }
        }
    }
    for cell in lines.iter() {
        for (baseline, theirs) in cell.iter().filter(|(identity, _)| identity.own.is_none()) {
            for (own, played) in cell {
                let Some(count) = pairs.get_mut(&(baseline.clone(), own.clone())) else {
                    continue;
                };
                for (seed, trajectory) in theirs {
                    if let Some(twin) = played.get(seed) {
                        count.0 += 1;
                        count.1 += usize::from(same(trajectory, twin));
                    }
                }
            }
        }
    }
    let mut joined: Vec<Identity> = Vec::new();
    let mut stand_ins: BTreeMap<String, usize> = BTreeMap::new();
    let namesakes = |baseline: &Identity| pairs.keys().filter(|(b, _)| b == baseline).count();
    let alone: Vec<bool> = pairs.keys().map(|(b, _)| namesakes(b) == 1).collect();
    for (((baseline, own), (common, equal)), alone) in pairs.into_iter().zip(alone) {
        let stands_in = common == 0 && alone;
        if (common == 0 && !stands_in) || equal < common || joined.contains(&baseline) {
            // Mostly the same: the same arm, on other random numbers.
            if 2 * equal > common {
                *unequal.entry(baseline.arm.clone()).or_default() += common - equal;
            }
            continue;
        }
        for cell in lines.iter_mut() {
            let Some(at) = cell.iter().position(|(identity, _)| *identity == baseline) else {
                continue;
            };
            if stands_in {
                *stand_ins.entry(own.arm.clone()).or_default() += cell[at].1.len();
            }
            match cell.iter().position(|(identity, _)| *identity == own) {
                Some(into) => {
                    let (_, theirs) = cell.remove(at);
                    let into = if at < into { into - 1 } else { into };
                    for (seed, trajectory) in theirs {
                        cell[into].1.entry(seed).or_insert(trajectory);
                    }
                }
                None => cell[at].0 = own.clone(),
            }
        }
        joined.push(baseline);
    }
    stand_ins
}

/// The name of every arm: the planner's, with what tells it from others of that name.
fn labels(
    lines: &[Lines],
    study: &Study,
    question: &Question,
    parts: &Parts,
) -> BTreeMap<Identity, String> {
    let mut identities: Vec<&Identity> = Vec::new();
    for (identity, _) in lines.iter().flatten() {
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    let by_keys: Vec<&String> = question.by.iter().filter(|by| *by != ARM).collect();
    let compared = |identity: &Identity| -> String {
        if !parts.planners && by_keys.len() == 1 {
            return identity.by[0].clone();
        }
        let pairs = by_keys
            .iter()
            .zip(&identity.by)
            .map(|(key, value)| format!("{key} = {value}"));
        pairs.collect::<Vec<_>>().join(", ")
    };
    let label = |identity: &&Identity| -> String {
        let mut label = identity.arm.clone();
        let namesakes = identities
            .iter()
            .filter(|other| other.arm == identity.arm && other.by == identity.by);
        let namesakes: Vec<_> = namesakes.collect();
        if let (Some(own), true) = (&identity.own, parts.planners && namesakes.len() > 1) {
            let owns: Vec<&Vec<String>> = namesakes
                .iter()
                .filter_map(|other| other.own.as_ref())
                .collect();
            let tells = |at: &usize| {
                (owns.len() == 1 || owns.iter().any(|other| other[*at] != own[*at]))
                    && own[*at] != identity.arm
            };
            let parts: Vec<String> = (0..own.len())
                .filter(tells)
                .map(|at| {
                    let key = &study.keys[parts.planner[at]];
                    format!("{} = {}", key.trim_start_matches("planner."), own[at])
                })
                .collect();
            if !parts.is_empty() {
                label += &format!(" ({})", parts.join(", "));
            }
        }
        match (label.is_empty(), compared(identity)) {
            (true, compared) => compared,
            (false, compared) if compared.is_empty() => label,
            (false, compared) => format!("{label}, {compared}"),
        }
    };
    let mut taken: Vec<String> = Vec::new();
    let mut named = BTreeMap::new();
    // Runs' own planners take their names first.
    let (own, baselines): (Vec<&Identity>, Vec<&Identity>) = identities
        .iter()
        .copied()
        .partition(|identity| identity.own.is_some());
    for identity in own.into_iter().chain(baselines) {
        let mut name = label(&identity);
        if taken.contains(&name) {
            name += " [compare]";
        }
        taken.push(name.clone());
        named.insert(identity.clone(), name);
    }
    named
}
