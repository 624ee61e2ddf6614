//! How Pub/Sub writes values in JSON. (Protocol Buffers documentation, "ProtoJSON Format".)

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::problem::Problem;

/// The longest duration: about 10,000 years.
const SECONDS_MAX: u64 = 315_576_000_000;

/// Fields whose keys are the user's.
const MAPS: [&str; 2] = ["labels", "attributes"];

/// How deep the fields of a resource nest; deeper ones are left as they came.
const DEPTH_MAX: usize = 8;

/// `1.500s`: as many decimals as it takes, in groups of three.
pub(crate) fn duration_text(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    match nanos {
        0 => format!("{seconds}s"),
        n if n % 1_000_000 == 0 => format!("{seconds}.{:03}s", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{seconds}.{:06}s", n / 1_000),
        n => format!("{seconds}.{n:09}s"),
    }
}

pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 9 {
        return None;
    }
    let seconds = whole.parse().ok().filter(|it| *it <= SECONDS_MAX)?;
    let nanos: u32 = format!("{decimals:0<9}").parse().ok()?;
    Some(Duration::new(seconds, nanos))
}

/// Both alphabets, padded or not.
pub(crate) fn parse_base64(text: &str) -> Option<Bytes> {
    let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
    engines.iter().find_map(|engine| engine.decode(text).ok()).map(Bytes::from)
}

/// The same with every key spelled as answers spell it: `ackDeadlineSeconds`.
pub(crate) fn camel(value: Value) -> Value {
    camel_below(value, 0)
}

fn camel_below(value: Value, depth: usize) -> Value {
    match value {
        Value::Object(fields) if depth < DEPTH_MAX => {
            let fields = fields.into_iter().map(|(key, value)| {
                let key = camel_key(&key);
                let value = match MAPS.contains(&key.as_str()) {
                    true => value,
                    false => camel_below(value, depth + 1),
                };
                (key, value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) if depth < DEPTH_MAX => {
            items.into_iter().map(|item| camel_below(item, depth + 1)).collect()
        }
        value => value,
    }
}

pub(crate) fn camel_key(key: &str) -> String {
    let mut words = key.split('_').filter(|word| !word.is_empty());
    let mut camel = words.next().unwrap_or("").to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// The fields of one message; what is `null` is missing.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// `value` has to be an object; `what` names it to the caller.
    pub(crate) fn of(value: &'a Value, what: &str) -> Result<Self, Problem> {
        value.as_object().map(Self).ok_or_else(|| Problem::argument(what))
    }

    pub(crate) fn keys(self) -> impl Iterator<Item = &'a String> {
        self.0.keys()
    }

    /// Refuses fields whose keys are not in `known`.
    pub(crate) fn only(self, known: &[&str]) -> Result<(), Problem> {
        match self.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(Problem::invalid(format!(
                "Invalid JSON payload received. Unknown name \"{key}\": Cannot find field."
            ))),
        }
    }

    pub(crate) fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn object(self, key: &str) -> Result<Option<Fields<'a>>, Problem> {
        self.get(key).map(|value| Fields::of(value, key)).transpose()
    }

    pub(crate) fn array(self, key: &str) -> Result<&'a [Value], Problem> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(Problem::argument(key)),
        }
    }

    /// Empty when missing.
    pub(crate) fn text(self, key: &str) -> Result<&'a str, Problem> {
        match self.get(key) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Problem::argument(key)),
        }
    }

    pub(crate) fn texts(self, key: &str) -> Result<Vec<String>, Problem> {
        let items = self.array(key)?.iter();
        let texts = items.map(|item| item.as_str().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| Problem::argument(key))
    }

    /// False when missing.
    pub(crate) fn flag(self, key: &str) -> Result<bool, Problem> {
        match self.get(key) {
            None => Ok(false),
            Some(value) => value.as_bool().ok_or_else(|| Problem::argument(key)),
        }
    }

    /// A whole number, which may come as text; 0 when missing.
    pub(crate) fn number(self, key: &str) -> Result<i64, Problem> {
        let number = match self.get(key) {
            None => Some(0),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_i64(),
        };
        number.ok_or_else(|| Problem::argument(key))
    }

    pub(crate) fn duration(self, key: &str) -> Result<Option<Duration>, Problem> {
        match self.text(key)? {
            "" => Ok(None),
            text => parse_duration(text).map(Some).ok_or_else(|| Problem::argument(key)),
        }
    }

    pub(crate) fn map(self, key: &str) -> Result<BTreeMap<String, String>, Problem> {
        let Some(Fields(map)) = self.object(key)? else { return Ok(BTreeMap::new()) };
        let pairs = map.iter().map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        pairs.collect::<Option<_>>().ok_or_else(|| Problem::argument(key))
    }
}
