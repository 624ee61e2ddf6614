//! Subscriptions: what one delivers, where to, and how often.
//! (Pub/Sub REST reference, `projects.subscriptions`.)

mod check;
mod json;

use std::collections::BTreeMap;
use std::time::Duration;

use super::filter::Filter;
use super::names::Kind;

pub(crate) use check::{bad_deadline, check_labels};

/// The ack deadline of a subscription that names none.
const ACK_DEADLINE: Duration = Duration::from_secs(10);

/// How long messages are kept when nobody says how long.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// After so long without use the service deletes a subscription that does not say otherwise.
const EXPIRATION: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// The delays between pushes without a retry policy. (Pub/Sub documentation, "Push
/// subscriptions", "Push backoff".)
const PUSH_BACKOFF: RetryPolicy = RetryPolicy {
    minimum_backoff: Duration::from_millis(100),
    maximum_backoff: Duration::from_secs(60),
};

/// How many pushes wait for their answers at once, unless told otherwise.
const IN_FLIGHT_MAX: usize = 16;

/// A subscription. Those of [`Subscription::new`] are as the service makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The name, alone or as `projects/{project}/subscriptions/{name}`.
    pub name: String,
    /// The topic, alone or as `projects/{project}/topics/{name}`.
    pub topic: String,
    /// Where messages are pushed to; without it they wait to be pulled.
    pub push: Option<Push>,
    /// Which messages it takes.
    pub filter: Filter,
    /// How long an endpoint may take to answer, and whoever pulls to acknowledge.
    pub ack_deadline: Duration,
    /// The delays between attempts; the service's own when missing.
    pub retry: Option<RetryPolicy>,
    /// Where messages go that are never acknowledged. Without it they are tried until their
    /// retention ends.
    pub dead_letter: Option<DeadLetterPolicy>,
    /// Whether messages with the same ordering key are delivered one after the other.
    pub ordered: bool,
    /// Whether acknowledged messages are kept as long as others, to be sought.
    pub retain_acked: bool,
    /// How long after its publication a message is kept.
    pub retention: Duration,
    /// After how long without use it would be deleted; never when missing. Only kept and shown.
    pub expiration: Option<Duration>,
    /// Whether exactly-once delivery was asked for. Only kept and shown.
    pub exactly_once: bool,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// Cut off from its topic, it has no messages and gets none.
    pub detached: bool,
    /// How many pushes may wait for their answers at once, at least 1.
    pub in_flight_max: usize,
}

/// How messages are pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// Where messages are posted to, `http://…`.
    pub endpoint: String,
    /// Whose token comes with each push; none when missing.
    pub oidc: Option<OidcToken>,
    /// Set, the payload is the body; and whether the rest comes in headers.
    pub no_wrapper: Option<NoWrapper>,
    /// Attributes of the endpoint. Only kept and shown.
    pub attributes: BTreeMap<String, String>,
}

/// Who pushes, as the token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcToken {
    /// The e-mail address of the service account.
    pub service_account_email: String,
    /// Whom the token is for; the endpoint when empty.
    pub audience: String,
}

/// A push without the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoWrapper {
    /// Whether id, time and attributes come in headers.
    pub write_metadata: bool,
}

/// Delays between attempts: the first one, doubled with each further attempt up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The delay before the second attempt.
    pub minimum_backoff: Duration,
    /// The longest delay.
    pub maximum_backoff: Duration,
}

/// When a message is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterPolicy {
    /// Where it is published then, alone or as `projects/{project}/topics/{name}`.
    pub topic: String,
    /// After so many attempts.
    pub attempts_max: u32,
}

impl Subscription {
    /// A pull subscription with what the service takes for what is not said.
    pub fn new(name: &str, topic: &str) -> Self {
        Self {
            name: name.to_owned(),
            topic: topic.to_owned(),
            push: None,
            filter: Filter::default(),
            ack_deadline: ACK_DEADLINE,
            retry: None,
            dead_letter: None,
            ordered: false,
            retain_acked: false,
            retention: RETENTION,
            expiration: Some(EXPIRATION),
            exactly_once: false,
            labels: BTreeMap::new(),
            detached: false,
            in_flight_max: IN_FLIGHT_MAX,
        }
    }

    /// The name as push bodies carry it.
    pub(crate) fn full_name(&self) -> String {
        Kind::Subscription.full(&self.name)
    }

    /// The full name of the topic.
    pub(crate) fn full_topic(&self) -> String {
        Kind::Topic.full(&self.topic)
    }

    /// Where a message goes that was delivered `attempts` times in vain, once that is enough.
    pub(crate) fn gives_up(&self, attempts: u32) -> Option<String> {
        let policy = self.dead_letter.as_ref()?;
        (attempts >= policy.attempts_max).then(|| Kind::Topic.full(&policy.topic))
    }

    /// The delay after the failed attempt number `attempt`, counted from 1.
    pub(crate) fn backoff(&self, attempt: u32) -> Duration {
        match (self.retry, &self.push) {
            (Some(policy), _) => policy.backoff(attempt),
            (None, Some(_)) => PUSH_BACKOFF.backoff(attempt),
            (None, None) => Duration::ZERO,
        }
    }
}

impl Push {
    /// Posts to `endpoint`, with the envelope and without a token.
    pub fn to(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), ..Self::default() }
    }
}

impl RetryPolicy {
    fn backoff(self, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let bound = self.maximum_backoff.max(self.minimum_backoff);
        self.minimum_backoff.saturating_mul(doubled).min(bound)
    }
}
