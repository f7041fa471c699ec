//! Preference models that look behind judgements.

use std::path::Path;

use super::section::{Section, not_built};
use crate::error::{Error, Result};
use crate::population::csv::Table;
use crate::preferences::PreferenceModel;
use crate::preferences::models::bradley_terry::BradleyTerry;
use crate::preferences::models::regret::Regret;
use crate::preferences::models::robust::Robust;
use crate::preferences::models::thurstone::Thurstone;
use crate::preferences::models::values::{Profile, VALUES, Values};

pub(super) fn robust(section: &Section) -> Result<Robust> {
    let base: Box<dyn PreferenceModel> = match section.choice("base") {
        ("bradley-terry", own) => Box::new(BradleyTerry {
            ridge: own.number("ridge")?,
            head: super::models::head(&own)?,
            ..BradleyTerry::default()
        }),
        ("thurstone", own) => Box::new(Thurstone {
            ridge: own.number("ridge")?,
            ..Thurstone::default()
        }),
        (name, _) => not_built("robust.base", name),
    };
    Ok(Robust {
        base,
        members: section.whole("members")? as usize,
        rounds: section.whole("rounds")? as usize,
        flip: section.number("flip")?,
        ambiguous: section.number("ambiguous")?,
        smoothing: section.number("smoothing")?,
        soft: section.node("soft").flag()?,
        margin: section.number("margin")?,
        rationale: section.number("rationale")?,
        ..Robust::default()
    })
}

pub(super) fn regret(section: &Section) -> Result<Regret> {
    Ok(Regret {
        ridge: section.number("ridge")?,
        discount: section.number("discount")?,
        reach: section.number("reach")?,
        temperature: section.number("temperature")?,
        ..Regret::default()
    })
}

pub(super) fn values(section: &Section, path: &Path) -> Result<Values> {
    Ok(Values {
        profiles: profiles(path)?,
        ridge: section.number("ridge")?,
        ..Values::default()
    })
}

/// A profile for each line.
fn profiles(path: &Path) -> Result<Vec<Profile>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::input(format!("{}: {error}", path.display())))?;
    let mut table = Table::new(path, &text)?;
    let columns = table.required(VALUES)?;
    let mut all = vec![];
    while let Some(record) = table.next_record()? {
        let mut profile = [0.0; 19];
        for ((value, column), name) in profile.iter_mut().zip(columns).zip(VALUES) {
            let field = &record.fields[column];
            let number = field.text.parse::<f64>().ok().filter(|x| x.is_finite());
            *value = number.ok_or_else(|| {
                Error::input("not a number")
                    .at(table.place(record.line, field.column, name))
                    .value(&field.text)
                    .allowed("a finite number")
            })?;
        }
        all.push(profile);
    }
    match all.is_empty() {
        true => Err(Error::input(format!("{}: no profile", path.display()))
            .allowed("a line for each worker below the header")),
        false => Ok(all),
    }
}
