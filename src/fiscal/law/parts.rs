//! How a tax law is written: parts joined by `+`.

use super::{TaxLaw, federal};
use crate::error::{Error, Result};
use crate::fiscal::Schedule;
use crate::units::Rate;

/// What a part of a law may be, in words.
pub const PARTS_IN_WORDS: &str = "us-YEAR, income-YEAR, payroll-YEAR (2013 to 2026, with -married, \
     -separate or -head for other filing statuses), eitc-YEAR-N (N children, 0 to 3; \
     eitc-YEAR-married-N), ubi-AMOUNT, nit-GUARANTEE-RATE, deduct-AMOUNT(LAW), or a literal such as \
     0:0.10,11600:0.12; parts are joined by +";

/// Deductions inside deductions that are read at most.
const DEPTH_MAX: usize = 8;

/// Reads a law that stands inside `depth` deductions.
///
/// # Errors
/// As [`TaxLaw::parse`].
pub(super) fn law(text: &str, depth: usize) -> Result<TaxLaw> {
    if depth > DEPTH_MAX {
        return Err(Error::input("too many deductions inside each other")
            .value(format!("more than {DEPTH_MAX}"))
            .allowed(format!("at most {DEPTH_MAX}")));
    }
    let laws: Vec<TaxLaw> = split(text)?
        .into_iter()
        .map(|text| part(text.trim(), depth))
        .collect::<Result<_>>()?;
    TaxLaw::sum(&laws)
}

/// The parts between the `+` that stand in no brackets and are not the sign of an exponent (`1e+5`).
fn split(text: &str) -> Result<Vec<&str>> {
    let unbalanced = || {
        Error::input("brackets that do not match in a tax law")
            .value(text)
            .allowed("deduct-AMOUNT(LAW), such as deduct-14600(us-2024)")
    };
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let (mut open, mut start) = (0_usize, 0);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => open += 1,
            b')' => open = open.checked_sub(1).ok_or_else(unbalanced)?,
            b'+' if open == 0 && !ends_in_exponent(&bytes[..at]) => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if open > 0 {
        return Err(unbalanced());
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn ends_in_exponent(text: &[u8]) -> bool {
    matches!(text, [.., digit, b'e' | b'E'] if digit.is_ascii_digit() || *digit == b'.')
}

fn part(text: &str, depth: usize) -> Result<TaxLaw> {
    if let Some(rest) = text.strip_prefix("deduct-") {
        return deduction(text, rest, depth);
    }
    if let Some(amount) = text.strip_prefix("ubi-") {
        let grant = dollars(text, amount, "ubi-AMOUNT, such as ubi-12000")?;
        return TaxLaw::new(Schedule::zero(&[0.0])?, grant);
    }
    if let Some(rest) = text.strip_prefix("nit-") {
        return negative_income_tax(text, rest);
    }
    if text.contains(':') {
        return TaxLaw::new(Schedule::parse(text)?, 0.0);
    }
    match federal::find(text) {
        Some(schedule) => TaxLaw::new(schedule.clone(), 0.0),
        None => Err(Error::input("unknown part of a tax law")
            .value(if text.is_empty() { "nothing" } else { text })
            .allowed(PARTS_IN_WORDS)
            .suggest(text, federal::names().chain(["ubi-", "nit-", "deduct-"]))),
    }
}

/// `deduct-AMOUNT(LAW)`; `rest` is behind `deduct-`.
fn deduction(text: &str, rest: &str, depth: usize) -> Result<TaxLaw> {
    const FORM: &str = "deduct-AMOUNT(LAW), such as deduct-14600(us-2024)";
    let inside = rest.strip_suffix(')').and_then(|rest| rest.split_once('('));
    let (amount, inner) = inside.ok_or_else(|| {
        Error::input("malformed deduction")
            .value(text)
            .allowed(FORM)
    })?;
    law(inner, depth + 1)?.with_deduction(dollars(text, amount, FORM)?)
}

/// `nit-G-t`: the grant G, withdrawn at the marginal rate t up to the break-even income G/t (Friedman 1962).
fn negative_income_tax(text: &str, rest: &str) -> Result<TaxLaw> {
    const FORM: &str = "nit-GUARANTEE-RATE with a rate above 0, such as nit-15000-0.5";
    let malformed = || {
        Error::input("malformed negative income tax")
            .value(text)
            .allowed(FORM)
    };
    let (guarantee, rate) = rest.rsplit_once('-').ok_or_else(malformed)?;
    let guarantee = dollars(text, guarantee, FORM)?;
    let rate = Rate::new(rate.parse().map_err(|_| malformed())?, false)?.fraction();
    if rate == 0.0 || guarantee == 0.0 {
        return Err(malformed());
    }
    let break_even = guarantee / rate;
    TaxLaw::new(Schedule::new(&[0.0, break_even], &[rate, 0.0])?, guarantee)
}

/// An amount in $/year that begins with a digit, so without a sign.
fn dollars(part: &str, amount: &str, form: &str) -> Result<f64> {
    amount
        .parse()
        .ok()
        .filter(|dollars: &f64| {
            dollars.is_finite() && amount.starts_with(|c: char| c.is_ascii_digit())
        })
        .ok_or_else(|| {
            Error::input("not an amount in $/year, 0 or more")
                .value(part)
                .allowed(form)
        })
}
