//! What the test of kills asks of an emulator. It never asks twice.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use domain::Generation;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::model::{Change, Found, Object};
use crate::http::{Answer, Server};

/// The most pages of a list.
const PAGES_MAX: usize = 100;

/// Calls one emulator as long as that lives.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) server: Server,
    bucket: String,
}

impl Client {
    /// Of the emulator at `url`.
    pub(crate) fn new(url: &str, bucket: &str) -> Result<Self> {
        Ok(Self { server: Server::at(url)?, bucket: bucket.to_owned() })
    }

    /// Asks for `change`; returns the generation of a new version. The outer error is that of a
    /// request without an answer, the inner one that of an answer that cannot be.
    pub(crate) async fn ask(
        &self,
        object: &Object,
        change: &Change,
    ) -> Result<Result<Option<Generation>>> {
        let bucket = &self.bucket;
        let name = utf8_percent_encode(&object.name, NON_ALPHANUMERIC);
        let live = object.live.as_ref().map_or(Generation(0), |(generation, _)| *generation);
        let (method, path, body) = match change {
            Change::Put(body) => (
                "POST",
                format!(
                    "/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}\
                     &ifGenerationMatch={live}"
                ),
                body.clone(),
            ),
            Change::Delete => (
                "DELETE",
                format!("/storage/v1/b/{bucket}/o/{name}?ifGenerationMatch={live}"),
                Bytes::new(),
            ),
            Change::Erase(generation) => (
                "DELETE",
                format!("/storage/v1/b/{bucket}/o/{name}?generation={generation}"),
                Bytes::new(),
            ),
        };
        let answer = self.send(method, &path, body).await?;
        Ok(generation_of(change, &answer).with_context(|| format!("{}: {change:?}", object.name)))
    }

    /// Everything that is there, with the content of live versions, and of all if `thorough`.
    pub(crate) async fn find(&self, thorough: bool) -> Result<Found> {
        let mut found = Found::default();
        let mut page = Some(String::new());
        for _ in 0..PAGES_MAX {
            let Some(token) = page.take() else { return Ok(found) };
            let path = format!("/storage/v1/b/{}/o?versions=true&pageToken={token}", self.bucket);
            let list = self.get(&path).await?.json()?;
            for item in list["items"].as_array().into_iter().flatten() {
                self.take(item, thorough, &mut found).await?;
            }
            let next = list["nextPageToken"].as_str();
            page = next.map(|token| utf8_percent_encode(token, NON_ALPHANUMERIC).to_string());
        }
        bail!("the list has no end")
    }

    async fn take(&self, item: &Value, thorough: bool, found: &mut Found) -> Result<()> {
        let name = item["name"].as_str().context("no name")?.to_owned();
        let generation = item["generation"].as_str().and_then(Generation::parse);
        let generation = generation.context("no generation")?;
        let live = item.get("timeDeleted").is_none();
        if live {
            // Read by name alone, as readers do.
            let body = self.content(&name, "").await?;
            let before = found.live.insert(name.clone(), (generation, body));
            ensure!(before.is_none(), "{name} has two live versions");
        } else {
            let body = match thorough {
                true => Some(self.content(&name, &format!("&generation={generation}")).await?),
                false => None,
            };
            found.noncurrent.insert((name, generation), body);
        }
        Ok(())
    }

    async fn content(&self, name: &str, which: &str) -> Result<Bytes> {
        let object = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let path = format!("/storage/v1/b/{}/o/{object}?alt=media{which}", self.bucket);
        let answer = self.get(&path).await?;
        ensure!(answer.status == 200, "{name} is listed and reading it gives {}", answer.status);
        Ok(answer.body)
    }

    /// Creates a topic or a subscription.
    pub(crate) async fn create(&self, path: &str, resource: &Value) -> Result<()> {
        let answer = self.send("PUT", path, resource.to_string().into()).await?;
        answer.json().map(drop)
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, Bytes::new()).await
    }

    async fn send(&self, method: &str, path: &str, body: Bytes) -> Result<Answer> {
        let json = [("content-type".to_owned(), "application/json".to_owned())];
        self.server.send(method, path, &json, body).await
    }
}

fn generation_of(change: &Change, answer: &Answer) -> Result<Option<Generation>> {
    match change {
        Change::Put(_) => {
            let generation = answer.json()?["generation"].as_str().and_then(Generation::parse);
            Ok(Some(generation.context("the answer has no generation")?))
        }
        Change::Delete | Change::Erase(_) => {
            let text = String::from_utf8_lossy(&answer.body);
            ensure!(answer.status == 204, "{}: {text}", answer.status);
            Ok(None)
        }
    }
}
