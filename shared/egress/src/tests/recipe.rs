//! The signature: against the standard's own example, and by the receiver of docs/webhooks.md, run as
//! it stands there.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use domain::Instant;

use crate::signature::Keys;
use crate::{Channel, Egress, Target};

use super::receiver::{PUBLIC, Receiver, Then};
use super::{ALERT, KEY, egress, object, told};

const PAGE: &str = include_str!("../../../../docs/webhooks.md");

#[test]
fn it_is_that_of_the_standard() {
    let keys = Keys::read(KEY).unwrap();
    let at = Instant::from_unix_millis(1_614_265_330_999);
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let headers = keys.headers(id, at, br#"{"test": 2432232314}"#);
    let expected = [
        ("webhook-id", id),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn each_key_signs_and_what_is_none_is_refused() {
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let at = Instant::from_unix_millis(0);
    let signature = |keys: &str| {
        let [_, _, (_, signature)] = Keys::read(keys).unwrap().headers("a", at, b"b");
        signature
    };
    assert_eq!(
        signature(&format!(" {KEY}\n{other} ")),
        format!("{} {}", signature(KEY), signature(other))
    );
    let expected = "a key is whsec_ and base64 of 24 to 64 random bytes";
    let five = [KEY; 5].join(" ");
    for text in [
        "",
        " ",
        "hunter2",
        "whsec_",
        "whsec_AAAA",
        "whsec_!!!!",
        &KEY[6..],
        &five,
        &format!("{KEY} x"),
    ] {
        assert_eq!(Keys::read(text).unwrap_err(), expected, "{text}");
    }
    assert!(Keys::read(&format!("whsec_{}", "A".repeat(88))).is_err());
}

/// The receiver of the page.
struct Recipe {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Recipe {
    /// Nothing where there is no Python.
    fn start(key: &str) -> Option<Self> {
        let code = PAGE.split("```python\n").nth(1).unwrap().split("\n```").next().unwrap();
        let mut command = Command::new("python3");
        command.args(["-I", "-c", code]).stdout(Stdio::piped());
        command.envs([("WEBHOOK_KEY", key), ("PORT", "0")]);
        let mut process = command.spawn().ok()?;
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let listening = said.next().unwrap().unwrap();
        let port = listening.strip_prefix("listening on ").unwrap().parse().unwrap();
        Some(Self { process, said, port })
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Sends one alert, as the function does, to the receiver of the page.
async fn send(egress: &Egress, message: &str, key: &str) -> Result<(), String> {
    let mut alert = object(ALERT);
    alert.insert("message".to_owned(), message.into());
    let target = Target::parse("https://hooks.example.com/strata").unwrap();
    let sent = egress.send(&Channel::Webhook(target), key, told(&alert)).await;
    sent.map_err(|unsent| unsent.reason)
}

#[tokio::test]
async fn the_receiver_of_the_page_takes_what_is_sent_and_nothing_else() {
    let Some(mut recipe) = Recipe::start(KEY) else {
        println!("left out: there is no python3");
        return;
    };
    let receiver = Receiver::start(vec![Then::Pass(recipe.port)]).await;
    let client = Arc::new(receiver.client(&[PUBLIC]).0);
    let with = |key: &str, at: i64| {
        let variables = [("WEBHOOK_KEY", "env://ALERT_TARGET_KEY"), ("ALERT_TARGET_KEY", key)];
        let mut egress = egress(client.clone(), &variables);
        egress.clock = Arc::new(At(Instant::from_unix_millis(at)));
        egress
    };
    let now = std::process::Command::new("date").arg("+%s").output().unwrap().stdout;
    let now: i64 = String::from_utf8(now).unwrap().trim().parse().unwrap();
    let now = now * 1000;
    let refused = Err("https://hooks.example.com/…: answer 401".to_owned());
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let both = format!("{other} {KEY}");
    assert_eq!(send(&with(KEY, now), "{{id}} is low: 東京", "alert_1").await, Ok(()));
    assert_eq!(send(&with(KEY, now), "again", "alert_1").await, Ok(()));
    assert_eq!(send(&with(other, now), "forged", "alert_2").await, refused);
    assert_eq!(send(&with(KEY, now - 301_000), "old", "alert_3").await, refused);
    assert_eq!(send(&with(KEY, now + 400_000), "early", "alert_4").await, refused);
    assert_eq!(send(&with(&both, now), "while the key is replaced", "alert_5").await, Ok(()));
    // Each is handled once.
    let handled: Vec<String> = recipe.said.by_ref().take(2).map(Result::unwrap).collect();
    assert_eq!(
        handled,
        ["open low-runway V1 V1 is low: 東京", "open low-runway V1 while the key is replaced",]
    );
}

/// A clock at one instant.
struct At(Instant);

impl domain::Clock for At {
    fn now(&self) -> Instant {
        self.0
    }

    fn sleep(&self, _: std::time::Duration) -> domain::BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
