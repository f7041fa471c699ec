//! Ballots as utilities, and pairwise majorities.

use crate::error::{Error, Result};
use rayon::prelude::*;

/// The utilities of all present voters for all candidates.
///
/// Only comparisons within a ballot matter, but for [`Rule::Score`](super::Rule::Score) and
/// [`Rule::Approval`](super::Rule::Approval), which take each ballot's own scale. Equal utilities
/// are indifference, and every rule treats them alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Ballots {
    candidates: usize,
    eligible: usize,
    /// Present voters one after the other.
    utility: Vec<f64>,
}

impl Ballots {
    /// One entry per voter: a utility for each of `candidates`, or `None` for one who abstains.
    ///
    /// # Errors
    /// No candidate, a ballot of another length, a utility that is not finite.
    pub fn new(candidates: usize, voters: &[Option<Vec<f64>>]) -> Result<Self> {
        if candidates == 0 {
            return Err(Error::run("an election without candidates"));
        }
        let mut utility = Vec::with_capacity(candidates * voters.len());
        for (voter, ballot) in voters.iter().enumerate() {
            let Some(ballot) = ballot else { continue };
            if ballot.len() != candidates {
                return Err(Error::run(format!(
                    "voter {voter} has {} utilities for {candidates} candidates",
                    ballot.len()
                )));
            }
            if let Some(broken) = ballot.iter().position(|u| !u.is_finite()) {
                return Err(Error::run(format!(
                    "voter {voter} has no finite utility for candidate {broken}"
                )));
            }
            utility.extend(ballot);
        }
        Ok(Ballots {
            candidates,
            eligible: voters.len(),
            utility,
        })
    }

    /// Number of candidates, at least 1.
    pub fn candidates(&self) -> usize {
        self.candidates
    }

    /// Number of voters who cast a ballot.
    pub fn present(&self) -> usize {
        self.utility.len() / self.candidates
    }

    /// Present voters as a share of all; 0 where there is nobody.
    pub fn turnout(&self) -> f64 {
        self.present() as f64 / self.eligible.max(1) as f64
    }

    /// Each present voter's utilities by candidate.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.utility.chunks_exact(self.candidates)
    }

    /// How many voters prefer each candidate to each other one.
    pub fn pairwise(&self) -> Pairwise {
        let n = self.candidates;
        let count = |voters: &[f64]| {
            let mut prefer = vec![0u64; n * n];
            for ballot in voters.chunks_exact(n) {
                for (a, row) in prefer.chunks_exact_mut(n).enumerate() {
                    for (b, count) in row.iter_mut().enumerate() {
                        *count += u64::from(ballot[a] > ballot[b]);
                    }
                }
            }
            prefer
        };
        // Whole numbers: the order of adding them does not matter.
        let prefer = self.utility.par_chunks(n * 1_024).map(count).reduce(
            || vec![0; n * n],
            |mut sum, part| {
                sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
                sum
            },
        );
        Pairwise { n, prefer }
    }
}

/// How many voters prefer a to b, for all candidates a and b.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairwise {
    n: usize,
    prefer: Vec<u64>,
}

impl Pairwise {
    /// Voters who strictly prefer `a` to `b`.
    pub fn prefer(&self, a: usize, b: usize) -> u64 {
        self.prefer[a * self.n + b]
    }

    /// Number of candidates.
    pub fn candidates(&self) -> usize {
        self.n
    }

    /// Whether more voters prefer `a` to `b` than `b` to `a`.
    pub fn beats(&self, a: usize, b: usize) -> bool {
        self.prefer(a, b) > self.prefer(b, a)
    }

    /// The candidate who beats every other one, if there is one. Source: Condorcet (1785).
    pub fn condorcet_winner(&self) -> Option<usize> {
        (0..self.n).find(|&a| (0..self.n).all(|b| a == b || self.beats(a, b)))
    }
}
