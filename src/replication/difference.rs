//! Whether two files hold the same results, and where they differ if not.

use crate::error::{Error, Result};
use polars::prelude::*;
use serde_json::Value;
use std::fs::File;
use std::path::Path;

/// How a rebuilt file compares with the one in the package.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The same bytes; of JSON the same values.
    Identical,
    /// The same values in other bytes: another version of a library wrote them.
    SameValues,
    /// Numbers differ by no more than the tolerance, relative to the larger; this is the most.
    Within(f64),
    /// They differ; where first, and by how much at most.
    Differs(String),
    /// One of the two is not there or cannot be read.
    Absent(String),
}

impl Verdict {
    /// Whether the two agree.
    pub fn agrees(&self) -> bool {
        !matches!(self, Verdict::Differs(_) | Verdict::Absent(_))
    }
}

/// Of a file that a replay gives and that is not there.
const MISSING: &str = "missing";

/// Compares the file `packed` with the file `rebuilt`, by the end of their name.
///
/// Numbers agree when |a − b| ≤ `tolerance`·max(|a|, |b|).
///
/// # Errors
/// A file that is there cannot be read.
pub fn compare(packed: &Path, rebuilt: &Path, tolerance: f64) -> Result<Verdict> {
    let (Some(ours), Some(theirs)) = (bytes(packed)?, bytes(rebuilt)?) else {
        let missing = match packed.is_file() {
            true => "the replay did not write it",
            false => MISSING,
        };
        return Ok(Verdict::Absent(missing.into()));
    };
    if ours == theirs {
        return Ok(Verdict::Identical);
    }
    let ending = packed.extension().and_then(|ending| ending.to_str());
    let read = match ending {
        Some("parquet") => parquet,
        Some("csv") => csv,
        Some("json") => return documents(&ours, &theirs, tolerance),
        _ => return Ok(lines(&ours, &theirs)),
    };
    Ok(match (read(packed), read(rebuilt)) {
        (Ok(packed), Ok(rebuilt)) => tables(&packed, &rebuilt, tolerance),
        (Err(error), _) => Verdict::Absent(format!("cannot be read in the package: {error}")),
        (_, Err(error)) => Verdict::Absent(format!("the rebuilt one cannot be read: {error}")),
    })
}

/// As [`compare`], of two tables without some columns.
///
/// # Errors
/// As [`compare`].
pub fn compare_without(
    packed: &Path,
    rebuilt: &Path,
    left_out: &[&str],
    tolerance: f64,
) -> Result<Verdict> {
    if !packed.is_file() {
        return Ok(Verdict::Absent(MISSING.into()));
    }
    let read = |path: &Path| {
        let csv_file = path.extension().is_some_and(|ending| ending == "csv");
        let read = if csv_file { csv } else { parquet };
        let frame = read(path).map_err(|error| Error::io(path, error))?;
        Ok(frame.drop_many(left_out.iter().copied()))
    };
    Ok(match (read(packed), read(rebuilt)) {
        (Ok(packed), Ok(rebuilt)) => match tables(&packed, &rebuilt, tolerance) {
            Verdict::SameValues => Verdict::Identical,
            verdict => verdict,
        },
        (Err::<_, Error>(error), _) | (_, Err(error)) => Verdict::Absent(error.to_string()),
    })
}

fn bytes(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path, error)),
    }
}

fn parquet(path: &Path) -> PolarsResult<DataFrame> {
    ParquetReader::new(File::open(path)?).finish()
}

/// All columns as text.
fn csv(path: &Path) -> PolarsResult<DataFrame> {
    let options = CsvReadOptions::default().with_infer_schema_length(Some(0));
    options
        .into_reader_with_file_handle(File::open(path)?)
        .finish()
}

/// The largest difference so far and where the first one is.
#[derive(Default)]
struct Differences {
    tolerance: f64,
    first: Option<String>,
    count: usize,
    places: Vec<String>,
    /// Relative, absolute, where; of numbers.
    largest: Option<(f64, f64, String)>,
    /// Whether something else than a number differs, or one is beyond the tolerance.
    beyond: bool,
}

impl Differences {
    /// Two values, as text and where they are numbers as such, at `place` of the part `part`.
    fn add(&mut self, place: &str, part: &str, [a, b]: [&str; 2], numbers: Option<[f64; 2]>) {
        self.count += 1;
        if self.places.last().is_none_or(|last| last != part) {
            self.places.push(part.to_owned());
        }
        if self.first.is_none() {
            self.first = Some(format!("{place}: {a} in the package, {b} rebuilt"));
        }
        match numbers {
            Some([a, b]) if a.is_finite() && b.is_finite() => {
                let absolute = (a - b).abs();
                let relative = absolute / a.abs().max(b.abs());
                self.beyond |= relative > self.tolerance;
                if self
                    .largest
                    .as_ref()
                    .is_none_or(|(most, ..)| relative > *most)
                {
                    self.largest = Some((relative, absolute, place.to_owned()));
                }
            }
            _ => self.beyond = true,
        }
    }

    fn verdict(self) -> Verdict {
        let Some(first) = self.first else {
            return Verdict::SameValues;
        };
        if let (false, Some((relative, ..))) = (self.beyond, &self.largest) {
            return Verdict::Within(*relative);
        }
        let most = match self.largest {
            Some((relative, absolute, place)) => format!(
                "; the largest difference of numbers is {absolute:.3e} (relative {relative:.1e}), {place}"
            ),
            None => String::new(),
        };
        Verdict::Differs(format!(
            "first in {first}; {} {} in {}{most}",
            self.count,
            if self.count == 1 {
                "value differs"
            } else {
                "values differ"
            },
            self.places.join(", "),
        ))
    }
}

/// Compares tables value by value; rows count from 1.
fn tables(packed: &DataFrame, rebuilt: &DataFrame, tolerance: f64) -> Verdict {
    let names = |frame: &DataFrame| -> Vec<String> {
        let names = frame.get_column_names();
        names.into_iter().map(|name| name.to_string()).collect()
    };
    let (ours, theirs) = (names(packed), names(rebuilt));
    if ours != theirs {
        let only = |a: &[String], b: &[String]| -> Vec<String> {
            a.iter().filter(|name| !b.contains(name)).cloned().collect()
        };
        let (lost, new) = (only(&ours, &theirs), only(&theirs, &ours));
        let words = match (lost.is_empty(), new.is_empty()) {
            (true, true) => "columns are in another order".to_owned(),
            _ => format!(
                "columns only in the package: {}; only rebuilt: {}",
                or_none(&lost),
                or_none(&new)
            ),
        };
        return Verdict::Differs(words);
    }
    if packed.height() != rebuilt.height() {
        return Verdict::Differs(format!(
            "{} rows in the package, {} rebuilt",
            packed.height(),
            rebuilt.height()
        ));
    }
    let mut differences = Differences {
        tolerance,
        ..Differences::default()
    };
    for (a, b) in packed.columns().iter().zip(rebuilt.columns()) {
        if a.dtype() != b.dtype() {
            return Verdict::Differs(format!(
                "column `{}` is of type {} in the package, {} rebuilt",
                a.name(),
                a.dtype(),
                b.dtype()
            ));
        }
        if let Err(error) = columns(a, b, &mut differences) {
            return Verdict::Absent(format!("column `{}`: {error}", a.name()));
        }
    }
    differences.verdict()
}

fn columns(a: &Column, b: &Column, differences: &mut Differences) -> PolarsResult<()> {
    let part = format!("column `{}`", a.name());
    let place = |row: usize| format!("{part}, row {}", row + 1);
    let shown = |value: Option<f64>| value.map_or("nothing".to_owned(), |x| format!("{x:?}"));
    if a.dtype().is_float() {
        let (ours, theirs) = (a.cast(&DataType::Float64)?, b.cast(&DataType::Float64)?);
        for (row, (a, b)) in ours.f64()?.iter().zip(theirs.f64()?.iter()).enumerate() {
            if a.map(f64::to_bits) != b.map(f64::to_bits) {
                let both = a.zip(b).map(|(a, b)| [a, b]);
                differences.add(&place(row), &part, [&shown(a), &shown(b)], both);
            }
        }
        return Ok(());
    }
    let (ours, theirs) = (a.cast(&DataType::String)?, b.cast(&DataType::String)?);
    for (row, (a, b)) in ours.str()?.iter().zip(theirs.str()?.iter()).enumerate() {
        if a != b {
            let both = [a.unwrap_or("nothing"), b.unwrap_or("nothing")];
            differences.add(&place(row), &part, both, numbers(both));
        }
    }
    Ok(())
}

fn numbers(both: [&str; 2]) -> Option<[f64; 2]> {
    let [a, b] = both.map(str::parse::<f64>);
    Some([a.ok()?, b.ok()?])
}

fn or_none(names: &[String]) -> String {
    match names.is_empty() {
        true => "none".into(),
        false => names.join(", "),
    }
}

/// Compares two JSON documents without what a clock or a machine has to say in them.
fn documents(packed: &[u8], rebuilt: &[u8], tolerance: f64) -> Result<Verdict> {
    let read = serde_json::from_slice::<Value>;
    let (mut ours, mut theirs) = match (read(packed), read(rebuilt)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(error), _) => return Ok(Verdict::Absent(format!("not JSON in the package: {error}"))),
        (_, Err(error)) => return Ok(Verdict::Absent(format!("not JSON as rebuilt: {error}"))),
    };
    for document in [&mut ours, &mut theirs] {
        if let Value::Object(fields) = document {
            fields.remove("profile");
        }
    }
    let mut differences = Differences {
        tolerance,
        ..Differences::default()
    };
    values("", &ours, &theirs, &mut differences);
    Ok(match differences.verdict() {
        Verdict::SameValues => Verdict::Identical,
        verdict => verdict,
    })
}

/// Compares what stands at `place` of two JSON documents.
pub(super) fn same(packed: &Value, rebuilt: &Value, tolerance: f64) -> Verdict {
    let mut differences = Differences {
        tolerance,
        ..Differences::default()
    };
    values("", packed, rebuilt, &mut differences);
    match differences.verdict() {
        Verdict::SameValues => Verdict::Identical,
        verdict => verdict,
    }
}

fn values(place: &str, a: &Value, b: &Value, differences: &mut Differences) {
    let below = |name: &str| match place {
        "" => name.to_owned(),
        _ => format!("{place}.{name}"),
    };
    match (a, b) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, value) in ours {
                let other = theirs.get(name).unwrap_or(&Value::Null);
                values(&below(name), value, other, differences);
            }
            for (name, value) in theirs.iter().filter(|(name, _)| !ours.contains_key(*name)) {
                values(&below(name), &Value::Null, value, differences);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (at, (a, b)) in ours.iter().zip(theirs).enumerate() {
                // An arm is known by its name.
                let name = a["arm"].as_str().map_or(at.to_string(), str::to_owned);
                values(&below(&name), a, b, differences);
            }
        }
        _ if a == b => {}
        _ => {
            let both = a.as_f64().zip(b.as_f64()).map(|(a, b)| [a, b]);
            let part = place.rsplit('.').next().unwrap_or(place);
            differences.add(place, part, [&a.to_string(), &b.to_string()], both);
        }
    }
}

fn lines(packed: &[u8], rebuilt: &[u8]) -> Verdict {
    let (ours, theirs) = (
        String::from_utf8_lossy(packed),
        String::from_utf8_lossy(rebuilt),
    );
    let at = ours
        .lines()
        .zip(theirs.lines())
        .take_while(|(a, b)| a == b)
        .count();
    Verdict::Differs(format!("first in line {}", at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(welfare: [f64; 3], arm: [&str; 3]) -> DataFrame {
        df!("arm" => arm, "welfare" => welfare).unwrap()
    }

    #[test]
    fn tables_differ_first_and_most() {
        let arms = ["llm", "llm", "us-2024"];
        let a = frame([1.0, 2.0, f64::NAN], arms);
        assert_eq!(tables(&a, &a.clone(), 0.0), Verdict::SameValues);
        let b = frame([1.5, 2.0000001, f64::NAN], arms);
        let Verdict::Differs(words) = tables(&a, &b, 1e-3) else {
            panic!("they differ")
        };
        // (1.5 − 1)/1.5
        assert_eq!(
            words,
            "first in column `welfare`, row 1: 1.0 in the package, 1.5 rebuilt; 2 values differ in column `welfare`; the largest difference of numbers is 5.000e-1 (relative 3.3e-1), column `welfare`, row 1"
        );
        let near = frame([1.0, 2.0000001, f64::NAN], arms);
        assert!(
            matches!(tables(&a, &near, 1e-6), Verdict::Within(most) if (most - 5e-8).abs() < 1e-9)
        );
        assert!(!tables(&a, &near, 0.0).agrees());
        let renamed = frame([1.0, 2.0, f64::NAN], ["llm", "llm", "us-2023"]);
        let Verdict::Differs(words) = tables(&a, &renamed, 1.0) else {
            panic!("text has no tolerance")
        };
        assert!(
            words.contains("column `arm`, row 3: us-2024 in the package, us-2023"),
            "{words}"
        );
        let short = a.head(Some(2));
        assert_eq!(
            tables(&a, &short, 0.0),
            Verdict::Differs("3 rows in the package, 2 rebuilt".into())
        );
        let without = a.select(["arm"]).unwrap();
        let Verdict::Differs(words) = tables(&a, &without, 0.0) else {
            panic!("a column is gone")
        };
        assert!(words.contains("only in the package: welfare"), "{words}");
    }

    #[test]
    fn documents_differ_by_place_and_clocks_do_not_count() {
        let document = |welfare: f64, seconds: f64| {
            let arm = serde_json::json!({ "arm": "llm", "welfare": welfare, "path": null });
            let document = serde_json::json!({ "arms": [arm], "profile": { "s": seconds } });
            serde_json::to_vec(&document).unwrap()
        };
        let compared = |a: f64, b: f64| documents(&document(a, 1.0), &document(b, 2.0), 0.0);
        assert_eq!(compared(5.0, 5.0).unwrap(), Verdict::Identical);
        let Verdict::Differs(words) = compared(5.0, 6.0).unwrap() else {
            panic!("they differ")
        };
        assert!(
            words.starts_with("first in arms.llm.welfare: 5.0 in the package, 6.0"),
            "{words}"
        );
        let broken = documents(b"{", b"{}", 0.0).unwrap();
        assert!(!broken.agrees());
    }

    #[test]
    fn files_are_compared_by_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.csv"), "arm,welfare\n\"a, b\",1.0\n").unwrap();
        std::fs::write(path("b.csv"), "arm,welfare\n\"a, b\",2.0\n").unwrap();
        let compared = |a: &str, b: &str| compare(&path(a), &path(b), 0.0).unwrap();
        assert_eq!(compared("a.csv", "a.csv"), Verdict::Identical);
        let Verdict::Differs(words) = compared("a.csv", "b.csv") else {
            panic!("they differ")
        };
        assert!(
            words.starts_with("first in column `welfare`, row 1: 1.0"),
            "{words}"
        );
        assert_eq!(
            compared("c.csv", "a.csv"),
            Verdict::Absent("missing".into())
        );
        assert_eq!(
            compared("a.csv", "c.csv"),
            Verdict::Absent("the replay did not write it".into())
        );
        std::fs::write(path("a.parquet"), "not parquet").unwrap();
        std::fs::write(path("b.parquet"), "neither").unwrap();
        assert!(!compared("a.parquet", "b.parquet").agrees());
        std::fs::write(path("a.tex"), "x\ny").unwrap();
        std::fs::write(path("b.tex"), "x\nz").unwrap();
        assert_eq!(
            compared("a.tex", "b.tex"),
            Verdict::Differs("first in line 2".into())
        );
    }
}
