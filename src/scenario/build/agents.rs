//! Those who decide: language models, workers, planners.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::absolute;
use super::section::{Section, not_built, picked};
use crate::error::Result;
use crate::fiscal::Economy;
use crate::llm::RemoteSpec;
use crate::llm::hub::HubFile;
use crate::llm::remote::Structured;
use crate::scenario::key::Kind;
use crate::scenario::keys::{LANES_MAX, LAYERS_MAX, MODEL, PLANNERS, POINTS, WORKERS};
use crate::scenario::node::{Entry, Node, Value};
use crate::scenario::taxes::{composed, rate, reformed, without_subsidy};
use crate::scenario::{
    Backend, Decide, FETCHED_MODELS, FixedCost, LlmPlanner, Memory, MemoryJudge, ModelSettings,
    Motive, OnFailure, Pick, PlannerAnswer, PlannerKind, Readout, Standing, Taxes, Voting,
    WorkerGroup,
};
use crate::search::Method;
use crate::voting::Rule;

pub(super) type Models = BTreeMap<String, ModelSettings>;

pub(super) fn models(node: &Node, folder: &Path, must_exist: bool) -> Result<Models> {
    let Value::Table(entries) = &node.value else {
        panic!("`models` is not a completed table");
    };
    let model = |entry: &Entry| {
        let section = Section {
            node: &entry.node,
            keys: MODEL,
        };
        Ok((
            entry.name.clone(),
            model_settings(&section, folder, must_exist)?,
        ))
    };
    entries.iter().map(model).collect()
}

fn model_settings(section: &Section, folder: &Path, must_exist: bool) -> Result<ModelSettings> {
    let settings = ModelSettings {
        backend: match section.choice("backend") {
            ("gguf", parameters) => Backend::Gguf {
                model: gguf(parameters.node("model"), folder, must_exist)?,
                keep: parameters.small("keep")?,
                lanes: parameters
                    .optional("lanes")
                    .map(|node| Ok(node.whole(1, LANES_MAX, "lanes")? as usize))
                    .transpose()?,
                gpu_layers: parameters
                    .optional("gpu_layers")
                    .map(|node| Ok(node.whole(0, LAYERS_MAX, "layers")? as u32))
                    .transpose()?,
            },
            ("openai", parameters) => Backend::OpenAi(openai(&parameters)?),
            (name, _) => not_built("models.backend", name),
        },
        readout: match section.choice("readout") {
            ("choice", _) => Readout::Choice,
            ("sample", _) => Readout::Sample,
            (name, _) => not_built("models.readout", name),
        },
        temperature: section.number("temperature")?,
        top_p: section.number("top_p")?,
        context_tokens: section.small("context_tokens")?,
        max_tokens: section.small("max_tokens")?,
        think: section.small("think")?,
        on_failure: match section.choice("on_failure") {
            ("retry", parameters) => OnFailure::Retry {
                attempts: parameters.small("attempts")?,
            },
            ("keep-last", _) => OnFailure::KeepLast,
            ("stop", _) => OnFailure::Stop,
            (name, _) => not_built("models.on_failure", name),
        },
    };
    if settings.max_tokens.saturating_add(settings.think) >= settings.context_tokens {
        let longest = match settings.think > settings.max_tokens {
            true => "think",
            false => "max_tokens",
        };
        return Err(section
            .node(longest)
            .error("no room for a prompt beside the answer")
            .allowed(format!(
                "max_tokens and think together less than context_tokens ({})",
                settings.context_tokens
            )));
    }
    Ok(settings)
}

fn openai(section: &Section) -> Result<RemoteSpec> {
    let spec = RemoteSpec {
        model: section.text("model")?,
        urls: urls(section.node("urls"))?,
        key_env: section.optional("key_env").map(key_env).transpose()?,
        parallel: section.whole("parallel")? as usize,
        timeout: section.number("timeout")?.min(SECONDS_MAX),
        deadline: section.number("deadline")?.min(SECONDS_MAX),
        retries: section.small("retries")?,
        structured: match section.choice("structured") {
            ("json-schema", _) => Structured::JsonSchema,
            ("grammar", _) => Structured::Grammar,
            ("none", _) => Structured::None,
            (name, _) => not_built("models.backend.openai.structured", name),
        },
        price_prompt: section.number("price_prompt")?,
        price_answer: section.number("price_answer")?,
        budget: section.optional_number("budget")?,
    };
    match section.optional("budget") {
        Some(node) if spec.price_prompt + spec.price_answer == 0.0 => Err(node
            .error("a budget without prices is never spent")
            .allowed("a budget beside price_prompt and price_answer")),
        _ => Ok(spec),
    }
}

fn urls(node: &Node) -> Result<Vec<String>> {
    let items = node.items(Kind::List(&Kind::Text))?;
    if items.is_empty() {
        return Err(node
            .error("no server")
            .allowed("at least one base URL, such as \"http://127.0.0.1:8080/v1\""));
    }
    let url = |item: &Node| {
        let text = item.text()?;
        let rest = text
            .strip_prefix("http://")
            .or(text.strip_prefix("https://"));
        match rest {
            // Not shown where it may hold a password.
            _ if text.contains(['@', '?', '#']) => Err(item
                .error("a base URL without user, query and fragment")
                .value("(not shown: it may hold a key)")
                .allowed("keys by `key_env`")),
            Some(rest) if !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic()) => {
                Ok(text.to_owned())
            }
            _ => Err(item
                .error("not a base URL")
                .allowed("http://… or https://…, such as \"https://api.openai.com/v1\"")),
        }
    };
    items.iter().map(url).collect()
}

fn key_env(node: &Node) -> Result<String> {
    let name = node.text()?;
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(fits) {
        return Ok(name.to_owned());
    }
    Err(node
        .error("not the name of an environment variable")
        .value("(not shown: it may be the key itself)")
        .allowed("A–Z, 0–9 and _, such as \"OPENAI_API_KEY\""))
}

/// A year: longer waits are none.
const SECONDS_MAX: f64 = 3.2e7;

fn gguf(node: &Node, folder: &Path, must_exist: bool) -> Result<String> {
    let text = node.text()?;
    if FETCHED_MODELS.contains(&text) {
        return Ok(text.to_owned());
    }
    if let Some(file) = HubFile::named(text).map_err(|_| {
        node.error("not the name of a hub's file")
            .allowed("hf:OWNER/REPOSITORY/FILE.gguf or hf:OWNER/REPOSITORY/FILE.gguf@REVISION")
    })? {
        return Ok(file.to_string());
    }
    let path = absolute(node, folder)?;
    if must_exist && !path.is_file() {
        return Err(node
            .error("no such model file")
            .value(format!("{} ({})", node.text, path.display()))
            .allowed(format!(
                "a name that `fisc model fetch` knows ({}), or the path of a GGUF file relative to the scenario file",
                FETCHED_MODELS.join(", ")
            ))
            .suggest(text, FETCHED_MODELS));
    }
    // `absolute` has made sure of UTF-8.
    Ok(path.to_string_lossy().into_owned())
}

/// The settings of the model that `node` refers to by name.
pub(super) fn referred_model<'a>(
    node: &Node,
    models: &'a Models,
) -> Result<(String, &'a ModelSettings)> {
    let name = node.text()?;
    if let Some(settings) = models.get(name) {
        return Ok((name.to_owned(), settings));
    }
    let allowed = match models.len() {
        0 => format!("a model that the scenario defines: add a table [models.{name}]"),
        _ => models
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", "),
    };
    Err(node
        .error("no such model in [models]")
        .allowed(allowed)
        .suggest(name, models.keys().map(String::as_str)))
}

pub(super) fn workers(node: &Node, economy: &Economy, models: &Models) -> Result<Vec<WorkerGroup>> {
    let mut groups: Vec<WorkerGroup> = Vec::new();
    for (index, item) in node
        .items(Kind::List(&Kind::Table(WORKERS)))?
        .iter()
        .enumerate()
    {
        let section = Section {
            node: item,
            keys: WORKERS,
        };
        let group = worker_group(&section, index, economy, models)?;
        if groups.iter().any(|other| other.name == group.name) {
            return Err(section
                .optional("name")
                .unwrap_or(item)
                .error("two groups have the same name")
                .value(&group.name)
                .allowed("a different name for each group"));
        }
        groups.push(group);
    }
    let sum: f64 = groups.iter().map(|group| group.share).sum();
    if (sum - 1.0).abs() > 1e-9 {
        let shares: Vec<_> = groups.iter().map(|group| group.share.to_string()).collect();
        return Err(node
            .error("shares do not sum to 1")
            .value(match &shares[..] {
                [] => "no group".to_owned(),
                [share] => format!("share = {share}"),
                shares => format!("{} = {sum}", shares.join(" + ")),
            })
            .allowed("shares of all groups that sum to 1"));
    }
    Ok(groups)
}

/// What of its past a worker's prompt shows; `motive` is the group's.
fn memory(
    parameters: &Section,
    model: &str,
    settings: &ModelSettings,
    motive: &Node,
) -> Result<Memory> {
    if let Some(periods) = parameters.whole_or("memory") {
        return Ok(Memory::Last(periods as usize));
    }
    let node = parameters.node("memory");
    let (_, useful) = parameters.choice("memory");
    let refused = |why: &str, allowed: String| {
        let why = format!("a record's usefulness cannot be measured: {why}");
        Err(node.error(why).value("useful").allowed(allowed))
    };
    if settings.readout != Readout::Choice {
        return refused(
            &format!("model `{model}` is sampled and has no distribution over answers"),
            format!("a number of periods, or readout = \"choice\" in [models.{model}]"),
        );
    }
    if settings.think > 0 {
        return refused(
            &format!("model `{model}` answers after a thought, which is another in every prompt"),
            format!("a number of periods, or think = 0 in [models.{model}]"),
        );
    }
    if motive.get("self").is_none() {
        return refused(
            "it is the worker's own utility that is measured, and the motive is another",
            "a number of periods, or motive = \"self\"".into(),
        );
    }
    let optional = |name: &str| {
        useful
            .optional(name)
            .map(|_| useful.small(name))
            .transpose()
    };
    Ok(Memory::Useful {
        records: useful.whole("records")? as usize,
        considered: optional("considered")?.map(|periods| periods as usize),
        judge: match useful.choice("judge") {
            ("measured", _) => MemoryJudge::Measured,
            ("listwise", parameters) => MemoryJudge::Listwise {
                draws: parameters.small("draws")?,
            },
            ("distilled", parameters) => MemoryJudge::Distilled {
                sample: parameters.whole("sample")? as usize,
                years: (parameters.optional("years"))
                    .map(|_| parameters.small("years"))
                    .transpose()?,
            },
            (name, _) => not_built("workers.decide.llm.memory.useful.judge", name),
        },
    })
}

fn fixed_cost(section: &Section) -> Result<FixedCost> {
    match section.choice("fixed_cost") {
        ("none", _) => Ok(FixedCost::None),
        ("uniform", parameters) => {
            let (low, high) = (parameters.number("low")?, parameters.number("high")?);
            if low > high {
                return Err(parameters
                    .node("high")
                    .error("below the lowest cost")
                    .allowed(format!("at least low = {low}")));
            }
            Ok(FixedCost::Uniform { low, high })
        }
        ("lognormal", parameters) => Ok(FixedCost::Lognormal {
            median: parameters.number("median")?,
            sigma: parameters.number("sigma")?,
        }),
        (name, _) => not_built("workers.fixed_cost", name),
    }
}

fn pick(parameters: &Section) -> Pick {
    match parameters.choice("choice").0 {
        "draw" => Pick::Draw,
        "mode" => Pick::Mode,
        "mean" => Pick::Mean,
        name => not_built("workers.decide.*.choice", name),
    }
}

fn worker_group(
    section: &Section,
    index: usize,
    economy: &Economy,
    models: &Models,
) -> Result<WorkerGroup> {
    let group = WorkerGroup {
        name: match section.optional("name") {
            Some(node) => node.text()?.to_owned(),
            None => format!("workers-{}", index + 1),
        },
        share: section.number("share")?,
        decide: match section.choice("decide") {
            ("rational", _) => Decide::Rational,
            ("fixed", parameters) => {
                let hours = parameters.number("hours")?;
                if hours > economy.labor_max {
                    return Err(parameters
                        .node("hours")
                        .error("more than a worker can work")
                        .allowed(format!(
                            "0 to economy.labor_max = {} hours/week",
                            economy.labor_max
                        )));
                }
                Decide::Fixed { hours }
            }
            ("logit", parameters) => Decide::Logit {
                scale: parameters.number("scale")?,
            },
            ("adaptive", parameters) => {
                let step = parameters.number("step")?;
                if step > economy.labor_max {
                    return Err(parameters
                        .node("step")
                        .error("more than a worker can work")
                        .allowed(format!(
                            "above 0, up to economy.labor_max = {} hours/week",
                            economy.labor_max
                        )));
                }
                Decide::Adaptive { step }
            }
            ("llm", parameters) => {
                let (model, settings) = referred_model(parameters.node("model"), models)?;
                let choice = pick(&parameters);
                if choice != Pick::Draw && settings.readout != Readout::Choice {
                    return Err(parameters
                        .node("choice")
                        .error(format!(
                            "model `{model}` is sampled: it has no distribution over answers"
                        ))
                        .allowed(format!(
                            "\"draw\", or readout = \"choice\" in [models.{model}]"
                        )));
                }
                let motive = section.node("motive");
                Decide::Llm {
                    choice,
                    memory: memory(&parameters, &model, settings, motive)?,
                    model,
                }
            }
            ("distil", parameters) => {
                let node = parameters.node("model");
                let (model, settings) = referred_model(node, models)?;
                if settings.readout != Readout::Choice {
                    return Err(node
                        .error(format!(
                            "model `{model}` is sampled: it has no distribution over answers to teach"
                        ))
                        .allowed(format!("readout = \"choice\" in [models.{model}]")));
                }
                Decide::Distil {
                    model,
                    choice: pick(&parameters),
                    sample: parameters.whole("sample")? as usize,
                    years: parameters.small("years")?,
                    schedules: parameters.whole("schedules")? as usize,
                    ridge: parameters.optional_number("ridge")?,
                }
            }
            (name, _) => not_built("workers.decide", name),
        },
        bounded: section.node("bounded").flag()?,
        dissatisfied: section.number("dissatisfied")?,
        motive: match section.choice("motive") {
            ("self", _) => Motive::Own,
            ("altruistic", _) => Motive::Altruistic,
            ("adversarial", _) => Motive::Adversarial,
            (name, _) => not_built("workers.motive", name),
        },
        labor_cost: section.optional_number("labor_cost")?,
        labor_exponent: section.optional_number("labor_exponent")?,
        fixed_cost: fixed_cost(section)?,
        hours_step: section.number("hours_step")?,
        adjustment_cost: section.number("adjustment_cost")?,
    };
    if group.hours_step > economy.labor_max {
        return Err(section
            .node("hours_step")
            .error("more than all hours")
            .allowed(format!(
                "up to economy.labor_max = {} hours/week",
                economy.labor_max
            )));
    }
    let given = ["fixed_cost", "hours_step", "adjustment_cost"]
        .into_iter()
        .map(|name| section.node(name))
        .find(|node| node.given);
    let frictions = group.fixed_cost != FixedCost::None
        || group.hours_step > 0.0
        || group.adjustment_cost > 0.0;
    let plain = group.decide == Decide::Rational && group.motive == Motive::Own && !group.bounded;
    if let Some(node) = given.filter(|_| frictions && !plain) {
        return Err(node
            .error("frictions of workers who are not simply rational")
            .allowed("decide = \"rational\" with motive = \"self\" and bounded = false"));
    }
    let serves = group.decide == Decide::Rational || group.decide.asks().is_some();
    if group.motive != Motive::Own && !serves {
        return Err(section
            .node("motive")
            .error("a motive of workers who do not choose hours by what is good")
            .allowed("\"self\", or decide = \"rational\" or an llm"));
    }
    Ok(group)
}

pub(super) fn planner(
    node: &Node,
    taxes: &Taxes,
    models: &Models,
    years: u32,
) -> Result<PlannerKind> {
    let (name, parameters) = picked(node, Kind::Choice(PLANNERS));
    if matches!(name, "llm" | "hybrid" | "search") {
        tries_something(&parameters, years)?;
    }
    let elasticity = || parameters.optional_number("elasticity");
    Ok(match name {
        "none" => PlannerKind::None,
        "fixed" => PlannerKind::Fixed,
        law if law.starts_with("us-") => PlannerKind::Law(law.to_owned()),
        "law" => composed_law(&parameters, taxes.allow_subsidy)?,
        "flat" => PlannerKind::Flat {
            rate: parameters
                .optional("rate")
                .map(|node| rate(node, taxes.allow_subsidy))
                .transpose()?,
        },
        "saez-static" => PlannerKind::SaezStatic {
            elasticity: elasticity()?,
        },
        "saez-fixed-point" => PlannerKind::SaezFixedPoint {
            elasticity: elasticity()?,
        },
        "saez-estimated" => PlannerKind::SaezEstimated,
        "optimal" => PlannerKind::Optimal,
        "reward" => PlannerKind::Reward,
        "policy" => PlannerKind::Policy(super::optimisers::policy(&parameters)?),
        "llm" => PlannerKind::Llm(llm_planner(&parameters, models)?),
        "hybrid" => {
            let planner = LlmPlanner {
                proposals: Some(parameters.small("proposals")?),
                ..llm_planner(&parameters, models)?
            };
            let own = models[&planner.model].temperature;
            if planner.temperature.unwrap_or(own) == 0.0 {
                let model = &planner.model;
                return Err(parameters
                    .node("proposals")
                    .error("proposals that are all the same")
                    .value(format!("temperature 0 of model `{model}`"))
                    .allowed("a temperature above 0 here or in the model's table"));
            }
            PlannerKind::Llm(planner)
        }
        "elected" => PlannerKind::Elected {
            rule: parameters.optional("rule").map(|_| rule(&parameters)),
        },
        "search" => {
            let method = match parameters.choice("method") {
                ("random", _) => Method::Random,
                ("hill-climb", method) => Method::HillClimb {
                    points: points(method.node("points"))?,
                },
                ("cma-es", method) => Method::CmaEs {
                    spread: method.number("spread")?,
                },
                ("bayesian", _) => Method::Bayesian,
                ("bandit", _) => Method::Bandit,
                (name, _) => not_built("planner.kind.search.method", name),
            };
            PlannerKind::Search {
                method,
                final_years: parameters.small("final_years")?,
            }
        }
        name => not_built("planner.kind", name),
    })
}

fn composed_law(parameters: &Section, allow_subsidy: bool) -> Result<PlannerKind> {
    let parts = parameters.node("parts");
    let mut law = composed(parts)?;
    if let Some(reform) = parameters.optional("reform") {
        law = reformed(&law, reform, allow_subsidy)?;
    }
    without_subsidy(&law, parts, allow_subsidy)?;
    let name = parameters.text("name")?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let taken = PLANNERS
        .iter()
        .any(|choice| choice.name != "law" && choice.is_called(&name));
    if taken || name.len() > 32 || !name.chars().all(fits) {
        return Err(parameters
            .node("name")
            .error("not a name for a law's arm")
            .allowed("at most 32 of a–z, 0–9, `-` and `_`, and not the name of another planner"));
    }
    Ok(PlannerKind::Composed { name, law })
}

/// Between warm-up and final years there must be one in which something is tried.
fn tries_something(parameters: &Section, years: u32) -> Result<()> {
    let last = parameters.small("final_years")?;
    let warms_up = parameters.keys.iter().any(|key| key.name == "warm_up");
    let first = if warms_up {
        parameters.small("warm_up")?
    } else {
        1
    };
    let blamed = match (last > 0, first > 1) {
        (false, false) => return Ok(()),
        (true, _) => "final_years",
        (false, true) => "warm_up",
    };
    if u64::from(first.max(1)) + u64::from(last) < u64::from(years) {
        return Ok(());
    }
    Err(parameters
        .node(blamed)
        .error("no tax year in which the planner tries anything")
        .value(format!(
            "{last} last and {} first of {years} tax years",
            first.max(1)
        ))
        .allowed(
            "warm-up (at least the first year) and final years together below steps / tax_year",
        ))
}

fn llm_planner(parameters: &Section, models: &Models) -> Result<LlmPlanner> {
    Ok(LlmPlanner {
        model: referred_model(parameters.node("model"), models)?.0,
        proposals: None,
        memory: parameters.whole("memory")? as usize,
        best: parameters.whole("best")? as usize,
        hints: parameters.node("hints").flag()?,
        exploration: parameters.number("exploration")?,
        temperature: parameters.optional_number("temperature")?,
        attempts: parameters.small("attempts")?,
        answer: match parameters.choice("answer") {
            ("rates", _) => PlannerAnswer::Rates,
            ("steps", steps) => PlannerAnswer::Steps {
                points: points(steps.node("points"))?,
            },
            ("moves", moves) => {
                scores_moves(parameters.node("answer"), parameters.node("model"), models)?;
                PlannerAnswer::Moves {
                    points: points(moves.node("points"))?,
                    calibrated: moves.node("calibrated").flag()?,
                }
            }
            (name, _) => not_built("planner.kind.llm.answer", name),
        },
        warm_up: parameters.small("warm_up")?,
        final_years: parameters.small("final_years")?,
    })
}

fn rule(section: &Section) -> Rule {
    let (name, _) = section.choice("rule");
    match Rule::ALL.into_iter().find(|rule| rule.name() == name) {
        Some(rule) => rule,
        None => not_built("voting.rule", name),
    }
}

pub(super) fn voting(section: &Section, models: &Models) -> Result<Voting> {
    let model = |parameters: &Section| Ok(referred_model(parameters.node("model"), models)?.0);
    Ok(Voting {
        every: section.small("every")?,
        candidates: match section.choice("candidates") {
            ("all", _) => Standing::All,
            ("random", parameters) => Standing::Random {
                count: parameters.whole("count")? as usize,
            },
            ("flat", parameters) => {
                let step = parameters.number("step")?;
                if step < 0.1 {
                    return Err(parameters
                        .node("step")
                        .error("too many candidates")
                        .allowed("0.1 to 100 percentage points"));
                }
                Standing::Flat { step }
            }
            ("nominated", parameters) => Standing::Nominated {
                model: model(&parameters)?,
                among: parameters.whole("among")? as usize,
                civil: parameters.small("civil")?,
            },
            (name, _) => not_built("voting.candidates", name),
        },
        ballots: match section.choice("ballots") {
            ("rational", _) => None,
            ("llm", parameters) => Some(model(&parameters)?),
            (name, _) => not_built("voting.ballots", name),
        },
        rule: rule(section),
        leader: match section.choice("winner") {
            ("platform", _) => None,
            ("llm", parameters) => Some(model(&parameters)?),
            (name, _) => not_built("voting.winner", name),
        },
    })
}

/// A move is drawn from the probabilities of all moves, words that only a local model or
/// llama-server's `grammar` gives a probability each.
fn scores_moves(answer: &Node, model: &Node, models: &Models) -> Result<()> {
    let (name, settings) = referred_model(model, models)?;
    match &settings.backend {
        Backend::OpenAi(spec) if spec.structured != Structured::Grammar => Err(answer
            .error("moves of a model that gives no probabilities of them")
            .value("moves")
            .allowed(format!(
                "a gguf model, structured = \"grammar\" in [models.{name}] with llama-server, or \
                 answer = \"rates\""
            ))),
        _ => Ok(()),
    }
}

/// Sizes of moves in percentage points, each once.
fn points(node: &Node) -> Result<Vec<u32>> {
    let mut points: Vec<u32> = Vec::new();
    for item in node.items(POINTS)? {
        let size = item.whole(1, 100, "percentage points")? as u32;
        if points.contains(&size) {
            return Err(item
                .error("this size twice")
                .value(size)
                .allowed("each size once"));
        }
        points.push(size);
    }
    if points.is_empty() {
        return Err(node
            .error("no size of moves")
            .allowed("at least one, in percentage points"));
    }
    Ok(points)
}

/// The planners to compare with, without one that is equal to the main one.
pub(super) fn compared(
    node: &Node,
    main: &PlannerKind,
    taxes: &Taxes,
    models: &Models,
    years: u32,
) -> Result<Vec<PlannerKind>> {
    let mut arms: Vec<PlannerKind> = Vec::new();
    for item in node.items(Kind::List(&Kind::Choice(PLANNERS)))? {
        let arm = planner(item, taxes, models, years)?;
        let same_name = |other: &PlannerKind| other.arm() == arm.arm();
        if arms.iter().any(same_name) || (same_name(main) && arm != *main) {
            return Err(item
                .error("two planners have the same name, which tells the arms apart")
                .allowed(
                    "each planner once; to compare settings of one planner, run the scenario again with --set and another --out",
                ));
        }
        arms.push(arm);
    }
    arms.retain(|arm| arm != main);
    Ok(arms)
}
