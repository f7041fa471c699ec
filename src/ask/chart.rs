//! A chart as a small typed specification: its grammar, and the rows that it draws.

use super::tables::Table;
use crate::report::quantile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// Name of a table.
    pub table: String,
    /// Column of numbers on the vertical axis.
    pub y: String,
    /// What is made of the rows that fall on one mark.
    pub aggregate: Aggregate,
    /// Column of the horizontal axis: labels, time, or another column of numbers.
    pub x: String,
    /// How rows are drawn.
    pub mark: Mark,
    /// Column of labels with a series each.
    pub group: Option<String>,
    /// Rows that count: all conditions hold.
    #[serde(rename = "where")]
    pub conditions: Vec<Condition>,
    /// Which marks answer the question.
    pub answer: Answer,
}

/// What is made of several rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Aggregate {
    Mean,
    Median,
    Sum,
    Min,
    Max,
}

/// How rows are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Mark {
    Bar,
    Line,
    Points,
}

/// A column and the value that it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// A column of labels, or that of time.
    pub column: String,
    /// Its value.
    pub is: Value,
}

/// A value of a condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A time.
    Time(f64),
    /// A label; of time, `first` or `last`.
    Label(String),
}

/// Which marks answer the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Answer {
    All,
    Highest,
    Lowest,
    First,
    Last,
}

/// The rows of a chart, in drawing order.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// Labels of the horizontal axis; `None` where it is one of numbers.
    pub categories: Option<Vec<String>>,
    /// Name of a series and its marks (x, y); x of a label is its number from 0.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
    /// Most rows on one mark.
    pub pooled: usize,
}

impl Drawn {
    /// All marks as (series, x, y).
    pub fn marks(&self) -> impl Iterator<Item = (&str, f64, f64)> {
        self.series
            .iter()
            .flat_map(|(name, marks)| marks.iter().map(move |&(x, y)| (name.as_str(), x, y)))
    }

    /// An x in words.
    pub fn x_shown(&self, x: f64) -> String {
        match &self.categories {
            Some(names) => names.get(x as usize).cloned().unwrap_or_default(),
            None => x.to_string(),
        }
    }
}

/// Most conditions of a chart.
const CONDITIONS: usize = 2;

impl Chart {
    /// Reads a specification.
    ///
    /// # Errors
    /// Says what is wrong with a text that is none.
    pub fn parse(text: &str) -> Result<Chart, String> {
        serde_json::from_str(text).map_err(|error| format!("not a chart: {error}"))
    }

    /// The rows that it draws: those for which all conditions hold, by series and x, each mark the
    /// aggregate of its rows. Rows without a value of y are left out.
    ///
    /// # Errors
    /// Says which table, column or value does not exist, or that no row is left.
    pub fn draw(&self, tables: &[Table]) -> Result<Drawn, String> {
        let table = tables.iter().find(|t| t.name == self.table);
        let table = table.ok_or_else(|| format!("no table {}", self.table))?;
        let missing = |column: &str| format!("{} has no such column {column}", table.name);
        if table.quantity(&self.y).is_none() {
            return Err(missing(&self.y));
        }
        if self.conditions.len() > CONDITIONS {
            return Err(format!("more than {CONDITIONS} conditions"));
        }
        if let Some(group) = &self.group {
            table.label(group).ok_or_else(|| missing(group))?;
            if *group == self.x {
                return Err(format!("{group} is both the series and the axis"));
            }
        }
        let (time, times) = &table.time;
        let mut names = vec![self.y.as_str(), &self.x];
        names.extend(self.group.as_deref());
        names.extend(self.conditions.iter().map(|c| c.column.as_str()));
        names.sort_unstable();
        names.dedup();
        let by_label = table.label(&self.x).map(<[String]>::to_vec);
        if by_label.is_none() && self.x != *time && table.quantity(&self.x).is_none() {
            return Err(missing(&self.x));
        }
        let known = |column: &str| column == *time || table.label(column).is_some();
        if let Some(condition) = self.conditions.iter().find(|c| !known(&c.column)) {
            return Err(missing(&condition.column));
        }
        let text = |error: crate::Error| error.to_string();
        let columns = table.columns(&names).map_err(text)?;
        let mut kept = vec![true; columns.rows()];
        for Condition { column, is } in &self.conditions {
            let holds: Vec<bool> = match (is, column == time) {
                (Value::Label(label), false) => {
                    let (values, rows) = columns.labels(column).map_err(text)?;
                    rows.iter().map(|&row| values[row] == *label).collect()
                }
                (Value::Label(end), true) => {
                    let wanted = match end.as_str() {
                        "first" => times.first(),
                        "last" => times.last(),
                        _ => None,
                    };
                    let wanted = wanted.ok_or_else(|| format!("no {time} {end}"))?;
                    let rows = columns.numbers(column).map_err(text)?;
                    rows.iter().map(|row| row == wanted).collect()
                }
                (Value::Time(wanted), true) => {
                    let rows = columns.numbers(column).map_err(text)?;
                    rows.iter().map(|row| row == wanted).collect()
                }
                (Value::Time(number), false) => return Err(format!("{column} is never {number}")),
            };
            kept.iter_mut()
                .zip(holds)
                .for_each(|(k, holds)| *k &= holds);
        }
        let y = columns.numbers(&self.y).map_err(text)?;
        let x: Vec<f64> = match &by_label {
            Some(_) => {
                let rows = columns.labels(&self.x).map_err(text)?.1;
                rows.into_iter().map(|row| row as f64).collect()
            }
            None => columns.numbers(&self.x).map_err(text)?,
        };
        let (series, of) = match &self.group {
            Some(group) => columns.labels(group).map_err(text)?,
            None => (vec![String::new()], vec![0; y.len()]),
        };
        // Order of bits is that of numbers for those from 0 on; negative ones are put before.
        let order = |x: f64| {
            let bits = x.to_bits() as i64;
            bits ^ ((bits >> 63) as u64 >> 1) as i64
        };
        let mut cells: BTreeMap<(usize, i64), (f64, Vec<f64>)> = BTreeMap::new();
        for row in (0..y.len()).filter(|&row| kept[row] && y[row].is_finite() && x[row].is_finite())
        {
            let cell = cells.entry((of[row], order(x[row] + 0.0)));
            cell.or_insert_with(|| (x[row], Vec::new())).1.push(y[row]);
        }
        if cells.is_empty() {
            return Err("no row is left".into());
        }
        let pooled = cells
            .values()
            .map(|(_, rows)| rows.len())
            .max()
            .unwrap_or(0);
        let mut drawn: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
        let mut last = None;
        for ((group, _), (x, rows)) in cells {
            if last != Some(group) {
                drawn.push((series[group].clone(), Vec::new()));
                last = Some(group);
            }
            if let Some((_, marks)) = drawn.last_mut() {
                marks.push((x, self.aggregate.of(rows)));
            }
        }
        let mut drawn = Drawn {
            categories: by_label,
            series: drawn,
            pooled,
        };
        drawn.drop_empty_categories();
        Ok(drawn)
    }

    /// The marks that answer, as (series, x, y); those of [`Answer::All`] are all.
    pub fn answering<'a>(&self, drawn: &'a Drawn) -> Vec<(&'a str, f64, f64)> {
        let marks: Vec<_> = drawn.marks().collect();
        let extreme = |of: fn(&(&str, f64, f64)) -> f64, sign: f64| {
            let best = marks
                .iter()
                .map(|m| sign * of(m))
                .fold(f64::NEG_INFINITY, f64::max);
            let kept = marks.iter().filter(|m| sign * of(m) == best);
            kept.copied().collect()
        };
        match self.answer {
            Answer::All => marks,
            Answer::Highest => extreme(|m| m.2, 1.0),
            Answer::Lowest => extreme(|m| m.2, -1.0),
            Answer::First => extreme(|m| m.1, -1.0),
            Answer::Last => extreme(|m| m.1, 1.0),
        }
    }
}

impl Drawn {
    /// Keeps the labels that some mark has.
    fn drop_empty_categories(&mut self) {
        let Some(names) = &mut self.categories else {
            return;
        };
        let marks = self.series.iter().flat_map(|(_, marks)| marks);
        let mut used: Vec<usize> = marks.map(|(x, _)| *x as usize).collect();
        used.sort_unstable();
        used.dedup();
        *names = used.iter().map(|&i| names[i].clone()).collect();
        for (x, _) in self.series.iter_mut().flat_map(|(_, marks)| marks) {
            *x = used.partition_point(|&i| i < *x as usize) as f64;
        }
    }
}

impl Aggregate {
    fn of(self, mut rows: Vec<f64>) -> f64 {
        let sum = rows.iter().sum::<f64>();
        match self {
            Aggregate::Mean => sum / rows.len() as f64,
            Aggregate::Sum => sum,
            Aggregate::Min => rows.into_iter().fold(f64::INFINITY, f64::min),
            Aggregate::Max => rows.into_iter().fold(f64::NEG_INFINITY, f64::max),
            Aggregate::Median => {
                rows.sort_by(f64::total_cmp);
                quantile(&rows, 0.5)
            }
        }
    }
}

/// A grammar (GBNF) of the charts of `tables`: it admits columns and labels that exist, and nothing else.
/// The horizontal axis is one of labels or of time; of workers also one of numbers.
pub fn grammar(tables: &[Table]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let json = |text: &str| quoted(&format!("\"{text}\""));
    let any = |all: Vec<String>| format!("({})", all.join(" | "));
    let mut rules = Vec::new();
    let mut roots = Vec::new();
    for table in tables {
        let name = table.name;
        let (time, times) = &table.time;
        let ys = any(table.quantities.iter().map(|q| json(&q.name)).collect());
        let group = |x: &str| {
            let labels = table.labels.iter().filter(|(label, _)| *label != x);
            let mut all = vec![quoted("null")];
            all.extend(labels.map(|(label, _)| json(label)));
            any(all)
        };
        let rest = |x: &str, marks: &[&str]| {
            let marks = any(marks.iter().map(|m| json(m)).collect());
            let [mark, of] = [",\"mark\":", ",\"group\":"].map(quoted);
            format!("{} {mark} {marks} {of} {}", json(x), group(x))
        };
        let mut axes: Vec<String> = table
            .labels
            .iter()
            .map(|(l, _)| rest(l, &["bar"]))
            .collect();
        axes.push(rest(time, &["line", "bar", "points"]));
        if name == "workers" {
            axes.extend(table.quantities.iter().map(|q| rest(&q.name, &["points"])));
        }
        let condition = |column: &str, values: Vec<String>| {
            let start = quoted(&format!("{{\"column\":\"{column}\",\"is\":"));
            format!("{start} {} \"}}\"", any(values))
        };
        let mut when: Vec<String> = ["last", "first"].map(json).into();
        when.extend(times.iter().map(|t| quoted(&t.to_string())));
        let mut conditions = vec![condition(time, when)];
        let labels = table.labels.iter();
        conditions.extend(labels.map(|(label, values)| {
            condition(label, values.iter().map(|value| json(value)).collect())
        }));
        let [start, aggregate, x, filter] = [
            &format!("{{\"table\":\"{name}\",\"y\":"),
            ",\"aggregate\":",
            ",\"x\":",
            ",\"where\":[",
        ]
        .map(quoted);
        rules.push(format!("{name}-where ::= {}", conditions.join(" | ")));
        rules.push(format!("{name}-axis ::= {}", axes.join(" | ")));
        rules.push(format!(
            "{name} ::= {start} {ys} {aggregate} aggregate {x} {name}-axis {filter} \
             ({name}-where (\",\" {name}-where)?)? answer"
        ));
        roots.push(name.to_owned());
    }
    let aggregates = any(["mean", "median", "sum", "min", "max"].map(json).into());
    let answers = any(["all", "highest", "lowest", "first", "last"]
        .map(json)
        .into());
    rules.push(format!("aggregate ::= {aggregates}"));
    rules.push(format!(
        "answer ::= {} {answers} \"}}\"",
        quoted("],\"answer\":")
    ));
    format!("root ::= {}\n{}\n", roots.join(" | "), rules.join("\n"))
}
