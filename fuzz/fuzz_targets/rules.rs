//! Rules, evaluated, and the state of the alerts they open.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rules::fuzzing::rules(bytes));
