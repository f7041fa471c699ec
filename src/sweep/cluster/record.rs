//! What was submitted: `cluster/submission.json` in the output folder.

use crate::error::{Error, Result};
use crate::run::tables::write_whole;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The submissions of a sweep, the first at the top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of fisc that submitted.
    pub fisc: String,
    /// Engine.
    pub engine: String,
    /// SHA-256 of the plan.
    pub plan_sha256: String,
    /// Into how many shards the plan is cut.
    pub of: usize,
    /// Options as given, for submissions to come.
    pub options: Options,
    /// What was submitted, in order.
    pub rounds: Vec<Round>,
}

/// Options of a submission, as the user wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Wall time of a task.
    pub time: Option<String>,
    /// Memory of a task.
    pub mem: Option<String>,
    /// CPUs of a task.
    pub cpus: Option<u32>,
    /// Tasks at a time.
    pub at_once: Option<usize>,
    /// Slurm's partition.
    pub partition: Option<String>,
    /// Slurm's account.
    pub account: Option<String>,
    /// Further options of sbatch.
    #[serde(default)]
    pub sbatch: Vec<String>,
    /// Container image.
    pub image: Option<String>,
    /// Persistent volume claim.
    pub claim: Option<String>,
    /// Where the claim is mounted.
    pub mount: Option<String>,
    /// The program on the machines that play.
    pub fisc: Option<String>,
}

impl Options {
    /// These options, and those of `earlier` where there are none.
    #[must_use]
    pub fn or(self, earlier: &Options) -> Options {
        let earlier = earlier.clone();
        Options {
            time: self.time.or(earlier.time),
            mem: self.mem.or(earlier.mem),
            cpus: self.cpus.or(earlier.cpus),
            at_once: self.at_once.or(earlier.at_once),
            partition: self.partition.or(earlier.partition),
            account: self.account.or(earlier.account),
            sbatch: match self.sbatch.is_empty() {
                true => earlier.sbatch,
                false => self.sbatch,
            },
            image: self.image.or(earlier.image),
            claim: self.claim.or(earlier.claim),
            mount: self.mount.or(earlier.mount),
            fisc: self.fisc.or(earlier.fisc),
        }
    }
}

/// One submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Number of the array's job; null where it was only written down.
    pub job: Option<u64>,
    /// Number of the job that collects.
    pub collect: Option<u64>,
    /// Shards, from 1.
    pub shards: Vec<usize>,
}

impl Record {
    /// Reads it; `None` where nothing was submitted.
    ///
    /// # Errors
    /// The file cannot be read or is something else.
    pub fn read(path: &Path) -> Result<Option<Record>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(path, error)),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Error::run(format!("{}: {error}", path.display())).allowed(
                "what `fisc sweep submit` wrote; without the file the sweep counts as never submitted",
            )
        })
    }

    /// Writes it whole.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::run(format!("writing {}: {error}", path.display())))?;
        text.push('\n');
        write_whole(path, text.as_bytes())
    }
}
