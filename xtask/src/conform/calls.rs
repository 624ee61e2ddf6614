//! The JSON API, call by call, with the status that is documented for each.
//! (Cloud Storage JSON API, reference and "HTTP status and error codes".)

mod objects;
mod uploads;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::http::{Answer, Server};

/// A call. Words in braces stand for the bucket and for what earlier answers gave.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// What is asked, in few words.
    pub(crate) name: &'static str,
    /// The documented status.
    pub(crate) status: u16,
    method: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Content,
    /// What later calls need of the answer.
    keep: Option<(&'static str, Part)>,
}

/// A body.
#[derive(Clone, Copy)]
enum Content {
    Text(&'static str),
    Bytes(&'static [u8]),
    /// So many letters.
    Letters(usize),
}

/// Where in an answer something is.
#[derive(Clone, Copy)]
enum Part {
    /// A JSON pointer.
    Json(&'static str),
    Header(&'static str),
}

impl Call {
    const fn new(
        name: &'static str,
        status: u16,
        method: &'static str,
        target: &'static str,
    ) -> Self {
        Self { name, status, method, target, headers: &[], body: Content::Text(""), keep: None }
    }

    const fn get(name: &'static str, status: u16, target: &'static str) -> Self {
        Self::new(name, status, "GET", target)
    }

    const fn delete(name: &'static str, status: u16, target: &'static str) -> Self {
        Self::new(name, status, "DELETE", target)
    }

    const fn post(
        name: &'static str,
        status: u16,
        target: &'static str,
        body: &'static str,
    ) -> Self {
        Self::new(name, status, "POST", target).with_json(body)
    }

    const fn with_json(self, body: &'static str) -> Self {
        let headers: &[_] =
            if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
        Self { body: Content::Text(body), headers, ..self }
    }

    const fn with(self, headers: &'static [(&'static str, &'static str)], body: Content) -> Self {
        Self { headers, body, ..self }
    }

    const fn keeping(self, word: &'static str, part: Part) -> Self {
        Self { keep: Some((word, part)), ..self }
    }
}

/// Every call, in an order in which the later ones find what the earlier ones left.
pub(crate) fn all() -> Vec<Call> {
    [BUCKETS, uploads::CALLS, objects::READS, objects::LISTS, objects::CHANGES, LAST].concat()
}

/// Creates the bucket that everything else is about.
pub(crate) const CREATE: Call = Call::post(
    "bucket: create",
    200,
    "/storage/v1/b?project=conform",
    r#"{"name":"{bucket}","versioning":{"enabled":true}}"#,
);

const BUCKETS: &[Call] = &[
    CREATE,
    Call::post(
        "bucket: create what is there",
        409,
        "/storage/v1/b?project=conform",
        r#"{"name":"{bucket}"}"#,
    ),
    Call::post("bucket: create without a name", 400, "/storage/v1/b?project=conform", "{}"),
    Call::post(
        "bucket: create with a bad name",
        400,
        "/storage/v1/b?project=conform",
        r#"{"name":"Bad Name"}"#,
    ),
    Call::post(
        "bucket: create without a project",
        400,
        "/storage/v1/b",
        r#"{"name":"{bucket}-other"}"#,
    ),
    Call::get("bucket: get", 200, "/storage/v1/b/{bucket}"),
    Call::get("bucket: get what is missing", 404, "/storage/v1/b/{bucket}-missing"),
    Call::get("bucket: list", 200, "/storage/v1/b?project=conform-empty"),
    Call::get("bucket: storage layout", 200, "/storage/v1/b/{bucket}/storageLayout"),
    Call::get("bucket: policy", 200, "/storage/v1/b/{bucket}/iam?optionsRequestedPolicyVersion=3"),
    Call::get("project: service account", 200, "/storage/v1/projects/conform/serviceAccount"),
    Call::new("bucket: patch", 200, "PATCH", "/storage/v1/b/{bucket}")
        .with_json(r#"{"labels":{"a":"b"}}"#),
    Call::get("bucket: as Node asks for it", 200, "/b/{bucket}"),
];

const LAST: &[Call] = &[
    Call::post(
        "notification: create",
        200,
        "/storage/v1/b/{bucket}/notificationConfigs",
        r#"{"topic":"//pubsub.googleapis.com/projects/conform/topics/t","payload_format":"JSON_API_V1","event_types":["OBJECT_FINALIZE"]}"#,
    )
    .keeping("notification", Part::Json("/id")),
    Call::post(
        "notification: create without a topic",
        400,
        "/storage/v1/b/{bucket}/notificationConfigs",
        r#"{"payload_format":"NONE"}"#,
    ),
    Call::get("notification: list", 200, "/storage/v1/b/{bucket}/notificationConfigs"),
    Call::get("notification: get", 200, "/storage/v1/b/{bucket}/notificationConfigs/{notification}"),
    Call::get("notification: get what is missing", 404, "/storage/v1/b/{bucket}/notificationConfigs/77"),
    Call::delete(
        "notification: delete",
        204,
        "/storage/v1/b/{bucket}/notificationConfigs/{notification}",
    ),
    Call::new("batch of two", 200, "POST", "/batch/storage/v1").with(
        &[("content-type", "multipart/mixed; boundary=b")],
        Content::Text(
            "--b\r\nContent-Type: application/http\r\nContent-ID: <1>\r\n\r\n\
             GET /storage/v1/b/{bucket}/o/plain.txt HTTP/1.1\r\n\r\n\r\n\
             --b\r\nContent-Type: application/http\r\nContent-ID: <2>\r\n\r\n\
             DELETE /storage/v1/b/{bucket}/o/missing HTTP/1.1\r\n\r\n\r\n--b--\r\n",
        ),
    ),
    Call::delete("bucket: delete what is not empty", 409, "/storage/v1/b/{bucket}"),
    Call::get("a path that is none", 404, "/storage/v1/nothing"),
];

/// Makes the calls on one server.
pub(crate) struct Caller {
    server: Server,
    words: BTreeMap<&'static str, String>,
}

impl Caller {
    pub(crate) fn new(server: Server, bucket: &str) -> Self {
        Self { server, words: BTreeMap::from([("bucket", bucket.to_owned())]) }
    }

    /// The answer, or why there is none: the server gave none, or an earlier answer did not give
    /// what this call needs.
    pub(crate) async fn call(&mut self, call: &Call) -> Result<Answer, String> {
        let target = self.fill(call.target)?;
        let header = |(name, value): &(&str, &str)| Ok(((*name).to_owned(), self.fill(value)?));
        let headers = call.headers.iter().map(header).collect::<Result<Vec<_>, String>>()?;
        let body = match call.body {
            Content::Text(text) => self.fill(text)?.into(),
            Content::Bytes(bytes) => Bytes::from_static(bytes),
            Content::Letters(bytes) => Bytes::from(vec![b'x'; bytes]),
        };
        let answer = self.server.send(call.method, &target, &headers, body).await;
        let answer = answer.map_err(|err| format!("{err:#}"))?;
        if let Some((word, part)) = call.keep
            && let Some(value) = found(&answer, part)
        {
            self.words.insert(word, value);
        }
        Ok(answer)
    }

    /// `text` with the words in it.
    fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = text.to_owned();
        for (word, value) in &self.words {
            filled = filled.replace(&format!("{{{word}}}"), value);
        }
        let missing = WORDS.iter().find(|word| filled.contains(&format!("{{{word}}}")));
        missing.map_or(Ok(filled), |word| Err(format!("no {word} from an earlier call")))
    }
}

/// What answers give.
const WORDS: [&str; 6] = ["first", "second", "upload", "whole", "token", "notification"];

fn found(answer: &Answer, part: Part) -> Option<String> {
    match part {
        Part::Header(name) => answer.header(name).map(str::to_owned),
        Part::Json(pointer) => {
            let json: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
            match json.pointer(pointer)? {
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }
        }
    }
}
