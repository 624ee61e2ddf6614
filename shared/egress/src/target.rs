//! Targets, as a rule names them, and what a setting or a secret says of one.

use std::fmt;

use domain::json::{self, Bounds, Object};
use serde_json::Value;

use crate::Url;
use crate::secret::Secret;
use crate::signature::Keys;

/// Only variables that begin so are read for a target: a rule, which many may write, cannot have
/// another setting of the process sent away.
pub const VARIABLE_PREFIX: &str = "ALERT_TARGET_";

/// The longest target, in bytes.
const TARGET_BYTES_MAX: usize = 2048;

/// The longest name of a variable, in bytes.
const VARIABLE_BYTES_MAX: usize = 128;

/// What a value may hold that is JSON.
const VALUE_BOUNDS: Bounds = Bounds { depth: 16, values: 500 };

/// The most headers that a value may add.
const HEADERS_MAX: usize = 16;

/// Headers that are not a value's to say: those of the connection, of the body, and of the signature.
const HEADERS_OWN: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Where something is sent, or where that is said.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// There.
    Url(Url),
    /// What a variable of the environment says.
    Variable(String),
    /// What a secret says.
    Secret(Secret),
}

impl Target {
    /// Reads `https://…`, `env://NAME`, `sm://SECRET`, or a full name of Secret Manager with or
    /// without `sm://`.
    ///
    /// # Errors
    ///
    /// What is wrong, without quoting it: it may be a secret that stands in the wrong place.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TARGET_BYTES_MAX {
            return Err(format!("a target has at most {TARGET_BYTES_MAX} bytes"));
        }
        if let Some(name) = text.strip_prefix("env://") {
            return variable(name).map(Self::Variable);
        }
        let secret = text.strip_prefix("sm://");
        if let Some(name) = secret.or_else(|| text.starts_with("projects/").then_some(text)) {
            let secret = Secret::parse(name).ok_or(
                "a secret is sm://NAME or [sm://]projects/PROJECT/secrets/NAME[/versions/VERSION]",
            )?;
            return Ok(Self::Secret(secret));
        }
        match text.split_once("://") {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                Url::parse(text).map(Self::Url)
            }
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => {
                Err("a target is reached over https, not http".to_owned())
            }
            _ => Err("a target is https://…, env://NAME, sm://SECRET or projects/…".to_owned()),
        }
    }
}

fn variable(name: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let rest = name.strip_prefix(VARIABLE_PREFIX).filter(|rest| !rest.is_empty());
    let fine = rest.is_some_and(|rest| rest.bytes().all(plain));
    if !fine || name.len() > VARIABLE_BYTES_MAX {
        return Err(format!(
            "env:// reads variables {VARIABLE_PREFIX}… alone, of A-Z, 0-9 and _, so that no rule can \
             have another setting sent away"
        ));
    }
    Ok(name.to_owned())
}

/// As it is named, but for what stands behind the host of a URL.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "https://{}/…", url.authority()),
            Self::Variable(name) => write!(f, "env://{name}"),
            Self::Secret(secret) => write!(f, "{secret}"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// What a target comes to: where to, and what belongs to that alone. None of it is shown.
#[derive(Clone)]
pub(crate) struct Destination {
    /// Where to.
    pub(crate) url: Url,
    /// The keys that what is sent there is signed with.
    pub(crate) keys: Option<Keys>,
    /// Headers besides.
    pub(crate) headers: Vec<(String, String)>,
    /// For an API of mail, what it is sent.
    pub(crate) body: Option<Object>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Destination(…)")
    }
}

impl Destination {
    /// That of a URL on its own.
    pub(crate) fn plain(url: Url) -> Self {
        Self { url, keys: None, headers: Vec::new(), body: None }
    }

    /// Reads the value of a variable or a secret: a URL, or a JSON object with `url` and, if wanted,
    /// `key`, `headers`, `body`.
    ///
    /// # Errors
    ///
    /// What is wrong, and nothing of the value.
    pub(crate) fn read(value: &str) -> Result<Self, String> {
        let value = value.trim();
        if !value.starts_with('{') {
            return Url::parse(value).map(Self::plain);
        }
        // The parser's message tells places, and names keys that come twice.
        let parsed = json::parse_within(value.as_bytes(), VALUE_BOUNDS);
        let Ok(Value::Object(mut fields)) = parsed else {
            return Err("it is neither a URL nor a JSON object".to_owned());
        };
        let url = fields.shift_remove("url");
        let url = url.as_ref().and_then(Value::as_str).ok_or("its `url` is no text")?;
        let mut destination = Self::plain(Url::parse(url)?);
        if let Some(key) = fields.shift_remove("key") {
            let key = key.as_str().ok_or("its `key` is no text")?;
            destination.keys = Some(Keys::read(key)?);
        }
        match fields.shift_remove("headers") {
            None => (),
            Some(Value::Object(headers)) => destination.headers = header_lines(headers)?,
            Some(_) => return Err("its `headers` are no object".to_owned()),
        }
        match fields.shift_remove("body") {
            None => (),
            Some(Value::Object(body)) => destination.body = Some(body),
            Some(_) => return Err("its `body` is no object".to_owned()),
        }
        match fields.is_empty() {
            true => Ok(destination),
            false => Err("it has other fields than url, key, headers, body".to_owned()),
        }
    }
}

fn header_lines(headers: Object) -> Result<Vec<(String, String)>, String> {
    if headers.len() > HEADERS_MAX {
        return Err(format!("it has more than {HEADERS_MAX} headers"));
    }
    let line = |(name, value): (String, Value)| {
        let name = name.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err("a name of its `headers` is none".to_owned());
        }
        if HEADERS_OWN.contains(&name.as_str()) || name.starts_with("webhook-") {
            return Err("its `headers` have one that is set by the sender".to_owned());
        }
        let value = value.as_str().filter(|it| it.bytes().all(|b| matches!(b, 0x20..=0x7e)));
        let value = value.ok_or("a value of its `headers` is no line of ASCII")?;
        Ok((name, value.to_owned()))
    };
    headers.into_iter().map(line).collect()
}
