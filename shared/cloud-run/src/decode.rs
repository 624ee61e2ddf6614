//! A wrapped Pub/Sub push, read: which object version it is about.
//!
//! Total: any bytes give a notification or a [`Malformed`]. Whether the object concerns the
//! function is not known here.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::{Generation, Instant, Overwrote};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The longest name that Cloud Storage gives an object, in bytes. (Cloud Storage documentation,
/// "Object name requirements".)
const OBJECT_NAME_BYTES_MAX: usize = 1024;

/// What Cloud Storage says when a new version is complete. (Cloud Storage documentation, "Pub/Sub
/// notifications", "Event types".)
const FINALIZE: &str = "OBJECT_FINALIZE";

const BASE64: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, BASE64);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, BASE64);

/// One notification of the bucket, as one push delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The bucket of the object.
    pub bucket: String,
    /// The name of the object, verbatim.
    pub object: String,
    /// The version that the event is about.
    pub generation: Generation,
    /// Whether a new version is complete; other events concern no function.
    pub finalized: bool,
    /// What that version replaced.
    pub overwrote: Overwrote,
    /// When that version was created, if the push says so.
    pub created_at: Option<Instant>,
    /// Which attempt this is; Pub/Sub counts only where there is a dead-letter topic.
    pub attempts: Option<u64>,
}

impl Notification {
    /// The version of an object that it is about.
    pub fn version(&self) -> (&str, Generation) {
        (&self.object, self.generation)
    }
}

/// A body that is not a push of a notification. The messages are constant, because the log takes
/// no bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Larger than any push, or cut off.
    #[error("body is too large or incomplete")]
    Body,
    /// No JSON, or not the shape of a wrapped push.
    #[error("body is not a wrapped Pub/Sub push")]
    Envelope,
    /// Attributes are missing, and the message carries no object resource either.
    #[error("message has neither the attributes nor the payload of a notification")]
    Message,
    /// The generation is not a number.
    #[error("generation is not a number")]
    Generation,
    /// The object has no name, or a longer one than there can be.
    #[error("object name is empty or longer than 1024 bytes")]
    ObjectName,
}

/// Reads the body of a push. (Pub/Sub documentation, "Push subscriptions", "Receive messages";
/// Cloud Storage documentation, "Pub/Sub notifications", "Attributes" and "Payload".)
///
/// The four attributes that say what happened count together: when one is missing, as with a
/// subscription or a tool that drops them, all is taken from the payload, and what was overwritten
/// is unknown.
///
/// # Errors
///
/// A body that is none.
pub fn notification(body: &[u8]) -> Result<Notification, Malformed> {
    let Object(push): Object<Push> =
        serde_json::from_slice(body).map_err(|_| Malformed::Envelope)?;
    let Object(Message { attributes, data }) = push.message;
    let Object(attributes) = attributes.unwrap_or_default();
    let resource = data.as_deref().and_then(resource);
    let created = resource.as_ref().and_then(|resource| resource.time_created.as_deref());
    let created_at = created.and_then(Instant::parse);
    let event = attributes.event_type.as_deref();
    let finalized = event.is_none_or(|event| event == FINALIZE);

    let (bucket, object, generation, overwrote) = match attributes {
        Attributes {
            bucket_id: Some(bucket),
            object_id: Some(object),
            object_generation: Some(generation),
            event_type: Some(_),
            overwrote_generation,
        } => (bucket, object, generation, overwrote(overwrote_generation.as_deref())),
        _ => {
            let resource = resource.ok_or(Malformed::Message)?;
            let Resource { bucket, name, generation, .. } = resource;
            (bucket, name, generation, Overwrote::Unknown)
        }
    };
    if object.is_empty() || object.len() > OBJECT_NAME_BYTES_MAX {
        return Err(Malformed::ObjectName);
    }
    let generation = Generation::parse(&generation).ok_or(Malformed::Generation)?;
    let attempts = push.delivery_attempt;
    Ok(Notification { bucket, object, generation, finalized, overwrote, created_at, attempts })
}

/// The attribute is there exactly when the new version replaced a live one. One that cannot be
/// read says that much and no more.
fn overwrote(attribute: Option<&str>) -> Overwrote {
    match attribute {
        None => Overwrote::Nothing,
        Some(text) => Generation::parse(text).map_or(Overwrote::Unknown, Overwrote::Generation),
    }
}

/// The object resource in the payload, if it is one.
fn resource(data: &str) -> Option<Resource> {
    let engine = if data.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let payload = engine.decode(data).ok()?;
    let Object(resource): Object<Resource> = serde_json::from_slice(&payload).ok()?;
    (resource.kind == "storage#object").then_some(resource)
}

/// A value that is read from an object, by the names of its fields. What serde derives would read
/// an array as well, by position.
#[derive(Default)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Push {
    message: Object<Message>,
    delivery_attempt: Option<u64>,
}

#[derive(Deserialize)]
struct Message {
    attributes: Option<Object<Attributes>>,
    data: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    bucket_id: Option<String>,
    object_id: Option<String>,
    object_generation: Option<String>,
    event_type: Option<String>,
    overwrote_generation: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    kind: String,
    bucket: String,
    name: String,
    generation: String,
    time_created: Option<String>,
}
