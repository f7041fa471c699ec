//! Where a run's time went, in words.

use serde_json::Value;

/// A line for each model and one for the economy, from the profile in `summary.json`; empty for a
/// run without models.
///
/// Tokens saved are those of prompts that were shared, kept from earlier steps, or asked before.
pub fn profile(profile: &Value) -> String {
    let Some(parts) = profile.as_object() else {
        return String::new();
    };
    let mut text = String::new();
    for (name, model) in parts.iter().filter(|(_, part)| part["requests"].is_u64()) {
        let number = |path: &str| model.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
        let asked = number("/ask_seconds");
        let parts = [
            ("prefill", number("/backend/prefill_seconds")),
            ("decode", number("/backend/decode_seconds")),
            ("sampling", number("/backend/sampling_seconds")),
            ("keeping", number("/backend/keeping_seconds")),
            ("transcript", number("/transcript_seconds")),
        ];
        let rest = (asked - parts.iter().map(|(_, seconds)| seconds).sum::<f64>()).max(0.0);
        let mut times: Vec<String> = parts
            .iter()
            .chain(&[("other", rest)])
            .filter(|(_, seconds)| *seconds >= 0.005)
            .map(|(what, seconds)| format!("{what} {seconds:.2}"))
            .collect();
        if times.is_empty() {
            times.push("all from the transcript or memory".to_owned());
        }
        let evaluated = number("/backend/prefill_tokens") + number("/backend/decode_tokens");
        let saved = number("/backend/shared_tokens") + number("/tokens_saved_by_memory");
        text.push_str(&format!(
            "Model {name}: {} answers, {} evaluated, in {asked:.2} s ({}); {} tokens evaluated, {} \
             saved by reuse",
            number("/requests"),
            number("/live"),
            times.join(", "),
            evaluated,
            saved,
        ));
        if saved > 0.0 {
            text.push_str(&format!(" ({:.0} %)", 100.0 * saved / (saved + evaluated)));
        }
        if let Some(calls) = model.get("remote").and_then(Value::as_object) {
            let faults: Vec<String> = calls
                .iter()
                .filter(|(_, value)| value.as_f64().is_some_and(|value| value != 0.0))
                .map(|(what, value)| format!("{} {value}", what.replace('_', " ")))
                .collect();
            text.push_str(&format!("; servers: {}", faults.join(", ")));
        }
        text.push('\n');
    }
    if let Some(seconds) = profile.pointer("/economy/seconds").and_then(Value::as_f64)
        && !text.is_empty()
    {
        text.push_str(&format!("Economy: {seconds:.2} s\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::profile;
    use serde_json::json;

    #[test]
    fn times_tokens_and_faults_are_told() {
        let text = profile(&json!({
            "small": {
                "requests": 40, "live": 30, "ask_seconds": 2.0, "transcript_seconds": 0.25,
                "tokens_saved_by_memory": 1000,
                "backend": { "prefill_seconds": 1.5, "sampling_seconds": 0.001,
                             "prefill_tokens": 900, "decode_tokens": 100, "shared_tokens": 2000 },
                "remote": { "calls": 31, "retries": 1, "timeouts": 0 },
            },
            "economy": { "seconds": 0.5 },
        }));
        assert_eq!(
            text,
            "Model small: 40 answers, 30 evaluated, in 2.00 s (prefill 1.50, transcript 0.25, \
             other 0.25); 1000 tokens evaluated, 3000 saved by reuse (75 %); servers: calls 31, \
             retries 1\nEconomy: 0.50 s\n"
        );
        assert_eq!(profile(&json!({ "economy": { "seconds": 0.5 } })), "");
    }
}
