//! libFuzzer target for zips.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| epr_build_fuzz::zips::check(data));
