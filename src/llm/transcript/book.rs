//! The texts of a transcript, each kept once.

use super::lines::Text;
use crate::llm::{Message, Readout, Role};
use std::collections::HashMap;

/// The messages of a prompt, in pieces `T` each.
pub(super) type Pieces<T> = Vec<(Role, Vec<T>)>;

/// Prompts, their lines and readouts by number.
#[derive(Default)]
pub(super) struct Book {
    lines: Vec<String>,
    line_numbers: HashMap<String, u32>,
    prompts: Vec<Pieces<u32>>,
    prompt_numbers: HashMap<Pieces<u32>, u32>,
    readouts: Vec<Readout>,
}

impl Book {
    /// The number of `readout`, and whether it is new.
    pub(super) fn readout(&mut self, readout: &Readout) -> (u32, bool) {
        // A run has a handful of readouts: a planner's, the workers', a ballot's.
        match self.readouts.iter().rposition(|known| known == readout) {
            Some(at) => (at as u32, false),
            None => {
                self.take_readout(readout.clone());
                (self.readouts.len() as u32 - 1, true)
            }
        }
    }

    pub(super) fn take_readout(&mut self, readout: Readout) {
        self.readouts.push(readout);
    }

    pub(super) fn readout_at(&self, number: u32) -> Readout {
        self.readouts[number as usize].clone()
    }

    /// The number of the prompt `messages`, and how to write it down if it is new.
    pub(super) fn prompt(&mut self, messages: &[Message]) -> (u32, Option<Pieces<Text>>) {
        let mut written = Vec::with_capacity(messages.len());
        let mut numbers = Vec::with_capacity(messages.len());
        for message in messages {
            let mut texts = Vec::new();
            let mut lines = Vec::new();
            for line in message.content.split('\n') {
                let (number, new) = self.line(line);
                lines.push(number);
                match texts.last_mut() {
                    _ if new => texts.push(Text::New(line.to_owned())),
                    Some(Text::Seen(_, last)) if *last + 1 == number => *last = number,
                    _ => texts.push(Text::Seen(number, number)),
                }
            }
            written.push((message.role, texts));
            numbers.push((message.role, lines));
        }
        if let Some(&number) = self.prompt_numbers.get(&numbers) {
            return (number, None);
        }
        (self.push_prompt(numbers), Some(written))
    }

    /// Takes in a prompt that was read.
    pub(super) fn take_prompt(&mut self, prompt: Pieces<Text>) -> Result<(), String> {
        let mut numbers = Vec::with_capacity(prompt.len());
        for (role, texts) in prompt {
            let mut lines = Vec::new();
            for text in texts {
                match text {
                    Text::New(line) => lines.push(self.line(&line).0),
                    Text::Seen(first, last) if (last as usize) < self.lines.len() => {
                        lines.extend(first..=last);
                    }
                    Text::Seen(_, last) => return Err(format!("no line {last} of a prompt yet")),
                }
            }
            numbers.push((role, lines));
        }
        self.push_prompt(numbers);
        Ok(())
    }

    /// Whether both numbers stand for something.
    pub(super) fn holds(&self, readout: u32, prompt: u32) -> bool {
        (readout as usize) < self.readouts.len() && (prompt as usize) < self.prompts.len()
    }

    pub(super) fn messages(&self, prompt: u32) -> Vec<Message> {
        self.prompts[prompt as usize]
            .iter()
            .map(|(role, lines)| {
                let lines: Vec<&str> = lines
                    .iter()
                    .map(|&line| self.lines[line as usize].as_str())
                    .collect();
                Message {
                    role: *role,
                    content: lines.join("\n"),
                }
            })
            .collect()
    }

    fn line(&mut self, line: &str) -> (u32, bool) {
        if let Some(&number) = self.line_numbers.get(line) {
            return (number, false);
        }
        let number = self.lines.len() as u32;
        self.lines.push(line.to_owned());
        self.line_numbers.insert(line.to_owned(), number);
        (number, true)
    }

    fn push_prompt(&mut self, numbers: Pieces<u32>) -> u32 {
        let number = self.prompts.len() as u32;
        self.prompt_numbers.insert(numbers.clone(), number);
        self.prompts.push(numbers);
        number
    }
}
