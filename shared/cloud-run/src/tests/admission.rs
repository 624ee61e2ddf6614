//! What a function is given, from the name alone.

use domain::{Class, Delivery, Generation, Instant, ObjectName, Overwrote};

use super::{RECORD, push};
use crate::admission::{Admission, admit};
use crate::decode::notification;

fn admitted(object: &str, bucket: &str, fed_with: &[Class]) -> Admission {
    admit(&notification(&push(object)).unwrap(), bucket, fed_with)
}

#[test]
fn a_record_is_handled_by_whoever_is_fed_with_history() {
    let delivery = Delivery {
        name: ObjectName::parse(RECORD).unwrap(),
        generation: Generation(1_607_428_286_395_814),
        overwrote: Overwrote::Nothing,
        created_at: Instant::parse("2025-11-06T10:18:22.395Z"),
    };
    let fed_with = [Class::Snapshot, Class::History];
    assert_eq!(admitted(RECORD, "strata", &fed_with), Admission::Handle(delivery));
}

#[test]
fn what_is_not_ours_is_skipped() {
    let skip = |object, reason| {
        assert_eq!(admitted(object, "strata", &[Class::History]), Admission::Skip(reason));
    };
    skip("env/dev/snapshots/ventures/V1.json", "not fed with this class");
    skip("env/dev/ventures/V1/notes.txt", "foreign object");
    skip("photo.jpg", "foreign object");
    skip("env/test/ventures/V1/history/2025/11/06/1.json", "foreign object");
    skip("env/dev/snapshots/ventures/V#1.json", "refused name of a class that is not fed");
    assert_eq!(admitted(RECORD, "other", &[Class::History]), Admission::Skip("another bucket"));
}

#[test]
fn a_refused_name_is_rejected_where_history_is_fed() {
    let name = "env/dev/ventures/V#1/history/2025/11/06/1.json";
    let reason = "id contains '/', '#', '[', ']', '*', '?' or a control character".to_owned();
    assert_eq!(admitted(name, "strata", &[Class::History]), Admission::Reject(reason));
    let skip = Admission::Skip("refused name of a class that is not fed");
    assert_eq!(admitted(name, "strata", &[Class::Snapshot]), skip);
}

#[test]
fn other_events_are_skipped() {
    let mut notification = notification(&push(RECORD)).unwrap();
    notification.finalized = false;
    let skip = Admission::Skip("not a finalize event");
    assert_eq!(admit(&notification, "strata", &[Class::History]), skip);
}
