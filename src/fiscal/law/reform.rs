//! Reforms: small differences over a baseline law.

use super::TaxLaw;
use crate::error::{Error, Result};
use crate::fiscal::Schedule;
use crate::units::Rate;

/// One number of a law that a reform sets. Brackets count from 1, as in the columns `rate_1`, `rate_2`, …
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// `rates.K = r`: the marginal rate of bracket K, a fraction from −1 to 1.
    Rate {
        /// K, from 1.
        bracket: usize,
        /// The new rate.
        rate: f64,
    },
    /// `edges.K = b`: the lower edge of bracket K in $/year. The first edge stays 0.
    Edge {
        /// K, from 2.
        bracket: usize,
        /// The new edge.
        edge: f64,
    },
    /// `grant = G`: the grant, $/year.
    Grant(f64),
}

impl Change {
    /// A change by its key, `rates.K`, `edges.K` or `grant`.
    ///
    /// # Errors
    /// Another key; the nearest is suggested.
    pub fn new(key: &str, value: f64) -> Result<Self> {
        let unknown = || {
            let number: String = key.chars().filter(char::is_ascii_digit).collect();
            let number = if number.is_empty() { "1" } else { &number };
            let near = [format!("rates.{number}"), format!("edges.{number}")];
            Error::input("a reform has no such key")
                .value(key)
                .allowed("rates.K, edges.K (K counts brackets from 1) or grant")
                .suggest(key, near.iter().map(String::as_str).chain(["grant"]))
        };
        if key == "grant" {
            return Ok(Change::Grant(value));
        }
        let (list, number) = key.split_once('.').ok_or_else(unknown)?;
        let bracket = number
            .parse::<usize>()
            .ok()
            .filter(|bracket| bracket.to_string() == number)
            .ok_or_else(unknown)?;
        match list {
            "rates" => Ok(Change::Rate {
                bracket,
                rate: value,
            }),
            "edges" => Ok(Change::Edge {
                bracket,
                edge: value,
            }),
            _ => Err(unknown()),
        }
    }

    /// The key, as [`Change::new`] reads it.
    pub fn key(&self) -> String {
        match self {
            Change::Rate { bracket, .. } => format!("rates.{bracket}"),
            Change::Edge { bracket, .. } => format!("edges.{bracket}"),
            Change::Grant(_) => "grant".to_owned(),
        }
    }

    /// Whether the change is one of a law with so many brackets.
    ///
    /// # Errors
    /// No such bracket, a rate outside [−1, 1], a first edge.
    pub fn check(&self, brackets: usize) -> Result<()> {
        let (&first, &bracket) = match self {
            Change::Grant(_) => return Ok(()),
            Change::Rate { bracket, .. } => (&1, bracket),
            Change::Edge { bracket, .. } => (&2, bracket),
        };
        if !(first..=brackets).contains(&bracket) {
            let list = if first == 1 { "rates" } else { "edges" };
            return Err(Error::input("the law has no such bracket to reform")
                .value(self.key())
                .allowed(match brackets < first {
                    true => "no edge: the law has one bracket, from 0".to_owned(),
                    false => format!("{list}.{first} to {list}.{brackets}"),
                }));
        }
        match *self {
            Change::Rate { rate, .. } => Rate::new(rate, true)
                .map(drop)
                .map_err(|error| error.context(format!("reform {}", self.key()))),
            _ => Ok(()),
        }
    }
}

/// A reform: a list of changes, no two of the same number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reform {
    changes: Vec<Change>,
}

impl Reform {
    /// A reform of these changes.
    ///
    /// # Errors
    /// Two changes of the same key.
    pub fn new(changes: Vec<Change>) -> Result<Self> {
        for (index, change) in changes.iter().enumerate() {
            if let Some(before) = changes[..index].iter().find(|c| c.key() == change.key()) {
                return Err(Error::input("a reform sets a number twice")
                    .value(before.key())
                    .allowed("each key once"));
            }
        }
        Ok(Reform { changes })
    }

    /// Reads `key=value` settings such as `rates.3=0.30`, `edges.2=15000`, `grant=6000`.
    ///
    /// # Errors
    /// No `=`, an unknown key, no number, a key twice.
    pub fn parse<S: AsRef<str>>(settings: &[S]) -> Result<Self> {
        let change = |setting: &S| {
            let setting = setting.as_ref();
            let malformed = || {
                Error::input("not a change of a tax law")
                    .value(setting)
                    .allowed("KEY=NUMBER, such as rates.3=0.30, edges.2=15000 or grant=6000")
            };
            let (key, value) = setting.split_once('=').ok_or_else(malformed)?;
            Change::new(key.trim(), value.trim().parse().map_err(|_| malformed())?)
        };
        Reform::new(settings.iter().map(change).collect::<Result<_>>()?)
    }

    /// The changes in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The law after the reform: the baseline, but for the numbers that the reform sets.
    ///
    /// # Errors
    /// As [`Change::check`]; edges that no longer increase; a grant below 0.
    pub fn apply(&self, baseline: &TaxLaw) -> Result<TaxLaw> {
        let mut edges = baseline.schedule.edges().to_vec();
        let mut rates = baseline.schedule.rates().to_vec();
        let mut grant = baseline.grant;
        for change in &self.changes {
            change.check(edges.len())?;
            match *change {
                Change::Rate { bracket, rate } => rates[bracket - 1] = rate,
                Change::Edge { bracket, edge } => edges[bracket - 1] = edge,
                Change::Grant(dollars) => grant = dollars,
            }
        }
        TaxLaw::new(Schedule::with_subsidy(&edges, &rates, true)?, grant)
    }
}
