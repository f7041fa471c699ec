//! Laws against Tax-Calculator's numbers, published parameters and identities.

use proptest::prelude::*;

use super::*;
use crate::fiscal::laws;

fn law(text: &str) -> TaxLaw {
    TaxLaw::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    let error = TaxLaw::parse(text).expect_err(text);
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

/// To a millionth of a dollar.
fn close(ours: f64, theirs: f64, context: &str) {
    assert!(
        (ours - theirs).abs() <= 1e-6,
        "{context}: {ours}, not {theirs}"
    );
}

fn rows(table: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let lines = table.lines().skip(1);
    lines.map(|line| (line, line.split(',').collect()))
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

/// 46 single filers of 2024: `tests/data/SOURCES.md`.
#[test]
fn single_2024_from_income_to_tax_as_tax_calculator() {
    let [income, payroll, credit] = ["income-2024", "payroll-2024", "eitc-2024-0"].map(law);
    let after_credits = law("income-2024+eitc-2024-0");
    let mut count = 0;
    for (line, fields) in rows(include_str!(
        "../../../tests/data/oracle_tax_2024_single_full.csv"
    )) {
        let [z, tax, after, claimed, both_halves, additional] =
            [0, 4, 5, 6, 7, 8].map(|column| number(fields[column]));
        close(income.liability(z), tax, line);
        close(
            payroll.liability(z),
            (both_halves - additional) / 2.0 + additional,
            line,
        );
        // The one filer who does not claim a credit: 632 - 0.0765·(14,601 - 10,330).
        let unclaimed = if z == 14_601.0 { 305.2685 } else { 0.0 };
        close(-credit.liability(z), claimed + unclaimed, line);
        close(after_credits.liability(z), after - unclaimed, line);
        count += 1;
    }
    assert_eq!(count, 46);
}

/// 1,632 filers of six years, four statuses, 0 to 3 children: `tests/data/SOURCES.md`.
#[test]
fn other_years_statuses_and_children_as_tax_calculator() {
    let mut count = 0;
    for (line, fields) in rows(include_str!("../../../tests/data/oracle_federal_law.csv")) {
        let [year, filing, children] = [fields[0], fields[1], fields[2]];
        let [z, tax, payroll, credit] = [3, 4, 5, 6].map(|column| number(fields[column]));
        let income = law(&format!("income-{year}-{filing}"));
        close(income.liability(z), tax, line);
        close(
            law(&format!("payroll-{year}-{filing}")).liability(z),
            payroll,
            line,
        );
        let eitc = law(&format!("eitc-{year}-{filing}-{children}"));
        if filing == "separate" && children == "0" {
            // 26 U.S.C. 32(d)(2) wants a child in the house; Tax-Calculator does not look.
            assert_eq!(eitc.liability(z), 0.0, "{line}");
        } else {
            close(-eitc.liability(z), credit, line);
        }
        count += 1;
    }
    assert_eq!(count, 6 * 4 * 4 * 17);
}

/// IRS Revenue Procedure 2023-34, section 2.06: maximum credits and completed phase-outs of 2024.
#[test]
fn earned_income_credit_of_2024_as_published() {
    for (name, maximum, complete) in [
        ("eitc-2024-0", 632.0, 18_591.0),
        ("eitc-2024-1", 4_213.0, 49_084.0),
        ("eitc-2024-2", 6_960.0, 55_768.0),
        ("eitc-2024-3", 7_830.0, 59_899.0),
        ("eitc-2024-married-0", 632.0, 25_511.0),
        ("eitc-2024-married-1", 4_213.0, 56_004.0),
        ("eitc-2024-married-2", 6_960.0, 62_688.0),
        ("eitc-2024-married-3", 7_830.0, 66_819.0),
    ] {
        let credit = law(name);
        let edges = credit.schedule().edges();
        assert!(
            (credit.liability(edges[1]) + maximum).abs() < 1e-9,
            "{name}"
        );
        assert!(
            (credit.liability(edges[2]) + maximum).abs() < 1e-9,
            "{name}"
        );
        assert!((edges[3] - complete).abs() < 1.0, "{name}: {}", edges[3]);
        assert!(credit.liability(1e6).abs() < 1e-9, "{name}");
        assert!(credit.has_subsidy());
    }
    assert_eq!(law("eitc-2024-head-2"), law("eitc-2024-2"));
    assert_eq!(law("eitc-2024-single-2"), law("eitc-2024-2"));
    assert!(!law("eitc-2020-separate-2").has_subsidy());
    assert!(law("eitc-2021-separate-2").has_subsidy());
}

/// Social Security Administration: wage base 168,600 in 2024, largest contribution 10,453.20.
#[test]
fn payroll_tax_of_2024_as_published() {
    let payroll = law("payroll-2024");
    let medicare = |z: f64| 0.0145 * z;
    close(
        payroll.liability(168_600.0) - medicare(168_600.0),
        10_453.20,
        "wage base",
    );
    assert_eq!(payroll.marginal_rate(168_599.0), 0.0765);
    assert_eq!(payroll.marginal_rate(168_600.0), 0.0145);
    for (name, threshold) in [
        ("payroll-2024", 200_000.0),
        ("payroll-2024-married", 250_000.0),
        ("payroll-2024-separate", 125_000.0),
        ("payroll-2024-head", 200_000.0),
    ] {
        let [below, above] = [-1.0, 0.0].map(|d| law(name).marginal_rate(threshold + d));
        close(above - below, 0.009, name);
    }
}

/// By hand: a couple with 120,000 and a head of household with 60,000 in 2024.
#[test]
fn a_couple_and_a_head_of_household_by_hand() {
    // 120,000 - 29,200 = 90,800 taxable: 10 % of 23,200 and 12 % of the rest.
    let couple = 0.10 * 23_200.0 + 0.12 * (90_800.0 - 23_200.0);
    close(
        law("income-2024-married").liability(120_000.0),
        couple,
        "couple",
    );
    // 60,000 - 21,900 = 38,100 taxable: 10 % of 16,550 and 12 % of the rest; then 7.65 %.
    let head = 0.10 * 16_550.0 + 0.12 * (38_100.0 - 16_550.0) + 0.0765 * 60_000.0;
    close(
        law("income-2024-head+payroll-2024-head").liability(60_000.0),
        head,
        "head",
    );
}

#[test]
fn every_year_status_and_number_of_children_has_its_parts() {
    assert_eq!(names().count(), 14 * 4 * (3 + 4));
    for name in names() {
        let part = law(name);
        assert_eq!(part.schedule().tax(0.0), 0.0);
        assert_eq!(part.grant(), 0.0);
        match name.split('-').next().unwrap() {
            "us" => assert_eq!(part.schedule(), laws::find(name).unwrap()),
            "income" => assert_eq!(part.schedule().brackets(), 8, "{name}"),
            "payroll" => assert_eq!(part.schedule().brackets(), 3, "{name}"),
            _ => assert!(part.schedule().tax(1e6).abs() < 1e-9, "{name}"),
        }
    }
}

#[test]
fn negative_income_tax_and_basic_income() {
    let nit = law("nit-15000-0.5");
    assert_eq!(nit.liability(0.0), -15_000.0);
    assert_eq!(nit.liability(10_000.0), -10_000.0);
    assert_eq!(nit.liability(30_000.0), 0.0);
    assert_eq!(nit.liability(80_000.0), 0.0);
    assert_eq!(nit.average_rate(0.0), None);
    assert_eq!(nit.average_rate(10_000.0), Some(-1.0));
    let ubi = law("ubi-12000+us-2024");
    assert_eq!(ubi.grant(), 12_000.0);
    assert_eq!(ubi.liability(11_600.0), 1_160.0 - 12_000.0);
    // A negative income tax is a basic income with a schedule.
    assert_eq!(law("ubi-15000+0:0.5,30000:0"), nit);
}

#[test]
fn deductions_move_the_edges() {
    assert_eq!(law("deduct-14600(us-2024)"), law("income-2024"));
    assert_eq!(
        law("deduct-100(deduct-14500(us-2024))").liability(14_600.0),
        0.0
    );
    assert_eq!(law("deduct-0(us-2024)"), law("us-2024"));
    let law = law(" deduct-5000( 0:0.2 + ubi-100 ) + 0:0.1 ");
    assert_eq!(law.schedule().edges(), [0.0, 5_000.0]);
    assert_eq!(law.schedule().rates(), [0.1, 0.3]);
    assert_eq!(law.grant(), 100.0);
}

#[test]
fn a_plus_in_an_exponent_joins_nothing() {
    assert_eq!(
        law("0:0.1,1e+5:0.2+0:0.1").schedule().edges(),
        [0.0, 100_000.0]
    );
}

#[test]
fn what_is_no_law_is_refused() {
    for (text, parts) in [
        (
            "incom-2024",
            &["found:   incom-2024", "did you mean `income-2024`?"][..],
        ),
        ("payroll-2042", &["did you mean `payroll-20"]),
        ("eitc-2024-4", &["did you mean `eitc-2024-"]),
        ("eitc-2024", &["eitc-YEAR-N"]),
        ("", &["found:   nothing"]),
        ("us-2024+", &["found:   nothing"]),
        ("us-2024-single-single", &["unknown part"]),
        ("-singleus-2024", &["unknown part"]),
        ("eitc-2024-2-single", &["unknown part"]),
        ("ubi--5", &["ubi-AMOUNT"]),
        ("ubi-inf", &["ubi-AMOUNT"]),
        ("ubi-", &["ubi-AMOUNT"]),
        ("nit-15000", &["nit-GUARANTEE-RATE"]),
        ("nit-15000-0", &["nit-GUARANTEE-RATE"]),
        ("nit-15000-50", &["write 0.5 for 50 %"]),
        ("deduct-5000", &["deduct-AMOUNT(LAW)"]),
        ("deduct-x(us-2024)", &["deduct-AMOUNT(LAW)"]),
        ("deduct-5(us-2024", &["do not match"]),
        ("us-2024)(", &["do not match"]),
        ("0:0.6+0:0.6", &["1.2 on income above 0 $/year", "-1 to 1"]),
        ("0:0.2,5:-0.9+0:-0.2", &["-1.1 on income above 5"]),
        ("0:1.2", &["tax rate out of range"]),
    ] {
        let message = refused(text);
        for part in parts {
            assert!(message.contains(part), "{text}: {part}: {message}");
        }
    }
    let nested = format!("{}0:0.1{}", "deduct-1(".repeat(9), ")".repeat(9));
    assert!(refused(&nested).contains("too many deductions"));
    let wide: Vec<String> = (0..40).map(|k| format!("{}:0.1", k * 10)).collect();
    let other: Vec<String> = (0..40).map(|k| format!("{}:0.1", k * 9)).collect();
    let message = refused(&format!("{}+{}", wide.join(","), other.join(",")));
    assert!(message.contains("1 to 64"), "{message}");
    assert!(TaxLaw::of_parts::<&str>(&[]).is_err());
    assert!(TaxLaw::new(Schedule::flat(0.1).unwrap(), -1.0).is_err());
    assert!(law("us-2024").with_deduction(f64::NAN).is_err());
}

#[test]
fn a_reform_changes_what_it_names() {
    let baseline = law("us-2024+ubi-100");
    let reform = Reform::parse(&["rates.3=0.30", " edges.2 = 12000 ", "grant=6000"]).unwrap();
    let reformed = reform.apply(&baseline).unwrap();
    let expected =
        "0:0.1,12000:0.12,47150:0.3,100525:0.24,191950:0.32,243725:0.35,609350:0.37+ubi-6000";
    assert_eq!(reformed.to_string(), expected);
    assert_eq!(Reform::default().apply(&baseline).unwrap(), baseline);
    // 8 points more on the third bracket.
    let income = 80_000.0;
    let third = Reform::parse(&["rates.3=0.30"])
        .unwrap()
        .apply(&baseline)
        .unwrap();
    close(
        third.liability(income) - baseline.liability(income),
        0.08 * (income - 47_150.0),
        "third bracket",
    );
}

#[test]
fn what_is_no_reform_is_refused() {
    let three = law("0:0.1,10:0.2,20:0.3");
    for (settings, parts) in [
        (
            &["rate.3=0.3"][..],
            &["found:   rate.3", "did you mean `rates.3`?"][..],
        ),
        (&["edge.2=3"], &["did you mean `edges.2`?"]),
        (&["grants=3"], &["did you mean `grant`?"]),
        (&["rates.03=0.3"], &["no such key"]),
        (&["rates.0=0.3"], &["rates.1 to rates.3"]),
        (&["rates.4=0.3"], &["rates.1 to rates.3"]),
        (&["edges.1=5"], &["edges.2 to edges.3"]),
        (&["edges.2=25"], &["20 after 25"]),
        (&["rates.2=30"], &["rates.2", "write 0.3 for 30 %"]),
        (&["rates.2=nan"], &["tax rate"]),
        (&["grant=-1"], &["grant out of range"]),
        (&["rates.2=a"], &["KEY=NUMBER"]),
        (&["rates.2"], &["KEY=NUMBER"]),
        (&["rates.2=0.1", "rates.2=0.2"], &["twice"]),
    ] {
        let result = Reform::parse(settings).and_then(|reform| reform.apply(&three));
        let message = result.expect_err(settings[0]).to_string();
        for part in parts {
            assert!(message.contains(part), "{settings:?}: {part}: {message}");
        }
    }
    let flat = Reform::parse(&["edges.2=5"]).unwrap().apply(&law("0:0.1"));
    assert!(flat.unwrap_err().to_string().contains("no edge"));
}

/// A law with rates in [−0.25, 0.25], so that four of them may be summed.
fn some_law() -> impl Strategy<Value = TaxLaw> {
    (
        prop::collection::vec(1.0..60_000.0f64, 0..9),
        prop::collection::vec(-0.25..=0.25f64, 9),
        prop_oneof![Just(0.0), 0.0..20_000.0f64],
    )
        .prop_map(|(widths, rates, grant)| {
            let mut edges = vec![0.0];
            for width in widths {
                edges.push(edges.last().unwrap() + width);
            }
            let schedule = Schedule::with_subsidy(&edges, &rates[..edges.len()], true).unwrap();
            TaxLaw::new(schedule, grant).unwrap()
        })
}

proptest! {
    #[test]
    fn a_sum_asks_what_its_parts_ask(
        parts in prop::collection::vec(some_law(), 1..5),
        income in 0.0..900_000.0f64,
    ) {
        let whole = TaxLaw::sum(&parts).unwrap();
        let each: f64 = parts.iter().map(|part| part.liability(income)).sum();
        prop_assert!((whole.liability(income) - each).abs() <= 1e-9 * income.max(1e5));
        prop_assert_eq!(whole.schedule().tax(0.0), 0.0);
    }

    #[test]
    fn what_is_written_reads_back(law in some_law(), deduction in 0.0..50_000.0f64) {
        prop_assert_eq!(&TaxLaw::parse(&law.to_string()).unwrap(), &law);
        let moved = law.with_deduction(deduction).unwrap();
        let written = format!("deduct-{deduction}({law})");
        prop_assert_eq!(&TaxLaw::parse(&written).unwrap(), &moved);
    }

    #[test]
    fn a_deduction_taxes_income_above_it(
        law in some_law(),
        deduction in 0.0..50_000.0f64,
        income in 0.0..900_000.0f64,
    ) {
        let taxed = law.with_deduction(deduction).unwrap().liability(income);
        let expected = law.liability((income - deduction).max(0.0));
        prop_assert!((taxed - expected).abs() <= 1e-9 * income.max(1e5));
    }

    /// Below the break-even income G/t the state pays G − t·z, above it nothing.
    #[test]
    fn a_negative_income_tax_breaks_even_where_its_guarantee_is_withdrawn(
        guarantee in 1u32..60_000,
        percent in 1u32..=100,
        income in 0.0..900_000.0f64,
    ) {
        let rate = f64::from(percent) / 100.0;
        let guarantee = f64::from(guarantee);
        let nit = TaxLaw::parse(&format!("nit-{guarantee}-{rate}")).unwrap();
        let expected = -(guarantee - rate * income).max(0.0);
        prop_assert!((nit.liability(income) - expected).abs() <= 1e-6);
        prop_assert!(nit.liability(guarantee / rate).abs() <= 1e-6);
    }

    #[test]
    fn no_text_panics(text in "[a-z0-9:.,+()e -]{0,40}|(us|income|eitc|nit|ubi|deduct)-[0-9.]{0,6}[-(+]\\PC{0,12}") {
        if let Err(error) = TaxLaw::parse(&text) {
            prop_assert_eq!(error.exit_code(), 2);
        }
    }
}
