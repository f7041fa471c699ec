//! Answers as they are written, and as they are read again.

use super::lines::{AnswerLine, STEPS_PER_NAT};
use crate::error::{Error, Result};
use crate::llm::{Answer, BackendAnswer, Content, Key, Reading, Request, Source};

/// `answer` as it is written, rounded.
pub(super) fn written(
    key: Key,
    request: &Request,
    answer: &BackendAnswer,
    [model, readout, prompt]: [u32; 3],
) -> Result<AnswerLine> {
    let (choice, text, truncated) = match &answer.reading {
        Reading::LogProbs(log_probs) => (Some(in_steps(log_probs)?), None, false),
        Reading::Text { text, truncated } => (None, Some(text.clone()), *truncated),
    };
    Ok(AnswerLine {
        key,
        agent: request.agent.clone(),
        step: request.step,
        model,
        readout,
        prompt,
        choice,
        text,
        truncated,
        tokens: [
            answer.prompt_tokens,
            answer.evaluated_tokens,
            answer.answer_tokens,
        ],
        ms: (answer.latency_ms * 10.0).round() / 10.0,
    })
}

fn in_steps(log_probs: &[f64]) -> Result<Vec<i64>> {
    log_probs
        .iter()
        .map(|&log_prob| {
            let steps = (log_prob * STEPS_PER_NAT).round();
            if steps.is_finite() && steps <= 1.0 && !log_probs.is_empty() {
                Ok((steps as i64).min(0))
            } else {
                Err(Error::run("the model gave no probability").value(log_prob))
            }
        })
        .collect()
}

/// The answer that `line` says; live, resumed and replayed runs all use this one.
pub(super) fn read(line: &AnswerLine, source: Source) -> Answer {
    let content = match (&line.choice, &line.text) {
        (Some(steps), _) => normalised(steps),
        (None, text) => Content::Text(text.clone().unwrap_or_default()),
    };
    let [prompt_tokens, evaluated_tokens, answer_tokens] = line.tokens;
    Answer {
        key: line.key,
        content,
        truncated: line.truncated,
        prompt_tokens,
        evaluated_tokens,
        answer_tokens,
        latency_ms: line.ms,
        source,
    }
}

/// The distribution over options whose log-probabilities are `steps`.
fn normalised(steps: &[i64]) -> Content {
    let joint: Vec<f64> = steps.iter().map(|&s| s as f64 / STEPS_PER_NAT).collect();
    let top = joint.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mass = top + joint.iter().map(|x| (x - top).exp()).sum::<f64>().ln();
    Content::Choice {
        log_probs: joint.iter().map(|x| x - mass).collect(),
        admissible_mass: mass.exp().min(1.0),
    }
}
