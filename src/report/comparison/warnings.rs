//! What a reader must know beside the numbers.

use super::compute::clearly_positive;
use super::labels::Layout;
use super::study::{State, Study};
use super::{Comparison, Group};
use crate::report::number::{grouped, percent};
use crate::statistics::{Settled, Verdict};

/// Most names in a list; the rest is counted.
const NAMED: usize = 6;

/// All warnings, the gravest first.
pub fn all(study: &Study, layout: &Layout, found: &Comparison, reference: &str) -> Vec<String> {
    let mut warnings = runs(study, found);
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
        &|group| group.attainable.is_some_and(|gain| !clearly_positive(&gain)),
        "the attainable gain (`optimal` less the first U.S. law) is not clearly above 0, so nothing is \
         shown in percent of it"
            .into(),
    );
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
            "{} of {} runs failed, and their seeds are left out: {cause}{more}",
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
                "run {}: its table cannot be read, and its seed is left out ({why}); repeating the \
                 `fisc sweep` command makes it again",
                run.id
            ));
        }
    }
    warnings
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

fn too_wide(found: &Comparison) -> Option<String> {
    let mut needed = 0;
    let mut without_margin = false;
    let mut list = Vec::new();
    for group in &found.groups {
        for arm in &group.arms {
            let wide = arm
                .against
                .as_ref()
                .filter(|d| d.verdict == Verdict::TooWide);
            if let Some(difference) = wide {
                list.push(at(group, &arm.arm));
                needed = needed.max(difference.seeds_needed.unwrap_or(0));
                without_margin |= group.attainable.is_none_or(|gain| !clearly_positive(&gain));
            }
        }
    }
    if list.is_empty() {
        return None;
    }
    let margin = format!("±{} of the attainable gain", percent(found.margin));
    let (beyond, to) = match without_margin {
        true => ("".to_owned(), "less than the difference seen".to_owned()),
        false => (format!(" and reaches beyond {margin}"), margin),
    };
    let seeds = match needed {
        0 => String::new(),
        n => format!(
            "; about {} seeds would narrow the widest to {to}",
            grouped(n as f64, 0)
        ),
    };
    Some(format!(
        "too wide to say: the interval contains 0{beyond}{seeds} ({})",
        names(list.into_iter())
    ))
}

fn disagreeing(found: &Comparison) -> Option<String> {
    let mut list = Vec::new();
    for group in &found.groups {
        for arm in &group.arms {
            let difference = arm
                .against
                .as_ref()
                .map(|against| against.paired.difference);
            let ends = difference.and_then(|d| d.t.zip(d.bootstrap));
            if ends.is_some_and(|(t, bootstrap)| t.contains(0.0) != bootstrap.contains(0.0)) {
                list.push(at(group, &arm.arm));
            }
        }
    }
    (!list.is_empty()).then(|| {
        format!(
            "the t and the bootstrap interval disagree on whether there is a difference; with so few \
             seeds neither settles it ({})",
            names(list.into_iter())
        )
    })
}

fn unsettled(found: &Comparison) -> Vec<String> {
    let list = |wanted: Settled| {
        let mut list = Vec::new();
        for group in &found.groups {
            for arm in &group.arms {
                if arm
                    .settling
                    .is_some_and(|settling| settling.settled == wanted)
                {
                    list.push(at(group, &arm.arm));
                }
            }
        }
        list
    };
    let mut warnings = Vec::new();
    let moving = list(Settled::No);
    if !moving.is_empty() {
        warnings.push(format!(
            "not settled: the outcome still moves in the last third of the tax years, so its level depends \
             on how long the run is ({})",
            names(moving.into_iter())
        ));
    }
    let unclear = list(Settled::Unclear);
    if !unclear.is_empty() {
        warnings.push(format!(
            "whether it has settled is unclear: too few tax years or seeds for the noise ({})",
            names(unclear.into_iter())
        ));
    }
    warnings
}

fn at(group: &Group, arm: &str) -> String {
    match group.label() {
        label if label.is_empty() => arm.to_owned(),
        label => format!("{label}: {arm}"),
    }
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
