//! Preference models for lists, cycles, groups of raters, contexts and aspects.

use super::{Family, Method};

/// In the order of the page.
pub(super) const METHODS: &[Method] = &[
    Method {
        key: "plackett-luce",
        family: Family::Model,
        what: "Rankings of any length by a score: the best is chosen first, then the best of the rest; or, in place of the list's probability, its pairs weighted by gain and discount.",
        equation: "P(x1 ≻ x2 ≻ …) = Πⱼ exp s(xⱼ)/Σ_{k≥j} exp s(xₖ); or pairs i ≻ j of weight |2^ψᵢ − 2^ψⱼ|·|1/log₂(1+i) − 1/log₂(1+j)|, ψ from 1 of the best to 0 of the worst",
        source: "Luce (1959), Plackett (1975); weighted pairs: after Karthik et al. (2024), \"Scalable ranked preference optimization…\", arXiv 2410.18013; to discount by the place in the given list, and to let a list's weights add up to its length less one, is fisc's own",
        result: "scores equal those of the Python package choix 0.4.1 on 150 rankings, and Bradley-Terry's on 400 pairs, to 1e-6, with and without a prior",
        test: "agrees_with_choix",
        example: "examples/preferences/plackett-luce.toml",
    },
    Method {
        key: "gpm",
        family: Family::Model,
        what: "Preferences that may run in circles: an embedding of each schedule, and a skew-symmetric form of two of them. No score.",
        equation: "P(a ≻ b) = σ((R v(a))·v(b)/β), v(x) = Vx + c in R^2k, R of k blocks [[0, −1], [1, 0]]",
        source: "Zhang et al. (2024), \"Beyond Bradley-Terry models…\", arXiv 2410.02197",
        result: "rock, paper, scissors with P > 0.99 each, where bradley-terry says ½",
        test: "rock_paper_scissors",
        example: "examples/preferences/gpm.toml",
    },
    Method {
        key: "pal",
        family: Family::Model,
        what: "Ideal points: every rater's is a mixture of a few prototypes, so that groups of opposed tastes are found; a new rater needs a handful of comparisons.",
        equation: "s_r(x) = −‖Ax − Σₖ w_rk Pₖ‖², or Ax·Σₖ w_rk Pₖ (`form = \"vector\"`); w_r on the simplex",
        source: "Chen et al. (2024), \"PAL…\", arXiv 2406.08469, from Coombs (1950); vectors after Tucker (1960)",
        result: "three planted groups found with an adjusted Rand index above 0.95 (1.00); the group of a new rater from 5 pairs in at least 8 of 10 cases",
        test: "planted_groups_come_back",
        example: "examples/preferences/pal.toml",
    },
    Method {
        key: "rater-embedding",
        family: Family::Model,
        what: "A taste common to all, and a few directions in which raters differ by degrees.",
        equation: "s_r(x) = θ·x + u_r·(Ux)",
        source: "Shenfeld et al. (2025), \"Language model personalization via reward factorization\", arXiv 2503.06358; Bose et al. (2025), \"LoRe…\", arXiv 2504.14439, there on the simplex; priors of Salakhutdinov and Mnih (2008)",
        result: "tastes of 120 raters from 20 comparisons each at a mean cosine above 0.9 to the truth (0.94; 0.80 fitted one by one, 0.50 fitted together), those of new raters from 5 pairs at 0.77",
        test: "planted_tastes_come_back",
        example: "examples/preferences/rater-embedding.toml",
    },
    Method {
        key: "contextual",
        family: Family::Model,
        what: "First a context comes up, then schedules are judged in it. Contexts are said, or unknown and found as a mixture. No score over all contexts.",
        equation: "P(a ≻ b) = Σ_c P(c)·σ(s_c(a) − s_c(b))",
        source: "Pitis et al. (2024), \"Improving context-aware preference modeling…\", arXiv 2407.14916",
        result: "planted shares of three contexts within 0.01 and tastes within a tenth, from 60,000 comparisons; with contexts unknown, the share within 0.05 (0.63 for 0.625) and the mixture's probability within 0.03",
        test: "planted_contexts_come_back",
        example: "examples/preferences/contextual.toml",
    },
    Method {
        key: "aspects",
        family: Family::Model,
        what: "A score for each aspect, and for each rater what every aspect weighs in the overall judgement.",
        equation: "P(a ≻ b in k) = σ(s_k(a) − s_k(b)); overall P_r(a ≻ b) = σ(Σₖ w_rk (s_k(a) − s_k(b))), w on the simplex or at least 0",
        source: "Keeney and Raiffa (1976); learned, from absolute ratings, by Wang et al. (2024), \"Interpretable preferences…\", arXiv 2406.12845",
        result: "more than 80 % of the spread of 30 raters' planted weights is found (97 % on the simplex, 86 % off it), and each aspect's direction with a cosine above 0.98",
        test: "planted_weights_come_back",
        example: "examples/preferences/aspects.toml",
    },
];
