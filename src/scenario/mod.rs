//! Scenario files: raw TOML to a checked `Scenario`, with errors that point at the line.
