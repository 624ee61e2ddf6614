//! Any order and any repetition of events end in the manifest of the last snapshot.

use domain::{Ids as _, Planted};
use emulator::SeededIds;

use super::{agrees, bucket, deliver, write_snapshot, writer};

#[tokio::test(flavor = "current_thread")]
async fn any_order_any_repetition_one_manifest() {
    for seed in 0..500 {
        let ids = SeededIds::new(seed);
        let below = |bound: usize| usize::try_from(ids.random() % bound as u128).unwrap();
        let bucket = bucket();
        let snapshots: Vec<Option<u32>> =
            (0..=below(5)).map(|_| [None, Some(1), Some(2)][below(3)]).collect();
        let (mut events, mut undelivered) = (Vec::new(), Vec::new());
        let mut to_write = snapshots.iter().zip(1..);
        loop {
            // A snapshot is written, or any event is delivered, perhaps not for the first time.
            if events.is_empty() || below(2) == 0 {
                let Some((n, second)) = to_write.next() else { break };
                undelivered.push(events.len());
                events.push(write_snapshot(&bucket, second, *n));
                continue;
            }
            let event = below(events.len());
            deliver(&writer(bucket.clone(), Planted::NONE), &events[event]).await.unwrap();
            undelivered.retain(|waiting| *waiting != event);
        }
        while !undelivered.is_empty() {
            let event = undelivered.swap_remove(below(undelivered.len()));
            deliver(&writer(bucket.clone(), Planted::NONE), &events[event]).await.unwrap();
        }
        let wrong = agrees(&bucket, *snapshots.last().unwrap());
        assert_eq!(wrong, Ok(()), "seed {seed}: {snapshots:?}");
    }
}
