//! Reasoning first: free text, then the answer in the light of it.
//!
//! A model that is to think is asked twice in one conversation. The prompt of the agent, with an
//! invitation to think behind it (the first message of `think.j2`), is answered in free text; then
//! the thought stands as the model's own turn, and the second message of `think.j2` asks for the
//! answer, which is read off as without a thought. Both answers are in the transcript.

use super::asking::{Asking, Models};
use crate::error::{Error, Result};
use crate::llm::{Answer, Content, FREE_TEXT, Message, Prompts, Readout, Request, Role};

/// The template of the two turns around a thought.
pub const TEMPLATE: &str = "think.j2";

/// An answer and what its thought cost.
#[derive(Clone, Debug)]
pub struct Thought {
    /// The answer.
    pub answer: Answer,
    /// Tokens of the thought's prompt and of the thought; 0 without one.
    pub tokens: [u32; 2],
}

/// The invitation to think and the request to answer.
///
/// # Errors
/// As [`Prompts::render`], or other than two messages of a user.
pub fn turns(prompts: &Prompts) -> Result<[String; 2]> {
    let messages = prompts.render(TEMPLATE, serde_json::Map::new())?;
    let users = messages.iter().all(|message| message.role == Role::User);
    match <[Message; 2]>::try_from(messages) {
        Ok([invitation, request]) if users => Ok([invitation.content, request.content]),
        _ => Err(
            Error::input(format!("{TEMPLATE} must make two messages")).allowed(
                "`### user` with the invitation to think, `### user` with the request to answer",
            ),
        ),
    }
}

/// The answers to `requests`, in their order, each after a thought if `asking` says so.
///
/// A thought that a server left without an answer is the answer's failure. A thought that is cut
/// off at its largest number of tokens is used as it is.
///
/// # Errors
/// As [`Models::ask`] and [`turns`].
pub fn ask(
    models: &Models,
    prompts: &Prompts,
    asking: &Asking,
    requests: Vec<Request>,
) -> Result<Vec<Thought>> {
    if asking.think == 0 {
        let answers = models.ask(&asking.model, &requests)?;
        let plain = |answer| Thought {
            answer,
            tokens: [0; 2],
        };
        return Ok(answers.into_iter().map(plain).collect());
    }
    let [invitation, request_to_answer] = turns(prompts)?;
    let invited: Vec<Request> = requests
        .iter()
        .map(|request| {
            let mut request = request.clone();
            match request.messages.last_mut() {
                Some(last) if last.role == Role::User => {
                    last.content.push('\n');
                    last.content.push_str(&invitation);
                }
                _ => request.messages.push(said(Role::User, &invitation)),
            }
            request.readout = Readout::Sample {
                grammar: FREE_TEXT.to_owned(),
                max_tokens: asking.think,
                temperature: asking.temperature,
                top_p: asking.top_p,
            };
            request
        })
        .collect();
    let thoughts = models.ask(&asking.model, &invited)?;
    let mut going_on = Vec::new();
    for ((request, invited), thought) in requests.into_iter().zip(invited).zip(&thoughts) {
        if let Content::Text(text) = &thought.content {
            let mut messages = invited.messages;
            messages.push(said(Role::Assistant, text.trim()));
            messages.push(said(Role::User, &request_to_answer));
            going_on.push(Request {
                messages,
                ..request
            });
            models.note(&asking.model, thought, &Ok("a thought".to_owned()))?;
        }
    }
    let mut answers = models.ask(&asking.model, &going_on)?.into_iter();
    thoughts
        .into_iter()
        .map(|thought| {
            let tokens = [thought.prompt_tokens, thought.answer_tokens];
            let answer = match &thought.content {
                Content::Text(_) => answers
                    .next()
                    .ok_or_else(|| Error::run("a thought without an answer"))?,
                _ => {
                    return Ok(Thought {
                        answer: thought,
                        tokens: [0; 2],
                    });
                }
            };
            Ok(Thought { answer, tokens })
        })
        .collect()
}

fn said(role: Role, content: &str) -> Message {
    Message {
        role,
        content: content.to_owned(),
    }
}
