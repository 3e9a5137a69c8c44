//! libFuzzer target for configuration.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| epr_build_fuzz::configuration::check(data));
