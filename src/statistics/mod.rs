//! Statistics of few seeds: means and paired differences with intervals, the share of an attainable
//! gain, many comparisons, precision, and whether a trajectory has settled. Pure functions on slices.
//!
//! A *seed* is one observation. Arms of a scenario share workers and random numbers seed by seed, so
//! their differences are taken seed by seed ([`Paired`]); what that gains over treating the arms as
//! independent says [`Unpaired`].
//!
//! ```
//! use fisc::statistics::{Paired, Settings, holm};
//!
//! let reference = [40.0, 44.0, 38.0, 41.0, 46.0, 39.0];
//! let arm = [41.0, 45.5, 38.5, 42.5, 47.0, 39.5];
//! let paired = Paired::of(&arm, &reference, &Settings::default()).expect("at least one pair");
//! let t = paired.difference.t.expect("more than one seed");
//! assert!(t.low > 0.0 && paired.difference.mean == 1.0 && paired.higher == 1.0);
//! // p values of all comparisons in a table, corrected together.
//! assert_eq!(holm(&[Some(0.01), None, Some(0.04)]), [Some(0.02), None, Some(0.04)]);
//! ```
//!
//! | item | subject |
//! |---|---|
//! | [`Settings`], [`Interval`], [`Mean`] | a mean over seeds: standard error, t and bootstrap interval |
//! | [`differences`], [`Paired`], [`Unpaired`] | two arms seed by seed, and as if independent |
//! | [`share_of_gain`] | a difference as a share of the attainable gain, by Fieller's interval |
//! | [`holm`] | p values of several comparisons, adjusted together |
//! | [`seeds_for_half_width`], [`seeds_for_power`], [`verdict`] | precision: how many seeds, and what can be said |
//! | [`settling`] | whether a trajectory has settled in its last third |
//!
//! Outcomes that are not numbers (failed runs) drop their pair and are counted. One seed has a mean and
//! no interval. Values that do not differ between seeds have a standard error of exactly 0, and a
//! difference that is mere rounding is exactly 0. What each
//! number is and when not to trust it: `docs/statistics.md`.

mod bootstrap;
mod gain;
mod mean;
mod multiple;
mod paired;
mod precision;
mod settling;

pub use bootstrap::BOOTSTRAP_SEEDS_MIN;
pub use gain::{ShareOfGain, share_of_gain};
pub use mean::{Interval, Mean, Settings};
pub use multiple::holm;
pub use paired::{Paired, Unpaired, differences};
pub use precision::{SEEDS_MAX, Verdict, seeds_for_half_width, seeds_for_power, verdict};
pub use settling::{Settled, Settling, last_third, settling};

#[cfg(test)]
mod tests;
