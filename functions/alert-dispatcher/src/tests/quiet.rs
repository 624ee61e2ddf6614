//! What nobody wants to hear of ends without being sent, and says so.

use domain::{Disposition, Instant};

use super::*;
use crate::{MUTES_MAX, Mute, Mutes, ack, mutes};

/// A bucket, and what sends from it.
struct Place {
    bucket: Arc<Memory>,
    clock: Arc<TestClock>,
    posts: Arc<Posts>,
    sender: AlertDispatcher,
}

impl Place {
    fn new(planted: Planted<Shortcut>) -> Self {
        let (bucket, clock) = (bucket(), clock());
        let posts = Posts::default().shared(&tools(bucket.clone()));
        let sender = sender(bucket.clone(), &clock, &posts, planted);
        Self { bucket, clock, posts, sender }
    }

    /// Delivers an alert: how many requests it led to, and the reason of its mark.
    async fn alert(&self, id: &str, fields: &str) -> (usize, Option<String>) {
        self.alert_to(id, fields, "").await
    }

    /// The same of one to these channels.
    async fn alert_to(&self, id: &str, fields: &str, channels: &str) -> (usize, Option<String>) {
        let before = self.posts.arrived().len();
        let delivery = write_alert(&self.bucket, id, &hook(fields, channels));
        assert_eq!(deliver(&self.sender, &delivery).await, Ok(Disposition::Done));
        let again = Ok(Disposition::Skipped("nothing left to send"));
        assert_eq!(deliver(&self.sender, &delivery).await, again, "it has ended");
        let prefix = format!("env/dev/indices/alerts/sent/low-runway/V1/{id}/");
        let objects = self.bucket.objects();
        let mark = objects.iter().find(|(name, _)| name.starts_with(&prefix));
        let mark: Option<serde_json::Value> =
            mark.map(|(_, mark)| serde_json::from_slice(&mark.body).unwrap());
        let reason = mark.and_then(|mark| mark["reason"].as_str().map(str::to_owned));
        (self.posts.arrived().len() - before, reason)
    }

    fn mute(&self, list: &str) {
        let name = mutes(Env::Dev).to_string();
        self.bucket.insert(&name, list.to_owned().into(), Upload::default()).unwrap();
    }
}

fn sent() -> (usize, Option<String>) {
    (1, Some("sent".to_owned()))
}

fn not_sent(why: &str) -> (usize, Option<String>) {
    (0, Some(format!("not sent: {why}")))
}

#[tokio::test(flavor = "current_thread")]
async fn alerts_of_a_bulk_write_are_sent_when_their_rule_asks_for_it() {
    for (fields, expected) in [
        (r#"{"origin":"seed"}"#, not_sent("of a bulk write (seed)")),
        (r#"{"origin":"restore"}"#, not_sent("of a bulk write (restore)")),
        (r#"{"origin":"migrate"}"#, not_sent("of a bulk write (migrate)")),
        (r#"{"origin":"seed","notify_bulk":false}"#, not_sent("of a bulk write (seed)")),
        (r#"{"origin":"seed","notify_bulk":"true"}"#, not_sent("of a bulk write (seed)")),
        (r#"{"origin":"seed","notify_bulk":true}"#, sent()),
        (r#"{"origin":"restore-loud"}"#, sent()),
        (r#"{"origin":7}"#, sent()),
        ("{}", sent()),
    ] {
        assert_eq!(Place::new(Planted::NONE).alert("A1", fields).await, expected, "{fields}");
    }
    let bug = Place::new(Planted::bug(Shortcut::BulkSent));
    assert_eq!(bug.alert("A1", r#"{"origin":"seed"}"#).await, sent(), "a thousand mails at once");
}

#[tokio::test(flavor = "current_thread")]
async fn a_mute_of_a_rule_an_entity_or_both_holds_until_its_instant() {
    let until = "not sent: muted until 2026-01-01T01:00:00Z".to_owned();
    for (mute, muted) in [
        (r#""rule":"low-runway""#, true),
        (r#""rule":"other""#, false),
        (r#""entity":"venture","id":"V1""#, true),
        (r#""entity":"venture","id":"V2""#, false),
        (r#""entity":"idea","id":"V1""#, false),
        (r#""rule":"low-runway","entity":"venture","id":"V1""#, true),
        (r#""rule":"other","entity":"venture","id":"V1""#, false),
        // None of these is one.
        (r#""id":"V1""#, false),
        (r#""entity":"venture""#, false),
        (r#""rule":7"#, false),
        (r#""by":"ada""#, false),
    ] {
        let place = Place::new(Planted::NONE);
        place.mute(&format!(r#"{{"mutes":[{{{mute},"until":"2026-01-01T01:00:00Z"}}]}}"#));
        let expected = if muted { (0, Some(until.clone())) } else { sent() };
        assert_eq!(place.alert("A1", "{}").await, expected, "{mute}");
        place.clock.advance(Duration::from_secs(3600));
        assert_eq!(place.alert("A2", "{}").await, sent(), "{mute}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn mutes_that_cannot_be_read_mute_nothing() {
    for list in [
        "",
        "garbage",
        "[]",
        r#"{"mutes":7}"#,
        r#"{"mutes":[7,{"rule":"low-runway"},{"rule":"low-runway","until":"soon"}]}"#,
    ] {
        let place = Place::new(Planted::NONE);
        place.mute(list);
        assert_eq!(place.alert("A1", "{}").await, sent(), "{list}");
    }
}

#[test]
fn mutes_are_read_as_they_are_written_and_no_more_than_may_be() {
    let until = Instant::parse("2026-01-01T01:00:00Z").unwrap();
    let noted: Object = serde_json::from_str(r#"{"by":"ada"}"#).unwrap();
    let entity = Some(("venture".to_owned(), "V1".to_owned()));
    let mute = Mute { rule_id: Some("a".to_owned()), entity, until, noted };
    let mutes = Mutes(vec![mute.clone(), Mute { rule_id: None, ..mute.clone() }]);
    assert_eq!(Mutes::read(&mutes.line()), mutes);
    let many = Mutes(vec![mute; MUTES_MAX + 1]);
    assert_eq!(Mutes::read(&many.line()).0.len(), MUTES_MAX);
}

#[tokio::test(flavor = "current_thread")]
async fn what_somebody_has_seen_is_not_repeated_and_is_said_to_be_over() {
    let place = Place::new(Planted::NONE);
    assert_eq!(place.alert("A1", "{}").await, sent());
    assert_eq!(place.alert("A2", r#"{"fired":"every","opened":"A1"}"#).await, sent());
    let name = ack(&alert("A1")).unwrap().to_string();
    place.bucket.insert(&name, "{}".into(), Upload::default()).unwrap();
    let seen = not_sent("acknowledged");
    assert_eq!(place.alert("A3", r#"{"fired":"every","opened":"A1"}"#).await, seen);
    assert_eq!(place.alert("A4", r#"{"fired":"change","opened":"A1"}"#).await, seen);
    assert_eq!(place.alert("A5", r#"{"fired":"every","opened":"A0"}"#).await, sent());
    let over = r#"{"fired":"resolve","status":"resolved","opened":"A1"}"#;
    assert_eq!(place.alert("A1-resolved", over).await, sent());
}

#[tokio::test(flavor = "current_thread")]
async fn what_nobody_was_told_of_is_not_said_to_be_over() {
    let place = Place::new(Planted::NONE);
    place.alert("A1", r#"{"origin":"seed"}"#).await;
    let over = r#"{"fired":"resolve","status":"resolved","opened":"A1"}"#;
    assert_eq!(place.alert("A1-resolved", over).await, not_sent("its opening was not"));
    // Where its opening is on its way, it is sent.
    let over = r#"{"fired":"resolve","status":"resolved","opened":"A9"}"#;
    assert_eq!(place.alert("A9-resolved", over).await, sent());
    // Who has heard of it hears that it is over, also where a bulk write has ended it.
    assert_eq!(place.alert("A7", "{}").await, sent());
    let over = r#"{"fired":"resolve","status":"resolved","opened":"A7","origin":"restore"}"#;
    assert_eq!(place.alert("A7-resolved", over).await, sent());
    // Nobody has come as far as to mark its opening, which will not be sent.
    write_alert(&place.bucket, "A6", &hook(r#"{"origin":"seed"}"#, ""));
    let over = r#"{"fired":"resolve","status":"resolved","opened":"A6"}"#;
    assert_eq!(place.alert("A6-resolved", over).await, not_sent("its opening was not"));
    let nowhere = r#"{"fired":"resolve","status":"resolved","opened":"../A9"}"#;
    assert_eq!(place.alert("A8-resolved", nowhere).await, sent());
}

#[tokio::test(flavor = "current_thread")]
async fn the_log_is_a_channel_like_others() {
    let place = Place::new(Planted::NONE);
    let body = hook(r#"{"origin":"seed"}"#, r#"["log"]"#);
    let delivery = write_alert(&place.bucket, "A1", &body);
    assert_eq!(deliver(&place.sender, &delivery).await, Ok(Disposition::Done));
    assert_eq!(reasons(&place.bucket, "sent"), ["not sent: of a bulk write (seed)"]);
}

/// That A1 is over.
const OVER: &str = r#"{"fired":"resolve","status":"resolved","opened":"A1"}"#;

const REPEAT: &str = r#"{"fired":"every","opened":"A1"}"#;

#[tokio::test(flavor = "current_thread")]
async fn who_has_heard_by_a_repeat_hears_that_it_is_over() {
    for channels in ["", r#"["log"]"#] {
        for (mute, opening) in [(true, "{}"), (false, r#"{"origin":"seed"}"#)] {
            let place = Place::new(Planted::NONE);
            if mute {
                place.mute(r#"{"mutes":[{"rule":"low-runway","until":"2026-01-01T01:00:00Z"}]}"#);
            }
            let sent = |(_, reason): (usize, Option<String>)| reason.as_deref() == Some("sent");
            assert!(!sent(place.alert_to("A1", opening, channels).await));
            place.clock.advance(Duration::from_secs(3600));
            // A repeat that is not sent itself is none that anybody has heard of.
            let seeded = r#"{"fired":"every","opened":"A1","origin":"seed"}"#;
            assert!(!sent(place.alert_to("A2", seeded, channels).await));
            assert!(sent(place.alert_to("A3", REPEAT, channels).await));
            assert!(sent(place.alert_to("A4", REPEAT, channels).await));
            assert!(sent(place.alert_to("A1-resolved", OVER, channels).await));
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_repeat_that_comes_after_an_end_that_was_kept_back_is_kept_back() {
    let place = Place::new(Planted::NONE);
    place.alert("A1", r#"{"origin":"seed"}"#).await;
    assert_eq!(place.alert("A1-resolved", OVER).await, not_sent("its opening was not"));
    let late = not_sent("it is over, and its opening was not");
    assert_eq!(place.alert("A2", REPEAT).await, late);
    // Of one that was sent they come in any order.
    assert_eq!(place.alert("B1", "{}").await, sent());
    let over = r#"{"fired":"resolve","status":"resolved","opened":"B1"}"#;
    assert_eq!(place.alert("B1-resolved", over).await, sent());
    assert_eq!(place.alert("B2", r#"{"fired":"every","opened":"B1"}"#).await, sent());
    // A repeat that overtakes its opening, which is then not sent.
    assert_eq!(place.alert("C2", r#"{"fired":"every","opened":"C1"}"#).await, sent());
    place.alert("C1", r#"{"origin":"seed"}"#).await;
    let over = r#"{"fired":"resolve","status":"resolved","opened":"C1"}"#;
    assert_eq!(place.alert("C1-resolved", over).await, sent());
}

#[tokio::test(flavor = "current_thread")]
async fn the_end_of_what_somebody_has_seen_before_it_arrived_is_told() {
    let place = Place::new(Planted::NONE);
    place.posts.then(&[Then::Say(404), Then::Say(204)]);
    assert_eq!(place.alert("A1", "{}").await, (0, None));
    let name = ack(&alert("A1")).unwrap().to_string();
    place.bucket.insert(&name, "{}".into(), Upload::default()).unwrap();
    place.clock.advance(LEASE);
    let objects = place.bucket.objects();
    let (mark, left) = objects.iter().find(|(name, _)| name.contains("/undelivered/")).unwrap();
    let mark = ObjectName::parse(mark).unwrap();
    let seen = crate::Step::Quiet("not sent: acknowledged".to_owned());
    assert_eq!(place.sender.redeliver(&mark, left.generation).await, Ok(Some(seen)));
    assert_eq!(place.alert("A2", REPEAT).await, not_sent("acknowledged"));
    assert_eq!(place.alert("A1-resolved", OVER).await, sent());
}

#[test]
fn a_repeat_and_the_end_side_by_side_are_both_heard_or_neither() {
    use emulator::schedule::{Attempt, Gated};
    const STEPS_MAX: usize = 40;
    let mut ended = std::collections::BTreeSet::new();
    for order in 0..1u32 << 12 {
        let (bucket, log) = (bucket(), Arc::new(Lines::default()));
        let to_log = |fields: &str| hook(fields, r#"["log"]"#);
        write_alert(&bucket, "A1", &to_log(r#"{"origin":"seed"}"#));
        let alerts = [("A2", REPEAT), ("A1-resolved", OVER)];
        let mut attempts = alerts.map(|(id, fields)| {
            let delivery = write_alert(&bucket, id, &to_log(fields));
            let (store, gate) = Gated::new(bucket.clone(), &[]);
            let sender = dispatcher(store, &log);
            Attempt::new(gate, Box::pin(async move { sender.handle(&[delivery]).await }))
        });
        // One may die, and is then delivered again.
        let dies = (order >> 11 & 1 == 1).then_some((order >> 6) as usize % 8);
        for at in 0..2 * STEPS_MAX {
            let turn = (order >> (at % 12) & 1) as usize;
            let turn = if attempts[turn].result().is_some() { 1 - turn } else { turn };
            if attempts[turn].result().is_some() || dies == Some(at) {
                break;
            }
            attempts[turn].step();
        }
        attempts.iter_mut().for_each(Attempt::crash);
        let heard = |id: &str| log.0.lock().unwrap().iter().any(|line| line.starts_with(id));
        for (id, _) in alerts {
            let (store, gate) = Gated::new(bucket.clone(), &[]);
            let (sender, name) = (dispatcher(store, &log), alert(id));
            let generation = bucket.objects()[&name.to_string()].generation;
            let delivery = delivery(name, generation);
            let again = Box::pin(async move { sender.handle(&[delivery]).await });
            assert!(Attempt::new(gate, again).finish().unwrap()[0].is_ok());
        }
        let both = (heard("A2.json"), heard("A1-resolved.json"));
        assert_eq!(both.0, both.1, "{order:b}");
        ended.insert(both);
    }
    assert_eq!(ended.len(), 2, "each of them can be first");
}
