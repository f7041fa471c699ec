//! The numbers behind a figure, with the group's keys as columns.

use polars::prelude::Column;

use super::super::super::figure::column;
use super::super::groups::Groups;
use super::super::study::{Level, Study};

/// Rows of a figure's CSV: a group, an arm, and columns of numbers.
pub struct Rows<'a> {
    study: &'a Study,
    groups: &'a Groups<'a>,
    group: Vec<usize>,
    arm: Vec<String>,
    names: Vec<&'static str>,
    numbers: Vec<Vec<Option<f64>>>,
}

impl<'a> Rows<'a> {
    /// No rows yet; `names` are the columns of numbers.
    pub fn new(study: &'a Study, groups: &'a Groups<'a>, names: &[&'static str]) -> Self {
        Rows {
            study,
            groups,
            group: Vec::new(),
            arm: Vec::new(),
            names: names.to_vec(),
            numbers: vec![Vec::new(); names.len()],
        }
    }

    /// Adds a row; NaN is an empty field.
    pub fn push(&mut self, group: usize, arm: usize, numbers: &[f64]) {
        self.group.push(group);
        self.arm.push(self.groups.arms[arm].name.clone());
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number.is_finite().then_some(*number));
        }
    }

    /// The columns: keys, `arm`, numbers. Columns whose numbers are all whole are written as such.
    pub fn columns(self) -> Vec<Column> {
        let mut columns: Vec<Column> = (0..self.groups.keys.len())
            .map(|k| {
                let name = &self.study.keys[self.groups.keys[k]].column;
                let levels = self.group.iter().map(|&g| &self.groups.groups[g].values[k]);
                levels_column(name, &levels.collect::<Vec<_>>())
            })
            .collect();
        columns.push(column("arm", self.arm));
        for (name, numbers) in self.names.iter().zip(self.numbers) {
            columns.push(numbers_column(name, numbers));
        }
        columns
    }
}

/// A column of numbers, whole ones where all are.
pub fn numbers_column(name: &str, numbers: Vec<Option<f64>>) -> Column {
    const COUNTS: [&str; 9] = [
        "n",
        "groups",
        "percent_n",
        "percent_groups",
        "year",
        "bracket",
        "replicate",
        "decile",
        "workers",
    ];
    if COUNTS.contains(&name) {
        let whole: Vec<Option<i64>> = numbers.iter().map(|n| n.map(|n| n as i64)).collect();
        column(name, whole)
    } else {
        column(name, numbers)
    }
}

/// A column of the values of a key: numbers where all are.
pub fn levels_column(name: &str, levels: &[&Level]) -> Column {
    let numbers: Option<Vec<f64>> = levels.iter().map(|level| level.number()).collect();
    match numbers {
        Some(numbers) if numbers.iter().all(|n| n.fract() == 0.0 && n.abs() < 9e15) => {
            column(name, numbers.iter().map(|n| *n as i64).collect::<Vec<_>>())
        }
        Some(numbers) => column(name, numbers),
        None => {
            let texts = levels.iter().map(|level| match level {
                Level::Text(text) => text.clone(),
                Level::Number(number) => number.to_string(),
            });
            column(name, texts.collect::<Vec<_>>())
        }
    }
}
