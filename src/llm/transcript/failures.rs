//! Questions that a server left without an answer.

use super::lines::{FailureLine, VoidLine};
use crate::llm::{Answer, Content, Key, Request, Source};
use std::collections::HashMap;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::llm) struct Failure {
    /// For people.
    pub(in crate::llm) why: String,
    /// Tokens of prompts and of answers that it cost all the same.
    pub(in crate::llm) tokens: [u32; 2],
}

impl Failure {
    /// The same failure of another asker of the same question, who is charged nothing.
    pub(in crate::llm) fn without_tokens(&self) -> Failure {
        Failure {
            why: self.why.clone(),
            tokens: [0; 2],
        }
    }

    pub(super) fn line(self, model: u32, key: Key, request: &Request) -> FailureLine {
        FailureLine {
            key,
            agent: request.agent.clone(),
            stream: request.stream,
            step: request.step,
            attempt: request.attempt,
            model,
            why: self.why,
            tokens: self.tokens,
        }
    }
}

/// Who asked what when: unlike a [`Key`] alone, this tells the attempts of a `choice` apart.
type Asked = (Key, u64, u64, u32);

/// All failures, in the order in which they came.
#[derive(Default)]
pub(super) struct Failures {
    lines: Vec<FailureLine>,
    index: HashMap<Asked, usize>,
    /// Failures before this one were there when the transcript was opened.
    opened_with: usize,
}

impl Failures {
    pub(super) fn push(&mut self, line: FailureLine) {
        let asked = (line.key, line.stream, line.step, line.attempt);
        self.index.insert(asked, self.lines.len());
        self.lines.push(line);
    }

    pub(super) fn find(&self, key: &Key, request: &Request) -> Option<Answer> {
        let asked = (*key, request.stream, request.step, request.attempt);
        let &at = self.index.get(&asked)?;
        let source = match at < self.opened_with {
            true => Source::Transcript,
            false => Source::Memory,
        };
        Some(read(&self.lines[at], source))
    }

    /// Says that what there is was read from a file.
    pub(super) fn opened(&mut self) {
        self.opened_with = self.lines.len();
    }

    /// Forgets one failure, so that its question is asked again; whether there was one.
    pub(super) fn void(&mut self, void: &VoidLine) -> bool {
        let asked = (void.key, void.stream, void.step, void.attempt);
        self.index.remove(&asked).is_some()
    }
}

/// The failure that `line` says, as an answer.
pub(super) fn read(line: &FailureLine, source: Source) -> Answer {
    Answer {
        key: line.key,
        content: Content::Failed(line.why.clone()),
        truncated: false,
        prompt_tokens: line.tokens[0],
        evaluated_tokens: 0,
        answer_tokens: line.tokens[1],
        latency_ms: 0.0,
        source,
    }
}
