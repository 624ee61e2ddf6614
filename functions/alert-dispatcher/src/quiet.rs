//! When an alert is not sent: nobody wants to hear of it.
//!
//! Who has heard that a rule began to hold hears that it is over, and nobody else does. Of an opening
//! that was not sent a channel can still hear by a repeat. Whether it does is settled by one object
//! that is created once and never replaced: by the first repeat, before it is sent, or by the end. So
//! whatever overtakes what, both read the same there, and a repeat that comes after an end which was
//! kept back is kept back, too.

use domain::json::{self, Object};
use domain::{BULK_ORIGINS, Instant, Mark, ObjectName};
use egress::Named;
use serde_json::Value;
use store::Error;

use crate::mark::{self, NOT_SENT, Says};
use crate::{AlertDispatcher, Shortcut, Taken};

/// Why an alert is not sent that somebody has seen.
const SEEN: &str = "acknowledged";

/// What settles that a channel hears of an opening, and what settles that it does not.
const BY_REPEAT: &str = "sent: a repeat of it";
const OVER: &str = "not sent: it was over before a repeat";

/// The most mutes at a time.
pub const MUTES_MAX: usize = 1000;

/// Rules and entities that nobody wants to hear of until an instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mutes(pub Vec<Mute>);

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Mute {
    /// The rule; any where none is said.
    pub rule_id: Option<String>,
    /// The kind and the id of the entity; any where none is said.
    pub entity: Option<(String, String)>,
    /// From when on it is over.
    pub until: Instant,
    /// What else is noted.
    pub noted: Object,
}

impl Mutes {
    /// Reads those that are stored; what is none is left out.
    pub fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(mut stored)) = json::parse(body) else { return Self::default() };
        let Some(Value::Array(mutes)) = stored.shift_remove("mutes") else {
            return Self::default();
        };
        Self(mutes.into_iter().take(MUTES_MAX).filter_map(Mute::read).collect())
    }

    /// One line.
    pub fn line(&self) -> Vec<u8> {
        let mutes: Value = self.0.iter().map(Mute::value).collect();
        json::to_line(&Value::Object(Object::from_iter([("mutes".to_owned(), mutes)])))
    }

    /// Until when `alert` is muted at `now`, if it is.
    pub fn until(&self, alert: &Object, now: Instant) -> Option<Instant> {
        let covering = self.0.iter().filter(|mute| now < mute.until && mute.covers(alert));
        covering.map(|mute| mute.until).max()
    }
}

impl Mute {
    fn read(value: Value) -> Option<Self> {
        let Value::Object(mut noted) = value else { return None };
        let mut text = |field: &str| match noted.shift_remove(field) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text)),
            Some(_) => None,
        };
        let (rule_id, kind, id, until) =
            (text("rule")?, text("entity")?, text("id")?, text("until")?);
        let entity = match (kind, id) {
            (None, None) => None,
            (Some(kind), Some(id)) => Some((kind, id)),
            _ => return None,
        };
        // One that names nothing would have nobody hear of anything.
        if rule_id.is_none() && entity.is_none() {
            return None;
        }
        Some(Self { rule_id, entity, until: Instant::parse(&until?)?, noted })
    }

    fn value(&self) -> Value {
        let Self { rule_id, entity, until, noted } = self;
        let rule = rule_id.iter().map(|rule| ("rule", rule.clone()));
        let entity =
            entity.iter().flat_map(|(kind, id)| [("entity", kind.clone()), ("id", id.clone())]);
        let fields = rule.chain(entity).chain([("until", until.to_string())]);
        let fields = fields.map(|(name, text)| (name.to_owned(), Value::String(text)));
        Value::Object(fields.chain(noted.clone()).collect())
    }

    fn covers(&self, alert: &Object) -> bool {
        let is =
            |field: &str, wanted: &str| alert.get(field).and_then(Value::as_str) == Some(wanted);
        self.rule_id.as_ref().is_none_or(|rule| is("rule_id", rule))
            && self.entity.as_ref().is_none_or(|(kind, id)| is("entity", kind) && is("id", id))
    }
}

impl AlertDispatcher {
    /// Why what was `taken` is not sent to `channel`, if so. `again` is whether it is what could not
    /// be delivered before.
    pub(crate) async fn quiet(
        &self,
        taken: &Taken<'_>,
        channel: &Named,
        again: bool,
    ) -> Result<Option<String>, Error> {
        let text = |field: &str| taken.alert.get(field).and_then(Value::as_str).unwrap_or_default();
        let not_sent = |why: String| Ok(Some(format!("{NOT_SENT}{why}")));
        let opening = mark::sibling(taken.name, text("opened"));
        let is_over = text("status") == "resolved";
        if is_over && !self.is_told(opening.as_ref(), channel).await? {
            return not_sent("its opening was not".to_owned());
        }
        // Who has heard that it opened hears that it is over, whoever has ended it.
        if !is_over && self.is_bulk(taken.alert) {
            return not_sent(format!("of a bulk write ({})", text("origin")));
        }
        if let Some(until) = taken.mutes.until(taken.alert, self.tools.clock.now()) {
            return not_sent(format!("muted until {until}"));
        }
        if is_over {
            return Ok(None);
        }
        // Nobody can have seen what opens for the first time.
        let repeats = matches!(text("fired"), "change" | "every") && !text("opened").is_empty();
        let opening = opening.filter(|_| repeats);
        let seen = match &opening {
            Some(opening) => Some(opening),
            None => again.then_some(taken.name),
        };
        if let Some(seen) = seen.and_then(mark::ack)
            && self.tools.look(&seen.to_string()).await?.is_some()
        {
            return not_sent(SEEN.to_owned());
        }
        if let Some(opening) = &opening
            && self.was_sent(opening, channel).await? != Some(true)
            && !self.is_heard(opening, channel, BY_REPEAT).await?
        {
            return not_sent("it is over, and its opening was not".to_owned());
        }
        Ok(None)
    }

    /// Whether `alert` comes from a bulk write, and its rule does not ask for such.
    fn is_bulk(&self, alert: &Object) -> bool {
        let origin = alert.get("origin").and_then(Value::as_str);
        let asked_for = alert.get("notify_bulk") == Some(&Value::Bool(true));
        let is_bulk = origin.is_some_and(|origin| BULK_ORIGINS.contains(&origin));
        is_bulk && !asked_for && !self.planted.has(Shortcut::BulkSent)
    }

    /// Whether `channel` has heard of `opening`, or still does. If neither, no repeat is sent any more.
    async fn is_told(&self, opening: Option<&ObjectName>, channel: &Named) -> Result<bool, Error> {
        let Some(opening) = opening else { return Ok(true) };
        let told = match self.was_sent(opening, channel).await? {
            Some(was_sent) => was_sent,
            // It has not come to its end, and may be one that is not sent.
            None => {
                let opening = self.tools.look(&opening.to_string()).await?;
                let opening = opening.and_then(|opening| json::parse(&opening.body).ok());
                !opening.as_ref().and_then(Value::as_object).is_some_and(|it| self.is_bulk(it))
            }
        };
        Ok(told || self.is_heard(opening, channel, OVER).await?)
    }

    /// Whether `opening` was sent to `channel`, or somebody has seen it without; nothing before it has
    /// come to its end there.
    async fn was_sent(&self, opening: &ObjectName, channel: &Named) -> Result<Option<bool>, Error> {
        let Some(sent) = mark::name(opening, Mark::Sent, channel) else { return Ok(None) };
        let Some(sent) = self.tools.look(&sent.to_string()).await? else { return Ok(None) };
        let reason = mark::text(&sent.body, "reason").unwrap_or_default();
        Ok(Some(reason.strip_prefix(NOT_SENT).is_none_or(|why| why == SEEN)))
    }

    /// Whether `channel` hears by a repeat of `opening`, which itself was not sent. Where nobody has
    /// settled that, `reason` does.
    async fn is_heard(
        &self,
        opening: &ObjectName,
        channel: &Named,
        reason: &str,
    ) -> Result<bool, Error> {
        let Some(heard) = mark::heard(opening, channel) else { return Ok(true) };
        let object = heard.to_string();
        let mut settled = self.tools.look(&object).await?;
        if settled.is_none() {
            let (alert, at) = (opening.to_string(), Some(self.tools.clock.now()));
            let says = Says { alert: &alert, channel, key: None, reason, at, tries: 0 };
            if self.tools.create(&heard, says.line(), &self.tools.version.metadata()).await? {
                return Ok(reason == BY_REPEAT);
            }
            // Somebody else was first, or it was our own call, of which nobody was told.
            settled = self.tools.look(&object).await?;
        }
        let reason = settled.and_then(|settled| mark::text(&settled.body, "reason"));
        Ok(reason.as_deref() != Some(OVER))
    }
}
