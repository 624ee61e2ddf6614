//! A registry on loopback that can die in the middle of anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::image::blob::digest;

/// What a registry has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) repositories: BTreeMap<String, Repository>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Repository {
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
    /// Media type and content, by digest.
    pub(super) manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub(super) tags: BTreeMap<String, String>,
}

/// How a registry behaves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Behaviour {
    /// It dies at the request of this number, counted from one.
    pub(super) dies_at: Option<usize>,
    /// What it was asked for when it died takes effect.
    pub(super) takes_effect: bool,
    /// Every other request is refused for the time being.
    pub(super) stutters: bool,
    /// It wants a token for every repository that a request is about.
    pub(super) wants_tokens: bool,
    /// It lists by itself what is attached.
    pub(super) lists_referrers: bool,
}

/// A registry that runs.
#[derive(Clone)]
pub(super) struct Stand {
    pub(super) host: String,
    state: Arc<Mutex<State>>,
}

struct State {
    contents: Contents,
    behaviour: Behaviour,
    /// Method and target of each request.
    requests: Vec<String>,
    uploads: BTreeSet<String>,
}

pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { body: body.to_string().into_bytes(), ..Self::new(status) }
    }
}

/// Serves what `respond` says to the name of this server and a request; the dead give no answer.
pub(super) async fn serve(
    respond: impl Fn(&str, &Request) -> Option<Answer> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let shared = Arc::new((host.clone(), respond));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let Some(request) = read(&mut stream).await else { return };
                let Some(answer) = shared.1(&shared.0, &request) else { return };
                write(&mut stream, &request, answer).await;
            });
        }
    });
    host
}

/// One request, one answer.
async fn write(stream: &mut TcpStream, request: &Request, answer: Answer) {
    let mut head = format!("HTTP/1.1 {} said\r\nconnection: close\r\n", answer.status);
    for (name, value) in answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", answer.body.len());
    let body = if request.method == "HEAD" { Vec::new() } else { answer.body };
    // Whoever has gone away needs no answer.
    drop(stream.write_all(&[head.into_bytes(), body].concat()).await);
}

impl Stand {
    /// Starts one with `contents`.
    pub(super) async fn start(contents: Contents, behaviour: Behaviour) -> Self {
        let state = State { contents, behaviour, requests: Vec::new(), uploads: BTreeSet::new() };
        let state = Arc::new(Mutex::new(state));
        let served = Arc::clone(&state);
        let answer =
            move |host: &str, request: &Request| served.lock().unwrap().answer(request, host);
        Self { host: serve(answer).await, state }
    }

    pub(super) fn contents(&self) -> Contents {
        self.state.lock().unwrap().contents.clone()
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

impl State {
    fn answer(&mut self, request: &Request, host: &str) -> Option<Answer> {
        self.requests.push(format!("{} {}", request.method, request.target));
        let number = self.requests.len();
        let behaviour = self.behaviour;
        match behaviour.dies_at {
            Some(last) if number > last => return None,
            Some(last) if number == last && !behaviour.takes_effect => return None,
            _ => (),
        }
        if behaviour.stutters && number % 2 == 1 {
            return Some(Answer::new(503).with("retry-after", "0"));
        }
        let answer = self.respond(request, host);
        (behaviour.dies_at != Some(number)).then_some(answer)
    }

    fn respond(&mut self, request: &Request, host: &str) -> Answer {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let query: BTreeMap<_, _> = query.split('&').filter_map(|it| it.split_once('=')).collect();
        if path == "/token" {
            return token(request);
        }
        let path = path.strip_prefix("/v2/").unwrap();
        let kinds = ["/manifests/", "/blobs/uploads/", "/blobs/"];
        let (name, kind, last) = kinds
            .iter()
            .find_map(|kind| path.split_once(kind).map(|(name, last)| (name, *kind, last)))
            .unwrap();
        if self.behaviour.wants_tokens && !may(request, name, &query) {
            let realm = format!("Bearer realm=\"http://{host}/token\",service=\"the, registry\"");
            return Answer::new(401).with("www-authenticate", realm);
        }
        match (request.method.as_str(), kind) {
            ("POST", "/blobs/uploads/") => self.begin(name, &query),
            ("PUT", "/blobs/uploads/") => {
                if !self.uploads.remove(last) {
                    return Answer::new(404);
                }
                assert_eq!(digest(&request.body), query["digest"], "the upload of {name}");
                assert_eq!(query["state"], "1", "what the registry wants to be told again");
                let blobs = &mut self.repository(name).blobs;
                blobs.insert(digest(&request.body), request.body.clone());
                Answer::new(201)
            }
            ("HEAD" | "GET", "/blobs/") => match self.repository(name).blobs.get(last) {
                Some(blob) => Answer { body: blob.clone(), ..Answer::new(200) },
                None => Answer::new(404),
            },
            ("PUT", "/manifests/") => self.put_manifest(name, last, request),
            (_, "/manifests/") => {
                let repository = self.repository(name);
                let digest = repository.tags.get(last).map_or(last, String::as_str).to_owned();
                let Some((media_type, body)) = repository.manifests.get(&digest) else {
                    let error =
                        json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "none"}]});
                    return Answer::json(404, &error);
                };
                let answer = Answer { body: body.clone(), ..Answer::new(200) };
                answer.with("content-type", media_type).with("docker-content-digest", digest)
            }
            other => panic!("{other:?}"),
        }
    }

    fn begin(&mut self, name: &str, query: &BTreeMap<&str, &str>) -> Answer {
        if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from"))
            && let Some(blob) = self.repository(from).blobs.get(*digest).cloned()
        {
            self.repository(name).blobs.insert((*digest).to_owned(), blob);
            return Answer::new(201);
        }
        let upload = format!("upload-{}", self.requests.len());
        self.uploads.insert(upload.clone());
        let place = format!("/v2/{name}/blobs/uploads/{upload}?state=1");
        Answer::new(202).with("location", place)
    }

    /// As a real one does, it refuses what names something that is not there.
    fn put_manifest(&mut self, name: &str, called: &str, request: &Request) -> Answer {
        let document: Value = serde_json::from_slice(&request.body).unwrap();
        let repository = self.repository(name);
        let list = |it: &Value| it.as_array().cloned().unwrap_or_default();
        let mut blobs = list(&document["layers"]);
        blobs.extend(document.get("config").cloned());
        let missing = blobs.iter().any(|it| !repository.blobs.contains_key(text(&it["digest"])))
            || list(&document["manifests"])
                .iter()
                .any(|it| !repository.manifests.contains_key(text(&it["digest"])));
        assert!(!missing, "{name}: a manifest before what it names");
        let digest = digest(&request.body);
        let media_type = request.headers["content-type"].clone();
        repository.manifests.insert(digest.clone(), (media_type, request.body.clone()));
        if called.starts_with("sha256:") {
            assert_eq!(called, digest);
        } else {
            repository.tags.insert(called.to_owned(), digest);
        }
        let answer = Answer::new(201);
        match document.get("subject") {
            Some(subject) if self.behaviour.lists_referrers => {
                answer.with("oci-subject", text(&subject["digest"]))
            }
            _ => answer,
        }
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.contents.repositories.entry(name.to_owned()).or_default()
    }
}

/// A token is the list of scopes that it is for.
fn token(request: &Request) -> Answer {
    let basic = format!("Basic {}", STANDARD.encode("somebody:a:secret"));
    if request.headers.get("authorization") != Some(&basic) {
        let error = json!({"errors": [{"code": "UNAUTHORIZED", "message": "who are you"}]});
        return Answer::json(401, &error);
    }
    assert!(request.target.contains("service=the%2C%20registry"), "{}", request.target);
    let scopes = request.target.split(['?', '&']).filter_map(|it| it.strip_prefix("scope="));
    let scopes: Vec<_> = scopes.map(|it| it.replace("%3A", ":").replace("%2F", "/")).collect();
    Answer::json(200, &json!({"token": scopes.join(";").replace("%2C", ",").replace("%2D", "-")}))
}

/// Whether the token of `request` is for what it asks for.
fn may(request: &Request, name: &str, query: &BTreeMap<&str, &str>) -> bool {
    let Some(token) = request.headers.get("authorization") else { return false };
    let Some(token) = token.strip_prefix("Bearer ") else { return false };
    let scopes: Vec<&str> = token.split(';').collect();
    let pull = query.get("from").is_none_or(|from| {
        scopes.iter().any(|it| it.starts_with(&format!("repository:{from}:pull")))
    });
    pull && scopes.contains(&format!("repository:{name}:pull,push").as_str())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut content = Vec::new();
    let end = loop {
        if let Some(at) = content.windows(4).position(|it| it == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut content).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(content[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |it| it.parse().unwrap());
    let mut body = content.split_off(end);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { method, target, headers, body })
}
