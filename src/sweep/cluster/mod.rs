//! What a cluster is handed: scripts that play one shard of a plan each, and what is still missing.
//!
//! Nothing here talks to a cluster. A [`Batch`] is checked once, and each engine renders it:
//!
//! | engine | what is rendered | a task is |
//! |---|---|---|
//! | [`slurm`] | a job array, and a job that collects after it | one element of the array |
//! | [`hyperqueue`] | a script and the arguments of `hq submit` | one task of the array |
//! | [`kubernetes`] | an Indexed Job | one completion index |
//!
//! Every task is the same command, `fisc sweep PLAN --out DIR --shard I/N`; it plays what is missing of
//! its shard, so a task that was killed is simply started again. No task knows of another one.

pub mod hyperqueue;
pub mod kubernetes;
pub mod quote;
pub mod record;
pub mod resources;
pub mod shards;
pub mod slurm;

use crate::error::{Error, Result};
use resources::Resources;
use std::path::Path;

/// Shards of one plan, to be played somewhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Name of the jobs, of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// The program on the machines that play.
    pub program: String,
    /// The plan's file there.
    pub plan: String,
    /// The output folder there.
    pub out: String,
    /// The folder to work in there.
    pub folder: String,
    /// Into how many shards the plan is cut.
    pub of: usize,
    /// The shards to play, ascending, each from 1 to `of`.
    pub shards: Vec<usize>,
    /// How many at a time at most; `None` for as many as there is room for.
    pub at_once: Option<usize>,
    /// What each task may use.
    pub resources: Resources,
    /// Whether a task plays one run at a time on all its CPUs, as where a model is loaded, or as many runs
    /// as it has CPUs, each on one.
    pub one_run: bool,
}

impl Batch {
    /// The command of one task, for a POSIX shell; `shard` is an expression for the shard's number, as it
    /// stands between double quotes, such as `$SLURM_ARRAY_TASK_ID`.
    pub fn command(&self, shard: &str) -> String {
        let (jobs, threads) = match self.one_run {
            true => (1, self.resources.cpus),
            false => (self.resources.cpus, 1),
        };
        format!(
            "exec {} sweep {} --out {} --shard \"{shard}/{}\" --jobs {jobs} --threads {threads} --quiet",
            quote::shell(&self.program),
            quote::shell(&self.plan),
            quote::shell(&self.out),
            self.of,
        )
    }

    /// The folder of scripts and logs.
    pub fn logs(&self) -> String {
        format!("{}/cluster/logs", self.out)
    }

    /// What it is, in a line.
    pub fn in_words(&self) -> String {
        format!(
            "{}, each with {}",
            shards::in_words(&self.shards, self.of),
            self.resources.in_words()
        )
    }
}

/// A job's name for the sweep called `sweep`: `fisc-` and what of the name every engine allows.
pub fn job_name(sweep: &str) -> String {
    let plain: String = sweep
        .chars()
        .map(|c| match c.is_ascii_alphanumeric() || "_.-".contains(c) {
            true => c,
            false => '-',
        })
        .take(60)
        .collect();
    format!("fisc-{}", plain.trim_matches(['-', '.', '_']))
        .trim_end_matches('-')
        .to_owned()
}

/// A path as text that can stand in a script.
///
/// # Errors
/// It is not UTF-8, or holds a line break, another control character or a backslash (which Slurm takes
/// out of the names of logs).
pub fn path_text(path: &Path) -> Result<String> {
    let refuse = || {
        Error::input("a path that cannot stand in a cluster's script")
            .value(format!("{path:?}"))
            .allowed("UTF-8 without control characters and backslashes")
    };
    let text = path.to_str().ok_or_else(refuse)?;
    match text.chars().any(|c| c.is_control() || c == '\\') {
        true => Err(refuse()),
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_jobs() {
        assert_eq!(job_name("planners"), "fisc-planners");
        assert_eq!(job_name("a b\n$(rm -rf /)"), "fisc-a-b---rm--rf");
        assert_eq!(job_name("größe"), "fisc-gr--e");
        assert_eq!(job_name("//"), "fisc");
        assert!(job_name(&"x".repeat(500)).len() <= 65);
    }

    #[test]
    fn paths_that_would_break_a_script_are_refused() {
        for bad in ["/a\nb", "/a\\b", "/a\tb", "/a\u{7}", "/a\u{85}b"] {
            assert_eq!(
                path_text(Path::new(bad)).unwrap_err().exit_code(),
                2,
                "{bad:?}"
            );
        }
        assert_eq!(path_text(Path::new("/a b/'c'")).unwrap(), "/a b/'c'");
    }
}
