//! Cloud Storage over HTTP: [`store::Store`] against the JSON API.
//!
//! One operation of the contract is one request, plus its repetitions after failures that pass.
//! Everything that is repeated is idempotent: reads, and writes that carry a precondition. Names
//! and contents mean nothing here, and the environment is not read, but to find the credentials of a
//! person ([`connect_person`]): a token that was given, the PATH, and with the feature `developer`
//! what `gcp_auth` looks up. [`Api`] calls Google's other services, and [`Tls`] posts to anybody:
//! who uses neither has none of them, since the linker leaves them out.
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
mod api;
#[cfg(feature = "conformance")]
mod conformance;
mod connect;
#[cfg(feature = "developer")]
mod developer;
mod endpoint;
mod foreign;
#[cfg(any(test, not(feature = "developer")))]
mod gcloud;
mod given;
mod http;
#[cfg(any(test, not(feature = "developer"), feature = "stand-in"))]
mod metadata_server;
mod origin;
#[cfg(any(test, not(feature = "developer")))]
mod person;
#[cfg(feature = "stand-in")]
mod stand_in;
mod tokens;

pub use api::{Api, Payload, Reply};
pub use bucket::{Bucket, BucketError, DEADLINE, Options, connect, connect_person};
pub use foreign::{Post, Tls};

#[cfg(test)]
mod tests;
