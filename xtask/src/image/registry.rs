//! A client of one registry. (OCI Distribution Specification 1.1.)
//!
//! Every request here can be repeated; where an upload ended with an attempt whose answer was lost,
//! the next look finds the blob.

pub(crate) mod challenge;
pub(crate) mod credentials;
mod transport;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::blob::{Blob, Descriptor, media};
use super::reference::{Reference, is_loopback};
pub(crate) use credentials::Keychain;
use transport::{Passing, Request, Transport, with_query};

/// Says which manifests are understood.
const ACCEPT: [(&str, &str); 4] = [
    ("accept", media::MANIFEST),
    ("accept", media::INDEX),
    ("accept", media::DOCKER_MANIFEST),
    ("accept", media::DOCKER_INDEX),
];

/// The largest answer that is read, apart from a blob. (Specification, "Pushing Manifests".)
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The largest blob that is read.
const BLOB_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Characters of a registry's words that are shown.
const WORDS_MAX: usize = 200;

/// How often something is tried, and how long after the first time it is tried again; twice as long
/// after each further time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) attempts_max: u32,
    pub(crate) pause: Duration,
}

impl Patience {
    /// For registries beyond a network.
    pub(crate) const USUAL: Self = Self { attempts_max: 5, pause: Duration::from_millis(300) };
}

/// A registry, with what it has been told about who asks.
pub(crate) struct Registry {
    transport: Transport,
    patience: Patience,
}

/// An answer that came in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What went wrong, in the registry's words. (Specification, "Error Codes".)
    fn problem(&self, what: &str) -> anyhow::Error {
        let body = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        let first = &body["errors"][0];
        let words = ["code", "message"].map(|it| first[it].as_str().unwrap_or_default());
        let words = match words {
            ["", ""] => self.status.canonical_reason().unwrap_or_default().to_owned(),
            words => words.join(" "),
        };
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let words: String = words.trim().chars().take(WORDS_MAX).map(plain).collect();
        let hint = match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; log in: docker login, or for Google's registries gcloud auth login"
            }
            StatusCode::NOT_FOUND => "; does the repository exist?",
            _ => "",
        };
        anyhow!("{what}: {} {}{hint}", self.status.as_u16(), words)
    }
}

/// What became of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It was there.
    Present,
    /// It was in another repository and is now in this one.
    Mounted,
    /// It was sent.
    Uploaded,
}

/// How an attempt to store a blob ended.
enum Upload {
    Ended(Stored),
    /// The upload is gone, or what had come of it by an attempt that broke off is in the way: there
    /// is no going on with it.
    Lost(anyhow::Error),
}

impl Registry {
    /// The registry of `reference`, over HTTP on this machine alone.
    pub(crate) fn of(
        reference: &Reference,
        keychain: Keychain,
        patience: Patience,
    ) -> Result<Self> {
        let secure = !is_loopback(&reference.host);
        let transport = Transport::new(&reference.host, reference.server(), secure, keychain)?;
        Ok(Self { transport, patience })
    }

    /// The same, to read from it and no more.
    pub(crate) fn for_reading(self) -> Self {
        Self { transport: self.transport.for_reading(), ..self }
    }

    /// The digest of the manifest called `name`, a tag or a digest; none when there is none.
    pub(crate) async fn head(&self, repository: &str, name: &str) -> Result<Option<String>> {
        let path = format!("/v2/{repository}/manifests/{name}");
        let about = [repository];
        let answer =
            self.send(Method::HEAD, self.transport.url(&path)?, &ACCEPT, None, &about).await?;
        match answer.status {
            StatusCode::OK => match answer.header("docker-content-digest") {
                Some(digest) => Ok(Some(digest.to_owned())),
                None => Ok(self.manifest(repository, name).await?.map(|it| it.digest)),
            },
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(answer.problem(&format!("{repository}:{name}"))),
        }
    }

    /// The manifest called `name`, a tag or a digest; none when there is none.
    pub(crate) async fn manifest(&self, repository: &str, name: &str) -> Result<Option<Blob>> {
        let path = format!("/v2/{repository}/manifests/{name}");
        let about = [repository];
        let answer =
            self.send(Method::GET, self.transport.url(&path)?, &ACCEPT, None, &about).await?;
        match answer.status {
            StatusCode::OK => {
                let said = answer.header("content-type").unwrap_or_default();
                let media_type = said.split(';').next().unwrap_or_default().trim().to_owned();
                let blob = Blob::new(&media_type, answer.body);
                let right = !name.starts_with("sha256:") || blob.digest == name;
                ensure!(right, "{repository}@{name} has other content: {}", blob.digest);
                Ok(Some(blob))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(answer.problem(&format!("{repository}:{name}"))),
        }
    }

    /// The blob of `descriptor`.
    pub(crate) async fn blob(&self, repository: &str, descriptor: &Descriptor) -> Result<Blob> {
        let Descriptor { digest, size, .. } = descriptor;
        let path = format!("/v2/{repository}/blobs/{digest}");
        ensure!(*size <= BLOB_BYTES_MAX, "{path} is larger than {BLOB_BYTES_MAX} bytes");
        let answer = self
            .repeat(&Request {
                method: Method::GET,
                url: self.transport.url(&path)?,
                headers: &[],
                body: None,
                repositories: &[repository],
                bytes_max: usize::try_from(*size)?,
            })
            .await?;
        ensure!(answer.status == StatusCode::OK, answer.problem(&path));
        Blob::verified(descriptor, answer.body)
    }

    /// Stores `manifest` under `name`, a tag or its digest. Whether the registry lists by itself
    /// what it is attached to.
    pub(crate) async fn put_manifest(
        &self,
        repository: &str,
        name: &str,
        manifest: &Blob,
    ) -> Result<bool> {
        let path = format!("/v2/{repository}/manifests/{name}");
        let about = [repository];
        let headers = [("content-type", &*manifest.media_type)];
        let body = Some(manifest.bytes.clone());
        let answer =
            self.send(Method::PUT, self.transport.url(&path)?, &headers, body, &about).await?;
        ensure!(answer.status == StatusCode::CREATED, answer.problem(&path));
        Ok(answer.header("oci-subject").is_some())
    }

    /// Makes `repository` have `blob`, from the repository `elsewhere` if that has it.
    pub(crate) async fn put_blob(
        &self,
        repository: &str,
        blob: &Blob,
        elsewhere: Option<&str>,
    ) -> Result<Stored> {
        for _ in 1..self.patience.attempts_max {
            if let Upload::Ended(stored) = self.try_put_blob(repository, blob, elsewhere).await? {
                return Ok(stored);
            }
        }
        match self.try_put_blob(repository, blob, elsewhere).await? {
            Upload::Ended(stored) => Ok(stored),
            Upload::Lost(problem) => Err(problem),
        }
    }

    async fn try_put_blob(
        &self,
        repository: &str,
        blob: &Blob,
        elsewhere: Option<&str>,
    ) -> Result<Upload> {
        let digest = &blob.digest;
        let path = format!("/v2/{repository}/blobs/{digest}");
        let answer =
            self.send(Method::HEAD, self.transport.url(&path)?, &[], None, &[repository]).await?;
        match answer.status {
            StatusCode::OK => return Ok(Upload::Ended(Stored::Present)),
            StatusCode::NOT_FOUND => (),
            _ => return Err(answer.problem(&path)),
        }
        let mount = elsewhere.map(|it| format!("?mount={digest}&from={it}")).unwrap_or_default();
        let path = format!("/v2/{repository}/blobs/uploads/{mount}");
        let asked = self.transport.url(&path)?;
        let scopes: Vec<&str> = [repository].into_iter().chain(elsewhere).collect();
        let empty = Some(Bytes::new());
        let answer = self.send(Method::POST, asked.clone(), &[], empty, &scopes).await?;
        let place = match answer.status {
            StatusCode::CREATED => return Ok(Upload::Ended(Stored::Mounted)),
            StatusCode::ACCEPTED => {
                answer.header("location").context("an upload without a place")?
            }
            _ => return Err(answer.problem(&path)),
        };
        let place = asked.join(place).with_context(|| format!("{path}: {place:?} is no place"))?;
        let place = with_query(place, &format!("digest={digest}"));
        let headers = [("content-type", "application/octet-stream")];
        let body = Some(blob.bytes.clone());
        let answer = self.send(Method::PUT, place, &headers, body, &[repository]).await?;
        let lost =
            [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::RANGE_NOT_SATISFIABLE];
        match answer.status {
            StatusCode::CREATED => Ok(Upload::Ended(Stored::Uploaded)),
            status if lost.contains(&status) => Ok(Upload::Lost(answer.problem(&path))),
            _ => Err(answer.problem(&path)),
        }
    }

    /// Sends what can be repeated, and reads an answer that is no blob.
    async fn send(
        &self,
        method: Method,
        url: Url,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
        repositories: &[&str],
    ) -> Result<Answer> {
        let bytes_max = ANSWER_BYTES_MAX;
        self.repeat(&Request { method, url, headers, body, repositories, bytes_max }).await
    }

    /// Sends what can be repeated, again while what is wrong may pass.
    async fn repeat(&self, request: &Request<'_>) -> Result<Answer> {
        let mut pause = self.patience.pause;
        for _ in 1..self.patience.attempts_max {
            let ended = self.transport.send(request).await;
            let err = ended.as_ref().err();
            let Some(passing) = err.and_then(|err| err.downcast_ref::<Passing>()) else {
                return ended;
            };
            tokio::time::sleep(passing.after.unwrap_or(pause)).await;
            pause *= 2;
        }
        self.transport.send(request).await
    }
}
