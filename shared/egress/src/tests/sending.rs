//! From a channel to a request.

use std::sync::Arc;

use expect_test::expect;
use serde_json::Value;

use crate::{Channel, Egress, SettingError, Settings, Target, Unsent};

use super::{ALERT, KEY, Posts, egress, object, told};

const SIGNED: [(&str, &str); 2] =
    [("WEBHOOK_KEY", "env://ALERT_TARGET_KEY"), ("ALERT_TARGET_KEY", KEY)];

fn webhook(target: &str) -> Channel {
    Channel::Webhook(Target::parse(target).unwrap())
}

async fn send(egress: &Egress, channel: &Channel) -> Result<(), Unsent> {
    egress.send(channel, "alert_1", told(&object(ALERT))).await
}

/// Why nothing is sent, and that nothing is.
async fn refused(channel: &Channel, variables: &[(&str, &str)]) -> String {
    let posts = Posts::answering(Ok(204));
    let unsent = send(&egress(posts.clone(), variables), channel).await.unwrap_err();
    assert!(posts.take().is_empty() && !unsent.passes, "{unsent}");
    assert!(!unsent.reason.contains("hunter2"), "{unsent}");
    unsent.reason
}

#[tokio::test]
async fn a_webhook_gets_the_whole_alert_signed() {
    let posts = Posts::answering(Ok(204));
    let channel = webhook("https://hooks.example.com/a?b=c");
    assert_eq!(send(&egress(posts.clone(), &SIGNED), &channel).await, Ok(()));
    let post = posts.take().remove(0);
    assert_eq!(post.to, "https://hooks.example.com/a?b=c");
    let lines: Vec<String> =
        post.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    expect![[r#"
        webhook-id: alert_1
        webhook-timestamp: 1762430400
        webhook-signature: v1,xTn8xf8BDrJLYrXL76F3BhzVb+2pXG7GtW99L6moQqs=
        content-type: application/json
        idempotency-key: alert_1

        {"type":"alert.opened","timestamp":"2025-11-06T10:00:01Z","data":{"alert_id":"01K9","rule_id":"low-runway","rule_digest":"d","entity":"venture","id":"V1","env":"prod","ptr":"env/prod/snapshots/ventures/V1.json","source_generation":"7","since":{"updated_at":"2025-11-06T10:00:01Z","name":"x"},"matched":[{"path":"kpis.MRR","op":"lt","value":100,"found":50.60},{"path":"status","op":"eq","value":"Pilot","found":"Pilot"},{"path":"lead","op":"missing"}],"name":"Low runway","severity":"critical","message":"V1 has 50.60 of 100","status":"open","fired":"enter","object":"env/prod/reports/alerts/low-runway/V1/01K9.json"}}"#]].assert_eq(&format!("{}\n\n{}", lines.join("\n"), post.body));
}

#[tokio::test]
async fn nobody_is_sent_the_targets_of_others() {
    let other = "https://hooks.slack.com/services/T/B/hunter2";
    let mut alert = object(ALERT);
    let channels = format!(r#"{{"channels":[{{"type":"slack","target":"{other}"}},"log"]}}"#);
    alert.extend(object(&channels));
    let api = r#"{"url":"https://api.example.com/send"}"#;
    let variables = [
        SIGNED[0],
        SIGNED[1],
        ("EMAIL_API", "env://ALERT_TARGET_MAIL"),
        ("EMAIL_FROM", "strata@example.com"),
        ("ALERT_TARGET_MAIL", api),
        ("ALERT_TARGET_SLACK", other),
    ];
    for channel in [
        webhook("https://hooks.example.com/a"),
        Channel::Slack(Target::parse("env://ALERT_TARGET_SLACK").unwrap()),
        Channel::Email("ops@example.com".to_owned()),
    ] {
        let posts = Posts::answering(Ok(204));
        let sent = egress(posts.clone(), &variables).send(&channel, "alert_1", told(&alert)).await;
        assert_eq!(sent, Ok(()));
        let body = posts.take().remove(0).body.to_string();
        assert!(
            body.contains("V1") && !body.contains("hunter2") && !body.contains("channels"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn every_attempt_has_one_key_and_a_time_of_its_own() {
    let posts = Posts::answering(Err(Unsent::passing("no answer in time")));
    let (mut egress, clock) = (egress(posts.clone(), &SIGNED), super::Still::new());
    egress.clock = clock.clone();
    for _ in 0..2 {
        let unsent = send(&egress, &webhook("https://hooks.example.com/a")).await.unwrap_err();
        assert_eq!(unsent, Unsent::passing("https://hooks.example.com/…: no answer in time"));
        clock.advance(std::time::Duration::from_secs(5));
    }
    let sent = posts.take();
    let of = |name: &str| -> Vec<String> {
        sent.iter().map(|post| post.header(name).unwrap().to_owned()).collect()
    };
    assert_eq!(of("webhook-id"), ["alert_1", "alert_1"]);
    assert_eq!(of("idempotency-key"), ["alert_1", "alert_1"]);
    assert_eq!(of("webhook-timestamp"), ["1762430400", "1762430405"]);
    assert_ne!(of("webhook-signature")[0], of("webhook-signature")[1]);
}

#[tokio::test]
async fn a_target_can_bring_its_own_key_and_headers() {
    let own = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let value = format!(
        r#"{{"url":"https://hooks.example.com/a","key":"{own}","headers":{{"X-Team":"ops","Idempotency-Key":"theirs"}}}}"#
    );
    let posts = Posts::answering(Ok(200));
    let variables = [("ALERT_TARGET_OPS", &*value)];
    assert_eq!(
        send(&egress(posts.clone(), &variables), &webhook("env://ALERT_TARGET_OPS")).await,
        Ok(())
    );
    let post = posts.take().remove(0);
    assert_eq!(post.header("x-team"), Some("ops"));
    assert_eq!(post.header("idempotency-key"), Some("theirs"));
    assert_eq!(post.header("webhook-id"), Some("alert_1"));
    let signature = post.header("webhook-signature").unwrap().to_owned();
    assert_eq!(
        send(&egress(posts.clone(), &SIGNED), &webhook("https://hooks.example.com/a")).await,
        Ok(())
    );
    assert_ne!(posts.take()[0].header("webhook-signature"), Some(&*signature));
}

#[tokio::test]
async fn slack_gets_a_message_without_a_signature() {
    let posts = Posts::answering(Ok(200));
    let channel = Channel::Slack(Target::parse("env://ALERT_TARGET_SLACK").unwrap());
    let variables = [("ALERT_TARGET_SLACK", "https://hooks.slack.com/services/T/B/x")];
    assert_eq!(send(&egress(posts.clone(), &variables), &channel).await, Ok(()));
    let post = posts.take().remove(0);
    assert_eq!(post.to, "https://hooks.slack.com/services/T/B/x");
    assert_eq!(post.header("webhook-signature"), None);
    assert!(post.body["blocks"].is_array());
}

#[tokio::test]
async fn mail_is_handed_to_the_api_that_the_settings_name() {
    let posts = Posts::answering(Ok(202));
    let api = r#"{"url":"https://api.example.com/send","headers":{"authorization":"Bearer hunter2"},"body":{"to":["{{to}}"],"from":"{{from}}","subject":"{{subject}}","id":"{{key}}"}}"#;
    let variables = [
        ("EMAIL_API", "env://ALERT_TARGET_MAIL"),
        ("EMAIL_FROM", "Strata <alerts@example.com>"),
        ("ALERT_TARGET_MAIL", api),
    ];
    let channel = Channel::Email("ops@example.com".to_owned());
    assert_eq!(send(&egress(posts.clone(), &variables), &channel).await, Ok(()));
    let post = posts.take().remove(0);
    assert_eq!(post.header("authorization"), Some("Bearer hunter2"));
    expect![[r#"{"to":["ops@example.com"],"from":"Strata <alerts@example.com>","subject":"CRITICAL: Low runway (venture V1)","id":"alert_1"}"#]].assert_eq(&post.body.to_string());
    let unset = |without: usize| {
        let mut variables = variables.to_vec();
        variables.remove(without);
        variables
    };
    assert_eq!(refused(&channel, &unset(0)).await, "EMAIL_API is not set");
    assert_eq!(refused(&channel, &unset(1)).await, "EMAIL_FROM is not set");
    let missing = "EMAIL_API: env://ALERT_TARGET_MAIL: the variable is not set";
    assert_eq!(refused(&channel, &unset(2)).await, missing);
    let hostile = Channel::Email("a@example.com,b@example.com".to_owned());
    assert_eq!(refused(&hostile, &variables).await, "the target of a mail is an address");
}

#[tokio::test]
async fn nothing_leaves_where_it_must_not() {
    let key = "WEBHOOK_KEY: env://ALERT_TARGET_KEY: ";
    let (hosts, unset) =
        ([SIGNED.as_slice(), &[("EGRESS_HOSTS", "*.example.org")]].concat(), &[] as &[_]);
    let direct = "https://hooks.example.com/hunter2";
    for (target, variables, expected) in [
        (direct, &*hosts, "https://hooks.example.com/…: the host is not in EGRESS_HOSTS".to_owned()),
        ("https://a.example.org:8443/", &*hosts, "https://a.example.org:8443/…: port 8443 is not permitted; EGRESS_HOSTS names those that are".to_owned()),
        (direct, unset, "no key to sign with: set WEBHOOK_KEY, or give the target its own".to_owned()),
        (direct, &SIGNED[..1], format!("{key}the variable is not set")),
        ("env://ALERT_TARGET_OPS", &SIGNED, "env://ALERT_TARGET_OPS: the variable is not set".to_owned()),
        ("sm://ops", &SIGNED, "sm://ops: there is no Secret Manager here".to_owned()),
    ] {
        assert_eq!(refused(&webhook(target), variables).await, expected, "{target}");
    }
    for (value, expected) in [
        ("hunter2", "the URL does not begin with https://"),
        ("http://169.254.169.254/hunter2", "the URL does not begin with https://"),
        ("https://metadata.google.internal/hunter2", "the host is not a public one"),
        ("https://hunter2@hooks.example.com/", "the URL names a user"),
        (
            "https://hooks.example.com:22/hunter2",
            "port 22 is not permitted; EGRESS_HOSTS names those that are",
        ),
        (r#"{"url":"https://10.0.0.1/hunter2"}"#, "the host is an address; a target names a host"),
    ] {
        let variables = [SIGNED.as_slice(), &[("ALERT_TARGET_OPS", value)]].concat();
        let found = refused(&webhook("env://ALERT_TARGET_OPS"), &variables).await;
        assert_eq!(found, format!("env://ALERT_TARGET_OPS: {expected}"));
    }
    let variables = [SIGNED[0], ("ALERT_TARGET_KEY", "hunter2")];
    let found = refused(&webhook(direct), &variables).await;
    assert_eq!(found, "WEBHOOK_KEY: a key is whsec_ and base64 of 24 to 64 random bytes");
    let unknown = Channel::Unknown("no such channel".to_owned());
    assert_eq!(refused(&unknown, &SIGNED).await, "no such channel");
    assert_eq!(refused(&Channel::Log, &SIGNED).await, "nothing is sent there");
}

#[test]
fn settings_that_cannot_be_used_are_named_and_not_shown() {
    for (var, value, expected) in [
        ("EGRESS_HOSTS", "localhost", "entry 1: the host is not a public one"),
        ("WEBHOOK_KEY", KEY, "a target is https://…, env://NAME, sm://SECRET or projects/…"),
        (
            "WEBHOOK_KEY",
            "https://example.com/hunter2",
            "it is env://NAME or sm://SECRET, where the key is",
        ),
        ("EMAIL_API", "http://example.com/", "a target is reached over https, not http"),
        ("EMAIL_FROM", "hunter2", "it is an address, or a name and <an address>"),
        (
            "EMAIL_FROM",
            "a@example.com\r\nBcc: b@example.com",
            "it is an address, or a name and <an address>",
        ),
        (
            "EMAIL_FROM",
            "a\r\nBcc: b <a@example.com>",
            "it is an address, or a name and <an address>",
        ),
    ] {
        let read = |name: &str| Ok::<_, SettingError>((name == var).then(|| value.to_owned()));
        let err = Settings::read(read).unwrap_err().to_string();
        assert_eq!(err, format!("environment variable {var} cannot be used: {expected}"));
    }
    assert!(Settings::read(|_| Ok::<_, SettingError>(None)).is_ok());
}

#[tokio::test]
async fn nothing_that_is_secret_is_shown() {
    let posts = Posts::answering(Ok(500));
    let variables =
        [SIGNED.as_slice(), &[("ALERT_TARGET_OPS", "https://hooks.example.com/hunter2")]].concat();
    let egress = egress(posts, &variables);
    let unsent = send(&egress, &webhook("env://ALERT_TARGET_OPS")).await.unwrap_err();
    assert_eq!(unsent, Unsent::passing("env://ALERT_TARGET_OPS: answer 500"));
    let settings = format!("{:?}", egress.settings);
    assert!(!settings.contains("hunter2"), "{settings}");
    let alert: Value = object(ALERT).into();
    assert!(alert.is_object());
    drop(Arc::new(egress));
}
