//! Comma-separated text (RFC 4180) that remembers lines and columns, for errors that point at a cell.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::error::{Error, Place, Result};

/// One field and where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Text without its quotes and surrounding blanks.
    pub text: Cow<'a, str>,
    /// Character in its line, counted from 1.
    pub column: usize,
}

/// One record: its fields and the line on which it starts, counted from 1.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Line of the file.
    pub line: usize,
    /// As many fields as the header has.
    pub fields: Vec<Field<'a>>,
}

/// A CSV text with a header, read record by record.
///
/// Quoted fields may hold commas, line breaks and doubled quotes; blank lines
/// are skipped; a byte-order mark is dropped.
#[derive(Debug)]
pub struct Table<'a> {
    file: PathBuf,
    header: Vec<String>,
    rest: &'a str,
    line: usize,
}

impl<'a> Table<'a> {
    /// Reads the header; `file` is what errors name.
    ///
    /// # Errors
    ///
    /// An input error if there is no header, a name stands in it twice, or a quote stays open.
    pub fn new(file: &Path, text: &'a str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut table = Table {
            file: file.to_owned(),
            header: Vec::new(),
            rest: text,
            line: 1,
        };
        let Some(record) = table.next_record()? else {
            return Err(
                Error::input("empty table: expected a header line").at(Place {
                    file: table.file,
                    line: 1,
                    column: 1,
                    key: String::new(),
                }),
            );
        };
        for field in record.fields {
            if table.header.iter().any(|name| *name == field.text) {
                let place = table.place(record.line, field.column, &field.text);
                return Err(Error::input("column stands in the header twice").at(place));
            }
            table.header.push(field.text.into_owned());
        }
        Ok(table)
    }

    /// Names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Position of the column `name`.
    ///
    /// # Errors
    ///
    /// An input error that lists the columns there are and suggests the nearest.
    pub fn column(&self, name: &str) -> Result<usize> {
        self.header
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| {
                Error::input("no such column")
                    .at(self.place(1, 1, name))
                    .value(name)
                    .allowed(self.header.join(", "))
                    .suggest(name, self.header.iter().map(String::as_str))
            })
    }

    /// Positions of columns that must all be there.
    ///
    /// # Errors
    /// An input error that names those that are missing, and the header.
    pub fn required<const N: usize>(&self, names: [&str; N]) -> Result<[usize; N]> {
        let position = |name: &str| self.header.iter().position(|column| column == name);
        let missing: Vec<String> = (names.iter())
            .filter(|name| position(name).is_none())
            .map(|name| format!("`{name}`"))
            .collect();
        if missing.is_empty() {
            return Ok(names.map(|name| position(name).unwrap_or(0)));
        }
        let error = Error::input(format!("no column {}", missing.join(", ")))
            .at(self.place(1, 1, ""))
            .value(self.header.join(","))
            .allowed(format!("a header with {}", names.join(",")));
        Err(match &self.header[..] {
            [all] if all.contains([';', '\t']) => error.hint("commas between columns"),
            _ => error,
        })
    }

    /// Refuses a column that is not read and whose name is close to that of an absent one of `names`,
    /// which are read: it would be lost by a slip of the pen.
    ///
    /// # Errors
    /// An input error that names the column and the nearest one.
    pub fn refuse_misspelt(&self, names: &[&str]) -> Result<()> {
        let is_there = |name: &&&str| self.header.iter().any(|column| column == **name);
        let absent = || names.iter().filter(|name| !is_there(name)).copied();
        // A header that is separated by something else than commas is one column.
        let unread =
            |column: &&String| !names.contains(&column.as_str()) && !column.contains([';', '\t']);
        for column in self.header.iter().filter(unread) {
            let lower = column.to_lowercase();
            if crate::error::nearest(&lower, absent()).is_some() {
                return Err(Error::input("this column would not be read")
                    .at(self.place(1, 1, column))
                    .value(column)
                    .allowed(format!(
                        "{}; further columns by names that are not close to these",
                        names.join(", ")
                    ))
                    .suggest(&lower, absent()));
            }
        }
        Ok(())
    }

    /// A place in this file, for an error.
    pub fn place(&self, line: usize, column: usize, key: &str) -> Place {
        Place {
            file: self.file.clone(),
            line,
            column,
            key: key.to_owned(),
        }
    }

    /// The next record, or none at the end.
    ///
    /// # Errors
    ///
    /// An input error for a quote that stays open, text after a closing quote,
    /// or a number of fields that differs from the header's.
    pub fn next_record(&mut self) -> Result<Option<Record<'a>>> {
        while let Some(rest) = self
            .rest
            .strip_prefix("\r\n")
            .or(self.rest.strip_prefix('\n'))
        {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let mut fields = Vec::with_capacity(self.header.len());
        let mut column = 1;
        loop {
            let (field, width) = self.next_field(column)?;
            fields.push(field);
            column += width + 1;
            let end_of_record = !self.rest.starts_with(',');
            self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
            if end_of_record {
                break;
            }
        }
        if !self.header.is_empty() && fields.len() != self.header.len() {
            return Err(Error::input("wrong number of fields")
                .at(self.place(line, 1, ""))
                .value(fields.len())
                .allowed(format!("{}, as in the header", self.header.len())));
        }
        Ok(Some(Record { line, fields }))
    }

    /// The field at the head of `rest`, which moves to the separator behind it; also its width in characters.
    fn next_field(&mut self, column: usize) -> Result<(Field<'a>, usize)> {
        let Some(mut quoted) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
            let (raw, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok((
                Field {
                    text: raw.trim().into(),
                    column,
                },
                raw.chars().count(),
            ));
        };
        let line = self.line;
        let mut text = Cow::Borrowed("");
        let mut width = 2;
        loop {
            let Some(end) = quoted.find('"') else {
                return Err(Error::input("a quote (\") is opened and never closed")
                    .at(self.place(line, column, "")));
            };
            let (piece, rest) = (&quoted[..end], &quoted[end + 1..]);
            text += piece;
            self.line += piece.matches('\n').count();
            width += piece.chars().count();
            match rest.strip_prefix('"') {
                Some(after_doubled) => {
                    text += "\"";
                    width += 2;
                    quoted = after_doubled;
                }
                None => {
                    self.rest = rest.trim_start_matches([' ', '\r']);
                    break;
                }
            }
        }
        if !(self.rest.is_empty() || self.rest.starts_with([',', '\n'])) {
            return Err(Error::input("text after a closing quote (\")")
                .at(self.place(line, column, ""))
                .allowed("a comma or the end of the line"));
        }
        Ok((Field { text, column }, width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table<'_> {
        Table::new(Path::new("t.csv"), text).unwrap()
    }

    fn texts(record: &Record<'_>) -> Vec<String> {
        record
            .fields
            .iter()
            .map(|field| field.text.to_string())
            .collect()
    }

    #[test]
    fn quotes_line_breaks_and_blanks() {
        let text = "\u{feff}name,wage\r\n\"Designers, \"\"web\"\"\", 12.5 \r\n\r\n\"two\nlines\",3\nlast,\n";
        let mut table = table(text);
        assert_eq!(table.header(), ["name", "wage"]);
        let first = table.next_record().unwrap().unwrap();
        assert_eq!(
            (first.line, texts(&first)),
            (2, vec!["Designers, \"web\"".into(), "12.5".into()])
        );
        assert_eq!(first.fields[1].column, 22);
        let second = table.next_record().unwrap().unwrap();
        assert_eq!(
            (second.line, texts(&second)),
            (4, vec!["two\nlines".into(), "3".into()])
        );
        let third = table.next_record().unwrap().unwrap();
        assert_eq!(
            (third.line, texts(&third)),
            (6, vec!["last".into(), "".into()])
        );
        assert!(table.next_record().unwrap().is_none());
    }

    #[test]
    fn broken_texts_point_at_the_cell() {
        let open = table("a,b\n1,\"2\n").next_record().unwrap_err().to_string();
        assert!(
            open.starts_with("t.csv:2:3: ") && open.contains("never closed"),
            "{open}"
        );
        let short = table("a,b\n1,2\n3\n");
        let mut short = short;
        short.next_record().unwrap();
        let short = short.next_record().unwrap_err().to_string();
        assert!(
            short.starts_with("t.csv:3:1: ") && short.contains("found:   1"),
            "{short}"
        );
        let after = table("a\n\"1\"2\n").next_record().unwrap_err().to_string();
        assert!(after.contains("after a closing quote"), "{after}");
        assert!(
            Table::new(Path::new("t.csv"), "")
                .unwrap_err()
                .to_string()
                .contains("header")
        );
        assert!(
            Table::new(Path::new("t.csv"), "a,a\n")
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }

    #[test]
    fn a_missing_column_suggests_the_nearest() {
        let error = table("id,wage\n").column("wages").unwrap_err().to_string();
        assert!(
            error.contains("did you mean `wage`?") && error.contains("id, wage"),
            "{error}"
        );
    }
}
