//! What is written about a delivery.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use domain::{Disposition, Failure, Outcome};
use expect_test::{Expect, expect};
use serde_json::{Map, Value};
use tracing::level_filters::LevelFilter;

use super::{Fake, RECORD, push, runner};
use crate::log::subscriber;
use crate::trace::Trace;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The lines, without what differs between runs.
    fn fields(&self) -> Vec<Map<String, Value>> {
        let bytes = self.0.lock().unwrap();
        let lines = std::str::from_utf8(&bytes).unwrap().lines().map(|line| {
            let mut fields: Map<String, Value> = serde_json::from_str(line).unwrap();
            assert!(fields.remove("time").unwrap().is_string());
            assert!(fields.remove("elapsed_ms").unwrap().is_u64());
            fields
        });
        lines.collect()
    }
}

fn trace() -> Option<Trace> {
    let trace_id = "0af7651916cd43dd8448eb211c80319c".to_owned();
    Some(Trace { trace_id, span_id: Some("b7ad6b7169203331".to_owned()) })
}

/// Pushes `body` to `handler`, waits a moment for the end, and returns the one line about it.
async fn logged(handler: Arc<Fake>, body: Result<&[u8], StatusCode>) -> Map<String, Value> {
    let lines = Lines::default();
    let writer = lines.clone();
    let logger = subscriber(LevelFilter::INFO, move || writer.clone());
    let guard = tracing::subscriber::set_default(logger);
    let runner = runner(handler, Arc::default());
    // A handler that does not end is dropped with its caller.
    let patience = Duration::from_millis(1);
    tokio::time::timeout(patience, runner.push(body, trace())).await.ok();
    drop(guard);
    let [line] = &lines.fields()[..] else { panic!("one line: {:?}", lines.fields()) };
    line.clone()
}

/// Checks severity, outcome and reason of the line about `body` and a handler that ends with
/// `outcome`.
async fn check(outcome: Outcome, body: Result<&[u8], StatusCode>, expect: &Expect) {
    let line = logged(Fake::always(outcome), body).await;
    let parts = ["severity", "outcome", "reason"].map(|field| line.get(field).cloned());
    let parts: Vec<Value> = parts.into_iter().flatten().collect();
    expect.assert_eq(&Value::from(parts).to_string());
}

#[tokio::test]
async fn a_delivery_is_one_line() {
    let outcome = Err(Failure::Retry("get env/dev/x: answer 503".to_owned()));
    let mut line = logged(Fake::always(outcome), Ok(&push(RECORD))).await;
    line.sort_keys();
    expect![[r#"
        {
          "attempts": 3,
          "function": "snapshot-builder",
          "generation": "1607428286395814",
          "logging.googleapis.com/spanId": "b7ad6b7169203331",
          "logging.googleapis.com/trace": "projects/acme/traces/0af7651916cd43dd8448eb211c80319c",
          "message": "delivery",
          "object": "env/dev/ventures/V1/history/2025/11/06/2025-11-06T10:18:22.000Z_01A.json",
          "outcome": "retry",
          "reason": "get env/dev/x: answer 503",
          "severity": "WARNING",
          "target": "cloud_run::log"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&line).unwrap());
}

#[tokio::test]
async fn reasons_and_severities() {
    let body = push(RECORD);
    check(Ok(Disposition::Done), Ok(&body), &expect![[r#"["INFO","done"]"#]]).await;
    check(
        Ok(Disposition::Skipped("covered")),
        Ok(&body),
        &expect![[r#"["INFO","skipped","covered"]"#]],
    )
    .await;
    let rejected = Ok(Disposition::Rejected(vec!["one".to_owned(), "two".to_owned()]));
    check(rejected, Ok(&body), &expect![[r#"["ERROR","rejected","one; two"]"#]]).await;
    check(
        Err(Failure::Retry("later".to_owned())),
        Ok(&body),
        &expect![[r#"["WARNING","retry","later"]"#]],
    )
    .await;
    check(
        Err(Failure::Throttled("slower".to_owned())),
        Ok(&body),
        &expect![[r#"["WARNING","throttled","slower"]"#]],
    )
    .await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_not_quoted() {
    check(
        Ok(Disposition::Done),
        Ok(br#"{"message":"secret"}"#),
        &expect![[r#"["ERROR","malformed","body is not a wrapped Pub/Sub push"]"#]],
    )
    .await;
    let too_large = Err(StatusCode::PAYLOAD_TOO_LARGE);
    check(
        Ok(Disposition::Done),
        too_large,
        &expect![[r#"["ERROR","malformed","body is too large or incomplete"]"#]],
    )
    .await;
}

#[tokio::test]
async fn a_panic_is_logged_as_its_retry() {
    let line = logged(Fake::new(|_| async { panic!("a bug") }), Ok(&push(RECORD))).await;
    assert_eq!((&line["outcome"], &line["reason"]), (&"retry".into(), &"handler panicked".into()));
}

#[tokio::test]
async fn a_delivery_whose_caller_goes_away_is_logged_too() {
    let line = logged(Fake::new(|_| std::future::pending()), Ok(&push(RECORD))).await;
    assert_eq!(line["outcome"], "abandoned");
    assert_eq!(line["object"], RECORD);
}

#[tokio::test]
async fn hostile_names_stay_in_their_field() {
    let name = "\",\"severity\":\"EMERGENCY\n\u{1b}[31m\u{2028}";
    let line = logged(Fake::always(Ok(Disposition::Done)), Ok(&push(name))).await;
    assert_eq!((&line["severity"], &line["object"]), (&"INFO".into(), &name.into()));
}

#[tokio::test]
async fn long_reasons_are_cut() {
    let retry = Err(Failure::Retry("é".repeat(100_000)));
    let line = logged(Fake::always(retry), Ok(&push(RECORD))).await;
    assert_eq!(line["reason"], "é".repeat(1024));
}
