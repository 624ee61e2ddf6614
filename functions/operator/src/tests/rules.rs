//! Rules that are kept as files: looked at, tried, put into force, evaluated everywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use emulator::faulty::{Fault, Faulty, When};
use emulator::intercepted::{Intercepted, Operation};
use emulator::{Memory, TestClock, Upload, tools};
use expect_test::expect;
use serde_json::{Value, json};
use store::{Error, ErrorKind, Tools};
use tempfile::TempDir;

use super::{NOW, bucket, run};

/// A rule that holds below 15,000 in pilot.
fn low_mrr() -> Value {
    json!({
        "name": "Low MRR", "applies_to": "venture", "severity": "warning",
        "condition": { "all": [
            { "path": "status", "op": "eq", "value": "Pilot" },
            { "path": "kpis.MRR", "op": "lt", "value": 15000 },
        ] },
    })
}

/// A rule that holds when nobody has touched a venture for 30 days.
fn stale() -> Value {
    json!({
        "name": "Stale", "applies_to": "venture", "severity": "info",
        "condition": { "all": [{ "path": "updated_at", "op": "older_than", "value": "30d" }] },
    })
}

fn folder(files: &[(&str, &Value)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, document) in files {
        fs::write(folder.path().join(name), document.to_string()).unwrap();
    }
    folder
}

/// The line with the folder in the place of `DIR`, run; what was said, or why not.
async fn said(tools: &Tools, folder: &Path, line: &str) -> Result<String, String> {
    let shown = folder.display().to_string();
    let (ended, said) = run(tools, &line.replace("DIR", &shown)).await;
    let said = said.replace(&shown, "DIR");
    match ended {
        Ok(true) => Ok(said),
        Ok(false) => Err(said),
        Err(problem) => Err(format!("{said}{problem}").replace(&shown, "DIR")),
    }
}

/// A venture with this MRR, written and derived.
async fn venture(tools: &Tools, id: &str, mrr: u64) {
    let document = json!({ "title": id, "status": "Pilot", "kpis": { "MRR": mrr } });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), document.to_string()).unwrap();
    let line = format!("write venture {id} --file {} --fold", file.path().display());
    run(tools, &line).await.0.unwrap();
}

/// The names of alert objects, without the ids.
fn alerts(bucket: &Memory) -> Vec<String> {
    let names = bucket.objects().into_keys();
    let alerts = names.filter_map(|name| {
        let rest = name.strip_prefix("env/dev/reports/alerts/")?;
        let (folder, id) = rest.rsplit_once('/')?;
        let end = if id.contains("-resolved") { " resolved" } else { "" };
        Some(format!("{folder}{end}"))
    });
    let mut alerts: Vec<String> = alerts.collect();
    alerts.sort();
    alerts
}

/// Everything but what records when and how often something was done.
fn bodies(bucket: &Memory) -> BTreeMap<String, bytes::Bytes> {
    let objects = bucket.objects().into_iter();
    let kept = objects.filter(|(name, _)| !name.contains("/_jobs/") && !name.contains("/_claims/"));
    kept.map(|(name, object)| (name, object.body)).collect()
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_said_with_its_place() {
    let mut unknown = low_mrr();
    unknown["condition"]["all"][0]["path"] = json!("statsu");
    let mut operator = low_mrr();
    operator["condition"]["all"][1]["op"] = json!("below");
    let contradiction = json!({
        "name": "Never", "applies_to": "venture", "severity": "info",
        "condition": { "all": [
            { "path": "kpis.MRR", "op": "gt", "value": 5 },
            { "path": "kpis.MRR", "op": "lt", "value": 3 },
        ] },
    });
    let mut kind = low_mrr();
    kind["applies_to"] = json!("ventures");
    let folder = folder(&[
        ("a-good.json", &low_mrr()),
        ("b-unknown-field.json", &unknown),
        ("c-operator.json", &operator),
        ("d-never.json", &contradiction),
        ("e-kind.json", &kind),
        ("f-text.json", &json!("no rule")),
        (
            "g-severity.json",
            &json!({ "name": "x", "applies_to": "venture",
            "condition": low_mrr()["condition"], "severity": "urgent" }),
        ),
    ]);
    fs::write(folder.path().join("README.md"), "beside").unwrap();
    let found = said(&tools(bucket()), folder.path(), "rules lint DIR").await.unwrap_err();
    expect![[r#"
        warning DIR/b-unknown-field.json: /condition/all/0/path: the schema knows no field "statsu" there
        error   DIR/c-operator.json: /condition/all/1/op: is no operator that there is
        error   DIR/d-never.json: /condition/all/1: never holds together with kpis.MRR gt 5
        error   DIR/e-kind.json: /applies_to: no kind "ventures"; there are benchmark, budget, cap_table, comment, dataroom, experiment, idea, interaction, investor, kpi, model, partner, playbook, playbook_run, report, resource, roun…
        error   DIR/f-text.json: a record is a JSON object
        error   DIR/g-severity.json: /severity: expected one of info, warning, critical
        7 rules, 5 errors, 1 warnings
    "#]].assert_eq(&found);
}

#[tokio::test]
async fn what_an_alert_would_not_say_or_would_tell_nobody_is_found() {
    let mut rule = low_mrr();
    rule["message"] = json!("{{id}} of {{ matched.0.sum }}: {{found}} {{status}} {{fund}} {{{{x}}");
    rule["channels"] = json!([
        "log", "pager", "log", "storage",
        { "type": "webhook", "target": "https://169.254.169.254/computeMetadata/v1" },
        { "type": "webhook", "target": "https://metadata.google.internal/" },
        { "type": "webhook", "target": "http://example.com/hook" },
        { "type": "slack", "target": "env://HOME" },
        { "type": "email", "target": "ops" },
        { "type": "slack", "target": "sm://SLACK_HOOK" },
        { "type": "slack", "target": "sm://SLACK_HOOK" },
        { "type": "webhook", "target": "https://hooks.example.com/1", "secret": "x" },
        "Pager Duty",
        7,
    ]);
    let mut many = low_mrr();
    let address = |n: u8| json!({ "type": "email", "target": format!("ops{n}@example.org") });
    many["channels"] = (0..17).map(address).collect();
    let folder = folder(&[("many.json", &many), ("rule.json", &rule)]);
    let found = said(&tools(bucket()), folder.path(), "rules lint DIR").await.unwrap_err();
    expect![[r#"
        warning DIR/many.json: /channels: only 16 channels are sent to
        error   DIR/rule.json: /channels/1: no such channel: there are log, storage, webhook, slack and email
        error   DIR/rule.json: /channels/4: the host is an address; a target names a host
        error   DIR/rule.json: /channels/5: the host is not a public one
        error   DIR/rule.json: /channels/6: a target is reached over https, not http
        error   DIR/rule.json: /channels/7: env:// reads variables ALERT_TARGET_… alone, of A-Z, 0-9 and _, so that no rule can have another setting sent away
        error   DIR/rule.json: /channels/8: the target of a mail is an address
        error   DIR/rule.json: /channels/12: no such channel: there are log, storage, webhook, slack and email
        error   DIR/rule.json: /channels/13: no such channel: there are log, storage, webhook, slack and email
        error   DIR/rule.json: /channels/11/secret: expected no such field
        warning DIR/rule.json: /channels/2: is /channels/0 again
        warning DIR/rule.json: /channels/10: is /channels/9 again
        warning DIR/rule.json: /message: "fund" is no variable, and stays as it is
        warning DIR/rule.json: /message: "x" is no variable, and stays as it is
        2 rules, 9 errors, 5 warnings
    "#]]
    .assert_eq(&found);
}

#[tokio::test]
async fn two_files_of_one_rule_and_a_folder_without_rules_are_refused() {
    let mut other = low_mrr();
    other["id"] = json!("a");
    let twice = folder(&[("a.json", &low_mrr()), ("b.json", &other)]);
    let tools = tools(bucket());
    let found = said(&tools, twice.path(), "rules apply DIR").await.unwrap_err();
    expect![[r#"DIR/a.json and DIR/b.json are both the rule "a""#]].assert_eq(&found);
    let empty = folder(&[]);
    let found = said(&tools, empty.path(), "rules apply DIR --prune").await.unwrap_err();
    expect!["DIR has no rules: files that end in .json are looked for"].assert_eq(&found);
}

#[tokio::test]
async fn a_rule_is_tried_on_a_document() {
    let venture =
        json!({ "id": "V1", "entity": "venture", "status": "Pilot", "kpis": { "MRR": 12000 } });
    let mut rule = low_mrr();
    rule["message"] = json!("MRR of {{id}} is low: {{matched}}");
    rule["channels"] = json!(["log", { "type": "slack", "target": "sm://SLACK_HOOK" },
        { "type": "email", "target": "ops@example.com" }]);
    let folder = folder(&[("low-mrr.json", &rule), ("venture.json", &venture)]);
    let tools = tools(bucket());
    let line = "rules test DIR/low-mrr.json DIR/venture.json --now 2025-11-06T12:00:00Z";
    let found = said(&tools, folder.path(), line).await.unwrap();
    expect![[r#"
          yes all
          yes   status eq "Pilot", found "Pilot"
          yes   kpis.MRR lt 15000, found 12000
        alert env/dev/reports/alerts/low-mrr/V1/01K9CGKDG0ZRYCP65HJ000E4AY.json
        {
          "alert_id": "01K9CGKDG0ZRYCP65HJ000E4AY",
          "rule_id": "low-mrr",
          "rule_digest": "a2ee9f2cf07cf3e7",
          "entity": "venture",
          "id": "V1",
          "env": "dev",
          "ptr": "env/dev/snapshots/ventures/V1.json",
          "source_generation": "1",
          "since": {
            "updated_at": "2025-11-06T12:00:00Z",
            "name": "2025/11/06/2025-11-06T12:00:00.000Z_01K9CGKDG00000000000000000.json"
          },
          "matched": [
            {
              "path": "status",
              "op": "eq",
              "value": "Pilot",
              "found": "Pilot"
            },
            {
              "path": "kpis.MRR",
              "op": "lt",
              "value": 15000,
              "found": 12000
            }
          ],
          "status": "open",
          "fired": "enter",
          "evaluated_at": "2025-11-06T12:00:00Z",
          "name": "Low MRR",
          "severity": "warning",
          "message": "MRR of {{id}} is low: {{matched}}",
          "channels": [
            "log",
            {
              "type": "slack",
              "target": "sm://SLACK_HOOK"
            },
            {
              "type": "email",
              "target": "ops@example.com"
            }
          ]
        }
        to email ops@example.com
        {
          "from": "EMAIL_FROM",
          "to": "ops@example.com",
          "subject": "WARNING: Low MRR (venture V1)",
          "text": "MRR of V1 is low: status is Pilot (eq Pilot); kpis.MRR is 12000 (lt 15000)\n\nRule: low-mrr\nSeverity: warning\nStatus: open\nEntity: venture V1\nSince: 2025-11-06T12:00:00Z\n  status is Pilot (eq Pilot)\n  kpis.MRR is 12000 (lt 15000)\nAlert: env/dev/reports/alerts/low-mrr/V1/01K9CGKDG0ZRYCP65HJ000E4AY.json"
        }
        to log
        MRR of V1 is low: status is Pilot (eq Pilot); kpis.MRR is 12000 (lt 15000)
        to slack sm://SLACK_HOOK
        {
          "text": "WARNING: Low MRR (venture V1): status is Pilot (eq Pilot); kpis.MRR is 12000 (lt 15000)",
          "blocks": [
            {
              "type": "header",
              "text": {
                "type": "plain_text",
                "text": "WARNING: Low MRR (venture V1)",
                "emoji": false
              }
            },
            {
              "type": "section",
              "text": {
                "type": "mrkdwn",
                "text": ":warning: MRR of V1 is low: status is Pilot (eq Pilot); kpis.MRR is 12000 (lt 15000)",
                "verbatim": true
              }
            },
            {
              "type": "section",
              "fields": [
                {
                  "type": "mrkdwn",
                  "text": "Severity: warning",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "Status: open",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "Entity: venture V1",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "Environment: dev",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "Since: 2025-11-06T12:00:00Z",
                  "verbatim": true
                }
              ]
            },
            {
              "type": "section",
              "fields": [
                {
                  "type": "mrkdwn",
                  "text": "status is Pilot (eq Pilot)",
                  "verbatim": true
                },
                {
                  "type": "mrkdwn",
                  "text": "kpis.MRR is 12000 (lt 15000)",
                  "verbatim": true
                }
              ]
            },
            {
              "type": "context",
              "elements": [
                {
                  "type": "mrkdwn",
                  "text": "env/dev/reports/alerts/low-mrr/V1/01K9CGKDG0ZRYCP65HJ000E4AY.json",
                  "verbatim": true
                }
              ]
            }
          ]
        }
    "#]]
    .assert_eq(&found);
    let rich = json!({ "status": "Pilot", "kpis": { "MRR": 20000 } });
    fs::write(folder.path().join("venture.json"), rich.to_string()).unwrap();
    let found = said(&tools, folder.path(), line).await.unwrap_err();
    expect![[r#"
        it says
          no  all
          yes   status eq "Pilot", found "Pilot"
          no    kpis.MRR lt 15000, found 20000
    "#]]
    .assert_eq(&format!("it says\n{found}"));
}

#[tokio::test]
async fn a_rule_is_tried_on_the_records_of_a_scenario() {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/specification");
    let rule = format!("{scenario}/rule-low-mrr-in-pilot.json");
    let line = format!("rules test {rule} DIR");
    let found = said(&tools(bucket()), Path::new(scenario), &line).await.unwrap();
    assert!(found.starts_with("V001 2025/11/06/"), "{found}");
    assert!(found.contains(": opens\n"), "{found}");
    let other = folder(&[(
        "other.json",
        &json!({ "name": "x", "applies_to": "kpi",
        "severity": "info", "condition": { "all": [{ "path": "id", "op": "exists" }] } }),
    )]);
    let line = format!("rules test DIR/other.json {scenario}");
    let found = said(&tools(bucket()), other.path(), &line).await.unwrap_err();
    assert!(found.ends_with("has no record of a kpi that counts"), "{found}");
}

#[tokio::test]
async fn a_folder_is_applied_once_and_speaks_of_what_is_true_already() {
    let bucket = bucket();
    let tools = tools(bucket.clone());
    venture(&tools, "V1", 12_000).await;
    venture(&tools, "V2", 20_000).await;
    let folder = folder(&[("low-mrr.json", &low_mrr())]);
    let before = bodies(&bucket);
    let dry = said(&tools, folder.path(), "rules apply DIR --dry-run").await.unwrap();
    expect![[r#"
        + low-mrr
        1 rules would change, 0 say the same
    "#]]
    .assert_eq(&dry);
    assert!(bodies(&bucket) == before);
    let applied = said(&tools, folder.path(), "rules apply DIR --fold --reason r").await.unwrap();
    assert!(applied.contains("1 rules are in force\n"), "{applied}");
    assert_eq!(alerts(&bucket), ["low-mrr/V1"]);
    let after = bodies(&bucket);
    let again = said(&tools, folder.path(), "rules apply DIR --fold").await.unwrap();
    expect![[r#"
        0 rules to change, 1 say the same
        0 rules written
        1 rules are in force
    "#]]
    .assert_eq(&again);
    assert!(bodies(&bucket) == after);
}

#[tokio::test]
async fn a_description_that_is_mended_opens_nothing_again() {
    let bucket = bucket();
    let tools = tools(bucket.clone());
    venture(&tools, "V1", 12_000).await;
    let folder = folder(&[("low-mrr.json", &low_mrr())]);
    said(&tools, folder.path(), "rules apply DIR --fold").await.unwrap();
    let mut mended = low_mrr();
    mended["description"] = json!("Why there is such a rule.");
    fs::write(folder.path().join("low-mrr.json"), mended.to_string()).unwrap();
    let applied = said(&tools, folder.path(), "rules apply DIR --fold").await.unwrap();
    assert!(applied.starts_with("~ low-mrr\n    + /description: \"Why there"), "{applied}");
    assert_eq!(alerts(&bucket), ["low-mrr/V1"]);
}

#[tokio::test]
async fn a_rule_without_a_file_is_kept_until_it_is_pruned_and_its_alerts_end() {
    let bucket = bucket();
    let tools = tools(bucket.clone());
    venture(&tools, "V1", 12_000).await;
    let both = folder(&[("low-mrr.json", &low_mrr()), ("stale.json", &stale())]);
    said(&tools, both.path(), "rules apply DIR --fold").await.unwrap();
    fs::remove_file(both.path().join("low-mrr.json")).unwrap();
    let kept = said(&tools, both.path(), "rules apply DIR --fold").await.unwrap();
    expect![[r#"
        0 rules to change, 1 say the same
        0 rules written
        2 rules are in force
        1 rules have no file, --prune deletes them: low-mrr
    "#]]
    .assert_eq(&kept);
    let pruned = said(&tools, both.path(), "rules apply DIR --fold --prune").await.unwrap();
    expect![[r#"
        - low-mrr
        1 rules to change, 1 say the same
        1 rules written
        1 rules are in force
        rules-sweep ventures: 1 snapshots, then 1 a second time; wrote 2 objects; 8 B + 12 A and 10 notifications, $0.0001
    "#]].assert_eq(&pruned);
    assert_eq!(alerts(&bucket), ["low-mrr/V1", "low-mrr/V1 resolved"]);
    let (ended, shown) = run(&tools, "get rule low-mrr").await;
    assert_eq!(ended, Ok(false), "{shown}");
}

#[tokio::test]
async fn one_wrong_rule_and_none_is_written() {
    let bucket = bucket();
    let tools = tools(bucket.clone());
    let mut wrong = low_mrr();
    wrong["condition"]["all"][0]["op"] = json!("is");
    let folder = folder(&[("a.json", &low_mrr()), ("b.json", &wrong)]);
    let found = said(&tools, folder.path(), "rules apply DIR --fold").await.unwrap_err();
    assert!(
        found.ends_with("nothing is written: 1 of 2 rules are wrong; mend what is listed"),
        "{found}"
    );
    assert!(bucket.objects().is_empty());
}

#[tokio::test]
async fn nobody_is_overwritten_who_has_changed_a_rule_meanwhile() {
    let bucket = bucket();
    let tools = tools(bucket.clone());
    let folder = folder(&[("a.json", &low_mrr())]);
    said(&tools, folder.path(), "rules apply DIR --fold").await.unwrap();
    // Somebody writes on the same condition, and no snapshot has it yet.
    let (_, shown) = run(&tools, "get rule a --metadata --json").await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let etag = shown["etag"].as_str().unwrap();
    run(&tools, &format!("write rule a --set severity=critical --if-current {etag}"))
        .await
        .0
        .unwrap();
    let mut ours = low_mrr();
    ours["severity"] = json!("info");
    fs::write(folder.path().join("a.json"), ours.to_string()).unwrap();
    let found =
        said(&tools, folder.path(), "rules apply DIR --fold --timeout 0").await.unwrap_err();
    assert!(found.contains("a is left: ada wrote a merge record"), "{found}");
    assert!(found.ends_with("somebody has changed rules meanwhile: run it again\n"), "{found}");
}

#[tokio::test]
async fn stopped_anywhere_it_ends_the_same_when_it_is_run_again() {
    let folder = folder(&[("low-mrr.json", &low_mrr()), ("stale.json", &stale())]);
    let line = "rules apply DIR --fold";
    let mut stopped = 0;
    for at in 0.. {
        let bucket = bucket();
        let whole = tools(bucket.clone());
        venture(&whole, "V1", 12_000).await;
        let (kind, when) = (ErrorKind::Unavailable, [When::Before, When::After][at % 2]);
        let fault = Fault { at, times: usize::MAX, kind, when };
        let faulty = Faulty::new(bucket.clone(), fault);
        let ended = said(&tools(faulty.clone()), folder.path(), line).await;
        said(&whole, folder.path(), line).await.unwrap();
        let (after, third) = (bodies(&bucket), said(&whole, folder.path(), line).await.unwrap());
        assert!(!third.contains("rules-sweep"), "stopped at {at}: {third}");
        assert!(bodies(&bucket) == after, "stopped at {at}");
        assert_eq!(alerts(&bucket), ["low-mrr/V1"], "stopped at {at}: {ended:?}");
        if !faulty.happened() {
            break;
        }
        stopped += 1;
    }
    assert!(stopped > 20, "{stopped}");
}

#[tokio::test]
async fn a_rule_of_time_alone_opens_and_ends_with_the_sweep() {
    let clock = TestClock::at(NOW);
    let bucket = Memory::new("test", clock.clone(), 7);
    let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
    venture(&tools, "V1", 12_000).await;
    let folder = folder(&[("stale.json", &stale())]);
    said(&tools, folder.path(), "rules apply DIR --fold").await.unwrap();
    assert!(alerts(&bucket).is_empty());
    clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    let dry = said(&tools, folder.path(), "rules sweep --dry-run").await.unwrap();
    assert!(dry.contains("would write"), "{dry}");
    assert!(alerts(&bucket).is_empty());
    for _ in 0..2 {
        said(&tools, folder.path(), "rules sweep").await.unwrap();
        assert_eq!(alerts(&bucket), ["stale/V1"]);
    }
}

#[tokio::test]
async fn a_backtest_says_how_often_a_rule_would_have_fired() {
    let clock = TestClock::at("2025-11-01T12:00:00Z");
    let bucket = Memory::new("test", clock.clone(), 7);
    let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
    // Open before, closed, opened twice on one day; another opens once and stays open.
    for (id, mrr, hours) in [
        ("V1", 1000, 24),
        ("V1", 20_000, 24),
        ("V1", 1000, 1),
        ("V1", 20_000, 1),
        ("V1", 1001, 1),
        ("V1", 20_000, 24),
        ("V2", 20_000, 24),
        ("V2", 1, 1),
    ] {
        venture(&tools, id, mrr).await;
        clock.advance(Duration::from_secs(hours * 60 * 60));
    }
    let folder = folder(&[("low-mrr.json", &low_mrr()), ("stale.json", &stale())]);
    let line = "rules backtest DIR/low-mrr.json --since 2025-11-02T00:00:00Z";
    let found = said(&tools, folder.path(), line).await.unwrap();
    expect![[r#"
        2025-11-03       2  ########################################
        2025-11-05       1  ####################
        low-mrr since 2025-11-02T00:00:00Z: fired 3 times for 2 of 2 entities (8 records), 0.82 a day; open for 1 now
          V1: 2
          V2: 1
    "#]].assert_eq(&found);
    let json = said(&tools, folder.path(), &format!("{line} --json --id V1")).await.unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["fired"], &json["open"], &json["entities"]),
        (&json!(2), &json!(0), &json!(1))
    );
    clock.advance(Duration::from_secs(40 * 24 * 60 * 60));
    let line = "rules backtest DIR/stale.json --since 60d --json";
    let stale: Value =
        serde_json::from_str(&said(&tools, folder.path(), line).await.unwrap()).unwrap();
    // At the midnight after thirty days: each once.
    assert_eq!(stale["fired"], json!(2), "{stale}");
    let line = "rules backtest DIR/stale.json --since 2035-01-01T00:00:00Z";
    let found = said(&tools, folder.path(), line).await.unwrap_err();
    assert!(found.ends_with("has not come yet"), "{found}");
}

/// What `cost` reckons with: two reads of each entity, the rules and how far it is; two passes over the
/// list, a note for each hundred, and three.
#[tokio::test]
async fn a_sweep_takes_two_reads_of_each_entity() {
    let clock = TestClock::at(NOW);
    let bucket = Memory::new("test", clock.clone(), 7);
    let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
    for id in 0..250 {
        venture(&tools, &format!("V{id}"), 20_000).await;
    }
    let folder = folder(&[("low-mrr.json", &low_mrr())]);
    said(&tools, folder.path(), "rules apply DIR --fold --no-sweep").await.unwrap();
    clock.advance(Duration::from_secs(60 * 60));
    let swept = said(&tools, folder.path(), "rules sweep").await.unwrap();
    assert!(
        swept.starts_with("rules-sweep ventures: 250 snapshots, then 0 a second time; wrote 0 "),
        "{swept}"
    );
    let [b, a] = [2 * 250 + 2, 2 + 3 + 3];
    assert!(swept.contains(&format!("; {b} B + {a} A")), "{swept}");
}

/// Makes the last sweep of ventures one that died when it came to this venture.
fn interrupt(bucket: &Memory, at: &str) {
    let objects = bucket.objects();
    let mut sweeps = objects.iter().filter(|(name, _)| name.contains("_jobs/rules-sweep/ventures"));
    let ((name, object), None) = (sweeps.next().unwrap(), sweeps.next()) else {
        panic!("one object says how far it is")
    };
    let mut progress: Value = serde_json::from_slice(&object.body).unwrap();
    progress["pass"] = json!("first");
    progress["at"] = json!(format!("env/dev/snapshots/ventures/{at}.json"));
    bucket.insert(name, progress.to_string().into(), Upload::default()).unwrap();
}

#[tokio::test]
async fn a_sweep_goes_on_by_the_same_rules_on_the_same_day_alone() {
    let clock = TestClock::at(NOW);
    let bucket = Memory::new("test", clock.clone(), 7);
    let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
    venture(&tools, "V1", 12_000).await;
    venture(&tools, "V2", 12_000).await;
    let folder = folder(&[("stale.json", &stale())]);
    said(&tools, folder.path(), "rules apply DIR --fold --no-sweep").await.unwrap();
    said(&tools, folder.path(), "rules sweep").await.unwrap();
    interrupt(&bucket, "V2");
    let goes_on = "(it goes on from env/dev/snapshots/ventures/V2.json)";
    let swept = said(&tools, folder.path(), "rules sweep").await.unwrap();
    assert!(swept.contains(goes_on), "{swept}");
    interrupt(&bucket, "V2");
    fs::write(folder.path().join("low-mrr.json"), low_mrr().to_string()).unwrap();
    let applied = said(&tools, folder.path(), "rules apply DIR --fold").await.unwrap();
    assert!(applied.contains("rules-sweep ventures: 2 snapshots"), "{applied}");
    assert_eq!(alerts(&bucket), ["low-mrr/V1", "low-mrr/V2"]);
    said(&tools, folder.path(), "rules sweep").await.unwrap();
    interrupt(&bucket, "V2");
    clock.advance(Duration::from_secs(24 * 60 * 60));
    let swept = said(&tools, folder.path(), "rules sweep").await.unwrap();
    assert!(swept.contains("rules-sweep ventures: 2 snapshots"), "{swept}");
}

#[tokio::test]
async fn one_kind_that_cannot_be_swept_leaves_out_no_other() {
    let bucket = bucket();
    let tools = tools(bucket.clone());
    venture(&tools, "V1", 12_000).await;
    let mut idea = stale();
    idea["applies_to"] = json!("idea");
    let folder = folder(&[("idea.json", &idea), ("low-mrr.json", &low_mrr())]);
    said(&tools, folder.path(), "rules apply DIR --fold --no-sweep").await.unwrap();
    let store = Intercepted::new(bucket.clone(), |operation| match operation {
        Operation::Put(name) if name.contains("/rules-sweep/ideas") => {
            Err(Error::new(ErrorKind::Conflict, "as a test"))
        }
        _ => Ok(()),
    });
    let ended = said(&Tools { store, ..tools }, folder.path(), "rules sweep").await;
    assert!(ended.is_err_and(|it| it.contains("rules-sweep ventures: 1 snapshots")));
    assert_eq!(alerts(&bucket), ["low-mrr/V1"]);
}

#[tokio::test]
async fn what_has_been_pruned_is_swept_by_the_run_after_the_one_that_was_stopped() {
    let bucket = bucket();
    let tools = tools(bucket.clone());
    venture(&tools, "V1", 12_000).await;
    let folder = folder(&[("low-mrr.json", &low_mrr()), ("stale.json", &stale())]);
    said(&tools, folder.path(), "rules apply DIR --fold").await.unwrap();
    fs::remove_file(folder.path().join("low-mrr.json")).unwrap();
    let line = "rules apply DIR --fold --prune";
    said(&tools, folder.path(), &format!("{line} --no-sweep")).await.unwrap();
    assert_eq!(alerts(&bucket), ["low-mrr/V1"]);
    for _ in 0..2 {
        said(&tools, folder.path(), line).await.unwrap();
        assert_eq!(alerts(&bucket), ["low-mrr/V1", "low-mrr/V1 resolved"]);
    }
    let again = said(&tools, folder.path(), line).await.unwrap();
    assert!(!again.contains("rules-sweep"), "{again}");
}

#[tokio::test]
async fn a_sweep_begins_when_nobody_knows_the_rules_before() {
    let clock = TestClock::at(NOW);
    let bucket = Memory::new("test", clock.clone(), 7);
    let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
    venture(&tools, "V1", 12_000).await;
    let folder = folder(&[("low-mrr.json", &low_mrr())]);
    said(&tools, folder.path(), "rules apply DIR --fold --no-sweep").await.unwrap();
    let before = tools.clock.now();
    let applied = said(&tools, folder.path(), "rules apply DIR").await.unwrap();
    assert!(applied.contains("waiting 30 s"), "{applied}");
    assert_eq!(alerts(&bucket), ["low-mrr/V1"]);
    assert!(tools.clock.now() >= before.after(rules_engine::RULES_AGE_MAX));
    let after = tools.clock.now();
    said(&tools, folder.path(), "rules apply DIR").await.unwrap();
    assert_eq!(tools.clock.now(), after);
}

#[tokio::test]
async fn a_backtest_does_not_count_what_was_open_long_before() {
    let clock = TestClock::at("2025-01-01T12:00:00Z");
    let bucket = Memory::new("test", clock.clone(), 7);
    let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
    venture(&tools, "V1", 12_000).await;
    clock.advance(Duration::from_secs(300 * 24 * 60 * 60));
    let folder = folder(&[("stale.json", &stale())]);
    let line = "rules backtest DIR/stale.json --since 30d --json";
    let found = said(&tools, folder.path(), line).await.unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!((&found["fired"], &found["open"]), (&json!(0), &json!(1)), "{found}");
}

#[tokio::test]
async fn a_backtest_counts_what_opens_when_a_cooldown_is_over() {
    let clock = TestClock::at("2025-11-01T12:00:00Z");
    let bucket = Memory::new("test", clock.clone(), 7);
    let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
    for mrr in [20_000, 1, 20_000, 2] {
        venture(&tools, "V1", mrr).await;
        clock.advance(Duration::from_secs(60 * 60));
    }
    clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    let mut rule = low_mrr();
    rule["fires"] = json!({ "when": "on_enter", "cooldown": "1d" });
    let folder = folder(&[("low-mrr.json", &rule)]);
    let line = "rules backtest DIR/low-mrr.json --since 2025-11-01T00:00:00Z --json";
    let found = said(&tools, folder.path(), line).await.unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["days"], json!({ "2025-11-01": 1, "2025-11-03": 1 }), "{found}");
}

#[tokio::test]
async fn a_rule_that_would_never_hold_is_not_written() {
    let bucket = bucket();
    let tools = tools(bucket.clone());
    let mut rule = low_mrr();
    rule["condition"] = json!({ "all": [{ "path": "status", "op": "matches", "value": "(" }] });
    rule["fires"] = json!({ "when": "on_enter", "cooldown": "0m" });
    let folder = folder(&[("rule.json", &rule)]);
    let line = "write rule r --file DIR/rule.json";
    let found = said(&tools, folder.path(), line).await.unwrap_err();
    expect![[r#"
        refused, nothing is written:
          /fires/cooldown: is no span of time above nothing: 15m, 12h, 30d, 2w
          /condition/all/0/value: is no regular expression that can be used: found open group without closing ')'"#]].assert_eq(&found);
    assert!(bucket.objects().is_empty());
    // One that is not in force does no harm.
    rule["enabled"] = json!(false);
    fs::write(folder.path().join("rule.json"), rule.to_string()).unwrap();
    said(&tools, folder.path(), line).await.unwrap();
}
