//! Hands what the fuzzer made to `lgflow_fuzz::compiler`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lgflow_fuzz::compiler(bytes));
