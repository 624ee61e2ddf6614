//! What leaves, and what happens with receivers that wish us ill.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use expect_test::expect;

use crate::{Answer, Outside as _, Parcel, Unsent, Url};

use super::receiver::{PUBLIC, Receiver, TIME_MAX, Then};

fn parcel(url: &str) -> Parcel {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Parcel { url: Url::parse(url).unwrap(), headers, body: "{\"a\":1}".into() }
}

fn say(head: &str) -> Then {
    Then::Say(format!("HTTP/1.1 {head}\r\n\r\n"))
}

/// What comes of one request.
async fn post(step: Then) -> (Result<Answer, Unsent>, usize) {
    let receiver = Receiver::start(vec![step]).await;
    let (client, _) = receiver.client(&[PUBLIC]);
    let answer = client.post(&parcel("https://hooks.example.com/a?b=c")).await;
    (answer, receiver.connections.load(Ordering::SeqCst))
}

/// The reason why it is not known to have arrived.
async fn unsent(step: Then) -> String {
    let (answer, connections) = post(step).await;
    assert_eq!(connections, 1, "nothing is repeated");
    let Unsent { passes, reason } = answer.and_then(|it| it.accepted()).unwrap_err();
    format!("{} {reason}", if passes { "passes:" } else { "lasts:" })
}

#[tokio::test]
async fn a_request_has_what_it_needs_and_nothing_else() {
    let receiver = Receiver::start(vec![say("204 No Content\r\ncontent-length: 0")]).await;
    let (client, names) = receiver.client(&[PUBLIC]);
    let answer = client.post(&parcel("https://hooks.example.com/a?b=c")).await.unwrap();
    assert_eq!(answer.accepted(), Ok(()));
    let request = receiver.read.lock().unwrap().remove(0);
    expect![[r#"
        POST /a?b=c HTTP/1.1
        content-type: application/json
        host: hooks.example.com
        user-agent: strata/0
        content-length: 7

        {"a":1}"#]]
    .assert_eq(&request.replace("\r\n", "\n").replace(env!("CARGO_PKG_VERSION"), "0"));
    assert_eq!(*names.dialled.lock().unwrap(), [PUBLIC.parse().unwrap()]);
}

#[tokio::test]
async fn every_answer_but_2xx_is_a_failure() {
    for (head, expected) in [
        (
            "301 Moved\r\nlocation: https://hooks.example.com/b",
            "lasts: answer 301: redirects are not followed",
        ),
        (
            "302 Found\r\nlocation: http://169.254.169.254/",
            "lasts: answer 302: redirects are not followed",
        ),
        (
            "307 Again\r\nlocation: https://hooks.example.com/b",
            "lasts: answer 307: redirects are not followed",
        ),
        ("304 Not Modified", "lasts: answer 304: redirects are not followed"),
        (
            "400 Bad\r\ncontent-length: 16\r\n\r\ninvalid_payload\n",
            "lasts: answer 400 (invalid_payload)",
        ),
        ("401 No\r\ncontent-length: 20\r\n\r\nno such key: hunter2", "lasts: answer 401"),
        ("403 No\r\ncontent-length: 7\r\n\r\nhunter2", "lasts: answer 403"),
        ("404 No\r\ncontent-length: 0", "lasts: answer 404"),
        ("410 Gone\r\ncontent-length: 0", "lasts: answer 410"),
        ("408 Late\r\ncontent-length: 0", "passes: answer 408"),
        ("429 Slower\r\ncontent-length: 0", "passes: answer 429"),
        ("500 Oh\r\ncontent-length: 0", "passes: answer 500"),
        ("503 Oh\r\ncontent-length: 0", "passes: answer 503"),
        ("600 Oh\r\ncontent-length: 0", "lasts: answer 600"),
    ] {
        assert_eq!(unsent(say(head)).await, expected, "{head}");
    }
}

#[tokio::test]
async fn a_receiver_that_misbehaves_costs_bounded_time_and_memory() {
    let endless =
        Then::Endless("HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\nffffff\r\n".into());
    let header = Then::Endless("HTTP/1.1 200 Fine\r\na: ".into());
    let informed = Then::Stall("HTTP/1.1 100 Continue\r\n\r\n".repeat(1000));
    let headers = say(&format!("200 Fine{}", "\r\na: b".repeat(200)));
    for (step, expected) in [
        (Then::Close, "passes: no answer: "),
        (Then::Refuse, "passes: TLS: "),
        (Then::Stall(String::new()), "passes: no answer in time"),
        (Then::Stall("HTTP/1.1 200".into()), "passes: no answer in time"),
        (informed, "passes: no answer in time"),
        (Then::Say("hunter2\r\n\r\n".into()), "passes: no answer: invalid HTTP version parsed"),
        (headers, "passes: no answer: message head is too large"),
        (header, "passes: no answer: message head is too large"),
        (endless, "passes: answer 500"),
        (Then::Stall("HTTP/1.1 500 Oh\r\ncontent-length: 9\r\n\r\n".into()), "passes: answer 500"),
        (Then::Stall("HTTP/1.1 500 Oh\r\ncontent-length: 9\r\n\r\nx".into()), "passes: answer 500"),
        (say("101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade"), "lasts: answer 101"),
    ] {
        let (shown, before) = (format!("{step:.40?}"), Instant::now());
        let found = unsent(step).await;
        assert!(found.starts_with(expected), "{shown}: {found}");
        assert!(!found.contains("hunter2"), "{found}");
        assert!(before.elapsed() < TIME_MAX * 4, "{shown}");
    }
}

#[tokio::test]
async fn a_good_status_is_enough_whatever_becomes_of_the_body() {
    for step in [
        Then::Endless("HTTP/1.1 200 Fine\r\ntransfer-encoding: chunked\r\n\r\nffffff\r\n".into()),
        Then::Stall("HTTP/1.1 202 Fine\r\ncontent-length: 9\r\n\r\nx".into()),
        Then::Say("HTTP/1.1 200 Fine\r\ncontent-length: 2\r\n\r\nok".into()),
    ] {
        let before = Instant::now();
        let (answer, _) = post(step).await;
        assert_eq!(answer.and_then(|it| it.accepted()), Ok(()));
        assert!(before.elapsed() < Duration::from_secs(1), "nobody waits for it");
    }
}

#[tokio::test]
async fn nothing_goes_to_a_host_with_an_address_that_is_not_public() {
    for (addresses, expected) in [
        (
            vec!["169.254.169.254:443"],
            "lasts: the host's address 169.254.169.254 is the metadata server",
        ),
        (vec!["127.0.0.1:443"], "lasts: the host's address 127.0.0.1 is loopback"),
        (vec![PUBLIC, "10.0.0.1:443"], "lasts: the host's address 10.0.0.1 is private"),
        (
            vec!["[::ffff:a9fe:a9fe]:443"],
            "lasts: the host's address ::ffff:169.254.169.254 is an IPv4 address in another form",
        ),
        (
            vec!["[64:ff9b::a9fe:a9fe]:443"],
            "lasts: the host's address 64:ff9b::a9fe:a9fe is an IPv4 address behind a translation",
        ),
        (vec!["[::1]:443"], "lasts: the host's address ::1 is loopback"),
        (vec!["[fd00:ec2::254]:443"], "lasts: the host's address fd00:ec2::254 is unique local"),
        (vec![], "passes: the host has no address"),
        (vec!["93.184.215.1:443"], "passes: no connection: connection refused"),
        (vec!["93.184.215.99:443"], "passes: no connection in time"),
    ] {
        let receiver = Receiver::start(vec![say("200 Fine\r\ncontent-length: 0")]).await;
        let (client, names) = receiver.client(&addresses);
        let Unsent { passes, reason } =
            client.post(&parcel("https://hooks.example.com/")).await.unwrap_err();
        assert_eq!(format!("{} {reason}", if passes { "passes:" } else { "lasts:" }), expected);
        assert_eq!(receiver.connections.load(Ordering::SeqCst), 0);
        assert!(expected.starts_with("passes") || names.dialled.lock().unwrap().is_empty());
    }
    let receiver = Receiver::start(vec![say("200 Fine")]).await;
    let (client, _) = receiver.client(&[PUBLIC]);
    for (host, expected) in
        [("missing", "the host is not found"), ("slow", "the host is not found in time")]
    {
        let url = format!("https://{host}.example.com/");
        let unsent = client.post(&parcel(&url)).await.unwrap_err();
        assert_eq!(unsent, Unsent::passing(expected));
    }
}

#[tokio::test]
async fn another_public_address_is_tried_and_no_more_than_three() {
    let receiver = Receiver::start(vec![say("200 Fine\r\ncontent-length: 0")]).await;
    let dead = "93.184.215.99:443";
    let (client, names) = receiver.client(&[dead, PUBLIC]);
    assert!(client.post(&parcel("https://hooks.example.com/")).await.is_ok());
    assert_eq!(names.dialled.lock().unwrap().len(), 2);
    let refusing = ["93.184.215.1:443"; 5];
    let (client, names) = receiver.client(&refusing);
    assert!(client.post(&parcel("https://hooks.example.com/")).await.is_err());
    assert_eq!(names.dialled.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn who_has_no_certificate_for_the_host_gets_nothing() {
    let receiver = Receiver::start(vec![say("200 Fine\r\ncontent-length: 0")]).await;
    let (client, _) = receiver.client(&[PUBLIC]);
    let unsent = client.post(&parcel("https://other.example.com/")).await.unwrap_err();
    assert!(unsent.reason.starts_with("TLS: invalid peer certificate"), "{unsent}");
    assert!(receiver.read.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_network_of_this_machine_looks_names_up_and_connects() {
    let client = crate::Client::default();
    let unsent = client.post(&parcel("https://no-such-host.strata-tests.com/")).await.unwrap_err();
    assert!(unsent.passes, "{unsent}");
}
