//! Formulas that cannot be seen from outside.

mod file_names;

use std::time::Duration;

use bytes::Bytes;
use domain::Generation;

use crate::{Memory, Subscription, TestClock, Upload, resource};

#[test]
fn an_etag_is_that_of_a_captured_notification() {
    let memory = Memory::new("b", TestClock::at("2020-12-08T11:51:26.395Z"), 0);
    let mut stored = memory.insert("a", Bytes::new(), Upload::default()).unwrap();
    stored.generation = Generation(1_607_428_286_395_814);
    assert_eq!(resource::etag(&stored), "CKbrjICpvu0CEAE=");
}

#[test]
fn backoff_doubles_up_to_its_bound() {
    let subscription = Subscription {
        name: String::new(),
        topic: String::new(),
        push_endpoint: String::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        ack_deadline: Duration::ZERO,
        backoff_min: Duration::from_millis(20),
        backoff_max: Duration::from_millis(500),
        attempts_max: 5,
        dead_letter_topic: None,
        in_flight_max: 1,
    };
    let delays = [1, 2, 3, 4, 5, 6, 33, u32::MAX].map(|n| subscription.backoff(n).as_millis());
    assert_eq!(delays, [20, 40, 80, 160, 320, 500, 500, 500]);
}
