//! No text of a critique panics, and its credit stays within [−1, 1].
#![no_main]

use fisc::fiscal::Schedule;
use fisc::rewards::critique::{credit, spans};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let schedule = Schedule::new(&[0.0, 20_000.0, 60_000.0], &[0.1, 0.2, 0.3]).expect("a schedule");
    for span in spans(text, &schedule) {
        assert!(text.get(span.bytes.clone()).is_some());
        assert!(credit(&[span], 3).iter().all(|c| (-1.0..=1.0).contains(c)));
    }
});
