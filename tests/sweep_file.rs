//! tmp
#[test]
fn planners() {
    let s = fisc::sweep::Sweep::load("scenarios/sweeps/planners.toml".as_ref())
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(s.points.len(), 20);
    for p in &s.points {
        println!("{:?}", s.overrides(p, s.seeds[0]));
    }
}
