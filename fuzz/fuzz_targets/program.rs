//! No text of a reward program panics, hangs, or ends with a number that is not finite.
#![no_main]

use fisc::rewards::program::{OutcomeTable, Program};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let deciles: Vec<f64> = (1..=10).map(|k| 8_000.0 * f64::from(k)).collect();
    let table = OutcomeTable::new(
        &[("revenue", 5_000.0), ("gini_disposable", 0.3)],
        &[("disposable", &deciles), ("rates", &[0.1, 0.4])],
    );
    match Program::new("fuzz", text).and_then(|program| program.value(&table)) {
        Ok(value) => assert!(value.is_finite()),
        Err(error) => assert!(!error.to_string().contains("broke the interpreter"), "{error}"),
    }
});
