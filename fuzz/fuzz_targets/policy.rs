//! Hands what the fuzzer made to `lgflow_fuzz::policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lgflow_fuzz::policy(bytes));
