//! Writing and deleting, under preconditions only.

use std::fmt;

use bytes::Bytes;
use domain::Generation;
use hyper::Method;
use hyper::header::HeaderValue;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use store::{CONTENT_BYTES_MAX, Error, METADATA_BYTES_MAX, Metadata, Precondition};

use crate::Bucket;
use crate::answer::{Answer, JSON_BYTES_MAX, broken, checksum};
use crate::client::{Call, Trouble};
use crate::endpoint;
use crate::retry::{Cause, Effect};

/// The object resource, as far as it is sent. (Cloud Storage JSON API, `Objects`.)
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    name: &'a str,
    content_type: &'static str,
    /// The service refuses the upload if it has received something else.
    crc32c: String,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: &'a Metadata,
}

impl Bucket {
    /// `Objects: insert` with `uploadType=multipart`: one request, whatever the size.
    pub(crate) async fn insert(
        &self,
        name: &str,
        body: Bytes,
        metadata: &Metadata,
        precondition: Precondition,
    ) -> Result<Generation, Error> {
        if let Some(refusal) = refusal(name, metadata) {
            return Err(Trouble::new(Cause::Refused, refusal).of("put", name));
        }
        if body.len() > CONTENT_BYTES_MAX {
            let refusal = format!("content of more than {CONTENT_BYTES_MAX} bytes");
            return Err(Trouble::new(Cause::Content, refusal).of("put", name));
        }
        let resource =
            Resource { name, content_type: content_type(name), crc32c: checksum(&body), metadata };
        let multipart = Multipart { boundary: self.client.ids.random() };
        let (header, content) = multipart
            .related(&resource, &body)
            .map_err(|err| Trouble::new(Cause::Refused, err.to_string()).of("put", name))?;
        let generation = match precondition {
            Precondition::Absent => Generation(0),
            Precondition::At(generation) => generation,
        };
        let address = self.endpoint.uploads().with("uploadType", "multipart");
        let address = address.with("ifGenerationMatch", generation).with("fields", "generation");
        let effect = (Effect::Write, Method::POST);
        let call = Call::new(("put", name), effect, address.uri(), JSON_BYTES_MAX)?;
        self.client.run(&call.with(header, content), written).await
    }

    /// `Objects: delete` of the live version.
    pub(crate) async fn remove(&self, name: &str, generation: Generation) -> Result<bool, Error> {
        if let Some(refusal) = endpoint::refusal(name) {
            return Err(Trouble::new(Cause::Refused, refusal).of("delete", name));
        }
        let address = self.endpoint.object(name).with("ifGenerationMatch", generation);
        let effect = (Effect::Write, Method::DELETE);
        let call = Call::new(("delete", name), effect, address.uri(), JSON_BYTES_MAX)?;
        self.client.run(&call, deleted).await
    }

    /// `Objects: delete` of one version: it becomes noncurrent for nobody.
    pub(crate) async fn remove_version(
        &self,
        name: &str,
        generation: Generation,
    ) -> Result<bool, Error> {
        if let Some(refusal) = endpoint::refusal(name) {
            return Err(Trouble::new(Cause::Refused, refusal).of("erase", name));
        }
        let address = self.endpoint.object(name).with("generation", generation);
        let effect = (Effect::Write, Method::DELETE);
        let call = Call::new(("erase", name), effect, address.uri(), JSON_BYTES_MAX)?;
        self.client.run(&call, deleted).await
    }
}

pub(crate) fn written(answer: &Answer) -> Result<Generation, Trouble> {
    #[derive(Deserialize)]
    struct Written {
        generation: String,
    }
    answer.expect(200)?;
    let written: Written = answer.json()?;
    Generation::parse(&written.generation).ok_or_else(|| broken("answer has no generation"))
}

pub(crate) fn deleted(answer: &Answer) -> Result<bool, Trouble> {
    if answer.is_missing()? {
        return Ok(false);
    }
    // The service says 204, some emulators 200, and so does the page of a proxy.
    if answer.status == 200 {
        return if answer.body.is_empty() {
            Ok(true)
        } else {
            answer.json().map(|IgnoredAny| true)
        };
    }
    answer.expect(204).map(|()| true)
}

/// Why this can never be written, if so.
fn refusal(name: &str, metadata: &Metadata) -> Option<String> {
    if let Some(refusal) = endpoint::refusal(name) {
        return Some(refusal.to_owned());
    }
    let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > METADATA_BYTES_MAX {
        return Some(format!("custom metadata of more than {METADATA_BYTES_MAX} bytes"));
    }
    let odd = metadata.iter().find(|(key, value)| !is_key(key) || !is_value(value));
    odd.map(|(key, _)| format!("custom metadata {key:?} does not survive as a header"))
}

/// Keys come back as names of headers.
fn is_key(key: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    !key.is_empty() && key.bytes().all(plain)
}

/// Values come back as values of headers, which are trimmed on the way.
fn is_value(value: &str) -> bool {
    value.bytes().all(|b| (b' '..=b'~').contains(&b)) && value.trim() == value
}

/// By the ending of the name.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("ndjson") => "application/x-ndjson",
        Some("gz") => "application/gzip",
        _ => "application/octet-stream",
    }
}

/// A `multipart/related` body of the object resource and the content. (RFC 2387.)
struct Multipart {
    /// Drawn at random, so that no content can contain it on purpose.
    boundary: u128,
}

impl Multipart {
    fn related(
        &self,
        resource: &Resource<'_>,
        content: &[u8],
    ) -> Result<(HeaderValue, Bytes), Box<dyn std::error::Error>> {
        let header = HeaderValue::try_from(format!("multipart/related; boundary={self}"))?;
        let json = serde_json::to_string(resource)?;
        let front = format!(
            "--{self}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json}\r\n\
             --{self}\r\nContent-Type: {}\r\n\r\n",
            resource.content_type
        );
        let back = format!("\r\n--{self}--\r\n");
        Ok((header, [front.as_bytes(), content, back.as_bytes()].concat().into()))
    }
}

/// The boundary.
impl fmt::Display for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "strata-{:032x}", self.boundary)
    }
}
