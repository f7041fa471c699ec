//! The summary table of a run as plain text.

use super::number::{cells, decimals_for, grouped};
use super::summary::{ArmSummary, Summary};

const MISSING: &str = "-";

/// One column of the table: a heading in two or three lines and a cell per arm.
pub(super) struct Column {
    /// What the column holds.
    pub heading: String,
    /// Its unit, or what it is relative to; may be empty.
    pub unit: String,
    /// One cell per arm.
    pub cells: Vec<String>,
}

/// The columns of the result table, in the order in which they are read.
///
/// `-` stands for a value that does not exist. Welfare and gains carry as many decimals as the largest of
/// them needs for five significant digits.
pub(super) fn columns(summary: &Summary) -> Vec<Column> {
    let arms = &summary.arms;
    let unit = summary.objective.unit_shown();
    let column = |heading: &str, unit: &str, cells: Vec<Option<String>>| Column {
        heading: heading.into(),
        unit: unit.into(),
        cells: cells
            .into_iter()
            .map(|cell| cell.unwrap_or_else(|| MISSING.into()))
            .collect(),
    };
    let numbers = |of: fn(&ArmSummary) -> Option<f64>| arms.iter().map(of).collect::<Vec<_>>();
    let plain = |heading, unit, of, decimals| column(heading, unit, cells(&numbers(of), decimals));
    let decimals = decimals_for(arms.iter().filter_map(|arm| arm.welfare));
    let gains = numbers(|arm| arm.gain_over_us);
    let signed = cells(&gains, decimals)
        .into_iter()
        .zip(&gains)
        .map(|(cell, gain)| {
            cell.map(|cell| {
                if gain.is_some_and(|gain| gain > 0.0) {
                    format!("+{cell}")
                } else {
                    cell
                }
            })
        });
    let failures = arms.iter().map(|arm| {
        let asked = arm.decisions.filter(|asked| *asked > 0.0)?;
        Some(format!(
            "{} of {}",
            grouped(arm.failures.unwrap_or(0.0), 0),
            grouped(asked, 0)
        ))
    });
    vec![
        plain("welfare", unit, |arm| arm.welfare, decimals),
        column(
            &format!("gain over {}", summary.baseline_shown()),
            unit,
            signed.collect(),
        ),
        plain(
            "attained",
            "% of best gain",
            |arm| arm.attained.map(|share| 100.0 * share),
            1,
        ),
        plain("mean income", "$/year", |arm| arm.income_mean, 0),
        plain("hours", "per week", |arm| arm.labor_mean, 1),
        plain("Gini before", "pre-tax", |arm| arm.gini_income, 3),
        plain("Gini after", "disposable", |arm| arm.gini_disposable, 3),
        plain("revenue", "$/year per worker", |arm| arm.revenue, 0),
        column("parse failures", "of answers", failures.collect()),
    ]
}

/// The stdout summary table: a row per arm, the mean over the last tax year.
///
/// Columns: welfare, gain over the baseline, share of the attainable gain attained, mean income, hours, Gini
/// before and after taxes and rebate, revenue, parse failures. Units stand in the header, notes beneath.
pub fn table(summary: &Summary) -> String {
    let names = summary.arms.iter().map(|arm| arm.arm.clone()).collect();
    let mut columns = columns(summary);
    columns.insert(
        0,
        Column {
            heading: "arm".into(),
            unit: String::new(),
            cells: names,
        },
    );
    let width = |column: &Column| {
        let texts = column.cells.iter().chain([&column.heading, &column.unit]);
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().map(width).collect();
    let line = |text: &dyn Fn(&Column) -> &str| {
        let padded = columns
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(i, (column, &width))| {
                let text = text(column);
                if i == 0 {
                    format!("{text:<width$}")
                } else {
                    format!("{text:>width$}")
                }
            });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut out = heading(summary);
    out += &line(&|column| &column.heading);
    out += &line(&|column| &column.unit);
    let total = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    out += &("-".repeat(total) + "\n");
    for row in 0..summary.arms.len() {
        out += &line(&|column| &column.cells[row]);
    }
    let remarks = summary.remarks();
    if !remarks.is_empty() {
        out.push('\n');
    }
    for remark in remarks {
        out += &wrapped(&remark, total.max(80));
    }
    out
}

fn heading(summary: &Summary) -> String {
    let seed = summary
        .seed
        .map(|seed| format!(", seed {seed}"))
        .unwrap_or_default();
    let objective = match &*summary.objective.name {
        "" => String::new(),
        name => format!(", objective {name} ({})", summary.objective.unit_shown()),
    };
    format!(
        "{}{seed}{objective}: means over the last tax year\n\n",
        summary.name
    )
}

/// `* text`, broken between words at `width` and indented by two.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::from("*");
    let mut used = 1;
    for word in text.split_whitespace() {
        let length = word.chars().count() + 1;
        if used + length > width && used > 1 {
            out += "\n ";
            used = 1;
        }
        out.push(' ');
        out += word;
        used += length;
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        serde_json::from_value(serde_json::json!({
            "name": "rational", "seed": 42,
            "objective": { "name": "inverse_wage", "unit": "$/year", "formula": "Σ g u" },
            "baseline": "us-2024",
            "arms": [
                { "arm": "llm", "welfare": 31234.5, "gain_over_us": 1234.5, "attained": 0.617, "income_mean": 59249.0,
                  "labor_mean": 38.25, "gini_income": 0.53, "gini_disposable": 0.41, "revenue": 9000.0,
                  "decisions": 1200, "failures": 3, "notes": ["answered in percent"] },
                { "arm": "us-2024", "welfare": 30000.0, "gain_over_us": 0.0, "attained": null,
                  "attained_reason": "no optimal arm", "notes": [] }
            ]
        }))
        .unwrap()
    }

    #[test]
    fn columns_are_aligned_and_separated() {
        let text = table(&summary());
        check_alignment(&text);
        assert!(text.contains("31,234"), "{text}");
        assert!(text.contains("+1,234"), "{text}");
        assert!(text.contains("61.7"), "{text}");
        assert!(text.contains("3 of 1,200"), "{text}");
        assert!(text.contains("* us-2024: no optimal arm"), "{text}");
        assert!(text.contains("* llm: answered in percent"), "{text}");
    }

    /// Right-aligned columns: the header's unit line and the first row end at the same column.
    fn check_alignment(text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let end = |line: &str, word: &str| line.find(word).map(|at| at + word.len());
        assert_eq!(
            end(lines[3], "$/year"),
            end(lines[5], "31,234").or(end(lines[5], "31,235"))
        );
        assert_eq!(end(lines[3], "% of best gain"), end(lines[5], "61.7"));
    }

    #[test]
    fn an_empty_summary_is_a_table_too() {
        assert!(table(&Summary::default()).contains("welfare"));
    }
}
