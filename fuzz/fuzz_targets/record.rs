//! A history record, and the fold of a history of them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| projection::fuzzing::record(bytes));
