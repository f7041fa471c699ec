//! Designs of experiments: points in the unit cube, ranges, seeds.

mod latin;
mod range;
mod seeds;
mod sobol;

pub use latin::latin_hypercube;
pub use range::{Range, Scale};
pub use seeds::{SEED_MAX, spawned};
pub use sobol::{DIMENSIONS_MAX, shifted, sobol};
