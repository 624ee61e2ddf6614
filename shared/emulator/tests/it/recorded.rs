//! Calls of Google's own clients, as recorded, once more: answers may lack nothing of what the
//! clients went on with.
//!
//! `cargo xtask clients --record` writes the fixtures; each is what one client called, in order,
//! of an emulator in which nothing had happened. In braces stand names for what differs from
//! recording to recording: the first answer that tells such a value binds its name.

mod compare;
mod fixture;
mod names;

use axum::body::Body;
use axum::http::Method;
use emulator::{Emulator, Options};
use serde_json::Value;

use crate::client::{self, Answer};
use compare::difference;
use fixture::{Call, Fixture};
use names::Names;

/// All fixtures together, in bytes: a person must still want to look at a diff of them.
const BYTES_MAX: u64 = 600_000;

/// Plays every call of the fixture in order; returns the answers.
async fn play(fixture: &Fixture) -> Vec<Answer> {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let mut names = Names::new(&emulator.url());
    let mut answers = Vec::new();
    for call in &fixture.calls {
        let answer = send(&emulator.url(), fixture, call, &names).await;
        // Differences are looked for afterwards; here it is only about what the names stand for.
        drop(difference(fixture, call, &answer, &mut names));
        answers.push(answer);
    }
    answers
}

async fn send(url: &str, fixture: &Fixture, call: &Call, names: &Names) -> Answer {
    let (method, target) = call.request.split_once(' ').unwrap();
    let url = format!("{url}{}", names.filled(target, names::percent_encoded));
    let is_chunked = call.headers.contains_key("transfer-encoding");
    let headers: Vec<(&str, String)> = call
        .headers
        .iter()
        .filter(|(name, _)| *name != "transfer-encoding")
        .map(|(name, value)| (name.as_str(), names.filled(value, str::to_owned)))
        .collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let body = fixture.body(&call.body, names);
    let body = match is_chunked {
        // Without a length it is sent in chunks.
        true => Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(body)])),
        false => Body::from(body),
    };
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    client::send(method, &url, &headers, body).await.unwrap()
}

/// Where the answers differ from what is recorded.
fn differences(fixture: &Fixture, answers: &[Answer]) -> Vec<String> {
    let mut names = Names::unbound();
    let differ = fixture.calls.iter().zip(answers).filter_map(|(call, answer)| {
        let difference = difference(fixture, call, answer, &mut names).err()?;
        Some(format!("{}: {}: {difference}", call.step, call.request))
    });
    differ.collect()
}

async fn check(file: &str) {
    let fixture = Fixture::read(file);
    let differences = differences(&fixture, &play(&fixture).await);
    assert!(differences.is_empty(), "{file}: {}", differences.join("\n"));
}

#[tokio::test]
async fn python_finds_cloud_storage_as_it_was() {
    check("python-storage").await;
}

#[tokio::test]
async fn python_finds_pubsub_as_it_was() {
    check("python-pubsub").await;
}

#[tokio::test]
async fn node_finds_cloud_storage_as_it_was() {
    check("node-storage").await;
}

#[tokio::test]
async fn gcloud_finds_cloud_storage_as_it_was() {
    check("gcloud-storage").await;
}

#[tokio::test]
async fn gcloud_finds_pubsub_as_it_was() {
    check("gcloud-pubsub").await;
}

/// What an answer can lose.
#[derive(Clone, Copy, Debug)]
enum Lost {
    /// A field, wherever it stands.
    Field(&'static str),
    /// A header.
    Header(&'static str),
    /// That the topic of a notification is one of Pub/Sub's.
    TopicForm,
}

use Lost::{Field, Header, TopicForm};

/// Without one of these the client was seen to fail, each with the others in place.
const INSISTED_ON: [(&str, &[Lost]); 3] = [
    (
        "python-storage",
        &[
            Field("name"),
            Field("crc32c"),
            Field("done"),
            Field("totalBytesRewritten"),
            Field("objectSize"),
            Field("resource"),
            Header("location"),
            TopicForm,
        ],
    ),
    (
        "node-storage",
        &[Field("name"), Field("crc32c"), Field("id"), Header("location"), Header("content-type")],
    ),
    (
        "gcloud-storage",
        &[
            Field("mediaLink"),
            Field("size"),
            Field("name"),
            Field("bucket"),
            Field("md5Hash"),
            Field("prefixes"),
        ],
    ),
];

impl Lost {
    fn of(self, answer: &Answer) -> Answer {
        let mut answer = answer.clone();
        let Lost::Header(name) = self else {
            if let Ok(mut json) = serde_json::from_slice(&answer.body) {
                self.lose(&mut json);
                answer.body = json.to_string().into();
            }
            return answer;
        };
        answer.headers.remove(name);
        answer
    }

    fn lose(self, value: &mut Value) {
        match (self, value) {
            (_, Value::Array(values)) => values.iter_mut().for_each(|value| self.lose(value)),
            (Lost::Field(name), Value::Object(fields)) => {
                fields.remove(name);
                fields.values_mut().for_each(|value| self.lose(value));
            }
            (_, Value::Object(fields)) => fields.values_mut().for_each(|value| self.lose(value)),
            (Lost::TopicForm, Value::String(text)) => {
                *text = text.trim_start_matches("//pubsub.googleapis.com/").to_owned();
            }
            _ => (),
        }
    }
}

#[tokio::test]
async fn an_answer_that_loses_what_a_client_insists_on_is_found() {
    for (file, all) in INSISTED_ON {
        let fixture = Fixture::read(file);
        let answers = play(&fixture).await;
        for lost in all {
            let answers: Vec<Answer> = answers.iter().map(|answer| lost.of(answer)).collect();
            assert_ne!(differences(&fixture, &answers), Vec::<String>::new(), "{file}: {lost:?}");
        }
    }
}

#[test]
fn every_call_that_clients_make_is_among_the_recorded() {
    let files = Fixture::files();
    let fixtures = files.iter().map(|file| Fixture::read(file));
    let calls: Vec<Call> = fixtures.flat_map(|fixture| fixture.calls).collect();
    let is_made = |wanted: &&str| calls.iter().any(|call| call.is(wanted));
    let missing: Vec<&str> = CALLS.into_iter().filter(|wanted| !is_made(wanted)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Method and path of every call, `*` for one segment, and a word of the query.
const CALLS: [&str; 53] = [
    "POST /storage/v1/b",
    "GET /storage/v1/b",
    "GET /storage/v1/b/*",
    "PATCH /storage/v1/b/*",
    "DELETE /storage/v1/b/*",
    "GET /storage/v1/b/*/storageLayout",
    "GET /storage/v1/b/*/managedFolders",
    "GET /storage/v1/b/*/iam",
    "PUT /storage/v1/b/*/iam",
    "GET /storage/v1/projects/*/serviceAccount",
    "GET /storage/v1/b/*/notificationConfigs",
    "POST /storage/v1/b/*/notificationConfigs",
    "GET /storage/v1/b/*/notificationConfigs/*",
    "DELETE /storage/v1/b/*/notificationConfigs/*",
    "POST /upload/storage/v1/b/*/o uploadType=multipart",
    "POST /upload/storage/v1/b/*/o uploadType=resumable",
    "PUT /upload/storage/v1/b/*/o upload_id=",
    "POST /resumable/upload/storage/v1/b/*/o uploadType=resumable",
    "PUT /resumable/upload/storage/v1/b/*/o upload_id=",
    "GET /storage/v1/b/*/o/*",
    "GET /storage/v1/b/*/o/* alt=media",
    "GET /download/storage/v1/b/*/o/* alt=media",
    "PATCH /storage/v1/b/*/o/*",
    "PUT /storage/v1/b/*/o/*",
    "DELETE /storage/v1/b/*/o/*",
    "GET /storage/v1/b/*/o prefix=",
    "GET /storage/v1/b/*/o delimiter=",
    "GET /storage/v1/b/*/o pageToken=",
    "GET /storage/v1/b/*/o versions=",
    "GET /storage/v1/b/*/o startOffset=",
    "GET /storage/v1/b/*/o matchGlob=",
    "GET /storage/v1/b/*/o includeTrailingDelimiter=",
    "POST /storage/v1/b/*/o/*/compose",
    "POST /storage/v1/b/*/o/*/copyTo/b/*/o/*",
    "POST /storage/v1/b/*/o/*/rewriteTo/b/*/o/*",
    "POST /storage/v1/b/*/o/*/moveTo/o/*",
    "POST /batch/storage/v1",
    "PUT /v1/projects/*/topics/*",
    "GET /v1/projects/*/topics",
    "GET /v1/projects/*/topics/*",
    "PATCH /v1/projects/*/topics/*",
    "DELETE /v1/projects/*/topics/*",
    "POST /v1/projects/*/topics/*:publish",
    "GET /v1/projects/*/topics/*/subscriptions",
    "PUT /v1/projects/*/subscriptions/*",
    "PATCH /v1/projects/*/subscriptions/*",
    "POST /v1/projects/*/subscriptions/*:pull",
    "POST /v1/projects/*/subscriptions/*:acknowledge",
    "POST /v1/projects/*/subscriptions/*:modifyAckDeadline",
    "POST /v1/projects/*/subscriptions/*:modifyPushConfig",
    "POST /v1/projects/*/subscriptions/*:seek",
    "PUT /v1/projects/*/snapshots/*",
    "DELETE /v1/projects/*/snapshots/*",
];

#[test]
fn fixtures_stay_small() {
    let bytes: u64 =
        Fixture::files().iter().map(|file| Fixture::path(file).metadata().unwrap().len()).sum();
    assert!(bytes < BYTES_MAX, "{bytes} bytes");
}
