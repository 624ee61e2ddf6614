//! What is outside, as functions and commands send to it: targets of alerts, and the log.

use std::sync::Arc;

use alert_dispatcher::AlertLog;
use domain::json::Object;
use domain::{BoxFuture, Clock};
use egress::{Egress, Parcel, SettingError, Unsent};
use simulation::{Outside, Post, Reception};

/// What everything is signed with.
const KEY: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Sends to `outside`.
pub(crate) fn egress(outside: &Outside, clock: &Arc<dyn Clock>) -> Egress {
    let read = |name: &str| {
        let found = match name {
            "WEBHOOK_KEY" => Some("env://ALERT_TARGET_KEY"),
            "ALERT_TARGET_KEY" => Some(KEY),
            _ => None,
        };
        Ok::<_, SettingError>(found.map(str::to_owned))
    };
    let targets = Targets { outside: outside.clone(), clock: Arc::clone(clock) };
    Egress::new(read, None, Arc::new(targets), Arc::clone(clock))
        .expect("the settings are those above")
}

/// The targets of alerts.
struct Targets {
    outside: Outside,
    clock: Arc<dyn Clock>,
}

impl egress::Outside for Targets {
    fn post<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<egress::Answer, Unsent>> {
        Box::pin(async move {
            let body: serde_json::Value = serde_json::from_slice(&parcel.body).unwrap_or_default();
            let named = body["data"]["object"].as_str().map(str::to_owned);
            let key = parcel.header("idempotency-key").unwrap_or_default().to_owned();
            let alert = named.unwrap_or_else(|| told(&body));
            let post = Post { alert, host: parcel.url.host().to_owned(), key };
            let (reception, took) = self.outside.post(post);
            self.clock.sleep(took).await;
            match reception {
                Reception::Answered(status) => Ok(egress::Answer { status, text: "".into() }),
                Reception::Unheard => Err(Unsent::passing("no answer")),
            }
        })
    }
}

/// The alert that a message of Slack is about: its last block says which.
fn told(message: &serde_json::Value) -> String {
    let blocks = message["blocks"].as_array().into_iter().flatten();
    let context = blocks.last().and_then(|block| block["elements"][0]["text"].as_str());
    context.unwrap_or_default().to_owned()
}

/// The channel `log`.
pub(crate) struct Log(pub(crate) Outside);

impl AlertLog for Log {
    fn alert(&self, name: &str, _: &Object, _: &str) {
        self.0.say(name);
    }
}
