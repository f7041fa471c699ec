//! Language models at work.

use super::{Family, Method};

/// In the order of the page.
pub(super) const METHODS: &[Method] = &[
    Method {
        key: "principle",
        family: Family::Reward,
        what: "A language model judges schedules side by side by a principle in plain words, with or without the results of fisc's calculators; every list is judged in all its rotations.",
        equation: "r(x) = mean over rotations of ln P(x is named the best of its list)",
        source: "Sun et al. (2024), \"SALMON…\", arXiv 2310.05910, and Yu et al. (2025), \"RewardAnything…\", arXiv 2506.03637, for principles, the latter for lists too; Li et al. (2024), \"Tool-augmented reward modeling\", arXiv 2310.01045, for calculators",
        result: "a planted judge that likes equality and the first place: rotated, the planner sets the schedule with the least Gini coefficient of the list, and the order effect is the planted one",
        test: "a_principle_is_followed_in_any_order",
        example: "examples/preferences/principle.toml",
    },
    Method {
        key: "follow-up",
        family: Family::Reward,
        what: "A language model speaks for workers: how much likelier it is that they go on content than complaining, once they have told of their year.",
        equation: "R = (1/n) Σᵢ [Σ ln pᵢ(positive | year) − Σ ln pᵢ(negative | year)], nats",
        source: "Zhang et al. (2024), \"Aligning language models using follow-up likelihood as reward signal\", arXiv 2409.13948",
        result: "exact with a bigram model worked by hand; with a planted speaker whose contentment is what it kept, the planner sets the schedule of the list that leaves most",
        test: "follow_ups_are_read",
        example: "examples/preferences/follow-up.toml",
    },
    Method {
        key: "source choice",
        family: Family::Language,
        what: "A language model answers \"A or B?\" for a worker, from its exact probabilities, with either schedule named first; both answers are averaged.",
        equation: "y = ½(P₁ + 1 − P₂); liking for the first ½(P₁ + P₂) − ½; both noted, with the probability on admissible answers",
        source: "balanced positions by Wang et al. (2024), \"Large language models are not fair evaluators\", arXiv 2305.17926",
        result: "a planted model with P = σ(Δ ± b): outcomes are ½[σ(Δ + b) + σ(Δ − b)] of the society's own Δ within 1e-4 (dollars are rounded) for b = 0 and 2.5, ½ for a model that sees places alone; replayed to the byte",
        test: "both_orders_are_averaged",
        example: "examples/preferences/choice.toml",
    },
    Method {
        key: "source ballots",
        family: Family::Language,
        what: "Polls among several schedules, by true utility or by a language model, become comparisons of every two on a ballot.",
        equation: "i ≻ j by utility; P(i ≻ j) = pᵢ/(pᵢ + pⱼ) of a model; weight 2/m each, m − 1 a ballot",
        source: "Luce (1959)",
        result: "by utility every comparison is right and the planner attains over 95 % of what `optimal` gains; a planted model's 0.2, 0.05, 0.15 become 0.8, 4/7 and 1/4",
        test: "ballots_by_utility_are_true_rankings",
        example: "examples/preferences/ballots.toml",
    },
    Method {
        key: "source statements",
        family: Family::Language,
        what: "Feedback is mined: workers speak freely about a year under a schedule, a second question hears whether that is satisfied, and two statements whose signals differ compare.",
        equation: "weight pₐ(1 − p_b) + p_b(1 − pₐ), outcome pₐ(1 − p_b)/weight",
        source: "Shi et al. (2024), \"WildFeedback…\", arXiv 2408.15549",
        result: "a planted speaker who is satisfied above $50,000 and a listener who hears it: all pairs on two sides of it compare, rightly, and no others count",
        test: "statements_are_mined",
        example: "examples/preferences/statements.toml",
    },
    Method {
        key: "source matched",
        family: Family::Language,
        what: "Pairs without raters: a language model votes as a worker and as another in its place; where the votes differ, the worker's own is better for it.",
        equation: "vote(r) ≻ vote(r′) for r, both drawn with one uniform number",
        source: "contrast of prompts, Yang et al. (2024), \"RLCD…\", arXiv 2307.12950",
        result: "a planted model that votes for the least tax on the income that it is told: every pair is right by the rater's own tax",
        test: "matched_pairs_need_no_rater",
        example: "examples/preferences/matched.toml",
    },
];
