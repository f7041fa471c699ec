//! Workers drawn from the census tables: occupation, person and wage together.
//!
//! A draw goes down this list, each step given the ones above it:
//!
//! 1. major occupation × sex × age band × education, from the raked joint table;
//! 2. detailed occupation given major occupation and sex;
//! 3. age, uniform inside the band;
//! 4. full time, part time or temporarily not working, as the survey's workers
//!    of that cell; then usual hours given sex: at least 35 when full time,
//!    fewer when part time, any when temporarily not working;
//! 5. family given age band;
//! 6. the wage: the worker's rank z inside the occupation (`rank.rs`) at the
//!    occupation's own OEWS wage quantiles (`tables.rs`).
//!
//! Sources, licences and limits of the tables: `census/SOURCES.md`.

mod rank;
mod tables;

use rand::distr::weighted::WeightedIndex;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::persona::{Persona, Sex};
use crate::error::{Error, Result};
use crate::random::Streams;
use rank::RankModel;
use tables::{AGE_BANDS, Cell, Occupation, Tables};

/// Federal minimum wage in $/hour: the floor of a census wage.
pub const MINIMUM_WAGE: f64 = 7.25;

/// Hours per week from which a worker is full time in the usual-hours table.
const FULL_TIME_HOURS: u32 = 35;

/// The census tables, ready to draw from.
#[derive(Debug)]
pub struct Census {
    tables: Tables,
    model: RankModel,
    cell: WeightedIndex<f64>,
    /// Titles of each major group and sex with their probabilities.
    titles: Vec<Titles>,
    /// Usual hours by sex (female, male) and attendance (full time, part time, either).
    hours: [[WeightedIndex<f64>; 3]; 2],
    /// Families by age band.
    families: Vec<WeightedIndex<f64>>,
}

#[derive(Debug)]
struct Titles {
    major: u32,
    sex: Sex,
    occupations: Vec<usize>,
    weights: WeightedIndex<f64>,
}

/// One census worker, of whom nothing is put into words yet.
#[derive(Clone, Copy, Debug)]
pub struct CensusWorker<'a> {
    cell: &'a Cell,
    occupation: &'a Occupation,
    age: u32,
    usual_hours: u32,
    family: &'a str,
    /// Wage in $/hour.
    pub wage: f64,
}

impl Census {
    /// Parses the embedded tables.
    ///
    /// # Errors
    ///
    /// A run error that names table and line if a table was edited into something unreadable.
    pub fn load() -> Result<Self> {
        let tables = Tables::load()?;
        let model = RankModel::load(&tables.cells)?;
        let cell = weighted("joint table", tables.cells.iter().map(|cell| cell.share))?;
        let mut titles = Vec::new();
        for cell in &tables.cells {
            let known = |titles: &Titles| (titles.major, titles.sex) == (cell.major, cell.sex);
            if !titles.iter().any(known) {
                titles.push(titles_of(&tables, cell.major, cell.sex)?);
            }
        }
        let hours = [
            hours_of(&tables, Sex::Female)?,
            hours_of(&tables, Sex::Male)?,
        ];
        let families = (0..AGE_BANDS.len())
            .map(|band| {
                let shares = tables
                    .families
                    .iter()
                    .map(|f| if f.band == band { f.share } else { 0.0 });
                weighted("family table", shares)
            })
            .collect::<Result<_>>()?;
        Ok(Census {
            tables,
            model,
            cell,
            titles,
            hours,
            families,
        })
    }

    /// The worker with number `id`, with a wage in $/hour between [`MINIMUM_WAGE`] and `wage_cap`.
    ///
    /// Demographics come from the stream `persona`, the residual of the wage
    /// rank from the stream `wage`, both at (id, 0).
    pub fn worker(&self, streams: &CensusStreams, id: u32, wage_cap: f64) -> CensusWorker<'_> {
        let rng = &mut streams.persona.at(u64::from(id), 0);
        let cell = &self.tables.cells[self.cell.sample(rng)];
        let occupation = &self.tables.occupations[self.occupation(cell, rng)];
        let (youngest, oldest) = AGE_BANDS[cell.band];
        let age = rng.random_range(youngest..=oldest);
        let attendance = attendance(cell, rng);
        let hours = &self.hours[usize::from(cell.sex == Sex::Male)][attendance];
        let usual_hours = self.tables.hours[hours.sample(rng)].hours;
        let family = &self.tables.families[self.families[cell.band].sample(rng)].words;
        let residual: f64 = StandardNormal.sample(&mut streams.wage.at(u64::from(id), 0));
        let z = self.model.rank(cell, age, residual);
        let wage = occupation.wage(z).clamp(MINIMUM_WAGE, wage_cap);
        CensusWorker {
            cell,
            occupation,
            age,
            usual_hours,
            family,
            wage,
        }
    }

    fn occupation(&self, cell: &Cell, rng: &mut impl Rng) -> usize {
        let titles = self
            .titles
            .iter()
            .find(|titles| (titles.major, titles.sex) == (cell.major, cell.sex))
            .expect("`load` made the titles of every cell");
        titles.occupations[titles.weights.sample(rng)]
    }
}

impl CensusWorker<'_> {
    /// The worker in words.
    pub fn persona(&self) -> Persona {
        Persona {
            occupation: self.occupation.title.clone(),
            soc: self.occupation.soc.clone(),
            sex: self.cell.sex,
            age: self.age,
            education: self.cell.education,
            usual_hours: self.usual_hours,
            family: self.family.to_owned(),
            text: None,
            written: None,
        }
    }
}

/// The random streams of census draws.
#[derive(Clone, Debug)]
pub struct CensusStreams {
    persona: Streams,
    wage: Streams,
}

impl CensusStreams {
    /// Streams under `seed`.
    pub fn new(seed: u64) -> Self {
        CensusStreams {
            persona: Streams::new(seed, "persona"),
            wage: Streams::new(seed, "wage"),
        }
    }
}

/// 0 full time, 1 part time, 2 temporarily not working, in the proportions of the cell's survey workers.
fn attendance(cell: &Cell, rng: &mut impl Rng) -> usize {
    let respondent = rng.random_range(0..cell.respondents);
    if respondent < cell.full_time {
        0
    } else if respondent < cell.full_time + cell.part_time {
        1
    } else {
        2
    }
}

fn titles_of(tables: &Tables, major: u32, sex: Sex) -> Result<Titles> {
    let of_group: Vec<_> = tables
        .titles
        .iter()
        .filter(|title| (title.major, title.sex) == (major, sex))
        .collect();
    Ok(Titles {
        major,
        sex,
        occupations: of_group.iter().map(|title| title.occupation).collect(),
        weights: weighted(
            &format!("titles of major group {major}, {sex}"),
            of_group.iter().map(|title| title.probability),
        )?,
    })
}

fn hours_of(tables: &Tables, sex: Sex) -> Result<[WeightedIndex<f64>; 3]> {
    let weights = |admits: fn(u32) -> bool| {
        let counts = tables.hours.iter().map(|row| {
            if row.sex == sex && admits(row.hours) {
                f64::from(row.count)
            } else {
                0.0
            }
        });
        weighted("usual hours", counts)
    };
    Ok([
        weights(|hours| hours >= FULL_TIME_HOURS)?,
        weights(|hours| hours < FULL_TIME_HOURS)?,
        weights(|_| true)?,
    ])
}

fn weighted(what: &str, weights: impl Iterator<Item = f64>) -> Result<WeightedIndex<f64>> {
    WeightedIndex::new(weights)
        .map_err(|error| Error::run(format!("census tables: weights of {what}: {error}")))
}

#[cfg(test)]
mod tests;
