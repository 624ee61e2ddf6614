//! What holds of any target, of any value of a target, of any address, and of any alert.
//!
//! Behind the feature `fuzzing`: the target in `fuzz/` calls it, and so do the tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::fuzzing::{Choices, REASON_BYTES_MAX};
use domain::json::Object;
use serde_json::Value;

use crate::channel::{CHANNELS_MAX, Mail, block_kit, letter};
use crate::target::Destination;
use crate::{
    Channel, Hosts, MESSAGE_CHARS_MAX, Target, Told, Url, address, channels, idempotency_key,
    render, unknown,
};

/// What is in no message of an error, wherever it stands in what is refused.
const SECRET: &str = "T0pS3cretT0ken";

/// Pieces of URLs that somebody would try.
const PIECES: [&str; 40] = [
    "https://",
    "127",
    "0x7f",
    "1",
    "0",
    "169.254",
    "2852039166",
    "metadata",
    "google",
    "internal",
    "localhost",
    ".",
    "..",
    "-",
    "com",
    "example",
    "@",
    ":",
    "443",
    "[",
    "]",
    "::",
    "%",
    "%2f",
    "/",
    "\\",
    "?",
    "#",
    "A",
    "\u{3002}",
    "\t",
    "\u{ff0e}",
    "xn--",
    "_",
    "env://ALERT_TARGET_",
    "sm://",
    "projects/",
    "/secrets/",
    "/versions/",
    SECRET,
];

/// Fields of alerts, of channels and of values of targets, and what stands in them.
const WORDS: [&str; 32] = [
    "alert_id",
    "rule_id",
    "entity",
    "id",
    "name",
    "severity",
    "message",
    "status",
    "resolved",
    "matched",
    "path",
    "op",
    "found",
    "value",
    "channels",
    "log",
    "storage",
    "type",
    "target",
    "webhook",
    "slack",
    "email",
    "ops@example.org",
    "https://example.com/hook",
    "env://ALERT_TARGET_OPS",
    "url",
    "key",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "headers",
    "body",
    "{{id}} {{matched.0.found}}",
    SECRET,
];

/// Pieces of templates.
const TEMPLATE: [&str; 12] =
    ["{{", "}}", "{", "}", "id", "matched", ".0.", "found", " ", "\u{6771}", "\u{0}", "path"];

/// Asserts what holds of the bytes as a target, as its value and as a list of hosts, and of
/// addresses, templates and alerts made of them.
pub fn egress(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let text = String::from_utf8_lossy(bytes).into_owned();
    let made = pieces(&mut choices, &PIECES);
    for text in [&text, &format!("https://{text}"), &made, &format!("https://{made}")] {
        url(text);
        target(text);
        hosts(text);
        destination(text);
    }
    destination(&Value::Object(choices.object(&WORDS)).to_string());
    let [high, low] = [choices.number(), choices.number()];
    addresses(u128::from(high) << 64 | u128::from(low));

    let alert = choices.object(&WORDS);
    let template = pieces(&mut choices, &TEMPLATE);
    for template in [&text, &template] {
        let message = render(template, &alert, 100);
        assert!(message.chars().count() <= 100, "{message}");
        for name in unknown(template) {
            assert!(template.contains(name), "{name} is not in {template}");
            assert_eq!(render(&format!("{{{{{name}}}}}"), &alert, 9000), format!("{{{{{name}}}}}"));
        }
    }
    told(&alert);
    let listed = (0..choices.below(30)).map(|_| choices.value(&WORDS)).collect();
    sent(&Object::from_iter([("channels".to_owned(), listed)]));
}

fn pieces(choices: &mut Choices<'_>, list: &[&str]) -> String {
    (0..choices.below(16)).map(|_| choices.word(list)).collect()
}

/// A URL names a public host, in one spelling; what is refused is not quoted.
fn url(text: &str) {
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(why) => return is_silent(&why),
    };
    let host = url.host();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    assert!(host.chars().all(plain) && host.contains('.'), "{text:?}");
    assert!(host.parse::<IpAddr>().is_err(), "{text:?}");
    let last = host.rsplit('.').next().unwrap_or_default();
    assert!(last.starts_with(|c: char| c.is_ascii_lowercase()), "{text:?}");
    assert!(!["internal", "localhost", "local"].contains(&last), "{text:?}");
    assert!(url.target().starts_with('/') && !text.contains('\\'), "{text:?}");
    // What it comes to reads the same.
    let again = format!("https://{}{}", url.authority(), url.target());
    assert_eq!(Url::parse(&again), Ok(url));
}

/// A target is read as it is shown, but for what stands behind the host of a URL.
fn target(text: &str) {
    let target = match Target::parse(text) {
        Ok(target) => target,
        Err(why) => return is_silent(&why),
    };
    let shown = target.to_string();
    match &target {
        Target::Url(url) => assert_eq!(shown, format!("https://{}/…", url.authority())),
        Target::Variable(_) | Target::Secret(_) => assert_eq!(Target::parse(&shown), Ok(target)),
    }
}

fn hosts(text: &str) {
    match text.parse::<Hosts>() {
        Ok(hosts) => assert_eq!(hosts.to_string().parse(), Ok(hosts)),
        Err(why) => is_silent(&why.to_string()),
    }
}

fn destination(value: &str) {
    match Destination::read(value) {
        Ok(destination) => {
            is_silent(&format!("{destination:?}"));
            for (name, value) in &destination.headers {
                let text = format!("{name}: {value}");
                assert!(text.bytes().all(|b| matches!(b, 0x20..=0x7e)), "{text:?}");
            }
        }
        Err(why) => is_silent(&why),
    }
}

/// An error is one short line, and quotes nothing.
fn is_silent(why: &str) {
    assert!(why.len() <= REASON_BYTES_MAX && !why.contains('\n'), "{why:?}");
    assert!(!why.to_ascii_lowercase().contains(&SECRET.to_ascii_lowercase()), "{why:?}");
}

/// Whatever the standard library knows as not public is refused.
fn addresses(bits: u128) {
    let four = Ipv4Addr::from_bits(bits as u32);
    let known = four.is_private()
        || four.is_loopback()
        || four.is_link_local()
        || four.is_multicast()
        || four.is_broadcast()
        || four.is_documentation()
        || four.is_unspecified();
    let refused = |address: IpAddr| address::refused(address).is_some();
    assert!(!known || refused(four.into()), "{four}");
    assert!(refused(four.to_ipv6_mapped().into()), "{four}");
    let six = Ipv6Addr::from_bits(bits);
    let public = six.segments()[0] & 0xe000 == 0x2000;
    assert!(public || refused(six.into()), "{six}");
}

/// Whatever an alert says, it is told within the bounds of those who tell it.
fn told(alert: &Object) {
    let told = Told { alert, object: "env/dev/reports/alerts/r/V1/A1.json" };
    assert!(told.message().chars().count() <= MESSAGE_CHARS_MAX);
    assert!(!told.title().contains(char::is_control), "{:?}", told.title());
    let blocks = block_kit(told);
    assert!(blocks["blocks"].as_array().is_some_and(|it| (1..=50).contains(&it.len())));
    let mail = Mail { from: "from", to: "to", key: "key", told };
    assert!(letter(None, &mail).is_object());
}

/// Channels are told apart by words that fit into names, and each has a key of its own.
fn sent(alert: &Object) {
    let (channels, _) = channels(alert);
    assert!((1..=CHANNELS_MAX).contains(&channels.len()));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_~".contains(c);
    for pair in channels.windows(2) {
        assert!(pair[0].word < pair[1].word, "{pair:?}");
        assert_ne!(idempotency_key("x", &pair[0]), idempotency_key("x", &pair[1]));
    }
    for named in &channels {
        assert!((1..=80).contains(&named.word.len()) && named.word.chars().all(plain), "{named:?}");
        if let Channel::Unknown(why) = &named.channel {
            is_silent(why);
        }
    }
}
