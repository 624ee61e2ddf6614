//! Formulas that cannot be seen from outside.

mod file_names;

use std::time::Duration;

use bytes::Bytes;
use domain::Generation;

use crate::{Memory, Push, RetryPolicy, Subscription, TestClock, Upload, resource};

#[test]
fn an_etag_is_that_of_a_captured_notification() {
    let memory = Memory::new("b", TestClock::at("2020-12-08T11:51:26.395Z"), 0);
    let mut stored = memory.insert("a", Bytes::new(), Upload::default()).unwrap();
    stored.generation = Generation(1_607_428_286_395_814);
    assert_eq!(resource::etag(&stored), "CKbrjICpvu0CEAE=");
}

#[test]
fn backoff_doubles_up_to_its_bound() {
    let policy = RetryPolicy {
        minimum_backoff: Duration::from_millis(20),
        maximum_backoff: Duration::from_millis(500),
    };
    let subscription = Subscription { retry: Some(policy), ..Subscription::new("s", "t") };
    let delays = [1, 2, 3, 4, 5, 6, 33, u32::MAX].map(|n| subscription.backoff(n).as_millis());
    assert_eq!(delays, [20, 40, 80, 160, 320, 500, 500, 500]);

    // Without a policy a push waits as the service makes it, and who pulls is not made to wait.
    let pulled = Subscription { retry: None, ..subscription };
    assert_eq!([1, 9].map(|attempt| pulled.backoff(attempt)), [Duration::ZERO; 2]);
    let pushed = Subscription { push: Some(Push::to("http://localhost/")), ..pulled };
    let delays = [1, 2, 10, 11, u32::MAX].map(|n| pushed.backoff(n).as_millis());
    assert_eq!(delays, [100, 200, 51_200, 60_000, 60_000]);
}
