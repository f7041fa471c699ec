//! Seconds to the bracket optimum of 1,000 workers and seven brackets, beside SciPy's differential
//! evolution of the same problem, both on one core and in turns, with the welfare that each finds.
//!
//! `cargo bench --profile dev --bench optimum`; needs `python3` with SciPy.

use fisc::fiscal::optimum::{Effort, optimum};
use fisc::fiscal::{Objective, Schedule, laws};
use fisc::run::Simulation;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Seconds, SciPy's own welfare, and the rates.
fn scipy(wages: &[f64], seed: u64) -> Option<(f64, f64, Vec<f64>)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/scipy_optimum.py");
    let mut child = Command::new("python3")
        .args([script, &seed.to_string()])
        .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|name| (name, "1")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let text: String = wages.iter().map(|wage| format!("{wage}\n")).collect();
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [seconds, welfare, rates @ ..] = &numbers[..] else {
        return None;
    };
    Some((*seconds, *welfare, rates.to_vec()))
}

fn main() {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/rational.toml");
    let scenario = fisc::scenario::load(scenario.as_ref(), &[]).expect("a valid scenario");
    let simulation = Simulation::new(scenario).expect("a population");
    let society = simulation.counterpart();
    let edges = simulation.scenario().taxes.edges.clone();
    let objective = Objective::InverseWage;
    let one_core = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread pool");
    let us = laws::find("us-2024").expect("a law").clone();
    println!(
        "{:>5} {:>10} {:>16} {:>10} {:>16} {:>8}",
        "round", "fisc s", "welfare", "SciPy s", "welfare", "ratio"
    );
    for round in 0..5 {
        let begun = Instant::now();
        let found = one_core.install(|| {
            optimum(
                society,
                &edges,
                &objective,
                std::slice::from_ref(&us),
                false,
                Effort::default(),
            )
        });
        let fisc = begun.elapsed().as_secs_f64();
        let Some((seconds, own, rates)) = scipy(society.wage(), round) else {
            println!(
                "{round:>5} {fisc:>10.3} {:>16.4} {:>10}",
                found.welfare, "no SciPy"
            );
            continue;
        };
        // Judged by the same code, and that code by SciPy's own value.
        let theirs = society.welfare(&Schedule::new(&edges, &rates).expect("rates"), &objective);
        assert!(
            (theirs / own - 1.0).abs() < 1e-9,
            "the problems differ: {theirs} {own}"
        );
        println!(
            "{round:>5} {fisc:>10.3} {:>16.4} {seconds:>10.3} {theirs:>16.4} {:>8.1}",
            found.welfare,
            seconds / fisc
        );
    }
}
