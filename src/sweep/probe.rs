//! What a sweep will take, from playing a few of its runs.

use super::execute::{ABANDON, Event, Execution, FINISH, execute};
use super::plan::{Plan, PlannedPoint, PlannedRun, Shard};
use super::store::{Need, Outcome, Store};
use crate::error::{Error, Result};
use crate::random::Streams;
use crate::scenario;
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Tax years that a probe of a run with a model in this process plays.
const MODEL_YEARS: u32 = 2;

/// How many times the budget a run in progress is waited for.
const PATIENCE: u32 = 2;

/// What a sweep will take.
#[derive(Clone, Debug, Default)]
pub struct Estimate {
    /// Runs of the shard.
    pub runs: usize,
    /// Of these, finished already.
    pub finished: usize,
    /// Seconds on this machine, with as many workers as asked for; `None` where nothing could be probed.
    pub wall_seconds: Option<f64>,
    /// Answers of language models.
    pub decisions: f64,
    /// Tokens.
    pub tokens: f64,
    /// Dollars.
    pub cost: f64,
    /// Bytes on disk.
    pub bytes: f64,
    /// Points that were played.
    pub probed: usize,
    /// Points with something to do.
    pub points: usize,
    /// Whether runs were shortened and scaled up.
    pub shortened: bool,
    /// Seconds that the probe took.
    pub probe_seconds: f64,
    /// Runs of the probe that failed: values and why.
    pub failures: Vec<String>,
}

/// What a run of a point takes.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    seconds: f64,
    decisions: f64,
    tokens: f64,
    cost: f64,
    bytes: f64,
}

/// Plays runs of different points of `plan` for about `budget`, in a folder that is removed again, and
/// scales up what they took.
///
/// Points that were not played are taken to be like those that were and share most values with them.
///
/// # Errors
/// No temporary folder, or a worker that cannot be started.
pub fn estimate(
    plan: &Plan,
    store: &Store,
    how: &Execution,
    budget: Duration,
    tell: &(dyn Fn(Event) + Sync),
) -> Result<Estimate> {
    let mut open: BTreeMap<u32, usize> = BTreeMap::new();
    let mut estimate = Estimate::default();
    for run in plan.shard(how.shard) {
        estimate.runs += 1;
        match store.need(plan, run, false)? {
            Need::Nothing => estimate.finished += 1,
            _ => *open.entry(run.point).or_default() += 1,
        }
    }
    estimate.points = open.len();
    if open.is_empty() {
        estimate.wall_seconds = Some(0.0);
        return Ok(estimate);
    }
    let begun = Instant::now();
    let temporary = tempfile::tempdir()
        .map_err(|error| Error::run(format!("a folder for the probe: {error}")))?;
    let place = Store::new(temporary.path().join("probe"));
    let order = spread(plan, &open.keys().copied().collect::<Vec<_>>())?;
    let (probe, scales) = shortened(plan, &order)?;
    estimate.shortened = scales.values().any(|scale| *scale != 1.0);
    let seconds: Mutex<BTreeMap<String, f64>> = Mutex::default();
    let stop = Arc::new(AtomicU8::new(0));
    let over = AtomicBool::new(false);
    let how_probed = Execution {
        shard: Shard::ALL,
        stop: stop.clone(),
        ..how.clone()
    };
    let swept = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if begun.elapsed() > budget {
                    stop.fetch_max(FINISH, Ordering::Relaxed);
                }
                // A long run is not waited for where there is something to go by.
                let found = seconds.lock().is_ok_and(|seconds| !seconds.is_empty());
                if found && begun.elapsed() > PATIENCE * budget {
                    stop.fetch_max(ABANDON, Ordering::Relaxed);
                }
                stop.fetch_max(how.stop.load(Ordering::Relaxed), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let swept = execute(&place, &probe, &how_probed, &|event| {
            if let Event::Finished {
                run, seconds: took, ..
            } = &event
                && let Ok(mut seconds) = seconds.lock()
            {
                seconds.insert(run.clone(), *took);
            }
            tell(event);
        });
        over.store(true, Ordering::Relaxed);
        swept
    })?;
    if how.stop.load(Ordering::Relaxed) > 0 {
        return Err(Error::run("interrupted"));
    }
    for (run, failure) in &swept.failures {
        let point = probe.run(run).map_or(0, |run| run.point);
        estimate
            .failures
            .push(format!("point {point}: {}", failure.message));
    }
    let seconds = seconds.into_inner().unwrap_or_default();
    let mut taken: BTreeMap<u32, Taken> = BTreeMap::new();
    for run in &probe.runs {
        let (Outcome::Finished(receipt), Some(seconds)) =
            (place.outcome(&run.run)?, seconds.get(&run.run))
        else {
            continue;
        };
        let scale = scales.get(&run.point).copied().unwrap_or(1.0);
        let parts = super::store::DATASETS.map(|dataset| bytes_of(&place.part(dataset, &run.run)));
        taken.insert(
            run.point,
            Taken {
                seconds: seconds * scale,
                decisions: receipt.decisions as f64 * scale,
                tokens: receipt.tokens as f64 * scale,
                cost: receipt.cost * scale,
                bytes: bytes_of(&place.run(&run.run)) * scale + parts.iter().sum::<f64>(),
            },
        );
    }
    estimate.probed = taken.len();
    estimate.probe_seconds = begun.elapsed().as_secs_f64();
    let (mut all, mut by_model, mut longest) = (0.0, 0.0, 0.0f64);
    for (&point, &runs) in &open {
        let Some(one) = like(plan, point, &taken) else {
            return Ok(estimate);
        };
        let runs = runs as f64;
        all += one.seconds * runs;
        if plan.points[point as usize - 1].local_model {
            by_model += one.seconds * runs;
        }
        longest = longest.max(one.seconds);
        estimate.decisions += one.decisions * runs;
        estimate.tokens += one.tokens * runs;
        estimate.cost += one.cost * runs;
        estimate.bytes += one.bytes * runs;
    }
    estimate.wall_seconds = Some((all / how.jobs.max(1) as f64).max(by_model).max(longest));
    Ok(estimate)
}

/// Points in an order in which every value of every key comes early; the rest in no order.
fn spread(plan: &Plan, open: &[u32]) -> Result<Vec<u32>> {
    let mut rest: Vec<&PlannedPoint> = open
        .iter()
        .filter_map(|point| plan.points.get(*point as usize - 1))
        .collect();
    rest.shuffle(&mut Streams::new(0, "sweep probe").at(0, 0));
    let mut seen: HashSet<(&str, String)> = HashSet::new();
    let mut order = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let new = |point: &PlannedPoint| {
            let values = point.values.iter();
            values
                .filter(|(key, value)| !seen.contains(&(key.as_str(), value.to_string())))
                .count()
        };
        let (at, gain) = rest
            .iter()
            .enumerate()
            .map(|(at, point)| (at, new(point)))
            .max_by_key(|(at, gain)| (*gain, std::cmp::Reverse(*at)))
            .unwrap_or((0, 0));
        if gain == 0 {
            order.extend(rest.drain(..).map(|point| point.point));
            break;
        }
        let point = rest.remove(at);
        for (key, value) in &point.values {
            seen.insert((key, value.to_string()));
        }
        order.push(point.point);
    }
    Ok(order)
}

/// A plan of one run for each point in `order`, short where a model in this process is asked; and by
/// point the factor from what it takes to what a whole run takes.
fn shortened(plan: &Plan, order: &[u32]) -> Result<(Plan, BTreeMap<u32, f64>)> {
    let mut probe = plan.clone();
    probe.stop_on_error = false;
    probe.csv = false;
    probe.runs.clear();
    let mut scales = BTreeMap::new();
    for &number in order {
        let at = number as usize - 1;
        let point = &mut probe.points[at];
        if point.local_model {
            let path = Path::new("probe");
            let whole = scenario::parse(&point.scenario, path, &[], true)?;
            let years = whole.steps / whole.tax_year;
            let steps = whole.tax_year * MODEL_YEARS.min(years);
            // Where the short scenario makes no sense, the whole one is played.
            let set = format!("steps={steps}");
            if let Ok(short) = scenario::parse(&point.scenario, path, &[set], true)
                && years > MODEL_YEARS
            {
                point.scenario = scenario::to_toml(&short);
                scales.insert(number, f64::from(years) / f64::from(MODEL_YEARS));
            }
        }
        let seed = plan.seeds.first().copied().unwrap_or(1);
        probe.runs.push(PlannedRun {
            run: format!("probe-{number}"),
            point: number,
            replicate: 1,
            seed,
        });
    }
    Ok((probe, scales))
}

/// The mean over the probed points that share most values with `point`.
fn like(plan: &Plan, point: u32, taken: &BTreeMap<u32, Taken>) -> Option<Taken> {
    if let Some(same) = taken.get(&point) {
        return Some(*same);
    }
    let values = |point: u32| &plan.points[point as usize - 1].values;
    let mine = values(point);
    let shared = |other: u32| {
        let theirs = values(other);
        mine.iter()
            .filter(|(key, value)| theirs.get(*key) == Some(value))
            .count()
    };
    let most = taken.keys().map(|&other| shared(other)).max()?;
    let alike: BTreeSet<u32> = taken
        .keys()
        .copied()
        .filter(|&other| shared(other) == most)
        .collect();
    let mut mean = Taken::default();
    for other in &alike {
        let one = taken[other];
        let n = alike.len() as f64;
        mean.seconds += one.seconds / n;
        mean.decisions += one.decisions / n;
        mean.tokens += one.tokens / n;
        mean.cost += one.cost / n;
        mean.bytes += one.bytes / n;
    }
    Some(mean)
}

/// Bytes of a file, or of the files in a folder.
fn bytes_of(path: &Path) -> f64 {
    if path.is_file() {
        return std::fs::metadata(path).map_or(0.0, |data| data.len() as f64);
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0.0;
    };
    entries.flatten().map(|entry| bytes_of(&entry.path())).sum()
}
