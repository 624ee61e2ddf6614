//! What leads outside: sent once when nothing happens, and at its cost.

use domain::Disposition;
use expect_test::expect;
use store::{Counted, counts};

use super::*;

#[tokio::test(flavor = "current_thread")]
async fn a_target_is_sent_an_alert_once_however_often_it_is_delivered() {
    let (bucket, clock) = (bucket(), clock());
    let posts = Posts::default().shared(&tools(bucket.clone()));
    let store = Arc::new(Counted::new(bucket.clone()));
    let delivery = write_alert(&bucket, "A1", HOOK);
    let sender = sender(store.clone(), &clock, &posts, Planted::NONE);
    assert_eq!(deliver(&sender, &delivery).await, Ok(Disposition::Done));
    let first = store.operations();
    assert_eq!(first, counts::alert_sent(0, 1), "{first}");
    for _ in 0..3 {
        let before = Ok(Disposition::Skipped("nothing left to send"));
        assert_eq!(deliver(&sender, &delivery).await, before);
    }
    assert_eq!((store.operations() - first).to_string(), "12 B + 0 A");
    assert_eq!(posts.arrived().len(), 1);
    let marks: Vec<String> =
        marks(&bucket).into_iter().filter(|mark| mark.starts_with("sent/")).collect();
    expect![[r#"sent/low-runway/V1/A1/webhook~fdf04a5a334cd91e.json {"alert":"env/dev/reports/alerts/low-runway/V1/A1.json","channel":"webhook https://hooks.example.com/…","key":"alert_cac7bde3bc7f81fa15a92f9adbd18c7f","reason":"sent","tries":1,"at":"2026-01-01T00:00:00Z"}"#]].assert_eq(&marks.join(
        "
",
    ));
    assert_eq!(bucket.objects().len(), 3, "the alert, its mark, and who has claimed it");
}

#[tokio::test(flavor = "current_thread")]
async fn each_channel_ends_for_itself() {
    let (bucket, clock) = (bucket(), clock());
    let posts = Posts::after(&[Then::Say(404), Then::Say(204)]).shared(&tools(bucket.clone()));
    let channels = r#"["log","storage","pager",
        {"type":"webhook","target":"https://a.example.com/"},
        {"type":"webhook","target":"https://b.example.com/"},
        {"type":"slack","target":"https://c.example.com/"},
        {"type":"email","target":"ops@example.com"},
        {"type":"webhook","target":"https://169.254.169.254/"}]"#;
    let delivery = write_alert(&bucket, "A1", &hook("{}", channels));
    let sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
    assert_eq!(deliver(&sender, &delivery).await, Ok(Disposition::Done));
    assert_eq!((posts.tried().len(), posts.arrived().len()), (3, 2));
    assert_eq!(reasons(&bucket, "sent"), ["sent", "sent", "sent"]);
    let mut left = reasons(&bucket, "undelivered");
    left.sort();
    expect![[r#"
        EMAIL_API is not set
        https://c.example.com/…: answer 404
        no such channel: there are log, storage, webhook, slack and email
        the host is an address; a target names a host"#]]
    .assert_eq(&left.join("\n"));
    // Nothing is tried again by another delivery: that is for a job.
    assert!(deliver(&sender, &delivery).await.is_ok());
    assert_eq!(posts.tried().len(), 3);
}

#[tokio::test(flavor = "current_thread")]
async fn a_target_gets_so_many_in_a_minute_and_the_others_are_kept() {
    let (bucket, clock) = (bucket(), clock());
    let posts = Posts::default().shared(&tools(bucket.clone()));
    let mut sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
    sender.limit = Limit::new(2);
    for id in ["A1", "A2", "A3", "A4"] {
        let delivery = write_alert(&bucket, id, HOOK);
        assert_eq!(deliver(&sender, &delivery).await, Ok(Disposition::Done));
    }
    assert_eq!(posts.arrived().len(), 2);
    let why = "https://hooks.example.com/…: more than 2 alerts for it within a minute";
    assert_eq!(reasons(&bucket, "undelivered"), [why, why]);
    // Another target, of which the same is shown, and another minute.
    let other = hook("{}", r#"[{"type":"webhook","target":"https://hooks.example.com/b"}]"#);
    let delivery = write_alert(&bucket, "A5", &other);
    assert!(deliver(&sender, &delivery).await.is_ok());
    clock.advance(Duration::from_secs(60));
    let delivery = write_alert(&bucket, "A6", HOOK);
    assert!(deliver(&sender, &delivery).await.is_ok());
    assert_eq!(posts.arrived().len(), 4);
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_left_is_not_tried_while_its_target_takes_no_more() {
    let (bucket, clock) = (bucket(), clock());
    let posts = Posts::after(&[Then::Say(404), Then::Say(204)]).shared(&tools(bucket.clone()));
    let mut sender = sender(bucket.clone(), &clock, &posts, Planted::NONE);
    sender.limit = Limit::new(1);
    assert!(deliver(&sender, &write_alert(&bucket, "A1", HOOK)).await.is_ok());
    let left = |bucket: &Memory| {
        let mut objects = bucket.objects().into_iter();
        objects.find(|(name, _)| name.contains("/undelivered/"))
    };
    let before = left(&bucket);
    let (mark, object) = before.clone().unwrap();
    let mark = ObjectName::parse(&mark).unwrap();
    let (_, word) = crate::subject(&mark).unwrap();
    for _ in 0..2 {
        assert!(sender.limit.is_full(word, clock.now()));
        let why = "https://hooks.example.com/…: more than 1 alerts for it within a minute";
        let full = Ok(Some(crate::Step::Full(why.to_owned())));
        assert_eq!(sender.redeliver(&mark, object.generation).await, full);
        assert_eq!(left(&bucket), before, "it is not written anew");
    }
    clock.advance(Duration::from_millis(1500));
    assert_eq!(Limit::pause(clock.now()), Duration::from_millis(58_500));
    clock.advance(Limit::pause(clock.now()));
    assert!(!sender.limit.is_full(word, clock.now()));
    let sent = Ok(Some(crate::Step::Sent));
    assert_eq!(sender.redeliver(&mark, object.generation).await, sent);
}

#[test]
fn a_limit_counts_no_more_targets_than_it_can_hold() {
    let (limit, now) = (Limit::new(1), domain::Instant::from_unix_millis(0));
    for at in 0..1000 {
        assert_eq!(limit.take(&at.to_string(), now), Ok(()));
    }
    assert!(limit.take("1000", now).is_err());
    assert_eq!(limit.take("1000", now.after(Duration::from_secs(60))), Ok(()));
    assert!(limit.take("1000", now.after(Duration::from_secs(61))).is_err());
}
