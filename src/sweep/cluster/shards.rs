//! Which shards of a plan are not complete, and lists of shards as clusters write them.

use crate::error::{Error, Result};

/// Most shards that are made unless a number is given.
const DEFAULT_MAX: usize = 16;

/// How many shards a plan of `runs` runs is cut into; `wanted` if given.
///
/// # Errors
/// More shards than runs, or none.
pub fn number(runs: usize, wanted: Option<usize>) -> Result<usize> {
    match wanted {
        None => Ok(runs.clamp(1, DEFAULT_MAX)),
        Some(of) if (1..=runs).contains(&of) => Ok(of),
        Some(of) => Err(Error::input("`--shards`: not as many shards as that")
            .value(of)
            .allowed(format!("1 to {runs}, the number of runs"))),
    }
}

/// The shards, from 1, that hold a run which is not complete; `complete` is in the order of the plan, and
/// the run at position p belongs to shard (p mod `of`) + 1.
pub fn incomplete(complete: &[bool], of: usize) -> Vec<usize> {
    let mut open = vec![false; of];
    for (position, complete) in complete.iter().enumerate() {
        open[position % of] |= !complete;
    }
    (1..=of).filter(|shard| open[shard - 1]).collect()
}

/// Ascending numbers as `1-4,7,9-10`.
pub fn ranges(numbers: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    parts.join(",")
}

/// `4 shards`, `shard 2 of 4`, `shards 1,3-4 of 4`.
pub fn in_words(shards: &[usize], of: usize) -> String {
    match (shards, of) {
        (_, 1) => "1 shard".to_owned(),
        (all, of) if all.len() == of => format!("{of} shards"),
        ([one], of) => format!("shard {one} of {of}"),
        (some, of) => format!("shards {} of {of}", ranges(some)),
    }
}
