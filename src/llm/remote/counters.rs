//! What calls to a server came to.

use serde::{Deserialize, Serialize};

/// Outcomes, tokens and dollars of all calls for a model, those of earlier processes of the same
/// run included.
///
/// Every call that did not bring an answer is counted in exactly one of
/// `rate_limited` to `model_changed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Answers that do not follow the JSON schema they were asked for, or are cut off in it.
    pub off_schema: u64,
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

impl Calls {
    /// Both together.
    pub fn plus(&self, other: &Calls) -> Calls {
        self.with(other, |a, b| a + b, |a, b| a + b)
    }

    /// What came after `before`.
    pub fn since(&self, before: &Calls) -> Calls {
        self.with(before, u64::saturating_sub, |a, b| a - b)
    }

    fn with(
        &self,
        other: &Calls,
        whole: impl Fn(u64, u64) -> u64,
        real: impl Fn(f64, f64) -> f64,
    ) -> Calls {
        Calls {
            calls: whole(self.calls, other.calls),
            retries: whole(self.retries, other.retries),
            rate_limited: whole(self.rate_limited, other.rate_limited),
            server_errors: whole(self.server_errors, other.server_errors),
            timeouts: whole(self.timeouts, other.timeouts),
            transport_errors: whole(self.transport_errors, other.transport_errors),
            rejected: whole(self.rejected, other.rejected),
            malformed: whole(self.malformed, other.malformed),
            off_schema: whole(self.off_schema, other.off_schema),
            refused: whole(self.refused, other.refused),
            unscored: whole(self.unscored, other.unscored),
            model_changed: whole(self.model_changed, other.model_changed),
            failures: whole(self.failures, other.failures),
            prompt_tokens: whole(self.prompt_tokens, other.prompt_tokens),
            answer_tokens: whole(self.answer_tokens, other.answer_tokens),
            dollars: real(self.dollars, other.dollars),
        }
    }
}
