//! Seconds to fit 100,000 comparisons on 50 features by Bradley–Terry, beside scikit-learn's logistic
//! regression of the same differences with the same prior, both on one core and in turns, with the
//! largest difference between the parameters that both find.
//!
//! `cargo bench --profile dev --bench preferences`; needs `python3` with scikit-learn, else fisc's
//! side alone.

use fisc::preferences::fit::logistic;
use fisc::preferences::head::dot;
use fisc::preferences::models::bradley_terry::BradleyTerry;
use fisc::preferences::{Comparison, Items, Judgements, PreferenceModel};
use fisc::random::Streams;
use rand::RngExt;
use std::process::Command;
use std::time::Instant;

const COMPARISONS: usize = 100_000;
const WIDTH: usize = 50;
const ITEMS: usize = 20_000;
const RIDGE: f64 = 1.0;

fn data() -> Judgements {
    let mut rng = Streams::new(1, "bench preferences").at(0, 0);
    let theta: Vec<f64> = (0..WIDTH).map(|_| rng.random::<f64>() - 0.5).collect();
    let features = (0..ITEMS * WIDTH)
        .map(|_| 2.0 * rng.random::<f64>() - 1.0)
        .collect();
    let names = (0..WIDTH).map(|k| format!("x{k}")).collect();
    let items = Items::new(names, features).expect("finite features");
    let comparisons = (0..COMPARISONS)
        .map(|_| {
            let (a, b) = (
                rng.random_range(0..ITEMS as u32),
                rng.random_range(0..ITEMS as u32),
            );
            let p = logistic(dot(&theta, items.row(a)) - dot(&theta, items.row(b)));
            Comparison::new(a, b, f64::from(u8::from(rng.random::<f64>() < p)))
        })
        .collect();
    Judgements::of_comparisons(items, comparisons).expect("judgements in range")
}

/// Seconds and parameters.
fn scikit_learn(data: &Judgements, path: &std::path::Path) -> Option<(f64, Vec<f64>)> {
    let mut bytes = Vec::with_capacity(8 * COMPARISONS * (WIDTH + 1));
    for c in &data.comparisons {
        let (a, b) = (data.items.row(c.a), data.items.row(c.b));
        for value in a.iter().zip(b).map(|(a, b)| a - b).chain([c.outcome]) {
            bytes.extend(value.to_le_bytes());
        }
    }
    std::fs::write(path, bytes).ok()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/sklearn_logistic.py");
    let output = Command::new("python3")
        .args([
            script,
            path.to_str()?,
            &WIDTH.to_string(),
            &RIDGE.to_string(),
        ])
        .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|name| (name, "1")))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let numbers: Vec<f64> = (text.split_whitespace().map(str::parse))
        .collect::<Result<_, _>>()
        .ok()?;
    let [seconds, theta @ ..] = &numbers[..] else {
        return None;
    };
    (theta.len() == WIDTH).then(|| (*seconds, theta.to_vec()))
}

fn main() {
    let data = data();
    let path = std::env::temp_dir().join(format!("fisc-bench-{}.bin", std::process::id()));
    println!("{COMPARISONS} comparisons, {WIDTH} features, one core");
    println!(
        "{:>5} {:>8} {:>14} {:>8} {:>16}",
        "round", "fisc s", "scikit-learn s", "ratio", "differ at most"
    );
    for round in 1..=5 {
        let mut model = BradleyTerry::default();
        model.ridge = RIDGE;
        model.scaled = false;
        let begun = Instant::now();
        model.fit(&data, 0).expect("a fit that settles");
        let seconds = begun.elapsed().as_secs_f64();
        let ours = model.coefficients().expect("a linear head");
        match scikit_learn(&data, &path) {
            Some((theirs, theta)) => {
                let differ = ours
                    .iter()
                    .zip(&theta)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f64::max);
                println!(
                    "{round:>5} {seconds:>8.2} {theirs:>14.2} {:>8.2} {differ:>16.1e}",
                    theirs / seconds
                );
            }
            None => println!("{round:>5} {seconds:>8.2} {:>14}", "not there"),
        }
    }
    // A leftover in the temporary folder is no failure of the benchmark.
    let _ = std::fs::remove_file(path);
}
