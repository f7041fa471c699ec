//! Agent-based public finance: tax policy on a society of language-model and rational workers,
//! measured against the exact optimum of the very economy that is simulated.
//!
//! A scenario describes a population, an economy, an objective and a planner. All planners under
//! comparison (the *arms*) face the same workers and the same random numbers:
//!
//! ```
//! use fisc::run::Simulation;
//!
//! let settings = ["population.size=50".to_owned(), "record.workers_every=0".to_owned()];
//! let scenario = fisc::scenario::load("scenarios/rational.toml".as_ref(), &settings)?;
//! // No language model is asked here, so no engine is handed in.
//! let (arms, _) = Simulation::new(scenario)?.play(Default::default(), &|_arm| {})?;
//! for arm in &arms {
//!     let last = arm.years.last().expect("at least one tax year");
//!     println!("{:18} {:8.0} $/year", arm.arm, last.welfare);
//! }
//! let welfare = |name: &str| {
//!     let arm = arms.iter().find(|arm| arm.arm == name);
//!     arm.and_then(|arm| arm.years.last()).map(|year| year.welfare)
//! };
//! assert!(welfare("optimal") > welfare("us-2024"));
//! # Ok::<(), fisc::Error>(())
//! ```
//!
//! The same public finance without a scenario, on slices of wages: `examples/library.rs`. A
//! mechanism of your own in the world: `examples/plugin.rs`.
//!
//! # Rooms
//!
//! A room uses only rooms on lower floors.
//!
//! | floor | room | what is in it |
//! |---|---|---|
//! | 8 | [`cli`] | the program: arguments in, exit code out; no economics |
//! | 7 | [`ask`] | a question about a finished run, answered by a chart that a language model proposes |
//! | 7 | [`interview`] | a scenario file from an economist's answers |
//! | 7 | [`methods`] | the catalogue of rewards and preference models |
//! | 7 | [`replication`] | packages that hold all that a study's numbers need, and playing them again |
//! | 6 | [`report`] | table, figures and HTML pages of finished runs and audits, from their files alone |
//! | 5 | [`audit`] | controlled experiments on the workers of a scenario |
//! | 4 | [`sweep`] | many runs: from a sweep file to tables of all runs |
//! | 4 | [`run`] | one run, from a scenario to its output folder |
//! | 3 | [`scenario`] | a TOML file in, a checked scenario out, or an error that points at the line |
//! | 3 | [`world`] | the step of the economy as a chain of phases, one bevy plugin per mechanism |
//! | 2 | [`rewards`] | what planners are after besides welfare functions: plain functions |
//! | 2 | [`llm`] | asking language models: prompts, readouts, transcript; knows no economics |
//! | 1 | [`preferences`] | models of preferences learned from comparisons: plain functions |
//! | 1 | [`population`] | wage priors, census workers, personas |
//! | 1 | [`fiscal`] | schedules, laws, best responses, welfare, inequality, Saez, optima, reforms: plain functions |
//! | 1 | [`search`] | what a planner tries next, from what it tried: plain functions |
//! | 1 | [`statistics`] | few seeds: paired differences, intervals, many comparisons, settling: plain functions |
//! | 1 | [`voting`] | ballots and voting rules: plain functions |
//! | 0 | [`random`], [`units`], [`error`] | random streams; tax rates; the one error type |
//!
//! Equations with sources, code and tests: `docs/equations.md`. Files of a run: `docs/files.md`.
//! Keys of a scenario: `docs/scenario.md`.
//!
//! # Not in this version
//!
//! Not modelled at all: households, wealth, savings, prices, firms, unemployment, wage growth,
//! itemised deductions, and credits but the earned-income credit.

pub mod ask;
pub mod audit;
pub mod cli;
pub mod error;
pub mod fiscal;
pub mod interview;
pub mod llm;
pub mod methods;
pub mod population;
pub mod preferences;
pub mod random;
pub mod replication;
pub mod report;
pub mod rewards;
pub mod run;
pub mod scenario;
pub mod search;
pub mod statistics;
pub mod sweep;
pub mod units;
pub mod voting;
pub mod world;

pub use error::{Error, Result};
