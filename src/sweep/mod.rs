//! Many runs: from a sweep file to tables of all runs.
//!
//! | module | subject |
//! |---|---|
//! | [`mod@file`] | the sweep file: read, checked against its base scenario, or an error that points at the line |
//! | [`design`] | points in the unit cube (Latin hypercube, Sobol), ranges, seeds: plain functions |
//! | [`plan`], [`fingerprint`] | every run with its scenario and name; shards |
//! | [`store`], [`parts`], [`ledger`] | the output folder and its tables |
//! | [`codebook`] | what every column means; the folder's own README |
//! | [`worker`], [`execute`] | playing what is missing, in processes |
//! | [`collect`] | taking the runs of other folders |
//! | [`probe`] | what a sweep will take |
//! | [`cluster`] | scripts for machines that are not this one |
//!
//! Keys of a sweep file: `docs/sweep-file.md`, from the same table of keys as the checks. The output
//! folder: `docs/sweeps.md`.

pub mod cluster;
pub mod codebook;
pub mod collect;
pub mod design;
pub mod execute;
pub mod file;
pub mod fingerprint;
pub mod ledger;
pub mod parts;
pub mod plan;
pub mod probe;
pub mod store;
pub mod worker;

pub use file::{OnError, Point, Setting, Sweep, Value, reference};
