//! Replication packages: everything that is needed to get a study's numbers again, in one folder.
//!
//! [`package`] writes the folder for a finished run or sweep, with a README after the template of the
//! social-science data editors; [`verify()`] plays it again without any model and compares.
//!
//! | module | subject |
//! |---|---|
//! | [`contents`] | `package.json`: what is in a package |
//! | `gather` | what a finished run or sweep consists of |
//! | [`relocate`] | scenarios that do not depend on where they are |
//! | `pack` | writing a package, whole or not at all |
//! | [`sums`] | `SHA256SUMS` |
//! | [`difference`] | whether two files hold the same results |
//! | [`mod@verify`], `merged` | playing a package again |
//! | [`sources`] | data tables, models and methods: provenance, rights, references |
//! | `readme` | the README |

pub mod contents;
pub mod difference;
mod gather;
mod merged;
mod pack;
mod readme;
pub mod relocate;
pub mod sources;
pub mod sums;
pub mod verify;

pub use contents::Contents;
pub use difference::Verdict;
pub use pack::{PackOptions, Packed, package};
pub use sums::Fault;
pub use verify::{Compared, Options, Progress, Replayed, Told, Verification, verify};

use crate::error::{Error, Result};
use std::path::Path;

/// The README of a package.
pub const README: &str = "README.md";

/// What every file and column means: fisc's `docs/files.md`.
pub const FILES: &str = "FILES.md";

/// Where a replicator may put model files.
pub const MODELS: &str = "models";

/// Copies a file and makes the folder that it goes into.
fn copy_file(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    }
    std::fs::copy(from, to).map_err(|error| Error::io(from, error))?;
    Ok(())
}
