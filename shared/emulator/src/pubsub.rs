//! Pub/Sub: topics, subscriptions that are pushed or pulled, filters, redelivery, dead letters.
//!
//! At least once and, but for ordering keys, in no promised order, like the service. `filter`,
//! `subscription`, `change`, `queue` and `state` compute; `broker` holds the present, lets changes
//! be recorded, and pushes; `rest` is the face to clients.

mod names;
mod problem;

mod attempt;
mod filter;
mod json;
mod message;
mod snapshot;
mod subscription;
mod topic;

mod change;
mod queue;
mod state;

mod broker;
mod push;
mod rest;
mod token;

#[cfg(test)]
mod tests;

pub use attempt::{Attempt, Outstanding};
pub(crate) use broker::Broker;
pub(crate) use change::{Change, Recorder};
pub use filter::{FILTER_BYTES_MAX, Filter, FilterError};
pub(crate) use message::DEAD_LETTER;
pub use message::Message;
pub(crate) use rest::router;
pub use subscription::{DeadLetterPolicy, NoWrapper, OidcToken, Push, RetryPolicy, Subscription};
