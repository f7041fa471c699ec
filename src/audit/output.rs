//! The folder of an audit: the workers of a scenario asked, and the findings written down.

use super::distinguishable::{self, AGENTS_MIN, Agent, Distinguishable, agents_and_people};
use super::respondent::{ClosedForm, Language, Respondent, Rule};
use super::{Design, GroupAudit, Subject, audit};
use crate::error::{Error, Result};
use crate::fiscal::Motive;
use crate::fiscal::choice::hour_options;
use crate::llm::SharedTranscript;
use crate::llm::remote::Structured;
use crate::population::{Education, Persona, Sex};
use crate::run::output::{
    Opened, Options, Place, Start, check_model, in_words, open_engines, pretty,
};
use crate::run::tables::write_whole;
use crate::run::{Simulation, arm, folder};
use crate::scenario::{self, Backend, Decide, Memory, Scenario, WorkerGroup};
use crate::world::asking::Models;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// How much an audit asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Workers of each group.
    pub workers: usize,
    /// Unconstrained answers of each of them.
    pub written: u32,
    /// Draws that stand for a distribution where a server gives no probabilities.
    pub draws: u32,
    /// Workers of each group that are compared with people; 0 compares none.
    pub compared: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Effort {
            workers: 12,
            written: 3,
            draws: 8,
            compared: 100,
        }
    }
}

/// `audit.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The scenario's name.
    pub name: String,
    /// The seed of all random streams.
    pub seed: u64,
    /// The schedule under which wordings are compared.
    pub schedule: String,
    /// Group by group.
    pub groups: Vec<GroupAudit>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// A finished audit.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its folder.
    pub folder: PathBuf,
    /// What was found.
    pub audit: Audit,
    /// How it began.
    pub start: Start,
}

/// The folder of an audit unless another is asked for.
pub fn default_folder(scenario: &Scenario) -> PathBuf {
    Path::new("outputs").join(format!("{}-{}-audit", scenario.name, scenario.seed))
}

/// Audits the workers of a scenario and writes the folder (all files but the page).
///
/// A folder with an interrupted audit of the same scenario is resumed; a replay takes every answer from
/// the transcript.
///
/// # Errors
/// Wrong input, no group that can be audited, a folder in use (exit code 2); a failure (exit code 1).
pub fn audit_into(
    simulation: &Simulation,
    options: &Options,
    effort: Effort,
    progress: &dyn Fn(&str),
) -> Result<Finished> {
    let scenario = simulation.scenario();
    let resolved = scenario::to_toml(scenario);
    let options = Options {
        out: Some(
            options
                .out
                .clone()
                .unwrap_or_else(|| default_folder(scenario)),
        ),
        ..options.clone()
    };
    let asked: BTreeSet<&str> = scenario
        .workers
        .iter()
        .filter_map(|group| group.decide.asks())
        .collect();
    let place = Place::find(scenario, &resolved, &options)?;
    let replay = matches!(place.start, Start::Replay(_));
    if !replay {
        for model in &asked {
            check_model(scenario, model)?;
        }
    }
    if scenario.workers.iter().all(adapts) {
        return Err(Error::input("`workers.decide`: nobody to audit")
            .value("adaptive")
            .allowed("a group with `rational`, `fixed`, `logit` or an llm: what adaptive workers do depends on their past, not on a situation"));
    }
    if place.clear {
        folder::clear(&place.folder)?;
    }
    let existed = place.folder.exists();
    std::fs::create_dir_all(&place.folder).map_err(|error| Error::io(&place.folder, error))?;
    let result = ask_and_write(
        simulation, &options, &resolved, &place, effort, &asked, progress,
    );
    if result.is_err() && (replay || (!existed && !folder::scenario(&place.folder).exists())) {
        folder::clear(&place.folder)?;
    }
    result
}

fn adapts(group: &WorkerGroup) -> bool {
    matches!(group.decide, Decide::Adaptive { .. })
}

fn ask_and_write(
    simulation: &Simulation,
    options: &Options,
    resolved: &str,
    place: &Place,
    effort: Effort,
    asked: &BTreeSet<&str>,
    progress: &dyn Fn(&str),
) -> Result<Finished> {
    let scenario = simulation.scenario();
    let Opened {
        engines,
        transcript,
        start,
        ..
    } = open_engines(scenario, asked, options, place)?;
    write_whole(&folder::scenario(&place.folder), resolved.as_bytes())?;
    let ids: Vec<(String, String)> = engines
        .iter()
        .map(|(name, engine)| (name.clone(), engine.model_id().to_owned()))
        .collect();
    let models = Models(Arc::new(Mutex::new(engines)));
    let mut notes = Vec::new();
    let groups = groups(simulation, &models, effort, progress, &mut notes);
    transcript.iter().try_for_each(SharedTranscript::flush)?;
    let audit = Audit {
        name: scenario.name.clone(),
        seed: scenario.seed,
        schedule: scenario.taxes.initial.to_string(),
        groups: groups?,
        notes,
    };
    write_tables(&audit, &place.folder)?;
    write_whole(&place.folder.join("audit.json"), &pretty(&audit)?)?;
    let manifest = serde_json::json!({
        "fisc": env!("CARGO_PKG_VERSION"),
        "git_commit": env!("FISC_GIT_COMMIT"),
        "git_dirty": env!("FISC_GIT_DIRTY") == "true",
        "audit_of": scenario.name,
        "seed": scenario.seed,
        "workers": effort.workers,
        "written": effort.written,
        "draws": effort.draws,
        "compared": effort.compared,
        "start": in_words(&start),
        "models": ids.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    });
    // Last: its presence says that the audit is finished.
    write_whole(&place.folder.join("manifest.json"), &pretty(&manifest)?)?;
    Ok(Finished {
        folder: place.folder.clone(),
        audit,
        start,
    })
}

fn groups(
    simulation: &Simulation,
    models: &Models,
    effort: Effort,
    progress: &dyn Fn(&str),
    notes: &mut Vec<String>,
) -> Result<Vec<GroupAudit>> {
    let scenario = simulation.scenario();
    let mut audits = Vec::new();
    for (index, group) in scenario.workers.iter().enumerate() {
        if adapts(group) {
            notes.push(format!(
                "group {}: adaptive workers are not audited; what they do depends on their past",
                group.name
            ));
            continue;
        }
        progress(&group.name);
        let economy = group.tastes(&scenario.economy);
        let subjects = subjects(simulation, index as u32, effort.workers);
        let design = Design {
            schedule: &scenario.taxes.initial,
            economy: &economy,
            written_draws: effort.written,
        };
        let closed = |rule| ClosedForm { economy, rule };
        let (mut respondent, decides): (Box<dyn Respondent>, String) = match &group.decide {
            Decide::Rational if group.motive == Motive::Own => {
                (Box::new(closed(Rule::Rational)), "rational".into())
            }
            Decide::Rational => {
                notes.push(format!(
                    "group {}: hours for or against welfare depend on everybody; audited as if they were for the worker itself",
                    group.name
                ));
                (Box::new(closed(Rule::Rational)), "rational".into())
            }
            Decide::Fixed { hours } => (Box::new(closed(Rule::Fixed(*hours))), "fixed".into()),
            Decide::Logit { scale } => (Box::new(closed(Rule::Logit(*scale))), "logit".into()),
            Decide::Llm { model, .. } | Decide::Distil { model, .. } => {
                if matches!(group.decide, Decide::Distil { .. }) {
                    notes.push(format!(
                        "group {}: the language model is audited, not the small model that learns from it",
                        group.name
                    ));
                }
                if matches!(&group.decide, Decide::Llm { memory, .. } if *memory != Memory::Last(0))
                {
                    notes.push(format!(
                        "group {}: asked without a past, as in the first period of a run",
                        group.name
                    ));
                }
                let settings = arm::settings(scenario, model)?;
                let exact = match &settings.backend {
                    Backend::Gguf { .. } => true,
                    Backend::OpenAi(spec) => spec.structured == Structured::Grammar,
                };
                if !exact {
                    notes.push(format!(
                        "group {}: the server gives no probabilities; each distribution is {} draws, and their noise is in every number",
                        group.name, effort.draws
                    ));
                } else if settings.readout == scenario::Readout::Sample {
                    notes.push(format!(
                        "group {}: samples whole hours in a run; the audit reads the exact probabilities of 0, 10, …",
                        group.name
                    ));
                }
                if exact && settings.think > 0 {
                    notes.push(format!(
                        "group {}: a thought is drawn before each answer, and its noise is in every number",
                        group.name
                    ));
                }
                if group.motive != Motive::Own {
                    notes.push(format!(
                        "group {}: rational workers beside it work for themselves; those who serve or harm others need not respond as they do",
                        group.name
                    ));
                }
                let language = Language {
                    models,
                    asking: arm::asking(model, settings),
                    prompts: simulation.prompts(),
                    economy,
                    motive: group.motive,
                    objective: &scenario.objective,
                    seed: scenario.seed,
                    exact,
                    draws: effort.draws,
                };
                (Box::new(language), format!("llm ({model})"))
            }
            Decide::Adaptive { .. } => continue,
        };
        let mut audited = audit(
            respondent.as_mut(),
            &subjects,
            &design,
            &group.name,
            &decides,
        )
        .map_err(|error| error.context(format!("group {}", group.name)))?;
        if effort.compared > 0 {
            let found = told_from_people(simulation, index as u32, effort, respondent.as_mut())
                .map_err(|error| error.context(format!("group {}", group.name)))?;
            match found {
                Some(found) => audited.verdicts.push(distinguishable::verdict(&found)),
                None => notes.push(format!(
                    "group {}: not compared with people, which wants at least {AGENTS_MIN} workers whose personas state age, sex and education, and who answer",
                    group.name
                )),
            }
            audited.distinguishable = found;
        }
        audits.push(audited);
    }
    Ok(audits)
}

/// Members of a group at even quantiles of their wages.
fn subjects(simulation: &Simulation, group: u32, count: usize) -> Vec<Subject<'_>> {
    let members = simulation
        .members()
        .filter(|(_, _, of)| *of == group)
        .map(|(person, persona, _)| Subject {
            worker: person.id,
            wage: person.wage,
            persona,
        })
        .collect();
    at_even_quantiles(members, count)
}

fn at_even_quantiles(mut members: Vec<Subject>, count: usize) -> Vec<Subject> {
    members.sort_by(|a, b| a.wage.total_cmp(&b.wage).then(a.worker.cmp(&b.worker)));
    let count = count.max(1).min(members.len());
    let place = |i: usize| (2 * i + 1) * members.len() / (2 * count);
    (0..count).map(|i| members[place(i)].clone()).collect()
}

/// Whether a classifier tells members of a group at even quantiles of their wages from people, by the
/// facts of their personas, those included that prompts leave unsaid.
fn told_from_people(
    simulation: &Simulation,
    group: u32,
    effort: Effort,
    respondent: &mut dyn Respondent,
) -> Result<Option<Distinguishable>> {
    let scenario = simulation.scenario();
    let facts: BTreeMap<u32, &Persona> = (simulation.members())
        .filter(|(_, _, of)| *of == group)
        .filter_map(|(person, ..)| Some((person.id, person.persona.as_deref()?)))
        .filter(|(_, persona)| {
            persona.age > 0
                && persona.sex != Sex::Unstated
                && persona.education != Education::Unstated
        })
        .collect();
    let stated = subjects(simulation, group, usize::MAX);
    let stated = stated.into_iter().filter(|s| facts.contains_key(&s.worker));
    let agents: Vec<Agent> = at_even_quantiles(stated.collect(), effort.compared)
        .into_iter()
        .map(|subject| {
            let persona = facts[&subject.worker];
            Agent {
                age: persona.age,
                sex: persona.sex,
                education: persona.education,
                subject,
            }
        })
        .collect();
    let decide = &scenario.workers[group as usize].decide;
    let by_options = decide.asks().is_some() || matches!(decide, Decide::Logit { .. });
    let options = hour_options(scenario.economy.labor_max);
    agents_and_people(
        respondent,
        &agents,
        &scenario.taxes.initial,
        by_options.then_some(options.as_slice()),
        scenario.seed,
    )
}

fn write_tables(audit: &Audit, folder: &Path) -> Result<()> {
    let number = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut elasticities =
        String::from("group,of,margin,elasticity,low,high,workers,rational,wrong_sign_share\n");
    let mut effects = String::from(
        "group,kind,treatment,control,hours,low,high,workers,size,reform_hours,reform_low,reform_high\n",
    );
    let mut grid = String::from("group,wage_factor,rate,hours,low,high,participation\n");
    for group in &audit.groups {
        let name = quoted(&group.group);
        for e in &group.elasticities {
            let estimate = e.estimate;
            elasticities.push_str(&format!(
                "{name},{},{},{},{},{},{},{},{}\n",
                e.of,
                e.margin,
                number(estimate.map(|x| x.value)),
                number(estimate.and_then(|x| x.low)),
                number(estimate.and_then(|x| x.high)),
                estimate.map_or(0, |x| x.workers),
                number(e.rational),
                number(e.wrong_sign)
            ));
        }
        for e in &group.effects {
            let (hours, reform) = (e.hours, e.reform);
            effects.push_str(&format!(
                "{name},{:?},{},{},{},{},{},{},{},{},{},{}\n",
                e.kind,
                quoted(&e.treatment),
                quoted(&e.control),
                number(hours.map(|x| x.value)),
                number(hours.and_then(|x| x.low)),
                number(hours.and_then(|x| x.high)),
                hours.map_or(0, |x| x.workers),
                number(e.size),
                number(reform.map(|x| x.value)),
                number(reform.and_then(|x| x.low)),
                number(reform.and_then(|x| x.high)),
            ));
        }
        for cell in &group.grid {
            let hours = cell.hours;
            grid.push_str(&format!(
                "{name},{},{},{},{},{},{}\n",
                cell.wage_factor,
                cell.rate,
                number(hours.map(|x| x.value)),
                number(hours.and_then(|x| x.low)),
                number(hours.and_then(|x| x.high)),
                number(cell.participation)
            ));
        }
    }
    let mut people = String::from("group,features,auc,low,high,agents,people\n");
    for group in &audit.groups {
        let Some(found) = &group.distinguishable else {
            continue;
        };
        for (features, area) in [
            ("age sex education hours", found.all),
            ("age sex education", found.without_hours),
        ] {
            people.push_str(&format!(
                "{},{features},{},{},{},{},{}\n",
                quoted(&group.group),
                area.auc,
                area.low,
                area.high,
                found.agents,
                found.people
            ));
        }
    }
    for (file, text) in [
        ("distinguishable.csv", people),
        ("elasticities.csv", elasticities),
        ("effects.csv", effects),
        ("grid.csv", grid),
    ] {
        write_whole(&folder.join(file), text.as_bytes())?;
    }
    Ok(())
}
