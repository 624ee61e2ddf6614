//! Documents, one on each line, as shards have them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| domain::fuzzing::ndjson(bytes));
