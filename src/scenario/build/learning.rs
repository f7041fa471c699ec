//! `[preferences]` and `[reward]`.

use std::path::{Path, PathBuf};

use super::agents::{Models, referred_model};
use super::files::{existing, referred};
use super::section::{Section, not_built, picked};
use super::{judged, models, rewards, voiced};
use crate::error::{Error, Result};
use crate::population::csv::Table;
use crate::preferences::PreferenceModel;
use crate::preferences::head::Head;
use crate::preferences::models::bradley_terry::BradleyTerry;
use crate::preferences::models::regret::STATES_MAX;
use crate::preferences::models::thurstone::Thurstone;
use crate::preferences::source::UtilityAnswers;
use crate::rewards::Reward;
use crate::rewards::learned::{Features, Weights};
use crate::scenario::comparisons::{self, Fitting};
use crate::scenario::key::Kind;
use crate::scenario::{ModelSpec, PlannerKind, Preferences, RewardSpec, Source, Taxes};
use crate::search::Method;

pub(super) fn preferences(
    section: &Section,
    folder: &Path,
    models: &Models,
    (taxes, workers): (&Taxes, usize),
) -> Result<Preferences> {
    let model_of = |parameters: &Section| Ok(referred_model(parameters.node("model"), models)?.0);
    let (source, _) = section.choice("source");
    let spoken = matches!(source, "choice" | "statements" | "matched");
    if spoken && section.choice("features").0 == "all" {
        return Err(section
            .node("features")
            .error(format!(
                "raters of the source `{source}` are told one thing at a time"
            ))
            .allowed("\"own\", \"society\" or \"rates\""));
    }
    let features = match section.choice("features").0 {
        "own" => Features::Own,
        "society" => Features::Society,
        "rates" => Features::Rates,
        "all" => Features::All,
        name => not_built("preferences.features", name),
    };
    let written: Vec<(String, String)> = (section.keys.iter())
        .filter_map(|key| Some((key.name.to_owned(), section.node.get(key.name)?.written())))
        .collect();
    let (model, profiles) = model(section, folder)?;
    let mut preferences = Preferences {
        source: match section.choice("source") {
            ("utility", parameters) => Source::Utility {
                answers: UtilityAnswers {
                    noise: parameters.number("noise")?,
                    flipped: parameters.number("flipped")?,
                },
                equality: numbers(&parameters, "equality")?,
                cycle: parameters.number("cycle")?,
            },
            ("choice", parameters) => Source::Choice {
                model: model_of(&parameters)?,
            },
            ("ballots", parameters) => Source::Ballots {
                candidates: parameters.whole("candidates")? as usize,
                polls: parameters.whole("polls")? as usize,
            },
            ("statements", parameters) => {
                let (model, settings) = referred_model(parameters.node("model"), models)?;
                let max_tokens = parameters.whole("max_tokens")? as usize;
                if max_tokens >= settings.context_tokens as usize {
                    return Err(parameters
                        .node("max_tokens")
                        .error("no room for a prompt beside the statement")
                        .allowed(format!(
                            "less than context_tokens ({})",
                            settings.context_tokens
                        )));
                }
                Source::Statements { model, max_tokens }
            }
            ("matched", parameters) => Source::Matched {
                model: model_of(&parameters)?,
                candidates: parameters.whole("candidates")? as usize,
            },
            ("file", parameters) => {
                let node = parameters.node("path");
                let path = existing(node, folder, Path::is_file, "file")?;
                let fitting = Fitting {
                    workers,
                    taxes,
                    features,
                };
                comparisons::read(&path, fitting).map_err(|error| referred(error, node))?;
                Source::File { path }
            }
            (name, _) => not_built("preferences.source", name),
        },
        model: ModelSpec {
            written: section.node("model").written(),
            model,
            profiles,
        },
        features,
        weights: match section.choice("weights").0 {
            "equal" => Weights::Equal,
            "inverse-wage" => Weights::InverseWage,
            name => not_built("preferences.weights", name),
        },
        comparisons: section.whole("comparisons")? as usize,
        schedules: section.whole("schedules")? as usize,
        years: section.small("years")?,
        held_out: section.number("held_out")?,
        written,
        given: section.node.given,
    };
    // The resolved scenario stands in another folder.
    if let (Source::File { path }, (_, parameters)) =
        (&preferences.source, section.choice("source"))
    {
        let to = path.clone();
        preferences.rename("source", &parameters.text("path")?, &to);
    }
    if let Some(to) = preferences.model.profiles.clone() {
        let (_, parameters) = section.choice("model");
        preferences.rename("model", &parameters.text("profiles")?, &to);
    }
    Ok(preferences)
}

fn numbers(section: &Section, name: &str) -> Result<Vec<f64>> {
    let kind = section.key(name).kind;
    let Kind::List(&Kind::Number(interval, unit)) = kind else {
        panic!("`{name}` is not a list of numbers");
    };
    let items = section.node(name).items(kind)?;
    items
        .iter()
        .map(|item| item.number(interval, unit))
        .collect()
}

/// The model, and the table of values that it was made from.
fn model(section: &Section, folder: &Path) -> Result<(Box<dyn PreferenceModel>, Option<PathBuf>)> {
    let mut profiles = None;
    let model: Box<dyn PreferenceModel> = match section.choice("model") {
        ("bradley-terry", parameters) => Box::new(BradleyTerry {
            ridge: parameters.number("ridge")?,
            head: match parameters.whole("hidden")? as usize {
                0 => Head::Linear,
                units => Head::Hidden { units },
            },
            ensemble: parameters.whole("ensemble")? as usize,
            ..BradleyTerry::default()
        }),
        ("thurstone", parameters) => Box::new(Thurstone {
            ridge: parameters.number("ridge")?,
            equal_variance: parameters.node("equal_variance").flag()?,
            ..Thurstone::default()
        }),
        ("plackett-luce", parameters) => Box::new(models::plackett_luce(&parameters)?),
        ("gpm", parameters) => Box::new(models::gpm(&parameters)?),
        ("pal", parameters) => Box::new(models::pal(&parameters)?),
        ("rater-embedding", parameters) => Box::new(models::rater_embedding(&parameters)?),
        ("contextual", parameters) => Box::new(models::contextual(&parameters)?),
        ("aspects", parameters) => Box::new(models::aspects(&parameters)?),
        ("regret", parameters) => Box::new(judged::regret(&parameters)?),
        ("robust", parameters) => Box::new(judged::robust(&parameters)?),
        ("values", parameters) => {
            let node = parameters.node("profiles");
            let path = existing(node, folder, Path::is_file, "file")?;
            let values = judged::values(&parameters, &path);
            profiles = Some(path);
            Box::new(values.map_err(|error| referred(error, node))?)
        }
        (name, _) => not_built("preferences.model", name),
    };
    Ok((model, profiles))
}

/// Refuses to ask workers after the last tax year, when nothing is left to be decided.
pub(super) fn years_in_time(
    section: &Section,
    preferences: &Preferences,
    reward: &RewardSpec,
    years: u32,
) -> Result<()> {
    let node = section.node("years");
    let asks = !matches!(preferences.source, Source::File { .. });
    let waits = !reward.reward.ready();
    match asks && waits && node.given && preferences.years >= years {
        true => Err(node
            .error("nobody learns from what workers say after the last tax year")
            .allowed(format!(
                "1 to {}: the run has {years} tax years (steps / tax_year)",
                years - 1
            ))),
        false => Ok(()),
    }
}

/// What a preference model needs of the judgements: `aspects` an aspect, which only a file names;
/// `regret` a state for each item, whose number is limited.
pub(super) fn check_model(
    section: &Section,
    folder: &Path,
    preferences: &Preferences,
    size: usize,
    years: u32,
) -> Result<()> {
    let (source, parameters) = section.choice("source");
    let node = section.node("model");
    match section.choice("model").0 {
        "aspects" => {
            let names = match source {
                "file" => {
                    let file = parameters.node("path");
                    let path = existing(file, folder, Path::is_file, "file")?;
                    names_an_aspect(&path).map_err(|error| referred(error, file))?
                }
                _ => false,
            };
            match names {
                true => Ok(()),
                false => Err(node.error("judgements name no aspect").allowed(
                    "a source `file` with a column `aspect` that is not 0 throughout, or another model",
                )),
            }
        }
        "regret" => {
            let shown = if preferences.features.shared() {
                1
            } else {
                size
            };
            let schedules = preferences.schedules;
            let in_a_year = match &preferences.source {
                Source::File { .. } => return Ok(()),
                Source::Ballots { candidates, polls } => {
                    schedules.min(candidates.saturating_mul(*polls)) * shown
                }
                _ => (schedules * shown).min(2 * preferences.comparisons),
            };
            let items = in_a_year * preferences.years.min(years) as usize;
            match items <= STATES_MAX {
                true => Ok(()),
                false => Err(node
                    .error(format!("up to {items} items are compared, each a state"))
                    .allowed(format!(
                        "at most {STATES_MAX}: features = \"society\" or \"rates\", fewer comparisons or schedules, or another model"
                    ))),
            }
        }
        _ => Ok(()),
    }
}

fn names_an_aspect(path: &Path) -> Result<bool> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::input(format!("{}: {error}", path.display())))?;
    let mut table = Table::new(path, &text)?;
    let Ok(column) = table.column("aspect") else {
        return Ok(false);
    };
    while let Some(record) = table.next_record()? {
        if record.fields[column].text != "0" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `None` where planners pursue the objective.
pub(super) fn reward(
    section: &Section,
    folder: &Path,
    ground: &rewards::Ground,
    models: &Models,
    arms: &[&PlannerKind],
) -> Result<Option<RewardSpec>> {
    let mut written = section.node("kind").clone();
    rewards::embed(&mut written, folder)?;
    let node = &written;
    let (name, parameters) = picked(node, section.key("kind").kind);
    let mut voice = None;
    let reward: Box<dyn Reward> = match name {
        "welfare" => {
            if arms.iter().any(|arm| matches!(arm, PlannerKind::Reward)) {
                return Err(node
                    .error("the planner `reward` has no reward of its own to pursue")
                    .allowed("a kind other than `welfare`, or the planner `optimal`"));
            }
            return Ok(None);
        }
        name => match ground.reward(name, &parameters)? {
            Some(reward) => reward,
            None => match voiced::reward(name, &parameters, models, arms)? {
                Some((reward, spec)) => {
                    voice = Some(spec);
                    reward
                }
                None => not_built("reward.kind", name),
            },
        },
    };
    if let Some(arm) = arms.iter().find(|arm| matches!(arm, PlannerKind::Llm(_))) {
        return Err(node
            .error(format!(
                "the planner `{}` is told the objective and cannot pursue a reward",
                arm.arm()
            ))
            .allowed("kind = \"welfare\", or other planners"));
    }
    if !reward.ready() && ground.years < 2 {
        return Err(node
            .error("no tax year is left to pursue what is learned in the first")
            .value(format!("{} tax year", ground.years))
            .allowed("at least two (steps / tax_year)"));
    }
    Ok(Some(RewardSpec {
        name: name.to_owned(),
        written: node.written(),
        reward,
        voice,
    }))
}

/// Search compares the rewards of past years, so all must be given by one and the same reward.
pub(super) fn comparable(
    root: &Section,
    reward: Option<&RewardSpec>,
    preferences: &Preferences,
    arms: &[&PlannerKind],
) -> Result<()> {
    let compares = |arm: &&&PlannerKind| {
        matches!(arm, PlannerKind::Search { method, final_years }
            if *method != Method::Random || *final_years > 0)
    };
    let (Some(spec), Some(arm)) = (reward, arms.iter().find(compares)) else {
        return Ok(());
    };
    let mut learned = false;
    spec.reward.clone().visit_learned(&mut |_| learned = true);
    let asked_again = preferences.years > 1 && !matches!(preferences.source, Source::File { .. });
    let (node, stays) = if spec.reward.learns() {
        (root.table("reward").node("kind"), "a reward that stays")
    } else if learned && asked_again {
        (root.table("preferences").node("years"), "1")
    } else {
        return Ok(());
    };
    Err(node
        .error(format!(
            "the planner `{}` compares the rewards of past years, and this reward changes from year to year",
            arm.arm()
        ))
        .allowed(format!(
            "{stays}, the planners `reward` and `policy`, or method = \"random\" with final_years = 0"
        )))
}
