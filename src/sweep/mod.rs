//! Many runs as one study.

pub mod cluster;
