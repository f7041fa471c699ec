//! Keys of those who decide: workers, planners, language models.

use super::super::key::{Choice, Default, Interval, Key, Kind, LAW, choice, key};
use super::{above, number_from};
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
        Kind::Flag,
        Value("false"),
        "true",
        "Whether satisfaction with the tax policy scales utility: u − (1−r)·|u| with r = d + (1−d)·P, d the key `dissatisfied` and P the probability of being satisfied. A language model is asked for P once every tax year; any other worker is satisfied (P = 1, else 0) if it is no worse off than without tax and rebate.",
    ),
    key(
        "dissatisfied",
        Kind::Number(
            Interval {
                low: 0.0,
                open: false,
                high: 1.0,
            },
            "",
        ),
        Value("0.5"),
        "0.5",
        "Factor r of a worker who is surely dissatisfied, where `bounded = true`; 1 changes nothing.",
    ),
    key(
        "motive",
        Kind::Choice(MOTIVE),
        Value(r#""self""#),
        r#""altruistic""#,
        "Whose good the worker is after. Others than `self` want `decide` to be `rational` (exact, by search) or `llm` (told so in the prompt).",
    ),
    key(
        "labor_cost",
        above(0.0, ""),
        Unset("`economy.labor_cost`"),
        "0.0005",
        "The group's own χ, in the unit of `economy.labor_cost`.",
    ),
    key(
        "labor_exponent",
        above(1.0, ""),
        Unset("`economy.labor_exponent`"),
        "11.0",
        "The group's own δ, hence its elasticity 1/(δ−1): 11 is 0.1. With a new δ give a new `labor_cost`, or hours move far.",
    ),
    key(
        "fixed_cost",
        Kind::Choice(FIXED_COST),
        Value(r#""none""#),
        "{ uniform = { low = 0.0, high = 20000.0 } }",
        "Cost of working at all, drawn for each worker, in the unit of utility ($/year under quasilinear utility): who does not earn it back stays at home, which is the extensive margin. For `rational` workers.",
    ),
    key(
        "hours_step",
        super::number_from(0.0, "hours/week"),
        Value("0.0"),
        "10.0",
        "Hours come in multiples of this; 0 is any hours. Coarse hours hide bunching at kinks. For `rational` workers.",
    ),
    key(
        "adjustment_cost",
        super::number_from(0.0, ""),
        Value("0.0"),
        "500.0",
        "Cost of changing hours from one period to the next, in the unit of utility, paid in the period of the change: small reforms then move few. Full-information planners take the hours under the initial schedule as those before. For `rational` workers.",
    ),
];

const FIXED_COST: &[Choice] = &[
    choice("none", &[], "Nobody has one."),
    choice(
        "uniform",
        &[
            key(
                "low",
                super::number_from(0.0, ""),
                Required,
                "0.0",
                "Lowest cost.",
            ),
            key(
                "high",
                super::number_from(0.0, ""),
                Required,
                "20000.0",
                "Highest cost, at least `low`.",
            ),
        ],
        "Uniform between two costs.",
    ),
    choice(
        "lognormal",
        &[
            key("median", above(0.0, ""), Required, "5000.0", "Median cost."),
            key(
                "sigma",
                super::number_from(0.0, ""),
                Required,
                "1.0",
                "Standard deviation of the logarithm of costs.",
            ),
        ],
        "Lognormal costs.",
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
            key(
                "memory",
                Kind::WholeOr(0, 1000, "periods", MEMORIES),
                Value("0"),
                "4",
                "Last periods of its own that the worker's prompt shows, and the one with its highest utility so far; or those that are useful. More cost tokens.",
            ),
        ],
        "A language model is asked.",
    ),
    choice(
        "distil",
        &[
            model(),
            key(
                "choice",
                Kind::Choice(PICKS),
                Value(r#""draw""#),
                r#""mean""#,
                "What is taken from a distribution over hours.",
            ),
            key(
                "sample",
                Kind::Whole(1, 1_000_000, "workers"),
                Value("200"),
                "200",
                "Workers of the group whom the language model is asked about, at even quantiles of wages.",
            ),
            key(
                "years",
                Kind::Whole(1, 1_000_000, "tax years"),
                Value("1"),
                "2",
                "First tax years in which it is asked, once a year about each worker of the sample, who follow it in these years. Until the first of them ends, all others draw from the mean of the sample's distributions.",
            ),
            key(
                "schedules",
                Kind::Whole(0, 1_000, "schedules"),
                Value("4"),
                "8",
                "Other schedules under which it is asked about the sample in each of these years, their rates a Latin hypercube over all that is allowed: what the small model knows of laws not yet in force.",
            ),
            key(
                "ridge",
                above(0.0, ""),
                Unset(
                    "the best of 0.001, 0.01, …, 1000 by five-fold cross-validation over workers",
                ),
                "0.01",
                "Precision of the normal prior on the small model's slopes, features scaled to variance 1; a large one leaves the mean distribution.",
            ),
        ],
        "A small multinomial model of wage, tax and persona, fitted to the choice distributions of a language model (`readout = \"choice\"`) about a sample of the group, stands in for it: populations of any size. How far it is from the language model, on workers held out, is a note of the run.",
    ),
    choice(
        "logit",
        &[key(
            "scale",
            above(0.0, "of utility"),
            Required,
            "500.0",
            "How much worse an option must be to be chosen e times less often: $/year under quasilinear utility.",
        )],
        "Noisy best response: each of the hours 0, 10, …, `labor_max` with a probability that rises exponentially with its utility.",
    ),
    choice(
        "adaptive",
        &[key(
            "step",
            above(0.0, "hours/week"),
            Value("2.0"),
            "2.0",
            "Change of hours from one period to the next.",
        )],
        "Hill climbing on the worker's own history: hours go on in the same direction as long as utility does not fall, else they turn back.",
    ),
];

const MEMORIES: &[Choice] = &[choice(
    "useful",
    &[
        key(
            "records",
            Kind::Whole(1, 1000, "periods"),
            Value("4"),
            "2",
            "Most records in a prompt.",
        ),
        key(
            "considered",
            Kind::Whole(1, 100_000, "periods"),
            Unset("the whole past"),
            "12",
            "Last periods that are looked at.",
        ),
        key(
            "judge",
            Kind::Choice(MEMORY_JUDGES),
            Value(r#""measured""#),
            r#"{ listwise = { draws = 5 } }"#,
            "How it is found out which are useful.",
        ),
    ],
    "Of the worker's past those periods that help the model, none if none does. Needs `readout = \"choice\"`, `think = 0` and `motive = \"self\"`. What it cost in questions, the share of records that entered prompts and their measured utility are a note of the run.",
)];

const MEMORY_JUDGES: &[Choice] = &[
    choice(
        "measured",
        &[],
        "The true expected utility of the model's distribution over hours, in the worker's own economy under the law in force, with the record in the prompt less without it: those above 0. Costs one question for each record looked at and one without, for each worker and period.",
    ),
    choice(
        "listwise",
        &[key(
            "draws",
            Kind::Whole(1, 1000, "questions"),
            Value("5"),
            "5",
            "Questions for each worker and period, each with the list in another order.",
        )],
        "The model itself names the most useful record of the list, or none; one vote is drawn from each answer, and records with more votes than none enter.",
    ),
    choice(
        "distilled",
        &[
            key(
                "sample",
                Kind::Whole(1, 1_000_000, "workers"),
                Value("20"),
                "50",
                "Workers of the group, at even quantiles of wages, whose records are measured.",
            ),
            key(
                "years",
                Kind::Whole(1, 1_000_000, "tax years"),
                Unset("in all"),
                "4",
                "First tax years in which they are measured.",
            ),
        ],
        "A linear model of what a record says, fitted to the measured utilities of a sample of workers, judges the records of all others.",
    ),
];

const PICKS: &[Choice] = &[
    choice("draw", &[], "A draw from it."),
    choice("mode", &[], "Its most probable answer."),
    choice("mean", &[], "Its mean, usually between the answers."),
];

const MOTIVE: &[Choice] = &[
    choice("self", &[], "Its own utility."),
    choice(
        "altruistic",
        &[],
        "The scenario's welfare: own hours that make it highest, given all others', the effect on the rebate included.",
    ),
    choice(
        "adversarial",
        &[],
        "Against the scenario's welfare: own hours that make it lowest.",
    ),
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
        "law",
        &[
            key(
                "parts",
                Kind::Law,
                Required,
                r#"["income-2024", "payroll-2024"]"#,
                "The law as the sum of its parts.",
            ),
            key(
                "reform",
                Kind::Table(super::REFORM),
                Unset("no reform"),
                "{ rates.3 = 0.30 }",
                "Differences over the law, as in `taxes.reform`.",
            ),
            key(
                "name",
                Kind::Label,
                Value(r#""law""#),
                r#""reform-3""#,
                "Name of the arm, at most 32 lower-case letters, digits, `-` and `_`.",
            ),
        ],
        "A law of parts (docs/laws.md) with its own brackets, as in `taxes.law`. Negative rates need `taxes.allow_subsidy`; a grant is without effect.",
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
        "reward",
        &[],
        "The highest `reward.kind` over the bracket rates, with full information on how workers respond; while nothing is learned yet, the initial schedule. Where the reward is made by comparing, the best of a list of schedules.",
    ),
    choice(
        "policy",
        super::optimisers::POLICY,
        "A stochastic policy over a list of schedules that pursues `reward.kind` (or the objective), improved in every tax year by an optimiser with full information on how workers respond; while nothing is learned yet, the initial schedule.",
    ),
    choice(
        "llm",
        &[
            model(),
            YEARS_SHOWN,
            BEST_SHOWN,
            HINTS,
            EXPLORATION,
            RATES_TEMPERATURE,
            RATES_ATTEMPTS,
            key(
                "answer",
                Kind::Choice(ANSWERS),
                Value(r#""rates""#),
                r#"{ moves = { points = [30, 15] } }"#,
                "What it is asked for.",
            ),
            WARM_UP,
            FINAL_YEARS,
        ],
        "A language model proposes rates, shown what past tax years brought.",
    ),
    choice(
        "hybrid",
        &[
            model(),
            key(
                "proposals",
                Kind::Whole(2, 1_000, "schedules"),
                Value("8"),
                "8",
                "Schedules that the model proposes in each tax year, drawn independently.",
            ),
            YEARS_SHOWN,
            BEST_SHOWN,
            HINTS,
            EXPLORATION,
            RATES_TEMPERATURE,
            RATES_ATTEMPTS,
            key(
                "answer",
                Kind::Choice(SAMPLED_ANSWERS),
                Value(r#""rates""#),
                r#""rates""#,
                "What it is asked for.",
            ),
            WARM_UP,
            FINAL_YEARS,
        ],
        "A language model proposes several schedules, and of these the one with the highest expected improvement under a Gaussian process fitted to the past tax years is played.",
    ),
    choice(
        "search",
        &[
            key(
                "method",
                Kind::Choice(METHODS),
                Required,
                r#"{ hill-climb = { points = [30, 15] } }"#,
                "How the next rates are found; the arm is called `search-METHOD`.",
            ),
            FINAL_YEARS,
        ],
        "Black-box search that sees what a language-model planner sees: a yardstick for it. It compares the rewards of past years, so `fisc check` refuses rewards that change from year to year, but for `random` with `final_years = 0`, which compares nothing.",
    ),
    choice(
        "elected",
        &[key(
            "rule",
            Kind::Choice(RULES),
            Unset("`voting.rule`"),
            r#""copeland""#,
            "Voting rule of this arm, which is then called `elected-RULE`, so that rules can be compared.",
        )],
        "The winner of the elections of `[voting]`.",
    ),
];

pub(in crate::scenario) const RULES: &[Choice] = &[
    choice("plurality", &[], "Most first preferences."),
    choice(
        "runoff",
        &[],
        "A second vote between the first two, unless one has more than half.",
    ),
    choice(
        "instant-runoff",
        &[],
        "The last is out and its votes pass on, until one has more than half.",
    ),
    choice("borda", &[], "A point for each candidate ranked below."),
    choice(
        "approval",
        &[],
        "A vote for each candidate at least as good as the voter's mean of all.",
    ),
    choice(
        "score",
        &[],
        "Mean of utilities scaled from each voter's worst (0) to best (1).",
    ),
    choice("copeland", &[], "Most pairwise victories."),
    choice("schulze", &[], "Strongest paths of pairwise victories."),
];

pub(in crate::scenario) const VOTING: &[Key] = &[
    key(
        "every",
        Kind::Whole(1, 1_000_000, "tax years"),
        Value("1"),
        "2",
        "Tax years from one election to the next; the first is held in the first year.",
    ),
    key(
        "candidates",
        Kind::Choice(CANDIDATES),
        Value(r#"{ random = {} }"#),
        r#"{ random = { count = 5 } }"#,
        "Who stands.",
    ),
    key(
        "ballots",
        Kind::Choice(BALLOTS),
        Value(r#""rational""#),
        r#"{ llm = { model = "small" } }"#,
        "How workers vote.",
    ),
    key(
        "rule",
        Kind::Choice(RULES),
        Value(r#""plurality""#),
        r#""schulze""#,
        "How votes become a winner. Ties are broken by lot.",
    ),
    key(
        "winner",
        Kind::Choice(WINNERS),
        Value(r#""platform""#),
        r#"{ llm = { model = "small" } }"#,
        "What the winner does.",
    ),
];

const CANDIDATES: &[Choice] = &[
    choice(
        "all",
        &[],
        "Every worker, each with the rates that are best for itself, everybody's responses and the rebate included (language-model workers taken to be rational).",
    ),
    choice(
        "random",
        &[key(
            "count",
            Kind::Whole(1, 10_000, "workers"),
            Value("5"),
            "5",
            "Workers drawn for each election.",
        )],
        "Some workers, each with the rates that are best for itself.",
    ),
    choice(
        "flat",
        &[key(
            "step",
            Kind::Number(
                Interval {
                    low: 0.0,
                    open: true,
                    high: 100.0,
                },
                "percentage points",
            ),
            Value("1.0"),
            "1.0",
            "Distance from one rate to the next, at least 0.1.",
        )],
        "Flat taxes from 0 to 100 %, nobody's in particular.",
    ),
    choice(
        "nominated",
        &[
            model(),
            key(
                "among",
                Kind::Whole(1, 10_000, "workers"),
                Value("5"),
                "5",
                "Workers drawn for each election who are asked whether they stand.",
            ),
            key(
                "civil",
                Kind::Whole(0, 100, "rewrites"),
                Value("0"),
                "4",
                "Times that the model rewrites each sentence in a civil tone. The best by content kept times tone, if it beats the sentence as it was said, goes to the voters; 0 leaves sentences as they are. Costs so many questions for each candidate, and two on the tone of each different text.",
            ),
        ],
        "Workers who want to, with a platform that the model writes: rates and a sentence to the voters.",
    ),
];

const BALLOTS: &[Choice] = &[
    choice(
        "rational",
        &[],
        "By the utility that each platform would bring the worker, exactly (language-model workers taken to be rational).",
    ),
    choice(
        "llm",
        &[model()],
        "A language model votes for each worker: with the readout `choice` its probabilities of the candidates are a ballot over all of them, with `sample` it names one.",
    ),
];

const WINNERS: &[Choice] = &[
    choice(
        "platform",
        &[],
        "Its platform becomes law until the next election.",
    ),
    choice(
        "llm",
        &[model()],
        "In each tax year it asks the model for the rates that are best for itself.",
    ),
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
    choice(
        "cma-es",
        &[key(
            "spread",
            Kind::Number(
                Interval {
                    low: 0.0,
                    open: true,
                    high: 100.0,
                },
                "percentage points",
            ),
            Value("20.0"),
            "20.0",
            "Standard deviation of the first generation around the initial rates.",
        )],
        "Covariance matrix adaptation: generations of 4 + 3 ln(brackets) tax years around a mean that follows the better half.",
    ),
    choice(
        "bayesian",
        &[],
        "The schedule with the highest expected improvement under a Gaussian process fitted to the past tax years.",
    ),
    choice(
        "bandit",
        &[],
        "Thompson sampling: welfare as a sum of a parabola in each rate, drawn from its posterior, and its maximum played.",
    ),
];

const YEARS_SHOWN: Key = key(
    "memory",
    Kind::Whole(0, 1_000_000, "tax years"),
    Value("12"),
    "12",
    "Last tax years that the prompt shows.",
);

const BEST_SHOWN: Key = key(
    "best",
    Kind::Whole(0, 1_000_000, "tax years"),
    Value("3"),
    "3",
    "Tax years with the highest welfare that the prompt shows besides; each year stands there once.",
);

const HINTS: Key = key(
    "hints",
    Kind::Flag,
    Value("true"),
    "false",
    "Whether the prompt names the best year and says how to go on from it.",
);

const EXPLORATION: Key = key(
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
);

const RATES_TEMPERATURE: Key = key(
    "temperature",
    TEMPERATURE,
    Unset("the model's"),
    "0.7",
    "Sampling temperature of the rates.",
);

const RATES_ATTEMPTS: Key = key(
    "attempts",
    Kind::Whole(1, 100, ""),
    Value("3"),
    "3",
    "Times that the model is asked for valid rates before last year's stay; each failure is counted.",
);

const WARM_UP: Key = key(
    "warm_up",
    Kind::Whole(0, 1_000_000, "tax years"),
    Value("1"),
    "1",
    "First tax years in which `taxes.initial` stays and the model is not asked. In the first it always stays.",
);

const ALL_RATES: Choice = choice(
    "rates",
    &[],
    "All rates at once, as whole percentages; sampled.",
);

const RATE_STEPS: Choice = choice(
    "steps",
    &[key(
        "points",
        POINTS,
        Value("[10, 20]"),
        "[10, 20]",
        "Sizes of changes up and down besides 0.",
    )],
    "For each bracket a change of last year's rate, among those that keep it in 0 to 100 %; sampled.",
);

const SAMPLED_ANSWERS: &[Choice] = &[ALL_RATES, RATE_STEPS];

const ANSWERS: &[Choice] = &[
    ALL_RATES,
    RATE_STEPS,
    choice(
        "moves",
        &[STEPS, CALIBRATED],
        "A move from the best schedule so far that was not tried before, drawn from the model's exact probabilities over all such moves. Behind a server it needs `structured = \"grammar\"`.",
    ),
];

const STEPS: Key = key(
    "points",
    POINTS,
    Value("[30, 15]"),
    "[30, 15]",
    "Sizes of moves up and down. A move changes the rates of any range of neighbouring brackets by as much; none is made twice.",
);

/// Questions are asked 64 at a time, and a lane takes four or more.
pub(in crate::scenario) const LANES_MAX: u64 = 16;

/// More layers than any model has.
pub(in crate::scenario) const LAYERS_MAX: u64 = 10_000;

const CALIBRATED: Key = key(
    "calibrated",
    Kind::Flag,
    Value("false"),
    "true",
    "Each move's probability is divided by the one that the model gives it where no welfare is shown, so that what the past tax years brought decides and not the model's liking for certain numbers. Asks twice.",
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
        "Longest sampled answer; less than `context_tokens`. A server under `json-schema` is given 16 more, for the object around it.",
    ),
    key(
        "think",
        Kind::Whole(0, 65_536, "tokens"),
        Value("0"),
        "128",
        "Longest thought in free text before the answer, which is then asked for in its light; 0 answers directly. The thought is drawn with `temperature` and `top_p`, and kept in the transcript.",
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
        &[
            key(
                "model",
                Kind::Text,
                Required,
                r#""smollm2-135m""#,
                "A name that `fisc model fetch` knows, a file of a hub (`hf:OWNER/REPOSITORY/FILE.gguf`, with `@REVISION` behind it), or the path of a GGUF file relative to this file.",
            ),
            key(
                "keep",
                Kind::Whole(0, 1_048_576, "MiB"),
                Value("0"),
                "1024",
                "Main memory for what was evaluated of prompts, so that a prompt that goes on from the last step is evaluated from there on: several times faster with prompts that carry a past. The numbers then depend, in the way that the composition of a batch matters, on what was kept: a resumed run may round otherwise than one that was not broken off. With 0 it is equal.",
            ),
            key(
                "lanes",
                Kind::Whole(1, LANES_MAX, "lanes"),
                Unset(
                    "as many as `fisc model bench` found best; else the largest number up to 4 that divides the cores, and 1 on a GPU",
                ),
                "2",
                "Groups of questions that are evaluated side by side, each in a working memory of its own (`context_tokens`) and on its share of the threads. The numbers depend on it in the way that the composition of a batch matters: give it where machines with other numbers of cores are to round alike.",
            ),
            key(
                "gpu_layers",
                Kind::Whole(0, LAYERS_MAX, "layers"),
                Unset("all, if fisc was built for a GPU"),
                "99",
                "Layers of the model on the GPU. Needs a `fisc` built with `--features cuda`, `vulkan` or `metal` (without its device such a `fisc` takes only 0), or with `dynamic-backends` and a backend of a GPU that it finds.",
            ),
        ],
        "A GGUF file in this process, through llama.cpp.",
    ),
    choice(
        "openai",
        OPENAI,
        "A server that speaks OpenAI's chat completions: OpenAI, OpenRouter, Gemini, vLLM, Ollama, llama-server. See `docs/remote.md`.",
    ),
];

const OPENAI: &[Key] = &[
    key(
        "model",
        Kind::Text,
        Required,
        r#""gpt-4o-mini""#,
        "The model's name for the server.",
    ),
    key(
        "urls",
        Kind::List(&Kind::Text),
        Required,
        r#"["http://127.0.0.1:8080/v1"]"#,
        "Base URLs of servers with this model, to which `/chat/completions` is added. The least busy healthy one is asked.",
    ),
    key(
        "key_env",
        Kind::Text,
        Unset("no key is sent"),
        r#""OPENAI_API_KEY""#,
        "Name of the environment variable that holds the key. The key itself never stands in a file.",
    ),
    key(
        "parallel",
        Kind::Whole(1, 64, "calls"),
        Value("8"),
        "8",
        "Most calls in flight together, over all URLs.",
    ),
    key(
        "timeout",
        above(0.0, "seconds"),
        Value("60.0"),
        "60.0",
        "Longest time of one call. A slower one is counted and repeated.",
    ),
    key(
        "deadline",
        above(0.0, "seconds"),
        Value("600.0"),
        "600.0",
        "Longest time of all questions of a step to this model, from the first of them; thoughts and repeated attempts count. Those that are then open have failed.",
    ),
    key(
        "retries",
        Kind::Whole(0, 20, ""),
        Value("4"),
        "4",
        "Times that a call is repeated after a fault that may pass, with growing pauses. What still has no answer has failed: see `on_failure`.",
    ),
    key(
        "structured",
        Kind::Choice(STRUCTURED),
        Value(r#""json-schema""#),
        r#""grammar""#,
        "How the server keeps answers to what is admissible.",
    ),
    key(
        "price_prompt",
        number_from(0.0, "$ per million tokens"),
        Value("0.0"),
        "0.15",
        "Price of tokens of prompts.",
    ),
    key(
        "price_answer",
        number_from(0.0, "$ per million tokens"),
        Value("0.0"),
        "0.60",
        "Price of tokens of answers.",
    ),
    key(
        "budget",
        above(0.0, "$"),
        Unset("no limit"),
        "5.0",
        "The run stops, to be resumed, when this much is spent. Calls in flight are still paid for. Needs prices.",
    ),
];

const STRUCTURED: &[Choice] = &[
    choice(
        "json-schema",
        &[],
        "`response_format` with a JSON schema: one member, `answer`.",
    ),
    choice(
        "grammar",
        &[],
        "The field `grammar` of llama-server: exact, and the only one under which `readout = \"choice\"` is.",
    ),
    choice("none", &[], "Nothing: the prompt alone."),
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
    choice(
        "stop",
        &[],
        "Stops the run, to be resumed: a question that a server or the context left without an answer is then asked again. An answer that is there but invalid stands, and stops it again.",
    ),
];

pub(super) const fn model() -> Key {
    key(
        "model",
        Kind::Text,
        Required,
        r#""small""#,
        "Name of a table `[models.NAME]`.",
    )
}
