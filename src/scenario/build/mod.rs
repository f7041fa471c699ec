//! From a complete tree to a [`Scenario`]: the checks that concern several keys or other files.

mod agents;
mod files;
mod judged;
mod learning;
mod models;
mod optimisers;
mod rewards;
mod section;
mod voiced;

use std::path::Path;

use self::agents::{Models, compared, models, planner, referred_model, voting, workers};
use self::files::{existing, referred, wage_file};
use self::section::{Section, not_built, picked};
use super::key::{Kind, is_label};
use super::keys::{FACTS, SCENARIO, WELFARE};
use super::node::Node;
use super::{Limits, PersonaWriter, PlannerKind, Record, RevenueRule, Scenario, Taxes};
use crate::error::{Error, Place, Result};
use crate::fiscal::law::TaxLaw;
use crate::fiscal::uncertain::ObjectiveSet;
use crate::fiscal::{Economy, Objective, Utility};
use crate::population::files::read_personas;
use crate::population::priors::{Lognormal, ParetoLognormal, Uniform};
use crate::population::{Fact, PersonaSource, PopulationSpec, WagePrior};

/// Builds the scenario from a tree that [`super::complete`] has been over.
///
/// # Errors
/// The first value that disagrees with another one or with a file.
pub(super) fn build(file: &Path, root: &Node, models_must_exist: bool) -> Result<Scenario> {
    let root = Section {
        node: root,
        keys: SCENARIO,
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let (steps, tax_year) = periods(&root)?;
    let economy = economy(&root.table("economy"))?;
    let taxes = taxes(&root.table("taxes"))?;
    let limits = limits(&root.table("constraints"))?;
    let models = models(root.node("models"), folder, models_must_exist)?;
    let population_section = root.table("population");
    let planner_node = root.table("planner").node("kind");
    let years = steps / tax_year;
    let planner = planner(planner_node, &taxes, &models, years)?;
    let compare = root.table("compare");
    let compare = compared(compare.node("planners"), &planner, &taxes, &models, years)?;
    let workers_in_all = population_section.whole("size")? as usize;
    let preferences = learning::preferences(
        &root.table("preferences"),
        folder,
        &models,
        (&taxes, workers_in_all),
    )?;
    let arms: Vec<&PlannerKind> = std::iter::once(&planner).chain(&compare).collect();
    let objective = objective(root.table("objective").choice("welfare"))?;
    let ground = rewards::Ground {
        objective: &objective,
        preferences: &preferences,
        initial: &taxes.initial,
        years,
    };
    let reward = learning::reward(&root.table("reward"), folder, &ground, &models, &arms)?;
    if let Some(reward) = &reward {
        let section = root.table("preferences");
        learning::years_in_time(&section, &preferences, reward, years)?;
        if reward.learns() {
            let size = population_section.whole("size")? as usize;
            learning::check_model(&section, folder, &preferences, size, years)?;
        }
    }
    learning::comparable(&root, reward.as_ref(), &preferences, &arms)?;
    Ok(Scenario {
        name: name(&root, file)?,
        seed: root.whole("seed")?,
        steps,
        tax_year,
        population: population(&population_section, folder)?,
        blind: blind(population_section.node("persona_blind"))?,
        persona_writer: persona_writer(&population_section, &models)?,
        objective,
        uncertain: uncertain(&root.table("objective"))?,
        workers: workers(root.node("workers"), &economy, &models)?,
        voting: voting(&root.table("voting"), &models)?,
        compare,
        preferences,
        reward,
        record: Record {
            workers_every: root.table("record").small("workers_every")?,
        },
        prompts: root
            .optional("prompts")
            .map(|node| existing(node, folder, Path::is_dir, "folder"))
            .transpose()?,
        economy,
        limits,
        taxes,
        planner,
        models,
    })
}

fn name(root: &Section, file: &Path) -> Result<String> {
    if let Some(node) = root.optional("name") {
        return node.text().map(str::to_owned);
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    if is_label(&stem) {
        return Ok(stem.into_owned());
    }
    Err(
        Error::input("this key must be given, as the file's name is not fit for one")
            .at(Place {
                key: "name".into(),
                ..root.node.place.clone()
            })
            .value(stem)
            .allowed(Kind::Label.allowed()),
    )
}

fn periods(root: &Section) -> Result<(u32, u32)> {
    let (steps, tax_year) = (root.small("steps")?, root.small("tax_year")?);
    if steps % tax_year == 0 {
        return Ok((steps, tax_year));
    }
    let given = [root.node("tax_year"), root.node("steps")];
    let blamed = given.iter().find(|node| node.given).unwrap_or(&given[0]);
    Err(blamed
        .error("`steps` must be a multiple of `tax_year`")
        .value(format!("steps = {steps}, tax_year = {tax_year}"))
        .allowed(format!(
            "steps = {tax_year}, {}, {}, … for this tax_year",
            2 * u64::from(tax_year),
            3 * u64::from(tax_year)
        )))
}

fn economy(section: &Section) -> Result<Economy> {
    let economy = Economy {
        utility: match section.choice("utility") {
            ("quasilinear", _) => Utility::Quasilinear,
            ("isoelastic", parameters) => Utility::Isoelastic {
                eta: parameters.number("eta")?,
                consumption_unit: parameters.number("consumption_unit")?,
            },
            (name, _) => not_built("economy.utility", name),
        },
        labor_cost: section.number("labor_cost")?,
        labor_exponent: section.number("labor_exponent")?,
        labor_max: section.number("labor_max")?,
        weeks_per_year: section.number("weeks_per_year")?,
        public_spending: section.number("public_spending")?,
    };
    economy
        .check()
        .map_err(|error| error.at(section.node.place.clone()))?;
    Ok(economy)
}

fn taxes(section: &Section) -> Result<Taxes> {
    let allow_subsidy = section.node("allow_subsidy").flag()?;
    let mut law = baseline(section, allow_subsidy)?;
    if let Some(reform) = section.optional("reform") {
        law = super::taxes::reformed(&law, reform, allow_subsidy)?;
    }
    if let Some(node) = section.optional("law") {
        super::taxes::without_subsidy(&law, node, allow_subsidy)?;
    }
    Ok(Taxes {
        edges: law.schedule().edges().to_vec(),
        initial: law.schedule().clone(),
        allow_subsidy,
        grant: law.grant(),
    })
}

/// What `law` says, or else `brackets`, `initial` and `grant`.
fn baseline(section: &Section, allow_subsidy: bool) -> Result<TaxLaw> {
    let brackets = section.node("brackets");
    if let Some(law) = section.optional("law") {
        let others = ["brackets", "initial", "grant"].map(|name| section.node.get(name));
        return match others.into_iter().flatten().find(|node| node.given) {
            Some(other) => Err(other
                .error("`taxes.law` sets this already")
                .allowed("either `law`, or `brackets`, `initial` and `grant`")),
            None => super::taxes::composed(law),
        };
    }
    let edges = super::taxes::edges(brackets)?;
    let initial = section.optional("initial");
    let schedule = super::taxes::initial(initial, brackets, &edges, allow_subsidy)?;
    TaxLaw::new(schedule, section.number("grant")?)
}

fn limits(section: &Section) -> Result<Limits> {
    Ok(Limits {
        rate_max: super::taxes::rate(section.node("rate_max"), false)?,
        rates_rise: section.node("rates_rise").flag()?,
        revenue: match section.choice("revenue") {
            ("free", _) => RevenueRule::Free,
            ("at_least", parameters) => RevenueRule::AtLeast(parameters.number("at_least")?),
            ("neutral", parameters) => {
                let node = parameters.node("law");
                let name = node.text()?;
                TaxLaw::parse(name).map_err(|error| error.at(node.place.clone()))?;
                RevenueRule::Neutral(name.to_owned())
            }
            (name, _) => not_built("constraints.revenue", name),
        },
    })
}

fn objective((name, parameters): (&str, Section)) -> Result<Objective> {
    let objective = match name {
        "utilitarian" => Objective::Utilitarian,
        "inverse_wage" => Objective::InverseWage,
        "inverse_income" => Objective::InverseIncome,
        "rawlsian" => Objective::Rawlsian,
        "isoelastic" => Objective::Isoelastic {
            gamma: parameters.number("gamma")?,
        },
        "atkinson" => Objective::Atkinson {
            epsilon: parameters.number("epsilon")?,
        },
        "nash" => Objective::Nash,
        "rank" => Objective::Rank,
        "sufficiency" => Objective::Sufficiency {
            threshold: parameters.number("threshold")?,
        },
        "pareto" => {
            let kind = parameters.key("weights").kind;
            let weights = parameters.node("weights").items(kind)?;
            Objective::Pareto {
                weights: weights.iter().filter_map(Node::as_number).collect(),
            }
        }
        "prioritarian" => Objective::Prioritarian {
            scale: parameters.number("scale")?,
        },
        name => not_built("objective.welfare", name),
    };
    // No objective has more than one parameter.
    let parameter = parameters.keys.first();
    let node = parameter.and_then(|key| parameters.node.get(key.name));
    objective
        .check()
        .map_err(|error| error.at(node.unwrap_or(parameters.node).place.clone()))?;
    Ok(objective)
}

/// The objectives of `among`, each once, with their credences.
fn uncertain(section: &Section) -> Result<Option<ObjectiveSet>> {
    let credence = section.optional("credence");
    let Some(among) = section.optional("among") else {
        return match credence {
            None => Ok(None),
            Some(node) => Err(node
                .error("credences of no objectives")
                .allowed("`among` beside it, or no credences")),
        };
    };
    let mut objectives = Vec::new();
    for item in among.items(section.key("among").kind)? {
        let found = objective(picked(item, Kind::Choice(WELFARE)))?;
        if objectives.contains(&found) {
            return Err(item
                .error("this objective twice")
                .allowed("each objective once, or with other parameters"));
        }
        objectives.push(found);
    }
    let set = ObjectiveSet::new(objectives).map_err(|error| error.at(among.place.clone()))?;
    let Some(node) = credence else {
        return Ok(Some(set));
    };
    let items = node.items(section.key("credence").kind)?;
    let credence: Vec<f64> = items.iter().filter_map(Node::as_number).collect();
    set.with_credence(&credence)
        .map(Some)
        .map_err(|error| error.at(node.place.clone()))
}

/// Facts that prompts leave unsaid, each once.
fn blind(node: &Node) -> Result<Vec<Fact>> {
    let mut facts = Vec::new();
    for item in node.items(Kind::List(&Kind::Choice(FACTS)))? {
        let (name, _) = picked(item, Kind::Choice(FACTS));
        let Some(fact) = Fact::ALL.into_iter().find(|fact| fact.name() == name) else {
            not_built("population.persona_blind", name)
        };
        if facts.contains(&fact) {
            return Err(item.error("this fact twice").allowed("each fact once"));
        }
        facts.push(fact);
    }
    Ok(facts)
}

fn persona_writer(section: &Section, models: &Models) -> Result<Option<PersonaWriter>> {
    match section.choice("persona_text") {
        ("template", _) => Ok(None),
        ("llm", _) if section.choice("personas").0 == "none" => Err(section
            .node("persona_text")
            .error("nothing to write a persona from")
            .value("persona_text = { llm = … } with personas = \"none\"")
            .allowed("personas = \"census\" or { file = … }, or persona_text = \"template\"")),
        ("llm", parameters) => {
            let node = parameters.node("model");
            let (model, settings) = referred_model(node, models)?;
            let max_tokens = parameters.whole("max_tokens")? as usize;
            if max_tokens >= settings.context_tokens as usize {
                return Err(parameters
                    .node("max_tokens")
                    .error("no room for a prompt beside the text")
                    .allowed(format!(
                        "less than context_tokens ({})",
                        settings.context_tokens
                    )));
            }
            Ok(Some(PersonaWriter { model, max_tokens }))
        }
        (name, _) => not_built("population.persona_text", name),
    }
}

fn population(section: &Section, folder: &Path) -> Result<PopulationSpec> {
    let size = section.whole("size")? as usize;
    let (wages, parameters) = section.choice("wages");
    let at = |name: &'static str| move |error: Error| error.at(parameters.node(name).place.clone());
    let wages = match wages {
        "gb2" => WagePrior::Gb2,
        "gb2-stratified" => WagePrior::Gb2Stratified,
        "census" => WagePrior::Census,
        "lognormal" => {
            let (median, sigma) = (parameters.number("median")?, parameters.number("sigma")?);
            Lognormal::new(median, sigma).map_err(at("sigma"))?;
            WagePrior::Lognormal { median, sigma }
        }
        "pareto-lognormal" => {
            let (median, sigma) = (parameters.number("median")?, parameters.number("sigma")?);
            let tail = parameters.number("tail")?;
            ParetoLognormal::new(median, sigma, tail).map_err(at("tail"))?;
            WagePrior::ParetoLognormal {
                median,
                sigma,
                tail,
            }
        }
        "uniform" => {
            let (low, high) = (parameters.number("low")?, parameters.number("high")?);
            Uniform::new(low, high).map_err(at("high"))?;
            WagePrior::Uniform { low, high }
        }
        "file" => {
            let (path, column) = wage_file(&parameters, folder, size)?;
            WagePrior::File { path, column }
        }
        name => not_built("population.wages", name),
    };
    let personas = match section.choice("personas") {
        ("none", _) => PersonaSource::None,
        ("census", _) if wages != WagePrior::Census => {
            return Err(section
                .node("personas")
                .error("census personas need census wages: a persona has an occupation, and another prior's wage would not be that occupation's")
                .value(format!("personas = \"census\" with wages from {}", wages.name()))
                .allowed("wages = \"census\", or personas = \"none\" or { file = … }"));
        }
        ("census", _) => PersonaSource::Census,
        ("file", parameters) => {
            let node = parameters.node("path");
            let path = existing(node, folder, Path::is_file, "file")?;
            read_personas(&path, size).map_err(|error| referred(error, node))?;
            PersonaSource::File { path }
        }
        (name, _) => not_built("population.personas", name),
    };
    Ok(PopulationSpec {
        size,
        wages,
        personas,
        wage_cap: section.number("wage_cap")?,
    })
}
