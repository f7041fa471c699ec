//! One run: from a checked scenario to an output folder.
//!
//! [`Simulation`] plays all arms of a scenario in memory and gives their rows; [`run_into`] wraps
//! it with the folder: transcript, resuming, replay, and the files of a finished run.
//!
//! | module | subject |
//! |---|---|
//! | [`simulation`] | all arms, and a user's own plugins |
//! | [`arm`] | one arm: which plugins its world has |
//! | [`laboratory`] | what is known of a scenario's economy without a run |
//! | [`path`] | how planners came near the optimum; elections in short |
//! | `personas` | personas that a language model writes before the first period |
//! | [`tables`] | rows as Parquet |
//! | [`summary`] | the last tax year of every arm side by side |
//! | [`folder`] | the output folder and its state |
//! | [`output`] | a run that writes |

pub mod arm;
pub mod folder;
pub mod laboratory;
pub mod output;
pub mod path;
mod personas;
pub mod simulation;
pub mod summary;
pub mod tables;

pub use arm::ArmResult;
pub use output::{Options, Start, run_into};
pub use simulation::{Progress, Simulation};
