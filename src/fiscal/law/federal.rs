//! U.S. federal parts by year and filing status: income tax, payroll tax, earned-income credit.
//!
//! From `census/federal_brackets.csv` and `census/federal_payroll_eitc.csv`
//! (Tax-Calculator 6.8.0, CC0; see `census/SOURCES.md`).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::TaxLaw;
use crate::error::{Error, Result};
use crate::fiscal::{Schedule, laws};

const TABLE: &str = include_str!("../../../census/federal_payroll_eitc.csv");

/// Names of all federal parts: `us-2013` … `payroll-2026-separate`, `eitc-2013-0` … in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    parts().keys().map(String::as_str)
}

/// The schedule of a federal part on income; `-single` may be left out of its name.
///
/// - `us-…`: the statutory brackets on income itself.
/// - `income-…`: T(z) = S(max(z − D, 0)), S the brackets and D the standard deduction.
/// - `payroll-…`: the employee's share, τ_o·min(z, B) + τ_m·z + τ_a·max(z − A, 0).
/// - `eitc-…-N`: −max(0, min(κ·z, C) − π·max(z − S, 0)), the earned-income credit for N children.
pub(super) fn find(name: &str) -> Option<&'static Schedule> {
    let Some((before, after)) = name.split_once("-single") else {
        return parts().get(name);
    };
    let behind_a_year = before
        .rsplit('-')
        .next()
        .is_some_and(|year| year.len() == 4);
    (behind_a_year && (after.is_empty() || after.starts_with('-')))
        .then(|| parts().get(&format!("{before}{after}")))?
}

fn parts() -> &'static BTreeMap<String, Schedule> {
    static PARTS: OnceLock<BTreeMap<String, Schedule>> = OnceLock::new();
    PARTS.get_or_init(|| read(TABLE).expect("the tables of census/ are compiled in and tested"))
}

/// A line of the table.
struct Line {
    oasdi_rate: f64,
    wage_base: f64,
    medicare_rate: f64,
    additional_rate: f64,
    additional_threshold: f64,
    phase_in: f64,
    maximum: f64,
    phase_out_start: f64,
    phase_out: f64,
}

fn read(table: &str) -> Result<BTreeMap<String, Schedule>> {
    let mut parts = BTreeMap::new();
    for name in laws::names() {
        let (schedule, deduction) = laws::find(name)
            .zip(laws::standard_deduction(name))
            .ok_or_else(|| laws::unknown(name))?;
        let on_taxable_income = TaxLaw::new(schedule.clone(), 0.0)?;
        let income = on_taxable_income.with_deduction(deduction)?;
        parts.insert(name.to_owned(), schedule.clone());
        parts.insert(
            name.replacen("us-", "income-", 1),
            income.schedule().clone(),
        );
    }
    for (number, text) in table.lines().enumerate().skip(1) {
        let broken = || {
            Error::run(format!(
                "federal_payroll_eitc.csv line {}: {text}",
                number + 1
            ))
        };
        let mut fields = text.split(',');
        let [year, filing, children] = [(); 3].map(|()| fields.next().unwrap_or(""));
        let numbers: Vec<f64> = fields
            .map(|field| field.parse().map_err(|_| broken()))
            .collect::<Result<_>>()?;
        let &[
            oasdi_rate,
            wage_base,
            medicare_rate,
            additional_rate,
            additional_threshold,
            phase_in,
            maximum,
            phase_out_start,
            phase_out,
        ] = numbers.as_slice()
        else {
            return Err(broken());
        };
        let line = Line {
            oasdi_rate,
            wage_base,
            medicare_rate,
            additional_rate,
            additional_threshold,
            phase_in,
            maximum,
            phase_out_start,
            phase_out,
        };
        let end = laws::year_and_status(year, filing).ok_or_else(broken)?;
        parts.insert(format!("payroll-{end}"), payroll(&line)?);
        parts.insert(
            format!("eitc-{end}-{children}"),
            earned_income_credit(&line)?,
        );
    }
    Ok(parts)
}

/// The employee's share of the payroll tax: old-age, survivors and disability insurance up to
/// the wage base, Medicare, and Additional Medicare Tax above its threshold
/// (26 U.S.C. 3101).
fn payroll(line: &Line) -> Result<Schedule> {
    let parts = [
        Schedule::new(&[0.0, line.wage_base], &[line.oasdi_rate, 0.0])?,
        Schedule::flat(line.medicare_rate)?,
        Schedule::new(
            &[0.0, line.additional_threshold],
            &[0.0, line.additional_rate],
        )?,
    ];
    sum(parts)
}

/// The earned-income credit as a negative tax: phase-in, plateau, phase-out (26 U.S.C. 32).
fn earned_income_credit(line: &Line) -> Result<Schedule> {
    if line.maximum == 0.0 {
        return Schedule::zero(&[0.0]);
    }
    let edges = [
        0.0,
        line.maximum / line.phase_in,
        line.phase_out_start,
        line.phase_out_start + line.maximum / line.phase_out,
    ];
    Schedule::with_subsidy(&edges, &[-line.phase_in, 0.0, line.phase_out, 0.0], true)
}

fn sum<const N: usize>(schedules: [Schedule; N]) -> Result<Schedule> {
    let laws: Vec<TaxLaw> = schedules
        .into_iter()
        .map(|schedule| TaxLaw::new(schedule, 0.0))
        .collect::<Result<_>>()?;
    Ok(TaxLaw::sum(&laws)?.schedule)
}
