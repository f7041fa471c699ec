//! The remote backend against a server on loopback that goes wrong in known ways.

use assert_cmd::Command;
use fisc::llm::remote::{Calls, Structured};
use fisc::llm::{
    Backend, Content, Engine, Message, Outcome, Reading, Readout, RemoteBackend, RemoteSpec,
    Request, Role, SharedTranscript,
};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a server sends in place of a good answer.
#[derive(Clone)]
enum Fault {
    Status(u16, &'static str),
    RetryAfter(String),
    Hang,
    Close,
    Body(Vec<u8>),
}

#[derive(Default)]
struct Seen {
    faults: Mutex<Vec<Fault>>,
    bodies: Mutex<Vec<Value>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

type Reply = Arc<dyn Fn(&Value) -> Value + Send + Sync>;

/// A server: the first question is answered, then one fault each is sent, then good answers.
struct Server {
    url: String,
    seen: Arc<Seen>,
}

impl Server {
    fn new(faults: Vec<Fault>, reply: Reply) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        *seen.faults.lock().unwrap() = faults.into_iter().rev().collect();
        let shared = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, reply) = (shared.clone(), reply.clone());
                std::thread::spawn(move || serve(stream, &seen, &reply));
            }
        });
        Server { url, seen }
    }
}

fn serve(mut stream: TcpStream, seen: &Seen, reply: &Reply) {
    let Some(body) = request(&stream) else { return };
    let first = {
        let mut bodies = seen.bodies.lock().unwrap();
        bodies.push(body.clone());
        bodies.len() == 1
    };
    let now = seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most_in_flight.fetch_max(now, Ordering::SeqCst);
    let fault = match first {
        true => None,
        false => seen.faults.lock().unwrap().pop(),
    };
    let good = || reply(&body).to_string().into_bytes();
    match fault {
        None => send(&mut stream, 200, "", &good()),
        Some(Fault::Status(status, text)) => send(&mut stream, status, "", text.as_bytes()),
        Some(Fault::RetryAfter(value)) => send(
            &mut stream,
            429,
            &format!("Retry-After: {value}\r\n"),
            b"slow",
        ),
        Some(Fault::Body(body)) => send(&mut stream, 200, "", &body),
        Some(Fault::Hang) => std::thread::sleep(Duration::from_secs(3)),
        Some(Fault::Close) => {}
    }
    seen.in_flight.fetch_sub(1, Ordering::SeqCst);
}

fn request(stream: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn send(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // The client may have hung up on an answer that is too long.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
}

fn completion(model: &str, message: Value, logprobs: Value) -> Value {
    json!({
        "id": "1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{ "index": 0, "message": message, "finish_reason": "stop", "logprobs": logprobs }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12 },
    })
}

fn says(text: &str) -> Value {
    completion(
        "m-1",
        json!({ "role": "assistant", "content": text }),
        Value::Null,
    )
}

fn always(text: &'static str) -> Reply {
    Arc::new(move |_| says(text))
}

fn spec(servers: &[&Server]) -> RemoteSpec {
    RemoteSpec {
        timeout: 0.5,
        structured: Structured::None,
        ..RemoteSpec::new("m", servers.iter().map(|s| s.url.clone()).collect())
    }
}

fn sample(stream: u64) -> Request {
    Request {
        seed: 1,
        agent: format!("worker {stream}"),
        stream,
        step: 2,
        attempt: 0,
        messages: vec![Message {
            role: Role::User,
            content: "How many hours?".into(),
        }],
        readout: Readout::Sample {
            grammar: "root ::= \"35\" | \"40\"".into(),
            max_tokens: 3,
            temperature: 0.7,
            top_p: 1.0,
        },
    }
}

fn ask(backend: &mut RemoteBackend, requests: &[Request]) -> Vec<Outcome> {
    backend.begin();
    backend
        .outcomes(&requests.iter().collect::<Vec<_>>())
        .unwrap()
}

fn text(outcome: &Outcome) -> Result<&str, &str> {
    match outcome {
        Outcome::Answered(answer) => match &answer.reading {
            Reading::Text { text, .. } => Ok(text),
            other => panic!("{other:?}"),
        },
        Outcome::Failed { why, .. } => Err(why),
        Outcome::Unasked(why) => panic!("{why}"),
    }
}

#[test]
fn every_fault_is_counted_as_what_it_is_and_the_question_put_again() {
    let whole = says("35").to_string().into_bytes();
    let mut no_utf8 = whole.clone();
    let at = no_utf8.windows(2).position(|w| w == b"35").unwrap();
    no_utf8[at] = 0xff;
    let number = completion(
        "m-1",
        json!({ "role": "assistant", "content": 35 }),
        Value::Null,
    );
    let mut empty = says("35");
    empty["choices"] = json!([]);
    let soon = httpdate();
    let long = says(&"x".repeat(10_000_000)).to_string().into_bytes();
    let faults = vec![
        Fault::RetryAfter("1".into()),
        Fault::RetryAfter(soon),
        Fault::Status(500, "boom"),
        Fault::Status(503, ""),
        Fault::Hang,
        Fault::Close,
        Fault::Body(whole[..whole.len() / 2].to_vec()),
        Fault::Body(number.to_string().into_bytes()),
        Fault::Body(empty.to_string().into_bytes()),
        Fault::Body(long),
        Fault::Body(no_utf8),
    ];
    let server = Server::new(faults, always("35"));
    let mut backend = RemoteBackend::open(RemoteSpec {
        retries: 2,
        ..spec(&[&server])
    })
    .unwrap();
    // Three calls each: four questions meet all eleven faults.
    let outcomes: Vec<Outcome> = (0..4)
        .flat_map(|stream| ask(&mut backend, &[sample(stream)]))
        .collect();
    assert!(
        text(&outcomes[0]).unwrap_err().contains("500"),
        "{outcomes:?}"
    );
    assert!(
        text(&outcomes[2]).unwrap_err().contains("no choices"),
        "{outcomes:?}"
    );
    assert_eq!(text(&outcomes[3]), Ok("35"));
    let expected = Calls {
        calls: 1 + 12,
        retries: 8,
        rate_limited: 2,
        server_errors: 2,
        timeouts: 1,
        transport_errors: 1,
        malformed: 5,
        failures: 3,
        // The introduction, the answer without choices, the good one.
        prompt_tokens: 30,
        answer_tokens: 6,
        ..Calls::default()
    };
    assert_eq!(backend.calls().unwrap(), expected);
}

/// A date one to two seconds ahead, as RFC 9110 writes it.
fn httpdate() -> String {
    let soon = std::time::SystemTime::now() + Duration::from_secs(2);
    ::httpdate::fmt_http_date(soon)
}

/// The pause that the server asks for, and not the backoff of the first repetition (0.3 s at most).
#[test]
fn retry_after_is_waited_for() {
    let server = Server::new(
        vec![Fault::RetryAfter("2".into())],
        Arc::new(|_| says("35")),
    );
    let mut backend = RemoteBackend::open(spec(&[&server])).unwrap();
    let begun = Instant::now();
    let outcomes = ask(&mut backend, &[sample(1)]);
    assert_eq!(text(&outcomes[0]), Ok("35"));
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(backend.calls().unwrap().rate_limited, 1);
}

#[test]
fn what_cannot_pass_is_not_repeated_and_nothing_is_repaired() {
    let refusal = completion(
        "m-1",
        json!({ "role": "assistant", "content": null, "refusal": "no" }),
        Value::Null,
    );
    let mut other = says("35");
    other["model"] = json!("m-2");
    let faults = vec![
        Fault::Status(400, "no such field"),
        Fault::Body(refusal.to_string().into_bytes()),
        Fault::Body(other.to_string().into_bytes()),
    ];
    let server = Server::new(faults, always("30%"));
    let mut backend = RemoteBackend::open(spec(&[&server])).unwrap();
    assert_eq!(backend.id(), "openai:m-1;none");
    let outcomes: Vec<Outcome> = (0..4)
        .flat_map(|stream| ask(&mut backend, &[sample(stream)]))
        .collect();
    for (outcome, word) in outcomes.iter().zip(["no such field", "refused", "`m-2`"]) {
        assert!(text(outcome).unwrap_err().contains(word), "{outcome:?}");
    }
    assert_eq!(text(&outcomes[3]), Ok("30%"));
    let calls = backend.calls().unwrap();
    let counted = [
        calls.rejected,
        calls.refused,
        calls.model_changed,
        calls.failures,
    ];
    assert_eq!((counted, calls.retries, calls.calls), ([1, 1, 1, 3], 0, 5));
}

#[test]
fn thirty_two_are_in_flight_together() {
    let slow: Reply = Arc::new(|_| {
        std::thread::sleep(Duration::from_millis(400));
        says("35")
    });
    let server = Server::new(Vec::new(), slow);
    let mut backend = RemoteBackend::open(RemoteSpec {
        parallel: 32,
        timeout: 10.0,
        ..spec(&[&server])
    })
    .unwrap();
    let requests: Vec<Request> = (0..64).map(sample).collect();
    let outcomes = ask(&mut backend, &requests);
    assert!(outcomes.iter().all(|outcome| text(outcome) == Ok("35")));
    assert_eq!(server.seen.most_in_flight.load(Ordering::SeqCst), 32);
    let bodies = server.seen.bodies.lock().unwrap();
    let mut seeds: Vec<_> = bodies[1..]
        .iter()
        .map(|body| body["seed"].as_i64())
        .collect();
    seeds.sort();
    seeds.dedup();
    assert_eq!(seeds.len(), 64, "each asker has a seed of its own");
    assert_eq!(bodies[1]["temperature"].as_f64().unwrap() as f32, 0.7);
    assert_eq!(bodies[1]["max_tokens"], 3);
}

#[test]
fn a_second_endpoint_takes_over() {
    let dies = Server::new(vec![Fault::Close; 1000], always("35"));
    let lives = Server::new(Vec::new(), always("40"));
    let mut backend = RemoteBackend::open(spec(&[&dies, &lives])).unwrap();
    let requests: Vec<Request> = (0..40).map(sample).collect();
    let outcomes = ask(&mut backend, &requests);
    assert!(
        outcomes.iter().all(|outcome| text(outcome) == Ok("40")),
        "{outcomes:?}"
    );
    let calls = backend.calls().unwrap();
    assert_eq!(calls.failures, 0);
    assert!(
        calls.transport_errors >= 1 && calls.transport_errors == calls.retries,
        "{calls:?}"
    );
}

#[test]
fn the_deadline_ends_a_step() {
    let server = Server::new(vec![Fault::RetryAfter("3600".into())], always("35"));
    let mut backend = RemoteBackend::open(RemoteSpec {
        deadline: 1.0,
        ..spec(&[&server])
    })
    .unwrap();
    let begun = Instant::now();
    let outcomes = ask(&mut backend, &[sample(1)]);
    assert!(
        text(&outcomes[0]).unwrap_err().contains("429"),
        "{outcomes:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
}

fn choice(options: &[&str]) -> Request {
    Request {
        readout: Readout::Choice {
            options: options.iter().map(|&o| o.to_owned()).collect(),
        },
        ..sample(1)
    }
}

#[test]
fn choice_takes_reported_probabilities_or_none() {
    let token =
        |token: &str, logprob: f64| json!({ "token": token, "logprob": logprob, "bytes": null });
    let mut first = token("0", -0.5);
    first["top_logprobs"] = json!([token("0", -0.5), token("40", -1.5), token("50", -2.5)]);
    let message = json!({ "role": "assistant", "content": "0" });
    let scored = completion(
        "m-1",
        message,
        json!({ "content": [first], "refusal": null }),
    );
    let reply: Reply = Arc::new(move |body| match body["messages"][0]["content"].as_str() {
        Some("no scores") => says("0"),
        _ => scored.clone(),
    });
    let server = Server::new(Vec::new(), reply);
    let mut backend = RemoteBackend::open(spec(&[&server])).unwrap();
    let outcomes = ask(&mut backend, &[choice(&["0", "40"]), choice(&["0", "10"])]);
    let Outcome::Answered(answer) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(answer.reading, Reading::LogProbs(vec![-0.5, -1.5]));
    let why = text(&outcomes[1]).unwrap_err();
    assert!(why.contains("`10` is not among the 3"), "{why}");
    let mut without = choice(&["0", "40"]);
    without.messages[0].content = "no scores".into();
    let outcomes = ask(&mut backend, &[without]);
    let why = text(&outcomes[0]).unwrap_err();
    assert!(why.contains("use readout = \"sample\""), "{why}");
    assert_eq!(backend.calls().unwrap().unscored, 2);
}

/// A server's rounding is forgiven, a number that is no log-probability fails its question alone.
#[test]
fn what_is_no_log_probability_is_unscored() {
    for (reported, fails) in [(5e-5, false), (0.01, true), (3.0, true)] {
        let token =
            |text: &str, logprob: f64| json!({ "token": text, "logprob": logprob, "bytes": null });
        let mut first = token("0", reported);
        first["top_logprobs"] = json!([token("0", reported), token("40", -12.0)]);
        let message = json!({ "role": "assistant", "content": "0" });
        let logprobs = json!({ "content": [first], "refusal": null });
        let scored = completion("m-1", message, logprobs);
        let server = Server::new(Vec::new(), Arc::new(move |_| scored.clone()));
        let mut backend = RemoteBackend::open(spec(&[&server])).unwrap();
        let outcomes = ask(&mut backend, &[choice(&["0", "40"])]);
        match &outcomes[0] {
            Outcome::Answered(answer) if !fails => {
                assert_eq!(answer.reading, Reading::LogProbs(vec![0.0, -12.0]));
            }
            Outcome::Failed { why, .. } if fails => assert!(why.contains("which is none"), "{why}"),
            other => panic!("{reported}: {other:?}"),
        }
        assert_eq!(backend.calls().unwrap().unscored, u64::from(fails));
    }
}

#[test]
fn a_json_schema_is_sent_and_its_answer_read_strictly() {
    let reply: Reply = Arc::new(|body| match body["seed"].as_i64() {
        None => says("hello"),
        Some(_) => says(r#"{"answer":"35"}"#),
    });
    let odd = says(r#"{"answer":35}"#).to_string().into_bytes();
    let mut cut = says(r#"{"answer":"3"#);
    cut["choices"][0]["finish_reason"] = json!("length");
    let cut = cut.to_string().into_bytes();
    let server = Server::new(vec![Fault::Body(odd), Fault::Body(cut)], reply);
    let mut backend = RemoteBackend::open(RemoteSpec {
        structured: Structured::JsonSchema,
        ..spec(&[&server])
    })
    .unwrap();
    // An answer that breaks its schema is the model's, so the call is not repeated.
    for (stream, why) in [(1, "JSON schema"), (2, "cut off")] {
        let outcomes = ask(&mut backend, &[sample(stream)]);
        assert!(
            text(&outcomes[0]).unwrap_err().contains(why),
            "{outcomes:?}"
        );
    }
    let outcomes = ask(&mut backend, &[sample(3)]);
    assert_eq!(text(&outcomes[0]), Ok("35"));
    let calls = backend.calls().unwrap();
    assert_eq!((calls.off_schema, calls.failures, calls.retries), (2, 2, 0));
    // A thought is free text, to which no object is added.
    let mut thought = sample(4);
    thought.readout = Readout::Sample {
        grammar: fisc::llm::FREE_TEXT.into(),
        max_tokens: 50,
        temperature: 0.7,
        top_p: 1.0,
    };
    let outcomes = ask(&mut backend, &[thought]);
    assert_eq!(text(&outcomes[0]), Ok(r#"{"answer":"35"}"#));
    let bodies = server.seen.bodies.lock().unwrap();
    assert_eq!(bodies[4]["max_tokens"], 50);
    assert!(bodies[4].get("response_format").is_none());
    // Room for the object around an answer of three tokens.
    assert_eq!(bodies[1]["max_tokens"], 3 + 16);
    let schema = &bodies[1]["response_format"]["json_schema"]["schema"];
    assert_eq!(schema["properties"]["answer"]["enum"], json!(["35", "40"]));
}

/// A failed `choice` is asked again in the next attempt; a replay takes the same path.
#[test]
fn failures_are_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zst");
    let token = |token: &str| json!({ "token": token, "logprob": -1.0, "bytes": null });
    let mut first = token("0");
    first["top_logprobs"] = json!([token("0"), token("10")]);
    let message = json!({ "role": "assistant", "content": "0" });
    let scored = completion(
        "m-1",
        message,
        json!({ "content": [first], "refusal": null }),
    );
    let server = Server::new(
        vec![Fault::Status(400, "bad"), Fault::Status(400, "bad")],
        Arc::new(move |_| scored.clone()),
    );
    let spec = RemoteSpec {
        parallel: 1,
        ..spec(&[&server])
    };
    let attempts = [0, 1, 2].map(|attempt| {
        let asked = |stream| Request {
            attempt,
            stream,
            ..choice(&["0", "10"])
        };
        [asked(1), asked(2)]
    });
    let play = |engine: &mut Engine| {
        attempts
            .iter()
            .map(|requests| {
                let answers = engine.ask(requests).unwrap();
                answers.into_iter().map(|answer| answer.content).collect()
            })
            .collect::<Vec<Vec<Content>>>()
    };
    let open = |transcript, mode| Engine::open_remote("far", &spec, transcript, mode).unwrap();
    let mut engine = open(
        SharedTranscript::create(&path).unwrap(),
        fisc::llm::Mode::Live,
    );
    let live = play(&mut engine);
    assert_eq!(
        live[0],
        [
            Content::Failed("status 400: bad".into()),
            live[0][0].clone()
        ]
    );
    assert!(matches!(live[2][0], Content::Choice { .. }), "{live:?}");
    assert_eq!(engine.profile().failed, 4);
    drop(engine);
    let mut replay = open(
        SharedTranscript::replay(&path).unwrap(),
        fisc::llm::Mode::Replay,
    );
    assert_eq!(play(&mut replay), live);
}

const SCENARIO: &str = r#"
name = "far"
seed = 3
steps = 4
tax_year = 2
[population]
size = 4
wages = "census"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[[workers]]
decide = { llm = { model = "far" } }
[planner]
kind = "fixed"
[models.far]
readout = "sample"
on_failure = "keep-last"
"#;

const KEY: &str = "sk-secret-0123456789";

fn fisc(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("fisc").unwrap();
    command.current_dir(folder).env("FAR_KEY", KEY);
    command.args(["run", "far.toml"]).args(arguments);
    command.output().unwrap()
}

fn write_scenario(folder: &Path, url: &str, more: &str) {
    let backend = format!(
        "backend = {{ openai = {{ model = \"m\", urls = [\"{url}\"], key_env = \"FAR_KEY\", \
         structured = \"none\", parallel = 1, retries = 0, timeout = 2.0{more} }} }}\n"
    );
    std::fs::write(folder.join("far.toml"), format!("{SCENARIO}{backend}")).unwrap();
}

/// `body` with the first letter of the key as JSON may also write it.
fn escaped(body: &str) -> Vec<u8> {
    let body = body.replace(KEY, &format!("\\u0073{}", &KEY[1..]));
    assert!(body.contains("u0073"));
    body.into_bytes()
}

/// Nowhere in the files of a run, nor in what it prints, stands the key.
fn assert_no_key(folder: &Path, output: &std::process::Output) {
    // Its first letter may be escaped.
    let tail = &KEY.as_bytes()[1..];
    let holds = |bytes: &[u8]| bytes.windows(tail.len()).any(|w| w == tail);
    assert!(!holds(&output.stdout) && !holds(&output.stderr));
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_key(&path, output);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        assert!(!holds(&bytes), "{}", path.display());
        if path.extension().is_some_and(|end| end == "zst") {
            assert!(!holds(&zstd::decode_all(&bytes[..]).unwrap()));
        }
    }
}

#[test]
fn a_run_counts_its_failures_keeps_the_key_and_replays() {
    let echo = completion(
        "m-1",
        json!({ "role": "assistant", "content": KEY }),
        Value::Null,
    );
    let faults = vec![
        Fault::Status(401, KEY),
        Fault::Status(400, KEY),
        Fault::Body(echo.to_string().into_bytes()),
        Fault::Body(says("30%").to_string().into_bytes()),
        Fault::Body(escaped(&echo.to_string())),
        Fault::Status(400, r#"{"error":"\u0073k-secret-0123456789"}"#),
    ];
    let server = Server::new(faults, always("35"));
    let folder = tempfile::tempdir().unwrap();
    write_scenario(folder.path(), &server.url, "");
    let run = fisc(folder.path(), &[]);
    let stderr = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(0), "{stderr}");
    let out = folder.path().join("outputs/far-3");
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["arms"][0]["failures"], 6, "{summary}");
    let remote = &summary["profile"]["far"]["remote"];
    assert_eq!(
        ["rejected", "malformed", "failures", "calls"].map(|name| remote[name].as_u64().unwrap()),
        [3, 2, 5, 17]
    );
    assert_no_key(folder.path(), &run);
    drop(server);
    let replay = fisc(folder.path(), &["--replay"]);
    assert_eq!(
        replay.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&replay.stderr)
    );
    for table in ["steps.parquet", "workers.parquet", "decisions.parquet"] {
        let read = |folder: &Path| std::fs::read(folder.join(table)).unwrap();
        assert_eq!(read(&out), read(&out.join("replay")), "{table}");
    }
}

/// 12 tokens a call at $1000 a token's million are $0.012: the introduction and five more fit.
#[test]
fn a_spent_budget_stops_the_run_to_be_resumed() {
    let server = Server::new(Vec::new(), always("35"));
    let folder = tempfile::tempdir().unwrap();
    let prices = ", price_prompt = 1000.0, price_answer = 1000.0, budget = 0.07";
    write_scenario(folder.path(), &server.url, prices);
    let run = fisc(folder.path(), &[]);
    let stderr = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("budget is spent: $0.0720"), "{stderr}");
    // What was spent counts, so with the same budget nothing more is asked.
    let again = fisc(folder.path(), &[]);
    let stderr = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr.contains("budget is spent: $0.0720"), "{stderr}");
    assert_eq!(server.seen.bodies.lock().unwrap().len(), 6);
    // What was paid stays paid when prices change: $0.010 a call from here on.
    let raised = [
        "--set",
        "models.far.backend.openai.budget=1.0",
        "--set",
        "models.far.backend.openai.price_answer=0.0",
    ];
    let whole = fisc(folder.path(), &raised);
    let stderr = String::from_utf8_lossy(&whole.stderr).into_owned();
    assert_eq!(whole.status.code(), Some(0), "{stderr}");
    assert_eq!(server.seen.bodies.lock().unwrap().len(), 16 + 2);
    let read = |file: &str| -> Value {
        let path = folder.path().join("outputs/far-3").join(file);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let cost = 6.0 * 0.012 + 12.0 * 0.010;
    let manifest = read("manifest.json");
    assert!((manifest["cost"].as_f64().unwrap() - cost).abs() < 1e-12);
    assert_eq!(manifest["tokens"], 18 * 12);
    let summary = read("summary.json");
    let remote = &summary["profile"]["far"]["remote"];
    assert_eq!(
        (&remote["calls"], &remote["retries"]),
        (&json!(18), &json!(0))
    );
}

/// Faults of all processes are counted, and what a repeated call cost is not forgotten.
#[test]
fn counters_go_on_where_a_stopped_run_left_them() {
    let mut empty = says("35");
    empty["choices"] = json!([]);
    let faults = vec![
        Fault::Body(empty.to_string().into_bytes()),
        Fault::Status(500, "boom"),
    ];
    let server = Server::new(faults, always("35"));
    let folder = tempfile::tempdir().unwrap();
    let more = ", price_prompt = 1000.0, price_answer = 1000.0, budget = 0.05";
    write_scenario(folder.path(), &server.url, more);
    let patient = std::fs::read_to_string(folder.path().join("far.toml")).unwrap();
    let patient = patient.replace("retries = 0", "retries = 3");
    std::fs::write(folder.path().join("far.toml"), patient).unwrap();
    assert_eq!(fisc(folder.path(), &[]).status.code(), Some(1));
    let raised = ["--set", "models.far.backend.openai.budget=1.0"];
    let whole = fisc(folder.path(), &raised);
    let stderr = String::from_utf8_lossy(&whole.stderr).into_owned();
    assert_eq!(whole.status.code(), Some(0), "{stderr}");
    let summary = folder.path().join("outputs/far-3/summary.json");
    let summary: Value = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    let remote = &summary["profile"]["far"]["remote"];
    let bodies = server.seen.bodies.lock().unwrap().len();
    // 16 questions, two introductions, and two calls with faults. Only one of these was repeated
    // before the budget was spent; the other's question was put anew by the second process.
    assert_eq!(bodies, 20);
    assert_eq!(
        ["calls", "retries", "malformed", "server_errors", "failures"]
            .map(|name| remote[name].as_u64().unwrap()),
        [20, 1, 1, 1, 0]
    );
    // The answer without choices has its tokens, status 500 has none.
    assert_eq!(remote["prompt_tokens"], 190);
}

/// A thought that fails stops the run, although answers of others follow it; resumed, it is asked
/// again.
#[test]
fn what_stopped_a_run_is_asked_again() {
    let server = Server::new(vec![Fault::Status(400, "bad")], always("35"));
    let folder = tempfile::tempdir().unwrap();
    write_scenario(folder.path(), &server.url, "");
    let path = folder.path().join("far.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace(
            "on_failure = \"keep-last\"",
            "on_failure = \"stop\"\nthink = 8",
        ),
    )
    .unwrap();
    let stopped = fisc(folder.path(), &[]);
    let stderr = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("says to stop"), "{stderr}");
    // The introduction, four thoughts, three answers.
    assert_eq!(server.seen.bodies.lock().unwrap().len(), 8);
    let whole = fisc(folder.path(), &[]);
    let stderr = String::from_utf8_lossy(&whole.stderr).into_owned();
    assert_eq!(whole.status.code(), Some(0), "{stderr}");
    assert_eq!(server.seen.bodies.lock().unwrap().len(), 2 + 1 + 2 * 16);
    drop(server);
    let replay = fisc(folder.path(), &["--replay"]);
    let stderr = String::from_utf8_lossy(&replay.stderr).into_owned();
    assert_eq!(replay.status.code(), Some(0), "{stderr}");
}

/// The clock of a step runs on over a second call of the same step, and anew in the next.
#[test]
fn a_deadline_is_a_steps_and_not_a_calls() {
    let slow: Reply = Arc::new(|_| {
        std::thread::sleep(Duration::from_millis(600));
        says("35")
    });
    let server = Server::new(Vec::new(), slow);
    let mut backend = RemoteBackend::open(RemoteSpec {
        deadline: 1.0,
        timeout: 5.0,
        retries: 0,
        ..spec(&[&server])
    })
    .unwrap();
    let mut go_on = |stream| {
        let request = sample(stream);
        backend.outcomes(&[&request]).unwrap().remove(0)
    };
    assert_eq!(text(&go_on(1)), Ok("35"));
    let why = go_on(2);
    assert!(
        text(&why).unwrap_err().contains("no answer within 0."),
        "{why:?}"
    );
    let outcomes = ask(&mut backend, &[sample(3)]);
    assert_eq!(text(&outcomes[0]), Ok("35"));
}

/// Two models of a scenario whose servers give the same name do not answer for each other.
#[test]
fn models_of_one_name_share_no_answers() {
    let token =
        |token: &str, logprob: f64| json!({ "token": token, "logprob": logprob, "bytes": null });
    let scored = |first: f64, second: f64| -> Reply {
        let mut top = token("0", first);
        top["top_logprobs"] = json!([token("0", first), token("40", second)]);
        let message = json!({ "role": "assistant", "content": "0" });
        let answer = completion("m-1", message, json!({ "content": [top], "refusal": null }));
        Arc::new(move |_| answer.clone())
    };
    let servers =
        [scored(-0.5, -1.5), scored(-1.5, -0.5)].map(|reply| Server::new(Vec::new(), reply));
    let transcript = SharedTranscript::in_memory();
    let [one, other] = ["one", "other"].map(|name| {
        let server = &servers[usize::from(name == "other")];
        let live = fisc::llm::Mode::Live;
        let mut engine =
            Engine::open_remote(name, &spec(&[server]), transcript.clone(), live).unwrap();
        let answers = engine.ask(&[choice(&["0", "40"])]).unwrap();
        answers[0].content.clone()
    });
    let (
        Content::Choice { log_probs: one, .. },
        Content::Choice {
            log_probs: other, ..
        },
    ) = (one, other)
    else {
        panic!("no choice");
    };
    // The distributions differ by exchange of the two options.
    assert!(
        (one[0] - other[1]).abs() < 1e-12 && one[0] > one[1] + 0.9,
        "{one:?} {other:?}"
    );
}

#[test]
fn a_missing_key_is_wrong_input() {
    let folder = tempfile::tempdir().unwrap();
    write_scenario(folder.path(), "http://127.0.0.1:9/v1", "");
    let mut command = Command::cargo_bin("fisc").unwrap();
    command.current_dir(folder.path()).env_remove("FAR_KEY");
    let run = command.args(["run", "far.toml"]).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("FAR_KEY"));
    assert!(!folder.path().join("outputs").exists());
}
