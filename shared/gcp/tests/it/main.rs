//! The client over real sockets on loopback, against a server that follows a script
//! and against the emulator.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report, in their helpers too")]

mod client;
mod place;
mod server;

mod bounds;
mod conformance;
mod contents;
mod emulated;
mod faults;
mod instructed;
mod lost_answers;
mod options;
mod random;
mod requests;
mod retry_conformance;
