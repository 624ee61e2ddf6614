//! Pub/Sub: subscriptions, and what waits in them. (Pub/Sub REST reference,
//! `projects.subscriptions`.)

use std::time::Duration;

use serde_json::{Value, json};

use super::{Refusal, Service, Services};

/// The most ids in one request: it may have half a megabyte, and an id has less than 300 bytes.
const IDS_MAX: usize = 500;

/// A message that is leased.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// By which it is acknowledged.
    pub(crate) ack_id: String,
    /// As a push would have it.
    pub(crate) message: Value,
}

impl Services {
    /// The subscription called `name`; `None` when there is none.
    pub(crate) async fn subscription(&self, name: &str) -> Result<Option<Value>, Refusal> {
        match self.ask(Service::PubSub, &self.path(name, ""), None).await {
            Ok(found) => Ok(Some(found)),
            Err(refusal) if refusal.status == 404 => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Pushes from now on as `push` says; an empty object means not at all.
    pub(crate) async fn modify_push(&self, name: &str, push: &Value) -> Result<(), Refusal> {
        self.call(name, "modifyPushConfig", &json!({"pushConfig": push})).await.map(drop)
    }

    /// Leases at most `messages_max` messages, as many as are at hand.
    pub(crate) async fn pull(
        &self,
        name: &str,
        messages_max: usize,
    ) -> Result<Vec<Received>, Refusal> {
        // Without the flag it would wait for messages, longer than a request may be silent.
        let body = json!({"maxMessages": messages_max, "returnImmediately": true});
        let mut answer = self.call(name, "pull", &body).await?;
        let received = answer["receivedMessages"].as_array_mut().map(std::mem::take);
        let received = received.unwrap_or_default().into_iter();
        let received = received.filter_map(|mut it| {
            let ack_id = it["ackId"].as_str()?.to_owned();
            Some(Received { ack_id, message: it["message"].take() })
        });
        Ok(received.collect())
    }

    /// Has these never come again.
    pub(crate) async fn acknowledge(&self, name: &str, ids: &[String]) -> Result<(), Refusal> {
        for ids in ids.chunks(IDS_MAX) {
            self.call(name, "acknowledge", &json!({"ackIds": ids})).await?;
        }
        Ok(())
    }

    /// Keeps these for `lease` from now; nothing releases them.
    pub(crate) async fn lease(
        &self,
        name: &str,
        ids: &[String],
        lease: Duration,
    ) -> Result<(), Refusal> {
        for ids in ids.chunks(IDS_MAX) {
            let body = json!({"ackIds": ids, "ackDeadlineSeconds": lease.as_secs()});
            self.call(name, "modifyAckDeadline", &body).await?;
        }
        Ok(())
    }

    async fn call(&self, name: &str, method: &str, body: &Value) -> Result<Value, Refusal> {
        self.ask(Service::PubSub, &self.path(name, &format!(":{method}")), Some(body)).await
    }

    fn path(&self, name: &str, method: &str) -> String {
        format!("/v1/projects/{}/subscriptions/{name}{method}", self.project)
    }
}
