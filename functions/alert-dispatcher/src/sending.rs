//! One alert on its way to one target: claimed, sent, marked.
//!
//! Whoever sends holds a claim, which ends by itself: two do not send the same at a time, and what
//! somebody has died over is taken up by the next. What could not be sent is marked as such without a
//! limit of time, and acknowledged: a target that is dead holds up no subscription, and a job tries
//! again, for which whoever has failed ends the own claim. The claim is read before the marks. Who has read no mark and then replaces the very claim
//! that it has read knows that nobody has claimed, sent and marked in between.

use std::time::Duration;

use domain::{Generation, Instant, Mark, ObjectName, limits};
use egress::{Channel, Named, Told, idempotency_key};
use serde_json::Value;
use store::{Error, ErrorKind, Precondition};

use crate::mark::{self, Says};
use crate::{AlertDispatcher, Shortcut, Taken};

/// How long a claim holds: longer than who holds it can work.
pub const LEASE: Duration = limits::SERVICE_TIMEOUT;

const _: () = assert!(LEASE.as_secs() > limits::HANDLER_BUDGET.as_secs());

/// How often something is sent within one delivery.
const SENDS_MAX: u64 = 3;

/// After so long nothing is sent once more: with what one request may take it stays within the budget
/// of a handler.
const SENDING_MAX: Duration = Duration::from_secs(14);

/// The pause before something is sent once more is drawn below this, and each time below the double.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often, and after how long, somebody who finds a claim looks again.
const LOOKS_MAX: usize = 5;
const LOOK_PAUSE: Duration = Duration::from_secs(4);

/// How it stands between an alert and one of its channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was sent.
    Sent,
    /// It is at its end without being sent, and this is why.
    Quiet(String),
    /// It was at its end before.
    Before,
    /// Somebody else is sending it.
    Held,
    /// It could not be sent, which is marked, and this is why.
    Left(String),
    /// What could not be sent before was not tried once more: its target takes no more in this minute,
    /// as this says. Nothing is marked anew.
    Full(String),
}

/// How the sending of one alert has ended.
enum Ended {
    /// It has arrived.
    Arrived,
    /// It has not, and this is why.
    Unsent(String),
    /// It was not tried: the target has had as many as may be within a minute.
    Full(String),
}

impl AlertDispatcher {
    /// Brings what was `taken` to its end at `channel`, which leads outside. `again` is the version of
    /// the mark that says that it could not be delivered.
    pub(crate) async fn deliver(
        &self,
        taken: &Taken<'_>,
        channel: &Named,
        again: Option<Generation>,
    ) -> Result<Step, Error> {
        for _ in 0..LOOKS_MAX {
            match self.deliver_once(taken, channel, again).await? {
                Step::Held if again.is_none() => self.tools.clock.sleep(LOOK_PAUSE).await,
                step => return Ok(step),
            }
        }
        Ok(Step::Held)
    }

    async fn deliver_once(
        &self,
        taken: &Taken<'_>,
        channel: &Named,
        again: Option<Generation>,
    ) -> Result<Step, Error> {
        let name = |mark: Mark| mark::name(taken.name, mark, channel);
        let (Some(claim), Some(sent), Some(undelivered)) =
            (name(Mark::Claim), name(Mark::Sent), name(Mark::Undelivered))
        else {
            return Ok(Step::Before);
        };
        let held = self.tools.look(&claim.to_string()).await?;
        if self.tools.look(&sent.to_string()).await?.is_some() {
            self.forget(&undelivered, again).await?;
            return Ok(Step::Before);
        }
        let left = self.tools.look(&undelivered.to_string()).await?;
        if again.is_none() && left.is_some() {
            return Ok(Step::Before);
        }
        let tries = left.map_or(0, |left| mark::tries(&left.body));
        let says = |key, reason, tries| {
            let at = Some(self.tools.clock.now());
            Says { alert: &taken.object, channel, key, reason, at, tries }.line()
        };
        let metadata = self.tools.version.metadata();
        if let Some(why) = self.quiet(taken, channel, again.is_some()).await? {
            self.tools.create(&sent, says(None, &why, 0), &metadata).await?;
            self.forget(&undelivered, again).await?;
            return Ok(Step::Quiet(why));
        }
        if let Channel::Unknown(why) = &channel.channel {
            // Nothing is sent, so nobody claims it.
            if again.is_none() {
                self.tools.create(&undelivered, says(None, why, 0), &metadata).await?;
            }
            return Ok(Step::Left(why.clone()));
        }
        let now = self.tools.clock.now();
        if held.as_ref().is_some_and(|held| self.holds(&held.body, now)) {
            return Ok(match self.planted.has(Shortcut::HeldTakenForSent) {
                true => Step::Before,
                false => Step::Held,
            });
        }
        let precondition = Precondition::unchanged(held.as_ref());
        let Some(ours) = self.claim(&claim, taken, channel, precondition).await? else {
            return Ok(Step::Held);
        };
        let key = idempotency_key(&taken.object, channel);
        if self.planted.has(Shortcut::MarkedBeforeSent) {
            self.tools.create(&sent, says(Some(&key), "sent", 0), &metadata).await?;
        }
        if self.planted.has(Shortcut::ForgottenBeforeSent) {
            self.forget(&undelivered, again).await?;
        }
        let (ended, sends) = self.send(taken, channel, &key).await;
        let tries = tries + sends;
        let reason = match ended {
            Ended::Arrived => {
                self.tools.create(&sent, says(Some(&key), "sent", tries), &metadata).await?;
                self.forget(&undelivered, again).await?;
                return Ok(Step::Sent);
            }
            Ended::Full(reason) if again.is_some() => {
                self.release(&claim, taken, channel, ours).await;
                return Ok(Step::Full(reason));
            }
            Ended::Full(reason) | Ended::Unsent(reason) => reason,
        };
        if !self.planted.has(Shortcut::UndeliveredUnwritten) {
            let body = says(Some(&key), &reason, tries).into();
            let precondition = again.map_or(Precondition::Absent, Precondition::At);
            let name = undelivered.to_string();
            match self.tools.store.put(&name, body, &metadata, precondition).await {
                // It is there: by our own call, or by who has sent it after all and will say so.
                Err(err) if err.kind != ErrorKind::Conflict => return Err(err),
                _ => (),
            }
        }
        self.release(&claim, taken, channel, ours).await;
        Ok(Step::Left(reason))
    }

    /// Sends until it has arrived, no more makes sense, or there was enough of it: how it ended, and
    /// how often it was sent.
    async fn send(&self, taken: &Taken<'_>, channel: &Named, key: &str) -> (Ended, u64) {
        let began_at = self.tools.clock.now();
        let target = channel.channel.target().unwrap_or_default();
        let told = Told { alert: taken.alert, object: &taken.object };
        let mut sends = 0;
        loop {
            let now = self.tools.clock.now();
            // By its word: of a URL that is a secret, what is shown does not tell it from others.
            if let Err(reason) = self.limit.take(&channel.word, now) {
                let reason = format!("{target}: {reason}");
                let ended = if sends == 0 { Ended::Full(reason) } else { Ended::Unsent(reason) };
                return (ended, sends);
            }
            let key = match self.planted.has(Shortcut::KeyForEachAttempt) {
                true => format!("{key}-{sends}-{}", self.tools.ids.ulid(now)),
                false => key.to_owned(),
            };
            let sent = self.egress.send(&channel.channel, &key, told).await;
            sends += 1;
            let late = self.tools.clock.now() >= began_at.after(SENDING_MAX);
            match sent {
                Err(unsent) if unsent.passes && sends < SENDS_MAX && !late => {
                    let pause = PAUSE_MAX * (1 << sends);
                    self.tools.clock.sleep(self.tools.ids.jitter(pause)).await;
                }
                Err(unsent) => return (Ended::Unsent(unsent.reason), sends),
                Ok(()) => return (Ended::Arrived, sends),
            }
        }
    }

    /// Whether a claim with this body holds at `now`. One that would for longer than anybody claims is
    /// nobody's.
    fn holds(&self, body: &[u8], now: Instant) -> bool {
        if self.planted.has(Shortcut::ClaimIgnored) {
            return false;
        }
        let until = mark::text(body, "until").and_then(|until| Instant::parse(&until));
        let for_ever = self.planted.has(Shortcut::ClaimForEver);
        until.is_some_and(|until| for_ever || (now < until && until < now.after(self.lease * 2)))
    }

    /// Claims the sending: the version of the claim, if it is ours.
    async fn claim(
        &self,
        name: &ObjectName,
        taken: &Taken<'_>,
        channel: &Named,
        precondition: Precondition,
    ) -> Result<Option<Generation>, Error> {
        let now = self.tools.clock.now();
        let by = self.tools.ids.ulid(now);
        let body = claimed(taken, channel, &by, now.after(self.lease));
        let (name, metadata) = (name.to_string(), self.tools.version.metadata());
        match self.tools.store.put(&name, body.into(), &metadata, precondition).await {
            Ok(version) => Ok(Some(version)),
            // Somebody else's, or our own, of which nobody was told.
            Err(err) if err.kind == ErrorKind::Conflict => {
                let found = self.tools.look(&name).await?;
                let is_ours = |body: &[u8]| mark::text(body, "by").as_ref() == Some(&by);
                Ok(found.filter(|found| is_ours(&found.body)).map(|found| found.generation))
            }
            Err(err) => Err(err),
        }
    }

    /// Has our own claim end, so that nobody who tries again waits for us. Where that does not succeed
    /// it ends by itself.
    async fn release(
        &self,
        name: &ObjectName,
        taken: &Taken<'_>,
        channel: &Named,
        ours: Generation,
    ) {
        let now = self.tools.clock.now();
        let body = claimed(taken, channel, &self.tools.ids.ulid(now), now);
        let (name, metadata) = (name.to_string(), self.tools.version.metadata());
        let precondition = Precondition::At(ours);
        match self.tools.store.put(&name, body.into(), &metadata, precondition).await {
            // It was somebody else's by then, or is over by our own call.
            Err(err) if err.kind != ErrorKind::Conflict => {
                tracing::info!(object = name, error = %err, "claim is left to end by itself");
            }
            _ => (),
        }
    }

    /// Takes away the mark that something could not be delivered.
    async fn forget(&self, name: &ObjectName, version: Option<Generation>) -> Result<(), Error> {
        if let Some(version) = version {
            self.tools.store.delete(&name.to_string(), version).await?;
        }
        Ok(())
    }
}

/// A claim.
fn claimed(taken: &Taken<'_>, channel: &Named, by: &str, until: Instant) -> Vec<u8> {
    let fields = [
        ("alert", taken.object.clone()),
        ("channel", channel.shown.clone()),
        ("by", by.to_owned()),
        ("until", until.to_string()),
    ];
    let fields = fields.map(|(name, text)| (name.to_owned(), Value::String(text)));
    domain::json::to_line(&Value::Object(fields.into_iter().collect()))
}
