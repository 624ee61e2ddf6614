//! Where requests go: hosts, bucket and object names, and how they are spelled in a URL.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use crate::bucket::BucketError;

/// The JSON API. (Cloud Storage documentation, "Request endpoints".)
const HOST: &str = "https://storage.googleapis.com";

/// The longest object name in bytes. (Cloud Storage documentation, "About objects", "Object
/// names".)
const NAME_BYTES_MAX: usize = 1024;

/// Every byte but the unreserved ones of RFC 3986, section 2.3.
///
/// The documentation lists fewer, without `%`: a name with a literal `%41` in it would then be
/// read as another name.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One bucket of one service.
#[derive(Debug)]
pub(crate) struct Endpoint {
    origin: String,
    bucket: String,
}

impl Endpoint {
    pub(crate) fn new(bucket: &str, emulator_host: Option<&str>) -> Result<Self, BucketError> {
        if !is_bucket_name(bucket) {
            return Err(BucketError::Name(bucket.to_owned()));
        }
        let origin = emulator_host.map_or_else(|| Ok(HOST.to_owned()), emulator_origin)?;
        Ok(Self { origin, bucket: bucket.to_owned() })
    }

    /// A bucket of the stand-in at `origin`.
    #[cfg(feature = "stand-in")]
    pub(crate) fn stand_in(bucket: &str, origin: &str) -> Result<Self, BucketError> {
        Ok(Self { origin: origin.to_owned(), ..Self::new(bucket, None)? })
    }

    /// The collection of objects: to list.
    pub(crate) fn objects(&self) -> Address {
        Address::new(format!("{}/storage/v1/b/{}/o", self.origin, encode(&self.bucket)))
    }

    /// One object.
    pub(crate) fn object(&self, name: &str) -> Address {
        Address::new(format!("{}/{}", self.objects().url, encode(name)))
    }

    /// Where new objects are sent.
    pub(crate) fn uploads(&self) -> Address {
        Address::new(format!("{}/upload/storage/v1/b/{}/o", self.origin, encode(&self.bucket)))
    }
}

/// A URL under construction.
#[derive(Debug)]
pub(crate) struct Address {
    url: String,
    separator: char,
}

impl Address {
    fn new(url: String) -> Self {
        Self { url, separator: '?' }
    }

    /// Adds a query parameter. `key` is a plain word.
    pub(crate) fn with(mut self, key: &str, value: impl Display) -> Self {
        self.url.push(self.separator);
        self.separator = '&';
        self.url.push_str(key);
        self.url.push('=');
        self.url.push_str(&encode(&value.to_string()));
        self
    }

    /// Adds a query parameter that may be missing.
    pub(crate) fn with_some(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The finished URL; `None` if it is none, which the checks of its parts exclude.
    pub(crate) fn url(&self) -> Option<Url> {
        Url::parse(&self.url).ok()
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Why `name` can be no object's name, if so. `.` and `..` would also change the path of the URL.
pub(crate) fn refusal(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Some("an object name has 1 to 1024 bytes");
    }
    if name.contains(['\r', '\n']) || matches!(name, "." | "..") {
        return Some("an object name has no line breaks and is not '.' or '..'");
    }
    name.starts_with(".well-known/acme-challenge/").then_some("the object name is reserved")
}

/// 3 to 63 lower-case letters, digits, `-` and `_`, with a letter or digit at both ends; parts of
/// that kind joined by dots have at most 222 bytes.
fn is_bucket_name(name: &str) -> bool {
    let outer = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let inner = |b: u8| outer(b) || b == b'-' || b == b'_';
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        bytes.len() <= 63
            && bytes.iter().all(|b| inner(*b))
            && bytes.first().is_some_and(|b| outer(*b))
            && bytes.last().is_some_and(|b| outer(*b))
    };
    (3..=222).contains(&name.len()) && name.split('.').all(is_part)
}

/// The token for the emulator at `http://TOKEN@host:port`, if the address has one.
pub(crate) fn emulator_token(host: &str) -> Option<&str> {
    split_token(host.strip_prefix("http://").unwrap_or(host)).0
}

fn split_token(bare: &str) -> (Option<&str>, &str) {
    match bare.split_once('@') {
        Some((token, host)) => (Some(token), host),
        None => (None, bare),
    }
}

/// What stands for itself in a URL and in a header alike. (RFC 3986, section 2.3; RFC 6750,
/// section 2.1.)
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// `http://host:port`, whatever the spelling.
fn emulator_origin(host: &str) -> Result<String, BucketError> {
    let bare = host.strip_prefix("http://").unwrap_or(host);
    let (token, bare) = split_token(bare);
    let origin = format!("http://{}", bare.strip_suffix('/').unwrap_or(bare));
    // What the parser finds must be what was meant: no other user, no path, no query.
    let plain = !bare.is_empty()
        && token.is_none_or(is_token)
        && !bare.contains(['@', '?', '#', '\\'])
        && !bare.trim_end_matches('/').contains('/')
        && Url::parse(&origin).is_ok_and(|url| url.host().is_some() && url.path() == "/");
    plain.then_some(origin).ok_or_else(|| BucketError::EmulatorHost(host.to_owned()))
}
