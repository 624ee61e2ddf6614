//! What a webhook is sent: the alert. (Standard Webhooks, "Payload structure".)

use domain::json::Object;
use serde_json::Value;

use crate::Told;

/// `{"type", "timestamp", "data"}`, where `data` is the alert with its message filled in, without its
/// channels: the target of another one can be a secret.
pub(crate) fn event(told: Told<'_>) -> Value {
    let mut data = told.alert.clone();
    data.shift_remove("channels");
    data.insert("message".to_owned(), Value::from(told.message()));
    data.insert("object".to_owned(), Value::from(told.object));
    let kind = if told.is_over() { "alert.resolved" } else { "alert.opened" };
    let fields = [
        ("type", Value::from(kind)),
        ("timestamp", Value::from(told.since())),
        ("data", Value::Object(data)),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Value::Object(Object::from_iter(fields))
}
