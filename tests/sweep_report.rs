//! Figures, tables and report of made-up sweeps, against numbers computed anew from what was written.

mod sweep_folders;

use std::collections::HashMap;
use std::path::Path;

use base64::Engine as _;
use fisc::report::{Plot, sweep_figures, sweep_html, sweep_text};
use sha2::{Digest, Sha256};
use sweep_folders::{EDGES, Made, STANDARD, Truth, write};

/// t_{0.975} with 4 degrees of freedom, from a printed table.
const T4: f64 = 2.776_445_105_197_794;

const HOSTILE: &str = "<script>alert(1)</script> \"5 % & more\" _x_ {y}";

const NUMBERS: Made = Made {
    objectives: &["rawlsian"],
    sizes: &[100, 1_000, 10_000],
    exponents: &[2.0, 3.0],
    years: 6,
    workers: 0,
    ..STANDARD
};

const ONE: Made = Made {
    planners: &["llm"],
    compare: &["us-2024"],
    objectives: &["rawlsian"],
    seeds: 1,
    ..STANDARD
};

/// Sweeps that differ in what makes figures go wrong.
fn all_kinds() -> Vec<(&'static str, Made<'static>)> {
    let sampled: &'static [f64] = &[
        2.05, 2.11, 2.2, 2.31, 2.4, 2.52, 2.6, 2.71, 2.8, 2.95, 3.0, 3.1, 3.25, 3.33, 3.4, 3.57,
        3.6, 3.75, 3.8, 3.92, 4.0, 4.1, 4.25, 4.3, 4.41,
    ];
    vec![
        ("standard", STANDARD),
        (
            "one-group",
            Made {
                objectives: &["rawlsian"],
                ..STANDARD
            },
        ),
        ("numbers", NUMBERS),
        ("one", ONE),
        (
            "one-year",
            Made {
                years: 1,
                seeds: 3,
                ..STANDARD
            },
        ),
        (
            "sampled",
            Made {
                exponents: sampled,
                objectives: &["rawlsian"],
                years: 3,
                workers: 0,
                seeds: 3,
                ..STANDARD
            },
        ),
        (
            "hostile",
            Made {
                objectives: &["utilitarian", HOSTILE],
                failed: &[0, 7],
                message: HOSTILE,
                pending: &[9],
                ..STANDARD
            },
        ),
        (
            "none-finished",
            Made {
                pending: &[0],
                ..ONE
            },
        ),
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

fn made(one: &Made) -> (tempfile::TempDir, Vec<Truth>) {
    let folder = tempfile::tempdir().unwrap();
    let truths = write(folder.path(), one);
    (folder, truths)
}

/// Rows of a CSV file by column name; quoted fields may hold commas.
fn csv(path: &Path) -> Vec<HashMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().unwrap().push(c),
            }
        }
        fields
    });
    let names = lines.next().unwrap();
    lines
        .map(|fields| {
            assert_eq!(fields.len(), names.len(), "{}", path.display());
            names.iter().cloned().zip(fields).collect()
        })
        .collect()
}

fn number(row: &HashMap<String, String>, name: &str) -> f64 {
    row[name]
        .parse()
        .unwrap_or_else(|_| panic!("{name}: {:?}", row[name]))
}

fn near(a: f64, b: f64) {
    assert!(
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9),
        "{a} is not {b}"
    );
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Half-width of the 95 % t interval of five values.
fn half_of_five(values: &[f64]) -> f64 {
    assert_eq!(values.len(), 5);
    let m = mean(values);
    let squares: f64 = values.iter().map(|v| (v - m) * (v - m)).sum();
    T4 * (squares / 4.0).sqrt() / 5f64.sqrt()
}

fn of<'a>(truths: &'a [Truth], arm: &str, objective: &str) -> Vec<&'a Truth> {
    let mut found: Vec<&Truth> = truths
        .iter()
        .filter(|truth| truth.arm == arm && truth.objective == objective)
        .collect();
    found.sort_by_key(|truth| truth.replicate);
    found
}

#[test]
fn every_figure_is_there_in_three_forms() {
    for (name, one) in all_kinds() {
        let (folder, _) = made(&one);
        let figures = sweep_figures(folder.path(), &Plot::default()).unwrap();
        let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
        let expected: &[&str] = match name {
            "standard" => &[
                "welfare",
                "tax",
                "rates",
                "gain",
                "gain-by-objective_welfare",
                "schedules",
                "regret",
                "deciles",
                "deciles-tax",
                "overview-1",
            ],
            "one" => &[
                "welfare",
                "tax",
                "rates",
                "gain",
                "schedules",
                "deciles",
                "deciles-tax",
            ],
            "sampled" => &[
                "welfare",
                "tax",
                "rates",
                "gain",
                "gain-by-economy_labor_exponent",
                "schedules",
                "regret",
                "overview-1",
                "overview-2",
            ],
            "none-finished" => &[],
            _ => &ids,
        };
        assert_eq!(ids, expected, "{name}");
        for figure in figures {
            let svg = std::fs::read_to_string(&figure.svg).unwrap();
            resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
            assert!(svg.contains(&format!("<title id=\"{}-title\">", figure.id)));
            assert!(std::fs::read(&figure.png).unwrap().starts_with(b"\x89PNG"));
            assert!(!csv(&figure.csv).is_empty(), "{name}: {}", figure.id);
            assert!(!figure.caption.is_empty());
        }
    }
}

#[test]
fn trajectories_are_means_with_t_intervals() {
    let (folder, truths) = made(&STANDARD);
    sweep_figures(folder.path(), &Plot::default()).unwrap();
    for (id, of_year) in [
        (
            "welfare",
            (|t: &Truth, y: usize| t.welfare[y]) as fn(&Truth, usize) -> f64,
        ),
        ("tax", |t, y| t.average_rate[y]),
    ] {
        let rows = csv(&folder.path().join(format!("figures/{id}.csv")));
        assert_eq!(rows.len(), 2 * 5 * 12);
        for row in rows {
            let year = number(&row, "year") as usize;
            let values: Vec<f64> = of(&truths, &row["arm"], &row["objective_welfare"])
                .into_iter()
                .map(|truth| of_year(truth, year - 1))
                .collect();
            near(number(&row, "mean"), mean(&values));
            let half = half_of_five(&values);
            // Seeds that agree but for rounding have an interval without width.
            if half > 1e-9 * mean(&values).abs() {
                near(number(&row, "low"), mean(&values) - half);
                near(number(&row, "high"), mean(&values) + half);
            }
            assert_eq!(row["n"], "5");
        }
    }
}

#[test]
fn gains_and_regrets_are_paired_by_seed() {
    let (folder, truths) = made(&STANDARD);
    sweep_figures(folder.path(), &Plot::default()).unwrap();
    let last = |arm: &str, objective: &str| -> Vec<f64> {
        of(&truths, arm, objective)
            .iter()
            .map(|truth| truth.last_third)
            .collect()
    };
    let minus =
        |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
    for (id, sign) in [("gain", 1.0), ("regret", -1.0)] {
        let rows = csv(&folder.path().join(format!("figures/{id}.csv")));
        assert_eq!(rows.len(), 2 * 4 * 5);
        for row in rows {
            let other = if id == "gain" {
                "saez-fixed-point"
            } else {
                "optimal"
            };
            let objective = &row["objective_welfare"];
            let replicate = number(&row, "replicate") as usize;
            let d = minus(&last(&row["arm"], objective), &last(other, objective));
            near(number(&row, id), sign * d[replicate - 1]);
        }
    }
    for row in csv(&folder.path().join("figures/gain-by-objective_welfare.csv")) {
        let objective = &row["objective_welfare"];
        let saez = last("saez-fixed-point", objective);
        let d = minus(&last(&row["arm"], objective), &saez);
        let attainable = minus(&last("optimal", objective), &last("us-2024", objective));
        near(number(&row, "gain"), mean(&d));
        near(number(&row, "gain_low"), mean(&d) - half_of_five(&d));
        near(
            number(&row, "percent"),
            100.0 * mean(&d) / mean(&attainable),
        );
        let (low, high) = (number(&row, "percent_low"), number(&row, "percent_high"));
        let share = number(&row, "percent") / 100.0;
        assert!(low <= 100.0 * share && 100.0 * share <= high);
        // Fieller: at the ends the t statistic of d − θ·g is the quantile.
        for end in [low / 100.0, high / 100.0] {
            let r: Vec<f64> = d
                .iter()
                .zip(&attainable)
                .map(|(d, g)| d - end * g)
                .collect();
            assert!((mean(&r).abs() / half_of_five(&r) - 1.0).abs() < 1e-6);
        }
    }
}

#[test]
fn one_key_of_two_is_averaged_or_panelled() {
    let (folder, truths) = made(&NUMBERS);
    let plot = |by: &[&str], outcome: Option<&str>| Plot {
        by: by.iter().map(|key| (*key).into()).collect(),
        outcome: outcome.map(str::to_owned),
    };
    let value = |arm: &str, size: i64, exponent: f64| -> Vec<f64> {
        let mut found: Vec<&Truth> = truths
            .iter()
            .filter(|t| t.arm == arm && t.size == size && t.exponent == exponent)
            .collect();
        found.sort_by_key(|truth| truth.replicate);
        found.iter().map(|truth| truth.last_third).collect()
    };
    let figures = sweep_figures(folder.path(), &plot(&["population.size"], None)).unwrap();
    assert_eq!(figures[0].id, "gain-by-population_size");
    assert!(
        !figures[0].caption.contains("differs too"),
        "{}",
        figures[0].caption
    );
    let rows = csv(&figures[0].csv);
    assert_eq!(rows.len(), 2 * 3 * 4);
    for row in rows {
        let size: f64 = row["population_size"].parse().unwrap();
        let exponent: f64 = row["others"]
            .strip_prefix("labor_exponent ")
            .unwrap()
            .parse()
            .unwrap();
        let (a, b) = (
            value(&row["arm"], size as i64, exponent),
            value("saez-fixed-point", size as i64, exponent),
        );
        near(number(&row, "gain"), mean(&a) - mean(&b));
    }
    // Two keys: a heat map, and a column of the summary instead of the gain.
    let both = plot(
        &["population_size", "economy.labor_exponent"],
        Some("welfare_last_third"),
    );
    let figures = sweep_figures(folder.path(), &both).unwrap();
    assert!(
        figures[0]
            .caption
            .starts_with("Mean over the last third of the tax years as in summary.parquet"),
        "{}",
        figures[0].caption
    );
    let rows = csv(&figures[0].csv);
    assert_eq!(rows.len(), 3 * 2 * 5);
    for row in rows {
        near(number(&row, "groups"), 1.0);
        let size: f64 = row["population_size"].parse().unwrap();
        let values = value(
            &row["arm"],
            size as i64,
            number(&row, "economy_labor_exponent"),
        );
        near(number(&row, "welfare_last_third"), mean(&values));
        near(
            number(&row, "welfare_last_third_high"),
            mean(&values) + half_of_five(&values),
        );
    }
}

#[test]
fn a_key_that_varies_with_the_one_shown_is_no_panel() {
    let (folder, truths) = made(&Made {
        sizes: &[100, 1000, 10_000],
        exponents: &[2.0, 3.0, 4.0],
        together: true,
        ..STANDARD
    });
    let plot = Plot {
        by: vec!["population.size".into()],
        outcome: None,
    };
    let figures = sweep_figures(folder.path(), &plot).unwrap();
    let told = "from place to place economy.labor_exponent differs too";
    assert!(figures[0].caption.contains(told), "{}", figures[0].caption);
    let rows = csv(&figures[0].csv);
    // A panel for each objective, and no average over them.
    assert_eq!(rows.len(), 2 * 3 * 4);
    for row in rows {
        let size = number(&row, "population_size") as i64;
        let objective = row["others"].strip_prefix("welfare ").unwrap();
        let value = |arm: &str| -> Vec<f64> {
            of(&truths, arm, objective)
                .iter()
                .filter(|truth| truth.size == size)
                .map(|truth| truth.last_third)
                .collect()
        };
        near(
            number(&row, "gain"),
            mean(&value(&row["arm"])) - mean(&value("saez-fixed-point")),
        );
    }
}

#[test]
fn deciles_are_those_of_the_same_workers() {
    let (folder, truths) = made(&STANDARD);
    sweep_figures(folder.path(), &Plot::default()).unwrap();
    // Four workers of forty in each decile.
    let decile = |truth: &Truth, d: usize| {
        let mut workers = truth.workers.clone();
        workers.sort_by(|a, b| a[0].total_cmp(&b[0]));
        workers[4 * d..4 * d + 4].to_vec()
    };
    for row in csv(&folder.path().join("figures/deciles.csv")) {
        let d = number(&row, "decile") as usize - 1;
        let objective = &row["objective_welfare"];
        let change: Vec<f64> = of(&truths, &row["arm"], objective)
            .into_iter()
            .zip(of(&truths, "us-2024", objective))
            .map(|(arm, law)| {
                let of = |truth: &Truth| {
                    mean(&decile(truth, d).iter().map(|w| w[3]).collect::<Vec<_>>())
                };
                of(arm) - of(law)
            })
            .collect();
        near(number(&row, "change"), mean(&change));
        assert_ne!(row["arm"], "us-2024");
    }
    for row in csv(&folder.path().join("figures/deciles-tax.csv")) {
        let d = number(&row, "decile") as usize - 1;
        let rates: Vec<f64> = of(&truths, &row["arm"], &row["objective_welfare"])
            .into_iter()
            .map(|truth| {
                let workers = decile(truth, d);
                let sum = |k: usize| workers.iter().map(|w| w[k]).sum::<f64>();
                sum(2) / sum(1)
            })
            .collect();
        near(number(&row, "average_rate"), mean(&rates));
    }
}

#[test]
fn schedules_and_rates_are_as_set() {
    let (folder, truths) = made(&STANDARD);
    sweep_figures(folder.path(), &Plot::default()).unwrap();
    let rows = csv(&folder.path().join("figures/schedules.csv"));
    assert_eq!(rows.len(), 2 * 5 * 5 * 3);
    for row in rows {
        let k = number(&row, "bracket") as usize - 1;
        let replicate = number(&row, "replicate") as usize - 1;
        let truth = of(&truths, &row["arm"], &row["objective_welfare"])[replicate];
        assert_eq!(number(&row, "rate"), truth.rates[11][k]);
        assert_eq!(number(&row, "lower_edge"), EDGES[k]);
    }
    let rows = csv(&folder.path().join("figures/rates.csv"));
    assert!(
        rows.iter()
            .all(|row| ["llm", "saez-fixed-point"].contains(&row["arm"].as_str()))
    );
    for row in rows {
        let (k, year) = (
            number(&row, "bracket") as usize - 1,
            number(&row, "year") as usize - 1,
        );
        let rates: Vec<f64> = of(&truths, &row["arm"], &row["objective_welfare"])
            .into_iter()
            .map(|truth| truth.rates[year][k])
            .collect();
        near(number(&row, "rate"), mean(&rates));
    }
}

#[test]
fn tables_hold_the_same_numbers_and_are_latex() {
    let (folder, truths) = made(&STANDARD);
    sweep_html(folder.path()).unwrap();
    let tables = folder.path().join("tables");
    let rows = csv(&tables.join("means.csv"));
    assert_eq!(rows.len(), 10);
    for row in &rows {
        let ours = of(&truths, &row["arm"], &row["objective_welfare"]);
        let values: Vec<f64> = ours.iter().map(|truth| truth.last_third).collect();
        near(number(row, "welfare_last_third"), mean(&values));
        near(
            number(row, "welfare_last_third_low"),
            mean(&values) - half_of_five(&values),
        );
        let revenue: Vec<f64> = ours
            .iter()
            .map(|truth| 60_000.0 * truth.average_rate[11])
            .collect();
        near(number(row, "revenue"), mean(&revenue));
        let last = |arm: &str| {
            let truths = of(&truths, arm, &row["objective_welfare"]);
            mean(
                &truths
                    .iter()
                    .map(|truth| truth.last_third)
                    .collect::<Vec<_>>(),
            )
        };
        let share = (last(&row["arm"]) - last("us-2024")) / (last("optimal") - last("us-2024"));
        if share.abs() > 1e-9 {
            near(number(row, "attained_percent"), 100.0 * share);
        }
    }
    for row in csv(&tables.join("differences.csv")) {
        if row["arm"] == row["reference"] {
            continue;
        }
        let objective = row
            .get("objective.welfare")
            .or(row.get("objective_welfare"))
            .unwrap();
        let of = |arm: &str| -> Vec<f64> {
            of(&truths, arm, objective)
                .iter()
                .map(|t| t.last_third)
                .collect()
        };
        let d: Vec<f64> = of(&row["arm"])
            .iter()
            .zip(of(&row["reference"]))
            .map(|(a, b)| a - b)
            .collect();
        near(number(&row, "difference"), mean(&d));
        near(number(&row, "t_low"), mean(&d) - half_of_five(&d));
    }
    for name in ["means.tex", "differences.tex"] {
        balanced(&std::fs::read_to_string(tables.join(name)).unwrap());
    }
}

#[test]
fn gains_begin_at_a_law_of_compare_and_headings_say_so() {
    let (folder, _) = made(&Made {
        planners: &["us-1979", "llm"],
        compare: &["us-2024", "optimal"],
        objectives: &["rawlsian"],
        ..STANDARD
    });
    let text = sweep_text(folder.path()).unwrap();
    assert!(
        text.contains("attained, % of gain over us-2024, last third"),
        "{text}"
    );
    sweep_html(folder.path()).unwrap();
    let rows = csv(&folder.path().join("tables/means.csv"));
    let attained = |arm: &str| {
        let row = rows.iter().find(|row| row["arm"] == arm).unwrap();
        number(row, "attained_percent")
    };
    near(attained("us-2024"), 0.0);
    near(attained("optimal"), 100.0);
    let differences = csv(&folder.path().join("tables/differences.csv"));
    assert!(differences.iter().all(|row| row["law"] == "us-2024"));
}

/// Every line of the table has as many cells as the table has columns, and no bare special character.
fn balanced(tex: &str) {
    let begin = tex
        .lines()
        .find(|line| line.starts_with("\\begin{tabular}"))
        .unwrap();
    let columns = begin
        .rsplit('{')
        .next()
        .unwrap()
        .trim_end_matches('}')
        .len();
    let (mut rows, mut spans) = (0, 0);
    for line in tex.lines().filter(|line| line.ends_with("\\\\")) {
        let plain = line
            .replace("\\\\", "\u{1}")
            .replace("\\&", "")
            .replace("\\%", "")
            .replace("\\_", "")
            .replace("\\$", "");
        if let Some(span) = line.strip_prefix("\\multicolumn{") {
            assert_eq!(
                span.split('}').next().unwrap(),
                columns.to_string(),
                "{line}"
            );
            spans += 1;
        } else {
            assert_eq!(plain.matches('&').count() + 1, columns, "{line}");
            rows += 1;
        }
        assert_eq!(plain.matches('$').count() % 2, 0, "{line}");
        assert!(!plain.contains(['%', '#', '_']), "{line}");
        let depth = plain.replace("\\{", "").replace("\\}", "");
        assert_eq!(
            depth.matches('{').count(),
            depth.matches('}').count(),
            "{line}"
        );
    }
    assert!(rows > 4 && spans > 0, "{tex}");
    for rule in ["\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}"] {
        assert_eq!(tex.matches(rule).count(), 1, "{rule}");
    }
}

#[test]
fn hostile_text_does_nothing_anywhere() {
    let hostile = Made {
        objectives: &["utilitarian", HOSTILE],
        failed: &[0],
        message: HOSTILE,
        ..STANDARD
    };
    let (folder, _) = made(&hostile);
    let page = std::fs::read_to_string(sweep_html(folder.path()).unwrap()).unwrap();
    assert!(!page.contains("<script>alert"));
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert_eq!(page.matches("<script").count(), 1);
    for name in ["means.tex", "differences.tex"] {
        balanced(&std::fs::read_to_string(folder.path().join("tables").join(name)).unwrap());
    }
    // Quoted fields come back as they were.
    let rows = csv(&folder.path().join("tables/means.csv"));
    assert!(
        rows.iter()
            .any(|row| row["objective_welfare"] == HOSTILE.replace('"', ""))
    );
}

#[test]
fn the_page_asks_nothing_of_the_network_and_runs_its_own_script_only() {
    let (folder, _) = made(&STANDARD);
    let page = std::fs::read_to_string(sweep_html(folder.path()).unwrap()).unwrap();
    let without = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:", "https:", "//cdn", "@import", "src=", "srcset", "<link", "<iframe", "fetch(",
        "XMLHttp",
    ] {
        assert!(!without.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("url(").count(), page.matches("url(#").count());
    let script = page
        .split("<script>")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script.as_bytes()));
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap()
        .split('>')
        .next()
        .unwrap();
    let policy = policy
        .replace("&#x2f;", "/")
        .replace("&#x3d;", "=")
        .replace("&#x2b;", "+");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(
        policy.contains(&format!("script-src 'sha256-{hash}'")),
        "{policy}"
    );
    assert!(!page.contains(" onclick=") && !page.contains("javascript:"));
}

#[test]
fn failed_and_pending_runs_are_told() {
    let failing = Made {
        failed: &[3, 12],
        message: "the model ran out of\nmemory at step 17",
        pending: &[5],
        ..STANDARD
    };
    let (folder, truths) = made(&failing);
    let page = std::fs::read_to_string(sweep_html(folder.path()).unwrap()).unwrap();
    assert!(page.contains("47 of 50 runs finished, 2 failed, 1 pending."));
    assert!(page.contains("the model ran out of; memory at step 17") && page.contains("playing"));
    for failed in ["a000000000000003", "a00000000000000c"] {
        assert!(page.contains(failed));
    }
    let text = sweep_text(folder.path()).unwrap();
    assert!(
        text.contains("* run a000000000000003 failed at playing: the model ran out of"),
        "{text}"
    );
    // Seeds that one arm lacks are missing from its pairs, and counted.
    let none = of(&truths, "none", "utilitarian");
    assert_eq!(none.len(), 4);
    let rows = csv(&folder.path().join("tables/means.csv"));
    let row = rows
        .iter()
        .find(|row| row["arm"] == "none" && row["objective_welfare"] == "utilitarian");
    assert_eq!(row.unwrap()["seeds"], "4");
}

#[test]
fn a_broken_part_is_named_and_left_out() {
    let (folder, _) = made(&STANDARD);
    let part = folder
        .path()
        .join("summary.parquet/a000000000000002.parquet");
    std::fs::write(&part, b"PAR1 torn").unwrap();
    std::fs::remove_file(folder.path().join("years.parquet/a000000000000004.parquet")).unwrap();
    let text = sweep_text(folder.path()).unwrap();
    assert!(
        text.contains("48 of 50 runs finished, 1 failed, 1 pending."),
        "{text}"
    );
    assert!(
        text.contains("a000000000000002") && text.contains("summary.parquet"),
        "{text}"
    );
    assert!(
        text.contains("run a000000000000004 is marked as finished"),
        "{text}"
    );
    let page = std::fs::read_to_string(sweep_html(folder.path()).unwrap()).unwrap();
    assert!(page.contains("a000000000000002"));
}

#[test]
fn small_sweeps_say_what_they_lack() {
    // One point, one seed.
    let (folder, _) = made(&ONE);
    let page = std::fs::read_to_string(sweep_html(folder.path()).unwrap()).unwrap();
    assert!(page.contains("One seed: there is no interval"));
    assert!(page.contains("regret: no run has the arm optimal"));
    // No recorded workers.
    let (folder, _) = made(&Made {
        workers: 0,
        ..STANDARD
    });
    let page = std::fs::read_to_string(sweep_html(folder.path()).unwrap()).unwrap();
    assert!(page.contains("deciles: no workers were recorded"));
    assert!(!folder.path().join("figures/deciles.csv").exists());
    // Nothing finished.
    let (folder, _) = made(&Made {
        pending: &[0],
        ..ONE
    });
    let page = std::fs::read_to_string(sweep_html(folder.path()).unwrap()).unwrap();
    assert!(page.contains("no run has finished"));
    assert!(page.contains("0 of 1 run finished, 0 failed, 1 pending."));
}

#[test]
fn wrong_keys_and_columns_are_input_errors() {
    let (folder, _) = made(&NUMBERS);
    let ask = |by: &[&str], outcome: Option<&str>| {
        let plot = Plot {
            by: by.iter().map(|key| (*key).into()).collect(),
            outcome: outcome.map(str::to_owned),
        };
        sweep_figures(folder.path(), &plot).unwrap_err()
    };
    let error = ask(&["population.sizes"], None);
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("population.size"), "{error}");
    let error = ask(&["population.size"], Some("revenu"));
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("revenue"), "{error}");
    assert_eq!(ask(&["planner.kind"], None).exit_code(), 2);
    assert_eq!(
        ask(&["population.size", "population.size"], None).exit_code(),
        2
    );
}

/// Planners that share their arm's name are told apart by the value of planner.kind.
#[test]
fn planners_of_one_name_are_two_arms() {
    let planners = [
        "us-2024",
        "{ llm = { tries = 2 } }",
        "{ llm = { tries = 8 } }",
    ];
    let (folder, _) = made(&Made {
        planners: &planners,
        objectives: &["rawlsian"],
        ..STANDARD
    });
    sweep_html(folder.path()).unwrap();
    let rows = csv(&folder.path().join("tables/means.csv"));
    let arms: Vec<&str> = rows.iter().map(|row| row["arm"].as_str()).collect();
    assert_eq!(arms, ["us-2024", "llm (tries 2)", "llm (tries 8)"]);
}
