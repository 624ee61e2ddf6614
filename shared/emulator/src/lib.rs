//! Cloud Storage and Pub/Sub push on loopback, for development and tests.
//!
//! A tool, and no part of what is deployed. It shares nothing with the client in `gcp`: two
//! readings of one API check each other. Where the real service is strict this one is strict, and
//! what the real service does not promise is deliberately broken here: generations do not
//! increase.

mod access;
mod buckets;
mod emulator;
pub mod faulty;
pub mod file_name;
mod folder;
mod http;
mod hub;
pub mod intercepted;
mod memory;
pub mod notification;
mod pubsub;
mod resource;
mod restore;
pub mod schedule;
mod tools;
mod watch;

mod chance;
mod checksum;
mod clock;
mod coding;
#[cfg(feature = "conformance")]
mod conformance;
mod opaque;

#[cfg(test)]
mod tests;

pub use access::{Asked, Policy, Target};
pub use chance::{Chance, SeededIds};
pub use clock::{SystemClock, TestClock};
pub use emulator::{Emulator, Options};
pub use http::{Call, Fault, Faults, InstructionError, Instructions};
pub use memory::{Event, EventType, Memory, Properties, Stored, Upload};
pub use notification::{Notification, Payload};
pub use pubsub::{
    Attempt, DeadLetterPolicy, FILTER_BYTES_MAX, Filter, FilterError, Message, NoWrapper,
    OidcToken, Outstanding, Push, RetryPolicy, Subscription,
};
pub use tools::{NOW, tools};
