//! Sends alerts to their channels.
//!
//! An alert is sent to a channel at least once, under one idempotency key: the mark that it was sent
//! is written afterwards. What cannot be sent, to a channel that is not known or a target that is
//! dead, is marked as undelivered, instead of holding up the others. What is said of an alert lies
//! where nothing is fed with it, so alerts about alerts do not come about.

mod limit;
mod mark;
mod quiet;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use domain::json::{self, Object};
use domain::{
    BoxFuture, Class, Delivery, Disposition, Failure, Handler, Mark, ObjectName, Outcome, Planted,
};
use egress::{Channel, Egress, Named, Told, channels};
use futures_util::future::{join, join_all};
use serde_json::Value;
use store::{Error, Tools};

use crate::mark::Says;

pub use limit::{Limit, PER_MINUTE};
pub use mark::{ack, mutes, name as mark_name, subject};
pub use quiet::{MUTES_MAX, Mute, Mutes};
pub use sending::{LEASE, Step};

#[cfg(test)]
mod tests;

/// The function.
pub struct AlertDispatcher {
    /// What it works with.
    pub tools: Tools,
    /// The channel `log`.
    pub log: Arc<dyn AlertLog>,
    /// The channels that lead outside.
    pub egress: Arc<Egress>,
    /// How much a target is sent.
    pub limit: Limit,
    /// How long a claim holds: [`LEASE`].
    pub lease: Duration,
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
    /// Whoever holds a claim is not waited for.
    ClaimIgnored,
    /// A claim holds until somebody takes it away.
    ClaimForEver,
    /// What somebody else is sending is taken for sent.
    HeldTakenForSent,
    /// Each attempt has an idempotency key of its own.
    KeyForEachAttempt,
    /// What could not be delivered is not marked as such.
    UndeliveredUnwritten,
    /// The mark that something could not be delivered is taken away before it is delivered.
    ForgottenBeforeSent,
    /// Alerts of a bulk write are sent like others.
    BulkSent,
}

impl Shortcut {
    /// Every one of them.
    pub const ALL: [Self; 9] = [
        Self::Reevaluated,
        Self::MarkedBeforeSent,
        Self::ClaimIgnored,
        Self::ClaimForEver,
        Self::HeldTakenForSent,
        Self::KeyForEachAttempt,
        Self::UndeliveredUnwritten,
        Self::ForgottenBeforeSent,
        Self::BulkSent,
    ];
}

/// Where alerts of the channel `log` go.
pub trait AlertLog: Send + Sync {
    /// Logs `alert`, the body of the object `name`, with its message filled in.
    fn alert(&self, name: &str, alert: &Object, message: &str);
}

/// An alert that is being sent.
struct Taken<'a> {
    name: &'a ObjectName,
    /// The name as text.
    object: String,
    alert: &'a Object,
    mutes: &'a Mutes,
}

impl Handler for AlertDispatcher {
    fn fed_with(&self) -> &'static [Class] {
        &[Class::Alert]
    }

    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let outcome = self.dispatch(&batch[0].name).await;
            vec![outcome; batch.len()]
        })
    }
}

impl AlertDispatcher {
    async fn dispatch(&self, name: &ObjectName) -> Outcome {
        let read = match self.read(name).await {
            Ok(read) => read,
            Err(err) => return err.outcome(),
        };
        let Some((body, mutes)) = read else {
            return Ok(Disposition::Skipped("object is gone"));
        };
        let Ok(Value::Object(alert)) = json::parse(&body) else {
            return Ok(Disposition::Rejected(vec!["an alert is a JSON object".to_owned()]));
        };
        if self.planted.has(Shortcut::Reevaluated) && !self.still_open(&alert).await.unwrap_or(true)
        {
            return Ok(Disposition::Skipped("rule is not open any more"));
        }
        let (channels, more) = channels(&alert);
        let taken = Taken { name, object: name.to_string(), alert: &alert, mutes: &mutes };
        if more > 0 {
            tracing::warn!(object = taken.object, more, "an alert names too many channels");
        }
        let (near, far): (Vec<&Named>, Vec<&Named>) =
            channels.iter().partition(|channel| channel.channel.target().is_none());
        let mut steps = Vec::new();
        for channel in near {
            steps.push(self.step(&taken, channel).await);
        }
        // A target that does not answer costs the others no time.
        let far = far.into_iter().map(|channel| self.step(&taken, channel));
        steps.extend(join_all(far).await);
        outcome(steps)
    }

    /// The alert and the mutes in force, in one round trip.
    async fn read(&self, name: &ObjectName) -> Result<Option<(bytes::Bytes, Mutes)>, Error> {
        let (alert, mutes) = (name.to_string(), mutes(name.env()).to_string());
        let (alert, mutes) =
            join(self.tools.store.get(&alert, None), self.tools.look(&mutes)).await;
        let (Some(alert), mutes) = (alert?, mutes?) else { return Ok(None) };
        let mutes = mutes.map_or_else(Mutes::default, |mutes| Mutes::read(&mutes.body));
        Ok(Some((alert.body, mutes)))
    }

    async fn step(&self, taken: &Taken<'_>, channel: &Named) -> Result<Step, Error> {
        match &channel.channel {
            // The object of the alert is all there is.
            Channel::Storage => Ok(Step::Before),
            Channel::Log => self.write_line(taken, channel).await,
            _ => self.deliver(taken, channel, None).await,
        }
    }

    /// Logs an alert. Nothing can be in its way, so nobody claims it.
    async fn write_line(&self, taken: &Taken<'_>, channel: &Named) -> Result<Step, Error> {
        let Some(sent) = mark::name(taken.name, Mark::Sent, channel) else {
            return Ok(Step::Before);
        };
        if self.tools.look(&sent.to_string()).await?.is_some() {
            return Ok(Step::Before);
        }
        let quiet = self.quiet(taken, channel, false).await?;
        let (alert, message) =
            (&taken.object, Told { alert: taken.alert, object: &taken.object }.message());
        let marked_before = self.planted.has(Shortcut::MarkedBeforeSent);
        if quiet.is_none() && !marked_before {
            self.log.alert(alert, taken.alert, &message);
        }
        let reason = quiet.as_deref().unwrap_or("sent");
        let says = Says { alert, channel, key: None, reason, at: None, tries: 0 };
        self.tools.create(&sent, says.line(), &self.tools.version.metadata()).await?;
        if quiet.is_none() && marked_before {
            self.log.alert(alert, taken.alert, &message);
        }
        Ok(quiet.map_or(Step::Sent, Step::Quiet))
    }

    /// Sends once more what could not be delivered, as `mark` says, in this version. Nothing where that
    /// is no such mark, or its alert is gone: then the mark goes, too.
    ///
    /// # Errors
    ///
    /// Any of the store.
    pub async fn redeliver(
        &self,
        mark: &ObjectName,
        version: domain::Generation,
    ) -> Result<Option<Step>, Error> {
        let Some((name, word)) = mark::subject(mark) else { return Ok(None) };
        let gone = async || {
            self.tools.store.delete(&mark.to_string(), version).await?;
            Ok(None)
        };
        let Some((body, mutes)) = self.read(&name).await? else { return gone().await };
        let Ok(Value::Object(alert)) = json::parse(&body) else { return gone().await };
        let (channels, _) = channels(&alert);
        let Some(channel) = channels.iter().find(|channel| channel.word == word) else {
            return gone().await;
        };
        let taken = Taken { name: &name, object: name.to_string(), alert: &alert, mutes: &mutes };
        self.deliver(&taken, channel, Some(version)).await.map(Some)
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

/// How a delivery ends whose channels have come so far: no channel is in the way of another.
fn outcome(steps: Vec<Result<Step, Error>>) -> Outcome {
    let mut done = false;
    let mut held = false;
    for step in steps {
        match step {
            Err(err) => return err.outcome(),
            Ok(Step::Held) => held = true,
            Ok(Step::Before) => (),
            Ok(Step::Sent | Step::Quiet(_) | Step::Left(_) | Step::Full(_)) => done = true,
        }
    }
    match (held, done) {
        // Who is sending it may die over it.
        (true, _) => Err(Failure::Retry("somebody else is sending it".to_owned())),
        (false, true) => Ok(Disposition::Done),
        (false, false) => Ok(Disposition::Skipped("nothing left to send")),
    }
}
