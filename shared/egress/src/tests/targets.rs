//! Targets and channels as a rule names them.

use expect_test::expect;
use serde_json::json;

use crate::target::Destination;
use crate::{CHANNELS_MAX, Channel, Target, channels, idempotency_key};

use super::{KEY, OBJECT, object};

#[test]
fn a_target_is_a_url_a_variable_or_a_secret() {
    for (text, shown) in [
        ("https://example.com/a?token=b", "https://example.com/…"),
        ("HTTPS://example.com/", "https://example.com/…"),
        ("env://ALERT_TARGET_OPS_2", "env://ALERT_TARGET_OPS_2"),
        ("sm://slack-ops", "sm://slack-ops"),
        ("sm://projects/p/secrets/s", "sm://projects/p/secrets/s/versions/latest"),
        ("projects/p/secrets/s/versions/5", "sm://projects/p/secrets/s/versions/5"),
        ("projects/acme.com:p/secrets/s", "sm://projects/acme.com:p/secrets/s/versions/latest"),
    ] {
        let target = Target::parse(text).unwrap();
        assert_eq!(
            (target.to_string(), format!("{target:?}")),
            (shown.into(), format!("Target({shown})"))
        );
    }
}

#[test]
fn what_is_none_is_refused_and_not_repeated() {
    let secret = "a secret is sm://NAME or [sm://]projects/PROJECT/secrets/NAME[/versions/VERSION]";
    let variable = "env:// reads variables ALERT_TARGET_… alone, of A-Z, 0-9 and _, so that no rule can have another setting sent away";
    let none = "a target is https://…, env://NAME, sm://SECRET or projects/…";
    let http = "a target is reached over https, not http";
    for (text, expected) in [
        ("http://example.com/", http),
        ("HTTP://169.254.169.254/computeMetadata/v1/", http),
        ("file:///etc/passwd", none),
        ("gopher://example.com", none),
        ("", none),
        ("example.com", none),
        ("hunter2", none),
        ("ENV://ALERT_TARGET_A", none),
        ("env://", variable),
        ("env://PATH", variable),
        ("env://GOOGLE_OAUTH_ACCESS_TOKEN", variable),
        ("env://ALERT_TARGET_", variable),
        ("env://ALERT_TARGET_a", variable),
        ("env://XALERT_TARGET_A", variable),
        ("env://ALERT_TARGET_A/../PATH", variable),
        ("sm://", secret),
        ("sm://a/b", secret),
        ("sm://..", secret),
        ("sm://a?b", secret),
        ("sm://projects/p/secrets/s/versions/", secret),
        ("sm://projects/p/secrets/s/versions/1:access", secret),
        ("sm://a.b", secret),
        ("projects/p/locations/l/secrets/s", secret),
        ("projects/p/secrets/../versions/1", secret),
        ("https://10.0.0.1/", "the host is an address; a target names a host"),
    ] {
        assert_eq!(Target::parse(text).unwrap_err(), expected, "{text}");
    }
    let long = format!("env://ALERT_TARGET_{}", "A".repeat(2048));
    assert_eq!(Target::parse(&long).unwrap_err(), "a target has at most 2048 bytes");
    assert_eq!(Target::parse(&long[..200]).unwrap_err(), variable);
}

#[test]
fn what_a_secret_says_is_a_url_or_an_object_and_is_never_told() {
    let read = |value: &str| Destination::read(value);
    let url = read(" https://example.com/hook\n").unwrap();
    assert_eq!((url.url.host(), url.keys.is_none()), ("example.com", true));
    let whole = json!({
        "url": "https://example.com/hook",
        "key": KEY,
        "headers": {"Authorization": "Bearer hunter2"},
        "body": {"to": "{{to}}"},
    });
    let whole = read(&whole.to_string()).unwrap();
    assert_eq!(whole.headers, [("authorization".to_owned(), "Bearer hunter2".to_owned())]);
    assert!(whole.keys.is_some() && whole.body.is_some());
    assert_eq!(format!("{whole:?} {:?}", whole.keys), "Destination(…) Some(Keys(…))");
    let many: serde_json::Map<_, _> = (0..17).map(|at| (format!("x-{at}"), json!(""))).collect();
    let headers = |headers: serde_json::Value| {
        json!({"url": "https://example.com", "headers": headers}).to_string()
    };
    for (value, expected) in [
        ("hunter2".to_owned(), "the URL does not begin with https://"),
        ("{hunter2".to_owned(), "it is neither a URL nor a JSON object"),
        (
            r#"{"url":"https://a.org","url":"https://b.org"}"#.to_owned(),
            "it is neither a URL nor a JSON object",
        ),
        ("{}".to_owned(), "its `url` is no text"),
        (r#"{"url":7}"#.to_owned(), "its `url` is no text"),
        (
            r#"{"url":"https://127.0.0.1/"}"#.to_owned(),
            "the host is an address; a target names a host",
        ),
        (
            r#"{"url":"https://a.org","key":"hunter2"}"#.to_owned(),
            "a key is whsec_ and base64 of 24 to 64 random bytes",
        ),
        (r#"{"url":"https://a.org","key":[]}"#.to_owned(), "its `key` is no text"),
        (
            r#"{"url":"https://a.org","hunter2":1}"#.to_owned(),
            "it has other fields than url, key, headers, body",
        ),
        (r#"{"url":"https://a.org","body":"x"}"#.to_owned(), "its `body` is no object"),
        (headers(json!([])), "its `headers` are no object"),
        (headers(json!(many)), "it has more than 16 headers"),
        (headers(json!({"a\r\nb": "x"})), "a name of its `headers` is none"),
        (headers(json!({"": "x"})), "a name of its `headers` is none"),
        (headers(json!({"a": "x\r\nhost: evil"})), "a value of its `headers` is no line of ASCII"),
        (headers(json!({"a": 1})), "a value of its `headers` is no line of ASCII"),
        (headers(json!({"Host": "evil.org"})), "its `headers` have one that is set by the sender"),
        (
            headers(json!({"Content-Length": "0"})),
            "its `headers` have one that is set by the sender",
        ),
        (
            headers(json!({"Webhook-Signature": "v1,x"})),
            "its `headers` have one that is set by the sender",
        ),
    ] {
        assert_eq!(read(&value).unwrap_err(), expected, "{value}");
    }
}

#[test]
fn channels_come_once_each_with_a_word_for_each_target() {
    let alert = object(
        r#"{"channels":["log","log","storage","pager","",
            {"type":"webhook","target":"https://example.com/a"},
            {"target":"https://example.com/a","type":"webhook","other":1},
            {"type":"webhook","target":"https://example.com/b"},
            {"type":"slack","target":"https://example.com/a"},
            {"type":"email","target":"ops@example.com"},
            {"type":"email","target":"ops@example.com\r\nBcc: x@example.com"},
            {"type":"webhook","target":"http://169.254.169.254/"},
            {"type":"webhook"}, {"type":"carrier-pigeon","target":"x"}, 7]}"#,
    );
    let (found, more) = channels(&alert);
    let lines: Vec<String> = found
        .iter()
        .map(|it| match &it.channel {
            Channel::Unknown(why) => format!("{} | {it} | {why}", it.word),
            _ => format!("{} | {it}", it.word),
        })
        .collect();
    assert_eq!(more, 0);
    expect![[r#"
        email~437c1ed337601865 | email ops@example.com
        log | log
        pager | pager | no such channel: there are log, storage, webhook, slack and email
        slack~e4d7efe533a387bb | slack https://example.com/…
        storage | storage
        unknown~0d5046f5caeb7bbd | unknown | no such channel: there are log, storage, webhook, slack and email
        unknown~374708fff7719dd5 | unknown | no such channel: there are log, storage, webhook, slack and email
        unknown~44e8ea5eeb420f43 | unknown | the target of a mail is an address
        unknown~88cd04ff4d677d52 | unknown | the channel has no target
        unknown~8af4712826d1a50b | unknown | a target is reached over https, not http
        webhook~3f7f8dc95c0e777c | webhook https://example.com/…
        webhook~6182f8ac029f14fc | webhook https://example.com/…
        ~e3b0c44298fc1c14 |  | no such channel: there are log, storage, webhook, slack and email"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn without_channels_it_is_the_log_and_too_many_are_counted() {
    for alert in ["{}", r#"{"channels":"log"}"#, r#"{"channels":[]}"#] {
        let (found, more) = channels(&object(alert));
        assert_eq!((found[0].channel.clone(), found.len(), more), (Channel::Log, 1, 0), "{alert}");
    }
    let many: Vec<_> = (0..CHANNELS_MAX + 3).map(|at| json!(format!("c{at}"))).collect();
    let (found, more) = channels(&object(&json!({"channels": many}).to_string()));
    assert_eq!((found.len(), more), (CHANNELS_MAX, 3));
}

#[test]
fn an_idempotency_key_is_that_of_one_alert_and_one_target() {
    let alert = object(
        r#"{"channels":[{"type":"webhook","target":"sm://a"},{"type":"webhook","target":"sm://b"}]}"#,
    );
    let (found, _) = channels(&alert);
    let keys = |object: &str| -> Vec<String> {
        found.iter().map(|it| idempotency_key(object, it)).collect()
    };
    let here = keys(OBJECT);
    assert_eq!(here, keys(OBJECT));
    let there = keys("env/dev/reports/alerts/low-runway/V1/01K9.json");
    let mut all = [here, there].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|key| key.starts_with("alert_") && !key.contains('.')));
}
