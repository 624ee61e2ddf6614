//! An entity definition, and the places of documents under it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| projection::fuzzing::definitions(bytes));
