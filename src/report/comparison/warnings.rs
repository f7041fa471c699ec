//! What a reader must know beside the numbers.

use super::compute::{clearly_positive, other_measures};
use super::labels::{Cell, Layout, Line};
use super::study::{State, Study};
use super::text::Places;
use super::{Arm, Comparison, Group};
use crate::report::number::grouped;
use crate::statistics::{Settled, Verdict};

/// Most names in a list; the rest is counted.
const NAMED: usize = 6;

/// All warnings, the gravest first.
pub fn all(study: &Study, layout: &Layout, found: &Comparison, reference: &str) -> Vec<String> {
    let mut warnings = runs(study, found);
    let measures = other_measures(&found.by, &found.outcome);
    if !measures.is_empty() {
        warnings.push(format!(
            "welfare is not comparable across values of {}, which give workers another utility or sum it \
             otherwise: read no verdict from it, and compare planners within each value (`--by arm`) or \
             another outcome",
            measures.join(" and ")
        ));
    }
    if study.versions.len() > 1 {
        warnings.push(format!(
            "runs of different versions of fisc are mixed: {}",
            study.versions.join("; ")
        ));
    }
    for (arm, times) in &layout.unequal {
        warnings.push(format!(
            "{arm} differs between runs of one seed ({times} times): they do not share their random \
             numbers, or a varied key changes this arm; the first run's is shown"
        ));
    }
    for (arm, seeds) in &layout.stand_ins {
        warnings.push(format!(
            "{arm}: its own runs and those in which it stands in [compare] have no seed in common so far, and \
             are taken as one arm ({} from [compare])",
            match seeds {
                1 => "1 outcome".to_owned(),
                n => format!("{n} outcomes"),
            }
        ));
    }
    let groups = &found.groups;
    let listed = |wanted: &dyn Fn(&Group) -> bool| {
        names(
            groups
                .iter()
                .filter(|group| wanted(group))
                .map(Group::label),
        )
    };
    let mut of_groups = |wanted: &dyn Fn(&Group) -> bool, text: String| {
        if groups.iter().any(wanted) {
            let labels = listed(wanted);
            warnings.push(match labels.is_empty() {
                true => text,
                false => format!("{text} ({labels})"),
            });
        }
    };
    of_groups(
        &|group| group.reference.is_none(),
        format!("without {reference}, nothing to compare with"),
    );
    of_groups(
        &|group| group.seeds == 1,
        "one seed: no interval and no test; nothing can be said about other seeds".into(),
    );
    of_groups(
        &nothing_random,
        "all seeds give the same outcome: nothing that matters is random here, and more seeds tell \
         nothing; differences are exact for these workers"
            .into(),
    );
    of_groups(
        &|group| {
            group
                .attainable
                .is_some_and(|gain| !clearly_positive(&gain))
        },
        format!(
            "the attainable gain (`optimal` less {}) is not clearly above 0, so nothing is shown in percent \
             of it",
            found.law()
        ),
    );
    warnings.extend(valueless(found));
    warnings.extend(lacking(found));
    warnings.extend(twins(layout, found));
    warnings.extend(too_wide(found));
    warnings.extend(disagreeing(found));
    warnings.extend(unsettled(found));
    warnings
}

fn runs(study: &Study, found: &Comparison) -> Vec<String> {
    let mut warnings = Vec::new();
    let runs = &found.runs;
    if runs.failed > 0 {
        let mut causes: Vec<&str> = Vec::new();
        for run in &study.runs {
            if let State::Failed(why) = &run.state
                && !causes.contains(&why.as_str())
            {
                causes.push(why);
            }
        }
        let more = match causes.len() {
            0 | 1 => String::new(),
            n => format!(" (and {} other causes)", n - 1),
        };
        let cause = causes.first().copied().unwrap_or_default();
        warnings.push(format!(
            "{} of {} runs failed: {cause}{more}; their arms lack these seeds, and differences from or to them \
             leave the seeds out",
            runs.failed, runs.planned
        ));
    }
    if runs.pending > 0 {
        warnings.push(format!(
            "{} of {} runs have not been played yet",
            runs.pending, runs.planned
        ));
    }
    for run in &study.runs {
        if let State::Damaged(why) = &run.state {
            warnings.push(format!(
                "run {}: its table cannot be read, and its arms lack this seed ({why}); repeating the \
                 `fisc sweep` command makes it again",
                run.id
            ));
        }
    }
    warnings
}

/// Arms without all seeds, and what the reference has over the seeds that they have.
fn lacking(found: &Comparison) -> Option<String> {
    let of_group = |group: &Group| -> Vec<String> {
        let places = Places::of(group);
        let lacks =
            |arm: &&Arm| group.lacks_seeds(arm) || arm.mean.map_or(0, |mean| mean.n) < group.seeds;
        let label = match group.label() {
            label if label.is_empty() => label,
            label => format!("{label}: "),
        };
        let told = |arm: &Arm| {
            let (n, _) = group.row_mean(arm);
            let beside = match (&arm.against, &group.reference, group.lacks_seeds(arm)) {
                (Some(against), Some(reference), true) => format!(
                    ", over which the mean of {reference} is {}",
                    grouped(against.paired.reference_mean, places.0)
                ),
                _ => String::new(),
            };
            format!("{label}{} {n} of {}{beside}", arm.arm, group.seeds)
        };
        group.arms.iter().filter(lacks).map(told).collect()
    };
    let list = names(found.groups.iter().flat_map(of_group));
    (!list.is_empty()).then(|| {
        format!(
            "not all seeds; n, mean and difference in an arm's row are of the seeds that it shares with the \
             reference: {list}"
        )
    })
}

/// Planners with the schedules of another one in every tax year of every seed: what they were to do may have
/// had no solution.
fn twins(layout: &Layout, found: &Comparison) -> Option<String> {
    let alike = |a: &Line, b: &Line| {
        let schedules =
            |line: &Line, seed: &u64| line.played.get(seed).and_then(|run| run.schedules);
        let same =
            |seed: &u64| schedules(a, seed).is_some() && schedules(a, seed) == schedules(b, seed);
        a.by == b.by
            && !a.played.is_empty()
            && a.played.len() == b.played.len()
            && a.played.keys().all(same)
    };
    let of_cell = |(cell, group): (&Cell, &Group)| -> Vec<String> {
        let label = match group.label() {
            label if label.is_empty() => label,
            label => format!("{label}: "),
        };
        let told = |(at, line): (usize, &Line)| {
            let first = cell.arms[..at].iter().find(|other| alike(other, line))?;
            Some(format!("{label}{} and {}", first.label, line.label))
        };
        cell.arms.iter().enumerate().filter_map(told).collect()
    };
    let list = names(layout.cells.iter().zip(&found.groups).flat_map(of_cell));
    (!list.is_empty()).then(|| {
        format!(
            "the same schedules in every tax year of every seed; where a planner's formula has no solution it keeps the last \
             schedule that had one, and the notes in summary.json of its runs say so ({list})"
        )
    })
}

/// Whether every arm is the same for all of several seeds.
fn nothing_random(group: &Group) -> bool {
    let mut means = group
        .arms
        .iter()
        .filter_map(|arm| arm.mean.as_ref())
        .peekable();
    means.peek().is_some() && means.all(|mean| mean.constant())
}

fn valueless(found: &Comparison) -> Option<String> {
    let list = arms(found, &|arm| arm.mean.is_none())?;
    let why = match found.outcome.starts_with("rate_") {
        true => {
            "; rates by number are those of the scenario's brackets, which these arms do not have"
        }
        false => "",
    };
    Some(format!(
        "`{}` has no value in these arms, and they have no difference{why} ({list})",
        found.outcome
    ))
}

fn too_wide(found: &Comparison) -> Option<String> {
    let wide = |arm: &Arm| {
        let difference = arm.against.as_ref();
        difference
            .filter(|against| against.verdict == Verdict::TooWide)
            .cloned()
    };
    let list = arms(found, &|arm| wide(arm).is_some())?;
    let needed = (found.groups.iter().flat_map(|group| &group.arms))
        .filter_map(|arm| wide(arm)?.seeds_needed)
        .max();
    let no_margin = |group: &Group| group.attainable.is_none_or(|gain| !clearly_positive(&gain));
    let without =
        |group: &Group| no_margin(group) && group.arms.iter().any(|arm| wide(arm).is_some());
    let margin = format!("±{} % of the attainable gain", 100.0 * found.margin);
    let (beyond, widest) = match found.groups.iter().any(without) {
        true => (String::new(), "widest that has such a margin"),
        false => (format!(" and reaches beyond {margin}"), "widest"),
    };
    let seeds = needed.map_or_else(String::new, |n| {
        format!(
            "; about {} seeds would narrow the {widest} to {margin}",
            grouped(n as f64, 0)
        )
    });
    Some(format!(
        "too wide to say: the interval contains 0{beyond}{seeds} ({list})"
    ))
}

fn disagreeing(found: &Comparison) -> Option<String> {
    let list = arms(found, &|arm| {
        let difference = arm
            .against
            .as_ref()
            .map(|against| against.paired.difference);
        let intervals = difference.and_then(|d| d.t.zip(d.bootstrap));
        intervals.is_some_and(|(t, bootstrap)| t.contains(0.0) != bootstrap.contains(0.0))
    })?;
    Some(format!(
        "the t and the bootstrap interval disagree on whether there is a difference; with so few seeds \
         neither settles it ({list})"
    ))
}

fn unsettled(found: &Comparison) -> Vec<String> {
    let list = |wanted: Settled| {
        let is = |arm: &Arm| {
            arm.settling
                .is_some_and(|settling| settling.settled == wanted)
        };
        arms(found, &is)
    };
    let moving = list(Settled::No).map(|list| {
        format!(
            "not settled: the outcome still moves within the last third of the tax years, or moved from the \
             middle third to it, so its level depends on how long the run is ({list})"
        )
    });
    let unclear = list(Settled::Unclear).map(|list| {
        format!(
            "whether it has settled is unclear: too few tax years or seeds for the noise ({list})"
        )
    });
    moving.into_iter().chain(unclear).collect()
}

/// The arms that are `wanted`, group by group; `None` without any.
fn arms(found: &Comparison, wanted: &dyn Fn(&Arm) -> bool) -> Option<String> {
    let of_group = |group: &Group| {
        let arms = group.arms.iter().filter(|arm| wanted(arm));
        let arms: Vec<&str> = arms.map(|arm| arm.arm.as_str()).collect();
        let label = group.label();
        match (arms.is_empty(), label.is_empty()) {
            (true, _) => String::new(),
            (false, true) => arms.join(", "),
            (false, false) => format!("{label}: {}", arms.join(", ")),
        }
    };
    Some(names(found.groups.iter().map(of_group))).filter(|list| !list.is_empty())
}

/// A list of at most [`NAMED`], and how many more.
fn names(list: impl Iterator<Item = String>) -> String {
    let list: Vec<String> = list.filter(|name| !name.is_empty()).collect();
    let shown = list
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    match list.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
