//! Many runs: from a sweep file to tables of all runs.
//!
//! | module | subject |
//! |---|---|
//! | [`file`], [`design`] | a sweep file: points in the space of scenarios, and seeds |
//! | [`plan`], [`fingerprint`] | every run with its scenario and name; shards |
//! | [`store`], [`parts`], [`ledger`] | the output folder and its tables |
//! | [`codebook`] | what every column means; the folder's own README |
//! | [`worker`], [`execute`] | playing what is missing, in processes |
//! | [`probe`] | what it will take |
//! | [`cluster`] | scripts for machines that are not this one |

pub mod cluster;
pub mod codebook;
pub mod collect;
pub mod execute;
pub mod file;
pub mod fingerprint;
pub mod ledger;
pub mod parts;
pub mod plan;
pub mod probe;
pub mod store;
pub mod worker;
