//! The forms of answers: grammars, and what is read from texts.

use crate::fiscal::Schedule as TaxSchedule;
use crate::units::Rate;

/// Grammar of `brackets` whole percentages, separated by a comma and a blank.
pub(in crate::world) fn rates_grammar(brackets: usize) -> String {
    let rates = vec!["rate"; brackets].join(" \", \" ");
    format!("root ::= {rates}\nrate ::= \"100\" | [1-9] [0-9] | [0-9]")
}

/// What a written answer is: rates, or changes of last year's rates.
#[derive(Clone, Debug)]
pub struct Form<'a> {
    current: &'a TaxSchedule,
    /// Admissible changes of each rate in percentage points; none where rates are written.
    steps: Option<Vec<Vec<i32>>>,
}

impl<'a> Form<'a> {
    /// All rates as whole percentages.
    pub fn rates(current: &'a TaxSchedule) -> Self {
        Form {
            current,
            steps: None,
        }
    }

    /// For each rate 0 or ± one of `points`, among those that keep it in 0–100 %.
    pub fn steps(current: &'a TaxSchedule, points: &[u32]) -> Self {
        let all: Vec<i32> = std::iter::once(0)
            .chain(points.iter().flat_map(|&p| {
                let size = i32::try_from(p).unwrap_or(i32::MAX);
                [size, -size]
            }))
            .collect();
        let admissible = |rate: &f64| {
            let inside =
                |step: &&i32| (-1e-9..=100.0 + 1e-9).contains(&(100.0 * rate + f64::from(**step)));
            all.iter().filter(inside).copied().collect()
        };
        Form {
            current,
            steps: Some(current.rates().iter().map(admissible).collect()),
        }
    }

    /// Grammar of the answers.
    pub fn grammar(&self) -> String {
        match &self.steps {
            None => rates_grammar(self.current.brackets()),
            Some(steps) => {
                let each = steps.iter().map(|steps| {
                    let texts = steps.iter().map(|step| format!("\"{}\"", signed(*step)));
                    format!("({})", texts.collect::<Vec<_>>().join(" | "))
                });
                format!("root ::= {}", each.collect::<Vec<_>>().join(" \", \" "))
            }
        }
    }

    /// The schedule that an answer means.
    ///
    /// # Errors
    /// Another number of entries, or an entry that is not admissible; says what was found.
    pub fn read(&self, text: &str) -> Result<TaxSchedule, String> {
        let rates = match &self.steps {
            None => parse_rates(text, self.current.brackets())?,
            Some(steps) => parse_steps(text, self.current.rates(), steps)?,
        };
        Ok(TaxSchedule::of_checked(
            self.current.edges().to_vec(),
            rates,
        ))
    }
}

/// `+10`, `0`, `-20`.
fn signed(step: i32) -> String {
    match step {
        0 => "0".to_owned(),
        step => format!("{step:+}"),
    }
}

fn parse_steps(text: &str, current: &[f64], admissible: &[Vec<i32>]) -> Result<Vec<f64>, String> {
    let parts: Vec<&str> = text.trim().split(',').map(str::trim).collect();
    if parts.len() != current.len() {
        return Err(format!(
            "{} changes for {} brackets: {text:?}",
            parts.len(),
            current.len()
        ));
    }
    let each = parts.iter().zip(current).zip(admissible);
    each.map(|((part, rate), admissible)| {
        let step: i32 = part
            .parse()
            .map_err(|_| format!("not a change in percentage points: {part:?}"))?;
        if !admissible.contains(&step) {
            return Err(format!(
                "a change by {step} points of {:.0} %, where {admissible:?} are admissible",
                100.0 * rate
            ));
        }
        Ok(((100.0 * rate + f64::from(step)) * 1e6).round() / 1e8)
    })
    .collect()
}

/// Reads percentages, one for each bracket, separated by commas.
///
/// # Errors
/// Another number of entries, an entry that is not a number or not in 0–100; says what was found.
pub fn parse_rates(text: &str, brackets: usize) -> Result<Vec<f64>, String> {
    let parts: Vec<&str> = text.trim().split(',').collect();
    if parts.len() != brackets {
        return Err(format!(
            "{} rates for {brackets} brackets: {text:?}",
            parts.len()
        ));
    }
    parts
        .iter()
        .map(|part| {
            let percent = part
                .trim()
                .parse::<f64>()
                .map_err(|_| format!("not a percentage: {part:?}"))?;
            let rate = Rate::from_percent(percent)
                .map_err(|_| format!("{percent} % is not in 0–100 %"))?;
            Ok(rate.fraction())
        })
        .collect()
}

/// The rates after a move, as an answer: `32, 22, 35`.
pub(super) fn option(next: &TaxSchedule) -> String {
    let percents = next.rates().iter().map(|rate| (1e8 * rate).round() / 1e6);
    percents
        .map(|p| p.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_parsed_or_refused() {
        assert_eq!(parse_rates("10, 20, 35", 3), Ok(vec![0.1, 0.2, 0.35]));
        assert_eq!(parse_rates("0,100", 2), Ok(vec![0.0, 1.0]));
        for (text, brackets) in [
            ("10, 20", 3),
            ("10, 20, 101", 3),
            ("ten", 1),
            ("", 1),
            ("-5", 1),
            ("30%", 1),
            ("NaN", 1),
        ] {
            assert!(parse_rates(text, brackets).is_err(), "{text}");
        }
    }

    #[test]
    fn steps_stay_on_the_grid_and_inside() {
        let current = TaxSchedule::of_checked(vec![0.0, 5e4, 1e5], vec![0.05, 0.5, 0.95]);
        let form = Form::steps(&current, &[10, 20]);
        assert_eq!(
            form.grammar(),
            "root ::= (\"0\" | \"+10\" | \"+20\") \", \" (\"0\" | \"+10\" | \"-10\" | \"+20\" | \"-20\") \", \" (\"0\" | \"-10\" | \"-20\")"
        );
        let read = |text: &str| form.read(text).map(|next| next.rates().to_vec());
        assert_eq!(read("+10, -20, 0"), Ok(vec![0.15, 0.3, 0.95]));
        assert_eq!(read(" 20,0 , -10"), Ok(vec![0.25, 0.5, 0.85]));
        for text in [
            "-10, 0, 0",
            "0, 5, 0",
            "0, 0",
            "0, 0, +20",
            "up, 0, 0",
            "",
            "0.1, 0, 0",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
