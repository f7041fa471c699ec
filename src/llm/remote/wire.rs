//! Questions and answers in the form of OpenAI's chat completions.

use super::fault::{Fault, FaultKind};
use super::{RemoteSpec, Structured};
use crate::llm::{FREE_TEXT, Message, Readout, Request, Role};
use async_openai::types::chat::{
    ChatChoice, ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage,
    ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    ChatCompletionTokenLogprob, CreateChatCompletionRequest, CreateChatCompletionResponse,
    FinishReason, ResponseFormat, ResponseFormatJsonSchema,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Most alternatives that the protocol reports for a token.
const TOP_LOGPROBS: u8 = 20;

/// Tokens beyond an option's bytes that a forced answer may take: the end of the turn.
const SPARE_TOKENS: u32 = 4;

/// Tokens that the JSON object around an answer may take beyond the answer's own.
const JSON_TOKENS: u32 = 16;

/// One HTTP call, and what its answer is taken for.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// JSON.
    pub(super) body: Vec<u8>,
    pub(super) part: Part,
}

/// What an answer is taken for.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// The text.
    Text,
    /// The text in the JSON object that [`schema`] asks for.
    JsonText,
    /// The probability of each option as the first token.
    FirstToken { options: Vec<String> },
    /// The probability of the tokens of one option, to which a grammar forces the answer.
    Forced { option: String },
    /// Nothing but the model's name.
    Name,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Text { text: String, truncated: bool },
    LogProbs(Vec<f64>),
    Nothing,
}

/// An answer with the tokens that the server reports.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) said: Said,
    pub(super) model: String,
    pub(super) tokens: Tokens,
}

/// Tokens that a server reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) prompt: u32,
    pub(super) cached: u32,
    pub(super) answer: u32,
}

#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    chat: CreateChatCompletionRequest,
    #[serde(skip_serializing_if = "Option::is_none")]
    grammar: Option<String>,
    // llama-server cuts the distribution with these unless told not to.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f32>,
}

/// The calls that `request` takes; `seed` decides its draws.
pub(super) fn calls(spec: &RemoteSpec, request: &Request, seed: u32) -> Vec<Call> {
    let chat = chat(spec, &request.messages);
    match &request.readout {
        Readout::Sample {
            grammar,
            max_tokens,
            temperature,
            top_p,
        } => {
            // A thought is any text: an object around it would only be in its way.
            let structured = match grammar == FREE_TEXT {
                true if spec.structured == Structured::JsonSchema => Structured::None,
                _ => spec.structured,
            };
            let tokens = match structured {
                Structured::JsonSchema => *max_tokens as u32 + JSON_TOKENS,
                Structured::Grammar | Structured::None => *max_tokens as u32,
            };
            let mut chat = limited(spec, chat, tokens);
            chat.temperature = Some(*temperature as f32);
            chat.top_p = Some(*top_p as f32);
            #[expect(deprecated, reason = "deprecated by OpenAI alone")]
            {
                chat.seed = Some(i64::from(seed));
            }
            if structured == Structured::JsonSchema {
                chat.response_format = Some(schema(grammar));
            }
            vec![Call {
                body: written(
                    chat,
                    (structured == Structured::Grammar).then(|| grammar.clone()),
                ),
                part: match structured {
                    Structured::JsonSchema => Part::JsonText,
                    Structured::Grammar | Structured::None => Part::Text,
                },
            }]
        }
        Readout::Choice { options } if spec.structured == Structured::Grammar => options
            .iter()
            .map(|option| {
                let tokens = option.len() as u32 + SPARE_TOKENS;
                let mut chat = scored(limited(spec, chat.clone(), tokens), 1);
                chat.temperature = Some(0.0);
                Call {
                    body: written(chat, Some(only(option))),
                    part: Part::Forced {
                        option: option.clone(),
                    },
                }
            })
            .collect(),
        Readout::Choice { options } => {
            // At temperature 1 all servers mean the same by a log-probability.
            let mut chat = scored(limited(spec, chat, 1), TOP_LOGPROBS);
            chat.temperature = Some(1.0);
            vec![Call {
                body: written(chat, None),
                part: Part::FirstToken {
                    options: options.clone(),
                },
            }]
        }
    }
}

/// The shortest question, to learn which model answers.
pub(super) fn introduction(spec: &RemoteSpec) -> Call {
    let hello = Message {
        role: Role::User,
        content: "Hello".into(),
    };
    Call {
        body: written(limited(spec, chat(spec, &[hello]), 1), None),
        part: Part::Name,
    }
}

fn chat(spec: &RemoteSpec, messages: &[Message]) -> CreateChatCompletionRequest {
    let message = |message: &Message| {
        let content = message.content.as_str();
        match message.role {
            Role::System => ChatCompletionRequestMessage::System(
                ChatCompletionRequestSystemMessage::from(content),
            ),
            Role::User => {
                ChatCompletionRequestMessage::User(ChatCompletionRequestUserMessage::from(content))
            }
            Role::Assistant => ChatCompletionRequestMessage::Assistant(
                ChatCompletionRequestAssistantMessage::from(content),
            ),
        }
    };
    CreateChatCompletionRequest {
        model: spec.model.clone(),
        messages: messages.iter().map(message).collect(),
        ..Default::default()
    }
}

fn limited(
    spec: &RemoteSpec,
    mut chat: CreateChatCompletionRequest,
    tokens: u32,
) -> CreateChatCompletionRequest {
    if spec.urls.iter().any(|url| url.contains("api.openai.com")) {
        chat.max_completion_tokens = Some(tokens);
    } else {
        #[expect(deprecated, reason = "the name that all other servers know")]
        {
            chat.max_tokens = Some(tokens);
        }
    }
    chat
}

fn scored(mut chat: CreateChatCompletionRequest, top: u8) -> CreateChatCompletionRequest {
    chat.logprobs = Some(true);
    chat.top_logprobs = Some(top);
    chat
}

fn written(chat: CreateChatCompletionRequest, grammar: Option<String>) -> Vec<u8> {
    let llama = grammar.is_some();
    let body = Body {
        chat,
        grammar,
        top_k: llama.then_some(0),
        min_p: llama.then_some(0.0),
    };
    serde_json::to_vec(&body).expect("a request is plain data")
}

/// Grammar that admits `option` only.
fn only(option: &str) -> String {
    let mut grammar = "root ::= \"".to_owned();
    for letter in option.chars() {
        match letter {
            '"' | '\\' => grammar.extend(['\\', letter]),
            '\n' => grammar.push_str("\\n"),
            _ => grammar.push(letter),
        }
    }
    grammar.push('"');
    grammar
}

/// A JSON object whose only member, `answer`, is a text: one of the grammar's
/// texts if these are a plain list, else any.
fn schema(grammar: &str) -> ResponseFormat {
    let mut answer = json!({ "type": "string" });
    if let Some(texts) = alternatives(grammar) {
        answer["enum"] = json!(texts);
    }
    ResponseFormat::JsonSchema {
        json_schema: ResponseFormatJsonSchema {
            description: None,
            name: "answer".into(),
            schema: json!({
                "type": "object",
                "properties": { "answer": answer },
                "required": ["answer"],
                "additionalProperties": false,
            }),
            strict: Some(true),
        },
    }
}

/// The texts of a grammar `root ::= "a" | "b" | …`.
fn alternatives(grammar: &str) -> Option<Vec<String>> {
    let texts = grammar.trim().strip_prefix("root ::=")?;
    texts
        .split('|')
        .map(|text| {
            let text = text.trim().strip_prefix('"')?.strip_suffix('"')?;
            (!text.contains(['"', '\\'])).then(|| text.to_owned())
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonAnswer {
    answer: String,
}

/// Reads the body of an answer with status 200.
pub(super) fn heard(body: &[u8], part: &Part) -> Result<Heard, Fault> {
    let malformed = |why: String| Fault::new(FaultKind::Malformed, why);
    let text = std::str::from_utf8(body)
        .map_err(|error| malformed(format!("the answer is not UTF-8: {error}")))?;
    let response: CreateChatCompletionResponse = serde_json::from_str(text)
        .map_err(|error| malformed(format!("the answer is not a chat completion: {error}")))?;
    let tokens = response
        .usage
        .as_ref()
        .map_or(Tokens::default(), |usage| Tokens {
            prompt: usage.prompt_tokens,
            cached: usage
                .prompt_tokens_details
                .as_ref()
                .and_then(|details| details.cached_tokens)
                .unwrap_or(0),
            answer: usage.completion_tokens,
        });
    let said = match (part, response.choices.first()) {
        (Part::Name, _) => Ok(Said::Nothing),
        (_, None) => Err(malformed("the answer has no choices".into())),
        (_, Some(choice)) => said(choice, part),
    };
    Ok(Heard {
        said: said.map_err(|fault| fault.with_tokens(tokens))?,
        model: response.model,
        tokens,
    })
}

fn said(choice: &ChatChoice, part: &Part) -> Result<Said, Fault> {
    if let Some(refusal) = &choice.message.refusal {
        return Err(Fault::new(
            FaultKind::Refused,
            format!("the model refused: {refusal}"),
        ));
    }
    if choice.finish_reason == Some(FinishReason::ContentFilter) {
        return Err(Fault::new(
            FaultKind::Refused,
            "a content filter cut the answer off",
        ));
    }
    let content =
        || {
            choice.message.content.clone().ok_or_else(|| {
                Fault::new(FaultKind::Malformed, "the answer's message has no content")
            })
        };
    let truncated = choice.finish_reason == Some(FinishReason::Length);
    match part {
        Part::Name => Ok(Said::Nothing),
        Part::Text => Ok(Said::Text {
            text: content()?,
            truncated,
        }),
        Part::JsonText => {
            let answer: JsonAnswer = serde_json::from_str(&content()?).map_err(|error| {
                let cut = match truncated {
                    true => " (it was cut off at its largest number of tokens)",
                    false => "",
                };
                let why =
                    format!("the answer's content does not follow the JSON schema{cut}: {error}");
                Fault::new(FaultKind::OffSchema, why)
            })?;
            Ok(Said::Text {
                text: answer.answer,
                truncated,
            })
        }
        Part::FirstToken { options } => first_token(tokens_of(choice)?, options),
        Part::Forced { option } if choice.finish_reason == Some(FinishReason::Stop) => {
            forced(tokens_of(choice)?, option)
        }
        Part::Forced { option } => Err(unscored(format!(
            "the answer did not end after `{option}`, so its probability is not known"
        ))),
    }
}

fn tokens_of(choice: &ChatChoice) -> Result<&[ChatCompletionTokenLogprob], Fault> {
    choice
        .logprobs
        .as_ref()
        .and_then(|logprobs| logprobs.content.as_deref())
        .filter(|tokens| !tokens.is_empty())
        .ok_or_else(|| {
            unscored("this server gives no log-probabilities: use readout = \"sample\"".into())
        })
}

fn unscored(why: String) -> Fault {
    Fault::new(FaultKind::Unscored, why)
}

/// ln P(first token is the option), if each option is one of the tokens that were reported.
fn first_token(tokens: &[ChatCompletionTokenLogprob], options: &[String]) -> Result<Said, Fault> {
    let top = &tokens[0].top_logprobs;
    let log_prob = |option: &String| {
        let mut found = top.iter().filter(|token| token.token == *option);
        match (found.next(), found.next()) {
            (Some(token), None) => sound(token.logprob),
            (Some(_), Some(_)) => Err(unscored(format!("two tokens read `{option}`"))),
            (None, _) => Err(unscored(format!(
                "`{option}` is not among the {} most probable first tokens, so its probability is \
                 not known: use structured = \"grammar\" with llama-server, or readout = \"sample\"",
                top.len()
            ))),
        }
    };
    let log_probs = options.iter().map(log_prob).collect::<Result<_, _>>()?;
    Ok(Said::LogProbs(log_probs))
}

/// ln P(tokens of the option and end of turn), from an answer that was forced to it.
fn forced(tokens: &[ChatCompletionTokenLogprob], option: &str) -> Result<Said, Fault> {
    let mut left = option;
    let mut rest = tokens.iter();
    while !left.is_empty() {
        let piece = rest.next().and_then(|token| {
            left.strip_prefix(token.token.as_str())
                .filter(|after| after.len() < left.len())
        });
        left = piece.ok_or_else(|| {
            unscored(format!(
                "the answer was not forced to `{option}`: this server does not follow `grammar`"
            ))
        })?;
    }
    if rest.len() != 1 {
        return Err(unscored(format!(
            "{} tokens follow `{option}` where the end of the turn should stand alone, so its \
             probability is not known",
            rest.len()
        )));
    }
    let log_probs = tokens.iter().map(|token| sound(token.logprob));
    Ok(Said::LogProbs(vec![log_probs.sum::<Result<f64, Fault>>()?]))
}

/// Largest log-probability that rounding in a server explains.
const LOG_PROB_MAX: f64 = 1e-4;

/// `reported`, if it is the logarithm of a probability.
fn sound(reported: f32) -> Result<f64, Fault> {
    let reported = f64::from(reported);
    match reported.is_finite() && reported <= LOG_PROB_MAX {
        true => Ok(reported.min(0.0)),
        false => Err(unscored(format!(
            "the server reports a log-probability of {reported}, which is none"
        ))),
    }
}
