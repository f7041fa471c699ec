//! Figures and report of made-up finished runs.

mod report_folders;

use std::collections::HashMap;
use std::path::Path;

use polars::prelude::Column;
use report_folders::{Made, THREE_ARMS, TINY, parquet, schedule, write};
use resvg::usvg;

const SEVEN: [&str; 7] = [
    "llm",
    "none",
    "us-2024",
    "us-2017",
    "saez-static",
    "saez-fixed-point",
    "optimal",
];
const LONG: &str = "a-planner-with-a-rather-long-name-in-its-author's-scenario";
const HOSTILE: &str = "<script>alert(1)</script>";

/// Runs that differ in what makes figures go wrong: size, scale, names.
fn all_kinds() -> [Made<'static>; 7] {
    [
        THREE_ARMS,
        TINY,
        Made {
            name: "seven",
            arms: &SEVEN,
            ..THREE_ARMS
        },
        Made {
            name: "dozen",
            arms: &SEVEN[..4],
            workers: 12,
            years: 5,
            llm_workers: true,
            ..THREE_ARMS
        },
        Made {
            name: "one-year",
            arms: &SEVEN,
            years: 1,
            welfare_scale: -1e9,
            unit: "utils",
            ..THREE_ARMS
        },
        Made {
            name: "forty",
            arms: &["llm"],
            years: 40,
            tax_year: 1,
            ..THREE_ARMS
        },
        Made {
            name: "names",
            arms: &["llm", LONG, "optimal"],
            welfare_scale: 1e5,
            ..THREE_ARMS
        },
    ]
}

fn made(one: &Made) -> (tempfile::TempDir, Vec<(String, u32, f64)>) {
    let folder = tempfile::tempdir().unwrap();
    let years = write(folder.path(), one);
    (folder, years)
}

/// Runs to look at: `cargo test --test report_figures -- --ignored samples`; they appear in
/// `target/tmp/report-samples`.
#[test]
#[ignore = "writes pictures for people"]
fn samples() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-samples");
    for one in all_kinds() {
        let folder = root.join(one.name);
        write(&folder, &one);
        println!(
            "{}",
            fisc::report::table(&fisc::report::Summary::read(&folder).unwrap())
        );
        fisc::report::html(&folder).unwrap();
    }
}

/// Rows of a CSV file without quoted fields, by column name.
fn csv(folder: &Path, id: &str) -> HashMap<String, Vec<String>> {
    let text = std::fs::read_to_string(folder.join("figures").join(format!("{id}.csv"))).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut columns: HashMap<String, Vec<String>> = HashMap::new();
    for line in lines {
        for (name, field) in names.iter().zip(line.split(',')) {
            columns
                .entry((*name).into())
                .or_default()
                .push(field.into());
        }
    }
    columns
}

fn numbers(columns: &HashMap<String, Vec<String>>, name: &str) -> Vec<f64> {
    columns[name]
        .iter()
        .map(|field| field.parse().unwrap())
        .collect()
}

#[test]
fn welfare_and_rates_are_the_years() {
    let (folder, years) = made(&THREE_ARMS);
    fisc::report::figures(folder.path()).unwrap();
    let welfare = csv(folder.path(), "welfare");
    let written: Vec<_> = years.iter().map(|row| row.2).collect();
    assert_eq!(numbers(&welfare, "welfare"), written);
    assert_eq!(
        welfare["arm"],
        years.iter().map(|row| row.0.clone()).collect::<Vec<_>>()
    );

    let rates = csv(folder.path(), "rates");
    let expected: Vec<(f64, f64)> = (1..=12).flat_map(|year| schedule("llm", year)).collect();
    let drawn: Vec<(f64, f64)> = numbers(&rates, "lower_edge")
        .into_iter()
        .zip(numbers(&rates, "rate"))
        .collect();
    assert_eq!(drawn, expected, "only `llm` moves its rates");
}

#[test]
fn schedules_integrate_to_the_tax() {
    let (folder, _) = made(&THREE_ARMS);
    fisc::report::figures(folder.path()).unwrap();
    let drawn = csv(folder.path(), "schedules");
    let (income, marginal) = (numbers(&drawn, "income"), numbers(&drawn, "marginal_rate"));
    let average = numbers(&drawn, "average_rate");
    let mut tax = 0.0;
    for i in 0..income.len() {
        // The area under the marginal rate so far is the tax, since every edge is on the grid.
        tax = if income[i] == 0.0 {
            0.0
        } else {
            tax + marginal[i - 1] * (income[i] - income[i - 1])
        };
        assert!(
            (average[i] * income[i] - tax).abs() < 1e-6,
            "{} at {}",
            drawn["arm"][i],
            income[i]
        );
    }
}

#[test]
fn hours_are_the_workers_of_the_last_step() {
    let (folder, _) = made(&Made {
        workers: 12,
        ..THREE_ARMS
    });
    fisc::report::figures(folder.path()).unwrap();
    let hours = csv(folder.path(), "hours");
    assert_eq!(hours["arm"].len(), 36);
    // In the closed form, l^(δ−1) = w(1−τ)/(χδ), unless the worker sits at a kink or on the made-up grid.
    let (wage, labor) = (numbers(&hours, "wage"), numbers(&hours, "labor"));
    let free = |i: usize| {
        let rates = schedule(&hours["arm"][i], 12);
        let income = 52.0 * wage[i] * labor[i];
        let k = rates.iter().rposition(|(edge, _)| *edge <= income).unwrap();
        (wage[i] * (1.0 - rates[k].1) / (0.0005 * 3.5)).powf(1.0 / 2.5)
    };
    let close = (0..36)
        .filter(|&i| (free(i) - labor[i]).abs() <= 0.26)
        .count();
    assert!(close >= 25, "{close} of 36");
}

#[test]
fn many_workers_are_grouped() {
    let (folder, _) = made(&THREE_ARMS);
    fisc::report::figures(folder.path()).unwrap();
    let hours = csv(folder.path(), "hours");
    assert_eq!(numbers(&hours, "workers"), vec![10.0; 60]);
    let (p10, p50, p90) = (
        numbers(&hours, "labor_p10"),
        numbers(&hours, "labor_median"),
        numbers(&hours, "labor_p90"),
    );
    assert!((0..60).all(|i| p10[i] <= p50[i] && p50[i] <= p90[i]));
}

#[test]
fn lorenz_curve_of_three_workers_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &TINY);
    parquet(
        &folder.path().join("workers.parquet"),
        vec![
            Column::new("arm".into(), vec!["us-2024"; 3]),
            Column::new("step".into(), vec![1u32; 3]),
            Column::new("worker".into(), vec![0u32, 1, 2]),
            Column::new("wage".into(), vec![10.0, 20.0, 30.0]),
            Column::new("labor".into(), vec![40.0, 40.0, 40.0]),
            Column::new("income".into(), vec![60_000.0, 10_000.0, 30_000.0]),
            Column::new("tax".into(), vec![20_000.0, 0.0, 10_000.0]),
            Column::new("disposable".into(), vec![50_000.0, 20_000.0, 30_000.0]),
        ],
    );
    let figures = fisc::report::figures(folder.path()).unwrap();
    let lorenz = csv(folder.path(), "lorenz");
    let shares = numbers(&lorenz, "amount_share");
    for (drawn, by_hand) in shares.iter().zip([0.0, 0.1, 0.4, 1.0, 0.0, 0.2, 0.5, 1.0]) {
        assert!((drawn - by_hand).abs() < 1e-12);
    }
    // Gini = Σ|x_i − x_j| / (2 n² mean): 2·(50+20+30)/(2·9·100/3) = 1/3 and 2·(30+10+20)/600 = 0.2.
    let svg = figures.iter().find(|figure| figure.id == "lorenz").unwrap();
    assert!(
        std::fs::read_to_string(&svg.svg)
            .unwrap()
            .contains("Gini 0.333 → 0.200")
    );
}

#[test]
fn choices_are_shares() {
    let (folder, _) = made(&Made {
        workers: 12,
        llm_workers: true,
        years: 3,
        ..THREE_ARMS
    });
    let figures = fisc::report::figures(folder.path()).unwrap();
    assert_eq!(figures.last().unwrap().id, "choices");
    let choices = csv(folder.path(), "choices");
    let total: f64 = numbers(&choices, "share").iter().sum();
    assert!((total - 3.0).abs() < 1e-12, "one per arm");
    // 12 workers in 4 steps: shares are multiples of 1/48.
    assert!(numbers(&choices, "share").iter().all(|share| (share * 48.0).fract().abs() < 1e-9
        || (share * 48.0).fract() > 1.0 - 1e-9));
}

/// All boxes of text of a figure.
fn text_boxes(group: &usvg::Group, found: &mut Vec<(String, usvg::Rect)>) {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => text_boxes(group, found),
            usvg::Node::Text(text) => {
                let words = text.chunks().iter().map(|chunk| chunk.text()).collect();
                found.push((words, text.abs_bounding_box()));
            }
            _ => {}
        }
    }
}

#[test]
fn every_figure_is_svg_whose_text_stays_inside_and_apart() {
    let mut options = usvg::Options::default();
    for font in [
        &include_bytes!("../src/report/fonts/Arimo-Regular-latin.ttf")[..],
        &include_bytes!("../src/report/fonts/Arimo-Bold-latin.ttf")[..],
    ] {
        options.fontdb_mut().load_font_data(font.to_vec());
    }
    for one in all_kinds() {
        let (folder, _) = made(&one);
        for figure in fisc::report::figures(folder.path()).unwrap() {
            let svg = std::fs::read_to_string(&figure.svg).unwrap();
            let tree = usvg::Tree::from_str(&svg, &options).unwrap();
            let mut texts = Vec::new();
            text_boxes(tree.root(), &mut texts);
            assert!(texts.len() > 5, "{}: {}", one.name, figure.id);
            for (i, (text, rect)) in texts.iter().enumerate() {
                let place = format!("{}: {}: {text:?} {rect:?}", one.name, figure.id);
                assert!(
                    rect.left() >= 2.0 && rect.right() <= tree.size().width() - 2.0,
                    "{place}"
                );
                assert!(
                    rect.top() >= 0.0 && rect.bottom() <= tree.size().height(),
                    "{place}"
                );
                for (other, with) in &texts[..i] {
                    let across = rect.right().min(with.right()) - rect.left().max(with.left());
                    let down = rect.bottom().min(with.bottom()) - rect.top().max(with.top());
                    assert!(
                        across <= 0.0 || down <= 1.5,
                        "{place} overlaps {other:?} {with:?}"
                    );
                }
            }
            let png = std::fs::read(&figure.png).unwrap();
            assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
            assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), 1800);
        }
    }
}

#[test]
fn the_page_is_escaped_whole_and_loads_nothing() {
    let hostile_arm = "<img src=x onerror=alert(2)>";
    let (folder, _) = made(&Made {
        name: HOSTILE,
        arms: &["us-2024", hostile_arm],
        ..THREE_ARMS
    });
    std::fs::write(
        folder.path().join("manifest.json"),
        r#"{"<b>key</b>":"</td><script>x</script>"}"#,
    )
    .unwrap();
    let page = fisc::report::html(folder.path()).unwrap();
    assert_eq!(page, folder.path().join("report.html"));
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.ends_with("</html>") || html.ends_with("</html>\n"));
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<b>key"));
    assert!(html.contains("&lt;script&gt;alert(1)"));
    let outside = html
        .replace("http://www.w3.org/2000/svg", "")
        .replace("http-equiv", "");
    assert!(
        !outside.contains("http") && !outside.contains("src=\"") && !outside.contains("@import")
    );
    assert_eq!(html.matches("<svg").count(), 5);
    for file in ["figures", "."] {
        for entry in std::fs::read_dir(folder.path().join(file)).unwrap() {
            let name = entry.unwrap().file_name();
            assert!(
                !name.to_string_lossy().starts_with('.'),
                "a draft was left: {name:?}"
            );
        }
    }
}

#[test]
fn a_missing_column_is_named_with_its_file() {
    let (folder, _) = made(&TINY);
    parquet(
        &folder.path().join("years.parquet"),
        vec![Column::new("arm".into(), vec!["us-2024"])],
    );
    let error = fisc::report::figures(folder.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("years.parquet") && error.contains("`year`"),
        "{error}"
    );
    std::fs::remove_file(folder.path().join("summary.json")).unwrap();
    let error = fisc::report::html(folder.path()).unwrap_err().to_string();
    assert!(error.contains("summary.json"), "{error}");
}

#[test]
fn a_run_without_recorded_workers_has_the_other_figures() {
    let (folder, _) = made(&TINY);
    std::fs::remove_file(folder.path().join("workers.parquet")).unwrap();
    std::fs::remove_file(folder.path().join("manifest.json")).unwrap();
    std::fs::remove_file(folder.path().join("scenario.toml")).unwrap();
    let figures = fisc::report::figures(folder.path()).unwrap();
    let ids: Vec<_> = figures.iter().map(|figure| figure.id.as_str()).collect();
    assert_eq!(ids, ["welfare", "rates", "schedules"]);
    fisc::report::html(folder.path()).unwrap();
}
