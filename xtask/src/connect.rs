//! Connects bucket, topics and functions of an emulator, as a deployment would.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use domain::Env;
use domain::limits::ACK_DEADLINE;
use emulator::{DeadLetterPolicy, Emulator, Notification, Push, RetryPolicy, Subscription};

use crate::routing::{self, Route};

/// Where deliveries of `subscription` go that were never acknowledged, and the subscription in which
/// they wait: what comes to a topic without one is lost. (`terraform/subscriptions.tf`, and
/// `operator::Subscription::dead`.)
pub(crate) fn dead_letters(subscription: &str) -> String {
    format!("{subscription}-dead")
}

/// By this label a subscription that was made here is known in a folder.
const LABEL: (&str, &str) = ("made-by", "xtask");

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

/// Makes the notification configurations of `env` on `bucket`, and for each of `routes` a
/// subscription and the one in which its dead letters wait. Where the function has no port, messages
/// wait.
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
    routes.iter().try_for_each(|route| deliver(emulator, route, patience, port(&route.function)))
}

/// Pushes what comes by `route` to `port`; without one, messages wait and no attempt is counted.
pub(crate) fn deliver(
    emulator: &Emulator,
    route: &Route,
    patience: Patience,
    port: Option<u16>,
) -> Result<()> {
    let dead = dead_letters(&route.subscription);
    let waiting = Subscription::new(&dead, &dead);
    emulator.subscribe(Subscription { expiration: None, labels: labels(), ..waiting })?;
    let plain = Subscription::new(&route.subscription, &route.topic);
    let (minimum_backoff, maximum_backoff) = patience.backoff;
    emulator.subscribe(Subscription {
        push: port.map(|port| Push::to(format!("http://127.0.0.1:{port}/"))),
        filter: route.filter.clone(),
        ack_deadline: ACK_DEADLINE,
        retry: Some(RetryPolicy { minimum_backoff, maximum_backoff }),
        dead_letter: Some(DeadLetterPolicy { topic: dead, attempts_max: patience.attempts_max }),
        labels: labels(),
        in_flight_max: patience.in_flight_max.unwrap_or(plain.in_flight_max),
        ..plain
    })?;
    Ok(())
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([(LABEL.0.to_owned(), LABEL.1.to_owned())])
}

/// Lets messages wait in every subscription that was made here, by whichever run.
pub(crate) fn disconnect(emulator: &Emulator) -> Result<()> {
    let made_here = |it: &Subscription| it.labels.get(LABEL.0).is_some_and(|by| by == LABEL.1);
    for subscription in emulator.subscriptions().into_iter().filter(made_here) {
        emulator.subscribe(Subscription { push: None, ..subscription })?;
    }
    Ok(())
}
