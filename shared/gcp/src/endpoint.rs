//! Where requests go: hosts, bucket and object names, and how they are spelled in a URL.

use std::fmt::Display;

use hyper::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::bucket::BucketError;
use crate::origin::Origin;

/// The JSON API. (Cloud Storage documentation, "Request endpoints".)
const HOST: &str = "storage.googleapis.com";

/// The longest object name in bytes. (Cloud Storage documentation, "About objects", "Object
/// names".)
const NAME_BYTES_MAX: usize = 1024;

/// Every byte but the unreserved ones of RFC 3986, section 2.3.
///
/// The documentation lists fewer, without `%`: a name with a literal `%41` in it would then be
/// read as another name.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One bucket.
#[derive(Debug)]
pub(crate) struct Endpoint {
    bucket: String,
}

impl Endpoint {
    pub(crate) fn new(bucket: &str) -> Result<Self, BucketError> {
        if !is_bucket_name(bucket) {
            return Err(BucketError::Name(bucket.to_owned()));
        }
        Ok(Self { bucket: bucket.to_owned() })
    }

    /// The collection of objects: to list.
    pub(crate) fn objects(&self) -> Address {
        Address::new(format!("/storage/v1/b/{}/o", encode(&self.bucket)))
    }

    /// One object.
    pub(crate) fn object(&self, name: &str) -> Address {
        Address::new(format!("{}/{}", self.objects().target, encode(name)))
    }

    /// Where new objects are sent.
    pub(crate) fn uploads(&self) -> Address {
        Address::new(format!("/upload/storage/v1/b/{}/o", encode(&self.bucket)))
    }
}

/// Path and query under construction.
#[derive(Debug)]
pub(crate) struct Address {
    target: String,
    separator: char,
}

impl Address {
    fn new(target: String) -> Self {
        Self { target, separator: '?' }
    }

    /// Adds a query parameter. `key` is a plain word.
    pub(crate) fn with(mut self, key: &str, value: impl Display) -> Self {
        self.target.push(self.separator);
        self.separator = '&';
        self.target.push_str(key);
        self.target.push('=');
        self.target.push_str(&encode(&value.to_string()));
        self
    }

    /// Adds a query parameter that may be missing.
    pub(crate) fn with_some(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The finished target; `None` if it is too long for one.
    pub(crate) fn uri(self) -> Option<Uri> {
        self.target.try_into().ok()
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

/// Where requests go: Cloud Storage, or an emulator as `STORAGE_EMULATOR_HOST` names it.
pub(crate) fn origin(emulator_host: Option<&str>) -> Result<Origin, BucketError> {
    let found = match emulator_host {
        None => Origin::new(true, HOST),
        Some(host) => {
            let (token, host) = split_token(host);
            let host = host.strip_suffix('/').unwrap_or(host);
            Origin::new(false, host).filter(|_| token.is_none_or(is_token))
        }
    };
    found.ok_or_else(|| BucketError::EmulatorHost(emulator_host.unwrap_or(HOST).to_owned()))
}

/// The token for the emulator at `http://TOKEN@host:port`, if the address has one.
pub(crate) fn emulator_token(host: &str) -> Option<&str> {
    split_token(host).0
}

fn split_token(host: &str) -> (Option<&str>, &str) {
    let bare = host.strip_prefix("http://").unwrap_or(host);
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
