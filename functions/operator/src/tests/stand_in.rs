//! A stand-in of one of Google's services: what it answers, and what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

/// Answers a path with its query by a status and a body.
type Answers = dyn Fn(&str) -> (u16, String) + Send + Sync;

pub(super) struct StandIn {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Front {
    answers: Arc<Answers>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    pub(super) async fn start(
        answers: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let front = Front { answers: Arc::new(answers), asked: asked.clone() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(front);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked }
    }

    /// One that answers with JSON.
    pub(super) async fn json(answers: impl Fn(&str) -> Value + Send + Sync + 'static) -> Self {
        Self::start(move |path| (200, answers(path).to_string())).await
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(front): State<Front>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("", |it| it.as_str()).to_owned();
    let authorization = request.headers().get("authorization").is_some();
    assert!(!authorization, "a stand-in gets no token");
    front.asked.lock().unwrap().push(format!("{} {path}", request.method()));
    let (status, body) = (front.answers)(&path);
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}
