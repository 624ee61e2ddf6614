//! Subscriptions in JSON: the resource, and what else has to be kept.

use serde_json::{Map, Value, json};

use super::{
    ACK_DEADLINE, DeadLetterPolicy, EXPIRATION, IN_FLIGHT_MAX, NoWrapper, OidcToken, Push,
    RETENTION, RetryPolicy, Subscription,
};
use crate::pubsub::filter::Filter;
use crate::pubsub::json::{Fields, duration_text};
use crate::pubsub::problem::Problem;

use std::time::Duration;

/// The bounds that a retry policy has for what it does not say.
const BACKOFF: RetryPolicy = RetryPolicy {
    minimum_backoff: Duration::from_secs(10),
    maximum_backoff: Duration::from_secs(600),
};

/// The attempts of a dead-letter policy that names none.
const ATTEMPTS_MAX: i64 = 5;

/// What the service can do with messages and this emulator cannot.
const NOT_HERE: [&str; 4] =
    ["bigqueryConfig", "cloudStorageConfig", "bigtableConfig", "messageTransforms"];

/// The fields of the resource, those included that only the service fills.
const FIELDS: [&str; 18] = [
    "name",
    "topic",
    "pushConfig",
    "ackDeadlineSeconds",
    "retainAckedMessages",
    "messageRetentionDuration",
    "labels",
    "enableMessageOrdering",
    "expirationPolicy",
    "filter",
    "deadLetterPolicy",
    "retryPolicy",
    "detached",
    "enableExactlyOnceDelivery",
    "topicMessageRetentionDuration",
    "state",
    "analyticsHubSubscriptionInfo",
    "tags",
];

impl Subscription {
    /// The resource, as the service shows it.
    pub(crate) fn resource(&self) -> Value {
        let mut json = self.to_json();
        json["name"] = self.full_name().into();
        json["topic"] = self.full_topic().into();
        json["state"] = "ACTIVE".into();
        if let Some(policy) = &self.dead_letter {
            let topic = crate::pubsub::names::Kind::Topic.full(&policy.topic);
            json["deadLetterPolicy"]["deadLetterTopic"] = topic.into();
        }
        if let Some(fields) = json.as_object_mut() {
            fields.shift_remove("inFlightMax");
        }
        json
    }

    /// Everything, names spelled as they were given.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = Map::new();
        let mut put = |key: &str, value: Value, is_set: bool| {
            if is_set {
                json.insert(key.to_owned(), value);
            }
        };
        let seconds = |duration: Duration| Value::from(duration_text(duration));
        put("name", self.name.clone().into(), true);
        put("topic", self.topic.clone().into(), true);
        put("pushConfig", self.push.as_ref().map_or_else(|| json!({}), Push::to_json), true);
        put("ackDeadlineSeconds", deadline(self.ack_deadline), true);
        put("retainAckedMessages", true.into(), self.retain_acked);
        put("messageRetentionDuration", seconds(self.retention), true);
        put("labels", json!(self.labels), !self.labels.is_empty());
        put("enableMessageOrdering", true.into(), self.ordered);
        let expiration =
            self.expiration.map_or_else(|| json!({}), |it| json!({"ttl": seconds(it)}));
        put("expirationPolicy", expiration, true);
        put("filter", self.filter.as_str().into(), !self.filter.as_str().is_empty());
        if let Some(DeadLetterPolicy { topic, attempts_max }) = &self.dead_letter {
            let policy = json!({"deadLetterTopic": topic, "maxDeliveryAttempts": attempts_max});
            put("deadLetterPolicy", policy, true);
        }
        if let Some(RetryPolicy { minimum_backoff, maximum_backoff }) = self.retry {
            let [minimum, maximum] = [minimum_backoff, maximum_backoff].map(seconds);
            put("retryPolicy", json!({"minimumBackoff": minimum, "maximumBackoff": maximum}), true);
        }
        put("detached", true.into(), self.detached);
        put("enableExactlyOnceDelivery", true.into(), self.exactly_once);
        put("inFlightMax", self.in_flight_max.into(), self.in_flight_max != IN_FLIGHT_MAX);
        Value::Object(json)
    }

    /// Reads what [`Subscription::to_json`] wrote, or a resource that a client sent.
    pub(crate) fn from_json(json: &Value) -> Result<Self, Problem> {
        let fields = Fields::of(json, "subscription")?;
        if let Some(key) = NOT_HERE.into_iter().find(|key| fields.get(key).is_some()) {
            let message = format!("{key} is not supported by this emulator.");
            return Err(Problem::new(crate::pubsub::problem::Code::Unimplemented, message));
        }
        let expiration = match fields.object("expirationPolicy")? {
            None => Some(EXPIRATION),
            Some(policy) => policy.duration("ttl")?,
        };
        let in_flight_max = fields.number("inFlightMax")?;
        Ok(Self {
            name: fields.text("name")?.to_owned(),
            topic: fields.text("topic")?.to_owned(),
            push: fields.object("pushConfig")?.map(Push::from_json).transpose()?.flatten(),
            filter: Filter::parse(fields.text("filter")?)?,
            ack_deadline: read_deadline(fields)?,
            retry: fields.object("retryPolicy")?.map(RetryPolicy::from_json).transpose()?,
            dead_letter: read_dead_letter(fields)?,
            ordered: fields.flag("enableMessageOrdering")?,
            retain_acked: fields.flag("retainAckedMessages")?,
            retention: fields.duration("messageRetentionDuration")?.unwrap_or(RETENTION),
            expiration,
            exactly_once: fields.flag("enableExactlyOnceDelivery")?,
            labels: fields.map("labels")?,
            detached: fields.flag("detached")?,
            in_flight_max: usize::try_from(in_flight_max)
                .ok()
                .filter(|it| *it > 0)
                .unwrap_or(IN_FLIGHT_MAX),
        })
    }

    /// Refuses fields that the resource does not have.
    pub(crate) fn check_fields(json: &Value) -> Result<(), Problem> {
        Fields::of(json, "subscription")?.only(&[&FIELDS[..], &NOT_HERE].concat())
    }
}

/// Whole seconds, as the service has it; in process it may be less than that.
fn deadline(deadline: Duration) -> Value {
    match deadline.subsec_nanos() {
        0 => deadline.as_secs().into(),
        _ => duration_text(deadline).into(),
    }
}

fn read_deadline(fields: Fields<'_>) -> Result<Duration, Problem> {
    const KEY: &str = "ackDeadlineSeconds";
    let text = fields.get(KEY).and_then(Value::as_str).filter(|text| text.ends_with('s'));
    if text.is_some() {
        return Ok(fields.duration(KEY)?.unwrap_or(ACK_DEADLINE));
    }
    match u64::try_from(fields.number(KEY)?) {
        Ok(0) => Ok(ACK_DEADLINE),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => Err(Problem::argument("ack_deadline_seconds")),
    }
}

fn read_dead_letter(fields: Fields<'_>) -> Result<Option<DeadLetterPolicy>, Problem> {
    let Some(policy) = fields.object("deadLetterPolicy")? else { return Ok(None) };
    // An empty policy is none.
    if policy.keys().next().is_none() {
        return Ok(None);
    }
    let attempts = match policy.number("maxDeliveryAttempts")? {
        0 => ATTEMPTS_MAX,
        attempts => attempts,
    };
    let attempts_max = u32::try_from(attempts);
    let attempts_max = attempts_max.map_err(|_| Problem::argument("max_delivery_attempts"))?;
    let topic = policy.text("deadLetterTopic")?.to_owned();
    Ok(Some(DeadLetterPolicy { topic, attempts_max }))
}

impl RetryPolicy {
    fn from_json(fields: Fields<'_>) -> Result<Self, Problem> {
        let minimum = fields.duration("minimumBackoff")?;
        let maximum = fields.duration("maximumBackoff")?;
        Ok(Self {
            minimum_backoff: minimum.unwrap_or(BACKOFF.minimum_backoff),
            maximum_backoff: maximum.unwrap_or(BACKOFF.maximum_backoff),
        })
    }
}

impl Push {
    fn to_json(&self) -> Value {
        let mut json = json!({"pushEndpoint": self.endpoint});
        if !self.attributes.is_empty() {
            json["attributes"] = json!(self.attributes);
        }
        if let Some(OidcToken { service_account_email, audience }) = &self.oidc {
            json["oidcToken"] = json!({"serviceAccountEmail": service_account_email});
            if !audience.is_empty() {
                json["oidcToken"]["audience"] = json!(audience);
            }
        }
        if let Some(NoWrapper { write_metadata }) = self.no_wrapper {
            json["noWrapper"] = json!({"writeMetadata": write_metadata});
        }
        json
    }

    /// Nothing when there is no endpoint: that is how a client asks for pull.
    pub(crate) fn from_json(fields: Fields<'_>) -> Result<Option<Self>, Problem> {
        let endpoint = fields.text("pushEndpoint")?.to_owned();
        let oidc = match fields.object("oidcToken")? {
            None => None,
            Some(token) => Some(OidcToken {
                service_account_email: token.text("serviceAccountEmail")?.to_owned(),
                audience: token.text("audience")?.to_owned(),
            }),
        };
        let no_wrapper = match fields.object("noWrapper")? {
            None => None,
            Some(it) => Some(NoWrapper { write_metadata: it.flag("writeMetadata")? }),
        };
        let push = Self { endpoint, oidc, no_wrapper, attributes: fields.map("attributes")? };
        Ok((!push.endpoint.is_empty()).then_some(push))
    }
}
