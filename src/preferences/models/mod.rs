//! The preference models, one file each.

pub mod bradley_terry;
pub mod gpm;
pub mod plackett_luce;
pub mod thurstone;
