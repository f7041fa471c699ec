//! Made-up folders of sweeps, with numbers that a test can compute anew.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared by tests that use different parts"
)]

use std::path::Path;

use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, ParquetWriter, Series};
use serde_json::{Value, json};

/// Lower edges of the brackets.
pub const EDGES: [f64; 3] = [0.0, 40_000.0, 120_000.0];

/// What to make. A list with one entry is no varied key.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    pub planners: &'a [&'a str],
    pub compare: &'a [&'a str],
    pub objectives: &'a [&'a str],
    pub sizes: &'a [i64],
    pub exponents: &'a [f64],
    /// Sizes and exponents vary together, place by place, as in a `[[list]]`; else in all combinations.
    pub together: bool,
    pub seeds: u32,
    pub years: u32,
    pub workers: usize,
    /// Numbers of runs (from 0) that failed, with the message of the first.
    pub failed: &'a [usize],
    pub message: &'a str,
    /// Runs that have not been played.
    pub pending: &'a [usize],
}

pub const PLANNERS: [&str; 5] = ["none", "us-2024", "saez-fixed-point", "optimal", "llm"];

pub const STANDARD: Made = Made {
    planners: &PLANNERS,
    compare: &[],
    objectives: &["utilitarian", "rawlsian"],
    sizes: &[1000],
    exponents: &[2.0],
    together: false,
    seeds: 5,
    years: 12,
    workers: 40,
    failed: &[],
    message: "",
    pending: &[],
};

/// One arm of one run, as written.
#[derive(Clone, Debug)]
pub struct Truth {
    pub run: String,
    pub objective: String,
    pub size: i64,
    pub exponent: f64,
    pub arm: String,
    pub replicate: u32,
    pub welfare: Vec<f64>,
    pub last_third: f64,
    pub average_rate: Vec<f64>,
    pub rates: Vec<[f64; 3]>,
    /// (wage, income, tax, disposable) of each worker.
    pub workers: Vec<[f64; 4]>,
}

/// A number in [0, 1) that depends on nothing but its arguments.
pub fn noise(a: u64, b: u64) -> f64 {
    let mut x = a
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(b.wrapping_mul(0xBF58_476D_1CE4_E5B9))
        .wrapping_add(0x1234_5678);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 29;
    (x % 100_000) as f64 / 100_000.0
}

/// Rates of an arm in a tax year.
fn rates(arm: &str, year: u32, years: u32, replicate: u32) -> [f64; 3] {
    let done = f64::from(year) / f64::from(years);
    match arm {
        "none" => [0.0; 3],
        "optimal" => [0.62, 0.55, 0.48],
        "saez-fixed-point" => [0.3 + 0.25 * done, 0.32 + 0.2 * done, 0.35 + 0.12 * done],
        "llm" => {
            let tried = |k: u64| {
                0.25 * (noise(u64::from(replicate) * 31 + u64::from(year), k) - 0.5)
                    * (1.0 - 0.7 * done)
            };
            [
                0.2 + 0.3 * done + tried(1),
                0.3 + 0.2 * done + tried(2),
                0.4 + tried(3),
            ]
        }
        _ => [0.10, 0.22, 0.35],
    }
}

fn tax(rates: [f64; 3], income: f64) -> f64 {
    (0..3)
        .map(|k| {
            let upper = EDGES.get(k + 1).copied().unwrap_or(f64::INFINITY);
            rates[k] * (income.min(upper) - EDGES[k]).max(0.0)
        })
        .sum()
}

fn truth(made: &Made, run: &str, place: (usize, i64, f64), arm: &str, replicate: u32) -> Truth {
    let (o, size, exponent) = place;
    // All arms of a replicate share its luck.
    let luck = 900.0 * (noise(u64::from(replicate), 7 + o as u64) - 0.5);
    let own = |year: u32| {
        let arm_number = arm.bytes().map(u64::from).sum::<u64>();
        120.0
            * (noise(
                u64::from(replicate) * 1000 + arm_number,
                u64::from(year) * 17 + size as u64,
            ) - 0.5)
    };
    let all: Vec<[f64; 3]> = (1..=made.years)
        .map(|y| rates(arm, y, made.years, replicate))
        .collect();
    let level = match arm {
        "none" => 19_000.0,
        "us-2024" => 24_000.0,
        "optimal" => 33_000.0,
        _ => 0.0,
    };
    let welfare: Vec<f64> = (1..=made.years)
        .map(|year| {
            let done = f64::from(year) / f64::from(made.years);
            let level = match arm {
                "saez-fixed-point" => 29_500.0 + 2_600.0 * done,
                "llm" => 25_000.0 + 6_400.0 * done.sqrt(),
                _ => level,
            };
            (level - 24_000.0) * (0.5 + 0.25 * exponent) + 24_000.0 - 3_000.0 * o as f64
                + luck
                + own(year)
                - 8.0e5 / size as f64
        })
        .collect();
    let third = (made.years as usize / 3).max(1);
    let last_third = welfare[welfare.len() - third..].iter().sum::<f64>() / third as f64;
    let final_rates = all[all.len() - 1];
    let workers = (0..made.workers)
        .map(|i| {
            let wage = 8.0 + 90.0 * noise(u64::from(replicate), i as u64 + 100).powi(2);
            let income = wage * 52.0 * (40.0 - 10.0 * final_rates[0]);
            let tax = tax(final_rates, income);
            [wage, income, tax, income - tax + 5_000.0 * final_rates[1]]
        })
        .collect();
    Truth {
        run: run.into(),
        objective: made.objectives[o].into(),
        size,
        exponent,
        arm: arm.into(),
        replicate,
        last_third,
        average_rate: all
            .iter()
            .map(|rates| tax(*rates, 70_000.0) / 70_000.0)
            .collect(),
        welfare,
        rates: all,
        workers,
    }
}

fn column<T, Phantom: ?Sized>(name: &str, values: T) -> Column
where
    Series: NamedFrom<T, Phantom>,
{
    Series::new(name.into(), values).into_column()
}

fn parquet(path: &Path, columns: Vec<Column>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut frame = DataFrame::new_infer_height(columns).unwrap();
    let file = std::fs::File::create(path).unwrap();
    ParquetWriter::new(file).finish(&mut frame).unwrap();
}

/// Writes the folder of a sweep; returns every arm of every finished run.
pub fn write(folder: &Path, made: &Made) -> Vec<Truth> {
    std::fs::create_dir_all(folder).unwrap();
    let mut keys = vec![];
    let mut key = |key: &str, column: &str, kind: &str, varied: bool| {
        if varied {
            keys.push(json!({ "key": key, "column": column, "kind": kind }));
        }
    };
    key(
        "planner.kind",
        "planner_kind",
        "text",
        made.planners.len() > 1,
    );
    key(
        "objective.welfare",
        "objective_welfare",
        "text",
        made.objectives.len() > 1,
    );
    key(
        "population.size",
        "population_size",
        "whole",
        made.sizes.len() > 1,
    );
    key(
        "economy.labor_exponent",
        "economy_labor_exponent",
        "number",
        made.exponents.len() > 1,
    );
    let seeds: Vec<u64> = (0..u64::from(made.seeds))
        .map(|i| 0xF000_0000_0000_0001 + i)
        .collect();
    let (mut points, mut runs) = (vec![], vec![]);
    let mut truths = vec![];
    let mut table = Table::default();
    for planner in made.planners {
        for (o, objective) in made.objectives.iter().enumerate() {
            for (s, &size) in made.sizes.iter().enumerate() {
                for (e, &exponent) in made.exponents.iter().enumerate() {
                    if made.together && s != e {
                        continue;
                    }
                    let mut values = serde_json::Map::new();
                    let mut value = |name: &str, value: Value, varied: bool| {
                        if varied {
                            values.insert(name.into(), value);
                        }
                    };
                    value("planner.kind", json!(planner), made.planners.len() > 1);
                    value(
                        "objective.welfare",
                        json!(objective),
                        made.objectives.len() > 1,
                    );
                    value("population.size", json!(size), made.sizes.len() > 1);
                    value(
                        "economy.labor_exponent",
                        json!(exponent),
                        made.exponents.len() > 1,
                    );
                    let point = points.len() as u32 + 1;
                    points.push(json!({ "point": point, "values": values, "scenario": "name = \"made-up\"\n" }));
                    for (r, seed) in seeds.iter().enumerate() {
                        let number = runs.len();
                        let run = format!("{:016x}", 0xA000_0000_0000_0000u64 + number as u64);
                        let replicate = r as u32 + 1;
                        runs.push(json!({ "run": run, "point": point, "replicate": replicate, "seed": seed }));
                        let status = if made.failed.contains(&number) {
                            "failed"
                        } else if made.pending.contains(&number) {
                            "pending"
                        } else {
                            "finished"
                        };
                        table.push(&run, point, replicate, *seed, status, made.message);
                        if status != "finished" {
                            continue;
                        }
                        let arms = std::iter::once(planner).chain(made.compare);
                        let ours: Vec<Truth> = arms
                            .map(|arm| {
                                truth(made, &run, (o, size, exponent), arm_of(arm), replicate)
                            })
                            .collect();
                        parts(folder, &run, point, *seed, &ours);
                        if made.workers > 0 {
                            workers(folder, &run, &ours);
                        }
                        truths.extend(ours);
                    }
                }
            }
        }
    }
    table.write(folder);
    let plan = json!({
        "fisc": "0.1.0", "name": "made-up", "base": "scenarios/base.toml", "keys": keys, "seeds": seeds,
        "points": points, "runs": runs,
    });
    std::fs::write(folder.join("plan.json"), plan.to_string()).unwrap();
    truths
}

/// The arm's name of a planner: its first word, as `{ llm = { … } }` is called `llm`.
fn arm_of(planner: &str) -> &str {
    planner
        .trim_start_matches(['{', ' '])
        .split([' ', '='])
        .next()
        .unwrap()
}

#[derive(Default)]
struct Table {
    run: Vec<String>,
    point: Vec<u32>,
    replicate: Vec<u32>,
    seed: Vec<u64>,
    status: Vec<String>,
    stage: Vec<Option<String>>,
    message: Vec<Option<String>>,
}

impl Table {
    fn push(
        &mut self,
        run: &str,
        point: u32,
        replicate: u32,
        seed: u64,
        status: &str,
        message: &str,
    ) {
        self.run.push(run.into());
        self.point.push(point);
        self.replicate.push(replicate);
        self.seed.push(seed);
        self.status.push(status.into());
        let failed = status == "failed";
        self.stage.push(failed.then(|| "playing".into()));
        self.message.push(failed.then(|| message.into()));
    }

    fn write(self, folder: &Path) {
        let n = self.run.len();
        let finished: Vec<bool> = self
            .status
            .iter()
            .map(|status| status == "finished")
            .collect();
        let wall: Vec<Option<f64>> = finished.iter().map(|done| done.then_some(2.5)).collect();
        let host: Vec<Option<&str>> = finished
            .iter()
            .map(|done| done.then_some("a-machine linux x86_64"))
            .collect();
        let columns = vec![
            column("run", self.run),
            column("point", self.point),
            column("replicate", self.replicate),
            column("seed", self.seed),
            column("status", self.status),
            column("stage", self.stage),
            column("message", self.message),
            column("wall_seconds", wall),
            column("decisions", vec![0i64; n]),
            column("failures", vec![0i64; n]),
            column("tokens", vec![0i64; n]),
            column("cost", vec![0.0; n]),
            column("fisc", vec!["0.1.0"; n]),
            column(
                "git_commit",
                vec!["0123456789abcdef0123456789abcdef01234567"; n],
            ),
            column("host", host),
        ];
        parquet(&folder.join("runs.parquet"), columns);
    }
}

fn parts(folder: &Path, run: &str, point: u32, seed: u64, arms: &[Truth]) {
    let years = arms[0].welfare.len();
    let rows: Vec<(usize, usize)> = (0..arms.len())
        .flat_map(|a| (0..years).map(move |y| (a, y)))
        .collect();
    let each = |of: &dyn Fn(&Truth, usize) -> f64| {
        rows.iter()
            .map(|&(a, y)| of(&arms[a], y))
            .collect::<Vec<f64>>()
    };
    let schedule = |rates: [f64; 3]| {
        let pairs = EDGES
            .iter()
            .zip(rates)
            .map(|(edge, rate)| format!("{edge}:{rate}"));
        pairs.collect::<Vec<_>>().join(",")
    };
    let head = |n: usize| {
        vec![
            column("run", vec![run; n]),
            column("point", vec![point; n]),
            column("replicate", vec![arms[0].replicate; n]),
            column("seed", vec![seed; n]),
        ]
    };
    let mut columns = head(rows.len());
    columns.extend([
        column(
            "main",
            rows.iter().map(|(a, _)| *a == 0).collect::<Vec<_>>(),
        ),
        column(
            "arm",
            rows.iter()
                .map(|(a, _)| arms[*a].arm.clone())
                .collect::<Vec<_>>(),
        ),
        column(
            "year",
            rows.iter().map(|(_, y)| *y as u32 + 1).collect::<Vec<_>>(),
        ),
        column(
            "schedule",
            rows.iter()
                .map(|&(a, y)| schedule(arms[a].rates[y]))
                .collect::<Vec<_>>(),
        ),
        column("revenue", each(&|arm, y| 60_000.0 * arm.average_rate[y])),
        column("welfare", each(&|arm, y| arm.welfare[y])),
        column("income_mean", vec![60_000.0; rows.len()]),
    ]);
    parquet(
        &folder.join("years.parquet").join(format!("{run}.parquet")),
        columns,
    );
    let n = arms.len();
    let of = |of: &dyn Fn(&Truth) -> f64| arms.iter().map(of).collect::<Vec<f64>>();
    let mut columns = head(n);
    columns.extend([
        column("main", (0..n).map(|a| a == 0).collect::<Vec<_>>()),
        column(
            "arm",
            arms.iter().map(|arm| arm.arm.clone()).collect::<Vec<_>>(),
        ),
        column(
            "objective",
            arms.iter()
                .map(|arm| arm.objective.clone())
                .collect::<Vec<_>>(),
        ),
        column("unit", vec!["$/year"; n]),
        column("years", vec![years as u32; n]),
        column(
            "schedule",
            arms.iter()
                .map(|arm| schedule(arm.rates[years - 1]))
                .collect::<Vec<_>>(),
        ),
        column("welfare", of(&|arm| arm.welfare[years - 1])),
        column("welfare_last_third", of(&|arm| arm.last_third)),
        column("attained", vec![None::<f64>; n]),
        column(
            "income_mean",
            of(&|arm| 60_000.0 + 100.0 * f64::from(arm.replicate)),
        ),
        column(
            "labor_mean",
            of(&|arm| 40.0 - 10.0 * arm.rates[years - 1][0]),
        ),
        column(
            "gini_income",
            of(&|arm| 0.5 + 0.01 * arm.rates[years - 1][1]),
        ),
        column(
            "gini_disposable",
            of(&|arm| 0.5 - 0.4 * arm.rates[years - 1][1]),
        ),
        column("revenue", of(&|arm| 60_000.0 * arm.average_rate[years - 1])),
        column("decisions", vec![0i64; n]),
        column("failures", vec![0i64; n]),
    ]);
    parquet(
        &folder
            .join("summary.parquet")
            .join(format!("{run}.parquet")),
        columns,
    );
}

fn workers(folder: &Path, run: &str, arms: &[Truth]) {
    let count = arms[0].workers.len();
    let rows: Vec<(usize, usize)> = (0..arms.len())
        .flat_map(|a| (0..count).map(move |i| (a, i)))
        .collect();
    let n = rows.len();
    let each = |k: usize| {
        rows.iter()
            .map(|&(a, i)| arms[a].workers[i][k])
            .collect::<Vec<f64>>()
    };
    let columns = vec![
        column(
            "arm",
            rows.iter()
                .map(|(a, _)| arms[*a].arm.clone())
                .collect::<Vec<_>>(),
        ),
        column("step", vec![24u32; n]),
        column(
            "worker",
            rows.iter().map(|(_, i)| *i as u32).collect::<Vec<_>>(),
        ),
        column("wage", each(0)),
        column("labor", vec![40.0; n]),
        column("income", each(1)),
        column("tax", each(2)),
        column("disposable", each(3)),
    ];
    parquet(
        &folder.join("runs").join(run).join("workers.parquet"),
        columns,
    );
}
