//! A run that writes: from a scenario to the files of DESIGN's output folder.

use super::folder::{self, State};
use super::simulation::{Progress, Simulation};
use super::summary::{Summary, summarize};
use super::{ArmResult, tables};
use crate::error::{Error, Result};
use crate::llm::hub::{self, HubFile};
use crate::llm::transcript::Settings;
use crate::llm::{Engine, GgufSource, Mode, ModelSpec, SharedTranscript, registry};
use crate::scenario::{self, Backend, ModelSettings, Role, Scenario};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where and how to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Output folder; `outputs/<name>-<seed>` unless given.
    pub out: Option<PathBuf>,
    /// Replace what stands in the output folder.
    pub force: bool,
    /// Take every answer from the transcript of a run instead of a model.
    pub replay: bool,
    /// The run to replay; the output folder unless given.
    pub from: Option<PathBuf>,
    /// Threads for a model; all cores unless given.
    pub threads: Option<usize>,
}

/// How a run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// In a new folder.
    Fresh,
    /// Where an interrupted run had stopped, with this many answers on file.
    Resumed(usize),
    /// From the transcript of the run in this folder.
    Replay(PathBuf),
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its folder.
    pub folder: PathBuf,
    /// Its summary, as in `summary.json`.
    pub summary: Summary,
    /// How it began.
    pub start: Start,
}

/// The folder of a run unless another is asked for.
pub fn default_folder(scenario: &Scenario) -> PathBuf {
    Path::new("outputs").join(format!("{}-{}", scenario.name, scenario.seed))
}

/// Plays a scenario and writes its folder (all files but figures and report).
///
/// A folder with an interrupted run of the same scenario is resumed. Nothing is left behind when
/// the run cannot start.
///
/// # Errors
/// Wrong input, a folder that is in use (exit code 2); a failure of the run (exit code 1).
pub fn run_into(
    simulation: &Simulation,
    options: &Options,
    progress: Progress,
) -> Result<Finished> {
    let scenario = simulation.scenario();
    let resolved = scenario::to_toml(scenario);
    let place = Place::find(scenario, &resolved, options)?;
    if let Start::Fresh | Start::Resumed(_) = place.start {
        // Before anything is written: a model that is not there is wrong input.
        for model in simulation.models_asked() {
            check_model(scenario, model).map_err(|error| error.during("model"))?;
        }
    }
    if place.clear {
        folder::clear(&place.folder)?;
    }
    let existed = place.folder.exists();
    std::fs::create_dir_all(&place.folder)
        .map_err(|error| Error::unwritable("--out", "folder", &place.folder, &error))?;
    let result = play_and_write(simulation, options, &resolved, &place, progress);
    let replay = matches!(place.start, Start::Replay(_));
    if result.is_err() && (replay || (!existed && !folder::scenario(&place.folder).exists())) {
        // It never started, or was a replay that nobody can go on with.
        folder::clear(&place.folder)?;
    }
    result
}

/// Where a run writes.
pub(crate) struct Place {
    pub folder: PathBuf,
    pub start: Start,
    /// Whether what stands there is removed.
    pub clear: bool,
}

impl Place {
    pub(crate) fn find(scenario: &Scenario, resolved: &str, options: &Options) -> Result<Place> {
        let out = options
            .out
            .clone()
            .unwrap_or_else(|| default_folder(scenario));
        if options.replay {
            return Place::of_replay(out, options);
        }
        let in_use =
            |what: &str, remedy: &str| Err(Error::input(what).value(out.display()).allowed(remedy));
        match folder::state(&out)? {
            State::Absent => Ok(Place {
                folder: out,
                start: Start::Fresh,
                clear: false,
            }),
            State::Foreign => in_use("the output folder holds other files", "another --out"),
            _ if options.force => Ok(Place {
                folder: out,
                start: Start::Fresh,
                clear: true,
            }),
            State::Finished => in_use(
                "the output folder holds a finished run or audit",
                "--force to replace it, another --out, or `fisc report` to look at it",
            ),
            State::Unfinished => {
                let path = folder::scenario(&out);
                let stands =
                    std::fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
                if stands == resolved || is_same_game(&path, scenario) {
                    Ok(Place {
                        folder: out,
                        start: Start::Resumed(0),
                        clear: false,
                    })
                } else {
                    in_use(
                        "the output folder holds an unfinished run of another scenario",
                        "--force to discard it, or another --out",
                    )
                }
            }
        }
    }

    fn of_replay(out: PathBuf, options: &Options) -> Result<Place> {
        let from = options.from.clone().unwrap_or_else(|| out.clone());
        if !matches!(folder::state(&from)?, State::Finished | State::Unfinished) {
            return Err(Error::input("no run to replay")
                .value(from.display())
                .allowed("the folder of a run: --from DIR, or --out DIR of the run itself"));
        }
        // A replay beside its original may be repeated at will; elsewhere it needs room.
        let folder = if from == out { out.join("replay") } else { out };
        let beside = folder.parent() == Some(from.as_path());
        let clear = match folder::state(&folder)? {
            State::Absent => false,
            State::Foreign => {
                return Err(
                    Error::input("the output folder holds other files").value(folder.display())
                );
            }
            _ if beside || options.force => true,
            _ => {
                return Err(Error::input("the output folder holds a run")
                    .value(folder.display())
                    .allowed("--force to replace it, or another --out"));
            }
        };
        Ok(Place {
            folder,
            start: Start::Replay(from),
            clear,
        })
    }
}

fn play_and_write(
    simulation: &Simulation,
    options: &Options,
    resolved: &str,
    place: &Place,
    progress: Progress,
) -> Result<Finished> {
    let scenario = simulation.scenario();
    let begun = Instant::now();
    let inputs = inputs(scenario)?;
    let Opened {
        engines,
        transcript: open_transcript,
        lines: opened,
        start,
    } = open_engines(scenario, &simulation.models_asked(), options, place)
        .map_err(|error| error.during("model"))?;
    tables::write_whole(&folder::scenario(&place.folder), resolved.as_bytes())?;
    let mut log = Log::open(&place.folder)?;
    log.line(&format!(
        "fisc {}: {}",
        env!("CARGO_PKG_VERSION"),
        in_words(&start)
    ))?;
    opened.iter().try_for_each(|line| log.line(line))?;
    let played = Instant::now();
    let outcome = simulation.play(engines, progress);
    // What was made of the last answers is not on disk yet.
    open_transcript
        .iter()
        .try_for_each(SharedTranscript::flush)?;
    if let Err(error) = &outcome {
        log.line(&format!("failed: {error}"))?;
    }
    let outcome = outcome.map_err(|error| error.during("play"));
    let (arms, engines) = outcome.map_err(|error| match &start {
        Start::Replay(from) if is_of_another_scenario(from, resolved) => error.context(format!(
            "replaying with another scenario than the one in {}",
            folder::scenario(from).display()
        )),
        Start::Replay(from) => match changed_inputs(from, &inputs).first() {
            Some(role) => error.context(format!(
                "replaying with other {} than the run had (`{}`)",
                role.in_words(),
                role.key()
            )),
            None => error,
        },
        _ => error,
    })?;
    let play_seconds = played.elapsed().as_secs_f64();

    let mut profile = BTreeMap::new();
    for (name, engine) in &engines {
        let value = serde_json::to_value(engine.profile())
            .map_err(|error| Error::run(format!("the profile of model `{name}`: {error}")))?;
        profile.insert(name.clone(), value);
    }
    let asking: f64 = engines
        .values()
        .map(|engine| engine.profile().ask_seconds)
        .sum();
    profile.insert(
        "economy".into(),
        json!({ "seconds": (play_seconds - asking).max(0.0) }),
    );
    let summary = summarize(scenario, &arms, profile);
    write_tables(simulation, &arms, &place.folder)?;
    tables::write_whole(&place.folder.join("summary.json"), &pretty(&summary)?)?;
    for arm in &arms {
        for note in &arm.notes {
            log.line(&format!("{}: {note}", arm.arm))?;
        }
    }
    let settings: BTreeMap<&String, Settings> = engines
        .keys()
        .filter_map(|name| Some((name, open_transcript.as_ref()?.settings(name)?)))
        .collect();
    let manifest = json!({
        "fisc": env!("CARGO_PKG_VERSION"),
        "git_commit": env!("FISC_GIT_COMMIT"),
        "git_dirty": env!("FISC_GIT_DIRTY") == "true",
        "scenario": scenario.name,
        "scenario_sha256": hex(&Sha256::digest(resolved.as_bytes())),
        "seed": scenario.seed,
        "inputs": inputs,
        "start": in_words(&start),
        "models": engines.iter().map(|(name, e)| (name.clone(), e.model_id().to_owned())).collect::<BTreeMap<_, _>>(),
        "threads": rayon::current_num_threads(),
        "host": host(),
        "peak_memory_bytes": peak_memory_bytes(),
        "wall_seconds": begun.elapsed().as_secs_f64(),
        "weights": weights(&engines, scenario),
        "settings": settings,
        "tokens": engines.values().map(Engine::tokens).sum::<u64>(),
        "cost": engines.values().filter_map(|e| e.profile().remote).map(|calls| calls.dollars).fold(0.0, |sum, cost| sum + cost),
        "decisions": summary.arms.iter().map(|arm| arm.decisions).sum::<u64>(),
        "parse_failure_rate": failure_rate(&summary),
        "identity_residual": arms.iter().map(|arm| arm.residual).fold(0.0, f64::max),
        "files": folder::checksums(&place.folder)?,
    });
    log.line("finished")?;
    // Last: its presence says that the run is finished.
    tables::write_whole(&place.folder.join("manifest.json"), &pretty(&manifest)?)?;
    Ok(Finished {
        folder: place.folder.clone(),
        summary,
        start,
    })
}

/// Models that are open, with the transcript that they share.
pub(crate) struct Opened {
    pub engines: BTreeMap<String, Engine>,
    pub transcript: Option<SharedTranscript>,
    /// What to log of each.
    pub lines: Vec<String>,
    /// How the run begins, with the answers on file counted.
    pub start: Start,
}

/// Opens the models `asked` and the transcript of `place`.
///
/// # Errors
/// A model or transcript that cannot be opened; then a new transcript is gone again.
pub(crate) fn open_engines(
    scenario: &Scenario,
    asked: &BTreeSet<&str>,
    options: &Options,
    place: &Place,
) -> Result<Opened> {
    let mut start = place.start.clone();
    let mut engines = BTreeMap::new();
    let mut open_transcript = None;
    let mut opened = Vec::new();
    if !asked.is_empty() {
        let path = folder::transcript(&place.folder);
        let stood = path.exists();
        let (transcript, mode) = match &start {
            // One may be there of a run that was killed before it began.
            Start::Fresh => (SharedTranscript::resume(&path)?, Mode::Live),
            Start::Resumed(_) => (SharedTranscript::resume(&path)?, Mode::Live),
            Start::Replay(from) => (
                SharedTranscript::replay(&folder::transcript(from))?,
                Mode::Replay,
            ),
        };
        if let Start::Resumed(answers) = &mut start {
            *answers = transcript.len();
        }
        open_transcript = Some(transcript.clone());
        for &model in asked {
            let result = open_model(scenario, model, options, transcript.clone(), mode);
            let engine = match result {
                Ok(engine) => engine,
                Err(error) => {
                    if start == Start::Fresh && !stood {
                        std::fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
                    }
                    return Err(error.context(format!("opening model `{model}`")));
                }
            };
            opened.push(match &settings(scenario, model)?.backend {
                Backend::OpenAi(spec) => {
                    format!(
                        "model `{model}` is {} at {}",
                        engine.model_id(),
                        spec.urls.join(", ")
                    )
                }
                Backend::Gguf { .. } => format!("model `{model}` is {}", engine.model_id()),
            });
            engines.insert(model.to_owned(), engine);
        }
    }
    Ok(Opened {
        engines,
        transcript: open_transcript,
        lines: opened,
        start,
    })
}

/// SHA-256 of what each file holds that a scenario names.
///
/// # Errors
/// One that cannot be read.
pub fn inputs(scenario: &Scenario) -> Result<BTreeMap<Role, String>> {
    let of = |(role, path): (Role, PathBuf)| Ok((role, folder::content_sha256(&path)?));
    scenario.files().into_iter().map(of).collect()
}

/// Files that hold something else now, by `inputs`, than when the run in `from` was made, as far as its
/// manifest tells.
pub fn changed_inputs(from: &Path, inputs: &BTreeMap<Role, String>) -> Vec<Role> {
    let manifest = std::fs::read(from.join("manifest.json")).ok();
    let manifest: Option<serde_json::Value> =
        manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(then) = manifest.as_ref().and_then(|m| m["inputs"].as_object()) else {
        return Vec::new();
    };
    let differs = |(role, now): (&Role, &String)| {
        let name = serde_json::to_value(role).ok()?;
        let then = then.get(name.as_str()?)?;
        (then.as_str() != Some(now)).then_some(*role)
    };
    inputs.iter().filter_map(differs).collect()
}

/// Whether the run in `from` was made with another scenario (or in another place: paths count).
fn is_of_another_scenario(from: &Path, resolved: &str) -> bool {
    let path = folder::scenario(from);
    let other = |stands: Scenario| scenario::to_toml(&stands) != resolved;
    std::fs::read_to_string(&path).is_ok_and(|text| text != resolved)
        && scenario::load_for_replay(&path, &[]).is_ok_and(other)
}

fn write_tables(simulation: &Simulation, arms: &[ArmResult], folder: &Path) -> Result<()> {
    let scenario = simulation.scenario();
    let write = |frame: Result<polars::prelude::DataFrame>, name: &str| {
        tables::write(&mut frame?, &folder.join(name))
    };
    write(
        tables::rows(arms, scenario, "step", |arm| &arm.steps),
        "steps.parquet",
    )?;
    write(
        tables::rows(arms, scenario, "year", |arm| &arm.years),
        "years.parquet",
    )?;
    if scenario.record.workers_every > 0 {
        write(
            tables::workers(arms, scenario, simulation.people().len()),
            "workers.parquet",
        )?;
    }
    if arms.iter().any(|arm| !arm.decisions.is_empty()) {
        write(tables::decisions(arms), "decisions.parquet")?;
    }
    if arms.iter().any(|arm| !arm.elections.is_empty()) {
        write(tables::ballots(arms), "ballots.parquet")?;
    }
    if arms.iter().any(|arm| !arm.rewards.is_empty()) {
        write(tables::rewards(arms), "rewards.parquet")?;
    }
    if arms.iter().any(|arm| !arm.comparisons.is_empty()) {
        write(tables::comparisons(arms), "comparisons.parquet")?;
    }
    Ok(())
}

/// Whether the scenario in `path` differs in nothing but how servers are reached and paid.
fn is_same_game(path: &Path, scenario: &Scenario) -> bool {
    scenario::load_for_replay(path, &[]).is_ok_and(|stands| {
        scenario::to_toml_of_game(&stands) == scenario::to_toml_of_game(scenario)
    })
}

fn settings<'a>(scenario: &'a Scenario, name: &str) -> Result<&'a ModelSettings> {
    scenario
        .models
        .get(name)
        .ok_or_else(|| Error::input("no such model in [models]").value(name))
}

/// Finds wrong input about a model before anything is written.
pub(crate) fn check_model(scenario: &Scenario, name: &str) -> Result<()> {
    let settings = settings(scenario, name)?;
    match &settings.backend {
        Backend::Gguf { model, .. } => gguf_spec(settings, name, model)?.gguf.file().map(drop),
        Backend::OpenAi(spec) => spec
            .key()
            .map(drop)
            .map_err(|error| error.context(format!("model `{name}`"))),
    }
}

fn open_model(
    scenario: &Scenario,
    name: &str,
    options: &Options,
    transcript: SharedTranscript,
    mode: Mode,
) -> Result<Engine> {
    let settings = settings(scenario, name)?;
    match &settings.backend {
        Backend::Gguf {
            model,
            keep,
            lanes,
            gpu_layers,
        } => {
            let spec = ModelSpec {
                gpu_layers: *gpu_layers,
                ..gguf_spec(settings, name, model)?
            };
            let spec = match mode {
                Mode::Live => spec.measured()?,
                // No model is opened, so nothing about its file matters.
                Mode::Replay => spec,
            };
            // A run goes on as it was begun: wave, lanes and threads decide how numbers are rounded.
            let begun = transcript.settings(name);
            let spec = ModelSpec {
                wave: begun.map_or(spec.wave, |begun| begun.wave),
                lanes: (begun.map(|begun| begun.lanes)).or(*lanes).or(spec.lanes),
                kept_bytes: (*keep as usize) << 20,
                threads: options
                    .threads
                    .or(begun.map(|begun| begun.threads))
                    .unwrap_or(spec.threads),
                ..spec
            };
            Engine::open(&spec, transcript, mode)
        }
        Backend::OpenAi(spec) => Engine::open_remote(name, spec, transcript, mode),
    }
}

fn gguf_spec(settings: &ModelSettings, name: &str, model: &str) -> Result<ModelSpec> {
    // Paths in a checked scenario are already relative to the working folder, and exist unless the
    // run is a replay, which does not open them.
    let gguf = match HubFile::named(model)? {
        Some(file) => GgufSource::Hub(file),
        None if registry::find(model).is_ok() => GgufSource::Fetched(model.to_owned()),
        None => GgufSource::Path(model.into()),
    };
    let mut spec = ModelSpec::new(name, gguf);
    spec.context_tokens = settings.context_tokens;
    Ok(spec)
}

pub(crate) fn in_words(start: &Start) -> String {
    match start {
        Start::Fresh => "fresh".to_owned(),
        Start::Resumed(answers) => format!("resumed with {answers} answers on file"),
        Start::Replay(_) => "replay".to_owned(),
    }
}

/// Under which name the files of the local models can be had again, and their licence where it is
/// known.
fn weights(engines: &BTreeMap<String, Engine>, scenario: &Scenario) -> serde_json::Value {
    let of = |(name, engine): (&String, &Engine)| {
        let Backend::Gguf { model, .. } = &scenario.models.get(name)?.backend else {
            return None;
        };
        let sha256 = engine
            .model_id()
            .strip_prefix("sha256:")
            .unwrap_or_default();
        let pinned = registry::list().iter().find(|known| known.sha256 == sha256);
        let weights = match pinned {
            Some(known) => json!({ "name": known.name, "licence": known.licence }),
            None if model.starts_with(hub::PREFIX) => json!({ "name": model, "licence": null }),
            None => {
                let file = Path::new(model).file_name();
                json!({ "name": file.map(|file| file.to_string_lossy()), "licence": null })
            }
        };
        Some((name.clone(), weights))
    };
    engines
        .iter()
        .filter_map(of)
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn failure_rate(summary: &Summary) -> f64 {
    let decisions: u64 = summary.arms.iter().map(|arm| arm.decisions).sum();
    let failures: u64 = summary.arms.iter().map(|arm| arm.failures).sum();
    if decisions == 0 {
        0.0
    } else {
        failures as f64 / decisions as f64
    }
}

/// Most main memory that this process has held so far; `None` where the system does not say.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!(
        "{} {} {}",
        name.trim(),
        std::env::consts::OS,
        std::env::consts::ARCH
    )
    .trim()
    .to_owned()
}

pub(crate) fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::run(format!("writing JSON: {error}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Lowercase hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `log.txt`: what happened, with seconds since the start.
struct Log {
    file: std::fs::File,
    path: PathBuf,
    begun: Instant,
}

impl Log {
    fn open(folder: &Path) -> Result<Log> {
        let path = folder.join("log.txt");
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| Error::io(&path, error))?;
        Ok(Log {
            file,
            path,
            begun: Instant::now(),
        })
    }

    fn line(&mut self, text: &str) -> Result<()> {
        let seconds = self.begun.elapsed().as_secs_f64();
        writeln!(self.file, "{seconds:9.3} s  {text}").map_err(|error| Error::io(&self.path, error))
    }
}
