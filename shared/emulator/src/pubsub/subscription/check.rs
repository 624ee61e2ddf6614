//! What the service refuses in a subscription. In process everything is allowed that works.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::http::Uri;

use super::{DeadLetterPolicy, Push, RetryPolicy, Subscription};
use crate::pubsub::names::{DELETED_TOPIC, Kind};
use crate::pubsub::problem::Problem;

const ACK_DEADLINE_SECONDS: RangeInclusive<u64> = 10..=600;
const RETENTION_SECONDS: RangeInclusive<u64> = 600..=31 * 24 * 60 * 60;
const BACKOFF_SECONDS: RangeInclusive<u64> = 0..=600;
const EXPIRATION_SECONDS: RangeInclusive<u64> = 24 * 60 * 60..=u64::MAX;
const ATTEMPTS: RangeInclusive<u32> = 5..=100;
const LABELS_MAX: usize = 64;
const LABEL_CHARS_MAX: usize = 63;

impl Subscription {
    /// Refuses what the service refuses.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        Kind::Subscription.check(&self.name)?;
        if self.topic != DELETED_TOPIC {
            Kind::Topic.check(&self.full_topic())?;
        }
        let deadline = self.ack_deadline;
        if !ACK_DEADLINE_SECONDS.contains(&deadline.as_secs()) || deadline.subsec_nanos() > 0 {
            return Err(bad_deadline(deadline.as_secs(), *ACK_DEADLINE_SECONDS.start()));
        }
        seconds("message_retention_duration", self.retention, &RETENTION_SECONDS)?;
        if let Some(ttl) = self.expiration {
            seconds("expiration_policy.ttl", ttl, &EXPIRATION_SECONDS)?;
        }
        if let Some(policy) = self.retry {
            policy.check()?;
        }
        if let Some(policy) = &self.dead_letter {
            policy.check()?;
        }
        check_labels(&self.labels)?;
        self.push.as_ref().map_or(Ok(()), Push::check)
    }
}

impl Push {
    /// Refuses what cannot be pushed to.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let uri = self.endpoint.parse::<Uri>().ok();
        let scheme = uri.as_ref().and_then(Uri::scheme_str);
        match (scheme, uri.as_ref().and_then(Uri::host)) {
            (Some("http"), Some(host)) if !host.is_empty() => Ok(()),
            (Some("https"), _) => Err(Problem::invalid(format!(
                "Invalid push endpoint given (endpoint={}). This emulator pushes over http only.",
                self.endpoint
            ))),
            _ => Err(Problem::invalid(format!(
                "Invalid push endpoint given (endpoint={}). Refer to \
                 https://cloud.google.com/pubsub/docs/subscriber#create_subscription for more \
                 information.",
                self.endpoint
            ))),
        }?;
        match &self.oidc {
            Some(token) if !token.service_account_email.contains('@') => {
                Err(Problem::argument("oidc_token.service_account_email"))
            }
            _ => Ok(()),
        }
    }
}

impl RetryPolicy {
    fn check(self) -> Result<(), Problem> {
        seconds("retry_policy.minimum_backoff", self.minimum_backoff, &BACKOFF_SECONDS)?;
        seconds("retry_policy.maximum_backoff", self.maximum_backoff, &BACKOFF_SECONDS)?;
        match self.minimum_backoff <= self.maximum_backoff {
            true => Ok(()),
            false => Err(Problem::argument("retry_policy")),
        }
    }
}

impl DeadLetterPolicy {
    fn check(&self) -> Result<(), Problem> {
        Kind::Topic.check(&Kind::Topic.full(&self.topic))?;
        let what = "dead_letter_policy.max_delivery_attempts";
        within(what, self.attempts_max.into(), &range(&ATTEMPTS), "")
    }
}

fn range(bounds: &RangeInclusive<u32>) -> RangeInclusive<u64> {
    u64::from(*bounds.start())..=u64::from(*bounds.end())
}

/// Refuses labels that no resource may have. (Pub/Sub documentation, "Create labels".)
pub(crate) fn check_labels(
    labels: &std::collections::BTreeMap<String, String>,
) -> Result<(), Problem> {
    if labels.len() > LABELS_MAX {
        return Err(Problem::too_large("labels", labels.len(), LABELS_MAX));
    }
    let fine = |text: &str| {
        let of_a_label = |c: char| c == '-' || c == '_' || c.is_numeric() || c.is_lowercase();
        text.chars().count() <= LABEL_CHARS_MAX
            // Letters of scripts without cases are neither lower nor upper.
            && text.chars().all(|c| of_a_label(c) || (c.is_alphabetic() && !c.is_uppercase()))
    };
    let wrong = labels.iter().find(|(key, value)| key.is_empty() || !fine(key) || !fine(value));
    wrong.map_or(Ok(()), |_| Err(Problem::argument("labels")))
}

/// Why an ack deadline is refused.
pub(crate) fn bad_deadline(seconds: impl std::fmt::Display, least: u64) -> Problem {
    let most = ACK_DEADLINE_SECONDS.end();
    Problem::invalid(format!(
        "Invalid ack deadline given (ack_deadline={seconds}). The ack deadline must be between \
         {least} and {most} seconds."
    ))
}

fn seconds(what: &str, value: Duration, bounds: &RangeInclusive<u64>) -> Result<(), Problem> {
    let up = value.as_secs() + u64::from(value.subsec_nanos() > 0);
    // Between two bounds: what is over the upper one is rounded up, under the lower one down.
    let rounded = if up > *bounds.end() { up } else { value.as_secs() };
    within(what, rounded, bounds, "s")
}

fn within(what: &str, value: u64, bounds: &RangeInclusive<u64>, unit: &str) -> Result<(), Problem> {
    let (size, bound, most) = match value {
        value if value < *bounds.start() => ("small", *bounds.start(), "minimum"),
        value if value > *bounds.end() => ("large", *bounds.end(), "maximum"),
        _ => return Ok(()),
    };
    Err(Problem::invalid(format!(
        "The value for {what} is too {size}. You passed {value}{unit} in the request, but the \
         {most} value is {bound}{unit}."
    )))
}
