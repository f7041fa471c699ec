//! `fisc interview`.

use super::{note, print};
use crate::error::{Error, Result};
use crate::interview::{Economist, Interview, Interviewer, Knowing, QUESTIONS, Recovery, Turn};
use crate::llm::{Engine, Mode, SharedTranscript};
use crate::report::{grouped, write_whole};
use std::cell::RefCell;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

/// Arguments of `fisc interview`.
#[derive(Debug, clap::Args)]
pub struct InterviewArguments {
    /// The scenario file that is written; the transcript stands beside it.
    #[arg(short, long = "out", value_name = "SCENARIO")]
    out: PathBuf,
    /// A model plays an economist who knows this scenario, and the result is scored against it.
    #[arg(long, value_name = "SCENARIO")]
    economist: Option<PathBuf>,
    /// Language model that reads answers which words do not settle, and plays the economist: a name of
    /// `fisc model list`, hf:OWNER/REPOSITORY/FILE.gguf, or a GGUF file [default with --economist: smollm2-135m].
    #[arg(long)]
    model: Option<String>,
    /// What is asked next: in a fixed order, or what the model chooses.
    #[arg(long, value_enum, default_value_t = Order::Fixed)]
    order: Order,
    /// Most questions; those that follow up a choice do not count.
    #[arg(long, default_value_t = QUESTIONS.len() as u16)]
    questions: u16,
    /// Seed of the model's words.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Take the model's answers from the transcript beside the file, and compare the files.
    #[arg(long, conflicts_with = "force", requires = "economist")]
    replay: bool,
    /// Replace the file.
    #[arg(long)]
    force: bool,
}

/// Who chooses the next question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    /// The order of docs/ask.md.
    Fixed,
    /// The model.
    Model,
}

/// A person at the terminal, or a script on stdin: an answer a line.
struct Person;

impl Economist for Person {
    fn answer(&mut self, question: &str, _attempt: u32) -> Result<Option<String>> {
        print(&format!("{question}\n> "))?;
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let read = read.map_err(|error| Error::input(format!("an answer on stdin: {error}")))?;
        Ok((read > 0).then(|| line.trim().to_owned()))
    }
}

impl InterviewArguments {
    /// Holds the interview and writes the file.
    ///
    /// # Errors
    /// A file that stands; a model that cannot be asked; answers that make no scenario.
    pub fn execute(self) -> Result<()> {
        let beside = |end: &str| self.out.with_extension(end);
        let (turns, transcript) = (beside("interview.jsonl"), beside("transcript.jsonl.zst"));
        if self.out.exists() && !(self.force || self.replay) {
            return Err(Error::input("the file stands already")
                .value(self.out.display())
                .allowed("--force to replace it, or another file"));
        }
        if self.order == Order::Model && self.model.is_none() && self.economist.is_none() {
            return Err(Error::input("no model is there to choose")
                .value("--order model")
                .allowed("--model NAME"));
        }
        let truth = self.economist.as_ref().map(|path| {
            crate::scenario::load(path, &[])?;
            crate::scenario::read(path, "scenario")
        });
        let truth = truth.transpose()?;
        let folder = self
            .out
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
        let holder = tempfile::Builder::new()
            .prefix(".draft-")
            .tempdir_in(folder)
            .map_err(|error| Error::io(folder, &error))?;
        let draft = holder.path().join("transcript");
        let name = self
            .model
            .clone()
            .or(truth.is_some().then(|| "smollm2-135m".to_owned()));
        let engine = name.map(|name| {
            let (transcript, mode) = match self.replay {
                true => (SharedTranscript::replay(&transcript)?, Mode::Replay),
                false => (SharedTranscript::create(&draft)?, Mode::Live),
            };
            Engine::named(&name, transcript, mode).map(RefCell::new)
        });
        let engine = engine.transpose()?;
        let heard = |turn: &Turn| {
            if self.economist.is_some() || std::io::stdin().is_terminal() {
                let result = turn
                    .value
                    .clone()
                    .or(turn.without.clone())
                    .unwrap_or_default();
                note(&format!(
                    "{}. {} ({}): {:?} → {result}",
                    turn.number, turn.key, turn.chosen, turn.answer
                ));
            }
        };
        let interviewer = Interviewer {
            engine: engine.as_ref(),
            chooses: self.order == Order::Model,
            most: usize::from(self.questions),
            seed: self.seed,
            heard: &heard,
        };
        let interview = match (&truth, &engine) {
            (Some(text), Some(engine)) => {
                let (scenario, seed) = (text.clone(), self.seed);
                let mut knowing = Knowing {
                    engine,
                    scenario,
                    seed,
                    asked: 0,
                };
                interviewer.hold(&mut knowing, &self.out)?
            }
            _ => interviewer.hold(&mut Person, &self.out)?,
        };
        if self.replay {
            let before =
                std::fs::read_to_string(&self.out).map_err(|error| Error::io(&self.out, &error))?;
            return match before == interview.text {
                true => print(&format!("{}: identical\n", self.out.display())),
                false => Err(Error::run("the replay's scenario differs from the file")
                    .value(self.out.display())),
            };
        }
        let mut text = summary(&interview);
        if let Some(truth) = &truth {
            let recovery = Recovery::of(truth, &interview.text, &self.out)?;
            let (table, csv) = scored(&recovery);
            text.push_str(&table);
            write_whole(&beside("score.csv"), csv.as_bytes())?;
        }
        let lines: Result<String> = (interview.turns.iter())
            .map(|turn| serde_json::to_string(turn).map(|line| line + "\n"))
            .collect::<Result<_, _>>()
            .map_err(|error| Error::run(format!("writing the interview: {error}")));
        write_whole(&turns, lines?.as_bytes())?;
        if engine.is_some() {
            drop(engine);
            std::fs::rename(&draft, &transcript).map_err(|error| Error::io(&transcript, &error))?;
        }
        write_whole(&self.out, interview.text.as_bytes())?;
        print(&format!(
            "{text}\nScenario: {}\nInterview: {}\n",
            self.out.display(),
            turns.display()
        ))
    }
}

fn summary(interview: &Interview) -> String {
    let understood = interview.turns.iter().filter(|t| t.value.is_some()).count();
    let default = interview
        .turns
        .iter()
        .filter(|t| t.without.as_deref() == Some("default"))
        .count();
    let model = interview
        .turns
        .iter()
        .filter(|t| t.read_by == Some("model"))
        .count();
    let mut text = format!(
        "\n{} questions: {understood} answers understood ({model} by the model), {default} to leave the default, {} not understood\n",
        interview.turns.len(),
        interview.turns.len() - understood - default
    );
    if !interview.left.is_empty() {
        text.push_str(&format!(
            "Left at the default, no answer held: {}\n",
            interview.left.join(", ")
        ));
    }
    text
}

/// The comparison as a table for people and as CSV.
fn scored(recovery: &Recovery) -> (String, String) {
    let [same, truth, found] = recovery.counts();
    let mut text = format!(
        "\nRecovered {same} of {truth} keys that the economist's scenario sets (recall {}); {same} of {found} that the file sets are right (precision {})\n",
        grouped(recovery.recall(), 2),
        grouped(recovery.precision(), 2)
    );
    let mut csv = "key,truth,found,verdict\n".to_owned();
    for one in &recovery.keys {
        let verdict = match (&one.truth, &one.found) {
            (Some(a), Some(b)) if a == b => "recovered",
            (Some(_), Some(_)) => "wrong",
            (Some(_), None) => "missed",
            _ => "invented",
        };
        let [truth, found] = [&one.truth, &one.found].map(|value| value.as_deref().unwrap_or(""));
        text.push_str(&format!("  {verdict:9}  {}: {truth} | {found}\n", one.key));
        let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        csv.push_str(&format!(
            "{},{},{},{verdict}\n",
            one.key,
            cell(truth),
            cell(found)
        ));
    }
    (text, csv)
}
