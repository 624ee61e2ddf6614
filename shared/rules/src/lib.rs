//! Rules over snapshots, and the state machine of alerts: pure, total, without a clock.
//!
//! [`condition`] says what can be asked of a document, [`rule`] reads rules as the rule bundle
//! has them, [`state`] decides which alerts open and close.

pub mod condition;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod rule;
pub mod state;

#[cfg(test)]
mod tests;
