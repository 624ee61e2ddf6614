//! Changes as JSON, for journals: `{"published": {…}}`.

use std::sync::Arc;

use domain::Instant;
use serde_json::{Value, json};

use super::{Change, Point, Publication};
use crate::pubsub::json::Fields;
use crate::pubsub::message::Message;
use crate::pubsub::problem::Problem;
use crate::pubsub::snapshot::Snapshot;
use crate::pubsub::subscription::Subscription;
use crate::pubsub::topic::Topic;

impl Change {
    /// The change as an object with one field, which names its kind.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::TopicSet(topic) => json!({"topicSet": topic.to_json()}),
            Self::TopicDeleted(name) => json!({"topicDeleted": {"name": name}}),
            Self::SubscriptionSet(it) => json!({"subscriptionSet": it.to_json()}),
            Self::SubscriptionDeleted(name) => json!({"subscriptionDeleted": {"name": name}}),
            Self::Published(publication) => json!({"published": publication.to_json()}),
            Self::Acknowledged { subscription, messages } => {
                json!({"acknowledged": {"subscription": subscription, "messages": messages}})
            }
            Self::Failed { subscription, message, attempts } => {
                let attempts = json!(attempts);
                json!({"failed": {
                    "subscription": subscription, "message": message, "attempts": attempts,
                }})
            }
            Self::DeadLettered { subscription, message, publication } => json!({"deadLettered": {
                "subscription": subscription,
                "message": message,
                "publication": publication.to_json(),
            }}),
            Self::Expired { subscription, messages } => {
                json!({"expired": {"subscription": subscription, "messages": messages}})
            }
            Self::Sought { subscription, to: Point::Time(time) } => {
                json!({"sought": {"subscription": subscription, "time": time.to_string()}})
            }
            Self::Sought { subscription, to: Point::Snapshot(name) } => {
                json!({"sought": {"subscription": subscription, "snapshot": name}})
            }
            Self::SnapshotSet(snapshot) => json!({"snapshotSet": snapshot.to_json()}),
            Self::SnapshotDeleted(name) => json!({"snapshotDeleted": {"name": name}}),
        }
    }

    /// Reads what [`Change::to_json`] wrote.
    pub(crate) fn from_json(json: &Value) -> Result<Self, Problem> {
        let one = json.as_object().filter(|fields| fields.len() == 1);
        let Some((kind, value)) = one.and_then(|fields| fields.iter().next()) else {
            return Err(Problem::argument("change"));
        };
        let fields = Fields::of(value, kind)?;
        let text = |key: &str| fields.text(key).map(str::to_owned);
        Ok(match kind.as_str() {
            "topicSet" => Self::TopicSet(Topic::from_json(value)?),
            "topicDeleted" => Self::TopicDeleted(text("name")?),
            "subscriptionSet" => Self::SubscriptionSet(Box::new(Subscription::from_json(value)?)),
            "subscriptionDeleted" => Self::SubscriptionDeleted(text("name")?),
            "published" => Self::Published(Publication::from_json(fields)?),
            "acknowledged" => Self::Acknowledged {
                subscription: text("subscription")?,
                messages: fields.texts("messages")?,
            },
            "failed" => Self::Failed {
                subscription: text("subscription")?,
                message: text("message")?,
                attempts: u32::try_from(fields.number("attempts")?)
                    .map_err(|_| Problem::argument("attempts"))?,
            },
            "deadLettered" => Self::DeadLettered {
                subscription: text("subscription")?,
                message: text("message")?,
                publication: read_publication(fields)?,
            },
            "expired" => Self::Expired {
                subscription: text("subscription")?,
                messages: fields.texts("messages")?,
            },
            "sought" => {
                Self::Sought { subscription: text("subscription")?, to: Point::from_json(fields)? }
            }
            "snapshotSet" => Self::SnapshotSet(Snapshot::from_json(value)?),
            "snapshotDeleted" => Self::SnapshotDeleted(text("name")?),
            _ => return Err(Problem::argument(kind)),
        })
    }
}

fn read_publication(fields: Fields<'_>) -> Result<Publication, Problem> {
    match fields.object("publication")? {
        Some(publication) => Publication::from_json(publication),
        None => Err(Problem::argument("publication")),
    }
}

impl Publication {
    fn to_json(&self) -> Value {
        json!({
            "topic": self.topic,
            "message": self.message.to_json(),
            "subscriptions": self.subscriptions,
        })
    }

    fn from_json(fields: Fields<'_>) -> Result<Self, Problem> {
        let message = fields.get("message").ok_or_else(|| Problem::argument("message"))?;
        Ok(Self {
            topic: fields.text("topic")?.to_owned(),
            message: Arc::new(Message::from_json(message)?),
            subscriptions: fields.texts("subscriptions")?,
        })
    }
}

impl Point {
    /// Reads what a seek is to: `time` or `snapshot`.
    pub(crate) fn from_json(fields: Fields<'_>) -> Result<Self, Problem> {
        match (fields.text("time")?, fields.text("snapshot")?) {
            (time, "") => {
                let time = Instant::parse(time).ok_or_else(|| Problem::argument("time"))?;
                Ok(Self::Time(time))
            }
            ("", snapshot) => Ok(Self::Snapshot(snapshot.to_owned())),
            _ => Err(Problem::argument("target")),
        }
    }
}
