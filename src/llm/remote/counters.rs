//! What calls to a server came to.

/// Outcomes, tokens and dollars of all calls of a backend, summed over its life.
///
/// Every call that did not bring an answer is counted in exactly one of
/// `rate_limited` to `model_changed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Calls {
    /// HTTP requests sent, the one that asks for the model's name and repetitions included.
    pub calls: u64,
    /// Repetitions among them.
    pub retries: u64,
    /// Answers with status 429.
    pub rate_limited: u64,
    /// Answers with status 408, 425 or 500 and above.
    pub server_errors: u64,
    /// Calls without a whole answer within the time that a call has.
    pub timeouts: u64,
    /// Connections refused or broken off.
    pub transport_errors: u64,
    /// Answers with another status than 200: a wrong key, model, field or prompt.
    pub rejected: u64,
    /// Answers that are not what the protocol says, or too large.
    pub malformed: u64,
    /// Answers in which the model or a filter refuses.
    pub refused: u64,
    /// Answers without the log-probabilities that `choice` needs.
    pub unscored: u64,
    /// Answers of another model than the first one.
    pub model_changed: u64,
    /// Questions that stayed without an answer after all repetitions.
    pub failures: u64,
    /// Tokens of prompts that servers reported, those of useless answers included.
    pub prompt_tokens: u64,
    /// Tokens of answers that servers reported, those of useless answers included.
    pub answer_tokens: u64,
    /// What these tokens cost at the scenario's prices.
    pub dollars: f64,
}
