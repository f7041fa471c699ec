//! The measures of a reform as tables for reading.

use super::measures::{Modelled, Observed, OfSchedule, Situation};
use crate::error::Result;
use crate::fiscal::bunching::{Bunching, Kink};
use crate::fiscal::inequality::{Indices, mean};
use crate::fiscal::reform::Row;
use crate::fiscal::taxable_income::Estimate;
use std::fmt::Write;

/// A number with `digits` decimals, ∞, or – where there is none; never −0.
fn number(value: f64, digits: usize) -> String {
    if value == f64::INFINITY {
        "∞".into()
    } else if value.is_finite() {
        let scale = 10f64.powi(digits as i32);
        format!("{:.digits$}", (value * scale).round() / scale + 0.0)
    } else {
        "–".into()
    }
}

/// A change, with its sign.
fn change(value: f64, digits: usize) -> String {
    let text = number(value, digits);
    match value > 0.0 && text.bytes().any(|c| (b'1'..=b'9').contains(&c)) {
        true => format!("+{text}"),
        false => text,
    }
}

fn percent(share: f64) -> String {
    number(100.0 * share, 1)
}

/// A row of cells, each right-aligned in the width of its column but the first.
fn line(text: &mut String, cells: &[String], widths: &[usize]) {
    for (place, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
        match place {
            0 => write!(text, "{cell}{pad}"),
            _ => write!(text, "  {pad}{cell}"),
        }
        .expect("writing to a string");
    }
    let kept = text.trim_end().len();
    text.truncate(kept);
    text.push('\n');
}

/// Rows under headings, columns as wide as their widest cell.
fn table(text: &mut String, headings: &[&str], rows: &[Vec<String>]) {
    let headings: Vec<String> = headings.iter().map(|h| (*h).to_owned()).collect();
    let width = |place: usize| {
        std::iter::once(&headings)
            .chain(rows)
            .map(|row| row[place].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    line(text, &headings, &widths);
    for row in rows {
        line(text, row, &widths);
    }
}

/// Everything for reading.
pub fn text(
    title: &str,
    a: &Situation,
    b: &Situation,
    observed: &Observed,
    modelled: Option<&Modelled>,
) -> String {
    let mut text = format!("{title}\n\n");
    for (word, situation) in [("from", a), ("to", b)] {
        let schedule: Vec<String> = (situation.schedule.edges().iter())
            .zip(situation.schedule.rates())
            .map(|(edge, rate)| format!("{} from {edge:.0}", percent(*rate)))
            .collect();
        text += &format!(
            "{word:4} {}: {} (%, $/year)\n",
            situation.name,
            schedule.join(", ")
        );
    }
    revenue_text(&mut text, observed);
    if let Some(modelled) = modelled {
        welfare_text(&mut text, modelled);
    }
    distribution_text(&mut text, observed, modelled.is_some());
    elasticity_text(&mut text, observed);
    if let Some(modelled) = modelled {
        for (situation, of) in [a, b].into_iter().zip(&modelled.schedules) {
            brackets_text(&mut text, situation, of, modelled.step);
        }
        legend(&mut text, modelled);
    }
    for (situation, kinks) in [a, b].into_iter().zip(&observed.bunching) {
        bunching_text(&mut text, &situation.name, kinks);
    }
    indices_text(&mut text, observed);
    text
}

fn revenue_text(text: &mut String, observed: &Observed) {
    let effects = &observed.revenue;
    text.push_str("\nRevenue, $/year per worker\n");
    let rows = [
        ("before", number(effects.before, 0)),
        (
            "mechanical: new tax at old incomes",
            change(effects.mechanical, 0),
        ),
        ("behavioural: new incomes", change(effects.behavioural, 0)),
        ("after", number(effects.after, 0)),
    ];
    let rows = rows.map(|(name, value)| vec![format!("  {name}"), value]);
    table(text, &["", ""], &rows);
    *text += &format!(
        "The budget is balanced: what is raised beyond public spending is paid to all in equal parts, so the\nrebate changes by {} $/year per worker.\n",
        change(observed.rebate_change, 0)
    );
}

fn welfare_text(text: &mut String, modelled: &Modelled) {
    let effects = &modelled.welfare;
    *text += &format!(
        "\nWelfare, {} ({}), and in $/year per worker\n",
        modelled.objective, modelled.unit
    );
    let digits = match effects.before.abs() {
        1_000.0.. => 1,
        10.0.. => 3,
        _ => 6,
    };
    let step = |name: &str, value: f64| {
        vec![
            format!("  {name}"),
            change(value, digits),
            change(value / effects.per_dollar, 1),
        ]
    };
    let level =
        |name: &str, value: f64| vec![format!("  {name}"), number(value, digits), String::new()];
    table(
        text,
        &["", "welfare", "$"],
        &[
            level("before", effects.before),
            step("burden: taxes change", effects.burden),
            step("rebate: then it changes", effects.rebate),
            step("adjustment: then hours change", effects.adjustment),
            level("after", effects.after),
        ],
    );
    *text += &format!(
        "Mean equivalent variation {}, compensating {} $/year per worker (a gain is positive).\n",
        change(mean(&modelled.variations.equivalent), 1),
        change(mean(&modelled.variations.compensating), 1)
    );
}

fn distribution_text(text: &mut String, observed: &Observed, modelled: bool) {
    let measure = match modelled {
        true => "equivalent variation",
        false => "disposable income",
    };
    *text += &format!(
        "\nDistribution by decile of disposable income before, means in $/year; won and lost: more than {} $ of {measure}\n",
        observed.threshold
    );
    let row = |row: &Row| {
        vec![
            match row.group {
                0 => "all".into(),
                group => group.to_string(),
            },
            row.workers.to_string(),
            number(row.income, 0),
            number(row.disposable, 0),
            number(row.tax_before, 0),
            number(row.tax_after, 0),
            change(row.tax_after - row.tax_before, 0),
            change(row.change_before_rebate, 0),
            change(row.change, 0),
            change(100.0 * row.relative_change, 1),
            change(row.gain, 0),
            percent(row.winners),
            percent(row.losers),
        ]
    };
    let rows: Vec<Vec<String>> = observed.rows.iter().map(row).collect();
    table(
        text,
        &[
            "decile",
            "n",
            "income",
            "disp.",
            "tax",
            "tax'",
            "Δtax",
            "Δ(z−T)",
            "Δdisp.",
            "%",
            "gain",
            "won %",
            "lost %",
        ],
        &rows,
    );
    text.push_str("Δ(z−T) is without the rebate, Δdisp. with it; both with the change of hours, which costs effort that\nonly the gain counts where it is a variation.\n");
}

fn elasticity_cells(found: &Result<Estimate>) -> [String; 5] {
    match found {
        Ok(found) => [
            number(found.elasticity, 3),
            number(found.standard_error, 3),
            // Without residuals but for rounding.
            match found.first_stage_f {
                1e9.. => "∞".into(),
                f => number(f, 0),
            },
            found.workers.to_string(),
            found.left_out.to_string(),
        ],
        Err(_) => ["–"; 5].map(str::to_owned),
    }
}

fn elasticity_text(text: &mut String, observed: &Observed) {
    text.push_str(
        "\nElasticity of taxable income, instrumented by the change of rates at old incomes\n",
    );
    let named = |name: String, found: &Result<Estimate>| {
        std::iter::once(format!("  {name}"))
            .chain(elasticity_cells(found))
            .collect::<Vec<String>>()
    };
    let pooled = (observed.elasticity.iter()).map(|(name, found)| named((*name).to_owned(), found));
    let brackets = (observed.by_bracket.iter().enumerate())
        .filter(|(_, found)| found.is_ok())
        .map(|(k, found)| named(format!("bracket {}, away from kinks", k + 1), found));
    let rows: Vec<Vec<String>> = pooled.chain(brackets).collect();
    table(text, &["", "e", "s.e.", "F", "n", "left out"], &rows);
}

fn brackets_text(text: &mut String, situation: &Situation, of: &OfSchedule, step: f64) {
    *text += &format!(
        "\nBy bracket under {}, derivatives over ±{} points\n",
        situation.name,
        number(100.0 * step, 1)
    );
    let rows: Vec<Vec<String>> = (0..situation.schedule.brackets())
        .map(|k| {
            let (marginal, laffer, weight) = (&of.marginal[k], &of.laffer[k], &of.weights[k]);
            let has_base = marginal.mechanical > 0.0;
            let if_base = |cell: String| if has_base { cell } else { "–".into() };
            vec![
                format!("{:.0}", situation.schedule.edges()[k]),
                percent(situation.schedule.rates()[k]),
                number(marginal.mechanical, 0),
                number(marginal.mvpf(), 3),
                number(marginal.excess_burden(), 3),
                if_base(percent(laffer.peak_rate)),
                if_base(change(laffer.peak_revenue - of.burden.revenue, 0)),
                number(weight.implied, 3),
                number(weight.own, 3),
            ]
        })
        .collect();
    table(
        text,
        &[
            "from $",
            "rate %",
            "base",
            "MVPF",
            "MVPF−1",
            "peak %",
            "gain",
            "implied g",
            "own g",
        ],
        &rows,
    );
    *text += &format!(
        "Excess burden {} $/year per worker, {} % of revenue.\n",
        number(of.burden.mean, 0),
        percent(of.burden.per_dollar())
    );
}

/// What the columns of [`brackets_text`] are.
fn legend(text: &mut String, modelled: &Modelled) {
    *text += &format!(
        "base: income in the bracket, $/year per worker. MVPF: willingness to pay per dollar that the rate raises\n(∞: a cut pays for itself); less 1 the excess burden of the last dollar where utility is quasilinear, with\nincome effects not, as responses are uncompensated. peak: rate at which this bracket raises most,\nand how much more, $/year per worker. g: weight of the income in the bracket that makes the rate optimal,\nand its weight under {}.\n",
        modelled.objective
    );
}

fn bunching_text(text: &mut String, name: &str, kinks: &[(Kink, Result<Bunching>)]) {
    let rows: Vec<Vec<String>> = (kinks.iter())
        .map(|(kink, found)| {
            let mut cells = vec![
                format!("{:.0}", kink.income),
                format!(
                    "{} → {}",
                    percent(kink.rate_below),
                    percent(kink.rate_above)
                ),
            ];
            cells.extend(match found {
                Ok(found) => [
                    number(found.excess, 1),
                    number(found.excess_error, 1),
                    number(found.elasticity, 3),
                    number(found.standard_error, 3),
                ],
                Err(_) => ["–"; 4].map(str::to_owned),
            });
            cells
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    *text += &format!("\nBunching under {name} (–: too few workers beside the kink)\n");
    table(
        text,
        &["kink $", "rates %", "excess workers", "s.e.", "e", "s.e."],
        &rows,
    );
}

/// Keys, names and values of the indices.
pub(super) fn listed(indices: &Indices) -> [(&'static str, &'static str, f64); 10] {
    [
        ("gini_income", "Gini, income", indices.gini_income),
        (
            "gini_disposable",
            "Gini, disposable",
            indices.gini_disposable,
        ),
        (
            "reynolds_smolensky",
            "Reynolds–Smolensky",
            indices.reynolds_smolensky,
        ),
        ("kakwani", "Kakwani", indices.kakwani),
        ("suits", "Suits", indices.suits),
        ("atkinson", "Atkinson, ε = 1", indices.atkinson),
        ("theil_t", "Theil T", indices.theil_t),
        ("theil_l", "Theil L", indices.theil_l),
        ("poverty_headcount", "poverty, headcount", indices.headcount),
        ("poverty_gap", "poverty gap", indices.poverty_gap),
    ]
}

fn indices_text(text: &mut String, observed: &Observed) {
    *text += &format!(
        "\nInequality and progressivity; poverty line {:.0} $/year, half the median disposable income before\n",
        observed.line
    );
    let [before, after] = observed.indices.each_ref().map(listed);
    let rows: Vec<Vec<String>> = (before.iter().zip(&after))
        .map(|((_, name, a), (_, _, b))| {
            vec![
                format!("  {name}"),
                number(*a, 4),
                number(*b, 4),
                change(b - a, 4),
            ]
        })
        .collect();
    table(text, &["", "before", "after", "change"], &rows);
}
