//! Targets that wish us ill: no alert is lost, and every attempt has one key.

use domain::Disposition;
use expect_test::expect;

use super::*;

/// What becomes of an alert whose requests go so: how the delivery ends, what is noted, and the keys.
async fn check(steps: &[Then], planted: Planted<Shortcut>) -> String {
    let (bucket, clock) = (bucket(), clock());
    let tools = Tools { clock: clock.clone(), ..tools(bucket.clone()) };
    let posts = Posts::after(steps).shared(&tools);
    let sender = sender(bucket.clone(), &clock, &posts, planted);
    let delivery = write_alert(&bucket, "A1", HOOK);
    let began_at = clock.now();
    assert_eq!(deliver(&sender, &delivery).await, Ok(Disposition::Done), "it is acknowledged");
    let took = clock.now().unix_millis() - began_at.unix_millis();
    assert!(took < 30_000, "{took} ms are more than a handler has");
    let mut keys: Vec<_> = posts.tried().into_iter().map(|(_, key)| key).collect();
    keys.dedup();
    let (sent, left) = (reasons(&bucket, "sent"), reasons(&bucket, "undelivered"));
    let (tried, arrived) = (posts.tried().len(), posts.arrived().len());
    format!("{tried} tried, {arrived} arrived, {} keys, sent {sent:?}, left {left:?}", keys.len())
}

#[tokio::test(flavor = "current_thread")]
async fn whatever_a_target_does_an_alert_arrives_or_is_kept() {
    use Then::{Break, Say, Silence};
    let mut lines = Vec::new();
    for steps in [
        &[Say(204)][..],
        &[Say(500), Say(200)],
        &[Say(500), Say(503), Say(200)],
        &[Say(500)],
        &[Say(429)],
        &[Say(301)],
        &[Say(404)],
        &[Say(410)],
        &[Break, Say(200)],
        &[Break],
        &[Silence, Say(200)],
        &[Silence],
    ] {
        lines.push(format!("{steps:?}: {}", check(steps, Planted::NONE).await));
    }
    expect![[r#"
        [Say(204)]: 1 tried, 1 arrived, 1 keys, sent ["sent"], left []
        [Say(500), Say(200)]: 2 tried, 1 arrived, 1 keys, sent ["sent"], left []
        [Say(500), Say(503), Say(200)]: 3 tried, 1 arrived, 1 keys, sent ["sent"], left []
        [Say(500)]: 3 tried, 0 arrived, 1 keys, sent [], left ["https://hooks.example.com/…: answer 500"]
        [Say(429)]: 3 tried, 0 arrived, 1 keys, sent [], left ["https://hooks.example.com/…: answer 429"]
        [Say(301)]: 1 tried, 0 arrived, 1 keys, sent [], left ["https://hooks.example.com/…: answer 301: redirects are not followed"]
        [Say(404)]: 1 tried, 0 arrived, 1 keys, sent [], left ["https://hooks.example.com/…: answer 404"]
        [Say(410)]: 1 tried, 0 arrived, 1 keys, sent [], left ["https://hooks.example.com/…: answer 410"]
        [Break, Say(200)]: 2 tried, 2 arrived, 1 keys, sent ["sent"], left []
        [Break]: 3 tried, 3 arrived, 1 keys, sent [], left ["https://hooks.example.com/…: no answer: connection closed"]
        [Silence, Say(200)]: 2 tried, 1 arrived, 1 keys, sent ["sent"], left []
        [Silence]: 2 tried, 0 arrived, 1 keys, sent [], left ["https://hooks.example.com/…: no answer in time"]"#]].assert_eq(&lines.join("\n"));
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_kept_and_a_key_for_each_attempt_are_seen() {
    let lost = check(&[Then::Say(500)], Planted::bug(Shortcut::UndeliveredUnwritten)).await;
    assert_eq!(lost, "3 tried, 0 arrived, 1 keys, sent [], left []", "nobody hears of it");
    let keys = check(&[Then::Break], Planted::bug(Shortcut::KeyForEachAttempt)).await;
    assert!(
        keys.starts_with("3 tried, 3 arrived, 3 keys"),
        "{keys}: three alerts for the receiver"
    );
}
