//! What a sweep on a cluster has come to, from its files.

use super::super::print;
use super::again;
use crate::error::{Error, Result};
use crate::sweep::codebook;
use crate::sweep::ledger::{Ledger, csv_twins, digest};
use crate::sweep::plan::Plan;
use crate::sweep::store::{Need, Store};
use rayon::prelude::*;
use std::path::Path;

/// Writes the tables of what has finished and says what is missing; exit code 1 if anything is.
pub fn collect(store: &Store, plan: &Plan, sweep: &Path) -> Result<()> {
    if !store.plan().is_file() {
        return Err(Error::input("no sweep was submitted or played here")
            .value(store.root.display())
            .allowed("the --out of the submission"));
    }
    store.prepare(plan)?;
    codebook::write(store, plan)?;
    let mut ledger = Ledger::default();
    let tally = ledger.write(store, plan)?;
    if plan.csv {
        csv_twins(store, plan)?;
    }
    let outcomes = ledger.outcomes(store, plan)?;
    let mut text = format!(
        "{}: {} of {} runs have finished",
        plan.name,
        tally.finished,
        plan.runs.len()
    );
    if tally.failed > 0 {
        text.push_str(&format!(", {} failed", tally.failed));
    }
    if tally.pending > 0 {
        text.push_str(&format!(", {} are missing", tally.pending));
    }
    text.push_str(&format!(
        ".\nTables: {root}/runs.parquet, years.parquet/, summary.parquet/\nResults: sha256 {sha}\n",
        root = store.root.display(),
        sha = digest(&outcomes, plan)
    ));
    print(&text)?;
    let open = complete(store, plan)?.iter().filter(|done| !**done).count();
    match open {
        0 => Ok(()),
        open => Err(Error::run(format!(
            "{open} of {} runs are missing, failed, or damaged",
            plan.runs.len()
        ))
        .allowed(format!(
            "{}; why runs failed: column `message` of runs.parquet",
            again(sweep, store, "--resubmit")
        ))),
    }
}

/// Whether each run of the plan is finished and in the tables, from the files alone.
pub fn complete(store: &Store, plan: &Plan) -> Result<Vec<bool>> {
    let complete: Vec<Result<bool>> = plan
        .runs
        .par_iter()
        .map(|run| Ok(store.need(plan, run, true)? == Need::Nothing))
        .collect();
    complete.into_iter().collect()
}
