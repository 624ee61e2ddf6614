//! Cloud Storage over HTTP: [`store::Store`] against the JSON API.
//!
//! One operation of the contract is one request, plus its repetitions after failures that pass.
//! Everything that is repeated is idempotent: reads, and writes that carry a precondition. Names
//! and contents mean nothing here, and the environment is not read, but with the feature
//! `developer` for a token that was given and for what `gcp_auth` looks up to find credentials. That
//! feature also has `Api`, with which commands of a person call Google's other services.
//!
//! In reading order: [`Bucket`], how one call is made and repeated (`client`, `retry`), what is
//! sent and accepted (`read`, `write`, `list`), and what they are built of.

mod bucket;
mod client;
mod retry;

mod list;
mod read;
mod write;

mod answer;
#[cfg(feature = "developer")]
mod api;
#[cfg(feature = "conformance")]
mod conformance;
mod connect;
#[cfg(feature = "developer")]
mod developer;
mod endpoint;
mod http;
#[cfg(any(test, not(feature = "developer"), feature = "stand-in"))]
mod metadata_server;
mod origin;
#[cfg(feature = "stand-in")]
mod stand_in;
mod tokens;

#[cfg(feature = "developer")]
pub use api::{Api, Payload, Reply};
pub use bucket::{Bucket, BucketError, DEADLINE, Options, connect};

#[cfg(test)]
mod tests;
