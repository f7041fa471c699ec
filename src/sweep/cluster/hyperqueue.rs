//! A script and arguments for HyperQueue's `hq submit`.

use super::{Batch, quote, shards};
use crate::error::{Error, Result};

/// The script of every task; HyperQueue hands it the number of its shard in `HQ_TASK_ID`.
pub fn script(batch: &Batch, path: &str) -> Result<String> {
    Ok(format!(
        "#!/bin/bash\n\
         # fisc {version}: {what}. Submit with:\n\
         # {submit}\n\
         set -eu\n\
         cd -- {folder}\n\
         {command}\n",
        version = env!("CARGO_PKG_VERSION"),
        what = batch.in_words(),
        submit = quote::command(
            std::iter::once("hq").chain(arguments(batch, path)?.iter().map(String::as_str))
        ),
        folder = quote::shell(&batch.folder),
        command = batch.command("$HQ_TASK_ID"),
    ))
}

/// The arguments of `hq` that submit the script at `path`; it prints the job's number alone.
///
/// # Errors
/// A path with `%{`, which HyperQueue would replace.
pub fn arguments(batch: &Batch, path: &str) -> Result<Vec<String>> {
    for text in [&batch.out, &batch.folder] {
        if text.contains("%{") {
            return Err(Error::input("HyperQueue replaces %{…} in paths")
                .value(text)
                .allowed("a path without %{"));
        }
    }
    let logs = batch.logs();
    let mut arguments = vec![
        "--output-mode=quiet".to_owned(),
        "submit".to_owned(),
        format!("--name={}", batch.name),
        format!("--array={}", shards::ranges(&batch.shards)),
        format!("--cpus={}", batch.resources.cpus),
        format!("--resource=mem={}", batch.resources.memory.mebibytes),
        format!("--time-limit={}s", batch.resources.time.seconds),
        format!("--cwd={}", batch.folder),
        format!("--stdout={logs}/hq-%{{JOB_ID}}_%{{TASK_ID}}.out"),
        format!("--stderr={logs}/hq-%{{JOB_ID}}_%{{TASK_ID}}.err"),
        "--".to_owned(),
        "bash".to_owned(),
    ];
    arguments.push(path.to_owned());
    Ok(arguments)
}
