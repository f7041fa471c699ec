//! A model's weights in another precision.

use super::model::llama;
use crate::error::{Error, Result};
use std::ffi::CString;
use std::path::Path;

/// Writes the model `from` to the file `to` with weights of 8 bits (Q8_0).
///
/// Nothing is gained in precision over weights of 4 bits, but llama.cpp has
/// faster kernels for Q8_0 on most processors: SmolLM2-135M runs at twice the
/// speed of its Q4_1. The file is about twice as large. It appears whole or not
/// at all.
///
/// # Errors
/// llama.cpp cannot read `from` or write `to`.
pub fn requantise(from: &Path, to: &Path) -> Result<()> {
    llama()?;
    let text = |path: &Path| {
        path.to_str()
            .and_then(|path| CString::new(path).ok())
            .ok_or_else(|| Error::input("a path that llama.cpp cannot take").value(path.display()))
    };
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let work = tempfile::Builder::new()
        .prefix(".quantize-")
        .tempdir_in(folder.unwrap_or(Path::new(".")))
        .map_err(|error| Error::io(to, error))?;
    let unfinished = work.path().join("model.gguf");
    let (source, target) = (text(from)?, text(&unfinished)?);
    // SAFETY: the backend is started, both paths are strings that end with NUL
    // and outlive the call, and the parameters are llama.cpp's own defaults.
    let status = unsafe {
        let mut parameters = llama_cpp_sys_2::llama_model_quantize_default_params();
        parameters.ftype = llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q8_0;
        parameters.allow_requantize = true;
        llama_cpp_sys_2::llama_model_quantize(source.as_ptr(), target.as_ptr(), &parameters)
    };
    match status {
        0 => std::fs::rename(&unfinished, to).map_err(|error| Error::io(to, error)),
        _ => Err(Error::run("llama.cpp cannot requantise the model").value(from.display())),
    }
}
