//! Tax laws of parts and reforms, in scenario files and on the command line.

use std::fs;
use std::process::Command;

use fisc::fiscal::law::TaxLaw;
use fisc::fiscal::laws;
use fisc::scenario::{PlannerKind, Scenario, load, to_toml};

fn try_load(text: &str, settings: &[&str]) -> fisc::error::Result<Scenario> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    fs::write(&path, text).unwrap();
    let settings: Vec<String> = settings.iter().map(|&text| text.to_owned()).collect();
    load(&path, &settings)
}

fn loads(text: &str, settings: &[&str]) -> Scenario {
    try_load(text, settings).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The resolved scenario is loaded, too, and must be equal.
fn resolved(text: &str, settings: &[&str]) -> Scenario {
    let scenario = loads(text, settings);
    assert_eq!(loads(&to_toml(&scenario), &[]), scenario);
    scenario
}

#[test]
fn a_law_sets_brackets_and_rates_at_once() {
    let scenario = resolved("[taxes]\nlaw = [\"income-2024\", \"payroll-2024\"]\n", &[]);
    let taxes = &scenario.taxes;
    // 30,000: 10 % of 11,600, 12 % of the 3,800 above it, 7.65 % of all.
    let tax = 1_160.0 + 0.12 * 3_800.0 + 0.0765 * 30_000.0;
    assert!((taxes.initial.tax(30_000.0) - tax).abs() < 1e-9);
    assert_eq!(taxes.edges, taxes.initial.edges());
    assert_eq!((taxes.grant, taxes.allow_subsidy), (0.0, false));
    let same = resolved("[taxes]\nlaw = \"income-2024+payroll-2024\"\n", &[]);
    assert_eq!(same.taxes, *taxes);
    let set = resolved("", &["taxes.law=income-2024+payroll-2024"]);
    assert_eq!(set.taxes, *taxes);
}

#[test]
fn a_reform_is_a_difference_over_whatever_there_is() {
    let text = "[taxes.reform]\nrates.3 = 0.30\nedges.2 = 12000\n";
    let us = laws::find("us-2024").unwrap();
    let initial = resolved(text, &[]).taxes.initial;
    let mut rates = us.rates().to_vec();
    rates[2] = 0.30;
    assert_eq!(initial.rates(), rates);
    assert_eq!(initial.edges()[..3], [0.0, 12_000.0, 47_150.0]);
    let listed = "[taxes]\nbrackets = [0, 10]\ninitial = 0.2\nreform = { rates = { 2 = 0.5 } }\n";
    assert_eq!(resolved(listed, &[]).taxes.initial.rates(), [0.2, 0.5]);
    let law = "[taxes]\nlaw = \"income-2024\"\n[taxes.reform]\nrates.2 = 0.15\n";
    let initial = resolved(law, &[]).taxes.initial;
    assert_eq!(initial.rates()[..3], [0.0, 0.15, 0.12]);
    let set = resolved(
        "",
        &["taxes.reform.rates.3=0.30", "taxes.reform.edges.2=12000"],
    );
    assert_eq!(set.taxes.initial, resolved(text, &[]).taxes.initial);
}

#[test]
fn grants_are_written_down() {
    let ubi = resolved("[taxes]\nlaw = [\"us-2024\", \"ubi-12000\"]\n", &[]);
    assert_eq!(ubi.taxes.grant, 12_000.0);
    assert_eq!(Some(&ubi.taxes.initial), laws::find("us-2024"));
    assert!(to_toml(&ubi).contains("\ngrant = 12000.0\n"));
    let less = resolved(
        "[taxes]\nlaw = \"ubi-12000\"\nreform = { grant = 500 }\n",
        &[],
    );
    assert_eq!(less.taxes.grant, 500.0);
    // Of a negative income tax the withdrawal of the guarantee is left, which does change work.
    let nit = resolved("[taxes]\nlaw = \"nit-15000-0.5\"\n", &[]);
    assert_eq!(nit.taxes.initial.to_string(), "0:0.5,30000:0");
    assert_eq!(nit.taxes.grant, 15_000.0);
}

#[test]
fn a_credit_needs_subsidies_to_be_allowed() {
    let text = "[taxes]\nallow_subsidy = true\nlaw = [\"income-2024\", \"eitc-2024-3\"]\n";
    assert_eq!(resolved(text, &[]).taxes.initial.rates()[0], -0.45);
    // 0.10 of the first taxed bracket and less 0.45 of credit is a subsidy above the deduction, too.
    assert!(try_load(&text.replace("true", "false"), &[]).is_err());
}

#[test]
fn laws_of_parts_are_planners() {
    let text = "[planner]\nkind = { law = { parts = [\"income-2024\", \"payroll-2024\"] } }\n\
        [compare]\nplanners = [\"us-2024\", { law = { parts = \"income-2024\", name = \"reform-3\", \
        reform = { rates.3 = 0.30, grant = 100 } } }]\n";
    let scenario = resolved(text, &[]);
    let arms: Vec<String> = scenario.arms().map(PlannerKind::arm).collect();
    assert_eq!(arms, ["law", "us-2024", "reform-3"]);
    let PlannerKind::Composed { law, .. } = &scenario.compare[1] else {
        panic!("{:?}", scenario.compare[1]);
    };
    assert_eq!(law.grant(), 100.0);
    let before = TaxLaw::parse("income-2024").unwrap();
    // The third bracket is that of 12 %, from 26,200 to 61,750 $ of income.
    let rise = law.schedule().tax(61_750.0) - before.schedule().tax(61_750.0);
    assert!((rise - 0.18 * (61_750.0 - 26_200.0)).abs() < 1e-9);
    let twice = text.replace(", name = \"reform-3\"", "");
    assert!(
        try_load(&twice, &[])
            .unwrap_err()
            .to_string()
            .contains("law")
    );
}

#[test]
fn settings_below_a_law_are_refused_as_such() {
    for (setting, part) in [
        ("taxes.law=incom-2024", "did you mean `income-2024`?"),
        ("taxes.law=[\"us-2024\", 3]", "wrong type"),
        ("taxes.law=us-2024+us-2024+us-2024", "sum up too high"),
        ("taxes.reform.rates.3=x", "wrong type"),
        ("taxes.reform.rates.9=0.3", "rates.1 to rates.7"),
        ("taxes.reform.grant=-1", "out of range"),
    ] {
        let message = try_load("", &[setting]).unwrap_err().to_string();
        assert!(message.starts_with("--set"), "{setting}: {message}");
        assert!(message.contains(part), "{setting}: {message}");
    }
}

/// What `fisc tax` prints, or its message where it fails.
fn tax(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fisc"))
        .arg("tax")
        .args(arguments)
        .output()
        .unwrap();
    let code = if output.status.success() { 0 } else { 2 };
    assert_eq!(output.status.code(), Some(code));
    let text = if code == 0 {
        output.stdout
    } else {
        output.stderr
    };
    String::from_utf8(text).unwrap()
}

#[test]
fn laws_on_the_command_line() {
    let header = "income,tax,average_rate,marginal_rate\n";
    // Net of the guarantee; no average rate at 0; nothing from the break-even income on.
    let nit = "0,-15000,,0.5\n15000,-7500,-0.5,0.5\n30000,0,0,0\n";
    assert_eq!(
        tax(&["nit-15000-0.5", "0", "15000", "30000"]),
        format!("{header}{nit}")
    );
    // Phased out, to the cent and beyond.
    assert_eq!(
        tax(&["eitc-2024-2", "0", "80000"]),
        format!("{header}0,0,-0.4,-0.4\n80000,0,0,0\n")
    );
    assert_eq!(
        tax(&[
            "0:0.1,1000:0.2",
            "2000",
            "--reform",
            "rates.2=0.5",
            "--reform",
            "edges.2=1500"
        ]),
        format!("{header}2000,400,0.2,0.5\n")
    );
    for (arguments, part) in [
        (&["us-2024+us-2024+us-2024", "1"][..], "sum up too high"),
        (
            &["us-2024", "1", "--reform", "rate.3=0.3"],
            "did you mean `rates.3`?",
        ),
        (
            &["us-2024", "1", "--reform", "rates.9=0.3"],
            "rates.1 to rates.7",
        ),
        (&["eitc-2024", "1"], "eitc-YEAR-N"),
    ] {
        let message = tax(arguments);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}
