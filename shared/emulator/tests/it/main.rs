//! What clients and subscribers of the emulator can see.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod faults;
mod http;
mod instructions;
mod memory;
mod push;
mod retry_tests;
mod subscriber;
mod wire;
