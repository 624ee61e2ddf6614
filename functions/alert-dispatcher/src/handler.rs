//! Sends alerts to their channels. The channel it knows is `log`.
//!
//! An alert is sent to a channel at least once: the mark that it was sent is written afterwards.
//! A channel that is not known gets a mark that says so, instead of holding up the others.

use std::sync::Arc;

use domain::json::{self, Object};
use domain::{
    BoxFuture, Class, Delivery, Disposition, Handler, Mark, ObjectName, Outcome, Planted,
};
use serde_json::Value;
use store::{Error, Tools};

#[cfg(test)]
mod tests;

/// Where an alert goes that names no channel.
const DEFAULT_CHANNEL: &str = "log";

/// The function.
pub struct AlertDispatcher {
    /// What it works with.
    pub tools: Tools,
    /// The channel `log`.
    pub log: Arc<dyn AlertLog>,
    /// A wrong turn that a test takes.
    pub planted: Planted<Shortcut>,
}

/// Ways to spare somebody an alert that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// An alert is not sent when its rule is not open any more.
    Reevaluated,
    /// The mark that an alert was sent is written before it is sent.
    MarkedBeforeSent,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 2] = [Self::Reevaluated, Self::MarkedBeforeSent];
}

/// Where alerts of the channel `log` go.
pub trait AlertLog: Send + Sync {
    /// Logs `alert`, the body of the object `name`.
    fn alert(&self, name: &str, alert: &Object);
}

impl Handler for AlertDispatcher {
    fn fed_with(&self) -> &'static [Class] {
        &[Class::Alert]
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let outcome = self.dispatch(&batch[0].name).await.or_else(Error::outcome);
            vec![outcome; batch.len()]
        })
    }
}

impl AlertDispatcher {
    async fn dispatch(&self, name: &ObjectName) -> Result<Disposition, Error> {
        let Some(object) = self.tools.store.get(&name.to_string(), None).await? else {
            return Ok(Disposition::Skipped("object is gone"));
        };
        let Ok(Value::Object(alert)) = json::parse(&object.body) else {
            return Ok(Disposition::Rejected(vec!["an alert is a JSON object".to_owned()]));
        };
        if self.planted.has(Shortcut::Reevaluated) && !self.still_open(&alert).await? {
            return Ok(Disposition::Skipped("rule is not open any more"));
        }
        let mut sent = false;
        for channel in channels(&alert) {
            sent |= self.send(name, &alert, &channel).await?;
        }
        Ok(if sent { Disposition::Done } else { Disposition::Skipped("nothing left to send") })
    }

    /// Sends `alert` to one channel; `false` when that has been done before.
    async fn send(&self, name: &ObjectName, alert: &Object, channel: &str) -> Result<bool, Error> {
        let known = channel == DEFAULT_CHANNEL;
        let mark = if known { Mark::Sent } else { Mark::Undelivered };
        let Some(mark_name) = mark_name(name, mark, channel) else { return Ok(false) };
        if self.tools.store.get(&mark_name.to_string(), None).await?.is_some() {
            return Ok(false);
        }
        let marked_before = self.planted.has(Shortcut::MarkedBeforeSent);
        if known && !marked_before {
            self.log.alert(&name.to_string(), alert);
        }
        let reason = if known { "sent" } else { "no such channel" };
        let fields = [("alert", name.to_string()), ("channel", channel.to_owned())];
        let fields = fields.into_iter().chain([("reason", reason.to_owned())]);
        let body: Object =
            fields.map(|(field, value)| (field.to_owned(), Value::String(value))).collect();
        let body = json::to_line(&Value::Object(body));
        self.tools.create(&mark_name, body, &self.tools.version.metadata()).await?;
        if known && marked_before {
            self.log.alert(&name.to_string(), alert);
        }
        Ok(true)
    }

    /// What [`Shortcut::Reevaluated`] asks: whether the rule of `alert` is open in the alert state
    /// of its entity.
    async fn still_open(&self, alert: &Object) -> Result<bool, Error> {
        let text = |field: &str| alert.get(field).and_then(Value::as_str).unwrap_or_default();
        let Ok(ObjectName::Snapshot(entity)) = ObjectName::parse(text("ptr")) else {
            return Ok(true);
        };
        let name = ObjectName::AlertState(entity).to_string();
        let stored = self.tools.store.get(&name, None).await?;
        let state = stored.and_then(|stored| json::parse(&stored.body).ok());
        let open = state.as_ref().and_then(|state| state.get("open")?.as_array());
        let is_of_its_rule = |open: &Value| open["rule_id"] == text("rule_id");
        Ok(open.is_some_and(|open| open.iter().any(is_of_its_rule)))
    }
}

/// The channels of an alert, each once.
fn channels(alert: &Object) -> Vec<String> {
    let listed = alert.get("channels").and_then(Value::as_array);
    let Some(listed) = listed else { return vec![DEFAULT_CHANNEL.to_owned()] };
    let mut channels: Vec<String> =
        listed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    channels.sort();
    channels.dedup();
    channels
}

fn mark_name(alert: &ObjectName, mark: Mark, channel: &str) -> Option<ObjectName> {
    let ObjectName::Alert { env, rule_id, entity_id, alert_id } = alert else { return None };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    // A channel can be any text; in a name it is its digest where it is not a plain word.
    let word = match !channel.is_empty() && channel.len() <= 64 && channel.chars().all(plain) {
        true => channel.to_owned(),
        // With a character that no plain word has.
        false => format!("~{}", domain::digest::hex_of(channel, 16)),
    };
    let rest = format!("{rule_id}/{entity_id}/{alert_id}/{word}");
    Some(ObjectName::AlertMark { env: *env, mark, rest })
}
