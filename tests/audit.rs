//! The audit, on workers of whom everything is known, on a planted impostor, and on the small model.

use assert_cmd::Command;
use fisc::Result;
use fisc::audit::respondent::{ClosedForm, Respondent, Response, Rule};
use fisc::audit::stimulus::{Stimulus, Wording};
use fisc::audit::verdict::Grade;
use fisc::audit::{Design, GroupAudit, Kind, Subject, audit};
use fisc::fiscal::choice::hour_options;
use fisc::fiscal::{Economy, Utility, laws};
use fisc::llm::registry;

fn audited(respondent: &mut dyn Respondent) -> GroupAudit {
    let subjects: Vec<Subject> = (0..12)
        .map(|i| Subject {
            worker: i,
            wage: 8.0 * 1.2f64.powi(i as i32),
            persona: None,
        })
        .collect();
    let economy = Economy::default();
    let design = Design {
        schedule: laws::find("us-2024").unwrap(),
        economy: &economy,
        written_draws: 2,
    };
    audit(respondent, &subjects, &design, "workers", "test").unwrap()
}

fn elasticity(audit: &GroupAudit, of: &str, margin: &str) -> f64 {
    let found = audit.elasticities.iter();
    let mut found = found.filter(|e| e.of == of && e.margin == margin);
    found.next().unwrap().estimate.unwrap().value
}

fn grade(audit: &GroupAudit, about: &str) -> Grade {
    let found = audit.verdicts.iter().find(|v| v.about == about);
    found
        .unwrap_or_else(|| panic!("no verdict on {about}"))
        .grade
}

fn rational() -> ClosedForm {
    ClosedForm {
        economy: Economy::default(),
        rule: Rule::Rational,
    }
}

/// l = ((1−τ)·w/(χδ))^0.4 inside the limit.
#[test]
fn rational_workers_have_an_elasticity_of_four_tenths_and_no_placebo_effect() {
    let audit = audited(&mut rational());
    for of in ["own wage", "net-of-tax rate"] {
        for (margin, expected) in [("intensive", 0.4), ("total", 0.4), ("extensive", 0.0)] {
            let found = elasticity(&audit, of, margin);
            assert!((found - expected).abs() < 1e-3, "{of}, {margin}: {found}");
        }
    }
    for effect in audit.effects.iter().filter(|e| e.kind != Kind::Reform) {
        assert_eq!(effect.size, Some(0.0), "{}", effect.treatment);
        assert_eq!(grade(&audit, &effect.treatment), Grade::Good);
    }
    let reform = audit.effects[0].hours.unwrap();
    assert!(reform.high.unwrap() < 0.0);
    // By the formula, at the own wage and a flat tax of 40 %.
    let cell = audit
        .grid
        .iter()
        .find(|c| c.wage_factor == 1.0 && c.rate == 0.4);
    let hours = (0..12).map(|i| (0.6 * 8.0 * 1.2f64.powi(i) / (0.0005 * 3.5)).powf(0.4));
    let mean = hours.sum::<f64>() / 12.0;
    assert!((cell.unwrap().hours.unwrap().value - mean).abs() < 1e-6);
}

#[test]
fn fixed_workers_respond_to_nothing() {
    let mut fixed = ClosedForm {
        rule: Rule::Fixed(40.0),
        ..rational()
    };
    let audit = audited(&mut fixed);
    for of in ["own wage", "net-of-tax rate"] {
        assert!(elasticity(&audit, of, "intensive").abs() < 1e-12);
    }
    assert!(audit.effects.iter().all(|e| e.size == Some(0.0)));
    assert_eq!(audit.power.for_reform, None);
    // Rounding is no response in either direction.
    for about in [
        "elasticity of hours, wage",
        "elasticity of hours, net-of-tax rate",
    ] {
        assert_eq!(grade(&audit, about), Grade::Caution);
    }
}

/// Under isoelastic utility hours fall with the wage: uncompensated (1 − η)/(η + δ − 1), here at
/// η = 1.5 and δ = 3.5 minus one eighth. The rational worker of that economy is no failure.
#[test]
fn backward_bending_labor_supply_is_no_failure() {
    let economy = Economy {
        utility: Utility::Isoelastic {
            eta: 1.5,
            consumption_unit: 1_000.0,
        },
        labor_cost: 1e-7,
        ..Economy::default()
    };
    let subjects: Vec<Subject> = (0..8)
        .map(|i| Subject {
            worker: i,
            wage: 10.0 + 5.0 * f64::from(i),
            persona: None,
        })
        .collect();
    let design = Design {
        schedule: laws::find("us-2024").unwrap(),
        economy: &economy,
        written_draws: 0,
    };
    let mut rational = ClosedForm::rational(&economy);
    let audit = fisc::audit::audit(&mut rational, &subjects, &design, "g", "rational").unwrap();
    let found = elasticity(&audit, "own wage", "intensive");
    assert!((found + 0.125).abs() < 1e-3, "{found}");
    assert_eq!(grade(&audit, "elasticity of hours, wage"), Grade::Good);
}

/// Logit workers: the audit's spread of draws is that of the choice probabilities.
#[test]
fn logit_workers_vary_and_respond() {
    let mut logit = ClosedForm {
        rule: Rule::Logit(3_000.0),
        ..rational()
    };
    let audit = audited(&mut logit);
    assert!(elasticity(&audit, "net-of-tax rate", "total") > 0.1);
    assert!(audit.power.within > 1.0);
    assert_eq!(grade(&audit, "options in mixed order"), Grade::Good);
}

/// An impostor: rational but for one answer in ten, which is the option that is listed first.
struct TakesTheFirst;

impl Respondent for TakesTheFirst {
    fn respond(&mut self, stimuli: &[Stimulus]) -> Result<Vec<Option<Response>>> {
        let options = hour_options(100.0);
        let own = rational().respond(stimuli)?;
        let pairs = stimuli.iter().zip(own);
        Ok(pairs
            .map(|(stimulus, own)| {
                let first = options[stimulus.wording.order(options.len())[0]];
                Some(Response {
                    hours: vec![own?.mean(), first],
                    probability: vec![0.9, 0.1],
                    admissible: None,
                })
            })
            .collect())
    }
}

#[test]
fn an_agent_that_reacts_to_the_order_of_options_is_caught() {
    let audit = audited(&mut TakesTheFirst);
    let reversed = Wording::OptionsReversed.name();
    assert_eq!(grade(&audit, &reversed), Grade::Bad);
    // From 0 to 100 hours with one tenth.
    let effect = audit
        .effects
        .iter()
        .find(|e| e.treatment == reversed)
        .unwrap();
    assert!((effect.hours.unwrap().value - 10.0).abs() < 1e-9);
    assert_eq!(grade(&audit, &Wording::Renamed.name()), Grade::Good);
    assert_eq!(grade(&audit, &Wording::Paraphrase(3).name()), Grade::Good);
}

/// One that reads a currency and a hint, and works against them.
struct Suggestible;

impl Respondent for Suggestible {
    fn respond(&mut self, stimuli: &[Stimulus]) -> Result<Vec<Option<Response>>> {
        let shift = |wording| match wording {
            Wording::SuggestsLess => -5.0,
            Wording::SuggestsMore => 5.0,
            _ => 0.0,
        };
        let own = rational().respond(stimuli)?;
        let pairs = stimuli.iter().zip(own);
        Ok(pairs
            .map(|(s, own)| Some(Response::certain(own?.mean() + shift(s.wording))))
            .collect())
    }
}

#[test]
fn an_agent_that_does_as_it_is_told_is_caught() {
    let audit = audited(&mut Suggestible);
    for wording in [Wording::SuggestsLess, Wording::SuggestsMore] {
        let verdict = audit
            .verdicts
            .iter()
            .find(|v| v.about == wording.name())
            .unwrap();
        assert_eq!(verdict.grade, Grade::Bad);
        assert!(
            verdict.words.contains("follows what it is told"),
            "{}",
            verdict.words
        );
    }
}

const SCENARIO: &str = r#"
name = "small"
seed = 3
[population]
size = 6
wages = "census"
personas = "census"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[[workers]]
share = 0.5
decide = { llm = { model = "small" } }
[[workers]]
share = 0.5
decide = { adaptive = { step = 3.0 } }
[models.small]
backend = { gguf = { model = "smollm2-135m" } }
"#;

/// The small model, whatever it does: intervals, findings, files, and the same again without the model.
#[test]
fn the_small_model_is_audited_and_replayed() {
    registry::fetch("smollm2-135m", &mut |_| {}).expect("SmolLM2 is needed for this test");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.toml"), SCENARIO).unwrap();
    let run = |arguments: &[&str], code: i32| {
        let mut command = Command::cargo_bin("fisc").unwrap();
        command
            .current_dir(folder.path())
            .env("OMP_WAIT_POLICY", "passive")
            .args(["audit", "small.toml", "--workers", "2", "--written", "1"])
            .args(arguments);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = run(&[], 0);
    assert!(
        text.contains("llm (small)") && text.contains("95 % interval"),
        "{text}"
    );
    assert!(text.contains("adaptive workers are not audited"), "{text}");
    let out = folder.path().join("outputs/small-3-audit");
    let found: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("audit.json")).unwrap()).unwrap();
    let group = &found["groups"][0];
    // 35 cells, the plain prompt, the reform, 15 wordings, and the reform in 6 of them, of two workers.
    assert_eq!(group["quality"]["asked"], 2 * (35 + 2 + 15 + 6));
    assert_eq!(group["quality"]["written"], 2);
    for elasticity in group["elasticities"].as_array().unwrap() {
        let estimate = &elasticity["estimate"];
        assert!(estimate["low"].as_f64().unwrap() <= estimate["high"].as_f64().unwrap());
    }
    assert!(group["quality"]["admissible_mean"].as_f64().unwrap() > 0.0);
    for name in [
        "audit.html",
        "effects.csv",
        "grid.csv",
        "figures/effects-1.svg",
    ] {
        assert!(out.join(name).exists(), "{name}");
    }
    let again = run(&["--replay"], 0);
    assert!(again.contains("identical"), "{again}");
    // A finished audit is not overwritten.
    run(&[], 2);
    let page = std::fs::read_to_string(out.join("audit.html")).unwrap();
    assert!(page.contains("What moves the answers") && !page.contains("src=\"http"));
}
