//! Comparisons of tax schedules that people or other programs made, as a CSV file.

use crate::error::{Error, Result};
use crate::fiscal::Schedule;
use crate::population::csv::{Record, Table};
use crate::world::learning::RecordedComparison;
use std::path::Path;

/// Columns that a file may have besides `rater`, `a`, `b` and `outcome`.
const OPTIONAL: [&str; 5] = ["weight", "context", "aspect", "rationale", "group"];

/// Reads comparisons: `rater` (a worker, below `workers`), `a` and `b` (schedules as literals),
/// `outcome` (0 to 1), and if wanted `weight` (1), `context` (0), `aspect` (0), `rationale`, `group`
/// (none).
///
/// # Errors
/// An input error that names file, line, column and value.
pub fn read(path: &Path, workers: usize) -> Result<Vec<RecordedComparison>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::input(format!("{}: {error}", path.display())))?;
    let mut table = Table::new(path, &text)?;
    let place = |name: &str| table.column(name);
    let (rater, a, b, outcome) = (place("rater")?, place("a")?, place("b")?, place("outcome")?);
    let optional = OPTIONAL.map(|name| table.column(name).ok());
    let mut comparisons = Vec::new();
    while let Some(record) = table.next_record()? {
        let wrong = |table: &Table, column: usize, name: &str, allowed: &str| {
            let field = &record.fields[column];
            Error::input(format!("`{name}`: not what is allowed"))
                .at(table.place(record.line, field.column, name))
                .value(if field.text.is_empty() {
                    "nothing"
                } else {
                    &field.text
                })
                .allowed(allowed)
        };
        let number = |column: usize, name: &str, allowed: &str, fits: &dyn Fn(f64) -> bool| {
            let value = record.fields[column].text.parse::<f64>().ok();
            value
                .filter(|x| fits(*x))
                .ok_or_else(|| wrong(&table, column, name, allowed))
        };
        let schedule = |column: usize, name: &str| {
            Schedule::parse(&record.fields[column].text)
                .map_err(|_| wrong(&table, column, name, "a schedule such as 0:0.10,11600:0.12"))
        };
        let whole = |record: &Record, column: Option<usize>, name: &str, below: u32| match column {
            None => Ok(0),
            Some(column) => (record.fields[column].text.parse::<u32>().ok())
                .filter(|x| *x < below)
                .ok_or_else(|| {
                    wrong(
                        &table,
                        column,
                        name,
                        &format!("a whole number below {below}"),
                    )
                }),
        };
        comparisons.push(RecordedComparison {
            year: 1,
            rater: whole(&record, Some(rater), "rater", workers as u32)?,
            a: schedule(a, "a")?,
            b: schedule(b, "b")?,
            outcome: number(
                outcome,
                "outcome",
                "0 (b preferred) to 1 (a preferred)",
                &|x| (0.0..=1.0).contains(&x),
            )?,
            weight: match optional[0] {
                None => 1.0,
                Some(column) => number(column, "weight", "a number, at least 0", &|x| {
                    x >= 0.0 && x.is_finite()
                })?,
            },
            context: whole(&record, optional[1], "context", 1_000)?,
            aspect: whole(&record, optional[2], "aspect", 1_000)?,
            rationale: optional[3]
                .map(|column| record.fields[column].text.to_string())
                .filter(|text| !text.is_empty()),
            group: match optional[4] {
                Some(column) if !record.fields[column].text.is_empty() => {
                    Some(whole(&record, Some(column), "group", u32::MAX)?)
                }
                _ => None,
            },
        });
    }
    match comparisons.is_empty() {
        true => Err(Error::input(format!("{}: no comparison", path.display()))
            .allowed("a line for each comparison below the header")),
        false => Ok(comparisons),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<RecordedComparison>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.csv");
        std::fs::write(&path, text).unwrap();
        read(&path, 3)
    }

    #[test]
    fn a_file_is_read_and_a_wrong_cell_named() {
        let found =
            of("rater,a,b,outcome,rationale\n2,\"0:0.1,5000:0.2\",0:0.3,1,\"less, for me\"\n")
                .unwrap();
        assert_eq!(found[0].rater, 2);
        assert_eq!(found[0].a.rates(), &[0.1, 0.2]);
        assert_eq!(found[0].rationale.as_deref(), Some("less, for me"));
        let grouped = of("rater,a,b,outcome,group\n0,0:0.1,0:0.2,1,7\n0,0:0.1,0:0.3,1,\n").unwrap();
        assert_eq!((grouped[0].group, grouped[1].group), (Some(7), None));
        for (text, column) in [
            ("rater,a,b,outcome,group\n0,0:0.1,0:0.2,1,x\n", "group"),
            ("rater,a,b,outcome\n3,0:0.1,0:0.2,1\n", "rater"),
            ("rater,a,b,outcome\n0,0:0.1,0:0.2,1.5\n", "outcome"),
            ("rater,a,b,outcome\n0,cheap,0:0.2,1\n", "`a`"),
            ("rater,a,b,outcome\n", "no comparison"),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(column), "{error}");
        }
    }
}
