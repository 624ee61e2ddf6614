//! What needs a person is said, and nothing else is.

use emulator::Upload;
use serde_json::{Value, json};
use store::Store as _;

use super::stand_in::StandIn;
use super::subscribed::{Subscribed, push};
use super::{bucket, record, release, run};
use crate::{Google, Service};

const RECORD: &str = r#"{"schema_version":"1.0.0","updated_at":"2025-11-06T10:01:00Z","status":7}"#;

fn series(name: &str, value: i64) -> Value {
    json!({
        "resource": {"type": "pubsub_subscription", "labels": {"subscription_id": name}},
        "points": [
            {"value": {"int64Value": value.to_string()}},
            {"value": {"int64Value": "999999"}},
        ],
    })
}

/// A Monitoring in which every subscription has these values.
async fn measured(oldest: i64, waiting: i64, dead: i64) -> StandIn {
    StandIn::json(move |path| {
        let names = |dead: bool| {
            ["snapshot-builder-history", "index-writer-snapshot"].map(|name| {
                let dead = if dead { "-dead" } else { "" };
                format!("dev-{name}{dead}")
            })
        };
        let of_dead = path.contains("history-dead");
        let value = match (of_dead, path.contains("oldest_unacked_message_age")) {
            (true, _) => dead,
            (_, true) => oldest,
            _ => waiting,
        };
        json!({"timeSeries": names(of_dead).map(|name| series(&name, value))})
    })
    .await
}

fn google(stand_in: &StandIn) -> Google {
    Google::default()
        .of("acme")
        .at(Service::Monitoring, &stand_in.url)
        .at(Service::PubSub, &stand_in.url)
}

/// Runs `status --json`: its end, and the checks.
async fn status(place: &Subscribed, google: &Google) -> (bool, Value) {
    let (ended, said) = place.run_with(&place.tools, google, "status --json").await;
    let line = said.lines().find(|line| line.starts_with('{')).unwrap();
    let json: Value = serde_json::from_str(line).unwrap();
    (ended.unwrap(), json["checks"].clone())
}

/// The states of the checks, by name.
fn states(checks: &Value) -> Vec<String> {
    let checks = checks.as_object().unwrap().iter();
    checks.map(|(name, it)| format!("{name}: {}", it["state"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_bucket_in_which_all_is_well_needs_nobody() {
    let place = Subscribed::with(|name| Some(push(name))).await;
    let monitoring = measured(12, 3, 0).await;
    let google = place.google.clone().at(Service::Monitoring, &monitoring.url);
    let (well, checks) = status(&place, &google).await;
    assert!(well, "{checks}");
    assert_eq!(
        states(&checks),
        [
            "lag: ok",
            "dead letters: ok",
            "paused: ok",
            "quarantine: ok",
            "compaction: ok",
            "repairs wanted: ok",
            "undelivered alerts: ok",
            "rules: ok",
            "jobs: ok",
        ]
    );
    assert_eq!(checks["lag"]["says"], "6 deliveries wait, the oldest for 12 s");
    // One call for each measure; the filter names every subscription, and nothing else.
    let asked = monitoring.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(
        asked[0].starts_with("GET /v3/projects/local/timeSeries?filter=metric.type%20%3D%20%22")
    );
    let window = "interval.startTime=2025-11-06T11%3A50%3A00.000Z&interval.endTime=2025-11-06T12%3A00%3A00.000Z";
    assert!(asked[0].ends_with(window), "{}", asked[0]);
    for name in ["dev-alert-dispatcher-alert", "dev-rules-engine-snapshot"] {
        assert!(asked[0].contains(&format!("%22{name}%22")), "{}", asked[0]);
    }
}

#[tokio::test]
async fn lag_and_dead_letters_need_a_person() {
    let place = Subscribed::start().await;
    let (well, checks) = status(&place, &google(&measured(901, 7, 0).await)).await;
    assert!(!well);
    assert_eq!(
        (&checks["lag"]["state"], &checks["dead letters"]["state"]),
        (&json!("look"), &json!("ok"))
    );
    let (well, checks) = status(&place, &google(&measured(900, 7, 2).await)).await;
    assert!(!well);
    assert_eq!(
        (&checks["lag"]["state"], &checks["dead letters"]["state"]),
        (&json!("ok"), &json!("look"))
    );
    assert_eq!(checks["dead letters"]["says"], "4 wait: `dlq list`, then `dlq show`");
}

#[tokio::test]
async fn what_cannot_be_known_is_said_and_is_no_alarm() {
    let place = Subscribed::start().await;
    let (ended, said) = place.run("status").await;
    assert_eq!(ended, Ok(true), "{said}");
    assert!(said.contains("Cloud Monitoring measures no subscriptions of an emulator"), "{said}");
    let (ended, said) = place.run_with(&place.tools, &Google::default(), "status").await;
    assert_eq!(ended, Ok(true), "{said}");
    assert!(said.contains("not known: no project is named"), "{said}");
    let denied =
        StandIn::start(|_| (403, json!({"error": {"message": "Permission denied"}}).to_string()))
            .await;
    let (ended, said) = place.run_with(&place.tools, &google(&denied), "status").await;
    assert_eq!(ended, Ok(true), "{said}");
    assert!(said.contains("Permission denied; it takes roles/monitoring.viewer"), "{said}");
    // Nothing measured is not the same as nothing there.
    let nothing = StandIn::json(|_| json!({})).await;
    let (_, checks) = status(&place, &google(&nothing)).await;
    assert_eq!(states(&checks)[..2], ["lag: unknown", "dead letters: unknown"]);
}

#[tokio::test]
async fn hostile_answers_end_in_a_line_and_in_nothing_else() {
    let place = Subscribed::start().await;
    for body in [
        "",
        "no JSON",
        "[]",
        r#"{"timeSeries": 7}"#,
        r#"{"timeSeries": [null, {}, {"points": []}]}"#,
        r#"{"timeSeries": [{"resource": {"labels": {"subscription_id": "dev-other"}}, "points": [{"value": {"int64Value": "1"}}]}]}"#,
        r#"{"timeSeries": [{"resource": {"labels": {"subscription_id": "dev-rules-engine-snapshot"}}, "points": [{"value": {"int64Value": "99999999999999999999"}}]}]}"#,
    ] {
        let stand_in = StandIn::start(move |_| (200, body.to_owned())).await;
        let (well, checks) = status(&place, &google(&stand_in)).await;
        assert!(well, "{body}: {checks}");
        assert_eq!(states(&checks)[..2], ["lag: unknown", "dead letters: unknown"], "{body}");
    }
}

#[tokio::test]
async fn each_thing_in_the_bucket_that_needs_a_person_is_found() {
    let place = Subscribed::with(|name| Some(push(name))).await;
    let (bucket, tools) = (&place.bucket, &place.tools);
    let put = |name: &str, body: &str| {
        bucket
            .insert(&format!("env/dev/{name}"), body.to_owned().into(), Upload::default())
            .unwrap();
    };
    let look = async |what: &str| {
        let (well, checks) = status(&place, &place.google).await;
        let looks: Vec<_> = states(&checks).into_iter().filter(|it| it.ends_with("look")).collect();
        assert_eq!((well, looks), (false, vec![format!("{what}: look")]), "{checks}");
        checks[what]["says"].as_str().unwrap().to_owned()
    };
    let clear = async |name: &str| {
        let name = format!("env/dev/{name}");
        assert!(bucket.delete(&name, bucket.objects()[&name].generation).await.unwrap());
    };

    let history = record(bucket, tools, "V1", "a_1", RECORD).await;
    assert_eq!(look("quarantine").await, "1 open: `quarantine list`");
    clear(history.strip_prefix("env/dev/").unwrap()).await;

    put("indices/_repair/ventures/V1.json", "{}");
    assert_eq!(look("repairs wanted").await, "1; `reconcile --repair` makes them");
    clear("indices/_repair/ventures/V1.json").await;

    put("indices/alerts/undelivered/r/V1/a/pager.json", "{}");
    assert!(look("undelivered alerts").await.starts_with("1; "));
    clear("indices/alerts/undelivered/r/V1/a/pager.json").await;
    put("indices/alerts/sent/r/V1/a/log.json", "{}");

    let rule =
        r#"{"id":"r","applies_to":"venture","condition":{"path":"s","op":"matches","value":"("}}"#;
    put("indices/rules/_bundle.json", &format!(r#"{{"entity":"rule","members":[{rule}]}}"#));
    assert_eq!(
        look("rules").await,
        "1 of 1 are not understood and never hold: `reconcile --segment rules` says what mends each"
    );
    clear("indices/rules/_bundle.json").await;

    put("manifests/ventures/changes/2025-11-06T05/V1.json", "{}");
    assert!(look("compaction").await.starts_with("1 segments wait"));
    let until = |at: &str| format!(r#"{{"count":16,"watermark":"{at}"}}"#);
    put("manifests/ventures/_index.json", &until("2025-11-06T05:30:00Z"));
    assert!(look("compaction").await.starts_with("1 segments wait"));
    put("manifests/ventures/_index.json", &until("2025-11-06T06:00:00Z"));

    let noted = |pass: &str, at: &str| {
        format!(r#"{{"job":"index-build","pass":"{pass}","noted_at":"2025-11-06T{at}:00Z"}}"#)
    };
    put("manifests/_jobs/index-build/a.json", &noted("first", "09:59"));
    assert_eq!(look("jobs").await, "1 begun, 1 of them silent for hours");
    let others = noted("first", "09:59").replacen('{', "{\"definitions\":\"others\",", 1);
    put("manifests/_jobs/index-build/a.json", &others);
    let (well, checks) = status(&place, &place.google).await;
    assert!(well, "another release's run is nobody's to go on with: {checks}");
    put("manifests/_jobs/index-build/a.json", &noted("first", "11:59"));
    put("manifests/_jobs/index-build/b.json", &noted("finished", "01:00"));
    let (well, checks) = status(&place, &place.google).await;
    assert!(well, "{checks}");
    assert_eq!(checks["jobs"]["says"], "1 under way");

    place.run("pause --function rules-engine").await.0.unwrap();
    assert_eq!(look("paused").await, "1 of 5 subscriptions");
    let (_, said) = place.run("status").await;
    assert!(
        said.contains("dev-rules-engine-snapshot: what came since 2025-11-06T12:00:00Z"),
        "{said}"
    );
    place.run("resume").await.0.unwrap();
    assert!(status(&place, &place.google).await.0);

    // A pause that has read its subscription goes on when a `resume` has come and gone.
    let is_note = |name: &String| name.contains("rules-engine-snapshot");
    let (note, resumed) = bucket.objects().into_iter().find(|(name, _)| is_note(name)).unwrap();
    place.run("pause --function rules-engine").await.0.unwrap();
    bucket.insert(&note, resumed.body, Upload::default()).unwrap();
    assert_eq!(look("paused").await, "1 of 5 subscriptions");
    place.run("resume").await.0.unwrap();
    assert!(status(&place, &place.google).await.0);
}

#[tokio::test]
async fn what_it_costs_is_bounded_and_printed() {
    let bucket = bucket();
    let tools = release(bucket.clone(), &super::strict());
    for at in 0..1200 {
        let name = format!("env/dev/reports/quarantine/f/ventures/V{at}/0a.json");
        bucket.insert(&name, "{}".into(), Upload::default()).unwrap();
    }
    let (ended, said) = run(&tools, "status").await;
    assert_eq!(ended, Ok(false));
    assert!(said.contains("at least 200 open"), "{said}");
    // 5 notes of pauses, 200 in quarantine, an index, the rules; a page of 4 lists and of a journal.
    assert!(said.ends_with("read 0 objects; 207 B + 5 A and 0 notifications, $0.0001\n"), "{said}");
}
