//! U.S. federal income tax schedules by year and filing status.
//!
//! Brackets of ordinary *taxable* income, 2013–2026 × four filing statuses,
//! from `census/federal_brackets.csv` (Tax-Calculator 6.8.0, CC0; see
//! `census/SOURCES.md`). No deduction, credit or payroll tax is applied: they
//! are parts of a law, which [`crate::fiscal::law`] composes.

use crate::error::{Error, Result};
use crate::fiscal::Schedule;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const TABLE: &str = include_str!("../../census/federal_brackets.csv");

/// Filing statuses: name in a law's name (`us-2024-married`) and in the table.
/// `single` is the default and may be left out.
pub(crate) const STATUSES: [(&str, &str); 4] = [
    ("single", "single"),
    ("married", "mjoint"),
    ("separate", "mseparate"),
    ("head", "headhh"),
];

/// A schedule of taxable income and the standard deduction beside it, $/year.
struct Law {
    schedule: Schedule,
    standard_deduction: f64,
}

fn laws() -> &'static BTreeMap<String, Law> {
    static LAWS: OnceLock<BTreeMap<String, Law>> = OnceLock::new();
    LAWS.get_or_init(|| read(TABLE).expect("census/federal_brackets.csv is compiled in and tested"))
}

/// The end of a law's name: `2024`, `2024-married`; `None` for a status that no table has.
pub(crate) fn year_and_status(year: &str, filing: &str) -> Option<String> {
    let (status, _) = STATUSES.iter().find(|(_, of_table)| *of_table == filing)?;
    Some(match *status {
        "single" => year.to_owned(),
        status => format!("{year}-{status}"),
    })
}

/// Reads the table `year,filing,bracket,lower,upper,rate,std_deduction`.
fn read(table: &str) -> Result<BTreeMap<String, Law>> {
    let mut parts: BTreeMap<String, (Vec<f64>, Vec<f64>, f64)> = BTreeMap::new();
    for (number, line) in table.lines().enumerate().skip(1) {
        let broken = || Error::run(format!("federal_brackets.csv line {}: {line}", number + 1));
        let fields: Vec<&str> = line.split(',').collect();
        let [year, filing, _bracket, lower, _upper, rate, deduction] = fields[..] else {
            return Err(broken());
        };
        let name = format!("us-{}", year_and_status(year, filing).ok_or_else(broken)?);
        let (edges, rates, standard_deduction) = parts.entry(name).or_default();
        edges.push(lower.parse().map_err(|_| broken())?);
        rates.push(rate.parse().map_err(|_| broken())?);
        *standard_deduction = deduction.parse().map_err(|_| broken())?;
    }
    parts
        .into_iter()
        .map(|(name, (edges, rates, standard_deduction))| {
            let schedule = Schedule::new(&edges, &rates)?;
            Ok((
                name,
                Law {
                    schedule,
                    standard_deduction,
                },
            ))
        })
        .collect()
}

/// Names of all laws, `us-2013` … `us-2026-head`, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    laws().keys().map(String::as_str)
}

/// The schedule of a law by its name: `us-2024`, or with a filing status
/// `us-2024-single`, `-married`, `-separate`, `-head`.
pub fn find(name: &str) -> Option<&'static Schedule> {
    Some(&law(name)?.schedule)
}

/// The standard deduction of a law's year and filing status, $/year.
pub fn standard_deduction(name: &str) -> Option<f64> {
    Some(law(name)?.standard_deduction)
}

fn law(name: &str) -> Option<&'static Law> {
    laws().get(name.strip_suffix("-single").unwrap_or(name))
}

/// The error for an unknown law.
pub fn unknown(name: &str) -> Error {
    Error::input("unknown tax law")
        .value(name)
        .allowed("us-2013 to us-2026, with -married, -separate or -head for other filing statuses")
        .suggest(name, names())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fourteen_years_times_four_statuses() {
        assert_eq!(names().count(), 14 * 4);
        for name in names() {
            assert_eq!(find(name).unwrap().brackets(), 7, "{name}");
        }
        assert_eq!(find("us-2024-single"), find("us-2024"));
        assert!(find("us-2012").is_none());
        assert!(unknown("us-2042").to_string().contains("did you mean"));
    }

    /// 2024 brackets of a single filer, IRS Revenue Procedure 2023-34.
    #[test]
    fn single_2024_as_published() {
        let law = find("us-2024").unwrap();
        assert_eq!(
            law.edges(),
            [
                0.0, 11_600.0, 47_150.0, 100_525.0, 191_950.0, 243_725.0, 609_350.0
            ]
        );
        assert_eq!(law.rates(), [0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37]);
        assert_eq!(find("us-2024-married").unwrap().edges()[1], 23_200.0);
        assert_eq!(find("us-2024-head").unwrap().edges()[1], 16_550.0);
        assert_eq!(find("us-2013").unwrap().rates()[6], 0.396);
        assert_eq!(standard_deduction("us-2024-single"), Some(14_600.0));
        assert_eq!(standard_deduction("us-2024-head"), Some(21_900.0));
    }
}
