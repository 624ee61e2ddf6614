//! A run that is killed at any operation, and run again, comes to the same end.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::Planted;
use emulator::faulty::{Fault, Faulty, When};
use projection::shard::ShardCount;
use store::ErrorKind;

use super::{Place, compact};
use crate::{Mode, Stop};

/// A bucket in which every mode has something to do: some entities are compacted, some have
/// changed, one is gone, the journal has an hour that is over.
async fn begun() -> Place {
    let place = Place::at("2025-11-06T08:30:00Z");
    for id in 0..6 {
        place.write(&format!("V{id}"), Some(id)).await;
    }
    place.compact(Mode::Full(None)).await;
    place.turn("12:30:00");
    place.compact(Mode::Delta).await;
    for id in 4..8 {
        place.write(&format!("V{id}"), Some(100 + id)).await;
    }
    place.write("V1", None).await;
    place.turn("13:30:00");
    place
}

/// What is stored, by name: shards and journal in bytes.
fn end(place: &Place) -> BTreeMap<String, Bytes> {
    place.bucket.objects().into_iter().map(|(name, object)| (name, object.body)).collect()
}

async fn killed_at_any_operation(mode: Mode) {
    let whole = begun().await;
    compact(whole.tools(), mode, Planted::NONE).await.unwrap();
    compact(whole.tools(), mode, Planted::NONE).await.unwrap();
    assert_eq!(whole.lines(), whole.manifests());
    for when in [When::Before, When::After] {
        for at in 0.. {
            let place = begun().await;
            let fault = Fault { at, times: usize::MAX, kind: ErrorKind::Unavailable, when };
            let faulty = Faulty::new(place.bucket.clone(), fault);
            let killed = compact(place.tools_over(faulty.clone()), mode, Planted::NONE).await;
            // Whoever reads at this moment finds everything.
            assert_eq!(place.listed().unwrap(), place.manifests(), "{mode:?}, {at}");
            if !faulty.happened() {
                assert!(at > 10 && killed.is_ok());
                break;
            }
            let stop = killed.unwrap_err();
            assert!(matches!(stop, Stop::Problem(_)), "{stop}");
            let told = stop.to_string();
            assert!(told.ends_with("what is written is not written again"), "{told}");
            compact(place.tools(), mode, Planted::NONE).await.unwrap();
            let last = compact(place.tools(), mode, Planted::NONE).await.unwrap();
            assert_eq!((last.written, last.swapped), (0, false));
            assert_eq!(end(&place), end(&whole), "{mode:?}, {at} {when:?}");
        }
    }
}

#[tokio::test]
async fn a_delta_that_is_killed_at_any_operation() {
    killed_at_any_operation(Mode::Delta).await;
}

#[tokio::test]
async fn a_full_run_that_is_killed_at_any_operation() {
    killed_at_any_operation(Mode::Full(None)).await;
}

#[tokio::test]
async fn a_change_of_the_count_that_is_killed_at_any_operation() {
    killed_at_any_operation(Mode::Full(ShardCount::of(16))).await;
}

#[tokio::test]
async fn one_answer_that_is_lost_is_harmless() {
    for mode in [Mode::Delta, Mode::Full(None), Mode::Full(ShardCount::of(16))] {
        for fault in Fault::all(60) {
            let place = begun().await;
            let faulty = Faulty::new(place.bucket.clone(), fault);
            let ended = compact(place.tools_over(faulty.clone()), mode, Planted::NONE).await;
            assert_eq!(place.listed().unwrap(), place.manifests(), "{mode:?}, {fault:?}");
            if ended.is_err() {
                compact(place.tools(), mode, Planted::NONE).await.unwrap();
            }
            assert_eq!(place.lines(), place.manifests(), "{mode:?}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_again() {
    for mode in super::MODES {
        let mut lost = 0;
        for at in 0..60 {
            let place = begun().await;
            let fault = Fault { at, times: 1, kind: ErrorKind::Conflict, when: When::After };
            let faulty = Faulty::new(place.bucket.clone(), fault);
            let ended = compact(place.tools_over(faulty.clone()), mode, Planted::NONE).await;
            if faulty.happened() && ended.is_ok() {
                lost += 1;
                assert_eq!(place.lines(), place.manifests());
            }
        }
        assert!(lost >= 5, "{mode:?}: {lost}");
    }
}
