//! Parameters of the preference models that look behind judgements: at wrong labels, at what is
//! forgone, at what people hold dear.

use super::super::key::{Choice, Default, Interval, Kind, choice, key};
use super::learning::RIDGE;
use super::{above, number_from};
use Default::{Required, Value};

const fn share(high: f64) -> Kind {
    Kind::Number(
        Interval {
            low: 0.0,
            open: false,
            high,
        },
        "share",
    )
}

const BASES: &[Choice] = &[
    choice(
        "bradley-terry",
        &[
            RIDGE,
            key(
                "hidden",
                Kind::Whole(0, 1_000, "units"),
                Value("0"),
                "8",
                "Units of a hidden layer; 0 is a linear score.",
            ),
        ],
        "Logistic in the difference of two scores.",
    ),
    choice(
        "thurstone",
        &[RIDGE],
        "Normal in the difference of two uncertain utilities.",
    ),
];

pub(super) const ROBUST: Choice = choice(
    "robust",
    &[
        key(
            "base",
            Kind::Choice(BASES),
            Value(r#""bradley-terry""#),
            r#"{ bradley-terry = { hidden = 8 } }"#,
            "The model.",
        ),
        key(
            "members",
            Kind::Whole(2, 1_000, "members"),
            Value("10"),
            "10",
            "Copies fitted to random halves, which vote on what they have not seen.",
        ),
        key(
            "rounds",
            Kind::Whole(1, 100, "rounds"),
            Value("4"),
            "4",
            "Times that answers are looked over.",
        ),
        key(
            "flip",
            share(0.49),
            Value("0.2"),
            "0.2",
            "An answer is turned round when at most this share of votes is for it.",
        ),
        key(
            "ambiguous",
            number_from(0.0, "logits"),
            Value("0.2"),
            "0.2",
            "Answers weaker than this are smoothed.",
        ),
        key(
            "smoothing",
            share(0.5),
            Value("0.2"),
            "0.2",
            "To 1 less this, from 1.",
        ),
        key(
            "soft",
            Kind::Flag,
            Value("false"),
            "true",
            "Whether answers are the votes' mean probability instead.",
        ),
        key(
            "margin",
            number_from(0.0, "logits per logit"),
            Value("0.0"),
            "0.5",
            "How much wider the gap of a stronger preference is to be; above 0 the last fit is linear.",
        ),
        key(
            "rationale",
            number_from(0.0, "times"),
            Value("1.0"),
            "2.0",
            "Weight of answers whose rationale names a feature in which the two differ.",
        ),
    ],
    "An ensemble votes on every answer; wrong ones are turned round, weak ones smoothed, and a model fitted to the rest.",
);

pub(super) const REGRET: Choice = choice(
    "regret",
    &[
        RIDGE,
        key(
            "discount",
            share(0.99),
            Value("0.8"),
            "0.8",
            "What a reward next year is worth today.",
        ),
        key(
            "reach",
            above(0.0, "standard deviations"),
            Value("1.0"),
            "1.0",
            "How far a year can lead, per feature on average.",
        ),
        key(
            "temperature",
            above(0.0, ""),
            Value("0.1"),
            "0.1",
            "Softness of the best that can be done.",
        ),
    ],
    "A schedule is judged by what it brings and by what can be reached from it: by regret, not by return. With `features` other than `own`.",
);

pub(super) const VALUES: Choice = choice(
    "values",
    &[
        key(
            "profiles",
            Kind::Text,
            Required,
            r#""values.csv""#,
            "CSV, relative to this file, with a column for each of Schwartz's 19 values and a line for each worker, by turns where there are more workers than lines.",
        ),
        RIDGE,
    ],
    "What workers like follows from the values that they hold dear.",
);
