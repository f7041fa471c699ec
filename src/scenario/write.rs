//! The resolved scenario as TOML.
use super::Scenario;
/// x
pub fn to_toml(_s: &Scenario) -> String {
    String::new()
}
