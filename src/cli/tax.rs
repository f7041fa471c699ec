//! `fisc tax`: a schedule on incomes.

use super::print;
use crate::error::{Error, Result};
use crate::fiscal::laws;

/// Prints `income,tax,average_rate,marginal_rate`.
pub fn tax(schedule: &str, incomes: &[String]) -> Result<()> {
    let schedule = laws::find_or_parse(schedule)?;
    let mut text = String::from("income,tax,average_rate,marginal_rate\n");
    for income in incomes {
        let z = income
            .parse::<f64>()
            .ok()
            .filter(|z| z.is_finite() && *z >= 0.0)
            .ok_or_else(|| {
                Error::input("income")
                    .value(income)
                    .allowed("$/year, 0 or more")
            })?;
        let (tax, average, marginal) = (
            schedule.tax(z),
            schedule.average_rate(z),
            schedule.marginal_rate(z),
        );
        text.push_str(&format!("{z},{tax},{average},{marginal}\n"));
    }
    print(&text)
}
