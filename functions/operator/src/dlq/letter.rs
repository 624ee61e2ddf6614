//! One dead letter: what a function was told, and how often.

use cloud_run::{Malformed, Notification, notification};
use domain::{EntityRef, ObjectName, Overwrote};
use serde_json::{Value, json};

use crate::google::pubsub::Received;
use crate::legible;
use crate::subscriptions::Subscription;
use crate::{Operator, Problem};

/// What the attributes begin with that Pub/Sub adds. (Pub/Sub documentation, "Dead-letter topics".)
const ADDED: &str = "CloudPubSubDeadLetterSource";

/// A dead letter.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// That of its message. What was given up twice has two.
    pub(super) id: String,
    /// The function that was told.
    pub(super) function: &'static str,
    /// Where it waits.
    pub(super) subscription: String,
    pub(super) ack_id: String,
    /// As a push of it would be.
    pub(super) body: Value,
    pub(super) notification: Result<Notification, Malformed>,
}

impl Letter {
    pub(super) fn read(subscription: &Subscription, received: Received) -> Self {
        let Received { ack_id, message } = received;
        let id = message["messageId"].as_str().unwrap_or_default().to_owned();
        let body = json!({ "message": message });
        let notification = notification(body.to_string().as_bytes());
        let (function, subscription) = (subscription.function, subscription.dead());
        Self { id, function, subscription, ack_id, body, notification }
    }

    fn added(&self, what: &str) -> Option<&str> {
        self.body["message"]["attributes"][format!("{ADDED}{what}")].as_str()
    }

    /// The object that it is about; empty when it is no notification.
    pub(super) fn object(&self) -> &str {
        self.notification.as_ref().map_or("", |it| &it.object)
    }

    /// Whether it is about `entity`. The name of an alert does not say the kind of its entity.
    pub(super) fn is_about(&self, entity: &EntityRef) -> bool {
        match ObjectName::parse(self.object()) {
            Ok(ObjectName::Alert { env, entity_id, .. }) => {
                env == entity.env && entity_id == entity.id
            }
            Ok(name) => name.entity() == Some(entity),
            Err(_) => false,
        }
    }

    /// Kind and id, as `why` takes them.
    fn subject(&self, operator: &Operator<'_>) -> Option<String> {
        let name = ObjectName::parse(self.object()).ok()?;
        if let ObjectName::Alert { entity_id, .. } = &name {
            return Some(format!("? {entity_id}"));
        }
        let entity = name.entity()?;
        let kind = operator.tools.definitions.entity_of_segment(&entity.segment)?;
        Some(format!("{} {}", kind.entity, entity.id))
    }

    /// A row of the table.
    pub(super) fn row(&self, operator: &Operator<'_>) -> Vec<String> {
        let unknown = || "?".to_owned();
        let object = match &self.notification {
            Ok(notification) => legible::whole(&notification.object),
            Err(malformed) => malformed.to_string(),
        };
        vec![
            legible::whole(&self.id),
            self.function.to_owned(),
            self.subject(operator).map_or_else(unknown, |it| legible::whole(&it)),
            self.added("DeliveryCount").map_or_else(unknown, legible::line),
            self.body["message"]["publishTime"].as_str().map_or_else(unknown, legible::line),
            object,
        ]
    }

    /// Everything, for a program.
    pub(super) fn to_json(&self) -> Value {
        let about = self.notification.as_ref();
        json!({
            "id": self.id, "function": self.function, "subscription": self.subscription,
            "object": about.map(|it| &it.object).ok(),
            "generation": about.map(|it| it.generation.to_string()).ok(),
            "bucket": about.map(|it| &it.bucket).ok(),
            "problem": about.err().map(ToString::to_string),
            "tried": self.added("DeliveryCount").and_then(|it| it.parse::<u64>().ok()),
            "source": self.added("Subscription"),
            "published_at": self.added("TopicPublishTime"),
            "dead_since": self.body["message"]["publishTime"],
        })
    }

    /// What was done about it, on a line.
    pub(super) fn line(&self, operator: &Operator<'_>, said: &str, json: bool) -> String {
        if json {
            let mut line = self.to_json();
            line["said"] = said.into();
            return line.to_string();
        }
        let subject = self.subject(operator);
        let about = subject.as_deref().unwrap_or_else(|| self.object());
        format!("{} {} {}: {said}", self.id, self.function, legible::whole(about))
    }

    /// Everything, for a person, and what is there now. One read.
    pub(super) async fn described(&self, operator: &Operator<'_>) -> Result<String, Problem> {
        let unknown = "not said";
        let mut text = format!(
            "id          {}\nfunction    {}\nwaits in    {}\nwas in      {}\ntried       {} times\n\
             published   {}\ndead since  {}",
            legible::whole(&self.id),
            self.function,
            self.subscription,
            legible::line(self.added("Subscription").unwrap_or(unknown)),
            legible::line(self.added("DeliveryCount").unwrap_or("?")),
            legible::line(self.added("TopicPublishTime").unwrap_or(unknown)),
            legible::line(self.body["message"]["publishTime"].as_str().unwrap_or(unknown)),
        );
        let notification = match &self.notification {
            Ok(notification) => notification,
            Err(malformed) => {
                text += &format!(
                    "\nproblem     {malformed}: no function can handle it\nnext        look at it, \
                     then `dlq drop --id {}`\nmessage     {}",
                    self.id,
                    legible::document(&self.body["message"])
                );
                return Ok(text);
            }
        };
        let overwrote = match notification.overwrote {
            Overwrote::Nothing => "nothing".to_owned(),
            Overwrote::Generation(generation) => generation.to_string(),
            Overwrote::Unknown => unknown.to_owned(),
        };
        let event = if notification.finalized { "finalized" } else { "something else" };
        text += &format!(
            "\nevent       {event}\nbucket      {}\nobject      {}\ngeneration  {}\noverwrote   \
             {overwrote}\nnow         {}",
            legible::whole(&notification.bucket),
            legible::whole(&notification.object),
            notification.generation,
            now(operator, notification).await?,
        );
        let next = match self.subject(operator) {
            Some(subject) if !subject.starts_with('?') => {
                format!("`why {}`, then `dlq replay --id {}`", legible::whole(&subject), self.id)
            }
            _ => format!("the function's log, then `dlq replay --id {}`", self.id),
        };
        Ok(text + &format!("\nnext        {next}"))
    }
}

/// What the object is that it is about.
async fn now(operator: &Operator<'_>, about: &Notification) -> Result<&'static str, Problem> {
    Ok(match operator.tools.store.get(&about.object, None).await {
        Ok(Some(object)) if object.generation == about.generation => "still this version",
        Ok(Some(_)) => "another version",
        Ok(None) => "gone",
        Err(err) if err.kind == store::ErrorKind::Unusable => "there, and cannot be read",
        Err(err) => return Err(err.into()),
    })
}
