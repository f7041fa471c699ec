//! Figures and report of made-up finished runs.

mod report_folders;

use report_folders::{Made, THREE_ARMS, TINY, write};

const SEVEN: [&str; 7] = [
    "llm",
    "none",
    "us-2024",
    "us-2017",
    "saez-static",
    "saez-fixed-point",
    "optimal",
];

/// Runs to look at: `cargo test --test report_figures -- --ignored samples`, then see `target/tmp/report-samples`.
#[test]
#[ignore = "writes pictures for people"]
fn samples() {
    let root = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-samples");
    let made = [
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
            name: "forty <script>alert(1)</script>",
            arms: &["llm"],
            years: 40,
            tax_year: 1,
            ..THREE_ARMS
        },
        Made {
            name: "names",
            arms: &[
                "llm",
                "a-planner-with-a-rather-long-name-in-its-author's-scenario",
                "optimal",
            ],
            welfare_scale: 1e5,
            ..THREE_ARMS
        },
    ];
    for one in made {
        let folder = root.join(one.name.split(' ').next().unwrap());
        write(&folder, &one);
        println!(
            "{}",
            fisc::report::table(&fisc::report::Summary::read(&folder).unwrap())
        );
        fisc::report::html(&folder).unwrap();
    }
    let _ = TINY;
}
