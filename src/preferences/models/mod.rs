//! The preference models, one file each.

pub mod bradley_terry;
pub mod regret;
pub mod robust;
pub mod thurstone;
pub mod values;
