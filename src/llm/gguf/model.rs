//! A model file in memory: its vocabulary, its chat template, its end of turn.

use crate::error::{Error, Result};
use crate::llm::Message;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::model::{LlamaChatMessage, LlamaChatTemplate, LlamaModel};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The environment variable that lets llama.cpp write its log to stderr.
pub const LOG_VARIABLE: &str = "FISC_LLAMA_LOG";

/// llama.cpp, started once in a process and never stopped.
///
/// It is silent, or writes its log to stderr where [`LOG_VARIABLE`] is set.
pub(super) fn llama() -> Result<&'static LlamaBackend> {
    static LLAMA: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    LLAMA
        .get_or_init(|| {
            if std::env::var_os(LOG_VARIABLE).is_none() {
                let silent = llama_cpp_2::LogOptions::default().with_logs_enabled(false);
                llama_cpp_2::send_logs_to_tracing(silent);
            }
            #[cfg(feature = "dynamic-backends")]
            load_backends()?;
            LlamaBackend::init().map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(|error| Error::run(format!("llama.cpp does not start: {error}")))
}

/// The environment variable that names a folder with llama.cpp's backends, for a fisc that was
/// built with `dynamic-backends`. Without it: those that were built with this fisc.
pub const BACKENDS_VARIABLE: &str = "FISC_BACKENDS";

/// Loads what the folder of backends holds: for the CPU, and for a GPU if there is one.
///
/// # Errors
/// [`BACKENDS_VARIABLE`] names no folder.
#[cfg(feature = "dynamic-backends")]
fn load_backends() -> Result<(), String> {
    use llama_cpp_2::llama_backend;
    let Some(folder) = std::env::var_os(BACKENDS_VARIABLE) else {
        llama_backend::load_backends();
        return Ok(());
    };
    let folder = Path::new(&folder);
    if !folder.is_dir() || folder.to_str().is_none() {
        return Err(format!(
            "{BACKENDS_VARIABLE}={}: no folder",
            folder.display()
        ));
    }
    llama_backend::load_backends_from_path(folder);
    Ok(())
}

/// Whether this fisc was built with one of the features of a GPU.
const BUILT_FOR_GPU: bool = cfg!(any(feature = "cuda", feature = "vulkan", feature = "metal"));

/// Refuses to run on the CPU what was meant for a GPU.
fn check_gpu(layers: Option<u32>, built: bool, found: bool) -> Result<()> {
    match (layers, built, found) {
        (Some(0), _, _) | (None, false, _) | (_, true, true) => Ok(()),
        (Some(layers), false, _) => Err(Error::input("this fisc was built without a GPU")
            .value(format!("gpu_layers = {layers}"))
            .allowed(
                "0, or a fisc built with --features cuda, vulkan or metal, or one with \
                 dynamic-backends that finds a GPU's backend",
            )),
        (_, true, false) => Err(Error::input(
            "this fisc was built for a GPU, but llama.cpp finds none: is the driver installed \
             and the device visible?",
        )
        .allowed("gpu_layers = 0 to run on the CPU")),
    }
}

/// Whether a model with `gpu_layers` (or all) of its layers on a GPU finds one.
pub(super) fn on_gpu(gpu_layers: Option<u32>) -> Result<bool> {
    Ok(gpu_layers != Some(0) && llama()?.supports_gpu_offload())
}

/// A loaded model. It stays in memory until the process ends, so that contexts
/// can outlive the engine that loaded it and arms share one copy.
pub(super) struct Model {
    pub(super) llama: LlamaModel,
    template: LlamaChatTemplate,
    /// Every token that ends a turn.
    pub(super) ends: Vec<LlamaToken>,
    /// If a grammar admits any text next, it admits one of these tokens: for each
    /// byte the token that is this byte alone, or else all that begin with it.
    pub(super) openers: Vec<LlamaToken>,
    /// Texts that the tokeniser can take for control tokens.
    controls: Vec<String>,
    path: PathBuf,
    /// Whether layers of it are on a GPU.
    pub(super) on_gpu: bool,
}

impl Model {
    /// The model in the file `path` with `gpu_layers` (or all) of its layers on the
    /// GPU that this fisc was built for, loaded at most once in a process.
    ///
    /// # Errors
    /// A GPU is wanted that is not there, no such file, not a model that llama.cpp can load, or one without a chat template.
    pub(super) fn load(path: &Path, gpu_layers: Option<u32>) -> Result<&'static Model> {
        type Loaded = HashMap<(PathBuf, Option<u32>), &'static Model>;
        static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);
        let found = llama()?.supports_gpu_offload();
        let built = BUILT_FOR_GPU || (cfg!(feature = "dynamic-backends") && found);
        check_gpu(gpu_layers, built, found)?;
        let path = path.canonicalize().map_err(|error| {
            Error::input(format!("no model file: {error}")).value(path.display())
        })?;
        // Held while loading, so that two engines do not load the same file twice.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = loaded.get_or_insert_with(HashMap::new);
        let key = (path, gpu_layers);
        if let Some(model) = loaded.get(&key) {
            return Ok(model);
        }
        let model: &'static Model = Box::leak(Box::new(Model::read(&key.0, gpu_layers)?));
        loaded.insert(key, model);
        Ok(model)
    }

    fn read(path: &Path, gpu_layers: Option<u32>) -> Result<Model> {
        let refuse = |why: String| {
            Error::input(format!(
                "{}: not a usable GGUF model: {why}",
                path.display()
            ))
        };
        let on_gpu = on_gpu(gpu_layers)?;
        let mut parameters = LlamaModelParams::default();
        if let Some(layers) = gpu_layers {
            parameters = parameters.with_n_gpu_layers(layers);
        }
        let llama = LlamaModel::load_from_file(llama()?, path, &parameters).map_err(|error| {
            refuse(format!(
                "{error}; {LOG_VARIABLE}=1 shows llama.cpp's own words"
            ))
        })?;
        if llama.is_recurrent() || llama.is_hybrid() {
            // Their state cannot branch into a tree of answers.
            return Err(refuse("recurrent models are not supported".into()));
        }
        // By the default template only: the bindings hand over a dangling name.
        let template = llama.chat_template(None).map_err(|error| {
            refuse(format!(
                "no chat template ({error}); take an instruct model"
            ))
        })?;
        let vocab = llama.vocab();
        let ends: Vec<LlamaToken> = (0..vocab.n_tokens())
            .map(LlamaToken)
            .filter(|&token| vocab.is_eog(token))
            .collect();
        if ends.is_empty() {
            return Err(refuse("its vocabulary has no end of turn".into()));
        }
        let openers = openers(&llama);
        let controls = controls(&llama);
        Ok(Model {
            llama,
            template,
            ends,
            openers,
            controls,
            path: path.to_owned(),
            on_gpu,
        })
    }

    /// Longest sequence that the model was trained on, in tokens.
    pub(super) fn trained_context(&self) -> usize {
        self.llama.n_ctx_train() as usize
    }

    /// Whether every token attends to all before it, not to a window of the last ones.
    pub(super) fn attends_to_all(&self) -> bool {
        let name = self.llama.meta_val_str("general.architecture");
        name.is_ok_and(|name| {
            let window = format!("{name}.attention.sliding_window");
            self.llama.meta_val_str(&window).is_err()
        })
    }

    /// Bytes that `token` stands for; none for a control token.
    pub(super) fn piece(&self, token: LlamaToken, bytes: &mut Vec<u8>) {
        self.llama
            .vocab()
            .token_to_piece_into(token, bytes, false, None);
    }

    /// The prompt in tokens: `messages` in the model's chat template, with the
    /// model's turn opened.
    ///
    /// Text of a message that looks like a control token (`<|im_end|>`) stays
    /// text: nobody but the template ends a turn.
    ///
    /// # Errors
    /// A template that llama.cpp does not know, or a message with a NUL byte.
    pub(super) fn prompt(&self, messages: &[Message]) -> Result<Prompt> {
        let vocab = self.llama.vocab();
        let plain = |text: &str| vocab.tokenize(text.as_bytes(), false, false);
        let innocent = |m: &Message| !self.controls.iter().any(|c| m.content.contains(c));
        if messages.iter().all(innocent) {
            let text = self.render(messages)?;
            let tokens = vocab.tokenize(text.as_bytes(), true, true);
            return Ok(Prompt { text, tokens });
        }
        // The template around place holders, then each content as plain text.
        let mark = |i: usize| format!("\u{1}content {i}\u{1}");
        let marked: Vec<Message> = messages
            .iter()
            .enumerate()
            .map(|(i, m)| Message {
                role: m.role,
                content: mark(i),
            })
            .collect();
        let text = self.render(&marked)?;
        let mut rest = text.as_str();
        let mut tokens = Vec::new();
        for (i, message) in messages.iter().enumerate() {
            let (before, after) = rest.split_once(&mark(i)).ok_or_else(|| {
                Error::run(format!(
                    "{}: its chat template drops a message",
                    self.path.display()
                ))
            })?;
            tokens.extend(vocab.tokenize(before.as_bytes(), i == 0, true));
            tokens.extend(plain(&message.content));
            rest = after;
        }
        tokens.extend(vocab.tokenize(rest.as_bytes(), false, true));
        Ok(Prompt {
            text: rest.to_owned(),
            tokens,
        })
    }

    fn render(&self, messages: &[Message]) -> Result<String> {
        let chat = messages
            .iter()
            .map(|m| LlamaChatMessage::new(m.role.name().to_owned(), m.content.clone()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::input(format!("a message cannot be put: {error}")))?;
        self.llama
            .apply_chat_template(&self.template, &chat, true)
            .map_err(|error| {
                Error::input(format!(
                    "{}: llama.cpp does not know its chat template: {error}",
                    self.path.display()
                ))
            })
    }

    /// `answer` in tokens, as it would stand after a prompt that ends with `tail`.
    pub(super) fn answer(&self, tail: &str, answer: &str) -> Vec<LlamaToken> {
        let vocab = self.llama.vocab();
        let before = vocab.tokenize(tail.as_bytes(), false, true);
        let both = vocab.tokenize(format!("{tail}{answer}").as_bytes(), false, false);
        match both.strip_prefix(before.as_slice()) {
            Some(rest) if !rest.is_empty() => rest.to_vec(),
            // The model cannot take back the tokens it was shown, so the answer begins afresh.
            _ => vocab.tokenize(answer.as_bytes(), false, false),
        }
    }
}

fn controls(llama: &LlamaModel) -> Vec<String> {
    let vocab = llama.vocab();
    let mut text = Vec::new();
    let mut controls = Vec::new();
    for token in (0..vocab.n_tokens()).map(LlamaToken) {
        if !vocab.is_control(token) && !vocab.attr(token).contains(LlamaTokenAttr::Unknown) {
            continue;
        }
        text.clear();
        vocab.token_to_piece_into(token, &mut text, true, None);
        match std::str::from_utf8(&text) {
            Ok(text) if !text.is_empty() => controls.push(text.to_owned()),
            _ => {}
        }
    }
    controls
}

fn openers(llama: &LlamaModel) -> Vec<LlamaToken> {
    let vocab = llama.vocab();
    let mut alone = [None; 256];
    let mut longer: Vec<Vec<LlamaToken>> = vec![Vec::new(); 256];
    let mut piece = Vec::new();
    for token in (0..vocab.n_tokens()).map(LlamaToken) {
        piece.clear();
        vocab.token_to_piece_into(token, &mut piece, false, None);
        match piece[..] {
            [] => {}
            [byte] => alone[usize::from(byte)] = Some(token),
            [byte, ..] => longer[usize::from(byte)].push(token),
        }
    }
    alone
        .into_iter()
        .zip(longer)
        .flat_map(|(alone, longer)| alone.map_or(longer, |token| vec![token]))
        .collect()
}

/// A conversation as the model reads it.
pub(super) struct Prompt {
    /// The text of the prompt, or at least the part after the last message.
    text: String,
    pub(super) tokens: Vec<LlamaToken>,
}

impl Prompt {
    /// The end of the prompt, which alone can flow into the answer's tokens.
    pub(super) fn tail(&self) -> &str {
        self.text.rfind('>').map_or("", |at| &self.text[at + 1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_is_not_there_is_an_error_and_no_silent_cpu() {
        let message = |layers, built, found| {
            check_gpu(layers, built, found)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(message(None, false, false), None);
        assert_eq!(message(Some(0), true, false), None);
        assert_eq!(message(None, true, true), None);
        assert_eq!(message(Some(99), true, true), None);
        let without = message(Some(99), false, false).unwrap();
        assert!(without.contains("--features cuda"), "{without}");
        let missing = message(None, true, false).unwrap();
        assert!(missing.contains("finds none"), "{missing}");
        assert_eq!(missing, message(Some(99), true, false).unwrap());
    }
}
