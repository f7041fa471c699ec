//! The files of a finished run: typed columns of its Parquet files, JSON and TOML documents, whole writes.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use polars::prelude::{DataFrame, DataType, ParquetReader, SerReader};

use crate::{Error, Result};

/// A table read from a Parquet file, with columns asked for by name and type.
///
/// Every accessor fails with an error that names the file and the column.
pub struct Columns {
    file: PathBuf,
    frame: DataFrame,
}

impl Columns {
    /// Reads the columns `names` of `file`; all of them when `names` is empty. With `rows`, only those.
    pub fn read(file: &Path, names: &[&str], rows: Option<Range<usize>>) -> Result<Self> {
        let open = File::open(file).map_err(|error| Error::io(file, error))?;
        let names =
            (!names.is_empty()).then(|| names.iter().map(|name| (*name).to_owned()).collect());
        let reader = ParquetReader::new(open)
            .with_columns(names)
            .with_slice(rows.map(|rows| (rows.start, rows.end - rows.start)));
        let frame = reader.finish().map_err(|error| Error::io(file, error))?;
        Ok(Columns {
            file: file.to_owned(),
            frame,
        })
    }

    /// Names of the columns of numbers in `file`, of which no row is read.
    pub fn numeric(file: &Path) -> Result<Vec<String>> {
        let frame = Self::read(file, &[], Some(0..0))?.frame;
        let numeric = |column: &&polars::prelude::Column| column.dtype().is_primitive_numeric();
        let names = frame.columns().iter().filter(numeric);
        Ok(names.map(|column| column.name().to_string()).collect())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    /// Whether there is a column of that name.
    pub fn has(&self, name: &str) -> bool {
        self.frame.column(name).is_ok()
    }

    /// Names of the columns that hold numbers, in their order.
    pub fn numeric_columns(&self) -> Vec<String> {
        let columns = self.frame.columns().iter();
        columns
            .filter(|column| column.dtype().is_primitive_numeric())
            .map(|column| column.name().to_string())
            .collect()
    }

    /// A column of numbers; nulls become NaN.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        let column = self.frame.column(name).map_err(|_| self.missing(name))?;
        let cast = column
            .strict_cast(&DataType::Float64)
            .map_err(|error| self.unfit(name, error))?;
        let numbers = cast.f64().map_err(|error| self.unfit(name, error))?;
        Ok(numbers
            .iter()
            .map(|number| number.unwrap_or(f64::NAN))
            .collect())
    }

    /// A column of whole numbers from 0; nulls are an error.
    pub fn counts(&self, name: &str) -> Result<Vec<u32>> {
        let column = self.frame.column(name).map_err(|_| self.missing(name))?;
        let cast = column
            .strict_cast(&DataType::UInt32)
            .map_err(|error| self.unfit(name, error))?;
        let numbers = cast.u32().map_err(|error| self.unfit(name, error))?;
        let whole: Option<Vec<u32>> = numbers.iter().collect();
        whole.ok_or_else(|| self.unfit(name, "has nulls"))
    }

    /// A column of text; nulls become the empty string.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        let column = self.frame.column(name).map_err(|_| self.missing(name))?;
        let cast = column
            .cast(&DataType::String)
            .map_err(|error| self.unfit(name, error))?;
        let texts = cast.str().map_err(|error| self.unfit(name, error))?;
        Ok(texts
            .iter()
            .map(|text| text.unwrap_or_default().to_owned())
            .collect())
    }

    /// A column of labels: the distinct texts in order of appearance, and per row an index into them.
    pub fn labels(&self, name: &str) -> Result<(Vec<String>, Vec<usize>)> {
        let column = self.frame.column(name).map_err(|_| self.missing(name))?;
        let cast = column
            .cast(&DataType::String)
            .map_err(|error| self.unfit(name, error))?;
        let texts = cast.str().map_err(|error| self.unfit(name, error))?;
        let mut distinct: Vec<String> = Vec::new();
        let mut known: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
        let mut rows = Vec::with_capacity(self.rows());
        for text in texts.iter() {
            let text = text.unwrap_or_default();
            let index = known.get(text).copied().unwrap_or_else(|| {
                distinct.push(text.to_owned());
                known.insert(text.to_owned(), distinct.len() - 1);
                distinct.len() - 1
            });
            rows.push(index);
        }
        Ok((distinct, rows))
    }

    fn missing(&self, name: &str) -> Error {
        let names: Vec<&str> = self
            .frame
            .get_column_names()
            .into_iter()
            .map(|n| n.as_str())
            .collect();
        Error::run(format!(
            "{}: column `{name}` is missing",
            self.file.display()
        ))
        .allowed(names.join(", "))
        .suggest(name, names)
    }

    fn unfit(&self, name: &str, error: impl std::fmt::Display) -> Error {
        Error::run(format!("{}: column `{name}`: {error}", self.file.display()))
    }
}

/// The stretches of equal values in `flags` that are true, as row ranges.
pub fn stretches(flags: impl IntoIterator<Item = bool>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (row, wanted) in flags.into_iter().enumerate() {
        match found.last_mut() {
            Some(last) if wanted && last.end == row => last.end = row + 1,
            _ if wanted => found.push(row..row + 1),
            _ => {}
        }
    }
    found
}

/// Reads and parses a JSON file.
pub fn json<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::io(file, error))?;
    serde_json::from_str(&text).map_err(|error| Error::io(file, error))
}

/// Writes `bytes` to `file` so that a reader sees the old file or the whole new one.
pub fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let folder = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let io = |error: std::io::Error| Error::io(file, error);
    std::fs::create_dir_all(folder).map_err(io)?;
    let mut draft = tempfile::Builder::new()
        .prefix(".draft-")
        .tempfile_in(folder)
        .map_err(io)?;
    draft.write_all(bytes).map_err(io)?;
    draft.as_file().sync_all().map_err(io)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        draft
            .as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))
            .map_err(io)?;
    }
    draft.persist(file).map_err(|error| io(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_found() {
        assert_eq!(
            stretches([true, true, false, true, false, false, true]),
            [0..2, 3..4, 6..7]
        );
        assert!(stretches([]).is_empty());
    }

    #[test]
    fn a_file_appears_whole_and_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join("a.txt");
        write_whole(&file, b"first").unwrap();
        write_whole(&file, b"second").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"second");
        assert_eq!(
            std::fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1
        );
    }
}
