//! Large populations are drawn in seconds. Run with `--ignored --nocapture` for the timings.

use std::time::Instant;

use fisc::population::{PopulationSpec, WagePrior, draw};

#[test]
#[ignore = "a timing, for a quiet machine"]
fn a_million_workers() {
    for prior in [WagePrior::Gb2, WagePrior::Gb2Stratified, WagePrior::Census] {
        let spec = PopulationSpec::new(1_000_000, prior);
        let start = Instant::now();
        let people = draw(&spec, 52.0, 1).expect("a valid specification");
        println!("{}: {:?}", spec.wages.name(), start.elapsed());
        assert_eq!(people.len(), 1_000_000);
    }
}
