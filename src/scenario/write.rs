//! The resolved scenario as TOML: every default written out.

use std::fmt::Display;

use super::*;
use crate::fiscal::Utility;
use crate::population::{PersonaSource, WagePrior};

/// A scenario as a TOML text with every default written out, which [`load`]s back to an equal one.
///
/// Brackets and rates are lists, paths absolute. Keys without a value (such
/// as an `elasticity` that follows from the economy) stay out.
pub fn to_toml(scenario: &Scenario) -> String {
    let mut page = Page::default();
    page.set("name", quoted(&scenario.name));
    page.set("seed", scenario.seed);
    page.set("steps", scenario.steps);
    page.set("tax_year", scenario.tax_year);
    if let Some(prompts) = &scenario.prompts {
        page.set("prompts", path(prompts));
    }

    let population = &scenario.population;
    page.header("[population]");
    page.set("size", population.size);
    page.set("wages", wages(&population.wages));
    page.set("personas", personas(&population.personas));
    let blind = scenario.blind.iter().map(|fact| quoted(fact.name()));
    page.set("persona_blind", list(blind));
    page.set(
        "persona_text",
        match &scenario.persona_writer {
            None => quoted("template"),
            Some(writer) => choice(
                "llm",
                &[
                    ("model", Some(quoted(&writer.model))),
                    ("max_tokens", Some(writer.max_tokens.to_string())),
                ],
            ),
        },
    );
    page.set("wage_cap", number(population.wage_cap));

    let economy = &scenario.economy;
    page.header("[economy]");
    page.set("utility", utility(&economy.utility));
    page.set("labor_cost", number(economy.labor_cost));
    page.set("labor_exponent", number(economy.labor_exponent));
    page.set("labor_max", number(economy.labor_max));
    page.set("weeks_per_year", number(economy.weeks_per_year));
    page.set("public_spending", number(economy.public_spending));

    let taxes = &scenario.taxes;
    page.header("[taxes]");
    page.set("brackets", list(taxes.edges.iter().map(|&x| number(x))));
    let rates = taxes.initial.rates();
    page.set("initial", list(rates.iter().map(|&x| number(x))));
    page.set("allow_subsidy", taxes.allow_subsidy);
    page.set("grant", number(taxes.grant));

    let limits = &scenario.limits;
    page.header("[constraints]");
    page.set("rate_max", number(limits.rate_max));
    page.set("rates_rise", limits.rates_rise);
    page.set("revenue", revenue(&limits.revenue));

    page.header("[objective]");
    page.set("welfare", objective(&scenario.objective));
    if let Some(set) = &scenario.uncertain {
        page.set("among", list(set.objectives().iter().map(objective)));
        if let Some(credence) = set.credence() {
            page.set("credence", list(credence.iter().map(|&p| number(p))));
        }
    }

    // Left out where nothing is learned and nothing but the objective pursued.
    if let Some(reward) = &scenario.reward {
        page.header("[reward]");
        page.set("kind", &reward.written);
    }
    if scenario.preferences.given || scenario.reward.is_some() {
        page.header("[preferences]");
        for (key, value) in &scenario.preferences.written {
            page.set(key, value);
        }
    }

    for group in &scenario.workers {
        page.header("[[workers]]");
        page.set("name", quoted(&group.name));
        page.set("share", number(group.share));
        page.set("decide", decide(&group.decide));
        page.set("bounded", group.bounded);
        page.set("dissatisfied", number(group.dissatisfied));
        page.set("motive", quoted(group.motive.name()));
        page.set("fixed_cost", fixed_cost(&group.fixed_cost));
        page.set("hours_step", number(group.hours_step));
        page.set("adjustment_cost", number(group.adjustment_cost));
        for (key, value) in [
            ("labor_cost", group.labor_cost),
            ("labor_exponent", group.labor_exponent),
        ] {
            if let Some(value) = value {
                page.set(key, number(value));
            }
        }
    }

    let voting = &scenario.voting;
    page.header("[voting]");
    page.set("every", voting.every);
    page.set("candidates", standing(&voting.candidates));
    page.set("ballots", or_model("rational", voting.ballots.as_deref()));
    page.set("rule", quoted(voting.rule.name()));
    page.set("winner", or_model("platform", voting.leader.as_deref()));

    page.header("[planner]");
    page.set("kind", planner(&scenario.planner));

    page.header("[compare]");
    page.set("planners", list(scenario.compare.iter().map(planner)));

    for (name, model) in &scenario.models {
        page.header(&format!("[models.{name}]"));
        page.set("backend", backend(&model.backend));
        page.set("readout", readout(model.readout));
        page.set("temperature", number(model.temperature));
        page.set("top_p", number(model.top_p));
        page.set("context_tokens", model.context_tokens);
        page.set("max_tokens", model.max_tokens);
        page.set("think", model.think);
        page.set("on_failure", on_failure(model.on_failure));
    }

    page.header("[record]");
    page.set("workers_every", scenario.record.workers_every);
    page.text
}

/// As [`to_toml`], without what may change between two halves of one run: how
/// the servers of a model are reached and paid.
pub fn to_toml_of_game(scenario: &Scenario) -> String {
    let mut scenario = scenario.clone();
    for model in scenario.models.values_mut() {
        if let Backend::OpenAi(spec) = &mut model.backend {
            *spec = RemoteSpec {
                structured: spec.structured,
                ..RemoteSpec::new(&spec.model, Vec::new())
            };
        }
    }
    to_toml(&scenario)
}

/// A TOML text that grows line by line.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn set(&mut self, key: &str, value: impl Display) {
        self.text.push_str(&format!("{key} = {value}\n"));
    }

    fn header(&mut self, header: &str) {
        self.text.push_str(&format!("\n{header}\n"));
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A path that [`load`] has found to be UTF-8.
fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// The shortest decimal that reads back to the same number, always a TOML float.
fn number(x: f64) -> String {
    format!("{x:?}")
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A choice with parameters, of which those without a value stay out; a string when none is left.
fn choice(name: &str, parameters: &[(&str, Option<String>)]) -> String {
    let given: Vec<_> = parameters
        .iter()
        .filter_map(|(key, value)| Some(format!("{key} = {}", value.as_ref()?)))
        .collect();
    if given.is_empty() {
        quoted(name)
    } else {
        format!("{{ {name} = {{ {} }} }}", given.join(", "))
    }
}

fn wages(prior: &WagePrior) -> String {
    let some = |x: &f64| Some(number(*x));
    match prior {
        WagePrior::Gb2 | WagePrior::Gb2Stratified | WagePrior::Census => quoted(prior.name()),
        WagePrior::Lognormal { median, sigma } => choice(
            prior.name(),
            &[("median", some(median)), ("sigma", some(sigma))],
        ),
        WagePrior::ParetoLognormal {
            median,
            sigma,
            tail,
        } => choice(
            prior.name(),
            &[
                ("median", some(median)),
                ("sigma", some(sigma)),
                ("tail", some(tail)),
            ],
        ),
        WagePrior::Uniform { low, high } => {
            choice(prior.name(), &[("low", some(low)), ("high", some(high))])
        }
        WagePrior::File { path: file, column } => choice(
            prior.name(),
            &[("path", Some(path(file))), ("column", Some(quoted(column)))],
        ),
    }
}

fn personas(source: &PersonaSource) -> String {
    match source {
        PersonaSource::None => quoted("none"),
        PersonaSource::Census => quoted("census"),
        PersonaSource::File { path: file } => format!("{{ file = {} }}", path(file)),
    }
}

fn utility(utility: &Utility) -> String {
    match utility {
        Utility::Quasilinear => quoted("quasilinear"),
        Utility::Isoelastic {
            eta,
            consumption_unit,
        } => choice(
            "isoelastic",
            &[
                ("eta", Some(number(*eta))),
                ("consumption_unit", Some(number(*consumption_unit))),
            ],
        ),
    }
}

fn objective(objective: &Objective) -> String {
    let parameter = match objective {
        Objective::Isoelastic { gamma } => Some(("gamma", number(*gamma))),
        Objective::Atkinson { epsilon } => Some(("epsilon", number(*epsilon))),
        Objective::Sufficiency { threshold } => Some(("threshold", number(*threshold))),
        Objective::Prioritarian { scale } => Some(("scale", number(*scale))),
        Objective::Pareto { weights } => {
            Some(("weights", list(weights.iter().map(|&x| number(x)))))
        }
        Objective::Utilitarian
        | Objective::InverseWage
        | Objective::InverseIncome
        | Objective::Rawlsian
        | Objective::Nash
        | Objective::Rank => None,
    };
    let parameters: Vec<_> = parameter
        .into_iter()
        .map(|(key, value)| (key, Some(value)))
        .collect();
    choice(objective.name(), &parameters)
}

fn decide(decide: &Decide) -> String {
    match decide {
        Decide::Rational => quoted("rational"),
        Decide::Fixed { hours } => choice("fixed", &[("hours", Some(number(*hours)))]),
        Decide::Logit { scale } => choice("logit", &[("scale", Some(number(*scale)))]),
        Decide::Adaptive { step } => choice("adaptive", &[("step", Some(number(*step)))]),
        Decide::Llm {
            model,
            choice: pick,
            memory,
        } => choice(
            "llm",
            &[
                ("model", Some(quoted(model))),
                ("choice", Some(picked(*pick))),
                ("memory", Some(remembered(memory))),
            ],
        ),
        Decide::Distil {
            model,
            choice: pick,
            sample,
            years,
            schedules,
            ridge,
        } => choice(
            "distil",
            &[
                ("model", Some(quoted(model))),
                ("choice", Some(picked(*pick))),
                ("sample", Some(sample.to_string())),
                ("years", Some(years.to_string())),
                ("schedules", Some(schedules.to_string())),
                ("ridge", ridge.map(number)),
            ],
        ),
    }
}

fn picked(pick: Pick) -> String {
    quoted(match pick {
        Pick::Draw => "draw",
        Pick::Mode => "mode",
        Pick::Mean => "mean",
    })
}

fn revenue(rule: &RevenueRule) -> String {
    match rule {
        RevenueRule::Free => quoted("free"),
        RevenueRule::AtLeast(least) => format!("{{ at_least = {} }}", number(*least)),
        RevenueRule::Neutral(law) => format!("{{ neutral = {} }}", quoted(law)),
    }
}

fn fixed_cost(cost: &FixedCost) -> String {
    let some = |value: f64| Some(number(value));
    match *cost {
        FixedCost::None => quoted("none"),
        FixedCost::Uniform { low, high } => {
            choice("uniform", &[("low", some(low)), ("high", some(high))])
        }
        FixedCost::Lognormal { median, sigma } => choice(
            "lognormal",
            &[("median", some(median)), ("sigma", some(sigma))],
        ),
    }
}

fn planner(kind: &PlannerKind) -> String {
    let parameters = match kind {
        PlannerKind::Flat { rate } => vec![("rate", rate.map(number))],
        PlannerKind::SaezStatic { elasticity } | PlannerKind::SaezFixedPoint { elasticity } => {
            vec![("elasticity", elasticity.map(number))]
        }
        PlannerKind::Llm(planner) => vec![
            ("model", Some(quoted(&planner.model))),
            (
                "proposals",
                planner.proposals.map(|count| count.to_string()),
            ),
            ("memory", Some(planner.memory.to_string())),
            ("best", Some(planner.best.to_string())),
            ("hints", Some(planner.hints.to_string())),
            ("exploration", Some(number(planner.exploration))),
            ("temperature", planner.temperature.map(number)),
            ("attempts", Some(planner.attempts.to_string())),
            ("answer", Some(answer(&planner.answer))),
            ("warm_up", Some(planner.warm_up.to_string())),
            ("final_years", Some(planner.final_years.to_string())),
        ],
        PlannerKind::Elected { rule } => vec![("rule", rule.map(|rule| quoted(rule.name())))],
        PlannerKind::Search {
            method,
            final_years,
        } => {
            let own = match method {
                Method::HillClimb { points } => vec![("points", Some(whole_list(points)))],
                Method::CmaEs { spread } => vec![("spread", Some(number(*spread)))],
                Method::Random | Method::Bayesian | Method::Bandit => vec![],
            };
            vec![
                ("method", Some(choice(method.name(), &own))),
                ("final_years", Some(final_years.to_string())),
            ]
        }
        PlannerKind::Policy(spec) => return format!("{{ policy = {} }}", spec.written),
        PlannerKind::Composed { name, law } => vec![
            ("parts", Some(quoted(&law.to_string()))),
            ("name", Some(quoted(name))),
        ],
        PlannerKind::None
        | PlannerKind::Fixed
        | PlannerKind::Law(_)
        | PlannerKind::SaezEstimated
        | PlannerKind::Optimal
        | PlannerKind::Reward => vec![],
    };
    let name = match kind {
        PlannerKind::Search { .. } => "search".to_owned(),
        PlannerKind::Elected { .. } => "elected".to_owned(),
        PlannerKind::Composed { .. } => "law".to_owned(),
        kind => kind.arm(),
    };
    choice(&name, &parameters)
}

fn answer(answer: &PlannerAnswer) -> String {
    match answer {
        PlannerAnswer::Rates => quoted("rates"),
        PlannerAnswer::Steps { points } => choice("steps", &[("points", Some(whole_list(points)))]),
        PlannerAnswer::Moves { points, calibrated } => choice(
            "moves",
            &[
                ("points", Some(whole_list(points))),
                ("calibrated", Some(calibrated.to_string())),
            ],
        ),
    }
}

fn remembered(memory: &Memory) -> String {
    let (records, considered, judge) = match memory {
        Memory::Last(periods) => return periods.to_string(),
        Memory::Useful {
            records,
            considered,
            judge,
        } => (records, considered, judge),
    };
    let judge = match judge {
        MemoryJudge::Measured => quoted("measured"),
        MemoryJudge::Listwise { draws } => {
            choice("listwise", &[("draws", Some(draws.to_string()))])
        }
        MemoryJudge::Distilled { sample, years } => choice(
            "distilled",
            &[
                ("sample", Some(sample.to_string())),
                ("years", years.map(|years| years.to_string())),
            ],
        ),
    };
    choice(
        "useful",
        &[
            ("records", Some(records.to_string())),
            ("considered", considered.map(|periods| periods.to_string())),
            ("judge", Some(judge)),
        ],
    )
}

fn standing(candidates: &Standing) -> String {
    match candidates {
        Standing::All => quoted("all"),
        Standing::Random { count } => choice("random", &[("count", Some(count.to_string()))]),
        Standing::Flat { step } => choice("flat", &[("step", Some(number(*step)))]),
        Standing::Nominated {
            model,
            among,
            civil,
        } => choice(
            "nominated",
            &[
                ("model", Some(quoted(model))),
                ("among", Some(among.to_string())),
                ("civil", Some(civil.to_string())),
            ],
        ),
    }
}

/// `otherwise`, or a model that is asked.
fn or_model(otherwise: &str, model: Option<&str>) -> String {
    match model {
        None => quoted(otherwise),
        Some(model) => choice("llm", &[("model", Some(quoted(model)))]),
    }
}

fn whole_list(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    format!("[{}]", texts.join(", "))
}

fn backend(backend: &Backend) -> String {
    match backend {
        Backend::Gguf {
            model,
            keep,
            lanes,
            gpu_layers,
        } => choice(
            "gguf",
            &[
                ("model", Some(quoted(model))),
                ("keep", Some(keep.to_string())),
                ("lanes", lanes.map(|lanes| lanes.to_string())),
                ("gpu_layers", gpu_layers.map(|layers| layers.to_string())),
            ],
        ),
        Backend::OpenAi(spec) => openai(spec),
    }
}

fn openai(spec: &RemoteSpec) -> String {
    let structured = spec.structured.name();
    choice(
        "openai",
        &[
            ("model", Some(quoted(&spec.model))),
            ("urls", Some(list(spec.urls.iter().map(|url| quoted(url))))),
            ("key_env", spec.key_env.as_deref().map(quoted)),
            ("parallel", Some(spec.parallel.to_string())),
            ("timeout", Some(number(spec.timeout))),
            ("deadline", Some(number(spec.deadline))),
            ("retries", Some(spec.retries.to_string())),
            ("structured", Some(quoted(structured))),
            ("price_prompt", Some(number(spec.price_prompt))),
            ("price_answer", Some(number(spec.price_answer))),
            ("budget", spec.budget.map(number)),
        ],
    )
}

fn readout(readout: Readout) -> String {
    quoted(match readout {
        Readout::Choice => "choice",
        Readout::Sample => "sample",
    })
}

fn on_failure(policy: OnFailure) -> String {
    match policy {
        OnFailure::Retry { attempts } => {
            choice("retry", &[("attempts", Some(attempts.to_string()))])
        }
        OnFailure::KeepLast => quoted("keep-last"),
        OnFailure::Stop => quoted("stop"),
    }
}
