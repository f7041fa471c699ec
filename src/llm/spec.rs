//! Which model file, and how it is opened.

use super::gguf;
use super::hub::HubFile;
use super::measure::Measured;
use super::registry;
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Default of [`ModelSpec::context_tokens`].
pub const CONTEXT_TOKENS: u32 = 8192;

/// Default of [`ModelSpec::wave`].
pub const WAVE: usize = 16;

/// Most lanes that a model has unless they were measured: each needs memory for a context.
const LANES: usize = 4;

/// Where a GGUF file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GgufSource {
    /// A model of the [`registry`], in the user's cache.
    Fetched(String),
    /// A file of a hub, in the user's cache.
    Hub(HubFile),
    /// A file.
    Path(PathBuf),
}

impl GgufSource {
    /// What a scenario means by `text`: a name of the registry, of a hub's file, or a
    /// path (relative ones from `base`, the scenario's folder).
    ///
    /// # Errors
    /// Neither a name of the registry nor a file that exists.
    pub fn named(text: &str, base: &Path) -> Result<GgufSource> {
        if let Some(file) = HubFile::named(text)? {
            return Ok(GgufSource::Hub(file));
        }
        let names: Vec<&str> = registry::list().iter().map(|model| model.name).collect();
        if names.contains(&text) {
            return Ok(GgufSource::Fetched(text.to_owned()));
        }
        let path = base.join(text);
        if path.is_file() {
            return Ok(GgufSource::Path(path));
        }
        Err(Error::input("no such model")
            .value(text)
            .allowed(format!(
                "{}, the path of a GGUF file, or hf:OWNER/REPOSITORY/FILE.gguf",
                names.join(", ")
            ))
            .suggest(text, names))
    }

    /// The file.
    ///
    /// # Errors
    /// A model that was not fetched yet, with the command that fetches it.
    pub fn file(&self) -> Result<PathBuf> {
        match self {
            GgufSource::Path(path) => Ok(path.clone()),
            GgufSource::Fetched(name) => here(registry::path(name)?, name),
            GgufSource::Hub(file) => here(file.path()?, &file.to_string()),
        }
    }
}

fn here(path: PathBuf, name: &str) -> Result<PathBuf> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::input(format!(
        "model `{name}` is not here yet: `fisc model fetch {name}` gets it"
    ))
    .value(path.display()))
}

/// How a model is opened.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// The scenario's name of the model.
    pub name: String,
    /// The model file.
    pub gguf: GgufSource,
    /// Tokens that the model holds at a time, all sequences of a wave together. Default 8192.
    pub context_tokens: u32,
    /// Threads that evaluate. Default: the machine's cores.
    pub threads: usize,
    /// Most requests of a wave: those that are evaluated in the same passes. Default 16.
    pub wave: usize,
    /// Lanes: waves that are evaluated side by side, each in a context of its own of
    /// `context_tokens`, on its share of the threads. See [`lanes()`](Self::lanes).
    pub lanes: Option<usize>,
    /// Main memory for keys and values of prompts that may come again, in bytes; a
    /// token takes 23 KB in SmolLM2-135M and 29 KB in Qwen2.5-1.5B. With 0 each
    /// call of [`answer`](super::Backend::answer) begins from an empty context, so
    /// its numbers do not depend on what was asked before it. Default 0.
    pub kept_bytes: usize,
    /// Layers of the model on the GPU; all of them unless given. Only in a fisc
    /// built with one of the features `cuda`, `vulkan`, `metal`.
    pub gpu_layers: Option<u32>,
}

impl ModelSpec {
    /// The model `gguf` under `name`, everything else at its default.
    pub fn new(name: impl Into<String>, gguf: GgufSource) -> ModelSpec {
        ModelSpec {
            name: name.into(),
            gguf,
            context_tokens: CONTEXT_TOKENS,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            wave: WAVE,
            lanes: None,
            kept_bytes: 0,
            gpu_layers: None,
        }
    }

    /// The number of lanes: what is given; else 1 on a GPU, and on a CPU the largest
    /// number up to 4 that divides the cores of the machine. It does not depend on
    /// `threads`, because numbers depend on it.
    ///
    /// # Errors
    /// llama.cpp does not start.
    pub fn lanes(&self) -> Result<usize> {
        if let Some(lanes) = self.lanes {
            return Ok(lanes.max(1));
        }
        if gguf::on_gpu(self.gpu_layers)? {
            return Ok(1);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok((1..=LANES)
            .rfind(|lanes| cores.is_multiple_of(*lanes))
            .unwrap_or(1))
    }

    /// With the threads, the lanes and the wave size that `fisc model bench` found best for
    /// the file on this machine, if it was measured.
    ///
    /// # Errors
    /// A measurement that cannot be read.
    pub fn measured(mut self) -> Result<ModelSpec> {
        if let Ok(file) = self.gguf.file()
            && let Some(measured) = Measured::load(&file)?
            && measured.gpu == gguf::on_gpu(self.gpu_layers)?
        {
            self.threads = measured.threads.max(1);
            self.wave = measured.wave.max(1);
            self.lanes = measured.lanes;
        }
        Ok(self)
    }
}

/// `sha256:…` of the file `path`.
///
/// # Errors
/// The file cannot be read.
pub fn identity(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path)
        .map_err(|error| Error::input(format!("no model file: {error}")).value(path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file
            .read(&mut buffer)
            .map_err(|error| Error::io(path, error))?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
    }
    let digits: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("sha256:{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_or_given_by_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("my.gguf"), "x").unwrap();
        let named = |text| GgufSource::named(text, folder.path());
        let fetched = GgufSource::Fetched("smollm2-135m".into());
        assert_eq!(named("smollm2-135m").unwrap(), fetched);
        assert_eq!(
            named("my.gguf").unwrap(),
            GgufSource::Path(folder.path().join("my.gguf"))
        );
        let message = named("smollm-135m").unwrap_err().to_string();
        assert!(message.contains("did you mean `smollm2-135m`"), "{message}");
    }

    #[test]
    fn identity_is_the_sha256_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-4, example for the message "abc".
        let sha = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(identity(&path).unwrap(), sha);
    }
}
