//! What is noted about an alert and one of its channels: names and bodies.

use domain::json::{self, Object};
use domain::{Env, Instant, Mark, ObjectName};
use egress::Named;
use serde_json::Value;

/// What the reason of a mark begins with that says that something ended without being sent.
pub(crate) const NOT_SENT: &str = "not sent: ";

/// The mark of the alert `name` at `channel`; nothing if `name` is that of no alert.
pub fn name(name: &ObjectName, mark: Mark, channel: &Named) -> Option<ObjectName> {
    let ObjectName::Alert { env, rule_id, entity_id, alert_id } = name else { return None };
    let rest = format!("{rule_id}/{entity_id}/{alert_id}/{}", channel.word);
    Some(ObjectName::AlertMark { env: *env, mark, rest })
}

/// Settles, beside the mark of the opening `name` that it was sent, whether `channel` hears of it at
/// all where that says that it was not.
pub(crate) fn heard(name: &ObjectName, channel: &Named) -> Option<ObjectName> {
    let Some(ObjectName::AlertMark { env, mark, rest }) = self::name(name, Mark::Sent, channel)
    else {
        return None;
    };
    Some(ObjectName::AlertMark { env, mark, rest: format!("{rest}/heard") })
}

/// The alert that a mark is about, and the word of the channel.
pub fn subject(name: &ObjectName) -> Option<(ObjectName, &str)> {
    let ObjectName::AlertMark { env, rest, .. } = name else { return None };
    let [rule_id, entity_id, alert_id, word] = rest.split('/').collect::<Vec<_>>()[..] else {
        return None;
    };
    let [rule_id, entity_id, alert_id] = [rule_id, entity_id, alert_id].map(str::to_owned);
    Some((ObjectName::Alert { env: *env, rule_id, entity_id, alert_id }, word))
}

/// Another alert about the same rule and entity.
pub(crate) fn sibling(name: &ObjectName, alert_id: &str) -> Option<ObjectName> {
    let ObjectName::Alert { env, rule_id, entity_id, .. } = name else { return None };
    let (env, rule_id, entity_id) = (*env, rule_id.clone(), entity_id.clone());
    Some(ObjectName::Alert { env, rule_id, entity_id, alert_id: alert_id.to_owned() })
}

/// Says that somebody has seen an alert.
pub fn ack(alert: &ObjectName) -> Option<ObjectName> {
    let ObjectName::Alert { env, rule_id, entity_id, alert_id } = alert else { return None };
    let rest = format!("{rule_id}/{entity_id}/{alert_id}");
    Some(ObjectName::AlertMark { env: *env, mark: Mark::Ack, rest })
}

/// The mutes in force.
pub fn mutes(env: Env) -> ObjectName {
    ObjectName::AlertMark { env, mark: Mark::Mute, rest: "in-force".to_owned() }
}

/// What a mark says.
pub(crate) struct Says<'a> {
    pub(crate) alert: &'a str,
    pub(crate) channel: &'a Named,
    /// The idempotency key, where there was anything to send.
    pub(crate) key: Option<&'a str>,
    pub(crate) reason: &'a str,
    /// When it was written. Of a line in the log, the line has it.
    pub(crate) at: Option<Instant>,
    /// How often it has been tried to send it, in all.
    pub(crate) tries: u64,
}

impl Says<'_> {
    pub(crate) fn line(&self) -> Vec<u8> {
        let Self { alert, channel, key, reason, at, tries } = self;
        let mut fields: Vec<(&str, Value)> =
            vec![("alert", (*alert).into()), ("channel", channel.shown.as_str().into())];
        fields.extend(key.map(|key| ("key", Value::from(key))));
        fields.push(("reason", (*reason).into()));
        if *tries > 0 {
            fields.push(("tries", (*tries).into()));
        }
        fields.extend(at.map(|at| ("at", Value::from(at.to_string()))));
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        json::to_line(&Value::Object(Object::from_iter(fields)))
    }
}

/// A field of a mark, as text.
pub(crate) fn text(body: &[u8], field: &str) -> Option<String> {
    let Ok(Value::Object(mark)) = json::parse(body) else { return None };
    mark.get(field)?.as_str().map(str::to_owned)
}

/// How often it had been tried when a mark was written.
pub(crate) fn tries(body: &[u8]) -> u64 {
    let Ok(Value::Object(mark)) = json::parse(body) else { return 0 };
    mark.get("tries").and_then(Value::as_u64).unwrap_or(0)
}
