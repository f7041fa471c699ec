//! The preference models, one file each.

pub mod aspects;
mod axes;
pub mod bradley_terry;
pub mod contextual;
pub mod gpm;
pub mod pal;
pub mod plackett_luce;
pub mod rater_embedding;
pub mod regret;
pub mod robust;
pub mod thurstone;
pub mod values;
