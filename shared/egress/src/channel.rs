//! Channels: the ways in which an alert is told, and what each of them sends.

mod email;
mod slack;
mod webhook;

use std::fmt;

use bytes::Bytes;
use domain::digest;
use domain::json::Object;
use serde_json::Value;

use crate::Target;
pub use email::is_address;
pub(crate) use email::{Mail, is_sender, letter};
pub(crate) use slack::block_kit;
pub(crate) use webhook::event;

/// The most channels of an alert; the others are left out, and said to be.
pub const CHANNELS_MAX: usize = 16;

/// Channels that have a target.
const AIMED: [&str; 3] = ["webhook", "slack", "email"];

/// What is said of everything that is none.
const NO_CHANNEL: &str = "no such channel: there are log, storage, webhook, slack and email";

/// One way in which an alert is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A line in the log.
    Log,
    /// The object of the alert is all there is.
    Storage,
    /// A request with the alert as JSON, signed.
    Webhook(Target),
    /// A message in Slack.
    Slack(Target),
    /// A mail to this address.
    Email(String),
    /// What nobody knows, or cannot be reached by, and why.
    Unknown(String),
}

/// A channel as an alert names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it is.
    pub channel: Channel,
    /// A word for it in names of objects: plain, and another for each channel and target.
    pub word: String,
    /// What the alert says of it, for people, without what may be secret.
    pub shown: String,
}

impl Channel {
    /// What a rule calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Storage => "storage",
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::Email(_) => "email",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The target, as people are told of it.
    pub fn target(&self) -> Option<String> {
        match self {
            Self::Webhook(target) | Self::Slack(target) => Some(target.to_string()),
            Self::Email(address) => Some(address.clone()),
            Self::Log | Self::Storage | Self::Unknown(_) => None,
        }
    }

    fn read(value: &Value) -> Self {
        match value {
            Value::String(word) if word == "log" => Self::Log,
            Value::String(word) if word == "storage" => Self::Storage,
            Value::String(word) if AIMED.contains(&word.as_str()) => {
                Self::Unknown("the channel has no target".to_owned())
            }
            Value::Object(channel) => Self::aimed(channel).unwrap_or_else(Self::Unknown),
            _ => Self::Unknown(NO_CHANNEL.to_owned()),
        }
    }

    fn aimed(channel: &Object) -> Result<Self, String> {
        let text = |field: &str| channel.get(field).and_then(Value::as_str);
        let kind = text("type").unwrap_or_default();
        if !AIMED.contains(&kind) {
            return Err(NO_CHANNEL.to_owned());
        }
        let target = text("target").ok_or("the channel has no target")?;
        match kind {
            "email" if is_address(target) => Ok(Self::Email(target.to_owned())),
            "email" => Err("the target of a mail is an address".to_owned()),
            "slack" => Target::parse(target).map(Self::Slack),
            _ => Target::parse(target).map(Self::Webhook),
        }
    }
}

/// The channels of an alert, each once, and how many there are besides [`CHANNELS_MAX`]. One that
/// names none goes to the log.
pub fn channels(alert: &Object) -> (Vec<Named>, usize) {
    let listed = alert.get("channels").and_then(Value::as_array).filter(|it| !it.is_empty());
    let Some(listed) = listed else { return (vec![Named::read(&Value::from("log"))], 0) };
    let mut channels: Vec<Named> = listed.iter().map(Named::read).collect();
    channels.sort_by(|left, right| left.word.cmp(&right.word));
    channels.dedup_by(|left, right| left.word == right.word);
    let more = channels.len().saturating_sub(CHANNELS_MAX);
    channels.truncate(CHANNELS_MAX);
    (channels, more)
}

impl Named {
    /// Reads a channel as a rule or an alert lists it.
    pub fn read(value: &Value) -> Self {
        let channel = Channel::read(value);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let word = match value {
            Value::String(word) if (1..=64).contains(&word.len()) && word.bytes().all(plain) => {
                word.clone()
            }
            // With a character that no plain word has. Only type and target tell two channels apart.
            Value::String(word) => format!("~{}", digest::hex_of(word, 16)),
            value => {
                let text = |field: &str| value.get(field).map(Value::to_string).unwrap_or_default();
                let hash = digest::sha256(&[text("type").as_bytes(), text("target").as_bytes()]);
                format!("{}~{}", channel.kind(), digest::hex(&hash, 16))
            }
        };
        let shown = match (channel.target(), value) {
            (Some(target), _) => format!("{} {target}", channel.kind()),
            (None, Value::String(word)) => word.clone(),
            (None, _) => channel.kind().to_owned(),
        };
        Self { channel, word, shown }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The idempotency key of the alert `object` at this channel: the same whenever and by whomever it is
/// sent. No full stop is in it, which would end it where a signature is checked.
pub fn idempotency_key(object: &str, channel: &Named) -> String {
    let hash = digest::sha256(&[object.as_bytes(), channel.word.as_bytes()]);
    format!("alert_{}", digest::hex(&hash, 32))
}

/// One line of JSON as a body.
pub(crate) fn json_body(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}
