//! Pure public finance on slices and small structs: no ECS, no files, no randomness but a seed.
//!
//! | module | subject |
//! |---|---|
//! | [`schedule`], [`laws`], [`law`] | piecewise-linear taxes; U.S. federal law 2013–2026; laws of parts, reforms |
//! | [`economy`] | utility, disutility of work, constants |
//! | [`response`], [`choice`], [`motives`] | exact best responses; noisy ones; hours for or against welfare |
//! | [`frictions`] | fixed costs of work, coarse hours, costs of changing them |
//! | [`society`] | a population's outcome under a schedule |
//! | [`objective`] | social welfare functions |
//! | [`inequality`], [`statistics`] | Gini, concentration, quantiles; what is recorded each step |
//! | [`lanes`] | long sums, vectorised and the same for any number of threads |
//! | [`saez`], [`optimum`], [`mirrlees`] | sufficient-statistics rates; the bracket optimum; the best of all taxes |
//! | [`reform`], [`burden`], [`taxable_income`] | effects of a reform; excess burden, MVPF, Laffer curves; elasticity of taxable income |
//! | [`inverse_optimum`], [`bunching`] | welfare weights that a schedule implies; excess mass at kinks |
//! | [`uncertain`] | several objectives at once: regret, the undominated schedules, partial order |

pub mod bunching;
pub mod burden;
pub mod choice;
pub mod economy;
pub mod frictions;
pub mod inequality;
pub mod inverse_optimum;
pub mod lanes;
pub mod law;
pub mod laws;
pub mod mirrlees;
pub mod motives;
pub mod objective;
pub mod optimum;
pub mod reform;
pub mod response;
pub mod saez;
pub mod schedule;
pub mod society;
pub mod statistics;
pub mod taxable_income;
pub mod uncertain;

pub use economy::{Economy, Utility};
pub use motives::Motive;
pub use objective::{Allocation, Objective};
pub use response::best_response;
pub use schedule::Schedule;
pub use society::{Behaviour, Outcome, Society};
