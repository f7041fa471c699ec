//! Many runs of one scenario: a sweep file in, points and seeds out.
//!
//! | module | subject |
//! |---|---|
//! | [`file`] | the sweep file: read, checked against its base scenario, or an error that points at the line |
//! | [`design`] | points in the unit cube (Latin hypercube, Sobol), ranges, seeds: plain functions |
//!
//! Keys of a sweep file: `docs/sweep-file.md`, from the same table of keys as the checks.

pub mod design;
pub mod file;

pub use file::{OnError, Point, Setting, Sweep, Value, reference};
