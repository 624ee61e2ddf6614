//! Somebody has seen alerts.

use domain::json::{self, Object};
use serde_json::Value;

use super::found;
use crate::{Operator, Problem, legible};

pub(super) async fn run(
    operator: &Operator<'_>,
    alerts: &[String],
    reason: Option<&str>,
) -> Result<bool, Problem> {
    for alert in alerts {
        let found = found::named(operator, alert).await?;
        let object = found.name.to_string();
        if operator.tools.look(&object).await?.is_none() {
            return Err(Problem::new(format!("{object} is gone")));
        }
        let Some(name) = alert_dispatcher::ack(&found.name) else { continue };
        let at = operator.tools.clock.now().to_string();
        let fields = [
            ("alert", Some(object.as_str())),
            ("at", Some(at.as_str())),
            ("by", operator.user.as_deref()),
            ("reason", reason),
        ];
        let fields = fields.into_iter().filter_map(|(name, text)| Some((name, text?)));
        let body: Object =
            fields.map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
        let body = json::to_line(&Value::Object(body));
        let metadata = operator.tools.version.metadata();
        let is_new = operator.tools.create(&name, body, &metadata).await?;
        let said = if is_new { "acknowledged" } else { "was acknowledged before" };
        operator.screen.say(&format!("{}: {said}", legible::line(found.id())))?;
    }
    Ok(true)
}
