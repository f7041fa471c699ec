//! The one error type of the crate.
//!
//! An [`Error`] is opaque: callers ask for its [`exit_code`](Error::exit_code)
//! and print it. A message about input names the place, the value found, what
//! is allowed, and the nearest valid name.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result with fisc's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user's input is wrong (exit code 2).
    Input,
    /// The run failed (exit code 1).
    Run,
}

/// Where in an input file a problem lies. Lines and columns count from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// File as the user named it, or `--set` for a command-line override.
    pub file: PathBuf,
    /// Line, counted from 1; 0 when the place has no line (a missing key at top level, `--set`).
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
    /// Dotted key, such as `economy.labor_cost` or `workers.0.share`.
    pub key: String,
}

/// An error with a remedy.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    place: Option<Place>,
    value: Option<String>,
    allowed: Option<String>,
    nearest: Option<String>,
    context: Vec<String>,
    stage: Option<&'static str>,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            place: None,
            value: None,
            allowed: None,
            nearest: None,
            context: Vec::new(),
            stage: None,
        }))
    }

    /// Wrong input: exit code 2.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// A failure of the run itself: exit code 1.
    pub fn run(message: impl Into<String>) -> Self {
        Self::new(Kind::Run, message)
    }

    /// A failed read or write of `path`: exit code 1.
    pub fn io(path: &Path, error: impl fmt::Display) -> Self {
        Self::run(format!("{}: {error}", path.display()))
    }

    /// An output that an option names and that cannot be made, such as a folder or file: wrong input, except
    /// where the disk is full or read-only.
    pub fn unwritable(option: &str, what: &str, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        if [StorageFull, QuotaExceeded, ReadOnlyFilesystem].contains(&error.kind()) {
            return Self::io(path, error);
        }
        Self::input(format!("`{option}`: cannot make this {what}: {error}"))
            .value(path.display())
            .allowed(format!("a {what} in a place that you may write to"))
    }

    /// Adds the place in the input file.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Adds the value that was found.
    #[must_use]
    pub fn value(mut self, value: impl fmt::Display) -> Self {
        self.0.value = Some(value.to_string());
        self
    }

    /// Adds what would have been allowed, in words or as a range.
    #[must_use]
    pub fn allowed(mut self, allowed: impl fmt::Display) -> Self {
        self.0.allowed = Some(allowed.to_string());
        self
    }

    /// Adds to what would have been allowed.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        let hint = match self.0.allowed.take() {
            Some(allowed) => format!("{allowed}; {hint}"),
            None => hint.to_string(),
        };
        self.allowed(hint)
    }

    /// Suggests the candidate nearest to `found`, when one is close enough to be a slip of the pen.
    #[must_use]
    pub fn suggest<'a>(
        mut self,
        found: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.0.nearest = nearest(found, candidates).map(str::to_owned);
        self
    }

    /// Puts a line in front that says what was being attempted.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.0.context.push(context.into());
        self
    }

    /// Says in which stage of a run it happened, unless that is known already.
    #[must_use]
    pub fn during(mut self, stage: &'static str) -> Self {
        self.0.stage.get_or_insert(stage);
        self
    }

    /// The stage of the run in which it happened, when one is known.
    pub fn stage(&self) -> Option<&'static str> {
        self.0.stage
    }

    /// Whose fault it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The process exit code: 2 for wrong input, 1 for a failed run.
    pub fn exit_code(&self) -> u8 {
        match self.0.kind {
            Kind::Input => 2,
            Kind::Run => 1,
        }
    }

    /// The place in the input, when one is known.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
}

/// A message on one line: `found:` and `allowed:` behind semicolons.
pub fn one_line(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for line in message.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (out.chars().last(), words.is_empty()) {
            (_, true) => continue,
            (None, _) => {}
            (Some(':' | ';' | ','), _) => out.push(' '),
            (Some(_), _) => out.push_str("; "),
        }
        out.push_str(&words.join(" "));
    }
    out
}

/// The candidate nearest to `found` by Jaro–Winkler similarity, if it is above 0.8, or above 0.6 with one
/// letter more, less, other or swapped in at least three.
pub fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(found, candidate), candidate))
        .filter(|(similarity, candidate)| {
            let one_slip = || found.len() > 2 && strsim::osa_distance(found, candidate) == 1;
            *similarity > 0.8 || (*similarity > 0.6 && one_slip())
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        for context in inner.context.iter().rev() {
            writeln!(f, "{context}:")?;
        }
        if let Some(place) = &inner.place {
            write!(f, "{}", place.file.display())?;
            if place.line > 0 {
                write!(f, ":{}:{}", place.line, place.column)?;
            }
            write!(f, ": ")?;
            if !place.key.is_empty() {
                write!(f, "`{}`: ", place.key)?;
            }
        }
        write!(f, "{}", inner.message)?;
        if let Some(value) = &inner.value {
            write!(f, "\n  found:   {value}")?;
        }
        if let Some(allowed) = &inner.allowed {
            write!(f, "\n  allowed: {allowed}")?;
        }
        if let Some(nearest) = &inner.nearest {
            write!(f, "\n  did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_place_value_allowed_and_nearest() {
        let error = Error::input("unknown key")
            .at(Place {
                file: "a.toml".into(),
                line: 3,
                column: 1,
                key: "stepz".into(),
            })
            .value("stepz")
            .allowed("steps, seed")
            .suggest("stepz", ["seed", "steps"]);
        assert_eq!(
            error.to_string(),
            "a.toml:3:1: `stepz`: unknown key\n  found:   stepz\n  allowed: steps, seed\n  did you mean `steps`?"
        );
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_message_on_one_line() {
        let error = Error::input("no such file")
            .value("a.gguf")
            .allowed("a file")
            .context("model `small`");
        let text = format!("{error}\r\n\n");
        assert_eq!(
            one_line(&text),
            "model `small`: no such file; found: a.gguf; allowed: a file"
        );
        assert_eq!(one_line(&one_line(&text)), one_line(&text));
    }

    #[test]
    fn a_hint_stands_behind_what_is_allowed() {
        let shown = |error: Error| error.to_string();
        assert!(shown(Error::input("m").allowed("a").hint("b")).ends_with("allowed: a; b"));
        assert!(shown(Error::input("m").hint("b")).ends_with("allowed: b"));
    }

    #[test]
    fn far_names_are_not_suggested() {
        assert_eq!(nearest("population", ["seed", "steps"]), None);
        assert_eq!(nearest("dqo", ["sft", "dpo", "mcts"]), Some("dpo"));
        assert_eq!(nearest("x", ["y"]), None);
    }
}
