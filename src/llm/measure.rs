//! How fast a model is on this machine, and how it is best asked.
//!
//! `fisc model bench` measures and keeps the result beside the model file; runs
//! on a machine with as many cores then open the model with the threads, the
//! lanes and the wave size that were best.

use super::gguf::{self, GgufBackend};
use super::{Backend, GgufSource, Message, ModelSpec, Readout, Request, Role};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Tokens per second of a full pass below which fewer questions are asked.
const SLOW: f64 = 200.0;

/// Sizes of waves that are tried on a CPU.
const WAVES: [usize; 4] = [4, 8, 16, 32];

/// Sizes of waves that are tried on a GPU.
const GPU_WAVES: [usize; 4] = [16, 64, 128, 240];

/// Tokens of the context on a GPU, where memory holds more.
const GPU_CONTEXT_TOKENS: u32 = 65_536;

/// What was measured of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Size of the model file: another file is not this model.
    pub bytes: u64,
    /// Cores of the machine.
    pub cores: usize,
    /// Whether layers of it were on a GPU.
    #[serde(default)]
    pub gpu: bool,
    /// The best number of threads: most prompt tokens per second.
    pub threads: usize,
    /// The best wave size: most decisions by `choice` per second, on a GPU the largest product
    /// of those by `choice` and by `sample`.
    pub wave: usize,
    /// The best number of lanes, with that wave size; none in a measurement from before there were lanes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lanes: Option<usize>,
    /// By number of threads.
    pub passes: Vec<PassSpeed>,
    /// By number of lanes and wave size, with the best number of threads.
    pub waves: Vec<WaveSpeed>,
}

/// Speed of passes, in tokens per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassSpeed {
    /// Threads.
    pub threads: usize,
    /// Reading a prompt, 512 tokens a pass.
    pub prefill: f64,
    /// Writing one text, a token a pass.
    pub decode: f64,
}

/// Decisions per second of workers who share their rules and differ in 60 tokens or so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaveSpeed {
    /// Waves that are evaluated side by side.
    #[serde(default = "one")]
    pub lanes: usize,
    /// Requests of a wave.
    pub wave: usize,
    /// The distribution over 0, 10, …, 100.
    pub choice: f64,
    /// A whole number from 0 to 100 under a grammar.
    pub sample: f64,
}

/// Before there were lanes there was one.
fn one() -> usize {
    1
}

impl Measured {
    /// What was measured of `model` on a machine with as many cores; none if
    /// nothing was, or of another file.
    ///
    /// # Errors
    /// A result that cannot be read.
    pub fn load(model: &Path) -> Result<Option<Measured>> {
        let path = beside(model);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(&path, error)),
        };
        let measured: Measured = serde_json::from_str(&text).map_err(|error| {
            Error::input(format!("not a measurement of `fisc model bench`: {error}"))
                .value(path.display())
                .allowed("delete it, or measure again")
        })?;
        let same = measured.bytes == size(model)? && measured.cores == cores();
        Ok(same.then_some(measured))
    }

    /// Keeps the result beside `model`; returns where.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn save(&self, model: &Path) -> Result<PathBuf> {
        let path = beside(model);
        let failed = |error| Error::io(&path, error);
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        serde_json::to_writer_pretty(&file, self).map_err(|error| failed(error.into()))?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(path)
    }
}

/// Measures the model file `path`; `told` hears what comes next. Takes a minute or
/// two for a model of a hundred million weights on two cores, longer for larger
/// ones. Each setting is tried twice, in turns, and the faster try counts: what
/// else the machine does only slows down.
///
/// # Errors
/// Not a model that can be used, or llama.cpp fails.
pub fn measure(path: &Path, told: &mut dyn FnMut(&str)) -> Result<Measured> {
    let gpu = gguf::on_gpu(None)?;
    let mut spec = ModelSpec {
        kept_bytes: 0,
        ..ModelSpec::new("bench", GgufSource::Path(path.to_owned()))
    };
    if gpu {
        spec.context_tokens = GPU_CONTEXT_TOKENS;
    }
    let open = |threads, lanes, wave| {
        let spec = ModelSpec {
            threads,
            lanes: Some(lanes),
            wave,
            ..spec.clone()
        };
        GgufBackend::open(path, "bench".into(), &spec)
    };
    let cores = cores();
    let mut counts = vec![1, cores.div_ceil(2), cores];
    counts.dedup();
    let mut passes: Vec<PassSpeed> = Vec::new();
    for round in 0..2 {
        for (i, &threads) in counts.iter().enumerate() {
            told(&format!("passes with {threads} threads, try {}", round + 1));
            let mut backend = open(threads, 1, 1)?;
            backend.ceiling(1, 0, 0)?;
            let prefill = backend.ceiling_tokens() / backend.ceiling(1, 0, 0)?;
            backend.answer(&[&question(0, letters())])?;
            let timing = backend.timing();
            let decode = timing.decode_tokens as f64 / timing.decode_seconds;
            match passes.get_mut(i) {
                None => passes.push(PassSpeed {
                    threads,
                    prefill,
                    decode,
                }),
                Some(speed) => {
                    speed.prefill = speed.prefill.max(prefill);
                    speed.decode = speed.decode.max(decode);
                }
            }
        }
    }
    let best = best(&passes, |speed| speed.prefill)?;
    let (asked, sizes) = match (gpu, best.prefill < SLOW) {
        (true, _) => (256, &GPU_WAVES[..]),
        (false, true) => (16, &WAVES[..3]),
        (false, false) => (32, &WAVES[..]),
    };
    // Waves that the questions fill; then other numbers of lanes with the best of them. On a GPU
    // all lanes would wait for the same device.
    let most_lanes = match gpu {
        true => 1,
        false => best.threads.min(asked / sizes[0]),
    };
    let mut waves: Vec<WaveSpeed> = Vec::new();
    let fill = |&(lanes, wave): &(usize, usize)| lanes * wave <= asked;
    let first: Vec<(usize, usize)> = (sizes.iter().map(|&wave| (most_lanes, wave)))
        .filter(fill)
        .collect();
    let faster = |waves: &[WaveSpeed]| {
        // On a GPU sequences end a wave of choices long before its size does.
        self::best(waves, |speed| match gpu {
            true => speed.choice * speed.sample,
            false => speed.choice,
        })
    };
    let mut compare = |settings: &[(usize, usize)], waves: &mut Vec<WaveSpeed>| -> Result<()> {
        let before = waves.len();
        for round in 0..2 {
            for (i, &(lanes, wave)) in settings.iter().enumerate() {
                told(&format!(
                    "{lanes} lanes, waves of {wave}, try {}",
                    round + 1
                ));
                let mut backend = open(best.threads, lanes, wave)?;
                backend.open_lanes()?;
                let choice = decisions_per_second(&mut backend, asked, options())?;
                let sample = decisions_per_second(&mut backend, asked, hours())?;
                match waves.get_mut(before + i) {
                    None => waves.push(WaveSpeed {
                        lanes,
                        wave,
                        choice,
                        sample,
                    }),
                    Some(speed) => {
                        speed.choice = speed.choice.max(choice);
                        speed.sample = speed.sample.max(sample);
                    }
                }
            }
        }
        Ok(())
    };
    compare(&first, &mut waves)?;
    let wave = faster(&waves)?.wave;
    let mut fewer = vec![1, most_lanes.div_ceil(2)];
    fewer.dedup();
    fewer.retain(|&lanes| lanes < most_lanes);
    let second: Vec<(usize, usize)> = fewer.into_iter().map(|lanes| (lanes, wave)).collect();
    compare(&second, &mut waves)?;
    let fastest = faster(&waves)?;
    Ok(Measured {
        bytes: size(path)?,
        cores,
        gpu,
        threads: best.threads,
        wave: fastest.wave,
        lanes: Some(fastest.lanes),
        passes,
        waves,
    })
}

fn best<T: Copy>(of: &[T], speed: impl Fn(&T) -> f64) -> Result<T> {
    of.iter()
        .copied()
        .max_by(|a, b| speed(a).total_cmp(&speed(b)))
        .ok_or_else(|| Error::run("nothing was measured"))
}

fn decisions_per_second(backend: &mut GgufBackend, asked: usize, readout: Readout) -> Result<f64> {
    let requests: Vec<Request> = (0..asked).map(|i| question(i, readout.clone())).collect();
    let begun = std::time::Instant::now();
    backend.answer(&requests.iter().collect::<Vec<_>>())?;
    Ok(asked as f64 / begun.elapsed().as_secs_f64())
}

fn question(worker: usize, readout: Readout) -> Request {
    let rules = "You choose how many hours per week to work. Pay is good, effort is bad. Income \
                 tax by yearly income: to $47,150 12 %, to $100,525 22 %, above 35 %. If you keep \
                 almost nothing of your pay, work is not worth it: choose very low hours. If you \
                 keep half, choose medium hours. If you keep nearly all and your pay is high, \
                 choose very high hours. The higher your wage, the more hours. Reply with one \
                 number from 0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100.";
    let wage = 8.0 + 1.37 * worker as f64;
    let own = format!(
        "You are a {}-year-old person working as: number {worker} of the staff. Your wage is \
         ${wage:.2} per hour. You keep {} % of extra pay. Which hours per week do you choose, 0 \
         to 100? Only one number, no words.",
        20 + worker % 50,
        88 - worker % 40,
    );
    let turn = |role, content: &str| Message {
        role,
        content: content.to_owned(),
    };
    Request {
        seed: 1,
        agent: format!("worker {worker}"),
        stream: worker as u64,
        step: 0,
        attempt: 0,
        messages: vec![turn(Role::System, rules), turn(Role::User, &own)],
        readout,
    }
}

fn options() -> Readout {
    let options = (0..=10).map(|ten| (10 * ten).to_string()).collect();
    Readout::Choice { options }
}

fn hours() -> Readout {
    let numbers: Vec<String> = (0..=100).map(|hours| format!("\"{hours}\"")).collect();
    sampled(format!("root ::= {}", numbers.join(" | ")), 4)
}

/// A text that does not end before its 32nd token.
fn letters() -> Readout {
    sampled("root ::= [a-z]+".to_owned(), 32)
}

fn sampled(grammar: String, max_tokens: usize) -> Readout {
    Readout::Sample {
        grammar,
        max_tokens,
        temperature: 1.0,
        top_p: 1.0,
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn size(model: &Path) -> Result<u64> {
    let file = std::fs::metadata(model).map_err(|error| Error::io(model, error))?;
    Ok(file.len())
}

/// `NAME.gguf.bench.json` beside `NAME.gguf`.
fn beside(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".bench.json");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(bytes: u64, cores: usize) -> Measured {
        Measured {
            bytes,
            cores,
            gpu: false,
            threads: 1,
            wave: 3,
            lanes: Some(2),
            passes: Vec::new(),
            waves: vec![WaveSpeed {
                lanes: 2,
                wave: 3,
                choice: 2.5,
                sample: 1.0,
            }],
        }
    }

    #[test]
    fn a_measurement_is_of_this_file_and_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("my.gguf");
        std::fs::write(&model, "12345").unwrap();
        assert_eq!(Measured::load(&model).unwrap(), None);
        measured(5, cores()).save(&model).unwrap();
        assert_eq!(Measured::load(&model).unwrap().unwrap().wave, 3);
        let opened = ModelSpec::new("m", GgufSource::Path(model.clone()));
        let spec = opened.measured().unwrap();
        assert_eq!((spec.wave, spec.lanes, spec.threads), (3, Some(2), 1));
        measured(6, cores()).save(&model).unwrap();
        assert_eq!(Measured::load(&model).unwrap(), None);
        measured(5, cores() + 1).save(&model).unwrap();
        assert_eq!(Measured::load(&model).unwrap(), None);
        std::fs::write(beside(&model), "{").unwrap();
        let error = Measured::load(&model).unwrap_err().to_string();
        assert!(error.contains("my.gguf.bench.json"), "{error}");
    }
}
