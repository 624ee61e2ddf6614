//! Random histories of a broker, and what a restart makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::Clock as _;
use proptest::prelude::*;

use super::recording::recorded;
use crate::TestClock;
use crate::pubsub::broker::{AckId, Broker};
use crate::pubsub::change::{Change, Point};
use crate::pubsub::names::Kind;
use crate::pubsub::queue::Delivery;
use crate::pubsub::state::Draft;
use crate::pubsub::{DeadLetterPolicy, Filter, Subscription};

/// One step, on things that are told apart by small numbers.
#[derive(Clone, Debug)]
enum Step {
    Subscribe { at: usize, topic: usize, kind: u8 },
    Unsubscribe(usize),
    Detach(usize),
    DeleteTopic(usize),
    CreateTopic(usize),
    Publish { topic: usize, attribute: bool, key: usize },
    Pull { at: usize, count: usize },
    Acknowledge { at: usize, count: usize },
    Nack { at: usize, count: usize },
    SeekTime { at: usize, back_s: u64 },
    Snapshot { at: usize, name: usize },
    SeekSnapshot { at: usize, name: usize },
    DropSnapshot(usize),
    Redrive(usize),
    Wait { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0_usize..3;
    let (topic, count) = (0_usize..3, 1_usize..4);
    prop_oneof![
        3 => (at.clone(), topic.clone(), any::<u8>())
            .prop_map(|(at, topic, kind)| Step::Subscribe { at, topic, kind }),
        1 => at.clone().prop_map(Step::Unsubscribe),
        1 => at.clone().prop_map(Step::Detach),
        1 => topic.clone().prop_map(Step::DeleteTopic),
        1 => topic.clone().prop_map(Step::CreateTopic),
        8 => (topic, any::<bool>(), 0_usize..3)
            .prop_map(|(topic, attribute, key)| Step::Publish { topic, attribute, key }),
        5 => (at.clone(), count.clone()).prop_map(|(at, count)| Step::Pull { at, count }),
        4 => (at.clone(), count.clone()).prop_map(|(at, count)| Step::Acknowledge { at, count }),
        4 => (at.clone(), count).prop_map(|(at, count)| Step::Nack { at, count }),
        1 => (at.clone(), 0_u64..2_000).prop_map(|(at, back_s)| Step::SeekTime { at, back_s }),
        1 => (at.clone(), 0_usize..2).prop_map(|(at, name)| Step::Snapshot { at, name }),
        1 => (at.clone(), 0_usize..2).prop_map(|(at, name)| Step::SeekSnapshot { at, name }),
        1 => (0_usize..2).prop_map(Step::DropSnapshot),
        1 => at.prop_map(Step::Redrive),
        2 => (1_u64..400).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

const SUBSCRIPTIONS: [&str; 3] = ["s0", "s1", "s2"];
const TOPICS: [&str; 3] = ["t0", "t1", "dead"];
const SNAPSHOTS: [&str; 2] = ["n0", "n1"];

struct World {
    broker: Arc<Broker>,
    clock: Arc<TestClock>,
    /// What was pulled of each subscription and neither acknowledged nor nacked.
    out: [Vec<Delivery>; 3],
}

impl World {
    fn ids(&mut self, at: usize, count: usize) -> Vec<AckId> {
        let count = count.min(self.out[at].len());
        self.out[at].drain(..count).map(|it| AckId::of(&it)).collect()
    }

    /// Takes one step. What is refused, since something is missing, is no matter.
    fn take(&mut self, step: Step) {
        let broker = self.broker.clone();
        let name = |at: usize| Kind::Subscription.full(SUBSCRIPTIONS[at]);
        let snapshot = |name: usize| Kind::Snapshot.full(SNAPSHOTS[name]);
        match step {
            Step::Subscribe { at, topic, kind } => {
                broker.subscribe(subscription(at, topic, kind)).unwrap();
            }
            Step::Unsubscribe(at) => drop(broker.delete_subscription(&name(at))),
            Step::Detach(at) => drop(broker.detach(&name(at))),
            Step::DeleteTopic(topic) => drop(broker.delete_topic(&Kind::Topic.full(TOPICS[topic]))),
            Step::CreateTopic(topic) => {
                drop(broker.create_topic(crate::pubsub::topic::Topic::new(TOPICS[topic])));
            }
            Step::Publish { topic, attribute, key } => {
                let attributes = attribute.then(|| ("a".to_owned(), "1".to_owned()));
                let ordering_key = ["", "k", "l"][key].to_owned();
                let attributes = attributes.into_iter().collect();
                let draft = Draft { attributes, data: Bytes::from_static(b"1"), ordering_key };
                drop(broker.publish_all(&Kind::Topic.full(TOPICS[topic]), vec![draft]));
            }
            Step::Pull { at, count } => {
                self.out[at].extend(broker.pull(&name(at), count).unwrap_or_default());
            }
            Step::Acknowledge { at, count } => {
                drop(broker.acknowledge(&name(at), &self.ids(at, count)));
            }
            Step::Nack { at, count } => {
                let ids = self.ids(at, count);
                drop(broker.modify_ack_deadline(&name(at), &ids, Duration::ZERO));
            }
            Step::SeekTime { at, back_s } => {
                let before = self.clock.now().unix_millis() - 1000 * back_s as i64;
                let to = Point::Time(domain::Instant::from_unix_millis(before));
                drop(broker.seek(&name(at), to));
            }
            Step::Snapshot { at, name: it } => {
                drop(broker.create_snapshot(&snapshot(it), &name(at), BTreeMap::new()));
            }
            Step::SeekSnapshot { at, name: it } => {
                drop(broker.seek(&name(at), Point::Snapshot(snapshot(it))));
            }
            Step::DropSnapshot(it) => drop(broker.delete_snapshot(&snapshot(it))),
            Step::Redrive(at) => drop(broker.redrive(SUBSCRIPTIONS[at])),
            Step::Wait { seconds } => self.clock.advance(Duration::from_secs(seconds)),
        }
    }
}

fn subscription(at: usize, topic: usize, kind: u8) -> Subscription {
    let is = |bit: u8| kind & (1 << bit) != 0;
    let grave = DeadLetterPolicy { topic: "dead".to_owned(), attempts_max: 2 };
    Subscription {
        filter: Filter::parse(if is(0) { "attributes:a" } else { "" }).unwrap(),
        retain_acked: is(1),
        ordered: is(2),
        retention: Duration::from_secs(if is(3) { 600 } else { 100_000 }),
        dead_letter: (is(4) && TOPICS[topic] != "dead").then_some(grave),
        ..Subscription::new(SUBSCRIPTIONS[at], TOPICS[topic])
    }
}

/// What is not acknowledged in each subscription.
fn open(dump: &[Change]) -> BTreeMap<String, BTreeSet<String>> {
    let mut open: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for change in dump {
        match change {
            Change::Published(it) => {
                for subscription in &it.subscriptions {
                    let ids = open.entry(subscription.clone()).or_default();
                    ids.insert(it.message.message_id.clone());
                }
            }
            Change::Acknowledged { subscription, messages } => {
                let ids = open.entry(subscription.clone()).or_default();
                messages.iter().for_each(|id| assert!(ids.remove(id)));
            }
            _ => (),
        }
    }
    open
}

/// Pulls and acknowledges until nothing comes; in each subscription a message comes once.
fn drain(broker: &Broker) -> BTreeMap<String, BTreeSet<String>> {
    let mut drained: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for subscription in SUBSCRIPTIONS.map(|name| Kind::Subscription.full(name)) {
        let mut last_of: BTreeMap<String, u64> = BTreeMap::new();
        while let Some(pulled) = broker.pull(&subscription, 2).ok().filter(|it| !it.is_empty()) {
            for delivery in &pulled {
                let ids = drained.entry(subscription.clone()).or_default();
                assert!(ids.insert(delivery.message.message_id.clone()), "{delivery:?} again");
                let key = &delivery.message.ordering_key;
                let last = last_of.insert(key.clone(), delivery.number);
                assert!(key.is_empty() || last < Some(delivery.number), "{delivery:?} is late");
            }
            let ids: Vec<AckId> = pulled.iter().map(AckId::of).collect();
            broker.acknowledge(&subscription, &ids).unwrap();
        }
    }
    drained
}

fn check(steps: Vec<Step>) {
    let clock = TestClock::at(crate::NOW);
    let (broker, journal) = recorded(clock.clone());
    let mut world = World { broker, clock: clock.clone(), out: Default::default() };
    steps.into_iter().for_each(|step| world.take(step));
    let dump = world.broker.dump();

    let restored = |changes: &[Change]| {
        let broker = Broker::new(2, None, clock.clone());
        let json: Vec<_> = changes.iter().map(Change::to_json).collect();
        broker.restore(json.iter().map(|json| Change::from_json(json).unwrap()).collect());
        broker
    };
    assert_eq!(restored(&dump).dump(), dump, "a dump recreates the state");
    let replayed = restored(&journal.changes.lock().unwrap());
    assert_eq!(replayed.dump(), dump, "the journal recreates the state");

    // What has ended by now is not delivered, nor is anything to nobody.
    let broker = restored(&dump);
    SUBSCRIPTIONS.iter().for_each(|it| drop(broker.pull(&Kind::Subscription.full(it), 0)));
    let mut expected = open(&broker.dump());
    expected.retain(|_, ids| !ids.is_empty());
    assert_eq!(drain(&broker), expected, "what is not acknowledged is delivered again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_restart_brings_back_the_state_and_delivers_what_is_open(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { check(steps) });
    }
}
