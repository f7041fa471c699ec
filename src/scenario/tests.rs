//! The table of keys agrees with itself and with what it describes.

use super::key::{Choice, Default, Key, Kind, LAW};
use super::keys::SCENARIO;
use super::*;
use crate::fiscal::laws;

/// Loads a text as a scenario in a folder of its own.
fn load_text(text: &str) -> Result<Scenario> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wages.csv"), "wage\n10\n20\n").unwrap();
    std::fs::write(
        folder.path().join("personas.jsonl"),
        "{\"text\": \"a\"}\n{\"text\": \"b\"}\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("comparisons.csv"),
        "rater,a,b,outcome\n0,0:0.1,0:0.2,1\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("reward.rhai"), "outcome.revenue\n").unwrap();
    std::fs::create_dir(folder.path().join("prompts")).unwrap();
    let path = folder.path().join("scenario.toml");
    let profiles = format!(
        "{}\n{}",
        crate::preferences::models::values::VALUES.join(","),
        vec!["1"; 19].join(",")
    );
    std::fs::write(folder.path().join("values.csv"), profiles).unwrap();
    std::fs::write(&path, text).unwrap();
    load(&path, &[])
}

/// What an example needs around it.
const COMPANY: &str =
    "population.size = 2\nmodels.small.backend = { gguf = { model = \"smollm2-135m\" } }\n";

fn loads(context: &str, text: &str) -> Scenario {
    load_text(text).unwrap_or_else(|error| panic!("{context}: {error}\n{text}"))
}

/// Calls `visit` with each section's header and each of its keys.
fn each_key(mut visit: impl FnMut(&str, &Key)) {
    for top in SCENARIO {
        match top.kind {
            Kind::Table(keys) => keys
                .iter()
                .for_each(|key| visit(&format!("[{}]\n", top.name), key)),
            Kind::List(&Kind::Table(keys)) => keys
                .iter()
                .for_each(|key| visit(&format!("[[{}]]\n", top.name), key)),
            Kind::Named(&Kind::Table(keys)) => keys
                .iter()
                .for_each(|key| visit(&format!("[{}.other]\n", top.name), key)),
            _ => visit("", top),
        }
    }
}

/// The least text in which `key` may be tried.
fn company(header: &str, key: &Key) -> String {
    let mut text = COMPANY.to_owned();
    if header == "[population]\n" {
        text = text.replace("population.size = 2\n", "");
    }
    text.push_str(header);
    match (header, key.name) {
        ("[population]\n", "size") => {}
        ("[population]\n", "persona_text") => {
            text.push_str("size = 2\nwages = \"census\"\npersonas = \"census\"\n");
        }
        ("[population]\n", _) => text.push_str("size = 2\n"),
        ("[taxes]\n", "initial") => text.push_str("brackets = \"three\"\n"),
        ("[taxes]\n", "brackets") => text.push_str("initial = 0.2\n"),
        ("[objective]\n", "credence") => {
            text.push_str("among = [\"utilitarian\", \"rawlsian\", \"inverse_wage\"]\n");
        }
        ("[[workers]]\n", "share") => text.push_str("share = 0.5\n[[workers]]\n"),
        ("[models.other]\n", name) if name != "backend" => {
            text.push_str("backend = { gguf = { model = \"smollm2-135m\" } }\n")
        }
        _ => {}
    }
    // `models.small` stands at the top as dotted keys, so headers below [models] would clash.
    if header == "[models.other]\n" {
        text = text.replace(
            "models.small.backend = { gguf = { model = \"smollm2-135m\" } }\n",
            "",
        );
    }
    if header.is_empty() {
        text.push_str("steps = 40\n");
        text = match key.name {
            "steps" => text.replace("steps = 40\n", ""),
            _ => text,
        };
    }
    text
}

#[test]
fn every_example_loads() {
    each_key(|header, key| {
        assert!(!key.example.is_empty(), "{header}{}", key.name);
        let text = format!("{}{} = {}\n", company(header, key), key.name, key.example);
        loads(key.name, &text);
    });
}

#[test]
fn writing_a_default_out_changes_nothing() {
    each_key(|header, key| {
        if let Default::Value(default) = key.default {
            let without = company(header, key);
            let with = format!("{without}{} = {default}\n", key.name);
            if key.name == "share" {
                return; // two groups of 1.0 do not sum to 1
            }
            assert_eq!(loads(key.name, &with), loads(key.name, &without), "{with}");
        }
    });
}

#[test]
fn every_choice_is_built() {
    each_key(|header, key| {
        let Kind::Choice(choices) = key.kind else {
            return;
        };
        for choice in choices {
            let written = match choice.name {
                LAW => "\"us-2019-head\"".to_owned(),
                _ => choice.written(),
            };
            let mut text = company(header, key);
            if header == "[population]\n" {
                text.push_str(match (key.name, choice.name) {
                    ("personas", "census") => "wages = \"census\"\n",
                    ("personas", _) => "wages = \"gb2\"\n",
                    _ => "",
                });
            }
            if choice.name == "reward" {
                text.insert_str(0, "reward.kind = \"learned\"\n");
            }
            text.push_str(&format!("{} = {written}\n", key.name));
            let scenario = loads(choice.name, &text);
            assert!(
                to_toml(&scenario).contains(choice.name) || choice.name == LAW,
                "{}",
                choice.name
            );
            try_parameters(&text, &written, choice);
        }
    });
}

/// Loads a choice with every parameter at its example.
fn try_parameters(text: &str, written: &str, choice: &Choice) {
    if choice.bare || choice.parameters.is_empty() {
        return;
    }
    let all: Vec<_> = choice
        .parameters
        .iter()
        // Code stands in the scenario or in a file.
        .filter(|key| (choice.name, key.name) != ("program", "text"))
        .map(|key| format!("{} = {}", key.name, key.example))
        .collect();
    let full = format!("{{ {} = {{ {} }} }}", choice.name, all.join(", "));
    loads(choice.name, &text.replace(written, &full));
}

#[test]
fn documentation_is_in_sentences() {
    fn check(keys: &[Key]) {
        for key in keys {
            assert!(key.doc.ends_with('.'), "{}", key.name);
            let choices = match key.kind {
                Kind::List(kind) => kind.choices(),
                kind => kind.choices(),
            };
            if let Some(choices) = choices {
                for choice in choices {
                    assert!(choice.doc.ends_with('.'), "{}", choice.name);
                    check(choice.parameters);
                }
            }
        }
    }
    check(SCENARIO);
    each_key(|_, key| check(std::slice::from_ref(key)));
}

/// What a key means when it is absent must be what the rooms below mean by default.
#[test]
fn defaults_are_those_of_the_rooms_below() {
    let scenario = loads("an empty file", "");
    assert_eq!(scenario.economy, Economy::default());
    let cap = crate::population::DEFAULT_WAGE_CAP;
    assert_eq!(scenario.population.wage_cap, cap);
    for objective in Objective::defaults() {
        let text = format!("[objective]\nwelfare = \"{}\"\n", objective.name());
        assert_eq!(loads(objective.name(), &text).objective, objective);
    }
}

#[test]
fn every_law_is_known_as_brackets_rates_and_planner() {
    for name in laws::names() {
        let text = format!(
            "[taxes]\nbrackets = \"{name}\"\ninitial = \"{name}\"\n[planner]\nkind = \"{name}\"\n"
        );
        let scenario = loads(name, &text);
        assert_eq!(Some(&scenario.taxes.initial), laws::find(name));
        assert_eq!(scenario.planner.arm(), name);
    }
}

/// An editor counts characters, whatever the encoding and the line ends.
#[test]
fn places_count_characters_not_bytes() {
    let text = "\u{feff}# é\r\nname = \"é\" \r\n";
    let error = load_text(text).unwrap_err();
    let place = error.place().unwrap();
    assert_eq!((place.line, place.column), (2, 8), "{error}");
    let text = "population = { personas = { file = \"é\" }, size = \"x\" }";
    let before = text.split("\"x\"").next().unwrap().chars().count();
    let error = load_text(text).unwrap_err();
    assert_eq!(error.place().unwrap().column, before + 1, "{error}");
}
