//! What is known of people: elasticities of hours estimated on surveys, with their sources
//! (`oracle/human_elasticities.csv`).

use crate::error::{Error, Result};
use polars::prelude::{CsvReadOptions, SerReader};

/// An estimate from a survey.
#[derive(Clone, Debug, PartialEq)]
pub struct HumanEstimate {
    /// Data.
    pub source: String,
    /// Method.
    pub estimator: String,
    /// Of hours with respect to the wage.
    pub elasticity: f64,
    /// Standard error.
    pub standard_error: f64,
    /// Observations.
    pub observations: u64,
}

impl HumanEstimate {
    /// Whether hours stand in the denominator of the wage, so that errors in them push the estimate
    /// down.
    pub fn has_division_bias(&self) -> bool {
        self.estimator.contains("division bias") || self.source.contains("division bias")
    }
}

/// All of them, in the order of the file.
///
/// # Errors
/// The file that was built in is broken.
pub fn estimates() -> Result<Vec<HumanEstimate>> {
    let text = include_str!("../../oracle/human_elasticities.csv");
    let broken = |error| Error::run(format!("human_elasticities.csv: {error}"));
    let frame = CsvReadOptions::default()
        .into_reader_with_file_handle(std::io::Cursor::new(text))
        .finish()
        .map_err(broken)?;
    let texts = |name: &str| -> Result<Vec<String>> {
        let column = frame.column(name).map_err(broken)?.str().map_err(broken)?;
        Ok(column
            .iter()
            .map(|x| x.unwrap_or_default().to_owned())
            .collect())
    };
    let numbers = |name: &str| -> Result<Vec<f64>> {
        let column = frame.column(name).map_err(broken)?;
        let column = column
            .cast(&polars::prelude::DataType::Float64)
            .map_err(broken)?;
        let column = column.f64().map_err(broken)?;
        Ok(column.iter().map(|x| x.unwrap_or(f64::NAN)).collect())
    };
    let (source, estimator) = (texts("source")?, texts("estimator")?);
    let (elasticity, error, count) = (numbers("elasticity")?, numbers("se")?, numbers("n")?);
    let rows = source.into_iter().zip(estimator).enumerate();
    Ok(rows
        .map(|(i, (source, estimator))| HumanEstimate {
            source,
            estimator,
            elasticity: elasticity[i],
            standard_error: error[i],
            observations: count[i] as u64,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read() {
        let all = estimates().unwrap();
        assert_eq!(all.len(), 15);
        let first = &all[0];
        assert_eq!((first.elasticity, first.standard_error), (0.0827, 0.0293));
        assert_eq!(first.observations, 5_320);
        assert!(first.source.contains("Ziliak 1997"));
        assert!(
            all.iter()
                .all(|e| e.elasticity.is_finite() && e.standard_error > 0.0)
        );
        assert_eq!(all.iter().filter(|e| e.has_division_bias()).count(), 4);
    }
}
