//! What is kept of prompts from step to step gives the answers of a fresh evaluation.

use fisc::llm::gguf::GgufBackend;
use fisc::llm::{
    Backend, BackendAnswer, GgufSource, Message, ModelSpec, Reading, Readout, Request, Role,
    registry,
};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

const WORKERS: u64 = 20;
const STEPS: u64 = 10;

fn open(wave: usize, kept_bytes: usize) -> GgufBackend {
    let path = registry::fetch("smollm2-135m", &mut |_| ()).unwrap();
    let spec = ModelSpec {
        wave,
        // One wave after another on any machine, as docs/models.md compares them.
        lanes: Some(1),
        kept_bytes,
        ..ModelSpec::new("small", GgufSource::Path(path.clone()))
    };
    GgufBackend::open(&path, "sha256:test".into(), &spec).unwrap()
}

/// A worker's conversations at all steps, with random wage, taxes and past.
fn conversations(worker: u64) -> Vec<Request> {
    let mut random = SmallRng::seed_from_u64(worker);
    let job = ["nurse", "farmer", "clerk", "teacher"][random.random_range(0..4)];
    let wage = random.random_range(9..200);
    let turn = |role, content: String| Message { role, content };
    let rules = "You choose how many hours to work per week. Answer with a number only.";
    let mut messages = vec![turn(Role::System, rules.into())];
    let mut past = format!("You are a {job}. Your wage is ${wage} an hour.");
    (0..STEPS)
        .map(|step| {
            let tax = random.random_range(0..100);
            past += &format!(" Year {step}: tax {tax} %.");
            messages.truncate(1);
            messages.push(turn(Role::User, format!("{past} Hours now?")));
            past += &format!(" You worked {}.", 20 * random.random_range(0..6));
            Request {
                seed: 1,
                agent: format!("worker {worker}"),
                stream: worker,
                step,
                attempt: 0,
                messages: messages.clone(),
                readout: Readout::Choice {
                    options: (0..=5).map(|h| (20 * h).to_string()).collect(),
                },
            }
        })
        .collect()
}

/// ln P of each option given that it is one of them.
fn log_probs(answer: &BackendAnswer) -> Vec<f64> {
    let Reading::LogProbs(log_probs) = &answer.reading else {
        panic!("not a choice")
    };
    let total = log_probs.iter().map(|x| x.exp()).sum::<f64>().ln();
    log_probs.iter().map(|x| x - total).collect()
}

fn all(backend: &mut GgufBackend, together: usize) -> Vec<BackendAnswer> {
    let workers: Vec<Vec<Request>> = (0..WORKERS).map(conversations).collect();
    (0..STEPS as usize)
        .flat_map(|step| {
            let requests: Vec<&Request> = workers.iter().map(|w| &w[step]).collect();
            requests
                .chunks(together)
                .flat_map(|chunk| backend.answer(chunk).unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

struct Difference {
    nats: f64,
    total_variation: f64,
    largest: f64,
    agree: usize,
}

fn compare(a: &[BackendAnswer], b: &[BackendAnswer]) -> Difference {
    let mode = |x: &[f64]| (0..x.len()).max_by(|&i, &j| x[i].total_cmp(&x[j]));
    let (mut nats, mut variation, mut largest, mut agree) = (0.0, 0.0, 0.0f64, 0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (log_probs(a), log_probs(b));
        let pairs = || a.iter().zip(&b);
        nats += pairs().map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64;
        let distance = pairs().map(|(a, b)| (a.exp() - b.exp()).abs()).sum::<f64>() / 2.0;
        variation += distance;
        largest = largest.max(distance);
        agree += usize::from(mode(&a) == mode(&b));
    }
    let n = a.len() as f64;
    Difference {
        nats: nats / n,
        total_variation: variation / n,
        largest,
        agree,
    }
}

#[test]
fn kept_prefixes_differ_from_a_fresh_evaluation_no_more_than_two_batchings_do() {
    let alone = all(&mut open(1, 0), 1);
    let batched = all(&mut open(10, 0), 10);
    let mut backend = open(16, 1 << 30);
    let kept = all(&mut backend, WORKERS as usize);
    let tokens = |answers: &[BackendAnswer]| -> u32 {
        answers.iter().map(|answer| answer.evaluated_tokens).sum()
    };
    let n = alone.len();
    println!(
        "prompt tokens evaluated: alone {}, batched {}, kept {}",
        tokens(&alone),
        tokens(&batched),
        tokens(&kept)
    );
    let noise = compare(&alone, &batched);
    let reuse = compare(&alone, &kept);
    for (name, d) in [
        ("two fresh batchings", &noise),
        ("kept against fresh", &reuse),
    ] {
        println!(
            "{name}: {:.4} nats, total variation {:.4} (largest {:.3}), greedy answers agree \
             in {} of {n}",
            d.nats, d.total_variation, d.largest, d.agree
        );
    }
    assert_eq!(n, 200);
    assert!(tokens(&kept) * 3 < tokens(&alone));
    assert!(reuse.nats < 1.5 * noise.nats + 0.01);
    assert!(reuse.total_variation < 1.5 * noise.total_variation + 0.005);
    assert!(reuse.largest < 2.0 * noise.largest + 0.05);
    // Two standard deviations of the number of disagreements.
    let differ = (n - noise.agree) as f64;
    assert!((n - reuse.agree) as f64 <= differ + 2.0 * (2.0 * differ).sqrt() + 2.0);
}
