//! The table of all keys of a scenario file.

mod agents;
mod judged;
mod learning;
mod models;
mod optimisers;
mod rewards;
mod voiced;

use super::key::{Choice, Default, Interval, Key, Kind, bare, choice, key};
use crate::population::census::MINIMUM_WAGE;
use Default::{Required, Unset, Value};
pub(super) use agents::{LANES_MAX, LAYERS_MAX, MODEL, PLANNERS, POINTS, VOTING, WORKERS};
pub(super) use learning::{PREFERENCES, REWARD};
pub use learning::{names_of_models, names_of_rewards};
pub use optimisers::names_of_optimisers;

/// The keys at the top of a scenario file.
pub(super) const SCENARIO: &[Key] = &[
    key(
        "name",
        Kind::Label,
        Unset("the file's name without `.toml`"),
        r#""llm-planner""#,
        "What the run is called. Results go to `outputs/<name>-<seed>/`.",
    ),
    key(
        "seed",
        Kind::Whole(0, i64::MAX as u64, ""),
        Value("0"),
        "42",
        "Seed of every random draw. Same scenario, same seed, same numbers; `--seed N` is short for `--set seed=N`.",
    ),
    key(
        "steps",
        Kind::Whole(1, 1_000_000, "periods"),
        Value("40"),
        "40",
        "Length of the run. Workers decide once in each period. A multiple of `tax_year`, so that no tax year is cut short.",
    ),
    key(
        "tax_year",
        Kind::Whole(1, 1_000_000, "periods"),
        Value("8"),
        "8",
        "Periods for which a schedule stands. The planner sets rates at the first of them and is judged by the mean over all.",
    ),
    key(
        "prompts",
        Kind::Text,
        Unset("the prompts that come with fisc"),
        r#""prompts""#,
        "Folder with your own prompt templates, relative to this file. A template that is not in it is taken from fisc's own.",
    ),
    key(
        "population",
        Kind::Table(POPULATION),
        Value("{}"),
        "",
        "Who the workers are.",
    ),
    key(
        "economy",
        Kind::Table(ECONOMY),
        Value("{}"),
        "",
        "What workers want and can do. The same for all; they differ in their wage.",
    ),
    key(
        "taxes",
        Kind::Table(TAXES),
        Value("{}"),
        "",
        "The schedule that the planner sets and its state at the start.",
    ),
    key(
        "constraints",
        Kind::Table(CONSTRAINTS),
        Value("{}"),
        "",
        "What the schedules of the planners `optimal` and `flat`, and of `fisc optimum`, must obey. No other planner is bound.",
    ),
    key(
        "objective",
        Kind::Table(OBJECTIVE),
        Value("{}"),
        "",
        "What the planner maximises.",
    ),
    key(
        "reward",
        Kind::Table(REWARD),
        Value("{}"),
        "",
        "What planners pursue, where that is not the objective.",
    ),
    key(
        "preferences",
        Kind::Table(PREFERENCES),
        Value("{}"),
        "",
        "How preferences over tax schedules are learned from comparisons, for the reward `learned`.",
    ),
    key(
        "workers",
        Kind::List(&Kind::Table(WORKERS)),
        Value("[{}]"),
        "",
        "Groups of workers by how they decide; their shares sum to 1. One group of rational workers when absent.",
    ),
    key(
        "planner",
        Kind::Table(PLANNER),
        Value("{}"),
        "",
        "Who sets the rates.",
    ),
    key(
        "compare",
        Kind::Table(COMPARE),
        Value("{}"),
        "",
        "Other planners for the same population and the same random numbers, beside the main one.",
    ),
    key(
        "models",
        Kind::Named(&Kind::Table(MODEL)),
        Value("{}"),
        "",
        "Language models by a name of your own, to which `model = \"NAME\"` refers. A model that nothing refers to is never loaded.",
    ),
    key(
        "record",
        Kind::Table(RECORD),
        Value("{}"),
        "",
        "What is written down.",
    ),
    key(
        "voting",
        Kind::Table(VOTING),
        Value("{}"),
        "",
        "Elections, for planners of kind `elected`.",
    ),
];

const POPULATION: &[Key] = &[
    key(
        "size",
        Kind::Whole(1, 10_000_000, "workers"),
        Value("100"),
        "12",
        "Number of workers.",
    ),
    key(
        "wages",
        Kind::Choice(WAGES),
        Value(r#""census""#),
        r#""gb2-stratified""#,
        "Where wages ($/hour, fixed for each worker) come from.",
    ),
    key(
        "personas",
        Kind::Choice(PERSONAS),
        Value(r#""none""#),
        r#""census""#,
        "Who the workers are in the prompts of language models. Rational workers do not look at it.",
    ),
    key(
        "persona_blind",
        Kind::List(&Kind::Choice(FACTS)),
        Value("[]"),
        r#"["sex", "age"]"#,
        "Facts that no prompt says, so that their effect can be measured. Wages and first hours stay those of the whole person; free text of a file is not changed.",
    ),
    key(
        "persona_text",
        Kind::Choice(PERSONA_TEXTS),
        Value(r#""template""#),
        r#"{ llm = { model = "small" } }"#,
        "How facts become a persona in words.",
    ),
    key(
        "wage_cap",
        number_from(MINIMUM_WAGE, "$/hour"),
        Value("500.0"),
        "500.0",
        "Highest wage of the census prior, which extrapolates above the published 90th percentile. Other priors ignore it.",
    ),
];

const MEDIAN: Key = key(
    "median",
    ABOVE_ZERO_HOURLY,
    Required,
    "20.0",
    "Median wage.",
);

const WAGES: &[Choice] = &[
    choice(
        "gb2",
        &[],
        "Independent draws of annual income from the GB2 distribution of the ACS 2023, divided by weeks × 40 hours.",
    ),
    choice(
        "gb2-stratified",
        &[],
        "The quantiles of the same distribution at (i+½)/n, so that a small population carries the whole of it.",
    ),
    choice(
        "census",
        &[],
        "Wages by occupation, sex, age and education from U.S. tables, in 2025 dollars.",
    ),
    choice(
        "lognormal",
        &[
            MEDIAN,
            key(
                "sigma",
                number_from(0.0, ""),
                Required,
                "0.6",
                "Standard deviation of log wages.",
            ),
        ],
        "Lognormal wages.",
    ),
    choice(
        "pareto-lognormal",
        &[
            MEDIAN,
            key(
                "sigma",
                ABOVE_ZERO,
                Required,
                "0.6",
                "Standard deviation of the lognormal factor's logarithm.",
            ),
            key(
                "tail",
                above(1.0, ""),
                Required,
                "2.0",
                "Pareto exponent of the upper tail; the thinner the tail, the larger.",
            ),
        ],
        "A lognormal body with a Pareto upper tail.",
    ),
    choice(
        "uniform",
        &[
            key("low", ABOVE_ZERO_HOURLY, Required, "8.0", "Lowest wage."),
            key(
                "high",
                ABOVE_ZERO_HOURLY,
                Required,
                "80.0",
                "Highest wage, at least `low`.",
            ),
        ],
        "Uniform between two wages.",
    ),
    choice(
        "file",
        &[
            key(
                "path",
                Kind::Text,
                Required,
                r#""wages.csv""#,
                "A CSV file with a header, one row per worker, relative to this file.",
            ),
            key(
                "column",
                Kind::Text,
                Value(r#""wage""#),
                r#""wage""#,
                "Name of the column with $/hour.",
            ),
        ],
        "A column of your own file; the first `size` rows.",
    ),
];

const PERSONAS: &[Choice] = &[
    choice("none", &[], "Workers have no persona."),
    choice(
        "census",
        &[],
        "The person to whom the census wage belongs; needs `wages = \"census\"`.",
    ),
    bare(
        "file",
        &[key(
            "path",
            Kind::Text,
            Required,
            r#""personas.jsonl""#,
            "JSON lines, or CSV with a header if it ends in `.csv`; one row per worker, relative to this file.",
        )],
        "Your own personas; whether they agree with the wages is your business.",
    ),
];

pub(super) const FACTS: &[Choice] = &[
    choice("occupation", &[], "Occupation."),
    choice("sex", &[], "Sex."),
    choice("age", &[], "Age."),
    choice("education", &[], "Education."),
    choice("usual_hours", &[], "Usual hours."),
    choice("family", &[], "Marital status and children."),
];

const PERSONA_TEXTS: &[Choice] = &[
    choice("template", &[], "The template `persona.j2`."),
    choice(
        "llm",
        &[
            key(
                "model",
                Kind::Text,
                Required,
                r#""small""#,
                "Name of a table `[models.NAME]`. Its `temperature`, `top_p` and `on_failure` hold.",
            ),
            key(
                "max_tokens",
                Kind::Whole(1, 4096, "tokens"),
                Value("80"),
                "80",
                "Longest text.",
            ),
        ],
        "The same, and behind it two or three sentences that a language model writes from the facts before the first period (`persona-writer.j2`). They are kept in the transcript.",
    ),
];

const ECONOMY: &[Key] = &[
    key(
        "utility",
        Kind::Choice(UTILITY),
        Value(r#""quasilinear""#),
        r#""quasilinear""#,
        "Form of the utility of consumption.",
    ),
    key(
        "labor_cost",
        ABOVE_ZERO,
        Value("0.0005"),
        "0.0005",
        "χ, weight of the disutility of work χ·l^δ: $ per week under quasilinear utility. Under isoelastic utility it is a pure number and wants its own value: the default fits quasilinear utility only.",
    ),
    key(
        "labor_exponent",
        above(1.0, ""),
        Value("3.5"),
        "3.5",
        "δ, curvature of the disutility of work. The compensated elasticity of labour supply is 1/(δ−1): 0.4 at the default.",
    ),
    key(
        "labor_max",
        Kind::Number(
            Interval {
                low: 0.0,
                open: true,
                high: 168.0,
            },
            "hours/week",
        ),
        Value("100.0"),
        "100.0",
        "Most hours a worker can work.",
    ),
    key(
        "weeks_per_year",
        Kind::Number(
            Interval {
                low: 0.0,
                open: true,
                high: 53.0,
            },
            "weeks",
        ),
        Value("52.0"),
        "52.0",
        "Income is weeks × wage × hours. With 1, units are those of the LLM Economist's published code, where most rational workers sit at `labor_max`.",
    ),
    key(
        "public_spending",
        ANY_MONEY,
        Value("0.0"),
        "0.0",
        "Paid from taxes before the rest is rebated to all in equal parts. May exceed revenue: the rebate is then negative.",
    ),
];

const UTILITY: &[Choice] = &[
    choice(
        "quasilinear",
        &[],
        "u = c − weeks·χ·l^δ in $/year: no income effects.",
    ),
    choice(
        "isoelastic",
        &[
            key(
                "eta",
                number_from(0.0, ""),
                Value("1.5"),
                "1.5",
                "η, relative risk aversion; logarithmic at 1.",
            ),
            key(
                "consumption_unit",
                above(0.0, "$/year"),
                Value("1000.0"),
                "1000.0",
                "Unit in which consumption is counted.",
            ),
        ],
        "u = (c̃^(1−η) − 1)/(1−η) − χ·l^δ with c̃ = c/unit, a pure number: the rebate changes hours.",
    ),
];

/// A reform, as differences over a baseline law.
pub(super) const REFORM: &[Key] = &[
    key(
        "rates",
        Kind::Named(&Kind::Rate),
        Unset("no other rate"),
        "{ 3 = 0.30 }",
        "New rates by number of the bracket, from 1.",
    ),
    key(
        "edges",
        Kind::Named(&number_from(0.0, "$/year")),
        Unset("no other edge"),
        "{ 2 = 15000 }",
        "New lower edges by number of the bracket, from 2.",
    ),
    key(
        "grant",
        number_from(0.0, "$/year"),
        Unset("no other grant"),
        "6000.0",
        "A new grant.",
    ),
];

const TAXES: &[Key] = &[
    key(
        "law",
        Kind::Law,
        Unset("`brackets` and `initial` say what is taxed"),
        r#"["income-2024", "payroll-2024"]"#,
        "A law as the sum of its parts (docs/laws.md): sets brackets, rates at the start and `grant` at once, and excludes these keys. A law with negative rates, such as an earned-income credit, needs `allow_subsidy = true`.",
    ),
    key(
        "reform",
        Kind::Table(REFORM),
        Unset("no reform"),
        "{ rates.3 = 0.30 }",
        "Differences over the schedule at the start, whether from `law` or from `brackets` and `initial`: `rates.K` a rate, `edges.K` a lower edge in $/year, `grant` the grant. K counts brackets from 1, as in the columns `rate_1`, `rate_2` and so on.",
    ),
    key(
        "grant",
        number_from(0.0, "$/year"),
        Value("0.0"),
        "6000.0",
        "What the law grants everybody: written down, and without effect. All revenue less `economy.public_spending` is paid out in equal parts in any case, so that a grant only gives a part of this rebate another name. `law` sets it.",
    ),
    key(
        "brackets",
        Kind::Brackets,
        Value(r#""us-2024""#),
        "[0, 20000, 80000]",
        "Lower edges of the tax brackets, $/year of income. `\"us-2024\"` means that law's edges, `\"flat\"` one bracket, `\"three\"` 0, 90000, 159100.",
    ),
    key(
        "initial",
        Kind::Rates,
        Unset(
            "the rates of the law that `brackets` names; if it names none, `initial` must be given",
        ),
        "[0.10, 0.20, 0.40]",
        "Marginal rates at the start, fractions: a list with one for each bracket, one number for all, or a law whose brackets are these.",
    ),
    key(
        "allow_subsidy",
        Kind::Flag,
        Value("false"),
        "false",
        "Whether rates may be negative, down to −1.",
    ),
];

const OBJECTIVE: &[Key] = &[
    key(
        "welfare",
        Kind::Choice(WELFARE),
        Value(r#""inverse_wage""#),
        r#"{ isoelastic = { gamma = 1.0 } }"#,
        "Social welfare function. u is utility, m utility in $/year (the consumption without work that is as good). Every objective is recorded in any case; this one steers the planner.",
    ),
    key(
        "among",
        Kind::List(&Kind::Choice(WELFARE)),
        Unset("no uncertainty about the objective"),
        r#"["utilitarian", "inverse_wage", { atkinson = { epsilon = 2.0 } }]"#,
        "Two or more objectives of which none is known to be the right one: `fisc frontier` weighs schedules by all of them (docs/uncertain.md). The planners of a run pursue `welfare` all the same.",
    ),
    key(
        "credence",
        Kind::List(&number_from(0.0, "")),
        Unset("a partial order, in which no objective is more probable than another"),
        "[0.5, 0.3, 0.2]",
        "How probable it is that each objective of `among` is the right one, in their order; scaled to sum to 1.",
    ),
];

pub(super) const WELFARE: &[Choice] = &[
    choice(
        "utilitarian",
        &[],
        "Mean u. Blind to inequality of money under quasilinear utility: its optimum is no tax.",
    ),
    choice(
        "inverse_wage",
        &[],
        "Mean of g·u with fixed weights g ∝ 1/wage.",
    ),
    choice(
        "inverse_income",
        &[],
        "Σ u/max(income, 1): the LLM Economist paper's. Weights depend on the tax that they judge; asks for near-confiscation.",
    ),
    choice("rawlsian", &[], "Least u."),
    choice(
        "isoelastic",
        &[key(
            "gamma",
            number_from(0.0, ""),
            Value("1.0"),
            "1.0",
            "Aversion to inequality γ, at most 10; logarithmic at 1. `rawlsian` is the limit.",
        )],
        "Mean of (m^(1−γ) − 1)/(1−γ), m in 10,000 $/year.",
    ),
    choice(
        "atkinson",
        &[key(
            "epsilon",
            number_from(0.0, ""),
            Value("2.0"),
            "2.0",
            "Aversion to inequality ε, at most 10; `rawlsian` is the limit.",
        )],
        "Equally distributed equivalent of m, $/year.",
    ),
    choice("nash", &[], "Geometric mean of m, $/year."),
    choice("rank", &[], "Mean m × (1 − Gini of m), $/year (Sen)."),
    choice(
        "sufficiency",
        &[key(
            "threshold",
            number_from(0.0, "$/year"),
            Value("20000.0"),
            "20000.0",
            "What suffices.",
        )],
        "Mean shortfall of m below a threshold, counted negatively, $/year.",
    ),
    choice(
        "pareto",
        &[key(
            "weights",
            Kind::List(&number_from(0.0, "")),
            Required,
            "[3, 2, 1]",
            "One weight for each wage group, poorest first; groups are of equal size. At least one above 0.",
        )],
        "Mean of g·u with weights of your own.",
    ),
    choice(
        "prioritarian",
        &[key(
            "scale",
            above(0.0, "$/year"),
            Value("40000.0"),
            "40000.0",
            "Money over which priority falls by a factor e.",
        )],
        "−s·ln mean exp(−m/s), $/year (Kolm–Pollak).",
    ),
];

const PLANNER: &[Key] = &[key(
    "kind",
    Kind::Choice(PLANNERS),
    Value(r#""fixed""#),
    r#"{ llm = { model = "small" } }"#,
    "The planner of the main run; the name of the choice is its name in the column `arm`.",
)];

const COMPARE: &[Key] = &[key(
    "planners",
    Kind::List(&Kind::Choice(PLANNERS)),
    Value("[]"),
    r#"["none", "us-2024", "saez-static", "optimal"]"#,
    "One run for each. No two may have the same name; one equal to `planner.kind` is run once.",
)];

const CONSTRAINTS: &[Key] = &[
    key(
        "rate_max",
        Kind::Rate,
        Value("1.0"),
        "0.5",
        "Highest marginal rate. The lowest is 0, or −1 with `taxes.allow_subsidy`.",
    ),
    key(
        "rates_rise",
        Kind::Flag,
        Value("false"),
        "true",
        "Whether no rate may be below that of the bracket before.",
    ),
    key(
        "revenue",
        Kind::Choice(REVENUE),
        Value(r#""free""#),
        r#"{ neutral = "us-2024" }"#,
        "What taxes must raise, before it is spent or paid out as a rebate.",
    ),
];

const REVENUE: &[Choice] = &[
    choice("free", &[], "Whatever is best."),
    bare(
        "at_least",
        &[key(
            "at_least",
            ANY_MONEY,
            Required,
            "8000.0",
            "Least mean tax.",
        )],
        "At least this mean tax.",
    ),
    bare(
        "neutral",
        &[key(
            "law",
            Kind::Text,
            Required,
            r#""us-2024""#,
            "A law or the sum of several (docs/laws.md).",
        )],
        "At least what a law raises from the same workers.",
    ),
];

const RECORD: &[Key] = &[key(
    "workers_every",
    Kind::Whole(0, 1_000_000, "steps"),
    Value("1"),
    "1",
    "Every how many steps each worker's row is written to `workers.parquet`; 0 is never. A million workers at every step fill a disk.",
)];

const fn above(low: f64, unit: &'static str) -> Kind {
    Kind::Number(
        Interval {
            low,
            open: true,
            high: f64::INFINITY,
        },
        unit,
    )
}

const fn number_from(low: f64, unit: &'static str) -> Kind {
    Kind::Number(
        Interval {
            low,
            open: false,
            high: f64::INFINITY,
        },
        unit,
    )
}

const ABOVE_ZERO: Kind = above(0.0, "");
const ABOVE_ZERO_HOURLY: Kind = above(0.0, "$/hour");
const ANY_MONEY: Kind = number_from(f64::NEG_INFINITY, "$/year per worker");
