//! The sweep file: TOML in, checked points and seeds out, or an error that points at the line.
//!
//! ```no_run
//! let sweep = fisc::sweep::Sweep::load("scenarios/sweeps/planners.toml".as_ref())?;
//! println!("{} points at {} seeds", sweep.points.len(), sweep.seeds.len());
//! # Ok::<(), fisc::Error>(())
//! ```

mod block;
mod check;
mod conditions;
mod keys;
mod sample;
mod settings;
mod value;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use keys::reference;
pub use value::Value;

use crate::error::{Error, Place, Result};
use crate::scenario;
use crate::scenario::key::is_label;
use crate::scenario::node::{Node, Origin, Value as Content};
use crate::scenario::set::holds;
use crate::sweep::design::{SEED_MAX, spawned};
use block::{Block, Row};
use keys::{TOP, allowed};

/// Most runs of a sweep.
pub const RUNS_MAX: usize = 100_000;

/// What `root` is unless the file says otherwise.
const ROOT: u64 = 42;

/// A sweep file, checked: every point is a scenario.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What the sweep is called; fit for a folder.
    pub name: String,
    /// The sweep file, as the user named it.
    pub file: PathBuf,
    /// The scenario that every run starts from; absolute.
    pub base: PathBuf,
    /// What holds for all runs.
    pub set: Vec<Setting>,
    /// The keys that vary, in the order of the file.
    pub keys: Vec<String>,
    /// Combinations of values, at least one; no two come to the same scenario.
    pub points: Vec<Point>,
    /// Seeds at which each point is run, at least one, all different, at most [`SEED_MAX`].
    pub seeds: Vec<u64>,
    /// What a failed run leads to.
    pub on_error: OnError,
    /// Whether tables are written as CSV too.
    pub csv: bool,
    /// What the user should know though nothing is wrong.
    pub warnings: Vec<String>,
    /// The file as it was read.
    pub text: String,
    /// The base scenario as it was read.
    base_text: String,
}

/// A key of the scenario and its value.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Dotted key of the scenario.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Where the value stands.
    pub place: Place,
}

/// A combination of values.
#[derive(Clone, Debug)]
pub struct Point {
    /// One for each of [`Sweep::keys`].
    pub values: Vec<Value>,
    /// Where the point stands: its value in the last list of the grid, its `[[list]]`, its row of a
    /// file, the sample.
    pub place: Arc<Place>,
    /// Where each value stands.
    origins: Vec<Arc<Place>>,
}

/// What a failed run leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The other runs go on.
    Continue,
    /// No further run begins.
    Stop,
}

impl Sweep {
    /// Reads and checks a sweep file, its base scenario, and the scenario of every point.
    ///
    /// # Errors
    /// An input error with file, line, column, key, the value found, what is allowed and the
    /// nearest name.
    pub fn load(path: &Path) -> Result<Self> {
        let text = scenario::read(path, "sweep")?;
        let root = Origin::file(path, &text).document()?;
        refuse_scenario(&root, path)?;
        keys::entries(&root, TOP)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let base = Base::read(&root, folder)?;
        let (set, blocks, mut warnings) = settings(&root, folder)?;
        let keys: Vec<String> = blocks
            .iter()
            .flat_map(|block| block.keys.iter().map(|key| key.key.clone()))
            .collect();
        let values = values_by_key(&blocks);
        let conditions =
            |name| conditions::read(root.get(name), allowed(TOP, name), &keys, &values);
        let (exclude, subset) = (conditions("exclude")?, conditions("subset")?);
        let stands = |name| root.get(name).map(|node: &Node| node.place.clone());
        let start = ["grid", "list", "sample"].into_iter().find_map(stands);
        let start = start.unwrap_or_else(|| root.place.clone());
        let rows = block::product(blocks, &start)?;
        let (rows, unmatched) = conditions::select(rows, &exclude, &subset);
        warnings.extend(unmatched);
        if rows.is_empty() {
            let last = subset.last().or(exclude.last());
            let place = last.map_or(start.clone(), |condition| condition.place.clone());
            return Err(Error::input("no points are left")
                .at(place)
                .value(format!(
                    "{} [[exclude]] and {} [[subset]]",
                    exclude.len(),
                    subset.len()
                ))
                .allowed("one or more points"));
        }
        let seeds = seeds(&root, base.seed)?;
        let runs = rows.len() as u128 * seeds.len() as u128;
        if runs > RUNS_MAX as u128 {
            let place = stands("seeds").unwrap_or(start);
            return Err(too_many(&place, runs, "runs"));
        }
        let sweep = Sweep {
            name: name(&root, path)?,
            file: path.to_owned(),
            base: base.path,
            set,
            keys,
            points: rows.into_iter().map(Point::from).collect(),
            seeds,
            on_error: on_error(&root)?,
            csv: root.get("csv").map_or(Ok(false), Node::flag)?,
            warnings,
            text,
            base_text: base.text,
        };
        sweep.check_points()?;
        Ok(sweep)
    }

    /// What turns the base scenario into that of `point` at `seed`, as `--set` has it: what holds
    /// for all runs, then the point's values, then the seed.
    pub fn overrides(&self, point: &Point, seed: u64) -> Vec<String> {
        let set = self.set.iter().map(|set| set.value.to_set(&set.key));
        let values = self.keys.iter().zip(&point.values);
        set.chain(values.map(|(key, value)| value.to_set(key)))
            .chain([format!("seed={seed}")])
            .collect()
    }
}

impl From<Row> for Point {
    fn from(row: Row) -> Self {
        Point {
            values: row.values,
            place: row.place,
            origins: row.origins,
        }
    }
}

/// The error for more than [`RUNS_MAX`] of something.
fn too_many(place: &Place, count: u128, noun: &str) -> Error {
    Error::input(format!("too many {noun}"))
        .at(place.clone())
        .value(count)
        .allowed(format!("at most {RUNS_MAX} runs in a sweep"))
}

fn name(root: &Node, path: &Path) -> Result<String> {
    if let Some(node) = root.get("name") {
        let name = node.text()?;
        if is_label(name) {
            return Ok(name.to_owned());
        }
        return Err(node
            .error("not fit for a name")
            .allowed(allowed(TOP, "name")));
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    match stem.filter(|stem| is_label(stem)) {
        Some(stem) => Ok(stem.to_owned()),
        None => Err(
            Error::input("the file's name is not fit for a name: give one")
                .at(Place {
                    key: "name".into(),
                    ..root.place.clone()
                })
                .value(path.display())
                .allowed(allowed(TOP, "name")),
        ),
    }
}

/// Refuses a file that is a scenario: it has a key of one, and none of a sweep's own.
fn refuse_scenario(root: &Node, path: &Path) -> Result<()> {
    let Content::Table(entries) = &root.value else {
        return Ok(());
    };
    let is_ours = |name: &str| name != "name" && TOP.iter().any(|key| key.name == name);
    let of_scenario = entries
        .iter()
        .find(|entry| holds(&entry.place, &entry.name).is_ok());
    match of_scenario {
        Some(entry) if !entries.iter().any(|entry| is_ours(&entry.name)) => Err(Error::input(
            "this is a scenario, not a sweep file",
        )
        .at(entry.place.clone())
        .value(path.display())
        .allowed(
            "a sweep file, which names a scenario as `base`; `fisc run FILE` plays a scenario",
        )),
        _ => Ok(()),
    }
}

/// The base scenario, which must be right by itself.
struct Base {
    /// Absolute.
    path: PathBuf,
    text: String,
    seed: u64,
}

impl Base {
    fn read(root: &Node, folder: &Path) -> Result<Self> {
        let node = keys::required(root, TOP, "base")?;
        let path = folder.join(node.text()?);
        if !path.is_file() {
            return Err(node.error("no such file").allowed(allowed(TOP, "base")));
        }
        let wrong = |error: Error| {
            let Place {
                file, line, column, ..
            } = &node.place;
            error.context(format!(
                "{}:{line}:{column}: `base`: the scenario is wrong",
                file.display()
            ))
        };
        let text = scenario::read(&path, "scenario").map_err(wrong)?;
        let scenario = scenario::parse(&text, &path, &[], true).map_err(wrong)?;
        Ok(Base {
            path: path
                .canonicalize()
                .map_err(|error| Error::io(&path, error))?,
            text,
            seed: scenario.seed,
        })
    }
}

/// What holds for all runs, what varies (in the order of the file), and warnings.
fn settings(root: &Node, folder: &Path) -> Result<(Vec<Setting>, Vec<Block>, Vec<String>)> {
    let set = match root.get("set") {
        Some(node) => settings::leaves(node, allowed(TOP, "set"))?,
        None => Vec::new(),
    };
    let mut blocks = Vec::new();
    let mut warnings = Vec::new();
    if let Content::Table(entries) = &root.value {
        for entry in entries {
            match entry.name.as_str() {
                "grid" => blocks.extend(block::grid(&entry.node)?),
                "list" => blocks.extend(block::list(&entry.node)?),
                "sample" => {
                    let (block, more) = sample::sample(&entry.node, folder)?;
                    blocks.push(block);
                    warnings.extend(more);
                }
                _ => {}
            }
        }
    }
    block::refuse_overlaps(&set, &blocks)?;
    let setting = |leaf: &settings::Leaf| {
        let place = Place {
            key: leaf.key.clone(),
            ..leaf.node.place.clone()
        };
        Ok(Setting {
            key: leaf.key.clone(),
            value: Value::read(leaf.node).map_err(|error| error.at(place.clone()))?,
            place,
        })
    };
    let set = set.iter().map(setting).collect::<Result<_>>()?;
    Ok((set, blocks, warnings))
}

/// The values of each key, as often as they stand there.
fn values_by_key(blocks: &[Block]) -> Vec<Vec<Value>> {
    let of = |block: &Block, key: usize| {
        let values = block.rows.iter().map(|row| row.values[key].clone());
        values.collect::<Vec<_>>()
    };
    blocks
        .iter()
        .flat_map(|block| (0..block.keys.len()).map(move |key| of(block, key)))
        .collect()
}

fn seeds(root: &Node, base_seed: u64) -> Result<Vec<u64>> {
    let drawn_from = root.get("root");
    let root_seed = match drawn_from {
        Some(node) => node.whole(0, i64::MAX as u64, "")?,
        None => ROOT,
    };
    let useless = |node: &Node| {
        node.error("nothing is drawn from `root`")
            .allowed("this key where `seeds` says how many")
    };
    let Some(node) = root.get("seeds") else {
        return match drawn_from {
            Some(node) => Err(useless(node)),
            None => Ok(vec![base_seed]),
        };
    };
    let Content::List(items) = &node.value else {
        let count = node
            .whole(1, RUNS_MAX as u64, "")
            .map_err(|error| error.allowed(allowed(TOP, "seeds")))?;
        return Ok(spawned(root_seed, count as usize));
    };
    if let Some(node) = drawn_from {
        return Err(useless(node));
    }
    if items.is_empty() {
        return Err(node.error("no seeds").allowed(allowed(TOP, "seeds")));
    }
    let mut seeds = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::new();
    for item in items {
        let seed = item.whole(0, SEED_MAX, "")?;
        if !seen.insert(seed) {
            return Err(item
                .error("this seed stands in the list twice")
                .allowed("each seed once"));
        }
        seeds.push(seed);
    }
    Ok(seeds)
}

fn on_error(root: &Node) -> Result<OnError> {
    let Some(node) = root.get("on_error") else {
        return Ok(OnError::Continue);
    };
    match node.as_text() {
        Some("continue") => Ok(OnError::Continue),
        Some("stop") => Ok(OnError::Stop),
        other => Err(node
            .error("no such choice")
            .allowed(allowed(TOP, "on_error"))
            .suggest(other.unwrap_or(""), ["continue", "stop"])),
    }
}
