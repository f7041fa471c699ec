//! Where a worker stands in the wage distribution of the occupation.

use serde::Deserialize;

use super::tables::{AGE_BANDS, Cell};
use crate::error::{Error, Result};
use crate::population::{Education, Sex};

/// Oldest age in the regression's sample; older workers are ranked as if of this age.
const OLDEST_IN_SAMPLE: u32 = 64;

/// The wage-rank model: z = (s − s̄_m + σ·ε)/√(v_m + σ²), with ε ~ N(0, 1).
///
/// The score s = β_female·\[female\] + β_a·a + β_a2·a² + β_education, with
/// a = (age − 40)/10, is the log-income advantage of a worker over a man of 40
/// with a high-school diploma in the same major occupation (General Social
/// Survey 2006–2018, full-time workers, coefficients in
/// `census/wage_rank_model.json`). σ is the regression's residual standard
/// deviation; s̄_m and v_m are the score's mean and variance in major
/// occupation m, so that z has mean 0 and variance 1 there.
#[derive(Clone, Debug)]
pub struct RankModel {
    coefficients: Coefficients,
    residual_sd: f64,
    /// Mean and variance of the score, by the major group's two digits.
    by_major: Vec<(f64, f64)>,
}

#[derive(Deserialize)]
struct ModelFile {
    residual_sd: f64,
    coef: Coefficients,
}

#[derive(Clone, Debug, Deserialize)]
struct Coefficients {
    female: f64,
    a: f64,
    a2: f64,
    edu_1: f64,
    edu_3: f64,
    edu_4: f64,
    edu_5: f64,
}

impl RankModel {
    /// Reads the coefficients and computes each major group's mean and variance over `cells`.
    pub fn load(cells: &[Cell]) -> Result<Self> {
        let file: ModelFile =
            serde_json::from_str(include_str!("../../../census/wage_rank_model.json"))
                .map_err(|error| Error::run(format!("census/wage_rank_model.json: {error}")))?;
        let groups = cells
            .iter()
            .map(|cell| cell.major as usize + 1)
            .max()
            .unwrap_or(0);
        let mut model = RankModel {
            coefficients: file.coef,
            residual_sd: file.residual_sd,
            by_major: Vec::with_capacity(groups),
        };
        model.by_major = (0..groups)
            .map(|major| model.moments(cells, major))
            .collect();
        Ok(model)
    }

    /// The rank z of a worker of `cell` and `age` with standard-normal residual ε.
    pub fn rank(&self, cell: &Cell, age: u32, residual: f64) -> f64 {
        let (mean, variance) = self.by_major[cell.major as usize];
        let spread = (variance + self.residual_sd * self.residual_sd).sqrt();
        (self.score(cell, age) - mean + self.residual_sd * residual) / spread
    }

    fn score(&self, cell: &Cell, age: u32) -> f64 {
        let beta = &self.coefficients;
        let a = (f64::from(age.min(OLDEST_IN_SAMPLE)) - 40.0) / 10.0;
        let female = if cell.sex == Sex::Female {
            beta.female
        } else {
            0.0
        };
        let education = match cell.education {
            Education::LessThanHighSchool => beta.edu_1,
            Education::HighSchool | Education::Unstated => 0.0,
            Education::Associate => beta.edu_3,
            Education::Bachelor => beta.edu_4,
            Education::Graduate => beta.edu_5,
        };
        female + beta.a * a + beta.a2 * a * a + education
    }

    /// Mean and variance of the score over the cells of a major group, ages uniform in their band.
    fn moments(&self, cells: &[Cell], major: usize) -> (f64, f64) {
        let (mut weight, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for cell in cells.iter().filter(|cell| cell.major as usize == major) {
            let (youngest, oldest) = AGE_BANDS[cell.band];
            let of_each_age = cell.share / f64::from(oldest - youngest + 1);
            for age in youngest..=oldest {
                let score = self.score(cell, age);
                weight += of_each_age;
                sum += of_each_age * score;
                squares += of_each_age * score * score;
            }
        }
        if weight == 0.0 {
            return (0.0, 0.0);
        }
        let mean = sum / weight;
        (mean, squares / weight - mean * mean)
    }
}
