//! What is told about pushes, and about what is left to push.

use std::fmt;
use std::time::Duration;

use domain::Generation;

use super::message::Message;

/// One push and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The subscription, spelled as it was when it was created.
    pub subscription: String,
    /// The object that the message is about; empty when it is about none.
    pub object: String,
    /// The version of that object.
    pub generation: Option<Generation>,
    /// The message.
    pub message_id: String,
    /// Counted from 1 for each message and subscription.
    pub attempt: u32,
    /// The answer; 0 when there was none in time.
    pub status: u16,
    /// From the beginning of the push to its answer.
    pub elapsed: Duration,
}

impl Attempt {
    /// The attempt number `attempt` to push `message`, and its answer.
    pub(super) fn of(
        subscription: &str,
        message: &Message,
        attempt: u32,
        status: u16,
        elapsed: Duration,
    ) -> Self {
        let generation = message.attributes.get("objectGeneration");
        Self {
            subscription: subscription.to_owned(),
            object: message.object().unwrap_or("").to_owned(),
            generation: generation.and_then(|text| Generation::parse(text)),
            message_id: message.message_id.clone(),
            attempt,
            status,
            elapsed,
        }
    }
}

/// What was not yet acknowledged when the patience of [`crate::Emulator::settled`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// Name, messages waiting and messages in flight of every subscription that has some.
    pub subscriptions: Vec<(String, usize, usize)>,
}

/// `snapshot-builder: 2 waiting, 1 in flight; …`
impl fmt::Display for Outstanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (name, waiting, in_flight)) in self.subscriptions.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{name}: {waiting} waiting, {in_flight} in flight")?;
        }
        Ok(())
    }
}

impl std::error::Error for Outstanding {}
