//! Preference models that look behind judgements.

use super::{Family, Method};

/// In the order of the page.
pub(super) const METHODS: &[Method] = &[
    Method {
        key: "robust",
        family: Family::Model,
        what: "An ensemble votes on every answer; those with too few votes are turned round, weak ones smoothed or softened, and a model is fitted to the rest; margins by strength and weights by rationale if wanted.",
        equation: "strength = mean over votes of ln P(preferred)/P(other); y → 1−y where votes disagree, y + ε(1−2y) where weak",
        source: "Wang et al. (2024), \"Secrets of RLHF in large language models part II…\", arXiv 2401.06080",
        result: "with 25 % of 1,000 answers turned round, 85 % of those are found, accuracy is within 2.5 points of the clean fit, and log-loss less than half of that without",
        test: "a_quarter_of_wrong_labels",
        example: "examples/preferences/robust.toml",
    },
    Method {
        key: "regret",
        family: Family::Model,
        what: "Schedules are states, a year leads no further than `reach`, and a schedule is judged by what it brings and what can be reached from it.",
        equation: "P(a ≻ b) = σ(regret(b) − regret(a)), regret = V*(s₀) − (Σ γᵗr + γᵀV*(s_T))",
        source: "Knox et al. (2022), \"Models of human preference for learning reward functions\", arXiv 2206.02231",
        result: "in a game of two states the way up has a lower partial return and a regret of 0 against 0.8, as computed by hand; the planted reward comes back",
        test: "partial_return_ranks_wrongly_and_regret_rightly",
        example: "examples/preferences/regret.toml",
    },
    Method {
        key: "values",
        family: Family::Model,
        what: "What workers like follows from how much each of Schwartz's 19 values matters to them; statements are labelled by a lexicon of stems, or by a language model that is asked for presence, kind and direction in turn.",
        equation: "s(x, r) = θ₀·x + Σ_k v_rk θ_k·x, v_r centred",
        source: "Schwartz et al. (2012), \"Refining the theory of basic individual values\", for the values; how they enter is fisc's own",
        result: "planted slopes of 3 come back within 0.5, and workers who never compared anything are foretold at least 10 points better than by one score for all",
        test: "new_raters_are_foretold_from_their_values",
        example: "examples/preferences/values.toml",
    },
];
