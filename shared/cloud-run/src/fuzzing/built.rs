//! A push that is built of fields, and what has to be read from it.

use base64::Engine as _;
use base64::prelude::{
    BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD,
};
use domain::fuzzing::Choices;
use domain::{Generation, Instant, Overwrote};
use serde_json::{Map, Value};

use super::{BUCKET, OBJECT_NAME_BYTES_MAX};
use crate::decode::{Malformed, Notification};

/// Names of objects of every end: fed, foreign, refused, and no names.
const OBJECTS: [&str; 12] = [
    "env/dev/ventures/V1/history/2025/11/06/2025-11-06T10:18:22.000Z_01A.json",
    "env/prod/ventures/Zürich %2F/history/2025/11/06/1.json.gz",
    "env/stg/ventures/V#1/history/2025/11/06/1.json",
    "env/dev/ventures/../history/2025/13/06/1.json",
    "env/dev/reports/quarantine/history/2025/11/06/1.json",
    "env/dev/snapshots/ventures/V1.json",
    "env/dev/reports/alerts/R1/V1/A1.json",
    "env/dev/indices/rules/_bundle.json",
    "env/dev/",
    "env/test/x",
    "photo.jpg",
    "",
];

/// Generations as attributes say them, the last two of which are none.
const GENERATIONS: [&str; 5] = ["1607428286395814", "18446744073709551615", "0", "-1", "many"];

/// Words for fields that the decoder does not know.
const WORDS: [&str; 7] =
    ["message", "attributes", "data", "specversion", "source", "id", DIFFERENT];

/// Text whose base64 has the two characters in which the alphabets differ, wherever it stands.
const DIFFERENT: &str = "???>>>~~~\u{fbff}\u{fbff}\u{fbff}";

/// The fields of a push. An attribute that is `None` is missing.
#[derive(Debug)]
pub(super) struct Built {
    bucket: Option<String>,
    object: Option<String>,
    generation: Option<String>,
    event: Option<String>,
    overwrote: Option<String>,
    resource: Option<Resource>,
    attempts: Option<u64>,
    /// Fields nobody knows, in the push, in the message, in the attributes, in the resource.
    more: [Map<String, Value>; 4],
    /// How the payload is encoded and the body is spelled.
    spelling: u8,
    /// What is an array of values where it should be an object of fields.
    listed: Option<Listed>,
}

/// A part of a push that is spelled by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    Push,
    Message,
    Attributes,
    Resource,
}

/// The payload: the object resource.
#[derive(Debug)]
struct Resource {
    bucket: String,
    object: String,
    generation: String,
    created: Option<String>,
}

impl Built {
    pub(super) fn new(choices: &mut Choices<'_>) -> Self {
        let (missing, spelling) = (choices.byte(), choices.byte());
        let listed = match choices.below(16) {
            1 => Some(Listed::Push),
            2 => Some(Listed::Message),
            3 => Some(Listed::Attributes),
            4 => Some(Listed::Resource),
            _ => None,
        };
        let unless = |bit: u8, text: String| (missing & (1 << bit) == 0).then_some(text);
        let name = object(choices);
        let resource = (missing & 64 == 0).then(|| Resource {
            bucket: choices.word(&[BUCKET]),
            object: if choices.flag() { name.clone() } else { object(choices) },
            generation: generation(choices),
            created: choices.flag().then(|| choices.word(&["2025-11-06T10:18:22.395Z"])),
        });
        Self {
            bucket: unless(0, choices.word(&[BUCKET])),
            object: unless(1, name),
            generation: unless(2, generation(choices)),
            event: unless(3, choices.word(&["OBJECT_FINALIZE", "OBJECT_DELETE"])),
            overwrote: unless(4, generation(choices)),
            resource,
            attempts: choices.flag().then(|| choices.number()),
            more: [(); 4].map(|()| choices.object(&WORDS)),
            spelling,
            listed,
        }
    }

    /// The notification that says this, or why there is none.
    pub(super) fn expected(&self) -> Result<Notification, Malformed> {
        if self.listed.is_some_and(|part| part != Listed::Resource) {
            return Err(Malformed::Envelope);
        }
        let resource = self.resource.as_ref().filter(|_| self.listed.is_none());
        let created_at = resource.and_then(|it| it.created.as_deref()).and_then(Instant::parse);
        let attributes = (&self.bucket, &self.object, &self.generation, &self.event);
        let (bucket, object, generation, overwrote) = match (attributes, resource) {
            ((Some(bucket), Some(object), Some(generation), Some(_)), _) => {
                let overwrote = match &self.overwrote {
                    None => Overwrote::Nothing,
                    Some(text) => {
                        Generation::parse(text).map_or(Overwrote::Unknown, Overwrote::Generation)
                    }
                };
                (bucket, object, generation, overwrote)
            }
            (_, Some(it)) => (&it.bucket, &it.object, &it.generation, Overwrote::Unknown),
            (_, None) => return Err(Malformed::Message),
        };
        if object.is_empty() || object.len() > OBJECT_NAME_BYTES_MAX {
            return Err(Malformed::ObjectName);
        }
        Ok(Notification {
            bucket: bucket.clone(),
            object: object.clone(),
            generation: Generation::parse(generation).ok_or(Malformed::Generation)?,
            finalized: self.event.as_ref().is_none_or(|event| event == "OBJECT_FINALIZE"),
            overwrote,
            created_at,
            attempts: self.attempts,
        })
    }

    /// The body of the push.
    pub(super) fn body(&self) -> Vec<u8> {
        let [push, message, attributes, resource] = &self.more;
        let known = [
            ("bucketId", &self.bucket),
            ("objectId", &self.object),
            ("objectGeneration", &self.generation),
            ("eventType", &self.event),
            ("overwroteGeneration", &self.overwrote),
        ];
        let known = known.into_iter().map(|(name, text)| (name, text.clone().map(Value::from)));
        let attributes = self.part(Listed::Attributes, attributes, known);
        // Some leave out what is empty.
        let some = self.spelling & 4 != 0 || attributes.as_object().is_none_or(|it| !it.is_empty());
        let known = [
            ("attributes", some.then_some(attributes)),
            ("data", self.resource.as_ref().map(|it| self.encoded(it, resource))),
        ];
        let message = self.part(Listed::Message, message, known);
        let attempts = self.attempts.map(Value::from);
        let known = [("message", Some(message)), ("deliveryAttempt", attempts)];
        spelled(&self.part(Listed::Push, push, known), self.spelling)
    }

    fn encoded(&self, resource: &Resource, more: &Map<String, Value>) -> Value {
        let known = [
            ("kind", Some("storage#object")),
            ("bucket", Some(resource.bucket.as_str())),
            ("name", Some(&resource.object)),
            ("generation", Some(&resource.generation)),
            ("timeCreated", resource.created.as_deref()),
        ];
        let known = known.map(|(name, text)| (name, text.map(Value::from)));
        let payload = self.part(Listed::Resource, more, known).to_string();
        let engine = match self.spelling & 3 {
            0 => BASE64_STANDARD,
            1 => BASE64_STANDARD_NO_PAD,
            2 => BASE64_URL_SAFE,
            _ => BASE64_URL_SAFE_NO_PAD,
        };
        Value::from(engine.encode(payload))
    }

    /// `more` with the fields that are known, where they are there, and without them where not.
    /// Or an array with what is known alone.
    fn part<'a>(
        &self,
        part: Listed,
        more: &Map<String, Value>,
        known: impl IntoIterator<Item = (&'a str, Option<Value>)>,
    ) -> Value {
        if self.listed == Some(part) {
            return known.into_iter().map(|(_, value)| value.unwrap_or_default()).collect();
        }
        let mut fields = more.clone();
        for (name, value) in known {
            fields.shift_remove(name);
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        }
        Value::Object(fields)
    }
}

/// The name of an object, at times as long as there can be one, or longer.
fn object(choices: &mut Choices<'_>) -> String {
    match choices.below(32) {
        1 => "x".repeat(OBJECT_NAME_BYTES_MAX),
        2 => "x".repeat(OBJECT_NAME_BYTES_MAX + 1),
        _ => choices.word(&OBJECTS),
    }
}

fn generation(choices: &mut Choices<'_>) -> String {
    if choices.flag() { choices.number().to_string() } else { choices.word(&GENERATIONS) }
}

/// The text of `value`: on one line or on many, and with every character that is not ASCII
/// escaped or as it is.
fn spelled(value: &Value, spelling: u8) -> Vec<u8> {
    let text = if spelling & 8 == 0 { value.to_string() } else { format!(" {value:#}\r\n\t") };
    if spelling & 16 == 0 {
        return text.into_bytes();
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            escaped.extend(units.map(|unit| format!("\\u{unit:04x}")));
        }
    }
    escaped.into_bytes()
}
