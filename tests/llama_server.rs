//! The remote backend against llama-server on loopback: both readouts beside the same model in this
//! process, servers that die in the middle of a run, and one that takes over.
//!
//! `LLAMA_SERVER=$(scripts/llama_server.sh) cargo test --test llama_server -- --ignored`

use assert_cmd::Command;
use fisc::llm::gguf::GgufBackend;
use fisc::llm::remote::Structured;
use fisc::llm::{
    Backend, GgufSource, Message, ModelSpec, Outcome, Reading, Readout, RemoteBackend, RemoteSpec,
    Request, Role, registry,
};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One test at a time: servers take all cores.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(port: u16) -> Server {
        let binary = std::env::var("LLAMA_SERVER").expect("LLAMA_SERVER names a llama-server");
        let model = registry::fetch("smollm2-135m", &mut |_| ()).unwrap();
        let process = std::process::Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args([
                "--alias", "smollm2", "-np", "8", "-c", "8192", "-t", "2", "-m",
            ])
            .arg(model)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { process, port };
        let begun = Instant::now();
        while !server.healthy() {
            assert!(begun.elapsed() < Duration::from_secs(120), "not up");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    fn healthy(&self) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let mut answer = String::new();
        let sent =
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        sent.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn options() -> Vec<String> {
    (0..=5).map(|h| (20 * h).to_string()).collect()
}

fn request(worker: u64, readout: Readout) -> Request {
    let content = format!(
        "You earn ${} an hour and pay {} % tax. How many hours do you work per week: 0, 20, 40, 60, \
         80 or 100?",
        10 + 3 * worker,
        worker % 5 * 10
    );
    Request {
        seed: 1,
        agent: format!("worker {worker}"),
        stream: worker,
        step: 0,
        attempt: 0,
        messages: vec![
            Message {
                role: Role::System,
                content: "Answer with a number of hours and nothing else.".into(),
            },
            Message {
                role: Role::User,
                content,
            },
        ],
        readout,
    }
}

/// Probabilities among the options, and ln of their sum.
fn shares(reading: &Reading) -> (Vec<f64>, f64) {
    let Reading::LogProbs(log_probs) = reading else {
        panic!("not a choice");
    };
    let total: f64 = log_probs.iter().map(|x| x.exp()).sum();
    (
        log_probs.iter().map(|x| x.exp() / total).collect(),
        total.ln(),
    )
}

#[test]
#[ignore = "needs LLAMA_SERVER"]
fn both_readouts_agree_with_the_model_in_this_process_thirty_two_at_a_time() {
    let _turn = turn();
    let server = Server::start(free_port());
    let mut remote = RemoteBackend::open(RemoteSpec {
        parallel: 32,
        structured: Structured::Grammar,
        ..RemoteSpec::new("smollm2", vec![server.url()])
    })
    .unwrap();
    assert_eq!(remote.id(), "openai:smollm2;grammar");
    let choice = Readout::Choice { options: options() };
    let requests: Vec<Request> = (0..32).map(|w| request(w, choice.clone())).collect();
    let asked: Vec<&Request> = requests.iter().collect();
    remote.begin();
    let outcomes = remote.outcomes(&asked).unwrap();

    let path = registry::fetch("smollm2-135m", &mut |_| ()).unwrap();
    let spec = ModelSpec::new("small", GgufSource::Path(path.clone()));
    let mut local = GgufBackend::open(&path, "sha256:test".into(), &spec).unwrap();
    let here = local.answer(&asked).unwrap();
    let alone: Vec<_> = asked
        .iter()
        .map(|&request| local.answer(&[request]).unwrap().remove(0))
        .collect();
    let distance = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
    };
    let (mut far, mut noise, mut mass) = (0.0, 0.0, 0.0);
    for ((outcome, here), alone) in outcomes.iter().zip(&here).zip(&alone) {
        let Outcome::Answered(there) = outcome else {
            panic!("{outcome:?}");
        };
        let ((there, in_all), (here, _)) = (shares(&there.reading), shares(&here.reading));
        let (alone, in_all_alone) = shares(&alone.reading);
        far += distance(&there, &alone) / 32.0;
        noise += distance(&here, &alone) / 32.0;
        mass += (in_all - in_all_alone).abs() / 32.0;
    }
    println!(
        "choice: total variation {far:.4} from this process, whose batches differ by {noise:.4}; \
         admissible mass differs by {mass:.3} nats"
    );
    assert!(far < 2.0 * noise + 0.03);
    assert!(mass < 0.3);

    let grammar = "root ::= \"0\" | \"20\" | \"40\" | \"60\" | \"80\" | \"100\"";
    let sample = Readout::Sample {
        grammar: grammar.into(),
        max_tokens: 6,
        temperature: 1.0,
        top_p: 1.0,
    };
    let requests: Vec<Request> = (0..64).map(|w| request(w, sample.clone())).collect();
    remote.begin();
    let outcomes = remote
        .outcomes(&requests.iter().collect::<Vec<_>>())
        .unwrap();
    for outcome in &outcomes {
        let Outcome::Answered(answer) = outcome else {
            panic!("{outcome:?}");
        };
        let Reading::Text { text, truncated } = &answer.reading else {
            panic!("not a text");
        };
        assert!(options().contains(text) && !truncated, "{text}");
    }
    let calls = remote.calls().unwrap();
    // One call to begin with, one for each option, one for each text.
    assert_eq!((calls.calls, calls.retries), (1 + 32 * 6 + 64, 0));
}

const SCENARIO: &str = r#"
name = "far"
seed = 3
steps = 12
tax_year = 2
[population]
size = 8
wages = "census"
personas = "census"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[[workers]]
decide = { llm = { model = "far" } }
[planner]
kind = "fixed"
[models.far]
readout = "sample"
max_tokens = 8
on_failure = "stop"
"#;

/// Runs the scenario on `urls` and calls `meanwhile` when it has begun; returns what the run says
/// of its calls.
fn run(urls: &[String], meanwhile: impl FnOnce()) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let urls: Vec<String> = urls.iter().map(|url| format!("\"{url}\"")).collect();
    let backend = format!(
        "backend = {{ openai = {{ model = \"smollm2\", urls = [{}], structured = \"grammar\", \
         parallel = 4, retries = 8 }} }}\n",
        urls.join(", ")
    );
    std::fs::write(
        folder.path().join("far.toml"),
        format!("{SCENARIO}{backend}"),
    )
    .unwrap();
    let child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("fisc"))
        .current_dir(folder.path())
        .args(["run", "far.toml"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first answers are on file.
    let transcript = folder.path().join("outputs/far-3/transcript.jsonl.zst");
    let begun = Instant::now();
    while std::fs::metadata(&transcript).map_or(0, |file| file.len()) < 1500 {
        assert!(begun.elapsed() < Duration::from_secs(300), "no answers");
        std::thread::sleep(Duration::from_millis(20));
    }
    meanwhile();
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{stderr}");
    let summary = read(&folder.path().join("outputs/far-3/summary.json"));
    assert_eq!(summary["arms"][0]["failures"], 0);
    let mut replay = Command::cargo_bin("fisc").unwrap();
    replay.current_dir(folder.path());
    replay
        .args(["run", "far.toml", "--replay"])
        .assert()
        .success();
    println!("{}", summary["profile"]["far"]["remote"]);
    summary["profile"]["far"]["remote"].clone()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
#[ignore = "needs LLAMA_SERVER"]
fn a_server_that_is_killed_and_started_again_loses_nothing() {
    let _turn = turn();
    let port = free_port();
    let mut server = Some(Server::start(port));
    let url = server.as_ref().unwrap().url();
    let calls = run(&[url], || {
        drop(server.take());
        std::thread::sleep(Duration::from_secs(2));
        server = Some(Server::start(port));
    });
    assert_eq!(calls["failures"], 0);
    assert!(calls["transport_errors"].as_u64().unwrap() > 0);
    let retries = calls["retries"].as_u64().unwrap();
    assert!(retries >= calls["transport_errors"].as_u64().unwrap());
}

#[test]
#[ignore = "needs LLAMA_SERVER"]
fn a_second_server_takes_over() {
    let _turn = turn();
    let mut first = Some(Server::start(free_port()));
    let second = Server::start(free_port());
    let urls = [first.as_ref().unwrap().url(), second.url()];
    let calls = run(&urls, || drop(first.take()));
    assert_eq!(calls["failures"], 0);
    assert!(calls["transport_errors"].as_u64().unwrap() > 0);
}
