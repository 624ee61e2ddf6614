//! The client over real sockets on loopback, against a server that follows a script.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report, in their helpers too")]

mod client;
mod server;

mod contents;
mod faults;
mod options;
mod requests;
