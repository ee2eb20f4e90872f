#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| eqp_fuzzing::config(bytes));
