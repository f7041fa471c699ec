//! `fisc ask` and `fisc interview`: against answers worked out from the tables by hand, planted
//! specifications and scripted economists, and end to end with the small model.

use fisc::ask::chart::{Chart, grammar};
use fisc::ask::question::Question;
use fisc::ask::score::{best, score};
use fisc::ask::tables::{Table, tables};
use fisc::interview::{Economist, Interviewer, Recovery, check};
use polars::prelude::{DataFrame, DataType, ParquetReader, SerReader};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

fn fisc(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fisc"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has read enough closes its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn succeeds(arguments: &[&str], input: &str) -> String {
    let output = fisc(arguments, input);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The run of examples/preferences/ask.toml.
fn run() -> &'static Path {
    static RUN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let text = out.display().to_string();
        succeeds(
            &[
                "run",
                "examples/preferences/ask.toml",
                "--out",
                &text,
                "--quiet",
            ],
            "",
        );
        (folder, out)
    });
    path
}

/// Columns of a table, read with polars alone.
struct Rows(DataFrame);

impl Rows {
    fn of(table: &str) -> Rows {
        let file = File::open(run().join(format!("{table}.parquet"))).unwrap();
        Rows(ParquetReader::new(file).finish().unwrap())
    }

    fn number(&self, name: &str) -> Vec<f64> {
        let column = self
            .0
            .column(name)
            .unwrap()
            .cast(&DataType::Float64)
            .unwrap();
        column
            .f64()
            .unwrap()
            .iter()
            .map(|x| x.unwrap_or(f64::NAN))
            .collect()
    }

    fn text(&self, name: &str) -> Vec<String> {
        let column = self
            .0
            .column(name)
            .unwrap()
            .cast(&DataType::String)
            .unwrap();
        column
            .str()
            .unwrap()
            .iter()
            .map(|x| x.unwrap().to_owned())
            .collect()
    }

    /// (place, value) of the rows of `arm` (all without one) at `time` (all without one).
    fn cells(
        &self,
        y: &str,
        arm: Option<&str>,
        time: Option<f64>,
        place: &str,
    ) -> Vec<(String, f64)> {
        let (arms, ys) = (self.text("arm"), self.number(y));
        let times = self.number(if self.0.column("year").is_ok() {
            "year"
        } else {
            "step"
        });
        let places = self.text(place);
        (0..ys.len())
            .filter(|&i| arm.is_none_or(|a| arms[i] == a) && time.is_none_or(|t| times[i] == t))
            .map(|i| (places[i].clone(), ys[i]))
            .collect()
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn extreme(cells: &[(String, f64)], sign: f64) -> Vec<(String, f64)> {
    let best = cells
        .iter()
        .max_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)));
    best.into_iter().cloned().collect()
}

/// A question, its answer from the tables by hand, and a specification that gives it.
struct Known {
    question: &'static str,
    truth: Vec<(String, f64)>,
    planted: &'static str,
}

/// Twelve questions.
fn known() -> Vec<Known> {
    let (years, workers) = (Rows::of("years"), Rows::of("workers"));
    let mut all = Vec::new();
    let mut add = |question, truth, planted| {
        all.push(Known {
            question,
            truth,
            planted,
        })
    };
    add(
        "Which planner has the highest welfare in the last year?",
        extreme(&years.cells("welfare", None, Some(3.0), "arm"), 1.0),
        r#"{"table":"years","y":"welfare","aggregate":"mean","x":"arm","mark":"bar","group":null,"where":[{"column":"year","is":"last"}],"answer":"highest"}"#,
    );
    add(
        "Which planner has the lowest inequality of disposable income in the last year?",
        extreme(
            &years.cells("gini_disposable", None, Some(3.0), "arm"),
            -1.0,
        ),
        r#"{"table":"years","y":"gini_disposable","aggregate":"mean","x":"arm","mark":"bar","group":null,"where":[{"column":"year","is":"last"}],"answer":"lowest"}"#,
    );
    add(
        "What is the mean income under us-2024 in the last year?",
        years.cells("income_mean", Some("us-2024"), Some(3.0), "arm"),
        r#"{"table":"years","y":"income_mean","aggregate":"mean","x":"arm","mark":"bar","group":null,"where":[{"column":"arm","is":"us-2024"},{"column":"year","is":"last"}],"answer":"all"}"#,
    );
    let mut incomes: Vec<f64> = workers
        .cells("income", Some("optimal"), Some(6.0), "arm")
        .into_iter()
        .map(|c| c.1)
        .collect();
    incomes.sort_by(f64::total_cmp);
    add(
        "What is the median income of workers under optimal at the last step?",
        vec![("optimal".to_owned(), (incomes[99] + incomes[100]) / 2.0)],
        r#"{"table":"workers","y":"income","aggregate":"median","x":"arm","mark":"bar","group":null,"where":[{"column":"arm","is":"optimal"},{"column":"step","is":"last"}],"answer":"all"}"#,
    );
    add(
        "How does welfare develop by planner?",
        years.cells("welfare", None, None, "year"),
        r#"{"table":"years","y":"welfare","aggregate":"mean","x":"year","mark":"line","group":"arm","where":[],"answer":"all"}"#,
    );
    add(
        "Show the revenue of each planner in the last year.",
        years.cells("revenue", None, Some(3.0), "arm"),
        r#"{"table":"years","y":"revenue","aggregate":"mean","x":"arm","mark":"bar","group":null,"where":[{"column":"year","is":3}],"answer":"all"}"#,
    );
    add(
        "How many hours do people work on average under each planner in year 2?",
        years.cells("labor_mean", None, Some(2.0), "arm"),
        r#"{"table":"years","y":"labor_mean","aggregate":"mean","x":"arm","mark":"bar","group":null,"where":[{"column":"year","is":2}],"answer":"all"}"#,
    );
    add(
        "Which planner collects the least revenue in the last year?",
        extreme(&years.cells("revenue", None, Some(3.0), "arm"), -1.0),
        r#"{"table":"years","y":"revenue","aggregate":"mean","x":"arm","mark":"bar","group":null,"where":[{"column":"year","is":"last"}],"answer":"lowest"}"#,
    );
    add(
        "What share do the top 10 % have under flat in year 1?",
        years.cells("top10_share", Some("flat"), Some(1.0), "arm"),
        r#"{"table":"years","y":"top10_share","aggregate":"mean","x":"arm","mark":"bar","group":null,"where":[{"column":"arm","is":"flat"},{"column":"year","is":1}],"answer":"all"}"#,
    );
    let by_group = ["careful", "casual"].map(|group| {
        let cells = workers.cells("disposable", Some("optimal"), Some(6.0), "group");
        let own: Vec<f64> = cells
            .into_iter()
            .filter(|c| c.0 == group)
            .map(|c| c.1)
            .collect();
        (group.to_owned(), mean(&own))
    });
    add(
        "What is the mean disposable income by group under optimal at the last step?",
        by_group.into(),
        r#"{"table":"workers","y":"disposable","aggregate":"mean","x":"group","mark":"bar","group":null,"where":[{"column":"arm","is":"optimal"},{"column":"step","is":"last"}],"answer":"all"}"#,
    );
    add(
        "How does the rebate evolve over time under optimal?",
        years.cells("rebate", Some("optimal"), None, "year"),
        r#"{"table":"years","y":"rebate","aggregate":"mean","x":"year","mark":"line","group":null,"where":[{"column":"arm","is":"optimal"}],"answer":"all"}"#,
    );
    add(
        "What is the marginal rate of bracket 3 under optimal in the last year?",
        years.cells("rate_3", Some("optimal"), Some(3.0), "arm"),
        r#"{"table":"years","y":"rate_3","aggregate":"mean","x":"arm","mark":"bar","group":null,"where":[{"column":"arm","is":"optimal"},{"column":"year","is":"last"}],"answer":"all"}"#,
    );
    all
}

/// Whether the marks that answer have the values of the truth, and its one place where there is one.
fn is_true(text: &str, truth: &[(String, f64)], tables: &[Table]) -> bool {
    let Ok(chart) = Chart::parse(text) else {
        return false;
    };
    let Ok(drawn) = chart.draw(tables) else {
        return false;
    };
    let marks = chart.answering(&drawn);
    let sorted = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values
    };
    let found = sorted(marks.iter().map(|m| m.2).collect());
    let wanted = sorted(
        truth
            .iter()
            .map(|t| t.1)
            .filter(|x| x.is_finite())
            .collect(),
    );
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * a.abs().max(1e-300);
    let values = found.len() == wanted.len() && found.iter().zip(&wanted).all(near);
    let place = match (truth, &marks[..]) {
        ([(place, _)], [(series, x, _)]) => {
            drawn.x_shown(*x) == *place || series == place || chart.conditions.len() == 2
        }
        _ => true,
    };
    values && place
}

/// Each planted specification gives the number worked out by hand, and among those of all twelve
/// questions the scorer picks the one that answers.
#[test]
fn the_planted_chart_that_answers_is_picked() {
    let tables = tables(run()).unwrap();
    let known = known();
    for Known {
        question,
        truth,
        planted,
    } in &known
    {
        assert!(
            !truth.is_empty() && is_true(planted, truth, &tables),
            "{question}: {truth:?}"
        );
        let asked = Question::read(question, &tables);
        // In an order that puts the right one last.
        let others = known.iter().map(|k| k.planted).filter(|p| p != planted);
        let candidates: Vec<_> = others
            .chain([*planted])
            .map(|text| score(text, &asked, &tables))
            .collect();
        let best = best(&candidates).unwrap();
        assert_eq!(
            &best.text, planted,
            "{question}: {:?} {:?}",
            asked, best.score
        );
        let own = &candidates.last().unwrap().score;
        assert_eq!(own.total(), 1.0, "{question}: {:?}", own.faults);
    }
}

#[test]
fn hostile_specifications_count_as_failures() {
    let tables = tables(run()).unwrap();
    let asked = Question::read(
        "Which planner has the highest welfare in the last year?",
        &tables,
    );
    let good = known()[0].planted;
    let swap = |from: &str, to: &str| good.replace(from, to);
    for text in [
        String::new(),
        "null".into(),
        "{".repeat(100_000),
        swap("years", "passwords"),
        swap("welfare", "arm"),
        swap("welfare", "../../etc/passwd"),
        swap("\"x\":\"arm\"", "\"x\":\"secret\""),
        swap("mean", "exec"),
        swap("\"last\"", "\"never\""),
        swap("\"last\"", "99"),
        swap("\"last\"", "1e999"),
        swap("null", "\"arm\""),
        swap("\"answer\"", "\"system\":\"rm\",\"answer\""),
        swap(
            "[{\"column\":\"year\",\"is\":\"last\"}]",
            "[{\"column\":\"welfare\",\"is\":1}]",
        ),
    ] {
        let candidate = score(&text, &asked, &tables);
        let shown: String = text.chars().take(60).collect();
        assert!(
            !candidate.score.executes && candidate.score.total() == 0.0,
            "{shown}"
        );
        assert!(!candidate.score.faults.is_empty());
    }
    assert!(best(&[score("", &asked, &tables)]).is_none());
    // Unreadable, wrong and right, by hand: e·(¾·a + ¼·l).
    let line = score(&swap("\"bar\"", "\"line\""), &asked, &tables);
    assert!(
        (line.score.total() - (0.75 + 0.25 * 0.8)).abs() < 1e-12,
        "{:?}",
        line.score
    );
    let wrong = score(&swap("welfare", "revenue"), &asked, &tables);
    // Of quantity, highest, last, by arm, varies four are shown, and one thing besides.
    assert!(
        (wrong.score.answers - 4.0 / 6.0).abs() < 1e-12,
        "{:?}",
        wrong.score
    );
}

#[test]
fn planted_specifications_are_of_the_grammar() {
    let text = grammar(&tables(run()).unwrap());
    for name in [
        "\\\"gini_disposable\\\"",
        "\\\"us-2024\\\"",
        "\\\"casual\\\"",
        "\\\"search-random\\\"",
    ] {
        assert!(text.contains(name), "{name}");
    }
    assert!(!text.contains("schedule") && !text.contains("leader"));
}

/// End to end with the small model: only what must hold whatever it writes.
#[test]
fn the_small_model_draws_a_chart() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name).display().to_string();
    let (run, question) = (run().display().to_string(), known()[0].question);
    let ask = |name: &str, more: &[&str]| {
        let out = out(name);
        let mut arguments = vec![
            "ask",
            &run,
            question,
            "--samples",
            "4",
            "--seed",
            "5",
            "--out",
            &out,
        ];
        arguments.extend(more);
        fisc(&arguments, "")
    };
    assert!(ask("a", &[]).status.success());
    assert!(ask("b", &[]).status.success());
    for name in [
        "chart.svg",
        "chart.png",
        "chart.csv",
        "candidates.csv",
        "answer.json",
        "transcript.jsonl.zst",
    ] {
        assert!(folder.path().join("a").join(name).is_file(), "{name}");
    }
    let read = |from: &str, name: &str| std::fs::read(folder.path().join(from).join(name)).unwrap();
    for name in ["chart.svg", "chart.csv", "candidates.csv", "answer.json"] {
        assert_eq!(read("a", name), read("b", name), "{name}");
    }
    let record: serde_json::Value = serde_json::from_slice(&read("a", "answer.json")).unwrap();
    let chart = Chart::parse(&record["chart"].to_string()).unwrap();
    let drawn = chart.draw(&tables(run.as_ref()).unwrap()).unwrap();
    let rows = String::from_utf8(read("a", "chart.csv"))
        .unwrap()
        .lines()
        .count()
        - 1;
    assert_eq!(rows, drawn.marks().count());
    // A second time it refuses, exit code 2; a replay answers without the model; nothing half-written.
    let again = ask("a", &[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    assert!(ask("a", &["--force"]).status.success());
    assert!(ask("a", &["--replay"]).status.success());
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn wrong_input_to_ask_is_refused() {
    let run = run().display().to_string();
    for arguments in [
        vec!["ask", &run, "?!"],
        vec!["ask", "tests", "What is welfare?"],
        vec!["ask", &run, "What is welfare?", "--model", "gpt-99"],
    ] {
        let output = fisc(&arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

/// How often a model's best chart gives the right number: `FISC_MODEL=NAME cargo test --test ask rate -- --ignored --nocapture`.
#[test]
#[ignore = "minutes; prints the rates of docs/ask.md"]
fn rate_of_right_answers() {
    use fisc::llm::{Engine, Mode, SharedTranscript};
    let model = std::env::var("FISC_MODEL").unwrap_or("smollm2-135m".into());
    let tables = tables(run()).unwrap();
    let mut engine = Engine::named(&model, SharedTranscript::in_memory(), Mode::Live).unwrap();
    let known = known();
    let sizes = [1, 4, 16];
    let (mut right, mut any, mut said) = ([0; 3], 0, [0; 3]);
    for Known {
        question, truth, ..
    } in &known
    {
        let asked = fisc::ask::ask(&mut engine, &tables, question, 16, 0).unwrap();
        let hit = asked
            .candidates
            .iter()
            .any(|c| is_true(&c.text, truth, &tables));
        any += u32::from(hit);
        let mut verdicts = Vec::new();
        for (i, n) in sizes.into_iter().enumerate() {
            let chosen = best(&asked.candidates[..n]);
            let correct = chosen.is_some_and(|c| is_true(&c.text, truth, &tables));
            right[i] += u32::from(correct);
            said[i] += u32::from(chosen.is_some_and(|c| c.score.answers == 1.0));
            verdicts.push(correct);
        }
        println!("{question} {verdicts:?} among the 16: {hit}");
        println!("  {}", asked.best.map(|b| b.text).unwrap_or_default());
    }
    println!(
        "{model}: right {right:?}, full score {said:?}, of {} with n = {sizes:?}; any of 16 right: {any}",
        known.len()
    );
}

/// An economist who answers by a script: the first entry whose beginning the question contains.
struct Scripted<'a>(&'a [(&'a str, &'a str)], Vec<String>);

impl Economist for Scripted<'_> {
    fn answer(&mut self, question: &str, attempt: u32) -> fisc::Result<Option<String>> {
        self.1.push(question.to_owned());
        let (_, answer) = self
            .0
            .iter()
            .find(|(start, _)| question.contains(start))
            .unwrap_or(&("", "default"));
        // `/` parts the first answer from the second.
        let parts: Vec<&str> = answer.split('/').collect();
        Ok(Some(
            parts[(attempt as usize).min(parts.len() - 1)].to_owned(),
        ))
    }
}

const SCRIPT: &[(&str, &str)] = &[
    ("be called", "Let's call it \"interviewed\""),
    ("planner maximise", "We want the Rawlsian objective."),
    ("Who sets", "The optimal planner, please"),
    (
        "compared with",
        "US-2024, flat and the static formula: saez-static",
    ),
    ("flat:", "default"),
    ("logit: ", "a scale of 0.05"),
    ("choose their hours", "Noisily: logit"),
    ("brackets begin", "three brackets"),
    ("marginal rates", "10 %, 20 % and 30 percent"),
    ("How many workers", "two hundred and fifty, I mean 250"),
    ("wages come from", "GB2 stratified, that is"),
    ("default: 1000.0", "default"),
    ("isoelastic: ", "eta is 1.2"),
    ("Which utility", "isoelastic"),
    ("exponent of hours", "cubic, so 3"),
    ("public spending", "$100 a month"),
    ("does a tax year", "five"),
    ("does the run have", "20 periods"),
    ("Which seed", "11"),
];

fn interviewed(script: &[(&str, &str)]) -> fisc::interview::Interview {
    let interviewer = Interviewer {
        engine: None,
        chooses: false,
        most: 99,
        seed: 0,
        heard: &|_| {},
    };
    let mut economist = Scripted(script, Vec::new());
    interviewer
        .hold(&mut economist, "interviewed.toml".as_ref())
        .unwrap()
}

/// A scripted economist who knows examples/preferences/interview.toml: every key comes back.
#[test]
fn a_scripted_economist_is_understood() {
    let truth = std::fs::read_to_string("examples/preferences/interview.toml").unwrap();
    let interview = interviewed(SCRIPT);
    let recovery = Recovery::of(&truth, &interview.text, "x.toml".as_ref()).unwrap();
    println!("{}", interview.text);
    // Counted by hand in the file: name, seed, steps, tax_year, size, wages, utility and its eta,
    // exponent, spending, brackets, initial, welfare, decide and its scale, kind, planners.
    assert_eq!(recovery.counts(), [17, 17, 17], "{:#?}", recovery.keys);
    assert_eq!((recovery.precision(), recovery.recall()), (1.0, 1.0));
    assert!(interview.left.is_empty(), "{:?}", interview.left);
    check(&interview.text, "x.toml".as_ref()).unwrap();
    assert!(interview.text.contains("Answer"), "{}", interview.text);
    let before = interview
        .text
        .lines()
        .position(|l| l.starts_with("welfare = "))
        .unwrap()
        - 1;
    assert!(
        interview
            .text
            .lines()
            .nth(before)
            .unwrap()
            .contains("Rawlsian"),
        "{}",
        interview.text
    );
}

/// Rubbish is asked again and then left at the default; answers that disagree with each other are asked
/// about again with what is wrong, and given up if that does not help.
#[test]
fn rubbish_is_asked_again_and_then_left() {
    let with = |changes: &[(&'static str, &'static str)]| {
        let mut script = changes.to_vec();
        script.extend(SCRIPT);
        interviewed(&script)
    };
    let times =
        |i: &fisc::interview::Interview, key: &str| i.turns.iter().filter(|t| t.key == key).count();
    let rubbish = with(&[("How many workers", "lots/many, you know")]);
    assert_eq!(rubbish.left, ["population.size"]);
    assert_eq!(times(&rubbish, "population.size"), 2);
    assert!(!rubbish.text.contains("size ="), "{}", rubbish.text);
    let late = with(&[("How many workers", "lots/make it 250")]);
    assert!(late.left.is_empty() && late.text.contains("size = 250"));
    // 20 periods are not a multiple of 7.
    let odd = with(&[("does a tax year", "7")]);
    check(&odd.text, "x.toml".as_ref()).unwrap();
    assert!(
        odd.turns.iter().any(|t| t.chosen == "check"),
        "{:?}",
        odd.turns
    );
    assert!(!odd.left.is_empty());
}

/// The same at the terminal: answers a line, the file beside its transcript, and no file over another.
#[test]
fn answers_come_by_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let path = file.display().to_string();
    let answers = "mine\nutilitarian\nflat\n25 %\n\n\nflat\nflat\n20 %\n40 workers\nnonsense\nmore nonsense\n";
    let text = succeeds(&["interview", "-o", &path], answers);
    assert!(
        text.contains("Left at the default") && text.contains("population.wages"),
        "{text}"
    );
    let written = std::fs::read_to_string(&file).unwrap();
    let checked = succeeds(&["check", &path], "");
    assert!(checked.contains("workers: 40"), "{checked}\n{written}");
    assert!(
        written.contains("flat = { rate = 0.25 }") || written.contains("rate = 0.25"),
        "{written}"
    );
    let turns = std::fs::read_to_string(folder.path().join("mine.interview.jsonl")).unwrap();
    assert!(
        turns
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
    assert!(turns.contains("more nonsense"));
    assert_eq!(
        fisc(&["interview", "-o", &path], answers).status.code(),
        Some(2)
    );
    succeeds(&["interview", "-o", &path, "--force"], answers);
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2);
}

/// The small model as the economist, end to end; what it recovers is in docs/ask.md.
#[test]
fn the_small_model_plays_the_economist() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recovered.toml");
    let path = file.display().to_string();
    let truth = "examples/preferences/interview.toml";
    let hold = |more: &[&str]| {
        let mut arguments = vec![
            "interview",
            "-o",
            &path,
            "--economist",
            truth,
            "--questions",
            "4",
            "--order",
            "model",
        ];
        arguments.extend(more);
        succeeds(&arguments, "")
    };
    let text = hold(&[]);
    assert!(
        text.contains("recall") && text.contains("precision"),
        "{text}"
    );
    succeeds(&["check", &path], "");
    for end in ["interview.jsonl", "transcript.jsonl.zst", "score.csv"] {
        assert!(file.with_extension(end).is_file(), "{end}");
    }
    let written = std::fs::read(&file).unwrap();
    assert!(hold(&["--replay"]).contains("identical"));
    hold(&["--force"]);
    assert_eq!(written, std::fs::read(&file).unwrap());
}
