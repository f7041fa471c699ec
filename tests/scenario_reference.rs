//! The committed reference page is the generated one.

use std::fs;
use std::path::Path;

#[test]
fn the_reference_page_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario.md");
    if std::env::var_os("FISC_WRITE_DOCS").is_some() {
        fs::write(&path, fisc::scenario::reference()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == fisc::scenario::reference(),
        "docs/scenario.md is stale: write it anew with `fisc docs scenario > docs/scenario.md` \
         or FISC_WRITE_DOCS=1 cargo test --test scenario_reference"
    );
}
