//! The object resource: how the JSON API and the payload of notifications describe a version.
//! (Cloud Storage JSON API, `Objects` resource.)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::memory::Stored;

/// Everything but unreserved characters. (RFC 3986, section 2.3.)
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where links point to: the origins of `selfLink` and `mediaLink`.
#[derive(Clone, Copy)]
pub(crate) struct Links<'a> {
    pub(crate) api: &'a str,
    pub(crate) media: &'a str,
}

/// The links of the real service, which notifications carry.
pub(crate) const GOOGLE: Links<'_> =
    Links { api: "https://www.googleapis.com", media: "https://storage.googleapis.com" };

/// The resource with every field that the service always sends; integers are strings.
pub(crate) fn of(bucket: &str, stored: &Stored, links: Links<'_>) -> Value {
    let name = utf8_percent_encode(&stored.name, RESERVED);
    let generation = stored.generation;
    let created_at = stored.created_at.to_millis_text();
    let updated_at = stored.updated_at.to_millis_text();
    let path = format!("storage/v1/b/{bucket}/o/{name}");
    let media = format!("{}/download/{path}?generation={generation}&alt=media", links.media);
    let fields = [
        ("kind", Some("storage#object".to_owned())),
        ("id", Some(format!("{bucket}/{}/{generation}", stored.name))),
        ("selfLink", Some(format!("{}/{path}", links.api))),
        ("name", Some(stored.name.clone())),
        ("bucket", Some(bucket.to_owned())),
        ("generation", Some(generation.to_string())),
        ("metageneration", Some(stored.metageneration.to_string())),
        ("contentType", Some(stored.content_type.clone())),
        ("timeCreated", Some(created_at.clone())),
        ("updated", Some(updated_at)),
        ("timeDeleted", stored.noncurrent_at.map(|at| at.to_millis_text())),
        ("storageClass", Some("STANDARD".to_owned())),
        ("timeStorageClassUpdated", Some(created_at)),
        ("size", Some(stored.body.len().to_string())),
        ("md5Hash", stored.md5.clone()),
        ("mediaLink", Some(media)),
        ("contentEncoding", stored.content_encoding.clone()),
    ];
    let fields = fields.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let mut resource: Map<String, Value> =
        fields.map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    for (key, value) in &stored.properties {
        resource.insert(key.clone(), value.clone());
    }
    if let Some(count) = stored.component_count {
        resource.insert("componentCount".to_owned(), count.into());
    }
    if !stored.metadata.is_empty() {
        let pairs = stored.metadata.iter();
        let metadata = pairs.map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        resource.insert("metadata".to_owned(), metadata.collect::<Map<_, _>>().into());
    }
    resource.insert("crc32c".to_owned(), stored.crc32c.clone().into());
    resource.insert("etag".to_owned(), etag(stored).into());
    resource.into()
}

/// The entity tag: a protocol buffer with generation and metageneration, as in captured
/// notifications of the service.
pub(crate) fn etag(stored: &Stored) -> String {
    etag_of(stored.generation.0, stored.metageneration)
}

/// The same of a generation and a metageneration.
pub(crate) fn etag_of(generation: u64, metageneration: u64) -> String {
    let mut bytes = Vec::new();
    for (tag, value) in [(0x08, generation), (0x10, metageneration)] {
        bytes.push(tag);
        push_varint(&mut bytes, value);
    }
    STANDARD.encode(bytes)
}

/// Appends `value` in base 128, lowest digits first. (Protocol Buffers, "Encoding".)
fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
