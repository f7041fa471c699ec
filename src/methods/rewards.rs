//! Rewards.

use super::{Family, Method};

/// In the order of the page.
pub(super) const METHODS: &[Method] = &[Method {
    key: "learned",
    family: Family::Reward,
    what: "The model of `[preferences]`: everybody's score of a schedule, weighted; where the model has no score, the share of votes against a pool of schedules.",
    equation: "r(x) = Σᵣ gᵣ s(φ(x, r), r)/N, or Σᵣ gᵣ mean over y of P(x ≻ y)/N",
    source: "reward modelling from comparisons, Christiano et al. (2017)",
    result: "from 2,000 noisy comparisons the planner attains at least 95 % of what `optimal` gains, at the median of ten seeds",
    test: "learned_rewards_come_near_the_optimum",
    example: "examples/preferences/bradley-terry.toml",
}];
