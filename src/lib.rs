//! fisc: agent-based public finance.

pub mod cli;
pub mod error;
pub mod fiscal;
pub mod llm;
pub mod population;
pub mod random;
pub mod report;
pub mod run;
pub mod scenario;
pub mod units;
pub mod world;

pub use error::{Error, Result};
