//! Wage priors, demographics, personas: who the workers are before the economy starts.
//!
//! [`draw`] makes a population from a [`PopulationSpec`]. Worker `id` draws from
//! its own random streams, so a population of 10 is the first ten workers of a
//! population of 20 under the same seed (except `Gb2Stratified`, whose quantiles
//! depend on the size), for any number of threads.
//!
//! | module | what is in it |
//! |---|---|
//! | [`gb2`] | the GB2 distribution: quantile, cdf, mean |
//! | [`priors`] | lognormal, Pareto–lognormal and uniform wages |
//! | [`census`] | workers from the tables of `census/`: occupation, person and wage together |
//! | [`persona`] | a worker in words |
//! | [`files`], [`csv`] | wages and personas brought in a file |
//!
//! Not here: wages that grow with age or experience, unemployment,
//! self-employment, households (every worker is taxed alone).

pub mod census;
pub mod csv;
pub mod files;
pub mod gb2;
pub mod persona;
pub mod priors;

use std::path::PathBuf;

use rand::RngExt;
use rand::distr::Open01;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::random::Streams;
use census::{Census, CensusStreams, MINIMUM_WAGE};
pub use gb2::Gb2;
pub use persona::{Education, Fact, Persona, Sex};
use priors::{Lognormal, ParetoLognormal, Uniform};

/// Default of [`PopulationSpec::wage_cap`] in $/hour.
///
/// Occupational wages are published up to the 90th percentile only; above it
/// the census prior extrapolates (the largest of four million draws was 4,833).
/// 500 $/hour, about a million dollars a year, binds for one draw in nine
/// thousand and lowers the mean by 0.06 %.
pub const DEFAULT_WAGE_CAP: f64 = 500.0;

/// Weekly hours that turn an annual income prior into a wage prior.
pub const HOURS_BEHIND_INCOME: f64 = 40.0;

/// Where wages come from. Wages are in $/hour.
#[derive(Clone, Debug, PartialEq)]
pub enum WagePrior {
    /// Independent draws of annual income from [`Gb2::acs_2023`], divided by weeks × 40 hours.
    Gb2,
    /// The quantiles of the same distribution at (id + ½)/size, ascending in worker id.
    Gb2Stratified,
    /// The census tables: wages by occupation, sex, age and education, in 2025 dollars.
    Census,
    /// ln w ~ N(ln median, σ²).
    Lognormal {
        /// Median wage.
        median: f64,
        /// Standard deviation of log wages.
        sigma: f64,
    },
    /// A lognormal variable times a Pareto variable; see [`ParetoLognormal`].
    ParetoLognormal {
        /// Median wage.
        median: f64,
        /// Log standard deviation of the lognormal factor.
        sigma: f64,
        /// Pareto exponent of the upper tail, above 1.
        tail: f64,
    },
    /// Uniform between two wages.
    Uniform {
        /// Lowest wage, above 0.
        low: f64,
        /// Highest wage.
        high: f64,
    },
    /// A column of a CSV file, one row per worker.
    File {
        /// The file.
        path: PathBuf,
        /// Name of the column in its header.
        column: String,
    },
}

/// Where personas come from.
#[derive(Clone, Debug, PartialEq)]
pub enum PersonaSource {
    /// Workers have no persona.
    None,
    /// The census tables; needs [`WagePrior::Census`], so that wage and occupation agree.
    Census,
    /// A file of JSON lines or CSV, one row per worker; see [`files::read_personas`].
    ///
    /// Goes with any wage prior: whether the two agree is the author's business.
    File {
        /// The file.
        path: PathBuf,
    },
}

/// A worker at the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Number of the worker, from 0.
    pub id: u32,
    /// Wage in $/hour, positive and finite.
    pub wage: f64,
    /// Who the worker is; boxed because most populations have none.
    pub persona: Option<Box<Persona>>,
}

/// What population to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationSpec {
    /// Number of workers, at least 1.
    pub size: usize,
    /// Where wages come from.
    pub wages: WagePrior,
    /// Where personas come from.
    pub personas: PersonaSource,
    /// Highest wage in $/hour of the census prior; other priors ignore it. Default [`DEFAULT_WAGE_CAP`].
    pub wage_cap: f64,
}

impl PopulationSpec {
    /// `size` workers with wages from `wages`, no personas, and the default cap.
    pub fn new(size: usize, wages: WagePrior) -> Self {
        PopulationSpec {
            size,
            wages,
            personas: PersonaSource::None,
            wage_cap: DEFAULT_WAGE_CAP,
        }
    }
}

/// Draws the population: `spec.size` workers in order of id.
///
/// `weeks_per_year` is the scenario's: the GB2 priors hold $/year and become
/// wages as w = income/(weeks_per_year · 40). With `weeks_per_year = 1` a "wage"
/// is income/40, as in the published code of the LLM Economist paper. The other
/// priors are in $/hour already and do not use it.
///
/// # Errors
///
/// An input error for an empty or too large population, parameters outside
/// their range, census personas on other wages, and anything wrong in a file.
pub fn draw(spec: &PopulationSpec, weeks_per_year: f64, seed: u64) -> Result<Vec<Person>> {
    let Ok(size) = u32::try_from(spec.size) else {
        return Err(Error::input("population size")
            .value(spec.size)
            .allowed(format!("at most {}", u32::MAX)));
    };
    if size == 0 {
        return Err(Error::input("population size")
            .value(0)
            .allowed("at least 1 worker"));
    }
    if !(weeks_per_year.is_finite() && weeks_per_year > 0.0) {
        return Err(Error::input("weeks per year")
            .value(weeks_per_year)
            .allowed("a positive number"));
    }
    if spec.wages == WagePrior::Census {
        return draw_census(spec, size, seed);
    }
    let personas = match &spec.personas {
        PersonaSource::None => None,
        PersonaSource::File { path } => Some(files::read_personas(path, spec.size)?),
        PersonaSource::Census => {
            return Err(Error::input(
                "personas = \"census\" needs wages = \"census\": a census persona has an \
                 occupation, and a wage from another prior would not be that occupation's",
            )
            .value(format!(
                "personas from the census, wages from {}",
                spec.wages.name()
            ))
            .allowed("wages = \"census\", or personas = \"none\" or from a file"));
        }
    };
    let wages = draw_wages(&spec.wages, size, weeks_per_year, seed)?;
    let mut people: Vec<Person> = (0..size)
        .zip(wages)
        .map(|(id, wage)| Person {
            id,
            wage,
            persona: None,
        })
        .collect();
    for (person, persona) in people.iter_mut().zip(personas.into_iter().flatten()) {
        person.persona = Some(Box::new(persona));
    }
    Ok(people)
}

impl WagePrior {
    /// The prior's name in a scenario.
    pub fn name(&self) -> &'static str {
        match self {
            WagePrior::Gb2 => "gb2",
            WagePrior::Gb2Stratified => "gb2-stratified",
            WagePrior::Census => "census",
            WagePrior::Lognormal { .. } => "lognormal",
            WagePrior::ParetoLognormal { .. } => "pareto-lognormal",
            WagePrior::Uniform { .. } => "uniform",
            WagePrior::File { .. } => "file",
        }
    }
}

fn draw_wages(prior: &WagePrior, size: u32, weeks_per_year: f64, seed: u64) -> Result<Vec<f64>> {
    let hours_per_year = weeks_per_year * HOURS_BEHIND_INCOME;
    let streams = Streams::new(seed, "wage");
    let each = |draw: &(dyn Fn(&mut ChaCha8Rng) -> f64 + Sync)| {
        (0..size)
            .into_par_iter()
            .map(|id| draw(&mut streams.at(u64::from(id), 0)))
            .collect()
    };
    Ok(match prior {
        WagePrior::Gb2 => {
            let gb2 = Gb2::acs_2023();
            each(&|rng| gb2.quantile(rng.sample::<f64, _>(Open01)) / hours_per_year)
        }
        WagePrior::Gb2Stratified => {
            let gb2 = Gb2::acs_2023();
            let quantile = |id: u32| gb2.quantile((f64::from(id) + 0.5) / f64::from(size));
            (0..size)
                .into_par_iter()
                .map(|id| quantile(id) / hours_per_year)
                .collect()
        }
        &WagePrior::Lognormal { median, sigma } => {
            let prior = Lognormal::new(median, sigma)?;
            each(&|rng| prior.draw(rng))
        }
        &WagePrior::ParetoLognormal {
            median,
            sigma,
            tail,
        } => {
            let prior = ParetoLognormal::new(median, sigma, tail)?;
            each(&|rng| prior.draw(rng))
        }
        &WagePrior::Uniform { low, high } => {
            let prior = Uniform::new(low, high)?;
            each(&|rng| prior.draw(rng))
        }
        WagePrior::File { path, column } => files::read_wages(path, column, size as usize)?,
        WagePrior::Census => unreachable!("`draw` sends the census prior to `draw_census`"),
    })
}

fn draw_census(spec: &PopulationSpec, size: u32, seed: u64) -> Result<Vec<Person>> {
    if !(spec.wage_cap.is_finite() && spec.wage_cap >= MINIMUM_WAGE) {
        return Err(Error::input("wage cap")
            .value(spec.wage_cap)
            .allowed(format!(
                "a number of $/hour from {MINIMUM_WAGE}, the minimum wage, on"
            )));
    }
    let from_file = match &spec.personas {
        PersonaSource::File { path } => Some(files::read_personas(path, spec.size)?),
        PersonaSource::None | PersonaSource::Census => None,
    };
    let census = Census::load()?;
    let streams = CensusStreams::new(seed);
    let people = (0..size).into_par_iter().map(|id| {
        let worker = census.worker(&streams, id, spec.wage_cap);
        let persona = match &from_file {
            Some(personas) => Some(personas[id as usize].clone()),
            None => (spec.personas == PersonaSource::Census).then(|| worker.persona()),
        };
        Person {
            id,
            wage: worker.wage,
            persona: persona.map(Box::new),
        }
    });
    Ok(people.collect())
}

#[cfg(test)]
mod tests;
