//! libFuzzer target for the YAML reader.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| epr_build_fuzz::yaml::check(data));
