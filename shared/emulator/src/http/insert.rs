//! `Objects: insert`, with `uploadType=media` and `uploadType=multipart`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use store::Metadata;

use super::params::Params;
use super::read::origin;
use super::refusal::Refusal;
use super::{Shared, json, multipart, resource_of};
use crate::{Upload, checksum};

/// What is uploaded, from wherever in the request.
struct Inserted {
    name: String,
    body: Bytes,
    upload: Upload,
    crc32c: Option<String>,
    md5: Option<String>,
}

/// Stores a new version if the preconditions hold and the checksums are right.
pub(super) async fn insert(
    State(service): Shared,
    Path(bucket): Path<String>,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let memory = service.bucket(&bucket)?;
    let conditions = params.conditions()?;
    let inserted = match params.text("uploadType") {
        Some("media") => from_media(&params, &headers, body)?,
        Some("multipart") => from_multipart(&params, &headers, &body)?,
        _ => return Err(Refusal::invalid("Invalid value for: uploadType")),
    };
    inserted.check(&headers)?;
    let Inserted { name, body, upload, .. } = inserted;
    let stored = memory.insert_under(&conditions, &name, body, upload);
    let stored = stored.map_err(|err| Refusal::of(&err, &bucket, &name))?;
    json(&params, resource_of(&bucket, &stored, &origin(&headers)))
}

impl Inserted {
    /// Compares the content with every checksum that the client sent.
    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let (crc32c, md5) = (checksum::crc32c(&self.body), checksum::md5(&self.body));
        let differs =
            |sent: Option<&str>, computed: &str| sent.is_some_and(|sent| sent != computed);
        let hashes = headers.get_all("x-goog-hash").iter().filter_map(|value| value.to_str().ok());
        let mut hashes = hashes.flat_map(|value| value.split(',')).map(str::trim);
        let in_headers = hashes.any(|hash| match hash.split_once('=') {
            Some(("crc32c", sent)) => sent != crc32c,
            Some(("md5", sent)) => sent != md5,
            _ => true,
        });
        if in_headers || differs(self.crc32c.as_deref(), &crc32c) {
            let message = format!("Provided CRC32C does not match calculated CRC32C {crc32c}.");
            return Err(Refusal::invalid(message));
        }
        if differs(self.md5.as_deref(), &md5) {
            let message = format!("Provided MD5 hash does not match calculated MD5 hash {md5}.");
            return Err(Refusal::invalid(message));
        }
        Ok(())
    }
}

fn from_media(params: &Params, headers: &HeaderMap, body: Bytes) -> Result<Inserted, Refusal> {
    let name = params.text("name").ok_or_else(|| Refusal::invalid("Required: name"))?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let upload = Upload {
        content_type: content_type.map(str::to_owned),
        content_encoding: params.text("contentEncoding").map(str::to_owned),
        ..Upload::default()
    };
    Ok(Inserted { name: name.to_owned(), body, upload, crc32c: None, md5: None })
}

fn from_multipart(params: &Params, headers: &HeaderMap, body: &Bytes) -> Result<Inserted, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let parts = content_type.and_then(multipart::boundary).and_then(|boundary| {
        let parts = multipart::split(body, &boundary)?;
        <[multipart::Part; 2]>::try_from(parts).ok()
    });
    let malformed = || Refusal::invalid("Malformed multipart body.");
    let [described, content] = parts.ok_or_else(malformed)?;
    let resource: Value = serde_json::from_slice(&described.body).map_err(|_| malformed())?;
    let text = |key: &str| resource.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = text("name").or_else(|| params.text("name").map(str::to_owned));
    let upload = Upload {
        content_type: text("contentType").or(content.content_type),
        content_encoding: text("contentEncoding"),
        metadata: metadata_of(&resource)?,
        ..Upload::default()
    };
    Ok(Inserted {
        name: name.ok_or_else(|| Refusal::invalid("Required: name"))?,
        body: content.body,
        upload,
        crc32c: text("crc32c"),
        md5: text("md5Hash"),
    })
}

fn metadata_of(resource: &Value) -> Result<Metadata, Refusal> {
    let Some(pairs) = resource.get("metadata").filter(|metadata| !metadata.is_null()) else {
        return Ok(Metadata::new());
    };
    let refused = || Refusal::invalid("Invalid value for: metadata");
    let pairs = pairs.as_object().ok_or_else(refused)?.iter();
    let pairs = pairs.map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    pairs.collect::<Option<_>>().ok_or_else(refused)
}
