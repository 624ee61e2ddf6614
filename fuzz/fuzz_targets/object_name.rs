//! The name of an object: read, spelled, classed.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| domain::fuzzing::object_name(bytes));
