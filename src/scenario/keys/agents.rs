//! Keys of those who decide: workers, planners, language models.

use super::super::key::{Choice, Default, Interval, Key, Kind, LAW, choice, key, later};
use super::above;
use Default::{Required, Unset, Value};

pub(in crate::scenario) const WORKERS: &[Key] = &[
    key(
        "name",
        Kind::Label,
        Unset("`workers-1`, `workers-2`, … by position"),
        r#""students""#,
        "Name of the group in the column `group`.",
    ),
    key(
        "share",
        Kind::Number(
            Interval {
                low: 0.0,
                open: true,
                high: 1.0,
            },
            "of all workers",
        ),
        Value("1.0"),
        "0.5",
        "Part of the population. The shares of all groups sum to 1.",
    ),
    key(
        "decide",
        Kind::Choice(DECIDE),
        Value(r#""rational""#),
        r#"{ llm = { model = "small" } }"#,
        "How hours are chosen.",
    ),
    key(
        "bounded",
        Kind::Off,
        Value("false"),
        "false",
        "Whether satisfaction with the tax policy scales utility. This version has `false` only.",
    ),
    key(
        "motive",
        Kind::Choice(MOTIVE),
        Value(r#""self""#),
        r#""self""#,
        "Whose good the worker is after.",
    ),
];

const DECIDE: &[Choice] = &[
    choice("rational", &[], "The exact best response to the schedule."),
    choice(
        "fixed",
        &[key(
            "hours",
            Kind::Number(
                Interval {
                    low: 0.0,
                    open: false,
                    high: 168.0,
                },
                "hours/week",
            ),
            Required,
            "40.0",
            "Hours, at most `economy.labor_max`.",
        )],
        "The same hours whatever the tax.",
    ),
    choice(
        "llm",
        &[
            model(),
            key(
                "choice",
                Kind::Choice(PICKS),
                Value(r#""draw""#),
                r#""mean""#,
                "What is taken from the distribution over hours that `readout = \"choice\"` gives; a sampled answer is always a draw.",
            ),
        ],
        "A language model is asked.",
    ),
    later("logit", "Noisy best response."),
    later("adaptive", "Hill climbing on the worker's own history."),
];

const PICKS: &[Choice] = &[
    choice("draw", &[], "A draw from it."),
    choice("mode", &[], "Its most probable answer."),
    choice("mean", &[], "Its mean, usually between the answers."),
];

const MOTIVE: &[Choice] = &[
    choice("self", &[], "Its own utility."),
    later("altruistic", "The utility of all."),
    later("adversarial", "The planner's failure."),
];

const ELASTICITY: Key = key(
    "elasticity",
    above(0.0, ""),
    Unset("1/(δ−1) of the economy"),
    "0.4",
    "Elasticity of income with respect to one minus the marginal rate.",
);

pub(in crate::scenario) const PLANNERS: &[Choice] = &[
    choice("none", &[], "Zero rates."),
    choice("fixed", &[], "Keeps `taxes.initial`."),
    choice(
        LAW,
        &[],
        "A federal law with its own brackets: `us-2013` … `us-2026`, with `-married`, `-separate` or `-head` for other filing statuses.",
    ),
    choice(
        "flat",
        &[key(
            "rate",
            Kind::Rate,
            Unset("the rate that maximises welfare"),
            "0.25",
            "The rate, 0 to 1; below 0 only with `taxes.allow_subsidy`.",
        )],
        "One rate on all income.",
    ),
    choice(
        "saez-static",
        &[ELASTICITY],
        "Saez's formula on the incomes observed under the current schedule.",
    ),
    choice(
        "saez-fixed-point",
        &[ELASTICITY],
        "Rates, best responses and weights iterated until they agree.",
    ),
    choice(
        "saez-estimated",
        &[],
        "Elasticity measured on these workers by a small reform.",
    ),
    choice(
        "optimal",
        &[],
        "The exact optimum of this economy over the bracket rates, with full information.",
    ),
    choice(
        "llm",
        &[
            model(),
            key(
                "memory",
                Kind::Whole(0, 1000, "tax years"),
                Value("12"),
                "12",
                "Past tax years that the prompt shows. More cost tokens.",
            ),
            key(
                "exploration",
                Kind::Number(
                    Interval {
                        low: 0.0,
                        open: false,
                        high: 1.0,
                    },
                    "share of the run",
                ),
                Value("0.5"),
                "0.5",
                "The prompt's cue to try new rates fades linearly to nothing over this share of the run; 0 leaves it out.",
            ),
            key(
                "temperature",
                TEMPERATURE,
                Unset("the model's"),
                "0.7",
                "Sampling temperature of the rates.",
            ),
            key(
                "attempts",
                Kind::Whole(1, 100, ""),
                Value("3"),
                "3",
                "Times that the model is asked for valid rates before last year's stay; each failure is counted.",
            ),
            key(
                "answer",
                Kind::Choice(ANSWERS),
                Value(r#""rates""#),
                r#"{ moves = { points = [30, 15] } }"#,
                "What it is asked for.",
            ),
            FINAL_YEARS,
        ],
        "A language model proposes rates, shown what past tax years brought.",
    ),
    choice(
        "search",
        &[
            key(
                "method",
                Kind::Choice(METHODS),
                Required,
                r#"{ hill-climb = { points = [30, 15] } }"#,
                "How the next rates are found; the arm is called `search-random` or `search-hill-climb`.",
            ),
            FINAL_YEARS,
        ],
        "Black-box search that sees what a language-model planner sees: a yardstick for it.",
    ),
    later("elected", "Elections."),
];

const METHODS: &[Choice] = &[
    choice(
        "random",
        &[],
        "Whole percentages drawn uniformly every tax year.",
    ),
    choice(
        "hill-climb",
        &[STEPS],
        "Every tax year an untried move from the best schedule so far, drawn uniformly.",
    ),
];

const ANSWERS: &[Choice] = &[
    choice(
        "rates",
        &[],
        "All rates at once, as whole percentages; sampled.",
    ),
    choice(
        "moves",
        &[STEPS],
        "A move from the best schedule so far that was not tried before, drawn from the model's exact probabilities over all such moves.",
    ),
];

const STEPS: Key = key(
    "points",
    POINTS,
    Value("[30, 15]"),
    "[30, 15]",
    "Sizes of moves up and down. A move changes the rates of any range of neighbouring brackets by as much; none is made twice.",
);

pub(in crate::scenario) const POINTS: Kind = Kind::List(&Kind::Whole(1, 100, "percentage points"));

const FINAL_YEARS: Key = key(
    "final_years",
    Kind::Whole(0, 1_000_000, "tax years"),
    Value("0"),
    "1",
    "In so many last tax years the best schedule so far is played instead of a new one. The table of results is of the last tax year.",
);

const TEMPERATURE: Kind = Kind::Number(
    Interval {
        low: 0.0,
        open: false,
        high: 5.0,
    },
    "",
);

pub(in crate::scenario) const MODEL: &[Key] = &[
    key(
        "backend",
        Kind::Choice(BACKENDS),
        Required,
        r#"{ gguf = { model = "smollm2-135m" } }"#,
        "Where the model runs.",
    ),
    key(
        "readout",
        Kind::Choice(READOUTS),
        Value(r#""choice""#),
        r#""choice""#,
        "How a worker's hours are read off the model. A planner's rates are always sampled, its moves always chosen.",
    ),
    key(
        "temperature",
        TEMPERATURE,
        Value("1.0"),
        "1.0",
        "Divides log-probabilities in both readouts; 0 takes the most probable answer.",
    ),
    key(
        "top_p",
        Kind::Number(
            Interval {
                low: 0.0,
                open: true,
                high: 1.0,
            },
            "",
        ),
        Value("1.0"),
        "1.0",
        "Samples only from the most probable tokens that make up this probability.",
    ),
    key(
        "context_tokens",
        Kind::Whole(256, 1_048_576, "tokens"),
        Value("4096"),
        "4096",
        "Longest prompt and answer of one request.",
    ),
    key(
        "max_tokens",
        Kind::Whole(1, 65_536, "tokens"),
        Value("256"),
        "256",
        "Longest sampled answer; less than `context_tokens`.",
    ),
    key(
        "on_failure",
        Kind::Choice(FAILURES),
        Value(r#""retry""#),
        r#"{ retry = { attempts = 3 } }"#,
        "What a worker's invalid answer leads to. It is counted in any case and never repaired.",
    ),
];

const BACKENDS: &[Choice] = &[
    choice(
        "gguf",
        &[key(
            "model",
            Kind::Text,
            Required,
            r#""smollm2-135m""#,
            "A name that `fisc model fetch` knows, or the path of a GGUF file relative to this file.",
        )],
        "A GGUF file in this process, through llama.cpp.",
    ),
    later("openai", "A server that speaks OpenAI's protocol."),
];

const READOUTS: &[Choice] = &[
    choice(
        "choice",
        &[],
        "The probability of every admissible answer, in one pass without generation.",
    ),
    choice(
        "sample",
        &[],
        "Generation under a grammar that admits valid answers only.",
    ),
];

const FAILURES: &[Choice] = &[
    choice(
        "retry",
        &[key(
            "attempts",
            Kind::Whole(1, 100, ""),
            Value("3"),
            "3",
            "Times that the model is asked in all.",
        )],
        "Asks again, then keeps the previous action.",
    ),
    choice("keep-last", &[], "Keeps the previous action at once."),
    choice("stop", &[], "Stops the run."),
];

const fn model() -> Key {
    key(
        "model",
        Kind::Text,
        Required,
        r#""small""#,
        "Name of a table `[models.NAME]`.",
    )
}
