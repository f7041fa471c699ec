//! `[preferences]` and `[reward]`.

use std::path::Path;

use super::agents::{Models, referred_model};
use super::files::existing;
use super::section::{Section, not_built, picked};
use super::{judged, models, rewards, voiced};
use crate::error::Result;
use crate::preferences::PreferenceModel;
use crate::preferences::head::Head;
use crate::preferences::models::bradley_terry::BradleyTerry;
use crate::preferences::models::thurstone::Thurstone;
use crate::preferences::source::UtilityAnswers;
use crate::rewards::Reward;
use crate::rewards::learned::{Features, Weights};
use crate::scenario::key::Kind;
use crate::scenario::{ModelSpec, PlannerKind, Preferences, RewardSpec, Source};
use crate::search::Method;

pub(super) fn preferences(
    section: &Section,
    folder: &Path,
    models: &Models,
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
    let mut written: Vec<(String, String)> = (section.keys.iter())
        .filter_map(|key| Some((key.name.to_owned(), section.node.get(key.name)?.written())))
        .collect();
    Ok(Preferences {
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
                let path = existing(parameters.node("path"), folder, Path::is_file, "file")?;
                // The resolved scenario stands in another folder.
                let quoted = toml::Value::from(path.to_string_lossy().as_ref());
                for (key, value) in &mut written {
                    if key == "source" {
                        *value = format!("{{ file = {{ path = {quoted} }} }}");
                    }
                }
                Source::File { path }
            }
            (name, _) => not_built("preferences.source", name),
        },
        model: ModelSpec {
            written: section.node("model").written(),
            model: model(section, folder)?,
        },
        features: match section.choice("features").0 {
            "own" => Features::Own,
            "society" => Features::Society,
            "rates" => Features::Rates,
            "all" => Features::All,
            name => not_built("preferences.features", name),
        },
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
    })
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

fn model(section: &Section, folder: &Path) -> Result<Box<dyn PreferenceModel>> {
    Ok(match section.choice("model") {
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
        ("values", parameters) => Box::new(judged::values(&parameters, folder)?),
        (name, _) => not_built("preferences.model", name),
    })
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
