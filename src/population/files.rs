//! Wages and personas that the user brings in a file, one row per worker in order of worker id.

use std::fs;
use std::path::Path;

use super::csv::Table;
use super::persona::Persona;
use crate::error::{Error, Place, Result};

/// Names of the fields of a persona file.
const PERSONA_FIELDS: [&str; 8] = [
    "occupation",
    "soc",
    "sex",
    "age",
    "education",
    "usual_hours",
    "family",
    "text",
];

/// The first `size` wages in $/hour of column `column` of the CSV file `path`.
///
/// # Errors
///
/// An input error that names file, line and value for a wage that is not a
/// positive number, for a missing column, or for a file with too few rows.
pub fn read_wages(path: &Path, column: &str, size: usize) -> Result<Vec<f64>> {
    let text = read(path)?;
    let mut table = Table::new(path, &text)?;
    let position = table.column(column)?;
    let mut wages = Vec::with_capacity(size.min(text.len()));
    while wages.len() < size {
        let Some(record) = table.next_record()? else {
            return Err(too_few(path, "wages", wages.len(), size));
        };
        let field = &record.fields[position];
        match field.text.parse::<f64>() {
            Ok(wage) if wage.is_finite() && wage > 0.0 => wages.push(wage),
            _ => {
                return Err(Error::input("not a wage")
                    .at(table.place(record.line, field.column, column))
                    .value(if field.text.is_empty() {
                        "nothing"
                    } else {
                        &field.text
                    })
                    .allowed("a positive number, in $/hour"));
            }
        }
    }
    Ok(wages)
}

/// The first `size` personas of `path`: a CSV file with a header if its name ends in `.csv`, else JSON lines.
///
/// A row has the fields of [`Persona`]. It states either `text`, or all of
/// `occupation`, `sex`, `age`, `education` and `usual_hours`; the others are optional.
///
/// # Errors
///
/// An input error that names file, line, field and value.
pub fn read_personas(path: &Path, size: usize) -> Result<Vec<Persona>> {
    let text = read(path)?;
    let is_csv = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let personas = if is_csv {
        personas_of_csv(path, &text, size)?
    } else {
        personas_of_json(path, &text, size)?
    };
    if personas.len() < size {
        return Err(too_few(path, "personas", personas.len(), size));
    }
    Ok(personas)
}

fn personas_of_csv(path: &Path, text: &str, size: usize) -> Result<Vec<Persona>> {
    let mut table = Table::new(path, text)?;
    let names = table.header().to_vec();
    for name in &names {
        known_field(name).map_err(|error| error.at(table.place(1, 1, name)))?;
    }
    let mut personas = Vec::new();
    while personas.len() < size
        && let Some(record) = table.next_record()?
    {
        let mut persona = Persona::default();
        for (name, field) in names.iter().zip(&record.fields) {
            set_field(&mut persona, name, &field.text)
                .map_err(|error| error.at(table.place(record.line, field.column, name)))?;
        }
        require_complete(&persona).map_err(|error| error.at(table.place(record.line, 1, "")))?;
        personas.push(persona);
    }
    Ok(personas)
}

fn personas_of_json(path: &Path, text: &str, size: usize) -> Result<Vec<Persona>> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .take(size)
        .map(|(index, line)| persona_of_json(path, index + 1, line))
        .collect()
}

fn persona_of_json(path: &Path, line: usize, text: &str) -> Result<Persona> {
    let place = |column, key: &str| Place {
        file: path.to_owned(),
        line,
        column,
        key: key.to_owned(),
    };
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| {
            Error::input(format!("not a JSON object: {error}")).at(place(error.column().max(1), ""))
        })?;
    let mut persona = Persona::default();
    for (name, value) in &object {
        let value = match value {
            serde_json::Value::Null => Ok(String::new()),
            serde_json::Value::String(text) => Ok(text.clone()),
            serde_json::Value::Number(number) => Ok(number.to_string()),
            other => Err(Error::input("wrong type")
                .value(other)
                .allowed("text or a number")),
        };
        known_field(name)
            .and_then(|()| set_field(&mut persona, name, value?.trim()))
            .map_err(|error| error.at(place(1, name)))?;
    }
    require_complete(&persona).map_err(|error| error.at(place(1, "")))?;
    Ok(persona)
}

fn known_field(name: &str) -> Result<()> {
    if PERSONA_FIELDS.contains(&name) {
        return Ok(());
    }
    Err(Error::input("unknown persona field")
        .value(name)
        .allowed(PERSONA_FIELDS.join(", "))
        .suggest(name, PERSONA_FIELDS))
}

/// Sets a known field from its text; an empty text leaves it unstated.
fn set_field(persona: &mut Persona, name: &str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let invalid = |allowed: &str| {
        Error::input(format!("invalid {name}"))
            .value(text)
            .allowed(allowed)
    };
    let whole_number = |highest: u32| match text.parse::<u32>() {
        Ok(number) if (1..=highest).contains(&number) => Ok(number),
        _ => Err(invalid(&format!("a whole number from 1 to {highest}"))),
    };
    match name {
        "occupation" => persona.occupation = text.to_owned(),
        "soc" => persona.soc = text.to_owned(),
        "sex" => persona.sex = text.parse().map_err(invalid)?,
        "age" => persona.age = whole_number(120)?,
        "education" => persona.education = text.parse().map_err(invalid)?,
        "usual_hours" => persona.usual_hours = whole_number(168)?,
        "family" => persona.family = text.to_owned(),
        _ => persona.text = Some(text.to_owned()),
    }
    Ok(())
}

fn require_complete(persona: &Persona) -> Result<()> {
    if persona.text.is_some() {
        return Ok(());
    }
    let missing = [
        ("occupation", persona.occupation.is_empty()),
        ("sex", persona.sex.name().is_empty()),
        ("age", persona.age == 0),
        ("education", persona.education.name().is_empty()),
        ("usual_hours", persona.usual_hours == 0),
    ]
    .into_iter()
    .filter_map(|(name, missing)| missing.then_some(name))
    .collect::<Vec<_>>();
    if missing.is_empty() {
        return Ok(());
    }
    Err(
        Error::input(format!("incomplete persona: no {}", missing.join(", ")))
            .allowed("`text`, or all of occupation, sex, age, education and usual_hours"),
    )
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Error::input(format!("cannot read {}: {error}", path.display())))
}

fn too_few(path: &Path, what: &str, found: usize, size: usize) -> Error {
    Error::input(format!(
        "{}: too few {what} for the population",
        path.display()
    ))
    .value(format!("{found} row{}", if found == 1 { "" } else { "s" }))
    .allowed(format!("at least {size}, the population's size"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::{Education, Sex};

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn wage_error(text: &str, column: &str, size: usize) -> String {
        let (_folder, path) = file("w.csv", text);
        let error = read_wages(&path, column, size).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    fn persona_error(name: &str, text: &str) -> String {
        let (_folder, path) = file(name, text);
        let error = read_personas(&path, 2).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    fn assert_says(message: &str, parts: &[&str]) {
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }

    #[test]
    fn wages_come_in_file_order_and_surplus_rows_are_left() {
        let (_folder, path) = file("w.csv", "id,wage\r\n1,20.5\r\n2,1e2\r\n3,oops\r\n");
        assert_eq!(read_wages(&path, "wage", 2).unwrap(), [20.5, 100.0]);
    }

    #[test]
    fn wage_errors_name_file_line_and_value() {
        assert_says(
            &wage_error("id,wage\n1,20\n2,-3\n", "wage", 2),
            &["w.csv:3:3", "-3", "positive"],
        );
        assert_says(
            &wage_error("wage\n20\nNaN\n", "wage", 2),
            &["w.csv:3:1", "NaN"],
        );
        assert_says(&wage_error("wage\ninf\n", "wage", 1), &["w.csv:2:1", "inf"]);
        assert_says(
            &wage_error("a,wage\n1,\n", "wage", 1),
            &["w.csv:2:3", "nothing"],
        );
        assert_says(
            &wage_error("wage\n20\n", "wages", 1),
            &["wages", "did you mean `wage`?"],
        );
        assert_says(
            &wage_error("wage\n20\n", "wage", 5),
            &["1 row\n", "at least 5"],
        );
        let missing = read_wages(Path::new("no/such.csv"), "wage", 1).unwrap_err();
        assert_eq!(missing.exit_code(), 2);
        assert_says(&missing.to_string(), &["no/such.csv"]);
    }

    #[test]
    fn personas_from_json_lines_and_csv_agree() {
        let json = r#"{"occupation":"Nurses","sex":"female","age":43,"education":"bachelor's degree","usual_hours":36,"family":"married"}

{"text":"You love your work."}
"#;
        let csv = "occupation,sex,age,education,usual_hours,family,text\n\
                   Nurses,Female,43,Bachelor's degree,36,married,\n\
                   ,,,,,,You love your work.\n";
        let (_one, json) = file("p.jsonl", json);
        let (_two, csv) = file("p.csv", csv);
        let personas = read_personas(&json, 2).unwrap();
        assert_eq!(personas, read_personas(&csv, 2).unwrap());
        assert_eq!((personas[0].sex, personas[0].age), (Sex::Female, 43));
        assert_eq!(personas[0].education, Education::Bachelor);
        assert_eq!(personas[1].text.as_deref(), Some("You love your work."));
    }

    #[test]
    fn persona_errors_name_file_line_field_and_value() {
        assert_says(
            &persona_error("p.jsonl", "{\"tekst\":\"a\"}"),
            &["p.jsonl:1", "tekst", "`text`"],
        );
        assert_says(
            &persona_error("p.jsonl", "{\"text\":\"a\"}\n{"),
            &["p.jsonl:2", "JSON"],
        );
        assert_says(
            &persona_error("p.jsonl", "{\"text\":\"a\"}"),
            &["1 row\n", "at least 2"],
        );
        assert_says(
            &persona_error("p.jsonl", "{\"age\":40}"),
            &["p.jsonl:1", "no occupation, sex"],
        );
        assert_says(
            &persona_error("p.jsonl", "{\"text\":[1]}"),
            &["`text`", "[1]"],
        );
        assert_says(
            &persona_error("p.csv", "text,age\na,4.5\n"),
            &["p.csv:2:3", "`age`", "4.5", "120"],
        );
        assert_says(
            &persona_error("p.csv", "text,ages\na,4\n"),
            &["p.csv:1", "`age`"],
        );
        assert_says(
            &persona_error("p.csv", "text,sex\na,f\n"),
            &["\"female\" or \"male\""],
        );
    }
}
