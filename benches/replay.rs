//! What 10,000 stored decisions cost a replay beyond the same run with closed-form workers, and how
//! many bytes of transcript a decision takes.
//!
//! `cargo bench --profile dev --bench replay`. The decisions are answered, once, by a server in this
//! process that gives every admissible answer a probability; every prompt is another one.

use fisc::run::{Options, Simulation, output::run_into};
use fisc::scenario;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

const WORKERS: usize = 500;
const STEPS: usize = 20;

/// Rates change at random every step, so that no two prompts are equal.
fn scenario(workers: &str) -> String {
    format!(
        r#"
name = "replay"
seed = 1
steps = {STEPS}
tax_year = 1
[population]
size = {WORKERS}
wages = "census"
personas = "census"
[taxes]
brackets = "three"
initial = [0.12, 0.22, 0.35]
[planner]
kind = {{ search = {{ method = "random" }} }}
{workers}
"#
    )
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

/// Each option's log-probability depends on the prompt, as a model's would.
fn reply(body: &Value) -> String {
    let prompt = body["messages"].to_string();
    let hash = prompt.bytes().fold(1u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let options: Vec<Value> = (0..=10)
        .map(|option| {
            let log_prob = -1.0 - (hash.rotate_left(6 * option) % 80_000) as f64 / 1e4;
            json!({ "token": (10 * option).to_string(), "logprob": log_prob, "bytes": null })
        })
        .collect();
    json!({
        "id": "1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{
            "index": 0, "finish_reason": "length",
            "message": { "role": "assistant", "content": "0" },
            "logprobs": { "content": [
                { "token": "0", "logprob": -1.0, "bytes": null, "top_logprobs": options }
            ] },
        }],
        "usage": { "prompt_tokens": 300, "completion_tokens": 1, "total_tokens": 301 },
    })
    .to_string()
}

fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let body = request(&stream)?;
                let answer = reply(&body);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    answer.len()
                );
                stream.write_all((head + answer.as_str()).as_bytes()).ok()
            });
        }
    });
    url
}

/// Seconds of a run, from its scenario file to its tables.
fn play(file: &Path, out: &Path, replay: bool) -> f64 {
    let begun = Instant::now();
    let scenario = scenario::load(file, &[]).expect("a scenario");
    let simulation = Simulation::new(scenario).expect("a simulation");
    let options = Options {
        out: Some(out.to_owned()),
        force: !replay,
        replay,
        ..Options::default()
    };
    run_into(&simulation, &options, &|_| ()).expect("a run");
    begun.elapsed().as_secs_f64()
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (closed, asked) = (
        folder.path().join("closed.toml"),
        folder.path().join("llm.toml"),
    );
    let model = format!(
        r#"[[workers]]
decide = {{ llm = {{ model = "far" }} }}
[models.far]
readout = "choice"
backend = {{ openai = {{ model = "m", urls = ["{}"], parallel = 16 }} }}"#,
        serve()
    );
    std::fs::write(&closed, scenario("")).expect("a file");
    std::fs::write(&asked, scenario(&model)).expect("a file");
    let (out_closed, out_asked) = (folder.path().join("closed"), folder.path().join("llm"));
    let live = play(&asked, &out_asked, false);
    println!("live, answered at once: {live:.2} s");
    let bytes = std::fs::metadata(out_asked.join("transcript.jsonl.zst"))
        .expect("a transcript")
        .len();
    println!(
        "transcript: {bytes} bytes, {:.0} a decision",
        bytes as f64 / (WORKERS * STEPS) as f64
    );
    // In turns, the best of each: what else the machine does falls on both.
    let (mut best_closed, mut best_replay) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 {
        best_closed = best_closed.min(play(&closed, &out_closed, false));
        best_replay = best_replay.min(play(&asked, &out_asked, true));
    }
    println!(
        "closed form {best_closed:.3} s, replay of {} decisions {best_replay:.3} s: {:.3} s more",
        WORKERS * STEPS,
        best_replay - best_closed
    );
}
