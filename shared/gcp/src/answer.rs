//! An answer that has been read, and what must be true of it before it is believed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Generation;
use hyper::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::Metadata;
use store::gzip::{self, GzipError};

use crate::client::Trouble;
use crate::retry::Cause;

/// The largest JSON of an answer: a page of a list with the longest names, each byte of them
/// escaped, fits.
pub(crate) const JSON_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is read of an answer that reports an error.
pub(crate) const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Custom metadata in the headers of an answer. (Cloud Storage XML API, "HTTP headers".)
const METADATA_PREFIX: &str = "x-goog-meta-";

/// An answer, its body as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Refuses every other status than `expected`.
    pub(crate) fn expect(&self, expected: u16) -> Result<(), Trouble> {
        if self.status == expected { Ok(()) } else { Err(self.failure()) }
    }

    /// What is wrong when this status was not wanted.
    pub(crate) fn failure(&self) -> Trouble {
        let reason = self.reason().map_or_else(String::new, |reason| format!(" ({reason})"));
        let text = format!("answer {}{reason}", self.status);
        let retry_after = self.retry_after();
        Trouble { retry_after, ..Trouble::new(Cause::Status(self.status), text) }
    }

    /// The body of an answer that is no content of an object, for callers that look at it themselves.
    pub(crate) fn plain(&self) -> Result<Bytes, Trouble> {
        self.decoded()
    }

    /// Whether the service says that there is no such object.
    ///
    /// It says so in JSON or in a line of text. A page of HTML is of a proxy or a front end that
    /// has not asked the service, and who took it for an answer would take what is there for
    /// missing.
    pub(crate) fn is_missing(&self) -> Result<bool, Trouble> {
        if self.status == 404 && self.decoded()?.trim_ascii_start().starts_with(b"<") {
            return Err(broken("answer 404 is a page of something else"));
        }
        Ok(self.status == 404)
    }

    /// The JSON of a good answer.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        // The parser's message would quote the body.
        serde_json::from_slice(&self.decoded()?)
            .map_err(|_| broken("answer is not the JSON it should be"))
    }

    /// A body that is no content of an object.
    fn decoded(&self) -> Result<Bytes, Trouble> {
        match self.is_compressed() {
            true => in_flight(&self.body, JSON_BYTES_MAX),
            false => Ok(self.body.clone()),
        }
    }

    /// The delay that the service asks for. It gives seconds; a date, which the standard permits
    /// too, is passed over. (RFC 9110, section 10.2.3.)
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header(RETRY_AFTER.as_str())?;
        let plain = !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)))
    }

    /// The version that was read.
    pub(crate) fn generation(&self) -> Result<Generation, Trouble> {
        self.header("x-goog-generation")
            .and_then(Generation::parse)
            .ok_or_else(|| broken("answer has no x-goog-generation"))
    }

    /// Custom metadata. Foreign values may be any text; bytes that are none are replaced.
    pub(crate) fn metadata(&self) -> Metadata {
        let entry = |(name, value): (&HeaderName, &HeaderValue)| {
            let key = name.as_str().strip_prefix(METADATA_PREFIX)?;
            Some((key.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        };
        self.headers.iter().filter_map(entry).collect()
    }

    /// The content of the object: whole, verified as it is stored, then decompressed if it is
    /// stored with gzip, into at most `bytes_max` bytes.
    pub(crate) fn content(&self, bytes_max: usize) -> Result<Bytes, Trouble> {
        let stored_compressed = match self.header("x-goog-stored-content-encoding") {
            Some(encoding) => encoding.eq_ignore_ascii_case("gzip"),
            None => self.is_compressed(),
        };
        let stored = if self.is_compressed() && !stored_compressed {
            // Compressed on its way, as Google's front ends do on occasion.
            in_flight(&self.body, bytes_max)?
        } else {
            self.body.clone()
        };
        self.verify(&stored)?;
        if !stored_compressed {
            return Ok(stored);
        }
        gzip::decompress(&stored, bytes_max).map(Bytes::from).map_err(|err| match err {
            GzipError::Damaged => {
                Trouble::new(Cause::Content, "object is stored as gzip and is not gzip")
            }
            large => decompressed_large(large),
        })
    }

    /// Length and checksum of the bytes as stored. (Cloud Storage documentation, "Hashes and
    /// ETags: Best practices": CRC32C, base64 of the big-endian bytes.)
    fn verify(&self, stored: &[u8]) -> Result<(), Trouble> {
        let length = self.header("x-goog-stored-content-length");
        if length.is_some_and(|length| length.parse() != Ok(stored.len())) {
            return Err(broken("answer has another length than the object"));
        }
        let hashes = self.headers.get_all("x-goog-hash");
        let hashes = hashes.iter().filter_map(|value| value.to_str().ok());
        let mut values = hashes.flat_map(|hashes| hashes.split(','));
        let expected = values.find_map(|hash| hash.trim().strip_prefix("crc32c="));
        match expected {
            Some(expected) if expected == checksum(stored) => Ok(()),
            Some(_) => Err(broken("answer has another checksum than the object")),
            None => Err(broken("answer has no checksum")),
        }
    }

    fn is_compressed(&self) -> bool {
        let encoding = self.headers.get(CONTENT_ENCODING);
        encoding.is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The reason that the service gives, if it is a plain word. (Cloud Storage JSON API, "HTTP
    /// status and error codes".)
    fn reason(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Body {
            error: Outer,
        }
        #[derive(Deserialize)]
        struct Outer {
            errors: Vec<Inner>,
        }
        #[derive(Deserialize)]
        struct Inner {
            reason: String,
        }
        let body: Body = self.json().ok()?;
        let reason = body.error.errors.into_iter().next()?.reason;
        let is_word = reason.len() <= 64 && reason.bytes().all(|b| b.is_ascii_alphanumeric());
        is_word.then_some(reason)
    }
}

/// CRC32C as Cloud Storage writes it.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    STANDARD.encode(crc32c::crc32c(bytes).to_be_bytes())
}

/// Something else has answered, or not all of the answer has arrived.
pub(crate) fn broken(text: &str) -> Trouble {
    Trouble::new(Cause::Answer, text)
}

fn in_flight(bytes: &[u8], bytes_max: usize) -> Result<Bytes, Trouble> {
    gzip::decompress(bytes, bytes_max).map(Bytes::from).map_err(|err| match err {
        GzipError::Damaged => broken("answer is sent as gzip and is not gzip"),
        large => decompressed_large(large),
    })
}

fn decompressed_large(large: GzipError) -> Trouble {
    Trouble::new(Cause::Content, format!("content of {large}"))
}
