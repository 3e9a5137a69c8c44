//! libFuzzer target for requests.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| epr_build_fuzz::queries::check(data));
