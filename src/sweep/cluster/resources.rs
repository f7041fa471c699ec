//! What one task may use, read as Slurm reads it and written as each engine wants it.

use crate::error::{Error, Result};
use std::str::FromStr;

/// What one task may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Wall time.
    pub time: TimeLimit,
    /// Memory.
    pub memory: Memory,
    /// CPUs; as many runs are played at a time.
    pub cpus: u32,
}

impl Resources {
    /// `2 CPUs, 4 GiB, at most 2 h`.
    pub fn in_words(&self) -> String {
        let cpus = match self.cpus {
            1 => "1 CPU".to_owned(),
            cpus => format!("{cpus} CPUs"),
        };
        format!(
            "{cpus}, {}, at most {}",
            self.memory.in_words(),
            self.time.in_words()
        )
    }
}

/// A limit of wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimit {
    /// Seconds, at least one.
    pub seconds: u64,
}

impl TimeLimit {
    /// As `days-hours:minutes:seconds`, without days where there are none.
    pub fn slurm(self) -> String {
        let (days, rest) = (self.seconds / 86_400, self.seconds % 86_400);
        let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
        match days {
            0 => clock,
            days => format!("{days}-{clock}"),
        }
    }

    /// `1 d 2 h 30 min`.
    pub fn in_words(self) -> String {
        let s = self.seconds;
        let parts = [
            (s / 86_400, "d"),
            (s / 3600 % 24, "h"),
            (s / 60 % 60, "min"),
            (s % 60, "s"),
        ];
        let words: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, unit)| format!("{number} {unit}"))
            .collect();
        words.join(" ")
    }
}

impl FromStr for TimeLimit {
    type Err = Error;

    /// Slurm's forms: `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`,
    /// `days-hours:minutes`, `days-hours:minutes:seconds` (sbatch(1), `--time`).
    fn from_str(text: &str) -> Result<Self> {
        seconds(text)
            .filter(|seconds| *seconds > 0)
            .map(|seconds| TimeLimit { seconds })
            .ok_or_else(|| {
                Error::input("not a time limit").value(text).allowed(
                    "minutes (90), hours:minutes:seconds (01:30:00), or days-hours:minutes:seconds (1-12:00:00)",
                )
            })
    }
}

fn seconds(text: &str) -> Option<u64> {
    let number = |text: &str| -> Option<u64> {
        // `parse` would take a plus sign; five digits are 27 centuries of days at most.
        (text.len() <= 6 && text.chars().all(|c| c.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    };
    let clock = |text: &str| -> Option<Vec<u64>> { text.split(':').map(number).collect() };
    match text.split_once('-') {
        Some((days, rest)) => {
            let days = number(days)? * 86_400;
            match clock(rest)?[..] {
                [h] => Some(days + h * 3600),
                [h, m] => Some(days + h * 3600 + m * 60),
                [h, m, s] => Some(days + h * 3600 + m * 60 + s),
                _ => None,
            }
        }
        None => match clock(text)?[..] {
            [m] => Some(m * 60),
            [m, s] => Some(m * 60 + s),
            [h, m, s] => Some(h * 3600 + m * 60 + s),
            _ => None,
        },
    }
}

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// MiB (2²⁰ bytes), at least one.
    pub mebibytes: u64,
}

impl Memory {
    /// `4 GiB`, `1536 MiB`.
    pub fn in_words(self) -> String {
        match self.mebibytes % 1024 {
            0 => format!("{} GiB", self.mebibytes / 1024),
            _ => format!("{} MiB", self.mebibytes),
        }
    }
}

impl FromStr for Memory {
    type Err = Error;

    /// A whole number with the suffix `K`, `M`, `G` or `T`, powers of 1024; without one it counts MiB
    /// (sbatch(1), `--mem`). Rounded up to a MiB.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            Error::input("not an amount of memory")
                .value(text)
                .allowed("a whole number with K, M, G or T, such as 4G")
        };
        let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
        let suffix = &text[digits.len()..];
        let whole = digits.len() <= 9 && digits.chars().all(|c| c.is_ascii_digit());
        let number: u64 = whole
            .then(|| digits.parse().ok())
            .flatten()
            .filter(|number| *number > 0)
            .ok_or_else(refuse)?;
        let mebibytes = match suffix {
            "K" => number.div_ceil(1024),
            "" | "M" => number,
            "G" => number << 10,
            "T" => number << 20,
            _ => return Err(refuse()),
        };
        Ok(Memory { mebibytes })
    }
}

/// Checks a name that goes into a script: `what` says which in an error, `more` which characters may
/// stand in it beside letters and digits. It begins with a letter, a digit or `_`.
///
/// # Errors
/// Any other character, or none.
pub fn name(what: &str, text: &str, more: &str) -> Result<String> {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = text.starts_with(first)
        && text.len() <= 255
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    match fits {
        true => Ok(text.to_owned()),
        false => Err(Error::input(format!("`{what}`: not such a name"))
            .value(text)
            .allowed(format!("letters, digits and {}", spaced(more)))),
    }
}

fn spaced(characters: &str) -> String {
    let each: Vec<String> = characters.chars().map(String::from).collect();
    each.join(" ")
}
