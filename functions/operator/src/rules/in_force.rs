//! The rules that the rules-engine evaluates.

use std::collections::BTreeMap;
use std::time::Duration;

use rules_engine::RULES_AGE_MAX;

use crate::{Operator, Problem};

/// Between two looks whether rules are in force.
const LOOK: Duration = Duration::from_millis(250);

/// Waits until each of these rules asks what is expected, or is not there. Whether it is so.
pub(super) async fn wait(
    operator: &Operator<'_>,
    expected: &BTreeMap<String, Option<String>>,
    timeout: Duration,
) -> Result<bool, Problem> {
    let clock = &operator.tools.clock;
    let over_at = clock.now().after(timeout);
    loop {
        let rules = rules_engine::rules_in_force(&operator.tools, operator.env).await?;
        let found: BTreeMap<&str, &str> =
            rules.all().map(|rule| (rule.id.as_str(), rule.digest.as_str())).collect();
        let waiting = expected
            .iter()
            .filter(|(id, digest)| found.get(id.as_str()).copied() != digest.as_deref());
        let waiting: Vec<&str> = waiting.map(|(id, _)| id.as_str()).collect();
        if waiting.is_empty() {
            operator.screen.say(&format!("{} rules are in force", found.len()))?;
            return Ok(true);
        }
        if clock.now() >= over_at {
            operator.screen.hint(&format!(
                "they are written, and after {} s not in force: {}; are the snapshot-builder and the \
                 index-writer fed? see `status`; then `rules sweep` evaluates them",
                timeout.as_secs(),
                waiting.join(", ")
            ));
            return Ok(false);
        }
        clock.sleep(LOOK).await;
    }
}

/// Waits until no instance of the rules-engine goes by the rules that it has read before. One that
/// does can find nothing to open for a version that a sweep by the new rules has not seen.
pub(super) async fn alone(operator: &Operator<'_>) {
    operator.screen.hint(&format!(
        "waiting {} s until no rules-engine goes by the rules before, then they are evaluated",
        RULES_AGE_MAX.as_secs()
    ));
    operator.tools.clock.sleep(RULES_AGE_MAX).await;
}
