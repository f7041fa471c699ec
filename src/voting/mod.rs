//! Social choice: ballots, and rules that find a winner. Pure; knows no economics.
//!
//! | module | what is in it |
//! |---|---|
//! | [`ballots`] | utilities of voters for candidates, what they say of pairs |
//! | [`rules`] | plurality, runoff, instant runoff, Borda, approval, score, Copeland, Schulze |

pub mod ballots;
pub mod rules;

#[cfg(test)]
mod tests;

pub use ballots::{Ballots, Pairwise};
pub use rules::{Election, Round, Rule, elect};
