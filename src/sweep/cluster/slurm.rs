//! Scripts for Slurm's `sbatch`.

use super::{Batch, quote, resources, shards};
use crate::error::{Error, Result};

/// Where the jobs go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Partition, or several with commas.
    pub partition: Option<String>,
    /// Account that is charged.
    pub account: Option<String>,
    /// Further options of sbatch, such as `--gres=gpu:1`.
    pub options: Vec<String>,
}

impl Placement {
    /// Checks what a user gave.
    ///
    /// # Errors
    /// A character that has no place in such a name or option; an option that the scripts set themselves.
    pub fn new(
        partition: Option<&str>,
        account: Option<&str>,
        options: &[String],
    ) -> Result<Placement> {
        Ok(Placement {
            partition: partition
                .map(|text| resources::name("--partition", text, "_.,-"))
                .transpose()?,
            account: account
                .map(|text| resources::name("--account", text, "_.,@-"))
                .transpose()?,
            options: options
                .iter()
                .map(|text| option(text))
                .collect::<Result<_>>()?,
        })
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        let named = [("partition", &self.partition), ("account", &self.account)];
        for (key, value) in named {
            if let Some(value) = value {
                lines.push_str(&format!("#SBATCH --{key}={value}\n"));
            }
        }
        for option in &self.options {
            lines.push_str(&format!("#SBATCH {option}\n"));
        }
        lines
    }
}

/// Options that the scripts set; a second one would win over them, or end the array.
const OURS: [&str; 13] = [
    "array",
    "dependency",
    "output",
    "error",
    "open-mode",
    "job-name",
    "time",
    "mem",
    "cpus-per-task",
    "ntasks",
    "nodes",
    "wrap",
    "chdir",
];

fn option(text: &str) -> Result<String> {
    let refuse = |what: &str| {
        Err(Error::input(format!("`--sbatch`: {what}"))
            .value(text)
            .allowed("--option=value of letters, digits and _ . , : = / @ + * [ ] & | ( ) -, such as --gres=gpu:1"))
    };
    let Some(body) = text.strip_prefix("--") else {
        return refuse("not an option of sbatch");
    };
    let key = body.split('=').next().unwrap_or_default();
    let value = &body[key.len()..];
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
        return refuse("not an option of sbatch");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.,:=/@+*[]&|()-".contains(c);
    if !value.chars().all(fits) {
        return refuse("a character that has no place in an option");
    }
    // sbatch takes an unambiguous beginning for the whole.
    if OURS.iter().any(|ours| ours.starts_with(key)) {
        return Err(Error::input(
            "`--sbatch`: an option that fisc sets itself, or the beginning of one",
        )
        .value(text)
        .allowed(format!("other options than --{}", OURS.join(", --"))));
    }
    Ok(text.to_owned())
}

/// The job array: one task for each shard, whose number is the task's.
///
/// Tasks that a node loses are queued again (`--requeue`) and play what is missing.
pub fn array(batch: &Batch, placement: &Placement) -> String {
    let at_once = match batch.at_once {
        Some(number) => format!("%{number}"),
        None => String::new(),
    };
    format!(
        "#!/bin/bash\n\
         # fisc {version}: {what}.\n\
         # Each task plays what is missing of its shard; start it again as often as you like.\n\
         #SBATCH --job-name={name}\n\
         #SBATCH --array={array}{at_once}\n\
         #SBATCH --nodes=1\n\
         #SBATCH --ntasks=1\n\
         #SBATCH --cpus-per-task={cpus}\n\
         #SBATCH --mem={memory}M\n\
         #SBATCH --time={time}\n\
         #SBATCH --output={log}\n\
         #SBATCH --open-mode=append\n\
         #SBATCH --requeue\n\
         {placement}\
         set -eu\n\
         cd -- {folder}\n\
         {command}\n",
        version = env!("CARGO_PKG_VERSION"),
        what = batch.in_words(),
        name = batch.name,
        array = shards::ranges(&batch.shards),
        cpus = batch.resources.cpus,
        memory = batch.resources.memory.mebibytes,
        time = batch.resources.time.slurm(),
        log = log(batch, "%A_%a"),
        placement = placement.lines(),
        folder = quote::shell(&batch.folder),
        command = batch.command("$SLURM_ARRAY_TASK_ID"),
    )
}

/// The job that is to follow the array: it writes the tables of all runs and says what is missing.
pub fn collect(batch: &Batch, placement: &Placement) -> String {
    format!(
        "#!/bin/bash\n\
         # fisc {version}: collects the tables once the array has ended, well or not:\n\
         # sbatch --dependency=afterany:JOB {script}\n\
         #SBATCH --job-name={name}-collect\n\
         #SBATCH --nodes=1\n\
         #SBATCH --ntasks=1\n\
         #SBATCH --cpus-per-task=1\n\
         #SBATCH --mem={memory}M\n\
         #SBATCH --time={time}\n\
         #SBATCH --output={log}\n\
         #SBATCH --open-mode=append\n\
         #SBATCH --requeue\n\
         {placement}\
         set -eu\n\
         cd -- {folder}\n\
         exec {program} sweep submit {plan} --out {out} --collect\n",
        version = env!("CARGO_PKG_VERSION"),
        script = quote::shell(&format!("{}/cluster/collect.sbatch", batch.out)),
        name = batch.name,
        memory = batch.resources.memory.mebibytes,
        time = batch.resources.time.slurm(),
        log = log(batch, "%j_collect"),
        placement = placement.lines(),
        folder = quote::shell(&batch.folder),
        program = quote::shell(&batch.program),
        plan = quote::shell(&batch.plan),
        out = quote::shell(&batch.out),
    )
}

fn log(batch: &Batch, name: &str) -> String {
    quote::directive(&format!("{}/{name}.log", quote::pattern(&batch.logs())))
}

/// The job's number from what `sbatch --parsable` prints: `123` or `123;cluster`.
///
/// # Errors
/// Something else.
pub fn job(printed: &str) -> Result<u64> {
    let number = printed.trim().split(';').next().unwrap_or_default();
    number
        .parse()
        .map_err(|_| Error::run("sbatch printed no job number").value(printed.trim()))
}

/// Shards that are still queued or running, from the lines of `squeue --array --noheader --format=%K`.
pub fn in_queue(printed: &str) -> Vec<usize> {
    let mut shards: Vec<usize> = printed
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    shards.sort_unstable();
    shards.dedup();
    shards
}
