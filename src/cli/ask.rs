//! `fisc ask`.

use super::{print, report};
use crate::ask::{self, distinct, tables};
use crate::error::{Error, Result};
use crate::llm::{Engine, Mode, SharedTranscript};
use crate::report::{grouped, write_whole};
use std::path::PathBuf;

/// Arguments of `fisc ask`.
#[derive(Debug, clap::Args)]
pub struct AskArguments {
    /// Output folder of a finished run.
    run: PathBuf,
    /// What you want to see, in English.
    question: String,
    /// Language model: a name of `fisc model list`, hf:OWNER/REPOSITORY/FILE.gguf, or a GGUF file.
    #[arg(long, default_value = "smollm2-135m")]
    model: String,
    /// Charts that it proposes, of which the best is drawn.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    samples: u32,
    /// Seed of the samples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Output folder [default: RUN/ask/ and the question's words].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Take the model's answers from the transcript in the output folder.
    #[arg(long, conflicts_with = "force")]
    replay: bool,
    /// Replace what an earlier question left in the output folder.
    #[arg(long)]
    force: bool,
}

/// The file that says that a folder holds an answered question.
const ANSWER: &str = "answer.json";
const TRANSCRIPT: &str = "transcript.jsonl.zst";

impl AskArguments {
    /// Asks, draws, and prints the answer and the candidates.
    ///
    /// # Errors
    /// No finished run; an output folder that stands; a model that cannot be asked; no chart that runs.
    pub fn execute(self) -> Result<()> {
        ask::check(&self.question)?;
        report::finished(&self.run)?;
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| self.run.join("ask").join(slug(&self.question)));
        let ours = out.join(ANSWER).is_file();
        if out.exists() && !(self.replay || self.force && ours) {
            return Err(Error::input("the output folder stands already")
                .value(out.display())
                .allowed(match ours {
                    true => "--force to replace it, or another --out",
                    false => "another --out: what is there is not from fisc ask",
                }));
        }
        let tables = tables::tables(&self.run)?;
        let parent = out
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(".".as_ref());
        std::fs::create_dir_all(parent).map_err(|error| Error::io(parent, &error))?;
        let draft = tempfile::Builder::new()
            .prefix(".draft-")
            .tempdir_in(parent);
        let draft = draft.map_err(|error| Error::io(parent, &error))?;
        let (transcript, mode) = match self.replay {
            true => (
                SharedTranscript::replay(&out.join(TRANSCRIPT))?,
                Mode::Replay,
            ),
            false => (
                SharedTranscript::create(&draft.path().join(TRANSCRIPT))?,
                Mode::Live,
            ),
        };
        let mut engine = Engine::named(&self.model, transcript, mode)?;
        let asked = ask::ask(
            &mut engine,
            &tables,
            &self.question,
            self.samples,
            self.seed,
        )?;
        let text = table(&asked, &self.model);
        let Some((chart, drawn)) = asked.best.as_ref().and_then(|best| best.chart.as_ref()) else {
            print(&text)?;
            return Err(Error::run("none of the charts runs").value(&self.question));
        };
        let answer = ask::answer(chart, drawn, &tables);
        if self.replay {
            let path = out.join(ANSWER);
            let before =
                std::fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))?;
            let before: serde_json::Value =
                serde_json::from_str(&before).map_err(|e| Error::io(&path, &e))?;
            if before["answer"] != answer.as_str() {
                return Err(
                    Error::run("the replay's answer differs from the one on file")
                        .value(&answer)
                        .allowed("the same question, model, samples, seed and fisc version"),
                );
            }
        }
        if !self.replay {
            ask::draw(draft.path(), &self.question, chart, drawn, &tables)?;
            let csv = ask::candidates_csv(&asked.candidates);
            write_whole(&draft.path().join("candidates.csv"), csv.as_bytes())?;
            let record = serde_json::json!({
                "fisc": env!("CARGO_PKG_VERSION"),
                "question": self.question,
                "answer": answer,
                "chart": chart,
                "model": self.model,
                "model_id": engine.model_id(),
                "samples": self.samples,
                "seed": self.seed,
            });
            let record = format!("{record:#}\n");
            write_whole(&draft.path().join(ANSWER), record.as_bytes())?;
            drop(engine);
            if ours {
                std::fs::remove_dir_all(&out).map_err(|error| Error::io(&out, &error))?;
            }
            let draft = draft.keep();
            std::fs::rename(&draft, &out).map_err(|error| Error::io(&out, &error))?;
        }
        let figure = out.join("chart.svg");
        print(&format!(
            "{answer}\n\nFigure: {}\n\n{text}",
            figure.display()
        ))
    }
}

/// The candidates as a table, and how many failed at what.
fn table(asked: &ask::Asked, model: &str) -> String {
    let all = &asked.candidates;
    let shown = distinct(all);
    let mut text = format!(
        "Candidates: {} of {model}, {} different\n",
        all.len(),
        shown.len()
    );
    text.push_str("times  runs  answers  legible  total  chart, and what is wrong with it\n");
    for (times, candidate) in shown.iter().take(10) {
        let score = &candidate.score;
        let what = match &candidate.chart {
            Some((chart, _)) => format!("{}: {}", chart.table, ask::in_words(chart)),
            None => "-".into(),
        };
        text.push_str(&format!(
            "{times:>5}  {:>4}  {:>7}  {:>7}  {:>5}  {what}",
            if score.executes { "yes" } else { "no" },
            grouped(score.answers, 2),
            grouped(score.legible, 2),
            grouped(score.total(), 2),
        ));
        if !score.faults.is_empty() {
            text.push_str(&format!(" [{}]", score.faults.join("; ")));
        }
        text.push('\n');
    }
    if shown.len() > 10 {
        text.push_str(&format!(
            "       … {} more in candidates.csv\n",
            shown.len() - 10
        ));
    }
    let count =
        |fails: fn(&ask::score::Score) -> bool| all.iter().filter(|c| fails(&c.score)).count();
    text.push_str(&format!(
        "Failed: {} did not run, {} do not show just what is asked, {} break a rule of legibility\n",
        count(|s| !s.executes),
        count(|s| s.executes && s.answers < 1.0),
        count(|s| s.executes && s.legible < 1.0)
    ));
    let certain = asked
        .best
        .as_ref()
        .is_some_and(|best| best.score.answers < 1.0);
    if certain {
        text.push_str("The best chart does not show just what the question's words ask for: read it with care.\n");
    }
    text
}

/// The question's words as a folder's name.
fn slug(question: &str) -> String {
    let lower = question.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    let short: String = joined.chars().take(60).collect();
    match short.trim_end_matches('-') {
        "" => "question".into(),
        name => name.to_owned(),
    }
}
