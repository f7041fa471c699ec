//! The keys of rewards that a language model gives.

use super::super::key::{Default, Key, Kind, key};
use super::agents::model;
use Default::{Required, Value};

/// Of `principle`.
pub(super) const PRINCIPLE: &[Key] = &[
    model(),
    key(
        "principle",
        Kind::Text,
        Required,
        r#""Those who have least come first.""#,
        "The principle, in plain words.",
    ),
    key(
        "list",
        Kind::Whole(2, 100, "schedules"),
        Value("4"),
        "4",
        "Most schedules that are judged side by side, the initial one among them. Every list is asked in each of its rotations, so a list of m costs m questions.",
    ),
    key(
        "tools",
        Kind::Flag,
        Value("true"),
        "false",
        "Whether the model reads what fisc calculates of each schedule's outcome, or the rates and the lump sum alone.",
    ),
];

/// Of `follow-up`.
pub(super) const FOLLOW_UP: &[Key] = &[
    model(),
    key(
        "positive",
        Kind::List(&Kind::Text),
        Value(r#"["I am content."]"#),
        r#"["I am content.", "That was a good year."]"#,
        "What those say who are content.",
    ),
    key(
        "negative",
        Kind::List(&Kind::Text),
        Value(r#"["I am not content."]"#),
        r#"["I am not content.", "That was a bad year."]"#,
        "What those say who complain.",
    ),
    key(
        "workers",
        Kind::Whole(1, 1_000_000, "workers"),
        Value("5"),
        "5",
        "Workers who are listened to, evenly spaced by wage: each utterance of each costs a question for each schedule.",
    ),
];
