//! Decisions per second of 64 census workers over 6 steps on a small model, beside each prompt
//! evaluated alone, llama-server with prompt caching, and llama.cpp's own speed, all in one run.
//!
//! `cargo bench --profile dev --bench llm -- [q8_0] [WORKERS] [STEPS]`. With `q8_0` the model is
//! requantised first. `LLAMA_SERVER` names a llama-server binary; without it that row is not
//! measured. `ALONE` is the number of prompts evaluated alone (default 32, then scaled). `WAVES`,
//! `KEPT` (MiB) and `SLOTS` of the server are lists of settings that are tried, with commas between.

use fisc::llm::gguf::{GgufBackend, requantise};
use fisc::llm::{
    Engine, GgufSource, Message, Mode, ModelSpec, Profile, Readout, Request, Role,
    SharedTranscript, registry,
};
use fisc::population::{self, Person, PersonaSource, PopulationSpec, WagePrior};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const RULES: &str = "\
You are one worker in an economy with many workers. Each year you decide how many hours you work \
per week. Your income is your hourly wage times your hours times 52 weeks. The government taxes \
income by brackets: each rate applies only to the part of your income inside its bracket. All tax \
revenue is handed back in equal parts to everybody as a rebate, whatever they earn. What you have \
to spend is your income minus your tax plus the rebate. Work is tiring: the first hours cost you \
little, but every further hour costs more than the one before, and above fifty hours a week the \
strain grows very fast. You want to be as well off as you can: as much to spend as possible, less \
the strain of your work. If a large part of each further dollar is taxed away, working more brings \
you little, and you would do better to work fewer hours. If your wage is high and taxes are low, \
working more is worth the strain. Your own choice does not change the rebate by any amount that you \
would notice. People differ: there is no right answer for all. Consider your own wage, your own \
bracket and your own situation, then decide. Answer with the number of hours per week and nothing \
else. The number must be one of 0, 10, 20, 30, 40, 50, 60, 70, 80, 90 or 100.";

fn options() -> Vec<String> {
    (0..=10).map(|hours| (10 * hours).to_string()).collect()
}

/// The rules, who the worker is, the past year by year, and last and short what is new:
/// the rates of this year, behind which the hours are missing.
fn request(person: &Person, step: u64) -> Request {
    let persona = person.persona.as_deref().expect("a census persona");
    let mut user = format!(
        "You are {} years old and work as: {}. Family: {}. Your wage is ${:.2} an hour.\nThe three \
         tax rates of each year in percent, then your hours:",
        persona.age, persona.occupation, persona.family, person.wage
    );
    for year in 0..=step {
        let (low, middle, high) = (10 + year, 22 + 2 * year, 35 + 3 * year);
        user += &format!("\n{low}/{middle}/{high}:");
        if year < step {
            user += &(10 * ((u64::from(person.id) + year) % 10)).to_string();
        }
    }
    let turn = |role, content| Message { role, content };
    Request {
        seed: 1,
        agent: format!("worker {}", person.id),
        stream: u64::from(person.id),
        step,
        attempt: 0,
        messages: vec![turn(Role::System, RULES.to_owned()), turn(Role::User, user)],
        readout: Readout::Choice { options: options() },
    }
}

struct Row {
    name: String,
    decisions_per_second: f64,
    /// Tokens evaluated, seconds in llama.cpp's passes and seconds in all.
    inside: Option<(u64, f64, f64)>,
}

impl Row {
    fn print(&self, alone: f64) {
        print!(
            "{:<44} {:>8.2} decisions/s {:>6.2} x alone",
            self.name,
            self.decisions_per_second,
            self.decisions_per_second / alone
        );
        if let Some((tokens, passes, all)) = self.inside {
            print!(
                " {tokens:>8} tokens {:>6.0} tokens/s in passes {:>5.1} % outside",
                tokens as f64 / passes,
                100.0 * (1.0 - passes / all)
            );
        }
        println!();
    }
}

/// Asks each of `calls` in one call, on a fresh engine.
fn measure(spec: &ModelSpec, name: String, calls: &[Vec<Request>]) -> (Row, Profile) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("transcript.jsonl.zst");
    let transcript = SharedTranscript::create(&path).expect("a transcript");
    let mut engine = Engine::open(spec, transcript, Mode::Live).expect("an engine");
    for call in calls {
        engine.ask(call).expect("answers");
    }
    let profile = *engine.profile();
    let t = profile.backend;
    let seconds = profile.ask_seconds;
    let row = Row {
        name,
        decisions_per_second: profile.requests as f64 / seconds,
        inside: Some((
            t.prefill_tokens + t.decode_tokens,
            t.prefill_seconds + t.decode_seconds,
            seconds,
        )),
    };
    (row, profile)
}

/// The calls of all steps on llama-server with `slots` slots, greedy under a grammar.
fn server(
    binary: &str,
    model: &Path,
    slots: usize,
    threads: usize,
    calls: &[Vec<Request>],
) -> Option<Row> {
    const PORT: u16 = 18_932;
    let mut process = Command::new(binary)
        .args(["--host", "127.0.0.1", "--port", &PORT.to_string(), "-m"])
        .arg(model)
        .args(["-np", &slots.to_string(), "-c", &(1024 * slots).to_string()])
        .args(["-t", &threads.to_string(), "-fa", "on"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let post = |path: &str, body: &str| -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", PORT)).ok()?;
        let method = if body.is_empty() { "GET" } else { "POST" };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    };
    let up = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        post("/health", "").is_some()
    });
    let grammar: Vec<String> = options().iter().map(|o| format!("\"{o}\"")).collect();
    let grammar = format!("root ::= {}", grammar.join(" | "));
    let begun = Instant::now();
    let mut answered = 0;
    for call in calls.iter().filter(|_| up) {
        let open = Mutex::new(call.iter());
        let done = Mutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..slots {
                scope.spawn(|| {
                    loop {
                        let Some(request) = open.lock().expect("no panic").next() else {
                            return;
                        };
                        let body = serde_json::json!({
                            "messages": request.messages, "max_tokens": 5, "temperature": 0,
                            "grammar": grammar, "cache_prompt": true,
                        });
                        if post("/v1/chat/completions", &body.to_string()).is_some() {
                            *done.lock().expect("no panic") += 1;
                        }
                    }
                });
            }
        });
        answered += *done.lock().expect("no panic");
    }
    let seconds = begun.elapsed().as_secs_f64();
    process.kill().ok()?;
    process.wait().ok()?;
    let asked: usize = calls.iter().map(Vec::len).sum();
    if answered != asked {
        println!("llama-server, {slots} slots: {answered} of {asked} answered");
        return None;
    }
    Some(Row {
        name: format!("(b) llama-server, {slots} slots"),
        decisions_per_second: asked as f64 / seconds,
        inside: None,
    })
}

fn main() {
    let list = |name: &str, default: &str| -> Vec<usize> {
        let text = std::env::var(name).unwrap_or_else(|_| default.to_owned());
        text.split(',').filter_map(|n| n.parse().ok()).collect()
    };
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let workers = numbers.first().copied().unwrap_or(64);
    let steps = numbers.get(1).copied().unwrap_or(6) as u64;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fetched = registry::fetch("smollm2-135m", &mut |_| ()).expect("the model");
    let mut model = fetched.clone();
    if std::env::args().any(|a| a == "q8_0") {
        model = folder.path().join("q8_0.gguf");
        requantise(&fetched, &model).expect("a requantised model");
    }
    let spec = ModelSpec::new("small", GgufSource::Path(model.clone()));

    let people = population::draw(
        &PopulationSpec {
            size: workers,
            wages: WagePrior::Census,
            personas: PersonaSource::Census,
            wage_cap: population::DEFAULT_WAGE_CAP,
        },
        52.0,
        1,
    )
    .expect("a population");
    let calls: Vec<Vec<Request>> = (0..steps)
        .map(|step| people.iter().map(|p| request(p, step)).collect())
        .collect();

    // (a), on prompts spread over all steps.
    let every = calls.concat();
    let count = list("ALONE", "32")[0].clamp(1, every.len());
    let some: Vec<Vec<Request>> = (0..count)
        .map(|i| vec![every[i * every.len() / count].clone()])
        .collect();
    let alone_spec = ModelSpec {
        kept_bytes: 0,
        ..spec.clone()
    };
    let name = format!("(a) each prompt alone ({count} of {})", every.len());
    let (row, _) = measure(&alone_spec, name, &some);
    let alone = row.decisions_per_second;
    row.print(alone);

    // (b)
    match std::env::var("LLAMA_SERVER") {
        Ok(binary) => {
            for slots in list("SLOTS", "1,4,16,64") {
                match server(&binary, &model, slots, spec.threads, &calls) {
                    Some(row) => row.print(alone),
                    None => println!("(b) llama-server, {slots} slots: failed"),
                }
            }
        }
        Err(_) => println!("(b) llama-server: not measured (LLAMA_SERVER is not set)"),
    }

    for kept in list("KEPT", "0,1024") {
        for wave in list("WAVES", "8") {
            let spec = ModelSpec {
                kept_bytes: kept << 20,
                wave,
                ..spec.clone()
            };
            let name = format!("fisc, {kept} MiB kept, waves of {wave}");
            let (row, profile) = measure(&spec, name, &calls);
            row.print(alone);
            let t = profile.backend;
            println!(
                "{:>44} kept or shared {} tokens, passes {:.2} s, reading {:.3} s, keeping {:.3} s, \
                 transcript {:.3} s, in all {:.2} s",
                "",
                t.shared_tokens,
                t.prefill_seconds,
                t.sampling_seconds,
                t.keeping_seconds,
                profile.transcript_seconds,
                profile.ask_seconds
            );
            ceiling(
                &spec,
                &model,
                t.prefill_tokens as f64 / t.prefill_seconds,
                // One logits row for the prompt and one for each of the 20 tokens of the options.
                (21 * profile.requests) as f64 / t.prefill_tokens as f64,
                (t.shared_tokens + t.prefill_tokens) as usize / profile.requests as usize,
            );
        }
    }
}

/// (c): llama.cpp's passes of 512 tokens of one sequence, right after a row that made `speed`
/// with logits after the share `read` of its tokens and prompts of `length` tokens.
fn ceiling(spec: &ModelSpec, model: &Path, speed: f64, read: f64, length: usize) {
    let mut backend = GgufBackend::open(model, "bench".into(), spec).expect("the model");
    let passes = 6;
    // A token of a pass sees half the pass and what stands before it: as much as one of ours.
    let depth = length.saturating_sub(256);
    for (what, read, depth) in [
        ("from an empty context, no logits", 0.0, 0),
        ("as many logits", read, 0),
        ("as many logits, as long prompts", read, depth),
    ] {
        let seconds = backend
            .ceiling(passes, (512.0 * read) as usize, depth)
            .expect("passes");
        let most = (512 * passes) as f64 / seconds;
        println!(
            "(c) llama.cpp alone, passes of 512, {what}: {most:.0} tokens/s, of which the row \
             above {:.0} %",
            100.0 * speed / most
        );
    }
}
