//! libFuzzer target for packages.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| epr_build_fuzz::packages::check(data));
