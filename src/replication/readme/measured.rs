//! What the runs took, and what playing them again took.

use crate::error::{Error, Result};
use crate::replication::contents::Contents;
use crate::replication::gather::document;
use crate::run::output::peak_memory_bytes;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// What the runs took, and what playing them again took.
#[derive(Debug)]
pub struct Measured {
    pub(super) rows: Vec<(String, String)>,
    pub(super) verification: Option<Duration>,
}

impl Measured {
    /// From the manifests of the runs in the package `root`.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub fn of(root: &Path, contents: &Contents) -> Result<Measured> {
        let mut seconds: Vec<f64> = Vec::new();
        let (mut threads, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        let (mut tokens, mut cost, mut decisions, mut memory) = (0, 0.0, 0, 0);
        for run in &contents.runs {
            let manifest = document(&root.join(&run.folder).join("manifest.json"))?;
            seconds.extend(manifest["wall_seconds"].as_f64());
            threads.extend(manifest["threads"].as_u64());
            hosts.extend(manifest["host"].as_str().map(str::to_owned));
            tokens += manifest["tokens"].as_u64().unwrap_or(0);
            cost += manifest["cost"].as_f64().unwrap_or(0.0);
            decisions += manifest["decisions"].as_u64().unwrap_or(0);
            memory = memory.max(manifest["peak_memory_bytes"].as_u64().unwrap_or(0));
        }
        let total: f64 = seconds.iter().sum();
        let mut rows = vec![match seconds.len() {
            1 => ("the run, live".to_owned(), duration(total)),
            runs => (
                format!("{runs} runs, live"),
                format!(
                    "{} of machine time together, {} at most for one",
                    duration(total),
                    duration(seconds.iter().copied().fold(0.0, f64::max))
                ),
            ),
        }];
        let threads: Vec<String> = threads.iter().map(u64::to_string).collect();
        let hosts: Vec<String> = hosts.into_iter().collect();
        rows.push(("machine of the runs".into(), hosts.join("; ")));
        rows.push(("threads".into(), threads.join(", ")));
        if memory > 0 {
            rows.push(("peak memory, live".into(), bytes(memory)));
        }
        if decisions > 0 {
            rows.push(("answers of language models".into(), decisions.to_string()));
            rows.push(("tokens evaluated and generated".into(), tokens.to_string()));
        }
        if cost > 0.0 {
            rows.push((
                "cost at the scenario's prices".into(),
                format!("{cost:.2} dollars"),
            ));
        }
        Ok(Measured {
            rows,
            verification: None,
        })
    }

    /// Adds what playing everything again took.
    pub fn verification(&mut self, took: Duration) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let words = format!(
            "{} on {cores} {} ({}{} {})",
            duration(took.as_secs_f64()),
            if cores == 1 { "core" } else { "cores" },
            processor().map_or(String::new(), |name| format!("{name}, ")),
            std::env::consts::OS,
            std::env::consts::ARCH
        );
        self.rows.push(("`fisc verify`".into(), words));
        if let Some(memory) = peak_memory_bytes() {
            self.rows
                .push(("peak memory of `fisc verify`".into(), bytes(memory)));
        }
        self.verification = Some(took);
    }
}

/// The processor's name, where the system says it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Number of files below `root` and their bytes.
///
/// # Errors
/// A folder that cannot be read.
pub fn size(root: &Path) -> Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(root).map_err(|error| Error::io(root, error))? {
        let entry = entry.map_err(|error| Error::io(root, error))?;
        let data = entry
            .metadata()
            .map_err(|error| Error::io(&entry.path(), error))?;
        if data.is_dir() {
            let inside = size(&entry.path())?;
            files += inside.0;
            bytes += inside.1;
        } else {
            files += 1;
            bytes += data.len();
        }
    }
    Ok((files, bytes))
}

/// Seconds in words: `0.4 seconds`, `3 minutes`, `2.5 hours`.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} seconds"),
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3600.0),
    }
}

pub(super) fn bytes(count: u64) -> String {
    match count as f64 {
        b if b < 1e6 => format!("{:.0} kB", (b / 1e3).ceil()),
        b if b < 1e9 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_words() {
        assert_eq!(duration(0.44), "0.4 seconds");
        assert_eq!(duration(200.0), "3 minutes");
        assert_eq!(duration(9000.0), "2.5 hours");
        assert_eq!(bytes(1), "1 kB");
        assert_eq!(bytes(2_400_000), "2 MB");
        assert_eq!(bytes(1_500_000_000), "1.5 GB");
    }
}
