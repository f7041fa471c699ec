//! What several tests need.

#![allow(dead_code, reason = "each test uses some of it")]

use fisc::run::{ArmResult, Simulation};
use fisc::scenario;
use std::collections::BTreeMap;

/// The society of `text` with these wages.
pub fn simulation(text: &str, wages: &[f64]) -> Simulation {
    let folder = tempfile::tempdir().unwrap();
    let mut file = "wage\n".to_owned();
    wages.iter().for_each(|w| file.push_str(&format!("{w}\n")));
    std::fs::write(folder.path().join("wages.csv"), file).unwrap();
    let path = folder.path().join("scenario.toml");
    let population = format!(
        "[population]\nsize = {}\nwages = {{ file = {{ path = \"wages.csv\" }} }}\n",
        wages.len()
    );
    std::fs::write(&path, format!("{text}\n{population}")).unwrap();
    Simulation::new(scenario::load(&path, &[]).unwrap()).unwrap()
}

/// Plays it; the arms in order.
pub fn play(text: &str, wages: &[f64]) -> Vec<ArmResult> {
    let played = simulation(text, wages).play(BTreeMap::new(), &|_| {});
    played.unwrap().0
}
