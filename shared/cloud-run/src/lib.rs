//! Runs a push function on Cloud Run: one call from its `main.rs`.
//!
//! A request goes through the modules in this order: `server` takes it, `decode` reads the
//! notification, `admission` skips from the name alone what does not concern the function,
//! `coalesce` hands deliveries for one entity to the handler together, `quarantine` keeps what
//! can never be handled, `answer` chooses the status, `log` writes the one line. `runner`
//! puts them together. None of them knows an entity, a projection or Cloud Storage itself.

mod admission;
mod answer;
mod clock;
mod coalesce;
mod config;
mod decode;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod log;
mod quarantine;
mod run;
mod runner;
mod server;
mod settings;
mod trace;

#[cfg(test)]
mod tests;

pub use clock::{SystemClock, SystemIds};
pub use coalesce::{BATCH_MAX, Coalescer, Shortcut as CoalescerShortcut};
pub use config::{Config, ConfigError};
pub use decode::{Malformed, Notification, notification};
pub use quarantine::quarantine;
pub use run::{Connect, SetupError, run, tools};
pub use runner::Runner;
pub use settings::Settings;
