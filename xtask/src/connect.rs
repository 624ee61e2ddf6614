//! Connects bucket, topics and functions of an emulator, as a deployment would.

use std::time::Duration;

use anyhow::Result;
use domain::Env;
use domain::limits::ACK_DEADLINE;
use emulator::{DeadLetterPolicy, Emulator, Notification, Push, RetryPolicy, Subscription};

use crate::routing::{self, Route};

/// Where deliveries go that were never acknowledged.
pub(crate) const DEAD_LETTERS: &str = "dead-letters";

/// How deliveries are repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Attempts for a delivery.
    pub(crate) attempts_max: u32,
    /// The least and the longest time between two attempts at one delivery.
    pub(crate) backoff: (Duration, Duration),
    /// Pushes at a time for one subscription; the emulator's own number when missing.
    pub(crate) in_flight_max: Option<usize>,
}

/// Makes the notification configurations of `env` on `bucket`, and a subscription for each of
/// `routes` whose function has a port.
pub(crate) fn connect(
    emulator: &Emulator,
    (bucket, env): (&str, Env),
    routes: &[Route],
    patience: Patience,
    port: impl Fn(&str) -> Option<u16>,
) -> Result<()> {
    for routing::Notification { topic, object_name_prefix } in routing::notifications(env) {
        emulator.notify(bucket, Notification::finalized(topic, object_name_prefix))?;
    }
    let (minimum_backoff, maximum_backoff) = patience.backoff;
    for route in routes {
        let Some(port) = port(&route.function) else { continue };
        let plain = Subscription::new(&route.subscription, &route.topic);
        emulator.subscribe(Subscription {
            push: Some(Push::to(format!("http://127.0.0.1:{port}/"))),
            filter: route.filter.clone(),
            ack_deadline: ACK_DEADLINE,
            retry: Some(RetryPolicy { minimum_backoff, maximum_backoff }),
            dead_letter: Some(DeadLetterPolicy {
                topic: DEAD_LETTERS.to_owned(),
                attempts_max: patience.attempts_max,
            }),
            in_flight_max: patience.in_flight_max.unwrap_or(plain.in_flight_max),
            ..plain
        })?;
    }
    Ok(())
}
