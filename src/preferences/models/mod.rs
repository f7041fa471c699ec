//! The preference models, one file each.

pub mod bradley_terry;
pub mod thurstone;
