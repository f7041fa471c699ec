//! One run, from a checked scenario to an output folder.
