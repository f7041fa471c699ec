//! The table of means: a row per group and arm, as CSV, LaTeX and for the page.

use super::super::comparison::latex::{comment, escaped, math};
use super::super::number::{cells, decimals_for};
use super::estimate::Estimate;
use super::figure::Unit;
use super::groups::{Group, Groups, WELFARE};
use super::study::{Played, Study};

/// A column of means.
pub struct Means {
    /// What it holds.
    pub heading: String,
    /// Its unit; may be empty.
    pub unit: String,
    /// Name in the CSV.
    column: String,
    /// One per row.
    pub estimates: Vec<Estimate>,
    /// Means as text, alike in decimals within a group; none where there is no value.
    pub means: Vec<Option<String>>,
    /// Intervals as text; empty where there is none.
    pub intervals: Vec<String>,
}

/// Means over seeds of every arm of every group.
pub struct MeansTable {
    /// Names of the group's keys.
    pub keys: Vec<String>,
    key_columns: Vec<String>,
    /// Per row: values of the keys, as texts.
    pub values: Vec<Vec<String>>,
    /// Per row: the arm.
    pub arms: Vec<String>,
    /// Per row: seeds.
    pub seeds: Vec<usize>,
    /// Per row: the unit of welfare.
    pub units: Vec<String>,
    /// The columns of numbers.
    pub columns: Vec<Means>,
}

impl MeansTable {
    /// Of all groups and arms.
    pub fn of(study: &Study, groups: &Groups) -> MeansTable {
        let keys = groups.keys.iter().map(|&k| &study.keys[k]);
        let mut table = MeansTable {
            keys: keys.clone().map(|key| key.key.clone()).collect(),
            key_columns: keys.map(|key| key.column.clone()).collect(),
            values: Vec::new(),
            arms: Vec::new(),
            seeds: Vec::new(),
            units: Vec::new(),
            columns: Vec::new(),
        };
        let mut rows: Vec<(&Group, usize)> = Vec::new();
        for group in &groups.groups {
            let mut arms: Vec<usize> = group.series.iter().map(|series| series.arm).collect();
            arms.sort_unstable();
            for arm in arms {
                rows.push((group, arm));
                table
                    .values
                    .push(group.values.iter().map(|value| value.shown()).collect());
                table.arms.push(groups.arms[arm].name.clone());
                let unit = Unit::named(group.objective().1).shown().to_owned();
                table.units.push(unit);
                table
                    .seeds
                    .push(group.of(arm).map_or(0, |series| series.played.len()));
            }
        }
        let unit = match table.units.first() {
            Some(unit) if !table.has_mixed_units() => unit.clone(),
            _ => "of the objective".into(),
        };
        let outcome = |name: &str| {
            let at = study.outcome(name);
            move |played: &Played| at.map_or(f64::NAN, |at| played.outcomes[at])
        };
        let plain = |name: &str| -> Vec<Estimate> {
            let of = outcome(name);
            let each = rows.iter().map(|(group, arm)| {
                group
                    .of(*arm)
                    .map_or(Estimate::NONE, |series| series.mean(of))
            });
            each.collect()
        };
        let unit = format!("{unit}, last third");
        table.add("welfare", &unit, WELFARE, plain(WELFARE), None);
        let welfare = outcome(WELFARE);
        let attained = rows
            .iter()
            .map(|(group, arm)| attained(groups, group, *arm, welfare));
        let law = groups.law.map_or("U.S. law", |law| &groups.arms[law].name);
        table.add(
            "attained",
            &format!("% of gain over {law}, last third"),
            "attained_percent",
            attained.collect(),
            Some(1),
        );
        for (heading, unit, name, decimals) in [
            ("mean income", "$/year, last year", "income_mean", 0),
            ("hours", "per week, last year", "labor_mean", 1),
            ("Gini before", "pre-tax, last year", "gini_income", 3),
            ("Gini after", "disposable, last year", "gini_disposable", 3),
            ("revenue", "$/year per worker, last year", "revenue", 0),
        ] {
            table.add(heading, unit, name, plain(name), Some(decimals));
        }
        if study
            .played
            .iter()
            .any(|played| outcome("decisions")(played) > 0.0)
        {
            let failures = outcome("failures");
            let decisions = outcome("decisions");
            let share = |played: &Played| 100.0 * failures(played) / decisions(played);
            let each = rows.iter().map(|(group, arm)| {
                group
                    .of(*arm)
                    .map_or(Estimate::NONE, |series| series.mean(share))
            });
            table.add(
                "parse failures",
                "% of answers, whole run",
                "failures_percent",
                each.collect(),
                Some(2),
            );
        }
        table
    }

    /// One sentence on the rows whose means are of fewer than `planned` seeds, and so of other workers than
    /// those above and below; none without any.
    pub fn lacking(&self, planned: usize) -> Option<String> {
        const NAMED: usize = 6;
        let rows: Vec<usize> = (0..self.arms.len())
            .filter(|&row| self.seeds[row] < planned)
            .collect();
        let told = rows.iter().take(NAMED).map(|&row| {
            let values = self.values[row].join(", ");
            let label = if values.is_empty() {
                values
            } else {
                format!("{values}: ")
            };
            format!("{label}{} {} of {planned}", self.arms[row], self.seeds[row])
        });
        let list = told.collect::<Vec<_>>().join("; ");
        let more = match rows.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        (!rows.is_empty()).then(|| {
            format!(
                "not all seeds, so these means are of other workers than those of the arms beside them; differences \
                 are taken seed by seed ({list}{more})"
            )
        })
    }

    /// Whether welfare has one unit in some groups and another in others.
    pub fn has_mixed_units(&self) -> bool {
        self.units.iter().any(|unit| *unit != self.units[0])
    }

    /// The values of a row's group in words, with the unit of welfare where groups differ in it.
    fn label(&self, row: usize) -> String {
        let named = self.keys.iter().zip(&self.values[row]);
        let label: Vec<String> = named
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let label = label.join(", ");
        match self.has_mixed_units() {
            true => format!("{label}; welfare in {}", self.units[row]),
            false => label,
        }
    }

    fn add(
        &mut self,
        heading: &str,
        unit: &str,
        column: &str,
        estimates: Vec<Estimate>,
        decimals: Option<usize>,
    ) {
        if estimates.iter().all(|estimate| estimate.n == 0) {
            return;
        }
        let finite = |of: fn(&Estimate) -> f64| -> Vec<Option<f64>> {
            let values = estimates.iter().map(of);
            values
                .map(|value| value.is_finite().then_some(value))
                .collect()
        };
        // Numbers of one group are alike; those of two may be dollars and utils.
        let (means, lows, highs) = (finite(|e| e.mean), finite(|e| e.low), finite(|e| e.high));
        let mut shown: [Vec<Option<String>>; 3] = Default::default();
        for block in self.values.chunk_by(|a, b| a == b) {
            let rows = shown[0].len()..shown[0].len() + block.len();
            let decimals = decimals
                .unwrap_or_else(|| decimals_for(means[rows.clone()].iter().flatten().copied()));
            for (shown, values) in shown.iter_mut().zip([&means, &lows, &highs]) {
                shown.extend(cells(&values[rows.clone()], decimals));
            }
        }
        let [means, lows, highs] = shown;
        // Where the row's other means are of more seeds than this one.
        let fewer = estimates
            .iter()
            .zip(&self.seeds)
            .map(|(estimate, seeds)| match estimate.n {
                0 => String::new(),
                n if n < *seeds => format!("n = {n}"),
                _ => String::new(),
            });
        let intervals = lows
            .into_iter()
            .zip(highs)
            .zip(fewer)
            .map(|(pair, fewer)| match pair {
                (Some(low), Some(high)) if fewer.is_empty() => format!("[{low}, {high}]"),
                (Some(low), Some(high)) => format!("[{low}, {high}] ({fewer})"),
                _ => fewer,
            });
        self.columns.push(Means {
            heading: heading.into(),
            unit: unit.into(),
            column: column.into(),
            means,
            intervals: intervals.collect(),
            estimates,
        });
    }

    /// One row per group and arm, numbers in full.
    pub fn csv(&self) -> String {
        let mut heading: Vec<String> = self.key_columns.clone();
        heading.extend(["arm".into(), "seeds".into(), "welfare_unit".into()]);
        for column in &self.columns {
            let name = &column.column;
            heading.extend([
                name.clone(),
                format!("{name}_low"),
                format!("{name}_high"),
                format!("{name}_n"),
            ]);
        }
        let mut out = heading.join(",") + "\n";
        let number = |value: f64| {
            if value.is_finite() {
                value.to_string()
            } else {
                String::new()
            }
        };
        for row in 0..self.arms.len() {
            let mut fields: Vec<String> =
                self.values[row].iter().map(|value| field(value)).collect();
            fields.extend([
                field(&self.arms[row]),
                self.seeds[row].to_string(),
                field(&self.units[row]),
            ]);
            for column in &self.columns {
                let e = column.estimates[row];
                fields.extend([
                    number(e.mean),
                    number(e.low),
                    number(e.high),
                    e.n.to_string(),
                ]);
            }
            out += &(fields.join(",") + "\n");
        }
        out
    }

    /// A `tabular` with `booktabs` rules: a block per group, two lines per arm, means above their
    /// intervals. Needs `\usepackage{booktabs}`.
    pub fn latex(&self, name: &str) -> String {
        let width = self.columns.len() + 2;
        let mut out = format!(
            "% {}: means over seeds with 95 % t intervals in brackets (attained: Fieller's)\n\
             % \\usepackage{{booktabs}}\n\\begin{{tabular}}{{lr{}}}\n\\toprule\n",
            comment(name),
            "r".repeat(self.columns.len())
        );
        let line = |cells: Vec<String>| cells.join(" & ") + " \\\\\n";
        let mut heading = vec!["Arm".to_owned(), "$n$".to_owned()];
        let mut units = vec![String::new(), String::new()];
        for column in &self.columns {
            let mut letters = column.heading.chars();
            let first = letters
                .next()
                .map(|c| c.to_uppercase().to_string())
                .unwrap_or_default();
            heading.push(escaped(&(first + letters.as_str())));
            units.push(escaped(&column.unit));
        }
        out += &line(heading);
        out += &line(units);
        out += "\\midrule\n";
        for row in 0..self.arms.len() {
            if row == 0 || self.values[row] != self.values[row - 1] {
                if row > 0 {
                    out += "\\addlinespace\n";
                }
                let label = self.label(row);
                if !label.is_empty() {
                    out += &format!(
                        "\\multicolumn{{{width}}}{{l}}{{\\emph{{{}}}}} \\\\\n",
                        escaped(&label)
                    );
                }
            }
            let mut means = vec![escaped(&self.arms[row]), self.seeds[row].to_string()];
            let mut intervals = vec![String::new(), String::new()];
            for column in &self.columns {
                let mean = column.means[row].as_deref();
                means.push(mean.map_or("--".into(), math));
                let interval = &column.intervals[row];
                intervals.push(match interval.as_str() {
                    "" => String::new(),
                    text => format!("{{\\footnotesize {}}}", math(text)),
                });
            }
            out += &line(means);
            if intervals.iter().any(|cell| !cell.is_empty()) {
                out += &line(intervals);
            }
        }
        out + "\\bottomrule\n\\end{tabular}\n"
    }

    /// For a terminal: group, arm, seeds, welfare and what it attained, the rest in the page.
    pub fn text(&self) -> String {
        let mut lines: Vec<Vec<String>> = vec![vec!["arm".into(), "seeds".into()]];
        let shown: Vec<&Means> = self.columns.iter().take(2).collect();
        for column in &shown {
            let unit = if column.unit.is_empty() {
                String::new()
            } else {
                format!(", {}", column.unit)
            };
            lines[0].extend([format!("{}{unit}", column.heading), "95 % interval".into()]);
        }
        let mut blocks = Vec::new();
        for row in 0..self.arms.len() {
            let mut cells = vec![self.arms[row].clone(), self.seeds[row].to_string()];
            for column in &shown {
                cells.push(column.means[row].clone().unwrap_or_else(|| "-".into()));
                cells.push(column.intervals[row].clone());
            }
            blocks.push(self.label(row));
            lines.push(cells);
        }
        let width = |k: usize| {
            lines
                .iter()
                .map(|cells| cells[k].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
        let mut out = String::new();
        for (i, cells) in lines.iter().enumerate() {
            if i > 0 && !blocks[i - 1].is_empty() && (i == 1 || blocks[i - 1] != blocks[i - 2]) {
                out += &format!("\n{}\n", blocks[i - 1]);
            }
            let padded = cells
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(k, (cell, &width))| {
                    if k == 0 {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                });
            out += padded.collect::<Vec<_>>().join("  ").trim_end();
            out.push('\n');
        }
        out
    }
}

/// (W_arm − W_law)/(W_optimal − W_law) in percent, paired by seed.
fn attained(
    groups: &Groups,
    group: &Group,
    arm: usize,
    welfare: impl Fn(&Played) -> f64,
) -> Estimate {
    let (Some(law), Some(optimal)) = (groups.law, groups.optimal) else {
        return Estimate::NONE;
    };
    let (ours, all) = (
        group.paired(arm, law, &welfare),
        group.paired(optimal, law, &welfare),
    );
    let both = ours.iter().filter_map(|(replicate, d)| {
        let (_, gain) = all.iter().find(|(known, _)| known == replicate)?;
        Some((*d, *gain))
    });
    let (d, gain): (Vec<f64>, Vec<f64>) = both.unzip();
    Estimate::percent_of_gain(&d, &gain)
}

/// A text, quoted where CSV needs it.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_and_utils_have_their_own_decimals_and_say_so() {
        let mut table = MeansTable {
            keys: vec!["objective.welfare".into()],
            key_columns: vec!["objective_welfare".into()],
            values: ["rawlsian", "nash"]
                .map(|name| vec![name.to_owned()])
                .into(),
            arms: vec!["optimal".into(); 2],
            seeds: vec![10; 2],
            units: vec!["$/year".into(), "utils".into()],
            columns: Vec::new(),
        };
        let estimate = |mean: f64| Estimate {
            n: 10,
            mean,
            low: 0.9 * mean,
            high: 1.1 * mean,
        };
        let estimates = vec![estimate(41_206.4), estimate(1.6219)];
        table.add("welfare", "of the objective", WELFARE, estimates, None);
        let text = table.text();
        for part in [
            "41,206",
            "objective.welfare = rawlsian; welfare in $/year",
            "1.6219",
            "[1.4597, 1.7841]",
            "objective.welfare = nash; welfare in utils",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            table.csv().contains("nash,optimal,10,utils,1.6219"),
            "{}",
            table.csv()
        );
        // A mean of fewer seeds than the row has says so, and so does a row of fewer than planned.
        let few = Estimate {
            n: 7,
            ..estimate(50.0)
        };
        table.add(
            "attained",
            "%",
            "attained",
            vec![estimate(50.0), few],
            Some(1),
        );
        let text = table.text();
        assert!(text.contains("[45.0, 55.0] (n = 7)"), "{text}");
        assert_eq!(table.lacking(10), None);
        let told = table.lacking(12).unwrap();
        assert!(
            told.contains("(rawlsian: optimal 10 of 12; nash: optimal 10 of 12)"),
            "{told}"
        );
    }
}
