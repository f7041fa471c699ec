//! Worker-steps per second of a full rational step (decide to record, statistics included), beside
//! a plain NumPy version of the same step and this machine's memory bandwidth, all in one run.
//! The last column is fisc again with workers in no order of wage; that order stays the same from
//! step to step, as within a tax year, so that it is checked and not sorted anew.
//!
//! `make bench`, or `cargo bench --profile dev --bench step -- 1000 50000` for other numbers of
//! workers.
//! NumPy runs when `python3 -c "import numpy"` works; else its row is left out.

use fisc::run::{Simulation, arm};
use fisc::scenario;
use fisc::world::asking::Models;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

/// Bytes that a worker-step must move at least: wage and untaxed hours read, hours, income, tax,
/// disposable income and utility written once and read once by the statistics.
const BYTES_PER_WORKER_STEP: f64 = 8.0 * (2.0 + 5.0 + 5.0);

fn scenario(size: usize, wages: &str) -> String {
    format!(
        r#"
name = "bench"
seed = 1
steps = 1000000
tax_year = 1000000
[population]
size = {size}
wages = "{wages}"
[taxes]
brackets = "us-2024"
initial = "us-2024"
[planner]
kind = "fixed"
[record]
workers_every = 0
"#
    )
}

/// Best of five rounds of about half a second: seconds per step.
fn seconds_per_step(size: usize, wages: &str) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bench.toml");
    std::fs::write(&path, scenario(size, wages)).expect("a scenario file");
    let simulation = Simulation::new(scenario::load(&path, &[]).expect("a valid scenario"))
        .expect("a population");
    let kind = simulation.arms()[0];
    let mechanisms = arm::mechanisms(&simulation, kind).expect("mechanisms");
    let mut app = arm::assemble(&simulation, mechanisms, &Models::none());
    let mut steps = |steps: usize| {
        let begun = Instant::now();
        for _ in 0..steps {
            arm::step(&mut app).expect("a step");
        }
        begun.elapsed().as_secs_f64() / steps as f64
    };
    steps(3);
    let count = (0.5 / steps(3)).ceil() as usize;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        best = best.min(steps(count));
    }
    best
}

/// Bytes per second of a ← b + s·c over arrays far larger than any cache, on all threads.
fn bandwidth() -> f64 {
    use rayon::prelude::*;
    let n = 1 << 25;
    let (mut a, b, c) = (vec![0.0f64; n], vec![1.0f64; n], vec![2.0f64; n]);
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        a.par_chunks_mut(1 << 16)
            .zip(b.par_chunks(1 << 16))
            .zip(c.par_chunks(1 << 16))
            .for_each(|((a, b), c)| {
                for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                    *a = b + 3.0 * c;
                }
            });
        best = best.min(begun.elapsed().as_secs_f64());
        black_box(&a);
    }
    24.0 * n as f64 / best
}

fn numpy(size: usize) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/numpy_step.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(size.to_string())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn main() {
    let bandwidth = bandwidth();
    println!(
        "threads: {}, memory bandwidth (triad): {:.1} GB/s",
        rayon::current_num_threads(),
        bandwidth / 1e9
    );
    println!(
        "{:>9} {:>14} {:>14} {:>8} {:>14} {:>18}",
        "workers", "fisc /s", "NumPy /s", "ratio", "of bandwidth", "in no order /s"
    );
    let mut sizes: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000, 100_000, 1_000_000];
    }
    for size in sizes {
        let fisc = size as f64 / seconds_per_step(size, "gb2-stratified");
        let drawn = size as f64 / seconds_per_step(size, "gb2");
        let share = fisc * BYTES_PER_WORKER_STEP / bandwidth;
        let numpy = numpy(size);
        let (other, ratio) = numpy.map_or(("-".into(), "-".into()), |n| {
            (format!("{:.2} M", n / 1e6), format!("{:.1}", fisc / n))
        });
        println!(
            "{size:>9} {:>12.2} M {other:>14} {ratio:>8} {:>12.1} % {:>16.2} M",
            fisc / 1e6,
            100.0 * share,
            drawn / 1e6
        );
    }
}
