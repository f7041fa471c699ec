//! The rewards of `[reward]` and what they are made of.

use super::super::key::{Choice, Default, Interval, Key, Kind, bare, choice, key};
use super::{WELFARE, above, number_from};
use Default::{Required, Unset, Value};

const ANY: Kind = number_from(f64::NEG_INFINITY, "");
const SHARE: Kind = Kind::Number(
    Interval {
        low: 0.0,
        open: false,
        high: 1.0,
    },
    "",
);

const PROGRAM: Choice = choice(
    "program",
    &[
        key(
            "text",
            Kind::Text,
            Value(r#""outcome.utility_mean""#),
            r#""outcome.disposable[0] - 0.1 * outcome.revenue""#,
            "Code in Rhai that reads the table `outcome` and ends with a number: see `docs/programs.md`.",
        ),
        key(
            "path",
            Kind::Text,
            Unset("the code in `text`"),
            r#""reward.rhai""#,
            "File with the code, relative to this file, instead of `text`.",
        ),
        key(
            "failed",
            ANY,
            Value("-1e12"),
            "-1e12",
            "What a schedule is worth under which the code fails or goes beyond its limits; the record then has 1 as the reward's part `failed`. Where the code fails at the best schedule too, the planner `reward` ends with the code's own error.",
        ),
    ],
    "Code that a person or a language model wrote, run within strict limits of operations, depth and memory and without files, network, clock or chance.",
);

/// What rewards are made of.
const MEASURES: &[Choice] = &[
    choice("welfare", &[], "The objective of this file."),
    choice(
        "objective",
        &[key(
            "welfare",
            Kind::Choice(WELFARE),
            Required,
            r#""rawlsian""#,
            "Which.",
        )],
        "Another welfare function.",
    ),
    bare(
        "number",
        &[key(
            "name",
            Kind::Text,
            Required,
            r#""revenue""#,
            "`disposable_decile_1` to `disposable_decile_10`, `labor_mean`, `income_mean`, `gini_disposable`, `revenue` or `effort_mean`.",
        )],
        "A number of the outcome.",
    ),
    choice("learned", &[], "The model of `[preferences]`."),
    PROGRAM,
];

const OF: Key = key(
    "of",
    Kind::Choice(MEASURES),
    Required,
    r#""welfare""#,
    "What is measured.",
);

const GOOD: &[Key] = &[
    OF,
    key(
        "zero",
        ANY,
        Value("0.0"),
        "0.0",
        "Where it is worth nothing, in its own unit.",
    ),
    key(
        "unit",
        ANY,
        Value("1.0"),
        "1000.0",
        "How much of it is one; negative where less is better. Not 0.",
    ),
];

const PART: &[Key] = &[
    OF,
    key(
        "weight",
        ANY,
        Value("1.0"),
        "0.5",
        "Per unit of what is measured.",
    ),
];

const PARTS: Key = key(
    "parts",
    Kind::Named(&Kind::Table(PART)),
    Required,
    r#"{ welfare = { of = "welfare" }, revenue = { of = { number = "revenue" }, weight = 0.5 } }"#,
    "By names of one's own, as `rewards.parquet` calls them; not those that it has already, such as `total`, `bracket_1` or `group_1`.",
);

const SIDES: &[Choice] = &[
    choice("at-most", &[], "No more than that."),
    choice("at-least", &[], "No less than that."),
];

const CONSTRAINT: &[Key] = &[
    OF,
    key(
        "threshold",
        ANY,
        Required,
        "6000.0",
        "θ: the point up to which more of it is useful, in its own unit.",
    ),
    key(
        "side",
        Kind::Choice(SIDES),
        Value(r#""at-most""#),
        r#""at-least""#,
        "Which side of the threshold is wanted.",
    ),
    key(
        "step",
        above(0.0, ""),
        Value("0.1"),
        "0.1",
        "Rise of the multiplier λ after a year that is beyond the threshold by one unit.",
    ),
    key(
        "most",
        above(0.0, ""),
        Value("1000.0"),
        "1000.0",
        "Largest λ.",
    ),
];

const STANDARD: &[Key] = &[
    OF,
    key(
        "side",
        Kind::Choice(SIDES),
        Value(r#""at-least""#),
        r#""at-most""#,
        "Which side of the bound is allowed.",
    ),
    key(
        "demands",
        Kind::List(&ANY),
        Required,
        "[4000.0, 5000.0, 6000.0]",
        "The bound that each stakeholder demands, in the unit of what is measured. The strictest bound that the quota agrees on is in force; who demands a strict one agrees with a laxer one.",
    ),
    key(
        "abstaining",
        Kind::Whole(0, 1_000_000, "stakeholders"),
        Value("0"),
        "1",
        "Stakeholders who demand no such standard; where the others miss the quota there is none.",
    ),
    key(
        "unit",
        above(0.0, ""),
        Value("1.0"),
        "1000.0",
        "How far outside counts as one violation.",
    ),
];

pub(super) const COMPOSITE: Choice = choice(
    "composite",
    &[
        PARTS,
        key(
            "groups",
            Kind::Whole(0, 100, "groups"),
            Value("0"),
            "5",
            "Wage groups of equal size for which the reward is recorded.",
        ),
        key(
            "by_bracket",
            Kind::Flag,
            Value("true"),
            "true",
            "Whether the reward is recorded by the bracket in which incomes lie.",
        ),
    ],
    "A weighted sum of rewards of any kind, recorded part by part, by wage group and by bracket.",
);

pub(super) const CONSTRAINED: Choice = choice(
    "constrained",
    &[
        key(
            "base",
            Kind::Choice(MEASURES),
            Value(r#""welfare""#),
            r#"{ number = "revenue" }"#,
            "What is maximised.",
        ),
        key(
            "constraints",
            Kind::Named(&Kind::Table(CONSTRAINT)),
            Required,
            r#"{ equality = { of = { number = "gini_disposable" }, threshold = 0.3 } }"#,
            "By name.",
        ),
    ],
    "A reward that holds each proxy on the useful side of a threshold by a multiplier, which moves after every tax year.",
);

pub(super) const HARMONIC: Choice = choice(
    "harmonic",
    &[
        key(
            "lambda",
            SHARE,
            Value("0.5"),
            "0.5",
            "Weight of the first good.",
        ),
        key(
            "first",
            Kind::Table(GOOD),
            Required,
            r#"{ of = { number = "income_mean" }, unit = 50000.0 }"#,
            "A good.",
        ),
        key(
            "second",
            Kind::Table(GOOD),
            Required,
            r#"{ of = { number = "gini_disposable" }, zero = 0.6, unit = -0.6 }"#,
            "Another.",
        ),
        key(
            "patience",
            Kind::Whole(0, 1_000_000, "tax years"),
            Value("0"),
            "3",
            "Tax years without improvement after which the best year's schedule is held; 0 never stops.",
        ),
        key(
            "tolerance",
            number_from(0.0, ""),
            Value("0.0"),
            "0.001",
            "Improvements up to this do not count.",
        ),
    ],
    "The weighted harmonic mean of two goods, which never rewards one of them alone, and stops early.",
);

pub(super) const REGULARISED: Choice = choice(
    "regularised",
    &[
        PARTS,
        key(
            "zero",
            ANY,
            Value("0.0"),
            "0.0",
            "Sum of the parts that is worth nothing: what lies below is not excused by irrelevance.",
        ),
        key(
            "relevance",
            Kind::Table(GOOD),
            Required,
            r#"{ of = { number = "revenue" }, unit = 5000.0 }"#,
            "What says how far the outcome is to the point.",
        ),
        key(
            "threshold",
            ANY,
            Value("1.0"),
            "1.0",
            "Relevance at which half of the sum counts.",
        ),
        key(
            "softness",
            above(0.0, ""),
            Value("0.1"),
            "0.1",
            "Relevance over which the odds of counting rise by a factor e.",
        ),
    ],
    "A weighted sum of plain measures that counts as far as the outcome is relevant.",
);

const QUOTAS: &[Choice] = &[
    choice("unanimity", &[], "Everybody."),
    choice(
        "supermajority",
        &[key(
            "share",
            Kind::Number(
                Interval {
                    low: 0.5,
                    open: true,
                    high: 1.0,
                },
                "",
            ),
            Value("0.6666666666666666"),
            "0.75",
            "Share of all stakeholders.",
        )],
        "At least a share above one half.",
    ),
];

pub(super) const STANDARDS: Choice = choice(
    "standards",
    &[
        key(
            "standards",
            Kind::Named(&Kind::Table(STANDARD)),
            Required,
            r#"{ services = { of = { number = "revenue" }, demands = [4000.0, 5000.0, 6000.0] } }"#,
            "By name.",
        ),
        key(
            "quota",
            Kind::Choice(QUOTAS),
            Value(r#""unanimity""#),
            r#"{ supermajority = { share = 0.75 } }"#,
            "How many stakeholders must agree.",
        ),
        key(
            "base",
            Kind::Choice(MEASURES),
            Unset("nothing: whatever meets the standards is as good"),
            r#""welfare""#,
            "What is maximised within the standards.",
        ),
    ],
    "Bounds that stakeholders agree on by ballot. Outside, the reward is −10¹² times one plus the violations.",
);

pub(super) const CODE: Choice = PROGRAM;

pub(super) const CRITIQUE: Choice = choice(
    "critique",
    &[
        key(
            "texts",
            Kind::List(&Kind::Text),
            Required,
            r#"["Cut the lowest bracket's rate.", "Incomes above $150,000 should pay more."]"#,
            "One critique for each tax year, in plain English; after the last one rates stay. Brackets are named by number, place or incomes, and each text must say of one of them that its rate should rise or fall; an empty text says nothing.",
        ),
        key(
            "step",
            Kind::Number(
                Interval {
                    low: 0.0,
                    open: true,
                    high: 1.0,
                },
                "",
            ),
            Value("0.05"),
            "0.05",
            "Change of a rate that a critique asks for, a fraction.",
        ),
    ],
    "Criticism in plain words, read as signed credit of brackets: after each critique the planner takes a step in its direction.",
);

const MODES: &[Choice] = &[
    choice(
        "hash",
        &[key(
            "cell",
            above(0.0, ""),
            Value("0.05"),
            "0.05",
            "Outcomes whose numbers differ by less than about this share are the same.",
        )],
        "A table of outcomes judged so far; new ones are worth 0.",
    ),
    choice(
        "classify",
        &[],
        "Probability of a judgement above the median.",
    ),
    choice(
        "rank",
        &[],
        "Score of a model of which of two outcomes was judged higher.",
    ),
];

pub(super) const INTRINSIC: Choice = choice(
    "intrinsic",
    &[
        key(
            "judge",
            Kind::Choice(MEASURES),
            Value(r#""welfare""#),
            r#"{ number = "revenue" }"#,
            "The expensive judge of finished tax years.",
        ),
        key(
            "lag",
            Kind::Whole(0, 1_000_000, "tax years"),
            Value("1"),
            "2",
            "Tax years until its answer comes in.",
        ),
        key(
            "mode",
            Kind::Choice(MODES),
            Value(r#""rank""#),
            r#""classify""#,
            "The cheap model.",
        ),
        key(
            "ridge",
            above(0.0, ""),
            Value("0.1"),
            "0.1",
            "Precision of the prior on its parameters.",
        ),
    ],
    "A cheap model, distilled year by year from an expensive judge that answers late.",
);
