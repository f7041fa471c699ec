//! From a complete tree to a [`Scenario`]: the checks that concern several keys or other files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::key::{Default, Key, Kind, is_label};
use super::keys::{MODEL, PLANNERS, SCENARIO, WORKERS};
use super::node::{Entry, Node, Value};
use super::*;
use crate::error::{Error, Place, Result};
use crate::fiscal::{Economy, Objective, Utility};
use crate::population::csv::Table;
use crate::population::files::{read_personas, read_wages};
use crate::population::priors::{Lognormal, ParetoLognormal, Uniform};
use crate::population::{PersonaSource, PopulationSpec, WagePrior};

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
    let models = models(root.node("models"), folder, models_must_exist)?;
    let planner_node = root.table("planner").node("kind");
    let planner = planner(planner_node, &taxes, &models)?;
    let compare = root.table("compare");
    Ok(Scenario {
        name: name(&root, file)?,
        seed: root.whole("seed")?,
        steps,
        tax_year,
        population: population(&root.table("population"), folder)?,
        objective: objective(&root.table("objective"))?,
        workers: workers(root.node("workers"), &economy, &models)?,
        compare: compared(compare.node("planners"), &planner, &taxes, &models)?,
        record: Record {
            workers_every: root.table("record").small("workers_every")?,
        },
        prompts: root
            .optional("prompts")
            .map(|node| existing(node, folder, Path::is_dir, "an existing folder"))
            .transpose()?,
        economy,
        taxes,
        planner,
        models,
    })
}

/// A table of the tree beside its keys.
#[derive(Clone, Copy)]
struct Section<'a> {
    node: &'a Node,
    keys: &'static [Key],
}

impl<'a> Section<'a> {
    fn key(&self, name: &str) -> &'static Key {
        let key = self.keys.iter().find(|key| key.name == name);
        key.unwrap_or_else(|| panic!("no key `{name}` in the table of keys"))
    }

    fn optional(&self, name: &str) -> Option<&'a Node> {
        debug_assert!(matches!(self.key(name).default, Default::Unset(_)));
        self.node.get(name)
    }

    fn node(&self, name: &str) -> &'a Node {
        let node = self.node.get(name);
        node.unwrap_or_else(|| panic!("`{name}` has no default, is not required, or not completed"))
    }

    fn table(&self, name: &str) -> Section<'a> {
        match self.key(name).kind {
            Kind::Table(keys) => Section {
                node: self.node(name),
                keys,
            },
            kind => panic!("`{name}` is not a table but {kind:?}"),
        }
    }

    fn number_of(&self, name: &str, node: &Node) -> Result<f64> {
        match self.key(name).kind {
            Kind::Number(interval, unit) => node.number(interval, unit),
            kind => panic!("`{name}` is not a number but {kind:?}"),
        }
    }

    fn number(&self, name: &str) -> Result<f64> {
        self.number_of(name, self.node(name))
    }

    fn optional_number(&self, name: &str) -> Result<Option<f64>> {
        let node = self.optional(name);
        node.map(|node| self.number_of(name, node)).transpose()
    }

    fn whole(&self, name: &str) -> Result<u64> {
        match self.key(name).kind {
            Kind::Whole(low, high, unit) => self.node(name).whole(low, high, unit),
            kind => panic!("`{name}` is not a whole number but {kind:?}"),
        }
    }

    /// A whole number whose range in the table of keys fits.
    fn small(&self, name: &str) -> Result<u32> {
        let whole = self.whole(name)?;
        u32::try_from(whole).map_err(|_| self.node(name).error("too large"))
    }

    fn text(&self, name: &str) -> Result<String> {
        self.node(name).text().map(str::to_owned)
    }

    fn choice(&self, name: &str) -> (&'a str, Section<'a>) {
        picked(self.node(name), self.key(name).kind)
    }
}

/// The name of a choice and the table of its parameters.
fn picked(node: &Node, kind: Kind) -> (&str, Section<'_>) {
    let (Kind::Choice(choices), Value::Table(entries)) = (kind, &node.value) else {
        panic!("not a completed choice: {kind:?}");
    };
    let Entry { name, node, .. } = &entries[0];
    let choice = choices.iter().find(|choice| choice.is_called(name));
    let keys = choice.map_or(&[][..], |choice| choice.parameters);
    (name, Section { node, keys })
}

/// For a name that the table of keys has and the code does not.
fn not_built(key: &str, name: &str) -> ! {
    unreachable!("the table of keys offers `{name}` for {key}, which nothing builds")
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
    let brackets = section.node("brackets");
    let edges = super::taxes::edges(brackets)?;
    let allow_subsidy = section.node("allow_subsidy").flag()?;
    let initial = section.optional("initial");
    Ok(Taxes {
        initial: super::taxes::initial(initial, brackets, &edges, allow_subsidy)?,
        edges,
        allow_subsidy,
    })
}

fn objective(section: &Section) -> Result<Objective> {
    let (name, parameters) = section.choice("welfare");
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
    objective
        .check()
        .map_err(|error| error.at(parameters.node.place.clone()))?;
    Ok(objective)
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
            let path = existing(node, folder, Path::is_file, "an existing file")?;
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

fn wage_file(parameters: &Section, folder: &Path, size: usize) -> Result<(PathBuf, String)> {
    let node = parameters.node("path");
    let path = existing(node, folder, Path::is_file, "an existing CSV file")?;
    let column = parameters.text("column")?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| node.error(format!("cannot be read: {error}")))?;
    Table::new(&path, &text)
        .map_err(|error| referred(error, node))?
        .column(&column)
        .map_err(|error| error.at(parameters.node("column").place.clone()))?;
    read_wages(&path, &column, size).map_err(|error| referred(error, node))?;
    Ok((path, column))
}

/// An error in another file, with the place in the scenario that refers to it.
fn referred(error: Error, node: &Node) -> Error {
    let Place {
        file, line, key, ..
    } = &node.place;
    error.context(format!(
        "in the file that `{key}` names ({}{})",
        file.display(),
        if *line > 0 {
            format!(":{line}")
        } else {
            String::new()
        }
    ))
}

/// The absolute path that a value names relative to the scenario's folder.
fn existing(
    node: &Node,
    folder: &Path,
    is_there: fn(&Path) -> bool,
    allowed: &str,
) -> Result<PathBuf> {
    let path = absolute(node, folder)?;
    if is_there(&path) {
        Ok(path)
    } else {
        Err(node
            .error("nothing of that kind is there")
            .value(format!("{} ({})", node.text, path.display()))
            .allowed(format!("{allowed}, relative to the scenario file")))
    }
}

/// A path as UTF-8, so that the resolved scenario can state it.
fn absolute(node: &Node, folder: &Path) -> Result<PathBuf> {
    let text = node.text()?;
    let path = std::path::absolute(folder.join(text))
        .map_err(|error| node.error(format!("not a path: {error}")))?;
    if text.is_empty() || text.contains('\0') || path.to_str().is_none() {
        return Err(node.error("not a path").allowed("a path in UTF-8"));
    }
    Ok(path)
}

type Models = BTreeMap<String, ModelSettings>;

fn models(node: &Node, folder: &Path, must_exist: bool) -> Result<Models> {
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
            },
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
        on_failure: match section.choice("on_failure") {
            ("retry", parameters) => OnFailure::Retry {
                attempts: parameters.small("attempts")?,
            },
            ("keep-last", _) => OnFailure::KeepLast,
            ("stop", _) => OnFailure::Stop,
            (name, _) => not_built("models.on_failure", name),
        },
    };
    if settings.max_tokens >= settings.context_tokens {
        return Err(section
            .node("max_tokens")
            .error("no room for a prompt beside the answer")
            .allowed(format!(
                "less than context_tokens ({})",
                settings.context_tokens
            )));
    }
    Ok(settings)
}

fn gguf(node: &Node, folder: &Path, must_exist: bool) -> Result<String> {
    let text = node.text()?;
    if FETCHED_MODELS.contains(&text) {
        return Ok(text.to_owned());
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
fn referred_model<'a>(node: &Node, models: &'a Models) -> Result<(String, &'a ModelSettings)> {
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

fn workers(node: &Node, economy: &Economy, models: &Models) -> Result<Vec<WorkerGroup>> {
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

fn worker_group(
    section: &Section,
    index: usize,
    economy: &Economy,
    models: &Models,
) -> Result<WorkerGroup> {
    Ok(WorkerGroup {
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
            ("llm", parameters) => {
                let (model, settings) = referred_model(parameters.node("model"), models)?;
                let choice = match parameters.choice("choice").0 {
                    "draw" => Pick::Draw,
                    "mode" => Pick::Mode,
                    "mean" => Pick::Mean,
                    name => not_built("workers.decide.llm.choice", name),
                };
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
                Decide::Llm { model, choice }
            }
            (name, _) => not_built("workers.decide", name),
        },
        bounded: section.node("bounded").flag()?,
        motive: match section.choice("motive") {
            ("self", _) => Motive::Own,
            (name, _) => not_built("workers.motive", name),
        },
    })
}

fn planner(node: &Node, taxes: &Taxes, models: &Models) -> Result<PlannerKind> {
    let (name, parameters) = picked(node, Kind::Choice(PLANNERS));
    let elasticity = || parameters.optional_number("elasticity");
    Ok(match name {
        "none" => PlannerKind::None,
        "fixed" => PlannerKind::Fixed,
        law if law.starts_with("us-") => PlannerKind::Law(law.to_owned()),
        "flat" => PlannerKind::Flat {
            rate: parameters
                .optional("rate")
                .map(|node| super::taxes::rate(node, taxes.allow_subsidy))
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
        "llm" => PlannerKind::Llm {
            model: referred_model(parameters.node("model"), models)?.0,
            memory: parameters.whole("memory")? as usize,
            exploration: parameters.number("exploration")?,
            temperature: parameters.optional_number("temperature")?,
            attempts: parameters.small("attempts")?,
        },
        name => not_built("planner.kind", name),
    })
}

/// The planners to compare with, without one that is equal to the main one.
fn compared(
    node: &Node,
    main: &PlannerKind,
    taxes: &Taxes,
    models: &Models,
) -> Result<Vec<PlannerKind>> {
    let mut arms: Vec<PlannerKind> = Vec::new();
    for item in node.items(Kind::List(&Kind::Choice(PLANNERS)))? {
        let arm = planner(item, taxes, models)?;
        let same_name = |other: &PlannerKind| other.arm() == arm.arm();
        if arms.iter().any(same_name) || (same_name(main) && arm != *main) {
            return Err(item
                .error("two planners have the same name, which tells the arms apart")
                .allowed(
                    "each planner once; to compare settings of one planner, sweep over them",
                ));
        }
        arms.push(arm);
    }
    arms.retain(|arm| arm != main);
    Ok(arms)
}
