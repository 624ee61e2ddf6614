//! What clients and subscribers of the emulator can see.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod batch;
mod buckets;
mod client;
mod copies;
mod differential;
mod edits;
mod entity_tags;
mod faults;
mod files;
mod hostile;
mod http;
mod instructions;
mod interrupted;
mod media;
mod memory;
mod notifications;
mod pubsub;
mod push;
mod recorded;
mod refusals;
mod resumable;
mod retry_tests;
mod subscriber;
mod token;
mod uploads;
mod wire;
