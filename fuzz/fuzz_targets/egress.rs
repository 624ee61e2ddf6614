//! Where alerts go and what they say: targets, hosts, addresses, templates.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| egress::fuzzing::egress(bytes));
