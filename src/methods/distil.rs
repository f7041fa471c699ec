//! A small model in the place of a large one; agents beside people.

use super::{Family, Method};

/// In the order of the page.
pub(super) const DISTIL_METHODS: &[Method] = &[
    Method {
        key: "workers.decide distil",
        family: Family::Language,
        what: "A small multinomial model of wage, tax and persona, fitted by cross-entropy to a language model's choice probabilities about a sample of workers, stands in for it in a population of any size; its divergence on workers held out is a note of the run.",
        equation: "P(h_j) ∝ exp(a_j + (b·f) x_j + (c·f) x_j² + γ·o_j), x_j = h_j/h_max; min Σ_i Σ_j −p_ij ln P_i(h_j) + ½·ridge·‖(b, c, γ)‖²",
        source: "McFadden (1974); Hinton, Vinyals and Dean (2015), \"Distilling the knowledge in a neural network\", arXiv 1503.02531",
        result: "a planted multinomial teacher is recovered to a KL below 1e-12; a logit worker asked about 200 workers under five schedules is met, under taxes never seen, in mean hours to 0.001 and in elasticity to 0.0001 (under one law alone the elasticity is missed by more than 0.1); from draws KL is k/(2n) as theory says",
        test: "a_logit_teacher_is_reproduced",
        example: "examples/preferences/distil.toml",
    },
    Method {
        key: "fisc audit: distinguishable",
        family: Family::Language,
        what: "Whether a classifier that sees age, sex, education and hours tells the workers of a scenario, under its initial schedule, from workers drawn from the census tables; a part of every audit with census personas.",
        equation: "AUC = P(s(agent) > s(person)) + ½·P(equal), s a logistic regression fitted to the other half; AUC ± 1.96·(√Var₁ + √Var₂)/2, Var by DeLong",
        source: "Friedman (2003); Lopez-Paz and Oquab (2017), \"Revisiting classifier two-sample tests\", arXiv 1610.06545; DeLong, DeLong and Clarke-Pearson (1988)",
        result: "samples of one distribution: the interval covers ½ in 97 of 100 of 6,000 experiments; normals shifted by d: Φ(d/√2) inside the interval",
        test: "a_planted_shift_is_found_in_closed_form",
        example: "examples/preferences/distinguishable.toml",
    },
    Method {
        key: "comparison study",
        family: Family::Language,
        what: "A shipped sweep takes learning from preferences apart: all combinations of data, learner, reward and optimiser in the same populations.",
        equation: "effect of a level = mean over combinations with it − mean over all; share of variance of a factor = Σ over its levels of effect²·weight / variance over all",
        source: "Ivison et al. (2024), \"Unpacking DPO and PPO\", arXiv 2406.09279",
        result: "every combination is played once in each population; what was found stands in examples/08-data-learner-reward-optimiser",
        test: "the_comparison_study_has_every_combination_once",
        example: "examples/08-data-learner-reward-optimiser/sweep.toml",
    },
];
