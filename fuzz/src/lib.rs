//! One function for each fuzz target. It panics if a property does not hold for its input.
//!
//! `fuzz_targets/` hands these functions to libFuzzer. `tests/fuzz/` of the program runs the same functions on a stable
//! compiler, so this file must compile in both places.

pub mod bundles;
pub mod configuration;
pub mod packages;
pub mod queries;
pub mod signatures;
pub mod yaml;
pub mod zips;
