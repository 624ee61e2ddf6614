//! A push endpoint that answers as it is told and remembers what came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emulator::{
    DeadLetterPolicy, Emulator, Memory, Notification, Options, Push as PushTo, RetryPolicy,
    Subscription,
};
use serde_json::Value;
use tokio::net::TcpListener;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One push as it came.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Push {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn attribute(&self, key: &str) -> Option<String> {
        self.json()["message"]["attributes"][key].as_str().map(str::to_owned)
    }

    pub(crate) fn object(&self) -> String {
        self.attribute("objectId").unwrap()
    }

    pub(crate) fn payload(&self) -> String {
        let body = self.json();
        let data = STANDARD.decode(body["message"]["data"].as_str().unwrap()).unwrap();
        String::from_utf8(data).unwrap()
    }
}

/// What the endpoint does with a push.
#[derive(Clone)]
pub(crate) enum Answer {
    Status(u16),
    /// Never.
    Silence,
    /// Writes this object, then answers 204.
    Write(Arc<Memory>, String),
}

#[derive(Default)]
struct Script {
    pushes: Vec<Push>,
    answers: VecDeque<Answer>,
}

#[derive(Clone)]
pub(crate) struct Subscriber {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

impl Subscriber {
    /// Answers as `answers` says, push by push, and then 204.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/pubsub/push", listener.local_addr().unwrap());
        let answers = answers.into_iter().collect();
        let script = Arc::new(Mutex::new(Script { answers, ..Script::default() }));
        let router = Router::new().fallback(receive).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    pub(crate) fn pushes(&self) -> Vec<Push> {
        self.script.lock().unwrap().pushes.clone()
    }

    pub(crate) fn objects(&self) -> Vec<String> {
        self.pushes().iter().map(Push::object).collect()
    }

    /// A subscription to topic `t` that tries quickly and for ever.
    pub(crate) fn subscription(&self) -> Subscription {
        Subscription {
            push: Some(PushTo::to(&*self.url)),
            ack_deadline: PATIENCE,
            retry: Some(RetryPolicy {
                minimum_backoff: Duration::from_millis(1),
                maximum_backoff: Duration::from_millis(4),
            }),
            in_flight_max: 1,
            ..Subscription::new("s", "t")
        }
    }
}

/// To topic `dead`, after so many attempts.
pub(crate) fn dead_letters(attempts_max: u32) -> Option<DeadLetterPolicy> {
    Some(DeadLetterPolicy { topic: "dead".to_owned(), attempts_max })
}

async fn receive(
    State(script): State<Arc<Mutex<Script>>>,
    headers: HeaderMap,
    text: String,
) -> StatusCode {
    let answer = {
        let mut script = script.lock().unwrap();
        script.pushes.push(Push { headers, text });
        script.answers.pop_front()
    };
    let status = match answer {
        None => 204,
        Some(Answer::Status(status)) => status,
        Some(Answer::Silence) => std::future::pending().await,
        Some(Answer::Write(memory, name)) => {
            memory.insert(&name, "1".into(), Default::default()).unwrap();
            204
        }
    };
    StatusCode::from_u16(status).unwrap()
}

/// An emulator with bucket `b`, all of whose objects are announced to topic `t`.
pub(crate) async fn announcing(options: Options) -> (Emulator, Arc<Memory>) {
    let emulator = Emulator::start(options).await.unwrap();
    let memory = emulator.create_bucket("b").unwrap();
    emulator.notify("b", Notification::finalized("t", "")).unwrap();
    (emulator, memory)
}
