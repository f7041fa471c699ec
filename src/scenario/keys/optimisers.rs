//! The keys of `planner.kind.policy`.

use super::super::key::{Choice, Default, Interval, Key, Kind, choice, key};
use super::{above, number_from};
use Default::{Required, Value};

const fn share(low: f64, open: bool, high: f64) -> Kind {
    Kind::Number(Interval { low, open, high }, "")
}

pub(in crate::scenario) const POLICY: &[Key] = &[
    key(
        "optimiser",
        Kind::Choice(OPTIMISERS),
        Required,
        r#"{ dpo = { beta = 0.1 } }"#,
        "How the policy is improved in every tax year; the arm is called `policy-OPTIMISER`. See `docs/methods.md`.",
    ),
    key(
        "candidates",
        Kind::Whole(2, 10_000, "schedules"),
        Value("32"),
        "32",
        "Schedules that the policy chooses among: the initial one, and others with its brackets whose rates are drawn by Latin hypercube from a grid.",
    ),
    key(
        "grid",
        share(0.0, true, 0.5),
        Value("0.2"),
        "0.2",
        "Distance of the grid's rates, a fraction. On a coarse grid many candidates begin with the same rates, which optimisers that look at one bracket after the other make use of.",
    ),
    key(
        "told",
        Kind::Choice(TOLD),
        Value(r#""rewards""#),
        r#"{ pairs = { count = 500 } }"#,
        "What the optimiser is told of the candidates.",
    ),
    key(
        "played",
        Kind::Choice(PLAYED),
        Value(r#""mode""#),
        r#""draw""#,
        "Which schedule of the policy is set.",
    ),
];

const TOLD: &[Choice] = &[
    choice(
        "rewards",
        &[],
        "The rewards of those that it asks about, in standard deviations over all candidates.",
    ),
    choice(
        "preferences",
        &[],
        "The probability that one is preferred to another: with `reward.kind = \"learned\"` the weighted share of votes by the learned model, cycles included; else, also where a learned model is a part of the reward, σ of the difference of rewards in standard deviations.",
    ),
    choice(
        "pairs",
        &[key(
            "count",
            Kind::Whole(1, 10_000_000, "comparisons"),
            Value("500"),
            "500",
            "How many.",
        )],
        "Comparisons of candidates drawn uniformly, made once at the start by those probabilities, whatever is learned later: what is learned without asking again. Of `dpo`, `sparse`, `rto`, `vpo` and `sft`.",
    ),
];

const PLAYED: &[Choice] = &[
    choice("mode", &[], "The likeliest."),
    choice("draw", &[], "One that is drawn in every tax year."),
];

const fn beta(default: &'static str) -> Key {
    key(
        "beta",
        above(0.0, ""),
        Value(default),
        "0.1",
        "β, the price of leaving the uniform policy: for each nat of KL divergence, in standard deviations of reward where rewards are told.",
    )
}

const fn ridge(default: &'static str) -> Key {
    key(
        "ridge",
        above(0.0, ""),
        Value(default),
        default,
        "Precision of a normal prior that keeps the fit finite where answers never contradict each other.",
    )
}

const PAIRS: Key = key(
    "pairs",
    Kind::Whole(1, 1_000_000, "comparisons"),
    Value("64"),
    "64",
    "Comparisons of candidates drawn from the policy that are asked for in every tax year, and kept until the reward changes; of no effect where `told` is `pairs`.",
);

const ROUNDS: Key = key(
    "rounds",
    Kind::Whole(1, 1_000_000, "batches"),
    Value("50"),
    "50",
    "Batches drawn in every tax year.",
);

const BATCH: Key = key(
    "batch",
    Kind::Whole(2, 1_000_000, "draws"),
    Value("64"),
    "64",
    "Candidates drawn in each.",
);

const EPOCHS: Key = key(
    "epochs",
    Kind::Whole(1, 1_000, "steps"),
    Value("4"),
    "4",
    "Steps along the gradient with each batch.",
);

const CLIP: Key = key(
    "clip",
    share(0.0, true, 1.0),
    Value("0.2"),
    "0.2",
    "How far the ratio of new and old probability may leave 1 and still count.",
);

const fn rate(default: &'static str) -> Key {
    key(
        "rate",
        above(0.0, ""),
        Value(default),
        default,
        "Length of a step, logits per unit of reward.",
    )
}

const DIVERGENCES: &[Choice] = &[
    choice("reverse-kl", &[], "KL(π ‖ π_ref)."),
    choice("forward-kl", &[], "KL(π_ref ‖ π)."),
    choice("jensen-shannon", &[], "Half way between."),
    choice(
        "alpha",
        &[key(
            "alpha",
            Kind::Number(
                Interval {
                    low: 0.0,
                    open: true,
                    high: 0.99,
                },
                "",
            ),
            Value("0.5"),
            "0.5",
            "α: reverse KL towards 0, forward KL towards 1.",
        )],
        "Between the two.",
    ),
];

const LOSSES: &[Choice] = &[
    choice(
        "dpo",
        &[key(
            "divergence",
            Kind::Choice(DIVERGENCES),
            Value(r#""reverse-kl""#),
            r#""jensen-shannon""#,
            "What is paid for leaving the uniform policy.",
        )],
        "Logistic.",
    ),
    choice(
        "ipo",
        &[],
        "Squared, towards a fixed gap: bounded where answers are certain, and of cyclic preferences too.",
    ),
    choice(
        "kto",
        &[
            key(
                "wanted",
                above(0.0, ""),
                Value("1.0"),
                "1.0",
                "Weight of the preferred.",
            ),
            key(
                "unwanted",
                above(0.0, ""),
                Value("1.0"),
                "1.5",
                "Weight of the others.",
            ),
        ],
        "Candidates on their own, wanted or not, as in prospect theory.",
    ),
];

const FITS: &[Choice] = &[
    choice(
        "total-variation",
        &[],
        "Plain maximum likelihood, in which `beta` has no part.",
    ),
    choice("pearson", &[], "χ² of Pearson."),
    choice("hellinger", &[], "Squared Hellinger distance."),
];

/// The optimisers.
const OPTIMISERS: &[Choice] = &[
    choice(
        "dpo",
        &[
            beta("0.1"),
            key(
                "loss",
                Kind::Choice(LOSSES),
                Value(r#""dpo""#),
                r#""ipo""#,
                "What is minimised over pairs.",
            ),
            key(
                "smoothing",
                Kind::Number(
                    Interval {
                        low: 0.0,
                        open: false,
                        high: 0.49,
                    },
                    "",
                ),
                Value("0.0"),
                "0.1",
                "ε: answers y are taken as (1−ε)·y + ε·(1−y).",
            ),
            ridge("0.0001"),
            PAIRS,
            key(
                "soft",
                Kind::Flag,
                Value("false"),
                "true",
                "Whether answers are probabilities in place of draws from them.",
            ),
        ],
        "Direct preference optimisation.",
    ),
    choice(
        "sparse",
        &[
            beta("0.1"),
            key(
                "sparsity",
                number_from(0.0, ""),
                Value("0.01"),
                "0.01",
                "λ: price of a bracket's weight.",
            ),
            ridge("0.0001"),
            PAIRS,
        ],
        "Direct preference optimisation with a learned weight for each bracket.",
    ),
    choice(
        "ppo",
        &[beta("0.1"), ROUNDS, BATCH, EPOCHS, rate("1.0"), CLIP],
        "Policy gradient with a clipped surrogate; the price of leaving the reference is part of the reward.",
    ),
    choice(
        "grpo",
        &[
            beta("0.04"),
            key(
                "divided",
                Kind::Flag,
                Value("true"),
                "false",
                "Whether advantages are divided by their standard deviation in the batch.",
            ),
            ROUNDS,
            BATCH,
            EPOCHS,
            rate("0.2"),
            CLIP,
        ],
        "Policy gradient with advantages relative to the batch.",
    ),
    choice(
        "nlpo",
        &[
            beta("0.1"),
            key(
                "top_p",
                share(0.0, true, 1.0),
                Value("0.9"),
                "0.9",
                "The likeliest rates of a bracket, the fewest that reach this probability, are permitted.",
            ),
            key(
                "renewed",
                Kind::Whole(1, 1_000_000, "batches"),
                Value("20"),
                "20",
                "Batches after which it is looked anew which are likely.",
            ),
            ROUNDS,
            BATCH,
            EPOCHS,
            rate("1.0"),
            CLIP,
        ],
        "Policy gradient among the likely rates only.",
    ),
    choice(
        "rto",
        &[
            beta("0.1"),
            key(
                "dense",
                above(0.0, ""),
                Value("0.1"),
                "0.1",
                "β₁: weight of the reward that each bracket earns by the policy that direct preference optimisation finds.",
            ),
            key(
                "terminal",
                number_from(0.0, ""),
                Value("0.0"),
                "1.0",
                "β₃: weight of the reward of the whole schedule, where rewards are told.",
            ),
            key(
                "beta_dpo",
                above(0.0, ""),
                Value("0.1"),
                "0.1",
                "β of that direct preference optimisation.",
            ),
            PAIRS,
            ROUNDS,
            BATCH,
            EPOCHS,
            rate("1.0"),
            CLIP,
        ],
        "Direct preference optimisation pays each bracket, policy gradient follows.",
    ),
    choice(
        "vpo",
        &[
            beta("0.1"),
            key(
                "alpha",
                number_from(0.0, ""),
                Value("0.5"),
                "0.5",
                "α: weight of the value; it grows as the root of the number of comparisons.",
            ),
            key(
                "value",
                Kind::Choice(VALUES),
                Value(r#""sought-online""#),
                r#""shunned""#,
                "Whether a high value is a reason for or against a policy.",
            ),
            ridge("0.1"),
            PAIRS,
        ],
        "Likelihood of comparisons, regularised by the value.",
    ),
    choice(
        "nash-md",
        &[
            key(
                "tau",
                above(0.0, "probability"),
                Value("0.05"),
                "0.05",
                "τ: price of leaving the uniform policy, for each nat of KL divergence.",
            ),
            key(
                "steps",
                Kind::Whole(1, 10_000_000, "steps"),
                Value("10000"),
                "10000",
                "Steps in every tax year.",
            ),
        ],
        "Mirror descent to the equilibrium of the game of preferences; with cycles too.",
    ),
    choice(
        "gpo",
        &[
            key(
                "beta",
                above(0.0, ""),
                Value("10.0"),
                "10.0",
                "β: the larger, the shorter the steps, in logits of preference.",
            ),
            key(
                "steps",
                Kind::Whole(1, 10_000_000, "steps"),
                Value("1000"),
                "1000",
                "Steps in every tax year.",
            ),
            key(
                "draws",
                Kind::Whole(0, 1_000_000, "draws"),
                Value("0"),
                "16",
                "Candidates drawn in each step; 0 takes expectations.",
            ),
            key(
                "averaged",
                Kind::Flag,
                Value("true"),
                "false",
                "Whether the mean of the steps' policies is taken in place of the last, which circles where preferences do.",
            ),
        ],
        "Self-play on general preferences, such as those of the model `gpm`.",
    ),
    choice(
        "guided",
        &[
            beta("0.1"),
            key(
                "own",
                share(0.0, false, 1.0),
                Value("0.5"),
                "0.5",
                "Chance that the policy itself sets the remaining brackets in place of the guide, the uniform policy.",
            ),
            key(
                "rounds",
                Kind::Whole(1, 1_000_000, "schedules"),
                Value("200"),
                "200",
                "Schedules begun in every tax year.",
            ),
            key(
                "rollouts",
                Kind::Whole(1, 10_000, "completions"),
                Value("4"),
                "4",
                "Completions of each rate that is tried.",
            ),
            rate("2.0"),
        ],
        "The policy sets the first brackets, a guide the rest.",
    ),
    choice(
        "mcts",
        &[
            beta("0.5"),
            key(
                "simulations",
                Kind::Whole(1, 1_000_000, "simulations"),
                Value("200"),
                "200",
                "Simulations in every tax year.",
            ),
            key(
                "exploration",
                number_from(0.0, ""),
                Value("1.4"),
                "1.4",
                "How much rates are tried that were not.",
            ),
            ridge("0.001"),
        ],
        "Tree search over brackets makes preferences between rates for direct preference optimisation.",
    ),
    choice(
        "sft",
        &[
            beta("0.1"),
            key(
                "fit",
                Kind::Choice(FITS),
                Value(r#""total-variation""#),
                r#""pearson""#,
                "Divergence of the demonstrations from the policy.",
            ),
            ridge("0.001"),
            key(
                "demonstrations",
                Kind::Whole(1, 1_000_000, "schedules"),
                Value("64"),
                "64",
                "Demonstrations made in every tax year; where `told` is `pairs`, the preferred of each are.",
            ),
            key(
                "best_of",
                Kind::Whole(1, 10_000, "draws"),
                Value("4"),
                "4",
                "Draws from the policy of which each demonstration is the best.",
            ),
        ],
        "Supervised fitting to demonstrations, as learning of an implicit reward.",
    ),
];

const VALUES: &[Choice] = &[
    choice(
        "sought-online",
        &[],
        "For, where the optimiser can ask; against, where `told` is `pairs`.",
    ),
    choice("sought", &[], "For: optimism."),
    choice("shunned", &[], "Against: pessimism."),
];

/// Names of the policy optimisers that a scenario knows.
pub fn names_of_optimisers() -> Vec<&'static str> {
    OPTIMISERS.iter().map(|choice| choice.name).collect()
}
