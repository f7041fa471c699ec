//! Decisions per second of 64 census workers over 6 steps on a small model, beside each prompt
//! evaluated alone, llama-server with prompt caching, and llama.cpp's own speed, all in one run.
//!
//! `cargo bench --profile dev --bench llm -- [q8_0] [WORKERS] [STEPS]`. With `q8_0` the model is
//! requantised first. `LLAMA_SERVER` names a llama-server binary (`scripts/llama_server.sh` builds
//! one); without it that side is not measured. `ALONE` is the number of prompts evaluated alone
//! (default 24). `WAVES` (for `choice`), `SAMPLE_WAVES`, `LANES`, `KEPT` (MiB) and `SLOTS` of the server are
//! lists of settings that are tried, with commas between. fisc and "alone" are measured twice: for
//! the exact probabilities of all answers (`choice`), for which the server has nothing alike, and for
//! the one greedy answer under a grammar (`sample`) that the server gives, too. All sides take turns, step by step, because the speed of a shared
//! machine changes from minute to minute.

use fisc::llm::gguf::{GgufBackend, requantise};
use fisc::llm::{
    Engine, GgufSource, Message, Mode, ModelSpec, Readout, Request, Role, SharedTranscript,
    registry,
};
use fisc::population::{self, Person, PersonaSource, PopulationSpec, WagePrior};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
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

fn grammar() -> String {
    let texts: Vec<String> = options().iter().map(|o| format!("\"{o}\"")).collect();
    format!("root ::= {}", texts.join(" | "))
}

/// The same question, answered by the most probable text.
fn greedy(request: &Request) -> Request {
    let readout = Readout::Sample {
        grammar: grammar(),
        max_tokens: 5,
        temperature: 0.0,
        top_p: 1.0,
    };
    Request {
        readout,
        ..request.clone()
    }
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

/// An engine with its settings, on a transcript of its own.
struct Fisc {
    name: String,
    engine: Engine,
    greedy: bool,
    _folder: tempfile::TempDir,
}

impl Fisc {
    fn open(spec: &ModelSpec, greedy: bool, what: &str) -> Fisc {
        let readout = if greedy { "sample" } else { "choice" };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("transcript.jsonl.zst");
        let transcript = SharedTranscript::create(&path).expect("a transcript");
        Fisc {
            name: format!("{readout}: {what}"),
            engine: Engine::open(spec, transcript, Mode::Live).expect("an engine"),
            greedy,
            _folder: folder,
        }
    }

    fn ask(&mut self, call: &[Request]) {
        let answered = if self.greedy {
            let call: Vec<Request> = call.iter().map(greedy).collect();
            self.engine.ask(&call)
        } else {
            self.engine.ask(call)
        };
        answered.expect("answers");
    }

    fn decisions_per_second(&self) -> f64 {
        let profile = self.engine.profile();
        profile.requests as f64 / profile.ask_seconds
    }

    fn tokens_per_second(&self) -> f64 {
        let t = self.engine.profile().backend;
        (t.prefill_tokens + t.decode_tokens) as f64 / (t.prefill_seconds + t.decode_seconds)
    }

    fn print(&self, alone: f64) {
        let profile = self.engine.profile();
        let t = profile.backend;
        let speed = self.decisions_per_second();
        println!(
            "{:<40} {speed:>6.2} decisions/s {:>5.2} x alone, {:.0} tokens a decision, {:.0} \
             tokens/s in passes, {:.1} % outside (reading {:.2} s, keeping {:.2} s, transcript \
             {:.2} s of {:.1} s)",
            self.name,
            speed / alone,
            (t.prefill_tokens + t.decode_tokens) as f64 / profile.requests as f64,
            self.tokens_per_second(),
            100.0 * (1.0 - (t.prefill_seconds + t.decode_seconds) / profile.ask_seconds),
            t.sampling_seconds,
            t.keeping_seconds,
            profile.transcript_seconds,
            profile.ask_seconds,
        );
    }
}

/// A llama-server with prompt caching, asked greedily under a grammar.
struct Server {
    process: Child,
    port: u16,
    slots: usize,
    grammar: String,
    answered: usize,
    asked: usize,
    seconds: f64,
}

impl Server {
    fn start(binary: &str, model: &Path, slots: usize, threads: usize) -> Server {
        let port = 18_900 + slots as u16;
        let process = Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "-m"])
            .arg(model)
            .args(["-np", &slots.to_string(), "-c", &(1024 * slots).to_string()])
            .args(["-t", &threads.to_string(), "-fa", "on"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("llama-server");
        let server = Server {
            process,
            port,
            slots,
            grammar: grammar(),
            answered: 0,
            asked: 0,
            seconds: 0.0,
        };
        let up = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            server.post("/health", "").is_some()
        });
        assert!(up, "llama-server with {slots} slots does not come up");
        server
    }

    fn post(&self, path: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
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
    }

    fn ask(&mut self, call: &[Request]) {
        let open = Mutex::new(call.iter());
        let done = AtomicUsize::new(0);
        let begun = Instant::now();
        let server = &*self;
        std::thread::scope(|scope| {
            for _ in 0..server.slots {
                scope.spawn(|| {
                    loop {
                        let Some(request) = open.lock().expect("no panic").next() else {
                            return;
                        };
                        let body = serde_json::json!({
                            "messages": request.messages, "max_tokens": 5, "temperature": 0,
                            "grammar": server.grammar, "cache_prompt": true,
                        });
                        if server
                            .post("/v1/chat/completions", &body.to_string())
                            .is_some()
                        {
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        self.seconds += begun.elapsed().as_secs_f64();
        self.asked += call.len();
        self.answered += done.into_inner();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// llama.cpp's own speed in passes of 512 tokens of one sequence.
struct Ceiling {
    what: &'static str,
    tokens: f64,
    seconds: f64,
}

/// llama.cpp's own benchmark of batches: prompts as long as ours, read from their first token on.
struct BatchedBench {
    what: &'static str,
    options: &'static [&'static str],
    tokens: f64,
    seconds: f64,
}

impl BatchedBench {
    fn run(&mut self, binary: &Path, model: &Path, threads: usize, length: u64) {
        let output = Command::new(binary)
            .arg("-m")
            .arg(model)
            .args([
                "-t",
                &threads.to_string(),
                "-fa",
                "on",
                "-c",
                "8192",
                "-ub",
                "512",
            ])
            .args(["-npp", &length.to_string(), "-ntg", "0", "-npl", "8"])
            .args(self.options)
            .output()
            .expect("llama-batched-bench");
        let table = String::from_utf8_lossy(&output.stdout);
        // | PP | TG | B | N_KV | T_PP s | S_PP t/s | …
        let row = table.lines().rfind(|line| line.starts_with('|'));
        let cells: Vec<f64> = (row.unwrap_or_default().split('|'))
            .filter_map(|cell| cell.trim().parse().ok())
            .collect();
        assert!(cells.len() > 5, "llama-batched-bench says:\n{table}");
        self.tokens += cells[0] * cells[2];
        self.seconds += cells[4];
    }
}

fn main() {
    let list = |name: &str, default: &str| -> Vec<usize> {
        let text = std::env::var(name).unwrap_or_else(|_| default.to_owned());
        text.split(',').filter_map(|n| n.parse().ok()).collect()
    };
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let workers = numbers.first().copied().unwrap_or(64);
    let steps = numbers.get(1).copied().unwrap_or(6);
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
        .map(|step| people.iter().map(|p| request(p, step as u64)).collect())
        .collect();

    let count = list("ALONE", "24")[0].max(1);
    let mut alone = [false, true]
        .map(|greedy| Fisc::open(&spec, greedy, &format!("(a) each prompt alone ({count})")));
    let mut servers: Vec<Server> = match std::env::var("LLAMA_SERVER") {
        Ok(binary) => list("SLOTS", "1,4,16,64")
            .into_iter()
            .map(|slots| Server::start(&binary, &model, slots, spec.threads))
            .collect(),
        Err(_) => {
            println!("(b) llama-server: not measured (LLAMA_SERVER is not set)");
            Vec::new()
        }
    };
    let mut fiscs = Vec::new();
    let default = spec.lanes().expect("llama.cpp");
    for (kept, lanes) in list("KEPT", "0,1024").into_iter().flat_map(|kept| {
        list("LANES", &format!("1,{default}"))
            .into_iter()
            .map(move |l| (kept, l))
    }) {
        let samples = list("SAMPLE_WAVES", "16").into_iter().map(|w| (w, true));
        let choices = list("WAVES", "8").into_iter().map(|w| (w, false));
        for (wave, greedy) in samples.chain(choices) {
            let spec = ModelSpec {
                kept_bytes: kept << 20,
                lanes: Some(lanes),
                wave,
                ..spec.clone()
            };
            let what = format!("fisc, {kept} MiB kept, {lanes} x waves of {wave}");
            fiscs.push(Fisc::open(&spec, greedy, &what));
        }
    }
    let ceiling = |what| Ceiling {
        what,
        tokens: 0.0,
        seconds: 0.0,
    };
    let mut ceilings = [
        ceiling("no logits"),
        ceiling("as many logits"),
        ceiling("as many logits, as long prompts"),
    ];
    let batched_bench = std::env::var("LLAMA_SERVER")
        .map(|server| Path::new(&server).with_file_name("llama-batched-bench"))
        .ok()
        .filter(|path| path.is_file());
    let batched = |what, options| BatchedBench {
        what,
        options,
        tokens: 0.0,
        seconds: 0.0,
    };
    let mut batches = [
        batched("a cache for each", &[][..]),
        batched("one cache", &["-kvu"][..]),
    ];
    let mut bare = GgufBackend::open(&model, "bench".into(), &spec).expect("the model");
    for (step, call) in calls.iter().enumerate() {
        // Spread over the workers and, all steps together, as many as were asked for.
        let (from, to) = (step * count / steps, (step + 1) * count / steps);
        for i in from..to {
            let one = &call[(i * 17) % call.len()];
            for alone in &mut alone {
                alone.ask(std::slice::from_ref(one));
            }
        }
        for server in &mut servers {
            server.ask(call);
        }
        for fisc in &mut fiscs {
            fisc.ask(call);
        }
        // As many logits and as long prompts as the last setting has.
        let profile = fiscs.last().expect("a setting").engine.profile();
        let t = profile.backend;
        // One logits row for the prompt and one for each of the 20 tokens of the options.
        let share = (21 * profile.requests) as f64 / t.prefill_tokens as f64;
        let read = (512.0 * share) as usize;
        // A token of a pass sees half the pass and what stands before it: as much as one of ours.
        let length = (t.shared_tokens + t.prefill_tokens) / profile.requests;
        let depth = (length as usize).saturating_sub(256);
        if let Some(binary) = &batched_bench {
            for batches in &mut batches {
                batches.run(binary, &model, spec.threads, length);
            }
        }
        for (ceiling, (read, depth)) in ceilings.iter_mut().zip([(0, 0), (read, 0), (read, depth)])
        {
            ceiling.seconds += bare.ceiling(2, read, depth).expect("passes");
            ceiling.tokens += 2.0 * bare.ceiling_tokens();
        }
    }

    let bases = [&alone[0], &alone[1]].map(Fisc::decisions_per_second);
    for alone in &alone {
        alone.print(bases[usize::from(alone.greedy)]);
    }
    for server in &servers {
        let speed = server.answered as f64 / server.seconds;
        println!(
            "{:<40} {speed:>6.2} decisions/s {:>5.2} x alone, {} of {} answered",
            format!("(b) llama-server, {} slots", server.slots),
            speed / bases[1],
            server.answered,
            server.asked
        );
    }
    for fisc in &fiscs {
        fisc.print(bases[usize::from(fisc.greedy)]);
    }
    let share = |most: f64| {
        for fisc in fiscs.iter().filter(|fisc| !fisc.greedy) {
            let share = 100.0 * fisc.tokens_per_second() / most;
            println!("    of which {share:.1} %: {}", fisc.name);
        }
    };
    for Ceiling {
        what,
        tokens,
        seconds,
    } in ceilings
    {
        let most = tokens / seconds;
        println!("(c) llama.cpp alone, passes of 512, {what}: {most:.0} tokens/s");
        share(most);
    }
    for batches in &batches {
        if batches.tokens > 0.0 {
            let most = batches.tokens / batches.seconds;
            let what = batches.what;
            println!("(c) llama-batched-bench, 8 prompts, {what}, no logits: {most:.0} tokens/s");
            share(most);
        }
    }
}
