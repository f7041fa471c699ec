//! Folders of finished runs with plausible numbers, written with polars alone.

use std::fs::File;
use std::path::Path;

use polars::prelude::{Column, DataFrame, ParquetWriter};
use serde_json::{Value, json};

/// What a made-up run holds.
pub struct Made<'a> {
    pub name: &'a str,
    pub arms: &'a [&'a str],
    pub years: u32,
    pub tax_year: u32,
    pub workers: usize,
    /// Multiplies welfare, to reach numbers that are hard to label.
    pub welfare_scale: f64,
    pub unit: &'a str,
    pub llm_workers: bool,
}

pub const THREE_ARMS: Made = Made {
    name: "three-arms",
    arms: &["llm", "us-2024", "optimal"],
    years: 12,
    tax_year: 4,
    workers: 200,
    welfare_scale: 1.0,
    unit: "$/year",
    llm_workers: false,
};

pub const TINY: Made = Made {
    name: "tiny",
    arms: &["us-2024"],
    years: 1,
    tax_year: 1,
    workers: 3,
    ..THREE_ARMS
};

/// Brackets and rates of an arm in a year.
pub fn schedule(arm: &str, year: u32) -> Vec<(f64, f64)> {
    let us = [
        0.0, 11_600.0, 47_150.0, 100_525.0, 191_950.0, 243_725.0, 609_350.0,
    ];
    let with = |rates: [f64; 7]| us.into_iter().zip(rates).collect();
    let wobble = |k: usize| {
        ((f64::from(year) * (1.3 + 0.4 * k as f64)).sin() * 0.25) / f64::from(year).sqrt()
    };
    let optimal = [0.31, 0.38, 0.44, 0.47, 0.52, 0.58, 0.61];
    match arm {
        "llm" => {
            let mut rates = optimal;
            rates.iter_mut().enumerate().for_each(|(k, rate)| {
                *rate = ((*rate + wobble(k)) * 20.0).round().clamp(0.0, 20.0) / 20.0;
            });
            with(rates)
        }
        "optimal" => with(optimal),
        "saez-fixed-point" if year == 1 => with([0.25, 0.35, 0.42, 0.47, 0.5, 0.55, 0.6]),
        "saez-fixed-point" => with([0.312, 0.379, 0.44, 0.471, 0.52, 0.58, 0.61]),
        "saez-static" => with([0.42, 0.40, 0.45, 0.50, 0.55, 0.6, 0.66]),
        "none" => vec![(0.0, 0.0)],
        "us-2017" => vec![
            (0.0, 0.10),
            (9_325.0, 0.15),
            (37_950.0, 0.25),
            (91_900.0, 0.28),
            (191_650.0, 0.33),
            (416_700.0, 0.35),
            (418_400.0, 0.396),
        ],
        _ => with([0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37]),
    }
}

fn tax(schedule: &[(f64, f64)], income: f64) -> f64 {
    let slice = |k: usize| {
        let upper = schedule.get(k + 1).map_or(f64::INFINITY, |next| next.0);
        schedule[k].1 * (income.min(upper) - schedule[k].0).max(0.0)
    };
    (0..schedule.len()).map(slice).sum()
}

fn wage(i: usize, n: usize) -> f64 {
    let u = (i as f64 + 0.5) / n as f64;
    let logit = (u / (1.0 - u)).ln();
    (3.1 + 0.38 * logit).exp()
}

/// Hours by brute force over a grid: maximises 52(w·l − χ l^δ) − T.
fn hours(wage: f64, schedule: &[(f64, f64)]) -> f64 {
    let utility = |l: f64| {
        let income = 52.0 * wage * l;
        income - tax(schedule, income) - 52.0 * 0.0005 * l.powf(3.5)
    };
    let grid = (0..=400).map(|i| f64::from(i) * 0.25);
    grid.max_by(|a, b| utility(*a).total_cmp(&utility(*b)))
        .unwrap_or(0.0)
}

fn noise(a: u64, b: u64) -> f64 {
    let mut x =
        a.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b.wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ 0x1234_5678;
    x ^= x >> 31;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 29;
    (x % 10_000) as f64 / 10_000.0
}

/// Writes the folder; returns (arm, year, welfare) as written.
pub fn write(folder: &Path, made: &Made) -> Vec<(String, u32, f64)> {
    std::fs::create_dir_all(folder).unwrap();
    let (mut arm, mut year, mut literal, mut welfare) = (vec![], vec![], vec![], vec![]);
    let (mut w_arm, mut w_step, mut w_id, mut w_wage, mut w_labor) =
        (vec![], vec![], vec![], vec![], vec![]);
    let (mut w_income, mut w_tax, mut w_rebate, mut w_disposable) =
        (vec![], vec![], vec![], vec![]);
    let mut summary_arms: Vec<Value> = vec![];
    for &name in made.arms {
        let mut last = 0.0;
        for y in 1..=made.years {
            let rates = schedule(name, y);
            for t in 0..made.tax_year {
                let step = (y - 1) * made.tax_year + t + 1;
                let labor: Vec<f64> = (0..made.workers)
                    .map(|i| {
                        let best = hours(wage(i, made.workers), &rates);
                        if made.llm_workers {
                            ((best + 30.0 * (noise(i as u64, u64::from(step)) - 0.4)) / 10.0)
                                .round()
                                .clamp(0.0, 10.0)
                                * 10.0
                        } else {
                            best
                        }
                    })
                    .collect();
                let incomes: Vec<f64> = labor
                    .iter()
                    .enumerate()
                    .map(|(i, l)| 52.0 * wage(i, made.workers) * l)
                    .collect();
                let taxes: Vec<f64> = incomes.iter().map(|z| tax(&rates, *z)).collect();
                let rebate = taxes.iter().sum::<f64>() / made.workers as f64;
                let mut sum = 0.0;
                for i in 0..made.workers {
                    let disposable = incomes[i] - taxes[i] + rebate;
                    sum +=
                        (disposable - 52.0 * 0.0005 * labor[i].powf(3.5)) / wage(i, made.workers);
                    w_arm.push(name);
                    w_step.push(step);
                    w_id.push(i as u32);
                    w_wage.push(wage(i, made.workers));
                    w_labor.push(labor[i]);
                    w_income.push(incomes[i]);
                    w_tax.push(taxes[i]);
                    w_rebate.push(rebate);
                    w_disposable.push(disposable);
                }
                let weight: f64 = (0..made.workers).map(|i| 1.0 / wage(i, made.workers)).sum();
                last = sum / weight * made.welfare_scale;
            }
            arm.push(name);
            year.push(y);
            literal.push(
                rates
                    .iter()
                    .map(|(e, r)| format!("{e}:{r}"))
                    .collect::<Vec<_>>()
                    .join(","),
            );
            welfare.push(last);
        }
        summary_arms.push(json!({ "arm": name, "welfare": last, "gain_over_us": null, "attained": null,
            "attained_reason": "computed elsewhere", "income_mean": 59249.3, "labor_mean": 38.42, "gini_income": 0.53,
            "gini_disposable": 0.412, "revenue": 12345.6, "decisions": if name == "llm" { 960 } else { 0 },
            "failures": if name == "llm" { 3 } else { 0 }, "notes": [] }));
    }
    let us = made
        .arms
        .iter()
        .position(|a| *a == "us-2024")
        .map(|i| summary_arms[i]["welfare"].as_f64().unwrap());
    let best = made
        .arms
        .iter()
        .position(|a| *a == "optimal")
        .map(|i| summary_arms[i]["welfare"].as_f64().unwrap());
    for one in &mut summary_arms {
        let own = one["welfare"].as_f64().unwrap();
        if let Some(us) = us {
            one["gain_over_us"] = json!(own - us);
            match best {
                Some(best) if best != us => one["attained"] = json!((own - us) / (best - us)),
                _ => one["attained_reason"] = json!("the run has no arm `optimal`"),
            }
        }
    }
    let rows: Vec<(String, u32, f64)> = (0..arm.len())
        .map(|i| (arm[i].to_owned(), year[i], welfare[i]))
        .collect();
    parquet(
        &folder.join("years.parquet"),
        vec![
            Column::new("arm".into(), arm),
            Column::new("year".into(), year),
            Column::new("schedule".into(), literal),
            Column::new("welfare".into(), welfare),
        ],
    );
    parquet(
        &folder.join("workers.parquet"),
        vec![
            Column::new("group".into(), vec!["workers"; w_arm.len()]),
            Column::new("arm".into(), w_arm),
            Column::new("step".into(), w_step),
            Column::new("worker".into(), w_id),
            Column::new("wage".into(), w_wage),
            Column::new("labor".into(), w_labor),
            Column::new("income".into(), w_income),
            Column::new("tax".into(), w_tax),
            Column::new("rebate".into(), w_rebate),
            Column::new("disposable".into(), w_disposable),
        ],
    );
    let summary = json!({ "name": made.name, "seed": 42, "baseline": "us-2024", "arms": summary_arms,
        "objective": { "name": "inverse_wage", "unit": made.unit,
            "formula": "Σ g_i u_i with weights g proportional to 1/wage and mean 1" },
        "notes": ["2 of 960 answers of `small` were empty <b>and</b> kept the previous action"],
        "profile": { "decide": 12.5, "earn": 0.2 }, "kink_shares": { "us-2024": [0.05, 0.02] } });
    let manifest = json!({ "fisc": "0.1.0", "commit": "f8887f4", "dirty": false, "seed": 42, "wall_seconds": 183.25,
        "models": { "small": { "file": "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            "sha256": "d7c1f0e5a8b3d7c1f0e5a8b3d7c1f0e5a8b3d7c1f0e5a8b3d7c1f0e5a8b3abcd" } },
        "threads": 2, "host": "ci", "tokens": { "prompt": 1234567, "answer": 4321 }, "cost": null,
        "scenario_sha256": "0123456789abcdef", "parse_failure_rate": 0.003125 });
    let decide = if made.llm_workers {
        "{ llm = { model = \"small\" } }"
    } else {
        "\"rational\""
    };
    let scenario = format!(
        "name = {:?}\nseed = 42\nsteps = {}\ntax_year = {}\n\n[population]\nsize = {}\nwages = \"census\"\npersonas = \
         \"census\"\n\n[economy]\nutility = \"quasilinear\"\n\n[[workers]]\nshare = 1.0\ndecide = {decide}\n",
        made.name,
        made.years * made.tax_year,
        made.tax_year,
        made.workers
    );
    std::fs::write(folder.join("summary.json"), summary.to_string()).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    std::fs::write(folder.join("scenario.toml"), scenario).unwrap();
    rows
}

pub fn parquet(file: &Path, columns: Vec<Column>) {
    let mut frame = DataFrame::new_infer_height(columns).unwrap();
    ParquetWriter::new(File::create(file).unwrap())
        .finish(&mut frame)
        .unwrap();
}
