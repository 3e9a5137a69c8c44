//! libFuzzer target for signatures and keys.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| epr_build_fuzz::signatures::check(data));
