//! Random values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Instant;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::pubsub::change::{Change, Point, Publication};
use crate::pubsub::snapshot::Snapshot;
use crate::pubsub::topic::Topic;
use crate::pubsub::{
    DeadLetterPolicy, Filter, Message, NoWrapper, OidcToken, Push, RetryPolicy, Subscription,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,6}", "\\PC{1,8}", Just("//x \"\\\n".to_owned())]
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(text(), text(), 0..3)
}

fn duration() -> impl Strategy<Value = Duration> {
    (0_u64..100_000, 0_u32..1_000_000_000)
        .prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

fn instant() -> impl Strategy<Value = Instant> {
    let nanos = duration().prop_map(|delay| Instant::from_unix_micros(0).after(delay));
    prop_oneof![(0_i64..2_000_000_000_000_000).prop_map(Instant::from_unix_micros), nanos]
}

prop_compose! {
    pub(super) fn message()(
        message_id in "[0-9]{16}", attributes in map(), data in vec(any::<u8>(), 0..9),
        published_at in instant(), ordering_key in option::of(text()),
    ) -> Message {
        let ordering_key = ordering_key.unwrap_or_default();
        Message { message_id, attributes, data: data.into(), published_at, ordering_key }
    }
}

fn push() -> impl Strategy<Value = Push> {
    let oidc = (text(), option::of(text())).prop_map(|(service_account_email, audience)| {
        OidcToken { service_account_email, audience: audience.unwrap_or_default() }
    });
    let no_wrapper = any::<bool>().prop_map(|write_metadata| NoWrapper { write_metadata });
    (text(), option::of(oidc), option::of(no_wrapper), map()).prop_map(
        |(endpoint, oidc, no_wrapper, attributes)| Push { endpoint, oidc, no_wrapper, attributes },
    )
}

prop_compose! {
    fn delivery()(
        push in option::of(push()), ack_deadline in duration(), attempts in 1_u32..200,
        retry in option::of((duration(), duration())), grave in option::of(text()),
        in_flight_max in 1_usize..40,
    ) -> Subscription {
        Subscription {
            push,
            // None at all is the default.
            ack_deadline: ack_deadline + Duration::from_nanos(1),
            retry: retry.map(|(minimum_backoff, maximum_backoff)| RetryPolicy {
                minimum_backoff, maximum_backoff,
            }),
            dead_letter: grave.map(|topic| DeadLetterPolicy { topic, attempts_max: attempts }),
            in_flight_max,
            ..Subscription::new("", "")
        }
    }
}

prop_compose! {
    pub(super) fn subscription()(
        delivery in delivery(), name in text(), topic in text(), retention in duration(),
        expiration in option::of(duration()), flags in any::<[bool; 4]>(), labels in map(),
        filter in select(vec!["", "attributes:a", "NOT attributes.\"\\u00e9\" != \"\\\"\""]),
    ) -> Subscription {
        let [ordered, retain_acked, exactly_once, detached] = flags;
        Subscription {
            name, topic, retention, expiration, ordered, retain_acked, exactly_once, detached,
            labels,
            filter: Filter::parse(filter).unwrap(),
            ..delivery
        }
    }
}

fn publication() -> impl Strategy<Value = Publication> {
    (text(), message(), vec(text(), 0..3)).prop_map(|(topic, message, subscriptions)| Publication {
        topic,
        message: Arc::new(message),
        subscriptions,
    })
}

fn topic() -> impl Strategy<Value = Topic> {
    (text(), map(), any::<bool>()).prop_map(|(name, labels, stores)| {
        let mut topic = Topic { labels, ..Topic::new(&name) };
        if stores {
            topic.stored.insert("schemaSettings".to_owned(), json!({"schema": "s"}));
        }
        topic
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    (text(), text(), instant(), map(), vec(message().prop_map(Arc::new), 0..3)).prop_map(
        |(name, topic, expires_at, labels, messages)| Snapshot {
            name,
            topic,
            expires_at,
            labels,
            messages,
        },
    )
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    let point = prop_oneof![instant().prop_map(Point::Time), text().prop_map(Point::Snapshot)];
    prop_oneof![
        topic().prop_map(Change::TopicSet),
        text().prop_map(Change::TopicDeleted),
        subscription().prop_map(|it| Change::SubscriptionSet(Box::new(it))),
        text().prop_map(Change::SubscriptionDeleted),
        publication().prop_map(Change::Published),
        (text(), vec(text(), 0..3)).prop_map(|(subscription, messages)| {
            Change::Acknowledged { subscription, messages }
        }),
        (text(), text(), any::<u32>()).prop_map(|(subscription, message, attempts)| {
            Change::Failed { subscription, message, attempts }
        }),
        (text(), text(), publication()).prop_map(|(subscription, message, publication)| {
            Change::DeadLettered { subscription, message, publication }
        }),
        (text(), vec(text(), 0..3))
            .prop_map(|(subscription, messages)| { Change::Expired { subscription, messages } }),
        (text(), point).prop_map(|(subscription, to)| Change::Sought { subscription, to }),
        snapshot().prop_map(Change::SnapshotSet),
        text().prop_map(Change::SnapshotDeleted),
    ]
}
