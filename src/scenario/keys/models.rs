//! Parameters of the preference models for lists, cycles, groups of raters, contexts and aspects.

use super::super::key::{Choice, Default, Key, Kind, choice, key};
use super::above;
use super::learning::{FIRM_RIDGE, RIDGE};
use Default::Value;

/// Of models with shared structure among raters, where a weak prior leaves the scale adrift.
const RIDGE_OF_TASTES: Key = key(
    "ridge",
    above(0.0, ""),
    Value("1.0"),
    "1.0",
    "Precision of the normal prior on what raters share, of features scaled to variance 1.",
);

const HIDDEN: Key = key(
    "hidden",
    Kind::Whole(0, 1_000, "units"),
    Value("0"),
    "8",
    "Units of a hidden layer; 0 is a linear score.",
);

const STARTS: Key = key(
    "starts",
    Kind::Whole(1, 1_000, "starts"),
    Value("6"),
    "12",
    "Random starts of the fit, of which the best is taken.",
);

const DIMENSION: Key = key(
    "dimension",
    Kind::Whole(1, 1_000, "dimensions"),
    Value("2"),
    "3",
    "Dimensions in which raters differ.",
);

pub(super) const PLACKETT_LUCE: Choice = choice(
    "plackett-luce",
    &[
        RIDGE,
        HIDDEN,
        key(
            "lists",
            Kind::Choice(LISTS),
            Value(r#""likelihood""#),
            r#""dcg-pairs""#,
            "What a list from best to worst tells.",
        ),
    ],
    "Rankings: the best is chosen in proportion to the exponential of its score, then the best of the rest. A comparison is a ranking of two.",
);

const LISTS: &[Choice] = &[
    choice("likelihood", &[], "The probability of the whole list."),
    choice(
        "dcg-pairs",
        &[],
        "Its pairs, weighted by what their exchange would change in the list's discounted cumulative gain, so that the head of the list counts most.",
    ),
];

pub(super) const GPM: Choice = choice(
    "gpm",
    &[
        FIRM_RIDGE,
        key(
            "blocks",
            Kind::Whole(1, 1_000, "blocks"),
            Value("2"),
            "3",
            "Pairs of coordinates of an embedding: how many cycles it can hold.",
        ),
        key(
            "temperature",
            above(0.0, ""),
            Value("1.0"),
            "0.5",
            "What the form of two embeddings is divided by.",
        ),
        key(
            "scored",
            Kind::Flag,
            Value("false"),
            "true",
            "Whether the second coordinate of each block is held at 1: then a Bradley-Terry model.",
        ),
        STARTS,
    ],
    "Preferences of any kind, cyclic ones too: a skew-symmetric form of two embeddings. Has no score.",
);

pub(super) const PAL: Choice = choice(
    "pal",
    &[
        key(
            "prototypes",
            Kind::Whole(1, 1_000, "prototypes"),
            Value("2"),
            "3",
            "Ideal points that all raters share; each rater's own is a mixture of them.",
        ),
        DIMENSION,
        RIDGE_OF_TASTES,
        key(
            "rater_ridge",
            above(0.0, ""),
            Value("0.1"),
            "0.1",
            "Precision of the prior on the logits of a rater's mixture.",
        ),
        STARTS,
        key(
            "form",
            Kind::Choice(FORMS),
            Value(r#""ideal-point""#),
            r#""vector""#,
            "What a taste is.",
        ),
    ],
    "Each worker likes what is near an ideal point of their own, a mixture of a few prototypes.",
);

const FORMS: &[Choice] = &[
    choice(
        "ideal-point",
        &[],
        "A point: the nearer the better, on either side.",
    ),
    choice(
        "vector",
        &[],
        "A direction: the farther the better, as with money.",
    ),
];

pub(super) const RATER_EMBEDDING: Choice = choice(
    "rater-embedding",
    &[
        DIMENSION,
        RIDGE_OF_TASTES,
        key(
            "rater_ridge",
            above(0.0, ""),
            Value("1.0"),
            "1.0",
            "Precision of the prior on where a rater stands.",
        ),
        STARTS,
    ],
    "A taste common to all, and a few directions in which workers differ.",
);

pub(super) const CONTEXTUAL: Choice = choice(
    "contextual",
    &[
        RIDGE,
        HIDDEN,
        key(
            "latent",
            Kind::Whole(0, 100, "contexts"),
            Value("0"),
            "2",
            "How many contexts there are where comparisons do not say theirs; 0: they do.",
        ),
        STARTS,
    ],
    "First a context comes up, then schedules are judged in it: a mixture of logistic curves. Has no score.",
);

pub(super) const ASPECTS: Choice = choice(
    "aspects",
    &[
        RIDGE,
        key(
            "rater_ridge",
            above(0.0, ""),
            Value("1.0"),
            "1.0",
            "Precision of the prior on the logits (or logarithms) of weights, of all raters and of each.",
        ),
        HIDDEN,
        key(
            "mixture",
            Kind::Choice(MIXTURES),
            Value(r#""simplex""#),
            r#""non-negative""#,
            "What a rater's weights of aspects may be.",
        ),
    ],
    "A score for each aspect, and for each worker what an aspect weighs in the overall judgement. Comparisons say which aspect was judged; aspect 0 is the overall judgement.",
);

const MIXTURES: &[Choice] = &[
    choice("simplex", &[], "At least 0, and 1 in sum."),
    choice("non-negative", &[], "At least 0."),
];
