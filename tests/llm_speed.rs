//! How fast a model decides: a measurement, run by hand.
//!
//! `FISC_MODEL=smollm2-135m cargo test --test llm_speed -- --ignored --nocapture`

use fisc::llm::{
    Content, Engine, GgufSource, Message, Mode, ModelSpec, Readout, Request, Role,
    SharedTranscript, registry,
};
use std::time::Instant;

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
would notice. People differ: there is no \
right answer for all. Consider your own wage, your own bracket and your own situation, then \
decide. Answer with the number of hours per week and nothing else. The number must be one of 0, \
10, 20, 30, 40, 50, 60, 70, 80, 90 or 100.";

fn request(worker: u64, step: u64, readout: Readout) -> Request {
    let jobs = [
        "registered nurse",
        "electrician",
        "cashier",
        "software developer",
        "teacher",
    ];
    let user = format!(
        "You are a {} of {}. Your wage is ${}.{:02} an hour. Tax rates: {} % to $48,000, {} % to \
         $103,000, {} % above. Last year: {} hours a week, ${}, tax ${}, rebate ${}. Hours now?",
        jobs[worker as usize % 5],
        22 + worker % 40,
        9 + worker,
        (worker * 37) % 100,
        10 + step,
        22 + step,
        35 + step,
        20 + worker % 5 * 10,
        21_000 + worker * 1_313,
        2_000 + worker * 297,
        5_000 + step * 111
    );
    Request {
        seed: 42,
        agent: format!("worker {worker}"),
        stream: worker,
        step,
        attempt: 0,
        messages: vec![
            Message {
                role: Role::System,
                content: RULES.into(),
            },
            Message {
                role: Role::User,
                content: user,
            },
        ],
        readout,
    }
}

#[test]
#[ignore = "a measurement of minutes"]
fn decisions_per_second() {
    let set = |name: &str, default: &str| std::env::var(name).unwrap_or(default.into());
    let numbers = |name: &str, default: &str| -> Vec<usize> {
        set(name, default)
            .split(',')
            .map(|n| n.parse().unwrap())
            .collect()
    };
    let name = set("FISC_MODEL", "smollm2-135m");
    registry::fetch(&name, &mut |_| ()).unwrap();
    let steps = numbers("FISC_STEPS", "2")[0] as u64;
    let options: Vec<String> = (0..=10).map(|h| (10 * h).to_string()).collect();
    let number = "root ::= [0-9] | [1-9] [0-9] | \"100\"".to_owned();
    for workers in numbers("FISC_WORKERS", "64,12") {
        for wave in numbers("FISC_WAVE", "16") {
            for threads in numbers("FISC_THREADS", "2") {
                let gguf = GgufSource::Fetched(name.clone());
                let spec = ModelSpec {
                    wave,
                    threads,
                    ..ModelSpec::new("m", gguf)
                };
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("transcript.jsonl.zst");
                let transcript = SharedTranscript::create(&path).unwrap();
                let mut engine = Engine::open(&spec, transcript, Mode::Live).unwrap();
                for kind in set("FISC_READOUT", "choice,sample").split(',') {
                    let readout = match kind {
                        "choice" => Readout::Choice {
                            options: options.clone(),
                        },
                        _ => Readout::Sample {
                            grammar: number.clone(),
                            max_tokens: 8,
                            temperature: 1.0,
                            top_p: 1.0,
                        },
                    };
                    // The first step also evaluates the shared prefix.
                    let before = *engine.profile();
                    let begun = Instant::now();
                    let mut mass = 0.0;
                    let (mut answered, mut length) = (0, 0);
                    for step in 0..steps {
                        let requests: Vec<Request> = (0..workers as u64)
                            .map(|worker| request(worker, step, readout.clone()))
                            .collect();
                        for answer in engine.ask(&requests).unwrap() {
                            answered += 1;
                            length = answer.prompt_tokens;
                            if let Content::Choice {
                                admissible_mass, ..
                            } = answer.content
                            {
                                mass += admissible_mass;
                            }
                        }
                    }
                    let seconds = begun.elapsed().as_secs_f64();
                    let after = *engine.profile();
                    let b =
                        |f: fn(&fisc::llm::Timing) -> f64| f(&after.backend) - f(&before.backend);
                    let model = b(|t| t.prefill_seconds) + b(|t| t.decode_seconds);
                    let tokens = b(|t| (t.prefill_tokens + t.decode_tokens) as f64);
                    println!(
                        "{name} {kind} of {length}-token prompts, workers {workers} wave {wave} threads {threads}: {:.2} \
                         decisions/s, {:.0} tokens/s in the model, prefill {:.2} s ({} tokens), \
                         decode {:.2} s ({}), reading {:.2} s, engine {:.2} s, transcript {:.3} s, \
                         {:.0} bytes a decision, mean mass {:.4}",
                        answered as f64 / seconds,
                        tokens / model,
                        b(|t| t.prefill_seconds),
                        b(|t| t.prefill_tokens as f64),
                        b(|t| t.decode_seconds),
                        b(|t| t.decode_tokens as f64),
                        b(|t| t.sampling_seconds),
                        seconds - model - b(|t| t.sampling_seconds),
                        after.transcript_seconds - before.transcript_seconds,
                        std::fs::metadata(&path).unwrap().len() as f64 / after.live as f64,
                        mass / answered as f64,
                    );
                }
            }
        }
    }
}
