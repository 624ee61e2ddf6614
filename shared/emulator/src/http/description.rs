//! What an upload says of the object that it makes: the object resource that a client sends, and
//! the checksums that it claims.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Instant;
use serde_json::{Map, Value};
use store::Metadata;

use super::refusal::Refusal;
use crate::memory::Properties;
use crate::{Upload, checksum};

/// The longest resource that a client may send.
pub(super) const DESCRIPTION_BYTES_MAX: usize = 64 * 1024;

/// Fields that are kept as texts and mean nothing here.
const KEPT: [&str; 3] = ["cacheControl", "contentDisposition", "contentLanguage"];

/// Flags that are kept and mean nothing here.
const HOLDS: [&str; 2] = ["eventBasedHold", "temporaryHold"];

/// Every key of [`crate::Properties`].
pub(super) const KEPT_KEYS: [&str; 7] = [
    "cacheControl",
    "contentDisposition",
    "contentLanguage",
    "customTime",
    "eventBasedHold",
    "storageClass",
    "temporaryHold",
];

/// Whether a client can set this field of a resource.
pub(super) fn is_settable(key: &str) -> bool {
    matches!(key, "contentType" | "contentEncoding" | "metadata") || KEPT_KEYS.contains(&key)
}

/// (Cloud Storage documentation, "Storage classes".)
const STORAGE_CLASSES: [&str; 7] = [
    "STANDARD",
    "NEARLINE",
    "COLDLINE",
    "ARCHIVE",
    "MULTI_REGIONAL",
    "REGIONAL",
    "DURABLE_REDUCED_AVAILABILITY",
];

/// Whether there is such a storage class.
pub(super) fn is_storage_class(text: &str) -> bool {
    STORAGE_CLASSES.contains(&text)
}

/// What a client says of an object beside its content.
#[derive(Clone, Debug, Default)]
pub(super) struct Description {
    pub(super) name: Option<String>,
    pub(super) bucket: Option<String>,
    pub(super) upload: Upload,
    pub(super) claims: Claims,
}

/// Checksums that a client has computed, in the spelling of [`checksum`].
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    crc32c: Vec<String>,
    md5: Vec<String>,
}

impl Description {
    /// Reads an object resource; an empty one says nothing. What the service decides itself, such
    /// as `generation`, is passed over, and so is what is not known.
    pub(super) fn read(json: &[u8]) -> Result<Self, Refusal> {
        Self::of(&object(json)?)
    }

    /// The same of an object resource that is read already.
    pub(super) fn of(resource: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut claims = Claims::default();
        claims.crc32c.extend(claim(resource, "crc32c", checksum::CRC32C_BYTES)?);
        claims.md5.extend(claim(resource, "md5Hash", checksum::MD5_BYTES)?);
        let upload = Upload {
            content_type: text(resource, "contentType")?,
            content_encoding: text(resource, "contentEncoding")?,
            metadata: metadata(resource)?,
            properties: properties(resource)?,
            ..Upload::default()
        };
        let (name, bucket) = (text(resource, "name")?, text(resource, "bucket")?);
        Ok(Self { name, bucket, upload, claims })
    }

    /// The name of the object, which can stand in the query too, but not another one.
    pub(super) fn name(&self, bucket: &str, query: Option<&str>) -> Result<String, Refusal> {
        let agree = |content: Option<&str>, parameter: Option<&str>| match (content, parameter) {
            (Some(content), Some(parameter)) if content != parameter => {
                Err(Refusal::disagreement(content, parameter))
            }
            (content, parameter) => Ok(parameter.or(content).map(str::to_owned)),
        };
        agree(self.bucket.as_deref(), Some(bucket))?;
        let name = agree(self.name.as_deref(), query.filter(|name| !name.is_empty()))?;
        name.filter(|name| !name.is_empty()).ok_or_else(|| Refusal::required("name"))
    }
}

/// A JSON object; an empty body is an empty one.
pub(super) fn object(json: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if json.len() > DESCRIPTION_BYTES_MAX {
        return Err(Refusal::too_large());
    }
    if json.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(json) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Refusal::parse_error()),
    }
}

impl Claims {
    /// Adds what `x-goog-hash` headers say.
    pub(super) fn add_headers(&mut self, headers: &axum::http::HeaderMap) -> Result<(), Refusal> {
        for value in headers.get_all("x-goog-hash") {
            let value = value.to_str().map_err(|_| invalid("x-goog-hash"))?;
            for hash in value.split(',') {
                let (key, hash) =
                    hash.trim().split_once('=').ok_or_else(|| invalid("x-goog-hash"))?;
                match key {
                    "crc32c" => self.crc32c.push(sized(hash, "crc32c", checksum::CRC32C_BYTES)?),
                    "md5" => self.md5.push(sized(hash, "md5", checksum::MD5_BYTES)?),
                    _ => return Err(invalid("x-goog-hash")),
                }
            }
        }
        Ok(())
    }

    /// Refuses a content that is not what the client has seen.
    pub(super) fn check(&self, content: &[u8]) -> Result<(), Refusal> {
        // Computed only where somebody asks: it takes longer than everything else.
        if !self.crc32c.is_empty() {
            differs("CRC32C", &self.crc32c, &checksum::crc32c(content))?;
        }
        if !self.md5.is_empty() {
            differs("MD5 hash", &self.md5, &checksum::md5(content))?;
        }
        Ok(())
    }
}

fn differs(kind: &str, claimed: &[String], computed: &str) -> Result<(), Refusal> {
    let Some(claimed) = claimed.iter().find(|claimed| *claimed != computed) else { return Ok(()) };
    let message =
        format!("Provided {kind} \"{claimed}\" doesn't match calculated {kind} \"{computed}\".");
    Err(Refusal::invalid(message))
}

fn invalid(key: &str) -> Refusal {
    Refusal::invalid(format!("Invalid value for: {key}"))
}

/// The text under `key`; `null` is as good as nothing.
pub(super) fn text(resource: &Map<String, Value>, key: &str) -> Result<Option<String>, Refusal> {
    match resource.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(key)),
    }
}

fn claim(
    resource: &Map<String, Value>,
    key: &str,
    bytes: usize,
) -> Result<Option<String>, Refusal> {
    let claim = text(resource, key)?.filter(|claim| !claim.is_empty());
    claim.map(|claim| sized(&claim, key, bytes)).transpose()
}

/// A checksum of so many bytes, spelled as this crate spells it.
fn sized(base64: &str, key: &str, bytes: usize) -> Result<String, Refusal> {
    let decoded = STANDARD.decode(base64).ok().filter(|decoded| decoded.len() == bytes);
    decoded.map(|decoded| STANDARD.encode(decoded)).ok_or_else(|| invalid(key))
}

pub(super) fn properties(resource: &Map<String, Value>) -> Result<Properties, Refusal> {
    let mut properties = Properties::new();
    for key in KEPT {
        if let Some(text) = text(resource, key)?.filter(|text| !text.is_empty()) {
            properties.insert(key.to_owned(), text.into());
        }
    }
    for key in HOLDS {
        match resource.get(key) {
            None | Some(Value::Null) => (),
            Some(Value::Bool(hold)) => drop(properties.insert(key.to_owned(), (*hold).into())),
            Some(_) => return Err(invalid(key)),
        }
    }
    if let Some(class) = text(resource, "storageClass")?.filter(|class| !class.is_empty()) {
        if !is_storage_class(&class) {
            return Err(invalid("storageClass"));
        }
        properties.insert("storageClass".to_owned(), class.into());
    }
    if let Some(time) = text(resource, "customTime")? {
        let time = Instant::parse(&time).ok_or_else(|| invalid("customTime"))?;
        properties.insert("customTime".to_owned(), time.to_millis_text().into());
    }
    Ok(properties)
}

pub(super) fn metadata(resource: &Map<String, Value>) -> Result<Metadata, Refusal> {
    let Some(pairs) = resource.get("metadata").filter(|metadata| !metadata.is_null()) else {
        return Ok(Metadata::new());
    };
    let pairs = pairs.as_object().ok_or_else(|| invalid("metadata"))?.iter();
    let pairs = pairs.map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    pairs.collect::<Option<_>>().ok_or_else(|| invalid("metadata"))
}
