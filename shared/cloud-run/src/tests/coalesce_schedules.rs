//! Arrivals, disappearances and ends of batches in any order, without a runtime.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use domain::{Delivery, Disposition, Outcome};
use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::{Fake, delivery};
use crate::{BATCH_MAX, Coalescer};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A delivery of this entity arrives; equal numbers are the same delivery once more.
    Arrive { entity: u8, number: u64 },
    /// The caller at this place vanishes, whatever it is waiting for.
    Vanish(prop::sample::Index),
    /// One batch that is being handled ends.
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8, 0..20_u64).prop_map(|(entity, number)| Step::Arrive { entity, number }),
        1 => any::<prop::sample::Index>().prop_map(Step::Vanish),
        2 => Just(Step::End),
    ];
    prop::collection::vec(step, 0..200)
}

fn own(delivery: &Delivery) -> Outcome {
    Ok(Disposition::Rejected(vec![delivery.name.to_string()]))
}

type Call<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// Callers that have not been answered, with what they sent.
struct Calls<'a>(BTreeMap<usize, (Delivery, Call<'a>)>);

impl Calls<'_> {
    /// Polls all of them until nothing moves, and checks the answers. Returns how many there were.
    fn drive(&mut self) -> usize {
        let mut answered = 0;
        loop {
            let before = answered;
            self.0.retain(|_, (delivery, call)| {
                let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                let Poll::Ready(outcome) = poll else { return true };
                assert_eq!(outcome, own(delivery));
                answered += 1;
                false
            });
            if answered == before {
                return answered;
            }
        }
    }
}

proptest! {
    #[test]
    fn everyone_who_stays_is_answered_and_nothing_is_left(steps in steps()) {
        let gate = Arc::new(Semaphore::new(0));
        let inside = Arc::clone(&gate);
        let handler = Fake::new(move |batch| {
            assert!(batch.len() <= BATCH_MAX);
            assert!(batch.iter().all(|it| it.name.subject() == batch[0].name.subject()));
            let gate = Arc::clone(&inside);
            async move {
                gate.acquire().await.unwrap().forget();
                batch.iter().map(own).collect()
            }
        });
        let coalescer = Coalescer::new(handler.clone());
        let mut calls = Calls(BTreeMap::new());
        let (mut arrived, mut vanished, mut answered) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Arrive { entity, number } => {
                    let delivery = delivery(&format!("V{entity}"), number);
                    let call = Box::pin(coalescer.handle(delivery.clone()));
                    calls.0.insert(arrived, (delivery, call));
                    arrived += 1;
                }
                Step::Vanish(place) => {
                    let keys: Vec<usize> = calls.0.keys().copied().collect();
                    if !keys.is_empty() {
                        calls.0.remove(place.get(&keys));
                        vanished += 1;
                    }
                }
                Step::End => gate.add_permits(1),
            }
            answered += calls.drive();
        }
        gate.add_permits(1_000);
        answered += calls.drive();
        prop_assert_eq!(answered + vanished, arrived);
        prop_assert_eq!(coalescer.subjects(), 0);
        prop_assert!(handler.sizes().len() <= arrived);
    }
}
