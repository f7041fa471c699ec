use super::*;
use crate::fiscal::{Objective, Schedule};
use crate::rewards::basic::Welfare;
use crate::rewards::basic::fixture::{made, society, three};
use crate::rewards::composite::{Composite, Part};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn table() -> OutcomeTable {
    OutcomeTable::of(&three().situation())
}

fn value(text: &str) -> Result<f64> {
    Program::new("test", text)?.value(&table())
}

/// Numbers and tenths of three workers: tenths 1 to 4 hold the first and its repetitions as
/// ⌊3k/10⌋ says.
#[test]
fn reads_the_outcome_table() {
    assert!((value("outcome.revenue").unwrap() - 7_840.0).abs() < 1e-9);
    assert_eq!(value("outcome.rates[1] * 100").unwrap(), 30.0);
    assert_eq!(value("outcome.edges[1]").unwrap(), 40_000.0);
    assert_eq!(
        value("outcome.income[0] + outcome.income[9]").unwrap(),
        104_000.0
    );
    assert_eq!(value("len(outcome.wage)").unwrap(), 10.0);
    assert_eq!(value("largest(outcome.tax)").unwrap(), 16_960.0);
    assert_eq!(
        value("smallest([3, 1.5]) + mean([1, 2]) + sum([])").unwrap(),
        3.0
    );
    let text = "fn gap(a) { largest(a) - smallest(a) }
                let x = 0.0; for k in 0..10 { x += outcome.labor[k]; } x + gap(outcome.wage)";
    assert_eq!(value(text).unwrap(), 430.0);
    let table = table();
    for name in outcome_names() {
        assert!(table.number(&name).is_some());
    }
}

/// Σ of mean utility by tenth over ten equal tenths is the utilitarian welfare, whose code knows
/// nothing of tenths.
#[test]
fn a_program_for_welfare_is_that_welfare() {
    let society = society(100);
    let program = Program::new("w", "mean(outcome.disposable) - mean(outcome.effort)").unwrap();
    for rates in [[0.0, 0.0], [0.1, 0.4], [0.5, 0.2]] {
        let made = made(&society, &Schedule::new(&[0.0, 50_000.0], &rates).unwrap());
        let welfare = Welfare {
            objective: Objective::Utilitarian,
        };
        let expected = welfare.judge(&made.situation()).unwrap().total;
        let found = program.judge(&made.situation()).unwrap();
        assert!((found.total / expected - 1.0).abs() < 1e-12);
        assert_eq!(found.parts, [("failed".to_owned(), 0.0)]);
    }
}

/// Programs that a run must survive, with what their error must say.
pub(super) const HOSTILE: &[(&str, &str)] = &[
    ("loop {}", "operations"),
    ("while true { 1 + 1; }", "operations"),
    ("for i in 0..9223372036854775807 {}", "operations"),
    ("for i in range(0, 9223372036854775807, 1) {}", "operations"),
    ("loop { try { loop {} } catch { } }", "operations"),
    ("let x = 0; do { x += 1; } while x >= 0; x", "operations"),
    ("fn f() { f() } f()", "calls within calls"),
    ("fn f(x) { f(x) + f(x) } f(1)", "calls within calls"),
    (
        "fn f(x) { try { f(x) } catch { 1 } } f(1)",
        "calls within calls",
    ),
    (
        "fn a(x) { b(x) } fn b(x) { a(x) } a(1)",
        "calls within calls",
    ),
    ("let s = \"a\"; loop { s += s; }", "strings of 1024 bytes"),
    (
        "let s = \"a\"; loop { s = `${s}${s}`; }",
        "strings of 1024 bytes",
    ),
    ("let a = [1]; loop { a += a; }", "arrays of 256 elements"),
    (
        "let a = [1]; loop { a = [a, a]; }",
        "arrays of 256 elements",
    ),
    ("let a = [0]; loop { a[0] = a; }", "arrays of 256 elements"),
    (
        "let m = #{}; loop { m = #{ a: m, b: m }; }",
        "maps of 64 entries",
    ),
    ("let m = #{ a: 1 }; loop { m.a = m; }", "maps of 64 entries"),
    (
        "let s = \"aaaaaaaa\"; let a = []; loop { a += [s]; s += \"b\"; }",
        "of 1024 bytes",
    ),
    ("open_file(\"/etc/passwd\")", "Function not found"),
    ("read(\"/etc/passwd\")", "Function not found"),
    ("http_get(\"http://example.org\")", "Function not found"),
    ("timestamp()", "Function not found"),
    ("rand()", "Function not found"),
    ("sleep(100)", "Function not found"),
    ("exit(1)", "Function not found"),
    ("parse_json(\"[1]\")", "Function not found"),
    ("import \"std\" as s; 1", "disabled"),
    ("eval(\"loop {}\")", "disabled"),
    ("loop { print(1); }", "disabled"),
    ("debug(1)", "disabled"),
    ("let f = Fn(\"g\"); 1", "disabled"),
    (
        "fn g(x) { x } let f = g; loop { f = f.curry(f); }",
        "property",
    ),
    ("let f = |x| x; 1", "Unexpected"),
    ("0.0 / 0.0", "no finite number"),
    ("1.0 / 0.0", "no finite number"),
    ("-1.0 / 0.0", "no finite number"),
    ("let x = 1e300; x * x", "no finite number"),
    (
        "let x = 2.0; for i in 0..20 { x = x * x; } x",
        "no finite number",
    ),
    ("ln(-1.0)", "no finite number"),
    ("exp(1e9)", "no finite number"),
    ("9223372036854775807 + 1", "overflow"),
    ("let x = -9223372036854775807 - 1; x / -1", "overflow"),
    ("2 ** 100", "overflow"),
    ("1 / 0", "zero"),
    ("1 % 0", "zero"),
    ("outcome.revenue = 1e9; outcome.revenue", "constant"),
    ("outcome.revenues", "not found"),
    ("outcome.income[10]", "out of bounds"),
    ("throw \"no\"", "no"),
    ("\"many\"", "does not end with a number"),
    ("true", "does not end with a number"),
    ("", "does not end with a number"),
    ("[1, 2]", "does not end with a number"),
    ("nothing", "Undefined variable"),
    ("this", "this"),
];

/// Each is stopped with an error that names the program, the line where there is one, and the limit;
/// none takes a second. As a reward it is worth what failures are worth, and the run goes on.
#[test]
fn hostile_programs_are_stopped() {
    for (text, says) in HOSTILE {
        let start = Instant::now();
        let error = value(text).expect_err(text).to_string();
        assert!(start.elapsed() < Duration::from_secs(1), "{text}");
        assert!(error.contains(says), "{text}: {error}");
        assert!(error.contains("test"), "{text}: {error}");
        if let Ok(program) = Program::new("test", text) {
            let made = three();
            let judged = program.judge(&made.situation()).unwrap();
            assert_eq!(judged.total, OUTSIDE);
            assert_eq!(judged.parts, [("failed".to_owned(), 1.0)]);
            let strict = Program {
                failed: None,
                ..program
            };
            assert!(strict.judge(&made.situation()).is_err());
        }
    }
    let line = |text: &str| value(text).unwrap_err().place().unwrap().line;
    assert_eq!(
        line("let x = 1;\nlet y = 2;\nfn f(a) {\n a[5] }\nf([1])"),
        4
    );
    // Beyond a limit inside a function: where it was called.
    assert_eq!(line("let x = 1;\nfn f(x) { loop {} }\nf(x)"), 3);
    let error = value("1 +\n+ 2 )").unwrap_err();
    assert_eq!((error.place().unwrap().line, error.exit_code()), (2, 2));
}

/// In a sum, too, a program that fails is worth what failures are worth, but for those who ask strictly:
/// they get its own error.
#[test]
fn strictly_a_failure_is_an_error() {
    let program = Program::new("test", "let x = 1;\nthrow \"no\"").unwrap();
    let sum = Composite {
        parts: vec![Part {
            name: "program".into(),
            weight: 2.0,
            reward: program.boxed(),
        }],
        groups: 0,
        by_bracket: false,
    };
    let made = three();
    let judge = || sum.judge(&made.situation());
    assert_eq!(judge().unwrap().total, 2.0 * OUTSIDE);
    let error = strictly(judge).unwrap_err();
    assert_eq!(error.place().unwrap().line, 2);
    assert!(error.to_string().contains("no"), "{error}");
    assert!(judge().is_ok());
}

/// A copy of a program that loops has 20,000,000 operations, of which each evaluation takes 100,000: the
/// 201st is refused, whatever failures are worth, and another copy goes on.
#[test]
fn a_search_has_its_operations() {
    let program = Program::new("test", "loop {}").unwrap();
    let made = three();
    let copy = program.clone();
    for _ in 0..200 {
        assert_eq!(copy.judge(&made.situation()).unwrap().total, OUTSIDE);
    }
    let error = copy.judge(&made.situation()).unwrap_err().to_string();
    assert!(error.contains("at most 20000000 operations"), "{error}");
    let start = Instant::now();
    for _ in 0..1_000 {
        assert!(copy.judge(&made.situation()).is_err());
    }
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(program.judge(&made.situation()).is_ok());
    assert!(copy.clone().judge(&made.situation()).is_ok());
}

/// Nesting of every kind, far beyond the limit and in the largest text allowed, on the stack of a
/// worker thread.
#[test]
fn nesting_is_stopped() {
    let nests = [
        "- ",
        "!",
        "(",
        "[",
        "{",
        "#{a:",
        "1+",
        "true&&",
        "1**",
        "()??",
        "if true{",
        "while true{",
        "if false{}else ",
        "f(",
        "switch 1{_=>",
        "`${",
        "try{",
        "fn f(){",
        "/*",
        "x[",
        "a.",
        "1<",
        "let a=",
        "loop{",
        "for i in 0..2{",
        "do{",
        "return ",
        "throw ",
        "x=",
        "x in ",
        "..",
    ];
    for nest in nests {
        let _ = value(&nest.repeat(TEXT_MAX / nest.len()));
        let _ = value(&format!("{}1", nest.repeat(TEXT_MAX / nest.len() - 1)));
    }
    assert!(
        value(&" ".repeat(TEXT_MAX + 1))
            .unwrap_err()
            .to_string()
            .contains("too long")
    );
    // As deep as is allowed, and called as deep as is allowed, does run.
    let deep = format!(
        "fn f(n) {{ if n == 0 {{ 1.0 }} else {{ {}f(n - 1){} }} }} f(6)",
        "(1.0 + ".repeat(10),
        ")".repeat(10)
    );
    assert_eq!(value(&deep).unwrap(), 61.0);
}

/// Many arguments, each a copy of the largest array.
#[test]
fn wide_calls_are_stopped() {
    let array = "0,".repeat(ARRAY_MAX - 1);
    let wide = format!("let a=[{array}]; f({})", "a,".repeat(3_800));
    assert!(value(&wide).is_err());
    let names: String = (0..1_400).map(|k| format!("a{k},")).collect();
    assert!(value(&format!("fn f({names}) {{ 1 }} f(1)")).is_err());
    let many: String = (0..100).map(|k| format!("let a{k}=1;")).collect();
    assert!(value(&many).unwrap_err().to_string().contains("variables"));
}

/// Pieces of programs, so that many random texts do compile.
fn soup() -> impl Strategy<Value = String> {
    let pieces = vec![
        "let x = 1.0;",
        "x",
        "x += 1;",
        "x *= x;",
        "let a = [1, 2];",
        "a += a;",
        "a[0] = a;",
        "a",
        "outcome",
        ".income",
        ".revenue",
        "[0]",
        "loop {",
        "while x > 0 {",
        "for i in 0..99999 {",
        "if x > 1 {",
        "} else {",
        "}",
        "{",
        "(",
        ")",
        "fn f(x) {",
        "f(x)",
        "f(f(x))",
        ";",
        "+",
        "-",
        "*",
        "/",
        "**",
        "%",
        "==",
        "<",
        "&&",
        "1e308",
        "9223372036854775807",
        "0",
        "\"s\"",
        "let s = \"ss\";",
        "s += s;",
        "`${s}`",
        "#{ a: x }",
        "try {",
        "} catch {",
        "throw x;",
        "return x;",
        "break;",
        "continue;",
        "switch x {",
        "=>",
        "_",
        ",",
        "mean(a)",
        "sum(a)",
        "\n",
        "in",
        "..",
        "//",
        "/*",
        "*/",
        "this",
        "const y = x;",
        "??",
        "?.",
        "!",
        "|",
        "<<",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..60).prop_map(|all| all.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never panics, always ends, soon, with a finite number or an error.
    #[test]
    fn random_texts_end_within_limits(text in prop_oneof![3 => soup(), 1 => any::<String>(), 1 => "[ -~\n]{0,200}"]) {
        let start = Instant::now();
        if let Ok(value) = value(&text) {
            prop_assert!(value.is_finite());
        }
        prop_assert!(start.elapsed() < Duration::from_secs(2));
    }
}

/// A panic below would be caught: it must not be one, so none of the errors may say so.
#[test]
fn the_interpreter_does_not_break() {
    for (text, _) in HOSTILE {
        assert!(
            !value(text).unwrap_err().to_string().contains("broke"),
            "{text}"
        );
    }
}
