//! The HTML report (stub).
use std::path::{Path, PathBuf};
use crate::Result;
pub(super) fn write(run: &Path) -> Result<PathBuf> { super::figures(run)?; Ok(run.join("report.html")) }
