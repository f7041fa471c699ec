//! `fisc tax`: a law on incomes.

use super::print;
use crate::error::{Error, Result};
use crate::fiscal::law::{Reform, TaxLaw};

/// Prints `income,tax,average_rate,marginal_rate`.
///
/// The tax is the liability less a grant. The average rate at income 0 is empty if there is a grant.
pub fn tax(law: &str, reform: &[String], incomes: &[String]) -> Result<()> {
    let law = Reform::parse(reform)?.apply(&TaxLaw::parse(law)?)?;
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
        // To a billionth of a dollar: a credit that is phased out is 0, not a rounding error.
        let tax = (law.liability(z) * 1e9).round() / 1e9 + 0.0;
        let average = match law.average_rate(z) {
            Some(_) if z > 0.0 => (tax / z).to_string(),
            Some(limit) => limit.to_string(),
            None => String::new(),
        };
        text.push_str(&format!("{z},{tax},{average},{}\n", law.marginal_rate(z)));
    }
    print(&text)
}
