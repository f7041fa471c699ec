//! The preference models, one file each.

pub mod bradley_terry;
pub mod robust;
pub mod thurstone;
