//! Sets of instructions over HTTP, as the test server of Google has them.
//! (googleapis/storage-testbench, README, "Retry Test API".)

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answers::{error, json};
use super::plan::{InstructionError, Plan, Test};

/// The largest set of instructions as JSON.
const BODY_BYTES_MAX: usize = 256 * 1024;

const TESTS: &str = "/retry_tests";
const TEST: &str = "/retry_test";

/// Answers `request` if it is about instructions, and else gives it back.
pub(super) async fn answer(plan: &Plan, request: Request) -> Result<Response, Request> {
    let path = request.uri().path();
    let id = path.strip_prefix(TEST).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
    let answer = match (request.method(), id) {
        (&Method::POST, None) if path == TEST => create(plan, request).await,
        (&Method::GET, None) if path == TESTS => Ok(list(plan)),
        (&Method::GET, Some(id)) => find(plan, &id).map(|test| test.shown(&id)),
        (&Method::DELETE, Some(id)) => remove(plan, &id),
        (_, None) if path != TEST && path != TESTS => return Err(request),
        _ => Err((StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed".to_owned())),
    };
    Ok(answer.map_or_else(
        |(status, message)| error(status, &message),
        |value| json(StatusCode::OK, &value),
    ))
}

type Answer = Result<Value, (StatusCode, String)>;

async fn create(plan: &Plan, request: Request) -> Answer {
    let refused = |message: &str| (StatusCode::BAD_REQUEST, message.to_owned());
    let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await;
    let body = body.map_err(|_| refused("body is too large or broke off"))?;
    let asked: Map<String, Value> =
        serde_json::from_slice(&body).map_err(|_| refused("body is not a JSON object"))?;
    match asked.get("transport").map(Value::as_str) {
        None => (),
        Some(Some(http)) if ["HTTP", "JSON"].iter().any(|it| it.eq_ignore_ascii_case(http)) => (),
        Some(_) => return Err(refused("transport is not HTTP")),
    }
    let instructions = asked.get("instructions").and_then(Value::as_object);
    let instructions = instructions.ok_or_else(|| refused("instructions are not an object"))?;
    let test = Test::default();
    for (method, texts) in instructions {
        let texts: Vec<String> = serde_json::from_value(texts.clone())
            .map_err(|_| refused(&format!("instructions of {method} are not a list of texts")))?;
        test.add(method, &texts).map_err(|err| refused(&err.to_string()))?;
    }
    if test.left() == 0 {
        return Err(refused(&InstructionError::None.to_string()));
    }
    let (id, test) = plan.keep(test).map_err(|err| refused(&err.to_string()))?;
    Ok(test.shown(&id))
}

fn list(plan: &Plan) -> Value {
    let tests = plan.tests();
    let shown: Vec<_> = tests.iter().map(|(id, test)| test.shown(id)).collect();
    json!({ "retry_test": shown })
}

fn find(plan: &Plan, id: &str) -> Result<Arc<Test>, (StatusCode, String)> {
    plan.tests().get(id).cloned().ok_or_else(missing)
}

fn remove(plan: &Plan, id: &str) -> Answer {
    plan.tests().remove(id).map(|_| json!({})).ok_or_else(missing)
}

fn missing() -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, "no such retry test".to_owned())
}
