//! One version of an object, and what a client says about an upload.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::{Generation, Instant};
use serde_json::Value;
use store::gzip::{self, GzipError};
use store::{
    CONTENT_BYTES_MAX, Error, ErrorKind, Listed, METADATA_BYTES_MAX, Metadata, Object, Precondition,
};

/// The longest object name in bytes of UTF-8. (Cloud Storage documentation, "Object names".)
const NAME_BYTES_MAX: usize = 1024;

/// Fields of the object resource that are kept as a client wrote them, by their names there.
pub type Properties = BTreeMap<String, Value>;

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The name of the object.
    pub name: String,
    /// The content as stored, not decoded.
    pub body: Bytes,
    /// The version.
    pub generation: Generation,
    /// 1, and one more for each change of what is said about this version.
    pub metageneration: u64,
    /// Custom metadata.
    pub metadata: Metadata,
    /// The content type, `application/octet-stream` unless the upload said another.
    pub content_type: String,
    /// `gzip`, or whatever the upload said.
    pub content_encoding: Option<String>,
    /// Fields of the resource that are kept for clients and mean nothing here: `cacheControl`.
    pub properties: Properties,
    /// CRC32C of the content as stored, base64 of big-endian bytes.
    pub crc32c: String,
    /// MD5 of the content as stored, base64; none of what was composed.
    pub md5: Option<String>,
    /// Of how many parts it was composed.
    pub component_count: Option<u32>,
    /// When this version was created.
    pub created_at: Instant,
    /// When what is said about it was changed last.
    pub updated_at: Instant,
    /// When it was replaced or deleted.
    pub noncurrent_at: Option<Instant>,
    /// The live version that this one replaced.
    pub overwrote: Option<Generation>,
    /// Whether this version is the live one.
    pub live: bool,
}

impl Stored {
    /// The version as a reader gets it, within `bytes_max`.
    pub(crate) fn decoded(&self, bytes_max: usize) -> Result<Object, GzipError> {
        let body = match self.content_encoding.as_deref() {
            Some("gzip") => gzip::decompress(&self.body, bytes_max)?.into(),
            _ => self.body.clone(),
        };
        Ok(Object { body, generation: self.generation, metadata: self.metadata.clone() })
    }

    /// The version as a reader gets it, as stored if its content does not decode.
    pub(super) fn to_object(&self) -> Object {
        let as_stored = || Object {
            body: self.body.clone(),
            generation: self.generation,
            metadata: self.metadata.clone(),
        };
        self.decoded(CONTENT_BYTES_MAX).unwrap_or_else(|_| as_stored())
    }

    /// An upload that would say the same about the same content.
    pub(crate) fn to_upload(&self) -> Upload {
        Upload {
            content_type: Some(self.content_type.clone()),
            content_encoding: self.content_encoding.clone(),
            metadata: self.metadata.clone(),
            properties: self.properties.clone(),
            component_count: self.component_count,
            precondition: None,
        }
    }

    pub(super) fn to_listed(&self) -> Listed {
        Listed {
            name: self.name.clone(),
            generation: self.generation,
            size_bytes: self.body.len() as u64,
            created_at: self.created_at,
            live: self.live,
        }
    }
}

/// What a client says about an upload beside name and content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// The content type.
    pub content_type: Option<String>,
    /// The content encoding.
    pub content_encoding: Option<String>,
    /// Custom metadata.
    pub metadata: Metadata,
    /// Other fields of the resource.
    pub properties: Properties,
    /// Of how many parts the content was composed: it has no MD5 then.
    pub component_count: Option<u32>,
    /// What must hold; nothing when missing.
    pub precondition: Option<Precondition>,
}

impl Upload {
    /// Refuses what the service refuses whatever is stored.
    pub(crate) fn check(&self, name: &str) -> Result<(), Error> {
        let refused = |why| Err(Error::new(ErrorKind::Rejected, format!("put {name:?}: {why}")));
        if matches!(name, "" | "." | "..") || name.contains(['\r', '\n']) {
            return refused("name is refused");
        }
        if name.starts_with(".well-known/acme-challenge/") {
            return refused("name is reserved");
        }
        if name.len() > NAME_BYTES_MAX {
            return refused("name is too long");
        }
        let pairs = || self.metadata.iter();
        if pairs().map(|(key, value)| key.len() + value.len()).sum::<usize>() > METADATA_BYTES_MAX {
            return refused("metadata is too large");
        }
        if pairs().any(|(key, _)| key.is_empty()) {
            return refused("metadata has a key without a name");
        }
        Ok(())
    }

    /// Refuses metadata that would come back as another in the headers of a read. The storage
    /// contract knows no other way to read it; the JSON API does, and takes any text.
    pub(super) fn check_headers(&self, name: &str) -> Result<(), Error> {
        let survives =
            |(key, value): (&String, &String)| is_header_key(key) && is_header_value(value);
        if self.metadata.iter().all(survives) {
            return Ok(());
        }
        let reason = format!("put {name:?}: metadata is not ASCII in lower-case keys");
        Err(Error::new(ErrorKind::Rejected, reason))
    }
}

/// The content type that the ending of `name` tells.
pub(super) fn content_type_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("json") => "application/json",
        Some("ndjson") => "application/x-ndjson",
        Some("gz") => "application/gzip",
        _ => "application/octet-stream",
    }
}

/// Names of headers are not case-sensitive.
fn is_header_key(key: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    !key.is_empty() && key.bytes().all(plain)
}

fn is_header_value(value: &str) -> bool {
    value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) && value.trim() == value
}
