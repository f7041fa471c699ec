//! Preference models.

use super::{Family, Method};

/// In the order of the page.
pub(super) const METHODS: &[Method] = &[
    Method {
        key: "bradley-terry",
        family: Family::Model,
        what: "Logistic preferences by a score that is linear in features or has one hidden layer; one fit, or an ensemble.",
        equation: "P(a ≻ b) = σ(s(a) − s(b)); max Σ w [y ln P + (1−y) ln(1−P)] − ½·ridge·‖θ‖²",
        source: "Bradley and Terry (1952); hidden layer and ensemble as in Zhang et al. (2025), \"BaseReward…\", arXiv 2509.16127",
        result: "planted coefficients come back within their standard errors, whose mean square of z is 1 (`planted_scores_come_back`); in a run, 2,000 answers of 200 workers attain at least 95 % of what `optimal` gains over `us-2024`, at the median of ten seeds, with features `own` and with `society`. With `own` the truth, income less the cost of effort, is among what is fitted, so that this hardly tests learning: the median is 77 % from 1 answer, 94 % from 5, 100.0 % from 2,000. With `society` it is 39 % from 20 answers and 97.9 % from 2,000 (75.6 to 99.7 % over the seeds): inverse wages leave a score for all to rest on the answers of few. Of raters who differ, one score for all is nearer to a Borda count than to their mean utility",
        test: "learned_rewards_come_near_the_optimum",
        example: "examples/preferences/bradley-terry.toml",
    },
    Method {
        key: "thurstone",
        family: Family::Model,
        what: "Utilities that are normal around a mean, with a spread of their own for each schedule.",
        equation: "P(a ≻ b) = Φ((μ(a) − μ(b))/√(τ(a)² + τ(b)²)), μ and ln τ linear in x",
        source: "Thurstone (1927), cases III and V; used on language models by Mazeika et al. (2025), \"Utility engineering…\", arXiv 2502.08640",
        result: "planted means within 0.1 and planted spreads within a sixth, from 40,000 comparisons of four items",
        test: "planted_means_and_spreads_come_back",
        example: "examples/preferences/thurstone.toml",
    },
];
