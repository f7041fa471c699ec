//! Figures, tables and report of made-up sweeps.

mod sweep_folders;

use std::path::Path;

use fisc::report::{Plot, sweep_figures, sweep_html, sweep_text};
use sweep_folders::{Made, STANDARD, write};

/// Sweeps that differ in what makes figures go wrong.
fn all_kinds() -> Vec<(&'static str, Made<'static>)> {
    vec![
        ("standard", STANDARD),
        ("one-group", Made { objectives: &["rawlsian"], ..STANDARD }),
        (
            "numbers",
            Made {
                objectives: &["rawlsian"],
                sizes: &[100, 1_000, 10_000, 100_000],
                exponents: &[2.0, 3.0, 4.0],
                seeds: 3,
                years: 6,
                workers: 0,
                ..STANDARD
            },
        ),
        ("one", Made { planners: &["llm"], objectives: &["rawlsian"], compare: &["us-2024"], seeds: 1, ..STANDARD }),
    ]
}

/// Sweeps to look at: `cargo test --test sweep_report -- --ignored samples`; they appear in
/// `target/tmp/sweep-samples`.
#[test]
#[ignore = "writes pictures for people"]
fn samples() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sweep-samples");
    for (name, made) in all_kinds() {
        let folder = root.join(name);
        let _ = std::fs::remove_dir_all(&folder);
        write(&folder, &made);
        println!("{}", sweep_html(&folder).unwrap().display());
        print!("{}", sweep_text(&folder).unwrap());
    }
}
