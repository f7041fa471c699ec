//! Social choice: ballots, and rules that find a winner. Pure; knows no economics.
//!
//! | module | what is in it |
//! |---|---|
//! | [`ballots`] | utilities of voters for candidates, what they say of pairs |
//! | [`civil`] | whether a rewrite of a candidate's sentence is civil and says the same |
//! | [`rules`] | plurality, runoff, instant runoff, Borda, approval, score, Copeland, Schulze |

pub mod ballots;
pub mod civil;
pub mod rules;

#[cfg(test)]
mod tests;

pub use ballots::{Ballots, Pairwise};
pub use rules::{Election, Round, Rule, elect};
