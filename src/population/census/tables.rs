//! The embedded census tables as typed rows.

use std::path::Path;
use std::str::FromStr;

use super::super::csv::{Record, Table};
use super::super::persona::{Education, Sex};
use crate::error::{Error, Result};

/// Youngest and oldest age of each band, as `18-24` in the tables.
pub const AGE_BANDS: [(u32, u32); 6] = [(18, 24), (25, 34), (35, 44), (45, 54), (55, 64), (65, 74)];

/// Standard normal quantiles at 10, 25, 50, 75 and 90 %: the ranks of the OEWS percentiles.
const PERCENTILE_RANKS: [f64; 5] = [
    -1.2815515655446004,
    -0.6744897501960817,
    0.0,
    0.6744897501960817,
    1.2815515655446004,
];

/// Workers of one SOC major group, sex, age band and education.
#[derive(Clone, Debug)]
pub struct Cell {
    /// First two digits of the SOC code.
    pub major: u32,
    pub sex: Sex,
    /// Index into [`AGE_BANDS`].
    pub band: usize,
    pub education: Education,
    /// Survey workers in the cell; those who are neither full nor part time are temporarily not working.
    pub respondents: u32,
    pub full_time: u32,
    pub part_time: u32,
    /// Share of all workers, raked.
    pub share: f64,
}

/// An occupation and its hourly wages (OEWS May 2025).
#[derive(Clone, Debug)]
pub struct Occupation {
    pub soc: String,
    pub title: String,
    /// Ranks z of the published percentiles, ascending, at least two, and their ln($/hour).
    nodes: Vec<(f64, f64)>,
}

/// Probability of an occupation given major group and sex.
#[derive(Clone, Debug)]
pub struct Title {
    pub major: u32,
    pub sex: Sex,
    /// Index into [`Tables::occupations`].
    pub occupation: usize,
    pub probability: f64,
}

/// Respondents of one sex with one number of usual weekly hours.
#[derive(Clone, Debug)]
pub struct Hours {
    pub sex: Sex,
    pub hours: u32,
    pub count: u32,
}

/// Share of one family situation among the wage earners of an age band.
#[derive(Clone, Debug)]
pub struct Family {
    /// Index into [`AGE_BANDS`].
    pub band: usize,
    /// The situation in words.
    pub words: String,
    pub share: f64,
}

/// Everything a census draw looks up.
#[derive(Clone, Debug)]
pub struct Tables {
    pub cells: Vec<Cell>,
    pub titles: Vec<Title>,
    pub occupations: Vec<Occupation>,
    pub hours: Vec<Hours>,
    pub families: Vec<Family>,
}

impl Occupation {
    /// Wage in $/hour at rank z: ln w is linear in z between the published
    /// percentiles and goes on with the end slopes outside them.
    pub fn wage(&self, z: f64) -> f64 {
        let inner = &self.nodes[1..self.nodes.len() - 1];
        let segment = inner.partition_point(|&(rank, _)| rank < z);
        let ((z0, y0), (z1, y1)) = (self.nodes[segment], self.nodes[segment + 1]);
        (y0 + (z - z0) * (y1 - y0) / (z1 - z0)).exp()
    }
}

impl Tables {
    /// Parses the embedded tables.
    pub fn load() -> Result<Self> {
        let wages = rows(
            "census/oews_2025_national.csv",
            include_str!("../../../census/oews_2025_national.csv"),
            ["soc", "title", "h_p10", "h_p25", "h_p50", "h_p75", "h_p90"],
            |row| {
                let mut nodes = Vec::with_capacity(PERCENTILE_RANKS.len());
                for (k, rank) in PERCENTILE_RANKS.into_iter().enumerate() {
                    if !row.text(k + 2).is_empty() {
                        nodes.push((rank, row.number::<f64>(k + 2)?.ln()));
                    }
                }
                Ok(Occupation {
                    soc: row.text(0).into(),
                    title: row.text(1).into(),
                    nodes,
                })
            },
        )?;
        let mut occupations: Vec<Occupation> = Vec::new();
        let titles = rows(
            "census/occ_detail_given_major_sex.csv",
            include_str!("../../../census/occ_detail_given_major_sex.csv"),
            ["soc_major", "sex", "soc", "p_given_major_sex"],
            |row| {
                let soc = row.text(2);
                let known = occupations
                    .iter()
                    .position(|occupation| occupation.soc == soc);
                if known.is_none() {
                    occupations.push(with_wages(&wages, soc).ok_or_else(|| row.invalid(2))?);
                }
                Ok(Title {
                    major: row.number(0)?,
                    sex: row.number(1)?,
                    occupation: known.unwrap_or(occupations.len() - 1),
                    probability: row.number(3)?,
                })
            },
        )?;
        Ok(Tables {
            cells: cells()?,
            titles,
            occupations,
            hours: hours()?,
            families: families()?,
        })
    }
}

/// The occupation `soc`; with the wages of its major group if fewer than three percentiles of its own are published.
fn with_wages(wages: &[Occupation], soc: &str) -> Option<Occupation> {
    let find = |soc: &str| wages.iter().find(|occupation| occupation.soc == soc);
    let own = find(soc)?;
    if own.nodes.len() >= 3 {
        return Some(own.clone());
    }
    let major = find(&format!("{}-0000", soc.get(..2)?))?;
    (major.nodes.len() >= 3).then(|| Occupation {
        nodes: major.nodes.clone(),
        ..own.clone()
    })
}

fn cells() -> Result<Vec<Cell>> {
    rows(
        "census/joint_occ_sex_age_edu.csv",
        include_str!("../../../census/joint_occ_sex_age_edu.csv"),
        [
            "soc_major",
            "sex",
            "age_band",
            "education",
            "n_gss",
            "n_full_time",
            "n_part_time",
            "share",
        ],
        |row| {
            let education = match row.text(3) {
                "1 <HS" => Education::LessThanHighSchool,
                "2 HS" => Education::HighSchool,
                "3 AA" => Education::Associate,
                "4 BA" => Education::Bachelor,
                "5 Grad" => Education::Graduate,
                _ => return Err(row.invalid(3)),
            };
            Ok(Cell {
                major: row.number(0)?,
                sex: row.number(1)?,
                band: row.age_band(2)?,
                education,
                respondents: row.number(4)?,
                full_time: row.number(5)?,
                part_time: row.number(6)?,
                share: row.number(7)?,
            })
        },
    )
}

fn hours() -> Result<Vec<Hours>> {
    rows(
        "census/hours_acs2012_by_sex.csv",
        include_str!("../../../census/hours_acs2012_by_sex.csv"),
        ["sex", "weekly_hours", "n"],
        |row| {
            Ok(Hours {
                sex: row.number(0)?,
                hours: row.number(1)?,
                count: row.number(2)?,
            })
        },
    )
}

fn families() -> Result<Vec<Family>> {
    rows(
        "census/cps_family_by_age_2024.csv",
        include_str!("../../../census/cps_family_by_age_2024.csv"),
        ["age", "filing", "kids_under_18", "share_of_age_band"],
        |row| {
            let status = match row.text(1) {
                "single" => "single",
                "married joint" => "married",
                "married separate" => "married, filing taxes separately",
                "head of household" => "unmarried head of household",
                _ => return Err(row.invalid(1)),
            };
            let children = match row.text(2) {
                "0" => "no children under 18",
                "1" => "1 child under 18",
                "2" => "2 children under 18",
                "3+" => "3 or more children under 18",
                _ => return Err(row.invalid(2)),
            };
            Ok(Family {
                band: row.age_band(0)?,
                words: format!("{status}, {children}"),
                share: row.number(3)?,
            })
        },
    )
}

/// Reads the named columns of an embedded table, one `T` per row.
fn rows<T, const N: usize>(
    file: &str,
    text: &str,
    columns: [&str; N],
    mut read: impl FnMut(&Row<'_, N>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut table = Table::new(Path::new(file), text)?;
    let mut positions = [0; N];
    for (position, column) in positions.iter_mut().zip(columns) {
        *position = table.column(column)?;
    }
    let mut found = Vec::new();
    while let Some(record) = table.next_record()? {
        found.push(read(&Row {
            file,
            columns,
            positions,
            record,
        })?);
    }
    Ok(found)
}

/// One row of an embedded table, its fields numbered as the columns that were asked for.
struct Row<'a, const N: usize> {
    file: &'a str,
    columns: [&'a str; N],
    positions: [usize; N],
    record: Record<'a>,
}

impl<const N: usize> Row<'_, N> {
    fn text(&self, k: usize) -> &str {
        &self.record.fields[self.positions[k]].text
    }

    fn number<T: FromStr>(&self, k: usize) -> Result<T> {
        self.text(k).parse().map_err(|_| self.invalid(k))
    }

    fn age_band(&self, k: usize) -> Result<usize> {
        AGE_BANDS
            .iter()
            .position(|(youngest, oldest)| self.text(k) == format!("{youngest}-{oldest}"))
            .ok_or_else(|| self.invalid(k))
    }

    fn invalid(&self, k: usize) -> Error {
        Error::run(format!(
            "{}:{}: invalid {}",
            self.file, self.record.line, self.columns[k]
        ))
        .value(self.text(k))
    }
}
