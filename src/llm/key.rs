//! When two requests are the same question.

use super::{Readout, Request};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Identity of a question to a model: the first 16 bytes of a SHA-256.
///
/// It covers the model's id, the messages and the readout. For
/// [`Readout::Sample`] it also covers seed, stream, step and attempt, because
/// they decide the draw. For [`Readout::Choice`] it leaves them out: the
/// distribution is a function of model, messages and options alone (the draw
/// from it is made by the caller, from the caller's own random stream), so
/// identical questions of different workers, steps or arms are asked once.
/// The asker's name is never part of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key([u8; 16]);

impl Key {
    /// The key of `request` when it is put to the model `model_id`.
    pub fn new(model_id: &str, request: &Request) -> Key {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            // Length first, so that no two lists of fields give the same bytes.
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        field(model_id.as_bytes());
        field(&(request.messages.len() as u64).to_le_bytes());
        for message in &request.messages {
            field(message.role.name().as_bytes());
            field(message.content.as_bytes());
        }
        match &request.readout {
            Readout::Choice { options } => {
                field(b"choice");
                for option in options {
                    field(option.as_bytes());
                }
            }
            Readout::Sample {
                grammar,
                max_tokens,
                temperature,
                top_p,
            } => {
                field(b"sample");
                field(grammar.as_bytes());
                field(&(*max_tokens as u64).to_le_bytes());
                field(&temperature.to_bits().to_le_bytes());
                field(&top_p.to_bits().to_le_bytes());
                field(&request.seed.to_le_bytes());
                field(&request.stream.to_le_bytes());
                field(&request.step.to_le_bytes());
                field(&request.attempt.to_le_bytes());
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        Key(std::array::from_fn(|i| digest[i]))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.to_string()
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Key, String> {
        let digits = text.as_bytes();
        if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(format!("`{text}` is not a key of 32 hexadecimal digits"));
        }
        let mut key = [0; 16];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|error| error.to_string())?;
        }
        Ok(Key(key))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Message, Role};
    use super::*;

    fn request(readout: Readout) -> Request {
        Request {
            seed: 42,
            agent: "worker 3".into(),
            stream: 3,
            step: 5,
            attempt: 0,
            messages: vec![
                Message {
                    role: Role::System,
                    content: "Rules.".into(),
                },
                Message {
                    role: Role::User,
                    content: "How many hours?".into(),
                },
            ],
            readout,
        }
    }

    fn choice() -> Request {
        request(Readout::Choice {
            options: vec!["0".into(), "10".into()],
        })
    }

    fn sample() -> Request {
        request(Readout::Sample {
            grammar: "root ::= [0-9]+".into(),
            max_tokens: 3,
            temperature: 1.0,
            top_p: 1.0,
        })
    }

    type Change = fn(&mut Request);
    const DRAW: [(&str, Change); 4] = [
        ("seed", |r| r.seed += 1),
        ("stream", |r| r.stream += 1),
        ("step", |r| r.step += 1),
        ("attempt", |r| r.attempt += 1),
    ];

    fn changed(mut request: Request, change: Change) -> Key {
        change(&mut request);
        Key::new("sha256:a", &request)
    }

    #[test]
    fn choice_is_the_same_question_for_every_asker_and_time() {
        let key = Key::new("sha256:a", &choice());
        for (name, change) in DRAW {
            assert_eq!(key, changed(choice(), change), "{name}");
        }
        assert_eq!(key, changed(choice(), |r| r.agent = "planner".into()));
    }

    #[test]
    fn sample_is_another_draw_for_every_asker_and_time() {
        let key = Key::new("sha256:a", &sample());
        for (name, change) in DRAW {
            assert_ne!(key, changed(sample(), change), "{name}");
        }
        assert_eq!(key, changed(sample(), |r| r.agent = "planner".into()));
        for change in [
            (|r| {
                if let Readout::Sample { temperature, .. } = &mut r.readout {
                    *temperature = 0.5;
                }
            }) as Change,
            |r| {
                if let Readout::Sample { top_p, .. } = &mut r.readout {
                    *top_p = 0.5;
                }
            },
            |r| {
                if let Readout::Sample { max_tokens, .. } = &mut r.readout {
                    *max_tokens = 4;
                }
            },
            |r| {
                if let Readout::Sample { grammar, .. } = &mut r.readout {
                    grammar.push(' ');
                }
            },
        ] {
            assert_ne!(key, changed(sample(), change));
        }
    }

    #[test]
    fn model_messages_and_options_make_another_question() {
        let key = Key::new("sha256:a", &choice());
        assert_ne!(key, Key::new("sha256:b", &choice()));
        assert_ne!(key, Key::new("sha256:a", &sample()));
        let changes: [Change; 4] = [
            |r| r.messages[1].content.push('!'),
            |r| r.messages[0].role = Role::User,
            // The same characters, cut elsewhere.
            |r| {
                r.messages[0].content = "Rules.How".into();
                r.messages[1].content = " many hours?".into();
            },
            |r| {
                r.readout = Readout::Choice {
                    options: vec!["01".into(), "0".into()],
                }
            },
        ];
        for change in changes {
            assert_ne!(key, changed(choice(), change));
        }
    }

    #[test]
    fn text_form_reads_back() {
        let key = Key::new("sha256:a", &choice());
        assert_eq!(Key::try_from(key.to_string()), Ok(key));
        assert!(Key::try_from("zz".to_owned()).is_err());
        assert!(Key::try_from("é".repeat(16)).is_err());
    }
}
