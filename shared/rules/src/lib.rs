//! Rules over snapshots, and the state machine of alerts: pure, total, without a clock.
//!
//! [`condition`] says what can be asked of a document, [`rule`] reads rules as the rule bundle
//! has them, [`set`] evaluates all that are in force, [`state`] decides which alerts open and
//! close. [`lint`] finds what is understood and cannot be meant.

mod alert;
pub mod condition;
pub mod duration;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod lint;
mod quantity;
pub mod rule;
pub mod set;
pub mod state;

#[cfg(test)]
mod tests;
