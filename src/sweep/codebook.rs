//! What every column of a sweep's tables means: `codebook.csv`, and the README of the output folder.

use super::plan::{Plan, PlanKey, ValueKind};
use super::store::Store;
use crate::error::Result;
use crate::fiscal::statistics::{MOMENTS, VARIABLES};
use crate::run::tables;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub column: String,
    /// The tables that have it.
    pub tables: &'static str,
    /// `text`, `whole`, `number` or `flag`.
    pub kind: &'static str,
    /// Its unit; empty where there is none.
    pub unit: String,
    /// What it is.
    pub meaning: String,
}

const ALL: &str = "runs, years, summary";
const RUNS: &str = "runs";
const ROWS: &str = "years, summary";
const YEARS: &str = "years";
const SUMMARY: &str = "summary";
const WELFARE: &str = "unit of the objective";

/// Every column of the tables of `plan`, each once.
pub fn entries(plan: &Plan) -> Vec<Entry> {
    columns(&plan.keys, plan.wide.brackets, &plan.wide.objectives)
}

/// Every column of tables with these varied keys, brackets and objectives, each once.
pub(crate) fn columns(keys: &[PlanKey], brackets: usize, objectives: &[String]) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    let mut add = |column: &str, tables, kind, unit: &str, meaning: &str| {
        all.push(Entry {
            column: column.to_owned(),
            tables,
            kind,
            unit: unit.to_owned(),
            meaning: meaning.to_owned(),
        });
    };
    add(
        "run",
        ALL,
        "text",
        "",
        "name of the run: hash of its resolved scenario, the files it names and fisc's version; its folder is runs/<run>",
    );
    add(
        "point",
        ALL,
        "whole",
        "",
        "number of the combination of values, from 1",
    );
    add(
        "replicate",
        ALL,
        "whole",
        "",
        "number of the seed, from 1; the same number is the same seed at every point",
    );
    add(
        "seed",
        ALL,
        "whole",
        "",
        "seed of all random streams of the run",
    );
    for key in keys {
        let kind = match key.kind {
            ValueKind::Whole => "whole",
            ValueKind::Number => "number",
            ValueKind::Text => "text",
        };
        let meaning = format!("value of the scenario key `{}` (docs/scenario.md)", key.key);
        add(&key.column, ALL, kind, "", &meaning);
    }
    add(
        "status",
        RUNS,
        "text",
        "",
        "finished, failed, or pending (not yet played, or interrupted)",
    );
    add(
        "stage",
        RUNS,
        "text",
        "",
        "where a failed run failed: scenario, population, model, play, write, or worker (the process died)",
    );
    add("message", RUNS, "text", "", "why it failed");
    add(
        "wall_seconds",
        RUNS,
        "number",
        "seconds",
        "time that the run took",
    );
    add(
        "decisions",
        "runs, years, summary",
        "whole",
        "",
        "answers asked of language models, retries included",
    );
    add(
        "failures",
        "runs, years, summary",
        "whole",
        "",
        "of these, invalid ones",
    );
    add("tokens", RUNS, "whole", "tokens", "evaluated and generated");
    add(
        "cost",
        RUNS,
        "number",
        "dollars",
        "by the prices in the scenario",
    );
    add("fisc", RUNS, "text", "", "version that made the run");
    add(
        "git_commit",
        RUNS,
        "text",
        "",
        "commit that made the run; -dirty with uncommitted changes",
    );
    add("host", RUNS, "text", "", "machine");
    add(
        "main",
        ROWS,
        "flag",
        "",
        "whether the arm is the scenario's own planner, not one of [compare]",
    );
    add("arm", ROWS, "text", "", "planner, as in the scenario");
    add("year", YEARS, "whole", "", "tax year, from 1");
    add(
        "objective",
        SUMMARY,
        "text",
        "",
        "what welfare is measured by",
    );
    add("unit", SUMMARY, "text", "", "unit of welfare");
    add("years", SUMMARY, "whole", "", "tax years of the run");
    add(
        "schedule",
        ROWS,
        "text",
        "$/year, fraction",
        "schedule in force, edge:rate,…; in summary that of the last tax year",
    );
    for k in 1..=brackets {
        add(
            &format!("rate_{k}"),
            YEARS,
            "number",
            "fraction",
            &format!("marginal rate of bracket {k}; null in an arm with other brackets"),
        );
    }
    add("revenue", ROWS, "number", "$/year per worker", "mean tax");
    add(
        "rebate",
        ROWS,
        "number",
        "$/year per worker",
        "revenue less public spending, the same for everybody",
    );
    add(
        "welfare",
        ROWS,
        "number",
        WELFARE,
        "welfare under the scenario's objective, mean over the steps of the tax year; in summary of the last tax year",
    );
    for objective in objectives {
        let meaning =
            format!("welfare under the objective {objective}; null where it was not recorded");
        add(
            &format!("welfare_{objective}"),
            YEARS,
            "number",
            "unit of that objective",
            &meaning,
        );
    }
    for variable in VARIABLES {
        let (what, unit) = match variable {
            "income" => ("income before tax", "$/year"),
            "labor" => ("hours worked", "hours/week"),
            "tax" => ("tax", "$/year"),
            "disposable" => ("disposable income", "$/year"),
            _ => ("utility", "$/year, or utils under isoelastic utility"),
        };
        for moment in MOMENTS {
            let tables = match (variable, moment) {
                ("income" | "labor", "mean") => ROWS,
                _ => YEARS,
            };
            let of = match moment {
                "mean" => "mean of",
                "median" => "median of",
                "p10" => "10th percentile of",
                "p90" => "90th percentile of",
                _ => "99th percentile of",
            };
            add(
                &format!("{variable}_{moment}"),
                tables,
                "number",
                unit,
                &format!("{of} {what} over workers"),
            );
        }
    }
    add(
        "utility_min",
        YEARS,
        "number",
        "as utility_mean",
        "utility of the worst-off worker",
    );
    add(
        "gini_income",
        ROWS,
        "number",
        "fraction",
        "Gini coefficient of income before tax",
    );
    add(
        "gini_disposable",
        ROWS,
        "number",
        "fraction",
        "Gini coefficient of disposable income",
    );
    add(
        "gini_utility",
        YEARS,
        "number",
        "fraction",
        "Gini coefficient of utility; null where the total is not positive",
    );
    add(
        "top10_share",
        YEARS,
        "number",
        "fraction",
        "share of the top 10 % in income before tax",
    );
    add(
        "top1_share",
        YEARS,
        "number",
        "fraction",
        "share of the top 1 % in income before tax",
    );
    add(
        "poverty_share",
        YEARS,
        "number",
        "fraction",
        "workers with disposable income below half its median",
    );
    add(
        "reynolds_smolensky",
        YEARS,
        "number",
        "Gini points as fraction",
        "redistributive effect of the tax (Reynolds and Smolensky)",
    );
    add(
        "kakwani",
        YEARS,
        "number",
        "Gini points as fraction",
        "progressivity of the tax (Kakwani); null without tax",
    );
    for k in 2..=brackets {
        add(
            &format!("kink_share_{k}"),
            YEARS,
            "number",
            "fraction",
            &format!(
                "workers exactly at the lower edge of bracket {k}; null in an arm with other brackets"
            ),
        );
    }
    add(
        "leader",
        YEARS,
        "text",
        "",
        "number of the elected worker; null without elections",
    );
    add(
        "welfare_last_third",
        SUMMARY,
        "number",
        WELFARE,
        "mean of welfare over the last third of the tax years, at least one",
    );
    add(
        "welfare_us",
        SUMMARY,
        "number",
        WELFARE,
        "welfare in the last tax year of the first U.S. law of [compare], else of the planner if it is one; else null",
    );
    add(
        "welfare_optimal",
        SUMMARY,
        "number",
        WELFARE,
        "welfare of the arm optimal in the last tax year; null where there is none",
    );
    add(
        "gain_over_us",
        SUMMARY,
        "number",
        WELFARE,
        "welfare - welfare_us",
    );
    add(
        "attained",
        SUMMARY,
        "number",
        "fraction",
        "(welfare - welfare_us)/(welfare_optimal - welfare_us); null where there is nothing to attain",
    );
    add(
        "best_welfare",
        SUMMARY,
        "number",
        WELFARE,
        "highest welfare of any tax year: a maximum, not what was settled on",
    );
    add(
        "best_year",
        SUMMARY,
        "whole",
        "",
        "the tax year of best_welfare",
    );
    all
}

/// Writes `codebook.csv` and `README.md`.
///
/// # Errors
/// The folder cannot be written.
pub fn write(store: &Store, plan: &Plan) -> Result<()> {
    let mut text = "column,tables,type,unit,meaning\n".to_owned();
    for entry in entries(plan) {
        let cells = [
            entry.column.as_str(),
            entry.tables,
            entry.kind,
            &entry.unit,
            &entry.meaning,
        ];
        let quoted: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&quoted.join(","));
        text.push('\n');
    }
    tables::write_whole(&store.root.join("codebook.csv"), text.as_bytes())?;
    tables::write_whole(&store.root.join("README.md"), readme(plan).as_bytes())
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

/// How to have each arm once, where arms of `[compare]` stand in the runs of several planners.
fn once(plan: &Plan) -> String {
    let is_planner = |key: &str| key == "planner" || key.starts_with("planner.");
    let compares = plan.points.iter().any(|point| {
        let scenario = point.scenario.parse::<toml::Table>().unwrap_or_default();
        let arms = scenario
            .get("compare")
            .and_then(|table| table.get("planners"));
        arms.and_then(toml::Value::as_array)
            .is_some_and(|arms| !arms.is_empty())
    });
    let planner = plan.keys.iter().find(|key| is_planner(&key.key));
    let Some(planner) = planner.filter(|_| compares) else {
        return String::new();
    };
    let keys: Vec<&str> = (plan.keys.iter().filter(|key| !is_planner(&key.key)))
        .map(|key| key.column.as_str())
        .chain(["arm", "replicate"])
        .collect();
    let quoted: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    format!(
        r#"
## Each arm once

Arms of `[compare]` are played in every run, so `years` and `summary` hold them once for each value of `{planner}`. Before you average or count, keep each arm once, a point's own planner (`main`) before copies of it:

```python
summary = summary.sort_values("main", ascending=False, kind="stable").drop_duplicates([{quoted}])
```

```r
summary <- dplyr::distinct(dplyr::arrange(summary, dplyr::desc(main)), {plain}, .keep_all = TRUE)
```

```stata
gsort {spaced} -main
by {spaced}: keep if _n == 1
```

In `years` add the column `year` to the list. Planners of one `arm` with different settings would be taken for one: rename them by `{planner}` first. `fisc compare` and `fisc report` do all this.
"#,
        planner = planner.column,
        quoted = quoted.join(", "),
        plain = keys.join(", "),
        spaced = keys.join(" "),
    )
}

fn readme(plan: &Plan) -> String {
    let keys: Vec<String> = plan
        .keys
        .iter()
        .map(|key| format!("- `{}`: the scenario key `{}`\n", key.column, key.key))
        .collect();
    let keys = match keys.is_empty() {
        true => "Nothing varies but the seed.\n".to_owned(),
        false => format!("Columns of what varies:\n\n{}", keys.concat()),
    };
    format!(
        r#"# {name}

A sweep of fisc {version}: {points} combinations of values × {seeds} seeds = {runs} runs of `{base}`.

| file | what |
|---|---|
| `runs.parquet` | one row per planned run: what varies, status, time, tokens, cost |
| `years.parquet/` | one row per run, arm and tax year; a part per finished run, all with the same columns |
| `summary.parquet/` | one row per run and arm |
| `codebook.csv` | what every column means, with its unit |
| `plan.json` | every run with its scenario |
| `runs/<run>/` | the output folder of each run; `failure.json` says why one failed |
| `log.txt` | what worker processes wrote |

{keys}
The same seeds are used at every point, so compare arms seed by seed: `fisc compare` does. Repeating the `fisc sweep` command plays what is missing or failed and leaves the rest alone. `--csv` writes `runs.csv`, `years.csv` and `summary.csv`: the same numbers, in order of `run` (`runs.csv`: in the order of the plan).

## Loading it

Python:

```python
import pandas as pd  # or: import polars as pl; pl.read_parquet("summary.parquet/*.parquet")
runs = pd.read_parquet("runs.parquet")
summary = pd.read_parquet("summary.parquet")
```

R:

```r
library(arrow)
runs <- read_parquet("runs.parquet")
summary <- dplyr::collect(open_dataset("summary.parquet"))
```

Stata (with the CSV twins):

```stata
import delimited "summary.csv", varnames(1) asdouble clear
keep if main == "true"
describe
```
{once}"#,
        name = plan.name,
        version = plan.fisc,
        points = plan.points.len(),
        seeds = plan.seeds.len(),
        runs = plan.runs.len(),
        once = once(plan),
        base = std::path::Path::new(&plan.base)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy(),
    )
}
