//! What egress promises.

mod addresses;
mod client;
mod fuzzing;
mod hosts;
mod mail;
mod messages;
mod receiver;
mod recipe;
mod sending;
mod slack;
mod targets;
mod vault;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::json::{self, Object};
use domain::{BoxFuture, Clock, Ids, Instant};
use serde_json::Value;

use crate::{Answer, Egress, Outside, Parcel, Settings, Told, Unsent};

/// The name of the object of every alert here.
const OBJECT: &str = "env/prod/reports/alerts/low-runway/V1/01K9.json";

/// A key, as the standard's own examples have it.
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// An alert with everything in it.
const ALERT: &str = r#"{"alert_id":"01K9","rule_id":"low-runway","rule_digest":"d","entity":"venture","id":"V1","env":"prod","ptr":"env/prod/snapshots/ventures/V1.json","source_generation":"7","since":{"updated_at":"2025-11-06T10:00:01Z","name":"x"},"matched":[{"path":"kpis.MRR","op":"lt","value":100,"found":50.60},{"path":"status","op":"eq","value":"Pilot","found":"Pilot"},{"path":"lead","op":"missing"}],"name":"Low runway","severity":"critical","message":"{{id}} has {{found}} of {{value}}","status":"open","fired":"enter"}"#;

/// A clock that stands still and chance that is none.
struct Still(Mutex<Instant>);

impl Still {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Instant::from_unix_millis(1_762_430_400_000))))
    }

    fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.after(by);
    }
}

impl Clock for Still {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Ids for Still {
    fn random(&self) -> u128 {
        4
    }
}

/// What was posted, and what is answered.
struct Posts {
    sent: Mutex<Vec<Post>>,
    answer: Result<u16, Unsent>,
}

/// A parcel that anybody may look at.
#[derive(Clone, Debug)]
struct Post {
    to: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Post {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Posts {
    fn answering(answer: Result<u16, Unsent>) -> Arc<Self> {
        Arc::new(Self { sent: Mutex::default(), answer })
    }

    fn take(&self) -> Vec<Post> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

impl Outside for Posts {
    fn post<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<Answer, Unsent>> {
        let to = format!("https://{}{}", parcel.url.authority(), parcel.url.target());
        let body = json::parse(&parcel.body).unwrap();
        self.sent.lock().unwrap().push(Post { to, headers: parcel.headers.clone(), body });
        let answer = self.answer.clone().map(|status| Answer { status, text: "".into() });
        Box::pin(std::future::ready(answer))
    }
}

fn object(text: &str) -> Object {
    match json::parse(text.as_bytes()).unwrap() {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

fn told(alert: &Object) -> Told<'_> {
    Told { alert, object: OBJECT }
}

/// Settings of these variables.
fn settings(variables: &[(&str, &str)]) -> Settings {
    let read = |name: &str| Ok::<_, crate::SettingError>(value(variables, name));
    Settings::read(read).unwrap()
}

fn value(variables: &[(&str, &str)], name: &str) -> Option<String> {
    let found = variables.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| (*value).to_owned())
}

/// What sends to `outside`, in an environment of `variables`.
fn egress(outside: Arc<dyn Outside>, variables: &[(&str, &str)]) -> Egress {
    let owned: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let read = move |name: &str| {
        let found = owned.iter().find(|(known, _)| known == name);
        Ok(found.map(|(_, value)| value.clone()))
    };
    let settings = settings(variables);
    Egress { settings, variables: Box::new(read), vault: None, outside, clock: Still::new() }
}
