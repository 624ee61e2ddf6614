//! The body of a push: decoded, admitted, named in quarantine.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cloud_run::fuzzing::push(bytes));
