//! Questions that a server left without an answer.

use super::lines::FailureLine;
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
    /// Failures from this one on have no answer after them.
    open_from: usize,
    /// Tokens, by model, of failures that were taken back.
    voided: HashMap<u32, (u64, u64)>,
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

    /// Says that an answer follows.
    pub(super) fn close(&mut self) {
        self.open_from = self.lines.len();
    }

    /// Number of failures after the last answer.
    pub(super) fn open(&self) -> usize {
        self.lines.len() - self.open_from
    }

    /// Forgets the last `number` failures, but not what they cost.
    pub(super) fn void(&mut self, number: usize) {
        for line in self.lines.drain(self.lines.len() - number..) {
            let asked = (line.key, line.stream, line.step, line.attempt);
            self.index.remove(&asked);
            let spent = self.voided.entry(line.model).or_default();
            spent.0 += u64::from(line.tokens[0]);
            spent.1 += u64::from(line.tokens[1]);
        }
        self.opened_with = self.opened_with.min(self.lines.len());
    }

    /// Tokens of prompts and answers that the failures of `model` cost.
    pub(super) fn spent(&self, model: u32) -> (u64, u64) {
        let lines = self.lines.iter().filter(|line| line.model == model);
        let voided = self.voided.get(&model).copied().unwrap_or_default();
        lines.fold(voided, |(prompt, answer), line| {
            (
                prompt + u64::from(line.tokens[0]),
                answer + u64::from(line.tokens[1]),
            )
        })
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
