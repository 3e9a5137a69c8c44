//! libFuzzer target for bundles.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| epr_build_fuzz::bundles::check(data));
