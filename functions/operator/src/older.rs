//! How long a release that was replaced can still be at work.

use std::fmt;
use std::time::Duration;

use domain::Instant;
use domain::limits::SERVICE_TIMEOUT;

use crate::{Operator, Shortcut};

/// For so long a write can still happen whose process has ended: it was on its way.
const LATE_MAX: Duration = Duration::from_secs(30);

/// The end of an older release, as far as a command has to wait for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Older {
    /// Until when a request to it can be under way, if one can.
    until: Option<Instant>,
}

impl Older {
    /// `wait`: whether it has taken requests shortly before now.
    pub(crate) fn new(operator: &Operator<'_>, wait: bool) -> Self {
        let wait = wait && !operator.planted.has(Shortcut::OlderReleaseNotAwaited);
        let over_at = operator.tools.clock.now().after(SERVICE_TIMEOUT + LATE_MAX);
        Self { until: wait.then_some(over_at) }
    }

    /// Waits for its end. A request that it has taken before the command began is cut off by then.
    pub(crate) async fn ended(&self, operator: &Operator<'_>, what: impl fmt::Display) {
        let Some(over_at) = self.until else { return };
        let left_ms = over_at.unix_millis() - operator.tools.clock.now().unix_millis();
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        if left.is_zero() {
            return;
        }
        operator.screen.hint(&format!(
            "{what}: waiting {} s until no request to an older release can be under way (--no-wait \
             where none is)",
            left.as_millis().div_ceil(1000)
        ));
        operator.tools.clock.sleep(left).await;
    }
}
