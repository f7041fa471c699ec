//! The preference models, one file each.

pub mod aspects;
pub mod bradley_terry;
pub mod contextual;
pub mod gpm;
pub mod pal;
pub mod plackett_luce;
pub mod rater_embedding;
pub mod thurstone;
