//! A run's rows as Parquet: byte for byte the same for the same rows.

use super::ArmResult;
use super::arm::recorded_objectives;
use crate::error::{Error, Result};
use crate::fiscal::statistics;
use crate::scenario::Scenario;
use crate::voting::Election;
use crate::world::elections::Held;
use crate::world::elections::civil::Rewritten;
use crate::world::record::{Decision, Row};
use polars::prelude::*;
use std::io::Write;
use std::path::Path;

fn broken(error: PolarsError) -> Error {
    Error::run(format!("building a table: {error}"))
}

/// Numbers that are not defined (NaN) become null.
fn numbers(name: &str, values: impl Iterator<Item = f64>) -> Column {
    let values: Vec<Option<f64>> = values.map(|x| Some(x).filter(|x| x.is_finite())).collect();
    Column::new(name.into(), values)
}

/// `years.parquet` or `steps.parquet`: all arms' rows with the time column called `time`.
///
/// # Errors
/// Columns that do not fit together.
pub fn rows(
    arms: &[ArmResult],
    scenario: &Scenario,
    time: &str,
    of: fn(&ArmResult) -> &[Row],
) -> Result<DataFrame> {
    let all: Vec<(&str, &Row)> = arms
        .iter()
        .flat_map(|arm| of(arm).iter().map(move |row| (arm.arm.as_str(), row)))
        .collect();
    let edges = scenario.taxes.initial.edges();
    let each =
        |get: &dyn Fn(&Row) -> f64, name: &str| numbers(name, all.iter().map(|(_, row)| get(row)));
    let mut columns = vec![
        Column::new(
            "arm".into(),
            all.iter().map(|(arm, _)| *arm).collect::<Vec<_>>(),
        ),
        Column::new(
            time.into(),
            all.iter().map(|(_, row)| row.time).collect::<Vec<_>>(),
        ),
        Column::new(
            "schedule".into(),
            all.iter()
                .map(|(_, row)| row.schedule.to_string())
                .collect::<Vec<_>>(),
        ),
    ];
    let own_brackets = |row: &Row| row.schedule.edges() == edges;
    for k in 0..edges.len() {
        let rate = |row: &Row| {
            if own_brackets(row) {
                row.schedule.rates()[k]
            } else {
                f64::NAN
            }
        };
        columns.push(each(&rate, &format!("rate_{}", k + 1)));
    }
    columns.push(each(&|row| row.revenue, "revenue"));
    columns.push(each(&|row| row.rebate, "rebate"));
    columns.push(each(&|row| row.welfare, "welfare"));
    for (i, objective) in recorded_objectives(&scenario.objective).iter().enumerate() {
        columns.push(each(
            &|row| row.welfare_each[i],
            &format!("welfare_{}", objective.name()),
        ));
    }
    for (i, name) in statistics::names().iter().enumerate() {
        columns.push(each(&|row| row.statistics[i], name));
    }
    for k in 1..edges.len() {
        let share = |row: &Row| {
            if own_brackets(row) {
                row.kink_shares[k - 1]
            } else {
                f64::NAN
            }
        };
        columns.push(each(&share, &format!("kink_share_{}", k + 1)));
    }
    columns.push(Column::new(
        "leader".into(),
        all.iter()
            .map(|(_, row)| row.leader.map(|id| id.to_string()))
            .collect::<Vec<_>>(),
    ));
    columns.push(Column::new(
        "decisions".into(),
        all.iter().map(|(_, row)| row.decisions).collect::<Vec<_>>(),
    ));
    columns.push(Column::new(
        "failures".into(),
        all.iter().map(|(_, row)| row.failures).collect::<Vec<_>>(),
    ));
    DataFrame::new_infer_height(columns).map_err(broken)
}

/// `workers.parquet`.
///
/// # Errors
/// Columns that do not fit together.
pub fn workers(arms: &[ArmResult], scenario: &Scenario, workers: usize) -> Result<DataFrame> {
    let ids =
        |arm: &ArmResult| (0..arm.workers.step.len()).map(move |i| (i % workers.max(1)) as u32);
    let group = |index: u32| scenario.workers[index as usize].name.as_str();
    let amounts = |name: &str, get: fn(&ArmResult) -> &[f64]| {
        Column::new(
            name.into(),
            arms.iter()
                .flat_map(|arm| get(arm).iter().copied())
                .collect::<Vec<f64>>(),
        )
    };
    let columns = vec![
        Column::new(
            "arm".into(),
            arms.iter()
                .flat_map(|arm| std::iter::repeat_n(arm.arm.as_str(), arm.workers.step.len()))
                .collect::<Vec<_>>(),
        ),
        Column::new(
            "step".into(),
            arms.iter()
                .flat_map(|arm| arm.workers.step.iter().copied())
                .collect::<Vec<_>>(),
        ),
        Column::new(
            "worker".into(),
            arms.iter().flat_map(ids).collect::<Vec<_>>(),
        ),
        Column::new(
            "group".into(),
            arms.iter()
                .flat_map(|arm| arm.workers.group.iter().map(|&g| group(g)))
                .collect::<Vec<_>>(),
        ),
        amounts("wage", |arm| &arm.workers.panel.wage),
        amounts("labor", |arm| &arm.workers.panel.labor),
        amounts("income", |arm| &arm.workers.panel.income),
        amounts("tax", |arm| &arm.workers.panel.tax),
        amounts("rebate", |arm| &arm.workers.rebate),
        amounts("disposable", |arm| &arm.workers.panel.disposable),
        amounts("utility", |arm| &arm.workers.panel.utility),
        numbers(
            "satisfied",
            arms.iter()
                .flat_map(|arm| arm.workers.satisfied.iter().copied()),
        ),
    ];
    DataFrame::new_infer_height(columns).map_err(broken)
}

/// `decisions.parquet`.
///
/// # Errors
/// Columns that do not fit together.
pub fn decisions(arms: &[ArmResult]) -> Result<DataFrame> {
    let all: Vec<(&str, &Decision)> = arms
        .iter()
        .flat_map(|arm| arm.decisions.iter().map(move |d| (arm.arm.as_str(), d)))
        .collect();
    macro_rules! column {
        ($name:literal, $decision:ident => $value:expr) => {
            Column::new(
                $name.into(),
                all.iter().map(|(_, $decision)| $value).collect::<Vec<_>>(),
            )
        };
    }
    let columns = vec![
        Column::new(
            "arm".into(),
            all.iter().map(|(arm, _)| *arm).collect::<Vec<_>>(),
        ),
        column!("step", d => d.step),
        column!("agent", d => d.agent),
        column!("question", d => d.question),
        column!("worker", d => d.worker),
        column!("model", d => d.model.as_str()),
        column!("readout", d => d.readout),
        column!("key", d => d.key.as_str()),
        column!("attempt", d => d.attempt),
        column!("labor", d => d.labor),
        column!("labor_expected", d => d.labor_expected),
        column!("record", d => d.record),
        column!("utility_expected", d => d.utility_expected),
        column!("satisfied", d => d.satisfied),
        column!("civil", d => d.civil),
        column!("vote", d => d.vote),
        column!("first", d => d.first),
        column!("admissible_mass", d => d.admissible_mass),
        column!("schedule", d => d.schedule.as_deref()),
        column!("error", d => d.error.as_deref()),
        column!("prompt_tokens", d => d.prompt_tokens),
        column!("answer_tokens", d => d.answer_tokens),
    ];
    DataFrame::new_infer_height(columns).map_err(broken)
}

/// What one voter says of one candidate.
struct Vote<'a> {
    arm: &'a str,
    held: &'a Held,
    voter: u32,
    place: usize,
}

impl<'a> Vote<'a> {
    fn ballot(&self) -> Option<&'a [f64]> {
        self.held.ballots[self.voter as usize].as_deref()
    }

    fn rewritten(&self) -> Option<&'a Rewritten> {
        self.held.candidates[self.place].rewritten.as_ref()
    }

    fn election(&self) -> Option<&'a Election> {
        self.held.election.as_ref()
    }
}

/// `ballots.parquet`: one row for each voter and candidate of each election.
///
/// # Errors
/// Columns that do not fit together.
pub fn ballots(arms: &[ArmResult]) -> Result<DataFrame> {
    let mut rows: Vec<Vote> = Vec::new();
    for arm in arms {
        for held in &arm.elections {
            for voter in 0..held.ballots.len() as u32 {
                rows.extend((0..held.candidates.len()).map(|place| Vote {
                    arm: &arm.arm,
                    held,
                    voter,
                    place,
                }));
            }
        }
    }
    macro_rules! column {
        ($name:literal, $row:ident => $value:expr) => {
            Column::new(
                $name.into(),
                rows.iter().map(|$row| $value).collect::<Vec<_>>(),
            )
        };
    }
    let number = |place: usize| place as u32 + 1;
    let columns = vec![
        column!("arm", r => r.arm),
        column!("year", r => r.held.year),
        column!("rule", r => r.held.rule.name()),
        column!("voter", r => r.voter),
        column!("candidate", r => number(r.place)),
        column!("candidate_worker", r => r.held.candidates[r.place].worker),
        column!("schedule", r => r.held.candidates[r.place].platform.to_string()),
        column!("statement", r => r.held.candidates[r.place].statement.as_deref()),
        column!("original", r => r.rewritten().map(|w| w.original.as_str())),
        column!("original_score", r => r.rewritten().map(|w| w.original_score)),
        column!("statement_score", r => r.rewritten().map(|w| w.score)),
        column!("utility", r => r.ballot().map(|ballot| ballot[r.place])),
        // 1 for the best; equal utilities share the better rank.
        column!("rank", r => r.ballot().map(|ballot| {
            number(ballot.iter().filter(|u| **u > ballot[r.place]).count())
        })),
        column!("score", r => r.election().map(|e| e.scores[r.place])),
        column!("winner", r => r.election().map(|e| number(e.winner))),
        column!("margin", r => r.election().map(|e| e.margin)),
        column!("turnout", r => r.election().map_or(0.0, |e| e.turnout)),
        column!("condorcet_winner", r => r.held.condorcet_winner.map(number)),
        column!("condorcet_found", r => r.held.condorcet_winner.map(|best| {
            r.election().is_some_and(|e| e.winner == best)
        })),
    ];
    DataFrame::new_infer_height(columns).map_err(broken)
}

/// `rewards.parquet`: what planners that pursue a reward of their own got in each tax year.
///
/// # Errors
/// Columns that do not fit together.
pub fn rewards(arms: &[ArmResult]) -> Result<DataFrame> {
    let rows = || {
        arms.iter()
            .flat_map(|arm| arm.rewards.iter().map(move |row| (&arm.arm, row)))
    };
    let columns = vec![
        Column::new(
            "arm".into(),
            rows().map(|(arm, _)| arm.as_str()).collect::<Vec<_>>(),
        ),
        Column::new(
            "year".into(),
            rows().map(|(_, row)| row.year).collect::<Vec<_>>(),
        ),
        Column::new(
            "part".into(),
            rows().map(|(_, row)| row.part.as_str()).collect::<Vec<_>>(),
        ),
        numbers("value", rows().map(|(_, row)| row.value)),
    ];
    DataFrame::new_infer_height(columns).map_err(broken)
}

/// `comparisons.parquet`: every comparison of two schedules.
///
/// # Errors
/// Columns that do not fit together.
pub fn comparisons(arms: &[ArmResult]) -> Result<DataFrame> {
    let rows: Vec<_> = (arms.iter())
        .flat_map(|arm| {
            arm.comparisons
                .iter()
                .map(move |row| (arm.arm.as_str(), row))
        })
        .collect();
    macro_rules! column {
        ($name:literal, $row:ident => $value:expr) => {
            Column::new(
                $name.into(),
                rows.iter().map(|(_, $row)| $value).collect::<Vec<_>>(),
            )
        };
    }
    let columns = vec![
        Column::new(
            "arm".into(),
            rows.iter().map(|(arm, _)| *arm).collect::<Vec<_>>(),
        ),
        column!("year", r => r.year),
        column!("rater", r => r.rater),
        column!("a", r => r.a.to_string()),
        column!("b", r => r.b.to_string()),
        column!("outcome", r => r.outcome),
        column!("weight", r => r.weight),
        column!("context", r => r.context),
        column!("aspect", r => r.aspect),
        column!("rationale", r => r.rationale.as_deref()),
        column!("group", r => r.group),
    ];
    DataFrame::new_infer_height(columns).map_err(broken)
}

/// A table as Parquet (zstd).
///
/// # Errors
/// A table that cannot be written as such.
pub fn parquet(frame: &mut DataFrame) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One row group per fixed number of rows, so that the bytes do not depend on threads.
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(None))
        .with_row_group_size(Some(1 << 18))
        .finish(frame)
        .map_err(broken)?;
    Ok(bytes)
}

/// Writes a table as Parquet (zstd); the file appears whole or not at all.
///
/// # Errors
/// The folder cannot be written.
pub fn write(frame: &mut DataFrame, path: &Path) -> Result<()> {
    write_whole(path, &parquet(frame)?)
}

/// Writes a file by way of a temporary one in the same folder.
///
/// # Errors
/// The folder cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    write_whole_by(folder, path, bytes)
}

/// Writes a file by way of a temporary one in `folder`, which must be on the same file system.
///
/// # Errors
/// One of the folders cannot be written.
pub fn write_whole_by(folder: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // A temporary file is private by default; a result is not.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut file = builder
        .tempfile_in(folder)
        .map_err(|error| Error::io(folder, error))?;
    file.write_all(bytes)
        .map_err(|error| Error::io(path, error))?;
    file.persist(path)
        .map_err(|error| Error::io(path, error.error))?;
    Ok(())
}
