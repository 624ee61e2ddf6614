//! What is repeated, how often and after which delay, as data.

use std::time::Duration;

use store::ErrorKind;

/// What an operation does to the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Read,
    /// A change under a precondition: a second application changes nothing and is told so.
    Write,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The service answered with this status.
    Status(u16),
    /// No connection, no answer, or one that broke off.
    Connection,
    /// A complete answer that is not what the service sends: the checksum or the length differ,
    /// a header is missing, the JSON is none.
    Answer,
    /// There is no token to be had, and to ask once more would change nothing.
    Token,
    /// There is no token at present.
    TokenDelay,
    /// The answer is complete and right, and the content of the object is of no use.
    Content,
    /// The request is beyond what this client handles.
    Refused,
}

impl Cause {
    /// What the caller can do.
    pub(crate) fn kind(self) -> ErrorKind {
        match self {
            Self::Status(304 | 412) => ErrorKind::Conflict,
            Self::Status(429) => ErrorKind::Throttled,
            // Permissions are granted and tokens renewed while deliveries wait.
            Self::Status(401 | 403 | 408) => ErrorKind::Unavailable,
            Self::Status(400..=499) | Self::Refused => ErrorKind::Rejected,
            Self::Content => ErrorKind::Unusable,
            // With a status that the service has no use for, something else has answered.
            Self::Status(_) | Self::Connection | Self::Answer => ErrorKind::Unavailable,
            Self::Token | Self::TokenDelay => ErrorKind::Unavailable,
        }
    }

    /// Whether another attempt of the same call makes sense.
    ///
    /// (Cloud Storage documentation, "Retry strategy": 408, 429, 5xx, and broken connections.)
    pub(crate) fn is_repeatable(self, effect: Effect) -> bool {
        match self {
            Self::Status(408 | 500..=599) => true,
            Self::Connection | Self::Answer | Self::TokenDelay => true,
            // One object takes about one write per second: whoever writes reads again first,
            // since the work may be done by then.
            Self::Status(429) => effect == Effect::Read,
            Self::Status(_) | Self::Token | Self::Content | Self::Refused => false,
        }
    }
}

/// How often and after which delay. (AWS Architecture Blog, "Exponential Backoff and Jitter",
/// "Full Jitter".)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// How long a call may take, all attempts and delays included.
    pub(crate) deadline: Duration,
    /// The most attempts of one call.
    pub(crate) attempts_max: u32,
    /// The bound of the delay after the first attempt; it doubles with each.
    pub(crate) delay_first: Duration,
    /// The bound never exceeds this.
    pub(crate) delay_max: Duration,
}

impl Policy {
    /// The policy of every call.
    pub(crate) fn within(deadline: Duration) -> Self {
        Self {
            deadline,
            attempts_max: 8,
            delay_first: Duration::from_millis(100),
            delay_max: Duration::from_secs(4),
        }
    }

    /// How long one attempt may wait for the service: two silent attempts leave room for a third.
    pub(crate) fn silence_max(&self) -> Duration {
        self.deadline / 3
    }

    /// The upper bound of the delay that is chosen after attempt number `attempt`, which begins with 1. `None`
    /// after the last attempt.
    pub(crate) fn delay_bound(&self, attempt: u32) -> Option<Duration> {
        let doublings = attempt.saturating_sub(1).min(31);
        let bound = self.delay_first.saturating_mul(1 << doublings).min(self.delay_max);
        (attempt < self.attempts_max).then_some(bound)
    }
}
