//! Egress: where alerts go, what may be reached, what is sent there and how it is signed.
//!
//! In reading order: [`Channel`] and [`Target`] are what an alert names; [`Egress`] finds out where
//! that is ([`Vault`] reads secrets), writes a message and signs it; [`Client`] takes it outside, over
//! https, to public addresses and nowhere else. Whatever a rule or a target says, the worst that
//! happens is an [`Unsent`] with a clear reason. Nothing here knows the bucket, or repeats anything.

mod channel;
mod target;
mod url;

mod egress;
mod vault;

mod client;
mod outside;

mod address;
mod host;
mod matched;
mod message;
pub mod secret;
mod signature;
mod template;
mod unsent;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(test)]
mod tests;

pub use channel::{CHANNELS_MAX, Channel, Named, channels, idempotency_key, is_address};
pub use client::{Client, Network, POST_TIME_MAX};
pub use egress::{Egress, SettingError, Settings, Variables, preview};
pub use host::{Hosts, HostsError};
pub use message::{MESSAGE_CHARS_MAX, Told};
pub use outside::{Answer, Outside, Parcel};
pub use target::{Target, VARIABLE_PREFIX};
pub use template::{render, unknown};
pub use unsent::Unsent;
pub use url::Url;
pub use vault::{SECRET_AGE_MAX, Vault};
