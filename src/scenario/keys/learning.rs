//! The keys of `[preferences]` and `[reward]`.

use super::super::key::{Choice, Default, Interval, Key, Kind, choice, key};
use super::agents::model;
use super::judged::{REGRET, ROBUST, VALUES};
use super::models::{ASPECTS, CONTEXTUAL, GPM, PAL, PLACKETT_LUCE, RATER_EMBEDDING};
use super::voiced::{FOLLOW_UP, PRINCIPLE};
use super::{above, number_from, rewards};
use Default::{Required, Value};

pub(in crate::scenario) const PREFERENCES: &[Key] = &[
    key(
        "source",
        Kind::Choice(SOURCES),
        Value(r#""utility""#),
        r#"{ utility = { noise = 1000.0 } }"#,
        "Who compares tax schedules, and how.",
    ),
    key(
        "model",
        Kind::Choice(PREFERENCE_MODELS),
        Value(r#""bradley-terry""#),
        r#"{ bradley-terry = { ridge = 0.01 } }"#,
        "What is fitted to the judgements. See `docs/methods.md`.",
    ),
    key(
        "features",
        Kind::Choice(FEATURES),
        Value(r#""own""#),
        r#""society""#,
        "What raters are shown of a schedule, and the model sees.",
    ),
    key(
        "weights",
        Kind::Choice(WEIGHTS),
        Value(r#""equal""#),
        r#""inverse-wage""#,
        "Whose judgement counts how much in the reward. Where one score is to stand for all (features that are shared, a model without tastes of raters), their answers are weighted, else their scores; the log says on how many raters of equal weight such a score rests.",
    ),
    key(
        "comparisons",
        Kind::Whole(1, 10_000_000, "comparisons"),
        Value("2000"),
        "2000",
        "Comparisons made after each of the first `years` tax years; the model is fitted to all so far.",
    ),
    key(
        "schedules",
        Kind::Whole(2, 100_000, "schedules"),
        Value("64"),
        "64",
        "Schedules that are compared: the initial one and others with its brackets, their rates a Latin hypercube over all that is allowed; new ones in every year that asks. The planner `reward` chooses from such a list where a reward compares (`principle`, `follow-up`).",
    ),
    key(
        "years",
        Kind::Whole(1, 1_000_000, "tax years"),
        Value("1"),
        "1",
        "First tax years after which workers are asked; fewer than the run has, as nobody learns from what is said after the last.",
    ),
    key(
        "held_out",
        Kind::Number(
            Interval {
                low: 0.0,
                open: false,
                high: 0.9,
            },
            "share",
        ),
        Value("0.2"),
        "0.2",
        "Share of the comparisons on which the model is judged after it was fitted to the others. What the planner pursues is fitted to all.",
    ),
];

const SOURCES: &[Choice] = &[
    choice(
        "utility",
        &[
            key(
                "noise",
                number_from(0.0, "unit of utility"),
                Value("1000.0"),
                "1000.0",
                "Scale s of the logistic noise: a worker prefers a with probability σ((u(a) − u(b))/s); 0 never errs.",
            ),
            key(
                "flipped",
                Kind::Number(
                    Interval {
                        low: 0.0,
                        open: false,
                        high: 0.5,
                    },
                    "share",
                ),
                Value("0.0"),
                "0.25",
                "Share of answers that are turned round afterwards.",
            ),
            key(
                "equality",
                Kind::List(&number_from(f64::NEG_INFINITY, "unit of utility")),
                Value("[]"),
                "[40000.0, -40000.0]",
                "What a Gini coefficient of disposable income of 0 instead of 1 is worth to workers, by turns: planted tastes, to see whether a model finds them.",
            ),
            key(
                "cycle",
                number_from(f64::NEG_INFINITY, "logits"),
                Value("0.0"),
                "4.0",
                "A planted cycle: 4·cycle·(x_a·y_b − y_a·x_b) is added to the log-odds of a over b, with x and y the first and last rate less ½.",
            ),
        ],
        "Workers compare two schedules by the utility that each would bring them, everybody's responses included: a truth to test learning against.",
    ),
    choice(
        "choice",
        &[model()],
        "A language model answers \"A or B?\" for workers drawn by lot, each shown two schedules as `features` says (with `own` its hours, income, tax and what it has), in both orders: the outcome is the mean of both. With the readout `choice` of the model its exact probabilities, with `sample` the letters that it names. No worker is asked twice about the same two schedules.",
    ),
    choice(
        "ballots",
        &[
            CANDIDATES,
            key(
                "polls",
                Kind::Whole(1, 100_000, "polls"),
                Value("10"),
                "10",
                "Polls after each asking year, each among other schedules of the list.",
            ),
        ],
        "All workers vote among some of the schedules, as `voting.ballots` says; every two schedules on a ballot are a comparison, and a ballot of m counts as m − 1 of them. `comparisons` has no effect.",
    ),
    choice(
        "statements",
        &[
            model(),
            key(
                "max_tokens",
                Kind::Whole(1, 100_000, "tokens"),
                Value("60"),
                "60",
                "Longest statement.",
            ),
        ],
        "A language model says for workers, in free text, what they think of a year under a schedule: the year that they lived, or one that it would have been. It is then asked whether a statement is satisfied, and two statements of a worker compare by as much as their signals differ. `comparisons` is the number of pairs of statements.",
    ),
    choice(
        "matched",
        &[model(), CANDIDATES],
        "A language model votes among some schedules twice, as a worker and as another one drawn by lot: where the votes differ, the worker's own is taken to be better for it. Nobody judges. `comparisons` is the number of pairs of votes.",
    ),
    choice(
        "file",
        &[key(
            "path",
            Kind::Text,
            Required,
            r#""comparisons.csv""#,
            "CSV, relative to this file, with the columns `rater` (a worker, from 0), `a` and `b` (schedules such as `0:0.10,11600:0.12`), `outcome` (1: a preferred, 0: b) and, if wanted, `weight`, `context`, `aspect`, `rationale`, `group` (comparisons that follow from one ranking or the like have the same number there, and are held out together); other columns are not read, but one whose name is close to one of these is refused. With the features `rates` and `all` schedules must have the brackets of `taxes`; negative rates need `taxes.allow_subsidy`.",
        )],
        "Judgements of people, or of another program. All are used after the first tax year; `comparisons` and `years` have no effect, and `schedules` only where the model has no score: then they are those against which the reward counts votes.",
    ),
];

const CANDIDATES: Key = key(
    "candidates",
    Kind::Whole(2, 1_000, "schedules"),
    Value("4"),
    "4",
    "Schedules on a ballot, drawn from the list.",
);

const FEATURES: &[Choice] = &[
    choice(
        "own",
        &[],
        "What happens to the rater: own disposable income, cost of effort and hours. The model is a utility function, and the reward the weighted mean of everybody's utility by it.",
    ),
    choice(
        "society",
        &[],
        "What happens to all: disposable income by tenth of wages, mean hours, income and effort, inequality, revenue.",
    ),
    choice(
        "rates",
        &[],
        "The rates of the schedule themselves. A linear score of them is highest in a corner, every rate as low or as high as it may be: take a model with `hidden` units, or one without a score.",
    ),
    choice(
        "all",
        &[],
        "All three together: for raters who care for themselves, for others, and for the law itself.",
    ),
];

const WEIGHTS: &[Choice] = &[
    choice("equal", &[], "Everybody's alike."),
    choice(
        "inverse-wage",
        &[],
        "In inverse proportion to hourly wages, as in the objective `inverse_wage`.",
    ),
];

pub(super) const RIDGE: Key = key(
    "ridge",
    above(0.0, ""),
    Value("0.001"),
    "0.1",
    "Precision of the normal prior on the parameters of features scaled to variance 1: small enough to leave parameters of 10 logits alone where answers are nearly sure, as they are about one's own income.",
);

/// Of models with more than a score in them, which wander under a weaker prior.
pub(super) const FIRM_RIDGE: Key = key(
    "ridge",
    above(0.0, ""),
    Value("0.1"),
    "1.0",
    "Precision of the normal prior on the parameters of features scaled to variance 1: with a weaker one the fit wanders.",
);

/// The preference models.
const PREFERENCE_MODELS: &[Choice] = &[
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
            key(
                "ensemble",
                Kind::Whole(0, 1_000, "members"),
                Value("0"),
                "10",
                "Copies fitted to comparisons drawn with replacement, whose mean is the score; 0 fits once.",
            ),
        ],
        "Logistic in the difference of two scores.",
    ),
    choice(
        "thurstone",
        &[
            FIRM_RIDGE,
            key(
                "equal_variance",
                Kind::Flag,
                Value("false"),
                "true",
                "Whether all items are judged with the same noise.",
            ),
        ],
        "Normal in the difference of two uncertain utilities.",
    ),
    PLACKETT_LUCE,
    GPM,
    PAL,
    RATER_EMBEDDING,
    CONTEXTUAL,
    ASPECTS,
    REGRET,
    ROBUST,
    VALUES,
];

pub(in crate::scenario) const REWARD: &[Key] = &[key(
    "kind",
    Kind::Choice(REWARDS),
    Value(r#""welfare""#),
    r#""learned""#,
    "What the planners `reward` and `search` pursue, in place of the objective, by which all planners are measured as before.",
)];

/// The rewards.
const REWARDS: &[Choice] = &[
    choice("welfare", &[], "The objective itself."),
    choice(
        "learned",
        &[],
        "The model of `[preferences]`, once it is fitted; the initial schedule stays until then.",
    ),
    rewards::COMPOSITE,
    rewards::CONSTRAINED,
    rewards::HARMONIC,
    rewards::REGULARISED,
    rewards::STANDARDS,
    rewards::CODE,
    rewards::CRITIQUE,
    rewards::INTRINSIC,
    choice(
        "principle",
        PRINCIPLE,
        "A language model judges schedules side by side by a principle: the score of one is the log-probability that it is named the best of its list, the mean over all rotations of the list, less that of the initial schedule, which stands in every list. The planner `reward` takes the best of `preferences.schedules` schedules, the initial one and others by Latin hypercube; `rewards.parquet` holds its score and the effect of order as `pursued_total` and `pursued_order_effect`. A year alone is not judged.",
    ),
    choice(
        "follow-up",
        FOLLOW_UP,
        "How much likelier a language model, speaking for workers who tell of their year, finds what the content say than what those say who complain: the mean over workers of Σ ln p(positive) − Σ ln p(negative). The planner `reward` takes the best of `preferences.schedules` schedules.",
    ),
];

/// Names of the preference models that a scenario knows.
pub fn names_of_models() -> Vec<&'static str> {
    PREFERENCE_MODELS.iter().map(|choice| choice.name).collect()
}

/// Names of the rewards that a scenario knows.
pub fn names_of_rewards() -> Vec<&'static str> {
    REWARDS.iter().map(|choice| choice.name).collect()
}
